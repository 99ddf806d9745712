"""answer(): the life of a request, in order."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

from mockcs.access import check, check_mode, check_parts
from mockcs.calls import line_of
from mockcs.dialects import api_of, refused
from mockcs.errors import Refusal
from mockcs.faults import Fault
from mockcs.journal import PLACES, Record, call_of
from mockcs.json_text import dumps
from mockcs.messages import BREAKS, JSON, Answer, Notes, Request, Response, Violation
from mockcs.routes import Route, Routes, Target
from mockcs.space import Space
from mockcs.terms import Terms
from mockcs.validation import params_of

_API, _OPERATION = PLACES["api"], PLACES["operation"]
_log = logging.getLogger("mockcs")


def answer(routes: Routes, space: Space, request: Request) -> tuple[int, Response]:
    """Answer one request in one space and record it; returns the call's id and the response."""
    started = time.perf_counter_ns()
    route, journal = routes.find(request.method, request.path), space.journal
    asked = route.target.asked if route.target else (None, None, api_of(request.path))
    with space.lock:
        came = journal.arrive(space.clock.now(), request, asked, route.path_params)
        fault = space.faults.met_by(came)
    notes = Notes()
    try:
        if request.whole:
            if fault is None:
                notes.response = _response(space, route, request, asked[-1], notes)
            else:
                notes.response = _struck(space, route, request, asked[-1], notes, fault)
    finally:
        _complete(space, came, notes, started, fault)
    return came[0], notes.response or Response(400)


def _complete(space: Space, came: Record, notes: Notes, started: int, fault: Fault | None) -> None:
    response, journal = notes.response, space.journal
    if response is not None and response.connection in BREAKS:
        response = None  # the client gets no byte of it
    reasons = [violation.document() for violation in notes.violations] if notes.violations else ()
    duration = (time.perf_counter_ns() - started) // 1000
    number = None if fault is None else fault.id
    record = journal.record_of(came, response, duration, reasons, tuple(notes.advice), notes.changes, number)
    with space.lock:
        journal.complete(record)
        if notes.handled:
            space.coverage.note(came[_API], came[_OPERATION], reasons, notes.seen, notes.error)
        elif fault is not None:
            space.coverage.note_lost(came[_API], came[_OPERATION])
        if space.listening:
            space.tell()
    if space.closed:
        space.note_dropped()
    if _log.isEnabledFor(logging.INFO):
        _log.info("%s", line_of(call_of(record)))


def _response(space: Space, route: Route, request: Request, api: str, notes: Notes) -> Response:
    """The answer as the documented API gives it, a refusal included."""
    notes.handled = True
    try:
        return _answered(space, route, request, notes)
    except Refusal as error:
        refusal = error
    except Exception:  # noqa: BLE001 - logged in full, and answered like the server would
        # A defect of mockcs must not take the record of the call with it.
        _log.exception("%s %s could not be answered", request.method, request.path)
        refusal = Refusal("internal")
    notes.violations = tuple(_quoting(each, space, api) for each in refusal.violations)
    notes.error = refusal.key
    return refused(refusal, api, request, space.manual, space.readings(api), route.allow)


def _quoting(violation: Violation, space: Space, api: str) -> Violation:
    """The violation with its row in full, and what to switch to, where it is a reading that forbids."""
    if violation.row.get("table") != "readings":
        return violation
    reading = space.manual.reading(violation.row["field"])
    row = {**violation.row, "type": " | ".join(reading.choices), "page": reading.page}
    others = [choice for choice in reading.choices if choice != space.readings(api)[reading.id]]
    return replace(violation, row=row, fix=f"{violation.fix} to {' or '.join(others)}")


def _struck(space: Space, route: Route, request: Request, api: str, notes: Notes, fault: Fault) -> Response:
    """The answer of a call that met a fault, before the commit or after it."""
    response = _response(space, route, request, api, notes) if fault.after_commit else None
    if not space.pause(fault.seconds):
        notes.advice.append("too many requests wait already: raise --max-waiting, or delay fewer")
        busy = Refusal("too_many_waiting", limit=space.settings.max_waiting)
        return refused(busy, api, request, space.manual, space.readings(api))
    if response is None and fault.lets_pass:
        response = _response(space, route, request, api, notes)
    if response is None or not fault.lets_pass:
        response = fault.replaced(response)
    return replace(response, connection=fault.connection)


def _answered(space: Space, route: Route, request: Request, notes: Notes) -> Response:
    target = route.target
    if target is None:
        notes.advice.append(route.advice)
        raise Refusal("method_not_allowed" if route.allow else "unknown_url")
    if request.digest is not None:
        raise Refusal("body_too_large", limit=space.settings.max_body)
    store, terms = space.store, space.regime.terms(target.operation)
    user = check(terms, request)
    check_mode(space, target.operation)
    params = params_of(space, terms, route.path_params, request, notes)
    if user is not None:
        check_parts(user, params)
    with space.lock:
        checked = space.store is store  # against the state that it goes to
        if checked:
            space.settle()
            answer = target.function(store, params)
    if not checked:  # another state was put in its place meanwhile
        notes.advice, notes.seen = [], []
        return _answered(space, route, request, notes)
    notes.changes = answer.changes
    notes.advice += answer.advice
    return _rendered(target, terms, request, answer)


def _rendered(target: Target, terms: Terms, request: Request, answer: Answer) -> Response:
    headers: tuple[tuple[str, str], ...] = ()
    if answer.ids:
        base = request.base_url if terms.absolute else request.prefix
        headers = (("Location", base + target.locations[answer.location] % answer.ids),)
    if answer.body is None:
        return Response(terms.status, headers)
    return Response(terms.status, (*headers, JSON), dumps(answer.body))
