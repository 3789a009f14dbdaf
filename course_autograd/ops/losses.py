"""From scores to probabilities and losses; none of them overflows for scores of +-1000."""

from __future__ import annotations

from typing import Any

import numpy as np

from course_autograd.domain import Domain, Example, Extreme, Kink
from course_autograd.errors import ShapeError
from course_autograd.operation import Operation, tensor_op
from course_autograd.ops.linear import column_sums, every_row
from course_autograd.ops.options import checked_axes, checked_labels

NEAR = 20.0  # the exponentials of scores closer to 0 than this need no shift: e^20 is 5e8
FAR = np.array([[1000.0, -1000.0, 999.0], [-1000.0, 0.5, -999.5]])
ALONG = (
    Example("arrays", ((5,),)),
    Example("arrays", ((3, 4),)),
    Example("axes", ((3, 4),), {"axis": 0}),
    Example("axes", ((2, 3, 4),), {"axis": 1}),
)


def labels_for(count: int, classes: int) -> Any:
    """Return a function that draws `count` labels from 0 to `classes` - 1."""
    return lambda rng: {"labels": rng.integers(0, classes, count)}


SCORES = (
    Example("one row", ((1, 4),), labels_for(1, 4)),
    Example("several rows", ((3, 4),), labels_for(3, 4)),
    Example("several rows", ((5, 3),), labels_for(5, 3)),
)


def single_axis(name: str, x: Any, axis: int) -> int:
    """Check that x has this one axis, with at least one entry, and return it."""
    shape = np.shape(x)
    if axis == -1 and type(axis) is int and shape and shape[-1]:
        return axis
    axes = checked_axes(name, axis, len(shape))
    if len(axes) != 1 or not shape[axes[0]]:
        raise ShapeError(
            f"{name}: expected one axis with at least one entry, got axis={axis!r} for a value of "
            f"shape {shape}."
        )
    return axes[0]


def exponentials(scores: Any, axis: int) -> tuple[Any, Any]:
    """Return `scores`, shifted along `axis` where softmax needs it, and their exponentials.

    A shift, which changes no probability, keeps the exponentials from overflowing, and from all
    vanishing. Scores close to 0, as they nearly always are, do neither.
    """
    # Where the smallest and the largest are is found several times faster than what they are.
    if not (
        scores.size
        and scores.dtype.itemsize >= 4  # e^12 is too large for float16
        and scores.item(scores.argmin()) > -NEAR  # not so where an entry is nan
        and scores.item(scores.argmax()) < NEAR
    ):
        scores = scores - np.maximum.reduce(scores, axis=axis, keepdims=True)
    return scores, np.exp(scores)


@tensor_op
class softmax(Operation):
    """z_i = e^{x_i} / sum_j e^{x_j} along one axis (the last by default).

    ctx holds [output, axis].
    """

    domain = Domain(ALONG, extremes=(Extreme((FAR,)),))

    @staticmethod
    def forward(ctx: list[Any], x: Any, *, axis: int = -1) -> Any:
        """Return the probabilities."""
        axis = single_axis("softmax", x, axis)
        _, output = exponentials(x, axis)
        output /= np.add.reduce(output, axis=axis, keepdims=True)
        ctx += output, axis
        return output

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        """Weigh the upstream's deviation from its own mean, taken with these probabilities."""
        output, axis = ctx
        average = np.add.reduce(output * grad_output, axis=axis, keepdims=True)
        return (output * (grad_output - average),)


@tensor_op
class log_softmax(Operation):
    """z_i = x_i - log sum_j e^{x_j} along one axis (the last by default).

    ctx holds [output, axis].
    """

    domain = Domain(ALONG, extremes=(Extreme((FAR,)),))

    @staticmethod
    def forward(ctx: list[Any], x: Any, *, axis: int = -1) -> Any:
        """Return the logarithms of the probabilities."""
        axis = single_axis("log_softmax", x, axis)
        scores, powers = exponentials(x, axis)
        output = scores - np.log(np.add.reduce(powers, axis=axis, keepdims=True))
        if output.size and output.item(output.argmax()) > 0.0:
            np.minimum(output, 0.0, out=output)  # no probability is above 1, not even by rounding
        ctx += output, axis
        return output

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        """Subtract the upstream's total, distributed by the probabilities."""
        output, axis = ctx
        total = np.add.reduce(grad_output, axis=axis, keepdims=True)
        return (grad_output - np.exp(output) * total,)


@tensor_op
class softmax_cross_entropy(Operation):
    """z = mean over the N rows of -log softmax(scores)[label], a scalar; scores are (N, C).

    labels (N,) are integers from 0 to C - 1. ctx holds [probabilities (N, C), labels (N,)].
    """

    exercise = "04_mlp"
    symbol = "CE"
    domain = Domain(SCORES, extremes=(Extreme((FAR,), {"labels": np.array([1, 0])}),))

    @staticmethod
    def forward(ctx: list[Any], scores: Any, *, labels: Any) -> Any:
        """Return the mean cross-entropy; save [probabilities, labels]."""
        labels = checked_labels("softmax_cross_entropy", scores, labels)
        count = len(labels)
        scores, probabilities = exponentials(scores, 1)
        total = column_sums(probabilities.T)
        probabilities /= total[:, None]
        ctx += probabilities, labels
        return column_sums(np.log(total) - scores[every_row(count), labels]) / count


@tensor_op
class hinge(Operation):
    """z = mean over the N rows of sum_{j != y} max(0, s_j - s_y + 1), a scalar; scores are (N, C).

    labels (N,) hold the right column y of each row. ctx holds [margins (N, C), labels (N,)], where
    margins are max(0, s_j - s_y + 1), and 0 in the column of the label.
    """

    exercise = "04_mlp"
    domain = Domain(
        SCORES,
        smooth=lambda scores, labels: bool(
            np.all(np.abs(scores - scores[np.arange(len(labels)), labels][:, None] + 1.0) > 0.05)
        ),
        kinks=(
            Kink(
                (np.array([[0.25, 1.25, 0.75], [1.5, -0.5, 0.25]]),), {"labels": np.array([1, 2])}
            ),
        ),
        extremes=(Extreme((FAR,), {"labels": np.array([1, 0])}),),
    )

    @staticmethod
    def forward(ctx: list[Any], scores: Any, *, labels: Any) -> Any:
        """Return the mean hinge loss; save [margins, labels]."""
        labels = checked_labels("hinge", scores, labels)
        rows = np.arange(len(labels))
        margins = np.maximum(scores - scores[rows, labels][:, None] + 1.0, 0.0)
        margins[rows, labels] = 0.0
        ctx += margins, labels
        return np.add.reduce(margins, axis=None) / len(labels)


@tensor_op
class mean_squared_error(Operation):
    """z = mean over all entries of (prediction - target)², a scalar. ctx holds [the differences].

    Both inputs have the same shape: (N, 1) against (N,) would silently compare all pairs.
    """

    symbol = "MSE"
    domain = Domain(
        (
            Example("scalars", ((), ())),
            Example("arrays", ((5,), (5,))),
            Example("arrays", ((3, 4), (3, 4))),
        )
    )

    @staticmethod
    def forward(ctx: list[Any], prediction: Any, target: Any) -> Any:
        """Return the mean squared error; save [prediction - target]."""
        shape, wanted = np.shape(prediction), np.shape(target)
        if shape != wanted or 0 in shape:
            raise ShapeError(
                "mean_squared_error: expected prediction and target of the same shape with at "
                f"least one entry, got {shape} and {wanted}. Reshape one of them."
            )
        difference = np.subtract(prediction, target)
        ctx.append(difference)
        return np.add.reduce(difference * difference, axis=None) / difference.size

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        """Pull the prediction towards the target, and the target towards the prediction."""
        (difference,) = ctx
        pull = difference * (grad_output * 2.0 / difference.size)
        return pull, np.negative(pull) if ctx.needs[1] else None
