"""edugrad, the lecture's library. It has no product; the graphs of aliasing lend it one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from edugrad import ops
from edugrad.nn import Linear, Module
from edugrad.optim import SGD
from edugrad.tensor import Tensor

from benchmarks.awkward.framework import Framework
from benchmarks.contestants.edugrad import mul


class Edugrad(Framework):
    """A tensor holds the very array it is given; plain numbers are given as NumPy's."""

    name = "edugrad"

    def leaf(self, value: Any) -> Any:
        """Return a tensor."""
        return Tensor(np.float64(value) if isinstance(value, float) else value)

    def value(self, tensor: Any) -> Any:
        """Return the value."""
        return tensor.value

    def forget(self, tensor: Any) -> None:
        """Set the gradient to zeros, as its modules do."""
        tensor.grad = np.zeros(np.shape(tensor.value))

    def matmul(self, x: Any, y: Any) -> Any:
        """Return the product: there is no operator for it."""
        return ops.matmul(x, y)

    def multiply(self, x: Any, y: Any) -> Any:
        """Return the product by an operation written in edugrad's own style."""
        return mul(x, y)

    def sum(self, x: Any, **options: Any) -> Any:
        """Return the sum."""
        return ops.reduce_sum(x, **options)

    def mean(self, x: Any, **options: Any) -> Any:
        """Return the mean."""
        return ops.reduce_mean(x, **options)

    def mean_squared_error(self, predicted: Any, target: Any) -> Any:
        """Return the loss."""
        return ops.mse_loss(predicted, target)

    def nodes_above(self, tensor: Any) -> int:
        """Return the number of nodes; it returns edges."""
        return len({id(node) for edge in tensor.get_graph_above() for node in edge})

    def linear(self, inputs: int, outputs: int) -> Any:
        """Return a layer."""
        return Linear(inputs, outputs)

    def module(self, **parts: Any) -> Any:
        """Return a module with attributes."""
        module = Module()
        for name, part in parts.items():
            setattr(module, name, part)
        return module

    def optimizer(self, parameters: Iterable[Any], lr: float) -> Any:
        """Return SGD."""
        return SGD(parameters, lr=lr)


FRAMEWORK = Edugrad()
