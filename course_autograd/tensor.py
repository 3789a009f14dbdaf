"""Tensor: a node of the computation graph, and the backward pass over the nodes above it.

The graph is dynamic: it is built while your code runs. A tensor that an operation made remembers
the operation, its inputs, and what the forward rule saved; nothing else is needed to go back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import numpy.typing as npt

from course_autograd.contract import conform, describe
from course_autograd.errors import (
    NoGraphError,
    NotScalarError,
    OptionError,
    ShapeError,
    StaleGraphError,
    UndoneExerciseError,
    ValueTypeError,
)
from course_autograd.rows import Rows

if TYPE_CHECKING:
    import networkx as nx

Array = npt.NDArray[Any]
# Looked up once per node of a graph, so by their shortest names.
float64, ndarray = np.float64, np.ndarray

# Operators look their operation up here; `course_autograd.ops` fills the table, so that this
# module never imports it.
OPERATORS: dict[str, Any] = {}


class _Recording:
    """Whether operations record the graph (see `no_grad`), and how often optimizers have stepped."""

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
        if self.value.shape != ():
            raise NotScalarError(
                "backward: expected a scalar (shape ()), got a tensor of shape "
                f"{self.value.shape}. Reduce it to one number first, for example with .sum()."
            )
        if self.age != recording.steps:
            _require_fresh(self)
        backpropagate(self, self.value.dtype.type(1), keep_inner=keep_inner)

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


def constant(name: str, value: Any) -> Any:
    """Return an input of the operation `name` that is no tensor as a Python number or an array.

    Numbers stay Python numbers, so that float32 tensors stay float32 beside them.

    Raises
    ------
    ValueTypeError
        For everything that is not made of real numbers.
    """
    kind = type(value)
    if kind is float or kind is int:
        return value
    if kind is ndarray and value.dtype.kind in "fiub" and value.ndim:
        return value
    rectangular = True
    try:
        array = np.asarray(value)
    except ValueError:
        array, rectangular = np.array(None), False
    if array.dtype.kind not in "fiub":
        what = f"dtype {array.dtype}" if rectangular else "rows of unequal lengths"
        raise ValueTypeError(
            f"{name}: expected a tensor, a number or an array of numbers, got {describe(value)} "
            f"with {what}. Give the inputs one by one."
        )
    return array if array.ndim else array.item()


def apply(operation: Any, inputs: tuple[Any, ...], options: dict[str, Any] | None = None) -> Tensor:
    """Run an operation's forward rule on the values of `inputs` and return the new node."""
    __tracebackhide__ = True
    # One and two inputs are spelled out: loops and unpacking cost as much as all the rest.
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
            right, second = constant(operation.__name__, y), False
            inputs = inputs[0], right
        needs = PAIRS[first][second]
    elif count == 1 and isinstance(inputs[0], Tensor):
        left, needs = inputs[0].value, SINGLES[inputs[0].requires_grad]
    else:
        count = 0
        values, needs, inputs = _taken(operation, inputs)
    ctx: list[Any] = []
    forward = operation.forward
    try:
        if count == 2:
            value = forward(ctx, left, right, **options) if options else forward(ctx, left, right)
        elif count == 1:
            value = forward(ctx, left, **options) if options else forward(ctx, left)
        else:
            value = forward(ctx, *values, **options) if options else forward(ctx, *values)
    except Exception as error:
        values = _taken(operation, inputs)[0]
        if operation.broadcasts:
            _require_broadcast(operation.__name__, [np.shape(value) for value in values])
        _require_written(error, operation)
        _note(error, "forward", operation, "inputs", values)
        raise
    if type(value) is not float64 and (
        type(value) is not ndarray or value.dtype.kind != "f" or not value.ndim
    ):
        value = _output(operation, value)
    node = new_tensor(Tensor)
    node.value = value
    node.gradient = node.name = None
    node.age = recording.steps
    if True in needs and recording.on:
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
SINGLES = NOT_NEEDED, NEEDED = (False,), (True,)
PAIRS = (((False, False), (False, True)), ((True, False), (True, True)))
SAME_NEEDS: dict[tuple[bool, ...], tuple[bool, ...]] = {}


def _taken(
    operation: Any, inputs: tuple[Any, ...]
) -> tuple[list[Any], tuple[bool, ...], tuple[Any, ...]]:
    """Return the values of `inputs`, which of them need a gradient, and what a node keeps of them.

    That is the tensors as they are, and constants as numbers and arrays.
    """
    values: list[Any] = []
    needs: tuple[bool, ...] = ()
    for position, given in enumerate(inputs):
        if isinstance(given, Tensor):
            values.append(given.value)
            needs += SINGLES[given.requires_grad]
        else:
            value = constant(operation.__name__, given)
            values.append(value)
            needs += NOT_NEEDED
            if value is not given:
                inputs = (*inputs[:position], value, *inputs[position + 1 :])
    return values, SAME_NEEDS.setdefault(needs, needs), inputs


def _require_broadcast(name: str, shapes: list[tuple[int, ...]]) -> None:
    """Say it in our words when the shapes of an elementwise operation do not broadcast."""
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        raise ShapeError(
            f"{name}: expected shapes that broadcast (sizes equal or 1, counted from the last "
            f"axis), got {' and '.join(map(str, shapes))}. Reshape or transpose one of them."
        ) from None


def _output(operation: Any, value: object) -> Any:
    """Bring what a forward rule returned to a float array or NumPy scalar."""
    if value is None:
        raise ValueTypeError(
            f"{operation.__name__}: the forward rule returned None; expected one array. "
            "Does it end in a return statement?"
        )
    if isinstance(value, float64 | np.float32):
        return value
    if isinstance(value, ndarray) and value.dtype.kind == "f":
        return value if value.ndim else value[()]
    try:
        return as_value(value)
    except ValueTypeError as error:
        raise ValueTypeError(f"{operation.__name__}: the forward rule returned {error}") from error


def _require_written(error: Exception, operation: Any) -> None:
    """Say which exercise it was, if `error` is the bare NotImplementedError of its stub."""
    if type(error) is NotImplementedError and not error.args and operation.exercise is not None:
        raise UndoneExerciseError(
            f"{operation.__name__} is not written yet: it is the exercise '{operation.__name__}' "
            f"of assignment {operation.exercise}. In its cell, put your own lines in place of "
            "'raise NotImplementedError()', run that cell, and try again."
        ) from None


def _note(error: Exception, rule: str, operation: Any, what: str, values: list[Any]) -> None:
    """Add to an error raised inside a rule which rule it was, and the shapes it was given."""
    shapes = ", ".join(str(np.shape(value)) for value in values)
    error.add_note(f"(in the {rule} rule of {operation.__name__}; {what} of shape {shapes})")


# --- going back ----------------------------------------------------------------------------


def computation_order(root: Tensor, leaves: list[Tensor] | None = None) -> list[Tensor]:
    """Return the computed tensors above `root` that need a gradient, in an order of computation.

    Every tensor comes after its parents. Leaves are left out: they send no messages; where a list
    is given they are put there, once for each time they are used. The search goes to the parents
    first and uses a list as its stack, so graphs may be as deep as they like.
    """
    order: list[Tensor] = []
    found = [] if leaves is None else leaves
    visited: set[Tensor] = set()
    stack: list[Any] = [root] if root.operation is not None else []
    while stack:
        node = stack.pop()
        if node is None:  # a marker: everything above the node beneath it is done
            order.append(stack.pop())
        elif node not in visited:
            visited.add(node)
            stack.append(node)
            stack.append(None)
            for parent in node.inputs:
                if type(parent) is Tensor or isinstance(parent, Tensor):
                    if parent.operation is None:
                        found.append(parent)
                    elif parent not in visited:
                        stack.append(parent)
    return order


def _require_fresh(root: Tensor) -> None:
    """Raise if an optimizer has moved a leaf above `root` since `root` was computed."""
    leaves: list[Tensor] = []
    computation_order(root, leaves)
    for leaf in leaves:
        if leaf.age > root.age:
            named = f" {leaf.name!r}" if leaf.name else ""
            raise StaleGraphError(
                "backward: expected a graph of the present values, but an optimizer has moved the "
                f"parameter{named} of shape {leaf.shape} since this one was computed. Compute the "
                "loss again, then go back."
            )


def backpropagate(root: Tensor, upstream: Any, *, keep_inner: bool = True) -> None:
    """Start the backward pass at `root` with the gradient `upstream` and go to the leaves.

    This is the engine's inner way in: `root` need not be a scalar.
    """
    __tracebackhide__ = True
    if root.operation is None:
        root.gradient = upstream if root.gradient is None else root.gradient + upstream
        return
    order, leaves = _order_back(root)
    earlier: dict[Tensor, Any] = {}  # gradients of an earlier pass, of the leaves that have one
    for leaf in leaves:
        if leaf.gradient is not None:
            earlier[leaf] = leaf.gradient
            leaf.gradient = None
    root.gradient = upstream
    try:
        _visit(order, keep_inner)
    except BaseException:  # half a pass is none: leaves are as they were before it
        for leaf in leaves:
            leaf.gradient = earlier.get(leaf)
        raise
    for leaf, before in earlier.items():  # leaves add up over passes
        leaf.gradient = before if leaf.gradient is None else before + leaf.gradient


def _order_back(root: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Return the computed tensors from `root` upwards, each before its parents, and the leaves.

    Where no node is used twice, the order in which they are found will do.
    """
    order, leaves = [root], []
    found = set()
    for node in order:  # which grows meanwhile
        node.gradient = None  # what an earlier pass left at inner nodes is stale
        for parent in node.inputs:
            if type(parent) is Tensor or isinstance(parent, Tensor):
                if parent.operation is None:
                    leaves.append(parent)
                elif parent in found:
                    leaves = []
                    order = computation_order(root, leaves)
                    order.reverse()
                    for node in order:
                        node.gradient = None
                    return order, leaves
                else:
                    found.add(parent)
                    order.append(parent)
    return order, leaves


def _visit(order: list[Tensor], keep_inner: bool) -> None:
    """Let every node, the output first, send its messages to the nodes it was computed from."""
    __tracebackhide__ = True
    for node in order:
        grad_output, needs = node.gradient, node.needs
        ctx = Context(node.saved)
        ctx.needs = needs
        try:
            gradients = node.operation.backward(ctx, grad_output)
        except Exception as error:
            _explain(error, node.operation, grad_output)
            raise
        if type(gradients) is not tuple or len(gradients) != len(needs):
            gradients = _conform(node, gradients)
        position = 0
        for parent in node.inputs:
            if needs[position]:
                gradient, value, before = gradients[position], parent.value, parent.gradient
                if type(gradient) is float64 and type(value) is float64:
                    parent.gradient = gradient if before is None else before + gradient
                else:
                    if (
                        type(gradient) is not ndarray
                        or type(value) is not ndarray
                        or gradient.shape != value.shape
                        or gradient.dtype is not value.dtype
                    ):
                        gradients = _conform(node, gradients)
                        gradient = gradients[position]
                    if before is not None:
                        parent.gradient = before + gradient  # never in place: maybe shared
                    elif parent.operation is not None:
                        # rules are given arrays
                        parent.gradient = gradient.dense() if type(gradient) is Rows else gradient
                    elif type(gradient) is ndarray and (
                        gradient is grad_output
                        or gradient.base is not None
                        or _held(gradient, gradients, node.saved)
                    ):
                        parent.gradient = (
                            gradient.copy()
                        )  # leaves own theirs: optimizers write there
                    else:
                        parent.gradient = gradient
            position += 1  # noqa: SIM113 - zip and enumerate cost a tenth of a small graph
        if not keep_inner:
            node.gradient = None


def _conform(node, gradients):
    return conform(
        node.operation.__name__,
        gradients,
        [given.value if isinstance(given, Tensor) else given for given in node.inputs],
        node.value.shape,
        broadcasts=node.operation.broadcasts,
        needs=node.needs,
        names=node.operation._input_names,
    )


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
        _explain(error, operation, grad_output)
        raise


def _explain(error: Exception, operation: Any, grad_output: Any) -> None:
    """Add to an error raised inside a backward rule what it was about."""
    _require_written(error, operation)
    _note(error, "backward", operation, "grad_output", [grad_output])


def checked_rule(node: Tensor, grad_output: Any) -> Any:
    """Run the backward rule of `node` and hold what it returns against the gradient contract."""
    __tracebackhide__ = True
    operation, needs = node.operation, node.needs
    ctx = Context(node.saved)
    ctx.needs = needs
    try:
        gradients = operation.backward(ctx, grad_output)
    except Exception as error:
        _explain(error, operation, grad_output)
        raise
    # The common case is decided here, cheaply; `conform` decides the rest, and finds the words.
    inputs = node.inputs
    if type(gradients) is tuple and len(gradients) == len(inputs):
        position = 0
        for given in inputs:
            if needs[position]:
                value, gradient = given.value, gradients[position]
                if type(value) is float64:
                    if type(gradient) is not float64:
                        break
                elif (
                    type(gradient) is not type(value)
                    or gradient.shape != value.shape
                    or gradient.dtype is not value.dtype
                ):
                    break
            position += 1  # noqa: SIM113 - zip and enumerate cost a tenth of a small graph
        else:
            return gradients
    return conform(
        node.operation.__name__,
        gradients,
        [given.value if isinstance(given, Tensor) else given for given in node.inputs],
        node.value.shape,
        broadcasts=node.operation.broadcasts,
        needs=node.needs,
        names=node.operation._input_names,
    )


def _held(gradient: Any, gradients: Any, saved: tuple[Any, ...]) -> bool:
    """Whether somebody else has the array `gradient`, so that a leaf must not adopt it."""
    for kept in saved:
        if gradient is kept:
            return True
    holders = 0
    for other in gradients:
        if gradient is other:
            holders += 1
    return holders > 1
