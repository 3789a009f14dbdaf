"""The four notebooks in Jupyter's own kernel, as a student runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from autograder.cells import solution_cells
from autograder.course import COURSE
from autograder.sample_class import fill, grade_id

pytestmark = pytest.mark.slow


def execute(notebook: dict[str, Any], folder: Path, *flags: str) -> dict[str, Any]:
    """Run a notebook from top to bottom with ``jupyter nbconvert --execute``."""
    path = folder / "notebook.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    command = [sys.executable, "-m", "jupyter", "nbconvert", "--execute", "--to", "notebook"]
    done = subprocess.run(
        [*command, "--inplace", *flags, str(path)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    executed: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return executed


def released(name: str) -> dict[str, Any]:
    notebook: dict[str, Any] = json.loads(COURSE.assignment(name).read_text(encoding="utf-8"))
    return notebook


def outputs(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [output for cell in notebook["cells"] for output in cell.get("outputs", [])]


@pytest.mark.parametrize("name", COURSE.names())
def test_a_filled_in_notebook_runs_clean_and_every_check_says_right(
    name: str, tmp_path: Path
) -> None:
    done = execute(fill(released(name), solution_cells(COURSE.reference(name))), tmp_path)
    assert not [output for output in outputs(done) if output["output_type"] == "error"]
    assert not [output for output in outputs(done) if output.get("name") == "stderr"]
    checks = [cell for cell in done["cells"] if grade_id(cell).startswith("check-")]
    assert len(checks) == len(solution_cells(COURSE.reference(name)))
    for cell in checks:
        report = "".join("".join(output["text"]) for output in cell["outputs"])
        assert "right" in report.splitlines()[0]


@pytest.mark.parametrize("name", COURSE.names())
def test_an_untouched_notebook_says_kindly_what_is_open(name: str, tmp_path: Path) -> None:
    done = execute(released(name), tmp_path, "--allow-errors")
    for cell in done["cells"]:
        if grade_id(cell).startswith("check-"):
            errors = [o for o in cell["outputs"] if o["output_type"] == "error"]
            assert [error["ename"] for error in errors] == ["CheckFailed"]
            assert len(errors[0]["traceback"]) == 1
