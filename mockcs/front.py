"""The documented API as a WSGI callable in front of Flask's dispatch: bytes in, bytes out."""

from __future__ import annotations

import hashlib
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Any, NoReturn

from mockcs import __version__
from mockcs.addresses import ADMIN, SPACE
from mockcs.context_services import answer
from mockcs.errors import MockcsError
from mockcs.json_text import dumps
from mockcs.messages import BREAKS, JSON, Request, Response
from mockcs.remembered import Remembered
from mockcs.routes import Routes
from mockcs.space import Space
from mockcs.spaces import DEFAULT, Spaces

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]

SPACE_KEY = "mockcs.space"
"""The key of a WSGI environment under which the admin API finds the name of its space."""
_ADMIN = ADMIN + "/"
_HEADER = "HTTP_MOCKCS_SPACE"
_VERSION = ("Mockcs-Version", __version__)
CHUNK = 64 * 2**10
"""How many bytes of a body are read at once."""
DRAINED = 64 * 2**20
"""How many bytes are read of a body that nobody wants, before the connection is given up."""
_DIGITS = 15
_FLUSHED = 0.05
_NO_CONTENT = 204
_STATUS = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


class Front:
    """Finds the space, answers the documented API itself, and hands `/__admin` on to the admin app."""

    def __init__(self, spaces: Spaces, routes: Routes, admin: Wsgi) -> None:
        self._spaces = spaces
        self._routes = routes
        self._admin = admin

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        path: str = environ["PATH_INFO"]
        name, prefix = DEFAULT, ""
        if path.startswith(SPACE):
            name, _, rest = path[len(SPACE) :].partition("/")
            path, prefix = "/" + rest, SPACE + name
            name = _characters(name)
        elif _HEADER in environ:
            name = environ.pop(_HEADER)
        if path.startswith(_ADMIN) or path == ADMIN:
            return self._administered(name, environ, path, prefix, start_response)
        try:
            space = self._spaces.space(name)
            request = _request_of(environ, path, prefix, space)
        except MockcsError as error:
            body = dumps({"error": str(error), "hint": error.hint})
            return _sent(Response(error.status, (JSON,), body), environ, start_response)
        call, response = answer(self._routes, space, request)
        return _sent(response, environ, start_response, ("Mockcs-Call", str(call)))

    def _administered(
        self, name: str, environ: Environ, path: str, prefix: str, start_response: StartResponse
    ) -> Iterable[bytes]:
        environ[SPACE_KEY] = name
        environ["PATH_INFO"] = path
        environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + prefix
        return self._admin(environ, start_response)


def _sent(
    response: Response, environ: Environ, start_response: StartResponse, *more: tuple[str, str]
) -> Iterable[bytes]:
    status, body = response.status, response.body
    headers = [*response.headers, _VERSION, *more]
    if status != _NO_CONTENT:
        headers.append(("Content-Length", str(len(body))))
    if response.connection in BREAKS:
        _break(environ["werkzeug.socket"], response.connection)
    start_response(_STATUS.get(status) or f"{status} Unknown", headers)
    if environ["REQUEST_METHOD"] == "HEAD":
        return [b""]
    return _half(body) if response.connection == "truncate" else [body]


def _half(body: bytes) -> Iterator[bytes]:
    # A generator, for granian would wait for the rest of a list; and a pause, for it drops what it has not
    # written yet when a body ends too early.
    yield body[: len(body) // 2]
    threading.Event().wait(_FLUSHED)


def _break(connection: socket.socket, how: str) -> NoReturn:
    """End the connection without a byte of an answer, by a reset (RST) or by a close (FIN)."""
    if how == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())
    raise ConnectionAbortedError(f"a fault: {how}")


def _headers_among(keys: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Those keys of a WSGI environment that are headers, with their names."""
    return tuple((key, name) for key in keys if (name := _name_of(key)))


def _name_of(key: str) -> str:
    own = key.removeprefix("HTTP_")
    return "" if own == key else own.replace("_", "-").title()


_headers = Remembered(_headers_among)


def _characters(text: str) -> str:
    """The text of a WSGI environment, which has bytes as characters."""
    return text if text.isascii() else text.encode("latin-1").decode("utf-8", "replace")


def _request_of(environ: Environ, path: str, prefix: str, space: Space) -> Request:
    headers = {name: environ[key] for key, name in _headers[tuple(environ)]}
    if content_type := environ.get("CONTENT_TYPE"):
        headers["Content-Type"] = content_type
    if content_length := environ.get("CONTENT_LENGTH"):
        headers["Content-Length"] = content_length
    path = _characters(path)
    body, size, digest, whole = _body_of(environ, space.settings.max_body)
    host = headers.get("Host") or f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
    base_url = f"{environ['wsgi.url_scheme']}://{host}{prefix}"
    query = environ.get("QUERY_STRING", "")
    if not query.isascii():
        query = "".join(sign if sign.isascii() else f"%{ord(sign):02X}" for sign in query)
    return Request(environ["REQUEST_METHOD"], path, query, headers, body, size, digest, whole, base_url, prefix)


def _body_of(environ: Environ, max_body: int) -> tuple[bytes, int, str | None, bool]:
    """The body, its size, the digest of one that is too large to keep, and whether it came whole."""
    # Chunks go before a length, and without either there is no body (RFC 9112, 6.3).
    chunked = "HTTP_TRANSFER_ENCODING" in environ
    text = "" if chunked else environ.get("CONTENT_LENGTH") or ""
    if len(text) > _DIGITS:
        return b"", 0, None, False  # nobody sends that much
    length = int(text) if text.isdecimal() else None
    if not length and not (chunked and environ.get("wsgi.input_terminated")):
        return b"", 0, None, True
    read = environ["wsgi.input"].read
    kept: list[bytes] = []
    size, digest = 0, None
    try:
        most = max(DRAINED, max_body + 1)
        while size < most and (length is None or size < length):
            chunk = read(CHUNK if length is None else min(CHUNK, length - size))
            size += len(chunk)
            if size == length == len(chunk) <= max_body:
                return chunk, size, None, True  # it came in one piece, as most do
            if not chunk:
                break
            if digest is None:
                kept.append(chunk)
            else:
                digest.update(chunk)
            if size > max_body and digest is None:
                digest = hashlib.sha256(b"".join(kept))
                kept.clear()
    except OSError:
        return b"", size, None, False  # the client went away
    whole = length is None or size == length or size >= most
    return b"".join(kept), size, digest.hexdigest() if digest else None, whole
