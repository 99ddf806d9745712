"""The server inside a test process: it begins and ends when told to, and leaves the process as it was."""

from __future__ import annotations

import http.client
import logging
import os
import signal
import socket
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from mockcs.client import Client
from mockcs.errors import MockcsError
from mockcs.server import Server, behind
from mockcs.settings import Settings, url_of
from tests.conftest import Mock

EVENT = {"service_type": 100, "contact_key": "42"}


@contextmanager
def running(server: Server) -> Iterator[Mock]:
    with server:
        yield Mock(server.base_url)


def gone(mock: Mock) -> None:
    with pytest.raises(ConnectionError):
        mock.get("/__admin/health")


def test_it_answers_as_soon_as_start_returns() -> None:
    server = Server()
    try:
        assert server.start() is server
        mock = Mock(server.base_url)
        assert mock.post("/services/start", EVENT).json == {"service_id": 1}
    finally:
        server.stop()
    gone(mock)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port of 127.0.0.1 on which something else listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_taken_port_is_a_sentence_in_the_thread_that_starts(taken: int) -> None:
    threads = set(threading.enumerate())
    with pytest.raises(MockcsError, match=f"^port {taken} on 127.0.0.1 is taken") as raised:
        Server(port=taken).start()
    assert "--port" in raised.value.hint
    assert set(threading.enumerate()) <= threads


@pytest.mark.parametrize(
    "address", [{"host": "192.0.2.1"}, {"host": "127.0.0.1", "port": 70_000}, {"port": -1}], ids=str
)
def test_an_impossible_address_is_a_sentence(address: dict[str, Any]) -> None:
    with pytest.raises(MockcsError, match="cannot be listened on"):
        Server(**address).start()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("max_calls", -1),
        ("max_calls", True),
        ("max_waiting", 1.5),
        ("max_body", "2MiB"),
        ("auto_complete_after", "1h"),
        ("port", "abc"),
        ("host", None),
        ("log_calls", "no"),
        ("tenant", "Sales"),
        ("server", "waitress"),
        ("reading", ["complete-status=200"]),
        ("users", [{"password": "s"}]),
    ],
)
def test_a_setting_of_a_wrong_kind_is_refused_by_its_name(setting: str, value: Any) -> None:
    with pytest.raises(MockcsError, match=rf"^{setting} must be .*, not "):
        Settings(**{setting: value})


@pytest.mark.parametrize(
    ("setting", "value"), [("admin_token", b"s3cret"), ("basic_auth", ("kent", "s3cret")), ("users", ["s3cret"])]
)
def test_a_secret_of_a_wrong_kind_is_not_repeated(setting: str, value: Any) -> None:
    with pytest.raises(MockcsError) as raised:
        Settings(**{setting: value})
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    "given",
    [
        {"admin_token": None, "state": None, "basic_auth": None, "auto_complete_after": None},
        {"tenant": {"Sales"}, "allow_host": ["mock"]},
        {"reading": MappingProxyType({"not-found": "404"})},
    ],
    ids=str,
)
def test_a_setting_may_be_given_as_any_value_that_says_it(given: dict[str, Any]) -> None:
    with Server(Settings(**given)) as client:
        assert client.services() == []


def test_a_file_may_be_named_by_a_path(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.write_text('{"services": []}')
    any_of_them: Any = state
    with Server(Settings(state=any_of_them)) as client:
        assert client.services() == []


def test_an_unknown_reading_is_a_sentence() -> None:
    with pytest.raises(MockcsError, match="complete-staus"):
        Server(Settings(reading={"complete-staus": "200"}))


def test_a_server_that_failed_to_start_can_be_started_when_the_port_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(port=listener.getsockname()[1])
        with pytest.raises(MockcsError):
            server.start()
    with running(server) as mock:
        assert mock.get("/__admin/health").status == 200


def test_it_can_be_started_and_stopped_again_on_the_same_port() -> None:
    server = Server()
    urls = set()
    for number in range(1, 6):
        with running(server) as mock:
            urls.add(server.base_url)
            assert mock.post("/services/start", EVENT).json == {"service_id": number}
        gone(mock)
    assert len(urls) == 1


def test_a_reset_begins_the_default_space_anew_and_leaves_the_others() -> None:
    server = Server()
    with running(server) as mock:
        mock.post("/services/start", EVENT)
        mock.post("/__space/other/services/start", EVENT)
        server.reset()
        assert (mock.calls(), mock.get("/__admin/services").json) == ([], {"services": []})
        assert len(mock.get("/__space/other/__admin/services").json["services"]) == 1
        assert mock.post("/services/start", EVENT).json == {"service_id": 1}


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_the_server_behind_a_client_is_known_while_it_runs_in_this_process() -> None:
    with Server() as one, Server() as other:
        assert behind(one) is not behind(other)
        assert behind(Client(one.base_url, space="other")) is behind(one) is not None
        reader, writer = os.pipe()
        if (child := os.fork()) == 0:
            os.write(writer, b"none" if behind(one) is None else b"one")
            os._exit(0)
        os.waitpid(child, 0)
        os.close(writer)
        with os.fdopen(reader) as told:
            assert told.read() == "none"
    assert behind(one) is None


def test_a_server_that_was_started_again_still_lets_verifications_wait() -> None:
    server = Server()
    with running(server):
        pass
    body = b'{"match": {"method": "GET"}, "within_ms": 20000}'
    head = f"POST /__admin/calls/verify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
    with running(server) as mock, socket.create_connection(mock.address, timeout=25) as connection:
        connection.sendall(head.encode() + body)
        assert mock.get("/__admin/health").status == 200
        assert mock.get("/services/1").status == 404
        assert connection.recv(2**16).startswith(b"HTTP/1.1 200 ")


def test_many_servers_one_after_the_other_leave_no_threads_behind() -> None:
    before = set(threading.enumerate())
    for _ in range(20):
        with running(Server()) as mock:
            assert mock.get("/services/1").status == 404
    assert [thread for thread in threading.enumerate() if thread.name == "mockcs" and thread not in before] == []


def test_stopping_twice_or_before_the_start_does_no_harm() -> None:
    server = Server()
    server.stop()
    with running(server) as mock:
        assert mock.get("/__admin/health").status == 200
    server.stop()
    gone(mock)


def test_stopping_does_not_wait_for_a_request_in_mid_body() -> None:
    server = Server()
    with running(server) as mock, socket.create_connection(mock.address, timeout=10) as connection:
        connection.sendall(b"POST /services/start HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert mock.get("/services/1").status == 404
        server.stop()  # or else this test does not end
        gone(mock)


def test_stopping_lets_a_waiting_verification_go() -> None:
    server = Server()
    document = {"match": {"method": "PUT"}, "within_ms": 25_000}
    with running(server) as mock, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(mock.post, "/__admin/calls/verify", document)
        assert mock.get("/services/1").status == 404
        server.stop()
        assert isinstance(waiting.exception(20), ConnectionError | http.client.HTTPException | None)
        gone(mock)


def test_an_exception_in_the_block_comes_out_and_the_server_is_stopped() -> None:
    server = Server()
    with pytest.raises(ZeroDivisionError), running(server):
        raise ZeroDivisionError
    gone(Mock(server.base_url))


def test_two_servers_at_once_share_nothing() -> None:
    with running(Server()) as one, running(Server(Settings(reading={"complete-status": "200"}))) as other:
        assert one.address != other.address
        one.post("/services/start", EVENT)
        assert (len(one.calls()), len(other.calls())) == (1, 0)
        assert [len(mock.get("/__admin/services").json["services"]) for mock in (one, other)] == [1, 0]
        other.post("/services/start", EVENT)
        assert [mock.post("/services/1/end").status for mock in (one, other)] == [204, 200]


def test_it_starts_in_any_thread() -> None:
    with ThreadPoolExecutor(1) as pool:
        server = pool.submit(Server().start).result(10)
        assert Mock(server.base_url).get("/__admin/health").status == 200
        pool.submit(server.stop).result(10)
    gone(Mock(server.base_url))


def process() -> dict[str, Any]:
    """What a server could change in the process that it runs in."""
    loggers = [logging.getLogger(name) for name in (None, "werkzeug", "mockcs", "flask")]
    return {
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "logging": [(each.level, list(each.handlers), each.disabled, each.propagate) for each in loggers],
        "environment": dict(os.environ),
        "folder": os.getcwd(),  # noqa: PTH109 - as the process sees it
        "timeout": socket.getdefaulttimeout(),
        "warnings": list(warnings.filters),
        "hook": threading.excepthook,
    }


def test_signals_logging_and_output_of_the_process_are_left_alone(capfd: pytest.CaptureFixture[str]) -> None:
    before = process()
    with running(Server()) as mock:
        assert process() == before
        assert mock.get("/services/1").status == 404
        assert mock.post("/services/start", b"junk").status == 400
        assert mock.get("/__admin/nothing").status == 404
        for junk in (b"\x00\x01\r\n\r\n", b"POST /services/start HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"):
            with closing(socket.create_connection(mock.address, timeout=10)) as connection:
                connection.sendall(junk)
                connection.shutdown(socket.SHUT_WR)
                assert b"400" in b"".join(iter(lambda: connection.recv(2**16), b""))
    assert process() == before
    assert capfd.readouterr() == ("", "")


def test_who_listens_everywhere_is_reached_on_this_machine() -> None:
    assert url_of("0.0.0.0", 80, "") == "http://127.0.0.1:80"
    assert url_of("::", 80, "c.pem") == "https://[::1]:80"
