"""From the list of drawings to a page and its pictures, byte for byte the same each time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from autograder.cells import read_notebook, solution_cells
from autograder.course import COURSE
from course_autograd import Tensor, draw, reset_rules
from course_autograd.pictures import Drawing
from docs.gallery.lectures import LECTURES, Picture

FOLDER = Path(__file__).resolve().parents[1]
HEAD = """\
# The lectures' drawings

Every drawing of the four lectures, drawn by `draw` from a graph that has really been computed:
numbers, shapes and gradients are those of the course's own engine with the reference rules. Where a
notebook draws it for the student, the cell is named. This page and its pictures are made by
`python -m docs.gallery --write`; a test holds them up to date. The networks at the end have their
true structure, with tiny pictures and few channels.
"""


def register_references() -> None:
    """Register the reference solution of every exercise, by the door that students use."""
    names: dict[str, Any] = {"__name__": "reference"}
    for assignment in COURSE.names():
        path = COURSE.reference(assignment)
        setup = [cell.source for cell in read_notebook(path).by_role("setup")]
        for source in (*setup, *solution_cells(path).values()):
            exec(source, names)


def drawing_of(picture: Picture) -> Drawing:
    """Compute, go back where the drawing has gradients, and draw."""
    result: Tensor = picture.make()
    if picture.backward:
        result.backward()
    return draw(result)


def rendered() -> dict[str, str]:
    """Return all files by their path in this folder."""
    try:
        register_references()
        drawings = {picture.name: drawing_of(picture) for picture in LECTURES}
    finally:
        reset_rules()
    files = {f"pictures/{name}.svg": drawing.svg + "\n" for name, drawing in drawings.items()}
    files["drawings.md"] = "\n".join([HEAD, *_sections(drawings)])
    return files


def _sections(drawings: Mapping[str, Drawing]) -> Iterator[str]:
    for lecture, pictures in groupby(LECTURES, key=lambda one: one.lecture):
        yield f"## {lecture}\n"
        for picture in pictures:
            yield f"### {picture.shows[:1].upper()}{picture.shows[1:]}\n"
            alt = drawings[picture.name].alt.replace("[", "(").replace("]", ")")
            yield f"![{alt}](pictures/{picture.name}.svg)\n"
            if picture.notebook:
                assignment, cell = picture.notebook.split(": ")
                yield f"In assignment `{assignment}`, cell `{cell}`.\n"


def differences(files: Mapping[str, str]) -> list[str]:
    """Return the paths of files that are missing, different, or there without being rendered."""
    there = {f"pictures/{path.name}" for path in (FOLDER / "pictures").glob("*.svg")}
    different = [
        name
        for name, text in files.items()
        if not (FOLDER / name).exists() or (FOLDER / name).read_text(encoding="utf-8") != text
    ]
    return [*different, *sorted(there - files.keys())]
