"""Checked bodies as events: each member where it belongs, and attached data under its extension schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from mockcs.advice import misspelt
from mockcs.business import BusinessAttributes
from mockcs.documented import RESOURCE_OF, Field, Manual, Operation
from mockcs.extensions import Extension, extension_of
from mockcs.messages import CompositeEvent, Document, Event, Notes, Violation
from mockcs.resources import is_true
from mockcs.store import Store
from mockcs.violations import kind_of, pointer_of, shown

RECORDS = ("extension_value", "extension_record", "extension_record_key")
"""The tables of bodies that are attached data themselves."""


@dataclass(slots=True)
class Events:
    """Turns checked bodies into events; finds violations of extension schemas and advice on the way."""

    manual: Manual
    store: Store
    business: BusinessAttributes
    readings: Mapping[str, str]
    api: str
    notes: Notes
    broken: list[Violation]

    def body(self, table: str, document: Document) -> Any:
        """The body of that table: an event, the events of a composite start, or the document itself."""
        self.notes.seen.append((table, document))
        if table in RESOURCE_OF:
            return self._event(table, document)
        self._advise(table, document, "")
        if table == "composite_start" and not self.broken:
            return tuple(self._composite(each, f"/services/{n}") for n, each in enumerate(document["services"]))
        return document

    def _composite(self, document: Document, place: str) -> CompositeEvent:
        self._advise("composite_start_event", document, place)
        task = document.get("task")
        self.notes.seen.append(("composite_start_event", document))
        for name in ("service", "state", "task"):
            if name in document:
                self.notes.seen.append((f"{name}_start_event", document[name]))
        return CompositeEvent(
            service=self._event("service_start_event", document["service"], f"{place}/service"),
            state=self._event("state_start_event", document["state"], f"{place}/state"),
            task=None if task is None else self._event("task_start_event", task, f"{place}/task"),
            associate_state_task=is_true(document.get("associate_state_task")),
        )

    def _event(self, table: str, document: Document, place: str = "") -> Event:
        places = self.manual.places[self.api, table]
        groups: dict[str, Document] = {"own": {}, "occasion": {}, "orders": {}, "extensions": {}}
        for name, value in document.items():
            groups[places.get(name, "extensions")][name] = value
        kind = RESOURCE_OF[table]
        if self.business.attributes:
            for name, group in (("own", groups["own"]), ("occasion", groups["occasion"])):
                groups[name] = self._mapped(kind, group, place)
            if table == "state_transition_event":
                groups["orders"] = {
                    name: self._mapped(kind, value, f"{place}/{name}") if isinstance(value, dict) else value
                    for name, value in groups["orders"].items()
                }
        if groups["extensions"]:
            self._doubt(table, groups["extensions"], place)
            if self.api == "8.1":
                groups["extensions"] = self._declared(table, groups["extensions"])
        return Event(**groups)

    def _mapped(self, kind: str, members: Document, place: str) -> Document:
        """The members with the values of business attributes as DB ids; an unknown value is a violation."""
        found = dict(members)
        for name, value in members.items():
            attribute = self.business.mapped(kind, name)
            whole = not isinstance(value, float) or value.is_integer()  # 40.0 is an integer
            if attribute is not None and whole and not isinstance(value, bool | dict | list | None):
                dbid = attribute.id_of(value)
                if dbid is None:
                    self.broken.append(attribute.violation(kind, name, value, f"{place}/{name}"))
                else:
                    found[name] = dbid
        return found

    def _doubt(self, table: str, extensions: Document, place: str) -> None:
        self._advise(table, extensions, place)
        others = self.manual.others(self.api, table)
        for name in extensions:
            if name in others:
                self.notes.advice.append(
                    f"{place}{name} is a member of another event; here it is taken as attached data"
                )
            known = self.store.spelling(name)
            if known is not None and known != name and self.api == "8.5":
                self.notes.advice.append(f"{place}{name} differs only by case from the attached data {known}")

    def _advise(self, table: str, document: Document, place: str) -> None:
        names = self.manual.names(self.api, table)
        self.notes.advice += misspelt(document.keys() - names, names, _named(place, ""))

    def _declared(self, table: str, extensions: Document) -> Document:
        """The attached data under the spelling of their schemas; what breaks one is a violation."""
        kind, found = RESOURCE_OF[table], {}
        for name, value in extensions.items():
            schema = self.store.extension_schemas.get((kind, name.casefold()))
            if schema is not None:
                declared = extension_of(schema)
                self.broken += declared.violations(name, value)
                if declared.name in found:
                    self.notes.advice.append(f"{declared.name} is given twice, differing only by case; the last counts")
                found[declared.name] = self._whole(declared, value)
                continue
            reading = "undefined-extension" if isinstance(value, dict | list) else "unlisted-member"
            if self.readings[reading] == "refuse":
                row = next(row for row in self.manual.rows(self.api, table) if row.is_open)
                self.broken.append(undeclared(kind, row, name, value, reading))
            found[name] = value
        return found

    def _whole(self, declared: Extension, value: Any) -> Any:
        return declared.filled(value) if self.readings["attribute-default"] == "fill" else value

    def attached(self, operation: Operation, path: Document, document: Any) -> Any:
        """The body of an 8.1 extension update, checked against the schema of the path's extension."""
        place = "ext_name" if "ext_name" in path else "extension_name"
        name, table, kind = path[place], operation.body_table, operation.name.split("_")[1]
        schema = self.store.extension_schemas.get((kind, name.casefold()))
        if schema is None:
            row = next(row for row in self.manual.rows(operation.api, table) if row.is_open)
            if table != "extension_value" or self.readings["undefined-extension"] == "refuse":
                missing = undeclared(kind, row, name, document, "undefined-extension")
                self.broken.append(replace(missing, pointer=f"path:{place}"))
            elif not _is_extension(document):
                message = f"{name} must be an object or an array of objects, not {kind_of(document)}"
                self.broken.append(Violation("", shown(document), message, "send an object", asdict(row)))
            return document
        declared = extension_of(schema)
        if table == "extension_value":
            found = declared.violations(name, document)
            self.broken += [replace(each, pointer=each.pointer.removeprefix(pointer_of([name]))) for each in found]
            return self._whole(declared, document)
        if isinstance(document, dict):  # else its own table has said so
            self.broken += declared.partly(document, keys_only=table == "extension_record_key")
        return document


def _is_extension(value: Any) -> bool:
    return all(isinstance(each, dict) for each in (value if isinstance(value, list) else [value]))


def undeclared(kind: str, row: Field, name: str, value: Any, reading: str) -> Violation:
    """What is said of attached data in 8.1 that no extension schema declares."""
    message = f"no {kind} extension schema is called {name}, so {kind_of(value)} cannot stand there"
    fix = f"leave {name} out, or switch the reading {reading} to accept"
    if reading == "undefined-extension":
        fix = f"create the schema with POST /metadata/{kind}s/extensions, or switch the reading {reading} to accept"
    return Violation(pointer_of([name]), shown(value), message, fix, asdict(row))


def _named(place: str, name: str) -> str:
    return f"{place}/{name}" if place else name
