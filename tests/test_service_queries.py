"""Query services: by customer, by contact key and by id."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.conftest import Door, Mock
from tests.test_services import EARLY, LATE, NOON, advice, anonymous, history, ids, service

ODD = [
    "408-832-7799",
    "two words",
    "Zoë",
    "客户",
    "😀",
    "100%",
    "a+b",
    "q?x=1&y",
    "#1",
    "semi;colon",
    "%41",
    "..",
    '"',
    "ß",
]


def test_histories_of_nobody_are_empty_arrays(door: Door) -> None:
    assert history(door, "nobody") == ([], [], [])
    assert anonymous(door, "nothing") == ([], [], [])


def test_an_anonymous_query_does_not_find_a_customers_service(door: Door) -> None:
    door.start_service(customer_id="C1", contact_key="K")
    assert anonymous(door, "K") == ([], [], [])


def test_histories_are_ordered_by_start_and_then_by_id(door: Door) -> None:
    late, early, noon, again = (door.start_service(customer_id="C1", timestamp=t) for t in (LATE, EARLY, NOON, EARLY))
    door.complete_service(early)
    assert history(door, "C1") == ([early, again, noon, late], [again, noon, late], [early])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("service_types=100", [1, 2]),
        ("service_types=Sales", [3]),
        ("service_types=100,Sales", [1, 2, 3]),
        ("service_types=100%2CSales", [1, 2, 3]),
        ("service_types=100&service_types=Sales", [1, 2, 3]),
        ("service_types=sales", []),
        ("service_types=10", []),
    ],
)
def test_service_types_keeps_services_of_these_types(gms: Door, query: str, found: list[int]) -> None:
    for given in (100, "100", "Sales", 200):
        gms.start_service(customer_id="C1", service_type=given)
    assert ids(gms.get(f"/customers/C1/services?{query}")) == found


def test_a_service_type_of_100_point_0_is_the_type_100(door: Door) -> None:
    number = door.start_service(customer_id="C1", service_type=100.0)
    assert ids(door.get("/customers/C1/services?service_types=100")) == [number]


def test_a_service_without_a_type_passes_no_filter_on_types(gms: Door) -> None:
    assert gms.post("/services/start", {"customer_id": "C1"}).status == 201
    assert ids(gms.get("/customers/C1/services?service_types=None,null,0")) == []


def test_started_from_is_inclusive_and_started_to_is_not(door: Door) -> None:
    for time in (EARLY, NOON, LATE):
        door.start_service(customer_id="C1", timestamp=time)
    path = "/customers/C1/services/active"
    assert ids(door.get(f"{path}?started_from={NOON}")) == [2, 3]
    assert ids(door.get(f"{path}?started_to={NOON}")) == [1]
    assert ids(door.get(f"{path}?started_from={EARLY}&started_to={LATE}")) == [1, 2]


def test_attached_data_shows_only_as_asked_for(gms: Door) -> None:
    gms.start_service(contact_key="K", coupon={"name": "A"}, offers=[1], note="n")
    path = "/services/anonymous/K"
    assert not {"coupon", "offers", "note"} & gms.get(path).json[0].keys()
    assert {"coupon", "offers"} == {"coupon", "offers", "note"} & gms.get(f"{path}?extensions=coupon,offers").json[
        0
    ].keys()
    assert {"coupon", "note"} <= gms.get(f"{path}?extensions=coupon&extensions=note").json[0].keys()
    assert {"coupon", "offers", "note"} <= gms.get(f"{path}?extensions=*").json[0].keys()


def test_attached_data_of_states_and_tasks_is_asked_for_with_a_prefix(gms: Door) -> None:
    number = gms.start_service(Note="service")
    gms.start_state(number, Note="state", More=1)
    gms.start_task(number, Note="task")
    asked = service(gms, number, "?active_states=true&active_tasks=true&extensions=State.Note,Task.Note")
    assert "Note" not in asked
    assert (asked["active_states"][0]["Note"], asked["active_tasks"][0]["Note"]) == ("state", "task")
    assert "More" not in asked["active_states"][0]
    whole = service(gms, number, "?active_states=true&extensions=State.*")
    assert (whole["active_states"][0]["Note"], whole["active_states"][0]["More"], "Note" in whole) == (
        "state",
        1,
        False,
    )


def test_the_documented_member_wins_over_attached_data_of_its_name_with_advice(gms: Door) -> None:
    number = gms.start_service(timestamp=EARLY, service_id=77, started="long ago", disposition=10, free=1)
    gms.complete_service(number, timestamp=NOON, disposition="sold")
    found = service(gms, number, "?extensions=*")
    assert (found["service_id"], found["started"], found["disposition"]) == (number, {"timestamp": EARLY}, "sold")
    assert found["free"] == 1
    said = advice(gms)
    assert [[name for name in ("service_id", "started", "disposition") if name in each] for each in said] == [
        ["service_id"],
        ["started"],
        ["disposition"],
    ]


def test_an_unknown_query_parameter_is_answered_with_advice(door: Door) -> None:
    number = door.start_service()
    assert "active_tasks" not in service(door, number, "?activ_tasks=true")
    assert any("activ_tasks" in each and "active_tasks" in each for each in advice(door))


def test_a_query_shows_the_four_lists_as_asked_for_and_nothing_nested_names_the_service(gms: Door) -> None:
    number = gms.start_service(customer_id="C1")
    state = gms.start_state(number, timestamp=NOON)
    task, lone = gms.start_task(number, state_id=state, timestamp=NOON), gms.start_task(number, timestamp=EARLY)
    lists = {
        "active_states": [{"state_id": state, "state_type": 1, "started": {"timestamp": NOON}}],
        "completed_states": [],
        "active_tasks": [
            {"task_id": lone, "task_type": 1, "started": {"timestamp": EARLY}},
            {"task_id": task, "task_type": 1, "state_id": state, "started": {"timestamp": NOON}},
        ],
        "completed_tasks": [],
    }
    for asked, wanted in lists.items():
        for found in (service(gms, number, f"?{asked}=true"), gms.get(f"/customers/C1/services?{asked}=true").json[0]):
            assert {name: found[name] for name in lists if name in found} == {asked: wanted}
    assert not lists.keys() & service(gms, number, "?active_states=false").keys()


def test_a_service_by_id_has_every_documented_member_in_its_place(gms: Door) -> None:
    occasion = {"session_id": "s", "interaction_id": "i", "application_type": 400, "application_id": 40}
    occasion |= {"resource_type": 2, "resource_id": 5005, "media_type": 1}
    start = {"service_type": 100, "customer_id": "C1", "contact_key": "42", "est_duration": 60}
    number = gms.start_service(**start, **occasion, timestamp=EARLY, ttl=86400, coupon={"coupon_name": "D"})
    gms.complete_service(number, **occasion, timestamp=NOON, disposition=10, disposition_desc="sold")
    wanted = {
        "service_id": number,
        **start,
        "started": {"timestamp": EARLY, **occasion},
        "completed": {"timestamp": NOON, **occasion},
        "disposition": 10,
        "disposition_desc": "sold",
    }
    assert service(gms, number) == wanted
    assert service(gms, number, "?extensions=coupon") == {**wanted, "coupon": {"coupon_name": "D"}}


@pytest.mark.parametrize("name", ODD)
def test_keys_and_customers_of_any_characters_are_found(anywhere: Mock, name: str) -> None:
    gms = Door(anywhere, "8.5")
    first, second = gms.start_service(contact_key=name), gms.start_service(customer_id=name)
    assert anonymous(gms, name) == ([first], [first], [])
    assert gms.post(f"/customers/{quote(name, safe='')}/services/{first}").status == 200
    assert history(gms, name) == ([first, second], [first, second], [])
    assert service(gms, first)["customer_id"] == name


@pytest.mark.parametrize(
    ("name", "value"),
    [("started_from", "yesterday"), ("started_to", "2026-02-30T00:00:00.000Z"), ("active_tasks", "yes")],
)
def test_a_query_parameter_that_is_not_of_its_type_is_refused(door: Door, name: str, value: str) -> None:
    assert door.get(f"/customers/C1/services?{name}={value}").status == 400
    assert [each["pointer"] for each in door.mock.last_call()["violations"]] == [f"query:{name}"]
