"""Every mutant of every reference solution must be caught, or be proven to be right.

`autograder.soundness.mutate` makes the mutants. Each is put through the student's check. One that
is accepted is either equivalent to the reference on everything the exercise asks for: then
`EQUIVALENT` says why; or it is a gap in the checks. Excuses that have become untrue (a mutant
that is caught now, or that no longer exists) are reported as well.

    python -m autograder.soundness.mutants [EXERCISE ...]     survivors, and what is unexplained
    python -m autograder.soundness.mutants --write            renders docs/mutants.md
    python -m autograder.soundness.mutants --check            whether docs/mutants.md is true
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np

from autograder.course import ROOT
from autograder.soundness.answers import Answer, reference, tried
from autograder.soundness.equivalent import EQUIVALENT
from autograder.soundness.matrix import wrong_answers
from autograder.soundness.mutate import mutants
from autograder.soundness.styles import STYLES, accepted, applies, runs
from course_autograd.exercises import exercises, find

PAGE = ROOT / "docs" / "mutants.md"
WORKERS = 2
# Inputs that a student chooses in a break-it exercise: many are right, and each is measured.
CHOSEN = ("wrong at", "right at")
TOGETHER = 20  # mutants handed to a worker at once


@dataclass(frozen=True)
class Outcome:
    """What became of one mutant, or of another wrong answer.

    Attributes
    ----------
    answer : Answer
        For a mutant, the label is the change.
    caught : bool
        Whether our check noticed that it is wrong.
    noticed : tuple of bool
        The same for each of `styles.STYLES`; empty where they do not apply.
    quiet : bool
        Whether it runs and returns arrays, so that only a check can notice it.
    """

    answer: Answer
    caught: bool
    noticed: tuple[bool, ...] = ()
    quiet: bool = True

    @property
    def excuse(self) -> str | None:
        """Why the mutant is right, if the table says so."""
        return EQUIVALENT.get(self.answer.exercise, {}).get(self.answer.label)


@cache
def mutants_of(exercise: str) -> tuple[Answer, ...]:
    """Return the mutants of one exercise's reference solution, as answers to it."""
    code = reference(exercise).code
    return tuple(Answer(exercise, one.change, one.code) for one in mutants(code, leave=CHOSEN))


def sample(count: int, seed: int) -> list[Answer]:
    """Return `count` mutants out of all, the same for the same seed, in the order of the course."""
    every = all_mutants()
    chosen = np.random.default_rng(seed).permutation(len(every))[:count]
    return [every[position] for position in sorted(chosen)]


def explained() -> list[Answer]:
    """Return the mutants that `EQUIVALENT` calls right.

    Raises
    ------
    KeyError
        If one of them does not exist (any more).
    """
    found = []
    for exercise, excuses in EQUIVALENT.items():
        known = {one.label: one for one in mutants_of(exercise)}
        for change in excuses:
            if change not in known:
                raise KeyError(f"EQUIVALENT: {exercise} has no mutant {change!r} (any more).")
            found.append(known[change])
    return found


def outcome(answer: Answer) -> Outcome:
    """Put one wrong answer through our check and through the styles of others."""
    others = STYLES if applies(answer.exercise) else ()
    return Outcome(
        answer,
        caught=not tried(answer).right,
        noticed=tuple(not accepted(answer, style) for style in others),
        quiet=bool(others) and runs(answer),
    )


def outcomes(answers: Sequence[Answer]) -> list[Outcome]:
    """Put answers to the test, on two processors."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WORKERS, mp_context=fresh) as pool:
        return list(pool.map(outcome, answers, chunksize=TOGETHER))


def all_mutants(names: Iterable[str] | None = None) -> list[Answer]:
    """Return the mutants of some exercises, by default of all."""
    return [one for name in names or exercises() for one in mutants_of(name)]


def slips() -> list[Answer]:
    """Return the catalogue's wrong answers to all exercises about an operation."""
    return [answer for _, answer in wrong_answers([name for name in exercises() if applies(name)])]


def complaints(found: Iterable[Outcome]) -> list[str]:
    """Return what is wrong: survivors nobody explains, and explanations that are not true."""
    said = []
    for one in found:
        where = f"{one.answer.exercise}: {one.answer.label}"
        if not one.caught and one.excuse is None:
            said.append(f"survives, unexplained: {where}")
        elif one.caught and one.excuse is not None:
            said.append(f"is called right, but caught: {where}")
    return said


# --- the page -------------------------------------------------------------------------------------

HEAD = """\
# Mutants: what the checks catch

Rendered by `python -m autograder.soundness.mutants --write`; a slow test (`tests/test_mutants.py`)
keeps it true. A mutant is a reference solution with one small mechanical change: an operator, a
number, a comparison, a name, an axis, a transpose, a dropped term or statement, exchanged
operands or gradients, another function, another sign; in an exercise about numbers, one number.
(Inputs that a student chooses to break a rule are left as they are: many are right.)
How they are made, and why by no tool from PyPI: `autograder/soundness/mutate.py`.

Each mutant is put through the student's `check` and, for comparison, through four styles of
checking that are in use elsewhere, written down by us (`autograder/soundness/styles.py`).
Mutants that are right themselves are listed at the end, each with the reason, and do not count.
"""


def page(found: Sequence[Outcome], made_by_people: Sequence[Outcome]) -> str:
    """Render the results as Markdown.

    Parameters
    ----------
    found : sequence of Outcome
        Of all mutants.
    made_by_people : sequence of Outcome
        Of the catalogue's wrong answers, see `slips`.
    """
    wrong = [one for one in found if one.excuse is None]
    right = [one for one in found if one.excuse is not None]
    caught = sum(one.caught for one in wrong)
    parts = [
        HEAD,
        f"**{len(found)} mutants of {len({one.answer.exercise for one in found})} exercises: "
        f"{len(right)} are right themselves; of the {len(wrong)} wrong ones our checks catch "
        f"{caught}, {_rate(caught, len(wrong))}.**\n",
        *_comparison([one for one in wrong if one.noticed], made_by_people),
        *_others([one for one in wrong if not one.noticed]),
        *_right(right),
    ]
    return "\n".join(parts)


def _rate(part: int, whole: int) -> str:
    """Return a percentage; 100 % and 0 % are said only where they are exact."""
    if part in (0, whole):
        return "100 %" if part else "0 %"
    return f"{min(99.9, max(0.1, 100 * part / whole)):.1f} %"


def _comparison(wrong: Sequence[Outcome], made_by_people: Sequence[Outcome]) -> list[str]:
    quiet = [one for one in wrong if one.quiet]
    heads = ["exercise", "wrong mutants", "ours", *(style.name for style in STYLES)]
    table = [f"| {' | '.join(heads)} |", f"|---{'|---:' * (len(heads) - 1)}|"]
    return [
        "## Operations, and the styles of others\n",
        *(f"- **{style.name}**: {style.rule}" for style in STYLES),
        "",
        "Many mutants stop with an exception or return no array; no check is needed to notice "
        f"that. {len(quiet)} of the {len(wrong)} wrong ones run quietly. Only these count in the "
        "first table.\n",
        *table,
        *(
            _row(name, [one for one in quiet if one.answer.exercise == name])
            for name in dict.fromkeys(one.answer.exercise for one in quiet)
        ),
        *_total("all", quiet),
        "",
        "The same for all wrong mutants, and for the mistakes people make: the catalogue's wrong "
        "answers to the same exercises (`docs/checks.md`), all and quiet ones.\n",
        *table,
        *_total("all wrong mutants", wrong),
        *_total("the catalogue", made_by_people),
        *_total("the catalogue, quiet", [one for one in made_by_people if one.quiet]),
        "",
        "What a style lets pass needs several shapes, other signs, kinks, large numbers, an "
        "upstream gradient that is not ones, shapes that are compared, a second call, or a look "
        "at what was changed in place.\n",
    ]


def _counts(wrong: Sequence[Outcome]) -> list[int]:
    """Return how many ours caught, then how many each style noticed."""
    ours = sum(one.caught for one in wrong)
    return [ours, *(sum(one.noticed[i] for one in wrong) for i in range(len(STYLES)))]


def _row(name: str, wrong: Sequence[Outcome]) -> str:
    return f"| {name} | {len(wrong)} | {' | '.join(map(str, _counts(wrong)))} |"


def _total(name: str, wrong: Sequence[Outcome]) -> list[str]:
    rates = [_rate(count, len(wrong)) for count in _counts(wrong)]
    return [_row(f"**{name}**", wrong), f"| caught | | {' | '.join(rates)} |"]


def _others(wrong: Sequence[Outcome]) -> list[str]:
    lines = [
        "## Plain functions and numbers\n",
        "The styles above have nothing to say about these.\n",
        "| exercise | kind | wrong mutants | caught |",
        "|---|---|---:|---:|",
    ]
    for name in dict.fromkeys(one.answer.exercise for one in wrong):
        mine = [one for one in wrong if one.answer.exercise == name]
        caught = sum(one.caught for one in mine)
        lines.append(f"| {name} | {find(name).kind} | {len(mine)} | {caught} |")
    return [*lines, ""]


def _right(right: Sequence[Outcome]) -> list[str]:
    lines = [
        "## Mutants that are right\n",
        "They are accepted, and ought to be.\n",
        "| exercise | change | why it is right |",
        "|---|---|---|",
    ]
    lines += [f"| {one.answer.exercise} | `{one.answer.label}` | {one.excuse} |" for one in right]
    return [*lines, ""]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; the exit status tells whether all is well."""
    parser = argparse.ArgumentParser(prog="python -m autograder.soundness.mutants")
    parser.add_argument("exercises", nargs="*", metavar="EXERCISE", help="by default all")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--write", action="store_true", help="render docs/mutants.md")
    how.add_argument("--check", action="store_true", help="fail if docs/mutants.md is not true")
    given = parser.parse_args(arguments)
    if given.exercises and (given.write or given.check):
        parser.error("docs/mutants.md is about all exercises: name none")
    explained()
    found = outcomes(all_mutants(given.exercises))
    wrong = complaints(found)
    survivors = sum(not one.caught for one in found)
    print(f"{len(found)} mutants, {survivors} survive, {len(wrong)} complaints")
    if given.write or given.check:
        rendered = page(found, outcomes(slips()))
        if given.write:
            PAGE.parent.mkdir(exist_ok=True)
            PAGE.write_text(rendered, encoding="utf-8")
        elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != rendered:
            wrong.append(
                "docs/mutants.md is out of date. Run python -m autograder.soundness.mutants --write"
            )
    print(*wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
