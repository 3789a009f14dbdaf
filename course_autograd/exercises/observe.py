"""Running somebody's code: what it prints, warns, raises and changes is caught, never passed on."""

from __future__ import annotations

import ast
import contextlib
import io
import linecache
import re
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from course_autograd.errors import GradientContractError, UndoneExerciseError, own_frames
from course_autograd.exercises.base import Array, Observation, Trouble
from course_autograd.exercises.plain import plain_array

MAX_MESSAGE = 300
MAX_PRINTED = 200
MAX_LINE = 160
NUMERIC_WARNINGS = ("overflow", "invalid value", "divide by zero")
MOST = 8  # gradients that are looked at
MAX_RAW = 200_000  # entries: larger arrays cannot be any gradient asked for here


class _Nowhere(io.RawIOBase):
    """Takes the bytes that are written past a text stream, into its buffer."""

    def writable(self) -> bool:
        return True

    def write(self, written: Any) -> int:
        return len(memoryview(written).cast("B"))


class _Head(io.TextIOBase):
    """A stream that keeps the beginning of what is written to it."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.kept = ""
        self.buffer = _Nowhere()

    def writable(self) -> bool:
        return True

    def write(self, written: str) -> int:
        if len(self.kept) < MAX_PRINTED:
            self.kept += written[: MAX_PRINTED - len(self.kept)]
        return len(written)


@contextlib.contextmanager
def _quiet() -> Iterator[tuple[_Head, list[Any]]]:
    """Catch what is printed and warned.

    NumPy warns as it does in a fresh notebook, whatever was set with ``np.seterr`` before. A rule
    that uses ``np.errstate`` inside knows what it does.
    """
    head = _Head()
    with (
        np.errstate(divide="warn", over="warn", invalid="warn", under="ignore"),
        contextlib.redirect_stdout(head),
        contextlib.redirect_stderr(_Head()),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        yield head, caught


def observe(question: Callable[[], Observation]) -> Observation:
    """Call `question` and return its observation; whatever goes wrong becomes one, too."""
    with _quiet() as (head, caught):
        try:
            seen = question()
        except GradientContractError as error:
            seen = Observation(error=Trouble("contract", message_of(error, bare=True)))
        except (Exception, SystemExit) as error:
            # Only the stub's own error means "not written yet", not those derived from it.
            undone = type(error) in (NotImplementedError, UndoneExerciseError)
            kind = "undone" if undone else "exception"
            seen = Observation(error=Trouble(kind, message_of(error), line_of(error)))
    flags = seen.flags | ({"warned"} if any(map(_of_numbers, caught)) else frozenset())
    return replace(seen, flags=flags, printed=head.kept)


def _of_numbers(caught: Any) -> bool:
    """Whether a warning is NumPy's about a result that is no finite number."""
    if not issubclass(caught.category, RuntimeWarning):
        return False
    return any(words in str(caught.message) for words in NUMERIC_WARNINGS)


def stopped(error: Trouble) -> tuple[str, ...]:
    """Say what ended an answer, and in a line of its own where."""
    return (f"your code stopped with {error.message}", *([error.line] if error.line else []))


def message_of(error: BaseException, *, bare: bool = False) -> str:
    """Return an error's type and text in one short line."""
    try:
        words = " ".join(str(error).split())
        if words.startswith("matmul: Input operand"):
            words = matmul_words(error, words)
    except Exception:
        words = ""
    named = words if bare else f"{type(error).__name__}: {words}" if words else type(error).__name__
    return named if len(named) <= MAX_MESSAGE else named[: MAX_MESSAGE - 1] + "…"


def matmul_words(error: BaseException, words: str) -> str:
    """Say in short words that two factors of @ do not fit; NumPy's own are about its inside."""
    shapes = _factors(error)
    if shapes:
        return f"for @ these shapes do not fit: {' @ '.join(map(str, shapes))}"
    sizes = re.search(r"size (\d+) is different from (\d+)", words)
    if sizes:
        return f"for @ these shapes do not fit: the inner sizes are {sizes[2]} and {sizes[1]}"
    return "for @ these shapes do not fit: a single number has no rows and no columns"


def _factors(error: BaseException) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of the two factors, where the line of code names them."""
    found: tuple[tuple[int, ...], ...] = ()
    own = {(frame.filename, frame.lineno) for frame in own_frames(error.__traceback__)}
    steps = list(traceback.walk_tb(error.__traceback__))
    for (frame, _), summary in zip(steps, traceback.extract_tb(error.__traceback__), strict=True):
        known = (summary.colno, summary.end_colno)
        if (summary.filename, summary.lineno) not in own or None in known:
            continue
        if summary.lineno != summary.end_lineno or summary.lineno is None:
            continue
        line = linecache.getline(summary.filename, summary.lineno).encode()
        code = line[summary.colno : summary.end_colno].decode(errors="ignore").strip()
        with contextlib.suppress(SyntaxError, ValueError):
            tree = ast.parse(code, mode="eval").body
            if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.MatMult):
                left, right = (_shape(side, frame.f_locals) for side in (tree.left, tree.right))
                found = () if left is None or right is None else (left, right)
    return found


def _shape(code: ast.expr, names: Mapping[str, Any]) -> tuple[int, ...] | None:
    """Return the shape of a name, or of a name with .T or a sign; None for anything else."""
    if isinstance(code, ast.UnaryOp):
        return _shape(code.operand, names)
    if isinstance(code, ast.Attribute) and code.attr == "T":
        shape = _shape(code.value, names)
        return None if shape is None else shape[::-1]
    value = names.get(code.id) if isinstance(code, ast.Name) else None
    if type(value) is np.ndarray or isinstance(value, np.number | float | int):
        return tuple(np.shape(value))
    return None


def line_of(error: BaseException) -> str:
    """Return the last line of the reader's own code that led to `error`, if it is known."""
    frames = own_frames(error.__traceback__)
    if not frames:
        return ""
    last = frames[-1]
    words = (last.line or "").strip()[:MAX_LINE]
    return f"line {last.lineno}: {words}" if words else f"line {last.lineno}"


def as_engine(array: Any) -> Any:
    """Return a fresh copy of a value in the form the engine hands out: numbers without axes."""
    copy = np.array(array)
    return copy if copy.ndim else copy[()]


def float_array(value: Any) -> Array | None:
    """Return a copy of `value` as a float64 array, or None if it is none (or is huge)."""
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "fiub" or array.size > MAX_RAW:
            return None
        return plain_array(array).astype(np.float64, copy=False)
    except Exception:  # whatever a foreign object does when it is asked for its numbers
        return None


def float_arrays(values: Any) -> tuple[Array | None, ...]:
    """Return what a rule returned as arrays, one per entry; a bare value counts as one."""
    if isinstance(values, tuple | list):
        return tuple(float_array(value) for value in values[:MOST])
    return () if values is None else (float_array(values),)


def snapshot(values: Sequence[Any]) -> list[Array | None]:
    """Return copies of all arrays in `values`."""
    return [np.array(value) if isinstance(value, np.ndarray) else None for value in values]


def changed(values: Sequence[Any], before: Sequence[Array | None]) -> bool:
    """Whether an array in `values` differs from its copy, or arrays were added or removed."""
    if len(values) != len(before):
        return True
    for now, then in zip(values, before, strict=True):
        if then is None:
            continue
        if not isinstance(now, np.ndarray) or not equal(now, then):
            return True
    return False


def equal(left: Any, right: Any) -> bool:
    """Whether two arrays hold the same entries; nan equals nan."""
    left, right = np.asarray(left), np.asarray(right)
    if left.shape != right.shape:
        return False
    if left.dtype.kind in "fc" and right.dtype.kind in "fc":
        return bool(np.array_equal(left, right, equal_nan=True))
    return bool(np.array_equal(left, right))


def overlap(left: Any, right: Any) -> bool:
    """Whether two arrays share memory."""
    return (
        isinstance(left, np.ndarray)
        and isinstance(right, np.ndarray)
        and np.may_share_memory(left, right)
    )
