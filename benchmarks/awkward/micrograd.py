"""micrograd: scalars only, no optimizer; its users move ``data`` themselves."""

# ruff: noqa: ARG002 - the sum of a number has no axes

from __future__ import annotations

from typing import Any

import numpy as np
from micrograd.engine import Value

from benchmarks.awkward.framework import Framework, NotExpressible


class Micrograd(Framework):
    """Values are Python numbers."""

    name = "micrograd"

    def leaf(self, value: Any) -> Any:
        """Return a scalar."""
        if np.ndim(value):
            raise NotExpressible("arrays")
        return Value(value.item() if isinstance(value, np.generic) else value)

    def entry(self, value: float) -> Any:
        """Return a number: there are no arrays, and numbers are what its users move."""
        return value

    def value(self, tensor: Any) -> Any:
        """Return the number."""
        return tensor.data

    def forget(self, tensor: Any) -> None:
        """Set the gradient to 0, as its modules do."""
        tensor.grad = 0

    def sum(self, x: Any, **options: Any) -> Any:
        """Return the number itself."""
        return x

    def step(self, parameters: list[Any], lr: float) -> None:
        """Move the data, as its examples do."""
        for one in parameters:
            one.data -= lr * one.grad


FRAMEWORK = Micrograd()
