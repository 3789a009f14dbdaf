"""Pictures of computation graphs, and of what is learnt."""

from course_autograd.pictures.compare import Compared, compare
from course_autograd.pictures.draw import Drawing, draw
from course_autograd.pictures.show import Picture, show

__all__ = ["Compared", "Drawing", "Picture", "compare", "draw", "show"]
