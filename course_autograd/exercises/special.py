"""Hypotheses that make sense for one operation only: what students do wrong in *its* derivative.

Students can read this file. So wrong results are made by distorting the measured truth wherever
that is possible, and no derivative stands here in the form in which one would write it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from course_autograd.exercises.evidence import Evidence, Prediction
from course_autograd.numeric import Array, jacobian

Special = Callable[[Evidence], Prediction]

# --- functions of one variable -------------------------------------------------------------------


def sigmoid_variable(e: Evidence) -> Prediction:
    """The formula in terms of the output, fed with the input."""
    sent = e.upstream * e.inputs[0]
    yield "", sent - sent * e.inputs[0]


def sigmoid_factor(e: Evidence) -> Prediction:
    """Only one of the two factors."""
    yield "output", e.upstream * e.output
    yield "rest", e.upstream - e.upstream * e.output


def tanh_variable(e: Evidence) -> Prediction:
    """The formula in terms of the output, fed with the input."""
    yield "", e.truth[0] + e.upstream * (e.output**2 - e.inputs[0] ** 2)


def tanh_square(e: Evidence) -> Prediction:
    """The square forgotten."""
    yield "", e.upstream - e.upstream * e.output


def sigmoid_other(e: Evidence) -> Prediction:
    """The derivative that belongs to tanh."""
    yield "", e.upstream - e.upstream * e.output**2


def tanh_other(e: Evidence) -> Prediction:
    """The derivative that belongs to sigmoid."""
    sent = e.upstream * e.output
    yield "", sent - sent * e.output


def sigmoid_brackets(e: Evidence) -> Prediction:
    """The upstream gradient with one part of the derivative only."""
    yield "", e.upstream * e.output - e.output
    yield "", e.upstream * e.output - e.output**2


def tanh_brackets(e: Evidence) -> Prediction:
    """The upstream gradient with one part of the derivative only."""
    yield "", e.upstream - e.output**2


def power_brackets(e: Evidence) -> Prediction:
    """The 1 taken from the whole, not from the exponent."""
    yield "", e.truth[0] * e.inputs[0] - 1.0


def reciprocal_cancelled(e: Evidence) -> Prediction:
    """Divided by the input, and multiplied with it again."""
    yield "", e.truth[0] * e.inputs[0] ** 2


def exp_variable(e: Evidence) -> Prediction:
    """The input where the output belongs; or treated like a power of x."""
    yield "", e.upstream * e.inputs[0]
    yield "power", e.truth[0] * e.inputs[0] / np.e


def reciprocal_variable(e: Evidence) -> Prediction:
    """The input where the output belongs, with either sign."""
    distorted = e.truth[0] * e.inputs[0] ** 4
    yield "", distorted
    yield "positive", -distorted


def reciprocal_square(e: Evidence) -> Prediction:
    """The square forgotten, with either sign."""
    distorted = e.truth[0] * e.inputs[0]
    yield "", distorted
    yield "positive", -distorted


def power_exponent(e: Evidence) -> Prediction:
    """The power without the factor in front."""
    yield "", e.truth[0] / e.options["exponent"]


def power_lowered(e: Evidence) -> Prediction:
    """The power with the old exponent."""
    yield "", e.truth[0] * e.inputs[0]


def power_fixed(e: Evidence) -> Prediction:
    """The rule of one exponent for all exponents."""
    for fixed in (2, 3):
        yield str(fixed), jacobian(e.forward, e.inputs, {"exponent": fixed}).vjp(e.upstream)[0]


def power_unpacked(e: Evidence) -> Prediction:
    """Base and exponent in each other's place."""
    base = np.full(e.inputs[0].shape, float(e.options["exponent"]))
    swapped = jacobian(lambda _ctx, moved: moved ** e.inputs[0], (base,)) if base.size else None
    if swapped is not None:
        yield "", swapped.vjp(e.upstream)[0]


def relu_upstream_mask(e: Evidence) -> Prediction:
    """Relu applied to the upstream."""
    yield "", e.upstream * (e.upstream > 0)


def relu_inverted(e: Evidence) -> Prediction:
    """The gradient where none passes, and none where it passes."""
    yield "", e.upstream - e.truth[0]


# --- losses --------------------------------------------------------------------------------------
# Each is tried with the division by the number of rows, and ("N") without it.


def _rows(e: Evidence) -> tuple[Array, Array, tuple[tuple[str, float], ...]]:
    """Return the scores, the labels as ones and zeros, and the two possible scales."""
    scores = e.inputs[0]
    hot = np.zeros(scores.shape)
    hot[np.arange(len(scores)), e.options["labels"]] = 1.0
    return scores, hot, (("", 1.0 / len(scores)), ("N", 1.0))


def _softmax(scores: Array, axis: int = 1) -> Array:
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    shares: Array = powers / powers.sum(axis=axis, keepdims=True)
    return shares


def cross_entropy_diagonal(e: Evidence) -> Prediction:
    """Each probability as a function of its own score only."""
    scores, hot, scales = _rows(e)
    p = _softmax(scores)
    for note, scale in scales:
        yield note, e.upstream * p * (1 - p) * scale
        yield note, e.truth[0] * p * (1 - p) * scale * len(hot)


def cross_entropy_label(e: Evidence) -> Prediction:
    """The column of the label treated like the others."""
    scores, _, scales = _rows(e)
    for note, scale in scales:
        yield note, e.upstream * _softmax(scores) * scale


def cross_entropy_label_only(e: Evidence) -> Prediction:
    """Nothing in the columns of the other classes."""
    _, hot, scales = _rows(e)
    for note, scale in scales:
        yield note, e.truth[0] * hot * scale * len(hot)


def cross_entropy_label_twice(e: Evidence) -> Prediction:
    """The label's own share taken off twice."""
    _, hot, scales = _rows(e)
    for note, scale in scales:
        yield note, (e.truth[0] * len(hot) - e.upstream * hot) * scale


def cross_entropy_everywhere(e: Evidence) -> Prediction:
    """Every column treated like that of the label."""
    _, hot, scales = _rows(e)
    numbers = e.options["labels"]
    for note, scale in scales:
        yield note, (e.truth[0] * len(hot) - e.upstream * (1 - hot)) * scale
        for labels in (numbers[:, None], numbers):
            if labels.ndim == 2 or len(labels) in (1, hot.shape[1]):
                yield note, (e.truth[0] * len(hot) + e.upstream * (hot - labels)) * scale


def cross_entropy_rows(e: Evidence) -> Prediction:
    """The labels taken for numbers of rows."""
    _, hot, scales = _rows(e)
    labels = e.options["labels"]
    for note, scale in scales:
        whole = e.truth[0] * len(hot) + e.upstream * hot
        if np.max(labels) < len(hot):
            rows = np.zeros(hot.shape)
            rows[labels] = 1.0
            yield note, (whole - e.upstream * rows) * scale


def cross_entropy_columns(e: Evidence) -> Prediction:
    """The columns of all labels changed in all rows."""
    _, hot, scales = _rows(e)
    for note, scale in scales:
        whole = e.truth[0] * len(hot) + e.upstream * hot
        yield note, (whole - e.upstream * hot.max(axis=0)) * scale
        yield note, (whole - e.upstream * hot.sum(axis=0)) * scale


def cross_entropy_brackets(e: Evidence) -> Prediction:
    """A factor that reaches one of the two parts only."""
    _, hot, _ = _rows(e)
    both = e.truth[0] * len(hot) + e.upstream * hot
    yield "upstream", both - hot / len(hot)
    yield "upstream", both / len(hot) - hot / len(hot)
    yield "upstream", both / len(hot) - hot
    yield "rows", both - e.upstream * hot / len(hot)
    yield "rows", both / len(hot) - e.upstream * hot


def cross_entropy_axis(e: Evidence) -> Prediction:
    """Probabilities taken down the columns."""
    scores, hot, scales = _rows(e)
    for note, scale in scales:
        shift = _softmax(scores, axis=0) - _softmax(scores)
        yield note, (e.truth[0] * len(hot) + e.upstream * shift) * scale


def hinge_label(e: Evidence) -> Prediction:
    """Nothing in the column of the label."""
    _, hot, scales = _rows(e)
    for note, scale in scales:
        yield note, e.truth[0] * (1 - hot) * scale * len(hot)


def hinge_label_count(e: Evidence) -> Prediction:
    """One share for the label, however many margins are active."""
    _, hot, scales = _rows(e)
    for note, scale in scales:
        others = e.truth[0] * (1 - hot) * len(hot)
        yield note, (others - e.upstream * hot) * scale


def hinge_own_column(e: Evidence) -> Prediction:
    """Entries that hold 0 counted, too: all of them, or the one of the label."""
    scores, hot, scales = _rows(e)
    classes = scores.shape[1]
    for note, scale in scales:
        for own in (classes, classes - 1):
            yield note, e.upstream * ((1 - hot) - own * hot) * scale
        yield note, (e.truth[0] * len(hot) - e.upstream * hot) * scale


def hinge_bool_array(e: Evidence) -> Prediction:
    """True where a count belongs."""
    _, hot, scales = _rows(e)
    for note, scale in scales:
        whole = e.truth[0] * len(hot)
        yield note, (whole * (1 - hot) + e.upstream * hot * (whole != 0)) * scale


def hinge_all_rows(e: Evidence) -> Prediction:
    """The active margins of all rows counted for each."""
    _, hot, scales = _rows(e)
    for note, scale in scales:
        others = e.truth[0] * (1 - hot) * len(hot)
        yield note, (others - hot * others.sum()) * scale


def hinge_margins(e: Evidence) -> Prediction:
    """The sizes of the margins in place of ones."""
    scores, hot, scales = _rows(e)
    own = (scores * hot).sum(axis=1, keepdims=True)
    margins = np.maximum(0, scores - own + 1) * (1 - hot)
    for note, scale in scales:
        yield note, e.upstream * margins * scale
        whole = margins - hot * margins.sum(axis=1, keepdims=True)
        yield note + "label", e.upstream * whole * scale


# --- a norm ---


def norm_one_row(e: Evidence) -> Prediction:
    """What comes from the last row of W alone, or from the first."""
    W, x = e.inputs
    for note, row in (("last", W[-1:]), ("first", W[:1])):
        if len(W) > 1:
            yield note, jacobian(e.forward, (row, x), e.options).vjp(e.upstream)[1]


def norm_value(e: Evidence) -> Prediction:
    """The squares themselves where their derivative belongs."""
    W, x = e.inputs
    yield "", 0.5 * e.truth[0] * (W @ x)[:, None]


# --- tables --------------------------------------------------------------------------------------


def lookup_repeated(e: Evidence) -> Prediction:
    """The last gradient of each row."""
    last = np.zeros(e.inputs[0].shape)
    last[e.options["rows"]] = e.upstream
    yield "", last


# --- values of forward -------------------------------------------------------------------------

Value = Callable[[Array, Array, Callable[..., Array]], bool]


def sigmoid_positive_only(found: Array, truth: Array, at: Callable[..., Array]) -> bool:
    """The value at the opposite number, for negative inputs."""
    return found.shape == truth.shape and np.allclose(found, at(np.abs), rtol=1e-9, atol=0.0)


def norm_unsummed_or_rooted(found: Array, truth: Array, _: Callable[..., Array]) -> bool:
    """The squares without their sum, or the root of the sum."""
    squares = found**2 if found.shape == () else found.sum()
    return bool(np.isclose(squares, truth, rtol=1e-9, atol=0.0))


VALUES: dict[str, tuple[tuple[str, Value], ...]] = {
    "sigmoid": (("positive_only", sigmoid_positive_only),),
    "norm_squared": (("sum_of_squares", norm_unsummed_or_rooted),),
}

# --- all of them -------------------------------------------------------------------------------

SPECIAL: dict[str, tuple[tuple[str, Special], ...]] = {
    "sigmoid": (
        ("variable", sigmoid_variable),
        ("factor", sigmoid_factor),
        ("other_function", sigmoid_other),
        ("brackets", sigmoid_brackets),
    ),
    "tanh": (
        ("variable", tanh_variable),
        ("square", tanh_square),
        ("other_function", tanh_other),
        ("brackets", tanh_brackets),
    ),
    "exp": (("variable", exp_variable),),
    "reciprocal": (
        ("variable", reciprocal_variable),
        ("square", reciprocal_square),
        ("cancelled", reciprocal_cancelled),
    ),
    "power": (
        ("exponent", power_exponent),
        ("lowered", power_lowered),
        ("fixed", power_fixed),
        ("ctx_order", power_unpacked),
        ("brackets", power_brackets),
    ),
    "norm_squared": (("overwritten", norm_one_row), ("value", norm_value)),
    "relu": (("upstream_mask", relu_upstream_mask), ("inverted", relu_inverted)),
    "softmax_cross_entropy": (
        ("softmax_axis", cross_entropy_axis),
        ("label", cross_entropy_label),
        ("label_only", cross_entropy_label_only),
        ("label_twice", cross_entropy_label_twice),
        ("label_everywhere", cross_entropy_everywhere),
        ("rows_columns", cross_entropy_rows),
        ("whole_columns", cross_entropy_columns),
        ("brackets", cross_entropy_brackets),
        ("diagonal", cross_entropy_diagonal),
    ),
    "hinge": (
        ("label_count", hinge_label_count),
        ("label", hinge_label),
        ("own_column", hinge_own_column),
        ("bool_array", hinge_bool_array),
        ("all_rows", hinge_all_rows),
        ("label_only", cross_entropy_label_only),
        ("margins", hinge_margins),
    ),
    "lookup": (("repeated", lookup_repeated),),
}
