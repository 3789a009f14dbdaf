"""course_autograd, with the reference solutions as the rules of its exercises."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from autograder.cells import read_notebook, solution_cells
from autograder.course import COURSE
from benchmarks.awkward.framework import Framework
from course_autograd import Tensor, nn, ops
from course_autograd.optim import SGD


class Ours(Framework):
    """Our engine; a tensor copies what it is given."""

    name = "ours"

    def prepare(self) -> None:
        """Register the reference solutions, as a student would."""
        for name in COURSE.names():
            notebook = COURSE.reference(name)
            setup = [cell.source for cell in read_notebook(notebook).by_role("setup")]
            namespace: dict[str, Any] = {"__name__": "reference"}
            for source in (*setup, *solution_cells(notebook).values()):
                exec(source, namespace)

    def leaf(self, value: Any) -> Any:
        """Return a tensor."""
        return Tensor(value)

    def value(self, tensor: Any) -> Any:
        """Return the value."""
        return tensor.value

    def mean_squared_error(self, predicted: Any, target: Any) -> Any:
        """Return the loss."""
        return ops.mean_squared_error(predicted, target)

    def nodes_above(self, tensor: Any) -> int:
        """Return the number of nodes of the graph."""
        return len(tensor.get_graph_above())

    def parameter(self, value: Any) -> Any:
        """Return a parameter."""
        return nn.Parameter(value)

    def linear(self, inputs: int, outputs: int) -> Any:
        """Return a layer."""
        return nn.Linear(inputs, outputs, rng=np.random.default_rng(0))

    def module(self, **parts: Any) -> Any:
        """Return a module with attributes."""
        module = nn.Module()
        for name, part in parts.items():
            setattr(module, name, part)
        return module

    def optimizer(self, parameters: Iterable[Any], lr: float) -> Any:
        """Return plain SGD."""
        return SGD(parameters, lr=lr)


FRAMEWORK = Ours()
