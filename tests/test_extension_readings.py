"""The readings of extensions, their records and schemas, and of the server's modes, each choice over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import NOTHING, Door, Reply
from tests.test_choosing_readings import reading

KINDS = ("service", "state", "task")
kinds = pytest.mark.parametrize("kind", KINDS)
NOON, MINUTE_LATER = "2026-01-01T12:00:00.000Z", "2026-01-01T12:01:00.000Z"
PATHS = {"service": "/services/1", "state": "/services/1/states/1", "task": "/services/1/tasks/1"}
SCORE = {"name": "score", "type": "single-valued", "attributes": [{"name": "a", "type": "integer"}]}
OFFERS = {
    "name": "offers",
    "type": "multi-valued",
    "attributes": [{"name": "code", "type": "string", "unique": True}, {"name": "price", "type": "integer"}],
}
RECORDS = [{"code": "A", "price": 1}, {"code": "B", "price": 2}]


@pytest.fixture
def opened(door: Door) -> Door:
    """Either generation on a service with one state and one task, and schemas for 8.1."""
    ucs = Door(door.mock, "8.1")
    for kind in KINDS:
        for schema in (SCORE, OFFERS):
            assert ucs.post(f"/metadata/{kind}s/extensions", schema).status == 201
    service = door.start_service()
    door.start_state(service)
    door.start_task(service)
    return door


@pytest.fixture
def old(opened: Door) -> Door:
    """8.1 on that service."""
    return Door(opened.mock, "8.1")


def put(door: Door, path: str, body: Any = NOTHING) -> Reply:
    return door.request("PUT", path, body)


def attached(door: Door, path: str, name: str) -> Any:
    reply = door.get(f"{path}?extensions={name}")
    assert reply.status == 200, reply.body
    return reply.json.get(name, "absent")


def assert_refused(door: Door, path: str, body: Any, status: int = 400) -> None:
    before = door.mock.state()
    assert put(door, path, body).status == status
    assert door.mock.state() == before


@reading("update-state-extension-status", "200", "204")
def test_an_update_of_a_state_extension_in_8_5_is_answered_with_200_or_204(opened: Door, old: Door) -> None:
    gms = Door(opened.mock, "8.5")
    for choice in ("200", "204"):
        gms.mock.read_as(update_state_extension_status=choice)
        found = {kind: put(gms, f"{path}/extensions/score", {"a": 1}) for kind, path in PATHS.items()}
        assert {kind: (reply.status, reply.body) for kind, reply in found.items()} == {
            "service": (200, b""),
            "state": (int(choice), b""),
            "task": (200, b""),
        }
        assert put(old, f"{PATHS['state']}/extensions/score", {"a": 1}).status == 200


@reading("update-service-extension-status", "200", "204")
def test_an_update_of_a_service_extension_in_8_1_is_answered_with_200_or_204(opened: Door, old: Door) -> None:
    for choice in ("200", "204"):
        old.mock.read_as(update_service_extension_status=choice)
        statuses = {kind: put(old, f"{path}/extensions/score", {"a": 1}).status for kind, path in PATHS.items()}
        assert statuses == {"service": int(choice), "state": 200, "task": 200}
        assert put(Door(opened.mock, "8.5"), "/services/1/extensions/score", {"a": 1}).status == 200


@reading("extension-missing", "create", "not-found")
@kinds
def test_an_update_of_what_is_not_attached_creates_it_or_is_not_found(opened: Door, kind: str) -> None:
    path, body = PATHS[kind], {"a": 1}
    opened.mock.read_as(extension_missing="not-found")
    assert_refused(opened, f"{path}/extensions/score", body, 404 if opened.api == "8.1" else 400)
    opened.mock.read_as(not_found="404")
    assert_refused(opened, f"{path}/extensions/score", body, 404)
    if opened.api == "8.5":
        assert put(opened, f"{path}/extensions/merged/merge", body).status == 200, "a merge always creates"
    opened.mock.read_as(extension_missing="create")
    assert put(opened, f"{path}/extensions/score", body).status == 200
    opened.mock.read_as(extension_missing="not-found")
    assert put(opened, f"{path}/extensions/score", {"a": 2}).status == 200
    assert attached(opened, path, "score") == {"a": 2}


@reading("merge-existing-key", "overwrite", "keep")
@kinds
def test_a_merge_overwrites_or_keeps_a_key_that_is_recorded(opened: Door, kind: str) -> None:
    gms, path = Door(opened.mock, "8.5"), PATHS[kind]
    for choice, deep in (("overwrite", {"b": 2}), ("keep", {"a": 1})):
        gms.mock.read_as(merge_existing_key=choice)
        put(gms, f"{path}/extensions/agent", {"id": 1, "deep": {"a": 1}})
        assert put(gms, f"{path}/extensions/agent/merge", {"deep": {"b": 2}, "new": None}).status == 200
        assert attached(gms, path, "agent") == {"id": 1, "deep": deep, "new": None}


@reading("merge-list", "refuse", "accept")
@kinds
def test_a_merge_refuses_lists_or_takes_them(opened: Door, kind: str) -> None:
    gms, path = Door(opened.mock, "8.5"), PATHS[kind]
    cases: list[tuple[Any, Any, Any]] = [
        (NOTHING, [1], [1]),
        ([1, {"a": 1}], [2, [3]], [1, {"a": 1}, 2, [3]]),
        ([1], {"a": 1}, [1, {"a": 1}]),
        ({"a": 1}, [2], [2]),
        ("text", [2], [2]),
    ]
    for number, (recorded, given, merged) in enumerate(cases):
        url = f"{path}/extensions/data{number}"
        if recorded is not NOTHING:
            put(gms, url, recorded)
        gms.mock.read_as(merge_list="refuse")
        assert_refused(gms, f"{url}/merge", given)
        assert gms.mock.last_call()["violations"]
        gms.mock.read_as(merge_list="accept")
        assert put(gms, f"{url}/merge", given).status == 200
        assert attached(gms, path, f"data{number}") == merged
    assert_refused(gms, f"{path}/extensions/data0/merge", "a scalar is no data to merge")


@reading("record-not-found", "404", "400")
@kinds
def test_a_record_that_is_not_there_gets_404_or_400(old: Door, kind: str) -> None:
    path = f"{PATHS[kind]}/extensions/offers"
    for choice in ("404", "400"):
        old.mock.read_as(record_not_found=choice)
        for recorded in (False, True):
            if recorded:
                put(old, path, RECORDS)
            for end in ("by/unique", "delete/by/unique"):
                assert_refused(old, f"{path}/{end}", {"code": "C"}, int(choice))
                assert old.mock.last_call()["violations"] == []


@reading("record-delete-url", "delete", "both")
@kinds
def test_a_record_is_deleted_under_one_url_or_under_both(old: Door, kind: str) -> None:
    path = f"{PATHS[kind]}/extensions/offers"
    put(old, path, RECORDS)
    assert put(old, f"{path}/by/unique", {"code": "A"}).status == 204
    assert (len(old.mock.last_call()["advice"]), old.mock.last_call()["changes"]) == (1, [])
    assert attached(old, PATHS[kind], "offers") == RECORDS
    old.mock.read_as(record_delete_url="both")
    assert put(old, f"{path}/by/unique", {"code": "A"}).status == 204
    assert attached(old, PATHS[kind], "offers") == RECORDS[1:]
    assert put(old, f"{path}/by/unique", {"code": "B", "price": 7}).status == 204
    assert attached(old, PATHS[kind], "offers") == [{"code": "B", "price": 7}]
    assert put(old, f"{path}/delete/by/unique", {"code": "B"}).status == 204
    assert attached(old, PATHS[kind], "offers") == []


@reading("attribute-default", "fill", "leave")
@kinds
def test_the_default_of_an_attribute_is_filled_in_or_left_out_wherever_records_come_in(ucs: Door, kind: str) -> None:
    attributes = [{"name": "a", "type": "integer", "mandatory": True, "default": 5}, {"name": "b", "type": "string"}]
    for name, form in (("One", "single-valued"), ("Many", "multi-valued")):
        schema = {"name": name, "type": form, "attributes": attributes}
        assert ucs.post(f"/metadata/{kind}s/extensions", schema).status == 201
    for choice, rest in (("fill", {"a": 5}), ("leave", {})):
        ucs.mock.read_as(attribute_default=choice)
        body = {"One": {"b": "x"}, "Many": [{}, {"a": 1}]}
        service = ucs.start_service(**(body if kind == "service" else {}))
        path = f"/services/{service}"
        if kind != "service":
            number = (ucs.start_state if kind == "state" else ucs.start_task)(service, **body)
            path = f"{path}/{kind}s/{number}"
        wanted = ({"b": "x", **rest}, [rest, {"a": 1}])
        assert (attached(ucs, path, "One"), attached(ucs, path, "Many")) == wanted
        assert put(ucs, f"{path}/extensions/One", {}).status == 200
        assert put(ucs, f"{path}/extensions/Many", [{"b": "y"}]).status == 200
        assert (attached(ucs, path, "One"), attached(ucs, path, "Many")) == (rest, [{"b": "y", **rest}])
        assert ucs.post(f"{path}/end", body).status == 204
        assert (attached(ucs, path, "One"), attached(ucs, path, "Many")) == wanted


@reading("undefined-extension", "refuse", "accept")
@kinds
def test_an_update_of_what_no_schema_declares_is_refused_or_accepted(old: Door, kind: str) -> None:
    path = f"{PATHS[kind]}/extensions/other"
    extensions: list[Any] = [{"a": 1}, [{"a": 1}, {"b": 2}]]
    for value in extensions:
        old.mock.read_as(undefined_extension="refuse")
        assert_refused(old, path, value)
        old.mock.read_as(undefined_extension="accept")
        assert put(old, path, value).status == 200
        assert attached(old, PATHS[kind], "other") == value
    others: list[Any] = ["text", 5, None, [1], [[]]]
    for value in others:
        assert_refused(old, path, value)
    assert_refused(old, f"{path}/by/unique", {"b": 2})


@reading("schemas-in-production", "accept", "refuse")
@kinds
def test_schemas_are_changed_in_production_or_only_in_maintenance(ucs: Door, kind: str) -> None:
    path = f"/metadata/{kind}s/extensions"
    assert ucs.post(path, SCORE).status == 201
    ucs.mock.read_as(schemas_in_production="refuse")
    for method, url, body in (("POST", path, OFFERS), ("DELETE", f"{path}/score", NOTHING)):
        reply = ucs.request(method, url, body)
        assert (reply.status, "production mode" in reply.json["description"]) == (503, True)
    assert [ucs.get(each).status for each in (path, f"{path}/score")] == [200, 200]
    assert len(ucs.get(path).json) == 1
    ucs.post("/server/mode", {"mode": "maintenance"})
    assert ucs.post(path, OFFERS).status == 201
    assert ucs.request("DELETE", f"{path}/score").status == 204
    ucs.post("/server/mode", {"mode": "production"})
    ucs.mock.read_as(schemas_in_production="accept")
    assert ucs.request("DELETE", f"{path}/offers").status == 204


@reading("mode-switch", "instant", "minute")
def test_a_switch_to_production_holds_at_once_or_after_a_minute(ucs: Door, gms: Door) -> None:
    clock = {"now": NOON, "frozen": True}
    ucs.mock.put("/__admin/clock", clock)
    service = ucs.start_service()
    for mode in ("maintenance", "production"):
        assert ucs.post("/server/mode", {"mode": mode}).status == 200
    assert ucs.get(f"/services/{service}").status == 200
    ucs.mock.read_as(mode_switch="minute")
    ucs.post("/server/mode", {"mode": "production"})
    assert ucs.get(f"/services/{service}").status == 200, "nothing is switched"
    ucs.post("/server/mode", {"mode": "maintenance"})
    assert ucs.get("/metadata/services/extensions").status == 200, "there is nothing to wait for"
    assert ucs.post("/server/mode", {"mode": "production"}).json == {"server changed": "production"}
    ucs.mock.post("/__admin/clock/advance", {"seconds": 59.999})
    for path in (f"/services/{service}", "/metadata/services/extensions", "/server/status", "/services/9"):
        reply = ucs.get(path)
        assert (reply.status, "switching" in reply.json["description"]) == (503, True), path
    assert ucs.post("/server/mode", {"mode": "maintenance"}).status == 503
    assert gms.get(f"/services/{service}").status == 200
    ucs.mock.post("/__admin/clock/advance", {"seconds": 0.001})
    assert ucs.mock.get("/__admin/clock").json["now"] == MINUTE_LATER
    assert ucs.get("/server/status").json["mode"] == "production"
    assert ucs.get(f"/services/{service}").status == 200


@reading("extensions-wildcards", "yes", "no")
def test_an_asterisk_and_prefixes_are_read_in_8_1_or_are_names_like_others(opened: Door) -> None:
    ucs, gms = Door(opened.mock, "8.1"), Door(opened.mock, "8.5")
    put(opened, f"{PATHS['service']}/extensions/score", {"a": 1})
    for asked in ("*", "Service.score"):
        for choice, found in (("yes", {"a": 1}), ("no", None)):
            opened.mock.read_as(extensions_wildcards=choice)
            assert ucs.get(f"/services/1?extensions={asked}").json.get("score") == found
            assert len(opened.mock.last_call()["advice"]) == 1
            assert gms.get(f"/services/1?extensions={asked}").json.get("score") == {"a": 1}
            assert ucs.get("/services/1?extensions=SCORE").json["score"] == {"a": 1}
            assert opened.mock.last_call()["advice"] == []
