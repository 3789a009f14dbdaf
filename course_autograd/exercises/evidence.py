"""All that is known about one case and what a rule made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from course_autograd.contract import unbroadcast
from course_autograd.numeric import Array, Jacobian, Measurement

CLOSE = 1e-6  # relative: predictions are measured, and mistakes are never this close to each other


@dataclass(frozen=True)
class Evidence:
    """All that is known about one smooth case.

    Parameters
    ----------
    name : str
        The operation.
    forward : callable
        Its declared forward rule.
    broadcasts : bool
        Whether it declares that it broadcasts.
    inputs, options, upstream
        The case.
    measurement : Measurement
        Of the declared forward rule at the inputs.
    raw, ones : sequence of (ndarray or None)
        What the rule returned, for `upstream` and for ones.
    """

    name: str
    forward: Callable[..., Any]
    broadcasts: bool
    inputs: Sequence[Array]
    options: Mapping[str, Any]
    upstream: Array
    measurement: Measurement
    raw: Sequence[Array | None]
    ones: Sequence[Array | None]

    @property
    def measured(self) -> Jacobian:
        """The derivative at the inputs."""
        return self.measurement.jacobian

    @cached_property
    def truth(self) -> tuple[Array, ...]:
        """The right gradients."""
        return self.measured.vjp(self.upstream)

    @property
    def output(self) -> Array:
        """The value of the operation."""
        return self.measurement.output

    @cached_property
    def local(self) -> tuple[Array, ...] | None:
        """Local derivatives entry by entry, in the output's shape; None if not elementwise."""
        shape = self.output.shape
        if self.broadcasts:
            blocks = self.measured.blocks
        elif len(self.inputs) == 1 and self.inputs[0].shape == shape:
            (block,) = blocks = self.measured.blocks
            if np.any(block != np.diag(np.diag(block))):
                return None
        else:
            return None
        # Each entry of the output depends on one entry of each input: columns hold one number.
        return tuple(block.sum(axis=0).reshape(shape) for block in blocks)

    def spread(self, position: int) -> Array:
        """Return an input in the output's shape."""
        return np.broadcast_to(self.inputs[position], self.output.shape)

    def agrees(self, position: int, prediction: Array) -> bool:
        """Whether the rule returned `prediction` for this input."""
        # Elementwise rules may answer in any shape that broadcasts to the output's.
        loose = self.output.shape if self.broadcasts else None
        return same(self.raw[position], np.asarray(prediction, dtype=np.float64), loose)


def same(found: Array | None, prediction: Array, loose: tuple[int, ...] | None = None) -> bool:
    """Whether two arrays agree; with `loose`, after broadcasting both to that shape.

    What is to agree after broadcasting may also agree after the summing back.
    """
    if found is None:
        return False
    if found.shape != prediction.shape:
        if loose is None:
            return False
        try:
            if prediction.shape == loose and found.ndim <= len(loose):
                summed = unbroadcast(prediction, found.shape)
                if summed.shape == found.shape and _near(found, summed):
                    return True
            found = np.broadcast_to(found, loose)
            prediction = np.broadcast_to(prediction, loose)
        except (ValueError, IndexError):
            return False
    return _near(found, prediction)


def _near(found: Array, prediction: Array) -> bool:
    if not np.all(np.isfinite(found)) or not np.all(np.isfinite(prediction)):
        return False
    scale = max(1e-3, float(np.max(np.abs(prediction), initial=0.0)))
    return bool(np.max(np.abs(found - prediction), initial=0.0) <= CLOSE * scale)


# A note that must be the same in all cases, and the values.
Prediction = Iterator[tuple[str, Array]]
