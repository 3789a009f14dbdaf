"""Gradients at a kink: every average of those at the smooth points around it is right.

Source: Clarke, "Optimization and Nonsmooth Analysis", chapter 2 (the generalised gradient).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from course_autograd.numeric import KINK_TOLERANCE, Array, jacobian

NEARBY = 1e-4  # how far from a kink its smooth neighbours are taken: gradients hardly vary there


def nearby_jacobians(
    forward: Callable[..., Any],
    inputs: Sequence[Any],
    options: Mapping[str, Any] | None,
    draws: int = 24,
) -> Array:
    """Measure the derivative at smooth points around a kink, always the same ones.

    Returns
    -------
    ndarray
        One matrix for each point: (points, entries of all inputs, entries of the output).
    """
    rng = np.random.default_rng(0)
    point = [np.array(value, dtype=np.float64) for value in inputs]
    found = []
    for _ in range(draws):
        moved = [
            here + NEARBY * rng.uniform(0.5, 1.0, here.shape) * rng.choice([-1.0, 1.0], here.shape)
            for here in point
        ]
        measured = jacobian(forward, moved, options)
        # Left out where a step went across the kink, or there is no finite value.
        if all(np.max(error, initial=0.0) <= KINK_TOLERANCE for error in measured.errors):
            found.append(np.concatenate(measured.blocks))
    return np.stack(found) if found else np.empty((0, 0, 0))


def nearby_gradients(nearby: Array, upstream: Array) -> list[Array]:
    """Return the different gradients found at smooth points around a kink; none if there is none.

    Their convex hull is the set of all subgradients there (Clarke's generalised gradient).

    Parameters
    ----------
    nearby : ndarray
        As `nearby_jacobians` measures it.
    upstream : ndarray

    Returns
    -------
    list of ndarray
        Each holds the gradients of all inputs, flattened and joined.
    """
    found: list[Array] = []
    left = nearby @ np.ravel(upstream) if len(nearby) else nearby
    while len(left):
        first = left[0]
        found.append(first)
        left = left[np.max(np.abs(left - first), axis=1) >= KINK_TOLERANCE]
    return found


def in_hull(point: Array, corners: Sequence[Array], tolerance: float = KINK_TOLERANCE) -> bool:
    """Whether `point` is a weighted average of `corners`, up to `tolerance`.

    A point lies in a convex hull exactly if it is an average, with positive weights, of some of
    the corners that are affinely independent. There are few corners: all choices are tried.
    """
    if not np.all(np.isfinite(point)):
        return False
    scale = max(1.0, max((float(np.max(np.abs(corner))) for corner in corners), default=1.0))
    if np.max(np.abs(point), initial=0.0) > 2.0 * scale:
        return False
    for count in range(1, len(corners) + 1):
        for chosen in itertools.combinations(corners, count):
            last = chosen[-1]
            edges = np.stack([corner - last for corner in chosen[:-1]] or [np.zeros_like(last)], 1)
            weights = np.linalg.lstsq(edges, point - last, rcond=None)[0]
            inside = np.all(weights >= -tolerance) and np.sum(weights) <= 1.0 + tolerance
            if inside and np.max(np.abs(edges @ weights + last - point)) <= tolerance * scale:
                return True
    return False
