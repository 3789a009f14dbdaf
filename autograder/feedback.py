"""What a student reads: one panel for each exercise, in the feedback page of nbgrader.

The panels are plain HTML with headings and words; colour only repeats what the words say. Every
text that may come from a student's code is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

from autograder.verdict import ExerciseVerdict, Verdict

STATES = {
    "right": ("✓", "Right", "#005a3c"),
    "partly right": ("◐", "Partly right", "#7a4a00"),
    "not right": ("✗", "Not right yet", "#8a1c1c"),
    "not done": ("○", "Not done", "#444444"),
}
LONGEST, WIDEST = 20_000, 500  # characters of a cell, and of a line, that are shown
MOST_SHOWN, ALWAYS_SHOWN = 300_000, 200  # characters of all cells together; of each at the least
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$&])")


def number(value: float) -> str:
    """Write a number of points without needless zeros: ``3``, ``2.25``."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def panel(exercise: ExerciseVerdict) -> str:
    """Return the HTML panel of one exercise.

    Parameters
    ----------
    exercise : ExerciseVerdict

    Returns
    -------
    str
        A section with a heading, in words.
    """
    sign, words, colour = STATES[exercise.state]
    title = (
        f"{words}: {exercise.name}, {number(exercise.score)} of {number(exercise.points)} points"
    )
    parts = [
        f'<section role="region" aria-label="{escape(title)}" '
        f'style="border-left: 4px solid {colour}; padding: 0.2em 1em">',
        f'<h4><span aria-hidden="true">{sign}</span> {escape(title)}</h4>',
    ]
    if len(exercise.facets) > 1 and not exercise.undone:
        parts.append(
            items(
                f"{facet}: {'right' if right else 'not right yet'}"
                for facet, right in exercise.facets.items()
            )
        )
    for heading, sentences in (
        ("About your cell", exercise.remarks),
        ("What was seen", exercise.where),
        ("To think about", exercise.hints),
        ("Your code printed", (exercise.printed,) if exercise.printed else ()),
    ):
        if sentences:
            parts.append(f"<h5>{heading}</h5>{items(sentences)}")
    parts.append("</section>")
    return "\n".join(parts)


def items(sentences: Iterable[str]) -> str:
    """Return an HTML list; line breaks within a sentence are kept."""
    entries = "".join(
        f"<li>{escape(sentence).replace(chr(10), '<br>')}</li>" for sentence in sentences
    )
    return f"<ul>{entries}</ul>"


def summary(verdict: Verdict, repairs: Sequence[str] = ()) -> str:
    """Return the markdown at the top of a graded notebook: the sum, and what was mended."""
    lines = [
        f"**Result: {number(verdict.score)} of {number(verdict.points)} points.** "
        "Details stand below each exercise."
    ]
    sentences = [*repairs, *verdict.notes]
    if sentences:
        lines += ["", "**About this notebook**", ""]
        lines += [f"- {plain(sentence)}" for sentence in sentences]
    return "\n".join(lines)


def plain(text: str) -> str:
    """Escape a text so that markdown shows it as it is."""
    return (
        _MARKDOWN.sub(r"\\\1", " ".join(text.split()))
        .replace("\\<", "&lt;")
        .replace("\\>", "&gt;")
        .replace("\\&", "&amp;")
    )


def shortened(source: str, most: int = LONGEST) -> str:
    """Return code as it is shown: at most `most` characters, and a sentence where that is not all.

    What colours the code on the feedback page can take the square of a line's length: one line
    of 400 000 signs would keep a whole class waiting.
    """
    lines = source.split("\n")
    if len(source) <= most and max(map(len, lines)) <= WIDEST:
        return source
    shown = "\n".join(
        line if len(line) <= WIDEST else f"{line[:WIDEST]} …" for line in source[:most].split("\n")
    )
    return (
        f"{shown[:most]}\n# Shown in part: this cell has {len(source)} characters, its longest "
        f"line {max(map(len, lines))}. All of it was judged."
    )


def as_text(exercise: ExerciseVerdict) -> list[str]:
    """Return the same in lines of text, for the terminal."""
    return [*exercise.remarks, *exercise.where, *exercise.hints]
