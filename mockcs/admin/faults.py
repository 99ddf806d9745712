"""Faults: order them, look at them, take them back."""

from __future__ import annotations

from flask import Blueprint, Response, request

from mockcs.admin import answer, body, decimal_of, locked, space
from mockcs.errors import MockcsError

blueprint = Blueprint("faults", __name__)


@blueprint.get("/faults")
def listed() -> Response:
    """The faults in order of creation, with how often each was met and is left."""
    with locked() as world:
        return answer({"faults": world.faults.shown()})


@blueprint.post("/faults")
def order() -> Response:
    """Order a fault: 201 {"id"}."""
    document, operations = body(), space().manual.names_of_operations
    with locked() as world:
        fault = world.faults.add(document, operations, world.masks, socket="werkzeug.socket" in request.environ)
    return answer({"id": fault.id}, 201)


@blueprint.delete("/faults")
def clear() -> Response:
    """Take back all faults: {"removed": n}."""
    with locked() as world:
        return answer({"removed": world.faults.remove()})


@blueprint.delete("/faults/<number>")
def remove(number: str) -> Response:
    """Take back one fault: {"removed": 1}."""
    if (wanted := decimal_of(number)) is None:
        raise MockcsError(f"there is no fault {number}", "GET /__admin/faults lists them", 404)
    with locked() as world:
        return answer({"removed": world.faults.remove(wanted)})
