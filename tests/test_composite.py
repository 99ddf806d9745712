"""Composite Start: find or start a service, a state and a task in one request (8.5)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Door, Mock, Reply

PATH = "/services_composite/start"
EARLY, NOON = "2026-01-01T08:00:00.000Z", "2026-01-01T12:00:00.000Z"
EVENT = {
    "service": {"customer_id": "C1", "service_type": "S"},
    "state": {"state_type": "A"},
    "task": {"task_type": "T"},
}


def start(door: Door, *events: dict[str, Any]) -> Reply:
    reply = door.post(PATH, {"services": list(events)})
    assert reply.status == 200, reply.body
    return reply


def outcome(door: Door, **parts: Any) -> dict[str, tuple[int, str]]:
    """What one event found or started: service, state, task -> id and `created`."""
    (found,) = start(door, {**EVENT, **parts}).json["services"]
    return {kind: (each[f"{kind}_id"], each["created"]) for kind, each in found.items()}


def shown(door: Door, path: str) -> dict[str, Any]:
    reply = door.get(path)
    assert reply.status == 200, reply.body
    return dict(reply.json)


def advice(door: Door) -> list[str]:
    found: list[str] = door.mock.last_call()["advice"]
    return found


def test_a_first_event_starts_all_three_and_the_same_event_again_finds_them(anywhere: Mock) -> None:
    gms = Door(anywhere, "8.5")
    for created in ("true", "false"):
        reply = start(gms, EVENT)
        assert reply.headers["location"] == "/genesys/1/cs/services/1/tasks/1"
        assert reply.json == {
            "services": [
                {
                    "service": {"service_id": 1, "created": created},
                    "state": {"state_id": 1, "created": created},
                    "task": {"task_id": 1, "created": created},
                }
            ]
        }


def test_the_record_says_what_was_created_and_what_was_updated(gms: Door) -> None:
    start(gms, EVENT)
    created = [{"kind": kind, "id": 1, "change": "created"} for kind in ("service", "state", "task")]
    assert gms.mock.last_call()["changes"] == created
    start(gms, EVENT)
    assert gms.mock.last_call()["changes"] == []
    start(gms, {**EVENT, "state": {"state_type": "A", "est_duration": 5}, "task": {"task_type": "U"}})
    assert gms.mock.last_call()["changes"] == [
        {"kind": "state", "id": 1, "change": "updated"},
        {"kind": "task", "id": 2, "change": "created"},
    ]


def test_what_is_missing_in_a_found_service_is_started(gms: Door) -> None:
    service = gms.start_service(customer_id="C1", service_type="S")
    assert outcome(gms) == {"service": (service, "false"), "state": (1, "true"), "task": (1, "true")}
    assert outcome(gms, task={"task_type": "U"}) == {
        "service": (service, "false"),
        "state": (1, "false"),
        "task": (2, "true"),
    }


def test_without_a_task_the_location_names_the_state_and_the_answer_has_no_task(gms: Door) -> None:
    reply = start(gms, {name: EVENT[name] for name in ("service", "state")})
    assert reply.headers["location"] == "/genesys/1/cs/services/1/states/1"
    assert reply.json["services"][0].keys() == {"service", "state"}


@pytest.mark.parametrize(
    ("given", "matches"),
    [
        ({"customer_id": "C1"}, True),
        ({"contact_key": "K"}, True),
        ({"customer_id": "C1", "contact_key": "K"}, True),
        ({"customer_id": "C1", "contact_key": "K", "service_type": 4}, True),
        ({"contact_key": "K", "service_type": 4.0}, True),
        ({"contact_key": "K", "service_type": "4"}, False),
        ({"customer_id": "C1", "service_type": 5}, False),
        ({"customer_id": "C2", "contact_key": "K"}, False),
        ({"customer_id": "C1", "contact_key": "L"}, False),
        ({"customer_id": "K"}, False),
    ],
)
@pytest.mark.parametrize("associated", [False, True], ids=["started with a customer", "associated"])
def test_a_service_matches_by_the_members_that_the_event_gives(
    gms: Door, given: dict[str, Any], matches: bool, associated: bool
) -> None:
    customer = {} if associated else {"customer_id": "C1"}
    service = gms.start_service(contact_key="K", service_type=4, **customer)
    if associated:
        assert gms.post(f"/customers/C1/services/{service}").status == 200
    assert (outcome(gms, service=given)["service"] == (service, "false")) is matches


def test_an_anonymous_service_does_not_match_a_customers_event(gms: Door) -> None:
    service = gms.start_service(contact_key="K", service_type="S")
    assert outcome(gms, service={"contact_key": "K", "customer_id": "C1"})["service"] == (2, "true")
    assert outcome(gms, service={"contact_key": "K", "service_type": "S"})["service"] == (service, "false")


def test_the_newest_match_wins(gms: Door) -> None:
    first, second, _ = (gms.start_service(contact_key="K", service_type=each) for each in ("S", "S", "other"))
    for service in (second, first):  # the order of associating does not make the older one newer
        gms.post(f"/customers/C1/services/{service}")
    assert outcome(gms)["service"] == (second, "false")
    states = [gms.start_state(second, state_type=each) for each in ("A", "A", "B")]
    tasks = [gms.start_task(second, task_type=each) for each in ("T", "T", "U")]
    found = outcome(gms, service={"contact_key": "K", "service_type": "S"})
    assert (found["state"], found["task"]) == ((states[1], "false"), (tasks[1], "false"))


def test_a_completed_service_never_matches(gms: Door) -> None:
    older, newer = (gms.start_service(customer_id="C1", service_type="S") for _ in range(2))
    gms.complete_service(newer)
    assert outcome(gms)["service"] == (older, "false")
    gms.complete_service(older)
    assert outcome(gms)["service"] == (3, "true")


def test_completed_states_and_tasks_never_match(gms: Door, mock: Mock) -> None:
    parts = {"completed_states": [{"state_type": "A"}], "completed_tasks": [{"task_type": "T"}]}
    assert mock.post("/__admin/services", {"customer_id": "C1", "service_type": "S", **parts}).status == 201
    assert outcome(gms) == {"service": (1, "false"), "state": (2, "true"), "task": (2, "true")}


@pytest.mark.parametrize("kind", ["state", "task"])
def test_an_absent_type_matches_any_active_one(gms: Door, kind: str) -> None:
    outcome(gms)
    assert outcome(gms, **{kind: {}})[kind] == (1, "false")
    assert outcome(gms, **{kind: {f"{kind}_type": "other"}})[kind] == (2, "true")
    assert outcome(gms, **{kind: {}})[kind] == (2, "false")


def test_a_state_or_task_of_another_service_never_matches(gms: Door) -> None:
    outcome(gms)
    other = outcome(gms, service={"customer_id": "C2"})
    assert (other["state"], other["task"]) == ((2, "true"), (2, "true"))


@pytest.mark.parametrize(
    ("event", "state"),
    [
        ({"associate_state_task": True}, 1),
        ({"associate_state_task": "true"}, 1),
        ({"associate_state_task": False}, None),
        ({"associate_state_task": "false"}, None),
        ({}, None),
    ],
)
def test_associate_state_task_attaches_the_task_to_the_state(
    gms: Door, event: dict[str, Any], state: int | None
) -> None:
    outcome(gms, **event)
    assert shown(gms, "/services/1/tasks/1").get("state_id") == state
    tasks = shown(gms, "/services/1/states/1?active_tasks=true")["active_tasks"]
    assert [task["task_id"] for task in tasks] == ([] if state is None else [1])


def test_a_found_task_gets_the_state_too(gms: Door) -> None:
    service = gms.start_service(customer_id="C1", service_type="S")
    old = gms.start_state(service, state_type="old")
    task = gms.start_task(service, task_type="T", state_id=old)
    found = outcome(gms, associate_state_task=True)
    assert (found["state"], found["task"]) == ((old + 1, "true"), (task, "false"))
    assert shown(gms, f"/services/{service}/tasks/{task}")["state_id"] == old + 1
    assert shown(gms, f"/services/{service}/states/{old}?active_tasks=true")["active_tasks"] == []


def test_a_state_that_the_service_does_not_have_is_accepted_with_advice(gms: Door) -> None:
    outcome(gms, state={"state_type": "A", "previous_state_id": 77}, task={"task_type": "T", "state_id": 99})
    assert sorted("previous_state_id" in each for each in advice(gms)) == [False, True]
    assert shown(gms, "/services/1/states/1")["previous_state_id"] == 77
    assert shown(gms, "/services/1/tasks/1")["state_id"] == 99


def test_a_later_event_of_a_call_finds_what_an_earlier_one_started(gms: Door) -> None:
    reply = start(gms, EVENT, {**EVENT, "task": {"task_type": "U"}}, {**EVENT, "service": {"contact_key": "K"}})
    flags = [
        {kind: (each[f"{kind}_id"], each["created"]) for kind, each in of.items()} for of in reply.json["services"]
    ]
    assert flags == [
        {"service": (1, "true"), "state": (1, "true"), "task": (1, "true")},
        {"service": (1, "false"), "state": (1, "false"), "task": (2, "true")},
        {"service": (2, "true"), "state": (2, "true"), "task": (3, "true")},
    ]
    assert reply.headers["location"] == "/genesys/1/cs/services/2/tasks/3"


def test_an_empty_list_of_events_starts_nothing_and_gets_advice(gms: Door) -> None:
    reply = start(gms)
    assert reply.json == {"services": []}
    assert "location" not in reply.headers
    call = gms.mock.last_call()
    assert (len(call["advice"]), call["changes"]) == (1, [])
    assert gms.mock.get("/__admin/services").json == {"services": []}


def test_what_is_found_takes_over_the_data_of_the_event(gms: Door) -> None:
    def event(time: str, duration: int, **attached: Any) -> dict[str, Any]:
        extra = {"timestamp": time, "est_duration": duration, "interaction_id": f"i{duration}", **attached}
        return {kind: {**EVENT[kind], **extra} for kind in ("service", "state", "task")}

    outcome(gms, **event(EARLY, 1, kept={"a": 1}, replaced={"a": 1}))
    outcome(gms, **event(NOON, 2, replaced={"b": 2}))
    for path in ("", "/states/1", "/tasks/1"):
        found = shown(gms, f"/services/1{path}?extensions=*")
        assert found["est_duration"] == 2
        assert found["started"] == {"timestamp": EARLY, "interaction_id": "i2"}
        assert (found["kept"], found["replaced"]) == ({"a": 1}, {"b": 2})


@pytest.mark.parametrize(
    ("event", "pointer"),
    [
        ({"service": {"service_type": "S"}}, "/services/1/service"),
        ({"state": None}, "/services/1/state"),
        ({"task": {"task_type": {}}}, "/services/1/task/task_type"),
        ({"associate_state_task": "yes"}, "/services/1/associate_state_task"),
    ],
)
def test_a_refused_event_among_good_ones_leaves_nothing_behind(gms: Door, event: dict[str, Any], pointer: str) -> None:
    gms.start_service(customer_id="C1", service_type="S")
    before = gms.mock.state()
    good = {**EVENT, "service": {**EVENT["service"], "est_duration": 9}}
    assert gms.post(PATH, {"services": [good, {**EVENT, **event}, good]}).status == 400
    call = gms.mock.last_call()
    assert [each["pointer"] for each in call["violations"]] == [pointer]
    assert call["changes"] == []
    assert gms.mock.state() == before


def test_advice_says_where_in_the_list_of_events(gms: Door) -> None:
    gms.start_service(Segment="gold")
    odd = {"service": {**EVENT["service"], "segment": "gold", "est_durations": 9, "task_type": 1}, "stat": {}}
    start(gms, EVENT, {**EVENT, **odd})
    assert [each.partition(" ")[0] for each in advice(gms)] == [
        "/services/1/stat",
        "/services/1/service/est_durations",
        "/services/1/service/task_type",
        "/services/1/service/segment",
    ]


def test_the_violations_of_all_events_come_at_once(gms: Door) -> None:
    assert gms.post(PATH, {"services": [{"state": {}}, {"service": {"contact_key": 1}}]}).status == 400
    found = {each["pointer"] for each in gms.mock.last_call()["violations"]}
    assert found == {"/services/0/service", "/services/1/service/contact_key", "/services/1/state"}


def test_the_older_generation_has_no_composite_start(ucs: Door) -> None:
    assert ucs.post(PATH, {"services": [EVENT]}).status == 404


def test_what_an_event_orders_of_a_found_service_counts_from_now(gms: Door) -> None:
    gms.mock.put("/__admin/clock", {"now": NOON, "frozen": True})
    event = {"service": {"contact_key": "42"}, "state": {}}
    start(gms, event | {"service": {"contact_key": "42", "ttl": 20}})
    start(gms, event | {"service": {"contact_key": "42", "ttl": 100, "auto_complete_after": 50}})
    assert {"kind": "service", "id": 1, "change": "updated"} in gms.mock.last_call()["changes"]
    found = [gms.mock.post("/__admin/clock/advance", {"seconds": seconds}).json for seconds in (49, 1, 49, 1)]
    assert [each["completed"] for each in found] == [[], [1], [], []]
    assert [each["expired"] for each in found] == [[], [], [], [1]]


def test_a_found_service_is_not_closed_at_once_and_the_call_gets_advice(gms: Door) -> None:
    start(gms, {"service": {"contact_key": "42"}, "state": {}})
    start(gms, {"service": {"contact_key": "42", "auto_closed": True}, "state": {}})
    assert [each for each in advice(gms) if "auto_closed" in each and "found" in each] != []
    assert "completed" not in shown(gms, "/services/1")


def test_a_found_service_can_be_told_to_end_at_once(gms: Door) -> None:
    gms.mock.put("/__admin/clock", {"now": NOON, "frozen": True})
    start(gms, {"service": {"contact_key": "42", "auto_complete_after": 50}, "state": {}})
    start(gms, {"service": {"contact_key": "42", "auto_complete_after": 0}, "state": {}})
    assert shown(gms, "/services/1")["completed"] == {"timestamp": NOON}


@pytest.mark.parametrize("found", [True, False])
def test_an_expiration_that_leaves_no_time_and_an_empty_key_get_advice(gms: Door, found: bool) -> None:
    event = {"service": {"contact_key": ""}, "state": {}}
    if found:
        start(gms, event)
    start(gms, {"service": {"contact_key": "", "ttl": 0}, "state": {}})
    assert [sum(word in each for each in advice(gms)) for word in ("leaves no time", "empty")] == [1, 1]
    assert gms.get("/services/1").status == 400


def test_what_an_event_orders_of_a_service_that_is_kept_as_it_is_gets_advice(gms: Door) -> None:
    gms.mock.read_as(composite_found="keep")
    start(gms, {"service": {"contact_key": "42"}, "state": {}})
    for closed, names in ((False, ["ttl"]), (True, ["auto_closed", "ttl"])):
        start(gms, {"service": {"contact_key": "42", "ttl": 5, "auto_closed": closed}, "state": {}})
        assert [each.partition(" is not read")[0] for each in advice(gms)] == names


REFUSED_LATER = {
    "both-keys": {"service": {"customer_id": "A", "contact_key": "k"}, "state": {}},
    "start-in-completed": {"service": {"customer_id": "A", "auto_closed": True}, "state": {}},
}


@pytest.mark.parametrize("reading", REFUSED_LATER)
def test_what_a_reading_refuses_in_a_later_event_leaves_nothing_of_the_earlier_ones(gms: Door, reading: str) -> None:
    gms.start_service(customer_id="Z", E={"a": "old"})
    gms.mock.put(f"/__admin/readings/{reading}", {"value": "refuse"})
    before = gms.mock.get("/__admin/state").json
    first = {"service": {"customer_id": "Z", "E": {"a": "new"}}, "state": {}}
    assert gms.post(PATH, {"services": [first, REFUSED_LATER[reading]]}).status == 400
    assert gms.mock.get("/__admin/state").json == before
    (violation,) = gms.mock.last_call()["violations"]
    assert violation["fix"].endswith(f"or switch the reading {reading} to accept")


def test_what_is_started_in_a_service_that_is_closed_at_once_gets_advice(gms: Door) -> None:
    start(gms, {"service": {"customer_id": "A", "auto_closed": True}, "state": {}})
    assert advice(gms) == ["the service was completed before this start"]
    gms.mock.read_as(start_in_completed="refuse")
    start(gms, {"service": {"customer_id": "B"}, "state": {}})
    start(gms, {"service": {"customer_id": "B", "auto_closed": True}, "state": {}})
    assert advice(gms) == ["auto_closed is not read, for the service was found, not started"]


def test_parts_of_a_composite_start_get_the_advice_that_their_own_starts_get(gms: Door) -> None:
    odd = {"service_id": 66, "timestamp": EARLY}
    start(gms, {"service": {"customer_id": "A", "timestamp": NOON}, "state": odd, "task": odd})
    composite = advice(gms)
    for kind in ("state", "task"):
        assert gms.post(f"/services/1/{kind}s/start", odd).status == 201
        assert advice(gms) == composite[:2] == composite[2:]


def test_what_an_earlier_event_starts_is_found_by_a_later_one_that_would_close_it(gms: Door) -> None:
    gms.mock.read_as(start_in_completed="refuse")
    event = {"service": {"customer_id": "A"}, "state": {}}
    closing = {"service": {"customer_id": "A", "auto_closed": True}, "state": {}}
    answer = start(gms, event, closing).json["services"]
    assert [each["service"]["created"] for each in answer] == ["true", "false"]
    assert (
        gms.post(PATH, {"services": [closing | {"service": {"customer_id": "B", "auto_closed": True}}]}).status == 400
    )
