"""Which of the documented operations, fields, values and errors a suite has met, counted against the tables."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from mockcs.documented import SERVERS, Manual
from mockcs.messages import Document
from mockcs.schemas import choices_of, suggested_in

EXERCISED, REFUSED, NEVER = "exercised", "refused", "never seen"
_ORDER = (NEVER, REFUSED, EXERCISED)
_ITEMS = ("operations", "fields", "values", "errors")
_Key = tuple[str, ...]


class _Met:
    """What is still to be met of one table, the `missing` names; and what in it is to be looked at more closely."""

    __slots__ = ("enumerated", "missing", "names", "nested")

    def __init__(self, manual: Manual, api: str, table: str) -> None:
        self.names = manual.names(api, table)
        self.missing = set(self.names)
        enumerated = _enumerated(manual, api, table)
        self.enumerated = {name: {value.lower() for value in values} for name, values in enumerated.items()}
        self.nested = manual.nested(api, table)


class Coverage:
    """What the calls of one space have met. Not locked: its space's lock guards it."""

    def __init__(self, manual: Manual) -> None:
        self._manual = manual
        self._tables: dict[tuple[str, str], _Met] = {}
        self._refused: set[_Key] = set()
        self._operations: dict[_Key, bool] = {}
        self._values: dict[_Key, bool] = {}
        self._errors: set[_Key] = set()

    def note(
        self,
        api: str,
        operation: str | None,
        violations: Iterable[Document],
        seen: list[tuple[str, Document]],
        error: str,
    ) -> None:
        """Count what a call has met: `seen` are its members by table, `error` is the key of its refusal."""
        if error:
            self._errors.add((SERVERS[api], error))
        if operation is None:
            return
        row = (api, operation)
        if not self._operations.get(row):
            self._operations[row] = not error
        for violation in violations:
            table, field = violation["table"] or "", violation["field"] or ""
            if field in self._manual.names(api, table):
                self._refused.add((api, table, field))
        for table, document in seen:
            self._meet(api, table, document, refused=bool(error))

    def note_lost(self, api: str, operation: str | None) -> None:
        """Count a call that a fault has answered in place of the operation."""
        if operation is not None:
            self._operations.setdefault((api, operation), False)

    def _meet(self, api: str, table: str, document: Document, *, refused: bool) -> None:
        met = self._tables.get((api, table))
        if met is None:
            # Read off a table when it is met: most spaces meet few of them.
            met = self._tables[api, table] = _Met(self._manual, api, table)
        if refused:
            self._refused.update((api, table, name) for name in met.names.intersection(document))
        elif not met.missing.isdisjoint(document):
            met.missing.difference_update(document)
        for name, values in met.enumerated.items():
            if name in document and (value := str(document[name]).lower()) in values:
                key = (api, table, name, value)
                self._values[key] = self._values.get(key, False) or not refused
        for name, nested in met.nested.items():
            given = document.get(name)
            for each in given if isinstance(given, list) else [given]:
                if isinstance(each, dict):
                    self._meet(api, nested, each, refused=refused)

    def document(self) -> Document:
        """Every item with its status, and how much of the generations that were called was met, in per cent."""
        items = {name: list(found) for name, found in zip(_ITEMS, self._items(), strict=True)}
        return {"percent": percent_of(items), **items}

    def _items(self) -> Iterator[Iterator[Document]]:
        yield self._operation_items()
        yield self._field_items()
        yield self._value_items()
        yield self._error_items()

    def _operation_items(self) -> Iterator[Document]:
        for api, name in dict.fromkeys((row.api, row.name) for row in self._manual.operations):
            yield {"api": api, "operation": name, "status": _status(self._operations.get((api, name)))}

    def _field_items(self) -> Iterator[Document]:
        urls = _in_urls(self._manual)
        for api, table in _tables(self._manual):
            met = self._tables.get((api, table))
            for field in sorted(self._manual.names(api, table)):
                status = REFUSED if (api, table, field) in self._refused else NEVER
                if met is not None and field not in met.missing:
                    status = EXERCISED
                calls = (_status(self._operations.get((api, name))) for name in urls.get((api, table, field), ()))
                status = max((status, *calls), key=_ORDER.index)
                yield {"api": api, "table": table, "field": field, "status": status}

    def _value_items(self) -> Iterator[Document]:
        for api, table in _tables(self._manual):
            for field, values in _enumerated(self._manual, api, table).items():
                for value in values:
                    status = _status(self._values.get((api, table, field, value.lower())))
                    yield {"api": api, "table": table, "field": field, "value": value, "status": status}

    def _error_items(self) -> Iterator[Document]:
        apis = {server: api for api, server in SERVERS.items()}
        for key, server in self._manual.errors:
            status = EXERCISED if (server, key) in self._errors else NEVER
            yield {"api": apis[server], "server": server, "error": key, "status": status}


def _status(answered: bool | None) -> str:
    """Of what was met and answered, met and refused, or never met (None)."""
    return NEVER if answered is None else EXERCISED if answered else REFUSED


def percent_of(items: dict[str, list[Document]]) -> float:
    """How much was met, in per cent, of the generations that were called at all; 0 when none was."""
    called = {each["api"] for each in items["operations"] if each["status"] != NEVER}
    counted = [each for name in _ITEMS for each in items[name] if each["api"] in called]
    met = sum(each["status"] != NEVER for each in counted)
    return round(100 * met / len(counted), 1) if counted else 0.0


def merged(documents: Iterable[Document]) -> Document:
    """Several coverages as one: what any of them has met is met."""
    found: dict[str, dict[str, Document]] = {name: {} for name in _ITEMS}
    for document in documents:
        for name in _ITEMS:
            for item in document[name]:
                key = repr({each: value for each, value in item.items() if each != "status"})
                known = found[name].get(key)
                if known is None or _ORDER.index(item["status"]) > _ORDER.index(known["status"]):
                    found[name][key] = item
    items = {name: list(by_key.values()) for name, by_key in found.items()}
    return {"percent": percent_of(items), **items}


def _tables(manual: Manual) -> list[tuple[str, str]]:
    """The tables that requests are checked with, nested ones behind those that they stand in."""
    found: dict[tuple[str, str], None] = {}

    def add(api: str, table: str) -> None:
        if (api, table) not in found:
            found[api, table] = None
            for nested in manual.nested(api, table).values():
                add(api, nested)

    for row in manual.operations:
        for table in (row.body_table, row.query):
            if table:
                add(row.api, table)
    return list(found)


def _in_urls(manual: Manual) -> dict[_Key, list[str]]:
    """The fields of events that the URL of their operations gives, with these: every call of one has them."""
    found: dict[_Key, list[str]] = {}
    for operation in manual.operations:
        for row in manual.rows(operation.api, operation.body_table):
            if row.mandatory == "in the URI" and f"${{{row.field}}}" in operation.path:
                found.setdefault((row.api, row.table, row.field), []).append(operation.name)
    return found


def _enumerated(manual: Manual, api: str, table: str) -> dict[str, list[str]]:
    """The fields of a table whose values are enumerated, with these."""
    fields = {row.field: choices_of(row.limit) or suggested_in(row.limit) for row in manual.rows(api, table)}
    return {field: values for field, values in fields.items() if values}


def summary(document: Document) -> Iterator[str]:
    """The coverage for a terminal: a line for each kind of item, and what was never seen."""
    apis = [api for api in SERVERS if any(e["api"] == api and e["status"] != NEVER for e in document["operations"])]
    for api in apis:
        for name in _ITEMS:
            items = [each for each in document[name] if each["api"] == api]
            met = [each for each in items if each["status"] != NEVER]
            refused = sum(each["status"] == REFUSED for each in items)
            yield f"{api}  {name:10} {len(met):>3} of {len(items):>3} met, {refused} of them only refused"
    never = list(_never_called([each for each in document["operations"] if each["api"] in apis]))
    if never:
        yield from textwrap.wrap(f"never called: {', '.join(never)}", 78, subsequent_indent="  ")


def _never_called(operations: list[Document]) -> Iterator[str]:
    """The operations that were never called, with the generation where the other one's was."""
    for name in dict.fromkeys(each["operation"] for each in operations):
        own = [each for each in operations if each["operation"] == name]
        never = [each["api"] for each in own if each["status"] == NEVER]
        if never:
            yield name if len(never) == len(own) else f"{name} ({never[0]})"
