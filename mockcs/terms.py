"""The terms of an operation in a space: what stands fixed until a reading changes, looked up once, not once a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from mockcs.addresses import GENERATIONS
from mockcs.advice import of_members, unread
from mockcs.business import BusinessAttributes
from mockcs.documented import Field, Manual, Operation
from mockcs.messages import Document, Event, Violation, record
from mockcs.remembered import Remembered
from mockcs.schemas import Validators
from mockcs.settings import Settings
from mockcs.violations import broken_by, checker_of

if TYPE_CHECKING:
    import jsonschema

_SELECTIONS = {"active": (True,), "completed": (False,)}


@record
class Shape:
    """What a document's names alone say: which stand elsewhere than at the top of the resource, and the advice."""

    occasion: tuple[str, ...]
    orders: tuple[str, ...]
    extensions: tuple[str, ...]
    advice: tuple[str, ...]


def _is_open(rows: tuple[Field, ...]) -> bool:
    return any(row.is_open for row in rows)


class Table:
    """A field table under the readings in force: its rows, its validators and its names.

    `closed` are the fields that hold what another table lists, with that table, if it takes no attached data.
    """

    def __init__(self, manual: Manual, validators: Validators, api: str, name: str, overlays: frozenset[str]) -> None:
        self.name = name
        self.rows = tuple(row for row in manual.rows(api, name) if not row.reading or row.reading in overlays)
        self.names = manual.names(api, name)
        self.others = manual.others(api, name)
        nested = manual.nested(api, name)
        self.closed = {field: of for field, of in nested.items() if not _is_open(manual.rows(api, of))}
        self._places = manual.places.get((api, name), {})
        self._shapes = Remembered(self._shape_of)
        self._is_valid = validators.validator(api, name, overlays).is_valid
        self._schema = partial(validators.schema, api, name, overlays)

    @property
    def open_row(self) -> Field:
        """The row that stands for any further member."""
        return next(row for row in self.rows if row.is_open)

    def row(self, field: str) -> Field:
        """The row of a field, that of a reading before the one that it replaces."""
        return max((row for row in self.rows if row.field == field), key=lambda row: bool(row.reading))

    def shape(self, document: Document) -> Shape:
        """The shape of a document; applications send documents of a few shapes again and again."""
        return self._shapes[tuple(document)]

    def _shape_of(self, names: tuple[str, ...]) -> Shape:
        places = {name: self._places.get(name, "extensions") for name in names}
        kinds = ("occasion", "orders", "extensions")
        occasion, orders, extensions = (tuple(name for name in names if places[name] == kind) for kind in kinds)
        if _is_open(self.rows):
            advice = of_members(extensions, self.names, self.others)
        else:
            advice = unread(extensions, self.names)
        return Shape(occasion, orders, extensions, advice)

    @cached_property
    def types(self) -> dict[str, str]:
        """The type of each field."""
        return {row.field: row.type for row in self.rows}

    def violations(self, document: Any) -> list[Violation]:
        """What the rows forbid in a document, in the order of the document; empty when it is right."""
        return [] if self._is_valid(document) else broken_by(self._checker, document)

    @cached_property
    def _checker(self) -> jsonschema.Draft202012Validator:
        return checker_of(self._schema())


class Terms:
    """What an operation's row, the settings and the readings of its generation say of every call of it."""

    def __init__(
        self,
        operation: Operation,
        settings: Settings,
        business: BusinessAttributes,
        readings: Mapping[str, str],
        table: Callable[[str], Table],
    ) -> None:
        self.operation = operation
        self.api = operation.api
        self.settings = settings
        self.business = business
        self.readings = readings
        self.table = table
        self.body = table(operation.body_table) if operation.body_table else None
        self.query = table(operation.query) if operation.query else None
        self.status = int(readings.get(operation.status, operation.status))
        self.absolute = readings["location-form"] == "absolute"
        self.selection = _SELECTIONS.get(operation.path.rpartition("/")[2], (True, False))
        self.lifetime = settings.expiration_ms
        self.from_event = readings.get("expiration-base") == "event"
        self.guarded = bool(settings.users or settings.basic_auth or settings.tenant)


class Regime:
    """The readings in force, and what follows from them; it never changes, but gives way to another one.

    `overlays` are the choices, as `id=choice`, that replace rows of a generation's field tables.
    """

    def __init__(
        self,
        manual: Manual,
        validators: Validators,
        settings: Settings,
        business: BusinessAttributes,
        choices: Mapping[str, str],
    ) -> None:
        self.choices = choices
        self.business = business
        self._manual, self._validators, self._settings = manual, validators, settings
        self._terms: dict[Operation, Terms] = {}
        self._tables: dict[tuple[str, str], Table] = {}
        known = manual.readings
        self.readings = {
            api: {
                name: value if known[name].api in (api, "both") else known[name].default
                for name, value in choices.items()
            }
            for api in GENERATIONS
        }
        self.overlays = {
            api: validators.overlays & {f"{name}={value}" for name, value in chosen.items()}
            for api, chosen in self.readings.items()
        }

    @classmethod
    def beginning(cls, manual: Manual, validators: Validators, settings: Settings) -> Regime:
        """The defaults, and what the settings say instead; MockcsError for a bad choice or business attribute."""
        choices = {reading.id: reading.default for reading in manual.readings.values()}
        for reading, value in settings.reading.items():
            choices[reading] = manual.choice(reading, value)
        business = BusinessAttributes(settings.business_attributes, settings.attributes)
        return cls(manual, validators, settings, business, choices)

    def under(self, choices: Mapping[str, str]) -> Regime:
        """The same under other choices."""
        if choices == self.choices:
            return self
        return Regime(self._manual, self._validators, self._settings, self.business, choices)

    def terms(self, operation: Operation) -> Terms:
        """The terms of an operation."""
        found = self._terms.get(operation)
        if found is None:
            api = operation.api
            table = partial(self.table, api)
            found = Terms(operation, self._settings, self.business, self.readings[api], table)
            self._terms[operation] = found
        return found

    def table(self, api: str, name: str) -> Table:
        """A field table of a generation."""
        found = self._tables.get((api, name))
        if found is None:
            found = Table(self._manual, self._validators, api, name, self.overlays[api])
            self._tables[api, name] = found
        return found


@record
class Params:
    """What an operation's function gets: checked and converted.

    `path` and `query` hold typed values; `body` is the event, the events of a composite start, or the document
    of a schema; `server()` tells the server's times and counters.
    """

    path: Mapping[str, Any]
    query: Mapping[str, Any]
    body: Any
    terms: Terms
    server: Callable[[], Document]

    @property
    def readings(self) -> Mapping[str, str]:
        """The choices in force for this generation."""
        return self.terms.readings

    def event(self) -> Event:
        """The body as an event."""
        return self.body if isinstance(self.body, Event) else Event({}, {}, {}, {})
