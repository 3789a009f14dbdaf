"""Repairs: what was handed in is graded, and every repair is said in one sentence."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from nbconvert import HTMLExporter
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.utils import compute_checksum
from small_course import ASSIGNMENT, POINTS, Submission, small_course

from autograder.cells import parse_notebook
from autograder.errors import NotANotebookError
from autograder.intake import as_node, node_of
from autograder.repair import (
    Repaired,
    as_plain_text,
    overlap,
    read_released,
    repair,
    require_own,
)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return small_course(tmp_path_factory.mktemp("course") / "small")


@pytest.fixture(scope="module")
def released(course):
    return read_released(course.assignment(ASSIGNMENT))


@pytest.fixture
def submission(course):
    return Submission(course).solve()


def mended(submission: Submission, released) -> Repaired:
    """Repair, and hold the result against what nbgrader requires of a notebook."""
    made = repair(submission.notebook(), released)
    MetadataValidator().validate_nb(node_of(made.content))
    originals = {
        cell["metadata"]["nbgrader"]["grade_id"]: cell
        for cell in released["cells"]
        if "nbgrader" in cell["metadata"]
    }
    for cell in node_of(made.content).cells:
        own = cell.metadata.get("nbgrader")
        if own is not None:
            assert own == originals[own["grade_id"]]["metadata"]["nbgrader"]
            if own["locked"]:
                assert compute_checksum(cell) == own["checksum"]
    checks = [cell.name for cell in made.notebook.by_role("check")]
    assert checks == ["by_hand", "mul", "power"]
    return made


def sources(made: Repaired) -> list[str]:
    return [cell.source for cell in made.notebook.code()]


def test_an_honest_notebook_needs_no_repair(submission, released):
    made = mended(submission, released)
    assert made.sentences == ()
    assert sources(made) == [cell.source for cell in submission.notebook().code()]


def test_a_deleted_check_cell_is_put_back_behind_its_answer(submission, released):
    made = mended(submission.delete("check-mul"), released)
    assert made.sentences == ("The check cell of mul was missing; it was put back.",)
    ids = [cell.grade_id for cell in made.notebook]
    assert ids.index("check-mul") == ids.index("mul") + 1


def test_all_check_cells_may_be_gone(submission, released):
    for name in ("by_hand", "mul", "power"):
        submission.delete(f"check-{name}")
    assert len(mended(submission, released).sentences) == 3


def test_a_check_cell_is_put_back_even_without_its_answer(submission, released):
    made = mended(submission.delete("mul").delete("check-mul"), released)
    assert set(made.sentences) == {
        "The answer cell of mul is missing.",
        "The check cell of mul was missing; it was put back.",
    }


def test_all_copies_of_an_answer_cell_keep_their_code_and_one_its_name(submission, released):
    submission.duplicate("mul")
    submission.cells[submission.index("mul")]["source"] = "first = 1"
    made = mended(submission, released)
    code = sources(made)
    assert code.index("first = 1") < code.index(submission.solutions["mul"])
    assert [cell.grade_id for cell in made.notebook].count("mul") == 1
    assert "was there 2 times" in made.sentences[0]


def test_a_copied_check_cell_is_kept_once(submission, released):
    made = mended(submission.duplicate("check-mul").duplicate("check-mul"), released)
    assert made.sentences == ("The check cell of mul was there more than once; one is kept.",)


def test_code_written_into_a_copy_of_a_check_cell_is_kept(submission, released):
    submission.duplicate("check-mul")
    submission.cells[submission.index("check-mul") + 1]["source"] = "helper = 1"
    assert "helper = 1" in sources(mended(submission, released))


@pytest.mark.parametrize("grade_id", ["check-mul", "setup", "shown-numbers"])
def test_changed_locked_cells_are_as_released(submission, released, grade_id):
    submission.cells[submission.index(grade_id)]["source"] = "assert True"
    made = mended(submission, released)
    assert "assert True" not in sources(made)
    assert "had been changed; the original is back" in made.sentences[0]


def test_a_check_cell_turned_into_text_is_code_again(submission, released):
    submission.cells[submission.index("check-mul")]["cell_type"] = "markdown"
    made = mended(submission, released)
    assert "had been turned into text" in made.sentences[0]


def test_an_answer_cell_turned_into_text_is_code_again(submission, released):
    submission.cells[submission.index("mul")]["cell_type"] = "raw"
    made = mended(submission, released)
    assert submission.solutions["mul"] in sources(made)
    assert made.sentences == (
        "The answer cell of mul had been turned into text; it counts as code again.",
    )


@pytest.mark.parametrize(
    "change",
    [
        {"points": 100},
        {"points": "many"},
        {"points": -1},
        {"grade": False},
        {"grade": False, "solution": True, "locked": False},
        {"locked": "no"},
        {"schema_version": 1},
        {"schema_version": "x"},
        {"schema_version": 99},
        {"schema_version": None},
    ],
)
def test_changed_grading_data_are_as_released(submission, released, change):
    submission.marks("check-mul").update(change)
    made = mended(submission, released)
    assert made.sentences == (
        "The grading data of the check cell of mul had been changed; the original is back.",
    )


def test_empty_grading_data_are_a_cell_of_ones_own(submission, released):
    submission.cells[submission.index("mul")]["metadata"]["nbgrader"] = {}
    made = mended(submission, released)
    assert submission.solutions["mul"] in sources(made)
    assert "The answer cell of mul is missing." in made.sentences


@pytest.mark.parametrize("odd", [[], "x", 3, None, {"grade_id": ["mul"]}, {"grade_id": {}}])
def test_odd_grading_data_are_a_cell_of_ones_own(submission, released, odd):
    submission.cells[submission.index("mul")]["metadata"]["nbgrader"] = odd
    assert submission.solutions["mul"] in sources(mended(submission, released))


def test_a_renamed_grade_id_is_a_cell_of_ones_own(submission, released):
    submission.marks("mul")["grade_id"] = "<script>"
    made = mended(submission, released)
    assert submission.solutions["mul"] in sources(made)
    assert "does not belong to this assignment" in made.sentences[0]


def test_cells_in_another_order_stay_in_it(submission, released):
    submission.cells.reverse()
    made = repair(submission.notebook(), released)
    assert sources(made) == [cell.source for cell in submission.notebook().code()]
    assert made.sentences == ()


def test_outputs_attachments_and_foreign_metadata_stay_behind(submission, released):
    bomb = {"output_type": "display_data", "data": {"text/html": "<script>"}, "metadata": {}}
    for cell in submission.cells:
        cell["metadata"]["evil"] = "<script>"
        cell["attachments"] = {"a.svg": {"image/svg+xml": "<script>"}}
        if cell["cell_type"] == "code":
            cell["outputs"] = [bomb]
    submission.content["metadata"]["widgets"] = "<script>"
    assert "<script>" not in json.dumps(mended(submission, released).content)


@pytest.mark.parametrize("kind", ["markdown", "raw"])
@pytest.mark.parametrize(
    "text",
    [
        "<img src=x onerror=alert(1)>",
        "text\n\n<script>alert(1)</script>",
        "```\n<script>alert(1)</script>",
        "````html\n<b>\n````\n<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "    <i>\n<script>alert(1)</script>",
        "$\\href{javascript:alert(1)}{x}$",
        "\r<script>alert(1)</script>\x0b\x0c<script>",
    ],
)
def test_text_of_ones_own_is_shown_and_never_live(submission, released, kind, text):
    made = mended(submission.insert("mul", text, kind), released)
    html = HTMLExporter(template_name="basic").from_notebook_node(node_of(made.content))[0]
    assert Live(html).live == []
    assert any(mark in html for mark in ("alert", "script", "href"))


class Live(HTMLParser):
    """Collects what could run or be clicked in the cells of a page, and formulas outside code."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.live: list[str] = []
        self.depth_of_pre = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.depth_of_pre += tag == "pre"
        running = any(name.startswith("on") for name, _ in attrs)
        clicked = any("javascript:" in (value or "") for _, value in attrs)
        if tag in ("script", "img", "iframe", "i", "b") or running or clicked:
            self.live.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.depth_of_pre -= tag == "pre"

    def handle_data(self, data: str) -> None:
        if "href" in data and not self.depth_of_pre:
            self.live.append("formula")


def test_long_lines_of_text_are_broken():
    shown = as_plain_text("a\n" + "[" * 401 + "`" * 250)
    assert max(map(len, shown.split("\n"))) <= 205
    assert shown.replace("\n", "").count("[") == 401


def test_the_courses_own_text_stays_formatted(submission, released):
    made = mended(submission, released)
    texts = [cell.source for cell in made.notebook if cell.kind == "markdown"]
    assert any("# The chain rule, very short" in text for text in texts)
    assert not any(text.startswith("```") for text in texts)


def test_the_kernel_is_the_released_one(submission, released):
    submission.content["metadata"]["kernelspec"] = {"name": "bash", "display_name": "x"}
    made = mended(submission, released)
    assert made.content["metadata"]["kernelspec"] == released["metadata"]["kernelspec"]


def test_repairing_twice_changes_nothing(submission, released):
    submission.duplicate("mul").delete("check-power").marks("check-mul")["points"] = 9
    once = mended(submission, released)
    twice = repair(once.notebook, released)
    assert twice.sentences == ()
    assert sources(twice) == sources(once)


def test_notebooks_are_known_by_their_cells(submission, released):
    assert overlap(submission.notebook(), released) == 6
    for cell in submission.cells:
        cell["metadata"] = {}
        cell["source"] = "x = 1"
    assert overlap(submission.notebook(), released) == 0
    with pytest.raises(NotANotebookError, match="removed all names"):
        require_own(submission.notebook(), released, ASSIGNMENT)


# --- names that a program has removed --------------------------------------------------------


def without_names(submission: Submission) -> Submission:
    for cell in submission.cells:
        cell["metadata"] = {}
    return submission


def answers(made: Repaired) -> dict[str, str]:
    return {cell.name: cell.source for cell in made.notebook.by_role("solution")}


def test_answers_are_found_again_by_their_place(submission, released):
    before = {name: submission.cells[submission.index(name)]["source"] for name in POINTS}
    made = mended(without_names(submission), released)
    assert answers(made) == before
    assert made.sentences == (
        "The program this notebook was saved with had removed the names of all cells; they were "
        "found again by text and order.",
    )


def test_an_answer_among_cells_of_ones_own_is_found_by_its_likeness(submission, released):
    submission.insert("mul", "scratch = [1, 2]").insert("check-mul", "print(scratch)")
    made = mended(without_names(submission), released)
    assert answers(made)["mul"] == submission.solutions["mul"]


def test_what_was_not_written_and_what_is_missing_is_told_apart(course, released):
    untouched = Submission(course).solve("mul").delete("power")
    made = mended(without_names(untouched), released)
    assert set(answers(made)) == {"by_hand", "mul"}
    assert "The answer cell of power is missing." in made.sentences


def test_with_too_little_of_what_was_handed_out_nothing_is_guessed(submission, released):
    for name in ("setup", "check-mul", "check-power", "check-by_hand"):
        submission.delete(name)
    with pytest.raises(NotANotebookError, match="removed all names"):
        require_own(without_names(submission).notebook(), released, ASSIGNMENT)


def test_a_single_name_that_is_left_keeps_the_others_from_being_guessed(submission, released):
    kept = submission.cells[submission.index("mul")]["metadata"]
    without_names(submission).cells[0]["metadata"] = kept
    made = repair(submission.notebook(), released)
    assert not any("found again" in sentence for sentence in made.sentences)


def test_what_goes_to_nbgrader_has_the_cells_of_the_file(submission):
    def parts(notebook):
        return [(cell.kind, cell.source, cell.grade_id) for cell in notebook]

    node = as_node(submission.notebook())
    assert parts(parse_notebook(node)) == parts(submission.notebook())
