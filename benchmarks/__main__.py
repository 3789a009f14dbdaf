"""``python -m benchmarks``: our engine against its peers and against NumPy written by hand.

Needs the extra ``bench``; contestants that are not installed are named and left out.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks import report
from benchmarks.contestants import NAMES
from benchmarks.rounds import DisagreementError, Measured, measure
from benchmarks.worker import Worker, can_keep_heap
from benchmarks.workloads import Workload, all_workloads

SECONDS, QUICK_SECONDS = 0.1, 0.02  # of each contestant in each round
BOTH_HEAPS = ("mlp", "unfused", "conv")  # where freed memory goes decides more than code


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; return 0 unless somebody's results differ."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer workloads, below two minutes")
    parser.add_argument("--only", default="", metavar="WORDS", help="workloads with these words")
    parser.add_argument("--rounds", type=int, help="rounds for each workload (15; quick: 7)")
    parser.add_argument("--threads", type=int, default=1, help="1: processor time; 2: wall time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the ratios")
    parser.add_argument("--compare", type=Path, metavar="OLD.json", help="changes since then")
    args = parser.parse_args(arguments)
    works = [
        work
        for work in all_workloads()
        if (work.quick or not args.quick) and args.only in work.name
    ]
    if not works:
        names = ", ".join(work.name for work in all_workloads())
        parser.error(f"no workload has {args.only!r} in its name. There are: {names}.")
    rounds = args.rounds or (7 if args.quick else 15)
    if rounds < 1 or args.threads < 1:
        parser.error("--rounds and --threads are positive numbers.")
    load = os.getloadavg()[0]
    states: dict[str, list[Measured]] = {}
    missing: set[str] = set()
    try:
        for state, kept in (("default heap", False), ("kept heap", True)):
            own = [work for work in works if not kept or work.kind in BOTH_HEAPS]
            if kept and not can_keep_heap():
                print("kept heap left out: this C library is not glibc", file=sys.stderr)
            elif own:
                states[state] = run(own, kept, rounds, args, missing)
    except DisagreementError as error:
        print(f"not measured: {error}", file=sys.stderr)
        return 1
    facts = machine(args.threads, rounds, load)
    print(report.markdown(states, facts, judged=args.threads == 1))
    if args.json:
        args.json.write_text(report.as_json(states, facts), encoding="utf-8")
    if args.plot:
        report.plot(states, args.plot)
    if args.compare:
        print(report.compare(states, facts, args.compare))
    return 0


def run(
    works: Sequence[Workload], kept: bool, rounds: int, args: argparse.Namespace, missing: set[str]
) -> list[Measured]:
    """Measure the workloads with all contestants there are, in one state of the heap.

    Who turns out to be `missing` is named once, and added there.
    """
    workers = []
    clock = "cpu" if args.threads == 1 else "wall"
    try:
        for name in NAMES:
            if name in missing:
                continue
            try:
                workers.append(Worker(name, kept=kept, threads=args.threads, clock=clock))
            except ModuleNotFoundError as error:
                print(f"left out: {error}", file=sys.stderr)
                missing.add(name)
        results = []
        with tqdm(works, desc="kept heap" if kept else "default heap", mininterval=1.0) as bar:
            for work in bar:
                bar.set_postfix_str(work.name)
                results.append(
                    measure(
                        work,
                        workers,
                        rounds=rounds,
                        seconds=QUICK_SECONDS if args.quick else SECONDS,
                    )
                )
        return results
    finally:
        for worker in workers:
            worker.close()


def machine(threads: int, rounds: int, load: float) -> dict[str, str]:
    """Return what the figures depend on; `load` is that of the machine before it all began."""
    core = os.environ.get("OPENBLAS_CORETYPE")
    return {
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load before": f"{load:.1f}",
        "OPENBLAS_CORETYPE": core if core else "not set",
        "threads": f"{threads} ({'processor' if threads == 1 else 'wall'} time)",
        "rounds": f"{rounds}, medians of the ratios in each round",
    }


if __name__ == "__main__":
    sys.exit(main())
