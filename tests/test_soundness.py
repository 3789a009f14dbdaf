"""The checks are checked: every mistake that can be made is caught, and called by its name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autograder import mistakes
from autograder.__main__ import main
from autograder.course import ROOT
from autograder.soundness import page
from autograder.soundness.answers import Answer, enter, graded, reference, tried
from autograder.soundness.catalogue import KINDS, why_not
from autograder.soundness.matrix import Matrix, Outcome, by_grader, matrix, wrong_answers
from autograder.soundness.slips import Kind, Slip, StaleSlipError, edit, numbers, wrapped
from course_autograd import Operation, numeric, ops
from course_autograd.exercises import exercises, find
from course_autograd.registering import replaced_operations

NAMES = tuple(exercises())
QUICK = ("by_hand", "mul", "relu", "train_step")  # one of each kind of exercise


# --- the catalogue ------------------------------------------------------------------------------


def test_the_catalogue_has_all_35_kinds_in_order() -> None:
    assert [kind.number for kind in KINDS] == list(range(1, 36))


@pytest.mark.parametrize("name", NAMES)
def test_each_kind_is_made_in_an_exercise_or_there_is_a_reason_why_not(name: str) -> None:
    silent = [
        kind.number for kind in KINDS if not kind.applies(name) and len(why_not(kind, name)) < 8
    ]
    assert silent == []


def test_each_kind_is_made_somewhere() -> None:
    assert [kind.number for kind in KINDS if not any(map(kind.applies, NAMES))] == []


@pytest.mark.parametrize("name", NAMES)
def test_each_wrong_answer_differs_from_the_reference_and_from_the_others_of_its_kind(
    name: str,
) -> None:
    right = reference(name).code
    made = [(kind.number, answer.code) for kind, answer in wrong_answers([name])]
    assert all(code != right for _, code in made)
    assert len(set(made)) == len(made)


def test_names_in_the_catalogue_are_those_of_exercises() -> None:
    kinds_of_exercises = {"*", "rule", "whole", "function", "values"}
    for kind in KINDS:
        assert set(kind.own) <= set(NAMES)
        assert set(kind.why_not) <= {*NAMES, *kinds_of_exercises}
        assert set(kind.synonyms) <= {*NAMES, "*"}


def test_a_slip_of_a_line_that_the_reference_no_longer_has_is_noticed() -> None:
    with pytest.raises(StaleSlipError, match="no 'grad_output @ z' any more"):
        edit("stale", "grad_output @ z", "grad_output").answer("mul")
    with pytest.raises(StaleSlipError, match="no key 'df/dp'"):
        numbers("stale", {"df/dp": 1}).answer("by_hand")


# --- answers, and their two ways in -------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_is_right_and_gets_no_name(name: str) -> None:
    report = tried(reference(name))
    assert report.right
    assert (report.mistake, report.numbers) == (None, ())


def test_an_answer_leaves_nothing_behind() -> None:
    assert tried(reference("mul")).right
    assert replaced_operations() == frozenset()
    assert tried(Answer("mul", "empty", "")).undone


def test_an_answer_is_entered_with_the_set_up_of_its_assignment() -> None:
    found = enter(Answer("backpropagate", "numpy", "def backpropagate(*_):\n    return np.pi"))
    assert found is not None
    assert found() == pytest.approx(3.14159, abs=1e-5)


def test_a_cell_that_fails_or_never_ends_leaves_no_answer() -> None:
    assert not tried(Answer("mul", "fails", "1 / 0")).right
    assert not tried(Answer("negate", "endless", "while True:\n    pass")).right


def test_the_grader_sees_each_answer_alone_also_after_one_that_ends_the_process() -> None:
    ends = "@backward_of(ops.mul)\ndef mul_backward(ctx, g):\n    import os\n    os._exit(0)\n"
    answers = [
        reference("mul"),
        Answer("mul", "empty", ""),
        Answer("mul", "ends the process", ends),
        reference("power"),
    ]
    assert [report.right for report in graded(answers)] == [True, False, False, True]


# --- the matrix ---------------------------------------------------------------------------------


def outcome(*, caught: bool = True, numbers: tuple[int, ...] = (), number: int = 25) -> Outcome:
    kind = next(kind for kind in KINDS if kind.number == number)
    return Outcome("reciprocal", kind, "made up", "", caught, numbers, "")


def test_a_field_shows_whether_it_was_caught_and_named() -> None:
    assert outcome(caught=False).mark == "!"
    assert outcome().mark == "?"
    assert outcome(numbers=(25,)).mark == "#"
    assert outcome(numbers=(17,)).mark == "="  # a documented synonym there
    assert outcome(numbers=(14,)).mark == "?"


def test_a_matrix_with_one_mistake_not_caught_is_not_sound() -> None:
    good, bad = outcome(numbers=(25,)), outcome(caught=False)
    assert Matrix(("reciprocal",), (good,)).sound
    assert not Matrix(("reciprocal",), (good, bad)).sound
    assert not Matrix(("reciprocal",), (good,), rejected=("reciprocal",)).sound
    assert Matrix(("reciprocal",), (good, bad)).catch_rate == 0.5
    assert Matrix(("reciprocal",), (good, bad)).mark("reciprocal", 25) == "!"


def test_a_rule_that_is_right_after_all_would_be_reported_as_not_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    harmless = wrapped("changes nothing", "return right(ctx, grad_output)")
    monkeypatch.setattr("autograder.soundness.matrix.KINDS", (Kind(1, "none", (harmless,)),))
    found = matrix(("mul", "relu"))
    assert [one.mark for one in found.outcomes] == ["!", "!"]
    assert "NOT SOUND: 2 of 2" in page.verdict(found)


@pytest.mark.parametrize("name", QUICK)
def test_every_mistake_is_caught(name: str) -> None:
    found = matrix((name,))
    assert found.sound
    assert found.naming_rate >= 0.9, page.details(found, name)


@pytest.mark.parametrize("name", ["mul", "relu", "matmul"])
def test_every_mistake_is_caught_also_where_most_entries_are_measured_with_one_step_size(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numeric, "MANY", 0)
    monkeypatch.setattr(numeric, "SAMPLE", 1)
    found = matrix((name,))
    assert found.sound
    assert found.naming_rate >= 0.9, page.details(found, name)


@pytest.mark.parametrize("name", [name for name in NAMES if find(name).kind == "values"])
def test_every_number_of_a_values_exercise_is_looked_at(name: str) -> None:
    right: dict[str, object] = {}
    exec(reference(name).code, right)
    values = right[name]
    assert isinstance(values, dict)
    for key, value in values.items():
        other = (not value) if isinstance(value, bool) else value * 1.05 + 1.5
        report = tried(numbers("another number", {key: other}).answer(name))
        assert [facet for facet, passed in report.facets.items() if not passed] == [key]


# --- the command --------------------------------------------------------------------------------


def test_the_command_prints_the_details_of_one_exercise(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mistakes", "negate"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("Sound")
    assert max(map(len, lines)) <= 80
    assert {line[3:5].strip() for line in lines if line[1:2] in set("#=?!.")} >= {
        str(kind.number) for kind in KINDS
    }


def test_the_command_prints_one_line_per_exercise(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mistakes", "negate", "jacobians"]) == 0
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert "caught" in printed
    assert "100.0 %" in printed


def test_the_command_fails_when_something_is_not_caught(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    harmless = Slip("nothing", lambda _, code: code + "\n")
    monkeypatch.setattr("autograder.soundness.matrix.KINDS", (Kind(1, "none", (harmless,)),))
    assert main(["mistakes", "negate"]) == 1
    assert "NOT CAUGHT" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["nothing"], "no exercise is called 'nothing'"), (["--check", "mul"], "all exercises")],
)
def test_arguments_that_make_no_sense_are_refused(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mistakes", *arguments]) == 1
    assert words in capsys.readouterr().err


# --- all of it ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def every() -> Matrix:
    return matrix()


@pytest.mark.slow
def test_all_mistakes_are_caught_and_nearly_all_are_named(every: Matrix) -> None:
    assert every.rejected == ()
    assert [page.described(one) for one in every.wrong("!")] == []
    assert every.naming_rate >= 0.95, [page.described(one) for one in every.wrong("?")]


@pytest.mark.slow
def test_so_they_are_where_most_entries_are_measured_with_one_step_size(
    every: Matrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numeric, "MANY", 0)
    monkeypatch.setattr(numeric, "SAMPLE", 1)
    found = matrix()
    assert found.rejected == ()
    assert [page.described(one) for one in found.wrong("!")] == []
    assert found.naming_rate >= every.naming_rate - 0.01


@pytest.mark.slow
def test_the_page_in_the_docs_says_what_is_true(every: Matrix) -> None:
    assert mistakes.PAGE.read_text(encoding="utf-8") == page.page(every)


@pytest.mark.slow
def test_every_documented_synonym_is_needed(every: Matrix) -> None:
    used = {
        (one.kind.number, one.exercise, number)
        for one in every.outcomes
        if not one.by_own_name
        for number in one.numbers
    }
    idle = [
        (kind.number, exercise, synonym.number)
        for kind in KINDS
        for exercise, synonyms in kind.synonyms.items()
        for synonym in synonyms
        if not any(
            number == kind.number and exercise in ("*", name) and synonym.number == other
            for number, name, other in used
        )
    ]
    assert idle == []


@pytest.mark.slow
def test_the_grader_catches_all_mistakes_and_names_as_many(every: Matrix) -> None:
    found = matrix(way=by_grader)
    assert found.rejected == ()
    assert [page.described(one) for one in found.wrong("!")] == []
    assert found.naming_rate >= 0.95
    assert len(found.outcomes) == len(every.outcomes)


# --- an instructor's own exercise ---------------------------------------------------------------

SOFTPLUS = '''

@tensor_op
class softplus(Operation):
    """z = log(1 + e^x), elementwise. ctx holds [x]."""

    exercise = "03_norm_squared"
    domain = Domain(SINGLES)

    @staticmethod
    def forward(ctx: list[Any], x: Any) -> Any:
        """Return log(1 + e^x); save [x]."""
        ctx.append(x)
        return np.logaddexp(0.0, x)
'''

CELLS = '''
# %% [markdown]
# ## Softplus

# %% role="solution" exercise="softplus"
@backward_of(ops.softplus)
def softplus_backward(ctx, grad_output):
    """z = log(1 + e**x), elementwise; ctx holds [x]."""
    ### BEGIN SOLUTION
    (x,) = ctx
    return (grad_output / (1 + np.exp(-x)),)
    ### END SOLUTION


# %% role="check" exercise="softplus" points=2
check(ops.softplus)

'''


def changed(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def staff(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-B", "-m", "autograder", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def own_course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the course with one operation and its cells more."""
    folder = tmp_path_factory.mktemp("course") / "course"
    folder.mkdir()
    for name in ("course_autograd", "autograder", "solutions", "assignments"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    # 1: the operation
    with (folder / "course_autograd/ops/elementwise.py").open("a", encoding="utf-8") as file:
        file.write(SOFTPLUS)
    # 2: the cells
    source = folder / "solutions/03_norm_squared.py"
    changed(
        source, '# %% role="solution" exercise="sum"', f'{CELLS}# %% role="solution" exercise="sum"'
    )
    return folder


@pytest.mark.slow
def test_an_exercise_of_ones_own_is_built_and_found_sound(own_course: Path) -> None:
    built = staff(own_course, "build", "03_norm_squared")
    assert built.returncode == 0, built.stderr
    notebook = (own_course / "assignments/03_norm_squared/03_norm_squared.ipynb").read_text()
    assert '"check-softplus"' in notebook
    found = staff(own_course, "mistakes", "softplus")
    assert found.returncode == 0, found.stdout + found.stderr
    assert "Sound: every wrong answer is caught" in found.stdout
    assert found.stdout.count(" # ") > 20
    through = staff(own_course, "mistakes", "softplus", "--grader")
    assert through.returncode == 0, through.stdout + through.stderr


@pytest.mark.slow
def test_an_exercise_of_ones_own_that_is_tried_on_too_little_is_found_unsound(
    own_course: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "course"
    shutil.copytree(own_course, folder)
    # Arrays of one shape only and no numbers: what breaks on numbers is no longer seen.
    path = folder / "course_autograd/ops/elementwise.py"
    text = path.read_text(encoding="utf-8")
    head, _, tail = text.rpartition("domain = Domain(SINGLES)")
    path.write_text(f"{head}domain = Domain((SINGLES[0],)){tail}", encoding="utf-8")
    found = staff(folder, "mistakes", "softplus")
    assert found.returncode == 1, found.stdout + found.stderr
    assert "NOT SOUND" in found.stdout


def test_the_example_of_an_own_operation_is_none_of_the_courses() -> None:
    assert not hasattr(ops, "softplus")
    assert issubclass(ops.exp, Operation)
