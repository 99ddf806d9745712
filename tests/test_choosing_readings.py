"""How readings are listed, chosen, refused and reset; that each has a test; and the ids of services as strings."""

from __future__ import annotations

import ast
import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.conftest import ROOT, Door, Mock, serving

Test = TypeVar("Test", bound=Callable[..., None])
UNKNOWN = "361-a3793cef-d559-4f9f-a95d-64555a4ba371"
with (ROOT / "schemas" / "tables" / "readings.csv").open(encoding="utf-8", newline="") as file:
    ROWS = list(csv.DictReader(file))
NOON = "2026-01-01T12:00:00.000Z"
DEFAULTS = {row["id"]: row["default"] for row in ROWS}
MEMBERS = ("id", "question", "default", "evidence", "page", "note")


def reading(name: str, *choices: str) -> Callable[[Test], Test]:
    """Say which reading, and which of its choices, a test observes: `@reading("complete-status", "204", "200")`."""
    assert name
    assert choices
    return lambda test: test


def observed() -> Iterator[tuple[str, set[str]]]:
    """What the tests of this folder say with `@reading`."""
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for mark in node.decorator_list if isinstance(node, ast.FunctionDef) else []:
                if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) and mark.func.id == "reading":
                    name, *choices = (str(ast.literal_eval(argument)) for argument in mark.args)
                    yield name, set(choices)


@pytest.fixture(scope="module")
def chosen() -> Iterator[Mock]:
    """A server with choices of its own."""
    with serving("--reading", "complete-status=200", "--reading", "not-found=404") as mock:
        yield mock


def values(mock: Mock, prefix: str = "") -> dict[str, str]:
    """The choices in force."""
    reply = mock.get(f"{prefix}/__admin/readings")
    assert reply.status == 200, reply.body
    return {each["id"]: each["value"] for each in reply.json["readings"]}


def other(row: dict[str, Any]) -> str:
    """The choice of a reading that is not its default."""
    return str(next(choice for choice in row["choices"].split("|") if choice != row["default"]))


def test_every_reading_and_each_of_its_choices_is_observed_by_a_test() -> None:
    tested: dict[str, set[str]] = {}
    for name, choices in observed():
        tested[name] = tested.get(name, set()) | choices
    assert tested == {row["id"]: set(row["choices"].split("|")) for row in ROWS}


def test_the_list_of_readings_is_the_table_with_the_choices_in_force(anywhere: Mock) -> None:
    listed = anywhere.get("/__admin/readings").json["readings"]
    wanted = [{**{name: row[name] for name in MEMBERS}, "choices": row["choices"].split("|")} for row in ROWS]
    assert [{name: each[name] for name in (*MEMBERS, "choices")} for each in listed] == wanted
    assert values(anywhere) == DEFAULTS


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_a_choice_is_answered_and_listed_and_a_reset_takes_it_back(mock: Mock, row: dict[str, Any]) -> None:
    reply = mock.put(f"/__admin/readings/{row['id']}", {"value": other(row)})
    assert (reply.status, reply.json["id"], reply.json["value"]) == (200, row["id"], other(row))
    assert values(mock) == {**DEFAULTS, row["id"]: other(row)}
    assert mock.put(f"/__admin/readings/{row['id']}", {"value": row["default"]}).json["value"] == row["default"]
    mock.put(f"/__admin/readings/{row['id']}", {"value": other(row)})
    mock.reset()
    assert values(mock) == DEFAULTS


def test_an_unknown_reading_is_not_found_and_the_hint_names_the_nearest(mock: Mock) -> None:
    reply = mock.put("/__admin/readings/complete-statu", {"value": "200"})
    assert (reply.status, reply.json.keys()) == (404, {"error", "hint"})
    assert "complete-status" in reply.json["hint"]
    assert values(mock) == DEFAULTS


@pytest.mark.parametrize("value", ["201", "", 200, True, None, ["200"], {"value": "200"}])
def test_an_unknown_choice_is_refused_with_a_hint_that_lists_the_choices(mock: Mock, value: Any) -> None:
    reply = mock.put("/__admin/readings/complete-status", {"value": value})
    assert (reply.status, reply.json.keys()) == (400, {"error", "hint"})
    assert "204" in reply.json["hint"]
    assert "200" in reply.json["hint"]
    assert values(mock) == DEFAULTS


@pytest.mark.parametrize("body", [{}, {"choice": "200"}, {"value": "200", "more": 1}, ["200"], b"200", b"{"])
def test_a_choice_comes_as_an_object_with_nothing_but_its_value(mock: Mock, body: Any) -> None:
    reply = mock.put("/__admin/readings/complete-status", body)
    assert (reply.status, reply.json.keys()) == (400, {"error", "hint"})
    assert values(mock) == DEFAULTS


def test_a_reading_of_one_generation_does_not_touch_the_other(door: Door) -> None:
    def answers() -> list[Any]:
        more: list[dict[str, Any]] = [{}, {"service_type": 1}, *({"service_type": 1, "x": x} for x in (1, [1]))]
        replies = [door.post("/services/start", {"contact_key": "K", "timestamp": NOON, **each}) for each in more]
        replies += [
            door.get(f"/services/{path}") for path in ("1", "99", "x", "1/states/9", "anonymous/K?extensions=*")
        ]
        return [(reply.status, reply.headers.get("location"), reply.json) for reply in replies]

    before = answers()
    door.mock.reset()
    for row in ROWS:
        if row["api"] not in (door.api, "both"):
            door.mock.read_as(**{row["id"]: other(row)})
    assert answers() == before


def test_a_reset_restores_the_servers_own_choices(chosen: Mock) -> None:
    own = {**DEFAULTS, "complete-status": "200", "not-found": "404"}
    assert values(chosen) == values(chosen, "/__space/another") == own
    chosen.read_as(complete_status="204", composite_found="keep")
    gms = Door(chosen, "8.5")
    assert gms.post(f"/services/{gms.start_service()}/end", {}).status == 204
    assert values(chosen, "/__space/another") == own
    chosen.reset()
    assert values(chosen) == own
    assert gms.post(f"/services/{gms.start_service()}/end", {}).status == 200
    assert gms.get("/services/99").status == 404


def test_string_ids_of_services_are_the_same_after_a_reset_and_on_another_server(mock: Mock, served: Mock) -> None:
    found = []
    for server in (mock, mock, served):
        server.reset()
        server.read_as(service_id="string")
        gms = Door(server, "8.5")
        found.append([gms.start_service(), gms.start_service()])
    assert found[0] == found[1] == found[2]
    assert found[0][0] != found[0][1]


@pytest.mark.parametrize("number", [UNKNOWN, "1-" + UNKNOWN[4:], "1", "abc", "9" * 30])
def test_a_string_id_that_the_server_never_gave_is_not_found(gms: Door, number: str) -> None:
    gms.mock.read_as(service_id="string")
    gms.start_service()
    reply = gms.get(f"/services/{number}")
    assert (reply.status, reply.json["message"]) == (400, f"There are no service found for : {number}")
    assert gms.mock.last_call()["violations"] == []
