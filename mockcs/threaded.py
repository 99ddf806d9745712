"""werkzeug's threaded server, with connections that stay open: one request after the other on each of them."""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Callable, Iterable
from contextlib import suppress
from http import HTTPStatus
from io import BufferedReader
from typing import Any, cast
from urllib.parse import unquote_to_bytes, urlsplit
from weakref import WeakSet

from werkzeug.http import parse_set_header
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from mockcs.calls import text_of_header
from mockcs.front import Environ, Wsgi
from mockcs.incoming import LONGEST, Body, Chunks, Lines

_CHUNK = 64 * 2**10
_MOST_CHUNKS = 2**14
_SILENCE = 0.01
_DIGITS = 18
_ORIGIN = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]*")
_MOST_EMPTY_LINES = 100
_CODING = "HTTP_TRANSFER_ENCODING"


class Threaded(ThreadedWSGIServer):
    """Answers on a socket that listens, each connection in a thread of its own."""

    def __init__(self, listener: socket.socket, wsgi: Wsgi, certificate: ssl.SSLContext | None) -> None:
        _servers.add(self)
        self._open: set[socket.socket] = set()
        self.answering: set[socket.socket] = set()
        host, port = listener.getsockname()[:2]
        super().__init__(host, port, wsgi, Connection, ssl_context=certificate, fd=listener.fileno())

    def process_request(self, request: Any, client_address: Any) -> None:
        """Begin a connection."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End a connection."""
        self._open.discard(request)
        super().shutdown_request(request)

    def leave(self) -> None:
        """Close the sockets in a forked child; the connections go on in its parent."""
        for each in (self.socket, *self._open):
            # Not by the methods of a TLS socket, which would say goodbye, nor only when nobody reads from it any more.
            with suppress(OSError):
                os.close(socket.socket.detach(each))

    def hang_up(self) -> None:
        """End all connections; answers that are under way are let go."""
        for connection in list(self._open):
            how = socket.SHUT_RD if connection in self.answering else socket.SHUT_RDWR
            with suppress(OSError):  # it has gone already
                # Not the method of a TLS socket, which would send what is left of an answer in plain.
                socket.socket.shutdown(connection, how)


_servers: WeakSet[Threaded] = WeakSet()


def _leave() -> None:
    # A child that held the sockets open would keep a fault from ending a connection, and the port of a server that
    # has stopped.
    for server in list(_servers):
        server.leave()


os.register_at_fork(after_in_child=_leave)


class LateHandshake(ssl.SSLContext):
    """Shakes hands in the thread of a connection, so that one who says nothing holds nobody else up."""

    def wrap_socket(self, sock: socket.socket, *args: Any, **more: Any) -> ssl.SSLSocket:
        """The socket, whose connections shake hands at their first reading."""
        return super().wrap_socket(sock, *args, **{**more, "do_handshake_on_connect": False})


class Connection(WSGIRequestHandler):
    """One connection. It leaves the process's logging alone: the journal says what came."""

    server: Threaded
    raw_requestline: bytes
    protocol_version = "HTTP/1.1"
    error_content_type, error_message_format = "text/plain", "%(code)d %(message)s\n"

    def parse_request(self) -> bool:
        """Read the head of a request; false when it is none, or was cut off, and the connection ends."""
        for _ in range(_MOST_EMPTY_LINES):  # some clients send one behind a body (RFC 9112, 2.2)
            if self.raw_requestline not in (b"\r\n", b"\n"):
                break
            self.raw_requestline = self.rfile.readline(LONGEST)
        self._waits = False
        stream = self.rfile
        lines = Lines(stream)
        self.rfile = cast("Any", lines)  # the standard library takes the end of what came for the end of the head
        try:
            read = super().parse_request()
        finally:
            self.rfile = stream
        if not read or not lines.last:
            self.close_connection = True
            return False
        if wrong := "Malformed header line" if lines.wrong else self._wrong():
            self.send_error(HTTPStatus.BAD_REQUEST, wrong)
            self.close_connection = True
            return False
        if "close" in parse_set_header(", ".join(self.headers.get_all("Connection", ()))):
            self.close_connection = True
        return super().handle_expect_100() if self._waits else True

    def handle_expect_100(self) -> bool:
        """Ask for the body later: first the head has to be right."""
        self._waits = True
        return True

    def _wrong(self) -> str:
        """Why nobody knows what is asked for, or where the body ends; empty when all is well."""
        lengths = {each.strip() for each in self.headers.get_all("Content-Length", ())}
        if len(lengths) > 1 or not all(each.isascii() and each.isdecimal() for each in lengths):
            return "Bad Content-Length"
        try:
            urlsplit(self.path)
        except ValueError as error:
            return str(error)
        return ""

    def run_wsgi(self) -> None:
        """Answer a request; werkzeug would say that the connection ends with the answer."""
        target = self.requestline.split()[1]
        origin = _ORIGIN.match(target)
        if origin:  # of a client that takes the mock for its proxy; it names its host in a header as well
            target = self.path = "/" + target[origin.end() :].removeprefix("/")
        environ = self.make_environ()
        self._as_sent(environ, target)
        body = environ["wsgi.input"] = self._body(environ)
        self.server.answering.add(self.connection)
        try:
            self._answer(environ, body)
        finally:
            self.server.answering.discard(self.connection)
        if not body.ended:
            self._drain()

    def _as_sent(self, environ: Environ, target: str) -> None:
        """Undo what werkzeug does to a request: no path of two slashes is one of one, and bytes are no characters."""
        path, _, query = target.partition("#")[0].partition("?")
        environ["PATH_INFO"] = unquote_to_bytes(path.encode("latin-1")).decode("latin-1")
        environ["QUERY_STRING"] = query
        for name, value in self.headers.items():
            if "_" not in name:
                continue  # else werkzeug leaves it out
            key = f"HTTP_{name.upper().replace('-', '_')}"
            if key != _CODING:  # which would say how the body comes
                environ[key] = f"{environ[key]},{value}" if key in environ else value
        if "HTTP_COOKIE" in environ:
            environ["HTTP_COOKIE"] = ";".join(each.strip() for each in self.headers.get_all("Cookie", ()))
        for name, value in environ.items():
            if name.startswith(("HTTP_", "CONTENT_")):
                environ[name] = text_of_header(value.strip().encode("latin-1"))

    def _answer(self, environ: Environ, body: Body) -> None:
        begun: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], _: Any = None) -> Callable[[bytes], object]:
            begun.append((status, headers))
            return self.wfile.write

        answer = self.server.app(environ, start)
        try:
            parts = iter(answer)
            first = next(parts, b"")
            if not body.ended or self.request_version != self.protocol_version:
                self.close_connection = True
            self._send(*begun[-1], first, parts)
        finally:
            if hasattr(answer, "close"):
                answer.close()

    def _body(self, environ: Environ) -> Body:
        if environ.get("wsgi.input_terminated"):
            chunks: Any = Chunks(cast("Any", self.rfile))
            return Body(BufferedReader(chunks), None)
        length = environ.get("CONTENT_LENGTH") or "0"
        if len(length) > _DIGITS or _CODING in environ:
            self.close_connection = True  # nobody knows where the next request begins
            return Body(self.rfile, 0)
        return Body(self.rfile, int(length))

    def _send(self, status: str, headers: list[tuple[str, str]], first: bytes, parts: Iterable[bytes]) -> None:
        length = next((int(value) for name, value in headers if name.lower() == "content-length"), None)
        bare = self.command == "HEAD" or status[:3] in ("204", "304")
        if length is None and not bare:
            self.close_connection = True  # only the end tells the length of a stream
        lines = [f"HTTP/1.1 {status}", f"Server: {self.version_string()}", f"Date: {self.date_time_string()}"]
        lines += [f"{name}: {value}" for name, value in headers]
        lines += ["Connection: close"] if self.close_connection else []
        # In one piece, for a client that gets the head alone may put off saying so, and with that the rest.
        self.wfile.write("\r\n".join([*lines, "\r\n"]).encode("latin-1") + first)
        sent = len(first)
        for part in parts:
            self.wfile.write(part)
            sent += len(part)
        if not bare and sent != length:
            self.close_connection = True  # a fault has cut it short

    def _drain(self) -> None:
        # What was sent and never read would turn the end of the connection into a reset, and lose the answer.
        self.connection.settimeout(_SILENCE)
        with suppress(OSError):
            for _ in range(_MOST_CHUNKS):
                if not self.rfile.read1(_CHUNK):
                    return

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        """Say nothing."""

    def log_request(self, *_: Any) -> None:
        """Say nothing; werkzeug would read the URL, which may be none."""

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:  # noqa: ARG002
        """Read no further request from a connection that a fault has broken, or a client has left."""
        self.close_connection = True
