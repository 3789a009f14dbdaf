"""Stripping: what is taken out of the package never exists in a server, and all else does."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.course import ROOT
from autograder.stripping import (
    EXERCISES,
    JUDGING,
    MORE,
    OPERATIONS,
    WHOLE,
    Stripper,
    backward_rules,
    taken,
)
from course_autograd.exercises import exercises
from course_autograd.ops import all_operations

OPERATION_FILES = sorted((ROOT / "course_autograd" / "ops").glob("*.py"))
EXERCISE_FILES = sorted((ROOT / "course_autograd" / "exercises").glob("*.py"))


def rules_of(path: Path, kept: tuple[str, ...] | None) -> dict[str, str]:
    """Operation -> code of its rule, after stripping."""
    tree = Stripper(kept).stripped(path.read_text(encoding="utf-8"), f"{OPERATIONS}.{path.stem}")
    return {name: ast.unparse(rule) for name, rule in backward_rules(tree)}


def names_taken(module: str, path: Path) -> set[str]:
    return {name for name, _ in taken(ast.parse(path.read_text(encoding="utf-8")), module)}


@pytest.mark.parametrize("path", OPERATION_FILES, ids=lambda path: path.stem)
def test_every_rule_that_is_not_needed_gets_another_body(path):
    for name, code in rules_of(path, ()).items():
        (statement,) = ast.parse(code).body[0].body[1:]
        assert ast.unparse(statement) == f"_not_here({name!r}, is_rule=True)"


def test_rules_that_are_needed_stay_as_they_are():
    path = ROOT / "course_autograd" / "ops" / "arithmetic.py"
    some, none, every = (rules_of(path, kept) for kept in (("add",), (), None))
    assert some["add"] == every["add"] != none["add"]
    assert some["subtract"] == none["subtract"] != every["subtract"]


def test_all_rules_of_the_package_are_met():
    written = {
        name
        for name, operation in all_operations().items()
        if operation.exercise is None and operation.__module__.startswith(OPERATIONS)
    }
    met = {name for path in OPERATION_FILES for name in rules_of(path, ())}
    assert written <= met


def test_whatever_an_exercise_needs_is_an_operation_with_a_rule():
    needed = {name for exercise in exercises().values() for name in exercise.needs}
    assert needed <= {name for path in OPERATION_FILES for name in rules_of(path, ())}


def test_every_name_that_is_to_be_taken_out_exists():
    """A function that has got another name must get it in `autograder.stripping`, too."""
    every = set[str]()
    for path in EXERCISE_FILES:
        found = names_taken(f"{EXERCISES}.{path.stem}", path)
        assert found >= MORE.get(f"{EXERCISES}.{path.stem}", set())
        every |= found
    assert every >= JUDGING
    for module in WHOLE:
        assert names_taken(module, ROOT / f"{module.replace('.', '/')}.py")


# Run in a fresh process, as the server does it.
TRY = """
import sys
sys.path.insert(0, sys.argv[1])
from autograder.stripping import Stripper
stripper = Stripper(("add",))
stripper.install()
import gc, inspect, json, linecache
import numpy as np
from course_autograd import complex_step, errors, kinks, numeric, ops
from course_autograd.exercises import find
from course_autograd.exercises.values import BY_HAND

found = {}
def tried(name, function):
    try:
        found[name] = repr(function())
    except Exception as error:
        found[name] = type(error).__name__
        if isinstance(error, errors.CourseError):
            found[name] += " of the course"

class Context(list):
    needs = (True, True)
saved = Context([np.ones(2), np.ones(2)])
tried("jacobian", lambda: numeric.jacobian(ops.mul.declared_forward, saved))
tried("complex slopes", lambda: complex_step.complex_slopes(max, saved, {}, 0, [0]))
tried("around a kink", lambda: kinks.nearby_jacobians(max, saved, {}))
tried("values", lambda: BY_HAND.keys[0].truth())
tried("judge", lambda: find("mul").judge(None, None))
found["asked before"] = stripper.missing.asked
tried("divide", lambda: ops.divide.backward(saved, np.ones(2)))
tried("declared", lambda: ops.divide.declared_backward(saved, np.ones(2)))
found["asked"] = stripper.missing.asked
tried("add", lambda: len(ops.add.backward(Context(), np.ones(2))))
tried("source", lambda: inspect.getsource(ops.divide.backward))
tried("source of class", lambda: inspect.getsource(ops.divide))
tried("source of module", lambda: inspect.getsource(sys.modules["course_autograd.ops.arithmetic"]))
found["cached"] = [name for name in linecache.cache if "course_autograd" in name]
codes = [one.__code__ for one in gc.get_objects() if inspect.isfunction(one)]
found["rules"] = sorted({
    one.co_qualname for one in codes
    if one.co_name == "backward" and "course_autograd/ops" in one.co_filename
    and "_not_here" not in one.co_names
})
found["own frames"] = errors.own_frames(None)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found() -> dict[str, object]:
    arguments = [sys.executable, "-I", "-B", "-c", TRY, str(ROOT)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_is_taken_out_says_that_it_is_not_here(found):
    names = ("jacobian", "complex slopes", "around a kink")
    for name in (*names, "values", "judge", "divide", "declared"):
        assert found[name] == "NotHereError of the course"


def test_a_rule_that_was_asked_for_is_remembered_and_only_that(found):
    assert not found["asked before"]
    assert found["asked"]


def test_what_is_kept_works(found):
    assert found["add"] == "2"


def test_no_source_and_no_function_of_a_stripped_rule_exists(found):
    for name in ("source", "source of class", "source of module"):
        assert found[name] in ("OSError", "TypeError")
    assert found["cached"] == []
    assert found["rules"] == ["add.backward"]
