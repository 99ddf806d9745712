"""The spaces of one server, by name: made on first use, bounded, reset and deleted."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable

from mockcs.calls import Masks
from mockcs.documented import Manual
from mockcs.errors import MockcsError
from mockcs.ids import KINDS
from mockcs.messages import Document
from mockcs.schemas import Validators
from mockcs.settings import Settings
from mockcs.space import Space, Waiting
from mockcs.terms import Regime

LONGEST = 128
"""The most characters that the name of a space may have."""
_NAME = re.compile(rf"[A-Za-z0-9._~-]{{1,{LONGEST}}}")
DEFAULT = "default"
"""The name of the space without a prefix."""


def checked_name(name: str) -> str:
    """The name; MockcsError when no space can have it."""
    if not _NAME.fullmatch(name):
        raise MockcsError(
            f"{name[:200]!r} is no name of a space", hint=f"1 to {LONGEST} letters, digits or any of . _ - ~"
        )
    return name


class Spaces:
    """The spaces of one server; the default one is always there."""

    def __init__(self, manual: Manual, validators: Validators, settings: Settings) -> None:
        self.manual = manual
        self.settings = settings
        self.started = time.monotonic()
        self._validators = validators
        self._masks = Masks()
        self._waiting = Waiting(settings.max_waiting)
        self._regime = Regime.beginning(manual, validators, settings)
        self._lock = threading.Lock()
        self._closed = False
        self._begin: Callable[[Space], object] | None = None
        self._spaces = {DEFAULT: self._new(DEFAULT)}

    def __len__(self) -> int:
        return len(self._spaces)

    def names(self) -> list[str]:
        """The names of the spaces that exist."""
        return sorted(self._spaces)

    def known(self, name: str) -> Space | None:
        """The space of that name if there is one."""
        return self._spaces.get(name)

    def space(self, name: str) -> Space:
        """The space of that name, made on first use; MockcsError for a bad name and beyond `max_spaces`."""
        found = self._spaces.get(name)
        if found is not None:
            return found
        checked_name(name)
        with self._lock:
            if name not in self._spaces and len(self._spaces) > self.settings.max_spaces:
                raise MockcsError(
                    f"there are {self.settings.max_spaces} spaces already",
                    hint="DELETE /__admin/spaces/<name> those that are done with, or raise --max-spaces",
                    status=503,
                )
            return self._spaces.setdefault(name, self._begun(name))

    def delete(self, name: str) -> None:
        """Do away with a space; MockcsError when there is none, or when it is the default one."""
        if name == DEFAULT:
            raise MockcsError("the default space cannot be deleted", hint="POST /__admin/reset empties it")
        with self._lock:
            space = self._spaces.pop(name, None)
        if space is None:
            raise MockcsError(f"there is no space {name!r}", hint="GET /__admin/spaces lists them", status=404)
        space.close()

    def begin_with(self, restore: Callable[[Space], None], is_timed: Callable[[], bool]) -> None:
        """Let every space begin with the state that `restore` puts into one; readings of the settings go before it.

        A state that is not timed begins with each space anew, its lifetimes with it.
        """
        first = self._restored(self._spaces[DEFAULT], restore)
        if is_timed():
            snapshot = first.snapshot()
            self._begin = lambda space: space.go_back(snapshot)
        else:
            self._begin = lambda space: self._restored(space, restore)

    def _restored(self, space: Space, restore: Callable[[Space], None]) -> Space:
        restore(space)
        for reading, choice in self.settings.reading.items():
            space.choose(reading, choice)
        return space

    def reset(self, space: Space) -> Document:
        """Put a new world in the place of this one; returns what was removed.

        A call that is still in flight finishes in the old world; the new one only counts it, as dropped.
        """
        new = self._new(space.name)
        while not self._put_in_place(new, old := self._spaces.get(space.name, space)):
            pass  # another reset came first
        if self._closed:
            new.close()
        old.close()
        with old.lock:
            store, journal = old.store, old.journal
            removed = {f"{kind}s": store.count(kind) for kind in KINDS}
            removed["extension_schemas"] = len(store.extension_schemas)
            return {**removed, "calls": len(journal), "faults": len(old.faults)}

    def _put_in_place(self, new: Space, old: Space) -> bool:
        """Let what survives a reset go over at one moment; false when the old world is not the one in place."""
        with old.lock, self._lock:
            if self._spaces.get(new.name, old) is not old:
                return False
            new.snapshots = old.snapshots
            new.journal.streams, old.journal.streams = old.journal.streams, []
            self._spaces[new.name] = old.heir = new
            return True

    def _begun(self, name: str) -> Space:
        space = self._new(name)
        if self._closed:
            space.close()
        return space

    def _new(self, name: str) -> Space:
        space = Space(name, self.manual, self._validators, self.settings, self._masks, self._waiting, self._regime)
        if self._begin is not None:
            self._begin(space)
        return space

    def open(self) -> None:
        """Let requests wait again: the server starts anew."""
        self._closed = False
        for space in list(self._spaces.values()):
            space.open()

    def close(self) -> None:
        """Let go of every request that waits: the server stops."""
        with self._lock:
            self._closed = True
            found = list(self._spaces.values())
        for space in found:
            space.close()
