"""The mock on a port of this process, for a test and for `mockcs serve --server threaded`."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import threading
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from mockcs.app import create_mock
from mockcs.errors import MockcsError
from mockcs.settings import Settings, url_of
from mockcs.spaces import DEFAULT

if TYPE_CHECKING:
    from mockcs.client import Client

STOP_SECONDS = 0.5
"""What answers that are under way get when a server stops."""
_LARGEST_PORT = 65535


class Server:
    """The mock on a port of this process: `with Server() as cs: ...` gives a Client.

    The address is that of the settings unless `host` is given; the port is `port`.

    Listening begins in the thread that calls `start()`, so a taken port is a MockcsError there; when `start()`
    returns, requests are answered. Port 0, the default, takes a free one.
    """

    def __init__(self, settings: Settings | None = None, *, host: str | None = None, port: int = 0) -> None:
        given = settings or Settings()
        self._settings = replace(given, host=host or given.host, port=port)
        self._mock = create_mock(self._settings)
        self._address = (self._settings.host, port)
        self._server: Any = None
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        """Scheme, host and port: `http://127.0.0.1:40001`."""
        return url_of(self._address[0], self.port, self._settings.tls_cert)

    @property
    def port(self) -> int:
        """The port, known once it is started."""
        return self._address[1]

    def start(self) -> Self:
        """Listen and answer, in a thread of its own."""
        from mockcs.threaded import Threaded  # noqa: PLC0415 - `mockcs serve` needs none of it

        with bound(*self._address) as listener:
            listener.listen(128)
            self._address = (self._address[0], listener.getsockname()[1])
            self._server = Threaded(listener, self._mock.wsgi, self._certificate())
        self._mock.spaces.open()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="mockcs", daemon=True)
        self._thread.start()
        _running[self.base_url] = self
        return self

    def _certificate(self) -> ssl.SSLContext | None:
        if not self._settings.tls_cert:
            return None
        from mockcs.threaded import LateHandshake  # noqa: PLC0415 - see start()

        return loaded(LateHandshake(ssl.PROTOCOL_TLS_SERVER), self._settings)

    def stop(self) -> None:
        """Stop listening; answers that are under way are let go."""
        thread, self._thread = self._thread, None
        if thread is None or not thread.is_alive():
            return  # it was not started, or this is a forked child, in which nothing runs that could be waited for
        _running.pop(self.base_url, None)
        self._mock.spaces.close()
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()
        thread.join(STOP_SECONDS)

    def reset(self) -> None:
        """Begin the default space anew, as `POST /__admin/reset` does; broken rules are forgotten too."""
        self._mock.spaces.reset(self._mock.spaces.space(DEFAULT))

    @property
    def client(self) -> Client:
        """A client of the default space."""
        from mockcs.client import Client  # noqa: PLC0415 - `mockcs serve` needs none

        settings = self._settings
        return Client(self.base_url, token=settings.admin_token or None, tls_cert=str(settings.tls_cert or ""))

    def __enter__(self) -> Client:
        """Start, and give a client."""
        return self.start().client

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


_running: dict[str, Server] = {}
"""The servers of this process, by their base URL."""
os.register_at_fork(after_in_child=_running.clear)  # their threads are not forked: the parent still answers


def behind(client: Client) -> Server | None:
    """The server of this process that a client reaches; None when the mock runs elsewhere."""
    return _running.get(client.base_url)


def bound(host: str, port: int) -> socket.socket:
    """A socket bound to that address; MockcsError in one sentence when it cannot be had."""
    if not 0 <= port <= _LARGEST_PORT:
        raise MockcsError(f"{host}:{port} cannot be listened on: a port is 0 to {_LARGEST_PORT}", hint="see --port")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise MockcsError(f"{host} is no address: {error}", hint="see --host") from error
    probe = socket.socket(family, socket.SOCK_STREAM)
    try:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
    except OSError as error:
        probe.close()
        if error.errno == errno.EADDRINUSE:
            raise taken(host, port) from error
        sentence = f"{host}:{port} cannot be listened on: {error.strerror or error}"
        raise MockcsError(sentence, hint="see --host and --port") from error
    return probe


def taken(host: str, port: int) -> MockcsError:
    """What is said of a port on which somebody listens."""
    return MockcsError(f"port {port} on {host} is taken", hint="stop what listens there, or choose another --port")


def loaded(context: ssl.SSLContext, settings: Settings) -> ssl.SSLContext:
    """The context with the certificate of the settings; MockcsError when it is none, or its key is encrypted."""
    try:
        # Without a password OpenSSL would ask the terminal for one, and wait.
        context.load_cert_chain(settings.tls_cert, settings.tls_key, password="")
    except OSError as error:  # ssl.SSLError is one
        sentence = f"{settings.tls_cert} and {settings.tls_key} are no certificate and its key: {error}"
        raise MockcsError(sentence, hint="the key must not be encrypted") from error
    return context
