"""Right and wrong values of every documented type, and where each event table is sent: what the tests draw on."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

from mockcs import documented
from mockcs.documented import Field

MANUAL = documented.read()
Document = dict[str, Any]
FRESH = itertools.count(1)

JSON: dict[str, Any] = {
    "string": "x",
    "number": 5,
    "fraction": 1.5,
    "true": True,
    "false": False,
    "null": None,
    "object": {},
    "array": [],
}
"""One value of each JSON type; a fraction is no integer."""
BEYOND_64 = [2**63, -(2**63) - 1]
BEYOND_32 = [2**31, -(2**31) - 1]
DATES = [
    "2009-05-12T12:05:12.145Z",
    "2000-02-29T00:00:00.000Z",
    "2024-02-29T23:59:59.999Z",
    "0001-01-01T00:00:00.000Z",
    "0400-02-29T00:00:00.000Z",
    "9999-12-31T23:59:59.999Z",
    "2026-04-30T10:20:30.000Z",
]
NO_DATES = [
    "",
    "2009-05-12",
    "2026-01-01T00:00:00Z",
    "2026-01-01T00:00:00.000Z\n",
    "1900-02-29T00:00:00.000Z",  # no leap year: a century
    "2023-02-29T00:00:00.000Z",
    "2024-02-30T00:00:00.000Z",
    "2026-04-31T00:00:00.000Z",
    "2026-13-01T00:00:00.000Z",
    "2026-00-01T00:00:00.000Z",
    "2026-01-00T00:00:00.000Z",
    "2026-01-32T00:00:00.000Z",
    "2026-01-01T24:00:00.000Z",
    "2026-01-01T00:60:00.000Z",
    "2026-01-01T00:00:60.000Z",
    "2026-01-01T00:00:00.00Z",
    "2026-01-01T00:00:00.0000Z",
    "2026-01-01T00:00:00.000z",
    "2026-01-01t00:00:00.000Z",
    "2026-01-01 00:00:00.000Z",
    "2026-01-01T00:00:00.000+00:00",
    "2026-01-01T00:00:00.000",
    " 2026-01-01T00:00:00.000Z",
    "0000-01-01T00:00:00.000Z",
    "0000-02-29T00:00:00.000Z",
    "12026-01-01T00:00:00.000Z",
    "2026-1-1T00:00:00.000Z",
    "\u0662026-01-01T00:00:00.000Z",  # a digit, but an Arabic one
    "2026-01-01T00:00:00,000Z",
]
_ATTRIBUTE = {"name": "a", "type": "string"}


@dataclass(frozen=True)
class Type:
    """The JSON types that a documented type takes, more wrong values of those types, and right values."""

    takes: set[str]
    wrong: list[Any] = field(default_factory=list)
    right: list[Any] = field(default_factory=list)


_TEXTS = ["", "5", "\u0436\u2028\U0001f600 \r\n\"\\'"]
_INTEGERS = [0, -(2**63), 2**63 - 1, 40.0]
_INTEGER = Type({"number"}, ["5", *BEYOND_64], _INTEGERS)
TYPES = {
    "string": Type({"string"}, [], _TEXTS),
    "integer": _INTEGER,
    "long": _INTEGER,
    "long or string": Type({"number", "string"}, BEYOND_64, [*_TEXTS, *_INTEGERS]),
    "date/time": Type({"string"}, NO_DATES[:5], DATES[:2]),
    "boolean": Type({"true", "false"}, ["true", "false", "True", 0, 1], [True, False]),
    "any JSON": Type(set(JSON), [], list(JSON.values())),
    "token": Type({"string"}, ["", "x"]),
    "unique list": Type({"array"}, [[5], [["a"]], [["a", 5]], [None]], [[], ["a"], [["a", "b"], "c"]]),
    "Service Start Event": Type({"object"}, [{"contact_key": 5}], [{"contact_key": "7"}]),
    "State Start Event": Type({"object"}, [{"state_type": None}], [{}, {"state_type": 4}]),
    "Task Start Event": Type({"object"}, [{"state_id": 2**31}], [{}, {"task_type": "T"}]),
    "State Transition From": Type({"object"}, [{"state_id": "1"}], [{"state_id": 1}]),
    "State Transition To": Type({"object"}, [{"est_duration": "1"}], [{"state_type": 1}]),
    "Composite Start Event[]": Type({"array"}, [[5], [{}]], [[]]),
    "Attribute Schema[]": Type({"array"}, [[5], [{}], [_ATTRIBUTE, None]], [[], [_ATTRIBUTE]]),
}


def type_of(row: Field) -> Type:
    """The type of a row; its limit tells more than the manual's word where it lists values or names what one holds."""
    if row.limit.startswith("of "):
        return TYPES[row.limit.removeprefix("of ") + ("[]" if row.type == "JSON array" else "")]
    return TYPES["token" if " of " in row.limit else "unique list" if row.limit == "or compound" else row.type]


def wrong_values(row: Field) -> list[Any]:
    """Values that the row forbids: every other JSON type, and what is beyond its range or form."""
    type_ = type_of(row)
    values = [value for name, value in JSON.items() if name not in type_.takes] + type_.wrong
    for limit in filter(None, row.limit.split("; ")):
        word, _, rest = limit.partition(" ")
        if word == "max":
            values.append("x" * (int(rest) + 1))
        elif limit == "32-bit":
            values += BEYOND_32
        elif limit == "name":
            values += ["", "1a", "_a", "a-b", "a b", "\u0436", "a\n", "a\r\nX-Y: z"]
        elif limit == "or quoted":
            quoted = ("true", "false") if row.type == "boolean" else ("5",)
            values = [value for value in values if value not in quoted or isinstance(value, bool)]
            values += [f"{text}{tail}" for text in quoted for tail in ("\n", " ")] + [""]
    return values


def right_values(row: Field) -> list[Any]:
    """Values that the row allows, those at the edges among them."""
    if (row.table, row.field) == ("state_transition_from", "state_id"):
        return [1, 1.0]  # no other state is there
    values = list(type_of(row).right)
    for limit in filter(None, row.limit.split("; ")):
        word, _, rest = limit.partition(" ")
        if word == "max":
            values = [value for value in values if len(value) <= int(rest)] + ["\u0436" * int(rest)]
        elif word == "one":
            values += rest.removeprefix("of ").split("|")
        elif limit == "32-bit":
            values = [40.0, 2**31 - 1, -(2**31)]
        elif limit == "name":
            values = [f"A_{next(FRESH)}", "Z" * 26]
        elif limit == "or quoted":
            values += ["true", "false"] if row.type == "boolean" else ["5"]
    return values


@dataclass(frozen=True)
class Place:
    """Where a table's document is sent: the URL, the pointer at which it stands, and the smallest right body."""

    table: str
    path: str
    at: tuple[str | int, ...] = ()
    least: Document = field(default_factory=dict)

    def pointer(self, name: str = "") -> str:
        steps = (*self.at, name) if name else self.at
        return "".join(f"/{step}" for step in steps)

    def body(self, document: Any) -> Any:
        """The whole body with this document in its place."""
        if not self.at:
            return document
        if self.table.startswith("state_transition"):
            return {**_TRANSITION, self.at[0]: document}
        composite = {"service": _SERVICE, "state": {"state_type": 1}, "task": {"task_type": 1}}
        body: Any = {"services": [composite]} if self.at[0] == "services" else {**schema_body(), "attributes": [{}]}
        inner = body
        for step in self.at[:-1]:
            inner = inner[step]
        inner[self.at[-1]] = document
        return body

    def plain(self) -> Document:
        """The smallest right document."""
        least = dict(self.least)
        return {**least, "name": f"X{next(FRESH)}"} if self.table == "extension_schema" else least


def schema_body() -> Document:
    """The smallest extension schema, under a name of its own."""
    return {"name": f"X{next(FRESH)}", "type": "single-valued", "attributes": []}


_COMPOSITE = "/services_composite/start"
_TRANSITION = {"from": {"state_id": 1}, "to": {"state_type": 1}}
_TRANSIT = "/services/{service}/states/transition"
_EXTENSIONS = "/metadata/services/extensions"
_SERVICE = {"contact_key": "42", "service_type": 1}
_STATE = {"state_type": 1}
PLACES = {
    "service": Place("service_start_event", "/services/start", (), _SERVICE),
    "association": Place("associate_service", "/customers/C1/services/{service}"),
    "end": Place("service_end_event", "/services/{service}/end"),
    "state": Place("state_start_event", "/services/{service}/states/start", (), {"state_type": 1}),
    "task": Place("task_start_event", "/services/{service}/tasks/start", (), {"task_type": 1}),
    "end of a state": Place("state_end_event", "/services/{service}/states/1/end"),
    "end of a task": Place("task_end_event", "/services/{service}/tasks/1/end"),
    "transition": Place("state_transition_event", _TRANSIT, (), _TRANSITION),
    "from of a transition": Place("state_transition_from", _TRANSIT, ("from",), _TRANSITION["from"]),
    "to of a transition": Place("state_transition_to", _TRANSIT, ("to",), _TRANSITION["to"]),
    "composite": Place("composite_start", _COMPOSITE, (), {"services": []}),
    "event": Place(
        "composite_start_event", _COMPOSITE, ("services", 0), {"service": _SERVICE, "state": {"state_type": 1}}
    ),
    "service of a composite": Place("service_start_event", _COMPOSITE, ("services", 0, "service"), _SERVICE),
    "state of a composite": Place("state_start_event", _COMPOSITE, ("services", 0, "state"), {"state_type": 1}),
    "task of a composite": Place("task_start_event", _COMPOSITE, ("services", 0, "task"), {"task_type": 1}),
    "schema": Place("extension_schema", _EXTENSIONS, (), schema_body()),
    "attribute": Place("attribute_schema", _EXTENSIONS, ("attributes", 0), _ATTRIBUTE),
}


def sent_in(api: str) -> dict[str, Place]:
    """The places of one generation."""
    foreign = _EXTENSIONS if api == "8.5" else _COMPOSITE
    return {name: place for name, place in PLACES.items() if place.path != foreign}
