"""The life of states and tasks: their ends, transitions from state to state, and the queries that list them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Door

EARLY, NOON, LATE = (f"2026-01-01T{hour}:00:00.000Z" for hour in ("08", "12", "16"))
OCCASION: dict[str, Any] = {"session_id": "s", "interaction_id": "i", "application_type": 1, "application_id": 2}
OCCASION |= {"resource_type": "r", "resource_id": 3, "media_type": "web"}
kinds = pytest.mark.parametrize("kind", ["state", "task"])


def start(door: Door, kind: str, service: int | str, **event: Any) -> int:
    return door.start_state(service, **event) if kind == "state" else door.start_task(service, **event)


def shown(door: Door, path: str) -> Any:
    reply = door.get(path)
    assert reply.status == 200, reply.body
    return reply.json


def call(door: Door) -> dict[str, Any]:
    return door.mock.last_call()


def assert_refused(door: Door, path: str, body: dict[str, Any], *pointers: str, status: int = 400) -> None:
    before = door.mock.state()
    assert door.post(path, body).status == status
    assert [each["pointer"] for each in call(door)["violations"]] == list(pointers)
    assert door.mock.state() == before


def ids(door: Door, path: str, kind: str) -> list[int]:
    return [each[f"{kind}_id"] for each in shown(door, path)]


@kinds
def test_an_end_shows_its_event_in_completed_and_the_disposition_beside_it(door: Door, kind: str) -> None:
    service = door.start_service(timestamp=EARLY)
    number = start(door, kind, service, timestamp=EARLY, est_duration=5)
    path = f"/services/{service}/{kind}s/{number}"
    own: dict[str, Any] = {"disposition": "sold", "disposition_desc": "in full"}
    reply = door.post(f"{path}/end", {"timestamp": NOON, **own, **OCCASION})
    assert (reply.status, reply.body) == (204, b"")
    assert (call(door)["advice"], call(door)["violations"]) == ([], [])
    assert call(door)["changes"] == [{"kind": kind, "id": number, "change": "completed"}]
    wanted: dict[str, Any] = {f"{kind}_id": number, f"{kind}_type": 1, "service_id": service, "est_duration": 5, **own}
    wanted |= {"started": {"timestamp": EARLY}, "completed": {"timestamp": NOON, **OCCASION}}
    assert shown(door, path) == wanted


@kinds
def test_an_end_needs_no_body_and_takes_the_time_of_the_server(door: Door, kind: str) -> None:
    door.mock.put("/__admin/clock", {"now": LATE, "frozen": True})
    service = door.start_service()
    number = start(door, kind, service)
    path = f"/services/{service}/{kind}s/{number}"
    assert door.post(f"{path}/end").status == 204
    assert shown(door, path)["completed"] == {"timestamp": LATE}


@kinds
def test_an_end_replaces_attached_data_name_by_name(gms: Door, kind: str) -> None:
    service = gms.start_service()
    number = start(gms, kind, service, kept={"a": 1}, replaced={"a": 1, "b": 2})
    path = f"/services/{service}/{kind}s/{number}"
    gms.post(f"{path}/end", {"replaced": {"c": 3}, "new": [1]})
    found = shown(gms, f"{path}?extensions=*")
    assert {name: found[name] for name in ("kept", "replaced", "new")} == {
        "kept": {"a": 1},
        "replaced": {"c": 3},
        "new": [1],
    }


@kinds
def test_the_end_of_a_part_leaves_the_others_and_the_service_open(door: Door, kind: str) -> None:
    service = door.start_service()
    state = door.start_state(service)
    task = door.start_task(service, state_id=state)
    number = state if kind == "state" else task
    door.post(f"/services/{service}/{kind}s/{number}/end")
    lists = "active_states=true&completed_states=true&active_tasks=true&completed_tasks=true"
    found = shown(door, f"/services/{service}?{lists}")
    assert "completed" not in found
    counts = {name: len(found[name]) for name in found if name.endswith("s") and isinstance(found[name], list)}
    other = "task" if kind == "state" else "state"
    ended = {f"active_{kind}s": 0, f"completed_{kind}s": 1}
    assert counts == ended | {f"active_{other}s": 1, f"completed_{other}s": 0}


@kinds
@pytest.mark.parametrize(
    ("name", "most"), [("session_id", 32), ("interaction_id", 50), ("disposition_desc", 64)], ids=str
)
def test_the_limits_of_end_events_hold_for_states_and_of_tasks_only_for_the_description(
    door: Door, kind: str, name: str, most: int
) -> None:
    service = door.start_service()
    path = f"/services/{service}/{kind}s/{start(door, kind, service)}/end"
    if kind == "task" and name != "disposition_desc":
        assert door.post(path, {name: "x" * (most + 1)}).status == 204
    else:
        assert_refused(door, path, {name: "x" * (most + 1)}, f"/{name}")
    assert door.post(path, {name: "x" * most}).status == 204


@kinds
def test_what_is_not_there_or_in_another_service_cannot_be_ended(door: Door, kind: str) -> None:
    service, other = door.start_service(), door.start_service()
    number = start(door, kind, other)
    status = 404 if door.api == "8.1" else 400
    for path in (f"{service}/{kind}s/{number}", f"{service}/{kind}s/99", f"99/{kind}s/{number}"):
        assert_refused(door, f"/services/{path}/end", {}, status=status)
    assert door.post(f"/services/{other}/{kind}s/{number}/end").status == 204


@kinds
def test_what_clients_send_along_in_an_end_changes_no_identity(gms: Door, kind: str) -> None:
    service = gms.start_service()
    state = gms.start_state(service)
    number = state if kind == "state" else gms.start_task(service, state_id=state)
    path = f"/services/{service}/{kind}s/{number}"
    before = shown(gms, path)
    body = {"service_id": service, "state_id": state, f"{kind}_id": number, f"{kind}_type": 9, "est_duration": 8}
    assert gms.post(f"{path}/end", {**body, "timestamp": NOON}).status == 204
    after = shown(gms, path)
    assert after == {**before, "completed": {"timestamp": NOON}}


def test_a_transition_ends_one_state_and_starts_another_at_one_moment(door: Door) -> None:
    service = door.start_service(timestamp=EARLY)
    old = door.start_state(service, timestamp=EARLY)
    origin: dict[str, Any] = {"state_id": old, "disposition": 7, "disposition_desc": "went on"}
    body = {"from": origin, "to": {"state_type": 8, "est_duration": 60}, "timestamp": NOON, **OCCASION}
    reply = door.post(f"/services/{service}/states/transition", body)
    assert (reply.status, reply.json) == (201, {"state_id": 2})
    assert reply.headers["location"] == f"{door.prefix}/services/{service}/states/2"
    assert (call(door)["advice"], call(door)["violations"]) == ([], [])
    changes = [(each["id"], each["change"]) for each in call(door)["changes"]]
    assert changes == [(old, "completed"), (2, "created")]
    moment = {"timestamp": NOON, **OCCASION}
    ended: dict[str, Any] = {"state_id": old, "state_type": 1, "service_id": service, "started": {"timestamp": EARLY}}
    ended |= {"completed": moment, "disposition": 7, "disposition_desc": "went on"}
    begun = {"state_id": 2, "state_type": 8, "est_duration": 60, "previous_state_id": old, "service_id": service}
    assert shown(door, f"/services/{service}/states") == [ended, {**begun, "started": moment}]


def test_attached_data_of_a_transition_goes_to_both_states(gms: Door) -> None:
    service = gms.start_service()
    old = gms.start_state(service, note="first")
    gms.post(f"/services/{service}/states/transition", {"from": {"state_id": old}, "to": {}, "note": "both"})
    assert [each["note"] for each in shown(gms, f"/services/{service}/states?extensions=note")] == ["both", "both"]


def test_a_transition_in_8_1_attaches_what_state_schemas_declare(ucs: Door) -> None:
    attributes = [{"name": "text", "type": "string"}]
    schema = {"name": "Note", "type": "single-valued", "attributes": attributes}
    ucs.post("/metadata/states/extensions", schema)
    service = ucs.start_service()
    old = ucs.start_state(service)
    body = {"from": {"state_id": old}, "to": {"state_type": 2}}
    path = f"/services/{service}/states/transition"
    assert_refused(ucs, path, {**body, "note": {"text": 5}}, "/note/text")
    assert_refused(ucs, path, {**body, "other": {"text": "x"}}, "/other")
    assert ucs.post(path, {**body, "note": {"text": "x"}}).status == 201
    found = shown(ucs, f"/services/{service}/states?extensions=Note")
    assert [each["Note"] for each in found] == [{"text": "x"}, {"text": "x"}]


BAD: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no from": ({"to": {"state_type": 1}}, ["/from"]),
    "no to": ({"from": {"state_id": 1}}, ["/to"]),
    "no state in from": ({"from": {}, "to": {"state_type": 1}}, ["/from/state_id"]),
    "kinds": ({"from": {"state_id": "1"}, "to": {"state_type": {}}}, ["/from/state_id", "/to/state_type"]),
    "no objects": ({"from": 1, "to": [1]}, ["/from", "/to"]),
    "a long description": ({"from": {"state_id": 1, "disposition_desc": "x" * 65}, "to": {"state_type": 1}}, [
        "/from/disposition_desc"
    ]),
}  # fmt: skip


@pytest.mark.parametrize("why", BAD)
def test_a_bad_transition_is_refused_with_every_violation_and_changes_nothing(door: Door, why: str) -> None:
    service = door.start_service()
    door.start_state(service)
    body, pointers = BAD[why]
    assert_refused(door, f"/services/{service}/states/transition", body, *pointers)


def test_a_transition_from_a_state_that_the_service_does_not_have_changes_nothing(door: Door) -> None:
    service, other = door.start_service(), door.start_service()
    elsewhere = door.start_state(other)
    for number in (elsewhere, 99):
        body = {"from": {"state_id": number}, "to": {"state_type": 1}}
        status = 404 if door.api == "8.1" else 400
        assert_refused(door, f"/services/{service}/states/transition", body, status=status)


def test_an_id_with_a_point_in_it_is_the_same_whole_number(door: Door) -> None:
    service = door.start_service()
    state = door.start_state(service)
    door.start_task(service, state_id=float(state))
    body = {"from": {"state_id": float(state)}, "to": {"state_type": 2}}
    assert door.post(f"/services/{service}/states/transition", body).status == 201
    assert [repr(each["id"]) for each in call(door)["changes"]] == ["1", "2"]
    found = shown(door, f"/services/{service}/states?active_tasks=true")
    assert [(each["state_id"], len(each["active_tasks"])) for each in found] == [(state, 1), (2, 0)]
    assert found[0]["active_tasks"][0]["state_id"] == state
    assert ids(door, f"/services/{service}/tasks?state_id={state}", "task") == [1]


def test_unknown_members_of_from_and_to_are_not_stored(gms: Door) -> None:
    service = gms.start_service()
    old = gms.start_state(service)
    strange = {"started": 1, "completed": 2, "state_id": 77, "colour": 3}
    body = {"from": {**strange, "state_id": old}, "to": {**strange, "state_type": 5}, "timestamp": NOON}
    assert gms.post(f"/services/{service}/states/transition", body).status == 201
    assert {word for each in call(gms)["advice"] for word in ("colour", "started") if word in each} == {
        "colour",
        "started",
    }
    found = shown(gms, f"/services/{service}/states/active?extensions=*")
    assert found == [
        {
            "state_id": 2,
            "state_type": 5,
            "service_id": service,
            "previous_state_id": old,
            "started": {"timestamp": NOON},
        }
    ]
