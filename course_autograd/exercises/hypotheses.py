"""Which mistake explains these values? One small function per mistake, tried on every case.

A hypothesis predicts the wrong gradients that its mistake leads to. It knows the inputs, the
upstream gradient, the measured derivative, and what the rule answers to an upstream of ones, but
never the rule. Three answers are possible: it explains the values, it rules itself out, or it
says nothing here (a transposition needs a matrix).

A mistake is named only if it explains *every* wrong case, and no right case speaks against it.
The inputs are random, so an agreement to six digits in all of them is no accident.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from course_autograd.exercises.evidence import Evidence, Prediction, same
from course_autograd.exercises.special import SPECIAL
from course_autograd.numeric import Array, jacobian

Hypothesis = Callable[[Evidence, int], Prediction]


# --- hypotheses for every operation --------------------------------------------------------------


def upstream(e: Evidence, i: int) -> Prediction:
    """The local derivative alone."""
    yield "", e.measured.vjp(np.ones(e.output.shape))[i]
    if e.local is not None:
        yield "", e.local[i]
    if e.name == "matmul":
        yield "", e.inputs[1 - i]
        yield "", e.inputs[1 - i].T


def passed(e: Evidence, i: int) -> Prediction:
    """The upstream gradient as it came (where that is not right but for its shape)."""
    if any(unsummed(e, i)):
        return
    yield "", e.upstream
    if e.upstream.ndim == 0 and not e.broadcasts:
        yield "", np.full(e.inputs[i].shape, e.upstream)


def twice(e: Evidence, i: int) -> Prediction:
    """The upstream gradient multiplied in twice."""
    yield "", e.measured.vjp(e.upstream**2)[i]
    if e.upstream.shape in ((), e.truth[i].shape):
        yield "", e.truth[i] * e.upstream
    if e.local is not None:
        yield "", e.local[i] * e.upstream**2


def zero(e: Evidence, i: int) -> Prediction:
    """Nothing."""
    yield "", np.zeros(e.inputs[i].shape)


def sign(e: Evidence, i: int) -> Prediction:
    """The right gradient with the opposite sign."""
    yield "", -e.truth[i]
    if e.local is not None:
        yield "", -e.local[i] * e.upstream


def swapped(e: Evidence, i: int) -> Prediction:
    """The gradient of the other input, if the other one came back with this one's."""
    if len(e.inputs) == 2:
        parts = [g * e.upstream for g in e.local] if e.local is not None else list(e.truth)
        if e.agrees(1 - i, parts[i]):
            yield "", parts[1 - i]


def own(e: Evidence, i: int) -> Prediction:
    """The upstream times the input's own value; makes sense for products."""
    if e.name == "mul":
        yield "", e.upstream * e.spread(i)


def overwritten_upstream(e: Evidence, i: int) -> Prediction:
    """What comes after grad_output was multiplied in place, for the other gradient."""
    if e.name == "mul" and e.local is not None:
        first = e.local[1 - i] * e.upstream
        if e.agrees(1 - i, first):
            yield "", e.local[i] * first


def unfilled(e: Evidence, i: int) -> Prediction:
    """The upstream gradient as it came, where its numbers are to fill a larger shape."""
    if e.name == "sum" and i == 0:
        yield "", e.upstream


def keepdims(e: Evidence, i: int) -> Prediction:
    """Axes added although they are already there: one too many of them."""
    found = e.raw[i]
    if e.options.get("keepdims") and found is not None and found.ndim > e.truth[i].ndim:
        yield "", found


def masked_value(e: Evidence, i: int) -> Prediction:
    """The right gradient times the input's value; makes sense where an input wins or loses."""
    if e.name == "maximum" and e.local is not None:
        yield "", e.local[i] * e.upstream * e.spread(i)


def double(e: Evidence, i: int) -> Prediction:
    """Twice the truth."""
    yield "", 2.0 * e.truth[i]


def half(e: Evidence, i: int) -> Prediction:
    """Half the truth."""
    yield "", 0.5 * e.truth[i]


def value(e: Evidence, i: int) -> Prediction:
    """The upstream times the output."""
    if e.upstream.shape == e.inputs[i].shape:
        yield "", e.upstream * e.output


def point(e: Evidence, i: int) -> Prediction:
    """The derivative taken where the output's value is."""
    if e.local is not None and len(e.inputs) == 1 and not same(e.raw[i], e.truth[i]):
        there = jacobian(e.forward, (e.output,), e.options)
        yield "", there.vjp(e.upstream)[0]


def averaged(e: Evidence, i: int) -> Prediction:
    """The truth divided by a number of entries, the same number in all cases."""
    for note, count in counts(e, i):
        yield note, e.truth[i] / count


def unaveraged(e: Evidence, i: int) -> Prediction:
    """The truth times a number of entries."""
    for note, count in counts(e, i):
        yield note, e.truth[i] * count


def counts(e: Evidence, i: int) -> Iterator[tuple[str, int]]:
    """Yield the numbers one might divide by, and what they count."""
    shape, size, result = e.inputs[i].shape, e.inputs[i].size, e.output.size
    named = {"entries": size, "results": result}
    if result and size % result == 0:
        named["entries per result"] = size // result
    if size and result % size == 0:
        named["copies"] = result // size
    if shape:
        named |= {"rows": shape[0], "columns": shape[-1]}
    if e.output.ndim:
        named |= {"rows of the output": e.output.shape[0]}
    yield from ((note, count) for note, count in named.items() if count > 1)


def transposed(e: Evidence, i: int) -> Prediction:
    """The truth with its axes in reverse order."""
    if e.truth[i].ndim > 1:
        yield "", e.truth[i].T


def product(e: Evidence, i: int) -> Prediction:
    """The product entry by entry where a matrix product belongs."""
    if e.name in ("matmul", "norm_squared") and len(e.inputs) == 2:
        for other in (e.inputs[1 - i], e.inputs[1 - i].T):
            try:
                yield "", e.upstream * other
            except ValueError:
                continue


def unsummed(e: Evidence, i: int) -> Prediction:
    """One gradient per copy of the input, not added up: the output's shape tells."""
    found, shape = e.raw[i], e.inputs[i].shape
    if e.broadcasts or found is None or found.shape != e.output.shape or found.ndim <= len(shape):
        return
    if shape == found.shape[found.ndim - len(shape) :]:
        yield "", found


def one_copy(e: Evidence, i: int) -> Prediction:
    """The upstream of one copy of the input, the others lost."""
    if not e.broadcasts and e.upstream.ndim == e.inputs[i].ndim + 1:
        for row in e.upstream:
            if row.shape == e.inputs[i].shape:
                yield "", row
                yield "", row[None]


def axis(e: Evidence, i: int) -> Prediction:
    """Summed over another axis, or over all of them."""
    if e.broadcasts or e.upstream.ndim < 2 or e.inputs[i].shape == e.output.shape:
        return
    for one in range(e.upstream.ndim):
        if e.upstream.sum(axis=one).shape != e.inputs[i].shape:
            yield "", e.upstream.sum(axis=one)
            yield "", e.upstream.sum(axis=one, keepdims=True)
    yield "", e.upstream.sum()


def shape(e: Evidence, i: int) -> Prediction:
    """The right numbers in another shape, or added up to one."""
    found, rights = e.raw[i], [e.truth[i]]
    if e.broadcasts and e.local is not None:
        rights.append(e.local[i] * e.upstream)  # an elementwise rule may leave the sums to others
    if found is None or any(found.shape == right.shape for right in rights):
        return
    for right in rights:
        if (found.size == right.size and same(found.ravel(), right.ravel())) or (
            not found.ndim
            and right.size
            and (same(np.full(right.shape, found), right) or same(found, right.sum()))
        ):
            yield "", found
            return


def truncated(e: Evidence, i: int) -> Prediction:
    """The truth without its digits after the point."""
    yield "", np.trunc(e.truth[i])
    yield "", np.round(e.truth[i])


def ignores(e: Evidence, i: int) -> Prediction:
    """What the rule returns for ones: the upstream plays no role."""
    if i < len(e.ones):
        found, ones = e.raw[i], e.ones[i]
        if found is not None and ones is not None and not same(np.zeros(found.shape), found):
            yield "", ones


GENERAL: tuple[tuple[str, Hypothesis], ...] = (
    ("zero", zero),
    ("upstream", upstream),
    ("passed", passed),
    ("twice", twice),
    ("sign", sign),
    ("swapped", swapped),
    ("own", own),
    ("masked_value", masked_value),
    ("changed_upstream", overwritten_upstream),
    ("unfilled", unfilled),
    ("keepdims", keepdims),
    ("double", double),
    ("half", half),
    ("unsummed", unsummed),
    ("transposed", transposed),
    ("averaged", averaged),
    ("unaveraged", unaveraged),
    ("product", product),
    ("one_copy", one_copy),
    ("axis", axis),
    ("point", point),
    ("value", value),
    ("truncated", truncated),
    ("shape", shape),
    ("ignores", ignores),
)


def explain(e: Evidence, position: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the mistakes that explain the values of one input, and those ruled out by them.

    Names carry a note where the mistake has variants (``"averaged:rows"``): the same variant must
    explain every case.
    """
    found = e.raw[position]
    if found is None:
        return (), ()
    if not np.all(np.isfinite(found)):
        return ("overflow",), ()
    outcomes: dict[str, bool] = {}
    with np.errstate(all="ignore"):
        for key, note, prediction in _predictions(e, position):
            name = f"{key}:{note}" if note else key
            outcomes[name] = outcomes.get(name, False) or e.agrees(position, prediction)
    fits = tuple(name for name, fit in outcomes.items() if fit)
    if "unsummed" in fits and found.size != e.inputs[position].size:
        fits = ("unsummed",)  # before anything else: the values mean nothing yet
    return fits, tuple(name for name, fit in outcomes.items() if not fit)


def _predictions(e: Evidence, position: int) -> Iterator[tuple[str, str, Array]]:
    for key, special in SPECIAL.get(e.name, ()):
        for note, prediction in special(e):
            yield key, note, prediction
    for key, hypothesis in GENERAL:
        for note, prediction in hypothesis(e, position):
            yield key, note, prediction
