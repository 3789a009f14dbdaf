"""A picture of a computation graph as plain data: shapes, wires and texts with their places.

`compose` decides everything that can be seen; `draw` turns a scene into SVG or matplotlib
artists and decides nothing. Every element knows its node and its role, so that what steps through
a graph or folds a part of it can find it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite, log10, sqrt
from typing import Any, Literal

import numpy as np

from course_autograd.graph import Message, Node, parts
from course_autograd.pictures.fold import Fold
from course_autograd.pictures.layout import Point, Wire, arrange
from course_autograd.words import FEW, entries_text, one_line, range_text, shape_text, width

# Okabe and Ito's blue and vermilion: told apart by everybody; place and the sign ∂ say it again.
VALUE_COLOUR = "#0072B2"
GRADIENT_COLOUR = "#D55E00"
# Vermilion has a contrast of 3.9 to 1 with white: enough for a mark (3 to 1), not for small text
# (4.5 to 1, WCAG 1.4.3). Texts are the same hue, darker.
GRADIENT_TEXT = "#C05400"
INK = "#1A1A1A"
FAINT = "#595959"

FONT_SIZE = 13.0
SMALL = 11.0
LINE = 1.25 * FONT_SIZE
ADVANCE = 0.61  # width of a character of a fixed-width font, as a part of the font size
RADIUS = 20.0
LABEL_GAP = 5.0  # between a wire and the text above or below it
MARGIN = 12.0
DOUBLE = 3.0  # between the two lines around a folded part
ARROW = 6.0
WIRE = 1.3
THIN, THICK = 0.9, 4.0  # wires that carry the smallest and the largest messages
DECADES = 2  # a message a hundred times smaller than the largest is as thin as any
SUMMANDS = 4  # more of them are not written out
LONG = 36  # characters: a longer sum goes into a line of its own
COMMUTATIVE = frozenset({"add", "mul", "maximum"})  # the order of their inputs says nothing

NO_REMARKS: Mapping[int, str] = {}

Role = Literal[
    "symbol",
    "name",
    "options",
    "shape",
    "value",
    "gradient",
    "sum",
    "remark",
    "input",
    "legend",
]
Words = tuple[Role, str]  # a line of text beside a wire
Outline = Literal["operation", "leaf", "constant", "fold"]


@dataclass(frozen=True)
class Shape:
    """The outline of a node: a circle (or a pill, for a long symbol), or a box.

    A folded part is a box with a double line.
    """

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

    @property
    def inner(self) -> Shape | None:
        """The second line of a folded part."""
        if self.outline != "fold":
            return None
        x, y = self.x + DOUBLE, self.y + DOUBLE
        return replace(
            self, x=x, y=y, width=self.width - 2 * DOUBLE, height=self.height - 2 * DOUBLE
        )


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
    """The piece of wire under the value of a node, where it leaves the node.

    Its width says how large the gradient of the node is.
    """

    node: int
    start: Point
    end: Point
    width: float = WIRE


@dataclass(frozen=True)
class Dot:
    """Where a value branches; on the way back gradients add up there, once `sums` is true."""

    node: int
    x: float
    y: float
    sums: bool


@dataclass(frozen=True)
class Scene:
    """Everything in a picture, in the order of drawing.

    `widths` are those of `wires`, one for one: by the size of the message that flows back.
    """

    nodes: tuple[Node, ...]
    trunks: tuple[Line, ...]
    wires: tuple[Wire, ...]
    widths: tuple[float, ...]
    arrows: tuple[tuple[Point, Point, Point], ...]
    dots: tuple[Dot, ...]
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
    known: Sequence[Message] = (),
    *,
    remarks: Mapping[int, str] = NO_REMARKS,
    marked: Collection[int] = (),
) -> Scene:
    """Compose the picture of a traced graph.

    Operations are circles with their symbol, leaves are boxes with their name, constants dashed
    boxes. On the piece of wire that leaves a node its value stands above, its gradient below,
    written out as a sum where several messages arrive.

    Parameters
    ----------
    nodes : sequence of Node
    known : sequence of Message
        What the nodes send each other on the way back; a wire is as wide as its message is large.
    remarks : mapping of int to str
        A line below the gradient of these nodes.
    marked : collection of int
        Nodes that are drawn with a second, thick outline.
    """
    shapes = [_shape(node) for node in nodes]
    arriving: dict[int, list[Message]] = {}
    for message in known:
        arriving.setdefault(message.receiver, []).append(message)
    below = [
        [*_below(node, arriving.get(node.number, ())), *_remark(remarks.get(node.number))]
        for node in nodes
    ]
    sizes = [_room(*one) for one in zip(nodes, shapes, below, strict=True)]
    layout = arrange([node.inputs for node in nodes], sizes)
    width_of = Widths(nodes, known)

    placed: list[Shape] = []
    lines: list[Line] = []
    texts: list[Text] = []
    for node, shape, under in zip(nodes, shapes, below, strict=True):
        i = node.number
        x, y = layout.left[i] + MARGIN, layout.middle[i] + MARGIN
        top = y - shape.height / 2
        placed.append(Shape(i, shape.outline, x, top, shape.width, shape.height, i in marked))
        texts.extend(_texts(node, placed[-1], y, under))
        if i < len(nodes) - 1 or _above(node):
            ends = (x + shape.width, y), (layout.right[i] + MARGIN, y)
            lines.append(Line(i, *ends, width_of.trunk(node)))
    wires, widths, arrows = [], [], []
    for wire in layout.wires:
        points = [(x + MARGIN, y + MARGIN) for x, y in wire.points]
        widths.append(width_of.wire(wire))
        head = ARROW + 1.5 * (widths[-1] - THIN)
        tip = _edge(placed[wire.target], points[-1])
        base = tip[0] - head
        arrows.append((tip, (base, tip[1] - head / 2), (base, tip[1] + head / 2)))
        # The wire ends inside its arrow, or it would blunt the tip.
        end = tip[0] - 0.6 * head
        points = [*points, (end, tip[1])] if end > points[-1][0] else [*points[:-1], (end, tip[1])]
        wires.append(Wire(wire.source, wire.target, wire.position, tuple(points)))
    scene_width, scene_height = layout.width + 2 * MARGIN, layout.height + 2 * MARGIN
    texts.extend(_marks(nodes, wires))
    legend = _legend(nodes, width_of)
    if remarks or marked:
        legend.append(
            "✓ ✗: compared with the measured gradient · second outline, a ring: the rule at fault"
        )
    for line, words in enumerate(legend):
        height = scene_height + 4 + 1.4 * SMALL * line
        texts.append(Text(-1, "legend", words, MARGIN, height, SMALL, FAINT))
    room = max(text_width(words, SMALL) for words in legend)
    return Scene(
        tuple(nodes),
        tuple(lines),
        tuple(wires),
        tuple(widths),
        tuple(arrows),
        _branches(wires, nodes),
        tuple(placed),
        tuple(texts),
        layout.crossings,
        max(scene_width, room + 2 * MARGIN),
        scene_height + 1.4 * SMALL * len(legend),
    )


class Widths:
    """How wide wires are: by the largest entry of the gradient message that flows back on them.

    The scale is logarithmic, from the largest message of the picture down to a hundredth of it.
    Where nothing is known of messages, all wires are equal.
    """

    def __init__(self, nodes: Sequence[Node], known: Sequence[Message]) -> None:
        self._of = {(m.receiver, m.sender, m.position): _size(m.sent) for m in known}
        sizes = [*self._of.values(), *(_size(node.grad) for node in nodes)]
        self._largest = max((size for size in sizes if isfinite(size)), default=0.0)
        self.speak = bool(known)

    def wire(self, wire: Wire) -> float:
        """Return the width of a wire."""
        return self._width(self._of.get((wire.source, wire.target, wire.position), 0.0))

    def trunk(self, node: Node) -> float:
        """Return the width of the piece under the node's own gradient."""
        return self._width(_size(node.grad))

    def _width(self, size: float) -> float:
        if not self.speak:
            return WIRE
        if not isfinite(size):
            return THICK
        if not size or not self._largest:
            return THIN
        part = 1 + log10(size / self._largest) / DECADES
        return THIN + (THICK - THIN) * min(max(part, 0.0), 1.0)


def _size(gradient: Any) -> float:
    """Return the largest absolute entry; what is not a number counts as infinite."""
    if gradient is None or not np.size(gradient):
        return 0.0
    largest = float(np.max(np.abs(gradient)))
    return largest if isfinite(largest) else inf


def _shape(node: Node) -> Shape:
    """Return the outline of a node, at the origin."""
    if isinstance(node, Fold):
        wide, high = text_width(node.symbol) + 20, 36.0
        return Shape(node.number, "fold", 0.0, 0.0, wide, max(high, 12.0 * len(node.inputs) + 6.0))
    if node.operation:
        room = text_width(node.symbol)
        height = max(2 * RADIUS, 12.0 * len(node.inputs) + 6.0)
        wide = 2 * RADIUS if room <= 2 * RADIUS - 6 else room + 2 * RADIUS - 10
        return Shape(node.number, "operation", 0.0, 0.0, wide, height)
    outline: Outline = "constant" if node.constant else "leaf"
    return Shape(node.number, outline, 0.0, 0.0, max(26.0, text_width(node.label) + 14), 26.0)


def _room(node: Node, shape: Shape, below: Sequence[Words]) -> tuple[float, float]:
    """Return width and height of a node with its texts; the wire leaves at half the height."""
    labels = [*_above(node), *(text for _, text in below)]
    trunk = max((text_width(label) + 14 for label in labels), default=0.0)
    half = shape.height / 2
    if trunk:
        half = max(half, LABEL_GAP + max(len(_above(node)), len(below)) * LINE)
    if node.options:
        half = max(half, _low(shape, below) + 1.3 * SMALL)
    return max(shape.width + trunk, text_width(node.options, SMALL)), 2 * half


def _remark(remark: str | None) -> list[Words]:
    return [("remark", remark)] if remark else []


def _low(shape: Shape, below: Sequence[Words]) -> float:
    """Return how far under the middle of a node the constants of its operation begin."""
    return max(shape.height / 2 + 2, LABEL_GAP + max(len(below), 1) * LINE)


def _texts(node: Node, shape: Shape, y: float, below: Sequence[Words]) -> Iterator[Text]:
    """Yield the texts of a placed node whose middle is at height `y`."""
    i, middle = node.number, shape.x + shape.width / 2
    if node.operation:
        folded = isinstance(node, Fold)
        yield Text(i, "symbol", node.symbol, middle, y, bold=folded, centred=True)
    else:
        label = typographic(node.label) if node.constant else node.label
        yield Text(i, "name", label, middle, y, bold=not node.constant, centred=True)
    start, lift = shape.x + shape.width + 7, LABEL_GAP + 0.6 * FONT_SIZE
    for line, text in enumerate(reversed(_above(node))):
        role: Role = "shape" if line else "value"
        height = y - lift - line * LINE
        yield Text(i, role, text, start, height, colour=VALUE_COLOUR)
    for line, (role, text) in enumerate(below):
        height, bold = y + lift + line * LINE, role == "gradient"
        colour = INK if role == "remark" else GRADIENT_TEXT
        yield Text(i, role, text, start, height, colour=colour, bold=bold)
    if node.options:
        # Never to the left of the shape, where wires arrive.
        room = text_width(node.options, SMALL)
        left = max(shape.x, middle - room / 2)
        low = y + _low(shape, below) + 0.65 * SMALL
        yield Text(i, "options", node.options, left, low, SMALL, FAINT)


def _marks(nodes: Sequence[Node], wires: Sequence[Wire]) -> Iterator[Text]:
    """Number the inputs of an operation where the picture shows them in another order."""
    arriving: dict[int, list[Wire]] = {}
    for wire in sorted(wires, key=lambda wire: (wire.target, wire.points[-1][1])):
        arriving.setdefault(wire.target, []).append(wire)
    for target, ordered in arriving.items():
        positions = [wire.position for wire in ordered]
        if (
            positions == sorted(positions)
            or nodes[target].operation in COMMUTATIVE
            or isinstance(nodes[target], Fold)
        ):
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


def _below(node: Node, known: Sequence[Message]) -> list[Words]:
    """Return what stands below the wire of a node: its gradient, as a sum where it is one."""
    if node.grad is None:
        return []
    total = _gradient_text(node.grad)
    arrived = parts(node, known)
    if len(arrived) < 2:
        return [("gradient", f"∂ {total}")]
    if np.size(node.grad) > FEW or np.ndim(node.grad) > 1:
        return [("gradient", f"∂ {total}"), ("sum", f"sum of {len(arrived)} messages")]
    texts = summands([_gradient_text(one) for one in arrived])
    shown = " + ".join(texts[:SUMMANDS])
    if len(texts) <= SUMMANDS and len(shown) + len(total) + 5 <= LONG:
        return [("gradient", f"∂ {shown} = {total}")]
    lines: list[Words] = [("gradient", f"∂ {total}")]
    if len(texts) <= SUMMANDS and len(shown) + 2 <= LONG:
        return [*lines, ("sum", f"= {shown}")]
    some = texts[: SUMMANDS - 1]
    while len(some) > 1 and len(" + ".join(some)) + 6 > LONG:
        some.pop()
    return [*lines, ("sum", f"= {' + '.join(some)} + …"), ("sum", f"({len(texts)} summands)")]


def summands(texts: Sequence[str]) -> list[str]:
    """Return terms of a sum, negative ones but the first in brackets."""
    return [f"({text})" if i and text[0] in "−-" else text for i, text in enumerate(texts)]


def _gradient_text(gradient: Any) -> str:
    array = bool(getattr(gradient, "ndim", 0))
    return typographic(entries_text(gradient, 2) if array else range_text(gradient))


def _legend(nodes: Sequence[Node], widths: Widths) -> list[str]:
    words = ["above a line: value"]
    if any(getattr(node.value, "size", 1) > FEW for node in nodes):
        words[0] += " (arrays: smallest … largest)"
    if any(node.grad is not None for node in nodes):
        words.append("below, ∂: gradient")
    if any(node.constant for node in nodes):
        words.append("dashed: constant")
    if any(isinstance(node, Fold) for node in nodes):
        words.append("double line: a part of the graph, folded")
    lines = [" · ".join(words)]
    if widths.speak:
        lines.append("thicker line: larger gradient flows back")
    return lines


def _edge(shape: Shape, arriving: Point) -> Point:
    """Return where a level wire that comes from the left meets the outline."""
    beyond = abs(arriving[1] - (shape.y + shape.height / 2)) - (shape.height / 2 - shape.corner)
    inset = shape.corner - sqrt(max(shape.corner**2 - max(beyond, 0.0) ** 2, 0.0))
    return shape.x + inset, arriving[1]


def _branches(wires: Sequence[Wire], nodes: Sequence[Node]) -> tuple[Dot, ...]:
    """Return the points at which a wire divides: there gradients add up on the way back."""
    ways: dict[tuple[int, Point], set[Point]] = {}
    for wire in wires:
        for start, end in zip(wire.points[::2], wire.points[1::2], strict=False):
            ways.setdefault((wire.source, start), set()).add(end)
    return tuple(
        Dot(source, *point, nodes[source].grad is not None)
        for (source, point), ends in ways.items()
        if len(ends) > 1
    )


__all__ = ["Dot", "Line", "Scene", "Shape", "Text", "Widths", "compose", "summands"]
