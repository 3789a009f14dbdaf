"""Walls around a process that runs a student's code, each of them tried before it is relied on."""

from autograder.sandbox.bubblewrap import wrapped
from autograder.sandbox.kernel import SandboxError
from autograder.sandbox.levels import (
    LEVELS,
    STRICT,
    Allowance,
    Found,
    UnsafeError,
    enter,
    probe,
    require,
)

__all__ = [
    "LEVELS",
    "STRICT",
    "Allowance",
    "Found",
    "SandboxError",
    "UnsafeError",
    "enter",
    "probe",
    "require",
    "wrapped",
]
