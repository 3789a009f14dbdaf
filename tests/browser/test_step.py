"""Stepping through a graph wherever a notebook is read: by mouse, by keyboard, without scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from class_room import ClassRoom, quiet
from nbconvert import HTMLExporter
from nbgrader.api import Gradebook
from playwright.sync_api import Browser, Locator, Page, expect
from small_course import ASSIGNMENT, small_course

from autograder.course import COURSE_ID, ROOT
from browser.conftest import Lab, lab
from browser.test_feedback import OWNED, feedback_of, hostile_submission, serious
from browser.test_lab import after_run, opened, texts
from course_autograd import Tensor, step

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

SETUP = """\
from course_autograd import Tensor, backward_of, ops, step

@backward_of(ops.mul)
def mul_backward(ctx, grad_output):
    x, y = ctx
    return grad_output * y, grad_output * x
"""
BRANCH = """\
x = Tensor(17.0, "x")
u = x + 1
u.name = "u"
y = x * u
y.name = "y"
y.backward()
step(y)
"""
LECTURE = """\
q = Tensor(-2.0, "x") + Tensor(5.0, "y")
q.name = "q"
f = q * Tensor(-4.0, "z")
f.name = "f"
f.backward()
step(f)
"""
STEPS = 8  # of BRANCH; LECTURE has one more


def stepper(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=f"Step by step through {name}")


def count(one: Locator) -> Locator:
    return one.get_by_text(re.compile(r"^Step \d+ of \d+: "))


def shown_gradients(one: Locator) -> list[str]:
    return one.locator("text.gradient").evaluate_all(
        "all => all.filter(one => getComputedStyle(one).visibility === 'visible')"
        ".map(one => one.textContent)"
    )


def walk_by_mouse(page: Page) -> None:
    """Step through both, one by mouse forward and back; the other does not move."""
    first, second = stepper(page, "y"), stepper(page, "f")
    expect(count(first)).to_have_text(f"Step 1 of {STEPS}: Start")
    expect(page.get_by_text("Run this cell again to step through it.").first).to_be_hidden()
    assert shown_gradients(first) == []
    expect(first.locator("text.value.away")).to_have_count(2)
    next_one = first.get_by_role("button", name="Next step")
    for i in range(2, 6):
        next_one.click()
        expect(count(first)).to_have_text(re.compile(rf"^Step {i} of {STEPS}: "))
    expect(first.locator("p[aria-live=polite]")).to_contain_text(
        "y to x: upstream 1 × local 18 = 18. x has 18 so far."
    )
    assert shown_gradients(first) == ["∂ 18", "∂ 0", "∂ 1"]
    expect(first.locator("path.wire.now[data-from]")).to_have_attribute("data-to", "3")
    next_one.click()
    next_one.click()
    assert shown_gradients(first)[0].endswith("35")
    first.get_by_role("button", name="Previous step").click()
    assert shown_gradients(first) == ["∂ 18", "∂ 17", "∂ 1"]
    first.get_by_role("button", name="Last step").click()
    expect(count(first)).to_have_text(f"Step {STEPS} of {STEPS}: End")
    expect(next_one).to_have_attribute("aria-disabled", "true")
    expect(count(second)).to_have_text(f"Step 1 of {STEPS + 1}: Start")
    first.get_by_role("button", name="First step").click()
    expect(count(first)).to_have_text(f"Step 1 of {STEPS}: Start")


def walk_by_keyboard(page: Page) -> None:
    """Step through one by keyboard alone; the focus stays where it is."""
    one = stepper(page, "f")
    one.get_by_role("button", name="First step").focus()
    for name in ("Previous", "Next"):
        page.keyboard.press("Tab")
        expect(one.get_by_role("button", name=f"{name} step")).to_be_focused()
    focused = one.get_by_role("button", name="Next step")
    for key, at in [
        ("Enter", 2),
        ("Space", 3),
        ("ArrowRight", 4),
        ("ArrowLeft", 3),
        ("End", STEPS + 1),
        ("ArrowRight", STEPS + 1),
        ("Home", 1),
        ("ArrowLeft", 1),
    ]:
        page.keyboard.press(key)
        expect(count(one)).to_have_text(re.compile(rf"^Step {at} of {STEPS + 1}: "))
        expect(focused).to_be_focused()


def here() -> list[str]:
    """The HTML that the two cells show."""
    namespace: dict[str, Any] = {}
    exec(SETUP + BRANCH + LECTURE, namespace)
    return [step(namespace[name])._repr_html_() for name in "yf"]


def notebook(*sources: str, shown: dict[int, str] | None = None) -> Any:
    """A notebook of code cells, some of which show HTML."""
    cells = []
    for i, source in enumerate(sources):
        cell = nbformat.v4.new_code_cell(source)
        if shown and i in shown:
            output = nbformat.v4.new_output("display_data", {"text/html": shown[i]})
            cell.outputs, cell.execution_count = [output], 1
        cells.append(cell)
    title = nbformat.v4.new_markdown_cell("# Steps")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return nbformat.v4.new_notebook(cells=[title, *cells], metadata=kernel)


# --- JupyterLab --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    nbformat.write(notebook(SETUP, BRANCH, LECTURE), folder / "mine.ipynb")
    first, second = here()
    theirs = notebook(SETUP, BRANCH, LECTURE, shown={1: first, 2: second})
    nbformat.write(theirs, folder / "theirs.ipynb")
    with lab(folder, ROOT) as running:
        yield running


def test_in_jupyterlab_also_after_saving_closing_and_opening_again(server: Lab, tab: Page) -> None:
    opened(tab, server, "mine.ipynb")
    assert "Error" not in texts(after_run(tab))
    walk_by_mouse(tab)
    walk_by_keyboard(tab)
    tab.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save'); }")
    tab.goto("about:blank")
    opened(tab, server, "mine.ipynb")
    walk_by_mouse(tab)
    walk_by_keyboard(tab)


def test_jupyterlab_keeps_its_shortcuts_and_the_stepper_its_own(server: Lab, tab: Page) -> None:
    opened(tab, server, "mine.ipynb")
    after_run(tab)
    active = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"
    mode = "() => window.jupyterapp.shell.currentWidget.content.mode"
    one = stepper(tab, "y")
    one.get_by_role("button", name="Next step").click()
    before = tab.evaluate(active)
    for key in ("ArrowRight", "Enter", "Space", "Home", "End", "ArrowLeft"):
        tab.keyboard.press(key)
    assert tab.evaluate(active) == before
    assert tab.evaluate(mode) == "command"
    tab.keyboard.press("ArrowDown")  # JupyterLab's: the next cell
    tab.wait_for_function(f"() => ({active})() === {before + 1}")


def test_where_the_notebook_is_not_trusted_picture_and_list_stand_there(
    server: Lab, tab: Page
) -> None:
    opened(tab, server, "theirs.ipynb")
    image = tab.get_by_role("img", name=re.compile("^Computation graph with 4 nodes: x = 17"))
    expect(image).to_be_visible()
    assert image.evaluate("image => image.naturalWidth") > 100
    assert tab.get_by_role("button", name="Next step").count() == 0
    expect(tab.get_by_text("Run this cell again to step through it.").first).to_be_visible()
    tab.get_by_text("All 8 steps as a list").click()
    expect(tab.get_by_text("u to x: upstream 17 × local 1 = 17. x: 18 + 17 = 35.")).to_be_visible()


# --- pages ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page_of_nbconvert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    first, second = here()
    exported, _ = HTMLExporter(template_name="lab").from_notebook_node(
        notebook(SETUP, BRANCH, LECTURE, shown={1: first, 2: second})
    )
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(exported, encoding="utf-8")
    return path


def test_in_a_page_of_nbconvert(page_of_nbconvert: Path, tab: Page) -> None:
    tab.goto(page_of_nbconvert.as_uri())
    walk_by_mouse(tab)
    walk_by_keyboard(tab)


def test_the_page_hears_of_all_keys_but_those_of_the_stepper(
    page_of_nbconvert: Path, tab: Page
) -> None:
    """Slides and notebooks have shortcuts of their own."""
    tab.goto(page_of_nbconvert.as_uri())
    tab.evaluate(
        "() => { window.heard = [];"
        " document.addEventListener('keydown', (event) => window.heard.push(event.key)); }"
    )
    stepper(tab, "y").get_by_role("button", name="Next step").focus()
    own = ["ArrowRight", "ArrowLeft", "Home", "End", "Enter", "Space"]
    others = ["ArrowDown", "Escape", "a", "Control+ArrowRight", "Shift+Enter"]
    for key in own + others:
        tab.keyboard.press(key)
    heard = [key for key in tab.evaluate("() => window.heard") if key not in ("Control", "Shift")]
    assert heard == ["ArrowDown", "Escape", "a", "ArrowRight", "Enter"]


@pytest.mark.parametrize("at", ["First", "Next", "Last"])
def test_a_page_of_nbconvert_is_accessible(page_of_nbconvert: Path, tab: Page, at: str) -> None:
    tab.goto(page_of_nbconvert.as_uri())
    for name in "yf":
        stepper(tab, name).get_by_role("button", name=f"{at} step").click(force=True)
    found = Axe().run(tab, {"include": [["div[data-stepper]"]]}).response
    assert found["passes"]
    assert serious(found) == []


def test_a_page_with_a_stepper_without_scripts(page_of_nbconvert: Path, chromium: Browser) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(page_of_nbconvert.as_uri())
    expect(page.locator("div[data-stepper] img").first).to_be_visible()
    assert page.locator("div[data-stepper] li").count() == 2 * STEPS + 1
    context.close()


def test_on_a_narrow_screen_the_picture_scrolls_to_what_happens(tab: Page, tmp_path: Path) -> None:
    tensor = Tensor(1.0, "x")
    for _ in range(12):
        tensor = tensor + 1
    tensor.name = "y"
    tensor.backward()
    path = tmp_path / "narrow.html"
    path.write_text(f"<!doctype html><body>{step(tensor)._repr_html_()}", encoding="utf-8")
    tab.set_viewport_size({"width": 400, "height": 700})
    tab.goto(path.as_uri())
    one = stepper(tab, "y")
    picture = one.get_by_role("group", name="Picture of this step")
    one.get_by_role("button", name="Next step").click()
    for _ in range(11):
        tab.keyboard.press("ArrowRight")
        frame = picture.bounding_box()
        active = one.locator("rect.now").bounding_box()
        assert frame is not None
        assert active is not None
        assert frame["x"] <= active["x"]
        assert active["x"] + active["width"] <= frame["x"] + frame["width"]
    assert tab.evaluate("() => document.documentElement.scrollWidth") <= 400


@pytest.mark.parametrize(("motion", "moving"), [("reduce", 0), ("no-preference", 2)])
def test_nothing_moves_for_those_who_do_not_want_it(
    motion: Any, moving: int, page_of_nbconvert: Path, tab: Page
) -> None:
    tab.emulate_media(reduced_motion=motion)
    tab.goto(page_of_nbconvert.as_uri())
    one = stepper(tab, "y")
    one.get_by_role("button", name="Last step").click()
    one.get_by_role("button", name="Previous step").click()
    names = one.locator("path.wire.now").evaluate_all(
        "all => all.map(one => getComputedStyle(one).animationName)"
    )
    assert sum(name != "none" for name in names) == moving


# --- feedback ---------------------------------------------------------------------------------

FORGED = f"""\
import base64
from course_autograd.pictures import Stepper
live = '''<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="{OWNED}">
<script>{OWNED}</script><image href="x" onerror="{OWNED}"/></svg>'''
sly = step(y)
sly.svg = live
display(sly)
words = step(y)
for one in words.frames:
    for name in ("text", "kind", "node", "gradient"):
        object.__setattr__(one, name, '''</li></script><img src=x onerror="{OWNED}">''')
words.name = words.alt = '''"><script>{OWNED}</script>'''
display(words)
page = step(y)
page.name = "again"
type(page)._repr_html_ = lambda self: '''<script>{OWNED}</script>'''
display(page)
"""
LYING = f"""\
lying = step(y)
for one in lying.frames:
    live = '''</li></script><img src=x onerror="{OWNED}"><b>all points</b>'''
    object.__setattr__(one, "text", live)
lying.alt = lying.name = '''"><img src=x onerror="{OWNED}">'''
display(lying)
"""
PICTURE = f'<svg xmlns="http://www.w3.org/2000/svg"><script>parent.{OWNED}</script></svg>'


def forged_markdown() -> str:
    """A stepper that was written by hand into an answer."""
    import base64

    data = base64.b64encode(PICTURE.encode()).decode()
    return (
        f'<div data-stepper="forged" class="stepper"><img src="data:image/svg+xml;base64,{data}" '
        f'alt="forged"><ol><li data-kind="given">x</li></ol></div>'
    )


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> ClassRoom:
    """A student with steppers, real and forged ones, beside everything that could run."""
    course = small_course(tmp_path_factory.mktemp("course") / "small")
    room = ClassRoom(course)
    submission = hostile_submission(course)
    submission.insert("power", forged_markdown(), kind="markdown")
    wide = "from course_autograd import draw\nfor _ in range(20):\n    y = y + 1\ndraw(y)"
    for code in (
        SETUP,
        BRANCH,
        LECTURE,
        FORGED,
        LYING,
        wide,
    ):
        submission.insert("power", code)
    room.hand_in("mallory", submission)
    assert room.autograde()
    assert room.feedback()
    return room


def test_in_the_feedback_page_our_steppers_work_and_nothing_else_does(
    room: ClassRoom, tab: Page
) -> None:
    tab.goto(feedback_of(room, "mallory").as_uri())
    title = tab.title()
    # y and f; one that would show itself in other ways; the one with lying words.
    assert tab.locator("div[data-stepper]").count() == 4
    for one in tab.locator("div[data-stepper]").all():
        one.get_by_role("button", name="Last step").click()
        one.get_by_role("button", name="First step").click()
    walk_by_mouse(tab)
    walk_by_keyboard(tab)
    tab.wait_for_timeout(500)
    assert tab.title() == title != "owned"
    assert tab.locator("div[data-stepper] img[src=x]").count() == 0
    assert tab.get_by_text("<b>all points</b>").count()
    assert serious(Axe().run(tab).response) == []


def test_in_formgrader_too(room: ClassRoom, tab: Page) -> None:
    with quiet(), Gradebook(room.course.db_url, COURSE_ID) as book:
        (handed_in,) = book.find_submission(ASSIGNMENT, "mallory").notebooks
        address = f"formgrader/submissions/{handed_in.id}"
    with lab(room.course.root, ROOT) as server:
        tab.goto(server.url("lab"))
        tab.goto(server.url(address))
        stepper(tab, "y").wait_for()
        walk_by_mouse(tab)
        walk_by_keyboard(tab)
        assert "owned" not in tab.title()


def test_the_canary_sings_where_such_a_picture_is_put_into_a_page(
    tab: Page, tmp_path: Path
) -> None:
    careless = tmp_path / "page.html"
    careless.write_text(f"<title>a page</title><body>{PICTURE}", encoding="utf-8")
    tab.goto(careless.as_uri())
    tab.wait_for_function("() => document.title === 'owned'")


def test_the_script_itself_takes_shapes_and_words_only(tab: Page, tmp_path: Path) -> None:
    """Also where nobody has looked at the picture before: at home."""
    tensor = Tensor(1.0, "x") + 1
    one = step(tensor)
    live = (
        f'<script>{OWNED}</script><image href="x" onerror="{OWNED}"/><g onclick="{OWNED}" id="own" '
        f'style="fill: red"><a href="javascript:x()"><text>a</text></a></g><foreignObject><img '
        f'xmlns="http://www.w3.org/1999/xhtml" src="x" onerror="{OWNED}"/></foreignObject></svg>'
    )
    one.svg = one.svg.replace("</svg>", live)
    path = tmp_path / "page.html"
    path.write_text(f"<title>a page</title><body>{one._repr_html_()}", encoding="utf-8")
    tab.goto(path.as_uri())
    stepper(tab, "v1").get_by_role("button", name="Next step").click()
    tab.wait_for_timeout(300)
    assert tab.title() == "a page"
    inside = tab.locator("div[data-stepper] svg")
    assert inside.locator("script, image, a, foreignObject, [id], [onclick], g[style]").count() == 0
