"""Questions to a full journal while services are started."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from time import perf_counter
from typing import Any

from benchmarks import events, servers
from benchmarks.figures import Figure, times
from benchmarks.load import Load, LoadError, measured, under_way
from benchmarks.options import Options

_JOURNAL = 10_000
_RATE = 500
"""Starts a second that go on meanwhile."""
_CALLS = "/__admin/calls"
_QUESTIONS: tuple[tuple[str, str, Any, int], ...] = (
    ("verify by operation", f"{_CALLS}/verify", {"match": {"operation": "start_service", "status": 201}}, 200),
    ("calls by operation", f"{_CALLS}?limit=100&operation=start_service", None, 200),
    ("verify by body", f"{_CALLS}/verify", {"match": {"body": {"service_type": 100, "media_type": 1}}}, 200),
    ("verify that fails", f"{_CALLS}/verify", {"match": {"body": {"service_type": 101}}}, 409),
)


def verdicts(options: Options) -> Iterator[Figure]:
    """How long a verdict over a full journal takes."""
    if "verdicts" not in options.only:
        return
    with servers.mockcs() as server:
        measured(Load(server.address, events.starts, 201, count=_JOURNAL + 1000))
        with under_way(Load(server.address, events.starts, 201, rate=_RATE)) as starts:
            for name, path, document, status in _QUESTIONS:
                yield times(name, _asked(server, path, document, status, options.seconds / 2))
        done = starts.result()
        yield Figure("starts meanwhile", done.rate, "/s", done.percentile(50), done.percentile(99))


def _asked(server: servers.Running, path: str, document: Any, status: int, seconds: float) -> list[float]:
    """The seconds that each answer took, asked one after the other for so long."""
    connection = http.client.HTTPConnection(*server.address)
    body, method = (json.dumps(document), "POST") if document else (None, "GET")
    took: list[float] = []
    end = perf_counter() + seconds
    while not took or perf_counter() < end:
        begun = perf_counter()
        connection.request(method, path, body)
        answer = connection.getresponse()
        answer.read()
        took.append(perf_counter() - begun)
        if answer.status != status:
            raise LoadError(f"{path} should be answered with {status}, not {answer.status}")
    connection.close()
    return took
