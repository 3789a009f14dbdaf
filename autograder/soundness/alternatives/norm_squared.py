"""Correct answers to 03_norm_squared, in other words than the reference's."""

CELLS = """
# %% norm_by_hand: floats
norm_by_hand = {
    "q1": 4.0,
    "q2": 5.0,
    "f": 41.0,
    "df/dW11": 16.0,
    "df/dW12": 8.0,
    "df/dW21": 20.0,
    "df/dW22": 10.0,
    "df/dx1": 38.0,
    "df/dx2": 6.0,
}

# %% norm_by_hand: with arrays
W = np.array([[1, 2], [3, -1]])
x = np.array([2, 1])
q = W @ x
dW = 2 * np.outer(q, x)
dx = 2 * W.T @ q
norm_by_hand = {"q1": q[0], "q2": q[1], "f": q @ q}
norm_by_hand.update({"df/dW11": dW[0, 0], "df/dW12": dW[0, 1]})
norm_by_hand.update({"df/dW21": dW[1, 0], "df/dW22": dW[1, 1]})
norm_by_hand.update({"df/dx1": dx[0], "df/dx2": dx[1]})

# %% norm_by_hand: written out
q1, q2 = 1 * 2 + 2 * 1, 3 * 2 - 1 * 1
norm_by_hand = {
    "q1": q1,
    "q2": q2,
    "f": q1**2 + q2**2,
    "df/dW11": 2 * q1 * 2,
    "df/dW12": 2 * q1 * 1,
    "df/dW21": 2 * q2 * 2,
    "df/dW22": 2 * q2 * 1,
    "df/dx1": 2 * q1 * 1 + 2 * q2 * 3,
    "df/dx2": 2 * q1 * 2 + 2 * q2 * (-1),
}

# %% norm_by_hand: central differences
W = np.array([[1.0, 2.0], [3.0, -1.0]])
x = np.array([2.0, 1.0])

def f(W, x):
    return np.sum((W @ x) ** 2)

h = 1e-3
norm_by_hand = {"q1": (W @ x)[0], "q2": (W @ x)[1], "f": f(W, x)}
for i in range(2):
    for j in range(2):
        E = np.zeros((2, 2))
        E[i, j] = h
        norm_by_hand[f"df/dW{i + 1}{j + 1}"] = (f(W + E, x) - f(W - E, x)) / (2 * h)
    e = np.zeros(2)
    e[i] = h
    norm_by_hand[f"df/dx{i + 1}"] = (f(W, x + e) - f(W, x - e)) / (2 * h)

# %% norm_by_hand: a dict comprehension over a table
table = "q1 4 q2 5 f 41 df/dW11 16 df/dW12 8 df/dW21 20 df/dW22 10 df/dx1 38 df/dx2 6".split()
norm_by_hand = {name: int(number) for name, number in zip(table[::2], table[1::2])}

# %% norm_by_hand: numbers of many kinds
from fractions import Fraction

norm_by_hand = {
    "q1": np.int64(4),
    "q2": np.float32(5),
    "f": Fraction(41),
    "df/dW11": 16,
    "df/dW12": 8.0,
    "df/dW21": np.array(20),
    "df/dW22": np.float64(10),
    "df/dx1": 8 + 30,
    "df/dx2": np.linalg.norm([6.0, 0.0]),
}

# %% square: the sum of two equal paths
@backward_of(ops.square)
def square_backward(ctx, grad_output):
    x = ctx.pop()
    left = grad_output * x
    right = x * grad_output
    return (left + right,)

# %% square: NumPy's functions, a list
@backward_of(ops.square)
def square_backward(ctx, grad_output):
    return [np.multiply(2.0, np.multiply(ctx[0], grad_output))]

# %% square: einsum
@backward_of(ops.square)
def square_backward(ctx, grad_output):
    (x,) = ctx
    return (2 * np.einsum("...,...->...", x, grad_output),)

# %% square: a loop with floats
@backward_of(ops.square)
def square_backward(ctx, grad_output):
    x = np.asarray(ctx[-1])
    g = np.asarray(grad_output)
    flat = [2 * float(a) * float(b) for a, b in zip(x.ravel(), g.ravel())]
    return (np.array(flat).reshape(x.shape),)

# %% square: a general power rule as a helper
def power_rule(x, n):
    return n * x ** (n - 1)

@backward_of(ops.square)
def square_backward(ctx, grad_output):
    (x,) = ctx
    return (power_rule(x, 2) * grad_output,)

# %% square: the tensor's own shape, in place on a copy
@backward_of(ops.square)
def square_backward(ctx, grad_output):
    (x,) = ctx
    dx = 2.0 * x
    dx *= grad_output
    return (dx,)

# %% sum: a read-only view
@backward_of(ops.sum)
def sum_backward(ctx, grad_output):
    shape, axis, keepdims = ctx
    if axis is not None and not keepdims:
        grad_output = np.expand_dims(grad_output, axis)
    return (np.broadcast_to(grad_output, shape),)

# %% sum: ones times the upstream, axes put back one by one
@backward_of(ops.sum)
def sum_backward(ctx, grad_output):
    shape, axis, keepdims = ctx
    g = np.asarray(grad_output)
    if axis is None:
        return (np.ones(shape) * g,)
    if not keepdims:
        axes = (axis,) if isinstance(axis, int) else axis
        for a in sorted(a % len(shape) for a in axes):
            g = np.expand_dims(g, a)
    return (np.ones(shape) * g,)

# %% sum: the shape with ones, by a helper
def with_ones(shape, axis):
    new = list(shape)
    if axis is None:
        axis = range(len(shape))
    elif not isinstance(axis, tuple):
        axis = [axis]
    for a in axis:
        new[a] = 1
    return new

@backward_of(ops.sum)
def sum_backward(ctx, grad_output):
    shape, axis, _ = ctx
    return [np.reshape(grad_output, with_ones(shape, axis)) + np.zeros(shape)]

# %% sum: slices with np.newaxis
@backward_of(ops.sum)
def sum_backward(ctx, grad_output):
    keepdims = ctx.pop()
    axis = ctx.pop()
    shape = ctx.pop()
    out = np.zeros(shape)
    if axis is None:
        out[...] = np.reshape(grad_output, (1,) * len(shape))
        return (out,)
    axes = {a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,))}
    index = tuple(np.newaxis if a in axes else slice(None) for a in range(len(shape)))
    out += grad_output if keepdims else grad_output[index]
    return (out,)

# %% sum: the sum of an empty copy tells the shape
@backward_of(ops.sum)
def sum_backward(ctx, grad_output):
    shape, axis, keepdims = ctx
    kept = np.sum(np.zeros(shape), axis=axis, keepdims=True).shape
    return (np.full(shape, np.asarray(grad_output).reshape(kept)),)

# %% sum: one entry after the other
@backward_of(ops.sum)
def sum_backward(ctx, grad_output):
    shape, axis, keepdims = ctx
    every = tuple(range(len(shape)))
    axes = every if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = [a + len(shape) if a < 0 else a for a in axes]
    g = np.asarray(grad_output)
    dx = np.empty(shape)
    for index in np.ndindex(*shape):
        if keepdims:
            where = tuple(0 if k in axes else i for k, i in enumerate(index))
        else:
            where = tuple(i for k, i in enumerate(index) if k not in axes)
        dx[index] = g[where]
    return (dx,)

# %% sum: np.repeat along each axis
@backward_of(ops.sum)
def sum_backward(ctx, grad_output):
    shape, axis, keepdims = ctx
    g = np.asarray(grad_output)
    if axis is None:
        axis = tuple(range(len(shape)))
    if not isinstance(axis, tuple):
        axis = (axis,)
    axis = [a % len(shape) for a in axis]
    if not keepdims:
        g = np.expand_dims(g, tuple(axis)) if axis else g
    for a in axis:
        g = np.repeat(g, shape[a], axis=a)
    return (g,)

# %% matmul: four cases
@backward_of(ops.matmul)
def matmul_backward(ctx, grad_output):
    x, y = ctx
    if x.ndim == 1 and y.ndim == 1:
        return grad_output * y, grad_output * x
    if x.ndim == 1:
        return y @ grad_output, np.outer(x, grad_output)
    if y.ndim == 1:
        return np.outer(grad_output, y), x.T @ grad_output
    return grad_output @ y.T, x.T @ grad_output

# %% matmul: einsum by number of axes
@backward_of(ops.matmul)
def matmul_backward(ctx, grad_output):
    x, y = ctx
    a = "ik" if np.ndim(x) == 2 else "k"
    b = "kj" if np.ndim(y) == 2 else "k"
    g = a[:-1] + b[1:]
    dx = np.einsum(f"{g},{b}->{a}", grad_output, y)
    dy = np.einsum(f"{g},{a}->{b}", grad_output, x)
    return dx, dy

# %% matmul: np.atleast_2d
@backward_of(ops.matmul)
def matmul_backward(ctx, grad_output):
    y = ctx.pop()
    x = ctx.pop()
    X = np.atleast_2d(x)
    Y = y if y.ndim == 2 else np.atleast_2d(y).T
    G = np.asarray(grad_output).reshape(X.shape[0], Y.shape[1])
    return np.dot(G, Y.T).reshape(x.shape), np.dot(X.T, G).reshape(y.shape)

# %% matmul: three loops
@backward_of(ops.matmul)
def matmul_backward(ctx, grad_output):
    x, y = ctx
    X = x.reshape(1, -1) if x.ndim == 1 else x
    Y = y.reshape(-1, 1) if y.ndim == 1 else y
    G = np.array(grad_output).reshape(len(X), Y.shape[1])
    dX, dY = np.zeros(X.shape), np.zeros(Y.shape)
    for i in range(X.shape[0]):
        for j in range(Y.shape[1]):
            for k in range(X.shape[1]):
                dX[i, k] += G[i, j] * Y[k, j]
                dY[k, j] += X[i, k] * G[i, j]
    return dX.reshape(x.shape), dY.reshape(y.shape)

# %% matmul: np.tensordot, then squeezed
@backward_of(ops.matmul)
def matmul_backward(ctx, grad_output):
    x, y = ctx
    g = grad_output
    if x.ndim == 1:
        g = np.expand_dims(g, 0)
    if y.ndim == 1:
        g = np.expand_dims(g, -1)
    two = x[np.newaxis] if x.ndim == 1 else x
    four = y[:, None] if y.ndim == 1 else y
    dx = np.tensordot(g, four, axes=([1], [1]))
    dy = np.tensordot(two, g, axes=(0, 0))
    return [dx[0] if x.ndim == 1 else dx, dy[:, 0] if y.ndim == 1 else dy]

# %% matmul: transposed, by the rule for the other side
def left(g, y):
    return g @ y.T

@backward_of(ops.matmul)
def matmul_backward(ctx, grad_output):
    x, y = ctx
    if x.ndim == y.ndim == 2:
        return left(grad_output, y), left(grad_output.T, x.T).T
    if y.ndim == 2:
        return np.array([grad_output @ row for row in y]), x[:, None] * grad_output[None, :]
    if x.ndim == 2:
        return grad_output[:, None] * y, sum(g * row for g, row in zip(grad_output, x))
    return float(grad_output) * y, float(grad_output) * x

# %% matmul: the sum of outer products
@backward_of(ops.matmul)
def matmul_backward(ctx, grad_output):
    x, y = ctx[0], ctx[1]
    rows = [x] if x.ndim == 1 else list(x)
    columns = [y] if y.ndim == 1 else list(y.T)
    g = np.asarray(grad_output).reshape(len(rows), len(columns))
    dx = [sum(g[i, j] * columns[j] for j in range(len(columns))) for i in range(len(rows))]
    dy = [sum(g[i, j] * rows[i] for i in range(len(rows))) for j in range(len(columns))]
    dx = dx[0] if x.ndim == 1 else np.stack(dx)
    dy = dy[0] if y.ndim == 1 else np.stack(dy, axis=1)
    return dx, dy

# %% add_bias: np.add, column by column
@implements(ops.add_bias)
class add_bias(Operation):
    @staticmethod
    def forward(ctx, x, b):
        return np.add(x, b[np.newaxis, :])

    @staticmethod
    def backward(ctx, grad_output):
        db = np.array([column.sum() for column in grad_output.T])
        return grad_output.copy(), db

# %% add_bias: ones times the upstream
@implements(ops.add_bias)
class add_bias(Operation):
    @staticmethod
    def forward(ctx, x, b):
        ctx.append(x.shape[0])
        return x + np.ones((x.shape[0], 1)) @ b.reshape(1, -1)

    @staticmethod
    def backward(ctx, grad_output):
        (n,) = ctx
        return [grad_output, np.ones(n) @ grad_output]

# %% add_bias: einsum, the shapes saved
@implements(ops.add_bias)
class add_bias(Operation):
    @staticmethod
    def forward(ctx, x, b):
        ctx.extend([x.shape, b.shape])
        return np.broadcast_to(b, x.shape) + x

    @staticmethod
    def backward(ctx, grad_output):
        x_shape, b_shape = ctx
        dx = grad_output.reshape(x_shape)
        db = np.einsum("nm->m", grad_output).reshape(b_shape)
        return dx, db

# %% add_bias: a list of sums
@implements(ops.add_bias)
class add_bias(Operation):
    @staticmethod
    def forward(ctx, x, b):
        out = x.copy()
        out += b
        return out

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output, [sum(row[j] for row in grad_output) for j in range(len(grad_output[0]))]

# %% add_bias: two loops, the inputs saved
@implements(ops.add_bias)
class add_bias(Operation):
    @staticmethod
    def forward(ctx, x, b):
        ctx.append((x, b))
        z = np.zeros(x.shape)
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                z[i, j] = x[i, j] + b[j]
        return z

    @staticmethod
    def backward(ctx, grad_output):
        x, b = ctx.pop()
        db = np.zeros_like(b)
        for row in grad_output:
            db += row
        return np.ones_like(x) * grad_output, db

# %% add_bias: np.tile and np.add.reduce
@implements(ops.add_bias)
class add_bias(Operation):
    @staticmethod
    def forward(ctx, x, b):
        return x + np.tile(b, (len(x), 1))

    @staticmethod
    def backward(ctx, grad_output):
        return 1 * grad_output, np.add.reduce(grad_output)

# %% add_bias: without @staticmethod, as on the slides
@implements(ops.add_bias)
class add_bias(Operation):
    def forward(ctx, x, b):
        return b + x

    def backward(ctx, grad_output):
        return grad_output, np.sum(grad_output, 0)

# %% norm_squared: np.linalg.norm
@implements(ops.norm_squared)
class norm_squared(Operation):
    @staticmethod
    def forward(ctx, W, x):
        ctx.extend([W, x])
        return np.linalg.norm(W @ x) ** 2

    @staticmethod
    def backward(ctx, grad_output):
        W, x = ctx
        q = np.dot(W, x)
        dW = 2 * grad_output * q[:, None] * x[None, :]
        dx = 2 * grad_output * W.T.dot(q)
        return dW, dx

# %% norm_squared: einsum throughout
@implements(ops.norm_squared)
class norm_squared(Operation):
    @staticmethod
    def forward(ctx, W, x):
        ctx.append(W)
        ctx.append(x)
        return np.einsum("ij,j,ik,k->", W, x, W, x)

    @staticmethod
    def backward(ctx, grad_output):
        x = ctx.pop()
        W = ctx.pop()
        dW = 2 * np.einsum(",ij,j,k->ik", grad_output, W, x, x)
        dx = 2 * np.einsum(",ij,ik,k->j", grad_output, W, W, x)
        return [dW, dx]

# %% norm_squared: both gradients made in forward
@implements(ops.norm_squared)
class norm_squared(Operation):
    @staticmethod
    def forward(ctx, W, x):
        q = W @ x
        ctx.append(np.outer(2 * q, x))
        ctx.append(2 * q @ W)
        return (q * q).sum()

    @staticmethod
    def backward(ctx, grad_output):
        return tuple(grad_output * saved for saved in ctx)

# %% norm_squared: loops, a Python float as the result
@implements(ops.norm_squared)
class norm_squared(Operation):
    @staticmethod
    def forward(ctx, W, x):
        q = [sum(w * v for w, v in zip(row, x)) for row in W]
        ctx.append(W)
        ctx.append(x)
        ctx.append(q)
        return float(sum(entry**2 for entry in q))

    @staticmethod
    def backward(ctx, grad_output):
        W, x, q = ctx
        m, n = W.shape
        dW = np.zeros((m, n))
        dx = np.zeros(n)
        for i in range(m):
            for j in range(n):
                dW[i, j] = grad_output * 2 * q[i] * x[j]
                dx[j] += grad_output * 2 * q[i] * W[i, j]
        return dW, dx

# %% norm_squared: the quadratic form
@implements(ops.norm_squared)
class norm_squared(Operation):
    @staticmethod
    def forward(ctx, W, x):
        ctx.extend((W, x))
        return x @ W.T @ W @ x

    @staticmethod
    def backward(ctx, grad_output):
        W, x = ctx
        dW = grad_output * (2 * W @ np.outer(x, x))
        dx = grad_output * ((W.T @ W + (W.T @ W).T) @ x)
        return dW, dx

# %% norm_squared: columns and rows kept as matrices, a 0-d array as the result
@implements(ops.norm_squared)
class norm_squared(Operation):
    @staticmethod
    def forward(ctx, W, x):
        column = x.reshape(-1, 1)
        q = W @ column
        ctx.append({"W": W, "x": column, "q": q})
        return np.asarray((q.T @ q)[0, 0])

    @staticmethod
    def backward(ctx, grad_output):
        saved = ctx[-1]
        dq = 2 * saved["q"] * grad_output
        return dq @ saved["x"].T, (saved["W"].T @ dq).ravel()

# %% jacobians: the numbers
jacobians = {
    "entries": 16777216,
    "entries minibatch": 167772160000,
    "GiB float32": 625,
    "diagonal": True,
}

# %% jacobians: floats
jacobians = {
    "entries": 1.6777216e7,
    "entries minibatch": 1.6777216e11,
    "GiB float32": 625.0,
    "diagonal": np.True_,
}

# %% jacobians: expressions
inputs, batch = 4096, 100
jacobians = {
    "entries": inputs * inputs,
    "entries minibatch": (batch * inputs) ** 2,
    "GiB float32": 4 * (batch * inputs) ** 2 / 1024**3,
    "diagonal": 1 == 1,
}

# %% jacobians: NumPy's numbers
jacobians = {
    "entries": np.int64(4096) ** 2,
    "entries minibatch": np.float64(409600) ** 2,
    "GiB float32": np.round(np.float64(409600) ** 2 * 4 / 2**30),
    "diagonal": bool(np.array_equal(np.diag([1, 2]), [[1, 0], [0, 2]])),
}

# %% jacobians: powers of two, gigabytes rounded
jacobians = {"entries": 2**24, "diagonal": True}
jacobians["entries minibatch"] = jacobians["entries"] * 100**2
jacobians["GiB float32"] = round(jacobians["entries minibatch"] * 4 / 1024 / 1024 / 1024, 1)

# %% jacobians: counted
import math

jacobians = {
    "entries": math.prod((4096, 4096)),
    "entries minibatch": math.prod([100, 4096, 100, 4096]),
    "GiB float32": math.prod([100, 4096, 100, 4096]) * np.dtype(np.float32).itemsize / 2**30,
    "diagonal": True,
}
"""
