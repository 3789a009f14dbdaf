"""Break-it exercises: a wrong rule is given; who understands it can say where it fails.

The rule is public and there is no answer key. What a student predicts, and the inputs a student
finds, are held against gradients measured from the operation's declared forward rule.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from course_autograd import ops
from course_autograd.exercises.base import (
    Answer,
    Array,
    Case,
    Exercise,
    Finding,
    Observation,
    Trouble,
)
from course_autograd.exercises.operation_exercise import draw_upstream
from course_autograd.exercises.values import close, number_words, plain_answer
from course_autograd.numeric import RELATIVE, TRUST, jacobian
from course_autograd.operation import Operation

WRONG_AT, RIGHT_AT = "wrong at", "right at"
PREDICTED = 1e-6  # how far a prediction may be off; relative for numbers above 1
LIMIT = 20  # rows, columns and numbers of rows that an input may have
LARGEST = 1e6  # entries beyond this are of no use here
Options = Mapping[str, Any]
Rule = Callable[[Sequence[Any], Any], tuple[Any, ...]]


# --- the wrong rules: each stands in its notebook as well ----------------------------------------


def broken_power(ctx: Sequence[Any], grad_output: Any) -> tuple[Any, ...]:
    """Rule of z = x ** exponent, elementwise; ctx holds [x, exponent]. It is WRONG."""
    x, exponent = ctx
    return (grad_output * exponent * x**exponent,)


def broken_sigmoid(ctx: Sequence[Any], grad_output: Any) -> tuple[Any, ...]:
    """Rule of z = sigma(y), elementwise; ctx holds [output]. It is WRONG."""
    (output,) = ctx
    return (grad_output * (1 - output),)


def broken_add_bias(ctx: Sequence[Any], grad_output: Any) -> tuple[Any, ...]:  # noqa: ARG001
    """Rule of z = x + b, x is (N, M), b is (M,); ctx is empty. It is WRONG for b."""
    return grad_output, grad_output.mean(axis=0)


def broken_lookup(ctx: Sequence[Any], grad_output: Any) -> tuple[Any, ...]:
    """Rule of z = table[rows]; ctx holds [table.shape, rows]. It is WRONG."""
    shape, rows = ctx
    gradient = np.zeros(shape)
    gradient[rows] = grad_output
    return (gradient,)


# --- inputs that students supply ------------------------------------------------------------------


class Input(ABC):
    """What kind of input is asked for: how it is read, checked and put into the operation."""

    wanted: str

    def read(self, value: Any) -> Array | Answer:
        """Return an answer as an array; None if there is none; in words if it is something else.

        Runs where the student's objects are, and never raises because of them.
        """
        plain = plain_answer(value)
        if plain is None or (isinstance(plain, str) and "array or list" not in plain):
            return plain
        if isinstance(plain, bool):
            return str(plain)
        if isinstance(plain, float):
            return np.array(plain)
        try:
            array = np.asarray(value)
            if array.dtype.kind not in "iuf" or array.size > LIMIT * LIMIT:
                return str(plain)
            exact = array.dtype.kind == "f" or array.size == 0
            return array.astype(np.float64 if exact else np.int64)
        except Exception:  # whatever a foreign object does when it is asked for its numbers
            return str(plain)

    @abstractmethod
    def fault(self, array: Array) -> str:
        """Say what is wrong with an input, as the end of a sentence; "" if nothing is."""

    @abstractmethod
    def place(self, array: Array) -> tuple[tuple[Array, ...], Options]:
        """Return inputs and options of the operation."""

    @abstractmethod
    def words(self, array: Array) -> str:
        """Name the input in a sentence."""


def fault_of_entries(array: Array) -> str:
    """Say which entries are of no use."""
    if not np.all(np.isfinite(array)):
        return "every entry must be a finite number, got nan or infinity"
    if np.any(np.abs(array.astype(np.float64)) > LARGEST):
        return f"choose numbers between −{LARGEST:,.0f} and {LARGEST:,.0f}"
    return ""


@dataclass(frozen=True)
class Number(Input):
    """One number, called `name`."""

    name: str
    wanted: str = "one number"

    def fault(self, array: Array) -> str:
        """One finite number is asked for."""
        return fault_of_entries(array) if array.ndim == 0 else f"expected {self.wanted}"

    def place(self, array: Array) -> tuple[tuple[Array, ...], Options]:
        """The number is the operation's only input."""
        return (array.astype(np.float64),), {}

    def words(self, array: Array) -> str:
        """Return such as "x = 2"."""
        return f"{self.name} = {number_words(float(array))}"


@dataclass(frozen=True)
class Power(Number):
    """One number, which is raised to a fixed power."""

    exponent: int = 3

    def place(self, array: Array) -> tuple[tuple[Array, ...], Options]:
        """The exponent is a constant."""
        return (array.astype(np.float64),), {"exponent": self.exponent}


@dataclass(frozen=True)
class Matrix(Input):
    """A matrix as a list of rows; the bias has zeros."""

    wanted: str = "a matrix, written as a list of rows, each of them a list of numbers"

    def fault(self, array: Array) -> str:
        """A matrix with at least one entry is asked for."""
        if array.ndim == 2 and array.size == 0:
            return "an empty matrix has nothing to add up: give it at least one row and one column"
        if array.ndim != 2:
            return f"expected {self.wanted}"
        if max(array.shape) > LIMIT:
            return f"choose a smaller matrix: at most {LIMIT} rows and {LIMIT} columns"
        return fault_of_entries(array)

    def place(self, array: Array) -> tuple[tuple[Array, ...], Options]:
        """A bias of zeros is added to every row."""
        return (array.astype(np.float64), np.zeros(array.shape[1])), {}

    def words(self, array: Array) -> str:
        """Return such as "a matrix x with 2 rows and 1 column"."""
        counts = zip(array.shape, ("row", "column"), strict=True)
        rows, columns = (f"{count} {name}{'s' * (count > 1)}" for count, name in counts)
        return f"a matrix x with {rows} and {columns}"


@dataclass(frozen=True)
class Rows(Input):
    """Numbers of rows of a table of the shape `table`."""

    table: tuple[int, int]

    @property
    def wanted(self) -> str:  # type: ignore[override]
        """What is asked for."""
        return f"a list of row numbers from 0 to {self.table[0] - 1}"

    def fault(self, array: Array) -> str:
        """Integers in the range of the table are asked for, at least one."""
        if array.ndim == 1 and array.size == 0:
            return "an empty list looks nothing up: name at least one row"
        if array.ndim != 1:
            return f"expected {self.wanted}"
        if array.dtype.kind != "i":
            return f"row numbers are integers, without a point. Expected {self.wanted}"
        if array.size > LIMIT:
            return f"choose a shorter list: at most {LIMIT} row numbers"
        if np.any(array < 0) or np.any(array >= self.table[0]):
            return f"the table has the rows 0 to {self.table[0] - 1}"
        return ""

    def place(self, array: Array) -> tuple[tuple[Array, ...], Options]:
        """The rows are a constant; the table's entries do not matter."""
        return (np.zeros(self.table),), {"rows": array}

    def words(self, array: Array) -> str:
        """Return such as "rows [1, 2]"."""
        return f"rows {[int(one) for one in array]}"


# --- the exercise ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Probe:
    """One numbered trial of the rule: an input, an upstream gradient, and the entry looked at.

    Parameters
    ----------
    given : array_like
        The input, as a student would write it.
    upstream : array_like
        The gradient that arrives.
    entry : tuple of int
        Which entry of the gradient is asked about; () for a number.
    """

    given: Any
    upstream: Any
    entry: tuple[int, ...] = ()


@dataclass(frozen=True)
class Trial:
    """What the rule returned, and what was measured."""

    rule: Array
    truth: Array
    bound: float

    @property
    def passes(self) -> bool:
        """Whether a check would call the rule right here."""
        return bool(np.max(np.abs(self.rule - self.truth)) <= self.bound)


class BreakExercise(Exercise):
    """Predict at each probe how far a wrong rule is off; find where it is wrong, and where right.

    Parameters
    ----------
    name, assignment : str
        As for every exercise.
    operation : type of Operation
        What the rule claims to be the backward rule of.
    rule : callable
        ``rule(ctx, grad_output)``: the wrong rule.
    saves : callable
        ``saves(output, inputs, options)``: what is in ctx.
    position : int
        The input whose gradient is wrong.
    given : Input
        What kind of input is asked for.
    probes : tuple of Probe
        Numbered from 1.
    reread : str
        Where the lecture says it.
    """

    kind = "break"
    how = "with random upstream gradients"

    def __init__(
        self,
        name: str,
        assignment: str,
        operation: type[Operation],
        rule: Rule,
        saves: Callable[[Array, Sequence[Array], Options], list[Any]],
        position: int,
        given: Input,
        probes: tuple[Probe, ...],
        reread: str,
    ) -> None:
        self.name = name
        self.assignment = assignment
        self.operation = operation
        self.rule = rule
        self.saves = saves
        self.position = position
        self.given = given
        self.probes = {f"probe {number}": probe for number, probe in enumerate(probes, start=1)}
        self.facets = (*self.probes, WRONG_AT, RIGHT_AT)
        self.reread = reread

    def todo(self) -> str:
        """Say where the answers are to be written."""
        return (
            f"Replace each ... in {self.name} by your answer (assignment {self.assignment}); run "
            "that cell and check again."
        )

    def question(self, result: str) -> str:
        """Ask about the two gradients, or about what they have in common."""
        if result == WRONG_AT:
            return "Try a few inputs: where do the rule and a central difference disagree?"
        if result == RIGHT_AT:
            return "What must the input be like, so that the mistake in the rule changes nothing?"
        return (
            "Which number does the rule return at this probe? And which one would a right rule "
            "return?"
        )

    def find_answer(self, namespace: Mapping[str, Any]) -> Any | None:
        """Return the dict of this exercise's name."""
        return namespace.get(self.name)

    def cases(self, rng: np.random.Generator) -> list[Case]:
        """Return the one case there is; its upstream gradient is for the inputs to come."""
        return [Case("break", "", upstream=draw_upstream(rng, (LIMIT, LIMIT), 1), kind="break")]

    def run(self, answer: Any, case: Case) -> Observation:  # noqa: ARG002
        """Read predictions and inputs out of the dict; the inputs travel as ``raw``."""
        if not isinstance(answer, Mapping):
            message = f"{self.name} must be a dict, got a {type(answer).__name__}."
            return Observation(error=Trouble("contract", message))
        answers: dict[str, Answer] = {key: plain_answer(answer.get(key)) for key in self.probes}
        inputs: list[Array | None] = []
        for key in (WRONG_AT, RIGHT_AT):
            read = self.given.read(answer.get(key))
            inputs.append(read if isinstance(read, np.ndarray) else None)
            answers[key] = None if isinstance(read, np.ndarray) else read
        return Observation(answers=answers, raw=tuple(inputs))

    def judge(self, case: Case, observation: Observation) -> Finding:
        """Judge each prediction and each input on its own."""
        if observation.error is not None:
            return Finding(
                case.label,
                dict.fromkeys(self.facets, False),
                (observation.error.message,),
                undone=observation.error.kind == "undone",
            )
        passed: dict[str, bool] = {}
        facts: list[str] = []
        missing: list[str] = []
        supplied = dict(zip((WRONG_AT, RIGHT_AT), observation.raw, strict=False))
        for key in self.facets:
            answer, array = observation.answers.get(key), supplied.get(key)
            if key in self.probes:
                fact = None if answer is None else self._judge_prediction(key, answer)
            elif array is not None:
                fact = self._judge_input(key, array, case)
            else:
                fact = None if answer is None else f"expected {self.given.wanted}, got {answer}."
            passed[key] = fact == ""
            if fact is None:
                missing.append(key)
            elif fact:
                facts.append(f"{key}: {fact}")
        if missing:
            facts.append(f"not answered yet: {', '.join(missing)}.")
        # No mistake of the catalogue is sought: the question belongs to the first wrong entry.
        fits = {key: () for key in self.facets if not passed[key] and key not in missing}
        undone = len(missing) == len(self.facets)
        return Finding(case.label, passed, tuple(facts), fits=fits, undone=undone)

    def _judge_prediction(self, key: str, answer: Answer) -> str:
        """Compare a prediction with what the rule really does; "" if it is right."""
        if isinstance(answer, bool) or not isinstance(answer, int | float):
            return f"expected a number, got {answer}."
        probe, trial = self.probes[key], self.trials[key]
        returned, truth = float(trial.rule[probe.entry]), float(trial.truth[probe.entry])
        gap = returned - truth
        if close(answer, gap, PREDICTED):
            return ""
        said = f"not yet (yours was {number_words(answer)})."
        passes = close(0.0, gap, PREDICTED)
        looks_like = (
            (-gap, not passes, "The size is right. Which of the two gradients comes first?"),
            (
                returned,
                True,
                "This is what the rule returns. How far is it from the right gradient?",
            ),
            (truth, True, "This is the right gradient. How far is the rule from it?"),
        )
        for number, applies, words in looks_like:
            if applies and close(answer, number, PREDICTED):
                return f"{said} {words}"
        return said

    def _judge_input(self, key: str, array: Array, case: Case) -> str:
        """Try the rule at an input of the student's; "" if it does there what it is to do."""
        fault = self.given.fault(array)
        if fault:
            return f"{fault}."
        inputs, options = self.given.place(array)
        assert case.upstream is not None
        trial = self.try_rule(inputs, options, case.upstream)
        if trial.passes == (key == RIGHT_AT):
            return ""
        where = self.given.words(array)
        if key == RIGHT_AT:
            return f"not yet. At {where} the rule is wrong: its gradient is off."
        return f"not yet. At {where} the rule is right: its gradient passes the check."

    @cached_property
    def trials(self) -> dict[str, Trial]:
        """What the rule does at each probe."""
        found = {}
        for key, probe in self.probes.items():
            inputs, options = self.given.place(np.asarray(probe.given))
            upstream = np.asarray(probe.upstream, dtype=np.float64)
            found[key] = self.try_rule(inputs, options, upstream)
        return found

    def try_rule(self, inputs: tuple[Array, ...], options: Options, upstream: Array) -> Trial:
        """Ask the wrong rule, and measure.

        Parameters
        ----------
        inputs, options
            Where.
        upstream : ndarray
            The upstream gradient, of the output's shape; of a larger one the first entries.
        """
        forward, position = self.operation.declared_forward, self.position

        def moved(_ctx: list[Any], one: Any) -> Any:
            values = [one if k == position else other for k, other in enumerate(inputs)]
            return forward([], *values, **options)

        measured = jacobian(moved, (inputs[position],))
        output = measured.output
        arriving = np.ravel(upstream)[: output.size].reshape(output.shape)
        (truth,) = measured.vjp(arriving)
        answered = self.rule(self.saves(output, inputs, options), arriving)[position]
        returned = np.broadcast_to(np.asarray(answered, dtype=np.float64), truth.shape)
        # In units of the upstream gradient: what passes must not depend on how large it was drawn.
        unit = float(np.max(np.abs(arriving), initial=0.0))
        error = float(np.max(measured.errors[0] @ np.abs(np.ravel(arriving)), initial=0.0))
        largest = float(np.max(np.abs(truth), initial=0.0))
        return Trial(returned, truth, max(RELATIVE * max(unit, largest), TRUST * error))


BREAK_POWER = BreakExercise(
    "break_power",
    "01_chain_rule",
    ops.power,
    broken_power,
    lambda _output, inputs, options: [inputs[0], options["exponent"]],
    0,
    Power("x"),
    (Probe(2.0, 1.0), Probe(-1.0, 0.5), Probe(4.0, 0.0)),
    "the derivatives of the first powers, and the test with numbers (LING 574, debugging)",
)

BREAK_SIGMOID = BreakExercise(
    "break_sigmoid",
    "02_sigmoid",
    ops.sigmoid,
    broken_sigmoid,
    lambda output, _inputs, _options: [output],
    0,
    Number("y"),
    (Probe(0.0, 1.0), Probe(3.0, 0.0), Probe(-1000.0, 2.0)),
    "how steep σ is, and where it is flat: the cell “Predict before you run”",
)

BREAK_ADD_BIAS = BreakExercise(
    "break_add_bias",
    "03_norm_squared",
    ops.add_bias,
    broken_add_bias,
    lambda _output, _inputs, _options: [],
    1,
    Matrix(),
    (
        Probe([[0.0], [0.0], [0.0]], [[1.0], [2.0], [3.0]], (0,)),
        Probe([[0.0], [0.0], [0.0]], [[2.0], [-5.0], [3.0]], (0,)),
        Probe([[0.0], [0.0]], [[-3.0], [1.0]], (0,)),
    ),
    "the part on a bias for every row: how often is each entry of b used?",
)

BREAK_LOOKUP = BreakExercise(
    "break_lookup",
    "04_mlp",
    ops.lookup,
    broken_lookup,
    lambda _output, inputs, options: [inputs[0].shape, options["rows"]],
    0,
    Rows((4, 1)),
    (
        Probe([2, 0, 2], [[2.0], [5.0], [3.0]], (2, 0)),
        Probe([3, 3], [[0.0], [4.0]], (3, 0)),
        Probe([1, 1, 1], [[2.0], [-3.0], [5.0]], (1, 0)),
    ),
    "the part on words as rows of a table: the last writer wins",
)

BROKEN = (BREAK_POWER, BREAK_SIGMOID, BREAK_ADD_BIAS, BREAK_LOOKUP)
