"""A failed rule on a small graph, shown in notebooks below what ``check`` says."""

from __future__ import annotations

import contextlib
import io
import sys
from copy import deepcopy

import numpy as np

from course_autograd import ops
from course_autograd.exercises import Case
from course_autograd.exercises.operation_exercise import OperationExercise
from course_autograd.pictures.compare import Compared, compare
from course_autograd.tensor import Tensor

SEED, MOST_TRIED = 0, 6
INTRODUCTION = (
    "Your rule in a small graph, with other numbers: z = {call}, and L is the mean of "
    "(z − target)². The circle MSE is the package's, and is right."
)


def compared_example(exercise: OperationExercise) -> Compared | None:
    """Return a wrong rule at work in a graph of two operations, compared; None if it is right.

    The graph is mean((operation(inputs) - target)²): the package's own mean squared error sends an
    upstream gradient of its own to every entry. The first of a few inputs on which the rule is
    wrong is taken; where it stops with an error there is nothing to compare.
    """
    rng = np.random.default_rng(SEED)
    smooth = [case for case in exercise.cases(rng) if case.kind == "smooth"]
    for case in smooth[:MOST_TRIED]:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            np.errstate(all="ignore"),
            contextlib.suppress(Exception),
        ):
            compared = compare(_loss(exercise, case, rng))
            if not compared.right:
                return compared
    return None


def _loss(exercise: OperationExercise, case: Case, rng: np.random.Generator) -> Tensor:
    """Compute the loss of one case and go back."""
    leaves = [Tensor(array.round(2)) for array in case.arrays]
    for leaf, name in zip(leaves, exercise.names, strict=False):
        leaf.name = name
    z = exercise.operation(*leaves, **deepcopy(dict(case.options)))  # rules may write into them
    loss = ops.mean_squared_error(z, rng.uniform(-1.0, 1.0, z.shape).round(2)[()])
    z.name, loss.name = "z", "L"
    loss.backward()
    return loss


def in_a_notebook() -> bool:
    """Whether somebody is there to see a picture: a kernel, and not only a terminal."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return hasattr(shell, "kernel")


def show_example(exercise: OperationExercise) -> None:
    """Show a failed rule on a small graph, in a notebook."""
    if not in_a_notebook():
        return
    compared = compared_example(exercise)
    if compared is not None:
        from IPython.display import display  # only notebooks have it

        compared.introduction = INTRODUCTION.format(call=_call(exercise))
        display(compared)  # type: ignore[no-untyped-call]


def _call(exercise: OperationExercise) -> str:
    return f"{exercise.name}({', '.join(exercise.names)})"
