"""Tensor: a node of the computation graph, and how an operation on tensors makes a new one.

The graph is dynamic: it is built while your code runs. A tensor that an operation made remembers
the operation, its inputs, and what the forward rule saved; nothing else is needed to go back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import numpy.typing as npt

from course_autograd.backward import (
    Context,
    backpropagate,
    computation_order,
    note,
    require_fresh,
    require_written,
    run_rule,
)
from course_autograd.errors import NoGraphError, NotScalarError, OptionError, ShapeError
from course_autograd.rows import Rows
from course_autograd.values import as_value, constant, output

if TYPE_CHECKING:
    import networkx as nx

Array = npt.NDArray[Any]
# Looked up once per node of a graph, so by their shortest names.
float64, ndarray = np.float64, np.ndarray
ONE = float64(1.0)

# Operators look their operation up here; `course_autograd.ops` fills the table, so that this
# module never imports it.
OPERATORS: dict[str, Any] = {}


class _Recording:
    """Whether operations record the graph (see `no_grad`); how often optimizers have stepped."""

    __slots__ = ("on", "steps")

    def __init__(self) -> None:
        self.on = True
        self.steps = 0


recording = _Recording()


@contextmanager
def no_grad() -> Iterator[None]:
    """Compute values only: inside this block no graph is built and nothing is saved.

    Examples
    --------
    >>> with no_grad():
    ...     accuracy = evaluate(model)
    """
    before = recording.on
    recording.on = False
    try:
        yield
    finally:
        recording.on = before


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
    gradient : ndarray, NumPy scalar, Rows or None
        The same as the engine keeps it: only the rows that are not zero, where a rule says so.
    parents : tuple of Tensor
        The tensors this one was computed from; empty for a leaf.
    inputs : tuple
        The operation's inputs as given: tensors and constants.
    needs : tuple of bool
        Which of the inputs need a gradient.
    operation : type or None
        The operation that made this tensor; None for a leaf.
    age : int
        How many steps all optimizers had made when the value was computed, or last moved.
    """

    __slots__ = (
        "__weakref__",
        "age",
        "gradient",
        "inputs",
        "name",
        "needs",
        "operation",
        "options",
        "requires_grad",
        "saved",
        "value",
    )
    # NumPy must leave `array * tensor` to our reflected operators.
    __array_ufunc__ = None

    value: Any
    age: int
    gradient: Any
    inputs: tuple[Any, ...]
    needs: tuple[bool, ...]
    operation: Any
    options: dict[str, Any] | None
    saved: tuple[Any, ...]
    requires_grad: bool
    name: str | None

    def __init__(
        self, value: object, name: str | None = None, *, requires_grad: bool = True
    ) -> None:
        if isinstance(value, Tensor):
            value = value.value
        self.value = float64(value) if type(value) is float else as_value(value)
        self.gradient = None
        self.age = 0
        self.inputs = self.needs = ()
        self.operation = None
        self.options = None
        self.saved = ()
        self.requires_grad = requires_grad
        self.name = name

    @property
    def parents(self) -> tuple[Tensor, ...]:
        """The tensors among the inputs, in their order; empty for a leaf."""
        return tuple([given for given in self.inputs if isinstance(given, Tensor)])

    @property
    def grad(self) -> Any:
        """dL/d(value) of the last backward pass; None before."""
        if type(self.gradient) is Rows:  # who looks may also write: from now on it is an array
            self.gradient = self.gradient.dense()
        return self.gradient

    @grad.setter
    def grad(self, gradient: Any) -> None:
        self.gradient = gradient

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
        self.gradient = None

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
        NoGraphError
            If nothing above this tensor needs a gradient, or it was computed in `no_grad`.
        StaleGraphError
            If an optimizer has moved one of the leaves since this tensor was computed.

        Notes
        -----
        ``ctx`` holds references: a value that you change in place between the forward pass and
        the backward pass changes what the rules see.
        """
        __tracebackhide__ = True
        if not self.requires_grad:
            raise NoGraphError(
                "backward: expected a tensor that depends on something with a gradient, got one "
                "without a graph. Compute it from tensors, and outside of no_grad()."
            )
        value = self.value
        if type(value) is not float64 and value.shape != ():
            raise NotScalarError(
                "backward: expected a scalar (shape ()), got a tensor of shape "
                f"{value.shape}. Reduce it to one number first, for example with .sum()."
            )
        if self.age != recording.steps:
            require_fresh(self)
        one = ONE if type(value) is float64 else value.dtype.type(1)
        backpropagate(self, one, keep_inner=keep_inner)

    def get_graph_above(self) -> nx.DiGraph[Tensor]:
        """Return the graph of this tensor and all tensors it was computed from.

        Edges go from a parent to what was computed from it, so that ``networkx.topological_sort``
        gives an order of computation, and its reverse an order for backpropagation.
        """
        import networkx  # slow to import, and only needed here

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
        return apply(OPERATORS["add"], (self, other))

    def __radd__(self, other: object) -> Tensor:
        return apply(OPERATORS["add"], (other, self))

    def __sub__(self, other: object) -> Tensor:
        return apply(OPERATORS["subtract"], (self, other))

    def __rsub__(self, other: object) -> Tensor:
        return apply(OPERATORS["subtract"], (other, self))

    def __mul__(self, other: object) -> Tensor:
        return apply(OPERATORS["mul"], (self, other))

    def __rmul__(self, other: object) -> Tensor:
        return apply(OPERATORS["mul"], (other, self))

    def __truediv__(self, other: object) -> Tensor:
        return apply(OPERATORS["divide"], (self, other))

    def __rtruediv__(self, other: object) -> Tensor:
        return apply(OPERATORS["divide"], (other, self))

    def __matmul__(self, other: object) -> Tensor:
        return apply(OPERATORS["matmul"], (self, other))

    def __rmatmul__(self, other: object) -> Tensor:
        return apply(OPERATORS["matmul"], (other, self))

    def __neg__(self) -> Tensor:
        return apply(OPERATORS["negate"], (self,))

    def __pow__(self, exponent: float) -> Tensor:
        if type(exponent) in (int, float) and exponent == 0:
            return self * 0.0 + 1.0  # the power rule would give 0 x^-1, which is no number at 0
        return apply(OPERATORS["power"], (self,), {"exponent": exponent})

    def __rpow__(self, base: object) -> NoReturn:
        raise OptionError(
            f"power: expected a tensor to the power of a constant, got {type(base).__name__} ** "
            "Tensor. Write ops.exp(x * np.log(base))."
        )

    def __getitem__(self, index: Any) -> Tensor:
        return apply(OPERATORS["getitem"], (self,), {"index": index})

    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        """Sum over `axis` (all axes by default)."""
        return apply(OPERATORS["sum"], (self,), {"axis": axis, "keepdims": keepdims})

    def mean(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        """Arithmetic mean over `axis` (all axes by default)."""
        return apply(OPERATORS["mean"], (self,), {"axis": axis, "keepdims": keepdims})

    def max(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """Largest entry along `axis` (of all by default)."""
        return apply(OPERATORS["max"], (self,), {"axis": axis, "keepdims": keepdims})

    def reshape(self, *shape: int | tuple[int, ...]) -> Tensor:
        """Return the same entries in another shape."""
        whole = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        return apply(OPERATORS["reshape"], (self,), {"shape": whole})

    def transpose(self, axes: tuple[int, ...] | None = None) -> Tensor:
        """Permute the axes (reverse them by default)."""
        return apply(OPERATORS["transpose"], (self,), {"axes": axes})

    @property
    def T(self) -> Tensor:  # noqa: N802 - NumPy's name
        """The transpose."""
        return apply(OPERATORS["transpose"], (self,), {"axes": None})


# --- building the graph --------------------------------------------------------------------


def apply(operation: Any, inputs: tuple[Any, ...], options: dict[str, Any] | None = None) -> Tensor:
    """Run an operation's forward rule on the values of `inputs` and return the new node."""
    __tracebackhide__ = True
    # One and two inputs are spelled out: loops and unpacking cost as much as all the rest.
    needs: tuple[bool, ...]
    count = len(inputs)
    if count == 2:
        x, y = inputs
        if isinstance(x, Tensor):
            left, first = x.value, x.requires_grad
        else:
            left, first = constant(operation.__name__, x), False
            inputs = left, y
        if isinstance(y, Tensor):
            right, second = y.value, y.requires_grad
        else:
            right, second = y if type(y) is float else constant(operation.__name__, y), False
            inputs = x, right
        needs = PAIRS[first][second]
    elif count == 1 and isinstance(inputs[0], Tensor):
        left, needs = inputs[0].value, SINGLES[inputs[0].requires_grad]
    else:
        count = 0
        values, needs, inputs = _taken(operation, inputs)
    ctx: list[Any] = []
    try:
        if count == 2:
            value = (
                operation.forward(ctx, left, right, **options)
                if options
                else operation.forward(ctx, left, right)
            )
        elif count == 1:
            value = (
                operation.forward(ctx, left, **options) if options else operation.forward(ctx, left)
            )
        else:
            value = (
                operation.forward(ctx, *values, **options)
                if options
                else operation.forward(ctx, *values)
            )
    except Exception as error:
        _explain(error, operation, inputs)
        raise
    if type(value) is not float64 and (
        type(value) is not ndarray or value.dtype.kind != "f" or not value.ndim
    ):
        value = output(operation.__name__, value)
    node = new_tensor(Tensor)
    node.value = value
    node.gradient = node.name = None
    node.age = recording.steps
    if recording.on and True in needs:
        node.operation = operation
        node.requires_grad = True
        node.inputs = inputs
        node.needs = needs
        node.saved = tuple(ctx) if ctx else ()
        node.options = options or None
    else:
        node.operation = node.options = None
        node.requires_grad = False
        node.saved = node.inputs = node.needs = ()
    return node


new_tensor = object.__new__
# Nodes share their tuples of needs: there are few different ones, and many nodes.
SINGLES = ((False,), (True,))
PAIRS = (((False, False), (False, True)), ((True, False), (True, True)))


def _taken(
    operation: Any, inputs: tuple[Any, ...]
) -> tuple[list[Any], tuple[bool, ...], tuple[Any, ...]]:
    """Return the values of `inputs`, which of them need a gradient, and what a node keeps of them.

    That is the tensors as they are, and constants as numbers and arrays.
    """
    values, needs = [], []
    for given in inputs:
        if isinstance(given, Tensor):
            values.append(given.value)
            needs.append(given.requires_grad)
        else:
            value = constant(operation.__name__, given)
            if value is not given:
                inputs = (*inputs[: len(values)], value, *inputs[len(values) + 1 :])
            values.append(value)
            needs.append(False)
    return values, tuple(needs), inputs


def _explain(error: Exception, operation: Any, inputs: tuple[Any, ...]) -> None:
    """Say in our words what went wrong in a forward rule, or add to the error which rule it was."""
    shapes = [np.shape(value) for value in _taken(operation, inputs)[0]]
    if operation.broadcasts:
        _require_broadcast(operation.__name__, shapes)
    require_written(error, operation)
    note(error, "forward", operation, "inputs", shapes)


def _require_broadcast(name: str, shapes: list[tuple[int, ...]]) -> None:
    """Say it in our words when the shapes of an elementwise operation do not broadcast."""
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        raise ShapeError(
            f"{name}: expected shapes that broadcast (sizes equal or 1, counted from the last "
            f"axis), got {' and '.join(map(str, shapes))}. Reshape or transpose one of them."
        ) from None


__all__ = [
    "OPERATORS",
    "Context",
    "Tensor",
    "apply",
    "backpropagate",
    "computation_order",
    "no_grad",
    "recording",
    "run_rule",
]
