"""Values exercises: a dict of numbers worked out by hand. One key, one share of the points.

No number here is the answer of its key: each is computed from the function itself, by evaluating
or by measuring a slope.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from course_autograd.exercises.base import Answer, Case, Exercise, Finding, Observation, Trouble
from course_autograd.mistakes import CATALOGUE
from course_autograd.numeric import jacobian

ON_PAPER = 12  # more numbers than that are not worked out by hand
QUOTED = "a text in quotes"
Number = float | bool
Numbers = float | tuple[float, ...]
Function = Callable[..., float]


EXACT = 1e-8  # measured slopes of the small functions here are better than this


def slope(function: Function, by: str, **point: float) -> float:
    """Measure the derivative of ``function(**point)`` with respect to the argument `by`."""
    rest = {name: value for name, value in point.items() if name != by}
    measured = jacobian(lambda _ctx, moved: function(**{by: moved}, **rest), (point[by],))
    return float(measured.blocks[0][0, 0])


@dataclass(frozen=True)
class Key:
    """One number to be found.

    Parameters
    ----------
    name : str
        The key in the student's dict.
    says : str
        What is asked, in one line.
    truth : callable
        Computes the right number.
    tolerance : float
        How far an answer may lie from it; relative for numbers above 1.
    wrong : mapping of str to callable
        Mistakes, by key of the catalogue, and the number (or numbers) each of them leads to.
    asks : str
        A question about a wrong number for which no mistake is known.
    """

    name: str
    says: str
    truth: Callable[[], Number]
    tolerance: float = EXACT
    wrong: Mapping[str, Callable[[], Numbers]] = field(default_factory=dict)
    asks: str = ""


class ValuesExercise(Exercise):
    """Numbers, each judged on its own."""

    kind = "values"

    def __init__(self, name: str, assignment: str, keys: tuple[Key, ...], reread: str) -> None:
        self.name = name
        self.assignment = assignment
        self.keys = keys
        self.facets = tuple(key.name for key in keys)
        self.reread = reread

    def todo(self) -> str:
        """Say where the numbers are to be written."""
        return (
            f"Replace each ... in {self.name} by your answer (assignment {self.assignment}); run "
            "that cell and check again."
        )

    def find_answer(self, namespace: Mapping[str, Any]) -> Any | None:
        """Return the dict of this exercise's name."""
        return namespace.get(self.name)

    def question(self, result: str) -> str:
        """Ask about the steps to the output, or, for a value, about what goes into it."""
        (key,) = (one for one in self.keys if one.name == result)
        if key.asks:
            return key.asks
        if isinstance(key.truth(), bool):
            return "What speaks for the other answer?"
        if "/d" in key.name or "gradient" in key.says:
            return super().question(result)
        return f"What is asked for is {key.says}. Which numbers go into it, and how?"

    def cases(self, rng: np.random.Generator) -> list[Case]:  # noqa: ARG002
        """Return the one case there is: the numbers of the notebook."""
        return [Case("values", "", kind="values")]

    def run(self, answer: Any, case: Case) -> Observation:  # noqa: ARG002
        """Read the numbers out of the dict."""
        if not isinstance(answer, Mapping):
            message = f"{self.name} must be a dict of numbers, got a {type(answer).__name__}."
            return Observation(error=Trouble("contract", message))
        return Observation(answers={name: plain_answer(answer.get(name)) for name in self.facets})

    def judge(self, case: Case, observation: Observation) -> Finding:
        """Judge each number on its own."""
        if observation.error is not None:
            return Finding(
                case.label,
                dict.fromkeys(self.facets, False),
                (observation.error.message,),
                undone=observation.error.kind == "undone",
            )
        passed: dict[str, bool] = {}
        facts: list[str] = []
        fits: dict[str, tuple[str, ...]] = {}
        for key in self.keys:
            given = observation.answers.get(key.name)
            passed[key.name] = right(given, key)
            if given is not None and not passed[key.name]:
                fits[key.name] = recognised(given, key)
                named = [CATALOGUE[one].name for one in fits[key.name] if one != "quotes"]
                looks = f" Looks like: {' or '.join(named)}." if named else ""
                facts.append(f"{key.name}: {shortcoming(given, key)}{looks}")
        open_keys = [name for name in self.facets if observation.answers.get(name) is None]
        if open_keys:
            facts.append(f"not answered yet: {', '.join(open_keys)}.")
        return Finding(
            case.label,
            passed,
            tuple(facts),
            fits=fits,
            undone=len(open_keys) == len(self.facets),
            expected={key.name: key.truth() for key in self.keys},
        )


def plain_answer(value: Any) -> Answer:
    """Return a number or bool as it is, None for ``...`` and nothing, else what it is in words."""
    if value is None or value is Ellipsis:
        return None
    if isinstance(value, str):
        return QUOTED
    if type(value).__module__.startswith("course_autograd"):
        return f"a {type(value).__name__}"
    try:
        array = np.asarray(value)
    except Exception:  # whatever a foreign object does when it is asked for its numbers
        return f"a {type(value).__name__}"
    if array.ndim == 0 and array.dtype.kind == "b":
        return bool(array)
    if array.ndim == 0 and array.dtype.kind in "iuf":
        return float(array)
    if array.ndim and array.dtype.kind in "iufb":
        return f"an array or list of shape {array.shape}"
    try:
        return float(value)  # very large integers, fractions
    except Exception:
        return f"a {type(value).__name__}"


def right(given: Answer, key: Key) -> bool:
    """Whether `given` answers `key`."""
    truth = key.truth()
    if isinstance(truth, bool) or isinstance(given, bool):
        return isinstance(truth, bool) and isinstance(given, bool) and given == truth
    return isinstance(given, int | float) and close(given, truth, key.tolerance)


def close(given: float, truth: float, tolerance: float) -> bool:
    """Whether two numbers agree up to `tolerance` (relative for numbers above 1)."""
    bound = tolerance if tolerance > 1e-3 else tolerance * max(1.0, abs(truth))
    return math.isfinite(given) and abs(given - truth) <= bound


def shortcoming(given: Answer, key: Key) -> str:
    """Say what is wrong with an answer, without saying the right one."""
    wanted = "True or False" if isinstance(key.truth(), bool) else "a number"
    if isinstance(given, str):
        fix = " Write it without quotes." if given == QUOTED else ""
        return f"expected {wanted}, got {given}.{fix}"
    if isinstance(given, bool) != isinstance(key.truth(), bool):
        return f"expected {wanted}, yours was {given}."
    return f"not yet (yours was {number_words(given)})."


def number_words(number: Answer, digits: int = 6) -> str:
    """Return a number in few digits, with a real minus sign."""
    if isinstance(number, bool) or not isinstance(number, int | float):
        return str(number)
    return f"{number:.{digits}g}".replace("-", "−")


def numbers_in_words(named: Mapping[str, Any]) -> str:
    """Return arrays by name with all their numbers, or "" if these are too many for paper."""
    if sum(np.size(value) for value in named.values()) > ON_PAPER:
        return ""
    return ", ".join(
        f"{name} = {_entries(np.asarray(one).tolist())}" for name, one in named.items()
    )


def _entries(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_entries, value)) + "]"
    return f"{value:.5g}".replace("-", "−")


def recognised(given: Answer, key: Key) -> tuple[str, ...]:
    """Return the mistakes that lead to exactly this number."""
    truth = key.truth()
    if given == QUOTED:
        return ("quotes",)
    if isinstance(given, bool | str) or given is None or isinstance(truth, bool):
        return ()
    named = {
        mistake
        for mistake, number in key.wrong.items()
        if any(close(given, one, max(key.tolerance, 1e-6)) for one in as_tuple(number()))
    }
    if close(given, -truth, key.tolerance) and abs(truth) > key.tolerance:
        named.add("sign")
    # The sign first: it is the smallest step from a wrong number to the right one.
    return tuple(sorted(named, key=lambda mistake: (mistake != "sign", mistake)))


def as_tuple(numbers: Numbers) -> tuple[float, ...]:
    """Return one number or several as a tuple."""
    return numbers if isinstance(numbers, tuple) else (numbers,)


# --- 01_chain_rule ----------------------------------------------------------------------


def _f(x: float, y: float, z: float) -> float:
    return (x + y) * z


def _qz(q: float, z: float) -> float:
    return q * z


X, Y, Z = -2.0, 5.0, -4.0

BY_HAND = ValuesExercise(
    "by_hand",
    "01_chain_rule",
    (
        Key("q", "the value of q = x + y", lambda: X + Y),
        Key("f", "the value of f = q z", lambda: _f(X, Y, Z)),
        Key(
            "df/dq",
            "derivative of the product with respect to q",
            lambda: slope(_qz, "q", q=X + Y, z=Z),
            wrong={"own": lambda: X + Y, "passed": lambda: 1.0},
        ),
        Key(
            "df/dz",
            "derivative of the product with respect to z",
            lambda: slope(_qz, "z", q=X + Y, z=Z),
            wrong={"own": lambda: Z, "passed": lambda: 1.0},
        ),
        Key(
            "df/dx",
            "through q to x",
            lambda: slope(_f, "x", x=X, y=Y, z=Z),
            wrong={"upstream": lambda: 1.0, "own": lambda: X * Z, "twice": lambda: Z**2},
        ),
        Key(
            "df/dy",
            "through q to y",
            lambda: slope(_f, "y", x=X, y=Y, z=Z),
            wrong={"upstream": lambda: 1.0, "own": lambda: Y * Z, "twice": lambda: Z**2},
        ),
    ),
    "part 1: small steps, local derivatives, walk back (JHU EN.601.482, “A Simple Example”)",
)

SENT = 2.0  # the upstream gradient in the exercise on patterns


def _pattern(name: str, function: Function, left: float, right: float) -> tuple[Key, Key]:
    """Make the two keys for what one operation sends to its left and to its right input."""

    def key(side: str, own: float) -> Key:
        return Key(
            f"{name}: {side}",
            f"{name}, upstream {SENT:g}: the gradient that arrives at the {side} input",
            lambda: SENT * slope(function, side, left=left, right=right),
            wrong={
                "upstream": lambda: slope(function, side, left=left, right=right),
                "passed": lambda: SENT,
                "twice": lambda: SENT**2 * slope(function, side, left=left, right=right),
                "own": lambda: SENT * own,
            },
        )

    return key("left", left), key("right", right)


PATTERNS = ValuesExercise(
    "patterns",
    "01_chain_rule",
    (
        *_pattern("add", lambda left, right: left + right, 3.0, 7.0),
        *_pattern("max of 3 and 7", lambda left, right: float(np.maximum(left, right)), 3.0, 7.0),
        *_pattern("mul of 3 and 7", lambda left, right: left * right, 3.0, 7.0),
    ),
    "part 4: distributes, routes, switches (JHU EN.601.482, “Patterns in Flow”)",
)


def _tree(x: float) -> float:
    return x * (x + 1)


def _cubic(x: float) -> float:
    return x**2 * (3 * x)


def _shared(a: float, b: float) -> float:
    return (a * b + 1) * (a * b + 2)


def _affine(a: float, x: float, b: float) -> float:
    return (a * x + b) ** 2


def _at_affine(by: str) -> float:
    return slope(_affine, by, a=2.0, x=3.0, b=1.0)


BRANCHES = ValuesExercise(
    "branches",
    "01_chain_rule",
    (
        Key(
            "x(x+1): dy/du",
            "y = x u with u = x + 1, at x = 17: the gradient at u",
            lambda: slope(lambda x, u: x * u, "u", x=17.0, u=18.0),
            wrong={"own": lambda: 18.0},
        ),
        Key(
            "x(x+1): dy/dx",
            "the same graph: the gradient at x, over both paths",
            lambda: slope(_tree, "x", x=17.0),
            wrong={
                "overwritten": lambda: (17.0, 18.0),
                "own": lambda: 17.0 + 17.0,
                "averaged": lambda: slope(_tree, "x", x=17.0) / 2,
            },
        ),
        Key(
            "x²·3x: df/dx",
            "f = x² · 3x at x = 2",
            lambda: slope(_cubic, "x", x=2.0),
            wrong={
                "overwritten": lambda: (
                    slope(lambda x: x**2 * 6.0, "x", x=2.0),
                    slope(lambda x: 4.0 * (3 * x), "x", x=2.0),
                ),
                "averaged": lambda: slope(_cubic, "x", x=2.0) / 2,
            },
        ),
        Key(
            "(ab+1)(ab+2): df/da",
            "f = (ab + 1)(ab + 2) at a = 2, b = 3: the gradient at a",
            lambda: slope(_shared, "a", a=2.0, b=3.0),
            wrong={
                "overwritten": lambda: (
                    slope(lambda a: (a * 3.0 + 1) * 8.0, "a", a=2.0),
                    slope(lambda a: 7.0 * (a * 3.0 + 2), "a", a=2.0),
                ),
                "upstream": lambda: 3.0,
                "own": lambda: slope(_shared, "b", a=2.0, b=3.0),
            },
        ),
        Key(
            "(ab+1)(ab+2): df/db",
            "the same graph: the gradient at b",
            lambda: slope(_shared, "b", a=2.0, b=3.0),
            wrong={
                "overwritten": lambda: (
                    slope(lambda b: (2.0 * b + 1) * 8.0, "b", b=3.0),
                    slope(lambda b: 7.0 * (2.0 * b + 2), "b", b=3.0),
                ),
                "upstream": lambda: 2.0,
                "own": lambda: slope(_shared, "a", a=2.0, b=3.0),
            },
        ),
        Key(
            "(ax+b)²: df/dx",
            "f = (ax + b)² at a = 2, x = 3, b = 1: the gradient at x",
            lambda: _at_affine("x"),
            wrong={
                "half": lambda: _at_affine("x") / 2,
                "passed": lambda: _at_affine("b"),
                "own": lambda: _at_affine("a"),
                "inner": lambda: 2 * 3.0 * 2.0,
            },
        ),
        Key(
            "(ax+b)²: df/da",
            "the same graph: the gradient at a",
            lambda: _at_affine("a"),
            wrong={
                "half": lambda: _at_affine("a") / 2,
                "passed": lambda: _at_affine("b"),
                "own": lambda: _at_affine("x"),
                "inner": lambda: 2 * 2.0 * 3.0,
            },
        ),
        Key(
            "(ax+b)²: df/db",
            "the same graph: the gradient at b",
            lambda: _at_affine("b"),
            wrong={"half": lambda: _at_affine("b") / 2, "upstream": lambda: 1.0},
        ),
    ),
    "part 5: multiply along a path, add over the paths (CS4787, lecture 4)",
)

# --- 02_sigmoid ----------------------------------------------------------------------

W0, X0, W1 = 2.0, -1.0, 3.0


def _neuron(w0: float, x: float, w1: float) -> float:
    return float(1.0 / (1.0 + np.exp(-(w0 * x + w1))))


def _at_neuron(by: str) -> float:
    return slope(_neuron, by, w0=W0, x=X0, w1=W1)


ROUNDED = 0.006  # two decimals are asked for

NEURON_BY_HAND = ValuesExercise(
    "neuron_by_hand",
    "02_sigmoid",
    (
        Key("f", "the neuron's output", lambda: _neuron(W0, X0, W1), ROUNDED),
        Key(
            "df/dw0",
            "the gradient at w0",
            lambda: _at_neuron("w0"),
            ROUNDED,
            {"own": lambda: W0 * _at_neuron("w1"), "passed": lambda: _at_neuron("w1")},
        ),
        Key(
            "df/dx",
            "the gradient at x",
            lambda: _at_neuron("x"),
            W0 * ROUNDED,  # a rounded factor, times w0
            {"own": lambda: X0 * _at_neuron("w1"), "passed": lambda: _at_neuron("w1")},
        ),
        Key(
            "df/dw1",
            "the gradient at w1",
            lambda: _at_neuron("w1"),
            ROUNDED,
            {
                "upstream": lambda: 1.0,
                "factor": lambda: _neuron(W0, X0, W1),
                "variable": lambda: slope(_neuron, "w1", w0=0.0, x=0.0, w1=_neuron(W0, X0, W1)),
                "inner": lambda: slope(_neuron, "w1", w0=W0, x=X0, w1=0.0),
            },
        ),
    ),
    "part 1: the neuron step by step (JHU EN.601.482, “A More Complicated Example”)",
)

STAGES = ("mul", "add", "negate", "exp", "add", "reciprocal")
FUSED = ("mul", "add", "sigmoid")

STAGED_OR_FUSED = ValuesExercise(
    "staged_or_fused",
    "02_sigmoid",
    (
        Key(
            "nodes staged",
            "number of operations in 1/(1+e^−(w0·x+w1)), step by step",
            lambda: float(len(STAGES)),
            asks="Did you count circles only, and no boxes?",
        ),
        Key(
            "nodes fused",
            "number of operations in σ(w0·x+w1)",
            lambda: float(len(FUSED)),
            asks="Did you count circles only, and no boxes?",
        ),
        Key("same value", "do both have the same value? True or False", lambda: True),
        Key("same gradient", "do both have the same gradients? True or False", lambda: True),
    ),
    "the part on staged and fused; count the circles of the two pictures",
)

# --- 03_norm_squared ----------------------------------------------------------------------

MATRIX = np.array([[1.0, 2.0], [3.0, -1.0]])
VECTOR = np.array([2.0, 1.0])


def _norm(_ctx: list[Any], W: Any, x: Any) -> Any:
    return np.sum((W @ x) ** 2)


def _norm_slope(block: int, *index: int) -> float:
    measured = jacobian(_norm, (MATRIX, VECTOR)).vjp(np.ones(()))
    return float(measured[block][index])


def _matrix_key(i: int, j: int) -> Key:
    q, x = MATRIX @ VECTOR, VECTOR
    return Key(
        f"df/dW{i + 1}{j + 1}",
        f"the gradient at the entry of W in row {i + 1}, column {j + 1}",
        lambda: _norm_slope(0, i, j),
        wrong={
            "half": lambda: _norm_slope(0, i, j) / 2,
            "transposed": lambda: _norm_slope(0, j, i) if i != j else math.nan,
            "upstream": lambda: float(x[j]),
            "passed": lambda: 2 * float(q[i]),
            "twice": lambda: float(2 * q[i]) * _norm_slope(0, i, j),
            "value": lambda: float(q[i]) / 2 * _norm_slope(0, i, j),
        },
    )


def _vector_key(j: int) -> Key:
    return Key(
        f"df/dx{j + 1}",
        f"the gradient at entry {j + 1} of x, over all paths",
        lambda: _norm_slope(1, j),
        wrong={
            "half": lambda: _norm_slope(1, j) / 2,
            "overwritten": lambda: tuple(
                float(2 * (MATRIX @ VECTOR)[i] * MATRIX[i, j]) for i in range(2)
            ),
            "transposed": lambda: float((2 * MATRIX @ (MATRIX @ VECTOR))[j]),
        },
    )


NORM_BY_HAND = ValuesExercise(
    "norm_by_hand",
    "03_norm_squared",
    (
        Key("q1", "first entry of q = W x", lambda: float((MATRIX @ VECTOR)[0])),
        Key("q2", "second entry of q = W x", lambda: float((MATRIX @ VECTOR)[1])),
        Key("f", "the squared norm of q", lambda: float(_norm([], MATRIX, VECTOR))),
        *(_matrix_key(i, j) for i in range(2) for j in range(2)),
        *(_vector_key(j) for j in range(2)),
    ),
    "part 1: the derivation by indices (JHU EN.601.482, “A Vectorized Example”)",
)

INPUTS, BATCH, FLOAT32, GIB = 4096, 100, 4, 2**30


def _many(count: int) -> float:
    return float(count * count)


JACOBIANS = ValuesExercise(
    "jacobians",
    "03_norm_squared",
    (
        Key(
            "entries",
            "entries of the Jacobian of an elementwise operation on 4096 numbers",
            lambda: _many(INPUTS),
            wrong={"one_side": lambda: float(INPUTS)},
            asks="How many outputs are there, times how many inputs?",
        ),
        Key(
            "entries minibatch",
            "the same for a minibatch of 100 such inputs in one operation",
            lambda: _many(INPUTS * BATCH),
            wrong={"one_side": lambda: (_many(INPUTS) * BATCH, float(INPUTS * BATCH))},
            asks="How many outputs are there in the whole minibatch, times how many inputs?",
        ),
        Key(
            "GiB float32",
            "memory of the latter in GiB (2**30 bytes), 4 bytes per number",
            lambda: _many(INPUTS * BATCH) * FLOAT32 / GIB,
            1.0,
            {"gigabytes": lambda: _many(INPUTS * BATCH) * FLOAT32 / 1e9},
            "How many bytes are that, and how many bytes has one GiB?",
        ),
        Key("diagonal", "is that Jacobian diagonal? True or False", lambda: True),
    ),
    "the part on how large Jacobians are (JHU EN.601.482, “Vector-valued Functions”)",
)

# --- 04_mlp ----------------------------------------------------------------------


def _layer(W: float, x: float, b: float) -> float:
    return float(np.maximum(0.0, W * x + b))


def _at_layer(by: str) -> float:
    return slope(_layer, by, W=2.0, x=3.0, b=1.0)


MLP_BY_HAND = ValuesExercise(
    "mlp_by_hand",
    "04_mlp",
    (
        Key("u1", "the value of u1 = W x at W = 2, x = 3", lambda: 2.0 * 3.0),
        Key("u2", "the value of u2 = u1 + b at b = 1", lambda: 2.0 * 3.0 + 1.0),
        Key("H", "the value of H = max(0, u2)", lambda: _layer(2.0, 3.0, 1.0)),
        Key(
            "dH/dW",
            "the gradient at W",
            lambda: _at_layer("W"),
            wrong={"own": lambda: 2.0, "passed": lambda: _at_layer("b")},
        ),
        Key(
            "dH/dx",
            "the gradient at x",
            lambda: _at_layer("x"),
            wrong={"own": lambda: 3.0, "passed": lambda: _at_layer("b")},
        ),
        Key("dH/db", "the gradient at b", lambda: _at_layer("b"), wrong={"own": lambda: 7.0}),
    ),
    "part 1: one neuron by hand (CS4787, lecture 4, “Exercise: Backprop”)",
)

VALUES = (
    BY_HAND,
    PATTERNS,
    BRANCHES,
    NEURON_BY_HAND,
    STAGED_OR_FUSED,
    NORM_BY_HAND,
    JACOBIANS,
    MLP_BY_HAND,
)
