"""The admin API: look at and plant state, ids, reset, spaces, and what is mocked."""

from __future__ import annotations

import csv
from typing import Any

import pytest

from mockcs import __version__
from tests.conftest import PREFIXES, ROOT, Door, Mock, Reply

EARLY, NOON = "2026-01-01T08:00:00.000Z", "2026-01-01T12:00:00.000Z"
LISTS = ("active_states", "completed_states", "active_tasks", "completed_tasks")
EMPTY: dict[str, Any] = {name: [] for name in LISTS}
WHOLE: dict[str, Any] = {
    "service_type": "S",
    "customer_id": "C1",
    "contact_key": "42",
    "est_duration": 60,
    "started": {"timestamp": EARLY, "interaction_id": "i", "application_type": 400},
    "completed": {"timestamp": NOON, "media_type": "web"},
    "disposition": 10,
    "coupon": {"name": "D"},
    "active_states": [
        {
            "state_type": 4,
            "started": {"timestamp": EARLY},
            "note": [1],
            "active_tasks": [{"task_type": "in the state", "started": {"timestamp": EARLY}}],
        }
    ],
    "completed_states": [{"state_type": 5, "started": {"timestamp": EARLY}, "completed": {"timestamp": NOON}}],
    "active_tasks": [{"task_type": "alone", "started": {"timestamp": NOON}, "Survey": {"url": "u"}}],
}


def assert_wrong(reply: Reply, status: int = 400) -> dict[str, str]:
    """An answer of the admin API that says what was wrong and what to do about it."""
    assert (reply.status, reply.json.keys()) == (status, {"error", "hint"})
    assert reply.json["error"]
    return dict(reply.json)


def plant(mock: Mock, **document: Any) -> dict[str, Any]:
    reply = mock.post("/__admin/services", document)
    assert reply.status == 201, reply.body
    return dict(reply.json)


def listed(mock: Mock, query: str = "") -> list[int]:
    reply = mock.get(f"/__admin/services{query}")
    assert (reply.status, reply.json.keys()) == (200, {"services"})
    return [service["service_id"] for service in reply.json["services"]]


def test_a_planted_service_has_everything_that_its_document_says(anywhere: Mock) -> None:
    anywhere.set_ids(service=7, state=20, task=30)
    task, alone = (
        {"task_id": 30, "state_id": 20, **WHOLE["active_states"][0]["active_tasks"][0]},
        WHOLE["active_tasks"][0],
    )
    states = [{name: value for name, value in WHOLE["active_states"][0].items() if name != "active_tasks"}]
    wanted = {
        **WHOLE,
        "service_id": 7,
        "active_states": [{"state_id": 20, **states[0]}],
        "completed_states": [{"state_id": 21, **WHOLE["completed_states"][0]}],
        "active_tasks": [task, {"task_id": 31, **alone}],
        "completed_tasks": [],
    }
    assert plant(anywhere, **WHOLE) == wanted
    assert anywhere.get("/__admin/services/7").json == wanted
    assert anywhere.get("/__admin/services").json == {"services": [wanted]}
    query = "?extensions=*,State.*,Task.*&" + "&".join(f"{name}=true" for name in LISTS)
    for api, prefix in PREFIXES.items():
        assert anywhere.get(f"{prefix}/services/7{query}").json == wanted, api


def test_times_that_a_planted_service_leaves_out_are_now(mock: Mock) -> None:
    found = plant(mock, contact_key="42", completed={}, completed_states=[{}], completed_tasks=[{}], active_tasks=[{}])
    time = found["started"]["timestamp"]
    assert found["completed"] == {"timestamp": time}
    for name in ("completed_states", "completed_tasks"):
        assert [(each["started"], each["completed"]) for each in found[name]] == [({"timestamp": time},) * 2]
    assert "completed" not in found["active_tasks"][0]


def test_what_is_planted_can_be_worked_on_like_any_other(gms: Door, mock: Mock) -> None:
    plant(mock, customer_id="C1", service_type="S", active_states=[{"state_type": "A"}])
    event = {"service": {"customer_id": "C1", "service_type": "S"}, "state": {"state_type": "A"}}
    found = gms.post("/services_composite/start", {"services": [event]}).json["services"][0]
    assert [each["created"] for each in found.values()] == ["false", "false"]
    gms.complete_service(1)
    assert gms.get("/customers/C1/services/active").json == []


def test_planting_and_looking_leave_no_call(mock: Mock) -> None:
    plant(mock, contact_key="42")
    for path in ("/__admin/services", "/__admin/services/1", "/__admin/services/99", "/__admin/nothing"):
        mock.get(path)
    reply = mock.get("/__admin/calls").json
    assert (reply["calls"], reply["total"]) == ([], 0)


def test_services_are_listed_by_customer_key_and_whether_they_are_active(mock: Mock) -> None:
    plant(mock, customer_id="C1", contact_key="K", started={"timestamp": NOON})
    plant(mock, customer_id="C1", completed={}, started={"timestamp": EARLY})
    plant(mock, contact_key="two words", started={"timestamp": EARLY})
    assert listed(mock) == [2, 3, 1]
    assert (listed(mock, "?active=true"), listed(mock, "?active=false")) == ([3, 1], [2])
    assert listed(mock, "?customer_id=C1") == [2, 1]
    assert listed(mock, "?customer_id=C1&active=true") == [1]
    assert listed(mock, "?customer_id=C1&contact_key=K") == [1]
    assert listed(mock, "?contact_key=two%20words") == [3]
    assert listed(mock, "?customer_id=nobody") == []


@pytest.mark.parametrize("query", ["active=yes", "active=", "customer=C1"])
def test_a_filter_that_is_not_known_is_refused(mock: Mock, query: str) -> None:
    assert_wrong(mock.get(f"/__admin/services?{query}"))


def test_a_service_that_is_not_there_is_404(mock: Mock) -> None:
    assert assert_wrong(mock.get("/__admin/services/99"), 404)["hint"]


@pytest.mark.parametrize(
    "document",
    [
        {"service_id": 5},
        {"active_states": [{"state_id": 5}]},
        {"active_tasks": [{"task_id": 5}]},
        {"active_tasks": [{"state_id": 5}]},
        {"active_states": [{"active_tasks": [{"task_id": 5}]}]},
        {"completed_states": [{"service_id": 5}]},
    ],
)
def test_ids_in_a_planted_document_are_refused_as_the_server_gives_them(mock: Mock, document: dict[str, Any]) -> None:
    before = mock.state()
    assert assert_wrong(mock.post("/__admin/services", {"contact_key": "42", **document}))["hint"]
    assert mock.state() == before


@pytest.mark.parametrize(
    "document",
    [
        {"customer_id": None},
        {"service_type": True},
        {"est_duration": "60"},
        {"started": NOON},
        {"started": {"timestamp": "2026-02-30T00:00:00.000Z"}},
        {"completed": {"timestamp": "now"}},
        {"active_states": {}},
        {"active_states": [{"completed": {}}]},
        {"active_tasks": [{"completed": {"timestamp": NOON}}]},
        {"completed_tasks": [5]},
        {"completed_states": [{"state_type": 1}, {"state_type": []}]},
        {"active_states": [{"completed_tasks": [{"task_type": {}}]}]},
    ],
)
def test_a_bad_planted_document_changes_nothing(mock: Mock, document: dict[str, Any]) -> None:
    before = mock.state()
    assert_wrong(mock.post("/__admin/services", {"contact_key": "42", "active_tasks": [{}], **document}))
    assert mock.state() == before


@pytest.mark.parametrize("body", [{}, {"service_type": 1}, [], b"null", b"{", b'{"contact_key": "\xff"}'])
def test_what_is_no_service_cannot_be_planted(mock: Mock, body: Any) -> None:
    before = mock.state()
    assert_wrong(mock.post("/__admin/services", body))
    assert mock.state() == before


def test_the_next_ids_are_set_all_or_some(mock: Mock, gms: Door) -> None:
    assert mock.get("/__admin/ids").json == {"service": 1, "state": 1, "task": 1}
    assert mock.put("/__admin/ids", {"service": 12349857}).json == {"service": 12349857, "state": 1, "task": 1}
    wanted = {"service": 2**53 + 1, "state": 24, "task": 0}
    assert mock.put("/__admin/ids", wanted).json == mock.get("/__admin/ids").json == wanted
    service = gms.start_service()
    assert (service, gms.start_state(service), gms.start_task(service)) == (2**53 + 1, 24, 0)
    assert mock.put("/__admin/ids", {}).json == {"service": 2**53 + 2, "state": 25, "task": 1}
    assert gms.get(f"/services/{service}/tasks/0").json["task_id"] == 0


def test_the_largest_ids_can_be_given(mock: Mock, gms: Door) -> None:
    mock.set_ids(service=2**63 - 1, state=2**31 - 1, task=2**31 - 1)
    service = gms.start_service()
    assert (service, gms.start_state(service), gms.start_task(service)) == (2**63 - 1, 2**31 - 1, 2**31 - 1)
    assert gms.get(f"/services/{2**63 - 1}/states/{2**31 - 1}").json["service_id"] == 2**63 - 1


def test_an_id_that_is_taken_is_passed_over(mock: Mock, gms: Door) -> None:
    assert [gms.start_service() for _ in range(3)] == [1, 2, 3]
    mock.set_ids(service=2)
    assert plant(mock, contact_key="42")["service_id"] == 4
    mock.set_ids(service=0)
    assert [gms.start_service(), gms.start_service()] == [0, 5]


@pytest.mark.parametrize(
    "body",
    [{"service": 5, "state": value} for value in (-1, 2**31, "5", 1.5, True, None, [5])]
    + [{"state": 5, "service": 2**63}, {"state": 5, "services": 1}, [5], b"5", b"{"],
)
def test_bad_ids_are_refused_and_none_is_set(mock: Mock, body: Any) -> None:
    assert_wrong(mock.put("/__admin/ids", body))
    assert mock.get("/__admin/ids").json == {"service": 1, "state": 1, "task": 1}


def test_a_reset_removes_everything_and_says_how_much(anywhere: Mock) -> None:
    gms, ucs = Door(anywhere, "8.5"), Door(anywhere, "8.1")
    services = [gms.start_service(), gms.start_service()]
    gms.start_state(services[0])
    schema = {"name": "Feedback", "type": "single-valued", "attributes": []}
    assert ucs.post("/metadata/services/extensions", schema).status == 201
    anywhere.set_ids(task=9)
    anywhere.read_as(complete_status="200")
    removed = anywhere.post("/__admin/reset").json["removed"]
    counts = {"services": 2, "states": 1, "tasks": 0, "extension_schemas": 1, "calls": 4}
    assert {name: removed[name] for name in counts} == counts
    assert anywhere.state() == ({"services": []}, {"service": 1, "state": 1, "task": 1})
    journal = anywhere.get("/__admin/calls").json
    assert (journal["calls"], journal["total"], journal["evicted"]) == ([], 0, 0)
    assert ucs.get("/metadata/services/extensions").json == []
    assert gms.start_service() == 1
    assert gms.post("/services/1/end").status == 204


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/__admin/ids"), ("PUT", "/__admin/readings/not-found"), ("POST", "/__admin/calls/verify")],
)
def test_members_that_a_route_does_not_know_are_refused(mock: Mock, method: str, path: str) -> None:
    known = {"value": "404"} if "readings" in path else {"match": {"api": "8.5"}} if "verify" in path else {"state": 5}
    before = mock.state(), mock.get("/__admin/readings").json
    wrong = assert_wrong(mock.request(method, path, {**known, "mispelt": 1}))
    assert "mispelt" in wrong["error"]
    assert (mock.state(), mock.get("/__admin/readings").json) == before


@pytest.mark.parametrize("path", ["/__admin/nothing", "/__admin/calls/x", "/__admin/services/x", "/__admin/ids/1"])
def test_an_unknown_admin_route_is_404(anywhere: Mock, path: str) -> None:
    assert_wrong(anywhere.get(path), 404)


def test_what_is_given_wrongly_is_pointed_to_what_it_may_be(mock: Mock) -> None:
    assert "docs/admin.md" in assert_wrong(mock.post("/__admin/clock/advance", {"seconds": "x"}))["hint"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/__admin/reset", {"POST"}),
        ("POST", "/__admin/ids", {"GET", "PUT"}),
        ("DELETE", "/__admin/services", {"GET", "POST"}),
        ("PUT", "/__admin/health", {"GET"}),
    ],
)
def test_a_wrong_method_on_an_admin_route_is_405(anywhere: Mock, method: str, path: str, allowed: set[str]) -> None:
    reply = anywhere.request(method, path)
    assert_wrong(reply, 405)
    assert allowed <= set(reply.headers["allow"].split(", "))
    assert method not in reply.headers["allow"].split(", ")
    assert reply.json["hint"] == f"it takes {reply.headers['allow']}"


@pytest.mark.parametrize("path", ["/__admin", "/__admin/"])
def test_the_admin_api_lists_its_routes_and_a_wrong_one_says_so(mock: Mock, path: str) -> None:
    routes = mock.get(path).json["routes"]
    assert {"method": "DELETE", "path": "/__admin/calls", "answers": 'Forget all calls: {"removed": n}.'} in routes
    assert all(each["answers"] for each in routes)
    assert "GET /__admin lists" in assert_wrong(mock.get("/__admin/requests"), 404)["hint"]


def test_health_says_ready_with_version_and_spaces(mock: Mock) -> None:
    health = mock.get("/__admin/health").json
    assert health.keys() == {"status", "version", "uptime_seconds", "spaces"}
    assert (health["status"], health["version"]) == ("ready", __version__)
    assert isinstance(health["uptime_seconds"], float)


def test_operations_are_the_rows_of_their_table(mock: Mock) -> None:
    with (ROOT / "schemas" / "tables" / "operations.csv").open(encoding="utf-8", newline="") as file:
        assert mock.get("/__admin/operations").json == {"operations": list(csv.DictReader(file))}


def test_a_schema_is_shown_as_the_readings_have_it(mock: Mock) -> None:
    path = "/__admin/schemas/8.5/service_start_event"
    optional = mock.get(path).json
    assert optional["properties"]["service_type"]["x-documented"]["mandatory"] == "no"
    mock.read_as(type_mandatory="mandatory")
    assert mock.get(path).json["required"] == ["service_type"]
    assert "service_type" not in optional.get("required", [])


@pytest.mark.parametrize("path", ["8.5/nothing", "9.0/service_start_event", "8.5/../8.5/service"])
def test_an_unknown_schema_is_404(mock: Mock, path: str) -> None:
    assert_wrong(mock.get(f"/__admin/schemas/{path}"), 404)


def test_the_next_id_that_is_told_is_the_one_that_is_given(gms: Door) -> None:
    gms.start_service()
    assert gms.mock.put("/__admin/ids", {"service": 1}).json["service"] == 2
    assert gms.mock.get("/__admin/ids").json["service"] == gms.start_service() == 2


def test_ids_at_their_end_go_on_from_1_and_come_back(gms: Door) -> None:
    gms.mock.set_ids(state=2**31 - 1)
    assert gms.start_state(gms.start_service()) == 2**31 - 1
    ids, state = gms.mock.get("/__admin/ids").json, gms.mock.get("/__admin/state").json
    assert ids["state"] == state["ids"]["state"] == 1
    assert gms.mock.put("/__admin/ids", ids).json == ids
    assert gms.mock.put("/__admin/state", state).status == 200
    assert gms.mock.get("/__admin/state").json == state


def test_an_id_of_very_many_digits_is_that_of_no_service(mock: Mock) -> None:
    assert mock.get("/__admin/services/" + "9" * 4301).status == 404


def test_only_a_wrong_method_is_told_which_ones_are_allowed(mock: Mock) -> None:
    assert "allow" not in mock.get("/__admin/nothing").headers
    assert mock.request("PATCH", "/__admin/ids").headers["allow"]
