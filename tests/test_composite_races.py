"""Composite Start under concurrency: the same event at the same time starts one of each."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from mockcs.app import create_app
from tests.conftest import Mock

PATH = "/genesys/1/cs/services_composite/start"
THREADS, ROUNDS, EVENTS = 24, 10, 20
KINDS = ("service", "state", "task")


def body(*customers: str) -> dict[str, Any]:
    parts = {"state": {"state_type": 1}, "task": {"task_type": 1}}
    return {"services": [{"service": {"customer_id": customer}, **parts} for customer in customers]}


@pytest.fixture
def switching() -> Iterator[None]:
    """Lets the threads of this process take turns as often as they can, so that a race shows."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_many_threads_with_the_same_event_start_one_service_one_state_and_one_task(anywhere: Mock) -> None:
    together = Barrier(THREADS)

    def send(_: int) -> Any:
        together.wait(30)
        reply = anywhere.post(PATH, body("C1"))
        assert reply.status == 200, reply.body
        return reply.json["services"][0]

    with ThreadPoolExecutor(THREADS) as threads:
        found = list(threads.map(send, range(THREADS)))
    for kind in KINDS:
        assert [each[kind][f"{kind}_id"] for each in found] == [1] * THREADS
        assert sorted(each[kind]["created"] for each in found) == ["false"] * (THREADS - 1) + ["true"]
    (service,) = anywhere.get("/__admin/services").json["services"]
    assert [len(service[name]) for name in ("active_states", "active_tasks")] == [1, 1]
    records = [call["changes"] for call in anywhere.calls(operation="composite_start")]
    created = [sum(each["change"] == "created" for each in changes) for changes in records]
    assert sorted(created) == [0] * (THREADS - 1) + [3]


@pytest.mark.usefixtures("switching")
def test_round_after_round_of_threads_in_the_app_itself_starts_one_of_each() -> None:
    app, together = create_app(), Barrier(THREADS)

    def send(_: int) -> list[Any]:
        client, found = app.test_client(), []
        for number in range(ROUNDS):
            together.wait(30)
            reply = client.post(PATH, json=body(*(f"C{number}-{event}" for event in range(EVENTS))))
            found += json.loads(reply.data)["services"]
        return found

    with ThreadPoolExecutor(THREADS) as threads:
        events = list(zip(*threads.map(send, range(THREADS)), strict=True))
    assert len(events) == ROUNDS * EVENTS
    for found in events:
        for kind in KINDS:
            assert len({each[kind][f"{kind}_id"] for each in found}) == 1
            assert sorted(each[kind]["created"] for each in found) == ["false"] * (THREADS - 1) + ["true"]
