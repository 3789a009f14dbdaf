"""Reading notebooks: hostile files get one plain sentence; solutions come out clean."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tiny_course import tiny_course

from autograder import cells
from autograder.cells import hide_answers, parse_notebook, read_notebook, solution_cells
from autograder.errors import NotANotebookError, SourceError


def code(source: Any, grade_id: Any = None) -> dict[str, Any]:
    metadata = {} if grade_id is None else {"nbgrader": {"grade_id": grade_id}}
    return {"cell_type": "code", "source": source, "metadata": metadata}


def notebook(*given: Any) -> dict[str, Any]:
    return {"cells": list(given), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def written(tmp_path: Path, content: object, name: str = "handed.ipynb") -> Path:
    path = tmp_path / name
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("grade_id", "role", "name"),
    [
        ("setup", "setup", ""),
        ("shown-draw-goal", "shown", "draw-goal"),
        ("mul", "solution", "mul"),
        ("check-mul", "check", "mul"),
        ("worked-mul", "worked", "mul"),
        (None, "free", ""),
        ("", "free", ""),
        (["mul"], "free", ""),
    ],
)
def test_a_grade_id_tells_the_role(grade_id: object, role: str, name: str) -> None:
    (cell,) = parse_notebook(notebook(code("x", grade_id)))
    assert (cell.role, cell.name) == (role, name)


def test_cells_keep_their_order_and_their_text(tmp_path: Path) -> None:
    path = written(tmp_path, notebook(code(["a = 1\n", "b = 2"]), code("c\u2202 = 3", "mul")))
    read = read_notebook(path)
    assert [cell.source for cell in read] == ["a = 1\nb = 2", "c\u2202 = 3"]
    assert [cell.index for cell in read.by_role("solution")] == [1]


def test_only_code_cells_have_solutions() -> None:
    cell = code("text", "mul") | {"cell_type": "markdown"}
    assert parse_notebook(notebook(cell)).by_role("solution") == ()


def test_notebooks_of_format_3_are_read() -> None:
    cell = {"cell_type": "code", "input": "x = 1", "metadata": {"nbgrader": {"grade_id": "mul"}}}
    old = {"nbformat": 3, "metadata": {}, "worksheets": [{"cells": [cell]}]}
    (read,) = parse_notebook(old).by_role("solution")
    assert read.source == "x = 1"


@pytest.mark.parametrize(
    "odd",
    [
        {"cell_type": "code"},
        {"cell_type": "code", "source": 7, "metadata": "none"},
        {"cell_type": "code", "source": [1, None], "metadata": {"nbgrader": []}},
        {"cell_type": "code", "source": "", "metadata": {"nbgrader": {"grade_id": {}}}},
    ],
)
def test_odd_cells_count_as_empty(odd: dict[str, Any]) -> None:
    (cell,) = parse_notebook(notebook(odd))
    assert (cell.source, cell.role) == ("", "free")


def test_lone_surrogates_are_replaced() -> None:
    (cell,) = parse_notebook(notebook(code("s = '\ud800'")))
    assert cell.source.encode("utf-8")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n ", "is empty"),
        (b"hello", "not JSON (line 1"),
        (b'{"cells": [', "not JSON"),
        ('{"cells": []}'.encode("utf-16"), "not UTF-8"),
        (b"%PDF-1.7 \xff\xfe", "not UTF-8"),
        ([1, 2], "expected a JSON object with cells, got a list"),
        (7, "got a number"),
        ({"metadata": {}}, "has no list of cells"),
        ({"cells": "many"}, "has no list of cells"),
        ({"cells": ["x"]}, "cell 1 is a text"),
        (b'{"cells": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "cannot be read"),
        (b'{"cells": ' + b"[" * 100 + b"]" * 100 + b"}", "levels deep"),
        (b'{"cells": ' + b"9" * 10_000 + b"}", "cannot be read"),
        (notebook(*[code("")] * 2001), "has 2001 cells; at most 2000"),
    ],
)
def test_what_is_no_notebook_is_said_in_one_sentence(
    tmp_path: Path, content: object, words: str
) -> None:
    with pytest.raises(NotANotebookError) as caught:
        read_notebook(written(tmp_path, content))
    message = str(caught.value)
    assert message.startswith("handed.ipynb")
    assert words in message
    assert "\n" not in message


def test_a_byte_order_mark_is_no_obstacle(tmp_path: Path) -> None:
    path = written(tmp_path, b"\xef\xbb\xbf" + json.dumps(notebook(code("x"))).encode())
    assert len(read_notebook(path).cells) == 1


def test_a_file_of_many_megabytes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "MAX_BYTES", 1_000_000)
    with pytest.raises(NotANotebookError, match="more than 1 MB"):
        read_notebook(written(tmp_path, b" " * 1_000_001))


def test_links_pipes_folders_and_nothing_are_refused(tmp_path: Path) -> None:
    real = written(tmp_path, notebook(code("the reference")))
    link = tmp_path / "link.ipynb"
    link.symlink_to(real)
    with pytest.raises(NotANotebookError, match="is a link to another file"):
        read_notebook(link)
    os.mkfifo(tmp_path / "pipe.ipynb")
    with pytest.raises(NotANotebookError, match="no ordinary file"):
        read_notebook(tmp_path / "pipe.ipynb")
    (tmp_path / "folder.ipynb").mkdir()
    with pytest.raises(NotANotebookError, match=r"folder\.ipynb"):
        read_notebook(tmp_path / "folder.ipynb")
    with pytest.raises(NotANotebookError, match="cannot be opened: No such file"):
        read_notebook(tmp_path / "nothing.ipynb")


# --- the reference --------------------------------------------------------------------------


def test_solutions_come_out_without_markers(tmp_path: Path) -> None:
    course = tiny_course(tmp_path)
    solutions = solution_cells(course.source("01_chain_rule"))
    assert list(solutions) == ["mul", "branches"]
    assert "###" not in "".join(solutions.values())
    assert "    return grad_output * y, grad_output * x" in solutions["mul"]
    made: dict[str, Any] = {}
    exec(solutions["branches"], made)
    assert made["branches"] == {"x(x+1): dy/du": 17, "(ax+b)²: df/dx": 28}


def test_two_solution_cells_of_one_name_are_an_error(tmp_path: Path) -> None:
    course = tiny_course(tmp_path)
    source = course.source("02_sigmoid")
    text = source.read_text(encoding="utf-8")
    source.write_text(text + '\n# %% role="solution" exercise="exp"\nx = 1\n', encoding="utf-8")
    with pytest.raises(SourceError, match="a second solution cell of the exercise 'exp'"):
        solution_cells(source)


@pytest.mark.parametrize(
    ("line", "student"),
    [
        ('    "q": 3,  ### ANSWER', '    "q": ...,'),
        ('    "x(x+1): dy/du": 17,  ### ANSWER', '    "x(x+1): dy/du": ...,'),
        ("    'same value': True,  ### ANSWER", "    'same value': ...,"),
        ('    "entries": 4096**2,  ### ANSWER', '    "entries": ...,'),
        ('    "last": (1, 2)  ### ANSWER', '    "last": ...'),
        ('    "given": 3,', '    "given": 3,'),
    ],
)
def test_values_keep_their_keys_and_lose_their_answers(line: str, student: str) -> None:
    assert hide_answers(line) == student
