"""The catalogue of mistakes as code: 35 kinds, each with its slips or the reason why there is none.

The numbers are those of the course's list of mistakes, which reports and feedback use as well.
"""

from __future__ import annotations

from autograder.soundness.slips import (
    Kind,
    Synonym,
    array_upstream,
    edit,
    matrices,
    number_upstream,
    numbers,
    plain_numbers,
    rule,
    same_shape,
    saved_arrays,
    saved_like_an_input,
    two_inputs,
    whole,
    wrapped,
)
from course_autograd.exercises import find

ENGINE = "the engine does this for every rule; a rule sees one upstream gradient and one output"
NO_RULE = "no backward rule is written in this exercise"
PLAIN = "numbers worked out by hand: nothing of this kind occurs in the derivation asked for"
COUNTED = "counts and yes-or-no questions: no gradient is computed"
MEASURED = "differences are measured: there is no upstream gradient and no rule"
ONE_STEP = "the function only calls what others compute: this mistake would be theirs"

# The exercises without any derivation of their own.
COUNTS = {"staged_or_fused": COUNTED, "jacobians": COUNTED}


def all_of(change: str) -> str:
    """Return the body of a wrapper that changes every gradient ``g``."""
    return f"return tuple({change} for g in right(ctx, grad_output))"


def last_of(change: str) -> str:
    """Return the body of a wrapper that changes the last gradient ``g`` only."""
    return f"*others, g = right(ctx, grad_output)\nreturn (*others, {change})"


STABLE = "small = np.exp(-np.abs(y))\noutput = np.where(y >= 0, 1.0, small) / (1.0 + small)\n"
SHIFTED = "p, labels = ctx\nn = len(labels)\nhot = np.eye(p.shape[1])[labels]\n"
PUSHED = "margins, labels = ctx\nn = len(labels)\nhot = np.eye(margins.shape[1])[labels]\n"
SUM_BACK = "shape, axis, keepdims = ctx\ng = grad_output\n"
COLUMNS = (
    "x, y = ctx\nrows = x if x.ndim == 2 else x[None, :]\ncolumns = y if y.ndim == 2 else "
    "y[:, None]\nup = np.reshape(grad_output, (rows.shape[0], columns.shape[1]))\n"
)
ADDED = "gradient[parent] += gradient[node] * derivative"
SLOPE = "gradient[index] = (above - below) / (2 * h)"
RELU = "output = np.maximum(0, x)\n"

KINDS: tuple[Kind, ...] = (
    Kind(
        1,
        "upstream factor forgotten",
        everywhere=(
            wrapped(
                "ones in place of the upstream", "return right(ctx, np.ones_like(grad_output))"
            ),
            wrapped(
                "ones for the last input only",
                "*others, _ = right(ctx, grad_output)\n"
                "return (*others, right(ctx, np.ones_like(grad_output))[-1])",
                two_inputs,
            ),
        ),
        own={
            "maximum": (
                rule("the mask alone", "x, y = ctx\nreturn x > y, x <= y"),
                rule("the mask as 0 and 1", "x, y = ctx\nreturn 1.0 * (x > y), 1.0 * (x <= y)"),
            ),
            "relu": (edit("the mask alone", "(grad_output * (output > 0),)", "(output > 0,)"),),
            "backpropagate": (
                edit("the local derivative alone", ADDED, "gradient[parent] += derivative"),
            ),
            "by_hand": (numbers("the sum's own derivative", {"df/dx": 1, "df/dy": 1}),),
            "patterns": (
                numbers(
                    "as if the upstream were 1",
                    {
                        "add: left": 1,
                        "add: right": 1,
                        "max of 3 and 7: right": 1,
                        "mul of 3 and 7: left": 7,
                        "mul of 3 and 7: right": 3,
                    },
                ),
            ),
            "branches": (
                numbers("ab alone", {"(ab+1)(ab+2): df/da": 3, "(ab+1)(ab+2): df/db": 2}),
                numbers("the sum alone", {"(ax+b)²: df/db": 1}),
            ),
            "neuron_by_hand": (numbers("the sum's own derivative", {"df/dw1": 1.0}),),
            "norm_by_hand": (
                numbers(
                    "x in place of 2 q x", {"df/dW11": 2, "df/dW12": 1, "df/dW21": 2, "df/dW22": 1}
                ),
            ),
        },
        why_not={
            "function": "the engine multiplies by the upstream gradient, not this function",
            "numeric_gradient": MEASURED,
            "mlp_by_hand": "every upstream gradient on the path is 1: nothing is lost with it",
            **COUNTS,
        },
    ),
    Kind(
        2,
        "upstream passed straight through",
        everywhere=(
            wrapped(
                "the upstream as it came",
                "return (grad_output,) * len(right(ctx, grad_output))",
            ),
            wrapped(
                "the upstream in the input's shape",
                all_of("grad_output * np.ones(np.shape(g))"),
                number_upstream,
            ),
        ),
        own={
            "backpropagate": (
                edit("no local derivative", ADDED, "gradient[parent] += gradient[node]"),
            ),
            "by_hand": (numbers("1 through the product", {"df/dq": 1, "df/dz": 1}),),
            "patterns": (
                numbers(
                    "both inputs get the upstream",
                    {
                        "max of 3 and 7: left": 2,
                        "mul of 3 and 7: left": 2,
                        "mul of 3 and 7: right": 2,
                    },
                ),
            ),
            "branches": (
                numbers("a x + b passed on", {"(ax+b)²: df/dx": 14, "(ax+b)²: df/da": 14}),
            ),
            "neuron_by_hand": (
                numbers("the product passed on", {"df/dw0": 0.1966, "df/dx": 0.1966}),
            ),
            "norm_by_hand": (
                numbers(
                    "2 q passed on", {"df/dW11": 8, "df/dW12": 8, "df/dW21": 10, "df/dW22": 10}
                ),
            ),
            "mlp_by_hand": (numbers("the product passed on", {"dH/dW": 1, "dH/dx": 1}),),
        },
        why_not={
            "function": "the engine asks the rules; this function passes nothing on",
            "numeric_gradient": MEASURED,
            **COUNTS,
        },
        synonyms={
            "add_bias": (Synonym(7, "the upstream is right for x, and for b it was not summed"),),
        },
    ),
    Kind(
        3,
        "upstream multiplied twice",
        everywhere=(
            wrapped("the upstream squared", "return right(ctx, grad_output * grad_output)"),
            wrapped(
                "squared for the last input only",
                "*others, _ = right(ctx, grad_output)\n"
                "return (*others, right(ctx, grad_output**2)[-1])",
                two_inputs,
            ),
        ),
        own={
            "backpropagate": (
                edit("squared", ADDED, "gradient[parent] += gradient[node] ** 2 * derivative"),
            ),
            "by_hand": (numbers("z twice", {"df/dx": 16, "df/dy": 16}),),
            "patterns": (
                numbers(
                    "2 twice",
                    {
                        "add: left": 4,
                        "add: right": 4,
                        "max of 3 and 7: right": 4,
                        "mul of 3 and 7: left": 28,
                        "mul of 3 and 7: right": 12,
                    },
                ),
            ),
            "norm_by_hand": (numbers("2 q twice", {"df/dW11": 128, "df/dW12": 64}),),
        },
        why_not={
            "function": "the engine multiplies by the upstream gradient, not this function",
            "numeric_gradient": MEASURED,
            "mlp_by_hand": "every upstream gradient on the path is 1: its square is 1, too",
            "values": "by hand, each number on the path is written down once",
            **COUNTS,
        },
    ),
    Kind(
        4,
        "overwritten instead of added",
        own={
            "backpropagate": (
                edit("= for +=", ADDED, "gradient[parent] = gradient[node] * derivative"),
                edit(
                    "only the first message",
                    ADDED,
                    "gradient[parent] = gradient[parent] or gradient[node] * derivative",
                ),
            ),
            "norm_squared": (edit("x from the last row only", "grad_q @ W", "grad_q[-1] * W[-1]"),),
            "add_bias": (
                edit(
                    "b from the last row only", "grad_output.sum(axis=0)", "grad_output[-1].copy()"
                ),
            ),
            "branches": (
                numbers("one path to x", {"x(x+1): dy/dx": 18}),
                numbers("the other path to x", {"x(x+1): dy/dx": 17}),
                numbers("x² only", {"x²·3x: df/dx": 24}),
                numbers("3x only", {"x²·3x: df/dx": 12}),
                numbers("one factor", {"(ab+1)(ab+2): df/da": 24, "(ab+1)(ab+2): df/db": 16}),
                numbers("the other factor", {"(ab+1)(ab+2): df/da": 21, "(ab+1)(ab+2): df/db": 14}),
            ),
            "norm_by_hand": (
                numbers("only through q2", {"df/dx1": 30, "df/dx2": -10}),
                numbers("only through q1", {"df/dx1": 8, "df/dx2": 16}),
            ),
        },
        why_not={
            "rule": ENGINE,
            "whole": ENGINE,
            "function": "the engine adds up over the paths",
            "numeric_gradient": MEASURED,
            "values": "every value is used once in this graph",
            **COUNTS,
        },
        synonyms={
            "add_bias": (Synonym(7, "the rows are the copies of b, and one of them was kept"),),
        },
    ),
    Kind(
        5,
        "accumulated over calls",
        own={
            "train_step": (
                edit("zero_grad forgotten", "    optimizer.zero_grad()\n", ""),
                edit(
                    "backward twice",
                    "value.backward()",
                    "value.backward()\n    loss(model(x), y).backward()",
                ),
                edit("two steps", "optimizer.step()", "optimizer.step()\n    optimizer.step()"),
            ),
            "backpropagate": (
                edit(
                    "the dict lives on",
                    "def backpropagate(",
                    "gradient = {}\n\n\ndef backpropagate(",
                    "gradient = dict.fromkeys(order, 0.0)",
                    "for node in order:\n        gradient.setdefault(node, 0.0)",
                ),
            ),
        },
        why_not={
            "rule": "gradients are stored by the engine; a rule that remembers calls is kind 31",
            "whole": "gradients are stored by the engine; a rule that remembers calls is kind 31",
            "function": "nothing is stored from call to call",
            "values": PLAIN,
        },
        synonyms={
            "backpropagate": (
                Synonym(31, "what is kept from call to call makes the second call differ"),
            ),
        },
    ),
    Kind(
        6,
        "a node visited before all its consumers",
        own={
            "backpropagate": (
                edit("from the inputs", "reversed(order)", "order"),
                edit(
                    "breadth first",
                    "    for node in reversed(order):\n",
                    "    waiting, seen = [order[-1]], [order[-1]]\n"
                    "    while waiting:\n"
                    "        node = waiting.pop(0)\n"
                    "        for one in parents[node]:\n"
                    "            if one not in seen:\n"
                    "                seen.append(one)\n"
                    "                waiting.append(one)\n",
                ),
                edit(
                    "depth first, as often as met",
                    "    for node in reversed(order):\n",
                    "    waiting = [order[-1]]\n"
                    "    while waiting:\n"
                    "        node = waiting.pop()\n"
                    "        waiting.extend(parents[node])\n",
                ),
            ),
        },
        why_not={
            "rule": "the engine visits the nodes",
            "whole": "the engine visits the nodes",
            "function": "the engine visits the nodes",
            "values": "by hand, one writes down what has arrived so far: the numbers of kind 4",
            **COUNTS,
        },
    ),
    Kind(
        7,
        "not summed over the broadcast axes",
        own={
            "add_bias": (
                edit("b as the output", "grad_output.sum(axis=0)", "grad_output"),
                edit("the other axis", "grad_output.sum(axis=0)", "grad_output.sum(axis=1)"),
                edit("over all entries", "grad_output.sum(axis=0)", "grad_output.sum()"),
            ),
            "sum": (
                rule("the lost axis is not put back", SUM_BACK + "return (np.ones(shape) * g,)"),
                rule(
                    "always along the first axis",
                    SUM_BACK + "g = g if keepdims or axis is None else np.expand_dims(g, 0)\n"
                    "return (np.ones(shape) * g,)",
                ),
            ),
        },
        why_not={
            "rule": "nothing is broadcast here, or (broadcasts=True) the engine sums",
            "whole": "nothing is broadcast here",
            "function": "nothing is broadcast here, or the engine sums",
            "values": PLAIN,
        },
    ),
    Kind(
        8,
        "averaged instead of summed",
        everywhere=(
            wrapped("divided by its number of entries", all_of("g / np.size(g)")),
            wrapped(
                "divided by its number of rows",
                all_of("g / np.shape(g)[0] if np.ndim(g) else g"),
            ),
        ),
        own={
            "add_bias": (
                edit("mean over the rows", "grad_output.sum(axis=0)", "grad_output.mean(axis=0)"),
            ),
            "backpropagate": (
                edit("mean over the inputs", ADDED, ADDED + " / len(parents[node])"),
            ),
            "numeric_gradient": (
                edit("mean over the entries", "return gradient", "return gradient / point.size"),
            ),
            "branches": (
                numbers("mean of the paths", {"x(x+1): dy/dx": 17.5, "x²·3x: df/dx": 18}),
            ),
            "norm_by_hand": (
                numbers(
                    "mean of the squares",
                    {"f": 20.5, "df/dW11": 8, "df/dW12": 4, "df/dW21": 10, "df/dW22": 5},
                ),
            ),
            "regularised_hinge": (
                edit("mean of the squares", "ops.sum(ops.square(W))", "ops.mean(ops.square(W))"),
            ),
        },
        why_not={
            "function": "the loss is computed by others",
            "values": PLAIN,
        },
        synonyms={
            "norm_by_hand": (Synonym(15, "two numbers are averaged: half of the sum"),),
            "regularised_hinge": (Synonym(16, "the mean stands in the regularisation term"),),
        },
    ),
    Kind(
        9,
        "division by the number of rows missing",
        own={
            "softmax_cross_entropy": (edit("1/N missing", "(grad_output / count)", "grad_output"),),
            "hinge": (edit("1/N missing", "(grad_output / count)", "grad_output"),),
            "sum": (
                rule(
                    "times the number of entries",
                    SUM_BACK + "g = g if keepdims or axis is None else np.expand_dims(g, axis)\n"
                    "return (np.ones(shape) * g * np.prod(shape),)",
                ),
            ),
            "regularised_hinge": (
                edit(
                    "sum over the rows",
                    "ops.hinge(scores, labels=labels)",
                    "ops.hinge(scores, labels=labels) * len(labels)",
                ),
            ),
        },
        why_not={
            "rule": "forward takes no mean",
            "whole": "forward takes no mean",
            "function": "no mean is taken in this function",
            "values": PLAIN,
        },
    ),
    Kind(
        10,
        "transposed",
        everywhere=(wrapped("every gradient transposed", all_of("np.transpose(g)"), matrices),),
        own={
            "matmul": (
                rule(
                    "(G yᵀ)ᵀ",
                    COLUMNS + "dx = (columns @ up.T).reshape(x.shape[::-1])\n"
                    "return dx, (rows.T @ up).reshape(y.shape)",
                ),
            ),
            "norm_squared": (
                edit("outer the other way", "np.outer(grad_q, x)", "np.outer(x, grad_q)"),
            ),
            "numeric_gradient": (edit("transposed", "return gradient", "return gradient.T"),),
            "norm_by_hand": (
                numbers("W12 and W21 changed", {"df/dW12": 20, "df/dW21": 8}),
                numbers("W q for Wᵀ q", {"df/dx1": 28, "df/dx2": 14}),
            ),
        },
        why_not={
            "function": "no matrix is returned",
            "values": "no matrix",
        },
        synonyms={
            "numeric_gradient": (
                Synonym(26, "the shape is wrong before any number can be compared"),
            ),
        },
    ),
    Kind(
        11,
        "* for @ or the reverse",
        own={
            "matmul": (
                rule("entry by entry", "x, y = ctx\nreturn grad_output * y, grad_output * x"),
                rule("no transposes", "x, y = ctx\nreturn grad_output @ y, x @ grad_output"),
                rule(
                    "entry by entry, transposed",
                    "x, y = ctx\nreturn grad_output * y.T, x.T * grad_output",
                ),
                rule(
                    "vectors forgotten", "x, y = ctx\nreturn grad_output @ y.T, x.T @ grad_output"
                ),
            ),
            "norm_squared": (
                edit("* for outer", "np.outer(grad_q, x)", "grad_q * x"),
                edit("* for @", "grad_q @ W", "grad_q * W"),
            ),
            "regularised_hinge": (edit("x * W", "ops.matmul(x, W)", "ops.mul(x, W)"),),
        },
        why_not={
            "rule": "no matrix product in the formula",
            "whole": "no matrix product in the formula",
            "function": "no matrix product in the function",
            "values": PLAIN,
        },
        synonyms={
            "norm_squared": (Synonym(26, "for a single row, only the shape is wrong"),),
        },
    ),
    Kind(
        12,
        "gradients in the wrong order",
        everywhere=(
            wrapped("in reverse order", "return tuple(right(ctx, grad_output))[::-1]", two_inputs),
        ),
        own={
            "backpropagate": (
                edit(
                    "local derivatives in reverse order",
                    "zip(parents[node], local[node], strict=True)",
                    "zip(parents[node], local[node][::-1], strict=True)",
                ),
            ),
            "by_hand": (numbers("q and z changed", {"df/dq": 3, "df/dz": -4}),),
            "patterns": (
                numbers("max changed", {"max of 3 and 7: left": 2, "max of 3 and 7: right": 0}),
                numbers("mul changed", {"mul of 3 and 7: left": 6, "mul of 3 and 7: right": 14}),
            ),
            "branches": (
                numbers("a and b changed", {"(ab+1)(ab+2): df/da": 30, "(ab+1)(ab+2): df/db": 45}),
                numbers("x and a changed", {"(ax+b)²: df/dx": 42, "(ax+b)²: df/da": 28}),
            ),
            "neuron_by_hand": (numbers("w0 and x changed", {"df/dw0": 0.39, "df/dx": -0.20}),),
            "mlp_by_hand": (numbers("W and x changed", {"dH/dW": 2, "dH/dx": 3}),),
        },
        why_not={
            "function": "one result",
            "norm_by_hand": "W and x have different numbers of entries: they cannot be confused",
            **COUNTS,
        },
        synonyms={
            "by_hand": (Synonym(13, "for a product, the other one's gradient is the own operand"),),
            "patterns": (
                Synonym(13, "for a product, the other one's gradient is the own operand"),
                Synonym(2, "the loser of the maximum gets the upstream gradient"),
            ),
            "branches": (
                Synonym(13, "for a product, the other one's gradient is the own operand"),
            ),
            "neuron_by_hand": (
                Synonym(13, "for a product, the other one's gradient is the own operand"),
            ),
            "mlp_by_hand": (
                Synonym(13, "for a product, the other one's gradient is the own operand"),
            ),
        },
    ),
    Kind(
        13,
        "own operand instead of the other one",
        own={
            "mul": (
                rule("both own", "x, y = ctx\nreturn grad_output * x, grad_output * y"),
                rule("x for both", "x, y = ctx\nreturn grad_output * x, grad_output * x"),
                rule("y for both", "x, y = ctx\nreturn grad_output * y, grad_output * y"),
            ),
            "matmul": (
                rule("own operands", "x, y = ctx\nreturn grad_output @ x.T, y.T @ grad_output"),
            ),
            "norm_squared": (edit("q for x", "np.outer(grad_q, x)", "np.outer(grad_q, q)"),),
            "by_hand": (numbers("own", {"df/dq": 3, "df/dz": -4, "df/dx": 8, "df/dy": -20}),),
            "patterns": (numbers("own", {"mul of 3 and 7: left": 6, "mul of 3 and 7: right": 14}),),
            "branches": (
                numbers("own", {"x(x+1): dy/du": 18}),
                numbers("own a, own b", {"(ab+1)(ab+2): df/da": 30, "(ab+1)(ab+2): df/db": 45}),
            ),
            "neuron_by_hand": (numbers("own", {"df/dw0": 0.39, "df/dx": -0.20}),),
            "mlp_by_hand": (numbers("own", {"dH/dW": 2, "dH/dx": 3}),),
        },
        why_not={
            "rule": "no product of two inputs",
            "whole": "no product of two inputs",
            "function": "no product of two inputs is derived",
            "norm_by_hand": "W and x have different numbers of entries: they cannot be confused",
            "values": PLAIN,
        },
        synonyms={
            "matmul": (Synonym(11, "the factors do not fit, whichever they are"),),
            "norm_squared": (Synonym(26, "q and x differ in size: the shape shows first"),),
        },
    ),
    Kind(
        14,
        "sign",
        everywhere=(
            wrapped("all signs", all_of("-g")),
            wrapped("sign of the last input", last_of("-g"), two_inputs),
        ),
        own={
            "backpropagate": (edit("-= for +=", ADDED, ADDED.replace("+=", "-=")),),
            "numeric_gradient": (edit("left minus right", "(above - below)", "(below - above)"),),
            "train_step": (
                edit(
                    "uphill",
                    "value.backward()",
                    "value.backward()\n    for p in model.parameters():\n        p.grad = -p.grad",
                ),
            ),
            "regularised_hinge": (edit("minus", " + lam * ", " - lam * "),),
            "by_hand": tuple(
                numbers(f"sign of {key}", {key: value})
                for key, value in {"df/dq": 4, "df/dz": -3, "df/dx": 4, "df/dy": 4}.items()
            ),
            "patterns": (numbers("signs", {"add: left": -2, "mul of 3 and 7: left": -14}),),
            "branches": (
                numbers("signs", {"x(x+1): dy/dx": -35, "(ax+b)²: df/da": -42}),
                numbers("sign", {"x²·3x: df/dx": -36}),
            ),
            "neuron_by_hand": (
                numbers("signs", {"df/dw0": 0.20, "df/dx": -0.39}),
                numbers("sign of the last", {"df/dw1": -0.20}),
            ),
            "norm_by_hand": (
                numbers("sign of W22", {"df/dW22": -10}),
                numbers("signs of x", {"df/dx1": -38, "df/dx2": -6}),
            ),
            "mlp_by_hand": (numbers("sign", {"dH/dx": -2}),),
        },
        why_not={**COUNTS},
        synonyms={
            "regularised_hinge": (Synonym(16, "the sign stands before the regularisation term"),),
        },
    ),
    Kind(
        15,
        "factor 2 or ½",
        everywhere=(
            wrapped("twice", all_of("2 * g")),
            wrapped("half", all_of("g / 2")),
            wrapped("twice for the last input", last_of("2 * g"), two_inputs),
        ),
        own={
            "square": (edit("the 2 forgotten", "grad_output * 2 * x", "grad_output * x"),),
            "norm_squared": (edit("the 2 forgotten", "2 * grad_output * q", "grad_output * q"),),
            "power": (
                edit("no factor in front", "grad_output * exponent * x", "grad_output * x"),
                edit("exponent not lowered", "x ** (exponent - 1)", "x ** exponent"),
            ),
            "backpropagate": (edit("twice", ADDED, ADDED + " * 2"),),
            "numeric_gradient": (
                edit("divided by h", "(2 * h)", "h"),
                edit("divided by 4 h", "(2 * h)", "(4 * h)"),
            ),
            "regularised_hinge": (
                edit("½ in the regularisation", "lam * ops.sum", "0.5 * lam * ops.sum"),
            ),
            "branches": (
                numbers(
                    "the 2 forgotten",
                    {"(ax+b)²: df/dx": 14, "(ax+b)²: df/da": 21, "(ax+b)²: df/db": 7},
                ),
            ),
            "norm_by_hand": (
                numbers(
                    "the 2 forgotten",
                    {
                        "df/dW11": 8,
                        "df/dW12": 4,
                        "df/dW21": 10,
                        "df/dW22": 5,
                        "df/dx1": 19,
                        "df/dx2": 3,
                    },
                ),
            ),
        },
        why_not={
            "function": "no factor 2 occurs",
            "values": "no factor 2 occurs in this derivation",
        },
        synonyms={
            "numeric_gradient": (
                Synonym(30, "the width of the two-sided difference is the factor"),
            ),
            "regularised_hinge": (Synonym(16, "the factor stands in the regularisation term"),),
        },
    ),
    Kind(
        16,
        "regularisation term missing, doubled, halved",
        own={
            "regularised_hinge": (
                edit("missing", " + lam * ops.sum(ops.square(W))", ""),
                edit("doubled", "lam * ops.sum", "2 * lam * ops.sum"),
                edit("halved", "lam * ops.sum", "lam / 2 * ops.sum"),
                edit("lam missing", "lam * ops.sum", "ops.sum"),
                edit(
                    "norm, not its square",
                    "ops.sum(ops.square(W))",
                    "ops.sum(ops.square(W)) ** 0.5",
                ),
                edit("no squares", "ops.sum(ops.square(W))", "ops.sum(W)"),
            ),
        },
        why_not={"*": "only regularised_hinge has a regularisation term"},
    ),
    Kind(
        17,
        "derivative of the wrong variable",
        own={
            "exp": (
                rule("e to the output", "(output,) = ctx\nreturn (grad_output * np.exp(output),)"),
                rule(
                    "x, as for a power", "(output,) = ctx\nreturn (grad_output * np.log(output),)"
                ),
                rule(
                    "x e^(x-1), as for a power",
                    "(o,) = ctx\nx = np.log(o)\nreturn (grad_output * x * o / np.e,)",
                ),
            ),
            "reciprocal": (
                edit("x² above the line", "-grad_output / x**2", "-grad_output * x**2"),
                edit("the square forgotten", "x**2", "x"),
            ),
            "sigmoid": (
                whole(
                    "x (1 - x)",
                    "y",
                    STABLE + "ctx.append(y)\nreturn output",
                    "(x,) = ctx\nreturn (grad_output * x * (1 - x),)",
                ),
                whole(
                    "σ' at the output",
                    "y",
                    STABLE + "ctx.append(output)\nreturn output",
                    "(y,) = ctx\n" + STABLE + "return (grad_output * output * (1 - output),)",
                ),
                edit("1 - σ missing", " * (1 - output)", ""),
                edit(
                    "σ missing", "grad_output * output * (1 - output)", "grad_output * (1 - output)"
                ),
                edit("square missing", "output * (1 - output)", "(1 - output**2)"),
            ),
            "tanh": (
                rule("at the output", "(o,) = ctx\nreturn (grad_output * (1 - np.tanh(o) ** 2),)"),
                rule(
                    "1 - x²",
                    "(o,) = ctx\nx = np.arctanh(np.clip(o, -1 + 1e-15, 1 - 1e-15))\n"
                    "return (grad_output * (1 - x**2),)",
                ),
                edit("the square forgotten", "output**2", "output"),
                edit("the formula of sigmoid", "(1 - output**2)", "output * (1 - output)"),
            ),
            "neuron_by_hand": (
                numbers("σ for σ'", {"df/dw1": 0.73}),
                numbers("σ'(σ)", {"df/dw0": -0.22, "df/dx": 0.44, "df/dw1": 0.22}),
            ),
        },
        why_not={
            "rule": "the derivative is written in what ctx holds; another variable is kind 25",
            "whole": "the derivative does not depend on which of input and output is used",
            "function": NO_RULE,
            "values": PLAIN,
        },
        synonyms={
            "exp": (Synonym(25, "the output is taken for the input that it was not saved as"),),
            "tanh": (Synonym(25, "the output is taken for the input that it was not saved as"),),
            "sigmoid": (Synonym(25, "the output is taken for the input that it was not saved as"),),
        },
    ),
    Kind(
        18,
        "relu's mask of the wrong thing",
        own={
            "relu": (
                edit("mask of the upstream", "(output > 0)", "(grad_output > 0)"),
                edit("the wrong way round", "(output > 0)", "(output <= 0)"),
            ),
        },
        why_not={
            "*": "only relu lets through by one sign; >= at 0 is right there and not a mistake"
        },
    ),
    Kind(
        19,
        "max: ties",
        own={
            "maximum": (
                rule(
                    "to both", "x, y = ctx\nreturn grad_output * (x >= y), grad_output * (y >= x)"
                ),
                rule(
                    "to nobody", "x, y = ctx\nreturn grad_output * (x > y), grad_output * (y > x)"
                ),
                rule(
                    "to the smaller",
                    "x, y = ctx\nreturn grad_output * (x < y), grad_output * (x >= y)",
                ),
            ),
            "patterns": (
                numbers("to the smaller", {"max of 3 and 7: left": 2, "max of 3 and 7: right": 0}),
                numbers("to both", {"max of 3 and 7: left": 2}),
            ),
        },
        why_not={
            "*": "no maximum of two inputs (relu's and hinge's kinks: any subgradient is right)"
        },
        synonyms={
            "maximum": (Synonym(12, "the smaller one gets what belongs to the larger one"),),
            "patterns": (
                Synonym(2, "whoever gets the upstream gradient got it passed straight through"),
            ),
        },
    ),
    Kind(
        20,
        "softmax: diagonal of the Jacobian only",
        own={
            "softmax_cross_entropy": (
                rule("p (1 - p)", SHIFTED + "return (grad_output * p * (1 - p) / n,)"),
                rule("p (1 - p), no mean", SHIFTED + "return (grad_output * p * (1 - p),)"),
                rule(
                    "(p - y) p (1 - p)",
                    SHIFTED + "return (grad_output * (p - hot) * p * (1 - p) / n,)",
                ),
            ),
        },
        why_not={"*": "no softmax"},
    ),
    Kind(
        21,
        "softmax and cross-entropy",
        own={
            "softmax_cross_entropy": (
                edit(
                    "-1 at the label missing", "    gradient[np.arange(count), labels] -= 1\n", ""
                ),
                edit("labels taken off twice", "labels] -= 1", "labels] -= 2"),
                edit(
                    "-1 in whole columns",
                    "gradient[np.arange(count), labels] -= 1",
                    "gradient[:, labels] -= 1",
                ),
                rule(
                    "probabilities down the columns",
                    SHIFTED + "p = p / p.sum(axis=0)\nreturn (grad_output * (p - hot) / n,)",
                ),
                rule(
                    "the label's column only",
                    SHIFTED + "return (grad_output * (p - hot) * hot / n,)",
                ),
            ),
            "hinge": (
                edit(
                    "the label's column missing",
                    "    push[np.arange(count), labels] = -push.sum(axis=1)\n",
                    "",
                ),
                edit("the label counted once", "= -push.sum(axis=1)", "= -1"),
                rule(
                    "the label's column only",
                    PUSHED + "active = (margins > 0).sum(axis=1, keepdims=True)\n"
                    "return (-grad_output * hot * active / n,)",
                ),
            ),
        },
        why_not={"*": "no loss over classes is derived here"},
    ),
    Kind(
        22,
        "grad_output changed in place",
        everywhere=(
            wrapped(
                "halved after use",
                "out = tuple(np.array(g) for g in right(ctx, grad_output))\n"
                "if np.ndim(grad_output):\n    grad_output *= 0.5\nreturn out",
                array_upstream,
            ),
            wrapped(
                "the result written into it",
                "out = tuple(np.array(g) for g in right(ctx, grad_output))\n"
                "if np.shape(grad_output) == np.shape(out[0]) != ():\n"
                "    grad_output[...] = 2 * out[0]\nreturn out",
                same_shape,
            ),
        ),
        own={
            "relu": (
                edit(
                    "zeros written into it",
                    "return (grad_output * (output > 0),)",
                    "if np.ndim(grad_output):\n            grad_output[output <= 0] = 0\n"
                    "            return (grad_output,)\n"
                    "        return (grad_output * (output > 0),)",
                ),
            ),
        },
        why_not={"function": NO_RULE, "values": NO_RULE},
    ),
    Kind(
        23,
        "a saved input changed in place",
        everywhere=(
            wrapped(
                "what ctx holds is overwritten after use",
                "out = tuple(np.array(g) for g in right(ctx, grad_output))\n"
                "for saved in ctx:\n    if isinstance(saved, np.ndarray):\n"
                "        saved[...] = 0\nreturn out",
                saved_arrays,
            ),
        ),
        own={
            "relu": (
                edit(
                    "forward clips its input",
                    "output = np.maximum(0, x)",
                    "if np.ndim(x):\n            x[x < 0] = 0\n        output = np.maximum(0, x)",
                ),
            ),
            "sigmoid": (
                edit(
                    "the output is overwritten",
                    "return (grad_output * output * (1 - output),)",
                    "local = output * (1 - output)\n        if np.ndim(output):\n"
                    "            output *= 0.5\n        return (grad_output * local,)",
                ),
            ),
            "norm_squared": (
                edit(
                    "W doubled in place",
                    "return np.outer(grad_q, x), grad_q @ W",
                    "grad_x = grad_q @ W\n        W *= 2\n"
                    "        return np.outer(grad_q, x), grad_x",
                ),
            ),
            "add_bias": (edit("forward adds into x", "return x + b", "x += b\n        return x"),),
            "backpropagate": (
                edit(
                    "parents are taken out of the list",
                    "    return gradient",
                    "    for above in parents.values():\n        above.clear()\n"
                    "    return gradient",
                ),
            ),
            "numeric_gradient": (
                edit(
                    "x itself is moved",
                    "np.array(x, dtype=float)",
                    "x",
                    "point[index] = middle\n",
                    "pass\n",
                ),
            ),
            "train_step": (
                edit("x changed", "optimizer.step()", "optimizer.step()\n    x *= 0.5"),
            ),
            "regularised_hinge": (
                edit(
                    "W changed",
                    "scores = ops.matmul(x, W)",
                    "W.value[...] = 2 * W.value\n    scores = ops.matmul(x, W)",
                ),
            ),
        },
        why_not={"values": NO_RULE, "negate": "ctx is empty"},
        synonyms={
            "numeric_gradient": (Synonym(30, "for a numeric check: x is not restored"),),
        },
    ),
    Kind(
        24,
        "memory of somebody else",
        everywhere=(
            wrapped(
                "in-place add into a read-only view",
                "views = [np.broadcast_to(g, np.shape(g)) for g in right(ctx, grad_output)]\n"
                "for view in views:\n    view += 0.0\nreturn tuple(views)",
            ),
            wrapped(
                "the gradient is written into ctx and returned",
                "kept, used = [], []\nfor g in right(ctx, grad_output):\n"
                "    room = [s for s in ctx if isinstance(s, np.ndarray) and s.dtype.kind == 'f'\n"
                "            and s.shape == np.shape(g) and not any(s is one for one in used)]\n"
                "    if room:\n        room[0][...] = g\n        used.append(room[0])\n"
                "    kept.append(room[0] if room else g)\nreturn tuple(kept)",
                saved_like_an_input,
            ),
        ),
        why_not={"function": NO_RULE, "values": NO_RULE},
        synonyms={"*": (Synonym(23, "writing into ctx is what the values show first"),)},
    ),
    Kind(
        25,
        "the wrong thing saved",
        everywhere=(
            wrapped(
                "one entry too many asked of ctx",
                "ctx[len(tuple(ctx))]\nreturn right(ctx, grad_output)",
            ),
            wrapped(
                "unpacked into too many names",
                "a, b, c, d, e, f = ctx\nreturn right(ctx, grad_output)",
            ),
        ),
        own={
            "exp": (
                rule("the output taken for x", "(x,) = ctx\nreturn (grad_output * np.exp(x),)"),
            ),
            "tanh": (
                rule(
                    "the output taken for x", "(x,) = ctx\nreturn (grad_output / np.cosh(x) ** 2,)"
                ),
            ),
            "sigmoid": (
                edit("nothing saved", "        ctx.append(output)\n", ""),
                edit("the input saved", "ctx.append(output)", "ctx.append(y)"),
                edit(
                    "a module-wide variable",
                    "ctx.append(output)",
                    "sigmoid.kept = output",
                    "(output,) = ctx",
                    "output = sigmoid.kept",
                ),
            ),
            "relu": (edit("nothing saved", "        ctx.append(output)\n", ""),),
            "norm_squared": (
                edit("x and q changed", "ctx.extend((W, x, q))", "ctx.extend((W, q, x))"),
                edit("q not saved", "ctx.extend((W, x, q))", "ctx.extend((W, x))"),
            ),
            "power": (
                edit("unpacked the wrong way round", "x, exponent = ctx", "exponent, x = ctx"),
            ),
            "matmul": (edit("unpacked the wrong way round", "x, y = ctx", "y, x = ctx"),),
            "reciprocal": (
                edit("x taken for the output", "-grad_output / x**2", "-grad_output * x**2"),
            ),
        },
        why_not={"function": "there is no ctx", "values": "there is no ctx"},
        synonyms={
            "sigmoid": (
                Synonym(17, "the formula is right for the output and is fed with the input"),
                Synonym(31, "a variable outside ctx is what another call overwrites"),
            ),
            "reciprocal": (Synonym(17, "the formula is right for the output, fed with the input"),),
            "matmul": (Synonym(12, "both operands changed place, and so did the gradients"),),
            "norm_squared": (Synonym(11, "with x and q changed, the factors do not fit"),),
        },
    ),
    Kind(
        26,
        "wrong shape",
        everywhere=(
            wrapped("an axis too many", all_of("np.asarray(g)[np.newaxis]")),
            wrapped("raveled", all_of("np.ravel(g)"), matrices),
            wrapped("added up to one number", all_of("np.sum(g)")),
        ),
        own={
            "add_bias": (edit("(1, M) for (M,)", "sum(axis=0)", "sum(axis=0, keepdims=True)"),),
            "numeric_gradient": (
                edit("flat", "return gradient", "return gradient.ravel()"),
                edit("an axis too many", "return gradient", "return gradient[None]"),
                edit("one number", "return gradient", "return gradient.sum()"),
            ),
            "regularised_hinge": (
                edit(
                    "one number per class",
                    "ops.sum(ops.square(W))",
                    "ops.sum(ops.square(W), axis=0)",
                ),
            ),
        },
        why_not={
            "function": "numbers have no shape",
            "values": "numbers have no shape",
        },
        synonyms={
            "lookup": (Synonym(7, "added up over all axes: the wrong ones"),),
        },
    ),
    Kind(
        27,
        "dtype: digits lost",
        everywhere=(
            wrapped("an integer array is filled", all_of("np.asarray(g).astype(int)")),
            wrapped("rounded", all_of("np.round(g)")),
        ),
        own={
            "numeric_gradient": (
                edit(
                    "an integer array is filled",
                    "np.zeros_like(point)",
                    "np.zeros(point.shape, dtype=int)",
                ),
            ),
            "backpropagate": (
                edit(
                    "integers",
                    "    return gradient",
                    "    return {node: int(g) for node, g in gradient.items()}",
                ),
            ),
        },
        why_not={
            "function": "one number, computed by others",
            "values": "whole numbers, or rounded as asked",
        },
    ),
    Kind(
        28,
        "one gradient instead of a tuple, None, wrong count",
        everywhere=(
            wrapped("a bare array", "return right(ctx, grad_output)[0]"),
            wrapped("nothing returned", "right(ctx, grad_output)"),
            wrapped("None among the gradients", "return (None,) * len(right(ctx, grad_output))"),
            wrapped("one too many", "return (*right(ctx, grad_output), None)"),
            wrapped("one missing", "return right(ctx, grad_output)[:1]", two_inputs),
        ),
        own={
            "backpropagate": (edit("nothing returned", "    return gradient", "    pass"),),
            "numeric_gradient": (edit("nothing returned", "    return gradient", "    pass"),),
            "regularised_hinge": (
                edit(
                    "nothing returned",
                    "    return ops.hinge(scores, labels=labels)",
                    "    ops.hinge(scores, labels=labels)",
                ),
            ),
            "train_step": (edit("nothing returned", "    return value.item()", "    pass"),),
        },
        why_not={"values": "a dict of numbers"},
    ),
    Kind(
        29,
        "repeated index lost",
        own={
            "lookup": (
                edit(
                    "+= at repeated rows",
                    "np.add.at(collected, rows, grad_output)",
                    "collected[rows] += grad_output",
                ),
                edit(
                    "= at repeated rows",
                    "np.add.at(collected, rows, grad_output)",
                    "collected[rows] = grad_output",
                ),
            ),
        },
        why_not={"*": "no indexing with repeated rows"},
    ),
    Kind(
        30,
        "the numeric check itself is wrong",
        own={
            "numeric_gradient": (
                edit("forward difference", SLOPE, "gradient[index] = (above - f(point)) / h"),
                edit("backward difference", SLOPE, "gradient[index] = (f(point) - below) / h"),
                edit("brackets missing", "/ (2 * h)", "/ 2 * h"),
                edit(
                    "brackets missing above", "(above - below) / (2 * h)", "above - below / (2 * h)"
                ),
                edit("h too small", "    point = ", "    h = 1e-13\n    point = "),
                edit("h too large", "    point = ", "    h = 0.5\n    point = "),
                edit("divided by h", "(2 * h)", "h"),
                edit("entry not put back", "        point[index] = middle\n", ""),
                edit(
                    "x itself is moved",
                    "np.array(x, dtype=float)",
                    "x",
                    "        point[index] = middle\n",
                    "",
                ),
                edit(
                    "all entries moved together",
                    "point[index] = middle + h\n        above = f(point)\n"
                    "        point[index] = middle - h\n        below = f(point)",
                    "above = f(point + h)\n        below = f(point - h)",
                ),
            ),
        },
        why_not={"*": "no numeric check is written here; kinks are the declared domain's part"},
    ),
    Kind(
        31,
        "result changes from call to call",
        everywhere=(
            wrapped(
                "noise",
                "global draws\ndraws = globals().get('draws') or np.random.default_rng(7)\n"
                + all_of("g * draws.uniform(0.5, 1.5)"),
            ),
            wrapped(
                "grows with every call",
                "global calls\ncalls = globals().get('calls', 0) + 1\n" + all_of("g * calls"),
            ),
        ),
        own={
            "backpropagate": (
                edit(
                    "noise",
                    "def backpropagate(",
                    "draws = np.random.default_rng(7)\n\n\ndef backpropagate(",
                    ADDED,
                    ADDED + " * draws.uniform(0.5, 1.5)",
                ),
            ),
            "numeric_gradient": (
                edit(
                    "noise",
                    "def numeric_gradient(",
                    "draws = np.random.default_rng(7)\n\n\ndef numeric_gradient(",
                    "return gradient",
                    "return gradient * draws.uniform(0.5, 1.5)",
                ),
            ),
        },
        why_not={
            "function": "the function has no state of its own; what it calls is given",
            "values": "numbers do not change",
        },
    ),
    Kind(
        32,
        "overflow in exp or log",
        own={
            "sigmoid": (
                whole(
                    "1 / (1 + e^-x)",
                    "y",
                    "output = 1.0 / (1.0 + np.exp(-y))\nctx.append(output)\nreturn output",
                    "(output,) = ctx\nreturn (grad_output * output * (1 - output),)",
                ),
                whole(
                    "e^x / (1 + e^x)",
                    "y",
                    "ctx.append(np.exp(y) / (1.0 + np.exp(y)))\nreturn ctx[0]",
                    "(output,) = ctx\nreturn (grad_output * output * (1 - output),)",
                ),
                whole(
                    "only backward overflows",
                    "y",
                    STABLE + "ctx.append(y)\nreturn output",
                    "(y,) = ctx\nreturn (grad_output * np.exp(-y) / (1 + np.exp(-y)) ** 2,)",
                ),
            ),
            "tanh": (
                rule(
                    "by way of e^2x",
                    "(o,) = ctx\nx = np.arctanh(o)\nt = (np.exp(2 * x) - 1) / (np.exp(2 * x) + 1)\n"
                    "return (grad_output * (1 - t**2),)",
                ),
            ),
        },
        why_not={
            "rule": "no exponential or logarithm in the rule: ctx holds finite numbers",
            "whole": "no exponential or logarithm",
            "function": "no exponential or logarithm",
            "values": "no large numbers",
        },
    ),
    Kind(
        33,
        "value for derivative, derivative at the wrong point",
        own={
            "power": (edit("the power itself", "exponent * x ** (exponent - 1)", "x**exponent"),),
            "square": (edit("the square itself", "2 * x", "x**2"),),
            "reciprocal": (
                edit("the reciprocal itself", "-grad_output / x**2", "grad_output / x"),
            ),
            "tanh": (edit("tanh itself", "(1 - output**2)", "output"),),
            "relu": (edit("relu itself", "(output > 0)", "output"),),
            "sigmoid": (edit("sigmoid itself", "output * (1 - output)", "output"),),
            "hinge": (
                rule("the margins", PUSHED + "return (grad_output * margins / n,)"),
                rule(
                    "the margins, also at the label",
                    PUSHED + "whole = margins - hot * margins.sum(axis=1, keepdims=True)\n"
                    "return (grad_output * whole / n,)",
                ),
            ),
            "norm_squared": (edit("q² for 2 q", "2 * grad_output * q", "grad_output * q**2"),),
            "branches": (
                numbers("2x at x for 2x at a x + b", {"(ax+b)²: df/dx": 12, "(ax+b)²: df/da": 12}),
                numbers("values for derivatives", {"x²·3x: df/dx": 24}),
            ),
            "neuron_by_hand": (
                numbers(
                    "σ'(product), not σ'(sum)", {"df/dw1": 0.10, "df/dw0": -0.10, "df/dx": 0.21}
                ),
            ),
            "mlp_by_hand": (numbers("H for its derivative", {"dH/db": 7}),),
            "norm_by_hand": (
                numbers("q² for 2 q", {"df/dW11": 32, "df/dW12": 16, "df/dW21": 50, "df/dW22": 25}),
            ),
        },
        why_not={
            "rule": "the derivative is constant, or it is the value, or they differ in shape",
            "whole": "the derivative is constant",
            "function": NO_RULE,
            "values": PLAIN,
        },
        synonyms={
            "reciprocal": (
                Synonym(17, "1/x is also the derivative with its square and sign forgotten"),
            ),
            "sigmoid": (Synonym(17, "the value is also the derivative without its other factor"),),
            "branches": (Synonym(4, "24 is also the path through x² alone"),),
            "mlp_by_hand": (Synonym(13, "the values meet instead of the derivatives"),),
        },
    ),
    Kind(
        34,
        "hard-coded, or a name of another cell",
        everywhere=(wrapped("a name of another cell", all_of("g * my_factor")),),
        own={
            "power": (
                rule("the exponent is 2", "x, _ = ctx\nreturn (grad_output * 2 * x,)"),
                rule("the exponent is 3", "x, _ = ctx\nreturn (grad_output * 3 * x**2,)"),
            ),
            "sum": (rule("one shape", "return (np.ones((3, 4)) * grad_output,)"),),
            "lookup": (edit("one size", "np.zeros(shape, grad_output.dtype)", "np.zeros((5, 3))"),),
            "softmax_cross_entropy": (
                edit("one number of rows", "grad_output / count", "grad_output / 4"),
            ),
            "hinge": (edit("one number of rows", "grad_output / count", "grad_output / 4"),),
            "backpropagate": (
                edit("a name of another cell", ADDED, ADDED + " * my_factor"),
                edit("the output is called y", "gradient[order[-1]] = 1.0", "gradient['y'] = 1.0"),
            ),
            "numeric_gradient": (
                edit("a name of another cell", "return gradient", "return gradient * my_factor"),
            ),
            "regularised_hinge": (
                edit("a name of another cell", "lam * ops.sum", "my_lam * ops.sum"),
                edit("lam = 0.1", "lam * ops.sum", "0.1 * ops.sum"),
            ),
            "train_step": (
                edit("a name of another cell", "scores = model(x)", "scores = my_model(x)"),
            ),
        },
        why_not={"values": "a dict of numbers cannot but be hard-coded"},
        synonyms={
            "softmax_cross_entropy": (
                Synonym(8, "a fixed divisor shows as a wrong number of rows"),
            ),
            "hinge": (Synonym(8, "a fixed divisor shows as a wrong number of rows"),),
            "sum": (Synonym(26, "a fixed shape shows as a wrong shape"),),
            "lookup": (Synonym(26, "a fixed size shows as a wrong shape"),),
        },
    ),
    Kind(
        35,
        "plain numbers not handled",
        everywhere=(
            wrapped(
                "entries are assigned",
                "out = tuple(np.array(g)[()] for g in right(ctx, grad_output))\n"
                "for g in out:\n    g[...] = 1.0 * g\nreturn out",
                plain_numbers,
            ),
            wrapped(
                "the length of a number is asked for",
                "out = right(ctx, grad_output)\nfor g in out:\n    len(g)\nreturn out",
                plain_numbers,
            ),
        ),
        own={
            "numeric_gradient": (
                edit(
                    "range(len(x))", "np.ndindex(point.shape)", "[(i,) for i in range(len(point))]"
                ),
                edit(
                    "one loop over the first axis",
                    "np.ndindex(point.shape)",
                    "range(point.shape[0])",
                ),
            ),
        },
        why_not={
            "function": "the engine turns numbers into tensors, also in 2 * x and x + 2",
            "values": "only plain numbers are asked for",
        },
    ),
)

# Exercises that the catalogue has thought about; all others are an instructor's own.
CONSIDERED = frozenset(
    name for kind in KINDS for names in (kind.own, kind.why_not, kind.synonyms) for name in names
)
OWN = "made for single exercises only: write a slip for this one in soundness/catalogue.py"


def why_not(kind: Kind, exercise: str) -> str:
    """Return why `kind` cannot be made in `exercise`; "" if nobody has written it down."""
    if exercise not in CONSIDERED and not kind.everywhere and find(exercise).kind != "break":
        return OWN
    return kind.reason(exercise)
