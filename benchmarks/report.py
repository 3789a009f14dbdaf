"""Results as Markdown, as JSON, as a picture, and compared with an earlier run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.contestants import NAMES
from benchmarks.rounds import Measured
from benchmarks.targets import TARGETS, outcome

States = Mapping[str, Sequence[Measured]]  # "default heap" or "kept heap" -> workloads


def markdown(states: States, machine: Mapping[str, str], *, judged: bool = True) -> str:
    """Return the tables: times and ratios by workload, then the targets if they are `judged`."""
    lines = [*(f"- {what}: {value}" for what, value in machine.items()), ""]
    for state, results in states.items():
        shown = [n for n in NAMES if any(n in one.seconds for one in results)]
        others = [name for name in shown if name != "ours"]
        lines += [f"### {state}", "", f"| workload | ours | {' | '.join(others)} | page faults |"]
        lines += ["|---" * (len(others) + 3) + "|"]
        for one in results:
            ratios = [f"{one.ratio(n):.2f}" if n in one.seconds else "" for n in others]
            lines.append(
                f"| {one.work.name} | {duration(one.median('ours'))} | {' | '.join(ratios)} "
                f"| {one.faults['ours']} |"
            )
        lines.append("")
    lines += ["Ratios are our time divided by the contestant's: below 1 we are faster.", ""]
    if not judged:
        lines.append("Targets are stated for one thread: they are not judged here.")
        return "\n".join(lines) + "\n"
    lines += ["| target | workload | against | limit | seen | |", "|---|---|---|---|---|---|"]
    for target in TARGETS:
        for one in states.get("kept heap" if target.kept else "default heap", ()):
            found = outcome(target, one)
            if found is not None:
                ratio, met = found
                lines.append(
                    f"| {target.number} | {target.work} | {target.other} | {target.limit:.2f} "
                    f"| {ratio:.2f} | {'met' if met else '**missed**'} |"
                )
    return "\n".join(lines) + "\n"


def duration(seconds: float) -> str:
    """Return a time in a unit that fits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def as_json(states: States, machine: Mapping[str, str]) -> str:
    """Return everything that was measured, for `compare`."""
    found = {
        state: {one.work.name: {"seconds": one.seconds, "faults": one.faults} for one in results}
        for state, results in states.items()
    }
    return json.dumps({"machine": dict(machine), "states": found}, indent=1) + "\n"


def compare(states: States, machine: Mapping[str, str], earlier: Path) -> str:
    """Return, for each workload, how our ratio to the others has changed since an earlier run.

    Ratios are compared, not times: those change with the machine and with the hour. What else
    was different then is said first.

    Raises
    ------
    ValueError
        If the file was not written by ``--json``.
    """
    try:
        read: Mapping[str, Any] = json.loads(earlier.read_text(encoding="utf-8"))
        known, then_machine = read["states"], read["machine"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"--compare: expected a file written by --json, {earlier} is none ({error})."
        ) from error
    lines = [
        f"- {what}: {then_machine.get(what)} before, {now} now"
        for what, now in machine.items()
        if then_machine.get(what) != now
    ]
    lines += [""] * bool(lines)
    lines += ["| heap | workload | against | before | now | change |", "|---|---|---|---|---|---|"]
    for state, results in states.items():
        for one in results:
            then = known.get(state, {}).get(one.work.name)
            if then is None:
                continue
            before = Measured(one.work, then["seconds"])
            for name in one.seconds:
                if name != "ours" and name in before.seconds:
                    old, new = before.ratio(name), one.ratio(name)
                    lines.append(
                        f"| {state} | {one.work.name} | {name} | {old:.2f} | {new:.2f} "
                        f"| {new / old - 1:+.0%} |"
                    )
    return "\n".join(lines) + "\n"


def plot(states: States, path: Path) -> None:
    """Draw the ratios of the first state: a row for each workload, a mark for each contestant."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    results = next(iter(states.values()))
    others = [name for name in NAMES if name != "ours"]
    figure = Figure(figsize=(8, 0.32 * len(results) + 1.4), layout="constrained")
    axes = figure.add_subplot()
    marks = ("o", "s", "^", "v", "D", "P", "X", "*", "p")
    colors = mpl.colormaps["tab10"].colors[: len(marks)]  # type: ignore[attr-defined]
    for name, mark, color in zip(others, marks, colors, strict=True):
        found = [(one.ratio(name), row) for row, one in enumerate(results) if name in one.seconds]
        if found:
            axes.scatter(*zip(*found, strict=True), marker=mark, color=color, label=name, s=28)
    axes.axvline(1.0, color="0.4", linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(range(len(results)), [one.work.name for one in results])
    axes.invert_yaxis()
    axes.set_xlabel("our time divided by the contestant's (left of the line: we are faster)")
    axes.grid(axis="x", linewidth=0.3)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    figure.savefig(path, dpi=110)
