"""How an event becomes a resource, and how a resource is shown in an answer (Service, State, Task)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mockcs.advice import respelt
from mockcs.business import BusinessAttributes
from mockcs.clock import text_of
from mockcs.ids import KINDS, written
from mockcs.index import parts
from mockcs.messages import Document, Event
from mockcs.store import Resource, Store
from mockcs.terms import Params

LISTS = ("active_states", "completed_states", "active_tasks", "completed_tasks")
KIND_OF = {name: name.partition("_")[2].removesuffix("s") for name in LISTS}
"""What the lists of a service hold: states or tasks."""
LISTS_OF = {"service": LISTS, "state": LISTS[2:], "task": ()}
"""The lists that a service, state or task can have."""
_RESERVED = frozenset(("started", "completed", *LISTS))
_TRUE = (True, "true")


def is_true(value: Any) -> bool:
    """Whether a boolean member says true; examples put it into quotes (Composite Start, 8.5.1)."""
    return value in _TRUE


def started_members(event: Event, now: int) -> Document:
    """The documented members of a resource that this event starts; completed at once when `auto_closed`."""
    members = dict(event.own)
    members["started"] = _occasion(event, now)
    if is_true(event.orders.get("auto_closed")):
        members["completed"] = {"timestamp": members["started"]["timestamp"]}
    return members


def completed_members(members: Document, event: Event, now: int) -> Document:
    """The members of a resource that this event ends."""
    return {**members, **event.own, "completed": _occasion(event, now)}


def updated_members(members: Document, event: Event) -> Document:
    """The members of a resource that takes over what a later start event gives; its start's time stays."""
    occasion = {name: value for name, value in event.occasion.items() if name != "timestamp"}
    return {**members, **event.own, "started": {**members["started"], **occasion}}


def _occasion(event: Event, now: int) -> Document:
    timestamp = event.occasion.get("timestamp")
    return {"timestamp": text_of(now) if timestamp is None else timestamp, **event.occasion}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a query wants to see: which of the four lists, which attached data, and where.

    `extensions` are the names as sent, with a prefix if `wildcards`; `fold` finds them in any case (8.1).
    """

    lists: frozenset[str]
    extensions: tuple[str, ...]
    placement: str
    id_form: str
    fold: bool
    business: BusinessAttributes | None = None
    wildcards: bool = True

    def names(self, resource: Resource, queried: str) -> list[str]:
        """Which of a resource's attached data are wanted, when resources of kind `queried` are asked for."""
        found = []
        for asked in self.extensions:
            prefix, dot, rest = asked.partition(".") if self.wildcards else (asked, "", "")
            if (asked == "*" and self.wildcards) or (dot and prefix.lower() == resource.kind and rest in ("", "*")):
                return list(resource.extensions)  # `State.` is how 8.5.1 prints `State.*`
            name = rest if dot and prefix.lower() == resource.kind else asked if resource.kind == queried else None
            if name is not None:
                found += [own for own in resource.extensions if self._is(own, name)]
        return list(dict.fromkeys(found))

    def _is(self, own: str, name: str) -> bool:
        return own == name or (self.fold and own.casefold() == name.casefold())


def wanted_of(params: Params) -> Wanted:
    """What the query parameters ask for."""
    query = params.query
    return Wanted(
        lists=frozenset(name for name in LISTS if query.get(name)),
        extensions=tuple(query.get("extensions", ())),
        placement=params.readings["extensions-placement"],
        id_form=params.readings["service-id"],
        fold=params.terms.api == "8.1",
        business=params.terms.business if params.readings["map-names"] == "names" else None,
        wildcards=params.readings["extensions-wildcards"] == "yes",
    )


EVERYTHING = Wanted(frozenset(LISTS), ("*",), "top", "integer", fold=False)
"""What the admin API shows of a service."""


class View:
    """Shows resources as one query wants them, and gathers the advice that comes of it."""

    def __init__(self, store: Store, wanted: Wanted, kind: str) -> None:
        self._advice: list[str] = []
        self._found: set[str] = set()
        self._store = store
        self._wanted = wanted
        self._kind = kind

    @property
    def advice(self) -> tuple[str, ...]:
        """What is odd about what was asked for and shown, each sentence once."""
        return tuple(dict.fromkeys((*self._unfound(), *self._advice)))

    def _unfound(self) -> Iterator[str]:
        """Advice on attached data that was asked for and is not there."""
        for asked in self._wanted.extensions:
            name = asked.casefold()
            if not self._wanted.fold:
                if name not in self._found:
                    yield from respelt(self._store.respelt([asked]))
            elif asked == "*" or ("." in asked and name.partition(".")[0] in KINDS):
                read = "read all the same" if self._wanted.wildcards else "taken for names"
                yield f"* and the prefixes State. and Task. in extensions belong to 8.5; they are {read}: {asked}"
            elif name not in self._found and (self._kind, name) not in self._store.extension_schemas:
                yield f"no {self._kind} extension schema is called {asked}"

    def document(self, resource: Resource, *, nested: bool = False) -> Document:
        """The resource as a query shows it; a nested one lacks its service's id."""
        shown = self._ids(resource, nested)
        shown.update(self._named(resource))
        for name in self._lists(resource, nested):
            shown[name] = [self.document(part, nested=True) for part in self._parts(resource, name)]
        self._attach(shown, resource)
        return shown

    def _named(self, resource: Resource) -> Document:
        """The members, values of business attributes by name where that is wanted."""
        business = self._wanted.business
        if business is None or not business.attributes:
            return resource.members

        def named(members: Document) -> Document:
            found = {}
            for name, value in members.items():
                attribute = business.mapped(resource.kind, name)
                nested = named(value) if name in ("started", "completed") else value
                found[name] = nested if attribute is None else attribute.name_of(value)
            return found

        return named(resource.members)

    def _ids(self, resource: Resource, nested: bool) -> Document:
        service = written(resource.service_id, self._wanted.id_form)
        if resource.kind == "service":
            return {"service_id": service}
        ids = {
            f"{resource.kind}_id": resource.id,
            f"{resource.kind}_type": resource.type,
            "service_id": service,
        }
        if resource.state_id is not None:
            ids["state_id"] = resource.state_id
        dropped = {"service_id"} if nested else set()
        return {name: value for name, value in ids.items() if value is not None and name not in dropped}

    def _lists(self, resource: Resource, nested: bool) -> list[str]:
        # A service's task lists hold the tasks of its states too, so a nested state repeats none.
        if nested:
            return []
        return [name for name in LISTS_OF[resource.kind] if name in self._wanted.lists]

    def _parts(self, resource: Resource, name: str) -> list[Resource]:
        active, kind = name.partition("_")[0], KIND_OF[name]
        state_id = resource.id if resource.kind == "state" else None
        key = parts(kind, resource.service_id, active=active == "active", state_id=state_id)
        return self._store.listed(kind, key)

    def _attach(self, shown: Document, resource: Resource) -> None:
        place = shown if self._wanted.placement == "top" else dict(shown["started"])
        for name in self._wanted.names(resource, self._kind):
            self._found.add(name.casefold())
            if name in place or name in _RESERVED:
                self._advice.append(f"the attached data {name} is hidden behind the documented member of that name")
            else:
                place[name] = resource.extensions[name]
        if place is not shown:
            shown["started"] = place
