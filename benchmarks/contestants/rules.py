"""The backward rules that a student of the course writes, in plain formulas."""

from __future__ import annotations

from typing import Any

import numpy as np

from course_autograd import Operation, backward_of, implements, ops


def register() -> None:
    """Register a rule for every exercise that a workload needs."""

    @backward_of(ops.mul)
    def mul_backward(ctx: Any, grad_output: Any) -> Any:
        x, y = ctx
        needs = ctx.needs
        return grad_output * y if needs[0] else None, grad_output * x if needs[1] else None

    @backward_of(ops.sum)
    def sum_backward(ctx: Any, grad_output: Any) -> Any:
        shape = ctx[0]
        return (np.full(shape, grad_output),)  # all axes: the only use here

    @backward_of(ops.negate)
    def negate_backward(ctx: Any, grad_output: Any) -> Any:
        return (-grad_output,)

    @backward_of(ops.matmul)
    def matmul_backward(ctx: Any, grad_output: Any) -> Any:
        x, y = ctx
        needs = ctx.needs
        if x.ndim == 1:  # a vector times a matrix
            return (
                y.dot(grad_output) if needs[0] else None,
                x[:, None].dot(grad_output[None, :]) if needs[1] else None,
            )
        return (
            grad_output.dot(y.T) if needs[0] else None,
            x.T.dot(grad_output) if needs[1] else None,
        )

    @backward_of(ops.tanh)
    def tanh_backward(ctx: Any, grad_output: Any) -> Any:
        (z,) = ctx
        return (grad_output * (1.0 - z * z),)

    @backward_of(ops.softmax_cross_entropy)
    def softmax_cross_entropy_backward(ctx: Any, grad_output: Any) -> Any:
        probabilities, labels = ctx
        scale = grad_output / len(labels)
        gradient = scale * probabilities
        gradient[np.arange(len(labels)), labels] -= scale
        return (gradient,)

    @implements(ops.sigmoid)
    class sigmoid(Operation):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            z = 1.0 / (1.0 + np.exp(-x))
            ctx.append(z)
            return z

        @staticmethod
        def backward(ctx: Any, grad_output: Any) -> Any:
            (z,) = ctx
            return (grad_output * z * (1.0 - z),)

    @implements(ops.relu)
    class relu(Operation):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            z = np.maximum(x, 0.0)
            ctx.append(z)
            return z

        @staticmethod
        def backward(ctx: Any, grad_output: Any) -> Any:
            (z,) = ctx
            return (grad_output * (z > 0.0),)

    @implements(ops.add_bias)
    class add_bias(Operation):
        @staticmethod
        def forward(ctx: Any, x: Any, b: Any) -> Any:
            return x + b

        @staticmethod
        def backward(ctx: Any, grad_output: Any) -> Any:
            return grad_output, np.add.reduce(grad_output, axis=0)

    @implements(ops.norm_squared)
    class norm_squared(Operation):
        @staticmethod
        def forward(ctx: Any, W: Any, x: Any) -> Any:
            q = W @ x
            ctx.extend((W, x, q))
            return q @ q

        @staticmethod
        def backward(ctx: Any, grad_output: Any) -> Any:
            W, x, q = ctx
            sent = (2.0 * grad_output) * q
            return np.einsum("i,j->ij", sent, x), sent @ W
