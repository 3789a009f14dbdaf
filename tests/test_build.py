"""Building: student notebooks through nbgrader, the same bytes every time, clear errors."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tiny_course import FIRST, SECOND, tiny_course

from autograder import build as building
from autograder.build import build, is_registered, out_of_date, register
from autograder.cells import read_notebook, solution_cells
from autograder.course import COURSE, ROOT, Course
from autograder.errors import AutograderError, BuildError, CourseFolderError, SourceError
from autograder.source import reference_notebook


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return tiny_course(tmp_path)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Course:
    course = tiny_course(tmp_path_factory.mktemp("built"))
    build(course=course)
    return course


def sources(path: Path) -> dict[str, str]:
    return {cell.grade_id: cell.source for cell in read_notebook(path) if cell.grade_id}


# --- what comes out -------------------------------------------------------------------------


def test_students_get_stubs_and_the_reference_keeps_its_solutions(built: Course) -> None:
    student, reference = (
        sources(path("01_chain_rule")) for path in (built.assignment, built.reference)
    )
    assert student["mul"].endswith("    # YOUR CODE HERE\n    raise NotImplementedError()")
    assert '"""z = x * y. Return (dL/dx, dL/dy)."""' in student["mul"]
    assert "grad_output * y" not in student["mul"]
    assert "grad_output * y" in reference["mul"]
    assert list(student) == list(reference)
    assert list(student) == [
        "setup",
        "mul",
        "check-mul",
        "shown-product",
        "branches",
        "check-branches",
    ]


def test_students_see_the_keys_of_values_and_no_answer(built: Course) -> None:
    made: dict[str, Any] = {}
    exec(sources(built.assignment("01_chain_rule"))["branches"], made)
    assert made["branches"] == {"x(x+1): dy/du": ..., "(ax+b)²: df/dx": ...}


def test_the_reference_reads_the_same_from_text_and_notebook(built: Course) -> None:
    for name in built.names():
        assert solution_cells(built.source(name)) == solution_cells(built.reference(name))


def test_later_assignments_begin_with_worked_solutions(built: Course) -> None:
    student = read_notebook(built.assignment("02_sigmoid"))
    (worked,) = student.by_role("worked")
    assert worked.grade_id == "worked-mul"
    assert "grad_output * y, grad_output * x" in worked.source
    assert "###" not in worked.source
    sentence = student.cells[worked.index - 1]
    assert (sentence.kind, sentence.source) == (
        "markdown",
        "Your rule of the first assignment, worked.",
    )


def test_cells_carry_what_nbgrader_needs(built: Course) -> None:
    content = json.loads(built.assignment("02_sigmoid").read_text(encoding="utf-8"))
    seen = {
        own["grade_id"]: (own["locked"], own["solution"], own["grade"], own.get("points"))
        for cell in content["cells"]
        if (own := cell["metadata"].get("nbgrader"))
    }
    assert seen == {
        "setup": (True, False, False, None),
        "worked-mul": (True, False, False, None),
        "exp": (False, True, False, None),
        "check-exp": (True, False, True, 2),
    }
    for cell in content["cells"]:
        own = cell["metadata"].get("nbgrader", {})
        assert cell["metadata"].get("editable", True) is not own.get("locked", False)


def test_metadata_are_fixed_and_say_where_the_notebook_comes_from(built: Course) -> None:
    for path in (built.assignment("01_chain_rule"), built.reference("01_chain_rule")):
        content = json.loads(path.read_text(encoding="utf-8"))
        assert content["metadata"]["kernelspec"]["name"] == "python3"
        assert content["metadata"]["course_autograd"] == {
            "generated_by": "python -m autograder build",
            "generated_from": "solutions/01_chain_rule.py",
        }
        assert set(content["metadata"]) == {"course_autograd", "kernelspec", "language_info"}
        first = "".join(content["cells"][0]["source"])
        assert "# The chain rule, very short" in first
        for_staff = path == built.reference("01_chain_rule")
        assert first.startswith("<!-- Generated from solutions/01_chain_rule.py") == for_staff
        assert ("<!--" in first) == for_staff
        ids = [cell["id"] for cell in content["cells"]]
        assert ids == [
            "cell-000",
            "setup",
            "mul",
            "check-mul",
            "shown-product",
            "cell-005",
            "branches",
            "check-branches",
        ]


def test_two_builds_are_the_same_bytes(built: Course, course: Course) -> None:
    build(course=course)
    for name in built.names():
        for path in (Course.reference, Course.assignment):
            assert path(built, name).read_bytes() == path(course, name).read_bytes()


def test_building_again_touches_nothing(built: Course) -> None:
    before = built.assignment("02_sigmoid").stat().st_mtime_ns
    assert build(course=built) == []
    assert built.assignment("02_sigmoid").stat().st_mtime_ns == before


def test_one_assignment_can_be_built_alone(course: Course) -> None:
    changed = build(["02_sigmoid"], course)
    assert [path.name for path in changed] == ["02_sigmoid.ipynb"] * 2
    assert not course.assignment("01_chain_rule").exists()


# --- build --check --------------------------------------------------------------------------


def test_check_names_what_is_out_of_date(course: Course) -> None:
    build(["01_chain_rule"], course)
    assert out_of_date(["01_chain_rule"], course) == []
    source = course.source("01_chain_rule")
    source.write_text(FIRST.replace("very short", "shorter"), encoding="utf-8")
    extra = course.assignments / "09_old" / "09_old.ipynb"
    extra.parent.mkdir()
    extra.write_text("{}", encoding="utf-8")
    assert out_of_date(course=course) == [
        "solutions/01_chain_rule/01_chain_rule.ipynb does not agree with "
        "solutions/01_chain_rule.py",
        "assignments/01_chain_rule/01_chain_rule.ipynb does not agree with "
        "solutions/01_chain_rule.py",
        "solutions/02_sigmoid/02_sigmoid.ipynb is missing",
        "assignments/02_sigmoid/02_sigmoid.ipynb is missing",
        "assignments/09_old/09_old.ipynb has no source in solutions/; delete it",
    ]


def test_check_fails_and_says_which_command_mends_it(
    course: Course, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(building, "out_of_date", lambda _: ["x is missing"])
    args = argparse.Namespace(check=True, names=[])
    assert building.run(args) == 1
    assert capsys.readouterr().out.endswith("Out of date. Run: python -m autograder build\n")


def test_a_file_beside_the_reference_notebook_is_an_error(built: Course) -> None:
    # nbgrader would copy it into every student's folder, with whatever it holds
    stray = built.reference("01_chain_rule").parent / "notes.txt"
    stray.write_text("return grad_output * y", encoding="utf-8")
    try:
        with pytest.raises(BuildError, match=r"notes\.txt: nbgrader copies every file"):
            build(["01_chain_rule"], built)
    finally:
        stray.unlink()


# --- what can be wrong with a source --------------------------------------------------------

SOLUTION = '# %% role="solution" exercise="mul"'
CHECK = '# %% role="check" exercise="mul" points=3'


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (SOLUTION, '# %% role="answer" exercise="mul"', "cell 3 ('@backward_of(ops.mul)'): unknow"),
        (SOLUTION, '# %% role="solution"', "the solution cell has no exercise"),
        (SOLUTION, '# %% role="solution" excercise="mul"', "the solution cell has no exercise"),
        (SOLUTION, SOLUTION + " points=3", "points=3 means nothing on a solution cell"),
        (SOLUTION, '# %% role="solution" exercise="a b"', "expected letters, digits"),
        (SOLUTION, '# %% role="solution" exercise="setup"', "'setup' is already taken by cell 2"),
        (SOLUTION, '# %% [markdown] role="solution" exercise="mul"', "a markdown cell cannot have"),
        (CHECK, '# %% role="check" exercise="mull" points=3', "no solution cell above"),
        (CHECK, CHECK.replace(" points=3", ""), "the check cell has no points"),
        (CHECK, CHECK.replace("=3", "=0"), "points=0: expected a positive number"),
        (CHECK, CHECK.replace("=3", "=-1"), "points=-1: expected a positive number"),
        (CHECK, CHECK.replace("=3", '="3"'), "points='3': expected a positive number"),
        (CHECK + "\ncheck(ops.mul)", "", "the exercise 'mul' has no check cell"),
        ("check(ops.mul)", "ops.mul", "expected a call of check(...)"),
        ("np.sqrt(2)", "np.sqrt(2", "line 1 of the cell is no Python"),
        ("np.sqrt(2)", "x = 2  ### ANSWER", "outside of a solution cell"),
        ("    x, y = ctx\n", "", ""),
        ("    ### END SOLUTION\n", "", "without ### END SOLUTION"),
        ("    ### BEGIN SOLUTION\n", "", "do not alternate"),
        ("    ### BEGIN SOLUTION", "    # BEGIN SOLUTION", "expected a line with ### BEGIN"),
        ('"x(x+1): dy/du": 17,', '"x(x+1): dy/du":', "is no Python"),
        ('"x(x+1): dy/du": 17,', "KEY: 17,", "expected a line such as"),
        (FIRST[: FIRST.index("# %% role")], "", "expected a markdown cell with the title first"),
    ],
)
def test_a_bad_source_is_refused_with_file_cell_and_remedy(
    course: Course, old: str, new: str, words: str
) -> None:
    source = course.source("01_chain_rule")
    assert FIRST.count(old) == 1
    source.write_text(FIRST.replace(old, new), encoding="utf-8")
    if not words:  # still a sound source
        reference_notebook(course, "01_chain_rule")
        return
    with pytest.raises(SourceError) as caught:
        reference_notebook(course, "01_chain_rule")
    assert str(caught.value).startswith("solutions/01_chain_rule.py, cell ")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"01_chain_rule"', '"00_nothing"', "there is no assignment '00_nothing'"),
        ('"01_chain_rule"', '"02_sigmoid"', "would give away exercises that are still open"),
        ('exercises="mul"', 'exercises="mul div"', "01_chain_rule has no exercise 'div'"),
        ('exercises="mul"', 'exercises="mul mul"', "'worked-mul' is already taken by cell 3"),
        ("# Your rule of", "rule = 1\n# of", "nothing but a comment"),
    ],
)
def test_worked_solutions_come_from_earlier_assignments_only(
    course: Course, old: str, new: str, words: str
) -> None:
    course.source("02_sigmoid").write_text(SECOND.replace(old, new), encoding="utf-8")
    with pytest.raises(SourceError) as caught:
        reference_notebook(course, "02_sigmoid")
    assert words in str(caught.value)


def test_an_exercise_must_be_known_to_the_package(course: Course) -> None:
    text = SECOND.replace('"exp"', '"expp"')
    course.source("02_sigmoid").write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match="knows no exercise 'expp'"):
        reference_notebook(course, "02_sigmoid")


def test_an_exercise_must_belong_to_the_assignment(course: Course) -> None:
    text = SECOND.replace('"exp"', '"square"')
    course.source("02_sigmoid").write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match="belongs to 03_norm_squared, not to 02_sigmoid"):
        reference_notebook(course, "02_sigmoid")


def test_an_unknown_assignment_is_named_with_those_there_are(course: Course) -> None:
    with pytest.raises(CourseFolderError, match=r"'03'\. There are: 01_chain_rule, 02_sigmoid"):
        build(["03"], course)


def test_a_folder_without_sources_is_no_course(tmp_path: Path) -> None:
    with pytest.raises(CourseFolderError, match="Run this in the root of the repository"):
        build(course=Course(tmp_path))


# --- the grade book -------------------------------------------------------------------------


@pytest.mark.slow
def test_registering_twice_is_registering_once(course: Course) -> None:
    assert register(course=course) == ["01_chain_rule", "02_sigmoid"]
    assert register(["02_sigmoid"], course) == ["02_sigmoid"]
    assert is_registered("02_sigmoid", course.db_url)
    assert not is_registered("03_norm_squared", course.db_url)
    assert grade_cells(course) == [("check-mul", 3.0), ("check-branches", 2.0)]
    assert not course.assignments.exists()


@pytest.mark.slow
def test_cells_cannot_change_once_submissions_exist(course: Course) -> None:
    from nbgrader.api import Gradebook

    register(["01_chain_rule"], course)
    with building._quiet_database(), Gradebook(course.db_url, "backpropagation") as gradebook:
        gradebook.add_student("ada")
        gradebook.add_submission("01_chain_rule", "ada")
    register(["01_chain_rule"], course)
    text = FIRST.replace('exercise="mul"', 'exercise="power"')
    course.source("01_chain_rule").write_text(text, encoding="utf-8")
    with pytest.raises(BuildError, match="already holds submissions"):
        register(["01_chain_rule"], course)
    assert grade_cells(course) == [("check-mul", 3.0), ("check-branches", 2.0)]


def grade_cells(course: Course) -> list[tuple[str, float]]:
    from nbgrader.api import Gradebook

    with building._quiet_database(), Gradebook(course.db_url, "backpropagation") as gradebook:
        notebook = gradebook.find_notebook("01_chain_rule", "01_chain_rule")
        return [(cell.name, cell.max_score) for cell in notebook.grade_cells]


# --- commands -------------------------------------------------------------------------------


def nbgrader(
    course: Course, *arguments: str, folder: str = "."
) -> subprocess.CompletedProcess[str]:
    """Run nbgrader as a TA does, without an activated environment."""
    clean = {"HOME": str(course.root), "PATH": os.defpath, "JUPYTER_PLATFORM_DIRS": "1"}
    return subprocess.run(
        [Path(sys.executable).with_name("nbgrader"), *arguments],
        cwd=course.root / folder,
        env=clean,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.slow
def test_generate_assignment_by_hand_gives_the_same_bytes(built: Course) -> None:
    before = built.assignment("02_sigmoid").read_bytes()
    done = nbgrader(built, "generate_assignment", "02_sigmoid", "--force")
    assert done.returncode == 0, done.stderr
    assert built.assignment("02_sigmoid").read_bytes() == before


@pytest.mark.slow
def test_nbgrader_in_the_grading_folder_says_where_to_go(built: Course) -> None:
    nbgrader(built, "export")
    done = nbgrader(built, "export", folder="grading")
    assert done.returncode != 0
    assert "not the root of the course" in done.stderr


def test_every_command_is_listed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "autograder", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for command in ("build", "register", "handout", "verify", "demo"):
        assert command in done.stdout


# --- the real course ------------------------------------------------------------------------


def test_all_errors_have_one_parent() -> None:
    for kind in (BuildError, SourceError, CourseFolderError):
        assert issubclass(kind, AutograderError)


def test_the_renderings_in_the_repository_are_up_to_date() -> None:
    assert out_of_date(course=COURSE) == []


def test_nothing_but_the_reference_lies_beside_it() -> None:
    for name in COURSE.names():
        files = {path.name for path in COURSE.reference(name).parent.iterdir()}
        assert files - {".ipynb_checkpoints"} == {f"{name}.ipynb"}
