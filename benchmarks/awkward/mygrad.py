"""MyGrad, its guard against changes in place on, as it comes. It has no optimizer and no models.

A graph is given back after one pass, and a gradient is forgotten when its tensor enters a new
graph, both as documented: every pass starts anew.
"""

from __future__ import annotations

from typing import Any

import mygrad as mg

from benchmarks.awkward.framework import Framework


class Mygrad(Framework):
    """NumPy's functions with gradients."""

    name = "mygrad"
    starts_anew = True

    def leaf(self, value: Any) -> Any:
        """Return a copy as a tensor."""
        return mg.tensor(value)

    def value(self, tensor: Any) -> Any:
        """Return the value."""
        return tensor.data

    def forget(self, tensor: Any) -> None:
        """Forget the gradient."""
        tensor.null_grad()

    def step(self, parameters: list[Any], lr: float) -> None:
        """Move the data, as its examples do."""
        for one in parameters:
            one.data -= lr * one.grad


FRAMEWORK = Mygrad()
