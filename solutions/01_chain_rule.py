# %% [markdown]
# # 1. The chain rule on a graph
#
# **At the end you can**
#
# - split a formula into small steps, draw it as a graph, and find every derivative by walking back;
# - write the backward rule of an operation, and test it against numbers;
# - explain why gradients add where a path branches, and write the algorithm that uses this.
#
# | part | what you do | minutes | points |
# |---|---|---|---|
# | 1 | one example by hand | 10 | 3 |
# | 2 | the same example as a graph | 5 | |
# | 3 | three rules: product, maximum, power | 25 | 9 |
# | 4 | patterns: how gradients flow | 5 | 2 |
# | 5 | branches: why gradients add | 15 | 4 |
# | 6 | test a gradient with numbers, and break a rule | 18 | 5 |
# | 7 | the whole algorithm | 15 | 5 |
# | 8 | your rules fit a line | 5 | |
#
# **You need** Python, a little NumPy, and the chain rule from calculus. Everything else is explained here.
#
# **How to work.** Go from top to bottom. Run each cell with Shift+Enter. Two kinds of cells are
# yours: in some you replace `...` by numbers, in others you write your own lines in place of the line
# `raise NotImplementedError()`. Below each stands a cell with `check(...)`: it tries your answer at
# once and tells you what it saw. Something is wrong? Then it says where, and which mistake it looks like. If you
# want more help, put `check(ops.mul, hint=2)` into a new cell: it explains the mistake; `hint=3` asks you a question, and `hint=4` says what to read
# again. For many wrong rules, a small picture below shows where it goes wrong. You may check as often as you like; only the last state counts. The grader runs the same checks with other
# numbers, and nothing else.
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
    draw,
    ops,
    plot,
    progress,
    ready,
    step,
    tensor_op,
)

# %% [markdown]
# ## Where this goes
#
# In part 8 your rules fit a straight line $a\,x + b$ to real points. For one point $(x, t)$ the
# error is $(a\,x + b - t)^2$. The picture below is this formula as a **computation graph**. Boxes are inputs and
# circles are operations; each arrow goes from a value to what is computed from it. At the moment the
# graph can compute values, but it cannot find derivatives. You will teach it.

# %% role="shown" id="draw-goal"
a, b = Tensor(0.2, name="a"), Tensor(1.0, name="b")
error = (a * Tensor(10.0, name="x") + b - Tensor(8.0, name="t")) ** 2
draw(error)

# %% [markdown]
# ## Part 1: one example by hand
#
# Take the function
#
# $$f(x, y, z) = (x + y)\,z \qquad\text{at}\qquad x = -2,\quad y = 5,\quad z = -4.$$
#
# **Step 1: small steps.** Give the inner result a name: $q = x + y$. Then $f = q\,z$. Each step uses
# one operation only. Computing the values from the inputs to the output is the **forward pass**.
#
# **Step 2: local derivatives.** A **local derivative** belongs to one step and looks at nothing else:
#
# - $q = x + y$: if $x$ grows by a small $\varepsilon$, then $q$ grows by the same $\varepsilon$. So
#   $\dfrac{\partial q}{\partial x} = 1$, and in the same way $\dfrac{\partial q}{\partial y} = 1$.
# - $f = q\,z$: hold $z$ still and let only $q$ move. You know this from calculus: the derivative of
#   $c\,q$ with respect to $q$ is $c$, for any fixed number $c$. Then hold $q$ still and let only $z$ move.
#
# **Step 3: walk back.** Start at the output: $\dfrac{\partial f}{\partial f} = 1$. Go backwards through
# the steps. The **chain rule** says: *multiply what arrives from the output by the local derivative.*
#
# $$\frac{\partial f}{\partial x} \;=\; \underbrace{\frac{\partial f}{\partial q}}_{\text{upstream}}
#   \;\cdot\; \underbrace{\frac{\partial q}{\partial x}}_{\text{local}}$$
#
# The derivative of the output with respect to some value is called the **gradient** of this value. What arrives at a
# step from the output side is the **upstream gradient**. Computing all gradients in this order is the **backward
# pass**, or **backpropagation**.

# %% [markdown]
# ### Exercise 1: the six numbers
#
# **Question:** which values and derivatives does $f = (x + y)\,z$ have at $x = -2$, $y = 5$, $z = -4$?
#
# *5 minutes · difficulty ●○○○○ (1 of 5) · importance: high · 3 points*
#
# Use paper first. Then replace each `...` by a number. Each number is checked on its own.

# %% role="solution" exercise="by_hand"
by_hand = {
    "q": 3,  ### ANSWER
    "f": -12,  ### ANSWER
    "df/dq": -4,  ### ANSWER
    "df/dz": 3,  ### ANSWER
    "df/dx": -4,  ### ANSWER
    "df/dy": -4,  ### ANSWER
}

# %% role="check" exercise="by_hand" points=3
check("by_hand", by_hand)

# %% [markdown]
# **What you should see now:** `by_hand: right.`, and the names of the six numbers. A negative derivative means: when this input grows
# a little, $f$ becomes smaller.

# %% [markdown]
# ## Part 2: see it
#
# The same example, now in Python. A `Tensor` is a value that remembers how it was computed. Writing
# `(x + y) * z` computes the value and builds the graph at the same time.

# %% role="shown" id="draw-example"
x, y, z = Tensor(-2.0, name="x"), Tensor(5.0, name="y"), Tensor(-4.0, name="z")
q = x + y
f = q * z
q.name, f.name = "q", "f"
draw(f)

# %% [markdown]
# Compare with your paper. Inputs are boxes, operations are circles. Above each line stands the value that goes forward. (Below each picture there is a table of the same graph.
# In it, v1, v2, … are circles without a name.)
# The backward pass will write a gradient below it, marked with ∂. It goes through the same graph from right to left. We can
# say each step in one sentence, and you have all the numbers for these sentences already:
#
# - at the product: upstream 1 × local derivative = gradient of $q$ (and one more sentence for $z$);
# - at the sum: upstream (the gradient of $q$) × local 1 = gradient of $x$ (and one more for $y$).
#
# The graph can read these sentences to us as soon as it knows the local derivative of a product.
# See what happens today when you ask for gradients: run the cell and read the message.

# %%
try:
    (Tensor(3.0) * Tensor(-4.0)).backward()
    print("The rule of the product is there. You have done exercise 2 already.")
except NotImplementedError as message:
    print(message)

# %% [markdown]
# ## Part 3: the backward rule of an operation
#
# ### What an operation looks like
#
# An **operation** is one kind of step, such as a sum. It has two parts:
#
# - `forward(ctx, ...)` takes the input values and returns the output value. `ctx` is an empty list.
#   Whatever forward appends to it is kept for later.
# - `backward(ctx, grad_output)` gets this list back, and the upstream gradient `grad_output`. It
#   returns one gradient for each input, in the order of the inputs.
#
# The sum is the first example. Both local derivatives are 1, so both inputs get
# *upstream × 1*, which is the upstream gradient itself. In words: **a sum hands its upstream gradient
# to every input, unchanged.** Nothing has to be saved.

# %% role="shown" id="worked-add"
@tensor_op
class add(Operation):
    """z = x + y. x, y and z have the same shape."""

    @staticmethod
    def forward(ctx, x, y):
        return x + y

    @staticmethod
    def backward(ctx, grad_output):
        # dL/dx = dL/dz * 1     and     dL/dy = dL/dz * 1
        return grad_output, grad_output


total = add(Tensor(-2.0), Tensor(5.0))
total.backward()
print("value:", total.value)
print("gradients of the two inputs:", [float(parent.grad) for parent in total.parents])

# %% [markdown]
# `@tensor_op` makes the class callable on tensors. That is all the machinery you need to know.
#
# ### Why `grad_output`, and not 1?
#
# Your operation does not know where in a graph it will be used. Far away, at the end, stands one number $L$
# (later: the loss). The rule is asked: *how does $L$ change when my inputs change?* Two things happen one after
# the other: the input moves the output of this step (local derivative), and the output of this step moves $L$
# (upstream gradient). Changes that follow each other are multiplied. So every rule has this form:
#
# $$\frac{\partial L}{\partial \text{input}} = \texttt{grad\_output} \times \text{local derivative}$$
#
# ### Shapes
#
# Values may be numbers, vectors or matrices. All operations in this assignment are **elementwise**: they treat each
# entry on its own. So in NumPy you write the rule as if the arrays were numbers. Two facts about shapes are always true:
#
# - `grad_output` has the shape of the operation's output;
# - **a gradient has the shape of its value**: the gradient of $x$, shape $(3, 4)$, has shape $(3, 4)$.
#
# If a row of shape $(4,)$ meets a matrix of shape $(3, 4)$, NumPy uses the row three times. This is called
# **broadcasting**. For elementwise operations the **engine** (the part of the package that walks back) adds up the three gradients of the row for you.
# In assignment 3 you do it yourself.

# %% [markdown]
# ### The rule of a product, derived
#
# $z = x \cdot y$, elementwise. Let $y$ stand still and move $x$ by a small $\varepsilon$:
#
# $$(x + \varepsilon)\cdot y \;=\; x\,y + \varepsilon\,y$$
#
# **In words:** the output grew by $\varepsilon\,y$, that is, $y$ times as much as the input moved.
# So you have the local derivative with respect to $x$. The other one, with respect to $y$, follows in the same way.
# The last step is yours: put the upstream gradient in.

# %% [markdown]
# ### Exercise 2: `mul`
#
# **Question:** which two gradients does a product send back?
#
# *5 minutes · difficulty ●○○○○ (1 of 5) · importance: high · 3 points*
#
# - `ctx` holds `[x, y]`, the values of the two inputs. Take them out with `x, y = ctx`.
# - Return a tuple `(gradient of x, gradient of y)`. Each has the shape of `grad_output`.

# %% role="solution" exercise="mul"
@backward_of(ops.mul)
def mul_backward(ctx, grad_output):
    """z = x * y, elementwise.

    ctx holds [x, y]. grad_output is dL/dz, shape of z.
    Return (dL/dx, dL/dy), each of the shape of z.
    """
    ### BEGIN SOLUTION
    x, y = ctx
    return grad_output * y, grad_output * x
    ### END SOLUTION


# %% role="check" exercise="mul" points=3
check(ops.mul)

# %% [markdown]
# **What you should see now:** `mul: right.`, and a line that says what was tried. "Scalars" are single numbers. "Nothing changed in
# place" means that your rule left `grad_output` and `ctx` as they were. Now the graph can walk back. Here is the example of part 1
# again, step by step. First the values go forward, one at a time; then every step of the backward pass is one sentence. Go from step to step with the buttons,
# or with the keys ← and →, and compare each sentence with your paper.
# (`step` belongs to the package. It asks your rules for every number.)

# %% role="shown" id="step-example"
x, y, z = Tensor(-2.0, name="x"), Tensor(5.0, name="y"), Tensor(-4.0, name="z")
q = x + y
f = q * z
q.name, f.name = "q", "f"
f.backward()
step(f)

# %% [markdown]
# ### Exercise 3: `maximum`
#
# **Question:** where does the gradient go when only the larger of two numbers counts?
#
# *8 minutes · difficulty ●●○○○ (2 of 5) · importance: medium · 3 points*
#
# $z = \max(x, y)$, elementwise. Take $x = 7$ and $y = 2$, so $z = 7$. Move $x$ a little: $z$ moves by the same amount.
# Move $y$ a little: $z$ does not move at all. With $x = 2$ and $y = 7$ it is the other way round. So each local
# derivative is 1 or 0, and each entry of the arrays decides for itself.
#
# **When both are equal** the derivative does not exist: the function has a **kink** there. You may give the whole gradient to
# $x$, or the whole gradient to $y$, or split it (half and half, for example). All these answers are accepted. But the two shares must add
# up to the upstream gradient: not twice as much, and not nothing.
#
# - `ctx` holds `[x, y]`.
# - Return `(gradient of x, gradient of y)`. Each has the shape of `grad_output`.
#
# *A NumPy reminder:* `x > y` is an array of `True` and `False`. In a multiplication they count as 1 and 0.

# %% role="solution" exercise="maximum"
@backward_of(ops.maximum)
def maximum_backward(ctx, grad_output):
    """z = max(x, y), elementwise.

    ctx holds [x, y]. grad_output is dL/dz, shape of z.
    Return (dL/dx, dL/dy), each of the shape of z.
    """
    ### BEGIN SOLUTION
    x, y = ctx
    x_wins = x >= y
    return grad_output * x_wins, grad_output * (1 - x_wins)
    ### END SOLUTION


# %% role="check" exercise="maximum" points=3
check(ops.maximum)

# %% [markdown]
# **What you should see now:** `maximum: right.`, with "kinks" among the things that were tried.

# %% [markdown]
# ### Exercise 4: `power`
#
# **Question:** what does $z = x^n$ send back to $x$?
#
# *7 minutes · difficulty ●●○○○ (2 of 5) · importance: high · 3 points*
#
# Here $n$ is a fixed number. It is not an input of the graph: nobody wants its derivative. Such constants are passed by name,
# as **keywords**: `ops.power(x, exponent=3)`, or shorter, `x ** 3`. So there is *one* input, and *one* gradient.
#
# You know the derivatives of the first powers:
#
# | $z$ | $x$ | $x^2$ | $x^3$ | $x^4$ |
# |---|---|---|---|---|
# | local derivative | $1$ | $2x$ | $3x^2$ | $4x^3$ |
#
# **In words:** the exponent comes down as a factor, and the new exponent is one smaller. Write this for any exponent.
#
# - `ctx` holds `[x, exponent]`: an array and a number.
# - Return a tuple with one gradient, of the shape of `x`. Python writes a tuple with one entry with a comma: `(gradient,)`.

# %% role="solution" exercise="power"
@backward_of(ops.power)
def power_backward(ctx, grad_output):
    """z = x ** exponent, elementwise; exponent is a constant number.

    ctx holds [x, exponent]. grad_output is dL/dz, shape of x.
    Return (dL/dx,), of the shape of x.
    """
    ### BEGIN SOLUTION
    x, exponent = ctx
    return (grad_output * exponent * x ** (exponent - 1),)
    ### END SOLUTION


# %% role="check" exercise="power" points=3
check(ops.power)

# %% [markdown]
# **What you should see now:** `power: right.`, also for "other exponents" such as $-2$ and $0.5$. The formula of school is true for all of them.

# %% [markdown]
# ## Part 4: patterns in the flow
#
# You have written three rules. Look at what they do to a gradient that arrives, and not at the formulas:
#
# | operation | pattern | in words |
# |---|---|---|
# | sum | **distributes** | every input gets the whole upstream gradient |
# | maximum | **routes** | one input gets everything, the other gets 0 |
# | product | **switches** | each input gets the upstream gradient times the value of the *other* input |
#
# With these three sentences you can read many graphs without a formula.

# %% [markdown]
# ### Exercise 5: read the flow
#
# **Question:** the upstream gradient 2 arrives at a node. What does the node hand on to its left and to its right input?
#
# *5 minutes · difficulty ●○○○○ (1 of 5) · importance: medium · 2 points*
#
# Three nodes, each of them with the left input 3 and the right input 7: a sum ($3 + 7$), a maximum ($\max(3, 7)$) and a product ($3 \cdot 7$).
# In each case the upstream gradient is **2**. Do not compute anything with a rule: use the three sentences above.

# %% role="solution" exercise="patterns"
patterns = {
    "add: left": 2,  ### ANSWER
    "add: right": 2,  ### ANSWER
    "max of 3 and 7: left": 0,  ### ANSWER
    "max of 3 and 7: right": 2,  ### ANSWER
    "mul of 3 and 7: left": 14,  ### ANSWER
    "mul of 3 and 7: right": 6,  ### ANSWER
}

# %% role="check" exercise="patterns" points=2
check("patterns", patterns)

# %% [markdown]
# **What you should see now:** `patterns: right.` Your own rules say the same. The next cell asks each of them. It doubles the output of the node,
# because then the upstream gradient 2 arrives there.

# %% role="shown" id="ask-rules"
for operation in (ops.add, ops.maximum, ops.mul):
    left, right = Tensor(3.0), Tensor(7.0)
    doubled = operation(left, right) * 2
    doubled.backward()
    print(f"{operation.__name__:8} left: {left.grad:g}   right: {right.grad:g}")

# %% [markdown]
# ## Part 5: branches, or why gradients add
#
# So far each value was used once. Now a value $x$ is used **twice**, in two steps $u$ and $v$, and both
# lead to the output $L$.
#
# Move $x$ by a small $\varepsilon$. Two things happen at once:
#
# - $u$ moves by $\frac{\partial u}{\partial x}\,\varepsilon$, and this moves $L$ by $\frac{\partial L}{\partial u}\frac{\partial u}{\partial x}\,\varepsilon$;
# - $v$ moves by $\frac{\partial v}{\partial x}\,\varepsilon$, and this moves $L$ by $\frac{\partial L}{\partial v}\frac{\partial v}{\partial x}\,\varepsilon$.
#
# For a very small $\varepsilon$ the two changes of $L$ do not disturb each other. Together they are their sum:
#
# $$\frac{\partial L}{\partial x} \;=\; \frac{\partial L}{\partial u}\,\frac{\partial u}{\partial x}
#   \;+\; \frac{\partial L}{\partial v}\,\frac{\partial v}{\partial x}$$
#
# This is the **multivariable chain rule**. In words: *multiply along a path, add over the paths.*
# Where a value branches on the way forward, gradients add on the way back.
#
# **The smallest case** uses the same input twice in one step. Let $F(u, v) = u\,v$ and $L = F(x, x)$. The first place sends back $v = x$,
# the second sends back $u = x$. Together: $x + x = 2x$. And really, $L = x^2$ has the derivative $2x$.

# %% [markdown]
# ### A branch, step by step
#
# Let $u = x + 1$ and $y = x\,u$, so $y = x(x+1)$. Take $x = 3$. The forward pass gives $u = 4$ and $y = 12$.
#
# For the way back, every value gets an **accumulator**: a place where its gradient is collected. All
# accumulators start at 0. Only the output starts at 1. Then we visit the steps **in reverse order of computation**:
#
# | visit | message | $\frac{dy}{dy}$ | $\frac{dy}{du}$ | $\frac{dy}{dx}$ |
# |---|---|---|---|---|
# | start | | 1 | 0 | 0 |
# | $y = x\,u$ | to $x$: upstream 1 × local 4 = 4 | 1 | 0 | 0 + 4 = **4** |
# | $y = x\,u$ | to $u$: upstream 1 × local 3 = 3 | 1 | 0 + 3 = **3** | 4 |
# | $u = x + 1$ | to $x$: upstream 3 × local 1 = 3 | 1 | 3 | 4 + 3 = **7** |
#
# Two messages arrive at $x$: 4 directly, and 3 through $u$. They add up to 7. Test it without the graph: $y = x^2 + x$, so
# $\frac{dy}{dx} = 2x + 1 = 7$.
#
# Why in reverse order? When we visit $u = x + 1$, the accumulator of $u$ must be complete. It is complete
# when everything that used $u$ has been visited. Everything that used $u$ was computed later than $u$.

# %% [markdown]
# ### Exercise 6: four graphs with branches
#
# **Question:** which gradients arrive at the values that are used more than once?
#
# *10 minutes · difficulty ●●●○○ (3 of 5) · importance: high · 4 points*
#
# Use a table as above, on paper. Each number is checked on its own.
#
# - $y = x(x + 1)$ with $u = x + 1$, now at $x = 17$.
# - $f = x^2 \cdot 3x$ at $x = 2$. The two factors are two paths.
# - $f = (ab + 1)(ab + 2)$ at $a = 2$, $b = 3$. The product $ab$ is computed **once** and used twice. First find the gradient
#   that collects at $ab$, and then go on to $a$ and $b$.
# - $f = (ax + b)^2$ at $a = 2$, $x = 3$, $b = 1$. There is no branch here, only a chain.

# %% role="solution" exercise="branches"
branches = {
    "x(x+1): dy/du": 17,  ### ANSWER
    "x(x+1): dy/dx": 35,  ### ANSWER
    "x²·3x: df/dx": 36,  ### ANSWER
    "(ab+1)(ab+2): df/da": 45,  ### ANSWER
    "(ab+1)(ab+2): df/db": 30,  ### ANSWER
    "(ax+b)²: df/dx": 28,  ### ANSWER
    "(ax+b)²: df/da": 42,  ### ANSWER
    "(ax+b)²: df/db": 14,  ### ANSWER
}

# %% role="check" exercise="branches" points=4
check("branches", branches)

# %% [markdown]
# **What you should see now:** `branches: right.` Now the graph does the same work with your rules. Go through its steps. Follow the two
# messages that arrive at $x$: the second is added to the first, and the sum is the number you found.

# %% role="shown" id="draw-non-tree"
x = Tensor(17.0, name="x")
u = x + 1
y = x * u
u.name, y.name = "u", "y"
y.backward()
print(f"collected at x: {x.grad:g}")
step(y)

# %% [markdown]
# In the next picture, find the one product $ab$. A dot marks where its value branches.

# %% role="shown" id="draw-shared"
a, b = Tensor(2.0, name="a"), Tensor(3.0, name="b")
ab = a * b
f = (ab + 1) * (ab + 2)
f.backward()
draw(f)

# %% [markdown]
# **Why is `ab` computed once?** It saves a multiplication on the way forward. It saves more on the way back: the
# rule of `ab` is called once, with the finished sum of both messages. In a large graph there can be billions of paths, but
# backpropagation visits each arrow only once. That is why it is fast.

# %% [markdown]
# ## Part 6: test a gradient with numbers
#
# How does `check` know the true gradient? It does not know any formulas. It measures. Move one entry of $x$ by a
# small $h$ up, then by $h$ down, and look at how much the output changed:
#
# $$\frac{\partial f}{\partial x_i} \;\approx\; \frac{f(x + h\,e_i) - f(x - h\,e_i)}{2h}$$
#
# Here $e_i$ has a 1 at entry $i$ and 0 elsewhere. This is the **central difference**. In words: the slope between two
# points on either side. It is slow (two calls of $f$ for each entry) and a little inexact, but very hard to get wrong.
# So it is the best tool to find mistakes in backward rules.

# %% [markdown]
# ### Exercise 7: `numeric_gradient`
#
# **Question:** can you measure the gradient of any function?
#
# *10 minutes · difficulty ●●●○○ (3 of 5) · importance: high · 3 points*
#
# - `f` is a function. It takes an array of the shape of `x` and returns one number.
# - `x` is an array of any shape: no axes at all, one, two, or more. `h` is the step.
# - Return an array of the shape of `x`, of central differences.
# - The array `x` belongs to someone else. After the call it must hold the same numbers as before. (Adding and subtracting `h` again may leave a rounding error.)
#
# *A NumPy reminder:* `for index in np.ndindex(x.shape):` visits every entry of an array of any shape; `x[index]` is that entry.

# %% role="solution" exercise="numeric_gradient"
def numeric_gradient(f, x, h=1e-5):
    """Measure the gradient of f at x by central differences with step h.

    f takes an array of the shape of x and returns a number.
    Return an array of the shape of x. Leave x as it was.
    """
    ### BEGIN SOLUTION
    point = np.array(x, dtype=float)  # a copy: x itself is never touched
    gradient = np.zeros_like(point)
    for index in np.ndindex(point.shape):
        middle = point[index]
        point[index] = middle + h
        above = f(point)
        point[index] = middle - h
        below = f(point)
        point[index] = middle
        gradient[index] = (above - below) / (2 * h)
    return gradient
    ### END SOLUTION


# %% role="check" exercise="numeric_gradient" points=3
check(numeric_gradient)

# %% [markdown]
# **What you should see now:** `numeric_gradient: right.`, for single numbers and for arrays. "Nothing changed in place" means that `x` is as it was.
#
# ### Predict before you run
#
# The next cell measures the derivative of $x^3$ at $x = 2$. The true value is 12. It tries a large step, a middle step and a tiny
# step. **Which one will be the best, and which one the worst? Write down your guess, then run the cell.**

# %%
if ready("numeric_gradient", globals()):
    for h in (1e-1, 1e-5, 1e-14):
        measured = numeric_gradient(lambda x: float(x**3), np.array(2.0), h=h)
        print(f"h = {h:g}: measured {float(measured):.10f}, error {abs(float(measured) - 12):.1e}")
    display(plot.gradient_check(lambda x: x**3, 2.0, 12.0))

# %% [markdown]
# The picture tries many more steps, and shows a second way of measuring beside yours: the **forward difference**, which moves $x$ to one side only.
# A large step sees the bend of the curve (truncation). A tiny step loses digits (rounding): $f(x+h)$ and $f(x-h)$ agree in nearly all of their 16
# digits, and the difference keeps only what is left. The middle is best. `check` chooses its steps with this in mind.

# %% [markdown]
# ### Exercise 8: `break_power`, a rule that is wrong
#
# **Question:** which tests does a wrong rule fail, by how much, and which tests does it pass?
#
# *5 minutes · difficulty ●●○○○ (2 of 5) · importance: high · 2 points*
#
# Somebody has written another rule for $z = x^n$. It is wrong:

# %% role="shown" id="broken-power"
def broken_power(ctx, grad_output):
    """z = x ** exponent, elementwise. ctx holds [x, exponent]. This rule is WRONG."""
    x, exponent = ctx
    return (grad_output * exponent * x**exponent,)


# %% [markdown]
# A **probe** is one test of a rule: an input and an upstream gradient. Here are three probes, all of them with the exponent 3:
#
# | probe | $x$ | upstream gradient |
# |---|---|---|
# | 1 | $2$ | $1$ |
# | 2 | $-1$ | $0.5$ |
# | 3 | $4$ | $0$ |
#
# - `"probe 1"`, `"probe 2"`, `"probe 3"`: by how much is the rule's gradient off? Write *the rule's gradient minus the right gradient*. 0 means: the rule passes
#   this probe, and the mistake is not seen.
# - `"wrong at"`: a number $x$ at which the rule gives a wrong gradient. `check` draws an upstream gradient at random, never 0. The exponent is 3 again.
# - `"right at"`: a number $x$ at which the rule gives the right gradient, whatever arrives.
#
# Predict on paper first. Nobody has written down the answers: `check` measures each gradient, as you did in exercise 7.

# %% role="solution" exercise="break_power"
break_power = {
    "probe 1": 12,  ### ANSWER
    "probe 2": -3,  ### ANSWER
    "probe 3": 0,  ### ANSWER
    "wrong at": 2,  ### ANSWER
    "right at": 1,  ### ANSWER
}

# %% role="check" exercise="break_power" points=2
check("break_power", break_power)

# %% [markdown]
# **What you should see now:** `break_power: right.`, with five parts. A wrong rule can pass a test for two reasons: the input hides the mistake, or the
# upstream gradient does. That is why `check` tries many inputs, and draws the upstream gradients at random.

# %% [markdown]
# ## Part 7: the whole algorithm
#
# You have found gradients by hand, and you have written rules for single steps. What is left is the walk itself. Here it is
# in words, as in the table of part 5:
#
# 1. Give every node an accumulator with 0. The last node gets 1.
# 2. Visit the nodes in reverse order of computation.
# 3. At each node: for each of its parents, the message is *the node's gradient × the local derivative with respect to this
#    parent*. **Add** the message to the parent's accumulator.
#
# The **parents** of a node are the values it was computed from. A node without parents is an input.
#
# The graph is given as plain Python data, without any tensors. For $y = x(x+1)$ at $x = 3$ it looks like this:

# %% role="shown" id="plain-graph"
order = ["x", "u", "y"]  # order of computation; the last one is the output
parents = {"x": [], "u": ["x"], "y": ["x", "u"]}  # u = x + 1 and y = x u
local = {"x": [], "u": [1.0], "y": [4.0, 3.0]}  # derivative with respect to each parent, same order

for node in order:
    for parent, derivative in zip(parents[node], local[node], strict=True):
        print(f"{node} was computed from {parent}; local derivative {derivative:g}")

# %% [markdown]
# ### Exercise 9: `backpropagate`
#
# **Question:** which gradient collects at every node of the graph?
#
# *15 minutes · difficulty ●●●●○ (4 of 5) · importance: high · 5 points*
#
# - `order` is a list of node names in order of computation. The last one is the output.
# - `parents[node]` is the list of the names of its parents. An input has an empty list. The same name may occur
#   **twice**, as in $x \cdot x$.
# - `local[node]` is a list of numbers: the local derivative with respect to each parent, in the same order.
# - Return a dict from **every** node name to a number: the gradient of the output with respect to this node. A node that does not influence
#   the output has gradient 0.

# %% role="solution" exercise="backpropagate"
def backpropagate(order, parents, local):
    """Gradients of the last node of `order` with respect to all nodes.

    order: list of names; parents: name -> list of names; local: name -> list of numbers.
    Return a dict: name -> number.
    """
    ### BEGIN SOLUTION
    gradient = dict.fromkeys(order, 0.0)
    gradient[order[-1]] = 1.0
    for node in reversed(order):
        for parent, derivative in zip(parents[node], local[node], strict=True):
            gradient[parent] += gradient[node] * derivative
    return gradient
    ### END SOLUTION


# %% role="check" exercise="backpropagate" points=5
check(backpropagate)

# %% [markdown]
# **What you should see now:** `backpropagate: right.`, for trees, for values used twice, and for paths of unequal length. This is the
# algorithm inside every deep learning library. Try it on the small graph from above: the gradient of `x` is the 7 that you know.

# %%
if ready("backpropagate", globals()):
    print(
        backpropagate(
            ["x", "u", "y"],
            {"x": [], "u": ["x"], "y": ["x", "u"]},
            {"x": [], "u": [1.0], "y": [4.0, 3.0]},
        )
    )

# %% [markdown]
# ## Part 8: your rules fit a line
#
# Eleven real points from a famous small table (F. J. Anscombe, 1973). We look for the line
# $a\,x + b$ with the smallest **loss**: the mean of the squared errors $(a\,x + b - t)^2$ over all points.
#
# **Gradient descent** starts anywhere and repeats: find the gradients of the loss with respect to $a$ and $b$; then go a
# little *against* them, because a gradient points to where the loss grows. Every gradient below comes from your own `mul` and `power`.
# (We subtract 9, the mean of $x$, so that the walk is short.)

# %% role="shown" id="fit-line"
x = np.array([10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5]) - 9.0
t = np.array([8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68])

a, b, rate = 0.0, 0.0, 0.04
for count in range(161):
    a_node, b_node = Tensor(a, name="a"), Tensor(b, name="b")
    loss = ((a_node * x + b_node - t) ** 2).mean()
    loss.backward()
    if count % 20 == 0:
        print(f"step {count:3}: loss {loss.item():7.4f}   a = {a:.4f}   b = {b:.4f}")
    a, b = a - rate * float(a_node.grad), b - rate * float(b_node.grad)

print("NumPy's own fit: a = {:.4f}, b = {:.4f}".format(*np.polyfit(x, t, 1)))

# %% [markdown]
# The loss falls, and your line is NumPy's line. The same loop in PyTorch, a library much used for neural networks, ends at the same numbers; it prints them as
# `tensor(0.5001)` and `tensor(7.5009)`. Here is the picture that was promised at the beginning: the error at one
# point, now with every gradient.

# %% role="shown" id="draw-goal-again"
a, b = Tensor(0.2, name="a"), Tensor(1.0, name="b")
error = (a * Tensor(10.0, name="x") + b - Tensor(8.0, name="t")) ** 2
error.backward()
draw(error)

# %% [markdown]
# ## Explore
#
# No points here, and no wrong answers. Change the cells as you like.
#
# **1. Which probe would this wrong rule fail?** Below is a sum whose rule forgets the upstream gradient and returns ones.
# The first test looks perfect. Change `factor` until the test shows the mistake. What does this tell you about a good test?
# (`compare` measures every gradient of a graph, as you did in exercise 7. Each wrong one gets a ✗ with the measured value; "(first)" marks the one nearest to
# the output. The circle with two outlines sent it: its rule is wrong. No ✗ means that this test does not see the mistake. You can use `compare` on any graph of yours.)

# %%
@tensor_op
class careless_add(Operation):
    """z = x + y, with a mistake in the backward rule."""

    @staticmethod
    def forward(ctx, x, y):
        return x + y

    @staticmethod
    def backward(ctx, grad_output):
        return 1.0, 1.0


factor = 1.0
if ready("mul numeric_gradient", globals()):
    x, y = Tensor(2.0, name="x"), Tensor(5.0, name="y")
    L = careless_add(x, y) * factor
    L.backward()
    print(f"gradient of x by the rule: {float(x.grad):g}")
    measured = numeric_gradient(lambda p: float((p + 5.0) * factor), np.array(2.0))
    print("measured:", measured.round(6))
    display(compare(L))

# %% [markdown]
# **2. A value used many times.** Doubling $k$ times gives $2^k x$. The graph has $k$ steps but $2^k$ paths from $x$ to the output.
# How large may `k` become before your computer is slow? Why is that?

# %%
k = 30
x = Tensor(1.0, name="x")
value = x
for _ in range(k):
    value = value + value
value.backward()
print(f"{k} steps, {2**k:,} paths, gradient {float(x.grad):,.0f}")

# %% [markdown]
# **3. At the kink.** At $x = y$ any fair split is right for `maximum`. What does central difference measure there, and why is it
# exactly that number? Change the 3.0 on one side only and look again.

# %%
if ready("numeric_gradient", globals()):
    print(numeric_gradient(lambda p: float(np.maximum(p[0], p[1])), np.array([3.0, 3.0])))

# %% [markdown]
# ## What you built

# %% role="shown" id="progress"
points = {
    "by_hand": 3,
    "mul": 3,
    "maximum": 3,
    "power": 3,
    "patterns": 2,
    "branches": 4,
    "numeric_gradient": 3,
    "break_power": 2,
    "backpropagate": 5,
}
progress("01_chain_rule", globals(), points=points)

# %% [markdown]
# **Common mistakes of this assignment**
#
# - *The upstream gradient is forgotten.* The rule is right while the upstream gradient is 1, so a quick test does not show it. `check` uses random upstream gradients.
# - *The two gradients are in the wrong order*, or each input gets its own value instead of the other one. With $x = y$ nobody notices. `check` uses different values.
# - *One gradient without the comma.* `(g)` is the same as `g`; a tuple with one entry is `(g,)`.
# - *`=` instead of `+=`* in `backpropagate`. All trees are right, and every branch is wrong: the last message overwrites the others.
# - *Wrong order of the walk.* A node passes on its gradient before its own accumulator is complete.
# - *Brackets in the numeric gradient.* `a - b / 2 * h` is not the same as `(a - b) / (2 * h)`.
#
# **What comes next.** In assignment 2 you build a neuron from six small steps, and then put them together into one. Your rules from
# today are waiting there.
#
# **Where to read more.** $(x+y)z$ and the patterns in flow: Johns Hopkins EN.601.482, *Computational Graphs and Backprop*, "A Simple
# Example" and "Patterns in Flow". Accumulators and $x(x+1)$: Cornell CS4787, *Lecture 4: Backpropagation*, "High-level BP algorithm" and "Exercise 2".
# The forward/backward API, $(ax+b)^2$ and $x^2 \cdot 3x$: University of Washington LING 574, *Computation Graphs + Backpropagation*.
