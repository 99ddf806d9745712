"""Time: a space's clock, when services expire, when idle ones are ended; nothing happens but by that clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mockcs.errors import MockcsError
from mockcs.server import Server
from mockcs.settings import Settings
from tests.conftest import Door, Mock, Reply, serving

NOON = "2026-01-01T12:00:00.000Z"
YEAR = 365 * 86_400
LISTS = "active_states=true&completed_states=true&active_tasks=true&completed_tasks=true"


def clock(mock: Mock, **body: Any) -> Reply:
    return mock.put("/__admin/clock", body)


def freeze(mock: Mock, now: str = NOON) -> None:
    assert clock(mock, now=now, frozen=True).json == {"now": now, "frozen": True}


def advance(mock: Mock, seconds: float) -> dict[str, Any]:
    reply = mock.post("/__admin/clock/advance", {"seconds": seconds})
    assert reply.status == 200, reply.body
    return dict(reply.json)


def due(mock: Mock, seconds: float) -> tuple[list[int], list[int]]:
    found = advance(mock, seconds)
    return found["expired"], found["completed"]


def left(mock: Mock) -> list[int]:
    return [each["service_id"] for each in mock.get("/__admin/services").json["services"]]


def shown(door: Door, path: str) -> Any:
    reply = door.get(path)
    assert reply.status == 200, reply.body
    return reply.json


def put(door: Door, service: int | str, body: Any) -> int:
    return door.request("PUT", f"/services/{service}", body).status


def test_the_clock_runs_until_it_is_frozen_and_again_when_it_is_let_go(mock: Mock, gms: Door) -> None:
    assert mock.get("/__admin/clock").json["frozen"] is False
    freeze(mock)
    assert [mock.get("/__admin/clock").json for _ in range(2)] == [{"now": NOON, "frozen": True}] * 2
    assert shown(gms, f"/services/{gms.start_service()}")["started"] == {"timestamp": NOON}
    assert clock(mock, now="2027-06-01T00:00:00.000Z").json == {"now": "2027-06-01T00:00:00.000Z", "frozen": True}
    running = clock(mock, frozen=False).json
    assert (running["frozen"], running["now"][:10]) == (False, "2027-06-01")
    assert clock(mock, frozen=True).json["now"] >= running["now"]


def test_a_clock_that_runs_is_set_and_runs_on(mock: Mock) -> None:
    found = clock(mock, now="1999-12-31T12:00:00.000Z").json
    assert (found["frozen"], found["now"][:13]) == (False, "1999-12-31T12")


def test_advance_puts_the_clock_forward_by_seconds_and_parts_of_them(mock: Mock) -> None:
    freeze(mock)
    assert advance(mock, 1.5) == {"now": "2026-01-01T12:00:01.500Z", "expired": [], "completed": []}
    assert advance(mock, 0)["now"] == "2026-01-01T12:00:01.500Z"
    assert advance(mock, 86_400)["now"] == "2026-01-02T12:00:01.500Z"


def test_each_space_has_a_clock_of_its_own_and_a_reset_lets_it_run(mock: Mock) -> None:
    freeze(mock)
    assert mock.get("/__space/other/__admin/clock").json["frozen"] is False
    mock.reset()
    found = mock.get("/__admin/clock").json
    assert (found["frozen"], found["now"] > NOON) == (False, True)


@pytest.mark.parametrize(
    "body",
    [
        {}, [], "now", b"{", {"now": "today"}, {"now": "2026-01-01"}, {"now": 5}, {"now": "2026-02-30T00:00:00.000Z"},
        {"frozen": "true"}, {"frozen": 1}, {"now": NOON, "frozen": 0}, {"now": NOON, "more": 1}, {"seconds": 1},
    ],
    ids=str,
)  # fmt: skip
def test_a_bad_clock_is_refused_and_leaves_the_clock(mock: Mock, body: Any) -> None:
    freeze(mock)
    reply = mock.put("/__admin/clock", body)
    assert (reply.status, reply.json.keys() >= {"error"}) == (400, True)
    assert mock.get("/__admin/clock").json == {"now": NOON, "frozen": True}


@pytest.mark.parametrize(
    "body",
    [{}, [], b"{", {"seconds": -1}, {"seconds": "60"}, {"seconds": True}, {"seconds": None}, {"minutes": 1},
     {"seconds": 1, "more": 1}, {"seconds": 1e15}],
    ids=str,
)  # fmt: skip
def test_a_bad_advance_is_refused_and_leaves_the_clock(mock: Mock, body: Any) -> None:
    freeze(mock)
    reply = mock.post("/__admin/clock/advance", body)
    assert (reply.status, reply.json.keys() >= {"error"}) == (400, True)
    assert mock.get("/__admin/clock").json == {"now": NOON, "frozen": True}


def test_a_service_lives_for_five_years_unless_it_is_told_otherwise(door: Door) -> None:
    freeze(door.mock)
    service = door.start_service()
    assert due(door.mock, 5 * YEAR - 1) == ([], [])
    assert left(door.mock) == [service]
    assert due(door.mock, 1) == ([service], [])
    assert door.get(f"/services/{service}").status in (400, 404)


@pytest.mark.parametrize(
    ("lifetime", "seconds"),
    [("90s", 90), ("2m", 120), ("3h", 10_800), ("1d", 86_400), ("2w", 1_209_600), ("1M", 2_592_000), ("1y", YEAR)],
)
def test_the_lifetime_of_the_configuration_is_a_number_and_a_letter(lifetime: str, seconds: int) -> None:
    with Server(Settings(expiration=lifetime)) as server:
        mock = Mock(server.base_url)
        freeze(mock)
        service = Door(mock, "8.5").start_service()
        assert due(mock, seconds - 1) == ([], [])
        assert due(mock, 1) == ([service], [])


@pytest.mark.parametrize("lifetime", ["5", "y", "5Y", "5 y", "-1d", "1.5h", "5years"])
def test_another_lifetime_is_refused(lifetime: str) -> None:
    with pytest.raises(MockcsError, match="is no lifetime"):
        Settings(expiration=lifetime)


def test_what_a_start_orders_goes_before_the_configuration_and_ttl_before_expiration_time(gms: Door) -> None:
    freeze(gms.mock)
    hour = "2026-01-01T13:00:00.000Z"
    gms.start_service(ttl=60)
    gms.start_service(expiration_time=hour)
    gms.start_service(ttl=7200, expiration_time=hour)
    gms.start_service()
    assert due(gms.mock, 60) == ([1], [])
    assert due(gms.mock, 3539.999) == ([], [])
    assert due(gms.mock, 0.001) == ([2], [])
    assert due(gms.mock, 3600) == ([3], [])
    assert left(gms.mock) == [4]


def test_an_end_event_orders_the_expiration_too(gms: Door) -> None:
    freeze(gms.mock)
    for event in ({"ttl": 60}, {"expiration_time": "2026-01-01T12:01:00.000Z"}, {}):
        gms.complete_service(gms.start_service(ttl=3600), **event)
    assert due(gms.mock, 60) == ([1, 2], [])
    assert due(gms.mock, 3540) == ([3], [])


def test_what_is_past_is_gone_at_once(gms: Door) -> None:
    freeze(gms.mock)
    for event in ({"ttl": 0}, {"ttl": -5}, {"expiration_time": "2025-01-01T00:00:00.000Z"}):
        assert gms.get(f"/services/{gms.start_service(**event)}").status == 400
        service = gms.start_service()
        assert put(gms, service, event) == 200
        assert [each["change"] for each in gms.mock.last_call()["changes"]] == ["deleted"]
        assert gms.get(f"/services/{service}").status == 400
    assert left(gms.mock) == []


def test_an_expired_service_takes_its_states_and_tasks_with_it(gms: Door) -> None:
    freeze(gms.mock)
    service, other = gms.start_service(customer_id="C1", ttl=5), gms.start_service(customer_id="C1")
    gms.start_task(service, state_id=gms.start_state(service))
    gms.start_state(other)
    assert due(gms.mock, 5) == ([service], [])
    assert [gms.get(f"/services/1{end}").status for end in ("", "/states/1", "/tasks/1", "/states")] == [400] * 4
    assert [each["service_id"] for each in shown(gms, "/customers/C1/services")] == [other]
    assert gms.mock.get("/__admin/state").json["services"][0]["service_id"] == other


def test_an_idle_service_is_ended_with_what_is_open_in_it_at_the_moment_its_time_is_up(gms: Door) -> None:
    freeze(gms.mock)
    service = gms.start_service(auto_complete_after=60, note="n")
    state = gms.start_state(service)
    gms.start_task(service, state_id=state)
    gms.start_task(service)
    gms.post(f"/services/{service}/tasks/2/end", {"timestamp": NOON})
    assert due(gms.mock, 59.999) == ([], [])
    assert due(gms.mock, 3600) == ([], [service])
    moment = {"timestamp": "2026-01-01T12:01:00.000Z"}
    found = shown(gms, f"/services/{service}?{LISTS}&extensions=*")
    assert (found["completed"], found["note"], found["active_states"], found["active_tasks"]) == (moment, "n", [], [])
    assert [each["completed"] for each in found["completed_states"]] == [moment]
    assert [each["completed"]["timestamp"] for each in found["completed_tasks"]] == [moment["timestamp"], NOON]
    assert due(gms.mock, 3600) == ([], [])


TOUCHES: dict[str, tuple[str, str, Any]] = {
    "an association": ("POST", "/customers/C1/services/1", {}),
    "the start of a state": ("POST", "/services/1/states/start", {"state_type": 1}),
    "the end of a state": ("POST", "/services/1/states/1/end", {}),
    "a transition": ("POST", "/services/1/states/transition", {"from": {"state_id": 1}, "to": {"state_type": 1}}),
    "the start of a task": ("POST", "/services/1/tasks/start", {"task_type": 1}),
    "the end of a task": ("POST", "/services/1/tasks/1/end", {}),
    "an extension of the service": ("PUT", "/services/1/extensions/a", {}),
    "an extension of a state": ("PUT", "/services/1/states/1/extensions/a", {}),
    "a merge into a task": ("PUT", "/services/1/tasks/1/extensions/a/merge", {}),
}


@pytest.mark.parametrize("what", TOUCHES)
def test_an_update_of_the_service_or_of_a_state_or_task_begins_the_idle_time_anew(gms: Door, what: str) -> None:
    freeze(gms.mock)
    service = gms.start_service(auto_complete_after=60)
    gms.start_state(service)
    gms.start_task(service)
    method, path, body = TOUCHES[what]
    advance(gms.mock, 40)
    assert gms.request(method, path, body).status in (200, 201, 204)
    assert due(gms.mock, 59) == ([], [])
    assert due(gms.mock, 1) == ([], [service])


def test_a_query_does_not_begin_the_idle_time_anew(gms: Door) -> None:
    freeze(gms.mock)
    service = gms.start_service(auto_complete_after=60)
    advance(gms.mock, 40)
    shown(gms, f"/services/{service}?{LISTS}")
    assert due(gms.mock, 20) == ([], [service])


@pytest.fixture(scope="module")
def idle() -> Iterator[Mock]:
    """A server that ends services after an hour of idleness."""
    with serving("--auto-complete-after", "3600") as mock:
        yield mock


def test_the_event_goes_before_the_option_and_8_1_follows_the_option(idle: Mock) -> None:
    idle.reset()
    freeze(idle)
    Door(idle, "8.5").start_service()
    Door(idle, "8.5").start_service(auto_complete_after=60)
    Door(idle, "8.1").start_service()
    Door(idle, "8.5").start_service(auto_complete_after=7200)
    assert due(idle, 60) == ([], [2])
    assert due(idle, 3540) == ([], [1, 3])
    assert due(idle, 3600) == ([], [4])


def test_a_planted_service_follows_the_option_and_a_state_keeps_what_it_tells(idle: Mock) -> None:
    idle.reset()
    freeze(idle)
    assert idle.post("/__admin/services", {"customer_id": "C1"}).status == 201
    assert due(idle, 3599) == ([], [])
    state = idle.get("/__admin/state").json
    never = {**state["services"][0], "service_id": 2, "__mockcs": {**state["services"][0]["__mockcs"], "idle": None}}
    state["services"].append(never)
    state["ids"]["service"] = 3
    assert idle.put("/__admin/state", state).json == state
    assert due(idle, 3600) == ([], [1])


def test_without_event_and_option_nothing_is_ended(door: Door) -> None:
    freeze(door.mock)
    service = door.start_service()
    assert due(door.mock, 5 * YEAR - 1) == ([], [])
    assert "completed" not in shown(door, f"/services/{service}")


def test_an_idle_service_that_is_touched_in_an_earlier_time_is_ended_by_that_time(gms: Door) -> None:
    freeze(gms.mock, "2026-01-10T12:00:00.000Z")
    service = gms.start_service(auto_complete_after=60)
    freeze(gms.mock)
    gms.start_task(service)
    assert due(gms.mock, 59) == ([], [])
    assert due(gms.mock, 1) == ([], [service])
    assert shown(gms, f"/services/{service}")["completed"]["timestamp"] == "2026-01-01T12:01:00.000Z"


def test_a_service_expires_also_before_1970(gms: Door) -> None:
    freeze(gms.mock, "1960-01-01T12:00:00.000Z")
    service = gms.start_service(ttl=60)
    assert due(gms.mock, 59) == ([], [])
    assert due(gms.mock, 1) == ([service], [])


def test_what_was_due_is_carried_out_before_the_clock_is_set_back(gms: Door) -> None:
    freeze(gms.mock)
    gms.start_service(expiration_time="2026-01-01T12:00:00.100Z")
    assert clock(gms.mock, frozen=False).status == 200
    while gms.mock.get("/__admin/clock").json["now"] < "2026-01-01T12:00:00.100Z":
        pass
    assert clock(gms.mock, now=NOON, frozen=True).status == 200
    assert left(gms.mock) == []


def test_what_falls_due_at_once_happens_in_order_of_time_and_then_of_id(gms: Door) -> None:
    freeze(gms.mock)
    gms.start_service(auto_complete_after=30)
    for seconds in (50, 20, 10, 20):
        gms.start_service(ttl=seconds)
    gms.start_service(auto_complete_after=5)
    gms.start_service(auto_complete_after=10, ttl=60)
    gms.start_service(auto_complete_after=60, ttl=10)
    assert due(gms.mock, 60) == ([4, 8, 3, 5, 2, 7], [6, 7, 1])
    assert left(gms.mock) == [1, 6]
    assert shown(gms, "/services/1")["completed"] == {"timestamp": "2026-01-01T12:00:30.000Z"}


def test_what_is_due_is_seen_by_the_next_call_whoever_moved_the_clock(gms: Door) -> None:
    freeze(gms.mock)
    service, idle = gms.start_service(ttl=60, customer_id="C1"), gms.start_service(auto_complete_after=60)
    freeze(gms.mock, "2026-01-01T12:01:00.000Z")
    assert shown(gms, "/customers/C1/services") == []
    assert shown(gms, f"/services/{idle}")["completed"] == {"timestamp": "2026-01-01T12:01:00.000Z"}
    assert service not in left(gms.mock)


def test_service_ids_in_the_answer_of_advance_are_written_as_the_reading_says(gms: Door) -> None:
    gms.mock.read_as(service_id="string")
    freeze(gms.mock)
    ends, idle = gms.start_service(ttl=60), gms.start_service(auto_complete_after=60)
    assert due(gms.mock, 60) == ([ends], [idle])


def test_a_clock_that_runs_stands_still_at_the_end_of_the_year_9999(gms: Door) -> None:
    end = "9999-12-31T23:59:59.999Z"
    gms.mock.put("/__admin/clock", {"now": end})
    while gms.mock.get("/__admin/clock").json["now"] != end:
        pass
    gms.start_service()
    assert gms.mock.last_call()["received_at"] == end
