"""The student's way in: rules and whole operations in place of those the package declares."""

from __future__ import annotations

from collections.abc import Callable

from course_autograd.operation import Operation, OperationClass, Rule, tensor_op


def is_undone(operation: type[Operation]) -> bool:
    """Whether the backward rule of this exercise has not been written yet."""
    return operation.exercise is not None and operation.backward is operation.declared_backward


# --- the student's way in ------------------------------------------------------------------

_replaced: set[type[Operation]] = set()


def backward_of(operation: type[Operation]) -> Callable[[Rule], Rule]:
    """Store a function as the backward rule of `operation` (decorator).

    The function is returned unchanged. Running the cell again replaces the rule; graphs,
    operators and training loops use it at once.

    Examples
    --------
    >>> @backward_of(ops.add)
    ... def add_backward(ctx, grad_output):
    ...     return grad_output, grad_output
    """
    _require_declared("backward_of", operation)

    def store(rule: Rule) -> Rule:
        if not callable(rule) or isinstance(rule, type):
            raise TypeError(
                f"backward_of(ops.{operation.__name__}): expected a function "
                "(ctx, grad_output) below the decorator."
            )
        operation.backward = staticmethod(rule)  # type: ignore[method-assign]
        _replaced.add(operation)
        return rule

    return store


def implements(operation: type[Operation]) -> Callable[[OperationClass], OperationClass]:
    """Use a whole operation, forward and backward, in place of the package's (class decorator).

    The class becomes callable on tensors, takes over what the package declares of `operation`,
    and everything that uses ``ops.<operation>`` uses its two rules from now on.
    """
    _require_declared("implements", operation)

    def store(own: OperationClass) -> OperationClass:
        if not (isinstance(own, type) and issubclass(own, Operation)):
            raise TypeError(
                f"implements(ops.{operation.__name__}): expected a class that inherits from "
                "Operation below the decorator."
            )
        own.exercise = operation.exercise
        own.whole = operation.whole
        own.broadcasts = operation.broadcasts
        own.symbol = operation.symbol
        own.domain = operation.domain
        tensor_op(own)
        operation.forward = staticmethod(own.forward)  # type: ignore[method-assign]
        operation.backward = staticmethod(own.backward)  # type: ignore[method-assign]
        _replaced.add(operation)
        return own

    return store


def reset_rules() -> None:
    """Put every operation back to what the package declares: exercises are open again."""
    for operation in _replaced:
        operation.forward = staticmethod(operation.declared_forward)  # type: ignore[method-assign]
        operation.backward = staticmethod(operation.declared_backward)  # type: ignore[method-assign]
    _replaced.clear()


def replaced_operations() -> frozenset[type[Operation]]:
    """Return the operations whose rules were given by `backward_of` or `implements`."""
    return frozenset(_replaced)


def _require_declared(decorator: str, operation: object) -> None:
    if not (isinstance(operation, type) and issubclass(operation, Operation)):
        raise TypeError(
            f"{decorator}: expected an operation of the package, such as {decorator}(ops.mul), "
            f"got {operation!r}."
        )
