"""Deadlines follow the services that are stored: what does not hold any more is not kept for ever."""

from __future__ import annotations

from mockcs.deadlines import COMPLETE, EXPIRE, Deadlines
from mockcs.store import Resource, Store

START = {"started": {"timestamp": "2026-01-01T12:00:00.000Z"}}


def service(store: Store, expires: int) -> Resource:
    """A stored service."""
    made = Resource("service", store.next_id("service"), dict(START), {}, expires=expires)
    store.add(made)
    return made


def settled(store: Store, now: int) -> list[tuple[int, bool, int]]:
    """What falls due until then: the time, whether the service expires, its number."""
    store.now = now
    found = []
    for when, expires, each in store.due():
        found.append((when, expires, each.id))
        store.remove(each)
    return found


def test_the_earliest_deadline_comes_first_and_the_lower_number_of_two() -> None:
    deadlines = Deadlines([(5, 2, EXPIRE), (-3, 9, COMPLETE)])
    deadlines.add(5, 1, COMPLETE)
    twin = deadlines.copy()
    assert [deadlines.has_come(now) for now in (-4, -3)] == [False, True]
    assert [deadlines.pop() for _ in range(3)] == [(-3, 9, COMPLETE), (5, 1, COMPLETE), (5, 2, EXPIRE)]
    assert (len(deadlines), len(twin), deadlines.has_come(9)) == (0, 3, False)


def test_deadlines_of_services_that_are_gone_are_dropped_and_the_others_kept() -> None:
    store = Store()
    kept = [service(store, 50), service(store, 40)]
    most = 0
    for _ in range(10_000):
        store.remove(service(store, 90))
        most = max(most, len(store._due))
    assert most < 5_000
    assert settled(store, 100) == [(40, True, kept[1].id), (50, True, kept[0].id)]


def test_deadlines_that_were_put_off_are_dropped() -> None:
    store = Store()
    one = service(store, 10)
    for when in range(20, 10_000):
        one = store.update(one, expires=when)
    assert len(store._due) < 5_000
    assert settled(store, 20_000) == [(9_999, True, one.id)]
