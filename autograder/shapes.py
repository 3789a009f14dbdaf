"""An SVG taken apart and written anew: shapes and words, and nothing that could do anything.

What comes from a submission's process is read by a parser and compared with a list of what our own
pictures are made of. What is on the list is written again, in our words; whatever is not makes the
picture none. So it does not matter how many ways there are to hide something in an SVG.
"""

from __future__ import annotations

import re
from html import escape
from xml.parsers import expat

from course_autograd.pictures.stepper import ATTRIBUTES, ELEMENTS

LARGEST = 400_000  # bytes
WIDEST, HIGHEST = 40_000.0, 8_000.0  # a graph may be long; a page must not become endless
DEEPEST = 12
MOST = 6_000  # elements: a graph of 300 nodes has some 4,000
SPACE = "http://www.w3.org/2000/svg"
_NAME = re.compile(r"data-[a-z]{1,12}")
# No colon, no slash, no semicolon: no address, no style, no script.
_LOOK = re.compile(r"[\w .,#%()'+-]{0,20000}", re.ASCII)
_MARK = re.compile(r"[\w -]{0,60}", re.ASCII)
_LENGTH = re.compile(r"\d{1,6}(\.\d{1,3})?", re.ASCII)


class _NotShapesError(Exception):
    """Something that our pictures do not have."""


class _Writer:
    """Writes what a parser reports, as long as it is on the list."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.open: list[str] = []
        self.count = 0

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if self.count > MOST:
            raise _NotShapesError("too many")
        if not self.open:
            self._root(name, attributes)
        elif name == "title" and len(self.open) == 1 and not attributes:
            self.parts.append("<title>")
        elif name in ELEMENTS and self.open[-1] != "title" and len(self.open) < DEEPEST:
            self.parts.append(f"<{name}{_written(attributes)}>")
        else:
            raise _NotShapesError(name)
        self.open.append(name)

    def _root(self, name: str, attributes: dict[str, str]) -> None:
        given = dict(attributes)
        width, height = given.get("width", ""), given.get("height", "")
        if name != "svg" or given.pop("xmlns", "") != SPACE or given.pop("role", "img") != "img":
            raise _NotShapesError(name)
        for length, most in ((width, WIDEST), (height, HIGHEST)):
            if not _LENGTH.fullmatch(length) or not 0 < float(length) <= most:
                raise _NotShapesError("size")
        self.parts.append(f'<svg xmlns="{SPACE}" role="img"{_written(given)}>')

    def end(self, name: str) -> None:
        self.open.pop()
        self.parts.append(f"</{name}>")

    def words(self, text: str) -> None:
        if self.open[-1] in ("title", "text", "tspan"):
            self.parts.append(escape(text))
        elif text.strip():
            raise _NotShapesError("text")


def _written(attributes: dict[str, str]) -> str:
    """Return attributes as they are written, if all of them are known."""
    written = []
    for name, value in attributes.items():
        mark = _NAME.fullmatch(name) is not None or name == "class"
        allowed = (_MARK if mark else _LOOK).fullmatch(value) is not None
        if not allowed or not (mark or name in ATTRIBUTES) or "url" in value.lower():
            raise _NotShapesError(name)
        written.append(f' {name}="{escape(value)}"')
    return "".join(written)


def _refuse(*_: object) -> None:
    raise _NotShapesError("not a shape")


def rewritten(text: str) -> str:
    """Return an SVG document written anew; empty if it holds anything but shapes and words."""
    data = text.encode("utf-8", "replace")
    if not data or len(data) > LARGEST:
        return ""
    parser, writer = expat.ParserCreate("utf-8"), _Writer()
    parser.StartElementHandler = writer.begin
    parser.EndElementHandler = writer.end
    parser.CharacterDataHandler = writer.words
    parser.StartDoctypeDeclHandler = _refuse
    parser.ProcessingInstructionHandler = _refuse
    parser.CommentHandler = _refuse
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, _NotShapesError):
        return ""
    return "".join(writer.parts)


def width_of(svg: str) -> float:
    """Return how wide a picture written by `rewritten` is."""
    found = re.search(r' width="([\d.]+)"', svg)
    return float(found[1]) if found else 0.0
