"""Tensor: a node of the computation graph, and the backward pass over the nodes above it.

The graph is dynamic: it is built while your code runs. A tensor that an operation made remembers
the operation, its inputs, and what the forward rule saved; nothing else is needed to go back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from course_autograd.contract import conform, describe
from course_autograd.errors import NotScalarError, ValueTypeError

if TYPE_CHECKING:
    import networkx as nx

Array = npt.NDArray[Any]

# Operators look their operation up here; `course_autograd.ops` fills the table, so that this
# module never imports it.
OPERATORS: dict[str, Callable[..., Tensor]] = {}


class _Recording:
    """Whether operations record the graph (see `no_grad`)."""

    on = True


@contextmanager
def no_grad() -> Iterator[None]:
    """Compute values only: inside this block no graph is built and nothing is saved.

    Examples
    --------
    >>> with no_grad():
    ...     accuracy = evaluate(model)
    """
    before = _Recording.on
    _Recording.on = False
    try:
        yield
    finally:
        _Recording.on = before


class Context(list[Any]):
    """``ctx`` as a backward rule sees it: what the forward rule saved, and which inputs matter.

    Attributes
    ----------
    needs : tuple of bool
        ``needs[i]`` is True where input ``i`` needs a gradient. A rule may return None elsewhere.
    """

    __slots__ = ("needs",)
    needs: tuple[bool, ...]


def as_value(value: object) -> Any:
    """Return `value` as a float array (a NumPy scalar if it has no axes), always a copy.

    Integers and booleans become float64; float32 stays float32.

    Raises
    ------
    ValueTypeError
        For strings, complex numbers, objects and lists of unequal lengths.
    """
    if type(value) is float:
        return np.float64(value)
    if isinstance(value, Tensor):
        value = value.value
    try:
        array = np.array(value, subok=False)
    except ValueError as error:
        raise ValueTypeError(
            f"Tensor: expected a number or an array, got a list that is not rectangular ({error}). "
            "Give all rows the same length."
        ) from error
    kind = array.dtype.kind
    if kind in "iub":
        array = array.astype(np.float64)
    elif kind != "f":
        raise ValueTypeError(
            f"Tensor: expected real numbers, got {describe(value)} with dtype {array.dtype}. "
            "Convert it to numbers first."
        )
    return array if array.ndim else array[()]


class Tensor:
    """A node of the computation graph: a value, and after a backward pass its gradient.

    Parameters
    ----------
    value : array_like of real numbers
        Copied. Integers become float64, float32 stays float32.
    name : str, optional
        Shown in pictures and messages.
    requires_grad : bool
        Whether a backward pass computes ``grad`` for this tensor. Plain numbers and arrays used
        beside tensors are constants and never get a gradient.

    Attributes
    ----------
    value : ndarray or NumPy scalar
    grad : ndarray, NumPy scalar or None
        dL/d(value) of the last backward pass, of the shape and dtype of `value`; None before.
        Leaves add up over passes until `zero_grad`.
    parents : tuple of Tensor
        The tensors this one was computed from; empty for a leaf.
    inputs : tuple
        The operation's inputs as given: tensors and constants.
    operation : type or None
        The operation that made this tensor; None for a leaf.
    """

    __slots__ = (
        "__weakref__",
        "grad",
        "inputs",
        "name",
        "operation",
        "options",
        "parents",
        "requires_grad",
        "saved",
        "value",
    )
    # NumPy must leave `array * tensor` to our reflected operators.
    __array_ufunc__ = None

    value: Any
    grad: Any
    parents: tuple[Tensor, ...]
    inputs: tuple[Any, ...]
    operation: Any
    options: dict[str, Any] | None
    saved: tuple[Any, ...]
    requires_grad: bool
    name: str | None

    def __init__(
        self, value: object, name: str | None = None, *, requires_grad: bool = True
    ) -> None:
        self.value = as_value(value)
        self.grad = None
        self.parents = ()
        self.inputs = ()
        self.operation = None
        self.options = None
        self.saved = ()
        self.requires_grad = requires_grad
        self.name = name

    # --- shape and looks -------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        shape: tuple[int, ...] = self.value.shape
        return shape

    @property
    def ndim(self) -> int:
        """Number of axes of the value."""
        return len(self.value.shape)

    @property
    def size(self) -> int:
        """Number of entries of the value."""
        return int(self.value.size)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type of the value: float64 or float32."""
        dtype: np.dtype[Any] = self.value.dtype
        return dtype

    def item(self) -> float:
        """Return the value of a one-element tensor as a Python float."""
        return float(self.value.item())

    def __len__(self) -> int:
        return len(self.value)

    def __repr__(self) -> str:
        made = f", operation={self.operation.__name__}" if self.operation is not None else ""
        named = f", name={self.name!r}" if self.name else ""
        return f"Tensor({np.array2string(np.asarray(self.value), precision=6)}{named}{made})"

    def __bool__(self) -> bool:
        return bool(self.value)

    def __float__(self) -> float:
        return self.item()

    # --- the backward pass -----------------------------------------------------------------

    def zero_grad(self) -> None:
        """Forget the gradient of this tensor."""
        self.grad = None

    def detach(self) -> Tensor:
        """Return a new leaf with a copy of this value and no graph above it."""
        return Tensor(self.value, self.name, requires_grad=False)

    def backward(self, *, keep_inner: bool = True) -> None:
        """Compute dL/dv for every tensor v above this one, where L is this scalar tensor.

        The accumulator algorithm: set dL/dL to 1, visit the nodes in reverse order of
        computation, and let every node add its messages to the gradients of its parents.

        Parameters
        ----------
        keep_inner : bool
            Keep the gradients of inner nodes, for the eyes (True), or drop each as soon as it
            has been used, as training does (False). Leaves always keep theirs.

        Raises
        ------
        NotScalarError
            If this tensor is not a scalar.
        """
        if self.value.shape != ():
            raise NotScalarError(
                f"backward: expected a scalar (shape ()), got a tensor of shape {self.value.shape}. "
                "Reduce it to one number first, for example with .sum() or .mean()."
            )
        backpropagate(self, self.value.dtype.type(1), keep_inner=keep_inner)

    def get_graph_above(self) -> nx.DiGraph[Tensor]:
        """Return the graph of this tensor and all tensors it was computed from.

        Edges go from a parent to what was computed from it, so that ``networkx.topological_sort``
        gives an order of computation, and its reverse an order for backpropagation.
        """
        import networkx  # slow to import, and only needed here  # noqa: PLC0415

        graph: nx.DiGraph[Tensor] = networkx.DiGraph()
        graph.add_node(self)
        seen, stack = {self}, [self]
        while stack:
            node = stack.pop()
            for parent in node.parents:
                graph.add_edge(parent, node)
                if parent not in seen:
                    seen.add(parent)
                    stack.append(parent)
        return graph

    # --- operators, looked up in OPERATORS --------------------------------------------------

    def __add__(self, other: object) -> Tensor:
        return OPERATORS["add"](self, other)

    def __radd__(self, other: object) -> Tensor:
        return OPERATORS["add"](other, self)

    def __sub__(self, other: object) -> Tensor:
        return OPERATORS["subtract"](self, other)

    def __rsub__(self, other: object) -> Tensor:
        return OPERATORS["subtract"](other, self)

    def __mul__(self, other: object) -> Tensor:
        return OPERATORS["mul"](self, other)

    def __rmul__(self, other: object) -> Tensor:
        return OPERATORS["mul"](other, self)

    def __truediv__(self, other: object) -> Tensor:
        return OPERATORS["divide"](self, other)

    def __rtruediv__(self, other: object) -> Tensor:
        return OPERATORS["divide"](other, self)

    def __matmul__(self, other: object) -> Tensor:
        return OPERATORS["matmul"](self, other)

    def __rmatmul__(self, other: object) -> Tensor:
        return OPERATORS["matmul"](other, self)

    def __neg__(self) -> Tensor:
        return OPERATORS["negate"](self)

    def __pow__(self, exponent: float) -> Tensor:
        return OPERATORS["power"](self, exponent=exponent)

    def __getitem__(self, index: Any) -> Tensor:
        return OPERATORS["getitem"](self, index=index)

    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        """Sum over `axis` (all axes by default)."""
        return OPERATORS["sum"](self, axis=axis, keepdims=keepdims)

    def mean(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        """Arithmetic mean over `axis` (all axes by default)."""
        return OPERATORS["mean"](self, axis=axis, keepdims=keepdims)

    def max(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """Largest entry along `axis` (of all by default)."""
        return OPERATORS["max"](self, axis=axis, keepdims=keepdims)

    def reshape(self, *shape: int | tuple[int, ...]) -> Tensor:
        """Return the same entries in another shape."""
        whole = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        return OPERATORS["reshape"](self, shape=whole)

    def transpose(self, axes: tuple[int, ...] | None = None) -> Tensor:
        """Permute the axes (reverse them by default)."""
        return OPERATORS["transpose"](self, axes=axes)

    @property
    def T(self) -> Tensor:  # noqa: N802 - NumPy's name
        """The transpose."""
        return OPERATORS["transpose"](self, axes=None)


# --- building the graph --------------------------------------------------------------------


def constant(value: Any) -> Any:
    """Return an input that is no tensor as a Python number or an array.

    Numbers stay Python numbers, so that float32 tensors stay float32 beside them.
    """
    kind = type(value)
    if kind is float or kind is int:
        return value
    if kind is not np.ndarray:
        value = np.asarray(value)
    if value.dtype.kind not in "fiub":
        raise ValueTypeError(
            f"expected a tensor, a number or an array of numbers, got {describe(value)} "
            f"with dtype {value.dtype}."
        )
    return value if value.ndim else value.item()


def apply(operation: Any, inputs: tuple[Any, ...], options: dict[str, Any]) -> Tensor:
    """Run an operation's forward rule on the values of `inputs` and return the new node."""
    __tracebackhide__ = True
    values = []
    parents = inputs
    requires_grad = False
    for given in inputs:
        if isinstance(given, Tensor):
            values.append(given.value)
            if given.requires_grad:
                requires_grad = True
        else:
            values.append(constant(given))
            parents = ()
    ctx: list[Any] = []
    try:
        value = operation.forward(ctx, *values, **options)
    except Exception as error:
        shapes = ", ".join(str(np.shape(v)) for v in values)
        error.add_note(f"(in the forward rule of {operation.__name__}, inputs of shape {shapes})")
        raise
    if type(value) is not np.float64 and (
        type(value) is not np.ndarray or value.dtype.kind != "f" or not value.ndim
    ):
        value = _output(operation, value)
    node = Tensor.__new__(Tensor)
    node.value = value
    node.grad = None
    node.name = None
    if requires_grad and _Recording.on:
        node.operation = operation
        node.requires_grad = True
        node.saved = tuple(ctx)
        node.options = options or None
        if parents:
            node.inputs = inputs
            node.parents = inputs
        else:
            node.inputs = tuple(
                [
                    given if isinstance(given, Tensor) else v
                    for given, v in zip(inputs, values, strict=True)
                ]
            )
            node.parents = tuple([given for given in inputs if isinstance(given, Tensor)])
    else:
        node.operation = None
        node.requires_grad = False
        node.saved = node.inputs = node.parents = ()
        node.options = None
    return node


def _output(operation: Any, value: object) -> Any:
    """Bring what a forward rule returned to a float array or NumPy scalar."""
    if value is None:
        raise ValueTypeError(
            f"{operation.__name__}: the forward rule returned None; expected one array. "
            "Does it end in a return statement?"
        )
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "f":
        return value if value.ndim else value[()]
    try:
        return as_value(value)
    except ValueTypeError as error:
        raise ValueTypeError(f"{operation.__name__}: the forward rule returned {error}") from error


# --- going back ----------------------------------------------------------------------------


def computation_order(root: Tensor) -> list[Tensor]:
    """Return the tensors above `root` that need a gradient, every parent before its children."""
    order: list[Tensor] = []
    visited: set[Tensor] = set()
    stack: list[Tensor | None] = [root]
    while stack:
        node = stack.pop()
        if node is None:  # a marker: everything above the node beneath it is done
            order.append(stack.pop())  # type: ignore[arg-type]
        elif node not in visited:
            visited.add(node)
            stack.append(node)
            stack.append(None)
            for parent in node.parents:
                if parent.requires_grad and parent not in visited:
                    stack.append(parent)
    return order


def backpropagate(root: Tensor, upstream: Any, *, keep_inner: bool = True) -> None:
    """Start the backward pass at `root` with the gradient `upstream` and go to the leaves.

    This is the engine's inner way in: `root` need not be a scalar.
    """
    __tracebackhide__ = True
    order = computation_order(root)
    for node in order:
        if node.operation is not None:
            node.grad = None  # inner gradients of an earlier pass are stale
    if root.operation is None:
        root.grad = upstream if root.grad is None else root.grad + upstream
        return
    root.grad = upstream
    order.reverse()
    for node in order:
        if node.operation is not None:
            _send_messages(node)
            if not keep_inner:
                node.grad = None


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
        error.add_note(
            f"(in the backward rule of {operation.__name__}, "
            f"grad_output of shape {np.shape(grad_output)})"
        )
        raise


def _send_messages(node: Tensor) -> None:
    """Run the backward rule of `node` and add its gradients to its inputs."""
    __tracebackhide__ = True
    operation, inputs, grad_output = node.operation, node.inputs, node.grad
    needs = tuple([isinstance(given, Tensor) and given.requires_grad for given in inputs])
    gradients = run_rule(operation, node.saved, needs, grad_output)
    if not _as_promised(gradients, inputs, needs):
        gradients = conform(
            operation.__name__,
            gradients,
            [given.value if isinstance(given, Tensor) else given for given in inputs],
            node.value.shape,
            broadcasts=operation.broadcasts,
            needs=needs,
        )
    for parent, gradient, needed in zip(inputs, gradients, needs, strict=True):
        if not needed:
            continue
        if parent.grad is not None:
            parent.grad = parent.grad + gradient  # never in place: the array may be shared
        elif parent.operation is None and _shared(gradient, grad_output, gradients, node.saved):
            parent.grad = gradient.copy()  # leaves own their array: optimizers write into it
        else:
            parent.grad = gradient


def _as_promised(gradients: Any, inputs: tuple[Any, ...], needs: tuple[bool, ...]) -> bool:
    """Whether `gradients` keep the contract to the letter (the common case, decided cheaply)."""
    if type(gradients) is not tuple or len(gradients) != len(inputs):
        return False
    for given, gradient, needed in zip(inputs, gradients, needs, strict=True):
        if needed:
            value = given.value
            kind = type(value)
            if type(gradient) is not kind:
                return False
            if kind is np.ndarray and (
                gradient.shape != value.shape or gradient.dtype != value.dtype
            ):
                return False
    return True


def _shared(gradient: Any, grad_output: Any, gradients: Any, saved: tuple[Any, ...]) -> bool:
    """Whether somebody else may hold the array `gradient`, so that a leaf must not adopt it."""
    if type(gradient) is not np.ndarray:
        return False
    if gradient is grad_output or gradient.base is not None:
        return True
    if any(gradient is kept for kept in saved):
        return True
    return sum(gradient is other for other in gradients) > 1
