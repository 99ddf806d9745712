"""Checked bodies as events: each member where it belongs, and attached data under its extension schema."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

from mockcs.advice import respelt
from mockcs.documented import RESOURCE_OF, Field
from mockcs.extensions import Extension, extension_of
from mockcs.ids import KINDS
from mockcs.messages import CompositeEvent, Document, Event, Notes, Violation
from mockcs.resources import is_true
from mockcs.store import Store
from mockcs.terms import Shape, Table, Terms
from mockcs.violations import forbidden, kind_of, pointer_of, shown

RECORDS = ("extension_value", "extension_record", "extension_record_key")
"""The tables of bodies that are attached data themselves."""


class Events:
    """Turns checked bodies into events; finds violations of extension schemas and advice on the way."""

    __slots__ = ("_broken", "_notes", "_store", "_terms")

    def __init__(self, store: Store, terms: Terms, notes: Notes, broken: list[Violation]) -> None:
        self._store = store
        self._terms = terms
        self._notes = notes
        self._broken = broken

    def body(self, document: Document) -> Any:
        """The operation's body: an event, the events of a composite start, or the document itself."""
        table = self._table
        self._notes.seen.append((table.name, document))
        if table.name in RESOURCE_OF:
            return self._event(table, document)
        self._look_into(table, document, "")
        if table.name != "composite_start":
            return document
        if self._broken:
            self._look_at_parts(document.get("services"))
            return document
        return tuple(self._composite(each, f"/services/{n}") for n, each in enumerate(document["services"]))

    def _look_at_parts(self, services: Any) -> None:
        """Tell what else there is to say of the events of a composite start that is refused."""
        for number, event in enumerate(services if isinstance(services, list) else ()):
            for kind in KINDS if isinstance(event, dict) else ():
                if isinstance(event.get(kind), dict):
                    self._event(self._terms.table(f"{kind}_start_event"), event[kind], f"/services/{number}/{kind}")

    @property
    def _table(self) -> Table:
        found = self._terms.body
        if found is None:
            raise ValueError(f"{self._terms.operation.name} has no body")
        return found

    def _composite(self, document: Document, place: str) -> CompositeEvent:
        table = self._terms.table
        task, associated = document.get("task"), is_true(document.get("associate_state_task"))
        if associated and task is None:
            self._notes.advice.append(f"{_at(place)}associate_state_task asks for a task, and there is none")
        return CompositeEvent(
            self._event(table("service_start_event"), document["service"], f"{place}/service"),
            self._event(table("state_start_event"), document["state"], f"{place}/state"),
            None if task is None else self._event(table("task_start_event"), task, f"{place}/task"),
            associated,
        )

    def _event(self, table: Table, document: Document, place: str = "") -> Event:
        shape, own = table.shape(document), document.copy()
        occasion = {name: own.pop(name) for name in shape.occasion}
        orders = {name: own.pop(name) for name in shape.orders} if shape.orders else {}
        extensions = {name: own.pop(name) for name in shape.extensions} if shape.extensions else {}
        event = Event(own, occasion, orders, extensions)
        if self._terms.business.attributes:
            event = self._with_ids(table, event, place)
        if shape.advice:
            self._advise(shape, place)
        if table.closed:
            self._look_below(table, document, place)
        if not extensions:
            return event
        if self._terms.api == "8.1":
            return self._declared(table, event)
        if names := self._store.respelt(extensions):
            self._notes.advice += [_at(place) + each for each in respelt(names)]
        return event

    def _with_ids(self, table: Table, event: Event, place: str) -> Event:
        kind = RESOURCE_OF[table.name]
        own, occasion = (self._mapped(kind, table, members, place) for members in (event.own, event.occasion))
        orders = dict(event.orders)
        for name, value in orders.items():
            if name in table.closed and isinstance(value, dict):  # what the states of a transition take over
                orders[name] = self._mapped(kind, self._terms.table(table.closed[name]), value, f"{place}/{name}")
        return replace(event, own=own, occasion=occasion, orders=orders)

    def _mapped(self, kind: str, table: Table, members: Document, place: str) -> Document:
        broken: list[Violation] = []
        read = {name: value for name, value in members.items() if name in table.types}
        found = members | self._terms.business.as_ids(kind, read, place, broken)
        self._broken += [replace(each, row={**asdict(table.row(each.row["field"])), **each.row}) for each in broken]
        return found

    def _look_into(self, table: Table, document: Document, place: str) -> None:
        """Tell what is not read, of a document without attached data and of those in it."""
        shape = table.shape(document)
        if self._terms.readings["unlisted-member"] == "refuse":
            self._broken += [unlisted(place + pointer_of([name]), name, document[name]) for name in shape.extensions]
        elif shape.advice:
            self._advise(shape, place)
        self._look_below(table, document, place)

    def _look_below(self, table: Table, document: Document, place: str) -> None:
        for name, closed in table.closed.items():
            for at, each in _numbered(document.get(name), f"{place}/{name}"):
                if isinstance(each, dict):
                    self._look_into(self._terms.table(closed), each, at)

    def _advise(self, shape: Shape, place: str) -> None:
        self._notes.advice += [_at(place) + each for each in shape.advice]

    def _declared(self, table: Table, event: Event) -> Event:
        """The event with its attached data under the spelling of their schemas; what breaks one is a violation."""
        kind, found, folds = RESOURCE_OF[table.name], {}, set()
        for name, value in event.extensions.items():
            schema = self._store.extension_schemas.get((kind, name.casefold()))
            if schema is not None:
                declared = extension_of(schema)
                whole = self._whole(declared, value)
                self._broken += declared.violations(name, value, whole)
                if declared.name in found:
                    twice = f"{declared.name} is given twice, differing only by case; the last counts"
                    self._notes.advice.append(twice)
                found[declared.name] = whole
                folds.add(name.casefold())
                continue
            reading = "undefined-extension" if isinstance(value, dict | list) else "unlisted-member"
            if self._terms.readings[reading] == "refuse":
                self._broken.append(undeclared(kind, table.open_row, name, value, reading))
            found[name] = value
        return replace(event, extensions=found, declared=frozenset(folds))

    def _whole(self, declared: Extension, value: Any) -> Any:
        return declared.filled(value) if self._terms.readings["attribute-default"] == "fill" else value

    def attached(self, path: Document, document: Any) -> Any:
        """The body of an 8.1 extension update, checked against the schema of the path's extension."""
        place = "ext_name" if "ext_name" in path else "extension_name"
        name, table, kind = path[place], self._table, self._terms.operation.name.split("_")[1]
        schema = self._store.extension_schemas.get((kind, name.casefold()))
        if schema is None:
            if table.name != "extension_value" or self._terms.readings["undefined-extension"] == "refuse":
                missing = undeclared(kind, table.open_row, name, document, "undefined-extension")
                fix = missing.fix if table.name == "extension_value" else missing.fix.partition(", or")[0]
                self._broken.append(replace(missing, pointer=f"path:{place}", fix=fix))
            elif not _is_extension(document):
                message = f"{name} must be an object or an array of objects, not {kind_of(document)}"
                self._broken.append(Violation("", shown(document), message, "send an object", asdict(table.open_row)))
            return document
        declared = extension_of(schema)
        if table.name == "extension_value":
            whole = self._whole(declared, document)
            found = declared.violations(name, document, whole)
            self._broken += [replace(each, pointer=each.pointer.removeprefix(pointer_of([name]))) for each in found]
            return whole
        if isinstance(document, dict):  # else its own table has said so
            self._broken += declared.partly(document, keys_only=table.name == "extension_record_key")
        return document


def _numbered(given: Any, place: str) -> Iterable[tuple[str, Any]]:
    if isinstance(given, list):
        return ((f"{place}/{number}", each) for number, each in enumerate(given))
    return ((place, given),)


def _at(place: str) -> str:
    return f"{place}/" if place else ""


def _is_extension(value: Any) -> bool:
    return all(isinstance(each, dict) for each in (value if isinstance(value, list) else [value]))


def unlisted(pointer: str, name: str, value: Any) -> Violation:
    """What is said of a plain member that no table lists, where the reading forbids it."""
    return forbidden("unlisted-member", pointer, value, f"{name} is not documented here", f"leave {name} out")


def undeclared(kind: str, row: Field, name: str, value: Any, reading: str) -> Violation:
    """What is said of attached data in 8.1 that no extension schema declares."""
    message = f"no {kind} extension schema is called {name}, so {kind_of(value)} cannot stand there"
    fix = f"leave {name} out, or switch the reading {reading} to accept"
    if reading == "undefined-extension":
        fix = f"create the schema with POST /metadata/{kind}s/extensions, or switch the reading {reading} to accept"
    return Violation(pointer_of([name]), shown(value), message, fix, asdict(row))
