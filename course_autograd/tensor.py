"""Tensor: a node of the computation graph, and the backward pass over the nodes above it.

The graph is dynamic: it is built while your code runs. A tensor that an operation made remembers
the operation, its inputs, and what the forward rule saved; nothing else is needed to go back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from course_autograd.contract import conform
from course_autograd.errors import NoGraphError, NotScalarError, OptionError
from course_autograd.explain import explain_backward, explain_forward
from course_autograd.rows import Rows
from course_autograd.values import as_output, as_value, constant, float64, ndarray

if TYPE_CHECKING:
    import networkx as nx

# Operators look their operation up here; `course_autograd.ops` fills the table, so that this
# module never imports it.
OPERATORS: dict[str, Any] = {}


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
    """

    __slots__ = (
        "__weakref__",
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
        self.inputs = self.needs = ()
        self.operation = None
        self.options = None
        self.saved = ()
        self.requires_grad = bool(requires_grad)
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

        Notes
        -----
        ``ctx`` holds references: a value that is changed in place between the forward pass and
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
        start = float64(1.0) if type(value) is float64 else value.dtype.type(1)
        backpropagate(self, start, keep_inner=keep_inner)

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


def apply(  # noqa: PLR0915 - the way of every node: spelled out, since calls cost as much as work
    operation: Any, inputs: tuple[Any, ...], options: dict[str, Any] | None = None
) -> Tensor:
    """Run an operation's forward rule on the values of `inputs` and return the new node."""
    __tracebackhide__ = True
    values: Sequence[Any]
    needs: tuple[bool, ...]
    count = len(inputs)
    if count == 2:  # most nodes: spelled out, which saves a third of the time
        x, y = inputs
        if isinstance(x, Tensor):
            first, needed = x.value, x.requires_grad
        else:
            x = first = constant(operation.__name__, x)
            inputs, needed = (x, y), False
        if isinstance(y, Tensor):
            second, also_needed = y.value, y.requires_grad
        else:
            y = second = constant(operation.__name__, y)
            inputs, also_needed = (x, y), False
        values, needs = (first, second), PAIRS[needed][also_needed]
    elif count == 1 and isinstance(inputs[0], Tensor):
        (only,) = inputs
        values, needs = (only.value,), NEEDED if only.requires_grad else NOT_NEEDED
    else:
        inputs, values, needs = _read(operation.__name__, inputs)
    ctx: list[Any] = []
    try:
        if options:
            value = operation.forward(ctx, *values, **options)
        elif count == 2:  # unpacking costs as much as the rest of the call
            value = operation.forward(ctx, first, second)
        elif count == 1:
            value = operation.forward(ctx, values[0])
        else:
            value = operation.forward(ctx, *values)
    except Exception as error:
        explain_forward(error, operation, values)
        raise
    if type(value) is not float64 and (
        type(value) is not ndarray or value.dtype.kind != "f" or not value.ndim
    ):
        value = as_output(operation.__name__, value)
    node = new_tensor(Tensor)
    node.value = value
    node.gradient = node.name = None
    if True in needs and _Recording.on:
        node.operation = operation
        node.requires_grad = True
        node.saved = tuple(ctx)
        node.options = options or None
        node.needs = needs
        node.inputs = inputs
    else:
        node.operation = node.options = None
        node.requires_grad = False
        node.saved = node.inputs = node.needs = ()
    return node


new_tensor = object.__new__
NEEDED, NOT_NEEDED = (True,), (False,)
# Nodes share their tuples of needs: there are few different ones, and many nodes.
PAIRS = (((False, False), (False, True)), ((True, False), (True, True)))
SAME_NEEDS: dict[tuple[bool, ...], tuple[bool, ...]] = {}


def _read(
    name: str, inputs: tuple[Any, ...]
) -> tuple[tuple[Any, ...], list[Any], tuple[bool, ...]]:
    """Return the inputs with constants as numbers and arrays, their values, and what they need."""
    values: list[Any] = []
    needs: tuple[bool, ...] = ()
    for given in inputs:
        if isinstance(given, Tensor):
            values.append(given.value)
            needs += NEEDED if given.requires_grad else NOT_NEEDED
        else:
            value = constant(name, given)
            if value is not given:
                place = len(values)
                inputs = (*inputs[:place], value, *inputs[place + 1 :])
            values.append(value)
            needs += NOT_NEEDED
    return inputs, values, SAME_NEEDS.setdefault(needs, needs)


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


def backpropagate(root: Tensor, upstream: Any, *, keep_inner: bool = True) -> None:
    """Start the backward pass at `root` with the gradient `upstream` and go to the leaves.

    This is the engine's inner way in: `root` need not be a scalar.
    """
    __tracebackhide__ = True
    if root.operation is None:
        root.gradient = upstream if root.gradient is None else root.gradient + upstream
        return
    leaves: list[Tensor] = []
    order = computation_order(root, leaves)
    for node in order:
        node.gradient = None  # what an earlier pass left at inner nodes is stale
    earlier: dict[Tensor, Any] = {}  # gradients of an earlier pass, of the leaves that have one
    for leaf in leaves:
        if leaf.gradient is not None:
            earlier[leaf] = leaf.gradient
            leaf.gradient = None
    root.gradient = upstream
    order.reverse()
    try:
        _visit(order, keep_inner)
    except BaseException:  # half a pass is none: leaves are as they were before it
        for leaf in leaves:
            leaf.gradient = earlier.get(leaf)
        raise
    for leaf, before in earlier.items():  # leaves add up over passes
        leaf.gradient = before if leaf.gradient is None else before + leaf.gradient


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
            explain_backward(error, node.operation, grad_output)
            raise
        # The gradient contract: the common case is decided here, cheaply; `conform` decides the
        # rest, and finds the words.
        if type(gradients) is not tuple or len(gradients) != len(needs):
            gradients = _conformed(node, gradients)
        position = 0
        for parent in node.inputs:
            if needs[position]:
                value, gradient = parent.value, gradients[position]
                if (type(gradient) is not float64 or type(value) is not float64) and (
                    type(gradient) is not type(value)
                    or gradient.shape != value.shape
                    or gradient.dtype is not value.dtype
                ):
                    if type(gradient) is not Rows or gradient.shape != value.shape:
                        gradients = _conformed(node, gradients)
                        gradient = gradients[position]
                    elif parent.operation is not None:
                        gradient = gradient.dense()  # rules are given arrays
                if parent.gradient is not None:
                    parent.gradient = parent.gradient + gradient  # never in place: maybe shared
                elif (
                    type(gradient) is ndarray
                    and parent.operation is None
                    and _shared(gradient, grad_output, gradients, node.saved)
                ):
                    parent.gradient = gradient.copy()  # leaves own theirs: optimizers write into it
                else:
                    parent.gradient = gradient
            position += 1  # noqa: SIM113 - zip and enumerate cost a tenth of a small graph
        if not keep_inner:
            node.gradient = None


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


def checked_rule(node: Tensor, grad_output: Any) -> Any:
    """Run the backward rule of `node` and hold what it returns against the gradient contract."""
    __tracebackhide__ = True
    return _conformed(node, run_rule(node.operation, node.saved, node.needs, grad_output))


def _conformed(node: Tensor, gradients: Any) -> Any:
    """Return the gradients of a rule in the shapes and dtypes of the inputs, or say why not."""
    return conform(
        node.operation.__name__,
        gradients,
        [given.value if isinstance(given, Tensor) else given for given in node.inputs],
        node.value.shape,
        broadcasts=node.operation.broadcasts,
        needs=node.needs,
        names=node.operation._input_names,
    )


def _shared(gradient: Any, grad_output: Any, gradients: Any, saved: tuple[Any, ...]) -> bool:
    """Whether somebody else may hold the array `gradient`, so that a leaf must not adopt it."""
    if gradient is grad_output or gradient.base is not None:
        return True
    for kept in saved:
        if gradient is kept:
            return True
    holders = 0
    for other in gradients:
        holders += gradient is other
    return holders > 1
