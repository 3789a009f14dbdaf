"""What is right is never rejected; what crosses the wire is checked; points follow the facets."""

# ruff: noqa: ARG005, T201, N818 - rules are students' code: they print, and ignore what they are given

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from course_autograd import Operation, Tensor, backward_of, implements, ops, tensor_op
from course_autograd.exercises import (
    Case,
    Finding,
    Observation,
    Report,
    Trouble,
    WireError,
    exercises,
    find,
    score,
)
from course_autograd.exercises.function_backpropagate import Graph
from course_autograd.exercises.observe import observe
from course_autograd.exercises.operation_exercise import OperationExercise, draw_upstream
from course_autograd.exercises.report import examine
from course_autograd.exercises.values import VALUES
from course_autograd.mistakes import CATALOGUE

Rule = Callable[[Any, Any], Any]


def over_the_wire(case: Case) -> Case:
    header, arrays = case.to_wire()
    return Case.from_wire(json.loads(json.dumps(header, allow_nan=False)), arrays)


def back_over_the_wire(seen: Observation) -> Observation:
    header, arrays = seen.to_wire()
    return Observation.from_wire(json.loads(json.dumps(header, allow_nan=False)), arrays)


def report_of(name: str, answer: Any = None, seed: int = 0) -> Report:
    """Go the grader's way: everything crosses the wire."""
    exercise = find(name)
    answer = exercise.find_answer({}) if answer is None else answer
    findings = []
    for case in exercise.cases(np.random.default_rng(seed)):
        seen = back_over_the_wire(exercise.run(answer, over_the_wire(case)))
        findings.append(exercise.judge(case, seen))
    return score(exercise, findings)


def rule_report(name: str, rule: Rule, seed: int = 0) -> Report:
    backward_of(getattr(ops, name))(rule)
    return report_of(name, seed=seed)


# --- the catalogue -----------------------------------------------------------------------------


def test_the_catalogue_holds_the_exercises_of_the_four_assignments() -> None:
    names = {
        "01_chain_rule": "by_hand mul maximum power patterns branches numeric_gradient"
        " backpropagate break_power",
        "02_sigmoid": "neuron_by_hand negate exp reciprocal sigmoid staged_or_fused break_sigmoid",
        "03_norm_squared": "norm_by_hand square sum matmul add_bias norm_squared jacobians"
        " break_add_bias",
        "04_mlp": "mlp_by_hand relu tanh lookup softmax_cross_entropy hinge regularised_hinge"
        " train_step break_lookup",
    }
    for assignment, listed in names.items():
        found = {one.name for one in exercises().values() if one.assignment == assignment}
        assert set(listed.split()) <= found
    assert {
        find(name).kind for name in ("mul", "relu", "backpropagate", "by_hand", "break_power")
    } == {
        "rule",
        "whole",
        "function",
        "values",
        "break",
    }
    with pytest.raises(KeyError, match="no exercise is called 'mull'; there are: by_hand"):
        find("mull")


@pytest.mark.parametrize("name", list(exercises()))
def test_weights_add_up_and_side_effects_weigh_little(name: str) -> None:
    weights = find(name).weights()
    assert sum(weights.values()) == pytest.approx(1.0)
    assert weights.get("clean", 0.1) <= 0.1
    assert tuple(weights) == find(name).facets


@pytest.mark.parametrize("name", list(exercises()))
def test_cases_decide_every_facet_and_cross_the_wire_unharmed(name: str) -> None:
    exercise = find(name)
    for case in exercise.cases(np.random.default_rng(3)):
        copy = over_the_wire(case)
        assert (copy.facet, copy.label, copy.kind) == (case.facet, case.label, case.kind)
        assert len(copy.arrays) == len(case.arrays)
        for one, other in zip(copy.arrays, case.arrays, strict=True):
            assert one.shape == other.shape
            np.testing.assert_array_equal(one, other)
        assert repr(dict(copy.options)) == repr(dict(case.options))


@pytest.mark.parametrize("name", list(exercises()))
def test_the_same_seed_asks_the_same_and_another_seed_asks_something_else(name: str) -> None:
    exercise = find(name)
    first, again, other = (
        repr([(c.arrays, c.options, c.upstream) for c in exercise.cases(np.random.default_rng(s))])
        for s in (5, 5, 6)
    )
    assert first == again
    if exercise.kind != "values":
        assert first != other


@pytest.mark.parametrize(
    "name", [one.name for one in exercises().values() if isinstance(one, OperationExercise)]
)
def test_upstream_gradients_are_never_ones_and_of_both_signs(name: str) -> None:
    signs = set()
    for case in find(name).cases(np.random.default_rng(0)):
        assert case.upstream is not None
        assert np.all(np.abs(np.abs(case.upstream) - 1) > 0.1)
        assert np.all(np.abs(case.upstream) > 0.2)
        signs |= set(np.sign(case.upstream).ravel())
        if case.upstream.size > 1:
            assert set(np.sign(case.upstream).ravel()) == {-1.0, 1.0}
    assert signs == {-1.0, 1.0}


def test_upstream_gradients_may_be_empty() -> None:
    assert draw_upstream(np.random.default_rng(0), (0, 3), 1).shape == (0, 3)


# --- right answers ------------------------------------------------------------


def listed(ctx: Any, g: Any) -> Any:
    return [g * ctx[1], g * ctx[0]]


def by_einsum(ctx: Any, g: Any) -> Any:
    shape, axis, keepdims = ctx
    axes = tuple(range(len(shape))) if axis is None else axis
    if not keepdims and shape:
        g = np.expand_dims(g, axes)
    return (np.broadcast_to(g, shape),)  # a read-only view


def by_tile(ctx: Any, g: Any) -> Any:
    shape, axis, _ = ctx
    axes = range(len(shape)) if axis is None else np.atleast_1d(axis)
    kept = [1 if i in [a % len(shape) for a in axes] else n for i, n in enumerate(shape)]
    return (np.reshape(g, kept) + np.zeros(shape),)


def matmul_by_einsum(ctx: Any, g: Any) -> Any:
    x, y = ctx
    left, right = np.atleast_2d(x), y if y.ndim == 2 else y[:, None]
    up = np.reshape(g, (left.shape[0], right.shape[1]))
    gx = np.einsum("nm,km->nk", up, right)
    gy = np.einsum("nk,nm->km", left, up)
    return gx.reshape(x.shape), gy.reshape(y.shape)


def matmul_by_cases(ctx: Any, g: Any) -> Any:
    x, y = ctx
    if x.ndim == 1 and y.ndim == 1:
        return g * y, g * x
    if x.ndim == 1:
        return y @ g, np.outer(x, g)
    if y.ndim == 1:
        return np.outer(g, y), x.T @ g
    return (y @ g.T).T, (g.T @ x).T  # transposed views


def noisy(ctx: Any, g: Any) -> Any:
    print("a line for debugging")
    warnings.warn("something harmless", stacklevel=1)
    with np.errstate(divide="warn"):
        np.log(np.zeros(1))
    return ctx[1] * g, ctx[0] * g


def summed_by_hand(ctx: Any, g: Any) -> Any:
    x, y = ctx

    def back(gradient: Any, shape: Any) -> Any:
        while gradient.ndim > len(shape):
            gradient = gradient.sum(axis=0)
        axes = tuple(i for i, n in enumerate(shape) if n == 1 and gradient.shape[i] != 1)
        return gradient.sum(axis=axes, keepdims=True)

    return back(np.asarray(g * y), np.shape(x)), back(np.asarray(g * x), np.shape(y))


RIGHT: list[tuple[str, Rule]] = [
    ("mul", listed),
    ("mul", noisy),
    ("mul", summed_by_hand),
    (
        "mul",
        lambda c, g: (np.float64(1.0) * c[1] * g, (g.T * c[0].T).T if g.ndim > 1 else g * c[0]),
    ),
    ("mul", lambda c, g: tuple(np.asarray(g * one) for one in reversed(c))),
    ("sum", by_einsum),
    ("sum", by_tile),
    ("matmul", matmul_by_einsum),
    ("matmul", matmul_by_cases),
    ("square", lambda c, g: (g * c[0] + c[0] * g,)),
    ("square", lambda c, g: ((2 * c[0] * g).tolist(),)),
    ("power", lambda c, g: (g * c[1] * c[0] ** c[1] / c[0],)),
    ("maximum", lambda c, g: (g * (c[0] > c[1]), g * (c[0] <= c[1]))),
    ("maximum", lambda c, g: (np.where(c[0] >= c[1], g, 0), np.where(c[0] >= c[1], 0, g))),
    (
        "maximum",
        lambda c, g: (g * (1 + np.sign(c[0] - c[1])) / 2, g * (1 + np.sign(c[1] - c[0])) / 2),
    ),
    ("negate", lambda c, g: (0 - g,)),
]


@pytest.mark.parametrize(
    ("name", "rule"), RIGHT, ids=[f"{n}-{i}" for i, (n, _) in enumerate(RIGHT)]
)
def test_a_right_rule_is_right_however_it_is_written(name: str, rule: Rule) -> None:
    for seed in range(5):
        report = rule_report(name, rule, seed)
        assert report.right, report.lines()
        assert report.fraction == 1.0
        assert report.mistake is None


@pytest.mark.parametrize("name", ["mul", "sum", "matmul", "maximum", "square"])
def test_a_hundred_seeds_never_reject_a_right_rule(name: str) -> None:
    exercise = find(name)
    rules = [rule for which, rule in RIGHT if which == name and rule is not noisy]
    for seed in range(100):
        backward_of(exercise.operation)(rules[seed % len(rules)])  # type: ignore[attr-defined]
        assert report_of(name, seed=seed).fraction == 1.0, seed


def whole(name: str, forward: Rule | Callable[..., Any], backward: Rule) -> type[Operation]:
    body = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return implements(getattr(ops, name))(type(name, (Operation,), body))


def saving_relu(ctx: list[Any], x: Any) -> Any:
    ctx.append(x)
    return np.where(x > 0, x, 0.0)


@pytest.mark.parametrize("at_zero", [0.0, 0.25, 0.5, 1.0])
def test_at_the_kink_of_relu_every_number_from_0_to_1_is_right(at_zero: float) -> None:
    slope = lambda x: np.where(x == 0, at_zero, x > 0)  # noqa: E731
    whole("relu", saving_relu, lambda c, g: (g * slope(c[0]),))
    assert report_of("relu").right


@pytest.mark.parametrize("at_zero", [-0.2, 1.2, 2.0, np.nan])
def test_at_the_kink_of_relu_everything_else_costs_one_facet(at_zero: float) -> None:
    slope = lambda x: np.where(x == 0, at_zero, x > 0)  # noqa: E731
    whole("relu", saving_relu, lambda c, g: (g * slope(c[0]),))
    report = report_of("relu")
    assert [name for name, right in report.facets.items() if not right] == ["kinks"]
    assert "at the kink" in " ".join(report.lines())


@pytest.mark.parametrize(
    ("left", "right", "fair"),
    [
        (1, 0, True),
        (0, 1, True),
        (0.5, 0.5, True),
        (0.3, 0.7, True),
        (1, 1, False),
        (0, 0, False),
        (0.6, 0.6, False),
        (1.5, -0.5, False),
    ],
)
def test_at_a_tie_of_maximum_the_shares_must_add_up(left: float, right: float, fair: bool) -> None:
    def rule(ctx: Any, g: Any) -> Any:
        x, y = ctx
        return g * np.where(x == y, left, x > y), g * np.where(x == y, right, y > x)

    assert rule_report("maximum", rule).facets["kinks"] is fair


def test_a_wrong_value_of_forward_costs_its_own_facet() -> None:
    whole("relu", lambda c, x: saving_relu(c, x) + 0.1, lambda c, g: (g * (c[0] > 0),))
    report = report_of("relu")
    assert not report.facets["forward"]
    assert report.facets["scalars"]
    assert "the value from forward" in report.where[0]


def test_a_forward_of_the_wrong_shape_is_said_to_be_so() -> None:
    whole("relu", lambda c, x: np.sum(saving_relu(c, x)), lambda c, g: (g * (c[0] > 0),))
    report = report_of("relu")
    assert not report.facets["forward"]
    assert "forward returned shape (), expected (5,)" in report.where[0]


def test_whole_operations_may_save_what_they_like() -> None:
    def forward(ctx: list[Any], W: Any, x: Any) -> Any:
        q = W @ x
        ctx.append({"W": W, "x": x, "q": q})
        return q @ q

    def backward(ctx: Any, g: Any) -> Any:
        kept = ctx[0]
        return 2 * g * np.outer(kept["q"], kept["x"]), 2 * g * (kept["q"] @ kept["W"])

    whole("norm_squared", forward, backward)
    assert report_of("norm_squared").right


def test_what_a_class_remembers_outside_ctx_mixes_up_a_graph_and_is_caught() -> None:
    store: dict[str, Any] = {}

    def forward(ctx: list[Any], x: Any) -> Any:
        store["output"] = 1.0 / (1.0 + np.exp(-np.clip(x, -500, 500)))
        return store["output"]

    # Between forward and backward of one tensor, forward runs on other inputs.
    whole("sigmoid", forward, lambda c, g: (g * store["output"] * (1 - store["output"]),))
    report = report_of("sigmoid")
    assert report.where[0].startswith("x (5,), the same tensors used twice in one graph: ")
    assert report.mistake == "another result at the second call"


# --- answers that go wrong -----------------------------------------------------------------------


def test_nothing_an_answer_does_escapes_from_run(capsys: pytest.CaptureFixture[str]) -> None:
    class Hostile:
        def __array__(self, *_: Any, **__: Any) -> Any:
            raise RuntimeError("no numbers for you")

        def __str__(self) -> str:
            raise RuntimeError("no text for you")

    class Unprintable(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text for you")

    def exits(ctx: Any, g: Any) -> Any:
        sys.exit(0)

    def unprintable(ctx: Any, g: Any) -> Any:
        raise Unprintable

    def chatty(ctx: Any, g: Any) -> Any:
        print("x" * 100_000)
        print("to the other stream", file=sys.stderr)
        return 1 / 0

    def deep(ctx: Any, g: Any) -> Any:
        return deep(ctx, g)

    rules: list[Rule] = [exits, unprintable, chatty, deep]
    rules += [lambda c, g: (Hostile(), Hostile()), lambda c, g: Hostile(), lambda c, g: "text"]
    rules += [lambda c, g: (np.array(["a"]), g), lambda c, g: ([[1.0], [1.0, 2.0]], g)]
    rules += [lambda c, g: {0: g, 1: g}, lambda c, g: (1j * g, g), lambda c, g: (g for _ in c)]
    for rule in rules:
        report = rule_report("mul", rule)
        assert report.fraction == 0.0
        assert len(report.lines()) < 12
        assert all(len(line) <= 240 for line in report.lines())
    assert capsys.readouterr() == ("", "")


def test_an_error_in_a_rule_is_reported_with_its_line() -> None:
    def rule(ctx: Any, g: Any) -> Any:
        return g / undefined_name  # type: ignore[name-defined]  # noqa: F821

    where, line, *_ = rule_report("mul", rule).where
    assert "NameError" in where
    assert line.startswith("line ")
    assert ": return g / undefined_name" in line


def test_printing_is_shown_in_the_report_of_a_wrong_answer() -> None:
    def rule(ctx: Any, g: Any) -> Any:
        print("look here:", np.shape(g))
        return g, g

    assert any(
        "Your code printed: look here: ()" in line for line in rule_report("mul", rule).lines()
    )


def test_a_stub_is_undone_and_not_wrong() -> None:
    def stub(ctx: Any, g: Any) -> Any:
        raise NotImplementedError

    report = rule_report("mul", stub)
    assert report.undone
    assert report.fraction == 0.0
    assert report.mistake is None
    assert report.lines()[0] == "mul: not written yet."
    assert "@backward_of(ops.mul)" in report.lines()[1]


def test_nan_where_the_truth_is_finite_is_wrong() -> None:
    assert rule_report("mul", lambda c, g: (g * np.nan, g * np.inf)).fraction == 0.0


def test_shapes_are_compared_exactly_never_by_broadcasting() -> None:
    assert rule_report("square", lambda c, g: (np.atleast_1d(2 * g * c[0]),)).fraction < 1.0
    assert not rule_report("sum", lambda c, g: (np.asarray(g),)).facets["arrays"]


def test_side_effects_cost_at_most_a_tenth_and_never_pay_alone() -> None:
    def in_place(ctx: Any, g: Any) -> Any:
        g *= 2 * ctx[0]
        return (g,)

    report = rule_report("square", in_place)
    assert report.fraction == pytest.approx(0.9)
    assert report.mistake == "grad_output changed in place"
    assert rule_report("square", lambda c, g: (g,)).fraction == 0.0


def test_an_array_of_ctx_given_away_is_named() -> None:
    def rule(ctx: Any, g: Any) -> Any:
        return (np.multiply(ctx[0], g, out=ctx[0]) if np.ndim(g) else ctx[0] * g,)

    assert rule_report("exp", rule).mistake == "an input or saved value changed in place"
    whole("relu", lambda c, x: c.append(1.0 * (x > 0)) or np.maximum(x, 0.0), lambda c, g: c)
    assert report_of("relu").mistake == "upstream factor forgotten"


def test_missing_observations_earn_nothing_and_partial_ones_their_share() -> None:
    exercise = find("mul")
    lost = Observation(error=Trouble("missing", "no answer came back in time"))
    backward_of(ops.mul)(listed)
    findings = []
    for case in exercise.cases(np.random.default_rng(0)):
        seen = lost if case.facet == "broadcasting" else exercise.run(ops.mul, case)
        findings.append(exercise.judge(case, seen))
    report = score(exercise, findings)
    assert report.fraction == pytest.approx(0.7)
    assert "no answer came back in time" in report.where[0]
    assert score(exercise, []).fraction == 0.0
    assert score(exercise, findings[:6]).facets["broadcasting"] is False


# --- the wire ------------------------------------------------------------


def good_header() -> tuple[dict[str, Any], list[Any]]:
    seen = Observation(
        output=np.ones(3), gradients=(np.ones(2), None), answers={"f": 1.5, "g": None}
    )
    return seen.to_wire()


def test_observations_cross_the_wire_unharmed() -> None:
    seen = Observation(
        output=np.array(2.5),
        gradients=(np.ones((2, 3)), None),
        raw=(np.array([True, False]),),
        ones=(np.array([1, 2]),),
        answers={
            "a": 1.0,
            "b": True,
            "c": None,
            "d": "a text",
            "e": float("nan"),
            "f": -float("inf"),
        },
        error=Trouble("exception", "ValueError: bad", "line 3"),
        flags=frozenset({"warned", "changed_ctx"}),
        printed="hello",
    )
    copy = back_over_the_wire(seen)
    assert copy.error == seen.error
    assert copy.flags == seen.flags
    assert repr(copy.answers) == repr(seen.answers)
    assert copy.gradients[1] is None
    assert copy.raw[0] is not None
    assert copy.raw[0].dtype == bool
    np.testing.assert_array_equal(copy.output, 2.5)  # type: ignore[arg-type]


HOSTILE: list[dict[str, Any]] = [
    {"output": {"array": 99}},
    {"output": {"array": -1}},
    {"output": {"array": True}},
    {"output": {"array": "0"}},
    {"output": "text"},
    {"output": {"__reduce__": ["os.system", "true"]}},
    {"output": {"dict": [["a"]]}},
    {"gradients": [{"array": 0}]},
    {"gradients": {"tuple": "ab"}},
    {"gradients": {"tuple": [1.0]}},
    {"gradients": {"tuple": [None] * 65}},
    {"gradients": {"tuple": [None] * 2001}},
    {"answers": [1, 2]},
    {"answers": {"dict": [["f", {"tuple": []}]]}},
    {"answers": {"dict": [["f", {"array": 0}]]}},
    {"answers": {"dict": [["f", 2**70]]}},
    {"answers": {"dict": [[1, 2]]}},
    {"error": "exception"},
    {"error": ["unheard of", "m", ""]},
    {"error": ["undone", 1, ""]},
    {"error": ["undone", "m"]},
    {"flags": ["administrator"]},
    {"flags": [["warned"]]},
    {"flags": "warned"},
    {"printed": 3},
    {"printed": None},
    {"more": 1},
]


@pytest.mark.parametrize("change", HOSTILE, ids=[str(change)[:40] for change in HOSTILE])
def test_a_hostile_header_is_refused(change: dict[str, Any]) -> None:
    header, arrays = good_header()
    with pytest.raises(WireError):
        Observation.from_wire(header | change, arrays)


@pytest.mark.parametrize("header", [None, [], "text", {}, {"output": None}])
def test_no_header_is_refused(header: Any) -> None:
    with pytest.raises(WireError):
        Observation.from_wire(header, [])
    with pytest.raises(WireError):
        Case.from_wire(header, [])


def test_arrays_of_objects_texts_and_subclasses_are_refused() -> None:
    header, arrays = good_header()
    for bad in (np.array([{}], dtype=object), np.array(["a"]), np.ones(3, dtype=complex), [1.0]):
        with pytest.raises(WireError):
            Observation.from_wire(header, [bad, *arrays[1:]])
    with pytest.raises(WireError):
        Observation.from_wire(header, [np.ma.masked_array([1.0]), *arrays[1:]])


def test_deep_nesting_is_refused_and_long_texts_are_cut() -> None:
    header, arrays = good_header()
    nested: Any = 1.0
    for _ in range(50):
        nested = [nested]
    with pytest.raises(WireError):
        Observation.from_wire(header | {"output": nested}, arrays)
    long = Observation.from_wire(header | {"printed": "\x1b[31m" + "x" * 10_000}, arrays)
    assert len(long.printed) <= 2_000
    assert "\x1b" not in long.printed


@pytest.mark.parametrize("name", list(exercises()))
def test_no_observation_makes_a_judge_stumble(name: str) -> None:
    exercise = find(name)
    huge, odd = np.full((2, 3), 1e308), np.zeros((0, 4))
    strange = [
        Observation(),
        Observation(output=huge, gradients=(huge,), raw=(huge, None), ones=(odd,)),
        Observation(output=odd, gradients=(None,) * 9, raw=(odd,) * 2, ones=(huge,) * 9),
        Observation(gradients=(np.array([np.nan]), np.array(np.inf)), answers={"loss 1": np.inf}),
        Observation(answers=dict.fromkeys([*exercise.facets, "loss 1", "loss 2", "W"], "a text")),
        Observation(answers=dict.fromkeys([*exercise.facets, "loss 1", "loss 2", "W"], True)),
        Observation(output=np.array(True), gradients=(np.array([True]), np.array([1]))),
        *(Observation(error=Trouble(kind, "m")) for kind in ("undone", "contract", "exception")),
        Observation(error=Trouble("missing", ""), flags=frozenset({"changed_ctx"})),
        Observation(error=Trouble("contract", "m"), raw=(odd, huge)),
    ]
    cases = exercise.cases(np.random.default_rng(0))
    for seen in strange:
        findings = [exercise.judge(case, seen) for case in cases]
        report = score(exercise, findings)
        assert 0.0 <= report.fraction < 1.0
        assert len(report.lines()) < 12


def test_an_exercise_needs_an_operation_that_declares_it() -> None:
    with pytest.raises(ValueError, match="add is no exercise"):
        OperationExercise(ops.add)


# --- values ------------------------------------------------------------

LECTURE_NUMBERS: dict[str, dict[str, Any]] = {
    "by_hand": {"q": 3, "f": -12, "df/dq": -4, "df/dz": 3, "df/dx": -4, "df/dy": -4},
    "branches": {
        "x(x+1): dy/du": 17,
        "x(x+1): dy/dx": 35,
        "x²·3x: df/dx": 36,
        "(ab+1)(ab+2): df/da": 45,
        "(ab+1)(ab+2): df/db": 30,
        "(ax+b)²: df/dx": 28,
        "(ax+b)²: df/da": 42,
        "(ax+b)²: df/db": 14,
    },
    "neuron_by_hand": {"f": 0.73, "df/dw0": -0.2, "df/dx": 0.39, "df/dw1": 0.2},
    "jacobians": {
        "entries": 16777216,
        "entries minibatch": 167772160000,
        "GiB float32": 625,
        "diagonal": True,
    },
    "mlp_by_hand": {"u1": 6, "u2": 7, "H": 7, "dH/dW": 3, "dH/dx": 2, "dH/db": 1},
    "patterns": {
        "add: left": 2,
        "add: right": 2,
        "max of 3 and 7: left": 0,
        "max of 3 and 7: right": 2,
        "mul of 3 and 7: left": 14,
        "mul of 3 and 7: right": 6,
    },
}


@pytest.mark.parametrize("name", LECTURE_NUMBERS)
def test_the_lectures_numbers_are_the_right_answers(name: str) -> None:
    assert report_of(name, LECTURE_NUMBERS[name]).right


@pytest.mark.parametrize("exercise", VALUES, ids=lambda one: one.name)
def test_every_wrong_number_listed_is_wrong_and_every_mistake_known(exercise: Any) -> None:
    for key in exercise.keys:
        for mistake, numbers in key.wrong.items():
            assert mistake in CATALOGUE
            several = numbers() if isinstance(numbers(), tuple) else (numbers(),)
            assert all(isinstance(one, float) for one in several)


def test_each_number_counts_on_its_own() -> None:
    report = report_of("by_hand", {"q": 3, "f": 12, "df/dq": 3, "df/dz": ...})
    assert report.fraction == pytest.approx(1 / 6)
    text = "\n".join(report.lines())
    assert "f: not yet (yours was 12). Looks like: wrong sign." in text
    assert "df/dq: not yet (yours was 3). Looks like: its own value" in text
    assert "not answered yet: df/dz, df/dx, df/dy." in text


def test_the_right_number_is_never_told() -> None:
    for exercise in VALUES:
        report = report_of(exercise.name, {key.name: 7777.0 for key in exercise.keys})
        text = "\n".join(report.lines())
        assert report.fraction == 0.0
        for key in exercise.keys:
            truth = key.truth()
            if not isinstance(truth, bool) and abs(truth) > 9:
                assert f"{truth:g}" not in text


@pytest.mark.parametrize(
    "three", [3, 3.0, np.int64(3), np.float32(3), np.array(3.0), 3 + 1e-12], ids=repr
)
def test_a_number_is_a_number_in_any_type(three: Any) -> None:
    assert report_of("by_hand", {"q": three}).facets["q"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("3", "expected a number, got a text in quotes"),
        ([3], r"expected a number, got an array or list of shape (1,)"),
        (True, "expected a number, yours was True"),
        (Tensor(3.0), "expected a number, got a Tensor"),
        (3j, "expected a number, got a complex"),
        (float("nan"), "not yet (yours was nan)"),
        (10**400, "expected a number, got a int"),
        (object(), "expected a number, got a object"),
    ],
    ids=["text", "list", "bool", "tensor", "complex", "nan", "huge", "object"],
)
def test_anything_else_gets_a_sentence(answer: Any, words: str) -> None:
    report = report_of("by_hand", {"q": answer, "f": -12})
    assert not report.facets["q"]
    assert words in "\n".join(report.lines())


def test_true_and_false_are_asked_for_as_such() -> None:
    assert report_of("jacobians", {"diagonal": np.True_}).facets["diagonal"]
    report = report_of("jacobians", {"diagonal": 1})
    assert "diagonal: expected True or False, yours was 1." in "\n".join(report.lines())


def test_values_that_are_no_dict_get_a_sentence() -> None:
    assert "must be a dict of numbers, got a list" in report_of("by_hand", [1, 2]).where[0]


# --- backpropagate, numeric_gradient -------------------------------------------------------------


def walk(order: Any, parents: Any, local: Any, add: bool = True, visits: Any = None) -> Any:
    gradient = dict.fromkeys(order, 0.0) | {order[-1]: 1.0}
    for node in order[::-1] if visits is None else visits:
        for parent, derivative in zip(parents[node], local[node], strict=True):
            message = gradient[node] * derivative
            gradient[parent] = gradient[parent] + message if add else message
    return gradient


def breadth_first(order: Any, parents: Any, local: Any) -> Any:
    met, waiting = [], [order[-1]]
    while waiting:
        node = waiting.pop(0)
        if node not in met:
            met.append(node)
            waiting += parents[node]
    return walk(order, parents, local, visits=met)


def over_all_paths(order: Any, parents: Any, local: Any) -> Any:
    def total(node: str, goal: str) -> float:
        steps = zip(parents[node], local[node], strict=True)
        return (node == goal) + sum(d * total(parent, goal) for parent, d in steps)

    return {node: np.float64(total(order[-1], node)) for node in order}


def changing(order: Any, parents: Any, local: Any) -> Any:
    result = walk(order, parents, local)
    order.reverse()
    return result


def without_unused(order: Any, parents: Any, local: Any) -> Any:
    return {node: number for node, number in walk(order, parents, local).items() if number}


def only_reached(order: Any, parents: Any, local: Any) -> Any:
    """Make places as messages arrive: a KeyError where none does."""
    gradient = {order[-1]: 1.0}
    for node in order[::-1]:
        for parent, derivative in zip(parents[node], local[node], strict=True):
            gradient[parent] = gradient.get(parent, 0.0) + gradient[node] * derivative
    return gradient


def overwritten_and_left_out(order: Any, parents: Any, local: Any) -> Any:
    result = walk(order, parents, local, add=False)
    return {node: number for node, number in result.items() if number}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("answer", [walk, over_all_paths])
def test_backpropagation_is_right_by_accumulators_and_by_paths(answer: Any, seed: int) -> None:
    assert report_of("backpropagate", answer, seed).right


@pytest.mark.parametrize(
    ("answer", "open_facets", "mistake"),
    [
        (
            lambda o, p, d: walk(o, p, d, add=False),
            ["a value used twice", "paths of unequal length", "nodes the output does not need"],
            "overwritten instead of added",
        ),
        (breadth_first, ["paths of unequal length"], "a node visited before all its consumers"),
        (without_unused, ["nodes the output does not need"], "a node without a place"),
        (only_reached, ["nodes the output does not need"], "a node without a place"),
        (changing, ["clean"], "an input or saved value changed in place"),
    ],
)
def test_wrong_walks_are_caught_where_they_are_wrong(
    answer: Any, open_facets: list[str], mistake: str | None
) -> None:
    report = report_of("backpropagate", answer)
    assert [name for name, right in report.facets.items() if not right] == open_facets
    assert report.mistake == mistake


def test_a_node_left_out_does_not_hide_another_mistake() -> None:
    report = report_of("backpropagate", overwritten_and_left_out)
    assert report.mistake == "overwritten instead of added"


def test_the_truth_of_backpropagate_is_that_of_the_lecture() -> None:
    # y = x (x + 1) at x = 17: dy/du = 17, dy/dx = 18 + 17.
    parents = {"x": [], "u": ["x"], "y": ["x", "u"]}
    local = {"x": [], "u": [1.0], "y": [18.0, 17.0]}
    np.testing.assert_allclose(Graph(["x", "u", "y"], parents, local).gradients(), [35, 17, 1])  # type: ignore[arg-type]


def test_results_that_are_no_dict_of_numbers_get_a_sentence() -> None:
    assert "must return a dict" in report_of("backpropagate", lambda o, p, d: 3).where[0]
    texts = report_of("backpropagate", lambda o, p, d: dict.fromkeys(o, "a"))
    assert "expected a number, got a text" in texts.where[0]
    assert "takes 0 positional" in report_of("backpropagate", lambda: 3).where[0]
    assert "must be a function" in report_of("backpropagate", 3).where[0]


def measure(
    f: Any, x: Any, h: float = 1e-5, *, left: bool = True, width: float = 2.0, restore: bool = True
) -> Any:
    point = np.array(x, dtype=float)
    gradient = np.zeros_like(point)
    for index in np.ndindex(point.shape):
        middle = point[index]
        point[index] = middle + h
        above = f(point)
        point[index] = middle - h if left else middle
        gradient[index] = (above - f(point)) / (width * h)
        if restore:
            point[index] = middle
    return gradient


def five_points(f: Any, x: Any, h: float = 1e-5) -> Any:
    near, far = measure(f, x, h), measure(f, x, 2 * h)
    return near + (near - far) / 3


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("answer", [measure, five_points])
def test_numeric_gradients_at_least_as_good_as_central_ones_are_right(
    answer: Any, seed: int
) -> None:
    assert report_of("numeric_gradient", answer, seed).right


def spoils(f: Any, x: Any, h: float = 1e-5) -> Any:
    gradient = measure(f, x, h)
    x += h
    return gradient


@pytest.mark.parametrize(
    ("answer", "open_facets", "mistake"),
    [
        (
            lambda f, x, h=1e-5: measure(f, x, h, left=False, width=1.0),
            ["central differences"],
            "forward instead of central difference",
        ),
        (
            lambda f, x, h=1e-5: measure(f, x, h, width=1.0),
            ["a single number", "arrays", "central differences"],
            "divided by the wrong width",
        ),
        (
            lambda f, x, h=1e-5: measure(f, x, h) * h**2,
            ["a single number", "arrays", "central differences"],
            "brackets around the divisor missing",
        ),
        (
            lambda f, x, h=1e-5: measure(f, x, h, restore=False),
            ["central differences"],
            "x not restored",
        ),
        (spoils, ["clean"], "x not restored"),
        (
            lambda f, x, h=1e-5: measure(f, x, h).ravel(),
            ["a single number", "arrays", "central differences"],
            "wrong shape",
        ),
        (
            lambda f, x, h=1e-5: measure(f, x, 1e-14),
            ["a single number", "arrays", "central differences"],
            "a step of your own, too small or too large",
        ),
    ],
)
def test_wrong_measurements_are_caught_and_named(
    answer: Any, open_facets: list[str], mistake: str
) -> None:
    report = report_of("numeric_gradient", answer)
    wrong = [name for name, right in report.facets.items() if not right]
    assert [name for name in wrong if name != "clean" or open_facets == ["clean"]] == open_facets
    assert report.mistake == mistake


# --- regularised_hinge, train_step ---------------------------------------------------------------


def term_beside_the_graph(x: Any, W: Any, labels: Any, lam: float) -> Any:
    return ops.hinge(x @ W, labels=labels) + lam * np.sum(W.value**2)


def changed_by_hand(x: Any, W: Any, labels: Any, lam: float) -> Any:
    loss = ops.hinge(x @ W, labels=labels)
    loss.value = loss.value + lam * np.sum(W.value**2)
    return loss


def loss_of(x: Any, W: Any, labels: Any, lam: float) -> Any:
    return ops.hinge(x @ W, labels=labels) + lam * ops.sum(W * W)


@pytest.mark.parametrize(
    "answer",
    [
        loss_of,
        lambda x, W, labels, lam: lam * (W**2).sum() + ops.hinge(ops.matmul(x, W), labels=labels),
    ],
)
def test_a_regularised_loss_is_right_in_any_order(answer: Any) -> None:
    assert report_of("regularised_hinge", answer).right


@pytest.mark.parametrize(
    ("answer", "mistake"),
    [
        (lambda x, W, y, lam: ops.hinge(x @ W, labels=y), "regularisation term missing"),
        (lambda x, W, y, lam: loss_of(x, W, y, 2 * lam), "regularisation term doubled"),
        (lambda x, W, y, lam: loss_of(x, W, y, lam / 2), "regularisation term halved"),
        (lambda x, W, y, lam: loss_of(x, W, y, 1.0), "another regularisation term"),
        (lambda x, W, y, lam: loss_of(x, Tensor(W.value), y, lam), "computed beside the graph"),
        (
            lambda x, W, y, lam: loss_of(x, Tensor(W.value), y, 2 * lam),
            "computed beside the graph or the scores stand beside the graph",
        ),
        (term_beside_the_graph, "the term with λ stands beside the graph"),
        (
            lambda x, W, y, lam: loss_of(x, W, y, 0.0) + Tensor(lam) * Tensor(W.value**2).sum(),
            "the term with λ stands beside the graph",
        ),
        (
            lambda x, W, y, lam: ops.hinge(x @ W.value, labels=y) + lam * (W * W).sum(),
            "the scores stand beside the graph",
        ),
        (changed_by_hand, "the term with λ stands beside the graph"),
        (
            lambda x, W, y, lam: loss_of(x, W, y, lam).item(),
            "a number returned where a tensor is asked for",
        ),
        (
            lambda x, W, y, lam: np.sum(W.value**2),
            "a number returned where a tensor is asked for",
        ),
        (lambda x, W, y, lam: None, "nothing returned"),
    ],
)
def test_wrong_losses_are_caught_and_named(answer: Any, mistake: str | None) -> None:
    report = report_of("regularised_hinge", answer)
    assert not report.right
    assert report.mistake == mistake


@tensor_op
class weight_price(Operation):
    """An operation of a student's own, without a backward rule."""

    @staticmethod
    def forward(ctx: list[Any], W: Any, *, lam: float) -> Any:
        return lam * np.sum(W**2)


@pytest.mark.parametrize(
    "answer",
    [
        lambda x, W, y, lam: ops.hinge(x @ W, labels=y) + weight_price(W, lam=lam),
        lambda x, W, y, lam: ops.hinge(x.value @ W, labels=list(y)) + (W * W * lam).sum(),
        lambda x, W, y, lam: ops.hinge(x @ (W + 0.0), labels=y) + (W**2).mean() * W.size * lam,
    ],
)
def test_a_regularised_loss_is_right_by_any_operations(answer: Any) -> None:
    for seed in range(5):
        assert report_of("regularised_hinge", answer, seed).right


def test_a_term_without_a_graph_costs_the_connection_and_is_asked_about() -> None:
    report = report_of("regularised_hinge", term_beside_the_graph)
    wrong = [name for name, right in report.facets.items() if not right]
    assert wrong == ["connected with W"]
    assert "did you take .value" in report.question
    assert "your function and its graph end at different values" in report.where[0]


def test_a_graph_is_judged_without_any_backward_rule() -> None:
    def refuse(*_: Any) -> Any:
        raise AssertionError("a backward rule was asked")

    for operation in (ops.matmul, ops.hinge, ops.square, ops.sum):
        backward_of(operation)(refuse)
    assert report_of("regularised_hinge", loss_of).right


def step(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, lines: str = "zfbsr") -> Any:
    """One step of training with its lines in any order."""
    value = result = None
    for line in lines:
        if line == "z":
            optimizer.zero_grad()
        elif line == "f":
            value = loss(model(x), y)
        elif line == "b":
            value.backward()
        elif line == "s":
            optimizer.step()
        elif line == "r":
            result = value.item()
        elif line == "a":
            result = loss(model(x), y).item()
        elif line == "t":
            result = value
        elif line == "x":
            x *= 0.5
    return result


@pytest.mark.parametrize("lines", ["zfbsr", "fzbsr", "fbszr", "zfrbs"])
def test_a_training_step_is_right_wherever_gradients_are_cleared(lines: str) -> None:
    assert report_of("train_step", lambda *given: step(*given, lines=lines)).right


@pytest.mark.parametrize(
    ("lines", "open_facets", "mistake"),
    [
        ("fbsr", ["clears old gradients"], "old gradients were not cleared"),
        ("zfbsa", ["returns the loss"], "loss after the step"),
        ("zfbst", ["returns the loss"], "a tensor returned where a number is asked for"),
        ("zfbs", ["returns the loss"], "nothing returned"),
        ("zfbr", ["moves the parameters", "clears old gradients"], "parameters did not move"),
        ("fbzsr", ["moves the parameters", "clears old gradients"], "parameters did not move"),
        ("zfbssr", ["moves the parameters", "clears old gradients"], "more than one step"),
        ("zfbsrx", ["clears old gradients"], "an input or saved value changed in place"),
    ],
)
def test_wrong_training_steps_are_caught_and_named(
    lines: str, open_facets: list[str], mistake: str | None
) -> None:
    report = report_of("train_step", lambda *given: step(*given, lines=lines))
    assert [name for name, right in report.facets.items() if not right] == open_facets
    assert report.mistake == mistake


@pytest.mark.parametrize(
    ("lines", "question"), [("zfbst", "as a float"), ("zfbs", "is it returned")]
)
def test_a_training_step_that_returns_no_number_is_asked_about_its_return(
    lines: str, question: str
) -> None:
    report = report_of("train_step", lambda *given: step(*given, lines=lines))
    assert question in report.question
    assert "No mistake on our list" not in report.kind


def test_labels_speak_of_one_parameter_and_of_several() -> None:
    labels = [case.label for case in find("train_step").cases(np.random.default_rng(0))]
    assert [" 1 parameter and " in label for label in labels] == [False, False, True]
    assert [" parameters and " in label for label in labels] == [True, True, False]


def test_cases_of_large_numbers_say_how_large_they_are() -> None:
    def labels(name: str) -> list[str]:
        cases = find(name).cases(np.random.default_rng(0))
        return [case.label for case in cases if case.facet == "large numbers"]

    assert labels("sigmoid") == ["x (5,), entries up to ±1000", "x = −1000"]
    assert labels("hinge") == ["scores (2, 3), entries up to ±1000, labels = [1, 0]"]


def test_what_was_tried_is_summed_up_in_one_line() -> None:
    backward_of(ops.mul)(listed)
    assert report_of("mul").lines()[1] == (
        "Tried: scalars, arrays, broadcasting, nothing changed in place; 19 cases, each with 3 "
        "seeds and random upstream gradients of both signs."
    )


@pytest.mark.parametrize(
    ("answer", "question"),
    [
        ({"q": 4, "f": 12}, "q: What is asked for is the value of q = x + y."),
        ({"q": 3, "f": 12, "df/dq": 3}, "f: Does the output grow or shrink"),
        ({"q": 3, "f": -12, "df/dq": 3, "df/dz": -3}, "df/dq: When only one input moves"),
        ({"q": 3, "f": -12, "df/dq": 77, "df/dz": -3}, "df/dq: Which steps of the graph lie"),
    ],
)
def test_the_question_belongs_to_the_first_number_that_is_wrong(
    answer: dict[str, float], question: str
) -> None:
    assert report_of("by_hand", answer).question.startswith(question)


def test_two_decimals_at_every_step_are_enough_for_the_neuron() -> None:
    answers = {"f": 0.73, "df/dw0": -0.2, "df/dx": 0.4, "df/dw1": 0.2}
    assert report_of("neuron_by_hand", answers).right
    assert not report_of("neuron_by_hand", answers | {"df/dx": 0.41}).right


@pytest.mark.parametrize(
    ("name", "key", "value", "question"),
    [
        ("staged_or_fused", "nodes staged", 10, "Did you count circles only, and no boxes?"),
        ("jacobians", "entries", 4096, "How many outputs are there, times how many inputs?"),
        ("jacobians", "entries", 17, "How many outputs are there, times how many inputs?"),
        ("jacobians", "GiB float32", 671.089, "GB (10⁹ bytes) or GiB (2³⁰ bytes)?"),
        ("by_hand", "q", "3", "How does Python tell a number from a text?"),
    ],
)
def test_the_question_fits_the_wrong_number(name: str, key: str, value: Any, question: str) -> None:
    report = report_of(name, {one.name: one.truth() for one in find(name).keys} | {key: value})  # type: ignore[attr-defined]
    assert report.question == f"{key}: {question}"
    if isinstance(value, str):
        assert "Write it without quotes." in report.where[0]


def test_one_open_number_is_spoken_of_as_one() -> None:
    facets = find("norm_by_hand").facets
    for count, words in ((6, "and 1 more that is"), (7, "and 2 more that are")):
        wrong = dict.fromkeys(facets[:count], 1000.0)  # what is not answered shares one line
        assert report_of("norm_by_hand", wrong).where[-1] == f"{words} not right yet."


def test_a_loss_that_is_an_array_is_asked_for_one_number() -> None:
    def no_sum(x: Any, W: Any, labels: Any, lam: Any) -> Any:
        return ops.hinge(x @ W, labels=labels) + lam * W * W

    assert report_of("regularised_hinge", no_sum).kind.startswith("The loss must be one number")


def test_the_arguments_of_the_loss_are_not_exchanged_unseen() -> None:
    def train_step(model: Any, optimizer: Any, loss: Any, x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        value = loss(y, model(x))
        value.backward()
        optimizer.step()
        return value.item()

    report = report_of("train_step", train_step)
    assert report.kind == "The loss gets the scores first, then y."
    assert "the loss before the step" in report.where[0]


def test_an_empty_dict_and_a_reversed_list_are_called_what_they_are() -> None:
    def empty(order: Any, parents: Any, local: Any) -> Any:
        gradient = {order[-1]: 1.0}
        for node in reversed(order):
            for parent, derivative in zip(parents[node], local[node], strict=True):
                gradient[parent] += gradient[node] * derivative
        return gradient

    def reversed_in_place(order: Any, parents: Any, local: Any) -> Any:
        return dict.fromkeys(order.reverse(), 0.0)

    assert report_of("backpropagate", empty).question.startswith("Step 1 of the list")
    assert "return None" in report_of("backpropagate", reversed_in_place).kind


def test_a_question_about_true_or_false_makes_sense() -> None:
    report = report_of("staged_or_fused", {"same value": False})
    assert report.question == "same value: What speaks for the other answer?"


def test_the_opposite_sign_is_named_before_what_has_the_same_size() -> None:
    report = report_of("neuron_by_hand", {"f": 0.73, "df/dw0": 0.2, "df/dx": 0.39, "df/dw1": 0.2})
    assert "df/dw0: not yet (yours was 0.2). Looks like: wrong sign or" in report.where[0]
    assert report.question == "df/dw0: Does the output grow or shrink when this input grows?"


def test_sources_carry_the_titles_of_the_lectures() -> None:
    assert "“A More Complicated Example”" in find("neuron_by_hand").reread
    assert "“Exercise: Backprop”" in find("mlp_by_hand").reread
    assert "“Vector-valued Functions”" in find("jacobians").reread


# --- warnings ------------------------------------------------------------------------------------


def logistic(wrap: str) -> Callable[[list[Any], Any], Any]:
    """Return a forward rule that overflows on the way to a right result."""

    def forward(ctx: list[Any], x: Any) -> Any:
        with np.errstate(over=wrap):  # type: ignore[call-overload]
            ctx.append(1.0 / (1.0 + np.exp(-x)))
        return ctx[0]

    return forward


@pytest.mark.parametrize("before", ["warn", "ignore", "raise"])
@pytest.mark.parametrize(("wrap", "right"), [("ignore", True), ("warn", False)])
def test_an_overflow_counts_unless_the_answer_itself_expects_it(
    before: str, wrap: str, right: bool
) -> None:
    whole("sigmoid", logistic(wrap), lambda c, g: (g * c[0] * (1 - c[0]),))
    with np.errstate(all=before):  # type: ignore[call-overload]
        report = examine(find("sigmoid"), ops.sigmoid)
    assert report.facets["large numbers"] is right
    assert report.facets["forward"]


def test_an_overflow_counts_whatever_the_notebook_has_told_numpy() -> None:
    def forward(ctx: list[Any], x: Any) -> Any:
        ctx.append(1.0 / (1.0 + np.exp(-x)))
        return ctx[0]

    whole("sigmoid", forward, lambda c, g: (g * c[0] * (1 - c[0]),))
    for before in ("warn", "ignore", "raise"):
        with np.errstate(all=before):  # type: ignore[call-overload]
            assert not examine(find("sigmoid"), ops.sigmoid).facets["large numbers"]


@pytest.mark.parametrize(
    ("category", "words", "counts"),
    [
        (RuntimeWarning, "overflow encountered in exp", True),
        (RuntimeWarning, "invalid value encountered in multiply", True),
        (RuntimeWarning, "divide by zero encountered in log", True),
        (RuntimeWarning, "Mean of empty slice", False),
        (DeprecationWarning, "overflow encountered in exp", False),
        (UserWarning, "something harmless", False),
    ],
)
def test_only_numpys_warnings_about_numbers_are_kept(
    category: type[Warning], words: str, counts: bool
) -> None:
    def question() -> Observation:
        warnings.warn(words, category, stacklevel=1)
        return Observation()

    assert ("warned" in observe(question).flags) is counts


# --- the same at every call ----------------------------------------------------------------------


DETERMINISTIC: list[tuple[str, Any, Rule]] = [
    ("add_bias", lambda c, x, b: x + b, lambda c, g: (g, g[0])),
    ("add_bias", lambda c, x, b: x + b, lambda c, g: g[0]),
    ("softmax_cross_entropy", None, lambda c, g: (g * (c[0] - 1) / len(c[1]),)),
    (
        "norm_squared",
        lambda c, W, x: c.extend((W, x)) or np.sqrt(np.sum((W @ x) ** 2)),
        lambda c, g: (2 * g * np.outer(c[0] @ c[1], c[1]), 2 * g * c[0].T @ (c[0] @ c[1])),
    ),
]


@pytest.mark.parametrize(("name", "forward", "rule"), DETERMINISTIC)
def test_what_is_the_same_at_every_call_is_not_called_another(
    name: str, forward: Any, rule: Rule
) -> None:
    if forward is None:
        backward_of(getattr(ops, name))(rule)
    else:
        whole(name, forward, rule)
    exercise = find(name)
    for case in exercise.cases(np.random.default_rng(0)):
        seen = exercise.run(getattr(ops, name), case)
        finding = exercise.judge(case, seen)
        assert not seen.flags & {"second_call_differs", "mixed_up"}
        assert "random" not in (*finding.mistakes, *finding.suspected)


def test_a_finding_is_right_only_if_all_it_decides_is_right() -> None:
    assert Finding("", {"a": True, "b": True}).right
    assert not Finding("", {"a": True, "b": False}).right


def test_backpropagate_in_a_fixed_number_of_rounds_is_not_enough() -> None:
    def rounds(order: Any, parents: Any, local: Any) -> Any:
        gradient = dict.fromkeys(order, 0.0)
        for _ in range(8):
            fresh = {node: float(node == order[-1]) for node in order}
            for node in order:
                for parent, derivative in zip(parents[node], local[node], strict=True):
                    fresh[parent] += gradient[node] * derivative
            gradient = fresh
        return gradient

    report = examine(find("backpropagate"), rounds)
    assert not report.facets["chains and trees"]
