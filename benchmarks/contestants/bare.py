"""The same design without anything that teaches: what an engine of this kind costs at the least.

No error is checked or explained, no rule is held against a contract, nothing has a name, and an
operation is a pair of functions instead of a class. The difference to ``ours`` is what teaching
costs. The rules are those of `benchmarks.contestants.rules` and the package's, line by line.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.contestants import Steps
from benchmarks.workloads import LEARNING_RATE, SCALARS, Workload, network_data

float64 = np.float64


class Node:
    """A value, its gradient, and how it was computed; it is its own ctx."""

    __slots__ = ("__weakref__", "grad", "needs", "parents", "rule", "saved", "value")

    def __init__(self, value: Any) -> None:
        self.value = float64(value) if type(value) is float else value
        self.grad = self.rule = None
        self.needs, self.parents, self.saved = True, (), ()

    def __add__(self, other: Node) -> Node:
        return made(self.value + other.value, add_rule, (self, other), ())

    def __mul__(self, other: Node) -> Node:
        x, y = self.value, other.value
        return made(x * y, mul_rule, (self, other), (x, y))

    def backward(self) -> None:
        """Give every leaf above its gradient; inner gradients are dropped as they are used."""
        order: list[Any] = []
        visited: set[Node] = set()
        stack: list[Any] = [self]
        while stack:
            node = stack.pop()
            if node is None:
                order.append(stack.pop())
            elif node not in visited:
                visited.add(node)
                stack.append(node)
                stack.append(None)
                for parent in node.parents:
                    if type(parent) is Node and parent.rule is not None and parent not in visited:
                        stack.append(parent)
        self.grad = self.value.dtype.type(1)
        for node in reversed(order):
            grad_output, saved = node.grad, node.saved
            gradients = node.rule(saved, grad_output)
            node.grad = None
            for parent, gradient in zip(node.parents, gradients, strict=True):
                if type(parent) is not Node:
                    continue
                if parent.grad is not None:
                    parent.grad = parent.grad + gradient
                elif parent.rule is None and (
                    gradient is grad_output or getattr(gradient, "base", None) is not None
                ):
                    parent.grad = gradient.copy()
                else:
                    parent.grad = gradient


def made(value: Any, rule: Any, parents: tuple[Any, ...], saved: Any) -> Node:
    """Return a new node, without going through ``__init__``."""
    node = object.__new__(Node)
    node.value, node.rule, node.parents, node.saved = value, rule, parents, saved
    node.grad, node.needs = None, True
    return node


def add_rule(_saved: Any, g: Any) -> Any:
    """Z = x + y."""
    return g, g


def mul_rule(saved: Any, g: Any) -> Any:
    """Z = x y."""
    x, y = saved
    return g * y, g * x


def sigmoid(x: Node) -> Node:
    """Z = 1 / (1 + e^-x)."""
    z = 1.0 / (1.0 + np.exp(-x.value))
    return made(z, sigmoid_rule, (x,), (z,))


def sigmoid_rule(saved: Any, g: Any) -> Any:
    """The output says it all."""
    (z,) = saved
    return (g * z * (1.0 - z),)


def linear(x: Any, W: Node, b: Node) -> Node:
    """Z = x W + b; x may be an array: no gradient for data."""
    given = x.value if type(x) is Node else x
    z = np.dot(given, W.value)
    z += b.value
    return made(z, linear_rule, (x, W, b), (given, W.value, type(x) is Node))


def linear_rule(saved: Any, g: Any) -> Any:
    """Back through the product; the bias was repeated."""
    x, W, wanted = saved
    return (np.dot(g, W.T) if wanted else None, np.dot(x.T, g), np.add.reduce(g, axis=0))


def relu(x: Node) -> Node:
    """Z = max(0, x)."""
    z = np.maximum(x.value, 0.0)
    return made(z, relu_rule, (x,), (z,))


def relu_rule(saved: Any, g: Any) -> Any:
    """The mask is that of the output."""
    (z,) = saved
    return (g * (z > 0.0),)


def cross_entropy(scores: Node, labels: Any) -> Node:
    """Z = mean of -log softmax(scores)[label]."""
    s = scores.value
    count = len(labels)
    work = s - np.maximum.reduce(s, axis=1, keepdims=True)
    of_label = work[np.arange(count), labels]
    np.exp(work, out=work)
    total = np.add.reduce(work, axis=1, keepdims=True)
    work /= total
    loss = np.add.reduce(np.log(total[:, 0]) - of_label) / count
    return made(loss, cross_entropy_rule, (scores,), (work, labels))


def cross_entropy_rule(saved: Any, g: Any) -> Any:
    """Probabilities, minus one at the label, by N."""
    probabilities, labels = saved
    gradient = probabilities.copy()
    gradient[np.arange(len(labels)), labels] -= 1.0
    gradient *= g / len(labels)
    return (gradient,)


def steps(work: Workload) -> Steps | None:
    """Return scalars and training; other workloads do not exist."""
    return {"scalar": scalar, "mlp": network}[work.kind](work) if work.kind in KINDS else None


KINDS = ("scalar", "mlp")


def scalar(work: Workload) -> Steps:
    """Make leaves, build the graph, go back."""
    given = SCALARS[work.size]
    leaves: list[Node] = []

    def product() -> None:
        x, y, z = leaves[:] = [Node(value) for value in given]
        ((x + y) * z).backward()

    def neuron() -> None:
        w0, x0, w1, x1, w2 = leaves[:] = [Node(value) for value in given]
        sigmoid(w0 * x0 + w1 * x1 + w2).backward()

    return Steps(
        product if work.size == "product" else neuron, lambda: [leaf.grad for leaf in leaves]
    )


def network(work: Workload) -> Steps:
    """One step of gradient descent, in place."""
    x, labels, weights, biases = network_data(work)
    W, b = [Node(one) for one in weights], [Node(one) for one in biases]
    parameters = [*W, *b]

    def step() -> None:
        h: Any = x
        for layer in range(len(W)):
            h = linear(h, W[layer], b[layer])
            if layer < len(W) - 1:
                h = relu(h)
        for parameter in parameters:
            parameter.grad = None
        cross_entropy(h, labels).backward()
        for parameter in parameters:
            gradient: Any = parameter.grad
            gradient *= LEARNING_RATE
            parameter.value -= gradient

    return Steps(step, lambda: [one.value for one in parameters])
