"""Business attributes: fields that a configuration maps to named values, checked on the way in, shown by id or name."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mockcs.server import Server
from mockcs.settings import Settings
from tests.conftest import Door, Mock, command, serving
from tests.test_choosing_readings import reading
from tests.test_violations import row_of
from tests.values import MANUAL

CONFIG = """
[business-attributes]
"Service.service_type" = "ServiceTypes"
"State.type" = "StateTypes"
"Task.type" = "StateTypes"
"State.disposition" = "Dispositions"
"Service.media_type" = "MediaType"
"State.media_type" = "MediaType"

[attributes.ServiceTypes]
Sales = 100
"Bill Payment" = {dbid = 2, expiration = "2h"}

[attributes.StateTypes]
Waiting = 4

[attributes.Dispositions]
sold = 1
lost = 2

[attributes.MediaType]
email = 1003
chat = 1006
voice = 1001
fax = 1014
"""
NOON, PATH = "2026-01-01T12:00:00.000Z", "/metadata/business-attributes"


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mock]:
    """A server with business attributes."""
    file = tmp_path_factory.mktemp("config") / "mockcs.toml"
    file.write_text(CONFIG, encoding="utf-8")
    with serving("--config", str(file)) as mock:
        yield mock


@pytest.fixture
def mapped(configured: Mock, api: str) -> Door:
    """Each generation on that server, fresh."""
    configured.reset()
    return Door(configured, api)


def shown(door: Door, path: str) -> Any:
    reply = door.get(path)
    assert reply.status == 200, reply.body
    return reply.json


def start(door: Door, **event: Any) -> int:
    return door.post("/services/start", {"contact_key": "42", "service_type": 100, **event}).status


def value(name: str, dbid: Any) -> dict[str, Any]:
    return {"name": name, "dbid": dbid, "display_name": name, "description": name}


def test_without_a_configuration_every_value_passes_and_the_query_answers_nothing(door: Door) -> None:
    assert [start(door, service_type=each, media_type="any") for each in (1, "anything")] == [201, 201]
    for query in (PATH, f"{PATH}?cv-attribute=Service.type"):
        assert shown(door, query) == []


def test_all_attributes_are_listed_with_their_fields_and_values(mapped: Door) -> None:
    found = {each["name"]: each for each in shown(mapped, PATH)}
    assert list(found) == ["ServiceTypes", "StateTypes", "Dispositions", "MediaType"]
    media = found["MediaType"]
    assert media["values"] == [value("email", 1003), value("chat", 1006), value("voice", 1001), value("fax", 1014)]
    assert media["cv_attributes"] == ["Service.media_type", "State.media_type"]
    assert (media["display_name"], media["description"], media["map_name"]) == ("MediaType", "MediaType", False)
    assert type(media["dbid"]) is int
    assert len({each["dbid"] for each in found.values()}) == 4
    assert found["ServiceTypes"]["values"] == [value("Sales", 100), value("Bill Payment", 2)]


def test_one_attribute_is_an_object_and_an_unknown_one_is_not_found(mapped: Door) -> None:
    assert shown(mapped, f"{PATH}/MediaType") == shown(mapped, PATH)[3]
    reply = mapped.get(f"{PATH}/Unknown")
    assert (reply.status, "Unknown" in reply.body.decode()) == (404 if mapped.api == "8.1" else 400, True)


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ("Service.type", ["ServiceTypes"]),
        ("Service.service_type", ["ServiceTypes"]),
        ("State.media_type", ["MediaType"]),
        ("Task.type", ["StateTypes"]),
        ("Task.disposition", []),
        ("Service.nothing", []),
    ],
)
def test_the_attribute_of_a_field_is_found_by_its_full_name(mapped: Door, field: str, found: list[str]) -> None:
    assert [each["name"] for each in shown(mapped, f"{PATH}?cv-attribute={field}")] == found


def test_a_value_is_taken_by_id_or_by_name_and_shown_by_id(mapped: Door) -> None:
    for given in (100, "Sales", 100.0):
        service = mapped.start_service(service_type=given, media_type="voice", timestamp=NOON)
        found = shown(mapped, f"/services/{service}")
        assert (found["service_type"], found["started"]) == (100, {"timestamp": NOON, "media_type": 1001})


@pytest.mark.parametrize("given", [99, "sales", "Unknown", "", "100", -1, 1.0])
def test_an_unknown_value_is_refused_and_pointed_to_the_valid_ones(mapped: Door, given: Any) -> None:
    before = mapped.mock.state()
    reply = mapped.post("/services/start", {"contact_key": "42", "service_type": given})
    assert (reply.status, mapped.mock.state()) == (400, before)
    assert all(each in reply.body.decode() for each in ("Sales (100)", "Bill Payment (2)", "service_type"))
    (violation,) = mapped.mock.last_call()["violations"]
    assert (violation["pointer"], violation["field"]) == ("/service_type", "service_type")
    assert row_of(mapped.api, "service_start_event", "service_type").items() <= violation.items()
    assert "Sales (100)" in violation["fix"]


def test_every_event_and_every_mapped_field_is_checked(mapped: Door) -> None:
    service = mapped.start_service()
    state = mapped.start_state(service, state_type="Waiting")
    mapped.start_task(service, task_type=4)
    move = {"from": {"state_id": state}, "to": {"state_type": 4}}
    base = f"/services/{service}"
    bad: list[tuple[str, dict[str, Any], list[str]]] = [
        ("/services/start", {"contact_key": "K", "service_type": 100, "media_type": "web"}, ["/media_type"]),
        (f"/customers/C1{base}", {"service_type": 5, "media_type": 5}, ["/service_type", "/media_type"]),
        (f"{base}/end", {"media_type": 5}, ["/media_type"]),
        (f"{base}/states/start", {"state_type": 1}, ["/state_type"]),
        (f"{base}/states/{state}/end", {"disposition": "gone"}, ["/disposition"]),
        (f"{base}/states/transition", {**move, "media_type": 1}, ["/media_type"]),
        (f"{base}/states/transition", {**move, "to": {"state_type": "Delivering"}}, ["/to/state_type"]),
        (f"{base}/states/transition", {**move, "from": {"state_id": 1, "disposition": 3}}, ["/from/disposition"]),
        (
            f"{base}/states/transition",
            {"from": {"state_id": 1, "disposition": 3}, "to": {"state_type": 4}, "media_type": 1},
            ["/media_type", "/from/disposition"],
        ),
        (f"{base}/tasks/start", {"task_type": "Sales"}, ["/task_type"]),
    ]
    before = mapped.mock.state()
    for path, body, places in bad:
        assert mapped.post(path, body).status == 400, path
        assert [each["pointer"] for each in mapped.mock.last_call()["violations"]] == places
    assert mapped.mock.state() == before
    good: dict[str, Any] = {"from": {"state_id": state, "disposition": "sold"}, "to": {"state_type": "Waiting"}}
    assert mapped.post(f"{base}/states/transition", good).status == 201
    found = shown(mapped, f"{base}/states")
    assert [(each["state_type"], each.get("disposition")) for each in found] == [(4, 1), (4, None)]


def test_what_a_transition_does_not_read_breaks_no_rule(mapped: Door) -> None:
    service = mapped.start_service()
    leaving = {"state_id": mapped.start_state(service, state_type=4)}
    move = {"from": leaving, "to": {"state_type": 4, "disposition": "gone"}}
    assert mapped.post(f"/services/{service}/states/transition", move).status == 201
    assert "/to/disposition is not documented here" in mapped.mock.last_call()["advice"][0]


@pytest.mark.parametrize("value", [{}, [], {"a": {}}], ids=str)
def test_no_member_of_an_event_makes_the_server_fail_whatever_it_holds(mapped: Door, value: Any) -> None:
    service = mapped.start_service()
    state = mapped.start_state(service, state_type="Waiting")
    base, right = f"/services/{service}", {"state_type": 4, "task_type": 4, "contact_key": "K", "service_type": 100}
    events = {
        "/services/start": "service_start_event",
        f"/customers/C1{base}": "associate_service",
        f"{base}/states/start": "state_start_event",
        f"{base}/tasks/start": "task_start_event",
        f"{base}/states/{state}/end": "state_end_event",
        f"{base}/states/transition": "state_transition_event",
        f"{base}/end": "service_end_event",
    }
    for path, table in events.items():
        for name in sorted(MANUAL.names(mapped.api, table)):
            assert mapped.post(path, {**right, name: value}).status < 500, (path, name)


def test_fields_that_are_not_mapped_take_any_value(mapped: Door) -> None:
    service = mapped.start_service(application_type="any", resource_type=77)
    task = mapped.start_task(service, task_type=4, media_type="web")
    assert mapped.post(f"/services/{service}/tasks/{task}/end", {"disposition": "any"}).status == 204


def test_a_composite_start_is_checked_and_finds_by_id_or_name(configured: Mock) -> None:
    configured.reset()
    gms = Door(configured, "8.5")
    service, state = {"customer_id": "C1", "service_type": "Sales"}, {"state_type": 4}
    for name, created in ((service, "true"), ({**service, "service_type": 100}, "false")):
        reply = gms.post("/services_composite/start", {"services": [{"service": name, "state": state}]})
        assert reply.json["services"][0]["service"] == {"service_id": 1, "created": created}
    event = {"service": service, "state": {"state_type": "Waiting"}, "task": {"task_type": 5}}
    assert gms.post("/services_composite/start", {"services": [event]}).status == 400
    assert [each["pointer"] for each in configured.last_call()["violations"]] == ["/services/0/task/task_type"]


def test_filters_of_queries_take_ids_and_names(mapped: Door) -> None:
    for service_type in (100, "Bill Payment"):
        mapped.start_service(customer_id="C1", service_type=service_type)
    mapped.start_state(1, state_type=4)
    for types, found in (("Sales", [1]), ("2", [2]), ("Bill%20Payment,100", [1, 2]), ("Unknown,7", [])):
        listed = shown(mapped, f"/customers/C1/services?service_types={types}")
        assert [each["service_id"] for each in listed] == found
    for types, count in (("Waiting", 1), ("4", 1), ("5", 0)):
        assert len(shown(mapped, f"/services/1/states?state_types={types}")) == count


def test_the_lifetime_of_a_service_may_hang_on_its_type(mapped: Door) -> None:
    mapped.mock.put("/__admin/clock", {"now": NOON, "frozen": True})
    for service_type in (100, "Bill Payment", 2):
        mapped.start_service(service_type=service_type)
    assert mapped.mock.post("/__admin/clock/advance", {"seconds": 7199}).json["expired"] == []
    assert mapped.mock.post("/__admin/clock/advance", {"seconds": 1}).json["expired"] == [2, 3]


def test_a_type_may_leave_its_services_no_time_at_all(api: str) -> None:
    attributes = {"A": {"brief": {"dbid": 1, "expiration": "0s"}, "other": 2}}
    with Server(Settings(business_attributes={"Service.type": "A"}, attributes=attributes)) as client:
        door = Door(Mock(client.base_url), api)
        door.start_service(service_type="brief")
        lasting = door.start_service(service_type="other")
        assert [service.service_id for service in client.services()] == [lasting]


@reading("map-names", "ids", "names")
def test_answers_show_ids_or_names_whichever_was_sent(mapped: Door) -> None:
    service = mapped.start_service(customer_id="C1", service_type="Sales", media_type=1001, resource_type=1001)
    state = mapped.start_state(service, state_type=4)
    mapped.start_task(service, task_type="Waiting", state_id=state)
    mapped.post(f"/services/{service}/states/{state}/end", {"disposition": "sold", "media_type": "fax"})
    query = "completed_states=true&active_tasks=true"
    for choice, (sales, voice, waiting, sold, fax) in {
        "ids": (100, 1001, 4, 1, 1014),
        "names": ("Sales", "voice", "Waiting", "sold", "fax"),
    }.items():
        mapped.mock.read_as(map_names=choice)
        for found in (
            shown(mapped, f"/services/{service}?{query}"),
            shown(mapped, f"/customers/C1/services?{query}")[0],
        ):
            assert (found["service_type"], found["started"]["media_type"]) == (sales, voice)
            assert found["started"]["resource_type"] == 1001, "it is not mapped"
            (ended,), (task,) = found["completed_states"], found["active_tasks"]
            assert (ended["state_type"], ended["disposition"], task["task_type"]) == (waiting, sold, waiting)
        path = f"/services/{service}/states"
        for found in (shown(mapped, f"{path}/{state}"), *shown(mapped, f"{path}?state_types=Waiting")):
            assert (found["state_type"], found["completed"]["media_type"]) == (waiting, fax)
        assert shown(mapped, f"{PATH}/MediaType")["map_name"] is (choice == "names")


@reading("dbid-form", "number", "string")
def test_the_dbid_of_an_attribute_is_a_number_or_a_string(mapped: Door) -> None:
    for choice, kind in (("number", int), ("string", str)):
        mapped.mock.read_as(dbid_form=choice)
        media = shown(mapped, f"{PATH}/MediaType")
        assert {type(each["dbid"]) for each in (media, *media["values"])} == {kind}
        assert media["values"][0] == value("email", kind(1003))


@reading("cv-attribute-answer", "array", "object")
def test_the_attribute_of_a_field_is_answered_as_an_array_or_as_an_object(mapped: Door) -> None:
    media = shown(mapped, f"{PATH}/MediaType")
    assert shown(mapped, f"{PATH}?cv-attribute=State.media_type") == [media]
    assert shown(mapped, f"{PATH}?cv-attribute=Task.media_type") == []
    mapped.mock.read_as(cv_attribute_answer="object")
    assert shown(mapped, f"{PATH}?cv-attribute=State.media_type") == media
    reply = mapped.get(f"{PATH}?cv-attribute=Task.media_type")
    assert (reply.status, "Task.media_type" in reply.body.decode()) == (404 if mapped.api == "8.1" else 400, True)
    mapped.mock.read_as(not_found="404")
    assert mapped.get(f"{PATH}?cv-attribute=Task.media_type").status == 404


TYPED = '[business-attributes]\n"Service.type" = "A"\n[attributes.A]\n'
BAD = {
    "a field that cannot be mapped": TYPED.replace("type", "colour") + "x = 1\n",
    "a kind that cannot be mapped": TYPED.replace("Service", "Customer") + "x = 1\n",
    "an attribute without values": TYPED.replace("[attributes.A]", ""),
    "a value without an id": '[attributes.A]\nx = "one"\n',
    "values that are no table": "[attributes]\nA = 5\n",
    "an id beyond 64 bits": TYPED + f"x = {2**63}\n",
    "a bad lifetime": TYPED + 'x = {dbid = 1, expiration = "2 w"}\n',
    "a value with a misspelt lifetime": TYPED + 'x = {dbid = 1, expirtion = "2w"}\n',
    "a lifetime that is no text": TYPED + "x = {dbid = 1, expiration = 5}\n",
}


@pytest.mark.parametrize("why", BAD)
def test_a_configuration_that_cannot_be_meant_is_refused_in_one_sentence(tmp_path: Path, why: str) -> None:
    file = tmp_path / "mockcs.toml"
    file.write_text(BAD[why], encoding="utf-8")
    done = subprocess.run(
        command("serve", "--port", "0", "--config", str(file)), capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr


def test_what_is_planted_is_mapped_like_what_is_started(configured: Mock) -> None:
    configured.reset()
    gms = Door(configured, "8.5")
    planted = {
        "customer_id": "C1",
        "service_type": "Sales",
        "started": {"media_type": "chat"},
        "active_states": [{"state_type": "Waiting"}],
    }
    assert configured.post("/__admin/services", planted).status == 201
    found = gms.get("/services/1?active_states=true").json
    assert (found["service_type"], found["started"]["media_type"]) == (100, 1006)
    assert found["active_states"][0]["state_type"] == 4
    event = {"service": {"customer_id": "C1", "service_type": "Sales"}, "state": {"state_type": "Waiting"}}
    reply = gms.post("/services_composite/start", {"services": [event]})
    assert [each["created"] for each in reply.json["services"][0].values()] == ["false", "false"]


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({"service_type": "Nope"}, "service_type"),
        ({"started": {"media_type": "Nope"}}, "started/media_type"),
        ({"active_states": [{"state_type": "Nope"}]}, "active_states/0/state_type"),
    ],
)
def test_what_is_planted_with_an_unknown_value_is_refused_whole(
    configured: Mock, members: dict[str, Any], place: str
) -> None:
    configured.reset()
    before = configured.get("/__admin/state").json
    reply = configured.post("/__admin/services", {"customer_id": "C1", **members})
    assert (reply.status, reply.json["error"].startswith(place)) == (400, True), reply.json
    assert configured.get("/__admin/state").json == before


def test_a_planted_service_lives_as_long_as_its_type_says(configured: Mock) -> None:
    configured.reset()
    assert configured.put("/__admin/clock", {"frozen": True}).status == 200
    for service_type in ("Sales", "Bill Payment"):
        planted = {"customer_id": "C1", "service_type": service_type}
        assert configured.post("/__admin/services", planted).status == 201
    assert configured.post("/__admin/clock/advance", {"seconds": 7200}).json["expired"] == [2]


def test_a_refused_composite_start_tells_all_that_is_wrong(configured: Mock) -> None:
    configured.reset()
    service = {"customer_id": 5, "service_type": "Nope", "est_duraton": 1}
    event = {"service": service, "state": {"state_type": "Nope"}, "task": 7}
    reply = Door(configured, "8.5").post("/services_composite/start", {"services": [event]})
    assert reply.status == 400
    call = configured.last_call()
    assert sorted(each["pointer"] for each in call["violations"]) == [
        "/services/0/service/customer_id",
        "/services/0/service/service_type",
        "/services/0/state/state_type",
        "/services/0/task",
    ]
    assert [each for each in call["advice"] if "did you mean est_duration?" in each]
