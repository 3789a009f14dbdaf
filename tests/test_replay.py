"""Evidence: a recorded verdict can be taken over, and can be come to again."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
from small_course import ASSIGNMENT, POINTS, Submission, small_course

from autograder import replay as command
from autograder.__main__ import main
from autograder.basis import basis_of
from autograder.bench import Bench, HandedIn
from autograder.course import Course
from autograder.errors import AutograderError
from autograder.process import Limits
from autograder.records import Records, verdict_of
from autograder.replay import CHANGED, DIFFERS, SAME, differences, replay
from autograder.sandbox import probe, require
from autograder.worker import Graded, Grader, Settings, Task

pytestmark = pytest.mark.slow

FULL = sum(POINTS.values())
LEVEL = require(probe())
WRONG = "@backward_of(ops.mul)\ndef m(ctx, grad_output):\n    x, y = ctx\n    return y, x"


@pytest.fixture(scope="module")
def graded_once(tmp_path_factory) -> Course:
    """A course with two submissions and their verdicts, to be copied."""
    course = small_course(tmp_path_factory.mktemp("course") / "small")
    course.grading_folder.mkdir()
    records = Records(course.grading_folder)
    with Bench(ASSIGNMENT, Settings(course), records, jobs=1, level=LEVEL) as bench:
        waiting = [
            hand_in(course, "anna", Submission(course).solve()),
            hand_in(course, "ben", Submission(course).solve().write(mul=WRONG)),
        ]
        assert {student for student, _ in bench.results(waiting)} == {"anna", "ben"}
    return course


@pytest.fixture
def course(graded_once, tmp_path) -> Course:
    return Course(shutil.copytree(graded_once.root, tmp_path / "own"))


@pytest.fixture
def records(course) -> Records:
    return Records(course.grading_folder)


def hand_in(course: Course, student: str, submission: Submission) -> HandedIn:
    folder = course.grading_folder / "submitted" / student / ASSIGNMENT
    return HandedIn(student, submission.save(folder / f"{ASSIGNMENT}.ipynb"))


def handed_in(course: Course) -> list[HandedIn]:
    folder = course.grading_folder / "submitted"
    return [
        HandedIn(student, folder / student / ASSIGNMENT / f"{ASSIGNMENT}.ipynb")
        for student in ("anna", "ben")
    ]


def judged_again(course: Course, limits: Limits | None = None) -> dict[str, Graded]:
    """Student -> what a run that takes recorded verdicts over finds."""
    settings = Settings(course, limits or Limits())
    records = Records(course.grading_folder)
    with Bench(ASSIGNMENT, settings, records, jobs=1, reuse=True, level=LEVEL) as bench:
        return dict(bench.results(handed_in(course)))


# --- what is recorded -----------------------------------------------------------------------


def test_a_record_holds_all_that_a_verdict_rests_on(course, records):
    record = records.verdicts()["ben", ASSIGNMENT]
    assert record["score"] == FULL - POINTS["mul"]
    assert record["file"] == f"submitted/ben/{ASSIGNMENT}/{ASSIGNMENT}.ipynb"
    assert records.file_of(record).is_file()
    for key in ("submission", "notebook", "exercise_set", "grader"):
        assert len(record[key]) == 64
    assert int(record["seed"]) >= 0
    assert Limits(**record["limits"]) == Limits()


def test_a_recorded_verdict_is_the_verdict(course):
    path = handed_in(course)[1].path
    with Grader(Settings(course)) as grader:
        verdict = grader.grade(Task(path, ASSIGNMENT)).verdict
    assert verdict is not None
    assert verdict_of(json.loads(json.dumps(verdict.to_json()))) == verdict


def test_the_last_word_on_a_student_counts_but_a_verdict_is_not_forgotten(records):
    records.not_graded("ben", ASSIGNMENT, "the disk was full")
    assert records.latest()["ben", ASSIGNMENT]["reason"] == "the disk was full"
    assert "exercises" in records.verdicts()["ben", ASSIGNMENT]


def test_a_verdict_that_cannot_be_recorded_does_not_count(course):
    path = course.grading_folder / "verdicts.jsonl"
    path.unlink()
    path.mkdir()
    for graded in judged_again(course).values():
        assert graded.verdict is None
        assert "could not be recorded" in graded.reason


# --- taking it over -------------------------------------------------------------------------


def test_a_verdict_whose_basis_is_unchanged_is_taken_over(course, records):
    before = {who: verdict_of(record) for (who, _), record in records.verdicts().items()}
    again = judged_again(course)
    assert {who: graded.verdict for who, graded in again.items()} == before
    assert all(graded.task.known is not None for graded in again.values())
    assert again["ben"].content


def test_a_changed_submission_is_judged_anew_and_only_that(course):
    hand_in(course, "ben", Submission(course).solve())
    again = judged_again(course)
    assert again["anna"].task.known is not None
    assert again["ben"].task.known is None
    assert again["ben"].task.seed is None
    assert again["ben"].verdict is not None
    assert again["ben"].verdict.score == FULL


def test_after_a_change_of_the_assignment_the_same_questions_are_drawn(course, records):
    before = records.verdicts()
    source = course.source(ASSIGNMENT)
    source.write_text(source.read_text().replace("very short", "very, very short"))
    for who, graded in judged_again(course).items():
        record = before[who, ASSIGNMENT]
        assert graded.task.known is None
        assert graded.verdict is not None
        assert str(graded.verdict.seed) == record["seed"]
        assert not list(differences(record, graded.verdict.to_json()))


def test_with_other_limits_everybody_is_judged_anew(course):
    for graded in judged_again(course, Limits(submission=50.0)).values():
        assert graded.task.known is None


@pytest.mark.parametrize("spoiled", [{"exercises": []}, {"seed": "x"}, {"submission": None}])
def test_a_spoiled_record_is_never_taken_over(course, spoiled):
    path = course.grading_folder / "verdicts.jsonl"
    lines = [json.loads(line) | spoiled for line in path.read_text().splitlines()]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    again = judged_again(course)
    assert again["anna"].verdict is not None
    assert again["anna"].verdict.score == FULL


def test_the_basis_knows_assignments_grader_and_limits(course):
    basis = basis_of(ASSIGNMENT, course)
    assert basis == basis_of(ASSIGNMENT, course)
    record = basis.to_json()
    assert basis.changed_since(record) == []
    assert replace(basis, grader="other").changed_since(record) == ["the grader"]
    assert basis_of(ASSIGNMENT, course, level="other").changed_since(record) == [
        "the level of the sandbox"
    ]
    course.assignment(ASSIGNMENT).write_text("{}")
    changed = basis_of(ASSIGNMENT, course).changed_since(record)
    assert changed == ["the assignment or the exercises"]


# --- coming to it again ---------------------------------------------------------------------


@pytest.mark.parametrize("student", ["anna", "ben"])
def test_a_replay_gives_the_same_verdict(course, records, student):
    status, lines = replay(student, ASSIGNMENT, records, course)
    assert status == SAME
    assert lines[-1].startswith(f"The same verdict: {student}, {ASSIGNMENT}, ")


def test_a_replay_says_what_differs(course, records):
    path = course.grading_folder / "verdicts.jsonl"
    path.write_text(path.read_text().replace('"score": 9.0', '"score": 4.5'))
    status, lines = replay("anna", ASSIGNMENT, records, course)
    assert status == DIFFERS
    assert "recorded 4.5 of 9 points" in lines[0]
    assert "  score: 4.5 then, 9.0 now" in lines


def test_a_replay_of_another_file_is_refused(course, records):
    hand_in(course, "anna", Submission(course))
    status, lines = replay("anna", ASSIGNMENT, records, course)
    assert status == CHANGED
    assert lines[0].startswith("The submission has changed since it was judged")


def test_a_replay_says_what_has_changed_since(course, records):
    source = course.source(ASSIGNMENT)
    source.write_text(f"{source.read_text()}\n")
    status, lines = replay("anna", ASSIGNMENT, records, course)
    assert status == SAME
    assert lines[0] == "Since then there was a change: the assignment or the exercises."


def test_a_replay_of_nobody_is_refused_in_one_sentence(course, records):
    with pytest.raises(AutograderError, match="no verdict on mia"):
        replay("mia", ASSIGNMENT, records, course)
    handed_in(course)[0].path.unlink()
    with pytest.raises(AutograderError, match="no longer there"):
        replay("anna", ASSIGNMENT, records, course)
    path = course.grading_folder / "verdicts.jsonl"
    path.write_text('{"student": "anna", "assignment": "01_chain_rule", "at": "2026"}\n')
    with pytest.raises(AutograderError, match="older grader"):
        replay("anna", ASSIGNMENT, records, course)


def test_the_command_prints_and_tells_by_its_status(course, monkeypatch, capsys):
    monkeypatch.setattr(command, "COURSE", course)

    def replay_here(*words: str) -> int:
        return main(["replay", *words, "--records", str(course.grading_folder)])

    assert replay_here("anna", ASSIGNMENT) == SAME
    assert "The same verdict: anna" in capsys.readouterr().out
    assert replay_here("mia", ASSIGNMENT) == 1
    assert "no verdict on mia" in capsys.readouterr().err


def test_differences_are_named_and_times_are_none():
    one = {"name": "mul", "milliseconds": 3, "numbers": [1], "facets": {"scalars": True}}
    then = {"score": 1.0, "exercises": [one]}
    assert list(differences(then, {"score": 1.0, "exercises": [{**one, "milliseconds": 9}]})) == []
    now = {"exercises": [{**one, "numbers": [1, 2], "facets": {"scalars": False}}]}
    assert list(differences(then, {**then, **now})) == [
        "mul, numbers: 1 then, 2 now",
        "mul, facets, scalars: True then, False now",
    ]
    assert list(differences(then, {"score": 2.0, "exercises": []})) == [
        "score: 1.0 then, 2.0 now",
        "mul: no longer asked",
    ]
