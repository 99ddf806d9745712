"""Every combination of filters, windows and selections in queries and exports, held against a plain list."""

from __future__ import annotations

import json
from functools import cache
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockcs.app import create_app
from tests.conftest import PREFIXES
from tests.model import text_of

Document = dict[str, Any]
TYPES = st.sampled_from([1, 2, "1", "Sales", "a b"])
TIMES = st.integers(0, 6)
SELECTIONS = {"": (True, False), "/active": (True,), "/completed": (False,)}
quick = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@cache
def app() -> FlaskClient:
    return create_app().test_client()


def send(api: str, method: str, path: str, body: Document | None = None) -> Any:
    sent: Document = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
    reply = app().open(PREFIXES[api] + path, method=method, **sent)
    assert reply.status_code < 300, reply.data
    return reply.json if reply.data else None


def reset() -> None:
    send("8.1", "POST", "/__admin/reset")
    send("8.1", "PUT", "/__admin/clock", {"now": text_of(6), "frozen": True})


def query_of(params: list[tuple[str, Any]]) -> str:
    return f"?{urlencode([(name, value) for name, value in params if value is not None])}" if params else ""


def listed(name: str, types: tuple[list[Any], bool]) -> list[tuple[str, Any]]:
    """A list-valued parameter, repeated or with commas; none when nothing is asked for."""
    values, repeated = types
    if not values:
        return []
    return [(name, value) for value in values] if repeated else [(name, ",".join(map(str, values)))]


def is_asked_for(own: Any, types: tuple[list[Any], bool]) -> bool:
    """Whether a type is among the wanted ones; 1 and "1" are one in a URL."""
    return not types[0] or str(own) in map(str, types[0])


FILTERS = st.tuples(st.lists(TYPES, max_size=3), st.booleans())
SERVICE = st.fixed_dictionaries(
    {"known": st.booleans(), "key": st.sampled_from("AB"), "type": TYPES, "start": TIMES, "end": st.none() | TIMES}
)
PART = st.fixed_dictionaries({"type": TYPES, "start": TIMES, "ended": st.booleans(), "state": st.none() | st.just(1)})


def start_services(api: str, services: list[Document]) -> None:
    for number, each in enumerate(services, start=1):
        name = "customer_id" if each["known"] else "contact_key"
        body = {name: each["key"], "service_type": each["type"], "timestamp": text_of(each["start"])}
        assert send(api, "POST", "/services/start", body) == {"service_id": number}
        if each["end"] is not None:
            send(api, "POST", f"/services/{number}/end", {"timestamp": text_of(each["end"])})


@pytest.mark.parametrize("api", PREFIXES)
@pytest.mark.parametrize("known", [True, False], ids=["of a customer", "anonymous"])
@given(
    services=st.lists(SERVICE, max_size=9),
    types=FILTERS,
    window=st.tuples(st.none() | TIMES, st.none() | TIMES),
    of=st.sampled_from(list(SELECTIONS)),
)
@quick
def test_services_are_those_of_a_plain_list(
    api: str, known: bool, services: list[Document], types: Any, window: Any, of: str
) -> None:
    reset()
    start_services(api, services)
    first, last = window
    found = [
        (each["start"], number)
        for number, each in enumerate(services, start=1)
        if (each["known"], each["key"]) == (known, "A")
        and is_asked_for(each["type"], types)
        and (first is None or each["start"] >= first)
        and (last is None or each["start"] < last)
        and (each["end"] is None) in SELECTIONS[of]
    ]
    params = listed("service_types", types)
    params += [
        (name, None if time is None else text_of(time))
        for name, time in zip(("started_from", "started_to"), window, strict=True)
    ]
    base = "/customers/A/services" if known else "/services/anonymous/A"
    shown = send(api, "GET", base + of + query_of(params))
    assert [each["service_id"] for each in shown] == [number for _, number in sorted(found)]


@pytest.mark.parametrize("api", PREFIXES)
@pytest.mark.parametrize("kind", ["state", "task"])
@given(
    parts=st.lists(PART, max_size=9),
    types=FILTERS,
    state=st.none() | st.sampled_from([1, 2]),
    lists=st.sets(st.sampled_from(["active_tasks", "completed_tasks"])),
    of=st.sampled_from(list(SELECTIONS)),
)
@quick
def test_states_and_tasks_are_those_of_a_plain_list(
    api: str, kind: str, parts: list[Document], types: Any, state: int | None, lists: set[str], of: str
) -> None:
    reset()
    start_services(api, [{"known": True, "key": "A", "type": 1, "start": 0, "end": None}] * 2)
    for number, each in enumerate(parts, start=1):
        body = {f"{kind}_type": each["type"], "timestamp": text_of(each["start"])}
        body |= {} if kind == "state" or each["state"] is None else {"state_id": each["state"]}
        assert send(api, "POST", f"/services/1/{kind}s/start", body) == {f"{kind}_id": number}
        if each["ended"]:
            send(api, "POST", f"/services/1/{kind}s/{number}/end")
    found = [
        (each["start"], number)
        for number, each in enumerate(parts, start=1)
        if is_asked_for(each["type"], types)
        and (kind == "state" or state in (None, each["state"]))
        and (not each["ended"]) in SELECTIONS[of]
    ]
    params = listed(f"{kind}_types", types)
    params += [("state_id", state)] if kind == "task" else [(name, "true") for name in sorted(lists)]
    shown = send(api, "GET", f"/services/1/{kind}s{of}{query_of(params)}")
    assert [each[f"{kind}_id"] for each in shown] == [number for _, number in sorted(found)]
    for each in shown if kind == "state" else ():
        assert {name for name in each if name.endswith("_tasks")} == lists
    assert send(api, "GET", f"/services/2/{kind}s{of}{query_of(params)}") == []


@given(
    services=st.lists(SERVICE, max_size=9),
    window=st.tuples(TIMES, st.none() | TIMES),
    events=st.sampled_from([None, "any", "started", "completed"]),
    state=st.sampled_from([None, "any", "active", "inactive"]),
    content=st.booleans(),
)
@quick
def test_an_export_is_that_of_a_plain_list(
    services: list[Document], window: Any, events: str | None, state: str | None, content: bool
) -> None:
    reset()
    start_services("8.5", services)
    first, last = window

    def lies_within(name: str, time: int | None) -> bool:
        in_range = time is not None and first <= time and (time <= 6 if last is None else time < last)
        return in_range and events in (None, "any", name)

    state = state if content else None
    found = [
        (each["start"], number)
        for number, each in enumerate(services, start=1)
        if (lies_within("started", each["start"]) or lies_within("completed", each["end"]))
        and state in (None, "any", "active" if each["end"] is None else "inactive")
    ]
    params = [("time_from", text_of(first)), ("time_to", None if last is None else text_of(last))]
    params += [("filter_events", events), ("filter_state", state), ("export_content", "true" if content else None)]
    shown = send("8.5", "GET", f"/maintenance/services/stream{query_of(params)}")
    numbers = [each["service_id"] for each in shown] if content else [int(each) for each in shown]
    assert numbers == [number for _, number in sorted(found)]


@given(
    services=st.lists(SERVICE, max_size=9),
    limit=TIMES,
    operation=st.sampled_from(["all", "started", "started.anonymous", "completed", "completed.anonymous"]),
)
@quick
def test_a_purge_is_that_of_a_plain_list(services: list[Document], limit: int, operation: str) -> None:
    reset()
    start_services("8.5", services)
    which, _, anonymous = operation.partition(".")
    left = [
        number
        for number, each in enumerate(services, start=1)
        if each["start"] >= limit
        or (anonymous and each["known"])
        or which not in ("all", "started" if each["end"] is None else "completed")
    ]
    body = {"limit": text_of(limit), "operation": f"purge.service.{operation}"}
    assert send("8.5", "POST", "/maintenance/purge", body) is None
    found = send("8.1", "GET", "/__admin/services")["services"]
    assert sorted(each["service_id"] for each in found) == left
