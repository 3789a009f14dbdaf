"""Every drawing of the lectures has its counterpart, without a crossing, and the page is true."""

from __future__ import annotations

import re

import pytest

from autograder.cells import read_notebook
from autograder.course import COURSE
from docs.gallery.lectures import LECTURES, Picture
from docs.gallery.render import differences, drawing_of, rendered

TITLES = [picture.name for picture in LECTURES]


def test_page_and_pictures_are_up_to_date() -> None:
    assert differences(rendered()) == [], "run python -m docs.gallery --write"


def test_names_are_unique() -> None:
    assert len(set(TITLES)) == len(TITLES)


@pytest.mark.parametrize("picture", LECTURES, ids=TITLES)
def test_no_drawing_of_the_lectures_has_a_crossing(picture: Picture, reference_rules: None) -> None:
    assert drawing_of(picture).scene.crossings == 0


@pytest.mark.parametrize("picture", [one for one in LECTURES if one.notebook], ids=lambda p: p.name)
def test_the_notebook_draws_what_the_page_says(picture: Picture) -> None:
    assignment, cell = picture.notebook.split(": ")
    cells = read_notebook(COURSE.reference(assignment)).code()
    sources = {one.name: one.source for one in cells if one.role == "shown"}
    assert re.search(r"\b(draw|step)\(", sources[cell]), sorted(sources)
