"""Calls: look at them, forget them, verify them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from queue import Empty, Queue

from flask import Blueprint, Response, request

from mockcs import __version__
from mockcs.addresses import SPACE
from mockcs.admin import answer, asked, body, decimal_of, locked, only, space
from mockcs.calls import Call
from mockcs.errors import MockcsError
from mockcs.exports import curl_of, har_of
from mockcs.journal import PLACES, Journal, JournalView, call_of
from mockcs.json_text import dumps
from mockcs.matching import Match, match_of
from mockcs.messages import Document
from mockcs.space import Space, too_many_waiting
from mockcs.spaces import DEFAULT
from mockcs.verifying import Count, Order, Scan, bounds_of

blueprint = Blueprint("calls", __name__)
_FILTERS = ("operation", "api", "method", "path", "status", "since", "limit")
_LONGEST_WAIT = 600_000
_HEARTBEAT = 2.0


@blueprint.get("/calls")
def listed() -> Response:
    """The calls, oldest first: {"calls", "total", "evicted", "in_flight"}; "evicted_refused", "dropped" if any was."""
    found, view = _found()
    documents = [call.document() for call in found]
    numbers = {"total": view.total, "evicted": view.evicted, "in_flight": len(view.in_flight)}
    further = {"evicted_refused": view.refused, "dropped": view.dropped}
    return answer({"calls": documents, **numbers, **{name: count for name, count in further.items() if count}})


def _found() -> tuple[list[Call], JournalView]:
    wanted = _filters()
    view, match = space().view(), _match_of(wanted)
    scan = None if match is None else Scan(match)
    records = {**view.records, **view.in_flight}
    since, most = int(wanted.get("since", 0)), int(wanted.get("limit", sys.maxsize))
    found: list[Call] = []
    # From the newest back, so that no more records are read as calls than are asked for.
    for number in sorted(records, reverse=True):
        if len(found) >= most or number <= since:
            break
        if scan is None or scan.is_met_by(number, records[number]):
            found.append(call_of(records[number]))
    return found[::-1], view


@blueprint.get("/calls/<int:number>")
def one(number: int) -> Response:
    """One call."""
    return answer(_call(number).document())


@blueprint.get("/calls/<int:number>/curl")
def curl(number: int) -> Response:
    """One call as a shell line."""
    return Response(curl_of(_call(number), _base_url()) + "\n", mimetype="text/plain")


@blueprint.get("/calls.har")
def har() -> Response:
    """The calls as HAR 1.2; the filters are those of GET /calls."""
    found, _ = _found()
    return answer(har_of(found, _base_url(), __version__))


@blueprint.get("/calls/stream")
def stream() -> Response:
    """Server-sent events: a comment at once, then each call as one `data:` line when it is complete."""
    if request.method == "HEAD":
        return Response(mimetype="text/event-stream")
    with locked() as world:
        if not world.waiting.enter():
            raise too_many_waiting(world.settings)
        calls: Queue[tuple[Journal, int | None]] = Queue(world.settings.max_calls or 1)
        streams = world.journal.streams
        streams.append(calls)
    response = Response(_events(world, calls), mimetype="text/event-stream", headers={"Cache-Control": "no-store"})
    response.call_on_close(world.waiting.leave)
    response.call_on_close(partial(streams.remove, calls))
    return response


def _events(world: Space, calls: Queue[tuple[Journal, int | None]]) -> Iterator[bytes]:
    yield b": the calls of this space as they complete\n\n"
    while True:
        try:
            journal, number = calls.get(timeout=_HEARTBEAT)
            # Only the journal keeps calls, within its limits: what it has evicted until now is left out.
            call = None if number is None else journal.call(number)
            if call is not None:
                yield b"data: " + dumps(call.document()) + b"\n\n"
        except Empty:
            yield b": still here\n\n"  # a reader that has gone is noticed by this
        while world.heir is not None:
            world = world.heir
        if world.closed:
            return  # the space was deleted, or the server stops


@blueprint.delete("/calls")
def forget() -> Response:
    """Forget all calls: {"removed": n}."""
    with locked() as world:
        removed = world.journal.forget()
        world.tell()
    return answer({"removed": removed})


@blueprint.post("/calls/verify")
def verify() -> Response:
    """A verdict by count: 200 if it holds, else 409."""
    document = body()
    only(document, "match", "exactly", "at_least", "at_most", "within_ms")
    return _verdict(space().verify(Count(_match(document.get("match")), bounds_of(document)), _within(document)))


@blueprint.post("/calls/verify-order")
def verify_order() -> Response:
    """A verdict on an order: 200 if it holds, else 409."""
    document = body()
    only(document, "matches", "within_ms")
    matches = document.get("matches")
    if not isinstance(matches, list) or not matches:
        raise MockcsError("matches must be an array of at least one match")
    return _verdict(space().verify(Order([_match(each) for each in matches]), _within(document)))


def _call(number: int) -> Call:
    with locked() as world:
        call = world.journal.call(number)
    if call is None:
        raise MockcsError(f"there is no call {number}", hint="it may have been evicted or forgotten", status=404)
    return call


def _base_url() -> str:
    # By its name, for a header may have named the space.
    name = space().name
    prefix = "" if name == DEFAULT else SPACE + name
    return request.host_url.rstrip("/") + request.script_root.removesuffix(prefix) + prefix


def _match(document: object) -> Match:
    manual = space().manual
    return match_of(document, manual.names_of_operations, space().masks)


def _verdict(document: Document) -> Response:
    return answer(document, 200 if document["verdict"] == "holds" else 409)


def _within(document: Document) -> float:
    within = document.get("within_ms", 0)
    if isinstance(within, bool) or not isinstance(within, int | float) or not 0 <= within <= _LONGEST_WAIT:
        raise MockcsError(f"within_ms must be a number from 0 to {_LONGEST_WAIT}")
    return within / 1000


def _filters() -> dict[str, str]:
    wanted = asked(*_FILTERS)
    for name in ("status", "since", "limit"):
        if name in wanted and decimal_of(wanted[name]) is None:
            raise MockcsError(f"{name} must be a whole number from 0")
    return wanted


def _match_of(filters: dict[str, str]) -> Match | None:
    """The match that the filters are; None when they ask for nothing of a call."""
    asked_for: Document = {name: filters[name] for name in PLACES if name in filters}
    if "status" in asked_for:
        asked_for["status"] = int(asked_for["status"])
    return _match(asked_for) if asked_for else None
