"""The exercise `sigmoid` asks for no overflow: also for one that leaves the result right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from course_autograd import Operation, implements, ops
from course_autograd.exercises import find
from course_autograd.exercises.report import examine


def logistic(y: Any) -> Any:
    """1 / (1 + inf) is 0, which is right: only NumPy's warning tells."""
    return 1.0 / (1.0 + np.exp(-y))


def chosen(y: Any) -> Any:
    """np.where computes both sides everywhere, so it is no shield."""
    return np.where(y >= 0, 1.0 / (1.0 + np.exp(-y)), np.exp(y) / (1.0 + np.exp(y)))


def halved(y: Any) -> Any:
    """A correct one: tanh never overflows."""
    return 0.5 + 0.5 * np.tanh(0.5 * y)


@pytest.mark.parametrize(
    ("function", "stable"), [(logistic, False), (chosen, False), (halved, True)]
)
def test_an_overflow_costs_the_facet_of_large_numbers_and_no_other(
    function: Any, stable: bool
) -> None:
    class sigmoid(Operation):
        @staticmethod
        def forward(ctx: list[Any], y: Any) -> Any:
            ctx.append(function(y))
            return ctx[0]

        @staticmethod
        def backward(ctx: Any, grad_output: Any) -> Any:
            return (grad_output * ctx[0] * (1 - ctx[0]),)

    implements(ops.sigmoid)(sigmoid)
    report = examine(find("sigmoid"), find("sigmoid").find_answer({}))
    assert report.facets == dict.fromkeys(report.facets, True) | {"large numbers": stable}
    assert report.numbers == (() if stable else (32,))
