"""Drawing a computation graph: ``draw(f)`` in a notebook, ``draw(f, ax=ax)`` in a figure.

`show` shows any other figure with a description in words.

The picture needs no system package and no script: an SVG inside an ``<img>``, which survives
JupyterLab (also in a notebook that is not trusted), nbconvert and nbgrader's pages. A text that
describes it and a table with the same contents come along.
"""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Sequence
from html import escape
from itertools import pairwise
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, overload

from course_autograd.errors import CourseError
from course_autograd.graph import (
    HEADER,
    Node,
    count_nodes,
    range_text,
    rows,
    table_of,
    trace,
    value_text,
)
from course_autograd.layout import Point
from course_autograd.scene import INK, Scene, Shape, Text, compose
from course_autograd.tensor import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_NODES = 300
FONTS = "'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace"
FILL = {"operation": "#F2F2F2", "leaf": "#FFFFFF", "constant": "#FFFFFF"}
STROKE = {"operation": 1.4, "leaf": 1.8, "constant": 1.0}
WIRE = 1.3
PIXELS = 110  # per inch, of figures


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
    scene : Scene
        Where everything is.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.scene = compose(nodes)
        self.alt = describe(nodes)
        self.table = table_of(nodes)
        self.svg = to_svg(self.scene, self.alt)

    def save(self, path: str | os.PathLike[str]) -> FilePath:
        """Write the picture to `path` as SVG and return the path."""
        target = FilePath(path)
        target.write_text(self.svg, encoding="utf-8")
        return target

    def _repr_html_(self) -> str:
        picture = base64.b64encode(self.svg.encode("utf-8")).decode("ascii")
        wide, high = round(self.scene.width), round(self.scene.height)
        return (
            '<div style="overflow-x: auto">'
            f'<img src="data:image/svg+xml;base64,{picture}" alt="{escape(self.alt)}" '
            f'width="{wide}" height="{high}" '
            f'style="max-width: 100%; min-width: {round(0.8 * wide)}px; height: auto"></div>'
            "<details><summary>The graph as a table</summary>"
            f"{_html_table(self.scene.nodes)}</details>"
        )

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": self.table}

    def __repr__(self) -> str:
        return self.table


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
        return Drawing(nodes)
    return to_axes(compose(nodes), ax)


class Picture:
    """A matplotlib figure as an image with a text for those who do not see it.

    Attributes
    ----------
    alt : str
        What is in the picture.
    png : bytes
        The image.
    """

    def __init__(self, figure: Figure, alt: str) -> None:
        if not alt.strip():
            raise CourseError(
                "show: expected a description of the picture, got an empty text. Say in a sentence "
                "what is to be seen: show(figure, 'The loss falls from 2.3 to 0.1.')."
            )
        from matplotlib import pyplot  # slow to import

        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=PIXELS, bbox_inches="tight")
        pyplot.close(figure)  # or the notebook shows it a second time, without a description
        self.alt, self.png = alt, file.getvalue()

    def _repr_html_(self) -> str:
        picture = base64.b64encode(self.png).decode("ascii")
        return (
            f'<img src="data:image/png;base64,{picture}" alt="{escape(self.alt)}" '
            'style="max-width: 100%; height: auto">'
        )

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": self.alt}

    def __repr__(self) -> str:
        return self.alt


def show(figure: Figure, alt: str) -> None:
    """Show a matplotlib figure in a notebook, with a description in words.

    The description becomes the image's alt text, which exported pages keep, and stands in for the
    picture where only text can be shown. The figure is closed.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure, finished.
    alt : str
        What is to be seen, with its numbers.

    Raises
    ------
    CourseError
        If the description is empty.
    """
    from IPython.display import display  # only notebooks have it

    display(Picture(figure, alt))  # type: ignore[no-untyped-call]


# --- in words ------------------------------------------------------------------------------


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


def _html_table(nodes: Sequence[Node]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in HEADER)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows(nodes)
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


# --- as SVG --------------------------------------------------------------------------------


def to_svg(scene: Scene, alt: str) -> str:
    """Return a scene as an SVG document."""
    wide, high = _n(scene.width), _n(scene.height)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" '
        f'viewBox="0 0 {wide} {high}" role="img" font-family="{FONTS}">',
        f"<title>{escape(alt)}</title>",
        '<rect width="100%" height="100%" fill="#FFFFFF"/>',
        f'<g fill="none" stroke="{INK}" stroke-width="{WIRE}">',
    ]
    for line in scene.trunks:
        (x, y), (end, _) = line.start, line.end
        parts.append(f'<path data-node="{line.node}" d="M{_n(x)} {_n(y)}H{_n(end)}"/>')
    for wire in scene.wires:
        parts.append(
            f'<path data-from="{wire.source}" data-to="{wire.target}" '
            f'data-input="{wire.position}" d="{_svg_path(wire.points)}"/>'
        )
    parts.append(f'</g><g fill="{INK}">')
    for arrow in scene.arrows:
        parts.append(f'<path d="M{"L".join(f"{_n(x)} {_n(y)}" for x, y in arrow)}Z"/>')
    for x, y in scene.dots:
        parts.append(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="3"/>')
    parts.append(f'</g><g stroke="{INK}">')
    parts.extend(_svg_shape(shape) for shape in scene.shapes)
    parts.append("</g><g>")
    parts.extend(_svg_text(text) for text in scene.texts)
    parts.append("</g></svg>")
    return "".join(parts)


def _n(number: float) -> str:
    """Return a coordinate in at most one decimal place."""
    return f"{number:.1f}".removesuffix(".0")


def _svg_path(points: Sequence[Point]) -> str:
    path = [f"M{_n(points[0][0])} {_n(points[0][1])}"]
    for i, ((x, y), (to_x, to_y)) in enumerate(pairwise(points)):
        if i % 2 or y == to_y:
            path.append(f"L{_n(to_x)} {_n(to_y)}")
        else:
            half = _n((x + to_x) / 2)
            path.append(f"C{half} {_n(y)} {half} {_n(to_y)} {_n(to_x)} {_n(to_y)}")
    return "".join(path)


def _svg_shape(shape: Shape) -> str:
    dashes = ' stroke-dasharray="4 3"' if shape.outline == "constant" else ""
    return (
        f'<rect data-node="{shape.node}" x="{_n(shape.x)}" y="{_n(shape.y)}" '
        f'width="{_n(shape.width)}" height="{_n(shape.height)}" rx="{_n(shape.corner)}" '
        f'fill="{FILL[shape.outline]}" stroke-width="{STROKE[shape.outline]}"{dashes}/>'
    )


def _svg_text(text: Text) -> str:
    anchor = ' text-anchor="middle"' if text.centred else ""
    weight = ' font-weight="bold"' if text.bold else ""
    # 0.35 of the font size brings the middle of the letters to y; "dominant-baseline" is not
    # understood everywhere.
    base = text.y + 0.35 * text.size
    return (
        f'<text data-node="{text.node}" class="{text.role}" x="{_n(text.x)}" y="{_n(base)}" '
        f'font-size="{_n(text.size)}" fill="{text.colour}"{anchor}{weight}>'
        f"{escape(text.text)}</text>"
    )


# --- with matplotlib -----------------------------------------------------------------------


def to_axes(scene: Scene, ax: Axes) -> Axes:
    """Draw a scene into matplotlib axes and return them."""
    from matplotlib.patches import Circle, PathPatch, Polygon  # slow to import
    from matplotlib.path import Path

    # Texts do not widen the limits: set them first.
    ax.set_xlim(0.0, scene.width)
    ax.set_ylim(scene.height, 0.0)
    ax.set_aspect("equal")
    ax.set_axis_off()
    figure = ax.figure
    frame = ax.get_window_extent()
    pixels = min(frame.width / scene.width, frame.height / scene.height)
    points = pixels * 72.0 / figure.dpi  # length of one unit of the scene on paper

    def pen(vertices: list[Point], codes: list[Any]) -> None:
        path = Path(vertices, codes)
        ax.add_patch(PathPatch(path, fill=False, edgecolor=INK, linewidth=WIRE * points))

    for line in scene.trunks:
        pen([line.start, line.end], [Path.MOVETO, Path.LINETO])
    for wire in scene.wires:
        vertices, codes = [wire.points[0]], [Path.MOVETO]
        for i, ((x, y), (to_x, to_y)) in enumerate(pairwise(wire.points)):
            half = (x + to_x) / 2
            bend = not i % 2
            vertices += [(half, y), (half, to_y), (to_x, to_y)] if bend else [(to_x, to_y)]
            codes += [Path.CURVE4] * 3 if bend else [Path.LINETO]
        pen(vertices, codes)
    for arrow in scene.arrows:
        ax.add_patch(Polygon(arrow, closed=True, facecolor=INK, linewidth=0))
    for dot in scene.dots:
        ax.add_patch(Circle(dot, 3.0, facecolor=INK, linewidth=0, zorder=2))
    for shape in scene.shapes:
        vertices, codes = _outline(shape), [Path.MOVETO, *[Path.LINETO, *[Path.CURVE4] * 3] * 4]
        ax.add_patch(
            PathPatch(
                Path(vertices, codes),
                facecolor=FILL[shape.outline],
                edgecolor=INK,
                linewidth=STROKE[shape.outline] * points,
                linestyle="--" if shape.outline == "constant" else "-",
                zorder=3,
            )
        )
    for text in scene.texts:
        ax.text(
            text.x,
            text.y,
            text.text,
            fontsize=text.size * points,
            color=text.colour,
            fontweight="bold" if text.bold else "normal",
            horizontalalignment="center" if text.centred else "left",
            verticalalignment="center_baseline",
            family="monospace",
            parse_math=False,
            zorder=4,
        )
    return ax


def _outline(shape: Shape) -> list[Point]:
    """Return a rounded box as a line and a cubic curve for each side and corner."""
    handle = shape.corner * (1 - 0.5523)  # the cubic nearest to a quarter of a circle
    left, top = shape.x, shape.y
    right, bottom = left + shape.width, top + shape.height
    path: list[Point] = [(left + shape.corner, top)]
    for (x, y), (from_x, from_y), (to_x, to_y) in (
        ((right, top), (-1, 0), (0, 1)),
        ((right, bottom), (0, -1), (-1, 0)),
        ((left, bottom), (1, 0), (0, -1)),
        ((left, top), (0, 1), (1, 0)),
    ):
        path += [
            (x + from_x * shape.corner, y + from_y * shape.corner),
            (x + from_x * handle, y + from_y * handle),
            (x + to_x * handle, y + to_y * handle),
            (x + to_x * shape.corner, y + to_y * shape.corner),
        ]
    return path


__all__ = ["Drawing", "Picture", "draw", "show"]
