"""Bodies that are still to come: how many of them a server waits for, so that nobody can hold all its threads."""

from __future__ import annotations

from collections.abc import Iterable
from queue import Empty, SimpleQueue
from typing import Protocol

from mockcs.errors import MockcsError
from mockcs.front import Environ, StartResponse, Wsgi

_PATIENCE = 1.0  # seconds; a body that has come already gives its place back at once


class _Input(Protocol):
    def read(self, *size: int) -> bytes: ...


class Bodies:
    """A WSGI app that reads so many bodies at one time, however many are begun.

    Beyond that a request waits for a place, and is a 503 when it gets none.
    """

    def __init__(self, app: Wsgi, most: int) -> None:
        self._app = app
        self._places: SimpleQueue[None] = SimpleQueue()
        for _ in range(most):
            self._places.put(None)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as the app does."""
        environ["wsgi.input"] = _Bounded(environ["wsgi.input"], self._places)
        return self._app(environ, start_response)


class _Bounded:
    """The body of one request, read when there is a place."""

    __slots__ = ("_places", "_stream")

    def __init__(self, stream: _Input, places: SimpleQueue[None]) -> None:
        self._stream = stream
        self._places = places

    def read(self, *size: int) -> bytes:
        """So many bytes of it, or all; MockcsError when too many others are still to come."""
        try:
            self._places.get(timeout=_PATIENCE)
        except Empty:
            sentence = "too many requests have begun a body and not ended it"
            raise MockcsError(sentence, hint="end their bodies, or close their connections", status=503) from None
        try:
            return self._stream.read(*size)
        finally:
            self._places.put(None)
