"""Any figure with a description in words: ``show(figure, "what is to be seen")``."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING

from course_autograd.errors import CourseError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PIXELS = 110  # per inch


class Picture:
    """A matplotlib figure as an image with a text for those who do not see it.

    Attributes
    ----------
    alt : str
        What is in the picture.
    png : bytes
        The image.
    """

    def __init__(self, figure: Figure, alt: str) -> None:
        if not alt.strip():
            raise CourseError(
                "show: expected a description of the picture, got an empty text. Say in a sentence "
                "what is to be seen: show(figure, 'The loss falls from 2.3 to 0.1.')."
            )
        from matplotlib import pyplot  # slow to import

        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=PIXELS, bbox_inches="tight")
        pyplot.close(figure)  # or the notebook shows it a second time, without a description
        self.alt, self.png = alt, file.getvalue()

    def _repr_html_(self) -> str:
        picture = base64.b64encode(self.png).decode("ascii")
        return (
            f'<img src="data:image/png;base64,{picture}" alt="{escape(self.alt)}" '
            'style="max-width: 100%; height: auto">'
        )

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": self.alt}

    def __repr__(self) -> str:
        return self.alt


def show(figure: Figure, alt: str) -> None:
    """Show a matplotlib figure in a notebook, with a description in words.

    The description becomes the image's alt text, which exported pages keep, and stands in for the
    picture where only text can be shown. The figure is closed.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure, finished.
    alt : str
        What is to be seen, with its numbers.

    Raises
    ------
    CourseError
        If the description is empty.
    """
    from IPython.display import display  # only notebooks have it

    display(Picture(figure, alt))  # type: ignore[no-untyped-call]
