"""What a server begins with. Each setting is a flag of `mockcs serve`, a variable and a key of the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from os import PathLike
from types import MappingProxyType
from typing import Any

from mockcs.errors import MockcsError

_LIFETIME = re.compile(r"([0-9]{1,9})([smhdwMy])")
_DAY = 86_400
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": _DAY, "w": 7 * _DAY, "M": 30 * _DAY, "y": 365 * _DAY}
_SIZE = re.compile(r"([0-9]+)\s*(B|KiB|MiB|GiB)?")
_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_EMPTY: dict[str, Any] = {"pairs": dict, "table": dict, "names": tuple}
SERVERS = ("granian", "threaded")
"""What can serve on a port: granian is fast, threaded (werkzeug) has the socket that connection faults need."""


@dataclass(frozen=True, slots=True)
class User:
    """A user who may call, with roles for 8.5 and privileges for 8.1."""

    name: str
    password: str
    roles: tuple[str, ...] = ()
    privileges: tuple[str, ...] = ()


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_whole(value) and value >= 0


_VALUES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "text": (lambda value: isinstance(value, str), "a text"),
    "file": (lambda value: isinstance(value, str | PathLike), "the name of a file"),
    "count": (_is_count, "a whole number from 0"),
    "port": (_is_whole, "a whole number"),
    "bytes": (_is_count, "a number of bytes"),
    "choice": (lambda value: value in SERVERS, f"one of {', '.join(SERVERS)}"),
    "flag": (lambda value: isinstance(value, bool), "true or false"),
    "names": (
        lambda value: isinstance(value, list | tuple | set | frozenset) and all(isinstance(e, str) for e in value),
        "a list of texts",
    ),
    "pairs": (lambda value: isinstance(value, Mapping), "a mapping of readings to choices"),
    "table": (lambda value: isinstance(value, Mapping), "a mapping"),
}
"""What a setting of each kind may be, and that in words."""
_SECRET = ("text", "table")  # kinds of what may be a secret
_NOBODY: Mapping[str, User] = MappingProxyType({})


def checked(name: str, kind: str, value: Any) -> None:
    """Refuse a value that no setting of that kind can have."""
    fits, words = _VALUES[kind]
    if not fits(value):
        shown = type(value).__name__ if kind in _SECRET else repr(value)
        raise MockcsError(f"{name} must be {words}, not {shown}")


def _setting(default: Any, help_text: str, kind: str = "text") -> Any:
    # `kind` says how the value is written: text, file, count, port, bytes, choice, flag, names (repeatable), pairs
    # (repeatable id=choice), or table (in the file only).
    metadata = {"help": help_text, "kind": kind}
    if kind in _EMPTY:
        return field(default_factory=_EMPTY[kind], metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one server; every default is the one `mockcs serve --help` prints."""

    host: str = _setting("127.0.0.1", "Address to listen on.")
    port: int = _setting(8080, "Port to listen on; 0 takes a free one.", "port")
    server: str = _setting("granian", "What serves: granian, or threaded for connection faults.", "choice")
    state: str = _setting("", "File with the state that every space begins with (GET /__admin/state).", "file")
    schemas: str = _setting("", "Folder of a stricter set of tables and JSON Schemas to check requests with.", "file")
    reading: dict[str, str] = _setting({}, "A reading and its choice, as id=choice; repeatable.", "pairs")
    basic_auth: str = _setting("", "Credentials, as user:password, that every call must bring.")
    tenant: tuple[str, ...] = _setting((), "A tenant that ContactCenterId may name; repeatable.", "names")
    expiration: str = _setting("5y", "Lifetime of a service: a number and s, m, h, d, w, M or y.")
    auto_complete_after: int | None = _setting(None, "Seconds of idleness after which a service is ended.", "count")
    admin_token: str = _setting("", "Token that the admin API wants as Authorization: Bearer.")
    allow_host: tuple[str, ...] = _setting((), "A Host, beside the loopback names, for the admin API.", "names")
    tls_cert: str = _setting("", "Certificate file; with --tls-key the mock speaks HTTPS.", "file")
    tls_key: str = _setting("", "Key file of the certificate.", "file")
    log_calls: bool = _setting(False, "Write one line for each call to standard error.", "flag")
    max_calls: int = _setting(10_000, "Calls kept in the journal of a space.", "count")
    max_journal_bytes: int = _setting(64 * 2**20, "Bytes kept in the journal of a space.", "bytes")
    max_body: int = _setting(2**20, "Largest request body; beyond it 413.", "bytes")
    max_spaces: int = _setting(1000, "Spaces beside the default one; beyond it 503.", "count")
    max_faults: int = _setting(1000, "Faults of a space; beyond it 503.", "count")
    max_waiting: int = _setting(100, "Requests that may wait at one time; beyond it 503.", "count")
    business_attributes: dict[str, str] = _setting({}, "Field, such as Service.type, to business attribute.", "table")
    attributes: dict[str, dict[str, Any]] = _setting({}, "Business attribute to its values and DB ids.", "table")
    users: dict[str, dict[str, Any]] = _setting({}, "User to password, roles (8.5), privileges (8.1).", "table")

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        for each in fields(self):
            value, kind = getattr(self, each.name), each.metadata["kind"]
            if value is not None or each.default:
                checked(each.name, kind, value)
        lifetime_of(self.expiration)
        user, colon, password = (self.basic_auth or "").partition(":")
        if self.basic_auth and not (user and colon):
            raise MockcsError("basic-auth must be user:password")
        if bool(self.tls_cert) != bool(self.tls_key):
            raise MockcsError("tls-cert and tls-key go together")
        if self.admin_token and not (self.admin_token.isascii() and self.admin_token.isprintable()):
            raise MockcsError("admin-token is sent in a header, so it must be printable ASCII without a line's end")
        if not all(self.tenant):
            raise MockcsError("a tenant has a name", hint="leave --tenant out to take any ContactCenterId")
        known = self.known_users()
        if user and known[user].password != password:
            raise MockcsError(f"basic-auth and users.{user} have different passwords", hint="leave one of them out")

    @property
    def expiration_ms(self) -> int:
        """The lifetime of a service in milliseconds."""
        return lifetime_of(self.expiration)

    def known_users(self) -> Mapping[str, User]:
        """The users who may call, by name; none when everybody may."""
        if not self.users and not self.basic_auth:
            return _NOBODY
        found = {name: _user(name, values) for name, values in self.users.items()}
        if self.basic_auth:
            name, _, password = self.basic_auth.partition(":")
            found.setdefault(name, User(name, password))
        return found


def _user(name: str, values: Any) -> User:
    known = ("password", "roles", "privileges")
    if not name:
        raise MockcsError("a user has a name")
    if not isinstance(values, dict) or not isinstance(values.get("password"), str) or set(values) - set(known):
        raise MockcsError(f"users.{name} must have a password, and may have roles and privileges")
    lists = [values.get(each, []) for each in known[1:]]
    if not all(isinstance(each, list) and all(isinstance(text, str) for text in each) for each in lists):
        raise MockcsError(f"roles and privileges of users.{name} must be lists of texts")
    return User(name, values["password"], tuple(lists[0]), tuple(lists[1]))


@lru_cache(maxsize=64)
def lifetime_of(text: str) -> int:
    """The milliseconds of a lifetime such as `2w` (Set Conversation Expiration, 8.5 latest); MockcsError otherwise."""
    found = _LIFETIME.fullmatch(text)
    if not found:
        raise MockcsError(f"{text!r} is no lifetime", hint="a number and one of s, m, h, d, w, M, y: 2w, 5y")
    return int(found[1]) * _SECONDS[found[2]] * 1000


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    from ipaddress import ip_address  # noqa: PLC0415 - slow to import, and `localhost` does without

    # pytest-flask calls its server localhost.localdomain; a name such as 127.example.com is anybody's.
    try:
        return host in ("localhost", "localhost.localdomain") or ip_address(host).is_loopback
    except ValueError:
        return False


def url_of(host: str, port: int, tls_cert: str) -> str:
    """The URL by which this machine reaches what listens on an address; with a certificate that speaks HTTPS."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - reached, not bound
    shown = f"[{reached}]" if ":" in reached else reached
    return f"{'https' if tls_cert else 'http'}://{shown}:{port}"


def size_of(text: str | int) -> int:
    """The number of bytes that a text such as `64MiB`, `512 KiB` or `1000` means; MockcsError otherwise."""
    found = _SIZE.fullmatch(str(text).strip())
    if not found:
        raise MockcsError(f"{text!r} is not a size", hint="write bytes or KiB, MiB, GiB: 64MiB")
    return int(found[1]) * _UNITS[found[2] or "B"]


def pair_of(text: str) -> tuple[str, str]:
    """The two sides of `id=choice`; MockcsError when there is no `=`."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise MockcsError(f"{text!r} is not of the form id=choice", hint="for example complete-status=200")
    return name.strip(), value.strip()


def names() -> list[str]:
    """The settings' names, in their order."""
    return [each.name for each in fields(Settings)]
