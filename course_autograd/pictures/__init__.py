"""Pictures of computation graphs, and of what is learnt."""

from course_autograd.pictures import plot
from course_autograd.pictures.compare import Compared, compare
from course_autograd.pictures.draw import Drawing, draw
from course_autograd.pictures.show import Picture, show
from course_autograd.pictures.step import Stepper, step

__all__ = ["Compared", "Drawing", "Picture", "Stepper", "compare", "draw", "plot", "show", "step"]
