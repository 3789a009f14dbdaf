"""A computation as a list of frames: what happens one after the other, as plain data.

One frame for what is given, one for each forward evaluation in an order of computation, one for
the beginning of the backward pass, one for each message, one for the end. Each has a sentence that
is understood without the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from course_autograd.errors import UndoneExerciseError
from course_autograd.graph import Message, Node, Pass
from course_autograd.words import one_line, range_text, shape_text, value_text

Kind = Literal["given", "forward", "seed", "backward", "done", "stop"]
KINDS: tuple[Kind, ...] = get_args(Kind)

MOST_NAMED = 8  # inputs that are named one by one in a sentence
ENTRIES = 6  # arrays of so few entries are written out
LONGEST = 400  # characters of an error message

INFIX = {"add": "+", "subtract": "−", "mul": "×", "divide": "÷", "matmul": "@"}


@dataclass(frozen=True)
class Frame:
    """One step.

    Attributes
    ----------
    kind : str
        ``given``: the inputs; ``forward``: a value is computed; ``seed``: the gradient of the
        output is set; ``backward``: a message is sent; ``done``: the end; ``stop``: why it cannot
        go on.
    text : str
        What happens, in one or two sentences.
    node : int or None
        Number of the node that computes, or sends.
    receiver : int or None
        Number of the node that a message goes to.
    position : int or None
        Which input of the sender the receiver is, from 0.
    gradient : str
        What has arrived at the receiver so far; empty once that is all, as in the picture.
    """

    kind: Kind
    text: str
    node: int | None = None
    receiver: int | None = None
    position: int | None = None
    gradient: str = ""


def forward_frames(nodes: Sequence[Node]) -> list[Frame]:
    """Return a frame for what is given and one for each operation, in an order of computation."""
    frames = [Frame("given", _given(nodes))]
    frames += [
        Frame("forward", _computed(node, nodes), node.number) for node in nodes if node.operation
    ]
    return frames


def backward_frames(nodes: Sequence[Node], followed: Pass) -> list[Frame]:
    """Return a frame for the beginning of the backward pass, one for each message, and the end."""
    last = nodes[-1]
    seed = f"d{last.label}/d{last.label} = "
    frames = [
        Frame(
            "seed",
            f"Backward begins at {last.label} with {seed}{_words(followed.gradients[last.number])}."
            " All other gradients start at 0.",
            last.number,
        )
    ]
    expected = [0] * len(nodes)  # also of those that are not sent, where a rule does not work
    for node in nodes:
        for receiver in node.inputs:
            expected[receiver] += 1
    arrived: dict[int, list[Any]] = {}
    for message in followed.messages:
        so_far = arrived.setdefault(message.receiver, [])
        so_far.append(message.sent)
        complete = len(so_far) == expected[message.receiver]
        text = _sent(message, nodes)
        if expected[message.receiver] > 1:
            text += " " + _accumulated(nodes[message.receiver], so_far, complete)
        total = sum(so_far[1:], start=so_far[0])
        frames.append(
            Frame(
                "backward",
                text,
                message.sender,
                message.receiver,
                message.position,
                "" if complete else "∂ " + _typographic(range_text(total)),
            )
        )
    frames.append(_end(nodes, followed))
    return frames


# --- forward ---------------------------------------------------------------------------------


def _given(nodes: Sequence[Node]) -> str:
    inputs = [node for node in nodes if not node.operation and not node.constant]
    arrays = [node for node in nodes if node.constant and np.ndim(node.value)]
    numbers = [node for node in nodes if node.constant and not np.ndim(node.value)]
    named = [f"{node.label} {_is_or_has(node.value)}" for node in [*inputs, *arrays]]
    if len(named) > MOST_NAMED:
        named = [*named[:MOST_NAMED], f"{len(named) - MOST_NAMED} more"]
    if numbers:
        values = list(dict.fromkeys(_words(node.value) for node in numbers))
        if len(values) <= MOST_NAMED:
            plural = "s" if len(values) > 1 else ""
            named.append(f"the constant{plural} {_listed(values)}")
        else:
            named.append(f"{len(values)} constants")
    return f"Given: {_listed(named)}."


def _computed(node: Node, nodes: Sequence[Node]) -> str:
    """Return a forward evaluation in words: ``q = x + y = −2 + 5 = 3``."""
    given = [nodes[i] for i in node.inputs]
    names = [
        _words(one.value) if one.constant and not np.ndim(one.value) else one.label for one in given
    ]
    formula = f"{node.label} = {_formula(node, names)}"
    if all(np.ndim(one.value) == 0 for one in (node, *given)):
        numbers = _formula(node, [_words(one.value) for one in given])
        value = _words(node.value)
        return f"{formula} = {value}" if numbers == value else f"{formula} = {numbers} = {value}"
    shapes = _listed([_shape(one.value) for one in given])
    shapes = shapes[0].upper() + shapes[1:]
    gives = "give" if len(given) > 1 else "gives"
    entries = _words(node.value)
    if np.size(node.value) > ENTRIES:
        entries = _typographic(range_text(node.value))
    return f"{formula}. {shapes} {gives} {_shape(node.value)}: {entries}"


def _shape(value: Any) -> str:
    return f"shape {shape_text(np.shape(value))}" if np.ndim(value) else "a number"


def _formula(node: Node, inputs: Sequence[str]) -> str:
    """Return an operation on `inputs` as one writes it."""
    name = node.operation
    if name in INFIX and len(inputs) == 2:
        return f"{inputs[0]} {INFIX[name]} {_bracketed(inputs[1])}"
    if len(inputs) == 1:
        (x,) = inputs
        if name == "negate":
            return f"−{_bracketed(x)}"
        if name == "reciprocal":
            return f"1 ÷ {_bracketed(x)}"
        if name == "square":
            return f"{_bracketed(x)}²"
        if name == "power" and node.options.startswith("exponent="):
            return f"{_bracketed(x)} ** {_typographic(node.options.removeprefix('exponent='))}"
    options = [_typographic(node.options)] if node.options else []
    return f"{name}({', '.join([*inputs, *options])})"


def _bracketed(text: str) -> str:
    return f"({text})" if text.startswith("−") else text


# --- backward --------------------------------------------------------------------------------


def _sent(message: Message, nodes: Sequence[Node]) -> str:
    """Return a message in words: ``f to z: upstream 1 × local 3 = 3.``"""
    sender, receiver = nodes[message.sender], nodes[message.receiver]
    ends = f"{sender.label} to {receiver.label}: upstream "
    local = _as_number(message.local)
    if local is None:
        return f"{ends}{_comes(message.upstream)}; {_goes(message.sent, receiver)}."
    ends += _words(message.upstream)
    product = float(message.upstream) * local
    if np.isclose(product, message.sent, rtol=1e-4, atol=1e-12, equal_nan=True):
        return f"{ends} × local {_words(local)} = {_words(message.sent)}."
    return (
        f"{ends}, and for upstream 1 the rule of {sender.operation} sends {_words(local)}. "
        f"The product would be {_words(product)}, but it sends {_words(message.sent)}. "
        "Does the rule use the upstream gradient?"
    )


def _comes(upstream: Any) -> str:
    large = np.size(upstream) > ENTRIES
    return f"{'of ' + _shape(upstream) if large else _words(upstream)} comes in"


def _goes(sent: Any, receiver: Node) -> str:
    if np.size(sent) > ENTRIES:
        return f"{_shape(sent)} goes on: {_typographic(range_text(sent))}"
    form = f", in the shape of {receiver.label}" if np.ndim(sent) else ""
    return f"{_words(sent)} goes on{form}"


def _accumulated(node: Node, arrived: Sequence[Any], complete: bool) -> str:
    """Return how messages add up at a node: ``x: 18 + 17 = 35.``"""
    total = _words(sum(arrived[1:], start=arrived[0]))
    if len(arrived) == 1:
        return f"{node.label} has {total} so far."
    if np.ndim(arrived[0]) and np.size(arrived[0]) > ENTRIES:
        text = f"{node.label} adds it up: {total}"
    else:
        before = _words(sum(arrived[1:-1], start=arrived[0]))
        text = f"{node.label}: {before} + {_bracketed(_words(arrived[-1]))} = {total}"
    return f"{text}." if complete else f"{text} so far."


def _end(nodes: Sequence[Node], followed: Pass) -> Frame:
    if followed.error is not None and followed.stopped_at is not None:
        return _stopped(nodes[followed.stopped_at], followed.error)
    last = nodes[-1].label
    leaves = [
        node
        for node in nodes
        if not node.operation and not node.constant and node.number in followed.gradients
    ]
    gradients = followed.gradients
    found = [f"d{last}/d{node.label} {_is_or_has(gradients[node.number])}" for node in leaves]
    if len(found) > MOST_NAMED:
        found = [*found[:MOST_NAMED], f"{len(found) - MOST_NAMED} more"]
    text = f"Done: {_listed(found)}."
    kept = [node for node in leaves if not _same(node.grad, followed.gradients[node.number])]
    if kept:
        one = kept[0]
        has = "None" if one.grad is None else _words(one.grad)
        text += (
            f" But {one.label}.grad is {has}: gradients of inputs add up over backward passes "
            "until zero_grad(), and a rule may have changed since. Compute the graph again and "
            "call backward() once."
        )
    return Frame("done", text)


def _stopped(node: Node, error: Exception) -> Frame:
    """Say kindly why nothing comes after the messages so far."""
    message = one_line(str(error), LONGEST) or type(error).__name__
    message = message if message.endswith((".", "!", "?")) else f"{message}."
    text = f"Up to here the gradients are known. {node.label} cannot send its messages yet: "
    if isinstance(error, UndoneExerciseError):
        text += message
    else:
        text += (
            f"the backward rule of {node.operation} stops with {type(error).__name__}: {message} "
            "Mend it, call backward() again, and step on from here."
        )
    return Frame("stop", text, node.number)


def not_backward_yet(last: Node) -> Frame:
    """Return the frame that says how to go on where there are no gradients."""
    name = last.label if last.named else "the result"
    if np.ndim(last.value):
        what = (
            f"{name} has shape {shape_text(np.shape(last.value))}, and backward() starts from one "
            "number. Make a number of it, for example with .sum(), call backward() there, and "
            "step through that."
        )
    else:
        call = f"{name}.backward()" if last.named else "backward() on it"
        what = f"Call {call}, then step again: from here it goes backward."
    return Frame("stop", f"All values are computed; there are no gradients yet. {what}")


# --- words -----------------------------------------------------------------------------------


def _is_or_has(value: Any) -> str:
    """Return ``= 3`` for a number or a small array, ``of shape (5, 4)`` for a larger one."""
    return f"of {_shape(value)}" if np.size(value) > ENTRIES else f"= {_words(value)}"


def _words(value: Any) -> str:
    """Return a number, a small array with its entries, or shape and range of a larger one."""
    return _typographic(value_text(value, entries=ENTRIES))


def _typographic(numbers: str) -> str:
    """Return `numbers` with minus signs in place of hyphens, which screen readers pass over."""
    return numbers.replace("-", "−")


def _listed(texts: Sequence[str]) -> str:
    return " and ".join(texts) if len(texts) < 3 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _as_number(local: Any) -> float | None:
    """Return a local derivative as a number; None for anything else that a rule may return."""
    if local is None:
        return None
    try:
        return float(local)
    except (TypeError, ValueError):
        return None


def _same(kept: Any, followed: Any) -> bool:
    return (
        kept is not None
        and np.shape(kept) == np.shape(followed)
        and np.allclose(kept, followed, rtol=1e-6, atol=0.0, equal_nan=True)
    )


__all__ = ["KINDS", "Frame", "Kind", "backward_frames", "forward_frames", "not_backward_yet"]
