"""Time: look at it, set it, freeze it, advance it."""

from __future__ import annotations

from flask import Blueprint, Response

from mockcs.admin import answer, body, locked, only
from mockcs.clock import END, milliseconds_of, text_of
from mockcs.errors import MockcsError
from mockcs.ids import written
from mockcs.messages import Document
from mockcs.schemas import is_time
from mockcs.space import Space

blueprint = Blueprint("clock", __name__)
_LONGEST = 10**12


@blueprint.get("/clock")
def shown() -> Response:
    """{"now", "frozen"}."""
    with locked() as world:
        return answer(_shown(world))


@blueprint.put("/clock")
def put() -> Response:
    """Set the time, freeze it or let it run: {"now", "frozen"}, one of them or both."""
    document = body()
    only(document, "now", "frozen")
    now, frozen = document.get("now"), document.get("frozen")
    if not document:
        raise MockcsError("nothing is given", hint='send {"now": "2009-05-12T12:05:12.145Z"} or {"frozen": true}')
    if frozen is not None and not isinstance(frozen, bool):
        raise MockcsError("frozen must be true or false")
    if "now" in document and not is_time(now):
        raise MockcsError("now must be a UTC time such as 2009-05-12T12:05:12.145Z")
    with locked() as world:
        world.settle()  # also what a clock that is set back would not reach any more
        stands = world.clock.frozen if frozen is None else frozen
        if now is None:
            world.clock.hold(frozen=stands)
        else:
            world.clock.set(milliseconds_of(str(now)), frozen=stands)
        world.settle()
        return answer(_shown(world))


@blueprint.post("/clock/advance")
def advance() -> Response:
    """Put the time forward: {"seconds"} -> {"now", "expired", "completed"}, what fell due having been carried out."""
    document = body()
    only(document, "seconds")
    seconds = document.get("seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= _LONGEST:
        raise MockcsError(f"seconds must be a number from 0 to {_LONGEST}")
    with locked() as world:
        milliseconds = round(seconds * 1000)
        if world.clock.now() + milliseconds > END:
            raise MockcsError("that is after the year 9999")
        world.clock.advance(milliseconds)
        done = world.settle()
        form = world.readings("8.5")["service-id"]
        told = {name: [written(number, form) for number in numbers] for name, numbers in done.items()}
        return answer({"now": text_of(world.clock.now()), **told})


def _shown(world: Space) -> Document:
    return {"now": text_of(world.clock.now()), "frozen": world.clock.frozen}
