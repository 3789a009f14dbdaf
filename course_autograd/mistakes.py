"""The catalogue of mistakes: what each is called, and four steps of a hint.

A hint goes from *where* (the report knows) over *what kind* and *a question* to *what to reread*.
No text here may contain a formula: naming a mistake is help, repairing it is the exercise.

How a mistake is recognised stands elsewhere: from values in `course_autograd.exercises.hypotheses`,
from errors and flags in `course_autograd.symptoms`.
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
        "its own value instead of the other value",
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
    "unfilled": Mistake(
        2,
        "not spread over the shape of the input",
        "The upstream gradient is handed on as it came, but it has to fill the shape of x.",
        "Into how many entries of x does each number of the upstream gradient flow back?",
        SHAPES,
    ),
    "keepdims": Mistake(
        7,
        "keepdims not regarded",
        "With keepdims the summed axis is already there, with size 1, and you add one more.",
        "Which shape does grad_output have with keepdims, and which without?",
        SHAPES,
    ),
    "axis_kinds": Mistake(
        7,
        "one of the kinds of axis not regarded",
        "axis may be None (the sum of everything), one number, or several.",
        "What does your rule do for each of the three?",
        SHAPES,
    ),
    "vectors": Mistake(
        11,
        "a vector treated like a matrix",
        "Matrices are right, vectors are not: on the right of @ a vector is one "
        "column, on the left it is one row.",
        "Which shape would the vector have as a matrix, and which shape has grad_output then?",
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
    "not_scalar": Mistake(
        26,
        "an array where one number is asked for",
        "The loss must be one number, of shape (); yours still has axes.",
        "Which operation adds up all entries of an array?",
        REGULAR,
    ),
    "positive_only": Mistake(
        32,
        "right for positive inputs only",
        "Your forward rule is right for inputs ≥ 0 only: below 0 it gives the value at the "
        "opposite number.",
        "What is the right value for a large negative input, and what is yours?",
        "the part on large numbers in the derivation above",
    ),
    "sum_of_squares": Mistake(
        0,
        "not the sum of the squares",
        "forward should return the sum of the squares, one number.",
        "Which last step is missing, or too much: a square, a sum, a root?",
        "the question of this exercise: what forward returns",
    ),
    "brackets": Mistake(
        0,
        "brackets missing",
        "The parts are right, but they are not put together as you meant.",
        "Brackets: in which order does Python compute this line?",
        LOCAL,
    ),
    "cancelled": Mistake(
        17,
        "the input cancels or is missing",
        "The value of the input does not occur in your result: it is missing, or it cancels.",
        "Brackets: in which order does Python compute a / b * c?",
        LOCAL,
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
    "second": Mistake(
        28,
        "one gradient for two inputs",
        "This operation has two inputs, but your rule returns one thing instead of a tuple with "
        "two gradients.",
        "Where is the gradient of the second input?",
        API,
    ),
    "signature": Mistake(
        28,
        "other arguments than asked for",
        "Your function takes other arguments than it is given. Keep its first line as it was.",
        "Which arguments stood in the first line of the function in the notebook?",
        API,
    ),
    "constants": Mistake(
        28,
        "a constant not passed by name",
        "Constants, such as labels, an axis or an exponent, are passed by name.",
        "Which arguments of this operation are tensors, and which are constants with a name?",
        "a cell above in which this operation is called",
    ),
    "append": Mistake(
        25,
        "several things in one append",
        "append takes one thing at a time.",
        "Which method of a list adds several things, or how often do you need append?",
        API,
    ),
    "ctx_whole": Mistake(
        25,
        "ctx itself instead of what is in it",
        "You compute with ctx itself. ctx is a list, also when it holds one thing only.",
        "How do you take an entry out of a list?",
        API,
    ),
    "foreign_tensor": Mistake(
        34,
        "a tensor where an array is expected",
        "A rule works with plain arrays, but there is a Tensor in your result.",
        "Which name in your rule did not come out of ctx? Is it a name from another cell?",
        "the opening of the notebook: how answers are run",
    ),
    "math_module": Mistake(
        34,
        "math instead of NumPy",
        "The functions of math work for one number, and stop at an array or at a large number.",
        "Which function of NumPy does the same for arrays?",
        SHAPES,
    ),
    "returned_none": Mistake(
        0,
        "a method that changes a list and returns None",
        "list.reverse() and list.sort() change the list and return None. The list you were given "
        "is changed, too.",
        "Which function of Python goes through a list backwards and leaves it as it is?",
        ORDER,
    ),
    "returned_nothing": Mistake(
        28,
        "nothing returned",
        "There is no return, or nothing behind it: your function computes something, but gives "
        "nothing back.",
        "Which name in your function holds the result, and in which line is it returned?",
        "the question of this exercise: what is to be returned",
    ),
    "returned_tensor": Mistake(
        28,
        "a tensor returned where a number is asked for",
        "You return the tensor itself, with its whole graph; a plain number was asked for.",
        "Which method of a tensor gives its number as a float?",
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
        "This works for single numbers only: `if` and `max` (also `and`, `or`) decide once for the "
        "whole array.",
        "How can each entry decide for itself?",
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
        "You subtract from every column, as if each were the column of the right label.",
        "How many entries of a row belong to its label?",
        LOCAL,
    ),
    "rows_columns": Mistake(
        21,
        "the labels do not choose one entry in each row",
        "The labels are used as numbers of rows: they are numbers of columns.",
        "Rows and columns: which index chooses the row, and which one the column?",
        SHAPES,
    ),
    "whole_columns": Mistake(
        21,
        "whole columns changed",
        "This changes whole columns: each label chooses its column in all rows.",
        "How do you choose one entry in each row: which index goes with which label?",
        SHAPES,
    ),
    "own_column": Mistake(
        21,
        "the label's own column is counted",
        "You also count entries where 0 is stored: the label's own column, and margins that are "
        "not active.",
        "What does the stored 0 in the label's column stand for?",
        LOCAL,
    ),
    "bool_array": Mistake(
        27,
        "numbers put into an array of bools",
        "A bool array cannot hold −2, nor any other count: it makes True of it.",
        "Which dtype must an array have that is to hold counts?",
        SHAPES,
    ),
    "all_rows": Mistake(
        21,
        "counted over all rows",
        "Your count goes over the whole minibatch. Count per row.",
        "Along which axis must you count, so that each row gets its own number?",
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
        "Which intermediate result becomes larger than any float, and for which sign of the input?",
        "the part on large numbers in the derivation above",
    ),
    # --- side effects ----------------------------------------------------------------------------
    "changed_upstream": Mistake(
        22,
        "grad_output changed in place",
        "Your rule overwrites grad_output: what comes after works with another number, and other "
        "nodes may still need that array.",
        "Which line changes an array that your function did not make itself?",
        "the note on changing arrays in place (operators such as *= and a[...] = write into a)",
    ),
    "not_yours": Mistake(
        22,
        "written into an array that is not yours",
        "You write into an array that is not yours; for a single number this is not even possible.",
        "How do you make a new array instead?",
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
        "Every node needs a place for its gradient before the walk begins, also those that the "
        "output does not need.",
        "Step 1 of the list above the exercise: which number does every node get?",
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
    # --- numbers by hand --------------------------------------------------------------------------
    "quotes": Mistake(
        0,
        "a number in quotes",
        "A number in quotes is a text.",
        "How does Python tell a number from a text?",
        "the first lines of this exercise",
    ),
    "one_side": Mistake(
        17,
        "not all pairs counted",
        "A Jacobian has one entry for each pair of an output and an input.",
        "How many outputs are there, times how many inputs?",
        SHAPES,
    ),
    "gigabytes": Mistake(
        0,
        "GB for GiB",
        "These are gigabytes (GB), not gibibytes (GiB).",
        "GB (10⁹ bytes) or GiB (2³⁰ bytes)?",
        SHAPES,
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
    "loss_swapped": Mistake(
        0,
        "the arguments of loss in the wrong order",
        "The loss gets the scores first, then y.",
        "What do you give to loss, and in which order?",
        LOOP,
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


# A mistake on the left is a special case of the one on the right: only the left one is named.
NARROWER: dict[str, str] = {
    "unfilled": "passed",
    "keepdims": "axis",
    "axis_kinds": "axis",
    "vectors": "product",
}


def names_of(keys: Iterable[str]) -> list[Mistake]:
    """Return the mistakes called `keys`, without the general ones if a specific one is there."""
    named = dict.fromkeys(keys)
    wider = {NARROWER[key] for key in named if key in NARROWER}
    found = [CATALOGUE[key] for key in named if key in CATALOGUE and key not in wider]
    return [one for one in found if not one.general] or found
