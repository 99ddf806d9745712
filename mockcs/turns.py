"""Turns: of the threads that a server calls an app in, one answers and the others rest, as long as one is enough."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator

from mockcs.front import Environ, StartResponse, Wsgi

_LATE = 0.02  # seconds after which the thread whose turn it is counts as busy with something else
_REST = 5.0  # seconds that a thread rests at the most
_LEASE = 0.01  # seconds after which the interpreter is left to others that hold a request already
_GAP = 0.0001


class Turns:
    """A WSGI app that keeps threads from contending for the interpreter, which lets but one of them run.

    Requests that wait need many threads. When many answer short requests too, each hands the interpreter and its
    caches on to the next, and that halves what the server can do. So a thread that has sent its answer while another
    one is at work rests, instead of taking the next request. Nobody waits for it: the server calls `close()`
    (PEP 3333) when the answer is complete. As soon as the one at work is late, all go back to work.
    """

    def __init__(self, app: Wsgi) -> None:
        self._app = app
        self._turn = 0
        self._seen = 0.0
        self._left = 0.0
        self._resting = threading.Event()
        self._back = threading.Condition()
        threading.Thread(target=self._watch, name="mockcs-turns", daemon=True).start()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as the app does."""
        answer = self._app(environ, start_response)
        this, now = threading.get_ident(), time.monotonic()
        if this == self._turn or now - self._seen > _LATE:
            self._turn, self._seen = this, now
            if now - self._left > _LEASE:
                # A thread that lets the interpreter go and takes it again at once is always the first to get it.
                time.sleep(_GAP)
                self._left = now
            return answer
        return _Restful(answer, self) if isinstance(answer, list) and answer[0] else answer

    def rest(self) -> None:
        """Hold this thread back until it is needed."""
        with self._back:
            self._resting.set()
            self._back.wait(_REST)

    def _watch(self) -> None:
        pause = threading.Event()
        while self._resting.wait():
            pause.wait(_LATE)
            if time.monotonic() - self._seen > _LATE:
                with self._back:
                    self._resting.clear()
                    self._back.notify_all()


class _Restful:
    """An answer after which the thread rests."""

    __slots__ = ("_answer", "_turns")

    def __init__(self, answer: list[bytes], turns: Turns) -> None:
        self._answer = answer
        self._turns = turns

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._answer)

    def close(self) -> None:
        """Rest: the answer has been sent."""
        self._turns.rest()
