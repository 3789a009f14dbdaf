"""What right results rule out, worked out when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping


class RuledOut(Mapping[str, tuple[str, ...]]):
    """For each result, the mistakes that its values rule out.

    They are only asked for where another result is wrong: trying every mistake takes longer than
    all the rest of judging a right answer.

    Parameters
    ----------
    mistakes : mapping of str to callable
        Name of a result -> works out the mistakes.
    """

    def __init__(self, mistakes: Mapping[str, Callable[[], tuple[str, ...]]]) -> None:
        self._mistakes = mistakes
        self._known: dict[str, tuple[str, ...]] = {}

    def __getitem__(self, result: str) -> tuple[str, ...]:
        if result not in self._known:
            self._known[result] = self._mistakes[result]()
        return self._known[result]

    def __iter__(self) -> Iterator[str]:
        return iter(self._mistakes)

    def __len__(self) -> int:
        return len(self._mistakes)
