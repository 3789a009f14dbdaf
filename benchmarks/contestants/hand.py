"""NumPy by hand, as in a textbook: no graph, every gradient written out for this one function."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.contestants import Makers, Steps
from benchmarks.workloads import (
    LEARNING_RATE,
    SCALARS,
    Array,
    Workload,
    network_data,
    norm_data,
    picture_data,
    tagger_data,
)


def scalar(work: Workload) -> Steps:
    """The same numbers as NumPy scalars."""
    given = SCALARS[work.size]
    found: list[Any] = []

    def product() -> None:
        x, y, z = (np.float64(value) for value in given)
        _value = (x + y) * z
        found[:] = [z, z, x + y]

    def neuron() -> None:
        w0, x0, w1, x1, w2 = (np.float64(value) for value in given)
        f = 1.0 / (1.0 + np.exp(-(w0 * x0 + w1 * x1 + w2)))
        local = f * (1.0 - f)
        found[:] = [local * x0, local * w0, local * x1, local * w1, local]

    return Steps(product if work.size == "product" else neuron, lambda: found)


def norm(work: Workload) -> Steps:
    """The gradients are 2 q xᵀ and 2 Wᵀ q."""
    W, x = norm_data(work)
    found: list[Array] = []

    def step() -> None:
        q = W @ x
        _value = q @ q
        g = 2 * q
        found[:] = [np.outer(g, x), g @ W]

    return Steps(step, lambda: found)


def network(work: Workload) -> Steps:
    """Textbook forward and backward, ``W -= lr * dW``."""
    x, labels, W, b = network_data(work)
    rows = np.arange(len(x))

    def step() -> None:
        values = [x]
        for layer in range(len(W)):
            z = values[-1] @ W[layer] + b[layer]
            values.append(np.maximum(z, 0.0) if layer < len(W) - 1 else z)
        scores = values.pop()
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        _loss = -np.log(p[rows, labels]).mean()
        g = p
        g[rows, labels] -= 1.0
        g /= len(x)
        for layer in reversed(range(len(W))):
            h = values[layer]
            of_W, of_b = h.T @ g, g.sum(axis=0)
            if layer:
                g = (g @ W[layer].T) * (h > 0)
            W[layer] -= LEARNING_RATE * of_W
            b[layer] -= LEARNING_RATE * of_b

    return Steps(step, lambda: [*W, *b])


def convolution(work: Workload) -> Steps:
    """Columns filled by slices, one matrix product, pooling by strided slices."""
    x, kernel, weights = picture_data(work)
    count, channels, height, width = x.shape
    outputs = len(kernel)
    high, wide = height - 2, width - 2
    found: list[Array] = []

    def step() -> None:
        columns = np.empty((channels, 3, 3, count, high, wide), x.dtype)
        by_channel = x.transpose(1, 0, 2, 3)
        for k in range(3):
            for j in range(3):
                columns[:, k, j] = by_channel[:, :, k : k + high, j : j + wide]
        flat = columns.reshape(channels * 9, -1)
        matrix = kernel.reshape(outputs, -1)
        z = (matrix @ flat).reshape(outputs, count, high, wide)
        places = [z[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]
        pooled = np.maximum(np.maximum(places[0], places[1]), np.maximum(places[2], places[3]))
        w = weights.transpose(1, 0, 2, 3)
        _loss = (pooled * w).sum()
        of_z = np.empty_like(z)
        waiting = np.ones(pooled.shape, bool)
        for place, (i, j) in zip(places, ((0, 0), (0, 1), (1, 0), (1, 1)), strict=True):
            here = waiting & (place == pooled)
            np.multiply(w, here, out=of_z[:, :, i::2, j::2])
            waiting ^= here
        g = of_z.reshape(outputs, -1)
        of_kernel = (g @ flat.T).reshape(kernel.shape)
        patches = (matrix.T @ g).reshape(columns.shape)
        of_x = np.zeros_like(x)
        by_channel = of_x.transpose(1, 0, 2, 3)
        for k in range(3):
            for j in range(3):
                by_channel[:, :, k : k + high, j : j + wide] += patches[:, k, j]
        found[:] = [of_x, of_kernel]

    return Steps(step, lambda: found)


def tagger(work: Workload) -> Steps:
    """Only the rows that were looked up are moved."""
    data, count = tagger_data(work), 0
    table, W1, b1, W2, b2 = data.table, data.W1, data.b1, data.W2, data.b2

    def step() -> None:
        nonlocal count
        words, tag = data.words[count % 64], data.tags[count % 64, 0]
        x = table[words].reshape(-1)
        h = np.tanh(x @ W1 + b1)
        scores = h @ W2 + b2
        p = np.exp(scores - scores.max())
        p /= p.sum()
        _loss = -np.log(p[tag])
        p[tag] -= 1.0
        g = (W2 @ p) * (1.0 - h * h)
        of_x = W1 @ g
        np.subtract.at(table, words, LEARNING_RATE * of_x.reshape(3, -1))
        _move(W2, np.multiply.outer(h, p))
        _move(b2, p)
        _move(W1, np.multiply.outer(x, g))
        _move(b1, g)
        count += 1

    return Steps(step, lambda: [table, W1, b1, W2, b2])


def _move(value: Array, gradient: Array) -> None:
    gradient *= LEARNING_RATE
    value -= gradient


MAKERS: Makers = {
    "scalar": scalar,
    "norm": norm,
    "mlp": network,
    "unfused": network,
    "conv": convolution,
    "tagger": tagger,
}
