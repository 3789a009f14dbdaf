"""compare(f): the first wrong gradient is marked, and the rule that sent it; right ones never."""

from __future__ import annotations

import types
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from autograder.soundness.matrix import wrong_answers
from course_autograd import (
    Operation,
    Tensor,
    backward_of,
    compare,
    implements,
    nn,
    no_grad,
    ops,
    tensor_op,
)
from course_autograd.errors import CourseError
from course_autograd.exercises import exercises
from course_autograd.exercises.operation_exercise import OperationExercise
from course_autograd.faults import compare_gradients
from course_autograd.pictures import Compared
from course_autograd.pictures.example import compared_example
from docs.gallery.lectures import LECTURES, Picture

SVG = "{http://www.w3.org/2000/svg}"
RULES = [
    name
    for name, one in exercises().items()
    if isinstance(one, OperationExercise) and one.kind == "rule"
]


def sum_times_z() -> Tensor:
    q = Tensor(-2.0, "x") + Tensor(5.0, "y")
    f = q * Tensor(-4.0, "z")
    q.name, f.name = "q", "f"
    f.backward()
    return f


def not_a_tree() -> Tensor:
    x = Tensor(17.0, "x")
    u = x + 1
    y = x * u
    u.name, y.name = "u", "y"
    return y


def swapped(ctx: Any, grad_output: Any) -> Any:
    x, y = ctx
    return grad_output * x, grad_output * y


def states(compared: Compared) -> dict[str, str]:
    nodes = compared.comparison.nodes
    return {nodes[i].label: one.state for i, one in compared.comparison.judged.items()}


def blamed(compared: Compared) -> str | None:
    fault = compared.comparison.fault
    if fault is None or fault.operation is None:
        return None
    return compared.comparison.nodes[fault.operation].operation


# --- right gradients ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "picture", [one for one in LECTURES if one.backward], ids=lambda one: one.name
)
def test_right_gradients_are_never_accused(picture: Picture, reference_rules: None) -> None:
    root = picture.make()
    root.backward()
    comparison = compare_gradients(root)
    assert comparison.fault is None
    assert "right" in {one.state for one in comparison.judged.values()}


def test_all_right_says_how_close(reference_rules: None) -> None:
    compared = compare(sum_times_z())
    assert compared.right
    (sentence,) = compared.sentences
    assert sentence.startswith("All 5 gradients that can be measured are right")
    assert set(states(compared).values()) == {"right"}
    remarks = [text.text for text in compared.scene.texts if text.role == "remark"]
    assert remarks == ["✓"] * 5


def test_float32_gradients_are_right_as_far_as_float32_goes(reference_rules: None) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 6)).astype(np.float32)
    layer = nn.Linear(6, 3, rng=rng, dtype=np.float32)
    loss = ops.softmax_cross_entropy(ops.tanh(layer(x)), labels=[0, 1, 2, 0])
    loss.backward()
    assert layer.W.grad.dtype == np.float32
    assert compare(loss).right


def test_a_kink_is_not_a_fault(reference_rules: None) -> None:
    x, y = Tensor(3.0, "x"), Tensor(3.0, "y")
    f = ops.maximum(x, y) * 2.0
    f.backward()
    compared = compare(f)
    assert compared.right
    assert states(compared) == {"x": "open", "y": "open", "v1": "right", "v2": "right"}
    assert "Not measured: y, x." in compared.sentences[1]


def test_nothing_is_changed(reference_rules: None) -> None:
    f = sum_times_z()
    before = [(node.value, node.grad, node.saved) for node in f.get_graph_above()]
    compare(f)
    assert [(node.value, node.grad, node.saved) for node in f.get_graph_above()] == before


# --- wrong rules ----------------------------------------------------------------------------------


def test_the_rule_that_sends_something_wrong_is_named_and_marked(reference_rules: None) -> None:
    backward_of(ops.mul)(swapped)
    compared = compare(sum_times_z())
    assert compared.sentences[:2] == (
        "The first wrong gradient, seen from the output, is that of z: yours -4, measured 3. "
        "Nearer to the output no gradient is wrong.",
        "The rule of mul makes it wrong. To z, it sends -4, expected 3 (the upstream gradient is "
        "1).",
    )
    assert "order" in compared.sentences[2]
    assert "check(ops.mul, hint=2)" in compared.sentences[3]
    assert blamed(compared) == "mul"
    assert states(compared) == {
        "x": "wrong",
        "y": "wrong",
        "q": "wrong",
        "z": "wrong",
        "f": "right",
    }
    (marked,) = [shape for shape in compared.scene.shapes if shape.marked]
    assert compared.comparison.nodes[marked.node].label == "f"
    remarks = {text.node: text.text for text in compared.scene.texts if text.role == "remark"}
    first = compared.comparison.fault
    assert first is not None
    assert remarks[first.number] == "✗ measured 3 (first)"
    assert Counter(remarks.values())["✗ measured −4"] == 3


def test_a_fault_in_the_middle_leaves_what_is_nearer_to_the_output_right(
    reference_rules: None,
) -> None:
    backward_of(ops.exp)(lambda ctx, grad_output: (grad_output,))  # noqa: ARG005
    w0, x, w1 = Tensor(2.0, "w0"), Tensor(-1.0, "x"), Tensor(3.0, "w1")
    n = -(w0 * x + w1)
    f = ops.reciprocal(ops.exp(n) + 1)
    n.name = "n"
    f.backward()
    compared = compare(f)
    assert blamed(compared) == "exp"
    assert "is that of n: yours" in compared.sentences[0]
    assert Counter(states(compared).values()) == {"right": 3, "wrong": 6}


def test_the_mask_of_relu_in_a_whole_network(reference_rules: None) -> None:
    @implements(ops.relu)
    class relu(Operation):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.append(x)
            return np.maximum(0, x)

        @staticmethod
        def backward(ctx: Any, grad_output: Any) -> Any:
            return (grad_output * (grad_output > 0),)

    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(6, 5, rng=rng), nn.ReLU(), nn.Linear(5, 3, rng=rng))
    loss = ops.softmax_cross_entropy(model(rng.random((4, 6))), labels=[0, 1, 2, 0])
    loss.backward()
    compared = compare(loss)
    assert blamed(compared) == "relu"
    assert "mask taken from the upstream gradient" in " ".join(compared.sentences)


def test_a_wrong_forward_rule_is_said_before_any_gradient(reference_rules: None) -> None:
    @implements(ops.relu)
    class relu(Operation):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.append(x)
            return np.abs(x)

        @staticmethod
        def backward(ctx: Any, grad_output: Any) -> Any:
            return (grad_output * np.sign(ctx[0]),)

    f = ops.relu(Tensor(-2.0, "x"))
    f.backward()
    compared = compare(f)
    assert blamed(compared) == "relu"
    assert "yours 2, expected 0. Look at the forward rule of relu first" in compared.sentences[0]
    assert "✗ value" in compared.svg


# --- right rules, wrong sums ----------------------------------------------------------------------


def test_two_passes_are_told_from_a_wrong_rule(reference_rules: None) -> None:
    y = not_a_tree()
    y.backward()
    y.backward()
    compared = compare(y)
    assert blamed(compared) is None
    assert "It is 2 times the right one" in compared.sentences[1]
    assert "x.zero_grad()" in compared.sentences[1]


def test_overwritten_instead_of_added(reference_rules: None) -> None:
    y = not_a_tree()
    y.backward()
    (x,) = [node for node in y.get_graph_above() if node.name == "x"]
    x.grad = np.float64(18.0)
    assert "2 messages arrive at x, and the gradient is only one" in compare(y).sentences[1]


def test_a_rule_mended_after_the_pass(reference_rules: None) -> None:
    right = ops.mul.backward
    backward_of(ops.mul)(swapped)
    f = sum_times_z()
    backward_of(ops.mul)(right)
    assert "calls backward() again" in compare(f).sentences[1]


# --- every mistake of the catalogue ---------------------------------------------------------------


def graph_with(exercise: OperationExercise, example: int, seed: int) -> Tensor:
    """The operation among others: below it sums, above it a weighted sum."""
    rng = np.random.default_rng(seed)
    case = [one for one in exercise.cases(rng) if one.kind == "smooth"][example]
    leaves = [Tensor(array, name) for array, name in zip(case.arrays, "abc", strict=False)]
    options = deepcopy(dict(case.options))  # wrong rules write into what they get
    output = exercise.operation(*[leaf + 0.0 for leaf in leaves], **options)
    weighted = output * rng.uniform(0.5, 2.0, output.shape)
    return weighted if not weighted.shape else weighted.sum()


@pytest.mark.slow
@pytest.mark.parametrize("name", RULES)
def test_every_mistake_that_shows_is_blamed_on_its_rule(
    name: str, reference: Callable[..., Any]
) -> None:
    exercise = exercises()[name]
    assert isinstance(exercise, OperationExercise)
    found: Counter[str] = Counter()
    for _, answer in wrong_answers([name]):
        for example in (0, 3, -1):
            reference()
            module = types.ModuleType("answer")
            exec("import numpy as np\nfrom course_autograd import *", module.__dict__)
            try:
                exec(answer.code, module.__dict__)
                root = graph_with(exercise, example, seed=example + 5)
                root.backward()
            except Exception:
                found["stopped"] += 1
                continue
            comparison = compare_gradients(root)
            if comparison.fault is None:
                found["does not show"] += 1
                continue
            assert comparison.fault.operation is not None, (answer.label, comparison.fault)
            blame = comparison.nodes[comparison.fault.operation].operation
            assert blame == name, (answer.label, comparison.fault)
            found["blamed"] += 1
    assert found["blamed"] >= 8, found


# --- the picture ----------------------------------------------------------------------------------


def test_a_notebook_gets_words_picture_and_table(reference_rules: None) -> None:
    backward_of(ops.mul)(swapped)
    compared = compare(sum_times_z())
    page = compared._repr_html_()
    assert page.index("<p>The first wrong gradient") < page.index("<img ") < page.index("<table>")
    assert 'alt="The first wrong gradient' in page
    assert page.count('<th scope="row">') == 5
    assert "<script" not in page
    assert ElementTree.fromstring(compared.svg).tag == f"{SVG}svg"
    assert compared._repr_mimebundle_()["text/plain"] == repr(compared)
    assert "z     input      -4     3         ✗ wrong" in repr(compared)


def test_it_can_be_drawn_into_a_figure(reference_rules: None) -> None:
    axes = Figure().add_subplot()
    assert compare(sum_times_z(), ax=axes) is axes
    assert sum(text.get_text() == "✓" for text in axes.texts) == 5


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: 1.0, r"compare: expected a tensor.*got a float.*compare\(loss\)"),
        (lambda: Tensor(1.0), r"compare: expected the result of a computation"),
        (lambda: Tensor([1.0, 2.0]) + 1, r"compare: expected a scalar.*shape \(2,\)"),
        (lambda: Tensor(1.0) + 1, r"compare: v\d has no gradient yet. Call v\d.backward"),
    ],
)
def test_what_cannot_be_compared_is_said(make: Callable[[], Any], words: str) -> None:
    with pytest.raises((CourseError, TypeError), match=words):
        compare(make())


def test_gradients_that_were_dropped_or_belong_to_another_pass_are_said(
    reference_rules: None,
) -> None:
    y = not_a_tree()
    y.backward(keep_inner=False)
    y.grad = np.float64(1.0)
    with pytest.raises(
        CourseError, match=r"Call backward\(\) without keep_inner=False|no gradient"
    ):
        compare(y)
    u = Tensor(2.0, "x") * 3.0
    (u * 5.0).backward()
    with pytest.raises(CourseError, match="expected a gradient of 1 at v1"):
        compare(u)


def test_what_nobody_could_read_is_refused() -> None:
    x = Tensor(1.0)
    for _ in range(60):
        x = x + 1
    with pytest.raises(CourseError, match="121 nodes; a picture of more than 80"):
        compare(x)


def test_without_a_graph_there_is_nothing_to_compare() -> None:
    with no_grad():
        f = Tensor(1.0) + 2
    with pytest.raises(CourseError, match="nothing was computed"):
        compare(f)


# --- below a failed check -------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n, e in exercises().items() if e.kind in ("rule", "whole")])
def test_a_right_rule_has_no_example_and_a_wrong_one_is_blamed(
    name: str, reference_rules: None
) -> None:
    exercise = exercises()[name]
    assert isinstance(exercise, OperationExercise)
    assert compared_example(exercise) is None  # right on all that is tried
    right = exercise.operation.backward

    def too_large(ctx: Any, grad_output: Any) -> Any:
        return tuple(one * 1.5 for one in right(ctx, grad_output))

    exercise.operation.backward = staticmethod(too_large)  # type: ignore[method-assign]
    compared = compared_example(exercise)
    assert compared is not None
    assert blamed(compared) == name


def test_a_rule_that_stops_has_no_example(reference_rules: None) -> None:
    exercise = exercises()["mul"]
    assert isinstance(exercise, OperationExercise)
    backward_of(ops.mul)(lambda ctx, grad_output: (grad_output,))  # noqa: ARG005
    assert compared_example(exercise) is None


def test_what_a_rule_writes_into_ctx_is_said_also_where_this_pass_came_out_right(
    reference_rules: None,
) -> None:
    def spoils(ctx: Any, grad_output: Any) -> Any:
        probabilities, labels = ctx
        probabilities[np.arange(len(labels)), labels] -= 1.0
        return (probabilities * grad_output / len(labels),)

    backward_of(ops.softmax_cross_entropy)(spoils)
    scores = Tensor(np.random.default_rng(0).normal(size=(3, 4)), "scores")
    loss = ops.softmax_cross_entropy(scores, labels=[0, 3, 1])
    loss.backward()
    compared = compare(loss)
    assert blamed(compared) == "softmax_cross_entropy"
    assert "right this time" in compared.sentences[0]


def test_a_rule_that_overwrites_the_output_it_saved_is_blamed_and_not_forward(
    reference_rules: None,
) -> None:
    def spoils(ctx: Any, grad_output: Any) -> Any:
        (output,) = ctx
        output *= grad_output
        return (output,)

    backward_of(ops.exp)(spoils)
    x = Tensor([0.5, -1.0], "x")
    loss = (ops.exp(x) * np.array([2.0, 3.0])).sum()
    loss.backward()
    compared = compare(loss)
    assert blamed(compared) == "exp"
    assert "writes into what ctx holds" in compared.sentences[0]


def test_of_large_arrays_the_entry_that_differs_most_is_named(reference_rules: None) -> None:
    def transposed(ctx: Any, grad_output: Any) -> Any:
        x, y = ctx
        return (grad_output @ y.T).T, x.T @ grad_output

    backward_of(ops.matmul)(transposed)
    rng = np.random.default_rng(0)
    x, y = Tensor(rng.normal(size=(3, 3)), "x"), Tensor(rng.normal(size=(3, 3)), "y")
    loss = ops.square(x @ y).sum()
    loss.backward()
    assert "shape (3, 3), entry [" in compare(loss).sentences[0]


@pytest.mark.parametrize("error", [0.0, 1e-6, -1e-6])
def test_one_entry_of_many_is_found_wrong_and_no_right_one(
    error: float, reference_rules: None
) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(16, 64))
    x[3] = 0.0  # so these units are at their kink
    W, b = Tensor(rng.normal(size=(64, 32)), "W"), Tensor(np.zeros(32), "b")
    h = ops.relu(ops.linear(x, W, b))
    loss = (h * h + h * rng.normal(size=(16, 32))).sum()
    loss.backward()
    assert W.grad is not None
    W.grad = np.array(W.grad)
    W.grad[5, 7] += error * np.abs(W.grad).max()
    compared = compare(loss)
    wrong = {label for label, state in states(compared).items() if state == "wrong"}
    assert wrong == ({"W"} if error else set())


def test_a_pass_that_stopped_is_said(reference_rules: None) -> None:
    backward_of(ops.mul)(lambda ctx, grad_output: grad_output)  # noqa: ARG005
    f = (Tensor(1.0, "x") * 2.0) + 3.0
    with pytest.raises(CourseError):
        f.backward()
    with pytest.raises(CourseError, match=r"compare: the backward pass stops at v\d.*Mend it"):
        compare(f)


# --- what a measurement may not stumble over -----------------------------------------------------


def accused(loss: Tensor) -> bool:
    loss.backward()
    return compare_gradients(loss).fault is not None


def test_right_rules_are_not_accused_beside_a_transpose(reference_rules: None) -> None:
    """A transposed array is in Fortran order: its entries do not lie in the order of its rows."""
    for dtype in (np.float32, np.float64):
        numbers = np.arange(1.0, 7.0, dtype=dtype).reshape(2, 3)
        x, y = Tensor(numbers, "x"), Tensor(numbers, "y")
        assert not accused((x.T * x.T).sum())
        assert not accused(((-y).T * y.T).sum() + 1e5)


def test_right_rules_with_an_absolute_value_are_not_accused_beside_a_large_number() -> None:
    @tensor_op
    class lasso(Operation):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.append(x)
            return np.add.reduce(np.sin(x) + 1e-4 * np.abs(x)) + 4e6

        @staticmethod
        def backward(ctx: Any, grad_output: Any) -> Any:
            (x,) = ctx
            return (grad_output * (np.cos(x) + 1e-4 * np.sign(x)),)

    assert not accused(lasso(Tensor([0.3, 1.0])))  # type: ignore[arg-type]
