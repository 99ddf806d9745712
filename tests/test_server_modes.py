"""The modes of an 8.1 server, what each offers, and the status that the server tells."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Door, Mock, Reply

NOON = "2026-01-01T12:00:00.000Z"
SCHEMA = {"name": "Data", "type": "single-valued", "attributes": [{"name": "a", "type": "integer"}]}
STATUS = {"version", "system_time", "mode", "max_memory", "allocated_memory", "free_memory", "used_memory"}
STATUS |= {"started", "last_request", "request_today", "client_errors_today", "server_errors_today"}
ERROR = {"http_method", "title", "description", "code", "uri"}


def switch(ucs: Door, mode: str) -> Reply:
    return ucs.post("/server/mode", {"mode": mode})


def status(ucs: Door) -> dict[str, Any]:
    reply = ucs.get("/server/status")
    assert reply.status == 200, reply.body
    return dict(reply.json)


@pytest.mark.parametrize("mode", ["maintenance", "MAINTENANCE", "Maintenance", "production", "proDuction"])
def test_a_mode_is_set_in_any_case_and_echoed_in_lower_case(ucs: Door, mode: str) -> None:
    reply = switch(ucs, mode)
    assert (reply.status, reply.json) == (200, {"server changed": mode.lower()})
    assert reply.headers["location"] == "/server/status"
    assert status(ucs)["mode"] == mode.lower()


@pytest.mark.parametrize("mode", ["something", "", " production", None, 1, ["production"]])
def test_an_unknown_mode_is_refused_as_printed_and_changes_nothing(ucs: Door, mode: Any) -> None:
    reply = ucs.post("/server/mode", {"mode": mode})
    assert (reply.status, reply.json["code"], reply.json["title"]) == (400, 4020, "bad parameter")
    assert [each["pointer"] for each in ucs.mock.last_call()["violations"]] == ["/mode"]
    if mode == "something":
        wanted = "bad parameter 'server mode' reason : server mode has not a correct value 'something'"
        assert reply.json["description"] == wanted
    assert status(ucs)["mode"] == "production"


def test_a_mode_must_be_given(ucs: Door) -> None:
    assert ucs.post("/server/mode", {}).status == 400
    assert ucs.post("/server/mode").status == 400


def test_a_mode_is_set_with_post_alone(ucs: Door, gms: Door) -> None:
    for method in ("GET", "PUT", "DELETE"):
        assert ucs.request(method, "/server/mode").status == 405
    assert ucs.get("/version").status == 404
    assert gms.post("/server/mode", {"mode": "maintenance"}).status == 404
    assert gms.get("/server/status").status == 404


SERVICE_CALLS = [
    ("POST", "/services/start", {"contact_key": "K", "service_type": 1}),
    ("POST", "/customers/C1/services/1", {}),
    ("POST", "/services/1/end", {}),
    ("POST", "/services/1/states/start", {"state_type": 1}),
    ("POST", "/services/1/states/transition", {"from": {"state_id": 1}, "to": {"state_type": 1}}),
    ("POST", "/services/1/tasks/1/end", {}),
    ("PUT", "/services/1/extensions/Data", {"a": 1}),
    ("PUT", "/services/1/extensions/Data/by/unique", {"a": 1}),
    ("GET", "/services/1", None),
    ("GET", "/services/1/states/active", None),
    ("GET", "/services/anonymous/42", None),
    ("GET", "/customers/C1/services/completed", None),
    ("POST", "/services/start", {"what": "would be refused"}),
]


@pytest.mark.parametrize(("method", "path", "body"), SERVICE_CALLS, ids=lambda each: str(each)[:40])
def test_maintenance_offers_no_service_state_or_task(ucs: Door, method: str, path: str, body: Any) -> None:
    ucs.start_service()
    ucs.start_state(1)
    ucs.start_task(1)
    before = ucs.mock.state()
    switch(ucs, "maintenance")
    reply = ucs.request(method, path) if body is None else ucs.request(method, path, body)
    assert (reply.status, reply.json.keys(), reply.json["code"]) == (503, ERROR, 5030)
    operation = ucs.mock.last_call()["operation"]
    wanted = f"{operation} is unavailable while the system is in maintenance mode"
    assert (reply.json["description"], ucs.mock.state()) == (wanted, before)


@pytest.mark.parametrize("mode", ["production", "maintenance"])
@pytest.mark.parametrize("kind", ["service", "state", "task"])
def test_schemas_and_what_is_about_the_server_are_answered_in_both_modes(ucs: Door, mode: str, kind: str) -> None:
    switch(ucs, mode)
    path = f"/metadata/{kind}s/extensions"
    assert ucs.post(path, SCHEMA).status == 201
    advised = mode == "production" and kind != "task"
    assert ["maintenance" in each for each in ucs.mock.last_call()["advice"]] == [True] * advised
    assert [ucs.get(each).status for each in (path, f"{path}/data")] == [200, 200]
    assert ucs.mock.last_call()["advice"] == []
    assert ucs.request("DELETE", f"{path}/Data").status == 204
    assert len(ucs.mock.last_call()["advice"]) == advised
    assert ucs.get("/metadata/business-attributes").json == []
    assert status(ucs)["mode"] == mode


def test_8_5_knows_no_modes(ucs: Door, gms: Door) -> None:
    switch(ucs, "maintenance")
    gms.start_service()
    assert gms.get("/services/1").status == 200
    assert gms.get("/metadata/business-attributes").status == 200
    assert ucs.get("/services/1").status == 503


def test_a_reset_begins_in_production_and_spaces_have_modes_of_their_own(ucs: Door) -> None:
    switch(ucs, "maintenance")
    assert ucs.mock.get("/__space/other/server/status").json["mode"] == "production"
    assert ucs.mock.get("/__admin/state").json["server_mode"] == "maintenance"
    ucs.mock.reset()
    assert status(ucs)["mode"] == "production"


def test_the_status_has_the_members_of_the_table_and_of_the_sample(mock: Mock, ucs: Door) -> None:
    mock.put("/__admin/clock", {"now": NOON, "frozen": True})
    found = status(ucs)
    assert found.keys() == STATUS
    assert (found["system_time"], found["mode"]) == (NOON, "production")
    assert found["used_memory"] + found["free_memory"] == found["allocated_memory"] <= found["max_memory"]
    assert (found["started"], found["last_request"]) == (NOON, NOON)
    mock.post("/__admin/clock/advance", {"seconds": 60})
    assert status(ucs)["started"] == NOON
    for name in ("request_today", "client_errors_today", "server_errors_today"):
        assert type(found[name]) is int


def test_the_counters_of_the_status_begin_anew_with_each_day_of_the_clock(ucs: Door) -> None:
    ucs.mock.put("/__admin/clock", {"now": "2026-01-01T23:59:00.000Z", "frozen": True})
    ucs.get("/services/9")
    assert (status(ucs)["request_today"], status(ucs)["client_errors_today"]) == (2, 1)
    ucs.mock.post("/__admin/clock/advance", {"seconds": 60})
    assert (status(ucs)["request_today"], status(ucs)["client_errors_today"]) == (1, 0)
    assert 'mockcs_calls_total{space="default",status="404"} 1.0' in ucs.mock.get("/__admin/metrics").body.decode()


def test_the_counters_of_the_status_count_requests_and_errors_until_a_reset(ucs: Door) -> None:
    before = status(ucs)
    assert (before["client_errors_today"], before["server_errors_today"]) == (0, 0)
    ucs.start_service()
    assert [ucs.get(path).status for path in ("/services/9", "/services/x", "/nowhere")] == [404, 400, 404]
    switch(ucs, "maintenance")
    assert ucs.get("/services/1").status == 503
    after = status(ucs)
    assert after["request_today"] - before["request_today"] == 7
    assert (after["client_errors_today"], after["server_errors_today"]) == (3, 1)
    ucs.mock.reset()
    again = status(ucs)
    assert (again["request_today"], again["client_errors_today"]) == (before["request_today"], 0)
    assert (again["server_errors_today"], again["started"] >= before["started"]) == (0, True)


def test_last_request_is_the_time_of_the_request_before(ucs: Door) -> None:
    first = status(ucs)
    assert first["last_request"] == first["started"]
    ucs.start_service()
    ucs.get("/services/1")
    assert status(ucs)["last_request"] == ucs.mock.calls()[-2]["received_at"]
