"""Other correct answers than the reference: other formulas, loops, lists, einsum.

They belong to the made-up class; the grader has to give them full points. Keyed by exercise. A
solution cell that is not listed here stays as the reference has it.
"""

from __future__ import annotations

OTHER_FORMULAS: dict[str, str] = {
    "mul": """
@backward_of(ops.mul)
def mul_backward(ctx, grad_output):
    left, right = ctx
    return [np.multiply(right, grad_output), np.multiply(left, grad_output)]
""",
    "maximum": """
@backward_of(ops.maximum)
def maximum_backward(ctx, grad_output):
    x, y = ctx
    share = 0.5 * (1.0 + np.sign(np.subtract(x, y)))
    return [share * grad_output, (1.0 - share) * grad_output]
""",
    "power": """
@backward_of(ops.power)
def power_backward(ctx, grad_output):
    base, n = ctx
    slope = n * np.power(np.asarray(base, dtype=float), n - 1.0) if n else np.zeros(np.shape(base))
    return [np.multiply(slope, grad_output)]
""",
    "numeric_gradient": """
def numeric_gradient(f, x, h=1e-5):
    x = np.array(x, dtype=float)
    slopes = []
    for k in range(x.size):
        step = np.zeros(x.size)
        step[k] = h
        step = step.reshape(x.shape)
        slopes.append((f(x + step) - f(x - step)) / (2.0 * h))
    return np.array(slopes).reshape(x.shape)
""",
    "backpropagate": """
def backpropagate(order, parents, local):
    sums = {}

    def total(node):
        if node not in sums:
            value = 1.0 if node == order[-1] else 0.0
            for child in order:
                for parent, slope in zip(parents[child], local[child]):
                    if parent == node:
                        value += slope * total(child)
            sums[node] = value
        return sums[node]

    return {node: total(node) for node in order}
""",
    "negate": """
@backward_of(ops.negate)
def negate_backward(ctx, grad_output):
    return [0.0 - grad_output]
""",
    "exp": """
@backward_of(ops.exp)
def exp_backward(ctx, grad_output):
    (output,) = ctx
    return [np.multiply(output, grad_output)]
""",
    "reciprocal": """
@backward_of(ops.reciprocal)
def reciprocal_backward(ctx, grad_output):
    inverse = np.reciprocal(ctx[0])
    return [np.negative(inverse) * inverse * grad_output]
""",
    "sigmoid": """
@implements(ops.sigmoid)
class sigmoid(Operation):
    @staticmethod
    def forward(ctx, x):
        half = np.tanh(0.5 * np.asarray(x))
        ctx.append(half)
        return 0.5 + 0.5 * half

    @staticmethod
    def backward(ctx, grad_output):
        half = ctx.pop()
        return [0.25 * (1.0 - half) * (1.0 + half) * grad_output]
""",
    "square": """
@backward_of(ops.square)
def square_backward(ctx, grad_output):
    return [np.add(ctx[0], ctx[0]) * grad_output]
""",
    "sum": """
@backward_of(ops.sum)
def sum_backward(ctx, grad_output):
    shape, axis, keepdims = ctx
    if axis is None:
        return [np.full(shape, grad_output)]
    axes = axis if isinstance(axis, tuple) else (axis,)
    kept = [1 if k in [a % len(shape) for a in axes] else n for k, n in enumerate(shape)]
    return [np.ones(shape) * np.reshape(grad_output, kept)]
""",
    "matmul": """
@backward_of(ops.matmul)
def matmul_backward(ctx, grad_output):
    x, y = ctx
    rows = x if x.ndim == 2 else x[None, :]
    columns = y if y.ndim == 2 else y[:, None]
    g = np.reshape(grad_output, (rows.shape[0], columns.shape[1]))
    dx = np.einsum("ik,jk->ij", g, columns).reshape(x.shape)
    dy = np.einsum("ij,ik->jk", rows, g).reshape(y.shape)
    return [dx, dy]
""",
    "add_bias": """
@implements(ops.add_bias)
class add_bias(Operation):
    @staticmethod
    def forward(ctx, x, b):
        return np.stack([row + b for row in x]) if len(x) else x + b

    @staticmethod
    def backward(ctx, grad_output):
        total = np.zeros(grad_output.shape[1])
        for row in grad_output:
            total = total + row
        return [1.0 * grad_output, total]
""",
    "norm_squared": """
@implements(ops.norm_squared)
class norm_squared(Operation):
    @staticmethod
    def forward(ctx, W, x):
        ctx.append((W, x))
        q = W @ x
        return np.dot(q, q)

    @staticmethod
    def backward(ctx, grad_output):
        W, x = ctx[0]
        twice = 2.0 * grad_output * np.einsum("ij,j->i", W, x)
        return [np.einsum("i,j->ij", twice, x), np.einsum("i,ij->j", twice, W)]
""",
    "relu": """
@implements(ops.relu)
class relu(Operation):
    @staticmethod
    def forward(ctx, x):
        ctx.append(np.greater_equal(x, 0.0))
        return np.where(x > 0.0, x, 0.0)

    @staticmethod
    def backward(ctx, grad_output):
        return [np.where(ctx[0], grad_output, 0.0)]
""",
    "tanh": """
@backward_of(ops.tanh)
def tanh_backward(ctx, grad_output):
    out = ctx[0]
    return [(1.0 - out) * (1.0 + out) * grad_output]
""",
    "lookup": """
@backward_of(ops.lookup)
def lookup_backward(ctx, grad_output):
    shape, rows = ctx
    table = np.zeros(shape)
    flat = np.reshape(grad_output, (-1, *shape[1:]))
    for row, gradient in zip(np.ravel(rows), flat):
        table[row] = table[row] + gradient
    return [table]
""",
    "softmax_cross_entropy": """
@backward_of(ops.softmax_cross_entropy)
def softmax_cross_entropy_backward(ctx, grad_output):
    p, labels = ctx
    target = np.eye(p.shape[1])[labels]
    return [grad_output * (p - target) / p.shape[0]]
""",
    "hinge": """
@backward_of(ops.hinge)
def hinge_backward(ctx, grad_output):
    margins, labels = ctx
    rows = range(len(labels))
    slopes = np.zeros(margins.shape)
    for i in rows:
        for j in range(margins.shape[1]):
            if margins[i, j] > 0:
                slopes[i, j] += 1.0
                slopes[i, labels[i]] -= 1.0
    return [slopes * (grad_output / len(labels))]
""",
    "break_power": """
rule = [g * 3 * x**3 for x, g in ((2, 1), (-1, 0.5), (4, 0))]
right = [g * 3 * x**2 for x, g in ((2, 1), (-1, 0.5), (4, 0))]
break_power = {f"probe {i + 1}": rule[i] - right[i] for i in range(3)}
break_power |= {"wrong at": -7.5, "right at": 0}
""",
    "break_sigmoid": """
break_sigmoid = {"probe 1": 1 / 4, "probe 2": 0.0, "probe 3": 2.0}
break_sigmoid.update({"wrong at": -3, "right at": 50.5})
""",
    "break_add_bias": """
columns = [np.array([1, 2, 3]), np.array([2, -5, 3]), np.array([-3, 1])]
break_add_bias = {f"probe {i}": g.mean() - g.sum() for i, g in enumerate(columns, start=1)}
break_add_bias["wrong at"] = np.ones((3, 2))
break_add_bias["right at"] = np.ones((1, 5))
""",
    "break_lookup": """
break_lookup = dict(zip(("probe 1", "probe 2", "probe 3"), (3 - 5, 4 - 4, 5 - 4)))
break_lookup["wrong at"] = np.array([3, 0, 3])
break_lookup["right at"] = (0, 3)
""",
}

# A cell of the student's own that tries to give full points without doing the work.
FORGERY = """
import sys

import numpy as np
import numpy.testing

import course_autograd


def always_right(*args, **kwargs):
    return True


check = always_right
course_autograd.check = always_right
np.allclose = np.array_equal = always_right
numpy.testing.assert_allclose = numpy.testing.assert_array_equal = always_right
for name, module in list(sys.modules.items()):
    if name.startswith(("course_autograd", "autograder")):
        for attribute in ("judge", "conform", "score", "check", "name_mistake"):
            if hasattr(module, attribute):
                setattr(module, attribute, always_right)
"""
