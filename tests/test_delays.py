"""A delayed answer holds back nothing else: not the admin API, not other calls, not a reset, not the shutdown."""

from __future__ import annotations

import http.client
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from mockcs.server import Server
from mockcs.settings import Settings
from tests.conftest import Door, Mock, Reply, started

START = {"operation": "start_service"}
EVENT = {"service_type": 100, "contact_key": "42"}
LONG = 30_000  # milliseconds: longer than any of these tests may take
LIMIT = 20.0  # seconds that a test waits for what should come at once
GONE = (ConnectionError, http.client.HTTPException)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Clients that wait for their answers while the test goes on."""
    with ThreadPoolExecutor(64) as pool:
        yield pool


def order(mock: Mock, prefix: str = "", **fault: Any) -> None:
    reply = mock.post(f"{prefix}/__admin/faults", {**START, **fault})
    assert reply.status == 201, reply.body


def in_flight(mock: Mock, waiting: list[Future[Reply]], prefix: str = "") -> None:
    """Go on when all of these calls have arrived; none of them may have been answered."""
    while mock.get(f"{prefix}/__admin/calls").json["in_flight"] < len(waiting):
        assert not any(each.done() for each in waiting)


def delayed(mock: Mock, pool: ThreadPoolExecutor, prefix: str = "") -> Future[Reply]:
    """A start whose answer is held back, in flight."""
    waiting = pool.submit(mock.post, f"{prefix}/services/start", EVENT)
    in_flight(mock, [waiting], prefix)
    return waiting


def test_admin_api_and_other_calls_go_on_during_a_delay(anywhere: Mock, pool: ThreadPoolExecutor) -> None:
    order(anywhere, delay_ms=LONG, times=1)
    waiting = delayed(anywhere, pool)
    for api in ("8.1", "8.5"):
        door = Door(anywhere, api)
        service = door.start_service()
        door.start_state(service)
        door.complete_service(service)
    assert anywhere.post("/__space/other/services/start", EVENT).status == 201
    paths = ("health", "calls", "services", "state", "faults", "clock", "coverage", "metrics", "spaces", "calls.har")
    assert {anywhere.get(f"/__admin/{path}").status for path in paths} == {200}
    assert anywhere.put("/__admin/ids", {"service": 7}).status == 200
    assert anywhere.post("/__admin/snapshots/s").status == 201
    assert anywhere.delete("/__admin/faults").json == {"removed": 1}
    assert not waiting.done()
    anywhere.reset()
    assert waiting.result(LIMIT).status == 201


def test_forty_delays_at_once_hold_nothing_else(anywhere: Mock, pool: ThreadPoolExecutor) -> None:
    order(anywhere, delay_ms=LONG, times=40)
    waiting = [pool.submit(anywhere.post, "/services/start", EVENT) for _ in range(40)]
    in_flight(anywhere, waiting)
    assert anywhere.post("/services/start", EVENT).json == {"service_id": 1}
    assert [each for each in waiting if each.done()] == []
    anywhere.reset()
    assert {each.result(LIMIT).status for each in waiting} == {201}


def test_a_reset_does_not_wait_and_the_delayed_call_leaves_no_trace_in_the_new_world(
    anywhere: Mock, pool: ThreadPoolExecutor
) -> None:
    order(anywhere, delay_ms=LONG)
    waiting = delayed(anywhere, pool)
    removed = anywhere.post("/__admin/reset").json["removed"]
    assert (removed["services"], removed["faults"]) == (0, 1)
    assert waiting.result(LIMIT).status == 201
    journal = anywhere.get("/__admin/calls").json
    assert (journal["calls"], journal["total"], journal["in_flight"]) == ([], 0, 0)
    assert anywhere.get("/__admin/services").json == {"services": []}
    assert anywhere.post("/services/start", EVENT).json == {"service_id": 1}


def test_doing_away_with_a_space_lets_its_delayed_calls_go(anywhere: Mock, pool: ThreadPoolExecutor) -> None:
    order(anywhere, "/__space/a", delay_ms=LONG)
    waiting = delayed(anywhere, pool, "/__space/a")
    assert anywhere.delete("/__admin/spaces/a").status == 200
    assert waiting.result(LIMIT).status == 201
    assert anywhere.get("/__space/a/__admin/calls").json["total"] == 0
    assert anywhere.delete("/__admin/spaces/a").status == 200


def test_before_the_commit_the_change_comes_after_the_delay(mock: Mock, pool: ThreadPoolExecutor) -> None:
    order(mock, delay_ms=200)
    waiting = delayed(mock, pool)
    seen = {len(mock.get("/__admin/services").json["services"]) for _ in iter(waiting.done, True)}
    assert 0 in seen
    assert waiting.result().json == {"service_id": 1}
    assert mock.last_call()["duration_ms"] >= 200
    assert len(mock.get("/__admin/services").json["services"]) == 1


def test_after_the_commit_the_change_is_there_while_the_answer_is_held_back(
    mock: Mock, pool: ThreadPoolExecutor
) -> None:
    order(mock, delay_ms=LONG, after_commit=True)
    waiting = delayed(mock, pool)
    while not mock.get("/__admin/services").json["services"]:
        assert not waiting.done()
    mock.reset()
    assert waiting.result(LIMIT).json == {"service_id": 1}


def test_a_delay_goes_with_a_status_and_a_body(anywhere: Mock) -> None:
    order(anywhere, delay_ms=20, status=504, body={"message": "late"})
    reply = anywhere.post("/services/start", EVENT)
    assert (reply.status, reply.json) == (504, {"message": "late"})
    assert anywhere.last_call()["duration_ms"] >= 20


def test_an_answer_can_be_awaited_on_the_server(anywhere: Mock, pool: ThreadPoolExecutor) -> None:
    order(anywhere, delay_ms=50)
    waiting = pool.submit(anywhere.post, "/services/start", EVENT)
    document = {"match": {**START, "status": 201}, "exactly": 1, "within_ms": LONG}
    assert anywhere.post("/__admin/calls/verify", document).json["verdict"] == "holds"
    assert waiting.result(LIMIT).status == 201


# The shutdown


@pytest.mark.slow
@pytest.mark.parametrize("server", ["granian", "threaded"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_delay_does_not_hold_the_shutdown(server: str, number: signal.Signals, pool: ThreadPoolExecutor) -> None:
    with started("--server", server) as (process, mock):
        order(mock, delay_ms=LONG)
        waiting = [pool.submit(mock.post, "/services/start", EVENT) for _ in range(3)]
        in_flight(mock, waiting)
        process.send_signal(number)
        assert process.wait(10) == 0
        outcomes = [each.exception(LIMIT) for each in waiting]
        assert all(each is None or isinstance(each, GONE) for each in outcomes)


def test_a_delay_does_not_hold_the_stop_of_a_server_in_this_process(pool: ThreadPoolExecutor) -> None:
    server = Server()
    with server:
        mock = Mock(server.base_url)
        order(mock, delay_ms=LONG)
        waiting = delayed(mock, pool)
    assert isinstance(waiting.exception(LIMIT), (*GONE, type(None)))


def test_a_server_that_was_started_again_delays_again(pool: ThreadPoolExecutor) -> None:
    server = Server()
    with server:
        pass
    with server:
        mock = Mock(server.base_url)
        order(mock, delay_ms=LONG)
        waiting = delayed(mock, pool)
        assert mock.get("/services/1").status == 404
        assert not waiting.done()


# Too many


@pytest.mark.parametrize(("api", "members"), [("8.1", "code"), ("8.5", "exception")])
def test_beyond_max_waiting_a_delayed_call_is_503_in_the_documented_shape(
    api: str, members: str, pool: ThreadPoolExecutor
) -> None:
    server = Server(Settings(max_waiting=1))
    with server:
        mock = Mock(server.base_url)
        order(mock, delay_ms=LONG)
        waiting = delayed(mock, pool)
        refused = Door(mock, api).post("/services/start", EVENT)
        assert refused.status == 503
        assert members in refused.json
        call = mock.get("/__admin/calls/2").json
        assert (call["fault"], call["changes"], call["response"]["status"]) == (1, [], 503)
        assert mock.get("/services/1").status == 404
        mock.reset()
        assert waiting.result(LIMIT).status == 201


Enter = Callable[[Mock], Reply]


@pytest.mark.parametrize(
    "enter",
    [
        lambda mock: mock.post("/__admin/calls/verify", {"match": START, "within_ms": LONG}),
        lambda mock: mock.post("/__admin/calls/verify-order", {"matches": [START], "within_ms": LONG}),
        lambda mock: mock.get("/__admin/calls/stream"),
    ],
    ids=["verify", "verify-order", "stream"],
)
def test_delays_verifications_and_streams_share_the_places(enter: Enter, pool: ThreadPoolExecutor) -> None:
    server = Server(Settings(max_waiting=1))
    with server:
        mock = Mock(server.base_url)
        order(mock, delay_ms=LONG)
        waiting = delayed(mock, pool)
        refused = enter(mock)
        assert (refused.status, refused.json.keys()) == (503, {"error", "hint"})
        assert "--max-waiting" in refused.json["hint"]
        assert mock.post("/__admin/calls/verify", {"match": {"api": "8.5"}, "exactly": 0}).status == 409
        mock.reset()
        assert waiting.result(LIMIT).status == 201
        assert mock.post("/__admin/calls/verify", {"match": START, "exactly": 0, "within_ms": 5}).status == 200


def test_with_no_place_at_all_nothing_may_wait() -> None:
    server = Server(Settings(max_waiting=0))
    with server:
        mock = Mock(server.base_url)
        order(mock, delay_ms=1)
        assert mock.post("/services/start", EVENT).status == 503
        assert mock.post("/__admin/calls/verify", {"match": START, "within_ms": 5}).status == 503
        assert mock.post("/__admin/calls/verify", {"match": START}).status == 200
