"""Right answers in other words: for each exercise at least five, none of which may be rejected.

Other formulas, loops, einsum, lists, views, helpers, other things saved, other subgradients: what
students write who have understood. Each module holds cells of one kind or assignment; a line
``# %% EXERCISE: LABEL`` begins a cell. Try them: ``python -m autograder.soundness.alternatives``.
"""

from __future__ import annotations

import re
from functools import cache

from autograder.sample_answers import OTHER_FORMULAS
from autograder.soundness.alternatives import broken, chain_rule, mlp, norm_squared, sigmoid
from autograder.soundness.answers import Answer, reference
from course_autograd.exercises import exercises

CELL = re.compile(r"^# %% (?P<exercise>\w+): (?P<label>.+)$", re.MULTILINE)
AT_LEAST = 5


def split(cells: str) -> list[Answer]:
    r"""Return the answers in one text of cells.

    Examples
    --------
    >>> split("# %% mul: by hand\nx = 1")
    [Answer(exercise='mul', label='by hand', code='x = 1\n')]
    """
    found = list(CELL.finditer(cells))
    ends = [one.start() for one in found[1:]] + [len(cells)]
    return [
        Answer(one["exercise"], one["label"], cells[one.end() : end].strip() + "\n")
        for one, end in zip(found, ends, strict=True)
    ]


@cache
def alternatives() -> dict[str, tuple[Answer, ...]]:
    """Return for each exercise the reference and the other formulations, in the course's order."""
    gathered = {name: [reference(name)] for name in exercises()}
    for module in (chain_rule, sigmoid, norm_squared, mlp, broken):
        for answer in split(module.CELLS):
            gathered[answer.exercise].append(answer)
    for name, code in OTHER_FORMULAS.items():
        gathered[name].append(Answer(name, "as in the made-up class", code.strip() + "\n"))
    return {name: tuple(answers) for name, answers in gathered.items()}
