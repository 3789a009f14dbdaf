"""A course of one small assignment with the four kinds of exercise, for tests of the grader."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from autograder.build import build
from autograder.cells import Notebook, parse_notebook, solution_cells
from autograder.course import Course

ASSIGNMENT = "01_chain_rule"
POINTS = {"by_hand": 3.0, "mul": 3.0, "power": 3.0}

SOURCE = '''\
# %% [markdown]
# # The chain rule, very short

# %% role="setup"
import numpy as np

from course_autograd import Tensor, backward_of, check, ops

# %% role="solution" exercise="by_hand"
by_hand = {
    "q": 3,  ### ANSWER
    "f": -12,  ### ANSWER
    "df/dq": -4,  ### ANSWER
    "df/dz": 3,  ### ANSWER
    "df/dx": -4,  ### ANSWER
    "df/dy": -4,  ### ANSWER
}

# %% role="check" exercise="by_hand" points=3
check("by_hand", by_hand)

# %% role="shown" id="numbers"
x = Tensor(-2.0)

# %% role="solution" exercise="mul"
@backward_of(ops.mul)
def mul_backward(ctx, grad_output):
    """z = x * y; ctx holds [x, y]."""
    ### BEGIN SOLUTION
    x, y = ctx
    return grad_output * y, grad_output * x
    ### END SOLUTION

# %% role="check" exercise="mul" points=3
check(ops.mul)

# %%
np.sqrt(2)

# %% role="solution" exercise="power"
@backward_of(ops.power)
def power_backward(ctx, grad_output):
    """z = x ** exponent; ctx holds [x, exponent]."""
    ### BEGIN SOLUTION
    x, exponent = ctx
    return (grad_output * exponent * x ** (exponent - 1),)
    ### END SOLUTION

# %% role="check" exercise="power" points=3
check(ops.power)
'''

CONFIG = """\
import sys
from pathlib import Path

sys.path.insert(0, {root!r})
from autograder.course import Course, configure

configure(get_config(), Course(Path(__file__).resolve().parent))
"""


def small_course(root: Path) -> Course:
    """Write and build the small course below `root`, ready for nbgrader."""
    course = Course(root)
    course.solutions.mkdir(parents=True)
    course.source(ASSIGNMENT).write_text(SOURCE, encoding="utf-8")
    build([], course)
    here = str(Path(__file__).resolve().parent.parent)
    (root / "nbgrader_config.py").write_text(CONFIG.format(root=here), encoding="utf-8")
    return course


class Submission:
    """A submission in the making: the released notebook, to be filled, cut and spoiled."""

    def __init__(self, course: Course) -> None:
        released = course.assignment(ASSIGNMENT).read_text(encoding="utf-8")
        self.content: dict[str, Any] = json.loads(released)
        self.solutions = solution_cells(course.source(ASSIGNMENT))

    @property
    def cells(self) -> list[dict[str, Any]]:
        return self.content["cells"]

    def index(self, grade_id: str) -> int:
        for index, cell in enumerate(self.cells):
            if cell["metadata"].get("nbgrader", {}).get("grade_id") == grade_id:
                return index
        raise KeyError(grade_id)

    def write(self, **answers: str) -> Submission:
        """Write code into answer cells."""
        for name, code in answers.items():
            self.cells[self.index(name)]["source"] = code
        return self

    def solve(self, *names: str) -> Submission:
        """Write the reference solution into the cells named (all by default)."""
        return self.write(**{name: self.solutions[name] for name in names or self.solutions})

    def insert(self, before: str, code: str, kind: str = "code") -> Submission:
        """Put a cell of the student's own before the cell with this grade id."""
        cell: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": code}
        if kind == "code":
            cell |= {"execution_count": None, "outputs": []}
        self.cells.insert(self.index(before), cell)
        return self

    def append(self, code: str) -> Submission:
        """Put a cell at the end."""
        cell = {"cell_type": "code", "metadata": {}, "source": code}
        self.cells.append(cell | {"execution_count": None, "outputs": []})
        return self

    def delete(self, grade_id: str) -> Submission:
        del self.cells[self.index(grade_id)]
        return self

    def duplicate(self, grade_id: str) -> Submission:
        index = self.index(grade_id)
        self.cells.insert(index, copy.deepcopy(self.cells[index]))
        return self

    def marks(self, grade_id: str) -> dict[str, Any]:
        """nbgrader's metadata of a cell."""
        return self.cells[self.index(grade_id)]["metadata"]["nbgrader"]

    def notebook(self) -> Notebook:
        return parse_notebook(self.content)

    def text(self) -> str:
        return json.dumps(self.content)

    def save(self, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.text(), encoding="utf-8")
        return path
