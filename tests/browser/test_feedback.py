"""The pages that students and TAs read, in a browser: nothing in them runs, and all can be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from class_room import ClassRoom
from playwright.sync_api import Page
from small_course import ASSIGNMENT, Submission, small_course

from autograder.course import Course
from autograder.report import write

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

OWNED = "document.title = 'owned'"
MARKDOWN = [
    f'<img src=x onerror="{OWNED}">',
    f"<script>{OWNED}</script>",
    f"[a link](javascript:{OWNED.replace(' ', '%20')})",
    f'<a href="javascript:{OWNED}">another</a>',
    f'<svg onload="{OWNED}"><script>{OWNED}</script></svg>',
    f'<iframe srcdoc="<script>parent.{OWNED}</script>"></iframe>',
    f'<details ontoggle="{OWNED}" open>x</details>',
]
SHOW = "from IPython.display import HTML, Javascript, display\n"
CODE = [
    f'{SHOW}display(HTML("""<script>{OWNED}</script>"""))',
    f'{SHOW}Javascript("""{OWNED}""")',
    f'print("""<script>{OWNED}</script><img src=x onerror="{OWNED}">""")',
    f'class Shown:\n    def _repr_html_(self): return """<img src=x onerror="{OWNED}">"""\n'
    f'    def _repr_svg_(self): return """<svg onload="{OWNED}"></svg>"""\nShown()',
    f'raise ValueError("""<script>{OWNED}</script>""")',
]
WRONG = (
    "@backward_of(ops.mul)\ndef m(ctx, grad_output):\n    x, y = ctx\n"
    f"    print('''<img src=x onerror=\"{OWNED}\">''')\n    return y, x"
)


def hostile_submission(course: Course) -> Submission:
    """A submission that tries to run something wherever it is shown."""
    hostile = Submission(course).solve().write(mul=WRONG)
    for text in MARKDOWN:
        hostile.insert("mul", text, kind="markdown")
    for code in CODE:
        hostile.insert("mul", code)
    return hostile


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> ClassRoom:
    """One hostile student and one honest one, graded, with feedback and report."""
    course = small_course(tmp_path_factory.mktemp("course") / "small")
    room = ClassRoom(course)
    room.hand_in("mallory", hostile_submission(course))
    room.hand_in("ana", Submission(course).solve("by_hand", "power"))
    assert room.autograde()
    assert room.feedback()
    write(ASSIGNMENT, course)
    return room


def feedback_of(room: ClassRoom, student: str) -> Path:
    folder = room.course.grading_folder / "feedback" / student / ASSIGNMENT
    return folder / f"{ASSIGNMENT}.html"


@pytest.mark.parametrize("hostile", [MARKDOWN[0], MARKDOWN[1], MARKDOWN[4], MARKDOWN[6]])
def test_the_same_would_run_where_nobody_takes_care(
    hostile: str, tab: Page, tmp_path: Path
) -> None:
    careless = tmp_path / "page.html"
    careless.write_text(f"<title>a page</title><body>{hostile}</body>", encoding="utf-8")
    tab.goto(careless.as_uri())
    tab.wait_for_function("() => document.title === 'owned'")


def test_nothing_of_a_hostile_notebook_runs_in_the_feedback(room: ClassRoom, tab: Page) -> None:
    said: list[str] = []
    tab.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    tab.goto(feedback_of(room, "mallory").as_uri())
    title = tab.title()
    for link in tab.get_by_text("a link").all() + tab.get_by_text("another").all():
        link.click(force=True, no_wait_after=True)
    tab.wait_for_timeout(500)
    assert tab.title() == title != "owned"
    assert said == []
    assert tab.get_by_text("Not right yet: mul").count()
    assert tab.get_by_text("Right: power").count()


def test_the_honest_one_sees_panels_and_table(room: ClassRoom, tab: Page) -> None:
    tab.goto(feedback_of(room, "ana").as_uri())
    assert tab.get_by_text("Right: power").first.is_visible()
    assert tab.get_by_text("Not done: mul").first.is_visible()


def serious(found: dict[str, Any]) -> list[str]:
    """What axe-core finds serious or critical, and where."""
    return [
        f"{one['id']}: {one['help']} ({[node['target'] for node in one['nodes'][:3]]})"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]


def test_the_class_report_is_accessible(room: ClassRoom, tab: Page) -> None:
    tab.goto((room.course.grading_folder / "reports" / f"{ASSIGNMENT}.html").as_uri())
    assert tab.get_by_role("heading", level=1).inner_text() == f"{ASSIGNMENT}: the class"
    assert serious(Axe().run(tab).response) == []


@pytest.mark.parametrize("student", ["ana", "mallory"])
def test_the_feedback_is_accessible(room: ClassRoom, tab: Page, student: str) -> None:
    tab.goto(feedback_of(room, student).as_uri())
    assert serious(Axe().run(tab).response) == []


def test_the_list_of_points_names_the_exercises(room: ClassRoom, tab: Page) -> None:
    tab.goto(feedback_of(room, "ana").as_uri())
    assert tab.get_by_role("link", name="Check of mul").is_visible()
    assert not tab.get_by_text("Test cell").count()
