"""Drawing a computation graph: ``draw(f)`` in a notebook, ``draw(f, ax=ax)`` in a figure.

The picture needs no system package and no script: an SVG inside an ``<img>``, which survives
JupyterLab (also in a notebook that is not trusted), nbconvert and nbgrader's pages. A text that
describes it and a table with the same contents come along.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from html import escape
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, overload

from course_autograd.errors import CourseError
from course_autograd.graph import (
    Message,
    Node,
    count_nodes,
    header,
    known_messages,
    rows,
    table_of,
    trace,
)
from course_autograd.pictures.axes import to_axes
from course_autograd.pictures.scene import Scene, compose
from course_autograd.pictures.svg import to_svg
from course_autograd.tensor import Tensor
from course_autograd.words import range_text, value_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_NODES = 300


class Drawing:
    """A picture of a computation graph, its description, and the same as a table.

    A notebook shows it by itself; ``print(drawing)`` gives the table.

    Attributes
    ----------
    svg : str
        The picture, a complete SVG document.
    alt : str
        What is in the picture, in a sentence or two.
    table : str
        The graph as a table in text.
    messages : tuple of Message
        What the nodes send each other on the way back, as far as it is known.
    scene : Scene
        Where everything is.
    """

    def __init__(self, nodes: Sequence[Node], known: Sequence[Message] = ()) -> None:
        self.scene = compose(nodes)
        self.messages = tuple(known)
        self.alt = describe(nodes)
        self.table = table_of(nodes, known)
        self.svg = to_svg(self.scene, self.alt)

    def save(self, path: str | os.PathLike[str]) -> FilePath:
        """Write the picture to `path` as SVG and return the path."""
        target = FilePath(path)
        target.write_text(self.svg, encoding="utf-8")
        return target

    def _repr_html_(self) -> str:
        return (
            f"{picture_html(self.scene, self.svg, self.alt)}"
            "<details><summary>The graph as a table</summary>"
            f"{_html_table(self.scene.nodes, self.messages)}</details>"
        )

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": self.table}

    def __repr__(self) -> str:
        return self.table


def picture_html(scene: Scene, svg: str, alt: str) -> str:
    """Return a drawn graph as an image with its description; it scrolls where it is too wide."""
    picture = base64.b64encode(svg.encode("utf-8")).decode("ascii")
    wide, high = round(scene.width), round(scene.height)
    return (
        '<div style="overflow-x: auto">'
        f'<img src="data:image/svg+xml;base64,{picture}" alt="{escape(alt)}" '
        f'width="{wide}" height="{high}" '
        f'style="max-width: 100%; min-width: {round(0.8 * wide)}px; height: auto"></div>'
    )


@overload
def draw(tensor: Tensor) -> Drawing: ...


@overload
def draw(tensor: Tensor, *, ax: Axes) -> Axes: ...


def draw(tensor: Tensor, *, ax: Axes | None = None) -> Drawing | Axes:
    """Draw the graph above `tensor`: how it was computed, and after ``backward()`` its gradients.

    The computation runs from left to right. Operations are circles, leaves boxes with their name,
    constants dashed boxes. On the wire that leaves a node its value stands above, its gradient
    below with a ∂; arrays show their shape and range. A dot marks where a value branches.

    Parameters
    ----------
    tensor : Tensor
        The result of a computation.
    ax : matplotlib.axes.Axes, optional
        Draw there. The text gets the size that fits, so choose the figure's size first.

    Returns
    -------
    Drawing or Axes
        A picture that a notebook shows; with `ax`, the axes.

    Raises
    ------
    TypeError
        If it is not given a tensor.
    CourseError
        If the graph is too large to be read as a picture.
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(
            f"draw: expected a tensor, the result of a computation, got a {type(tensor).__name__}. "
            "Call draw(loss), for example."
        )
    count = count_nodes(tensor)
    if count > MOST_NODES:
        raise CourseError(
            f"draw: this graph has {count:,} nodes; a picture of more than {MOST_NODES} cannot be "
            "read. Draw a part of it: a tensor inside, or the loss of fewer examples."
        )
    nodes = trace(tensor)
    if ax is None:
        return Drawing(nodes, known_messages(tensor))
    return to_axes(compose(nodes), ax)


def describe(nodes: Sequence[Node], most: int = 500) -> str:
    """Return what a picture of the graph shows, in words, for those who do not see it.

    Where that takes more than `most` characters it says from where to where the graph goes, and
    leaves the rest to the table.
    """
    count = f"{len(nodes)} node{'s' if len(nodes) != 1 else ''}"
    steps = []
    for node in nodes:
        if node.constant and not getattr(node.value, "ndim", 0):
            continue  # named where it is used
        given = ", ".join(nodes[i].label for i in node.inputs)
        made = f" = {node.kind} of {given}" if given else ""
        steps.append(f"{node.label}{made} = {value_text(node.value, 3)}")
    text = f"Computation graph with {count}: {'; '.join(steps)}."
    gradients = [f"∂{n.label} = {range_text(n.grad, 3)}" for n in nodes if n.grad is not None]
    text += f" Gradients: {'; '.join(gradients)}." if gradients else ""
    if len(text) <= most:
        return text
    names = [node.label for node in nodes if not node.operation and not node.constant]
    shown = ", ".join(names[:8]) + (" and others" if len(names) > 8 else "")
    return (
        f"Computation graph with {count}, from {shown} to "
        f"{nodes[-1].label} = {value_text(nodes[-1].value, 3)}. "
        "All nodes are in the table below the picture."
    )


def _html_table(nodes: Sequence[Node], known: Sequence[Message]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in header(nodes))
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows(nodes, known)
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
