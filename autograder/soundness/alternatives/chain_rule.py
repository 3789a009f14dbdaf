"""Correct answers to 01_chain_rule, in other words than the reference's."""

CELLS = """
# %% by_hand: floats
by_hand = {
    "q": 3.0,
    "f": -12.0,
    "df/dq": -4.0,
    "df/dz": 3.0,
    "df/dx": -4.0,
    "df/dy": -4.0,
}

# %% by_hand: computed from x, y and z
x, y, z = -2, 5, -4
q = x + y
by_hand = {"q": q, "f": q * z, "df/dq": z, "df/dz": q, "df/dx": z * 1, "df/dy": z * 1}

# %% by_hand: NumPy's numbers
by_hand = {
    "q": np.int64(3),
    "f": np.float64(-12),
    "df/dq": np.array(-4.0),
    "df/dz": np.float32(3),
    "df/dx": np.int32(-4),
    "df/dy": np.float64(-4),
}

# %% by_hand: fractions
from fractions import Fraction
by_hand = {
    "q": Fraction(3),
    "f": Fraction(-24, 2),
    "df/dq": Fraction(-4, 1),
    "df/dz": Fraction(9, 3),
    "df/dx": -Fraction(4),
    "df/dy": Fraction(-4),
}

# %% by_hand: central differences
def f(x, y, z):
    return (x + y) * z

h = 1e-4
point = dict(x=-2.0, y=5.0, z=-4.0)

def slope(name):
    right = f(**{**point, name: point[name] + h})
    left = f(**{**point, name: point[name] - h})
    return (right - left) / (2 * h)

by_hand = {"q": -2 + 5, "f": f(**point)}
by_hand["df/dq"] = ((3 + h) * -4 - (3 - h) * -4) / (2 * h)
for name in "xyz":
    by_hand["df/d" + name] = slope(name)

# %% by_hand: one line after the other, one entry too many
by_hand = {}
by_hand["q"] = 5 - 2
by_hand["f"] = by_hand["q"] * (-4)
by_hand["df/df"] = 1
by_hand["df/dq"] = -4 * by_hand["df/df"]
by_hand["df/dz"] = by_hand["q"]
by_hand["df/dx"] = by_hand["df/dq"] * 1.0
by_hand["df/dy"] = by_hand["df/dq"] * 1.0

# %% mul: NumPy's functions, a list
@backward_of(ops.mul)
def mul_backward(ctx, grad_output):
    return [np.multiply(ctx[1], grad_output), np.multiply(ctx[0], grad_output)]

# %% mul: pop
@backward_of(ops.mul)
def mul_backward(ctx, grad_output):
    y = ctx.pop()
    x = ctx.pop()
    dx = y * grad_output
    dy = x * grad_output
    return dx, dy

# %% mul: a Python loop over the entries
@backward_of(ops.mul)
def mul_backward(ctx, grad_output):
    x, y = ctx
    g = np.asarray(grad_output)
    xs = np.broadcast_to(x, g.shape)
    ys = np.broadcast_to(y, g.shape)
    dx = np.zeros(g.shape)
    dy = np.zeros(g.shape)
    for index in np.ndindex(*g.shape):
        dx[index] = g[index] * ys[index]
        dy[index] = g[index] * xs[index]
    return dx, dy

# %% mul: summed over the broadcast axes by a helper of one's own
def back_to(gradient, shape):
    gradient = np.asarray(gradient)
    while gradient.ndim > len(shape):
        gradient = gradient.sum(axis=0)
    for axis, size in enumerate(shape):
        if size == 1:
            gradient = gradient.sum(axis=axis, keepdims=True)
    return gradient

@backward_of(ops.mul)
def mul_backward(ctx, grad_output):
    x, y = ctx
    return (
        back_to(grad_output * y, np.shape(x)),
        back_to(grad_output * x, np.shape(y)),
    )

# %% mul: the product rule by the other operand's derivative
@backward_of(ops.mul)
def mul_backward(ctx, grad_output):
    x, y = np.broadcast_arrays(*ctx)
    dz_dx = np.ones_like(x) * y
    dz_dy = x * np.ones_like(y)
    return tuple(np.einsum("...,...->...", grad_output, d) for d in (dz_dx, dz_dy))

# %% mul: Python floats for numbers
@backward_of(ops.mul)
def mul_backward(ctx, grad_output):
    x, y = ctx
    if np.ndim(grad_output) == 0:
        return float(grad_output) * float(y), float(grad_output) * float(x)
    return grad_output * y, grad_output * x

# %% mul: only what is needed
@backward_of(ops.mul)
def mul_backward(ctx, grad_output):
    x, y = ctx
    dx = grad_output * y if ctx.needs[0] else None
    dy = grad_output * x if ctx.needs[1] else None
    return dx, dy

# %% mul: nested lists
@backward_of(ops.mul)
def mul_backward(ctx, grad_output):
    x, y = ctx
    return [(grad_output * y).tolist(), (grad_output * x).tolist()]

# %% maximum: np.where, ties to y
@backward_of(ops.maximum)
def maximum_backward(ctx, grad_output):
    x, y = ctx
    return np.where(x > y, grad_output, 0), np.where(x > y, 0, grad_output)

# %% maximum: half of the upstream to each at a tie
@backward_of(ops.maximum)
def maximum_backward(ctx, grad_output):
    x, y = ctx
    dx = np.zeros(np.shape(grad_output))
    dx = dx + (x > y) * 1.0 + (x == y) * 0.5
    dy = (y > x) * 1.0 + (y == x) * 0.5
    return dx * grad_output, dy * grad_output

# %% maximum: np.heaviside, three quarters to x at a tie
@backward_of(ops.maximum)
def maximum_backward(ctx, grad_output):
    x, y = ctx
    step = np.heaviside(np.subtract(x, y), 0.75)
    return [grad_output * step, grad_output - grad_output * step]

# %% maximum: a loop with if and else
@backward_of(ops.maximum)
def maximum_backward(ctx, grad_output):
    x, y = ctx
    g = np.array(grad_output)
    a = np.broadcast_to(x, g.shape)
    b = np.broadcast_to(y, g.shape)
    dx, dy = np.zeros(g.shape), np.zeros(g.shape)
    for i in np.ndindex(g.shape):
        if a[i] >= b[i]:
            dx[i] = g[i]
        else:
            dy[i] = g[i]
    return dx, dy

# %% maximum: compared with the value, written into copies by a mask
@backward_of(ops.maximum)
def maximum_backward(ctx, grad_output):
    x, y = ctx
    z = np.maximum(x, y)
    dx = np.array(grad_output)
    dy = np.array(grad_output)
    x_wins = np.broadcast_to(x == z, dx.shape)
    dx[~x_wins] = 0
    dy[x_wins] = 0
    return dx, dy

# %% maximum: (x + y + |x - y|) / 2
@backward_of(ops.maximum)
def maximum_backward(ctx, grad_output):
    y, x = ctx[-1], ctx[-2]
    s = np.sign(x - y)
    return (1 + s) / 2 * grad_output, (1 - s) / 2 * grad_output

# %% power: np.power
@backward_of(ops.power)
def power_backward(ctx, grad_output):
    x, n = ctx
    return [n * np.power(x, n - 1) * grad_output]

# %% power: the value divided by x
@backward_of(ops.power)
def power_backward(ctx, grad_output):
    x, exponent = ctx
    z = x**exponent
    return (grad_output * exponent * z / x,)

# %% power: cases by the exponent
@backward_of(ops.power)
def power_backward(ctx, grad_output):
    exponent = ctx.pop()
    x = ctx.pop()
    if exponent == 1:
        return (1.0 * grad_output,)
    if exponent == 2:
        return (2 * x * grad_output,)
    if exponent == 3:
        return (3 * x * x * grad_output,)
    return (exponent * x ** (exponent - 1.0) * grad_output,)

# %% power: a loop over the entries with floats
@backward_of(ops.power)
def power_backward(ctx, grad_output):
    x, exponent = ctx
    x = np.asarray(x)
    g = np.asarray(grad_output)
    out = np.empty(x.shape)
    for i in np.ndindex(x.shape):
        out[i] = exponent * float(x[i]) ** (exponent - 1) * float(g[i])
    return (out,)

# %% power: one divided by a power
@backward_of(ops.power)
def power_backward(ctx, grad_output):
    (x, p) = ctx
    return (p * grad_output / x ** (1 - p),)

# %% power: np.vectorize around a helper
def slope(x, n):
    return n * x ** (n - 1)

@backward_of(ops.power)
def power_backward(ctx, grad_output):
    x, n = ctx
    return (np.vectorize(slope, otypes=[float])(x, n) * grad_output,)

# %% power: the logarithm's derivative
@backward_of(ops.power)
def power_backward(ctx, grad_output):
    x, exponent = ctx
    size = np.exp((exponent - 1) * np.log(np.abs(x)))
    odd = (exponent - 1) % 2 == 1
    sign = np.sign(x) if odd else 1.0
    return (grad_output * exponent * sign * size,)

# %% patterns: floats
patterns = {
    "add: left": 2.0,
    "add: right": 2.0,
    "max of 3 and 7: left": 0.0,
    "max of 3 and 7: right": 2.0,
    "mul of 3 and 7: left": 14.0,
    "mul of 3 and 7: right": 6.0,
}

# %% patterns: computed
upstream, left, right = 2, 3, 7
patterns = {
    "add: left": upstream,
    "add: right": upstream,
    "max of 3 and 7: left": upstream * (left > right),
    "max of 3 and 7: right": upstream * (left < right),
    "mul of 3 and 7: left": upstream * right,
    "mul of 3 and 7: right": upstream * left,
}

# %% patterns: minus zero and NumPy's numbers
patterns = {
    "add: left": np.float64(2),
    "add: right": np.int64(2),
    "max of 3 and 7: left": -0.0,
    "max of 3 and 7: right": np.array(2),
    "mul of 3 and 7: left": np.float32(14),
    "mul of 3 and 7: right": np.uint8(6),
}

# %% patterns: zip and dict
names = ["add: left", "add: right", "max of 3 and 7: left", "max of 3 and 7: right"]
names += ["mul of 3 and 7: left", "mul of 3 and 7: right"]
patterns = dict(zip(names, [2, 2, 0, 2, 14, 6]))

# %% patterns: from a helper
def both(name, dleft, dright):
    return {name + ": left": 2 * dleft, name + ": right": 2 * dright}

patterns = {}
patterns.update(both("add", 1, 1))
patterns.update(both("max of 3 and 7", 0, 1))
patterns.update(both("mul of 3 and 7", 7, 3))

# %% branches: floats
branches = {
    "x(x+1): dy/du": 17.0,
    "x(x+1): dy/dx": 35.0,
    "x²·3x: df/dx": 36.0,
    "(ab+1)(ab+2): df/da": 45.0,
    "(ab+1)(ab+2): df/db": 30.0,
    "(ax+b)²: df/dx": 28.0,
    "(ax+b)²: df/da": 42.0,
    "(ax+b)²: df/db": 14.0,
}

# %% branches: the sum over the paths, written out
branches = {
    "x(x+1): dy/du": 17,
    "x(x+1): dy/dx": 18 * 1 + 17 * 1,
    "x²·3x: df/dx": (3 * 2) * (2 * 2) + (2**2) * 3,
    "(ab+1)(ab+2): df/da": 8 * 3 + 7 * 3,
    "(ab+1)(ab+2): df/db": 8 * 2 + 7 * 2,
    "(ax+b)²: df/dx": 2 * 7 * 2,
    "(ax+b)²: df/da": 2 * 7 * 3,
    "(ax+b)²: df/db": 2 * 7 * 1,
}

# %% branches: multiplied out and differentiated
x = 17
branches = {"x(x+1): dy/du": x, "x(x+1): dy/dx": 2 * x + 1, "x²·3x: df/dx": 9 * 2**2}
a, b = 2, 3
branches["(ab+1)(ab+2): df/da"] = 2 * a * b**2 + 3 * b
branches["(ab+1)(ab+2): df/db"] = 2 * a**2 * b + 3 * a
a, x, b = 2, 3, 1
branches["(ax+b)²: df/dx"] = 2 * a * (a * x + b)
branches["(ax+b)²: df/da"] = 2 * x * (a * x + b)
branches["(ax+b)²: df/db"] = 2 * (a * x + b)

# %% branches: NumPy's numbers
branches = {
    "x(x+1): dy/du": np.float64(17),
    "x(x+1): dy/dx": np.int64(35),
    "x²·3x: df/dx": np.array(36),
    "(ab+1)(ab+2): df/da": np.sum([24, 21]),
    "(ab+1)(ab+2): df/db": np.dot([8, 7], [2, 2]),
    "(ax+b)²: df/dx": np.float32(28),
    "(ax+b)²: df/da": np.array([42.0])[0],
    "(ax+b)²: df/db": np.prod([2, 7]),
}

# %% branches: measured
def central(f, x, h=1e-3):
    return (f(x + h) - f(x - h)) / (2 * h)

branches = {
    "x(x+1): dy/du": central(lambda u: 17 * u, 18),
    "x(x+1): dy/dx": central(lambda x: x * (x + 1), 17),
    "x²·3x: df/dx": 36,
    "(ab+1)(ab+2): df/da": central(lambda a: (a * 3 + 1) * (a * 3 + 2), 2),
    "(ab+1)(ab+2): df/db": central(lambda b: (2 * b + 1) * (2 * b + 2), 3),
    "(ax+b)²: df/dx": central(lambda x: (2 * x + 1) ** 2, 3),
    "(ax+b)²: df/da": central(lambda a: (a * 3 + 1) ** 2, 2),
    "(ax+b)²: df/db": central(lambda b: (2 * 3 + b) ** 2, 1),
}

# %% numeric_gradient: steps along the unit vectors
def numeric_gradient(f, x, h=1e-5):
    x = np.asarray(x, dtype=float)
    out = np.empty(x.shape)
    for index in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[index] = 1
        out[index] = (f(x + h * e) - f(x - h * e)) / (2 * h)
    return out

# %% numeric_gradient: np.nditer, x itself moved and put back
def numeric_gradient(f, x, h=1e-5):
    grad = np.zeros_like(x)
    it = np.nditer(x, flags=["multi_index"])
    while not it.finished:
        ix = it.multi_index
        old = x[ix].copy()
        x[ix] = old + h
        plus = f(x)
        x[ix] = old - h
        minus = f(x)
        x[ix] = old
        grad[ix] = (plus - minus) / (2 * h)
        it.iternext()
    return grad

# %% numeric_gradient: x moved forth, back and forth again
def numeric_gradient(f, x, h=1e-5):
    grad = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        x[i] += h
        right = f(x)
        x[i] -= 2 * h
        left = f(x)
        x[i] += h
        grad[i] = (right - left) / (2 * h)
    return grad

# %% numeric_gradient: flat, two copies
def numeric_gradient(f, x, h=1e-5):
    grad = np.zeros(x.size)
    for k in range(x.size):
        up, down = x.copy(), x.copy()
        up.flat[k] += h
        down.flat[k] -= h
        grad[k] = (f(up) - f(down)) / (2 * h)
    return grad.reshape(x.shape)

# %% numeric_gradient: a list comprehension over the rows of the identity
def numeric_gradient(f, x, h=1e-5):
    steps = h * np.eye(x.size).reshape(x.size, *x.shape)
    return np.array([0.5 / h * (f(x + s) - f(x - s)) for s in steps]).reshape(x.shape)

# %% numeric_gradient: two step sizes, extrapolated
def numeric_gradient(f, x, h=1e-5):
    x = np.array(x, float)

    def slope(index, h):
        moved = x.copy()
        moved[index] = x[index] + h
        right = f(moved)
        moved[index] = x[index] - h
        return (right - f(moved)) / (2 * h)

    out = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        out[index] = (4 * slope(index, h / 2) - slope(index, h)) / 3
    return out

# %% numeric_gradient: a view of x, put back in a finally
def numeric_gradient(f, x, h=1e-5):
    flat = x.reshape(-1)
    result = []
    for i in range(len(flat)):
        kept = float(flat[i])
        try:
            flat[i] = kept + h
            a = f(x)
            flat[i] = kept - h
            b = f(x)
        finally:
            flat[i] = kept
        result.append((a - b) / (2.0 * h))
    return np.reshape(result, x.shape)

# %% numeric_gradient: a mean of a forward and a backward difference
def numeric_gradient(f, x, h=1e-5):
    here = f(x)
    gradient = np.zeros(np.shape(x))
    for i, value in np.ndenumerate(x):
        step = np.zeros(np.shape(x))
        step[i] += h
        ahead = (f(x + step) - here) / h
        behind = (here - f(x - step)) / h
        gradient[i] = (ahead + behind) / 2
    return gradient

# %% numeric_gradient: nested lists as the result
def numeric_gradient(f, x, h=1e-5):
    def move(k, d):
        values = [float(v) for v in x.flatten()]
        values[k] += d
        return np.array(values).reshape(x.shape)

    slopes = [(f(move(k, h)) - f(move(k, -h))) / (2 * h) for k in range(x.size)]
    return np.array(slopes).reshape(x.shape).tolist()

# %% backpropagate: by index from the end
def backpropagate(order, parents, local):
    grads = {}
    for name in order:
        grads[name] = 0
    grads[order[-1]] = 1
    for k in range(len(order) - 1, -1, -1):
        node = order[k]
        for j in range(len(parents[node])):
            p = parents[node][j]
            grads[p] = grads[p] + grads[node] * local[node][j]
    return grads

# %% backpropagate: pulling from the consumers, dict comprehensions
def backpropagate(order, parents, local):
    consumers = {name: [] for name in order}
    for node in order:
        for p, d in zip(parents[node], local[node]):
            consumers[p].append((node, d))
    grad = {order[-1]: 1.0}
    for node in order[-2::-1]:
        grad[node] = sum(grad[c] * d for c, d in consumers[node])
    return grad

# %% backpropagate: recursion over all paths
def backpropagate(order, parents, local):
    grad = {node: 0.0 for node in order}

    def walk(node, product):
        grad[node] += product
        for p, d in zip(parents[node], local[node]):
            walk(p, product * d)

    walk(order[-1], 1.0)
    return grad

# %% backpropagate: defaultdict, NumPy's numbers
from collections import defaultdict

def backpropagate(order, parents, local):
    grad = defaultdict(np.float64)
    grad[order[-1]] = np.float64(1.0)
    for node in reversed(order):
        upstream = grad[node]
        for p, d in zip(parents.get(node, []), local.get(node, [])):
            grad[p] += upstream * d
    return grad

# %% backpropagate: a linear system
def backpropagate(order, parents, local):
    n = len(order)
    number = {name: i for i, name in enumerate(order)}
    A = np.eye(n)
    for node in order:
        for p, d in zip(parents[node], local[node]):
            A[number[p], number[node]] -= d
    last = np.zeros(n)
    last[-1] = 1
    return dict(zip(order, np.linalg.solve(A, last)))

# %% backpropagate: derivatives pushed forwards from each node
def backpropagate(order, parents, local):
    answer = {}
    for start in order:
        moved = {}
        for node in order:
            if node == start:
                moved[node] = 1.0
            else:
                moved[node] = sum(d * moved[p] for p, d in zip(parents[node], local[node]))
        answer[start] = moved[order[-1]]
    return answer

# %% backpropagate: counting the consumers, a stack
def backpropagate(order, parents, local):
    needed, stack = set(), [order[-1]]
    while stack:
        node = stack.pop()
        if node not in needed:
            needed.add(node)
            stack.extend(parents[node])
    waiting = {node: 0 for node in order}
    for node in needed:
        for p in parents[node]:
            waiting[p] += 1
    grad = {node: 0.0 for node in order}
    grad[order[-1]] = 1.0
    ready = [order[-1]]
    while ready:
        node = ready.pop()
        for p, d in zip(parents[node], local[node]):
            grad[p] += d * grad[node]
            waiting[p] -= 1
            if waiting[p] == 0:
                ready.append(p)
    return grad
"""
