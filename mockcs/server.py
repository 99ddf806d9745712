"""The mock on a port: in this process for a test, or by granian for everybody else."""

from __future__ import annotations

import errno
import gc
import logging
import multiprocessing
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from mockcs import __version__
from mockcs.app import Mock, create_mock
from mockcs.bodies import Bodies
from mockcs.errors import MockcsError
from mockcs.front import Wsgi
from mockcs.settings import Settings, in_url
from mockcs.spaces import DEFAULT
from mockcs.turns import Turns

if TYPE_CHECKING:
    from mockcs.client import Client

_STOP_SECONDS = 0.5
_LARGEST_PORT = 65535
_READY_PAUSE = 0.002
_READY_TRIES = 5000
_BODIES = 100  # that may be waited for at one time
_THREADS = 28  # of granian for all that waits for nothing
_CONNECTIONS = 2**16  # more than a process may have open by default; beyond it granian would accept none


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
        scheme = "https" if self._settings.tls_cert else "http"
        return f"{scheme}://{in_url(self._address[0])}:{self.port}"

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

        context = LateHandshake(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(self._settings.tls_cert, self._settings.tls_key)
        except OSError as error:
            raise _bad_certificate(self._settings, error) from error
        return context

    def stop(self) -> None:
        """Stop listening; answers that are under way are let go."""
        if self._thread is not None:
            _running.pop(self.base_url, None)
            self._mock.spaces.close()
            self._server.shutdown()
            self._server.server_close()
            self._server.hang_up()
            self._thread.join(_STOP_SECONDS)
            self._thread = None

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
            sentence, hint = f"port {port} on {host} is taken", "stop what listens there, or choose another --port"
        else:
            sentence, hint = f"{host}:{port} cannot be listened on: {error.strerror or error}", "see --host and --port"
        raise MockcsError(sentence, hint=hint) from error
    return probe


class _Loader:
    """Gives granian's worker the app: the one built here when the worker is a fork, else a new one."""

    def __init__(self, settings: Settings, mock: Mock | None, port: int, line: str) -> None:
        self._settings = settings
        self._mock = mock
        self._port = port
        self._line = line

    def __reduce__(self) -> tuple[Callable[..., _Loader], tuple[Any, ...]]:
        return _Loader, (self._settings, None, self._port, self._line)

    def __call__(self, *_: Any, **__: Any) -> Wsgi:
        mock = self._mock or create_mock(self._settings)
        # granian puts the environment into every WSGI environ, where HTTP_PROXY would pass for a header.
        os.environ.clear()
        _log_calls(self._settings)
        threading.Thread(target=_end_with_parent, name="mockcs-parent", daemon=True).start()
        known = (self._settings.host, self._port), self._line, mock
        threading.Thread(target=_begin, args=known, name="mockcs-ready", daemon=True).start()
        return Turns(Bodies(mock.wsgi, _BODIES))


def _begin(address: tuple[str, int], line: str, mock: Mock) -> None:
    """Say that the mock listens, and then make ready what the first requests can do without."""
    _announce(address, line)
    mock.prepare()
    # What is there now stays. The collector need not look at it again whenever an answer has made many objects.
    gc.collect()
    gc.freeze()


def _announce(address: tuple[str, int], line: str) -> None:
    """Say that the mock listens once it does: granian tells nobody, so asking is the only way to know."""
    pause = threading.Event()
    for _ in range(_READY_TRIES):
        try:
            socket.create_connection(address, timeout=1).close()
        except OSError:
            pause.wait(_READY_PAUSE)
        else:
            os.write(sys.stdout.fileno(), line.encode())
            return


def _end_with_parent() -> None:
    # However the parent goes, also by SIGKILL, its worker must not keep the port.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM; MockcsError when the address or a setting is bad."""
    if settings.server == "threaded":
        _serve_threaded(settings)
        return
    with bound(settings.host, settings.port) as probe:
        address, port = probe.getsockname()[:2]
    mock = create_mock(settings)
    server = _granian(settings, address, port)
    try:
        loader = _Loader(settings, mock, port, _line(settings, port))
        server.serve(target_loader=loader, wrap_loader=False)
    except SystemExit:
        # Ctrl-C reaches the worker too; that it went by itself is then no failure.
        if not server.interrupt_signal:
            raise


def _granian(settings: Settings, address: str, port: int) -> Any:
    from granian import Granian  # noqa: PLC0415 - only `serve` pays for it
    from granian.constants import HTTPModes, Interfaces, SSLProtocols  # noqa: PLC0415
    from granian.log import LogLevels  # noqa: PLC0415

    # A float is taken for the timeout, whatever its annotation says, and half a second is enough.
    stop: Any = _STOP_SECONDS
    try:
        return Granian(
            "mockcs",
            address=address,
            port=port,
            interface=Interfaces.WSGI,
            http=HTTPModes.http1,
            # Whatever waits holds a thread and a connection, so there are more of both than may wait.
            blocking_threads=min(settings.max_waiting, _CONNECTIONS) + _BODIES + _THREADS,
            backpressure=_CONNECTIONS,
            log_level=LogLevels.error,
            ssl_cert=Path(settings.tls_cert) if settings.tls_cert else None,
            ssl_key=Path(settings.tls_key) if settings.tls_key else None,
            ssl_protocol_min=SSLProtocols.tls12,
            workers_kill_timeout=stop,
        )
    except OSError as error:  # ssl.SSLError is one
        raise _bad_certificate(settings, error) from error


def _serve_threaded(settings: Settings) -> None:
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    _log_calls(settings)
    server = Server(settings, port=settings.port).start()
    try:
        os.write(sys.stdout.fileno(), _line(settings, server.port).encode())
        stopped.wait()
    finally:
        server.stop()


def _log_calls(settings: Settings) -> None:
    if settings.log_calls:
        logging.basicConfig(format="%(asctime)s %(message)s")
        logging.getLogger("mockcs").setLevel(logging.INFO)


def _line(settings: Settings, port: int) -> str:
    url = f"{'https' if settings.tls_cert else 'http'}://{in_url(settings.host)}:{port}"
    return f"mockcs {__version__} listens on {url} - calls: {url}/__admin/calls - Ctrl-C stops it\n"


def _bad_certificate(settings: Settings, error: OSError) -> MockcsError:
    return MockcsError(f"{settings.tls_cert} and {settings.tls_key} are no certificate and its key: {error}")
