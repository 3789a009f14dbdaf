"""What a student sees in a real Jupyter kernel when something is wrong."""

from __future__ import annotations

import re
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

SETUP = "from course_autograd import Tensor, backward_of, check, ops"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(scope="module")
def run() -> Any:
    """Execute cells in one fresh kernel each time; return the outputs of the last cell."""

    def execute(*cells: str) -> list[Any]:
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in (SETUP, *cells)]
        )
        NotebookClient(notebook, timeout=120, kernel_name="python3", allow_errors=True).execute()
        outputs: list[Any] = notebook.cells[-1].outputs
        return outputs

    return execute


def traceback_of(outputs: list[Any]) -> list[str]:
    """Return the lines of the error among `outputs`, without colours."""
    (error,) = [output for output in outputs if output.output_type == "error"]
    return COLOURS.sub("", "\n".join(error.traceback)).splitlines()


def test_an_undone_exercise_says_which_one_it_is_in_a_few_lines(run: Any) -> None:
    lines = traceback_of(run("z = Tensor(2.0) * Tensor(3.0)\nz.backward()"))
    assert len(lines) <= 14
    assert "exercise 'mul' of assignment 01_chain_rule" in lines[-2] + lines[-1]
    assert any("z.backward()" in line for line in lines)
    assert not any("tensor.py" in line for line in lines)


def test_a_broken_contract_shows_the_students_own_line_and_what_to_do(run: Any) -> None:
    rule = "@backward_of(ops.mul)\ndef mul_backward(ctx, grad_output):\n    return grad_output"
    lines = traceback_of(run(rule, "(Tensor(2.0) * Tensor(3.0)).backward()"))
    assert len(lines) <= 14
    assert "expected a tuple with 2 gradients" in "\n".join(lines)
    assert not any("contract.py" in line for line in lines)


def test_an_error_inside_a_students_rule_points_into_the_students_cell(run: Any) -> None:
    rule = "@backward_of(ops.mul)\ndef mul_backward(ctx, grad_output):\n    return ctx[7], ctx[8]"
    lines = traceback_of(run(rule, "(Tensor(2.0) * Tensor(3.0)).backward()"))
    text = "\n".join(lines)
    assert "return ctx[7], ctx[8]" in text
    assert "(in the backward rule of mul" in text
    assert "tensor.py" not in text


def test_check_prints_its_report_on_stdout_and_ends_in_one_line(run: Any) -> None:
    rule = (
        "@backward_of(ops.mul)\ndef mul_backward(ctx, grad_output):\n"
        "    return grad_output * ctx[0], grad_output * ctx[1]"
    )
    outputs = run(rule, "check(ops.mul)")
    assert {output.name for output in outputs if output.output_type == "stream"} == {"stdout"}
    report = "".join(output.text for output in outputs if output.output_type == "stream")
    assert 0 < len(report.splitlines()) < 12
    assert len(traceback_of(outputs)) == 1


def test_a_failed_check_shows_the_rule_on_a_small_graph(run: Any) -> None:
    rule = (
        "@backward_of(ops.mul)\ndef mul_backward(ctx, grad_output):\n"
        "    return grad_output * ctx[0], grad_output * ctx[1]"
    )
    (shown,) = [one for one in run(rule, "check(ops.mul)") if one.output_type == "display_data"]
    assert "The rule of mul makes it wrong" in shown.data["text/html"]
    for kind in ("text/html", "text/plain"):
        assert "Your rule in a small graph, with other numbers: z = mul(x, y)" in shown.data[kind]
    assert "<img " in shown.data["text/html"]
    assert "measured" in shown.data["text/plain"]


def test_running_the_cell_again_replaces_the_rule(run: Any) -> None:
    wrong = "@backward_of(ops.mul)\ndef mul_backward(ctx, grad_output):\n    return 0.0, 0.0"
    right = (
        "@backward_of(ops.mul)\ndef mul_backward(ctx, grad_output):\n"
        "    return grad_output * ctx[1], grad_output * ctx[0]"
    )
    outputs = run(wrong, right, "x = Tensor(2.0); (x * 3.0).backward(); print(x.grad)")
    assert outputs[0].text.strip() == "3.0"
