"""Data for training: handwritten digits, minibatches, and the three parts of a data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from course_autograd.errors import ShapeError

Array = npt.NDArray[Any]


class Digits(NamedTuple):
    """Scans of handwritten digits and what they show.

    Attributes
    ----------
    images : float64 array of shape (1797, 64)
        Grey values from 0 (paper) to 1 (ink); each row is a picture of 8 x 8 pixels.
    labels : int64 array of shape (1797,)
        The digits, 0 to 9.
    """

    images: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]

    @property
    def image_shape(self) -> tuple[int, int]:
        """Shape of one picture: ``images[i].reshape(digits.image_shape)``."""
        return (8, 8)


class Part(NamedTuple):
    """Examples and their targets, row by row."""

    x: Array
    y: Array


class Split(NamedTuple):
    """The three parts of a data set.

    Attributes
    ----------
    train : Part
        The optimizer sees these.
    validation : Part
        They decide when to stop, and between settings.
    test : Part
        Looked at once, in the end.
    """

    train: Part
    validation: Part
    test: Part


def digits() -> Digits:
    """Return 1,797 handwritten digits, as new arrays at every call.

    Source: Alpaydin, E. & Kaynak, C. (1998), Optical Recognition of Handwritten Digits, UCI
    Machine Learning Repository, CC BY 4.0; see SOURCE.md beside this file.
    """
    from importlib import resources  # slow to import, and only needed here

    file = resources.files(__package__) / "digits.npz"
    with file.open("rb") as opened, np.load(opened, allow_pickle=False) as archive:
        images, labels = archive["images"], archive["labels"]
    return Digits(images / 16.0, labels.astype(np.int64))


def split(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    parts: Sequence[float] = (0.6, 0.2, 0.2),
    *,
    seed: int | np.random.Generator,
) -> Split:
    """Shuffle a data set and cut it into training, validation and test data without overlap.

    Parameters
    ----------
    x, y : array_like
        Examples and targets, the same number of rows.
    parts : three numbers
        Fractions that add up to 1, or numbers of rows (whole numbers) that add up to at most the
        rows there are.
    seed : int or numpy.random.Generator
        The same seed gives the same split.

    Returns
    -------
    Split
        Copies; ``train, validation, test = split(...)`` works too.

    Raises
    ------
    ShapeError
        If `x` and `y` differ in their number of rows.
    ValueError
        If `parts` are not three numbers of one of the two kinds, or a part would be empty.
    """
    x, y = _rows("split", x, y)
    counts = _counts(parts, len(x))
    order = np.random.default_rng(seed).permutation(len(x))
    ends = np.cumsum(counts)
    rows = [order[end - count : end] for end, count in zip(ends, counts, strict=True)]
    return Split(*(Part(x[chosen], y[chosen]) for chosen in rows))


def batches(
    x: npt.ArrayLike, y: npt.ArrayLike, size: int, seed: int | np.random.Generator
) -> Iterator[Part]:
    """Go once through a data set in shuffled minibatches.

    Parameters
    ----------
    x, y : array_like
        Examples and targets, the same number of rows.
    size : int
        Rows in a minibatch. The last one is smaller where the rows do not come out even.
    seed : int or numpy.random.Generator
        Give a generator, and the same one in every epoch, to get a new order in every epoch; a
        number gives the same order each time.

    Returns
    -------
    iterator of Part
        ``for x_batch, y_batch in batches(...)``. Every row comes exactly once.

    Raises
    ------
    ShapeError
        If `x` and `y` differ in their number of rows.
    ValueError
        If `size` is not a positive whole number.
    """
    x, y = _rows("batches", x, y)
    if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
        raise ValueError(f"batches: expected size to be a positive whole number, got {size!r}.")
    order = np.random.default_rng(seed).permutation(len(x))
    return (
        Part(x[order[start : start + size]], y[order[start : start + size]])
        for start in range(0, len(x), size)
    )


def _rows(who: str, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, Array]:
    """Return both as arrays with the same number of rows."""
    x, y = np.asarray(x), np.asarray(y)
    if not x.ndim or not y.ndim or len(x) != len(y):
        raise ShapeError(
            f"{who}: expected x and y with the same number of rows, got shapes {x.shape} and "
            f"{y.shape}. Give one target per example."
        )
    return x, y


def _counts(parts: Sequence[float], rows: int) -> list[int]:
    """Turn fractions or numbers of rows into numbers of rows."""
    sizes = list(parts)
    expected = "split: expected three parts, fractions that add up to 1 or numbers of rows"
    if len(sizes) != 3 or not all(size > 0 for size in sizes):
        raise ValueError(f"{expected}, all positive; got {tuple(sizes)}.")
    if all(isinstance(size, int | np.integer) for size in sizes):
        if sum(sizes) > rows:
            raise ValueError(
                f"{expected}; {' + '.join(map(str, sizes))} is more than the {rows} there are."
            )
        return [int(size) for size in sizes]
    if abs(sum(sizes) - 1.0) > 1e-9:
        raise ValueError(f"{expected}; {tuple(sizes)} add up to {sum(sizes):g}.")
    ends = [round(rows * end) for end in np.cumsum(sizes)]
    counts = [ends[0], ends[1] - ends[0], ends[2] - ends[1]]
    if min(counts) < 1:
        raise ValueError(f"{expected}; {tuple(sizes)} of {rows} rows leaves a part empty.")
    return counts


__all__ = ["Digits", "Part", "Split", "batches", "digits", "split"]
