"""Stepping through a computation: ``step(f)`` in a notebook.

First forward, one step for each value that is computed; then backward, one step for each message.
What can be seen is decided in `frames` and `scene`; how it steps, in `stepper`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from course_autograd.errors import CourseError
from course_autograd.graph import Message, Node, count_nodes, follow, trace
from course_autograd.pictures.draw import describe
from course_autograd.pictures.frames import (
    Frame,
    backward_frames,
    forward_frames,
    not_backward_yet,
)
from course_autograd.pictures.scene import compose
from course_autograd.pictures.stepper import stepper_html
from course_autograd.pictures.svg import to_svg
from course_autograd.tensor import Tensor

MOST_NODES = 60


class Stepper:
    """A computation step by step: a picture for each step, and a sentence that says it.

    A notebook shows it by itself; ``print(step(f))`` gives the steps as a list.

    Attributes
    ----------
    frames : tuple of Frame
        The steps.
    svg : str
        The picture at the end, a complete SVG document.
    alt : str
        What is in that picture, in a sentence or two.
    name : str
        What is stepped through.
    messages : tuple of Message
        What the nodes send each other on the way back, as far as it is known.
    """

    def __init__(
        self, nodes: Sequence[Node], frames: Sequence[Frame], known: Sequence[Message] = ()
    ) -> None:
        # What the sentences name must be found in the picture, also where it has no name.
        labelled = [replace(node, named=True) for node in nodes]
        self.frames, self.messages = tuple(frames), tuple(known)
        self.alt = describe(nodes)
        self.svg = to_svg(compose(labelled, known), self.alt)
        self.name = f"Step by step through {nodes[-1].label}"

    def _repr_html_(self) -> str:
        return stepper_html(self.svg, self.alt, self.name, self.frames)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return "\n".join(f"{i}. {frame.text}" for i, frame in enumerate(self.frames, 1))


def step(tensor: Tensor) -> Stepper:
    """Step through the computation of `tensor`, forward and, after ``backward()``, backward.

    Forward, each step computes one value. Backward, each step sends one message, upstream gradient
    × local derivative, and you see the gradients fill. The buttons (or the keys ← → Home End) go
    from step to step; they work in the saved notebook, too, without a kernel.

    Nothing is changed: your backward rules are asked again, with copies of the gradients.

    Parameters
    ----------
    tensor : Tensor
        The result of a computation. Without gradients the steps end after the forward part; with
        a rule that does not work yet, at that rule.

    Returns
    -------
    Stepper
        The steps, which a notebook shows.

    Raises
    ------
    TypeError
        If it is not given a tensor.
    CourseError
        If nothing was computed, or more than can be stepped through.

    Examples
    --------
    >>> x = Tensor(17.0, "x")
    >>> y = x * (x + 1)
    >>> y.name = "y"
    >>> step(y)
    1. Given: x = 17 and the constant 1.
    2. v1 = x + 1 = 17 + 1 = 18
    3. y = x × v1 = 17 × 18 = 306
    4. All values are computed; there are no gradients yet. Call y.backward(), then step again: from here it goes backward.
    """  # noqa: E501 - as it is printed
    if not isinstance(tensor, Tensor):
        raise TypeError(
            f"step: expected a tensor, the result of a computation, got a {type(tensor).__name__}. "
            "Call step(loss), for example."
        )
    if tensor.operation is None:
        raise CourseError(
            "step: expected the result of a computation, got a tensor that nothing was computed "
            "for (an input, or made inside no_grad()). Call step on what you compute from it."
        )
    count = count_nodes(tensor)
    if count > MOST_NODES:
        raise CourseError(
            f"step: this graph has {count:,} nodes; more than {MOST_NODES} are too many to be "
            "stepped through. Step through a part of it: a tensor inside, or the loss of fewer "
            "examples. draw shows larger graphs at a glance."
        )
    nodes = trace(tensor)
    frames = forward_frames(nodes)
    if tensor.grad is None:
        # Gradients of another pass would be nothing of this one.
        blank = [replace(node, grad=None) for node in nodes]
        return Stepper(blank, [*frames, not_backward_yet(nodes[-1])])
    followed = follow(tensor)
    frames += backward_frames(nodes, followed)
    shown = [replace(node, grad=followed.gradients.get(node.number)) for node in nodes]
    return Stepper(shown, frames, followed.messages)


__all__ = ["Stepper", "step"]
