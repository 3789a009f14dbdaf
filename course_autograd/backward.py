"""The backward pass: in which order the nodes are visited, and what they send to their parents.

A node is anything that has a value, a gradient, inputs, and an operation that made it: this module
never makes a tensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from course_autograd.contract import conform
from course_autograd.errors import StaleGraphError, UndoneExerciseError
from course_autograd.rows import Rows

if TYPE_CHECKING:
    from course_autograd.tensor import Tensor

# Looked up for every message, so by their shortest names.
float64, ndarray = np.float64, np.ndarray


class Context(list[Any]):
    """``ctx`` as a backward rule sees it: what the forward rule saved, and which inputs matter.

    Attributes
    ----------
    needs : tuple of bool
        ``needs[i]`` is True where input ``i`` needs a gradient. A rule may return None elsewhere.
    """

    __slots__ = ("needs",)
    needs: tuple[bool, ...]


def computation_order(root: Tensor, leaves: list[Tensor] | None = None) -> list[Tensor]:
    """Return the computed tensors above `root` that need a gradient, in an order of computation.

    Every tensor comes after its parents. Leaves are left out: they send no messages; where a list
    is given they are put there, once for each time they are used. The search goes to the parents
    first and uses a list as its stack, so graphs may be as deep as they like.
    """
    order: list[Tensor] = []
    found = [] if leaves is None else leaves
    visited: set[Tensor] = set()
    kind = type(root)  # what is no tensor among the inputs is a constant
    stack: list[Any] = [root] if root.operation is not None else []
    while stack:
        node = stack.pop()
        if node is None:  # a marker: everything above the node beneath it is done
            order.append(stack.pop())
        elif node not in visited:
            visited.add(node)
            stack.append(node)
            stack.append(None)
            for parent in node.inputs:
                if type(parent) is kind or isinstance(parent, kind):
                    if parent.operation is None:
                        found.append(parent)
                    elif parent not in visited:
                        stack.append(parent)
    return order


def order_back(root: Tensor, earlier: dict[Tensor, Any]) -> list[Tensor]:
    """Return the computed tensors from `root` upwards, each before its parents, ready for a pass.

    Ready means without gradients: what an earlier pass left at inner nodes is stale and dropped,
    what it left at leaves goes to `earlier`. Where no node is used twice, the order in which they
    are found will do.
    """
    order = [root]
    found = set()
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
                    return _order_of_shared(root, earlier)
                else:
                    found.add(parent)
                    order.append(parent)
    return order


def _order_of_shared(root: Tensor, earlier: dict[Tensor, Any]) -> list[Tensor]:
    """Do the same where nodes are used more than once."""
    leaves: list[Tensor] = []
    order = computation_order(root, leaves)[::-1]
    for node in order:
        node.gradient = None
    for leaf in leaves:
        if leaf.gradient is not None:
            earlier[leaf] = leaf.gradient
            leaf.gradient = None
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
    order = order_back(root, earlier)
    root.gradient = upstream
    try:
        _visit(order, keep_inner)
    except BaseException:  # half a pass is none: leaves are as they were before it
        leaves: list[Tensor] = []
        computation_order(root, leaves)
        for leaf in leaves:
            leaf.gradient = earlier.get(leaf)
        raise
    for leaf, before in earlier.items():  # leaves add up over passes
        leaf.gradient = before if leaf.gradient is None else before + leaf.gradient


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
            explain(error, node.operation, grad_output)
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
    leaves: list[Tensor] = []
    computation_order(root, leaves)
    for leaf in leaves:
        if leaf.age > root.age:
            named = f" {leaf.name!r}" if leaf.name else ""
            raise StaleGraphError(
                "backward: expected a graph of the present values, but an optimizer has moved the "
                f"parameter{named} of shape {leaf.shape} since this one was computed. Compute the "
                "loss again, then go back."
            )


# --- rules, and what is said when they fail ---------------------------------------------------


def run_rule(
    operation: Any, saved: tuple[Any, ...], needs: tuple[bool, ...], grad_output: Any
) -> Any:
    """Call an operation's backward rule with a fresh ``ctx`` that holds what forward saved."""
    __tracebackhide__ = True
    ctx = Context(saved)
    ctx.needs = needs
    try:
        return operation.backward(ctx, grad_output)
    except Exception as error:
        explain(error, operation, grad_output)
        raise


def conformed(node: Tensor, gradients: Any) -> list[Any]:
    """Return the gradients as the contract wants them, or raise an error in words."""
    return conform(
        node.operation.__name__,
        gradients,
        [getattr(given, "value", given) for given in node.inputs],
        node.value.shape,
        broadcasts=node.operation.broadcasts,
        needs=node.needs,
        names=node.operation._input_names,
    )


def explain(error: Exception, operation: Any, grad_output: Any) -> None:
    """Add to an error raised inside a backward rule what it was about."""
    require_written(error, operation)
    note(error, "backward", operation, "grad_output", [np.shape(grad_output)])


def require_written(error: Exception, operation: Any) -> None:
    """Say which exercise it was, if `error` is the bare NotImplementedError of its stub."""
    if type(error) is NotImplementedError and not error.args and operation.exercise is not None:
        raise UndoneExerciseError(
            f"{operation.__name__} is not written yet: it is the exercise '{operation.__name__}' "
            f"of assignment {operation.exercise}. In its cell, put your own lines in place of "
            "'raise NotImplementedError()', run that cell, and try again."
        ) from None


def note(
    error: Exception, rule: str, operation: Any, what: str, shapes: Sequence[tuple[int, ...]]
) -> None:
    """Add to an error raised inside a rule which rule it was, and the shapes it was given."""
    given = ", ".join(map(str, shapes))
    error.add_note(f"(in the {rule} rule of {operation.__name__}; {what} of shape {given})")
