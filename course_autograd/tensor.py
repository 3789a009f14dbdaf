"""Tensor: a node of the computation graph, and how an operation on tensors makes a new one.

The graph is dynamic: it is built while your code runs. A tensor that an operation made remembers
the operation, its inputs, and what the forward rule saved; nothing else is needed to go back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from course_autograd import arraylike
from course_autograd.arraylike import ArrayLike
from course_autograd.backward import backpropagate, require_fresh, tensors_above
from course_autograd.errors import NoGraphError, NotScalarError
from course_autograd.explaining import explain_forward
from course_autograd.recording import recording
from course_autograd.rows import Rows
from course_autograd.values import as_value, constant, output

if TYPE_CHECKING:
    import networkx as nx

# Looked up once per node of a graph, so by their shortest names.
float64, ndarray = np.float64, np.ndarray
ONE = float64(1.0)


class Tensor(ArrayLike):
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

    Notes
    -----
    Graphs may have millions of tensors: they have no dictionary and cannot be weakly referenced.
    """

    __slots__ = (
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

    def __init__(
        self, value: object, name: str | None = None, *, requires_grad: bool = True
    ) -> None:
        if type(value) is float:
            self.value: Any = float64(value)
        else:
            self.value = as_value(value.value if isinstance(value, Tensor) else value)
        self.gradient: Any = None
        self.age = 0
        self.inputs: tuple[Any, ...] = ()
        self.needs: tuple[bool, ...] = ()
        self.operation: Any = None
        self.options: dict[str, Any] | None = None
        self.saved: tuple[Any, ...] = ()
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
        for node in tensors_above(self):
            graph.add_node(node)
            graph.add_edges_from((parent, node) for parent in node.parents)
        return graph


# --- building the graph --------------------------------------------------------------------


def apply(  # noqa: PLR0915 - one and two inputs are spelled out
    operation: Any, inputs: tuple[Any, ...], options: dict[str, Any] | None = None
) -> Tensor:
    """Run an operation's forward rule on the values of `inputs` and return the new node."""
    __tracebackhide__ = True
    # One and two inputs are spelled out: loops and unpacking cost as much as all the rest.
    needs: tuple[bool, ...]
    forward = operation.forward
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
        count, values, required = 0, [], []
        for given in inputs:
            if isinstance(given, Tensor):
                values.append(given.value)
                required.append(given.requires_grad)
            else:
                value = constant(operation.__name__, given)
                if value is not given:
                    inputs = (*inputs[: len(values)], value, *inputs[len(values) + 1 :])
                values.append(value)
                required.append(False)
        needs = tuple(required)
    ctx: list[Any] = []
    try:
        if count == 2:
            value = forward(ctx, left, right, **options) if options else forward(ctx, left, right)
        elif count == 1:
            value = forward(ctx, left, **options) if options else forward(ctx, left)
        else:
            value = forward(ctx, *values, **options) if options else forward(ctx, *values)
    except Exception as error:
        explain_forward(error, operation, [getattr(given, "value", given) for given in inputs])
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


arraylike.apply = apply
