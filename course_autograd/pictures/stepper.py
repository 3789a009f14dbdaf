"""The HTML of a stepper: a picture and a list of steps, which a small script brings to life.

Without the script (a notebook that is not trusted, a mail, a text browser) it is what is written
here: the final picture with its description, and all steps as a list. With it the picture is
replaced by buttons, the sentence of a step and the picture as it is at that step. Nothing is
fetched, nothing is kept anywhere; several of them on a page do not know of each other.

Everything is given as text, and escaped or checked here or in the script, so that the grader can
make the same of what a submission wishes to show.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.resources import files

from course_autograd.pictures.frames import Frame

# All that the script takes over from a picture: shapes, words and how they look.
ELEMENTS = ("g", "path", "rect", "circle", "ellipse", "line", "polygon", "text", "tspan")
ATTRIBUTES = (
    *("class", "data-", "d", "x", "y", "dx", "dy", "cx", "cy", "r", "rx", "ry", "points"),
    *("x1", "x2", "y1", "y2", "width", "height", "viewBox", "transform", "opacity", "fill"),
    *("fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap"),
    *("stroke-linejoin", "stroke-opacity", "font-family", "font-size", "font-weight"),
    *("font-style", "text-anchor", "text-decoration"),
)

HINT = "Run this cell again to step through it."  # seen where the script does not run


def stepper_html(svg: str, alt: str, name: str, frames: Sequence[Frame]) -> str:
    """Return a stepper as HTML.

    Parameters
    ----------
    svg : str
        The final picture. Its elements say which node or wire they belong to.
    alt : str
        What is in it, in words.
    name : str
        What is stepped through, in a few words, for those who do not see it.
    frames : sequence of Frame
    """
    picture = base64.b64encode(svg.encode("utf-8")).decode("ascii")
    items = "".join(_item(frame) for frame in frames)
    return (
        f'<div data-stepper="{escape(name)}"><div style="overflow-x: auto">'
        f'<img src="data:image/svg+xml;base64,{picture}" alt="{escape(alt)}">'
        f"<p>{HINT}</p></div>"
        f"<details><summary>All {len(frames)} steps as a list</summary><ol>{items}</ol></details>"
        f"<script>{script()}</script></div>"
    )


def _item(frame: Frame) -> str:
    marks = f' data-kind="{frame.kind}"'
    if frame.receiver is not None:
        marks += f' data-wire="{frame.receiver} {frame.node} {frame.position}"'
    if frame.node is not None:
        marks += f' data-node="{frame.node}"'
    if frame.gradient:
        marks += f' data-gradient="{escape(frame.gradient)}"'
    return f"<li{marks}>{escape(frame.text)}</li>"


@cache
def script() -> str:
    """Return the script, the same for all steppers; it brings its style along."""
    style, program = (_squeezed(name) for name in ("stepper.css", "stepper.js"))
    constants = {"SHAPES": ELEMENTS, "LOOKS": ATTRIBUTES, "STYLE": style}
    named = "".join(f"const {name}={json.dumps(value)};" for name, value in constants.items())
    return f"{{{named}\n{program}}}"


def _squeezed(name: str) -> str:
    """Return a file of this folder without its indentation and its comment lines."""
    text = (files("course_autograd.pictures") / name).read_text(encoding="utf-8")
    lines = [line.strip() for line in text.splitlines()]
    return "\n".join(line for line in lines if line and not line.startswith("//"))


__all__ = ["ATTRIBUTES", "ELEMENTS", "script", "stepper_html"]
