"""MyGrad, its guard against changes in place switched off (its fastest setting)."""

from __future__ import annotations

from typing import Any

import mygrad
import numpy as np
from mygrad.nnet.layers import conv_nd, max_pool
from mygrad.nnet.losses import softmax_crossentropy

from benchmarks.contestants import Makers, Steps
from benchmarks.workloads import (
    LEARNING_RATE,
    SCALARS,
    Workload,
    network_data,
    norm_data,
    picture_data,
    tagger_data,
)

mg: Any = mygrad  # not all of it is typed
mg.turn_memory_guarding_off()


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


def norm(work: Workload) -> Steps:
    """||Wx||²."""
    W, x = map(mg.tensor, norm_data(work))

    def step() -> None:
        W.null_grad()
        x.null_grad()
        q = mg.matmul(W, x)
        mg.matmul(q, q).backward()

    return Steps(step, lambda: [W.grad, x.grad])


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


def tagger(work: Workload) -> Steps:
    """One graph for one example, and a step.

    It begins with the rows looked up, and only these are moved: the gradient of a lookup in the
    graph would be as large as the table.
    """
    data, count = tagger_data(work), 0
    table, given = data.table, (data.W1, data.b1, data.W2, data.b2)
    W1, b1, W2, b2 = layers = [mg.tensor(one) for one in given]

    def step() -> None:
        nonlocal count
        words = data.words[count % 64]
        x = mg.tensor(table[words].reshape(1, -1))
        hidden = mg.tanh(mg.matmul(x, W1) + b1)
        softmax_crossentropy(mg.matmul(hidden, W2) + b2, data.tags[count % 64]).backward()
        np.subtract.at(table, words, LEARNING_RATE * x.grad.reshape(3, -1))
        for one in layers:
            one.data -= LEARNING_RATE * one.grad
            one.null_grad()
        count += 1

    return Steps(step, lambda: [table, *(one.data for one in layers)])


MAKERS: Makers = {
    "scalar": scalar,
    "norm": norm,
    "mlp": network,
    "conv": convolution,
    "tagger": tagger,
}
