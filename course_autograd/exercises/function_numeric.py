"""The exercise ``numeric_gradient(f, x, h)``: central differences, and x as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from course_autograd.exercises.base import CLEAN, Array, Case, Finding, Observation
from course_autograd.exercises.functions import (
    FunctionExercise,
    broken,
    explained,
    kind_of,
    refuted,
)
from course_autograd.exercises.observe import equal, float_array
from course_autograd.exercises.operation_exercise import worst_entry
from course_autograd.exercises.ruled_out import RuledOut
from course_autograd.numeric import Measurement

USUAL, LARGE = 1e-5, 1e-2
BACK = 1e-13  # a few roundings of numbers near 1; any step that is left behind is far larger
LOOSE = 1e-4  # with a small step, a one-sided difference is near enough, too
NEAR = 1e-6  # how close a mistake's prediction must be to name it
CENTRAL = "central differences"


def cubic(a: Array, b: Array, c: Array, *, on_other_shape: str = "") -> Callable[[Any], float]:
    """Return f(x) = sum of a x³ + b x² + c x, plus the products of neighbours.

    Its central difference is off by a h² at each entry, a one-sided one by (3 a x + b) h.
    """

    def f(x: Any) -> float:
        if np.shape(x) != a.shape:
            raise ValueError(
                f"f: expected an array of shape {a.shape}, got shape {np.shape(x)}.{on_other_shape}"
            )
        x = np.asarray(x, dtype=np.float64)
        flat = x.ravel()
        return float(np.sum(((a * x + b) * x + c) * x) + np.sum(flat[1:] * flat[:-1]))

    return f


class NumericGradient(FunctionExercise):
    """Central differences with a given step, at every entry of an array of any shape."""

    name = "numeric_gradient"
    assignment = "01_chain_rule"
    signature = "numeric_gradient(f, x, h=1e-5)"
    facets = ("a single number", "arrays", CENTRAL, CLEAN)

    def cases(self, rng: np.random.Generator) -> list[Case]:
        """Draw points and coefficients; a large step tells central from one-sided."""
        families = (
            ("a single number", (), USUAL),
            ("arrays", (4,), USUAL),
            ("arrays", (2, 3), USUAL),
            ("arrays", (2, 1, 3), USUAL),
            (CENTRAL, (3,), LARGE),
            (CENTRAL, (3, 2), LARGE),
        )
        cases = []
        for facet, shape, h in families:
            for slope in (1.0, -1.0):
                default = h == USUAL and slope < 0.0
                label = f"x of shape {shape}, h {'not given' if default else f'= {h:g}'}"
                arrays = _point_and_coefficients(rng, shape, slope)
                cases.append(Case(facet, label, arrays, {"h": h, "default": default}))
        return cases

    def ask(self, answer: Any, case: Case) -> Observation:
        """Call the function with an array of its own, and with a step or without."""
        x, *coefficients = (np.array(array) for array in case.arrays)
        f = cubic(*coefficients, on_other_shape=" Give f the whole array, with one entry moved.")
        step = {} if case.options["default"] else {"h": case.options["h"]}
        result = answer(f, x, **step)
        # x + h - 2h + h is x again up to rounding: that counts as put back.
        back = np.shape(x) == case.arrays[0].shape and np.all(np.abs(x - case.arrays[0]) <= BACK)
        flags = frozenset() if back else {"changed_inputs"}
        output = float_array(result)
        again = float_array(answer(f, np.array(case.arrays[0]), **step))
        if output is not None and (again is None or not equal(output, again)):
            flags |= {"second_call_differs"}
        if output is None:
            return broken(
                f"numeric_gradient must return an array of numbers, got {kind_of(result)}."
            )
        return Observation(output=output, flags=frozenset(flags))

    def compare(self, case: Case, observation: Observation) -> Finding:
        """Compare with a far better measurement; the large step's own error is allowed for."""
        x, a, b, c = case.arrays
        h = float(case.options["h"])
        f = cubic(a, b, c)
        measured = Measurement(lambda _ctx, moved: f(moved), (x,))
        found = observation.output
        passed = {case.facet: True, CLEAN: not observation.flags & {"changed_inputs"}}
        facts: list[str] = []
        named: tuple[str, ...] = ()
        fits: tuple[str, ...] = ()
        if found is None or found.shape != x.shape:
            passed[case.facet] = False
            came = "nothing" if found is None else f"shape {found.shape}"
            facts.append(f"expected a gradient of x's shape {x.shape}, got {came}")
            named = ("shape",)
        elif h != USUAL or not measured.confirms(np.ones(()), (found,), case.secret):
            truth = measured.jacobian.vjp(np.ones(()))[0]
            # A central difference, or anything better, is closer than this.
            bound = 3.0 * float(np.max(np.abs(a))) * h**2 + (LOOSE if h == USUAL else 1e-8)
            spot = worst_entry(found, truth, bound)
            if spot is not None:
                fits = explained(found, predictions(f, x, h, truth), NEAR)
                passed[case.facet] = False
                facts.append(f"the gradient{spot}")
                if "second_call_differs" in observation.flags:
                    named = ("random",)
                elif not fits and h == USUAL and np.max(np.abs(found - truth)) < 1.0:
                    fits = ("tiny_step",)
        if not passed[CLEAN]:
            facts.append("x holds other numbers after the call")
            named = named or (() if facts[1:] and fits else ("restored",))
        right = passed[case.facet]

        def mistaken() -> dict[str, tuple[Array, ...]]:
            return predictions(f, x, h, measured.jacobian.vjp(np.ones(()))[0])

        return Finding(
            case.label,
            passed,
            tuple(facts),
            {} if right or named else {"gradient": fits},
            RuledOut({"gradient": refuted(found, mistaken, NEAR)} if right else {}),
            named,
            printed=observation.printed,
            expected=measured.confirmed or measured.jacobian.vjp(np.ones(())),
        )


def _point_and_coefficients(
    rng: np.random.Generator, shape: tuple[int, ...], slope: float
) -> tuple[Array, ...]:
    """Draw x and the coefficients of `cubic`: x of both signs, a gradient mostly of one sign.

    b has the sign of a x, so that the terms of a one-sided difference's error never cancel. A
    single number is negative, so that f has the other sign than `slope`.
    """
    x, a, b, c = (rng.uniform(0.5, 1.5, shape) for _ in range(4))
    signs = rng.choice([-1.0, 1.0], max(1, x.size))
    signs[0] = -1.0
    signs = signs.reshape(shape)
    return tuple(np.asarray(one) for one in (signs * x, slope * a, slope * signs * b, slope * c))


def predictions(
    f: Callable[[Any], float], x: Array, h: float, truth: Array
) -> dict[str, tuple[Array, ...]]:
    """Return what the usual mistakes lead to."""
    right, left, middle = np.empty(x.shape), np.empty(x.shape), f(x)
    kept_right, kept_left = np.empty(x.shape), np.empty(x.shape)
    never_restored = x.copy()
    for index in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[index] = h
        right[index], left[index] = f(x + step), f(x - step)
        never_restored = never_restored + step
        kept_right[index] = f(never_restored)
        never_restored = never_restored - 2 * step
        kept_left[index] = f(never_restored)
    chord = right - left
    together = (f(x + h) - f(x - h)) / (2 * h)
    return {
        "forward_difference": ((right - middle) / h, (middle - left) / h),
        "half_step": (
            chord / h,
            chord / (4 * h),
            2 * (right - middle) / h,
            (right - middle) / 2 / h,
        ),
        "precedence": (chord / 2 * h, right - left / (2 * h), right - left / 2 * h),
        "restored": ((kept_right - kept_left) / (2 * h), np.full(x.shape, together)),
        "truncated": (np.trunc(chord / (2 * h)), np.round(chord / (2 * h))),
        "averaged": (chord / (2 * h * max(x.size, 1)),),
        "sign": (-truth, -chord / (2 * h)),
        "zero": (np.zeros(x.shape),),
    }
