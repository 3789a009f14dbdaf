"""Named arrays: the state of a model or an optimizer, checked, saved and loaded as .npz.

A state is a plain ``dict[str, ndarray]``. Everything is checked before anything is changed, so
that a wrong file leaves a model as it was; and a file is complete or does not exist.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from course_autograd.errors import CourseError

Array = npt.NDArray[Any]
State = dict[str, Array]


class StateError(CourseError, ValueError):
    """A saved state that does not fit what it is loaded into, or a file that holds none."""


def matching(
    what: str, expected: Mapping[str, tuple[int, ...]], given: Mapping[str, object]
) -> State:
    """Return `given` as arrays, after making sure that it has exactly the `expected` entries.

    Parameters
    ----------
    what : str
        Who asks, for the message: ``"Sequential.load_state"``.
    expected : mapping of str to shape
        Names and shapes.
    given : mapping of str to array_like
        The state to be loaded.

    Raises
    ------
    StateError
        If a name is missing or too many, or if an entry has another shape or is not made of
        finite-precision real numbers. The message lists all of them.
    """
    wrong = [f"{name!r} is missing" for name in expected if name not in given]
    wrong += [f"{name!r} is not expected" for name in given if name not in expected]
    arrays: State = {}
    for name in expected:
        if name not in given:
            continue
        array = np.asarray(given[name])
        if array.dtype.kind not in "fiu":
            wrong.append(f"{name!r} has dtype {array.dtype}, expected real numbers")
        elif array.shape != expected[name]:
            wrong.append(f"{name!r} has shape {array.shape}, expected {expected[name]}")
        arrays[name] = array
    if wrong:
        raise StateError(
            f"{what}: the state does not fit: {enumerate_in_words(wrong)}. "
            "Nothing was loaded. Was it saved from the same architecture?"
        )
    return arrays


def enumerate_in_words(items: Iterable[str], most: int = 6) -> str:
    """Join `items` with semicolons; name at most `most` of them and count the rest."""
    listed = list(items)
    more = [f"and {len(listed) - most} more"] if len(listed) > most else []
    return "; ".join(listed[:most] + more)


def write_npz(path: str | os.PathLike[str], state: Mapping[str, object]) -> Path:
    """Write `state` to `path`: to a new file beside it first, then in its place in one step.

    Returns
    -------
    Path
        `path`, exactly as given (no suffix is added).
    """
    target = Path(path)
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            np.savez(file, **{name: np.asarray(array) for name, array in state.items()})  # type: ignore[arg-type]
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    return target


def read_npz(path: str | os.PathLike[str]) -> State:
    """Read all arrays of a file that `write_npz` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    StateError
        If it is not a readable .npz of plain arrays. Pickled objects are never loaded.
    """
    import zipfile  # slow to import, and only needed here

    try:
        with Path(path).open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise StateError(
                    f"load: {path} holds one bare array, expected a .npz file of named arrays. "
                    "Load a file that save(...) wrote."
                )
            return {name: archive[name] for name in archive.files}
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zipfile.LargeZipFile) as error:
        if isinstance(error, StateError):
            raise
        raise StateError(
            f"load: {path} is not a .npz file of plain arrays ({error}). "
            "Load a file that save(...) wrote."
        ) from error
