"""Every exercise against every kind of mistake: is it caught, and is it called by its name?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from autograder.soundness.answers import Answer, graded, reference, tried
from autograder.soundness.catalogue import KINDS
from autograder.soundness.slips import Kind
from course_autograd.exercises import Report, exercises

Way = Callable[[Sequence[Answer]], list[Report]]


@dataclass(frozen=True)
class Outcome:
    """What became of one wrong answer.

    Attributes
    ----------
    exercise : str
        The exercise.
    kind : Kind
        The mistake.
    label : str
        How it was made.
    code : str
        The wrong answer.
    caught : bool
        Whether the check said that it is not right.
    numbers : tuple of int
        The kinds that were named.
    mistake : str
        The same in words.
    """

    exercise: str
    kind: Kind
    label: str
    code: str
    caught: bool
    numbers: tuple[int, ...]
    mistake: str

    @property
    def by_own_name(self) -> bool:
        """Whether the mistake itself was named."""
        return self.caught and self.kind.number in self.numbers

    @property
    def named(self) -> bool:
        """Whether it was named, itself or by a documented synonym."""
        return self.caught and bool({*self.numbers} & {*self.kind.numbers(self.exercise)})

    @property
    def mark(self) -> str:
        """One character: see `MARKS`."""
        if not self.caught:
            return "!"
        return "#" if self.by_own_name else "=" if self.named else "?"


MARKS = {
    "#": "caught, and named",
    "=": "caught, named by a documented synonym",
    "?": "caught, not named",
    "!": "NOT CAUGHT",
    ".": "cannot be made there",
}


@dataclass(frozen=True)
class Matrix:
    """What became of all wrong answers.

    Attributes
    ----------
    exercises : tuple of str
        The exercises that were tried.
    outcomes : tuple of Outcome
        One per wrong answer.
    rejected : tuple of str
        Exercises whose reference was not found right (or was given a mistake's name).
    """

    exercises: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    rejected: tuple[str, ...] = ()

    def of(self, exercise: str | None = None, number: int | None = None) -> tuple[Outcome, ...]:
        """Return the outcomes of one exercise, of one kind, or of both."""
        return tuple(
            one
            for one in self.outcomes
            if exercise in (None, one.exercise) and number in (None, one.kind.number)
        )

    def mark(self, exercise: str, number: int) -> str:
        """Return the worst mark of one field, ``"."`` where the mistake cannot be made."""
        marks = {one.mark for one in self.of(exercise, number)}
        return next((mark for mark in "!?=#" if mark in marks), ".")

    def wrong(self, mark: str) -> tuple[Outcome, ...]:
        """Return the outcomes with `mark`."""
        return tuple(one for one in self.outcomes if one.mark == mark)

    @property
    def catch_rate(self) -> float:
        """Share of the wrong answers that were caught."""
        return share(one.caught for one in self.outcomes)

    @property
    def naming_rate(self) -> float:
        """Share of the wrong answers that were named, by their own name or a synonym."""
        return share(one.named for one in self.outcomes)

    @property
    def own_name_rate(self) -> float:
        """Share of the wrong answers that were named by their own name."""
        return share(one.by_own_name for one in self.outcomes)

    @property
    def sound(self) -> bool:
        """Whether every mistake was caught and every reference found right."""
        return not self.rejected and all(one.caught for one in self.outcomes)


def share(truths: Iterable[bool]) -> float:
    """Return the share of `truths` that are true; 1 if there are none."""
    given = list(truths)
    return sum(given) / len(given) if given else 1.0


def wrong_answers(names: Iterable[str]) -> Iterator[tuple[Kind, Answer]]:
    """Yield all wrong answers to the exercises `names`, with the kind each was made for."""
    for name in names:
        for kind in KINDS:
            for slip in kind.slips(name):
                yield kind, slip.answer(name)


def by_check(answers: Sequence[Answer]) -> list[Report]:
    """Put answers through `check`, as a student does."""
    return [tried(answer) for answer in answers]


def by_grader(answers: Sequence[Answer]) -> list[Report]:
    """Put answers through the grader's child and judge."""
    return graded(answers)


def matrix(names: Sequence[str] = (), way: Way = by_check) -> Matrix:
    """Try every exercise of `names` (all by default) with every mistake.

    Parameters
    ----------
    names : sequence of str
        Exercises.
    way : callable
        How answers get in: `by_check` or `by_grader`.

    Returns
    -------
    Matrix
        Always the same one for the same code: all seeds are fixed.
    """
    chosen = tuple(names) or tuple(exercises())
    made = list(wrong_answers(chosen))
    reports = way([*(reference(name) for name in chosen), *(answer for _, answer in made)])
    right, wrong = reports[: len(chosen)], reports[len(chosen) :]
    return Matrix(
        exercises=chosen,
        outcomes=tuple(
            Outcome(
                answer.exercise,
                kind,
                answer.label,
                answer.code,
                not report.right,
                report.numbers,
                report.mistake or "",
            )
            for (kind, answer), report in zip(made, wrong, strict=True)
        ),
        rejected=tuple(
            name
            for name, report in zip(chosen, right, strict=True)
            if not report.right or report.numbers or report.mistake
        ),
    )
