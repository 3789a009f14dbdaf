"""Convolution and pooling of pictures, shape (N, C, H, W): N pictures with C channels each."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from course_autograd.domain import Domain, Example, Kink
from course_autograd.errors import OptionError, ShapeError
from course_autograd.operation import Operation, tensor_op


@tensor_op
class conv2d(Operation):
    r"""z[n, o, i, j] = sum over c, k, l of x[n, c, i + k, j + l] * kernel[o, c, k, l].

    The cross-correlation that deep learning calls convolution: no padding, step 1. x is
    (N, C, H, W), kernel (O, C, K, L), z (N, O, H - K + 1, W - L + 1).
    ctx holds [columns, kernel, x.shape].

    All patches of x are laid side by side as the columns of one matrix ("im2col"), filled slice by
    slice; then the whole convolution is one matrix product (Chellapilla, Puri and Simard, "High
    performance convolutional neural networks for document processing", 2006).
    """

    symbol = "conv"
    domain = Domain(
        (
            Example("one channel", ((2, 1, 4, 5), (3, 1, 2, 3))),
            Example("channels", ((1, 3, 5, 4), (2, 3, 3, 2))),
            Example("one pixel", ((2, 2, 2, 3), (1, 2, 2, 3))),
        )
    )

    @staticmethod
    def forward(ctx: list[Any], x: Any, kernel: Any) -> Any:
        """Return the convolution; save [columns, kernel, x.shape]."""
        pictures, patch = np.shape(x), np.shape(kernel)
        if len(pictures) != 4 or len(patch) != 4 or pictures[1] != patch[1]:
            raise ShapeError(
                "conv2d: expected x of shape (N, C, H, W) and a kernel of shape (O, C, K, L) with "
                f"the same number of channels C, got {pictures} and {patch}."
            )
        count, channels, height, width = pictures
        outputs, _, rows, columns = patch
        high, wide = height - rows + 1, width - columns + 1
        if high < 1 or wide < 1:
            raise ShapeError(
                f"conv2d: expected pictures of at least {rows} x {columns}, the size of the "
                f"kernel, got {height} x {width}."
            )
        patches = np.empty((channels, rows, columns, count, high, wide), np.result_type(x, kernel))
        by_channel = x.transpose(1, 0, 2, 3)
        for k in range(rows):
            for j in range(columns):
                patches[:, k, j] = by_channel[:, :, k : k + high, j : j + wide]
        flat = patches.reshape(-1, count * high * wide)
        ctx += flat, kernel, pictures
        product = kernel.reshape(outputs, -1) @ flat
        return product.reshape(outputs, count, high, wide).transpose(1, 0, 2, 3)

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        """Go back through the matrix product, then add every patch up where it came from."""
        flat, kernel, pictures = ctx
        count, channels, _, _ = pictures
        outputs, _, rows, columns = kernel.shape
        high, wide = grad_output.shape[2:]
        upstream = grad_output.transpose(1, 0, 2, 3).reshape(outputs, -1)
        of_kernel = np.dot(upstream, flat.T).reshape(kernel.shape) if ctx.needs[1] else None
        if not ctx.needs[0]:
            return None, of_kernel
        patches = np.dot(kernel.reshape(outputs, -1).T, upstream)
        patches = patches.reshape(channels, rows, columns, count, high, wide)
        of_x = np.zeros(pictures, patches.dtype)
        by_channel = of_x.transpose(1, 0, 2, 3)
        for k in range(rows):
            for j in range(columns):
                by_channel[:, :, k : k + high, j : j + wide] += patches[:, k, j]
        return of_x, of_kernel


def corners(x: Any, size: int) -> Iterator[Any]:
    """Yield, for each place in a window, the entries of all windows at that place (views)."""
    high, wide = (x.shape[2] // size) * size, (x.shape[3] // size) * size
    for i in range(size):
        for j in range(size):
            yield x[:, :, i:high:size, j:wide:size]


def clear_winners(x: Any, size: int = 2) -> bool:
    """Whether the largest entry of each window is clearly ahead of the second."""
    entries = np.sort(np.stack(list(corners(np.asarray(x), size))), axis=0)
    return size == 1 or bool(np.all(entries[-1] - entries[-2] > 0.05))


@tensor_op
class max_pool(Operation):
    """z = largest entry of each window of `size` x `size` (2 by default), side by side.

    x is (N, C, H, W); rows and columns that fill no whole window are left out.
    ctx holds [x, output, size]. The gradient goes to the largest entry; of several that tie, to
    the first.
    """

    domain = Domain(
        (
            Example("arrays", ((2, 1, 4, 6),)),
            Example("left over", ((1, 2, 5, 3),)),
            Example("sizes", ((1, 1, 6, 3),), {"size": 3}),
        ),
        smooth=clear_winners,
        kinks=(Kink((np.array([[[[0.4, 1.5], [1.5, -0.3]]]]),)),),
    )

    @staticmethod
    def forward(ctx: list[Any], x: Any, *, size: int = 2) -> Any:
        """Return the largest entries; save [x, output, size]."""
        shape = np.shape(x)
        try:
            size = operator.index(size)
        except TypeError:
            size = 0
        if size < 1:
            raise OptionError("max_pool: expected size to be a positive whole number.")
        if len(shape) != 4 or min(shape[2:]) < size:
            raise ShapeError(
                f"max_pool: expected x of shape (N, C, H, W) with H and W of at least {size}, got "
                f"{shape}."
            )
        places = corners(x, size)
        output = next(places).copy()
        for entries in places:
            np.maximum(output, entries, out=output)
        ctx += x, output, size
        return output

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        """Send the upstream gradient of each window to its winner."""
        x, output, size = ctx
        gradient = np.zeros_like(x, grad_output.dtype)  # laid out as x is, for who goes on with it
        waiting = np.ones(output.shape, bool)  # windows whose winner has not been met yet
        for entries, target in zip(corners(x, size), corners(gradient, size), strict=True):
            here = entries == output
            here &= waiting
            np.multiply(grad_output, here, out=target)
            waiting ^= here
        return (gradient,)
