"""`mockcs serve` under load, beside a bare hello world on the same server."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

from benchmarks import events, servers
from benchmarks.figures import Figure
from benchmarks.load import Load, Measured, measured
from benchmarks.options import Options
from benchmarks.quiet import watched

_WARMUP = 0.5


@dataclass(frozen=True, slots=True)
class _Rate:
    """A load of one kind of request, on a fresh server in which `stored` services stand."""

    kind: str
    name: str
    requests: Callable[[], Iterator[bytes]]
    status: int
    connections: int = 16
    stored: int = 0


_RATES = (
    _Rate("starts", "starts, 16 connections", events.starts, 201),
    _Rate("starts", "starts, 64 connections", events.starts, 201, connections=64),
    _Rate("queries", "queries by id", events.queries, 200, stored=events.QUERIED),
    _Rate("composite", "composite starts", events.composites, 200),
    _Rate("refused", "refused starts", events.refusals, 400),
)


def rates(options: Options) -> Iterator[Figure]:
    """Requests a second, and how long they took; the ratio is to hello with as many connections, in the same run."""
    wanted = [rate for rate in _RATES if rate.kind in options.only]
    hellos = {}
    for connections in sorted({rate.connections for rate in wanted}):
        hellos[connections] = yield from _hello(connections, options.seconds)
    for rate in wanted:
        with servers.mockcs() as server:
            if rate.stored:
                measured(Load(server.address, events.starts, 201, count=rate.stored))
            load = Load(server.address, rate.requests, rate.status, rate.connections, options.seconds, _WARMUP)
            yield _figure(rate.name, watched(server, load), hellos[rate.connections])


def _hello(connections: int, seconds: float) -> Generator[Figure, None, float]:
    with servers.hello() as server:
        found, others = watched(server, Load(server.address, events.starts, 200, connections, seconds, _WARMUP))
    yield _figure(f"hello, {connections} connections", (found, others), found.rate)
    return found.rate


def _figure(name: str, watch: tuple[Measured, float], hello: float) -> Figure:
    found, others = watch
    return Figure(name, found.rate, "/s", found.percentile(50), found.percentile(99), found.rate / hello, others)
