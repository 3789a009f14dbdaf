"""What a slip is: a way to turn the reference's answer into one particular wrong answer.

The catalogue itself stands in `autograder.soundness.catalogue`: one `Kind` for each of the 35
kinds of mistakes, with its slips, or with the reason why it cannot be made here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from textwrap import indent

import numpy as np

from autograder.soundness.answers import Answer, reference
from course_autograd.exercises import Case, Exercise, find
from course_autograd.exercises.base import Array
from course_autograd.exercises.operation_exercise import OperationExercise

PREDICTED = "the wrong rule is given: what it does is predicted, nothing is derived or programmed"


class StaleSlipError(Exception):
    """A slip changes a line that the reference no longer has."""


@dataclass(frozen=True)
class Slip:
    """One way to make a mistake.

    Attributes
    ----------
    label : str
        What is done wrong, in a few words.
    change : callable
        Takes the exercise and the code of its reference; returns the wrong code.
    suits : callable, optional
        Takes an exercise about an operation; returns why this slip cannot be made there, "" if it
        can. Only asked for slips that are made everywhere.
    """

    label: str
    change: Callable[[Exercise, str], str]
    suits: Callable[[OperationExercise], str] = lambda _: ""

    def answer(self, exercise: str) -> Answer:
        """Return the wrong answer to `exercise`."""
        return Answer(exercise, self.label, self.change(find(exercise), reference(exercise).code))


@dataclass(frozen=True)
class Synonym:
    """Another name for the same values, and why it is as good.

    Attributes
    ----------
    number : int
        The kind that is named.
    why : str
        Why nothing in the values tells the two apart, or why the other name helps more.
    """

    number: int
    why: str


@dataclass(frozen=True)
class Kind:
    """One kind of mistake of the catalogue.

    Attributes
    ----------
    number : int
        Its number in the catalogue.
    name : str
        What it is, in a few words.
    everywhere : tuple of Slip
        Slips that wrap any right rule, also that of an instructor's own operation.
    own : mapping of str to tuple of Slip
        Slips of single exercises.
    why_not : mapping of str to str
        Exercise, or kind of exercise (``"rule"``, ``"whole"``, ``"function"``, ``"values"``,
        ``"*"`` for all) -> why this mistake cannot be made there.
    synonyms : mapping of str to tuple of Synonym
        Exercise (``"*"``: all) -> names that are as good.
    """

    number: int
    name: str
    everywhere: tuple[Slip, ...] = ()
    own: Mapping[str, tuple[Slip, ...]] = field(default_factory=dict)
    why_not: Mapping[str, str] = field(default_factory=dict)
    synonyms: Mapping[str, tuple[Synonym, ...]] = field(default_factory=dict)

    def applies(self, exercise: str) -> bool:
        """Whether the mistake can be made in `exercise`."""
        return bool(self.slips(exercise))

    def slips(self, exercise: str) -> tuple[Slip, ...]:
        """Return all ways to make this mistake in `exercise`."""
        chosen = find(exercise)
        wrapped: tuple[Slip, ...] = ()
        if isinstance(chosen, OperationExercise) and exercise not in self.why_not:
            wrapped = tuple(slip for slip in self.everywhere if not slip.suits(chosen))
        return wrapped + tuple(self.own.get(exercise, ()))

    def reason(self, exercise: str) -> str:
        """Return why the mistake cannot be made in `exercise`; "" if nobody has written it down."""
        chosen = find(exercise)
        if chosen.kind == "break":
            return PREDICTED
        for key in (exercise, chosen.kind, "*"):
            if key in self.why_not:
                return self.why_not[key]
        if isinstance(chosen, OperationExercise) and self.everywhere:
            return self.everywhere[0].suits(chosen)
        return ""

    def numbers(self, exercise: str) -> tuple[int, ...]:
        """Return the numbers that count as the right name in `exercise`, its own first."""
        others = (*self.synonyms.get("*", ()), *self.synonyms.get(exercise, ()))
        return (self.number, *(one.number for one in others))


# --- ways to write a slip ----------------------------------------------------------------------


def wrapped(label: str, body: str, suits: Callable[[OperationExercise], str] | None = None) -> Slip:
    """Wrap the right rule: `body` sees ``right``, ``ctx`` and ``grad_output``."""

    def change(exercise: Exercise, code: str) -> str:
        name = exercise.name
        if exercise.kind == "whole":
            rule = f"@staticmethod\ndef backward(ctx, grad_output):\n{indent(body, '    ')}\n"
            return (
                f"{code}\n\n\nhonest = {name}\nright = honest.backward\n\n\n"
                f"@implements(ops.{name})\nclass {name}(Operation):\n"
                f"    @staticmethod\n    def forward(ctx, *inputs, **options):\n"
                f"        return honest.forward(ctx, *inputs, **options)\n\n"
                f"{indent(rule, '    ')}"
            )
        return (
            f"{code}\n\n\nright = {name}_backward\n\n\n"
            f"@backward_of(ops.{name})\ndef {name}_backward(ctx, grad_output):\n"
            f"{indent(body, '    ')}\n"
        )

    return Slip(label, change, suits or (lambda _: ""))


def edit(label: str, *pairs: str) -> Slip:
    """Replace pieces of the reference's code: old, new, old, new, ..."""
    changes = list(zip(pairs[::2], pairs[1::2], strict=True))

    def change(exercise: Exercise, code: str) -> str:
        for old, new in changes:
            if old not in code:
                raise StaleSlipError(
                    f"{exercise.name}, '{label}': the reference has no {old!r} any more. Write "
                    "the slip anew from the reference's present code."
                )
            code = code.replace(old, new)
        return code

    return Slip(label, change)


def rule(label: str, body: str) -> Slip:
    """Write the backward rule anew: `body` sees ``ctx`` and ``grad_output``."""

    def change(exercise: Exercise, code: str) -> str:  # noqa: ARG001 - nothing of it is kept
        return (
            f"@backward_of(ops.{exercise.name})\n"
            f"def {exercise.name}_backward(ctx, grad_output):\n{indent(body, '    ')}\n"
        )

    return Slip(label, change)


def whole(label: str, inputs: str, forward: str, backward: str) -> Slip:
    """Write a whole operation anew."""

    def change(exercise: Exercise, code: str) -> str:  # noqa: ARG001 - nothing of it is kept
        return (
            f"@implements(ops.{exercise.name})\nclass {exercise.name}(Operation):\n"
            f"    @staticmethod\n    def forward(ctx, {inputs}):\n{indent(forward, '        ')}\n\n"
            f"    @staticmethod\n    def backward(ctx, grad_output):\n"
            f"{indent(backward, '        ')}\n"
        )

    return Slip(label, change)


def numbers(label: str, values: Mapping[str, float | bool]) -> Slip:
    """Change entries of a dict of values."""

    def change(exercise: Exercise, code: str) -> str:
        unknown = [key for key in values if key not in exercise.facets]
        if unknown:
            raise StaleSlipError(f"{exercise.name}, '{label}': there is no key {unknown[0]!r}.")
        return f"{code}\n\n{exercise.name}.update({dict(values)!r})\n"

    return Slip(label, change)


# --- what an operation is like -----------------------------------------------------------------


@cache
def _smooth_cases(exercise: OperationExercise) -> tuple[Case, ...]:
    cases = exercise.cases(np.random.default_rng(0))
    return tuple(case for case in cases if case.kind == "smooth")


def _upstream(case: Case) -> Array:
    assert case.upstream is not None
    return case.upstream


def two_inputs(exercise: OperationExercise) -> str:
    """Two gradients can change places."""
    return "" if len(exercise.names) > 1 else "there is only one input, hence one gradient"


def matrices(exercise: OperationExercise) -> str:
    """Only a matrix can be transposed."""
    found = any(array.ndim > 1 for case in _smooth_cases(exercise) for array in case.arrays)
    return "" if found else "no input is a matrix"


def array_upstream(exercise: OperationExercise) -> str:
    """Numbers cannot be changed in place; arrays can."""
    found = any(np.ndim(_upstream(case)) for case in _smooth_cases(exercise))
    return "" if found else "the output is one number, which cannot be changed in place"


def number_upstream(exercise: OperationExercise) -> str:
    """The output is one number, made of arrays."""
    cases = _smooth_cases(exercise)
    numbers_only = all(np.ndim(_upstream(case)) == 0 for case in cases)
    arrays = any(array.ndim for case in cases for array in case.arrays)
    return "" if numbers_only and arrays else "the output is not one number made of many"


def same_shape(exercise: OperationExercise) -> str:
    """The upstream gradient is an array of the first input's shape."""
    found = any(
        _upstream(case).shape == case.arrays[0].shape != () for case in _smooth_cases(exercise)
    )
    return "" if found else "the upstream gradient has another shape than the input"


def plain_numbers(exercise: OperationExercise) -> str:
    """Some input is a plain number."""
    found = any(array.ndim == 0 for case in _smooth_cases(exercise) for array in case.arrays)
    return "" if found else "no input of this operation is a plain number"


def saved_arrays(exercise: OperationExercise) -> str:
    """Forward of the package saves an array."""
    if exercise.kind == "whole":
        return "what is saved is the student's own; see the exercise's own entries"
    return "" if _saved(exercise) else "ctx holds no array that could be changed"


def saved_like_an_input(exercise: OperationExercise) -> str:
    """Forward of the package saves an array in which a gradient has room."""
    if exercise.kind == "whole":
        return "what is saved is the student's own"
    case = _smooth_cases(exercise)[-1]
    shapes = {array.shape for array in case.arrays if array.ndim}
    found = any(one.dtype.kind == "f" and one.shape in shapes for one in _saved(exercise))
    return "" if found else "ctx holds no array in which a gradient has room"


def _saved(exercise: OperationExercise) -> list[Array]:
    case = _smooth_cases(exercise)[-1]
    ctx: list[object] = []
    exercise.operation.declared_forward(ctx, *case.arrays, **case.options)
    return [one for one in ctx if isinstance(one, np.ndarray)]
