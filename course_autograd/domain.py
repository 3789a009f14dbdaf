"""Where an operation is smooth, and on which shapes to try it: one declaration per operation.

``check``, the grader's fresh inputs, the tests and the documentation are all made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
Sampler: TypeAlias = "Callable[[np.random.Generator, Shape], Array]"  # np.random is slow to import
Options: TypeAlias = "Mapping[str, Any] | Callable[[np.random.Generator], Mapping[str, Any]]"


def signs(rng: np.random.Generator, shape: Shape) -> Array:
    """Draw signs; several times as fast as ``rng.choice``."""
    return np.copysign(1.0, rng.random(shape) - 0.5)


def anywhere(rng: np.random.Generator, shape: Shape) -> Array:
    """Numbers of both signs, between 0.3 and 1.7 in size: away from 0, never too steep."""
    return np.asarray(rng.uniform(0.3, 1.7, shape) * signs(rng, shape))


def positive(rng: np.random.Generator, shape: Shape) -> Array:
    """Numbers between 0.3 and 3."""
    return np.asarray(rng.uniform(0.3, 3.0, shape))


@dataclass(frozen=True)
class Example:
    """A family of inputs: shapes, one per input, and constants.

    Parameters
    ----------
    facet : str
        What this family shows: ``"scalars"``, ``"arrays"``, ``"broadcasting"``, ``"axes"`` ...
        Points are given by facet.
    shapes : tuple of shapes
        One per input. Sizes differ pairwise, so that a transposed answer shows.
    options : mapping, or function of a generator that returns one
        Keyword arguments of the forward rule: an axis, an exponent, labels.
    sample : Sampler, optional
        Overrides the domain's samplers for all inputs of this family.
    """

    facet: str
    shapes: tuple[Shape, ...]
    options: Options = field(default_factory=dict)
    sample: Sampler | None = None


@dataclass(frozen=True)
class Kink:
    """One point at which the derivative does not exist, and any subgradient is right.

    Exactly one entry of the inputs lies on the kink; the others are away from it.
    """

    inputs: tuple[Any, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Extreme:
    """Inputs so large that a careless formula overflows; value and gradient are still finite."""

    inputs: tuple[Any, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Domain:
    """Where an operation is defined and smooth.

    Parameters
    ----------
    examples : tuple of Example
        Families of inputs on which the gradient exists.
    samplers : tuple of Sampler
        One for all inputs, or one per input.
    smooth : callable, optional
        Takes the values of all inputs; False where they are too close to a kink. Inputs are drawn
        again until it is True.
    kinks : tuple of Kink
        Facet ``"kinks"``.
    extremes : tuple of Extreme
        Facet ``"large numbers"``.
    """

    examples: tuple[Example, ...]
    samplers: tuple[Sampler, ...] = (anywhere,)
    smooth: Callable[..., bool] | None = None
    kinks: tuple[Kink, ...] = ()
    extremes: tuple[Extreme, ...] = ()

    @property
    def facets(self) -> tuple[str, ...]:
        """Names of the facets, in the order of declaration."""
        names = [example.facet for example in self.examples]
        names += ["kinks"] * bool(self.kinks) + ["large numbers"] * bool(self.extremes)
        return tuple(dict.fromkeys(names))

    def draw(
        self, example: Example, rng: np.random.Generator
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Draw inputs (float64) and options for one family.

        Returns
        -------
        tuple
            The values of the inputs, and the keyword arguments.

        Raises
        ------
        RuntimeError
            If 1,000 draws all lie too close to a kink: the declaration is unsound.
        """
        options = dict(example.options(rng) if callable(example.options) else example.options)
        samplers = self.samplers if example.sample is None else (example.sample,)
        for _ in range(1000):
            values = tuple(
                np.asarray(samplers[i % len(samplers)](rng, shape), dtype=np.float64)[()]
                for i, shape in enumerate(example.shapes)
            )
            if self.smooth is None or self.smooth(*values, **options):
                return values, options
        raise RuntimeError(f"no smooth inputs of shapes {example.shapes} in 1,000 draws")
