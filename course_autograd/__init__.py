"""Computation graphs and backpropagation, one operation at a time."""

from course_autograd import data, graph, nn, ops, optim
from course_autograd.check import check, progress, ready
from course_autograd.graph import tell
from course_autograd.operation import Operation, tensor_op
from course_autograd.pictures import compare, draw, plot, show, step
from course_autograd.registering import backward_of, implements, reset_rules
from course_autograd.tensor import Tensor, no_grad

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
