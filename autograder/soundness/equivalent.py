"""Mutants that are right: accepted by the checks, and rightly so; each with the reason.

Keyed by exercise and change, as `autograder.soundness.mutate` words it. A survivor that does not
stand here is a gap in the checks; an entry here that is caught, or does not exist, is reported.
"""

# ruff: noqa: E501  (a table: one line per mutant)

from __future__ import annotations

KINK = "where x = y, any split is right"
EVEN = "an even power does not see the sign"
SAME_SIZE = "both have one entry per row"
SAME_KEYS = "the same keys; their order is not used"
TWO_AXES = "the array has two axes: the last is the second"
ONE_AXIS = "a vector has one axis: it is its own transpose"
ONE_AXIS_SUM = "a vector has one axis: all of it is summed"
ONE_NUMBER = "a single number is its own transpose"
POSITIVE_SQUARES = "a sum of squares is never negative"
POSITIVE_PART = "the positive part is never negative"
GIVEN_DTYPE = "the engine gives a gradient the dtype of its value"
FLOATS = "x is an array of floats in this exercise"
OVERWRITTEN = "every entry is overwritten"
NEEDS = "`ctx.needs` only spares work: a rule may always return a gradient"
OTHER_NEEDS = (
    "no exercise asks for `ctx.needs`, and check needs all gradients; where one is not needed, the "
    "engine refuses the None that comes for the other"
)

# Exercise -> change -> why the changed answer is right, too.
EQUIVALENT: dict[str, dict[str, str]] = {
    "maximum": {
        "x_wins = x >= y → x_wins = x > y": KINK,
        "grad_output * x_wins → grad_output * abs(x_wins)": "a truth value has no sign",
        "grad_output * (1 - x_wins) → grad_output * (1 - abs(x_wins))": "a truth value has no sign",
    },
    "numeric_gradient": {
        "point = np.array(x, dtype=float) → point = x": "restored entry by entry: x holds the same numbers after the call",
        "point = np.array(x, dtype=float) → point = np.array(x)": FLOATS,
        "gradient = np.zeros_like(point) → gradient = np.ones_like(point)": OVERWRITTEN,
        "gradient = np.zeros_like(point) → gradient = np.empty_like(point)": OVERWRITTEN,
        "gradient = np.zeros_like(point) → gradient = np.zeros_like(x)": FLOATS,
        "for index in np.ndindex(point.shape): → for index in reversed(list(np.ndindex(point.shape))):": "the order of the entries does not matter",
        "np.ndindex(point.shape) → np.ndindex(gradient.shape)": "the same shape",
        "np.ndindex(point.shape) → np.ndindex(x.shape)": "the same shape",
        "middle = point[index] → middle = x[index]": "the copy still holds x's entry here",
        "point[index] = middle + h → point[index] = middle + abs(h)": "a step is a positive number",
        "point[index] = middle - h → point[index] = middle - abs(h)": "a step is a positive number",
        "gradient[index] = (above - below) / (2 * h) → gradient[index] += (above - below) / (2 * h)": "each entry is met once, and was 0",
        "gradient[index] = (above - below) / (2 * h) → gradient[index] = (above - below) / (2 * abs(h))": "a step is a positive number",
    },
    "neuron_by_hand": {
        "0.39 → 0.4": "what comes out with two decimals at every step",
    },
    "backpropagate": {
        "gradient = dict.fromkeys(order, 0.0) → gradient = dict.fromkeys(local, 0.0)": SAME_KEYS,
        "gradient = dict.fromkeys(order, 0.0) → gradient = dict.fromkeys(parents, 0.0)": SAME_KEYS,
        "gradient[order[-1]] = 1.0 → gradient[order[-1]] += 1.0": "it was 0",
        "reversed(order) → reversed(gradient)": "made from `order`, in that order",
        "for parent, derivative in zip(parents[node], local[node], strict=True): → for parent, derivative in reversed(list(zip(parents[node], local[node], strict=True))):": "one node's messages may be sent in any order",
        "zip(parents[node], local[node], strict=True) → zip(parents[node], local[node])": "a graph has one derivative per parent",
        "zip(parents[node], local[node], strict=True) → zip(parents[node], local[node], strict=False)": "a graph has one derivative per parent",
    },
    "reciprocal": {
        "return (-grad_output / x ** 2,) → return (-grad_output / (-x) ** 2,)": EVEN,
        "return (-grad_output / x ** 2,) → return (-grad_output / abs(x) ** 2,)": EVEN,
    },
    "exp": {
        "return (grad_output * output,) → return (grad_output * abs(output),)": "an exponential is positive",
    },
    "sigmoid": {
        "np.where(y >= 0, 1.0, small) / (1.0 + small) → np.where(y > 0, 1.0, small) / (1.0 + small)": "at 0 both branches give one half",
        "np.where(y >= 0, 1.0, small) / (1.0 + small) → np.where(y >= 0, 1.0, small) / (1.0 + abs(small))": "an exponential is positive",
        "return output → return abs(output)": "the output lies between 0 and 1",
        "(grad_output * output * (1 - output),) → (grad_output * abs(output) * (1 - output),)": "the output lies between 0 and 1",
        "(grad_output * output * (1 - output),) → (grad_output * output * (1 - abs(output)),)": "the output lies between 0 and 1",
    },
    "jacobians": {
        "409600 ** 2 * 4 / 2 ** 30 → 409601 ** 2 * 4 / 2 ** 30": "625.003 for 625: the exercise asks for the number to within 1",
        "409600 ** 2 * 4 / 2 ** 30 → 409599 ** 2 * 4 / 2 ** 30": "625.003 for 625: the exercise asks for the number to within 1",
    },
    "add_bias": {
        "(grad_output, grad_output.sum(axis=0)) → (grad_output, grad_output.sum(axis=0).T)": ONE_AXIS,
    },
    "matmul": {
        "x if x.ndim == 2 else x[np.newaxis, :] → x if x.ndim >= 2 else x[np.newaxis, :]": "operands have one or two axes",
        "x if x.ndim == 2 else x[np.newaxis, :] → x if x.ndim == 2 else x[np.newaxis,]": "NumPy adds the missing slice",
        "y if y.ndim == 2 else y[:, np.newaxis] → y if y.ndim >= 2 else y[:, np.newaxis]": "operands have one or two axes",
        "(rows.shape[0], columns.shape[1]) → (rows.shape[0], columns.shape[-1])": TWO_AXES,
        "(upstream @ columns.T).reshape(x.shape) if ctx.needs[0] else None → (upstream @ columns.T).reshape(x.shape)": NEEDS,
        "ctx.needs[0] → ctx.needs": NEEDS,
        "ctx.needs[0] → ctx.needs[1]": OTHER_NEEDS,
        "ctx.needs[0] → ctx.needs[-1]": OTHER_NEEDS,
        "(rows.T @ upstream).reshape(y.shape) if ctx.needs[1] else None → (rows.T @ upstream).reshape(y.shape)": NEEDS,
        "ctx.needs[1] → ctx.needs": NEEDS,
        "ctx.needs[1] → ctx.needs[0]": OTHER_NEEDS,
        "ctx.needs[1] → ctx.needs[-1]": "the last of two is the second",
    },
    "norm_squared": {
        "q = W @ x → q = W @ x.T": ONE_AXIS,
        "return np.sum(q ** 2) → return np.sum(q ** 2, axis=0)": ONE_AXIS_SUM,
        "return np.sum(q ** 2) → return np.sum(q ** 2, axis=-1)": ONE_AXIS_SUM,
        "return np.sum(q ** 2) → return np.sum(q ** 2, axis=None)": ONE_AXIS_SUM,
        "return np.sum(q ** 2) → return abs(np.sum(q ** 2))": POSITIVE_SQUARES,
        "return np.sum(q ** 2) → return np.sum(q ** 2).T": ONE_NUMBER,
        "return np.sum(q ** 2) → return np.sum((-q) ** 2)": EVEN,
        "return np.sum(q ** 2) → return np.sum(abs(q) ** 2)": EVEN,
        "return (np.outer(grad_q, x), grad_q @ W) → return (np.outer(grad_q, x), (grad_q @ W).T)": ONE_AXIS,
        "return (np.outer(grad_q, x), grad_q @ W) → return (np.outer(grad_q, x), grad_q.T @ W)": ONE_AXIS,
    },
    "sum": {
        "np.broadcast_to(grad_output, shape).copy() → np.broadcast_to(grad_output, shape)": "a view of the upstream gradient: the engine copies where it adds up",
    },
    "relu": {
        "output = np.maximum(0, x) → output = np.maximum(x, 0)": "the larger of two, in either order",
        "ctx.append(output) → ctx.append(x)": "x and its positive part are positive at the same entries",
        "return output → return abs(output)": POSITIVE_PART,
        "return (grad_output * (output > 0),) → return (grad_output * (output != 0),)": POSITIVE_PART,
    },
    "tanh": {
        "return (grad_output * (1 - output ** 2),) → return (grad_output * (1 - (-output) ** 2),)": EVEN,
        "return (grad_output * (1 - output ** 2),) → return (grad_output * (1 - abs(output) ** 2),)": EVEN,
    },
    "hinge": {
        "count = len(labels) → count = len(margins)": SAME_SIZE,
        "push = (margins > 0).astype(margins.dtype) → push = (margins != 0).astype(margins.dtype)": "a margin is never negative",
        "push = (margins > 0).astype(margins.dtype) → push = (margins > 0).astype(grad_output.dtype)": GIVEN_DTYPE,
        "push = (margins > 0).astype(margins.dtype) → push = (margins > 0).astype(labels.dtype)": GIVEN_DTYPE,
        "push[np.arange(count), labels] = -push.sum(axis=1) → push[np.arange(count), labels] += -push.sum(axis=1)": "the margin in the label's column is 0",
        "-push.sum(axis=1) → -push.sum(axis=-1)": TWO_AXES,
        "return (push * (grad_output / count),) → return (push * (grad_output / abs(count)),)": "a number of rows is positive",
    },
    "softmax_cross_entropy": {
        "count = len(labels) → count = len(probabilities)": SAME_SIZE,
        "return (gradient * (grad_output / count),) → return (gradient * (grad_output / abs(count)),)": "a number of rows is positive",
    },
    "lookup": {
        "np.zeros(shape, grad_output.dtype) → np.zeros(shape)": GIVEN_DTYPE,
    },
    "regularised_hinge": {
        "ops.hinge(scores, labels=labels) + lam * ops.sum(ops.square(W)) → (ops.hinge(scores, labels=labels) + lam * ops.sum(ops.square(W))).T": ONE_NUMBER,
        "lam * ops.sum(ops.square(W)) → abs(lam) * ops.sum(ops.square(W))": "lam, the strength of the regularisation, is never negative",
        "lam * ops.sum(ops.square(W)) → lam * ops.sum(ops.square(W), axis=None)": "the default of ops.sum",
    },
    "train_step": {
        "optimizer.zero_grad() → model.zero_grad()": "the optimizer's parameters are the model's",
        "return value.item() → return abs(value.item())": "the losses of this course are never negative",
    },
}
