"""The package's own errors: one parent, and a traceback a student can read.

Every message says, in this order: the operation, what was expected, what came, what to do.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from types import TracebackType

_PACKAGE = str(Path(__file__).resolve().parent)


class CourseError(Exception):
    """Parent of all errors that `course_autograd` raises on purpose.

    In a notebook only the reader's own lines are shown, not the frames of this package:
    IPython asks an exception for ``_render_traceback_`` before it formats anything itself.
    """

    def _render_traceback_(self) -> list[str]:
        """Lines that IPython prints: the reader's own frames, then the message and its notes."""
        return short_traceback(self)


class NotScalarError(CourseError, ValueError):
    """``backward()`` was called on a tensor that is not a scalar."""


class NoGraphError(CourseError, ValueError):
    """``backward()`` was called on a tensor on which no gradient depends."""


class StaleGraphError(CourseError, RuntimeError):
    """``backward()`` was called on a graph of values that an optimizer has moved since."""


class ValueTypeError(CourseError, TypeError):
    """A value that cannot become a tensor (strings, complex numbers, ragged lists ...)."""


class ShapeError(CourseError, ValueError):
    """The shapes of the inputs do not fit the operation."""


class OptionError(CourseError, ValueError):
    """A constant of an operation (an axis, an exponent, labels, rows) that cannot be meant."""


class IndexRangeError(OptionError, IndexError):
    """An index outside the tensor; an IndexError too, so that ``for row in tensor`` ends."""


class GradientContractError(CourseError, ValueError):
    """What a backward rule returned is not one real gradient of the right shape per input."""


class UndoneExerciseError(CourseError, NotImplementedError):
    """A backward rule was needed that is still an exercise."""


class CheckFailed(CourseError, AssertionError):  # noqa: N818 - reads as a sentence
    """A ``check(...)`` found a mistake. The report has been printed before this is raised."""

    def _render_traceback_(self) -> list[str]:
        """One line: the report above it has already said everything."""
        return [f"{type(self).__name__}: {self}"]


def own_frames(trace: TracebackType | None) -> list[traceback.FrameSummary]:
    """Return the frames of `trace` that lie outside this package and outside IPython."""
    hidden = (_PACKAGE, "<frozen", f"{sys.prefix}/lib")
    return [
        frame
        for frame in traceback.extract_tb(trace)
        if not frame.filename.startswith(hidden) and "site-packages" not in frame.filename
    ]


def short_traceback(error: BaseException, frames: int = 4) -> list[str]:
    """Format `error` in about 14 lines: the reader's last `frames` frames and the message."""
    lines = [f"{type(error).__name__} in your code (most recent call last):"]
    shown = own_frames(error.__traceback__)[-frames:]
    for frame in shown:
        where = "cell" if "ipykernel" in frame.filename else Path(frame.filename).name
        lines.append(f"  {where}, line {frame.lineno}, in {frame.name}")
        if frame.line:
            lines.append(f"    {frame.line}")
    if not shown:
        lines = []
    lines.append(f"{type(error).__name__}: {error}")
    lines.extend(getattr(error, "__notes__", []))
    return lines
