"""What a notebook shows: its cells are run for the eyes, and nothing of it ever counts.

The trusted side. Text, streams and PNG figures come back from a child that is shut in like every
other; everything is bounded and checked, and nothing that could run in a browser is passed on.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
import struct
import time
from collections.abc import Mapping
from html import escape
from typing import Any

from autograder import wire
from autograder.cells import Notebook
from autograder.closing import Closing
from autograder.process import Child, ChildError, Limits, NonsenseError
from autograder.servers import Server, ServerError
from autograder.shapes import rewritten, width_of
from course_autograd.pictures.frames import KINDS, Frame
from course_autograd.pictures.stepper import stepper_html
from course_autograd.words import one_line

MOST_STEPS, STEP = 400, 1_000  # of one stepper; characters of a sentence
ALT, TEXT_IN_PICTURE = 2_000, 60  # characters
TEXT_OF_CELL, TEXT_OF_NOTEBOOK = 20_000, 200_000  # characters
PICTURES_OF_CELL, PICTURE, PICTURES_OF_NOTEBOOK = 12, 400_000, 4_000_000  # number; bytes
WIDEST = 4_000  # pixels
LEAST = 32  # bytes of a PNG: its mark, its size, its end
FRAME = 16_000_000  # bytes of what one cell shows, as it is sent
MARKS_OF_STEPPER = 4_000  # opening and closing ones; 60 nodes, the most there are, have some 1,500
SIGNATURE, END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")

Output = dict[str, Any]


class Display(Closing):
    """Shows notebooks, one after the other; keeps its server warm in between.

    Parameters
    ----------
    limits : Limits
        Time and memory for each notebook.
    level : str
        The sandbox.
    """

    def __init__(self, limits: Limits, level: str) -> None:
        self.limits, self.level = limits, level
        self._server: Server | None = None

    def show(self, notebook: Notebook) -> Mapping[int, list[Output]]:
        """Run all code cells but the checks, in order.

        Returns
        -------
        mapping
            Position of a cell -> its outputs, as nbformat has them. A cell that ends the process
            says so, and those after it that they were not run.

        Raises
        ------
        ServerError
            If the grader itself is at fault.
        """
        cells = [cell for cell in notebook.code() if cell.role != "check"]
        deadline = time.monotonic() + self.limits.submission
        shown: dict[int, list[Output]] = {}
        bounds = _Bounds()
        with self._child() as child:
            for position, cell in enumerate(cells):
                try:
                    raw = child.show(cell.source, deadline)
                except ChildError as error:
                    why = f"This cell was not shown to its end: {error}.\n"
                    shown[cell.index] = [stream(why)]
                    for later in cells[position + 1 :]:
                        shown[later.index] = [stream("Not run: a cell above ended the run.\n")]
                    break
                outputs = bounds.checked(raw)
                if outputs:
                    shown[cell.index] = outputs
        return shown

    def _child(self) -> _Showing:
        for last in (False, True):
            if self._server is None:
                self._server = Server(None, ("matplotlib.pyplot",), self.level, role="display")
            try:
                return _Showing(self._server, self.limits, self.level)
            except ServerError:
                self.close()
                if last:
                    raise
        raise AssertionError("unreachable")

    def close(self) -> None:
        """End the server and its children."""
        if self._server is not None:
            self._server.close()
            self._server = None


class _Showing(Child):
    """A child that shows cells."""

    size = wire.Size(header=FRAME, body=0, arrays=0, total=8 * FRAME)

    def show(self, source: str, deadline: float) -> list[Any]:
        """Run one cell; return what the child says it shows.

        Raises
        ------
        ChildError, ServerError
        """
        nonce = secrets.token_hex(16)
        seconds = self.limits.cell
        self._send({"kind": "show", "nonce": nonce, "source": source, "seconds": seconds})
        if not self._has_begun:
            self._await_beginning()
        latest = time.monotonic() + seconds + self.limits.grace
        frame = self._receive(nonce, min(deadline, latest))
        outputs = frame.header.get("outputs")
        if frame.header["kind"] != "shown" or not isinstance(outputs, list):
            raise NonsenseError("what came back from your code could not be read")
        return outputs


class _Bounds:
    """What one notebook may still show."""

    def __init__(self) -> None:
        self.text, self.pictures = TEXT_OF_NOTEBOOK, PICTURES_OF_NOTEBOOK

    def checked(self, raw: list[Any]) -> list[Output]:
        """Return what a child sent as outputs; whatever is none is left out."""
        outputs: list[Output] = []
        left, pictures = min(TEXT_OF_CELL, self.text), 0
        for one in raw[: 2 * PICTURES_OF_CELL]:
            if not isinstance(one, dict):
                continue
            text = plain(str(one.get("text", "")))
            if len(text) > left:
                text = f"{text[:left]}\n… shown in part\n"
            left, self.text = max(0, left - len(text)), max(0, self.text - len(text))
            if one.get("kind") in ("stdout", "stderr"):
                outputs.append(stream(text, str(one["kind"])))
                continue
            data = {"text/plain": text}
            html = _html_of(one, text)
            if html and pictures < PICTURES_OF_CELL and len(html) <= self.pictures:
                pictures, self.pictures = pictures + 1, self.pictures - len(html)
                data["text/html"] = html
            picture = png(str(one.get("png", "")))
            if picture and pictures < PICTURES_OF_CELL and len(picture) <= self.pictures:
                pictures, self.pictures = pictures + 1, self.pictures - len(picture)
                data["image/png"] = base64.b64encode(picture).decode()
            if any(data.values()):
                outputs.append({"output_type": "display_data", "metadata": {}, "data": data})
        return outputs


def _html_of(one: Mapping[str, Any], text: str) -> str:
    """Return what was drawn, or is to be stepped through, as HTML of ours; empty if nothing was."""
    picture = rewritten(str(one.get("svg", "")))
    if not picture:
        return ""
    alt = plain(str(one.get("alt", "")))[:ALT]
    if "steps" not in one:
        return drawing(picture, alt, text)
    if picture.count("<") > MARKS_OF_STEPPER:  # its script looks at each of them
        return ""
    frames = steps(one["steps"])
    return stepper_html(picture, alt, one_line(one.get("name"), 60), frames) if frames else ""


def stream(text: str, name: str = "stdout") -> Output:
    """Return a stream output."""
    return {"output_type": "stream", "name": name, "text": text}


def plain(text: str) -> str:
    """Return a text without control characters; lines and tabs stay."""
    return _CONTROL.sub("�", _ESCAPES.sub("", text.replace("\r\n", "\n")))


def steps(raw: object) -> list[Frame]:
    """Return what a child sent as steps of a stepper; empty if anything is wrong with them."""
    if not isinstance(raw, list) or len(raw) > MOST_STEPS:
        return []
    found = [_step(one) for one in raw]
    return [frame for frame in found if frame is not None] if None not in found else []


def _step(raw: object) -> Frame | None:
    if not isinstance(raw, dict):
        return None
    kind, text, gradient = (raw.get(name) for name in ("kind", "text", "gradient"))
    node, receiver, position = (raw.get(name) for name in ("node", "receiver", "position"))
    if kind not in KINDS or not isinstance(text, str) or not isinstance(gradient, str):
        return None
    if len(text) > STEP or len(gradient) > TEXT_IN_PICTURE:
        return None
    for number in (node, receiver, position):
        if number is not None and (type(number) is not int or not 0 <= number < MOST_STEPS):
            return None
    if kind == "backward" and None in (node, receiver, position):
        return None
    return Frame(kind, plain(text), node, receiver, position, plain(gradient))


def drawing(picture: str, alt: str, table: str) -> str:
    """Return the HTML of a drawing: the picture with its description, and the same as a table."""
    data = base64.b64encode(picture.encode()).decode()
    least = round(0.8 * width_of(picture))  # smaller, nobody could read it: then it scrolls
    return (
        '<div style="overflow-x: auto" tabindex="0" role="group" aria-label="Picture of the graph">'
        f'<img src="data:image/svg+xml;base64,{data}" alt="{escape(alt)}" '
        f'style="max-width: 100%; min-width: {least}px; height: auto"></div>'
        '<details><summary>The graph as a table</summary><pre tabindex="0" '
        f'style="overflow-x: auto; white-space: pre">{escape(table)}</pre></details>'
    )


def png(encoded: str) -> bytes:
    """Return the bytes of a PNG of sensible size, empty if it is none."""
    if not encoded or len(encoded) > 2 * PICTURE:
        return b""
    try:
        data = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        return b""
    if not LEAST <= len(data) <= PICTURE or data[:8] != SIGNATURE or data[12:16] != b"IHDR":
        return b""
    width, height = struct.unpack(">II", data[16:24])
    fits = 0 < width <= WIDEST and 0 < height <= WIDEST
    return data if fits and data.endswith(END) else b""
