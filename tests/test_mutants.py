"""Every mutant of a reference is caught, or the reason why it is right is written down."""

from __future__ import annotations

import ast

import pytest

from autograder.soundness.answers import Answer, graded, reference, tried
from autograder.soundness.mutants import (
    EQUIVALENT,
    PAGE,
    Outcome,
    all_mutants,
    complaints,
    explained,
    mutants_of,
    outcomes,
    page,
    sample,
    slips,
)
from autograder.soundness.mutate import mutants
from autograder.soundness.styles import STYLES, Style, accepted, applies, runs
from course_autograd.exercises import exercises

OPERATIONS = [name for name in exercises() if applies(name)]

# --- making mutants -------------------------------------------------------------------------------

RULE = '''
@backward_of(ops.mul)
def mul_backward(ctx, grad_output):
    """z = x * y."""
    x, y = ctx
    if x.ndim > 1:
        grad_output = grad_output.sum(axis=0)
    return grad_output * y, -x.T
'''


@pytest.mark.parametrize(
    "line",
    [
        "    y, x = ctx",
        "    return (grad_output + y, -x.T)",
        "    return (grad_output, -x.T)",
        "    return (grad_output * x, -x.T)",
        "    return (-x.T, grad_output * y)",
        "    return (grad_output * y,)",
        "    return (grad_output * y, x.T)",
        "    return (grad_output * y, -x)",
        "    return (None, -x.T)",
        "    return (2 * (grad_output * y), -x.T)",
        "    if x.ndim >= 1:",
        "    if x.ndim > 0:",
        "    if not x.ndim > 1:",
        "        grad_output = grad_output.sum(axis=1)",
        "        grad_output = grad_output.sum()",
        "        grad_output = grad_output.sum(axis=0, keepdims=True)",
        "        grad_output = grad_output.mean(axis=0)",
        "        pass",
    ],
)
def test_a_mutant_has_one_line_changed(line: str) -> None:
    original = ast.unparse(ast.parse(RULE)).splitlines()
    made = [one.code.splitlines() for one in mutants(RULE)]
    assert line not in original
    assert any(set(lines) - set(original) == {line} for lines in made)


def test_mutants_differ_from_the_original_and_from_each_other() -> None:
    made = mutants(RULE)
    texts = {one.code for one in made} | {ast.unparse(ast.parse(RULE))}
    assert len(texts) == len(made) + 1
    assert len({one.change for one in made}) == len(made)


def test_decorators_and_docstrings_are_left_alone() -> None:
    for one in mutants(RULE):
        assert "@backward_of(ops.mul)" in one.code
        assert "z = x * y." in one.code


def test_a_number_among_answers_is_changed_a_little_and_a_lot() -> None:
    made = {one.code for one in mutants('found = {"f": 0.73, "same": True}')}
    for wrong in ("0.74", "1.73", "-0.73", "0", "1.46", "True"):
        assert f"found = {{'f': {wrong}, 'same': {'0.73' if wrong == 'True' else 'True'}}}" in made
    assert "found = {'f': 0.73, 'same': False}" in made
    assert "found = {'same': True}" in made


def test_values_under_some_keys_can_be_left_alone() -> None:
    code = 'found = {"probe": 3, "chosen": [4, 5]}'
    made = {one.code for one in mutants(code, leave=("chosen",))}
    assert "found = {'probe': 4, 'chosen': [4, 5]}" in made
    assert "found = {'probe': 3}" in made
    assert all("[4, 5]" in one or "chosen" not in one for one in made)


# --- what becomes of them -------------------------------------------------------------------------


def test_every_exercise_has_mutants() -> None:
    for name in exercises():
        assert len(mutants_of(name)) >= 10, name


def test_a_sample_of_the_mutants_is_caught() -> None:
    for answer in sample(200, seed=20):
        if answer.label not in EQUIVALENT.get(answer.exercise, {}):
            assert not tried(answer).right, f"{answer.exercise}: {answer.label}"


def test_mutants_that_are_called_right_are_accepted() -> None:
    for answer in explained():
        assert tried(answer).right, f"{answer.exercise}: {answer.label}"


def test_an_unexplained_survivor_and_an_untrue_excuse_are_reported() -> None:
    (survivor,) = complaints([Outcome(reference("mul"), caught=False)])
    assert survivor == "survives, unexplained: mul: the reference"
    excused = next(iter(EQUIVALENT["maximum"]))
    (untrue,) = complaints([Outcome(Answer("maximum", excused, ""), caught=True)])
    assert untrue == f"is called right, but caught: maximum: {excused}"


@pytest.mark.slow
def test_all_mutants_are_caught_and_the_page_says_so() -> None:
    found = outcomes(all_mutants())
    assert complaints(found) == []
    assert PAGE.read_text(encoding="utf-8") == page(found, outcomes(slips())), (
        "docs/mutants.md is out of date: run python -m autograder.soundness.mutants --write"
    )


@pytest.mark.slow
def test_the_grader_comes_to_the_same_verdict_as_check() -> None:
    chosen = sample(300, seed=21)
    for answer, report in zip(chosen, graded(chosen, seed=22), strict=True):
        right = answer.label in EQUIVALENT.get(answer.exercise, {})
        assert report.right == right, f"{answer.exercise}: {answer.label}"


# --- the styles of others -------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_every_style_accepts_the_references(style: Style) -> None:
    assert [name for name in OPERATIONS if not accepted(reference(name), style)] == []


WRONG = {
    "the upstream factor is missing": ("mul", "grad_output * y, grad_output * x", "y, x"),
    "both zero": ("mul", "grad_output * y, grad_output * x", "0 * x, 0 * y"),
    "off by a thousandth": ("exp", "grad_output * output", "1.001 * grad_output * output"),
    "a row for a vector": ("add_bias", "axis=0", "axis=0, keepdims=True"),
}


@pytest.mark.parametrize(
    ("mistake", "letting_pass"),
    [
        ("the upstream factor is missing", {"ones, 1e-2", "sum, allclose"}),
        ("both zero", set()),
        ("off by a thousandth", {"ones, 1e-2", "printed error"}),
        ("a row for a vector", {style.name for style in STYLES}),
    ],
)
def test_what_a_style_lets_pass(mistake: str, letting_pass: set[str]) -> None:
    exercise, right, wrong = WRONG[mistake]
    code = reference(exercise).code
    assert right in code
    answer = Answer(exercise, mistake, code.replace(right, wrong))
    assert {style.name for style in STYLES if accepted(answer, style)} == letting_pass
    assert not tried(answer).right


def test_an_answer_that_stops_or_returns_no_array_is_not_quiet() -> None:
    assert runs(reference("mul"))
    code = reference("mul").code
    for returned in ("y, x, x", "None, x", "y @ 'x', x"):
        wrong = code.replace("grad_output * y, grad_output * x", returned)
        assert not runs(Answer("mul", returned, wrong))


def test_styles_say_nothing_about_plain_functions() -> None:
    assert not applies("backpropagate")
    with pytest.raises(ValueError, match="operations only"):
        accepted(reference("backpropagate"), STYLES[0])
