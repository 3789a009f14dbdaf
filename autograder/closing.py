"""What has to be closed can be used in a ``with`` block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Closing(ABC):
    """Parent of whatever holds processes: closed at the end of a ``with`` block."""

    @abstractmethod
    def close(self) -> None:
        """End what is at work, and remove its traces."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
