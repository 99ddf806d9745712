"""What travels down the line of a request and back: plain frozen records, no behaviour."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mockcs.settings import Settings

Document = dict[str, Any]
"""A JSON object."""


@dataclass(frozen=True, slots=True)
class Request:
    """What came in: recorded, never trusted.

    `path` is decoded and without the space prefix; `query` is the raw query string; `body_size` counts what was
    sent, also of a body that was too large to keep (then `digest` is its SHA-256 in hex). `whole` is false when the
    client went away in mid-body.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    body_size: int
    digest: str | None = None
    whole: bool = True
    base_url: str = ""
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """What goes out; `connection` is what a fault does to the connection.

    `size` and `digest` (SHA-256 in hex) are those of a body that the journal did not keep.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    connection: str | None = None
    size: int = 0
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Violation:
    """One reason for a refusal: where, what came, the documented row that forbids it, and the way out.

    `pointer` is a JSON pointer, `""` for the body as a whole, or `query:name`, `path:name`, `header:name`.
    """

    pointer: str
    value: Any
    message: str
    fix: str
    row: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> Document:
        """The violation as the admin API shows it, the row quoted."""
        row = {name: self.row.get(name) for name in ("table", "field", "type", "mandatory", "page")}
        return {"pointer": self.pointer, "value": self.value, **row, "message": self.message, "fix": self.fix}


@dataclass(frozen=True, slots=True)
class Event:
    """The body of an event, sorted by where its members belong in the resource.

    `own` stand at the top of the resource (service_type, est_duration, disposition ...), `occasion` inside
    `started` or `completed` (timestamp, interaction_id ...), `orders` are carried out and not shown
    (auto_closed, ttl ...), `extensions` are the attached data.
    """

    own: Document
    occasion: Document
    orders: Document
    extensions: Document


@dataclass(frozen=True, slots=True)
class CompositeEvent:
    """One element of a composite start: the three start events and whether the task goes with the state."""

    service: Event
    state: Event
    task: Event | None
    associate_state_task: bool


@dataclass(frozen=True, slots=True)
class Params:
    """What an operation's function gets: checked and converted.

    `path` and `query` hold typed values; `body` is the event, the events of a composite start, or the document
    of a schema; `readings` are those of this generation; `business` the business attributes; `server()` tells
    the server's times and counters; `selection` says whether a list wants active ones (True), completed ones
    (False), or both.
    """

    path: Mapping[str, Any]
    query: Mapping[str, Any]
    body: Any
    readings: Mapping[str, str]
    api: str
    settings: Settings
    business: Any
    server: Callable[[], Document]
    selection: tuple[bool, ...] = (True, False)

    def event(self) -> Event:
        """The body as an event."""
        return self.body if isinstance(self.body, Event) else Event({}, {}, {}, {})


@dataclass(slots=True)
class Notes:
    """What is noted about a request on its way: advice, and which members of which tables it had."""

    advice: list[str] = field(default_factory=list)
    seen: list[tuple[str, Document]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a call changed: kind (service, state, task, extension_schema), id, and how."""

    kind: str
    id: Any
    change: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation answers: the body, the values of its Location, what it changed, and advice.

    `location` counts the row's templates from 0; `ids` fill it. Without `ids` there is no Location.
    """

    body: Any = None
    ids: Mapping[str, Any] = field(default_factory=dict)
    location: int = 0
    changes: tuple[Change, ...] = ()
    advice: tuple[str, ...] = ()
