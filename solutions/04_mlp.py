# %% [markdown]
# # 4. From one layer to a trained network
#
# **At the end you can**
#
# - write the rules of a network with two layers: activations, table lookup, and two losses;
# - write the five lines of the training loop, and say what each one is for;
# - train a network that reads at least 95 of 100 handwritten digits which it has never seen, with your own rules.
#
# | part | what you do | minutes | points |
# |---|---|---|---|
# | 1 | one neuron by hand | 6 | 2 |
# | 2 | a layer as a graph | 4 | |
# | 3 | two activations: relu and tanh | 16 | 5 |
# | 4 | words as rows of a table: lookup, and a rule to break | 17 | 5 |
# | 5 | two losses: softmax with cross-entropy, and hinge | 36 | 12 |
# | 6 | the training loop | 8 | 4 |
# | 7 | train on real digits | 12 | |
#
# **You need** the rules of assignments 1 to 3. If some of them are missing, no problem: all of them are printed below, ready to use. You need the idea of a delta from
# assignment 3: $\delta(a) = 1$ if $a = 0$, and 0 otherwise.
#
# **How to work.** Go from top to bottom and run each cell with Shift+Enter. Cells with `# YOUR CODE HERE` or `...` are yours: replace `...` by an answer, and delete the line
# `raise NotImplementedError()` when you write your own lines.
# `check(...)` tells you at once what it saw, as often as you like: *right*, or where it is not right yet, and which mistake it looks like.
# If you want more help, put `check(ops.hinge, hint=2)` into a new cell: it explains the mistake; `hint=3` asks a question, and `hint=4` says what to read again. The grader runs the same checks with other numbers.
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
    compare,
    data,
    draw,
    implements,
    nn,
    no_grad,
    ops,
    optim,
    plot,
    progress,
    ready,
    show,
    step,
)

# %% [markdown]
# ## Rules you may use
#
# These are worked solutions of assignments 1, 2 and 3. Run them and go on; you do not have to read them now.
#
# (In `matmul` you will see `ctx.needs`. It says which inputs need a gradient at all. Data need none, so a rule may return `None` for them and save the work. Your rules do not have to do this.)

# %% role="worked" assignment="01_chain_rule" exercises="mul maximum power"

# %% role="worked" assignment="02_sigmoid" exercises="negate exp reciprocal sigmoid"

# %% role="worked" assignment="03_norm_squared" exercises="square sum matmul add_bias norm_squared"

# %% [markdown]
# ## Where this goes
#
# Here are ten of 1,797 scans of handwritten digits. Real people wrote them, and each scan has $8 \times 8$ pixels. In part 7 a network learns to read them. Your rules
# send every one of its gradients. It will need about one second, and it will have 2,410 parameters.

# %% role="shown" id="picture-goal"
import matplotlib.pyplot as plt

digits = data.digits()


def show_scans(pictures, titles, alt):
    """Draw scans in rows of ten, each with its title."""
    rows = -(-len(pictures) // 10)
    figure, axes = plt.subplots(rows, 10, figsize=(7.5, 1.05 * rows), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for ax, picture, title in zip(axes.flat, pictures, titles, strict=False):
        ax.imshow(picture.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        ax.set_title(title, fontsize=9)
    figure.tight_layout()
    show(figure, alt)


show_scans(
    digits.images[:10],
    [f"a {label}" for label in digits.labels[:10]],
    "Ten scans of 8 by 8 grey pixels, one of each digit from 0 to 9, in order.",
)

# %% [markdown]
# ## Part 1: one neuron by hand
#
# The smallest piece of today's network is
#
# $$H = \max(0,\; W x + b).$$
#
# Take plain numbers: $W = 2$, $x = 3$, $b = 1$. There are three steps:
#
# $$u_1 = W x, \qquad u_2 = u_1 + b, \qquad H = \max(0, u_2).$$
#
# Forward first. Then walk back, and start with 1 at $H$. You know the three patterns from assignment 1: the maximum **routes**, the sum **distributes**, the product
# **switches**.

# %% [markdown]
# ### Exercise 1: six numbers
#
# **Question:** which values and gradients does $H$ have at $W = 2$, $x = 3$, $b = 1$?
#
# *4 minutes · difficulty ●○○○○ (1 of 5) · importance: medium · 2 points*
#
# Replace each `...` by a number. Each number is checked on its own.

# %% role="solution" exercise="mlp_by_hand"
mlp_by_hand = {
    "u1": 6,  ### ANSWER
    "u2": 7,  ### ANSWER
    "H": 7,  ### ANSWER
    "dH/dW": 3,  ### ANSWER
    "dH/dx": 2,  ### ANSWER
    "dH/db": 1,  ### ANSWER
}

# %% role="check" exercise="mlp_by_hand" points=2
check("mlp_by_hand", mlp_by_hand)

# %% [markdown]
# **What you should see now:** `mlp_by_hand: right.` What would the three gradients be if $b$ were $-10$? The maximum would then route everything to the 0, and
# nothing to $u_2$. The neuron would be silent.

# %% [markdown]
# ## Part 2: see it
#
# A **layer** is many such neurons at once. Put $N$ examples into the rows of $x$. One matrix product and one bias compute all neurons for all examples:
#
# $$\hat y = f(xW + b)$$
#
# | symbol | shape | meaning |
# |---|---|---|
# | $x$ | $(N, D)$ | $N$ examples with $D$ numbers each |
# | $W$ | $(D, M)$ | weights: one column for each neuron |
# | $b$ | $(M,)$ | bias: one number for each neuron |
# | $f$ | | a function for each entry, the **activation** |
# | $\hat y$ | $(N, M)$ | outputs |
#
# A network is layers one after the other: $\hat y = f_2\bigl(f_1(xW_1 + b_1)\,W_2 + b_2\bigr)$. This is called a **multilayer perceptron**, or MLP.
#
# Why is $f$ needed? Without it, two layers are $(xW_1)W_2 = x(W_1 W_2)$. That is one linear layer again. The bend in $f$ makes the second layer worth its work.
#
# The next cell draws one layer with $N = 2$, $D = 3$ and $M = 2$. It can go forward. Its last operation, relu, cannot go back yet.

# %% role="shown" id="draw-layer"
x = Tensor([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]], name="x")
W = Tensor([[1.0, -1.0], [0.5, 2.0], [1.0, 1.0]], name="W")
b = Tensor([0.5, -4.0], name="b")
layer = ops.relu(ops.add_bias(x @ W, b))
draw(layer)

# %% [markdown]
# ## Part 3: two activations
#
# ### relu, and what to save
#
# $$\operatorname{relu}(x) = \max(0, x), \qquad
#   \frac{d\operatorname{relu}}{dx} = \begin{cases} 1 & \text{if } x > 0 \\ 0 & \text{if } x < 0 \end{cases}$$
#
# **In words:** a positive number passes, and its gradient passes too. A negative number becomes 0, and its gradient becomes 0.
#
# You write the whole operation. Here is the difficulty: `backward(ctx, grad_output)` **does not get** $x$. It sees the upstream gradient, and what your forward rule put
# into `ctx`. If nothing was saved, nobody knows any more where $x$ was positive. There are two good things to save. Can you find both? (One of them has been computed anyway.)
#
# Exactly at $x = 0$ there is a **kink**: no derivative exists there. Any number from 0 to 1 is accepted in its place. Such a number is called a **subgradient**.

# %% [markdown]
# ### Exercise 2: `relu`, a whole operation
#
# **Question:** can you write forward and backward, and save what backward cannot know?
#
# *8 minutes · difficulty ●●○○○ (2 of 5) · importance: high · 3 points*
#
# - `forward(ctx, x)`: `x` is a number or an array of any shape. Return an output of the same shape. `ctx` is an empty list: append what you will need.
# - `backward(ctx, grad_output)`: `ctx` holds what you appended. `grad_output` has the shape of the output. Return a tuple with one gradient, `(gradient,)`, of the shape of `x`.
#
# *A NumPy reminder:* a comparison such as `a > b` gives an array of `True` and `False`. In a product they count as 1 and 0.


# %% role="solution" exercise="relu"
@implements(ops.relu)
class relu(Operation):
    """The positive part of x, elementwise."""

    @staticmethod
    def forward(ctx, x):
        """Return max(0, x), shape of x. Append to ctx (an empty list) what backward needs."""
        ### BEGIN SOLUTION
        output = np.maximum(0, x)
        ctx.append(output)
        return output
        ### END SOLUTION

    @staticmethod
    def backward(ctx, grad_output):
        """Return (dL/dx,), shape of x. ctx holds what forward appended."""
        ### BEGIN SOLUTION
        (output,) = ctx
        return (grad_output * (output > 0),)
        ### END SOLUTION


# %% role="check" exercise="relu" points=3
check(ops.relu)

# %% [markdown]
# **What you should see now:** `relu: right.`, for scalars, arrays, kinks and large numbers. The neuron of exercise 1 can now walk back. Go through its steps, forward and then from the
# output to the inputs, and compare them with your six numbers. Each gradient appears below its line, marked with ∂.

# %% role="shown" id="step-neuron"
W, x, b = Tensor(2.0, name="W"), Tensor(3.0, name="x"), Tensor(1.0, name="b")
u1 = W * x
u2 = u1 + b
H = ops.relu(u2)
u1.name, u2.name, H.name = "u1", "u2", "H"
H.backward()
step(H)

# %% [markdown]
# ### tanh, derived
#
# The **hyperbolic tangent** is another activation. It is smooth, and its values lie between $-1$ and $1$:
#
# $$\tanh x = \frac{s}{c} \qquad\text{with}\qquad s = \frac{e^x - e^{-x}}{2}, \quad c = \frac{e^x + e^{-x}}{2}.$$
#
# **First idea:** take the derivatives of the two parts. The derivative of $s$ is $c$, and the derivative of $c$ is $s$. (Write it down: only the sign of $e^{-x}$ changes.)
#
# **Second idea:** the rule for a fraction from calculus, $\left(\frac{s}{c}\right)' = \frac{s'c - s\,c'}{c^2}$, gives
#
# $$\frac{d \tanh x}{dx} = \frac{c \cdot c - s \cdot s}{c^2}.$$
#
# **The last step is yours:** divide both terms by $c^2$. Which part of the result is $\tanh x$ itself? So, as for the sigmoid, the output is all that has to be saved.

# %% [markdown]
# ### Exercise 3: `tanh`
#
# **Question:** what does $z = \tanh x$ send back, in terms of its output?
#
# *4 minutes · difficulty ●●○○○ (2 of 5) · importance: medium · 2 points*
#
# - `ctx` holds `[output]`, the value $\tanh x$, an array of any shape.
# - Return a tuple with one gradient, of the shape of `output`.


# %% role="solution" exercise="tanh"
@backward_of(ops.tanh)
def tanh_backward(ctx, grad_output):
    """z = tanh(x), elementwise.

    ctx holds [output], where output is z. grad_output is dL/dz, shape of z.
    Return (dL/dx,), of the shape of z.
    """
    ### BEGIN SOLUTION
    (output,) = ctx
    return (grad_output * (1 - output**2),)
    ### END SOLUTION


# %% role="check" exercise="tanh" points=2
check(ops.tanh)

# %% [markdown]
# **What you should see now:** `tanh: right.` If it is not right yet, ask yourself: is `output` $x$, or is it $\tanh x$ already?

# %% [markdown]
# ## Part 4: words as rows of a table
#
# A network for language needs numbers for words. Give every word of the vocabulary one row of a **table** with $V$ rows and $D$ columns. A sentence is a list of row numbers. To **look up** the sentence means
# to take these rows:
#
# $$z_{ad} = T_{r_a\, d}$$
#
# | symbol | shape | meaning |
# |---|---|---|
# | $T$ | $(V, D)$ | the table: one row for each word. These are parameters |
# | $r$ = `rows` | $(N,)$ | integers: the words of the sentence |
# | $z$ and `grad_output` | $(N, D)$ | one row for each word of the sentence |
#
# By indices: $T_{vd}$ is used wherever the sentence has the word $v$. With $G$ = `grad_output`,
#
# $$\frac{\partial L}{\partial T_{vd}} = \sum_a G_{ad}\;\delta(r_a - v).$$
#
# **In words:** every row of the table collects the gradients of all places where it was used. A word that stands in the sentence twice is a **branch**. A word that does not stand there gets 0.

# %% [markdown]
# ### Predict before you run
#
# The words of a sentence are 2, 0, 2, 2. Each one should add 1 to its row. **Before you run the cell, write down your guess: which four numbers are printed?**

# %%
collected = np.zeros(4)
rows = np.array([2, 0, 2, 2])
collected[rows] += 1
print(collected)

# %% [markdown]
# Row 2 is there three times, but it collected only once. NumPy reads the old values of all the rows first, adds 1, and then writes. The last writer wins. To add one after the other,
# there is `np.add.at(array, rows, values)`. A Python loop over the rows is right too.

# %% [markdown]
# ### Exercise 4: `lookup`
#
# **Question:** which gradient does the table get?
#
# *6 minutes · difficulty ●●●○○ (3 of 5) · importance: high · 3 points*
#
# - `ctx` holds `[table.shape, rows]`: the pair $(V, D)$, and an array of $N$ integers.
# - `grad_output` has shape $(N, D)$.
# - Return a tuple with one gradient, of shape $(V, D)$. The row numbers are constants and get no gradient.


# %% role="solution" exercise="lookup"
@backward_of(ops.lookup)
def lookup_backward(ctx, grad_output):
    """z = table[rows]; the table is (V, D), rows are N integers, z is (N, D).

    ctx holds [table.shape, rows]. grad_output is dL/dz, shape (N, D).
    Return (dL/dtable,), of shape (V, D).
    """
    ### BEGIN SOLUTION
    shape, rows = ctx
    collected = np.zeros(shape, grad_output.dtype)
    np.add.at(collected, rows, grad_output)
    return (collected,)
    ### END SOLUTION


# %% role="check" exercise="lookup" points=3
check(ops.lookup)

# %% [markdown]
# **What you should see now:** `lookup: right.`, for one row, different rows and repeated rows. If only *repeated rows* is missing, think of your prediction. Below, every place of the sentence sends back ones. Read off how often each word was used.

# %% role="shown" id="look-up-words"
words = ["the", "black", "dog", "sees", "cat", "mouse"]
sentence = "the black dog sees the black cat".split()
table = Tensor(np.random.default_rng(0).normal(size=(6, 2)), name="table")
vectors = ops.lookup(table, rows=[words.index(word) for word in sentence])
ops.sum(vectors).backward()
print("vectors of the sentence:", vectors.shape)
for word, gradient in zip(words, table.grad, strict=True):
    print(f"{word:>6}: gradient {gradient}")

# %% [markdown]
# ### Exercise 5: `break_lookup`, a rule that is wrong
#
# **Question:** which tests does a wrong rule fail, by how much, and which tests does it pass?
#
# *5 minutes · difficulty ●●○○○ (2 of 5) · importance: high · 2 points*
#
# Somebody has written another rule for `lookup`. It is wrong:

# %% role="shown" id="broken-lookup"
def broken_lookup(ctx, grad_output):
    """z = table[rows]. ctx holds [table.shape, rows]. This rule is WRONG."""
    shape, rows = ctx
    gradient = np.zeros(shape)
    gradient[rows] = grad_output
    return (gradient,)


# %% [markdown]
# A **probe** is one test of a rule: an input and an upstream gradient. In these three probes the table has shape $(4, 1)$: the rows 0, 1, 2 and 3, with one number each.
#
# | probe | `rows` | `grad_output` | which gradient do we look at? |
# |---|---|---|---|
# | 1 | `[2, 0, 2]` | `[[2], [5], [3]]` | row 2 of the table |
# | 2 | `[3, 3]` | `[[0], [4]]` | row 3 of the table |
# | 3 | `[1, 1, 1]` | `[[2], [-3], [5]]` | row 1 of the table |
#
# - `"probe 1"`, `"probe 2"`, `"probe 3"`: by how much is the rule's gradient off? Write *the rule's gradient minus the right gradient*. 0 means: the rule passes
#   this probe, and the mistake is not seen.
# - `"wrong at"`: a list of row numbers, from 0 to 3, for which the rule gives a wrong gradient. `check` draws `grad_output` at random.
# - `"right at"`: a list of row numbers, at least one, for which the rule gives the right gradient, whatever arrives.
#
# Predict on paper first. Nobody has written down the answers: `check` measures each gradient with central differences.

# %% role="solution" exercise="break_lookup"
break_lookup = {
    "probe 1": -2,  ### ANSWER
    "probe 2": 0,  ### ANSWER
    "probe 3": 1,  ### ANSWER
    "wrong at": [1, 1],  ### ANSWER
    "right at": [1, 2],  ### ANSWER
}

# %% role="check" exercise="break_lookup" points=2
check("break_lookup", break_lookup)

# %% [markdown]
# **What you should see now:** `break_lookup: right.`, with five parts. No error, no wrong shape, and many tests pass: a sentence in which no word stands twice never shows this mistake. That is why `check` asks
# for *repeated rows* on their own.

# %% [markdown]
# ## Part 5: two losses
#
# The last layer gives ten **scores** $s_0, \ldots, s_9$ for each scan, of any size and sign. The **label** $k$ is the right digit. A **loss** turns the scores and the label into
# one number: small if the right score is clearly the highest.

# %% [markdown]
# ### Scores become probabilities
#
# **Softmax** makes all scores positive, and then divides so that they add up to 1:
#
# $$p_i = \operatorname{softmax}(s)_i = \frac{e^{s_i}}{\sum_j e^{s_j}}$$
#
# The loss is the **cross-entropy**: minus the logarithm of the probability of the right class,
#
# $$\ell(s, k) = -\log p_k .$$
#
# If the network is sure and right, then $p_k$ is near 1 and $\ell$ is near 0. If it is sure and wrong, then $p_k$ is near 0 and $\ell$ is large. An example with three classes:

# %%
scores = np.array([2.0, 1.0, 0.0])
powers = np.exp(scores)
p = powers / np.sum(powers)
print("probabilities:", p.round(4), " sum:", p.sum().round(4))
for k in range(3):
    print(f"loss if the right class is {k}: {-np.log(p[k]):.4f}")

# %% [markdown]
# PyTorch prints the same for the first one: `cross_entropy(tensor([[2., 1., 0.]]), tensor([0]))` is `tensor(0.4076)`.

# %% [markdown]
# ### The gradient, derived
#
# **First idea: the logarithm takes the fraction apart.** The logarithm of a fraction is a difference, so
#
# $$\ell = -\log\frac{e^{s_k}}{\sum_j e^{s_j}} = -s_k + \log \sum_j e^{s_j}.$$
#
# **Second idea: take the derivative of each term with respect to one score $s_i$.**
#
# - The first term contains $s_i$ only if $i$ is the label: its derivative is $-\delta(i - k)$.
# - The second term is a logarithm. The derivative of $\log S$ is $\frac{1}{S}$ times the derivative of $S$. Here $S = \sum_j e^{s_j}$, and in this sum $s_i$ stands in one term
#   only.
#
# **The last step is yours:** write down the derivative of the second term. You have seen this fraction above; it has a name. Then add both parts. The result is one of the shortest
# formulas of this course, and it can be read aloud: "what the network believes, minus what is true".
#
# **Third idea: $N$ rows.** There is one loss for each of the $N$ scans, and the operation returns their mean, $z = \frac1N \sum_a \ell_a$. So each row is divided by $N$. And there is an upstream gradient, as always. Here it is one number.
#
# | symbol | shape |
# |---|---|
# | scores $s$, probabilities $p$ | $(N, C)$: $N$ scans, $C$ classes |
# | labels $k$ | $(N,)$: integers from 0 to $C - 1$ |
# | $z$ and `grad_output` | $()$ |
#
# *Why is this one operation, and not softmax, log, and so on?* As with the sigmoid in assignment 2: it is shorter, and it is safe. The forward rule subtracts the largest score of each row first. This changes no probability, because it multiplies the top and the bottom of
# the fraction by the same number. And no exponent is positive any more.

# %% [markdown]
# ### Exercise 6: `softmax_cross_entropy`
#
# **Question:** how does the mean loss change when one score changes?
#
# *12 minutes · difficulty ●●●●○ (4 of 5) · importance: high · 5 points*
#
# - `ctx` holds `[probabilities, labels]`, shapes $(N, C)$ and $(N,)$.
# - `grad_output` is a single number.
# - Return a tuple with one gradient, of shape $(N, C)$: the gradient of the scores. Do not change `probabilities`; make a new array.
#
# *A NumPy reminder:* `a[np.arange(N), labels]` picks one entry in each row: row 0 and column `labels[0]`, row 1 and column `labels[1]`, and so on. It also works on the
# left side of `=`.


# %% role="solution" exercise="softmax_cross_entropy"
@backward_of(ops.softmax_cross_entropy)
def softmax_cross_entropy_backward(ctx, grad_output):
    """z = mean over the N rows of -log softmax(scores)[label], one number.

    ctx holds [probabilities, labels], shapes (N, C) and (N,). grad_output is dL/dz, a number.
    Return (dL/dscores,), of shape (N, C).
    """
    ### BEGIN SOLUTION
    probabilities, labels = ctx
    count = len(labels)
    gradient = probabilities.copy()
    gradient[np.arange(count), labels] -= 1
    return (gradient * (grad_output / count),)
    ### END SOLUTION


# %% role="check" exercise="softmax_cross_entropy" points=5
check(ops.softmax_cross_entropy)

# %% [markdown]
# **What you should see now:** `softmax_cross_entropy: right.`, for one row, several rows and large numbers. If *one row* is right and *several rows* is not, look for the $N$.

# %% [markdown]
# ### The loss of a deeper network
#
# The lecture writes the loss of a network with three layers in one line:
#
# $$\ell(x, k) = -\log\Bigl(\operatorname{softmax}\bigl(W^3 g^2(W^2 g^1(W^1 x + b^1) + b^2) + b^3\bigr)[k]\Bigr)$$
#
# There $x$ is a column, so the matrix stands on the left. We keep examples in rows, so the matrix stands on the right. Here is this line with your rules, with tanh for $g^1$ and relu for $g^2$. It is computed in two ways: in
# small steps (softmax, pick entry $k$, log, minus), and with your fused operation.

# %% role="shown" id="deeper-network"
rng = np.random.default_rng(1)
sizes = [(4, 5), (5, 6), (6, 3)]
values = [rng.normal(size=size) for size in sizes]
example = rng.normal(size=(1, 4))
results = {}
for way in ("small steps", "fused"):
    weights = [Tensor(value, name=f"W{i}") for i, value in enumerate(values, start=1)]
    biases = [Tensor(np.zeros(size[1]), name=f"b{i}") for i, size in enumerate(sizes, start=1)]
    h1 = ops.tanh(ops.add_bias(example @ weights[0], biases[0]))
    h2 = ops.relu(ops.add_bias(h1 @ weights[1], biases[1]))
    scores = ops.add_bias(h2 @ weights[2], biases[2])
    if way == "fused":
        loss = ops.softmax_cross_entropy(scores, labels=[2])
    else:
        loss = -ops.log(ops.softmax(scores)[0, 2])
    loss.backward()
    nodes = sum(node.operation is not None for node in loss.get_graph_above())
    print(f"{way:>11}: {nodes} operation nodes, loss {loss.item():.6f}")
    results[way] = weights[0].grad
gap = np.max(np.abs(results["fused"] - results["small steps"]))
print(f"gradient of W1 has shape {results['fused'].shape}; largest difference {gap:.0e}")

# %% [markdown]
# ### Another loss: the hinge
#
# The **hinge loss** does not ask for probabilities. It asks for a distance: the score of the right class $y$ shall be higher than every other score, **by at least 1**. For one row:
#
# $$\ell(s, y) = \sum_{j \ne y} \max(0,\; s_j - s_y + 1)$$
#
# **In words:** each wrong class $j$ which is too close, or even higher, costs as much as is missing. A wrong class which is far enough below costs nothing. The number $\max(0, s_j - s_y + 1)$ is the **margin** of
# class $j$.
#
# **The gradient, derived.** Look at one term of the sum. If its margin is 0, nothing happens when the scores move a little. If its margin is positive, the term is $s_j - s_y + 1$. So
#
# $$\frac{\partial}{\partial s_j}(s_j - s_y + 1) = 1, \qquad \frac{\partial}{\partial s_y}(s_j - s_y + 1) = -1 .$$
#
# The score $s_y$ of the right class stands in **all** terms: it is a branch. An example with $C = 4$ classes and $y = 1$:
#
# | class | 0 | 1 (right) | 2 | 3 |
# |---|---|---|---|---|
# | score | 2.5 | 2.0 | 1.8 | −3.0 |
# | margin | 1.5 | | 0.8 | 0 |
# | derivative | 1 | −2 | 1 | 0 |
#
# **The last step is yours:** say this for all rows at once, with arrays. As before, the operation returns the mean over $N$ rows. When a margin is exactly at the point where it becomes 0, there is a kink, and every subgradient is accepted.

# %% [markdown]
# ### Exercise 7: `hinge`
#
# **Question:** which scores does the hinge loss push down, and how hard does it pull the right one up?
#
# *9 minutes · difficulty ●●●○○ (3 of 5) · importance: medium · 4 points*
#
# - `ctx` holds `[margins, labels]`, shapes $(N, C)$ and $(N,)$. In the column of the label, the margin is stored as 0. Take care: this stored 0 is
#   no margin and must not be counted.
# - `grad_output` is a single number.
# - Return a tuple with one gradient, of shape $(N, C)$: the gradient of the scores.


# %% role="solution" exercise="hinge"
@backward_of(ops.hinge)
def hinge_backward(ctx, grad_output):
    """z = mean over the N rows of the sum of the margins, one number.

    ctx holds [margins, labels], shapes (N, C) and (N,); the margin is 0 in the label's column.
    grad_output is dL/dz, a number. Return (dL/dscores,), of shape (N, C).
    """
    ### BEGIN SOLUTION
    margins, labels = ctx
    count = len(labels)
    push = (margins > 0).astype(margins.dtype)  # 1 for every wrong class that is too close
    push[np.arange(count), labels] = -push.sum(axis=1)
    return (push * (grad_output / count),)
    ### END SOLUTION


# %% role="check" exercise="hinge" points=4
check(ops.hinge)

# %% [markdown]
# **What you should see now:** `hinge: right.`, also for kinks and large numbers. In every row the gradient adds up to 0. It was the same for the cross-entropy. Do you see why? (What
# happens to both losses if *all* scores of a row grow by the same number?)

# %% [markdown]
# ### Linear scores, and a brake for large weights
#
# Before networks, people used **linear scores** with this loss: $s = xW$, one matrix and nothing else. (The lecture writes $s = Wx$, with $x$ as a column.) There is one problem: if $W$ separates the training data, then $2W$ does it with even larger margins, and nothing stops the weights
# from growing. **Regularisation** adds a price for large weights. With the hinge loss, the whole loss is
#
# $$L = \frac1N \sum_{a} \sum_{j \ne y_a} \max(0,\; s_{aj} - s_{a y_a} + 1) \;+\; \lambda\, R(W), \qquad R(W) = \sum_{i}\sum_j W_{ij}^2 .$$
#
# The number $\lambda$ (lambda) says how much this price counts. You choose it before training. Such a number is called a **hyperparameter**.
#
# You do not have to write any gradient for this. Build the loss from operations, and the graph does the rest.

# %% [markdown]
# ### Exercise 8: `regularised_hinge`
#
# **Question:** can you build this loss from operations you own?
#
# *4 minutes · difficulty ●●○○○ (2 of 5) · importance: medium · 3 points*
#
# - `x` has shape $(N, D)$: an array or a tensor. `W` is a tensor of shape $(D, C)$. `labels` are $N$ integers. `lam` is the number $\lambda$.
# - Return a tensor of shape $()$. Build it from tensors, with operators and `ops...`, so that it has a graph. You have `@`, `+`, `*`, `ops.hinge(scores, labels=...)`, `ops.square`, `ops.sum`.


# %% role="solution" exercise="regularised_hinge"
def regularised_hinge(x, W, labels, lam):
    """Mean hinge loss of the linear scores plus lam times the sum of squares of W.

    x: (N, D); W: a Tensor (D, C); labels: N integers; lam: a number. Return a Tensor of shape ().
    """
    ### BEGIN SOLUTION
    scores = ops.matmul(x, W)
    return ops.hinge(scores, labels=labels) + lam * ops.sum(ops.square(W))
    ### END SOLUTION


# %% role="check" exercise="regularised_hinge" points=3
check(regularised_hinge)

# %% [markdown]
# **What you should see now:** `regularised_hinge: right.`, for several values of $\lambda$. The graph of this loss has a branch: $W$ is used for the scores and for the price. A dot marks the place where a line branches. The box c1 is a constant: the data `x`, which has no name.

# %% role="shown" id="draw-regularised"
if ready("hinge regularised_hinge", globals()):
    x = np.array([[1.0, -1.0], [0.5, 2.0]])
    W = Tensor([[0.5, -0.5, 1.0], [1.0, 0.0, -1.0]], name="W")
    loss = regularised_hinge(x, W, np.array([0, 2]), 0.1)
    loss.backward()
    display(draw(loss))

# %% [markdown]
# ## Part 6: the training loop
#
# **Gradient descent** changes every parameter a little, against its gradient. An **optimizer** does this for all parameters of a model. A **step** of training takes a few examples, a **minibatch**, and does five things:
#
# 1. **zero_grad**: forget the old gradients. Parameters (nodes without parents) *add up* gradients over several backward passes. Without this line you would mix the new gradients with all the old ones.
# 2. **forward**: compute the scores. The graph is built while this line runs.
# 3. **loss**: compare the scores with the labels. The result is one number.
# 4. **backward**: send gradients from the loss to every parameter, through your rules.
# 5. **step**: move every parameter against its gradient.

# %% [markdown]
# ### Exercise 9: `train_step`
#
# **Question:** can you write these five lines?
#
# *6 minutes · difficulty ●●○○○ (2 of 5) · importance: high · 4 points*
#
# - `model(x)` returns the scores, a tensor. `loss(scores, y)` returns a tensor of shape $()$.
# - `optimizer.zero_grad()` and `optimizer.step()` do what their names say. A tensor has `.backward()`; a tensor of shape $()$ has `.item()`, its value as a Python float.
# - Return the loss of this minibatch as a float: its value **before** the parameters move.


# %% role="solution" exercise="train_step"
def train_step(model, optimizer, loss, x, y):
    """One step of training on the minibatch x, y.

    model: x -> Tensor; loss: (Tensor, y) -> Tensor of shape (). Return the loss, a float.
    """
    ### BEGIN SOLUTION
    optimizer.zero_grad()
    scores = model(x)
    value = loss(scores, y)
    value.backward()
    optimizer.step()
    return value.item()
    ### END SOLUTION


# %% role="check" exercise="train_step" points=4
check(train_step)

# %% [markdown]
# **What you should see now:** `train_step: right.` The check calls your function twice in a row. The second call shows whether old gradients are forgotten.

# %% [markdown]
# ## Part 7: train on real digits
#
# ### Three parts of the data
#
# A network can learn its examples by heart. So the data is shuffled and cut into three parts:
#
# - **training** data: the optimizer sees them;
# - **validation** data: they decide between settings, and they decide when to stop;
# - **test** data: you look at them **once**, at the end. They stand for all scans that the network will ever meet.

# %% role="shown" id="split"
train, validation, test = data.split(digits.images, digits.labels, seed=0)
for name, part in (("training", train), ("validation", validation), ("test", test)):
    print(f"{name:>10}: x {part.x.shape}, y {part.y.shape}")

# %% [markdown]
# ### The network
#
# Two layers, 64 → 32 → 10: $\text{scores} = \operatorname{relu}(xW_1 + b_1)\,W_2 + b_2$. The lecture's example has the same form with the sizes 3072 → 100 → 10, for colour pictures of $32 \times 32$ pixels.
# The `Linear` layer is `ops.add_bias(ops.matmul(x, W), b)`, so it uses your rules.


# %% role="shown" id="network"
def make_network(seed=0, hidden=32, activation=nn.ReLU):
    """Two layers with an activation between them."""
    rng = np.random.default_rng(seed)
    return nn.Sequential(
        nn.Linear(64, hidden, rng=rng), activation(), nn.Linear(hidden, 10, rng=rng)
    )


def cross_entropy(scores, labels):
    """The loss of a minibatch: your fused operation."""
    return ops.softmax_cross_entropy(scores, labels=labels)


def judge(model, part):
    """Loss and accuracy on one part of the data. No gradients are needed, so no graph is built."""
    with no_grad():
        scores = model(part.x)
        right = np.argmax(scores.value, axis=1) == part.y
        return cross_entropy(scores, part.y).item(), float(np.mean(right))


network = make_network()
for name, parameter in network.named_parameters().items():
    print(f"{name}: shape {parameter.shape}, {parameter.size} numbers")
print("in all:", sum(parameter.size for parameter in network.parameters()))

# %% [markdown]
# ### The graph is new for every minibatch
#
# The graph is **dynamic**: it is built by running the code, and thrown away after the step. So the next minibatch may have another size, or even take another way through
# an `if`. (The other kind, a **static** graph, is defined once, before any data is there.) Here are two minibatches of different sizes through the same network:

# %% role="shown" id="dynamic-graph"
for size in (32, 22):
    loss = cross_entropy(network(train.x[:size]), train.y[:size])
    nodes = [node for node in loss.get_graph_above() if node.operation is not None]
    shapes = ", ".join(f"{node.operation.__name__} {node.shape}" for node in reversed(nodes))
    print(f"{size} scans, {len(nodes)} operation nodes: {shapes}")

# %% [markdown]
# ### Is the whole network right?
#
# You have checked every rule on its own. Here they work together. `compare` moves each value of the graph a little up and down, measures what the loss does, and compares these
# slopes with your gradients. A ✓ below a gradient means that they agree. (W (2) is the second value with the name W: the weights of the second layer.) If one day a network of yours does not learn, ask this
# question first: the first ✗, seen from the loss, is marked "(first)", and the rule to look at is the circle with two outlines, at the right end of this line.

# %% role="shown" id="compare-network"
if ready("relu softmax_cross_entropy", globals()):
    loss = cross_entropy(network(train.x[:4]), train.y[:4])
    loss.backward()
    display(compare(loss))
    network.zero_grad()

# %% [markdown]
# ### Predict before you run
#
# The network is not trained yet. It knows nothing about the ten digits. **Before you run the next cell, write down your guess: what is its accuracy? And how large is its loss, about 0.2, about 2, or about 20?** (What is $-\log p_k$, if
# every digit gets the same probability?)

# %% role="shown" id="untrained"
untrained_loss, untrained_accuracy = judge(network, validation)
print(f"untrained: loss {untrained_loss:.2f}, accuracy {untrained_accuracy:.2f}")
print(f"all ten digits equally likely: loss {-np.log(1 / 10):.2f}")

# %% [markdown]
# ### Train, and stop early
#
# An **epoch** is one pass through all training data, in minibatches of 32 scans. After every epoch we look at the validation loss. While it falls, the network learns something that is true for other scans too. When it has not
# fallen for ten epochs, we stop, and take back the parameters of the best epoch. This is **early stopping**.
#
# In the cell, `lr` is the **learning rate**, the size of a step. SGD (*stochastic gradient descent*) is gradient descent on minibatches. `momentum=0.9`: each step also keeps 0.9 of the last one.

# %% role="shown" id="train"
from time import perf_counter


def train_network(model, optimizer, rng, epochs=100, patience=10):
    """Train with early stopping; return the curves and the best epoch."""
    best_loss, best_epoch, best_state = np.inf, 0, model.state()
    curves = []
    for epoch in range(epochs):
        losses = []
        for x, y in data.batches(train.x, train.y, 32, rng):
            losses.append(train_step(model, optimizer, cross_entropy, x, y))
        validation_loss, accuracy = judge(model, validation)
        curves.append((np.mean(losses), validation_loss, accuracy))
        if validation_loss < best_loss:
            best_loss, best_epoch, best_state = validation_loss, epoch, model.state()
        elif epoch - best_epoch >= patience:
            break
    model.load_state(best_state)
    return np.array(curves), best_epoch


if ready("relu softmax_cross_entropy train_step", globals()):
    start = perf_counter()
    network = make_network()
    optimizer = optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    curves, best_epoch = train_network(network, optimizer, np.random.default_rng(0))
    seconds = perf_counter() - start
    print(f"{len(curves)} epochs in {seconds:.1f} seconds; best epoch: {best_epoch + 1}")
    print(f"validation accuracy: {judge(network, validation)[1]:.3f}")

# %% [markdown]
# Look at the **learning curves**. The training loss goes on falling. The validation loss stops falling, and stays: from there on, the network only learns its own examples by heart.

# %% role="shown" id="picture-curves"
if "curves" in globals():
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    losses = {"training": curves[:, 0], "validation": curves[:, 1]}
    plot.learning_curves(losses, best=best_epoch + 1, log=True, ax=left)
    accuracy = {"validation": curves[:, 2]}
    plot.learning_curves(accuracy, quantity="accuracy", best=best_epoch + 1, ax=right)
    show(figure, plot.description(left, right))
else:
    print("There are no curves yet: the training above comes first.")

# %% [markdown]
# ### The rival: linear scores with the hinge loss
#
# Is the second layer worth its work? Train $s = xW$ with your `regularised_hinge`, too. The hyperparameter $\lambda$ is chosen on the **validation** data. (The five steps are written out here, because this loss needs to see
# $W$ itself.)


# %% role="shown" id="train-linear"
def train_linear(lam, epochs=30):
    """Linear scores with hinge loss and price lam for large weights; return W."""
    rng = np.random.default_rng(0)
    W = nn.Parameter(np.zeros((64, 10)), "W")
    optimizer = optim.SGD([W], lr=0.03)
    for _ in range(epochs):
        for x, y in data.batches(train.x, train.y, 32, rng):
            optimizer.zero_grad()
            loss = regularised_hinge(x, W, y, lam)
            loss.backward()
            optimizer.step()
    return W.value


def accuracy_of(W, part):
    """Share of the scans whose highest score is the right one."""
    return float(np.mean(np.argmax(part.x @ W, axis=1) == part.y))


if ready("hinge regularised_hinge", globals()):
    linear = {}
    for lam in (0.0, 0.001, 0.01, 0.1):
        W = linear[lam] = train_linear(lam)
        size = float(np.sum(W**2))
        accuracy = accuracy_of(W, validation)
        print(f"lambda {lam}: validation accuracy {accuracy:.3f}, R(W) = {size:.1f}")
    best_lam = max(linear, key=lambda lam: accuracy_of(linear[lam], validation))
    print("chosen: lambda =", best_lam)

# %% [markdown]
# ### Now the test, once

# %% role="shown" id="test"
if "curves" in globals() and "best_lam" in globals():
    test_accuracy = judge(network, test)[1]
    print(f"linear scores with hinge loss:    test accuracy {accuracy_of(linear[best_lam], test):.3f}")
    print(f"two layers with cross-entropy:    test accuracy {test_accuracy:.3f}")

    with no_grad():
        answers = np.argmax(network(test.x).value, axis=1)
    wrong = np.flatnonzero(answers != test.y)
    titles = [f"{test.y[i]}, read as {answers[i]}" for i in wrong[:10]]
    show_scans(
        test.x[wrong[:10]],
        [f"{test.y[i]} → {answers[i]}" for i in wrong[:10]],
        f"Scans of the test data that the network reads wrongly: {'; '.join(titles) or 'none'}.",
    )
else:
    print("There is nothing to test yet: both trainings above come first.")

# %% [markdown]
# Is the second layer worth its work? Linear scores read 96 of 100 unseen scans, two layers 98 to 99: the second layer removes more than half of the mistakes.
#
# Your rules have trained a network that reads at least 95 of 100 unseen scans. The pictures show those that it reads wrongly: the written digit, and what it read. Would you have read them correctly?
#
# AlexNet, VGG-19 and residual networks with 34 layers are graphs of the same kind. They have more nodes and a few more operations. The loop is the one you wrote.

# %% [markdown]
# ## Explore
#
# No points here, and no wrong answers. Change the cells as you like.
#
# **1. Which probe would this wrong rule fail?** A friend saves nothing in `ctx` and writes relu's backward rule with the upstream gradient only: positive gradients pass, negative ones become 0. The cell tries it on one input and one upstream
# gradient. Find a pair on which the friend is right, and one for each of the two ways in which the rule can be wrong.

# %%
x = np.array([1.0, 2.0, 3.0])
upstream = np.array([0.5, 1.0, 2.0])
h = 1e-6
slope = (np.maximum(x + h, 0.0) - np.maximum(x - h, 0.0)) / (2 * h)  # measured
print("friend:  ", np.maximum(upstream, 0.0))
print("measured:", (upstream * slope).round(4))

# %% [markdown]
# **2. The learning rate.** What happens if the steps are very small, or very large? Find the largest rate that still learns. What do you see when it is too large, and why do many neurons become silent then?

# %%
if ready("relu softmax_cross_entropy train_step", globals()):
    for rate in (0.001, 0.1, 5.0):
        model = make_network()
        step_rng = np.random.default_rng(0)
        sgd = optim.SGD(model.parameters(), lr=rate)
        for _ in range(5):
            for x, y in data.batches(train.x, train.y, 32, step_rng):
                train_step(model, sgd, cross_entropy, x, y)
        print(f"rate {rate}: validation loss {judge(model, validation)[0]:.3f}")

# %% [markdown]
# **3. How many neurons are enough?** Try other numbers of hidden neurons, and `activation=nn.Tanh`. With how few neurons can the network still read nine of ten scans? How can so few numbers tell ten digits apart?

# %%
if ready("relu softmax_cross_entropy train_step", globals()):
    for hidden in (1, 2, 4, 8):
        model = make_network(hidden=hidden)
        sgd = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        train_network(model, sgd, np.random.default_rng(0), epochs=15)
        print(f"{hidden} hidden neurons: validation accuracy {judge(model, validation)[1]:.3f}")

# %% [markdown]
# **4. What does a network see?** With two inputs only, you can look at everything it does: each region of the picture is a digit the network says, a ring marks a scan that lies in a wrong region. In assignment 2 one neuron
# looked at the ink in the middle. Here a small network looks at the middle and at the bottom. (Every fourth scan is drawn.) Which two digits does it confuse, and why? Try fewer hidden neurons, or leave out `nn.ReLU()`.

# %%
if ready("relu softmax_cross_entropy train_step", globals()):
    few = np.isin(digits.labels, (0, 1, 4))
    scans, written = digits.images[few].reshape(-1, 8, 8), digits.labels[few]
    two = np.stack([scans[:, 3:5, 3:5].mean((1, 2)), scans[:, 5:8, 2:6].mean((1, 2))], axis=1)
    which = np.searchsorted((0, 1, 4), written)  # labels 0, 1, 2
    small_rng = np.random.default_rng(0)
    small = nn.Sequential(
        nn.Linear(2, 16, rng=small_rng), nn.ReLU(), nn.Linear(16, 3, rng=small_rng)
    )
    sgd = optim.SGD(small.parameters(), lr=0.1, momentum=0.9)
    for _ in range(30):
        for x, y in data.batches(two, which, 32, small_rng):
            train_step(small, sgd, cross_entropy, x, y)
    display(
        plot.decision_regions(
            small,
            two[::4],
            which[::4],
            names=("zero", "one", "four"),
            xlabel="ink in the middle",
            ylabel="ink at the bottom",
        )
    )

# %% [markdown]
# ## What you built

# %% role="shown" id="progress"
points = {
    "mlp_by_hand": 2,
    "relu": 3,
    "tanh": 2,
    "lookup": 3,
    "break_lookup": 2,
    "softmax_cross_entropy": 5,
    "hinge": 4,
    "regularised_hinge": 3,
    "train_step": 4,
}
progress("04_mlp", globals(), points=points)

# %% [markdown]
# **Common mistakes of this assignment**
#
# - *The mask of relu is taken from the upstream gradient.* It must come from $x$, or from the output. So something has to be saved.
# - *The derivative of tanh uses $x$, or uses `np.tanh` a second time.* What is in `ctx` is the output.
# - *Repeated rows are lost* in `lookup`. `a[rows] += g` keeps only the last one.
# - *The gradient of the cross-entropy lacks the label*, or subtracts 1 everywhere. Only one entry of each row belongs to the label.
# - *The $\frac1N$ is missing, or is there twice.* The mean is part of the operation, so its rule divides by $N$. Nobody else does.
# - *`probabilities[...] -= 1` changes what was saved.* The next backward pass would start with wrong numbers. Copy first.
# - *The right class of the hinge gets −1* although several wrong classes are too close. It stands in all of these terms.
# - *`zero_grad` is missing* in `train_step`. The first step is right, all others are wrong.
# - *The test data are used to choose something.* Then they are no test any more.
#
# **What comes next.** You own every rule of a small deep learning library, from $f = (x + y)z$ to a trained network. From here, the library can grow: convolutions, residual networks, a tagger for words.
#
# **Where to read more.** The layer $\hat y = f(xW + b)$, relu and what to save, and the training loop: University of Washington LING 574, *Computation Graphs + Backpropagation*, "Hidden Layer Graph", "Example: ReLU" and "Training Loop". The loss of a deeper network, the
# table of words, and a new graph for every example: Yoav Goldberg, *Back-propagation and Computation Graph*. Linear scores, hinge loss, the three parts of the data, and layered networks: Johns Hopkins EN.601.482, *Computational Graphs and Backprop*,
# "Computational Graphs" and "Towards Neural Networks". $H = \max(0, Wx + b)$ by hand: Cornell CS4787, *Lecture 4: Backpropagation*, "Exercise: Backprop".
