"""The student notebooks in JupyterLab, as students open them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from autograder.cells import solution_cells
from autograder.course import COURSE, ROOT
from autograder.sample_class import fill
from browser.conftest import Lab, lab

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

READY = """async () => {
    const app = window.jupyterapp;
    await app.restored;
    const notebook = app.shell.currentWidget;
    await notebook.context.ready;
    await notebook.sessionContext.ready;
    await notebook.sessionContext.session.kernel.info;
}"""
RUN = "async () => { await window.jupyterapp.commands.execute('notebook:run-all-cells'); }"
CELLS = """() => {
    const cells = window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells;
    return cells.map(cell => JSON.parse(JSON.stringify(cell.toJSON())));
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab in a folder with all student notebooks, untouched and filled in."""
    folder = tmp_path_factory.mktemp("lab")
    for name in COURSE.names():
        shutil.copy(COURSE.assignment(name), folder / f"{name}.ipynb")
        released = json.loads(COURSE.assignment(name).read_text(encoding="utf-8"))
        done = fill(released, solution_cells(COURSE.reference(name)))
        (folder / f"{name}_done.ipynb").write_text(json.dumps(done), encoding="utf-8")
    with lab(folder, ROOT) as running:
        yield running


def opened(tab: Page, server: Lab, path: str) -> None:
    """Open a notebook and wait until its kernel answers."""
    workspace = Path(path).stem.replace("_", "-")
    tab.goto(server.url(f"lab/workspaces/auto-{workspace}/tree/{path}?reset"))
    tab.wait_for_function("() => window.jupyterapp && window.jupyterapp.shell.currentWidget")
    tab.evaluate(READY)


def after_run(tab: Page) -> list[dict[str, Any]]:
    """Run all cells; return them with their outputs."""
    tab.set_default_timeout(120_000)
    tab.evaluate(RUN)
    cells: list[dict[str, Any]] = tab.evaluate(CELLS)
    return cells


def texts(cells: list[dict[str, Any]]) -> str:
    """All that the cells print and show as text."""
    found = []
    for cell in cells:
        for output in cell.get("outputs", []):
            found.append("".join(output.get("text", "")))
            found.append("".join(output.get("data", {}).get("text/plain", "")))
            found.append(str(output.get("evalue", "")))
    return "\n".join(found)


@pytest.mark.parametrize("name", COURSE.names())
def test_a_filled_in_notebook_shows_pictures_and_check_says_right(
    name: str, server: Lab, tab: Page
) -> None:
    opened(tab, server, f"{name}_done.ipynb")
    cells = after_run(tab)
    errors = [one for cell in cells for one in cell.get("outputs", []) if "ename" in one]
    assert errors == []
    assert texts(cells).count(": right") >= 5
    shown = ".jp-OutputArea-output svg, .jp-OutputArea-output img"
    assert tab.evaluate(f"() => document.querySelectorAll('{shown}').length") >= 1


def test_an_untouched_notebook_says_what_is_to_be_written(server: Lab, tab: Page) -> None:
    name = COURSE.names()[0]
    opened(tab, server, f"{name}.ipynb")
    tab.evaluate(
        "async () => { try { await window.jupyterapp.commands.execute('notebook:run-all-cells') }"
        " catch (error) {} }"
    )
    said = texts(tab.evaluate(CELLS))
    assert "NotImplementedError" in said or "not written yet" in said


def test_the_validate_button_answers(server: Lab, tab: Page) -> None:
    opened(tab, server, f"{COURSE.names()[0]}_done.ipynb")
    tab.get_by_role("button", name="Validate", exact=True).click()
    dialog = tab.locator(".jp-Dialog")
    dialog.get_by_text("Validation Results").wait_for(timeout=120_000)
    assert "Success" in dialog.inner_text()
