"""What faults are for: a client that retries naively makes two services of one call, and a test of it fails.

The clients are those of docs/faults.md, where the tests below stand as an example that runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from mockcs import Client
from tests.conftest import ROOT
from tests.test_docs import blocks

CALLER = "408-832-7799"
LOST: list[dict[str, Any]] = [
    {"status": 503},
    {"status": 500, "body": "<html>oops</html>"},
    {"connection": "reset"},
    {"connection": "close"},
    {"connection": "truncate"},
]
"""Ways in which an answer is lost."""

Start = Callable[[str, str], int]


def clients() -> dict[str, Start]:
    """The functions of `retrying.py` on the page."""
    (code,) = [block.text for block in blocks(ROOT / "docs" / "faults.md", "python") if "# retrying.py" in block.text]
    found: dict[str, Any] = {}
    exec(compile(code, "retrying.py", "exec"), found)
    return found


NAIVE, CAREFUL = (clients()[name] for name in ("naive", "careful"))


def holds_that_a_caller_gets_one_service(mockcs: Client, start: Start) -> None:
    """The test that the page shows."""
    service_id = start(mockcs.url, CALLER)
    assert [service.service_id for service in mockcs.services()] == [service_id]


@pytest.mark.parametrize("start", [NAIVE, CAREFUL], ids=["naive", "careful"])
def test_either_client_passes_when_the_first_attempt_was_refused(mockcs: Client, start: Start) -> None:
    mockcs.fail("start_service", status=503)
    holds_that_a_caller_gets_one_service(mockcs, start)
    mockcs.assert_called("start_service", times=2)
    assert [call.fault for call in mockcs.calls.of("start_service")] == [1, None]


@pytest.mark.parametrize("lost", LOST, ids=str)
def test_the_naive_client_makes_two_services_of_a_lost_answer_and_its_test_fails(
    mockcs: Client, lost: dict[str, Any]
) -> None:
    mockcs.fail("start_service", after_commit=True, **lost)
    with pytest.raises(AssertionError):
        holds_that_a_caller_gets_one_service(mockcs, NAIVE)
    assert [service.contact_key for service in mockcs.services(active=True)] == [CALLER, CALLER]
    assert [call.changes[0].id for call in mockcs.calls.of("start_service")] == [1, 2]


@pytest.mark.parametrize("lost", LOST, ids=str)
def test_the_careful_client_finds_the_service_of_a_lost_answer(mockcs: Client, lost: dict[str, Any]) -> None:
    mockcs.fail("start_service", after_commit=True, **lost)
    holds_that_a_caller_gets_one_service(mockcs, CAREFUL)
    mockcs.assert_called("start_service", times=1)
    mockcs.assert_order("start_service", {"operation": "query_anonymous_services", "status": 200})


def test_the_careful_client_goes_on_when_its_look_fails_too(mockcs: Client) -> None:
    mockcs.fail("start_service", after_commit=True)
    mockcs.fail("query_anonymous_services")
    holds_that_a_caller_gets_one_service(mockcs, CAREFUL)
    assert [call.fault for call in mockcs.calls] == [1, 2, None]


def test_both_give_up_when_it_never_ends(mockcs: Client) -> None:
    mockcs.fail("start_service", times=None)
    for start in (NAIVE, CAREFUL):
        with pytest.raises(TimeoutError, match=CALLER):
            start(mockcs.url, CALLER)
    mockcs.assert_called("start_service", times=6, status=503)
    assert mockcs.services() == []


def test_the_page_shows_this_very_test_for_both_clients() -> None:
    tests = [block for block in blocks(ROOT / "docs" / "faults.md", "python") if "from retrying import" in block.text]
    assert [re.findall(r"from retrying import (\w+)", block.text) for block in tests] == [
        ["naive"],
        ["naive"],
        ["careful"],
    ]
    assert [bool(block.report) for block in tests] == [False, True, False]
    assert "start_service  503" in tests[1].report
    assert "it met the fault 1" in tests[1].report
