"""The walls need no rights: a TA's account, or a process that may do nothing special, has them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.course import ROOT

pytestmark = pytest.mark.attack

CHOSEN = "reading or network or keeps_all_points"
# In a user namespace without any mapping a process is nobody in particular, without capabilities.
NOBODY = ("unshare", "--user")


def ordinary() -> tuple[str, ...]:
    """What to put before a command for it to run without root's rights; skips where that fails."""
    if os.getuid() != 0:
        pytest.skip("these tests run as an ordinary user already")
    if shutil.which(NOBODY[0]) is None or subprocess.run([*NOBODY, "true"], check=False).returncode:
        pytest.skip("root cannot become nobody here: user namespaces are not allowed")
    return NOBODY


def test_attacks_get_nothing_from_an_ordinary_user_either(tmp_path: Path) -> None:
    asked = "import os; print(os.getuid(), open('/proc/self/status').read())"
    said = subprocess.run(
        [*ordinary(), sys.executable, "-c", asked], capture_output=True, text=True, check=True
    ).stdout
    assert not said.startswith("0 ")
    assert "CapEff:\t0000000000000000" in said
    done = subprocess.run(
        [
            *ordinary(),
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "attack"),
            *("tests/attacks/test_attacks.py", "-k", CHOSEN, f"--basetemp={tmp_path / 'base'}"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    passed = [word for word in done.stdout.split("\n")[-2].split(", ") if "passed" in word]
    assert int(passed[0].split()[0]) >= 30, done.stdout[-300:]
