"""Records: whole lines, whoever is killed; what was recorded is told from what was not."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from autograder.course import ROOT
from autograder.records import Records, verdict_of
from autograder.replay import differences

APPENDING = """
import sys
from pathlib import Path
from autograder.records import Records

records = Records(Path(sys.argv[1]))
for number in range(10**9):
    records.not_graded(f"{sys.argv[2]}{number}", "01_chain_rule", "x" * 5_000)
"""


def test_a_record_of_something_else_is_no_verdict():
    for record in ({}, {"exercises": 3}, {"exercises": [{"name": "mul"}], "seed": "1"}):
        with pytest.raises(ValueError, match="no whole verdict"):
            verdict_of(record)


def test_whoever_is_killed_while_writing_leaves_whole_records(tmp_path):
    writers = [
        subprocess.Popen([sys.executable, "-c", APPENDING, str(tmp_path), name], cwd=ROOT)
        for name in ("a", "b")
    ]
    path, until = tmp_path / "not_graded.jsonl", time.monotonic() + 60

    def both_are_at_work() -> bool:
        written = path.read_bytes() if path.is_file() else b""
        return len(written) > 500_000 and all(name in written for name in (b'"a0"', b'"b0"'))

    try:
        while not both_are_at_work():
            assert time.monotonic() < until
            assert [writer.poll() for writer in writers] == [None, None]
            time.sleep(0.01)
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
    found = Records(tmp_path).latest()
    for name in ("a", "b"):
        numbers = sorted(int(who[1:]) for who, _ in found if who[0] == name)
        assert numbers == list(range(len(numbers)))
        assert numbers
    assert all(record["reason"] == "x" * 5_000 for record in found.values())


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
