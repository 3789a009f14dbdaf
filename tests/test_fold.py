"""Large graphs stay readable: modules and repeated parts become one node each."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from course_autograd import Tensor, draw, nn, ops
from course_autograd.errors import CourseError
from course_autograd.graph import Node, known_messages, trace
from course_autograd.pictures import Drawing
from course_autograd.pictures.fold import DEEP, READABLE, Fold, fold

pytestmark = pytest.mark.usefixtures("reference_rules")


class Network(nn.Module):
    """A network as in the fourth notebook, of as many layers as one likes."""

    def __init__(self, layers: int, rng: np.random.Generator) -> None:
        self.hidden = [nn.Linear(6, 6, rng=rng) for _ in range(layers)]
        self.output = nn.Linear(6, 3, rng=rng)

    def forward(self, x: Any) -> Any:
        for layer in self.hidden:
            x = ops.relu(layer(x))
        return self.output(x)


def mlp(layers: int = 20) -> tuple[Network, Tensor]:
    rng = np.random.default_rng(0)
    model = Network(layers, rng)
    x = Tensor(rng.random((5, 6)), "x")
    return model, ops.softmax_cross_entropy(model(x), labels=np.array([0, 1, 2, 0, 1]))


def named_mlp() -> Tensor:
    model, loss = mlp()
    for path, parameter in model.named_parameters().items():
        parameter.name = path
    return loss


def unnamed_mlp() -> Tensor:
    return mlp()[1]


def residual(blocks: int = 16, named: bool = False) -> Tensor:
    """34 layers of matrices with a way around every two of them."""
    rng = np.random.default_rng(0)
    h: Tensor = Tensor(rng.normal(size=(4, 6)), "x")
    for i in range(blocks):
        first, second = nn.Linear(6, 6, rng=rng), nn.Linear(6, 6, rng=rng)
        for name, layer in (("first", first), ("second", second)):
            layer.W.value = 0.3 * layer.W.value
            if named:
                layer.W.name, layer.b.name = f"blocks.{i}.{name}.W", f"blocks.{i}.{name}.b"
        h = ops.relu(h + second(ops.relu(first(h))))
    return ops.softmax_cross_entropy(nn.Linear(6, 3, rng=rng)(h), labels=np.array([0, 1, 2, 0]))


def named_residual() -> Tensor:
    return residual(named=True)


def recurrent(steps: int = 20, losses: bool = False) -> Tensor:
    rng = np.random.default_rng(0)
    W, U = Tensor(0.4 * rng.normal(size=(3, 3)), "W"), Tensor(rng.normal(size=(2, 3)), "U")
    b, h = Tensor(np.zeros(3), "b"), Tensor(np.zeros((1, 3)), "h0")
    total: Tensor | None = None
    for t in range(steps):
        x = Tensor(rng.normal(size=(1, 2)), f"x{t}")
        h = ops.tanh(ops.add_bias(h @ W + x @ U, b))
        if losses:
            loss = ops.square(h).sum()
            total = loss if total is None else total + loss
    return ops.square(h).sum() if total is None else total


def recurrent_with_losses() -> Tensor:
    return recurrent(15, losses=True)


def chain(length: int = 10_000) -> Tensor:
    y = Tensor(1.0, "x")
    for _ in range(length):
        y = y + 1
    return y


def no_two_alike() -> Tensor:
    """A graph of 100 operations in which no pattern comes again at once."""
    rng = np.random.default_rng(0)
    x = Tensor(0.5, "x")
    y = x
    for i in rng.integers(0, 4, 100):
        y = [ops.tanh, ops.sigmoid, lambda v: v * x, lambda v: v + x][i](y)
    return y


MAKE = [
    named_mlp,
    unnamed_mlp,
    residual,
    named_residual,
    recurrent,
    recurrent_with_losses,
    chain,
    no_two_alike,
]


def with_gradients(make: Callable[[], Tensor]) -> Tensor:
    root = make()
    root.backward()
    return root


def folds(nodes: Any) -> list[Fold]:
    return [node for node in nodes if isinstance(node, Fold)]


@pytest.mark.parametrize("make", MAKE)
def test_large_graphs_become_small_and_say_how_many_nodes_there_are(
    make: Callable[[], Tensor],
) -> None:
    drawing = draw(with_gradients(make))
    shown = drawing.scene.nodes
    assert len(drawing.nodes) > READABLE >= len(shown)
    assert f"with {len(drawing.nodes)} nodes, drawn as {len(shown)}" in drawing.alt
    # Nothing is lost, nothing is there twice.
    inside = sum(len(one.members) for one in folds(shown))
    assert len(shown) - len(folds(shown)) + inside == len(drawing.nodes)
    members = [member for one in folds(shown) for member in one.members]
    assert len(set(members)) == len(members)
    symbols = [text.text for text in drawing.scene.texts if text.role == "symbol"]
    assert all(one.symbol in symbols for one in folds(shown))
    options = [text.text for text in drawing.scene.texts if text.role == "options"]
    assert all(f"{len(one.members):,} nodes" in " ".join(options) for one in folds(shown))


@pytest.mark.parametrize("make", MAKE)
def test_a_folded_graph_is_a_graph_like_any_other(make: Callable[[], Tensor]) -> None:
    nodes = trace(with_gradients(make))
    shown, _ = fold(nodes)
    assert [node.number for node in shown] == list(range(len(shown)))
    assert all(i < node.number for node in shown for i in node.inputs)  # no cycles
    assert len({node.label for node in shown if not node.constant}) == sum(
        not node.constant for node in shown
    )
    used = {i for node in shown for i in node.inputs}
    assert used == set(range(len(shown) - 1))  # one output
    for one in folds(shown):
        # Nothing but its result is used outside, and it stands for that.
        inside, result = set(one.members), nodes[one.members[-1]]
        assert one.value is result.value
        assert one.grad is result.grad
        for node in nodes:
            if node.number not in inside:
                assert not (inside - {result.number}) & set(node.inputs)


@pytest.mark.parametrize("make", [named_mlp, residual, recurrent, recurrent_with_losses, chain])
def test_messages_of_a_folded_graph_still_add_up_to_the_gradients(
    make: Callable[[], Tensor],
) -> None:
    root = with_gradients(make)
    shown, sent = fold(trace(root), known_messages(root))
    for node in shown[:-1]:
        if node.grad is None:
            continue
        arrived = [message.sent for message in sent if message.receiver == node.number]
        np.testing.assert_allclose(sum(arrived), node.grad, rtol=1e-9, atol=1e-15)
    for message in sent:
        assert shown[message.sender].inputs[message.position] == message.receiver


def test_infinite_gradients_do_not_disturb() -> None:
    x = Tensor(1.0, "x")
    y = x
    with np.errstate(all="ignore"):
        for i in range(100):
            y = y + x * (np.inf if i % 2 else -np.inf)
        y.backward()
    assert folds(draw(y).scene.nodes)


def test_small_graphs_are_drawn_as_they_are() -> None:
    _, loss = mlp(layers=2)
    assert not folds(draw(loss).scene.nodes)
    assert "folded" not in draw(loss).alt


def test_modules_fold_by_the_names_of_their_parameters() -> None:
    _, loss = mlp(layers=2)
    model, loss = mlp(layers=2)
    drawing = draw(loss, model=model, most=10)
    assert [one.symbol for one in folds(drawing.scene.nodes)] == ["hidden.0", "hidden.1", "output"]
    by_label = {node.label: node for node in drawing.nodes}
    (first, *_) = folds(drawing.scene.nodes)
    inside = {drawing.nodes[i].label for i in first.members}
    assert {"hidden.0.W", "hidden.0.b"} <= inside
    assert "x" not in inside
    assert by_label["hidden.0.W"].named


def test_the_same_layer_many_times_in_a_row_is_one_node_that_counts() -> None:
    (one, two) = folds(draw(named_mlp()).scene.nodes)
    assert (one.symbol, two.symbol) == ("hidden 20×", "output")
    assert "100 nodes" in one.options


def test_blocks_of_a_residual_network_fold_with_or_without_names() -> None:
    symbols = [one.symbol for one in folds(draw(named_residual()).scene.nodes)]
    assert symbols[0] == "blocks 15×"
    symbols = [one.symbol for one in folds(draw(residual()).scene.nodes)]
    assert symbols == ["part1 15×"]


def attention(blocks: int) -> Tensor:
    """Blocks of attention and of a network, each with a way around; a constant 0.5 in each."""
    rng = np.random.default_rng(0)

    def weights(name: str, rows: int, columns: int) -> Tensor:
        return Tensor(0.3 * rng.normal(size=(rows, columns)), name)

    h: Tensor = Tensor(rng.normal(size=(5, 4)), "x")
    for i in range(blocks):
        q, k, v = (h @ weights(f"layers.{i}.attention.{name}", 4, 4) for name in "QKV")
        h = h + ops.softmax(q @ k.T * 0.5) @ v @ weights(f"layers.{i}.attention.O", 4, 4)
        h = h + ops.relu(h @ weights(f"layers.{i}.mlp.W1", 4, 8)) @ weights(
            f"layers.{i}.mlp.W2", 8, 4
        )
    return h.sum()


def test_modules_in_modules_fold_from_the_inside_and_further_where_that_is_not_enough() -> None:
    symbols = [one.symbol for one in folds(draw(attention(4)).scene.nodes)]
    assert symbols[:3] == ["layers.0.attention", "layers.0.mlp", "layers.1.attention"]
    symbols = [one.symbol for one in folds(draw(attention(20)).scene.nodes)]
    assert symbols[0] == "layers 19×"
    assert len(symbols) <= 3


def test_a_long_sequential_is_one_row_of_its_layers() -> None:
    rng = np.random.default_rng(0)
    layers = [layer for _ in range(30) for layer in (nn.Linear(4, 4, rng=rng), nn.Tanh())]
    model = nn.Sequential(*layers)
    (row,) = folds(draw(model(rng.random((2, 4))).sum(), model=model).scene.nodes)
    assert row.symbol == "layers 30×"


def test_shared_weights_stay_outside_and_inputs_too() -> None:
    nodes = draw(with_gradients(recurrent)).scene.nodes
    assert [node.label for node in nodes if not node.operation] == ["h0", "W", "U", "b"]
    (cell,) = folds(nodes)
    assert cell.symbol == "part1 20×"


def test_a_chain_of_10_000_operations_can_be_read() -> None:
    drawing = draw(with_gradients(chain))
    assert [node.label for node in drawing.scene.nodes] == ["x", "part1"]
    assert drawing.scene.nodes[1].symbol == "part1 10000×"
    assert drawing.scene.width < 1000
    assert len(drawing._repr_html_()) < 200_000


@pytest.mark.parametrize("make", [named_mlp, unnamed_mlp, residual, named_residual, recurrent])
def test_what_is_folded_is_no_wider_than_a_page_or_two(make: Callable[[], Tensor]) -> None:
    scene = draw(with_gradients(make)).scene
    assert len({shape.x for shape in scene.shapes}) <= DEEP
    assert scene.width < 3_000
    assert scene.crossings == 0


@pytest.mark.parametrize(
    ("make", "unfold"),
    [(make, False) for make in MAKE] + [(make, True) for make in MAKE if make is not chain],
)
def test_large_pictures_have_no_text_on_another_text_node_or_wire(
    make: Callable[[], Tensor], unfold: bool
) -> None:
    root = with_gradients(make)
    scene = draw(root, unfold=unfold).scene
    boxes = [text.box for text in scene.texts]
    for a, b in combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    for text, (left, top, right, bottom) in zip(scene.texts, boxes, strict=True):
        assert 0 <= left < right <= scene.width
        assert 0 <= top < bottom <= scene.height
        for shape in scene.shapes:
            across = shape.x < right and left < shape.x + shape.width
            along = shape.y < bottom and top < shape.y + shape.height
            assert shape.node == text.node or not (across and along)
        for wire in scene.wires:
            for (x, y), (to_x, _) in zip(wire.points[1:-1:2], wire.points[2::2], strict=False):
                assert to_x <= left or right <= x or not top < y < bottom


# --- unfolding ------------------------------------------------------------------------------------


def test_everything_can_be_unfolded() -> None:
    drawing = draw(named_mlp(), unfold=True)
    assert len(drawing.scene.nodes) == len(drawing.nodes) > READABLE
    assert not folds(drawing.scene.nodes)


def test_one_part_can_be_unfolded_by_its_name_and_the_others_keep_theirs() -> None:
    model, loss = mlp(layers=2)
    whole = draw(loss, model=model, most=10)
    part = draw(loss, model=model, most=10, unfold="hidden.0")
    left = [one.label for one in folds(part.scene.nodes)]
    assert left == ["hidden.1", "output"]
    assert "hidden.0.W" in [node.label for node in part.scene.nodes]
    assert len(part.scene.nodes) == len(whole.scene.nodes) + 3
    both = draw(loss, model=model, most=10, unfold=["hidden.0", "output"])
    assert [one.label for one in folds(both.scene.nodes)] == ["hidden.1"]


def test_a_part_that_is_not_there_gives_an_error_that_names_those_that_are() -> None:
    model, loss = mlp(layers=2)
    expected = r"no folded part 'middle'.*Expected one of: hidden.0, hidden.1, output"
    with pytest.raises(CourseError, match=expected):
        draw(loss, model=model, most=10, unfold="middle")
    with pytest.raises(CourseError, match="nothing is folded in this picture"):
        draw(loss, unfold="middle")


def test_what_is_too_large_even_when_folded_gives_a_clear_error() -> None:
    a, b = Tensor(0.1, "a"), Tensor(0.2, "b")
    for _ in range(400):
        a, b = b, ops.tanh(ops.relu(a + b))
    expected = r"draw: this graph has 1,202 nodes, 400 where parts are folded; .* Draw a part"
    with pytest.raises(CourseError, match=expected):
        draw(b)


@pytest.mark.parametrize("wrong", [3, None, ["hidden.0", 1]])
def test_unfold_is_true_or_names(wrong: Any) -> None:
    with pytest.raises(CourseError, match=r"expected unfold to be True or names of folded parts"):
        draw(named_mlp(), unfold=wrong)


def test_a_model_is_a_module() -> None:
    with pytest.raises(TypeError, match=r"draw: expected model to be a module.*got a list"):
        draw(named_mlp(), model=[])  # type: ignore[call-overload]


# --- the twins: table, description, matplotlib ---------------------------------------------------


def test_the_table_has_every_node_and_says_what_is_folded() -> None:
    drawing = draw(named_mlp())
    for text in (drawing.table, drawing._repr_html_()):
        assert all(node.label in text for node in drawing.nodes)
        assert "Folded in the picture" in text
        assert "hidden (100 nodes): hidden.0.W, " in text


def test_axes_show_the_same_folds_and_texts() -> None:
    root = with_gradients(named_mlp)
    ax = Figure(figsize=(8, 3)).add_subplot()
    draw(root, ax=ax)
    scene = draw(root).scene
    assert [text.get_text() for text in ax.texts] == [text.text for text in scene.texts]
    ax = Figure(figsize=(8, 3)).add_subplot()
    draw(root, ax=ax, unfold=True)
    assert len(ax.texts) > 4 * len(scene.texts)


def test_a_folded_part_has_a_double_line_and_the_legend_says_so() -> None:
    drawing = draw(named_mlp())
    assert sum(shape.outline == "fold" for shape in drawing.scene.shapes) == 2
    assert drawing.svg.count('fill="none" stroke-width="0.8"') == 2
    assert any("double line" in t.text for t in drawing.scene.texts if t.role == "legend")


def test_the_same_graph_is_folded_in_the_same_way() -> None:
    assert draw(recurrent_with_losses()).svg == draw(recurrent_with_losses()).svg


def test_a_drawing_can_be_made_from_nodes_alone() -> None:
    nodes: list[Node] = trace(chain(100))
    assert len(Drawing(nodes).scene.nodes) == 2
