"""Convolution, pooling and the fused layer: shapes, winners, and words for what does not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from course_autograd import Tensor, nn, ops
from course_autograd.errors import CourseError

PICTURE = np.arange(16.0).reshape(1, 1, 4, 4)


def test_a_kernel_with_a_single_one_shifts_the_picture() -> None:
    kernel = np.zeros((1, 1, 2, 2))
    kernel[0, 0, 0, 1] = 1.0
    assert np.array_equal(ops.conv2d(PICTURE, kernel).value[0, 0], PICTURE[0, 0, :3, 1:])


def test_pictures_given_as_data_get_no_gradient_and_cost_none() -> None:
    kernel = Tensor(np.ones((2, 1, 3, 3)))
    scores = ops.conv2d(PICTURE, kernel)
    assert scores.parents == (kernel,)
    ops.mean(scores).backward()
    assert kernel.grad.shape == kernel.shape


def test_the_first_of_several_winners_gets_the_whole_gradient() -> None:
    x = Tensor(np.zeros((1, 1, 2, 2)))
    ops.mean(ops.max_pool(x)).backward()
    assert x.grad.tolist() == [[[[1.0, 0.0], [0.0, 0.0]]]]


def test_what_fills_no_window_gets_no_gradient() -> None:
    x = Tensor(np.arange(15.0).reshape(1, 1, 3, 5))
    ops.mean(ops.max_pool(x)).backward()
    assert x.grad[0, 0].tolist() == [[0] * 5, [0, 0.5, 0, 0.5, 0], [0] * 5]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_small_network_keeps_its_dtype(dtype: Any) -> None:
    x, kernel = Tensor(PICTURE.astype(dtype)), Tensor(np.ones((2, 1, 3, 3), dtype))
    ops.mean(ops.max_pool(ops.conv2d(x, kernel))).backward()
    assert x.grad.dtype == kernel.grad.dtype == dtype


def test_a_fused_layer_is_the_layer(reference_rules: None) -> None:
    x = np.linspace(-1.0, 1.0, 12).reshape(4, 3)
    results = []
    for fused in (False, True):
        layer = nn.Linear(3, 2, rng=np.random.default_rng(0), fused=fused)
        given = Tensor(x)
        ops.mean_squared_error(layer(given), np.ones((4, 2))).backward()
        results.append((given.grad, layer.W.grad, layer.b.grad))
    for apart, together in zip(*results, strict=True):
        assert np.allclose(apart, together, rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: ops.conv2d(PICTURE[0], np.ones((1, 1, 2, 2))),
            r"conv2d: expected x of shape \(N, C, H, W\) .* got \(1, 4, 4\) and \(1, 1, 2, 2\)",
        ),
        (
            lambda: ops.conv2d(PICTURE, np.ones((1, 2, 2, 2))),
            "the same number of channels C",
        ),
        (
            lambda: ops.conv2d(PICTURE, np.ones((1, 1, 5, 2))),
            "pictures of at least 5 x 2, the size of the kernel, got 4 x 4",
        ),
        (lambda: ops.max_pool(PICTURE, size=0), "size to be a positive whole number"),
        (lambda: ops.max_pool(PICTURE, size="2"), "size to be a positive whole number"),
        (lambda: ops.max_pool(PICTURE, size=5), "H and W of at least 5, got"),
        (
            lambda: ops.linear(np.ones((2, 3)), np.ones((3, 4)), np.ones(3)),
            r"linear: expected .* got \(2, 3\), \(3, 4\) and \(3,\)",
        ),
        (lambda: ops.embedding(np.ones(3), rows=[0]), r"embedding: expected a table"),
        (lambda: ops.embedding(np.ones((3, 2)), rows=[3]), "rows from 0 to 2"),
    ],
)
def test_what_does_not_fit_is_said(make: Any, words: str) -> None:
    with pytest.raises(CourseError, match=words):
        make()
