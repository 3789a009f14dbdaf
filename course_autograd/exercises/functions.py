"""Exercises whose answer is a plain function: how it is found, and how its result is read."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from course_autograd.exercises.base import (
    Answer,
    Array,
    Case,
    Exercise,
    Finding,
    Observation,
    Trouble,
)
from course_autograd.exercises.observe import observe, stopped
from course_autograd.symptoms import from_error

CLOSE = 1e-9  # for results that involve no measuring


class FunctionExercise(Exercise):
    """A function with a fixed name and fixed arguments."""

    kind = "function"
    signature: str

    def find_answer(self, namespace: Mapping[str, Any]) -> Any | None:
        """Return the function of this exercise's name."""
        return namespace.get(self.name)

    def todo(self) -> str:
        """Say where the function is to be written."""
        return (
            f"Write the function {self.signature} (assignment {self.assignment}), without the "
            "line that raises NotImplementedError; run that cell and check again."
        )

    def run(self, answer: Any, case: Case) -> Observation:
        """Call the function with copies of what the case holds."""
        if not callable(answer):
            message = f"{self.name} must be a function, got a {type(answer).__name__}."
            return Observation(error=Trouble("contract", message))
        return observe(lambda: self.ask(answer, case))

    @abstractmethod
    def ask(self, answer: Any, case: Case) -> Observation:
        """Call `answer`; may raise."""

    def judge(self, case: Case, observation: Observation) -> Finding:
        """Deal with answers that returned nothing usable, and hand the others on."""
        error = observation.error
        if error is None:
            return self.compare(case, observation)
        return Finding(
            case.label,
            {case.facet: False},
            stopped(error) if error.kind == "exception" else (error.message,),
            mistakes=from_error(error.message, self.name, error.line),
            undone=error.kind == "undone",
            printed=observation.printed,
            stopped=error.kind == "exception",
        )

    @abstractmethod
    def compare(self, case: Case, observation: Observation) -> Finding:
        """Compare with the truth."""


def broken(message: str) -> Observation:
    """Return the observation of a result that is none: one sentence says what it should be."""
    return Observation(error=Trouble("contract", message))


def kind_of(result: Any) -> str:
    """Say what a function returned, in words that end a sentence."""
    return "nothing (None)" if result is None else f"a {type(result).__name__}"


def as_number(answer: Answer) -> float | None:
    """Return a named answer as a float; None if it is no number."""
    is_number = isinstance(answer, int | float) and not isinstance(answer, bool)
    return float(answer) if is_number else None  # type: ignore[arg-type]


def near(found: Any, truth: Any, tolerance: float = CLOSE) -> bool:
    """Whether two numbers or arrays of the same shape agree, relative to the largest entry."""
    left, right = np.asarray(found, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if left.shape != right.shape or not np.all(np.isfinite(left)):
        return False
    bound = tolerance * max(1.0, float(np.max(np.abs(right), initial=0.0)))
    with np.errstate(all="ignore"):
        return bool(np.max(np.abs(left - right), initial=0.0) <= bound)


def explained(
    found: Any, predictions: Mapping[str, tuple[Array, ...]], tolerance: float
) -> tuple[str, ...]:
    """Return the mistakes that predict `found`."""
    return tuple(
        key
        for key, several in predictions.items()
        if any(near(found, one, tolerance) for one in several)
    )


def refuted(
    found: Any, predictions: Callable[[], Mapping[str, tuple[Array, ...]]], tolerance: float
) -> Callable[[], tuple[str, ...]]:
    """Return what works out the mistakes that predict something else than `found`."""

    def work_out() -> tuple[str, ...]:
        known = predictions()
        fits = explained(found, known, tolerance)
        return tuple(key for key in known if key not in fits)

    return work_out
