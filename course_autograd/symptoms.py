"""Which mistake does an error, or a side effect, tell of?

An error comes as text: its type and message, and the line of the answer that raised it. In the
grader both come from a process that ran a student's code. So they are data: searched for words,
never run, and bounded before they arrive here.

What the mistakes are called and what is asked about them stands in `course_autograd.mistakes`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Symptom:
    """Words by which an error is known.

    Parameters
    ----------
    mistake : str
        The key of the mistake.
    words : tuple of str
        Parts of the message; all of them must occur.
    line : tuple of str
        Parts of the line of code; one of them must occur, if there are any.
    exercises : tuple of str
        The exercises in which the words mean this; all if empty.
    """

    mistake: str
    words: tuple[str, ...]
    line: tuple[str, ...] = ()
    exercises: tuple[str, ...] = ()

    def shows(self, message: str, line: str, exercise: str) -> bool:
        """Whether an error is of this kind."""
        return (
            (not self.exercises or exercise in self.exercises)
            and all(part in message for part in self.words)
            and (not self.line or any(part in line for part in self.line))
        )


# Python's and NumPy's own words, and those of the contract. The most specific ones come first.
SYMPTOMS: tuple[Symptom, ...] = (
    # Words that mean something special in one exercise.
    Symptom("left_out", ("KeyError",), exercises=("backpropagate",)),
    Symptom("returned_none", ("'NoneType' object is not iterable",), exercises=("backpropagate",)),
    Symptom("returned_none", ("'NoneType' object is not",), (".reverse()", ".sort()")),
    Symptom("axis_kinds", ("'NoneType'",), exercises=("sum",)),
    Symptom("axis_kinds", ("'int' object is not iterable",), exercises=("sum",)),
    Symptom("axis_kinds", ("'int' has no len()",), exercises=("sum",)),
    Symptom("axis", ("more dimensions than allowed by the axis remapping",)),
    Symptom(
        "rows_columns",
        ("out of bounds for axis",),
        exercises=("softmax_cross_entropy", "hinge"),
    ),
    Symptom(
        "label_everywhere",
        ("broadcast",),
        ("- labels", "-labels", "-= labels"),
        exercises=("softmax_cross_entropy",),
    ),
    Symptom("all_rows", ("broadcast to indexing result",), exercises=("hinge",)),
    Symptom("bool_array", ("to dtype('bool')",)),
    Symptom("bool_array", ("numpy boolean",)),
    Symptom("arrays_only", ("tuple index out of range",), exercises=("numeric_gradient",)),
    # One number, many numbers.
    Symptom("scalars_only", ("truth value of an array",)),
    Symptom("math_module", ("math range error",)),
    Symptom("math_module", ("can be converted to Python scalars",), ("math.", "exp(", "tanh(")),
    Symptom("math_module", ("must be real number, not",), ("math.", "exp(", "tanh(")),
    Symptom("math_module", ("OverflowError",), ("math.",)),
    Symptom(
        "not_yours",
        ("numpy.float64' object does not support item assignment",),
        (": grad_output[", ": g[", ": x[", ": y[", ": scores[", ": table["),
    ),
    Symptom("arrays_only", ("numpy.float64' object does not support item assignment",)),
    Symptom("arrays_only", ("numpy.float64' has no len()",)),
    Symptom("arrays_only", ("numpy.float64' object is not iterable",)),
    Symptom("arrays_only", ("len() of unsized object",)),
    Symptom("arrays_only", ("invalid index to scalar variable",)),
    Symptom("arrays_only", ("array is 0-dimensional",)),
    # ctx
    Symptom("append", ("append() takes exactly one argument",)),
    Symptom("ctx_whole", ("can't multiply sequence by non-int",)),
    Symptom("ctx_whole", ("'Context'",)),
    Symptom("ctx", ("list index out of range",)),
    Symptom("ctx", ("values to unpack",)),
    # What is returned.
    Symptom("returned_nothing", ("got nothing (None)",)),
    Symptom("returned_number", ("must return a scalar Tensor",)),
    Symptom("none", ("the backward rule returned None",)),
    Symptom("none", ("is None, but this input needs a gradient",)),
    Symptom("tuple", ("instead of a tuple", "a tuple with 1 gradient,")),
    Symptom("second", ("instead of a tuple",)),
    Symptom("second", ("returned 1 gradient;", "a tuple with 2 gradients")),
    Symptom("count", ("one per input. Return them in the order",)),
    Symptom("foreign_tensor", ("is a Tensor",)),
    Symptom("mask", ("dtype bool",)),
    Symptom("shape", ("A gradient always has the shape of its value",)),
    # Anything else.
    Symptom("readonly", ("read-only",)),
    Symptom("elsewhere", ("NameError",)),
    Symptom("elsewhere", ("UnboundLocalError",)),
    Symptom("product", ("for @ these shapes do not fit",)),
    Symptom("product", ("matmul: Input operand",)),
    Symptom("product", ("not aligned",)),
    Symptom("overflow", ("inf or nan",)),
    Symptom("overflow", ("OverflowError",)),
)

# "mul_backward() takes 1 positional argument but 2 were given": whose arguments are wrong?
CALL = re.compile(r"([\w.<>]{1,120})\(\) (?:takes|missing|got an unexpected)")
PRODUCTS = ("matmul", "norm_squared", "regularised_hinge")

FLAGS: tuple[tuple[str, str], ...] = (
    ("changed_grad_output", "changed_upstream"),
    ("changed_inputs", "changed_saved"),
    ("changed_ctx", "changed_saved"),
    ("second_call_differs", "random"),
    ("shares_memory", "aliased"),
)


def from_error(message: str, exercise: str, line: str = "") -> tuple[str, ...]:
    """Return the mistake an error tells of, if it tells of one.

    Parameters
    ----------
    message : str
        Its type and text, such as ``"KeyError: 'v'"``, or the sentence of the contract.
    exercise : str
        Name of the exercise: the same words mean different things in different rules.
    line : str
        The line of the answer that raised it, such as ``"line 3: x = ctx[1]"``.
    """
    for symptom in SYMPTOMS:
        if symptom.shows(message, line, exercise):
            return (symptom.mistake,)
    if message.startswith("TypeError") and (call := CALL.search(message)):
        return _wrong_arguments(call[1], exercise)
    if "broadcast" in message and "non-broadcastable output" not in message:
        return ("product" if exercise in PRODUCTS else "axis",)
    return ()


def _wrong_arguments(called: str, exercise: str) -> tuple[str, ...]:
    """Say whose arguments are wrong: those of the answer itself, or of an operation it calls."""
    *_, owner, name = "", *called.split(".")
    rules = ("forward", "backward")
    if name in (exercise, f"{exercise}_backward") or (name in rules and owner == exercise):
        return ("signature",)
    return ("constants",) if name in rules else ()


def from_flags(flags: Iterable[str]) -> tuple[str, ...]:
    """Return the mistake behind the flags: a change in place explains the flags after it."""
    raised = set(flags)
    return tuple(key for flag, key in FLAGS if flag in raised)[:1]
