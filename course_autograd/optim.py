"""Optimizers: they change parameters along their gradients.

An optimizer writes into arrays that it made itself, never into an array that came from outside:
before its first step on a parameter it gives the parameter a copy of its value, and again
whenever somebody else has put another array there. So two tensors never move together by
accident, and from the second step on nothing is allocated. From then on ``parameter.value`` is
that one array, changed by every step: copy it (or use ``model.state()``) to keep what it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from course_autograd.errors import ShapeError
from course_autograd.recording import recording
from course_autograd.rows import Rows
from course_autograd.state import State, matching
from course_autograd.tensor import Tensor

Array = npt.NDArray[Any]
CHUNK = 1 << 16  # entries that are moved at a time: half a megabyte, which stays near the processor


class Optimizer:
    """Parent of the optimizers: which parameters, and how many steps were made.

    Parameters
    ----------
    parameters : iterable of Tensor
        A list or a generator. A tensor given twice is moved once.
    lr : float
        Learning rate: how far one step goes.

    Attributes
    ----------
    steps : int
        Number of steps made so far.

    Raises
    ------
    ValueError
        If there are no parameters or `lr` is not a positive number.
    TypeError
        If something among `parameters` is not a leaf tensor that needs a gradient.
    """

    # Names of the running averages a subclass keeps: one array per parameter and name.
    averages: tuple[str, ...] = ()

    def __init__(self, parameters: Iterable[Tensor], lr: float) -> None:
        self.parameters = _distinct_leaves(type(self).__name__, parameters)
        self.steps = 0
        self._running: dict[str, list[Array]] = {
            name: [np.zeros(p.shape, p.dtype) for p in self.parameters] for name in self.averages
        }
        # For each parameter: its value, if that is our array, room to compute in, its averages and
        # the learning rate.
        self._arrays: list[tuple[Any, Any, list[Array], Any]] = [
            (None, None, [arrays[i] for arrays in self._running.values()], None)
            for i in range(len(self.parameters))
        ]
        self.lr = _number(type(self).__name__, "lr", lr, above=0.0)

    @property
    def lr(self) -> float:
        """Learning rate; may be set to another one, also to 0, between two steps."""
        return self._lr

    @lr.setter
    def lr(self, lr: float) -> None:
        self._lr = _number(type(self).__name__, "lr", lr, least=0.0)
        self._arrays = [
            (value, scratch, averages, None if value is None else self._rate(value))
            for value, scratch, averages, _ in self._arrays
        ]

    def _rate(self, value: Array) -> Array:
        """Return the learning rate as an array without axes, of the type of `value`.

        NumPy takes it faster than a number, and small networks feel it.
        """
        return np.array(self._lr, value.dtype)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters:
            parameter.gradient = None

    def step(self) -> None:
        """Move every parameter that has a gradient; leave the others, and all gradients, alone."""
        self.steps += 1
        recording.steps += 1  # graphs of the values before are stale from now on
        for position, parameter in enumerate(self.parameters):
            gradient = parameter.gradient
            if gradient is None:
                continue
            parameter.age = recording.steps
            value, scratch, averages, rate = self._arrays[position]
            if parameter.value is not value:
                value, scratch, averages, rate = self._own(position, parameter)
            if type(gradient) is Rows and not self._moves_rows:
                gradient = gradient.dense()  # every row has its averages
            if value.size <= CHUNK or type(gradient) is Rows:
                self._move(value, gradient, scratch, averages, rate)
            else:
                height = len(scratch)
                for first in range(0, len(value), height):
                    rows = slice(first, first + height)
                    piece = value[rows]
                    kept = [one[rows] for one in averages]
                    self._move(piece, gradient[rows], scratch[: len(piece)], kept, rate)
            if not value.ndim:
                parameter.value = value[()]  # NumPy's scalars cannot be changed in place

    def _own(self, position: int, parameter: Tensor) -> tuple[Array, Array, list[Array], Array]:
        """Give `parameter` an array of our own with its value; return it with what belongs to it.

        The value of a scalar is returned in an array without axes, and the parameter keeps its own.
        """
        value: Array = np.array(parameter.value)
        averages = self._arrays[position][2]
        if averages and averages[0].shape != value.shape:
            raise ShapeError(
                f"{type(self).__name__}: expected parameter {position} to keep its shape "
                f"{averages[0].shape}, got {value.shape}. Make a new optimizer for other shapes."
            )
        height = max(1, CHUNK * len(value) // value.size) if value.size > CHUNK else None
        scratch = np.empty_like(value[:height] if height else value)
        if value.ndim:
            parameter.value = value
        self._arrays[position] = value, scratch, averages, self._rate(value)
        return self._arrays[position]

    _moves_rows = False  # whether `_move` takes a gradient that is kept as `Rows`

    def _move(
        self, value: Array, gradient: Any, scratch: Array, averages: list[Array], rate: Array
    ) -> None:
        """Change `value` and the running averages in place, entry by entry.

        `scratch` has the shape of `value` and may be used freely; `rate` is the learning rate.
        Large arrays come in pieces.
        """
        raise NotImplementedError

    # --- saving and loading ----------------------------------------------------------------

    def state(self) -> State:
        """Return copies of the number of steps and of all running averages by name."""
        state: State = {"steps": np.array(self.steps)}
        for name, arrays in self._running.items():
            state |= {f"{name}.{i}": array.copy() for i, array in enumerate(arrays)}
        return state

    def load_state(self, state: Mapping[str, object]) -> None:
        """Take over what `state` returned. Settings such as `lr` stay as they are.

        Raises
        ------
        StateError
            If it is the state of another kind of optimizer or of other parameters. Nothing is
            loaded then.
        """
        shapes: dict[str, tuple[int, ...]] = {"steps": ()}
        for name, arrays in self._running.items():
            shapes |= {f"{name}.{i}": array.shape for i, array in enumerate(arrays)}
        given = matching(f"{type(self).__name__}.load_state", shapes, state)
        self.steps = int(given["steps"])
        for name, arrays in self._running.items():
            for i, array in enumerate(arrays):
                array[...] = given[f"{name}.{i}"]


class SGD(Optimizer):
    r"""Stochastic gradient descent, with momentum if wanted.

    :math:`v \leftarrow \mu v + g, \qquad w \leftarrow w - \eta v`

    with learning rate :math:`\eta`, momentum :math:`\mu` and :math:`v = 0` in the beginning.

    Parameters
    ----------
    parameters : iterable of Tensor
    lr : float
        Learning rate, positive.
    momentum : float
        Between 0 (plain gradient descent) and 1 (excluded).
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float, momentum: float = 0.0) -> None:
        self.momentum = _number("SGD", "momentum", momentum, least=0.0, below=1.0)
        self.averages = ("velocity",) if self.momentum else ()
        self._moves_rows = not self.momentum
        super().__init__(parameters, lr)

    def _move(
        self, value: Array, gradient: Any, scratch: Array, averages: list[Array], rate: Array
    ) -> None:
        if averages:
            (velocity,) = averages
            velocity *= self.momentum
            velocity += gradient
            gradient = velocity
        elif type(gradient) is Rows:
            gradient.subtract_from(value, rate)
            return
        np.multiply(gradient, rate, scratch)
        value -= scratch


class Adam(Optimizer):
    r"""Adam: steps scaled by running averages of the gradient and of its square.

    :math:`m \leftarrow \beta_1 m + (1-\beta_1) g, \quad s \leftarrow \beta_2 s + (1-\beta_2) g^2,
    \quad w \leftarrow w - \eta\, \hat m / (\sqrt{\hat s} + \varepsilon)`

    where :math:`\hat m = m / (1 - \beta_1^t)` and :math:`\hat s = s / (1 - \beta_2^t)` after
    :math:`t` steps (Kingma and Ba, "Adam: a method for stochastic optimization", 2015).

    Parameters
    ----------
    parameters : iterable of Tensor
    lr : float
        Learning rate, positive.
    betas : pair of float
        Decay of the two averages, each between 0 and 1 (excluded).
    eps : float
        Keeps the division finite.
    """

    averages = ("mean", "square")

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        self.betas = (
            _number("Adam", "betas[0]", betas[0], least=0.0, below=1.0),
            _number("Adam", "betas[1]", betas[1], least=0.0, below=1.0),
        )
        self.eps = _number("Adam", "eps", eps, above=0.0)
        super().__init__(parameters, lr)

    def _move(
        self, value: Array, gradient: Any, scratch: Array, averages: list[Array], rate: Array
    ) -> None:
        first, second = self.betas
        mean, square = averages
        mean *= first
        np.multiply(gradient, 1.0 - first, out=scratch)
        mean += scratch
        square *= second
        np.multiply(gradient, gradient, out=scratch)
        scratch *= 1.0 - second
        square += scratch
        np.divide(square, 1.0 - second**self.steps, out=scratch)
        np.sqrt(scratch, out=scratch)
        scratch += self.eps
        np.divide(mean, scratch, out=scratch)
        scratch *= rate / (1.0 - first**self.steps)
        value -= scratch


def _distinct_leaves(who: str, parameters: Iterable[Tensor]) -> list[Tensor]:
    """Return `parameters` as a list without repetitions, or say what is wrong with them."""
    if isinstance(parameters, Tensor):
        raise TypeError(f"{who}: expected a list of parameters, got one tensor. Write [tensor].")
    try:
        given = list(parameters)
    except TypeError as error:
        raise TypeError(
            f"{who}: expected a list of parameters, got a {type(parameters).__name__}. "
            "Write model.parameters()."
        ) from error
    if not given:
        raise ValueError(
            f"{who}: expected at least one parameter, got none. A module finds its parameters "
            "in its attributes: store layers in self, and tensors to be trained as nn.Parameter."
        )
    for position, parameter in enumerate(given):
        if not isinstance(parameter, Tensor):
            hint = " Write model.parameters()." if isinstance(parameter, str) else ""
            raise TypeError(
                f"{who}: expected tensors, but parameter {position} is a "
                f"{type(parameter).__name__}.{hint}"
            )
        if parameter.operation is not None or not parameter.requires_grad:
            what = (
                "was computed by an operation"
                if parameter.operation is not None
                else "has requires_grad=False"
            )
            raise TypeError(
                f"{who}: parameter {position} {what}; only leaf tensors that need a gradient "
                "can be trained. Give the tensors you made yourself."
            )
    return list(dict.fromkeys(given))


def _number(
    who: str,
    what: str,
    value: float,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float = np.inf,
) -> float:
    """Return `value` as a float inside its range, or raise a ValueError that names the range."""
    limits = f"above {above:g}" if above is not None else f"at least {least:g}"
    limits += f" and below {below:g}" if np.isfinite(below) else ""
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{who}: expected {what} to be a number {limits}, got {value!r}."
        ) from error
    inside = (above is None or number > above) and (least is None or number >= least)
    if not (inside and number < below):
        raise ValueError(f"{who}: expected {what} to be a number {limits}, got {value!r}.")
    return number


__all__ = ["SGD", "Adam", "Optimizer"]
