"""Computation graphs and backpropagation, one operation at a time."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from course_autograd import data, graph, nn, ops, optim
from course_autograd.graph import tell
from course_autograd.operation import Operation, tensor_op
from course_autograd.recording import no_grad
from course_autograd.registering import backward_of, implements, reset_rules
from course_autograd.tensor import Tensor

if TYPE_CHECKING:
    from course_autograd.checking import check, progress, ready
    from course_autograd.pictures import plot
    from course_autograd.pictures.compare import compare
    from course_autograd.pictures.draw import draw
    from course_autograd.pictures.show import show
    from course_autograd.pictures.step import step

__all__ = [
    "Operation",
    "Tensor",
    "backward_of",
    "check",
    "compare",
    "data",
    "draw",
    "graph",
    "implements",
    "nn",
    "no_grad",
    "ops",
    "optim",
    "plot",
    "progress",
    "ready",
    "reset_rules",
    "show",
    "step",
    "tell",
    "tensor_op",
]

# Exercises and pictures take longer to import than the whole engine: they come when asked for.
_WHEN_ASKED_FOR = {
    "check": "course_autograd.checking",
    "progress": "course_autograd.checking",
    "ready": "course_autograd.checking",
    "compare": "course_autograd.pictures",
    "draw": "course_autograd.pictures",
    "plot": "course_autograd.pictures",
    "show": "course_autograd.pictures",
    "step": "course_autograd.pictures",
}


def __getattr__(name: str) -> Any:
    """Import what was left out, at its first use, and keep it."""
    if name not in _WHEN_ASKED_FOR:
        raise AttributeError(f"module 'course_autograd' has no attribute {name!r}")
    found = getattr(import_module(_WHEN_ASKED_FOR[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
