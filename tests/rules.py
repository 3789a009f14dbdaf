"""What the engine's tests share: all operations, and a numeric gradient of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from course_autograd import Tensor, ops
from course_autograd.backward import backpropagate

OPERATIONS = ops.all_operations()

# --- gradients, twice ------------------------------------------------------------------------


def numeric_vjp(
    function: Callable[..., Any], values: Sequence[Any], upstream: Any, step: float = 6e-6
) -> list[Any]:
    """Return sum(upstream * d function / d value) for each of `values`, by central differences.

    It is written without the package's own numeric gradient, to be a second opinion.
    """
    arrays = [np.array(value, dtype=np.float64) for value in values]
    gradients = []
    for array in arrays:
        gradient = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            middle = array[index]
            ends = []
            for moved in (middle + step, middle - step):
                array[index] = moved
                ends.append(np.sum(upstream * function(*[one[()] for one in arrays])))
            array[index] = middle
            gradient[index] = (ends[0] - ends[1]) / (2 * step)
        gradients.append(gradient)
    return gradients


def engine_vjp(
    function: Callable[..., Tensor], values: Sequence[Any], upstream: Any
) -> tuple[Tensor, list[Any]]:
    """Return the output of `function` on fresh tensors, and their gradients under `upstream`."""
    leaves = [Tensor(value) for value in values]
    output = function(*leaves)
    backpropagate(output, upstream)
    return output, [leaf.grad for leaf in leaves]


def assert_same(got: Any, expected: Any, tolerance: float = 1e-7) -> None:
    """Same shape, and equal up to `tolerance` times the largest entry (at least 1)."""
    assert np.shape(got) == np.shape(expected)
    if np.size(expected):
        scale = max(1.0, float(np.max(np.abs(expected))))
        assert float(np.max(np.abs(np.subtract(got, expected)))) <= tolerance * scale
