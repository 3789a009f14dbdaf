"""The backward pass: in which order the nodes are visited, and what they send to their parents.

A node is anything that has a value, a gradient, inputs, and an operation that made it: this module
never makes a tensor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from course_autograd.errors import StaleGraphError
from course_autograd.explaining import explain_backward
from course_autograd.rows import Rows
from course_autograd.rule import Context, conformed

if TYPE_CHECKING:
    from course_autograd.tensor import Tensor

# Looked up for every message, so by their shortest names.
float64, ndarray = np.float64, np.ndarray


def tensors_above(root: Tensor) -> list[Tensor]:
    """Return `root` and every tensor it was computed from, each once, leaves and all."""
    found, seen = [root], {root}
    for node in found:  # which grows meanwhile
        for parent in node.parents:
            if parent not in seen:
                seen.add(parent)
                found.append(parent)
    return found


def computation_order(root: Tensor) -> list[Tensor]:
    """Return the computed tensors above `root` in an order of computation: each after its parents.

    The search goes to the parents first and uses a list as its stack, so graphs may be as deep as
    they like.
    """
    order: list[Tensor] = []
    visited: set[Tensor] = set()
    kind = type(root)  # what is no tensor among the inputs is a constant
    stack: list[Any] = [root] if root.operation is not None else []
    while stack:
        node = stack.pop()
        if node is None:  # a marker: everything above the node beneath it is done
            order.append(stack.pop())
        elif node not in visited:
            visited.add(node)
            stack += node, None
            for parent in node.inputs:
                if isinstance(parent, kind) and parent.operation is not None:
                    stack.append(parent)
    return order


def backpropagate(root: Tensor, upstream: Any, *, keep_inner: bool = True) -> None:
    """Start the backward pass at `root` with the gradient `upstream` and go to the leaves.

    This is the engine's inner way in: `root` need not be a scalar.
    """
    __tracebackhide__ = True
    if root.operation is None:
        root.gradient = upstream if root.gradient is None else root.gradient + upstream
        return
    earlier: dict[Tensor, Any] = {}  # gradients of an earlier pass, of the leaves that have one
    order = _order_back(root, earlier)
    root.gradient = upstream
    try:
        _visit(order, keep_inner)
    except BaseException:  # half a pass is none: leaves are as they were before it
        for leaf in tensors_above(root):
            if leaf.operation is None:
                leaf.gradient = earlier.get(leaf)
        raise
    for leaf, before in earlier.items():  # leaves add up over passes
        leaf.gradient = before if leaf.gradient is None else before + leaf.gradient


def _order_back(root: Tensor, earlier: dict[Tensor, Any]) -> list[Tensor]:
    """Return the computed tensors from `root` upwards, each before its parents, ready for a pass.

    Ready means without gradients: what an earlier pass left at inner nodes is stale and dropped,
    what it left at leaves goes to `earlier`.
    """
    order, found, shared = [root], set(), False
    kind = type(root)
    for node in order:  # which grows meanwhile
        node.gradient = None
        for parent in node.inputs:
            if type(parent) is kind or isinstance(parent, kind):
                if parent.operation is None:
                    if parent.gradient is not None:
                        earlier[parent] = parent.gradient
                        parent.gradient = None
                elif parent in found:
                    shared = True
                else:
                    found.add(parent)
                    order.append(parent)
    # Where no node is used twice, the order in which they were found will do.
    return computation_order(root)[::-1] if shared else order


def _visit(order: list[Tensor], keep_inner: bool) -> None:
    """Let every node, the output first, send its messages to the nodes it was computed from."""
    __tracebackhide__ = True
    for node in order:
        grad_output, needs, saved = node.gradient, node.needs, node.saved
        ctx = Context(saved)  # a fresh one, so that a second pass finds what forward saved
        ctx.needs = needs
        try:
            gradients = node.operation.backward(ctx, grad_output)
        except Exception as error:
            explain_backward(error, node.operation, grad_output)
            raise
        # The common case is decided here, cheaply, on every call; `conform` decides the rest, and
        # finds the words.
        if type(gradients) is not tuple or len(gradients) != len(needs):
            gradients = conformed(node, gradients)
        position = 0
        for parent in node.inputs:
            if needs[position]:
                gradient, value, before = gradients[position], parent.value, parent.gradient
                if type(gradient) is float64 is type(value):
                    parent.gradient = gradient if before is None else before + gradient
                else:
                    if (
                        type(gradient) is not type(value)
                        or gradient.shape != value.shape
                        or gradient.dtype is not value.dtype
                    ):
                        gradients = conformed(node, gradients)
                        gradient = gradients[position]
                    if before is not None:
                        parent.gradient = before + gradient  # never in place: maybe shared
                    elif parent.operation is not None:
                        # rules are given arrays
                        parent.gradient = gradient.dense() if type(gradient) is Rows else gradient
                    elif type(gradient) is ndarray and (
                        gradient is grad_output
                        or gradient.base is not None
                        or _held(gradient, gradients, saved)
                    ):  # leaves own theirs: optimizers write into it
                        parent.gradient = gradient.copy()
                    else:
                        parent.gradient = gradient
            position += 1  # noqa: SIM113 - zip and enumerate cost a tenth of a small graph
        if not keep_inner:
            node.gradient = None


def _held(gradient: Any, gradients: Any, saved: tuple[Any, ...]) -> bool:
    """Whether somebody else has the array `gradient`, so that a leaf must not adopt it."""
    for kept in saved:
        if gradient is kept:
            return True
    if len(gradients) == 1:
        return False
    holders = 0
    for other in gradients:
        if gradient is other:
            holders += 1
    return holders > 1


def require_fresh(root: Tensor) -> None:
    """Raise if an optimizer has moved a leaf above `root` since `root` was computed."""
    for leaf in tensors_above(root):
        if leaf.operation is None and leaf.age > root.age:
            named = f" {leaf.name!r}" if leaf.name else ""
            raise StaleGraphError(
                "backward: expected a graph of the present values, but an optimizer has moved the "
                f"parameter{named} of shape {leaf.shape} since this one was computed. Compute the "
                "loss again, then go back."
            )
