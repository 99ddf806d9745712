"""Composite Start of Service, State, Task (8.5.110): find or start all three in one request."""

from __future__ import annotations

from mockcs.aggregate import (
    check_keys,
    empty_keys,
    idle_of,
    new_service,
    ordered_expiry,
    other_ids,
    short_life,
    shown_id,
    start_doubts,
    start_part,
    started_late,
    take_over,
    unknown_states,
)
from mockcs.index import anonymous, associated, history, parts, typed_twins
from mockcs.messages import Answer, Change, CompositeEvent, Document, Event
from mockcs.resources import is_true
from mockcs.store import Resource, Store
from mockcs.terms import Params

_SERVICE_MEMBERS = ("customer_id", "contact_key", "service_type")
_ABSENT = object()


def composite_start(store: Store, params: Params) -> Answer:
    """Find or start the service, state and task of each event (Composite Start, 8.5.1)."""
    events: tuple[CompositeEvent, ...] = params.body
    for number, event in enumerate(events):  # before anything is stored, for all is done or nothing
        _check(store, params, event, events[:number])
    outcomes = [_Outcome(store, params, event) for event in events]
    bodies = [outcome.body() for outcome in outcomes]
    bare = params.readings["composite-wrapper"] == "bare"
    body = (bodies[0] if bodies else {}) if bare else {"services": bodies}
    if not outcomes:
        return Answer(body, advice=("the list of events is empty, so nothing was started",))
    named = outcomes[0 if params.readings["composite-location"] == "first" else -1]
    changes = tuple(change for outcome in outcomes for change in outcome.changes)
    advice = tuple(each for outcome in outcomes for each in outcome.advice)
    return Answer(body, named.ids(), location=0 if named.task else 1, changes=changes, advice=advice)


class _Outcome:
    """What one event found or started."""

    def __init__(self, store: Store, params: Params, event: CompositeEvent) -> None:
        self._store = store
        self._params = params
        self.changes: list[Change] = []
        self.advice: list[str] = []
        self.created: dict[str, bool] = {}
        self.service = self._service(event.service)
        self.state = self._part("state", event.state)
        self.task: Resource | None = None
        if event.task is not None:
            self.task = self._part("task", event.task, self.state.id if event.associate_state_task else None)

    def ids(self) -> Document:
        """The ids for the answer and its Location."""
        ids = {"service_id": shown_id(self.service, self._params)}
        ids |= {"state_id": self.state.id}
        return ids | {"task_id": self.task.id} if self.task else ids

    def body(self) -> Document:
        """One element of the answer."""
        ids = self.ids()
        return {kind: {f"{kind}_id": ids[f"{kind}_id"], "created": self._flag(kind)} for kind in self.created}

    def _flag(self, kind: str) -> bool | str:
        created = self.created[kind]
        return created if self._params.readings["composite-created"] == "boolean" else str(created).lower()

    def _service(self, event: Event) -> Resource:
        self.advice += empty_keys(event)
        found = _found_service(self._store, self._params, event.own)
        if found is not None:
            service = self._took_over(found, event)
        else:
            service = self._noted(new_service(self._store, self._params, event), created=True)
        self.advice += short_life(self._store, service.expires, service.idle)
        return service

    def _part(self, kind: str, event: Event, state_id: int | None = None) -> Resource:
        self.advice += start_doubts(self._params, self.service, event)
        if state_id is None:
            self.advice += unknown_states(self._store, self.service, event)
        else:
            self.advice += other_ids(event, state_id=state_id)
        found = None if self.created["service"] else self._found_part(kind, event.own)  # a new service has no parts
        if found is not None:
            return self._took_over(found, event, state_id)
        part = start_part(self._store, kind, self.service, event, state_id)
        return self._noted(part, created=True)

    def _found_part(self, kind: str, own: Document) -> Resource | None:
        name = f"{kind}_type"
        if name in own or _is_exact(self._params):
            key = typed_twins(kind, "service", self.service.id, own.get(name))
        else:
            key = parts(kind, self.service.id, active=True)
        return next(self._store.newest_first(kind, key), None)

    def _took_over(self, found: Resource, event: Event, state_id: int | None = None) -> Resource:
        after, updates = found, self._params.readings["composite-found"] == "update"
        if updates:
            after = take_over(self._store, found, event, state_id, **self._times(found, event))
        elif state_id is not None:
            after = self._store.update(found, state_id=state_id)
        for name in _unread(event, updates=updates):
            self.advice.append(f"{name} is not read, for the {found.kind} was found, not started")
        return self._noted(after, created=False, updated=_shown(after) != _shown(found))

    def _times(self, found: Resource, event: Event) -> dict[str, int | None]:
        """The expiration and the time to completion that an event of a found service orders anew."""
        if found.kind != "service" or not event.orders:
            return {}
        ordered = {"expires": ordered_expiry(self._store, self._params.terms, event), "idle": idle_of(event, None)}
        return {name: time for name, time in ordered.items() if time is not None}

    def _noted(self, resource: Resource, *, created: bool, updated: bool = False) -> Resource:
        self.created[resource.kind] = created
        if created or updated:
            how = "created" if created else "updated"
            self.changes.append((resource.kind, shown_id(resource, self._params), how))
        return resource


def _check(store: Store, params: Params, event: CompositeEvent, earlier: tuple[CompositeEvent, ...]) -> None:
    """Refuse what a reading forbids."""
    check_keys(params, event.service)
    own = event.service.own
    if not _ends(event) or params.readings["start-in-completed"] == "accept":
        return
    started = (each.service.own for each in earlier if not _ends(each))
    if any(_agree(each, own, _compared(params, own)) for each in started):
        return  # what the earlier event starts is found then
    if _found_service(store, params, own) is None:
        started_late(params, "start")


def _ends(event: CompositeEvent) -> bool:
    return is_true(event.service.orders.get("auto_closed"))


def _compared(params: Params, own: Document) -> tuple[str, ...]:
    return tuple(name for name in _SERVICE_MEMBERS if name in own or _is_exact(params))


def _is_exact(params: Params) -> bool:
    return params.readings["composite-match"] == "exact"


def _found_service(store: Store, params: Params, own: Document) -> Resource | None:
    compared = _compared(params, own)
    member = "customer_id" if "customer_id" in own else "contact_key"
    value = own[member]
    if "service_type" in compared:
        keys = [typed_twins("service", member, value, own.get("service_type"))]
    elif member == "customer_id":
        keys = [history(value, active=True)]
    else:
        keys = [anonymous(value, active=True), associated(value)]
    candidates = store.newest_first("service", *keys)
    return next((each for each in candidates if _agree(each.members, own, compared)), None)


def _unread(event: Event, *, updates: bool) -> list[str]:
    """The orders of an event that mean nothing to what was found; what it `updates` takes over all but one."""
    closed = ["auto_closed"] if is_true(event.orders.get("auto_closed")) else []
    return closed if updates else sorted([*closed, *(event.orders.keys() - {"auto_closed", "service_id"})])


def _shown(resource: Resource) -> tuple[Document, Document, int | None, int | None, int | None]:
    return resource.members, resource.extensions, resource.state_id, resource.expires, resource.idle


def _agree(members: Document, own: Document, compared: tuple[str, ...]) -> bool:
    return all(members.get(name, _ABSENT) == own.get(name, _ABSENT) for name in compared)
