"""How a client reaches a mock: what it may send, over connections that are kept open between its questions."""

from __future__ import annotations

import http.client
import json
import os
import select
import ssl
import time
import weakref
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from mockcs.addresses import SPACE
from mockcs.errors import MockcsError

_KEPT_SECONDS = 5.0
_SECONDS = 10.0  # to wait for an answer, beside what is asked to wait
_FOREVER = 1e9  # seconds
_REFUSED = 400
_BASE = "give scheme, host and port of the mock, without the path of its API: http://127.0.0.1:8080"


def checked_url(url: object) -> str:
    """The URL; MockcsError when no mock can be there."""
    __tracebackhide__ = True
    try:
        parts = urlsplit(str(url))
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is none
        known = False
    if not known:
        raise MockcsError(f"{url!r} is no URL of a mock", hint="write it like http://127.0.0.1:8080")
    if SPACE in str(url):
        raise MockcsError(f"{url!r} is the URL of a space", hint='give its name beside the URL of the mock: space="x"')
    return str(url)


def json_of(body: Any) -> bytes:
    """The body as a client sends it; MockcsError when JSON cannot hold it."""
    __tracebackhide__ = True
    try:
        return json.dumps(body).encode()
    except (TypeError, ValueError) as error:
        sentence = f"mockcs takes what JSON can hold: {error}"
        raise MockcsError(sentence, hint="texts, numbers, true and false, None, lists, and dicts of them") from None


class Answer(NamedTuple):
    """What came over a connection; `is_text` tells that it is a mock's plain text."""

    status: int
    text: bytes
    is_text: bool


def document_of(answer: Answer, base_url: str) -> Any:
    """What the admin API answers, its plain text as a string; MockcsError when it is somebody else who does."""
    __tracebackhide__ = True
    if answer.is_text:
        return answer.text.decode()
    try:
        document = json.loads(answer.text)
    except ValueError as error:
        raise MockcsError(f"{base_url} is no mockcs: {answer.text[:80]!r}") from error
    if answer.status >= _REFUSED and not (isinstance(document, dict) and document.keys() & {"error", "verdict"}):
        raise MockcsError(f"{base_url} is not where a mock has its admin API: {answer.status}", _BASE, answer.status)
    return document


def matches_of(expected: Iterable[object]) -> list[dict[str, Any]]:
    """The matches of an order; MockcsError for what is neither the name of an operation nor a match."""
    __tracebackhide__ = True
    found = []
    for each in expected:
        if not isinstance(each, str | Mapping):
            raise MockcsError(f"an order is of names and matches, one after the other, not {each!r}")
        found.append({"operation": each} if isinstance(each, str) else dict(each))
    return found


def in_path(name: object, *, slash: bool = False) -> str:
    """A name as it stands in a path; MockcsError when it is no text, or has a `slash` where none can be."""
    __tracebackhide__ = True
    if not isinstance(name, str) or not name:
        raise MockcsError(f"a name is a text, not {name!r}")
    if "/" in name and not slash:
        raise MockcsError(f"a name has no slash, unlike {name!r}")
    try:
        return quote(name, safe="")
    except UnicodeEncodeError as error:
        raise MockcsError(f"no URL can hold {name!r}") from error


def milliseconds(seconds: object) -> float:
    """The milliseconds of a time to wait; MockcsError when it is none."""
    __tracebackhide__ = True
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not abs(seconds) < _FOREVER:
        raise MockcsError(f"a time to wait is a number of seconds, not {seconds!r}")
    return seconds * 1000


def trusting(tls_cert: str) -> ssl.SSLContext:
    """What believes a mock with the certificate in that file, and no other; MockcsError when there is none in it."""
    try:
        context = ssl.create_default_context(cafile=tls_cert)
    except OSError as error:
        raise MockcsError(f"{tls_cert} is no certificate: {error}") from error
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # it need not be signed by itself
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # from Python 3.13 on; many a CA of one's own is not so strict
    context.check_hostname = False  # the certificate is checked; 127.0.0.1 need not stand in it
    return context


class _Kept(NamedTuple):
    connection: http.client.HTTPConnection
    base_url: str
    process: int
    since: float


class Transport:
    """Connections of clients to a mock, one for each question that is under way at the same time."""

    def __init__(self, tls_cert: str = "", token: str | None = None) -> None:
        self._tls_cert = tls_cert
        self._token = token
        self._kept: list[_Kept] = []
        # A suite that takes warnings for errors must not meet a connection that nobody has closed.
        weakref.finalize(self, _close, self._kept)

    def asked(self, base_url: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and document of the admin API's answer, `{}` to a HEAD; MockcsError when a mock gives none."""
        __tracebackhide__ = True
        sent = None if body is None else json_of(body)
        headers = {"Content-Type": "application/json"} if sent is not None else {}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        seconds = _SECONDS + (body.get("within_ms", 0) / 1000 if isinstance(body, dict) else 0)
        try:
            answer = self.answer(base_url, method, path, sent, headers, seconds)
        except (OSError, http.client.HTTPException) as error:
            # The cause is in the sentence; its frames, deep in http.client, are nothing to a tester.
            hint = "tls_cert and SSL_CERT_FILE name a certificate to trust" if isinstance(error, ssl.SSLError) else ""
            raise MockcsError(f"no mockcs answers at {base_url}: {error}", hint) from None
        if method == "HEAD":
            return answer.status, {} if answer.status < _REFUSED else {"error": f"{method} {path}: {answer.status}"}
        return answer.status, document_of(answer, base_url)

    def answer(
        self, base_url: str, method: str, path: str, body: bytes | None, headers: dict[str, str], seconds: float
    ) -> Answer:
        """What comes; OSError or http.client.HTTPException when nothing does, MockcsError for what has no end."""
        __tracebackhide__ = True
        connection = self._connection(base_url, seconds)
        try:
            connection.request(method, urlsplit(base_url).path + path, body, headers)
            found = _read(connection.getresponse())
        except BaseException:
            connection.close()
            raise
        if connection.sock is not None:  # else the mock wanted it to end here
            self._kept.append(_Kept(connection, base_url, os.getpid(), time.monotonic()))
        return found

    def _connection(self, base_url: str, seconds: float) -> http.client.HTTPConnection:
        __tracebackhide__ = True
        while True:
            try:
                kept = self._kept.pop()
            except IndexError:
                break
            if _is_fit(kept, base_url):
                kept.connection.sock.settimeout(seconds)
                return kept.connection
            kept.connection.close()
        parts = urlsplit(base_url)
        host = parts.hostname or ""
        if parts.scheme == "http":
            return http.client.HTTPConnection(host, parts.port, timeout=seconds)
        context = trusting(self._tls_cert) if self._tls_cert else None
        return http.client.HTTPSConnection(host, parts.port, timeout=seconds, context=context)


def _read(response: http.client.HTTPResponse) -> Answer:
    kind = response.getheader("Content-Type") or ""
    if kind.startswith("text/event-stream"):
        raise MockcsError("a stream has no end to wait for", hint="read it by other means, such as curl -N")
    is_text = kind.startswith("text/plain") and response.getheader("Mockcs-Version") is not None
    return Answer(response.status, response.read(), is_text)


def _is_fit(kept: _Kept, base_url: str) -> bool:
    # The mock may have moved or ended, a fork may have taken the connection along, and whoever stands between
    # may close it just while a question is sent: not so soon.
    return (
        kept.base_url == base_url
        and kept.process == os.getpid()
        and time.monotonic() - kept.since < _KEPT_SECONDS
        and not _is_readable(kept.connection)
    )


def _is_readable(connection: http.client.HTTPConnection) -> bool:
    # Nobody has asked anything, so there is nothing to read but the end.
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))


def _close(kept: list[_Kept]) -> None:
    for each in kept:
        each.connection.close()
