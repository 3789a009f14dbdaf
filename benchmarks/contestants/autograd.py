"""HIPS autograd. Its convolution cannot be imported without scipy, and is left out there."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import grad

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


def norm(work: Workload) -> Steps:
    """||Wx||²."""
    given = norm_data(work)
    found: list[Any] = []

    def function(W: Any, x: Any) -> Any:
        q = anp.dot(W, x)
        return anp.dot(q, q)

    gradient = grad(function, (0, 1))

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


def convolution(work: Workload) -> Steps | None:
    """Convolution, pooling by a reshape, weighted sum, as in the network of its examples."""
    if find_spec("scipy") is None:
        return None
    from autograd.scipy.signal import convolve

    x, kernel, weights = picture_data(work)
    count, outputs, high, wide = weights.shape
    pairs = (count, outputs, high, 2, wide, 2)
    found: list[Any] = []

    def loss(x: Any, kernel: Any) -> Any:
        turned = kernel[:, :, ::-1, ::-1]  # a convolution turns its kernel, ours do not
        z = convolve(x, turned, axes=([2, 3], [2, 3]), dot_axes=([1], [1]), mode="valid")
        pooled = anp.max(anp.max(anp.reshape(z, pairs), axis=3), axis=4)
        return anp.sum(pooled * weights)

    gradient = grad(loss, (0, 1))

    def step() -> None:
        found[:] = gradient(x, kernel)

    return Steps(step, lambda: found)


def tagger(work: Workload) -> Steps:
    """One step for one example.

    The gradient is that of the rows looked up, and only these are moved: that of the whole table
    would be as large as the table.
    """
    data, count = tagger_data(work), 0
    table, layers = data.table, [data.W1, data.b1, data.W2, data.b2]

    def loss(rows: Any, W1: Any, b1: Any, W2: Any, b2: Any, tag: Any) -> Any:
        hidden = anp.tanh(anp.dot(anp.reshape(rows, -1), W1) + b1)
        scores = anp.dot(hidden, W2) + b2
        shifted = scores - anp.max(scores)
        return anp.log(anp.sum(anp.exp(shifted))) - shifted[tag]

    gradient = grad(loss, tuple(range(5)))

    def step() -> None:
        nonlocal count
        words, tag = data.words[count % 64], data.tags[count % 64, 0]
        of_rows, *gradients = gradient(table[words], *layers, tag)
        np.subtract.at(table, words, LEARNING_RATE * of_rows)
        for layer, g in enumerate(gradients):
            layers[layer] -= LEARNING_RATE * g
        count += 1

    return Steps(step, lambda: [table, *layers])


MAKERS: Makers = {
    "scalar": scalar,
    "norm": norm,
    "mlp": network,
    "conv": convolution,
    "tagger": tagger,
}
