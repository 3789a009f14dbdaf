"""Driving the contestants: compare results, find how many steps fill a round, then turn by turn."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.worker import Worker
from benchmarks.workloads import Workload

CLOSE = {"float64": 1e-9, "float32": 2e-3}


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
    tick: Callable[[], None],
) -> Measured:
    """Measure one workload, every contestant once a round, the order turned each round.

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
    expected = results.get("hand", results["ours"])
    for name, result in results.items():
        for found, wanted in zip(result, expected, strict=True):
            scale = max(1e-3, float(np.max(np.abs(wanted), initial=0.0)))
            worst = float(np.max(np.abs(np.float64(found) - np.float64(wanted)), initial=0.0))
            if found.shape != wanted.shape or not worst <= CLOSE[work.dtype] * scale:
                raise DisagreementError(
                    f"{work.name}: {name} differs by {worst:.1e} (of {scale:.1e})."
                )
    counts = {}
    for worker in taking_part:
        once, _ = worker.run(2)
        counts[worker] = max(1, round(seconds / max(once, 1e-8)))
        again, _ = worker.run(max(1, counts[worker] // 4))
        counts[worker] = max(1, round(seconds / max(again, 1e-8)))
    measured = Measured(work, {worker.name: [] for worker in taking_part})
    faults: dict[str, list[int]] = {worker.name: [] for worker in taking_part}
    for number in range(rounds):
        turn = number % len(taking_part)
        for worker in taking_part[turn:] + taking_part[:turn]:
            time_, count = worker.run(counts[worker])
            measured.seconds[worker.name].append(time_)
            faults[worker.name].append(count)
            tick()
    measured.faults = {name: int(statistics.median(found)) for name, found in faults.items()}
    return measured
