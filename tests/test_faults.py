"""Faults: which call meets which, before the commit and after it, and what becomes of its answer."""

from __future__ import annotations

import http.client
from contextlib import closing
from typing import Any

import pytest

from mockcs.app import create_app
from mockcs.server import Server
from mockcs.settings import Settings
from tests.conftest import Door, Mock, Reply

START = {"operation": "start_service"}
EVENT = {"service_type": 100, "contact_key": "42"}


def order(mock: Mock, prefix: str = "", **fault: Any) -> int:
    """Order a fault; returns its id."""
    reply = mock.post(f"{prefix}/__admin/faults", fault)
    assert (reply.status, reply.json.keys()) == (201, {"id"}), reply.body
    return int(reply.json["id"])


def services(mock: Mock) -> int:
    return len(mock.get("/__admin/services").json["services"])


def shown(mock: Mock) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = mock.get("/__admin/faults").json["faults"]
    return found


# Before the commit and after it


def test_before_the_commit_nothing_has_changed(door: Door) -> None:
    fault = order(door.mock, **START, status=503)
    reply = door.post("/services/start", EVENT)
    assert (reply.status, reply.body, reply.headers["content-length"]) == (503, b"", "0")
    assert door.mock.state() == ({"services": []}, {"service": 1, "state": 1, "task": 1})
    call = door.mock.last_call()
    assert (call["fault"], call["changes"], call["state"]) == (fault, [], "answered")
    assert (call["operation"], call["response"]["status"]) == ("start_service", 503)
    assert reply.headers["mockcs-call"] == str(call["id"])


def test_after_the_commit_the_state_is_changed_and_only_the_answer_is_lost(door: Door) -> None:
    fault = order(door.mock, **START, status=503, after_commit=True)
    reply = door.post("/services/start", EVENT)
    assert (reply.status, reply.body) == (503, b"")
    assert "location" not in reply.headers
    assert services(door.mock) == 1
    call = door.mock.last_call()
    assert (call["fault"], call["response"]["status"]) == (fault, 503)
    assert call["changes"] == [{"kind": "service", "id": 1, "change": "created"}]


def test_a_refused_request_is_checked_only_when_the_fault_comes_after_the_commit(door: Door) -> None:
    wrong = {"service_type": 100}
    order(door.mock, **START, status=502, times=1)
    order(door.mock, **START, status=503, times=1, after_commit=True)
    assert [door.post("/services/start", wrong).status for _ in range(3)] == [502, 503, 400]
    assert [len(call["violations"]) for call in door.mock.calls()] == [0, 1, 1]
    assert services(door.mock) == 0


def test_an_unknown_url_and_a_wrong_method_can_meet_a_fault(mock: Mock) -> None:
    order(mock, match={"path": "/nothing*"}, status=500)
    order(mock, match={"method": "PATCH"}, status=501)
    assert mock.get("/nothing/at/all").status == 500
    assert mock.request("PATCH", "/services/start").status == 501
    assert [(call["operation"], call["fault"]) for call in mock.calls()] == [(None, 1), (None, 2)]


# The answer


@pytest.mark.parametrize(
    ("body", "text", "kind"),
    [
        ({"message": "down", "n": 2**70}, b'{"message":"down","n":1180591620717411303424}', "application/json"),
        ([], b"[]", "application/json"),
        (None, b"null", "application/json"),
        ("<html>Ж</html>", "<html>Ж</html>".encode(), None),
        ("", b"", None),
    ],
    ids=str,
)
def test_a_body_is_sent_as_it_is_when_it_is_a_string_and_else_as_json(
    anywhere: Mock, body: Any, text: bytes, kind: str | None
) -> None:
    order(anywhere, **START, status=500, body=body)
    reply = anywhere.post("/services/start", EVENT)
    assert (reply.status, reply.body, reply.headers.get("content-type")) == (500, text, kind)
    assert reply.headers["content-length"] == str(len(text))


def test_headers_go_with_the_answer_and_may_tell_the_kind_of_body(anywhere: Mock) -> None:
    headers = {"Retry-After": 30, "content-type": "application/problem+json"}
    order(anywhere, **START, status=429, body={"title": "slow down"}, headers=headers)
    reply = anywhere.post("/services/start", EVENT)
    assert (reply.status, reply.json) == (429, {"title": "slow down"})
    assert (reply.headers["retry-after"], reply.headers["content-type"]) == ("30", "application/problem+json")


def test_headers_alone_after_the_commit_take_the_place_of_the_usual_ones(anywhere: Mock) -> None:
    order(anywhere, **START, headers={"location": "/elsewhere", "X-Trace": "7"}, after_commit=True)
    reply = anywhere.post("/services/start", EVENT)
    assert (reply.status, reply.json) == (201, {"service_id": 1})
    assert (reply.headers["location"], reply.headers["x-trace"]) == ("/elsewhere", "7")


@pytest.mark.parametrize(("body", "kind"), [({"service_id": 99}, "application/json"), ("99", None)])
def test_a_body_alone_after_the_commit_keeps_the_usual_status_and_headers(mock: Mock, body: Any, kind: Any) -> None:
    order(mock, **START, body=body, after_commit=True)
    reply = mock.post("/services/start", EVENT)
    assert (reply.status, reply.body) == (201, body.encode() if isinstance(body, str) else b'{"service_id":99}')
    assert (reply.headers["location"], reply.headers.get("content-type")) == ("/services/1", kind)
    refused = mock.post("/services/start", {})
    assert (refused.status, refused.body) == (400, reply.body)
    assert "mockcs-violations" in refused.headers


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_leaves_the_connection_in_order(served: Mock, status: int) -> None:
    order(served, **START, status=status)
    reply = served.post("/services/start", EVENT)
    assert (reply.status, reply.body) == (status, b"")
    assert served.get("/services/1").status == 404


# Which calls, and how often


def statuses(mock: Mock, count: int, path: str = "/services/start") -> list[int]:
    return [mock.post(path, EVENT).status for _ in range(count)]


def test_skip_lets_the_first_calls_through_and_times_ends_it(mock: Mock) -> None:
    order(mock, **START, status=503, skip=1, times=2)
    assert statuses(mock, 5) == [201, 503, 503, 201, 201]
    assert [call["fault"] for call in mock.calls()] == [None, 1, 1, None, None]
    assert [(fault["met"], fault["left"]) for fault in shown(mock)] == [(2, 0)]


def test_calls_that_do_not_match_are_neither_skipped_nor_counted(mock: Mock) -> None:
    order(mock, operation="start_service", status=503, skip=1, times=1)
    for _ in range(3):
        assert mock.get("/services/9").status == 404
    assert statuses(mock, 3) == [201, 503, 201]


def test_without_times_a_fault_lasts_until_it_is_taken_back(mock: Mock) -> None:
    number = order(mock, **START, status=503)
    assert statuses(mock, 3) == [503] * 3
    assert [(fault["met"], fault["left"]) for fault in shown(mock)] == [(3, None)]
    assert mock.delete(f"/__admin/faults/{number}").json == {"removed": 1}
    assert statuses(mock, 1) == [201]


def drawn(mock: Mock, space: str, **fault: Any) -> list[bool]:
    """Which of forty calls met the fault."""
    order(mock, f"/__space/{space}", **START, status=503, **fault)
    met = [status == 503 for status in statuses(mock, 40, f"/__space/{space}/services/start")]
    assert mock.delete(f"/__admin/spaces/{space}").status == 200
    return met


def test_the_same_seed_draws_the_same_calls_and_another_one_others(mock: Mock) -> None:
    first = drawn(mock, "one", probability=0.5, seed=7)
    assert 0 < sum(first) < 40
    assert drawn(mock, "two", probability=0.5, seed=7) == first
    assert drawn(mock, "three", probability=0.5, seed=8) != first
    assert drawn(mock, "four", probability=0.5) == drawn(mock, "five", probability=0.5)


def test_a_probability_of_0_is_never_and_of_1_always(mock: Mock) -> None:
    assert drawn(mock, "never", probability=0) == [False] * 40
    assert drawn(mock, "always", probability=1) == [True] * 40


def test_times_counts_the_calls_that_were_drawn(mock: Mock) -> None:
    whole = drawn(mock, "all", probability=0.5, seed=3)
    some = drawn(mock, "some", probability=0.5, seed=3, times=4)
    end = [n for n, met in enumerate(whole) if met][3] + 1
    assert some == whole[:end] + [False] * (40 - end)


@pytest.mark.parametrize(
    ("match", "met"),
    [
        ({"operation": "start_service"}, [1, 2]),
        ({"operation": "start_service", "match": {"api": "8.5"}}, [2]),
        ({"match": {"api": "8.1"}}, [1, 3]),
        ({"match": {"path": "*/services/?"}}, [3, 4]),
        ({"match": {"path_params": {"service_id": "1"}}}, [3, 4]),
        ({"match": {"query": {"extensions": "a"}}}, [4]),
        ({"match": {"headers": {"authorization": "Basic a2VudDprZW50"}}}, [2]),
        ({"match": {"body": {"contact_key": "42"}}}, [1, 2]),
        ({"match": {"body_schema": {"type": "object", "required": ["est_duration"]}}}, [1]),
    ],
    ids=str,
)
def test_a_fault_names_its_calls_by_operation_or_match(
    ucs: Door, gms: Door, match: dict[str, Any], met: list[int]
) -> None:
    order(ucs.mock, **match, status=500)
    ucs.post("/services/start", {**EVENT, "est_duration": 1})
    gms.request("POST", "/services/start", EVENT, Authorization="Basic a2VudDprZW50")
    ucs.get("/services/1")
    gms.get("/services/1?extensions=a")
    assert [call["id"] for call in ucs.mock.calls() if call["fault"] == 1] == met
    assert [call["id"] for call in ucs.mock.calls(status=500)] == met


def test_a_call_meets_one_fault_at_most_the_first_live_one(mock: Mock) -> None:
    faults: list[dict[str, Any]] = [
        {"status": status, "times": times} for status, times in ((500, 1), (502, 2), (503, 1))
    ]
    numbers = [order(mock, operation="start_service", **fault) for fault in faults]
    assert numbers == [1, 2, 3]
    assert statuses(mock, 5) == [500, 502, 502, 503, 201]
    assert [call["fault"] for call in mock.calls()] == [1, 2, 2, 3, None]


def test_a_space_has_faults_of_its_own(mock: Mock) -> None:
    order(mock, "/__space/a", **START, status=503)
    order(mock, "/__space/b", **START, status=504)
    replies = [mock.post(f"{prefix}/services/start", EVENT) for prefix in ("", "/__space/a", "/__space/b")]
    assert [reply.status for reply in replies] == [201, 503, 504]
    assert (shown(mock), mock.delete("/__space/a/__admin/faults").json) == ([], {"removed": 1})
    assert mock.post("/__space/b/services/start", EVENT).status == 504


# Ordering them and taking them back


def test_faults_are_shown_as_ordered_in_order_of_creation(mock: Mock) -> None:
    first: dict[str, Any] = {"operation": "start_service", "status": 503, "headers": {"A": "1"}, "times": 2}
    second: dict[str, Any] = {"match": {"path": "/x", "headers": {"X-A": "1"}}, "delay_ms": 0.5, "after_commit": True}
    for fault in (first, second):
        order(mock, **fault)
    assert shown(mock) == [
        {"id": 1, **first, "met": 0, "left": 2},
        {"id": 2, **second, "met": 0, "left": None},
    ]


def test_faults_are_taken_back_one_or_all_and_their_ids_are_not_given_again(mock: Mock) -> None:
    for _ in range(3):
        order(mock, **START, status=503)
    assert mock.delete("/__admin/faults/2").json == {"removed": 1}
    assert [fault["id"] for fault in shown(mock)] == [1, 3]
    assert mock.delete("/__admin/faults").json == {"removed": 2}
    assert mock.delete("/__admin/faults").json == {"removed": 0}
    assert order(mock, **START, status=503) == 4
    for number in ("2", "x", "-1", "9" * 5000):
        reply = mock.delete(f"/__admin/faults/{number}")
        assert (reply.status, reply.json.keys()) == (404, {"error", "hint"})


def test_a_reset_takes_back_the_faults_and_counts_them(mock: Mock) -> None:
    order(mock, **START, status=503)
    assert mock.post("/__admin/reset").json["removed"]["faults"] == 1
    assert (shown(mock), statuses(mock, 1)) == ([], [201])


def test_beyond_max_faults_one_more_is_503_with_a_hint() -> None:
    client = create_app(Settings(max_faults=2)).test_client()
    fault = {**START, "status": 503}
    assert [client.post("/__admin/faults", json=fault).status_code for _ in range(3)] == [201, 201, 503]
    refused = client.post("/__admin/faults", json=fault).json or {}
    assert "--max-faults" in refused["hint"]
    assert client.post("/__space/other/__admin/faults", json=fault).status_code == 201
    assert client.delete("/__admin/faults/1").status_code == 200
    assert client.post("/__admin/faults", json=fault).status_code == 201


# From Python


def test_a_test_lets_calls_fail_and_takes_it_back() -> None:
    with Server() as cs:
        mock = Mock(cs.base_url)
        assert cs.fail("start_service", times=2) == 1
        assert statuses(mock, 3) == [503, 503, 201]
        cs.fail("start_service", status=500, after_commit=True)
        assert (statuses(mock, 1), len(cs.services())) == ([500], 2)
        cs.fail(match={"body": {"contact_key": "42"}}, status=429, body={"a": 1}, headers={"X-A": "1"}, skip=1)
        replies: list[Reply] = [mock.post("/services/start", EVENT) for _ in range(2)]
        assert [reply.status for reply in replies] == [201, 429]
        assert (replies[1].json, replies[1].headers["x-a"]) == ({"a": 1}, "1")
        cs.fail("start_service", times=None)
        assert statuses(mock, 3) == [503] * 3
        cs.clear_faults()
        number = cs.delay("start_service", seconds=0.001)
        assert statuses(mock, 1) == [201]
        assert cs.calls.last.fault == number


def test_a_body_does_not_go_out_with_a_documented_204(anywhere: Mock) -> None:
    service = Door(anywhere, "8.5").start_service()
    order(anywhere, operation="complete_service", after_commit=True, body={"a": 1}, headers={"X-Trace": "7"})
    reply = anywhere.post(f"/genesys/1/cs/services/{service}/end", {})
    assert (reply.status, reply.body, reply.headers["x-trace"]) == (204, b"", "7")
    assert "content-type" not in reply.headers
    assert anywhere.last_call()["response"]["body"] is None
    assert anywhere.get("/services/1").status == 200


def test_a_header_of_a_fault_takes_the_place_of_the_answers_own_in_any_case(mock: Mock) -> None:
    fault = {"operation": "query_services", "headers": {"content-type": "text/x"}, "after_commit": True}
    assert mock.post("/__admin/faults", fault).status == 201
    with closing(http.client.HTTPConnection(*mock.address, timeout=30)) as connection:
        connection.request("GET", "/customers/C1/services")
        assert connection.getresponse().headers.get_all("Content-Type") == ["text/x"]
