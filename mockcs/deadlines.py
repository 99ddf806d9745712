"""Deadlines: when services expire and when idle ones are to be completed, the earliest first."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapify, heappop, heappush

EXPIRE, COMPLETE = 0, 1
_ID_BITS = 64
_WHEN = _ID_BITS + 1  # above the id and the kind


class Deadlines:
    """Times with the service and the kind that each is of; those that do not hold any more are not taken out."""

    __slots__ = ("_heap",)

    def __init__(self, whens: Iterable[tuple[int, int, int]] = ()) -> None:
        self._heap = [_packed(*each) for each in whens]
        heapify(self._heap)

    def __len__(self) -> int:
        return len(self._heap)

    def copy(self) -> Deadlines:
        """The same, to be changed apart."""
        twin = Deadlines()
        twin._heap = list(self._heap)
        return twin

    def add(self, when: int, number: int, kind: int) -> None:
        """Note that at that time the service of that number expires, or is to be completed."""
        heappush(self._heap, _packed(when, number, kind))

    def has_come(self, now: int) -> bool:
        """Whether the earliest of them is over."""
        heap = self._heap
        return bool(heap) and heap[0] >> _WHEN <= now

    def pop(self) -> tuple[int, int, int]:
        """Take the earliest of them out: time, number of the service, kind."""
        rest, kind = divmod(heappop(self._heap), 2)
        return (*divmod(rest, 1 << _ID_BITS), kind)


def _packed(when: int, number: int, kind: int) -> int:
    # One number for time, id and kind: nothing that the collector would have to look at.
    return (when << _WHEN) + (number << 1) + kind
