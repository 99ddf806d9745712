"""Space: one isolated world, its state, calls, clock, ids and readings under one lock."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from mockcs.aggregate import settle
from mockcs.calls import Masks
from mockcs.clock import Clock, text_of
from mockcs.coverage import Coverage
from mockcs.documented import Manual
from mockcs.errors import MockcsError
from mockcs.faults import Faults
from mockcs.journal import Journal, JournalView
from mockcs.messages import Document
from mockcs.schemas import Validators
from mockcs.settings import Settings
from mockcs.store import Store
from mockcs.terms import Regime

_MOST_SNAPSHOTS = 100


def too_many_waiting(settings: Settings) -> MockcsError:
    """What a request is told that may not wait."""
    return MockcsError(f"{settings.max_waiting} requests wait already", "raise --max-waiting, or wait for fewer", 503)


class Verification(Protocol):
    """What can be verified over a journal."""

    def evaluate(self, view: JournalView) -> Document:
        """The verdict over one view."""
        ...

    def nearest(self, view: JournalView, answer: Document) -> list[Document]:
        """The calls of that view that come nearest to what was wanted."""
        ...


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a named snapshot keeps; `now` is None when the clock ran."""

    store: Store
    choices: Mapping[str, str]
    now: int | None


class Waiting:
    """How many requests of a server wait at one time: delays, long polls and streams together."""

    def __init__(self, most: int) -> None:
        self._places = threading.BoundedSemaphore(most) if most else None

    def enter(self) -> bool:
        """Take a place among the waiting; false when there is none left."""
        return self._places is not None and self._places.acquire(blocking=False)

    def leave(self) -> None:
        """Give the place back."""
        if self._places is not None:
            self._places.release()

    @contextmanager
    def one(self) -> Iterator[bool]:
        """A place for as long as the block runs; false when there is none left."""
        granted = self.enter()
        try:
            yield granted
        finally:
            if granted:
                self.leave()


def _seconds() -> float:
    # time.monotonic() stands still in a test that freezes time.
    return time.clock_gettime(time.CLOCK_MONOTONIC)


class Space:
    """One isolated world. `lock` guards the store and the journal; waiters are woken when a call completes.

    `listening` counts the waiters; `closed` is true when this world has been replaced or done away with.
    """

    def __init__(
        self,
        name: str,
        manual: Manual,
        validators: Validators,
        settings: Settings,
        masks: Masks,
        waiting: Waiting,
        regime: Regime,
    ) -> None:
        self.name = name
        self.manual = manual
        self.validators = validators
        self.settings = settings
        self.masks = masks
        self.waiting = waiting
        self.lock = threading.Lock()
        self._news = threading.Condition(self.lock)
        self.listening = 0
        self.store = Store()
        self.journal = Journal(name, settings.max_calls, settings.max_journal_bytes, masks)
        self.coverage = Coverage(manual)
        self.clock = Clock()
        self.faults = Faults(settings.max_faults)
        self.snapshots: dict[str, Snapshot] = {}
        self.heir: Space | None = None
        self.closed = False
        self._gone = threading.Event()
        self.regime = self._began = regime

    def choices(self) -> Mapping[str, str]:
        """Every reading's choice in force."""
        return self.regime.choices

    def choose(self, reading: str, value: object) -> None:
        """Set a reading; MockcsError when there is no such reading or choice."""
        self._apply({**self.regime.choices, reading: self.manual.choice(reading, value)})

    def choose_all(self, choices: Mapping[str, str]) -> None:
        """Set checked readings; the others go back to how the server began."""
        self._apply({**self._began.choices, **choices})

    def readings(self, api: str) -> Mapping[str, str]:
        """The choices that hold for a generation; a reading of the other one keeps its default."""
        return self.regime.readings[api]

    def _apply(self, choices: Mapping[str, str]) -> None:
        # All that follows from the readings changes at once: a request goes by the former ones or by the new.
        self.regime = self._began.under(choices)

    def view(self) -> JournalView:
        """The journal now."""
        with self.lock:
            return self.journal.view()

    def verify(self, verification: Verification, within: float) -> Document:
        """The verdict as soon as it holds, and after `within` seconds at the latest.

        The journal is read without the lock; waiting wakes when a call completes or the space is reset.
        """
        with self.waiting.one() if within else nullcontext(True) as granted:
            if not granted:
                raise too_many_waiting(self.settings)
            return self._verified(verification, _seconds() + within)

    def _verified(self, verification: Verification, deadline: float) -> Document:
        while True:
            with self.lock:
                version, view = self.journal.version, self.journal.view()
            answer = verification.evaluate(view)
            left = deadline - _seconds()
            if answer["verdict"] == "holds":
                return {**answer, "nearest": []}
            if left <= 0 or self.closed:
                return {**answer, "nearest": verification.nearest(view, answer)}
            with self.lock:
                self.listening += 1
                self._news.wait_for(partial(self._has_news, version), left)
                self.listening -= 1

    def _has_news(self, version: int) -> bool:
        return self.closed or self.journal.version != version

    def tell(self) -> None:
        """Wake those who wait for news of the journal. To be called under the lock."""
        self._news.notify_all()

    def settle(self) -> dict[str, list[int]]:
        """Carry out what has fallen due by now; to be called under the lock before the state is looked at."""
        store = self.store
        store.now = self.clock.now()
        return settle(store) if store.is_due else {"expired": [], "completed": []}

    def snapshot(self) -> Snapshot:
        """State, ids, readings, and the clock if it is frozen. To be called under the lock."""
        return Snapshot(self.store.copy(), self.regime.choices, self.clock.now() if self.clock.frozen else None)

    def go_back(self, snapshot: Snapshot) -> None:
        """Be as the snapshot was. To be called under the lock."""
        self.store = snapshot.store.copy()
        self._apply(snapshot.choices)
        if snapshot.now is not None:
            self.clock.set(snapshot.now, frozen=True)

    def take_snapshot(self, name: str) -> None:
        """Keep a snapshot under a name. To be called under the lock."""
        if name not in self.snapshots and len(self.snapshots) >= _MOST_SNAPSHOTS:
            raise MockcsError(f"there are {_MOST_SNAPSHOTS} snapshots already", hint="take it under one of their names")
        self.snapshots = {**self.snapshots, name: self.snapshot()}

    def restore_snapshot(self, name: str) -> None:
        """Go back to a snapshot; MockcsError when there is none of that name. To be called under the lock."""
        self.go_back(self._known_snapshot(name))

    def forget_snapshot(self, name: str) -> None:
        """Do away with a snapshot; MockcsError when there is none of that name. To be called under the lock."""
        self._known_snapshot(name)
        self.snapshots = {other: kept for other, kept in self.snapshots.items() if other != name}

    def _known_snapshot(self, name: str) -> Snapshot:
        if name not in self.snapshots:
            raise MockcsError(f"there is no snapshot {name!r}", hint="GET /__admin/snapshots lists them", status=404)
        return self.snapshots[name]

    def facts(self) -> Document:
        """What Query Server Status tells of times and counters. To be called under the lock."""
        journal, today, started = self.journal, self.journal.today, self.clock.began
        refused = {hundred: sum(n for status, n in today.items() if status // 100 == hundred) for hundred in (4, 5)}
        return {
            "started": text_of(started),
            "last_request": text_of(journal.last or started),
            "request_today": journal.total_today,
            "client_errors_today": refused[4],
            "server_errors_today": refused[5],
        }

    def open(self) -> None:
        """Let requests wait again: the server starts anew."""
        self.closed = False
        self._gone.clear()

    def close(self) -> None:
        """Wake whoever waits: this world has been replaced."""
        self.closed = True
        self._gone.set()
        with self.lock:
            self.tell()
            self.journal.end_streams()

    def note_dropped(self) -> None:
        """Tell the world that has replaced this one of a call that finished here, too late to count there."""
        heir = self.heir
        while heir is not None and heir.heir is not None:
            heir = heir.heir
        if heir is not None:
            with heir.lock:
                heir.journal.dropped += 1

    def pause(self, seconds: float) -> bool:
        """Hold back for so long, or until this world is closed; false when too many requests wait already."""
        if seconds <= 0:
            return True
        with self.waiting.one() as granted:
            if granted:
                self._gone.wait(seconds)
            return granted
