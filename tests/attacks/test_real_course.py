"""The exercises of the real course cannot be answered by what the package knows."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from attacks.real_course import DELAYS, FIRST, HEISTS, ORACLES, Heist
from attacks.test_attacks import DELAY, LIMITS, levels_here
from autograder.cells import Notebook, parse_notebook, solution_cells
from autograder.course import COURSE, ROOT
from autograder.judge import Judge
from autograder.process import Limits

pytestmark = pytest.mark.attack

PATIENT = Limits(submission=30.0)
NAMED = {
    "backpropagate": "the engine's own algorithm",
    "norm_squared": "declared forward rule",
    "regularised_hinge": "without building a graph",
}


def solved(assignment: str, **answers: str) -> Notebook:
    """The released notebook with the reference solutions, but for `answers`."""
    content = json.loads(COURSE.assignment(assignment).read_text(encoding="utf-8"))
    filled = solution_cells(COURSE.source(assignment)) | answers
    for cell in content["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if name in filled:
            cell["source"] = filled[name]
    return parse_notebook(content)


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    levels_here()
    with Judge(COURSE, PATIENT) as judge:
        yield judge


def name_of(heist: Heist) -> str:
    return f"{heist.exercise}: {heist.name}"


def judged(judge: Judge, heist: Heist) -> None:
    """Judge it: it gets what is said, and the other exercises of the notebook all their points."""
    notebook = solved(heist.assignment, **{heist.exercise: heist.cell})
    verdict = judge.verdict(notebook, heist.assignment)
    assert verdict[heist.exercise].score == pytest.approx(heist.earned)
    others = [one for one in verdict.exercises if one.name != heist.exercise]
    assert [one.name for one in others if one.score != one.points] == []


@pytest.mark.parametrize("heist", HEISTS, ids=name_of)
def test_a_truth_is_not_found_in_the_package(heist: Heist, judge: Judge) -> None:
    judged(judge, heist)


@pytest.mark.parametrize("heist", ORACLES, ids=name_of)
def test_what_the_engine_gives_away_is_named_in_security_md(heist: Heist, judge: Judge) -> None:
    judged(judge, heist)
    page = " ".join((ROOT / "SECURITY.md").read_text(encoding="utf-8").split())
    assert NAMED[heist.exercise] in page


@pytest.mark.parametrize("name", DELAYS)
def test_nobody_takes_longer_than_the_deadline(name: str) -> None:
    levels_here()
    with Judge(COURSE, LIMITS) as judge:
        full = judge.verdict(solved(FIRST), FIRST)
        assert full.score == full.points
        begun = time.monotonic()
        verdict = judge.verdict(solved(FIRST, **DELAYS[name]), FIRST)
        assert time.monotonic() - begun <= LIMITS.submission + DELAY
        for one in verdict.exercises:
            assert one.score == (0.0 if one.name in DELAYS[name] else one.points)
        after = judge.verdict(solved(FIRST), FIRST)
        assert after.score == after.points
