"""Where people look instead of reading: ``from course_autograd import plot``.

Every function returns a picture that a notebook shows, with a description made from the numbers
in it; or draws in the axes it is given, and ``plot.description(ax)`` says what is there.
"""

from course_autograd.pictures.curves import learning_curves
from course_autograd.pictures.described import description
from course_autograd.pictures.matrix import jacobian
from course_autograd.pictures.regions import decision_curve, decision_regions
from course_autograd.pictures.step_sizes import gradient_check

__all__ = [
    "decision_curve",
    "decision_regions",
    "description",
    "gradient_check",
    "jacobian",
    "learning_curves",
]
