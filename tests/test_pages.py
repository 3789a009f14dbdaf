"""Feedback pages: nothing of a student's runs in them, and nothing unknown is copied for them."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest

from autograder.pages import FeedbackExporter, reason_against, refuse_unknown
from autograder.records import VERDICTS


def page(*cells: Any) -> str:
    """A page with these cells."""
    notebook = nbformat.v4.new_notebook(cells=list(cells))
    html, _ = FeedbackExporter(template_name="classic").from_notebook_node(notebook)
    return html[html.index("<body") :]


class Tags(HTMLParser):
    """The tags and attributes of a piece of HTML, as a browser sees them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs


def markdown(source: str) -> str:
    return page(nbformat.v4.new_markdown_cell(source))


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>document.title = 'owned'</script>",
        "<img src=x onerror=\"document.title='owned'\">",
        "[click](javascript:document.title='owned')",
        "<a href=\"javascript:document.title='owned'\">x</a>",
        "<svg onload=\"document.title='owned'\"></svg>",
        "<iframe srcdoc=\"<script>document.title='owned'</script>\"></iframe>",
        "<style>body { display: none }</style>",
        '<div style="position: fixed; inset: 0">covered</div>',
        '<form action="https://example.org"><input name=x></form>',
        '<math><mtext><script>document.title="owned"</script></mtext></math>',
    ],
)
def test_nothing_in_markdown_can_run_or_cover_the_page(hostile: str) -> None:
    body = markdown(f"before\n\n{hostile}\n\nafter")
    found = Tags()
    found.feed(body[body.index("before") : body.index("after")])
    assert not {"script", "iframe", "style", "svg", "form", "input", "math"} & found.tags
    assert not {name for name, _ in found.attributes if name.startswith("on") or name == "style"}
    assert not [value for _, value in found.attributes if "javascript:" in (value or "")]


def test_what_markdown_is_for_stays() -> None:
    body = markdown(
        "# A title\n\n$a < b$ and *this*, `code`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n1. one"
    )
    for wanted in ("<h1", "$a &lt; b$", "<em>this</em>", "<code>code</code>", "<td>1</td>", "<li>"):
        assert wanted in body


def test_the_same_cell_in_many_notebooks_is_rendered_once() -> None:
    exporter = FeedbackExporter(template_name="classic")
    cells = [nbformat.v4.new_markdown_cell("*same*"), nbformat.v4.new_code_cell("x = 1")]
    first, _ = exporter.from_notebook_node(nbformat.v4.new_notebook(cells=cells))
    count = len(exporter._rendered)
    second, _ = exporter.from_notebook_node(nbformat.v4.new_notebook(cells=cells))
    assert len(exporter._rendered) == count == 2
    assert first.count("<em>same</em>") == second.count("<em>same</em>") == 1


def test_a_picture_without_a_description_says_whose_it_is() -> None:
    picture = nbformat.v4.new_output("display_data", {"image/png": "iVBORw0KGgo="})
    assert 'alt="Picture made by' in page(nbformat.v4.new_code_cell("plot()", outputs=[picture]))


@pytest.fixture
def converter(tmp_path: Path) -> Any:
    """What nbgrader hands over: two graded submissions, of which one has a verdict."""
    folders = {}
    for student in ("ada", "mallory"):
        folder = tmp_path / "autograded" / student / "01_chain_rule"
        folder.mkdir(parents=True)
        (folder / "01_chain_rule.ipynb").write_text("{}", encoding="utf-8")
        folders[str(folder)] = [str(folder / "01_chain_rule.ipynb")]
    (tmp_path / VERDICTS).write_text(
        '{"student": "ada", "assignment": "01_chain_rule"}\n', encoding="utf-8"
    )

    def format_path(step: str, student: str, assignment: str, escape: bool = False) -> str:
        return f"{step}/{student}/{assignment}"

    coursedir = SimpleNamespace(
        db_url=f"sqlite:///{tmp_path}/gradebook.db",
        root=str(tmp_path),
        autograded_directory=str(tmp_path / "autograded"),
        assignment_id="01_chain_rule",
        format_path=format_path,
    )
    return SimpleNamespace(coursedir=coursedir, assignments=folders)


def names(converter: Any) -> list[str]:
    return [Path(folder).parent.name for folder in converter.assignments]


def test_without_a_verdict_there_is_no_feedback(
    converter: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    refuse_unknown(converter)
    assert names(converter) == ["ada"]
    assert "no feedback: mallory, 01_chain_rule: there is no verdict" in capsys.readouterr().out


def test_a_link_beside_a_graded_notebook_is_never_copied(
    converter: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "key").write_text("secret", encoding="utf-8")
    (tmp_path / "autograded/ada/01_chain_rule/innocent.txt").symlink_to(tmp_path / "key")
    refuse_unknown(converter)
    assert names(converter) == []
    assert "ada, 01_chain_rule: innocent.txt is a link" in capsys.readouterr().out


def test_plain_files_are_nothing_to_refuse(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "notes.txt").write_text("x", encoding="utf-8")
    assert reason_against(tmp_path) == ""
