"""Slopes by a step along the imaginary axis, of functions that take complex numbers.

For a function made of smooth formulas, Im f(x + ih) / h is the derivative, however small h is:
nothing is subtracted, so no digit is lost, and what is neglected is of the size of h².

Source: Squire and Trapp, "Using complex variables to estimate derivatives of real functions", 1998.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
STEP = 1e-30  # its square is nothing beside any number


def complex_slopes(
    forward: Callable[..., Any],
    point: Sequence[Array],
    options: Mapping[str, Any],
    position: int,
    entries: Sequence[int],
) -> Array | None:
    """Return the slopes of ``forward(ctx, *point, **options)`` for some entries of one input.

    A rule that keeps only a part of the complex numbers, as one with an absolute value in it does,
    gives wrong slopes: they are to be believed as far as others confirm them.

    Parameters
    ----------
    forward : callable
        A forward rule; it gets a fresh, empty ctx each time.
    point : sequence of ndarray
        The inputs.
    options : mapping
        Keyword arguments.
    position : int
        Which input.
    entries : sequence of int
        Which of its entries, counted flat.

    Returns
    -------
    ndarray or None
        Rows for the entries, columns for those of the output; None if the rule does not take
        complex numbers or does not keep them.
    """
    slopes = []
    for entry in entries:
        moved = [value.astype(np.complex128) for value in point]
        moved[position].reshape(-1)[entry] += 1j * STEP
        given = [value if value.ndim else value[()] for value in moved]
        try:
            value = np.asarray(forward([], *given, **options))
        except Exception:  # a rule for real numbers may stumble over anything
            return None
        if value.dtype.kind != "c":
            return None
        slopes.append(value.imag.reshape(-1) / STEP)
    return np.array(slopes)
