"""The whole state as one document: there and back, refused with its place, from a file, and as named snapshots."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockcs.app import create_app
from mockcs.errors import MockcsError
from mockcs.server import Server
from mockcs.settings import Settings
from tests.conftest import Door, Mock
from tests.histories import HISTORIES, NOON, Step, World

UNIQUE = itertools.count()
TRIES = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@cache
def app() -> FlaskClient:
    """One mock for all histories; each has spaces of its own."""
    return create_app().test_client()


def worlds(count: int) -> list[World]:
    """So many fresh spaces, with a frozen clock."""
    found = [World(app(), f"h{next(UNIQUE)}") for _ in range(count)]
    for world in found:
        world.freeze()
    return found


def forget(*found: World) -> None:
    for world in found:
        world.forget()


# There and back


@TRIES
@given(before=HISTORIES, after=HISTORIES)
def test_what_is_put_is_what_was_got_and_goes_on_alike(before: list[Step], after: list[Step]) -> None:
    one, other = worlds(2)
    one.do(before)
    document = one.state()
    assert other.ask("PUT", "/__admin/state", document) == (200, document)
    assert other.state() == document
    assert other.seen() == one.seen()
    assert other.do(after) == one.do(after)
    assert other.state() == one.state()
    forget(one, other)


@TRIES
@given(earlier=HISTORIES, before=HISTORIES)
def test_nothing_of_what_was_there_is_left_after_a_put(earlier: list[Step], before: list[Step]) -> None:
    one, other = worlds(2)
    one.do(before)
    other.do(earlier)
    document = one.state()
    assert other.ask("PUT", "/__admin/state", document) == (200, document)
    assert other.seen() == one.seen()
    forget(one, other)


@TRIES
@given(before=HISTORIES, meanwhile=HISTORIES, after=HISTORIES)
def test_a_snapshot_goes_back_to_what_was_and_goes_on_alike(
    before: list[Step], meanwhile: list[Step], after: list[Step]
) -> None:
    one, other = worlds(2)
    for world in (one, other):
        world.do(before)
    document = one.state()
    assert one.ask("POST", "/__admin/snapshots/s") == (201, {"snapshot": "s"})
    one.do(meanwhile)
    assert one.ask("POST", "/__admin/snapshots/s/restore")[0] == 200
    assert one.state() == document
    assert one.seen() == other.seen()
    assert one.do(after) == other.do(after)
    assert one.ask("POST", "/__admin/snapshots/s/restore")[0] == 200
    assert one.state() == document
    forget(one, other)


@TRIES
@given(before=HISTORIES, broken=st.data())
def test_a_document_with_one_thing_wrong_is_taken_or_refused_and_then_nothing_changes(
    before: list[Step], broken: st.DataObject
) -> None:
    (world,) = worlds(1)
    world.do(before)
    whole = world.state()
    place = broken.draw(st.sampled_from(list(places(whole))))
    value = broken.draw(st.sampled_from([None, True, -1, 0.5, 1e300, "", "x", [], {}, [None], {"x": 1}, 2**64, ...]))
    status, answer = world.ask("PUT", "/__admin/state", changed(whole, place, value))
    assert status in (200, 400), answer
    if status == 400:
        assert answer.keys() == {"error", "hint"}
        assert world.state() == whole
    else:
        assert world.ask("PUT", "/__admin/state", answer) == (200, answer)
        assert 500 not in [status for status, _ in world.seen()]
    forget(world)


def places(document: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document but the whole."""
    if isinstance(document, dict | list):
        for name, value in document.items() if isinstance(document, dict) else enumerate(document):
            yield (*place, name)
            yield from places(value, (*place, name))


def changed(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    """The document with another value in a place; without the place for an ellipsis."""
    if not place:
        return value
    first, *rest = place
    pairs = document.items() if isinstance(document, dict) else enumerate(document)
    found = [(name, changed(each, tuple(rest), value) if name == first else each) for name, each in pairs]
    found = [(name, each) for name, each in found if each is not ...]
    return dict(found) if isinstance(document, dict) else [each for _, each in found]


# Bad documents

SERVICE: dict[str, Any] = {"service_id": 1, "customer_id": "C1", "started": {"timestamp": NOON}}
STATE: dict[str, Any] = {"state_id": 1, "started": {"timestamp": NOON}}
SCHEMA: dict[str, Any] = {"name": "F", "type": "single-valued", "attributes": []}
ENDED: dict[str, Any] = {"completed": {"timestamp": NOON}}


def with_service(**members: Any) -> dict[str, Any]:
    """A state of two services, of which the second one has these members too."""
    return {"services": [{**SERVICE, "service_id": 7}, {**SERVICE, **members}]}


def with_schemas(**schemas: Any) -> dict[str, Any]:
    return {"extension_schemas": schemas}


BAD: list[tuple[Any, str]] = [
    ({"servces": []}, "servces"),
    ({"services": {}}, "services"),
    ({"services": [SERVICE, 5]}, "services/1"),
    ({"services": [SERVICE, {}]}, "services/1"),
    ({"services": [{"service_id": 1, "started": {"timestamp": NOON}}]}, "services/0"),
    ({"services": [SERVICE, SERVICE]}, "services/1/service_id"),
    (with_service(service_id="1"), "services/1/service_id"),
    (with_service(service_id=2**63), "services/1/service_id"),
    (with_service(customer_id=5), "services/1/customer_id"),
    (with_service(started={}), "services/1/started/timestamp"),
    (with_service(started={"timestamp": "2026-01-01"}), "services/1/started/timestamp"),
    (with_service(active_states=[STATE, STATE]), "services/1/active_states/1/state_id"),
    (with_service(active_states=[STATE], completed_states=[STATE | ENDED]), "services/1/completed_states/0/state_id"),
    (with_service(active_states=[STATE | ENDED]), "services/1/active_states/0"),
    (with_service(completed_states=[STATE]), "services/1/completed_states/0"),
    (with_service(active_states=[{**STATE, "active_tasks": []}]), "services/1/active_states/0/active_tasks"),
    (with_service(active_states=[{**STATE, "service_id": 7}]), "services/1/active_states/0/service_id"),
    (with_service(active_states=[{**STATE, "state_id": 2**31}]), "services/1/active_states/0/state_id"),
    (with_service(active_tasks=[{"started": {"timestamp": NOON}}]), "services/1/active_tasks/0/task_id"),
    (with_service(active_tasks=[None]), "services/1/active_tasks/0"),
    (with_service(__mockcs=[]), "services/1/__mockcs"),
    (with_service(__mockcs={"expires": "soon"}), "services/1/__mockcs/expires"),
    (with_service(__mockcs={"idle": True}), "services/1/__mockcs/idle"),
    (with_service(__mockcs={"expire": 1}), "services/1/__mockcs/expire"),
    (with_service(__mockcs={"attached": 5}), "services/1/__mockcs/attached"),
    (with_service(active_states=[{**STATE, "__mockcs": {"idle": 1}}]), "services/1/active_states/0/__mockcs/idle"),
    (with_schemas(service=[]), "extension_schemas/service"),
    (with_schemas(services={}), "extension_schemas/services"),
    (with_schemas(states=[SCHEMA, {"name": "F"}]), "extension_schemas/states/1"),
    (with_schemas(tasks=[SCHEMA, {**SCHEMA, "name": "f"}]), "extension_schemas/tasks/1/name"),
    (with_schemas(services=[{**SCHEMA, "attributes": [{"name": "a"}]}]), "extension_schemas/services/0/attributes/0"),
    ({"ids": {"service": -1}}, "ids/service"),
    ({"ids": {"services": 1}}, "ids/services"),
    ({"ids": {"state": 2**31}}, "ids/state"),
    ({"ids": []}, "ids"),
    ({"server_mode": "asleep"}, "server_mode"),
    ({"server_mode": {}}, "server_mode"),
    ({"readings": {"not-found": "410"}}, "not-found"),
    ({"readings": {"not-found": ["400"]}}, "not-found"),
    ({"readings": {"not-fond": "400"}}, "not-fond"),
    ({"readings": []}, "readings"),
    ({"clock": {"now": "2026-01-01", "frozen": True}}, "clock"),
    ({"clock": {"now": NOON, "frozen": False}}, "clock"),
    ({"clock": {"now": NOON}}, "clock"),
    ({"clock": NOON}, "clock"),
]


@pytest.mark.parametrize(("document", "place"), BAD, ids=str)
def test_a_bad_document_is_refused_with_its_place_and_changes_nothing(document: Any, place: str) -> None:
    client = create_app(Settings(reading={"complete-status": "200"})).test_client()
    world = World(client, "bad")
    world.freeze()
    good = {"services": [SERVICE], "ids": {"state": 9}, "readings": {"not-found": "404"}, "server_mode": "maintenance"}
    good["clock"] = {"now": "2001-01-01T00:00:00.000Z", "frozen": True}
    assert world.ask("PUT", "/__admin/state", good)[0] == 200
    before = world.state()
    status, answer = world.ask("PUT", "/__admin/state", {**good, **document})
    assert (status, answer.keys()) == (400, {"error", "hint"})
    assert place in answer["error"].replace("'", "")
    assert world.state() == before


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'{"services": [\xff]}'], ids=str)
def test_what_is_no_document_is_refused(body: bytes) -> None:
    client = create_app().test_client()
    client.post("/services/start", json={"service_type": 1, "contact_key": "42"})
    before = client.get("/__admin/state").json
    assert client.put("/__admin/state", data=body).status_code == 400
    assert client.get("/__admin/state").json == before


def test_a_state_with_the_deepest_body_that_is_taken_is_put_back(gms: Door) -> None:
    deep: Any = 1
    for _ in range(98):
        deep = [deep]
    service = gms.start_service()
    gms.start_state(service, x=deep)
    gms.start_task(service, customer_id=deep)
    state = gms.mock.get("/__admin/state").json
    assert gms.mock.put("/__admin/state", state).status == 200
    assert gms.mock.get("/__admin/state").json == state


@pytest.mark.parametrize("number", ["7", 1.5, None, True, -1, [1]])
def test_an_id_of_a_state_document_must_be_a_whole_number(mock: Mock, number: Any) -> None:
    reply = mock.put("/__admin/state", {"ids": {"service": number}})
    assert (reply.status, reply.json["error"].partition(":")[0]) == (400, "ids/service")


def test_one_part_of_a_list_that_is_no_object_is_named(mock: Mock) -> None:
    started = {"timestamp": "2026-01-01T12:00:00.000Z"}
    parts = [{"state_id": 1, "started": started}, 5]
    service = {"service_id": 1, "customer_id": "C", "started": started, "active_states": parts}
    reply = mock.put("/__admin/state", {"services": [service]})
    assert (reply.status, reply.json["error"].partition(":")[0]) == (400, "services/0/active_states/1")


def test_a_planted_service_is_refused_with_the_place_in_it(mock: Mock) -> None:
    reply = mock.post("/__admin/services", {"service_type": 1, "customer_id": 5})
    assert (reply.status, reply.json["error"].partition(":")[0]) == (400, "customer_id")


TWO_TASKS = {"active_tasks": [{}], "active_states": [{"active_tasks": [{}, {"task_type": []}]}]}
PLACES: list[tuple[dict[str, Any], str]] = [
    (TWO_TASKS, "active_states/0/active_tasks/1/task_type"),
    ({"active_states": [5]}, "active_states/0"),
    ({"active_states": [{"active_tasks": 5}]}, "active_states/0/active_tasks"),
    ({"active_states": [{"state_id": 4}]}, "active_states/0"),
    ({"completed_tasks": [{}, {"active_states": []}]}, "completed_tasks/1"),
]


@pytest.mark.parametrize(("members", "place"), PLACES)
def test_a_planted_part_is_refused_with_the_place_that_it_was_sent_at(mock: Mock, members: Any, place: str) -> None:
    before = mock.state()
    reply = mock.post("/__admin/services", {"customer_id": "C1", **members})
    assert (reply.status, reply.json["error"].partition(":")[0]) == (400, place)
    assert mock.state() == before


def test_attached_data_that_a_reading_shows_in_started_comes_back_as_attached_data(gms: Door) -> None:
    gms.mock.read_as(extensions_placement="started")
    service = gms.start_service(Feedback={"rating": 7})
    gms.start_state(service, Mood="fine")
    whole = gms.get(f"/services/{service}?extensions=*&active_states=true").json
    assert whole["started"]["Feedback"] == {"rating": 7}
    state = {name: value for name, value in whole["active_states"][0].items() if name != "state_id"}
    copy = {name: value for name, value in whole.items() if name != "service_id"} | {"active_states": [state]}
    planted = gms.mock.post("/__admin/services", copy).json["service_id"]
    assert "Feedback" not in gms.get(f"/services/{planted}").json["started"]
    assert gms.get(f"/services/{planted}?extensions=*&active_states=true").json["started"] == whole["started"]
    assert gms.request("PUT", f"/services/{planted}/extensions/Feedback", {"rating": 8}).status == 200
    assert gms.get(f"/services/{planted}?extensions=Feedback").json["started"]["Feedback"] == {"rating": 8}


HARMLESS: list[dict[str, Any]] = [
    {"service_id": 77},
    {"__mockcs": {"expires": 1}},
    {"customer_id": "C9"},
    {"completed": {"timestamp": NOON}},
    {"active_states": [{"state_id": 500, "started": {"timestamp": NOON}}]},
    {"started": 1},
]


@pytest.mark.parametrize("started", HARMLESS, ids=lambda started: next(iter(started)))
def test_what_stands_in_started_takes_the_place_of_no_member(gms: Door, started: dict[str, Any]) -> None:
    gms.mock.read_as(extensions_placement="started")
    planted = gms.mock.post("/__admin/services", {"customer_id": "C1", "started": started})
    assert (planted.status, planted.json["service_id"], planted.json["customer_id"]) == (201, 1, "C1")
    assert [each["service_id"] for each in gms.get("/customers/C1/services/active").json] == [1]
    assert gms.get("/services/1?active_states=true").json.get("active_states", []) == []


NOT_STATES: list[Any] = [5, None, "ab", {"a": 1}, [5], [[]], [None], [{**SERVICE, "__mockcs": 5}]]


@pytest.mark.parametrize("services", NOT_STATES, ids=str)
def test_a_file_that_tells_no_state_is_refused_in_one_sentence(tmp_path: Path, services: Any) -> None:
    file = tmp_path / "state.json"
    file.write_text(json.dumps({"services": services}), encoding="utf-8")
    with pytest.raises(MockcsError, match=r"state\.json: services"):
        Server(Settings(state=str(file)))


@pytest.mark.parametrize("own", [{"touched": -62_135_596_800_001}, {"touched": 10**30}, {"idle": -1}])
def test_times_that_no_clock_can_reach_are_refused(mock: Mock, own: dict[str, int]) -> None:
    before = mock.state()
    reply = mock.put("/__admin/state", {"services": [{**SERVICE, "__mockcs": own}]})
    place = f"services/0/__mockcs/{next(iter(own))}"
    assert (reply.status, reply.json["error"].partition(":")[0], mock.state()) == (400, place, before)


def test_what_is_over_by_the_time_of_a_document_is_not_in_the_answer(mock: Mock) -> None:
    assert mock.post("/__admin/services", {"customer_id": "C1"}).status == 201
    state = mock.get("/__admin/state").json
    state["services"][0]["__mockcs"]["expires"] = 0
    assert mock.put("/__admin/state", state).json["services"] == mock.get("/__admin/state").json["services"] == []


def test_the_next_ids_are_those_that_were_answered(gms: Door) -> None:
    for _ in range(3):
        gms.start_service()
    assert gms.mock.put("/__admin/ids", {"service": 2}).json["service"] == 4
    assert gms.request("DELETE", "/services/2").status == 200
    assert gms.mock.get("/__admin/ids").json["service"] == 4
    assert gms.start_service() == 4


def test_a_space_begins_with_the_lifetimes_of_a_state_file_anew(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.write_text(json.dumps({"services": [SERVICE]}), encoding="utf-8")
    with Server(Settings(state=str(file), expiration="1s")) as cs:
        mock = Mock(cs.base_url)
        while mock.get("/__admin/services").json["services"]:
            pass
        assert [each["service_id"] for each in mock.get("/__space/new/__admin/services").json["services"]] == [1]
        assert mock.post("/__admin/reset").status == 200
        assert [each["service_id"] for each in mock.get("/__admin/services").json["services"]] == [1]
