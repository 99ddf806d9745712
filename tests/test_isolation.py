"""Isolation, proven: thousands of short-lived spaces, resets and deletions under load, without one bleed."""

from __future__ import annotations

import itertools
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mockcs.app import create_app
from tests.conftest import Mock, serving

pytest_plugins = ["pytester"]

THREADS, SPACES = 64, 200
LONG = 30_000
EVENT = {"contact_key": "K", "service_type": 1}
START = "/services/start"
EARLY = datetime(2001, 1, 1, tzinfo=UTC)


_LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)")
_CALL = re.compile(rb"(?i)\r\nmockcs-call: (\d+)")


class Line:
    """One connection that is kept open, and says its requests in one space after the other.

    By hand, for with http.client the client would take more time than the mock.
    """

    def __init__(self, mock: Mock) -> None:
        self._socket = socket.create_connection(mock.address, timeout=60)
        self.space = ""
        self.call = 0  # the number that the space gave to the last call

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON of an answer in the space."""
        sent = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {self.space}{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(sent)}\r\n\r\n"
        self._socket.sendall(head.encode() + sent)
        got = self._socket.recv(2**16)
        while b"\r\n\r\n" not in got:
            got += self._socket.recv(2**16)
        told, _, text = got.partition(b"\r\n\r\n")
        length, call = _LENGTH.search(told), _CALL.search(told)
        self.call = int(call[1]) if call else 0
        while length and len(text) < int(length[1]):
            text += self._socket.recv(2**16)
        return int(told[9:12]), json.loads(text) if text else None

    def close(self) -> None:
        self._socket.close()


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Do the work in so many threads at once; raises what any of them raised."""
    with ThreadPoolExecutor(count) as pool:
        for done in [pool.submit(work, number) for number in range(count)]:
            done.result()


def time_of(number: int) -> str:
    """A moment that no other space has."""
    return (EARLY + timedelta(seconds=number)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def live_in_a_space(line: Line, number: int) -> None:
    """Everything that a short test does in a space of its own, with exact counts, ids and times."""
    line.space, key, now = f"/__space/s{number}", f"K{number}", time_of(number)
    count = number % 2 + 1
    assert line.ask("PUT", "/__admin/clock", {"now": now, "frozen": True}) == (200, {"now": now, "frozen": True})
    for each in range(1, count + 1):
        event = {"contact_key": key, "service_type": each}
        assert line.ask("POST", START, event) == (201, {"service_id": each})
        assert line.call == each
    services = [
        {"service_id": each, "contact_key": key, "service_type": each, "started": {"timestamp": now}}
        for each in range(1, count + 1)
    ]
    assert line.ask("GET", f"/services/anonymous/{key}/active") == (200, services)
    assert line.call == count + 1
    if number % 4 == 0:
        document = {"match": {"body": {"contact_key": key}}, "exactly": count}
        _, verdict = line.ask("POST", "/__admin/calls/verify", document)
        assert (verdict["verdict"], verdict["calls"]) == ("holds", list(range(1, count + 1)))
    assert line.ask("DELETE", f"/__admin/spaces/s{number}")[0] == 200


@pytest.mark.slow
def test_64_threads_with_200_short_lived_spaces_each_do_not_bleed() -> None:
    with serving() as mock:

        def work(thread: int) -> None:
            line = Line(mock)
            for turn in range(SPACES):
                live_in_a_space(line, thread * SPACES + turn)
            line.close()

        in_threads(THREADS, work)
        assert mock.get("/__admin/spaces").json == {"spaces": ["default"]}
        assert mock.get("/__admin/calls").json["total"] == 0


# Resets and deletions under load


@contextmanager
def under_load(work: Callable[[int], None], count: int) -> Iterator[None]:
    """So many threads that do the work over and over until the block ends; raises what any of them raised."""
    ended = threading.Event()
    busy = threading.Barrier(count + 1)

    def over_and_over(number: int) -> None:
        work(number)
        busy.wait(60)
        while not ended.is_set():
            work(number)

    with ThreadPoolExecutor(count) as pool:
        threads = [pool.submit(over_and_over, number) for number in range(count)]
        try:
            busy.wait(60)
            yield
        finally:
            ended.set()
        for each in threads:
            each.result()


def assert_whole(mock: Mock, prefix: str = "") -> None:
    """A world in which every trace belongs together: no call, no service and no id comes from another one."""
    answer = mock.get(f"{prefix}/__admin/calls").json
    calls, services = answer["calls"], mock.get(f"{prefix}/__admin/services").json["services"]
    assert (answer["in_flight"], answer["evicted"]) == (0, 0)
    assert [call["id"] for call in calls] == list(range(1, answer["total"] + 1))
    assert {call["response"]["status"] for call in calls} <= {201}
    made = {call["changes"][0]["id"]: call["request"]["body"]["contact_key"] for call in calls}
    assert made == {service["service_id"]: service["contact_key"] for service in services}
    assert sorted(made) == list(range(1, len(calls) + 1))
    assert mock.get(f"{prefix}/__admin/ids").json["service"] == len(calls) + 1


def starting(mock: Mock, prefixes: list[str]) -> Callable[[int], None]:
    """Start a service under a key of its own, in one space after the other."""
    numbers = itertools.count()

    def start(thread: int) -> None:
        number = next(numbers)
        event = {"contact_key": f"K{thread}-{number}", "service_type": 1}
        assert mock.post(f"{prefixes[number % len(prefixes)]}/services/start", event).status == 201

    return start


def test_resets_under_load_leave_nothing_of_the_former_world(anywhere: Mock) -> None:
    with under_load(starting(anywhere, [""]), 8):
        removed = [anywhere.post("/__admin/reset").json["removed"] for _ in range(60)]
        while anywhere.get("/__admin/calls").json["total"] < 20:
            pass
    assert sum(each["calls"] for each in removed) > 0
    assert_whole(anywhere)


def test_what_a_reset_removes_belongs_together(anywhere: Mock) -> None:
    with under_load(starting(anywhere, [""]), 8):
        for _ in range(60):
            removed = anywhere.post("/__admin/reset").json["removed"]
            # A call that was under way had changed the state already, or had not.
            assert 0 <= removed["services"] - removed["calls"] <= 8
    assert_whole(anywhere)


def test_deletions_under_load_leave_nothing_of_the_former_space(anywhere: Mock) -> None:
    spaces = [f"d{number}" for number in range(3)]
    prefixes = [f"/__space/{name}" for name in spaces]
    with under_load(starting(anywhere, prefixes), 8):
        for number in range(60):
            assert anywhere.delete(f"/__admin/spaces/{spaces[number % 3]}").status in (200, 404)
    for prefix in prefixes:
        assert_whole(anywhere, prefix)
    assert anywhere.get("/__admin/calls").json["total"] == 0
    for name in spaces:
        anywhere.delete(f"/__admin/spaces/{name}")


def test_a_call_of_a_former_world_is_dropped_and_counted_as_such(anywhere: Mock) -> None:
    fault = {"operation": "start_service", "delay_ms": LONG, "times": 2}
    assert anywhere.post("/__admin/faults", fault).status == 201
    with ThreadPoolExecutor(2) as pool:
        late = [pool.submit(anywhere.post, "/services/start", EVENT) for _ in range(2)]
        while anywhere.get("/__admin/calls").json["in_flight"] < 2:
            assert not any(each.done() for each in late)
        anywhere.reset()
        answers = [each.result(20).json for each in late]
    assert sorted(answer["service_id"] for answer in answers) == [1, 2]
    assert anywhere.get("/__admin/calls").json == {"calls": [], "total": 0, "evicted": 0, "in_flight": 0, "dropped": 2}
    assert anywhere.get("/__admin/services").json == {"services": []}
    verdict = anywhere.post("/__admin/calls/verify", {"match": {"operation": "start_service"}, "exactly": 0})
    assert verdict.json["verdict"] == "holds"
    assert anywhere.get("/__admin/coverage").json["percent"] == 0
    anywhere.reset()
    assert "dropped" not in anywhere.get("/__admin/calls").json


def test_of_two_resets_at_the_same_time_the_later_one_closes_the_world_of_the_earlier() -> None:
    spaces = create_app().extensions["mockcs"]
    world = spaces.space("default")  # as two requests see it that come at once
    spaces.reset(world)
    between = spaces.space("default")
    assert not between.closed
    spaces.reset(world)
    assert between.closed
    assert not spaces.space("default").closed


# One server, four workers

EIGHTY = """
import json
import pytest
from urllib.request import Request, urlopen

def post(url, body):
    with urlopen(Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})) as answer:
        return json.loads(answer.read() or b"null")

@pytest.mark.parametrize("number", range(80))
def test_nothing_bleeds(mockcs, number):
    now, count = f"2001-01-01T00:{number % 60:02}:00.000Z", number % 4 + 1
    mockcs.clock.freeze(now)
    mockcs.ids.state = number
    if number % 5 == 0:
        mockcs.fail("complete_service", status=503)
    ids = [post(mockcs.url + "/services/start", {"contact_key": f"K{number}"})["service_id"] for _ in range(count)]
    assert ids == list(range(1, count + 1))
    assert post(mockcs.url + "/services/1/states/start", {"state_type": 1}) == {"state_id": number}
    assert {service.started["timestamp"] for service in mockcs.services()} == {now}
    assert [call.id for call in mockcs.calls] == list(range(1, count + 2))
    mockcs.assert_called("start_service", body={"contact_key": f"K{number}"}, times=count)
    mockcs.assert_called("start_service", times=count)
    assert len(mockcs.ask("GET", "/faults")["faults"]) == (number % 5 == 0)
"""


@pytest.mark.slow
def test_four_workers_share_one_mock_without_a_bleed(pytester: pytest.Pytester, served: Mock) -> None:
    pytester.makepyfile(test_eighty=EIGHTY)
    plugins = ("-p", "no:cacheprovider", "-p", "no:flask", "-p", "no:hypothesispytest")
    result = pytester.runpytest_subprocess(*plugins, "-n", "4", "--mockcs-url", served.base_url)
    result.assert_outcomes(passed=80)
    assert served.get("/__admin/spaces").json == {"spaces": ["default"]}
    assert served.get("/__admin/calls").json["total"] == 0
