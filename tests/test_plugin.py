"""The plug-in inside nbgrader's own autograde: everybody is graded or named, nobody is lost."""

from __future__ import annotations

import json
import logging
import os
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from class_room import ClassRoom, quiet
from nbgrader.apps.api import NbGraderAPI
from nbgrader.converters import Autograde
from nbgrader.utils import determine_grade
from small_course import ASSIGNMENT, POINTS, Submission, small_course

from autograder.build import register
from autograder.course import Course
from autograder.export import safe
from autograder.feedback import LONGEST, WIDEST, panel, plain, shortened, summary
from autograder.plugin import node_of, result
from autograder.records import Records
from autograder.verdict import ExerciseVerdict, Verdict
from autograder.verify import verify

WRONG = "@backward_of(ops.mul)\ndef m(ctx, grad_output):\n    x, y = ctx\n    return y, x"
FULL = sum(POINTS.values())


def stripped(submission: Submission) -> Submission:
    for cell in submission.cells:
        cell["metadata"] = {}
    return submission


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Course:
    return small_course(tmp_path_factory.mktemp("course") / "small")


@pytest.fixture(scope="module")
def room(course):
    """A class of honest, careless and hostile students, graded once."""
    room = ClassRoom(course)

    def solved() -> Submission:
        return Submission(course).solve()

    room.hand_in("aa_good", solved())
    room.hand_in("duplicated_answer", solved().duplicate("mul"))
    room.hand_in("duplicated_check", solved().duplicate("check-mul"))
    room.hand_in("no_check_cell", solved().delete("check-mul"))
    room.hand_in("no_answer_cell", solved().delete("mul"))
    room.hand_in("one_mistake", solved().write(mul=WRONG))
    room.hand_in("nothing_done", Submission(course))
    old = solved()
    for grade_id in ("mul", "check-mul", "setup"):
        old.marks(grade_id)["schema_version"] = 1
    room.hand_in("old_schema", old)
    rich = solved()
    rich.marks("check-mul")["points"] = 100
    room.hand_in("points_100", rich)
    many = solved()
    many.marks("check-mul")["points"] = "many"
    room.hand_in("points_many", many)
    room.hand_in("ends_it", solved().insert("mul", "import os\nos._exit(0)"))
    room.hand_in("renamed", solved(), f"{ASSIGNMENT} (1).ipynb")
    room.hand_in("two_files", solved())
    room.hand_in("two_files", Submission(course), "notes.ipynb")
    room.hand_in("format_3", json.dumps(as_format_3(solved())))
    room.hand_in("html", solved().append("# <script>alert(1)</script>"))
    room.hand_in("capitals", solved(), f"{ASSIGNMENT}.IPYNB")
    room.hand_in("one_long_line", solved().append("a." * 200_000))
    room.hand_in("x_[abc]", solved())
    room.hand_in("x_not_json", b"{ no notebook")
    room.hand_in("x_empty", b"")
    room.hand_in("x_list", b"[]")
    room.hand_in("x_utf16", solved().text().encode("utf-16"))
    room.hand_in("x_deep", b"[" * 200_000)
    room.hand_in("stripped", stripped(solved()))
    room.hand_in("x_other_file", b"{ no", "something.ipynb")
    (room.folder / "x_no_notebook" / ASSIGNMENT).mkdir(parents=True)
    secret = course.root / "secret.txt"
    secret.write_text("the key of the TA")
    reference = course.reference(ASSIGNMENT)
    linked = room.hand_in("x_linked", b"")
    linked.unlink()
    linked.symlink_to(reference)
    extra = room.hand_in("linked_extra", solved())
    (extra.parent / "data.csv").symlink_to(secret)
    dated = room.hand_in("bad_timestamp", solved())
    (dated.parent / "timestamp.txt").write_text("the day before yesterday")
    room.hand_in("zz_good", solved())
    room.ended_well = room.autograde()
    return room


def as_format_3(submission: Submission) -> dict[str, Any]:
    """Return the notebook as editors wrote it ten years ago."""
    cells = []
    for cell in submission.cells:
        old = {"cell_type": cell["cell_type"], "metadata": cell["metadata"]}
        key = "input" if cell["cell_type"] == "code" else "source"
        cells.append(old | {key: cell["source"]} | ({"language": "python", "outputs": []}))
    sheet = {"cells": cells, "metadata": {}}
    return {"metadata": {"name": ""}, "nbformat": 3, "nbformat_minor": 0, "worksheets": [sheet]}


GRADED = {
    "aa_good": FULL,
    "duplicated_answer": FULL,
    "duplicated_check": FULL,
    "no_check_cell": FULL,
    "no_answer_cell": FULL - POINTS["mul"],
    "one_mistake": FULL - POINTS["mul"],
    "nothing_done": 0.0,
    "old_schema": FULL,
    "points_100": FULL,
    "points_many": FULL,
    "ends_it": FULL,
    "renamed": FULL,
    "two_files": FULL,
    "format_3": FULL,
    "html": FULL,
    "stripped": FULL,
    "linked_extra": FULL,
    "capitals": FULL,
    "one_long_line": FULL,
    "bad_timestamp": FULL,
    "zz_good": FULL,
}
REFUSED = {
    "x_not_json": "not JSON",
    "x_empty": "is empty",
    "x_list": "is no notebook",
    "x_utf16": "not UTF-8",
    "x_deep": "cannot be read",
    "x_other_file": "there is no notebook 01_chain_rule.ipynb",
    "x_no_notebook": "holds no notebook",
    "x_linked": "is a link",
    "x_[abc]": "Rename the folder",
}


def test_everybody_readable_gets_what_the_mathematics_gives(room):
    assert room.scores() == GRADED


def test_the_run_says_that_not_everybody_was_graded(room):
    assert room.ended_well is False


def test_who_was_not_graded_has_a_reason_and_no_row_in_the_grade_book(room):
    records = Records(room.course.grading_folder).latest()
    reasons = {who: one["reason"] for (who, _), one in records.items() if "reason" in one}
    assert set(reasons) == set(REFUSED)
    for student, words in REFUSED.items():
        assert words in reasons[student]
        assert not (room.course.grading_folder / "autograded" / student).exists()


def test_the_export_never_says_zero_for_not_graded(room):
    table = room.table()
    assert set(table) == {*GRADED, *REFUSED}
    for student, score in GRADED.items():
        row = table[student]
        assert row["status"] == "graded"
        assert float(row["score"]) == score
        assert float(row["max_score"]) == FULL
        assert sum(float(row[name]) for name in POINTS) == score
    for student, words in REFUSED.items():
        row = table[student]
        assert row["status"].startswith("not graded: ")
        assert words in row["status"]
        assert row["score"] == row["mul"] == ""


def test_every_check_cell_has_exactly_one_result(room):
    for student in GRADED:
        checks = [
            cell
            for cell in room.graded(student).cells
            if cell.metadata.get("nbgrader", {}).get("grade")
        ]
        assert len(checks) == len(POINTS)
        for cell in checks:
            (output,) = cell.outputs
            assert output.output_type == "execute_result"
            score, most = determine_grade(cell)
            assert output.data["text/plain"] == repr(score)
            assert 0.0 <= score <= most


def test_what_cells_show_is_text_and_pictures_made_anew(room):
    kinds = set()
    for student in GRADED:
        for cell in room.graded(student)["cells"]:
            if not cell["metadata"].get("nbgrader", {}).get("grade"):
                for output in cell.get("outputs", ()):
                    kinds.add(output.output_type)
                    assert set(output.get("data", {})) <= {"text/plain", "image/png"}
    assert kinds <= {"stream", "display_data"}
    shown = [cell for cell in room.graded("aa_good").cells if cell.source == "np.sqrt(2)"]
    assert "1.414" in shown[0].outputs[0].data["text/plain"]


def test_what_is_shown_of_long_cells_is_bounded_and_says_so(room):
    for cell in room.graded("one_long_line").cells:
        assert max(map(len, cell.source.split("\n"))) <= WIDEST + 2
    assert "# Shown in part: this cell has 400000 characters" in cell.source
    assert "All of it was judged." in cell.source


@pytest.mark.parametrize(
    "source",
    [
        "a." * 200_000,
        ("." * 1990 + "\n") * 10,
        "x = 1\n" * 100_000,
        "\n" * LONGEST + "x",
        '"' * 3 + "b" * LONGEST,
    ],
)
def test_long_code_is_shown_from_its_beginning(source):
    shown = shortened(source)
    assert len(shown) < LONGEST + 200
    assert max(map(len, shown.split("\n"))) <= WIDEST + 2
    assert shown.startswith(source[:WIDEST])
    assert shown.split("\n")[-1].startswith(f"# Shown in part: this cell has {len(source)} char")


def test_code_of_usual_length_is_shown_as_it_is():
    for source in ("", "x = 1", "x" * WIDEST, ("x" * 99 + "\n") * (LONGEST // 100)):
        assert shortened(source) == source


def test_repairs_are_said_at_the_top_of_the_feedback(room):
    said = {student: room.graded(student)["cells"][0]["source"] for student in GRADED}
    text = {student: "".join(source).replace("\\", "") for student, source in said.items()}
    assert "About this notebook" not in text["aa_good"]
    assert "there 2 times" in text["duplicated_answer"]
    assert "more than once" in text["duplicated_check"]
    assert "check cell of mul was missing" in text["no_check_cell"]
    assert "answer cell of mul is missing" in text["no_answer_cell"]
    assert "grading data" in text["points_100"]
    assert "(1).ipynb'; it was graded" in text["renamed"]
    assert "was passed over" in text["ends_it"]


def test_a_renamed_notebook_is_kept_beside_its_copy(room):
    folder = room.folder / "renamed" / ASSIGNMENT
    assert {path.name for path in folder.glob("*.ipynb")} == {
        f"{ASSIGNMENT}.ipynb",
        f"{ASSIGNMENT} (1).ipynb",
    }


def test_what_a_link_points_to_is_not_copied(room):
    graded = room.course.grading_folder / "autograded"
    assert not list(graded.rglob("data.csv"))


def test_verdicts_are_kept_with_their_seeds(room):
    record = Records(room.course.grading_folder).latest()["one_mistake", ASSIGNMENT]
    mul = next(one for one in record["exercises"] if one["name"] == "mul")
    assert 1 in mul["numbers"]
    path = room.folder / "one_mistake" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
    verdict, _ = verify(path, room.course, seed=int(record["seed"]))
    assert list(verdict["mul"].where) == mul["where"]
    assert verdict.score == record["score"]


@pytest.mark.parametrize("student", ["aa_good", "one_mistake", "no_check_cell", "format_3"])
def test_verify_gives_the_same_score(room, student):
    path = room.folder / student / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
    assert verify(path, room.course)[0].score == GRADED[student]


def test_formgraders_own_api_sees_the_class(room):
    api = NbGraderAPI(room.coursedir())
    with quiet():
        seen = {one["student"]: one for one in api.get_submissions(ASSIGNMENT)}
    assert seen["one_mistake"]["score"] == GRADED["one_mistake"]
    assert seen["one_mistake"]["needs_manual_grade"] is False
    assert not seen["x_not_json"]["autograded"]


# --- again ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def untouched(tmp_path_factory) -> Path:
    """A course with a grade book, to be copied: making a grade book takes seconds."""
    course = small_course(tmp_path_factory.mktemp("untouched") / "small")
    register([], course)
    return course.root


@pytest.fixture
def own_room(untouched, tmp_path) -> ClassRoom:
    shutil.copytree(untouched, tmp_path / "own")
    return ClassRoom(Course(tmp_path / "own"))


def test_a_corrected_file_is_graded_the_next_time(own_room, capsys):
    good = Submission(own_room.course).solve()
    own_room.hand_in("ana", b"{")
    own_room.hand_in("ben", good, "mine.ipynb")
    assert not own_room.autograde()
    out = capsys.readouterr().out
    assert f"not graded: ana, {ASSIGNMENT}: {ASSIGNMENT}.ipynb is no notebook" in out
    assert "note: ben" in out
    own_room.hand_in("ana", good)
    own_room.hand_in("ben", Submission(own_room.course), "mine.ipynb")
    assert own_room.autograde(force=True)
    assert own_room.scores() == {"ana": FULL, "ben": 0.0}
    assert own_room.table()["ana"]["status"] == "graded"


def test_what_a_killed_run_has_left_half_way_is_graded_the_next_time(own_room, capsys):
    for student in ("ana", "ben", "cem"):
        own_room.hand_in(student, Submission(own_room.course).solve())
    assert own_room.autograde()
    graded = own_room.course.grading_folder / "autograded"
    half = graded / "ana" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
    half.chmod(0o644)
    half.write_text(Submission(own_room.course).solve().text())  # as nbgrader writes it first
    (graded / "ben" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb").unlink()
    untouched = (graded / "cem" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb").stat().st_mtime_ns
    capsys.readouterr()
    assert own_room.autograde()
    said = capsys.readouterr().out
    assert "note: ana, 01_chain_rule: an earlier run was ended while this was graded" in said
    assert "note: ben" in said
    assert "cem" not in said
    assert own_room.scores() == dict.fromkeys(("ana", "ben", "cem"), FULL)
    assert "result-of-grading" in half.read_text()
    again = (graded / "cem" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb").stat().st_mtime_ns
    assert again == untouched


def test_names_and_messages_that_no_file_can_hold_stop_nobody(own_room, capsys):
    good = Submission(own_room.course).solve()
    try:
        for name in (b"\xdcbung.ipynb", b"odd\x1b[31m.ipynb"):
            path = own_room.hand_in(f"ana{len(name)}", good, "mine.ipynb")
            path.rename(path.with_name(os.fsdecode(name)))
        folder = own_room.hand_in("ben", good).parent.parent
        folder.rename(folder.with_name(os.fsdecode(b"b\xebn")))
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    loud = f"{good.solutions['mul']}\nraise ValueError('\\ud800')"
    own_room.hand_in("cem", Submission(own_room.course).solve().write(mul=loud))
    assert not own_room.autograde()
    assert own_room.scores() == dict.fromkeys(("ana11", "ana14", "cem"), FULL)
    assert own_room.table()["b?n"]["status"].startswith("not graded: the folder's name")
    out = capsys.readouterr().out
    assert "not graded: b?n" in out
    assert "'?bung.ipynb' is graded as" in out
    assert "\x1b" not in out
    assert own_room.autograde("ana*", force=True)  # the copies are known as copies


def test_links_to_folders_and_odd_timestamps(own_room, capsys):
    good = Submission(own_room.course).solve()
    ana = own_room.hand_in("ana", good).parent
    (ana / "timestamp.txt").mkdir()
    (own_room.hand_in("ben", good).parent / "timestamp.txt").symlink_to("/nowhere")
    (own_room.folder / "cem").mkdir()
    (own_room.folder / "cem" / ASSIGNMENT).symlink_to(ana)
    (own_room.folder / "eve").symlink_to(own_room.folder / "ana")
    assert not own_room.autograde()
    assert own_room.scores() == {"ana": FULL, "ben": FULL}
    assert capsys.readouterr().out.count("the folder is a link") == 2


def test_a_broken_file_after_a_graded_one_is_not_graded(own_room):
    own_room.hand_in("ana", Submission(own_room.course).solve())
    assert own_room.autograde()
    own_room.hand_in("ana", b"{")
    assert not own_room.autograde(force=True)
    row = own_room.table()["ana"]
    assert row["status"].startswith("not graded: ")
    assert row["score"] == ""


def test_a_wrong_reference_grades_nobody_wrongly(own_room, caplog):
    source = own_room.course.source(ASSIGNMENT)
    right = source.read_text()
    own_room.hand_in("ana", Submission(own_room.course).solve())
    own_room.hand_in("ben", Submission(own_room.course).solve().write(mul=WRONG))
    source.write_text(right.replace("grad_output * y, grad", "grad_output + y, grad"))
    with caplog.at_level(logging.ERROR):
        assert not own_room.autograde()
    assert own_room.scores() == {"ana": FULL, "ben": None}
    assert "not the student: the reference of mul" in own_room.table()["ben"]["status"]
    assert "Traceback" not in caplog.text
    source.write_text(right)
    assert own_room.autograde("ben")
    assert own_room.scores() == {"ana": FULL, "ben": FULL - POINTS["mul"]}


def test_what_nbgrader_gives_up_is_reported_as_well(own_room, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError("disk full")

    own_room.hand_in("ana", Submission(own_room.course).solve())
    monkeypatch.setattr(Autograde, "init_assignment", fail)
    assert not own_room.autograde()
    assert "nbgrader gave it up" in own_room.table()["ana"]["status"]


def test_an_unknown_assignment_is_said_in_one_sentence(own_room, caplog):
    own_room.hand_in("ana", Submission(own_room.course).solve())
    own_room.course.assignment(ASSIGNMENT).unlink()
    assert not own_room.autograde()
    assert "python -m autograder build" in caplog.text


# --- feedback -------------------------------------------------------------------------------

SPOILED = ExerciseVerdict(
    name="mul",
    kind="rule",
    points=3.0,
    score=1.5,
    facets={"scalars": True, "<b>": False},
    where=("<script>alert(1)</script>",),
    hints=('"><img src=x onerror=alert(1)>',),
    remarks=("<style>",),
    printed="</section><script>",
)


class Tags(HTMLParser):
    """Collects the tags of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, _attrs: Any) -> None:
        self.seen.append(tag)
        if tag not in ("br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_panels_are_escaped_and_well_formed():
    tags = Tags(panel(SPOILED))
    assert tags.open == []
    assert set(tags.seen) <= {"section", "h4", "h5", "span", "ul", "li", "br"}


def test_panels_say_in_words_what_they_say_in_colour():
    html = panel(SPOILED)
    assert "Partly right: mul, 1.5 of 3 points" in html
    assert 'role="region"' in html
    assert "<li>scalars: right</li>" in html


def test_the_summary_shows_texts_as_they_are():
    verdict = Verdict(ASSIGNMENT, 1, (SPOILED,), notes=("<script> *not* `bold` $x$",))
    text = summary(verdict, ("a [link](javascript:x)",))
    assert "<script>" not in text
    assert "[link](" not in text
    assert plain("a_b*c") == r"a\_b\*c"


def test_the_score_is_written_as_nbgrader_reads_it():
    for score in (0.0, 0.1, 2.25, 3.0, 1 / 3):
        made = node_of(
            {
                "cell_type": "code",
                "metadata": {"nbgrader": {"grade": True, "solution": False, "points": 3.0}},
                "source": "",
                "outputs": [result(score, "<p>x</p>")],
            }
        )
        assert determine_grade(made) == (score, 3.0)


def test_half_a_record_is_passed_over_and_spoils_no_other(tmp_path, caplog):
    records = Records(tmp_path)
    records.not_graded("ana", ASSIGNMENT, "first")
    path = tmp_path / "not_graded.jsonl"
    with path.open("ab") as file:
        file.write(b'[1]\n{"at": "2026", "student": "b\xc3')
    records.not_graded("cem", ASSIGNMENT, "s\ud800")
    assert {who for who, _ in records.latest()} == {"ana", "cem"}
    assert f"{path}, line 2: no whole record" in caplog.text
    assert f"{path}, line 3: no whole record" in caplog.text


def test_a_spreadsheet_takes_no_text_for_a_formula():
    assert safe("=1+1") == "'=1+1"
    assert safe("anna") == "anna"
    assert safe(-1.0) == -1.0
