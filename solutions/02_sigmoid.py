# %% [markdown]
# # 2. The neuron: one step or many
#
# **At the end you can**
#
# - split a neuron into six small operations and find its gradients by hand and by code;
# - put these steps together into one operation of your own, and decide what it has to remember;
# - say what the backward pass costs in memory, and measure it.
#
# | part | what you do | minutes | points |
# |---|---|---|---|
# | 1 | the neuron by hand | 18 | 3 |
# | 2 | the neuron as a graph | 5 | |
# | 3 | three rules: negate, exp, reciprocal | 18 | 6 |
# | 4 | the fused operation: sigmoid, and a rule to break | 32 | 7 |
# | 5 | staged or fused? | 10 | 2 |
# | 6 | the neuron learns | 10 | |
#
# **You need** what you did in assignment 1: upstream gradient times local derivative, and gradients that add at branches.
# If you did not finish it, no problem: three rules you need are printed below, ready to use.
#
# **How to work.** Go from top to bottom and run each cell with Shift+Enter. In the cells that are yours, replace `...` by
# an answer, or write your own lines in place of the line `raise NotImplementedError()`.
# `check(...)` tells you at once what it saw, as often as you like. If you want more help, put `check(ops.exp, hint=2)` into a new
# cell: it explains the mistake; `hint=3` asks a question, and `hint=4` says what to read again. The grader runs the same checks with other numbers.
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
    draw,
    implements,
    no_grad,
    ops,
    plot,
    progress,
    ready,
    step,
)

# %% [markdown]
# ## Rules you may use
#
# These are worked solutions of assignment 1. Compare them with yours. Another formula with the same values is as good.

# %% role="worked" assignment="01_chain_rule" exercises="mul maximum power"

# %% [markdown]
# ## Where this goes
#
# A **neuron** takes a number, stretches it, shifts it, and turns the result into a number between 0 and 1:
#
# $$f(w, x) = \frac{1}{1 + e^{-(w_0\,x + w_1)}}$$
#
# $x$ is the input. $w_0$ and $w_1$ are **parameters**: numbers that will be learned. The output can be read as a probability.
# At the end of this notebook a neuron with one input looks at one number from a real scan of a handwritten digit,
# and says whether the digit is a zero or a one. The picture shows what it will have learned.

# %% role="shown" id="picture-goal"
from course_autograd import data

digits = data.digits()
chosen = digits.labels <= 1  # zeros and ones
pictures = digits.images[chosen].reshape(-1, 8, 8)
targets = digits.labels[chosen].astype(float)
ink = pictures[:, 3:5, 3:5].mean(axis=(1, 2))  # mean of the four pixels in the middle


def show_curve(w0, w1):
    """Draw all scans as points, and the curve of the neuron with these parameters."""
    display(
        plot.decision_curve(
            lambda x: 1 / (1 + np.exp(-(w0 * x + w1))),
            ink,
            targets,
            names=("written 0", "written 1"),
            xlabel="x: ink in the middle (0 white, 1 black)",
            ylabel="f: probability of a one",
        )
    )


show_curve(w0=8.7, w1=-3.1)

# %% [markdown]
# ## Part 1: the neuron by hand
#
# Take $w_0 = 2$, $x = -1$, $w_1 = 3$. The forward pass in six small steps:
#
# | step | operation | value |
# |---|---|---|
# | 1 | $p = w_0 \cdot x$ | ? |
# | 2 | $s = p + w_1$ | ? |
# | 3 | $n = -s$ | ? |
# | 4 | $e = e^{\,n}$ | ? |
# | 5 | $d = e + 1$ | ? |
# | 6 | $f = 1 / d$ | ? |
#
# Write the table on paper and fill in the values. Keep four decimals in your table. Round only the answers, to two decimals. (A calculator helps:
# $e^{-1} \approx 0.3679$.)
#
# Then walk back. From calculus you need four local derivatives, where $c$ is a fixed number:
#
# $$\frac{d}{dx}\,(c\,x) = c \qquad \frac{d}{dx}\,(c + x) = 1 \qquad \frac{d}{dx}\,e^x = e^x \qquad \frac{d}{dx}\,\frac1x = -\frac{1}{x^2}$$
#
# Start with 1 at $f$. At every step, multiply what arrives (upstream) by the local derivative. Take care which number
# goes into the local derivative: it is the **input of that step**. For $f = 1/d$ this is $d$.

# %% [markdown]
# ### Exercise 1: the neuron in numbers
#
# **Question:** what are the output and the three gradients at $w_0 = 2$, $x = -1$, $w_1 = 3$?
#
# *15 minutes · difficulty ●●○○○ (2 of 5) · importance: high · 3 points*
#
# Replace each `...` by a number. Round only here, to two decimals. Each number is checked on its own.

# %% role="solution" exercise="neuron_by_hand"
neuron_by_hand = {
    "f": 0.73,  ### ANSWER
    "df/dw0": -0.20,  ### ANSWER
    "df/dx": 0.39,  ### ANSWER
    "df/dw1": 0.20,  ### ANSWER
}

# %% role="check" exercise="neuron_by_hand" points=3
check("neuron_by_hand", neuron_by_hand)

# %% [markdown]
# **What you should see now:** `neuron_by_hand: right.` Look at the signs. The gradient of $w_0$ is negative: a larger $w_0$ makes this output *smaller*,
# because $x$ is negative here.

# %% [markdown]
# ## Part 2: the neuron as a graph
#
# The same six steps with tensors. Compare the values with your table. The graph can go forward, but three of its
# operations cannot go back yet: their rules are your next exercises.

# %% role="shown" id="draw-neuron"
def staged_neuron(w0, x, w1):
    """The neuron in six steps: mul, add, negate, exp, add, reciprocal."""
    p = w0 * x
    s = p + w1
    n = -s
    e = ops.exp(n)
    d = e + 1
    f = ops.reciprocal(d)
    p.name, s.name, n.name, e.name, d.name, f.name = "p", "s", "n", "e", "d", "f"
    return f


w0, x, w1 = Tensor(2.0, name="w0"), Tensor(-1.0, name="x"), Tensor(3.0, name="w1")
draw(staged_neuron(w0, x, w1))

# %% [markdown]
# ## Part 3: three rules
#
# All three operations have **one** input. So each rule returns a tuple with one gradient, `(gradient,)`, with the comma.
# All three are elementwise: write them as if the arrays were numbers.

# %% [markdown]
# ### Exercise 2: `negate`
#
# **Question:** what does $z = -x$ send back?
#
# *2 minutes · difficulty ●○○○○ (1 of 5) · importance: medium · 1 point*
#
# If $x$ moves up by $\varepsilon$, then $z$ moves down by $\varepsilon$.
#
# - `ctx` is empty. Nothing has to be remembered.
# - Return a tuple with one gradient, of the shape of `grad_output`.

# %% role="solution" exercise="negate"
@backward_of(ops.negate)
def negate_backward(ctx, grad_output):
    """z = -x, elementwise.

    ctx is empty. grad_output is dL/dz, shape of x.
    Return (dL/dx,), of the shape of x.
    """
    ### BEGIN SOLUTION
    return (-grad_output,)
    ### END SOLUTION


# %% role="check" exercise="negate" points=1
check(ops.negate)

# %% [markdown]
# **What you should see now:** `negate: right.`, and a line that says what was tried.

# %% [markdown]
# ### Exercise 3: `exp`
#
# **Question:** what does $z = e^x$ send back, and why is it clever to remember the *output*?
#
# *5 minutes · difficulty ●○○○○ (1 of 5) · importance: high · 2 points*
#
# The exponential function is its own derivative. On the way forward, $e^x$ has been computed already. Computing it a second time
# on the way back would cost time. So this operation saves its output, and not its input.
#
# - `ctx` holds `[output]`, the value $e^x$. Take it out with `(output,) = ctx`: the comma unpacks a list with one entry.
# - Return a tuple with one gradient, of the shape of `output`.

# %% role="solution" exercise="exp"
@backward_of(ops.exp)
def exp_backward(ctx, grad_output):
    """z = e**x, elementwise.

    ctx holds [output], where output is z. grad_output is dL/dz, shape of z.
    Return (dL/dx,), of the shape of z.
    """
    ### BEGIN SOLUTION
    (output,) = ctx
    return (grad_output * output,)
    ### END SOLUTION


# %% role="check" exercise="exp" points=2
check(ops.exp)

# %% [markdown]
# **What you should see now:** `exp: right.` If your values are much too large, ask yourself whether `np.exp` was applied twice.

# %% [markdown]
# ### Exercise 4: `reciprocal`
#
# **Question:** what does $z = 1/x$ send back?
#
# *8 minutes · difficulty ●●○○○ (2 of 5) · importance: medium · 3 points*
#
# Here is where the derivative comes from. Move $x$ by a small $\varepsilon$:
#
# $$\frac{1}{x + \varepsilon} - \frac1x \;=\; \frac{x - (x + \varepsilon)}{x\,(x + \varepsilon)} \;=\; \frac{-\,\varepsilon}{x\,(x + \varepsilon)}$$
#
# Divide by $\varepsilon$, and let $\varepsilon$ go to 0. What is left is the local derivative. **In words:** $1/x$ always falls
# when $x$ grows, so the sign is negative; and it falls fast where $x$ is close to 0.
#
# - `ctx` holds `[x]`, the input.
# - Return a tuple with one gradient, of the shape of `x`.

# %% role="solution" exercise="reciprocal"
@backward_of(ops.reciprocal)
def reciprocal_backward(ctx, grad_output):
    """z = 1 / x, elementwise, x is not 0.

    ctx holds [x]. grad_output is dL/dz, shape of x.
    Return (dL/dx,), of the shape of x.
    """
    ### BEGIN SOLUTION
    (x,) = ctx
    return (-grad_output / x**2,)
    ### END SOLUTION


# %% role="check" exercise="reciprocal" points=3
check(ops.reciprocal)

# %% [markdown]
# **What you should see now:** `reciprocal: right.` Now the staged neuron can walk back. Go through it step by step: six values forward,
# then one sentence for each message back. Compare them with your paper. Each gradient appears below its line, marked with ∂.

# %% role="shown" id="step-neuron"
w0, x, w1 = Tensor(2.0, name="w0"), Tensor(-1.0, name="x"), Tensor(3.0, name="w1")
f = staged_neuron(w0, x, w1)
f.backward()
step(f)

# %% [markdown]
# ## Part 4: one operation instead of four
#
# The last four steps of the neuron belong together. They are the **sigmoid** function:
#
# $$\sigma(y) = \frac{1}{1 + e^{-y}}$$
#
# To put several steps together into one operation is called to **fuse** them. The neuron becomes $f = \sigma(w_0\,x + w_1)$.
# Why fuse? Fewer nodes, less memory, and a rule that is shorter than the four rules together. Here is the derivation.
#
# **First idea: the chain rule through the four steps.** Multiply the local derivatives of negate, exp, +1 and reciprocal:
#
# $$\frac{d\sigma}{dy} = (-1)\cdot e^{-y} \cdot 1 \cdot \frac{-1}{(1 + e^{-y})^2} = \frac{e^{-y}}{(1 + e^{-y})^2}$$
#
# **Second idea: split the fraction into two.**
#
# $$\frac{d\sigma}{dy} = \frac{1}{1 + e^{-y}} \cdot \frac{e^{-y}}{1 + e^{-y}}$$
#
# The first factor is $\sigma(y)$ itself. **The last step is yours:** look at the second factor, and write the $e^{-y}$ on top as
# $(1 + e^{-y}) - 1$. Then you can write the second factor with $\sigma(y)$ too. So the whole derivative needs no
# $y$ and no $e^{-y}$: only the output. (What does this tell you about what to save?)

# %% [markdown]
# ### Predict before you run
#
# How steep is $\sigma$? Its value at $y = 0$ is one half. **Before you run the next cell, write down your guess: what is the slope at $y = 0$?
# And what is it at $y = 10$: about 0.1, about 0.001, or still smaller?** The cell measures it with central differences, without any rule.

# %%
for y in (0.0, 2.0, 10.0):
    h = 1e-5
    low, high = [float(1 / (1 + np.exp(-moved))) for moved in (y - h, y + h)]
    print(f"y = {y:4}: slope about {(high - low) / (2 * h):.6f}")

# %% [markdown]
# ### Large numbers
#
# The formula has a trap. For $y = -1000$ it asks for $e^{1000}$. This number has 435 digits; a float64 can hold numbers up to about $10^{308}$.
# NumPy returns `inf` and prints a warning (an **overflow**). In longer formulas `inf` soon becomes `nan`, and a network that has learned
# for a day is lost.
#
# There is a way out. Multiply the top and the bottom of the fraction by $e^{y}$. The value stays the same:
#
# $$\sigma(y) \;=\; \frac{1}{1 + e^{-y}} \;=\; \frac{e^{y}}{e^{y} + 1}$$
#
# The left form is safe when $y \ge 0$, because then $e^{-y}$ is at most 1. The right form is safe when $y \le 0$. An exponential of a number
# that is *not positive* never overflows: $e^{-1000}$ becomes 0, and this is what we want.
#
# But an array may hold numbers of both signs. And `np.where(condition, A, B)` computes both `A` and `B` **everywhere**, before it chooses. So it is
# not enough to choose between the two formulas. *A question to think about:* which single exponent is never positive,
# whatever the sign of $y$ is, and fits both forms?

# %% [markdown]
# ### Exercise 5: `sigmoid`, a whole operation
#
# **Question:** can you write forward and backward of $\sigma$, and save exactly what backward needs?
#
# *20 minutes · difficulty ●●●●○ (4 of 5) · importance: high · 5 points*
#
# This time the whole class is yours, as in the lecture: `@implements(ops.sigmoid)` puts it in place of the operation of the package.
#
# - `forward(ctx, y)`: `y` is a number or an array of any shape. Return $\sigma(y)$ in the same shape. There must be no overflow and no warning, from
#   $-1000$ to $1000$. `ctx` is an empty list: append what *you* will need.
# - `backward(ctx, grad_output)`: `ctx` holds what you appended, in the same order. `grad_output` has the shape of the output.
#   Return a tuple with one gradient, of the shape of `y`.

# %% role="solution" exercise="sigmoid"
@implements(ops.sigmoid)
class sigmoid(Operation):
    """The logistic function 1 / (1 + e**(-y)), elementwise, for any real y."""

    @staticmethod
    def forward(ctx, y):
        """Return sigma(y), shape of y. Append to ctx (an empty list) what backward needs."""
        ### BEGIN SOLUTION
        small = np.exp(-np.abs(y))  # at most 1, so nothing overflows
        output = np.where(y >= 0, 1.0, small) / (1.0 + small)
        ctx.append(output)
        return output
        ### END SOLUTION

    @staticmethod
    def backward(ctx, grad_output):
        """Return (dL/dy,), shape of y. ctx holds what forward appended."""
        ### BEGIN SOLUTION
        (output,) = ctx
        return (grad_output * output * (1 - output),)
        ### END SOLUTION


# %% role="check" exercise="sigmoid" points=5
check(ops.sigmoid)

# %% [markdown]
# **What you should see now:** `sigmoid: right.`, for "forward", for single numbers and arrays, and for "large numbers". Now the neuron
# needs three operations only. Here is its graph.

# %% role="shown" id="draw-fused"
def fused_neuron(w0, x, w1):
    """The neuron in three steps: mul, add, sigmoid."""
    return ops.sigmoid(w0 * x + w1)


w0, x, w1 = Tensor(2.0, name="w0"), Tensor(-1.0, name="x"), Tensor(3.0, name="w1")
f = fused_neuron(w0, x, w1)
f.backward()
draw(f)

# %% [markdown]
# ### Exercise 6: `break_sigmoid`, a rule that is wrong
#
# **Question:** which tests does a wrong rule fail, by how much, and which tests does it pass?
#
# *5 minutes · difficulty ●●○○○ (2 of 5) · importance: high · 2 points*
#
# Somebody has written another rule for $\sigma(y)$. It is wrong:

# %% role="shown" id="broken-sigmoid"
def broken_sigmoid(ctx, grad_output):
    """z = sigma(y), elementwise. ctx holds [output]. This rule is WRONG."""
    (output,) = ctx
    return (grad_output * (1 - output),)


# %% [markdown]
# A **probe** is one test of a rule: an input and an upstream gradient. Here are three probes:
#
# | probe | $y$ | upstream gradient |
# |---|---|---|
# | 1 | $0$ | $1$ |
# | 2 | $3$ | $0$ |
# | 3 | $-1000$ | $2$ |
#
# - `"probe 1"`, `"probe 2"`, `"probe 3"`: by how much is the rule's gradient off? Write *the rule's gradient minus the right gradient*. 0 means: the rule passes
#   this probe, and the mistake is not seen.
# - `"wrong at"`: a number $y$ at which the rule gives a wrong gradient. `check` draws an upstream gradient at random, never 0.
# - `"right at"`: a number $y$ at which the rule gives the right gradient, whatever arrives. As close as numbers in a computer can be is right.
#
# Predict on paper first. Nobody has written down the answers: `check` measures each gradient with central differences.

# %% role="solution" exercise="break_sigmoid"
break_sigmoid = {
    "probe 1": 0.25,  ### ANSWER
    "probe 2": 0,  ### ANSWER
    "probe 3": 2,  ### ANSWER
    "wrong at": 0,  ### ANSWER
    "right at": 1000,  ### ANSWER
}

# %% role="check" exercise="break_sigmoid" points=2
check("break_sigmoid", break_sigmoid)

# %% [markdown]
# **What you should see now:** `break_sigmoid: right.`, with five parts. Where $\sigma$ is flat, the neuron is **saturated**: hardly any gradient comes through. On one of the
# two flat sides this mistake is large, on the other one nobody can see it. A test with large numbers only, or on one side only, is no good test.

# %% [markdown]
# ## Part 5: staged or fused?
#
# ### Exercise 7: compare
#
# **Question:** what is the same, and what is different, in the staged and the fused neuron?
#
# *5 minutes · difficulty ●○○○○ (1 of 5) · importance: medium · 2 points*
#
# Count in the two pictures. An **operation node** is a value that some operation computed; inputs, parameters and constants do not count.
# Answer the last two with `True` or `False`: do both neurons give the same value, and the same gradients (up to rounding in the last digits)?

# %% role="solution" exercise="staged_or_fused"
staged_or_fused = {
    "nodes staged": 6,  ### ANSWER
    "nodes fused": 3,  ### ANSWER
    "same value": True,  ### ANSWER
    "same gradient": True,  ### ANSWER
}

# %% role="check" exercise="staged_or_fused" points=2
check("staged_or_fused", staged_or_fused)

# %% [markdown]
# **What you should see now:** `staged_or_fused: right.` The next cell counts by code and compares with numbers.
#
# ### What the way back costs: memory
#
# To walk back, the graph has to keep every value that some rule will need. Nothing can be thrown away before the backward pass has used it. This is
# the price of walking back (called **reverse mode**): memory grows with the number of operations. The next cell runs both neurons on 100,000 inputs at once, and
# counts the nodes and the bytes that each graph keeps. It also compares values and gradients.

# %% role="shown" id="memory"
def kept(root):
    """Number of operation nodes, and the bytes of all arrays the graph keeps alive."""
    nodes = [node for node in root.get_graph_above() if node.operation is not None]
    arrays = [array for node in nodes for array in (node.value, *node.saved)]
    different = {id(array): np.asarray(array).nbytes for array in arrays}
    return len(nodes), sum(different.values())


inputs = np.linspace(-5, 5, 100_000)
results = {}
for neuron in (staged_neuron, fused_neuron):
    w0, x, w1 = Tensor(2.0), Tensor(inputs), Tensor(3.0)
    outputs = neuron(w0, x, w1)
    nodes, size = kept(outputs)
    outputs.mean().backward()
    results[neuron.__name__] = [outputs.value, w0.grad, x.grad, w1.grad]
    print(f"{neuron.__name__}: {nodes} operation nodes keep {size / 1e6:.1f} million bytes")

differences = [np.max(np.abs(one - other)) for one, other in zip(*results.values(), strict=True)]
print(f"largest difference in values and gradients: {max(differences):.0e}")

with no_grad():
    print("with no_grad():", kept(fused_neuron(w0, x, w1))[0], "nodes are kept")

# %% [markdown]
# The values and the gradients are the same. The nodes and the bytes are not. When you only want values and no gradients, `with no_grad():` builds no graph at all,
# and keeps nothing. Libraries such as PyTorch fuse for the same reasons, and they have a `no_grad` too.

# %% [markdown]
# ## Part 6: the neuron learns
#
# ### Zero or one?
#
# Each scan is a picture of $8 \times 8$ numbers from 0 (white) to 1 (black). A written zero is empty in the middle; a written one is not.
# So give the neuron **one** number $x$: the mean ink of the four pixels in the middle. The **target** $t$ is 0 or 1, the true digit.
#
# The loss is the mean of $(f - t)^2$ over 240 scans. We repeat: forward, loss, backward, and a step against the gradient. Look at what
# sends gradients here: `mul` and `power` from assignment 1, and your own `sigmoid`. In the end the neuron is tried on 120 scans that it
# has not seen.

# %% role="shown" id="train-neuron"
shuffled = np.random.default_rng(0).permutation(len(ink))
learn, unseen = shuffled[:240], shuffled[240:]


def right(rows, w0, w1):
    """Part of these scans on which the neuron says the true digit."""
    with no_grad():
        f = fused_neuron(Tensor(w0), ink[rows], Tensor(w1)).value
    return np.mean((f > 0.5) == (targets[rows] == 1))


w0, w1, rate = 0.0, 0.0, 10.0
for count in range(201):
    w0_node, w1_node = Tensor(w0, name="w0"), Tensor(w1, name="w1")
    f = fused_neuron(w0_node, ink[learn], w1_node)  # forward
    loss = ((f - targets[learn]) ** 2).mean()
    loss.backward()
    if count in (0, 1, 5, 20, 50, 100, 200):
        print(
            f"step {count:3}: loss {loss.item():.4f}   w0 = {w0:6.3f}   w1 = {w1:6.3f}"
            f"   right: {right(learn, w0, w1):.0%}"
        )
    w0 = w0 - rate * float(w0_node.grad)  # a step against the gradient
    w1 = w1 - rate * float(w1_node.grad)

print(f"right on {len(unseen)} scans it has not seen: {right(unseen, w0, w1):.0%}")
show_curve(w0, w1)

# %% [markdown]
# One number, two parameters, and nearly every scan is right. At the start $w_0 = w_1 = 0$: the neuron says 0.5 to everything, and the loss is exactly
# 0.25. The first steps are large, the later ones small. You know why: where $\sigma$ is flat, its local derivative is almost 0, and little of the upstream gradient
# comes through. In PyTorch the same loop, with `torch.sigmoid`, goes through the same numbers; its first loss prints as `tensor(0.2500)`.
#
# **A question to think about:** most of the scans that are wrong are written ones with little ink in the middle. No $w_0$ and $w_1$ can repair this. What could?
# (Assignment 4 gives the answer: more inputs, and more than one neuron.)

# %% [markdown]
# ### The same node in a language model
#
# In the **skip-gram** model every word $w$ has a vector $W_w$, and every context word $c$ has a vector $C_c$. The model says how likely it is that $c$
# stands near $w$:
#
# $$P(1 \mid w, c) = \sigma(W_w \cdot C_c)$$
#
# Here 1 means: yes, $c$ stands near $w$.
#
# The dot product of two vectors with three entries is three products and two sums. So you own all rules for it. We write it with `mul` and `add`
# only; in assignment 3 the matrix product does it in one step. For one pair of words, the names in the picture are short: $W_1$, $W_2$, $W_3$ are the three entries of the
# vector $W_w$, and $C_1$, $C_2$, $C_3$ those of $C_c$.

# %% role="shown" id="skip-gram"
W = [Tensor(value, name=f"W{i}") for i, value in enumerate((0.5, -1.0, 2.0), start=1)]
C = [Tensor(value, name=f"C{i}") for i, value in enumerate((1.0, 0.5, -0.5), start=1)]


def probability(W, C):
    """P(1 | w, c): the sigmoid of the dot product, written out."""
    return ops.sigmoid(W[0] * C[0] + W[1] * C[1] + W[2] * C[2])


P = probability(W, C)
P.backward()
draw(P)

# %% [markdown]
# Look at the product nodes: each **switches**. The gradient of $W_1$ contains $C_1$, and the gradient of $C_1$ contains $W_1$. So two words that
# are often seen together pull their vectors towards each other. One step along the gradient shows it:

# %% role="shown" id="skip-gram-step"
if ready("sigmoid", globals()):
    with no_grad():
        before = probability(W, C).item()
        # Up the gradient, because P shall grow.
        W_after = [Tensor(entry.value + 0.5 * entry.grad) for entry in W]
        C_after = [Tensor(entry.value + 0.5 * entry.grad) for entry in C]
        after = probability(W_after, C_after).item()
    print(f"P before: {before:.3f}   P after one step: {after:.3f}")

# %% [markdown]
# ## Explore
#
# No points here, and no wrong answers. Change the cells as you like.
#
# **1. Which probe would this wrong rule fail?** A friend saves the *input* $y$ instead of the output, and forgets to change the backward rule. So backward
# puts $y$ where $\sigma(y)$ should be. There is a point $y$ where the friend is right by accident. Find it with the cell below: it prints
# both numbers. Which $y$ would you put into a test, so that the mistake shows as clearly as possible?

# %%
for y in (-1.0, 0.0, 0.5, 0.659, 1.0, 3.0):
    print(f"y = {y:6}: the friend uses {y:6.3f}, correct is {float(1 / (1 + np.exp(-y))):6.3f}")

# %% [markdown]
# **2. A neuron that sleeps.** Far from 0 the sigmoid is flat. How large is the gradient of $w_0$ at $w_1 = 3$, and at $w_1 = 30$? What does this mean for
# a neuron that starts with very wrong parameters?

# %%
for start in (0.0, 3.0, 10.0, 30.0):
    w0, w1 = Tensor(2.0), Tensor(start)
    ops.sigmoid(w0 * 1.0 + w1).backward()
    print(f"w1 = {start:4}: gradient of w0 = {float(w0.grad):.1e}")

# %% [markdown]
# **3. A chain of neurons.** Each neuron passes its output to the next. How does the gradient of the first input change with the number of neurons? Can you
# explain it with your guess from "Predict before you run"?

# %%
for depth in (1, 2, 4, 8):
    x = Tensor(0.5)
    value = x
    for _ in range(depth):
        value = ops.sigmoid(value)
    value.backward()
    print(f"neurons: {depth}   gradient {float(x.grad):.1e}")

# %% [markdown]
# ## What you built

# %% role="shown" id="progress"
points = {
    "neuron_by_hand": 3,
    "negate": 1,
    "exp": 2,
    "reciprocal": 3,
    "sigmoid": 5,
    "break_sigmoid": 2,
    "staged_or_fused": 2,
}
progress("02_sigmoid", globals(), points=points)

# %% [markdown]
# **Common mistakes of this assignment**
#
# - *The wrong variable.* `exp` and `sigmoid` save their output, `reciprocal` saves its input. The formula has to fit what was saved.
# - *The sign of the reciprocal.* $1/x$ falls when $x$ grows, so its local derivative is never positive.
# - *The same function twice*, as in $e^{e^x}$ or $\sigma(\sigma(y))$: the value in `ctx` is already the output.
# - *`np.where` as a shield.* It computes both sides everywhere, so it cannot stop an overflow. The exponent has to be safe itself.
# - *`grad_output` changed in place.* Another node may use the same array. Make a new one.
#
# **What comes next.** In assignment 3 the inputs are vectors and matrices. Shapes become important, and the derivatives would be enormous tables that
# nobody ever writes down.
#
# **Where to read more.** The neuron in stages and fused: Johns Hopkins EN.601.482, *Computational Graphs and Backprop*, "A More Complicated
# Example". What to save in `ctx`: University of Washington LING 574, *Computation Graphs + Backpropagation*, "Forward/Backward API" (the ReLU
# example), and there also "SGNS as a Graph". The price in memory: Cornell CS4787, *Lecture 4: Backpropagation*, "Advantages/Disadvantages of Backpropagation".
