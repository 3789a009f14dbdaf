"""Tolerances with a reason: how well gradients are measured, and how far answers may lie from them.

For every operation with a domain, over many drawn inputs: the step, how close the measured
gradient comes to the rule (of the package, or of the reference where the rule is an exercise), how
large the measurement believes its own error to be, and the tolerance of the judge. A right answer
is safe where the tolerance is larger than what was reached. The page ``docs/tolerances.md`` is made
from this: ``python -m autograder.soundness.tolerances --write``.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from autograder.course import COURSE
from autograder.soundness.answers import enter, reference
from course_autograd import reset_rules
from course_autograd.exercises import function_numeric, values
from course_autograd.exercises.functions import CLOSE
from course_autograd.exercises.observe import as_engine
from course_autograd.exercises.operation_exercise import FORWARD_TOLERANCE, draw_upstream
from course_autograd.kinks import NEARBY, nearby_gradients, nearby_jacobians
from course_autograd.numeric import (
    DOUBT,
    KINK_TOLERANCE,
    MANY,
    RELATIVE,
    STEP,
    TRUST,
    Array,
    jacobian,
)
from course_autograd.operation import Operation
from course_autograd.ops import all_operations
from course_autograd.rule import run_rule

SEEDS = 100
PAGE = COURSE.root / "docs" / "tolerances.md"
FIGURE = re.compile(r"\d+(?:\.\d+)?e[-+]?\d+|(?:> )?\d[\d,]*×")  # 1.2e-10 and 1,234×
EXACT = float(np.finfo(np.float64).eps)  # nothing is reached that is closer
LARGE = "large numbers"
PLENTY = 1_000_000  # more room is not told apart


@dataclass(frozen=True)
class Sample:
    """One gradient, of one input: all figures relative to its largest entry (at least 1).

    Attributes
    ----------
    steps : tuple of float
        The smallest and the largest step.
    reached : float
        Distance between the measured gradient and the rule's.
    believed : float
        The measurement's own estimate of its error.
    tolerance : float
        How far an answer may lie from the measured gradient.
    """

    steps: tuple[float, float]
    reached: float
    believed: float
    tolerance: float


@dataclass(frozen=True)
class Row:
    """The worst of all samples of one operation."""

    name: str
    is_exercise: bool
    cases: int
    steps: tuple[float, float]
    reached: float
    believed: float
    tolerances: tuple[float, float]
    room: float

    @property
    def safe(self) -> bool:
        """Whether a right answer lies within the tolerance in every sample."""
        return self.room >= 1.0


@dataclass(frozen=True)
class Corners:
    """What is measured around one declared kink."""

    name: str
    number: int
    corners: int
    apart: float


# --- measuring ------------------------------------------------------------------------------


Point = tuple[Sequence[Any], Mapping[str, Any]]


def samples(operation: type[Operation], seeds: int, *, large: bool = False) -> Iterator[Sample]:
    """Compare measured gradients with the rule that is registered now."""
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        for point, options in points(operation, rng, large=large):
            yield from _at(operation, point, options, rng, (-1) ** seed)


def points(operation: type[Operation], rng: np.random.Generator, *, large: bool) -> Iterator[Point]:
    """Draw inputs and options for each family of the domain, or return its large numbers."""
    domain = operation.domain
    assert domain is not None
    if large:
        yield from ((one.inputs, one.options) for one in domain.extremes)
    else:
        yield from (domain.draw(example, rng) for example in domain.examples)


def _at(
    operation: type[Operation],
    point: Sequence[Any],
    options: Mapping[str, Any],
    rng: np.random.Generator,
    sign: int,
) -> Iterator[Sample]:
    """Compare at one point, input by input."""
    arrays = tuple(np.array(value, dtype=np.float64) for value in point)
    ctx: list[Any] = []
    output = operation.forward(ctx, *map(as_engine, arrays), **options)
    upstream = draw_upstream(rng, np.shape(output), sign)
    needs = (True,) * len(arrays)
    gradients = run_rule(operation, tuple(ctx), needs, as_engine(upstream))
    measured = jacobian(operation.declared_forward, arrays, options)
    for position, truth in enumerate(measured.vjp(upstream)):
        yield _sample(
            arrays[position],
            _summed(np.asarray(gradients[position]), truth.shape),
            truth,
            float(np.max(measured.errors[position] @ np.abs(np.ravel(upstream)))),
            measured.tolerance(upstream, position),
        )


def _sample(here: Array, right: Array, truth: Array, believed: float, tolerance: float) -> Sample:
    scale = max(1.0, float(np.max(np.abs(truth))))
    sizes = STEP * np.maximum(1.0, np.abs(here))
    return Sample(
        (float(np.min(sizes)), float(np.max(sizes))),
        float(np.max(np.abs(right - truth))) / scale,
        believed / scale,
        tolerance / scale,
    )


def _summed(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Sum a gradient back to the shape of its input, where the operation broadcasts."""
    added = tuple(range(gradient.ndim - len(shape)))
    summed = gradient.sum(axis=added)
    stretched = tuple(i for i, size in enumerate(shape) if size == 1 and summed.shape[i] > 1)
    return np.asarray(summed.sum(axis=stretched, keepdims=True))


def measured_rows(operation: type[Operation], seeds: int) -> Iterator[Row]:
    """Return the worst of many samples of one operation, and that of its large numbers."""
    assert operation.domain is not None
    name = operation.__name__
    try:
        if operation.exercise is not None:
            enter(reference(name))
        yield _worst(name, operation, list(samples(operation, seeds)))
        if operation.domain.extremes:
            far = list(samples(operation, seeds, large=True))
            yield _worst(f"{name}, {LARGE}", operation, far)
    finally:
        reset_rules()


def _worst(name: str, operation: type[Operation], every: Sequence[Sample]) -> Row:
    return Row(
        name,
        operation.exercise is not None,
        len(every),
        (min(one.steps[0] for one in every), max(one.steps[1] for one in every)),
        max(one.reached for one in every),
        max(one.believed for one in every),
        (min(one.tolerance for one in every), max(one.tolerance for one in every)),
        min(one.tolerance / max(one.reached, EXACT) for one in every),
    )


def kinks(operation: type[Operation]) -> Iterator[Corners]:
    """Measure the gradients around each declared kink."""
    assert operation.domain is not None
    for number, kink in enumerate(operation.domain.kinks, 1):
        output = operation.declared_forward([], *kink.inputs, **kink.options)
        upstream = np.ones(np.shape(output))
        corners = nearby_gradients(
            nearby_jacobians(operation.declared_forward, kink.inputs, kink.options), upstream
        )
        stacked = np.stack(corners)
        yield Corners(
            operation.__name__, number, len(corners), float(np.max(np.ptp(stacked, axis=0)))
        )


def operations() -> list[type[Operation]]:
    """Return the operations that declare a domain, exercises first."""
    declared = [one for one in all_operations().values() if one.domain is not None]
    return sorted(declared, key=lambda one: (one.exercise or "~", one.__name__))


# --- the page -------------------------------------------------------------------------------


def small(figure: float) -> str:
    """Return a figure in two digits: its size is what matters."""
    return f"{figure:.1e}"


def closeness(figure: float) -> str:
    """Return a distance, or that there is none but rounding."""
    return "rounding" if figure < 10 * EXACT else small(figure)


PROSE = """\
# Tolerances, and why they are what they are

Made by `python -m autograder.soundness.tolerances --write`; do not edit. `--check` measures anew
and fails if a figure no longer holds.

An answer is compared with a measured gradient, never with a formula. The measurement takes central
differences with a step of {step} (times the size of the number, above 1) and with twice that step,
and extrapolates from both (Richardson). It takes their disagreement plus the rounding error as its
own error. Of an input with more than {many} entries, not all are measured with both steps: those
where the slope changes, a sample of the others, and those that a verdict hangs on, so that nothing
is found wrong by one step alone. The judge allows the larger of

- {relative} of the largest entry of the gradient (at least 1), and
- {trust:g} times the error that the measurement believes to have.

Where the latter is more than {doubt} of the largest entry (at least 1), the measurement decides
nothing: at a kink, which shows as two slopes that do not meet as the step shrinks; where the
function is too steep for the step; where it has no finite value. Then the other entries are judged,
a subgradient is right, and anything else is *inconclusive*: it counts as right, and the report says
what was not judged, and why. In the exercises of the course that never happens (a test).

## Operations

Random inputs from {seeds} seeds, upstream gradients of both signs. All figures are relative to the
largest entry of each gradient (at least 1).

- *Reached*: the largest distance of the measured gradient from the right rule.
- *Believed*: the largest error that the measurement believed to have.
- *Tolerance*: the smallest and the largest that was granted.
- *Room*: how many times what was reached fits into the tolerance, in the worst case.

A mistake is not that small: a wrong sign, factor or operand changes the first digits. Large numbers
are taken with steps in proportion, and measured less well.

| operation | rule | gradients | step | reached | believed | tolerance | room |
|---|---|---|---|---|---|---|---|
{operations}

## Kinks

At a kink there is no gradient, and every subgradient is right: every weighted average of the
gradients at smooth points around it. These are measured at points up to {nearby} away; an answer
may lie {kink} of their size beside their hull.

- *Corners*: how many different gradients there are around the kink.
- *Apart*: how far they differ.

| operation | kink | corners | apart |
|---|---|---|---|
{kinks}

## Everything else

| what | how far an answer may lie from the truth | why |
|---|---|---|
| forward rule of a whole operation | {forward} of the largest entry | nothing is measured |
| backpropagate, regularised_hinge, the loss in train_step | {close} | nothing is measured |
| parameters after train_step | 1e-07 | compared with a measured gradient |
| numeric_gradient with h = {usual:g} | {loose} | one-sided differences are near enough here |
| numeric_gradient with h = {large:g} | three times its own error | one-sided ones are not |
| values | {exact}, relative above 1 | measured slopes of small functions |
| values rounded to two decimals | {rounded:g} | half a unit of the last decimal, and a bit |
"""


def page(rows: Sequence[Row], corners: Sequence[Corners], seeds: int) -> str:
    """Return the text of ``docs/tolerances.md``."""
    return PROSE.format(
        step=STEP,
        relative=RELATIVE,
        trust=TRUST,
        doubt=DOUBT,
        many=MANY,
        seeds=seeds,
        operations="\n".join(map(line, rows)),
        nearby=NEARBY,
        kink=KINK_TOLERANCE,
        kinks="\n".join(
            f"| {one.name} | {one.number} | {one.corners} | {one.apart:.2g} |" for one in corners
        ),
        forward=FORWARD_TOLERANCE,
        close=CLOSE,
        usual=function_numeric.USUAL,
        loose=function_numeric.LOOSE,
        large=function_numeric.LARGE,
        exact=values.EXACT,
        rounded=values.ROUNDED,
    )


def line(row: Row) -> str:
    """Return one line of the table of operations."""
    cells = (
        row.name,
        "exercise" if row.is_exercise else "package",
        str(row.cases),
        extent(row.steps),
        closeness(row.reached),
        small(row.believed),
        extent(row.tolerances),
        f"{int(row.room):,}×" if row.room < PLENTY else f"> {PLENTY:,}×",
    )
    return f"| {' | '.join(cells)} |"


def extent(ends: tuple[float, float]) -> str:
    """Return the smallest and the largest figure, or the one there is."""
    return " to ".join(dict.fromkeys(map(small, ends)))


def measured_page(seeds: int = SEEDS) -> tuple[str, list[Row]]:
    """Measure everything; return the page, and the rows on it."""
    chosen = operations()
    bar = tqdm(chosen, unit="operation", disable=not sys.stderr.isatty())
    rows = [row for operation in bar for row in measured_rows(operation, seeds)]
    corners = [one for operation in chosen for one in kinks(operation)]
    return page(rows, corners, seeds), rows


def without_figures(text: str) -> str:
    """Return a page with its measured figures left out: they vary a little between machines."""
    lines = []
    for one in text.splitlines():
        masked = FIGURE.sub("#", one.replace("| rounding |", "| # |")).replace("# to #", "#")
        lines.append(masked if "×" in one else one)
    return "\n".join(lines)


def complaints(written: str, fresh: str, rows: Sequence[Row]) -> list[str]:
    """Say what on the page no longer holds."""
    found = [
        f"{row.name}: reached {small(row.reached)} lies outside the tolerance of "
        f"{small(row.tolerances[0])} (room {row.room:.2g})."
        for row in rows
        if not row.safe
    ]
    if without_figures(written) != without_figures(fresh):
        old, new = (without_figures(text).splitlines() for text in (written, fresh))
        first = next((line for line in new if line not in old), "lines are missing")
        found.append(f"the page has another structure than what was measured, from: {first}")
    return found


def main(arguments: Sequence[str] | None = None, path: Path = PAGE) -> int:
    """Print, write or check the page; return 1 if it is out of date."""
    parser = argparse.ArgumentParser(
        prog="python -m autograder.soundness.tolerances",
        description="How well gradients are measured, and how far answers may lie from them.",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--write", action="store_true", help="write docs/tolerances.md")
    which.add_argument("--check", action="store_true", help="fail if it no longer holds")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"default: {SEEDS}")
    chosen = parser.parse_args(arguments)
    if chosen.seeds < 1:
        parser.error("expected at least 1 for --seeds.")
    text, rows = measured_page(chosen.seeds)
    if chosen.write:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    elif not chosen.check:
        print(text)
    written = path.read_text(encoding="utf-8") if path.exists() else ""
    found = complaints(written if chosen.check else text, text, rows)
    if found:
        print("\n".join([*found, "Run `python -m autograder.soundness.tolerances --write`."]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
