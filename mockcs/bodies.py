"""Bodies that are still to come: how many of them a server waits for, so that nobody can hold all its threads."""

from __future__ import annotations

import time
from collections.abc import Iterable
from queue import Empty, SimpleQueue
from typing import Protocol

from mockcs.errors import MockcsError
from mockcs.front import Environ, StartResponse, Wsgi

_PATIENCE = 1.0  # seconds without any body beginning or coming to its end


class _Input(Protocol):
    def read(self, *size: int) -> bytes: ...


class Bodies:
    """A WSGI app that reads so many bodies at one time, however many are begun.

    Beyond that a request waits for a place, a second at the most, and is a 503 when it gets none: at once when no body
    has moved for that long, so that it holds no thread.
    """

    def __init__(self, app: Wsgi, most: int) -> None:
        self._app = app
        self._places = _Places(most)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as the app does."""
        if "HTTP_TRANSFER_ENCODING" in environ or environ.get("CONTENT_LENGTH", "0") not in ("", "0"):
            environ["wsgi.input"] = _Bounded(environ["wsgi.input"], self._places)
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

    __slots__ = ("_places", "_stream")

    def __init__(self, stream: _Input, places: _Places) -> None:
        self._stream = stream
        self._places = places

    def read(self, *size: int) -> bytes:
        """So many bytes of it, or all; MockcsError when too many others are still to come."""
        try:
            self._places.take()
        except Empty:
            sentence = "too many requests have begun a body and not ended it"
            raise MockcsError(sentence, hint="end their bodies, or close their connections", status=503) from None
        try:
            return self._stream.read(*size)
        finally:
            self._places.give_back()
