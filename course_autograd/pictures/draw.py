"""Drawing a computation graph: ``draw(f)`` in a notebook, ``draw(f, ax=ax)`` in a figure.

The picture needs no system package and no script: an SVG inside an ``<img>``, which survives
JupyterLab (also in a notebook that is not trusted), nbconvert and nbgrader's pages. A text that
describes it and a table with the same contents come along.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, overload

import numpy as np

from course_autograd.errors import CourseError
from course_autograd.graph import (
    Message,
    Node,
    count_nodes,
    header,
    known_messages,
    parts,
    rows,
    table_of,
    trace,
)
from course_autograd.nn import Module
from course_autograd.pictures.axes import to_axes
from course_autograd.pictures.fold import READABLE, Fold, fold
from course_autograd.pictures.scene import SUMMANDS, Scene, compose, summands
from course_autograd.pictures.svg import to_svg
from course_autograd.tensor import Tensor
from course_autograd.words import range_text, value_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_NODES = 300  # in a picture
MOST_TRACED = 100_000
MOST_ROWS = 300  # of the table in a page


class Drawing:
    """A picture of a computation graph, its description, and the same as a table.

    A notebook shows it by itself; ``print(drawing)`` gives the table.

    Parameters
    ----------
    nodes : sequence of Node
        The whole graph.
    known : sequence of Message
        What the nodes send each other on the way back, as far as it is known.
    unfold, most
        As in `draw`.

    Attributes
    ----------
    svg : str
        The picture, a complete SVG document.
    alt : str
        What is in the picture, in a sentence or two.
    table : str
        The whole graph as a table in text.
    nodes : tuple of Node
        The whole graph; ``scene.nodes`` are those of the picture, with folds.
    messages : tuple of Message
        The messages between `nodes`.
    scene : Scene
        Where everything is.

    Raises
    ------
    CourseError
        If the picture could not be read, or there is no part of a name in `unfold`.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        known: Sequence[Message] = (),
        *,
        unfold: bool | str | Iterable[str] = False,
        most: int = READABLE,
    ) -> None:
        self.nodes, self.messages = tuple(nodes), tuple(known)
        shown, sent = fold(nodes, known, unfold, most)
        if len(shown) > MOST_NODES:
            folded = f", {len(shown):,} where parts are folded" if len(shown) < len(nodes) else ""
            raise CourseError(
                f"draw: this graph has {len(nodes):,} nodes{folded}; a picture of more than "
                f"{MOST_NODES} cannot be read. Draw a part of it: a tensor inside, or the loss of "
                "fewer examples."
            )
        self.scene = compose(shown, sent)
        self.alt = describe(shown, sent, whole=len(nodes))
        self.table = table_of(nodes, known)
        if folds := _folds(nodes, shown):
            self.table += "\nFolded in the picture:\n" + "\n".join(folds)
        self.svg = to_svg(self.scene, self.alt)

    def _html_table(self) -> str:
        lines = rows(self.nodes, self.messages)
        left_out = len(lines) - MOST_ROWS
        if left_out > 0:
            gap = (f"… {left_out:,} more nodes …",)
            lines = [*lines[: MOST_ROWS // 2], gap, *lines[-MOST_ROWS // 2 :]]
        head = "".join(f'<th scope="col">{name}</th>' for name in header(self.nodes))
        body = "".join(
            f'<tr><th scope="row">{escape(row[0])}</th>'
            + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
            + "</tr>"
            for row in lines
        )
        folds = "".join(f"<li>{escape(one)}</li>" for one in _folds(self.nodes, self.scene.nodes))
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" + (
            f"<p>Folded in the picture:</p><ul>{folds}</ul>" if folds else ""
        )

    def save(self, path: str | os.PathLike[str]) -> FilePath:
        """Write the picture to `path` as SVG and return the path."""
        target = FilePath(path)
        target.write_text(self.svg, encoding="utf-8")
        return target

    def _repr_html_(self) -> str:
        return (
            f"{picture_html(self.scene, self.svg, self.alt)}"
            "<details><summary>The graph as a table</summary>"
            f"{self._html_table()}</details>"
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
        '<div style="overflow-x: auto" tabindex="0" role="group" aria-label="Picture of the graph">'
        f'<img src="data:image/svg+xml;base64,{picture}" alt="{escape(alt)}" '
        f'width="{wide}" height="{high}" '
        f'style="max-width: 100%; min-width: {round(0.8 * wide)}px; height: auto"></div>'
    )


@overload
def draw(
    tensor: Tensor,
    *,
    unfold: bool | str | Iterable[str] = False,
    most: int = READABLE,
    model: Module | None = None,
) -> Drawing: ...


@overload
def draw(
    tensor: Tensor,
    *,
    ax: Axes,
    unfold: bool | str | Iterable[str] = False,
    most: int = READABLE,
    model: Module | None = None,
) -> Axes: ...


def draw(
    tensor: Tensor,
    *,
    ax: Axes | None = None,
    unfold: bool | str | Iterable[str] = False,
    most: int = READABLE,
    model: Module | None = None,
) -> Drawing | Axes:
    """Draw the graph above `tensor`: how it was computed, and after ``backward()`` its gradients.

    The computation runs from left to right. Operations are circles, leaves boxes with their name,
    constants dashed boxes. On the wire that leaves a node its value stands above, its gradient
    below with a ∂; arrays show their shape and range. A dot marks where a value branches; there
    the gradients add, and the sum is written out: ``∂ 18 + 17 = 35``. The thicker a wire, the
    larger (by its largest entry) the gradient that flows back on it.

    Graphs of more than `most` nodes are made readable: modules and repeated parts are folded into
    one node each, a box with a double line that says how many nodes are in it. Its value and its
    gradient are those of its result. The table below the picture holds every node.

    Parameters
    ----------
    tensor : Tensor
        The result of a computation.
    ax : matplotlib.axes.Axes, optional
        Draw there. The text gets the size that fits, so choose the figure's size first.
    unfold : bool, str or list of str
        Parts that are not to be folded, by the names in their boxes, such as ``"hidden"``; True
        for none.
    most : int
        How many nodes a picture may have before parts are folded.
    model : Module, optional
        Call its parameters by their paths, such as ``hidden.W``, and fold by its modules. Without
        it parameters have the names of their tensors.

    Returns
    -------
    Drawing or Axes
        A picture that a notebook shows; with `ax`, the axes.

    Raises
    ------
    TypeError
        If it is not given a tensor, or a model that is none.
    CourseError
        If the graph is too large to be read as a picture even when it is folded, or there is no
        folded part of a name in `unfold`.

    See Also
    --------
    Tensor.get_graph_above : The graph for networkx. Its nodes are the tensors themselves, with
        ``name``, ``value``, ``grad``, ``operation`` (None for leaves), ``inputs`` (constants
        included) and ``parents``; an edge goes from a parent to what was computed from it.

    Examples
    --------
    >>> x = Tensor(17.0, "x")
    >>> y = x * (x + 1)
    >>> y.backward()
    >>> draw(y).save("graph.svg")
    >>> for node in networkx.topological_sort(y.get_graph_above()):
    ...     print(node.name, node.value, node.grad)
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(
            f"draw: expected a tensor, the result of a computation, got a {type(tensor).__name__}. "
            "Call draw(loss), for example."
        )
    if model is not None and not isinstance(model, Module):
        raise TypeError(
            "draw: expected model to be a module, whose parameters give their paths, got a "
            f"{type(model).__name__}. Call draw(loss, model=network), for example."
        )
    number = count_nodes(tensor)
    if number > MOST_TRACED:
        raise CourseError(
            f"draw: this graph has {number:,} nodes; a picture of it cannot be read. Draw a part "
            "of it: a tensor inside, or the loss of fewer examples."
        )
    nodes = trace(tensor)
    if model is not None:
        nodes = _with_paths(nodes, model)
    drawing = Drawing(nodes, known_messages(tensor), unfold=unfold, most=most)
    return drawing if ax is None else to_axes(drawing.scene, ax)


def _with_paths(nodes: Sequence[Node], model: Module) -> list[Node]:
    """Call parameters by their paths in a model; a parameter is known by its array."""
    paths = {id(tensor.value): path for path, tensor in model.named_parameters().items()}
    taken = set(paths.values())
    found = []
    for node in nodes:
        path = "" if node.operation or node.constant else paths.get(id(node.value), "")
        label = path or (f"{node.label} (other)" if node.label in taken else node.label)
        found.append(replace(node, label=label, named=node.named or bool(path)))
    return found


def describe(
    nodes: Sequence[Node],
    known: Sequence[Message] = (),
    most: int = 500,
    *,
    whole: int | None = None,
) -> str:
    """Return what a picture of the graph shows, in words, for those who do not see it.

    Where that takes more than `most` characters it says from where to where the graph goes, and
    leaves the rest to the table.

    Parameters
    ----------
    nodes : sequence of Node
        Those of the picture.
    known : sequence of Message
        The messages, for sums of gradients.
    most : int
    whole : int, optional
        How many nodes the graph has where parts of it are folded.
    """
    number = whole or len(nodes)
    number_text = f"{number} node{'s' if number != 1 else ''}"
    folds = [node for node in nodes if isinstance(node, Fold)]
    if folds:
        listed = ", ".join(node.symbol for node in folds[:8])
        listed += " and others" if len(folds) > 8 else ""
        verb = "are" if len(folds) > 1 else "is"
        number_text += f", drawn as {len(nodes)}: {listed} {verb} folded"
    steps = []
    for node in nodes:
        if node.constant and not getattr(node.value, "ndim", 0):
            continue  # named where it is used
        given = ", ".join(nodes[i].label for i in node.inputs)
        made = f" = {node.kind} of {given}" if given else ""
        steps.append(f"{node.label}{made} = {value_text(node.value, 3)}")
    text = f"Computation graph with {number_text}: {'; '.join(steps)}."
    if len(text) <= most:
        gradients = [f"∂{n.label} = {_sum(n, known)}" for n in nodes if n.grad is not None]
        text += f" Gradients: {'; '.join(gradients)}." if gradients else ""
        if len(text) <= most:
            return text
    names = [node.label for node in nodes if not node.operation and not node.constant]
    start = ", ".join(names[:8]) + (" and others" if len(names) > 8 else "")
    return (
        f"Computation graph with {number_text}, from {start or 'constants'} to "
        f"{nodes[-1].label} = {value_text(nodes[-1].value, 3)}. "
        "All nodes are in the table below the picture."
    )


def _sum(node: Node, known: Sequence[Message]) -> str:
    """Return a gradient in words, as a sum where it is one: ``18 + 17 = 35``."""
    total = range_text(node.grad, 3)
    arrived = parts(node, known)
    if not 2 <= len(arrived) <= SUMMANDS or np.ndim(node.grad):
        return total
    return f"{' + '.join(summands([range_text(one, 3) for one in arrived]))} = {total}"


def _folds(nodes: Sequence[Node], shown: Sequence[Node], most: int = 12) -> list[str]:
    """Say for every fold which nodes are in it."""
    found = []
    for one in shown:
        if isinstance(one, Fold):
            labels = [nodes[i].label for i in one.members]
            if len(labels) > most:
                labels = [*labels[: most // 2], "…", *labels[-most // 2 :]]
            found.append(f"{one.label} ({len(one.members)} nodes): {', '.join(labels)}")
    return found
