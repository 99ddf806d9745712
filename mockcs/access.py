"""Authentication, tenant headers and roles: who may call what, where the configuration says so."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterator, Mapping

from mockcs.calls import text_of_header
from mockcs.documented import Operation
from mockcs.errors import Refusal
from mockcs.ids import KINDS
from mockcs.messages import Request
from mockcs.resources import LISTS
from mockcs.settings import Settings, User
from mockcs.space import Space
from mockcs.terms import Params, Terms

_ADMINISTRATOR, _SUPERVISOR = "administrator", "supervisor"
_READERS = frozenset((_ADMINISTRATOR, _SUPERVISOR))
_ANY_MODE = ("/server/", "/metadata/business-attributes")
_TENANT = "contactcenterid"
_WRITES = {"start": ("Create",), "perform": ("Create", "Update")}  # a transition ends one state and starts another


def check(terms: Terms, request: Request) -> User | None:
    """The user who calls, None where none is configured; the documented refusal when the call is not allowed."""
    if not terms.guarded:
        return None
    settings, operation = terms.settings, terms.operation
    user = _authenticated(settings, request.headers)
    if operation.server == "GMS":
        _check_tenant(settings, request.headers)
    if user is not None and not _may(settings, user, operation):
        raise Refusal("forbidden", name=user.name, role=operation.role)
    return user


def check_parts(user: User, params: Params) -> None:
    """Refuse an 8.1 call that brings or shows what the user has no right to (Role-Based Access Control, 8.1.x).

    Nothing is done in part: a service is not started without its extensions. The page says so of Start Service.
    """
    if params.terms.api != "8.1" or not _has_privileges(params.terms.settings):
        return
    known = set(map(_plain, user.privileges))
    for role in _rights(params):
        if _plain(role) not in known:
            raise Refusal("forbidden", name=user.name, role=role)


def _rights(params: Params) -> Iterator[str]:
    """What a request needs beside the right to its operation: for the extensions it brings, and for all it shows."""
    verb, _, rest = params.terms.operation.name.partition("_")
    own = next((kind for kind in KINDS if kind in rest), KINDS[0])
    if any(isinstance(value, dict | list) for value in params.event().extensions.values()):
        yield from (f"{write} {own.title()} Extension" for write in _WRITES.get(verb, ("Update",)))
    listed = {kind for kind in KINDS for name in LISTS if kind in name and params.query.get(name)}
    yield from (f"Read {kind.title()}" for kind in sorted(listed))
    for asked in params.query.get("extensions", ()):
        prefix, dot, _ = asked.lower().partition(".")
        kinds = {own, *listed} if asked == "*" else {prefix} & {own, *listed} if dot and prefix in KINDS else {own}
        yield from (f"Read {kind.title()} Extension" for kind in sorted(kinds))


def check_mode(space: Space, operation: Operation) -> None:
    """Refuse what the mode of an 8.1 server does not offer, and everything while it switches (Server Mode, 8.1.x)."""
    if operation.server != "UCS":
        return
    store = space.store
    if store.switched > space.clock.now():
        raise Refusal("switching", mode=store.mode)
    if operation.path.startswith(_ANY_MODE):
        return
    schema = operation.path.startswith("/metadata/")
    changes = schema and operation.method != "GET"
    closed = changes and space.readings("8.1")["schemas-in-production"] == "refuse"
    if (closed and store.mode == "production") or (not schema and store.mode == "maintenance"):
        raise Refusal("unavailable", operation=operation.name, mode=store.mode)


def _authenticated(settings: Settings, headers: Mapping[str, str]) -> User | None:
    users = settings.known_users()
    if not users:
        return None
    name, password = _credentials(_header(headers, "authorization"))
    user = users.get(name)
    if user is None or not hmac.compare_digest(user.password.encode(), password.encode()):
        raise Refusal("unauthorized")
    return user


def _credentials(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        text = text_of_header(base64.b64decode(encoded.strip(), validate=True))  # RFC 7617 leaves the encoding open
    except binascii.Error:
        return "", ""
    name, _, password = text.partition(":")
    return name, password


def _check_tenant(settings: Settings, headers: Mapping[str, str]) -> None:
    if not settings.tenant:
        return
    tenant = _header(headers, _TENANT)
    if not tenant:
        raise Refusal("tenant_missing")
    if tenant not in settings.tenant:
        raise Refusal("tenant_unknown", tenant=tenant)


def _may(settings: Settings, user: User, operation: Operation) -> bool:
    if operation.api == "8.5":
        roles = {role.lower() for role in user.roles}
        if not any(other.roles for other in settings.known_users().values()):
            return True
        return bool(roles & (_READERS if operation.role == "READ" else {_ADMINISTRATOR}))
    if not operation.role or not _has_privileges(settings):
        return True
    return {_plain(role) for role in operation.role.split("; ")} <= {_plain(each) for each in user.privileges}


def _has_privileges(settings: Settings) -> bool:
    return any(user.privileges for user in settings.known_users().values())


def _plain(privilege: str) -> str:
    # `Start Service` on one page is `UCS.Service.startService` on another.
    return privilege.rpartition(".")[2].replace(" ", "").lower()


def _header(headers: Mapping[str, str], name: str) -> str:
    return next((value for own, value in headers.items() if own.lower() == name), "")
