"""A scene in matplotlib axes, for papers and slides."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from course_autograd.pictures.layout import Point
from course_autograd.pictures.scene import GRADIENT_COLOUR, INK, Scene, Shape
from course_autograd.pictures.svg import DOT, FILL, HEAVY, RING, STROKE

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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

    def pen(vertices: list[Point], codes: list[Any], width: float) -> None:
        path = Path(vertices, codes)
        pen = {"linewidth": width * points, "capstyle": "butt"}
        ax.add_patch(PathPatch(path, fill=False, edgecolor=INK, **pen))

    for line in scene.trunks:
        pen([line.start, line.end], [Path.MOVETO, Path.LINETO], line.width)
    for wire, width in zip(scene.wires, scene.widths, strict=True):
        vertices, codes = [wire.points[0]], [Path.MOVETO]
        for i, ((x, y), (to_x, to_y)) in enumerate(pairwise(wire.points)):
            half = (x + to_x) / 2
            bend = not i % 2
            vertices += [(half, y), (half, to_y), (to_x, to_y)] if bend else [(to_x, to_y)]
            codes += [Path.CURVE4] * 3 if bend else [Path.LINETO]
        pen(vertices, codes, width)
    for arrow in scene.arrows:
        ax.add_patch(Polygon(arrow, closed=True, facecolor=INK, linewidth=0))
    for dot in scene.dots:
        look = {"facecolor": GRADIENT_COLOUR if dot.sums else INK, "edgecolor": INK}
        edge = points if dot.sums else 0.0
        ax.add_patch(Circle((dot.x, dot.y), DOT + dot.sums, linewidth=edge, zorder=2, **look))
    codes = [Path.MOVETO, *[Path.LINETO, *[Path.CURVE4] * 3] * 4]
    for shape in scene.shapes:
        ax.add_patch(
            PathPatch(
                Path(_outline(shape), codes),
                facecolor=FILL[shape.outline],
                edgecolor=INK,
                linewidth=STROKE[shape.outline] * points,
                linestyle="--" if shape.outline == "constant" else "-",
                zorder=3,
            )
        )
        if shape.marked:
            around = Shape(
                shape.node,
                shape.outline,
                shape.x - RING,
                shape.y - RING,
                shape.width + 2 * RING,
                shape.height + 2 * RING,
            )
            path = Path(_outline(around), codes)
            ax.add_patch(
                PathPatch(path, fill=False, edgecolor=INK, linewidth=HEAVY * points, zorder=3)
            )
        if shape.inner:
            path = Path(_outline(shape.inner), codes)
            thin = 0.8 * points
            ax.add_patch(PathPatch(path, fill=False, edgecolor=INK, linewidth=thin, zorder=3))
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
