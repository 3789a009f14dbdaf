"""The exercises of assignment 4 that are plain functions: a loss, and one step of training."""

from __future__ import annotations

from typing import Any

import numpy as np

from course_autograd import ops
from course_autograd.exercises.base import Array, Case, Finding, Observation
from course_autograd.exercises.functions import FunctionExercise, as_number, broken, explained, near
from course_autograd.exercises.observe import float_array
from course_autograd.exercises.values import number_words, plain_answer
from course_autograd.nn import Module, Parameter
from course_autograd.numeric import evaluate, jacobian
from course_autograd.optim import SGD
from course_autograd.tensor import Tensor

ALONE, WITH, CONNECTED = "the hinge loss", "the regularisation term", "connected with W"


class RegularisedHinge(FunctionExercise):
    """The mean hinge loss of linear scores plus a multiple of the sum of squares of W."""

    name = "regularised_hinge"
    assignment = "04_mlp"
    signature = "regularised_hinge(x, W, labels, lam)"
    facets = (ALONE, WITH, CONNECTED)

    def cases(self, rng: np.random.Generator) -> list[Case]:
        """Draw examples, weights and labels; without and with a regularisation term."""
        cases = []
        for facet, lam in ((ALONE, 0.0), (WITH, 0.3), (WITH, 1.7)):
            for rows, size, classes in ((4, 3, 5), (2, 5, 3)):
                arrays = (rng.normal(size=(rows, size)), rng.normal(size=(size, classes)))
                options = {"labels": rng.integers(0, classes, rows), "lam": lam}
                label = f"x {(rows, size)}, W {(size, classes)}, lam = {lam:g}"
                cases.append(Case(facet, label, arrays, options))
        return cases

    def ask(self, answer: Any, case: Case) -> Observation:
        """Call the function with tensors; read its value and whether W is above it."""
        x, W = Tensor(case.arrays[0], "x", requires_grad=False), Tensor(case.arrays[1], "W")
        result = answer(x, W, np.array(case.options["labels"]), case.options["lam"])
        if not isinstance(result, Tensor):
            return broken(
                f"regularised_hinge must return a scalar Tensor, got a {type(result).__name__}."
            )
        return Observation(output=float_array(result.value), answers={"W": _above(result, W)})

    def compare(self, case: Case, observation: Observation) -> Finding:
        """Compare the value with that of the declared forward rules."""
        found = observation.output
        hinge, squares, absolute = self._terms(case)
        lam = float(case.options["lam"])
        passed = {case.facet: True, CONNECTED: observation.answers.get("W") is True}
        facts: list[str] = []
        fits: tuple[str, ...] = ()
        named: tuple[str, ...] = ()
        if found is None or found.shape != ():
            came = "no number" if found is None else f"shape {found.shape}"
            facts.append(f"expected a scalar, shape (), got {came}")
            passed[case.facet] = False
            named = ("shape",)
        elif not near(found, hinge + lam * squares):
            passed[case.facet] = False
            yours, wanted = number_words(float(found)), number_words(hinge + lam * squares)
            facts.append(f"the value: yours {yours}, expected {wanted}")
            others = (squares**0.5, absolute, squares / case.arrays[1].size)
            fits, _ = explained(
                found,
                {
                    "unregularised": (np.array(hinge),),
                    "regularised_twice": (np.array(hinge + 2 * lam * squares),),
                    "regularised_half": (np.array(hinge + lam * squares / 2),),
                    "regularised_other": (
                        np.array(hinge + squares),
                        *(np.array(hinge + lam * one) for one in others),
                    ),
                    "unaveraged": (np.array(hinge * len(case.arrays[0]) + lam * squares),),
                },
                1e-9,
            )
        if not passed[CONNECTED]:
            facts.append("W is not among the tensors that the result was computed from")
            named = named or ("detached",)
        return Finding(
            case.label,
            passed,
            tuple(facts),
            {} if passed[case.facet] or named else {"value": fits},
            mistakes=named,
            printed=observation.printed,
        )

    def _terms(self, case: Case) -> tuple[float, float, float]:
        """Return the hinge loss, the sum of squares of W and the sum of its absolute values."""
        x, W = case.arrays
        labels = {"labels": case.options["labels"]}
        loss = float(evaluate(ops.hinge.declared_forward, [x @ W], labels))
        return loss, float(np.sum(W**2)), float(np.sum(np.abs(W)))


def _above(root: Tensor, wanted: Tensor) -> bool:
    """Whether `root` was computed from `wanted`."""
    waiting, seen = [root], {root}
    while waiting:
        node = waiting.pop()
        if node is wanted:
            return True
        new = [parent for parent in node.parents if parent not in seen]
        seen.update(new)
        waiting.extend(new)
    return False


LOSS, MOVES, CLEARS = "returns the loss", "moves the parameters", "clears old gradients"


class Shift(Module):
    """The smallest model that can learn: it adds a row of numbers to every example."""

    def __init__(self, start: Array) -> None:
        self.b = Parameter(start, "b")

    def forward(self, x: Any) -> Tensor:
        """Return x + b."""
        return ops.add(x, self.b)


class TrainStep(FunctionExercise):
    """One step of training: clear gradients, forward, loss, backward, step."""

    name = "train_step"
    assignment = "04_mlp"
    signature = "train_step(model, optimizer, loss, x, y)"
    facets = (LOSS, MOVES, CLEARS)
    needs = ("add", "mean_squared_error")

    def cases(self, rng: np.random.Generator) -> list[Case]:
        """Draw examples, targets, a start and a learning rate."""
        cases = []
        for rows, columns in ((4, 3), (2, 5), (6, 1)):
            arrays = (
                rng.normal(size=(rows, columns)),
                rng.normal(size=(rows, columns)),
                rng.normal(size=columns),
            )
            label = f"a model with {columns} parameters and {rows} examples, two calls"
            cases.append(Case(LOSS, label, arrays, {"lr": float(rng.uniform(0.05, 0.4))}))
        return cases

    def ask(self, answer: Any, case: Case) -> Observation:
        """Call the function twice with the same examples."""
        x, y, start = (np.array(array) for array in case.arrays)
        model = Shift(start)
        optimizer = SGD(model.parameters(), lr=case.options["lr"])
        losses, parameters = [], []
        for _ in range(2):
            losses.append(plain_answer(answer(model, optimizer, ops.mean_squared_error, x, y)))
            parameters.append(float_array(model.b.value))
        answers = {f"loss {i}": loss for i, loss in enumerate(losses, 1)}
        return Observation(answers=answers, gradients=tuple(parameters))

    def compare(self, case: Case, observation: Observation) -> Finding:
        """Follow the same two steps by measured gradients."""
        x, y, start = case.arrays
        lr = float(case.options["lr"])

        def loss_at(b: Array) -> float:
            return float(np.mean((x + b - y) ** 2))

        def gradient_at(b: Array) -> Array:
            return jacobian(lambda _ctx, moved: loss_at(moved), (b,)).vjp(np.ones(()))[0]

        slope = gradient_at(start)
        first = start - lr * slope
        after = observation.gradients
        moved = after[0] if after and after[0] is not None else start
        if moved.shape != start.shape:
            moved = np.full(start.shape, np.nan)
        again = moved - lr * gradient_at(moved)
        second = after[1] if len(after) > 1 else None

        passed: dict[str, bool] = {}
        facts: list[str] = []
        named: list[str] = []
        given = observation.answers.get("loss 1")
        number = as_number(given)
        passed[LOSS] = number is not None and near(number, loss_at(start))
        if not passed[LOSS]:
            if number is not None:
                yours, wanted = number_words(number), number_words(loss_at(start))
                facts.append(f"the loss before the step: yours {yours}, expected {wanted}")
                if near(number, loss_at(first), 1e-6):
                    named.append("loss_after")
            else:
                facts.append(f"expected the loss as a number, got {given or 'nothing'}")
        passed[MOVES] = near(moved, first, 1e-7)
        if not passed[MOVES]:
            ways = {
                "no_step": (start,),
                "wrong_direction": (start + lr * slope,),
                "many_steps": (first - lr * gradient_at(first), start - 2 * lr * slope),
            }
            facts.append("the parameters after one step are not where the gradient leads")
            named += explained(moved, ways, 1e-6)[0]
        # Measured from where the first call left the parameters, so that each part stands alone.
        passed[CLEARS] = passed[MOVES] and second is not None and near(second, again, 1e-7)
        if passed[MOVES] and not passed[CLEARS]:
            facts.append("the first call is right, the second one goes elsewhere")
            if near(second, again - lr * slope, 1e-6):
                named.append("accumulated")
        return Finding(
            case.label,
            passed,
            tuple(facts),
            mistakes=tuple(named[:1]),
            printed=observation.printed,
        )

    def judge(self, case: Case, observation: Observation) -> Finding:
        """All parts are decided by the same two calls: an error costs all of them."""
        finding = super().judge(case, observation)
        if observation.error is None:
            return finding
        return Finding(
            finding.label,
            dict.fromkeys(self.facets, False),
            finding.facts,
            mistakes=finding.mistakes,
            undone=finding.undone,
            printed=finding.printed,
        )
