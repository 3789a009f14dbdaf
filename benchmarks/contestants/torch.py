"""PyTorch on the processor, eager; embeddings with sparse gradients."""

from __future__ import annotations

import os
from typing import Any

import torch

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

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
F: Any = torch.nn.functional


def leaf(value: Any) -> Any:
    """Return a copy as a tensor that needs a gradient."""
    return torch.tensor(value, requires_grad=True)


def scalar(work: Workload) -> Steps:
    """Scalars, float64."""
    given = SCALARS[work.size]
    leaves: list[Any] = []
    double: Any = torch.float64

    def make() -> list[Any]:
        leaves[:] = [torch.tensor(value, dtype=double, requires_grad=True) for value in given]
        return leaves

    def product() -> None:
        x, y, z = make()
        ((x + y) * z).backward()

    def neuron() -> None:
        w0, x0, w1, x1, w2 = make()
        torch.sigmoid(w0 * x0 + w1 * x1 + w2).backward()

    return Steps(
        product if work.size == "product" else neuron,
        lambda: [one.grad.numpy() for one in leaves],
    )


def norm(work: Workload) -> Steps:
    """||Wx||²."""
    W, x = map(leaf, norm_data(work))

    def step() -> None:
        W.grad = x.grad = None
        q = W @ x
        (q @ q).backward()

    return Steps(step, lambda: [W.grad.numpy(), x.grad.numpy()])


def network(work: Workload) -> Steps:
    """One training step with torch's own optimizer."""
    x, labels, weights, biases = network_data(work)
    W, b = [leaf(one) for one in weights], [leaf(one) for one in biases]
    data, target = torch.tensor(x), torch.tensor(labels)
    optimizer = torch.optim.SGD([*W, *b], lr=LEARNING_RATE)

    def step() -> None:
        h = data
        for layer in range(len(W)):
            h = torch.addmm(b[layer], h, W[layer])
            if layer < len(W) - 1:
                h = torch.relu(h)
        optimizer.zero_grad()
        F.cross_entropy(h, target).backward()
        optimizer.step()

    return Steps(step, lambda: [one.detach().numpy() for one in (*W, *b)])


def convolution(work: Workload) -> Steps:
    """Convolution, pooling, weighted sum."""
    pictures, kernels, weights = picture_data(work)
    x, kernel, w = leaf(pictures), leaf(kernels), torch.tensor(weights)

    def step() -> None:
        x.grad = kernel.grad = None
        (F.max_pool2d(F.conv2d(x, kernel), 2) * w).sum().backward()

    return Steps(step, lambda: [x.grad.numpy(), kernel.grad.numpy()])


def tagger(work: Workload) -> Steps:
    """One graph for one example, and a step; the table's gradient is sparse."""
    data, count = tagger_data(work), 0
    given = (data.table, data.W1, data.b1, data.W2, data.b2)
    parameters = [leaf(one) for one in given]
    table, W1, b1, W2, b2 = parameters
    words, tags = torch.tensor(data.words), torch.tensor(data.tags)
    optimizer = torch.optim.SGD(parameters, lr=LEARNING_RATE)

    def step() -> None:
        nonlocal count
        x = F.embedding(words[count % 64], table, sparse=True).reshape(1, -1)
        hidden = torch.tanh(torch.addmm(b1, x, W1))
        optimizer.zero_grad()
        F.cross_entropy(torch.addmm(b2, hidden, W2), tags[count % 64]).backward()
        optimizer.step()
        count += 1

    return Steps(step, lambda: [one.detach().numpy() for one in parameters])


MAKERS: Makers = {
    "scalar": scalar,
    "norm": norm,
    "mlp": network,
    "conv": convolution,
    "tagger": tagger,
}
