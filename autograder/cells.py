"""Reading notebooks: the one reader for what students hand in and for the reference.

A notebook that was handed in is hostile until shown otherwise, so it is read as plain JSON with
limits on size, number of cells and depth; nothing of it is executed or imported here. Roles of
cells come from nbgrader's grade ids, which `autograder.source` gives by name:

===========  ====================================================================
grade id     role
===========  ====================================================================
setup        ``setup``: imports, locked, executed
shown-ID     ``shown``: a locked demonstration, never executed by the judge
NAME         ``solution``: what a student writes for the exercise NAME
check-NAME   ``check``: locked, carries the points of the exercise NAME
worked-NAME  ``worked``: a locked solution of an earlier assignment
(none)       ``free``: text, and code cells of the student's own
===========  ====================================================================
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from autograder.errors import NotANotebookError, SourceError

MAX_BYTES = 10_000_000
MAX_CELLS = 2_000
MAX_DEPTH = 40

BEGIN_SOLUTION = "### BEGIN SOLUTION"
END_SOLUTION = "### END SOLUTION"
ANSWER = "### ANSWER"
NOTICE = "<!-- Generated from "  # begins the first cell of a reference notebook

# What nbgrader leaves in place of a solution.
STUB = ("# YOUR CODE HERE", "raise NotImplementedError()")
# `    "key": value,  ### ANSWER`; the key is a whole string, since it may hold a colon itself.
ANSWER_LINE = re.compile(
    r"""^(?P<key>\s*(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\s*:\s+)"""
    rf"""(?P<value>.*?)(?P<comma>,?)\s*{re.escape(ANSWER)}\s*$"""
)

Role: TypeAlias = Literal["setup", "shown", "solution", "check", "worked", "free"]
PREFIXES: tuple[Role, ...] = ("shown", "check", "worked")


@dataclass(frozen=True)
class Cell:
    """One cell, as far as the course is concerned.

    Attributes
    ----------
    index : int
        Position in the notebook, from 0.
    kind : str
        ``"code"``, ``"markdown"`` or ``"raw"``.
    source : str
        The text of the cell.
    grade_id : str or None
        nbgrader's name of the cell.
    marks : mapping
        nbgrader's metadata of the cell as they stand in the file: unchecked.
    """

    index: int
    kind: str
    source: str
    grade_id: str | None = None
    marks: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def role(self) -> Role:
        """What the cell is for, told by its grade id."""
        return split_grade_id(self.grade_id)[0]

    @property
    def name(self) -> str:
        """The exercise (or the id of a shown cell); empty for set-up and free cells."""
        return split_grade_id(self.grade_id)[1]


@dataclass(frozen=True)
class Notebook:
    """The cells of a notebook, in order, and the name of its kernel."""

    cells: tuple[Cell, ...]
    kernel: str | None = None

    def __iter__(self) -> Iterator[Cell]:
        return iter(self.cells)

    def code(self) -> tuple[Cell, ...]:
        """Code cells, in order."""
        return tuple(cell for cell in self.cells if cell.kind == "code")

    def by_role(self, role: Role) -> tuple[Cell, ...]:
        """Code cells of one role, in order."""
        return tuple(cell for cell in self.code() if cell.role == role)


def split_grade_id(grade_id: str | None) -> tuple[Role, str]:
    """Return the role and the name that a grade id stands for.

    Examples
    --------
    >>> split_grade_id("check-mul")
    ('check', 'mul')
    """
    if not grade_id:
        return "free", ""
    if grade_id == "setup":
        return "setup", ""
    for prefix in PREFIXES:
        if grade_id.startswith(f"{prefix}-"):
            return prefix, grade_id.removeprefix(f"{prefix}-")
    return "solution", grade_id


# --- what students hand in ------------------------------------------------------------------


def read_notebook(path: Path | str) -> Notebook:
    """Read a notebook file with care.

    Parameters
    ----------
    path : path
        A regular file of at most `MAX_BYTES`; links are not followed.

    Returns
    -------
    Notebook

    Raises
    ------
    NotANotebookError
        With one plain sentence for the student and the TA.
    """
    path = Path(path)
    data = _read_bytes(path)
    return parse_notebook(_parse_json(data, path.name), path.name)


def parse_notebook(content: object, name: str = "the notebook") -> Notebook:
    """Return the cells of a notebook given as parsed JSON (or as nbformat's ``NotebookNode``).

    Notebooks of format 4, with or without cell ids, and of format 3 and 2 are understood.

    Raises
    ------
    NotANotebookError
        If it is something else.
    """
    _require_shallow(content, name)
    if not isinstance(content, Mapping):
        raise NotANotebookError(
            f"{name} is no notebook: expected a JSON object with cells, got {_kind(content)}."
        )
    raw_cells = content.get("cells")
    if raw_cells is None and isinstance(content.get("worksheets"), list):
        raw_cells = [
            cell
            for sheet in content["worksheets"]
            if isinstance(sheet, Mapping) and isinstance(sheet.get("cells"), list)
            for cell in sheet["cells"]
        ]
    if not isinstance(raw_cells, list):
        raise NotANotebookError(f"{name} is no notebook: it has no list of cells.")
    if len(raw_cells) > MAX_CELLS:
        raise NotANotebookError(
            f"{name} has {len(raw_cells)} cells; at most {MAX_CELLS} are accepted."
        )
    cells = tuple(_cell(index, raw, name) for index, raw in enumerate(raw_cells))
    metadata = content.get("metadata")
    spec = metadata.get("kernelspec") if isinstance(metadata, Mapping) else None
    kernel = spec.get("name") if isinstance(spec, Mapping) else None
    return Notebook(cells, kernel if isinstance(kernel, str) else None)


def _read_bytes(path: Path) -> bytes:
    """Read a regular file of bounded size, without following a link and without blocking."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    flags |= getattr(os, "O_BINARY", 0)
    if path.is_symlink():
        raise NotANotebookError(f"{path.name} is a link to another file; hand in the file itself.")
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise NotANotebookError(f"{path.name} cannot be opened: {reason}.") from error
    size = _size_of_file(descriptor)
    if size is None:
        os.close(descriptor)
        raise NotANotebookError(f"{path.name} is no ordinary file.")
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(MAX_BYTES + 1) if size <= MAX_BYTES else b""
    if size > MAX_BYTES or len(data) > MAX_BYTES:
        raise NotANotebookError(
            f"{path.name} has more than {MAX_BYTES // 1_000_000} MB. "
            "Clear all outputs, save, and hand in again."
        )
    return data


def _size_of_file(descriptor: int) -> int | None:
    """Return the size of a regular file, None for anything else."""
    status = os.fstat(descriptor)
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _parse_json(data: bytes, name: str) -> object:
    if not data.strip():
        raise NotANotebookError(f"{name} is empty.")
    try:
        return json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise NotANotebookError(f"{name} is no notebook: it is not UTF-8 text.") from error
    except json.JSONDecodeError as error:
        raise NotANotebookError(
            f"{name} is no notebook: it is not JSON (line {error.lineno}: {error.msg})."
        ) from error
    except (ValueError, RecursionError) as error:  # endless digits; brackets without end
        raise NotANotebookError(f"{name} is no notebook: its JSON cannot be read.") from error


def _require_shallow(content: object, name: str) -> None:
    """Refuse JSON nested deeper than any notebook, without recursion."""
    stack: list[tuple[object, int]] = [(content, 0)]
    while stack:
        value, depth = stack.pop()
        children: list[Any] = []
        if isinstance(value, Mapping):
            children = list(value.values())
        elif isinstance(value, list):
            children = value
        if children and depth >= MAX_DEPTH:
            raise NotANotebookError(
                f"{name} is no notebook: its JSON is nested more than {MAX_DEPTH} levels deep."
            )
        stack.extend((child, depth + 1) for child in children if isinstance(child, Mapping | list))


def _cell(index: int, raw: object, name: str) -> Cell:
    """Read one cell; odd metadata are no reason to refuse what a student wrote."""
    if not isinstance(raw, Mapping):
        raise NotANotebookError(
            f"{name} is no notebook: cell {index + 1} is {_kind(raw)} instead of an object."
        )
    kind = raw.get("cell_type")
    text = raw.get("source", raw.get("input", ""))  # "input" until format 3
    if isinstance(text, list):
        text = "".join(line for line in text if isinstance(line, str))
    if not isinstance(text, str):
        text = ""
    metadata = raw.get("metadata")
    own = metadata.get("nbgrader") if isinstance(metadata, Mapping) else None
    grade_id = own.get("grade_id") if isinstance(own, Mapping) else None
    return Cell(
        index=index,
        kind=kind if kind in ("code", "raw") else "markdown",
        source=writable(text),
        grade_id=writable(grade_id) if isinstance(grade_id, str) and grade_id else None,
        marks=own if isinstance(own, Mapping) else {},
    )


def writable(text: str) -> str:
    """Replace lone surrogates, which no file and no pipe can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def printable(text: str) -> str:
    """Replace whatever a terminal would obey or could not show: for names and other one-liners."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _kind(value: object) -> str:
    words = {dict: "an object", list: "a list", str: "a text", type(None): "null"}
    return words.get(type(value), "a number")


# --- the reference --------------------------------------------------------------------------


def solution_cells(path: Path | str) -> dict[str, str]:
    """Return the reference solutions of a text source or a reference notebook, by exercise.

    The reference comes in by the student's door: a text source is turned into a notebook and then
    read like any submission. nbgrader's markers are removed.

    Parameters
    ----------
    path : path
        ``solutions/NAME.py`` (jupytext, py:percent) or ``solutions/NAME/NAME.ipynb``.

    Returns
    -------
    dict
        Name of the exercise -> code of its solution cell, in the order of the notebook.

    Raises
    ------
    NotANotebookError, SourceError
        If the file cannot be read, or has two solution cells of the same name.
    """
    path = Path(path)
    notebook = read_source(path) if path.suffix == ".py" else read_notebook(path)
    solutions: dict[str, str] = {}
    for cell in notebook.by_role("solution"):
        if cell.name in solutions:
            raise SourceError(
                f"{path.name}, cell {cell.index + 1}: a second solution cell of the exercise "
                f"'{cell.name}'. Every exercise has one; give this one a name of its own."
            )
        solutions[cell.name] = without_markers(cell.source)
    return solutions


def read_source(path: Path) -> Notebook:
    """Read a text source (py:percent) as a notebook whose cells have their grade ids."""
    return parse_notebook(
        {
            "cells": [
                {
                    "cell_type": cell["cell_type"],
                    "source": cell["source"],
                    "metadata": {"nbgrader": {"grade_id": grade_id(cell["metadata"])}},
                }
                for cell in read_percent(path)
            ]
        },
        path.name,
    )


def read_percent(path: Path) -> list[Any]:
    """Return the cells of a py:percent file as jupytext reads them.

    Raises
    ------
    SourceError
        If the file is missing or no UTF-8 text.
    """
    import jupytext  # slow to import, and only needed here

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path.name}: cannot be read as UTF-8 text ({error}).") from error
    cells: list[Any] = jupytext.reads(text, fmt="py:percent").cells
    return cells


def grade_id(markers: Mapping[str, Any]) -> str | None:
    """Return the grade id of a cell of a text source, from its markers ``role="..." ...``."""
    role = markers.get("role")
    if role == "setup":
        return "setup"
    if role == "shown":
        return f"shown-{markers.get('id', '')}"
    if role == "solution":
        return str(markers.get("exercise", "")) or None
    if role == "check":
        return f"check-{markers.get('exercise', '')}"
    return None


def without_markers(code: str) -> str:
    """Remove the lines ``### BEGIN/END SOLUTION`` and the comments ``### ANSWER``."""
    kept = [
        re.sub(rf"\s*{re.escape(ANSWER)}\s*$", "", line)
        for line in code.split("\n")
        if line.strip() not in (BEGIN_SOLUTION, END_SOLUTION)
    ]
    return "\n".join(kept)


def hide_answers(code: str) -> str:
    """Return a solution cell as a student gets it.

    The region between the markers becomes nbgrader's stub; in a dict of values, each line that
    ends in ``### ANSWER`` keeps its key and loses its value.

    Examples
    --------
    >>> hide_answers('    "dy/du": 17,  ### ANSWER')
    '    "dy/du": ...,'
    """
    lines: list[str] = []
    inside = False
    for line in code.split("\n"):
        if line.strip() == BEGIN_SOLUTION:
            inside = True
            indent = line[: len(line) - len(line.lstrip())]
            lines += [f"{indent}{stub}" for stub in STUB]
        elif line.strip() == END_SOLUTION:
            inside = False
        elif not inside:
            lines.append(ANSWER_LINE.sub(r"\g<key>...\g<comma>", line))
    return "\n".join(lines)


def without_notice(text: str) -> str:
    """Remove the comment that tells staff what a reference notebook is made from."""
    if not text.startswith(NOTICE):
        return text
    return text.split("-->", 1)[1].lstrip("\n")
