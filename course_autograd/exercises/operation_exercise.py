"""Exercises about one operation: its backward rule, or the whole of it.

Everything comes from the operation's own declaration: inputs from its domain, the truth from its
declared forward rule. An operation with an ``exercise`` attribute needs nothing more to be one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from course_autograd.backward import backpropagate
from course_autograd.contract import conform
from course_autograd.domain import signs
from course_autograd.errors import GradientContractError
from course_autograd.exercises.base import (
    CLEAN,
    Array,
    Case,
    Exercise,
    Finding,
    Observation,
    Trouble,
)
from course_autograd.exercises.evidence import Evidence
from course_autograd.exercises.hypotheses import explain
from course_autograd.exercises.observe import (
    MOST,
    as_engine,
    changed,
    equal,
    float_array,
    float_arrays,
    message_of,
    observe,
    overlap,
    snapshot,
    stopped,
)
from course_autograd.exercises.ruled_out import RuledOut
from course_autograd.exercises.special import VALUES
from course_autograd.exercises.values import number_words, numbers_in_words
from course_autograd.kinks import in_hull, nearby_gradients, nearby_jacobians
from course_autograd.mistakes import CATALOGUE
from course_autograd.numeric import Measurement, evaluate, joined
from course_autograd.operation import Operation
from course_autograd.registering import replaced_operations
from course_autograd.rule import run_rule
from course_autograd.symptoms import from_error, from_flags
from course_autograd.tensor import Tensor, apply

SEEDS = 3
FORWARD = "forward"
FORWARD_TOLERANCE = 1e-9
# Said where the measurement itself is too uncertain to find an answer wrong.
UNSURE = "inconclusive, since there is a kink, no finite value, or too steep a slope to measure"
DECOY = 0.9  # forward runs on other inputs meanwhile: what it saves must not mix with this


class OperationExercise(Exercise):
    """The backward rule of one operation, or forward and backward of a whole one.

    Parameters
    ----------
    operation : type
        An operation that declares ``exercise`` and ``domain``.

    Raises
    ------
    ValueError
        If it declares none.
    """

    def __init__(self, operation: type[Operation]) -> None:
        if operation.exercise is None or operation.domain is None:
            raise ValueError(
                f"{operation.__name__} is no exercise: expected the class attributes exercise and "
                "domain. Declare both."
            )
        self.operation = operation
        self.domain = operation.domain
        self.name = operation.__name__
        self.assignment = operation.exercise
        self.kind = "whole" if operation.whole else "rule"
        self.facets = ((FORWARD,) * operation.whole) + self.domain.facets + (CLEAN,)
        self.how = f"each with {SEEDS} seeds and random upstream gradients of both signs"
        self.names = input_names(operation)
        self._around: dict[tuple[Any, ...], Array] = {}  # kinks, and what lies near them

    def find_answer(self, namespace: Mapping[str, Any]) -> Any | None:  # noqa: ARG002
        """Return the operation itself once a rule has been registered for it."""
        return self.operation if self.operation in replaced_operations() else None

    def todo(self) -> str:
        """Say where the rule is to be written."""
        if self.kind == "whole":
            what = f"the class {self.name} under @implements(ops.{self.name})"
        else:
            what = f"{self.name}_backward under @backward_of(ops.{self.name})"
        return (
            f"Write {what} (assignment {self.assignment}), without the line that raises "
            "NotImplementedError; run that cell and check again."
        )

    # --- questions ---------------------------------------------------------------------------

    def cases(self, rng: np.random.Generator) -> list[Case]:
        """Draw smooth inputs for every family and seed, kinks, large numbers, and one graph."""
        cases = []
        for example in self.domain.examples:
            for seed in range(SEEDS):
                values, options = self.domain.draw(example, rng)
                cases.append(self._case(example.facet, values, options, rng, sign=(-1) ** seed))
        graph = self.domain.examples[min(1, len(self.domain.examples) - 1)]
        cases.append(self._graph_case(graph.facet, *self.domain.draw(graph, rng), rng))
        for kink in self.domain.kinks:
            for sign in (1, -1):
                case = self._case("kinks", kink.inputs, kink.options, rng, kind="kink", sign=sign)
                cases.append(case)
        for extreme in self.domain.extremes:
            case = self._case("large numbers", extreme.inputs, extreme.options, rng, sign=1)
            cases.append(replace(case, label=self._label(case.arrays, case.options, sizes=True)))
        return cases

    def _case(
        self,
        facet: str,
        values: tuple[Any, ...],
        options: Mapping[str, Any],
        rng: np.random.Generator,
        *,
        sign: int,
        kind: str = "smooth",
    ) -> Case:
        arrays = tuple(np.array(value, dtype=np.float64) for value in values)
        plain = {name: _plain_option(value) for name, value in options.items()}
        shape = np.shape(self.operation.declared_forward([], *map(as_engine, arrays), **plain))
        upstream = draw_upstream(rng, shape, sign)
        return Case(facet, self._label(arrays, plain), arrays, plain, upstream, kind)

    def _graph_case(
        self,
        facet: str,
        values: tuple[Any, ...],
        options: Mapping[str, Any],
        rng: np.random.Generator,
    ) -> Case:
        case = self._case(facet, values, options, rng, sign=1)
        assert case.upstream is not None
        other = draw_upstream(rng, case.upstream.shape, -1)
        label = f"{case.label}, the same tensors used twice in one graph"
        both = np.stack([case.upstream, other])
        return Case(facet, label, case.arrays, case.options, both, "graph")

    def _label(
        self, arrays: tuple[Array, ...], options: Mapping[str, Any], *, sizes: bool = False
    ) -> str:
        """Return a case in words; with `sizes`, also how large its entries are."""
        shapes = []
        for name, array in zip(self.names, arrays, strict=True):
            words = f"{name} {array.shape}" if array.ndim else f"{name} a number"
            if sizes and array.ndim:
                words += f", entries up to ±{np.max(np.abs(array)):g}"
            elif sizes:
                words = f"{name} = {number_words(float(array))}"
            shapes.append(words)
        constants = [
            f"{name} = {value.tolist() if isinstance(value, np.ndarray) else value}"
            for name, value in options.items()
        ]
        return ", ".join(shapes + constants)

    # --- the only part that touches an answer ------------------------------------------------

    def run(self, answer: Any, case: Case) -> Observation:
        """Run forward and backward of the operation as registered now."""
        operation = answer if isinstance(answer, type) else self.operation
        ask = self._ask_graph if case.kind == "graph" else self._ask
        return observe(lambda: ask(operation, case))

    def _ask(self, operation: Any, case: Case) -> Observation:
        values = [as_engine(array) for array in case.arrays]
        given = snapshot(values)
        options = {name: _copied(value) for name, value in case.options.items()}
        ctx: list[Any] = []
        output = float_array(operation.forward(ctx, *values, **options))  # as it is before backward
        flags = {"changed_inputs"} if changed(values, given) else set()
        saved = tuple(ctx)
        kept = snapshot(saved)
        needs = (True,) * len(values)

        assert case.upstream is not None
        grad_output = as_engine(case.upstream)
        sent = snapshot([grad_output])
        gradients = run_rule(operation, saved, needs, grad_output)
        raw = float_arrays(gradients)
        flags |= self._side_effects(gradients, grad_output, sent, saved, kept, values, given)

        accepted, error = self._conformed(gradients, values, np.shape(grad_output))

        again = float_arrays(run_rule(operation, saved, needs, as_engine(case.upstream)))
        if len(again) != len(raw) or not all(map(_agree, raw, again)):
            flags.add("second_call_differs")
        ones = as_engine(np.ones(np.shape(grad_output)))
        return Observation(
            output=output,
            gradients=accepted,
            raw=raw,
            ones=float_arrays(run_rule(operation, saved, needs, ones)),
            error=error,
            flags=frozenset(flags),
        )

    def _conformed(
        self, gradients: Any, values: list[Any], shape: tuple[int, ...]
    ) -> tuple[tuple[Array | None, ...], Trouble | None]:
        """Hold what came back against the contract; copies, which later calls cannot change."""
        try:
            arrays = conform(
                self.name,
                gradients,
                values,
                shape,
                broadcasts=self.operation.broadcasts,
                names=self.names,
            )
        except GradientContractError as error:
            return (), Trouble("contract", message_of(error, bare=True))
        return float_arrays(arrays), None

    @staticmethod
    def _side_effects(
        gradients: Any,
        grad_output: Any,
        sent: list[Array | None],
        saved: tuple[Any, ...],
        kept: list[Array | None],
        values: list[Any],
        given: list[Array | None],
    ) -> set[str]:
        flags = set()
        if changed([grad_output], sent):
            flags.add("changed_grad_output")
        if changed(values, given):
            flags.add("changed_inputs")
        if changed(saved, kept):
            flags.add("changed_ctx")
        # No more than can be meant: a rule may return a million entries.
        returned = gradients[:MOST] if isinstance(gradients, tuple | list) else (gradients,)
        # Sharing memory with grad_output is no harm: the engine copies where it must.
        if any(overlap(one, other) for one in returned for other in (*values, *saved)):
            flags.add("shares_memory")
        return flags

    def _ask_graph(self, operation: Any, case: Case) -> Observation:
        assert case.upstream is not None
        leaves = [Tensor(array) for array in case.arrays]
        options = {name: _copied(value) for name, value in case.options.items()}
        first = apply(operation, tuple(leaves), options)
        output = float_array(first.value)
        second = apply(operation, tuple(leaves), options)
        operation.forward([], *(as_engine(DECOY * array) for array in case.arrays), **options)
        backpropagate(first, as_engine(case.upstream[0]))
        backpropagate(second, as_engine(case.upstream[1]))
        gradients = float_arrays([leaf.grad for leaf in leaves])
        alone = [self._alone(operation, case, upstream) for upstream in case.upstream]
        apart = len(alone[0]) != len(gradients) or not all(
            map(_agree, gradients, (_sum(*both) for both in zip(*alone, strict=True)))
        )
        return Observation(
            output=output,
            gradients=gradients,
            flags=frozenset({"mixed_up"} if apart else ()),
        )

    def _alone(self, operation: Any, case: Case, upstream: Array) -> tuple[Array | None, ...]:
        """Return the gradients of one use of the operation with nothing else in between."""
        leaves = [Tensor(array) for array in case.arrays]
        options = {name: _copied(value) for name, value in case.options.items()}
        backpropagate(apply(operation, tuple(leaves), options), as_engine(upstream))
        return float_arrays([leaf.grad for leaf in leaves])

    # --- judging -----------------------------------------------------------------------------

    def judge(self, case: Case, observation: Observation) -> Finding:
        """Compare with the measured gradient of the declared forward rule."""
        assert case.upstream is not None
        error = observation.error
        if error is not None and error.kind in ("undone", "missing", "exception"):
            return self._stopped(case, error, observation)
        measured = self.measure(case)
        passed = {case.facet: True, CLEAN: True}
        doubts: list[str] = []
        facts: list[str] = []
        certain: tuple[str, ...] = ()
        if self.kind == "whole":
            # Large numbers are a facet of their own: an overflow costs only that one.
            facet = FORWARD if case.facet != "large numbers" else case.facet
            passed[facet] = self._value_is_right(observation, measured, facts, doubts)
            if case.facet == "large numbers" and passed[facet] and "warned" in observation.flags:
                # 1 / (1 + inf) happens to be right; inf in between is an overflow all the same.
                passed[facet] = False
                facts.append("NumPy warned of an overflow on the way to a finite result")
                certain = ("overflow",)
        fits: dict[str, tuple[str, ...]] = {}
        refuted: Mapping[str, tuple[str, ...]] = {}
        if error is not None:
            passed[case.facet] = False
            facts.append(error.message)
            certain = self._told_by(case, error)
        if case.kind == "kink":
            if error is None:
                certain = self._judge_kink(case, observation, passed, facts, doubts)
        else:
            wrong = self._wrong_inputs(case, observation, measured, facts, doubts)
            if wrong:
                passed[case.facet] = False
            if case.kind == "smooth" and not doubts:
                fits, refuted = self._explain(case, observation, measured, wrong, error)
        if error is None and not passed.get(FORWARD, True):
            # One mistake at a time, and forward comes first.
            certain, fits = self._told_by_value(case, observation, measured), {}
        side_effects = from_flags(observation.flags)
        if side_effects:
            passed[CLEAN] = False
            facts += [f"{CATALOGUE[key].name}" for key in side_effects if not facts]
        mixed_up = ("random",) if "mixed_up" in observation.flags else ()
        return Finding(
            case.label,
            passed,
            tuple(facts),
            fits,
            refuted,
            certain,
            side_effects or mixed_up,
            printed=observation.printed,
            doubts=tuple(doubts),
            inputs=self._numbers(case),
            expected=self._expected(case, measured),
        )

    def measure(self, case: Case) -> Measurement:
        """Return the derivative of the declared forward rule at the inputs of a case."""
        return Measurement(self.operation.declared_forward, case.arrays, case.options)

    def _expected(self, case: Case, measured: Measurement) -> tuple[Any, ...]:
        """Return what a right answer had to agree with."""
        if case.kind == "kink":
            return (measured.output, *self.corners(case))
        if measured.confirmed:
            return measured.output, measured.confirmed
        return measured.output, measured.jacobian.vjp(total_upstream(case))

    def corners(self, case: Case) -> list[Array]:
        """Return the gradients at smooth points around the inputs of a case.

        The kinks of an operation are few and fixed: around them is measured once.
        """
        forward = self.operation.declared_forward
        key = (forward, repr(case.options), *(array.tobytes() for array in case.arrays))
        nearby = self._around.get(key)
        if nearby is None:
            nearby = nearby_jacobians(forward, case.arrays, case.options)
            if case.kind == "kink":
                self._around[key] = nearby
        return nearby_gradients(nearby, total_upstream(case))

    def _stopped(self, case: Case, error: Trouble, observation: Observation) -> Finding:
        """Return the finding for an answer that returned nothing."""
        passed = {case.facet: False} | ({FORWARD: False} if self.kind == "whole" else {})
        return Finding(
            case.label,
            passed,
            (error.message,) if error.kind == "missing" else stopped(error),
            mistakes=self._told_by(case, error) if error.kind == "exception" else (),
            undone=error.kind == "undone",
            printed=observation.printed,
            stopped=error.kind == "exception",
        )

    def _numbers(self, case: Case) -> str:
        """Return the numbers of a case in words, if they are few."""
        if case.kind == "graph":
            return ""
        named = dict(zip(self.names, case.arrays, strict=True))
        return numbers_in_words(named | {"grad_output": np.asarray(case.upstream)})

    def _told_by(self, case: Case, error: Trouble) -> tuple[str, ...]:
        """Return the mistakes an error tells of, the narrower one first."""
        keys = from_error(error.message, self.name, error.line)
        if keys == ("product",) and self.name == "matmul" and _has_vector(case):
            return ("vectors", *keys)
        if keys == ("axis",) and case.options.get("keepdims"):
            return ("keepdims", *keys)
        return keys

    def _told_by_value(
        self, case: Case, observation: Observation, measured: Measurement
    ) -> tuple[str, ...]:
        """Return the mistake behind a wrong value of forward."""
        found = observation.output
        forward = self.operation.declared_forward

        def at(change: Callable[[Array], Array]) -> Array:
            return evaluate(forward, [change(array) for array in case.arrays], case.options)

        with np.errstate(all="ignore"):
            for key, fits in VALUES.get(self.name, ()):
                if found is not None and fits(found, measured.output, at):
                    return (key,)
        return ("forward_value",)

    def _value_is_right(
        self,
        observation: Observation,
        measured: Measurement,
        facts: list[str],
        doubts: list[str],
    ) -> bool:
        found, truth = observation.output, measured.output
        if found is None:
            facts.append("forward returned no array of real numbers")
            return False
        if found.shape != truth.shape:
            facts.append(f"forward returned shape {found.shape}, expected {truth.shape}")
            return False
        infinite = ~np.isfinite(truth)
        if infinite.any():
            doubts.append("the value from forward: the declared forward rule is not finite here")
        largest = float(np.max(np.abs(truth), initial=0.0, where=~infinite))
        spot = worst_entry(found, truth, FORWARD_TOLERANCE * max(1.0, largest), infinite)
        if spot is None:
            return True
        facts.append(f"the value from forward{spot}")
        return False

    def _wrong_inputs(
        self,
        case: Case,
        observation: Observation,
        measured: Measurement,
        facts: list[str],
        doubts: list[str],
    ) -> list[int]:
        """Return the positions of the inputs whose gradient is wrong; add what was seen.

        First along random directions; only what is not confirmed by them is measured in full.
        Entries that could not be measured well enough decide nothing, unless the answer is a
        subgradient: then it is right without any doubt.
        """
        if observation.error is not None:
            return []
        upstream = total_upstream(case)
        given = [one for one in observation.gradients if one is not None]
        fitting = [one.shape for one in given] == [array.shape for array in case.arrays]
        if fitting and measured.confirms(upstream, given, case.secret):
            return []
        wrong: list[int] = []
        unsure: list[str] = []
        jacobian = measured.judging(upstream, observation.gradients)
        for i, truth in enumerate(jacobian.vjp(upstream)):
            found = observation.gradients[i] if i < len(observation.gradients) else None
            if found is None or found.shape != truth.shape:
                came = "nothing" if found is None else f"shape {found.shape}"
                facts.append(f"gradient of {self.names[i]}: expected {truth.shape}, got {came}")
                wrong.append(i)
                continue
            doubtful = jacobian.doubtful(upstream, i)
            spot = worst_entry(found, truth, jacobian.tolerance(upstream, i), doubtful)
            if spot is not None:
                facts.append(f"gradient of {self.names[i]}{spot}")
                wrong.append(i)
            if doubtful.any():
                count = int(np.count_nonzero(doubtful))
                entries = f", {count} of {doubtful.size} entries" if doubtful.ndim else ""
                unsure.append(f"gradient of {self.names[i]}{entries}: {UNSURE}")
        if unsure and (wrong or not self._is_subgradient(case, observation)):
            doubts += unsure
        return wrong

    def _is_subgradient(self, case: Case, observation: Observation) -> bool:
        """Whether the answer is an average of the gradients around the inputs."""
        answer = joined([one for one in observation.gradients if one is not None])
        return in_hull(answer, self.corners(case))

    def _explain(
        self,
        case: Case,
        observation: Observation,
        measured: Measurement,
        wrong: list[int],
        error: Trouble | None,
    ) -> tuple[dict[str, tuple[str, ...]], Mapping[str, tuple[str, ...]]]:
        """Return the mistakes that fit and those ruled out, per input."""
        fits: dict[str, tuple[str, ...]] = {}
        assert case.upstream is not None
        if len(observation.raw) != len(case.arrays):
            return fits, {}
        evidence = Evidence(
            self.name,
            self.operation.declared_forward,
            self.operation.broadcasts,
            case.arrays,
            case.options,
            case.upstream,
            measured,
            observation.raw,
            observation.ones,
        )
        ruled_out: dict[str, Callable[[], tuple[str, ...]]] = {}
        for i, name in enumerate(self.names):
            found, shape = observation.raw[i], case.arrays[i].shape
            broken = error is not None and (found is None or found.shape != shape)
            if i in wrong or broken:
                fits[name], _ = explain(evidence, i)
            elif error is None:
                ruled_out[name] = partial(_ruled_out, evidence, i)
        return fits, RuledOut(ruled_out)

    def _judge_kink(
        self,
        case: Case,
        observation: Observation,
        passed: dict[str, bool],
        facts: list[str],
        doubts: list[str],
    ) -> tuple[str, ...]:
        """Accept every subgradient; name the ways of missing them at a tie."""
        found = observation.gradients
        if len(found) != len(case.arrays) or any(
            one is None or one.shape != array.shape
            for one, array in zip(found, case.arrays, strict=False)
        ):
            passed[case.facet] = False
            facts.append("the gradients have other shapes than the inputs")
            return ()
        corners = self.corners(case)
        if not corners:
            doubts.append(f"gradients at the kink: {UNSURE}")
            return ()
        answer = joined([one for one in found if one is not None])
        if in_hull(answer, corners):
            return ()
        passed[case.facet] = False
        spread = np.ptp(np.stack(corners), axis=0)
        at_kink = spread > 1e-2
        lower, upper = np.min(corners, axis=0), np.max(corners, axis=0)
        listed = ", ".join(number_words(float(one)) for one in answer[at_kink])
        elsewhere = np.any(np.abs(answer - corners[0])[~at_kink] > 1e-2)
        if elsewhere or not at_kink.any():
            facts.append("beside the kink, the gradient is wrong, too")
            return ()
        facts.append(
            f"at the kink your gradient is {listed}: none of the values that are possible there"
        )
        if len(case.arrays) > 1:
            largest = np.where(np.abs(upper) > np.abs(lower), upper, lower)
            if np.allclose(answer[at_kink], largest[at_kink]):
                return ("tie_both",)
            if np.allclose(answer[at_kink], 0.0):
                return ("tie_none",)
        return ()


def _ruled_out(evidence: Evidence, position: int) -> tuple[str, ...]:
    return explain(evidence, position)[1]


def input_names(operation: type[Operation]) -> tuple[str, ...]:
    """Return the names of an operation's inputs, from its declared forward rule."""
    parameters = list(inspect.signature(operation.declared_forward).parameters.values())[1:]
    return tuple(
        parameter.name
        for parameter in parameters
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    )


def draw_upstream(rng: np.random.Generator, shape: tuple[int, ...], sign: int) -> Array:
    """Draw an upstream gradient: never near 0 or ±1, and of both signs if there is room."""
    sizes = signs(rng, shape) * np.where(
        rng.random(shape) < 0.5, rng.uniform(0.3, 0.8, shape), rng.uniform(1.25, 2.2, shape)
    )
    flat = np.array(sizes, dtype=np.float64).ravel()
    if flat.size:
        flat[0] = sign * abs(flat[0])
    if flat.size > 1:
        flat[-1] = -sign * abs(flat[-1])
    return flat.reshape(shape)


def total_upstream(case: Case) -> Array:
    """Return the upstream gradient of a case; the sum of both, where a graph has two."""
    upstream = np.asarray(case.upstream)
    return np.asarray(upstream.sum(axis=0)) if case.kind == "graph" else upstream


def worst_entry(
    found: Array, truth: Array, bound: float, doubtful: Array | None = None
) -> str | None:
    """Say which entry is farthest off, if one is farther off than `bound`.

    Entries that are `doubtful` do not count.
    """
    with np.errstate(all="ignore"):
        distance = np.abs(found - truth)
    distance = np.where(np.isfinite(found), distance, np.inf)
    if doubtful is not None:
        distance = np.where(doubtful, 0.0, distance)
    if not distance.size or float(np.max(distance)) <= bound:
        return None
    index = np.unravel_index(int(np.argmax(distance)), distance.shape)
    place = f", entry {[int(one) for one in index]}" if index else ""
    yours, measured = (number_words(float(array[index])) for array in (found, truth))
    if yours != measured:
        return f"{place}: yours {yours}, measured {measured}"
    with np.errstate(all="ignore"):
        coarse = np.array_equal(found, found.astype(np.float32), equal_nan=True)
    why = " (computed in float32?)" if coarse else ""
    yours, measured = (number_words(float(array[index]), 12) for array in (found, truth))
    return f"{place}: yours {yours}, measured {measured}{why}"


def _agree(left: Array | None, right: Array | None) -> bool:
    if left is None or right is None:
        return left is right
    if left.shape != right.shape:
        return False
    return equal(left, right) or bool(np.allclose(left, right, rtol=1e-12, atol=0, equal_nan=True))


def _sum(left: Array | None, right: Array | None) -> Array | None:
    return None if left is None or right is None else left + right


def _has_vector(case: Case) -> bool:
    return any(array.ndim == 1 for array in case.arrays)


def _plain_option(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _copied(value: Any) -> Any:
    return np.array(value) if isinstance(value, np.ndarray) else value
