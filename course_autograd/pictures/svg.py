"""A scene as an SVG document: no script, no fonts to be fetched, nothing decided here."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise

from course_autograd.pictures.layout import Point
from course_autograd.pictures.scene import GRADIENT_COLOUR, INK, Scene, Shape, Text

FONTS = "'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace"
FILL = {"fold": "#F2F2F2", "operation": "#F2F2F2", "leaf": "#FFFFFF", "constant": "#FFFFFF"}
DOT = 3
RING, HEAVY = 5.0, 3.0  # the second outline of a marked node: how far away, how thick
STROKE = {"fold": 1.4, "operation": 1.4, "leaf": 1.8, "constant": 1.0}


def to_svg(scene: Scene, alt: str) -> str:
    """Return a scene as an SVG document."""
    wide, high = _n(scene.width), _n(scene.height)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" '
        f'viewBox="0 0 {wide} {high}" role="img" font-family="{FONTS}">',
        f"<title>{escape(alt)}</title>",
        '<rect width="100%" height="100%" fill="#FFFFFF"/>',
        f'<g fill="none" stroke="{INK}">',
    ]
    for line in scene.trunks:
        (x, y), (end, _) = line.start, line.end
        parts.append(
            f'<path data-node="{line.node}" stroke-width="{_n(line.width)}" '
            f'd="M{_n(x)} {_n(y)}H{_n(end)}"/>'
        )
    for wire, width in zip(scene.wires, scene.widths, strict=True):
        parts.append(
            f'<path data-from="{wire.source}" data-to="{wire.target}" '
            f'data-input="{wire.position}" stroke-width="{_n(width)}" '
            f'd="{_svg_path(wire.points)}"/>'
        )
    parts.append(f'</g><g fill="{INK}">')
    for arrow, wire in zip(scene.arrows, scene.wires, strict=True):
        corners = "L".join(f"{_n(x)} {_n(y)}" for x, y in arrow)
        tip = f'data-tip="{wire.target}" data-input="{wire.position}"'
        parts.append(f'<path {tip} d="M{corners}Z"/>')
    for dot in scene.dots:
        fill = f' fill="{GRADIENT_COLOUR}" stroke="{INK}"' if dot.sums else ""
        parts.append(
            f'<circle data-node="{dot.node}" cx="{_n(dot.x)}" cy="{_n(dot.y)}" '
            f'r="{DOT + dot.sums}"{fill}/>'
        )
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
    ring, inner = "", shape.inner
    if shape.marked:  # a second outline around the first
        ring = (
            f'<rect x="{_n(shape.x - RING)}" y="{_n(shape.y - RING)}" '
            f'width="{_n(shape.width + 2 * RING)}" height="{_n(shape.height + 2 * RING)}" '
            f'rx="{_n(shape.corner + RING)}" fill="none" stroke-width="{HEAVY}"/>'
        )
    return (
        ring
        + (
            f'<rect data-node="{shape.node}" x="{_n(shape.x)}" y="{_n(shape.y)}" '
            f'width="{_n(shape.width)}" height="{_n(shape.height)}" rx="{_n(shape.corner)}" '
            f'fill="{FILL[shape.outline]}" stroke-width="{STROKE[shape.outline]}"{dashes}/>'
        )
        + (_svg_inner(inner) if inner else "")
    )


def _svg_inner(shape: Shape) -> str:
    return (
        f'<rect x="{_n(shape.x)}" y="{_n(shape.y)}" width="{_n(shape.width)}" '
        f'height="{_n(shape.height)}" rx="{_n(shape.corner)}" fill="none" stroke-width="0.8"/>'
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
