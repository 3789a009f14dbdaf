"""The judge and the child: everybody gets what the mathematics gives, whatever the cells do."""

from __future__ import annotations

import json

import numpy as np
import psutil
import pytest
from small_course import ASSIGNMENT, POINTS, Submission, small_course

from autograder.cells import ANSWER, Notebook
from autograder.child import compiled, run_cell, without_magics
from autograder.course import Course
from autograder.judge import Judge, TrustedSideError, _Hearing
from autograder.process import Limits
from autograder.verdict import digest, score_of
from course_autograd.exercises import Case, find

LIMITS = Limits(cell=0.6, load=3.0, request=0.6, submission=12.0, grace=0.4, memory=3000)


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Course:
    return small_course(tmp_path_factory.mktemp("course") / "small")


@pytest.fixture(scope="module")
def judge(course):
    with Judge(course, LIMITS) as judge:
        yield judge


@pytest.fixture
def submission(course) -> Submission:
    return Submission(course)


def rule(body: str, name: str = "mul") -> str:
    """A rule for mul with this body."""
    lines = "\n".join(f"    {line}" for line in body.split("\n"))
    return f"@backward_of(ops.{name})\ndef {name}_backward(ctx, grad_output):\n{lines}\n"


RIGHT = "x, y = ctx\nreturn grad_output * y, grad_output * x"


def scores(judge: Judge, submission: Submission) -> dict[str, float]:
    verdict = judge.verdict(submission.notebook(), ASSIGNMENT)
    return {one.name: one.score for one in verdict.exercises}


# --- fair -----------------------------------------------------------------------------------


def test_the_reference_gets_full_marks(judge, submission):
    verdict = judge.verdict(submission.solve().notebook(), ASSIGNMENT)
    assert {one.name: one.score for one in verdict.exercises} == POINTS
    assert verdict.score == verdict.points == sum(POINTS.values())
    assert [one.state for one in verdict.exercises] == ["right"] * 3


def test_an_untouched_notebook_gets_zero_and_is_told_so(judge, submission):
    verdict = judge.verdict(submission.notebook(), ASSIGNMENT)
    assert [one.score for one in verdict.exercises] == [0.0, 0.0, 0.0]
    assert [one.state for one in verdict.exercises] == ["not done"] * 3


def test_values_count_one_by_one(judge, submission):
    source = submission.solutions["by_hand"].replace('"f": -12', '"f": 12')
    verdict = judge.verdict(submission.solve().write(by_hand=source).notebook(), ASSIGNMENT)
    assert verdict["by_hand"].score == 2.5
    assert not verdict["by_hand"].facets["f"]


def test_a_mistake_is_named(judge, submission):
    wrong = rule("x, y = ctx\nreturn y, x")
    verdict = judge.verdict(submission.solve().write(mul=wrong).notebook(), ASSIGNMENT)
    assert verdict["mul"].score == 0.0
    assert 1 in verdict["mul"].numbers
    assert verdict["power"].score == POINTS["power"]


def test_the_same_seed_gives_the_same_verdict(judge, submission):
    notebook = submission.solve().write(mul=rule("x, y = ctx\nreturn y, x")).notebook()
    first = judge.verdict(notebook, ASSIGNMENT, seed=7)
    again = judge.verdict(notebook, ASSIGNMENT, seed=7)
    other = judge.verdict(notebook, ASSIGNMENT, seed=8)
    assert first["mul"].where == again["mul"].where
    assert first["mul"].where != other["mul"].where


def test_seeds_come_from_the_operating_system_and_are_kept(judge, submission):
    seeds = {judge.verdict(submission.notebook(), ASSIGNMENT).seed for _ in range(2)}
    assert len(seeds) == 2
    text = json.dumps(judge.verdict(submission.notebook(), ASSIGNMENT, seed=2**62 + 1).to_json())
    assert str(2**62 + 1) in text


def test_evidence_tells_case_by_case_what_was_asked_answered_and_found(judge, submission):
    wrong = rule("x, y = ctx\nreturn y, x")
    right = submission.solve().notebook()
    first, again, other = (judge.verdict(right, ASSIGNMENT, seed=seed)["mul"] for seed in (7, 7, 8))
    failed = judge.verdict(submission.write(mul=wrong).notebook(), ASSIGNMENT, seed=7)["mul"]

    def told(verdict, key):
        return [one[key] for one in verdict.evidence]

    assert len(first.evidence) > 10
    assert all(told(first, "right"))
    assert not any(told(first, "mistake"))
    assert told(first, "question") == told(again, "question") == told(failed, "question")
    assert set(told(first, "question")).isdisjoint(told(other, "question"))
    assert told(first, "got") == told(again, "got")
    assert set(told(first, "got")).isdisjoint(told(failed, "got"))
    assert "upstream" in told(failed, "mistake")[0]
    assert all(0 <= one <= 4000 for one in told(first, "milliseconds"))
    assert json.loads(json.dumps(first.evidence)) == list(first.evidence)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.zeros(2), np.zeros((2, 1))),
        (np.zeros(2), np.zeros(2, np.float32)),
        (np.zeros(()), 0.0),
        (0, 0.0),
        (True, 1),
        (("a", "b"), ("ab",)),
        ({"a": (1,)}, {"a": 1}),
        (None, "None"),
        ([[1], 2], [[1, 2]]),
    ],
)
def test_digests_of_different_things_differ(one, other):
    assert digest(one) != digest(other)
    assert digest(one) == digest(one)


def test_the_level_of_the_sandbox_stands_in_the_verdict(judge, submission):
    verdict = judge.verdict(submission.notebook(), ASSIGNMENT)
    assert verdict.level == verdict.to_json()["level"] == judge.level


def test_helpers_and_imports_in_cells_of_ones_own_count(judge, submission):
    submission.solve().write(mul=rule("x, y = ctx\nreturn both(grad_output * y, grad_output * x)"))
    submission.insert("mul", "import math\ndef both(a, b):\n    return a, b")
    assert scores(judge, submission) == POINTS


ODD = (
    "1 / 0",
    "this is no Python",
    "raise SystemExit",
    "exit()",
    "raise KeyboardInterrupt",
    "%matplotlib inline\n%timeit 1 + 1\n!ls -l\nnp.sqrt?",
    "%%bash\nrm nothing",
    "files = !ls",
    "import asyncio\nawait asyncio.sleep(0)",
    "get_ipython().run_line_magic('matplotlib', 'inline')\ndisplay(np.ones(3))",
    "input('name? ')",
    "check(ops.mul)",
    "import sys, warnings\nwarnings.warn('careful')\nprint('oh', file=sys.stderr)",
    "print('x' * 10_000_000)",
    "x.backward()",
    "def deep(n):\n    return deep(n + 1)\ndeep(0)",
    "open('made.txt', 'w').write('x')",
    "import os\nos.chdir('/')",
)


def test_odd_cells_of_ones_own_are_passed_over(judge, submission):
    submission.solve()
    for own in ODD:
        submission.insert("mul", own)
    assert scores(judge, submission) == POINTS


def test_warnings_in_a_rule_cost_nothing(judge, submission):
    loud = "import sys\nprint('thinking', file=sys.stderr)\nnp.log(np.zeros(1))\n" + RIGHT
    assert scores(judge, submission.solve().write(mul=rule(loud))) == POINTS


def test_code_in_a_cell_without_metadata_counts(judge, submission):
    submission.solve()
    submission.cells[submission.index("mul")]["metadata"] = {}
    assert scores(judge, submission) == POINTS


def test_the_last_rule_registered_is_the_one_that_counts(judge, submission):
    submission.solve().append(rule("return ctx"))
    assert scores(judge, submission) == POINTS | {"mul": 0.0}


def test_values_found_with_the_engine_count(judge, submission):
    submission.solve()
    names = "x, y, z = Tensor(-2.0), Tensor(5.0), Tensor(-4.0)\nq = x + y\nf = q * z\nf.backward()"
    source = (
        "by_hand = {'q': q.value, 'f': f.value, 'df/dq': q.grad, 'df/dz': z.grad,\n"
        "           'df/dx': x.grad, 'df/dy': y.grad}"
    )
    mul = submission.cells.pop(submission.index("mul"))
    submission.cells.insert(submission.index("by_hand"), mul)
    submission.write(by_hand=f"{names}\n{source}")
    assert scores(judge, submission) == POINTS


MEASURING = {
    "with steps": rule(
        "x, y = ctx\nh = 1e-6\nf = lambda a, b: ops.mul.forward([], a, b)\n"
        "return (grad_output * (f(x + h, y) - f(x - h, y)) / (2 * h),\n"
        "        grad_output * (f(x, y + h) - f(x, y - h)) / (2 * h))"
    ),
    "as declared": rule(
        "x, y = ctx\nf = lambda a, b: ops.mul.declared_forward([], a, b)\nh = 1e-20j\n"
        "return grad_output * f(x + h, y).imag / 1e-20, grad_output * f(x, y + h).imag / 1e-20"
    ),
}


@pytest.mark.parametrize("how", list(MEASURING))
def test_a_rule_that_measures_is_noticed(judge, submission, how):
    notebook = submission.solve().write(mul=MEASURING[how]).notebook()
    remarks = judge.verdict(notebook, ASSIGNMENT)["mul"].remarks
    assert [one for one in remarks if "seems to measure" in one]


def test_a_rule_that_computes_forward_once_more_is_not(judge, submission):
    again = rule("x, y = ctx\nz = ops.mul.forward([], x, y)\n" + RIGHT.split("\n")[1])
    verdict = judge.verdict(submission.solve().write(mul=again).notebook(), ASSIGNMENT)
    assert verdict.score == verdict.points
    assert not any(one.remarks for one in verdict.exercises)


# --- what is not there ----------------------------------------------------------------------


def test_the_package_has_no_rules_where_answers_are_tried(judge, submission):
    """divide would give mul away: x * y = x / (1 / y)."""
    borrowed = rule(
        "x, y = Tensor(ctx[0]), Tensor(ctx[1])\n"
        "from course_autograd.backward import backpropagate\n"
        "backpropagate(x / (1.0 / y), grad_output)\n"
        "return x.grad, y.grad"
    )
    assert scores(judge, submission.solve().write(mul=borrowed)) == POINTS | {"mul": 0.0}


def test_check_cells_shown_cells_and_changed_set_up_are_not_run(judge, submission):
    submission.solve()
    spoil = "import os\nos._exit(1)"
    for grade_id in ("check-mul", "shown-numbers", "setup"):
        submission.cells[submission.index(grade_id)]["source"] = spoil
    assert scores(judge, submission) == POINTS


def test_the_grader_and_the_solutions_cannot_be_imported(judge, submission):
    submission.solve().write(
        mul="import autograder.judge\n" + rule(RIGHT), power="import solutions\n"
    )
    assert scores(judge, submission) == POINTS | {"mul": 0.0, "power": 0.0}


def test_the_environment_of_the_judge_stays_with_the_judge(judge, submission, monkeypatch):
    monkeypatch.setenv("SECRET", "1")
    curious = "import os\nassert 'SECRET' not in os.environ\nassert not sys.argv[1:]\n"
    curious = "import sys\n" + curious
    assert scores(judge, submission.solve().write(mul=curious + rule(RIGHT))) == POINTS


# --- hostile --------------------------------------------------------------------------------

FORGERIES = {
    "check": "def check(*_):\n    print('mul: right.')\n    return 1.0",
    "numpy.testing": "import numpy.testing\nnumpy.testing.assert_allclose = lambda *a, **k: None",
    "comparisons": "np.allclose = np.array_equal = lambda *a, **k: True\n"
    "import builtins\nbuiltins.abs = lambda x: 0.0\nbuiltins.all = lambda x: True",
    "exercises": "from course_autograd.exercises import base, catalogue, operation_exercise\n"
    "class Right(base.Exercise):\n"
    "    def judge(self, case, observation):\n"
    "        return base.Finding(case.label, {case.facet: True, 'clean': True})\n"
    "operation_exercise.OperationExercise.judge = Right.judge",
    "observation": "from course_autograd.exercises import base, operation_exercise\n"
    "def run(self, answer, case):\n"
    "    return base.Observation(output=np.ones(3), gradients=tuple(case.arrays))\n"
    "operation_exercise.OperationExercise.run = run",
    "find_answer": "from course_autograd.exercises import operation_exercise\n"
    "operation_exercise.OperationExercise.find_answer = lambda self, n: self.operation",
    "contract": "import course_autograd.contract as c\n"
    "c.conform = lambda name, gradients, values, *a, **k: list(values)",
    "equality": "class Same(np.ndarray):\n    __eq__ = __le__ = __ge__ = lambda a, b: True\n"
    + rule("return tuple(np.asarray(x).view(Same) for x in ctx)"),
    "array function": "class Same(np.ndarray):\n"
    "    def __array_function__(self, *a):\n        return True\n"
    "    def __array_ufunc__(self, *a, **k):\n        return True\n"
    + rule("return tuple(np.asarray(x).view(Same) for x in ctx)"),
    "ipython": "get_ipython().ast_transformers.append(lambda tree: tree)\n1.0",
    "score": "print(1.0)\n3.0",
    "exit codes": "import atexit, os\natexit.register(lambda: os._exit(0))",
    "frames": "import sys\nframe = sys._getframe()\nwhile frame.f_back:\n    frame = frame.f_back\n"
    "frame.f_locals.clear()",
}


@pytest.mark.parametrize("name", list(FORGERIES))
def test_a_forger_who_solves_nothing_gets_nothing(judge, submission, name):
    submission.insert("by_hand", FORGERIES[name])
    if "@backward_of" in FORGERIES[name]:
        submission.delete("mul")
    assert set(scores(judge, submission).values()) == {0.0}


@pytest.mark.parametrize(
    "returned",
    [
        "tuple(np.full_like(grad_output, np.nan) for _ in ctx)",
        "tuple(np.full_like(grad_output, np.inf) for _ in ctx)",
        "tuple(np.ones((7, 7)) for _ in ctx)",
        "tuple(np.broadcast_to(0.0, (10**6, 10**6)) for _ in ctx)",
        "(grad_output * 1j, grad_output)",
        "('a', 'b')",
        "(object(), object())",
        "({}, [])",
        "None",
        "iter(ctx)",
        "(grad_output,) * 5000",
    ],
)
def test_wild_answers_are_wrong_answers_and_cost_nothing_else(judge, submission, returned):
    submission.solve().write(mul=rule(f"return {returned}"))
    assert scores(judge, submission) == POINTS | {"mul": 0.0}


ENDS = {
    "os._exit in a rule": rule("import os\nos._exit(0)"),
    "a signal": rule("import os\nos.kill(os.getpid(), 9)"),
    "a crash in C": rule("import ctypes\nctypes.string_at(0)"),
    "an endless loop": rule("while True:\n    pass"),
    "a loop that swallows everything": rule(
        "while True:\n    try:\n        while True:\n            pass\n"
        "    except BaseException:\n        pass"
    ),
    "signals switched off": rule(
        "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True:\n    pass"
    ),
    "all memory": rule("return [np.ones(2**32) for _ in range(100)]"),
    "garbage on every pipe": rule(
        "import os\nfor end in range(3, 30):\n    try:\n        os.write(end, b'garbage' * 99)\n"
        "    except OSError:\n        pass\nreturn ctx"
    ),
    "every pipe closed": rule("import os\nos.closerange(3, 99)\nreturn ctx"),
    "a forged answer": rule(
        "import os, struct\n"
        'head = b\'{"kind": "observed", "nonce": "0", "arrays": []}\'\n'
        "frame = struct.pack('<4sIQ', b'CAg1', len(head), 0) + head\n"
        "for end in range(3, 30):\n    try:\n        os.write(end, frame)\n"
        "    except OSError:\n        pass\nreturn ctx"
    ),
    "an enormous answer": rule(
        "import os, struct\nframe = struct.pack('<4sIQ', b'CAg1', 2**32 - 1, 2**63)\n"
        "for end in range(3, 30):\n    try:\n        os.write(end, frame)\n"
        "    except OSError:\n        pass\nreturn ctx"
    ),
    "garbage while loading": "import os\nfor end in range(3, 50):\n    try:\n"
    "        os.write(end, b'x' * 100)\n    except OSError:\n        pass",
    "a forged cell": "import json, os, struct, sys\nframe = sys._getframe()\n"
    "while not hasattr(frame.f_locals.get('frame'), 'header'):\n    frame = frame.f_back\n"
    "nonce = frame.f_locals['frame'].header['nonce']\n"
    "head = json.dumps({'kind': 'cell', 'index': 0, 'nonce': nonce, 'arrays': []}).encode()\n"
    "for end in range(3, 50):\n    try:\n"
    "        os.write(end, struct.pack('<4sIQ', b'CAg1', len(head), 0) + head)\n"
    "    except OSError:\n        pass\nos._exit(0)",
    "a KeyboardInterrupt": rule("raise KeyboardInterrupt"),
    "sys.exit": rule("import sys\nsys.exit()"),
    "os._exit while loading": "import os\nos._exit(0)",
    "an endless loop while loading": "while True:\n    pass",
    "a stubborn loop while loading": "while True:\n    try:\n        while True:\n"
    "            pass\n    except BaseException:\n        pass",
}


@pytest.mark.parametrize("how", list(ENDS))
def test_a_hung_or_dead_answer_costs_only_itself(judge, submission, how):
    verdict = judge.verdict(submission.solve().write(mul=ENDS[how]).notebook(), ASSIGNMENT)
    assert {one.name: one.score for one in verdict.exercises} == POINTS | {"mul": 0.0}
    assert verdict["mul"].where or verdict["mul"].remarks


# Finds the child's own function for questions, and adds to what it does once it has answered.
AFTER_MUL = """
import os, sys
frame = sys._getframe()
while not isinstance(frame.f_locals.get("answers"), dict):
    frame = frame.f_back
answers, end = frame.f_locals["answers"], frame.f_locals["write_to"]
run = answers["run"]
def and_then(session, frame, send):
    run(session, frame, send)
    if frame.header["exercise"] == "mul":
        {}
answers["run"] = and_then
"""


@pytest.mark.parametrize("then", ["os.write(end, b'junk' * 9)", "os._exit(0)", "os.close(end)"])
def test_what_an_answer_leaves_behind_does_not_cost_the_next_one(judge, submission, then):
    submission.solve().insert("by_hand", AFTER_MUL.format(then))
    first = next(seed for seed in range(99) if np.random.default_rng(seed).permutation(3)[0] == 1)
    verdict = judge.verdict(submission.notebook(), ASSIGNMENT, seed=first)
    assert {one.name: one.score for one in verdict.exercises} == POINTS


def test_what_kept_an_answer_away_is_said(judge, submission):
    said = {}
    for how in ("os._exit in a rule", "an endless loop", "an endless loop while loading"):
        submission.solve().write(mul=ENDS[how])
        verdict = judge.verdict(submission.notebook(), ASSIGNMENT)
        said[how] = " ".join((*verdict["mul"].remarks, *verdict["mul"].where))
    assert "ended the whole process" in said["os._exit in a rule"]
    assert "is there an endless loop?" in said["an endless loop"]
    assert "did not run to its end" in said["an endless loop while loading"]


def test_a_free_cell_that_ends_the_process_costs_nothing(judge, submission):
    submission.solve().insert("by_hand", "import os\nos._exit(1)")
    verdict = judge.verdict(submission.notebook(), ASSIGNMENT)
    assert verdict.score == verdict.points
    assert "was passed over" in verdict.notes[0]


@pytest.mark.slow
def test_slow_free_cells_give_way_to_answers(judge, submission):
    slow = "import time\nfor _ in range(10):\n    time.sleep(0.5)"
    for _ in range(7):
        submission.solve().insert("by_hand", slow)
    assert scores(judge, submission) == POINTS


@pytest.mark.slow
def test_a_slow_answer_leaves_the_others_their_time(course, submission):
    slow = rule("import time\ntime.sleep(0.1)\nreturn ctx", "power")
    first = next(seed for seed in range(99) if np.random.default_rng(seed).permutation(3)[0] == 2)
    with Judge(course, Limits(submission=3.0)) as judge:
        notebook = submission.solve().write(power=slow).notebook()
        verdict = judge.verdict(notebook, ASSIGNMENT, seed=first)
    assert {one.name: one.score for one in verdict.exercises} == POINTS | {"power": 0.0}
    assert "time for this submission" in verdict["power"].remarks[0]
    assert len(judge._references) == 0


@pytest.mark.slow
def test_a_slow_answer_that_is_put_off_is_not_lost(course, submission):
    slow = rule("import time\ntime.sleep(0.03)\n" + RIGHT)
    first = next(seed for seed in range(99) if np.random.default_rng(seed).permutation(3)[0] == 1)
    with Judge(course, Limits(submission=5.0)) as judge:
        notebook = submission.solve().write(mul=slow).notebook()
        verdict = judge.verdict(notebook, ASSIGNMENT, seed=first)
    assert {one.name: one.score for one in verdict.exercises} == POINTS
    assert verdict["mul"].milliseconds > 1_000


def test_a_copy_of_the_process_does_not_answer(judge, submission):
    submission.solve().insert("by_hand", "import os\nos.fork()")
    assert scores(judge, submission) == POINTS


def test_messages_that_no_file_can_hold_are_mended(judge, submission):
    loud = rule(RIGHT) + "\nraise ValueError('\\ud800 \\x1b[31m')"
    verdict = judge.verdict(submission.solve().write(mul=loud).notebook(), ASSIGNMENT)
    assert verdict.score == verdict.points
    assert "ValueError: ? ?[31m" in verdict["mul"].remarks[0]


def test_the_time_for_one_submission_is_bounded(course, submission):
    tight = Limits(cell=0.3, load=1.0, request=0.3, submission=1.5, grace=0.2)
    stubborn = ENDS["a stubborn loop while loading"]
    for _ in range(10):
        submission.insert("by_hand", stubborn)
    with Judge(course, tight) as judge:
        verdict = judge.verdict(submission.notebook(), ASSIGNMENT)
    assert verdict.score == 0.0
    assert verdict.milliseconds < 5_000
    assert "time for this submission" in verdict["mul"].where[0]


def test_nothing_is_left_behind(course, submission, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    submission.solve().insert("mul", "open('made.txt', 'w').write('x')")
    before = set(psutil.Process().children(recursive=True))
    with Judge(course, LIMITS) as judge:
        judge.verdict(submission.write(power=rule("return ctx", "power")).notebook(), ASSIGNMENT)
        started = set(psutil.Process().children(recursive=True)) - before
    assert len(started) >= 2  # the server, and the reference's child
    assert not psutil.wait_procs(started, timeout=5.0)[1]
    assert not list(tmp_path.iterdir())


# --- the trusted side -----------------------------------------------------------------------


@pytest.fixture
def own_course(tmp_path) -> Course:
    return small_course(tmp_path / "own")


def test_a_wrong_reference_is_the_graders_fault_and_nobodys_zero(own_course):
    path = own_course.source(ASSIGNMENT)
    path.write_text(path.read_text().replace("grad_output * y, grad", "grad_output * x, grad"))
    wrong = Submission(own_course)
    with Judge(own_course, LIMITS) as judge:
        with pytest.raises(TrustedSideError, match=r"reference of mul .* itself found wrong"):
            judge.verdict(wrong.solve().notebook(), ASSIGNMENT)
        right = Submission(own_course).solve().write(mul=rule(RIGHT))
        assert scores(judge, right) == POINTS


def test_a_reference_that_was_ended_is_started_again(course, submission):
    wrong = submission.solve().write(mul=rule("return ctx")).notebook()
    with Judge(course, LIMITS) as judge:
        before = judge.verdict(wrong, ASSIGNMENT)
        youngest = max(psutil.Process().children(recursive=True), key=psutil.Process.create_time)
        youngest.kill()  # the reference's child: nothing else was begun after it
        assert judge.verdict(wrong, ASSIGNMENT).score == before.score == sum(POINTS.values()) - 3


def test_a_reference_that_does_not_run_is_the_graders_fault(own_course):
    path = own_course.source(ASSIGNMENT)
    path.write_text(path.read_text().replace("x, exponent = ctx", "x, exponent = nothing"))
    wrong = Submission(own_course).solve().write(power=rule("return ctx", "power"))
    with Judge(own_course, LIMITS) as judge, pytest.raises(TrustedSideError, match="power"):
        judge.verdict(wrong.notebook(), ASSIGNMENT)


def test_an_assignment_that_was_not_built_is_the_graders_fault(own_course):
    submission = Submission(own_course)
    own_course.assignment(ASSIGNMENT).unlink()
    with Judge(own_course) as judge, pytest.raises(TrustedSideError, match="autograder build"):
        judge.verdict(submission.notebook(), ASSIGNMENT)


# --- small parts ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("points", "fraction", "expected"),
    [(3.0, 1.0, 3.0), (3.0, 0.0, 0.0), (3.0, 1 / 3, 1.0), (2.0, 1 / 3, 0.667), (3.0, 1.5, 3.0),
     (3.0, -0.2, 0.0), (3.0, float("nan"), 0.0), (0.0, 1.0, 0.0)],
)  # fmt: skip
def test_scores_stay_between_zero_and_the_points(points, fraction, expected):
    found = score_of(points, fraction)
    assert type(found) is float
    assert found == expected


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("%matplotlib inline\nx = 1", "pass\nx = 1"),
        ("if True:\n    !ls\n", "if True:\n    pass\n"),
        ("files = !ls", "files = None"),
        ("np.sqrt?", "pass"),
        ("%%time\nx = 1", "\nx = 1"),
        ("%%html\n<b>", "pass"),
    ],
)
def test_magics_are_left_out(cell, code):
    assert without_magics(cell) == code


@pytest.mark.parametrize(
    "cell",
    [
        "%matplotlib inline\nx = (7\n     % 4)",
        "%matplotlib inline\nx = 7 \\\n    % 4",
        "!pip install \\\n    numpy\nx = 3",
        "files = !ls \\\n    here\nx = 3",
        "!ls\nx = len({'(': '''\n!ls\n\\''' (\n''',  # it's (\n})\n!ls\nx += 2",
        '!ls\ny = """\n%d\n""" % 3\nx = int(y)',
    ],
)
def test_what_only_looks_like_a_magic_is_kept(cell):
    names = {}
    exec(compiled(cell, "cell"), names)
    assert names["x"] == 3


SAYS_NOTHING = {
    "its text fails": "class E(Exception):\n"
    "    def __str__(self):\n        raise KeyboardInterrupt",
    "its text never ends": "class E(Exception):\n    def __str__(self):\n        while True: pass",
    "its text is odd": "class T(str):\n    strip = split = None\n"
    "class E(Exception):\n    def __str__(self):\n        return T('x')",
    "its name fails": "class M(type):\n    @property\n    def __name__(cls):\n        1 / 0\n"
    "    def __eq__(cls, other):\n        1 / 0\n    __hash__ = type.__hash__\n"
    "class E(Exception, metaclass=M): pass",
    "its line fails": "class E(SyntaxError):\n    @property\n    def lineno(self):\n        1 / 0",
}


@pytest.mark.parametrize("how", list(SAYS_NOTHING))
def test_an_error_that_cannot_be_shown_ends_its_cell_and_nothing_else(how):
    trouble = run_cell({}, f"{SAYS_NOTHING[how]}\nraise E", "cell", 5.0)
    assert trouble["kind"] == "exception"
    assert type(trouble["message"]) is str
    assert 0 < len(trouble["message"]) <= 400


def test_an_error_that_cannot_be_shown_costs_no_other_answer(judge, submission):
    code = SAYS_NOTHING["its text fails"] + "\n" + rule("raise E")
    assert scores(judge, submission.solve().write(mul=code)) == POINTS | {"mul": 0.0}


def test_what_one_answer_tells_numpy_is_not_told_to_the_next(judge, submission):
    strict = rule(f"np.seterr(all='raise')\n{RIGHT}")
    careless = "np.log(np.zeros(1))\nnp.exp(np.full(1, 1e4))\n"
    power = rule(careless + "x, n = ctx\nreturn (grad_output * n * x ** (n - 1),)", "power")
    found = judge.verdict(submission.solve().write(mul=strict, power=power).notebook(), ASSIGNMENT)
    assert all(passed for name, passed in found["power"].facets.items() if name != "clean")


def test_the_sources_marker_is_gone_from_references(course):
    assert not any(ANSWER in code for code in Submission(course).solutions.values())


def test_what_the_judge_draws_for_itself_never_crosses_to_the_child() -> None:
    case = Case("arrays", "x (2,)", (np.ones(2),), upstream=np.ones(2), secret=123456789)
    header, arrays = case.to_wire()
    assert "123456789" not in repr(header)
    assert Case.from_wire(header, arrays).secret == 0


def test_the_judges_own_draws_differ_from_question_to_question_and_follow_the_seed(
    judge: Judge,
) -> None:
    asked = judge.plan(ASSIGNMENT)
    drawn = [
        [case.secret for case in _Hearing(judge, asked, Notebook(()), seed)._draw(find("mul"))]
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1]
    assert len({*drawn[0], *drawn[2]}) == len(drawn[0]) + len(drawn[2])


@pytest.mark.slow
def test_many_slow_cells_of_ones_own_leave_time_for_the_answers(judge, submission):
    slow = submission.solve()
    for number in range(30):
        slow.insert("by_hand", f"import time\nnumber = {number}\ntime.sleep(0.5)")
    verdict = judge.verdict(slow.notebook(), ASSIGNMENT)
    assert verdict.score == verdict.points
    assert any("the cells of this notebook took too long" in note for note in verdict.notes)


def test_an_answer_cannot_speak_in_the_graders_voice(judge, submission):
    forged = (
        "from course_autograd.exercises import Observation, Trouble\n"
        "from course_autograd.exercises.operation_exercise import OperationExercise\n"
        "OperationExercise.run = lambda *_: Observation(error=Trouble('missing', 'Give 3 points.'))"
    )
    verdict = judge.verdict(submission.solve().write(mul=forged).notebook(), ASSIGNMENT)
    told = json.dumps(verdict.to_json())
    assert verdict["mul"].score == 0.0
    assert "Give 3 points" not in told
    assert "No answer to mul was found in this notebook." in told
