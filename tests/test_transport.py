"""The connections of a client: kept between its questions, and never one that could lose or mix up an answer."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.request import Request, urlopen

import pytest

from mockcs import Client, MockcsError, Server, transport
from mockcs.threaded import Threaded


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The addresses from which connections of the servers of a test were begun."""
    found: list[Any] = []
    begin = Threaded.process_request

    def noted(server: Threaded, request: Any, client_address: Any) -> None:
        found.append(client_address)
        begin(server, request, client_address)

    monkeypatch.setattr(Threaded, "process_request", noted)
    return found


@pytest.fixture
def cs(begun: list[Any]) -> Iterator[Client]:  # noqa: ARG001 - to note the connections of its server
    """A client of a server of its own."""
    with Server() as client:
        yield client


def start(cs: Client) -> None:
    event = b'{"contact_key": "42"}'
    urlopen(Request(f"{cs.url}/services/start", event, {"Content-Type": "application/json"})).close()


def test_a_client_asks_everything_over_one_connection(cs: Client, begun: list[Any]) -> None:
    for number in range(1, 6):
        assert cs.given_service(customer_id="C1").service_id == number
        cs.assert_not_called("start_service")
    with pytest.raises(MockcsError):
        cs.ask("GET", "/nothing")
    assert len(cs.services()) == 5
    assert len(begun) == 1


def test_what_is_no_json_is_answered_as_text(cs: Client) -> None:
    start(cs)
    assert cs.ask("GET", "/calls/1/curl").startswith("curl ")
    assert cs.ask("GET", "/metrics").startswith("# HELP mockcs_")
    assert cs.ask("HEAD", "/health") == {}
    with pytest.raises(MockcsError, match=r"HEAD .*/services/9: 404"):
        cs.ask("HEAD", "/services/9")


def test_a_stream_is_refused_before_it_is_waited_for(cs: Client) -> None:
    with pytest.raises(MockcsError, match="a stream has no end"):
        cs.ask("GET", "/calls/stream")
    assert cs.services() == []


def test_the_url_of_a_space_is_no_url_of_a_mock(cs: Client) -> None:
    with pytest.raises(MockcsError, match="is the URL of a space") as refused:
        Client(f"{cs.base_url}/__space/x")
    assert 'space="x"' in refused.value.hint


def test_it_is_waited_for_so_many_calls_or_more(cs: Client) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(cs.wait_for, "start_service", at_least=2, timeout=20)
        for _ in range(3):
            start(cs)
        assert waiting.result().id in (2, 3)
    assert cs.wait_for("start_service", at_least=2).id == 3
    with pytest.raises(AssertionError, match="wanted at least 4, found 3"):
        cs.wait_for("start_service", at_least=4, timeout=0)


def test_clients_of_other_spaces_ask_over_the_same_connection(cs: Client, begun: list[Any]) -> None:
    for space in ("one", "two"):
        cs.of(space).given_service(customer_id="C1")
    assert [len(cs.of(space).services()) for space in ("one", "two", None)] == [1, 1, 0]
    assert len(begun) == 1


def test_questions_at_the_same_time_have_a_connection_each(cs: Client, begun: list[Any]) -> None:
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(cs.wait_for, "start_service", times=1, timeout=20) for _ in range(4)]
        start(cs)
        assert [call.result(20).id for call in [*waiting]] == [1] * 4
    assert 2 <= len(begun) <= 5


def test_answers_find_their_questions_whoever_asks(cs: Client) -> None:
    numbers = [cs.given_service(customer_id="C1").service_id for _ in range(8)]
    together = threading.Barrier(8)

    def ask(number: int) -> bool:
        together.wait(10)
        return all(cs.service(number).service_id == number for _ in range(20))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, numbers)) == [True] * 8


def test_a_mock_that_was_started_again_is_reached_again() -> None:
    server = Server().start()
    client = server.client
    assert client.services() == []
    server.stop()
    with pytest.raises(MockcsError, match="no mockcs answers"):
        client.services()
    server.start()
    client.given_service(customer_id="C1")
    server.stop()
    server.start()
    assert len(client.services()) == 1
    server.stop()


def test_a_client_that_moves_to_another_mock_asks_that_one(cs: Client) -> None:
    cs.given_service(customer_id="C1")
    with Server() as other:
        cs.base_url = other.base_url
        assert cs.services() == []


def test_a_connection_that_has_rested_for_long_is_not_used_again(
    cs: Client, begun: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    cs.services()
    monkeypatch.setattr(transport, "_KEPT_SECONDS", 0)
    assert cs.services() == []
    assert len(begun) == 2


def test_a_process_that_was_forked_does_not_use_its_parent_s_connection(
    cs: Client, begun: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    cs.services()
    monkeypatch.setattr("os.getpid", lambda: 1)
    assert cs.services() == []
    assert len(begun) == 2


WARNED = """
import gc
from mockcs import Client, Server
with Server() as cs:
    cs.services()
    other = Client(cs.base_url)
    other.services()
    del other
    gc.collect()
print("done")
"""


@pytest.mark.slow
def test_nothing_is_left_open_that_python_would_warn_of() -> None:
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", WARNED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("done\n", "")
