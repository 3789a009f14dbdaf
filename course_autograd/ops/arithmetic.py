"""Arithmetic, elementwise: these broadcast, and the engine sums their gradients back."""

from __future__ import annotations

from typing import Any

import numpy as np

from course_autograd.contract import describe
from course_autograd.domain import Domain, Example, Kink, positive
from course_autograd.errors import OptionError
from course_autograd.operation import Operation, tensor_op

PAIRS = (
    Example("scalars", ((), ())),
    Example("arrays", ((3, 4), (3, 4))),
    Example("arrays", ((5,), (5,))),
    Example("broadcasting", ((3, 4), (4,))),
    Example("broadcasting", ((2, 1), (1, 3))),
    Example("broadcasting", ((), (3, 2))),
)
SINGLES = (
    Example("scalars", ((),)),
    Example("arrays", ((5,),)),
    Example("arrays", ((3, 4),)),
)


@tensor_op
class add(Operation):
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
class subtract(Operation):
    """z = x - y, elementwise."""

    broadcasts = True
    symbol = "−"
    domain = Domain(PAIRS)

    @staticmethod
    def forward(ctx: list[Any], x: Any, y: Any) -> Any:
        """Return x - y."""
        return x - y

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        """Distribute the upstream gradient, with the other sign to y."""
        return grad_output, np.negative(grad_output) if ctx.needs[1] else None


@tensor_op
class mul(Operation):
    """z = x * y, elementwise. ctx holds [x, y]."""

    broadcasts = True
    exercise = "01_chain_rule"
    symbol = "×"
    domain = Domain(PAIRS)

    @staticmethod
    def forward(ctx: list[Any], x: Any, y: Any) -> Any:
        """Return x * y; save [x, y]."""
        ctx += x, y
        return x * y


@tensor_op
class divide(Operation):
    """z = x / y, elementwise; y is not 0. ctx holds [y, z]."""

    broadcasts = True
    symbol = "÷"
    domain = Domain(PAIRS)

    @staticmethod
    def forward(ctx: list[Any], x: Any, y: Any) -> Any:
        """Return z = x / y; save [y, z]."""
        quotient = x / y
        ctx += y, quotient
        return quotient

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        """Return the upstream per y, and minus z times that."""
        y, quotient = ctx
        per_y = grad_output / y
        return per_y, np.negative(quotient * per_y) if ctx.needs[1] else None


@tensor_op
class negate(Operation):
    """z = -x, elementwise. ctx is empty."""

    exercise = "02_sigmoid"
    symbol = "× −1"
    domain = Domain(SINGLES)

    @staticmethod
    def forward(ctx: list[Any], x: Any) -> Any:
        """Return -x; save nothing."""
        return -x


@tensor_op
class reciprocal(Operation):
    """z = 1 / x, elementwise; x is not 0. ctx holds [x]."""

    exercise = "02_sigmoid"
    symbol = "1/x"
    domain = Domain(SINGLES)

    @staticmethod
    def forward(ctx: list[Any], x: Any) -> Any:
        """Return 1 / x; save [x]."""
        ctx.append(x)
        return 1.0 / x


@tensor_op
class square(Operation):
    """z = x², elementwise. ctx holds [x]."""

    exercise = "03_norm_squared"
    symbol = "x²"
    domain = Domain(SINGLES)

    @staticmethod
    def forward(ctx: list[Any], x: Any) -> Any:
        """Return x squared; save [x]."""
        ctx.append(x)
        return x * x


@tensor_op
class power(Operation):
    """z = x ** exponent, elementwise; the exponent is a constant number. ctx holds [x, exponent].

    The exponent is a keyword, ``ops.power(x, exponent=3)``, because it gets no gradient.
    """

    exercise = "01_chain_rule"
    symbol = "xⁿ"
    domain = Domain(
        (
            Example("scalars", ((),), {"exponent": 3}),
            Example("arrays", ((3, 4),), {"exponent": 3}),
            Example("arrays", ((5,),), {"exponent": 2}),
            Example("other exponents", ((2, 3),), {"exponent": -2}),
            Example("other exponents", ((4,),), {"exponent": 0.5}, positive),
            Example("other exponents", ((4, 2),), {"exponent": 1}),
        )
    )

    @staticmethod
    def forward(ctx: list[Any], x: Any, *, exponent: float) -> Any:
        """Return x ** exponent; save [x, exponent]."""
        if isinstance(exponent, np.generic):
            exponent = exponent.item()  # a NumPy float64 would turn float32 into float64
        if not isinstance(exponent, int | float):
            raise OptionError(
                f"power: expected the exponent to be a constant number, got {describe(exponent)}. "
                "It gets no gradient; write x ** 3 or ops.power(x, exponent=3)."
            )
        ctx += x, exponent
        if exponent == 3:
            return x * x * x  # NumPy's power is a hundred times slower here
        return x**exponent


def apart(x: Any, y: Any) -> bool:
    """Whether no entry of `x` is close to the entry of `y` it meets."""
    return bool(np.all(np.abs(x - y) > 0.05))


@tensor_op
class maximum(Operation):
    """z = the larger of x and y, elementwise. ctx holds [x, y].

    Where x = y there is no derivative; any split of the upstream between the two is right.
    """

    broadcasts = True
    exercise = "01_chain_rule"
    symbol = "max"
    domain = Domain(
        PAIRS,
        smooth=apart,
        kinks=(
            Kink((np.array([1.3, -0.4, 0.8]), np.array([0.7, -0.4, 1.1]))),
            Kink((0.9, 0.9)),
        ),
    )

    @staticmethod
    def forward(ctx: list[Any], x: Any, y: Any) -> Any:
        """Return the larger of x and y; save [x, y]."""
        ctx += x, y
        return np.maximum(x, y)
