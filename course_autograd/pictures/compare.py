"""Your gradients and the measured ones on the same picture: ``compare(f)`` in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, overload

from course_autograd.errors import CourseError
from course_autograd.faults import Comparison, Judged, compare_gradients
from course_autograd.graph import Node, count_nodes
from course_autograd.pictures.axes import to_axes
from course_autograd.pictures.draw import describe, picture_html
from course_autograd.pictures.scene import Scene, compose, typographic
from course_autograd.pictures.svg import to_svg
from course_autograd.tensor import Tensor
from course_autograd.words import entries_text, text_table, value_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_NODES = 80
HEADER = ("node", "operation", "yours", "measured", "")
SIGNS = {"right": "✓", "wrong": "✗", "open": "?"}
WORDS = {"right": "right", "wrong": "wrong", "open": "cannot be measured here"}
AGREES = "agrees along random directions"


class Compared:
    """A graph with your gradients and the measured ones, and where the first fault is.

    A notebook shows it by itself; ``print(compare(f))`` gives the words and the table.

    Attributes
    ----------
    right : bool
        Whether no gradient is wrong.
    sentences : tuple of str
        What was found.
    svg : str
        The picture, a complete SVG document.
    alt : str
        What is in the picture, in words.
    table : str
        All gradients as a table in text.
    """

    introduction = ""  # a sentence before the others

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison
        self.right = comparison.fault is None
        self.sentences = _sentences(comparison)
        self.scene = _scene(comparison)
        self.alt = f"{' '.join(self.sentences)} {describe(comparison.nodes)}"
        self.svg = to_svg(self.scene, self.alt)
        self.table = text_table([HEADER, *_rows(comparison)]) if comparison.judged else ""

    def _repr_html_(self) -> str:
        said = "".join(f"<p>{escape(sentence)}</p>" for sentence in self._said())
        cells = [_row(row) for row in _rows(self.comparison)]
        head = "".join(f'<th scope="col">{name or "result"}</th>' for name in HEADER)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(cells)}</tbody></table>"
        shown = f"{said}{picture_html(self.scene, self.svg, self.alt)}"
        if not self.comparison.judged:
            return shown
        return f"{shown}<details><summary>The gradients as a table</summary>{table}</details>"

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return "\n".join([*self._said(), *(["", self.table] if self.table else [])])

    def _said(self) -> tuple[str, ...]:
        return (self.introduction, *self.sentences) if self.introduction else self.sentences


@overload
def compare(tensor: Tensor) -> Compared: ...


@overload
def compare(tensor: Tensor, *, ax: Axes) -> Axes: ...


def compare(tensor: Tensor, *, ax: Axes | None = None) -> Compared | Axes:
    """Compare your gradients with measured ones, and mark the first that is wrong.

    Every node's gradient is measured: its value is moved a little up and down, and what depends on
    it is computed again. The first wrong gradient, seen from the output, is marked with ✗ and its
    measured value; nearer to the output none is wrong. So the fault is in the rule that sent it,
    and the operation of this rule has a second outline.

    Nothing is changed: your rules are asked again, with copies of the gradients.

    Parameters
    ----------
    tensor : Tensor
        A scalar, after ``backward()``.
    ax : matplotlib.axes.Axes, optional
        Draw there instead.

    Returns
    -------
    Compared or Axes
        A picture that a notebook shows; with `ax`, the axes.

    Raises
    ------
    TypeError
        If it is not given a tensor.
    CourseError
        If there are no gradients to compare, or the graph is too large to be read.
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(
            f"compare: expected a tensor, the result of a computation, got a "
            f"{type(tensor).__name__}. Call compare(loss), for example."
        )
    count = count_nodes(tensor)
    if count > MOST_NODES:
        raise CourseError(
            f"compare: this graph has {count:,} nodes; a picture of more than {MOST_NODES} cannot "
            "be read. Compare a smaller one: fewer layers, or the loss of fewer examples."
        )
    comparison = compare_gradients(tensor)
    if ax is not None:
        return to_axes(_scene(comparison), ax)
    return Compared(comparison)


def _sentences(comparison: Comparison) -> tuple[str, ...]:
    """Return what was found, in words."""
    if comparison.fault is not None:
        return comparison.fault.sentences
    judged = comparison.judged.values()
    measured = sum(one.state == "right" for one in judged)
    open_ones = [comparison.nodes[one.number].label for one in judged if one.state == "open"]
    said = [
        f"All {measured} gradients that can be measured are right: each agrees with the measured "
        "slopes."
        if measured != 1
        else "The one gradient that can be measured is right: it agrees with the measured slopes."
    ]
    if open_ones:
        said.append(
            f"Not measured: {', '.join(open_ones)}. Values lie on a kink there, where slopes to "
            "the left and to the right differ."
        )
    return tuple(said)


def _scene(comparison: Comparison) -> Scene:
    """Compose the picture: a line below each gradient, and the operation at fault marked."""
    fault = comparison.fault
    remarks = {
        number: _remark(judged, fault is not None and fault.number == number)
        for number, judged in comparison.judged.items()
    }
    marked = {fault.operation} if fault is not None and fault.operation is not None else set()
    if fault is not None and not comparison.judged:
        remarks[fault.number] = "✗ value"
    # What the sentences name must be found in the picture, also where it has no name.
    labelled = [replace(node, named=True) for node in comparison.nodes]
    return compose(labelled, comparison.messages, remarks=remarks, marked=marked)


def _remark(judged: Judged, first: bool) -> str:
    if judged.state != "wrong":
        return SIGNS[judged.state]
    text = "✗"
    if judged.measured is not None:
        array = bool(getattr(judged.measured, "ndim", 0))
        numbers = entries_text(judged.measured, 2) if array else value_text(judged.measured)
        text += f" measured {typographic(numbers)}"
    return f"{text} (first)" if first else text


def _rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """Return the rows of the table, the output last."""
    found = []
    for node in comparison.nodes:
        judged = comparison.judged.get(node.number)
        if judged is not None:
            found.append(_cells(node, judged))
    return found


def _cells(node: Node, judged: Judged) -> tuple[str, ...]:
    known = judged.measured is not None
    return (
        node.label,
        node.kind,
        value_text(node.grad, entries=6),
        value_text(judged.measured, entries=6)
        if known
        else (AGREES if judged.state == "right" else "differs"),
        f"{SIGNS[judged.state]} {WORDS[judged.state]}",
    )


def _row(cells: Sequence[str]) -> str:
    first, *others = (escape(cell) for cell in cells)
    return f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in others)}</tr>'


__all__ = ["Compared", "compare"]
