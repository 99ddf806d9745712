"""A space's time, in milliseconds since 1970, and how the API writes it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = 86_400_000
"""The milliseconds of a day."""
BEGINNING, END = -62_135_596_800_000, 253_402_300_799_999
"""The first millisecond of the year 1 and the last one of the year 9999; a clock that runs on stands still there."""


class Clock:
    """The time of one space: the machine's, set off from it, or frozen."""

    __slots__ = ("_frozen", "_offset", "began")

    def __init__(self) -> None:
        self._offset = 0
        self._frozen: int | None = None
        self.began = self.now()
        """When it was last set, or made: what a server with this time shows as its start."""

    def now(self) -> int:
        """Milliseconds since 1970, UTC."""
        now = time.time_ns() // 1_000_000 + self._offset if self._frozen is None else self._frozen
        return now if now < END else END  # noqa: FURB136 - min() takes four times as long

    @property
    def frozen(self) -> bool:
        """Whether it stands still."""
        return self._frozen is not None

    def set(self, now: int, *, frozen: bool) -> None:
        """Begin anew at that time, and stand still or run on from there."""
        self.began = now
        self._go_on(now, frozen=frozen)

    def hold(self, *, frozen: bool) -> None:
        """Stand still, or run on."""
        self._go_on(self.now(), frozen=frozen)

    def advance(self, milliseconds: int) -> None:
        """Put it forward."""
        self._go_on(self.now() + milliseconds, frozen=self.frozen)

    def _go_on(self, now: int, *, frozen: bool) -> None:
        self._frozen = now if frozen else None
        self._offset = now - time.time_ns() // 1_000_000


def text_of(milliseconds: int) -> str:
    """The instant as the API writes it: `2009-05-12T12:05:12.145Z` (Start Service, 8.5.1)."""
    second, rest = divmod(milliseconds, 1000)
    return f"{_second_of(second)}.{rest:03d}Z"


@lru_cache(maxsize=16)
def _second_of(second: int) -> str:
    return (_EPOCH + timedelta(seconds=second)).isoformat().removesuffix("+00:00")


def milliseconds_of(text: str) -> int:
    """The milliseconds since 1970 of a checked `date/time` text."""
    instant = datetime.fromisoformat(text)
    return (instant - _EPOCH) // timedelta(milliseconds=1)
