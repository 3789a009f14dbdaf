"""The untrusted side: what a forked child of the server does with a student's cells.

It loads the cells and answers with arrays, over two pipes of its own; standard input and output
are ``/dev/null``. Everything in here may be turned against itself by the code it loads. That is why
nothing in here knows a reference or a truth, and why what it says is read as hostile.

What a student's code finds here: `course_autograd` without the backward rules of the package but
those that the exercise asked here may rely on (`autograder.stripping`), a ``check`` that does
nothing, NumPy and much of the standard library. The walls are the process, the arrays, and the
sandbox around it.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import copy
import functools
import importlib
import inspect
import linecache
import os
import re
import signal
import sys
import time
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import course_autograd
from autograder import wire
from autograder.counting import forward_calls
from autograder.sandbox import Allowance, SandboxError, enter
from autograder.server import Begin, Wish
from autograder.stripping import Missing
from course_autograd.errors import UndoneExerciseError
from course_autograd.exercises import Case, Exercise, Observation, Trouble, exercises

NOT_FOUND = "No answer to {} was found in this notebook."
CELL_MAGICS_OF_PYTHON = ("time", "timeit", "capture", "prun", "python", "python3")
_LINE_MAGIC = re.compile(r"^(\s*)(?:[%!?].*|[\w.]+\?{1,2}\s*)$")
_ASSIGNED_MAGIC = re.compile(r"^(\s*[\w, ]+=\s*)[%!].*$")
# What matters for where a statement ends: strings, comments, brackets, a backslash at the end.
_PIECE = re.compile(
    r"""(?P<quote>"{3}|'{3})|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\#.*"""
    r"""|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<goes_on>\\$)"""
)
_TO_QUOTE = {quote: re.compile(rf"(?:[^\\]|\\.)*?{quote}") for quote in ('"' * 3, "'" * 3)}
FOR_THE_EYES = ("check", "progress", "ready", "draw", "show", "step", "compare", "tell")
SAYING = 1.0  # seconds for an error to say what it is
LONGEST_SAID = 400


class CellTimeout(BaseException):
    """A cell or a call has used up its time. No ``Exception``, so that ``except`` lets it pass."""


@dataclass
class Session:
    """What one child holds.

    Attributes
    ----------
    known : mapping
        All exercises by name.
    missing : Missing
        Knows whether a rule of the package was asked for and not there.
    names : dict
        The namespace of the student's cells.
    """

    known: Mapping[str, Exercise]
    missing: Missing
    names: dict[str, Any] = field(default_factory=dict)


# --- loading cells -------------------------------------------------------------------------


def stand_ins(names: dict[str, Any]) -> None:
    """Give the namespace what a notebook has beside Python: ``display``, ``get_ipython``."""

    class Nothing:
        """Stands for whatever is only worth looking at."""

        def __call__(self, *_: Any, **__: Any) -> None:
            return None

        def __getattr__(self, name: str) -> Nothing:
            if name.startswith("__"):
                raise AttributeError(name)
            return self

    nothing = Nothing()
    names["display"] = nothing
    names["get_ipython"] = lambda: nothing


def silence() -> None:
    """Make ``check``, ``draw`` and their like do nothing: a call must not cost any time.

    ``ready`` returns None, so that cells that are only for the eyes are passed over.
    """

    def nothing(*_: Any, **__: Any) -> None:
        """Do nothing: the judge is at work, and nobody looks at pictures."""

    silenced = {id(getattr(course_autograd, name)) for name in FOR_THE_EYES}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "course_autograd":
            for word, value in list(vars(module).items()):
                if id(value) in silenced:
                    vars(module)[word] = nothing


def import_whole_package() -> None:
    """Import what the package leaves for its first use; behind the sandbox no file can be read."""
    for name in course_autograd.__all__:
        getattr(course_autograd, name)


def keep_data() -> None:
    """Read the course's data once; behind the sandbox no file can be read."""
    kept = course_autograd.data.digits()
    course_autograd.data.digits = lambda: copy.deepcopy(kept)


def without_magics(source: str) -> str:
    """Return the code of a cell with IPython's magics and shell lines left out.

    Examples
    --------
    >>> without_magics("%matplotlib inline")
    'pass'
    """
    lines = source.split("\n")
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    if lines[first].startswith("%%"):
        words = lines[first][2:].split()
        if not words or words[0] not in CELL_MAGICS_OF_PYTHON:
            return "pass"
        lines[first] = ""
    kept, statement, continued = [], _Statement(), False
    for line in lines:
        simpler = line
        if continued:
            simpler = ""
        elif not statement.is_open:
            simpler = _ASSIGNED_MAGIC.sub(r"\1None", _LINE_MAGIC.sub(r"\1pass", line))
        if simpler == line:
            statement.take(line)
        continued = simpler != line and line.endswith("\\")
        kept.append(simpler)
    return "\n".join(kept)


@dataclass
class _Statement:
    """Whether a statement goes on in the next line, as far as its brackets and strings tell."""

    quote: str = ""
    depth: int = 0
    goes_on: bool = False

    @property
    def is_open(self) -> bool:
        return bool(self.quote) or self.depth > 0 or self.goes_on

    def take(self, line: str) -> None:
        """Read the next line."""
        self.goes_on, position = False, 0
        while True:
            known = _TO_QUOTE[self.quote].match(line, position) if self.quote else None
            if self.quote and known is None:
                return
            position, self.quote = known.end() if known else position, ""
            piece = _PIECE.search(line, position)
            if piece is None:
                return
            self.quote = piece["quote"] or ""
            self.depth = max(0, self.depth + bool(piece["open"]) - bool(piece["close"]))
            self.goes_on = piece["goes_on"] is not None
            position = piece.end()


def compiled(source: str, filename: str) -> types.CodeType:
    """Compile a cell as a notebook would: magics left out, ``await`` allowed at the top."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        code = compile(source, filename, "exec", flags=flags, dont_inherit=True)
    except SyntaxError:
        simpler = without_magics(source)
        if simpler == source:
            raise
        code = compile(simpler, filename, "exec", flags=flags, dont_inherit=True)
    assert isinstance(code, types.CodeType)
    return code


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `CellTimeout` in the block after `seconds`; the judge has the last word."""

    def ring(*_: object) -> None:
        raise CellTimeout

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def run_cell(names: dict[str, Any], source: str, label: str, seconds: float) -> dict[str, Any]:
    """Run one cell; return what went wrong as plain data, empty if nothing did."""
    filename = f"<{label}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    try:
        with time_limit(seconds):
            code = compiled(source, filename)
            result = eval(code, names)
            if code.co_flags & inspect.CO_COROUTINE:
                importlib.import_module("asyncio").run(result)  # rare, and slow to import
    except CellTimeout:
        return {"kind": "timeout", "message": f"stopped after {seconds:g} seconds"}
    except KeyboardInterrupt:
        return {"kind": "exception", "message": "KeyboardInterrupt"}
    except SystemExit:
        return {"kind": "exit", "message": "the cell ends the program (exit, quit)"}
    except BaseException as error:
        undone = type(error) is NotImplementedError or type(error) is UndoneExerciseError
        return {"kind": "undone" if undone else "exception", "message": said(error, filename)}
    return {}


def said(error: BaseException, filename: str = "") -> str:
    """Return type, message and line of an error, in one line of bounded length.

    All of them may be code of a student's: it may fail, take its time, or return anything.
    """
    try:
        with time_limit(SAYING):
            return "".join(_said(error, filename))[:LONGEST_SAID]
    except BaseException:
        return "an error that cannot be shown"


def _said(error: BaseException, filename: str) -> str:
    name = type.__dict__["__name__"].__get__(type(error))
    try:
        text = str.__str__(str(error)).strip().split("\n")[0][:300]
    except CellTimeout:
        raise
    except BaseException:
        text = ""
    line = error.lineno if isinstance(error, SyntaxError) else None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == filename:
            line = trace.tb_lineno
        trace = trace.tb_next
    where = f" (line {line} of the cell)" if line else ""
    return f"{name[:100]}{': ' if text else ''}{text}{where}"


# --- the conversation -----------------------------------------------------------------------


def load(session: Session, frame: wire.Frame, send: Callable[..., None]) -> None:
    """Run all cells, in order; say before each which one it is, and at the end what happened."""
    troubles = []
    for cell in frame.header["cells"]:
        send({"kind": "cell", "index": cell["index"]})
        trouble = run_cell(session.names, cell["source"], cell["label"], frame.header["seconds"])
        if trouble:
            troubles.append({"index": cell["index"], **trouble})
    send({"kind": "loaded", "troubles": troubles, "missed_rule": session.missing.asked})


def run_cases(session: Session, frame: wire.Frame, send: Callable[..., None]) -> None:
    """Let the student's answer to one exercise answer some cases, one after the other.

    They end early where the answer takes too long: for one case, or for all of them together.
    """
    begun = time.monotonic()
    exercise = session.known[frame.header["exercise"]]
    answer = exercise.find_answer(session.names)
    arrays = iter(frame.arrays)
    for number, (header, count) in enumerate(frame.header["cases"]):
        if number and time.monotonic() - begun > frame.header["budget"]:
            send({"kind": "enough"})
            return
        case = Case.from_wire(header, [next(arrays).copy() for _ in range(count)])
        try:
            with forward_calls(getattr(exercise, "operation", None)) as calls:
                observation = run_case(exercise, answer, case, frame.header["seconds"])
        except CellTimeout:
            send({"kind": "timeout"})
            return
        described, found = observation.to_wire()
        send({"kind": "observed", "observation": described, "calls": calls.most}, found)


def run_case(exercise: Exercise, answer: Any, case: Case, seconds: float) -> Observation:
    """Let an answer answer one case.

    Raises
    ------
    CellTimeout
    """
    if answer is None:
        return Observation(error=Trouble("missing", NOT_FOUND.format(exercise.name)))
    try:
        with time_limit(seconds):
            return exercise.run(answer, case)
    except CellTimeout:
        raise
    except BaseException as error:  # such as a KeyboardInterrupt that an answer raises
        return Observation(error=Trouble("exception", said(error)))


def serve(session: Session, read_from: int, write_to: int) -> None:
    """Answer requests until the judge closes the pipe."""
    decoder, waiting = wire.Decoder(wire.FROM_JUDGE), list[wire.Frame]()
    answers = {"load": load, "run": run_cases}
    while True:
        frame = wire.read_frame(read_from, decoder, waiting)

        def send(
            header: dict[str, Any], arrays: Sequence[Any] = (), nonce: str = frame.header["nonce"]
        ) -> None:
            wire.write_all(write_to, wire.pack({**header, "nonce": nonce}, arrays))

        answers[frame.header["kind"]](session, frame, send)


def prepare(missing: Missing) -> Begin:
    """Make everything ready that children have in common; return what each of them does then."""
    session = Session(exercises(), missing)
    import_whole_package()
    silence()
    keep_data()
    notebook = types.ModuleType("__main__")
    notebook.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = notebook
    session.names = notebook.__dict__
    stand_ins(session.names)

    def begin(wish: Wish, read_from: int, write_to: int) -> None:
        # One process answers: a copy of it made by a student's code would answer a second time.
        for end in (read_from, write_to):
            os.register_at_fork(after_in_child=functools.partial(os.close, end))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            enter(wish.level, Allowance(wish.seconds, wish.megabytes), (read_from, write_to))
        except SandboxError as error:
            wire.write_all(write_to, wire.pack({"kind": "unsafe", "message": str(error)}))
            return
        wire.write_all(write_to, wire.pack({"kind": "ready"}))
        with contextlib.suppress(wire.ClosedError):
            serve(session, read_from, write_to)

    return begin
