"""Warm servers: each child is as fresh as a new process, and a server's end is nobody's zero."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import psutil
import pytest
from small_course import ASSIGNMENT, POINTS, Submission, small_course

from autograder import server
from autograder.cells import Cell, parse_notebook, solution_cells
from autograder.course import COURSE, ROOT, Course
from autograder.judge import Judge, TrustedSideError
from autograder.process import Child, DiedError, Limits
from autograder.sandbox import STRICT
from autograder.servers import Server, ServerError, Servers
from course_autograd.exercises import find

FULL = sum(POINTS.values())
LIMITS = Limits(cell=2.0, load=10.0, request=2.0, submission=20.0)


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Course:
    return small_course(tmp_path_factory.mktemp("course") / "small")


@pytest.fixture(scope="module")
def judge(course) -> Iterator[Judge]:
    with Judge(course, LIMITS) as judge:
        yield judge


@pytest.fixture
def submission(course) -> Submission:
    return Submission(course)


def loaded(judge: Judge, *cells: str, modules: tuple[str, ...] = ()) -> dict[int, dict[str, str]]:
    """What went wrong when a fresh child ran these cells."""
    plan = judge.plan(ASSIGNMENT)
    with judge.child(plan, (), modules) as child:
        numbered = [Cell(index, "code", source) for index, source in enumerate(cells)]
        return child.load(numbered, deadline=float("inf")).troubles


def pid_of_server(judge: Judge) -> int:
    return judge._servers._running[()].process.pid


def below(judge: Judge) -> set[psutil.Process]:
    """All processes below the server, whatever their numbers in a namespace of its own."""
    return set(psutil.Process(pid_of_server(judge)).children(recursive=True))


# --- children -------------------------------------------------------------------------------


def test_children_know_nothing_of_each_other(judge):
    spoil = "import math, json\nmath.pi = 3\njson.mine = here = 1\nimport numpy as np\nnp.pi = 3"
    clean = (
        "import math, json\nimport numpy as np\n"
        "assert math.pi > 3.1 and np.pi > 3.1\n"
        "assert not hasattr(json, 'mine') and 'here' not in globals()"
    )
    assert loaded(judge, spoil) == {}
    assert loaded(judge, clean) == {}


LAZY = {
    "asyncio": "import asyncio\nawait asyncio.sleep(0)",
    "traceback": "import traceback\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n"
    "    assert 'division' in traceback.format_exc()",
    "codecs": "for name in ('latin-1', 'ascii', 'idna', 'utf-16', 'cp1252'):\n"
    "    assert 'abc'.encode(name).decode(name) == 'abc'",
    "decimal": "from decimal import Decimal\nassert Decimal('0.1') * 3 == Decimal('0.3')",
    "time zones": "import datetime, time\ntime.strptime('2020-01-02', '%Y-%m-%d')\n"
    "f'{datetime.datetime.now():%c}'",
    "dataclasses": "from dataclasses import dataclass\nfrom typing import NamedTuple\n"
    "@dataclass\nclass P:\n    x: float = 1.0\nclass Q(NamedTuple):\n    y: int\n(P(), Q(1))",
    "numpy": "import numpy as np\nfrom numpy.polynomial import Polynomial\n"
    "np.random.default_rng(1).normal(size=3)\nnp.linalg.svd(np.ones((2, 2)))\n"
    "np.fft.fft(np.ones(4))\nnp.testing.assert_allclose(1.0, 1.0)\nrepr(np.ones((40, 40)))\n"
    "np.einsum('ij,jk', np.ones((2, 2)), np.ones((2, 2)))\nPolynomial([1, 2])(3)",
    "random": "import random, uuid, secrets\nrandom.random()\nuuid.uuid4()\nsecrets.token_hex(4)",
    "statistics": "import statistics, fractions\nstatistics.median([1, 2, fractions.Fraction(1)])",
    "a syntax error caught": "try:\n    compile('x =', 'x', 'exec')\nexcept SyntaxError:\n    pass",
    "warnings": "import warnings\nwarnings.warn('careful')",
    "logging": "import logging\nlogging.getLogger('x').warning('careful')",
    "threads": "import threading\nt = threading.Thread(target=print)\nt.start()\nt.join()",
    "pretty": "import pprint, textwrap, inspect\npprint.pformat(list(range(99)))\n"
    "inspect.signature(textwrap.dedent)",
    "the course": "from course_autograd import data, nn, optim\ndigits = data.digits()\n"
    "digits.images[:] = 0.0\nassert data.digits().images.max() == 1.0",
}


@pytest.mark.parametrize("what", list(LAZY))
def test_what_cells_commonly_use_works_in_a_child(judge, what):
    assert loaded(judge, LAZY[what]) == {}


def test_what_a_notebook_names_is_imported_for_it(judge):
    cell = "import sys\nassert 'wave' in sys.modules\nimport wave"
    assert loaded(judge, cell, modules=("wave", "no.such.module", "antigravity")) == {}
    assert 0 in loaded(judge, cell)


def test_how_a_child_ended_is_told(judge):
    with judge.child(judge.plan(ASSIGNMENT), ()) as child:
        with pytest.raises(DiedError, match="ended the whole process"):
            child.load([Cell(0, "code", "import os\nos._exit(7)")], float("inf"))
        assert child.end() is None


def test_a_child_is_there_until_it_is_closed_and_then_it_is_gone(judge):
    """Reaped only then: no number is used again before the judge has asked how it ended."""
    before = below(judge)
    children = [judge.child(judge.plan(ASSIGNMENT), ()) for _ in range(5)]
    assert len({child.pid for child in children}) == 5
    begun = below(judge) - before
    assert len(begun) == 5
    for child in children:
        child.close()
    assert not any(one.is_running() for one in begun)


FORBIDDEN = {
    "reading": "open('/etc/passwd')",
    "writing": "open('here.txt', 'w')",
    "looking": "import os\nos.listdir('/')",
    "another process": "import os\nif not os.fork():\n    os._exit(0)",
    "another program": "import subprocess\nsubprocess.run(['true'])",
    "the network": "import socket\nsocket.create_connection(('127.0.0.1', 9))",
    "signals": "import os\nos.kill(os.getppid(), 0)",
}


@pytest.mark.parametrize("what", list(FORBIDDEN))
def test_a_child_is_shut_in(judge, what):
    assert judge.level in STRICT
    message = loaded(judge, FORBIDDEN[what])[0]["message"]
    assert message.startswith("PermissionError")


def test_where_only_limits_can_be_had_answers_are_judged_all_the_same(course, submission):
    """As on macOS, once that has been asked for."""
    with Judge(course, LIMITS, allow_limited=True) as judge:
        judge.level = "D"
        verdict = judge.verdict(submission.solve().notebook(), ASSIGNMENT)
    assert (verdict.score, verdict.level) == (FULL, "D")


def test_a_wall_that_cannot_be_put_up_is_the_graders_fault(course, submission):
    submission.insert("by_hand", "import os\nos._exit(1)")
    with Judge(course, LIMITS) as judge:
        judge.level = "E"
        with pytest.raises(TrustedSideError, match="cannot be shut in: expected a level"):
            judge.verdict(submission.solve().notebook(), ASSIGNMENT)


# --- rules that are needed ------------------------------------------------------------------


def test_only_exercises_that_need_a_rule_of_the_package_find_it():
    """``train_step`` may rely on ``add``; nobody else finds that rule."""
    name = find("train_step").assignment
    content = json.loads(COURSE.assignment(name).read_text(encoding="utf-8"))
    solutions = solution_cells(COURSE.source(name))
    use = "np.testing.assert_array_equal(ops.add.backward(C(), np.ones(1))[0], [1.0])\n"
    use = f"class C(list):\n    needs = True, True\nfrom course_autograd import ops\n{use}"
    for cell in content["cells"]:
        grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if grade_id in ("train_step", "tanh"):
            cell["source"] = use + solutions[grade_id]
    with Judge() as judge:
        verdict = judge.verdict(parse_notebook(content), name)
    assert verdict["train_step"].state == "right"
    assert verdict["tanh"].score == 0.0
    assert "without the package's own backward rules" in verdict["tanh"].remarks[0]


# --- servers that fail ----------------------------------------------------------------------


def test_a_server_that_was_killed_is_replaced_and_nobody_pays(judge, submission):
    notebook = submission.solve().notebook()
    assert judge.verdict(notebook, ASSIGNMENT).score == FULL
    killed = pid_of_server(judge)
    os.kill(killed, signal.SIGKILL)
    assert judge.verdict(notebook, ASSIGNMENT).score == FULL
    assert pid_of_server(judge) != killed


def test_a_server_that_dies_under_a_submission_costs_it_nothing(judge, submission):
    submission.solve().insert("mul", "import time\ntime.sleep(0.5)")
    loaded(judge, "")
    kill = threading.Timer(0.2, os.kill, (pid_of_server(judge), signal.SIGKILL))
    kill.start()
    verdict = judge.verdict(submission.notebook(), ASSIGNMENT)
    kill.join()
    assert verdict.score == FULL
    assert verdict.notes == ()


def test_a_server_that_does_not_start_is_the_graders_fault(course, submission, monkeypatch):
    monkeypatch.setattr(server, "COMMAND", "raise SystemExit('there is no numpy')")
    with pytest.raises(ServerError, match=r"exit status 1\): there is no numpy"):
        Server()
    with Judge(course, LIMITS) as judge, pytest.raises(TrustedSideError, match="no numpy"):
        judge.verdict(submission.solve().notebook(), ASSIGNMENT)


def test_a_server_that_was_told_nonsense_ends_and_says_so():
    with Server() as one, pytest.raises(ServerError, match="has ended"):
        one.end(1)  # no child of its


def test_what_fails_twice_in_a_row_is_not_tried_again():
    tried: list[Server] = []

    def fails(one: Server) -> None:
        tried.append(one)
        raise ServerError("no")

    with Servers("B") as servers, pytest.raises(ServerError):
        servers.use((), (), fails)
    assert len(set(map(id, tried))) == 2
    assert all(one.process.returncode is not None for one in tried)


def test_a_closed_judge_leaves_no_process_and_no_file(course, submission, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Judge(course, LIMITS) as judge:
        judge.verdict(submission.solve().notebook(), ASSIGNMENT)
        child = Child(judge._servers._running[()], LIMITS, judge.level)  # and left open
        begun = {psutil.Process(pid_of_server(judge)), *below(judge)}
    assert not psutil.wait_procs(begun, timeout=5.0)[1]
    child.close()
    assert not list(tmp_path.iterdir())


WITHOUT_UNIX = """
import sys
sys.path.insert(0, sys.argv[1])
import os, select, signal, subprocess
for module in ("resource", "fcntl", "pwd", "grp", "termios"):
    sys.modules[module] = None
for name in ("SIGKILL", "SIGALRM", "SIGXCPU", "SIGSYS", "setitimer", "ITIMER_REAL"):
    delattr(signal, name)
for name in ("fork", "setsid", "killpg", "getppid", "getuid", "waitstatus_to_exitcode"):
    delattr(os, name)
del select.poll
sys.platform = "win32"
from autograder.judge import Judge, TrustedSideError
try:
    Judge(allow_limited=True)
except TrustedSideError as error:
    print(error)
"""


def test_on_windows_the_grader_says_where_it_runs():
    arguments = [sys.executable, "-c", WITHOUT_UNIX, str(ROOT)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "grade in WSL or in a Linux container" in done.stdout


KILLED = """
import os, signal, sys, tempfile
sys.path.insert(0, sys.argv[1])
tempfile.tempdir = sys.argv[2]
from autograder.servers import Server
server = Server()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_judge_that_is_killed_leaves_no_server_and_no_folder(tmp_path):
    """Removing its folder is the last thing that a server does."""
    arguments = [sys.executable, "-c", KILLED, str(ROOT), str(tmp_path)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    latest = time.monotonic() + 20.0
    while list(tmp_path.iterdir()) and time.monotonic() < latest:
        time.sleep(0.02)
    assert not list(tmp_path.iterdir())
