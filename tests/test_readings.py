"""Every reading, both ways, over HTTP."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.conftest import Door, Mock, Reply
from tests.test_choosing_readings import reading

UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
NOON = "2026-01-01T12:00:00.000Z"
EVENT: dict[str, Any] = {
    "service": {"customer_id": "C1", "service_type": 1},
    "state": {"state_type": 1},
    "task": {"task_type": 1},
}
ERRORS = {"8.1": {"http_method", "title", "description", "code", "uri"}, "8.5": {"message", "exception"}}


def composite(gms: Door, *events: dict[str, Any]) -> Reply:
    reply = gms.post("/services_composite/start", {"services": list(events)})
    assert reply.status == 200, reply.body
    return reply


def shown(door: Door, path: str) -> Any:
    reply = door.get(path)
    assert reply.status == 200, reply.body
    return reply.json


def location(reply: Reply) -> str:
    assert reply.status in (200, 201), reply.body
    return reply.headers["location"]


def start(door: Door, **event: Any) -> Reply:
    return door.post("/services/start", {"contact_key": "42", "service_type": 100, **event})


def assert_refused(door: Door, path: str, body: dict[str, Any]) -> None:
    before = door.mock.state()
    reply = door.post(path, body)
    assert (reply.status, reply.json.keys()) == (400, ERRORS[door.api])
    assert door.mock.last_call()["violations"]
    assert door.mock.state() == before


@reading("start-service-location", "services", "service")
def test_the_location_of_a_start_in_8_1_is_plural_or_singular(ucs: Door, gms: Door) -> None:
    assert location(start(ucs)) == "/services/1"
    ucs.mock.read_as(start_service_location="service")
    assert location(start(ucs)) == "/service/2"
    assert location(start(gms)) == "/genesys/1/cs/services/3"


@reading("location-form", "path", "absolute")
@pytest.mark.parametrize("prefix", ["", "/__space/mine"])
def test_a_location_is_a_path_or_absolute_in_and_out_of_a_space(anywhere: Mock, prefix: str) -> None:
    mock = Mock(anywhere.base_url)
    base = f"{prefix}/genesys/1/cs/services"
    mock.post(f"{prefix}/__admin/reset")
    body = {"contact_key": "42", "state_type": 1}
    assert location(mock.post(f"{base}/start", body)) == f"{base}/1"
    assert mock.put(f"{prefix}/__admin/readings/location-form", {"value": "absolute"}).status == 200
    assert location(mock.post(f"{base}/start", body)) == f"{mock.base_url}{base}/2"
    assert location(mock.post(f"{base}/2/states/start", body)) == f"{mock.base_url}{base}/2/states/1"
    assert location(mock.post(f"{prefix}/services/start", {**body, "service_type": 1})).startswith(
        mock.base_url + prefix
    )


@reading("service-id", "integer", "string")
def test_a_service_is_found_by_the_id_that_was_given_whatever_its_number(gms: Door) -> None:
    for form in ("integer", "string"):
        gms.mock.post("/__admin/reset")
        gms.mock.read_as(service_id=form)
        for number in (0, 1, 2**63 - 1):
            gms.mock.put("/__admin/ids", {"service": number})
            service = start(gms).json["service_id"]
            assert str(service).partition("-")[0] == str(number)
            assert shown(gms, f"/services/{service}")["service_id"] == service


@reading("service-id", "integer", "string")
def test_the_id_of_a_service_is_a_number_or_a_number_and_a_uuid(gms: Door, ucs: Door) -> None:
    assert start(gms).json == {"service_id": 1}
    gms.mock.read_as(service_id="string")
    reply = start(gms, contact_key="K")
    service = reply.json["service_id"]
    assert re.fullmatch(f"2-{UUID}", service)
    assert location(reply) == f"/genesys/1/cs/services/{service}"
    assert gms.post(f"/services/{service}/states/start", {"service_id": service}).status == 201
    assert gms.mock.last_call()["advice"] == []
    assert shown(gms, f"/services/{service}")["service_id"] == service
    assert shown(gms, f"/services/{service}/states/1")["service_id"] == service
    assert shown(gms, "/services/anonymous/K/active")[0]["service_id"] == service
    found = composite(gms, {"service": {"contact_key": "K"}, "state": {}})
    assert found.json["services"][0]["service"]["service_id"] == service
    assert location(found) == f"/genesys/1/cs/services/{service}/states/1"
    assert gms.post(f"/customers/C1/services/{service}").status == 200
    assert shown(ucs, "/customers/C1/services")[0]["service_id"] == shown(ucs, "/services/2")["service_id"] == 2


@reading("not-found", "400", "404")
def test_what_is_not_found_gets_400_or_404_from_gms(gms: Door, ucs: Door) -> None:
    gms.start_service()
    paths = ["/services/9", "/services/1/states/9", "/services/1/tasks/9"]
    bodies = [gms.get(path).json for path in paths]
    for choice in ("400", "404"):
        gms.mock.read_as(not_found=choice)
        assert [gms.get(path).status for path in paths] == [int(choice)] * 3
        assert [gms.get(path).json for path in paths] == bodies
        assert [ucs.get(path).status for path in paths] == [404] * 3


@reading("complete-status", "204", "200")
def test_an_end_is_answered_with_204_or_200(door: Door) -> None:
    path = f"/services/{door.start_service()}/end"
    assert door.post(path, {}).status == 204
    door.mock.read_as(complete_status="200")
    reply = door.post(path, {})
    assert (reply.status, reply.body, reply.headers["content-length"]) == (200, b"", "0")


@reading("composite-created", "string", "boolean")
def test_created_is_a_string_or_a_boolean(gms: Door) -> None:
    for choice, flags in (("string", ("true", "false")), ("boolean", (True, False))):
        gms.mock.reset()
        gms.mock.read_as(composite_created=choice)
        for flag in flags:
            found = composite(gms, EVENT).json["services"][0]
            assert [each["created"] for each in found.values()] == [flag] * 3


@reading("composite-wrapper", "services", "bare")
def test_a_composite_answer_has_its_outer_array_or_shows_the_first_event_alone(gms: Door) -> None:
    wrapped = composite(gms, EVENT, {**EVENT, "task": {"task_type": 2}}).json
    assert wrapped.keys() == {"services"}
    gms.mock.reset()
    gms.mock.read_as(composite_wrapper="bare")
    assert composite(gms, EVENT, {**EVENT, "task": {"task_type": 2}}).json == wrapped["services"][0]


@reading("composite-match", "given", "exact")
def test_a_composite_start_compares_what_is_given_or_everything(gms: Door) -> None:
    whole = {"customer_id": "C1", "contact_key": "K", "service_type": 1}
    parts = [{name: whole[name] for name in names} for names in (("customer_id",), ("contact_key", "service_type"))]
    composite(gms, {**EVENT, "service": whole})

    def ids(service: dict[str, Any], **event: Any) -> list[int]:
        found = composite(gms, {**EVENT, "service": service, **event}).json["services"][0]
        return [each[f"{kind}_id"] for kind, each in found.items()]

    assert [ids(part, state={}, task={}) for part in parts] == [[1, 1, 1]] * 2
    gms.mock.read_as(composite_match="exact")
    assert ids(whole) == [1, 1, 1]
    assert [ids(part)[0] for part in (*parts, *parts)] == [2, 3, 2, 3]
    assert ids(whole, state={}, task={}) == [1, 4, 4]
    assert ids(whole, state={}, task={}) == [1, 4, 4]
    assert ids(whole) == [1, 1, 1]


@reading("composite-found", "update", "keep")
def test_what_a_composite_start_finds_is_updated_or_kept(gms: Door) -> None:
    composite(gms, EVENT)
    for choice, duration, found in (("update", 5, 5), ("keep", 6, 5)):
        gms.mock.read_as(composite_found=choice)
        composite(gms, {kind: {**each, "est_duration": duration} for kind, each in EVENT.items()})
        paths = ("/services/1", "/services/1/states/1", "/services/1/tasks/1")
        assert [shown(gms, path)["est_duration"] for path in paths] == [found] * 3
    composite(gms, {**EVENT, "associate_state_task": True})
    assert shown(gms, "/services/1/tasks/1")["state_id"] == 1


@reading("composite-location", "last", "first")
def test_the_location_of_several_events_names_the_last_or_the_first(gms: Door) -> None:
    events = [EVENT, {"service": {"contact_key": "K"}, "state": {}}]
    assert location(composite(gms, *events)) == "/genesys/1/cs/services/2/states/2"
    gms.mock.read_as(composite_location="first")
    assert location(composite(gms, *events)) == "/genesys/1/cs/services/1/tasks/1"


@reading("extensions-placement", "top", "started")
def test_attached_data_stands_at_the_top_or_inside_started(door: Door) -> None:
    service = door.start_service(timestamp=NOON, note="n")
    path = f"/services/{service}?extensions=note"
    assert (shown(door, path)["note"], shown(door, path)["started"]) == ("n", {"timestamp": NOON})
    door.mock.read_as(extensions_placement="started")
    assert shown(door, path)["started"] == {"timestamp": NOON, "note": "n"}
    assert "note" not in shown(door, path)


@reading("unlisted-member", "accept", "refuse")
def test_a_plain_value_that_no_table_lists_is_accepted_or_refused_in_8_1(ucs: Door, gms: Door) -> None:
    assert start(ucs, disposition=10).status == 201
    ucs.mock.read_as(unlisted_member="refuse")
    assert_refused(ucs, "/services/start", {"contact_key": "42", "service_type": 1, "disposition": 10})
    ucs.start_state(1)
    move: dict[str, dict[str, int]] = {"from": {"state_id": 1}, "to": {"state_type": 2}}
    for place, members in move.items():
        assert_refused(ucs, "/services/1/states/transition", {**move, place: {**members, "other": 1}})
        assert ucs.mock.last_call()["violations"][0]["pointer"] == f"/{place}/other"
    assert_refused(ucs, "/server/mode", {"mode": "production", "a/b": 1})
    assert ucs.mock.last_call()["violations"][0]["pointer"] == "/a~1b"
    attribute = {"name": "a", "type": "string", "other": 1}
    schema = {"name": "S", "type": "single-valued", "attributes": [attribute]}
    assert_refused(ucs, "/metadata/services/extensions", schema)
    assert start(gms, disposition=10).status == 201


def test_an_error_names_the_member_and_not_the_placeholder_of_the_manual(ucs: Door) -> None:
    ucs.mock.read_as(unlisted_member="refuse")
    for name in ("other", "a:b", "a/b", "a~b"):
        reply = ucs.post("/services/start", {"contact_key": "42", "service_type": 1, name: 1})
        assert f"bad parameter '{name}'" in reply.json["description"]
    ucs.start_service()
    reply = ucs.request("PUT", "/services/1/extensions/nope", {"a": 1})
    assert "bad parameter 'ext_name'" in reply.json["description"]


@reading("undefined-extension", "refuse", "accept")
def test_an_extension_without_a_schema_is_refused_or_accepted_in_8_1(ucs: Door) -> None:
    for value in ({"a": 1}, [{"a": 1}]):
        assert_refused(ucs, "/services/start", {"contact_key": "42", "service_type": 1, "coupon": value})
    ucs.mock.read_as(undefined_extension="accept")
    service = ucs.start_service(coupon={"a": 1})
    assert shown(ucs, f"/services/{service}?extensions=coupon")["coupon"] == {"a": 1}


@reading("type-mandatory", "optional", "mandatory")
def test_a_start_event_of_8_5_may_or_must_give_its_type(gms: Door, ucs: Door) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "/services/start": {"contact_key": "42"},
        "/services/1/states/start": {},
        "/services/1/tasks/start": {},
    }
    for path, body in bodies.items():
        assert gms.post(path, body).status == 201
        assert_refused(ucs, path, body)
    gms.mock.read_as(type_mandatory="mandatory")
    bodies["/services_composite/start"] = {"services": [{**EVENT, "state": {}}]}
    for path, body in bodies.items():
        assert_refused(gms, path, body)


@reading("complete-cascades", "no", "yes")
def test_the_end_of_a_service_leaves_or_ends_its_states_and_tasks(door: Door) -> None:
    query = "active_states=true&active_tasks=true&completed_states=true&completed_tasks=true"
    for choice, ended in (("no", 0), ("yes", 1)):
        door.mock.read_as(complete_cascades=choice)
        service = door.start_service()
        door.start_state(service)
        door.start_task(service)
        door.complete_service(service, timestamp=NOON)
        assert len(door.mock.last_call()["changes"]) == 1 + 2 * ended
        found = shown(door, f"/services/{service}?{query}")
        for kind in ("states", "tasks"):
            assert [len(found[f"active_{kind}"]), len(found[f"completed_{kind}"])] == [1 - ended, ended]
            assert [each["completed"] for each in found[f"completed_{kind}"]] == [{"timestamp": NOON}] * ended


@reading("complete-again", "accept", "refuse")
def test_an_end_again_is_accepted_or_refused(door: Door) -> None:
    path = f"/services/{door.start_service()}/end"
    assert [door.post(path, {}).status for _ in range(2)] == [204, 204]
    door.mock.read_as(complete_again="refuse")
    assert_refused(door, path, {"timestamp": NOON})


@reading("start-in-completed", "accept", "refuse")
def test_a_start_in_a_completed_service_is_accepted_or_refused(door: Door) -> None:
    service = door.start_service()
    door.complete_service(service)
    assert (door.start_state(service), door.start_task(service)) == (1, 1)
    door.mock.read_as(start_in_completed="refuse")
    for kind in ("state", "task"):
        assert_refused(door, f"/services/{service}/{kind}s/start", {f"{kind}_type": 1})


@reading("end-event-limits", "end", "all")
@pytest.mark.parametrize(("name", "most"), [("session_id", 32), ("interaction_id", 50)])
def test_limits_hold_for_end_events_alone_or_for_start_events_too(door: Door, name: str, most: int) -> None:
    paths = [
        "/services/start",
        "/services/1/states/start",
        "/services/1/tasks/start",
        "/customers/C1/services/1",
        "/services/1/end",
    ]
    body = {"contact_key": "42", "service_type": 1, "state_type": 1, "task_type": 1}
    for path in paths[:-1]:
        assert door.post(path, {**body, name: "x" * (most + 1)}).status in (200, 201)
    assert_refused(door, paths[-1], {name: "x" * (most + 1)})
    door.mock.read_as(end_event_limits="all")
    for path in paths:
        assert_refused(door, path, {**body, name: "x" * (most + 1)})
        assert door.post(path, {**body, name: "x" * most}).status in (200, 201, 204)


@reading("boolean-strings", "accept", "refuse")
def test_a_boolean_of_8_5_may_or_must_not_be_a_string(gms: Door) -> None:
    body = {"services": [{**EVENT, "associate_state_task": "true"}]}
    assert start(gms, auto_closed="true").status == 201
    assert gms.post("/services_composite/start", body).status == 200
    gms.mock.read_as(boolean_strings="refuse")
    assert_refused(gms, "/services/start", {"contact_key": "42", "auto_closed": "true"})
    assert_refused(gms, "/services_composite/start", body)
    assert start(gms, auto_closed=True).status == 201


@reading("quoted-attribute-members", "accept", "refuse")
def test_members_of_an_attribute_may_or_must_not_be_quoted(ucs: Door) -> None:
    def schema(name: str, **members: Any) -> dict[str, Any]:
        return {"name": name, "type": "single-valued", "attributes": [{"name": "a", "type": "string", **members}]}

    path, quoted = "/metadata/services/extensions", {"mandatory": "true", "length": "10", "encrypt": "false"}
    ucs.mock.read_as(boolean_strings="refuse")  # a reading of 8.5
    assert ucs.post(path, schema("First", **quoted)).status == 201
    ucs.mock.read_as(quoted_attribute_members="refuse")
    for name, value in quoted.items():
        assert_refused(ucs, path, schema("Second", **{name: value}))
    assert ucs.post(path, schema("Second", mandatory=True, length=10, encrypt=False)).status == 201
