"""Faults of the connection: an answer cut short, a reset, a close; with and without the socket at hand."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

import pytest

from mockcs.app import create_app
from tests.conftest import Mock

START = {"operation": "start_service"}
EVENT = {"service_type": 100, "contact_key": "42"}
BROKEN = (ConnectionError, http.client.HTTPException)


@pytest.fixture(params=["in process", "threaded"])
def with_socket(request: pytest.FixtureRequest) -> Mock:
    """A fresh mock behind each of the servers that have the socket."""
    names = {"in process": "in_process", "threaded": "threaded"}
    found: Mock = request.getfixturevalue(names[request.param])
    found.reset()
    return found


def order(mock: Mock, **fault: Any) -> None:
    reply = mock.post("/__admin/faults", {**START, **fault})
    assert reply.status == 201, reply.body


def raw(mock: Mock) -> tuple[bytes, type[OSError] | None]:
    """What a client gets for a start: the bytes up to the end, and how the connection ended if not in order."""
    body = json.dumps(EVENT).encode()
    head = f"POST /services/start HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    got = b""
    with socket.create_connection(mock.address, timeout=30) as connection:
        connection.sendall(head + body)
        try:
            while data := connection.recv(2**16):
                got += data
        except OSError as error:
            return got, type(error)
    return got, None


# truncate


def test_a_truncated_answer_has_its_headers_whole_and_half_its_body(everywhere: Mock) -> None:
    order(everywhere, connection="truncate", times=1)
    with pytest.raises(http.client.IncompleteRead) as raised:
        everywhere.post("/services/start", EVENT)
    assert raised.value.partial == b'{"servic'
    assert everywhere.get("/services/1").status == 200


def test_the_call_of_a_truncated_answer_tells_the_whole_answer_and_the_fault(everywhere: Mock) -> None:
    order(everywhere, connection="truncate", times=1)
    with pytest.raises(http.client.IncompleteRead):
        everywhere.post("/services/start", EVENT)
    call = everywhere.last_call()
    assert (call["state"], call["fault"]) == ("answered", 1)
    assert (call["response"]["status"], call["response"]["body"]) == (201, {"service_id": 1})
    assert call["changes"] == [{"kind": "service", "id": 1, "change": "created"}]


def test_the_answer_of_a_fault_can_be_truncated_too(everywhere: Mock) -> None:
    order(everywhere, status=500, body="x" * 100_000, connection="truncate", times=1)
    with pytest.raises(http.client.IncompleteRead) as raised:
        everywhere.post("/services/start", EVENT)
    assert raised.value.partial == b"x" * 50_000
    assert everywhere.get("/__admin/services").json == {"services": []}


def test_a_connection_that_was_kept_open_ends_with_a_truncated_answer(served: Mock) -> None:
    order(served, connection="truncate", times=1)
    connection = http.client.HTTPConnection(*served.address, timeout=30)
    connection.request("GET", "/services/1")
    assert connection.getresponse().read()
    connection.request("POST", "/services/start", json.dumps(EVENT))
    with pytest.raises(http.client.IncompleteRead):
        connection.getresponse().read()
    connection.close()
    assert served.post("/services/start", EVENT).status == 201


# reset and close


@pytest.mark.parametrize("how", ["reset", "close"])
def test_the_client_gets_no_byte_of_an_answer(with_socket: Mock, how: str) -> None:
    order(with_socket, connection=how, times=1)
    assert raw(with_socket) == (b"", ConnectionResetError if how == "reset" else None)
    call = with_socket.last_call()
    assert (call["state"], call["response"], call["fault"], call["changes"]) == ("aborted", None, 1, [])
    assert with_socket.get("/__admin/services").json == {"services": []}
    assert with_socket.post("/services/start", EVENT).status == 201


@pytest.mark.parametrize("how", ["reset", "close"])
def test_after_the_commit_only_the_answer_is_lost(with_socket: Mock, how: str) -> None:
    order(with_socket, connection=how, after_commit=True)
    with pytest.raises(BROKEN):
        with_socket.post("/services/start", EVENT)
    call = with_socket.last_call()
    assert (call["state"], call["response"], call["fault"]) == ("aborted", None, 1)
    assert call["changes"] == [{"kind": "service", "id": 1, "change": "created"}]
    assert [each["service_id"] for each in with_socket.get("/__admin/services").json["services"]] == [1]


@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_large_body_that_was_sent_does_not_turn_a_close_into_a_reset(with_socket: Mock, how: str) -> None:
    order(with_socket, connection=how, times=1)
    with pytest.raises(BROKEN) as raised:
        with_socket.post("/services/start", {**EVENT, "x": "y" * 900_000})
    assert (raised.type is http.client.RemoteDisconnected) == (how == "close")
    assert with_socket.last_call()["state"] == "aborted"


@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_verification_finds_the_call_that_got_no_answer(with_socket: Mock, how: str) -> None:
    order(with_socket, connection=how, delay_ms=20, times=1)
    with pytest.raises(BROKEN):
        with_socket.post("/services/start", EVENT)
    document = {"match": {**START, "body": {"contact_key": "42"}}, "exactly": 1, "within_ms": 20_000}
    assert with_socket.post("/__admin/calls/verify", document).json["verdict"] == "holds"
    without = {"match": {**START, "status": 201}, "exactly": 0}
    assert with_socket.post("/__admin/calls/verify", without).json["verdict"] == "holds"


def test_many_broken_connections_leave_the_server_in_order(with_socket: Mock) -> None:
    order(with_socket, connection="reset", times=20)
    order(with_socket, connection="close", times=20)
    endings = [raw(with_socket)[1] for _ in range(40)]
    assert endings == [ConnectionResetError] * 20 + [None] * 20
    assert with_socket.post("/services/start", EVENT).status == 201
    assert with_socket.get("/__admin/calls").json["in_flight"] == 0


def test_a_broken_connection_is_no_word_on_the_error_output(mock: Mock, capfd: pytest.CaptureFixture[str]) -> None:
    for how in ("reset", "close", "truncate"):
        order(mock, connection=how, times=1)
        with pytest.raises(BROKEN):
            mock.post("/services/start", EVENT)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("how", ["reset", "close"])
def test_where_there_is_no_socket_it_is_400_with_a_hint(served: Mock, how: str) -> None:
    reply = served.post("/__admin/faults", {**START, "connection": how})
    assert (reply.status, reply.json.keys()) == (400, {"error", "hint"})
    assert "--server threaded" in reply.json["hint"]
    assert served.get("/__admin/faults").json == {"faults": []}
    without = create_app().test_client().post("/__admin/faults", json={**START, "connection": how})
    assert without.status_code == 400
