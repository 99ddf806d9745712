"""Turns: threads that are not needed rest after their answer, and nobody waits for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mockcs.front import Environ, StartResponse
from mockcs.turns import Turns
from tests.conftest import serving

LONG = 20


class Clock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, _: float) -> None:
        """Lose no time."""


def app(environ: Environ, _: StartResponse) -> Iterable[bytes]:
    return [environ["body"]]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("mockcs.turns.time", clock)
    return clock


def elsewhere(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function gives in a thread of its own, which has ended then."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *arguments).result(LONG)


def call(turns: Turns, body: bytes = b"answer") -> Any:
    return turns({"body": body}, lambda *_: None)


def test_a_thread_rests_after_its_answer_while_another_one_is_at_work(clock: Clock) -> None:
    turns = Turns(app)
    assert call(turns) == [b"answer"]
    answer = elsewhere(call, turns, b"mine")
    assert list(answer) == [b"mine"]
    resting = threading.Thread(target=answer.close)
    resting.start()
    assert call(turns) == [b"answer"]
    assert resting.is_alive()
    clock.now += 1  # now the one at work is late
    resting.join(LONG)
    assert not resting.is_alive()


def test_the_turn_goes_over_when_the_thread_at_work_is_late(clock: Clock) -> None:
    turns = Turns(app)
    call(turns)
    clock.now += 1
    assert elsewhere(call, turns) == [b"answer"]
    assert not isinstance(call(turns), list)  # now it is this thread that is not needed


def test_an_answer_without_a_body_ends_at_once(clock: Clock) -> None:
    turns = Turns(app)
    call(turns)
    assert elsewhere(call, turns, b"") == [b""]
    assert clock.now == 100.0


@pytest.mark.slow
def test_many_at_a_time_are_answered_each_with_its_own() -> None:
    with serving() as mock, ThreadPoolExecutor(24) as pool:
        replies = list(pool.map(lambda number: mock.get(f"/services/{number}"), range(1, 400)))
        paths = {call["id"]: call["request"]["path"] for call in mock.calls()}
    assert [reply.status for reply in replies] == [404] * 399
    assert [paths[int(reply.headers["mockcs-call"])] for reply in replies] == [f"/services/{n}" for n in range(1, 400)]
