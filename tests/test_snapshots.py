"""What a space can be brought back to: a file at its start, a named snapshot; and the same calls, done twice."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings

from mockcs.app import create_app
from mockcs.errors import MockcsError
from mockcs.server import Server
from mockcs.settings import Settings
from tests.conftest import ROOT, Door, Mock, serving
from tests.histories import HISTORIES, NOON, Step, World
from tests.test_serve import refused

EXAMPLES = sorted((ROOT / "fixtures" / "states").glob("*.json"))
EVENT = {"service_type": 100, "contact_key": "42"}
LISTS = "active_states=true&completed_states=true&active_tasks=true&completed_tasks=true&extensions=*"


# Named snapshots


def names(mock: Mock) -> list[str]:
    found: list[str] = mock.get("/__admin/snapshots").json["snapshots"]
    return found


def take(mock: Mock, name: str) -> None:
    reply = mock.post(f"/__admin/snapshots/{name}")
    assert (reply.status, reply.json) == (201, {"snapshot": name})


def restore(mock: Mock, name: str) -> None:
    reply = mock.post(f"/__admin/snapshots/{name}/restore")
    assert (reply.status, reply.json) == (200, {"snapshot": name})


def test_a_snapshot_holds_state_ids_readings_and_a_frozen_clock(anywhere: Mock) -> None:
    gms = Door(anywhere, "8.5")
    gms.start_state(gms.start_service())
    anywhere.read_as(complete_status="200")
    anywhere.set_ids(task=7)
    anywhere.put("/__admin/clock", {"now": NOON, "frozen": True})
    before = anywhere.get("/__admin/state").json
    take(anywhere, "one")
    gms.complete_service(1)
    gms.start_service()
    anywhere.read_as(complete_status="204")
    anywhere.post("/__admin/clock/advance", {"seconds": 3600})
    restore(anywhere, "one")
    assert anywhere.get("/__admin/state").json == before


def test_a_snapshot_is_done_away_with(anywhere: Mock) -> None:
    before = names(anywhere)
    for name in ("one", "two"):
        take(anywhere, name)
    reply = anywhere.delete("/__admin/snapshots/one")
    assert (reply.status, reply.json) == (200, {"removed": 1})
    assert names(anywhere) == sorted({*before, "two"} - {"one"})
    assert anywhere.delete("/__admin/snapshots/one").status == 404
    assert anywhere.delete("/__admin/snapshots/two").status == 200


def test_calls_and_faults_are_no_part_of_a_snapshot(mock: Mock) -> None:
    mock.get("/services/1")
    take(mock, "one")
    mock.post("/__admin/faults", {"operation": "start_service", "status": 503, "times": 1})
    mock.get("/services/2")
    restore(mock, "one")
    assert [call["id"] for call in mock.calls()] == [1, 2]
    assert mock.post("/services/start", EVENT).status == 503


def test_snapshots_survive_a_reset_and_can_be_restored_again_and_again(anywhere: Mock) -> None:
    gms = Door(anywhere, "8.5")
    gms.start_service()
    take(anywhere, "one")
    for _ in range(3):
        anywhere.reset()
        assert anywhere.get("/__admin/services").json == {"services": []}
        restore(anywhere, "one")
        assert gms.start_service() == 2
        gms.complete_service(1)


def test_a_snapshot_under_a_name_that_is_taken_replaces_it(mock: Mock) -> None:
    gms = Door(mock, "8.5")
    for _ in range(2):
        gms.start_service()
        take(mock, "one")
    mock.reset()
    restore(mock, "one")
    assert gms.start_service() == 3


def test_an_unknown_snapshot_is_404_and_changes_nothing(mock: Mock) -> None:
    Door(mock, "8.5").start_service()
    before = mock.get("/__admin/state").json
    reply = mock.post("/__admin/snapshots/nowhere/restore")
    assert (reply.status, reply.json.keys()) == (404, {"error", "hint"})
    assert (mock.get("/__admin/state").json, "nowhere" in names(mock)) == (before, False)


def test_a_space_has_snapshots_of_its_own_and_no_more_than_100() -> None:
    client = create_app().test_client()
    for number in range(100):
        assert client.post(f"/__admin/snapshots/s{number}").status_code == 201
    refused = client.post("/__admin/snapshots/one-more")
    assert (refused.status_code, (refused.json or {}).keys()) == (400, {"error", "hint"})
    assert client.post("/__admin/snapshots/s7").status_code == 201
    assert client.get("/__admin/snapshots").json == {"snapshots": sorted(f"s{number}" for number in range(100))}
    assert client.get("/__space/a/__admin/snapshots").json == {"snapshots": []}
    assert client.post("/__space/a/__admin/snapshots/s1").status_code == 201


def test_a_service_that_is_ended_for_idleness_knows_when_it_was_touched_after_a_restore(gms: Door) -> None:
    mock = gms.mock
    mock.put("/__admin/clock", {"now": NOON, "frozen": True})
    gms.start_service(auto_complete_after=30)
    take(mock, "one")
    restore(mock, "one")
    mock.post("/__admin/clock/advance", {"seconds": 20})
    gms.start_state(1)
    assert mock.post("/__admin/clock/advance", {"seconds": 20}).json["completed"] == []
    assert mock.post("/__admin/clock/advance", {"seconds": 10}).json["completed"] == [1]


def test_from_python_a_snapshot_is_one_line() -> None:
    with Server() as cs:
        cs.given_service(customer_id="C1")
        cs.snapshot("one customer")
        cs.given_service(customer_id="C2")
        cs.restore("one customer")
        assert [service.customer_id for service in cs.services()] == ["C1"]
        with pytest.raises(MockcsError, match="there is no snapshot 'none'"):
            cs.restore("none")


# A file to begin with


def beginning(path: Path) -> FlaskClient:
    return create_app(Settings(state=str(path))).test_client()


def test_a_reading_of_the_settings_goes_before_that_of_the_state_and_the_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text('{"readings": {"complete-status": "200", "not-found": "404"}}', encoding="utf-8")
    client = create_app(Settings(state=str(path), reading={"not-found": "400"})).test_client()
    for prefix in ("", "/__space/a"):
        for _ in range(2):
            found = (client.get(f"{prefix}/__admin/state").json or {})["readings"]
            assert (found["complete-status"], found["not-found"]) == ("200", "400")
            client.post(f"{prefix}/__admin/reset")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_mock_begins_with_the_state_of_a_file_in_every_space_and_after_a_reset(path: Path) -> None:
    client = beginning(path)
    document = json.loads(path.read_text(encoding="utf-8"))
    for prefix in ("", "/__space/a"):
        for _ in range(2):
            state = client.get(f"{prefix}/__admin/state").json or {}
            for name in document.keys() - {"services", "extension_schemas", "readings"}:
                assert state[name] == document[name]
            assert state["readings"].items() >= document.get("readings", {}).items()
            for service in document["services"]:
                found: Any = client.get(f"{prefix}/services/{service['service_id']}?{LISTS}").json
                assert {name: found[name] for name in service.keys() - {"__mockcs"}} == {
                    name: service[name] for name in service.keys() - {"__mockcs"}
                }
            started = client.post(f"{prefix}/services/start", json=EVENT).json
            assert started == {"service_id": document["ids"]["service"]}
            client.delete(f"{prefix}/services/1")
            assert client.post(f"{prefix}/__admin/reset").status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_command_takes_the_file_too_and_what_it_shows_can_be_such_a_file(path: Path, tmp_path: Path) -> None:
    again = tmp_path / "state.json"
    with serving("--state", str(path)) as mock:
        first = mock.get("/__admin/state").body
        again.write_bytes(first)
    with serving(MOCKCS_STATE=str(again)) as mock:
        assert json.loads(mock.get("/__space/other/__admin/state").body) == json.loads(first)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "place"),
    [
        (None, "state.json"),
        (b"{", "state.json"),
        (b"[]", "state.json"),
        (b'{"services": [{"service_id": "1"}]}', "services/0"),
        (b'{"readings": {"not-found": "410"}}', "not-found"),
    ],
    ids=["missing", "no JSON", "no object", "a bad service", "a bad reading"],
)
def test_a_bad_file_is_one_sentence_with_its_place(tmp_path: Path, text: bytes | None, place: str) -> None:
    path = tmp_path / "state.json"
    if text is not None:
        path.write_bytes(text)
    complaint = refused("--port", "0", "--state", str(path))
    assert place in complaint
    assert str(path) in complaint


# The same calls, done twice


@cache
def app() -> FlaskClient:
    """One mock for all histories."""
    return create_app().test_client()


def journal(world: World) -> bytes:
    """The journal, byte for byte, without the durations."""
    reply = world.client.get("/__admin/calls", headers={"Mockcs-Space": world.name})
    return re.sub(rb'"duration_ms":[0-9.e-]+', b'"duration_ms":0', reply.data)


@settings(max_examples=12, deadline=None)
@given(history=HISTORIES)
def test_the_same_calls_make_the_same_journal_byte_for_byte(history: list[Step]) -> None:
    found = []
    for _ in range(2):
        world = World(app(), "same")
        world.freeze()
        fault = {"match": {"method": "POST"}, "status": 503, "probability": 0.3, "seed": 5, "after_commit": True}
        assert world.ask("POST", "/__admin/faults", fault)[0] == 201
        answers: list[Any] = world.do(history)
        found.append((answers, world.state(), journal(world)))
        world.forget()
    assert found[0] == found[1]


def test_restoring_ten_thousand_services_copies_no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app()
    client = app.test_client()
    services = [
        {"service_id": number, "customer_id": f"C{number}", "started": {"timestamp": NOON}} for number in range(10_000)
    ]
    assert client.put("/__admin/state", json={"services": services}).status_code == 200
    assert client.post("/__admin/snapshots/many").status_code == 201

    def no_reading(*_: Any) -> Any:
        raise AssertionError("a restore reads no service")

    with monkeypatch.context() as patched:
        patched.setattr("mockcs.store._resource_of", no_reading)
        patched.setattr("mockcs.store._bytes_of", no_reading)
        assert client.post("/__admin/snapshots/many/restore").status_code == 200
    assert len((client.get("/__admin/services?customer_id=C7").json or {})["services"]) == 1
