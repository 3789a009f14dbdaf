"""Break-it exercises: predictions and found inputs are measured, whatever the answer holds."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from autograder.cells import Cell, Notebook, read_source
from autograder.course import COURSE
from autograder.judge import Judge
from autograder.verdict import Verdict
from course_autograd import Tensor, check
from course_autograd.errors import CheckFailed
from course_autograd.exercises import Observation, Report, WireError, exercises, find
from course_autograd.exercises.broken import BROKEN, LIMIT, BreakExercise
from course_autograd.exercises.report import examine
from course_autograd.numeric import jacobian

Answers = dict[str, Any]
Reference = Callable[..., dict[str, Any]]
NAMES = [one.name for one in BROKEN]
PROBES = ("probe 1", "probe 2", "probe 3")
KEYS = (*PROBES, "wrong at", "right at")


@pytest.fixture
def answers(reference: Reference) -> Callable[[str], Answers]:
    """Return a copy of the reference's answers to an exercise."""
    return lambda name: dict(reference(find(name).assignment)[name])


def asked(name: str, given: Any, seed: int = 0) -> Report:
    return examine(exercises()[name], given, seed=seed)


def broken(name: str) -> BreakExercise:
    exercise = find(name)
    assert isinstance(exercise, BreakExercise)
    return exercise


def wrong_keys(report: Report) -> list[str]:
    return [key for key, right in report.facets.items() if not right]


# --- what is asked --------------------------------------------------------------------------------


def test_each_assignment_has_one() -> None:
    assert [find(name).assignment for name in NAMES] == list(COURSE.names())
    assert all(find(name).facets == KEYS for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_rule_in_the_notebook_is_the_one_that_is_judged(name: str) -> None:
    exercise = broken(name)
    shown = [
        node
        for cell in read_source(COURSE.source(exercise.assignment)).by_role("shown")
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.FunctionDef) and node.name == exercise.rule.__name__
    ]
    (judged,) = ast.parse(inspect.getsource(exercise.rule)).body
    assert isinstance(judged, ast.FunctionDef)
    assert [ast.dump(one) for one in shown[0].body[1:]] == [
        ast.dump(one) for one in judged.body[1:]
    ]
    assert "WRONG" in (ast.get_docstring(shown[0]) or "")
    assert len(shown) == 1


@pytest.mark.parametrize("name", NAMES)
def test_the_probes_in_the_notebook_are_those_that_are_judged(name: str) -> None:
    exercise = broken(name)
    text = COURSE.source(exercise.assignment).read_text(encoding="utf-8")
    part = text[text.index(f"`{name}`") : text.index(f'exercise="{name}"')]
    for number, probe in enumerate(exercise.probes.values(), start=1):
        (row,) = [line for line in part.splitlines() if line.startswith(f"# | {number} |")]
        listed = [field.strip(" $`") for field in row.split("|")[2:]]
        given, upstream = ast.literal_eval(listed[0]), ast.literal_eval(listed[1])
        np.testing.assert_array_equal(upstream, probe.upstream)
        if name == "break_add_bias":
            given = np.zeros(given)
        np.testing.assert_array_equal(given, probe.given)
        if name == "break_lookup":
            assert listed[2] == f"row {probe.entry[0]} of the table"


@pytest.mark.parametrize("name", NAMES)
def test_some_probes_see_the_mistake_and_one_does_not(name: str) -> None:
    seen = [not trial.passes for trial in broken(name).trials.values()]
    assert seen.count(True) == 2
    assert seen.count(False) == 1


@pytest.mark.parametrize("name", NAMES)
def test_truths_are_measured_and_move_with_the_probe(name: str) -> None:
    exercise = broken(name)
    probe, trial = exercise.probes["probe 1"], exercise.trials["probe 1"]
    inputs, options = exercise.given.place(np.asarray(probe.given))
    doubled = exercise.try_rule(inputs, options, 2 * np.asarray(probe.upstream))
    np.testing.assert_allclose(doubled.truth, 2 * trial.truth, rtol=1e-7)
    np.testing.assert_allclose(doubled.rule, 2 * trial.rule)


# --- right answers --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_is_right_for_all_upstream_gradients(
    name: str, answers: Callable[[str], Answers]
) -> None:
    for seed in range(20):
        assert asked(name, answers(name), seed).right


@pytest.mark.parametrize("name", NAMES)
def test_a_prediction_is_the_rules_gradient_minus_the_measured_one(
    name: str, answers: Callable[[str], Answers]
) -> None:
    exercise, given = broken(name), answers(name)
    for key, probe in exercise.probes.items():
        inputs, options = exercise.given.place(np.asarray(probe.given))
        measured = jacobian(exercise.operation.declared_forward, inputs, options)
        truth = measured.vjp(np.asarray(probe.upstream, dtype=float))[exercise.position]
        ctx = exercise.saves(measured.output, inputs, options)
        returned = exercise.rule(ctx, np.asarray(probe.upstream, dtype=float))[exercise.position]
        assert given[key] == pytest.approx((returned - truth)[probe.entry], abs=1e-7)


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("break_power", "right at", 0),
        ("break_power", "right at", Fraction(2, 2)),
        ("break_power", "right at", np.float32(1)),
        ("break_power", "wrong at", np.array(-3)),
        ("break_power", "wrong at", 1.001),
        ("break_sigmoid", "right at", 40.0),
        ("break_sigmoid", "wrong at", -5),
        ("break_add_bias", "right at", ((7.5, 0, -1),)),
        ("break_add_bias", "right at", np.ones((1, LIMIT))),
        ("break_add_bias", "wrong at", np.zeros((LIMIT, 1))),
        ("break_lookup", "right at", (3, 2, 1, 0)),
        ("break_lookup", "right at", np.array([0], dtype=np.uint8)),
        ("break_lookup", "wrong at", np.array([0, 3, 0])),
    ],
)
def test_any_input_that_does_it_is_accepted(
    name: str, key: str, value: Any, answers: Callable[[str], Answers]
) -> None:
    for seed in range(5):
        assert asked(name, answers(name) | {key: value}, seed).right


# --- wrong answers --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("key", PROBES)
def test_a_wrong_prediction_costs_its_own_part_only(
    name: str, key: str, answers: Callable[[str], Answers]
) -> None:
    given = answers(name)
    report = asked(name, given | {key: given[key] + 7})
    assert wrong_keys(report) == [key]
    assert report.fraction == pytest.approx(0.8)
    assert report.where[0].startswith(f"{key}: not yet (yours was ")
    assert report.question.startswith(f"{key}: ")
    assert report.question.endswith("?")


@pytest.mark.parametrize("name", NAMES)
def test_wrong_and_right_inputs_in_each_others_place_are_both_wrong(
    name: str, answers: Callable[[str], Answers]
) -> None:
    given = answers(name)
    report = asked(name, given | {"wrong at": given["right at"], "right at": given["wrong at"]})
    assert wrong_keys(report) == ["wrong at", "right at"]
    assert "the rule is right: its gradient passes the check" in report.where[0]
    assert "the rule is wrong: its gradient is off" in report.where[1]


@pytest.mark.parametrize("name", NAMES)
def test_confusions_are_told_apart_without_the_number(
    name: str, answers: Callable[[str], Answers]
) -> None:
    exercise, given = broken(name), answers(name)
    probe, trial = exercise.probes["probe 1"], exercise.trials["probe 1"]
    returned, truth = float(trial.rule[probe.entry]), float(trial.truth[probe.entry])
    gap = given["probe 1"]
    told = {
        -gap: "The size is right. Which of the two gradients comes first?",
        returned: "This is what the rule returns.",
        truth: "This is the right gradient.",
    }
    for wrong, words in told.items():
        if wrong != pytest.approx(gap) and (wrong == -gap or abs(wrong) != abs(gap)):
            (said, *_) = asked(name, given | {"probe 1": wrong}).where
            assert words in said
            numbers = set(re.findall(r"−?\d[\d.]*\d|−?\d", said.partition("yours was")[2]))
            assert numbers == {f"{wrong:g}".replace("-", "−")}


def test_the_report_names_keys_and_inputs(
    answers: Callable[[str], Answers], capsys: pytest.CaptureFixture[str]
) -> None:
    given = answers("break_power") | {"probe 2": 3.5, "right at": 2}
    with pytest.raises(CheckFailed, match="break_power is not right yet"):
        check("break_power", given)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "break_power: not yet. 60% of the points so far."
    assert "probe 2: not yet (yours was 3.5)." in lines[2]
    assert "right at: not yet. At x = 2 the rule is wrong: its gradient is off." in lines[3]
    assert len(lines) < 12


HOSTILE = [
    "2",
    True,
    None,
    float("nan"),
    float("inf"),
    1e300,
    10**400,
    2 + 3j,
    b"2",
    {"x": 1},
    {1, 2},
    object(),
    Tensor(1.0),
    len,
    [],
    [[]],
    [[1], [2, 3]],
    [["1"]],
    [[True]],
    [None],
    [1.5],
    [0, 4],
    [-1],
    np.zeros((0, 3)),
    np.zeros((LIMIT + 1, 1)),
    np.zeros(1_000_000, dtype=int),
    np.zeros((2, 2, 2)),
    np.array([[np.nan]]),
    np.array([[1e9]]),
    np.array(["a"]),
    np.array([1, 2], dtype=object),
    np.array([1 + 1j]),
]


class Refuses:
    """An object that fails whatever it is asked."""

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("no")

    def __float__(self) -> float:
        raise RuntimeError("no")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    __hash__ = object.__hash__


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [*HOSTILE, Refuses()], ids=lambda value: type(value).__name__)
def test_what_is_no_usable_input_gets_a_sentence(
    name: str, value: Any, answers: Callable[[str], Answers]
) -> None:
    report = asked(name, answers(name) | {"wrong at": value})
    if report.right:  # such as the array [1, 2] of objects: numbers after all
        assert np.size(value) == 1
        return
    assert wrong_keys(report) == ["wrong at"]
    assert report.fraction == pytest.approx(0.8)
    (said,) = report.where
    assert said.startswith(("wrong at: ", "not answered yet: wrong at"))
    assert said.endswith(".")
    assert len(said) < 200


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [*HOSTILE, Refuses()], ids=lambda value: type(value).__name__)
def test_what_is_no_number_is_no_prediction(
    name: str, value: Any, answers: Callable[[str], Answers]
) -> None:
    report = asked(name, answers(name) | {"probe 1": value})
    assert wrong_keys(report) == ["probe 1"]
    assert report.where[0].startswith(("probe 1: ", "not answered yet: probe 1"))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("break_add_bias", [], "written as a list of rows"),
        ("break_add_bias", [[]], "an empty matrix has nothing to add up"),
        ("break_add_bias", [1, 2], "written as a list of rows"),
        ("break_add_bias", np.zeros((21, 1)), "at most 20 rows and 20 columns"),
        ("break_lookup", [], "an empty list looks nothing up: name at least one row"),
        ("break_lookup", [1.0, 2.0], "row numbers are integers, without a point"),
        ("break_lookup", [1, 4], "the table has the rows 0 to 3"),
        ("break_lookup", 2, "a list of row numbers from 0 to 3"),
        ("break_power", float("inf"), "every entry must be a finite number"),
        ("break_power", -1e7, "choose numbers between −1,000,000 and 1,000,000"),
        ("break_sigmoid", "0", "expected one number, got a text in quotes"),
    ],
)
def test_the_sentence_says_what_to_do(
    name: str, value: Any, words: str, answers: Callable[[str], Answers]
) -> None:
    report = asked(name, answers(name) | {"right at": value})
    assert wrong_keys(report) == ["right at"]
    assert words in report.where[0]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("given", [3, "break", [1], None])
def test_an_answer_that_is_no_dict_is_refused_in_one_sentence(name: str, given: Any) -> None:
    report = asked(name, given)
    assert report.fraction == 0.0
    assert report.undone == (given is None)
    if given is not None:
        assert report.where == (f"{name} must be a dict, got a {type(given).__name__}.",)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_forged_process_sends_is_judged_with_the_same_care(name: str) -> None:
    exercise = broken(name)
    (case,) = exercise.cases(np.random.default_rng(0))
    for raw in (
        (),
        (None,),
        (np.zeros((1000, 1000)),) * 2,
        (np.array(True), np.array([True])),
        (np.full((2, 2), np.nan),) * 2,
        (np.array([-(2**63)]),) * 5,
    ):
        seen = Observation(answers={"probe 1": "right", "right at": 1.0}, raw=raw)
        finding = exercise.judge(case, Observation.from_wire(*seen.to_wire()))
        assert not any(finding.passed[key] for key in PROBES)
        assert not (finding.passed["wrong at"] and finding.passed["right at"])
    with pytest.raises(WireError):
        Observation.from_wire({"raw": "x"}, [])


# --- in the grader --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge() as judge:
        yield judge


def graded(judge: Judge, name: str, code: str) -> Verdict:
    cell = Cell(0, "code", code, name)
    return judge.verdict(Notebook((cell,)), find(name).assignment, seed=3)


@pytest.mark.parametrize("name", NAMES)
def test_the_grader_gives_full_points_and_points_in_part(
    name: str, judge: Judge, answers: Callable[[str], Answers]
) -> None:
    given = answers(name)
    full = graded(judge, name, f"{name} = {given!r}")[name]
    assert (full.score, full.points, full.kind) == (2.0, 2.0, "break")
    partly = given | {"probe 1": given["probe 1"] + 1, "right at": ...}
    verdict = graded(judge, name, f"{name} = {partly!r}".replace("Ellipsis", "..."))[name]
    assert verdict.score == pytest.approx(1.2)
    assert verdict.facets == dict(zip(KEYS, (False, True, True, True, False), strict=True))
    assert "not answered yet: right at." in verdict.where


def test_the_grader_gives_no_points_to_objects_that_pretend(judge: Judge) -> None:
    code = """
class Always(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
    def __abs__(self): return 0.0
    __hash__ = float.__hash__

class Everything(dict):
    def get(self, key, default=None): return Always("nan")

break_power = Everything()
"""
    verdict = graded(judge, "break_power", code)["break_power"]
    assert verdict.score == 0.0
    assert not verdict.undone


def test_predictions_may_be_computed_with_the_engine(judge: Judge) -> None:
    code = """
x = Tensor(2.0)
(x * x * x).backward()
break_power = {"probe 1": 24 - float(x.grad), "probe 2": -3, "probe 3": 0}
break_power.update({"wrong at": 2, "right at": 1})
"""
    cells = [
        Cell(
            0,
            "code",
            "@backward_of(ops.mul)\ndef mul_backward(ctx, g):\n    x, y = ctx\n"
            "    return g * y, g * x\n",
            "mul",
        ),
        Cell(1, "code", code, "break_power"),
    ]
    verdict = judge.verdict(Notebook(tuple(cells)), "01_chain_rule", seed=1)
    assert verdict["break_power"].score == 2.0
