"""Attacks on exercises of the real course: the truths, the package's rules, the judge's questions.

The one way to points that the walls do not close is the package itself, which a child must have.
"""

from __future__ import annotations

from dataclasses import dataclass

from attacks.corpus import rule


@dataclass(frozen=True)
class Heist:
    """One answer that is found and not worked out.

    Attributes
    ----------
    assignment, exercise, name : str
    cell : str
        Code of the answer's cell.
    earned : float
        What it gets of the exercise's points; more than 0 only for what SECURITY.md names.
    """

    assignment: str
    exercise: str
    name: str
    cell: str
    earned: float = 0.0


FIRST = "01_chain_rule"
KNOWN = "from course_autograd.exercises import exercises\n"
TAKE = "x, y = ctx\n"
GRAPH = "from course_autograd.exercises.function_backpropagate import Graph\n"

HEISTS = [
    Heist(
        FIRST,
        "mul",
        "the package's way of measuring",
        rule(
            TAKE + "from course_autograd.numeric import jacobian\n"
            "return jacobian(ops.mul.declared_forward, (x, y)).vjp(grad_output)"
        ),
    ),
    Heist(
        FIRST,
        "mul",
        "the package's imaginary step",
        rule(
            TAKE + "from course_autograd.complex_step import complex_slopes\n"
            "point = [np.asarray(x), np.asarray(y)]\n"
            "flat = np.ravel(grad_output)\n"
            "found = [complex_slopes(ops.mul.declared_forward, point, {}, k, range(one.size))\n"
            "         for k, one in enumerate(point)]\n"
            "return tuple((one @ flat).reshape(np.shape(to)) for one, to in zip(found, (x, y)))"
        ),
    ),
    Heist(
        FIRST,
        "mul",
        "the declared rule",
        rule("return ops.mul.declared_backward(ctx, grad_output)"),
    ),
    Heist(
        FIRST,
        "mul",
        "through divide in a graph",
        rule(
            TAKE + "a, b = Tensor(x), Tensor(1 / y)\n(a / b).backward(grad_output)\n"
            "return a.grad, -b.grad / y**2"
        ),
    ),
    Heist(
        FIRST,
        "mul",
        "what explains mistakes",
        rule(
            TAKE + "import course_autograd.exercises.hypotheses as h\n"
            "for one in vars(h).values():\n"
            "    try:\n        return one(x, y, grad_output)\n"
            "    except TypeError: pass\n"
        ),
    ),
    Heist(
        FIRST,
        "by_hand",
        "the truths",
        KNOWN + "by_hand = {key.name: key.truth() for key in exercises()['by_hand'].keys}\n",
    ),
    Heist(
        FIRST,
        "by_hand",
        "the package's slope",
        "from course_autograd.exercises.values import X, Y, Z, _f, slope\n"
        "by_hand = {'df/dx': slope(_f, 'x', x=X, y=Y, z=Z)}\n",
    ),
    Heist(
        FIRST,
        "patterns",
        "the numbers of mistakes",
        KNOWN
        + "patterns = {k.name: 2 * k.wrong['upstream']() for k in exercises()['patterns'].keys}\n",
    ),
    Heist(
        FIRST,
        "break_power",
        "the trials",
        KNOWN + "one = exercises()['break_power']\nbreak_power = {"
        "k: float((t.rule - t.truth)[one.probes[k].entry]) for k, t in one.trials.items()}\n",
    ),
    Heist(
        FIRST,
        "backpropagate",
        "the linear system",
        GRAPH + "def backpropagate(order, parents, local):\n"
        "    return dict(zip(order, Graph(order, parents, local).gradients()))\n",
    ),
    Heist(
        FIRST,
        "backpropagate",
        "the walk",
        GRAPH + "def backpropagate(order, parents, local):\n"
        "    return dict(zip(order, Graph(order, parents, local)._walk(order[::-1])))\n",
    ),
    Heist(
        FIRST,
        "numeric_gradient",
        "the package's own",
        "def numeric_gradient(f, x, h=1e-5):\n    from course_autograd import numeric\n"
        "    return numeric.jacobian(lambda _ctx, moved: f(moved), (x,)).vjp(np.ones(()))[0]\n",
    ),
    Heist(
        FIRST,
        "numeric_gradient",
        "the package's imaginary step",
        "def numeric_gradient(f, x, h=1e-5):\n"
        "    from course_autograd.complex_step import complex_slopes\n"
        "    found = complex_slopes(lambda _ctx, moved: f(moved), (x,), {}, 0, range(x.size))\n"
        "    return found.reshape(x.shape)\n",
    ),
    Heist(
        "04_mlp",
        "regularised_hinge",
        "the terms",
        KNOWN + "from course_autograd.exercises import Case\n"
        "def regularised_hinge(x, W, labels, lam):\n"
        "    case = Case('', '', (x.value, W.value), {'labels': labels, 'lam': lam})\n"
        "    hinge, squares, _ = exercises()['regularised_hinge']._terms(case, W.value)\n"
        "    return Tensor(hinge + lam * squares)\n",
    ),
    Heist(
        "04_mlp",
        "regularised_hinge",
        "a number without a graph",
        "def regularised_hinge(x, W, labels, lam):\n    return Tensor(0.0)\n",
    ),
    Heist(
        "04_mlp",
        "regularised_hinge",
        "a number that does not depend on W, at every call another",
        "calls = iter(range(1, 10**6))\n"
        "def regularised_hinge(x, W, labels, lam):\n    return Tensor(float(next(calls)))\n",
    ),
]

# What gets points that it should not, or by asking the engine. SECURITY.md says each of them.
ORACLES = [
    Heist(
        FIRST,
        "backpropagate",
        "the engine's own algorithm",
        """
from course_autograd import Operation, tensor_op

@tensor_op
class linear(Operation):
    @staticmethod
    def forward(ctx, *given, w=()):
        ctx.append(w)
        return sum(a * b for a, b in zip(w, given))

    @staticmethod
    def backward(ctx, grad_output):
        return tuple(grad_output * one for one in ctx[0])

def backpropagate(order, parents, local):
    nodes = {}
    for one in order:
        given = [nodes[parent] for parent in parents[one]]
        nodes[one] = linear(*given, w=tuple(local[one])) if given else Tensor(1.0)
    nodes[order[-1]].backward()
    return {one: 0.0 if node.grad is None else float(node.grad) for one, node in nodes.items()}
""",
        5.0,
    ),
    Heist(
        "03_norm_squared",
        "norm_squared",
        "the declared forward rule",
        """
@implements(ops.norm_squared)
class norm_squared(Operation):
    @staticmethod
    def forward(ctx, W, x):
        ctx.extend([W, x])
        return ops.norm_squared.declared_forward([], W, x)

    @staticmethod
    def backward(ctx, grad_output):
        return np.zeros(ctx[0].shape), np.zeros(ctx[1].shape)
""",
        1.6,
    ),
    Heist(
        "04_mlp",
        "regularised_hinge",
        "a graph that is only said to be there",
        """
import course_autograd.exercises.function_training as judging

seen = []
def value(at):
    x, labels, lam = seen
    hinge = ops.hinge.declared_forward([], x.value @ at, labels=labels)
    return hinge + lam * np.sum(at**2)

def regularised_hinge(x, W, labels, lam):
    seen[:] = [x, labels, lam]
    return Tensor(value(W.value))

judging.replayed = lambda root, leaf, at: value(at)
""",
        3.0,
    ),
]

STUBBORN = (
    "    while True:\n        try:\n            while True: pass\n"
    "        except BaseException: pass\n"
)
IMPORTS = "".join(
    f"try:\n    import {name}\nexcept BaseException: pass\n"
    for name in (
        "sqlite3",
        "xmlrpc.server",
        "email.message",
        "multiprocessing.managers",
        "matplotlib.pyplot",
        "matplotlib.animation",
        "networkx",
        "pandas",
        "scipy.stats",
        "sympy",
    )
)
RULES = ("mul", "maximum", "power")
FUNCTIONS = {
    "numeric_gradient": "def numeric_gradient(f, x, h=1e-5):\n",
    "backpropagate": "def backpropagate(order, parents, local):\n",
}


def everywhere(body: str) -> dict[str, str]:
    """Answer every rule and every function of the first assignment with `body`."""
    heads = {
        name: f"@backward_of(ops.{name})\ndef {name}_backward(ctx, grad_output):\n"
        for name in RULES
    } | FUNCTIONS
    answers = {name: head + body for name, head in heads.items()}
    answers["mul"] = IMPORTS + answers["mul"]
    return answers


DELAYS = {
    "every answer hangs, and much is imported": everywhere(STUBBORN),
    "every answer ends the process": everywhere("    import os\n    os._exit(3)\n"),
    "every answer is slow": everywhere("    import time\n    time.sleep(0.4)\n    return 0.0\n"),
    "every answer is wrong": everywhere("    return 0.0\n"),
}
