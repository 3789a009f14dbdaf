"""Graphs on which small engines are wrong or crash: what each framework makes of them.

    python -m benchmarks.graphs [--all] [--only edugrad torch]

Every framework has a process of its own, and every graph a fork of it with a deadline: what crashes
or hangs is an answer, and disturbs nobody. Frameworks that are not installed are left out. The
tables are Markdown; `--all` adds one line for each graph and framework with the answer or the
error. Needs a system that can fork (Linux, macOS).
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.awkward.catalogue import GRAPHS, AwkwardGraph
from benchmarks.awkward.framework import Framework
from benchmarks.awkward.judge import Kind, Outcome, run

NAMES = ("ours", "edugrad", "micrograd", "mygrad", "autograd", "torch")
SECONDS = 20.0  # for one graph; a thousandth of it is enough where all is well
KINDS: tuple[Kind, ...] = ("right", "wrong", "error", "not expressible")
SHORT: dict[Kind, str] = {"right": "", "wrong": "wrong", "error": "error", "not expressible": "–"}

Results = Mapping[str, Sequence[Outcome]]


# --- running -------------------------------------------------------------------------------------


def answer(pipe: Connection, graph: AwkwardGraph, framework: Framework) -> None:
    """Send what comes of one graph."""
    pipe.send(run(graph, framework))


def isolated(graph: AwkwardGraph, framework: Framework, seconds: float = SECONDS) -> Outcome:
    """Return what comes of one graph in a fork of this process, within `seconds`."""
    context: Any = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=answer, args=(there, graph, framework), daemon=True)
    child.start()
    there.close()
    try:
        found: Outcome = (
            here.recv()
            if here.poll(seconds)
            else Outcome("error", f"no answer within {seconds:g} s")
        )
    except EOFError:
        child.join(seconds)
        found = Outcome("error", f"the process ended with code {child.exitcode}")
    if child.is_alive():
        child.kill()
    child.join()
    here.close()
    return found


def serve(pipe: Connection, name: str) -> None:
    """Import a framework and send what comes of each graph; an empty list if it is not there."""
    try:
        framework: Framework = importlib.import_module(f"benchmarks.awkward.{name}").FRAMEWORK
    except ModuleNotFoundError as missing:
        print(f"{name} is left out: {missing}", file=sys.stderr)
        pipe.send([])
        return
    framework.prepare()
    pipe.send([isolated(graph, framework) for graph in GRAPHS])


def outcomes(name: str) -> list[Outcome]:
    """Return what comes of each graph in one framework, in the order of the catalogue."""
    context: Any = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=serve, args=(there, name))
    process.start()
    there.close()
    try:
        found: list[Outcome] = here.recv()
    except EOFError as died:
        raise RuntimeError(f"{name}: the process ended before it had answered.") from died
    finally:
        process.join()
        here.close()
    return found


# --- tables --------------------------------------------------------------------------------------


def counts(results: Results) -> list[str]:
    """Return the table of how many graphs are right, wrong, errors and not expressible."""
    lines = [
        "| framework | right | wrong | of these without a word | error | not expressible |",
        "|---|---|---|---|---|---|",
    ]
    for name, found in results.items():
        of = Counter(outcome.kind for outcome in found)
        silent = sum(outcome.silent for outcome in found)
        right, wrong, error, missing = (of[kind] for kind in KINDS)
        lines.append(f"| {name} | {right} | {wrong} | {silent} | {error} | {missing} |")
    return lines


def dangerous(results: Results) -> list[str]:
    """Return the table of the graphs on which somebody is wrong without a word."""
    lines = [
        "| | graph | " + " | ".join(results) + " |",
        "|---|---|" + "---|" * len(results),
    ]
    for position, graph in enumerate(GRAPHS):
        row = [found[position] for found in results.values()]
        if any(outcome.silent for outcome in row):
            cells = ["**wrong**" if one.silent else cell(one) for one in row]
            lines.append(f"| {position + 1} | {graph.name} | " + " | ".join(cells) + " |")
    return lines


def cell(outcome: Outcome) -> str:
    """Return a word for an outcome; nothing where it is right."""
    return "wrong, warns" if outcome.kind == "wrong" and outcome.warned else SHORT[outcome.kind]


def everything(results: Results) -> list[str]:
    """Return a line for each graph and framework with what it said."""
    lines = ["| | graph | framework | outcome | answer or error |", "|---|---|---|---|---|"]
    for position, graph in enumerate(GRAPHS):
        for name, found in results.items():
            outcome = found[position]
            said = " ".join((outcome.said or outcome.warned).split()).replace("|", "\\|")[:120]
            kind = cell(outcome) or "right"
            lines.append(f"| {position + 1} | {graph.name} | {name} | {kind} | {said} |")
    return lines


def unlike_the_notes(found: Sequence[Outcome]) -> list[str]:
    """Return a sentence for each graph on which edugrad is not what the catalogue says."""
    lines = []
    for number, (graph, outcome) in enumerate(zip(GRAPHS, found, strict=True), 1):
        expected = {"": "right", "crash": "error"}.get(graph.edugrad, "wrong")
        if outcome.kind != expected:
            noted = graph.edugrad or "right"
            lines.append(f"{number} {graph.name}: noted as {noted}, found {outcome.kind}.")
    return lines


def main() -> None:
    """Run the catalogue and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.graphs", description=__doc__)
    parser.add_argument("--all", action="store_true", help="one line for each graph and framework")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="NAME")
    chosen = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # for the processes to come: they fork
    results = {name: found for name in chosen.only if (found := outcomes(name))}
    print(f"{len(GRAPHS)} graphs\n")
    print(*counts(results), sep="\n")
    print("\nWrong without a word (nothing: right; –: not expressible):\n")
    print(*dangerous(results), sep="\n")
    if "edugrad" in results:
        unlike = unlike_the_notes(results["edugrad"])
        print("\nedugrad does what the catalogue says on", end=" ")
        print(f"{len(GRAPHS) - len(unlike)} of {len(GRAPHS)} graphs.", *unlike, sep="\n")
    if chosen.all:
        print("", *everything(results), sep="\n")


if __name__ == "__main__":
    main()
