"""Bodies that are still to come: how many of them a server waits for, so that nobody can hold all its threads."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Protocol

from mockcs.errors import MockcsError
from mockcs.front import CHUNK, DRAINED, Environ, StartResponse, Wsgi

_PATIENCE = 1.0  # seconds without any body beginning or coming to its end


class _Input(Protocol):
    def read(self, *size: int) -> bytes: ...


class Bodies:
    """A WSGI app that reads so many bodies at one time, however many are begun.

    Beyond that a request waits for a place, a second at the most, and is a 503 when it gets none: at once when no body
    has moved for that long, so that it holds no thread. What the app has answered without reading the body, is read all
    the same: granian would else break the next request of the connection.
    """

    def __init__(self, app: Wsgi, most: int) -> None:
        self._app = app
        self._places = _Places(most)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as the app does."""
        if "HTTP_TRANSFER_ENCODING" in environ or environ.get("CONTENT_LENGTH", "0") not in ("", "0"):
            body = environ["wsgi.input"] = _Bounded(environ["wsgi.input"], self._places)
            answer = self._app(environ, start_response)
            if "HTTP_EXPECT" not in environ:  # else the answer keeps the client from sending it
                body.drain()
            return answer
        return self._app(environ, start_response)


class _Places:
    __slots__ = ("_free", "_moved")

    def __init__(self, most: int) -> None:
        self._free: SimpleQueue[None] = SimpleQueue()
        self._moved = 0.0
        for _ in range(most):
            self.give_back()

    def take(self) -> None:
        """Take a place; queue.Empty when there is none to be had."""
        try:
            self._free.get_nowait()
        except Empty:
            left = self._moved + _PATIENCE - time.monotonic()
            self._free.get(timeout=max(left, 0))
        self._moved = time.monotonic()

    def give_back(self) -> None:
        """Leave the place to another."""
        self._moved = time.monotonic()
        self._free.put(None)


class _Bounded:
    """The body of one request, read when there is a place."""

    __slots__ = ("_begun", "_places", "_stream")

    def __init__(self, stream: _Input, places: _Places) -> None:
        self._stream = stream
        self._places = places
        self._begun = False

    def drain(self) -> None:
        """Read what nobody has begun to read."""
        left = 0 if self._begun else DRAINED
        with suppress(MockcsError, OSError):  # too many others are still to come, or the client has gone
            while left > 0 and (chunk := self.read(CHUNK)):
                left -= len(chunk)

    def read(self, *size: int) -> bytes:
        """So many bytes of it, or all; MockcsError when too many others are still to come."""
        self._begun = True
        try:
            self._places.take()
        except Empty:
            sentence = "too many requests have begun a body and not ended it"
            raise MockcsError(sentence, hint="end their bodies, or close their connections", status=503) from None
        try:
            return self._stream.read(*size)
        finally:
            self._places.give_back()
