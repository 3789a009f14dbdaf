"""The warm server: a fresh program that has imported what answers need, and forks a child for each.

It is executed anew (never forked from the judge), reads no submission and runs no code of a
student's. On its only socket it answers three requests, one after the other: fork a child, end a
child, and the end of the line. A child is a copy of it that has closed that socket, has put up the
sandbox, and then talks to the judge over two pipes of its own (`autograder.child`).

A child is reaped only when the judge asks for its end, so that no pid is used twice meanwhile.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import re
import shutil
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from autograder.sandbox import identity
from autograder.stripping import Stripper

# The folder with the package is in the path only as long as it takes to import it.
COMMAND = "import sys; sys.path.insert(0, sys.argv[1]); from autograder.server import main; main()"

# What a server's children do: answer questions, or show what a notebook shows.
ROLES = {"child": "autograder.child", "display": "autograder.display_child"}

LENGTH = struct.Struct("<I")
LONGEST = 1_000_000  # bytes of one request or reply
STARTING = 50.0  # seconds for what every child needs
NOT_BEGUN = 97  # exit status

# What cells import, and what Python itself imports late: nothing can be read from the disk once
# the sandbox is up. Networks, processes and user interfaces are left out; they are of no use there.
STANDARD = (
    *("abc", "array", "ast", "asyncio", "base64", "bdb", "binascii", "bisect", "builtins"),
    *("calendar", "cmath", "code", "codecs", "codeop", "collections", "collections.abc"),
    *("concurrent.futures", "concurrent.futures.thread", "contextlib", "contextvars", "copy"),
    *("copyreg", "csv", "ctypes", "dataclasses", "datetime", "decimal", "difflib", "dis"),
    *("doctest", "enum", "errno", "fractions", "functools", "gc", "getpass", "glob", "graphlib"),
    *("gzip", "hashlib", "heapq", "hmac", "html", "html.parser", "importlib"),
    *("importlib.metadata", "importlib.resources", "importlib.util", "inspect", "io"),
    *("itertools", "json", "keyword", "linecache", "locale", "logging", "math", "numbers"),
    *("operator", "os", "os.path", "pathlib", "pdb", "pickle", "pkgutil", "platform", "pprint"),
    *("profile", "queue", "random", "re", "reprlib", "resource", "sched", "secrets", "shlex"),
    *("shutil", "signal", "statistics", "string", "stringprep", "struct", "subprocess", "sys"),
    *("sysconfig", "tempfile", "textwrap", "threading", "time", "timeit", "token", "tokenize"),
    *("traceback", "types", "typing", "unicodedata", "unittest", "unittest.mock", "urllib.parse"),
    *("uuid", "warnings", "weakref", "zipfile", "zlib", "zoneinfo"),
)
# Python's own, behind its back: `time.strptime`, and the like.
BEHIND = ("_strptime", "_compat_pickle", "_weakrefset", "multiprocessing.util")
CODECS = (
    *("utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1", "ascii", "cp1252", "charmap", "idna"),
    *("punycode", "unicode_escape", "raw_unicode_escape", "hex", "base64", "rot13"),
)
SCIENTIFIC = (
    *("numpy", "numpy.linalg", "numpy.random", "numpy.fft", "numpy.polynomial", "numpy.testing"),
    *("numpy.char", "numpy.ctypeslib", "numpy.dtypes", "numpy.exceptions", "numpy.ma", "numpy.rec"),
    *("numpy.lib.stride_tricks", "numpy.strings", "numpy.typing"),
)

# Further modules that a notebook may name: Python's own, and these packages where they exist.
PACKAGES = ("numpy", "scipy", "matplotlib", "networkx", "pandas", "sympy", "mpl_toolkits", "PIL")
# Importing these does something, or takes long: they open a browser or windows, or run tests.
NEVER = frozenset({"antigravity", "ensurepip", "idlelib", "lib2to3", "test", "this", "turtledemo"})
NEVER |= {"tkinter", "turtle", "venv", "distutils", "pip"}
_PART = re.compile(r"(?!_|tests?$|conftest)[A-Za-z0-9]\w*")


def importable(name: str) -> bool:
    """Whether a module named by a notebook may be imported for it, before the sandbox is up.

    Examples
    --------
    >>> importable("scipy.special"), importable("json.__main__"), importable("antigravity")
    (True, False, False)
    """
    parts = name.split(".")
    if not name.isascii() or len(name) > 100 or not all(map(_PART.fullmatch, parts)):
        return False
    known = parts[0] in sys.stdlib_module_names or parts[0] in PACKAGES
    return known and not NEVER.intersection(parts)


@dataclass(frozen=True)
class Wish:
    """What one child is to be like, as the judge sends it.

    Attributes
    ----------
    level : str
        The sandbox: a level of `autograder.sandbox`.
    seconds : int
        Processor time.
    megabytes : int
        Address space beyond the server's own.
    modules : tuple of str
        To be imported before the sandbox is up, where they exist and are `importable`.
    importing : float
        Seconds for that.
    """

    level: str
    seconds: int
    megabytes: int
    modules: tuple[str, ...] = ()
    importing: float = 3.0


Begin = Callable[[Wish, int, int], None]


# --- the socket, both sides -----------------------------------------------------------------


def send(line: socket.socket, message: dict[str, Any], ends: Sequence[int] = ()) -> None:
    """Send one message, with descriptors."""
    data = json.dumps(message).encode()
    data = LENGTH.pack(len(data)) + data
    sent = socket.send_fds(line, [data], list(ends)) if ends else line.send(data)
    line.sendall(data[sent:])


def receive(line: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Receive one message and its descriptors.

    Raises
    ------
    EOFError
        If the other side has gone.
    """
    data, ends, _, _ = socket.recv_fds(line, LENGTH.size, 2)
    while True:
        length = LENGTH.unpack_from(data)[0] if len(data) >= LENGTH.size else 0
        missing = LENGTH.size + length - len(data)
        if length > LONGEST:
            raise EOFError("the line is broken")
        if not missing:
            message = json.loads(data[LENGTH.size :])
            assert isinstance(message, dict)
            return message, ends
        more = line.recv(missing) if data else b""
        if not more:
            raise EOFError("the other side has gone")
        data += more


# --- the server ------------------------------------------------------------------------------


def serve(line: socket.socket, begin: Begin) -> None:
    """Fork and end children until the judge has gone.

    Parameters
    ----------
    line : socket
        The control socket.
    begin : callable
        What a child does with its wish and its two ends; it puts up the sandbox itself.
    """
    children: set[int] = set()
    while True:
        try:
            request, ends = receive(line)
        except (EOFError, OSError):
            break
        if request.pop("do") == "fork":
            wish = Wish(**{**request, "modules": tuple(request["modules"])})
            pid = os.fork()
            if not pid:
                line.close()
                be_a_child(wish, ends, begin)
            children.add(pid)
            for end in ends:
                os.close(end)
            reply = {"pid": pid}
        else:
            children.remove(request["pid"])
            reply = {"status": reap(request["pid"])}
        try:
            send(line, reply)
        except OSError:
            break
    for pid in children:
        reap(pid)


def reap(pid: int) -> int:
    """End a child and its group; return its exit code, told as `subprocess` tells it.

    A process that is ending already keeps the exit code it ends with.
    """
    for kill in (os.killpg, os.kill):  # it leads a group of its own, once it has begun
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def be_a_child(wish: Wish, ends: Sequence[int], begin: Begin) -> None:
    """Live the life of a child; never return."""
    try:
        os.setsid()
        os.dup2(1, 2)  # the server's own complaints go elsewhere
        import_all(wish.modules, wish.importing)
        if sys.platform == "linux":
            identity.end_with_parent()
        begin(wish, *ends)
        os._exit(0)
    finally:
        os._exit(NOT_BEGUN)


def import_all(names: Sequence[str], seconds: float = STARTING) -> None:
    """Import the modules named that may be, exist and do not fail, as long as there is time."""
    latest = time.monotonic() + seconds

    def too_long(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        for name in filter(importable, names):
            with contextlib.suppress(Exception, SystemExit):
                importlib.import_module(name)
            if time.monotonic() > latest:
                break
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def preload(names: Sequence[str]) -> None:
    """Import whatever a child may need later, and let Python load its codecs."""
    for name in BEHIND:
        with contextlib.suppress(ImportError):  # another version of Python has others
            importlib.import_module(name)
    import_all((*STANDARD, *SCIENTIFIC, *names))
    for codec in CODECS:
        with contextlib.suppress(LookupError):
            "".encode(codec)
    with contextlib.suppress(Exception):
        importlib.import_module("asyncio").run(_nothing())


async def _nothing() -> None:
    return None


def main() -> None:
    """Begin: ``python -c COMMAND ROOT SOCKET JSON``; JSON: kept, modules, role, folder."""
    root, descriptor, settings = sys.argv[1:4]
    asked = json.loads(settings)
    try:
        begin = make_ready(root, asked["kept"], asked["modules"], asked["role"])
        line = socket.socket(fileno=int(descriptor))
        send(line, {"ready": True})
        serve(line, begin)
    finally:  # the judge may have been killed; a child never comes here
        os.chdir("/")
        shutil.rmtree(asked["folder"], ignore_errors=True)


def make_ready(root: str, kept: Sequence[str] | None, modules: Sequence[str], role: str) -> Begin:
    """Import all that children need, and forget what is the grader's."""
    stripper = Stripper(kept)
    if role == "child":  # who only shows a notebook has the whole package, as at home
        stripper.install()
    preload(modules)
    child = importlib.import_module(ROLES[role])  # imports the package: hence not before
    begin: Begin = child.prepare(stripper.missing)
    sys.path.remove(root)
    if role == "child":
        sys.meta_path.remove(stripper)
    for name in [name for name in sys.modules if name.split(".")[0] == "autograder"]:
        del sys.modules[name]
    sys.argv = [""]
    sys.modules["linecache"].clearcache()
    gc.collect()
    gc.freeze()  # a child's collector does not touch, and so does not copy, what is here already
    return begin
