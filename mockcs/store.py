"""Services with their states and tasks, kept as bytes behind indexes; knows nothing of HTTP."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from heapq import merge
from typing import Any

from mockcs.deadlines import COMPLETE, EXPIRE, Deadlines
from mockcs.ids import KINDS, Ids
from mockcs.index import Index, anonymous, associated, history, parts, typed_twins
from mockcs.json_text import pack, unpack
from mockcs.messages import Document, record


@record
class Resource:
    """A service, state or task as it is stored.

    `kind` is service, state or task; `service_id` a state's and a task's service; `state_id` a task's state.
    `members` are the documented ones as a query shows them, without ids; `extensions` the attached data.
    A service `expires` at a time, and is ended when it was not `touched` for `idle` milliseconds; times are in
    milliseconds since 1970, None for never.
    """

    kind: str
    id: int
    members: Document
    extensions: Document
    service_id: int = 0
    state_id: int | None = None
    expires: int | None = None
    idle: int | None = None
    touched: int = 0

    @property
    def active(self) -> bool:
        """Whether it has not been completed."""
        return "completed" not in self.members

    @property
    def type(self) -> Any:
        """Its service_type, state_type or task_type; None when it has none."""
        return self.members.get(f"{self.kind}_type")

    @property
    def order(self) -> tuple[str, int]:
        """What lists are ordered by: the start's timestamp, then the id."""
        return self.members["started"]["timestamp"], self.id


_SPARE, _FEW = 4, 1000  # deadlines for each service, and services, from which on those that hold no more are dropped
_MOST_SPELLINGS = 10_000  # of attached data's names, to tell when one differs from another only by case


def _keys_of(resource: Resource) -> list[str]:
    members, active = resource.members, "completed" not in resource.members
    if resource.kind == "service":
        return _service_keys(members, active)
    kind, service_id, state_id = resource.kind, resource.service_id, resource.state_id
    keys = [parts(kind, service_id, active=active)]
    if state_id is not None:
        keys.append(parts(kind, service_id, active=active, state_id=state_id))
    if active:
        keys.append(typed_twins(kind, "service", service_id, resource.type))
    return keys


def _service_keys(members: Document, active: bool) -> list[str]:
    type_, contact_key = members.get("service_type"), members.get("contact_key")
    keys = []
    if (customer_id := members.get("customer_id")) is not None:
        keys.append(history(customer_id, active=active))
        if active:
            keys.append(typed_twins("service", "customer_id", customer_id, type_))
    elif contact_key is not None:
        keys.append(anonymous(contact_key, active=active))
    if active and contact_key is not None:
        keys.append(typed_twins("service", "contact_key", contact_key, type_))
        if customer_id is not None:
            keys.append(associated(contact_key))
    return keys


class Store:
    """The state of one space: resources, extension schemas, the server's mode and the next ids.

    `now` is the time of what is being done, in milliseconds since 1970.
    """

    __slots__ = (
        "_due",
        "_idle",
        "_index",
        "_records",
        "_spellings",
        "_spelt",
        "extension_schemas",
        "ids",
        "mode",
        "now",
        "switched",
    )

    def __init__(self) -> None:
        self.now = 0
        self.ids = Ids()
        self.mode = "production"
        self.switched = 0
        self._spellings: dict[str, str] = {}
        self._spelt: set[str] = set()
        self.extension_schemas: dict[tuple[str, str], bytes] = {}
        self._records: dict[str, dict[int, bytes]] = {"service": {}, "state": {}, "task": {}}
        self._index = Index()
        self._due = Deadlines()
        self._idle: set[int] = set()

    def copy(self) -> Store:
        """The same state, to be changed apart from this one."""
        twin = Store()
        twin.ids, twin.mode, twin.switched = replace(self.ids), self.mode, self.switched
        twin._spellings, twin._spelt = dict(self._spellings), set(self._spelt)
        twin.extension_schemas = self.extension_schemas
        twin._records = {kind: dict(records) for kind, records in self._records.items()}
        twin._index, twin._due, twin._idle = self._index.copy(), self._due.copy(), set(self._idle)
        return twin

    def respelt(self, names: Collection[str]) -> list[tuple[str, str]]:
        """Those names of attached data that were first written in another case, each with that first spelling."""
        spelt, known = self._spelt, self._spellings
        if spelt.issuperset(names):
            return []
        return [(name, known[name.casefold()]) for name in names if name not in spelt and name.casefold() in known]

    def free_ids(self) -> Ids:
        """The next id of each kind that is not taken."""
        return Ids(*(self.ids.free(kind, self._records[kind]) for kind in KINDS))

    def begin_ids(self, ids: Ids) -> None:
        """Set the next ids; those that are taken are passed over."""
        self.ids = ids
        self.ids = self.free_ids()

    def next_id(self, kind: str) -> int:
        """The next free id of that kind, given away."""
        number = self.ids.free(kind, self._records[kind])
        setattr(self.ids, kind, number + 1)
        return number

    def add(self, resource: Resource) -> None:
        """Store a new resource."""
        number, add = resource.id, self._index.add
        self._records[resource.kind][number] = _bytes_of(resource)
        for key in _keys_of(resource):
            add(key, number)
        self._changed(resource, None)

    def update(self, old: Resource, **changes: Any) -> Resource:
        """Store the changed resource in the place of the old one, and return it.

        Its members, extensions, state_id, expires and idle can change; it counts as touched now.
        """
        given = changes.get
        new = Resource(
            old.kind,
            old.id,
            given("members", old.members),
            given("extensions", old.extensions),
            old.service_id,
            given("state_id", old.state_id),
            given("expires", old.expires),
            given("idle", old.idle),
            self.now,
        )
        self._records[new.kind][new.id] = _bytes_of(new)
        before, after = _keys_of(old), _keys_of(new)
        if before != after:
            for key in before:
                if key not in after:
                    self._index.discard(key, new.id)
            for key in after:
                if key not in before:
                    self._index.add(key, new.id)
        self._changed(new, old)
        return new

    def _changed(self, new: Resource, old: Resource | None) -> None:
        if not self._spelt.issuperset(new.extensions):
            self._note_spelling(new.extensions)
        if new.kind != "service":
            self._touch(new.service_id)
            return
        if old is None or new.expires != old.expires:
            self._note_due(new, EXPIRE)
        # Touched earlier than before, as when the clock was set back, it is due earlier.
        if new.idle is not None and (old is None or new.idle != old.idle or new.touched < old.touched):
            self._idle.add(new.id)
            self._note_due(new, COMPLETE)

    def _note_spelling(self, names: Collection[str]) -> None:
        for name in names:
            if name not in self._spelt and len(self._spelt) < _MOST_SPELLINGS:
                self._spelt.add(self._spellings.setdefault(name.casefold(), name))

    def remove(self, resource: Resource) -> None:
        """Do away with a resource; a service takes its states and tasks with it."""
        if resource.kind == "service":
            for part in self.parts(resource.id):
                self.remove(part)
            self._idle.discard(resource.id)
        del self._records[resource.kind][resource.id]
        for key in _keys_of(resource):
            self._index.discard(key, resource.id)

    def parts(self, service_id: int, *, active: tuple[bool, ...] = (True, False)) -> list[Resource]:
        """The states and tasks of a service."""
        return [
            part
            for kind in ("state", "task")
            for part in self.listed(kind, *(parts(kind, service_id, active=each) for each in active))
        ]

    @property
    def is_due(self) -> bool:
        """Whether anything may be due now."""
        return self._due.has_come(self.now)

    def due(self) -> Iterator[tuple[int, bool, Resource]]:
        """What is due now, by time and id: the time, whether the service expires (else it is ended), the service.

        Each is to be settled before the next is asked for.
        """
        while self.is_due:
            when, number, kind = self._due.pop()
            service = self.get("service", number)
            if service is None:
                continue
            wanted = _due_time(service, kind)
            if wanted == when:
                yield when, kind == EXPIRE, service
            elif kind == COMPLETE and wanted is not None:
                self._note_due(service, kind)  # it was touched in the meantime

    def get(self, kind: str, number: int) -> Resource | None:
        """The resource of that kind and id."""
        record = self._records[kind].get(number)
        return None if record is None else _resource_of(kind, number, record)

    def count(self, kind: str) -> int:
        """How many resources of that kind are stored."""
        return len(self._records[kind])

    def all(self, kind: str) -> Iterator[Resource]:
        """Every resource of that kind."""
        return (_resource_of(kind, number, record) for number, record in list(self._records[kind].items()))

    def listed(self, kind: str, *keys: str) -> list[Resource]:
        """The resources under these keys, by start and id."""
        records = self._records[kind]
        found = [_resource_of(kind, n, records[n]) for key in keys for n in self._index.ids(key)]
        return sorted(found, key=lambda resource: resource.order)

    def newest_first(self, kind: str, *keys: str) -> Iterator[Resource]:
        """The resources under these keys from the newest back."""
        found = [self._index.newest_first(key) for key in keys]
        numbers = found[0] if len(found) == 1 else merge(*found, reverse=True)
        return (_resource_of(kind, number, self._records[kind][number]) for number in numbers)

    def _note_due(self, service: Resource, kind: int) -> None:
        when = _due_time(service, kind)
        if when is not None:
            self._due.add(when, service.id, kind)
            if len(self._due) > _SPARE * (len(self._records["service"]) + _FEW):
                pairs = ((each, kind) for each in self.all("service") for kind in (EXPIRE, COMPLETE))
                self._due = Deadlines(
                    (at, of.id, kind) for of, kind in pairs if (at := _due_time(of, kind)) is not None
                )

    def _touch(self, service_id: int) -> None:
        # Only a service that may be ended for its idleness need know when it was last touched.
        if service_id in self._idle:
            service = self.get("service", service_id)
            if service is not None:
                self.update(service)


def _due_time(service: Resource, kind: int) -> int | None:
    if kind == EXPIRE:
        return service.expires
    return service.touched + service.idle if service.idle is not None and service.active else None


def _bytes_of(of: Resource) -> bytes:
    return pack([of.members, of.extensions, of.service_id, of.state_id, of.expires, of.idle, of.touched])


def _resource_of(kind: str, number: int, record: bytes) -> Resource:
    return Resource(kind, number, *unpack(record))
