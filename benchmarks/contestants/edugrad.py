"""edugrad, the lecture's library. What it lacks is added in its own style, in its best case."""

from __future__ import annotations

from typing import Any

import numpy as np
from edugrad.ops import add, copy_rows, matmul, reduce_sum, relu
from edugrad.optim import SGD
from edugrad.tensor import Operation, Tensor, tensor_op

from benchmarks.contestants import Makers, Steps
from benchmarks.workloads import (
    LEARNING_RATE,
    SCALARS,
    Workload,
    network_data,
    norm_data,
    tagger_data,
)


@tensor_op
class mul(Operation):
    """x * y."""

    @staticmethod
    def forward(ctx: Any, x: Any, y: Any) -> Any:
        """Return x * y."""
        ctx.extend((x, y))
        return x * y

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        """Return both gradients."""
        x, y = ctx
        return grad_output * y, grad_output * x


@tensor_op
class sigmoid(Operation):
    """1 / (1 + exp(-x))."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        """Return the sigmoid."""
        ctx.append(1.0 / (1.0 + np.exp(-x)))
        return ctx[-1]

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        """Return the gradient."""
        return [grad_output * ctx[-1] * (1.0 - ctx[-1])]


@tensor_op
class tanh(Operation):
    """tanh(x)."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        """Return tanh(x)."""
        ctx.append(np.tanh(x))
        return ctx[-1]

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        """Return the gradient."""
        return [grad_output * (1.0 - ctx[-1] * ctx[-1])]


@tensor_op
class cross_entropy(Operation):
    """Mean cross-entropy of scores, with softmax in the same step."""

    @staticmethod
    def forward(ctx: Any, scores: Any, labels: Any = None) -> Any:
        """Return the loss."""
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        ctx.extend((p, labels))
        return -np.log(p[np.arange(len(p)), labels]).mean()

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        """Return the gradient of the scores."""
        p, labels = ctx
        g = p.copy()
        g[np.arange(len(p)), labels] -= 1.0
        return [g * (grad_output / len(p))]


@tensor_op
class lookup(Operation):
    """Rows of a table, side by side."""

    @staticmethod
    def forward(ctx: Any, table: Any, rows: Any = None) -> Any:
        """Return the rows as one row."""
        ctx.extend((table.shape, rows))
        return table[rows].reshape(1, -1)

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        """Return the gradient of the table."""
        shape, rows = ctx
        g = np.zeros(shape)
        np.add.at(g, rows, grad_output.reshape(len(rows), -1))
        return [g]


def scalar(work: Workload) -> Steps:
    """Scalars."""
    given = SCALARS[work.size]
    leaves: list[Any] = []

    def product() -> None:
        x, y, z = leaves[:] = [Tensor(np.float64(value)) for value in given]
        mul(add(x, y), z).backward()

    def neuron() -> None:
        w0, x0, w1, x1, w2 = leaves[:] = [Tensor(np.float64(value)) for value in given]
        sigmoid(add(add(mul(w0, x0), mul(w1, x1)), w2)).backward()

    return Steps(
        product if work.size == "product" else neuron, lambda: [leaf.grad for leaf in leaves]
    )


def norm(work: Workload) -> Steps:
    """||Wx||², x as a column: its matmul needs matrices."""
    w, x1 = norm_data(work)
    W, x = Tensor(w), Tensor(x1[:, None])

    def step() -> None:
        W.grad, x.grad = np.zeros(W.value.shape), np.zeros(x.value.shape)
        q = matmul(W, x)
        reduce_sum(mul(q, q)).backward()

    return Steps(step, lambda: [W.grad, x.grad[:, 0]])


def network(work: Workload) -> Steps:
    """One training step."""
    x, labels, weights, biases = network_data(work)
    W, b = [Tensor(one.copy()) for one in weights], [Tensor(one.copy()) for one in biases]
    optimizer = SGD([*W, *b], lr=LEARNING_RATE)

    def step() -> None:
        h = Tensor(x)
        for layer in range(len(W)):
            h = add(matmul(h, W[layer]), copy_rows(b[layer], num=len(x)))
            if layer < len(W) - 1:
                h = relu(h)
        optimizer.zero_grad()
        cross_entropy(h, labels=labels).backward()
        optimizer.step()

    return Steps(step, lambda: [one.value for one in (*W, *b)])


def tagger(work: Workload) -> Steps:
    """One graph for one example, and a step."""
    data, count = tagger_data(work), 0
    given = (data.table, data.W1, data.b1, data.W2, data.b2)
    parameters = [Tensor(one.copy()) for one in given]
    table, W1, b1, W2, b2 = parameters
    optimizer = SGD(parameters, lr=LEARNING_RATE)

    def step() -> None:
        nonlocal count
        x = lookup(table, rows=data.words[count % 64])
        hidden = tanh(add(matmul(x, W1), copy_rows(b1, num=1)))
        scores = add(matmul(hidden, W2), copy_rows(b2, num=1))
        optimizer.zero_grad()
        cross_entropy(scores, labels=data.tags[count % 64]).backward()
        optimizer.step()
        count += 1

    return Steps(step, lambda: [one.value for one in parameters])


# It has no convolution.
MAKERS: Makers = {"scalar": scalar, "norm": norm, "mlp": network, "tagger": tagger}
