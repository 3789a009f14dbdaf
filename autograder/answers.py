"""The one preprocessor of our own in ``nbgrader generate_assignment``: it hides what staff need."""

from __future__ import annotations

from typing import Any

from nbgrader.preprocessors import ClearSolutions
from nbgrader.utils import is_solution

from autograder.cells import ANSWER, hide_answers, without_notice


class ClearAnswers(ClearSolutions):  # type: ignore[misc]  # nbgrader has no types
    """nbgrader's ClearSolutions, which also knows values: ``"q": 3,  ### ANSWER``.

    nbgrader would replace a whole cell of values by its stub; here every line keeps its key, so
    that the student sees what is asked. The notice of what the notebook is made from goes, too:
    students have no such file.
    """

    def preprocess_cell(self, cell: Any, resources: Any, cell_index: int) -> tuple[Any, Any]:
        """Clear one cell."""
        if cell_index == 0 and cell.cell_type == "markdown":
            cell.source = without_notice(cell.source)
        if cell.cell_type == "code" and is_solution(cell) and ANSWER in cell.source:
            cell.source = hide_answers(cell.source)
            return cell, resources
        cleared: tuple[Any, Any] = super().preprocess_cell(cell, resources, cell_index)
        return cleared
