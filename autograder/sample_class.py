"""A made-up class: submissions made from the reference notebook by named edits.

Each student is one function from a clean copy of a notebook to what was handed in. The
expectation stands beside the edit, so that the demo and the tests can hold every score against it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Notebook = dict[str, Any]
Outcome = Literal["full", "partly", "zero", "not graded"]


@dataclass(frozen=True)
class Handed:
    """What one made-up student hands in.

    Attributes
    ----------
    student : str
        The student's id; it says what was done.
    filename, content : str, bytes
        The file as it arrives.
    outcome : str
        ``"full"``: all points; ``"zero"``: none; ``"partly"``: all but on `wrong`;
        ``"not graded"``: reported by name, no grade.
    wrong : tuple of str
        Exercises that must not get full points.
    mistake : int or None
        Number of the mistake (of the catalogue) that must be named, if any.
    """

    student: str
    filename: str
    content: bytes
    outcome: Outcome
    wrong: tuple[str, ...] = ()
    mistake: int | None = None


@dataclass(frozen=True)
class Slip:
    """A mistake as a wrapper around a right rule: its number, and the wrapper's body.

    `exercises` says for each assignment on which exercise the slip is made; `cell`, where given,
    replaces the whole solution cell.
    """

    student: str
    mistake: int
    body: str
    exercises: dict[str, str] = field(default_factory=dict)
    cell: str = ""


# The wrapper sees `right` (the reference's rule), ctx and grad_output. `exercises` says for each
# assignment on which exercise the slip is made; an assignment without an entry has no such student.
SLIPS = (
    Slip(
        "forgets-upstream",
        1,
        "return right(ctx, np.ones_like(grad_output))",
        {
            "01_chain_rule": "mul",
            "02_sigmoid": "exp",
            "03_norm_squared": "square",
            "04_mlp": "tanh",
        },
    ),
    Slip(
        "passes-upstream-on",
        2,
        "return tuple(grad_output * np.ones_like(g) for g in right(ctx, grad_output))",
        {
            "01_chain_rule": "power",
            "02_sigmoid": "negate",
            "03_norm_squared": "square",
            "04_mlp": "relu",
        },
    ),
    Slip(
        "upstream-twice",
        3,
        "return tuple(g * grad_output for g in right(ctx, grad_output))",
        {
            "01_chain_rule": "power",
            "02_sigmoid": "sigmoid",
            "03_norm_squared": "norm_squared",
            "04_mlp": "softmax_cross_entropy",
        },
    ),
    Slip(
        "wrong-order",
        12,
        "return tuple(right(ctx, grad_output))[::-1]",
        {"01_chain_rule": "mul", "03_norm_squared": "matmul"},
    ),
    Slip(
        "wrong-sign",
        14,
        "return tuple(-g for g in right(ctx, grad_output))",
        {
            "01_chain_rule": "maximum",
            "02_sigmoid": "reciprocal",
            "03_norm_squared": "sum",
            "04_mlp": "hinge",
        },
    ),
    Slip(
        "factor-two",
        15,
        "return tuple(2 * g for g in right(ctx, grad_output))",
        {
            "01_chain_rule": "power",
            "02_sigmoid": "exp",
            "03_norm_squared": "norm_squared",
            "04_mlp": "tanh",
        },
    ),
    Slip(
        "transposed",
        10,
        "return tuple(np.transpose(g) for g in right(ctx, grad_output))",
        {"03_norm_squared": "matmul", "04_mlp": "softmax_cross_entropy"},
    ),
    Slip(
        "averages",
        8,
        "return tuple(g / np.size(g) for g in right(ctx, grad_output))",
        {"03_norm_squared": "sum", "04_mlp": "softmax_cross_entropy"},
    ),
    Slip(
        "writes-into-upstream",
        22,
        "out = right(ctx, np.array(grad_output))\n"
        "    if np.ndim(grad_output):\n"
        "        grad_output *= 0.5\n"
        "    return out",
        {
            "01_chain_rule": "maximum",
            "02_sigmoid": "sigmoid",
            "03_norm_squared": "square",
            "04_mlp": "relu",
        },
    ),
    Slip(
        "no-tuple",
        28,
        "return right(ctx, grad_output)[0]",
        {
            "01_chain_rule": "mul",
            "02_sigmoid": "negate",
            "03_norm_squared": "matmul",
            "04_mlp": "lookup",
        },
    ),
    Slip(
        "returns-nothing",
        28,
        "right(ctx, grad_output)",
        {
            "01_chain_rule": "power",
            "02_sigmoid": "reciprocal",
            "03_norm_squared": "add_bias",
            "04_mlp": "hinge",
        },
    ),
    Slip(
        "random-answers",
        31,
        "return tuple(g * np.random.default_rng().uniform(0.5, 1.5) "
        "for g in right(ctx, grad_output))",
        {
            "01_chain_rule": "mul",
            "02_sigmoid": "exp",
            "03_norm_squared": "sum",
            "04_mlp": "tanh",
        },
    ),
    Slip(
        "overflows",
        32,
        "",
        {"02_sigmoid": "sigmoid"},
        """
@implements(ops.sigmoid)
class sigmoid(Operation):
    @staticmethod
    def forward(ctx, x):
        ctx.append(np.exp(-x))
        return 1.0 / (1.0 + ctx[0])

    @staticmethod
    def backward(ctx, grad_output):
        return (grad_output * ctx[0] / (1.0 + ctx[0]) ** 2,)
""",
    ),
)


# --- building blocks ------------------------------------------------------------------------


def grade_id(cell: dict[str, Any]) -> str:
    """Return the nbgrader id of a cell, or ``""``."""
    identity = cell.get("metadata", {}).get("nbgrader", {}).get("grade_id", "")
    return str(identity)


def position(notebook: Notebook, name: str) -> int:
    """Return the position of the cell with the grade id `name`."""
    for index, cell in enumerate(notebook["cells"]):
        if grade_id(cell) == name:
            return index
    raise KeyError(f"no cell with the grade id {name!r}")


def fill(release: Notebook, solutions: dict[str, str]) -> Notebook:
    """Return a copy of the student's notebook with `solutions` written into its cells."""
    notebook = copy.deepcopy(release)
    for name, code in solutions.items():
        notebook["cells"][position(notebook, name)]["source"] = code.strip("\n")
    return notebook


def own_cell(code: str) -> dict[str, Any]:
    """Return a code cell as a student would add one."""
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": "own-cell",
        "metadata": {},
        "outputs": [],
        "source": code.strip("\n"),
    }


def slip_code(slip: Slip, exercise: str, solution: str, *, whole: bool) -> str:
    """Return the reference's cell with the mistake of `slip` wrapped around its rule."""
    if slip.cell:
        return slip.cell
    if whole:
        return (
            f"{solution}\n\n\nhonest = {exercise}\nright = honest.backward\n\n\n"
            f"@implements(ops.{exercise})\nclass {exercise}(Operation):\n"
            f"    @staticmethod\n    def forward(ctx, *inputs):\n"
            f"        return honest.forward(ctx, *inputs)\n\n"
            f"    @staticmethod\n    def backward(ctx, grad_output):\n"
            f"        {slip.body.replace(chr(10), chr(10) + '    ')}\n"
        )
    return (
        f"{solution}\n\n\nright = {exercise}_backward\n\n\n"
        f"@backward_of(ops.{exercise})\ndef {exercise}_backward(ctx, grad_output):\n"
        f"    {slip.body}\n"
    )


def dumped(notebook: Notebook) -> bytes:
    """Return a notebook as the bytes of its file."""
    return json.dumps(notebook, indent=1, ensure_ascii=False).encode()


# --- the class ------------------------------------------------------------------------------


def hand_in(
    assignment: str,
    release: Notebook,
    solutions: dict[str, str],
    whole: frozenset[str],
    other_formulas: dict[str, str],
    forgery: str,
) -> Iterator[Handed]:
    """Yield what every made-up student hands in for one assignment.

    Parameters
    ----------
    assignment : str
        Name, such as ``"01_chain_rule"``.
    release : dict
        The student's notebook.
    solutions : dict
        Exercise -> code of the reference solution.
    whole : frozenset of str
        Exercises that ask for a whole operation.
    other_formulas : dict
        Exercise -> another correct answer.
    forgery : str
        A cell that tries to cheat.
    """
    filename = f"{assignment}.ipynb"
    right = fill(release, solutions)

    def edited(edit: Callable[[Notebook], None], start: Notebook = right) -> bytes:
        notebook = copy.deepcopy(start)
        edit(notebook)
        return dumped(notebook)

    yield Handed("all-correct", filename, dumped(right), "full")
    own = {name: other_formulas.get(name, code) for name, code in solutions.items()}
    yield Handed("other-formulas", filename, dumped(fill(release, own)), "full")

    def warn(notebook: Notebook) -> None:
        loud = "import sys, warnings\nwarnings.warn('careful')\nprint('oh', file=sys.stderr)"
        notebook["cells"].insert(1, own_cell(loud))
        name = rule_exercise(solutions, whole)
        notebook["cells"][position(notebook, name)]["source"] += (
            f"\n\n\nquiet = {name}_backward\n\n\n@backward_of(ops.{name})\n"
            f"def {name}_backward(ctx, grad_output):\n    np.log(np.zeros(1))\n"
            f"    print('thinking', file=__import__('sys').stderr)\n"
            f"    return quiet(ctx, grad_output)\n"
        )

    yield Handed("warns-on-stderr", filename, edited(warn), "full")
    yield Handed("nothing-written", filename, dumped(release), "zero")
    for slip in SLIPS:
        exercise = slip.exercises.get(assignment)
        if exercise is not None:
            code = slip_code(slip, exercise, solutions[exercise], whole=exercise in whole)
            yield Handed(
                slip.student,
                filename,
                dumped(fill(release, solutions | {exercise: code})),
                "partly",
                (exercise,),
                slip.mistake,
            )
    forged = edited(lambda notebook: notebook["cells"].insert(1, own_cell(forgery)), release)
    yield Handed("forger", filename, forged, "zero")

    name = rule_exercise(solutions, whole)

    def delete_check(notebook: Notebook) -> None:
        del notebook["cells"][position(notebook, f"check-{name}")]

    yield Handed("deleted-check-cell", filename, edited(delete_check), "full")

    def duplicate(notebook: Notebook) -> None:
        where = position(notebook, name)
        notebook["cells"].insert(where, copy.deepcopy(notebook["cells"][where]))

    yield Handed("duplicated-cell", filename, edited(duplicate), "full")
    yield Handed("renamed-notebook", f"{assignment} (1).ipynb", dumped(right), "full")
    yield Handed("not-json", filename, b"{ this is not a notebook", "not graded")
    for student, code in (
        ("infinite-loop", "while True:\n        pass"),
        ("os-exit", "import os\n\n    os._exit(0)"),
    ):
        body = f"@backward_of(ops.{name})\ndef {name}_backward(ctx, grad_output):\n    {code}\n"
        yield Handed(
            student, filename, dumped(fill(release, solutions | {name: body})), "partly", (name,)
        )


def rule_exercise(solutions: dict[str, str], whole: frozenset[str]) -> str:
    """Return the first exercise of the assignment that asks for a backward rule."""
    return next(
        name
        for name, code in solutions.items()
        if name not in whole and f"@backward_of(ops.{name})" in code
    )
