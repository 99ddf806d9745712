"""`mockcs serve`: the mock in a process of its own, by granian or threaded, until it is told to end."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from mockcs import __version__
from mockcs.addresses import ADMIN
from mockcs.app import Mock, create_mock
from mockcs.bell import Bell
from mockcs.bodies import Bodies
from mockcs.front import Wsgi
from mockcs.server import STOP_SECONDS, Server, bound, loaded, taken
from mockcs.settings import Settings, url_of
from mockcs.turns import Turns

_READY_PAUSE = 0.002
_BODIES = 100  # that may be waited for at one time
_THREADS = 28  # of granian for all that waits for nothing
_CONNECTIONS = 2**16  # more than a process may have open by default; beyond it granian would accept none


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
        signal.set_wakeup_fd(-1)  # the bell is the parent's
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
    while True:
        try:
            socket.create_connection(address, timeout=1).close()
        except OSError:
            pause.wait(_READY_PAUSE)
        else:
            break
    _say(line)


def _say(line: str) -> None:
    # At once, and also where nobody can hear it: standard output may be closed, or full.
    if sys.stdout is not None:
        with suppress(OSError):
            os.write(sys.stdout.fileno(), line.encode())


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
        claim = _claimed(address, port)
    mock = create_mock(settings)
    server = _granian(settings, address, port)
    try:
        loader = _Loader(settings, mock, port, _line(settings, port))
        server.serve(target_loader=loader, wrap_loader=False)
    except SystemExit:
        # Ctrl-C reaches the worker too; that it went by itself is then no failure.
        if not server.interrupt_signal:
            raise
    finally:
        _end_in_peace()
        claim.close()


def _granian(settings: Settings, address: str, port: int) -> Any:
    from granian import Granian  # noqa: PLC0415 - only `serve` pays for it
    from granian.constants import HTTPModes, Interfaces, SSLProtocols  # noqa: PLC0415
    from granian.log import LogLevels  # noqa: PLC0415

    if settings.tls_cert:
        loaded(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), settings)
    # A float is taken for the timeout, whatever its annotation says, and half a second is enough.
    stop: Any = STOP_SECONDS
    server: Any = Granian(
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
    # A terminal that is closed ends it, but under nohup: a worker begun anew would know nothing of what was stored.
    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    server.signal_handler_reload = _pass_over if ignored else server.signal_handler_interrupt
    server.main_loop_interrupt = Bell()
    return server


def _serve_threaded(settings: Settings) -> None:
    stopped = Bell()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    _log_calls(settings)
    server = Server(settings, port=settings.port).start()
    try:
        _say(_line(settings, server.port))
        stopped.wait()
    finally:
        _end_in_peace()
        server.stop()


def _pass_over(*_: Any) -> None:
    """Let a signal come to nothing."""


def _end_in_peace() -> None:
    """Pass over further signals: it is ending, and with 0, however often Ctrl-C is pressed."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _log_calls(settings: Settings) -> None:
    if settings.log_calls:
        from mockcs.logs import begin  # noqa: PLC0415 - few ask for it

        begin()


def _line(settings: Settings, port: int) -> str:
    url = url_of(settings.host, port, settings.tls_cert)
    return f"mockcs {__version__} listens on {url} - calls: {url}{ADMIN}/calls - Ctrl-C stops it\n"


def _claimed(address: str, port: int) -> socket.socket:
    """What only one server of an address can have: granian lets others listen where it does, and they share the calls.

    Without it two that start at one moment would both find the port free.
    """
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    if sys.platform == "linux":  # others have no such names
        try:
            claim.bind(f"\0mockcs {address} {port}")
        except OSError as error:
            claim.close()
            raise taken(address, port) from error
    return claim
