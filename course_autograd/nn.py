"""Neural networks as modules: parameters found by name, layers, saving and loading.

A `Module` is an object that holds `Parameter` objects and other modules in its attributes.
Nothing is registered anywhere: `Module.named_parameters` looks at the attributes when it is
called, so that ``model.head = None`` removes the head, and a list of layers counts as layers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from course_autograd import ops
from course_autograd.errors import CourseError, ShapeError
from course_autograd.state import State, StateError, matching, read_npz, write_npz
from course_autograd.tensor import Tensor
from course_autograd.values import as_value


class Parameter(Tensor):
    """A leaf tensor that an optimizer changes: a weight matrix, a bias.

    Only parameters are found by `Module.parameters`; other tensors stored on a module (a mean, a
    mask) are left alone.

    Parameters
    ----------
    value : array_like of real numbers
        Copied. Integers become float64, float32 stays float32.
    name : str, optional
        Shown in pictures and messages.
    """

    __slots__ = ()


class Stateful(Protocol):
    """What `Module.save` needs of an optimizer."""

    def state(self) -> State:
        """Return the state as named arrays."""

    def load_state(self, state: Mapping[str, object]) -> None:
        """Take over a state, or raise and change nothing."""


class Module:
    """A part of a network: parameters and further modules in attributes, and ``forward``.

    Write a subclass that stores its layers in ``self`` and defines ``forward``; call the object
    to compute.

    Examples
    --------
    >>> class Network(Module):
    ...     def __init__(self, rng):
    ...         self.hidden = Linear(64, 32, rng=rng)
    ...         self.output = Linear(32, 10, rng=rng)
    ...
    ...     def forward(self, x):
    ...         return self.output(ops.relu(self.hidden(x)))
    >>> list(Network(np.random.default_rng(0)).named_parameters())
    ['hidden.W', 'hidden.b', 'output.W', 'output.b']
    """

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Compute the output; every subclass defines its own.

        Raises
        ------
        NotImplementedError
            If the subclass has none.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no forward method. Define forward(self, x) in the class."
        )

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Compute ``forward(*inputs, **options)``."""
        return self.forward(*inputs, **options)

    def named_parameters(self) -> dict[str, Parameter]:
        """Return all parameters by their path, such as ``"hidden.W"`` or ``"layers.0.b"``.

        Attributes are visited in the order in which they were set; lists, tuples and dicts are
        looked into. A parameter that is used in two places (tied weights) appears once, under its
        first name.

        Raises
        ------
        CourseError
            If two parameters have the same path (a dict key with a dot in it can do that).
        """
        found: dict[str, Parameter] = {}
        for path, parameter in _walk(self, "", set()):
            if path in found:
                raise CourseError(
                    f"named_parameters: two parameters are called {path!r}. "
                    "Use keys without dots in dicts of modules."
                )
            found[path] = parameter
        return found

    def parameters(self) -> list[Parameter]:
        """Return all parameters, each once, in the order of `named_parameters`."""
        return list(self.named_parameters().values())

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.zero_grad()

    # --- saving and loading ----------------------------------------------------------------

    def state(self) -> State:
        """Return copies of all parameters' values by name."""
        return {name: np.array(p.value) for name, p in self.named_parameters().items()}

    def load_state(self, state: Mapping[str, object]) -> None:
        """Take over the values of all parameters; dtypes stay as they are.

        Raises
        ------
        StateError
            If a name is missing or too many or a shape differs. Nothing is loaded then.
        """
        parameters = self.named_parameters()
        shapes = {name: parameter.shape for name, parameter in parameters.items()}
        arrays = matching(f"{type(self).__name__}.load_state", shapes, state)
        for name, parameter in parameters.items():
            # as_value copies: a parameter never shares memory with what it was loaded from.
            parameter.value = as_value(arrays[name].astype(parameter.dtype, copy=False))

    def save(self, path: str | os.PathLike[str], optimizer: Stateful | None = None) -> Path:
        """Save the parameters, and the training state if an optimizer is given, as .npz.

        Parameters
        ----------
        path : path
            Written exactly there, in one step: an interrupted save leaves the old file.
        optimizer : optimizer, optional
            Its running averages and its number of steps are saved too, so that training can go
            on as if it had never stopped.

        Returns
        -------
        Path
            The file.
        """
        arrays = {f"model/{name}": array for name, array in self.state().items()}
        if optimizer is not None:
            arrays |= {f"optimizer/{name}": array for name, array in optimizer.state().items()}
        return write_npz(path, arrays)

    def load(self, path: str | os.PathLike[str], optimizer: Stateful | None = None) -> None:
        """Load what `save` wrote: the parameters, and the optimizer's state if one is given.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        StateError
            If the file holds another architecture or no training state. Nothing is loaded then.
        """
        arrays = read_npz(path)
        parts: dict[str, State] = {"model": {}, "optimizer": {}}
        for name, array in arrays.items():
            part, _, rest = name.partition("/")
            if part not in parts or not rest:
                raise StateError(
                    f"load: {path} holds {name!r}, which is no part of a saved model. "
                    "Load a file that save(...) wrote."
                )
            parts[part][rest] = array
        if optimizer is not None and not parts["optimizer"]:
            raise StateError(
                f"load: {path} holds a model but no training state. "
                "Save it with model.save(path, optimizer), or load without an optimizer."
            )
        before = self.state()
        self.load_state(parts["model"])
        if optimizer is not None:
            try:
                optimizer.load_state(parts["optimizer"])
            except Exception:
                self.load_state(before)
                raise

    def __repr__(self) -> str:
        lines = [f"{name} {p.shape}" for name, p in self.named_parameters().items()]
        return f"{type(self).__name__}({', '.join(lines)})"


def _walk(item: object, path: str, seen: set[int]) -> Iterator[tuple[str, Parameter]]:
    """Yield the parameters in `item` with their paths, each object once."""
    if not isinstance(item, Parameter | Module | list | tuple | dict) or id(item) in seen:
        return
    seen.add(id(item))
    if isinstance(item, Parameter):
        yield path, item
        return
    children: Any
    if isinstance(item, Module):
        children = vars(item).items()
    elif isinstance(item, dict):
        children = item.items()
    else:
        children = enumerate(item)
    for key, child in children:
        yield from _walk(child, f"{path}.{key}" if path else str(key), seen)


class Linear(Module):
    r"""A fully connected layer: :math:`y = xW + b`.

    Parameters
    ----------
    inputs, outputs : int
        Number of inputs and outputs.
    rng : numpy.random.Generator
        Draws the weights. One generator for a whole network makes a run repeatable and all
        layers different.
    dtype : float64 or float32
    fused : bool
        Compute the layer with `ops.linear`, in one step, instead of with `ops.matmul` and
        `ops.add_bias`, whose backward rules are yours.

    Attributes
    ----------
    W : Parameter of shape (inputs, outputs)
        Normal, with variance 2 / inputs, so that the sizes of relu's outputs stay the same from
        layer to layer (He et al., "Delving deep into rectifiers", 2015).
    b : Parameter of shape (outputs,)
        Zeros.

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive whole number, `rng` not a generator or `dtype` not a float.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        rng: np.random.Generator,
        dtype: npt.DTypeLike = np.float64,
        fused: bool = False,
    ) -> None:
        for what, size in (("inputs", inputs), ("outputs", outputs)):
            if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
                raise ValueError(
                    f"Linear: expected {what} to be a positive whole number, got {size!r}."
                )
        if not isinstance(rng, np.random.Generator):
            raise TypeError(
                f"Linear: expected rng to be a generator, got {rng!r}. Make one with "
                "rng = np.random.default_rng(0) and give the same one to all layers."
            )
        if np.dtype(dtype).kind != "f":
            raise TypeError(f"Linear: expected a float dtype, got {np.dtype(dtype)}.")
        weights = rng.normal(0.0, np.sqrt(2.0 / inputs), (inputs, outputs))
        self.W = Parameter(weights.astype(dtype), "W")
        self.b = Parameter(np.zeros(outputs, dtype), "b")
        self.fused = bool(fused)

    def forward(self, x: Any) -> Tensor:
        """Return x W + b of shape (N, outputs), for x of shape (N, inputs).

        Raises
        ------
        ShapeError
            If x has another shape.
        """
        shape = np.shape(x.value if isinstance(x, Tensor) else x)
        if len(shape) != 2 or shape[1] != self.W.shape[0]:
            raise ShapeError(
                f"Linear: expected x of shape (N, {self.W.shape[0]}), one example per row, "
                f"got shape {shape}."
            )
        if self.fused:
            return ops.linear(x, self.W, self.b)
        return ops.add_bias(ops.matmul(x, self.W), self.b)


class Sequential(Module):
    """Modules one after the other: ``Sequential(f, g)(x)`` is ``g(f(x))``.

    Parameters
    ----------
    *layers : Module
        Applied from left to right. Their parameters are called ``"layers.0.W"``,
        ``"layers.0.b"``, ``"layers.2.W"`` ...

    Raises
    ------
    TypeError
        If a layer cannot be called.
    """

    def __init__(self, *layers: Any) -> None:
        for position, layer in enumerate(layers):
            if not callable(layer) or isinstance(layer, type):
                hint = f" Write {layer.__name__}(...)." if isinstance(layer, type) else ""
                raise TypeError(
                    f"Sequential: expected layer {position} to be a module, got {layer!r}.{hint}"
                )
        self.layers = list(layers)

    def forward(self, x: Any) -> Any:
        """Return the output of the last layer."""
        for layer in self.layers:
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, position: int) -> Any:
        return self.layers[position]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.layers)


class ReLU(Module):
    """The rectifier, max(0, x), as a layer."""

    def forward(self, x: Any) -> Tensor:
        """Return ``ops.relu(x)``."""
        return ops.relu(x)


class Tanh(Module):
    """The hyperbolic tangent as a layer."""

    def forward(self, x: Any) -> Tensor:
        """Return ``ops.tanh(x)``."""
        return ops.tanh(x)


class Sigmoid(Module):
    """The logistic function, 1 / (1 + exp(-x)), as a layer."""

    def forward(self, x: Any) -> Tensor:
        """Return ``ops.sigmoid(x)``."""
        return ops.sigmoid(x)


__all__ = [
    "Linear",
    "Module",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "StateError",
    "Tanh",
]
