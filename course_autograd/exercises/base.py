"""What an exercise is, and the plain data that flows through its judging.

One pipeline serves ``check`` and the grader:

    exercise.cases(rng)              -> list of Case       made where it is trusted
    exercise.run(answer, case)       -> Observation        the only step that touches student code
    exercise.judge(case, observation) -> Finding           mathematics only; trusted again
    report(exercise, findings)       -> Report             see `course_autograd.exercises.report`

Cases and observations can cross to another process: `to_wire` and `from_wire`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from course_autograd.exercises.plain import WireError, header_of, pack, text, unpack

Array: TypeAlias = npt.NDArray[Any]
Wire: TypeAlias = tuple[dict[str, Any], list[Array]]
Answer: TypeAlias = float | bool | str | None

CLEAN = "clean"  # the facet of what only the process that runs student code can see
CLEAN_WEIGHT = 0.1
ERRORS = ("undone", "contract", "exception", "missing")
FLAGS = (
    "changed_grad_output",
    "changed_inputs",
    "changed_ctx",
    "shares_memory",
    "second_call_differs",
    "mixed_up",
    "warned",
)
MAX_GRADIENTS = 64
WORKED_OUT = ("values", "break")  # kinds whose answer is a dict of numbers, worked out anyhow


@dataclass(frozen=True)
class Case:
    """One question put to an answer: inputs, options, upstream gradient.

    Parameters
    ----------
    facet : str
        The part of the points this case decides, such as ``"broadcasting"``.
    label : str
        The case in words: ``"x (3, 4), y (4,)"``.
    arrays : tuple of ndarray
        Inputs, one per input of the operation; arrays of shape () stand for numbers.
    options : mapping
        Keyword arguments: plain data and integer arrays.
    upstream : ndarray or None
        The gradient of the output, of the output's shape.
    kind : str
        ``"smooth"``, ``"kink"`` or ``"graph"`` for operations; other exercises have their own.
    secret : int
        Seed of what the judge draws for itself, such as the directions along which a gradient is
        confirmed. It never crosses to the other process.
    """

    facet: str
    label: str
    arrays: tuple[Array, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    upstream: Array | None = None
    kind: str = "smooth"
    secret: int = 0

    def to_wire(self) -> Wire:
        """Return a JSON-able header and a list of arrays; nobody is to change them."""
        return self._wire

    @cached_property
    def _wire(self) -> Wire:
        arrays: list[Array] = []
        header = {
            "facet": self.facet,
            "label": self.label,
            "kind": self.kind,
            "arrays": pack(tuple(self.arrays), arrays),
            "options": pack(dict(self.options), arrays),
            "upstream": pack(self.upstream, arrays),
        }
        return header, arrays

    @classmethod
    def from_wire(cls, header: Any, arrays: list[Array]) -> Case:
        """Undo `to_wire`.

        Raises
        ------
        WireError
            If `header` is anything else.
        """
        header = header_of(header, ("facet", "label", "kind", "arrays", "options", "upstream"))
        inputs = unpack(header["arrays"], arrays)
        options = unpack(header["options"], arrays)
        if not isinstance(options, dict):
            raise WireError("expected options as a dict")
        upstream = unpack(header["upstream"], arrays)
        return cls(
            facet=text(header["facet"]),
            label=text(header["label"]),
            kind=text(header["kind"]),
            arrays=tuple(array for array in _arrays(inputs) if array is not None),
            options=options,
            upstream=_array(upstream),
        )


@dataclass(frozen=True)
class Trouble:
    """What kept an answer from giving a result.

    Parameters
    ----------
    kind : str
        ``"undone"`` (not written yet), ``"contract"`` (no valid gradients), ``"exception"`` or
        ``"missing"`` (no answer came back at all).
    message : str
        One sentence; for an exception its type and text.
    line : str
        The line of the answer that raised it, where it is known.
    """

    kind: str
    message: str
    line: str = ""


@dataclass(frozen=True)
class Observation:
    """What an answer did with a case.

    Parameters
    ----------
    output : ndarray or None
        The value computed.
    gradients : tuple of (ndarray or None)
        One per input, after the gradient contract; empty where it was broken.
    raw : tuple of (ndarray or None)
        What the rule returned, before any summing back: used to name mistakes.
    ones : tuple of (ndarray or None)
        What the rule returned for an upstream gradient of ones: used to name mistakes.
    answers : mapping of str to number, bool, str or None
        Named numbers. A text describes what came instead of a number; None means unanswered.
    error : Trouble or None
        What went wrong instead.
    flags : frozenset of str
        Members of `FLAGS`: things only the process that ran the answer can see.
    printed : str
        The beginning of what the answer printed.
    """

    output: Array | None = None
    gradients: tuple[Array | None, ...] = ()
    raw: tuple[Array | None, ...] = ()
    ones: tuple[Array | None, ...] = ()
    answers: Mapping[str, Answer] = field(default_factory=dict)
    error: Trouble | None = None
    flags: frozenset[str] = frozenset()
    printed: str = ""

    def to_wire(self) -> Wire:
        """Return a JSON-able header and a list of arrays."""
        arrays: list[Array] = []
        error = self.error
        header = {
            "output": pack(self.output, arrays),
            "gradients": pack(tuple(self.gradients), arrays),
            "raw": pack(tuple(self.raw), arrays),
            "ones": pack(tuple(self.ones), arrays),
            "answers": pack(dict(self.answers), arrays),
            "error": None if error is None else [error.kind, error.message, error.line],
            "flags": sorted(self.flags),
            "printed": self.printed,
        }
        return header, arrays

    @classmethod
    def from_wire(cls, header: Any, arrays: list[Array]) -> Observation:
        """Undo `to_wire`, trusting nothing.

        Raises
        ------
        WireError
            If anything in `header` or `arrays` is not what `to_wire` writes.
        """
        keys = ("output", "gradients", "raw", "ones", "answers", "error", "flags", "printed")
        header = header_of(header, keys)
        answers = unpack(header["answers"], arrays)
        if not isinstance(answers, dict) or not all(
            value is None or isinstance(value, bool | int | float | str)
            for value in answers.values()
        ):
            raise WireError("expected answers as a dict of numbers")
        flags = header["flags"]
        if not isinstance(flags, list) or not all(
            isinstance(flag, str) and flag in FLAGS for flag in flags
        ):
            raise WireError("unknown flags")
        return cls(
            output=_array(unpack(header["output"], arrays)),
            gradients=_arrays(unpack(header["gradients"], arrays)),
            raw=_arrays(unpack(header["raw"], arrays)),
            ones=_arrays(unpack(header["ones"], arrays)),
            answers=answers,
            error=_trouble(header["error"]),
            flags=frozenset(flags),
            printed=text(header["printed"]),
        )


def _array(value: Any) -> Array | None:
    if value is not None and not isinstance(value, np.ndarray):
        raise WireError("expected an array")
    return value


def _arrays(values: Any) -> tuple[Array | None, ...]:
    if not isinstance(values, tuple) or len(values) > MAX_GRADIENTS:
        raise WireError("expected a short tuple of arrays")
    return tuple(_array(value) for value in values)


def _trouble(data: Any) -> Trouble | None:
    if data is None:
        return None
    if not isinstance(data, list) or len(data) != 3 or data[0] not in ERRORS:
        raise WireError("expected an error of a known kind")
    return Trouble(text(data[0]), text(data[1]), text(data[2]))


@dataclass(frozen=True)
class Finding:
    """What one case showed.

    Parameters
    ----------
    label : str
        The case in words.
    passed : mapping of str to bool
        The facets this case decides, and whether each was right here.
    facts : tuple of str
        What was seen, in sentences; empty when all is right. The first says where.
    fits : mapping of str to tuple of str
        For each wrong result (such as ``"x"``) the keys of the mistakes that explain its values.
    refuted : mapping of str to tuple of str
        For each result, right or wrong, the mistakes which its values rule out.
    mistakes : tuple of str
        Mistakes that are certain without looking at other cases (from errors and flags).
    suspected : tuple of str
        Mistakes to be named only if all other cases are right.
    undone : bool
        The answer has not been written yet.
    printed : str
        What the answer printed meanwhile.
    stopped : bool
        The answer ended in an error, so that there are no values to be explained.
    doubts : tuple of str
        What could not be judged, and why; it counts as right.
    inputs : str
        The numbers of the case, if they are so few that it can be worked out on paper.
    expected : plain data
        What the answer was compared with; None where nothing was.
    """

    label: str
    passed: Mapping[str, bool]
    facts: tuple[str, ...] = ()
    fits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    refuted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    mistakes: tuple[str, ...] = ()
    suspected: tuple[str, ...] = ()
    undone: bool = False
    printed: str = ""
    stopped: bool = False
    doubts: tuple[str, ...] = ()
    inputs: str = ""
    expected: Any = None

    @property
    def right(self) -> bool:
        """Whether all facets of this case are right."""
        return all(self.passed.values())


class Exercise(ABC):
    """One exercise: where its answer is found, how it is tried, and what is right.

    Attributes
    ----------
    name : str
        Fixed name; also the grade id of its solution cell.
    assignment : str
        Such as ``"01_chain_rule"``.
    kind : str
        ``"rule"``, ``"whole"``, ``"function"``, ``"values"`` or ``"break"``.
    facets : tuple of str
        Parts of the points, in order; all but ``"clean"`` weigh the same.
    needs : tuple of str
        Operations whose package rule the answer may rely on.
    reread : str
        Where the lecture says it.
    how : str
        How the cases are drawn, in words.
    """

    name: str
    assignment: str
    kind: str
    facets: tuple[str, ...]
    needs: tuple[str, ...] = ()
    reread: str = ""
    how: str = ""

    @abstractmethod
    def find_answer(self, namespace: Mapping[str, Any]) -> Any | None:
        """Return the answer: a registered rule or a name in `namespace`; None if there is none."""

    @abstractmethod
    def cases(self, rng: np.random.Generator) -> list[Case]:
        """Draw the questions."""

    @abstractmethod
    def run(self, answer: Any, case: Case) -> Observation:
        """Put one question to `answer`. Never raises because of what the answer does."""

    @abstractmethod
    def judge(self, case: Case, observation: Observation) -> Finding:
        """Compare with what is true. Runs no code of the answer's."""

    def todo(self) -> str:
        """Say where the answer is to be written."""
        return (
            f"Write {self.name} in its cell (assignment {self.assignment}); run that cell and "
            "check again."
        )

    def question(self, result: str) -> str:  # noqa: ARG002
        """Ask something about a wrong result for which no mistake is known."""
        return "Which steps of the graph lie between this value and the output?"

    def unanswered(self) -> Finding:
        """Return the finding for an answer that is not there."""
        return Finding("", dict.fromkeys(self.facets, False), undone=True)

    def weights(self) -> dict[str, float]:
        """Return the share of the points that each facet carries; they add up to 1."""
        others = [facet for facet in self.facets if facet != CLEAN]
        rest = 1.0 - CLEAN_WEIGHT if CLEAN in self.facets else 1.0
        shares = {facet: rest / len(others) for facet in others}
        return shares | ({CLEAN: CLEAN_WEIGHT} if CLEAN in self.facets else {})

    def __repr__(self) -> str:
        return f"<exercise {self.name} of {self.assignment}>"
