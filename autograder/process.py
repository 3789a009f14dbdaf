"""The judge's handle on one child: a process with a notebook's cells, questions in, arrays out.

Everything the process does is turned into an answer or a `ChildError` with a sentence for the
student: it hung, it died, it answered nonsense. What goes wrong before any code of a student's has
reached it is a `ServerError`, and nobody's zero.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from autograder import wire
from autograder.cells import Cell, printable
from autograder.closing import Closing
from autograder.server import Wish
from autograder.servers import Server, ServerError
from course_autograd.exercises import Case, Exercise, Observation, Trouble, WireError

NOT_FOUND = "No answer to {} was found in this notebook."
UNREADABLE = "what came back from your code could not be read"
MOST_CALLS = 1_000_000
BEGINNING = 20.0  # seconds until a child has imported what its notebook names, and begun


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
        Megabytes that a child may use beyond what its server has.
    """

    cell: float = 4.0
    load: float = 20.0
    request: float = 4.0
    submission: float = 60.0
    grace: float = 0.4
    memory: int = 1024


KILLED = {
    "SIGXCPU": "it had used up its processor time",
    "SIGSYS": "it did what is not allowed here",
    "SIGKILL": "it had closed the connection to the grader, or used up the memory",
}


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


class Child(Closing):
    """A fresh process with the cells of one notebook, forked by a server.

    Parameters
    ----------
    server : Server
        Who forks it.
    limits : Limits
        Time and memory.
    level : str
        The sandbox to be put up.
    modules : sequence of str
        To be imported before the sandbox is up, where they exist and may be.

    Attributes
    ----------
    forward_calls : dict
        Exercise -> how often its backward rule has called forward, in one call of its own.

    Raises
    ------
    ServerError
        If the server fails.
    """

    # How much it may say.
    size = wire.FROM_CHILD

    def __init__(
        self, server: Server, limits: Limits, level: str, modules: Sequence[str] = ()
    ) -> None:
        self.limits = limits
        self.at_cell: int | None = None
        self.seconds_of_cell: dict[int, float] = {}
        self.forward_calls: dict[str, int] = {}
        self._server = server
        wish = Wish(level, int(limits.submission) + 5, limits.memory, tuple(modules))
        from_judge, to_child = os.pipe()
        from_child, to_judge = os.pipe()
        self.line = wire.Line(to_child, from_child, self.size)
        try:
            self.pid: int | None = server.fork(wish, from_judge, to_judge)
        except ServerError:
            self.line.close()
            raise
        finally:
            os.close(from_judge)
            os.close(to_judge)
        self._has_begun = False

    def load(self, cells: Sequence[Cell], deadline: float) -> Loaded:
        """Run `cells` in order.

        Raises
        ------
        ChildError
            `at_cell` is then the index of the cell at work.
        ServerError
            If the child has not even begun.
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
        self.at_cell = None
        self._send({"kind": "load", "nonce": nonce, "cells": told, "seconds": self.limits.cell})
        if not self._has_begun:
            self._await_beginning()
        begun = time.monotonic()
        deadline = min(deadline, begun + self.limits.load)
        while True:
            patience = self.limits.cell + self.limits.grace
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

    def _await_beginning(self) -> None:
        """Wait until the sandbox is up: the child has not read anything of a student's before.

        Raises
        ------
        ServerError
        """
        try:
            frame = self.line.receive(time.monotonic() + BEGINNING)
        except (wire.ProtocolError, wire.LateError) as error:
            raise ServerError(f"a child of the grader's server did not begin: {error}") from error
        if frame.header.get("kind") != "ready":
            raise ServerError(f"a child cannot be shut in: {printable(frame.text('message'))}")
        self._has_begun = True

    def ask(
        self, exercise: Exercise, cases: Sequence[Case], deadline: float, budget: float
    ) -> Iterator[Observation]:
        """Put questions to the student's answer; return an iterator over what it does with each.

        They are sent together and at once, and each answer has its own deadline. The child stops
        where all together have taken longer than `budget` seconds.

        Raises
        ------
        ChildError
        """
        nonce, seconds = secrets.token_hex(16), self.limits.request
        headers, arrays = [], []
        for case in cases:
            header, parts = case.to_wire()
            headers.append([header, len(parts)])
            arrays += parts
        begun = time.monotonic()
        request = {"kind": "run", "nonce": nonce, "exercise": exercise.name, "cases": headers}
        self._send({**request, "seconds": seconds, "budget": budget}, arrays)
        deadline = min(deadline, begun + budget + seconds + self.limits.grace)
        return self._answers(exercise, len(cases), nonce, deadline)

    def _answers(
        self, exercise: Exercise, count: int, nonce: str, deadline: float
    ) -> Iterator[Observation]:
        seconds = self.limits.request
        for _ in range(count):
            latest = time.monotonic() + seconds + self.limits.grace
            frame = self._receive(nonce, min(deadline, latest))
            kind = frame.header["kind"]
            if kind == "timeout":
                raise SlowError(f"no answer within {seconds:g} seconds; is there an endless loop?")
            if kind == "enough":
                return
            if kind != "observed":
                raise NonsenseError(UNREADABLE)
            calls = frame.header.get("calls")
            if type(calls) is int and 0 <= calls <= MOST_CALLS:
                self.forward_calls[exercise.name] = max(
                    calls, self.forward_calls.get(exercise.name, 0)
                )
            try:
                observation = Observation.from_wire(
                    frame.header.get("observation"), list(frame.arrays)
                )
            except WireError as error:
                raise NonsenseError(f"{UNREADABLE}: {error}") from error
            trouble = observation.error
            if trouble is not None and trouble.kind == "missing":  # said in our words
                said = Trouble("missing", NOT_FOUND.format(exercise.name))
                observation = replace(observation, error=said)
            yield observation

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
        """Say in words how the process ended.

        Raises
        ------
        ServerError
            If its server ended, and it for that reason.
        """
        status = self.end()
        if status is None or status >= 0:
            return "your code ended the whole process (os._exit or the like)"
        try:
            name = signal.Signals(-status).name
        except ValueError:
            return f"your code crashed the whole process (signal {-status})"
        if name in KILLED:
            return f"your code's process was ended: {KILLED[name]}"
        return f"your code crashed the whole process ({name})"

    def end(self) -> int | None:
        """End the process; return its exit code, None if that had been done before.

        Raises
        ------
        ServerError
        """
        pid, self.pid = self.pid, None
        return None if pid is None else self._server.end(pid)

    def close(self) -> None:
        """End the process and everything it started in its group."""
        with contextlib.suppress(ServerError):  # it has gone then, as its children have
            self.end()
        self.line.close()


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
