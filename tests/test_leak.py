"""No solution can be read where students look, and the search finds one wherever it is planted."""

from __future__ import annotations

import ast
import builtins
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from autograder.cells import solution_cells
from autograder.course import COURSE, ROOT, Course
from autograder.handout import build_wheel
from autograder.leak import (
    leaks_in_assignments,
    leaks_in_folder,
    leaks_in_grading,
    leaks_in_wheel,
    search,
    secrets,
)

# What may be read by everybody, although it stands in a solution cell.
EXEMPT = {
    "unpacking": "x, y = ctx\n(output,) = ctx",
    "a signature": "@backward_of(ops.mul)\ndef mul_backward(ctx, grad_output):\n    ...",
    "a docstring": 'def f():\n    """Return (dL/dx, dL/dy), each of the shape of z."""',
    "a forward rule": (
        "def forward(ctx, y):\n"
        "    small = np.exp(-np.abs(y))\n"
        "    output = np.where(y >= 0, 1.0, small) / (1.0 + small)\n"
        "    ctx.append(output)\n"
        "    return output"
    ),
    "the stub": "def f(ctx, grad_output):\n    # YOUR CODE HERE\n    raise NotImplementedError()",
    "the keys of values": 'by_hand = {"q": ..., "f": ...}',
}
SECRETS = secrets(COURSE)
SOLUTIONS = {
    exercise: (name, code)
    for name in COURSE.names()
    for exercise, code in solution_cells(COURSE.source(name)).items()
}


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """A copy of the course, to plant in."""
    copy = Course(tmp_path)
    shutil.copytree(COURSE.solutions, copy.solutions, ignore=shutil.ignore_patterns("*.ipynb"))
    shutil.copytree(COURSE.assignments, copy.assignments)
    return copy


def plant(path: Path, source: str, **cell: Any) -> None:
    """Add a cell at the end of a notebook."""
    content = json.loads(path.read_text(encoding="utf-8"))
    planted = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    content["cells"].append(planted | {"id": "planted", "source": source} | cell)
    path.write_text(json.dumps(content), encoding="utf-8")


def renamed(code: str) -> str:
    """Return the same program with all its own names replaced."""
    names: dict[str, str] = {}

    def new(old: str) -> str:
        return old if hasattr(builtins, old) else names.setdefault(old, f"v{len(names)}_")

    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = new(node.id)
        elif isinstance(node, ast.arg):
            node.arg = new(node.arg)
        elif isinstance(node, ast.FunctionDef) and node.name != "forward":
            node.name = new(node.name)
            node.decorator_list = []
    return ast.unparse(tree)


# --- the course itself ----------------------------------------------------------------------


def test_no_assignment_shows_a_solution_of_its_own_or_of_a_later_one() -> None:
    assert leaks_in_assignments(COURSE) == []


def test_the_package_shows_no_solution() -> None:
    assert leaks_in_folder(ROOT / "course_autograd", COURSE) == []


@pytest.mark.slow
def test_the_wheel_shows_no_solution(tmp_path: Path) -> None:
    assert leaks_in_wheel(build_wheel(tmp_path), COURSE) == []


def test_what_has_been_graded_shows_no_solution_but_the_students_own() -> None:
    assert leaks_in_grading(COURSE) == []


def test_every_exercise_has_a_secret() -> None:
    assert [secret.exercise for secret in SECRETS if not secret] == []


# --- planted --------------------------------------------------------------------------------


@pytest.mark.parametrize("exercise", SOLUTIONS)
def test_every_solution_is_found_also_under_other_names(exercise: str) -> None:
    _, code = SOLUTIONS[exercise]
    for version in (code, renamed(code), code.replace("    ", "  ")):
        assert exercise in {secret.exercise for secret in search(version, SECRETS)}


def test_a_solution_in_a_cell_is_found(course: Course) -> None:
    path = course.assignment("01_chain_rule")
    plant(path, "grad_x, grad_y = [up * b, up * a]")
    (leak,) = leaks_in_assignments(course)
    assert (leak.exercise, leak.assignment) == ("mul", "01_chain_rule")
    assert leak.where.startswith("assignments/01_chain_rule/01_chain_rule.ipynb, cell ")


@pytest.mark.parametrize(
    "source",
    [
        "The answer is `return (g * y, g * x)`.",
        "Write\n\n```python\ndef rule(ctx, g):\n    x, y = ctx\n    return g * y, g * x\n```\n",
        "Write\n\n        return g * y, g * x\n",
        "<!-- return g * y, g * x -->",
        "In short: return g * y, g * x",
    ],
)
def test_a_solution_in_the_text_is_found(course: Course, source: str) -> None:
    plant(course.assignment("01_chain_rule"), source, cell_type="markdown")
    assert {leak.exercise for leak in leaks_in_assignments(course)} == {"mul"}


@pytest.mark.parametrize(
    "source",
    [
        "# return g * y, g * x",
        '"""\nreturn g * y, g * x\n"""',
        "x = 1  # return g * y, g * x",
        "%time 1\ndef f(c, g):\n    x, y = c\n    return (\n        y * g,\n        (x * g)\n    )",
        "def f(c, g):\n    dx = g * c[1]\n    dy = g * c[0]\n    return dx, dy",
        "return g * y if ctx.needs[0] else None, g * x if ctx.needs[1] else None",
        "this is ( no Python\nreturn g * y, g * x",
    ],
)
def test_a_solution_in_comments_strings_and_broken_cells_is_found(source: str) -> None:
    assert {secret.exercise for secret in search(source, SECRETS)} == {"mul"}


def test_a_solution_in_an_output_is_found(course: Course) -> None:
    outputs = [{"output_type": "stream", "name": "stdout", "text": ["return g * y, g * x\n"]}]
    plant(course.assignment("01_chain_rule"), "print(rule)", outputs=outputs)
    (leak,) = leaks_in_assignments(course)
    assert "output of cell" in leak.where


def test_a_solution_in_a_file_beside_the_notebook_is_found(course: Course) -> None:
    (course.assignments / "01_chain_rule" / "helpers.py").write_text(SOLUTIONS["power"][1])
    assert {leak.exercise for leak in leaks_in_assignments(course)} == {"power"}


def test_an_answer_of_values_is_found(course: Course) -> None:
    plant(course.assignment("01_chain_rule"), 'by_hand = {"q": 3, "f": ...}')
    assert {leak.exercise for leak in leaks_in_assignments(course)} == {"by_hand"}


def test_earlier_solutions_may_be_shown_and_later_ones_not(course: Course) -> None:
    _, code = SOLUTIONS["exp"]
    plant(course.assignment("03_norm_squared"), code)
    assert leaks_in_assignments(course) == []
    plant(course.assignment("01_chain_rule"), code)
    assert {leak.exercise for leak in leaks_in_assignments(course)} == {"exp"}


def test_a_solution_in_the_package_is_found_even_a_short_one(tmp_path: Path) -> None:
    tree = tmp_path / "course_autograd"
    shutil.copytree(ROOT / "course_autograd", tree, ignore=shutil.ignore_patterns("__pycache__"))
    with (tree / "optim.py").open("a", encoding="utf-8") as file:
        file.write("\n\ndef _helper(saved, upstream):\n    return [-upstream]\n")
    (leak,) = leaks_in_folder(tree, COURSE)
    assert (leak.where, leak.exercise) == ("course_autograd/optim.py", "negate")


@pytest.mark.slow
def test_a_solution_in_the_wheel_is_found(tmp_path: Path) -> None:
    package = tmp_path / "package"
    shutil.copytree(
        ROOT / "course_autograd",
        package / "course_autograd",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, package)
    with (package / "course_autograd" / "nn.py").open("a", encoding="utf-8") as file:
        file.write("\n\n" + renamed(SOLUTIONS["sigmoid"][1]))
    (leak,) = leaks_in_wheel(build_wheel(tmp_path, package), COURSE)
    assert leak.exercise == "sigmoid"
    assert leak.where.endswith("/course_autograd/nn.py")


def test_feedback_may_show_a_student_only_what_the_student_wrote(course: Course) -> None:
    name = "01_chain_rule"
    graded = course.grading_folder / "autograded"
    page = "<html><pre><span>def</span> f(c, g):\n    x, y = c\n    return g*y, g*x</pre></html>"
    for student in ("ada", "bob"):
        (graded / student / name).mkdir(parents=True)
        shutil.copy(course.assignment(name), graded / student / name / f"{name}.ipynb")
        feedback = course.grading_folder / "feedback" / student / name
        feedback.mkdir(parents=True)
        (feedback / f"{name}.html").write_text(page, encoding="utf-8")
    plant(graded / "ada" / name / f"{name}.ipynb", SOLUTIONS["mul"][1])
    # numbers, beside words that are no Python
    plant(graded / "ada" / name / f"{name}.ipynb", SOLUTIONS["branches"][1])
    plant(graded / "ada" / name / f"{name}.ipynb", "Here I'm done.", cell_type="markdown")
    (leak,) = leaks_in_grading(course)
    assert leak.where == f"grading/feedback/bob/{name}/{name}.html"


# --- no secrets -----------------------------------------------------------------------------


@pytest.mark.parametrize("exempt", EXEMPT)
def test_what_everybody_may_read_is_no_leak(exempt: str) -> None:
    assert search(EXEMPT[exempt], SECRETS) == set()
