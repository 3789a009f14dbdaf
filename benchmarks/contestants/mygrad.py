"""MyGrad, its guard against changes in place switched off (its fastest setting)."""

from __future__ import annotations

from typing import Any

import mygrad as mg
from mygrad.nnet.layers import conv_nd, max_pool
from mygrad.nnet.losses import softmax_crossentropy

from benchmarks.contestants import Steps
from benchmarks.workloads import LEARNING_RATE, SCALARS, Workload, network_data, picture_data

mg.turn_memory_guarding_off()


def steps(work: Workload) -> Steps | None:
    """Return the workload in this framework."""
    makers = {"scalar": scalar, "mlp": network, "conv": convolution}
    return makers[work.kind](work) if work.kind in makers else None


def scalar(work: Workload) -> Steps:
    """Scalars."""
    given = SCALARS[work.size]
    leaves: list[Any] = []

    def product() -> None:
        x, y, z = leaves[:] = [mg.tensor(value) for value in given]
        ((x + y) * z).backward()

    def neuron() -> None:
        w0, x0, w1, x1, w2 = leaves[:] = [mg.tensor(value) for value in given]
        mg.nnet.activations.sigmoid(w0 * x0 + w1 * x1 + w2).backward()

    return Steps(
        product if work.size == "product" else neuron, lambda: [leaf.grad for leaf in leaves]
    )


def network(work: Workload) -> Steps:
    """One training step."""
    x, labels, weights, biases = network_data(work)
    W, b = [mg.tensor(one) for one in weights], [mg.tensor(one) for one in biases]

    def step() -> None:
        h: Any = x
        for layer in range(len(W)):
            h = mg.matmul(h, W[layer]) + b[layer]
            if layer < len(W) - 1:
                h = mg.nnet.activations.relu(h)
        softmax_crossentropy(h, labels).backward()
        for one in (*W, *b):
            one.data -= LEARNING_RATE * one.grad
            one.null_grad()

    return Steps(step, lambda: [one.data for one in (*W, *b)])


def convolution(work: Workload) -> Steps:
    """Convolution, pooling, weighted sum."""
    pictures, kernels, weights = picture_data(work)
    x, kernel = mg.tensor(pictures), mg.tensor(kernels)

    def step() -> None:
        x.null_grad()
        kernel.null_grad()
        (max_pool(conv_nd(x, kernel, stride=1), (2, 2), 2) * weights).sum().backward()

    return Steps(step, lambda: [x.grad, kernel.grad])
