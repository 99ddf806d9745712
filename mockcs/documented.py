"""The manual as data: reads the tables into frozen records and refuses a bad row with its file and line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import fields as fields_of
from pathlib import Path

from mockcs.addresses import GENERATIONS
from mockcs.errors import MockcsError, meant_by
from mockcs.json_text import dumps
from mockcs.messages import Document, record

EVIDENCE = ("documented", "older page", "other page", "observed", "unknown")
MANDATORY = ("yes", "no", "yes if no contact_key", "yes if no customer_id", "in the URI")
SERVERS = {"8.1": "UCS", "8.5": "GMS"}
"""Which server answers a generation."""
RESOURCE_OF = {
    "service_start_event": "service",
    "associate_service": "service",
    "service_end_event": "service",
    "state_start_event": "state",
    "state_end_event": "state",
    "state_transition_event": "state",
    "task_start_event": "task",
    "task_end_event": "task",
}
"""The tables that are events, and the kind of resource each is about."""
_EVERYDAY, _AT_STARTS = {"from", "to"}, {"disposition"}  # words of everyday data; what the start examples send


@record
class Field:
    """One row of a field table."""

    table: str
    field: str
    type: str
    mandatory: str
    api: str
    reading: str
    limit: str
    since: str
    description: str
    evidence: str
    page: str
    note: str

    @property
    def is_open(self) -> bool:
        """Whether the row stands for any further member: `<extension name>`."""
        return self.field.startswith("<")

    @property
    def holds(self) -> str:
        """The table, if there is one of that name, that lists what is in a value: its type or its limit names it."""
        named = self.limit.removeprefix("of ") if self.limit.startswith("of ") else self.type.removesuffix("[]")
        return named.lower().replace(" ", "_")


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One row of `operations.csv`: one URL of one operation in one generation; no two rows are equal."""

    name: str
    id: str
    api: str
    server: str
    method: str
    path: str
    query: str
    body: str
    status: str
    location: str
    answer: str
    since: str
    role: str
    evidence: str
    page: str
    note: str

    @property
    def body_table(self) -> str:
        """The name of the body's field table, empty for none."""
        return self.body.removesuffix("?")

    @property
    def body_is_optional(self) -> bool:
        """Whether the request may come without its body."""
        return self.body.endswith("?")

    @property
    def locations(self) -> list[str]:
        """The templates of the Location header."""
        return self.location.split(" | ") if self.location else []


@record
class Error:
    """One row of `errors.csv`: a refusal as one server words it."""

    key: str
    server: str
    status: str
    title: str
    code: str
    exception: str
    message: str
    evidence: str
    page: str
    note: str


@record
class Reading:
    """One row of `readings.csv`: a question that the manual leaves open, and the operations that it is asked of."""

    id: str
    question: str
    choices: tuple[str, ...]
    default: str
    api: str
    evidence: str
    page: str
    note: str
    operations: str

    def document(self, value: str) -> Document:
        """The reading as the admin API shows it, with the choice in force."""
        shown = {name: getattr(self, name) for name in ("id", "question", "choices", "default", "api")}
        return {**shown, "value": value, "evidence": self.evidence, "page": self.page, "note": self.note}


@record
class Question:
    """One row of `ledger.csv`: a numbered contradiction (C1) or unknown (U1) of the documents, and its answer."""

    api: str
    number: str
    question: str
    answered_by: str


@dataclass(frozen=True, slots=True)
class Manual:
    """All tables, read once at start."""

    folder: Path
    operations: tuple[Operation, ...]
    errors: dict[tuple[str, str], Error]
    readings: dict[str, Reading]
    ledger: tuple[Question, ...]
    fields: dict[tuple[str, str], tuple[Field, ...]]
    places: dict[tuple[str, str], dict[str, str]]
    known: dict[tuple[str, str], frozenset[str]]
    elsewhere: dict[tuple[str, str], frozenset[str]]
    names_of_operations: frozenset[str]

    def rows(self, api: str, table: str) -> tuple[Field, ...]:
        """The rows of a table in one generation, those that a reading brings included."""
        return self.fields.get((api, table), ())

    def names(self, api: str, table: str) -> frozenset[str]:
        """The documented member names of a table in one generation."""
        return self.known.get((api, table), frozenset())

    def others(self, api: str, table: str) -> frozenset[str]:
        """The member names that another event has and this one has not, but for what examples send all the same."""
        return self.elsewhere.get((api, table), frozenset())

    def nested(self, api: str, table: str) -> dict[str, str]:
        """The fields of a table whose type is a table itself, such as `Attribute Schema[]`, with that table."""
        return {row.field: row.holds for row in self.rows(api, table) if (api, row.holds) in self.fields}

    def reading(self, name: str) -> Reading:
        """The reading of that id; MockcsError naming the nearest ones otherwise."""
        if name not in self.readings:
            hint = meant_by(name, self.readings, "`mockcs readings` lists them")
            raise MockcsError(f"no reading is called {name!r}", hint=hint, status=404)
        return self.readings[name]

    def choice(self, name: str, value: object) -> str:
        """The value, if the reading of that id has it among its choices; MockcsError otherwise."""
        reading = self.reading(name)
        if value not in reading.choices:
            raise MockcsError(
                f"{dumps(value).decode()} is no choice of the reading {name}",
                hint=f"choose one of {', '.join(reading.choices)}",
            )
        return str(value)


_Row = tuple[str, list[str]]  # where it stands, as file and line, and what is in it


def shipped(name: str) -> Path:
    """The folder `schemas` or `fixtures`, in a wheel and in a checkout alike."""
    package = Path(__file__).parent
    return package / name if (package / name).is_dir() else package.parent / name


def read(folder: str | Path = "") -> Manual:
    """The manual in that folder (the shipped one by default); MockcsError with file and line for a bad row."""
    root = Path(folder) if folder else shipped("schemas")
    if not any((root / name).is_dir() for name in ("tables", *GENERATIONS)):
        raise MockcsError(f"{root} is no folder of schemas", hint="it has tables/, 8.1/ or 8.5/ in it")
    tables = root / "tables" if (root / "tables").is_dir() else shipped("schemas") / "tables"
    readings = {row.id: row for row in map(_reading, _rows(tables / "readings.csv", Reading))}
    fields = _fields(tables / "fields")
    errors = [Error(*row) for _, row in _rows(tables / "errors.csv", Error)]
    known = {key: frozenset(row.field for row in rows if not row.is_open) for key, rows in fields.items()}
    operations = tuple(_operation(row, readings) for row in _rows(tables / "operations.csv", Operation))
    return Manual(
        folder=root,
        operations=operations,
        errors={(error.key, error.server): error for error in errors},
        readings=readings,
        ledger=tuple(Question(*row) for _, row in _rows(tables / "ledger.csv", Question)),
        fields=fields,
        places={key: _places(key, fields) for key in fields},
        known=known,
        elsewhere={(api, table): _others(known, api, table) for api in GENERATIONS for table in RESOURCE_OF},
        names_of_operations=frozenset(operation.name for operation in operations),
    )


def _others(known: dict[tuple[str, str], frozenset[str]], api: str, table: str) -> frozenset[str]:
    events = [known.get((each, other), frozenset()) for each in GENERATIONS for other in RESOURCE_OF]
    usual = _EVERYDAY | (set() if table == "state_transition_event" else _AT_STARTS)
    return frozenset().union(*events) - known.get((api, table), frozenset()) - usual


def _places(key: tuple[str, str], fields: dict[tuple[str, str], tuple[Field, ...]]) -> dict[str, str]:
    """Where each member of an event goes: to the resource's `own`, to its `occasion`, or to the `orders`."""
    api, table = key
    resource = {row.field for row in fields.get((api, RESOURCE_OF.get(table, "")), ())}
    occasion = {row.field for row in fields.get((api, "started"), ())}
    places = {}
    for row in fields[key]:
        if not row.is_open:
            shown = "own" if row.field in resource else "occasion" if row.field in occasion else "orders"
            places[row.field] = "orders" if row.mandatory == "in the URI" else shown  # the URL is what counts
    return places


def _fields(folder: Path) -> dict[tuple[str, str], tuple[Field, ...]]:
    found: dict[tuple[str, str], dict[tuple[str, str], Field]] = {}
    for path in sorted(folder.glob("*.csv")):
        for place, values in _rows(path, Field):
            row = Field(path.stem, *values)
            _check(place, "api", row.api, GENERATIONS)
            _check(place, "mandatory", row.mandatory, MANDATORY)
            rows = found.setdefault((row.api, row.table), {})
            if (row.field, row.reading) in rows:
                raise MockcsError(f"{place}: there is a row for {row.field} in {row.api} already")
            rows[row.field, row.reading] = row
    return {key: tuple(rows.values()) for key, rows in found.items()}


def _operation(row: _Row, readings: dict[str, Reading]) -> Operation:
    place, operation = row[0], Operation(*row[1])
    _check(place, "api", operation.api, GENERATIONS)
    _check(place, "server", operation.server, (SERVERS[operation.api],))
    _check(place, "method", operation.method, ("GET", "POST", "PUT", "DELETE"))
    if not (operation.status.isdigit() or operation.status in readings):
        raise MockcsError(f"{place}: status {operation.status!r} is neither a number nor a reading")
    return operation


def _reading(row: _Row) -> Reading:
    place, (name, question, choices, *rest) = row
    _check(place, "default", rest[0], known := tuple(choices.split("|")))
    return Reading(name, question, known, *rest)


def _rows(path: Path, kind: type[Field | Operation | Error | Reading | Question]) -> Iterator[_Row]:
    """The rows of a file below its head, which must be the columns of their kind."""
    columns = [each.name for each in fields_of(kind) if each.name != "table"]
    evidence = columns.index("evidence") if "evidence" in columns else None
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(file, strict=True)
            head = next(reader, None)
            for row in filter(None, reader):
                place = f"{path.name}, line {reader.line_num}"
                if head != columns or len(row) != len(columns):
                    raise MockcsError(f"{place}: the columns must be {', '.join(columns)}")
                if evidence is not None:
                    _check(place, "evidence", row[evidence], EVIDENCE)
                yield place, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise MockcsError(f"{path} cannot be read: {error}") from error


def _check(place: str, column: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise MockcsError(f"{place}: {column} {value!r} is not one of {', '.join(choices)}")
