"""Steps through a computation: forward one value at a time, backward one message at a time."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from course_autograd import Tensor, backward_of, graph, nn, no_grad, ops, step
from course_autograd.errors import CourseError
from course_autograd.pictures.frames import Frame, backward_frames
from course_autograd.pictures.step import MOST_NODES, Stepper


def named(tensor: Tensor, name: str) -> Tensor:
    tensor.name = name
    return tensor


def x_plus_y_times_z() -> Tensor:
    q = named(Tensor(-2.0, "x") + Tensor(5.0, "y"), "q")
    return named(q * Tensor(-4.0, "z"), "f")


def x_times_x_plus_1() -> Tensor:
    x = Tensor(17.0, "x")
    return named(x * named(x + 1, "u"), "y")


def neuron() -> Tensor:
    inside = Tensor(2.0, "w0") * Tensor(-1.0, "x") + Tensor(3.0, "w1")
    return named(ops.reciprocal(ops.exp(-inside) + 1), "f")


def norm() -> Tensor:
    q = named(Tensor([[1.0, 2.0], [3.0, -1.0]], "W") @ Tensor([2.0, 1.0], "x"), "q")
    return named(ops.square(q).sum(), "f")


def after_backward(make: Callable[[], Tensor]) -> Tensor:
    tensor = make()
    tensor.backward()
    return tensor


def sentences(tensor: Tensor) -> list[str]:
    return [frame.text for frame in step(tensor).frames]


def kinds(tensor: Tensor) -> list[str]:
    return [frame.kind for frame in step(tensor).frames]


# --- the lectures' examples ----------------------------------------------------------------


@pytest.mark.usefixtures("reference_rules")
def test_the_lectures_example_step_by_step() -> None:
    assert sentences(after_backward(x_plus_y_times_z)) == [
        "Given: x = −2, y = 5 and z = −4.",
        "q = x + y = −2 + 5 = 3",
        "f = q × z = 3 × (−4) = −12",
        "Backward begins at f with df/df = 1. All other gradients start at 0.",
        "f to q: upstream 1 × local −4 = −4.",
        "f to z: upstream 1 × local 3 = 3.",
        "q to x: upstream −4 × local 1 = −4.",
        "q to y: upstream −4 × local 1 = −4.",
        "Done: df/dx = −4, df/dy = −4 and df/dz = 3.",
    ]


@pytest.mark.usefixtures("reference_rules")
def test_at_a_branch_the_gradient_fills_message_by_message() -> None:
    frames = step(after_backward(x_times_x_plus_1)).frames
    assert [frame.text for frame in frames[4:]] == [
        "y to x: upstream 1 × local 18 = 18. x has 18 so far.",
        "y to u: upstream 1 × local 17 = 17.",
        "u to x: upstream 17 × local 1 = 17. x: 18 + 17 = 35.",
        "Done: dy/dx = 35.",
    ]
    # In between the picture shows what has arrived; once that is all, what it shows anyway.
    assert [frame.gradient for frame in frames[4:7]] == ["∂ 18", "", ""]


@pytest.mark.usefixtures("reference_rules")
def test_a_negative_message_is_added_in_brackets_and_three_of_them_one_by_one() -> None:
    x = Tensor(2.0, "x")
    y = named(x * 3 + (x * -5 + x), "y")
    y.backward()
    said = [text for text in sentences(y) if " to x:" in text]
    assert [text.partition(". ")[2] for text in said] == [
        "x has 1 so far.",
        "x: 1 + (−5) = −4 so far.",
        "x: −4 + 3 = −1.",
    ]


@pytest.mark.usefixtures("reference_rules")
def test_the_same_input_twice_gets_two_messages_over_two_wires() -> None:
    x = Tensor(3.0, "x")
    y = named(x * x, "y")
    y.backward()
    sent = [frame for frame in step(y).frames if frame.kind == "backward"]
    assert [(one.node, one.receiver, one.position) for one in sent] == [(1, 0, 0), (1, 0, 1)]
    assert sent[-1].text.endswith("x: 3 + 3 = 6.")


@pytest.mark.usefixtures("reference_rules")
def test_the_neuron_has_the_lectures_numbers() -> None:
    frames = step(after_backward(neuron)).frames
    forward = [frame.text for frame in frames if frame.kind == "forward"]
    assert forward == [
        "v1 = w0 × x = 2 × (−1) = −2",
        "v2 = v1 + w1 = −2 + 3 = 1",
        "v3 = −v2 = −1",
        "v4 = exp(v3) = exp(−1) = 0.3679",
        "v5 = v4 + 1 = 0.3679 + 1 = 1.368",
        "f = 1 ÷ v5 = 1 ÷ 1.368 = 0.7311",
    ]
    sigmoid = 1 / (1 + np.exp(-1))
    inner = sigmoid * (1 - sigmoid)
    end = frames[-1].text
    assert end == (
        f"Done: df/dw0 = −{inner:.4f}, df/dx = {2 * inner:.4f} and df/dw1 = {inner:.4f}."
    )
    assert "f to v5: upstream 1 × local −0.5344 = −0.5344." in sentences(after_backward(neuron))


@pytest.mark.usefixtures("reference_rules")
def test_other_operations_are_written_as_one_writes_them() -> None:
    x, y = Tensor(-2.0, "x"), Tensor(4.0, "y")
    forward = {
        -x: "v1 = −x = −(−2) = 2",
        x - y: "v1 = x − y = −2 − 4 = −6",
        x / y: "v1 = x ÷ y = −2 ÷ 4 = −0.5",
        ops.square(x): "v1 = x² = (−2)² = 4",
        ops.power(x, exponent=3): "v1 = x ** 3 = (−2) ** 3 = −8",
        ops.maximum(x, y): "v1 = maximum(x, y) = maximum(−2, 4) = 4",
        2 * x: "v1 = 2 × x = 2 × (−2) = −4",
        x * -1.0: "v1 = x × (−1) = −2 × (−1) = 2",
    }
    for tensor, sentence in forward.items():
        assert sentences(tensor)[1] == sentence


# --- arrays --------------------------------------------------------------------------------


@pytest.mark.usefixtures("reference_rules")
def test_arrays_show_shapes_and_entries_and_no_local_derivative() -> None:
    assert sentences(after_backward(norm)) == [
        "Given: W = [[1, 2], [3, −1]] and x = [2, 1].",
        "q = W @ x. Shape (2, 2) and shape (2,) give shape (2,): [4, 5]",
        "v1 = q². Shape (2,) gives shape (2,): [16, 25]",
        "f = sum(v1). Shape (2,) gives a number: 41",
        "Backward begins at f with df/df = 1. All other gradients start at 0.",
        "f to v1: upstream 1 comes in; [1, 1] goes on, in the shape of v1.",
        "v1 to q: upstream [1, 1] comes in; [8, 10] goes on, in the shape of q.",
        "q to W: upstream [8, 10] comes in; [[16, 8], [20, 10]] goes on, in the shape of W.",
        "q to x: upstream [8, 10] comes in; [38, 6] goes on, in the shape of x.",
        "Done: df/dW = [[16, 8], [20, 10]] and df/dx = [38, 6].",
    ]


@pytest.mark.usefixtures("reference_rules")
def test_large_arrays_show_shape_and_range() -> None:
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(6, 4, rng=rng), nn.ReLU(), nn.Linear(4, 3, rng=rng))
    loss = ops.softmax_cross_entropy(model(rng.random((5, 6))), labels=np.array([0, 1, 2, 0, 1]))
    loss.backward()
    said = sentences(loss)
    assert all(len(text) < 250 for text in said)
    assert re.search(r"Shape \(5, 6\).* give shape \(5, 4\): −?[\d.]+ … [\d.]+$", said[1])
    number = r"−?[\d.]+"
    sentence = (
        rf"^v1 to W: upstream of shape \(5, 4\) comes in; shape \(6, 4\) goes on: {number} … "
    )
    assert any(re.search(sentence, text) for text in said)
    assert "of shape (6, 4)" in said[-1]


@pytest.mark.usefixtures("reference_rules")
def test_rows_of_a_lookup_are_shown_as_the_whole_table() -> None:
    table = Tensor(np.ones((3, 2)), "E")
    loss = ops.lookup(table, rows=np.array([0, 2, 2])).sum()
    loss.backward()
    assert sentences(loss)[-1] == "Done: dv2/dE = [[1, 1], [0, 0], [2, 2]]."


# --- before, without and with wrong rules ---------------------------------------------------


def test_before_backward_it_ends_after_the_forward_part_and_says_what_to_call() -> None:
    f = x_plus_y_times_z()
    assert kinds(f) == ["given", "forward", "forward", "stop"]
    assert sentences(f)[-1] == (
        "All values are computed; there are no gradients yet. "
        "Call f.backward(), then step again: from here it goes backward."
    )
    assert "∂ " not in "".join(re.findall(r">([^<]*)</text>", step(f).svg)).replace("∂:", "")


def test_an_array_says_that_backward_starts_from_a_number() -> None:
    q = named(ops.add(Tensor([1.0, 2.0], "a"), 1.0), "q")
    assert "q has shape (2,), and backward() starts from one number" in sentences(q)[-1]


def test_gradients_of_another_pass_are_not_shown() -> None:
    x = Tensor(2.0, "x")
    x.grad = np.float64(7.0)
    assert "∂ 7" not in step(named(x + 1, "y")).svg


def test_a_rule_that_is_not_written_ends_the_steps_kindly() -> None:
    x, y = Tensor(3.0, "x"), Tensor(4.0, "y")
    u = named(x * y, "u")
    f = named(u + x, "f")
    with pytest.raises(NotImplementedError):
        f.backward()
    frames = step(f).frames
    assert [frame.kind for frame in frames[3:]] == ["seed", "backward", "backward", "stop"]
    assert frames[4].text == "f to u: upstream 1 × local 1 = 1."
    assert frames[5].text == "f to x: upstream 1 × local 1 = 1. x has 1 so far."
    assert frames[6].node == 2
    assert frames[6].text == (
        "Up to here the gradients are known. u cannot send its messages yet: mul has no backward "
        "rule yet: it is the exercise 'mul' of assignment 01_chain_rule. Write it in a cell under "
        "@backward_of(ops.mul), run that cell, and try again."
    )


def divides_by_zero(ctx: Any, g: Any) -> Any:
    return 1 / 0


def returns_one_gradient_for_two(ctx: Any, g: Any) -> Any:
    return g


def returns_nothing(ctx: Any, g: Any) -> Any:
    return None


def returns_words(ctx: Any, g: Any) -> Any:
    return "a", "b"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (divides_by_zero, "ZeroDivisionError: division by zero."),
        (returns_one_gradient_for_two, "GradientContractError: mul:"),
        (returns_nothing, "GradientContractError: mul: the backward rule returned None"),
        (returns_words, "GradientContractError: mul:"),
    ],
)
def test_a_rule_that_fails_is_said_with_its_reason(rule: Any, words: str) -> None:
    f = x_plus_y_times_z()
    backward_of(ops.mul)(rule)
    with pytest.raises(Exception, match=r".*"):
        f.backward()
    last = step(f).frames[-1]
    assert last.kind == "stop"
    assert words in last.text
    assert last.text.endswith("Mend it, call backward() again, and step on from here.")
    assert "\n" not in last.text


def test_a_rule_without_the_upstream_gradient_is_seen_at_its_message() -> None:
    @backward_of(ops.mul)
    def mul_backward(ctx: Any, g: Any) -> Any:
        return ctx[1], ctx[0]

    q = named(Tensor(2.0, "x") * Tensor(5.0, "y"), "q")
    f = named(q * Tensor(3.0, "z"), "f")
    f.backward()
    said = sentences(f)
    assert "f to q: upstream 1 × local 3 = 3." in said
    assert (
        "q to x: upstream 3, and for upstream 1 the rule of mul sends 5. The product would be 15, "
        "but it sends 5. Does the rule use the upstream gradient?"
    ) in said


def test_what_a_rule_prints_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    def rule(ctx: Any, g: Any) -> Any:
        print("noise")  # noqa: T201
        return g * ctx[1], g * ctx[0]

    f = x_plus_y_times_z()
    backward_of(ops.mul)(rule)
    f.backward()
    capsys.readouterr()
    step(f)
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("reference_rules")
@pytest.mark.parametrize("make", [x_plus_y_times_z, x_times_x_plus_1, norm])
@pytest.mark.parametrize("backward", [True, False])
def test_nothing_of_the_tensors_is_changed(make: Callable[[], Tensor], backward: bool) -> None:
    tensor = make()
    if backward:
        tensor.backward()

    def state() -> list[Any]:
        return [
            (node.value.tolist(), None if node.grad is None else node.grad.tolist())
            for node in graph.trace(tensor)
            if not node.constant
        ]

    before = state()
    step(tensor)._repr_html_()
    assert state() == before


@pytest.mark.usefixtures("reference_rules")
def test_a_second_backward_pass_is_noticed_at_the_end() -> None:
    y = after_backward(x_times_x_plus_1)
    y.backward()
    assert sentences(y)[-1].startswith(
        "Done: dy/dx = 35. But x.grad is 70: gradients of inputs add up over backward passes"
    )


@pytest.mark.usefixtures("reference_rules")
def test_steps_are_the_messages_of_the_graph() -> None:
    for make in (x_plus_y_times_z, x_times_x_plus_1, neuron, norm):
        tensor = after_backward(make)
        sent = [frame for frame in step(tensor).frames if frame.kind == "backward"]
        assert [(one.node, one.receiver, one.position) for one in sent] == [
            (one.sender, one.receiver, one.position) for one in graph.messages(tensor)
        ]
        followed = graph.follow(tensor)
        for node in graph.trace(tensor):
            if not node.constant:
                np.testing.assert_array_equal(followed.gradients[node.number], node.grad)


# --- what cannot be stepped through ----------------------------------------------------------


def test_too_large_a_graph_says_how_large_and_what_to_do() -> None:
    y = Tensor(1.0, "x")
    for _ in range(40):
        y = y + 1
    with pytest.raises(CourseError, match=f"81 nodes; more than {MOST_NODES} are too many"):
        step(y)


def test_the_largest_graph_that_is_allowed_can_be_stepped_through() -> None:
    x = y = Tensor(1.0, "x")
    for _ in range(MOST_NODES - 1):
        y = y + x
    y.backward()
    assert len(step(y).frames) == 3 + 3 * (MOST_NODES - 1)
    assert len(step(y)._repr_html_()) < 250_000  # as bad as it gets: 59 wires from x


@pytest.mark.parametrize("wrong", [5, None, [1.0], "f"])
def test_only_tensors_can_be_stepped_through(wrong: Any) -> None:
    with pytest.raises(TypeError, match="step: expected a tensor, the result of a computation"):
        step(wrong)


def test_what_was_not_computed_has_no_steps() -> None:
    with pytest.raises(CourseError, match="nothing was computed for"):
        step(Tensor(2.0, "x"))
    with no_grad():
        y = Tensor(2.0, "x") + 1
    with pytest.raises(CourseError, match=r"made inside no_grad\(\)"):
        step(y)


# --- the page ---------------------------------------------------------------------------------


class Page(HTMLParser):
    """Collects what a page without scripts shows."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.items: list[str] = []
        self.inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.inside = tag
        if tag == "li":
            self.items.append("")

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "li":
            self.items[-1] += data

    def attributes(self, tag: str) -> dict[str, str | None]:
        return next(attributes for name, attributes in self.tags if name == tag)


@pytest.fixture
def lecture(reference_rules: None) -> Stepper:
    return step(after_backward(x_plus_y_times_z))


def test_without_scripts_there_is_a_picture_with_alt_text_and_all_steps_as_a_list(
    lecture: Stepper,
) -> None:
    page = Page(lecture._repr_html_())
    assert page.attributes("img")["alt"] == lecture.alt
    assert "∂x = -4" in lecture.alt
    assert page.items == [frame.text for frame in lecture.frames]
    names = [name for name, _ in page.tags]
    assert names.index("details") < names.index("summary") < names.index("ol")
    assert page.attributes("div")["data-stepper"] == "Step by step through f"
    assert "<summary>All 9 steps as a list</summary>" in lecture._repr_html_()


def test_text_viewers_get_the_numbered_steps(lecture: Stepper) -> None:
    bundle = lecture._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    assert bundle["text/plain"] == repr(lecture)
    assert repr(lecture).splitlines()[4] == "5. f to q: upstream 1 × local −4 = −4."


def test_names_of_values_stand_in_the_picture_also_where_only_the_sentences_give_them(
    reference_rules: None,
) -> None:
    assert ">v1 = −2</text>" in step(after_backward(neuron)).svg


def test_the_page_fetches_nothing_and_has_no_ids(lecture: Stepper) -> None:
    html = lecture._repr_html_()
    assert re.findall(r"https?://[^\"' ]+", html) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"\bid=|fetch\(|XMLHttp|import\(|eval\(|innerHTML", html)


@pytest.mark.parametrize(
    "name", ["</li></script><script>x()</script>", '"><img src=x onerror="x()">', "a&lt;b'"]
)
def test_names_are_text_wherever_they_stand(name: str, reference_rules: None) -> None:
    f = named(Tensor(2.0, name) * Tensor(3.0, "y"), name)
    f.backward()
    html = step(f)._repr_html_()
    page = Page(html)
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert [tag for tag, _ in page.tags].count("img") == 1
    assert name[:20] in page.items[0]
    assert html.count("</script>") == 1


@pytest.mark.parametrize(("make", "most"), [(x_plus_y_times_z, 20), (neuron, 26)])
@pytest.mark.usefixtures("reference_rules")
def test_it_is_small(make: Callable[[], Tensor], most: int) -> None:
    assert len(step(after_backward(make))._repr_html_().encode()) < most * 1000


def test_frames_are_plain_data(lecture: Stepper) -> None:
    assert lecture.frames[4] == Frame("backward", "f to q: upstream 1 × local −4 = −4.", 4, 2, 0)
    tensor = after_backward(x_plus_y_times_z)
    again = backward_frames(graph.trace(tensor), graph.follow(tensor))
    assert tuple(again) == lecture.frames[3:]
