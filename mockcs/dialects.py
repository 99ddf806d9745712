"""What UCS and GMS say differently: where a generation lives, and the body of an error."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from mockcs.addresses import PREFIXES
from mockcs.calls import url_path
from mockcs.documented import SERVERS, Manual
from mockcs.errors import Refusal
from mockcs.json_text import dumps
from mockcs.messages import JSON, Document, Request, Response, Violation

_HEADER_BYTES = 200


def api_of(path: str) -> str:
    """The generation whose prefix a path has; what is under no other prefix is 8.1."""
    prefix = PREFIXES["8.5"]
    return "8.5" if path == prefix or path.startswith(prefix + "/") else "8.1"


def refused(
    refusal: Refusal, api: str, request: Request, manual: Manual, readings: Mapping[str, str], allow: str = ""
) -> Response:
    """The documented answer to a refused request, in the shape of the server that was called."""
    server = SERVERS[api]
    row = manual.errors[refusal.key, server]
    values = {"method": request.method, "path": request.path, "reason": "", "field": "", **refusal.values}
    status = int(readings.get(row.status, row.status))
    message = row.message.format_map(values)
    body: Document
    if server == "GMS":
        body = {"message": message, "exception": row.exception}
    else:
        body = {
            "http_method": request.method,
            "title": row.title,
            "description": message,
            "code": int(row.code),
            "uri": request.base_url + url_path(request.path),
        }
    headers = [JSON]
    if status == HTTPStatus.UNAUTHORIZED and readings["challenge"] == "basic":
        headers.append(("WWW-Authenticate", 'Basic realm="Context Services"'))
    if allow:
        headers.append(("Allow", allow))
    if refusal.violations:
        headers.append(("Mockcs-Violations", _header(refusal.violations)))
    return Response(status, tuple(headers), dumps(body))


def _header(violations: tuple[Violation, ...]) -> str:
    # Member names come from the client: nothing but printable ASCII may reach a header.
    first = violations[0]
    text = (
        f"{len(violations)}; {first.pointer}: {first.message}"
        if first.pointer
        else f"{len(violations)}; {first.message}"
    )
    escaped = text.encode("unicode_escape").decode("ascii")
    return escaped if len(escaped) <= _HEADER_BYTES else escaped[: _HEADER_BYTES - 3] + "..."
