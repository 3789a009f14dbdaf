"""HIPS autograd: gradients of functions. No tensor carries one, so no pass follows another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import grad, make_vjp

from benchmarks.awkward.framework import Answer, Framework, Graph


class Autograd(Framework):
    """Functions of arrays."""

    name = "autograd"

    def data(self, value: Any) -> Any:
        """Return data as they are: it works on NumPy's own arrays."""
        return np.asarray(value)

    def value(self, tensor: Any) -> Any:
        """Return the value."""
        return tensor

    def matmul(self, x: Any, y: Any) -> Any:
        """Return the product."""
        return anp.matmul(x, y)

    def sum(self, x: Any, **options: Any) -> Any:
        """Return the sum."""
        return anp.sum(x, **options)

    def mean(self, x: Any, **options: Any) -> Any:
        """Return the mean."""
        return anp.mean(x, **options)

    def differentiate(self, graph: Graph, values: Sequence[Any], *, reduce: bool = True) -> Answer:
        """Return the value and the gradients by its own functions."""
        positions = tuple(range(len(values)))
        if not reduce:
            return (graph(*values), *grad(graph, positions)(*values))
        vjp, value = make_vjp(graph, positions)(*values)
        return (value, *vjp(np.ones_like(value)))


FRAMEWORK = Autograd()
