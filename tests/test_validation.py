"""Every field of every event table: what its row forbids is refused over HTTP and quoted, what it allows passes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pytest

from mockcs.documented import Field
from tests.conftest import Door, Mock, Reply
from tests.values import DATES, MANUAL, NO_DATES, PLACES, Place, right_values, sent_in, wrong_values

READINGS = [
    (api, name, reading)
    for api in ("8.1", "8.5")
    for name, place in sent_in(api).items()
    for reading in sorted({row.reading for row in MANUAL.rows(api, place.table)})
]
"""Every event table of both generations, as it is and under each reading that replaces rows of it."""
EVENTS = [(api, name) for api in ("8.1", "8.5") for name in sent_in(api)]
TIMED = [(api, name) for api, name in EVENTS if "timestamp" in MANUAL.names(api, PLACES[name].table)]
EXPIRING = ("ttl", "expiration_time")
"""What may end a service's time, so that each of its values needs a service of its own."""


def opened(mock: Mock, api: str, place: Place, reading: str = "") -> tuple[Door, Any]:
    """A generation under a reading (`id=choice`), and a service, with the state or task 1 where the place needs one."""
    if reading:
        name, choice = reading.split("=")
        mock.read_as(**{name: choice})
    door = Door(mock, api)
    service = door.start_service()
    if "/states/" in place.path:
        door.start_state(service)
    if "/tasks/" in place.path:
        door.start_task(service)
    return door, service


def send(door: Door, place: Place, service: Any, document: Any) -> Reply:
    return door.post(place.path.format(service=service), place.body(document))


def call_of(door: Door, reply: Reply) -> dict[str, Any]:
    return door.mock.get(f"/__admin/calls/{reply.headers['mockcs-call']}").json


def tried(
    door: Door, place: Place, services: list[Any], name: str, values: list[Any]
) -> Iterator[tuple[Any, Reply, Any]]:
    """Each value as that member of an otherwise right document, with its answer and its violations."""
    documents = [{**place.plain(), name: value} for value in values]
    replies = [send(door, place, each, document) for each, document in zip(cycle(services), documents, strict=False)]
    calls = door.mock.calls(limit=len(values))
    for value, reply, call in zip(values, replies, calls, strict=True):
        assert reply.headers["mockcs-call"] == str(call["id"])
        yield value, reply, call["violations"]


def trace(door: Door) -> Any:
    """All that is stored."""
    return door.mock.state(), door.mock.get("/metadata/services/extensions").json


def quoted(row: Field) -> dict[str, str]:
    return {name: getattr(row, name) for name in ("table", "field", "type", "mandatory", "page")}


def assert_refused(reply: Reply, found: list[Any], *expected: tuple[str, Field]) -> None:
    """The one helper that says what a refusal is: 400 and these violations, each with its row, sentence and fix."""
    assert reply.status == 400, reply.body
    assert reply.headers["mockcs-violations"].startswith(f"{len(expected)}; ")
    assert {each["pointer"] for each in found} == {pointer for pointer, _ in expected}
    for pointer, row in expected:
        violation = next(each for each in found if each["pointer"] == pointer)
        assert {name: violation[name] for name in quoted(row)} == quoted(row)
        assert violation["message"]
        assert violation["fix"]


def rows_of(api: str, place: Place, reading: str) -> list[Field]:
    return [row for row in MANUAL.rows(api, place.table) if row.reading == reading and not row.is_open]


@pytest.mark.parametrize(("api", "name", "reading"), READINGS)
def test_a_field_of_a_wrong_type_is_refused_and_its_row_quoted(mock: Mock, api: str, name: str, reading: str) -> None:
    place = PLACES[name]
    door, service = opened(mock, api, place, reading)
    before = trace(door)
    for row in rows_of(api, place, reading):
        for value, reply, found in tried(door, place, [service], row.field, wrong_values(row)):
            assert reply.status == 400, (row.field, value, reply.body)
            if isinstance(value, dict | list) and value:
                assert found[0]["pointer"].startswith(place.pointer(row.field))  # what is wrong stands inside
            else:
                assert_refused(reply, found, (place.pointer(row.field), row))
                assert found[0]["value"] == value
    assert trace(door) == before


@pytest.mark.parametrize(("api", "name", "reading"), READINGS)
def test_a_field_of_a_right_type_passes(mock: Mock, api: str, name: str, reading: str) -> None:
    place = PLACES[name]
    door, service = opened(mock, api, place, reading)
    for row in rows_of(api, place, reading):
        values = right_values(row)
        services = [door.start_service() for _ in values] if row.field in EXPIRING else [service]
        for value, reply, found in tried(door, place, services, row.field, values):
            assert reply.status in (200, 201, 204), (row.field, value, reply.body)
            assert found == []
            assert "mockcs-violations" not in reply.headers
        assert values


def test_every_type_has_a_value_of_each_other_json_type_to_try() -> None:
    rows = [row for api, name, reading in READINGS for row in rows_of(api, PLACES[name], reading)]
    assert len(rows) > 200
    assert {row.field for row in rows if len(wrong_values(row)) < 5} == {"default"}, "only this one takes any JSON"


STRICT = [key for key in READINGS if any(row.mandatory == "yes" for row in rows_of(key[0], PLACES[key[1]], key[2]))]


@pytest.mark.parametrize(("api", "name", "reading"), STRICT)
def test_a_missing_mandatory_field_is_refused_and_its_row_quoted(mock: Mock, api: str, name: str, reading: str) -> None:
    place = PLACES[name]
    door, service = opened(mock, api, place, reading)
    before = trace(door)
    mandatory = [row for row in rows_of(api, place, reading) if row.mandatory == "yes"]
    for row in mandatory:
        document = {each: value for each, value in place.plain().items() if each != row.field}
        reply = send(door, place, service, document)
        found = call_of(door, reply)["violations"]
        assert_refused(reply, found, (place.pointer(row.field), row))
        assert found[0]["value"] is None
        assert row.field in found[0]["message"]
        assert row.field in found[0]["fix"]
    assert trace(door) == before
    assert send(door, place, service, place.plain()).status < 300, "with all of them it passes"


def row_of(api: str, place: Place, name: str) -> Field:
    return next(row for row in MANUAL.rows(api, place.table) if row.field == name and not row.reading)


@pytest.mark.parametrize(("api", "name"), [(a, n) for a, n in EVENTS if PLACES[n].table == "service_start_event"])
def test_a_service_needs_a_customer_or_a_contact_key(mock: Mock, api: str, name: str) -> None:
    place = PLACES[name]
    door, service = opened(mock, api, place)
    before = trace(door)
    reply = send(door, place, service, {"service_type": 1})
    found = call_of(door, reply)["violations"]
    assert_refused(reply, found, (place.pointer(), row_of(api, place, "customer_id")))
    assert "neither customer_id nor contact_key" in found[0]["message"]
    assert "customer_id or contact_key" in found[0]["fix"]
    assert trace(door) == before
    for key in ("customer_id", "contact_key"):
        assert send(door, place, service, {"service_type": 1, key: "C9"}).status < 300


@pytest.mark.parametrize(("api", "name"), EVENTS)
def test_a_body_that_is_no_object_is_refused_as_a_whole(mock: Mock, api: str, name: str) -> None:
    place = PLACES[name]
    door, service = opened(mock, api, place)
    before = trace(door)
    for value in ([], [place.plain()], "x", 5, 1.5, True, None):
        reply = send(door, place, service, value)
        violations = call_of(door, reply)["violations"]
        assert reply.status == 400, (value, reply.body)
        assert [each["pointer"] for each in violations] == [place.pointer()]
        assert "must be an object" in violations[0]["message"]
        assert "quotes" not in violations[0]["fix"], "no quotes make an object of a number"
    assert trace(door) == before


@pytest.mark.parametrize(("api", "name"), [(a, n) for a, n in EVENTS if n in ("service", "state", "task", "end")])
def test_the_body_is_named_where_the_whole_body_is_wrong(mock: Mock, api: str, name: str) -> None:
    door, service = opened(mock, api, PLACES[name])
    violation = call_of(door, send(door, PLACES[name], service, []))["violations"][0]
    assert "the body must be an object" in violation["message"]
    assert all(violation[each] for each in ("table", "field", "type", "mandatory", "page")), violation


def test_all_violations_of_a_request_are_told_at_once(door: Door) -> None:
    place = PLACES["task"]
    row = {name: row_of(door.api, place, name) for name in ("state_id", "est_duration", "timestamp", "session_id")}
    event = {"task_type": 1, "state_id": 2**31, "est_duration": True, "timestamp": "soon", "session_id": None}
    before = trace(door)
    reply = door.post("/services/1/tasks/start", event)
    assert_refused(reply, call_of(door, reply)["violations"], *((f"/{name}", each) for name, each in row.items()))
    assert trace(door) == before


def test_path_query_and_body_are_reported_together(door: Door) -> None:
    reply = door.post("/services/one/tasks/start", {"task_type": None, "est_duration": "3"})
    pointers = [each["pointer"] for each in call_of(door, reply)["violations"]]
    assert pointers == ["path:service_id", "/task_type", "/est_duration"]


def test_violations_of_every_event_of_a_composite_start_are_told(gms: Door) -> None:
    events = [{"service": {"contact_key": "1"}, "state": {"est_duration": "x"}}, {"service": {"customer_id": 1}}]
    reply = gms.post("/services_composite/start", {"services": events})
    pointers = {each["pointer"] for each in call_of(gms, reply)["violations"]}
    assert reply.status == 400
    assert pointers == {"/services/0/state/est_duration", "/services/1/service/customer_id", "/services/1/state"}
    assert gms.mock.state()[0] == {"services": []}


@pytest.mark.parametrize(
    ("value", "passes"),
    [(2**63 - 1, True), (-(2**63), True), (40.0, True), (-0.0, True)]
    + [(each, False) for each in (2**63, 2.0**63, -(2**63) - 1, 40.5, True, False, None, "40", 1e300, 10**30)],
)
def test_an_integer_is_a_whole_number_of_64_bits(door: Door, value: Any, passes: bool) -> None:
    reply = door.post("/services/start", {"contact_key": "1", "service_type": 1, "est_duration": value})
    assert reply.status == (201 if passes else 400)


@pytest.mark.parametrize(
    ("value", "passes"),
    [(2**31 - 1, True), (-(2**31), True), (2**31, False), (-(2**31) - 1, False), (7.0, True), (2.0**31, False)],
)
def test_a_state_id_is_a_whole_number_of_32_bits(door: Door, value: float, passes: bool) -> None:
    reply = door.post(f"/services/{door.start_service()}/tasks/start", {"task_type": 1, "state_id": value})
    assert reply.status == (201 if passes else 400)


@pytest.mark.parametrize(("api", "name"), TIMED)
def test_a_time_is_utc_to_the_millisecond_and_on_a_date_that_exists(mock: Mock, api: str, name: str) -> None:
    place = PLACES[name]
    door, service = opened(mock, api, place)
    for text, reply, _ in tried(door, place, [service], "timestamp", [*DATES, *NO_DATES]):
        assert (reply.status < 300) is (text in DATES), text


@pytest.mark.parametrize("name", ["ttl", "auto_complete_after"])
@pytest.mark.parametrize("seconds", [2**63 - 1, -(2**63), -1, 0, 1e18])
def test_a_lifetime_of_any_length_is_taken_and_leaves_the_mock_answering(gms: Door, name: str, seconds: float) -> None:
    assert gms.post("/services/start", {"contact_key": "1", name: seconds}).status == 201
    service = gms.start_service()
    assert gms.get(f"/services/{service}").status == 200
    assert gms.mock.get("/__admin/services").status == 200


def test_null_is_a_value_of_any_json_and_of_no_other_type(gms: Door) -> None:
    service = gms.start_service(anything=None)
    assert gms.get(f"/services/{service}?extensions=anything").json["anything"] is None
    for row in MANUAL.rows("8.5", "service_start_event"):
        if not row.is_open:
            event = {"contact_key": "1", row.field: None}
            assert gms.post("/services/start", event).status == 400, row.field


@pytest.mark.parametrize("name", ["service", "association", "end", "state", "task"])
def test_attached_data_of_8_5_are_any_json(gms: Door, name: str) -> None:
    place, service = PLACES[name], gms.start_service()
    for value in ("x", "", 5, 1.5, 10**30, True, None, {}, [], {"a": [None, {"b": 1}]}, [[], 1, "x"]):
        reply = send(gms, place, service, {**place.plain(), "coupon": value, "": value, "\u0436": value})
        assert reply.status < 300, (value, reply.body)
        assert call_of(gms, reply)["violations"] == []


@pytest.mark.parametrize("value", ["true", "false"])
def test_a_quoted_boolean_passes_unless_the_reading_refuses_it(gms: Door, value: str) -> None:
    assert gms.post("/services/start", {"contact_key": "1", "auto_closed": value}).status == 201
    gms.mock.read_as(boolean_strings="refuse")
    reply = gms.post("/services/start", {"contact_key": "1", "auto_closed": value})
    overlay = next(row for row in MANUAL.rows("8.5", "service_start_event") if row.reading == "boolean-strings=refuse")
    found = call_of(gms, reply)["violations"]
    assert_refused(reply, found, ("/auto_closed", overlay))
    assert found[0]["fix"] == f"send {value} without quotes"
