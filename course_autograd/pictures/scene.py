"""A picture of a computation graph as plain data: shapes, wires and texts with their places.

`compose` decides everything that can be seen; `draw` turns a scene into SVG or matplotlib
artists and decides nothing. Every element knows its node and its role, so that what steps through
a graph or folds a part of it can find it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal

from course_autograd.graph import Node
from course_autograd.pictures.layout import Point, Wire, arrange
from course_autograd.words import FEW, entries_text, one_line, range_text, shape_text, width

# Okabe and Ito's blue and vermilion: told apart by everybody; place and the sign ∂ say it again.
VALUE_COLOUR = "#0072B2"
GRADIENT_COLOUR = "#D55E00"
INK = "#1A1A1A"
FAINT = "#595959"

FONT_SIZE = 13.0
SMALL = 11.0
LINE = 1.25 * FONT_SIZE
ADVANCE = 0.61  # width of a character of a fixed-width font, as a part of the font size
RADIUS = 20.0
LABEL_GAP = 5.0  # between a wire and the text above or below it
MARGIN = 12.0
ARROW = 6.0
COMMUTATIVE = frozenset({"add", "mul", "maximum"})  # the order of their inputs says nothing

NO_REMARKS: Mapping[int, str] = {}

Role = Literal[
    "symbol", "name", "options", "shape", "value", "gradient", "input", "legend", "remark"
]
Outline = Literal["operation", "leaf", "constant"]


@dataclass(frozen=True)
class Shape:
    """The outline of a node: a circle (or a pill, for a long symbol), or a box."""

    node: int
    outline: Outline
    x: float
    y: float
    width: float
    height: float
    marked: bool = False

    @property
    def corner(self) -> float:
        """Radius of the corners."""
        return min(self.width / 2, self.height / 2, RADIUS) if self.outline == "operation" else 3.0


@dataclass(frozen=True)
class Text:
    """A line of text; `x` is its left end, or its middle if `centred`; `y` its middle."""

    node: int
    role: Role
    text: str
    x: float
    y: float
    size: float = FONT_SIZE
    colour: str = INK
    bold: bool = False
    centred: bool = False

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the room it needs."""
        room = text_width(self.text, self.size)
        left = self.x - room / 2 if self.centred else self.x
        return left, self.y - self.size * 0.6, left + room, self.y + self.size * 0.6


@dataclass(frozen=True)
class Line:
    """The piece of wire under the value of a node, where it leaves the node."""

    node: int
    start: Point
    end: Point


@dataclass(frozen=True)
class Scene:
    """Everything in a picture, in the order of drawing."""

    nodes: tuple[Node, ...]
    trunks: tuple[Line, ...]
    wires: tuple[Wire, ...]
    arrows: tuple[tuple[Point, Point, Point], ...]
    dots: tuple[Point, ...]
    shapes: tuple[Shape, ...]
    texts: tuple[Text, ...]
    crossings: int
    width: float
    height: float


def text_width(text: str, size: float = FONT_SIZE) -> float:
    """Return the room a text needs in a fixed-width font."""
    return width(text) * size * ADVANCE


def compose(
    nodes: Sequence[Node],
    *,
    remarks: Mapping[int, str] = NO_REMARKS,
    marked: Collection[int] = (),
) -> Scene:
    """Compose the picture of a traced graph.

    Operations are circles with their symbol, leaves are boxes with their name, constants dashed
    boxes. On the piece of wire that leaves a node its value stands above, its gradient below.

    Parameters
    ----------
    nodes : sequence of Node
    remarks : mapping of int to str
        A line below the gradient of these nodes.
    marked : collection of int
        Nodes that are drawn with a second, thick outline.
    """
    shapes = [_shape(node) for node in nodes]
    sizes = [
        _room(node, shape, remarks.get(node.number, ""))
        for node, shape in zip(nodes, shapes, strict=True)
    ]
    layout = arrange([node.inputs for node in nodes], sizes)

    placed: list[Shape] = []
    lines: list[Line] = []
    texts: list[Text] = []
    for node, shape in zip(nodes, shapes, strict=True):
        i = node.number
        x, y = layout.left[i] + MARGIN, layout.middle[i] + MARGIN
        top = y - shape.height / 2
        placed.append(Shape(i, shape.outline, x, top, shape.width, shape.height, i in marked))
        texts.extend(_texts(node, placed[-1], y, remarks.get(i, "")))
        if i < len(nodes) - 1 or _above(node):
            lines.append(Line(i, (x + shape.width, y), (layout.right[i] + MARGIN, y)))
    wires, arrows = [], []
    for wire in layout.wires:
        points = [(x + MARGIN, y + MARGIN) for x, y in wire.points]
        tip = _edge(placed[wire.target], points[-1])
        arrows.append(
            (tip, (tip[0] - ARROW, tip[1] - ARROW / 2), (tip[0] - ARROW, tip[1] + ARROW / 2))
        )
        # One more piece, a level one, from the edge of the column to the shape.
        if tip[0] > points[-1][0]:
            points += [tip]
        wires.append(Wire(wire.source, wire.target, wire.position, tuple(points)))
    scene_width, scene_height = layout.width + 2 * MARGIN, layout.height + 2 * MARGIN
    texts.extend(_marks(nodes, wires))
    legend = _legend(nodes, remarks, marked)
    texts.append(Text(-1, "legend", legend, MARGIN, scene_height + 4, SMALL, FAINT))
    return Scene(
        tuple(nodes),
        tuple(lines),
        tuple(wires),
        tuple(arrows),
        _branches(wires),
        tuple(placed),
        tuple(texts),
        layout.crossings,
        max(scene_width, text_width(legend, SMALL) + 2 * MARGIN),
        scene_height + 16,
    )


def _shape(node: Node) -> Shape:
    """Return the outline of a node, at the origin."""
    if node.operation:
        room = text_width(node.symbol)
        height = max(2 * RADIUS, 12.0 * len(node.inputs) + 6.0)
        wide = 2 * RADIUS if room <= 2 * RADIUS - 6 else room + 2 * RADIUS - 10
        return Shape(node.number, "operation", 0.0, 0.0, wide, height)
    outline: Outline = "constant" if node.constant else "leaf"
    return Shape(node.number, outline, 0.0, 0.0, max(26.0, text_width(node.label) + 14), 26.0)


def _room(node: Node, shape: Shape, remark: str) -> tuple[float, float]:
    """Return width and height of a node with its texts; the wire leaves at half the height."""
    labels = [*_above(node), _below(node), remark]
    trunk = max((text_width(label) + 14 for label in labels if label), default=0.0)
    half = shape.height / 2
    if trunk:
        half = max(half, LABEL_GAP + max(len(_above(node)), 1 + bool(remark)) * LINE)
    if node.options:
        half = max(half, shape.height / 2 + 2 + 1.3 * SMALL)
        if node.grad is not None:
            half = max(half, LABEL_GAP + (1 + bool(remark)) * LINE + 1.3 * SMALL)
    return max(shape.width + trunk, text_width(node.options, SMALL)), 2 * half


def _texts(node: Node, shape: Shape, y: float, remark: str) -> Iterator[Text]:
    """Yield the texts of a placed node whose middle is at height `y`."""
    i, middle = node.number, shape.x + shape.width / 2
    if node.operation:
        yield Text(i, "symbol", node.symbol, middle, y, centred=True)
    else:
        label = typographic(node.label) if node.constant else node.label
        yield Text(i, "name", label, middle, y, bold=not node.constant, centred=True)
    start, lift = shape.x + shape.width + 7, LABEL_GAP + 0.6 * FONT_SIZE
    for line, text in enumerate(reversed(_above(node))):
        role: Role = "shape" if line else "value"
        height = y - lift - line * LINE
        yield Text(i, role, text, start, height, colour=VALUE_COLOUR)
    if node.grad is not None:
        below = _below(node)
        yield Text(i, "gradient", below, start, y + lift, colour=GRADIENT_COLOUR, bold=True)
    if remark:
        yield Text(i, "remark", remark, start, y + lift + LINE)
    if node.options:
        # Never to the left of the shape, where wires arrive.
        room = text_width(node.options, SMALL)
        left = max(shape.x, middle - room / 2)
        lines = (1 + bool(remark)) * LINE
        low = max(y + shape.height / 2 + 2, y + LABEL_GAP + lines) + 0.65 * SMALL
        yield Text(i, "options", node.options, left, low, SMALL, FAINT)


def _marks(nodes: Sequence[Node], wires: Sequence[Wire]) -> Iterator[Text]:
    """Number the inputs of an operation where the picture shows them in another order."""
    arriving: dict[int, list[Wire]] = {}
    for wire in sorted(wires, key=lambda wire: (wire.target, wire.points[-1][1])):
        arriving.setdefault(wire.target, []).append(wire)
    for target, ordered in arriving.items():
        positions = [wire.position for wire in ordered]
        if positions == sorted(positions) or nodes[target].operation in COMMUTATIVE:
            continue
        for wire in ordered:
            x, y = wire.points[-1]
            yield Text(target, "input", str(wire.position + 1), x + 7, y, 9.0, FAINT, centred=True)


def typographic(numbers: str) -> str:
    """Return `numbers` with minus signs in place of hyphens."""
    return numbers.replace("-", "−")


def _above(node: Node) -> list[str]:
    """Return what stands above the wire of a node: its value; for an array shape and range."""
    shape = getattr(node.value, "shape", ())
    if node.constant and not shape:
        return []  # the number stands in the box
    name = one_line(node.label, 16) if node.operation and node.named else ""
    if not shape:
        return [(f"{name} = " if name else "") + typographic(range_text(node.value))]
    return [
        (f"{name}: " if name else "") + f"shape {shape_text(shape)}",
        typographic(entries_text(node.value, 2)),
    ]


def _below(node: Node) -> str:
    if node.grad is None:
        return ""
    array = bool(getattr(node.grad, "ndim", 0))
    return "∂ " + typographic(entries_text(node.grad, 2) if array else range_text(node.grad))


def _legend(nodes: Sequence[Node], remarks: Mapping[int, str], marked: Collection[int]) -> str:
    words = ["above a line: value"]
    if any(getattr(node.value, "size", 1) > FEW for node in nodes):
        words[0] += " (arrays: smallest … largest)"
    if any(node.grad is not None for node in nodes):
        words.append("below, ∂: gradient")
    if any(node.constant for node in nodes):
        words.append("dashed: constant")
    if remarks:
        words.append("✓ ✗: compared with the measured gradient")
    if marked:
        words.append("thick: the rule at fault")
    return " · ".join(words)


def _edge(shape: Shape, arriving: Point) -> Point:
    """Return where a level wire that comes from the left meets the outline."""
    beyond = abs(arriving[1] - (shape.y + shape.height / 2)) - (shape.height / 2 - shape.corner)
    inset = shape.corner - sqrt(max(shape.corner**2 - max(beyond, 0.0) ** 2, 0.0))
    return shape.x + inset, arriving[1]


def _branches(wires: Sequence[Wire]) -> tuple[Point, ...]:
    """Return the points at which a wire divides: there gradients add up on the way back."""
    ways: dict[Point, set[Point]] = {}
    for wire in wires:
        for start, end in zip(wire.points[::2], wire.points[1::2], strict=False):
            ways.setdefault(start, set()).add(end)
    return tuple(point for point, ends in ways.items() if len(ends) > 1)


__all__ = ["Line", "Scene", "Shape", "Text", "compose"]
