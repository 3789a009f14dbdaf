"""What students hand in by e-mail or through a learning platform finds its way to its owner."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tiny_course import tiny_course

from autograder.build import build
from autograder.collect import identify
from autograder.course import Course

NAMES = ["01_chain_rule", "02_sigmoid"]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("ada_01_chain_rule.ipynb", ("ada", "01_chain_rule")),
        ("ada_late_01_chain_rule.ipynb", ("ada", "01_chain_rule")),
        ("ada_4711_815_01_chain_rule-2.ipynb", ("ada", "01_chain_rule")),
        ("ada_01_chain_rule (1).ipynb", ("ada", "01_chain_rule")),
        ("17.4_01_chain_rule.ipynb", ("17.4", "01_chain_rule")),
        ("Ada Lovelace_4711_file_/01_chain_rule.ipynb", ("Ada Lovelace", "01_chain_rule")),
        ("ada_work/01_chain_rule/01_chain_rule.ipynb", ("ada", "01_chain_rule")),
        ("ada_01_chain_rule/01_chain_rule.ipynb", ("ada", "01_chain_rule")),
        ("week_1/ada_01_chain_rule.ipynb", ("ada", "01_chain_rule")),
        ("ada_02_sigmoid.ipynb", ("ada", "02_sigmoid")),
        ("ada_homework.ipynb", ("ada", "homework")),
        ("ada_work/my_homework.ipynb", ("ada", "my_homework")),
        ("01_chain_rule.ipynb", None),
        ("01_chain_rule/01_chain_rule.ipynb", None),
        ("homework.ipynb", None),
        (".._01_chain_rule.ipynb", None),
        ("*_01_chain_rule.ipynb", None),
        ("_01_chain_rule.ipynb", None),
    ],
)
def test_names_tell_the_student_and_the_notebook(path: str, found: tuple[str, str] | None) -> None:
    assert identify(Path(path), NAMES) == found


def zipped(path: Path, **files: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


@pytest.fixture
def course(tmp_path: Path) -> Course:
    course = tiny_course(tmp_path / "course")
    build(["01_chain_rule"], course)
    return course


@pytest.mark.slow
def test_zip_collect_brings_everything_in_and_names_what_it_leaves_out(course: Course) -> None:
    archive = course.grading_folder / "downloaded" / "01_chain_rule" / "archive"
    archive.mkdir(parents=True)
    (archive / "ada_01_chain_rule.ipynb").write_bytes(b"ada, first")
    (archive / "ada_01_chain_rule-2.ipynb").write_bytes(b"ada, second")
    (archive / "bob_some_words_01_chain_rule.ipynb").write_bytes(b"bob")
    (archive / "homework.ipynb").write_bytes(b"whose?")
    (archive / "fay_02_sigmoid.ipynb").write_bytes(b"another assignment")
    (archive / "gus_broken.zip").write_bytes(b"PK no zip at all")
    zipped(
        archive / "all of tuesday.zip",
        **{
            "cleo_77_01_chain_rule.ipynb": b"cleo",
            "__MACOSX/._cleo_77_01_chain_rule.ipynb": b"junk",
            "Dan Dare_12_file_/01_chain_rule.ipynb": b"dan",
            "notes.txt": b"no notebook",
        },
    )
    zipped(archive / "eve_01_chain_rule.zip", **{"01_chain_rule/01_chain_rule.ipynb": b"eve"})
    zipped(archive / "class.zip", **{"hal_01_chain_rule.ipynb": b"hal, first"})
    zipped(archive / "class (2).zip", **{"hal_01_chain_rule.ipynb": b"hal, second"})
    zipped(archive / "class (10).zip", **{"hal_01_chain_rule.ipynb": b"hal, last"})

    done = subprocess.run(
        [Path(sys.executable).with_name("nbgrader"), "zip_collect", "01_chain_rule"],
        cwd=course.root,
        env={"HOME": str(course.root), "PATH": os.defpath},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    submitted = course.grading_folder / "submitted"
    assert {
        str(path.relative_to(submitted)): path.read_bytes() for path in submitted.rglob("*.*")
    } == {
        "ada/01_chain_rule/01_chain_rule.ipynb": b"ada, second",
        "bob/01_chain_rule/01_chain_rule.ipynb": b"bob",
        "cleo/01_chain_rule/01_chain_rule.ipynb": b"cleo",
        "Dan Dare/01_chain_rule/01_chain_rule.ipynb": b"dan",
        "eve/01_chain_rule/01_chain_rule.ipynb": b"eve",
        "hal/01_chain_rule/01_chain_rule.ipynb": b"hal, last",
    }
    for sentence in (
        "ada_01_chain_rule.ipynb: not collected, ada_01_chain_rule-2.ipynb of the same student",
        "class/hal_01_chain_rule.ipynb: not collected, class (2)/hal_01_chain_rule.ipynb of",
        "homework.ipynb: not collected, no student's id stands before an underscore",
        "fay_02_sigmoid.ipynb: not collected, it is called after 02_sigmoid",
        "gus_broken.zip: not collected, the archive is broken",
    ):
        assert sentence in done.stderr


def test_a_mistyped_assignment_ends_with_what_there_is(course: Course) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("nbgrader"), "zip_collect", "01_chain_rul"],
        cwd=course.root,
        env={"HOME": str(course.root), "PATH": os.defpath},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    assert "there is no assignment '01_chain_rul'. There are: 01_chain_rule" in done.stderr
    assert "Traceback" not in done.stderr
