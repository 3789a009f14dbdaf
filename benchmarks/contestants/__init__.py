"""One module for each contestant: ``steps(work)`` returns what is timed and what it computed.

A module offers ``steps(work) -> Steps | None``; None where it has no such thing. ``Steps.step()``
does one unit of work; ``Steps.result()`` returns the arrays after the first step, for comparison.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

NAMES = (
    "ours",
    "bare",
    "hand",
    "tuned",
    "edugrad",
    "micrograd",
    "mygrad",
    "autograd",
    "torch",
    "jax",
)


@dataclass(frozen=True)
class Steps:
    """One unit of work, and what it computes.

    Attributes
    ----------
    step : callable
        Does one unit of work.
    result : callable
        Returns arrays: gradients, or parameters after the steps so far.
    """

    step: Callable[[], object]
    result: Callable[[], list[Any]]
