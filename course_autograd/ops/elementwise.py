"""Functions of one variable, elementwise: exponential, logarithm and activations."""

from __future__ import annotations

from typing import Any

import numpy as np

from course_autograd.domain import Domain, Example, Extreme, Kink, positive
from course_autograd.operation import Operation, tensor_op
from course_autograd.ops.arithmetic import SINGLES

# Formulas that do not overflow change over at 0: numbers close to it, of both signs.
NEAR_ZERO = Example("arrays", ((6,),), sample=lambda rng, shape: rng.uniform(-0.3, 0.3, shape))
FAR = np.array([-1000.0, -40.0, 0.5, 40.0, 1000.0])


@tensor_op
class exp(Operation):
    """z = e to the power x, elementwise. ctx holds [output]."""

    exercise = "02_sigmoid"
    domain = Domain(SINGLES)

    @staticmethod
    def forward(ctx: list[Any], x: Any) -> Any:
        """Return e ** x; save [output]."""
        output = np.exp(x)
        ctx.append(output)
        return output


@tensor_op
class log(Operation):
    """z = natural logarithm of x, elementwise; x is positive. ctx holds [x]."""

    domain = Domain(SINGLES, (positive,))

    @staticmethod
    def forward(ctx: list[Any], x: Any) -> Any:
        """Return log(x); save [x]."""
        ctx.append(x)
        return np.log(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        """Return the upstream per x: the derivative of log is 1 / x."""
        (x,) = ctx
        return (grad_output / x,)


@tensor_op
class sigmoid(Operation):
    """z = 1 / (1 + e^-x), elementwise, without overflow for large inputs of either sign.

    What to save in ctx is part of the exercise; the package saves nothing.
    """

    exercise = "02_sigmoid"
    whole = True
    symbol = "σ"
    domain = Domain((*SINGLES, NEAR_ZERO), extremes=(Extreme((FAR,)), Extreme((-1000.0,))))

    @staticmethod
    def forward(ctx: list[Any], x: Any) -> Any:
        """Return the logistic function of x."""
        decay = np.exp(-np.abs(x))  # at most 1, whatever the sign
        return np.where(np.less(x, 0.0), decay, 1.0) / (1.0 + decay)


@tensor_op
class tanh(Operation):
    """z = hyperbolic tangent of x, elementwise. ctx holds [output]."""

    exercise = "04_mlp"
    domain = Domain(SINGLES, extremes=(Extreme((FAR,)),))

    @staticmethod
    def forward(ctx: list[Any], x: Any) -> Any:
        """Return tanh(x); save [output]."""
        output = np.tanh(x)
        ctx.append(output)
        return output


@tensor_op
class relu(Operation):
    """z = max(0, x), elementwise.

    At x = 0 there is no derivative; any number from 0 to 1 is right. What to save in ctx is part
    of the exercise; the package saves nothing.
    """

    exercise = "04_mlp"
    whole = True
    domain = Domain(
        SINGLES,
        kinks=(Kink((np.array([1.2, 0.0, -0.7]),)), Kink((0.0,))),
        extremes=(Extreme((FAR,)),),
    )

    @staticmethod
    def forward(ctx: list[Any], x: Any) -> Any:
        """Return the positive part of x."""
        return np.maximum(x, 0.0)
