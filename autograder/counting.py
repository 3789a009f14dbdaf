"""Noticing that a backward rule measures a derivative instead of computing it.

Right numbers are right numbers: what it is worth that they were measured, the course decides. Here
it is only noticed, where the rule calls the operation's own forward rule several times.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import course_autograd
from course_autograd.operation import Operation
from course_autograd.rule import run_rule

# Frames of this folder are not shown to students, whose code they call.
HIDDEN = str(Path(str(course_autograd.__file__)).with_name("counted"))


class Calls:
    """How often forward was called during one call of backward.

    Attributes
    ----------
    most : int
        The largest number there has been.
    """

    def __init__(self) -> None:
        self.most = 0
        self._now = 0
        self._during: object = None

    def note(self) -> None:
        """Note one call of forward, if backward is at work."""
        frame = sys._getframe(1)
        while frame is not None and frame.f_code is not run_rule.__code__:
            frame = frame.f_back  # type: ignore[assignment]
        if frame is None:
            return
        self._now = self._now + 1 if frame is self._during else 1
        self._during = frame
        self.most = max(self.most, self._now)


@contextlib.contextmanager
def forward_calls(operation: type[Operation] | None) -> Iterator[Calls]:
    """Count the calls of an operation's forward rule, as registered and as declared."""
    calls = Calls()
    if operation is None:
        yield calls
        return
    before, declared = operation.forward, operation._declared
    operation.forward = staticmethod(_counted(before, calls))  # type: ignore[method-assign]
    operation._declared = (_counted(declared[0], calls), declared[1])
    try:
        yield calls
    finally:
        operation.forward = staticmethod(before)  # type: ignore[method-assign]
        operation._declared = declared


def _counted(forward: Callable[..., Any], calls: Calls) -> Callable[..., Any]:
    def counted(*inputs: Any, **options: Any) -> Any:
        calls.note()
        return forward(*inputs, **options)

    counted.__code__ = counted.__code__.replace(co_filename=HIDDEN)
    return counted
