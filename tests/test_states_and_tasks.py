"""Start and query states and tasks, what is not found, and the extension schemas of 8.1."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import NOTHING, Door, Mock
from tests.test_violations import row_of

EARLY, NOON = "2026-01-01T08:00:00.000Z", "2026-01-01T12:00:00.000Z"
NOT_FOUND = "com.genesyslab.gsg.services.contextservices.exceptions.NotFoundException"
FEEDBACK = {
    "name": "Feedback",
    "type": "single-valued",
    "attributes": [{"name": "rating", "type": "integer", "mandatory": True}, {"name": "notes", "type": "string"}],
}


def advice(door: Door) -> list[str]:
    found: list[str] = door.mock.last_call()["advice"]
    return found


def shown(door: Door, path: str) -> dict[str, Any]:
    reply = door.get(path)
    assert reply.status == 200, reply.body
    return dict(reply.json)


def create(door: Door, schema: dict[str, Any], kind: str = "service") -> None:
    reply = door.post(f"/metadata/{kind}s/extensions", schema)
    assert reply.status == 201, reply.body


@pytest.mark.parametrize("kind", ["state", "task"])
def test_a_start_answers_201_with_the_id_and_its_location(anywhere: Mock, api: str, kind: str) -> None:
    door = Door(anywhere, api)
    number = door.start_service()
    reply = door.post(f"/services/{number}/{kind}s/start", {f"{kind}_type": 4})
    assert (reply.status, reply.json) == (201, {f"{kind}_id": 1})
    assert reply.headers["location"] == f"{door.prefix}/services/{number}/{kind}s/1"
    assert anywhere.last_call()["changes"] == [{"kind": kind, "id": 1, "change": "created"}]


def test_ids_of_states_and_tasks_count_up_each_for_itself_over_all_services(door: Door) -> None:
    first, second = door.start_service(), door.start_service()
    assert [door.start_state(first), door.start_state(second), door.start_task(first)] == [1, 2, 1]


def test_a_state_by_id_has_every_documented_member_in_its_place(door: Door) -> None:
    service = door.start_service(timestamp=EARLY)
    before = door.start_state(service)
    own = {"state_type": "Waiting", "previous_state_id": before, "est_duration": 3}
    occasion = {"session_id": "s", "interaction_id": "i", "application_type": 1, "application_id": 2}
    occasion |= {"resource_type": "r", "resource_id": 3, "media_type": "web"}
    state = door.start_state(service, **own, **occasion, timestamp=EARLY)
    assert advice(door) == []
    wanted = {"state_id": state, "service_id": service, **own, "started": {"timestamp": EARLY, **occasion}}
    assert shown(door, f"/services/{service}/states/{state}") == wanted


def test_a_task_by_id_has_every_documented_member_in_its_place(door: Door) -> None:
    service = door.start_service(timestamp=EARLY)
    state = door.start_state(service)
    own = {"task_type": "customer info", "state_id": state, "est_duration": 460}
    task = door.start_task(service, **own, interaction_id="42", timestamp=EARLY)
    assert advice(door) == []
    wanted = {"task_id": task, "service_id": service, **own, "started": {"timestamp": EARLY, "interaction_id": "42"}}
    assert shown(door, f"/services/{service}/tasks/{task}") == wanted


@pytest.mark.parametrize("kind", ["state", "task"])
def test_what_was_never_given_is_absent(gms: Door, kind: str) -> None:
    service = gms.start_service()
    assert gms.post(f"/services/{service}/{kind}s/start", {"timestamp": EARLY}).status == 201
    wanted = {f"{kind}_id": 1, "service_id": service, "started": {"timestamp": EARLY}}
    assert shown(gms, f"/services/{service}/{kind}s/1") == wanted


@pytest.mark.parametrize(("kind", "member"), [("state", "previous_state_id"), ("task", "state_id")])
@pytest.mark.parametrize("elsewhere", [False, True], ids=["nowhere", "in another service"])
def test_a_state_that_the_service_does_not_have_is_accepted_with_advice(
    door: Door, kind: str, member: str, elsewhere: bool
) -> None:
    service, other = door.start_service(), door.start_service()
    named = door.start_state(other) if elsewhere else 99
    reply = door.post(f"/services/{service}/{kind}s/start", {f"{kind}_type": 1, member: named})
    assert reply.status == 201
    assert [member in each and str(named) in each for each in advice(door)] == [True]
    assert shown(door, f"/services/{service}/{kind}s/{reply.json[f'{kind}_id']}")[member] == named


def test_a_state_does_not_show_a_task_of_another_service_that_names_it(door: Door) -> None:
    service, other = door.start_service(), door.start_service()
    state = door.start_state(other)
    door.start_task(service, state_id=state)
    assert shown(door, f"/services/{other}/states/{state}?active_tasks=true")["active_tasks"] == []


@pytest.mark.parametrize("kind", ["state", "task"])
def test_the_service_of_the_url_wins_over_that_of_the_body_with_advice(door: Door, kind: str) -> None:
    service, other = door.start_service(), door.start_service()
    path = f"/services/{service}/{kind}s"
    assert door.post(f"{path}/start", {f"{kind}_type": 1, "service_id": service}).json == {f"{kind}_id": 1}
    assert advice(door) == []
    assert door.post(f"{path}/start", {f"{kind}_type": 1, "service_id": other}).json == {f"{kind}_id": 2}
    assert ["service_id" in each for each in advice(door)] == [True]
    assert shown(door, f"{path}/2")["service_id"] == service


def test_a_state_shows_its_tasks_when_asked_to(gms: Door, mock: Mock) -> None:
    ended = {"task_type": "T", "started": {"timestamp": EARLY}, "completed": {"timestamp": NOON}}
    opened = {"task_type": "T", "started": {"timestamp": EARLY}}
    state = {"state_type": 4, "active_tasks": [opened], "completed_tasks": [ended]}
    planted = mock.post("/__admin/services", {"contact_key": "42", "active_states": [state]})
    assert planted.status == 201, planted.body
    gms.start_task(1, task_type="of no state")
    assert not {"active_tasks", "completed_tasks"} & shown(gms, "/services/1/states/1").keys()
    found = shown(gms, "/services/1/states/1?active_tasks=true&completed_tasks=true")
    assert found["active_tasks"] == [{"task_id": 1, "state_id": 1, **opened}]
    assert found["completed_tasks"] == [{"task_id": 2, "state_id": 1, **ended}]


def test_attached_data_of_a_state_or_task_shows_only_as_asked_for(gms: Door) -> None:
    service = gms.start_service()
    gms.start_state(service, Feedback={"rating": 7}, note=1)
    gms.start_task(service, Survey=[1], state_id=1)
    assert "Feedback" not in shown(gms, f"/services/{service}/states/1")
    found = shown(gms, f"/services/{service}/states/1?extensions=Feedback,Task.Survey&active_tasks=true")
    assert (found["Feedback"], found["active_tasks"][0]["Survey"], "note" in found) == ({"rating": 7}, [1], False)
    assert shown(gms, f"/services/{service}/tasks/1?extensions=Survey")["Survey"] == [1]


@pytest.mark.parametrize("kind", ["state", "task"])
def test_a_start_in_a_completed_service_is_accepted_with_advice(door: Door, kind: str) -> None:
    service = door.start_service()
    door.complete_service(service)
    assert door.post(f"/services/{service}/{kind}s/start", {f"{kind}_type": 1}).status == 201
    assert len(advice(door)) == 1


def test_states_and_tasks_of_both_generations_are_the_same(ucs: Door, gms: Door) -> None:
    service = ucs.start_service()
    gms.start_state(service)
    ucs.start_task(service, state_id=1)
    assert advice(ucs) == []
    for path in (f"/services/{service}/states/1?active_tasks=true", f"/services/{service}/tasks/1"):
        assert shown(ucs, path) == shown(gms, path)


@pytest.mark.parametrize(
    ("method", "path", "kind", "number"),
    [
        ("GET", "/services/999", "service", 999),
        ("POST", "/services/999/end", "service", 999),
        ("POST", "/customers/C1/services/999", "service", 999),
        ("POST", "/services/999/states/start", "service", 999),
        ("POST", "/services/999/tasks/start", "service", 999),
        ("GET", "/services/999/states/1", "service", 999),
        ("GET", "/services/999/tasks/1", "service", 999),
        ("GET", "/services/1/states/999", "state", 999),
        ("GET", "/services/1/tasks/999", "task", 999),
        ("GET", "/services/2/states/1", "state", 1),
        ("GET", "/services/2/tasks/1", "task", 1),
    ],
)
def test_what_is_not_found_gets_the_documented_body(door: Door, method: str, path: str, kind: str, number: int) -> None:
    for _ in range(2):
        door.start_service()
    door.start_state(1)
    door.start_task(1)
    before = door.mock.state()
    body = {"state_type": 1, "task_type": 1} if method == "POST" else NOTHING
    reply = door.request(method, path, body)
    if door.api == "8.1":
        uri = door.mock.base_url + path
        description = f"{kind} '{number}' not found"
        error = {"http_method": method, "title": "not found", "description": description, "code": 4040, "uri": uri}
        assert (reply.status, reply.json) == (404, error)
    else:
        error = {"message": f"There are no {kind} found for : {number}", "exception": NOT_FOUND}
        assert (reply.status, reply.json) == (400, error)
    assert door.mock.state() == before


@pytest.mark.parametrize("kind", ["service", "state", "task"])
def test_a_created_extension_schema_is_answered_with_its_name_and_location(anywhere: Mock, kind: str) -> None:
    ucs = Door(anywhere, "8.1")
    path = f"/metadata/{kind}s/extensions"
    assert ucs.get(path).json == []
    reply = ucs.post(path, FEEDBACK)
    assert (reply.status, reply.json) == (201, {"name": "Feedback"})
    assert reply.headers["location"] == f"{path}/Feedback"
    assert anywhere.last_call()["changes"] == [{"kind": "extension_schema", "id": "Feedback", "change": "created"}]
    (found,) = ucs.get(path).json
    assert (found["name"], found["type"]) == ("Feedback", "single-valued")
    for name in ("Feedback", "feedback", "FEEDBACK"):
        assert ucs.get(f"{path}/{name}").json == found


def test_extension_schemas_of_services_states_and_tasks_are_kept_apart(ucs: Door) -> None:
    create(ucs, FEEDBACK, "state")
    assert ucs.get("/metadata/services/extensions").json == ucs.get("/metadata/tasks/extensions").json == []
    create(ucs, FEEDBACK, "task")
    create(ucs, {**FEEDBACK, "name": "Other"}, "task")
    assert [each["name"] for each in ucs.get("/metadata/tasks/extensions").json] == ["Feedback", "Other"]


def test_an_extension_schema_that_nobody_created_is_not_found(ucs: Door) -> None:
    reply = ucs.get("/metadata/services/extensions/Feedback")
    assert reply.status == 404
    assert reply.json == {
        "http_method": "GET",
        "title": "not found",
        "description": "extension schema 'Feedback' not found",
        "code": 4040,
        "uri": ucs.mock.base_url + "/metadata/services/extensions/Feedback",
    }


def test_a_second_extension_schema_of_the_name_is_refused_in_any_case(ucs: Door) -> None:
    create(ucs, FEEDBACK)
    for name in ("Feedback", "feedback"):
        assert ucs.post("/metadata/services/extensions", {**FEEDBACK, "name": name}).status == 400
        [broken] = ucs.mock.last_call()["violations"]
        assert broken["pointer"] == "/name"
        assert row_of("8.1", "extension_schema", "name").items() <= broken.items()
    assert [each["name"] for each in ucs.get("/metadata/services/extensions").json] == ["Feedback"]


def test_quoted_members_of_an_attribute_are_shown_without_quotes(ucs: Door) -> None:
    attribute = {"name": "notes", "type": "string", "length": "10", "mandatory": "true", "unique": "false"}
    create(ucs, {**FEEDBACK, "attributes": [attribute, {"name": "rating", "type": "integer", "default": 5}]})
    flags = {"unique": False, "encrypt": False}
    assert ucs.get("/metadata/services/extensions/feedback").json["attributes"] == [
        {"name": "notes", "type": "string", "length": 10, "mandatory": True, **flags},
        {"name": "rating", "type": "integer", "length": 0, "mandatory": False, "default": 5, **flags},
    ]


@pytest.mark.parametrize(
    ("change", "pointers"),
    [
        ({"name": "1st"}, ["/name"]),
        ({"name": "with space"}, ["/name"]),
        ({"name": "Grüße"}, ["/name"]),
        ({"name": ""}, ["/name"]),
        ({"name": "a" * 27}, ["/name"]),
        ({"type": "classifier"}, ["/type"]),
        ({"type": "Single-Valued"}, ["/type"]),
        (
            {"attributes": [{"name": "a", "type": "text"}, {"type": "string"}]},
            ["/attributes/0/type", "/attributes/1/name"],
        ),
        ({"name": 1, "attributes": {}}, ["/attributes", "/name"]),
    ],
)
def test_an_extension_schema_that_breaks_a_row_is_refused(
    ucs: Door, change: dict[str, Any], pointers: list[str]
) -> None:
    assert ucs.post("/metadata/services/extensions", {**FEEDBACK, **change}).status == 400
    assert sorted(each["pointer"] for each in ucs.mock.last_call()["violations"]) == pointers
    assert ucs.get("/metadata/services/extensions").json == []
    create(ucs, {**FEEDBACK, "name": "a" * 26})


def test_attached_data_of_8_1_stands_under_the_spelling_of_its_schema(ucs: Door) -> None:
    create(ucs, FEEDBACK)
    service = ucs.start_service(FEEDBACK={"rating": 7})
    assert shown(ucs, f"/services/{service}?extensions=feedBack")["Feedback"] == {"rating": 7}
    assert ucs.post(f"/customers/C1/services/{service}", {"feedback": {"rating": 1}}).status == 200
    assert shown(ucs, f"/services/{service}?extensions=Feedback")["Feedback"] == {"rating": 1}


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ({"notes": "no rating"}, "/Feedback/rating"),
        ({"rating": "7"}, "/Feedback/rating"),
        ({"rating": 7, "other": 1}, "/Feedback/other"),
        ([{"rating": 7}], "/Feedback"),
        ("fine", "/Feedback"),
    ],
)
def test_attached_data_of_8_1_must_fulfil_its_schema(ucs: Door, value: Any, pointer: str) -> None:
    create(ucs, FEEDBACK, "state")
    service = ucs.start_service()
    body = {"state_type": 1, "Feedback": value}
    assert ucs.post(f"/services/{service}/states/start", body).status == 400
    assert [each["pointer"] for each in ucs.mock.last_call()["violations"]] == [pointer]
    assert ucs.get(f"/services/{service}/states/1").status == 404


def test_attached_data_named_like_a_list_is_hidden_though_the_list_is_not_asked_for(gms: Door) -> None:
    for name in ("active_states", "completed_states", "active_tasks", "completed_tasks"):
        service = gms.start_service(**{name: {"a": 1}})
        assert name not in gms.get(f"/services/{service}?extensions=*").json
        assert f"{name} is hidden" in gms.mock.last_call()["advice"][0]
