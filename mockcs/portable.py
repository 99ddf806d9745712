"""A space's state as a document: the whole of it, and one service to be planted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from mockcs.clock import Clock, milliseconds_of, text_of
from mockcs.errors import MockcsError
from mockcs.extensions import full_form
from mockcs.ids import KINDS, LARGEST, Ids
from mockcs.json_text import NotJson, loads, pack, unpack
from mockcs.messages import Document, Violation
from mockcs.resources import EVERYTHING, LISTS, View
from mockcs.schemas import DATE_TIME
from mockcs.space import Space
from mockcs.store import Resource, Store
from mockcs.violations import violations_of

MEMBERS = ("services", "extension_schemas", "ids", "server_mode", "readings", "clock")
"""What a state document may have."""
_API = "8.5"  # the generation with the wider tables: attached data of any JSON type
_OWN = "__mockcs"  # what no query shows: deadlines, and attached data under the name of a documented member
_TIMES = ("expires", "idle", "touched")
_HELD = frozenset({"service_id", "state_id", "task_id", _OWN, *LISTS})
_BARE = replace(EVERYTHING, extensions=())
_TIME = re.compile(str(DATE_TIME["pattern"]))
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
    for number, service in enumerate(_array(document.get("services", []), "services")):
        _add(space, store, service, f"services/{number}")
    store.ids = _ids(document.get("ids", {}))
    store.mode = document.get("server_mode", _MODES[0])
    if store.mode not in _MODES:
        raise MockcsError(f"server_mode: {store.mode!r} is not one of {', '.join(_MODES)}")
    readings = _object(document.get("readings", {}), "readings")
    choices = {name: _choice(space, name, value) for name, value in readings.items()}
    space.store, space.clock = store, clock
    space.choose_all(choices)


def read_state(path: str) -> Document:
    """The state document of a file; MockcsError when it cannot be read."""
    try:
        document = loads(Path(path).read_bytes())
    except (OSError, NotJson) as error:
        raise MockcsError(f"{path} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise MockcsError(f"{path} cannot be read: it must be a JSON object")
    return document


def plant(space: Space, document: Document) -> Resource:
    """Store the service that the document shows, with its states and tasks; the server gives the ids.

    `started` and its timestamp may be left out, and `completed` in a list of completed ones; then now counts.
    Raises MockcsError, and changes nothing, for a document that no query could show. To be called under the lock.
    """
    store, ids = space.store, space.store.ids
    store.ids = Ids(**asdict(ids))
    try:
        return _add(space, store, _filled(store, document, "service", completed=None), "")
    except MockcsError:
        store.ids = ids
        raise


def _shown(space: Space, service: Resource) -> Document:
    store = space.store
    document = View(store, _BARE, "service").document(service)
    times = {name: getattr(service, name) for name in _TIMES}
    apart = _attach(space, document, service)
    document[_OWN] = {name: value for name, value in times.items() if value is not None} | apart
    for name in LISTS:
        kind = name.partition("_")[2].removesuffix("s")
        for shown in document[name]:
            part = store.get(kind, shown[f"{kind}_id"])
            if part is not None and (apart := _attach(space, shown, part)):
                shown[_OWN] = apart
    return document


def _attach(space: Space, shown: Document, resource: Resource) -> Document:
    """Show the attached data; returns what has to stand apart, for it would come back as a documented member."""
    reserved = space.manual.names(_API, resource.kind) | _HELD
    shown.update({name: value for name, value in resource.extensions.items() if name not in reserved})
    apart = {name: value for name, value in resource.extensions.items() if name in reserved}
    return {"attached": apart} if apart else {}


def _filled(store: Store, document: Any, kind: str, *, completed: bool | None) -> Document:
    """A planted document with its ids and times; a state's tasks go to the service, as a query shows them."""
    _object(document, f"a {kind}")
    if given := [name for name in ("service_id", "state_id", "task_id", _OWN) if name in document]:
        hint = "leave it out; PUT /__admin/ids sets the next ones"
        raise MockcsError(f"a {kind} has {given[0]}, but the server gives the ids", hint=hint)
    whole = {**document, f"{kind}_id": store.next_id(kind), "started": _timed(store, document.get("started", {}))}
    if completed or "completed" in document:
        whole["completed"] = _timed(store, document.get("completed", {}))
    own = {"service": LISTS, "state": LISTS[2:], "task": ()}[kind]
    if strange := [name for name in LISTS if name in document and name not in own]:
        raise MockcsError(f"a {kind} cannot have {strange[0]}")
    for name in own:
        if name in document:
            part, ended = name.removesuffix("s").partition("_")[2], name.startswith("completed")
            whole[name] = [_filled(store, each, part, completed=ended) for each in _array(document[name], name)]
    if kind == "service":
        for state in (*whole.get(LISTS[0], ()), *whole.get(LISTS[1], ())):
            for name in LISTS[2:]:
                tasks = [{**task, "state_id": state["state_id"]} for task in state.pop(name, ())]
                whole[name] = [*whole.get(name, ()), *tasks]
    return whole


def _timed(store: Store, event: Any) -> Any:
    return {"timestamp": text_of(store.now), **event} if isinstance(event, dict) else event


def _add(space: Space, store: Store, document: Any, place: str) -> Resource:
    """Store one service of a document with its parts, all of it checked before anything is stored."""
    _check(space, _object(document, place), place)
    if not {"customer_id", "contact_key"} & document.keys():
        raise _wrong(place, "neither customer_id nor contact_key is given", "add one of them")
    own = _own(document, place, *_TIMES)
    parts = list(_parts(store, document, place))
    number = int(document["service_id"])
    if number < 0:
        raise MockcsError(f"{place}/service_id: it must not be negative")
    if store.get("service", number):
        raise _wrong(f"{place}/service_id", f"there is a service {number} already")
    service = replace(
        _resource(space, "service", document, number, number),
        expires=own.get("expires", store.now + space.settings.expiration_ms),
        idle=own.get("idle"),
        touched=own.get("touched", store.now),
    )
    for part in [_resource(space, kind, part, int(part[f"{kind}_id"]), number) for kind, part in parts]:
        store.add(part)
    store.add(service)  # last, for a part that comes later would count as its being touched
    return service


def _parts(store: Store, document: Document, place: str) -> Iterator[tuple[str, Document]]:
    seen: set[tuple[str, int]] = set()
    for name in LISTS:
        kind, ended = name.removesuffix("s").partition("_")[2], name.startswith("completed")
        for number, part in enumerate(document.get(name, ())):
            where = f"{place}/{name}/{number}"
            _own(part, where)
            if ended is not ("completed" in part):
                wrong = "lacks completed" if ended else "has completed"
                raise _wrong(where, f"it {wrong}", f"a {kind} stands among the ones that it belongs to")
            if within := [own for own in LISTS if own in part]:
                raise _wrong(f"{where}/{within[0]}", "tasks stand in the lists of the service, with their state_id")
            if part.get("service_id", document["service_id"]) != document["service_id"]:
                raise _wrong(f"{where}/service_id", "it is not the id of the service")
            key = (kind, int(part[f"{kind}_id"]))
            if key in seen or store.get(*key):
                raise _wrong(f"{where}/{kind}_id", f"there is a {kind} {key[1]} already")
            seen.add(key)
            yield kind, part


def _own(document: Document, place: str, *times: str) -> Document:
    """What stands under `__mockcs`, checked: these times in milliseconds, and attached data."""
    own = _object(document.get(_OWN, {}), f"{place}/{_OWN}")
    for name, value in own.items():
        if name == "attached":
            _object(value, f"{place}/{_OWN}/attached")
        elif name not in times:
            raise _wrong(f"{place}/{_OWN}/{name}", f"it may have {', '.join((*times, 'attached'))}")
        elif isinstance(value, bool) or not isinstance(value, int):
            raise _wrong(f"{place}/{_OWN}/{name}", "it must be a whole number of milliseconds")
    return own


def _check(space: Space, document: Document, place: str) -> None:
    bare = _without(document)
    bare |= {name: [_without(each) for each in bare[name]] for name in LISTS if _is_objects(bare.get(name))}
    found = violations_of(space.validators, _API, "service", frozenset(), bare)
    if found:
        raise _wrong(place + found[0].pointer, found[0].message, found[0].fix)


def _wrong(place: str, sentence: str, hint: str = "") -> MockcsError:
    where = place.strip("/")
    return MockcsError(f"{where}: {sentence}" if where else sentence, hint)


def _without(part: Document) -> Document:
    return {name: value for name, value in part.items() if name != _OWN}


def _is_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def _resource(space: Space, kind: str, document: Document, number: int, service_id: int) -> Resource:
    known = space.manual.names(_API, kind)
    members = {name: value for name, value in document.items() if name in known and name not in _HELD}
    broken: list[Violation] = []
    members = space.regime.business.as_ids(kind, members, "", broken)
    if broken:
        raise _wrong(f"{kind} {number}{broken[0].pointer}", broken[0].message, broken[0].fix)
    attached = {name: value for name, value in document.items() if name not in known and name not in _HELD}
    attached |= document.get(_OWN, {}).get("attached", {})
    state_id = document.get("state_id") if kind == "task" else None
    return Resource(kind, number, members, attached, service_id, None if state_id is None else int(state_id))


def _schemas(space: Space, document: Any) -> Iterator[tuple[tuple[str, str], bytes]]:
    for kinds, schemas in _object(document, "extension_schemas").items():
        kind = kinds.removesuffix("s")
        if kinds not in [f"{each}s" for each in KINDS]:
            raise _wrong(f"extension_schemas/{kinds}", "it may have services, states, tasks")
        seen: set[str] = set()
        for number, schema in enumerate(_array(schemas, f"extension_schemas/{kinds}")):
            place = f"extension_schemas/{kinds}/{number}"
            found = violations_of(space.validators, "8.1", "extension_schema", frozenset(), schema)
            if found:
                raise _wrong(place + found[0].pointer, found[0].message, found[0].fix)
            name = schema["name"].casefold()
            if name in seen:
                raise _wrong(f"{place}/name", f"there is a schema {schema['name']} already")
            seen.add(name)
            yield (kind, name), pack(full_form(schema))


def _choice(space: Space, name: str, value: Any) -> str:
    try:
        return space.manual.choice(name, value)
    except MockcsError as error:
        raise MockcsError(f"readings/{name}: {error}", hint=error.hint) from error


def _ids(document: Any) -> Ids:
    given = _object(document, "ids")
    for kind, number in given.items():
        if kind not in LARGEST:
            raise MockcsError(f"ids/{kind}: there are ids of {', '.join(LARGEST)}")
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= LARGEST[kind]:
            raise MockcsError(f"ids/{kind}: it must be a whole number from 0 to {LARGEST[kind]}")
    return Ids(**given)


def _clock(document: Any) -> Clock:
    clock = Clock()
    if document is not None:
        given = _object(document, "clock")
        now = str(given.get("now"))
        if given.keys() != {"now", "frozen"} or given["frozen"] is not True or not _TIME.fullmatch(now):
            raise MockcsError('clock: it must be {"now": "2009-05-12T12:05:12.145Z", "frozen": true}')
        clock.set(milliseconds_of(now), frozen=True)
    return clock


def _object(value: Any, place: str) -> Document:
    if not isinstance(value, dict):
        raise MockcsError(f"{place.strip('/') or 'the service'}: it must be a JSON object")
    return value


def _array(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list):
        raise MockcsError(f"{place}: it must be a JSON array")
    return value
