"""HIPS autograd."""

from __future__ import annotations

from typing import Any

import autograd.numpy as anp
from autograd import grad

from benchmarks.contestants import Steps
from benchmarks.workloads import LEARNING_RATE, SCALARS, Workload, network_data


def steps(work: Workload) -> Steps | None:
    """Return the workload in this framework."""
    makers = {"scalar": scalar, "mlp": network}
    return makers[work.kind](work) if work.kind in makers else None


def scalar(work: Workload) -> Steps:
    """Scalars."""
    given = SCALARS[work.size]
    found: list[Any] = []

    def product(x: Any, y: Any, z: Any) -> Any:
        return (x + y) * z

    def neuron(w0: Any, x0: Any, w1: Any, x1: Any, w2: Any) -> Any:
        return 1.0 / (1.0 + anp.exp(-(w0 * x0 + w1 * x1 + w2)))

    function = product if work.size == "product" else neuron
    gradient = grad(function, tuple(range(len(given))))

    def step() -> None:
        found[:] = gradient(*given)

    return Steps(step, lambda: found)


def network(work: Workload) -> Steps:
    """One training step."""
    x, labels, W, b = network_data(work)
    rows = anp.arange(len(x))

    def loss(W: Any, b: Any) -> Any:
        h = x
        for layer in range(len(W)):
            h = anp.dot(h, W[layer]) + b[layer]
            if layer < len(W) - 1:
                h = anp.maximum(h, 0.0)
        shifted = h - anp.max(h, axis=1, keepdims=True)
        of_label = shifted[rows, labels]
        return anp.mean(anp.log(anp.sum(anp.exp(shifted), axis=1)) - of_label)

    gradient = grad(loss, (0, 1))

    def step() -> None:
        of_W, of_b = gradient(W, b)
        for layer in range(len(W)):
            W[layer] -= (LEARNING_RATE * of_W[layer]).astype(x.dtype)
            b[layer] -= (LEARNING_RATE * of_b[layer]).astype(x.dtype)

    return Steps(step, lambda: [*W, *b])
