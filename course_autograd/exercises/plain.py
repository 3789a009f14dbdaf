"""Plain data across a boundary of trust: values as JSON text and a list of arrays, and back.

What comes back from a process that ran a student's code is hostile until read: `unpack` checks
every type, every index, every depth, and builds nothing but numbers, short texts, lists, dicts
and arrays of numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

DTYPES = frozenset(np.dtype(name) for name in ("float64", "int64", "bool"))
MAX_DEPTH = 6
MAX_ITEMS = 2_000
MAX_TEXT = 2_000
MAX_ENTRIES = 4_000_000
INT_LIMIT = 2**63


class WireError(ValueError):
    """Data from the other side that is not what it must be."""


def plain_array(value: Any) -> Array:
    """Return a copy of `value` as a float64, int64 or bool array, without any subclass."""
    array = np.array(value, subok=False)
    if array.dtype.kind == "b":
        return array
    return array.astype(np.int64 if array.dtype.kind in "iu" else np.float64, copy=False)


def pack(value: Any, arrays: list[Array]) -> Any:
    """Return `value` as JSON-able data; arrays are appended to `arrays` and named by position."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.ndarray):
        arrays.append(plain_array(value))
        return {"array": len(arrays) - 1}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, tuple):
        return {"tuple": [pack(item, arrays) for item in value]}
    if isinstance(value, list):
        return [pack(item, arrays) for item in value]
    if isinstance(value, Mapping):
        return {"dict": [[str(key), pack(item, arrays)] for key, item in value.items()]}
    raise WireError(f"a {type(value).__name__} is no plain data")


def unpack(data: Any, arrays: list[Array], depth: int = 0) -> Any:
    """Undo `pack`, trusting nothing.

    Raises
    ------
    WireError
        For anything that `pack` would not have written.
    """
    if depth > MAX_DEPTH:
        raise WireError("data too deep")
    if data is None or isinstance(data, bool):
        return data
    if isinstance(data, int):
        if not -INT_LIMIT <= data < INT_LIMIT:
            raise WireError("integer too large")
        return data
    if isinstance(data, float):
        return data
    if isinstance(data, str):
        return text(data)
    if isinstance(data, list):
        return [unpack(item, arrays, depth + 1) for item in _bounded(data)]
    if isinstance(data, dict) and len(data) == 1:
        ((tag, content),) = data.items()
        if tag == "array" and type(content) is int and 0 <= content < len(arrays):
            return checked_array(arrays[content])
        if tag == "float" and content in ("nan", "inf", "-inf"):
            return float(content)
        if tag == "tuple" and isinstance(content, list):
            return tuple(unpack(item, arrays, depth + 1) for item in _bounded(content))
        if tag == "dict" and isinstance(content, list):
            return dict(_entry(item, arrays, depth) for item in _bounded(content))
    raise WireError("data of an unknown form")


def text(data: Any, limit: int = MAX_TEXT) -> str:
    """Return `data` as a text of at most `limit` printable characters.

    Raises
    ------
    WireError
        If it is no text.
    """
    if not isinstance(data, str):
        raise WireError(f"expected a text, got a {type(data).__name__}")
    short = data if len(data) <= limit else data[: limit - 1] + "…"
    return "".join(sign if sign.isprintable() or sign == "\n" else "?" for sign in short)


def checked_array(array: Any) -> Array:
    """Return `array` if it is a plain array of numbers of bearable size.

    Raises
    ------
    WireError
        If it is not.
    """
    if type(array) is not np.ndarray or array.dtype not in DTYPES:
        raise WireError("expected an array of float64, int64 or bool")
    if array.size > MAX_ENTRIES:
        raise WireError("array too large")
    return array


def header_of(data: Any, keys: tuple[str, ...]) -> dict[str, Any]:
    """Return `data` if it is a dict with exactly these keys.

    Raises
    ------
    WireError
        If it is not.
    """
    if not isinstance(data, dict) or set(data) != set(keys):
        raise WireError(f"expected a header with the keys {', '.join(keys)}")
    return data


def _bounded(items: list[Any]) -> list[Any]:
    if len(items) > MAX_ITEMS:
        raise WireError("too many items")
    return items


def _entry(item: Any, arrays: list[Array], depth: int) -> tuple[str, Any]:
    if not isinstance(item, list) or len(item) != 2:
        raise WireError("expected pairs of a key and a value")
    return text(item[0]), unpack(item[1], arrays, depth + 1)
