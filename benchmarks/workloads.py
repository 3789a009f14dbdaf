"""What is measured: names, sizes and data, the same for every contestant.

Random numbers come from one seed for each workload, so that all contestants compute the same, and
what they computed can be compared before anything is timed.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

LEARNING_RATE = 0.01
NETWORKS = {
    "digits": (32, (64, 32, 10)),
    "mnist": (128, (784, 256, 128, 10)),
    "cifar": (100, (3072, 100, 10)),
    "wide": (256, (2048, 2048, 2048)),  # two matrices of 32 MB in float64
}
PICTURES = {"conv1": ((8, 1, 28, 28), 16), "conv16": ((8, 16, 14, 14), 32)}
TABLES = (500, 50_000)
DIMENSION, WORDS, HIDDEN, TAGS = 50, 3, 64, 20


@dataclass(frozen=True)
class Workload:
    """One thing to be measured.

    Attributes
    ----------
    name : str
        Such as ``"mlp mnist float32"``.
    kind : str
        ``"scalar"``, ``"norm"``, ``"mlp"``, ``"unfused"`` (the same with a product and a sum for
        each layer), ``"conv"`` or ``"tagger"``.
    size : str
        Which one of its kind.
    dtype : str
        ``"float64"`` or ``"float32"``.
    quick : bool
        Whether ``--quick`` measures it.
    """

    name: str
    kind: str
    size: str
    dtype: str = "float64"
    quick: bool = False


def all_workloads() -> list[Workload]:
    """Return every workload, in the order of the table."""
    found = [
        Workload("(x + y) z", "scalar", "product", quick=True),
        Workload("sigmoid neuron", "scalar", "neuron", quick=True),
    ]
    found += [
        Workload(f"norm {n} {dtype}", "norm", str(n), dtype, quick=n == 100 and dtype == "float64")
        for dtype in ("float64", "float32")
        for n in (10, 100, 1000, 2000)
    ]
    found += [
        Workload(f"mlp {size} {dtype}", "mlp", size, dtype, quick=size in ("digits", "mnist"))
        for dtype in ("float64", "float32")
        for size in NETWORKS
    ]
    found += [
        Workload(f"unfused {size} {dtype}", "unfused", size, dtype)
        for dtype in ("float64", "float32")
        for size in NETWORKS
        if size != "digits"
    ]
    found += [
        Workload(f"{size} {dtype}", "conv", size, dtype, quick=dtype == "float64")
        for dtype in ("float64", "float32")
        for size in PICTURES
    ]
    return found + [Workload(f"tagger {size}", "tagger", str(size), quick=True) for size in TABLES]


# --- data ----------------------------------------------------------------------------------

SCALARS = {"product": (-2.0, 5.0, -4.0), "neuron": (2.0, -1.0, -3.0, -2.0, -3.0)}


def norm_data(work: Workload) -> tuple[Array, Array]:
    """Return W (n, n) and x (n,)."""
    n, rng = int(work.size), np.random.default_rng(1)
    return (
        rng.normal(size=(n, n)).astype(work.dtype) / np.sqrt(n).astype(work.dtype),
        rng.normal(size=n).astype(work.dtype),
    )


def network_data(work: Workload) -> tuple[Array, Array, list[Array], list[Array]]:
    """Return inputs, labels, weights and biases."""
    batch, sizes = NETWORKS[work.size]
    rng = np.random.default_rng(2)
    x = rng.normal(size=(batch, sizes[0])).astype(work.dtype)
    labels = rng.integers(0, sizes[-1], batch)
    pairs = list(itertools.pairwise(sizes))
    weights = [(rng.normal(size=p) * np.sqrt(2.0 / p[0])).astype(work.dtype) for p in pairs]
    return x, labels, weights, [np.zeros(out, work.dtype) for _, out in pairs]


def picture_data(work: Workload) -> tuple[Array, Array, Array]:
    """Return pictures, kernels, and the weights of the loss (one for each pooled entry)."""
    shape, outputs = PICTURES[work.size]
    rng = np.random.default_rng(3)
    x = rng.normal(size=shape).astype(work.dtype)
    kernel = (rng.normal(size=(outputs, shape[1], 3, 3)) / 3.0).astype(work.dtype)
    pooled = (shape[0], outputs, (shape[2] - 2) // 2, (shape[3] - 2) // 2)
    return x, kernel, rng.normal(size=pooled).astype(work.dtype)


@dataclass(frozen=True)
class Tagger:
    """A table of words, two layers, and sentences of three words each with a tag."""

    table: Array
    W1: Array
    b1: Array
    W2: Array
    b2: Array
    words: Array
    tags: Array


def tagger_data(work: Workload) -> Tagger:
    """Return parameters and 64 examples; example k is used in step k mod 64."""
    size, rng = int(work.size), np.random.default_rng(4)
    return Tagger(
        table=rng.normal(size=(size, DIMENSION)),
        W1=rng.normal(size=(WORDS * DIMENSION, HIDDEN)) * 0.1,
        b1=np.zeros(HIDDEN),
        W2=rng.normal(size=(HIDDEN, TAGS)) * 0.1,
        b2=np.zeros(TAGS),
        words=rng.integers(0, size, (64, WORDS)),
        tags=rng.integers(0, TAGS, (64, 1)),
    )


def begun_with(work: Workload) -> list[Array] | None:
    """Return the parameters before the first step, in the order of results.

    None where results are gradients.
    """
    if work.kind in ("mlp", "unfused"):
        _, _, weights, biases = network_data(work)
        return [*weights, *biases]
    if work.kind == "tagger":
        data = tagger_data(work)
        return [data.table, data.W1, data.b1, data.W2, data.b2]
    return None
