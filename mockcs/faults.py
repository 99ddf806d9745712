"""Faults before and after the commit: which call meets which, and what becomes of its answer."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mockcs.calls import Call, Masks
from mockcs.errors import MockcsError
from mockcs.journal import Record, call_of
from mockcs.json_text import dumps
from mockcs.matching import Match, match_of
from mockcs.messages import BREAKS, JSON, Document, Response

CONNECTIONS = (*BREAKS, "truncate")
"""What can happen to a connection."""
MEMBERS = (
    "operation",
    "match",
    "status",
    "headers",
    "body",
    "delay_ms",
    "connection",
    "after_commit",
    "skip",
    "times",
    "probability",
    "seed",
)
_EFFECTS = ("status", "headers", "body", "delay_ms", "connection")
_OUTCOME = ("status", "violations", "advice")
_LONGEST = 600_000
_NO_BODY = (204, 304)
# What frames an answer is the server's own (RFC 9110, 7.6.1; PEP 3333 forbids the rest).
_FRAMING = frozenset(
    {"connection", "content-length", "keep-alive", "te", "trailer", "trailers", "transfer-encoding", "upgrade"}
)


@dataclass(slots=True)
class Fault:
    """One fault as it was ordered, and how often it still strikes: `left` is None for always."""

    id: int
    document: Document
    match: Match
    skip: int
    left: int | None
    chance: random.Random
    met: int = 0

    def strikes(self, call: Call) -> bool:
        """Whether this call meets it; counts the call if it matches."""
        if self.left == 0 or not self.match.is_met_by(call):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.chance.random() >= self.document.get("probability", 1):
            return False
        if self.left is not None:
            self.left -= 1
        self.met += 1
        return True

    @property
    def after_commit(self) -> bool:
        """Whether the state is changed before the answer is lost or replaced."""
        return bool(self.document.get("after_commit"))

    @property
    def seconds(self) -> float:
        """How long the answer is held back."""
        return float(self.document.get("delay_ms", 0)) / 1000

    @property
    def connection(self) -> str | None:
        """What happens to the connection: one of CONNECTIONS."""
        found: str | None = self.document.get("connection")
        return found

    @property
    def lets_pass(self) -> bool:
        """Whether the request is handled all the same, its answer being late or cut short."""
        return not {"status", "headers", "body"} & self.document.keys() and self.connection not in BREAKS

    def replaced(self, answer: Response | None) -> Response:
        """What goes out in place of the answer; None stands for a request that was not handled."""
        status = self.document.get("status", answer.status if answer else 500)
        kept = answer if answer and "status" not in self.document else Response(status)
        headers, text = self._headers(), kept.body
        own = {name.lower() for name, _ in headers}
        if "body" in self.document and status not in _NO_BODY:  # after the commit the answer's own status counts
            body = self.document["body"]
            text = body.encode() if isinstance(body, str) else dumps(body)
            if not isinstance(body, str) and "content-type" not in own:
                headers = JSON, *headers
            own.add("content-type")
        others = [(name, value) for name, value in kept.headers if name.lower() not in own]
        return Response(status, (*others, *headers), text)

    def shown(self) -> Document:
        """The fault as the admin API shows it, the values of secret headers masked."""
        document = dict(self.document)
        if "headers" in document:
            document["headers"] = self._masked(document["headers"])
        if "headers" in document.get("match", {}):
            document["match"] = {**document["match"], "headers": self._masked(document["match"]["headers"])}
        return {"id": self.id, **document, "met": self.met, "left": self.left}

    def _masked(self, headers: Mapping[str, Any]) -> Document:
        masks = self.match.masks
        return {
            name: value if masks.value(name, str(value)) == str(value) else masks.value(name, str(value))
            for name, value in headers.items()
        }

    def _headers(self) -> tuple[tuple[str, str], ...]:
        return tuple((name, str(value)) for name, value in self.document.get("headers", {}).items())


@dataclass(slots=True)
class Faults:
    """The faults of one space, in order of creation. Not locked: its space's lock guards it."""

    most: int
    _next: int = 1
    _faults: dict[int, Fault] = field(default_factory=dict)

    def add(self, document: Document, operations: frozenset[str], masks: Masks, *, socket: bool) -> Fault:
        """Order a fault; MockcsError when it names no call, no effect, or an impossible one."""
        if len(self._faults) >= self.most:
            raise MockcsError(
                f"there are {self.most} faults already", "DELETE /__admin/faults, or raise --max-faults", 503
            )
        _check(document, socket=socket)
        fault = Fault(
            id=self._next,
            document=document,
            match=_match(document, operations, masks),
            skip=document.get("skip", 0),
            left=document.get("times"),
            chance=random.Random(document.get("seed", 0)),  # noqa: S311 - repeatable on purpose
        )
        self._next += 1
        self._faults[fault.id] = fault
        return fault

    def met_by(self, came: Record) -> Fault | None:
        """The first live fault that the call meets which came, counted as met."""
        if not self._faults:
            return None
        call = call_of(came)
        return next((fault for fault in self._faults.values() if fault.strikes(call)), None)

    def shown(self) -> list[Document]:
        """All faults."""
        return [fault.shown() for fault in self._faults.values()]

    def remove(self, number: int | None = None) -> int:
        """Take back one fault, or all; returns how many. MockcsError when there is none of that number."""
        if number is None:
            removed = len(self._faults)
            self._faults = {}
            return removed
        if self._faults.pop(number, None) is None:
            raise MockcsError(f"there is no fault {number}", "GET /__admin/faults lists them", 404)
        return 1

    def __len__(self) -> int:
        return len(self._faults)


def _match(document: Document, operations: frozenset[str], masks: Masks) -> Match:
    wanted = document.get("match", {})
    if not isinstance(wanted, dict):
        raise MockcsError("match must be an object")
    if "operation" in document:
        if wanted.get("operation", document["operation"]) != document["operation"]:
            raise MockcsError("the fault names one operation and its match another")
        wanted = {**wanted, "operation": document["operation"]}
    if not wanted:
        raise MockcsError("the fault names neither an operation nor a match", 'match={"path": "*"} is every call')
    for name in _OUTCOME:
        if name in wanted:
            raise MockcsError(f"a fault cannot match by {name}", "it strikes before that is known")
    return match_of(wanted, operations, masks)


def _check(document: Document, *, socket: bool) -> None:
    for name in document:
        if name not in MEMBERS:
            raise MockcsError(f"a fault has no member {name!r}", f"it may have {', '.join(MEMBERS)}")
    if not set(_EFFECTS) & document.keys():
        raise MockcsError("the fault has no effect", f"give at least one of {', '.join(_EFFECTS)}")
    _check_number(document, "status", 200, 599)
    _check_number(document, "skip", 0, 2**31)
    _check_number(document, "times", 1, 2**31)
    _check_number(document, "seed", -(2**63), 2**63)
    _check_number(document, "delay_ms", 0, _LONGEST, whole=False)
    _check_number(document, "probability", 0, 1, whole=False)
    _check_headers(document.get("headers", {}))
    if document.get("status") in _NO_BODY and "body" in document:
        raise MockcsError(f"an answer with the status {document['status']} has no body")
    if not isinstance(document.get("after_commit", False), bool):
        raise MockcsError("after_commit must be true or false")
    connection = document.get("connection")
    if "connection" in document and connection not in CONNECTIONS:
        raise MockcsError(f"connection must be one of {', '.join(CONNECTIONS)}")
    if connection in BREAKS and not socket:
        hint = "the server in a test process and `mockcs serve --server threaded` have it; truncate works everywhere"
        raise MockcsError(f"connection {connection} needs the socket, which this server does not give", hint)


def _check_number(document: Document, name: str, least: float, most: float, *, whole: bool = True) -> None:
    value = document.get(name, least)
    wrong = isinstance(value, bool) or not isinstance(value, int if whole else int | float)
    if wrong or not least <= value <= most:
        raise MockcsError(f"{name} must be a {'whole ' if whole else ''}number from {least} to {most}")


def _check_headers(headers: Any) -> None:
    if not isinstance(headers, Mapping):
        raise MockcsError("headers must be an object")
    for name, value in headers.items():
        text = f"{name}{value}"
        plain = isinstance(value, str | int) and not isinstance(value, bool)
        if not plain or not text.isprintable() or not text.isascii() or not name.replace("-", "").isalnum():
            raise MockcsError(f"{name!r} with {value!r} is no header")
        if name.lower().startswith("mockcs-"):
            raise MockcsError(f"the header {name} is of mockcs itself", "leave it out")
        if name.lower() in _FRAMING:
            raise MockcsError(f"the header {name} is the server's own", "connection truncate cuts an answer short")
