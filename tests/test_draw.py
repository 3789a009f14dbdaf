"""Pictures of graphs: wires do not cross, texts do not overlap, and everybody can read them."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from course_autograd import Tensor, draw, nn, ops, show
from course_autograd.errors import CourseError
from course_autograd.pictures import Drawing, Picture
from course_autograd.pictures.scene import (
    GRADIENT_COLOUR,
    GRADIENT_TEXT,
    THICK,
    THIN,
    VALUE_COLOUR,
    WIRE,
)
from course_autograd.pictures.svg import FILL

SVG = "{http://www.w3.org/2000/svg}"


def leaf(name: str, value: Any = 2.0) -> Tensor:
    return Tensor(value, name)


def x_plus_y_times_z() -> Tensor:
    q = leaf("x", -2.0) + leaf("y", 5.0)
    q.name = "q"
    return q * leaf("z", -4.0)


def sigmoid_neuron() -> Tensor:
    inside = leaf("w0", 2.0) * leaf("x", -1.0) + leaf("w1", 3.0)
    return ops.reciprocal(ops.exp(-inside) + 1)


def two_sums_of_one_product() -> Tensor:
    ab = leaf("a") * leaf("b", 3.0)
    return (ab + 1) * (ab + 2)


def squared_line() -> Tensor:
    return (leaf("a") * leaf("x", 3.0) + leaf("b", 1.0)) ** 2


def squared_line_as_a_product() -> Tensor:
    line = leaf("a") * leaf("x", 3.0) + leaf("b", 1.0)
    return line * line


def square_times_triple() -> Tensor:
    x = leaf("x")
    return ops.square(x) * (3 * x)


def x_times_x_plus_1() -> Tensor:
    x = leaf("x", 17.0)
    return x * (x + 1)


def rectified_line() -> Tensor:
    return ops.maximum(0, leaf("W") * leaf("x", 3.0) + leaf("b", 1.0))


def squared_norm() -> Tensor:
    return ops.square(leaf("W", [[1, 2], [3, -1]]) @ leaf("x", [2, 1])).sum()


def network() -> Tensor:
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(6, 4, rng=rng), nn.ReLU(), nn.Linear(4, 3, rng=rng))
    return ops.softmax_cross_entropy(model(rng.random((5, 6))), labels=np.array([0, 1, 2, 0, 1]))


def three_neurons() -> Tensor:
    """Three hidden neurons on two inputs: cannot be drawn without crossings."""
    xs, us = [leaf("x0"), leaf("x1", 0.3)], [leaf(f"u{j}") for j in range(3)]
    total = None
    for j, u in enumerate(us):
        inside = leaf(f"w{j}0", 0.1) * xs[0] + leaf(f"w{j}1", -0.2) * xs[1]
        term = u * ops.tanh(inside)
        total = term if total is None else total + term
    assert total is not None
    return total


def differences() -> Tensor:
    x, y = leaf("x"), leaf("y", 3.0)
    return (x - y) / (y - x)


def power_beside_a_product() -> Tensor:
    x = leaf("x")
    return ops.power(x, exponent=3) * (x * 3)


def skip_gram() -> Tensor:
    """P(1 given w, c), the dot product written out."""
    products = [leaf(f"W{i}", 0.5 * i) * leaf(f"C{i}", -0.3 * i) for i in (1, 2, 3)]
    return ops.sigmoid(products[0] + products[1] + products[2])


def concrete_network() -> Tensor:
    """-log softmax(W3 g(W2 g(W1 x + b1) + b2) + b3)[k]."""
    rng = np.random.default_rng(0)
    h: Any = leaf("x", rng.normal(size=4))
    for i, (rows, columns) in enumerate(((5, 4), (5, 5), (3, 5)), start=1):
        h = leaf(f"W{i}", rng.normal(size=(rows, columns))) @ h + leaf(f"b{i}", np.zeros(rows))
        h = ops.tanh(h) if i < 3 else h
    return -ops.log(ops.softmax(h)[1])


def tagger() -> Tensor:
    """Three words looked up in one table, two layers, the loss of one tag."""
    rng = np.random.default_rng(0)
    table = leaf("E", rng.normal(size=(10, 4)))
    words = ops.concatenate(*(ops.lookup(table, rows=[i]) for i in (3, 1, 7)), axis=1)
    h = ops.tanh(words @ leaf("W1", rng.normal(size=(12, 5))) + leaf("b1", np.zeros(5)))
    scores = h @ leaf("W2", rng.normal(size=(5, 6))) + leaf("b2", np.zeros(6))
    return -ops.log(ops.softmax(scores)[0, 5])


def hinge_with_a_price() -> Tensor:
    rng = np.random.default_rng(0)
    W = leaf("W", rng.normal(size=(2, 3)))
    return ops.hinge(rng.normal(size=(2, 2)) @ W, labels=np.array([0, 2])) + 0.1 * (
        ops.square(W).sum()
    )


def residual_block() -> Tensor:
    rng = np.random.default_rng(0)
    x = leaf("x", rng.normal(size=(2, 4)))
    h = ops.relu(x @ leaf("W1", rng.normal(size=(4, 4)))) @ leaf("W2", rng.normal(size=(4, 4)))
    return ops.relu(h + x).sum()


def convolution() -> Tensor:
    rng = np.random.default_rng(0)
    picture, kernel = leaf("x", rng.normal(size=(1, 1, 6, 6))), leaf("K", np.ones((2, 1, 3, 3)))
    return ops.relu(ops.conv2d(picture, kernel)).sum()


def function_of_the_same_twice() -> Tensor:
    x = leaf("x", 3.0)
    return x * x


def two_layers() -> Tensor:
    rng = np.random.default_rng(0)
    hidden = ops.relu(leaf("W1", rng.normal(size=(5, 8))) @ leaf("x", rng.normal(size=8)))
    return (leaf("W2", rng.normal(size=(3, 5))) @ hidden).sum()


LECTURES = [
    skip_gram,
    concrete_network,
    tagger,
    hinge_with_a_price,
    residual_block,
    convolution,
    function_of_the_same_twice,
    two_layers,
]
PLANAR = [
    *LECTURES,
    x_plus_y_times_z,
    sigmoid_neuron,
    two_sums_of_one_product,
    squared_line,
    squared_line_as_a_product,
    square_times_triple,
    x_times_x_plus_1,
    rectified_line,
    squared_norm,
    network,
    power_beside_a_product,
]
ALL = [*PLANAR, three_neurons, differences]


def with_gradients(root: Tensor) -> Tensor:
    """Give every node a gradient, without any backward rule: numbers to be shown."""
    for i, node in enumerate(sorted(root.get_graph_above(), key=lambda node: node.name or "")):
        node.grad = np.full(node.shape, -0.123 * (i + 1)) + 0.01 * np.asarray(node.value)
        node.grad = node.grad[()]
    return root


def drawn(make: Callable[[], Tensor], gradients: bool = True) -> Drawing:
    root = make()
    return draw(with_gradients(root) if gradients else root)


# --- geometry, read back from the SVG ------------------------------------------------------


def curve(path: str) -> list[tuple[float, float]]:
    """Return points along an SVG path made of M, L and C."""
    points: list[tuple[float, float]] = []
    for letter, body in re.findall(r"([MLC])([^MLC]*)", path):
        numbers = [float(number) for number in re.findall(r"-?\d+\.?\d*", body)]
        ends = list(zip(numbers[::2], numbers[1::2], strict=True))
        if letter == "C":
            corners = np.array([points[-1], *ends])
            for t in np.linspace(0, 1, 33)[1:]:
                bernstein = np.array([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
                points.append(tuple(bernstein @ corners))
        else:
            points.extend(ends)
    return points


def wires(drawing: Drawing) -> list[tuple[int, int, list[tuple[float, float]]]]:
    root = ElementTree.fromstring(drawing.svg)
    return [
        (int(p.get("data-from", "")), int(p.get("data-to", "")), curve(p.get("d", "")))
        for p in root.iter(f"{SVG}path")
        if p.get("data-from") is not None
    ]


def cross(p: Any, q: Any, r: Any, s: Any) -> bool:
    """Whether the segments pq and rs cross."""

    def side(a: Any, b: Any, c: Any) -> float:
        return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))

    return side(p, q, r) * side(p, q, s) < 0 and side(r, s, p) * side(r, s, q) < 0


def crossings(drawing: Drawing) -> int:
    """Count crossings of wires that come from different nodes."""
    total = 0
    for (source, _, one), (other, _, two) in combinations(wires(drawing), 2):
        if source == other:
            continue
        total += sum(
            cross(p, q, r, s)
            for p, q in pairwise(one)
            for r, s in pairwise(two)
            if min(p[0], q[0]) <= max(r[0], s[0]) and min(r[0], s[0]) <= max(p[0], q[0])
        )
    return total


def inside(point: tuple[float, float], box: tuple[float, float, float, float]) -> bool:
    left, top, right, bottom = box
    return left < point[0] < right and top < point[1] < bottom


@pytest.mark.parametrize("make", PLANAR)
@pytest.mark.parametrize("gradients", [False, True])
def test_no_wires_cross(make: Callable[[], Tensor], gradients: bool) -> None:
    drawing = drawn(make, gradients)
    assert drawing.scene.crossings == 0
    assert crossings(drawing) == 0


def test_crossings_that_cannot_be_avoided_are_few_and_counted_right() -> None:
    drawing = drawn(differences)
    assert crossings(drawing) == drawing.scene.crossings == 1
    drawing = drawn(three_neurons)
    assert 1 <= crossings(drawing) == drawing.scene.crossings <= 5


@pytest.mark.parametrize("make", ALL)
def test_no_wire_passes_through_a_node_or_a_text(make: Callable[[], Tensor]) -> None:
    drawing = drawn(make)
    for source, target, points in wires(drawing):
        for shape in drawing.scene.shapes:
            if shape.node not in (source, target):
                box = (shape.x, shape.y, shape.x + shape.width, shape.y + shape.height)
                assert not any(inside(point, box) for point in points)
        for text in drawing.scene.texts:
            assert not any(inside(point, text.box) for point in points), text


@pytest.mark.parametrize("make", ALL)
def test_texts_do_not_overlap_each_other_or_foreign_nodes_and_lie_in_the_picture(
    make: Callable[[], Tensor],
) -> None:
    scene = drawn(make).scene
    boxes = [(text, text.box) for text in scene.texts]
    for (one, a), (two, b) in combinations(boxes, 2):
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart, (one, two)
    for text, (left, top, right, bottom) in boxes:
        assert left >= 0
        assert top >= 0
        assert right <= scene.width
        assert bottom <= scene.height
        for shape in scene.shapes:
            within = shape.x < right and left < shape.x + shape.width
            within = within and shape.y < bottom and top < shape.y + shape.height
            assert not within or text.role in ("symbol", "name", "input")
            assert not within or text.node == shape.node


@pytest.mark.parametrize("make", ALL)
def test_wires_go_from_left_to_right_and_end_at_their_node(make: Callable[[], Tensor]) -> None:
    scene = drawn(make).scene
    by_node = {shape.node: shape for shape in scene.shapes}
    assert len(by_node) == len(scene.nodes) == len(scene.shapes)
    given = [(i, node.number) for node in scene.nodes for i in node.inputs]
    assert sorted((wire.source, wire.target) for wire in scene.wires) == sorted(given)
    for wire in scene.wires:
        xs = [x for x, _ in wire.points]
        assert xs == sorted(xs)
        source, target = by_node[wire.source], by_node[wire.target]
        assert xs[0] >= source.x + source.width
        assert wire.points[0][1] == pytest.approx(source.y + source.height / 2)
        assert target.y < wire.points[-1][1] < target.y + target.height
    for wire, (tip, base, _) in zip(scene.wires, scene.arrows, strict=True):
        target = by_node[wire.target]
        assert target.x <= tip[0] < target.x + target.width / 2
        assert base[0] < wire.points[-1][0] < tip[0]  # inside the arrow, which stays pointed
        assert wire.points[-1][1] == tip[1]


# --- what is shown -------------------------------------------------------------------------


def texts(drawing: Drawing, role: str) -> list[str]:
    return [text.text for text in drawing.scene.texts if text.role == role]


def test_values_stand_above_the_wire_and_gradients_below_with_their_sign_and_colour() -> None:
    drawing = drawn(x_plus_y_times_z)
    middle = {line.node: line.start[1] for line in drawing.scene.trunks}
    for text in drawing.scene.texts:
        if text.role == "value":
            assert text.y < middle[text.node]
            assert text.colour == VALUE_COLOUR == "#0072B2"
        if text.role == "gradient":
            assert text.y > middle[text.node]
            assert text.colour == GRADIENT_TEXT
            assert text.text.startswith("∂ ")
    assert texts(drawing, "value") == ["−2", "5", "q = 3", "−4", "−12"]
    assert len(texts(drawing, "gradient")) == 5
    assert texts(drawing, "symbol") == ["+", "×"]
    assert texts(drawing, "name") == ["x", "y", "z"]


def test_gradients_are_not_shown_before_they_exist() -> None:
    drawing = drawn(x_plus_y_times_z, gradients=False)
    assert not texts(drawing, "gradient")
    assert "∂" not in drawing.svg
    assert "gradient" not in texts(drawing, "legend")[0]


def test_arrays_show_their_shape_and_range_and_short_vectors_their_entries() -> None:
    drawing = drawn(squared_norm)
    assert texts(drawing, "shape")[:2] == ["shape (2, 2)", "shape (2,)"]
    assert texts(drawing, "value")[:2] == ["−1 … 3", "[2, 1]"]
    assert "smallest … largest" in texts(drawing, "legend")[0]


def test_constants_stand_in_dashed_boxes() -> None:
    drawing = drawn(two_sums_of_one_product)
    constants = [shape.node for shape in drawing.scene.shapes if shape.outline == "constant"]
    assert [drawing.scene.nodes[i].label for i in constants] == ["1", "2"]
    assert drawing.svg.count("stroke-dasharray") == 2
    assert "dashed: constant" in texts(drawing, "legend")[0]


def test_a_dot_marks_where_a_value_branches() -> None:
    assert len(drawn(x_plus_y_times_z).scene.dots) == 0
    assert len(drawn(two_sums_of_one_product).scene.dots) == 1
    assert len(drawn(squared_line_as_a_product).scene.dots) == 1


def test_inputs_in_another_order_than_written_are_numbered() -> None:
    assert texts(drawn(differences), "input") == ["2", "1"]
    assert not texts(drawn(two_sums_of_one_product), "input")


def test_a_single_leaf_can_be_drawn() -> None:
    drawing = draw(Tensor(3.0, "x"))
    assert texts(drawing, "name") == ["x"]
    assert texts(drawing, "value") == ["3"]


def test_names_from_outside_cannot_break_the_picture_or_the_page() -> None:
    name = '<script>"&\x00]]>'
    drawing = draw(Tensor(1.0, name) + 1)
    document = ElementTree.fromstring(drawing.svg)
    assert any((text.text or "").startswith('<script>"&') for text in document.iter(f"{SVG}text"))
    page = drawing._repr_html_()
    assert "<script" not in page
    assert "<script" not in drawing.svg


# --- gradients that add, and wires as wide as what flows back -----------------------------------


def used_many_times(count: int) -> Tensor:
    x = leaf("x", 3.0)
    total = x * 1.0
    for i in range(1, count):
        total = total + x * float(i + 1)
    total.backward()
    return total


def below(root: Tensor, name: str = "x") -> list[str]:
    """What stands below the wire of a node, line by line."""
    scene = draw(root).scene
    (number,) = (node.number for node in scene.nodes if node.label == name)
    return [t.text for t in scene.texts if t.node == number and t.role in ("gradient", "sum")]


@pytest.fixture
def lecture(reference_rules: None) -> Callable[[Callable[[], Tensor]], Tensor]:
    """Builds a graph and goes back through it by the reference's rules."""

    def made(make: Callable[[], Tensor]) -> Tensor:
        root = make()
        root.backward()
        return root

    return made


def test_where_gradients_add_at_a_branch_the_sum_is_written_out(lecture: Any) -> None:
    root = lecture(x_times_x_plus_1)
    assert below(root) == ["∂ 18 + 17 = 35"]
    assert "∂x = 18 + 17 = 35" in draw(root).alt
    assert "18 + 17" in draw(root).table


def test_a_sum_has_negative_terms_in_brackets(lecture: Any) -> None:
    assert below(lecture(differences))[0].startswith("∂ ")
    x = leaf("x", 2.0)
    y = -3.0 * x + 5.0 * x  # messages arrive in reverse
    y.backward()
    assert below(y) == ["∂ 5 + (−3) = 2"]


def test_one_message_is_no_sum(lecture: Any) -> None:
    assert below(lecture(x_plus_y_times_z)) == ["∂ −4"]


def test_a_gradient_that_earlier_passes_left_is_not_written_as_a_sum(lecture: Any) -> None:
    root = lecture(x_times_x_plus_1)
    root.backward()
    assert below(root) == ["∂ 70"]


@pytest.mark.usefixtures("reference_rules")
@pytest.mark.parametrize(
    ("count", "lines"),
    [
        (2, ["∂ 2 + 1 = 3"]),
        (4, ["∂ 4 + 3 + 2 + 1 = 10"]),
        (5, ["∂ 15", "= 5 + 4 + 3 + …", "(5 summands)"]),
        (9, ["∂ 45", "= 9 + 8 + 7 + …", "(9 summands)"]),
    ],
)
def test_long_sums_are_cut_and_say_how_many_terms_they_have(count: int, lines: list[str]) -> None:
    assert below(used_many_times(count)) == lines


@pytest.mark.usefixtures("reference_rules")
def test_sums_of_short_vectors_are_written_out_and_those_of_arrays_counted() -> None:
    x = leaf("x", [1.0, 2.0])
    y = (x * x + x).sum()
    y.backward()
    assert below(y) == ["∂ [1, 1] + [1, 2] + [1, 2] = [3, 5]"]
    W = leaf("W", np.arange(6.0).reshape(2, 3))
    y = (W * 2.0 + W * 3.0).sum()
    y.backward()
    assert below(y, "W") == ["∂ all 5", "sum of 2 messages"]


@pytest.mark.usefixtures("reference_rules")
@pytest.mark.parametrize("count", [4, 5, 30])
def test_there_is_room_for_sums(count: int) -> None:
    scene = draw(used_many_times(count)).scene
    boxes = [text.box for text in scene.texts]
    for a, b in combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    for (left, top, right, bottom), text in zip(boxes, scene.texts, strict=True):
        for shape in scene.shapes:
            within = shape.x < right and left < shape.x + shape.width
            within = within and shape.y < bottom and top < shape.y + shape.height
            assert not within or shape.node == text.node


def test_wires_are_as_wide_as_the_message_that_flows_back_is_large(lecture: Any) -> None:
    root = lecture(x_times_x_plus_1)
    scene = draw(root).scene
    width = {
        (scene.nodes[wire.source].label, scene.nodes[wire.target].operation): one
        for wire, one in zip(scene.wires, scene.widths, strict=True)
    }
    (x_to_product, x_to_sum) = width["x", "mul"], width["x", "add"]
    assert x_to_product > x_to_sum > width["1", "add"]  # messages 18, 17 and none
    trunk = {scene.nodes[line.node].label: line.width for line in scene.trunks}
    assert trunk["x"] == THICK > trunk["v1"] > trunk["v2"]  # gradients 35, 17 and 1
    assert width["1", "add"] == THIN
    assert "thicker line: larger gradient" in " ".join(texts(draw(root), "legend"))


@pytest.mark.usefixtures("reference_rules")
@pytest.mark.parametrize("factor", [1e-300, 1e-9, 1.0, 1e9, 1e300])
def test_widths_are_bounded_and_grow_with_the_message(factor: float) -> None:
    x = leaf("x", [1.0, -2.0, 3.0])
    y = (x * np.array([1.0, 30.0, 2.0]) * factor).sum() + (x * 10.0 * factor).sum()
    y.backward()
    scene = draw(y).scene
    assert all(THIN <= one <= THICK for one in scene.widths)
    widths = [w for w, wire in zip(scene.widths, scene.wires, strict=True) if wire.source == 0]
    assert widths[0] >= widths[1]  # the largest entries are 30 and 10
    # Very small ones are all as thin as can be, beside the output's gradient, which is 1.
    assert (widths[0] > widths[1]) == (factor >= 1)


@pytest.mark.usefixtures("reference_rules")
@pytest.mark.parametrize("odd", [np.inf, np.nan])
def test_what_is_not_finite_is_drawn_as_wide_as_can_be(odd: float) -> None:
    y = leaf("x", odd) * leaf("y", 2.0)
    y.backward()
    scene = draw(y).scene
    assert set(scene.widths) == {THICK} | {
        one for one, wire in zip(scene.widths, scene.wires, strict=True) if wire.source == 0
    }
    assert all(THIN <= one <= THICK for one in scene.widths)


def test_without_gradients_all_wires_are_equal() -> None:
    scene = drawn(x_plus_y_times_z, gradients=False).scene
    assert set(scene.widths) == {line.width for line in scene.trunks} == {WIRE}
    assert "thicker" not in " ".join(texts(drawn(x_plus_y_times_z, gradients=False), "legend"))


def test_the_svg_has_these_widths(lecture: Any) -> None:
    drawing = draw(lecture(x_times_x_plus_1))
    root = ElementTree.fromstring(drawing.svg)
    given = [
        float(p.get("stroke-width", "")) for p in root.iter(f"{SVG}path") if p.get("data-from")
    ]
    assert given == [round(one, 1) for one in drawing.scene.widths]


def test_every_gradient_has_one_text_of_its_role_for_those_who_step(lecture: Any) -> None:
    drawing = draw(lecture(x_times_x_plus_1))
    root = ElementTree.fromstring(drawing.svg)
    numbers = [t.get("data-node") for t in root.iter(f"{SVG}text") if t.get("class") == "gradient"]
    assert sorted(numbers) == ["0", "2", "3"]


# --- for everybody's eyes ------------------------------------------------------------------------


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, two: str) -> float:
    dark, light = sorted((luminance(one), luminance(two)))
    return (light + 0.05) / (dark + 0.05)


def test_every_text_stands_out_from_what_is_behind_it(lecture: Any) -> None:
    scene = draw(lecture(two_sums_of_one_product)).scene
    outline = {shape.node: shape.outline for shape in scene.shapes}
    for text in scene.texts:
        inside_shape = text.role in ("symbol", "name", "input")
        ground = FILL[outline[text.node]] if inside_shape else "#FFFFFF"
        assert contrast(text.colour, ground) >= 4.5, text


def test_the_marks_of_gradients_are_vermilion_and_stand_out_too(lecture: Any) -> None:
    drawing = draw(lecture(x_times_x_plus_1))
    (dot,) = drawing.scene.dots
    assert dot.sums
    assert f'fill="{GRADIENT_COLOUR}"' in drawing.svg
    assert GRADIENT_COLOUR == "#D55E00"
    assert contrast(GRADIENT_COLOUR, "#FFFFFF") >= 3.0


def test_in_grey_value_and_gradient_differ_by_place_sign_and_weight(lecture: Any) -> None:
    scene = draw(lecture(x_plus_y_times_z)).scene
    middle = {line.node: line.start[1] for line in scene.trunks}
    for text in scene.texts:
        if text.role == "value":
            assert (text.y < middle[text.node], text.bold, text.text[0] == "∂") == (
                True,
                False,
                False,
            )
        if text.role == "gradient":
            assert (text.y > middle[text.node], text.bold, text.text[0] == "∂") == (
                True,
                True,
                True,
            )


# --- in a notebook -------------------------------------------------------------------------


class Page(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_a_notebook_gets_an_image_with_alt_text_and_a_table_with_headings() -> None:
    drawing = drawn(x_plus_y_times_z)
    page = Page(drawing._repr_html_())
    (image,) = page.all("img")
    assert image["alt"] == drawing.alt
    source = image["src"] or ""
    assert source.startswith("data:image/svg+xml;base64,")
    assert base64.b64decode(source.partition(",")[2]).decode("utf-8") == drawing.svg
    assert len(page.all("details")) == len(page.all("summary")) == 1
    assert len(page.all("tr")) == 1 + len(drawing.scene.nodes)
    scopes = [cell["scope"] for cell in page.all("th")]
    assert scopes == ["col"] * 7 + ["row"] * 5
    assert not page.all("script")


def test_plain_text_is_the_table() -> None:
    drawing = drawn(x_plus_y_times_z)
    bundle = drawing._repr_mimebundle_(include=None, exclude=None)
    assert set(bundle) == {"text/html", "text/plain"}
    assert bundle["text/plain"] == repr(drawing) == drawing.table
    assert "q     add        x, y    3" in drawing.table


def test_the_alt_text_tells_the_computation_and_its_gradients() -> None:
    x = Tensor(2.0, "x")
    y = x + 3
    y.name = "y"
    y.backward()
    assert draw(y).alt == (
        "Computation graph with 3 nodes: x = 2; y = add of x, 3 = 5. Gradients: ∂x = 1; ∂y = 1."
    )


def test_the_alt_text_of_a_large_graph_is_short_and_points_to_the_table() -> None:
    alt = drawn(three_neurons).alt
    assert len(alt) < 300
    assert "table below" in alt


def test_the_picture_can_be_saved(tmp_path: Path) -> None:
    drawing = drawn(x_plus_y_times_z)
    path = drawing.save(tmp_path / "graph.svg")
    assert ElementTree.fromstring(path.read_text("utf-8")).tag == f"{SVG}svg"


@pytest.mark.parametrize("make", ALL)
def test_the_same_graph_gives_the_same_picture(make: Callable[[], Tensor]) -> None:
    assert drawn(make).svg == drawn(make).svg


def test_the_picture_depends_on_no_hash_seed_and_needs_no_matplotlib_or_networkx() -> None:
    program = (
        "import sys, course_autograd as c\n"
        "x, y = c.Tensor(2.0, 'x'), c.Tensor(3.0, 'y')\n"
        "print(c.draw((x - y) * (y - x) + x * y).svg)\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('matplotlib', 'networkx')])\n"
    )
    outputs = []
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[1],
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
        )
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1]
    assert outputs[0].splitlines()[-1] == "[]"


def test_draw_refuses_what_is_no_tensor_and_what_nobody_could_read() -> None:
    with pytest.raises(TypeError, match=r"draw: expected a tensor.*got a list"):
        draw([1, 2])  # type: ignore[call-overload]
    y = Tensor(0.0)
    for _ in range(400):
        y = y + 1
    with pytest.raises(
        CourseError, match=r"draw: this graph has 801 nodes; a picture.*Draw a part"
    ):
        draw(y, unfold=True)
    for _ in range(50_000):
        y = y + 1
    with pytest.raises(CourseError, match=r"draw: this graph has 100,801 nodes.*Draw a part"):
        draw(y)


# --- with matplotlib -----------------------------------------------------------------------


def test_draw_into_axes_sets_limits_first_and_keeps_the_figure_small() -> None:
    figure = Figure(figsize=(6, 3), dpi=100)
    canvas = FigureCanvasAgg(figure)
    ax = figure.add_subplot()
    root = with_gradients(sigmoid_neuron())
    assert draw(root, ax=ax) is ax
    scene = draw(root).scene
    assert ax.get_xlim() == (0.0, scene.width)
    assert ax.get_ylim() == (scene.height, 0.0)
    shown = [text.get_text() for text in ax.texts]
    assert shown == [text.text for text in scene.texts]
    pixels = min(600 * 0.775 / scene.width, 300 * 0.77 / scene.height)  # matplotlib's margins
    lines = [p for p in ax.patches if not p.get_fill()]
    drawn_widths = [p.get_linewidth() / (pixels * 0.72) for p in lines]
    expected = [line.width for line in scene.trunks] + list(scene.widths)
    assert drawn_widths == pytest.approx(expected)
    canvas.draw()
    box = figure.get_tightbbox()
    assert box.width < 6.5
    assert box.height < 3.5


def test_names_are_no_formulas_in_matplotlib() -> None:
    figure = Figure()
    canvas = FigureCanvasAgg(figure)
    draw(Tensor(1.0, r"$\frac{$") + 1, ax=figure.add_subplot())
    canvas.draw()


# --- any figure, with a description -------------------------------------------------------------


@pytest.fixture
def figure(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A pyplot figure, without a window."""
    monkeypatch.setenv("MPLBACKEND", "agg")
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    monkeypatch.setitem(mpl.rcParams, "backend", "agg")
    made, ax = plt.subplots(figsize=(2, 1))
    ax.plot([0, 1])
    yield made
    plt.close(made)


ALT = 'Loss "a" falls from 2.3 & rises <again>.'


def test_a_figure_is_shown_with_its_description(figure: Any) -> None:
    picture = Picture(figure, ALT)
    (image,) = Page(picture._repr_html_()).all("img")
    assert image["alt"] == ALT
    kind, _, content = (image["src"] or "").partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(content).startswith(b"\x89PNG")
    assert picture._repr_mimebundle_()["text/plain"] == repr(picture) == ALT


def test_a_figure_that_was_shown_is_closed(figure: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from matplotlib import pyplot as plt

    number = figure.number
    show(figure, ALT)
    assert ALT in capsys.readouterr().out
    assert number not in plt.get_fignums()


def test_a_figure_without_a_description_is_not_shown(figure: Any) -> None:
    with pytest.raises(CourseError, match="show: expected a description of the picture"):
        show(figure, "  ")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_description_survives_nbconvert(figure: Any) -> None:
    import nbformat
    from nbconvert import HTMLExporter

    output = nbformat.v4.new_output("display_data", Picture(figure, ALT)._repr_mimebundle_())
    cell = nbformat.v4.new_code_cell("show(figure, alt)", outputs=[output])
    html, _ = HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    (image,) = Page(html).all("img")
    assert image["alt"] == ALT
