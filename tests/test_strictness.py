"""Values are judged strictly: the right numbers in another shape, type or company are wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conftest import enter_reference

from autograder import wire
from autograder.judge import judged_by
from course_autograd.exercises import Case, Exercise, Observation, WireError, exercises

SPOILED: dict[str, Callable[[Any], Any]] = {
    "nan": lambda array: np.full(array.shape, np.nan),
    "infinite": lambda array: np.full(array.shape, np.inf),
    "minus infinite": lambda array: np.full(array.shape, -np.inf),
    "one axis more": lambda array: array[None],
    "one axis less": lambda array: array.reshape(-1) if array.ndim > 1 else array[None, None],
    "twice": lambda array: np.stack([array, array]),
    "empty": lambda array: np.zeros((0, *array.shape)),
    "none": lambda _array: None,
}


def right_answers() -> Iterator[tuple[Exercise, Case, Observation]]:
    """What the reference does with the questions of every exercise that asks for arrays."""
    namespace = enter_reference()
    for exercise in exercises().values():
        for case in exercise.cases(np.random.default_rng(3)):
            answer = exercise.find_answer(namespace)
            observation = exercise.run(answer, case)
            with np.errstate(all="ignore"):
                finding = exercise.judge(case, observation)
            assert finding.right, (exercise.name, case.label, finding.facts)
            if not finding.doubts:
                yield exercise, case, observation


def judged_part(exercise: Exercise, observation: Observation) -> str:
    """The field in which an exercise's answer is."""
    if exercise.kind == "rule":
        return "gradients"
    return "output" if observation.output is not None else "gradients"


@pytest.mark.parametrize("how", list(SPOILED))
def test_the_right_numbers_spoiled_are_wrong(how):
    asked = 0
    for exercise, case, right in right_answers():
        part = judged_part(exercise, right)
        given = getattr(right, part)
        if part == "output":
            spoiled = SPOILED[how](given)
        else:
            spoiled = tuple(None if one is None else SPOILED[how](one) for one in given)
        if not given_numbers(given):
            continue
        asked += 1
        finding = judged_by(exercise, case, replace(right, **{part: spoiled}))
        assert not finding.right, (exercise.name, case.label)
    assert asked > 100


def given_numbers(given: Any) -> bool:
    arrays = given if isinstance(given, tuple) else (given,)
    return any(one is not None and one.size for one in arrays)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, True, False, "3", None])
def test_values_that_are_no_finite_number_are_wrong(number):
    for exercise in exercises().values():
        if exercise.kind != "values":
            continue
        (case,) = exercise.cases(np.random.default_rng(3))
        finding = exercise.judge(case, Observation(answers=dict.fromkeys(exercise.facets, number)))
        wrong = {key.name for key in exercise.keys if not isinstance(key.truth(), bool)}
        assert not any(finding.passed[name] for name in wrong)


@pytest.mark.parametrize("dtype", ["float32", "int32", "complex128", "<U3", "float16", "V8", "O"])
def test_an_answer_in_another_type_of_numbers_is_no_answer(dtype):
    """A hostile child can send what the wire has; the judge takes float64, int64 and bool."""
    header, arrays = Observation(output=np.ones(3)).to_wire()
    arrays = [np.zeros(3).astype(dtype)]

    def received() -> Observation:
        (frame,) = wire.Decoder().feed(wire.pack({"observation": header}, arrays))
        return Observation.from_wire(frame.header["observation"], list(frame.arrays))

    with pytest.raises((WireError, wire.ProtocolError)):
        received()


def test_what_arrives_is_a_plain_array_and_cannot_be_changed_by_anybody():
    (frame,) = wire.Decoder().feed(wire.pack({}, [np.ones(3)]))
    assert type(frame.arrays[0]) is np.ndarray
    assert not frame.arrays[0].flags.writeable
