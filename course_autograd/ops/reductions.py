"""Reductions: sum, mean and max over some axes, or over all of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from course_autograd.domain import Domain, Example, Kink
from course_autograd.errors import ShapeError
from course_autograd.operation import Operation, tensor_op
from course_autograd.ops.options import checked_axes

Axis = int | tuple[int, ...] | None

total: Any = np.add.reduce  # what np.sum calls in the end

REDUCTIONS = (
    Example("scalars", ((),)),
    Example("arrays", ((5,),)),
    Example("arrays", ((3, 4),)),
    Example("axes", ((3, 4),), {"axis": 0}),
    Example("axes", ((3, 4),), {"axis": -1}),
    Example("axes", ((2, 3, 4),), {"axis": 1}),
    Example("axes", ((2, 3, 4),), {"axis": (0, -1)}),
    Example("keepdims", ((3, 4),), {"axis": 1, "keepdims": True}),
    Example("keepdims", ((2, 3, 4),), {"axis": (0, 2), "keepdims": True}),
    Example("keepdims", ((3, 4),), {"keepdims": True}),
)


def kept_shape(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """Return `shape` with size 1 along `axes`: the output's shape had keepdims been True."""
    return tuple([1 if axis in axes else size for axis, size in enumerate(shape)])


def require_entries(name: str, shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    """Raise a ShapeError if there is nothing to reduce along `axes`."""
    if any(shape[axis] == 0 for axis in axes):
        raise ShapeError(
            f"{name}: expected at least one entry to reduce, got shape {shape}. "
            "Check that the input is not empty."
        )


@tensor_op
class sum(Operation):
    """z = sum of the entries of x over `axis` (all by default).

    ctx holds [x.shape, axis, keepdims]. The output loses the axes summed over, or keeps
    them with size 1 if `keepdims` is True.
    """

    exercise = "03_norm_squared"
    symbol = "Σ"
    domain = Domain(REDUCTIONS)

    @staticmethod
    def forward(ctx: list[Any], x: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
        """Return the sum over `axis`; save [x.shape, axis, keepdims]."""
        shape = np.shape(x)
        if axis is not None:
            checked_axes("sum", axis, len(shape))
        ctx += shape, axis, keepdims
        return total(x, axis=axis, keepdims=keepdims)


@tensor_op
class mean(Operation):
    """z = arithmetic mean of the entries of x over `axis` (all by default).

    ctx holds [x.shape, the output's shape with all axes kept, number of entries per mean].
    """

    domain = Domain(REDUCTIONS)

    @staticmethod
    def forward(ctx: list[Any], x: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
        """Return the mean over `axis`."""
        shape = np.shape(x)
        axes = checked_axes("mean", axis, len(shape))
        require_entries("mean", shape, axes)
        count = int(np.prod([shape[one] for one in axes]))
        ctx += shape, kept_shape(shape, axes), count
        return total(x, axis=axis, keepdims=keepdims) / count

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        """Give every entry its equal share of the upstream gradient."""
        shape, kept, count = ctx
        share = grad_output / count
        gradient = np.empty(shape, share.dtype)
        gradient[...] = share.reshape(kept)
        return (gradient,)


def one_winner(x: Any, axis: Axis = None, **_options: Any) -> bool:
    """Whether the largest entry is clearly ahead of the second everywhere."""
    x = np.asarray(x)
    largest = x.max(axis=axis, keepdims=True)
    close = total(x > largest - 0.05, axis=axis)
    return bool(np.all(close == 1))


@tensor_op
class max(Operation):
    """z = largest entry of x over `axis` (of all by default). ctx holds [x, kept output, axis].

    The gradient is routed to the largest entry; entries that tie share it equally.
    """

    domain = Domain(
        REDUCTIONS,
        smooth=one_winner,
        kinks=(
            Kink((np.array([0.4, 1.5, 1.5]),)),
            Kink((np.array([[0.4, 1.5, -0.3], [0.9, 0.2, 0.9]]),), {"axis": 1}),
        ),
    )

    @staticmethod
    def forward(ctx: list[Any], x: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
        """Return the maximum over `axis`."""
        shape = np.shape(x)
        axes = checked_axes("max", axis, len(shape))
        require_entries("max", shape, axes)
        kept = np.maximum.reduce(x, axis=axes, keepdims=True)
        ctx += x, kept, axes
        return kept if keepdims else np.squeeze(kept, axis=axes)

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        """Route the upstream gradient to the winners."""
        x, kept, axes = ctx
        winners = np.asarray(x == kept)
        ties = total(winners, axis=axes, keepdims=True, dtype=grad_output.dtype)
        return (winners * (grad_output.reshape(kept.shape) / ties),)
