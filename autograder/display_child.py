"""The untrusted side of the display run: a student's whole notebook, run for the eyes.

Like a notebook's kernel, without one: IPython runs the cells, and text and figures are sent back.
Nothing of it ever counts. As in `autograder.child`, everything is imported and warmed before the
walls go up: fonts, too, since no file can be opened afterwards.
"""

from __future__ import annotations

import base64
import builtins
import contextlib
import dataclasses
import functools
import importlib
import io
import os
import signal
import sys
import types
from pkgutil import iter_modules
from typing import Any, NoReturn

import matplotlib as mpl
import matplotlib.pyplot as plt
from IPython.core import async_helpers
from IPython.core import magics as magics_folder
from IPython.core.displayhook import DisplayHook
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from matplotlib import font_manager
from matplotlib import ft2font as freetype
from traitlets.config import Config

import course_autograd
from autograder import wire
from autograder.child import CellTimeout, import_whole_package, keep_data, time_limit
from autograder.sandbox import Allowance, SandboxError, enter
from autograder.server import Begin, Wish
from course_autograd import checking
from course_autograd.pictures import Compared, Drawing, Picture, Stepper

DOTS_PER_INCH = 72
LONGEST = 60_000  # characters of a stream that are sent; fewer are shown
MOST_FIGURES = 12
MOST_SENT = 3_000_000  # characters of a cell's figures, and as many again of what it displays
TOO_LARGE = "A picture is not shown: those of this cell are too large together."
FORMATS = ("text/plain", "image/png")
VECTOR, ALT = "image/svg+xml", "text/vnd.alt"
STEPS, NAME = "application/vnd.steps+json", "text/vnd.name"
LARGEST = 200_000  # characters of a drawing


class RefusedError(RuntimeError):
    """Something that a notebook may do at home, and not here."""


class Shown(DisplayHook):
    """Shows the value of a cell's last line as ``display`` would, pictures and all."""

    def write_output_prompt(self) -> None:
        """Write nothing: there is no terminal."""

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        """Hand on what the value looks like."""
        assert self.shell is not None
        self.shell.display_pub.publish(data=format_dict, metadata=md_dict or {})

    def finish_displayhook(self) -> None:
        """Write nothing."""


def shell_for_display() -> Any:
    """Return an IPython that keeps nothing, and opens nothing."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    config.InteractiveShell.xmode = "Plain"
    config.InteractiveShell.cache_size = 0
    shell: Any = InteractiveShell.instance(config=config, displayhook_class=Shown)
    shell.display_formatter.active_types = list(FORMATS)
    # The course's own pictures show themselves as HTML at home; here only pictures are passed on.
    shell.display_formatter.formatters["image/png"].for_type(Picture, lambda one: one.png)
    bundles = shell.display_formatter.mimebundle_formatter
    bundles.for_type(Drawing, lambda one: {"text/plain": one.table, VECTOR: one.svg, ALT: one.alt})
    bundles.for_type(Compared, lambda one: {"text/plain": repr(one), VECTOR: one.svg, ALT: one.alt})
    bundles.for_type(Stepper, stepping)

    def refused(*_: Any, **__: Any) -> NoReturn:
        raise RefusedError("shell commands are not run where notebooks are graded")

    shell.system = refused
    shell.getoutput = refused
    return shell


def stepping(one: Stepper) -> dict[str, Any]:
    """Return a stepper as plain data: the trusted side makes a page of it, with its own script."""
    return {
        "text/plain": repr(one),
        VECTOR: one.svg,
        ALT: one.alt,
        NAME: one.name,
        STEPS: [dataclasses.asdict(frame) for frame in one.frames],
    }


def no_input(*_: Any) -> NoReturn:
    """Say that nobody is there to answer."""
    raise RefusedError("input() cannot be answered where notebooks are graded")


def leave_points_to_the_judge() -> None:
    """Let ``progress`` say where the points stand: a count of its own would only be another one."""

    def progress(*_: Any, **__: Any) -> None:
        """Say where the points stand."""
        print("Your points stand in the table at the top, and below each check.")

    vars(course_autograd)["progress"] = progress
    vars(checking)["progress"] = progress


def keep_fonts() -> None:
    """Let matplotlib read its fonts from memory.

    It opens them anew in every forked process, since a file's position would be shared; behind the
    walls it cannot.
    """
    kept: dict[Any, bytes] = {}
    for name in font_manager.findSystemFonts([mpl.get_data_path()]):
        with open(name, "rb") as file:  # noqa: PTH123
            kept[name] = kept[os.path.realpath(name)] = file.read()
    is_file, exists = os.path.isfile, os.path.exists
    # A path of matplotlib's is a text that is equal to no other text; a part of it is a plain one.
    os.path.isfile = lambda path: _plain(path) in kept or is_file(path)
    os.path.exists = lambda path: _plain(path) in kept or exists(path)
    from_file = freetype.FT2Font

    def font(path: Any, **options: Any) -> Any:
        data = kept.get(_plain(path))
        return from_file(path if data is None else io.BytesIO(data), **options)

    vars(font_manager)["ft2font"] = types.SimpleNamespace(**{**vars(freetype), "FT2Font": font})


def _plain(path: Any) -> Any:
    return path[:] if isinstance(path, str) else path


def warm_up(shell: Any) -> None:
    """Load whatever figures and tracebacks need later."""
    figure, axes = plt.subplots(1, 2)
    axes[0].plot([1, 2], label="$x^2$")
    axes[0].set_title(r"a $\frac{\partial L}{\partial x}$", weight="bold", style="italic")
    axes[0].set_xlabel("mono", family="monospace")
    axes[0].legend()
    axes[1].imshow([[0.0, 1.0], [1.0, 0.0]], cmap="gray")
    figure.colorbar(axes[1].images[0])
    figure.tight_layout()
    plt.subplots(layout="constrained")[1].contourf([[0.0, 1.0], [2.0, 3.0]])
    axes = plt.subplots()[1]
    axes.hist([1.0, 2.0])
    axes.scatter([1.0], [2.0])
    axes.bar(["a"], [1.0])
    axes.set_yscale("log")
    axes.annotate("here", (1.0, 2.0), (2.0, 3.0), arrowprops={"arrowstyle": "->"})
    figures()
    with capture_output():
        shell.run_cell("1 / 0")
        shell.run_cell("import asyncio\nawait asyncio.sleep(0)\n1 + 1")
        shell.run_cell("%matplotlib inline")
    shell.reset(new_session=False)


def figures() -> list[str]:
    """Return the open figures as PNG in base64, and close them."""
    found = []
    left = MOST_SENT
    for number in plt.get_fignums()[:MOST_FIGURES]:
        buffer = io.BytesIO()
        plt.figure(number).savefig(buffer, format="png", dpi=DOTS_PER_INCH, bbox_inches="tight")
        picture = base64.b64encode(buffer.getvalue()).decode()
        left -= len(picture)
        if left < 0:
            print(TOO_LARGE)
            break
        found.append(picture)
    plt.close("all")
    return found


def run(shell: Any, source: str, seconds: float) -> list[dict[str, Any]]:
    """Run one cell; return what it shows, as plain data."""
    shown: list[dict[str, Any]] = []
    pictures: list[str] = []
    with capture_output() as captured:
        try:
            with time_limit(seconds):
                done = shell.run_cell(source, store_history=False)
                if isinstance(done.error_in_exec, CellTimeout):
                    print(f"stopped after {seconds:g} seconds")
                pictures = figures()
        except CellTimeout:
            print(f"stopped after {seconds:g} seconds")
        except BaseException as error:
            print(f"{type(error).__name__}")
    for name in ("stdout", "stderr"):
        text = getattr(captured, name)
        if text:
            shown.append({"kind": name, "text": text[:LONGEST]})
    left = MOST_SENT
    for output in captured.outputs[:MOST_FIGURES]:
        picture = output.data.get("image/png")
        if isinstance(picture, bytes):
            picture = base64.b64encode(picture).decode()
        picture = str(picture or "")
        text = str(output.data.get("text/plain", ""))[:LONGEST]
        left -= len(picture)
        if picture and left < 0:
            picture, text = "", TOO_LARGE
        drawing, alt, name = (str(output.data.get(one, "")) for one in (VECTOR, ALT, NAME))
        found: dict[str, Any] = {"kind": "display", "text": text, "png": picture}
        if 0 < len(drawing) <= LARGEST:
            found |= {"svg": drawing, "alt": alt[:LONGEST]}
            if STEPS in output.data:
                found |= {"steps": output.data[STEPS], "name": name[:LONGEST]}
        shown.append(found)
    return shown + [{"kind": "display", "text": "a figure", "png": one} for one in pictures]


def prepare(_missing: object) -> Begin:
    """Make everything ready that children have in common; return what each of them does then."""
    mpl.use("Agg")
    import_whole_package()
    magics = [
        f"{magics_folder.__name__}.{one.name}" for one in iter_modules(magics_folder.__path__)
    ]
    for name in (
        "networkx",
        "IPython.utils.timing",
        "matplotlib_inline.backend_inline",
        "mpl_toolkits.mplot3d",
        *magics,
    ):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    keep_data()
    leave_points_to_the_judge()
    keep_fonts()
    shell = shell_for_display()
    warm_up(shell)
    builtins.input = no_input

    def begin(wish: Wish, read_from: int, write_to: int) -> None:
        for end in (read_from, write_to):
            os.register_at_fork(after_in_child=functools.partial(os.close, end))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            enter(wish.level, Allowance(wish.seconds, wish.megabytes), (read_from, write_to))
        except SandboxError as error:
            wire.write_all(write_to, wire.pack({"kind": "unsafe", "message": str(error)}))
            return
        vars(async_helpers)["_asyncio_event_loop"] = None  # its descriptors have been closed
        wire.write_all(write_to, wire.pack({"kind": "ready"}))
        decoder, waiting = wire.Decoder(wire.FROM_JUDGE), list[wire.Frame]()
        with contextlib.suppress(wire.ClosedError):
            while True:
                asked = wire.read_frame(read_from, decoder, waiting).header
                shown = run(shell, asked["source"], asked["seconds"])
                sys.stdout.flush()
                reply = {"kind": "shown", "nonce": asked["nonce"], "outputs": shown}
                wire.write_all(write_to, wire.pack(reply))

    return begin
