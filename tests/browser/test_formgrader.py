"""Formgrader, as a TA uses it: the class, one submission with our panels, and nothing that runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from class_room import ClassRoom, quiet
from nbgrader.api import Gradebook
from playwright.sync_api import Page
from small_course import ASSIGNMENT, small_course

from autograder.course import COURSE_ID, ROOT
from browser.conftest import Lab, lab
from browser.test_feedback import hostile_submission

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> ClassRoom:
    """A hostile student, graded."""
    room = ClassRoom(small_course(tmp_path_factory.mktemp("course") / "small"))
    room.hand_in("mallory", hostile_submission(room.course))
    assert room.autograde()
    return room


@pytest.fixture(scope="module")
def server(room: ClassRoom) -> Iterator[Lab]:
    with lab(room.course.root, ROOT) as running:
        yield running


def test_the_gradebook_shows_the_class(server: Lab, tab: Page) -> None:
    tab.goto(server.url("lab"))
    tab.goto(server.url(f"formgrader/gradebook/{ASSIGNMENT}"))
    tab.get_by_role("link", name=ASSIGNMENT).first.wait_for()
    assert tab.get_by_role("link", name=ASSIGNMENT).first.is_visible()


def test_a_submission_shows_our_panels_and_nothing_of_it_runs(
    room: ClassRoom, server: Lab, tab: Page
) -> None:
    with quiet(), Gradebook(room.course.db_url, COURSE_ID) as book:
        (notebook,) = book.find_submission(ASSIGNMENT, "mallory").notebooks
        address = f"formgrader/submissions/{notebook.id}"
    tab.goto(server.url("lab"))
    tab.goto(server.url(address))
    tab.get_by_text("Not right yet: mul").first.wait_for()
    tab.wait_for_timeout(500)
    assert "owned" not in tab.title()
    assert tab.get_by_text("Right: power").count()
