"""Every drawing of the four lectures, and the graph of this course that is its counterpart.

The lectures' pictures are lost in their texts; what they showed is told by the formula beside them.
Numbers are the lectures' where they have some, and small ones from a fixed seed elsewhere. Real
networks (AlexNet, VGG-19, 34 layers) have their true structure, with tiny pictures and few
channels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_autograd import Tensor, nn, ops

UW, CORNELL, GOLDBERG, JHU = (
    "UW LING 574",
    "Cornell CS4787",
    "Goldberg, Computation Graph",
    "JHU EN.601.482",
)


@dataclass(frozen=True)
class Picture:
    """A drawing of a lecture and its counterpart.

    Attributes
    ----------
    name : str
        Of the file.
    lecture, shows : str
        Whose drawing, and what it shows.
    make : callable
        Returns the result of the computation: its graph is drawn.
    backward : bool
        Whether the drawing has gradients, too.
    notebook : str
        The cell of an assignment that draws it for the student, such as
        ``"01_chain_rule: draw-example"``; empty where only this gallery has it.
    """

    name: str
    lecture: str
    shows: str
    make: Callable[[], Tensor]
    backward: bool = True
    notebook: str = ""


def named(tensor: Tensor, name: str) -> Tensor:
    """Give a tensor its name and return it."""
    tensor.name = name
    return tensor


def numbers(*shape: int, seed: int = 0) -> Any:
    """Return small random numbers."""
    return np.random.default_rng(seed).normal(0.0, 0.5, shape)


# --- University of Washington: computation graphs and backpropagation ---------------------------


def squared_line() -> Tensor:
    """f(x; a, b) = (ax + b)²."""
    a, x, b = Tensor(2.0, "a"), Tensor(3.0, "x"), Tensor(1.0, "b")
    return named((a * x + b) ** 2, "f")


def skip_gram() -> Tensor:
    """P(1 | w, c) = σ(W_w · C_c)."""
    W, C = Tensor([0.5, -1.0, 2.0], "W_w"), Tensor([1.0, 0.5, -0.5], "C_c")
    return named(ops.sigmoid(W @ C), "P")


def hidden_layer() -> Tensor:
    """ŷ = f(xW + b)."""
    x, W, b = Tensor(numbers(2, 3), "x"), Tensor(numbers(3, 4), "W"), Tensor(numbers(4), "b")
    return named(ops.tanh(ops.add_bias(x @ W, b)), "ŷ")


def two_ways() -> Tensor:
    """L depends on x through f and through g."""
    x = Tensor(3.0, "x")
    f, g = named(ops.square(x), "f"), named(2.0 * x, "g")
    return named(f + g, "L")


def square_times_triple() -> Tensor:
    """f(x) = x² · 3x."""
    x = Tensor(2.0, "x")
    return named(ops.square(x) * (3.0 * x), "f")


def training() -> Tensor:
    """Inputs, parameters, outputs, labels, loss."""
    x, labels = numbers(4, 3), np.array([0, 1, 1, 0])
    W, b = Tensor(numbers(3, 2, seed=1), "W"), Tensor(np.zeros(2), "b")
    scores = named(ops.add_bias(ops.matmul(x, W), b), "scores")
    return named(ops.softmax_cross_entropy(scores, labels=labels), "loss")


# --- Cornell: backpropagation -------------------------------------------------------------------


def positive_part() -> Tensor:
    """H = max(0, Wx + b) at W = 2, x = 3, b = 1."""
    W, x, b = Tensor(2.0, "W"), Tensor(3.0, "x"), Tensor(1.0, "b")
    u1 = named(W * x, "u1")
    return named(ops.relu(named(u1 + b, "u2")), "H")


def not_a_tree() -> Tensor:
    """U = x + 1, y = xu at x = 17."""
    x = Tensor(17.0, "x")
    return named(x * named(x + 1, "u"), "y")


def same_input_twice() -> Tensor:
    """ℓ = F(x, x) with F(u, v) = uv."""
    x = Tensor(3.0, "x")
    return named(x * x, "ℓ")


# --- Goldberg: computation graph ----------------------------------------------------------------


def shared_product() -> Tensor:
    """(a * b + 1) * (a * b + 2), ab computed once."""
    ab = named(Tensor(2.0, "a") * Tensor(3.0, "b"), "ab")
    return (ab + 1) * (ab + 2)


def perceptron(with_loss: bool) -> Tensor:
    """A network with two hidden layers, and its loss −log p[k]."""
    x: Any = Tensor(numbers(4), "x")
    sizes, function = (4, 5, 3, 3), (ops.tanh, ops.relu)
    for layer in range(3):
        W = Tensor(numbers(sizes[layer + 1], sizes[layer], seed=layer + 1), f"W{layer + 1}")
        b = Tensor(numbers(sizes[layer + 1], seed=layer + 5), f"b{layer + 1}")
        x = W @ x + b
        if layer < 2:
            x = function[layer](x)
    p = named(ops.softmax(x), "p")
    return named(-ops.log(p[1]), "loss") if with_loss else p


def tagger() -> Tensor:
    """The DyNet example: three words, two layers, one tag."""
    table = Tensor(numbers(100, 50), "table")
    W1, b1 = Tensor(0.2 * numbers(20, 150, seed=1), "W1"), Tensor(np.zeros(20), "b1")
    W2, b2 = Tensor(numbers(17, 20, seed=2), "W2"), Tensor(np.zeros(17), "b2")
    words = [named(ops.lookup(table, rows=[row]), word) for word, row in WORDS.items()]
    x = named(ops.concatenate(*words, axis=1), "x").reshape(-1)
    output = named(ops.softmax(W2 @ ops.tanh(W1 @ x + b1) + b2), "output")
    return named(-ops.log(output[5]), "loss")


WORDS = {"the": 1, "black": 7, "dog": 42}


# --- Johns Hopkins: computational graphs and backprop -------------------------------------------


def linear_hinge() -> Tensor:
    """L = mean hinge(Wx) + λ R(W)."""
    x, labels = numbers(3, 4), np.array([0, 2, 1])
    W = Tensor(numbers(4, 3, seed=1), "W")
    data = named(ops.hinge(named(ops.matmul(x, W), "s"), labels=labels), "data loss")
    return named(data + 0.1 * named(ops.sum(ops.square(W)), "R"), "L")


def sum_times_z() -> Tensor:
    """F = (x + y) z at −2, 5, −4."""
    q = named(Tensor(-2.0, "x") + Tensor(5.0, "y"), "q")
    return named(q * Tensor(-4.0, "z"), "f")


def staged_neuron() -> Tensor:
    """The neuron in six operations."""
    s = Tensor(2.0, "w0") * Tensor(-1.0, "x") + Tensor(3.0, "w1")
    return named(ops.reciprocal(ops.exp(-s) + 1), "f")


def fused_neuron() -> Tensor:
    """The neuron with σ as one operation."""
    s = Tensor(2.0, "w0") * Tensor(-1.0, "x") + Tensor(3.0, "w1")
    return named(ops.sigmoid(named(s, "y")), "f")


def pattern(operation: Callable[..., Tensor]) -> Callable[[], Tensor]:
    """Return one node with inputs 3 and 7, to which the upstream gradient 2 arrives."""

    def make() -> Tensor:
        return 2.0 * named(operation(Tensor(3.0, "x"), Tensor(7.0, "y")), "z")

    return make


def branch() -> Tensor:
    """One value, used by two operations."""
    x = Tensor(2.0, "x")
    return named(ops.exp(x) + 3.0 * x, "L")


def vector_valued() -> Tensor:
    """f(x) = max(0, x) on 4,096 numbers."""
    f = named(ops.relu(Tensor(numbers(4096), "x")), "f")
    return named(ops.sum(ops.square(f)), "L")


def squared_norm() -> Tensor:
    """f(W, x) = ‖Wx‖²."""
    W, x = Tensor([[1.0, 2.0], [3.0, -1.0]], "W"), Tensor([2.0, 1.0], "x")
    return named(ops.sum(ops.square(named(W @ x, "q"))), "f")


def two_layers() -> Tensor:
    """S = W2 max(0, W1 x) with the sizes of CIFAR-10: 3072, 100, 10."""
    x = Tensor(numbers(3072), "x")
    W1, W2 = Tensor(0.02 * numbers(100, 3072, seed=1), "W1"), Tensor(numbers(10, 100), "W2")
    s = named(W2 @ named(ops.relu(W1 @ x), "h"), "s")
    return named(ops.softmax_cross_entropy(s.reshape(1, -1), labels=[3]), "loss")


def convolution(x: Any, channels: int, name: str, size: int = 1) -> Tensor:
    """Apply a convolution and relu; the kernel is a leaf."""
    kernel = Tensor(numbers(channels, x.shape[1], size, size, seed=len(name)), f"{name}.K")
    return ops.relu(ops.conv2d(x, kernel))


def classified(x: Any, layers: int) -> Tensor:
    """Flatten, linear layers, loss."""
    x, rng = x.reshape(x.shape[0], -1), np.random.default_rng(0)
    for layer in range(layers):
        linear = nn.Linear(x.shape[1], 4 if layer < layers - 1 else 3, rng=rng)
        linear.W.name, linear.b.name = f"linear{layer + 1}.W", f"linear{layer + 1}.b"
        x = linear(x)
        if layer < layers - 1:
            x = ops.relu(x)
    return named(ops.softmax_cross_entropy(x, labels=[1]), "loss")


def alexnet() -> Tensor:
    """Five convolutions, three poolings, three linear layers."""
    x: Any = Tensor(numbers(1, 1, 16, 16), "x")
    for number, pooled in enumerate((True, True, False, False, True), start=1):
        x = convolution(x, 2, f"conv{number}")
        if pooled:
            x = ops.max_pool(x)
    return classified(x, 3)


def vgg19() -> Tensor:
    """Sixteen convolutions in five stages, each with a pooling, and three linear layers."""
    x: Any = Tensor(numbers(1, 1, 32, 32), "x")
    for stage, count in enumerate((2, 2, 4, 4, 4), start=1):
        for number in range(1, count + 1):
            x = convolution(x, 2, f"conv{stage}_{number}")
        x = ops.max_pool(x)
    return classified(x, 3)


def thirty_four_layers(residual: bool) -> Tensor:
    """33 convolutions and a linear layer; with shortcuts past every pair, or without."""
    x: Any = Tensor(numbers(1, 2, 6, 6), "x")
    x = convolution(x, 2, "conv0")
    for block in range(1, 17):
        inner = convolution(x, 2, f"block{block}.first")
        kernel = Tensor(0.1 * numbers(2, 2, 1, 1, seed=block), f"block{block}.second.K")
        inner = ops.conv2d(inner, kernel)
        x = ops.relu(inner + x if residual else inner)
    return classified(x, 1)


LECTURES = (
    Picture(
        "squared_line",
        UW,
        "f(x; a, b) = (ax + b)²: forward, then every step of the backward pass",
        squared_line,
        notebook="01_chain_rule: draw-goal-again",
    ),
    Picture(
        "skip_gram",
        UW,
        "P(1 | w, c) = σ(W_w · C_c)",
        skip_gram,
        notebook="03_norm_squared: skip-gram",
    ),
    Picture(
        "hidden_layer",
        UW,
        "a hidden layer, ŷ = f(xW + b)",
        hidden_layer,
        False,
        "04_mlp: draw-layer",
    ),
    Picture(
        "node",
        UW,
        "one node: the upstream gradient comes in, times the local derivative it goes on",
        pattern(ops.mul),
    ),
    Picture("two_ways", UW, "adding gradients: x is used by f and by g", two_ways),
    Picture("square_times_triple", UW, "f(x) = x² · 3x", square_times_triple),
    Picture(
        "training",
        UW,
        "the graph for training: data, parameters, loss",
        training,
    ),
    Picture(
        "positive_part",
        CORNELL,
        "H = max(0, Wx + b) at W = 2, x = 3, b = 1",
        positive_part,
        notebook="04_mlp: step-neuron",
    ),
    Picture(
        "not_a_tree",
        CORNELL,
        "u = x + 1, y = xu at x = 17: not a tree",
        not_a_tree,
        notebook="01_chain_rule: draw-non-tree",
    ),
    Picture("same_input_twice", CORNELL, "ℓ = F(x, x): the same input twice", same_input_twice),
    Picture(
        "shared_product",
        GOLDBERG,
        "(a * b + 1) * (a * b + 2)",
        shared_product,
        notebook="01_chain_rule: draw-shared",
    ),
    Picture("mlp", GOLDBERG, "an MLP with concrete input", lambda: perceptron(False), False),
    Picture(
        "mlp_with_loss", GOLDBERG, "an MLP with concrete input and loss", lambda: perceptron(True)
    ),
    Picture("tagger", GOLDBERG, "the DyNet example: look-up, two layers, pick, −log", tagger),
    Picture(
        "linear_hinge",
        JHU,
        "linear scores, hinge loss and regularisation",
        linear_hinge,
        notebook="04_mlp: draw-regularised",
    ),
    Picture(
        "sum_times_z",
        JHU,
        "f(x, y, z) = (x + y) z: set up, forward, backward",
        sum_times_z,
        notebook="01_chain_rule: step-example",
    ),
    Picture(
        "staged_neuron",
        JHU,
        "f(w, x) = 1/(1 + e^−(w0 x + w1)) in steps",
        staged_neuron,
        notebook="02_sigmoid: step-neuron",
    ),
    Picture(
        "fused_neuron",
        JHU,
        "the same with σ as one node",
        fused_neuron,
        notebook="02_sigmoid: draw-fused",
    ),
    Picture("pattern_add", JHU, "add distributes the gradient", pattern(ops.add)),
    Picture("pattern_max", JHU, "max routes the gradient", pattern(ops.maximum)),
    Picture("pattern_mul", JHU, "mul switches the gradient", pattern(ops.mul)),
    Picture("branch", JHU, "gradients add at branches", branch),
    Picture("vector_valued", JHU, "a vector-valued function of 4,096 numbers", vector_valued),
    Picture(
        "squared_norm",
        JHU,
        "f(W, x) = ‖Wx‖²: forward, backward",
        squared_norm,
        notebook="03_norm_squared: step-norm",
    ),
    Picture("two_layers", JHU, "W2 g(W1 x) with the sizes 3072, 100, 10", two_layers),
    Picture("alexnet", JHU, "AlexNet as a graph", alexnet),
    Picture("vgg19", JHU, "VGG-19 as a graph", vgg19),
    Picture("plain34", JHU, "34-layer plain network", lambda: thirty_four_layers(False)),
    Picture("residual34", JHU, "34-layer residual network", lambda: thirty_four_layers(True)),
)
