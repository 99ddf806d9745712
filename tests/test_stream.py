"""The stream of calls: a comment at once, then one `data:` line for each call when it is complete."""

from __future__ import annotations

import http.client
import json
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import pytest

from mockcs.server import Server
from mockcs.settings import Settings
from tests.conftest import Mock, serving, started

EVENT = {"service_type": 100, "contact_key": "42"}
LONG = 30_000
PATIENCE = 20.0  # seconds that a reader waits for a line


class Stream:
    """A reader of server-sent events."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.answer = answer

    def line(self) -> str:
        """The next line that is not empty; empty at the end."""
        while (line := self.answer.readline()) == b"\n":
            pass
        return line.decode().removesuffix("\n")

    def call(self) -> dict[str, Any]:
        """The next call."""
        while (line := self.line()).startswith(":"):
            pass
        assert line.startswith("data: "), line
        found: dict[str, Any] = json.loads(line.removeprefix("data: "))
        return found


@contextmanager
def streaming(mock: Mock, prefix: str = "") -> Iterator[Stream]:
    """The stream of a space, the comment having been read."""
    with closing(http.client.HTTPConnection(*mock.address, timeout=PATIENCE)) as connection:
        connection.request("GET", f"{prefix}/__admin/calls/stream")
        with closing(connection.getresponse()) as answer:
            assert answer.status == 200
            assert answer.getheader("content-type") == "text/event-stream; charset=utf-8"
            stream = Stream(answer)
            assert stream.line().startswith(": ")
            yield stream


def test_a_comment_comes_at_once_and_then_each_call_as_one_line(anywhere: Mock) -> None:
    with streaming(anywhere) as stream:
        anywhere.post("/services/start", {**EVENT, "note": "Ж\n\r\u2028"})
        anywhere.get("/services/9")
        anywhere.get("/nothing")
        assert [stream.call() for _ in range(3)] == anywhere.calls()


def test_earlier_calls_and_those_of_the_admin_api_are_not_in_it(anywhere: Mock) -> None:
    anywhere.get("/services/1")
    with streaming(anywhere) as stream:
        anywhere.get("/__admin/calls")
        anywhere.post("/__admin/services", EVENT)
        anywhere.get("/services/1")
        assert stream.call()["id"] == 2


def test_a_stream_is_of_one_space(anywhere: Mock) -> None:
    with streaming(anywhere, "/__space/a") as stream, streaming(anywhere) as default:
        for prefix in ("", "/__space/b", "/__space/a"):
            anywhere.get(f"{prefix}/services/1")
        assert (stream.call()["space"], default.call()["space"]) == ("a", "default")
        anywhere.get("/services/2")
        assert default.call()["id"] == 2
    for name in ("a", "b"):
        anywhere.delete(f"/__admin/spaces/{name}")


def test_every_reader_gets_every_call(anywhere: Mock) -> None:
    with streaming(anywhere) as one, streaming(anywhere) as other:
        for number in range(50):
            anywhere.get(f"/services/{number}")
        for stream in (one, other):
            assert [stream.call()["id"] for _ in range(50)] == list(range(1, 51))


def test_a_call_in_flight_comes_when_it_is_complete(anywhere: Mock) -> None:
    anywhere.post("/__admin/faults", {"operation": "start_service", "delay_ms": 200, "times": 1})
    with ThreadPoolExecutor(1) as pool, streaming(anywhere) as stream:
        delayed = pool.submit(anywhere.post, "/services/start", EVENT)
        while not anywhere.calls():
            assert not delayed.done()
        anywhere.get("/services/1")
        assert [(call["id"], call["state"]) for call in (stream.call(), stream.call())] == [
            (2, "answered"),
            (1, "answered"),
        ]


def test_a_call_that_got_no_answer_comes_too(mock: Mock) -> None:
    mock.post("/__admin/faults", {"operation": "start_service", "connection": "close"})
    with streaming(mock) as stream:
        with pytest.raises(http.client.RemoteDisconnected):
            mock.post("/services/start", EVENT)
        assert stream.call()["state"] == "aborted"


def test_a_stream_survives_a_reset(anywhere: Mock) -> None:
    with streaming(anywhere) as stream:
        for _ in range(3):
            anywhere.get("/services/1")
            assert stream.call()["id"] == 1
            anywhere.reset()


def test_a_call_of_the_former_world_does_not_come_after_a_reset(anywhere: Mock) -> None:
    anywhere.post("/__admin/faults", {"operation": "start_service", "delay_ms": LONG})
    with ThreadPoolExecutor(1) as pool, streaming(anywhere) as stream:
        delayed = pool.submit(anywhere.post, "/services/start", EVENT)
        while not anywhere.calls():
            assert not delayed.done()
        anywhere.reset()
        assert delayed.result(PATIENCE).status == 201
        anywhere.get("/services/1")
        assert stream.call()["operation"] == "query_service_by_id"


def test_a_stream_ends_with_its_space_at_once(mock: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mockcs.admin.calls._HEARTBEAT", 2 * PATIENCE)
    with streaming(mock, "/__space/a") as stream:
        assert mock.delete("/__admin/spaces/a").status == 200
        while (line := stream.line()) != "":
            assert line == ": still here"


@pytest.fixture(params=["in process", "granian", "threaded"])
def for_one(request: pytest.FixtureRequest) -> Iterator[Mock]:
    """A mock in which one request may wait, behind each of the servers."""
    if request.param == "in process":
        with Server(Settings(max_waiting=1)) as cs:
            yield Mock(cs.base_url)
    else:
        with serving("--max-waiting", "1", "--server", request.param) as mock:
            yield mock


def status_of_a_stream(mock: Mock) -> int:
    """The status that one more reader gets; it goes at once."""
    with closing(http.client.HTTPConnection(*mock.address, timeout=PATIENCE)) as connection:
        connection.request("GET", "/__admin/calls/stream")
        with closing(connection.getresponse()) as answer:
            return answer.status


@pytest.mark.slow
def test_the_place_is_free_again_when_the_reader_has_gone(for_one: Mock) -> None:
    for _ in range(3):
        with streaming(for_one):
            assert status_of_a_stream(for_one) == 503
        while True:  # it is noticed with the next call that is written
            for_one.get("/services/1")
            document = {"match": {"method": "GET"}, "within_ms": 1}
            if for_one.post("/__admin/calls/verify", document).status == 200:
                break


def test_asking_for_the_head_of_a_stream_takes_no_place() -> None:
    with Server(Settings(max_waiting=1)) as cs:
        mock = Mock(cs.base_url)
        assert [mock.request("HEAD", "/__admin/calls/stream").status for _ in range(3)] == [200] * 3


def test_a_reader_that_does_not_read_holds_nothing_up(anywhere: Mock) -> None:
    with socket.create_connection(anywhere.address, timeout=PATIENCE) as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**12)
        reader.sendall(b"GET /__admin/calls/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert reader.recv(64).startswith(b"HTTP/1.1 200 ")
        event = {**EVENT, "x": "y" * 200_000}
        for number in range(1, 41):
            assert anywhere.post("/services/start", event).json == {"service_id": number}
        assert anywhere.get("/__admin/calls?limit=0").json["total"] == 40
        anywhere.reset()


@pytest.mark.slow
@pytest.mark.parametrize("server", ["granian", "threaded"])
def test_a_stream_does_not_hold_the_shutdown(server: str) -> None:
    with started("--server", server) as (process, mock), streaming(mock):
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_a_stream_ends_with_the_server_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mockcs.admin.calls._HEARTBEAT", 0.01)
    server = Server()
    with server, streaming(Mock(server.base_url)) as stream:
        server.stop()
        while (line := stream.line()) != "":
            assert line == ": still here"


def test_a_reader_that_does_not_read_keeps_no_call_that_the_journal_has_evicted() -> None:
    with Server(Settings(max_calls=3)) as cs, streaming(Mock(cs.base_url)) as stream:
        assert stream.line().startswith(":")
        mock = Mock(cs.base_url)
        for _ in range(30):
            mock.get("/nowhere")
        numbers = [stream.call()["id"]]
        while numbers[-1] < 30:
            numbers.append(stream.call()["id"])
        assert numbers == sorted(set(numbers))
