"""The judge's handle on one child: a process with a notebook's cells, questions in, arrays out.

Everything the process does is turned into an answer or a `ChildError` with a sentence for the
student: it hung, it died, it answered nonsense. This is the place where the sandbox around the
child is put up.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from autograder import wire
from autograder.cells import Cell, printable
from autograder.child import COMMAND
from autograder.course import ROOT
from course_autograd.exercises import Case, Exercise, Observation, WireError

UNREADABLE = "what came back from your code could not be read"


@dataclass(frozen=True)
class Limits:
    """How long and how much.

    Attributes
    ----------
    cell, load, request, submission : float
        Seconds for one cell, all cells, one question, everything.
    grace : float
        Seconds after which a limit that the child should have kept is enforced from outside.
    memory : int
        Megabytes of address space of a child.
    """

    cell: float = 4.0
    load: float = 20.0
    request: float = 4.0
    submission: float = 60.0
    grace: float = 1.0
    memory: int = 4096


class ChildError(Exception):
    """The child gave no usable answer. The text is a sentence for the student."""


class HungError(ChildError):
    """It did not answer in time, and was ended."""


class SlowError(ChildError):
    """It did not answer in time, but can be asked something else."""


class DiedError(ChildError):
    """Its process ended."""


class NonsenseError(ChildError):
    """It answered something else than was agreed."""


@dataclass
class Loaded:
    """What happened while the cells ran.

    Attributes
    ----------
    troubles : dict
        Index of a cell -> what went wrong, as ``{"kind": ..., "message": ...}``.
    missed_rule : bool
        Whether a cell asked for a backward rule of the package, which does not exist there.
    """

    troubles: dict[int, dict[str, str]] = field(default_factory=dict)
    missed_rule: bool = False


class Child:
    """A fresh process with the cells of one notebook; ended with its whole process group.

    Parameters
    ----------
    limits : Limits
        Time and memory.
    keep_rules : bool
        Whether the package keeps its backward rules there.
    """

    def __init__(self, limits: Limits, *, keep_rules: bool = False) -> None:
        self.limits = limits
        self.at_cell: int | None = None
        self.seconds_of_cell: dict[int, float] = {}
        self.folder = Path(tempfile.mkdtemp(prefix="judged-"))
        from_judge, to_child = os.pipe()
        from_child, to_judge = os.pipe()
        arguments = [
            str(ROOT),
            str(from_judge),
            str(to_judge),
            "rules" if keep_rules else "no rules",
            str(int(limits.submission) + 5),
            str(limits.memory),
        ]
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-B", "-c", COMMAND, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(from_judge, to_judge),
                cwd=self.folder,
                env=environment(self.folder),
                start_new_session=True,
            )
        finally:
            os.close(from_judge)
            os.close(to_judge)
        self.line = wire.Line(to_child, from_child)

    def load(self, cells: Sequence[Cell], deadline: float) -> Loaded:
        """Run `cells` in order.

        Raises
        ------
        ChildError
            `at_cell` is then the index of the cell at work.
        """
        nonce = secrets.token_hex(16)
        told = [
            {
                "index": number,
                "source": cell.source,
                "label": f"cell {cell.grade_id or cell.index + 1}",
            }
            for number, cell in enumerate(cells)
        ]
        self.at_cell, begun = None, time.monotonic()
        deadline = min(deadline, begun + self.limits.load)
        request = {"kind": "load", "nonce": nonce, "cells": told, "seconds": self.limits.cell}
        self._send(request)
        while True:
            patience = self.limits.cell + self.limits.grace + (3 if self.at_cell is None else 0)
            frame = self._receive(nonce, min(deadline, time.monotonic() + patience))
            now = time.monotonic()
            if self.at_cell is not None:
                self.seconds_of_cell[self.at_cell] = now - begun
            begun = now
            if frame.header["kind"] != "cell":
                break
            # One after the other: a forged frame must not point at a cell that has run already.
            following = 0 if self.at_cell is None else self.at_cell + 1
            index = frame.header.get("index")
            if type(index) is not int or index != following or index >= len(cells):
                raise NonsenseError(UNREADABLE)
            self.at_cell = index
        if frame.header["kind"] != "loaded":
            raise NonsenseError(UNREADABLE)
        return Loaded(_troubles(frame, len(cells)), frame.header.get("missed_rule") is True)

    def ask(self, exercise: Exercise, case: Case, deadline: float) -> Observation:
        """Put one question to the student's answer.

        Raises
        ------
        ChildError
        """
        nonce = secrets.token_hex(16)
        header, arrays = case.to_wire()
        seconds = self.limits.request
        self._send(
            {
                "kind": "run",
                "nonce": nonce,
                "exercise": exercise.name,
                "case": header,
                "seconds": seconds,
            },
            arrays,
        )
        latest = time.monotonic() + seconds + self.limits.grace
        frame = self._receive(nonce, min(deadline, latest))
        if frame.header["kind"] == "timeout":
            raise SlowError(f"no answer within {seconds:g} seconds; is there an endless loop?")
        if frame.header["kind"] != "observed":
            raise NonsenseError(UNREADABLE)
        try:
            return Observation.from_wire(frame.header.get("observation"), list(frame.arrays))
        except WireError as error:
            raise NonsenseError(f"{UNREADABLE}: {error}") from error

    def _send(self, header: Mapping[str, Any], arrays: Sequence[Any] = ()) -> None:
        try:
            self.line.send(wire.pack(header, arrays))
        except wire.ProtocolError as error:
            raise NonsenseError(f"{UNREADABLE}: {error}") from error

    def _receive(self, nonce: str, deadline: float) -> wire.Frame:
        begun = time.monotonic()
        try:
            frame = self.line.receive(deadline)
        except wire.LateError as error:
            waited = max(1, round(time.monotonic() - begun))
            raise HungError(
                f"no answer within {waited} seconds; is there an endless loop?"
            ) from error
        except wire.ClosedError as error:
            raise DiedError(self._how_it_ended()) from error
        except wire.ProtocolError as error:
            raise NonsenseError(f"{UNREADABLE}: {error}") from error
        if frame.header.get("nonce") != nonce or not isinstance(frame.header.get("kind"), str):
            raise NonsenseError("what came back from your code is no answer to the question put")
        return frame

    def _how_it_ended(self) -> str:
        """Say in words how the process ended."""
        try:
            status = self.process.wait(timeout=self.limits.grace)
        except subprocess.TimeoutExpired:
            return "your code closed the connection to the grader"
        if status >= 0:
            return "your code ended the whole process (os._exit or the like)"
        names = {signal.SIGXCPU: "used up its processor time", signal.SIGKILL: "was killed"}
        try:
            number = signal.Signals(-status)
        except ValueError:
            return f"your code crashed the whole process (signal {-status})"
        return f"your code crashed the whole process ({names.get(number, number.name)})"

    def close(self) -> None:
        """End the process and everything it started in its group; remove its folder."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.line.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def environment(folder: Path) -> dict[str, str]:
    """Return the few variables a child gets: no name, no path, no secret of this process."""
    return {
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": str(folder),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }


def _troubles(frame: wire.Frame, cells: int) -> dict[int, dict[str, str]]:
    """Read the child's list of troubles; what has another form is left out."""
    given = frame.header.get("troubles")
    found = {}
    for one in given if isinstance(given, list) else []:
        if isinstance(one, dict) and type(one.get("index")) is int and 0 <= one["index"] < cells:
            found[one["index"]] = {
                key: printable(str(one.get(key, ""))[:400]) for key in ("kind", "message")
            }
    return found
