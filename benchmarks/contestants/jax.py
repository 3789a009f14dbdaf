"""jax, which is optional: eager on scalars, one compiled step for the network."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.contestants import Steps
from benchmarks.workloads import LEARNING_RATE, SCALARS, Workload, network_data

jax.config.update("jax_enable_x64", True)


def steps(work: Workload) -> Steps | None:
    """Return the scalar workloads and the networks, compiled before they are timed."""
    return {"scalar": scalar, "mlp": network}.get(work.kind, lambda _work: None)(work)


def scalar(work: Workload) -> Steps:
    """The compiled gradient of the function."""
    given = SCALARS[work.size]

    def product(x: Any, y: Any, z: Any) -> Any:
        return (x + y) * z

    def neuron(w0: Any, x0: Any, w1: Any, x1: Any, w2: Any) -> Any:
        return jax.nn.sigmoid(w0 * x0 + w1 * x1 + w2)

    function = product if work.size == "product" else neuron
    gradient = jax.jit(jax.grad(function, argnums=tuple(range(len(given)))))
    found: list[Any] = []

    def step() -> None:
        found[:] = jax.block_until_ready(gradient(*given))

    return Steps(step, lambda: [np.asarray(one) for one in found])


def network(work: Workload) -> Steps:
    """One compiled step of gradient descent."""
    x, labels, W, b = network_data(work)
    parameters: Any = ([jnp.asarray(one) for one in W], [jnp.asarray(one) for one in b])

    def loss(parameters: Any) -> Any:
        h: Any = x
        for layer, (one, bias) in enumerate(zip(*parameters, strict=True)):
            h = h @ one + bias
            if layer < len(W) - 1:
                h = jax.nn.relu(h)
        return -jax.nn.log_softmax(h)[np.arange(len(labels)), labels].mean()

    @jax.jit
    def stepped(parameters: Any) -> Any:
        gradients = jax.grad(loss)(parameters)
        return jax.tree.map(lambda one, g: one - LEARNING_RATE * g, parameters, gradients)

    def step() -> None:
        nonlocal parameters
        parameters = jax.block_until_ready(stepped(parameters))

    return Steps(step, lambda: [np.asarray(one) for part in parameters for one in part])
