"""Whether operations record the graph, and how often optimizers have stepped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class _Recording:
    """What holds for all graphs.

    Attributes
    ----------
    on : bool
        Whether operations record the graph; see `no_grad`.
    steps : int
        How many steps all optimizers have made.
    """

    __slots__ = ("on", "steps")

    def __init__(self) -> None:
        self.on = True
        self.steps = 0


recording = _Recording()


@contextmanager
def no_grad() -> Iterator[None]:
    """Compute values only: inside this block no graph is built and nothing is saved.

    Examples
    --------
    >>> with no_grad():
    ...     accuracy = evaluate(model)
    """
    before = recording.on
    recording.on = False
    try:
        yield
    finally:
        recording.on = before
