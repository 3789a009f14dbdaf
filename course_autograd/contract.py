"""The gradient contract: what a backward rule must return, said once for everybody.

The engine, ``check`` and the grader all call `conform`. A rule returns a tuple or a list with one
gradient per input; each is made of real numbers and has the shape of its input. An operation that
declares ``broadcasts = True`` may return gradients in the shape of its output: they are summed back
here, in this one place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from course_autograd.errors import GradientContractError
from course_autograd.rows import Rows

Array = npt.NDArray[Any]


def unbroadcast(gradient: Array, shape: tuple[int, ...]) -> Array:
    r"""Sum `gradient` over the axes along which a value of `shape` was broadcast.

    :math:`\partial L/\partial x_i = \sum_{j \,:\, j \text{ is a copy of } i} g_j`

    Parameters
    ----------
    gradient : ndarray
        Gradient in the broadcast shape.
    shape : tuple of int
        Shape of the value before broadcasting.

    Returns
    -------
    ndarray of `shape`
    """
    added = gradient.ndim - len(shape)
    axes = (
        *range(added),
        *(
            axis + added
            for axis, size in enumerate(shape)
            if size == 1 and gradient.shape[axis + added] != 1
        ),
    )
    summed = gradient.sum(axis=axes) if axes else gradient
    return summed.reshape(shape)


def plural(count: int, noun: str) -> str:
    """Return ``"1 gradient"``, ``"2 gradients"``, ``"no gradients"``."""
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"


def describe(value: object) -> str:
    """Say what `value` is in a few words: ``an array of shape (3, 4)``, ``None``, ``a str``."""
    if value is None:
        return "None"
    if isinstance(value, np.ndarray | np.generic):
        return f"an array of shape {value.shape}" if value.ndim else "a single number"
    if isinstance(value, bool | int | float):
        return "a single number"
    return f"a {type(value).__name__}"


def conform(
    name: str,
    gradients: object,
    values: Sequence[Any],
    output_shape: tuple[int, ...],
    *,
    broadcasts: bool = False,
    needs: Sequence[bool] | None = None,
    names: Sequence[str] = (),
) -> list[Any]:
    """Return the gradients of a rule as arrays of exactly the inputs' shapes and dtypes.

    Parameters
    ----------
    name : str
        The operation, for messages.
    gradients : object
        Whatever the rule returned.
    values : sequence
        The values of the inputs (arrays or numbers), one per gradient expected.
    output_shape : tuple of int
        Shape of the operation's output, which is the shape of ``grad_output``.
    broadcasts : bool
        Whether the operation declares that it broadcasts its inputs.
    needs : sequence of bool, optional
        Which inputs need a gradient (all by default). What is returned for another is ignored.
    names : sequence of str, optional
        What the inputs are called, for messages.

    Returns
    -------
    list
        One array (or NumPy scalar, for shape ``()``) per input, None where none is needed.

    Raises
    ------
    GradientContractError
        With a sentence of its own for every breach.
    """
    expected = len(values)
    wanted = f"expected a tuple with {plural(expected, 'gradient')}, one per input"
    if gradients is None:
        raise GradientContractError(
            f"{name}: the backward rule returned None; {wanted}. Does it end in a return statement?"
        )
    if isinstance(gradients, np.ndarray | np.generic | int | float):
        fix = "return (gradient,) with the comma" if expected == 1 else "return them as a tuple"
        raise GradientContractError(
            f"{name}: the backward rule returned {describe(gradients)} instead of a tuple; "
            f"{wanted}. Write: {fix}."
        )
    if not isinstance(gradients, tuple | list):
        raise GradientContractError(
            f"{name}: the backward rule returned {describe(gradients)}; {wanted}."
        )
    if len(gradients) != expected:
        raise GradientContractError(
            f"{name}: the backward rule returned {plural(len(gradients), 'gradient')}; {wanted}. "
            "Return them in the order of the inputs."
        )
    return [
        None
        if needs is not None and not needs[position]
        else _one(
            f"{name}: the gradient of {_called(position, names)}",
            gradient,
            value,
            output_shape,
            broadcasts,
        )
        for position, (gradient, value) in enumerate(zip(gradients, values, strict=True))
    ]


def _called(position: int, names: Sequence[str]) -> str:
    """Return the name of an input, or its position where it has none."""
    return names[position] if position < len(names) else f"input {position}"


def _one(
    which: str,
    gradient: object,
    value: Any,
    output_shape: tuple[int, ...],
    broadcasts: bool,
) -> Any:
    """Check one gradient and bring it to the shape and dtype of its input."""
    shape = np.shape(value)
    if isinstance(gradient, Rows) and gradient.shape == shape:
        return gradient
    if gradient is None:
        raise GradientContractError(
            f"{which} is None, but this input needs a gradient of shape {shape}. "
            "Return an array (zeros where the output does not depend on it)."
        )
    if type(gradient).__name__ == "Tensor":
        raise GradientContractError(
            f"{which} is a Tensor; expected an array. Did you use a name from another cell (such "
            "as z)? A rule works with what is in ctx and grad_output."
        )
    try:
        array = np.asarray(gradient)
    except ValueError as error:
        raise GradientContractError(
            f"{which} is not an array: {error}. Return one array of shape {shape}."
        ) from error
    if array.dtype.kind not in "fiu":
        hint = (
            " A mask has to be multiplied with the upstream gradient."
            if array.dtype.kind == "b"
            else ""
        )
        raise GradientContractError(
            f"{which} has dtype {array.dtype}; expected real numbers.{hint}"
        )
    if array.shape != shape:
        if not (broadcasts and array.shape == output_shape):
            also = f" (or the output's shape {output_shape})" if broadcasts else ""
            raise GradientContractError(
                f"{which} has shape {array.shape}; expected {shape}{also}, the shape of the input. "
                "A gradient always has the shape of its value."
            )
        array = unbroadcast(array, shape)
    dtype = getattr(value, "dtype", None)
    if dtype is not None and dtype.kind == "f" and array.dtype != dtype:
        array = array.astype(dtype)
    return array if shape else array[()]
