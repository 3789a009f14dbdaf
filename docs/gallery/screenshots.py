"""Screenshots for readers, made in a browser: ``python -m docs.gallery --screenshots``.

Unlike the other files here they differ from machine to machine (fonts, the browser's version), so
nothing compares them; make them anew when a picture has changed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from course_autograd import backward_of, compare, draw, ops, reset_rules, step
from docs.gallery import lectures
from docs.gallery.render import FOLDER, register_references

SHOTS = FOLDER / "screenshots"
CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
    '<body style="font: 15px/1.4 sans-serif; margin: 12px">{body}</body></html>'
)
REPORT = FOLDER.parent / "grading-demo" / "reports" / "01_chain_rule.html"


def stepping() -> str:
    """Return a stepper through y = x (x + 1)."""
    y = lectures.not_a_tree()
    y.backward()
    return step(y)._repr_html_()


def comparing() -> str:
    """Return a neuron whose exp has a wrong rule, compared."""
    right = ops.exp.backward
    try:
        backward_of(ops.exp)(lambda _ctx, grad_output: (grad_output,))
        f = lectures.staged_neuron()
        f.backward()
        return compare(f)._repr_html_()
    finally:
        backward_of(ops.exp)(right)


def drawing() -> str:
    """Return a network of 34 layers, drawn."""
    loss = lectures.thirty_four_layers(True)
    loss.backward()
    return draw(loss)._repr_html_()


def halfway(page: Page) -> None:
    """Go to the second message of the backward pass."""
    for _ in range(6):
        page.get_by_role("button", name="Next step").click()


def stay(page: Page) -> None:
    """Stay where it is."""


MADE: dict[str, tuple[Callable[[], str], Callable[[Page], None], tuple[int, int]]] = {
    "step": (stepping, halfway, (780, 300)),
    "compare": (comparing, stay, (1150, 400)),
    "draw": (drawing, stay, (1150, 420)),
}


def take() -> list[Path]:
    """Make all screenshots and return where they are."""
    SHOTS.mkdir(exist_ok=True)
    taken = []
    try:
        register_references()
        pages = {name: make() for name, (make, _, _) in MADE.items()}
    finally:
        reset_rules()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        for name, (_, act, (width, height)) in MADE.items():
            path = Path(folder, f"{name}.html")
            path.write_text(PAGE.format(title=name, body=pages[name]), encoding="utf-8")
            page = browser.new_page(viewport={"width": width, "height": height})
            page.goto(path.as_uri())
            act(page)
            taken.append(SHOTS / f"{name}.png")
            page.screenshot(path=taken[-1])
            page.close()
        if REPORT.exists():
            page = browser.new_page(viewport={"width": 1000, "height": 900})
            page.goto(REPORT.as_uri())
            taken.append(SHOTS / "report.png")
            page.screenshot(path=taken[-1])
        browser.close()
    return taken
