"""The operations, one small class each; an exercise has no backward rule here."""

import sys

from course_autograd.arraylike import OPERATORS
from course_autograd.operation import Operation
from course_autograd.ops.arithmetic import (
    add,
    divide,
    maximum,
    mul,
    negate,
    power,
    reciprocal,
    square,
    subtract,
)
from course_autograd.ops.convolution import conv2d, max_pool
from course_autograd.ops.elementwise import exp, log, relu, sigmoid, tanh
from course_autograd.ops.linear import add_bias, linear, matmul, norm_squared
from course_autograd.ops.losses import (
    hinge,
    log_softmax,
    mean_squared_error,
    softmax,
    softmax_cross_entropy,
)
from course_autograd.ops.reductions import max, mean, sum
from course_autograd.ops.shaping import (
    concatenate,
    embedding,
    getitem,
    lookup,
    reshape,
    transpose,
)

OPERATORS.update(
    add=add,
    subtract=subtract,
    mul=mul,
    divide=divide,
    negate=negate,
    power=power,
    matmul=matmul,
    getitem=getitem,
    sum=sum,
    mean=mean,
    max=max,
    reshape=reshape,
    transpose=transpose,
)

__all__ = [
    "add",
    "add_bias",
    "all_operations",
    "concatenate",
    "conv2d",
    "divide",
    "embedding",
    "exp",
    "getitem",
    "hinge",
    "linear",
    "log",
    "log_softmax",
    "lookup",
    "matmul",
    "max",
    "max_pool",
    "maximum",
    "mean",
    "mean_squared_error",
    "mul",
    "negate",
    "norm_squared",
    "power",
    "reciprocal",
    "relu",
    "reshape",
    "sigmoid",
    "softmax",
    "softmax_cross_entropy",
    "square",
    "subtract",
    "sum",
    "tanh",
    "transpose",
]


def _export() -> None:
    """Export every operation that is written in a module of this folder.

    The imports above are for readers and type checkers; a new operation is a single edit.
    """
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{__name__}."):
            for value in list(vars(module).values()):
                if isinstance(value, type) and value.__module__ == name:
                    globals().setdefault(value.__name__, value)


_export()


def all_operations() -> dict[str, type[Operation]]:
    """Return every operation of the package by its name, in alphabetical order."""
    return {
        name: value
        for name, value in sorted(globals().items())
        if isinstance(value, type) and issubclass(value, Operation) and value is not Operation
    }
