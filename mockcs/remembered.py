"""What follows from the names that a client sends, remembered: most requests bring the same ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

_MOST, _LONGEST = 1024, 2048  # sets of names, and characters of one: clients choose them
_T = TypeVar("_T")


class Remembered(dict[tuple[str, ...], _T]):
    """By names what a function makes of them, made once unless they are very long."""

    def __init__(self, made_of: Callable[[tuple[str, ...]], _T]) -> None:
        super().__init__()
        self._made_of = made_of

    def __missing__(self, names: tuple[str, ...]) -> _T:
        found = self._made_of(names)
        if sum(map(len, names)) <= _LONGEST:
            if len(self) >= _MOST:
                self.clear()
            self[names] = found
        return found
