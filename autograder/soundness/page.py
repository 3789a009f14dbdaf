"""The matrix as text: for a narrow terminal, and as the page ``docs/checks.md``."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import fill

from autograder.soundness.catalogue import KINDS, why_not
from autograder.soundness.matrix import MARKS, Matrix, Outcome
from course_autograd.exercises import find

WIDTH = 78

HEAD = """# Are the checks sound?

<!-- Written by `python -m autograder mistakes --write`. Do not edit by hand. -->

A check that lets a wrong rule pass teaches the wrong thing, and one that rejects a right rule
teaches distrust. So the checks are put to the test themselves. There is a catalogue of 35 kinds of
mistakes. Each kind is made, as code, in every exercise in which it can be made, out of the
reference's own answer; then `check` is asked, exactly as a student asks it.
"""

ACCEPTED = (
    "A result that is better than asked: `numeric_gradient` may use a smaller step or a higher "
    "order than the one it was given. The gradient is judged, not the way to it.",
    "A returned array that shares its memory with `grad_output`: the engine copies where it must.",
    "At a kink, every subgradient: `>=` for `>` in relu, either side or any share at a tie of "
    "`maximum`.",
    "float32 results: the engine brings every gradient to the type of its value; what was lost is "
    "below what a measured gradient can blame.",
    "In an elementwise rule, gradients in the shape of the output: the engine sums them over the "
    "broadcast axes.",
)


def percent(rate: float) -> str:
    """Return a rate in percent, never rounded up to 100."""
    return f"{100 * rate:.1f} %" if rate in (0.0, 1.0) else f"{min(100 * rate, 99.9):.1f} %"


def header(indent: int) -> Iterator[str]:
    """Yield the two lines above the columns: tens and units of the kinds' numbers."""
    tens = "".join(str(kind.number // 10) if kind.number % 10 == 0 else " " for kind in KINDS)
    units = "".join(str(kind.number % 10) for kind in KINDS)
    yield (" " * indent + tens).rstrip()
    yield " " * indent + units


def table(matrix: Matrix) -> list[str]:
    """Return one line per exercise, one column per kind."""
    width = max(len(name) for name in matrix.exercises) + 2
    lines = list(header(width))
    for name in matrix.exercises:
        marks = "".join(matrix.mark(name, kind.number) for kind in KINDS)
        lines.append(f"{name:{width}}{marks}")
    return lines


def rates(matrix: Matrix) -> list[str]:
    """Return the counts and rates, one per line."""
    total = len(matrix.outcomes)
    fields = sum(kind.applies(name) for name in matrix.exercises for kind in KINDS)
    caught = sum(one.caught for one in matrix.outcomes)
    own = sum(one.by_own_name for one in matrix.outcomes)
    named = sum(one.named for one in matrix.outcomes)
    good = len(matrix.exercises) - len(matrix.rejected)
    return [
        f"wrong answers      {total}, in {fields} fields exercise × kind",
        f"caught             {caught} of {total}, {percent(matrix.catch_rate)}",
        f"named              {named} of {total}, {percent(matrix.naming_rate)}",
        f"  by its own name  {own} of {total}, {percent(matrix.own_name_rate)}",
        f"references         {good} of {len(matrix.exercises)} right, without a mistake's name",
    ]


def described(one: Outcome) -> str:
    """Say in one line what became of a wrong answer."""
    if not one.caught:
        return f"{one.exercise}, {one.kind.number}, {one.label}: NOT CAUGHT"
    said = one.mistake or "no name"
    return f"{one.exercise}, {one.kind.number} {one.kind.name} ({one.label}): {said}"


def summary(matrix: Matrix) -> list[str]:
    """Return the matrix, its legend, its rates, and what is not as it should be."""
    lines = table(matrix)
    lines += ["", *(f"{mark}  {meaning}" for mark, meaning in MARKS.items()), "", *rates(matrix)]
    for name in matrix.rejected:
        lines += ["", f"THE REFERENCE OF {name} IS NOT FOUND RIGHT"]
    for mark, title in (("!", "Not caught"), ("?", "Caught, but not named")):
        found = matrix.wrong(mark)
        if found:
            lines += ["", f"{title}:"]
            lines += [wrap(described(one)) for one in found]
    return lines


def details(matrix: Matrix, exercise: str) -> list[str]:
    """Return all kinds for one exercise: what became of them, or why they cannot be made."""
    lines = [f"{exercise} ({find(exercise).kind}, {find(exercise).assignment})", ""]
    for kind in KINDS:
        found = matrix.of(exercise, kind.number)
        if not found:
            lines.append(wrap(f" . {kind.number:2} {kind.name}: {why_not(kind, exercise)}"))
        for one in found:
            said = one.mistake or ("no name" if one.caught else "NOT CAUGHT")
            lines.append(wrap(f" {one.mark} {kind.number:2} {one.label}: {said}"))
    lines += ["", *(f" {mark}  {meaning}" for mark, meaning in MARKS.items()), "", *rates(matrix)]
    lines += ["", verdict(matrix)]
    return lines


def verdict(matrix: Matrix) -> str:
    """Say in one sentence whether the checks are sound."""
    if matrix.rejected:
        return f"NOT SOUND: the reference of {', '.join(matrix.rejected)} is not found right."
    missed = len(matrix.wrong("!"))
    if missed:
        return f"NOT SOUND: {missed} of {len(matrix.outcomes)} wrong answers are not caught."
    return "Sound: every wrong answer is caught, and the reference is found right."


def wrap(line: str) -> str:
    """Break a long line, with the rest indented."""
    return fill(line, WIDTH, subsequent_indent="      ", break_on_hyphens=False)


# --- the page ------------------------------------------------------------------------------------


def page(matrix: Matrix) -> str:
    """Return ``docs/checks.md``."""
    parts = [
        HEAD,
        "## What is caught\n\n```text\n" + "\n".join(rates(matrix)) + "\n```\n",
        paragraph(
            "The numbers come from a run with fixed seeds; a test repeats it and holds this page "
            "against it. `python -m autograder mistakes` prints the table below, `python -m "
            "autograder mistakes mul` the details of one exercise. `python -m autograder mistakes "
            "--grader` sends the same wrong answers through the grader's own process and judge."
        ),
        "## Exercise by kind\n\n```text\n" + "\n".join(table(matrix)) + "\n```\n",
        "".join(f"- `{mark}` {meaning.lower()}\n" for mark, meaning in MARKS.items()),
        paragraph(
            "A field stands for all ways in which the mistake is made in that exercise; it shows "
            "the worst of them."
        ),
        "## The kinds\n\n" + kinds_table(matrix),
        *_unnamed(matrix),
        "## Names that are as good\n\n"
        + paragraph(
            "Some mistakes lead to the same values, or are seen through another one. These names "
            "count as right, too:"
        )
        + "\n"
        + "".join(_synonyms(matrix)),
        "## What is accepted on purpose\n\n" + "".join(bullet(one) for one in ACCEPTED),
        "## Why a kind cannot be made\n\n" + "".join(_reasons(matrix)),
        "## An exercise of your own\n\n"
        + paragraph(
            "Add an operation with the class attributes `exercise` and `domain` (and its name in "
            "`course_autograd/ops/__init__.py`), and its cells to the text source of the "
            "assignment. `python -m autograder mistakes NAME` then makes every mistake that can be "
            "made in any rule, and ends with status 0 if all are caught, 1 otherwise."
        ),
    ]
    return "\n".join(parts)


def paragraph(words: str) -> str:
    """Return one paragraph."""
    return fill(words, 100, break_on_hyphens=False, break_long_words=False) + "\n"


def bullet(words: str) -> str:
    """Return one entry of a list."""
    return (
        fill(
            f"- {words}",
            100,
            subsequent_indent="  ",
            break_on_hyphens=False,
            break_long_words=False,
        )
        + "\n"
    )


def kinds_table(matrix: Matrix) -> str:
    """Return one row per kind: where it was made, and what became of it."""
    rows = [
        "| # | mistake | exercises | wrong answers | caught | named |",
        "|---|---|---|---|---|---|",
    ]
    for kind in KINDS:
        found = matrix.of(number=kind.number)
        exercises = len({one.exercise for one in found})
        caught, named = sum(one.caught for one in found), sum(one.named for one in found)
        rows.append(
            f"| {kind.number} | {kind.name} | {exercises} | {len(found)} | {caught} | {named} |"
        )
    return "\n".join(rows) + "\n"


def _unnamed(matrix: Matrix) -> Iterator[str]:
    found = matrix.wrong("?")
    if found:
        yield (
            "## Caught, but not named\n\n"
            + paragraph(
                "The report says where and what was seen, and names nothing, or something else."
            )
            + "\n"
            + "".join(bullet(described(one)) for one in found)
        )


def _synonyms(matrix: Matrix) -> Iterator[str]:
    for kind in KINDS:
        for exercise, names in kind.synonyms.items():
            where = "any exercise" if exercise == "*" else f"`{exercise}`"
            if exercise == "*" or exercise in matrix.exercises:
                for one in names:
                    yield bullet(f"{kind.number} in {where} as {one.number}: {one.why}.")


def _reasons(matrix: Matrix) -> Iterator[str]:
    for kind in KINDS:
        reasons: dict[str, list[str]] = {}
        for name in matrix.exercises:
            if not kind.applies(name):
                reasons.setdefault(why_not(kind, name), []).append(name)
        if not reasons:
            continue
        yield f"- **{kind.number} {kind.name}**\n"
        for reason, names in reasons.items():
            words = (
                f"{reason} ({', '.join(names)})" if len(names) < len(matrix.exercises) else reason
            )
            yield (
                fill(
                    f"- {words}",
                    100,
                    initial_indent="  ",
                    subsequent_indent="    ",
                    break_on_hyphens=False,
                    break_long_words=False,
                )
                + "\n"
            )
