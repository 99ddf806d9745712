"""Planting: one service with its states and tasks, put into a space's state as a query shows it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mockcs.clock import text_of
from mockcs.errors import MockcsError
from mockcs.messages import Document
from mockcs.portable import HELD, OWN, Key, added, array_of, check, object_of, wrong
from mockcs.resources import KIND_OF, LISTS, LISTS_OF
from mockcs.space import Space
from mockcs.store import Resource, Store


def plant(space: Space, document: Document) -> Resource:
    """Store the service that the document shows, with its states and tasks; the server gives the ids.

    `started` and its timestamp may be left out, and `completed` in a list of completed ones; then now counts.
    Raises MockcsError, and changes nothing, for a document that no query could show. To be called under the lock.
    """
    store, ids = space.store, space.store.ids
    store.ids = replace(ids)
    places: dict[Key, str] = {}
    try:
        whole = _Filling(space, places).filled(document, "service", "", completed=None)
        check(space, whole, "")
        return added(space, store, _flat(whole), "", places)
    except MockcsError:
        store.ids = ids
        raise


class _Filling:
    """Gives a planted document its ids and times, and notes where each part stands in it."""

    def __init__(self, space: Space, places: dict[Key, str]) -> None:
        self._store: Store = space.store
        self._manual = space.manual
        self._known = space.manual.names("8.5", "started")
        self._in_started = space.readings("8.5")["extensions-placement"] == "started"
        self._places = places

    def filled(self, document: Any, kind: str, place: str, *, completed: bool | None) -> Document:
        """A service, state or task with ids and times in it and in all its parts; MockcsError with a place."""
        object_of(document, place)
        if given := [name for name in ("service_id", "state_id", "task_id", OWN) if name in document]:
            hint = "leave it out; PUT /__admin/ids sets the next ones"
            raise wrong(place, f"a {kind} has {given[0]}, but the server gives the ids", hint)
        if strange := [name for name in LISTS if name in document and name not in LISTS_OF[kind]]:
            raise wrong(place, f"a {kind} cannot have {strange[0]}")
        number = self._store.next_id(kind)
        self._places[kind, number] = place
        started = self._timed(document.get("started", {}))
        whole = {**document, f"{kind}_id": number, "started": started}
        if self._in_started and isinstance(started, dict):
            # The reading shows attached data there, and so it comes back.
            known = self._known | self._manual.names("8.5", kind) | HELD | document.keys()
            whole |= {name: started.pop(name) for name in list(started) if name not in known}
        if completed or "completed" in document:
            whole["completed"] = self._timed(document.get("completed", {}))
        for name in LISTS_OF[kind]:
            if name in document:
                part, ended = KIND_OF[name], name.startswith("completed")
                parts = enumerate(array_of(document[name], f"{place}/{name}".strip("/")))
                whole[name] = [self.filled(each, part, f"{place}/{name}/{n}", completed=ended) for n, each in parts]
        return whole

    def _timed(self, event: Any) -> Any:
        return {"timestamp": text_of(self._store.now), **event} if isinstance(event, dict) else event


def _flat(service: Document) -> Document:
    """The service with the tasks of its states in its own lists, as a state document has them."""
    flat = dict(service)
    for each in LISTS[:2]:
        for state in service.get(each, ()):
            for name in LISTS[2:]:
                tasks = [{**task, "state_id": state["state_id"]} for task in state.pop(name, ())]
                if tasks:
                    flat[name] = [*flat.get(name, ()), *tasks]
    return flat
