"""Every kind of mistake is caught, and called by its name, on at least two exercises.

Each row is one wrong rule: the exercise, the mistakes that may be named (any of them explains the
values), and the rule. Rules that are right appear nowhere here but inside their own distortion.
"""

# ruff: noqa: ARG005 - a wrong rule is free to ignore what it is given

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from course_autograd import Operation, Tensor, backward_of, implements, ops
from course_autograd.exercises import Report, find
from course_autograd.exercises.report import examine
from course_autograd.mistakes import CATALOGUE, NARROWER, TOGETHER, names_of
from course_autograd.symptoms import SYMPTOMS, from_error, from_flags

Rule = Callable[[Any, Any], Any]


def rule_report(name: str, rule: Rule, seed: int = 0) -> Report:
    """Register `rule` and return what a check of it says."""
    backward_of(getattr(ops, name))(rule)
    return examine(find(name), find(name).find_answer({}), seed=seed)


def whole_report(name: str, forward: Callable[..., Any], backward: Rule, seed: int = 0) -> Report:
    """Register a whole operation made of two rules and return what a check of it says."""
    body = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    implements(getattr(ops, name))(type(name, (Operation,), body))
    return examine(find(name), find(name).find_answer({}), seed=seed)


def one_hot(labels: Any, like: Any) -> Any:
    return np.eye(like.shape[1])[labels]


def shape_of_sum(ctx: Any, g: Any) -> Any:
    """Return `g` with the lost axes put back."""
    _, axis, keepdims = ctx
    return g if keepdims or axis is None else np.expand_dims(g, axis)


def last_row_wins(ctx: Any, g: Any) -> Any:
    shape, rows = ctx
    gradient = np.zeros(shape)
    gradient[rows] += g
    return (gradient,)


def assigned_rows(ctx: Any, g: Any) -> Any:
    shape, rows = ctx
    gradient = np.zeros(shape)
    gradient[rows] = g
    return (gradient,)


def matmul_with(change: Callable[[Any, Any], Any]) -> Rule:
    """Return a rule for matmul in which `change` distorts the two gradients."""

    def rule(ctx: Any, g: Any) -> Any:
        x, y = ctx
        left = x if x.ndim == 2 else x[None]
        right = y if y.ndim == 2 else y[:, None]
        up = np.reshape(g, (left.shape[0], right.shape[1]))
        return change((up @ right.T).reshape(x.shape), (left.T @ up).reshape(y.shape))

    return rule


def multiplied_in_place(ctx: Any, g: Any) -> Any:
    x, y = ctx
    other = g * x
    g *= y
    return g, other


def squared_in_place(ctx: Any, g: Any) -> Any:
    g *= 2 * ctx[0]
    return (g,)


def changed_operand(ctx: Any, g: Any) -> Any:
    x, y = ctx
    first = g * y
    x *= g
    return first, np.array(x)


def exp_in_saved(ctx: Any, g: Any) -> Any:
    ctx[0] *= g
    return (np.array(ctx[0]),)


CALLS: list[int] = []


def remembers(ctx: Any, g: Any) -> Any:
    CALLS.append(1)
    return (np.negative(g) * (1 + len(CALLS) % 2),)


def remembers_exp(ctx: Any, g: Any) -> Any:
    CALLS.append(1)
    return (g * ctx[0] * len(CALLS),)


def writes_into_view(ctx: Any, g: Any) -> Any:
    gradient = np.broadcast_to(shape_of_sum(ctx, g), ctx[0])
    gradient *= 1.0
    return (gradient,)


def writes_into_row_view(ctx: Any, g: Any) -> Any:
    x, y = ctx
    spread = np.broadcast_to(np.float64(1.0), np.shape(g))
    spread += g
    return spread * y, spread * x


def rows_of_labels(ctx: Any, g: Any) -> Any:
    p, labels = ctx[0].copy(), ctx[1]
    p[labels] -= 1
    return (g * p / len(labels),)


def columns_of_labels(ctx: Any, g: Any) -> Any:
    p, labels = ctx[0].copy(), ctx[1]
    p[:, labels] -= 1
    return (g * p / len(labels),)


def label_columns(change: Callable[[Any, Any, Any], Any]) -> Rule:
    """Return a rule for hinge; `change` makes the mask, with something in the labels' column."""

    def rule(ctx: Any, g: Any) -> Any:
        margins, labels = ctx
        return (g * change(margins, np.arange(len(labels)), labels) / len(labels),)

    return rule


def zero_counted(margins: Any, rows: Any, labels: Any) -> Any:
    mask = (margins >= 0).astype(float)
    mask[rows, labels] = -mask.sum(axis=1)
    return mask


def bools_filled(margins: Any, rows: Any, labels: Any) -> Any:
    mask = margins > 0
    mask[rows, labels] = -mask.sum(axis=1)
    return mask


def bools_subtracted(margins: Any, rows: Any, labels: Any) -> Any:
    mask = margins > 0
    mask[rows, labels] -= mask.sum(axis=1)
    return mask


def counted_together(margins: Any, rows: Any, labels: Any) -> Any:
    mask = (margins > 0).astype(float)
    mask[rows, labels] = -mask.sum()
    return mask


def counted_down(margins: Any, rows: Any, labels: Any) -> Any:
    mask = (margins > 0).astype(float)
    mask[rows, labels] = -mask.sum(axis=0)
    return mask


def one_axis_too_many(ctx: Any, g: Any) -> Any:
    shape, axis, _ = ctx
    return (np.ones(shape) * (g if axis is None else np.expand_dims(g, axis)),)


def one_axis_too_many_to_broadcast(ctx: Any, g: Any) -> Any:
    shape, axis, _ = ctx
    spread = g if axis is None else np.expand_dims(g, axis)
    return (np.broadcast_to(spread, shape).copy(),)


def zeroed_where_not_larger(ctx: Any, grad_output: Any) -> Any:
    x, y = ctx
    grad_output[x <= y] = 0
    return grad_output, 0 * grad_output


def a_tensor_slipped_in(ctx: Any, g: Any) -> Any:
    return g * Tensor(2.0), g * ctx[0]


RULES: list[tuple[str, str, Rule]] = [
    # 1 upstream forgotten
    ("mul", "upstream", lambda c, g: (c[1], c[0])),
    ("power", "upstream", lambda c, g: (c[1] * c[0] ** (c[1] - 1),)),
    ("exp", "upstream", lambda c, g: (np.array(c[0]),)),
    ("sum", "upstream", lambda c, g: (np.ones(c[0]),)),
    ("tanh", "upstream", lambda c, g: (1 - c[0] ** 2,)),
    ("matmul", "upstream", lambda c, g: (c[1].T + 0, c[0].T + 0)),
    (
        "softmax_cross_entropy",
        "upstream",
        lambda c, g: ((c[0] - one_hot(c[1], c[0])) / len(c[1]),),
    ),
    ("maximum", "mask", lambda c, g: (c[0] > c[1], c[0] < c[1])),
    ("maximum", "upstream", lambda c, g: (1.0 * (c[0] > c[1]), 1.0 * (c[0] <= c[1]))),
    # 2 upstream passed through
    ("mul", "passed", lambda c, g: (g, g)),
    ("power", "passed", lambda c, g: (g,)),
    ("exp", "passed", lambda c, g: (g,)),
    ("sum", "unfilled", lambda c, g: (g,)),
    ("square", "passed", lambda c, g: (g,)),
    # 3 upstream twice
    ("mul", "twice", lambda c, g: (g * g * c[1], g * g * c[0])),
    ("square", "twice", lambda c, g: (2 * c[0] * g**2,)),
    ("sum", "twice", lambda c, g: (np.ones(c[0]) * shape_of_sum(c, g) ** 2,)),
    # 8 averaged
    ("sum", "averaged", lambda c, g: (np.ones(c[0]) * shape_of_sum(c, g) / np.prod(c[0]),)),
    ("matmul", "averaged", matmul_with(lambda a, b: (a / a.shape[0], b / b.shape[0]))),
    # 9 the division is missing
    ("softmax_cross_entropy", "unaveraged", lambda c, g: (g * (c[0] - one_hot(c[1], c[0])),)),
    (
        "hinge",
        "unaveraged",
        lambda c, g: (
            g * ((c[0] > 0) - one_hot(c[1], c[0]) * np.sum(c[0] > 0, axis=1, keepdims=True)),
        ),
    ),
    # 10 transposed
    ("matmul", "transposed", matmul_with(lambda a, b: (a.T, b.T))),
    # 11 * for @
    ("matmul", "product", lambda c, g: (g * c[1], g * c[0])),
    ("matmul", "product", lambda c, g: (g @ c[1], c[0] @ g)),
    ("matmul", "vectors", lambda c, g: (g @ c[1].T, c[0].T @ g)),
    # 12 wrong order, 13 own operand
    ("maximum", "swapped", lambda c, g: (g * (c[0] <= c[1]), g * (c[0] > c[1]))),
    ("matmul", "swapped", matmul_with(lambda a, b: (b, a))),
    ("maximum", "masked_value", lambda c, g: (g * c[0] * (c[0] > c[1]), g * c[1] * (c[0] <= c[1]))),
    ("maximum", "scalars_only", lambda c, g: (g, 0 * g) if c[0] > c[1] else (0 * g, g)),
    ("mul", "swapped own", lambda c, g: (g * c[0], g * c[1])),
    ("mul", "own", lambda c, g: (g * c[0], g * c[0])),
    # 14 sign
    ("mul", "sign", lambda c, g: (g * c[1], -g * c[0])),
    ("negate", "passed sign", lambda c, g: (g,)),
    ("reciprocal", "sign", lambda c, g: (g / c[0] ** 2,)),
    ("exp", "sign", lambda c, g: (-g * c[0],)),
    (
        "softmax_cross_entropy",
        "sign",
        lambda c, g: (g * (one_hot(c[1], c[0]) - c[0]) / len(c[1]),),
    ),
    # 15 factor 2, exponents
    ("square", "half", lambda c, g: (g * c[0],)),
    ("square", "double", lambda c, g: (4 * g * c[0],)),
    ("matmul", "double", matmul_with(lambda a, b: (2 * a, 2 * b))),
    ("power", "exponent", lambda c, g: (g * c[0] ** (c[1] - 1),)),
    ("power", "lowered", lambda c, g: (g * c[1] * c[0] ** c[1],)),
    # 17 the wrong variable, a part missing
    ("tanh", "square", lambda c, g: (g * (1 - c[0]),)),
    ("tanh", "point", lambda c, g: (g * (1 - np.tanh(c[0]) ** 2),)),
    ("reciprocal", "square", lambda c, g: (-g / c[0],)),
    ("reciprocal", "variable", lambda c, g: (-g * c[0] ** 2,)),
    # 19 ties
    ("maximum", "tie_both", lambda c, g: (g * (c[0] >= c[1]), g * (c[1] >= c[0]))),
    ("maximum", "tie_none", lambda c, g: (g * (c[0] > c[1]), g * (c[1] > c[0]))),
    # 20, 21 losses
    ("softmax_cross_entropy", "diagonal", lambda c, g: (g * c[0] * (1 - c[0]) / len(c[1]),)),
    ("softmax_cross_entropy", "label", lambda c, g: (g * c[0] / len(c[1]),)),
    (
        "softmax_cross_entropy",
        "label_everywhere",
        lambda c, g: (g * (c[0] - 1) / len(c[1]),),
    ),
    ("softmax_cross_entropy", "rows_columns", rows_of_labels),
    ("softmax_cross_entropy", "whole_columns", columns_of_labels),
    ("hinge", "label", lambda c, g: (g * (c[0] > 0) / len(c[1]),)),
    (
        "hinge",
        "label_count",
        lambda c, g: (g * ((c[0] > 0) - one_hot(c[1], c[0])) / len(c[1]),),
    ),
    ("hinge", "margins", lambda c, g: (g * c[0] / len(c[1]),)),
    ("softmax_cross_entropy", "label_everywhere", lambda c, g: (g * (c[0] - 1),)),
    (
        "softmax_cross_entropy",
        "label_everywhere",
        lambda c, g: (g * (c[0] - c[1][:, None]) / len(c[1]),),
    ),
    (
        "softmax_cross_entropy",
        "brackets",
        lambda c, g: (g * c[0] - one_hot(c[1], c[0]) / len(c[1]),),
    ),
    (
        "softmax_cross_entropy",
        "brackets",
        lambda c, g: (g * (c[0] - one_hot(c[1], c[0]) / len(c[1])),),
    ),
    ("hinge", "own_column", label_columns(zero_counted)),
    ("hinge", "bool_array", label_columns(bools_filled)),
    ("hinge", "bool_array", label_columns(bools_subtracted)),
    ("hinge", "all_rows", label_columns(counted_together)),
    ("hinge", "all_rows", label_columns(counted_down)),
    # brackets
    ("tanh", "brackets", lambda c, g: (g * 1 - c[0] ** 2,)),
    ("power", "brackets", lambda c, g: (g * c[1] * c[0] ** c[1] - 1,)),
    ("reciprocal", "cancelled", lambda c, g: (-g / c[0] * c[0],)),
    # axes
    ("sum", "keepdims", one_axis_too_many),
    ("sum", "keepdims", one_axis_too_many_to_broadcast),
    ("sum", "axis_kinds", lambda c, g: (np.ones(c[0]) * np.expand_dims(g, c[1]),)),
    # 22, 23, 24 memory
    ("mul", "changed_upstream", lambda c, g: (g * c[1], g * c[1] * c[0])),
    ("maximum", "not_yours", zeroed_where_not_larger),
    ("mul", "changed_upstream", multiplied_in_place),
    ("square", "changed_upstream", squared_in_place),
    ("mul", "changed_saved", changed_operand),
    ("exp", "changed_saved", exp_in_saved),
    ("sum", "readonly", writes_into_view),
    ("mul", "readonly", writes_into_row_view),
    # 25 ctx
    ("mul", "ctx", lambda c, g: (g * c[2], g * c[1])),
    ("exp", "ctx", lambda c, g: (g * c[1],)),
    ("exp", "ctx_whole", lambda c, g: (g * c,)),
    ("square", "ctx_whole", lambda c, g: (2 * c * g,)),
    ("tanh", "ctx_whole", lambda c, g: (g * (1 - c**2),)),
    ("exp", "point", lambda c, g: (g * np.exp(c[0]),)),
    # 26 shapes
    ("sum", "axis", lambda c, g: (np.ones(c[0]) * g,)),
    ("square", "shape", lambda c, g: ((2 * c[0] * g)[None],)),
    ("matmul", "shape", matmul_with(lambda a, b: (a[None], b[None]))),
    ("mul", "shape", lambda c, g: ((g * c[1])[None], (g * c[0])[None])),
    ("mul", "shape", lambda c, g: (np.ravel(g * c[1]), np.ravel(g * c[0]))),
    ("mul", "shape", lambda c, g: (np.sum(g * c[1]), np.sum(g * c[0]))),
    # 35 plain numbers
    ("mul", "arrays_only", lambda c, g: (g * c[1] * len(g) / len(g), g * c[0])),
    ("negate", "arrays_only", lambda c, g: (np.array([-one for one in g]) + 0 * g[0],)),
    # 27 truncation
    ("square", "truncated", lambda c, g: ((2 * c[0] * g).astype(int),)),
    ("mul", "truncated", lambda c, g: (np.round(g * c[1]), np.round(g * c[0]))),
    # 28 structure
    ("exp", "tuple", lambda c, g: g * c[0]),
    ("mul", "second", lambda c, g: g * c[1]),
    ("negate", "tuple", lambda c, g: -g),
    ("mul", "none", lambda c, g: None),
    ("exp", "none", lambda c, g: (None,)),
    ("power", "count", lambda c, g: (g * c[1] * c[0] ** (c[1] - 1), 0.0)),
    ("mul", "second", lambda c, g: (g * c[1],)),
    # 29 repeated rows
    ("lookup", "repeated", last_row_wins),
    ("lookup", "repeated", assigned_rows),
    # 31 memory of earlier calls
    ("negate", "random", remembers),
    ("exp", "random", remembers_exp),
    # 34 hard-coded, other cells
    ("power", "fixed", lambda c, g: (g * 2 * c[0],)),
    ("mul", "elsewhere", lambda c, g: (g * upstream_of_mine, g)),  # type: ignore[name-defined]  # noqa: F821
    ("mul", "foreign_tensor", a_tensor_slipped_in),
    # others
    ("mul", "zero", lambda c, g: (0 * g, 0 * g)),
    ("square", "zero", lambda c, g: (0 * g,)),
    ("square", "value", lambda c, g: (g * c[0] ** 2,)),
]


@pytest.mark.parametrize(
    ("name", "expected", "rule"),
    RULES,
    ids=[f"{name}-{expected}-{i}" for i, (name, expected, _) in enumerate(RULES)],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_wrong_rule_is_caught_and_its_mistake_is_named(
    name: str, expected: str, rule: Rule, seed: int
) -> None:
    report = rule_report(name, rule, seed)
    assert report.fraction < 1.0
    assert report.mistake == " or ".join(mistake.name for mistake in names_of(expected.split()))


def saved_input(ctx: list[Any], x: Any) -> Any:
    ctx.append(x)
    return np.maximum(x, 0.0)


def zeroed_in_place(ctx: Any, g: Any) -> Any:
    if g.ndim:
        g[ctx[0] <= 0] = 0
        return (g,)
    return (g * (ctx[0] > 0),)


def clipped_in_place(ctx: list[Any], x: Any) -> Any:
    ctx.append(x > 0)
    return np.maximum(x, 0.0, out=x) if x.ndim else max(x, 0.0)


def logistic(ctx: list[Any], x: Any) -> Any:
    decay = np.exp(-np.abs(x))
    output = np.where(x < 0, decay, 1.0) / (1.0 + decay)
    ctx.extend((x, output))
    return output


def careless_logistic(ctx: list[Any], x: Any) -> Any:
    ctx.append(np.exp(x) / (1 + np.exp(x)))
    return ctx[0]


def add_row(ctx: list[Any], x: Any, b: Any) -> Any:
    return x + b


def squares(ctx: list[Any], W: Any, x: Any) -> Any:
    ctx.extend((W, x))
    return np.sum((W @ x) ** 2)


def rooted(ctx: list[Any], W: Any, x: Any) -> Any:
    return np.sqrt(squares(ctx, W, x))


def norm_with(change: Callable[[Any, Any], Any]) -> Rule:
    """Return a rule for norm_squared in which `change` distorts the two gradients."""

    def rule(ctx: Any, g: Any) -> Any:
        W, x = ctx
        return change(2 * g * np.outer(W @ x, x), 2 * g * W.T @ (W @ x))

    return rule


def math_logistic(ctx: list[Any], x: Any) -> Any:
    ctx.append(1 / (1 + math.exp(-x)))
    return ctx[0]


def mirrored_logistic(ctx: list[Any], x: Any) -> Any:
    ctx.append(1 / (1 + np.exp(-np.abs(x))))
    return ctx[0]


def squares_kept(ctx: list[Any], W: Any, x: Any) -> Any:
    ctx.extend((W, x))
    return (W @ x) ** 2


def appended_at_once(ctx: Any, W: Any, x: Any) -> Any:
    ctx.append(W, x)
    return np.sum((W @ x) ** 2)


WHOLE: list[tuple[str, str, Callable[..., Any], Rule]] = [
    ("relu", "upstream_mask", saved_input, lambda c, g: (g * (g > 0),)),
    ("relu", "inverted", saved_input, lambda c, g: (g * (c[0] < 0),)),
    ("relu", "passed", saved_input, lambda c, g: (g,)),
    ("relu", "mask", saved_input, lambda c, g: (c[0] > 0,)),
    ("relu", "upstream", saved_input, lambda c, g: (1.0 * (c[0] > 0),)),
    ("relu", "changed_upstream", saved_input, zeroed_in_place),
    ("relu", "changed_saved", clipped_in_place, lambda c, g: (g * c[0],)),
    ("relu", "ctx", lambda c, x: np.maximum(x, 0.0), lambda c, g: (g * (c[0] > 0),)),
    ("sigmoid", "variable", logistic, lambda c, g: (g * c[0] * (1 - c[0]),)),
    ("sigmoid", "factor value", logistic, lambda c, g: (g * c[1],)),
    ("sigmoid", "factor", logistic, lambda c, g: (g * (1 - c[1]),)),
    ("sigmoid", "overflow", careless_logistic, lambda c, g: (g * c[0] * (1 - c[0]),)),
    ("sigmoid", "math_module", math_logistic, lambda c, g: (g * c[0] * (1 - c[0]),)),
    ("sigmoid", "positive_only", mirrored_logistic, lambda c, g: (g * c[0] * (1 - c[0]),)),
    ("sigmoid", "brackets", logistic, lambda c, g: (g * c[1] * 1 - c[1],)),
    ("norm_squared", "sum_of_squares", squares_kept, norm_with(lambda W, x: (W, x))),
    ("norm_squared", "append", appended_at_once, norm_with(lambda W, x: (W, x))),
    ("add_bias", "one_copy", add_row, lambda c, g: (g, g[:1])),
    ("add_bias", "unsummed", add_row, lambda c, g: (g, g)),
    ("add_bias", "unsummed", add_row, lambda c, g: (g, g.copy())),
    ("add_bias", "unsummed", add_row, lambda c, g: (g, 2 * g)),
    ("add_bias", "unsummed", add_row, lambda c, g: (g, np.ones(g.shape))),
    ("add_bias", "one_copy", add_row, lambda c, g: (g, g[0])),
    ("add_bias", "averaged", add_row, lambda c, g: (g, g.mean(axis=0))),
    ("add_bias", "axis", add_row, lambda c, g: (g, g.sum(axis=1))),
    ("add_bias", "shape", add_row, lambda c, g: (g, g.sum(axis=0, keepdims=True))),
    ("norm_squared", "sum_of_squares", rooted, norm_with(lambda W, x: (W, x))),
    ("norm_squared", "half", squares, norm_with(lambda W, x: (W / 2, x / 2))),
    ("norm_squared", "transposed", squares, norm_with(lambda W, x: (W.T, x))),
    ("norm_squared", "sign", squares, norm_with(lambda W, x: (W, -x))),
    ("norm_squared", "upstream", squares, lambda c, g: norm_with(lambda W, x: (W, x))(c, 1.0)),
]


@pytest.mark.parametrize(
    ("name", "expected", "forward", "backward"),
    WHOLE,
    ids=[f"{row[0]}-{row[1]}-{i}" for i, row in enumerate(WHOLE)],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_wrong_whole_operation_is_caught_and_its_mistake_is_named(
    name: str, expected: str, forward: Callable[..., Any], backward: Rule, seed: int
) -> None:
    report = whole_report(name, forward, backward, seed)
    assert report.fraction < 1.0
    assert report.mistake == " or ".join(mistake.name for mistake in names_of(expected.split()))


# --- what is said, and what is not ------------------------------------------------------------


def test_a_rule_that_is_wrong_in_an_unknown_way_gets_no_name() -> None:
    report = rule_report("mul", lambda c, g: (g * np.cos(c[1]), g * np.sin(c[0])))
    assert report.fraction == 0.0
    assert report.mistake is None
    assert any("No mistake on our list" in line for line in report.lines())


def test_the_output_s_shape_leads_to_the_question_about_copies() -> None:
    report = whole_report("add_bias", add_row, lambda c, g: (g, g))
    assert report.kind == CATALOGUE["unsummed"].kind
    assert report.question == CATALOGUE["unsummed"].question


def test_what_is_the_same_for_a_product_is_said_in_one_sentence() -> None:
    report = rule_report("mul", lambda c, g: (g * c[0], g * c[1]))
    assert "This fits" not in report.kind
    assert "in each other's place" in report.kind
    assert "own value" in report.kind
    assert all(len(words) < 200 for pair in TOGETHER.values() for words in pair)
    assert all(key in CATALOGUE for keys in TOGETHER for key in keys)


def test_code_that_stops_in_an_unknown_way_is_asked_about_its_line() -> None:
    report = rule_report("mul", lambda c, g: g.no_such_thing)
    assert report.mistake is None
    assert report.kind == "Python stopped before there was a gradient."
    assert report.question.startswith("Read the line above.")
    assert any("no_such_thing" in line for line in report.where)
    assert "work it out on paper" not in " ".join(report.lines())


def test_the_numbers_of_a_small_case_are_shown_where_no_mistake_is_known() -> None:
    report = rule_report("mul", lambda c, g: (g * np.cos(c[1]), g * np.sin(c[0])))
    assert any(re.match(r"with x = .*, y = .*, grad_output = ", line) for line in report.where)
    assert "work it out on paper" in report.question
    assert report.reread
    assert any(line.startswith("Reread: ") for line in report.lines(4))


def test_of_larger_cases_the_smallest_is_shown_with_its_numbers() -> None:
    report = rule_report("matmul", matmul_with(lambda a, b: (np.cos(a), np.cos(b))))
    assert report.mistake is None
    assert re.match(r"x \(\d,\), y \(\d,\): gradient of x", report.where[0])
    assert any("grad_output = " in line for line in report.where)
    assert any("this is one of them" in line for line in report.where)


def test_a_named_mistake_is_shown_where_it_was_seen() -> None:
    report = rule_report("mul", lambda c, g: (g * np.cos(c[1]), -g * c[0]))
    assert report.mistake == CATALOGUE["sign"].name
    assert "gradient of y" in report.where[0]
    assert not any("gradient of x" in line for line in report.where)


def test_a_wrong_value_of_forward_comes_before_wrong_gradients() -> None:
    report = whole_report("norm_squared", rooted, norm_with(lambda W, x: (-W, -x)))
    assert "the value from forward" in report.where[0]
    assert report.mistake == CATALOGUE["sum_of_squares"].name


def test_factors_that_do_not_fit_are_shown_by_their_shapes_and_the_whole_line() -> None:
    def rule(ctx: Any, grad_output: Any) -> Any:
        x, y = ctx
        return grad_output @ y, x.T @ grad_output

    report = rule_report("matmul", rule)
    assert report.where[0].endswith("for @ these shapes do not fit: (2, 4) @ (3, 4)")
    assert report.where[1].endswith(": return grad_output @ y, x.T @ grad_output")
    assert report.mistake == CATALOGUE["product"].name

    report = rule_report("matmul", lambda c, g: (g @ (c[1] + 0), c[0]))
    assert report.where[0].endswith("for @ these shapes do not fit: the inner sizes are 4 and 3")


def test_a_tensor_from_another_cell_is_called_so_and_the_input_by_its_name() -> None:
    report = rule_report("mul", a_tensor_slipped_in)
    assert "the gradient of x is a Tensor" in report.where[0]
    assert "a name from another cell (such as z)" in report.where[0]


def test_a_label_used_as_a_row_is_asked_about_rows_and_columns() -> None:
    report = rule_report("softmax_cross_entropy", rows_of_labels)
    assert "IndexError" in report.where[0]
    assert report.question.startswith("Rows and columns: which index chooses the row")


def test_a_mistake_in_one_gradient_is_named_though_the_other_one_has_another() -> None:
    report = rule_report("mul", lambda c, g: (c[1] * g * g, -g * c[0]))
    assert report.mistake == CATALOGUE["twice"].name


def test_a_mistake_that_right_cases_rule_out_is_not_named() -> None:
    # Wrong for matrices only: "ones for the upstream" would be wrong for numbers, too.
    def rule(ctx: Any, g: Any) -> Any:
        x, y = ctx
        return (g * y, g * x) if np.ndim(g) == 0 else (g * y + 0.5, g * x + 0.5)

    report = rule_report("mul", rule)
    assert report.facets["scalars"]
    assert not report.facets["arrays"]
    assert report.mistake is None


def test_each_kind_of_the_brief_list_is_named_on_two_exercises() -> None:
    named: dict[int, set[str]] = {}
    for name, expected, *_ in (*RULES, *WHOLE):
        for mistake in names_of(expected.split()):
            named.setdefault(mistake.number, set()).add(name)
    for number in (1, 2, 3, 8, 9, 10, 14, 15, 17, 22, 23, 24, 25, 26, 27, 28, 31):
        assert len(named[number]) >= 2, number
    # These belong to one exercise each.
    for number in (7, 11, 12, 13, 18, 19, 20, 21, 29, 32, 34):
        assert named[number], number


FORMULAS = ("grad_output *", "* grad_output", "g *", "ctx[", "1 -", "** 2", ".T @", "np.ones", "=")


@pytest.mark.parametrize("key", CATALOGUE)
def test_no_text_about_a_mistake_contains_a_formula(key: str) -> None:
    mistake = CATALOGUE[key]
    for text in (mistake.name, mistake.kind, mistake.question):
        # The operators += and *= may be mentioned, and the names of things.
        plain = text.replace("+=", "").replace("*=", "")
        assert not [part for part in FORMULAS if part in plain], text
        assert len(text) < 200
    assert mistake.question.endswith("?")
    assert mistake.kind.endswith(".")
    assert mistake.reread


def test_errors_and_flags_lead_to_known_mistakes() -> None:
    assert from_error("IndexError: list index out of range", "mul") == ("ctx",)
    assert from_error("ValueError: operands could not be broadcast", "matmul") == ("product",)
    assert from_error("ValueError: operands could not be broadcast", "sum") == ("axis",)
    out_of_bounds = "IndexError: index 3 is out of bounds for axis 0 with size 3"
    assert from_error(out_of_bounds, "softmax_cross_entropy") == ("rows_columns",)
    assert from_error(out_of_bounds, "mul") == ()
    assert from_error("KeyError: 'v'", "backpropagate") == ("left_out",)
    assert from_error("ZeroDivisionError: division by zero", "mul") == ()
    assert from_flags({"warned"}) == ()
    assert from_flags({"shares_memory", "changed_ctx"}) == ("changed_saved",)


@pytest.mark.parametrize(
    ("exercise", "message", "line", "key"),
    [
        (
            "mul",
            "TypeError: mul_backward() takes 1 positional argument but 2 were given",
            "",
            "signature",
        ),
        (
            "relu",
            "TypeError: relu.backward() missing 1 required positional argument: 'g'",
            "",
            "signature",
        ),
        (
            "regularised_hinge",
            "TypeError: hinge.forward() takes 2 positional arguments but 3 were given",
            "",
            "constants",
        ),
        (
            "backpropagate",
            "TypeError: 'NoneType' object is not iterable",
            "line 3: for n in order.reverse():",
            "returned_none",
        ),
        ("sigmoid", "OverflowError: math range error", "line 2: return math.exp(x)", "math_module"),
        (
            "sigmoid",
            "TypeError: only 0-dimensional arrays can be converted to Python scalars",
            "line 2: e = math.exp(-y)",
            "math_module",
        ),
        (
            "softmax_cross_entropy",
            "ValueError: operands could not be broadcast together",
            "line 3: p = p - labels",
            "label_everywhere",
        ),
        (
            "softmax_cross_entropy",
            "ValueError: operands could not be broadcast together",
            "line 3: p = p * g",
            "axis",
        ),
        (
            "maximum",
            "TypeError: 'numpy.float64' object does not support item assignment",
            "line 3: grad_output[mask] = 0",
            "not_yours",
        ),
        (
            "maximum",
            "TypeError: 'numpy.float64' object does not support item assignment",
            "line 3: mine[mask] = 0",
            "arrays_only",
        ),
        (
            "sum",
            "TypeError: 'NoneType' object cannot be interpreted as an integer",
            "",
            "axis_kinds",
        ),
        (
            "mul",
            "returned 1 gradient; expected a tuple with 2 gradients, one per input.",
            "",
            "second",
        ),
        (
            "exp",
            "a tuple with 1 gradient, one per input. Return them in the order of the inputs.",
            "",
            "count",
        ),
    ],
)
def test_an_error_is_known_by_its_words_its_line_and_the_exercise(
    exercise: str, message: str, line: str, key: str
) -> None:
    assert from_error(message, exercise, line) == (key,)
    assert key in CATALOGUE


def test_hostile_errors_are_data() -> None:
    long = "TypeError: " + "a" * 2000 + "()" * 500
    assert from_error(long, "mul", long) == ()
    assert from_error("TypeError: ...() takes", "mul", "\x00") == ()


def test_every_symptom_and_every_special_case_is_a_known_mistake() -> None:
    assert {symptom.mistake for symptom in SYMPTOMS} <= set(CATALOGUE)
    assert {*NARROWER, *NARROWER.values()} <= set(CATALOGUE)
    assert names_of(["product", "vectors"]) == [CATALOGUE["vectors"]]


def test_specific_mistakes_are_named_before_general_ones() -> None:
    assert names_of(["ignores", "upstream"]) == [CATALOGUE["upstream"]]
    assert names_of(["ignores"]) == [CATALOGUE["ignores"]]
    assert names_of(["no such key"]) == []
