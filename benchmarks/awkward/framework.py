"""What a graph of the catalogue may ask of a framework, and plain NumPy as the one that measures.

A graph is a small program on a `Framework`. The operators ``+ - * / @ **`` are the framework's own;
everything else goes through a method, in which each framework says it in its own idiom.
"""

# ruff: noqa: ARG002 - a method that a framework lacks has no use for what it is given

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Answer = tuple[Any, ...]
Graph = Callable[..., Any]  # of tensors, or of plain arrays


class NotExpressible(Exception):  # noqa: N818 - no error: the framework has no such thing
    """The framework does not offer what the graph is about."""


class Framework:
    """A framework as the graphs use it; what is not overridden, it does not have.

    Attributes
    ----------
    name : str
    starts_anew : bool
        Whether gradients do not add up from pass to pass, by design and as documented.
    """

    name = ""
    starts_anew = False

    def prepare(self) -> None:
        """Do what has to be done once, before the first graph."""

    # --- tensors -------------------------------------------------------------------------------

    def leaf(self, value: Any) -> Any:
        """Return a tensor that gets a gradient."""
        raise NotExpressible("tensors that carry their gradient")

    def data(self, value: Any) -> Any:
        """Return a tensor of data, as of pixels: no gradient is asked for."""
        return self.leaf(value)

    def entry(self, value: float) -> Any:
        """Return the smallest thing that an optimizer changes in place: an array of one entry."""
        return np.array([value])

    def value(self, tensor: Any) -> Any:
        """Return the value as an array or a number."""
        raise NotExpressible("values")

    def grad(self, tensor: Any) -> Any:
        """Return the gradient a user gets hold of: the array itself, not a copy."""
        return tensor.grad

    def forget(self, tensor: Any) -> None:
        """Forget the gradient of a leaf."""
        tensor.grad = None

    # --- operations that are no operators ------------------------------------------------------

    def matmul(self, x: Any, y: Any) -> Any:
        """Return the matrix product."""
        return x @ y

    def multiply(self, x: Any, y: Any) -> Any:
        """Return the product entry by entry."""
        return x * y

    def sum(self, x: Any, **options: Any) -> Any:
        """Return the sum; options are NumPy's `axis` and `keepdims`."""
        return x.sum(**options)

    def mean(self, x: Any, **options: Any) -> Any:
        """Return the mean; options as for `sum`."""
        return x.mean(**options)

    def mean_squared_error(self, predicted: Any, target: Any) -> Any:
        """Return the framework's own mean squared error."""
        raise NotExpressible("a mean squared error")

    # --- passes --------------------------------------------------------------------------------

    def backward(self, tensor: Any, *, keep_graph: bool = False) -> None:
        """Go back from a tensor; `keep_graph` says that the program will need the graph again."""
        tensor.backward()

    def differentiate(self, graph: Graph, values: Sequence[Any], *, reduce: bool = True) -> Answer:
        """Return a graph's value, and the gradient of its sum for each of the given values.

        With `reduce=False` the program goes back from the value as it is.
        """
        leaves = [self.leaf(value) for value in values]
        result = graph(*leaves)
        loss = self.sum(result) if reduce and np.ndim(self.value(result)) else result
        self.backward(loss)
        return (self.value(result), *(self.grad(leaf) for leaf in leaves))

    def nodes_above(self, tensor: Any) -> int:
        """Return how many nodes the graph of a tensor has, by the framework's own function."""
        raise NotExpressible("a function that returns the graph")

    # --- models and optimizers -----------------------------------------------------------------

    def parameter(self, value: Any) -> Any:
        """Return a leaf that an optimizer moves."""
        return self.leaf(value)

    def linear(self, inputs: int, outputs: int) -> Any:
        """Return a layer x W + b."""
        raise NotExpressible("layers")

    def module(self, **parts: Any) -> Any:
        """Return a model with these attributes."""
        raise NotExpressible("models that find their parameters")

    def parameters(self, module: Any) -> list[Any]:
        """Return the parameters of a model."""
        return list(module.parameters())

    def optimizer(self, parameters: Iterable[Any], lr: float) -> Any:
        """Return plain gradient descent with the methods ``step`` and ``zero_grad``."""
        raise NotExpressible("optimizers")

    def step(self, parameters: list[Any], lr: float) -> None:
        """Move parameters along their gradients, as the framework's users do."""
        self.optimizer(parameters, lr).step()


class Plain(Framework):
    """Plain NumPy: it only evaluates; derivatives are measured by `measured`."""

    name = "NumPy"

    def sum(self, x: Any, **options: Any) -> Any:
        """Return the sum."""
        return np.sum(x, **options)

    def mean(self, x: Any, **options: Any) -> Any:
        """Return the mean."""
        return np.mean(x, **options)


PLAIN = Plain()
STEP = 1e-3


def measured(graph: Graph, values: Sequence[Any]) -> Answer:
    """Return what `Framework.differentiate` should: by NumPy and finite differences alone.

    Central differences in two step sizes, which cancel their leading error (Richardson): exact
    for polynomials up to degree 4, but for rounding.
    """
    points = [np.array(value, np.float64) for value in values]

    def total(position: int, index: tuple[int, ...], move: float) -> float:
        moved = [point.copy() for point in points]
        moved[position][index] += move
        return float(np.sum(graph(*moved)))

    def slope(position: int, index: tuple[int, ...], step: float) -> float:
        return (total(position, index, step) - total(position, index, -step)) / (2 * step)

    gradients = []
    for position, point in enumerate(points):
        gradient = np.empty_like(point)
        for index in np.ndindex(point.shape):
            fine, coarse = slope(position, index, STEP / 2), slope(position, index, STEP)
            gradient[index] = (4 * fine - coarse) / 3
        gradients.append(gradient)
    return (graph(*points), *gradients)
