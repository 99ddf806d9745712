"""The journal: what a call's record says, how calls are found and forgotten, and what stays secret."""

from __future__ import annotations

import base64
import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.conftest import NOTHING, Door, Mock

VIOLATION = {"pointer", "value", "table", "field", "type", "mandatory", "page", "message", "fix"}


def test_a_call_shows_all_that_was_asked_and_answered(anywhere: Mock, api: str) -> None:
    door = Door(anywhere, api)
    event = {"service_type": 100, "contact_key": "42", "est_duration": 60}
    reply = door.request("POST", "/services/start", event, X_Trace="7")
    answer = anywhere.get("/__admin/calls").json
    assert answer.keys() == {"calls", "total", "evicted", "in_flight"}
    (call,) = answer["calls"]
    request, response = call.pop("request"), call.pop("response")
    headers = {name.lower(): value for name, value in request.pop("headers").items()}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", call.pop("received_at"))
    assert call.pop("duration_ms") >= 0
    assert call == {
        "id": int(reply.headers["mockcs-call"]),
        "space": "default",
        "state": "answered",
        "operation": "start_service",
        "operation_id": "CV.WS.SRV.1",
        "api": api,
        "path_params": {},
        "violations": [],
        "advice": [],
        "changes": [{"kind": "service", "id": 1, "change": "created"}],
        "fault": None,
    }
    size = len(json.dumps(event))
    path = f"{door.prefix}/services/start"
    assert request == {"method": "POST", "path": path, "query": {}, "body": event, "body_size": size}
    assert (headers["x-trace"], headers["content-length"]) == ("7", str(size))
    assert response.keys() == {"status", "headers", "body"}
    assert (response["status"], response["body"]) == (201, {"service_id": 1})
    assert response["headers"]["Location"] == f"{door.prefix}/services/1"


def test_a_refused_call_quotes_each_row_that_it_breaks(door: Door) -> None:
    door.post("/services/start", {"service_type": True, "est_duration": "60"})
    call = door.mock.last_call()
    assert {violation["pointer"] for violation in call["violations"]} == {"", "/service_type", "/est_duration"}
    assert all(violation.keys() == VIOLATION for violation in call["violations"])
    assert call["response"]["status"] == 400
    assert call["changes"] == []


def test_query_and_path_are_shown_decoded_and_path_params_as_strings(anywhere: Mock) -> None:
    anywhere.get("/__space/a/genesys/1/cs/customers/%D0%96%20%22/services/active?x=&y=%D0%96&x=1%2C2")
    (call,) = anywhere.get("/__space/a/__admin/calls").json["calls"]
    assert call["space"] == "a"
    assert call["request"]["path"] == '/genesys/1/cs/customers/Ж "/services/active'
    assert call["path_params"] == {"customer_id": 'Ж "'}
    assert call["request"]["query"] == {"x": ["", "1,2"], "y": ["Ж"]}
    anywhere.get("/services/007/states/1")
    assert anywhere.last_call()["path_params"] == {"service_id": "007", "state_id": "1"}


def test_repeated_headers_are_joined_with_a_comma(anywhere: Mock) -> None:
    with socket.create_connection(anywhere.address, timeout=30) as connection:
        connection.sendall(
            b"GET /services/1 HTTP/1.1\r\nHost: x\r\nX-Seen: a\r\nx-seen: b\r\nConnection: close\r\n\r\n"
        )
        assert b" 404 " in b"".join(iter(lambda: connection.recv(2**16), b""))
    headers = anywhere.last_call()["request"]["headers"]
    assert [re.split(", ?", value) for name, value in headers.items() if name.lower() == "x-seen"] == [["a", "b"]]


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (NOTHING, None),
        (b"not JSON \xd0\x96", {"text": "not JSON Ж"}),
        (b"\xff\xfe\x00", {"base64": base64.b64encode(b"\xff\xfe\x00").decode()}),
        (b"[1, 2.5, null]", [1, 2.5, None]),
        (
            b'{"n": 123456789012345678901234567890, "s": "\\u0416\\n"}',
            {"n": 123456789012345678901234567890, "s": "Ж\n"},
        ),
    ],
)
def test_a_body_is_shown_as_json_else_as_text_or_base64(mock: Mock, sent: Any, shown: Any) -> None:
    mock.post("/nothing", sent)
    call = mock.last_call()
    assert call["request"]["body"] == shown
    assert call["request"]["body_size"] == (0 if sent is NOTHING else len(sent))


@pytest.fixture
def six(ucs: Door, gms: Door) -> Mock:
    """A mock with six calls, numbered from 1."""
    event = {"service_type": 100, "contact_key": "42"}
    replies = [
        ucs.post("/services/start", event),
        gms.post("/services/start", event),
        gms.get("/services/1"),
        ucs.get("/services/99"),
        gms.post("/services/start", {}),
        ucs.post("/nothing"),
    ]
    assert [reply.status for reply in replies] == [201, 201, 200, 404, 400, 404]
    assert [reply.headers["mockcs-call"] for reply in replies] == ["1", "2", "3", "4", "5", "6"]
    return ucs.mock


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [1, 2, 3, 4, 5, 6]),
        ("operation=start_service", [1, 2, 5]),
        ("operation=query_service_by_id&api=8.1", [4]),
        ("operation=composite_start", []),
        ("api=8.5", [2, 3, 5]),
        ("method=GET", [3, 4]),
        ("path=/services/start", [1]),
        ("path=/services/*", [1, 4]),
        ("path=*/services/?", [3]),
        ("status=404", [4, 6]),
        ("status=500", []),
        ("since=4", [5, 6]),
        ("since=6", []),
        ("limit=2", [5, 6]),
        ("limit=0", []),
        ("limit=100", [1, 2, 3, 4, 5, 6]),
        ("operation=start_service&limit=2", [2, 5]),
        ("since=1&status=404&limit=1", [6]),
    ],
)
def test_filters_leave_the_calls_that_pass_all_of_them_oldest_first(six: Mock, query: str, found: list[int]) -> None:
    answer = six.get(f"/__admin/calls?{query}").json
    assert [call["id"] for call in answer["calls"]] == found
    assert (answer["total"], answer["evicted"], answer["in_flight"]) == (6, 0, 0)


BAD = [
    "operation=start_servise",
    "status=ok",
    "status=",
    "since=-1",
    "since=1.5",
    "limit=all",
    "sice=1",
    "state=received",
]


@pytest.mark.parametrize("query", [*BAD, pytest.param("limit=" + "9" * 5000, id="limit of 5000 digits")])
def test_a_filter_that_cannot_be_meant_is_400(six: Mock, query: str) -> None:
    reply = six.get(f"/__admin/calls?{query}")
    assert reply.status == 400
    assert reply.json.keys() == {"error", "hint"}


def test_one_call_is_found_by_its_id_and_others_are_404(six: Mock) -> None:
    assert six.get("/__admin/calls/4").json == six.calls(since=3)[0]
    for number in ("0", "7", "x"):
        reply = six.get(f"/__admin/calls/{number}")
        assert (reply.status, reply.json.keys()) == (404, {"error", "hint"})


def test_calls_are_forgotten_but_their_ids_are_not_given_again(six: Mock) -> None:
    assert six.delete("/__admin/calls").json == {"removed": 6}
    assert six.delete("/__admin/calls").json == {"removed": 0}
    assert six.get("/__admin/calls").json == {"calls": [], "total": 6, "evicted": 0, "in_flight": 0}
    assert six.get("/__admin/calls/6").status == 404
    assert six.get("/services/1").headers["mockcs-call"] == "7"


def test_a_reset_begins_the_journal_anew(six: Mock) -> None:
    six.reset()
    assert six.get("/__admin/calls").json == {"calls": [], "total": 0, "evicted": 0, "in_flight": 0}
    assert six.get("/services/1").headers["mockcs-call"] == "1"


def test_the_admin_api_leaves_no_calls(anywhere: Mock) -> None:
    for path in ("/health", "/calls", "/services", "/services/9", "/nothing", "", "/calls/verify"):
        anywhere.get(f"/__admin{path}")
    anywhere.post("/__admin/calls/verify", {"match": {"method": "POST"}})
    anywhere.post("/__admin/calls/verify", b"junk")
    assert anywhere.get("/__admin/calls").json == {"calls": [], "total": 0, "evicted": 0, "in_flight": 0}


def test_calls_that_come_at_once_are_each_recorded_once(anywhere: Mock) -> None:
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda number: anywhere.get(f"/services/{number}"), range(1, 101)))
    calls = anywhere.calls()
    assert [call["id"] for call in calls] == list(range(1, 101))
    assert {(reply.headers["mockcs-call"]) for reply in replies} == {str(call["id"]) for call in calls}
    assert {call["path_params"]["service_id"] for call in calls} == {str(number) for number in range(1, 101)}


def test_a_call_in_flight_is_shown_as_received_and_cannot_be_forgotten(anywhere: Mock) -> None:
    fault = {"operation": "query_service_by_id", "delay_ms": 20_000, "times": 1}
    assert anywhere.post("/__admin/faults", fault).status == 201
    with ThreadPoolExecutor(1) as pool:
        delayed = pool.submit(anywhere.get, "/services/1")
        while not anywhere.calls():
            assert not delayed.done()
        anywhere.get("/services/2")
        assert anywhere.delete("/__admin/calls").json == {"removed": 1}
        answer = anywhere.get("/__admin/calls").json
        assert [(each["id"], each["state"], each["response"]) for each in answer["calls"]] == [(1, "received", None)]
        assert (answer["total"], answer["in_flight"]) == (2, 1)
        anywhere.reset()
        delayed.result(20)
    assert anywhere.get("/__admin/calls").json["total"] == 0


SECRETS = {"Authorization": "Basic a2VudDpzZWNyZXQ=", "Proxy-Authorization": "Bearer s3cr3t", "Cookie": "sid=s3cr3t"}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_masked_wherever_the_admin_api_shows_it_and_can_still_be_matched(anywhere: Mock, name: str) -> None:
    secret = SECRETS[name]
    for value in (secret, secret, "another"):
        anywhere.request("GET", "/services/1", **{name.lower(): value})
    verified = anywhere.post("/__admin/calls/verify", {"match": {"headers": {name: "x"}}})
    order = anywhere.post("/__admin/calls/verify-order", {"matches": [{"headers": {name: "x"}}]})
    shown = [anywhere.get("/__admin/calls"), anywhere.get("/__admin/calls/1"), verified, order]
    assert [reply.status for reply in shown] == [200, 200, 409, 409]
    assert not [reply.body for reply in shown if secret.encode() in reply.body]
    masks = [{k.lower(): v for k, v in call["request"]["headers"].items()}[name.lower()] for call in anywhere.calls()]
    assert masks[0] == masks[1]
    assert masks[2] != masks[0]
    found = anywhere.post("/__admin/calls/verify", {"match": {"headers": {name.upper(): secret}}, "exactly": 2})
    assert (found.status, found.json["calls"]) == (200, [1, 2])


def test_a_secret_that_looks_masked_already_is_masked_all_the_same(mock: Mock) -> None:
    mock.request("GET", "/services/1", authorization="masked:s3cr3t")
    assert b"s3cr3t" not in mock.get("/__admin/calls").body
