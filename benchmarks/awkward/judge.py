"""Whether a framework's answer to a graph is right, wrong or an error, and whether it said so."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from benchmarks.awkward.catalogue import AwkwardGraph
from benchmarks.awkward.framework import Framework, NotExpressible

Kind = Literal["right", "wrong", "error", "not expressible"]

# What Python does not show to whom it does not concern is no warning about a result.
NO_WARNINGS = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)


@dataclass(frozen=True)
class Outcome:
    """What came of one graph in one framework.

    Attributes
    ----------
    kind : str
    said : str
        The error, or the wrong answer.
    warned : str
        The first warning on the way; empty if there was none.
    """

    kind: Kind
    said: str = ""
    warned: str = ""

    @property
    def silent(self) -> bool:
        """Whether the answer is wrong and nobody was told."""
        return self.kind == "wrong" and not self.warned


def run(graph: AwkwardGraph, framework: Framework) -> Outcome:
    """Return what comes of a graph; whatever goes wrong in the framework ends here."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = graph.program(framework)
        except NotExpressible as missing:
            return Outcome("not expressible", f"{framework.name} does not offer {missing}")
        except Exception as error:
            words = str(error).strip().split("\n")[0]
            return Outcome("error", f"{type(error).__name__}: {words}")
    shown = [str(one.message) for one in caught if not issubclass(one.category, NO_WARNINGS)]
    warned = shown[0].split("\n")[0] if shown else ""
    accepted = [graph.right() if graph.right else None]
    if framework.starts_anew and graph.alone:
        accepted.append(graph.alone)
    if any(same(found, wanted, types=graph.types) for wanted in accepted if wanted is not None):
        return Outcome("right", warned=warned)
    return Outcome("wrong", described(found, types=graph.types), warned)


def same(found: tuple[Any, ...], wanted: tuple[Any, ...], *, types: bool = False) -> bool:
    """Return whether all numbers, their shapes and, if asked for, their types agree."""
    if len(found) != len(wanted):
        return False
    for one, other in zip(found, wanted, strict=True):
        if one is None:
            return False
        got, right = np.asarray(one), np.asarray(other)
        if got.shape != right.shape or got.dtype.kind not in "fiub":
            return False
        if types and got.dtype != right.dtype:
            return False
        exactness = 1e-5 if right.dtype == np.float32 else 1e-7
        if not np.allclose(
            got.astype(np.float64), right.astype(np.float64), rtol=exactness, atol=exactness
        ):
            return False
    return True


def described(found: tuple[Any, ...], *, types: bool = False) -> str:
    """Return an answer in short."""
    parts = []
    for one in found:
        array = np.asarray(one)
        if types:
            parts.append(str(array.dtype))
        elif one is None:
            parts.append("no gradient")
        elif array.size > 4:
            parts.append(f"shape {array.shape}")
        else:
            parts.append(np.array2string(array, precision=4, separator=", "))
    return "; ".join(parts)
