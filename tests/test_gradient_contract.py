"""The gradient contract: every breach has a sentence of its own, and none is silent."""

# ruff: noqa: ARG005 - the wrong rules here ignore what they are given

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from course_autograd import Operation, Tensor, backward_of, ops, tensor_op
from course_autograd.backward import backpropagate
from course_autograd.contract import conform, unbroadcast
from course_autograd.errors import CourseError, GradientContractError

VECTOR, MATRIX = np.array([1.0, 2.0, 3.0]), np.ones((2, 3))


@tensor_op
class double(Operation):
    """z = 2 x, one input, does not broadcast."""

    def forward(ctx, x):  # noqa: N805
        return 2.0 * x


@tensor_op
class dot(Operation):
    """z = x . y, two inputs, does not broadcast."""

    def forward(ctx, x, y):  # noqa: N805
        return x @ y


def one(answer: Any) -> Callable[[], Any]:
    """A backward pass through `double` whose rule returns `answer`."""
    backward_of(double)(lambda ctx, grad_output: answer)
    return lambda: backpropagate(double(Tensor(VECTOR)), np.ones(3))


def two(answer: Any) -> Callable[[], Any]:
    """A backward pass through `dot` whose rule returns `answer`."""
    backward_of(dot)(lambda ctx, grad_output: answer)
    return lambda: dot(Tensor(VECTOR), Tensor(VECTOR)).backward()


def elementwise(answer: Any) -> Callable[[], Any]:
    """A backward pass through `mul` of (2, 3) and (3,) whose rule returns `answer`."""
    backward_of(ops.mul)(lambda ctx, grad_output: answer)
    return lambda: backpropagate(Tensor(MATRIX) * Tensor(VECTOR), np.ones((2, 3)))


def scalar(answer: Any) -> Callable[[], Any]:
    """A backward pass through `double` of a scalar whose rule returns `answer`."""
    backward_of(double)(lambda ctx, grad_output: answer)
    return lambda: double(Tensor(1.0)).backward()


ONE = "expected a tuple with 1 gradient, one per input"
TWO = "expected a tuple with 2 gradients, one per input"
SENTENCES: list[tuple[str, Callable[[Any], Callable[[], Any]], Any, str]] = [
    (
        "nothing returned",
        one,
        None,
        f"double: the backward rule returned None; {ONE}. Does it end in a return statement?",
    ),
    (
        "a bare array",
        one,
        VECTOR,
        "double: the backward rule returned an array of shape (3,) instead of a tuple; "
        f"{ONE}. Write: return (gradient,) with the comma.",
    ),
    (
        "a bare number",
        scalar,
        2.0,
        f"double: the backward rule returned a single number instead of a tuple; {ONE}. "
        "Write: return (gradient,) with the comma.",
    ),
    (
        "a bare NumPy number",
        scalar,
        np.float64(2.0),
        f"double: the backward rule returned a single number instead of a tuple; {ONE}. "
        "Write: return (gradient,) with the comma.",
    ),
    (
        "an array that looks like a pair",
        two,
        np.ones((2, 3)),
        "dot: the backward rule returned an array of shape (2, 3) instead of a tuple; "
        f"{TWO}. Write: return them as a tuple.",
    ),
    ("a text", two, "ab", f"dot: the backward rule returned a str; {TWO}."),
    (
        "a dictionary",
        two,
        {"x": VECTOR, "y": VECTOR},
        f"dot: the backward rule returned a dict; {TWO}.",
    ),
    (
        "a generator",
        two,
        (g for g in (VECTOR, VECTOR)),
        f"dot: the backward rule returned a generator; {TWO}.",
    ),
    ("a tensor", one, Tensor(VECTOR), f"double: the backward rule returned a Tensor; {ONE}."),
    (
        "too few",
        two,
        (VECTOR,),
        f"dot: the backward rule returned 1 gradient; {TWO}. "
        "Return them in the order of the inputs.",
    ),
    (
        "too many",
        one,
        (VECTOR, VECTOR),
        f"double: the backward rule returned 2 gradients; {ONE}. "
        "Return them in the order of the inputs.",
    ),
    (
        "none at all",
        two,
        (),
        f"dot: the backward rule returned no gradients; {TWO}. "
        "Return them in the order of the inputs.",
    ),
    (
        "None in the tuple",
        two,
        (VECTOR, None),
        "dot: the gradient of y is None, but this input needs a gradient of shape (3,). "
        "Return an array (zeros where the output does not depend on it).",
    ),
    (
        "rows of unequal lengths",
        one,
        ([[1.0], [1.0, 2.0]],),
        "double: the gradient of x is not an array: ",
    ),
    (
        "a mask",
        one,
        (VECTOR > 1,),
        "double: the gradient of x has dtype bool; expected real numbers. "
        "A mask has to be multiplied with the upstream gradient.",
    ),
    (
        "complex numbers",
        one,
        (VECTOR * 1j,),
        "double: the gradient of x has dtype complex128; expected real numbers.",
    ),
    (
        "texts in the tuple",
        one,
        ("abc",),
        "double: the gradient of x has dtype <U3; expected real numbers.",
    ),
    (
        "tensors in the tuple",
        two,
        (VECTOR, Tensor(VECTOR)),
        "dot: the gradient of y is a Tensor; expected an array. Did you use a name from another ",
    ),
    (
        "an axis too many",
        one,
        (VECTOR[None],),
        "double: the gradient of x has shape (1, 3); expected (3,), the shape of the input. "
        "A gradient always has the shape of its value.",
    ),
    (
        "a scalar for a vector",
        two,
        (VECTOR, np.float64(2.0)),
        "dot: the gradient of y has shape (); expected (3,), the shape of the input. "
        "A gradient always has the shape of its value.",
    ),
    (
        "a vector for a scalar",
        scalar,
        (np.ones(1),),
        "double: the gradient of x has shape (1,); expected (), the shape of the input. "
        "A gradient always has the shape of its value.",
    ),
    (
        "a shape that is neither the input's nor the output's",
        elementwise,
        (MATRIX, np.ones(2)),
        "mul: the gradient of y has shape (2,); expected (3,) (or the output's shape "
        "(2, 3)), the shape of the input. A gradient always has the shape of its value.",
    ),
    (
        "transposed",
        elementwise,
        (MATRIX.T, VECTOR),
        "mul: the gradient of x has shape (3, 2); expected (2, 3) (or the output's shape "
        "(2, 3)), the shape of the input.",
    ),
]


@pytest.mark.parametrize(
    ("through", "answer", "sentence"), [pytest.param(*rest, id=name) for name, *rest in SENTENCES]
)
def test_every_breach_has_its_sentence(
    through: Callable[[Any], Callable[[], Any]], answer: Any, sentence: str
) -> None:
    run = through(answer)
    with pytest.raises(GradientContractError) as caught:
        run()
    assert str(caught.value).startswith(sentence)
    assert isinstance(caught.value, CourseError)
    assert isinstance(caught.value, ValueError)


def test_the_sentences_differ() -> None:
    sentences = [sentence for *_, sentence in SENTENCES]
    assert len(set(sentences)) == len(sentences) - 1  # the two kinds of a bare number


def test_an_operation_that_does_not_broadcast_has_to_sum_its_gradient_itself() -> None:
    backward_of(ops.add_bias)(lambda ctx, grad_output: (grad_output, grad_output))
    with pytest.raises(GradientContractError, match=r"b has shape \(2, 3\); expected \(3,\)"):
        backpropagate(ops.add_bias(Tensor(MATRIX), Tensor(VECTOR)), np.ones((2, 3)))


def turned(good: Any, bad: Any, calls: int) -> Callable[[Any, Any], Any]:
    """A rule that returns `good` that many times, and `bad` from then on."""
    answers = iter([good] * calls)
    return lambda ctx, grad_output: next(answers, bad)


BAD: list[tuple[str, Any]] = [
    ("nothing", None),
    ("a bare array", VECTOR),
    ("too few", (VECTOR,)),
    ("too many", (VECTOR, VECTOR, VECTOR)),
    ("None for the first", (None, VECTOR)),
    ("None for the second", (VECTOR, None)),
    ("a number for the first", (np.float64(1.0), VECTOR)),
    ("a number for the second", (VECTOR, np.float64(1.0))),
    ("a shape that would broadcast", (VECTOR[None], VECTOR)),
    ("one entry too few", (VECTOR, VECTOR[:2])),
    ("truth values", (VECTOR > 0, VECTOR)),
    ("complex numbers", (VECTOR, VECTOR * 1j)),
    ("objects", (VECTOR.astype(object), VECTOR)),
    ("a tensor", (VECTOR, Tensor(VECTOR))),
    ("a text", ("abc", VECTOR)),
]


@pytest.mark.parametrize("answer", [pytest.param(answer, id=name) for name, answer in BAD])
@pytest.mark.parametrize("calls", [0, 1, 5])
@pytest.mark.parametrize("keep_inner", [True, False])
def test_a_rule_that_was_right_before_is_still_checked_on_every_call(
    answer: Any, calls: int, keep_inner: bool
) -> None:
    """The same operation, the same shapes, the same graph: nothing is taken on trust."""
    backward_of(dot)(turned((VECTOR, VECTOR), answer, calls))
    x, y = Tensor(VECTOR), Tensor(VECTOR)
    output = dot(x, y)
    for _ in range(calls):
        output.backward(keep_inner=keep_inner)
    kept = None if x.grad is None else x.grad.copy()
    with pytest.raises(GradientContractError, match=r"^dot: "):
        output.backward(keep_inner=keep_inner)
    for leaf in (x, y):  # half a pass is none
        np.testing.assert_array_equal(leaf.grad, kept)


@pytest.mark.parametrize("answer", [None, 1.0, (), (None,), (VECTOR,), (True,), ("1",), (1j,)])
def test_a_rule_of_a_number_that_was_right_before_is_still_checked(answer: Any) -> None:
    backward_of(double)(turned((np.float64(2.0),), answer, 2))
    x = Tensor(1.0)
    for _ in range(2):
        double(x).backward()
    with pytest.raises(GradientContractError, match=r"^double: "):
        double(x).backward()
    assert x.grad == 4.0


def test_a_breach_in_the_middle_of_a_graph_is_found_where_messages_add_up() -> None:
    """The second message to a node is checked like the first one."""
    backward_of(dot)(lambda ctx, grad_output: (grad_output * VECTOR, VECTOR[:1]))
    x = Tensor(VECTOR)
    with pytest.raises(GradientContractError, match=r"^dot: the gradient of y has shape \(1,\)"):
        dot(x, x).backward()
    assert x.grad is None


LEGAL: list[tuple[str, Callable[..., Any]]] = [
    ("a list for the tuple", lambda x, y, g: [g * y, g * x]),
    ("lists for the arrays", lambda x, y, g: ((g * y).tolist(), (g * x).tolist())),
    ("views", lambda x, y, g: ((g * y)[::-1][::-1], (g * x)[:])),
    ("read-only views", lambda x, y, g: (np.broadcast_to(g * y, (3,)), (g * x))),
    ("float32", lambda x, y, g: ((g * y).astype(np.float32), g * x)),
    ("integers", lambda x, y, g: ((g * y).astype(int), (g * x).astype(np.uint8))),
    ("saved arrays themselves", lambda x, y, g: (y, x)),
]


@pytest.mark.parametrize("rule", [pytest.param(rule, id=name) for name, rule in LEGAL])
def test_what_is_legal_is_taken_as_float_arrays_of_the_inputs_shape(
    rule: Callable[..., Any],
) -> None:
    backward_of(ops.matmul)(lambda ctx, grad_output: rule(*ctx, grad_output))
    x, y = Tensor([1.0, 2.0, 3.0]), Tensor([4.0, 5.0, 6.0])
    (x @ y).backward()
    for tensor, expected in ((x, [4.0, 5.0, 6.0]), (y, [1.0, 2.0, 3.0])):
        assert tensor.grad.tolist() == expected
        assert tensor.grad.dtype == np.float64
        assert tensor.grad.shape == (3,)
        assert tensor.grad.flags.writeable
        assert not np.shares_memory(tensor.grad, x.value)
        assert not np.shares_memory(tensor.grad, y.value)


@pytest.mark.parametrize("gradient", [3, 3.0, np.float64(3), np.float32(3), np.array(3.0), [3][0]])
def test_a_scalar_gradient_may_be_any_kind_of_number(gradient: Any) -> None:
    backward_of(double)(lambda ctx, grad_output: (gradient,))
    x = Tensor(1.0)
    double(x).backward()
    assert x.grad == 3.0
    assert x.grad.dtype == np.float64
    assert x.grad.shape == ()


def test_a_float32_input_gets_a_float32_gradient_whatever_the_rule_computes_in() -> None:
    backward_of(double)(lambda ctx, grad_output: (np.full(3, 2.0),))
    x = Tensor(VECTOR.astype(np.float32))
    backpropagate(double(x), np.ones(3, np.float32))
    assert x.grad.dtype == np.float32


def test_what_is_returned_for_an_input_that_needs_no_gradient_is_ignored() -> None:
    for ignored in (None, "anything", np.ones(7)):
        backward_of(dot)(lambda ctx, g, ignored=ignored: (g * VECTOR, ignored))
        x, y = Tensor(VECTOR), Tensor(VECTOR, requires_grad=False)
        dot(x, y).backward()
        assert x.grad.tolist() == VECTOR.tolist()
        assert y.grad is None


def test_the_broadcast_shape_is_summed_back_by_the_engine() -> None:
    backward_of(ops.mul)(lambda ctx, g: (g * ctx[1], g * ctx[0]))
    for left, right in (((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2, 3)), ((1,), (4, 1))):
        x, y = Tensor(np.full(left, 2.0)), Tensor(np.full(right, 5.0))
        output = x * y
        backpropagate(output, np.ones(output.shape))
        assert np.array_equal(x.grad, np.full(left, 5.0 * output.size / x.size))
        assert np.array_equal(y.grad, np.full(right, 2.0 * output.size / y.size))


def test_a_rule_may_also_sum_over_the_broadcast_axis_itself() -> None:
    backward_of(ops.mul)(lambda ctx, g: (g * ctx[1], (g * ctx[0]).sum(axis=0)))
    x, y = Tensor(MATRIX), Tensor(VECTOR)
    backpropagate(x * y, np.ones((2, 3)))
    assert y.grad.tolist() == [2.0, 2.0, 2.0]


def test_conform_is_the_same_function_for_the_engine_check_and_grader() -> None:
    """It works on plain values too: the judge has no tensors."""
    gradients = conform("mul", [MATRIX, MATRIX], (MATRIX, VECTOR), (2, 3), broadcasts=True)
    assert [gradient.shape for gradient in gradients] == [(2, 3), (3,)]
    assert gradients[1].tolist() == [2.0, 2.0, 2.0]
    assert conform("mul", (1, 2), (2.0, 3.0), (), needs=(True, False)) == [1, None]


@pytest.mark.parametrize(
    ("broadcast", "shape"),
    [((2, 3), (3,)), ((2, 3), (2, 1)), ((2, 3), (1, 1)), ((2, 3), ()), ((4, 2, 3), (2, 1))],
)
def test_unbroadcast_sums_over_the_copies(
    broadcast: tuple[int, ...], shape: tuple[int, ...]
) -> None:
    gradient = np.arange(float(np.prod(broadcast))).reshape(broadcast)
    source = np.broadcast_to(np.arange(int(np.prod(shape))).reshape(shape), broadcast)
    expected = [gradient[source == number].sum() for number in range(int(np.prod(shape)))]
    summed = unbroadcast(gradient, shape)
    assert summed.shape == shape
    assert summed.ravel().tolist() == expected
