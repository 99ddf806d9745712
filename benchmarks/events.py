"""The requests that are sent: the documented examples, with a key that varies from one to the next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count, cycle, repeat
from pathlib import Path
from typing import Any

from benchmarks import wire

_EXAMPLES = Path(__file__).parent.parent / "fixtures" / "examples" / "8.5"
_BASE = "/genesys/1/cs"
_KEY = "00000000"
QUERIED = 10_000
"""How many services are queried by id."""
STARTS = f"{_BASE}/services/start"


def _example(operation: str) -> Any:
    document = json.loads((_EXAMPLES / operation / "documented.json").read_text(encoding="utf-8"))
    return document["request"]["body"]


def start_event() -> dict[str, Any]:
    """The documented Service Start Event: 14 members, some of them nested (Start Service, 8.5.1)."""
    event: dict[str, Any] = _example("start_service") | {"contact_key": _KEY}
    return event


def refused_event() -> dict[str, Any]:
    """The same with five values of a wrong type."""
    wrong = {"timestamp": "yesterday", "interaction_id": 1, "application_id": "40", "est_duration": 0.5}
    return start_event() | wrong | {"resource_id": "5005"}


def composite_event() -> dict[str, Any]:
    """The documented composite start of a service, its state and its task."""
    event: dict[str, Any] = _example("composite_start")
    event["services"][0]["service"]["customer_id"] = _KEY
    return event


def start_size() -> int:
    """The bytes of a start's body."""
    return len(wire.request("POST", STARTS, start_event()).partition(b"\r\n\r\n")[2])


def _varied(request: bytes) -> Iterator[bytes]:
    before, key, after = request.partition(_KEY.encode())
    width = len(key)
    return (b"%b%0*d%b" % (before, width, number, after) for number in count(1))


def starts() -> Iterator[bytes]:
    """Service starts, each with a contact key of its own."""
    return _varied(wire.request("POST", STARTS, start_event()))


def refusals() -> Iterator[bytes]:
    """Service starts with five violations."""
    return repeat(wire.request("POST", STARTS, refused_event()))


def composites() -> Iterator[bytes]:
    """Composite starts, each of a customer of its own, so that each starts a service, a state and a task."""
    return _varied(wire.request("POST", f"{_BASE}/services_composite/start", composite_event()))


def queries() -> Iterator[bytes]:
    """Queries by id of the first services, over and over."""
    return cycle([wire.request("GET", f"{_BASE}/services/{number}") for number in range(1, QUERIED + 1)])
