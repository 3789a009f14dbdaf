"""A graph computed once more, with another value at one of its nodes; no tensor is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from course_autograd.backward import computation_order
from course_autograd.tensor import Tensor


class Replay:
    """The graph above a tensor as a function of any of its nodes.

    Everything is computed in float64, by the forward rules that the operations declare.

    Parameters
    ----------
    root : Tensor
        The result of a computation.

    Attributes
    ----------
    order : list of Tensor
        The computed tensors that need a gradient, in an order of computation.
    values : dict
        Tensor -> its value, computed from the leaves.
    """

    def __init__(self, root: Tensor) -> None:
        self.root, self.order = root, computation_order(root)
        self.values: dict[Tensor, Any] = {}
        for node in (root, *self.order):
            for one in (node, *node.parents):
                if one.operation is None:
                    array = np.array(one.value, dtype=np.float64)
                    self.values[one] = array if array.ndim else array[()]
        self._compute(self.order, self.values)

    def result_of(self, changed: Tensor) -> Callable[[Any], Any]:
        """Return the result as a function of the value at `changed`, a leaf or an inner node.

        Only what depends on that node is computed again.
        """
        depends, after = {changed}, []
        for node in self.order:
            if node is not changed and not depends.isdisjoint(node.parents):
                depends.add(node)
                after.append(node)

        def result(value: Any) -> Any:
            moved = {**self.values, changed: value}
            self._compute(after, moved)
            return moved[self.root]

        return result

    def _compute(self, nodes: Iterable[Tensor], values: dict[Tensor, Any]) -> None:
        """Compute the values of `nodes` from those of their inputs, one after the other."""
        for node in nodes:
            values[node] = forward(node, values)


def forward(node: Tensor, values: Mapping[Tensor, Any]) -> Any:
    """Return what the declared forward rule of one node computes from `values` of its inputs."""
    inputs = [values[one] if isinstance(one, Tensor) else one for one in node.inputs]
    return node.operation.declared_forward([], *inputs, **(node.options or {}))
