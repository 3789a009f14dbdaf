"""Feedback pages: nbconvert's HTML, for submissions that this course's grader has passed.

nbgrader copies what lies beside a graded notebook into the feedback, and follows links while it
does. So what it may touch is decided here, when its exporter is made: before any copy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bleach
from jinja2 import pass_context
from nbconvert.exporters import HTMLExporter, TemplateExporter
from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.filters.widgetsdatatypefilter import WidgetsDataTypeFilter
from nbgrader.converters import GenerateFeedback

from autograder.cells import printable
from autograder.guard import pass_on
from autograder.records import Records

_WITHOUT_ALT = re.compile(r"<img(?![^>]*\balt=)")
NO_DESCRIPTION = '<img alt="Picture made by the student\'s code"'
# nbgrader's list of points calls every check "Test cell"; its grade id tells which it is.
_TEST_CELL = re.compile(r'(<a href="#check-([\w-]+)">)Test cell</a>')
# What nbgrader's page lacks for everybody to read it: a language, contrast, links that show, long
# lines of code that need no scrolling.
_STYLE = """<style>
.panel a, a.anchor-link, .rendered_html a { color: #1b4f8a; text-decoration: underline; }
.panel-primary > .panel-heading .pull-right a { color: #ffffff !important; }
.panel-primary > .panel-heading { background-color: #1b4f8a; }
.panel-primary > .panel-heading code { color: #7d1128; }
.highlight .ne, .highlight .nn, .highlight .ni { color: #8f1d14; }
.highlight .c1, .highlight .ch, .highlight .cm, .highlight .sd { color: #2f5f5f; }
summary { display: list-item; cursor: pointer; color: #1b4f8a; }
.highlight pre { white-space: pre-wrap; overflow-wrap: anywhere; }
.highlight .o, .highlight .ow, .highlight .nd { color: #5b3a9e; }
</style>
</head>"""
# What markdown may become. Nothing here can run, fetch from elsewhere, or cover the page.
TAGS = frozenset(
    """
    a abbr b blockquote br code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img li ol p pre s
    span strong sub summary sup table tbody td tfoot th thead tr tt ul
    """.split()  # noqa: SIM905 - a list of names, to be read
)
ATTRIBUTES = {
    "*": ["class", "id", "title", "aria-hidden", "aria-label"],
    "a": ["href"],
    "img": ["src", "alt"],
    "td": ["align"],
    "th": ["align", "scope"],
}
PROTOCOLS = frozenset({"http", "https", "mailto", "data"})
MOST_KEPT = 5_000  # rendered cells: those of a class are nearly all the same


class FeedbackExporter(HTMLExporter):
    """Renders graded notebooks; a class shares what its notebooks have in common."""

    optimistic_validation = True  # the notebook is checked as a whole, not after every step

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._rendered: dict[tuple[str, ...], str] = {}
        if isinstance(self.parent, GenerateFeedback):
            refuse_unknown(self.parent)

    def from_notebook_node(  # type: ignore[override]  # as in HTMLExporter itself
        self, nb: Any, resources: Any = None, **options: Any
    ) -> tuple[str, dict[str, Any]]:
        """Render one notebook.

        As nbconvert does, but for its last step: parsing the whole page again, which takes more
        time than making it, to give pictures without a description one that says so.
        """
        resources = self._init_resources(resources)  # type: ignore[no-untyped-call]
        lexer = nb.metadata.get("language_info", {}).get("pygments_lexer", "ipython3")
        highlight = Highlight2HTML(pygments_lexer=lexer, parent=self)  # type: ignore[no-untyped-call]

        def highlighted(source: str, language: str | None = None, metadata: Any = None) -> str:
            return self._once(
                ("code", source, str(language)),
                lambda: str(highlight(source, language=language, metadata=metadata)),
            )

        self.register_filter("highlight_code", highlighted)  # type: ignore[no-untyped-call]
        self.register_filter(  # type: ignore[no-untyped-call]
            "filter_data_type",
            WidgetsDataTypeFilter(  # type: ignore[no-untyped-call]
                notebook_metadata=self._nb_metadata, parent=self, resources=resources
            ),
        )
        html, resources = TemplateExporter.from_notebook_node(self, nb, resources, **options)
        return readable(html), resources

    @pass_context
    def markdown2html(self, context: Any, source: str) -> str:
        """Render markdown; nothing in it may run in the reader's browser."""

        def render() -> str:
            html = super(FeedbackExporter, self).markdown2html(context, source)
            return str(bleach.clean(html, tags=TAGS, attributes=ATTRIBUTES, protocols=PROTOCOLS))

        cell: Mapping[str, Any] = context.get("cell", {})
        if cell.get("attachments"):
            return render()
        return self._once(("markdown", source), render)

    def _once(self, key: tuple[str, ...], render: Any) -> str:
        """Return what was rendered before, for the same source."""
        found = self._rendered.get(key)
        if found is None:
            found = str(render())
            if len(self._rendered) < MOST_KEPT:
                self._rendered[key] = found
        return found


def readable(html: str) -> str:
    """Mend what keeps people and screen readers from reading nbgrader's page."""
    html = _WITHOUT_ALT.sub(NO_DESCRIPTION, html)
    html = _TEST_CELL.sub(r"\1Check of \2</a>", html)
    html = html.replace("<html>", '<html lang="en">', 1)
    return html.replace("</head>", _STYLE, 1)


def refuse_unknown(converter: GenerateFeedback) -> None:
    """Take away from nbgrader what our grader has not passed, before it copies anything.

    A graded submission has a verdict on record, and its folder holds plain files only.
    """
    coursedir = converter.coursedir
    known = Records.beside(coursedir.db_url, coursedir.root).verdicts()
    pattern = coursedir.format_path(
        coursedir.autograded_directory, "(?P<student>.*)", ".*", escape=True
    )
    for folder in sorted(converter.assignments):
        found = re.match(pattern, folder)
        student = found["student"] if found else Path(folder).parent.name
        reason = reason_against(Path(folder))
        if not reason and (student, coursedir.assignment_id) not in known:
            reason = "there is no verdict of this course's grader on it; run nbgrader autograde"
        if reason:
            del converter.assignments[folder]
            print(f"no feedback: {printable(student)}, {coursedir.assignment_id}: {reason}.")
        else:
            pass_on(Path(folder), (path for path in Path(folder).rglob("*") if path.is_file()))


def reason_against(folder: Path) -> str:
    """Return why nothing of a folder may be copied; empty if it holds plain files only."""
    for path in (folder, *sorted(folder.rglob("*"))):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            return f"{printable(path.name)} is a link or a special file"
    return ""
