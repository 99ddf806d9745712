"""A service with its states and tasks as one whole: find, start, update and end its parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NoReturn

from mockcs.clock import DAY, milliseconds_of, text_of
from mockcs.errors import Refusal
from mockcs.ids import written
from mockcs.index import parts
from mockcs.messages import Answer, Change, Document, Event
from mockcs.resources import View, completed_members, started_members, updated_members, wanted_of
from mockcs.store import Resource, Store
from mockcs.terms import Params, Terms
from mockcs.violations import forbidden

_IDS = ("service_id", "state_id", "task_id")


def service_of(store: Store, params: Params) -> Resource:
    """The service of the path; the documented refusal when there is none."""
    number = params.path["service_id"]
    service = store.get("service", number) if isinstance(number, int) else None
    if service is None:
        sent = written(number, params.readings["service-id"]) if isinstance(number, int) else number
        raise Refusal("service_not_found", id=sent)
    return service


def part_of(store: Store, params: Params, kind: str) -> Resource:
    """The state or task of the path, in the service of the path; the documented refusal when there is none."""
    return part_in(store, service_of(store, params), kind, params.path[f"{kind}_id"])


def part_in(store: Store, service: Resource, kind: str, number: int) -> Resource:
    """The state or task of that id in a service; the documented refusal when there is none."""
    part = store.get(kind, int(number))  # 40.0 is an integer too
    if part is None or part.service_id != service.id:
        raise Refusal(f"{kind}_not_found", id=number)
    return part


def shown_id(resource: Resource, params: Params) -> int | str:
    """The id of a resource as answers, Locations and the record of a change show it."""
    return written(resource.id, params.readings["service-id"]) if resource.kind == "service" else resource.id


def refuse(reading: str, sentence: str, fix: str, value: Any = None) -> NoReturn:
    """Refuse what a reading forbids; `fix` is what the client would have to do instead."""
    raise Refusal("refused_by_reading", (forbidden(reading, "", value, sentence, fix),), reason=sentence)


def tolerated(params: Params, reading: str, sentence: str, fix: str, value: Any = None) -> str:
    """The sentence as advice where the reading says `accept`; a refusal with it where it says `refuse`."""
    if params.readings[reading] == "accept":
        return sentence
    refuse(reading, sentence, fix, value)


def doubtful_time(service: Resource, event: Event) -> Iterator[str]:
    """Advice on an event that lies before the start of its service, but for one of another day: that is replayed."""
    timestamp, started = event.occasion.get("timestamp"), service.members["started"]["timestamp"]
    if timestamp is not None and timestamp < started and milliseconds_of(started) - milliseconds_of(timestamp) < DAY:
        yield f"the timestamp {timestamp} lies before the start of the service, {started}"


def other_ids(event: Event, **counts: int | str | None) -> Iterator[str]:
    """Advice on an id in a body that is not the one that counts: that of the URL, or the state of a task."""
    for name, number in counts.items():
        if (event.orders | event.own).get(name, number) != number:
            none = "is not read, for the task belongs to none"
            yield f"the {name} of the body {none if number is None else f'differs from {number}, which counts'}"


def check_keys(params: Params, event: Event) -> None:
    """Refuse a service with both a customer and a contact key where the reading says so."""
    if params.readings["both-keys"] == "refuse" and {"customer_id", "contact_key"} <= event.own.keys():
        refuse("both-keys", "both customer_id and contact_key are given", "leave one of them out")


def empty_keys(event: Event) -> list[str]:
    """Advice on a customer or a contact key that is an empty string, as an unset variable gives it."""
    if "" not in event.own.values():
        return []
    keys = [name for name in ("customer_id", "contact_key") if event.own.get(name) == ""]
    return [f"{name} is empty, so no URL can ask for the services under it" for name in keys]


def is_over(store: Store, expires: int | None) -> bool:
    """Whether that expiration has come."""
    return expires is not None and expires <= store.now


def short_life(store: Store, expires: int | None, idle: int | None = None) -> Iterator[str]:
    """Advice on an expiration, or a time to completion, that is over already."""
    if is_over(store, expires):
        why = "leaves no time" if expires == store.now else "lies in the past"
        yield f"the expiration {why}, so the service is gone as soon as this is answered"
    if idle == 0:
        yield "auto_complete_after leaves no time, so the service is completed as soon as this is answered"


def start_in_path(store: Store, params: Params, kind: str) -> Answer:
    """Start a state or a task in the service of the path; the server gives the id (Start State, Start Task)."""
    service, event = service_of(store, params), params.event()
    advice = [*start_doubts(params, service, event), *unknown_states(store, service, event)]
    part = start_part(store, kind, service, event)
    service_id = shown_id(service, params)
    ids = {f"{kind}_id": part.id}
    changes = ((kind, part.id, "created"),)
    return Answer(ids, {"service_id": service_id, **ids}, changes=changes, advice=tuple(advice))


def new_service(store: Store, params: Params, event: Event) -> Resource:
    """Store a new service."""
    now, terms = store.now, params.terms
    members = started_members(event, now)
    lifetime = terms.business.lifetime(members.get("service_type"), terms.lifetime)
    expires = expiry(terms, event, now, members["started"]["timestamp"], lifetime)
    idle = idle_of(event, terms.settings.auto_complete_after)
    number = store.next_id("service")
    service = Resource("service", number, members, event.extensions, number, None, expires, idle, now)
    store.add(service)
    return service


def attached(resource: Resource, event: Event) -> Document:
    """The attached data of a resource that is given more by an event."""
    recorded = resource.extensions
    if event.declared:
        recorded = {name: value for name, value in recorded.items() if name.casefold() not in event.declared}
    return {**recorded, **event.extensions}


def idle_of(event: Event, seconds: float | None) -> int | None:
    """The milliseconds without a change after which a service is completed: as its event orders, or `seconds`."""
    return idle_after(event.orders.get("auto_complete_after", seconds))


def idle_after(seconds: float | None) -> int | None:
    """Those seconds as whole milliseconds; None for never."""
    return None if seconds is None else max(int(seconds), 0) * 1000


def expiry(terms: Terms, event: Event, now: int, timestamp: str, expires_after: int | None = None) -> int | None:
    """When a service expires, as an event orders; `ttl` goes before `expiration_time` (Update Expiration Time, 8.5.1).

    Without either it expires after `expires_after` milliseconds, None for never.
    """
    orders = event.orders
    after = int(orders["ttl"]) * 1000 if "ttl" in orders else expires_after
    if "expiration_time" in orders and "ttl" not in orders:
        return milliseconds_of(orders["expiration_time"])
    if after is None:
        return None
    return (milliseconds_of(timestamp) if terms.from_event else now) + after


def ordered_expiry(store: Store, terms: Terms, event: Event) -> int | None:
    """When an event of a service that is there orders it to expire; None when it orders nothing."""
    return expiry(terms, event, store.now, event.occasion.get("timestamp", text_of(store.now)))


def end_service(store: Store, service: Resource, event: Event, *, cascade: bool, **times: int | None) -> list[Change]:
    """End a service, and its open states and tasks with it if `cascade`; returns what changed below the service."""
    members = completed_members(service.members, event, store.now)
    ended = store.update(service, members=members, extensions=attached(service, event), **times)
    return list(end_parts(store, ended)) if cascade else []


def settle(store: Store) -> dict[str, list[int]]:
    """Carry out what is due: {"expired": ids of services that are gone, "completed": ids of those that were ended}."""
    done: dict[str, list[int]] = {"expired": [], "completed": []}
    now = store.now
    for when, expires, service in store.due():
        if expires:
            store.remove(service)
        else:
            store.now = when  # it ends when its time was up, however late that is noticed
            end_service(store, service, Event({}, {}, {}, {}), cascade=True)
            store.now = now
        done["expired" if expires else "completed"].append(service.id)
    return done


def complete_in_path(store: Store, params: Params, kind: str) -> Answer:
    """End the state or task of the path (Complete State, Complete Task, 8.5.2)."""
    part, event = part_of(store, params, kind), params.event()
    service = service_of(store, params)
    ids: dict[str, int | str | None] = {"service_id": shown_id(service, params), f"{kind}_id": part.id}
    if kind == "task":
        ids["state_id"] = part.state_id
    advice = [*doubtful_time(service, event), *other_ids(event, **ids), *end_part(store, params, part, event)]
    return Answer(changes=((kind, part.id, "completed"),), advice=tuple(advice))


def end_part(store: Store, params: Params, part: Resource, event: Event) -> list[str]:
    """End a state or task; returns the advice on ending it twice."""
    advice = []
    if not part.active:
        advice.append(completed_again(params, part))
    own = {name: value for name, value in event.own.items() if name not in _IDS}
    members = completed_members(part.members, replace(event, own=own), store.now)
    store.update(part, members=members, extensions=attached(part, event))
    return advice


def completed_again(params: Params, resource: Resource) -> str:
    """Advice on ending what has ended; its refusal where the reading says so."""
    sentence = f"the {resource.kind} was completed already"
    return tolerated(params, "complete-again", sentence, f"complete the {resource.kind} once")


def started_late(params: Params, what: str) -> str:
    """Advice on a start or a transition in a completed service; its refusal where the reading says so."""
    sentence = f"the service was completed before this {what}"
    return tolerated(params, "start-in-completed", sentence, "send it to an active service")


def query_parts(store: Store, params: Params, kind: str) -> Answer:
    """The states or tasks of the service of the path, by type, and tasks by state (Query States, Query Tasks)."""
    service, query = service_of(store, params), params.query
    types = query.get(f"{kind}_types")
    names = None if types is None else {params.terms.business.same(kind, f"{kind}_type", each) for each in types}
    view = View(store, wanted_of(params), kind)
    found = [
        view.document(part)
        for part in store.listed(kind, *(parts(kind, service.id, active=each) for each in params.terms.selection))
        if (names is None or params.terms.business.same(kind, f"{kind}_type", part.type) in names)
        and ("state_id" not in query or part.state_id == query["state_id"])
    ]
    return Answer(found, advice=view.advice)


def removed(store: Store, params: Params, service: Resource) -> list[Change]:
    """Remove a service with its states and tasks; returns what was deleted."""
    gone = [service, *store.parts(service.id)]
    store.remove(service)
    return [(each.kind, shown_id(each, params), "deleted") for each in gone]


def start_part(store: Store, kind: str, service: Resource, event: Event, state_id: int | None = None) -> Resource:
    """Store a new state or task of the service; `state_id` or the event's own attaches a task to a state."""
    members = started_members(event, store.now)
    own_state = members.pop("state_id", None)
    given = own_state if state_id is None else state_id
    part = Resource(
        kind=kind,
        id=store.next_id(kind),
        members=members,
        extensions=event.extensions,
        service_id=service.id,
        state_id=None if given is None else int(given),
    )
    store.add(part)
    return part


def take_over(
    store: Store, resource: Resource, event: Event, state_id: int | None = None, **times: int | None
) -> Resource:
    """Let a resource take over what a start event gives, its id and its start's time excepted."""
    own = {name: value for name, value in event.own.items() if name not in _IDS}
    given = event.own.get("state_id") if state_id is None else state_id
    return store.update(
        resource,
        members=updated_members(resource.members, Event(own, event.occasion, {}, {})),
        extensions=attached(resource, event),
        state_id=resource.state_id if given is None or resource.kind != "task" else int(given),
        **times,
    )


def end_parts(store: Store, service: Resource) -> Iterator[Change]:
    """End the open states and tasks of a service at the time of its own end."""
    end = {"completed": {"timestamp": service.members["completed"]["timestamp"]}}
    for part in store.parts(service.id, active=(True,)):
        store.update(part, members={**part.members, **end})
        yield (part.kind, part.id, "completed")


def start_doubts(params: Params, service: Resource, event: Event, what: str = "start") -> Iterator[str]:
    """Advice on the start of a state or task in a service; its refusal where a reading says so."""
    yield from doubtful_time(service, event)
    if not service.active:
        yield started_late(params, what)
    yield from other_ids(event, service_id=shown_id(service, params))


def unknown_states(store: Store, service: Resource, event: Event) -> Iterator[str]:
    """Advice on a state that an event names and the service does not have."""
    for name in ("state_id", "previous_state_id"):
        if name in event.own:
            state = store.get("state", event.own[name])
            if state is None or state.service_id != service.id:
                yield f"the service has no state with the {name} {event.own[name]}"
