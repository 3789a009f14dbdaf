"""What students get: the notebook, the package alone, one install line."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from tiny_course import FIRST, tiny_course

from autograder.build import build
from autograder.course import ROOT, Course
from autograder.errors import BuildError, CourseFolderError
from autograder.handout import build_wheel, make_handout

NAME = "01_chain_rule"


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    course = tiny_course(tmp_path_factory.mktemp("course"))
    build([NAME], course)
    return course


@pytest.fixture(scope="module")
def handout(course: Course, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_handout(NAME, tmp_path_factory.mktemp("handout"), course)


def test_folder_and_archive_hold_notebook_wheel_and_readme(handout: tuple[Path, Path]) -> None:
    folder, archive = handout
    names = {path.name for path in folder.iterdir()}
    (wheel,) = (name for name in names if name.endswith(".whl"))
    assert names == {f"{NAME}.ipynb", "README.md", wheel}
    with zipfile.ZipFile(archive) as file:
        assert set(file.namelist()) == {f"{NAME}/{name}" for name in names}
        for name in names:
            assert file.read(f"{NAME}/{name}") == (folder / name).read_bytes()


def test_the_notebook_is_the_students_one(handout: tuple[Path, Path], course: Course) -> None:
    given = (handout[0] / f"{NAME}.ipynb").read_bytes()
    assert given == course.assignment(NAME).read_bytes()


def test_the_readme_has_one_install_line_that_names_the_wheel(handout: tuple[Path, Path]) -> None:
    folder, _ = handout
    text = (folder / "README.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"(?m)^\s*(.*pip install.*)$", text)
    (wheel,) = folder.glob("*.whl")
    assert line == f"python -m pip install ./{wheel.name} jupyterlab"
    for word in ("Open", "check(...)", "Hand in"):
        assert word in text
    assert "://" not in text


def test_the_wheel_holds_the_package_alone(handout: tuple[Path, Path]) -> None:
    (wheel,) = handout[0].glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
    top = {name.split("/")[0] for name in names}
    assert sorted(re.sub(r"-[\d.]+\.", ".", name) for name in top) == [
        "course_autograd",
        "course_autograd.dist-info",
    ]
    shipped = {name for name in names if name.startswith("course_autograd/")}
    kinds = (".py", ".npz", ".typed", ".js", ".css")
    ours = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "course_autograd").rglob("*")
        if path.suffix in kinds and "__pycache__" not in path.parts
    }
    assert {name for name in shipped if not name.endswith(".md")} == ours


@pytest.mark.slow
def test_two_handouts_are_the_same_bytes(
    handout: tuple[Path, Path], course: Course, tmp_path: Path
) -> None:
    _, again = make_handout(NAME, tmp_path, course)
    assert again.read_bytes() == handout[1].read_bytes()


def test_an_outdated_notebook_is_not_handed_out(tmp_path: Path) -> None:
    course = tiny_course(tmp_path / "course")
    with pytest.raises(BuildError, match=r"is missing.*Run: python -m autograder build"):
        make_handout(NAME, tmp_path / "handout", course)
    build([NAME], course)
    course.source(NAME).write_text(FIRST.replace("very short", "short"), encoding="utf-8")
    with pytest.raises(BuildError, match="does not agree with"):
        make_handout(NAME, tmp_path / "handout", course)
    assert not (tmp_path / "handout").exists()


def test_an_unknown_assignment_is_not_handed_out(course: Course, tmp_path: Path) -> None:
    with pytest.raises(CourseFolderError, match="no assignment is called '07_rnn'"):
        make_handout("07_rnn", tmp_path, course)


def test_a_wheel_that_cannot_be_built_says_why(tmp_path: Path) -> None:
    (tmp_path / "course_autograd").mkdir()
    for name in ("README.md", "LICENSE"):
        (tmp_path / name).write_text("", encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text("[project\n", encoding="utf-8")
    with pytest.raises(BuildError, match="the wheel could not be built"):
        build_wheel(tmp_path, tmp_path)
