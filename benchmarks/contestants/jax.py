"""jax, which is optional: every step compiled as a whole, by its first call, which is not timed.

Data and parameters are arguments of the compiled function, never constants in it, and parameters
are donated, so that a step may write where they stand. The worker's environment sets the number of
threads of its pool.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.contestants import Makers, Steps
from benchmarks.workloads import (
    LEARNING_RATE,
    SCALARS,
    Workload,
    network_data,
    norm_data,
    picture_data,
    tagger_data,
)

jax.config.update("jax_enable_x64", True)
# Every step waits for its result: handing it to another thread would only cost jax time.
jax.config.update("jax_cpu_enable_async_dispatch", False)


def of_gradients(gradient: Any, given: Any) -> Steps:
    """Return steps that compute the same gradients again and again."""
    compiled = jax.jit(gradient)
    found: list[Any] = []

    def step() -> None:
        found[:] = jax.block_until_ready(compiled(*given))

    return Steps(step, lambda: [np.asarray(one) for one in found])


def scalar(work: Workload) -> Steps:
    """The compiled gradient of the function, called with Python's numbers."""
    given = SCALARS[work.size]

    def product(x: Any, y: Any, z: Any) -> Any:
        return (x + y) * z

    def neuron(w0: Any, x0: Any, w1: Any, x1: Any, w2: Any) -> Any:
        return jax.nn.sigmoid(w0 * x0 + w1 * x1 + w2)

    function = product if work.size == "product" else neuron
    return of_gradients(jax.grad(function, argnums=tuple(range(len(given)))), given)


def norm(work: Workload) -> Steps:
    """||Wx||²."""

    def function(W: Any, x: Any) -> Any:
        q = W @ x
        return q @ q

    return of_gradients(jax.grad(function, argnums=(0, 1)), [*map(jnp.array, norm_data(work))])


def network(work: Workload) -> Steps:
    """One compiled step of gradient descent."""
    x, labels, W, b = network_data(work)
    data = jnp.array(x), jnp.array(labels)
    parameters: Any = [jnp.array(one) for one in W], [jnp.array(one) for one in b]

    def loss(parameters: Any, x: Any, labels: Any) -> Any:
        h = x
        for layer, (one, bias) in enumerate(zip(*parameters, strict=True)):
            h = h @ one + bias
            if layer < len(W) - 1:
                h = jax.nn.relu(h)
        return -jax.nn.log_softmax(h)[jnp.arange(len(labels)), labels].mean()

    def moved(parameters: Any, x: Any, labels: Any) -> Any:
        gradients = jax.grad(loss)(parameters, x, labels)
        return jax.tree.map(lambda one, g: one - LEARNING_RATE * g, parameters, gradients)

    compiled = jax.jit(moved, donate_argnums=0)

    def step() -> None:
        nonlocal parameters
        parameters = jax.block_until_ready(compiled(parameters, *data))

    return Steps(step, lambda: [np.asarray(one) for part in parameters for one in part])


def convolution(work: Workload) -> Steps:
    """Convolution, pooling, weighted sum, with jax's own operations for them."""

    def loss(x: Any, kernel: Any, weights: Any) -> Any:
        z = jax.lax.conv_general_dilated(x, kernel, (1, 1), "VALID")
        window = (1, 1, 2, 2)
        pooled = jax.lax.reduce_window(z, -jnp.inf, jax.lax.max, window, window, "VALID")
        return (pooled * weights).sum()

    return of_gradients(jax.grad(loss, argnums=(0, 1)), [*map(jnp.array, picture_data(work))])


def tagger(work: Workload) -> Steps:
    """One step for one example.

    The gradient is that of the rows looked up, and only these are moved: that of the whole table
    would be as large as the table, jax has no sparse one.
    """
    data, count = tagger_data(work), 0
    words, tags = jnp.array(data.words), jnp.array(data.tags[:, 0])
    given = (data.table, data.W1, data.b1, data.W2, data.b2)
    parameters: Any = [jnp.array(one) for one in given]

    def loss(rows: Any, W1: Any, b1: Any, W2: Any, b2: Any, tag: Any) -> Any:
        hidden = jnp.tanh(rows.reshape(-1) @ W1 + b1)
        return -jax.nn.log_softmax(hidden @ W2 + b2)[tag]

    def moved(parameters: Any, words: Any, tags: Any, example: Any) -> Any:
        table, *layers = parameters
        looked_up = words[example]
        of_rows, *gradients = jax.grad(loss, argnums=tuple(range(5)))(
            table[looked_up], *layers, tags[example]
        )
        layers = [one - LEARNING_RATE * g for one, g in zip(layers, gradients, strict=True)]
        return [table.at[looked_up].add(-LEARNING_RATE * of_rows), *layers]

    compiled = jax.jit(moved, donate_argnums=0)

    def step() -> None:
        nonlocal count, parameters
        parameters = jax.block_until_ready(compiled(parameters, words, tags, count % 64))
        count += 1

    return Steps(step, lambda: [np.asarray(one) for one in parameters])


MAKERS: Makers = {
    "scalar": scalar,
    "norm": norm,
    "mlp": network,
    "conv": convolution,
    "tagger": tagger,
}
