"""What a notebook imports, told by its text, and what of it may be imported beforehand."""

from __future__ import annotations

import pytest

from autograder.imports import MOST, asked_for
from autograder.server import importable


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("import json", ("json",)),
        ("import os.path as p, math", ("os.path", "math")),
        ("from scipy import special as s, stats", ("scipy", "scipy.special", "scipy.stats")),
        ("from collections import (\n    Counter,\n    deque\n)",
         ("collections", "collections.Counter", "collections.deque")),
        ("def f():\n    import statistics  # late\n", ("statistics",)),
        ("from math import *", ("math",)),
        ("x = 'import'\nimported = 3", ()),
        ("from . import secret\nimport my_own\nfrom autograder import judge", ()),
    ],
)  # fmt: skip
def test_imports_are_found_in_the_text(cell, names):
    assert asked_for([cell]) == names


@pytest.mark.parametrize(
    "name",
    ["antigravity", "json.__main__", "idlelib.idle", "test.autotest", "numpy.tests", "autograder",
     "numpy.testing.tests", "course_autograd", "nbgrader", "", ".", "os.", "j\u017fon", "a" * 200],
)  # fmt: skip
def test_what_does_something_when_it_is_imported_is_not_imported_for_anybody(name):
    assert not importable(name)


def test_there_are_never_many():
    assert len(asked_for(f"import json.part{i}" for i in range(10_000))) == MOST


def test_long_hostile_text_is_read_quickly_and_without_a_parser():
    cells = ["(" * 500_000, "import " + "a," * 500_000, "from " * 300_000, "import\t" * 300_000]
    assert asked_for(cells) == ()
