"""However many requests wait, for the rest of a body or for a delay, the others are answered."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from mockcs.bodies import Bodies
from mockcs.errors import MockcsError
from mockcs.front import Environ, StartResponse
from mockcs.json_text import pack, unpack
from mockcs.server import Server
from mockcs.serving import _BODIES
from mockcs.settings import Settings
from tests.conftest import Mock, serving

EVENT = {"service_type": 100, "contact_key": "42"}
TRIES = 50
BODY = json.dumps(EVENT).encode()
HEAD = b"POST /services/start HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(BODY)


@pytest.fixture
def connections() -> Iterator[ExitStack]:
    """Connections that are closed at the end."""
    with ExitStack() as stack:
        yield stack


def begun(mock: Mock, stack: ExitStack, sent: bytes) -> socket.socket:
    """A connection that has sent so much."""
    connection = stack.enter_context(socket.create_connection(mock.address, timeout=30))
    connection.sendall(sent)
    return connection


def answered(mock: Mock, status: int) -> Any:
    """The answer to a start as soon as it has that status: what came before it is read in no certain order."""
    found = next((reply for _ in range(TRIES) if (reply := mock.post("/services/start", EVENT)).status == status), None)
    assert found is not None
    return found.json


@pytest.mark.slow
def test_half_sent_bodies_hold_up_nobody_who_sends_none(connections: ExitStack) -> None:
    with serving() as mock:
        half = [begun(mock, connections, HEAD + BODY[:5]) for _ in range(_BODIES + 500)]
        assert answered(mock, 503).keys() == {"error", "hint"}
        assert mock.post("/__admin/reset").status == 200
        assert mock.delete("/__admin/calls").status == 200
        assert mock.get("/__admin/health").status == 200
        assert mock.get("/services/9999").status == 404
        half[0].sendall(BODY[5:])
        assert half[0].recv(100).startswith((b"HTTP/1.1 201 Created\r\n", b"HTTP/1.1 503 Service Unavailable\r\n"))
        connections.close()
        assert "service_id" in answered(mock, 201)


@pytest.mark.slow
def test_as_many_requests_may_wait_as_max_waiting_says(connections: ExitStack) -> None:
    most = 300
    with serving("--max-waiting", str(most)) as mock:
        assert mock.post("/__admin/faults", {"operation": "start_service", "delay_ms": 60_000}).status == 201
        waiting = [begun(mock, connections, HEAD + BODY) for _ in range(most)]
        while mock.get("/__admin/calls?limit=0").json["in_flight"] < most:
            pass
        assert mock.post("/services/start", EVENT).status == 503
        assert mock.post("/__admin/reset").status == 200
        assert {each.recv(100)[:20] for each in waiting} == {b"HTTP/1.1 201 Created"}


class Stalled:
    """A body that breaks off when it is told to."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.broken = threading.Event()

    def read(self, *_: int) -> bytes:
        self.asked.set()
        self.broken.wait(30)
        raise ConnectionResetError


def read(environ: Environ, _: StartResponse) -> Iterable[bytes]:
    return [environ["wsgi.input"].read()]


def test_a_body_that_breaks_off_gives_its_place_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mockcs.bodies._PATIENCE", 0.01)
    bodies, stalled, left = Bodies(read, 1), Stalled(), []
    announced = {"CONTENT_LENGTH": "1", "wsgi.input": stalled}

    def stall() -> None:
        with pytest.raises(ConnectionResetError):
            bodies(dict(announced), lambda *_: None)
        left.append(True)

    thread = threading.Thread(target=stall)
    thread.start()
    assert stalled.asked.wait(30)
    with pytest.raises(MockcsError, match="have begun a body") as refused:
        bodies(dict(announced), lambda *_: None)
    assert refused.value.status == 503
    with pytest.raises(MockcsError):
        bodies({"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": stalled}, lambda *_: None)
    stalled.broken.set()
    thread.join(30)
    assert left
    with pytest.raises(ConnectionResetError):
        bodies(dict(announced), lambda *_: None)


@pytest.mark.slow
def test_a_body_may_be_as_large_as_the_settings_say() -> None:
    with Server(Settings(max_body=100 * 2**20)) as cs:
        whole = b'{"contact_key":"1","x":"' + b"y" * (65 * 2**20) + b'"}'
        assert Mock(cs.base_url).request("POST", "/genesys/1/cs/services/start", whole).status == 201


def test_what_is_stored_comes_back_with_every_integer_exact() -> None:
    for value in ({"a": 10**30}, [2**64], {"a": [2**63, -(2**64), "x"]}):
        assert unpack(pack(value)) == value
        assert repr(unpack(pack(value))) == repr(value)
