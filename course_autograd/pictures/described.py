"""Axes with a description in words: what a plot shows is said, whoever's figure it is in.

A plot without axes of its reader's becomes a `Picture`, with the words as alt text. In given axes
the words are kept as a text that is not drawn: they go where the axes go, and ``ax.clear()``
clears them as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from course_autograd.errors import CourseError, ValueTypeError
from course_autograd.pictures.marks import GRID
from course_autograd.pictures.show import Picture
from course_autograd.tensor import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = npt.NDArray[np.float64]

MARK = "course_autograd.description"  # tells the text that holds the words


def description(*axes: Axes) -> str:
    """Return what the plots in these axes show, in words.

    Parameters
    ----------
    *axes : matplotlib.axes.Axes
        Axes that were given to functions of ``plot``.

    Returns
    -------
    str
        For ``show(figure, plot.description(left, right))``.

    Raises
    ------
    CourseError
        If there is no description in one of them.
    """
    if not axes:
        raise CourseError(
            "plot.description: expected axes, got nothing. "
            "Give it what was drawn into: plot.description(ax)."
        )
    words = []
    for ax in axes:
        found = [text.get_text() for text in _axes("plot.description", ax).texts if _is_words(text)]
        if not found:
            raise CourseError(
                "plot.description: expected axes into which plot has drawn, got axes without a "
                "description. Draw first, for example plot.learning_curves(losses, ax=ax), or "
                "write the words yourself: show(figure, 'what is to be seen')."
            )
        words += found
    return " ".join(words)


def axes_for(who: str, ax: Axes | None, size: tuple[float, float]) -> Axes:
    """Return the axes to draw in: the given ones, or those of a new figure of `size` inches."""
    if ax is not None:
        return _axes(who, ax)
    from matplotlib.figure import Figure  # slow to import; without pyplot nothing is shown twice

    return Figure(figsize=size, layout="constrained").add_subplot()


def finished(drawn: Axes, ax: Axes | None, words: str) -> Picture | Axes:
    """Return what a function of ``plot`` returns: a `Picture`, or the axes it was given."""
    if ax is None:
        return Picture(cast("Figure", drawn.figure), words)
    drawn.text(0.0, 0.0, words, visible=False, gid=MARK, transform=drawn.transAxes)
    return drawn


def calm(ax: Axes) -> None:
    """Take away what says nothing: the frame above and on the right; and soften the grid."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color=GRID, linewidth=0.8)
    ax.set_axisbelow(True)


def numbers(who: str, what: str, given: Any) -> Array:
    """Return `given` as an array of float64, or say what was expected.

    Parameters
    ----------
    who : str
        The function, for the message.
    what : str
        What is expected, e.g. ``"the gradient"``.
    given : tensor or array_like
    """
    value = given.value if isinstance(given, Tensor) else given
    try:
        array = np.asarray(value)
    except ValueError:  # lists of different lengths
        array = np.asarray(None)
    if array.dtype.kind not in "fiub":
        came = f"an array of {array.dtype}" if isinstance(value, np.ndarray) else _kind(value)
        raise ValueTypeError(
            f"{who}: expected {what} as real numbers, got {came}. "
            "Give a number, a list of numbers, an array or a tensor."
        )
    return array.astype(np.float64)


def count_text(number: int, one: str, many: str = "") -> str:
    """Return ``"1 row"``, ``"2 rows"``; `many` where an s is not enough."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def _kind(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} that is no table of numbers"
    return "None" if value is None else f"a {type(value).__name__}"


def _axes(who: str, ax: Any) -> Axes:
    from matplotlib.axes import Axes  # slow to import

    if isinstance(ax, Axes):
        return ax
    came = "an array of axes" if isinstance(ax, np.ndarray) else f"a {type(ax).__name__}"
    raise ValueTypeError(
        f"{who}: expected matplotlib axes, got {came}. "
        "Make some with figure, ax = plt.subplots() and give ax=ax, one at a time."
    )


def _is_words(text: Any) -> bool:
    return bool(text.get_gid() == MARK)
