"""One module for each contestant: what it does in each kind of workload.

A module has a table `MAKERS`: for each kind of workload it takes part in, a function that makes the
`Steps` to be timed. ``Steps.step()`` does one unit of work; ``Steps.result()`` returns the arrays
after the first step, for comparison.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from benchmarks.workloads import Workload

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


Makers: TypeAlias = "dict[str, Callable[[Workload], Steps]]"
