"""Gradients kept as rows: who reads them sees an array, who trains with them pays for the rows."""

from __future__ import annotations

import numpy as np
import pytest

from course_autograd import Tensor, ops
from course_autograd.errors import GradientContractError
from course_autograd.operation import Operation, tensor_op
from course_autograd.optim import SGD, Adam, Optimizer
from course_autograd.rows import Rows

TABLE = np.arange(12.0).reshape(4, 3)
SENT = np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0], [0.5, 0.5, 0.5]])
ADDED = np.array([[0, 0, 0], [11, 22, 33], [0, 0, 0], [0.5, 0.5, 0.5]])


def looked_up(table: Tensor) -> Tensor:
    """Rows 1, 1 and 3, weighed so that each entry has a gradient of its own."""
    return (ops.embedding(table, rows=[1, 1, 3]) * SENT).sum()


@pytest.fixture(autouse=True)
def _rules(reference_rules: None) -> None:
    """``*`` and ``sum`` are exercises."""


def test_the_gradient_is_kept_as_rows_until_somebody_looks() -> None:
    table = Tensor(TABLE)
    looked_up(table).backward()
    assert isinstance(table.gradient, Rows)
    assert table.gradient.rows.tolist() == [1, 1, 3]
    assert np.array_equal(table.grad, ADDED)
    assert type(table.grad) is np.ndarray
    table.grad *= 2.0  # who looks may write
    assert np.array_equal(table.grad, 2.0 * ADDED)


def test_rows_add_up_over_paths_and_passes() -> None:
    table = Tensor(TABLE)
    (looked_up(table) + looked_up(table) + (table * table).sum()).backward()
    assert np.array_equal(table.grad, 2.0 * ADDED + 2.0 * TABLE)
    table.zero_grad()
    for _ in range(2):
        looked_up(table).backward()
    assert isinstance(table.gradient, Rows)
    assert np.array_equal(table.grad, 2.0 * ADDED)


def test_a_computed_table_is_given_an_array() -> None:
    table = Tensor(TABLE)
    looked_up(table * 2.0).backward()
    assert np.array_equal(table.grad, 2.0 * ADDED)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: SGD(p, lr=0.1),
        lambda p: SGD(p, lr=0.1, momentum=0.9),
        lambda p: Adam(p, lr=0.1),
    ],
    ids=["SGD", "momentum", "Adam"],
)
def test_training_with_rows_is_training_with_the_array(make: type[Optimizer]) -> None:
    sparse, dense = Tensor(TABLE), Tensor(TABLE)
    for table in (sparse, dense):
        optimizer = make([table])  # type: ignore[arg-type]
        for _ in range(3):
            optimizer.zero_grad()
            looked_up(table).backward()
            if table is dense:
                assert table.grad is not None  # looked at: an array from here on
            optimizer.step()
    assert np.allclose(sparse.value, dense.value, rtol=1e-14, atol=0)


def test_float32_stays_float32() -> None:
    table = Tensor(TABLE.astype(np.float32))
    looked_up(table).backward()
    assert table.grad.dtype == np.float32


def test_rows_of_another_shape_break_the_contract() -> None:
    @tensor_op
    class wrong(Operation):
        @staticmethod
        def forward(ctx, x):  # type: ignore[no-untyped-def]
            return x.sum()

        @staticmethod
        def backward(ctx, grad_output):  # type: ignore[no-untyped-def]
            return (Rows(np.array([0]), np.ones((1, 5)), (2, 5)),)

    with pytest.raises(GradientContractError, match=r"has shape \(2, 5\); expected \(4, 3\)"):
        wrong(Tensor(TABLE)).backward()
