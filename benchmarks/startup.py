"""What the mock costs before and beside a test: a start, the plugin, the fixture, the server in the test process."""

from __future__ import annotations

import http.client
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks import events, servers
from benchmarks.figures import Figure, times
from benchmarks.options import Options
from benchmarks.servers import NotStartedError
from mockcs.server import Server

_COLD = 5
_PAIRS = 10
_OTHERS = ("hypothesispytest", "xdist", "xdist.looponfail", "flask")
"""Plugins of this project's tests; they take longer to import than all the rest."""
_TESTS = 200
_STARTS = 500
_TOLD = 1000
_SERVERS = 5
_CONFTEST = """
from pathlib import Path
from time import perf_counter

ends = []

def pytest_runtest_logfinish():
    ends.append(perf_counter())

def pytest_sessionfinish():
    Path("took").write_text(str((ends[-1] - ends[0]) / max(1, len(ends) - 1)))
"""


def cold(options: Options) -> Iterator[Figure]:
    """From the start of `mockcs serve` as a process to its first answer."""
    if "cold" in options.only:
        _first_answer()  # what Python compiles on the very first one is not counted
        yield times("cold start", [_first_answer() for _ in range(_COLD)])


def _first_answer() -> float:
    begun = perf_counter()
    with servers.mockcs() as server:
        _start_service(http.client.HTTPConnection(*server.address))
        return perf_counter() - begun


def plugin(options: Options) -> Iterator[Figure]:
    """What a pytest run of one empty test takes longer because the plugin is installed."""
    if "plugin" not in options.only:
        return
    suite = "def test_nothing():\n    pass\n"
    _pytest(suite)
    differences = []
    for pair in range(_PAIRS):
        # A machine's mood lasts longer than a run, so runs are compared in pairs, and neither is always the first.
        kinds: list[tuple[str, ...]] = [(), ("-p", "no:mockcs")]
        took = {kind: _pytest(suite, *kind)[0] for kind in (kinds if pair % 2 else reversed(kinds))}
        differences.append(took[kinds[0]] - took[kinds[1]])
    yield Figure("pytest plugin", statistics.median(differences) * 1000, "ms")


def fixture(options: Options) -> Iterator[Figure]:
    """What a test takes longer because it asks for the fixture, from the second one on."""
    if "fixture" not in options.only:
        return
    suites = [
        f"import pytest\n\n@pytest.mark.parametrize('n', range({_TESTS}))\ndef test_it(n{more}): pass\n"
        for more in ("", ", mockcs")
    ]
    empty, used = (statistics.median(_pytest(suite)[1] for _ in range(3)) for suite in suites)
    yield Figure("mockcs fixture, a test", (used - empty) * 1000, "ms")


def _pytest(suite: str, *arguments: str) -> tuple[float, float]:
    """The seconds of a pytest run, and those of each of its tests from the second one on."""
    without = [argument for name in ("cacheprovider", *_OTHERS) for argument in ("-p", f"no:{name}")]
    command = [sys.executable, "-m", "pytest", "-q", *without, *arguments]
    with TemporaryDirectory() as folder:
        Path(folder, "conftest.py").write_text(_CONFTEST, encoding="utf-8")
        Path(folder, "test_it.py").write_text(suite, encoding="utf-8")
        begun = perf_counter()
        run = subprocess.run(
            command, cwd=folder, env=servers.environment(), check=False, capture_output=True, text=True
        )
        took = perf_counter() - begun
        if run.returncode:
            raise NotStartedError(f"pytest ended with {run.returncode}: {run.stdout[-_TOLD:]}")
        return took, float(Path(folder, "took").read_text(encoding="utf-8"))


def in_process(options: Options) -> Iterator[Figure]:
    """The server in a test process: how long it takes to start it, and how long a start of a service there."""
    if "in-process" not in options.only:
        return
    started = []
    for _ in range(_SERVERS):
        begun = perf_counter()
        server = Server().start()
        started.append(perf_counter() - begun)
        server.stop()
    yield times("in process: its start", started)
    with Server() as client:
        host, port = client.base_url.removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(host, int(port))
        yield times("in process: a start", [_start_service(connection) for _ in range(_STARTS)])
        connection.close()


def _start_service(connection: http.client.HTTPConnection) -> float:
    body = json.dumps(events.start_event())
    begun = perf_counter()
    connection.request("POST", events.STARTS, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    took = perf_counter() - begun
    if answer.status != 201:
        raise NotStartedError(f"a service was not started: {answer.status}")
    return took
