"""The four notebooks as they are handed out: what they list, and how they run before any answer."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

from autograder.course import COURSE
from course_autograd.errors import CheckFailed, UndoneExerciseError

NAMES = COURSE.names()


def code_cells(path: Path) -> dict[str, Any]:
    """Return the code cells of a notebook by id, in order."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return {cell["id"]: cell for cell in cells if cell["cell_type"] == "code"}


def source_of(cell: Any) -> str:
    return "".join(cell["source"])


@pytest.mark.parametrize("name", NAMES)
def test_the_closing_cell_lists_the_check_cells_with_their_points_in_order(name: str) -> None:
    cells = code_cells(COURSE.assignment(name))
    (listed,) = [
        ast.literal_eval(node.value)
        for node in ast.walk(ast.parse(source_of(cells["shown-progress"])))
        if isinstance(node, ast.Assign)
    ]
    graded = {
        key.removeprefix("check-"): cell["metadata"]["nbgrader"]["points"]
        for key, cell in cells.items()
        if key.startswith("check-")
    }
    assert list(listed.items()) == list(graded.items())
    assert f'progress("{name}", globals(), points=points)' in source_of(cells["shown-progress"])


@pytest.mark.parametrize("name", NAMES)
def test_what_the_package_offers_is_not_copied_into_cells(name: str) -> None:
    defined = {
        node.name
        for cell in code_cells(COURSE.assignment(name)).values()
        for node in ast.walk(ast.parse(source_of(cell)))
        if isinstance(node, ast.FunctionDef)
    }
    assert not defined & {"tell", "show", "ready", "draw", "check"}


def run_all(
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    path: Path | None = None,
    replaced: Mapping[str, str] | None = None,
) -> tuple[dict[str, Any], dict[str, Exception]]:
    """Run all cells as a notebook does that goes on after errors; return names and errors."""
    monkeypatch.setitem(mpl.rcParams, "backend", "agg")
    names: dict[str, Any] = {"__name__": "__main__", "display": lambda *_: None}
    errors: dict[str, Exception] = {}
    for key, cell in code_cells(path or COURSE.assignment(name)).items():
        source = (replaced or {}).get(key, source_of(cell))
        try:
            exec(compile(source, f"<{key}>", "exec"), names)
        except Exception as error:
            errors[key] = error
    return names, errors


@pytest.mark.parametrize("name", NAMES)
def test_before_any_answer_cells_say_what_is_missing_and_never_stumble(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names, errors = run_all(name, monkeypatch)
    for key, error in errors.items():
        kind = CheckFailed if key.startswith("check-") else UndoneExerciseError
        assert type(error) is kind, (key, repr(error))
    assert all(f"check-{one}" in errors for one in names["points"])
    total = sum(names["points"].values())
    assert f"0 of {total:g} points" in capsys.readouterr().out


def test_a_cell_that_needs_a_function_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_all("04_mlp", monkeypatch)
    text = capsys.readouterr().out
    assert "This cell needs your relu. Write the class relu" in text
    assert "This cell needs your hinge." in text
    assert "There are no curves yet: the training above comes first." in text
    assert "There is nothing to test yet" in text


def test_a_failed_training_leaves_a_sentence_in_place_of_the_picture(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, errors = run_all("03_norm_squared", monkeypatch)
    assert "shown-train-linear" in errors
    assert "shown-picture-weights" not in errors
    assert "There are no weights yet" in capsys.readouterr().out

    nothing = "def train_step(model, optimizer, loss, x, y):\n    return None"
    stub = "def regularised_hinge(x, W, labels, lam):\n    raise NotImplementedError()"
    cells = {"train_step": nothing, "regularised_hinge": stub}
    _, errors = run_all("04_mlp", monkeypatch, COURSE.reference("04_mlp"), cells)
    shown = [key for key in errors if key.startswith("shown-")]
    assert shown == ["shown-train"]  # the mean of nothing
    assert not any(isinstance(error, NameError) for error in errors.values())
    text = capsys.readouterr().out
    assert "There are no curves yet: the training above comes first." in text
    assert "This cell needs your regularised_hinge." in text
