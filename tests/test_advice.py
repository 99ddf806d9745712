"""Advice: what is legal but odd is answered as documented and noted in the call's record; the rest is not."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from tests.conftest import Door
from tests.test_extension_schemas import declare

EARLY, NOON, LATE = (f"2026-01-01T{hour}:00:00.000Z" for hour in ("08", "12", "16"))
LISTS = "active_states=true&completed_states=true&active_tasks=true&completed_tasks=true"
EVENT: dict[str, Any] = {"service": {"contact_key": "K"}, "state": {"state_type": 1}}
START: dict[str, Any] = {"contact_key": "42", "service_type": 1}


def advice(door: Door) -> list[str]:
    found: list[str] = door.mock.last_call()["advice"]
    return found


def assert_advised(door: Door, *words: str) -> None:
    """Exactly one piece of advice, with these words in it, on a call that was answered as documented."""
    call = door.mock.last_call()
    assert (len(call["advice"]), call["violations"]) == (1, []), call["advice"]
    assert call["response"]["status"] in (200, 201, 204)
    assert [word for word in words if word not in call["advice"][0]] == []


OTHERS = {
    "/services/start": ("previous_state_id", "task_type", "state_type"),
    "/customers/C1/services/1": ("state_type", "customer_id", "contact_key"),
    "/services/1/end": ("customer_id", "service_type", "est_duration", "contact_key"),
    "/services/1/states/start": ("service_type", "task_type", "customer_id"),
    "/services/1/states/1/end": ("state_type", "est_duration", "customer_id"),
    "/services/1/tasks/start": ("state_type", "previous_state_id"),
    "/services/1/tasks/1/end": ("task_type", "est_duration"),
}


@pytest.mark.parametrize(("path", "name"), [(path, name) for path, names in OTHERS.items() for name in names])
def test_a_member_of_another_event_gets_advice(door: Door, path: str, name: str) -> None:
    door.start_service()
    for kind in ("state", "task"):
        if f"{kind}s/1/" in path:
            door.post(f"/services/1/{kind}s/start", {f"{kind}_type": 1})
    bodies: dict[str, dict[str, Any]] = {"/services/start": START, "/services/1/states/start": {"state_type": 1}}
    bodies["/services/1/tasks/start"] = {"task_type": 1}
    assert door.post(path, {**bodies.get(path, {}), name: 5}).status in (200, 201, 204)
    assert_advised(door, name, "another event")


def test_a_disposition_in_a_start_as_the_pages_send_it_is_not_odd(door: Door) -> None:
    for path, body in {
        "/services/start": START,
        "/customers/C1/services/1": {},
        "/services/1/states/start": {"state_type": 1},
        "/services/1/tasks/start": {"task_type": 1},
    }.items():
        assert door.post(path, {**body, "disposition": 10}).status in (200, 201)
        assert advice(door) == []


@pytest.mark.parametrize("kind", ["service", "state", "task"])
def test_completing_twice_gets_advice(door: Door, kind: str) -> None:
    service = door.start_service()
    path = f"/services/{service}"
    if kind != "service":
        number = door.start_state(service) if kind == "state" else door.start_task(service)
        path = f"{path}/{kind}s/{number}"
    door.post(f"{path}/end")
    assert advice(door) == []
    door.post(f"{path}/end")
    assert_advised(door, kind, "already")


@pytest.mark.parametrize("kind", ["state", "task"])
def test_starting_in_a_completed_service_gets_advice(door: Door, kind: str) -> None:
    service = door.start_service()
    door.complete_service(service)
    door.post(f"/services/{service}/{kind}s/start", {f"{kind}_type": 1})
    assert_advised(door, "completed")


def test_a_transition_in_a_completed_service_gets_advice(door: Door) -> None:
    service = door.start_service()
    state = door.start_state(service)
    door.complete_service(service)
    door.post(f"/services/{service}/states/transition", {"from": {"state_id": state}, "to": {"state_type": 2}})
    assert_advised(door, "completed")


def test_associating_a_completed_service_gets_advice(door: Door) -> None:
    service = door.start_service()
    door.complete_service(service)
    door.post(f"/customers/C1/services/{service}")
    assert_advised(door, "completed")


def test_completing_a_service_with_open_states_and_tasks_gets_advice(door: Door) -> None:
    service = door.start_service()
    state, task = door.start_state(service), door.start_task(service)
    door.complete_service(service)
    assert_advised(door, "2", "open")
    other = door.start_service()
    for kind, number in (("state", door.start_state(other)), ("task", door.start_task(other))):
        door.post(f"/services/{other}/{kind}s/{number}/end")
    door.complete_service(other)
    assert advice(door) == []
    assert (state, task) == (1, 1)


def test_the_name_of_attached_data_that_differs_from_a_known_one_by_case_gets_advice(gms: Door) -> None:
    service = gms.start_service(Feedback=1)
    gms.post("/services/start", {**START, "Feedback": 2})
    assert advice(gms) == []
    for path, body in {
        "/services/start": START,
        f"/customers/C1/services/{service}": {},
        f"/services/{service}/end": {},
        "/services/2/states/start": {},
    }.items():
        gms.post(path, {**body, "feedBack": 3})
        assert_advised(gms, "feedBack", "Feedback", "case")


def test_an_extension_of_8_1_in_another_case_is_not_odd(ucs: Door) -> None:
    attributes = [{"name": "a", "type": "integer"}]
    ucs.post("/metadata/services/extensions", {"name": "Data", "type": "single-valued", "attributes": attributes})
    ucs.start_service(dATA={"a": 1})
    assert advice(ucs) == []


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "TEXT/plain"])
def test_a_content_type_other_than_json_gets_advice(door: Door, kind: str) -> None:
    door.request("POST", "/services/start", START, Content_Type=kind)
    assert_advised(door, kind)


@pytest.mark.parametrize("kind", ["application/json", "application/json;charset=UTF-8", "APPLICATION/JSON"])
def test_a_content_type_of_json_is_not_odd(door: Door, kind: str) -> None:
    door.request("POST", "/services/start", START, Content_Type=kind)
    assert (door.mock.last_call()["response"]["status"], advice(door)) == (201, [])


@pytest.mark.parametrize(
    "body",
    [
        b'{"contact_key": "1", "service_type": 1, "contact_key": "2"}',
        b'{"contact_key": "1", "service_type": 1, "service_type": 1}',
        b'{"contact_key": "1", "service_type": 1, "contact\\u005fkey": "2"}',
    ],
)
def test_a_member_that_is_given_twice_gets_advice(door: Door, body: bytes) -> None:
    door.post("/services/start", body)
    assert_advised(door, "twice")


def test_a_member_that_is_given_twice_in_what_is_attached_gets_advice(gms: Door) -> None:
    gms.post("/services/start", b'{"contact_key": "1", "data": [{"a": 1, "a": 1}]}')
    assert_advised(gms, "twice")
    gms.post("/services/start", b'{"contact_key": "1", "data": [{"a": 1}, {"a": 1}]}')
    assert advice(gms) == []


def test_a_timestamp_before_the_start_of_the_service_gets_advice(door: Door) -> None:
    service = door.start_service(timestamp=NOON)
    state, task = door.start_state(service, timestamp=NOON), door.start_task(service, timestamp=NOON)
    base = f"/services/{service}"
    calls: dict[str, dict[str, Any]] = {
        f"{base}/states/start": {"state_type": 1},
        f"{base}/tasks/start": {"task_type": 1},
        f"{base}/tasks/{task}/end": {},
        f"{base}/states/{state}/end": {},
        f"{base}/states/transition": {"from": {"state_id": 2}, "to": {"state_type": 1}},
    }
    for path, body in calls.items():
        door.post(path, {**body, "timestamp": EARLY})
        assert_advised(door, EARLY, NOON)
    other = door.start_service(timestamp=NOON)
    door.complete_service(other, timestamp=EARLY)
    assert_advised(door, EARLY, NOON)
    door.complete_service(door.start_service(timestamp=NOON), timestamp=NOON)
    assert advice(door) == []


def test_an_event_of_another_day_is_replayed_and_not_odd(door: Door) -> None:
    service = door.start_service()
    for path, body in {
        f"/services/{service}/states/start": {"state_type": 1},
        f"/customers/C1/services/{service}": {},
        f"/services/{service}/states/1/end": {},
        f"/services/{service}/end": {},
    }.items():
        assert door.post(path, {**body, "timestamp": "2009-05-12T12:05:12.145Z"}).status < 300
        assert advice(door) == []


def test_attached_data_that_the_pages_write_in_two_ways_is_not_odd(gms: Door) -> None:
    gms.start_service(satisfaction={"rating": 2})
    gms.post("/customers/C1/services/1", {"Satisfaction": [{"rating": 2}]})
    assert advice(gms) == []


def test_a_third_spelling_of_what_the_pages_write_in_two_ways_gets_advice(gms: Door) -> None:
    gms.start_service(satisfaction={"rating": 2}, SATISFACTION={"rating": 2})
    gms.start_service(SATISFACTION={"rating": 2})
    assert_advised(gms, "SATISFACTION differs only by case")


def test_a_state_in_the_end_of_a_task_that_belongs_to_none_gets_advice(gms: Door) -> None:
    service = gms.start_service()
    task = gms.start_task(service)
    assert gms.post(f"/services/{service}/tasks/{task}/end", {"state_id": 1}).status < 300
    assert advice(gms) == ["the state_id of the body is not read, for the task belongs to none"]


def test_an_encoded_body_is_named_as_the_cause(door: Door) -> None:
    sent = gzip.compress(b'{"contact_key": "1", "service_type": 1}')
    reply = door.request("POST", "/services/start", sent, **{"Content-Encoding": "gzip"})
    assert reply.status == 400
    assert advice(door) == ["the Content-Encoding is gzip; what comes is read as it is"]
    [broken] = door.mock.last_call()["violations"]
    assert broken["message"] == "the body is not JSON: it is not UTF-8, from byte 1 on"
    assert door.request("POST", "/services/start", b"{", **{"Content-Encoding": "identity"}).status == 400
    assert advice(door) == []


def test_an_expiration_in_the_past_in_a_start_and_in_an_end_gets_advice(gms: Door) -> None:
    for order, words in (({"ttl": 0}, "leaves no time"), ({"expiration_time": EARLY}, "lies in the past")):
        service = gms.start_service()
        gms.complete_service(service, **order)
        assert_advised(gms, words)
        gms.start_service(**order)
        assert_advised(gms, words)
    gms.start_service(ttl=60)
    assert advice(gms) == []


def test_a_name_of_a_member_that_is_one_letter_off_gets_advice(gms: Door) -> None:
    gms.start_service(est_duraton=60)
    assert_advised(gms, "est_duraton", "est_duration")
    gms.start_state(1, interaction_ID="x")
    assert_advised(gms, "interaction_ID", "interaction_id")


def test_ids_in_a_body_that_are_not_those_that_count_get_advice(door: Door) -> None:
    service = door.start_service()
    state = door.start_state(service)
    door.start_task(service, state_id=state)
    door.start_state(service)
    base = f"/services/{service}"
    calls: list[tuple[str, dict[str, Any], str]] = [
        (f"/services/{door.start_service()}/end", {"service_id": 99}, "service_id"),
        (f"{base}/states/start", {"state_type": 1, "service_id": 99}, "service_id"),
        (f"{base}/states/{state}/end", {"state_id": 99}, "state_id"),
        (f"{base}/tasks/1/end", {"state_id": 2, "task_id": 1}, "state_id"),
        (
            f"{base}/states/transition",
            {"from": {"state_id": 2}, "to": {"state_type": 1}, "service_id": 9},
            "service_id",
        ),
    ]
    for path, body, name in calls:
        door.post(path, body)
        assert_advised(door, name, "counts")


def test_a_body_that_an_operation_does_not_take_and_a_parameter_that_it_does_not_know_gets_advice(door: Door) -> None:
    service = door.start_service()
    door.request("GET", f"/services/{service}", {"a": 1})
    assert_advised(door, "body")
    door.get(f"/services/{service}?active_stats=true")
    assert_advised(door, "active_stats", "active_states")
    door.get(f"/services/{service}?active_states=true&active_states=false")
    assert_advised(door, "active_states", "2 times")


def test_a_parameter_that_is_empty_or_has_blanks_that_count_gets_advice(door: Door) -> None:
    service = door.start_service(customer_id="C1")
    door.get("/customers/C1/services?service_types=")
    assert_advised(door, "service_types", "empty")
    door.start_state(service)
    door.get(f"/services/{service}/states?state_types=1,%202")
    assert_advised(door, "state_types", "blanks")


def test_extensions_of_8_1_that_no_schema_declares_get_advice(ucs: Door) -> None:
    service = ucs.start_service()
    ucs.get(f"/services/{service}?extensions=Nope")
    assert_advised(ucs, "no service extension schema is called Nope")
    ucs.start_state(service)
    ucs.get(f"/services/{service}/states?extensions=Nope")
    assert_advised(ucs, "no state extension schema is called Nope")


def test_attached_data_that_is_found_without_a_schema_is_not_odd(ucs: Door, gms: Door) -> None:
    service = ucs.start_service(disposition=10)
    gms.request("PUT", f"/services/{service}/extensions/my.data", {"a": 1})
    for name, value in (("disposition", 10), ("DISPOSITION", 10), ("my.data", {"a": 1})):
        assert ucs.get(f"/services/{service}?extensions={name}").json[name.lower()] == value
        assert advice(ucs) == []


@pytest.mark.parametrize("name", ["customer_id", "contact_key"])
def test_a_key_that_is_empty_gets_advice(door: Door, name: str) -> None:
    door.start_service(**{"contact_key": "42", name: ""})
    assert_advised(door, f"{name} is empty")


def test_an_expiration_update_that_leaves_no_time_gets_advice(gms: Door) -> None:
    gms.request("PUT", f"/services/{gms.start_service()}", {"ttl": 0})
    assert_advised(gms, "leaves no time")


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/services/1", {"ttl": 60, "expiration_tme": "x"}, "expiration_tme is not documented here, it is not read"),
        ("/services/1", {"ttl": 60, "other": 1}, "other is not documented here, it is not read"),
        ("/services_composite/start", {"services": [EVENT | {"taks": {}}]}, "services/0/taks is not documented"),
        ("/services_composite/start", {"services": [EVENT], "other": 1}, "other is not documented"),
        ("/services_composite/start", {"services": [EVENT | {"associate_state_task": True}]}, "asks for a task"),
        (
            "/services_composite/start",
            {"services": [EVENT | {"task": {"state_id": 99}, "associate_state_task": True}]},
            "state_id of the body differs from 1, which counts",
        ),
        (
            "/maintenance/purge",
            {"limit": EARLY, "operation": "purge.service.all", "other": 1},
            "other is not documented",
        ),
    ],
)
def test_a_member_that_is_not_read_gets_advice(gms: Door, path: str, body: dict[str, Any], words: str) -> None:
    gms.start_service()
    gms.request("PUT" if path == "/services/1" else "POST", path, body)
    assert_advised(gms, words)


def test_attached_data_behind_a_documented_member_gets_advice(gms: Door) -> None:
    service = gms.start_service(completed="x")
    gms.get(f"/services/{service}?extensions=completed")
    assert_advised(gms, "completed", "hidden")


def test_ordinary_traffic_of_a_service_from_its_start_to_its_end_is_not_odd(door: Door) -> None:
    if door.api == "8.1":
        for kind in ("service", "state", "task"):
            attributes = [{"name": "a", "type": "string"}]
            schema = {"name": "Data", "type": "multi-valued", "attributes": attributes, "unique": ["a"]}
            door.post(f"/metadata/{kind}s/extensions", schema)
    data = {"Data": [{"a": "x"}]}
    service = door.start_service(customer_id="C1", timestamp=EARLY, interaction_id="i", media_type="web", **data)
    state = door.start_state(service, timestamp=EARLY, **data)
    door.start_task(service, state_id=state, timestamp=NOON, **data)
    base, seen = f"/services/{service}", door.mock.last_call()["id"]
    move = {"from": {"state_id": state, "disposition": 1}, "to": {"state_type": 2}, "timestamp": NOON}
    for method, path, body in (
        ("PUT", f"{base}/extensions/Data", data["Data"]),
        ("PUT", f"{base}/tasks/1/extensions/Data", data["Data"]),
        ("POST", f"/customers/C2{base}", {"interaction_id": "j", **data}),
        ("POST", f"{base}/states/transition", move),
        ("POST", f"{base}/tasks/1/end", {"timestamp": NOON, "disposition": "done", **data}),
        ("POST", f"{base}/states/2/end", {"timestamp": LATE}),
        ("POST", f"{base}/end", {"timestamp": LATE, "disposition": 10, "disposition_desc": "sold", **data}),
    ):
        assert door.request(method, path, body).status in (200, 201, 204), path
    for path in (f"{base}?{LISTS}&extensions=Data", f"{base}/states?completed_tasks=true", f"{base}/tasks/completed"):
        assert door.get(path).status == 200
    assert len(door.get("/customers/C2/services/completed").json) == 1
    calls = door.mock.calls(since=seen - 3)
    assert len(calls) == 14
    assert [(each["operation"], each["advice"]) for each in calls if each["advice"] or each["violations"]] == []


def test_attached_data_that_is_asked_for_twice_is_not_odd(door: Door) -> None:
    door.start_service(disposition=10)
    for query in ("disposition,disposition", "disposition&extensions=disposition"):
        assert door.get(f"/services/1?extensions={query}").json["disposition"] == 10
        assert advice(door) == []


@pytest.mark.parametrize("name", ["auto_closed", "ttl", "expiration_time", "auto_complete_after"])
def test_a_member_of_the_event_in_8_5_that_8_1_does_not_have_gets_advice(ucs: Door, name: str) -> None:
    ucs.start_service(**{name: 5})
    assert_advised(ucs, name, "another event")


def test_an_association_before_the_start_of_the_service_gets_advice(door: Door) -> None:
    door.start_service(timestamp=NOON)
    assert door.post("/customers/C1/services/1", {"timestamp": EARLY}).status == 200
    assert_advised(door, EARLY, "before the start of the service")
    assert door.post("/customers/C1/services/1", {"timestamp": LATE}).status == 200
    assert advice(door) == []


def test_a_disposition_beside_the_states_of_a_transition_gets_advice(door: Door) -> None:
    service = door.start_service()
    leaving = {"state_id": door.start_state(service), "disposition": 7}
    move = {"from": leaving, "to": {"state_type": 2}, "disposition": 8}
    assert door.post(f"/services/{service}/states/transition", move).status in (200, 201)
    assert_advised(door, "disposition", "another event")


def test_attached_data_asked_for_in_another_case_than_it_was_sent_in_8_5_gets_advice(gms: Door) -> None:
    gms.start_service(Feedback={"a": 1})
    gms.get("/services/1?extensions=feedback")
    assert_advised(gms, "feedback differs only by case from the attached data Feedback")
    gms.get("/services/1?extensions=Feedback,other")
    assert advice(gms) == []


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_service_that_is_to_be_completed_at_once_gets_advice(gms: Door, seconds: int) -> None:
    gms.start_service(auto_complete_after=seconds)
    assert_advised(gms, "auto_complete_after leaves no time")


def test_a_form_in_place_of_json_is_named_as_the_cause(door: Door) -> None:
    reply = door.request("POST", "/services/start", b"contact_key=1", Content_Type="application/x-www-form-urlencoded")
    assert reply.status == 400
    assert advice(door) == ["the Content-Type is application/x-www-form-urlencoded; what comes is read as JSON"]


def test_a_name_in_its_first_spelling_is_not_odd_beside_a_new_one(gms: Door) -> None:
    gms.start_service(Feedback={"a": 1})
    gms.start_service(Feedback={"a": 1}, Other={"a": 1})
    assert gms.mock.last_call()["advice"] == []


def test_an_extension_of_8_1_that_is_declared_and_not_there_is_not_odd(ucs: Door) -> None:
    declare(ucs, {"name": "a", "type": "string"})
    ucs.get(f"/services/{ucs.start_service()}?extensions=Data")
    assert ucs.mock.last_call()["advice"] == []


def test_the_query_of_one_resource_tells_of_attached_data_in_another_case(gms: Door) -> None:
    service = gms.start_service(Feedback={"a": 1})
    state, task = gms.start_state(service), gms.start_task(service)
    for path in ("", f"/states/{state}", f"/tasks/{task}", "/states", "/tasks"):
        gms.get(f"/services/{service}{path}?extensions=feedback")
        assert_advised(gms, "feedback differs only by case from the attached data Feedback")


@pytest.mark.parametrize(
    "path",
    [
        "/profiles",
        "/profiles/1",
        "/metadata/profiles",
        "/metadata/identification-keys",
        "/interactions",
        "/services/1/interactions",
    ],
)
def test_what_is_not_mocked_is_called_so(door: Door, path: str) -> None:
    door.get(path)
    assert "which mockcs does not mock" in door.mock.last_call()["advice"][0]


def test_prefixes_and_an_asterisk_in_8_1_get_advice(ucs: Door) -> None:
    service = ucs.start_service()
    for choice, words in (("yes", "read all the same"), ("no", "taken for names")):
        ucs.mock.read_as(extensions_wildcards=choice)
        for asked in ("*", "State.Data", "Task.*"):
            ucs.get(f"/services/{service}?extensions={asked}")
            assert_advised(ucs, "belong to 8.5", words, asked)
