"""Evidence: what is missing never turns a verdict, waiting wakes by news alone, and reading holds nobody up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mockcs import Client, MockcsError
from mockcs.app import create_app
from mockcs.calls import Masks
from mockcs.journal import Journal, JournalView, Record, call_of
from mockcs.matching import match_of
from mockcs.messages import Request, Response
from mockcs.server import Server
from mockcs.settings import Settings
from mockcs.verifying import Bounds, Count, Order
from tests.conftest import Door, Mock

START = {"operation": "start_service"}
EVENT = {"service_type": 100, "contact_key": "42"}
LONG = 30_000
SECRET = "Basic a2VudDpzM2NyM3Q="

# No eviction turns a verdict


MASKS = Masks()
KINDS = ("start_service", "start_state", "start_task")


def journal_of(calls: list[tuple[int, str]], max_calls: int) -> Journal:
    """A journal of calls by their kind and fate: answered at once, cut, or still in flight."""
    journal = Journal("s", max_calls, 2**30, MASKS)
    for kind, fate in calls:
        body = b"" if fate == "cut" else b'{"n": %d}' % kind
        digest = "0" * 64 if fate == "cut" else None
        request = Request("POST", "/x", "", {}, body, 8, digest)
        came = journal.arrive(0, request, (KINDS[kind], None, "8.1"), {})
        if fate != "in flight":
            journal.complete(journal.record_of(came, Response(201)))
    return journal


def agrees(made: Callable[[], Any], whole: JournalView, part: JournalView) -> None:
    """See that with evidence missing the verdict is the same, or says that it cannot be known."""
    known, guessed = (made().evaluate(view) for view in (whole, part))
    assert guessed["verdict"] in {known["verdict"], "cannot_say"}
    if known["verdict"] == "cannot_say":
        assert guessed["verdict"] == "cannot_say"


CALLS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["answered", "answered", "cut", "in flight"])), max_size=9
)
MATCHES = st.sampled_from([*({"operation": kind} for kind in KINDS), *({"body": {"n": n}} for n in range(3))])


@settings(deadline=None)
@given(calls=CALLS, kept=st.integers(0, 9), match=MATCHES, least=st.integers(0, 4), more=st.none() | st.integers(0, 3))
def test_no_eviction_ever_turns_cannot_say_into_holds(
    calls: list[tuple[int, str]], kept: int, match: dict[str, Any], least: int, more: int | None
) -> None:
    wanted = Bounds(least, None if more is None else least + more)
    agrees(
        partial(Count, match_of(match, frozenset(KINDS), MASKS), wanted),
        journal_of(calls, 100).view(),
        journal_of(calls, kept).view(),
    )


@settings(deadline=None)
@given(calls=CALLS, kept=st.integers(0, 9), matches=st.lists(MATCHES, min_size=1, max_size=4))
@example(calls=[(0, "answered"), (0, "cut")], kept=0, matches=[*[{"operation": KINDS[0]}] * 2, {"body": {"n": 0}}])
@example(calls=[(0, "cut"), (1, "answered")], kept=1, matches=[{"body": {"n": 0}}, {"operation": "start_state"}])
def test_no_eviction_ever_turns_the_verdict_on_an_order(
    calls: list[tuple[int, str]], kept: int, matches: list[dict[str, Any]]
) -> None:
    wanted = [match_of(match, frozenset(KINDS), MASKS) for match in matches]
    agrees(partial(Order, wanted), journal_of(calls, 100).view(), journal_of(calls, kept).view())


@settings(deadline=None)
@given(calls=CALLS, matches=st.lists(MATCHES, min_size=1, max_size=4))
def test_a_verdict_on_an_order_stays_when_what_was_missing_is_known(
    calls: list[tuple[int, str]], matches: list[dict[str, Any]]
) -> None:
    wanted = [match_of(match, frozenset(KINDS), MASKS) for match in matches]
    now = Order(wanted).evaluate(journal_of(calls, 100).view())["verdict"]
    later = [(kind, "answered") for kind, _ in calls]
    then = Order(wanted).evaluate(journal_of(later, 100).view())["verdict"]
    assert then != "cannot_say"
    assert now in {then, "cannot_say"}


# What is in flight


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Clients that wait while the test goes on."""
    with ThreadPoolExecutor(4) as pool:
        yield pool


def test_a_negative_verdict_waits_for_what_is_in_flight(anywhere: Mock, pool: ThreadPoolExecutor) -> None:
    anywhere.post("/__admin/faults", {"operation": "query_service_by_id", "delay_ms": 300})
    delayed = pool.submit(anywhere.get, "/services/1")
    while not anywhere.calls():
        assert not delayed.done()
    document = {"match": START, "exactly": 0}
    now = anywhere.post("/__admin/calls/verify", document)
    assert (now.status, now.json["verdict"]) == (409, "cannot_say")
    assert now.json["reason"] == "wanted exactly 0, found 0; not known: 1 in flight"
    then = anywhere.post("/__admin/calls/verify", {**document, "within_ms": LONG})
    assert (then.status, then.json["verdict"], then.json["reason"]) == (200, "holds", "wanted exactly 0, found 0")
    assert delayed.result(LONG / 1000).status == 404


def test_a_test_that_asks_too_early_is_told_so(pool: ThreadPoolExecutor) -> None:
    with Server() as cs:
        mock = Mock(cs.base_url)
        cs.delay("start_service", seconds=30)
        delayed = pool.submit(mock.post, "/services/start", EVENT)
        while not mock.calls():
            assert not delayed.done()
        with pytest.raises(AssertionError, match=r"mockcs cannot say(?s:.*)1\s+in flight"):
            cs.assert_not_called("start_service")
        with pytest.raises(AssertionError, match=r"mockcs cannot say(?s:.*)1\s+in flight"):
            cs.assert_order("start_service")
        with pytest.raises(AssertionError, match="has no answer: it is received"):
            _ = cs.calls.last.response.status
        cs.reset()
        assert delayed.result(LONG / 1000).status == 201
        cs.assert_not_called("start_service")


# Waiting


class Looks:
    """A verification that counts how often it is asked, and never holds."""

    def __init__(self) -> None:
        self.count = 0

    def evaluate(self, _: JournalView) -> dict[str, Any]:
        self.count += 1
        return {"verdict": "fails"}

    def nearest(self, _: JournalView, __: dict[str, Any]) -> list[dict[str, Any]]:
        return []


def test_waiting_looks_at_the_journal_when_there_is_news_and_not_before() -> None:
    app = create_app()
    world, client = app.extensions["mockcs"].space("default"), app.test_client()
    looks = Looks()
    assert world.verify(looks, 0.3) == {"verdict": "fails", "nearest": []}
    assert looks.count == 2  # at the beginning and when time is up
    looks = Looks()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(world.verify, looks, LONG)
        for number in range(1, 4):
            while looks.count < number:
                assert not waiting.done()
            client.get("/services/1")
        while looks.count < 4:
            assert not waiting.done()
        client.post("/__admin/reset")
        assert waiting.result(LONG / 1000) == {"verdict": "fails", "nearest": []}
    assert looks.count == 5


# Reading


@pytest.mark.parametrize(
    ("method", "path", "document", "read"),
    [
        ("GET", "/calls", None, 50),
        ("GET", "/calls?operation=start_service&limit=3", None, 3),
        ("GET", "/calls.har", None, 50),
        ("POST", "/calls/verify", {"match": START, "exactly": 50}, 0),
        ("POST", "/calls/verify", {"match": {"path_params": {"a": "b"}}, "exactly": 50}, 53),
        ("POST", "/calls/verify", {"match": {"headers": {"X-Trace": "7"}, "body": {"contact_key": "x"}}}, 100),
        ("POST", "/calls/verify-order", {"matches": [{"headers": {"X-Trace": "7"}}, START]}, 53),
    ],
    ids=str,
)
def test_reading_a_full_journal_does_not_hold_the_lock(
    monkeypatch: pytest.MonkeyPatch, method: str, path: str, document: Any, read: int
) -> None:
    app = create_app(Settings(max_calls=50))
    client, world = app.test_client(), app.extensions["mockcs"].space("default")
    for _ in range(60):
        assert client.post("/services/start", json=EVENT).status_code == 201
    held: list[bool] = []

    def observed(record: Record) -> Any:
        held.append(world.lock.locked())
        return call_of(record)

    for module in ("admin.calls", "verifying"):
        monkeypatch.setattr(f"mockcs.{module}.call_of", observed)
    assert client.open(f"/__admin{path}", method=method, json=document).status_code in (200, 409)
    assert held == [False] * read


# Masked values


@pytest.fixture(params=["in process", "served"])
def cs(request: pytest.FixtureRequest) -> Client:
    """A client of a fresh mock, once in this process and once served by granian."""
    mock: Mock = request.getfixturevalue("mock" if request.param == "in process" else "served")
    return Client(mock.base_url)


@pytest.mark.parametrize("name", ["Authorization", "Proxy-Authorization", "Cookie"])
def test_a_masked_value_can_be_compared(cs: Client, name: str) -> None:
    mock = Mock(cs.base_url)
    mock.request("GET", "/services/1", **{name: SECRET, "X-Trace": "7"})
    mock.request("GET", "/services/1", **{name: "another"})
    first, second = cs.calls
    value = first.request.headers[name.lower()]
    assert value.startswith("masked:")
    assert SECRET not in repr(first.request.headers) + repr(first.document)
    assert value.same_as(SECRET)
    assert value.same_as(value)
    assert not value.same_as("another")
    assert not value.same_as(SECRET.lower())
    assert second.request.headers[name].same_as("another")
    assert second.request.headers[name] != value
    assert first.request.headers["x-trace"].same_as("7")
    assert not first.request.headers["X-Trace"].same_as("8")


def test_the_masks_of_two_servers_tell_nothing_of_each_other() -> None:
    masks = []
    for _ in range(2):
        with Server() as cs:
            Mock(cs.base_url).request("GET", "/services/1", Authorization=SECRET)
            masks.append(str(cs.calls.last.request.headers["Authorization"]))
    assert masks[0] != masks[1]


def test_what_was_evicted_is_not_compared_in_silence() -> None:
    with Server(Settings(max_calls=1)) as cs:
        mock = Mock(cs.base_url)
        mock.request("GET", "/services/1", Authorization=SECRET)
        value = cs.calls.last.request.headers["Authorization"]
        mock.get("/services/2")
        with pytest.raises(MockcsError, match="there is no call 1"):
            value.same_as(SECRET)


def test_a_header_that_is_not_masked_is_compared_as_it_stands(gms: Door) -> None:
    gms.start_service()
    found = Client(gms.mock.base_url).calls.last.response.headers["Content-Type"]
    assert found.same_as("application/json")
    assert not found.same_as("text/plain")
