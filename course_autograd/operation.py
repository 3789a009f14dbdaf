"""Operation: the forward/backward API, and how a class becomes callable on tensors."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from course_autograd.domain import Domain
from course_autograd.errors import CourseError
from course_autograd.explaining import missing_rule
from course_autograd.tensor import Tensor, apply

OperationClass = TypeVar("OperationClass", bound="type[Operation]")
Rule = Callable[..., Any]


class _OperationType(type):
    """Lets an operation say what the package declared, whatever a student put in its place.

    Kept off the operations themselves, so that ``help(ops.mul)`` shows what a student needs.
    """

    _declared: tuple[Rule, Rule]

    @property
    def declared_forward(cls) -> Rule:
        """The forward rule the operation was decorated with: the truth of every check."""
        return cls._declared[0]

    @property
    def declared_backward(cls) -> Rule:
        """The backward rule it was decorated with; for an exercise, the one that says so."""
        return cls._declared[1]

    @declared_backward.setter
    def declared_backward(cls, rule: Rule) -> None:
        cls._declared = (cls._declared[0], rule)


class Operation(metaclass=_OperationType):
    """A function on arrays that knows its value and how gradients flow back through it.

    Write a subclass with two static methods and decorate it with ``@tensor_op``; then calling
    the class on tensors computes the value and adds a node to the graph.

    Attributes
    ----------
    broadcasts : bool
        True for elementwise operations: the backward rule may return gradients in the shape of
        the output, and the engine sums them over the broadcast axes.
    exercise : str or None
        Name of the assignment in which the backward rule is written, e.g. ``"01_chain_rule"``.
    whole : bool
        True where the exercise is the whole operation: forward, what to save, and backward.
    symbol : str
        Short label for pictures, e.g. ``"+"``; the name of the operation where empty.
    domain : Domain or None
        Where the operation is smooth, with example shapes: the source of all its checks.
    """

    broadcasts: ClassVar[bool] = False
    exercise: ClassVar[str | None] = None
    whole: ClassVar[bool] = False
    symbol: ClassVar[str] = ""
    domain: ClassVar[Domain | None] = None
    _on_tensors: ClassVar[bool] = False
    _input_names: ClassVar[tuple[str, ...]] = ()  # for messages

    def __new__(cls, *inputs: Any, **options: Any) -> Tensor:  # type: ignore[misc]
        """Apply the operation to tensors, numbers and arrays; return the new node of the graph."""
        __tracebackhide__ = True
        if not cls._on_tensors:
            raise CourseError(
                f"{cls.__name__} is not callable on tensors yet. Write @tensor_op above the class."
            )
        return apply(cls, inputs, options)

    @staticmethod
    def forward(ctx: list[Any], *inputs: Any, **options: Any) -> Any:
        """Compute the output from the values of the inputs.

        Parameters
        ----------
        ctx : list
            Empty; append what the backward rule will need.
        *inputs : ndarray or number
            Values of the inputs.
        **options
            Constants, such as an axis or an exponent.

        Returns
        -------
        ndarray
            The output, one array.
        """
        raise NotImplementedError("this operation has no forward rule")

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        """Compute the gradients of the inputs from the gradient of the output.

        Parameters
        ----------
        ctx : list
            What forward saved. ``ctx.needs`` tells which inputs need a gradient.
        grad_output : ndarray
            Upstream gradient dL/d(output), of the output's shape.

        Returns
        -------
        tuple of ndarray
            The vector-Jacobian products dL/d(input), one per input, in the order of the inputs.
        """
        raise NotImplementedError("this operation has no backward rule")


def tensor_op(operation: OperationClass) -> OperationClass:
    """Make an `Operation` subclass callable on tensors (class decorator).

    The class stays a class: its name, docstring, ``forward`` and ``backward`` remain readable.

    Raises
    ------
    TypeError
        If it is not a subclass of `Operation`, or has no forward rule.
    """
    if not (isinstance(operation, type) and issubclass(operation, Operation)):
        raise TypeError("tensor_op: expected a class that inherits from Operation.")
    if operation.forward is Operation.forward:
        raise TypeError(
            f"tensor_op: {operation.__name__} has no forward rule. "
            "Give it a static method forward(ctx, ...)."
        )
    for which in ("forward", "backward"):  # forgiving: the lecture's slides forget @staticmethod
        rule = operation.__dict__.get(which)
        if inspect.isfunction(rule):
            setattr(operation, which, staticmethod(rule))
    if not inspect.signature(operation.forward).parameters:
        raise TypeError(
            f"tensor_op: the forward rule of {operation.__name__} takes no arguments. Its first is "
            "ctx, then come the inputs: forward(ctx, x)."
        )
    if operation.backward is Operation.backward:
        operation.backward = staticmethod(_missing_rule(operation))  # type: ignore[method-assign]
    operation._declared = (operation.forward, operation.backward)
    operation._on_tensors = True
    given = list(inspect.signature(operation.forward).parameters.values())[1:]
    operation._input_names = tuple(
        one.name for one in given if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    )
    operation.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [parameter.replace(annotation=parameter.empty) for parameter in given]
    )
    return operation


def _missing_rule(operation: type[Operation]) -> Rule:
    """Return a backward rule that says what is missing, and where it is to be written."""

    def backward(ctx: Any, grad_output: Any) -> Any:  # noqa: ARG001 - the API's names
        """Say that this backward rule is still to be written."""
        __tracebackhide__ = True
        missing_rule(operation)

    return backward
