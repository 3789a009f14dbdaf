"""The table of a graph says what was computed, from what, with which gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import networkx
import numpy as np
import pytest

from course_autograd import Operation, Tensor, backward_of, graph, no_grad, ops, tensor_op, words
from course_autograd.errors import CourseError


def lecture_example() -> Tensor:
    x, y, z = Tensor(-2.0, "x"), Tensor(5.0, "y"), Tensor(-4.0, "z")
    q = x + y
    q.name = "q"
    f = q * z
    f.name = "f"
    return f


def test_the_lectures_example_as_a_table() -> None:
    f = lecture_example()
    assert graph.table(f).splitlines() == [
        "node  operation  inputs  value  gradient",
        "----------------------------------------",
        "x     input      –       -2     –",
        "y     input      –       5      –",
        "q     add        x, y    3      –",
        "z     input      –       -4     –",
        "f     mul        q, z    -12    –",
    ]


def test_gradients_appear_once_they_exist() -> None:
    x = Tensor([1.0, 2.0], "x")
    y = (x + 3).mean()
    y.backward()
    last = [line.split()[-1] for line in graph.table(y).splitlines()[2:]]
    assert graph.table(y).splitlines()[2].split()[-4:] == ["[0.5,", "0.5]"] * 2
    assert last[1] == "–"  # the constant has none
    assert last[-1] == "1"


def test_every_node_comes_after_its_inputs_and_the_output_last() -> None:
    x = Tensor(1.0)
    y = x
    for _ in range(5):
        y = (y + x) * (x - y)
    nodes = graph.trace(y)
    assert [node.number for node in nodes] == list(range(len(nodes)))
    assert all(i < node.number for node in nodes for i in node.inputs)
    used = {i for node in nodes for i in node.inputs}
    assert used == set(range(len(nodes) - 1))


def test_nodes_and_edges_are_those_of_get_graph_above() -> None:
    f = lecture_example()
    above = f.get_graph_above()
    nodes = graph.trace(f)
    edges = {(nodes[i].label, node.label) for node in nodes for i in node.inputs}
    assert edges == {(a.name, b.name) for a, b in above.edges}
    assert networkx.is_directed_acyclic_graph(above)


def test_a_shared_tensor_is_one_node_and_every_use_of_a_constant_is_its_own() -> None:
    x = Tensor(2.0, "x")
    nodes = graph.trace((x + 1) * (x + 1))
    assert [node.label for node in nodes] == ["x", "1", "v1", "1", "v2", "v3"]
    assert nodes[-1].inputs == (2, 4)


def test_a_tensor_used_twice_by_one_operation_is_listed_twice() -> None:
    x = Tensor(2.0, "x")
    assert graph.trace(x * x)[-1].inputs == (0, 0)


def test_labels_are_unique_whatever_the_names() -> None:
    tensors = [Tensor(1.0, name) for name in ("x", "x", "v1", None, "x (2)", "x")]
    total = tensors[0]
    for tensor in tensors[1:]:
        total = total + tensor
    labels = [node.label for node in graph.trace(total)]
    assert len(set(labels)) == len(labels)
    assert {"x", "v1", "x (2)"} <= set(labels)


def test_options_are_shown_and_defaults_are_not() -> None:
    x = Tensor(np.ones((3, 4)), "x")
    assert graph.trace(x.sum(axis=0, keepdims=True))[-1].kind == "sum(axis=0, keepdims=True)"
    assert graph.trace(x.sum())[-1].kind == "sum"
    assert graph.trace(x[0:2])[-1].kind == "getitem(index=0:2)"
    lookup = ops.lookup(x, rows=np.array([0, 1, 1, 0]))
    assert graph.trace(lookup)[-1].kind == "lookup(rows (4,))"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1 / 3, "0.3333"),
        (123456.0, "1.235e+05"),
        (float("nan"), "nan"),
        (np.array([1.0, -2.0]), "(2,) -2 … 1"),
        (np.zeros((2, 3)), "(2, 3) all 0"),
        (np.zeros((0, 3)), "(0, 3) empty"),
        (np.array([1.0, np.inf]), "(2,) not finite"),
    ],
)
def test_values_in_words(value: object, text: str) -> None:
    assert words.value_text(value) == text


def test_long_and_strange_names_stay_on_one_short_line() -> None:
    x = Tensor(1.0, "a\n b\x00 " + "c" * 50)
    (node,) = graph.trace(x)
    assert node.label.startswith("a b� ccc")
    assert len(node.label) == 24
    assert graph.table(x).count("\n") == 2


def test_columns_stay_aligned_with_wide_characters() -> None:
    table = graph.table(Tensor(1.0, "数") + Tensor(2.0, "x"))
    widths = {
        words.width(line[: line.index("input ")]) for line in table.splitlines() if "input " in line
    }
    assert len(widths) == 1


def test_what_was_computed_without_a_graph_is_a_leaf() -> None:
    with no_grad():
        y = Tensor(1.0) + 2
    assert [node.kind for node in graph.trace(y)] == ["input"]


def test_a_very_deep_graph_has_a_table_that_is_cut_in_the_middle() -> None:
    y = Tensor(0.0, "x")
    for _ in range(20_000):
        y = y + 1
    lines = graph.table(y, most=10).splitlines()
    assert len(lines) == 13
    assert lines[7] == "... 39991 more nodes ..."
    assert lines[-1].split() == ["v20000", "add", "v19999,", "1", "20000", "–"]


def test_only_tensors_have_a_graph() -> None:
    with pytest.raises(TypeError, match=r"graph: expected a tensor.*got a float.*graph\.table"):
        graph.table(1.0)  # type: ignore[arg-type]


# --- the backward pass in sentences ------------------------------------------------------------


def test_the_backward_pass_is_told_in_sentences(
    capsys: pytest.CaptureFixture[str], reference_rules: None
) -> None:
    f = lecture_example()
    f.backward()
    graph.tell(f)
    assert capsys.readouterr().out.splitlines() == [
        "f to q: upstream 1 × local -4 = -4",
        "f to z: upstream 1 × local 3 = 3",
        "q to x: upstream -4 × local 1 = -4",
        "q to y: upstream -4 × local 1 = -4",
    ]


def test_numbers_are_told_with_the_digits_asked_for(reference_rules: None) -> None:
    x = Tensor(1.0, "x")
    y = ops.sigmoid(x)
    y.name = "y"
    y.backward()
    assert graph.sentences(y) == ["y to x: upstream 1 × local 0.1966 = 0.1966"]
    assert graph.sentences(y, 2) == ["y to x: upstream 1.00 × local 0.20 = 0.20"]


def test_a_value_used_twice_gets_two_messages_and_constants_get_none(
    reference_rules: None,
) -> None:
    x = Tensor(3.0, "x")
    y = x * (x + 1)
    y.backward()
    told = graph.sentences(y)
    assert [line.partition(":")[0] for line in told] == ["v2 to x", "v2 to v1", "v1 to x"]
    assert [line.split()[-1] for line in told] == ["4", "3", "3"]
    y = x * x
    y.backward()
    assert graph.sentences(y) == ["v1 to x: upstream 1 × local 3 = 3"] * 2


def test_messages_of_arrays_are_told_without_local_derivatives(reference_rules: None) -> None:
    W, x = Tensor([[1.0, 2.0], [3.0, -1.0]], "W"), Tensor([2.0, 1.0], "x")
    q = W @ x
    f = ops.sum(ops.square(q))
    f.backward()
    assert graph.sentences(f) == [
        "v3 to v2: upstream 1 comes in, sent on: [1, 1]",
        "v2 to v1: upstream [1, 1] comes in, sent on: [8, 10]",
        "v1 to W: upstream [8, 10] comes in, sent on: [[16, 8], [20, 10]]",
        "v1 to x: upstream [8, 10] comes in, sent on: [38, 6]",
    ]


def test_without_gradients_there_is_nothing_to_tell() -> None:
    with pytest.raises(CourseError, match=r"tell: f has no gradient yet. Call backward\(\)"):
        graph.tell(lecture_example())


def branching() -> Tensor:
    """The lecture's y = x u with u = x + 1, at 17."""
    x = Tensor(17.0, "x")
    u = x + 1
    u.name = "u"
    y = x * u
    y.name = "y"
    return y


def test_messages_are_upstream_times_local_in_the_order_they_are_sent(
    reference: Callable[[str], None],
) -> None:
    reference("01_chain_rule")
    y = branching()
    y.backward()
    nodes = graph.trace(y)
    said = [
        (nodes[m.sender].label, nodes[m.receiver].label, m.upstream, m.local, m.sent)
        for m in graph.messages(y)
    ]
    assert said == [("y", "x", 1, 18, 18), ("y", "u", 1, 17, 17), ("u", "x", 17, 1, 17)]


def test_the_table_says_what_a_gradient_is_the_sum_of(reference: Callable[[str], None]) -> None:
    reference("01_chain_rule")
    y = branching()
    y.backward()
    assert graph.table(y).splitlines() == [
        "node  operation  inputs  value  local derivative  upstream  gradient",
        "--------------------------------------------------------------------",
        "x     input      –       17     –                 18 + 17   35",
        "1     constant   –       1      –                 –         –",
        "u     add        x, 1    18     x: 1              17        17",
        "y     mul        x, u    306    x: 18, u: 17      1         1",
    ]


def test_what_does_not_add_up_is_not_written_as_a_sum(reference: Callable[[str], None]) -> None:
    reference("01_chain_rule")
    y = branching()
    y.backward()
    y.backward()  # x keeps 35 of the first pass
    x = graph.trace(y)[0]
    assert x.grad == 70
    assert graph.parts(x, graph.messages(y)) == []


def test_messages_of_a_wrong_rule_are_left_out_of_pictures(
    capsys: pytest.CaptureFixture[str],
) -> None:
    backward_of(ops.mul)(lambda _, g: (g, g))
    y = branching()
    y.backward()

    def broken(ctx: Any, grad_output: Any) -> Any:
        print("here")  # noqa: T201
        grad_output[...] = 0

    backward_of(ops.mul)(broken)
    with pytest.raises(TypeError):
        graph.messages(y)
    capsys.readouterr()
    nodes = graph.trace(y)
    assert [nodes[m.sender].label for m in graph.known_messages(y)] == ["u"]
    assert capsys.readouterr().out == ""


def test_a_rule_asked_again_cannot_change_the_gradients(
    reference: Callable[[str], None],
) -> None:
    reference("03_norm_squared")

    class spoil(Operation):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x + 0.0

        @staticmethod
        def backward(ctx: Any, grad_output: Any) -> Any:
            grad_output *= 2
            return (grad_output.copy(),)

    x = Tensor([1.0, 2.0], "x")
    y = tensor_op(spoil)(x)
    z = y.sum()
    z.backward()
    before = y.grad.copy()
    graph.known_messages(z)
    assert (y.grad == before).all()


def test_a_rule_that_writes_into_ctx_changes_nothing_by_being_asked_again(
    reference: Callable[[str], None],
) -> None:
    reference("03_norm_squared")

    def writes(ctx: Any, grad_output: Any) -> Any:
        (x,) = ctx
        x *= 2 * grad_output
        return (x.copy(),)

    x = Tensor([1.0, 2.0], "x")
    z = ops.sum(ops.square(x))
    z.backward()
    backward_of(ops.square)(writes)
    graph.known_messages(z)
    assert x.value.tolist() == [1.0, 2.0]


def test_a_rule_that_does_not_use_the_upstream_makes_no_false_equation() -> None:
    backward_of(ops.mul)(lambda ctx, _: (ctx[1], ctx[0]))
    f = (Tensor(3.0, "x") * 2.0) * -10.0
    f.name = "f"
    f.backward()
    said = graph.sentences(f)
    assert said[-1].endswith("upstream -10 × local 2 would be -20, but the rule sends 2")
