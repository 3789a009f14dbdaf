"""Tolerances leave room for right answers, and the page that says so is true."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from autograder.soundness import tolerances
from autograder.soundness.tolerances import (
    PAGE,
    complaints,
    kinks,
    measured_rows,
    operations,
    page,
    without_figures,
)
from course_autograd import numeric, ops
from course_autograd.exercises import exercises
from course_autograd.ops import all_operations

OPERATIONS = operations()


def test_every_operation_with_a_domain_is_measured() -> None:
    assert {one.__name__ for one in OPERATIONS} == {
        name for name, one in all_operations().items() if one.domain is not None
    }
    rules = {one.name for one in exercises().values() if one.kind in ("rule", "whole")}
    assert rules <= {one.__name__ for one in OPERATIONS}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.__name__)
def test_the_right_rule_lies_well_within_the_tolerance(operation: type[ops.add]) -> None:
    for row in measured_rows(operation, seeds=3):
        assert row.room > 3.0, row
        assert row.reached <= 4.0 * row.believed + 1e-12, "the measurement knows its own error"
        assert row.tolerances[1] < 1e-4, "no wrong answer is let through"


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.__name__)
def test_so_it_does_where_most_entries_are_measured_with_one_step_size(
    operation: type[ops.add], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numeric, "MANY", 0)
    monkeypatch.setattr(numeric, "SAMPLE", 1)
    for row in measured_rows(operation, seeds=3):
        assert row.room > 3.0, row
        assert row.reached <= 4.0 * row.believed + 1e-12, "the measurement knows its own error"
        assert row.tolerances[1] < 1e-4, "no wrong answer is let through"
        if "large" not in row.name:
            assert row.reached <= 1e-8


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.__name__)
def test_two_gradients_are_found_around_each_declared_kink(operation: type[ops.add]) -> None:
    declared = operation.domain.kinks if operation.domain else ()
    found = list(kinks(operation))
    assert len(found) == len(declared)
    for one in found:
        assert one.corners == 2
        assert one.apart > 0.4


@pytest.mark.slow
def test_the_page_still_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert tolerances.main(["--check"]) == 0, capsys.readouterr().out


def test_the_page_names_every_operation_and_every_declared_constant() -> None:
    written = PAGE.read_text(encoding="utf-8")
    for operation in OPERATIONS:
        assert f"| {operation.__name__} |" in written
    empty = page([], [], tolerances.SEEDS)
    assert set(empty.splitlines()) <= set(written.splitlines()) | {""}


# --- the comparison can fail -----------------------------------------------------------------


def test_other_figures_are_no_other_structure() -> None:
    (row,) = measured_rows(ops.add, seeds=1)
    other = replace(row, reached=row.reached * 3, room=row.room / 3, tolerances=(1e-8, 2e-8))
    rounding = replace(row, reached=0.0)
    written = page([row], [], 1)
    for changed in (other, rounding):
        assert page([changed], [], 1) != written
        assert complaints(written, page([changed], [], 1), [changed]) == []


def test_a_missing_row_another_constant_and_a_right_rule_outside_are_named() -> None:
    (row,) = measured_rows(ops.add, seeds=1)
    fresh = page([row], [], 1)
    assert "| add |" in complaints(page([], [], 1), fresh, [row])[0]
    assert "another structure" in complaints(fresh.replace("1e-08", "1e-06"), fresh, [row])[0]
    outside = replace(row, reached=1e-3, room=0.1)
    assert complaints(fresh, fresh, [outside])[0].startswith("add: reached 1.0e-03 lies outside")


def test_constants_are_compared_to_the_letter() -> None:
    assert "1e-08 of the largest entry" in without_figures(page([], [], 1))


def test_the_command_writes_the_page_and_finds_it_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tolerances, "operations", lambda: [ops.add, ops.maximum])
    path = tmp_path / "docs" / "tolerances.md"
    assert tolerances.main(["--check", "--seeds", "1"], path) == 1
    assert "--write" in capsys.readouterr().out
    assert tolerances.main(["--write", "--seeds", "1"], path) == 0
    assert tolerances.main(["--check", "--seeds", "1"], path) == 0
    assert capsys.readouterr().out == ""
