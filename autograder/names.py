"""Finding the names of cells again, where a program has removed them all.

Some editors and converters write notebooks without the metadata of cells. What was handed out is
known, so the locked cells can be told by their text, and an answer by its place between them. Only
a notebook without a single name is treated so: where some are left, the others are new cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from typing import Any

from autograder.cells import Cell, Notebook, parse_notebook

ENOUGH = 0.5  # of the locked cells that carry a name have to be there, word for word


def with_names(notebook: Notebook, released: Mapping[str, Any]) -> Notebook:
    """Return the notebook with the names of its cells, where it had lost them all.

    Parameters
    ----------
    notebook : Notebook
        What was handed in.
    released : mapping
        The released notebook as parsed JSON.

    Returns
    -------
    Notebook
        The same one, if a cell has a name, or it is not enough like the released one.
    """
    original = parse_notebook(released)
    known = {cell.grade_id for cell in original if cell.grade_id}
    if known & {cell.grade_id for cell in notebook}:
        return notebook
    names = _found(list(original), list(notebook))
    locked = {cell.grade_id for cell in original if cell.grade_id and cell.role != "solution"}
    if (
        len(locked & {cell.grade_id for cell in names.values()}) < ENOUGH * len(locked)
        or not locked
    ):
        return notebook
    return Notebook(
        tuple(
            replace(cell, grade_id=names[i].grade_id, marks=names[i].marks) if i in names else cell
            for i, cell in enumerate(notebook)
        ),
        notebook.kernel,
    )


def _found(original: Sequence[Cell], given: Sequence[Cell]) -> dict[int, Cell]:
    """Return for positions in `given` the original cell that stands there."""
    known, seen = ([(one.kind, one.source.strip()) for one in cells] for cells in (original, given))
    matcher = SequenceMatcher(None, known, seen, autojunk=False)
    found: dict[int, Cell] = {}
    for kind, begin, end, first, last in matcher.get_opcodes():
        if kind == "equal":
            pairs = zip(range(first, last), original[begin:end], strict=True)
            found.update({i: cell for i, cell in pairs if cell.grade_id})
        elif kind == "replace":
            asked = [cell for cell in original[begin:end] if cell.role == "solution"]
            answers = [i for i in range(first, last) if given[i].kind == "code"]
            found.update(_paired(asked, answers, given))
    return found


def _paired(asked: Sequence[Cell], answers: list[int], given: Sequence[Cell]) -> dict[int, Cell]:
    """Pair the answer cells of one gap with what stands there: in order, or by likeness."""
    if len(asked) == len(answers):
        return dict(zip(answers, asked, strict=True))
    found: dict[int, Cell] = {}
    for cell in asked:
        left = [i for i in answers if i not in found]
        if left:
            found[max(left, key=lambda i: _likeness(cell.source, given[i].source))] = cell
    return found


def _likeness(stub: str, answer: str) -> float:
    return SequenceMatcher(None, stub[:2000], answer[:2000], autojunk=False).ratio()
