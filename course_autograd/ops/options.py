"""Constants of the operations, checked in one place: axes, rows, labels."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import numpy.typing as npt

from course_autograd.contract import describe
from course_autograd.errors import OptionError, ShapeError

Array = npt.NDArray[Any]


def checked_axes(name: str, axis: Any, ndim: int) -> tuple[int, ...]:
    """Return `axis` (None, an int or a tuple) as a tuple of axes from 0 to `ndim` - 1.

    Raises
    ------
    OptionError
        If an axis is no integer, does not exist, or occurs twice.
    """
    if axis is None:
        return tuple(range(ndim))
    try:
        given = [operator.index(one) for one in (axis if isinstance(axis, tuple) else (axis,))]
    except TypeError:
        raise OptionError(
            f"{name}: expected axis to be None, an integer or a tuple of integers, got {axis!r}."
        ) from None
    if any(not -ndim <= one < ndim for one in given):
        there_are = f"from {-ndim} to {ndim - 1}" if ndim else "of a value that has no axes"
        raise OptionError(
            f"{name}: expected an axis {there_are}, got axis={axis!r}. "
            "Look at the shape of the input, or leave axis out."
        )
    axes = tuple([one % ndim for one in given])
    if len(set(axes)) < len(axes):
        raise OptionError(f"{name}: axis={axis!r} names an axis twice. Name each one once.")
    return axes


def checked_integers(name: str, option: str, given: Any) -> Array:
    """Return `given` as an array of integers.

    Raises
    ------
    OptionError
        If it holds anything else: 2.0 is no row number, and True no label.
    """
    try:
        array = np.asarray(given)
    except ValueError:
        raise OptionError(
            f"{name}: expected {option} to be integers, got a list that is not rectangular."
        ) from None
    if array.dtype.kind not in "iu":
        if array.size or not isinstance(given, list | tuple):
            raise OptionError(
                f"{name}: expected {option} to be integers, got {describe(given)} with dtype "
                f"{array.dtype}. Convert to integers first, for example with .astype(int)."
            )
        array = array.astype(np.intp)  # an empty list has no type of its own
    return array


def checked_range(name: str, option: str, integers: Array, count: int, what: str) -> None:
    """Check that all `integers` lie from 0 to `count` - 1.

    Raises
    ------
    OptionError
        Naming the first one that does not.
    """
    if not integers.size:
        return
    # Where the smallest and the largest are is found several times faster than what they are.
    low, high = integers.item(integers.argmin()), integers.item(integers.argmax())
    if low < 0 or high >= count:
        wrong = low if low < 0 else high
        raise OptionError(
            f"{name}: expected {option} from 0 to {count - 1} for {count} {what}, got {wrong}. "
            "Numbering starts at 0."
        )


def checked_labels(name: str, scores: Any, labels: Any) -> Array:
    """Return `labels` as one integer per row of `scores` (N, C), each from 0 to C - 1.

    Raises
    ------
    ShapeError
        If `scores` is no matrix with at least one row, or the number of labels is another.
    OptionError
        If a label is no integer or no column.
    """
    shape = scores.shape if type(scores) is np.ndarray else np.shape(scores)
    if len(shape) != 2 or not shape[0]:
        raise ShapeError(
            f"{name}: expected scores of shape (N, C), one row per example, got shape {shape}. "
            "Give one example as one row: scores.reshape(1, -1)."
        )
    array: Array = labels
    if type(labels) is not np.ndarray or labels.dtype.kind != "i":
        array = checked_integers(name, "labels", labels)
    if array.shape != shape[:1]:
        raise ShapeError(
            f"{name}: expected labels of shape {shape[:1]}, one integer per row of scores "
            f"{shape}, got shape {array.shape}."
        )
    checked_range(name, "labels", array, shape[1], "columns of scores")
    return array
