"""micrograd: scalars only. A sigmoid is written with its own building block, a closure."""

from __future__ import annotations

import math
from typing import Any

from micrograd.engine import Value

from benchmarks.contestants import Makers, Steps
from benchmarks.workloads import SCALARS, Workload


def sigmoid(x: Any) -> Any:
    """The missing operation, in micrograd's own style."""
    f = 1.0 / (1.0 + math.exp(-x.data))
    out = Value(f, (x,), "sigmoid")

    def back() -> None:
        x.grad += f * (1.0 - f) * out.grad

    out._backward = back
    return out


def scalar(work: Workload) -> Steps:
    """Make leaves, build the graph, go back."""
    given = SCALARS[work.size]
    leaves: list[Any] = []

    def product() -> None:
        x, y, z = leaves[:] = [Value(value) for value in given]
        ((x + y) * z).backward()

    def neuron() -> None:
        w0, x0, w1, x1, w2 = leaves[:] = [Value(value) for value in given]
        sigmoid(w0 * x0 + w1 * x1 + w2).backward()

    return Steps(
        product if work.size == "product" else neuron, lambda: [leaf.grad for leaf in leaves]
    )


MAKERS: Makers = {"scalar": scalar}  # it has numbers only
