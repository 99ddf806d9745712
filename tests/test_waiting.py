"""Verifying with `within_ms`: waiting ends when the condition holds, when time is up, and when there is a reset."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Any

import pytest

from mockcs.server import Server
from mockcs.settings import Settings
from tests.conftest import Mock, Reply

START = {"operation": "start_service"}
EVENT = {"service_type": 100, "contact_key": "42"}
LONG = 25_000  # milliseconds: less than a client's patience, far more than any test should need


def verify(mock: Mock, match: Any, **more: Any) -> Reply:
    return mock.post("/__admin/calls/verify", {"match": match, **more})


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Clients that wait while the test goes on."""
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.mark.parametrize("counts", [{}, {"exactly": 2}, {"at_least": 2}, {"at_least": 1, "at_most": 2}])
def test_waiting_ends_at_the_moment_the_condition_holds(
    anywhere: Mock, pool: ThreadPoolExecutor, counts: dict[str, int]
) -> None:
    match = {"operation": "query_service_by_id", "status": 404}
    waiting = pool.submit(verify, anywhere, match, within_ms=LONG, **counts)
    anywhere.get("/services/1")
    if counts:
        anywhere.get("/services/2")
    assert waiting.result(LONG / 1000).json["verdict"] == "holds"


def test_waiting_ends_when_a_call_in_flight_is_answered(anywhere: Mock, pool: ThreadPoolExecutor) -> None:
    anywhere.post("/__admin/faults", {"operation": "query_service_by_id", "delay_ms": 100})
    delayed = pool.submit(anywhere.get, "/services/1")
    match = {"operation": "query_service_by_id"}
    assert verify(anywhere, match, exactly=1, within_ms=LONG).json["verdict"] == "holds"
    assert delayed.result(LONG / 1000).status == 404


def test_waiting_for_an_order_ends_when_it_is_complete(anywhere: Mock, pool: ThreadPoolExecutor) -> None:
    document = {"matches": [{"status": 404}, START], "within_ms": LONG}
    waiting = pool.submit(anywhere.post, "/__admin/calls/verify-order", document)
    anywhere.get("/services/1")
    anywhere.post("/services/start", EVENT)
    assert waiting.result(LONG / 1000).json["calls"] == [1, 2]


def test_waiting_ends_although_a_test_has_stopped_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server() as client:
        monkeypatch.setattr(time, "monotonic", lambda: 0.0)
        with pytest.raises(AssertionError, match="wanted at least 1, found 0"):
            client.wait_for("start_service", timeout=0.2)


def test_what_holds_already_is_not_waited_for(mock: Mock) -> None:
    assert verify(mock, START, exactly=0, within_ms=LONG).json["verdict"] == "holds"


def test_waiting_ends_after_the_time_with_the_verdict_of_then(anywhere: Mock) -> None:
    anywhere.post("/services/start", EVENT)
    answer = verify(anywhere, START, exactly=2, within_ms=30).json
    assert (answer["verdict"], answer["found"]) == ("fails", 1)


def test_a_reset_ends_the_waiting(mock: Mock, pool: ThreadPoolExecutor) -> None:
    waiting = pool.submit(verify, mock, START, within_ms=LONG)
    while not wait([waiting], 0.01).done:
        mock.reset()
    assert waiting.result().json["verdict"] == "fails"


def test_forgetting_the_calls_ends_the_wait_for_none(mock: Mock, pool: ThreadPoolExecutor) -> None:
    mock.post("/services/start", EVENT)
    waiting = pool.submit(verify, mock, START, exactly=0, within_ms=LONG)
    mock.delete("/__admin/calls")
    assert waiting.result(LONG / 1000).json["verdict"] == "holds"


def test_no_more_than_max_waiting_may_wait_at_a_time(pool: ThreadPoolExecutor) -> None:
    server = Server(Settings(max_waiting=2))
    server.start()
    mock = Mock(server.base_url)
    document = {"match": {"status": 404}, "within_ms": LONG}
    three = [pool.submit(mock.post, "/__admin/calls/verify", document) for _ in range(3)]
    done, _ = wait(three, 5, FIRST_COMPLETED)
    mock.get("/services/1")
    statuses = sorted(each.result(LONG / 1000).status for each in three)
    server.stop()
    assert statuses == [200, 200, 503]
    assert [each.result().json.keys() for each in done] == [{"error", "hint"}]
