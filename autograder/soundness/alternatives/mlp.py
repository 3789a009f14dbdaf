"""Correct answers to 04_mlp, in other words than the reference's."""

CELLS = """
# %% mlp_by_hand: floats
mlp_by_hand = {"u1": 6.0, "u2": 7.0, "H": 7.0, "dH/dW": 3.0, "dH/dx": 2.0, "dH/db": 1.0}

# %% mlp_by_hand: computed
W, x, b = 2, 3, 1
u1 = W * x
u2 = u1 + b
H = max(0, u2)
on = 1 if u2 > 0 else 0
mlp_by_hand = {"u1": u1, "u2": u2, "H": H, "dH/dW": on * x, "dH/dx": on * W, "dH/db": on}

# %% mlp_by_hand: NumPy's numbers
mlp_by_hand = {
    "u1": np.multiply(2, 3),
    "u2": np.float64(7),
    "H": np.maximum(0, 7),
    "dH/dW": np.array(3.0),
    "dH/dx": np.int8(2),
    "dH/db": np.float32(1),
}

# %% mlp_by_hand: central differences
def layer(W=2.0, x=3.0, b=1.0):
    return max(0.0, W * x + b)

h = 1e-4
mlp_by_hand = {"u1": 2 * 3, "u2": 2 * 3 + 1, "H": layer()}
mlp_by_hand["dH/dW"] = (layer(W=2 + h) - layer(W=2 - h)) / (2 * h)
mlp_by_hand["dH/dx"] = (layer(x=3 + h) - layer(x=3 - h)) / (2 * h)
mlp_by_hand["dH/db"] = (layer(b=1 + h) - layer(b=1 - h)) / (2 * h)

# %% mlp_by_hand: fractions, in another order
from fractions import Fraction as F

mlp_by_hand = {
    "dH/db": F(1),
    "dH/dx": F(1) * 2,
    "dH/dW": F(1) * 3,
    "H": F(7),
    "u2": F(7),
    "u1": F(6),
}

# %% relu: saves the input, np.where
@implements(ops.relu)
class relu(Operation):
    @staticmethod
    def forward(ctx, x):
        ctx.append(x)
        return np.where(x > 0, x, 0.0)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx
        return (np.where(x > 0, grad_output, 0.0),)

# %% relu: saves the mask, 1 at the kink
@implements(ops.relu)
class relu(Operation):
    @staticmethod
    def forward(ctx, x):
        mask = x >= 0
        ctx.append(mask)
        return x * mask

    @staticmethod
    def backward(ctx, grad_output):
        return [grad_output * ctx.pop()]

# %% relu: one half at the kink
@implements(ops.relu)
class relu(Operation):
    @staticmethod
    def forward(ctx, x):
        ctx.append(np.heaviside(x, 0.5))
        return (x + np.abs(x)) / 2

    @staticmethod
    def backward(ctx, grad_output):
        return (ctx[0] * grad_output,)

# %% relu: by the sign of the output
@implements(ops.relu)
class relu(Operation):
    @staticmethod
    def forward(ctx, x):
        out = np.clip(x, 0, None)
        ctx.append(out)
        return out

    @staticmethod
    def backward(ctx, grad_output):
        return (np.sign(ctx[-1]) * grad_output,)

# %% relu: copies with negative entries set to zero
@implements(ops.relu)
class relu(Operation):
    @staticmethod
    def forward(ctx, x):
        ctx.append(x)
        out = np.array(x)
        out[out < 0] = 0
        return out

    @staticmethod
    def backward(ctx, grad_output):
        dx = np.array(grad_output)
        dx[np.asarray(ctx[0]) <= 0] = 0
        return (dx,)

# %% relu: a loop; the derivative is saved
@implements(ops.relu)
class relu(Operation):
    @staticmethod
    def forward(ctx, x):
        x = np.asarray(x)
        out, slope = np.zeros(x.shape), np.zeros(x.shape)
        for i, value in np.ndenumerate(x):
            if value > 0:
                out[i] = value
                slope[i] = 1
        ctx.append(slope)
        return out

    @staticmethod
    def backward(ctx, grad_output):
        (slope,) = ctx
        return (slope * grad_output,)

# %% relu: where the input is not negative
def positive_part(t):
    return np.maximum(t, 0)

@implements(ops.relu)
class relu(Operation):
    def forward(ctx, x):
        ctx.extend([x, positive_part(x)])
        return ctx[1]

    def backward(ctx, grad_output):
        x, out = ctx
        return ((x == out) * grad_output,)

# %% relu: saves what is switched off
@implements(ops.relu)
class relu(Operation):
    @staticmethod
    def forward(ctx, x):
        off = np.less(x, 0)
        ctx.append(off)
        return x - x * off

    @staticmethod
    def backward(ctx, grad_output):
        return (grad_output * (1 - ctx[0]),)

# %% tanh: np.square
@backward_of(ops.tanh)
def tanh_backward(ctx, grad_output):
    return [np.multiply(grad_output, 1 - np.square(ctx[0]))]

# %% tanh: two factors
@backward_of(ops.tanh)
def tanh_backward(ctx, grad_output):
    t = ctx.pop()
    return ((1 - t) * (1 + t) * grad_output,)

# %% tanh: multiplied out
@backward_of(ops.tanh)
def tanh_backward(ctx, grad_output):
    (out,) = ctx
    return (grad_output - grad_output * out * out,)

# %% tanh: einsum
@backward_of(ops.tanh)
def tanh_backward(ctx, grad_output):
    (out,) = ctx
    return (grad_output - np.einsum("...,...,...->...", out, out, grad_output),)

# %% tanh: a helper and a loop
def slope(t):
    return 1.0 - t**2

@backward_of(ops.tanh)
def tanh_backward(ctx, grad_output):
    out, g = np.asarray(ctx[-1]), np.asarray(grad_output)
    dx = np.zeros_like(out)
    for i in np.ndindex(out.shape):
        dx[i] = slope(out[i]) * g[i]
    return (dx,)

# %% tanh: from the sigmoid of 2x
@backward_of(ops.tanh)
def tanh_backward(ctx, grad_output):
    (out,) = ctx
    s = (1 + out) / 2
    return (4 * s * (1 - s) * grad_output,)

# %% lookup: a loop
@backward_of(ops.lookup)
def lookup_backward(ctx, grad_output):
    shape, rows = ctx
    table = np.zeros(shape)
    for n in range(len(rows)):
        table[rows[n]] += grad_output[n]
    return (table,)

# %% lookup: rows as ones and zeros, a matrix product
@backward_of(ops.lookup)
def lookup_backward(ctx, grad_output):
    (V, D), rows = ctx
    one_hot = np.eye(V)[rows]
    return (one_hot.T @ grad_output,)

# %% lookup: one mask per row of the table
@backward_of(ops.lookup)
def lookup_backward(ctx, grad_output):
    rows = ctx.pop()
    V, D = ctx.pop()
    return [np.stack([grad_output[rows == v].sum(axis=0) for v in range(V)])]

# %% lookup: np.bincount per column
@backward_of(ops.lookup)
def lookup_backward(ctx, grad_output):
    shape, rows = ctx
    columns = [
        np.bincount(rows, weights=grad_output[:, d], minlength=shape[0]) for d in range(shape[1])
    ]
    return (np.array(columns).T,)

# %% lookup: einsum with a comparison
@backward_of(ops.lookup)
def lookup_backward(ctx, grad_output):
    shape, rows = ctx
    same = (np.arange(shape[0])[:, None] == rows[None, :]).astype(float)
    return (np.einsum("vn,nd->vd", same, grad_output),)

# %% lookup: sums in a dict
@backward_of(ops.lookup)
def lookup_backward(ctx, grad_output):
    shape, rows = ctx
    sums = {}
    for row, gradient in zip(rows.tolist(), grad_output):
        sums[row] = sums.get(row, 0) + gradient
    return (np.array([sums.get(v, np.zeros(shape[1])) for v in range(shape[0])]),)

# %% lookup: sorted, np.add.reduceat
@backward_of(ops.lookup)
def lookup_backward(ctx, grad_output):
    shape, rows = ctx
    order = np.argsort(rows, kind="stable")
    different, start = np.unique(rows[order], return_index=True)
    table = np.zeros(shape)
    table[different] = np.add.reduceat(grad_output[order], start, axis=0)
    return (table,)

# %% softmax_cross_entropy: ones and zeros
@backward_of(ops.softmax_cross_entropy)
def softmax_cross_entropy_backward(ctx, grad_output):
    p, y = ctx
    N, C = p.shape
    one_hot = np.zeros((N, C))
    one_hot[range(N), y] = 1
    return (grad_output * (p - one_hot) / N,)

# %% softmax_cross_entropy: two loops
@backward_of(ops.softmax_cross_entropy)
def softmax_cross_entropy_backward(ctx, grad_output):
    probabilities, labels = ctx
    out = np.zeros_like(probabilities)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = probabilities[i, j]
            if j == labels[i]:
                out[i, j] -= 1
            out[i, j] *= grad_output / out.shape[0]
    return (out,)

# %% softmax_cross_entropy: a comparison instead of an index
@backward_of(ops.softmax_cross_entropy)
def softmax_cross_entropy_backward(ctx, grad_output):
    labels = ctx.pop()
    p = ctx.pop()
    hit = labels[:, None] == np.arange(p.shape[1])
    return [(p - hit) * float(grad_output) / p.shape[0]]

# %% softmax_cross_entropy: the Jacobian of softmax, row by row
@backward_of(ops.softmax_cross_entropy)
def softmax_cross_entropy_backward(ctx, grad_output):
    probabilities, labels = ctx
    rows = []
    for p, y in zip(probabilities, labels):
        jacobian = np.diag(p) - np.outer(p, p)
        if p[y] > 1e-200:
            upstream = np.zeros(len(p))
            upstream[y] = -1 / p[y]
            rows.append(upstream @ jacobian)
        else:
            row = p.copy()
            row[y] -= 1
            rows.append(row)
    return (grad_output * np.array(rows) / len(labels),)

# %% softmax_cross_entropy: np.where and the identity
@backward_of(ops.softmax_cross_entropy)
def softmax_cross_entropy_backward(ctx, grad_output):
    p, labels = ctx[0], ctx[1]
    hot = np.eye(p.shape[1])[labels]
    return (np.where(hot == 1, p - 1, p) / len(p) * grad_output,)

# %% softmax_cross_entropy: np.add.at on a copy
def minus_one(p, labels):
    result = p.copy()
    np.add.at(result, (np.arange(len(labels)), labels), -1.0)
    return result

@backward_of(ops.softmax_cross_entropy)
def softmax_cross_entropy_backward(ctx, grad_output):
    p, labels = ctx
    return (np.multiply(minus_one(p, labels), np.divide(grad_output, labels.size)),)

# %% softmax_cross_entropy: lists
@backward_of(ops.softmax_cross_entropy)
def softmax_cross_entropy_backward(ctx, grad_output):
    p, labels = ctx
    n = len(labels)
    return (
        [
            [(p[i][j] - (1 if j == labels[i] else 0)) * grad_output / n for j in range(len(p[i]))]
            for i in range(n)
        ],
    )

# %% hinge: np.where
@backward_of(ops.hinge)
def hinge_backward(ctx, grad_output):
    margins, y = ctx
    d = np.where(margins > 0, 1.0, 0.0)
    d[np.arange(len(y)), y] -= d.sum(axis=1)
    return [d * grad_output / len(y)]

# %% hinge: two loops
@backward_of(ops.hinge)
def hinge_backward(ctx, grad_output):
    margins, labels = ctx
    N, C = margins.shape
    dscores = np.zeros((N, C))
    for i in range(N):
        for j in range(C):
            if j == labels[i]:
                continue
            if margins[i, j] > 0:
                dscores[i, j] += 1
                dscores[i, labels[i]] -= 1
    dscores /= N
    return (dscores * grad_output,)

# %% hinge: the sign, the identity
@backward_of(ops.hinge)
def hinge_backward(ctx, grad_output):
    labels = ctx.pop()
    active = np.sign(ctx.pop())
    hot = np.eye(active.shape[1])[labels]
    counts = active.sum(1, keepdims=True)
    return ((active - hot * counts) * grad_output / active.shape[0],)

# %% hinge: einsum
@backward_of(ops.hinge)
def hinge_backward(ctx, grad_output):
    margins, labels = ctx
    active = (margins > 0).astype(float)
    hot = (labels[:, None] == np.arange(margins.shape[1])).astype(float)
    own = np.einsum("nc,nd->nd", active, hot)
    return (grad_output / len(labels) * (active - own),)

# %% hinge: row by row, a helper
def of_row(row, y):
    out = np.zeros(len(row))
    out[row > 0] = 1
    out[y] = -np.count_nonzero(row > 0)
    return out

@backward_of(ops.hinge)
def hinge_backward(ctx, grad_output):
    margins, labels = ctx
    rows = [of_row(margins[i], labels[i]) for i in range(len(labels))]
    return (np.array(rows) * (float(grad_output) / len(rows)),)

# %% hinge: np.heaviside, np.put_along_axis
@backward_of(ops.hinge)
def hinge_backward(ctx, grad_output):
    margins, labels = ctx
    push = np.heaviside(margins, 0.0)
    total = push.sum(axis=1, keepdims=True)
    np.put_along_axis(push, labels[:, None], -total, axis=1)
    return (np.mean(grad_output) * push / margins.shape[0],)

# %% regularised_hinge: operators
def regularised_hinge(x, W, labels, lam):
    return ops.hinge(x @ W, labels=labels) + lam * (W * W).sum()

# %% regularised_hinge: a power, in steps
def regularised_hinge(x, W, labels, lam):
    scores = x @ W
    loss = ops.hinge(scores, labels=labels)
    squares = W**2
    penalty = ops.sum(squares) * lam
    total = loss + penalty
    return total

# %% regularised_hinge: a helper of one's own
def penalty(W):
    flat = W.reshape(-1)
    return flat @ flat

def regularised_hinge(x, W, labels, lam):
    return lam * penalty(W) + ops.hinge(ops.matmul(x, W), labels=labels)

# %% regularised_hinge: summed over one axis after the other
def regularised_hinge(x, W, labels, lam):
    norm = ops.sum(ops.sum(ops.square(W), axis=0), axis=0)
    return ops.add(ops.hinge(ops.matmul(x, W), labels=labels), ops.mul(Tensor(lam), norm))

# %% regularised_hinge: the mean times the number of entries
def regularised_hinge(x, W, labels, lam):
    data_loss = ops.hinge(ops.matmul(x, W), labels=labels)
    size = W.value.size
    return data_loss + (lam * size) * ops.mean(ops.power(W, exponent=2))

# %% regularised_hinge: the hinge written out
def regularised_hinge(x, W, labels, lam):
    scores = x @ W
    n = len(labels)
    own = scores[np.arange(n), labels].reshape(n, 1)
    margins = ops.maximum(scores - own + 1.0, 0.0)
    data = (margins.sum() - float(n)) / n
    return data + lam * (W**2).sum()

# %% regularised_hinge: an empty sum, added to in loops
def regularised_hinge(x, W, labels, lam):
    loss = ops.hinge(ops.matmul(x, W), labels=labels)
    for row in range(W.shape[0]):
        loss = loss + lam * (W[row] * W[row]).sum()
    return loss

# %% train_step: in other words
def train_step(model, optimizer, loss, x, y):
    prediction = model(x)
    l = loss(prediction, y)
    optimizer.zero_grad()
    l.backward()
    optimizer.step()
    return float(l)

# %% train_step: float of the value
def train_step(model, optimizer, loss, x, y):
    optimizer.zero_grad()
    result = loss(model(x), y)
    result.backward()
    optimizer.step()
    return float(result.value)

# %% train_step: the model clears the gradients, NumPy's number
def train_step(model, optimizer, loss, x, y):
    model.zero_grad()
    total = loss(model.forward(x), y)
    before = np.float64(total.value)
    total.backward()
    optimizer.step()
    return before

# %% train_step: gradients cleared before and after
def train_step(model, optimizer, loss, x, y):
    optimizer.zero_grad()
    value = loss(model(x), y)
    value.backward()
    optimizer.step()
    optimizer.zero_grad()
    return value.item()

# %% train_step: each parameter cleared in a loop
def clear(parameters):
    for parameter in parameters:
        parameter.zero_grad()

def train_step(model, optimizer, loss, x, y):
    clear(model.parameters())
    out = loss(model(Tensor(x, requires_grad=False)), y)
    out.backward()
    optimizer.step()
    return out.value

# %% train_step: the optimizer's step in a finally
def train_step(model, optimizer, loss, x, y):
    try:
        optimizer.zero_grad()
        scores = model(x)
        objective = loss(scores, y)
        returned = objective.item()
        objective.backward()
    finally:
        optimizer.step()
    return returned
"""
