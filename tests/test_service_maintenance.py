"""Delete, expiration, purge and export of services in 8.5; the modes and the status of an 8.1 server."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import NOTHING, Door, Reply
from tests.test_violations import row_of

T0, T1, T2, T3, T4 = (f"2026-01-01T{hour:02}:00:00.000Z" for hour in (8, 10, 12, 14, 16))
NOT_FOUND = "com.genesyslab.gsg.services.contextservices.exceptions.NotFoundException"
STREAM, FILES = "/maintenance/services/stream", "/maintenance/services/files"


def put(door: Door, path: str, body: Any = NOTHING) -> Reply:
    return door.request("PUT", path, body)


def freeze(door: Door, now: str) -> None:
    assert door.mock.put("/__admin/clock", {"now": now, "frozen": True}).status == 200


def left(door: Door) -> list[int]:
    return [each["service_id"] for each in door.mock.get("/__admin/services").json["services"]]


def call(door: Door) -> dict[str, Any]:
    return door.mock.last_call()


def pointers(door: Door) -> list[str]:
    return [each["pointer"] for each in call(door)["violations"]]


def test_a_deleted_service_is_gone_with_its_states_and_tasks(gms: Door, ucs: Door) -> None:
    service, other = gms.start_service(customer_id="C1"), gms.start_service(customer_id="C1")
    state = gms.start_state(service)
    gms.start_task(service, state_id=state)
    gms.post(f"/services/{service}/tasks/1/end")
    reply = gms.request("DELETE", f"/services/{service}")
    assert (reply.status, reply.body) == (200, b"")
    changes = {(each["kind"], each["id"], each["change"]) for each in call(gms)["changes"]}
    assert changes == {(kind, 1, "deleted") for kind in ("service", "state", "task")}
    assert [gms.get(f"/services/{service}{end}").status for end in ("", "/states/1", "/tasks/1")] == [400] * 3
    assert [each["service_id"] for each in gms.get("/customers/C1/services").json] == [other]
    assert ucs.get(f"/services/{service}").status == 404
    assert gms.start_service() == 3


def test_an_unknown_service_is_not_deleted_and_told_as_printed(gms: Door) -> None:
    gms.start_service()
    reply = gms.request("DELETE", "/services/9")
    wanted = {"message": "There are no service found for : 9", "exception": NOT_FOUND}
    assert (reply.status, reply.json, left(gms)) == (400, wanted, [1])


def test_8_1_has_no_call_that_deletes_a_service(ucs: Door) -> None:
    service = ucs.start_service()
    assert ucs.request("DELETE", f"/services/{service}").status == 405
    assert put(ucs, f"/services/{service}", {"ttl": 1}).status == 405
    assert left(ucs) == [service]


def test_ttl_and_expiration_time_give_a_new_end_of_the_whole_service(gms: Door) -> None:
    freeze(gms, T1)
    for body in ({"ttl": 7200}, {"expiration_time": T2}, {"ttl": 7200, "expiration_time": T4}):
        service = gms.start_service()
        reply = put(gms, f"/services/{service}", body)
        assert (reply.status, reply.body, call(gms)["advice"]) == (200, b"", [])
        assert [each["change"] for each in call(gms)["changes"]] == ["updated"]
    assert gms.mock.post("/__admin/clock/advance", {"seconds": 7199.999}).json["expired"] == []
    assert gms.mock.post("/__admin/clock/advance", {"seconds": 0.001}).json["expired"] == [1, 2, 3]


def test_the_last_order_counts(gms: Door) -> None:
    freeze(gms, T1)
    service = gms.start_service(ttl=60)
    assert put(gms, f"/services/{service}", {"ttl": 7200}).status == 200
    assert put(gms, f"/services/{service}", {"expiration_time": T3}).status == 200
    assert put(gms, f"/services/{service}", {"more": 1}).status == 200
    freeze(gms, "2026-01-01T13:59:59.999Z")
    assert left(gms) == [service]
    freeze(gms, T3)
    assert left(gms) == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({"ttl": "60"}, "/ttl"), ({"ttl": 1.5}, "/ttl"), ({"expiration_time": "soon"}, "/expiration_time"), ([], "")],
)
def test_a_bad_expiration_is_refused_and_changes_nothing(gms: Door, body: Any, pointer: str) -> None:
    service = gms.start_service()
    assert put(gms, f"/services/{service}", body).status == 400
    assert pointers(gms) == [pointer]
    assert left(gms) == [service]
    assert put(gms, "/services/9", {"ttl": 5}).json["exception"] == NOT_FOUND


def planted(gms: Door) -> None:
    """Services by start and end: 1 known and open, 2 anonymous and open, 3 and 4 the same but ended, 5 open from T2."""
    customer = {"customer_id": "C1"}
    starts: list[dict[str, Any]] = [customer, {}, customer, {}, customer]
    for number, event in enumerate(starts):
        gms.start_service(timestamp=T2 if number == 4 else T0, **event)
    for number in (3, 4):
        gms.start_state(number)
        gms.complete_service(number, timestamp=T3)


@pytest.mark.parametrize(
    ("operation", "gone"),
    [
        ("all", {1, 2, 3, 4}),
        ("started", {1, 2}),
        ("started.anonymous", {2}),
        ("completed", {3, 4}),
        ("completed.anonymous", {4}),
    ],
)
def test_a_purge_removes_what_its_operation_says_from_before_the_limit(
    gms: Door, operation: str, gone: set[int]
) -> None:
    planted(gms)
    body = {"operation": f"purge.service.{operation}"}
    assert gms.post("/maintenance/purge", {**body, "limit": T0}).status == 200
    assert (left(gms), call(gms)["changes"]) == ([1, 2, 3, 4, 5], [])
    reply = gms.post("/maintenance/purge", {**body, "limit": T2})
    assert (reply.status, reply.body) == (200, b"")
    assert set(left(gms)) == {1, 2, 3, 4, 5} - gone
    deleted = {each["id"] for each in call(gms)["changes"] if each["kind"] == "service"}
    assert deleted == gone
    states = {each["id"] for each in call(gms)["changes"] if each["kind"] == "state"}
    assert states == {number - 2 for number in gone & {3, 4}}


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ({}, ["/limit", "/operation"]),
        ({"limit": T2}, ["/operation"]),
        ({"limit": T2, "operation": "purge.service.everything"}, ["/operation"]),
        ({"limit": "2026-01-01", "operation": "purge.service.all"}, ["/limit"]),
        (NOTHING, [""]),
    ],
)
def test_a_bad_purge_removes_nothing(gms: Door, body: Any, places: list[str]) -> None:
    planted(gms)
    assert gms.request("POST", "/maintenance/purge", body).status == 400
    assert sorted(pointers(gms)) == places
    assert len(left(gms)) == 5


def test_a_purge_in_the_query_string_is_refused_with_advice(gms: Door) -> None:
    planted(gms)
    assert gms.request("POST", f"/maintenance/purge?limit={T2}&operation=purge.service.all").status == 400
    assert len(call(gms)["advice"]) == 2
    assert len(left(gms)) == 5


def exported(gms: Door, **query: str) -> Any:
    text = "&".join(f"{name}={value}" for name, value in query.items())
    reply = gms.get(f"{STREAM}?{text}")
    assert reply.status == 200, reply.body
    return reply.json


@pytest.mark.parametrize(
    ("events", "state", "found"),
    [
        ("any", "any", [1, 2, 3]),
        ("any", "active", [2]),
        ("any", "inactive", [1, 3]),
        ("started", "any", [1, 2]),
        ("started", "active", [2]),
        ("started", "inactive", [1]),
        ("completed", "any", [3]),
        ("completed", "active", []),
        ("completed", "inactive", [3]),
    ],
)
def test_an_export_follows_the_printed_table_of_filters(gms: Door, events: str, state: str, found: list[int]) -> None:
    # Within T1 to T2, S1 and S2 get their start and S3 its end; S1 ends after T2.
    for timestamp in (T1, T1, T0):
        gms.start_service(timestamp=timestamp)
    gms.complete_service(3, timestamp=T1)
    gms.complete_service(1, timestamp=T3)
    times = {"time_from": T1, "time_to": T2, "filter_events": events}
    whole = exported(gms, **times, filter_state=state, export_content="true")
    assert sorted(each["service_id"] for each in whole) == found
    if state == "any":
        assert sorted(exported(gms, **times)) == [str(number) for number in found]
    assert call(gms)["advice"] == []


def test_the_range_of_an_export_begins_with_time_from_and_ends_before_time_to_or_with_now(gms: Door) -> None:
    for timestamp in (T3, T0, T1, T2):
        gms.start_service(timestamp=timestamp)
    assert exported(gms, time_from=T1, time_to=T3) == ["3", "4"]
    freeze(gms, T2)
    assert exported(gms, time_from=T0) == ["2", "3", "4"]
    assert exported(gms, time_from=T3, time_to=T0) == []


def test_an_export_with_content_holds_all_that_a_service_has(gms: Door) -> None:
    gms.mock.read_as(service_id="string")
    service = gms.start_service(timestamp=T1, note="n")
    gms.start_state(service, timestamp=T1, state_note=[1])
    gms.start_task(service, timestamp=T1, state_id=1)
    (found,) = exported(gms, time_from=T0, export_content="true")
    lists = "active_states=true&completed_states=true&active_tasks=true&completed_tasks=true"
    assert found == gms.get(f"/services/{service}?{lists}&extensions=*").json
    assert (found["service_id"], found["note"], found["active_states"][0]["state_note"]) == (service, "n", [1])
    assert exported(gms, time_from=T0) == [service]


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("", ["time_from"]),
        ("?time_to=" + T1, ["time_from"]),
        ("?time_from=yesterday", ["time_from"]),
        (f"?time_from={T0}&filter_events=ended&export_content=maybe", ["export_content", "filter_events"]),
        (f"?time_from={T0}&filter_state=open&export_content=true", ["filter_state"]),
    ],
)
def test_a_bad_export_is_refused_by_parameter(gms: Door, query: str, places: list[str]) -> None:
    assert gms.get(STREAM + query).status == 400
    assert sorted(pointers(gms)) == [f"query:{place}" for place in places]


def test_filter_state_is_allowed_only_with_the_content(gms: Door) -> None:
    for content in ("", "&export_content=false"):
        assert gms.get(f"{STREAM}?time_from={T0}&filter_state=any{content}").status == 400
        [broken] = call(gms)["violations"]
        assert broken["pointer"] == "query:filter_state"
        assert row_of("8.5", "export_services", "filter_state").items() <= broken.items()


def test_an_export_to_files_answers_their_names_by_the_clock_of_the_space(gms: Door) -> None:
    freeze(gms, "2014-08-13T16:05:08.183Z")
    for query in (f"?time_from={T0}", f"?time_from={T0}&time_to={T1}&filter_events=started&filter_state=active"):
        reply = gms.request("POST", FILES + query)
        names = [f"export20140813_160508_183_{kind}.csv" for kind in ("services", "states", "tasks")]
        assert (reply.status, reply.json, call(gms)["advice"]) == (200, {"created": names}, [])
    assert gms.request("POST", FILES).status == 400
    assert pointers(gms) == ["query:time_from"]
    gms.request("POST", f"{FILES}?time_from={T0}&format=csv")
    assert ["format" in each for each in call(gms)["advice"]] == [True]
