"""The report as one page: everything in it, no script, and every text of a student's escaped."""

from __future__ import annotations

import statistics
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from autograder.feedback import number
from autograder.report.charts import LOOKS, histogram, shares
from autograder.report.summary import Report

SLOWEST = 5


def page(report: Report) -> str:
    """Return the page as HTML."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    chart, counts = histogram(report.scores, report.points) if report.scores else ("", [])
    width = report.points / max(1, len(counts))
    seconds = [one.seconds for one in report.graded] or [0.0]
    return environment.get_template("page.html.j2").render(
        report=report,
        histogram=chart,
        counts=counts,
        bins=[(width * place, width * (place + 1)) for place in range(len(counts))],
        shares=shares,
        signs={state: sign for state, (_, _, sign) in LOOKS.items()},
        median_seconds=statistics.median(seconds),
        slowest=sorted(report.graded, key=lambda one: -one.seconds)[:SLOWEST],
        number=number,
    )
