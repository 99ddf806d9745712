"""answer(): the life of a request, in order."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace

from mockcs.access import check, check_extensions, check_mode
from mockcs.advice import unknown_url
from mockcs.calls import Call, line_of
from mockcs.dialects import JSON, api_of, refused
from mockcs.documented import Manual
from mockcs.errors import Refusal
from mockcs.faults import Fault
from mockcs.json_text import dumps
from mockcs.messages import Answer, Change, Notes, Request, Response, Violation
from mockcs.routes import Route, Routes, Target
from mockcs.space import Space
from mockcs.validation import params_of

_log = logging.getLogger("mockcs")


@dataclass(slots=True)
class _Outcome:
    response: Response | None = None
    violations: tuple[Violation, ...] = ()
    changes: tuple[Change, ...] = ()
    notes: Notes = field(default_factory=Notes)
    error: str = ""
    handled: bool = False


def answer(routes: Routes, space: Space, request: Request) -> tuple[int, Response]:
    """Answer one request in one space and record it; returns the call's id and the response."""
    started = time.perf_counter()
    route = routes.find(request.method, request.path)
    row = route.target.operation if route.target else None
    api = row.api if row else api_of(request.path)
    name, number = (row.name, row.id or None) if row else (None, None)
    with space.lock:
        call = space.journal.arrive(space.clock.now(), request, name, number, api, route.path_params)
        fault = space.faults.met_by(call)
    outcome = _Outcome()
    try:
        if request.whole:
            if fault is None:
                outcome.response = _response(space, route, request, api, outcome)
            else:
                outcome.response = _struck(space, route, request, api, outcome, fault)
    finally:
        _complete(space, call, outcome, started, fault)
    return call.id, outcome.response or Response(400)


def _complete(space: Space, call: Call, outcome: _Outcome, started: float, fault: Fault | None) -> None:
    response = outcome.response
    if response is not None and response.connection in ("reset", "close"):
        response = None  # the client gets no byte of it
    done = Call(
        id=call.id,
        space=call.space,
        state="answered" if response else "aborted",
        received_at=call.received_at,
        duration=round((time.perf_counter() - started) * 1e6),
        operation=call.operation,
        operation_id=call.operation_id,
        api=call.api,
        path_params=call.path_params,
        request=call.request,
        response=None if response is None else space.masks.response(response),
        violations=tuple([violation.document() for violation in outcome.violations]),
        advice=tuple(outcome.notes.advice),
        changes=tuple([{"kind": each.kind, "id": each.id, "change": each.change} for each in outcome.changes]),
        fault=fault.id if fault else None,
    )
    record = space.journal.record_of(done)
    with space.lock:
        space.journal.complete(done, record)
        if outcome.handled:
            space.coverage.note(done, outcome.notes.seen, outcome.error)
        space.tell()
    if space.closed:
        space.note_dropped()
    if _log.isEnabledFor(logging.INFO):
        _log.info("%s", line_of(done))


def _response(space: Space, route: Route, request: Request, api: str, outcome: _Outcome) -> Response:
    """The answer as the documented API gives it, a refusal included."""
    outcome.handled = True
    try:
        return _answered(space, route, request, outcome)
    except Refusal as error:
        refusal = error
    except Exception:  # noqa: BLE001 - logged in full, and answered like the server would
        # A defect of mockcs must not take the record of the call with it.
        _log.exception("%s %s could not be answered", request.method, request.path)
        refusal = Refusal("internal")
    outcome.violations = tuple(_quoting(each, space.manual) for each in refusal.violations)
    outcome.error = refusal.key
    return refused(refusal, api, request, space.manual, space.readings(api), route.allow)


def _quoting(violation: Violation, manual: Manual) -> Violation:
    """The violation with its row in full, where it is a reading that forbids."""
    if violation.row.get("table") != "readings":
        return violation
    reading = manual.reading(violation.row["field"])
    row = {**violation.row, "type": " | ".join(reading.choices), "page": reading.page}
    return replace(violation, row=row)


def _struck(space: Space, route: Route, request: Request, api: str, outcome: _Outcome, fault: Fault) -> Response:
    """The answer of a call that met a fault, before the commit or after it."""
    response = _response(space, route, request, api, outcome) if fault.after_commit else None
    if not space.pause(fault.seconds):
        outcome.notes.advice.append("too many requests wait already: raise --max-waiting, or delay fewer")
        busy = Refusal("too_many_waiting", limit=space.settings.max_waiting)
        return refused(busy, api, request, space.manual, space.readings(api))
    if response is None and fault.lets_pass:
        response = _response(space, route, request, api, outcome)
    if response is None or not fault.lets_pass:
        response = fault.replaced(response)
    return replace(response, connection=fault.connection)


def _answered(space: Space, route: Route, request: Request, outcome: _Outcome) -> Response:
    target = route.target
    if target is None:
        outcome.notes.advice.append(unknown_url(request.method, request.path))
        raise Refusal("method_not_allowed" if route.allow else "unknown_url")
    if request.digest is not None:
        raise Refusal("body_too_large", limit=space.settings.max_body)
    user = check(space.settings, target.operation, request)
    check_mode(space, target.operation)
    params = params_of(space, target.operation, route.path_params, request, outcome.notes)
    check_extensions(space.settings, user, target.operation, params)
    with space.lock:
        space.settle()
        answer = target.function(space.store, params)
    outcome.changes = answer.changes
    outcome.notes.advice += answer.advice
    status = target.operation.status
    return _rendered(
        target, request, answer, int(params.readings.get(status, status)), params.readings["location-form"]
    )


def _rendered(target: Target, request: Request, answer: Answer, status: int, location_form: str) -> Response:
    headers: tuple[tuple[str, str], ...] = ()
    if answer.ids:
        base = request.base_url if location_form == "absolute" else ""
        location = target.locations[answer.location].format_map(answer.ids)
        headers = (("Location", base + request.prefix + location),)
    if answer.body is None:
        return Response(status, headers)
    return Response(status, (*headers, JSON), dumps(answer.body))
