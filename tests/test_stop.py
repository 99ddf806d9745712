"""How `mockcs serve` ends: by SIGINT or SIGTERM with code 0, whatever it is doing, and never without its worker."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path

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


SERVERS = pytest.mark.parametrize("server", ["granian", "threaded"])


@SERVERS
@pytest.mark.parametrize("numbers", [(signal.SIGTERM, signal.SIGINT), (signal.SIGINT, signal.SIGINT)], ids=str)
def test_a_second_signal_does_not_keep_it_from_its_end(server: str, numbers: tuple[signal.Signals, ...]) -> None:
    for _ in range(3):
        with started("--server", server) as (process, mock):
            for number in numbers:
                process.send_signal(number)
            assert process.wait(10) == 0
            free(mock)


def test_a_terminal_that_is_closed_ends_it() -> None:
    with in_a_group() as (process, mock):
        mock.post("/services/start", {"contact_key": "1"})
        process.send_signal(signal.SIGHUP)
        assert process.wait(10) == 0
        free(mock)


BEFORE_IT_SERVES = {
    "while it imports": "def come(): os.kill(os.getpid(), signal.SIGTERM)\n",
    "where nothing can be raised": "class come:\n    def __del__(self): os.kill(os.getpid(), signal.SIGTERM)\n",
}


@pytest.mark.parametrize("moment", BEFORE_IT_SERVES)
def test_a_signal_before_it_serves_ends_it_with_code_0(moment: str) -> None:
    # What it imports takes some time; here it takes until the signal has come.
    slow = "import os, signal, sys, types; sys.argv = ['mockcs', 'serve']; late = types.ModuleType('mockcs.cli')\n"
    slow += BEFORE_IT_SERVES[moment]
    slow += "late.run = come; sys.modules['mockcs.cli'] = late; import mockcs.__main__ as it; it.run(); os._exit(3)"
    done = subprocess.run([sys.executable, "-c", slow], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_two_that_begin_at_one_moment_do_not_share_a_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    line = command("serve", "--port", str(port))
    with ExitStack() as stack:
        pair = [
            stack.enter_context(subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
            for _ in range(2)
        ]
        for each in pair:
            stack.callback(each.kill)
        told = [each.stdout.readline() for each in pair if each.stdout]
        loser = pair[told.index("")]
        assert loser.wait(10) == 2
        assert loser.stderr
        assert "is taken" in loser.stderr.read()
        assert sum("listens on" in each for each in told) == 1


def test_calls_are_answered_and_it_ends_when_nobody_reads_its_log() -> None:
    with subprocess.Popen(
        command("serve", "--port", "0", "--server", "threaded", "--log-calls"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        found = re.search(r"http://\S+:\d+", process.stdout.readline())
        assert found
        mock = Mock(found[0])
        path = "/services/anonymous/" + "x" * 2000  # a pipe holds 64 KiB
        for _ in range(60):
            assert mock.get(path).status == 200
        process.terminate()
        assert process.wait(10) == 0
        assert process.stderr
        process.stderr.close()


@pytest.mark.slow
def test_it_ends_with_a_failure_when_its_worker_is_killed() -> None:
    with in_a_group() as (process, mock):
        [worker] = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
        os.kill(int(worker), signal.SIGKILL)
        assert process.wait(10) not in (0, None)
        free(mock)
