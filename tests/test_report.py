"""The class report: what it says is what was graded, and nothing of a student's can run in it."""

from __future__ import annotations

import csv
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from class_room import ClassRoom, quiet
from nbgrader.api import Gradebook
from small_course import ASSIGNMENT, POINTS, Submission, small_course

from autograder.course import COURSE_ID, Course
from autograder.errors import AutograderError
from autograder.report import write
from autograder.report.charts import histogram, shares
from autograder.report.page import page
from autograder.report.summary import Report, summary

FULL = sum(POINTS.values())
HEAD = "@backward_of(ops.mul)\ndef m(ctx, grad_output):\n    x, y = ctx\n"
SWAPPED = f"{HEAD}    return grad_output * x, grad_output * y"
PASSED = f"{HEAD}    return grad_output, grad_output"
HOSTILE = "<script>document.title='owned'</script>"


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """Six submissions, graded: two with the same slip, one that cannot be read."""
    course = small_course(tmp_path_factory.mktemp("course") / "small")
    room = ClassRoom(course)
    room.hand_in("ana", Submission(course).solve())
    room.hand_in("ben", Submission(course).solve().write(mul=SWAPPED))
    room.hand_in("cem", Submission(course).solve().write(mul=SWAPPED))
    room.hand_in("dora", Submission(course).solve().write(mul=PASSED))
    raising = f"{HEAD}    raise ValueError({HOSTILE!r})"
    room.hand_in("=1+1", Submission(course).write(mul=raising))
    room.hand_in("<b>fay", b"{")
    room.autograde()
    return course


@pytest.fixture(scope="module")
def report(course: Course) -> Report:
    return summary(ASSIGNMENT, course)


class Page(HTMLParser):
    """Tags, attributes and headings of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.headings: list[int] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))


def test_everybody_is_there_with_a_score_or_a_reason(report: Report) -> None:
    assert {one.name: one.score for one in report.students} == {
        "<b>fay": None,
        "=1+1": 0.0,
        "ana": FULL,
        "ben": FULL - POINTS["mul"],
        "cem": FULL - POINTS["mul"],
        "dora": FULL - POINTS["mul"],
    }
    assert [one.name for one in report.not_graded] == ["<b>fay"]
    assert "is no notebook" in report.not_graded[0].reason
    assert report.points == FULL
    assert report.median == FULL - POINTS["mul"]
    assert all(one.seconds > 0 for one in report.graded)


def test_exercises_are_counted_by_state_and_share(report: Report) -> None:
    (mul,) = (one for one in report.exercises if one.name == "mul")
    assert dict(mul.counts) == {"right": 1, "partly right": 0, "not right": 4, "not done": 0}
    assert mul.share == pytest.approx(1 / 5)
    (power,) = (one for one in report.exercises if one.name == "power")
    assert power.counts["not done"] == 1
    assert power.share == pytest.approx(4 / 5)


def test_mistakes_come_by_frequency_with_an_example(report: Report) -> None:
    first = report.slips[0]
    assert (first.students, first.exercises) == (2, ("mul",))
    assert first.numbers
    assert "gradient of x" in first.example
    assert sorted(one.students for one in report.slips) == [1, 1, 2]
    (unnamed,) = (one for one in report.slips if "ValueError" in one.example)
    assert unnamed.students == 1


def test_points_given_by_hand_count(course: Course) -> None:
    with quiet(), Gradebook(course.db_url, COURSE_ID) as book:
        grade = book.find_grade("check-mul", ASSIGNMENT, ASSIGNMENT, "dora")
        grade.manual_score = 1.5
        book.db.commit()
    (dora,) = (one for one in summary(ASSIGNMENT, course).students if one.name == "dora")
    assert dora.score == FULL - POINTS["mul"] + 1.5


def test_the_page_runs_nothing_and_fetches_nothing(report: Report) -> None:
    html = page(report)
    found = Page()
    found.feed(html)
    assert not {"script", "iframe", "link", "img", "object", "b"} & set(found.tags)
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert [value for name, value in found.attributes if name == "href"] == ["#not-graded"]
    assert "&lt;script&gt;" in html
    assert "&lt;b&gt;fay" in html
    assert "default-src 'none'" in html


def test_the_page_can_be_read_without_seeing_it(report: Report) -> None:
    found = Page()
    found.feed(page(report))
    assert found.headings[0] == 1
    assert all(
        later - one <= 1 for one, later in zip(found.headings, found.headings[1:], strict=False)
    )
    tables = found.tags.count("table")
    assert found.tags.count("caption") == tables == found.tags.count("thead")
    labels = [value for name, value in found.attributes if name == "aria-label"]
    assert found.tags.count("svg") <= len([one for one in labels if one])


def test_the_same_stands_in_the_tables_and_no_cell_is_a_formula(
    course: Course, tmp_path: Path
) -> None:
    written = write(ASSIGNMENT, course, tmp_path / "out")
    assert [path.name for path in written] == [
        f"{ASSIGNMENT}.html",
        f"{ASSIGNMENT}_students.csv",
        f"{ASSIGNMENT}_exercises.csv",
        f"{ASSIGNMENT}_mistakes.csv",
    ]
    with written[1].open(encoding="utf-8") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"<b>fay", "'=1+1", "ana", "ben", "cem", "dora"}
    assert rows["<b>fay"]["score"] == ""
    assert rows["ben"]["mul"] == "not right"
    with written[3].open(encoding="utf-8") as file:
        assert next(csv.DictReader(file))["students"] == "2"


def test_before_anybody_is_graded_it_says_what_to_do(tmp_path: Path) -> None:
    course = small_course(tmp_path / "small")
    course.grading_folder.mkdir(exist_ok=True)
    with pytest.raises(AutograderError, match="Run `nbgrader autograde"):
        summary(ASSIGNMENT, course)


def test_every_score_is_in_one_bar_of_the_histogram() -> None:
    scores = [0.0, 0.99, 1.0, 5.0, 9.99, 10.0, 12.0]
    _, counts = histogram(scores, 10.0)
    assert counts == [2, 1, 0, 0, 0, 1, 0, 0, 0, 3]


def test_a_bar_says_in_words_what_it_shows() -> None:
    bar = shares({"right": 3, "partly right": 0, "not right": 1, "not done": 0})
    assert 'aria-label="3 right, 1 not right"' in bar
    assert "✓" in bar
    assert "✗" in bar
