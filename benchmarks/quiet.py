"""A load on a server, with an eye on what else the machine was doing."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from time import perf_counter, process_time

from benchmarks.load import Load, Measured, measured
from benchmarks.machine import busy_seconds
from benchmarks.servers import Running


@dataclass(frozen=True, slots=True)
class _Spent:
    wall: float
    everybody: float
    ours: float


def watched(server: Running, load: Load) -> tuple[Measured, float]:
    """What the load has met, and the share of the processors that others took meanwhile."""
    before = _spent(server)
    found = measured(load)
    after = _spent(server)
    ours = after.ours - before.ours + found.processor
    others = after.everybody - before.everybody - ours
    return found, max(0.0, others / (after.wall - before.wall) / (os.cpu_count() or 1))


def _spent(server: Running) -> _Spent:
    return _Spent(perf_counter(), busy_seconds(), server.processor + process_time())


def told(shares: Iterable[float | None]) -> str:
    """The largest of the shares, as a sentence; nothing when none is known."""
    known = [share for share in shares if share is not None]
    return f"Other processes took at most {max(known):.0%} of the processors meanwhile." if known else ""
