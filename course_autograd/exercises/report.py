"""From findings to points and words: the same report for ``check`` and for the grader."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from course_autograd.exercises.base import CLEAN, WORKED_OUT, Exercise, Finding
from course_autograd.mistakes import CATALOGUE, TOGETHER, names_of

WIDTH = 240  # characters of a line
ALL_STEPS = 4
MOST_FACTS = 6
UNKNOWN = "No mistake on our list explains all of these values."
SMALLEST = "Take the case above, work it out on paper, and compare line by line."
OWN_CASE = "Make a case of your own with few small numbers, and work it out on paper. What differs?"
STOPPED = "Python stopped before there was a {}."
LINE_ABOVE = "Read the line above. Which type and which shape has each name in it? Print them."
REREAD = "the question of this exercise, and the derivation before it"


@dataclass(frozen=True)
class Report:
    """What is right, how many points it is worth, and what to look at next.

    Parameters
    ----------
    exercise : str
        Name of the exercise.
    fraction : float
        Share of the points, from 0 to 1.
    facets : dict of str to bool
        The parts of the points, and whether each is right.
    mistake : str or None
        The mistake in a few words, if one was recognised; several that fit, joined by "or".
    numbers : tuple of int
        Their numbers in the course's list of mistakes.
    where : tuple of str
        What was seen, and where.
    kind, question, reread : str
        The next steps of the hint; empty if all is right.
    tried : str
        What was tried.
    undone : bool
        Nothing has been written yet.
    printed : str
        What the answer printed in the first wrong case.
    doubts : tuple of str
        What could not be judged, where, and why; it counts as right.
    """

    exercise: str
    fraction: float
    facets: dict[str, bool]
    mistake: str | None
    numbers: tuple[int, ...]
    where: tuple[str, ...]
    kind: str
    question: str
    reread: str
    tried: str
    undone: bool
    printed: str
    doubts: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        """Whether everything is right."""
        return not self.undone and all(self.facets.values())

    def lines(self, hint: int = ALL_STEPS) -> list[str]:
        """Return the report in fewer than twelve lines.

        Parameters
        ----------
        hint : int
            How far to help: 1 where, and the mistake's name; 2 what kind of mistake that is;
            3 also a question; 4 also what to reread.
        """
        if self.right:
            shown = [f"{self.exercise}: right.", f"Tried: {self.tried}.", *self._open()]
            return [shortened(line) for line in shown]
        if self.undone:
            last = [f"Reread: {self.reread}"] if hint >= ALL_STEPS and self.reread else []
            return [f"{self.exercise}: not written yet.", *self.where, *last]
        shown = [f"{self.exercise}: not yet. {self.fraction:.0%} of the points so far."]
        good = [words(name) for name, passed in self.facets.items() if passed]
        if good:
            shown.append(f"Right: {', '.join(good)}.")
        shown += [f"Where: {self.where[0]}" if self.where else "Where: no answer came back."]
        shown += [f"       {line}" for line in self.where[1:]]
        if self.mistake and (hint == 1 or not self.kind):
            shown.append(f"Looks like: {self.mistake}.")
        shown += [title + text for title, text in self._steps()[: max(0, hint - 1)] if text]
        if self.printed.strip():
            shown.append(f"Your code printed: {' '.join(self.printed.split())}")
        return [shortened(line) for line in (*shown, *self._open())]

    def _steps(self) -> tuple[tuple[str, str], ...]:
        """Return what each step of the hint after the first adds; some have nothing to add."""
        return (("What kind: ", self.kind), ("Think: ", self.question), ("Reread: ", self.reread))

    def next_step(self, hint: int) -> int | None:
        """Return the next step of the hint that says more than `hint` does; None if none does."""
        later = [step for step, (_, text) in enumerate(self._steps(), start=2) if text]
        return next((step for step in later if step > hint), None)

    def _open(self) -> list[str]:
        """Say in one line what could not be judged."""
        if not self.doubts:
            return []
        more = f" (and {len(self.doubts) - 1} more)" if len(self.doubts) > 1 else ""
        return [f"Counted as right, but not judged{more}: {self.doubts[0]}."]


def shortened(line: str) -> str:
    """Return a line of at most `WIDTH` characters."""
    return line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"


def words(facet: str) -> str:
    """Return the name of a facet for humans."""
    return "nothing changed in place" if facet == CLEAN else facet


def score(exercise: Exercise, findings: Sequence[Finding]) -> Report:
    """Sum findings up: a facet is right if all cases that decide it are right.

    A facet without any finding is not right: an answer that ended early has not shown it. What
    only the process of the answer can see (`CLEAN`) never counts alone.
    """
    facets = {
        facet: _passes([one.passed[facet] for one in findings if facet in one.passed])
        for facet in exercise.facets
    }
    if CLEAN in facets and not any(passed for name, passed in facets.items() if name != CLEAN):
        facets[CLEAN] = False
    undone = bool(findings) and all(one.undone for one in findings)
    shares = exercise.weights()
    fraction = 1.0 if all(facets.values()) else sum(shares[name] for name in facets if facets[name])
    wrong = [one for one in findings if not one.right]
    keys = recognised(findings)
    mistakes = names_of(keys)
    shown = _shown(wrong, keys) if wrong else None
    reread = exercise.reread or REREAD
    if undone or shown is None:
        kind, question, reread = "", "", reread if undone else ""
    elif exercise.kind in WORKED_OUT:  # each number has said already what it looks like
        kind, question = "", _first_question(exercise, shown)
    elif not mistakes and shown.stopped:
        result = "gradient" if exercise.kind in ("rule", "whole") else "result"
        kind, question = STOPPED.format(result), LINE_ABOVE
    elif not mistakes:
        kind, question = UNKNOWN, SMALLEST if shown.inputs else OWN_CASE
    else:
        kind, question = mistakes[0].kind, mistakes[0].question
        if frozenset(keys) in TOGETHER:
            kind, question = TOGETHER[frozenset(keys)]
        elif len(mistakes) > 1:
            kind = f"This fits {'; or '.join(one.name for one in mistakes[:3])}. " + kind
        reread = exercise.reread or mistakes[0].reread
    return Report(
        exercise=exercise.name,
        fraction=0.0 if undone else min(1.0, fraction),
        facets=facets,
        mistake=" or ".join(one.name for one in mistakes[:3]) if mistakes and wrong else None,
        numbers=tuple(dict.fromkeys(one.number for one in mistakes if wrong and one.number)),
        where=(exercise.todo(),) if undone else _where(shown, wrong, len(findings)),
        kind=kind,
        question=question,
        reread=reread,
        tried=_tried(exercise, findings),
        undone=undone,
        printed=next((one.printed for one in wrong if one.printed), ""),
        doubts=tuple(
            dict.fromkeys(f"{one.label}: {doubt}" for one in findings for doubt in one.doubts)
        ),
    )


def examine(exercise: Exercise, answer: Any, *, seed: int = 0) -> Report:
    """Put all questions of an exercise to `answer` here and now, and return the report."""
    if answer is None:
        return score(exercise, [exercise.unanswered()])
    with np.errstate(all="ignore"):  # whatever np.seterr was told to do in the notebook
        cases = exercise.cases(np.random.default_rng(seed))
        findings = [exercise.judge(case, exercise.run(answer, case)) for case in cases]
    return score(exercise, findings)


def _first_question(exercise: Exercise, finding: Finding) -> str:
    """Return the question about the first number that is wrong, with its key."""
    for key, fits in finding.fits.items():
        mistakes = names_of(fits)
        return f"{key}: {mistakes[0].question if mistakes else exercise.question(key)}"
    return ""


def _passes(outcomes: list[bool]) -> bool:
    return bool(outcomes) and all(outcomes)


def _shown(wrong: Sequence[Finding], keys: Sequence[str]) -> Finding:
    """Return the finding to be shown, with those of its facts that the named mistakes explain.

    What is seen and what kind of mistake is named are to belong together. Where nothing is named,
    a small case is shown, with its numbers, which can be worked out on paper.
    """
    for one in wrong if keys else ():
        results = [
            result for result, fits in one.fits.items() if any(_plain(key) in keys for key in fits)
        ]
        if results or any(key in keys for key in (*one.mistakes, *one.suspected)):
            about = tuple(f"gradient of {result}" for result in results)
            facts = tuple(fact for fact in one.facts if results and fact.startswith(about))
            return replace(one, facts=facts or one.facts, inputs="")
    if keys or wrong[0].stopped:
        return wrong[0]
    small = [one for one in wrong if one.inputs and not one.stopped]
    return min(small, key=lambda one: len(one.inputs), default=wrong[0])


def _where(shown: Finding | None, wrong: Sequence[Finding], total: int) -> tuple[str, ...]:
    if shown is None:
        return ()
    if len(shown.passed) > 2 and not shown.label:  # every fact has its own part of the points
        more = len(shown.facts) - MOST_FACTS
        verb = "is" if more == 1 else "are"
        rest = (f"and {more} more that {verb} not right yet.",) if more > 0 else ()
        return shown.facts[:MOST_FACTS] + rest
    seen = shown.facts or ("no answer came back",)
    lines = [f"{shown.label}: {seen[0]}" if shown.label else seen[0], *seen[1:3]]
    if shown.inputs:
        lines.append(f"with {shown.inputs}")
    if len(wrong) > 1:
        which = "the first" if shown.label == wrong[0].label else "one of them"
        lines.append(f"({len(wrong)} of {total} cases are not right yet; this is {which})")
    return tuple(lines)


def _tried(exercise: Exercise, findings: Sequence[Finding]) -> str:
    parts = ", ".join(words(facet) for facet in exercise.facets)
    if not any(one.label for one in findings):
        return parts
    how = f", {exercise.how}" if exercise.how else ""
    return f"{parts}; {len(findings)} cases{how}"


# --- which mistake ----------------------------------------------------------------------------


def recognised(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Return the mistakes that explain all wrong results, or at least those of one kind.

    First one mistake is sought that explains everything; then one for each result (the gradient
    of x may be right and that of y wrong); then the same within the first wrong part of the
    points. What right cases rule out is never named. An empty answer is an honest one.
    """
    every = list(findings)
    wrong = [one for one in every if not one.right and not one.undone]
    if not wrong:
        return ()
    first = next(name for name, passed in wrong[0].passed.items() if not passed)
    of_first = [one for one in every if first in one.passed]
    for group in (every, of_first):
        named = _common(group)
        if named:
            return named
    alone = all(one.suspected or not one.fits for one in wrong)  # no values are left unexplained
    return wrong[0].mistakes or (wrong[0].suspected if alone else ())


def _common(findings: Sequence[Finding]) -> tuple[str, ...]:
    wrong = [one for one in findings if not one.right]
    certain = [
        one.mistakes
        for one in wrong
        if not one.fits and any(not CATALOGUE[key].general for key in one.mistakes)
    ]
    results = list(dict.fromkeys(result for one in wrong for result in one.fits))
    choices = [results, *([result] for result in results)] if results else [[]]
    for chosen in choices:
        explanations = certain + [
            one.fits[result] for one in wrong for result in chosen if result in one.fits
        ]
        excluded = {
            key for one in findings for result in chosen for key in one.refuted.get(result, ())
        }
        kept = dict.fromkeys(
            _plain(key)
            for keys in explanations
            for key in keys
            if key not in excluded and all(_explains(key, other) for other in explanations)
        )
        if kept:
            return tuple(kept)
    return ()


def _explains(key: str, keys: tuple[str, ...]) -> bool:
    """Whether `key` is among `keys`; those that come from errors carry no notes."""
    return key in keys or _plain(key) in keys


def _plain(key: str) -> str:
    return key.partition(":")[0]
