"""Two threads at one service: whatever order their calls take, nothing of either is lost."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from mockcs.app import create_app

PREFIX = "/genesys/1/cs"
LISTS = "active_states=true&completed_states=true&active_tasks=true&completed_tasks=true&extensions=*"
ROUNDS = 60
Send = Callable[..., Any]


@pytest.fixture
def switching() -> Iterator[None]:
    """Lets the threads of this process take turns as often as they can, so that a race shows."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def interleaved(work: Callable[[Send, int, int], None]) -> Any:
    """One service after `ROUNDS` rounds of the work by two threads that start each round together."""
    app, together = create_app(), Barrier(2)

    def sender() -> Send:
        client = app.test_client()

        def send(method: str, path: str, body: Any = None) -> Any:
            reply = client.open(PREFIX + path, method=method, **({} if body is None else {"json": body}))
            assert reply.status_code in (200, 201, 204), reply.data
            return json.loads(reply.data) if reply.data else None

        return send

    def run(thread: int) -> None:
        send = sender()
        for number in range(ROUNDS):
            together.wait(30)
            work(send, thread, number)

    main = sender()
    main("POST", "/services/start", {"contact_key": "42"})
    with ThreadPoolExecutor(2) as threads:
        for _ in threads.map(run, range(2)):
            pass
    return main("GET", f"/services/1?{LISTS}")


@pytest.mark.usefixtures("switching")
def test_two_threads_that_attach_data_to_one_service_lose_none_of_it() -> None:
    def work(send: Send, thread: int, number: int) -> None:
        send("PUT", f"/services/1/extensions/of{thread}n{number}", {"n": number})
        send("PUT", "/services/1/extensions/shared/merge", {f"of{thread}n{number}": number})

    found = interleaved(work)
    names = {f"of{thread}n{number}": number for thread in range(2) for number in range(ROUNDS)}
    assert found["shared"] == names
    assert {name: found[name]["n"] for name in names} == names


@pytest.mark.usefixtures("switching")
def test_two_threads_that_start_and_end_states_and_tasks_of_one_service_lose_none() -> None:
    def work(send: Send, thread: int, number: int) -> None:
        state = send("POST", "/services/1/states/start", {"state_type": thread})["state_id"]
        task = send("POST", "/services/1/tasks/start", {"task_type": thread, "state_id": state})["task_id"]
        if number % 2:
            send("POST", f"/services/1/tasks/{task}/end", {"disposition": number})
            send("POST", f"/services/1/states/{state}/end", {"disposition": number})

    found = interleaved(work)
    for kind in ("state", "task"):
        active, completed = found[f"active_{kind}s"], found[f"completed_{kind}s"]
        assert [len(active), len(completed)] == [ROUNDS, ROUNDS]
        assert sorted(each[f"{kind}_id"] for each in (*active, *completed)) == list(range(1, 2 * ROUNDS + 1))
        ended = sorted((each[f"{kind}_type"], each["disposition"]) for each in completed)
        assert ended == [(thread, number) for thread in range(2) for number in range(1, ROUNDS, 2)]


@pytest.mark.usefixtures("switching")
def test_two_threads_in_transitions_from_one_state_to_the_next_leave_one_chain_each() -> None:
    last = {0: 0, 1: 0}

    def work(send: Send, thread: int, number: int) -> None:
        if number == 0:
            last[thread] = send("POST", "/services/1/states/start", {"state_type": thread})["state_id"]
        body = {"from": {"state_id": last[thread], "disposition": number}, "to": {"state_type": thread}}
        last[thread] = send("POST", "/services/1/states/transition", body)["state_id"]

    found = interleaved(work)
    assert sorted(each["state_id"] for each in found["active_states"]) == sorted(last.values())
    before = {each["state_id"]: each for name in ("active_states", "completed_states") for each in found[name]}
    for thread in range(2):
        chain, number = [], last[thread]
        while number in before:
            chain.append(before[number].get("disposition"))
            assert before[number]["state_type"] == thread
            number = before[number].get("previous_state_id", 0)
        assert chain == [None, *reversed(range(ROUNDS))]
