"""Driving the contestants: compare results, find how many steps fill a round, then turn by turn."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.worker import Worker
from benchmarks.workloads import Workload, begun_with

# Of the norm of a gradient or of a parameter's change. In float32 rounding decides on which side of
# zero a score lies that relu looks at: one such entry in "mlp wide" is 1.5e-3; the others, 1e-5.
CLOSE = {"float64": 1e-9, "float32": 1e-2}


class DisagreementError(Exception):
    """A contestant computed something else; its time would mean nothing."""


@dataclass
class Measured:
    """Seconds per step in every round, of every contestant of one workload.

    Attributes
    ----------
    seconds : dict of str to list of float
        Contestant -> seconds per step, one entry per round.
    faults : dict of str to int
        Contestant -> page faults per step (median).
    """

    work: Workload
    seconds: dict[str, list[float]] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)

    def median(self, name: str) -> float:
        """Median seconds per step."""
        return statistics.median(self.seconds[name])

    def ratio(self, other: str, of: str = "ours") -> float:
        """Median over the rounds of our time divided by the other's."""
        pairs = zip(self.seconds[of], self.seconds[other], strict=True)
        return statistics.median(one / two for one, two in pairs)


def measure(
    work: Workload,
    workers: Sequence[Worker],
    *,
    rounds: int,
    seconds: float,
) -> Measured:
    """Measure one workload, every contestant once a round.

    The order is turned every other round, and gone through there and back: nobody is early more
    often than late, and nobody always finds the caches as the same neighbour left them.

    Raises
    ------
    DisagreementError
        If somebody's gradients or parameters differ from those written by hand.
    """
    taking_part = []
    results = {}
    for worker in workers:
        result = worker.make(work)
        if result is not None:
            taking_part.append(worker)
            results[worker.name] = result
    compare(work, results)
    counts = {worker: enough(worker, seconds) for worker in taking_part}
    measured = Measured(work, {worker.name: [] for worker in taking_part})
    faults: dict[str, list[int]] = {worker.name: [] for worker in taking_part}
    for number in range(rounds):
        turn = number // 2 % len(taking_part)
        order = taking_part[turn:] + taking_part[:turn]
        for worker in order[::-1] if number % 2 else order:
            time_, count = worker.run(counts[worker])
            measured.seconds[worker.name].append(time_)
            faults[worker.name].append(count)
    measured.faults = {name: int(statistics.median(found)) for name, found in faults.items()}
    return measured


def enough(worker: Worker, seconds: float) -> int:
    """Return how many steps fill a round.

    The quickest of three looks counts: a first step is slow, and whatever disturbs is slow too.
    """
    count, quickest = 2, np.inf
    for _ in range(3):
        quickest = min(quickest, max(worker.run(count)[0], 1e-8))
        count = max(1, round(seconds / quickest / 4))
    return max(1, round(seconds / quickest))


def compare(work: Workload, results: Mapping[str, Sequence[Any]]) -> None:
    """Compare what the contestants computed in their first step with what hand computed.

    Parameters are compared by how far they were moved: beside their size, a step that does nothing
    would look right.

    Raises
    ------
    DisagreementError
        If somebody's gradients or changes differ.
    """
    expected = results.get("hand", results["ours"])
    begun = begun_with(work) or [np.zeros(())] * len(expected)
    for name, result in results.items():
        for found, wanted, before in zip(result, expected, begun, strict=True):
            scale = float(np.linalg.norm(np.ravel(np.float64(wanted) - before)))
            if found.shape != wanted.shape:
                raise DisagreementError(
                    f"{work.name}: {name} has shape {found.shape}, expected {wanted.shape}."
                )
            apart = float(np.linalg.norm(np.ravel(np.float64(found) - np.float64(wanted))))
            if not apart <= CLOSE[work.dtype] * scale:
                raise DisagreementError(
                    f"{work.name}: {name} differs by {apart:.1e} (of {scale:.1e})."
                )
