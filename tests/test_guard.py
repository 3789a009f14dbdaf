"""Nothing of a submission is copied that intake has not passed, whatever is configured."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from class_room import ClassRoom
from nbgrader.converters import Autograde
from small_course import ASSIGNMENT, POINTS, Submission, small_course

from autograder.guard import NotPassedError, pass_on, require_passed
from autograder.plugin import SubmissionExporter


@pytest.fixture
def room(tmp_path: Path) -> ClassRoom:
    """One student's finished work, and a private file beside it."""
    course = small_course(tmp_path / "small")
    room = ClassRoom(course)
    room.hand_in("ana", Submission(course).solve())
    return room


def copied(room: ClassRoom, folder: str) -> list[str]:
    """The names of all files below a folder of the grading room."""
    return sorted(path.name for path in (room.course.grading_folder / folder).rglob("*.*"))


def test_with_another_exporter_nothing_is_copied_or_graded(room, capsys):
    (room.folder / "ana" / ASSIGNMENT / "link.txt").symlink_to("/etc/passwd")
    room.config.Autograde.exporter_class = "nbconvert.exporters.NotebookExporter"
    assert not room.autograde()
    assert copied(room, "autograded") == []
    said = capsys.readouterr().out
    assert "not copied: ana" in said
    assert "not looked at before copying" in said


def test_with_another_exporter_there_is_no_feedback(room, capsys):
    assert room.autograde()
    room.config.GenerateFeedback.exporter_class = "nbconvert.exporters.HTMLExporter"
    assert not room.feedback()
    assert copied(room, "feedback") == []
    assert "not copied: ana" in capsys.readouterr().out


def test_without_any_meddling_both_go_through(room):
    assert room.autograde()
    assert room.feedback()
    assert copied(room, "feedback") == [f"{ASSIGNMENT}.html"]


def after_intake(change: Callable[[Path], object]) -> type[SubmissionExporter]:
    """An exporter that lets something happen to ana's folder between intake and copying."""

    class Meddling(SubmissionExporter):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            if isinstance(self.parent, Autograde):
                coursedir = self.parent.coursedir
                change(Path(coursedir.format_path("grading/submitted", "ana", ASSIGNMENT)))

    return Meddling


def another_notebook(folder: Path) -> None:
    path = folder / f"{ASSIGNMENT}.ipynb"
    path.write_text(path.read_text().replace("grad_output * y", "grad_output"))


def a_link_in_its_place(folder: Path) -> None:
    path = folder / f"{ASSIGNMENT}.ipynb"
    path.rename(folder / "elsewhere.ipynb")
    path.symlink_to("elsewhere.ipynb")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (another_notebook, "has changed while it was graded"),
        (a_link_in_its_place, "has changed while it was graded"),
        (lambda folder: (folder / "late.txt").write_text("x"), "came while it was graded"),
        (
            lambda folder: (folder / "pipe.txt").symlink_to("/etc/passwd"),
            "came while it was graded",
        ),
    ],
)
def test_what_changes_after_intake_is_not_copied(room, capsys, change, says):
    room.config.Autograde.exporter_class = after_intake(change)
    assert not room.autograde()
    assert copied(room, "autograded") == []
    assert says in capsys.readouterr().out


def test_nobody_else_is_affected(room):
    room.hand_in("ben", Submission(room.course).solve())
    room.config.Autograde.exporter_class = after_intake(another_notebook)
    assert not room.autograde()
    assert room.scores()["ben"] == sum(POINTS.values())


def test_a_class_whose_files_all_have_another_ending_is_graded(room):
    (room.folder / "ana" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb").rename(
        room.folder / "ana" / ASSIGNMENT / f"{ASSIGNMENT}.IPYNB"
    )
    assert room.autograde()
    assert room.scores() == {"ana": sum(POINTS.values())}


def test_a_class_without_any_notebook_is_named_one_by_one(room, capsys):
    (room.folder / "ana" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb").unlink()
    assert not room.autograde()
    assert "not graded: ana" in capsys.readouterr().out


def test_a_mark_holds_for_the_bytes_that_were_passed(tmp_path):
    file = tmp_path / "a.ipynb"
    file.write_text("{}")
    pass_on(tmp_path, [file])
    require_passed(tmp_path, [file])
    stamp = file.stat()
    file.write_text("[]")
    os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    with pytest.raises(NotPassedError, match="has changed"):
        require_passed(tmp_path, [file])


def test_a_pipe_in_the_place_of_a_file_does_not_keep_anybody_waiting(tmp_path):
    file = tmp_path / "a.ipynb"
    file.write_text("{}")
    pass_on(tmp_path, [file])
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(NotPassedError, match="has changed"):
        require_passed(tmp_path, [file])
