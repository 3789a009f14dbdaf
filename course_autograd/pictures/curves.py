"""Learning curves: a loss or an accuracy by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import numpy.typing as npt

from course_autograd.errors import OptionError, ShapeError
from course_autograd.pictures.described import Array, axes_for, calm, count_text, finished, numbers
from course_autograd.pictures.marks import COLOURS, FAINT, INK, LINES, MARKERS, MOST_LINES
from course_autograd.pictures.show import Picture
from course_autograd.words import number_text, shape_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WHO = "plot.learning_curves"
SIZE = (6.0, 3.2)
MARKS = 12  # markers on a line: more would hide it
USUAL = {"training": 0, "validation": 1, "test": 2}  # their colours, lines and markers

Series = Mapping[str, npt.ArrayLike] | npt.ArrayLike
Best = int | Literal["lowest", "highest"]


@overload
def learning_curves(
    series: Series, *, quantity: str = ..., best: Best | None = ..., log: bool = ..., ax: None = ...
) -> Picture: ...


@overload
def learning_curves(
    series: Series, *, quantity: str = ..., best: Best | None = ..., log: bool = ..., ax: Axes
) -> Axes: ...


def learning_curves(
    series: Series,
    *,
    quantity: str = "loss",
    best: Best | None = None,
    log: bool = False,
    ax: Axes | None = None,
) -> Picture | Axes:
    """Plot one or several series by epoch; the first epoch is 1.

    Parameters
    ----------
    series : mapping of names to numbers, or array_like
        ``{"training": losses, "validation": others}``, or one series alone; each has shape
        (epochs,). Numbers that are not finite leave a gap.
    quantity : str
        What the numbers are: the name of the vertical axis.
    best : int, "lowest" or "highest", optional
        The epoch to mark, counted from 1, as early stopping chose it; or where the series
        "validation" is lowest or highest, or the last series where none has that name.
    log : bool
        Whether the vertical axis is logarithmic.
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
        If there is nothing to draw, a series is no list of numbers, the best epoch is not among
        the epochs, or a logarithmic axis has to show a number that is not positive.
    """
    curves = _curves(series, quantity)
    epochs = max(len(curve) for curve in curves.values())
    marked = _best(best, curves, epochs)
    if log:
        _refuse_what_has_no_logarithm(curves)
    drawn = axes_for(WHO, ax, SIZE)
    _draw(drawn, curves, marked)
    drawn.set(xlabel="epoch", ylabel=quantity, yscale="log" if log else "linear")
    if len(curves) > 1 or marked is not None:
        drawn.legend(frameon=False)
    return finished(drawn, ax, _words(curves, quantity, marked, log))


def _curves(series: Any, quantity: str) -> dict[str, Array]:
    named = series if isinstance(series, Mapping) else {quantity: series}
    if not named:
        raise ShapeError(
            f"{WHO}: expected at least one series, got none. "
            'Give for example {"training": losses}, one loss for each epoch.'
        )
    if len(named) > MOST_LINES:
        raise ShapeError(
            f"{WHO}: expected at most {MOST_LINES} series, got {len(named)}. "
            "More lines cannot be told apart: draw them in several axes."
        )
    curves = {}
    for name, given in named.items():
        curve = numbers(WHO, f"the series {str(name)!r}", given)
        if curve.ndim != 1 or not curve.size:
            raise ShapeError(
                f"{WHO}: expected the series {str(name)!r} with shape (epochs,), one number for "
                f"each epoch, got shape {shape_text(curve.shape)}. "
                + (
                    "Is nothing trained yet?"
                    if not curve.size
                    else 'Give each series a name: {"training": curves[:, 0], ...}.'
                )
            )
        curves[str(name)] = curve
    return curves


def _best(best: object, curves: Mapping[str, Array], epochs: int) -> int | None:
    if best is None:
        return None
    if isinstance(best, str) and best in ("lowest", "highest"):
        curve = curves.get("validation", list(curves.values())[-1])
        if not np.isfinite(curve).any():
            return None
        return 1 + int(np.nanargmin(_finite(curve)) if best == "lowest" else _top(curve))
    if not isinstance(best, int | np.integer) or isinstance(best, bool):
        raise OptionError(
            f"{WHO}: expected best as an epoch, 'lowest' or 'highest', got {best!r}. "
            "Write best='lowest' for a loss, best='highest' for an accuracy."
        )
    if not 1 <= best <= epochs:
        raise OptionError(
            f"{WHO}: expected the best epoch between 1 and {epochs}, got {best}. "
            "Epochs are counted from 1 here: add 1 to an index that counts from 0."
        )
    return int(best)


def _finite(curve: Array) -> Array:
    return np.where(np.isfinite(curve), curve, np.nan)


def _top(curve: Array) -> int:
    return int(np.nanargmax(_finite(curve)))


def _refuse_what_has_no_logarithm(curves: Mapping[str, Array]) -> None:
    for name, curve in curves.items():
        wrong = np.flatnonzero(curve <= 0)
        if wrong.size:
            raise OptionError(
                f"{WHO}: expected positive numbers for a logarithmic axis, got "
                f"{number_text(curve[wrong[0]])} at epoch {wrong[0] + 1} of {name!r}. "
                "Leave out log=True."
            )


def _draw(ax: Axes, curves: Mapping[str, Array], marked: int | None) -> None:
    from matplotlib.ticker import MaxNLocator  # slow to import

    calm(ax)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for (name, curve), number in zip(curves.items(), _looks(list(curves)), strict=True):
        every = max(1, len(curve) // MARKS)
        ax.plot(
            np.arange(1, len(curve) + 1),
            _finite(curve),
            color=COLOURS[number],
            linestyle=LINES[number],
            marker=MARKERS[number],
            markersize=5,
            markevery=(min(number * every // 2, len(curve) - 1), every),
            linewidth=1.8,
            label=name + _lost(curve),
        )
    epochs = max(len(curve) for curve in curves.values())
    margin = 0.025 * (epochs - 1)
    ax.set_xlim(max(0.4, 1 - margin) if margin else 0.5, epochs + (margin or 0.5))
    if marked is None:
        return
    ax.axvline(
        marked, color=FAINT, linewidth=1.2, linestyle=":", zorder=1, label=f"best epoch: {marked}"
    )
    for curve in curves.values():
        if marked <= len(curve):
            ax.plot(
                marked,
                _finite(curve)[marked - 1],
                marker="*",
                markersize=13,
                color=INK,
                markeredgecolor="white",
                zorder=4,
            )


def _looks(names: Sequence[str]) -> list[int]:
    """Return a look for each series; training and validation have theirs in every picture."""
    free = [number for number in range(MOST_LINES) if number not in map(USUAL.get, names)]
    return [USUAL[name] if name in USUAL else free.pop(0) for name in names]


def _lost(curve: Array, form: str = " ({})") -> str:
    """Say where a series is not finite; nothing where it is."""
    finite = np.isfinite(curve)
    if finite.all():
        return ""
    first = int(np.flatnonzero(~finite)[0])
    where = f"from epoch {first + 1}" if not finite[first:].any() else f"at epoch {first + 1}"
    more = int(np.sum(~finite)) - 1
    if finite[first:].any() and more:
        where += f" and {more} more"
    return form.format(f"not finite {where}")


# --- in words --------------------------------------------------------------------------------


def _words(curves: Mapping[str, Array], quantity: str, marked: int | None, log: bool) -> str:
    epochs = max(len(curve) for curve in curves.values())
    axis = " on a logarithmic axis" if log else ""
    words = [f"Learning curves: {quantity} over {count_text(epochs, 'epoch')}{axis}."]
    words += [_course(name, curve) for name, curve in curves.items()]
    if marked is not None:
        there = ", ".join(
            f"{name} {_number(curve[marked - 1])}"
            for name, curve in curves.items()
            if marked <= len(curve)
        )
        words.append(f"Marked as best: epoch {marked} ({there}).")
    return " ".join(words)


def _course(name: str, curve: Array) -> str:
    """Say how one series runs, e.g. ``"training falls from 2.3 to 0.1."``."""
    finite = np.isfinite(curve)
    if not finite.any():
        return f"{name} has no finite number."
    lost = f" It is {words}." if (words := _lost(curve, "{}")) else ""
    kept = np.flatnonzero(finite)
    start, end = curve[kept[0]], curve[kept[-1]]
    low, high = int(np.nanargmin(_finite(curve))), _top(curve)
    if len(kept) == 1:
        return f"{name} is {_number(start)}.{lost}"
    if curve[low] == curve[high]:
        return f"{name} stays at {_number(start)}.{lost}"
    # What counts is where it turned, in the direction in which it went.
    falls = end < start or (end == start and curve[low] < start)
    turn = low if falls else high
    way = f"{name} {'falls' if falls else 'rises'} from {_number(start)} to"
    if curve[turn] == end:
        return f"{way} {_number(end)}.{lost}"
    return f"{way} {_number(curve[turn])} at epoch {turn + 1} and ends at {_number(end)}.{lost}"


def _number(value: float) -> str:
    return number_text(value, 3)
