"""What a test sees of the mock: calls, services and violations as values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Self, overload


class Shown(dict[str, Any]):
    """A JSON object whose members are attributes too: `violation.field`, `violation["field"]`."""

    if not TYPE_CHECKING:  # a type checker knows the members by the annotations of a subclass

        def __getattr__(self, name: str) -> Any:
            """The member of that name."""
            __tracebackhide__ = True
            try:
                return self[name]
            except KeyError:
                raise AttributeError(f"there is no member {name!r} here, only {', '.join(self)}") from None


class Violation(Shown):
    """One reason for a refusal: where, what came, the documented row that forbids it, and the way out."""

    pointer: str
    value: Any
    table: str | None
    field: str | None
    type: str | None
    mandatory: str | None
    page: str | None
    message: str
    fix: str


class Change(Shown):
    """What a call did to one thing: its kind (service, state, task, extension_schema), its id, and the change."""

    kind: str
    id: int | str
    change: str


class Advanced(Shown):
    """What came of putting the time forward: the time, and the services that expired or were completed by it."""

    now: str
    expired: list[int | str]
    completed: list[int | str]


class Service(Shown):
    """A service with everything in it, as a query would show it (Service, 8.5.2); attached data are members too."""

    service_id: int
    customer_id: str
    contact_key: str
    started: dict[str, Any]
    completed: dict[str, Any]
    active_states: list[dict[str, Any]]
    completed_states: list[dict[str, Any]]
    active_tasks: list[dict[str, Any]]
    completed_tasks: list[dict[str, Any]]

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __repr__(self) -> str:
        """Number and state; the members are in `dict(service)`."""
        return f"<Service {self.get('service_id')} {'active' if self.active else 'completed'}>"

    @property
    def active(self) -> bool:
        """Whether it has not been completed."""
        return "completed" not in self


class HeaderValue(str):  # noqa: SLOT000 - a value for a test to look at, a few at a time
    """A header's value; a secret one is masked, and can be compared all the same."""

    _compare: Callable[[str], bool] | None

    def __new__(cls, value: str, compare: Callable[[str], bool] | None = None) -> Self:
        """The text, and how a masked one is compared."""
        made = super().__new__(cls, value)
        made._compare = compare
        return made

    def same_as(self, value: str) -> bool:
        """Whether this was sent: `call.request.headers["Authorization"].same_as("Basic ...")`."""
        return self == value or (self._compare is not None and self._compare(value))


class Headers(Mapping[str, HeaderValue]):
    """Headers by name, without regard to case."""

    def __init__(self, values: Mapping[str, str], compare: Callable[[str, str], bool] | None = None) -> None:
        self._values = dict(values)
        self._names = {name.lower(): name for name in values}
        self._compare = compare

    def __getitem__(self, name: str) -> HeaderValue:
        """The header's value; KeyError when it was not sent."""
        own = self._names[name.lower()]
        compare = self._compare
        return HeaderValue(self._values[own], None if compare is None else partial(compare, own))

    def __contains__(self, name: object) -> bool:
        """Whether the header was sent."""
        return isinstance(name, str) and name.lower() in self._names

    def __iter__(self) -> Iterator[str]:
        """The names as they were sent."""
        return iter(self._values)

    def __len__(self) -> int:
        """How many headers."""
        return len(self._values)

    def __repr__(self) -> str:
        """The headers."""
        return repr(self._values)


class Message:
    """A request or a response: `headers`, and the body as `json`; of a request also where it went."""

    def __init__(self, document: dict[str, Any], compare: Callable[[str, str], bool] | None = None) -> None:
        self._document = document
        self.headers = Headers(document["headers"], compare)

    @property
    def json(self) -> Any:
        """The body; None for an empty one, `{"text": ...}` or `{"base64": ...}` where it is no JSON."""
        return self._document["body"]

    body = json

    def __repr__(self) -> str:
        """The document."""
        return f"{type(self).__name__}({self._document!r})"


class Request(Message):
    """What the application sent."""

    @property
    def method(self) -> str:
        """The HTTP method."""
        return str(self._document["method"])

    @property
    def path(self) -> str:
        """The path, without the prefix of a space."""
        return str(self._document["path"])

    @property
    def query(self) -> dict[str, list[str]]:
        """The query parameters: name -> values."""
        found: dict[str, list[str]] = self._document["query"]
        return found

    @property
    def body_size(self) -> int:
        """The size of the body in bytes."""
        return int(self._document["body_size"])


class Response(Message):
    """What the mock answered."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self._document["status"])


class Call:
    """One recorded call."""

    def __init__(self, document: dict[str, Any], compare: Callable[[int, str, str], bool] | None = None) -> None:
        self.document = document
        self.id: int = document["id"]
        self.state: str = document["state"]
        self.operation: str | None = document["operation"]
        self.operation_id: str | None = document["operation_id"]
        self.api: str = document["api"]
        self.path_params: dict[str, str] = document["path_params"]
        self.received_at: str = document["received_at"]
        self.duration_ms: float = document["duration_ms"]
        self.request = Request(document["request"], None if compare is None else partial(compare, self.id))
        self.violations = tuple(Violation(each) for each in document["violations"])
        self.advice: tuple[str, ...] = tuple(document["advice"])
        self.changes = tuple(Change(each) for each in document["changes"])
        self.fault: Any = document["fault"]

    @property
    def response(self) -> Response:
        """The answer; AssertionError while there is none."""
        __tracebackhide__ = True
        if self.document["response"] is None:
            raise AssertionError(f"call {self.id} has no answer: it is {self.state}")
        return Response(self.document["response"])

    @property
    def status(self) -> int | None:
        """The status of the answer, None while there is none."""
        return None if self.document["response"] is None else self.response.status

    def __repr__(self) -> str:
        """Number, operation and status."""
        return f"<Call {self.id} {self.operation or self.request.path} {self.status or self.state}>"

    def __eq__(self, other: object) -> bool:
        """Whether it is the same record."""
        return isinstance(other, Call) and self.document == other.document

    def __hash__(self) -> int:
        """By number."""
        return hash(self.id)


class Calls(Sequence[Call]):
    """The calls so far, oldest first; read from the mock on first use."""

    def __init__(self, read: Callable[[str | None], list[Call]], operation: str | None = None) -> None:
        self._read = read
        self._operation = operation
        self._found: list[Call] | None = None

    def of(self, operation: str) -> Calls:
        """The calls of one operation."""
        return Calls(self._read, operation)

    @property
    def last(self) -> Call:
        """The newest call; AssertionError when there is none."""
        __tracebackhide__ = True
        if not self._calls():
            raise AssertionError(f"no call{f' of {self._operation}' if self._operation else ''} was made")
        return self._calls()[-1]

    def __eq__(self, other: object) -> bool:
        """Whether these are the same calls: `mockcs.calls == []`."""
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # there is more to come

    @overload
    def __getitem__(self, index: int) -> Call: ...
    @overload
    def __getitem__(self, index: slice) -> list[Call]: ...
    def __getitem__(self, index: int | slice) -> Call | list[Call]:
        """The call at a place, or the calls of a slice."""
        return self._calls()[index]

    def __len__(self) -> int:
        """How many calls."""
        return len(self._calls())

    def __iter__(self) -> Iterator[Call]:
        """One call after the other."""
        return iter(self._calls())

    def __repr__(self) -> str:
        """The calls."""
        return repr(self._calls())

    def _calls(self) -> list[Call]:
        __tracebackhide__ = True
        if self._found is None:
            self._found = self._read(self._operation)
        return self._found
