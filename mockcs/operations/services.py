"""Start, associate, complete and query services."""

from __future__ import annotations

from functools import partial

from mockcs.aggregate import (
    check_keys,
    completed_again,
    doubtful_time,
    empty_keys,
    end_service,
    is_over,
    new_service,
    ordered_expiry,
    other_ids,
    refuse,
    removed,
    service_of,
    short_life,
    shown_id,
    take_over,
    tolerated,
)
from mockcs.errors import Refusal
from mockcs.index import anonymous, history
from mockcs.messages import Answer, Change, Event
from mockcs.resources import View, wanted_of
from mockcs.store import Resource, Store
from mockcs.terms import Params


def start_service(store: Store, params: Params) -> Answer:
    """Start a service; the server gives the id (Start Service, 8.5.1)."""
    event, readings = params.event(), params.readings
    check_keys(params, event)
    service = new_service(store, params, event)
    service_id = shown_id(service, params)
    ids = {"service_id": service_id}
    form = ("services", "service").index(readings["start-service-location"])
    changes = (("service", service_id, "created"),)
    advice = (*short_life(store, service.expires, service.idle), *empty_keys(event))
    return Answer(ids, ids, location=form, changes=changes, advice=advice)


def associate_service(store: Store, params: Params) -> Answer:
    """Give a service to a customer, in place of an earlier one (Associate Service, 8.5 latest)."""
    service = service_of(store, params)
    event = params.event()
    event.own["customer_id"] = params.path["customer_id"]
    take_over(store, service, event)
    advice = [*doubtful_time(service, event)]
    if not service.active:
        advice.append("the service was completed before it was associated")
    return Answer(changes=_changed(service, params, "updated"), advice=tuple(advice))


def complete_service(store: Store, params: Params) -> Answer:
    """End a service (Complete Service, 8.5 latest)."""
    service = service_of(store, params)
    event = params.event()
    cascade = params.readings["complete-cascades"] == "yes"
    advice = [*doubtful_time(service, event), *other_ids(event, service_id=shown_id(service, params))]
    if not service.active:
        advice.append(completed_again(params, service))
    open_parts = 0 if cascade else len(store.parts(service.id, active=(True,)))
    if open_parts:
        advice.append(f"the service is completed while {open_parts} of its states and tasks are open")
    ordered = ordered_expiry(store, params.terms, event)
    times = {} if ordered is None else {"expires": ordered}
    advice += short_life(store, ordered)
    ended = end_service(store, service, event, cascade=cascade, **times)
    return Answer(changes=(*_changed(service, params, "completed"), *ended), advice=tuple(advice))


def delete_service(store: Store, params: Params) -> Answer:
    """Remove a service with its states and tasks (Delete Service By ID, 8.5.1)."""
    return Answer(changes=tuple(removed(store, params, service_of(store, params))))


def update_expiration_time(store: Store, params: Params) -> Answer:
    """Set the time at which a service expires (Update Expiration Time, 8.5.1)."""
    service = service_of(store, params)
    if not params.body.keys() & {"ttl", "expiration_time"}:
        nothing = "neither ttl nor expiration_time is given, so nothing changes"
        fix = "give ttl or expiration_time"
        return Answer(advice=(tolerated(params, "expiration-none-given", nothing, fix),))
    expires = ordered_expiry(store, params.terms, Event({}, {}, params.body, {}))
    over = is_over(store, expires)
    if over and params.readings["expiration-in-past"] == "refuse":
        refuse("expiration-in-past", "the expiration lies in the past", "give a time that is to come")
    advice = tuple(short_life(store, expires))
    if over:
        return Answer(changes=tuple(removed(store, params, service)), advice=advice)
    store.update(service, expires=expires)
    return Answer(changes=_changed(service, params, "updated"), advice=advice)


def query_service_by_id(store: Store, params: Params) -> Answer:
    """One service (Query Service by ID, 8.5.1)."""
    view = View(store, wanted_of(params), "service")
    return Answer(view.document(service_of(store, params)), advice=view.advice)


def query_services(store: Store, params: Params) -> Answer:
    """The services of a customer, active, completed or both (Query Services, 8.5.1)."""
    customer_id = params.path["customer_id"]
    return _found(store, params, [history(customer_id, active=active) for active in params.terms.selection])


def query_anonymous_services(store: Store, params: Params) -> Answer:
    """The anonymous services of a contact key, active, completed or both (Query Services, 8.5.1)."""
    contact_key = params.path["contact_key"]
    return _found(store, params, [anonymous(contact_key, active=active) for active in params.terms.selection])


def _found(store: Store, params: Params, keys: list[str]) -> Answer:
    view = View(store, wanted_of(params), "service")
    found = [view.document(service) for service in store.listed("service", *keys) if _passes(service, params)]
    if not found and params.readings["empty-query"] == "not-found":
        raise Refusal("service_not_found", id=next(iter(params.path.values())))
    return Answer(found, advice=view.advice)


def _passes(service: Resource, params: Params) -> bool:
    # started_from is inclusive, started_to exclusive (Query Services, 8.5.1); the texts compare like the times.
    query, started = params.query, service.members["started"]["timestamp"]
    same = partial(params.terms.business.same, "service", "service_type")
    types = query.get("service_types")
    return (
        query.get("started_from", started) <= started
        and not ("started_to" in query and query["started_to"] <= started)
        and (types is None or same(service.type) in {same(each) for each in types})
    )


def _changed(service: Resource, params: Params, change: str) -> tuple[Change, ...]:
    return (("service", shown_id(service, params), change),)
