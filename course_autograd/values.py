"""Values of tensors: float arrays and NumPy scalars, from whatever a reader gives.

Numbers and arrays beside a tensor are constants; they keep their type, so that float32 stays
float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from course_autograd.contract import describe
from course_autograd.errors import ValueTypeError


def as_value(value: object) -> Any:
    """Return `value` as a float array (a NumPy scalar if it has no axes), always a copy.

    Integers and booleans become float64; float32 stays float32.

    Raises
    ------
    ValueTypeError
        For strings, complex numbers, objects and lists of unequal lengths.
    """
    try:
        array = np.array(value, subok=False)
    except ValueError as error:
        raise ValueTypeError(
            f"Tensor: expected a number or an array, got a list that is not rectangular ({error}). "
            "Give all rows the same length."
        ) from error
    kind = array.dtype.kind
    if kind in "iub":
        array = array.astype(np.float64)
    elif kind != "f":
        raise ValueTypeError(
            f"Tensor: expected real numbers, got {describe(value)} with dtype {array.dtype}. "
            "Convert it to numbers first."
        )
    return array if array.ndim else array[()]


def constant(name: str, value: Any) -> Any:
    """Return an input of the operation `name` that is no tensor as a Python number or an array.

    Numbers stay Python numbers, so that float32 tensors stay float32 beside them.

    Raises
    ------
    ValueTypeError
        For everything that is not made of real numbers.
    """
    kind = type(value)
    if kind is float or kind is int:
        return value
    if kind is np.ndarray and value.dtype.kind in "fiub" and value.ndim:
        return value
    rectangular = True
    try:
        array = np.asarray(value)
    except ValueError:
        array, rectangular = np.array(None), False
    if array.dtype.kind not in "fiub":
        what = f"dtype {array.dtype}" if rectangular else "rows of unequal lengths"
        raise ValueTypeError(
            f"{name}: expected a tensor, a number or an array of numbers, got {describe(value)} "
            f"with {what}. Give the inputs one by one."
        )
    return array if array.ndim else array.item()


def output(name: str, value: object) -> Any:
    """Bring what a forward rule returned to a float array or NumPy scalar."""
    if value is None:
        raise ValueTypeError(
            f"{name}: the forward rule returned None; expected one array. "
            "Does it end in a return statement?"
        )
    if isinstance(value, np.float64 | np.float32):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return value if value.ndim else value[()]
    try:
        return as_value(value)
    except ValueTypeError as error:
        raise ValueTypeError(f"{name}: the forward rule returned {error}") from error
