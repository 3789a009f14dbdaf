"""Right answers are never rejected, however they are put."""

from __future__ import annotations

from itertools import zip_longest

import numpy as np
import pytest

from autograder.cells import Cell, Notebook
from autograder.judge import Judge
from autograder.soundness.alternatives import AT_LEAST, __main__, alternatives, split
from autograder.soundness.alternatives.trial import (
    CHUNK,
    Chunk,
    Rejection,
    chunks,
    cores,
    judging,
    of_answer,
    rejections,
    rows,
    table,
    work,
)
from autograder.soundness.answers import Answer, enter
from course_autograd.exercises import exercises, find

EVERY = [*alternatives()]
SAMPLE = 200  # seeds


def test_each_exercise_has_the_reference_and_at_least_five_others() -> None:
    assert [*exercises()] == EVERY
    for answers in alternatives().values():
        assert answers[0].label == "the reference"
        assert len({answer.code for answer in answers}) >= 1 + AT_LEAST
        assert len({answer.label for answer in answers}) == len(answers)


@pytest.mark.parametrize("name", EVERY)
def test_no_right_answer_is_rejected(name: str) -> None:
    seeds = 1 if find(name).kind == "values" else 5
    assert rejections(Chunk(name, range(seeds))) == []


@pytest.mark.slow
def test_no_right_answer_is_rejected_in_a_large_sample() -> None:
    """In full, with 1,000 seeds, by ``python -m autograder.soundness.alternatives``."""
    found = [one for _, some in work(chunks(EVERY, SAMPLE), cores()) for one in some]
    assert found == []


def graded_together() -> list[tuple[str, int]]:
    """Return as many notebooks as the longest list of right answers needs, per assignment."""
    return [
        (assignment, number)
        for assignment in dict.fromkeys(one.assignment for one in exercises().values())
        for number in range(max(len(alternatives()[name]) for name in of(assignment)))
    ]


def of(assignment: str) -> list[str]:
    return [one.name for one in exercises().values() if one.assignment == assignment]


@pytest.mark.slow
@pytest.mark.parametrize(("assignment", "number"), graded_together())
def test_the_grader_gives_full_points(assignment: str, number: int) -> None:
    with Judge() as judge:
        order = [*judge.plan(assignment).points]
        chosen = [
            alternatives()[name][min(number, len(alternatives()[name]) - 1)] for name in order
        ]
        cells = [
            Cell(index, "code", answer.code, answer.exercise) for index, answer in enumerate(chosen)
        ]
        verdict = judge.verdict(Notebook(tuple(cells)), assignment, seed=number)
    lost = [(one.name, one.where) for one in verdict.exercises if one.score < one.points]
    assert lost == []
    assert verdict.notes == ()


# --- the command, and that it can fail -------------------------------------------------------


def test_a_wrong_answer_among_them_would_show() -> None:
    wrong = Answer(
        "negate",
        "the sign forgotten",
        "@backward_of(ops.negate)\ndef negate_backward(ctx, g):\n    return (g,)\n",
    )
    exercise = find("negate")
    asked = [(seed, exercise.cases(np.random.default_rng(seed))) for seed in range(2)]
    found = of_answer(exercise, wrong, asked)
    assert [one.seed for one in found] == [0, 1]
    assert "negate: not yet" in found[0].why


@pytest.mark.parametrize("label", ["the reference", "ties to both"])
def test_measuring_once_changes_no_verdict(label: str) -> None:
    wrong = """
@backward_of(ops.maximum)
def maximum_backward(ctx, grad_output):
    x, y = ctx
    return grad_output * (x >= y), grad_output * (y >= x)
"""
    answer = Answer("maximum", label, wrong)
    found = enter(alternatives()["maximum"][0] if label == "the reference" else answer)
    plain, fast = find("maximum"), judging("maximum")
    for case in plain.cases(np.random.default_rng(0)):
        seen = plain.run(found, case)
        for _ in range(2):
            assert fast.judge(case, seen).passed == plain.judge(case, seen).passed


def test_a_cell_without_the_answer_would_show() -> None:
    exercise = find("mul")
    asked = [(3, exercise.cases(np.random.default_rng(3)))]
    found = of_answer(exercise, Answer("mul", "nothing", "x = 1"), asked)
    assert [(one.seed, one.why) for one in found] == [(3, "the cell has no answer")]


def test_the_table_counts_rejections_and_shows_the_first() -> None:
    found = rejections_of_a_made_up_answer()
    lines = table(rows(["negate"], found, 2))
    assert any(line.split()[-2:] == ["2", "1"] for line in lines)
    assert any("seed 1: made up" in line for line in lines)
    assert lines[-1].endswith("1 rejections.")


def rejections_of_a_made_up_answer() -> list[Rejection]:
    return [Rejection("negate", alternatives()["negate"][1].label, 1, "made up")]


def test_work_is_cut_into_the_same_pieces_everywhere_and_values_are_asked_once() -> None:
    pieces = chunks(["exp", "by_hand"], 2 * CHUNK + 1)
    assert [(one.exercise, one.seeds) for one in pieces] == [
        ("exp", range(CHUNK)),
        ("exp", range(CHUNK, 2 * CHUNK)),
        ("exp", range(2 * CHUNK, 2 * CHUNK + 1)),
        ("by_hand", range(1)),
    ]


def test_the_command_prints_one_row_per_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["negate", "--seeds", "1", "--jobs", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for answer, line in zip_longest(alternatives()["negate"], lines[1:-2]):
        assert line.startswith("negate")
        assert answer.label in line
    assert lines[-1].endswith("0 rejections.")


def test_cells_are_told_apart_by_their_first_lines() -> None:
    answers = split("\n# %% a: one way\nx = 1\n\n# %% b: another: way\ny = 2\n")
    assert answers == [Answer("a", "one way", "x = 1\n"), Answer("b", "another: way", "y = 2\n")]
