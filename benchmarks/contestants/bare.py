"""A stripped engine: what a backward pass costs when nobody has to learn from it.

The same graphs and the same tricks as ours (constants, broadcasting, inputs that need no gradient,
nodes used many times, an iterative order, the first gradient adopted), and nothing else: no checks
of what a rule returns or is given, no ctx, no messages, no names, no second pass through a graph,
no failed pass undone, no switch. *ours* against this row is what teaching costs.
"""

# ruff: noqa: D101, D102, SIM113 - rules called what they are; enumerate costs more

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.contestants import Makers, Steps
from benchmarks.workloads import LEARNING_RATE, SCALARS, Workload, network_data


class Node:
    """A value, and what it was computed from."""

    __slots__ = ("grad", "needs", "parents", "rule", "saved", "value")

    def __init__(self, value: Any) -> None:
        self.value = np.float64(value) if type(value) is float else value
        self.grad = self.rule = None
        self.parents = ()
        self.needs = True

    def __add__(self, other: Any) -> Node:
        return apply(add, (self, other))

    def __mul__(self, other: Any) -> Node:
        return apply(mul, (self, other))

    def backward(self) -> None:
        """Go back to the leaves."""
        order: list[Any] = [self]
        seen = set()
        for node in order:
            for parent in node.parents:
                if type(parent) is Node and parent.rule is not None:
                    if parent in seen:
                        return self.send(depth_first(self))
                    seen.add(parent)
                    order.append(parent)
        return self.send(order)

    def send(self, order: list[Any]) -> None:
        """Let every node send its messages."""
        self.grad = self.value.dtype.type(1)
        for node in order:
            upstream, position = node.grad, 0
            gradients = node.rule.backward(node, upstream)
            for parent in node.parents:
                if type(parent) is Node and parent.needs:
                    gradient, before = gradients[position], parent.grad
                    if type(gradient) is np.ndarray:
                        if gradient.shape != parent.value.shape:
                            gradient = unbroadcast(gradient, parent.value.shape)
                        if parent.rule is None and (
                            gradient is upstream or gradient.base is not None
                        ):
                            gradient = gradient.copy()
                    parent.grad = gradient if before is None else before + gradient
                position += 1
            node.grad = None


def apply(rule: Any, parents: tuple[Any, ...], *options: Any) -> Node:
    """Compute a value and remember how."""
    node: Node = object.__new__(Node)
    node.grad, node.rule, node.parents, node.needs = None, rule, parents, True
    if len(parents) == 2:
        x, y = parents
        node.needs = False
        if type(x) is Node:
            node.needs = x.needs
            x = x.value
        if type(y) is Node:
            node.needs = node.needs or y.needs
            y = y.value
        node.value = rule.forward(node, x, y)
    else:
        values = []
        for parent in parents:
            values.append(parent.value if type(parent) is Node else parent)
        node.value = rule.forward(node, *values, *options)
    return node


def depth_first(root: Node) -> list[Any]:
    """Return the nodes so that each comes before its parents, where some are used many times."""
    order: list[Any] = []
    seen, stack = set(), [root]
    while stack:
        node: Any = stack.pop()
        if node is None:
            order.append(stack.pop())
        elif node not in seen:
            seen.add(node)
            stack += (node, None)
            for parent in node.parents:
                if type(parent) is Node and parent.rule is not None:
                    stack.append(parent)
    return order[::-1]


def unbroadcast(gradient: Any, shape: tuple[int, ...]) -> Any:
    """Sum over the axes along which a value was repeated."""
    added = gradient.ndim - len(shape)
    ones = [k + added for k, size in enumerate(shape) if size == 1 != gradient.shape[k + added]]
    return gradient.sum(axis=(*range(added), *ones)).reshape(shape)


class add:
    forward = staticmethod(lambda _node, x, y: x + y)
    backward = staticmethod(lambda _node, upstream: (upstream, upstream))


class mul:
    @staticmethod
    def forward(node: Any, x: Any, y: Any) -> Any:
        node.saved = x, y
        return x * y

    @staticmethod
    def backward(node: Any, upstream: Any) -> Any:
        x, y = node.saved
        return upstream * y, upstream * x


class sigmoid:
    @staticmethod
    def forward(node: Any, x: Any) -> Any:
        node.saved = z = 1.0 / (1.0 + np.exp(-x))
        return z

    @staticmethod
    def backward(node: Any, upstream: Any) -> Any:
        z = node.saved
        return (upstream * z * (1.0 - z),)


class relu:
    @staticmethod
    def forward(node: Any, x: Any) -> Any:
        node.saved = z = np.maximum(x, 0.0)
        return z

    @staticmethod
    def backward(node: Any, upstream: Any) -> Any:
        return (upstream * (node.saved > 0.0),)


class linear:
    @staticmethod
    def forward(node: Any, x: Any, W: Any, b: Any) -> Any:
        node.saved = x, W, type(node.parents[0]) is Node
        z = np.dot(x, W)
        z += b
        return z

    @staticmethod
    def backward(node: Any, upstream: Any) -> Any:
        x, W, needed = node.saved
        below = np.dot(upstream, W.T) if needed else None
        return below, np.dot(x.T, upstream), np.add.reduce(upstream, axis=0)


class cross_entropy:
    @staticmethod
    def forward(node: Any, scores: Any, labels: Any) -> Any:
        work = scores - np.maximum.reduce(scores, axis=1, keepdims=True)
        rows = np.arange(len(labels))
        of_label = work[rows, labels]
        np.exp(work, out=work)
        total = np.add.reduce(work, axis=1, keepdims=True)
        work /= total
        node.saved = work, rows, labels
        return np.add.reduce(np.log(total[:, 0]) - of_label) / len(labels)

    @staticmethod
    def backward(node: Any, upstream: Any) -> Any:
        gradient, rows, labels = node.saved
        gradient[rows, labels] -= 1.0
        gradient *= upstream / len(labels)
        return (gradient,)


def scalar(work: Workload) -> Steps:
    """Make leaves, build the graph, go back."""
    given = SCALARS[work.size]
    leaves: list[Node] = []

    def product() -> None:
        x, y, z = leaves[:] = [Node(value) for value in given]
        ((x + y) * z).backward()

    def neuron() -> None:
        w0, x0, w1, x1, w2 = leaves[:] = [Node(value) for value in given]
        apply(sigmoid, (w0 * x0 + w1 * x1 + w2,)).backward()

    return Steps(
        product if work.size == "product" else neuron, lambda: [leaf.grad for leaf in leaves]
    )


def network(work: Workload) -> Steps:
    """One step of gradient descent, in place."""
    x, labels, weights, biases = network_data(work)
    W, b = [Node(one) for one in weights], [Node(one) for one in biases]

    def step() -> None:
        h: Any = x
        for layer in range(len(W)):
            h = apply(linear, (h, W[layer], b[layer]))
            if layer < len(W) - 1:
                h = apply(relu, (h,))
        apply(cross_entropy, (h,), labels).backward()
        for one in (*W, *b):
            one.grad *= LEARNING_RATE
            one.value -= one.grad
            one.grad = None

    return Steps(step, lambda: [one.value for one in (*W, *b)])


MAKERS: Makers = {"scalar": scalar, "mlp": network}  # where the engine itself is measured
