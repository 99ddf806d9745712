"""Query States and Query Tasks: which of a service's states and tasks are listed, and what is shown of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Door

EARLY, NOON, LATE = (f"2026-01-01T{hour}:00:00.000Z" for hour in ("08", "12", "16"))
kinds = pytest.mark.parametrize("kind", ["state", "task"])


def start(door: Door, kind: str, service: int | str, **event: Any) -> int:
    return door.start_state(service, **event) if kind == "state" else door.start_task(service, **event)


def end(door: Door, kind: str, service: int | str, number: int) -> None:
    assert door.post(f"/services/{service}/{kind}s/{number}/end").status == 204


def shown(door: Door, path: str) -> Any:
    reply = door.get(path)
    assert reply.status == 200, reply.body
    return reply.json


def ids(door: Door, kind: str, path: str) -> list[int]:
    return [each[f"{kind}_id"] for each in shown(door, path)]


@kinds
def test_three_urls_list_all_the_active_and_the_completed_ones(door: Door, kind: str) -> None:
    service, other = door.start_service(), door.start_service()
    path = f"/services/{service}/{kind}s"
    assert [shown(door, path + of) for of in ("", "/active", "/completed")] == [[], [], []]
    for n in range(4):
        start(door, kind, service, timestamp=EARLY)
        start(door, kind, other)
        if n % 2:
            end(door, kind, service, 2 * n + 1)
    assert ids(door, kind, path) == [1, 3, 5, 7]
    assert ids(door, kind, f"{path}/active") == [1, 5]
    assert ids(door, kind, f"{path}/completed") == [3, 7]
    first = {f"{kind}_id": 1, f"{kind}_type": 1, "service_id": service, "started": {"timestamp": EARLY}}
    assert shown(door, path)[0] == first
    assert door.mock.last_call()["advice"] == []


@kinds
def test_a_list_is_ordered_by_the_start_and_then_by_the_id(door: Door, kind: str) -> None:
    service = door.start_service()
    for timestamp in (LATE, EARLY, NOON, EARLY):
        start(door, kind, service, timestamp=timestamp)
    assert ids(door, kind, f"/services/{service}/{kind}s") == [2, 4, 3, 1]


@kinds
def test_types_are_numbers_or_names_with_commas_or_repeated(door: Door, kind: str) -> None:
    service = door.start_service()
    for value in (1, "STT-One", 3, "1", "007"):
        start(door, kind, service, **{f"{kind}_type": value})
    path, name = f"/services/{service}/{kind}s", f"{kind}_types"
    for query, found in {
        "": [1, 2, 3, 4, 5],
        f"?{name}=3": [3],
        f"?{name}=1": [1, 4],
        f"?{name}=007": [5],
        f"?{name}=3,STT-One": [2, 3],
        f"?{name}=3%2CSTT-One": [2, 3],
        f"?{name}=3&{name}=STT-One": [2, 3],
        f"?{name}=stt-one,4": [],
    }.items():
        assert ids(door, kind, path + query) == found, query
        assert door.mock.last_call()["advice"] == []


def test_tasks_are_filtered_by_state_and_by_type_at_once(door: Door) -> None:
    service = door.start_service()
    first, second = door.start_state(service), door.start_state(service)
    for task_type, state in ((1, first), (2, first), (1, second), (3, second), (1, None)):
        door.start_task(service, task_type=task_type, **({} if state is None else {"state_id": state}))
    end(door, "task", service, 3)
    path = f"/services/{service}/tasks"
    for query, found in {
        f"?state_id={first}": [1, 2],
        f"?state_id={second}&task_types=1,2": [3],
        f"/completed?task_types=1,3&state_id={second}": [3],
        f"/active?task_types=1,3&state_id={second}": [4],
        "?state_id=99": [],
        "?state_id=-1": [],
    }.items():
        assert ids(door, "task", path + query) == found, query


def test_states_show_their_own_tasks_when_asked_to(door: Door) -> None:
    service = door.start_service()
    for _ in range(2):
        door.start_state(service)
    for state in (1, 1, 2, None):
        door.start_task(service, timestamp=EARLY, **({} if state is None else {"state_id": state}))
    end(door, "task", service, 1)
    path = f"/services/{service}/states"
    both = shown(door, f"{path}?active_tasks=true&completed_tasks=true")
    names = ("active_tasks", "completed_tasks")
    assert [[[task["task_id"] for task in state[name]] for name in names] for state in both] == [[[2], [1]], [[3], []]]
    task = {"task_id": 2, "task_type": 1, "state_id": 1, "started": {"timestamp": EARLY}}
    assert both[0]["active_tasks"] == [task]
    assert "completed_tasks" not in shown(door, f"{path}?active_tasks=true&completed_tasks=false")[0]
    assert not set(names) & shown(door, path)[0].keys()


@kinds
def test_attached_data_is_shown_where_its_name_is_asked_for(gms: Door, kind: str) -> None:
    service = gms.start_service()
    start(gms, kind, service, Survey={"q": 7}, note="n")
    start(gms, kind, service, note=None)
    path = f"/services/{service}/{kind}s"
    own = {name: [each.get(name, "absent") for each in shown(gms, path)] for name in ("Survey", "note")}
    assert own == {"Survey": ["absent"] * 2, "note": ["absent"] * 2}
    for query, names in {
        "Survey": {"Survey"},
        "Survey,note": {"Survey", "note"},
        "note&extensions=Survey": {"Survey", "note"},
        "*": {"Survey", "note"},
        f"{kind.title()}.*": {"Survey", "note"},
        f"{kind.title()}.": {"Survey", "note"},
        f"{kind.title()}.note": {"note"},
        "Service.note": set(),
        "survey": set(),
    }.items():
        first, second = shown(gms, f"{path}?extensions={query}")
        assert {"Survey", "note"} & first.keys() == names, query
        assert {"Survey", "note"} & second.keys() == names - {"Survey"}, query


@kinds
def test_extensions_of_8_1_are_found_in_upper_and_lower_case(ucs: Door, kind: str) -> None:
    schema = {"name": "Survey", "type": "single-valued", "attributes": [{"name": "q", "type": "integer"}]}
    assert ucs.post(f"/metadata/{kind}s/extensions", schema).status == 201
    service = ucs.start_service()
    start(ucs, kind, service, SURVEY={"q": 7})
    assert [each["Survey"] for each in shown(ucs, f"/services/{service}/{kind}s?extensions=survey")] == [{"q": 7}]


BAD = {
    "state": ("active_tasks=maybe", "completed_tasks=1", "active_tasks="),
    "task": ("state_id=x", "state_id=1.5", "state_id=", f"state_id={2**31}"),
}


@kinds
def test_a_bad_parameter_is_refused_by_name(door: Door, kind: str) -> None:
    service = door.start_service()
    for query in BAD[kind]:
        assert door.get(f"/services/{service}/{kind}s?{query}").status == 400, query
        pointers = [each["pointer"] for each in door.mock.last_call()["violations"]]
        assert pointers == [f"query:{query.partition('=')[0]}"], query


@kinds
@pytest.mark.parametrize("of", ["", "/active", "/completed"])
def test_an_unknown_service_is_not_found_and_no_number_is_refused(door: Door, kind: str, of: str) -> None:
    reply = door.get(f"/services/99/{kind}s{of}")
    assert (reply.status, "99" in reply.body.decode()) == (404 if door.api == "8.1" else 400, True)
    assert door.mock.last_call()["violations"] == []
    assert door.get(f"/services/ABC1235XZY/{kind}s{of}").status == 400
    assert [each["pointer"] for each in door.mock.last_call()["violations"]] == ["path:service_id"]


def test_the_printed_ampersand_in_place_of_a_question_mark_is_a_bad_state_id(door: Door) -> None:
    service = door.start_service()
    assert door.get(f"/services/{service}/states/active&active_tasks=true").status == 400
    assert [each["pointer"] for each in door.mock.last_call()["violations"]] == ["path:state_id"]


@kinds
def test_a_parameter_of_another_query_is_not_read_and_advised_on(door: Door, kind: str) -> None:
    service = door.start_service()
    start(door, kind, service)
    other = "task_types" if kind == "state" else "state_types"
    assert ids(door, kind, f"/services/{service}/{kind}s?{other}=5") == [1]
    assert [other in each for each in door.mock.last_call()["advice"]] == [True]
