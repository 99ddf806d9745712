"""What becomes of rate, latency and memory while services are stored and the journal is full."""

from __future__ import annotations

import math
from collections.abc import Iterator

from benchmarks import events, servers
from benchmarks.figures import Figure
from benchmarks.load import Load, Measured, measured
from benchmarks.options import Options
from benchmarks.quiet import watched

_JOURNAL = 10_000
"""How many calls the journal keeps by default."""
_QUERIES = 40_000
_WARMUP = 0.5


def flat(options: Options) -> Iterator[Figure]:
    """Fill a server with services, and compare its last seconds with its first."""
    if "flat" not in options.only:
        return
    with servers.mockcs() as server:
        measured(Load(server.address, events.starts, 201, count=_JOURNAL))
        yield _growth(server)
        before = server.resident
        yield Figure("resident, empty", before / 1e6, "MB")
        load = Load(server.address, events.starts, 201, 16, options.fill_seconds, _WARMUP, count=options.services)
        found, others = watched(server, load)
        stored = found.answered
        yield from _ends(found, options.seconds)
        yield Figure("services stored", stored, "", others=others)
        yield Figure("resident, filled", server.resident / 1e6, "MB")
        yield Figure("a stored service", (server.resident - before) / stored - events.start_size(), "B")


def _growth(server: servers.Running) -> Figure:
    # Queries leave no state, so what grows by them is the journal. Until it holds nothing else it may grow.
    measured(Load(server.address, events.queries, 200, count=2 * _JOURNAL))
    before = server.resident
    measured(Load(server.address, events.queries, 200, count=_QUERIES))
    return Figure("growth, journal full", (server.resident - before) / 1e6, "MB")


def _ends(found: Measured, seconds: float) -> Iterator[Figure]:
    width = min(seconds, found.seconds / 2)
    first, last = found.between(0, width), found.between(found.seconds - width, math.inf)
    for name, part in (("flat: first seconds", first), ("flat: last seconds", last)):
        yield Figure(name, len(part.latencies) / width, "/s", part.percentile(50), part.percentile(99))
    yield Figure("flat: rate kept", len(last.latencies) / len(first.latencies), "")
    yield Figure("flat: p99 grown", last.percentile(99) / first.percentile(99), "")
