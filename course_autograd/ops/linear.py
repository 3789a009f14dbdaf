"""Linear algebra: the matrix product, the bias of a layer, the squared norm of the lecture."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NoReturn

import numpy as np

from course_autograd.domain import Domain, Example
from course_autograd.errors import ShapeError
from course_autograd.operation import Operation, tensor_op


def _explain_matmul(left: tuple[int, ...], right: tuple[int, ...]) -> NoReturn:
    """Raise the error for shapes that `matmul` does not take."""
    if len(left) not in (1, 2) or len(right) not in (1, 2):
        raise ShapeError(
            f"matmul: expected matrices or vectors, got shapes {left} and {right}. "
            "Use * to multiply with a scalar."
        )
    raise ShapeError(
        f"matmul: expected the last size of x to be the first size of y, got shapes {left} "
        f"and {right}: {left[-1]} is not {right[0]}. "
        "Does one of them have to be transposed (.T)?"
    )


@tensor_op
class matmul(Operation):
    """z = x @ y for matrices and vectors, with NumPy's rules for shapes. ctx holds [x, y].

    (n, k) @ (k, m) gives (n, m); (n, k) @ (k,) gives (n,); (k,) @ (k, m) gives (m,); and
    (k,) @ (k,) gives a scalar.
    """

    exercise = "03_norm_squared"
    symbol = "@"
    domain = Domain(
        (
            Example("matrix @ matrix", ((2, 3), (3, 4))),
            Example("matrix @ matrix", ((5, 2), (2, 3))),
            Example("matrix @ vector", ((2, 3), (3,))),
            Example("matrix @ vector", ((4, 2), (2,))),
            Example("vector @ matrix", ((3,), (3, 4))),
            Example("vector @ matrix", ((5,), (5, 2))),
            Example("vector @ vector", ((4,), (4,))),
        )
    )

    @staticmethod
    def forward(ctx: list[Any], x: Any, y: Any) -> Any:
        """Return x @ y; save [x, y]."""
        try:
            fits = 0 < x.ndim < 3 > y.ndim > 0
            product = x.dot(y) if fits else None  # the same as @ here, in less time
        except (ValueError, AttributeError):  # sizes that do not meet, or a plain number
            fits = False
        if not fits:
            _explain_matmul(np.shape(x), np.shape(y))
        ctx += x, y
        return product


@tensor_op
class add_bias(Operation):
    """z = x + b: add the row b (M,) to every row of x (N, M).

    This operation does not declare that it broadcasts: its backward rule sums over the axis along
    which b was repeated. What to save in ctx is part of the exercise; the package saves nothing.
    """

    exercise = "03_norm_squared"
    whole = True
    symbol = "+ b"
    domain = Domain(
        (
            Example("one row", ((1, 3), (3,))),
            Example("arrays", ((3, 4), (4,))),
            Example("arrays", ((5, 2), (2,))),
        )
    )

    @staticmethod
    def forward(ctx: list[Any], x: Any, b: Any) -> Any:
        """Return x + b."""
        rows, bias = np.shape(x), np.shape(b)
        if len(rows) != 2 or bias != rows[1:]:
            raise ShapeError(
                f"add_bias: expected x of shape (N, M) and b of shape (M,), got {rows} and {bias}. "
                "The bias has one entry per column of x."
            )
        return x + b


KEPT = 4096  # training asks for the same few lengths at every step; longer arrays are made anew


@lru_cache(maxsize=64)
def _kept_ones(count: int, dtype: Any) -> Any:
    ones = np.ones(count, dtype)
    ones.flags.writeable = False
    return ones


@lru_cache(maxsize=64)
def _kept_rows(count: int) -> Any:
    rows = np.arange(count)
    rows.flags.writeable = False
    return rows


def every_row(count: int) -> Any:
    """Return 0 to `count` - 1, the numbers of all rows."""
    return _kept_rows(count) if count <= KEPT else np.arange(count)


def column_sums(matrix: Any) -> Any:
    """Return the sums over the first axis: BLAS takes a third of the time of a reduction."""
    count = len(matrix)
    ones = _kept_ones(count, matrix.dtype) if count <= KEPT else np.ones(count, matrix.dtype)
    return ones.dot(matrix)


@tensor_op
class linear(Operation):
    """z = x W + b in one operation: x (N, M), W (M, K), b (K,). ctx holds [x, W].

    The same as matmul and add_bias, with one node and one array less.
    """

    symbol = "xW + b"
    domain = Domain(
        (
            Example("one row", ((1, 3), (3, 2), (2,))),
            Example("arrays", ((3, 4), (4, 2), (2,))),
            Example("arrays", ((5, 2), (2, 3), (3,))),
        )
    )

    @staticmethod
    def forward(ctx: list[Any], x: Any, W: Any, b: Any) -> Any:
        """Return x @ W + b; save [x, W]."""
        try:
            output = x.dot(W)
            fits = x.ndim == 2 == W.ndim and b.shape == W.shape[1:]
        except (ValueError, AttributeError):  # sizes that do not meet, or a plain number
            fits = False
        if not fits:
            raise ShapeError(
                "linear: expected x of shape (N, M), W of shape (M, K) and b of shape (K,), got "
                f"{np.shape(x)}, {np.shape(W)} and {np.shape(b)}."
            )
        ctx += x, W
        output += b
        return output

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        """Go back through the product; the bias was repeated for every row."""
        x, W = ctx
        return (
            grad_output.dot(W.T) if ctx.needs[0] else None,
            x.T.dot(grad_output) if ctx.needs[1] else None,
            column_sums(grad_output) if ctx.needs[2] else None,
        )


@tensor_op
class norm_squared(Operation):
    """z = ||W x||², the sum of q_i² where q = W x; W is (m, n), x is (n,), z a scalar.

    What to save in ctx is part of the exercise; the package saves nothing.
    """

    exercise = "03_norm_squared"
    whole = True
    symbol = "‖Wx‖²"
    domain = Domain(
        (
            Example("one row", ((1, 3), (3,))),
            Example("arrays", ((3, 4), (4,))),
            Example("arrays", ((5, 2), (2,))),
        )
    )

    @staticmethod
    def forward(ctx: list[Any], W: Any, x: Any) -> Any:
        """Return the squared Euclidean norm of W x."""
        matrix, vector = np.shape(W), np.shape(x)
        if len(matrix) != 2 or vector != matrix[1:]:
            raise ShapeError(
                f"norm_squared: expected W of shape (m, n) and x of shape (n,), got {matrix} and "
                f"{vector}. W has one column per entry of x."
            )
        q = W @ x
        return q @ q
