"""course_autograd, with the rules of its exercises in plain formulas."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.contestants import Makers, Steps, rules
from benchmarks.workloads import (
    LEARNING_RATE,
    SCALARS,
    Workload,
    network_data,
    norm_data,
    picture_data,
    tagger_data,
)
from course_autograd import Tensor, ops
from course_autograd.optim import SGD

rules.register()


def scalar(work: Workload) -> Steps:
    """Make leaves, build the graph, go back."""
    given = SCALARS[work.size]
    leaves: list[Tensor] = []

    def product() -> None:
        x, y, z = leaves[:] = [Tensor(value) for value in given]
        ((x + y) * z).backward(keep_inner=False)

    def neuron() -> None:
        w0, x0, w1, x1, w2 = leaves[:] = [Tensor(value) for value in given]
        ops.sigmoid(w0 * x0 + w1 * x1 + w2).backward(keep_inner=False)

    return Steps(
        product if work.size == "product" else neuron, lambda: [leaf.grad for leaf in leaves]
    )


def norm(work: Workload) -> Steps:
    """||Wx||² with the gradients of W and x."""
    W, x = map(Tensor, norm_data(work))

    def step() -> None:
        W.grad = x.grad = None
        ops.norm_squared(W, x).backward(keep_inner=False)

    return Steps(step, lambda: [W.grad, x.grad])


def network(work: Workload) -> Steps:
    """One step of gradient descent; layers in one operation each, or in two."""
    x, labels, weights, biases = network_data(work)
    W, b = [Tensor(one) for one in weights], [Tensor(one) for one in biases]
    optimizer = SGD([*W, *b], lr=LEARNING_RATE)

    def step() -> None:
        h: Any = x
        for layer in range(len(W)):
            if work.kind == "unfused":
                h = ops.add_bias(ops.matmul(h, W[layer]), b[layer])
            else:
                h = ops.linear(h, W[layer], b[layer])
            if layer < len(W) - 1:
                h = ops.relu(h)
        optimizer.zero_grad()
        ops.softmax_cross_entropy(h, labels=labels).backward(keep_inner=False)
        optimizer.step()

    return Steps(step, lambda: [one.value for one in (*W, *b)])


def convolution(work: Workload) -> Steps:
    """Convolution, 2 x 2 pooling and a weighted sum, with the gradients of pictures and kernels."""
    pictures, kernels, weights = picture_data(work)
    x, kernel = Tensor(pictures), Tensor(kernels)

    def step() -> None:
        x.grad = kernel.grad = None
        (ops.max_pool(ops.conv2d(x, kernel)) * weights).sum().backward(keep_inner=False)

    return Steps(step, lambda: [x.grad, kernel.grad])


def tagger(work: Workload) -> Steps:
    """One graph for one example, and a step."""
    data, count = tagger_data(work), 0
    parameters = [Tensor(one) for one in (data.table, data.W1, data.b1, data.W2, data.b2)]
    table, W1, b1, W2, b2 = parameters
    optimizer = SGD(parameters, lr=LEARNING_RATE)

    def step() -> None:
        nonlocal count
        example = count % 64
        words = ops.embedding(table, rows=data.words[example]).reshape(-1)
        hidden = ops.tanh(words @ W1 + b1)
        loss = -ops.log_softmax(hidden @ W2 + b2)[data.tags[example, 0]]
        optimizer.zero_grad()
        loss.backward(keep_inner=False)
        optimizer.step()
        count += 1

    def result() -> list[Any]:
        return [np.asarray(one.value) for one in parameters]

    return Steps(step, result)


MAKERS: Makers = {
    "scalar": scalar,
    "norm": norm,
    "mlp": network,
    "unfused": network,
    "conv": convolution,
    "tagger": tagger,
}
