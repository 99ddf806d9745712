"""What comes at the same moment: a reset beside other requests, a stop, a change of state, evictions, a fork."""

from __future__ import annotations

import json
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from typing import Any

import pytest
from werkzeug.test import Client as Caller

from mockcs import Client, app, validation
from mockcs.journal import Journal
from mockcs.portable import restore
from mockcs.server import Server
from mockcs.settings import Settings
from mockcs.space import Space
from tests.conftest import Mock

EVENT = {"service_type": 100, "contact_key": "42"}


class Watched:
    """A lock that tells of each who comes to it, and may have to wait."""

    def __init__(self, lock: Any) -> None:
        self.came = threading.Semaphore(0)
        self._lock = lock

    def __enter__(self) -> Any:
        self.came.release()
        return self._lock.__enter__()

    def __exit__(self, *error: object) -> Any:
        return self._lock.__exit__(*error)


def beside_a_reset(mock: app.Mock, method: str, path: str) -> Any:
    """The answer to an admin request that came to its space before a reset, and got its lock after it or before."""
    space: Any = mock.spaces.space("default")
    lock, space.lock = space.lock, Watched(space.lock)
    with ThreadPoolExecutor(2) as pool:
        with lock:
            reply = pool.submit(Caller(mock.wsgi).open, f"/__admin{path}", method=method)
            assert space.lock.came.acquire(timeout=30)
            reset = pool.submit(mock.spaces.reset, space)
            assert space.lock.came.acquire(timeout=30)
        reset.result(30)
        return reply.result(30)


def test_a_snapshot_that_is_taken_beside_a_reset_is_not_lost() -> None:
    mock = app.create_mock(Settings())
    assert beside_a_reset(mock, "POST", "/snapshots/a").status_code == 201
    assert Caller(mock.wsgi).get("/__admin/snapshots").json == {"snapshots": ["a"]}


def test_a_stream_that_begins_beside_a_reset_tells_of_calls() -> None:
    mock = app.create_mock(Settings())
    lines = iter(beside_a_reset(mock, "GET", "/calls/stream").response)
    assert next(lines).startswith(b": ")
    assert Caller(mock.wsgi).post("/services/start", json=EVENT).status_code == 201
    assert json.loads(next(lines).removeprefix(b"data: "))["operation"] == "start_service"


def test_a_stream_that_ends_while_a_call_is_handed_out_keeps_it_from_no_other() -> None:
    journal = app.create_mock(Settings()).spaces.space("default").journal
    others: list[Queue[tuple[Journal, int | None]]] = [Queue(), Queue()]

    class Ending(Queue[tuple[Journal, int | None]]):
        def put_nowait(self, _: object) -> None:
            journal.streams.remove(self)

    journal.streams += [Ending(), *others]
    journal.end_streams()
    assert [each.qsize() for each in others] == [1, 1]


def test_a_world_that_comes_while_the_server_stops_lets_nobody_wait() -> None:
    spaces = app.create_mock(Settings()).spaces
    spaces.close()
    spaces.reset(spaces.space("default"))
    assert (spaces.space("default").closed, spaces.space("new").closed) == (True, True)
    spaces.open()
    assert (spaces.space("default").closed, spaces.space("newer").closed) == (False, False)


def test_a_call_is_checked_against_the_state_that_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    mock = app.create_mock(Settings())
    caller, space, checked = Caller(mock.wsgi), mock.spaces.space("default"), validation.params_of
    attributes = [{"name": "rating", "type": "integer"}]
    schema = {"name": "Feedback", "type": "single-valued", "attributes": attributes}
    assert caller.post("/metadata/services/extensions", json=schema).status_code == 201

    def params_of(of: Space, *rest: Any) -> Any:
        monkeypatch.undo()
        params = checked(of, *rest)
        restore(of, {})  # a state without the schema comes in between
        return params

    monkeypatch.setattr("mockcs.context_services.params_of", params_of)
    start = caller.post("/services/start", json={**EVENT, "Feedback": {"rating": 1}})
    assert start.status_code == 400
    assert caller.get("/__admin/services").json == {"services": []}
    [call] = json.loads(caller.get("/__admin/calls?operation=start_service").data)["calls"]
    assert len(call["violations"]) == 1
    assert space.store.count("service") == 0


def test_a_reading_is_set_under_the_lock_of_its_space() -> None:
    mock = app.create_mock(Settings())
    space: Any = mock.spaces.space("default")
    space.lock = Watched(space.lock)
    chosen = Caller(mock.wsgi).put("/__admin/readings/not-found", json={"value": "404"})
    assert (chosen.status_code, json.loads(chosen.data)["value"]) == (200, "404")
    assert space.lock.came.acquire(blocking=False)


def evicting(client: Client) -> None:
    """Let the calls be forgotten as soon as there is a verdict on them."""
    transport: Any = client._transport
    answer = transport.answer

    def answered(base_url: str, method: str, path: str, *rest: Any) -> Any:
        found = answer(base_url, method, path, *rest)
        if "/verify" in path:
            answer(base_url, "DELETE", "/__admin/calls", None, {}, 10.0)
        return found

    transport.answer = answered


EXPECTATIONS = {
    "assert_called": lambda cs: cs.assert_called("start_service", times=3),
    "assert_not_called": lambda cs: cs.assert_not_called("start_service"),
    "assert_order": lambda cs: cs.assert_order("start_service", "complete_service"),
    "wait_for": lambda cs: cs.wait_for("start_service", times=3, timeout=0),
}


@pytest.mark.parametrize("name", EXPECTATIONS)
def test_an_expectation_fails_as_one_when_its_calls_are_gone_before_they_are_told(name: str) -> None:
    with Server() as cs:
        assert Mock(cs.base_url).post("/services/start", EVENT).status == 201
        evicting(cs)
        with pytest.raises(AssertionError, match="1  is no longer kept"):
            EXPECTATIONS[name](cs)


def test_a_broken_rule_that_is_evicted_before_it_is_told_counts_as_lost() -> None:
    with Server() as cs:
        assert Mock(cs.base_url).post("/services/start", {}).status == 400
        evicting(cs)
        assert cs._broken(0) == ([], 1)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_stops_the_server_of_its_parent_at_once() -> None:
    server = Server().start()
    try:
        if (child := os.fork()) == 0:
            signal.alarm(20)
            server.stop()
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert Mock(server.base_url).get("/__admin/health").status == 200
    finally:
        server.stop()
