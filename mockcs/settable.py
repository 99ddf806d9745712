"""What a test sets in the mock as if it were its own: next ids, readings, the clock."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from mockcs.errors import MockcsError
from mockcs.transport import in_path
from mockcs.values import Advanced


class Asks(Protocol):
    """Whoever can ask the admin API: a Client."""

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer to a request below /__admin."""
        ...


class ClockHand:
    """The space's time, to be read, set, frozen and advanced."""

    def __init__(self, client: Asks) -> None:
        self._client = client

    @property
    def now(self) -> str:
        """The time as the API writes it."""
        __tracebackhide__ = True
        return str(self._client.ask("GET", "/clock")["now"])

    @property
    def frozen(self) -> bool:
        """Whether it stands still."""
        __tracebackhide__ = True
        return bool(self._client.ask("GET", "/clock")["frozen"])

    def set(self, now: str | datetime) -> None:
        """Let it be that time, and run on from there unless it is frozen."""
        __tracebackhide__ = True
        self._client.ask("PUT", "/clock", {"now": _written(now)})

    def freeze(self, now: str | datetime | None = None) -> None:
        """Let it stand still, now or at that time."""
        __tracebackhide__ = True
        self._client.ask("PUT", "/clock", {"frozen": True, **({} if now is None else {"now": _written(now)})})

    def run(self) -> None:
        """Let it run on from where it stands."""
        __tracebackhide__ = True
        self._client.ask("PUT", "/clock", {"frozen": False})

    def advance(self, seconds: float | timedelta) -> Advanced:
        """Put it forward; what fell due is in the answer: `expired` and `completed` ids."""
        __tracebackhide__ = True
        whole = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
        return Advanced(self._client.ask("POST", "/clock/advance", {"seconds": whole}))


def _written(now: str | datetime) -> str:
    __tracebackhide__ = True
    if isinstance(now, str):
        return now
    if not isinstance(now, datetime):
        raise MockcsError(f"{now!r} is no time", hint='a datetime, or a text such as "2009-05-12T12:05:12.145Z"')
    if now.tzinfo is None:
        raise MockcsError(f"{now!r} has no time zone", hint="datetime(2009, 5, 12, tzinfo=UTC)")
    return now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _NextId:
    """The next id of one kind, read from and set in the mock."""

    def __set_name__(self, _: type, kind: str) -> None:
        self._kind = kind

    def __get__(self, ids: Ids, _: type) -> int:
        __tracebackhide__ = True
        return int(ids.client.ask("GET", "/ids")[self._kind])

    def __set__(self, ids: Ids, number: int) -> None:
        __tracebackhide__ = True
        ids.client.ask("PUT", "/ids", {self._kind: number})


class Ids:
    """The next id of each kind, to be read and set."""

    __slots__ = ("client",)
    service = _NextId()
    state = _NextId()
    task = _NextId()

    def __init__(self, client: Asks) -> None:
        self.client = client


class Readings(MutableMapping[str, str]):
    """Reading -> choice in force."""

    def __init__(self, client: Asks) -> None:
        self._client = client

    def __getitem__(self, reading: str) -> str:
        """The choice in force; KeyError when there is no such reading."""
        __tracebackhide__ = True
        return self._all()[reading]

    def __setitem__(self, reading: str, choice: str) -> None:
        """Choose; MockcsError when there is no such reading or choice."""
        __tracebackhide__ = True
        self._client.ask("PUT", f"/readings/{in_path(reading)}", {"value": choice})

    def __delitem__(self, reading: str) -> None:
        """Go back to the default."""
        __tracebackhide__ = True
        found = self._client.ask("GET", "/readings")["readings"]
        self[reading] = next((each["default"] for each in found if each["id"] == reading), "")

    def clear(self) -> None:
        """Go back to every default; the readings stay, so the mapping's own way would never end."""
        __tracebackhide__ = True
        for each in self._client.ask("GET", "/readings")["readings"]:
            if each["value"] != each["default"]:
                self[each["id"]] = each["default"]

    def __iter__(self) -> Iterator[str]:
        """The readings' ids."""
        return iter(self._all())

    def __len__(self) -> int:
        """How many readings there are."""
        return len(self._all())

    def _all(self) -> dict[str, str]:
        __tracebackhide__ = True
        return {each["id"]: each["value"] for each in self._client.ask("GET", "/readings")["readings"]}
