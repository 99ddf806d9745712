"""Every example that the manual prints, replayed as it stands there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mockcs.app import create_app
from tests.conftest import NOTHING, PREFIXES, ROOT, Mock, Reply

EXAMPLES = sorted((ROOT / "fixtures" / "examples").glob("*/*/*.json"))


def named(path: Path) -> str:
    return "-".join(path.with_suffix("").parts[-3:])


def send(mock: Any, api: str, request: dict[str, Any]) -> Reply:
    return mock.request(request["method"], PREFIXES[api] + request["path"], request.get("body", NOTHING))


def prepare(mock: Any, before: dict[str, Any]) -> None:
    for request in before.get("requests", []):
        if "ids" in request:
            assert mock.request("PUT", "/__admin/ids", request["ids"]).status == 200
        reply = send(mock, request["api"], request)
        assert 200 <= reply.status < 300, (request, reply.body)
    if "ids" in before:
        assert mock.request("PUT", "/__admin/ids", before["ids"]).status == 200


def replay(mock: Any, example: dict[str, Any]) -> dict[str, Any]:
    """Replay one example and hold the answer against the printed one; returns the call's record."""
    prepare(mock, example.get("before", {}))
    reply = send(mock, example["api"], example["request"])
    answer = example["answer"]
    assert reply.status == answer["status"], reply.body
    for name, value in answer["headers"].items():
        assert reply.headers[name.lower()] == value
    assert (json.loads(reply.body) if reply.body else None) == answer["body"]
    call = mock.request("GET", f"/__admin/calls/{reply.headers['mockcs-call']}").json
    return dict(call)


class InProcess:
    """The app without a server, spoken to through Flask's test client."""

    def __init__(self) -> None:
        self.client = create_app().test_client()

    def request(self, method: str, path: str, body: Any = NOTHING) -> Reply:
        sent = {} if body is NOTHING else {"json": body}
        answer = self.client.open(path, method=method, **sent)
        return Reply(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.data)


def test_there_are_examples_of_both_generations() -> None:
    assert {path.parts[-3] for path in EXAMPLES} == {"8.1", "8.5"}


@pytest.mark.parametrize("path", EXAMPLES, ids=named)
def test_a_documented_example_is_answered_as_printed(anywhere: Mock, path: Path) -> None:
    example = json.loads(path.read_text(encoding="utf-8"))
    call = replay(anywhere, example)
    assert call["operation"] == example["operation"] == path.parts[-2]
    assert call["api"] == example["api"] == path.parts[-3]


@pytest.mark.parametrize("path", EXAMPLES, ids=named)
def test_a_documented_example_passes_in_the_app_itself_without_violation_or_advice(path: Path) -> None:
    call = replay(InProcess(), json.loads(path.read_text(encoding="utf-8")))
    assert call["violations"] == []
    assert call["advice"] == []
