"""Whose gradient is wrong, and which rule made it so: gradients of a graph against measured ones.

The nodes are looked at in reverse order of computation. The gradient of a node is the sum of what
its users send. So where the gradients of all later nodes are right and this one is not, one of two
things has happened: a user's rule sends something wrong, or what was sent was not added up.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from course_autograd.errors import CourseError
from course_autograd.exercises import exercises
from course_autograd.exercises.report import examine
from course_autograd.graph import Message, Node, follow, items, known_messages, trace
from course_autograd.numeric import RELATIVE, STEP, Array, Measurement
from course_autograd.replay import Replay, forward
from course_autograd.rule import run_rule
from course_autograd.tensor import Tensor
from course_autograd.words import number_text, shape_text, value_text

State = Literal["right", "wrong", "open"]

MOST_ENTRIES = 2_500  # of an array that is measured entry by entry, where it is wrong
WRITTEN_OUT = 6  # entries of an array that is shown whole
SMALLEST = 1e-6  # a gradient that is smaller is measured as if it were of this size
SINGLE = 1e-3  # how close a float32 gradient must be, relative to the largest entry
SAME_VALUE = 1e-5  # how close a value must be to what the declared forward rule computes
TIMES = (2, 3, 4)  # backward passes that may have been added up


@dataclass(frozen=True, eq=False)
class Judged:
    """A node's gradient beside the measured one.

    Attributes
    ----------
    number : int
        The node.
    state : str
        "right", "wrong", or "open" where it cannot be measured: at a kink, for example.
    measured : array, number or None
        The measured gradient; None where only its slopes along some directions are known.
    difference : float
        The largest difference, relative to the largest entry; nan where it is not known.
    """

    number: int
    state: State
    measured: Any
    difference: float


@dataclass(frozen=True)
class Fault:
    """Where the first wrong gradient comes from.

    Attributes
    ----------
    number : int
        The node whose gradient is the first wrong one, in reverse order of computation.
    operation : int or None
        The node whose rule is at fault; None where the messages are right.
    sentences : tuple of str
        What was found, to be read in this order.
    """

    number: int
    operation: int | None
    sentences: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Comparison:
    """All gradients of a graph, judged.

    Attributes
    ----------
    nodes : tuple of Node
    judged : dict of int to Judged
        Those of the nodes that have a gradient.
    fault : Fault or None
        The first fault; None where nothing is wrong.
    messages : tuple of Message
        What the nodes send each other, as far as their rules work.
    """

    nodes: tuple[Node, ...]
    judged: dict[int, Judged]
    fault: Fault | None
    messages: tuple[Message, ...]


def compare_gradients(root: Tensor) -> Comparison:
    """Compare every gradient of the graph above `root` with the measured one.

    Raises
    ------
    CourseError
        If `root` is no scalar with a gradient of 1, or inner gradients were not kept.
    """
    nodes, tensors = trace(root), items(root)
    _require_gradients(root, nodes)
    replay, known = Replay(root), tuple(known_messages(root))
    judged: dict[int, Judged] = {}
    fault = _forward_fault(nodes, tensors)
    if fault is not None:
        return Comparison(tuple(nodes), judged, fault, known)
    for node, tensor in zip(reversed(nodes), reversed(tensors), strict=True):
        if node.grad is None:
            continue
        at = replay.values[tensor]
        measured = _judge(node.number, replay.result_of(tensor), at, node.grad)
        judged[node.number] = measured
        if measured.state == "wrong" and fault is None:
            fault = _fault(node, measured, nodes, tensors, replay, known)
    if fault is None:
        fault = _fault_of_the_next_pass(nodes, tensors)
    return Comparison(tuple(nodes), judged, fault, known)


def _require_gradients(root: Tensor, nodes: Sequence[Node]) -> None:
    label = nodes[-1].label
    if root.operation is None:
        raise CourseError(
            "compare: expected the result of a computation, got a tensor that nothing was computed "
            "for. Call compare(loss), for example."
        )
    if root.shape:
        raise CourseError(
            f"compare: expected a scalar, got a tensor of shape {root.shape}. Compare the tensor "
            "on which you called backward()."
        )
    stopped = follow(root) if root.grad is not None else None
    if stopped is not None and stopped.error is not None and stopped.stopped_at is not None:
        raise CourseError(
            f"compare: the backward pass stops at {nodes[stopped.stopped_at].label}. "
            f"{stopped.error} Mend it, then call backward() again."
        )
    if root.grad is None:
        raise CourseError(
            f"compare: {label} has no gradient yet. Call {label}.backward() first."
            if label.isidentifier()
            else "compare: there is no gradient yet. Call backward() on this tensor first."
        )
    if root.grad != 1:
        raise CourseError(
            f"compare: expected a gradient of 1 at {label}, where backward() starts, got "
            f"{value_text(root.grad)}. Compare the tensor on which you called backward()."
        )
    for node in nodes:
        if node.operation and node.grad is None:
            raise CourseError(
                f"compare: {node.label} has no gradient any more. Call backward() without "
                "keep_inner=False."
            )


def _judge(number: int, function: Callable[[Any], Any], at: Any, gradient: Any) -> Judged:
    """Compare one gradient with the slopes of `function` at the point `at`.

    Gradients of a loss are small numbers, and what is small beside 1 would pass as nothing: so the
    function is scaled until the gradient is of the size of 1.
    """
    yours = np.asarray(gradient, dtype=np.float64)
    if not np.isfinite(yours).all():
        return Judged(number, "wrong", None, float("nan"))
    size = _size(yours)
    judged = _judge_scaled(number, function, at, gradient, size)
    if judged.state == "wrong" and judged.measured is not None:
        other = _size(judged.measured)  # yours may be far too large or small
        if not 0.5 * size <= other <= 2.0 * size:
            judged = _judge_scaled(number, function, at, gradient, other)
    return judged


def _size(gradient: Any) -> float:
    """Return the largest entry, as a number to divide by."""
    found = np.abs(gradient)
    largest = float(np.max(found[np.isfinite(found)], initial=0.0))
    return max(largest, SMALLEST) if largest else 1.0


def _judge_scaled(
    number: int, function: Callable[[Any], Any], at: Any, gradient: Any, size: float
) -> Judged:
    measurement = Measurement(lambda _ctx, value: function(value) / size, [at])
    single = getattr(gradient, "dtype", None) == np.float32
    yours = np.asarray(gradient, dtype=np.float64) / size
    one = np.ones(())
    if not single and measurement.confirms(one, [yours], seed=number):
        return Judged(number, "right", None, 0.0)
    if yours.size > MOST_ENTRIES:
        agrees = _agrees_along_directions(function, at, yours * size, SINGLE if single else 1e-5)
        return Judged(number, "right" if agrees else "wrong", None, float("nan"))
    relative = SINGLE if single else RELATIVE
    jacobian = measurement.judging(one, [yours], relative)
    (measured,) = jacobian.vjp(one)
    certain = ~jacobian.doubtful(one, 0)
    if not certain.any():
        return Judged(number, "open", None, float("nan"))
    scale = max(1.0, float(np.max(np.abs(measured[certain]))))
    tolerance = jacobian.tolerance(one, 0, relative)
    distance = np.abs(yours - measured)
    # At a kink, however small, every slope between those to the right and to the left is right.
    beside = jacobian.bend(one, 0) / 2.0
    certain &= (distance <= tolerance) | (distance > tolerance + beside)
    if not certain.any():
        return Judged(number, "open", None, float("nan"))
    worst = float(np.max(distance[certain]))
    shown = np.where(certain, measured, np.nan) * size  # at a kink there is not one slope
    state: State = "right" if worst <= tolerance else "wrong"
    return Judged(number, state, shown if shown.ndim else shown[()], worst / scale)


def _agrees_along_directions(
    function: Callable[[Any], Any], at: Any, gradient: Array, tolerance: float
) -> bool:
    """Whether the slopes along two random directions are those of `gradient`."""
    rng = np.random.default_rng(0)
    for _ in range(2):
        direction = rng.standard_normal(gradient.shape) * np.maximum(1.0, np.abs(at))
        step = STEP * direction
        slope = float(function(at + step) - function(at - step)) / (2.0 * STEP)
        scale = max(SMALLEST, float(np.abs(gradient * direction).max()))
        if not abs(slope - float(np.sum(gradient * direction))) <= tolerance * scale:
            return False
    return True


# --- whose fault it is ---------------------------------------------------------------------------


def _forward_fault(nodes: Sequence[Node], tensors: Sequence[Any]) -> Fault | None:
    """Return the first node whose value is not what its operation declares, given its inputs."""
    for node, tensor in zip(nodes, tensors, strict=True):
        if not node.operation:
            continue
        given = {one: np.asarray(one.value, dtype=np.float64)[()] for one in tensor.parents}
        expected = np.asarray(forward(tensor, given), dtype=np.float64)
        value = np.asarray(node.value, dtype=np.float64)
        close = SINGLE if tensor.dtype == np.float32 else SAME_VALUE
        fits = value.shape == expected.shape and np.allclose(
            value, expected, rtol=close, atol=close, equal_nan=True
        )
        if fits:
            continue
        for user in nodes:
            uses = user is node or node.number in user.inputs  # ctx may hold its own output
            if uses and user.operation and _writes_into_ctx(tensors[user.number]):
                what = (
                    f"The rule of {user.operation} writes into what ctx holds: after the backward "
                    f"pass the value of {node.label} is another. Make a new array instead."
                )
                return Fault(node.number, user.number, (what,))
        what = (
            f"The value of {node.label} is not what {node.operation} of its inputs is: yours "
            f"{value_text(value, entries=6)}, expected {value_text(expected, entries=6)}. Look at "
            f"the forward rule of {node.operation} first: gradients follow it. If you changed a "
            "value after the graph was built, build the graph again."
        )
        return Fault(node.number, node.number, (what,))
    return None


def _fault(
    node: Node,
    judged: Judged,
    nodes: Sequence[Node],
    tensors: Sequence[Any],
    replay: Replay,
    known: Sequence[Message],
) -> Fault:
    """Say where the first wrong gradient comes from."""
    opening = f"The first wrong gradient, seen from the output, is that of {node.label}"
    if judged.measured is not None:
        opening += f": {_side_by_side(node.grad, judged.measured, 'yours', 'measured')}"
    opening += ". Nearer to the output no gradient is wrong."
    arrived = [message for message in known if message.receiver == node.number]
    for message in arrived:
        found = _wrong_message(message, nodes, tensors, replay)
        if found:
            return Fault(node.number, message.sender, (opening, *found))
    if node.operation and _changes_what_it_is_given(tensors[node.number], judged):
        what = (
            f"The rule of {node.operation} changed it, after it had arrived: it writes into "
            "grad_output. Make a new array instead."
        )
        return Fault(node.number, node.number, (opening, what))
    return Fault(node.number, None, (opening, _not_added_up(node, judged, arrived)))


def _fault_of_the_next_pass(nodes: Sequence[Node], tensors: Sequence[Any]) -> Fault | None:
    """Return a rule that spoils what the next backward pass needs; this one came out right."""
    for node, tensor in zip(nodes, tensors, strict=True):
        if node.operation and _writes_into_ctx(tensor):
            what = (
                f"The gradients are right this time. But the rule of {node.operation} writes into "
                "what ctx holds: the next backward pass would begin with wrong numbers. Make a "
                "copy first."
            )
            return Fault(node.number, node.number, (what,))
    return None


def _changes_what_it_is_given(tensor: Tensor, judged: Judged) -> bool:
    """Whether the rule of a node writes into the upstream gradient that it gets."""
    given = np.array(tensor.grad if judged.measured is None else judged.measured)
    before = given.copy()
    _ask(tensor, tensor.saved, given if given.ndim else given[()])
    return not np.array_equal(given, before, equal_nan=True)


def _writes_into_ctx(tensor: Tensor) -> bool:
    """Whether the rule of a node writes into an array that its forward rule saved.

    It is tried with other numbers: what it writes may be there already.
    """
    rng = np.random.default_rng(0)
    saved = [
        rng.uniform(1.5, 2.5, one.shape).astype(one.dtype) if _is_float(one) else one
        for one in tensor.saved
    ]
    before = [one.copy() if _is_float(one) else one for one in saved]
    upstream = rng.uniform(1.5, 2.5, tensor.shape) if tensor.shape else np.float64(1.5)
    _ask(tensor, tuple(saved), upstream)
    pairs = zip(saved, before, strict=True)
    return any(_is_float(one) and not np.array_equal(one, other) for one, other in pairs)


def _is_float(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def _ask(tensor: Tensor, saved: tuple[Any, ...], upstream: Any) -> None:
    """Run a rule for what it does beside its answer."""
    with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
        run_rule(tensor.operation, saved, tensor.needs, upstream)


def _wrong_message(
    message: Message, nodes: Sequence[Node], tensors: Sequence[Any], replay: Replay
) -> tuple[str, ...]:
    """Return what is wrong with a message, in sentences; empty if it is right."""
    sender, receiver = tensors[message.sender], tensors[message.receiver]
    operation = nodes[message.sender].operation
    upstream = np.asarray(message.upstream, dtype=np.float64)

    def weighted(value: Any) -> Any:
        """Move this one input of the sender, and nothing else, even if it is used twice."""
        given = [replay.values[one] if isinstance(one, Tensor) else one for one in sender.inputs]
        given[message.position] = value
        output = sender.operation.declared_forward([], *given, **(sender.options or {}))
        return np.sum(upstream * output)

    judged = _judge(message.sender, weighted, replay.values[receiver], message.sent)
    if judged.state != "wrong":
        return ()
    what = f"The rule of {operation} makes it wrong. To {nodes[message.receiver].label}"
    if nodes[message.sender].inputs.count(message.receiver) > 1:
        what += f" (its input {message.position + 1})"
    if judged.measured is None:
        what += f" it sends {value_text(message.sent, entries=6)}"
    else:
        what += f", {_side_by_side(message.sent, judged.measured, 'it sends', 'expected')}"
    if message.local is not None:
        what += f" (the upstream gradient is {value_text(message.upstream)})"
    return (f"{what}.", *_named(operation))


def _side_by_side(yours: Any, measured: Any, one: str, other: str) -> str:
    """Return two gradients in words: small ones whole, of large ones the entry that differs most.

    Examples
    --------
    >>> _side_by_side(np.float64(-4.0), np.float64(3.0), "yours", "measured")
    'yours -4, measured 3'
    """
    if np.size(yours) <= WRITTEN_OUT or np.shape(yours) != np.shape(measured):
        return f"{one} {value_text(yours, entries=6)}, {other} {value_text(measured, entries=6)}"
    gaps = np.nan_to_num(np.abs(np.asarray(yours) - measured), nan=-1.0)
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(gaps)), gaps.shape))
    place = ", ".join(map(str, index))
    mine, right = number_text(np.asarray(yours)[index]), number_text(np.asarray(measured)[index])
    return f"shape {shape_text(np.shape(yours))}, entry [{place}]: {one} {mine}, {other} {right}"


def _named(operation: str) -> tuple[str, ...]:
    """Return what the rule of an exercise looks like, and how to go on."""
    exercise = exercises().get(operation)
    answer = exercise.find_answer({}) if exercise is not None else None
    if exercise is None or answer is None:
        return (f"Work {operation} out on paper for these numbers, and compare line by line.",)
    with contextlib.redirect_stdout(io.StringIO()):
        report = examine(exercise, answer)
    sentences = [f"It looks like: {report.mistake}."] if report.mistake else []
    return (*sentences, f"For more, put check(ops.{operation}, hint=2) into a new cell.")


def _not_added_up(node: Node, judged: Judged, arrived: Sequence[Message]) -> str:
    """Say what a gradient is, whose messages are all right."""
    yours, measured = np.asarray(node.grad), judged.measured
    if measured is not None and not node.operation:
        for times in TIMES:
            if _close(yours, times * measured):
                return (
                    f"It is {times} times the right one: gradients of {times} backward passes have "
                    f"been added up. Call {node.label}.zero_grad() before the next one."
                )
    if len(arrived) > 1 and any(_close(yours, message.sent) for message in arrived):
        return (
            f"{len(arrived)} messages arrive at {node.label}, and the gradient is only one of "
            "them. Where a value is used more than once, its gradients add."
        )
    return (
        "What its users send is right now. So the gradient was not made by these rules: run the "
        "cell that computes and calls backward() again."
    )


def _close(one: Any, other: Any) -> bool:
    return np.shape(one) == np.shape(other) and bool(np.allclose(one, other, rtol=1e-6, atol=1e-12))
