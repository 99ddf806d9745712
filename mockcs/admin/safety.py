"""Who may use the admin API: no foreign page, no foreign host name, and nobody without the token if there is one."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from flask import Response, request

from mockcs.addresses import ADMIN
from mockcs.admin import answer, spaces
from mockcs.settings import is_loopback

_HEALTH = f"{ADMIN}/health"


def checked() -> Response | None:
    """The refusal of a request that may not use the admin API; None when it may."""
    settings = spaces().settings
    host = request.headers.get("Host", "")
    origin = request.headers.get("Origin")
    if origin is not None and _netloc(origin) != host:
        return _refused(403, "this page may not use the admin API", "a page of another origin must not change a mock")
    if is_loopback(settings.host) and not _is_own(host, settings.allow_host):
        return _refused(403, f"{host[:200]!r} is no name of this machine", "start with --allow-host to allow it")
    if settings.admin_token and request.path != _HEALTH and not _has(settings.admin_token):
        return _refused(401, "the admin API wants a token", "send Authorization: Bearer with the --admin-token")
    return None


def _is_own(host: str, allowed: tuple[str, ...]) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return is_loopback(name) or name in allowed or host in allowed


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _has(token: str) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


def _refused(status: int, sentence: str, hint: str) -> Response:
    return answer({"error": sentence, "hint": hint}, status)
