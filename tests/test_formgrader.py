"""Formgrader, nbgrader's pages in the browser, on a copy of this very course: `jupyter lab`."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from autograder.cells import solution_cells
from autograder.course import COURSE, Course

pytestmark = pytest.mark.slow

ASSIGNMENT, STUDENT = "01_chain_rule", "ben"
WRONG = "@backward_of(ops.mul)\ndef m(ctx, grad_output):\n    x, y = ctx\n    return y, x"
PARTS = ("assignments", "autograder", "course_autograd", "solutions", "nbgrader_config.py")
SECONDS_TO_START, SECONDS_TO_ANSWER, SECONDS_TO_END = 90, 60, 20


@dataclass(frozen=True)
class Server:
    """A Jupyter server in the root of a course."""

    url: str
    token: str

    def ask(self, path: str, change: dict[str, Any] | None = None) -> str:
        """GET a page below /formgrader, or PUT a change; all but 200, also a login, is an error."""
        request = urllib.request.Request(
            f"{self.url}/formgrader{path}",
            data=None if change is None else json.dumps(change).encode(),
            headers={"Authorization": f"token {self.token}", "Content-Type": "application/json"},
            method="GET" if change is None else "PUT",
        )
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=SECONDS_TO_ANSWER) as answer:
            assert answer.status == 200
            assert "/login" not in answer.url
            return answer.read().decode("utf-8")


def environment(folder: Path) -> dict[str, str]:
    """Keep Jupyter out of the settings of whoever runs the tests."""
    folders = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    own = {name: str(folder / name.lower()) for name in folders}
    return {**os.environ, **own, "JUPYTER_PREFER_ENV_PATH": "1"}


def nbgrader(course: Course, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *words],
        cwd=course.root,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=environment(course.root.parent),
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """Copy this course, with one graded submission: all right but `mul`."""
    root = tmp_path_factory.mktemp("formgrader") / "course"
    root.mkdir()
    for part in PARTS:
        source = COURSE.root / part
        if source.is_dir():
            shutil.copytree(source, root / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, root / part)
    course = Course(root)
    notebook = json.loads(course.assignment(ASSIGNMENT).read_text(encoding="utf-8"))
    answers = solution_cells(course.reference(ASSIGNMENT)) | {"mul": WRONG}
    for cell in notebook["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        cell["source"] = answers.get(name, cell["source"])
    folder = course.grading_folder / "submitted" / STUDENT / ASSIGNMENT
    folder.mkdir(parents=True)
    (folder / f"{ASSIGNMENT}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    assert f"{STUDENT}: 25.0 of 28.0 points" in nbgrader(course, "autograde", ASSIGNMENT)
    return course


@pytest.fixture(scope="module")
def server(course: Course) -> Iterator[Server]:
    """Start ``jupyter lab`` in the root of the course, on a free port; end it by its process id."""
    token = secrets.token_hex(16)
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "ip": "127.0.0.1",
        "port": port,
        "port_retries": 0,
        "open_browser": False,
        "allow_root": True,
    }
    log = course.root.parent / "server.log"
    with log.open("w", encoding="utf-8") as said:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyterlab", f"--IdentityProvider.token={token}"),
                *(f"--ServerApp.{name}={value}" for name, value in settings.items()),
            ],
            cwd=course.root,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env=environment(course.root.parent),
        )
    try:
        wait_for(process, port, log)
        yield Server(f"http://127.0.0.1:{port}", token)
    finally:
        process.terminate()
        try:
            process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(SECONDS_TO_END)


def wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return as soon as somebody listens; fail with the log when the server ends or is late."""
    until = time.monotonic() + SECONDS_TO_START
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.2)
    pytest.fail(f"jupyter lab does not answer:\n{log.read_text(encoding='utf-8')}")


def submitted(server: Server) -> dict[str, Any]:
    (entry,) = json.loads(server.ask(f"/api/submitted_notebooks/{ASSIGNMENT}/{ASSIGNMENT}"))
    return entry


def test_the_pages_open(server: Server) -> None:
    assert "nbgrader" in server.ask("")
    assert ASSIGNMENT in server.ask(f"/gradebook/{ASSIGNMENT}")
    assert ASSIGNMENT in server.ask(f"/gradebook/{ASSIGNMENT}/{ASSIGNMENT}")
    assert STUDENT in server.ask(f"/manage_students/{STUDENT}")


def test_the_list_of_assignments_knows_the_submission(server: Server, course: Course) -> None:
    listed = {one["name"]: one for one in json.loads(server.ask("/api/assignments"))}
    assert list(listed) == course.names()
    assert listed[ASSIGNMENT]["num_submissions"] == 1
    assert listed[ASSIGNMENT]["average_score"] == 25.0


def test_the_page_of_a_submission_shows_our_feedback(server: Server) -> None:
    page = server.ask(f"/submissions/{submitted(server)['id']}/")
    assert "Not right yet: mul, 0 of 3 points" in page
    assert "Right: power, 3 of 3 points" in page
    assert "without the upstream gradient" in page
    assert "grad_output * y" not in page
    assert "Traceback (most recent call last)" not in page


def test_a_comment_and_points_by_hand_reach_the_student(server: Server, course: Course) -> None:
    page = course.grading_folder / "feedback" / STUDENT / ASSIGNMENT / f"{ASSIGNMENT}.html"
    for kind, name, change in (
        ("comment", "mul", {"manual_comment": "Come and see me."}),
        ("grade", "check-mul", {"manual_score": 1.5}),
    ):
        listed = json.loads(server.ask(f"/api/{kind}s?submission_id={submitted(server)['id']}"))
        (found,) = (one["id"] for one in listed if one["name"] == name)
        server.ask(f"/api/{kind}/{found}", {"id": found, **change})
    nbgrader(course, "generate_feedback", ASSIGNMENT, "--force")
    html = page.read_text(encoding="utf-8")
    assert "Come and see me." in html
    assert "(Score: 26.5 / 28.0)" in html
    assert "Not right yet: mul" in html
