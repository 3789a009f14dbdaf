# %% [markdown]
# # 3. Vectors and matrices: the squared norm
#
# **At the end you can**
#
# - find the gradient of $\|Wx\|^2$ with respect to a whole matrix, by hand, by indices and by code;
# - write the backward rules of the sum, the matrix product and the bias, with every shape right;
# - say how large the table of all derivatives would be, and why nobody ever writes it down.
#
# | part | what you do | minutes | points |
# |---|---|---|---|
# | 1 | the squared norm by hand | 10 | 3 |
# | 2 | the same example as a graph | 3 | |
# | 3 | the gradient, derived by indices | 12 | |
# | 4 | two rules: square and sum | 20 | 6 |
# | 5 | the matrix product | 20 | 5 |
# | 6 | two whole operations, bias and squared norm, and a rule to break | 27 | 9 |
# | 7 | how large would the Jacobian be? | 7 | 2 |
# | 8 | your rules at work: a word model and real scans | 8 | |
#
# **You need** what you did in assignments 1 and 2: upstream gradient times local derivative, gradients that add at branches, and
# what to save in `ctx`. From NumPy you need `.shape`, `@` and `.T`. If you did not finish the earlier
# assignments, no problem: their rules are printed below, ready to use.
#
# **How to work.** Go from top to bottom and run each cell with Shift+Enter. Cells with `# YOUR CODE HERE` or `...` are yours: replace `...` by an answer, and delete the line
# `raise NotImplementedError()` when you write your own lines.
# `check(...)` tells you at once what it saw, as often as you like: *right*, or where it is not right yet, and which mistake it looks like.
# If you want more help, put `check(ops.sum, hint=2)` into a new cell: it explains the mistake; `hint=3` asks a question, and `hint=4` says what to read again. The grader runs the same checks with other numbers.
#
# **How to hand in.** Save the notebook, then hand in this one file under the same name. Do not
# delete or copy the check cells.

# %% role="setup"
import numpy as np

from course_autograd import (
    Operation,
    Tensor,
    backward_of,
    check,
    data,
    draw,
    implements,
    ops,
    plot,
    progress,
    show,
    step,
)

# %% [markdown]
# ## Rules you may use
#
# These are worked solutions of assignments 1 and 2. Run them and go on; you do not have to read them now.

# %% role="worked" assignment="01_chain_rule" exercises="mul maximum power numeric_gradient"

# %% role="worked" assignment="02_sigmoid" exercises="negate exp reciprocal sigmoid"

# %% [markdown]
# ## Where this goes
#
# A scan of a handwritten digit is a picture of $8 \times 8$ numbers. Written in one row, it is a **vector** $x$ with 64 entries.
# A **matrix** $W$ with 64 rows and 10 columns turns it into ten **scores**, one for each digit. The highest score is the answer.
# The picture shows one scan and its ten scores. Here NumPy found the matrix. In part 8 you find one yourself, with
# five of the rules you write today.

# %% role="shown" id="picture-goal"
import matplotlib.pyplot as plt

digits = data.digits()


def show_scores(picture, scores, title):
    """Draw one scan and its ten scores side by side."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.6), width_ratios=(1, 2.2))
    left.imshow(picture.reshape(8, 8), cmap="gray_r")
    left.set(xticks=[], yticks=[], title=title)
    best = int(np.argmax(scores))
    bars = right.bar(np.arange(10), scores, color="#0072B2")
    bars[best].set(facecolor="#D55E00", edgecolor="white", hatch="//")
    right.set(xticks=range(10), xlabel="digit", ylabel="score", title=f"highest score: {best}")
    right.axhline(0, color="black", lw=0.8)
    figure.tight_layout()
    numbers = ", ".join(f"{digit}: {score:.2f}" for digit, score in enumerate(scores))
    alt = f"A scan ({title}) beside a bar chart of its ten scores: {numbers}. Highest: {best}."
    show(figure, alt)


one_hot = np.eye(10)[digits.labels]  # (1797, 10): a 1 in the column of the right digit
found = np.linalg.lstsq(digits.images, one_hot, rcond=0.02)[0]  # (64, 10)
show_scores(digits.images[3], digits.images[3] @ found, f"scan 3, written {digits.labels[3]}")

# %% [markdown]
# ## Part 1: the squared norm by hand
#
# The **squared norm** of a vector is the sum of the squares of its entries. Our example multiplies a matrix by a vector first:
#
# $$f(W, x) = \|W x\|^2 = \sum_i q_i^2 \qquad\text{where}\qquad q = W x.$$
#
# The result $f$ is one number. The inputs are a matrix and a vector. Take
#
# $$W = \begin{pmatrix} W_{11} & W_{12} \\ W_{21} & W_{22} \end{pmatrix} = \begin{pmatrix} 1 & 2 \\ 3 & -1 \end{pmatrix},
#   \qquad x = \begin{pmatrix} x_1 \\ x_2 \end{pmatrix} = \begin{pmatrix} 2 \\ 1 \end{pmatrix}.$$
#
# Written without matrices, the forward pass has three steps:
#
# $$q_1 = W_{11}\,x_1 + W_{12}\,x_2, \qquad q_2 = W_{21}\,x_1 + W_{22}\,x_2, \qquad f = q_1^2 + q_2^2.$$
#
# These are sums, products and squares of numbers. So you already know everything for the way back:
#
# - start with $\dfrac{\partial f}{\partial q_1}$ and $\dfrac{\partial f}{\partial q_2}$;
# - $W_{11}$ is used in **one** place: in $q_1$, where it is multiplied by $x_1$;
# - $x_1$ is used in **two** places: in $q_1$ and in $q_2$. Gradients add at branches.

# %% [markdown]
# ### Exercise 1: nine numbers
#
# **Question:** which values and gradients does $\|Wx\|^2$ have for this $W$ and this $x$?
#
# *5 minutes · difficulty ●●○○○ (2 of 5) · importance: high · 3 points*
#
# Use paper first. Then replace each `...` by a number. `"df/dW12"` means $\partial f / \partial W_{12}$: row 1, column 2.
# Each number is checked on its own.

# %% role="solution" exercise="norm_by_hand"
norm_by_hand = {
    "q1": 4,  ### ANSWER
    "q2": 5,  ### ANSWER
    "f": 41,  ### ANSWER
    "df/dW11": 16,  ### ANSWER
    "df/dW12": 8,  ### ANSWER
    "df/dW21": 20,  ### ANSWER
    "df/dW22": 10,  ### ANSWER
    "df/dx1": 38,  ### ANSWER
    "df/dx2": 6,  ### ANSWER
}

# %% role="check" exercise="norm_by_hand" points=3
check("norm_by_hand", norm_by_hand)

# %% [markdown]
# **What you should see now:** `norm_by_hand: right.` Write the four gradients of $W$ in the form of a matrix. Look at its first column and at its
# second column: the first is twice the second. Where have you seen the numbers 2 and 1?

# %% [markdown]
# ## Part 2: see it
#
# Now in three operations. Each circle is a whole vector or matrix, and no longer one number:
# $q = Wx$ (matrix product), the squares of the entries, and their sum.

# %% role="shown" id="draw-norm"
W = Tensor([[1.0, 2.0], [3.0, -1.0]], name="W")
x = Tensor([2.0, 1.0], name="x")
q = W @ x
squares = ops.square(q)
f = ops.sum(squares)
q.name, squares.name, f.name = "q", "squares", "f"
draw(f)

# %% [markdown]
# The values go forward. Each line of the picture shows the shape of an array, and under it its smallest and its largest entry. (All entries are in the table; open it below the picture.)
#
# Read the shapes from left to right: $W$ has shape $(2, 2)$, $x$ has shape $(2,)$, $q$ has shape $(2,)$, the squares have shape
# $(2,)$, and $f$ is one number, which is shape $()$. None of these three operations can go back yet. You will teach them.
#
# **One fact helps more than any other today: a gradient has the shape of its value.** The gradient of $W$ is a matrix of the shape of $W$. Its entry in
# row $i$, column $j$ answers the question: how does $f$ change when $W_{ij}$ grows a little?

# %% [markdown]
# ## Part 3: the gradient, derived by indices
#
# With matrices, a guessed formula is often wrong. Here is the safe way: **write one entry, take the derivative, then look at all entries
# together.** Let $W$ have shape $(m, n)$, so $x$ has shape $(n,)$ and $q$ has shape $(m,)$. One entry of $q$ is
#
# $$q_k = \sum_{l} W_{kl}\,x_l .$$
#
# $k$ counts rows, from 1 to $m$. $l$ counts columns, from 1 to $n$.

# %% [markdown]
# ### A tool: the delta
#
# What is the derivative of $x_l$ with respect to $x_i$? It is 1 if both are the same entry, and 0 if they are not. This gets a name, the **delta**:
#
# $$\frac{\partial x_l}{\partial x_i} = \delta(l - i), \qquad \delta(a) = 1 \text{ if } a = 0, \qquad \delta(a) = 0 \text{ otherwise.}$$
#
# **In words:** inside a sum, a delta picks one term and removes all others. For example
# $\sum_l c_l\, \delta(l - 2) = c_2$. In NumPy all deltas together are the matrix with ones on the diagonal:

# %%
delta = np.eye(3)
c = np.array([10.0, 20.0, 30.0])
print(delta)
print("the sum of c_l times delta(l - 2), counted from 1:", np.sum(c * delta[:, 1]))

# %% [markdown]
# ### Idea 1: how q depends on x
#
# $$\frac{\partial q_k}{\partial x_i} \;=\; \sum_l W_{kl}\,\frac{\partial x_l}{\partial x_i} \;=\; \sum_l W_{kl}\,\delta(l - i) \;=\; W_{ki}$$
#
# **In words:** entry $i$ of $x$ reaches entry $k$ of $q$ through one number, $W_{ki}$.
# There are $m \cdot n$ of these derivatives, and the matrix $W$ holds them all.

# %% [markdown]
# ### Idea 2: how q depends on W
#
# $W_{kl}$ and $W_{ij}$ are the same entry only if the rows agree **and** the columns agree. So there are two deltas:
#
# $$\frac{\partial q_k}{\partial W_{ij}} \;=\; \sum_l \frac{\partial W_{kl}}{\partial W_{ij}}\,x_l \;=\; \sum_l \delta(k - i)\,\delta(l - j)\,x_l \;=\; \delta(k - i)\,x_j$$
#
# **In words:** row $i$ of the matrix reaches entry $i$ of $q$ and no other. There are
# $m \cdot m \cdot n$ of these derivatives, and most of them are 0.

# %% [markdown]
# ### Idea 3: how f depends on q
#
# $$\frac{\partial f}{\partial q_k} \;=\; \sum_l \frac{\partial q_l^2}{\partial q_k} \;=\; \sum_l 2\,q_l\,\delta(l - k) \;=\; 2\,q_k$$
#
# **In words:** the squares do not mix the entries. Each entry has its own derivative.

# %% [markdown]
# ### All together: multiply along a path, add over the paths
#
# Every path from an input to $f$ goes through some entry $q_k$. So we add over $k$:
#
# $$\frac{\partial f}{\partial W_{ij}} = \sum_k \frac{\partial f}{\partial q_k}\,\frac{\partial q_k}{\partial W_{ij}}
#   = \sum_k 2\,q_k\,\delta(k - i)\,x_j = 2\,q_i\,x_j$$
#
# $$\frac{\partial f}{\partial x_i} = \sum_k \frac{\partial f}{\partial q_k}\,\frac{\partial q_k}{\partial x_i}
#   = \sum_k 2\,q_k\,W_{ki}$$
#
# | symbol | shape | its gradient | shape |
# |---|---|---|---|
# | $W$ | $(m, n)$ | $2\,q_i\,x_j$: row $i$, column $j$ | $(m, n)$ |
# | $x$ | $(n,)$ | $\sum_k 2\,q_k\,W_{ki}$: entry $i$ | $(n,)$ |
#
# The delta made the first sum disappear. The second sum stays: $x_i$ is used in every row, so it has $m$ paths.
#
# Compare with your numbers of exercise 1: $\partial f/\partial W_{21} = 2 \cdot 5 \cdot 2$. And here is a second opinion. `numeric_gradient` from
# assignment 1 knows no formula. It moves every entry a little and measures:

# %%
W_values, x_values = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([2.0, 1.0])
measured_W = numeric_gradient(lambda moved: float(np.sum((moved @ x_values) ** 2)), W_values)
measured_x = numeric_gradient(lambda moved: float(np.sum((W_values @ moved) ** 2)), x_values)
print("gradient of W, shape", measured_W.shape)
print(measured_W.round(4))
print("gradient of x, shape", measured_x.shape)
print(measured_x.round(4))

# %% [markdown]
# ## Part 4: two rules
#
# Now the operations, one by one, for any upstream gradient. We go from the output to the inputs: the square and the sum first.

# %% [markdown]
# ### Exercise 2: `square`
#
# **Question:** what does $z = x^2$, elementwise, send back?
#
# *3 minutes · difficulty ●○○○○ (1 of 5) · importance: medium · 2 points*
#
# You have the local derivative already: idea 3. Now the upstream gradient is no longer 1.
#
# - `ctx` holds `[x]`, an array of any shape. `grad_output` has the same shape.
# - Return a tuple with one gradient, `(gradient,)`, of the shape of `x`.


# %% role="solution" exercise="square"
@backward_of(ops.square)
def square_backward(ctx, grad_output):
    """z = x squared, elementwise.

    ctx holds [x]. grad_output is dL/dz, shape of x.
    Return (dL/dx,), of the shape of x.
    """
    ### BEGIN SOLUTION
    (x,) = ctx
    return (grad_output * 2 * x,)
    ### END SOLUTION


# %% role="check" exercise="square" points=2
check(ops.square)

# %% [markdown]
# **What you should see now:** `square: right.` The line below says what was tried. If `check` speaks about *half* of the right gradient, look at the exponent that came down.

# %% [markdown]
# ### The sum, derived
#
# First the sum over everything: $z = \sum_{i} x_i$. Every entry has the local derivative
#
# $$\frac{\partial z}{\partial x_j} \;=\; \sum_i \delta(i - j) \;=\; 1 .$$
#
# **In words:** if one entry grows by $\varepsilon$, the sum grows by $\varepsilon$, no matter which entry it was. You know this pattern from assignment 1: a
# sum **distributes**. Every entry gets the upstream gradient.
#
# Now the sum over **one axis**. Let $x$ have shape $(3, 4)$. With `axis=1`, NumPy adds along each row:
#
# $$z_i = \sum_j x_{ij}, \qquad z \text{ has shape } (3,).$$
#
# An entry $x_{ij}$ is used in one place, in $z_i$. So row $i$ of the gradient is filled with the number `grad_output[i]`:
#
# $$\frac{\partial L}{\partial x_{ij}} = \frac{\partial L}{\partial z_i} .$$
#
# | | shape | with `keepdims=True` |
# |---|---|---|
# | $x$ | $(3, 4)$ | $(3, 4)$ |
# | $z$ and `grad_output`, `axis=1` | $(3,)$ | $(3, 1)$ |
# | $z$ and `grad_output`, `axis=0` | $(4,)$ | $(1, 4)$ |
# | $z$ and `grad_output`, `axis=None` | $()$ | $(1, 1)$ |
# | the gradient you return | $(3, 4)$ | $(3, 4)$ |
#
# With `keepdims=True` the summed axis stays, with size 1. Then NumPy can repeat the numbers along this axis by itself (broadcasting).
# Without it the axis is gone, and NumPy no longer knows where it was.

# %% [markdown]
# ### Predict before you run
#
# Three row sums sent back the numbers 10, 20 and 30. They should fill the three **rows**. `np.broadcast_to(g, shape)` repeats an array until it
# has this shape, by NumPy's rules. **Before you run the cell, write down your guess for the shape (3, 4) and for the shape (3, 3): right numbers, wrong numbers, or an error?**

# %%
g = np.array([10.0, 20.0, 30.0])  # shape (3,): one number for each row
for shape in ((3, 4), (3, 3)):
    try:
        print(f"shape {shape}:\n{np.broadcast_to(g, shape)}")
    except ValueError:
        print(f"shape {shape}: an error, these shapes do not fit")

# %% [markdown]
# The second result is the dangerous one. There is no error, but the numbers fill the **columns**. A test with square matrices would never find this.
# That is why `check` uses shapes whose sizes are all different.

# %% [markdown]
# ### Exercise 3: `sum`
#
# **Question:** what does a sum over any axis send back?
#
# *12 minutes · difficulty ●●●○○ (3 of 5) · importance: high · 4 points*
#
# - `ctx` holds `[x.shape, axis, keepdims]`. `x` itself is not there: you need only its shape. `axis` is `None` (all axes), an integer, or a tuple of
#   integers. They may be negative: `-1` is the last axis. `keepdims` is `True` or `False`.
# - `grad_output` has the shape of the sum (see the table above).
# - Return a tuple with one gradient, of the shape `x.shape`.
#
# *A NumPy reminder:* `np.expand_dims(array, axis)` puts axes of size 1 back in. It takes an integer or a tuple, also negative.
# For example, `np.expand_dims(g, 1)` turns shape `(3,)` into `(3, 1)`.


# %% role="solution" exercise="sum"
@backward_of(ops.sum)
def sum_backward(ctx, grad_output):
    """z = sum of the entries of x over `axis` (None: over all of them).

    ctx holds [x.shape, axis, keepdims]. grad_output is dL/dz, of the shape of the sum.
    Return (dL/dx,), of the shape x.shape.
    """
    ### BEGIN SOLUTION
    shape, axis, keepdims = ctx
    if axis is not None and not keepdims:
        grad_output = np.expand_dims(grad_output, axis)
    return (np.broadcast_to(grad_output, shape).copy(),)
    ### END SOLUTION


# %% role="check" exercise="sum" points=4
check(ops.sum)

# %% [markdown]
# **What you should see now:** `sum: right.`, with four kinds of inputs: scalars, arrays, axes, keepdims. You get points for each kind on its own. If only *axes* is missing, think of
# the three row sums from above.

# %% [markdown]
# ## Part 5: the matrix product
#
# $z = x\,y$ for matrices. This is the operation in which a neural network spends most of its time.
#
# | symbol | shape | meaning |
# |---|---|---|
# | $x$ | $(n, k)$ | left factor |
# | $y$ | $(k, m)$ | right factor |
# | $z = xy$ | $(n, m)$ | product |
# | $G$ = `grad_output` | $(n, m)$ | $G_{ab} = \partial L / \partial z_{ab}$ |
# | $\partial L / \partial x$ | $(n, k)$ | to be returned |
# | $\partial L / \partial y$ | $(k, m)$ | to be returned |

# %% [markdown]
# ### The derivation
#
# **One entry:** $z_{ab} = \sum_c x_{ac}\,y_{cb}$.
#
# **Its derivative,** as in idea 2: $x_{ac}$ and $x_{ij}$ are the same entry only if $a = i$ and $c = j$. So
#
# $$\frac{\partial z_{ab}}{\partial x_{ij}} = \sum_c \delta(a - i)\,\delta(c - j)\,y_{cb} = \delta(a - i)\,y_{jb}.$$
#
# **All paths:** $x_{ij}$ can reach $L$ through every entry of $z$. Multiply along each path, and add:
#
# $$\frac{\partial L}{\partial x_{ij}} = \sum_{a}\sum_{b} G_{ab}\,\delta(a - i)\,y_{jb} = \sum_b G_{ib}\,y_{jb}.$$
#
# **In words:** entry $(i, j)$ is the dot product of row $i$ of $G$ and row $j$ of $y$.
#
# **The last step is yours.** A matrix product of $A$ and $B$ takes *rows* of $A$ and *columns* of $B$: $(AB)_{ij} = \sum_b A_{ib}\,B_{bj}$. How do you
# have to write $G$ and $y$ so that the sum above is a matrix product? Then derive the gradient of $y$ in the same way, starting with
# $\partial z_{ab}/\partial y_{ij}$.
#
# **Shapes are a second proof.** From $G$, shape $(n, m)$, and $y$, shape $(k, m)$ in some order, you must get shape $(n, k)$. Try all ways to write a matrix product
# of the two, with and without `.T`. When $n$, $k$ and $m$ are different numbers, only one of them has the right shape.

# %% [markdown]
# ### Vectors
#
# NumPy's `@` also takes vectors. You do not need new derivations. A vector on the **left** is a matrix with **one row**, and a vector on the **right** is a matrix with **one
# column**. NumPy removes this row or column from the result again:
#
# | product | shapes | as matrices | shape of `grad_output` |
# |---|---|---|---|
# | matrix @ matrix | $(n, k)$ and $(k, m)$ | no change | $(n, m)$ |
# | matrix @ vector | $(n, k)$ and $(k,)$ | $(n, k)$ and $(k, 1)$ | $(n,)$, for $(n, 1)$ |
# | vector @ matrix | $(k,)$ and $(k, m)$ | $(1, k)$ and $(k, m)$ | $(m,)$, for $(1, m)$ |
# | vector @ vector | $(k,)$ and $(k,)$ | $(1, k)$ and $(k, 1)$ | $()$, for $(1, 1)$ |
#
# So here is a plan with three steps: turn everything into matrices; use the rule for matrices; give each gradient the shape of its input.
# Four separate cases with `if` are as good.

# %% [markdown]
# ### Exercise 4: `matmul`
#
# **Question:** what does $z = x\,y$ send back to $x$ and to $y$?
#
# *12 minutes · difficulty ●●●●○ (4 of 5) · importance: high · 5 points*
#
# - `ctx` holds `[x, y]`. Each is a matrix or a vector (see the table).
# - `grad_output` has the shape of `x @ y`. For two vectors this is a single number.
# - Return a tuple `(gradient of x, gradient of y)`. The first has the shape of `x`, the second has the shape of `y`.
#
# Begin with the case *matrix @ matrix*, run `check`, and then add the vectors. Each case gives points on its own.
#
# *A NumPy reminder:* `np.reshape(a, shape)` gives `a` another shape, also when `a` is a single number. `a.ndim` is the number of axes.


# %% role="solution" exercise="matmul"
@backward_of(ops.matmul)
def matmul_backward(ctx, grad_output):
    """z = x @ y; x is (n, k) or (k,), y is (k, m) or (k,).

    ctx holds [x, y]. grad_output is dL/dz, of the shape of x @ y.
    Return (dL/dx, dL/dy), of the shapes of x and y.
    """
    ### BEGIN SOLUTION
    x, y = ctx
    rows = x if x.ndim == 2 else x[np.newaxis, :]  # (n, k): a vector is one row
    columns = y if y.ndim == 2 else y[:, np.newaxis]  # (k, m): a vector is one column
    upstream = np.reshape(grad_output, (rows.shape[0], columns.shape[1]))  # (n, m)
    return (
        (upstream @ columns.T).reshape(x.shape) if ctx.needs[0] else None,
        (rows.T @ upstream).reshape(y.shape) if ctx.needs[1] else None,
    )
    ### END SOLUTION


# %% role="check" exercise="matmul" points=5
check(ops.matmul)

# %% [markdown]
# **What you should see now:** `matmul: right.`, with four kinds of products, one for each row of the table. And now the graph of part 2 can walk back. Go through its steps: the values, and then, from the output to the inputs,
# what comes into each operation and what it sends on. The last step holds all your numbers of exercise 1. Below each line stands its gradient, marked with ∂; of a matrix you see the smallest and the largest entry.

# %% role="shown" id="step-norm"
W = Tensor([[1.0, 2.0], [3.0, -1.0]], name="W")
x = Tensor([2.0, 1.0], name="x")
q = W @ x
squares = ops.square(q)
f = ops.sum(squares)
q.name, squares.name, f.name = "q", "squares", "f"
f.backward()
step(f)

# %% [markdown]
# PyTorch prints the same numbers for this example: `tensor([[16.,  8.], [20., 10.]])` for $W$, and `tensor([38.,  6.])` for $x$.

# %% [markdown]
# ## Part 6: two whole operations
#
# Now you write forward **and** backward, in the form of the lecture. You decide what to save in `ctx`.

# %% [markdown]
# ### A bias for every row
#
# A layer of a network adds one vector $b$, the **bias**, to every row of a matrix: $z_{ij} = x_{ij} + b_j$.
#
# | symbol | shape |
# |---|---|
# | $x$ | $(N, M)$: $N$ examples, one in each row |
# | $b$ | $(M,)$ |
# | $z$ and `grad_output` | $(N, M)$ |
#
# Forward, NumPy repeats $b$ for every row. In assignments 1 and 2 the engine took care of the way back. This operation gets no such help: **your rule
# adds up by itself.** How often is the number $b_j$ used? What happens to gradients of a value that is used more than once? Derive it by indices:
#
# $$\frac{\partial L}{\partial b_j} = \sum_a \sum_c \frac{\partial L}{\partial z_{ac}}\,\frac{\partial z_{ac}}{\partial b_j}
#   \qquad\text{with}\qquad \frac{\partial z_{ac}}{\partial b_j} = \delta(c - j).$$
#
# The delta removes one of the two sums. The other one stays. Which one?

# %% [markdown]
# ### Exercise 5: `add_bias`, a whole operation
#
# **Question:** can you add a row to a matrix, and bring its gradient back to the shape of the row?
#
# *8 minutes · difficulty ●●●○○ (3 of 5) · importance: high · 3 points*
#
# - `forward(ctx, x, b)`: `x` has shape $(N, M)$, `b` has shape $(M,)$. Return their sum, shape $(N, M)$. `ctx` is an empty list. Append what your
#   backward rule needs. (Does it need anything?)
# - `backward(ctx, grad_output)`: `grad_output` has shape $(N, M)$. Return a tuple: the gradient of `x`, shape $(N, M)$, and the gradient of `b`, shape $(M,)$.


# %% role="solution" exercise="add_bias"
@implements(ops.add_bias)
class add_bias(Operation):
    """Add the row b, shape (M,), to every row of x, shape (N, M)."""

    @staticmethod
    def forward(ctx, x, b):
        """Return the sum, shape (N, M). Append to ctx (an empty list) what backward needs."""
        ### BEGIN SOLUTION
        return x + b
        ### END SOLUTION

    @staticmethod
    def backward(ctx, grad_output):
        """Return (dL/dx, dL/db), shapes (N, M) and (M,). ctx holds what forward appended."""
        ### BEGIN SOLUTION
        return grad_output, grad_output.sum(axis=0)
        ### END SOLUTION


# %% role="check" exercise="add_bias" points=3
check(ops.add_bias)

# %% [markdown]
# **What you should see now:** `add_bias: right.`, for one row and for arrays with several rows.

# %% [markdown]
# ### Exercise 6: `break_add_bias`, a rule that is wrong
#
# **Question:** which tests does a wrong rule fail, by how much, and which tests does it pass?
#
# *5 minutes · difficulty ●●○○○ (2 of 5) · importance: high · 2 points*
#
# Somebody has written another rule for `add_bias`. The gradient of $x$ is right, the gradient of $b$ is wrong:

# %% role="shown" id="broken-add-bias"
def broken_add_bias(ctx, grad_output):
    """z = x + b, x is (N, M), b is (M,). ctx is empty. The rule of b is WRONG."""
    return grad_output, grad_output.mean(axis=0)


# %% [markdown]
# A **probe** is one test of a rule: an input and an upstream gradient. In these three probes $x$ and `grad_output` have **one column**, so $b$ has one entry. The entries of $x$ and $b$ are all 0.
#
# | probe | shape of $x$ | `grad_output` |
# |---|---|---|
# | 1 | $(3, 1)$ | `[[1], [2], [3]]` |
# | 2 | $(3, 1)$ | `[[2], [-5], [3]]` |
# | 3 | $(2, 1)$ | `[[-3], [1]]` |
#
# - `"probe 1"`, `"probe 2"`, `"probe 3"`: by how much is the gradient of the one entry of $b$ off? Write *the rule's gradient minus the right gradient*. 0 means: the
#   rule passes this probe, and the mistake is not seen.
# - `"wrong at"`: a matrix $x$ for which the rule gives a wrong gradient. Write it as a list of rows: a matrix of shape $(2, 3)$ has two lists with
#   three numbers each. It may have any shape, with at least one row and one column. `check` draws `grad_output` at random.
# - `"right at"`: a matrix $x$ for which the rule gives the right gradient, whatever arrives.
#
# Predict on paper first. Nobody has written down the answers: `check` measures each gradient with central differences.

# %% role="solution" exercise="break_add_bias"
break_add_bias = {
    "probe 1": -4,  ### ANSWER
    "probe 2": 0,  ### ANSWER
    "probe 3": 1,  ### ANSWER
    "wrong at": [[1], [2]],  ### ANSWER
    "right at": [[1, 2]],  ### ANSWER
}

# %% role="check" exercise="break_add_bias" points=2
check("break_add_bias", break_add_bias)

# %% [markdown]
# **What you should see now:** `break_add_bias: right.`, with five parts. A wrong rule can pass a test for two reasons: the shape of the input hides the mistake, or the numbers of the upstream
# gradient do. That is why `check` tries several shapes, and draws the upstream gradients at random.

# %% [markdown]
# ### Exercise 7: `norm_squared`, a whole operation
#
# **Question:** can you put matrix product, square and sum together into one operation?
#
# *10 minutes · difficulty ●●●○○ (3 of 5) · importance: medium · 4 points*
#
# In assignment 2 you fused a neuron. Now fuse $\|Wx\|^2$. Part 3 has both gradients for an upstream gradient of 1. Which shape does `grad_output` have here, and
# where does it go?
#
# - `forward(ctx, W, x)`: `W` has shape $(m, n)$, `x` has shape $(n,)$. Return one number. Append to `ctx` what backward needs. Do not compute anything
#   twice: what did forward compute that the formulas of part 3 use again?
# - `backward(ctx, grad_output)`: `grad_output` is a single number. Return a tuple: the gradient of `W`, shape $(m, n)$, and the gradient of `x`, shape $(n,)$.
#
# *A NumPy reminder:* `np.outer(u, v)` is the table of all products $u_i\,v_j$. It has one row for each entry of $u$, and one column for each entry of $v$.


# %% role="solution" exercise="norm_squared"
@implements(ops.norm_squared)
class norm_squared(Operation):
    """The sum of the squares of W x; W has shape (m, n), x has shape (n,)."""

    @staticmethod
    def forward(ctx, W, x):
        """Return one number. Append to ctx (an empty list) what backward needs."""
        ### BEGIN SOLUTION
        q = W @ x
        ctx.extend((W, x, q))
        return np.sum(q**2)
        ### END SOLUTION

    @staticmethod
    def backward(ctx, grad_output):
        """Return (dL/dW, dL/dx), shapes (m, n) and (n,). ctx holds what forward appended."""
        ### BEGIN SOLUTION
        W, x, q = ctx
        grad_q = 2 * grad_output * q  # (m,)
        return np.outer(grad_q, x), grad_q @ W
        ### END SOLUTION


# %% role="check" exercise="norm_squared" points=4
check(ops.norm_squared)

# %% [markdown]
# **What you should see now:** `norm_squared: right.`, also for a matrix with one row. The next cell compares the fused operation with the three steps, on a matrix of shape $(3, 4)$.

# %% role="shown" id="staged-fused"
rng = np.random.default_rng(0)
W_values, x_values = rng.normal(size=(3, 4)), rng.normal(size=4)
results = {}
for name in ("staged", "fused"):
    W, x = Tensor(W_values, name="W"), Tensor(x_values, name="x")
    f = ops.sum(ops.square(W @ x)) if name == "staged" else ops.norm_squared(W, x)
    f.backward()
    nodes = sum(node.operation is not None for node in f.get_graph_above())
    print(
        f"{name}: {nodes} operation nodes, f = {f.item():.6f}, shapes {W.grad.shape} {x.grad.shape}"
    )
    results[name] = (f.value, W.grad, x.grad)
gaps = [np.max(np.abs(a - b)) for a, b in zip(results["staged"], results["fused"], strict=True)]
print(f"largest difference: {max(gaps):.0e}")

# %% [markdown]
# ## Part 7: how large would the Jacobian be?
#
# Let an operation take a vector $x$ of shape $(n,)$ and return a vector $z$ of shape $(m,)$. The table of **all** its derivatives is the **Jacobian**
#
# $$J_{ki} = \frac{\partial z_k}{\partial x_i}, \qquad \text{shape } (m, n).$$
#
# The chain rule for vectors multiplies with this table. With upstream gradient $g$, shape $(m,)$:
#
# $$\frac{\partial L}{\partial x_i} = \sum_k g_k\,J_{ki}, \qquad \text{in words: a row vector } g \text{ times the matrix } J.$$
#
# This product is called a **vector-Jacobian product**. A backward rule returns exactly this, the *product*. Nobody said that
# it has to write down $J$ first! Here is the Jacobian of `square` for three numbers, found row by row: one backward pass for each output $k$, with an upstream gradient
# that is 1 at $k$ and 0 elsewhere.

# %% role="shown" id="small-jacobian"
rows = []
for k in range(3):
    x = Tensor([1.0, 2.0, 3.0], name="x")
    ops.sum(ops.square(x) * np.eye(3)[k]).backward()  # only output k counts
    rows.append(x.grad)
jacobian = np.array(rows)

upstream = np.array([0.5, -1.0, 2.0])
x = Tensor([1.0, 2.0, 3.0], name="x")
ops.sum(ops.square(x) * upstream).backward()
print("row vector times the table:", upstream @ jacobian)
print("your rule, without a table:", x.grad)
plot.jacobian(jacobian)

# %% [markdown]
# Elementwise operations treat each entry on its own. So $\partial z_k / \partial x_i$ is 0 whenever $k \ne i$. Such a table, with zeros everywhere except on the line from the upper
# left to the lower right, is called **diagonal**. Your rule keeps only this line: $n$ numbers, not $n^2$.

# %% [markdown]
# ### Exercise 8: count before you compute
#
# **Question:** how much memory would the whole table need for a layer of ordinary size?
#
# *5 minutes · difficulty ●●○○○ (2 of 5) · importance: medium · 2 points*
#
# An elementwise operation, such as $\max(0, x)$, takes 4,096 numbers and returns 4,096 numbers.
#
# - `"entries"`: how many entries does its Jacobian have?
# - `"entries minibatch"`: now it takes 100 vectors at once, a **minibatch**. That is 409,600 numbers in and 409,600 numbers out. How many entries does the Jacobian have?
# - `"GiB float32"`: how many GiB would this table need, if each entry is a float32? A float32 takes 4 bytes. One GiB is $2^{30}$ bytes.
# - `"diagonal"`: is this Jacobian diagonal? `True` or `False`.
#
# Use Python as your calculator: an answer may be a number or an expression.

# %% role="solution" exercise="jacobians"
jacobians = {
    "entries": 4096**2,  ### ANSWER
    "entries minibatch": 409_600**2,  ### ANSWER
    "GiB float32": 409_600**2 * 4 / 2**30,  ### ANSWER
    "diagonal": True,  ### ANSWER
}

# %% role="check" exercise="jacobians" points=2
check("jacobians", jacobians)

# %% [markdown]
# **What you should see now:** `jacobians: right.` Your laptop has perhaps 16 GiB. A rule for an elementwise operation needs one multiplication for each number: 409,600 in all, and
# about 1.6 million bytes. The same idea saved you in `matmul`: its Jacobian with respect to $W$ has $m \cdot m \cdot n$ entries, and your rule never
# wrote one of them down.

# %% [markdown]
# ## Part 8: your rules at work
#
# ### The skip-gram node again
#
# In assignment 2 the probability that word $c$ stands near word $w$ was $P(1 \mid w, c) = \sigma(W_w \cdot C_c)$. You wrote the dot product with three `mul` and two
# `add`. Now it is one node: *vector @ vector*.

# %% role="shown" id="skip-gram"
W_w = Tensor([0.5, -1.0, 2.0], name="W_w")
C_c = Tensor([1.0, 0.5, -0.5], name="C_c")
P = ops.sigmoid(W_w @ C_c)
P.backward()
draw(P)

# %% [markdown]
# Two operation nodes, where there were six. The gradients are the same as in assignment 2, but now they are vectors: the gradient of $W_w$ is a number times $C_c$, and the
# gradient of $C_c$ is the same number times $W_w$. The pattern *switches* is still there.

# %% [markdown]
# ### Ten scores for a real scan
#
# Now the matrix that was promised at the beginning. Put $N$ scans into the rows of $X$. A **linear layer** computes all scores at once. Let $T$ be the **targets**: a 1 in the
# column of the right digit, 0 elsewhere. The loss is the mean squared norm of the error:
#
# $$L = \frac1N \,\bigl\| X W + b - T \bigr\|^2$$
#
# | symbol | shape | here |
# |---|---|---|
# | $X$ | $(N, D)$ | $(1078, 64)$ scans for training |
# | $W$ | $(D, M)$ | $(64, 10)$ |
# | $b$ | $(M,)$ | $(10,)$ |
# | $T$ | $(N, M)$ | $(1078, 10)$ |
#
# Every gradient below comes from your own `matmul`, `add_bias`, `square` and `sum`. The accuracy is measured on 359 scans that were not used
# for training. A blind guess would be right for 1 scan in 10.

# %% role="shown" id="train-linear"
train, _, test = data.split(digits.images, digits.labels, seed=0)
T = np.eye(10)[train.y]
W, b = Tensor(np.zeros((64, 10)), name="W"), Tensor(np.zeros(10), name="b")

for count in range(201):
    W.zero_grad()
    b.zero_grad()
    error = ops.add_bias(train.x @ W, b) - T
    loss = ops.sum(ops.square(error)) / len(T)
    loss.backward()
    if count % 40 == 0:
        answers = np.argmax(test.x @ W.value + b.value, axis=1)
        print(f"step {count:3}: loss {loss.item():.4f}, accuracy {np.mean(answers == test.y):.3f}")
    W.value = W.value - 0.05 * W.grad
    b.value = b.value - 0.05 * b.grad
learned_W, learned_b = W.value, b.value

# %% [markdown]
# Look at what was learned. Each column of $W$ has 64 numbers, so it can be shown as a picture of $8 \times 8$ again. Where a column is positive (red with +), ink raises the score of this digit. Where it is negative
# (blue with −), ink lowers it.

# %% role="shown" id="picture-weights"
if "learned_W" in globals():
    figure, axes = plt.subplots(2, 5, figsize=(7, 3.3))
    limit = np.abs(learned_W).max()
    for digit, ax in enumerate(axes.flat):
        weights = learned_W[:, digit].reshape(8, 8)
        ax.imshow(weights, cmap="RdBu_r", vmin=-limit, vmax=limit)
        for row, column in np.argwhere(np.abs(weights) > 0.35 * limit):
            sign = "+" if weights[row, column] > 0 else "−"
            colour = "white" if abs(weights[row, column]) > 0.7 * limit else "black"
            ax.text(column, row, sign, ha="center", va="center", fontsize=7, color=colour)
        ax.set(xticks=[], yticks=[], title=f"weights of {digit}")
    figure.tight_layout()
    middle = learned_W[:, 0].reshape(8, 8)[3:5, 3:5].mean()
    alt = (
        "Ten pictures of 8 by 8 weights, one per digit; plus signs mark large positive weights, minus signs "
        f"large negative ones. For the digit 0 the middle is negative (mean {middle:.2f}): a zero has no "
        "ink there."
    )
    show(figure, alt)

    scores = test.x[0] @ learned_W + learned_b
    show_scores(test.x[0], scores, f"a test scan, written {test.y[0]}")
else:
    print("There are no weights yet: the training above comes first.")

# %% [markdown]
# One layer with your rules reads more than nine of ten scans correctly. In assignment 4 you put a second layer on top.

# %% [markdown]
# ## Explore
#
# No points here, and no wrong answers. Change the cells as you like.
#
# **1. Where do the brackets go?** A network with three layers and one output has Jacobians $J_1$, $J_2$, $J_3$. Their product can be computed from the left, $(g J_3) J_2 \ldots$, or from the right. The result is the same, the work is
# not. Which order is backpropagation? Change the sizes: when would the other order be cheaper?

# %%
inputs, hidden, more, outputs = 4096, 1000, 100, 1
from_output = outputs * more * hidden + outputs * hidden * inputs
from_input = more * hidden * inputs + outputs * more * inputs
print(f"from the output: {from_output:>13,} multiplications")
print(f"from the input:  {from_input:>13,} multiplications")

# %% [markdown]
# **2. The shortest vector.** Gradient descent on $x$ makes $\|Wx\|^2$ smaller and smaller. The matrix below has 2 rows and 3 columns. What is $\|Wx\|^2$ in the end? Is $x$ the zero vector in the end? Why, or why not? (It uses your
# `norm_squared`. Try another matrix too.)

# %%
W_values = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0]])
x_values = np.array([1.0, 0.0, 0.0])
for count in range(201):
    x = Tensor(x_values, name="x")
    f = ops.norm_squared(W_values, x)
    f.backward()
    if count % 50 == 0:
        print(f"step {count:3}: f = {f.item():.2e}, x = {x_values.round(4)}")
    x_values = x_values - 0.1 * x.grad

# %% [markdown]
# ## What you built

# %% role="shown" id="progress"
points = {
    "norm_by_hand": 3,
    "square": 2,
    "sum": 4,
    "matmul": 5,
    "add_bias": 3,
    "break_add_bias": 2,
    "norm_squared": 4,
    "jacobians": 2,
}
progress("03_norm_squared", globals(), points=points)

# %% [markdown]
# **Common mistakes of this assignment**
#
# - *The sum comes back with the wrong shape.* The axis that was summed is gone. Put it back with size 1 before you repeat the numbers.
# - *Square matrices in your own tests.* With shape $(3, 3)$ a wrong axis or a missing transpose has the right shape, and only the numbers are wrong. Use sizes that are all different.
# - *`*` where `@` is needed.* `*` multiplies entry by entry. If shapes like $(2, 3)$ and $(3, 4)$ "could not be broadcast together", look for a `*`.
# - *A transpose is missing, or is on the wrong factor.* Write the shapes beside the symbols. Only one product fits.
# - *The mean where the sum is needed.* A bias that is used $N$ times gets $N$ gradients, added up. No one divides by $N$, unless the loss did it.
# - *The factor 2 is missing, or is there twice,* in `square` and in `norm_squared`.
# - *Something is saved and not used,* or computed again. In `add_bias` there is nothing to save at all.
#
# **What comes next.** In assignment 4 you bend the scores with a nonlinear function, put two layers together, choose a better loss, and write the training loop.
#
# **Where to read more.** $\|Wx\|^2$ with indices and deltas, and the size of the Jacobian: Johns Hopkins EN.601.482, *Computational Graphs and Backprop*, "A Vectorized Example" and "Vector-valued Functions". Vector-Jacobian
# products as $Dg(y)^T \nabla_u \ell$: Cornell CS4787, *Lecture 4: Backpropagation*, "Deriving Backprop from the Chain Rule". "Gradients should have the same shape as values", and "SGNS as a Graph": University of Washington
# LING 574, *Computation Graphs + Backpropagation*.
