"""How exact a measured derivative is: its error against the step size, in the shape of a V."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import numpy.typing as npt

from course_autograd import numeric
from course_autograd.errors import OptionError, ShapeError, ValueTypeError
from course_autograd.pictures.described import Array, axes_for, calm, count_text, finished, numbers
from course_autograd.pictures.marks import BLUE, FAINT, INK, VERMILION
from course_autograd.pictures.show import Picture
from course_autograd.recording import no_grad
from course_autograd.tensor import Tensor
from course_autograd.words import number_text, shape_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WHO = "plot.gradient_check"
SIZE = (7.0, 4.4)
MOST = 1_000  # entries of a point
WIDE = 4.5  # inches of axes in which there is room for whole sentences
GROWN = 10.0  # an arm of the V is at least that many times higher than its tip
STEPS = np.logspace(-15.0, 0.0, 46)

Function = Callable[[Any], Any]


@dataclass(frozen=True)
class _Errors:
    """The errors of one kind of difference, one for each step; nan where it has no value."""

    name: str
    steps: Array
    sizes: Array

    @property
    def measured(self) -> bool:
        return bool(np.isfinite(self.sizes).any())

    @property
    def best(self) -> int:
        """Position of the smallest error; of several, the largest step's."""
        return int(np.flatnonzero(self.sizes == np.nanmin(self.sizes))[-1])

    @property
    def step(self) -> str:
        return _number(self.steps[self.best])

    @property
    def smallest(self) -> str:
        return _number(self.sizes[self.best])

    @property
    def rounds(self) -> bool:
        """Whether the error grows towards small steps."""
        return self._grows(self.sizes[: self.best])

    @property
    def truncates(self) -> bool:
        """Whether the error grows towards large steps."""
        return self._grows(self.sizes[self.best + 1 :])

    def _grows(self, side: Array) -> bool:
        smallest = self.sizes[self.best]
        return bool(np.max(side[np.isfinite(side)], initial=0.0) > GROWN * smallest)


@overload
def gradient_check(
    f: Function,
    x: npt.ArrayLike | Tensor,
    gradient: npt.ArrayLike,
    *,
    steps: npt.ArrayLike | None = ...,
    ax: None = ...,
) -> Picture: ...


@overload
def gradient_check(
    f: Function,
    x: npt.ArrayLike | Tensor,
    gradient: npt.ArrayLike,
    *,
    steps: npt.ArrayLike | None = ...,
    ax: Axes,
) -> Axes: ...


def gradient_check(
    f: Function,
    x: npt.ArrayLike | Tensor,
    gradient: npt.ArrayLike,
    *,
    steps: npt.ArrayLike | None = None,
    ax: Axes | None = None,
) -> Picture | Axes:
    r"""Plot how far measured derivatives lie from `gradient`, for many step sizes h.

    Forward difference: :math:`(f(x + h e_i) - f(x)) / h`. Central difference:
    :math:`(f(x + h e_i) - f(x - h e_i)) / 2h`. Their error falls with h (truncation), until
    rounding, about :math:`10^{-16} |f| / h`, takes over: a V. Where the gradient is not that of
    `f`, there is no V: the error does not fall below the mistake.

    Parameters
    ----------
    f : callable
        Takes an array of the shape of `x`, returns a number (or a tensor with one).
    x : array_like or tensor
        The point, any shape.
    gradient : array_like
        The gradient of `f` at `x`, in the shape of `x`: from a formula, or ``x.grad``.
    steps : array_like, optional
        Step sizes, shape (steps,); from 1e-15 to 1 where nothing is given.
    ax : matplotlib.axes.Axes, optional
        Draw there.

    Returns
    -------
    Picture or Axes
        A picture with a description, which a notebook shows; with `ax`, the axes, whose
        description ``plot.description(ax)`` gives.

    Raises
    ------
    CourseError
        If `f` is no function or does not return one number, `gradient` has another shape than
        `x`, or steps are not positive.
    """
    if not callable(f):
        raise ValueTypeError(
            f"{WHO}: expected a function first, got a {type(f).__name__}. "
            "Give f, x and the gradient: plot.gradient_check(lambda x: x**3, 2.0, 12.0)."
        )
    point, expected = numbers(WHO, "the point x", x), numbers(WHO, "the gradient", gradient)
    if expected.shape != point.shape:
        raise ShapeError(
            f"{WHO}: expected the gradient in the shape of x, {shape_text(point.shape)}, got shape "
            f"{shape_text(expected.shape)}. Each entry of x has one derivative."
        )
    if point.size > MOST:
        raise ShapeError(
            f"{WHO}: expected a point with at most {MOST:,} entries, got {point.size:,}. Every "
            "entry is moved by every step: take smaller inputs."
        )
    if not (point.size and np.isfinite(point).all() and np.isfinite(expected).all()):
        raise ShapeError(
            f"{WHO}: expected a point and a gradient of finite numbers, got x "
            f"{_entries(point)} and gradient {_entries(expected)}. "
            "Choose a point where f has a derivative."
        )
    sizes = _steps(steps)
    errors = _measure(f, point, expected, sizes)
    if not any(one.measured for one in errors):
        raise ShapeError(
            f"{WHO}: expected finite values of f near x = {_entries(point)}, got none for any "
            f"step from {_number(sizes[0])} to {_number(sizes[-1])}. Choose a point inside its "
            "domain."
        )
    gap = _gap(f, point, expected)
    drawn = axes_for(WHO, ax, SIZE)
    _draw(drawn, errors, point.size, gap)
    return finished(drawn, ax, _words(errors, point, gap))


def _steps(given: npt.ArrayLike | None) -> Array:
    steps = np.array(STEPS) if given is None else numbers(WHO, "steps", given)
    if steps.ndim != 1 or steps.size < 2 or not np.all((steps > 0) & np.isfinite(steps)):
        raise OptionError(
            f"{WHO}: expected two or more positive steps, got {_entries(steps)}. "
            "Write for example steps=[1e-1, 1e-5, 1e-14], or leave it out."
        )
    return np.unique(steps)


def _measure(f: Function, point: Array, expected: Array, steps: Array) -> tuple[_Errors, _Errors]:
    here = _value(f, point)
    forward, central = np.zeros(steps.size), np.zeros(steps.size)
    for number, step in enumerate(steps):
        for index in np.ndindex(point.shape):
            above, below = point.copy(), point.copy()
            above[index] += step
            below[index] -= step
            up, down = _value(f, above), _value(f, below)
            with np.errstate(all="ignore"):
                slopes = ((up - here) / step, (up - down) / (2.0 * step))
                errors = [abs(slope - expected[index]) for slope in slopes]
            # np.maximum keeps nan, as max does not.
            forward[number] = np.maximum(forward[number], errors[0])
            central[number] = np.maximum(central[number], errors[1])
    forward[~np.isfinite(forward)] = np.nan
    central[~np.isfinite(central)] = np.nan
    return _Errors("forward", steps, forward), _Errors("central", steps, central)


def _value(f: Function, point: Array) -> float:
    with no_grad(), np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # outside its domain: nan says enough
        given = f(point.copy() if point.ndim else point[()])
    value = numbers(WHO, "the value of f", given)
    if value.size != 1:
        raise ShapeError(
            f"{WHO}: expected one number from f, got shape {shape_text(value.shape)}. "
            "Sum over its entries, or look at all derivatives at once: plot.jacobian(f, x)."
        )
    return float(value.reshape(()))


def _gap(f: Function, point: Array, expected: Array) -> float | None:
    """Return by how much the gradient is not that of `f`; 0 if it is, None at a kink."""
    one = np.ones(())
    measurement = numeric.Measurement(lambda _ctx, x: _value(f, np.asarray(x)), [point])
    measured = measurement.judging(one, [expected])
    if measured.doubtful(one, 0).any():
        return None
    gap = float(np.max(np.abs(measured.vjp(one)[0] - expected)))
    return 0.0 if gap <= measured.tolerance(one, 0) else gap


# --- the picture -----------------------------------------------------------------------------


def _draw(ax: Axes, errors: tuple[_Errors, _Errors], entries: int, gap: float | None) -> None:
    calm(ax)
    sizes = np.concatenate([one.sizes for one in errors])
    positive = sizes[sizes > 0]
    low = float(positive.min()) if positive.size else 1e-16
    high = float(positive.max()) if positive.size else 1.0
    # Where an error of 0 is drawn: a logarithm has no place for it.
    floor = low / 10.0 if (sizes == 0).any() else low
    what = "error of the derivative" if entries == 1 else "largest error of a derivative"
    # Room below for the causes.
    span = max(2.0, np.log10(high / floor))
    ax.set(xscale="log", xlabel="step size h", ylabel=what)
    ax.set_ylim(floor / 10.0 ** (0.34 * span), high * 10.0 ** (0.08 * span))
    ax.set_yscale("log")
    wide = ax.get_window_extent().width > WIDE * ax.figure.dpi
    looks = ((errors[0], VERMILION, "--", "s"), (errors[1], BLUE, "-", "o"))
    for one, colour, line, marker in looks:
        if not one.measured:
            continue
        at = np.where(one.sizes == 0, floor, one.sizes)
        best = f": ★ best h = {one.step}, error {one.smallest}" if gap == 0 else ""
        ax.plot(
            one.steps,
            at,
            color=colour,
            linestyle=line,
            marker=marker,
            markersize=4,
            linewidth=1.6,
            label=f"{one.name}{' difference' if wide else ''}{best}",
        )
        if gap == 0:
            ax.plot(
                one.steps[one.best],
                at[one.best],
                marker="*",
                markersize=17,
                color=colour,
                markeredgecolor=INK,
                markeredgewidth=0.9,
                zorder=4,
            )
    if gap:
        label = f"how far the gradient is off: {_number(gap)}"
        ax.axhline(gap, color=INK, linewidth=1.2, linestyle="-.", zorder=1, label=label)
    if floor < low:
        ax.axhline(floor, color=FAINT, linewidth=0.9, linestyle=":", label="on this line: error 0")
    ax.legend(
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        borderaxespad=0.2,
        frameon=False,
        fontsize=10.0 if wide else 8.5,
    )
    for words, x, side in _causes(errors, gap, wide):
        ax.text(
            x,
            0.03,
            words,
            transform=ax.transAxes,
            ha=side,
            va="bottom",
            color=INK,
            fontsize=9,
            linespacing=1.25,
        )


def _causes(
    errors: tuple[_Errors, _Errors], gap: float | None, wide: bool
) -> list[tuple[str, float, Literal["left", "center", "right"]]]:
    """Return what is written into the picture, with its place."""
    if gap is None:
        return [
            ("A kink, or too steep to measure:\nhere the errors decide nothing.", 0.5, "center")
        ]
    if gap:
        return [
            ("No V: the error does not go away.\nThe gradient is not that of f.", 0.5, "center")
        ]
    between = " " if wide else "\n"
    said: list[tuple[str, float, Literal["left", "center", "right"]]] = []
    if rounds := [one.name for one in errors if one.measured and one.rounds]:
        why = "\nThe values of f agree in nearly\nall digits; few are left." if wide else ""
        what = f"← rounding{_alone(rounds)}:{between}h too small."
        said.append((what + why, 0.02, "left"))
    if truncates := [one.name for one in errors if one.measured and one.truncates]:
        why = "\nThe curve bends between\nthe points." if wide else ""
        what = f"truncation{_alone(truncates)}:{between}h too large. →"
        said.append((what + why, 0.98, "right"))
    return said


def _alone(names: Sequence[str]) -> str:
    return f" ({names[0]} only)" if len(names) == 1 else ""


# --- in words --------------------------------------------------------------------------------


def _words(errors: tuple[_Errors, _Errors], point: Array, gap: float | None) -> str:
    steps = errors[0].steps
    words = [
        f"Error of measured derivatives at x = {_entries(point)} against the step size h, from "
        f"{_number(steps[0])} to {_number(steps[-1])}, both axes logarithmic."
    ]
    for one in errors:
        if not one.measured:
            words.append(f"The {one.name} difference has no finite value for any h.")
            continue
        known = np.flatnonzero(np.isfinite(one.sizes))
        ends = [_number(one.sizes[known[end]]) for end in (0, -1)]
        best = f"smallest ({one.smallest}) at h = {one.step}, " if gap == 0 else ""
        words.append(
            f"{one.name.capitalize()} difference: {ends[0]} at the smallest h, {best}{ends[1]} at "
            "the largest h."
        )
        lost = steps.size - known.size
        if lost:
            words.append(f"{count_text(int(lost), 'step leaves', 'steps leave')} the domain of f.")
    if gap is None:
        words.append("At this point f has a kink or is too steep: the errors decide nothing.")
        return " ".join(words)
    if gap:
        words.append(
            f"There is no V: the error does not go away, the gradient is off by {_number(gap)}. "
            "It is not that of f."
        )
        return " ".join(words)
    causes = (
        (
            [one.name for one in errors if one.measured and one.rounds],
            "To the left of the best h",
            "rounding: the values of f agree in nearly all digits.",
        ),
        (
            [one.name for one in errors if one.measured and one.truncates],
            "To the right of it",
            "truncation: the curve bends between the points.",
        ),
    )
    for names, where, cause in causes:
        if names:
            which = "both errors grow" if len(names) == 2 else f"the {names[0]} error grows"
            words.append(f"{where} {which} by {cause}")
    return " ".join(words)


def _entries(point: Array) -> str:
    if point.ndim == 0:
        return number_text(point)
    if point.size <= 6 and point.ndim == 1:
        return "[" + ", ".join(number_text(entry) for entry in point) + "]"
    return f"an array of shape {shape_text(point.shape)}"


def _number(value: float) -> str:
    return number_text(value, 2)
