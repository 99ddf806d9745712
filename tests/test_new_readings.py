"""The readings of states, tasks, queries, time and maintenance, each choice over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import NOTHING, Door, Reply
from tests.test_choosing_readings import reading

T0, T1, T2, T3 = (f"2026-01-01T{hour:02}:00:00.000Z" for hour in (8, 10, 12, 14))
ERRORS = {"8.1": {"http_method", "title", "description", "code", "uri"}, "8.5": {"message", "exception"}}


def shown(door: Door, path: str) -> Any:
    reply = door.get(path)
    assert reply.status == 200, reply.body
    return reply.json


def assert_refused(door: Door, method: str, path: str, body: Any = NOTHING) -> None:
    before = door.mock.state()
    reply = door.request(method, path, body)
    assert (reply.status, reply.json.keys()) == (400, ERRORS[door.api])
    assert door.mock.last_call()["violations"]
    assert door.mock.state() == before


def freeze(door: Door, now: str) -> None:
    assert door.mock.put("/__admin/clock", {"now": now, "frozen": True}).status == 200


def advance(door: Door, seconds: int) -> list[int]:
    found: list[int] = door.mock.post("/__admin/clock/advance", {"seconds": seconds}).json["expired"]
    return found


def transition(door: Door, service: int | str, **to: Any) -> Reply:
    state = door.start_state(service)
    return door.post(f"/services/{service}/states/transition", {"from": {"state_id": state}, "to": to})


@reading("associate-status", "200", "204")
def test_an_association_in_8_5_is_answered_with_200_or_204(gms: Door, ucs: Door) -> None:
    for choice in ("200", "204"):
        gms.mock.read_as(associate_status=choice)
        reply = gms.post(f"/customers/C1/services/{gms.start_service()}")
        assert (reply.status, reply.body) == (int(choice), b"")
        assert ucs.post(f"/customers/C1/services/{ucs.start_service()}").status == 200


@reading("complete-status", "204", "200")
@pytest.mark.parametrize("kind", ["state", "task"])
def test_the_end_of_a_state_or_task_is_answered_with_204_or_200(door: Door, kind: str) -> None:
    service = door.start_service()
    for choice in ("204", "200"):
        door.mock.read_as(complete_status=choice)
        number = door.start_state(service) if kind == "state" else door.start_task(service)
        reply = door.post(f"/services/{service}/{kind}s/{number}/end", {})
        assert (reply.status, reply.body) == (int(choice), b"")


@reading("transition-status", "201", "200")
def test_a_transition_is_answered_with_201_or_200_and_the_same_besides(door: Door) -> None:
    service = door.start_service()
    for choice, number in (("201", 2), ("200", 4)):
        door.mock.read_as(transition_status=choice)
        reply = transition(door, service, state_type=1)
        assert (reply.status, reply.json) == (int(choice), {"state_id": number})
        assert reply.headers["location"] == f"{door.prefix}/services/{service}/states/{number}"


@reading("transition-type-mandatory", "optional", "mandatory")
def test_a_transition_may_or_must_give_the_type_of_the_new_state(gms: Door, ucs: Door) -> None:
    service = gms.start_service()
    body = {"from": {"state_id": gms.start_state(service)}, "to": {}}
    path = f"/services/{service}/states/transition"
    assert_refused(ucs, "POST", path, body)
    assert transition(gms, service).status == 201
    gms.mock.read_as(transition_type_mandatory="mandatory")
    assert_refused(gms, "POST", path, body)
    assert [each["pointer"] for each in gms.mock.last_call()["violations"]] == ["/to/state_type"]
    assert transition(gms, service, state_type="x").status == 201


@reading("complete-again", "accept", "refuse")
@pytest.mark.parametrize("what", ["state", "task", "transition"])
def test_an_ended_state_or_task_may_or_must_not_be_ended_again(door: Door, what: str) -> None:
    service = door.start_service()
    kind = "task" if what == "task" else "state"
    number = door.start_task(service) if kind == "task" else door.start_state(service)
    end, path = f"/services/{service}/{kind}s/{number}/end", f"/services/{service}/states/transition"
    again = (path, {"from": {"state_id": number}, "to": {"state_type": 1}}) if what == "transition" else (end, {})
    door.post(end, {"timestamp": T0})
    assert door.post(*again).status in (201, 204)
    assert ["already" in each for each in door.mock.last_call()["advice"]][-1:] == [True]
    door.mock.read_as(complete_again="refuse")
    assert_refused(door, "POST", *again)


@reading("start-in-completed", "accept", "refuse")
def test_a_transition_in_a_completed_service_is_accepted_or_refused(door: Door) -> None:
    service = door.start_service()
    state = door.start_state(service)
    door.complete_service(service)
    body = {"from": {"state_id": state}, "to": {"state_type": 1}}
    door.mock.read_as(start_in_completed="refuse")
    assert_refused(door, "POST", f"/services/{service}/states/transition", body)
    door.mock.read_as(start_in_completed="accept")
    assert door.post(f"/services/{service}/states/transition", body).status == 201
    assert len(door.mock.last_call()["advice"]) == 1


@reading("end-event-limits", "end", "all")
@pytest.mark.parametrize(("name", "most"), [("session_id", 32), ("interaction_id", 50)])
def test_limits_hold_for_the_end_of_a_task_and_for_a_transition_only_where_they_hold_for_all(
    door: Door, name: str, most: int
) -> None:
    service = door.start_service()
    state, task = door.start_state(service), door.start_task(service)
    base = f"/services/{service}"
    bodies: dict[str, dict[str, Any]] = {
        f"{base}/tasks/{task}/end": {},
        f"{base}/states/transition": {"from": {"state_id": state}, "to": {"state_type": 1}},
    }
    assert_refused(door, "POST", f"{base}/states/{state}/end", {name: "x" * (most + 1)})
    for path, body in bodies.items():
        assert door.post(path, {**body, name: "x" * (most + 1)}).status in (201, 204)
    door.mock.read_as(end_event_limits="all")
    for path, body in bodies.items():
        assert_refused(door, "POST", path, {**body, name: "x" * (most + 1)})
        assert door.post(path, {**body, name: "x" * most}).status in (201, 204)


@reading("both-keys", "accept", "refuse")
def test_a_service_may_or_must_not_have_both_keys(door: Door) -> None:
    both = {"customer_id": "C1", "contact_key": "K", "service_type": 1}
    assert door.post("/services/start", both).status == 201
    found = shown(door, "/services/1")
    assert (found["customer_id"], found["contact_key"]) == ("C1", "K")
    assert [len(shown(door, path)) for path in ("/customers/C1/services", "/services/anonymous/K")] == [1, 0]
    door.mock.read_as(both_keys="refuse")
    assert_refused(door, "POST", "/services/start", both)
    if door.api == "8.5":
        event = {"service": both, "state": {}}
        assert_refused(door, "POST", "/services_composite/start", {"services": [event]})
    for name in ("customer_id", "contact_key"):
        assert door.post("/services/start", {name: "X", "service_type": 1}).status == 201


@reading("empty-query", "empty", "not-found")
@pytest.mark.parametrize("of", ["", "/active", "/completed"])
def test_a_query_for_services_that_finds_none_is_empty_or_not_found(door: Door, of: str) -> None:
    paths = [f"/customers/C1/services{of}", f"/services/anonymous/K{of}"]
    assert [shown(door, path) for path in paths] == [[], []]
    door.mock.read_as(empty_query="not-found")
    for path, key in zip(paths, ("C1", "K"), strict=True):
        reply = door.get(path)
        assert (reply.status, key in reply.body.decode()) == (404 if door.api == "8.1" else 400, True)
    service = door.start_service()
    assert shown(door, f"/services/{service}/states{of}") == shown(door, f"/services/{service}/tasks{of}") == []
    assert len(shown(door, "/services/anonymous/42")) == 1


@reading("state-types", "any", "integer")
def test_state_types_may_be_names_or_must_be_numbers(door: Door) -> None:
    service = door.start_service()
    for state_type in (4, "Waiting"):
        door.start_state(service, state_type=state_type)
    path = f"/services/{service}/states?state_types="
    assert [len(shown(door, path + each)) for each in ("4", "Waiting", "4,Waiting")] == [1, 1, 2]
    door.mock.read_as(state_types="integer")
    assert [each["state_id"] for each in shown(door, f"{path}4,5")] == [1]
    for each in ("Waiting", "4,Waiting"):
        assert_refused(door, "GET", path + each)
        assert door.mock.last_call()["violations"][0]["pointer"] == "query:state_types"
    door.start_task(service, task_type="Waiting")
    assert len(shown(door, f"/services/{service}/tasks?task_types=Waiting")) == 1


@reading("expiration-base", "processing", "event")
def test_an_expiration_counts_from_the_processing_or_from_the_event(gms: Door) -> None:
    freeze(gms, T2)
    five_years = 5 * 365 * 86_400
    for choice, seconds in (("processing", 7200), ("event", 3600)):
        gms.mock.read_as(expiration_base=choice)
        hour_ago = {"timestamp": "2026-01-01T11:00:00.000Z"}
        started = gms.start_service(ttl=7200, **hour_ago)
        ended, plain = gms.start_service(), gms.start_service()
        gms.complete_service(ended, ttl=7200, **hour_ago)
        assert gms.request("PUT", f"/services/{plain}", {"ttl": 7200}).status == 200, "it has no timestamp"
        old = gms.start_service(timestamp=T1)
        assert advance(gms, seconds - 1) == []
        assert advance(gms, 1) == ([started, ended] if choice == "event" else [started, ended, plain])
        advance(gms, 7200)
        assert gms.get(f"/services/{plain}").status == 400
        freeze(gms, T2)
        freeze(gms, "2030-12-31T11:59:59.999Z")  # five years of 365 days after T2 are not yet over
        assert gms.get(f"/services/{old}").status == (400 if choice == "event" else 200)
        assert advance(gms, five_years) == ([] if choice == "event" else [old])
        freeze(gms, T2)


@reading("expiration-none-given", "accept", "refuse")
def test_an_expiration_update_may_or_must_not_be_empty(gms: Door) -> None:
    freeze(gms, T0)
    service = gms.start_service(ttl=60)
    path = f"/services/{service}"
    for body in ({}, {"other": 1}, NOTHING):
        gms.mock.read_as(expiration_none_given="accept")
        reply = gms.request("PUT", path, body)
        assert (reply.status, reply.body) == (200, b"")
        unread = 1 if body == {"other": 1} else 0
        assert (len(gms.mock.last_call()["advice"]), gms.mock.last_call()["changes"]) == (1 + unread, [])
        gms.mock.read_as(expiration_none_given="refuse")
        assert_refused(gms, "PUT", path, body)
    assert advance(gms, 60) == [service]


@reading("expiration-in-past", "expire", "refuse")
@pytest.mark.parametrize("body", [{"ttl": 0}, {"ttl": -1}, {"expiration_time": T0}, {"expiration_time": T1}], ids=str)
def test_an_expiration_in_the_past_ends_the_service_at_once_or_is_refused(gms: Door, body: dict[str, Any]) -> None:
    freeze(gms, T1)
    service = gms.start_service()
    parts = {"service": service, "state": gms.start_state(service), "task": gms.start_task(service)}
    gms.mock.read_as(expiration_in_past="refuse")
    assert_refused(gms, "PUT", f"/services/{service}", body)
    gms.mock.read_as(expiration_in_past="expire")
    assert gms.request("PUT", f"/services/{service}", body).status == 200
    gone = [{"kind": kind, "id": number, "change": "deleted"} for kind, number in parts.items()]
    assert gms.mock.last_call()["changes"] == gone
    assert gms.get(f"/services/{service}").status == 400


@reading("purge-compares", "started", "completed")
def test_a_purge_of_completed_services_compares_their_start_or_their_end(gms: Door) -> None:
    for choice, left in (("started", []), ("completed", [1, 2, 3, 4])):
        gms.mock.reset()
        gms.mock.read_as(purge_compares=choice)
        for key in ({"customer_id": "C1"}, {}):
            gms.complete_service(gms.start_service(timestamp=T0, **key), timestamp=T2)
            gms.complete_service(gms.start_service(timestamp=T0, **key), timestamp=T3)
        for operation in ("completed.anonymous", "completed"):
            body = {"limit": T1, "operation": f"purge.service.{operation}"}
            assert gms.post("/maintenance/purge", body).status == 200
        assert [each["service_id"] for each in gms.mock.get("/__admin/services").json["services"]] == left
    gms.post("/maintenance/purge", {"limit": T3, "operation": "purge.service.completed"})
    assert [each["service_id"] for each in gms.mock.get("/__admin/services").json["services"]] == [2, 4]
    gms.post("/maintenance/purge", {"limit": T1, "operation": "purge.service.all"})
    assert gms.mock.get("/__admin/services").json["services"] == [], "the others compare the start"


@reading("export-file-status", "200", "201")
def test_an_export_to_files_is_answered_with_200_or_201(gms: Door) -> None:
    for choice in ("200", "201"):
        gms.mock.read_as(export_file_status=choice)
        reply = gms.request("POST", f"/maintenance/services/files?time_from={T0}")
        assert (reply.status, len(reply.json["created"])) == (int(choice), 3)


def test_the_admin_api_shows_a_service_under_the_id_that_the_api_takes(gms: Door) -> None:
    gms.mock.read_as(service_id="string")
    service = gms.start_service()
    [shown] = gms.mock.get("/__admin/services").json["services"]
    assert shown["service_id"] == service
    assert gms.mock.get(f"/__admin/services/{service}").json["service_id"] == service
