"""What a notebook shows: text and figures as at home, whatever it is; nothing that could run."""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from autograder.cells import Notebook, parse_notebook
from autograder.display import (
    MOST_STEPS,
    PICTURES_OF_CELL,
    SIGNATURE,
    TEXT_OF_CELL,
    TEXT_OF_NOTEBOOK,
    Display,
    _Bounds,
    plain,
    png,
    steps,
)
from autograder.display_child import TOO_LARGE
from autograder.process import Limits
from autograder.sandbox import probe
from course_autograd import step
from course_autograd.pictures.stepper import script

SHAPES = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><g></g></svg>'
LIMITS = Limits(cell=1.0, submission=20.0, memory=600)


@pytest.fixture(scope="module")
def display() -> Iterator[Display]:
    level = probe().level
    if level is None:
        pytest.skip(probe().sentence())
    with Display(LIMITS, level) as display:
        yield display


def notebook(*sources: str) -> Notebook:
    cells = [
        {"cell_type": "code", "metadata": {}, "source": source, "outputs": []} for source in sources
    ]
    return parse_notebook({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def texts(shown: Any) -> dict[int, str]:
    return {
        index: "".join(
            one.get("text", "") + str(one.get("data", {}).get("text/plain", "")) for one in outputs
        )
        for index, outputs in shown.items()
    }


def pictures(outputs: list[dict[str, Any]]) -> list[bytes]:
    return [
        base64.b64decode(one["data"]["image/png"])
        for one in outputs
        if "image/png" in one.get("data", {})
    ]


def test_text_values_and_errors_are_shown(display: Display) -> None:
    shown = texts(
        display.show(
            notebook(
                "import sys\nprint('said')\nprint('warned', file=sys.stderr)",
                "x = 20\nx + 1",
                "1 / 0",
                "x = 5;",
                "import asyncio\nawait asyncio.sleep(0)\n'waited'",
                "%time y = x",
            )
        )
    )
    assert shown[0] == "said\nwarned\n"
    assert "21" in shown[1]
    assert "ZeroDivisionError: division by zero" in shown[2]
    assert 3 not in shown
    assert "waited" in shown[4]
    assert "Wall time" in shown[5]


def test_figures_are_shown_with_every_font(display: Display) -> None:
    shown = display.show(
        notebook(
            "import matplotlib.pyplot as plt\n"
            "figure, axes = plt.subplots(figsize=(3, 2))\n"
            "axes.plot([1, 2], label='$x^2$')\n"
            "axes.set_title('bold', weight='bold', fontsize=13.7)\n"
            "axes.set_xlabel(r'$\\frac{a}{b}$', style='italic')\naxes.legend()\n"
            "figure.tight_layout()",
            "for k in range(3):\n    plt.figure(figsize=(1, 1))\n    plt.imshow([[k, 1], [1, 0]])",
        )
    )
    assert [len(pictures(shown[index])) for index in (0, 1)] == [1, 3]
    assert all(one.startswith(SIGNATURE) for index in (0, 1) for one in pictures(shown[index]))


def test_the_course_works_as_at_home(display: Display) -> None:
    shown = texts(
        display.show(
            notebook(
                "from course_autograd import Tensor, backward_of, check, data, draw, ops",
                "@backward_of(ops.mul)\ndef mul_backward(ctx, g):\n    return g, g",
                "check(ops.mul)",
                "draw(Tensor(2.0, 'x') + 1.0)",
                "len(data.digits().images)",
            )
        )
    )
    assert "Looks like: " in shown[2]
    assert "node" in shown[3]
    assert "x" in shown[3]
    assert "1797" in shown[4]


def html_of(outputs: list[dict[str, Any]]) -> str:
    (html,) = (one["data"]["text/html"] for one in outputs if "text/html" in one["data"])
    return html


PRODUCT = "f = (Tensor(-2.0, 'x') + Tensor(5.0, 'y')) * 3.0\n"


@pytest.mark.parametrize("last", ["draw(f)", "display(draw(f))"])
def test_a_drawn_graph_is_shown_as_a_picture_with_its_description_and_table(
    last: str, display: Display
) -> None:
    shown = display.show(notebook("from course_autograd import Tensor, draw", PRODUCT + last))
    found = re.search(
        r'<img src="data:image/svg\+xml;base64,([^"]+)" alt="([^"]+)"', html_of(shown[1])
    )
    assert found is not None
    picture, alt = found.groups()
    assert base64.b64decode(picture).startswith(b"<svg")
    assert "graph" in alt
    assert "<pre" in html_of(shown[1])


@pytest.mark.parametrize("last", ["step(f)", "display(step(f))"])
def test_steps_are_shown_as_at_home(last: str, display: Display) -> None:
    setup = (
        "from course_autograd import Tensor, backward_of, ops, step\n"
        "@backward_of(ops.mul)\ndef m(ctx, g):\n    return g * ctx[1], g * ctx[0]"
    )
    shown = display.show(notebook(setup, PRODUCT + "f.backward()\n" + last))
    namespace: dict[str, Any] = {}
    exec(setup, namespace)
    exec(PRODUCT + "f.backward()", namespace)
    here = step(namespace["f"])
    assert texts(shown)[1] == repr(here)
    # The picture has been written anew; all else is the same, word by word.
    without_picture = re.compile(r'base64,[^"]+"')
    assert without_picture.sub("", html_of(shown[1])) == without_picture.sub("", here._repr_html_())


def test_descriptions_and_tables_are_text() -> None:
    sent = [{"kind": "display", "text": "</pre><script>", "svg": SHAPES, "alt": '"><script>'}]
    (shown,) = _Bounds().checked(sent)
    assert "<script>" not in shown["data"]["text/html"]
    assert "&lt;script&gt;" in shown["data"]["text/html"]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("!ls /", "shell commands are not run"),
        ("%%bash\nls", ""),
        ("input('name?')", "input() cannot be answered"),
        ("open('/etc/passwd').read()", "PermissionError"),
        ("import matplotlib.pyplot as plt\nplt.figure().savefig('x.png')", "PermissionError"),
        ("import os\nos.fork()", "PermissionError"),
    ],
)
def test_what_is_not_done_here_is_said(source: str, words: str, display: Display) -> None:
    shown = texts(display.show(notebook(source, "'afterwards'")))
    assert words in shown[0]
    assert "root:" not in shown[0]
    assert "afterwards" in shown[1]


@pytest.mark.parametrize("source", ["import os\nos._exit(0)", "while True: pass"])
def test_a_cell_that_ends_or_hangs_says_so(source: str, display: Display) -> None:
    shown = texts(display.show(notebook("'before'", source, "'after'")))
    assert "before" in shown[0]
    assert "not shown to its end" in shown[1] or "stopped after 1 seconds" in shown[1]
    assert "Not run" in shown[2] or "after" in shown[2]


def test_nothing_but_text_and_pictures_comes_back(display: Display) -> None:
    shown = display.show(
        notebook(
            "from IPython.display import HTML, SVG, Javascript, display\n"
            "display(HTML('<script>1</script>'), Javascript('1'), {'text/html': 'x'}, raw=False)",
            "class Sly:\n    def _repr_html_(self): return '<script>'\n"
            "    def _repr_png_(self): return b'<svg onload=1>'\nSly()",
            "print('\\x1b[31mred\\x1b[0m \\x00 \\ud800')",
        )
    )
    for outputs in shown.values():
        for one in outputs:
            assert set(one.get("data", {})) <= {"text/plain", "image/png"}
    assert pictures(shown[1]) == []
    assert "red" in texts(shown)[2]
    assert "\x1b" not in texts(shown)[2]


def test_much_is_shown_in_part(display: Display) -> None:
    shown = texts(display.show(notebook(*["print('x' * 50_000)"] * 15)))
    assert all(len(text) <= TEXT_OF_CELL + 100 for text in shown.values())
    assert "shown in part" in shown[0]
    assert sum(map(len, shown.values())) <= TEXT_OF_NOTEBOOK + 15 * 100


# --- what a hostile child could send -----------------------------------------------------------


def picture(width: int, height: int, more: bytes = b"") -> str:
    head = SIGNATURE + struct.pack(">I4sII", 13, b"IHDR", width, height)
    return base64.b64encode(head + more + b"IEND\xaeB`\x82").decode()


@pytest.mark.parametrize(
    "encoded",
    [
        "",
        "no base64!",
        base64.b64encode(b"<svg onload=alert(1)>").decode(),
        picture(0, 5),
        picture(100_000, 5),
        picture(5, 5, bytes(500_000)),
        picture(5, 5)[:-8],
    ],
)
def test_what_is_no_small_picture_is_left_out(encoded: str) -> None:
    assert png(encoded) == b""


def test_a_picture_is_passed_on_and_the_number_is_bounded() -> None:
    assert png(picture(5, 5))
    sent = [{"kind": "display", "text": "", "png": picture(5, 5)}] * 100
    assert len(pictures(_Bounds().checked(sent))) == PICTURES_OF_CELL


def frame(**changes: Any) -> dict[str, Any]:
    plain_frame = {"kind": "forward", "text": "q = 3", "node": 2, "receiver": None}
    return plain_frame | {"position": None, "gradient": ""} | changes


def test_steps_are_data_and_come_back_as_they_were() -> None:
    sent = [frame(), frame(kind="backward", node=2, receiver=0, position=1, gradient="∂ 18")]
    first, second = steps(sent)
    assert (first.kind, first.text, first.node) == ("forward", "q = 3", 2)
    assert (second.receiver, second.position, second.gradient) == (0, 1, "∂ 18")


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        5,
        "forward",
        {},
        frame(kind="live"),
        frame(kind=["forward"]),
        frame(kind='forward" onload="x()'),
        frame(text=None),
        frame(text="x" * 2_000),
        frame(node='0"><script>'),
        frame(node=-1),
        frame(node=True),
        frame(node=1e9),
        frame(node=10**9),
        frame(kind="backward"),
        frame(gradient=["∂ 1"]),
        frame(gradient="∂" * 100),
    ],
    ids=repr,
)
def test_one_wrong_step_and_there_is_no_stepper(wrong: Any) -> None:
    assert steps([frame(), wrong]) == []
    sent = [{"kind": "display", "text": "the steps", "svg": SHAPES, "steps": [frame(), wrong]}]
    (shown,) = _Bounds().checked(sent)
    assert shown["data"] == {"text/plain": "the steps"}


def test_words_of_steps_are_escaped_wherever_they_stand() -> None:
    live = """</li></script><script>document.title='owned'</script><img src=x onerror="x()">"""
    sent = {"kind": "display", "text": live, "svg": SHAPES, "alt": live, "name": live}
    (shown,) = _Bounds().checked([sent | {"steps": [frame(text=live, gradient=live[:60])]}])
    html = shown["data"]["text/html"]
    assert html.count("<script>") == html.count("</script>") == 1  # ours
    assert html.count("<img") == 1
    assert "onerror=&quot;" in html
    assert html.endswith(f"<script>{script()}</script></div>")


def test_too_many_steps_are_none() -> None:
    assert len(steps([frame()] * MOST_STEPS)) == MOST_STEPS
    assert steps([frame()] * (MOST_STEPS + 1)) == []


def test_steppers_count_as_pictures_and_are_bounded() -> None:
    one = {"kind": "display", "text": "", "svg": SHAPES, "steps": [frame()]}
    shown = _Bounds().checked([one] * 20)
    assert sum("text/html" in output["data"] for output in shown) == PICTURES_OF_CELL
    bounds = _Bounds()
    bounds.pictures = 100
    assert bounds.checked([one]) == []


def test_nonsense_is_left_out() -> None:
    sent: list[Any] = [None, 5, "text", [], {"kind": "display"}, {"kind": [], "text": {}}]
    outputs = _Bounds().checked(sent)
    assert all(set(one["data"]) <= {"text/plain", "image/png"} for one in outputs)


def test_control_characters_are_not_passed_on() -> None:
    assert plain("a\x07b\x1b[2Jc\td\ne") == "a�bc\td\ne"


@pytest.mark.parametrize("length", range(60))
def test_a_picture_cut_short_is_none(length: int) -> None:
    data = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + b"\0\0\0\1" * 2 + b"\0" * 40
    assert png(base64.b64encode(data[:length]).decode()) == b""


def test_large_figures_do_not_end_the_display_of_the_rest(display: Display) -> None:
    noise = (
        "import numpy as np, matplotlib.pyplot as plt\n"
        "for seed in range(11):\n"
        "    axes = plt.figure(figsize=(6, 6)).add_axes((0, 0, 1, 1))\n"
        "    axes.imshow(np.random.default_rng(seed).random((430, 430, 3)))"
    )
    shown = display.show(notebook(noise, "print('still here')"))
    assert "not shown to its end" not in str(shown[0])
    assert TOO_LARGE in str(shown[0])
    assert "still here" in shown[1][0]["text"]
