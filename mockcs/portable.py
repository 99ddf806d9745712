"""A space's state as a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mockcs.aggregate import idle_after
from mockcs.clock import BEGINNING, END, Clock, milliseconds_of, text_of
from mockcs.errors import MockcsError
from mockcs.extensions import full_form
from mockcs.ids import KINDS, LARGEST, Ids, is_id
from mockcs.json_text import NotJson, loads, pack, unpack
from mockcs.messages import Document, Violation
from mockcs.resources import EVERYTHING, KIND_OF, LISTS, View
from mockcs.schemas import is_time
from mockcs.space import Space
from mockcs.store import Resource, Store
from mockcs.violations import violations_of

MEMBERS = ("services", "extension_schemas", "ids", "server_mode", "readings", "clock")
"""What a state document may have."""
_API = "8.5"  # the generation with the wider tables: attached data of any JSON type
OWN = "__mockcs"
"""The member with what no query shows: deadlines, and attached data under the name of a documented member."""
_TIMES = ("expires", "idle", "touched")
HELD = frozenset({"service_id", "state_id", "task_id", OWN, *LISTS})
"""Members of a document that are neither a resource's own nor attached data."""
_BARE = replace(EVERYTHING, extensions=())
Key = tuple[str, int]
"""Kind and id of a state or task."""
_NOWHERE: Mapping[Key, str] = MappingProxyType({})
_MODES = ("production", "maintenance")


def state_of(space: Space) -> Document:
    """The whole state of a space. To be called under its lock."""
    store = space.store
    document: Document = {
        "services": [_shown(space, service) for service in sorted(store.all("service"), key=lambda each: each.id)],
        "extension_schemas": {
            f"{kind}s": [unpack(text) for (of, _), text in store.extension_schemas.items() if of == kind]
            for kind in KINDS
        },
        "ids": asdict(store.free_ids()),
        "server_mode": store.mode,
        "readings": dict(space.choices()),
    }
    if space.clock.frozen:
        document["clock"] = {"now": text_of(space.clock.now()), "frozen": True}
    return document


def restore(space: Space, document: Document) -> None:
    """Put the state that the document tells in the place of the space's own.

    Raises MockcsError with the place of what is wrong, and changes nothing. To be called under the lock.
    """
    for name in document:
        if name not in MEMBERS:
            raise MockcsError(f"{name}: a state has no such member", hint=f"it may have {', '.join(MEMBERS)}")
    clock = _clock(document.get("clock"))
    store = Store()
    store.now = clock.now()
    store.extension_schemas = dict(_schemas(space, document.get("extension_schemas", {})))
    for number, service in enumerate(array_of(document.get("services", []), "services")):
        added(space, store, service, f"services/{number}")
    store.begin_ids(_ids(document.get("ids", {})))
    store.mode = document.get("server_mode", _MODES[0])
    if store.mode not in _MODES:
        raise MockcsError(f"server_mode: {store.mode!r} is not one of {', '.join(_MODES)}")
    readings = object_of(document.get("readings", {}), "readings")
    choices = {name: _choice(space, name, value) for name, value in readings.items()}
    space.store, space.clock = store, clock
    space.choose_all(choices)


def is_timed(document: Document) -> bool:
    """Whether a checked document tells all times itself, so that it makes no difference when it is put in place."""
    services = document.get("services", ())
    return document.get("clock") is not None or all(
        {"expires", "touched"} <= each.get(OWN, {}).keys() for each in services
    )


def read_state(path: str) -> Document:
    """The state document of a file; MockcsError when it cannot be read."""
    try:
        document = loads(Path(path).read_bytes())
    except (OSError, NotJson) as error:
        raise MockcsError(f"{path} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise MockcsError(f"{path} cannot be read: it must be a JSON object")
    return document


def _shown(space: Space, service: Resource) -> Document:
    store = space.store
    document = View(store, _BARE, "service").document(service)
    times = {name: getattr(service, name) for name in _TIMES}
    apart = _attach(space, document, service)
    document[OWN] = times | apart
    for name in LISTS:
        kind = KIND_OF[name]
        for shown in document[name]:
            part = store.get(kind, shown[f"{kind}_id"])
            if part is not None and (apart := _attach(space, shown, part)):
                shown[OWN] = apart
    return document


def _attach(space: Space, shown: Document, resource: Resource) -> Document:
    """Show the attached data; returns what has to stand apart, for it would come back as a documented member."""
    reserved = space.manual.names(_API, resource.kind) | HELD
    shown.update({name: value for name, value in resource.extensions.items() if name not in reserved})
    apart = {name: value for name, value in resource.extensions.items() if name in reserved}
    return {"attached": apart} if apart else {}


def added(space: Space, store: Store, document: Any, place: str, places: Mapping[Key, str] = _NOWHERE) -> Resource:
    """Store one service of a document with its parts, all of it checked before anything is stored.

    `place` is that of the service in the document; `places` those of parts that do not stand where they came from.
    """
    check(space, object_of(document, place), place)
    if not {"customer_id", "contact_key"} & document.keys():
        raise wrong(place, "neither customer_id nor contact_key is given", "add one of them")
    own = _own(document, place, *_TIMES)
    parts = list(_parts(store, document, place, places))
    number = int(document["service_id"])
    if number < 0:
        raise MockcsError(f"{place}/service_id: it must not be negative")
    if store.get("service", number):
        raise wrong(f"{place}/service_id", f"there is a service {number} already")
    service = _resource(space, ("service", number), document, number, place)
    lifetime = space.regime.business.lifetime(service.type, space.settings.expiration_ms)
    service = replace(
        service,
        expires=own.get("expires", store.now + lifetime),
        idle=own.get("idle", idle_after(space.settings.auto_complete_after)),
        touched=own.get("touched", store.now),
    )
    for part in [_resource(space, key, part, number, where) for where, key, part in parts]:
        store.add(part)
    store.add(service)  # last, for a part that comes later would count as its being touched
    return service


def _parts(
    store: Store, document: Document, place: str, places: Mapping[Key, str]
) -> Iterator[tuple[str, Key, Document]]:
    seen: set[Key] = set()
    for name in LISTS:
        kind, ended = KIND_OF[name], name.startswith("completed")
        for number, part in enumerate(document.get(name, ())):
            key = (kind, int(part[f"{kind}_id"]))
            where = places.get(key, f"{place}/{name}/{number}")
            _own(part, where)
            if ended is not ("completed" in part):
                mistake = "lacks completed" if ended else "has completed"
                raise wrong(where, f"it {mistake}", f"a {kind} stands among the ones that it belongs to")
            if within := [own for own in LISTS if own in part]:
                raise wrong(f"{where}/{within[0]}", "tasks stand in the lists of the service, with their state_id")
            if part.get("service_id", document["service_id"]) != document["service_id"]:
                raise wrong(f"{where}/service_id", "it is not the id of the service")
            if key in seen or store.get(*key):
                raise wrong(f"{where}/{kind}_id", f"there is a {kind} {key[1]} already")
            seen.add(key)
            yield where, key, part


def _own(document: Document, place: str, *times: str) -> Document:
    """What stands under `__mockcs`, checked: these times in milliseconds, and attached data."""
    own = object_of(document.get(OWN, {}), f"{place}/{OWN}")
    for name, value in own.items():
        if name == "attached":
            object_of(value, f"{place}/{OWN}/attached")
        elif name not in times:
            raise wrong(f"{place}/{OWN}/{name}", f"it may have {', '.join((*times, 'attached'))}")
        elif isinstance(value, bool) or not isinstance(value, int | None if name == "idle" else int):
            raise wrong(f"{place}/{OWN}/{name}", "it must be a whole number of milliseconds")
        elif name == "touched" and not BEGINNING <= value <= END:
            raise wrong(f"{place}/{OWN}/{name}", "it must lie in the years 1 to 9999")
        elif name == "idle" and (value or 0) < 0:
            raise wrong(f"{place}/{OWN}/{name}", "it must not be negative")
    return own


def check(space: Space, document: Document, place: str) -> None:
    """Hold a service of a document against the table of services; MockcsError with the first thing that is wrong."""
    bare = _without(document)
    bare |= {name: [_without(each) for each in bare[name]] for name in LISTS if _is_objects(bare.get(name))}
    found = violations_of(space.validators, _API, "service", frozenset(), bare)
    if found:
        raise wrong(place + found[0].pointer, found[0].message, found[0].fix)


def wrong(place: str, sentence: str, hint: str = "") -> MockcsError:
    """The error about a place in a document; an empty place is the document itself."""
    where = place.strip("/")
    return MockcsError(f"{where}: {sentence}" if where else sentence, hint)


def _without(part: Document) -> Document:
    return {name: value for name, value in part.items() if name != OWN}


def _is_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def _resource(space: Space, key: Key, document: Document, service_id: int, place: str) -> Resource:
    kind, number = key
    known = space.manual.names(_API, kind)
    members = {name: value for name, value in document.items() if name in known and name not in HELD}
    broken: list[Violation] = []
    members = space.regime.business.as_ids(kind, members, place, broken)
    if broken:
        raise wrong(broken[0].pointer, broken[0].message, broken[0].fix)
    attached = {name: value for name, value in document.items() if name not in known and name not in HELD}
    attached |= document.get(OWN, {}).get("attached", {})
    state_id = document.get("state_id") if kind == "task" else None
    return Resource(kind, number, members, attached, service_id, None if state_id is None else int(state_id))


def _schemas(space: Space, document: Any) -> Iterator[tuple[tuple[str, str], bytes]]:
    for kinds, schemas in object_of(document, "extension_schemas").items():
        kind = kinds.removesuffix("s")
        if kinds not in [f"{each}s" for each in KINDS]:
            raise wrong(f"extension_schemas/{kinds}", "it may have services, states, tasks")
        seen: set[str] = set()
        for number, schema in enumerate(array_of(schemas, f"extension_schemas/{kinds}")):
            place = f"extension_schemas/{kinds}/{number}"
            found = violations_of(space.validators, "8.1", "extension_schema", frozenset(), schema)
            if found:
                raise wrong(place + found[0].pointer, found[0].message, found[0].fix)
            name = schema["name"].casefold()
            if name in seen:
                raise wrong(f"{place}/name", f"there is a schema {schema['name']} already")
            seen.add(name)
            yield (kind, name), pack(full_form(schema))


def _choice(space: Space, name: str, value: Any) -> str:
    try:
        return space.manual.choice(name, value)
    except MockcsError as error:
        raise MockcsError(f"readings/{name}: {error}", hint=error.hint) from error


def _ids(document: Any) -> Ids:
    given = object_of(document, "ids")
    for kind, number in given.items():
        if kind not in LARGEST:
            raise MockcsError(f"ids/{kind}: there are ids of {', '.join(LARGEST)}")
        if not is_id(kind, number):
            raise MockcsError(f"ids/{kind}: it must be a whole number from 0 to {LARGEST[kind]}")
    return Ids(**given)


def _clock(document: Any) -> Clock:
    clock = Clock()
    if document is not None:
        given = object_of(document, "clock")
        now = str(given.get("now"))
        if given.keys() != {"now", "frozen"} or given["frozen"] is not True or not is_time(now):
            raise MockcsError('clock: it must be {"now": "2009-05-12T12:05:12.145Z", "frozen": true}')
        clock.set(milliseconds_of(now), frozen=True)
    return clock


def object_of(value: Any, place: str) -> Document:
    """The value, if it is a JSON object; MockcsError with its place otherwise."""
    if not isinstance(value, dict):
        raise MockcsError(f"{place.strip('/') or 'the service'}: it must be a JSON object")
    return value


def array_of(value: Any, place: str) -> list[Any]:
    """The value, if it is a JSON array; MockcsError with its place otherwise."""
    if not isinstance(value, list):
        raise MockcsError(f"{place}: it must be a JSON array")
    return value
