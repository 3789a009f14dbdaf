"""A computation graph as plain data, and as a table in text.

`trace` takes a picture of the graph above a tensor: one `Node` per tensor and per constant, in an
order of computation. The table and the drawing are both made from it, so that they say the same.
`tell` says the backward pass in sentences.
For the graph as a networkx object, see `Tensor.get_graph_above`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_autograd.errors import CourseError
from course_autograd.tensor import Tensor, checked_rule, run_rule

HEADER = ("node", "operation", "inputs", "value", "gradient")
NOTHING = "–"

FEW = 3  # a vector of so few entries is written out in pictures


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


# --- in words ------------------------------------------------------------------------------


def one_line(text: object, most: int = 24) -> str:
    """Return `text` on one line, printable, in at most `most` characters."""
    line = " ".join(str(text).split())
    line = "".join("�" if unicodedata.category(c) in ("Cc", "Cs", "Cn") else c for c in line)
    return line if len(line) <= most else line[: most - 1] + "…"


def number_text(number: Any, digits: int = 4) -> str:
    """Return a number in few digits: ``-12``, ``0.7311``, ``1e-05``."""
    return f"{float(number) + 0.0:.{digits}g}"


def value_text(value: Any, digits: int = 4, *, entries: int = 0) -> str:
    """Return a value in words: a number, or shape and range of an array.

    Parameters
    ----------
    value : number or array
    digits : int
        Significant digits.
    entries : int
        Arrays of at most that many entries are written out.
    """
    array = np.asarray(value)
    if array.ndim == 0:
        return number_text(array, digits)
    if 0 < array.size <= entries:
        return _written_out(array.tolist(), digits)
    return f"{shape_text(array.shape)} {range_text(array, digits)}"


def shape_text(shape: Sequence[int]) -> str:
    """Return a shape as Python writes it: ``(3, 4)``, ``(3,)``."""
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def range_text(value: Any, digits: int = 4) -> str:
    """Return between which numbers an array lies: ``-1 … 2``; a number is its own range."""
    array = np.asarray(value)
    if not array.size:
        return "empty"
    if not array.ndim:
        return number_text(array, digits)
    if not np.isfinite(array).all():
        return "not finite"
    low, high = number_text(array.min(), digits), number_text(array.max(), digits)
    return f"all {low}" if low == high else f"{low} … {high}"


def entries_text(value: Any, digits: int = 3) -> str:
    """Return a short vector with all its entries, ``[2, 1]``; anything longer as its range."""
    array = np.asarray(value)
    if array.ndim == 1 and 0 < array.size <= FEW and np.isfinite(array).all():
        return _written_out(array.tolist(), digits)
    return range_text(array, digits)


def _written_out(entry: Any, digits: int) -> str:
    if isinstance(entry, list):
        return "[" + ", ".join(_written_out(e, digits) for e in entry) + "]"
    return number_text(entry, digits)


def options_text(options: Mapping[str, Any]) -> str:
    """Return the constants of an operation: ``exponent=3``, ``labels (32,)``; defaults left out."""
    words = []
    for name, option in options.items():
        if option is None or option is False:
            continue
        if isinstance(option, np.ndarray) or (isinstance(option, list) and len(option) > 3):
            words.append(f"{name} {shape_text(np.shape(option))}")
        elif isinstance(option, slice):
            ends = ["" if end is None else str(end) for end in (option.start, option.stop)]
            words.append(f"{name}={':'.join(ends)}" + (f":{option.step}" if option.step else ""))
        else:
            words.append(one_line(f"{name}={option}"))
    return ", ".join(words)


def rows(nodes: Sequence[Node]) -> list[tuple[str, ...]]:
    """Return the rows of the table of a graph, one per node, under `HEADER`."""
    return [
        (
            node.label,
            node.kind,
            ", ".join(nodes[i].label for i in node.inputs) or NOTHING,
            value_text(node.value, 6, entries=6),
            NOTHING if node.grad is None else value_text(node.grad, 6, entries=6),
        )
        for node in nodes
    ]


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
        One line per node in an order of computation: name, operation, inputs, value, gradient.

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
    return table_of(trace(tensor), most)


def table_of(nodes: Sequence[Node], most: int = 200) -> str:
    """Return the table of a traced graph (see `table`)."""
    lines = [HEADER, *rows(nodes)]
    left_out = len(nodes) - most
    if left_out > 0:
        first = most // 2
        lines = lines[: first + 1] + lines[first + 1 + left_out :]
    widths = [max(width(line[column]) for line in lines) for column in range(len(HEADER))]
    texts = [
        "  ".join(
            cell + " " * (room - width(cell)) for cell, room in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    ]
    texts.insert(1, "-" * (sum(widths) + 2 * len(widths) - 2))
    if left_out > 0:
        texts.insert(2 + most // 2, f"... {left_out} more nodes ...")
    return "\n".join(texts)


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
    items, _ = _ordered(tensor)
    labels = _labels(items)
    name = {id(item): label for item, label in zip(items, labels, strict=True)}

    def words(value: Any) -> str:
        if decimals is None or np.ndim(value):
            return value_text(value, entries=6)
        return f"{float(value) + 0.0:.{decimals}f}"

    found = []
    for node in reversed(items):
        if not _computed(node):
            continue  # an input sends nothing back
        if node.grad is None:
            raise CourseError(
                f"tell: {name[id(node)]} has no gradient yet. Call backward() on the output first."
            )
        messages = checked_rule(node, node.grad)
        numbers = all(np.ndim(one.value) == 0 for one in (node, *node.parents))
        one = node.value.dtype.type(1)
        local = run_rule(node.operation, node.saved, node.needs, one) if numbers else messages
        for parent, needed, sent, derivative in zip(
            node.inputs, node.needs, messages, local, strict=True
        ):
            if needed:
                step = f"upstream {words(node.grad)}"
                step += f" × local {words(derivative)} = " if numbers else " comes in, sent on: "
                found.append(f"{name[id(node)]} to {name[id(parent)]}: {step}{words(sent)}")
    return found


def width(text: str) -> int:
    """Return the number of columns that `text` takes in a fixed-width font."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


__all__ = ["Node", "table", "tell", "trace"]
