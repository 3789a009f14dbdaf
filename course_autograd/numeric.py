"""Derivatives measured, not derived: the truth that every check compares with.

A function is evaluated a little to the right and to the left of a point. Two step sizes are used:
together they cancel the leading error of the central difference, and their disagreement tells how
far the result can be trusted. The slopes to the right and to the left tell whether there is a kink
between them. Nothing here knows any derivative.

A right gradient is confirmed by its slopes along a few random directions, however many entries it
has. Only what is not confirmed is measured entry by entry, to tell where it is wrong.

Of many entries, not all get the second step size: those that bend, a sample of the others, to see
whether the first was small enough, and those that a verdict hangs on.

Where that is too coarse, because the function is steep or its value large, a step along the
imaginary axis gives the missing digits, if the rule is made of holomorphic functions only.

Source: Press et al., "Numerical Recipes", section 5.7 (Richardson's extrapolation).
"""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from course_autograd.complex_step import complex_slopes

Array = npt.NDArray[Any]
Rows = Array | slice  # some entries of an input
EVERY = slice(None)

STEP = 6e-6  # the cube root of float64's precision: truncation and rounding errors balance
RELATIVE = 1e-8  # how close an answer must be, relative to the largest entry of the truth
TRUST = 4.0  # how many of its own error estimates the measurement is given
DOUBT = 1e-3  # where that is more, relative to the largest entry, the measurement decides nothing
KINK_TOLERANCE = 1e-3  # slopes to the right and to the left differ by less where there is no kink
PRECISION = float(np.finfo(np.float64).eps)
CHORDS = STEP * np.array([1.0, -1.0, 2.0, -2.0])  # their ends: right, left, wide right, wide left
DIRECTIONS = 2  # along which a gradient is confirmed
CONFIRMED = RELATIVE / 8  # how close a slope must be; what is not that close is measured in full
MANY = 256  # entries: an input with more is measured with one step size where that is enough
STRAIGHT = RELATIVE / TRUST  # an error of one step size, relative to the entry, that may stay
SAMPLE = 8  # entries of many that are measured with both, to see whether one is enough


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
    bends : tuple of ndarray
        How much the slope to the right exceeds that to the left, for each entry of `blocks`.
    wide : tuple of ndarray
        For each input, which of its entries were measured with both step sizes: all, if they are
        few. The errors of the others are estimated from their bends and from a sample.
    shapes : tuple of shapes
        Shapes of the inputs.
    """

    output: Array
    blocks: tuple[Array, ...]
    errors: tuple[Array, ...]
    bends: tuple[Array, ...]
    wide: tuple[Array, ...]
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

    def bend(self, upstream: Array, position: int) -> Array:
        """Return how far the slopes to both sides lie apart, for each entry of one input.

        At a kink, every gradient is right that lies between the two.
        """
        bend = np.abs(self.bends[position] @ np.ravel(upstream))
        return np.asarray(bend).reshape(self.shapes[position])

    def tolerance(self, upstream: Array, position: int, relative: float = RELATIVE) -> float:
        """Return how far a right gradient of one input may lie from the measured one.

        It is at least `relative` to the largest entry. Entries that are `doubtful` do not count.
        """
        sizes, errors, certain = self._certainty(upstream, position)
        largest = float(np.max(sizes, initial=0.0, where=certain))
        error = float(np.max(errors, initial=0.0, where=certain))
        return max(relative * max(1.0, largest), error)

    def doubtful(self, upstream: Array, position: int) -> Array:
        """Return for each entry of one input whether its gradient is too uncertain to judge by.

        So it is at a kink, where the function is too steep for the step, and where it has no
        finite value.
        """
        _, _, certain = self._certainty(upstream, position)
        return np.asarray(~certain).reshape(self.shapes[position])

    def _certainty(self, upstream: Array, position: int) -> tuple[Array, Array, Array]:
        """Return for each entry of one input its size, its error, and whether it is certain."""
        flat = np.ravel(upstream)
        sizes = np.abs(self.blocks[position] @ flat)
        errors = TRUST * (self.errors[position] @ np.abs(flat))
        # What is uncertain itself is no measure for others; nan is not certain.
        known = errors <= DOUBT * np.maximum(1.0, sizes)
        return sizes, errors, errors <= DOUBT * float(np.max(sizes, initial=1.0, where=known))


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
    return Measurement(forward, inputs, options).jacobian


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
        self._forward, self._options = forward, options or {}
        # In C order, so that a flat view moves the entries themselves.
        self.point = [np.array(value, dtype=np.float64, order="C") for value in inputs]
        self.confirmed: tuple[float, ...] = ()

    @cached_property
    def output(self) -> Array:
        """The value at the point."""
        return evaluate(self._forward, [value.copy() for value in self.point], self._options)

    # --- entry by entry ---

    @cached_property
    def jacobian(self) -> Jacobian:
        """The derivative, entry by entry."""
        sizes = [value.size for value in self.point]
        with _quiet():
            near = [self._chords(position, EVERY, 1.0) for position in range(len(sizes))]
            found = Jacobian(
                self.output,
                blocks=tuple(slopes for slopes, _ in near),
                errors=tuple(np.zeros_like(slopes) for slopes, _ in near),
                bends=tuple(bends for _, bends in near),
                wide=tuple(np.zeros(size, dtype=bool) for size in sizes),
                shapes=tuple(value.shape for value in self.point),
            )
            for position, size in enumerate(sizes):
                if size > MANY:
                    self._widen_where_needed(found, position)
                else:
                    self._widen(found, position, EVERY)
        return found

    def judging(
        self, upstream: Array, gradients: Sequence[Array | None], relative: float = RELATIVE
    ) -> Jacobian:
        """Return the derivative, measured with both step sizes where a verdict hangs on it.

        An entry that agrees with one step size needs no second. Of those that are off, the worst
        ones get it: if one stays off, the gradient is wrong. Else more get it, in the end all. So
        no gradient is found wrong by an entry that was measured with one step size only.

        Parameters
        ----------
        upstream : ndarray
        gradients : sequence of (ndarray or None)
            Those to be judged; None, and what has another shape than its input, is passed over.
        relative : float
            As for `Jacobian.tolerance`.

        Returns
        -------
        Jacobian
        """
        found = self.jacobian
        for position, (given, shape) in enumerate(zip(gradients, found.shapes, strict=False)):
            if given is None or given.shape != shape:
                continue
            wide, most = found.wide[position], SAMPLE
            while not wide.all():
                with np.errstate(all="ignore"):
                    distance = np.ravel(np.abs(given - found.vjp(upstream)[position]))
                certain = ~np.ravel(found.doubtful(upstream, position))
                allowed = found.tolerance(upstream, position, relative)
                # Between the slopes to both sides a gradient may be accepted: it decides nothing.
                beside = np.ravel(found.bend(upstream, position)) / 2.0
                if (wide & certain & ~(distance <= allowed + beside)).any():  # nan is off
                    break
                undecided = np.flatnonzero(~wide & certain & ~(distance <= allowed))
                if not undecided.size:
                    break
                worst = undecided[np.argsort(distance[undecided])[-most:]]
                with _quiet():
                    self._widen(found, position, worst)
                most *= 8
        return found

    def _widen_where_needed(self, found: Jacobian, position: int) -> None:
        """Measure with both step sizes what bends, and some of the rest; if need be, all.

        The error of one step size is a third derivative's. Where derivatives grow as those of an
        exponential do, it follows from the bend. That may not be so: a sample of the entries that
        look straight tells.
        """
        near, bend = found.blocks[position], found.bends[position]
        size = np.maximum(1.0, np.abs(near))
        curved = bend**2 / size  # six times that error
        straight: Array = np.all(curved <= STRAIGHT * size, axis=1)  # nan is not straight
        sample = np.flatnonzero(straight)
        sample = sample[:: max(1, math.ceil(len(sample) / SAMPLE))]
        drift = self._widen(found, position, sample) - TRUST * self._rounding(position, sample)
        typical = np.max(drift / size[sample], initial=0.0)
        if not typical <= STRAIGHT:
            straight[:] = False
        wide = found.wide[position]
        bent = np.flatnonzero(~straight & ~wide)
        if bent.size:
            self._widen(found, position, bent)
        error = np.maximum(curved, np.where(near != 0.0, typical * size, 0.0))
        error += self._rounding(position, EVERY)
        np.copyto(found.errors[position], error, where=~wide[:, None])

    def _widen(self, found: Jacobian, position: int, rows: Rows) -> Array:
        """Measure some entries of one input with the second step size, too.

        Returns by how much the slopes of the two step sizes differ. No entry may be given twice.
        """
        near, bend = found.blocks[position][rows], found.bends[position][rows]
        far, wide_bend = self._chords(position, rows, 2.0)
        drift = np.abs(near - far)
        block = near + (near - far) / 3.0
        # A smooth function bends in proportion to the width; what remains is a kink. Beside a curve
        # it is the truer bend; the narrow one is larger where the kink lies a little to one side.
        remains = 2.0 * bend - wide_bend
        kink = np.abs(remains)
        truer = np.where(kink > np.abs(bend), remains, bend)
        kink[kink <= KINK_TOLERANCE * np.maximum(1.0, np.abs(block))] = 0.0
        error = drift + self._rounding(position, rows) + kink
        self._sharpen(position, rows, block, error)
        lost = ~np.isfinite(block + error)
        block[lost] = error[lost] = np.nan
        found.blocks[position][rows], found.errors[position][rows] = block, error
        found.bends[position][rows] = truer
        found.wide[position][rows] = True
        return np.asarray(drift)

    def _sharpen(self, position: int, rows: Rows, block: Array, error: Array) -> None:
        """Put complex slopes where real steps are too coarse, if they lie within the error.

        That is where the function is steep, or so large that its digits do not suffice.
        """
        size = np.maximum(1.0, np.abs(block))
        coarse = TRUST * error > RELATIVE * size  # nan is not coarse
        coarse &= error <= KINK_TOLERANCE * size
        some = np.flatnonzero(coarse.any(axis=1))
        if not some.size:
            return
        entries = np.arange(self.point[position].size)[rows][some].tolist()
        found = complex_slopes(self._forward, self.point, self._options, position, entries)
        if found is not None:
            agree = coarse[some] & (np.abs(found - block[some]) <= error[some])
            block[some] = np.where(agree, found, block[some])
            error[some] = np.where(agree, PRECISION * np.abs(found), error[some])

    @cached_property
    def _steps(self) -> list[Array]:
        """The steps of the entries of each input."""
        return [STEP * np.maximum(1.0, np.abs(value.reshape(-1))) for value in self.point]

    def _rounding(self, position: int, rows: Rows) -> Array:
        """Return the error of the slopes that comes from rounding the values."""
        values = PRECISION * np.abs(self.output.reshape(-1))
        return np.multiply.outer(1.0 / self._steps[position][rows], values)

    def _chords(self, position: int, rows: Rows, times: float) -> tuple[Array, Array]:
        """Return the slope of the chord over the point and how much it bends there.

        Both for some entries of one input, in rows, and all of the output, in columns. The chord
        reaches from `times` the step to the left to `times` the step to the right.
        """
        middle = self.point[position].reshape(-1)[rows]
        widths = times * self._steps[position][rows]
        ends = np.stack((middle + widths, middle - widths))
        right, left = self._moved(position, rows, ends)
        # The widths are those that floats really give.
        above, below = (ends[0] - middle)[:, None], (middle - ends[1])[:, None]
        output = self.output.reshape(-1)
        return (right - left) / (above + below), (right - output) / above - (output - left) / below

    def _moved(self, position: int, rows: Rows, ends: Array) -> Array:
        """Return the values with one entry of an input moved: each of `rows` to its two `ends`."""
        found = np.empty((*ends.shape, *self.output.shape))
        above, below = found
        numbers = np.arange(self.point[position].size)[rows].tolist()
        forward, options = self._forward, self._options
        # The entries are moved in one copy: nearly all the time goes into `forward`.
        kept = [np.array(value) for value in self.point]
        if self.point[position].ndim:
            rule = partial(forward, **options) if options else forward
            given = [value if value.ndim else value[()] for value in kept]
            moved = kept[position].reshape(-1)
            moves = zip(numbers, moved[rows].tolist(), *ends.tolist(), strict=True)
            for i, (row, middle, right, left) in enumerate(moves):
                moved[row] = right
                above[i] = rule([], *given)
                moved[row] = left
                below[i] = rule([], *given)
                moved[row] = middle
        # A number cannot be moved in place, nor anything if the rule writes into its inputs.
        if not self.point[position].ndim or not all(map(_same, kept, self.point)):
            for side, values in enumerate(found):
                for i, row in enumerate(numbers):
                    kept = [np.array(value) for value in self.point]
                    kept[position].reshape(-1)[row] = ends[side, i]
                    values[i] = _value(forward, kept, options)
        return found.reshape(*ends.shape, self.output.size)

    # --- along directions ---

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
        flat = joined(gradients)
        if flat.size <= DIRECTIONS:
            return False
        largest = float(np.abs(flat).max())
        if not math.isfinite(largest):
            return False
        scale = max(1.0, largest)
        weights, output = np.ravel(upstream), self.output.reshape(-1)
        middle = float(weights @ output)
        rounding = TRUST * PRECISION * float(np.abs(weights) @ np.abs(output)) / STEP
        if not rounding <= RELATIVE * scale:
            return False
        close = max(CONFIRMED * scale, rounding)
        point = joined(self.point)
        directions = np.random.default_rng(seed).standard_normal((DIRECTIONS, flat.size))
        directions *= np.maximum(1.0, np.abs(point))
        ends = CHORDS
        slopes: list[float] = []
        with _quiet():
            for direction, expected in zip(directions, directions @ flat, strict=True):
                points = np.multiply.outer(ends, direction)
                points += point
                right, left, *wide = self._along(weights, points)
                slope, kink = (right - left) / (2.0 * STEP), (right + left - 2.0 * middle) / STEP
                if wide:
                    right, left = wide
                    drift = slope - (right - left) / (4.0 * STEP)
                    kink = 2.0 * kink - (right + left - 2.0 * middle) / (2.0 * STEP)
                    slope += drift / 3.0
                    if TRUST * abs(drift) <= close:
                        ends = CHORDS[:2]  # along the next direction, too, one step size will do
                # nan agrees with nothing
                if not (
                    abs(kink) <= KINK_TOLERANCE * max(1.0, abs(slope))
                    and abs(expected - slope) <= close
                ):
                    return False
                slopes.append(slope)
        self.confirmed = tuple(slopes)
        return True

    def _along(self, weights: Array, points: Array) -> list[float]:
        """Return ``weights @ z`` at each of some points, where z is the value."""
        inputs, start = [], 0
        for here in self.point:
            end = start + here.size
            inputs.append(points[:, start:end].reshape(len(points), *here.shape))
            start = end
        values = (self._forward([], *given, **self._options) for given in zip(*inputs, strict=True))
        return [float(weights @ np.asarray(z, dtype=np.float64).reshape(-1)) for z in values]


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


def _same(one: Array, other: Array) -> bool:
    """Whether two arrays hold the same numbers; nan is the same as nan."""
    return one.tobytes() == other.tobytes()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep NumPy's warnings back."""
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        yield


def joined(gradients: Sequence[Any]) -> Array:
    """Return all gradients as one flat array."""
    if len(gradients) == 1:
        return np.ravel(gradients[0])
    return np.concatenate([np.ravel(gradient) for gradient in gradients])
