"""Spaces: isolated worlds, by a path prefix or by a header."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import NOTHING, Mock, Reply, serving

START = "/genesys/1/cs/services/start"
EVENT = {"contact_key": "42"}


class Inside:
    """A mock seen from inside one space: every path behind its prefix, or every request with its header."""

    def __init__(self, mock: Mock, name: str, way: str) -> None:
        self.mock = mock
        self.prefix = f"/__space/{name}" if way == "prefix" else ""
        self.headers = {"Mockcs_Space": name} if way == "header" else {}

    def request(self, method: str, path: str, body: Any = NOTHING) -> Reply:
        return self.mock.request(method, self.prefix + path, body, **self.headers)

    def seen(self) -> Any:
        """State, ids, readings and calls of the space."""
        paths = ("/__admin/services", "/__admin/ids", "/__admin/readings", "/__admin/calls")
        return [self.request("GET", path).json for path in paths]


@pytest.fixture(params=["prefix", "header"])
def way(request: pytest.FixtureRequest) -> str:
    """How a client names its space."""
    return str(request.param)


@pytest.fixture
def rooms(anywhere: Mock, way: str) -> Iterator[tuple[Inside, Inside]]:
    """Two fresh spaces, done away with afterwards."""
    names = ("one", "two")
    yield Inside(anywhere, "one", way), Inside(anywhere, "two", way)
    for name in names:
        anywhere.delete(f"/__admin/spaces/{name}")


def test_a_name_that_is_none_is_shown_as_it_was_sent(everywhere: Mock) -> None:
    reply = everywhere.get("/__space/t%C3%A9st/services/1")
    assert (reply.status, reply.json["error"]) == (400, "'tést' is no name of a space")


def test_spaces_never_see_each_other(rooms: tuple[Inside, Inside]) -> None:
    one, two = rooms
    default = Inside(one.mock, "", "neither")
    untouched = two.seen(), default.seen()
    for _ in range(2):
        assert one.request("POST", START, EVENT).status == 201
    assert one.request("PUT", "/__admin/ids", {"state": 24}).status == 200
    assert one.request("PUT", "/__admin/readings/not-found", {"value": "404"}).status == 200
    schema = {"name": "Feedback", "type": "single-valued", "attributes": []}
    assert one.request("POST", "/metadata/services/extensions", schema).status == 201
    assert (two.seen(), default.seen()) == untouched
    assert two.request("GET", "/metadata/services/extensions").json == []
    assert two.request("GET", "/genesys/1/cs/services/9").status == 400
    assert one.request("GET", "/genesys/1/cs/services/9").status == 404
    assert two.request("POST", START, EVENT).json == {"service_id": 1}


def test_a_header_that_names_another_space_than_the_path_does_not_count_and_is_recorded(anywhere: Mock) -> None:
    anywhere.request("POST", f"/__space/one{START}", EVENT, Mockcs_Space="two")
    (call,) = anywhere.get("/__space/one/__admin/calls").json["calls"]
    assert call["request"]["headers"]["Mockcs-Space"] == "two"
    assert anywhere.get("/__admin/spaces").json["spaces"] == ["default", "one"]
    anywhere.delete("/__admin/spaces/one")


def test_a_reset_of_one_space_leaves_the_others(rooms: tuple[Inside, Inside]) -> None:
    one, two = rooms
    for room in rooms:
        assert room.request("POST", START, EVENT).status == 201
        assert room.request("PUT", "/__admin/readings/not-found", {"value": "404"}).status == 200
    kept = two.seen()
    assert one.request("POST", "/__admin/reset").json["removed"]["services"] == 1
    assert two.seen() == kept
    services, ids, _, journal = one.seen()
    assert (services, ids["service"], journal["calls"]) == ({"services": []}, 1, [])


def test_a_location_keeps_the_prefix_and_can_be_followed(rooms: tuple[Inside, Inside]) -> None:
    one, _ = rooms
    for prefix in ("", "/genesys/1/cs"):
        event = {**EVENT, "service_type": 1}
        location = one.request("POST", f"{prefix}/services/start", event).headers["location"]
        number = one.request("GET", "/__admin/ids").json["service"] - 1
        assert location == f"{one.prefix}{prefix}/services/{number}"
        assert one.mock.request("GET", location, **one.headers).json["service_id"] == number


def test_a_call_is_recorded_with_its_space_and_without_the_prefix(rooms: tuple[Inside, Inside]) -> None:
    one, _ = rooms
    number = one.request("POST", START, EVENT).headers["mockcs-call"]
    call = one.request("GET", f"/__admin/calls/{number}").json
    assert (call["space"], call["request"]["path"]) == ("one", START)


def test_prefix_and_header_name_the_same_space(anywhere: Mock) -> None:
    assert Inside(anywhere, "same", "prefix").request("POST", START, EVENT).json == {"service_id": 1}
    assert Inside(anywhere, "same", "header").request("POST", START, EVENT).json == {"service_id": 2}
    assert anywhere.delete("/__admin/spaces/same").status == 200


@pytest.mark.parametrize("name", ["a", "A.b_c-d~9", "x" * 128])
def test_a_good_name_makes_a_space(mock: Mock, way: str, name: str) -> None:
    room = Inside(mock, name, way)
    assert room.request("POST", START, EVENT).json == {"service_id": 1}
    assert name in mock.get("/__admin/spaces").json["spaces"]
    assert mock.delete(f"/__admin/spaces/{name}").status == 200


@pytest.mark.parametrize("name", ["x" * 129, "a%20b", "a:b", "%C3%BC", "a%0Ab", "a+b"])
@pytest.mark.parametrize("path", [START, "/__admin/services"])
def test_a_bad_name_of_a_space_is_400(anywhere: Mock, way: str, name: str, path: str) -> None:
    before = anywhere.get("/__admin/spaces").json
    reply = Inside(anywhere, name, way).request("GET", path)
    assert (reply.status, reply.json.keys()) == (400, {"error", "hint"})
    assert reply.json["hint"]
    assert anywhere.get("/__admin/spaces").json == before


def test_a_space_without_a_name_is_400(anywhere: Mock, way: str) -> None:
    reply = Inside(anywhere, "", way).request("GET", "/services/1")
    assert (reply.status, reply.json.keys()) == (400, {"error", "hint"})


def test_a_deleted_space_begins_anew(rooms: tuple[Inside, Inside]) -> None:
    one, two = rooms
    for room in rooms:
        assert room.request("POST", START, EVENT).json == {"service_id": 1}
    assert {"one", "two"} <= set(one.mock.get("/__admin/spaces").json["spaces"])
    health = one.mock.get("/__admin/health").json["spaces"]
    assert one.mock.delete("/__admin/spaces/one").status == 200
    assert "one" not in one.mock.get("/__admin/spaces").json["spaces"]
    assert one.mock.get("/__admin/health").json["spaces"] == health - 1
    assert one.request("GET", "/__admin/services").json == {"services": []}
    assert two.request("POST", START, EVENT).json == {"service_id": 2}


def test_a_space_that_is_not_there_cannot_be_deleted(mock: Mock) -> None:
    reply = mock.delete("/__admin/spaces/nowhere")
    assert (reply.status, reply.json.keys()) == (404, {"error", "hint"})
    assert "nowhere" not in mock.get("/__admin/spaces").json["spaces"]


def test_beyond_max_spaces_a_new_space_is_503_with_a_hint(way: str) -> None:
    with serving("--max-spaces", "2") as mock:
        for name in ("one", "two", "one"):
            assert Inside(mock, name, way).request("POST", START, EVENT).status == 201
        for path in (START, "/__admin/services"):
            reply = Inside(mock, "three", way).request("GET", path)
            assert (reply.status, reply.json.keys()) == (503, {"error", "hint"})
            assert "--max-spaces" in reply.json["hint"]
        assert mock.post(START, EVENT).status == 201
        assert mock.delete("/__admin/spaces/one").status == 200
        assert Inside(mock, "three", way).request("POST", START, EVENT).status == 201
