"""``python -m autograder verify``: one notebook, without a grade book."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autograder.__main__ import main
from autograder.cells import solution_cells
from autograder.course import COURSE
from autograder.verify import JUDGED, UNREADABLE

NAME = "02_sigmoid"


@pytest.fixture
def handed_in(tmp_path) -> Path:
    """The student's notebook with negate right, exp wrong, the rest untouched."""
    content = json.loads(COURSE.assignment(NAME).read_text(encoding="utf-8"))
    solutions = solution_cells(COURSE.source(NAME))
    wrong = (
        "@backward_of(ops.exp)\ndef e(ctx, grad_output):\n    (output,) = ctx\n    return (output,)"
    )
    for cell in content["cells"]:
        grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if grade_id == "negate":
            cell["source"] = solutions["negate"]
        if grade_id == "exp":
            cell["source"] = wrong
    path = tmp_path / "my work.ipynb"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_one_line_for_each_exercise_and_what_was_seen_below_it(handed_in, capsys):
    assert main(["verify", str(handed_in)]) == JUDGED
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.split("\n")]
    assert lines[0] == NAME
    assert "negate 1 of 1 right" in lines
    assert "exp 0 of 2 not right" in lines
    assert "sigmoid 0 of 5 not done" in lines
    assert "without the upstream" in " ".join(lines)
    assert any(line.startswith("1 of 18 points") for line in lines)


def test_json_holds_the_same_and_the_seed_replays_it(handed_in, capsys):
    assert main(["verify", str(handed_in), "--json"]) == JUDGED
    first = json.loads(capsys.readouterr().out)
    assert (first["score"], first["points"], first["repairs"]) == (1.0, 18.0, [])
    assert main(["verify", str(handed_in), "--json", "--seed", first["seed"]]) == JUDGED
    again = json.loads(capsys.readouterr().out)
    for one in (*first["exercises"], *again["exercises"]):
        for timed in (one, *one["evidence"]):
            del timed["milliseconds"]
    assert again["exercises"] == first["exercises"]


def test_an_assignment_can_be_named(handed_in, capsys):
    assert main(["verify", str(handed_in), "--assignment", NAME]) == JUDGED
    assert main(["verify", str(handed_in), "--assignment", "05_none"]) == 1
    assert "no assignment is called '05_none'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is no notebook"),
        ("", "is empty"),
        ('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', "no cell carries"),
    ],
)
def test_what_is_no_notebook_of_the_course_is_refused_in_one_sentence(
    tmp_path, capsys, content, words
):
    path = tmp_path / "broken.ipynb"
    path.write_text(content)
    assert main(["verify", str(path)]) == UNREADABLE
    said = capsys.readouterr().err
    assert said.startswith("not graded: ")
    assert words in said
    assert said.count("\n") == 1
    assert main(["verify", str(path), "--json"]) == UNREADABLE
    assert words in json.loads(capsys.readouterr().out)["reason"]


def test_a_missing_file_is_refused_in_one_sentence(tmp_path, capsys):
    assert main(["verify", str(tmp_path / "nothing.ipynb")]) == UNREADABLE
    assert "cannot be opened" in capsys.readouterr().err
