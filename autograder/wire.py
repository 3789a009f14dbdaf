"""The wire between judge and child: length-prefixed frames of JSON and arrays, read strictly.

A frame is a prefix of 16 bytes (a mark, the length of the header, the length of the body), a JSON
object, and the raw bytes of the arrays one after the other, in C order, little endian. The object
lists the arrays under ``"arrays"`` as ``{"dtype": "float64", "shape": [3, 4]}``.

What comes from the child is hostile. Every length is checked before memory is taken for it, the
nesting of the JSON is limited, five element types exist, a child may send no more than so much in
all its life, and anything else is a `ProtocolError`. Nothing is ever unpickled or evaluated.

NumPy's own file format (npy) is not used: its header is a Python literal, which must be parsed,
and describes more than numbers (structures, strings, objects, other byte orders), which must be
refused again. Here dtype and shape are JSON, of which only two fixed fields are read, so that
there is no such header to be abused.
"""

from __future__ import annotations

import json
import math
import os
import select
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MARK = b"CAg1"
PREFIX = struct.Struct("<4sIQ")
DTYPES = {"float64": "<f8", "float32": "<f4", "int64": "<i8", "int32": "<i4", "bool": "|b1"}
NAMES = {np.dtype(name): name for name in DTYPES}  # looking a name up in NumPy takes much longer
SIZES = {code: np.dtype(code).itemsize for code in DTYPES.values()}
MAX_AXES = 8
MAX_DEPTH = 24
NO_BRACKETS = bytes(sign for sign in range(256) if sign not in b"[]{}")
CHUNK = 1 << 16


class ProtocolError(Exception):
    """What came over the pipe is not a frame as agreed. The text says what was wrong."""


class ClosedError(ProtocolError):
    """The other side has closed its pipe, or has ended."""


class LateError(Exception):
    """The answer did not come in time."""


@dataclass(frozen=True)
class Size:
    """How much one frame may hold.

    Attributes
    ----------
    header, body : int
        Bytes.
    arrays : int
        Number of arrays.
    total : int
        Bytes of all frames together.
    """

    header: int = 1_000_000
    body: int = 16_000_000
    arrays: int = 1_000
    total: int = 64_000_000


# What the trusted side may send: a notebook's code travels in the header.
FROM_JUDGE = Size(header=32_000_000, body=256_000_000, arrays=100_000, total=1 << 62)
FROM_CHILD = Size()


@dataclass(frozen=True)
class Frame:
    """One message: a JSON object and some arrays (read-only views of the bytes received)."""

    header: dict[str, Any]
    arrays: tuple[Array, ...] = ()

    def text(self, key: str, longest: int = 2_000) -> str:
        """Return the text under `key`, shortened; empty if there is none."""
        value = self.header.get(key)
        return value[:longest] if isinstance(value, str) else ""


def pack(header: Mapping[str, Any], arrays: Sequence[Any] = ()) -> bytes:
    """Return the bytes of one frame.

    Parameters
    ----------
    header : mapping
        JSON-able; the key ``"arrays"`` is taken.
    arrays : sequence of array_like
        Of one of the five element types; any layout.

    Raises
    ------
    ProtocolError
        If an array has another element type or too many axes, or the header is not JSON-able.
    """
    described, parts = [], []
    for given in arrays:
        array = np.asarray(given)
        name = NAMES.get(
            array.dtype.newbyteorder("=") if array.dtype.byteorder == ">" else array.dtype
        )
        if name is None or array.ndim > MAX_AXES:
            raise ProtocolError(
                f"an array of dtype {array.dtype} and {array.ndim} axes cannot be sent; "
                f"expected one of {', '.join(DTYPES)}."
            )
        described.append({"dtype": name, "shape": list(array.shape)})
        parts.append(array.astype(DTYPES[name], copy=False).tobytes())
    try:
        text = json.dumps({**header, "arrays": described}, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ProtocolError(f"the header cannot be sent as JSON: {error}") from error
    head = text.encode("ascii")
    body = b"".join(parts)
    return PREFIX.pack(MARK, len(head), len(body)) + head + body


class Decoder:
    """Turns the bytes of a pipe into frames; takes memory only for what has been announced.

    Parameters
    ----------
    size : Size
        Limits on what is accepted.
    """

    def __init__(self, size: Size = FROM_CHILD) -> None:
        self.size = size
        self._bytes = bytearray()
        self._total = 0
        self._lengths: tuple[int, int] | None = None
        self._header: dict[str, Any] | None = None
        self._described: list[tuple[str, tuple[int, ...], int, int]] = []
        self._error: ProtocolError | None = None

    def feed(self, data: bytes) -> list[Frame]:
        """Take in `data` and return the frames that are now complete.

        Raises
        ------
        ProtocolError
            If the next byte cannot belong to a frame. Frames that were complete before it are
            handed out first: who broke the line must not depend on how it was cut.
        """
        self._total += len(data)
        self._bytes += data
        frames: list[Frame] = []
        try:
            if self._total > self.size.total:
                raise ProtocolError(f"more than {self.size.total} bytes have been sent in all.")
            if self._error is None:
                while (frame := self._next()) is not None:
                    frames.append(frame)
        except ProtocolError as error:
            self._error = error
        if self._error is not None and not frames:
            raise self._error
        return frames

    @property
    def pending(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._bytes) or self._lengths is not None or self._error is not None

    def _next(self) -> Frame | None:
        if self._lengths is None:
            begun = bytes(self._bytes[: len(MARK)])
            if not MARK.startswith(begun):
                raise ProtocolError("the bytes received do not begin a frame.")
            if len(self._bytes) < PREFIX.size:
                return None
            self._lengths = self._checked_lengths(bytes(self._bytes[: PREFIX.size]))
            del self._bytes[: PREFIX.size]
        head, body = self._lengths
        if self._header is None:
            if len(self._bytes) < head:
                return None
            self._header = parse_header(bytes(self._bytes[:head]))
            del self._bytes[:head]
            self._described = array_shapes(self._header, self.size)
            expected = sum(count * size for _, _, count, size in self._described)
            if expected != body:
                raise ProtocolError(
                    f"the arrays announced have {expected} bytes, the frame has {body}."
                )
        if len(self._bytes) < body:
            return None
        arrays = split_body(bytes(self._bytes[:body]), self._described)
        del self._bytes[:body]
        frame = Frame(self._header, arrays)
        self._lengths = self._header = None
        return frame

    def _checked_lengths(self, prefix: bytes) -> tuple[int, int]:
        _, head, body = PREFIX.unpack(prefix)
        if head > self.size.header or body > self.size.body:
            raise ProtocolError(
                f"a frame of {head} + {body} bytes is announced; at most {self.size.header} + "
                f"{self.size.body} are accepted."
            )
        return head, body


def parse_header(data: bytes) -> dict[str, Any]:
    """Parse the JSON object of a frame.

    Raises
    ------
    ProtocolError
        If it is not UTF-8, not JSON (NaN and Infinity are not), nested too deeply, or no object.
    """
    try:
        header = json.loads(data.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"the header is not JSON: {error}") from error
    if not _is_shallow(data):
        _require_shallow(header)
    if not isinstance(header, dict):
        raise ProtocolError("the header is not a JSON object.")
    return header


def _is_shallow(data: bytes) -> bool:
    """Whether brackets alone tell that JSON is nested no more than `MAX_DEPTH` levels deep.

    Where they stand in texts, too, they may not tell.
    """
    brackets = data.translate(bytes.maketrans(b"{}", b"[]"), NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"")  # the innermost level
        if not brackets:
            return True
    return False


def _require_shallow(header: Any) -> None:
    """Walk through all levels.

    Raises
    ------
    ProtocolError
        If there are more than `MAX_DEPTH`.
    """
    level, depth = [header] if isinstance(header, dict | list) else [], 1
    while level:
        if depth > MAX_DEPTH:
            raise ProtocolError(f"the header is nested more than {MAX_DEPTH} levels deep.")
        children = (one.values() if type(one) is dict else one for one in level)
        level = [one for some in children for one in some if type(one) in (dict, list)]
        depth += 1


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def array_shapes(
    header: Mapping[str, Any], size: Size
) -> list[tuple[str, tuple[int, ...], int, int]]:
    """Return dtype, shape, number of entries and bytes per entry of each array announced.

    Raises
    ------
    ProtocolError
        If the description is anything but a short list of known dtypes and small whole numbers.
    """
    given = header.get("arrays")
    if not isinstance(given, list) or len(given) > size.arrays:
        raise ProtocolError(f"expected a list of at most {size.arrays} arrays.")
    described = []
    for one in given:
        if not isinstance(one, dict) or set(one) != {"dtype", "shape"}:
            raise ProtocolError("an array is described by its dtype and shape, and nothing else.")
        dtype, shape = one["dtype"], one["shape"]
        if not isinstance(dtype, str) or dtype not in DTYPES:
            raise ProtocolError(f"an array has one of the dtypes {', '.join(DTYPES)}.")
        if not isinstance(shape, list) or len(shape) > MAX_AXES:
            raise ProtocolError(f"a shape is a list of at most {MAX_AXES} whole numbers.")
        if any(type(length) is not int or not 0 <= length <= size.body for length in shape):
            raise ProtocolError("a shape is made of whole numbers from 0.")
        code = DTYPES[dtype]
        count = math.prod(shape)
        itemsize = SIZES[code]
        # NumPy takes the product of all axes but those of length 0, and must not overflow.
        if math.prod(length or 1 for length in shape) * itemsize > size.body:
            raise ProtocolError(f"an array of shape {tuple(shape)} is too large.")
        described.append((code, tuple(shape), count, itemsize))
    return described


def split_body(
    body: bytes, described: Sequence[tuple[str, tuple[int, ...], int, int]]
) -> tuple[Array, ...]:
    """Cut the body into the arrays described; every byte belongs to exactly one of them."""
    arrays, start = [], 0
    for code, shape, count, itemsize in described:
        if code == "|b1":
            raw = np.frombuffer(body, dtype=np.uint8, count=count, offset=start)
            if count and raw.max() > 1:
                raise ProtocolError("a boolean is 0 or 1.")
        array = np.frombuffer(body, dtype=code, count=count, offset=start).reshape(shape)
        arrays.append(array)
        start += count * itemsize
    return tuple(arrays)


# --- reading and writing pipes -------------------------------------------------------------


def read_frame(descriptor: int, decoder: Decoder, waiting: list[Frame]) -> Frame:
    """Return the next frame of a blocking pipe (the child's side).

    Raises
    ------
    ClosedError
        At the end of the pipe.
    """
    while not waiting:
        data = os.read(descriptor, CHUNK)
        if not data:
            raise ClosedError("the judge has closed the pipe.")
        waiting.extend(decoder.feed(data))
    return waiting.pop(0)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of `data` to a blocking pipe (the child's side)."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


class Line:
    """The judge's two ends: writes a request while it reads the answer, with deadlines.

    A large request and a large answer would stall each other if one of the two pipes were left
    waiting, so both are watched at once.

    Parameters
    ----------
    write_to, read_from : int
        Descriptors, which this object owns from now on.
    size : Size
        Limits on what is accepted.
    """

    def __init__(self, write_to: int, read_from: int, size: Size = FROM_CHILD) -> None:
        self._write_to, self._read_from = write_to, read_from
        os.set_blocking(write_to, False)
        os.set_blocking(read_from, False)
        self._decoder = Decoder(size)
        self._frames: list[Frame] = []
        self._unsent = memoryview(b"")
        self._watch = select.poll()
        self._watch.register(read_from, select.POLLIN)

    def send(self, data: bytes) -> None:
        """Write `data`; what does not fit into the pipe at once is written while `receive` waits.

        Raises
        ------
        ProtocolError
            If something unasked for has arrived: the last answer was not the last.
        """
        if self._frames or self._decoder.pending:
            raise ProtocolError("more was sent than one answer.")
        is_watched = bool(self._unsent)
        self._unsent = memoryview(bytes(self._unsent) + data)
        if not is_watched and self._write():
            self._watch.register(self._write_to, select.POLLOUT)

    def receive(self, deadline: float) -> Frame:
        """Return the next frame, before the moment `deadline` of `time.monotonic`.

        Raises
        ------
        LateError, ClosedError, ProtocolError
        """
        if self._frames:
            return self._frames.pop(0)
        self._decoder.feed(b"")  # what broke the line behind the last frame
        while not self._frames:
            left = deadline - time.monotonic()
            if left <= 0:
                raise LateError("no answer in time")
            for descriptor, _ in self._watch.poll(math.ceil(1000 * left)):
                if descriptor == self._read_from:
                    self._read()
                elif not self._write():
                    self._watch.unregister(self._write_to)
        return self._frames.pop(0)

    def close(self) -> None:
        """Close both pipes."""
        for descriptor in (self._write_to, self._read_from):
            os.close(descriptor)

    def _read(self) -> None:
        try:
            data = os.read(self._read_from, CHUNK)
        except BlockingIOError:
            return
        if not data:
            raise ClosedError("the child has ended.")
        self._frames.extend(self._decoder.feed(data))

    def _write(self) -> bool:
        """Write as much as fits; return whether anything is left."""
        while self._unsent:
            try:
                sent = os.write(self._write_to, self._unsent[: CHUNK * 16])
            except BlockingIOError:
                return True
            except BrokenPipeError:  # nobody reads any more: what that means, the answer tells
                self._unsent = memoryview(b"")
                break
            self._unsent = self._unsent[sent:]
        return False
