"""Start, complete, change and query states."""

from __future__ import annotations

from dataclasses import replace

from mockcs.aggregate import (
    complete_in_path,
    end_part,
    part_in,
    part_of,
    query_parts,
    service_of,
    shown_id,
    start_doubts,
    start_in_path,
    start_part,
)
from mockcs.messages import Answer, Event
from mockcs.resources import View, wanted_of
from mockcs.store import Store
from mockcs.terms import Params

_FROM = ("disposition", "disposition_desc")
_TO = ("state_type", "est_duration")


def start_state(store: Store, params: Params) -> Answer:
    """Start a state in a service (Start State, 8.5.2)."""
    return start_in_path(store, params, "state")


def complete_state(store: Store, params: Params) -> Answer:
    """End a state (Complete State, 8.5.2)."""
    return complete_in_path(store, params, "state")


def perform_state_transition(store: Store, params: Params) -> Answer:
    """End one state and start another, in one request (Perform State Transition, 8.5 latest)."""
    service, event = service_of(store, params), params.event()
    leaving, to = event.orders["from"], event.orders["to"]
    old = part_in(store, service, "state", leaving["state_id"])
    service_id = shown_id(service, params)
    advice = [*start_doubts(params, service, event, "transition")]
    own = {name: leaving[name] for name in _FROM if name in leaving}
    advice += end_part(store, params, old, replace(event, own=own))
    begun = {name: to[name] for name in _TO if name in to} | {"previous_state_id": old.id}
    new = start_part(store, "state", service, Event(begun, event.occasion, {}, event.extensions))
    ids = {"state_id": new.id}
    changes = (("state", old.id, "completed"), ("state", new.id, "created"))
    return Answer(ids, {"service_id": service_id, **ids}, changes=changes, advice=tuple(advice))


def query_states(store: Store, params: Params) -> Answer:
    """The states of a service, active, completed or both (Query States, 8.5.2)."""
    return query_parts(store, params, "state")


def query_state_by_id(store: Store, params: Params) -> Answer:
    """One state (Query State by ID, 8.5.1)."""
    view = View(store, wanted_of(params), "state")
    return Answer(view.document(part_of(store, params, "state")), advice=view.advice)
