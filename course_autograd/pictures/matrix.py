"""The Jacobian as an image: which output depends on which input, and how much."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from course_autograd import numeric
from course_autograd.errors import ShapeError, ValueTypeError
from course_autograd.operation import Operation
from course_autograd.pictures.described import Array, axes_for, count_text, finished, numbers
from course_autograd.pictures.marks import BLUE, FAINT, GRID, INK, VERMILION
from course_autograd.pictures.show import Picture
from course_autograd.recording import no_grad
from course_autograd.tensor import Tensor
from course_autograd.words import number_text, range_text, shape_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WHO = "plot.jacobian"
MOST = 200  # rows or columns: more are thinner than a pixel
WRITTEN = 12  # rows and columns up to which every entry is written as a number
INCHES = 0.55  # side of an entry with a number
DIGITS = 3


@dataclass(frozen=True)
class _Block:
    """The columns of one input."""

    name: str
    shape: tuple[int, ...]

    @property
    def columns(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True)
class _Table:
    """A Jacobian with everything that is said about it; nan where it cannot be measured."""

    of: str
    entries: Array
    output: tuple[int, ...]
    blocks: tuple[_Block, ...]

    @property
    def written(self) -> bool:
        return bool(max(self.entries.shape) <= WRITTEN)

    @property
    def diagonal(self) -> bool:
        rows, columns = self.entries.shape
        beside = self.entries[~np.eye(rows, columns, dtype=bool)]
        return bool(rows == columns > 1 and not beside.any())


@overload
def jacobian(
    f: Callable[..., Any] | npt.ArrayLike, *inputs: npt.ArrayLike | Tensor, ax: None = ...
) -> Picture: ...


@overload
def jacobian(
    f: Callable[..., Any] | npt.ArrayLike, *inputs: npt.ArrayLike | Tensor, ax: Axes
) -> Axes: ...


def jacobian(
    f: Callable[..., Any] | npt.ArrayLike,
    *inputs: npt.ArrayLike | Tensor,
    ax: Axes | None = None,
) -> Picture | Axes:
    r"""Draw the Jacobian of a small function as an image, with numbers while they can be read.

    :math:`J_{ki} = \partial z_k / \partial x_i`: a row for each entry of the output, a column for
    each entry of the inputs. It is measured, no backward rule is asked. Blue is positive,
    vermilion negative, white 0; where no numbers are written, negative entries are hatched.

    Parameters
    ----------
    f : operation, function or array_like
        ``ops.square``, or a function that takes arrays and returns an array or a tensor; or a
        Jacobian that you have already, shape (entries of the output, entries of the input).
    *inputs : array_like or tensor
        The point: one for each input of `f`, any shapes.
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
        If there are no inputs, the table is larger than 200 × 200, or what should be numbers is
        not.
    """
    table = _measured(f, inputs) if callable(f) else _given(f, inputs)
    rows, columns = table.entries.shape
    side = INCHES if table.written else min(INCHES, 4.5 / max(rows, columns))
    size = (max(3.4, columns * side + 1.4), max(1.0, rows * side) + 1.3)
    drawn = axes_for(WHO, ax, size)
    _draw(drawn, table)
    return finished(drawn, ax, _words(table))


# --- the numbers -----------------------------------------------------------------------------


def _given(f: Any, inputs: Sequence[Any]) -> _Table:
    entries = numbers(WHO, "an operation, a function, or a Jacobian", f)
    if inputs:
        raise ValueTypeError(
            f"{WHO}: expected an operation or a function before its inputs, got an array of shape "
            f"{shape_text(entries.shape)}. Write for example plot.jacobian(ops.square, x); or give "
            "the Jacobian alone."
        )
    if entries.ndim != 2 or not entries.size:
        raise ShapeError(
            f"{WHO}: expected a Jacobian with two axes, (entries of the output, entries of the "
            f"input), got shape {shape_text(entries.shape)}. A gradient of one output is one row: "
            "np.reshape(gradient, (1, -1))."
        )
    rows, columns = entries.shape
    _refuse_what_cannot_be_read(rows, columns)
    return _Table("", entries, (rows,), (_Block("x", (columns,)),))


def _measured(f: Callable[..., Any], inputs: Sequence[Any]) -> _Table:
    name = _name(f)
    if not inputs:
        raise ShapeError(
            f"{WHO}: expected the inputs of {name} after it, got none. A Jacobian belongs to a "
            f"point: plot.jacobian({name}, [1.0, 2.0, 3.0])."
        )
    names = _names(f, inputs)
    point = [
        numbers(WHO, f"the input {one}", given) for one, given in zip(names, inputs, strict=True)
    ]

    def value(_ctx: list[Any], *arrays: Any) -> Array:
        with no_grad():
            given = f(*(np.array(array) if np.ndim(array) else array for array in arrays))
        return numbers(WHO, f"the output of {name}", given)

    shape = numeric.evaluate(value, point, None).shape
    blocks = tuple(_Block(one, array.shape) for one, array in zip(names, point, strict=True))
    rows, columns = prod(shape), sum(block.columns for block in blocks)
    if not rows or not columns:
        raise ShapeError(
            f"{WHO}: expected inputs and an output with entries, got {columns} entries in and "
            f"{rows} out. Choose inputs that are not empty."
        )
    _refuse_what_cannot_be_read(rows, columns)
    measured = numeric.jacobian(value, point)
    entries = np.hstack([_certain(measured, position, rows) for position in range(len(point))])
    return _Table(name, entries, shape, blocks)


def _certain(measured: numeric.Jacobian, position: int, rows: int) -> Array:
    """Return one input's columns: 0 where it is 0 for all one can measure, nan in doubt."""
    entries = measured.blocks[position].T.copy()
    for row in range(rows):
        upstream = np.zeros(measured.output.shape)
        upstream.reshape(-1)[row] = 1.0
        entries[row, measured.doubtful(upstream, position).ravel()] = np.nan
        tiny = np.abs(entries[row]) <= measured.tolerance(upstream, position)
        entries[row, tiny] = 0.0
    return entries


def _refuse_what_cannot_be_read(rows: int, columns: int) -> None:
    if max(rows, columns) > MOST:
        raise ShapeError(
            f"{WHO}: expected at most {MOST} rows and columns, got {rows:,} × {columns:,}, "
            f"{rows * columns:,} entries. Such a picture cannot be read: take smaller inputs."
        )


def _name(f: Callable[..., Any]) -> str:
    name = str(getattr(f, "__name__", type(f).__name__))
    return "f" if name == "<lambda>" else name


def _names(f: Callable[..., Any], inputs: Sequence[Any]) -> list[str]:
    """Return what the inputs are called: as tensors, or else as parameters of `f`."""
    rule = f.forward if isinstance(f, type) and issubclass(f, Operation) else f
    try:
        parameters = list(inspect.signature(rule).parameters.values())[rule is not f :]
    except (TypeError, ValueError):  # NumPy's own functions have none
        parameters = []
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    called = [one.name for one in parameters if one.kind in plain]
    if len(called) < len(inputs):
        called = ["x"] if len(inputs) == 1 else [f"x{number}" for number in range(len(inputs))]
    return [
        str(getattr(given, "name", None) or name)
        for given, name in zip(inputs, called, strict=False)
    ]


# --- the picture -----------------------------------------------------------------------------


def _draw(ax: Axes, table: _Table) -> None:
    from matplotlib.colors import LinearSegmentedColormap  # slow to import

    entries = table.entries
    rows, columns = entries.shape
    largest = _largest(entries)
    signed = LinearSegmentedColormap.from_list("signed", [VERMILION, "white", BLUE])
    colours = signed.with_extremes(bad=GRID)
    image = ax.imshow(entries, cmap=colours, vmin=-largest, vmax=largest, aspect="equal")
    if table.written:
        _write(ax, entries, np.asarray(image.to_rgba(entries)))
        for line in range(1, rows):
            ax.axhline(line - 0.5, color=FAINT, linewidth=0.4)
        for line in range(1, columns):
            ax.axvline(line - 0.5, color=FAINT, linewidth=0.4)
    else:
        _hatch_negative(ax, entries)
        bar = ax.figure.colorbar(image, ax=ax, shrink=0.8)
        hatched = ", negative hatched" if np.any(entries < 0) else ""
        bar.set_label(f"derivative{hatched}")
    starts = list(accumulate((block.columns for block in table.blocks), initial=0))
    for start in starts[1:-1]:
        ax.axvline(start - 0.5, color=INK, linewidth=1.8)
    _label(ax, table)
    for place in ax.spines.values():
        place.set_color(FAINT)


def _largest(entries: Array) -> float:
    return float(np.max(np.abs(entries[np.isfinite(entries)]), initial=0.0)) or 1.0


def _write(ax: Axes, entries: Array, colours: Array) -> None:
    for (row, column), entry in np.ndenumerate(entries):
        ax.text(
            column,
            row,
            _entry(entry),
            ha="center",
            va="center",
            fontsize=9.5,
            color=_ink_on(colours[row, column].tolist()),
        )


def _ink_on(paper: Sequence[float]) -> str:
    """Return white or black, whichever can be read better on a colour (WCAG 2's contrast)."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in paper[:3]
    )
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "white" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else "black"


def _hatch_negative(ax: Axes, entries: Array) -> None:
    from matplotlib import rc_context  # slow to import
    from matplotlib.collections import PolyCollection

    rows, columns = np.nonzero(entries < 0)
    corners = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
    squares = np.stack([columns, rows], axis=1)[:, None, :] + corners
    with rc_context({"hatch.linewidth": 0.6}):
        hatched = PolyCollection(
            squares, facecolor="none", edgecolor=FAINT, linewidth=0.0, hatch="/////"
        )
    ax.add_collection(hatched, autolim=False)


def _label(ax: Axes, table: _Table) -> None:
    columns = [index for block in table.blocks for index in _indices(block.shape)]
    for axis, names in ((ax.xaxis, columns), (ax.yaxis, _indices(table.output))):
        every = 1 if len(names) <= WRITTEN else -(-len(names) // 8)
        long = max(map(len, names)) > 3
        axis.set_ticks(range(0, len(names), every), names[::every], fontsize=7.5 if long else 9)
    ax.tick_params(length=0)
    inputs = " | ".join(f"{block.name} {shape_text(block.shape)}" for block in table.blocks)
    ax.set_xlabel(f"entries of {inputs}")
    ax.set_ylabel(f"entries of z {shape_text(table.output)}")
    shape = shape_text(table.entries.shape)
    whose = f" of {table.of}" if table.of else ""
    ax.set_title(f"Jacobian{whose}, shape {shape}", fontsize=11)


def _indices(shape: tuple[int, ...]) -> list[str]:
    return [",".join(map(str, index)) for index in np.ndindex(shape)]


# --- in words --------------------------------------------------------------------------------


def _words(table: _Table) -> str:
    rows, columns = table.entries.shape
    whose = f" of {table.of}" if table.of else ""
    inputs = ", then ".join(
        f"{block.name}, shape {shape_text(block.shape)}" for block in table.blocks
    )
    words = [
        f"Jacobian{whose}: {count_text(rows, 'row')} for the entries of the output z, shape "
        f"{shape_text(table.output)}; {count_text(columns, 'column')} for the entries of {inputs}."
    ]
    finite = np.isfinite(table.entries)
    if table.written:
        words += [
            f"Row {name or '0'}: {', '.join(map(_entry, row))}."
            for name, row in zip(_indices(table.output), table.entries, strict=True)
        ]
    elif finite.any():
        kept = table.entries[finite]
        words.append(
            f"Entries: {range_text(kept, DIGITS)}; {np.mean(kept == 0):.0%} of them are 0, "
            f"{np.mean(kept < 0):.0%} negative."
        )
    if table.diagonal:
        words.append(
            "It is diagonal: 0 everywhere except on the line from the upper left to the lower "
            "right."
        )
    if not finite.all():
        lost = count_text(int(np.sum(~finite)), "entry", "entries")
        words.append(
            f"{lost} cannot be measured (a kink, or no finite value): grey, with a question mark "
            "where numbers are written."
        )
    return " ".join(words)


def _entry(entry: float) -> str:
    return number_text(entry, DIGITS) if np.isfinite(entry) else "?"
