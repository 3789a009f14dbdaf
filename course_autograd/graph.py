"""A computation graph as plain data, and as a table in text.

`trace` takes a picture of the graph above a tensor: one `Node` per tensor and per constant, in an
order of computation. `messages` says what these nodes send each other on the way back: one
`Message` for every wire that a gradient takes. Tables, sentences (`tell`) and all pictures are made
from these two lists, so that they say the same.
For the graph as a networkx object, see `Tensor.get_graph_above`.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_autograd.errors import CourseError
from course_autograd.rows import Rows
from course_autograd.rule import conformed, run_rule
from course_autograd.tensor import Tensor
from course_autograd.words import number_text, one_line, options_text, text_table, value_text

HEADER = ("node", "operation", "inputs", "value", "gradient")
AFTER_BACKWARD = (*HEADER[:-1], "local derivative", "upstream", "gradient")
NOTHING = "–"


@dataclass(frozen=True, eq=False)
class Node:
    """One node of a graph: a leaf, a constant, or what an operation computed.

    Attributes
    ----------
    number : int
        Place in the order of computation, from 0.
    label : str
        Unique: the tensor's name, or ``v1``, ``v2`` ...; a constant number is its own label.
    named : bool
        Whether the name was given by the user.
    operation : str
        Name of the operation; empty for leaves and constants.
    symbol : str
        What stands in the circle of a picture.
    options : str
        Constants of the operation in words, such as ``"exponent=3"``.
    inputs : tuple of int
        Numbers of the nodes it was computed from, in the order of the operation's inputs.
    value, grad
        As they were when the graph was traced.
    constant : bool
        A number or array used beside tensors: it never gets a gradient.
    """

    number: int
    label: str
    named: bool
    operation: str
    symbol: str
    options: str
    inputs: tuple[int, ...]
    value: Any
    grad: Any
    constant: bool

    @property
    def kind(self) -> str:
        """What the table says under "operation"."""
        if self.operation:
            return f"{self.operation}({self.options})" if self.options else self.operation
        return "constant" if self.constant else "input"


@dataclass(frozen=True, eq=False)
class Message:
    """What a node sends to one of its inputs on the way back: upstream times local derivative.

    Attributes
    ----------
    sender, receiver : int
        Numbers of the two nodes.
    position : int
        Which input of the sender the receiver is, from 0.
    upstream : number or array
        The gradient of the sender.
    local : number or None
        The local derivative: what would be sent for the upstream gradient 1. Only where all values
        are single numbers; None for arrays, whose Jacobian nobody forms.
    sent : number or array
        The message, of the shape of the receiver's value: the vector-Jacobian product.
    """

    sender: int
    receiver: int
    position: int
    upstream: Any
    local: Any
    sent: Any


def trace(tensor: Tensor) -> list[Node]:
    """Return the graph above `tensor` in an order of computation: inputs first, `tensor` last.

    Raises
    ------
    TypeError
        If it is given something else than a tensor.
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(
            "graph: expected a tensor, the result of a computation, got a "
            f"{type(tensor).__name__}. Call graph.table(loss), for example."
        )
    items, inputs = _ordered(tensor)
    labels = _labels(items)
    return [
        _node(number, item, label, given)
        for number, (item, given, label) in enumerate(zip(items, inputs, labels, strict=True))
    ]


def items(tensor: Tensor) -> list[Any]:
    """Return the tensors and constants themselves, each at the number that `trace` gives it."""
    return _ordered(tensor)[0]


def _ordered(tensor: Tensor) -> tuple[list[Any], list[tuple[int, ...]]]:
    """Return the nodes above `tensor` in an order of computation, and where their inputs stand."""
    items: list[Any] = []
    inputs: list[tuple[int, ...]] = []
    place: dict[object, int] = {}
    for key, item in _in_order(tensor):
        given = range(len(item.inputs)) if _computed(item) else ()
        inputs.append(tuple(place[_key(item, i)] for i in given))
        place[key] = len(items)
        items.append(item)
    return items, inputs


def count_nodes(tensor: Tensor) -> int:
    """Return how many nodes the graph above `tensor` has, constants included."""
    return sum(1 for _ in _in_order(tensor))


def _computed(item: object) -> bool:
    return isinstance(item, Tensor) and item.operation is not None


def _key(user: Tensor, position: int) -> object:
    """Return the identity of an input.

    A tensor is one node however often it is used; a constant is a value, so that every use of it
    is a node of its own.
    """
    given = user.inputs[position]
    return id(given) if isinstance(given, Tensor) else (id(user), position)


def _in_order(root: Tensor) -> Iterator[tuple[object, Any]]:
    """Yield the nodes above `root` with their keys, each after its inputs, first inputs first."""
    seen: set[object] = set()
    stack: list[tuple[object, Any, bool]] = [(id(root), root, False)]
    while stack:
        key, item, inputs_done = stack.pop()
        if inputs_done:
            yield key, item
        elif key not in seen:
            seen.add(key)
            stack.append((key, item, True))
            if _computed(item):
                positions = reversed(range(len(item.inputs)))
                stack.extend((_key(item, i), item.inputs[i], False) for i in positions)


def _labels(items: Sequence[Any]) -> list[str]:
    """Give every node a label of its own."""
    given = [
        one_line(item.name) if isinstance(item, Tensor) and item.name else "" for item in items
    ]
    taken, labels = set(given), []
    count = {"v": 0, "c": 0}
    used: set[str] = set()
    for item, name in zip(items, given, strict=True):
        if not isinstance(item, Tensor) and np.ndim(item) == 0:
            labels.append(number_text(item))
            continue
        label = name
        if not name:
            letter = "v" if isinstance(item, Tensor) else "c"  # c for constant arrays
            while not label or label in taken:
                count[letter] += 1
                label = f"{letter}{count[letter]}"
        repetition = 1
        while label in used:
            repetition += 1
            label = f"{name or label} ({repetition})"
        used.add(label)
        labels.append(label)
    return labels


def _node(number: int, item: Any, label: str, inputs: tuple[int, ...]) -> Node:
    if not isinstance(item, Tensor):
        return Node(number, label, False, "", "", "", inputs, item, None, True)
    name = "" if item.operation is None else str(item.operation.__name__)
    symbol = "" if item.operation is None else item.operation.symbol or name
    options = options_text(item.options or {})
    named = bool(item.name)
    return Node(number, label, named, name, symbol, options, inputs, item.value, item.grad, False)


# --- on the way back -----------------------------------------------------------------------


def messages(tensor: Tensor) -> list[Message]:
    """Return the messages of the backward pass from `tensor`, in the order they are sent.

    Every node whose gradient is known asks its rule again: with its own upstream gradient for the
    message, and with 1 for the local derivative. Numbers are those of `trace`.

    Raises
    ------
    Exception
        Whatever a backward rule raises.
    """
    items, inputs = _ordered(tensor)
    found: list[Message] = []
    for number in reversed(range(len(items))):
        if _computed(items[number]) and items[number].grad is not None:
            found += _sent_by(number, items[number], inputs[number], items[number].grad)
    return found


def known_messages(tensor: Tensor) -> list[Message]:
    """Return the messages of those nodes whose rule works; nothing that a rule prints is shown.

    For pictures, which are to be had also where a rule is wrong or still to be written.
    """
    items, inputs = _ordered(tensor)
    found: list[Message] = []
    with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
        for number in reversed(range(len(items))):
            if _computed(items[number]) and items[number].grad is not None:
                with contextlib.suppress(Exception):
                    found += _sent_by(number, items[number], inputs[number], items[number].grad)
    return found


@dataclass(frozen=True, eq=False)
class Pass:
    """One backward pass, followed node by node with the rules as they are now.

    Attributes
    ----------
    messages : tuple of Message
        In the order they are sent.
    gradients : dict
        Number of a node -> what has arrived there.
    error : Exception or None
        What the rule of `stopped_at` raised; nothing was sent after that.
    stopped_at : int or None
        Number of the node whose rule did not work.
    """

    messages: tuple[Message, ...]
    gradients: dict[int, Any]
    error: Exception | None = None
    stopped_at: int | None = None


def follow(tensor: Tensor) -> Pass:
    """Follow one backward pass from `tensor`, which has had one, and change nothing.

    Gradients are added up anew: what earlier passes left at leaves is not in them, nor what a rule
    sent that has been rewritten since. Nothing that a rule prints is shown.
    """
    items, inputs = _ordered(tensor)
    last = len(items) - 1
    gradients: dict[int, Any] = {last: items[last].grad}
    found: list[Message] = []
    with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
        for number in reversed(range(len(items))):
            if not _computed(items[number]) or number not in gradients:
                continue
            try:
                sent = _sent_by(number, items[number], inputs[number], gradients[number])
            except Exception as error:
                return Pass(tuple(found), gradients, error, number)
            for message in sent:
                before = gradients.get(message.receiver)
                now = message.sent if before is None else before + message.sent
                gradients[message.receiver] = now
            found += sent
    return Pass(tuple(found), gradients)


def _sent_by(number: int, node: Tensor, inputs: Sequence[int], upstream: Any) -> list[Message]:
    """Return the messages that one node sends.

    Its rule is handed copies: one that writes into what it gets must not change the graph by
    being asked again.
    """
    saved = tuple([one.copy() if isinstance(one, np.ndarray) else one for one in node.saved])
    sent = conformed(node, run_rule(node.operation, saved, node.needs, upstream.copy()))
    numbers = all(np.ndim(one.value) == 0 for one in (node, *node.parents))
    one = node.value.dtype.type(1)
    local = run_rule(node.operation, node.saved, node.needs, one) if numbers else None
    return [
        Message(number, receiver, i, upstream, None if local is None else local[i], _dense(sent[i]))
        for i, receiver in enumerate(inputs)
        if node.needs[i]
    ]


def _dense(gradient: Any) -> Any:
    return gradient.dense() if isinstance(gradient, Rows) else gradient


def parts(node: Node, known: Sequence[Message]) -> list[Any]:
    """Return the messages whose sum is the gradient of `node`, in the order they arrive.

    Empty where they do not add up to it: a leaf keeps what earlier passes left, and a rule may
    have been written anew since.
    """
    arrived = [message.sent for message in known if message.receiver == node.number]
    if node.grad is None or not arrived:
        return []
    with np.errstate(all="ignore"):  # gradients may be infinite
        total = sum(np.asarray(one) for one in arrived)
        same = np.shape(total) == np.shape(node.grad) and np.allclose(
            total, node.grad, rtol=1e-6, atol=0.0, equal_nan=True
        )
    return arrived if same else []


# --- in words ------------------------------------------------------------------------------


def header(nodes: Sequence[Node]) -> tuple[str, ...]:
    """Return the names of the table's columns: more of them once there are gradients."""
    return HEADER if all(node.grad is None for node in nodes) else AFTER_BACKWARD


def rows(nodes: Sequence[Node], known: Sequence[Message] = ()) -> list[tuple[str, ...]]:
    """Return the rows of the table of a graph, one per node, under `header`.

    Parameters
    ----------
    nodes : sequence of Node
    known : sequence of Message
        The messages, for the columns on the way back.
    """
    after = header(nodes) is AFTER_BACKWARD
    sent: dict[int, list[Message]] = {}
    received: dict[int, list[Message]] = {}
    for message in known:
        sent.setdefault(message.sender, []).append(message)
        received.setdefault(message.receiver, []).append(message)
    found = []
    for node in nodes:
        row = [
            node.label,
            node.kind,
            ", ".join(nodes[i].label for i in node.inputs) or NOTHING,
            value_text(node.value, 6, entries=6),
        ]
        if after:
            row.append(_locals(nodes, sent.get(node.number, ())))
            row.append(_upstream(node, nodes, parts(node, received.get(node.number, ()))))
        row.append(NOTHING if node.grad is None else value_text(node.grad, 6, entries=6))
        found.append(tuple(row))
    return found


def _locals(nodes: Sequence[Node], sent: Sequence[Message]) -> str:
    """Return the local derivatives of an operation on numbers: ``q: -4, z: 3``."""
    return (
        ", ".join(
            f"{nodes[message.receiver].label}: {number_text(message.local)}"
            for message in sent
            if message.local is not None
        )
        or NOTHING
    )


def _upstream(node: Node, nodes: Sequence[Node], arrived: Sequence[Any]) -> str:
    """Return what arrives at a node on the way back, as a sum where it is one: ``18 + 17``."""
    if node.number == len(nodes) - 1 and node.grad is not None:
        return value_text(node.grad, entries=6)
    texts = [value_text(one, entries=6) for one in arrived]
    return (
        " + ".join(
            text if not text.startswith("-") or i == 0 else f"({text})"
            for i, text in enumerate(texts)
        )
        or NOTHING
    )


def table(tensor: Tensor, most: int = 200) -> str:
    """Return the graph above `tensor` as a table in text: everything the picture shows.

    Parameters
    ----------
    tensor : Tensor
        The result of a computation; its own row comes last.
    most : int
        Longer tables are cut in the middle, and say so.

    Returns
    -------
    str
        One line per node in an order of computation: name, operation, inputs, value, gradient;
        once there are gradients, also the local derivatives and what arrives from upstream.

    Examples
    --------
    >>> x = Tensor(2.0, "x")
    >>> print(table(x + 1))
    node  operation  inputs  value  gradient
    ----------------------------------------
    x     input      –       2      –
    1     constant   –       1      –
    v1    add        x, 1    3      –
    """
    return table_of(trace(tensor), known_messages(tensor), most)


def table_of(nodes: Sequence[Node], known: Sequence[Message] = (), most: int = 200) -> str:
    """Return the table of a traced graph (see `table`)."""
    lines = [header(nodes), *rows(nodes, known)]
    left_out = len(nodes) - most
    if left_out > 0:
        first = most // 2
        lines = lines[: first + 1] + lines[first + 1 + left_out :]
    text = text_table(lines)
    if left_out > 0:
        whole = text.split("\n")
        whole.insert(2 + most // 2, f"... {left_out} more nodes ...")
        text = "\n".join(whole)
    return text


def tell(tensor: Tensor, decimals: int | None = None) -> None:
    """Print the backward pass from `tensor` to the inputs, one sentence per message.

    Every node asks its rule twice: with its own upstream gradient for the message it sends, and
    with the upstream gradient 1 for the local derivative.

    Parameters
    ----------
    tensor : Tensor
        The result of a computation, after ``backward()``.
    decimals : int, optional
        Digits after the point; four significant digits by default.

    Raises
    ------
    CourseError
        If there are no gradients yet.

    Examples
    --------
    >>> x, y = Tensor(-2.0, "x"), Tensor(5.0, "y")
    >>> f = x * y
    >>> f.name = "f"
    >>> f.backward()
    >>> tell(f)
    f to x: upstream 1 × local 5 = 5
    f to y: upstream 1 × local -2 = -2
    """
    for sentence in sentences(tensor, decimals):
        print(sentence)  # noqa: T201


def sentences(tensor: Tensor, decimals: int | None = None) -> list[str]:
    """Return the sentences of `tell`: for numbers with local derivatives, for arrays without."""
    nodes = trace(tensor)

    def words(value: Any) -> str:
        if decimals is None or np.ndim(value):
            return value_text(value, entries=6)
        return f"{float(value) + 0.0:.{decimals}f}"

    for node in reversed(nodes):
        if node.operation and node.grad is None:
            raise CourseError(
                f"tell: {node.label} has no gradient yet. Call backward() on the output first."
            )
    found = []
    for message in messages(tensor):
        step = f"upstream {words(message.upstream)}"
        if message.local is None:
            step += " comes in, sent on: "
        elif np.isclose(product := message.upstream * message.local, message.sent, rtol=1e-4):
            step += f" × local {words(message.local)} = "
        else:  # a rule that does not multiply with what comes in
            step += (
                f" × local {words(message.local)} would be {words(product)}, but the rule sends "
            )
        ends = f"{nodes[message.sender].label} to {nodes[message.receiver].label}"
        found.append(f"{ends}: {step}{words(message.sent)}")
    return found


__all__ = ["Message", "Node", "Pass", "follow", "messages", "table", "tell", "trace"]
