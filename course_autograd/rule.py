"""One backward rule: the ``ctx`` it sees, how it is called, and what becomes of its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from course_autograd.contract import conform
from course_autograd.explaining import explain_backward

if TYPE_CHECKING:
    from course_autograd.tensor import Tensor


class Context(list[Any]):
    """``ctx`` as a backward rule sees it: what the forward rule saved, and which inputs matter.

    Attributes
    ----------
    needs : tuple of bool
        ``needs[i]`` is True where input ``i`` needs a gradient. A rule may return None elsewhere.
    """

    __slots__ = ("needs",)
    needs: tuple[bool, ...]


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
        explain_backward(error, operation, grad_output)
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
