"""How `mockcs serve` ends: by SIGINT or SIGTERM with code 0, whatever it is doing, and never without its worker."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress

import pytest

from tests.conftest import Mock, command, started

pytestmark = pytest.mark.slow
HALF = b'POST /services/start HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"service_type": '


@contextmanager
def under_load(mock: Mock) -> Iterator[None]:
    """Four clients that send one request after the other until nobody answers any more."""
    busy = threading.Semaphore(0)

    def send() -> None:
        try:
            while True:
                mock.get("/services/1")
                busy.release()
        except (OSError, http.client.HTTPException):
            pass

    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(send)
        for _ in range(40):
            busy.acquire(timeout=10)
        yield


@contextmanager
def with_a_request_in_mid_body(mock: Mock) -> Iterator[None]:
    with socket.create_connection(mock.address, timeout=10) as connection:
        connection.sendall(HALF)
        assert mock.get("/services/1").status == 404
        yield


@contextmanager
def with_an_idle_connection(mock: Mock) -> Iterator[None]:
    with socket.create_connection(mock.address, timeout=10) as connection:
        connection.sendall(b"GET /services/1 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(2**16).startswith(b"HTTP/1.1 404 ")
        yield


@contextmanager
def with_a_verification_waiting(mock: Mock) -> Iterator[None]:
    body = b'{"match": {"method": "PUT"}, "within_ms": 60000}'
    head = f"POST /__admin/calls/verify HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(mock.address, timeout=10) as connection:
        connection.sendall(head.encode() + body)
        assert mock.get("/services/1").status == 404
        yield


def idle(mock: Mock) -> AbstractContextManager[None]:
    assert mock.get("/__admin/health").status == 200
    return nullcontext()


DOING = [idle, under_load, with_an_idle_connection, with_a_request_in_mid_body, with_a_verification_waiting]


@pytest.mark.parametrize("doing", DOING, ids=lambda doing: doing.__name__)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_ends_it_with_code_0_and_without_a_word(
    doing: Callable[[Mock], AbstractContextManager[None]], number: signal.Signals
) -> None:
    with started() as (process, mock), doing(mock):
        process.send_signal(number)
        assert process.wait(10) == 0
        assert process.stdout
        assert process.stdout.read() == ""  # both ends are gone, and neither has said anything
        free(mock)


@contextmanager
def in_a_group() -> Iterator[tuple[subprocess.Popen[str], Mock]]:
    """`mockcs serve` and its worker in a process group of their own, of which nothing is left afterwards."""
    with subprocess.Popen(
        command("serve", "--port", "0"), stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            assert process.stdout
            found = re.search(r"http://\S+:\d+", process.stdout.readline())
            assert found
            yield process, Mock(found[0])
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def test_ctrl_c_reaches_the_worker_too_and_is_no_failure() -> None:
    with in_a_group() as (process, mock):
        assert mock.get("/__admin/health").status == 200
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(10) == 0
        free(mock)


def test_the_worker_goes_when_its_parent_is_killed() -> None:
    with in_a_group() as (process, mock), socket.create_connection(mock.address, timeout=10) as connection:
        process.kill()
        assert process.wait(10) == -signal.SIGKILL
        with suppress(ConnectionResetError):  # gone is gone, politely or not
            assert connection.recv(1) == b""
        assert process.stdout
        assert process.stdout.read() == ""
        free(mock)


def free(mock: Mock) -> None:
    """See that nobody has the port any more."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(mock.address)
