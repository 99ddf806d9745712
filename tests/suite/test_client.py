"""The client as a tester uses it: by the `mockcs` fixture alone, in this process or with --mockcs-url."""

from __future__ import annotations

import itertools
import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from unittest.mock import ANY
from urllib.parse import urljoin

import pytest

from mockcs import Call, Client, MockcsError, Service

CALLER = "408-832-7799"
ANSWERED = [{"state_type": "answered", "active_tasks": [{"task_type": "verify"}]}]
RUNG = [{"state_type": "rung", "disposition": 1}]


@dataclass(frozen=True)
class Ivr:
    """An application: all that it knows of the mock is a base URL."""

    base_url: str

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """One request; returns the status and the answer's JSON, None for an empty body."""
        return self._open(path, method, None if body is None else json.dumps(body).encode(), headers)

    def send_text(self, path: str, text: bytes) -> int:
        """A body as it is; returns the status."""
        return self._open(path, "POST", text, {})[0]

    def start(self, **event: Any) -> int:
        """Start a service, of CALLER unless the event says otherwise; returns its id."""
        status, answer = self.send("POST", "/services/start", {"contact_key": CALLER, "service_type": 100, **event})
        assert status == 201, answer
        return int(answer["service_id"])

    def end(self, service: int, **event: Any) -> None:
        status, answer = self.send("POST", f"/services/{service}/end", event)
        assert status == 204, answer

    def start_state(self, service: int, **event: Any) -> int:
        status, answer = self.send("POST", f"/services/{service}/states/start", {"state_type": 1, **event})
        assert status == 201, answer
        return int(answer["state_id"])

    def _open(self, path: str, method: str, data: bytes | None, headers: dict[str, str]) -> tuple[int, Any]:
        headers = {"Content-Type": "application/json", **headers}
        request = urllib.request.Request(self.base_url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, json.loads(refusal.read() or b"null")


@pytest.fixture
def ivr(mockcs: Client) -> Ivr:
    """The application on 8.5."""
    return Ivr(mockcs.url)


def failure(expected: Any, *arguments: Any, **match: Any) -> str:
    """The message of an assertion that does not hold."""
    with pytest.raises(AssertionError) as caught:
        expected(*arguments, **match)
    return str(caught.value)


def misuse(asked: Any, *arguments: Any, **match: Any) -> str:
    """The sentence and the hint of a MockcsError."""
    with pytest.raises(MockcsError) as caught:
        asked(*arguments, **match)
    return f"{caught.value} | {caught.value.hint}"


# Where the application goes


def test_both_base_urls_lead_to_the_same_mock(mockcs: Client) -> None:
    assert mockcs.url == f"{mockcs.url_81}/genesys/1/cs"
    assert mockcs.url_81.startswith(mockcs.base_url)
    old, new = Ivr(mockcs.url_81).start(), Ivr(mockcs.url).start()
    assert [call.api for call in mockcs.calls] == ["8.1", "8.5"]
    assert [service.service_id for service in mockcs.services()] == [old, new]


def test_the_location_of_a_start_leads_back_to_the_service(mockcs: Client, ivr: Ivr) -> None:
    number = ivr.start()
    location = mockcs.calls.last.response.headers["Location"]
    with urllib.request.urlopen(urljoin(mockcs.url, location), timeout=10) as answer:
        assert json.load(answer)["service_id"] == number


def test_a_client_says_where_it_points_to(mockcs: Client) -> None:
    assert repr(mockcs) == f"Client({mockcs.url_81!r})"


# Calls


def test_a_test_begins_without_calls_services_or_used_ids(mockcs: Client, ivr: Ivr) -> None:
    assert (len(mockcs.calls), mockcs.services()) == (0, [])
    assert ivr.start() == 1


def test_calls_are_a_sequence_oldest_first(mockcs: Client, ivr: Ivr) -> None:
    for key in ("A", "B", "C"):
        ivr.start(contact_key=key)
    calls = mockcs.calls
    assert len(calls) == 3
    assert [call.request.json["contact_key"] for call in calls] == ["A", "B", "C"]
    assert (calls[0], calls[-1]) == (next(iter(calls)), calls.last)
    assert [call.id for call in calls[1:]] == [calls[1].id, calls[2].id]
    assert calls.last in calls
    assert [call.id for call in reversed(calls)] == [calls[2].id, calls[1].id, calls[0].id]
    with pytest.raises(IndexError):
        calls[3]


def test_calls_of_an_operation_are_those_calls_alone(mockcs: Client, ivr: Ivr) -> None:
    number = ivr.start()
    ivr.start_state(number)
    ivr.end(number)
    assert [call.operation for call in mockcs.calls] == ["start_service", "start_state", "complete_service"]
    assert len(mockcs.calls.of("start_state")) == 1
    assert mockcs.calls.of("start_state").last == mockcs.calls[1]
    assert list(mockcs.calls.of("query_services")) == []


def test_calls_that_came_later_are_in_the_next_look(mockcs: Client, ivr: Ivr) -> None:
    assert len(mockcs.calls) == 0
    ivr.start()
    assert len(mockcs.calls) == 1


def test_the_last_of_no_calls_is_a_failed_assertion(mockcs: Client, ivr: Ivr) -> None:
    assert failure(lambda: mockcs.calls.last) == "no call was made"
    ivr.start()
    assert failure(lambda: mockcs.calls.of("start_state").last) == "no call of start_state was made"


def test_calls_of_a_misspelt_operation_are_a_misuse(mockcs: Client) -> None:
    assert "start_service" in misuse(lambda: list(mockcs.calls.of("start_servcie")))


def test_a_call_tells_what_was_sent(mockcs: Client, ivr: Ivr) -> None:
    number = ivr.start()
    ivr.send("GET", f"/services/{number}?extensions=*&extensions=coupon", None, **{"X-Trace": "42"})
    start, query = mockcs.calls
    assert (start.request.method, start.request.path) == ("POST", "/genesys/1/cs/services/start")
    assert start.request.json == start.request.body == {"contact_key": CALLER, "service_type": 100}
    assert start.request.body_size == len(json.dumps(start.request.json))
    assert start.request.query == {}
    assert (query.request.json, query.request.body_size) == (None, 0)
    assert query.request.query == {"extensions": ["*", "coupon"]}
    assert query.path_params == {"service_id": str(number)}
    assert query.request.headers["x-trace"] == "42"


def test_a_call_tells_what_was_answered(mockcs: Client, ivr: Ivr) -> None:
    number = ivr.start()
    ivr.end(number)
    start, end = mockcs.calls
    assert (start.status, start.response.status, start.response.json) == (201, 201, {"service_id": number})
    assert start.response.headers["LOCATION"].endswith(f"/services/{number}")
    assert (end.response.status, end.response.json) == (204, None)


def test_a_call_tells_what_it_was(mockcs: Client, ivr: Ivr) -> None:
    ivr.start()
    call = mockcs.calls.last
    assert (call.operation, call.api, call.state) == ("start_service", "8.5", "answered")
    assert isinstance(call.operation_id, str)
    assert call.received_at.endswith("Z")
    assert call.duration_ms >= 0
    assert call.fault is None
    assert repr(call) == f"<Call {call.id} start_service 201>"


def test_a_call_tells_what_it_changed(mockcs: Client, ivr: Ivr) -> None:
    number = ivr.start()
    state = ivr.start_state(number)
    ivr.end(number)
    changes = [[(each.kind, each.id, each.change) for each in call.changes] for call in mockcs.calls]
    assert changes == [
        [("service", number, "created")],
        [("state", state, "created")],
        [("service", number, "completed")],
    ]


def test_headers_are_found_without_regard_to_case(mockcs: Client, ivr: Ivr) -> None:
    ivr.send("GET", "/services/anonymous/42", None, **{"X-Trace": "42"})
    headers = mockcs.calls.last.request.headers
    assert headers["X-TRACE"] == headers.get("x-trace") == "42"
    assert "x-TRACE" in headers
    assert "X-Other" not in headers
    assert len(headers) == len(list(headers)) >= 2
    with pytest.raises(KeyError):
        headers["X-Other"]


@pytest.mark.mockcs(allow_violations=True)
def test_a_refused_call_tells_each_broken_rule_with_its_row(mockcs: Client, ivr: Ivr) -> None:
    status, _ = ivr.send("POST", "/services/start", {"est_duration": "long"})
    assert status == 400
    violations = {each.field: each for each in mockcs.calls.last.violations}
    assert violations.keys() == {"est_duration", "customer_id"}
    row = violations["est_duration"]
    assert (row.pointer, row.value, row.table) == ("/est_duration", "long", "service_start_event")
    assert (row.type, row["mandatory"], row.page) == ("integer", "no", "Start Service, 8.5.1")
    assert "est_duration" in row.message
    assert row.fix
    with pytest.raises(AttributeError, match="pointer"):
        row.rule  # type: ignore[attr-defined]  # noqa: B018 - the mistake itself
    assert mockcs.refused() == [mockcs.calls.last]


def test_no_call_is_refused_while_every_rule_is_kept(mockcs: Client, ivr: Ivr) -> None:
    ivr.start()
    assert mockcs.refused() == []


def test_a_suspicious_call_is_answered_and_gets_advice(mockcs: Client, ivr: Ivr) -> None:
    number = ivr.start()
    ivr.end(number)
    ivr.end(number)
    assert [len(call.advice) for call in mockcs.calls] == [0, 0, 1]
    assert mockcs.calls.last.violations == ()


def test_a_call_to_an_unknown_url_has_no_operation(mockcs: Client, ivr: Ivr) -> None:
    assert ivr.send("GET", "/nowhere")[0] == 404
    call = mockcs.calls.last
    assert (call.operation, call.operation_id) == (None, None)
    assert repr(call) == f"<Call {call.id} /genesys/1/cs/nowhere 404>"


@pytest.mark.mockcs(allow_violations=True)
def test_a_body_that_is_no_json_is_kept_as_its_text(mockcs: Client, ivr: Ivr) -> None:
    assert ivr.send_text("/services/start", b"{customer_id: 1}") == 400
    assert mockcs.calls.last.request.json == {"text": "{customer_id: 1}"}


# Assertions


def test_assert_called_returns_the_newest_such_call(mockcs: Client, ivr: Ivr) -> None:
    ivr.start(est_duration=1)
    ivr.start(est_duration=2)
    ivr.start(contact_key="other")
    call = mockcs.assert_called("start_service", body={"contact_key": CALLER})
    assert isinstance(call, Call)
    assert call.request.json["est_duration"] == 2


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ({"operation": "associate_service"}, {"operation": "start_service"}),
        ({"api": "8.5"}, {"api": "8.1"}),
        ({"method": "POST"}, {"method": "GET"}),
        ({"path": "/genesys/1/cs/customers/*/services/*"}, {"path": "/customers/*"}),
        ({"path_params": {"customer_id": "C1"}}, {"path_params": {"customer_id": "C2"}}),
        ({"query": {"trace": ["on"]}}, {"query": {"trace": ["off"]}}),
        ({"headers": {"x-trace": "42"}}, {"headers": {"X-Trace": "43"}}),
        ({"body": {"coupon": {"name": "D15"}}}, {"body": {"coupon": {"name": "D16"}}}),
        ({"body_schema": {"required": ["coupon"]}}, {"body_schema": {"required": ["Coupon"]}}),
        ({"status": 200}, {"status": 201}),
        ({"violations": False}, {"violations": True}),
        ({"advice": True}, {"advice": False}),
    ],
    ids=lambda match: next(iter(match)),
)
def test_a_call_can_be_matched_by(mockcs: Client, ivr: Ivr, right: dict[str, Any], wrong: dict[str, Any]) -> None:
    number = ivr.start()
    body = {"coupon": {"name": "D15", "rate": 0.5}, "resource_id": 7}
    assert ivr.send("POST", f"/customers/C1/services/{number}?trace=on", body, **{"X-Trace": "42"})[0] == 200
    associated = {"path": "*/customers/C1/services/1"}
    assert mockcs.assert_called(times=1, **{**associated, **right}) == mockcs.calls.last
    mockcs.assert_not_called(**{**associated, **wrong})


@pytest.mark.mockcs(allow_violations=True)
def test_a_call_can_be_matched_by_having_violations_or_advice(mockcs: Client, ivr: Ivr) -> None:
    number = ivr.start()
    ivr.end(number)
    ivr.end(number)
    ivr.send("POST", "/services/start", {})
    assert mockcs.assert_called(advice=True, times=1) == mockcs.calls[2]
    assert mockcs.assert_called(violations=True, times=1) == mockcs.calls[3]


@pytest.mark.parametrize(
    "counts",
    [{"times": 2}, {"at_least": 1}, {"at_least": 2}, {"at_most": 2}, {"at_most": 9}, {"at_least": 1, "at_most": 2}],
    ids=str,
)
def test_two_calls_are(mockcs: Client, ivr: Ivr, counts: dict[str, int]) -> None:
    ivr.start()
    ivr.start()
    assert mockcs.assert_called("start_service", **counts) == mockcs.calls.last


def test_calls_too_many_are_told_with_what_they_sent(mockcs: Client, ivr: Ivr) -> None:
    ivr.start(contact_key="one", notes="x" * 1000)
    ivr.start(contact_key="two")
    message = failure(mockcs.assert_not_called, "start_service")
    assert '"contact_key": "one"' in message
    assert '"contact_key": "two"' in message
    assert len(message.splitlines()) < 20
    assert max(map(len, message.splitlines())) <= 64


@pytest.mark.parametrize(
    ("now", "shown"),
    [
        (datetime(2009, 5, 12, 12, 5, 12, 145000, tzinfo=UTC), "2009-05-12T12:05:12.145Z"),
        (datetime(2009, 5, 12, 12, 5, 12, tzinfo=timezone(timedelta(hours=2))), "2009-05-12T10:05:12.000Z"),
    ],
)
def test_the_clock_takes_a_datetime_and_a_timedelta(mockcs: Client, now: datetime, shown: str) -> None:
    mockcs.clock.freeze(now)
    assert mockcs.clock.now == shown
    mockcs.clock.advance(timedelta(days=1))
    assert mockcs.clock.now == shown.replace("-12T", "-13T")
    assert "time zone" in misuse(mockcs.clock.set, now.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [
        ({"times": 1}, "wanted exactly 1, found 2"),
        ({"times": 3}, "wanted exactly 3, found 2"),
        ({"at_least": 3}, "wanted at least 3, found 2"),
        ({"at_most": 1}, "found 2"),
        ({"at_least": 3, "at_most": 4}, "wanted 3 to 4, found 2"),
    ],
    ids=str,
)
def test_two_calls_are_not(mockcs: Client, ivr: Ivr, counts: dict[str, int], wanted: str) -> None:
    ivr.start()
    ivr.start()
    message = failure(mockcs.assert_called, "start_service", **counts)
    assert message.startswith("start_service")
    assert wanted in message


def test_at_most_so_many_calls_are_at_least_one(mockcs: Client) -> None:
    assert "found 0" in failure(mockcs.assert_called, "start_service", at_most=2)


def test_a_failed_assertion_shows_the_nearest_calls_and_how_they_differ(mockcs: Client, ivr: Ivr) -> None:
    number = ivr.start(contact_key="408-832-7798")
    ivr.start_state(number)
    message = " ".join(failure(mockcs.assert_called, "start_service", body={"contact_key": CALLER}).split())
    assert f'{{"contact_key": "{CALLER}"}}' in message.partition("nearest calls:")[0]
    nearest = message.partition("nearest calls:")[2]
    assert nearest.index("1 start_service 201 POST /genesys/1/cs/services/start") < nearest.index("2 start_state")
    assert f'body.contact_key: wanted "{CALLER}", was "408-832-7798"' in nearest
    assert 'operation: wanted "start_service", was "start_state"' in nearest


def test_a_failed_assertion_without_any_call_says_so(mockcs: Client) -> None:
    message = failure(mockcs.assert_called, "start_service")
    assert "wanted at least 1, found 0" in message
    assert "no other call came" in message


def test_assert_not_called_holds_until_such_a_call_comes(mockcs: Client, ivr: Ivr) -> None:
    ivr.start()
    mockcs.assert_not_called("complete_service")
    mockcs.assert_not_called("start_service", body={"contact_key": "other"})
    message = failure(mockcs.assert_not_called, "start_service", body={"contact_key": CALLER})
    assert "found 1" in message
    assert "1  start_service  201  POST" in message


def test_assert_order_lets_other_calls_come_between(mockcs: Client, ivr: Ivr) -> None:
    number = ivr.start()
    ivr.start_state(number, state_type=1)
    ivr.start_state(number, state_type=2)
    ivr.end(number)
    mockcs.assert_order("start_service", "complete_service")
    second = {"operation": "start_state", "body": {"state_type": 2}}
    mockcs.assert_order("start_service", "start_state", second, "complete_service")


def test_assert_order_fails_when_the_calls_came_otherwise(mockcs: Client, ivr: Ivr) -> None:
    ivr.end(ivr.start())
    message = failure(mockcs.assert_order, "complete_service", {"operation": "start_service", "status": 201})
    assert "1 of 2 came in this order" in message
    assert "2. start_service; status: 201" in message
    assert "2  complete_service  204" in message


EXPECTATIONS: list[Callable[[Client], Any]] = [
    lambda client: client.assert_called("start_service"),
    lambda client: client.assert_not_called("start_service"),
    lambda client: client.assert_order("start_service", "complete_service"),
    lambda client: client.wait_for("start_service", timeout=0),
]

MISUSES: dict[str, tuple[Callable[[Client], Any], str]] = {
    "misspelt operation": (lambda mockcs: mockcs.assert_called("start_servcie"), "start_service"),
    "misspelt member": (lambda mockcs: mockcs.assert_called("start_service", bdoy={}), "'bdoy'"),
    "nothing to match": (lambda mockcs: mockcs.assert_called(), "match"),
    "no call wanted": (lambda mockcs: mockcs.assert_called("start_service", times=0), "assert_not_called"),
    "two counts": (lambda mockcs: mockcs.assert_called("start_service", times=1, at_most=2), "exactly"),
    "impossible counts": (lambda mockcs: mockcs.assert_called("start_service", at_least=3, at_most=2), "at_least"),
    "misspelt absentee": (lambda mockcs: mockcs.assert_not_called("start_servcie"), "start_service"),
    "empty order": (lambda mockcs: mockcs.assert_order(), "match"),
    "misspelt in an order": (lambda mockcs: mockcs.assert_order("start_servcie"), "start_service"),
    "misspelt and awaited": (lambda mockcs: mockcs.wait_for("start_servcie"), "start_service"),
    "a value that is no JSON": (
        lambda mockcs: mockcs.assert_called("start_service", body={"contact_key": ANY}),
        "JSON",
    ),
    "a pattern": (lambda mockcs: mockcs.assert_called("start_service", path=re.compile("x")), "JSON"),
    "a list for an order": (lambda mockcs: mockcs.assert_order(["start_service"]), "one after the other"),  # type: ignore[arg-type]
    "no end of waiting": (lambda mockcs: mockcs.wait_for("start_service", timeout=float("inf")), "seconds"),
    "more than a number holds": (lambda mockcs: mockcs.wait_for("start_service", timeout=10**400), "seconds"),
    "no time to wait": (lambda mockcs: mockcs.wait_for("start_service", timeout=None), "seconds"),  # type: ignore[arg-type]
    "a reading that is a number": (lambda mockcs: mockcs.readings.update({404: "x"}), "a name is a text"),  # type: ignore[dict-item]
    "a name that no URL can hold": (lambda mockcs: mockcs.service("\ud800"), "no URL can hold"),
    "no URL": (lambda _: Client(None), "None"),  # type: ignore[arg-type]
    "no call awaited": (lambda mockcs: mockcs.wait_for("start_service", times=0), "assert_not_called"),
}


def test_a_late_answer_may_be_a_refusal(mockcs: Client, ivr: Ivr) -> None:
    mockcs.delay("start_service", seconds=0.01, status=503)
    event = {"contact_key": "1", "service_type": 1}
    assert [ivr.send("POST", "/services/start", event)[0] for _ in range(2)] == [503, 201]


@pytest.mark.parametrize("mistake", MISUSES)
def test_an_expectation_written_wrongly_is_a_misuse_not_a_failure(mockcs: Client, mistake: str) -> None:
    asked, told = MISUSES[mistake]
    assert told in misuse(asked, mockcs)


@pytest.mark.parametrize("ask", [*EXPECTATIONS, lambda client: client.refused(), lambda client: client.services()])
def test_a_client_of_the_url_of_the_api_cannot_pass_for_one_of_a_mock(
    mockcs: Client, ask: Callable[[Client], Any]
) -> None:
    assert "is not where a mock has its admin API" in misuse(ask, Client(mockcs.base_url + "/genesys/1/cs"))


# Waiting


def test_wait_for_returns_the_call_that_comes_meanwhile(mockcs: Client, ivr: Ivr) -> None:
    caller = threading.Thread(target=ivr.start, kwargs={"contact_key": "later"})
    caller.start()
    try:
        call = mockcs.wait_for("start_service", body={"contact_key": "later"}, timeout=30)
    finally:
        caller.join()
    assert (call.operation, call.state, call.response.status) == ("start_service", "answered", 201)


def test_wait_for_waits_for_as_many_calls_as_it_is_told(mockcs: Client, ivr: Ivr) -> None:
    callers = [threading.Thread(target=ivr.start, kwargs={"est_duration": number}) for number in range(3)]
    for caller in callers:
        caller.start()
    try:
        call = mockcs.wait_for("start_service", times=3, timeout=30)
    finally:
        for caller in callers:
            caller.join()
    assert call == mockcs.calls.last
    assert len(mockcs.calls) == 3


def test_wait_for_returns_at_once_when_the_call_has_come(mockcs: Client, ivr: Ivr) -> None:
    ivr.start()
    assert mockcs.wait_for("start_service", timeout=0) == mockcs.calls.last


def test_wait_for_a_call_that_does_not_come_fails_with_the_nearest_calls(mockcs: Client, ivr: Ivr) -> None:
    ivr.start()
    message = failure(mockcs.wait_for, "complete_service", timeout=0.01)
    assert "wanted at least 1, found 0" in message
    assert 'operation: wanted "complete_service", was "start_service"' in " ".join(message.split())


# Services


def test_a_service_is_shown_with_everything_in_it(mockcs: Client, ivr: Ivr) -> None:
    number = ivr.start(coupon={"name": "D15"}, est_duration=60)
    state = ivr.start_state(number, state_type="answered")
    service = mockcs.service(number)
    assert isinstance(service, Service)
    assert service.active
    assert (service.service_id, service["contact_key"], service.est_duration) == (number, CALLER, 60)
    assert service.coupon == {"name": "D15"}
    assert [(each["state_id"], each["state_type"]) for each in service.active_states] == [(state, "answered")]
    assert len(mockcs.calls) == 2


def test_a_completed_service_is_not_active(mockcs: Client, ivr: Ivr) -> None:
    number = ivr.start()
    ivr.end(number, disposition=10)
    service = mockcs.service(number)
    assert not service.active
    assert service.disposition == 10


def test_a_service_can_be_asked_for_by_the_id_that_was_answered(mockcs: Client, ivr: Ivr) -> None:
    mockcs.readings["service-id"] = "string"
    _, answer = ivr.send("POST", "/services/start", {"contact_key": CALLER})
    assert isinstance(answer["service_id"], str)
    assert mockcs.service(answer["service_id"]).active


def test_a_service_that_is_not_there_is_a_failed_assertion_that_names_those_there(mockcs: Client, ivr: Ivr) -> None:
    assert failure(mockcs.service, 7).startswith("there is no service 7")
    ivr.start()
    ivr.start()
    assert failure(mockcs.service, 7).endswith(" 1, 2")


def test_a_member_that_a_service_lacks_is_named_with_those_it_has(mockcs: Client, ivr: Ivr) -> None:
    service = mockcs.service(ivr.start())
    with pytest.raises(AttributeError, match=r"customer_id.*contact_key"):
        service.customer_id  # noqa: B018 - the mistake itself


def test_services_can_be_told_apart_by_customer_contact_key_and_activity(mockcs: Client, ivr: Ivr) -> None:
    mine, nobodys, ended = ivr.start(customer_id="C1"), ivr.start(contact_key="K"), ivr.start(customer_id="C1")
    ivr.end(ended)

    def ids(**wanted: Any) -> list[int]:
        return [service.service_id for service in mockcs.services(**wanted)]

    assert ids() == [mine, nobodys, ended]
    assert ids(customer_id="C1") == [mine, ended]
    assert ids(contact_key="K") == [nobodys]
    assert ids(active=True) == [mine, nobodys]
    assert ids(customer_id="C1", active=False) == [ended]
    assert ids(customer_id="C2") == []


def test_services_wanted_by_an_unknown_member_are_a_misuse(mockcs: Client) -> None:
    assert "customer_id" in misuse(mockcs.services, customer="C1")


# Setting up


def test_a_given_service_is_there_without_any_call(mockcs: Client, ivr: Ivr) -> None:
    service = mockcs.given_service(customer_id="C1", service_type=100, coupon={"name": "D15"})
    assert service.active
    assert service.customer_id == "C1"
    assert len(mockcs.calls) == 0
    status, found = ivr.send("GET", f"/services/{service.service_id}?extensions=coupon")
    assert (status, found["customer_id"], found["coupon"]) == (200, "C1", {"name": "D15"})


def test_a_service_can_be_given_with_states_and_tasks(mockcs: Client, ivr: Ivr) -> None:
    service = mockcs.given_service(
        contact_key=CALLER, active_states=ANSWERED, completed_states=RUNG, active_tasks=[{"task_type": "notify"}]
    )
    assert [state["state_type"] for state in service.active_states] == ["answered"]
    assert [state["disposition"] for state in service.completed_states] == [1]
    assert {task["task_type"] for task in service.active_tasks} == {"verify", "notify"}
    state = service.active_states[0]["state_id"]
    assert ivr.send("GET", f"/services/{service.service_id}/states/{state}")[1]["state_type"] == "answered"
    assert mockcs.service(service.service_id) == service


def test_a_service_can_be_given_as_completed(mockcs: Client) -> None:
    service = mockcs.given_service(
        customer_id="C1",
        started={"timestamp": "2026-01-01T08:00:00.000Z"},
        completed={"timestamp": "2026-01-01T09:00:00.000Z"},
    )
    assert not service.active
    assert mockcs.services(active=False) == [service]


def test_a_service_that_no_query_could_show_is_a_misuse_and_leaves_nothing(mockcs: Client) -> None:
    assert "customer_id" in misuse(mockcs.given_service, service_type=100)
    assert "est_duration" in misuse(mockcs.given_service, customer_id="C1", est_duration="long")
    assert mockcs.services() == []


def test_the_next_ids_can_be_chosen(mockcs: Client, ivr: Ivr) -> None:
    assert (mockcs.ids.service, mockcs.ids.state, mockcs.ids.task) == (1, 1, 1)
    mockcs.ids.service = 12349857
    mockcs.ids.state = 24
    mockcs.ids.task = 7
    number = ivr.start()
    assert (number, ivr.start_state(number), ivr.start()) == (12349857, 24, 12349858)
    assert (mockcs.ids.service, mockcs.ids.state, mockcs.ids.task) == (12349859, 25, 7)


def test_an_impossible_next_id_is_a_misuse(mockcs: Client) -> None:
    def choose() -> None:
        mockcs.ids.service = -1

    assert "whole number" in misuse(choose)
    assert mockcs.ids.service == 1


def test_a_reading_can_be_chosen_and_given_back(mockcs: Client, ivr: Ivr) -> None:
    assert mockcs.readings["complete-status"] == "204"
    mockcs.readings["complete-status"] = "200"
    assert ivr.send("POST", f"/services/{ivr.start()}/end", {})[0] == 200
    del mockcs.readings["complete-status"]
    assert mockcs.readings["complete-status"] == "204"
    assert ivr.send("POST", f"/services/{ivr.start()}/end", {})[0] == 204


def test_the_readings_are_a_mapping(mockcs: Client) -> None:
    assert len(mockcs.readings) == len(list(mockcs.readings)) > 10
    assert "complete-status" in mockcs.readings
    assert "no-such" not in mockcs.readings
    assert mockcs.readings.get("no-such") is None
    assert dict(mockcs.readings)["not-found"] == "400"
    mockcs.readings.update({"not-found": "404", "complete-status": "200"})
    assert (mockcs.readings["not-found"], mockcs.readings["complete-status"]) == ("404", "200")


def test_clearing_the_readings_goes_back_to_every_default(mockcs: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, ask = itertools.count(), mockcs.ask

    def bounded(*request: Any) -> Any:
        assert next(asked) < 1000, "it never ends"
        return ask(*request)

    defaults = dict(mockcs.readings)
    mockcs.readings.update({"complete-status": "200", "not-found": "404"})
    with monkeypatch.context() as patched:
        patched.setattr(mockcs, "ask", bounded)
        mockcs.readings.clear()
    assert dict(mockcs.readings) == defaults


def test_an_unknown_reading_or_choice_is_a_misuse(mockcs: Client) -> None:
    with pytest.raises(KeyError):
        mockcs.readings["no-such"]
    assert "no-such" in misuse(mockcs.readings.update, {"no-such": "1"})
    assert "204" in misuse(mockcs.readings.update, {"complete-status": "201"})


def test_reset_begins_anew(mockcs: Client, ivr: Ivr) -> None:
    ivr.start()
    mockcs.given_service(customer_id="C1")
    mockcs.readings["complete-status"] = "200"
    mockcs.reset()
    assert (len(mockcs.calls), mockcs.services(), mockcs.readings["complete-status"]) == (0, [], "204")
    assert ivr.start() == 1
    assert mockcs.calls.last.id == 1


def test_the_admin_api_can_be_asked_itself(mockcs: Client, ivr: Ivr) -> None:
    ivr.start()
    assert mockcs.ask("GET", "/health")["status"] == "ready"
    assert mockcs.ask("GET", "/calls?limit=1")["total"] == 1
    assert mockcs.ask("PUT", "/ids", {"task": 5})["task"] == 5
    assert "there is no call 9" in misuse(mockcs.ask, "GET", "/calls/9")
    for path, wanted in (
        ("/calls/verify", {"match": {"operation": "start_service"}, "exactly": 2}),
        ("/calls/verify-order", {"matches": [{"operation": "complete_service"}]}),
    ):
        assert mockcs.ask("POST", path, wanted)["verdict"] == "fails"


def test_a_fault_of_a_connection_keeps_a_status_that_was_asked_for(mockcs: Client) -> None:
    mockcs.fail("start_service", status=502, connection="truncate")
    mockcs.fail("query_services", connection="truncate")
    mockcs.fail("query_states", connection=None)
    statuses = [each.get("status") for each in mockcs.ask("GET", "/faults")["faults"]]
    assert statuses == [502, None, 503]


def test_nothing_is_wanted_by_none(mockcs: Client) -> None:
    mockcs.given_service(contact_key="1")
    assert len(mockcs.services(customer_id=None, active=None)) == 1


def test_calls_compare_like_lists(mockcs: Client) -> None:
    assert mockcs.calls == []
    assert mockcs.calls != [1]
    assert mockcs.calls == mockcs.calls


MISUSED: dict[str, Any] = {
    "a time that is a number": lambda mockcs: mockcs.clock.set(1.5),
    "a delay of None": lambda mockcs: mockcs.delay("start_service", seconds=None),
    "a snapshot without a name": lambda mockcs: mockcs.snapshot(1),
    "a service without an id": lambda mockcs: mockcs.service(""),
    "an operation with blanks": lambda mockcs: mockcs.calls.of("start service").last,
    "an empty operation": lambda mockcs: mockcs.calls.of("").last,
}


@pytest.mark.parametrize("how", MISUSED)
def test_an_argument_of_a_wrong_kind_is_a_misuse_in_one_sentence(mockcs: Client, how: str) -> None:
    with pytest.raises(MockcsError) as raised:
        MISUSED[how](mockcs)
    assert "\n" not in str(raised.value)
    assert "no mockcs answers" not in str(raised.value)


def test_a_name_has_no_slash(mockcs: Client) -> None:
    for named in (mockcs.of, mockcs.snapshot, mockcs.restore):
        assert "a name has no slash, unlike" in misuse(named, "a/b")


def test_a_service_id_with_a_slash_is_that_of_no_service(mockcs: Client) -> None:
    assert "1/2" in failure(mockcs.service, "1/2")


@pytest.mark.mockcs(allow_violations=True)
def test_a_call_that_ends_while_it_is_looked_for_is_found(
    mockcs: Client, ivr: Ivr, monkeypatch: pytest.MonkeyPatch
) -> None:
    mockcs.delay("start_service", seconds=0.3)
    call = threading.Thread(target=ivr.send, args=("POST", "/services/start", {"contact_key": 1}))
    call.start()
    while call.is_alive() and not mockcs.ask("GET", "/calls?limit=0")["in_flight"]:
        pass
    ask = mockcs.ask

    def later(*asked: Any) -> Any:
        call.join()
        return ask(*asked)

    with monkeypatch.context() as patched:
        patched.setattr(mockcs, "ask", later)
        found = mockcs.refused(within=5)
    assert [each.status for each in found] == [400]


def test_a_path_without_a_slash_is_no_path_of_the_admin_api(mockcs: Client) -> None:
    with pytest.raises(MockcsError, match="begins with a slash"):
        mockcs.ask("GET", "health")
    assert mockcs.calls == []
