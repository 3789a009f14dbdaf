"""PyTorch. A graph that is needed again is kept with ``retain_graph=True``, as its users do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from benchmarks.awkward.framework import Framework

F: Any = torch.nn.functional


class Torch(Framework):
    """Numbers are given as float64, so that nothing is lost to rounding."""

    name = "torch"

    def prepare(self) -> None:
        """Use one thread: the graphs are small, and run in forked processes."""
        torch.set_num_threads(1)

    def leaf(self, value: Any) -> Any:
        """Return a copy that needs a gradient."""
        tensor = self.data(value)
        return tensor.requires_grad_()

    def data(self, value: Any) -> Any:
        """Return a copy."""
        double: Any = torch.float64
        plain = isinstance(value, float | list)
        return torch.tensor(value, dtype=double) if plain else torch.tensor(value)

    def value(self, tensor: Any) -> Any:
        """Return the value."""
        return tensor.detach().numpy()

    def grad(self, tensor: Any) -> Any:
        """Return the gradient, on the same memory."""
        return None if tensor.grad is None else tensor.grad.numpy()

    def sum(self, x: Any, **options: Any) -> Any:
        """Return the sum."""
        return torch.sum(x, **options)

    def mean(self, x: Any, **options: Any) -> Any:
        """Return the mean."""
        return torch.mean(x, **options)

    def mean_squared_error(self, predicted: Any, target: Any) -> Any:
        """Return the loss."""
        return F.mse_loss(predicted, target)

    def backward(self, tensor: Any, *, keep_graph: bool = False) -> None:
        """Go back."""
        tensor.backward(retain_graph=keep_graph)

    def parameter(self, value: Any) -> Any:
        """Return a parameter."""
        return torch.nn.Parameter(self.data(value))

    def linear(self, inputs: int, outputs: int) -> Any:
        """Return a layer."""
        return torch.nn.Linear(inputs, outputs)

    def module(self, **parts: Any) -> Any:
        """Return a module with attributes."""
        module = torch.nn.Module()
        for name, part in parts.items():
            setattr(module, name, part)
        return module

    def optimizer(self, parameters: Iterable[Any], lr: float) -> Any:
        """Return plain SGD."""
        return torch.optim.SGD(parameters, lr=lr)


FRAMEWORK = Torch()
