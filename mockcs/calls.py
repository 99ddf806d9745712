"""A call: what came, what was answered, and how it is shown, with its secrets masked."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from mockcs.clock import text_of
from mockcs.json_text import NotJson, loads
from mockcs.messages import Change, Document, Request, Response, record

SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
_TITLES = frozenset(name.title() for name in SECRET_HEADERS)


@record
class Call:
    """One call as the journal keeps it.

    `received_at` is in milliseconds since 1970, `duration` in microseconds; `response` is None while the call
    is in flight and when the client went away.
    """

    id: int
    space: str
    state: str
    received_at: int
    duration: int
    operation: str | None
    operation_id: str | None
    api: str
    path_params: Mapping[str, str]
    request: Request
    response: Response | None = None
    violations: tuple[Document, ...] = ()
    advice: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    fault: int | None = None

    def document(self) -> Document:
        """The call as the admin API shows it."""
        request = self.request
        return {
            "id": self.id,
            "space": self.space,
            "state": self.state,
            "received_at": text_of(self.received_at),
            "duration_ms": self.duration / 1000,
            "operation": self.operation,
            "operation_id": self.operation_id,
            "api": self.api,
            "path_params": self.path_params,
            "request": {
                "method": request.method,
                "path": request.path,
                "query": query_of(request.query),
                "headers": request.headers,
                "body": body_of(request.body, request.body_size, request.digest),
                "body_size": request.body_size,
            },
            "response": None if self.response is None else _response_document(self.response),
            "violations": list(self.violations),
            "advice": list(self.advice),
            "changes": [{"kind": kind, "id": number, "change": change} for kind, number, change in self.changes],
            "fault": self.fault,
        }


def line_of(call: Call) -> str:
    """The call as one line of a log."""
    outcome = call.state if call.response is None else call.response.status
    place = f"{call.space} {call.request.method} {call.request.path}".encode("unicode_escape").decode()
    return f"{place} {outcome} {call.operation or '-'} call {call.id} {call.duration / 1000:.1f} ms"


def query_of(text: str) -> dict[str, list[str]]:
    """A query string as name -> values, in the order of their coming."""
    from urllib.parse import parse_qsl  # noqa: PLC0415 - most calls have no query

    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True, errors="replace"):
        found.setdefault(name, []).append(value)
    return found


def text_of_header(data: bytes) -> str:
    """What stands in a header, as most clients mean it: UTF-8, and Latin-1 where it is none."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def url_path(path: str) -> str:
    """A path as it stands in a URL, escaped."""
    from urllib.parse import quote  # noqa: PLC0415 - few calls need it

    return quote(path, safe="/~!$&'()*+,;=:@")


def body_of(body: bytes, size: int, digest: str | None) -> Any:
    """A body for people: its JSON, else its text or base64; a cut one says its size and SHA-256; None for none."""
    if digest is not None:
        return {"cut": True, "size": size, "sha256": digest}
    if not body:
        return None
    try:
        return loads(body)
    except NotJson:
        try:
            return {"text": body.decode()}
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(body).decode()}


def _response_document(response: Response) -> Document:
    return {
        "status": response.status,
        "headers": dict(response.headers),
        "body": body_of(response.body, response.size, response.digest),
    }


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    return name.lower() in SECRET_HEADERS


class Masks:
    """Hides the values of secret headers behind a keyed digest, so that two of them can still be compared."""

    __slots__ = ("_key",)

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def headers(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """The headers of a request, named in title case, with the secret ones masked."""
        if _TITLES.isdisjoint(headers):
            return headers
        return {name: self.value(name, value) for name, value in headers.items()}

    def response(self, response: Response) -> Response:
        """The response with its secret headers masked."""
        for name, _ in response.headers:
            if _is_secret(name):
                masked = tuple((name, self.value(name, value)) for name, value in response.headers)
                return replace(response, headers=masked)
        return response

    def value(self, name: str, value: str) -> str:
        """The header's value as it is recorded."""
        if not _is_secret(name):
            return value
        return "masked:" + hmac.new(self._key, value.encode(), hashlib.sha256).hexdigest()[:32]
