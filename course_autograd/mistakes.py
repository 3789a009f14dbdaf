"""The catalogue of mistakes: what each is called, and four steps of a hint.

A hint goes from *where* (the report knows) over *what kind* and *a question* to *what to reread*.
No text here may contain a formula: naming a mistake is help, repairing it is the exercise.

How a mistake is recognised stands elsewhere: from values in `course_autograd.exercises.hypotheses`,
from errors and flags below.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

UPSTREAM = "the part on upstream and local gradients (JHU EN.601.482, “A Simple Example”)"
LOCAL = "the derivation above this exercise, the step about the local derivative"
BRANCH = "the part on branches: gradients add (LING 574, “Backpropagation”)"
SHAPES = "the part on shapes: a gradient has the shape of its value (LING 574, debugging)"
API = "the forward/backward API (LING 574, “Forward/Backward API”)"
ORDER = "the accumulator algorithm (CS4787, lecture 4, “High-level BP algorithm”)"
NUMERIC = "the part on numeric gradients (LING 574, debugging)"
LOOP = "the training loop (LING 574, “Training loop”)"
REGULAR = "the part on regularisation (JHU EN.601.482, hinge loss and λR(W))"


@dataclass(frozen=True)
class Mistake:
    """One kind of mistake.

    Parameters
    ----------
    number : int
        Its number in the course's list of mistakes; 0 where it has none.
    name : str
        A few words, for tables and for naming several at once.
    kind : str
        What it looks like: one or two sentences to the student.
    question : str
        Something to think about.
    reread : str
        Where it is explained.
    general : bool
        Whether a more specific mistake is named instead when both explain the values.
    """

    number: int
    name: str
    kind: str
    question: str
    reread: str
    general: bool = False


CATALOGUE: dict[str, Mistake] = {
    # --- the chain rule ---------------------------------------------------------------------
    "upstream": Mistake(
        1,
        "upstream factor forgotten",
        "This looks like the right local derivative without the upstream gradient.",
        "Which argument of your function tells how the final number L reacts to this output?",
        UPSTREAM,
    ),
    "passed": Mistake(
        2,
        "upstream passed straight through",
        "This is the upstream gradient itself: the local derivative is missing.",
        "By how much does the output move when this input moves a little?",
        LOCAL,
    ),
    "twice": Mistake(
        3,
        "upstream multiplied twice",
        "This looks like the right gradient with the upstream factor in it twice.",
        "How often does the upstream gradient enter along one path?",
        UPSTREAM,
    ),
    "ignores": Mistake(
        1,
        "upstream gradient not used",
        "Your gradient stays the same whatever the upstream gradient is.",
        "If the final number L reacted twice as strongly to this output, what would change?",
        UPSTREAM,
        general=True,
    ),
    "zero": Mistake(
        0,
        "gradient zero",
        "Your gradient is 0 everywhere, but the output does depend on this input.",
        "What happens to the output when you move this input a little?",
        LOCAL,
    ),
    "sign": Mistake(
        14,
        "wrong sign",
        "This is the right gradient with the opposite sign.",
        "Does the output grow or shrink when this input grows?",
        LOCAL,
    ),
    "swapped": Mistake(
        12,
        "gradients in the wrong order",
        "The two gradients are right, but they come back in each other's place.",
        "In which order did forward take its inputs?",
        API,
    ),
    "own": Mistake(
        13,
        "own operand instead of the other one",
        "The upstream meets the value of the input itself, and not of the other one.",
        "When only one input moves, which value decides how much the output moves?",
        LOCAL,
    ),
    "double": Mistake(
        15,
        "twice too large",
        "This is exactly twice the right gradient.",
        "Where does a factor 2 come from in your rule, and is it in the function too?",
        LOCAL,
    ),
    "half": Mistake(
        15,
        "a factor 2 missing",
        "This is exactly half of the right gradient.",
        "How many equal contributions does this input make?",
        LOCAL,
    ),
    "value": Mistake(
        33,
        "value instead of derivative",
        "The upstream meets the output's value where the derivative belongs.",
        "What is the difference between how large the output is and how fast it changes?",
        LOCAL,
        general=True,
    ),
    "point": Mistake(
        25,
        "derivative at the wrong point",
        "This is the right derivative taken at the output's value instead of at the input's.",
        "What exactly did forward save in ctx: the input or the output?",
        API,
        general=True,
    ),
    "variable": Mistake(
        17,
        "derivative formula with the wrong variable",
        "The form of the derivative is right, but it is fed with the wrong variable.",
        "Is your formula written in terms of the input or of the output, and which one is in ctx?",
        LOCAL,
    ),
    "factor": Mistake(
        17,
        "one factor of the derivative missing",
        "One part of the derivative is there and another one is missing.",
        "Derive the function once more on paper: how many factors does the result have?",
        LOCAL,
    ),
    "square": Mistake(
        17,
        "a square missing in the derivative",
        "The derivative has almost the right form: a square is missing in it.",
        "Derive the function once more on paper: which exponents does the result have?",
        LOCAL,
    ),
    "exponent": Mistake(
        15,
        "the factor from the exponent is missing",
        "The power is right, but the factor in front of it is missing.",
        "What comes down in front when a power is derived?",
        LOCAL,
    ),
    "lowered": Mistake(
        15,
        "the exponent was not lowered",
        "The factor in front is right, but the exponent is still the old one.",
        "What happens to the exponent when a power is derived?",
        LOCAL,
    ),
    "inner": Mistake(
        33,
        "derivative of the outer step at the wrong point",
        "The outer step is derived at another value than the one that goes into it.",
        "Which value goes into the outer step: that of the variable, or what the inner step made "
        "of it?",
        LOCAL,
    ),
    "other_function": Mistake(
        17,
        "the derivative of a related function",
        "This is the derivative of another function, which looks much like this one.",
        "For which function did you learn this derivative by heart?",
        LOCAL,
    ),
    "fixed": Mistake(
        34,
        "written for one example only",
        "Your rule is right for one value of the constant, and uses it for all others, too.",
        "Which numbers in your rule come from an example, and should come from ctx?",
        LOCAL,
    ),
    "masked_value": Mistake(
        33,
        "the value itself beside the mask",
        "The mask is right, but the value of the input enters your gradient, too.",
        "Where this input is the larger one: by how much does the output move when it moves a "
        "little?",
        LOCAL,
    ),
    # --- shapes, sums and means ----------------------------------------------------------------
    "unsummed": Mistake(
        7,
        "not summed over the broadcast axes",
        "This gradient still has the output's shape: the copies of this input were not added up.",
        "This input was used in several places of the output. What happens to its gradients?",
        SHAPES,
    ),
    "one_copy": Mistake(
        7,
        "only one of the copies counted",
        "Only one row of the upstream gradient arrives at this input; the others are lost.",
        "In how many rows of the output was each entry of this input used?",
        SHAPES,
    ),
    "axis": Mistake(
        7,
        "the wrong axis",
        "The upstream gradient meets the wrong axis.",
        "Write the shapes of the input, the output and the upstream gradient beside each other. "
        "Which axis is missing?",
        SHAPES,
    ),
    "averaged": Mistake(
        8,
        "averaged instead of summed",
        "This is the right gradient divided by a number of entries: a mean where a sum belongs.",
        "Does the forward rule divide by anything?",
        LOCAL,
    ),
    "unaveraged": Mistake(
        9,
        "the division by the number of rows is missing",
        "This is the right gradient times a number of entries: a 1/N is missing (or a factor N "
        "too many).",
        "Does the forward rule take a sum or a mean?",
        LOCAL,
    ),
    "transposed": Mistake(
        10,
        "transposed",
        "This is the right gradient, transposed.",
        "Which shape must the gradient of this input have?",
        SHAPES,
    ),
    "product": Mistake(
        11,
        "* and @ confused, or factors that do not fit",
        "The shapes do not fit the kind of product you use: * multiplies entry by entry, @ is the "
        "matrix product, and for @ the inner sizes must agree.",
        "Write the shapes of the upstream gradient and of both inputs beside each other. Which "
        "product of two of them has the shape you need?",
        SHAPES,
    ),
    "shape": Mistake(
        26,
        "wrong shape",
        "The numbers may be right, but a gradient always has exactly the shape of its input.",
        "Print the shapes of the input and of your gradient. Where do they part?",
        SHAPES,
        general=True,
    ),
    "truncated": Mistake(
        27,
        "rounded to integers",
        "Your gradient lost its digits after the point: somewhere an integer array was filled.",
        "Which type do the entries of the array have that you write into?",
        SHAPES,
    ),
    "forward_value": Mistake(
        0,
        "another value from forward",
        "Forward computes another function than the one in the question.",
        "Work the smallest case out on paper: which step does your forward rule leave out, or take "
        "too much?",
        "the question of this exercise: what forward returns",
    ),
    # --- what a rule returns --------------------------------------------------------------------
    "tuple": Mistake(
        28,
        "one gradient instead of a tuple",
        "A rule returns a tuple with one gradient per input, also when there is only one input.",
        "How does Python write a tuple with a single entry?",
        API,
    ),
    "count": Mistake(
        28,
        "wrong number of gradients",
        "A rule returns as many gradients as forward has inputs. Constants have no gradient.",
        "Which arguments of forward are inputs, and which are constants?",
        API,
    ),
    "none": Mistake(
        28,
        "nothing returned",
        "Your rule returned None where a gradient is needed.",
        "Does every way through your function end in a return with all gradients?",
        API,
    ),
    "mask": Mistake(
        1,
        "a mask returned instead of a gradient",
        "You returned True and False: the mask still has to meet the upstream gradient.",
        "What should happen to the upstream gradient where the mask is True, and where it is "
        "False?",
        UPSTREAM,
    ),
    "ctx": Mistake(
        25,
        "ctx does not hold what the rule takes out of it",
        "Your rule takes another number of things out of ctx than forward put in.",
        "What does forward save in ctx, and in which order?",
        API,
    ),
    "returned_nothing": Mistake(
        28,
        "nothing returned",
        "Your function computes something, but gives nothing back.",
        "Does every way through your function end in a return, with the result behind it?",
        "the question of this exercise: what is to be returned",
    ),
    "returned_tensor": Mistake(
        28,
        "a tensor returned where a number is asked for",
        "You return the tensor itself, with its whole graph; a plain number was asked for.",
        "What does .item() of a tensor of shape () give?",
        LOOP,
    ),
    "returned_number": Mistake(
        28,
        "a number returned where a tensor is asked for",
        "A plain number remembers nothing of how it was computed: no gradient can flow back.",
        "Where on the way did your tensors become numbers: did you take .value or .item()?",
        REGULAR,
    ),
    "scalars_only": Mistake(
        34,
        "works for single numbers only",
        "Your rule works for single numbers only. In an array, each entry must decide for itself.",
        "What does a comparison of two arrays give, and how can every entry use its own answer?",
        SHAPES,
    ),
    "arrays_only": Mistake(
        35,
        "plain numbers not handled",
        "Your rule works for arrays only: a single number has no length and no entries.",
        "Which line counts entries or takes some out, and does it have to?",
        SHAPES,
    ),
    "ctx_order": Mistake(
        25,
        "ctx unpacked in the wrong order",
        "What your rule takes out of ctx has changed places.",
        "In which order does forward save, and in which order do you take it out?",
        API,
    ),
    # --- special operations ---------------------------------------------------------------------
    "upstream_mask": Mistake(
        18,
        "mask taken from the upstream gradient",
        "Entries are dropped where the upstream gradient is negative, not where the input is.",
        "Which value decided on the way forward whether the entry passes: can backward still see "
        "it?",
        LOCAL,
    ),
    "inverted": Mistake(
        18,
        "the mask is the wrong way round",
        "The gradient goes exactly where it should not go.",
        "Take one positive and one negative number: through which of them does a change pass?",
        LOCAL,
    ),
    "tie_both": Mistake(
        19,
        "at a tie the gradient goes to both",
        "Where the inputs are equal, both get the whole upstream gradient: together too much.",
        "When both inputs are equal and both move by ε, by how much does the output move?",
        LOCAL,
    ),
    "tie_none": Mistake(
        19,
        "at a tie the gradient goes to nobody",
        "Where the inputs are equal, no input gets anything: the gradient is lost.",
        "When both inputs are equal and both move by ε, by how much does the output move?",
        LOCAL,
    ),
    "diagonal": Mistake(
        20,
        "only the diagonal of the softmax derivative",
        "Each probability is treated as if it depended on its own score only.",
        "When one score grows, what happens to the probabilities of the others?",
        LOCAL,
    ),
    "label": Mistake(
        21,
        "the label's own share is missing",
        "The column of the right label is treated like all others.",
        "In which ways does the score of the right label enter the loss?",
        LOCAL,
    ),
    "label_only": Mistake(
        21,
        "only the label's column gets a gradient",
        "The columns of the other classes get nothing.",
        "What happens to the loss when the score of a wrong class grows?",
        LOCAL,
    ),
    "label_twice": Mistake(
        21,
        "the label's own share counted twice",
        "In the label's column, its own share counts twice.",
        "How much does the label's own score add to the loss, and how often did you count it?",
        LOCAL,
    ),
    "label_everywhere": Mistake(
        21,
        "the label's share in every column",
        "Every column is treated as if it were the column of the right label.",
        "How many columns of a row belong to its label?",
        LOCAL,
    ),
    "rows_columns": Mistake(
        21,
        "the labels do not choose one entry in each row",
        "The labels are used as numbers of rows, or for all rows at once.",
        "Rows and columns: which index chooses the row, and which one the column?",
        SHAPES,
    ),
    "label_count": Mistake(
        21,
        "the label's column counts too little",
        "The label's column gets one share per row, whatever the other columns do.",
        "In how many of the summands of its row does the label's score occur?",
        LOCAL,
    ),
    "margins": Mistake(
        33,
        "the margins themselves instead of their derivative",
        "The size of each margin enters your gradient; only whether it is active should.",
        "Once a margin is positive, how much does the loss grow when its score grows a little?",
        LOCAL,
    ),
    "softmax_axis": Mistake(
        21,
        "probabilities along the wrong axis",
        "Columns were treated as examples: each row is one example.",
        "Along which axis do the probabilities of one example add up to 1?",
        SHAPES,
    ),
    "repeated": Mistake(
        29,
        "a repeated row keeps only one of its gradients",
        "Rows that are looked up several times keep only the last gradient.",
        "What does NumPy do when the same index occurs twice in an assignment or in +=?",
        BRANCH,
    ),
    "overflow": Mistake(
        32,
        "overflow: nan or inf for large inputs",
        "For large inputs your result, or a number on the way to it, is nan or inf.",
        "Which intermediate result becomes larger than any float, and for which sign of x?",
        "the part on large numbers in the derivation above",
    ),
    # --- side effects ----------------------------------------------------------------------------
    "changed_upstream": Mistake(
        22,
        "grad_output changed in place",
        "Your rule wrote into grad_output. Other nodes may still need that array.",
        "Which line changes an array that your function did not make itself?",
        "the note on changing arrays in place (operators such as *= and a[...] = write into a)",
    ),
    "changed_saved": Mistake(
        23,
        "an input or saved value changed in place",
        "Your rule wrote into an input or into something saved in ctx.",
        "Which line changes an array that your function did not make itself?",
        "the note on changing arrays in place (operators such as *= and a[...] = write into a)",
    ),
    "aliased": Mistake(
        24,
        "an array of somebody else returned",
        "You returned an array that shares its memory with an input or with ctx.",
        "If somebody adds to your gradient in place, what else changes?",
        "the note on changing arrays in place (operators such as *= and a[...] = write into a)",
    ),
    "readonly": Mistake(
        24,
        "write into a read-only view",
        "You wrote into a view (such as np.broadcast_to returns) that cannot be written to.",
        "Where does this array get memory of its own?",
        "the note on changing arrays in place (operators such as *= and a[...] = write into a)",
    ),
    "random": Mistake(
        31,
        "another result at the second call",
        "The same question gets another answer at the second call.",
        "Which variable of yours remembers something from the call before?",
        API,
    ),
    "elsewhere": Mistake(
        34,
        "a name of another cell",
        "Your code uses a name that only exists in another cell, or nowhere.",
        "Would this cell work alone, in a fresh notebook?",
        "the opening of the notebook: how answers are run",
    ),
    # --- whole graphs ----------------------------------------------------------------------------
    "overwritten": Mistake(
        4,
        "overwritten instead of added",
        "Where a value is used twice, only one of the paths arrived: the other was overwritten.",
        "What happens in your code when a second message reaches the same node?",
        BRANCH,
    ),
    "accumulated": Mistake(
        5,
        "old gradients were not cleared",
        "The gradient of an earlier pass is still in there.",
        "What does backward do with the gradients that the parameters already have?",
        LOOP,
    ),
    "order": Mistake(
        6,
        "a node visited before all its consumers",
        "A node passed its gradient on before all messages had reached it.",
        "When is a node's gradient complete, and in which order must you visit the nodes?",
        ORDER,
    ),
    "left_out": Mistake(
        0,
        "a node without a place",
        "Every node needs a place for its gradient, also those that the output does not need.",
        "Which gradient has a node that no message ever reaches?",
        ORDER,
    ),
    "mixed_locals": Mistake(
        12,
        "local derivatives given to the wrong parents",
        "The local derivatives are right, but each one goes to another parent than its own.",
        "To which of the parents does the first local derivative in the list belong?",
        ORDER,
    ),
    "consumers": Mistake(
        0,
        "gradients flow the wrong way",
        "This looks like derivatives of the nodes with respect to an input: the other direction.",
        "Which node has the gradient 1 at the beginning?",
        ORDER,
    ),
    # --- numeric gradients ------------------------------------------------------------------------
    "forward_difference": Mistake(
        30,
        "forward instead of central difference",
        "The error shrinks only as fast as h: this is a one-sided difference.",
        "Is the point x itself one of the two points where you evaluate f?",
        NUMERIC,
    ),
    "half_step": Mistake(
        30,
        "divided by the wrong width",
        "Your slope is a constant factor off: the two points are not as far apart as you divide "
        "by.",
        "How far is the right point from the left one?",
        NUMERIC,
    ),
    "precedence": Mistake(
        30,
        "brackets around the divisor missing",
        "The slope is multiplied with h where it should be divided by it.",
        "In which order does Python evaluate a / b * c?",
        NUMERIC,
    ),
    "restored": Mistake(
        30,
        "x not restored",
        "After the call x holds other numbers than before, or entries were moved together.",
        "What must hold for the other entries while you move one of them?",
        NUMERIC,
    ),
    "tiny_step": Mistake(
        30,
        "a step of your own, too small or too large",
        "The result has noise that the step h given to you would not have.",
        "Which step does your function use: the argument h, or a number of its own?",
        NUMERIC,
    ),
    # --- training ---------------------------------------------------------------------------------
    "unregularised": Mistake(
        16,
        "regularisation term missing",
        "The hinge loss is right; the regularisation term is missing.",
        "Which second term does the loss have, and what multiplies it?",
        REGULAR,
    ),
    "regularised_twice": Mistake(
        16,
        "regularisation term doubled",
        "The regularisation term is twice as large as asked for.",
        "Is there a 2 in your regularisation term, and is there one in the question?",
        REGULAR,
    ),
    "regularised_half": Mistake(
        16,
        "regularisation term halved",
        "The regularisation term is half as large as asked for.",
        "Is there a ½ in your regularisation term, and is there one in the question?",
        REGULAR,
    ),
    "regularised_other": Mistake(
        16,
        "another regularisation term",
        "The hinge loss is right; the regularisation term is another one than asked for.",
        "What does R(W) add up, entry by entry, and what is it multiplied with?",
        REGULAR,
    ),
    "detached": Mistake(
        0,
        "computed beside the graph",
        "The value is right, but it is not connected with W: no gradient can flow back.",
        "Did you compute with tensors all the way, or with their values?",
        REGULAR,
    ),
    "term_detached": Mistake(
        16,
        "the term with λ stands beside the graph",
        "The value is right, but the term with λ does not hang on W in the graph: going back, W "
        "would never hear of it.",
        "On the way from W to this term: did you take .value, or let NumPy compute with it?",
        REGULAR,
    ),
    "scores_detached": Mistake(
        0,
        "the scores stand beside the graph",
        "The value is right, but the hinge loss does not hang on W in the graph: going back, W "
        "would never hear of it.",
        "On the way from W to the scores: did you take .value, or let NumPy compute with it?",
        REGULAR,
    ),
    "loss_after": Mistake(
        0,
        "loss after the step",
        "You return the loss after the step; the loss before the step was asked for.",
        "At which moment was the loss computed whose gradient you followed?",
        LOOP,
    ),
    "no_step": Mistake(
        0,
        "parameters did not move",
        "The parameters did not move: step is missing, or there was no gradient when it came.",
        "In which order do the five lines of the loop stand?",
        LOOP,
    ),
    "wrong_direction": Mistake(
        14,
        "parameters moved uphill",
        "The parameters moved along the gradient instead of against it.",
        "Does the loss grow or fall after your step?",
        LOOP,
    ),
    "many_steps": Mistake(
        5,
        "more than one step",
        "The parameters moved farther than one step goes.",
        "How often do you call backward and step in one call of your function?",
        LOOP,
    ),
}


# Mistakes that lead to the same values: what is said of them together, and what is asked.
TOGETHER: dict[frozenset[str], tuple[str, str]] = {
    frozenset({"swapped", "own"}): (
        "Each input got what belongs to the other one: the two gradients stand in each other's "
        "place, or (for a product this is the same) each was made with the input's own value.",
        "When only the first input moves, which value decides how much the output moves, and in "
        "which place of the tuple does that belong?",
    ),
}


def names_of(keys: Iterable[str]) -> list[Mistake]:
    """Return the mistakes called `keys`, without the general ones if a specific one is there."""
    found = [CATALOGUE[key] for key in dict.fromkeys(keys) if key in CATALOGUE]
    return [one for one in found if not one.general] or found


# --- from errors and flags ---------------------------------------------------------------------

# Parts of messages, most specific first: Python's and NumPy's own words, and the contract's.
FROM_ERRORS: tuple[tuple[str, str], ...] = (
    ("truth value of an array", "scalars_only"),
    ("got nothing (None)", "returned_nothing"),
    ("must return a scalar Tensor", "returned_number"),
    ("numpy.float64' object does not support item assignment", "arrays_only"),
    ("numpy.float64' has no len()", "arrays_only"),
    ("numpy.float64' object is not iterable", "arrays_only"),
    ("len() of unsized object", "arrays_only"),
    ("invalid index to scalar variable", "arrays_only"),
    ("array is 0-dimensional", "arrays_only"),
    ("list index out of range", "ctx"),
    ("values to unpack", "ctx"),
    ("read-only", "readonly"),
    ("NameError", "elsewhere"),
    ("UnboundLocalError", "elsewhere"),
    ("matmul: Input operand", "product"),
    ("not aligned", "product"),
    ("the backward rule returned None", "none"),
    ("is None, but this input needs a gradient", "none"),
    ("instead of a tuple", "tuple"),
    ("one per input. Return them in the order", "count"),
    ("dtype bool", "mask"),
    ("inf or nan", "overflow"),
    ("OverflowError", "overflow"),
    ("A gradient always has the shape of its value", "shape"),
)

# The same words mean something special where rows and labels, or names of nodes, are indices.
FROM_ERRORS_OF: dict[str, tuple[tuple[str, str], ...]] = {
    "softmax_cross_entropy": (("out of bounds for axis", "rows_columns"),),
    "hinge": (("out of bounds for axis", "rows_columns"),),
    "backpropagate": (("KeyError", "left_out"),),
    "numeric_gradient": (("tuple index out of range", "arrays_only"),),
}

FROM_FLAGS: tuple[tuple[str, str], ...] = (
    ("changed_grad_output", "changed_upstream"),
    ("changed_inputs", "changed_saved"),
    ("changed_ctx", "changed_saved"),
    ("second_call_differs", "random"),
    ("shares_memory", "aliased"),
)


def from_error(message: str, exercise: str) -> tuple[str, ...]:
    """Return the mistake an error message tells of, if it tells of one."""
    for part, key in (*FROM_ERRORS_OF.get(exercise, ()), *FROM_ERRORS):
        if part in message:
            return (key,)
    if "broadcast" in message and "non-broadcastable output" not in message:
        # The same words from NumPy mean different things in different rules.
        products = ("matmul", "norm_squared", "regularised_hinge")
        return ("product" if exercise in products else "axis",)
    return ()


def from_flags(flags: Iterable[str]) -> tuple[str, ...]:
    """Return the mistake behind the flags: a change in place explains the flags after it."""
    raised = set(flags)
    return tuple(key for flag, key in FROM_FLAGS if flag in raised)[:1]
