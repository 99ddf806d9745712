"""What travels down the line of a request and back: plain records, and the notes that are taken on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, dataclass_transform

Document = dict[str, Any]
"""A JSON object."""
Change = tuple[str, Any, str]
"""One thing that a call changed: its kind (service, state, task, extension_schema), its id, and how."""
JSON = ("Content-Type", "application/json")
"""The header of an answer whose body is JSON."""
BREAKS = ("reset", "close")
"""What a fault can do to a connection so that no byte of an answer comes."""
_T = TypeVar("_T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[_T]) -> type[_T]:
    """Make a class a record of which several are made for each request.

    The type checker holds it frozen; at run time it is a plain slotted dataclass, which is made three times faster.
    """
    return dataclass(slots=True)(cls)


@record
class Request:
    """What came in: recorded, never trusted.

    `path` is decoded and without the space prefix; `query` is the raw query string; `body_size` counts what was
    sent, also of a body that was too large to keep (then `digest` is its SHA-256 in hex). `whole` is false when the
    client went away in mid-body. `base_url` is what the space's URLs begin with, `prefix` the path in it.
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


@record
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


@record
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


@record
class Event:
    """The body of an event, sorted by where its members belong in the resource.

    `own` stand at the top of the resource (service_type, est_duration, disposition ...), `occasion` inside
    `started` or `completed` (timestamp, interaction_id ...), `orders` are carried out and not shown
    (auto_closed, ttl ...), `extensions` are the attached data. `declared` are those of their names, in lower case,
    that a schema declares (8.1): they take the place of what is recorded under any spelling.
    """

    own: Document
    occasion: Document
    orders: Document
    extensions: Document
    declared: frozenset[str] = frozenset()


@record
class CompositeEvent:
    """One element of a composite start: the three start events and whether the task goes with the state."""

    service: Event
    state: Event
    task: Event | None
    associate_state_task: bool


class Notes:
    """What is noted about a request on its way through.

    `seen` are the members it had, by table; `error` is the key of its refusal; `handled` is false as long as no
    answer of the documented API was looked for.
    """

    __slots__ = ("advice", "changes", "error", "handled", "response", "seen", "violations")

    def __init__(self) -> None:
        self.advice: list[str] = []
        self.seen: list[tuple[str, Document]] = []
        self.violations: tuple[Violation, ...] = ()
        self.changes: tuple[Change, ...] = ()
        self.response: Response | None = None
        self.error = ""
        self.handled = False


@record
class Answer:
    """What an operation answers: the body, the values of its Location, what it changed, and advice.

    `location` counts the row's templates from 0; `ids` fill it. Without `ids` there is no Location.
    """

    body: Any = None
    ids: Mapping[str, Any] = field(default_factory=dict)
    location: int = 0
    changes: tuple[Change, ...] = ()
    advice: tuple[str, ...] = ()
