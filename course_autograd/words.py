"""Numbers, shapes and arrays in few words, for tables, pictures and descriptions."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

FEW = 3  # a vector of so few entries is written out in pictures


def one_line(text: object, most: int = 24) -> str:
    """Return `text` on one line, printable, in at most `most` characters."""
    line = " ".join(str(text).split())
    line = "".join("�" if unicodedata.category(c) in ("Cc", "Cs", "Cn") else c for c in line)
    return line if len(line) <= most else line[: most - 1] + "…"


def number_text(number: Any, digits: int = 4) -> str:
    """Return a number in few digits: ``-12``, ``0.7311``, ``1e-05``."""
    return f"{float(number) + 0.0:.{digits}g}"


def value_text(value: Any, digits: int = 4, *, entries: int = 0) -> str:
    """Return a value in words: a number, or shape and range of an array.

    Parameters
    ----------
    value : number or array
    digits : int
        Significant digits.
    entries : int
        Arrays of at most that many entries are written out.
    """
    array = np.asarray(value)
    if array.ndim == 0:
        return number_text(array, digits)
    if 0 < array.size <= entries:
        return _written_out(array.tolist(), digits)
    return f"{shape_text(array.shape)} {range_text(array, digits)}"


def shape_text(shape: Sequence[int]) -> str:
    """Return a shape as Python writes it: ``(3, 4)``, ``(3,)``."""
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def range_text(value: Any, digits: int = 4) -> str:
    """Return between which numbers an array lies: ``-1 … 2``; a number is its own range."""
    array = np.asarray(value)
    if not array.size:
        return "empty"
    if not array.ndim:
        return number_text(array, digits)
    if not np.isfinite(array).all():
        return "not finite"
    low, high = number_text(array.min(), digits), number_text(array.max(), digits)
    return f"all {low}" if low == high else f"{low} … {high}"


def entries_text(value: Any, digits: int = 3) -> str:
    """Return a short vector with all its entries, ``[2, 1]``; anything longer as its range."""
    array = np.asarray(value)
    if array.ndim == 1 and 0 < array.size <= FEW and np.isfinite(array).all():
        return _written_out(array.tolist(), digits)
    return range_text(array, digits)


def _written_out(entry: Any, digits: int) -> str:
    if isinstance(entry, list):
        return "[" + ", ".join(_written_out(e, digits) for e in entry) + "]"
    return number_text(entry, digits)


def options_text(options: Mapping[str, Any]) -> str:
    """Return the constants of an operation: ``exponent=3``, ``labels (32,)``; defaults left out."""
    words = []
    for name, option in options.items():
        if option is None or option is False:
            continue
        if isinstance(option, np.ndarray) or (isinstance(option, list) and len(option) > 3):
            words.append(f"{name} {shape_text(np.shape(option))}")
        elif isinstance(option, slice):
            ends = ["" if end is None else str(end) for end in (option.start, option.stop)]
            words.append(f"{name}={':'.join(ends)}" + (f":{option.step}" if option.step else ""))
        else:
            words.append(one_line(f"{name}={option}"))
    return ", ".join(words)


def width(text: str) -> int:
    """Return the number of columns that `text` takes in a fixed-width font."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def text_table(lines: Sequence[Sequence[str]]) -> str:
    """Return rows of cells in columns; the first row is the header, with a rule below it."""
    widths = [max(width(line[column]) for line in lines) for column in range(len(lines[0]))]
    texts = [
        "  ".join(
            cell + " " * (room - width(cell)) for cell, room in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    ]
    texts.insert(1, "-" * (sum(widths) + 2 * len(widths) - 2))
    return "\n".join(texts)
