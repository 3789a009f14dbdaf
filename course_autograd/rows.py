"""A gradient that is zero outside of a few rows, kept as these rows.

A table of 50,000 words has a gradient in the five rows that were looked up. Written out, it would
cost as much as the table, for every example. A backward rule of the package may return `Rows`
instead; whoever reads ``tensor.grad`` sees the whole array, and an optimizer that needs the rows
only takes them as they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Rows:
    """Some rows of a matrix of zeros; a row that occurs several times counts several times.

    Parameters
    ----------
    rows : ndarray of int, shape (n,)
        Which rows.
    values : ndarray, shape (n, D)
        What stands in them.
    shape : tuple of int
        Shape (V, D) of the whole.
    """

    __slots__ = ("rows", "shape", "values")
    __array_ufunc__ = None  # array + rows comes to `__radd__`

    def __init__(self, rows: Array, values: Array, shape: tuple[int, ...]) -> None:
        self.rows, self.values, self.shape = rows, values, shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type of the values."""
        dtype: np.dtype[Any] = self.values.dtype
        return dtype

    def dense(self) -> Array:
        """Return the whole array: repeated rows are added up."""
        whole = np.zeros(self.shape, self.values.dtype)
        np.add.at(whole, self.rows, self.values)
        return whole

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """Let NumPy read the rows as the whole array."""
        return self.dense().astype(dtype or self.values.dtype, copy=False)

    def __add__(self, other: Rows | Array) -> Rows | Array:
        """Add another gradient of the same value; rows and rows stay rows."""
        if isinstance(other, Rows):
            return Rows(
                np.concatenate((self.rows, other.rows)),
                np.concatenate((self.values, other.values)),
                self.shape,
            )
        whole = other.copy()
        np.add.at(whole, self.rows, self.values)
        return whole

    __radd__ = __add__

    def subtract_from(self, value: Array, factor: float | Array) -> None:
        """Subtract `factor` times these rows from `value`, in place."""
        np.subtract.at(value, self.rows, self.values * factor)

    def __repr__(self) -> str:
        return f"Rows({len(self.rows)} rows of {self.shape})"
