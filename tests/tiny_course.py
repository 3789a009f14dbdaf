"""A course of two small assignments, for tests of building, handing out and leaking."""

from __future__ import annotations

from pathlib import Path

from autograder.course import Course

FIRST = '''\
# %% [markdown]
# # The chain rule, very short
#
# Text with $x_1$ and `code`.

# %% role="setup"
import numpy as np

from course_autograd import Tensor, backward_of, check, ops

# %% role="solution" exercise="mul"
@backward_of(ops.mul)
def mul_backward(ctx, grad_output):
    """z = x * y. Return (dL/dx, dL/dy)."""
    ### BEGIN SOLUTION
    x, y = ctx
    return grad_output * y, grad_output * x
    ### END SOLUTION

# %% role="check" exercise="mul" points=3
check(ops.mul)

# %% role="shown" id="product"
# %matplotlib inline
Tensor(2.0) * Tensor(3.0)

# %%
np.sqrt(2)

# %% role="solution" exercise="branches"
branches = {
    "x(x+1): dy/du": 17,  ### ANSWER
    "(ax+b)²: df/dx": 28,  ### ANSWER
}

# %% role="check" exercise="branches" points=2
check("branches", branches)
'''

SECOND = '''\
# %% [markdown]
# # The second

# %% role="setup"
from course_autograd import Tensor, backward_of, check, ops

# %% role="worked" assignment="01_chain_rule" exercises="mul"
# Your rule of the first assignment, worked.

# %% role="solution" exercise="exp"
@backward_of(ops.exp)
def exp_backward(ctx, grad_output):
    """z = exp(x); ctx holds [z]."""
    ### BEGIN SOLUTION
    (output,) = ctx
    return (grad_output * output,)
    ### END SOLUTION

# %% role="check" exercise="exp" points=2
check(ops.exp)
'''

CONFIG = """\
import sys
from pathlib import Path

sys.path.insert(0, {root!r})
from autograder.course import Course, configure

configure(get_config(), Course(Path(__file__).resolve().parent))
"""


def tiny_course(root: Path) -> Course:
    """Write the text sources of the tiny course below `root`."""
    course = Course(root)
    course.solutions.mkdir(parents=True)
    course.source("01_chain_rule").write_text(FIRST, encoding="utf-8")
    course.source("02_sigmoid").write_text(SECOND, encoding="utf-8")
    here = str(Path(__file__).resolve().parent.parent)
    (root / "nbgrader_config.py").write_text(CONFIG.format(root=here), encoding="utf-8")
    return course
