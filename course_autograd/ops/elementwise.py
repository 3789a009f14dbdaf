"""Elementwise operations: they broadcast, and the engine sums gradients back."""

from __future__ import annotations

from typing import Any

import numpy as np

from course_autograd.domain import Domain, Example
from course_autograd.operation import Operation, tensor_op

PAIRS = (
    Example("scalars", ((), ())),
    Example("arrays", ((3, 4), (3, 4))),
    Example("arrays", ((5,), (5,))),
    Example("broadcasting", ((3, 4), (4,))),
    Example("broadcasting", ((2, 1), (1, 3))),
    Example("broadcasting", ((), (3, 2))),
)


@tensor_op
class add(Operation):  # noqa: N801 - operations are named as functions
    """z = x + y, elementwise."""

    broadcasts = True
    symbol = "+"
    domain = Domain(PAIRS)

    @staticmethod
    def forward(ctx: list[Any], x: Any, y: Any) -> Any:
        """Return x + y."""
        return x + y

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        """Distribute the upstream gradient to both inputs."""
        return grad_output, grad_output


@tensor_op
class mul(Operation):  # noqa: N801
    """z = x * y, elementwise. ctx holds [x, y]."""

    broadcasts = True
    exercise = "01_chain_rule"
    symbol = "×"
    domain = Domain(PAIRS)

    @staticmethod
    def forward(ctx: list[Any], x: Any, y: Any) -> Any:
        """Return x * y; save [x, y]."""
        ctx.extend((x, y))
        return x * y


_ = np
