"""NumPy by hand, tuned: every array is made once, results are written in place."""

from __future__ import annotations

import numpy as np

from benchmarks.contestants import Makers, Steps
from benchmarks.workloads import LEARNING_RATE, Workload, network_data


def network(work: Workload) -> Steps:
    """One step of gradient descent without a single new large array."""
    x, labels, W, b = network_data(work)
    rows, last = np.arange(len(x)), len(W) - 1
    values = [np.empty((len(x), one.shape[1]), x.dtype) for one in W]
    sent = [np.empty_like(one) for one in values]
    masks = [np.empty(one.shape, bool) for one in values]
    of_W, of_b = [np.empty_like(one) for one in W], [np.empty_like(one) for one in b]
    column = np.empty((len(x), 1), x.dtype)

    def step() -> None:
        h = x
        for layer in range(len(W)):
            z = values[layer]
            np.dot(h, W[layer], out=z)
            z += b[layer]
            if layer < last:
                np.maximum(z, 0.0, out=z)
            h = z
        g = sent[last]
        np.maximum.reduce(h, axis=1, keepdims=True, out=column)
        np.subtract(h, column, out=g)
        of_label = g[rows, labels]
        np.exp(g, out=g)
        np.add.reduce(g, axis=1, keepdims=True, out=column)
        g /= column
        _loss = (np.log(column[:, 0]) - of_label).sum() / len(x)
        g[rows, labels] -= 1.0
        g /= len(x)
        for layer in range(last, -1, -1):
            below = values[layer - 1] if layer else x
            np.dot(below.T, g, out=of_W[layer])
            np.add.reduce(g, axis=0, out=of_b[layer])
            if layer:
                back = sent[layer - 1]
                np.dot(g, W[layer].T, out=back)
                np.greater(below, 0.0, out=masks[layer - 1])
                back *= masks[layer - 1]
                g = back
            of_W[layer] *= LEARNING_RATE
            W[layer] -= of_W[layer]
            of_b[layer] *= LEARNING_RATE
            b[layer] -= of_b[layer]

    return Steps(step, lambda: [*W, *b])


MAKERS: Makers = {"mlp": network, "unfused": network}
