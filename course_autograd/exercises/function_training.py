"""The exercises of assignment 4 that are plain functions: a loss, and one step of training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from course_autograd import ops
from course_autograd.exercises.base import Array, Case, Finding, Observation
from course_autograd.exercises.functions import (
    FunctionExercise,
    as_number,
    broken,
    explained,
    kind_of,
    near,
)
from course_autograd.exercises.observe import float_array
from course_autograd.exercises.values import number_words, plain_answer
from course_autograd.nn import Module, Parameter
from course_autograd.numeric import evaluate, jacobian
from course_autograd.optim import SGD
from course_autograd.replay import Replay
from course_autograd.tensor import Tensor

ALONE, WITH, CONNECTED = "the hinge loss", "the regularisation term", "connected with W"


class RegularisedHinge(FunctionExercise):
    """The mean hinge loss of linear scores plus a multiple of the sum of squares of W."""

    name = "regularised_hinge"
    assignment = "04_mlp"
    signature = "regularised_hinge(x, W, labels, lam)"
    facets = (ALONE, WITH, CONNECTED)

    def cases(self, rng: np.random.Generator) -> list[Case]:
        """Draw examples, two sets of weights, labels; without and with a regularisation term."""
        cases = []
        for facet, lam in ((ALONE, 0.0), (WITH, 0.3), (WITH, 1.7)):
            for rows, size, classes in ((4, 3, 5), (2, 5, 3)):
                weights = (size, classes)
                arrays = (rng.normal(size=(rows, size)), *rng.normal(size=(2, *weights)))
                options = {"labels": rng.integers(0, classes, rows), "lam": lam}
                label = f"x {(rows, size)}, W {(size, classes)}, lam = {lam:g}"
                cases.append(Case(facet, label, arrays, options))
        return cases

    def ask(self, answer: Any, case: Case) -> Observation:
        """Call the function with two W; compute the first graph once more, with the second W.

        Where the graph is complete, both ways to the second value end at the same number. What
        was computed beside the graph stays as it was at the first W.
        """
        x, start, moved = case.arrays
        W = Tensor(start, "W")

        def ask_at(weights: Tensor) -> Any:
            data = Tensor(x, "x", requires_grad=False)
            return answer(data, weights, np.array(case.options["labels"]), case.options["lam"])

        result = ask_at(W)
        flags = frozenset() if np.array_equal(W.value, start) else frozenset({"changed_inputs"})
        if not isinstance(result, Tensor):
            return broken(f"regularised_hinge must return a scalar Tensor, got {kind_of(result)}.")
        again = ask_at(Tensor(moved, "W"))
        return Observation(
            output=float_array(result.value),
            raw=(
                float_array(replayed(result, W, moved)),
                float_array(again.value if isinstance(again, Tensor) else again),
            ),
            flags=flags,
        )

    def compare(self, case: Case, observation: Observation) -> Finding:
        """Compare the value with that of the declared forward rules, and the two ways to it."""
        found = observation.output
        x, W = case.arrays[:2]
        hinge, squares, absolute = self._terms(case, W)
        lam = float(case.options["lam"])
        value_is_right = True
        facts: list[str] = []
        fits: tuple[str, ...] = ()
        named: tuple[str, ...] = ()
        if found is None or found.shape != ():
            came = "no number" if found is None else f"shape {found.shape}"
            facts.append(f"expected a scalar, shape (), got {came}")
            value_is_right = False
            named = ("not_scalar",)
        elif not near(found, hinge + lam * squares):
            value_is_right = False
            yours, wanted = number_words(float(found)), number_words(hinge + lam * squares)
            facts.append(f"the value: yours {yours}, expected {wanted}")
            others = (squares**0.5, absolute, squares / W.size, float(np.sum(W)), -squares)
            fits = explained(
                found,
                {
                    "unregularised": (np.array(hinge),),
                    "regularised_twice": (np.array(hinge + 2 * lam * squares),),
                    "regularised_half": (np.array(hinge + lam * squares / 2),),
                    "regularised_other": (
                        np.array(hinge + squares),
                        *(np.array(hinge + lam * one) for one in others),
                    ),
                    "unaveraged": (np.array(hinge * len(x) + lam * squares),),
                },
                1e-9,
            )
        connected = self._connected(case, observation, value_is_right=value_is_right)
        if "changed_inputs" in observation.flags:
            value_is_right = False
            facts.append("W holds other numbers after the call")
            named = ("changed_saved",)
        elif not connected:
            facts.append("with another W, your function and its graph end at different values")
            if value_is_right:
                named = self._detached(case, observation)
        return Finding(
            case.label,
            {case.facet: value_is_right, CONNECTED: connected},
            tuple(facts),
            {} if value_is_right or named else {"value": fits},
            mistakes=named,
            printed=observation.printed,
            expected=(hinge + lam * squares, self._terms(case, case.arrays[2])),
        )

    def _connected(self, case: Case, observation: Observation, *, value_is_right: bool) -> bool:
        """Whether the graph, computed once more, ends where the function itself does.

        Both numbers come from where the answer runs. So a right function must end at what is right
        for the second W, too; and one that is wrong must at least depend on W.
        """
        if len(observation.raw) != 2:
            return False
        followed, called = observation.raw
        if followed is None or called is None or not near(followed, called):
            return False
        if not value_is_right:
            return observation.output is not None and not near(followed, observation.output)
        hinge, squares, _ = self._terms(case, case.arrays[2])
        return near(followed, hinge + float(case.options["lam"]) * squares)

    def _detached(self, case: Case, observation: Observation) -> tuple[str, ...]:
        """Say which of the two terms stayed at the first W."""
        followed = observation.raw[0] if observation.raw else None
        lam = float(case.options["lam"])
        before, after = (self._terms(case, W) for W in case.arrays[1:])
        stayed = {
            "detached": (np.array(before[0] + lam * before[1]),),
            # A term added to the value itself is not even computed again.
            "term_detached": (np.array(after[0] + lam * before[1]), np.array(after[0])),
            "scores_detached": (np.array(before[0] + lam * after[1]),),
        }
        if followed is None:
            return ("detached",)
        # With λ = 0 the second term says nothing, and two of the three are the same number.
        return explained(followed, stayed, 1e-9)

    def _terms(self, case: Case, W: Array) -> tuple[float, float, float]:
        """Return the hinge loss, the sum of squares of W and the sum of its absolute values."""
        labels = {"labels": case.options["labels"]}
        loss = float(evaluate(ops.hinge.declared_forward, [case.arrays[0] @ W], labels))
        return loss, float(np.sum(W**2)), float(np.sum(np.abs(W)))


def replayed(root: Tensor, leaf: Tensor, value: Array) -> Any:
    """Compute the graph of `root` once more, with another value in one leaf; return its value."""
    return Replay(root).result_of(leaf)(np.array(value))


LOSS, MOVES, CLEARS = "returns the loss", "moves the parameters", "clears old gradients"


class Shift(Module):
    """The smallest model that can learn: it adds a row of numbers to every example."""

    def __init__(self, start: Array) -> None:
        self.b = Parameter(start, "b")

    def forward(self, x: Any) -> Tensor:
        """Return x + b."""
        return ops.add(x, self.b)


def loss_of_twice(scores: Any, y: Any) -> Tensor:
    """Return the mean squared distance of the scores from 2 y.

    The mean squared error itself is the same when its arguments are exchanged; losses are not.
    """
    return ops.mean_squared_error(scores, ops.add(y, y))


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
            many = f"{columns} parameter{'s' if columns != 1 else ''}"
            label = f"a model with {many} and {rows} examples, two calls"
            cases.append(Case(LOSS, label, arrays, {"lr": float(rng.uniform(0.05, 0.4))}))
        return cases

    def ask(self, answer: Any, case: Case) -> Observation:
        """Call the function twice with the same examples."""
        x, y, start = (np.array(array) for array in case.arrays)
        model = Shift(start)
        optimizer = SGD(model.parameters(), lr=case.options["lr"])
        losses, parameters = [], []
        for _ in range(2):
            losses.append(plain_answer(answer(model, optimizer, loss_of_twice, x, y)))
            parameters.append(float_array(model.b.value))
        answers = {f"loss {i}": loss for i, loss in enumerate(losses, 1)}
        untouched = np.array_equal(x, case.arrays[0]) and np.array_equal(y, case.arrays[1])
        flags = frozenset[str]() if untouched else frozenset({"changed_inputs"})
        return Observation(answers=answers, gradients=tuple(parameters), flags=flags)

    def compare(self, case: Case, observation: Observation) -> Finding:
        """Follow the same two steps by measured gradients."""
        x, y, start = case.arrays
        lr = float(case.options["lr"])

        def loss_at(b: Array) -> float:
            return float(np.mean((x + b - 2.0 * y) ** 2))

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
        named: list[str] = []  # of the first fact only: one mistake at a time
        if "changed_inputs" in observation.flags:
            facts.append("x or y hold other numbers after the call")
            named.append("changed_saved")
        given = observation.answers.get("loss 1")
        number = as_number(given)
        passed[LOSS] = number is not None and near(number, loss_at(start))
        if not passed[LOSS]:
            if number is not None:
                yours, wanted = number_words(number), number_words(loss_at(start))
                facts.append(f"the loss before the step: yours {yours}, expected {wanted}")
                if near(number, loss_at(first), 1e-6):
                    named.append("loss_after")
                elif near(number, float(np.mean((y - 2.0 * (x + start)) ** 2)), 1e-6):
                    named.append("loss_swapped")
            else:
                facts.append(f"expected the loss as a number, got {given or 'nothing (None)'}")
                if given is None:
                    named.append("returned_nothing")
                elif given == plain_answer(Tensor(0.0)):
                    named.append("returned_tensor")
        passed[MOVES] = near(moved, first, 1e-7)
        if not passed[MOVES]:
            ways = {
                "no_step": (start,),
                "wrong_direction": (start + lr * slope,),
                "many_steps": (first - lr * gradient_at(first), start - 2 * lr * slope),
            }
            ways_taken = explained(moved, ways, 1e-6)
            # A fact that has a name comes before one that has none.
            place = 0 if ways_taken and not named else len(facts)
            facts.insert(place, "the parameters after one step are not where the gradient leads")
            named += ways_taken
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
            expected=(loss_at(start), first, again),
        )

    def judge(self, case: Case, observation: Observation) -> Finding:
        """All parts are decided by the same two calls: an error costs all of them."""
        finding = super().judge(case, observation)
        if observation.error is None:
            return finding
        return replace(finding, passed=dict.fromkeys(self.facets, False))
