"""check(...) as a student meets it: what is printed, what is raised, what is accepted."""

# ruff: noqa: ARG005, T201 - rules are students' code: they print, and ignore what they are given

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import course_autograd
from course_autograd import (
    Operation,
    backward_of,
    check,
    implements,
    ops,
    progress,
    ready,
    tensor_op,
)
from course_autograd.checking import CheckTargetError
from course_autograd.errors import CheckFailed, CourseError
from course_autograd.exercises import exercises
from course_autograd.exercises.base import WORKED_OUT
from course_autograd.exercises.report import examine

Printed = Callable[[], str]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Iterator[Printed]:
    """Return what was printed since the last time; nothing may go to stderr."""

    def read() -> str:
        out, err = capsys.readouterr()
        assert err == ""
        return out

    yield read
    assert capsys.readouterr().err == ""


def right_mul(ctx: Any, grad_output: Any) -> Any:
    x, y = ctx
    return grad_output * y, grad_output * x


def test_a_right_rule_passes_and_says_what_was_tried(printed: Printed) -> None:
    backward_of(ops.mul)(right_mul)
    assert check(ops.mul) is None
    text = printed()
    assert text.startswith("mul: right.\n")
    assert "scalars, arrays, broadcasting, nothing changed in place" in text
    assert "3 seeds" in text
    assert "random upstream gradients of both signs" in text


@pytest.mark.parametrize("target", ["mul", "operation", "function"])
def test_a_rule_is_checked_by_operation_function_or_name(target: str, printed: Printed) -> None:
    rule = backward_of(ops.mul)(right_mul)
    check({"mul": "mul", "operation": ops.mul, "function": rule}[target])
    assert printed().startswith("mul: right.")


def test_a_whole_operation_is_checked_by_the_students_class(printed: Printed) -> None:
    @implements(ops.relu)
    class relu(Operation):
        @staticmethod
        def forward(ctx: list[Any], x: Any) -> Any:
            ctx.append(x)
            return np.maximum(x, 0.0)

        @staticmethod
        def backward(ctx: Any, grad_output: Any) -> Any:
            return (grad_output * (ctx[0] > 0),)

    for target in (relu, ops.relu, "relu"):
        check(target)
        assert printed().startswith("relu: right.")


def test_a_wrong_rule_fails_with_where_and_the_name_of_the_mistake(printed: Printed) -> None:
    backward_of(ops.mul)(lambda ctx, grad_output: (ctx[1], ctx[0]))
    with pytest.raises(CheckFailed, match=r"mul is not right yet.*It looks like: .*upstream"):
        check(ops.mul)
    lines = printed().splitlines()
    assert lines[1].startswith("Where: x a number, y a number: gradient of x: yours")
    assert any(line.startswith("Looks like: ") and "upstream" in line for line in lines)
    assert not any(line.startswith(("What kind: ", "Think: ", "Reread: ")) for line in lines)
    assert lines[-1] == "More help: put `check(ops.mul, hint=2)` into a new cell."
    assert len(lines) < 12


def test_the_third_step_has_what_kind_and_a_question(printed: Printed) -> None:
    backward_of(ops.mul)(lambda ctx, grad_output: (ctx[1], ctx[0]))
    with pytest.raises(CheckFailed, match="mul is not right yet"):
        check(ops.mul, hint=3)
    lines = printed().splitlines()
    assert lines[0] == "mul: not yet. 0% of the points so far."
    assert lines[1].startswith("Where: x a number, y a number: gradient of x: yours")
    assert "measured" in lines[1]
    assert any(line.startswith("What kind: ") and "without the upstream" in line for line in lines)
    assert any(line.startswith("Think: ") and line.endswith("?") for line in lines)
    assert lines[-1] == "More help: put `check(ops.mul, hint=4)` into a new cell."
    assert len(lines) < 12


def test_hints_go_step_by_step(printed: Printed) -> None:
    backward_of(ops.mul)(lambda ctx, grad_output: (ctx[1], ctx[0]))
    titles = ("Where: ", "What kind: ", "Think: ", "Reread: ")
    for hint in (1, 2, 3, 4):
        with pytest.raises(CheckFailed):
            check(ops.mul, hint=hint)
        text = printed()
        assert [title for title in titles if title in text] == list(titles[:hint])
    with pytest.raises(CheckTargetError, match="expected hint to be 1, 2, 3 or 4, got 5"):
        check(ops.mul, hint=5)


@pytest.mark.parametrize(
    ("target", "answer", "call"),
    [
        ("relu", None, "check(ops.relu, hint=2, seed=3)"),
        ("backpropagate", lambda *_: {}, "check(backpropagate, hint=2, seed=3)"),
        ("by_hand", {"q": 1}, 'check("by_hand", by_hand, hint=3, seed=3)'),
    ],
)
def test_more_help_is_a_call_to_be_copied(
    target: str, answer: Any, call: str, printed: Printed
) -> None:
    body = {"forward": staticmethod(lambda ctx, x: x), "backward": staticmethod(lambda c, g: (g,))}
    implements(ops.relu)(type("relu", (Operation,), body))
    with pytest.raises(CheckFailed):
        check(target, answer, hint=1, seed=3)
    assert printed().splitlines()[-1] == f"More help: put `{call}` into a new cell."


def test_an_unwritten_exercise_says_at_hint_4_what_to_reread(printed: Printed) -> None:
    for name in ("mul", "relu"):
        with pytest.raises(CheckFailed):
            check(name, hint=4)
        assert printed().splitlines()[-1].startswith("Reread: ")


def test_exercises_come_in_the_order_of_the_notebooks(printed: Printed) -> None:
    progress("04_mlp", {})
    names = [line.split()[0] for line in printed().splitlines()]
    assert names == [
        *("mlp_by_hand", "relu", "tanh", "lookup", "break_lookup", "softmax_cross_entropy"),
        *("hinge", "regularised_hinge", "train_step"),
    ]


def test_the_same_inputs_are_drawn_again_and_others_for_another_seed(printed: Printed) -> None:
    backward_of(ops.mul)(lambda ctx, grad_output: (ctx[1], ctx[0]))
    texts = []
    for seed in (0, 0, 1):
        with pytest.raises(CheckFailed):
            check(ops.mul, seed=seed)
        texts.append(printed())
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize("name", list(exercises()))
def test_an_exercise_that_is_not_written_says_so_and_where(name: str, printed: Printed) -> None:
    exercise = exercises()[name]
    target: Any = {"rule": name, "whole": name}.get(exercise.kind)
    answer: Any = None
    if exercise.kind in WORKED_OUT:
        target, answer = name, dict.fromkeys(exercise.facets, ...)
    elif exercise.kind == "function":

        def target(*_: Any, **__: Any) -> Any:
            raise NotImplementedError

        target.__name__ = name
    with pytest.raises(CheckFailed, match=f"{name} is not written yet"):
        check(target, answer)
    first, second = printed().splitlines()
    assert first == f"{name}: not written yet."
    assert exercise.assignment in second
    assert "run that cell and check again" in second


def test_the_line_that_raises_may_have_been_left_in(printed: Printed) -> None:
    @backward_of(ops.mul)
    def mul_backward(ctx: Any, grad_output: Any) -> Any:
        raise NotImplementedError

    with pytest.raises(CheckFailed):
        check(mul_backward)
    assert "without the line that raises NotImplementedError" in printed()


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (3, "expected an operation such as ops.mul, a function or a name, got a single number"),
        (None, "expected an operation such as ops.mul, a function or a name, got None"),
        ("mull", "no exercise is called 'mull'. There are: by_hand"),
        ("by_hand", r"Write check\('by_hand', by_hand\)"),
        ({"q": 3}, "expected the name before the dict"),
        (ops.add, "add is no exercise"),
        (len, "no exercise is called 'len'. The name of the function must not be changed"),
    ],
)
def test_what_is_no_exercise_gets_a_clear_error(target: Any, words: str) -> None:
    with pytest.raises(CheckTargetError, match=words) as caught:
        check(target)
    assert isinstance(caught.value, CourseError)


def test_a_forgotten_decorator_is_recognised() -> None:
    def mul_backward(ctx: Any, grad_output: Any) -> Any:
        return right_mul(ctx, grad_output)

    with pytest.raises(CheckTargetError, match=r"Write @backward_of\(ops.mul\) above it"):
        check(mul_backward)

    @tensor_op
    class relu(Operation):
        @staticmethod
        def forward(ctx: list[Any], x: Any) -> Any:
            return x

    with pytest.raises(CheckTargetError, match=r"Write @implements\(ops.relu\) above the class"):
        check(relu)


def test_values_are_reported_number_by_number(printed: Printed) -> None:
    numbers = {"q": 3, "f": 12, "df/dq": -4, "df/dz": ..., "df/dx": "4", "df/dy": -4}
    with pytest.raises(CheckFailed):
        check("by_hand", numbers)
    text = printed()
    assert "Right: q, df/dq, df/dy." in text
    assert "f: not yet (yours was 12). Looks like: wrong sign." in text
    assert "not answered yet: df/dz." in text
    assert "df/dx: expected a number, got a text in quotes." in text


@pytest.mark.parametrize("name", list(exercises()))
def test_reports_have_fewer_than_twelve_lines(name: str, printed: Printed) -> None:
    exercise = exercises()[name]
    answers: list[Any] = [lambda *_, **__: None, lambda *_, **__: 1.0, lambda: 0]
    if exercise.kind in WORKED_OUT:
        answers = [dict.fromkeys(exercise.facets, 1000000000.0), {}, {"unknown": 1}]
    for answer in answers:
        target: Any = name
        if exercise.kind == "rule":
            backward_of(getattr(ops, name))(answer)
        elif exercise.kind == "whole":
            forward = answer if answer is not answers[2] else answers[0]
            body = {"forward": staticmethod(forward), "backward": staticmethod(answer)}
            implements(getattr(ops, name))(type(name, (Operation,), body))
        elif exercise.kind == "function":
            answer.__name__ = name
            target = answer
        with pytest.raises(CheckFailed):
            check(target, answer if exercise.kind in WORKED_OUT else None, hint=4)
        assert len(printed().splitlines()) < 12


def test_output_and_warnings_of_an_answer_do_not_disturb(printed: Printed) -> None:
    @backward_of(ops.mul)
    def mul_backward(ctx: Any, grad_output: Any) -> Any:
        print("debugging")
        np.log(np.zeros(2))
        return right_mul(ctx, grad_output)

    check(ops.mul)
    assert "debugging" not in printed()


def test_a_failed_check_shows_one_line_in_a_notebook() -> None:
    backward_of(ops.mul)(lambda ctx, grad_output: None)
    with pytest.raises(CheckFailed) as caught:
        check(ops.mul)
    shown = caught.value._render_traceback_()
    assert len(shown) == 1
    assert shown[0].startswith("CheckFailed: mul is not right yet: x a number, y a number: ")
    assert isinstance(caught.value, AssertionError)


def test_progress_lists_what_is_right_and_what_is_open(printed: Printed) -> None:
    backward_of(ops.mul)(right_mul)
    backward_of(ops.power)(lambda ctx, grad_output: (grad_output * 2 * ctx[0],))
    progress("01_chain_rule", {"by_hand": {"q": 3, "f": -12, "df/dq": -4}})
    states = dict(line.split(maxsplit=1) for line in printed().splitlines())
    assert states["mul"] == "right"
    assert states["by_hand"] == "open: 50% of the points so far"
    assert states["maximum"] == "open: not written yet"
    assert states["power"].startswith("open: ")
    assert "exp" not in states
    with pytest.raises(CheckTargetError, match=r"expected one of 01_chain_rule, .*, got 'chain'"):
        progress("chain", {})


def test_progress_counts_points_in_the_order_given(printed: Printed) -> None:
    backward_of(ops.mul)(right_mul)
    points = {"mul": 3, "by_hand": 3, "numeric_gradient": 2.5, "maximum": 3}

    def numeric_gradient(f: Any, x: Any, h: float = 1e-5) -> Any:
        raise NotImplementedError

    answers = {"by_hand": {"q": 3, "f": -12, "df/dq": ...}, "numeric_gradient": numeric_gradient}
    progress("01_chain_rule", answers, points=points)
    lines = [line.split(maxsplit=4) for line in printed().splitlines()]
    assert [line[0] for line in lines] == [*points, "together"]
    assert lines[0][1:4] == ["3", "of", "3"]
    assert lines[1][1:] == ["1", "of", "3", "open: 33% of the points so far"]
    assert lines[2][1:] == ["0", "of", "2.5", "open: not written yet"]
    assert lines[-1][1:] == ["4", "of", "11.5", "points"]
    with pytest.raises(CheckTargetError, match="exp: no exercise of 01_chain_rule"):
        progress("01_chain_rule", {}, points={"exp": 2})


def test_ready_says_which_exercise_comes_first(printed: Printed) -> None:
    def numeric_gradient(f: Any, x: Any, h: float = 1e-5) -> Any:
        raise NotImplementedError

    assert not ready("numeric_gradient", {"numeric_gradient": numeric_gradient})
    assert printed().startswith(
        "This cell needs your numeric_gradient. Write the function numeric_gradient(f, x, h=1e-5)"
    )
    assert not ready("mul train_step", {})
    assert "needs your mul. Write mul_backward under @backward_of(ops.mul)" in printed()
    assert not ready("by_hand", {"by_hand": {"q": ...}})
    assert "needs your by_hand" in printed()
    with pytest.raises(CheckTargetError, match="ready: no exercise is called 'trainstep'"):
        ready("trainstep", {})


def test_ready_asks_whether_something_is_written_not_whether_it_is_right(printed: Printed) -> None:
    backward_of(ops.mul)(lambda ctx, grad_output: None)
    assert ready("mul backpropagate", {"backpropagate": lambda *_: 1 / 0})
    assert printed() == ""


def test_a_check_leaves_no_trace_on_the_rules() -> None:
    backward_of(ops.mul)(right_mul)
    examine(exercises()["mul"], ops.mul)
    assert ops.mul.backward is right_mul
    assert not hasattr(course_autograd, "solution")
