"""State: look at services and plant them, set the next ids, keep and restore it whole, reset."""

from __future__ import annotations

from flask import Blueprint, Response, request

from mockcs.admin import answer, asked, body, decimal_of, locked, only, settled, space, spaces
from mockcs.errors import MockcsError
from mockcs.ids import KINDS, LARGEST, Ids, is_id, number_of, written
from mockcs.index import history
from mockcs.messages import Document
from mockcs.planting import plant
from mockcs.portable import restore, state_of
from mockcs.resources import EVERYTHING, View
from mockcs.store import Resource

blueprint = Blueprint("state", __name__)


@blueprint.get("/services")
def listed() -> Response:
    """The services, all or those of a customer or an anonymous contact key: {"services": [...]}."""
    wanted = asked("customer_id", "contact_key", "active")
    active = wanted.get("active")
    if active not in (None, "true", "false"):
        raise MockcsError("active must be true or false")
    states = (True, False) if active is None else (active == "true",)
    with settled():
        found = [each for each in _found(wanted, states) if each.active in states]
        return answer({"services": [_shown(each) for each in found]})


@blueprint.get("/services/<service_id>")
def one(service_id: str) -> Response:
    """One service with everything in it, by its id in either form."""
    number = number_of(service_id) if (given := decimal_of(service_id)) is None else given
    with settled() as world:
        service = None if number is None else world.store.get("service", number)
        if service is None:
            raise MockcsError(f"there is no service {service_id}", hint="GET /__admin/services lists them", status=404)
        return answer(_shown(service))


@blueprint.post("/services")
def planted() -> Response:
    """Plant a service with its states and tasks, without leaving a call."""
    document = body()
    with settled() as world:
        return answer(_shown(plant(world, document)), 201)


@blueprint.get("/state")
def whole() -> Response:
    """The whole state of the space as one document."""
    with settled() as world:
        return answer(state_of(world))


@blueprint.put("/state")
def put_state() -> Response:
    """Put a whole state in the place of the space's own, or change nothing."""
    if not request.get_data().strip():
        raise MockcsError("the body is missing", hint="send the document that GET /__admin/state answers")
    document = body()
    with settled() as world:
        restore(world, document)
        world.settle()  # by the time that the document brings
        return answer(state_of(world))


@blueprint.get("/snapshots")
def snapshots() -> Response:
    """The names of the snapshots: {"snapshots": [...]}."""
    with locked() as world:
        return answer({"snapshots": sorted(world.snapshots)})


@blueprint.post("/snapshots/<name>")
def take(name: str) -> Response:
    """Keep state, ids, readings, and the clock if it is frozen, under a name."""
    with settled() as world:
        world.take_snapshot(name)
    return answer({"snapshot": name}, 201)


@blueprint.post("/snapshots/<name>/restore")
def go_back(name: str) -> Response:
    """Go back to a snapshot."""
    with locked() as world:
        world.restore_snapshot(name)
    return answer({"snapshot": name})


@blueprint.delete("/snapshots/<name>")
def forget(name: str) -> Response:
    """Do away with a snapshot: {"removed": 1}."""
    with locked() as world:
        world.forget_snapshot(name)
    return answer({"removed": 1})


@blueprint.get("/ids")
def ids() -> Response:
    """The next ids: {"service", "state", "task"}."""
    with locked() as world:
        return answer(world.store.free_ids())


@blueprint.put("/ids")
def set_ids() -> Response:
    """Set the next ids, all or some; an id that is taken is passed over."""
    document = body()
    only(document, *KINDS)
    for kind, number in document.items():
        if not is_id(kind, number):
            raise MockcsError(f"the next {kind} id must be a whole number from 0 to {LARGEST[kind]}")
    with locked() as world:
        before = world.store.ids
        world.store.begin_ids(Ids(**{kind: document.get(kind, getattr(before, kind)) for kind in KINDS}))
    return ids()


@blueprint.post("/reset")
def reset() -> Response:
    """Begin this space anew: {"removed": {"services": n, ...}}."""
    return answer({"removed": spaces().reset(space())})


def _found(wanted: dict[str, str], states: tuple[bool, ...]) -> list[Resource]:
    store, contact_key = space().store, wanted.get("contact_key")
    if "customer_id" in wanted:
        found = store.listed("service", *(history(wanted["customer_id"], active=each) for each in states))
    else:
        found = sorted(store.all("service"), key=lambda service: service.order)
    return [each for each in found if contact_key in (None, each.members.get("contact_key"))]


def _shown(service: Resource) -> Document:
    shown = View(space().store, EVERYTHING, "service").document(service)
    # With the id that the documented API takes, so that a test can go on with it.
    return {**shown, "service_id": written(service.id, space().readings("8.5")["service-id"])}
