"""Every number of the lectures that belongs to the engine or to assignments 01 to 04."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import networkx
import numpy as np
import pytest
from rules import assert_same, engine_vjp, numeric_vjp

from course_autograd import Operation, Tensor, ops, tensor_op

pytestmark = pytest.mark.usefixtures("reference_rules")


def operations_in(root: Tensor) -> list[str]:
    """Names of the operations above `root`, sorted."""
    return sorted(
        node.operation.__name__ for node in root.get_graph_above() if node.operation is not None
    )


def scalars(*values: float) -> list[Tensor]:
    return [Tensor(value) for value in values]


# --- graphs and their derivatives -------------------------------------------------------------


@pytest.mark.parametrize(
    "outer", [lambda h: h**2, lambda h: h * h, ops.square], ids=["power", "mul", "square"]
)
def test_square_of_a_line(outer: Callable[[Tensor], Tensor]) -> None:
    """f = (ax + b)²: df/dx = 2 (ax + b) a, df/da = 2 (ax + b) x, df/db = 2 (ax + b)."""
    a, x, b = scalars(2.0, 3.0, 1.0)
    f = outer(a * x + b)
    f.backward()
    assert f.value == 49.0
    assert (x.grad, a.grad, b.grad) == (28.0, 42.0, 14.0)
    for values in np.random.default_rng(0).normal(size=(20, 3)):
        a, x, b = scalars(*values)
        h = a * x + b
        outer(h).backward()
        twice = 2 * h.value
        assert_same(
            [x.grad, a.grad, b.grad], [twice * a.value, twice * x.value, twice], tolerance=1e-14
        )


def test_gradients_of_a_node_used_twice_add_up() -> None:
    """f = x² · 3x: df/dx = 9 x²."""
    x = Tensor(2.0)
    (x**2 * (3 * x)).backward()
    assert x.grad == 36.0
    for value in np.linspace(-2.0, 2.0, 9):
        x = Tensor(float(value))
        (x**2 * (3 * x)).backward()
        assert x.grad == pytest.approx(9 * value**2, rel=1e-14, abs=1e-14)


def test_sum_times_z() -> None:
    """f = (x + y) z: q = x + y, df/dq = z, df/dz = q, df/dx = df/dy = z."""
    x, y, z = scalars(-2.0, 5.0, -4.0)
    q = x + y
    f = q * z
    f.backward()
    assert (q.value, f.value) == (3.0, -12.0)
    assert (q.grad, z.grad, x.grad, y.grad) == (-4.0, 3.0, -4.0, -4.0)


def test_a_positive_part_by_reverse_mode() -> None:
    """H = max(0, Wx + b) with W=2, x=3, b=1, by accumulators in reverse order."""
    W, x, b = scalars(2.0, 3.0, 1.0)
    u1 = W * x
    u2 = u1 + b
    H = ops.relu(u2)
    H.backward()
    assert (u1.value, u2.value, H.value) == (6.0, 7.0, 7.0)
    assert (H.grad, u2.grad, u1.grad) == (1.0, 1.0, 1.0)
    assert (W.grad, x.grad, b.grad) == (3.0, 2.0, 1.0)


@pytest.mark.parametrize("positive_part", [ops.relu, lambda u: ops.maximum(0.0, u)])
def test_below_zero_nothing_flows(positive_part: Callable[[Tensor], Tensor]) -> None:
    W, x, b = scalars(2.0, -3.0, 1.0)
    positive_part(W * x + b).backward()
    assert (W.grad, x.grad, b.grad) == (0.0, 0.0, 0.0)


def test_a_graph_that_is_not_a_tree() -> None:
    """u = x + 1, y = x u at x = 17."""
    x = Tensor(17.0)
    u = x + 1
    y = x * u
    y.backward()
    assert (u.value, y.value) == (18.0, 306.0)
    assert (u.grad, x.grad) == (17.0, 35.0)
    assert not networkx.is_tree(y.get_graph_above())


def test_the_same_input_twice() -> None:
    """l = F(x, x) with F(u, v) = u v: dl/dx = 2 x."""
    for value in (-3.0, 0.0, 0.5, 17.0):
        x = Tensor(value)
        (x * x).backward()
        assert x.grad == 2 * value


def test_a_common_part_is_computed_once() -> None:
    """f = (ab + 1)(ab + 2)."""
    a, b = scalars(2.0, 3.0)
    ab = a * b
    f = (ab + 1) * (ab + 2)
    f.backward()
    assert f.value == 56.0
    assert ab.grad == 2 * 6 + 3
    assert (a.grad, b.grad) == (45.0, 30.0)
    assert operations_in(f) == ["add", "add", "mul", "mul"]
    assert f.get_graph_above().out_degree(ab) == 2


def test_patterns_in_the_flow() -> None:
    """add distributes, max routes, mul switches; gradients add at branches."""
    x, y = scalars(3.0, -4.0)
    for operation, expected in ((ops.add, (1, 1)), (ops.maximum, (1, 0)), (ops.mul, (-4, 3))):
        x.zero_grad()
        y.zero_grad()
        (2.0 * operation(x, y)).backward()
        assert (x.grad, y.grad) == (2 * expected[0], 2 * expected[1])
    x.zero_grad()
    (2.0 * x + 5.0 * x).backward()
    assert x.grad == 7.0


# --- the sigmoid neuron -------------------------------------------------------------------------


def staged(w0: Tensor, x: Tensor, w1: Tensor) -> Tensor:
    """1 / (1 + e^-(w0 x + w1)), one small operation after another."""
    return ops.reciprocal(1 + ops.exp(-(w0 * x + w1)))


def fused(w0: Tensor, x: Tensor, w1: Tensor) -> Tensor:
    """The same with one sigmoid node."""
    return ops.sigmoid(w0 * x + w1)


def test_the_neuron_staged_and_fused() -> None:
    results = []
    for neuron in (staged, fused):
        w0, x, w1 = scalars(2.0, -1.0, 3.0)
        f = neuron(w0, x, w1)
        f.backward()
        results.append([f.value, w0.grad, x.grad, w1.grad])
    assert_same(results[0], results[1], 1e-15)
    f = results[1][0]
    slope = f * (1 - f)
    assert_same(results[1], [0.7310585786, -slope, 2 * slope, slope], 1e-10)
    assert np.round(results[1], 2).tolist() == [0.73, -0.20, 0.39, 0.20]


def test_the_neuron_has_six_nodes_staged_and_three_fused() -> None:
    assert operations_in(staged(*scalars(2.0, -1.0, 3.0))) == [
        "add",
        "add",
        "exp",
        "mul",
        "negate",
        "reciprocal",
    ]
    assert operations_in(fused(*scalars(2.0, -1.0, 3.0))) == ["add", "mul", "sigmoid"]


def test_the_values_of_the_staged_neuron() -> None:
    w0, x, w1 = scalars(2.0, -1.0, 3.0)
    f = staged(w0, x, w1)
    values = [float(node.value) for node in networkx.topological_sort(f.get_graph_above())]
    for expected in (-2.0, 1.0, -1.0, np.exp(-1.0), 1 + np.exp(-1.0)):
        assert min(abs(value - expected) for value in values) < 1e-15


def test_the_slope_of_sigmoid_is_its_value_times_what_is_missing_to_one() -> None:
    points = np.linspace(-6.0, 6.0, 25)
    x = Tensor(points)
    s = ops.sigmoid(x)
    s.sum().backward()
    assert_same(x.grad, s.value * (1 - s.value), 1e-15)
    assert x.grad[12] == 0.25


def test_the_skip_gram_node() -> None:
    """P(1 given w, c) = sigma(W_w . C_c), written out, and with @."""
    rng = np.random.default_rng(1)
    word, context = rng.normal(size=(2, 4))
    upstream = np.float64(-1.3)

    def with_matmul(w: Tensor, c: Tensor) -> Tensor:
        return ops.sigmoid(w @ c)

    def written_out(w: Tensor, c: Tensor) -> Tensor:
        score = w[0] * c[0]
        for i in range(1, 4):
            score = score + w[i] * c[i]
        return staged_sigmoid(score)

    def staged_sigmoid(score: Tensor) -> Tensor:
        return 1 / (1 + ops.exp(-score))

    numeric = numeric_vjp(lambda w, c: 1 / (1 + np.exp(-(w @ c))), (word, context), upstream)
    for node in (with_matmul, written_out):
        output, gradients = engine_vjp(node, (word, context), upstream)
        assert output.item() == pytest.approx(1 / (1 + np.exp(-word @ context)), rel=1e-14)
        for got, wanted in zip(gradients, numeric, strict=True):
            assert_same(got, wanted)


# --- ||Wx||² and Jacobians ------------------------------------------------------------------------


def test_the_squared_norm() -> None:
    """df/dW_ij = 2 q_i x_j and df/dx_i = sum_k 2 q_k W_ki, where q = Wx."""
    for norm in (
        ops.norm_squared,
        lambda W, x: ops.square(W @ x).sum(),
        lambda W, x: (W @ x) @ (W @ x),
    ):
        W, x = Tensor([[1.0, 2.0], [3.0, -1.0]]), Tensor([2.0, 1.0])
        f = norm(W, x)
        f.backward()
        assert f.value == 41.0
        assert W.grad.tolist() == [[16.0, 8.0], [20.0, 10.0]]
        assert x.grad.tolist() == [38.0, 6.0]


def test_the_squared_norm_by_indices() -> None:
    rng = np.random.default_rng(2)
    W, x = Tensor(rng.normal(size=(3, 4))), Tensor(rng.normal(size=4))
    ops.norm_squared(W, x).backward()
    q = W.value @ x.value
    by_entry = [[2 * q[i] * x.value[j] for j in range(4)] for i in range(3)]
    assert_same(W.grad, by_entry, 1e-14)
    assert_same(x.grad, [sum(2 * q[k] * W.value[k, i] for k in range(3)) for i in range(4)], 1e-14)


def test_how_large_jacobians_would_be() -> None:
    assert 4096**2 == 16_777_216
    assert (100 * 4096) ** 2 == 409_600**2 == 167_772_160_000
    assert 409_600**2 * np.dtype(np.float32).itemsize / 2**30 == 625.0


def test_the_jacobian_of_an_elementwise_operation_is_diagonal() -> None:
    values = np.random.default_rng(3).normal(size=6)
    rows = [engine_vjp(ops.relu, (values,), one)[1][0] for one in np.eye(6)]
    assert np.array_equal(np.array(rows), np.diag((values > 0).astype(float)))


# --- networks ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("activation", "on_arrays"),
    [
        (ops.relu, lambda u: np.maximum(u, 0)),
        (ops.tanh, np.tanh),
        (ops.sigmoid, lambda u: 1 / (1 + np.exp(-u))),
    ],
)
def test_a_hidden_layer(activation: Any, on_arrays: Callable[[Any], Any]) -> None:
    """y = f(xW + b)."""
    rng = np.random.default_rng(4)
    values = rng.normal(size=(5, 3)), rng.normal(size=(3, 4)), rng.normal(size=4)
    upstream = rng.normal(size=(5, 4))
    output, gradients = engine_vjp(lambda x, W, b: activation(x @ W + b), values, upstream)
    assert_same(output.value, on_arrays(values[0] @ values[1] + values[2]), 1e-14)
    numeric = numeric_vjp(lambda x, W, b: on_arrays(x @ W + b), values, upstream)
    for got, wanted in zip(gradients, numeric, strict=True):
        assert_same(got, wanted)


def test_a_network_with_concrete_input_and_loss() -> None:
    """l(x, k) = -log softmax(W3 g2(W2 g1(W1 x + b1) + b2) + b3)[k]."""
    rng = np.random.default_rng(5)
    sizes = [4, 6, 5, 3]
    parameters = []
    for before, after in pairwise(sizes):
        parameters += [rng.normal(size=(after, before)), rng.normal(size=after)]
    x, k = rng.normal(size=4), 1

    def scores(W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any, g: Any = ops.tanh) -> Any:
        return W3 @ g(W2 @ g(W1 @ x + b1) + b2) + b3

    def staged_loss(*parts: Any) -> Any:
        return -ops.log(ops.softmax(scores(*parts))[k])

    def stable_loss(*parts: Any) -> Any:
        return -ops.log_softmax(scores(*parts))[k]

    def fused_loss(*parts: Any) -> Any:
        return ops.softmax_cross_entropy(scores(*parts).reshape(1, -1), labels=[k])

    def on_arrays(*parts: Any) -> Any:
        s = scores(*parts, g=np.tanh)
        return -np.log(np.exp(s[k]) / np.exp(s).sum())

    numeric = numeric_vjp(on_arrays, parameters, 1.0)
    for loss in (staged_loss, stable_loss, fused_loss):
        output, gradients = engine_vjp(loss, parameters, np.float64(1.0))
        assert output.item() == pytest.approx(on_arrays(*parameters), rel=1e-13)
        for got, wanted in zip(gradients, numeric, strict=True):
            assert_same(got, wanted)


def test_a_two_layer_network_of_cifar_size() -> None:
    """W2 g(W1 x) with 3072 - 100 - 10, along random directions."""
    rng = np.random.default_rng(6)
    W1, W2 = rng.normal(size=(100, 3072)) / 50, rng.normal(size=(10, 100)) / 10
    x, upstream = rng.normal(size=3072), rng.normal(size=10)
    output, gradients = engine_vjp(lambda A, B: B @ ops.relu(A @ x), (W1, W2), upstream)
    assert output.shape == (10,)
    assert [gradient.shape for gradient in gradients] == [(100, 3072), (10, 100)]
    direction = rng.normal(size=W1.shape), rng.normal(size=W2.shape)
    step = 1e-6

    def moved(h: float) -> Any:
        return upstream @ ((W2 + h * direction[1]) @ np.maximum((W1 + h * direction[0]) @ x, 0.0))

    slope = (moved(step) - moved(-step)) / (2 * step)
    along = sum(np.sum(g * d) for g, d in zip(gradients, direction, strict=True))
    assert along == pytest.approx(slope, rel=1e-6)


def test_linear_scores_hinge_and_regularisation() -> None:
    """L = mean_i sum_{j != y_i} max(0, s_j - s_{y_i} + 1) + lambda R(W), by hand."""
    scores = Tensor([[3.0, 5.0, -2.0], [1.0, 4.5, 2.0]])
    loss = ops.hinge(scores, labels=[0, 1])
    loss.backward()
    assert loss.value == (3.0 + 0.0) / 2
    assert scores.grad.tolist() == [[-0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]

    rng = np.random.default_rng(7)
    x, W, labels, lam = rng.normal(size=(5, 4)), rng.normal(size=(4, 3)), [0, 2, 1, 1, 0], 0.3
    tensor = Tensor(W)
    total = ops.hinge(x @ tensor, labels=labels) + lam * ops.square(tensor).sum()
    total.backward()

    def by_hand(W: Any) -> Any:
        losses = [
            sum(max(0.0, row @ W[:, j] - row @ W[:, y] + 1) for j in range(3) if j != y)
            for row, y in zip(x, labels, strict=True)
        ]
        return np.mean(losses) + lam * np.sum(W**2)

    assert total.item() == pytest.approx(by_hand(W), rel=1e-13)
    assert_same(tensor.grad, numeric_vjp(by_hand, (W,), 1.0)[0])


# --- the interface and the loop ------------------------------------------------------------------


def test_the_lectures_api_is_the_api() -> None:
    """Forward and backward as static methods, ctx a list, one gradient returned per input."""

    @tensor_op
    class add(Operation):
        @staticmethod
        def forward(ctx, a, b):
            return a + b

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output, grad_output

    @tensor_op
    class relu(Operation):
        @staticmethod
        def forward(ctx, value):
            new_value = np.maximum(0, value)
            ctx.append(new_value)
            return new_value

        @staticmethod
        def backward(ctx, grad_output):
            return [(ctx[-1] > 0) * grad_output]

    a, b = Tensor([-1.0, 2.0, 3.0]), Tensor([0.5, 0.5, -4.0])
    ours = relu(add(a, b))
    ours.sum().backward()
    assert ours.value.tolist() == ops.relu(ops.add(a, b)).value.tolist() == [0.0, 2.5, 0.0]
    assert a.grad.tolist() == b.grad.tolist() == [0.0, 1.0, 0.0]
    with pytest.raises(ValueError, match="scalar"):
        ours.backward()


def test_the_numeric_derivative_and_the_shape_of_a_gradient() -> None:
    """(f(x + h) - f(x - h)) / 2h; a gradient has the shape of its value."""
    rng = np.random.default_rng(8)
    x = Tensor(rng.normal(size=(3, 4)))
    f = ops.tanh(x * x).sum()
    f.backward()
    assert x.grad.shape == x.value.shape
    h, derivative = 1e-5, np.zeros((3, 4))
    for index in np.ndindex(3, 4):
        step = np.zeros((3, 4))
        step[index] = h
        ahead, behind = (np.tanh((x.value + s) ** 2).sum() for s in (step, -step))
        derivative[index] = (ahead - behind) / (2 * h)
    assert_same(x.grad, derivative, 1e-8)


def test_the_training_loop_fits_a_line() -> None:
    """zero_grad, forward, loss, backward, step."""
    rng = np.random.default_rng(9)
    x = rng.uniform(-1, 1, 50)
    y = 3.0 * x - 0.5
    a, b = scalars(0.0, 0.0)
    losses = []
    for _ in range(200):
        a.zero_grad()
        b.zero_grad()
        loss = ops.mean_squared_error(a * x + b, y)
        losses.append(loss.item())
        loss.backward()
        a.value -= 0.5 * a.grad
        b.value -= 0.5 * b.grad
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 1e-12
    assert (a.item(), b.item()) == (pytest.approx(3.0), pytest.approx(-0.5))
