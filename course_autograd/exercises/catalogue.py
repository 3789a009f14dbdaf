"""The catalogue of all exercises: operations, plain functions, values, wrong rules to break."""

from __future__ import annotations

from functools import cache

from course_autograd import ops
from course_autograd.exercises.base import Exercise
from course_autograd.exercises.broken import BROKEN
from course_autograd.exercises.function_backpropagate import Backpropagate
from course_autograd.exercises.function_numeric import NumericGradient
from course_autograd.exercises.function_training import RegularisedHinge, TrainStep
from course_autograd.exercises.operation_exercise import OperationExercise
from course_autograd.exercises.values import VALUES
from course_autograd.operation import Operation

# As they come in the notebooks; an exercise that is not listed comes last in its assignment.
ORDER = (
    *("by_hand", "mul", "maximum", "power", "patterns", "branches", "numeric_gradient"),
    *("break_power", "backpropagate"),
    *("neuron_by_hand", "negate", "exp", "reciprocal", "sigmoid", "break_sigmoid"),
    "staged_or_fused",
    *("norm_by_hand", "square", "sum", "matmul", "add_bias", "break_add_bias", "norm_squared"),
    "jacobians",
    *("mlp_by_hand", "relu", "tanh", "lookup", "break_lookup", "softmax_cross_entropy", "hinge"),
    *("regularised_hinge", "train_step"),
)


@cache
def exercises() -> dict[str, Exercise]:
    """Return all exercises by name, in the order of the assignments and their notebooks."""
    found: list[Exercise] = [
        *VALUES,
        *map(OperationExercise, exercise_operations().values()),
        NumericGradient(),
        Backpropagate(),
        RegularisedHinge(),
        TrainStep(),
        *BROKEN,
    ]
    places = {name: place for place, name in enumerate(ORDER)}
    found.sort(key=lambda one: (one.assignment, places.get(one.name, len(places))))
    return {exercise.name: exercise for exercise in found}


def find(name: str) -> Exercise:
    """Return the exercise called `name`.

    Raises
    ------
    KeyError
        If there is none, with the names there are.
    """
    try:
        return exercises()[name]
    except KeyError:
        known = ", ".join(exercises())
        raise KeyError(f"no exercise is called {name!r}; there are: {known}") from None


def exercise_operations() -> dict[str, type[Operation]]:
    """Return the operations whose backward rule is an exercise, by name."""
    return {
        name: operation
        for name, operation in vars(ops).items()
        if isinstance(operation, type)
        and issubclass(operation, Operation)
        and operation.exercise is not None
    }
