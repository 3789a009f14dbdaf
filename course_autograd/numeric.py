"""Derivatives measured, not derived: the truth that every check compares with.

A function is evaluated a little to the right and to the left of a point. Two step sizes are used:
together they cancel the leading error of the central difference, and their disagreement tells how
far the result can be trusted. The slopes to the right and to the left tell whether there is a kink
between them. Nothing here knows any derivative.

A right gradient is confirmed by its slopes along a few random directions, however many entries it
has. Only what is not confirmed is measured entry by entry, to tell where it is wrong.

Source: Press et al., "Numerical Recipes", section 5.7 (Richardson's extrapolation).
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

STEP = 6e-6  # the cube root of float64's precision: truncation and rounding errors balance
RELATIVE = 1e-8  # how close an answer must be, relative to the largest entry of the truth
TRUST = 4.0  # how many of its own error estimates the measurement is given
DOUBT = 1e-3  # where that is more, relative to the largest entry, the measurement decides nothing
KINK_TOLERANCE = 1e-3  # slopes to the right and to the left differ by less where there is no kink
PRECISION = float(np.finfo(np.float64).eps)
DIRECTIONS = 2  # along which a gradient is confirmed
CONFIRMED = RELATIVE / 8  # how close a slope must be; what is not that close is measured in full


@dataclass(frozen=True)
class Jacobian:
    """A function's value at a point, and its measured derivative.

    Parameters
    ----------
    output : ndarray
        The value.
    blocks : tuple of ndarray
        For each input an array (entries of the input, entries of the output):
        ``blocks[k][i, j]`` is d(output_j) / d(input_k)_i.
    errors : tuple of ndarray
        Estimated size of the error of each entry of `blocks`; nan where there is no finite value.
    shapes : tuple of shapes
        Shapes of the inputs.
    """

    output: Array
    blocks: tuple[Array, ...]
    errors: tuple[Array, ...]
    shapes: tuple[tuple[int, ...], ...]

    def vjp(self, upstream: Array) -> tuple[Array, ...]:
        r"""Return the vector-Jacobian products, one per input, in the shapes of the inputs.

        :math:`\partial L/\partial x_i = \sum_j g_j\, \partial z_j/\partial x_i`
        """
        flat = np.ravel(upstream)
        return tuple(
            (block @ flat).reshape(shape)
            for block, shape in zip(self.blocks, self.shapes, strict=True)
        )

    def tolerance(self, upstream: Array, position: int) -> float:
        """Return how far a right gradient of one input may lie from the measured one.

        Entries that are `doubtful` do not count.
        """
        flat = np.ravel(upstream)
        trusted = ~np.ravel(self.doubtful(upstream, position))
        largest = float(np.max(np.abs(self.blocks[position] @ flat)[trusted], initial=0.0))
        error = float(np.max((self.errors[position] @ np.abs(flat))[trusted], initial=0.0))
        return max(RELATIVE * max(1.0, largest), TRUST * error)

    def doubtful(self, upstream: Array, position: int) -> Array:
        """Return for each entry of one input whether its gradient is too uncertain to judge by.

        So it is at a kink, where the function is too steep for the step, and where it has no
        finite value.
        """
        flat = np.ravel(upstream)
        error = TRUST * (self.errors[position] @ np.abs(flat))
        sizes = np.abs(self.blocks[position] @ flat)
        largest = float(np.max(sizes[np.isfinite(sizes)], initial=1.0))
        certain = error <= DOUBT * largest  # nan is not certain
        return np.asarray(~certain).reshape(self.shapes[position])


def jacobian(
    forward: Callable[..., Any],
    inputs: Sequence[Any],
    options: Mapping[str, Any] | None = None,
) -> Jacobian:
    """Measure the derivative of ``forward(ctx, *inputs, **options)`` at `inputs`.

    Parameters
    ----------
    forward : callable
        A forward rule; it gets a fresh, empty ctx each time.
    inputs : sequence of array_like
        The point, in float64.
    options : mapping, optional
        Keyword arguments.

    Returns
    -------
    Jacobian
    """
    point = [np.array(value, dtype=np.float64) for value in inputs]
    output = evaluate(forward, [value.copy() for value in point], options)
    blocks, errors = [], []
    for position, here in enumerate(point):
        middle = here.reshape(-1)
        step = STEP * np.maximum(1.0, np.abs(middle))
        with _quiet():
            near, bend = _chords(forward, point, options, position, step, output)
            far, wide_bend = _chords(forward, point, options, position, 2.0 * step, output)
            block = near + (near - far) / 3.0
            # A smooth function bends in proportion to the width; what remains is a kink.
            kink = np.abs(2.0 * bend - wide_bend)
            kink[kink <= KINK_TOLERANCE * np.maximum(1.0, np.abs(block))] = 0.0
            rounding = np.multiply.outer(1.0 / step, PRECISION * np.abs(output))
            error = np.abs(near - far) + rounding + kink
        lost = ~np.isfinite(block) | ~np.isfinite(error)
        block[lost] = error[lost] = np.nan
        blocks.append(block.reshape(here.size, output.size))
        errors.append(error.reshape(here.size, output.size))
    shapes = tuple(here.shape for here in point)
    return Jacobian(output, tuple(blocks), tuple(errors), shapes)


def _chords(
    forward: Callable[..., Any],
    point: Sequence[Array],
    options: Mapping[str, Any] | None,
    position: int,
    widths: Array,
    output: Array,
) -> tuple[Array, Array]:
    """Return the slope of the chord over the point and how much it bends there, for each entry.

    The chord reaches from `widths` to the left to `widths` to the right.
    """
    middle = point[position].reshape(-1)
    ends = np.stack((middle + widths, middle - widths))
    found = np.empty((*ends.shape, *output.shape))
    # The entries are moved one after the other, in one copy: all the time goes into `forward`.
    kept = [np.array(value) for value in point]
    given = [value if value.ndim else value[()] for value in kept]
    moved, constants = kept[position].reshape(-1), options or {}
    for side, row in np.ndindex(ends.shape):
        moved[row] = ends[side, row]
        if not point[position].ndim:
            given[position] = moved[0]
        found[side, row] = forward([], *given, **constants)
        moved[row] = middle[row]
    if not all(map(_same, kept, point)):  # the rule writes into its inputs: a copy each time
        for side, row in np.ndindex(ends.shape):
            kept = [np.array(value) for value in point]
            kept[position].reshape(-1)[row] = ends[side, row]
            found[side, row] = _value(forward, kept, options)
    right, left = found
    columns = (-1,) + (1,) * output.ndim  # the widths are those that floats really give
    above, below = (ends[0] - middle).reshape(columns), (middle - ends[1]).reshape(columns)
    return (right - left) / (above + below), (right - output) / above - (output - left) / below


def _same(one: Array, other: Array) -> bool:
    """Whether two arrays of numbers are equal; nan is equal to nan."""
    return np.array_equal(one, other, equal_nan=True)


class Measurement:
    """The derivative of a forward rule at one point, measured as far as it is asked for.

    Parameters
    ----------
    forward : callable
        As for `jacobian`.
    inputs : sequence of array_like
        The point, in float64.
    options : mapping, optional
        Keyword arguments.

    Attributes
    ----------
    point : list of ndarray
        The inputs.
    confirmed : tuple of float
        The slopes that agreed when gradients were last confirmed; empty if they were not.
    """

    def __init__(
        self,
        forward: Callable[..., Any],
        inputs: Sequence[Any],
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._forward, self._options = forward, options
        self.point = [np.array(value, dtype=np.float64) for value in inputs]
        self.confirmed: tuple[float, ...] = ()

    @cached_property
    def output(self) -> Array:
        """The value at the point."""
        return self.at(self.point)

    def at(self, values: Sequence[Array]) -> Array:
        """Return the value for other inputs."""
        return evaluate(self._forward, values, self._options)

    @cached_property
    def jacobian(self) -> Jacobian:
        """The derivative, entry by entry."""
        return jacobian(self._forward, self.point, self._options)

    def confirms(self, upstream: Array, gradients: Sequence[Array], seed: int) -> bool:
        """Whether `gradients` agree with the slopes along random directions.

        A wrong gradient agrees with a slope only where its error is at right angles to the
        direction: it cannot be built so by one who does not know the direction, and by chance an
        error 10,000 times the tolerance gets through twice in some 10⁸ tries.

        Parameters
        ----------
        upstream : ndarray
        gradients : sequence of ndarray
            One for each input, in its shape.
        seed : int
            Draws the directions. Whoever made the gradients must not know it.

        Returns
        -------
        bool
            False decides nothing: a slope does not agree or cannot be measured well enough, or
            measuring every entry takes no longer.
        """
        self.confirmed = ()
        point, flat = joined(self.point), joined(gradients)
        if point.size <= DIRECTIONS or not np.isfinite(flat).all():
            return False
        scale = max(1.0, float(np.abs(flat).max()))
        rng = np.random.default_rng(seed)
        directions = rng.standard_normal((DIRECTIONS, point.size)) * np.maximum(1.0, np.abs(point))
        weights, output = np.ravel(upstream), self.output.ravel()
        rounding = PRECISION * float(np.abs(weights) @ np.abs(output)) / STEP
        slopes: list[float] = []
        doubt = 0.0
        with _quiet():
            for direction, expected in zip(directions, directions @ flat, strict=True):
                slope, bend = self._chord(weights, point, STEP * direction)
                if not slopes:
                    wide, _ = self._chord(weights, point, 2.0 * STEP * direction)
                    doubt = TRUST * (abs(slope - wide / 2.0) / STEP + rounding)
                slope, bend = slope / STEP, bend / STEP
                # nan agrees with nothing
                if not (
                    doubt <= RELATIVE * scale
                    and abs(bend) <= KINK_TOLERANCE * max(1.0, abs(slope))
                    and abs(expected - slope) <= max(CONFIRMED * scale, doubt)
                ):
                    return False
                slopes.append(slope)
        self.confirmed = tuple(slopes)
        return True

    def _chord(self, weights: Array, point: Array, step: Array) -> tuple[float, float]:
        """Return by how much ``weights @ z`` rises over half a chord, and how much it bends.

        The chord reaches from `point` - `step` to `point` + `step`, both flat; z is the value.
        """
        right, left = (
            float(weights @ _value(self._forward, self._split(moved), self._options).ravel())
            for moved in (point + step, point - step)
        )
        return (right - left) / 2.0, right + left - 2.0 * float(weights @ self.output.ravel())

    def _split(self, flat: Array) -> list[Array]:
        """Cut a flat array into arrays of the shapes of the inputs."""
        parts, start = [], 0
        for here in self.point:
            parts.append(flat[start : start + here.size].reshape(here.shape))
            start += here.size
        return parts


def evaluate(
    forward: Callable[..., Any], values: Sequence[Array], options: Mapping[str, Any] | None
) -> Array:
    """Return the value of a forward rule as a float64 array; warnings are of no interest here."""
    with _quiet():
        return _value(forward, values, options)


def _value(
    forward: Callable[..., Any], values: Sequence[Array], options: Mapping[str, Any] | None
) -> Array:
    plain = [value if value.ndim else value[()] for value in values]
    return np.asarray(forward([], *plain, **(options or {})), dtype=np.float64)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep NumPy's warnings back."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def joined(gradients: Sequence[Any]) -> Array:
    """Return all gradients as one flat array."""
    if len(gradients) == 1:
        return np.ravel(gradients[0])
    return np.concatenate([np.ravel(gradient) for gradient in gradients])
