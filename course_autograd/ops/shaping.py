"""Rearranging entries: reshape, transpose, indexing, looking up rows, joining arrays."""

from __future__ import annotations

from types import EllipsisType
from typing import Any

import numpy as np

from course_autograd.domain import Domain, Example
from course_autograd.errors import IndexRangeError, OptionError, ShapeError
from course_autograd.operation import Operation, tensor_op
from course_autograd.ops.options import checked_axes, checked_integers, checked_range
from course_autograd.rows import Rows


@tensor_op
class reshape(Operation):
    """z = the entries of x, in the same order, in another `shape`. ctx holds [x.shape]."""

    domain = Domain(
        (
            Example("scalars", ((),), {"shape": (1, 1)}),
            Example("arrays", ((3, 4),), {"shape": (2, 6)}),
            Example("arrays", ((3, 4),), {"shape": -1}),
            Example("arrays", ((5,),), {"shape": (5, 1)}),
        )
    )

    @staticmethod
    def forward(ctx: list[Any], x: Any, *, shape: int | tuple[int, ...]) -> Any:
        """Return x in the new shape; save [x.shape]."""
        x = np.asarray(x)
        before = x.shape
        ctx.append(before)
        try:
            return x.reshape(shape)
        except (ValueError, TypeError) as error:
            raise ShapeError(
                f"reshape: expected a shape with {x.size} entries for a value of shape "
                f"{before}, got shape={shape!r}. Use -1 for one size to be worked out."
            ) from error

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        """Put the upstream gradient back into the shape of x."""
        (shape,) = ctx
        return (grad_output.reshape(shape),)


@tensor_op
class transpose(Operation):
    """z = x with its axes permuted, or reversed by default. ctx holds [the inverse permutation].

    Axis k of the output is axis ``axes[k]`` of x.
    """

    symbol = "T"
    domain = Domain(
        (
            Example("arrays", ((3, 4),)),
            Example("arrays", ((5,),)),
            Example("axes", ((2, 3, 4),)),
            Example("axes", ((2, 3, 4),), {"axes": (1, 2, 0)}),
            Example("axes", ((2, 3, 4),), {"axes": (-1, 0, 1)}),
        )
    )

    @staticmethod
    def forward(ctx: list[Any], x: Any, *, axes: tuple[int, ...] | None = None) -> Any:
        """Return x with permuted axes; save [the permutation that undoes it]."""
        if axes is None:
            ctx.append(None)  # reversing twice gives the same order again
            return np.transpose(x)
        ndim = np.ndim(x)
        order = checked_axes("transpose", tuple(axes), ndim)
        if len(order) != ndim:
            raise OptionError(
                f"transpose: expected axes to name each of the {ndim} axes of a value of shape "
                f"{np.shape(x)} once, got axes={axes!r}."
            )
        ctx.append(tuple([order.index(axis) for axis in range(ndim)]))
        return np.transpose(x, order)

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        """Permute the axes of the upstream gradient back."""
        (inverse,) = ctx
        return (np.transpose(grad_output, inverse),)


def is_basic(index: Any) -> bool:
    """Whether `index` consists of integers and slices only, so that it meets no entry twice."""
    if type(index) is int or isinstance(index, np.integer):
        return True
    parts = index if isinstance(index, tuple) else (index,)
    basic = (int, np.integer, slice, EllipsisType, type(None))
    return all(isinstance(part, basic) and not isinstance(part, bool) for part in parts)


@tensor_op
class getitem(Operation):
    """z = x[index], with all of NumPy's indexing. ctx holds [x.shape, index].

    An entry of x that occurs several times in z adds up its gradients.
    """

    symbol = "[ ]"
    domain = Domain(
        (
            Example("one entry", ((5,),), {"index": 2}),
            Example("one entry", ((3, 4),), {"index": (1, -1)}),
            Example("slices", ((3, 4),), {"index": 1}),
            Example("slices", ((5, 3),), {"index": (slice(4, 0, -2), slice(None, 2))}),
            Example("slices", ((2, 3, 4),), {"index": (Ellipsis, None, 1)}),
            Example("repeated rows", ((3, 4),), {"index": np.array([2, 0, 2, 2, 1])}),
            Example("repeated rows", ((5,),), {"index": [1, 1, -4]}),
            Example("masks", ((2, 3),), {"index": np.array([[True, False, True], [False] * 3])}),
        )
    )

    @staticmethod
    def forward(ctx: list[Any], x: Any, *, index: Any) -> Any:
        """Return x[index]; save [x.shape, index]."""
        x = np.asarray(x)
        ctx += x.shape, index
        try:
            return x[index]
        except (IndexError, TypeError, ValueError) as error:
            # A scalar is no IndexError: a loop over it would end at once, as if it were empty.
            kind = IndexRangeError if x.ndim else ShapeError
            raise kind(
                f"getitem: expected an index into a value of shape {x.shape}, got {index!r}: "
                f"{error}."
            ) from error

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        """Put the upstream gradient where the entries came from, zeros elsewhere."""
        shape, index = ctx
        gradient = np.zeros(shape, grad_output.dtype)
        if is_basic(index):
            gradient[index] = grad_output
        else:
            np.add.at(gradient, index, grad_output)
        return (gradient,)


def distinct(count: int, size: int) -> Any:
    """Return a function that draws `size` different rows out of `count`."""
    return lambda rng: {"rows": rng.permutation(count)[:size]}


def repeated(count: int, size: int) -> Any:
    """Return a function that draws `size` rows out of `count`, one of them three times."""

    def draw(rng: np.random.Generator) -> dict[str, Any]:
        rows = rng.integers(0, count, size)
        rows[rng.permutation(size)[:3]] = rng.integers(0, count)
        return {"rows": rows}

    return draw


def checked_rows(name: str, table: Any, rows: Any) -> tuple[tuple[int, ...], Any]:
    """Return the table's shape, and `rows` as an array of integers from 0 to V - 1."""
    shape = table.shape if type(table) is np.ndarray else np.shape(table)
    if len(shape) != 2:
        raise ShapeError(
            f"{name}: expected a table of shape (V, D), one row per word, got shape {shape}."
        )
    if type(rows) is not np.ndarray or rows.dtype.kind != "i":
        rows = checked_integers(name, "rows", rows)
    checked_range(name, "rows", rows, shape[0], "rows of the table")
    return shape, rows


@tensor_op
class lookup(Operation):
    """z = table[rows]: one row of the table (V, D) for each of the integers `rows`.

    The output has the shape of `rows` with the axis D added. ctx holds [table.shape, rows].
    A row that is looked up several times adds up its gradients.
    """

    exercise = "04_mlp"
    domain = Domain(
        (
            Example("one row", ((4, 3),), lambda rng: {"rows": rng.integers(0, 4, 1)}),
            Example("different rows", ((5, 3),), distinct(5, 4)),
            Example("different rows", ((6, 2),), distinct(6, 3)),
            Example("repeated rows", ((4, 3),), repeated(4, 5)),
            Example("repeated rows", ((3, 2),), repeated(3, 7)),
        )
    )

    @staticmethod
    def forward(ctx: list[Any], table: Any, *, rows: Any) -> Any:
        """Return the rows of the table; save [table.shape, rows]."""
        shape, rows = checked_rows("lookup", table, rows)
        ctx += shape, rows
        return table.take(rows, 0)


@tensor_op
class embedding(Operation):
    """z = table[rows], as `lookup`, for large tables: the gradient is kept as `Rows`.

    ctx holds [table.shape, rows]. A step of plain gradient descent then costs as much as the rows
    that were looked up, whatever the size of the table.
    """

    symbol = "lookup"
    domain = lookup.domain

    @staticmethod
    def forward(ctx: list[Any], table: Any, *, rows: Any) -> Any:
        """Return the rows of the table; save [table.shape, rows]."""
        shape, rows = checked_rows("embedding", table, rows)
        ctx += shape, rows
        return table.take(rows, 0)

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        """Return the upstream gradient together with the rows it belongs to."""
        shape, rows = ctx
        return (Rows(rows.reshape(-1), grad_output.reshape(-1, shape[1]), shape),)


@tensor_op
class concatenate(Operation):
    """z = the inputs joined along `axis` (the first by default); any number of inputs.

    ctx holds [axis, the input's sizes along it].
    """

    domain = Domain(
        (
            Example("arrays", ((2,), (3,), (4,))),
            Example("arrays", ((5,),)),
            Example("axes", ((2, 4), (3, 4))),
            Example("axes", ((3, 2), (3, 4), (3, 1)), {"axis": 1}),
            Example("axes", ((2, 3, 4), (2, 5, 4)), {"axis": -2}),
        )
    )

    @staticmethod
    def forward(ctx: list[Any], *parts: Any, axis: int = 0) -> Any:
        """Return the inputs joined along `axis`."""
        shapes = [np.shape(part) for part in parts]
        if not shapes or () in shapes:
            raise ShapeError(
                "concatenate: expected arrays with at least one axis, got "
                f"{', '.join(map(str, shapes)) or 'no inputs'}. "
                "Give the tensors one by one: concatenate(a, b); make a scalar an array with "
                "reshape(1)."
            )
        (axis,) = checked_axes("concatenate", axis, len(shapes[0]))
        if len({(*shape[:axis], *shape[axis + 1 :], len(shape)) for shape in shapes}) > 1:
            raise ShapeError(
                f"concatenate: expected shapes that differ along axis {axis} only, got "
                f"{', '.join(map(str, shapes))}."
            )
        ctx += axis, [shape[axis] for shape in shapes]
        return np.concatenate(parts, axis=axis)

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        """Cut the upstream gradient into the pieces it was joined from."""
        axis, sizes = ctx
        return tuple(np.split(grad_output, np.cumsum(sizes)[:-1], axis=axis))
