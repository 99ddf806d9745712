"""Faults that cannot be meant: refused with a sentence and a hint, and none of them is ordered."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Mock

START = {"operation": "start_service"}


def each(name: str, *values: Any, **more: Any) -> list[Any]:
    """The same fault with one value of a member after the other."""
    return [{**START, **more, name: value} for value in values]


BAD: list[Any] = [
    {},
    [],
    b"junk",
    # no call
    {"status": 503},
    {"match": {}, "status": 503},
    {"match": [START], "status": 503},
    {"match": None, "status": 503},
    {"operation": "start_servise", "status": 503},
    {"operation": None, "status": 503},
    {"operation": ["start_service"], "status": 503},
    {"match": {"opertion": "start_service"}, "status": 503},
    {"match": {"path": 5}, "status": 503},
    {"match": {"body_schema": {"type": "nonsense"}}, "status": 503},
    # what is not known before the commit
    {"match": {"status": 201}, "status": 503},
    {"match": {"violations": True}, "status": 503},
    {"match": {"advice": False}, "status": 503},
    {**START, "match": {"status": 201}, "status": 503, "after_commit": True},
    {**START, "match": {"operation": "start_state"}, "status": 503},
    # no effect, or an impossible one
    START,
    {**START, "after_commit": True, "times": 1},
    {**START, "statsu": 503},
    *each("status", 199, 600, 0, -1, "503", 503.5, True, None, [503], 1e300),
    *each("delay_ms", -1, 600_001, "5", True, None, 1e300),
    *each("connection", "drop", "", None, 5, ["reset"]),
    *({**START, "status": status, "body": "x"} for status in (204, 304)),
    *each("headers", None, [], "X: 1", status=503),
    *(
        {**START, "status": 503, "headers": {name: value}}
        for name, value in (
            ("", "1"),
            ("X Y", "1"),
            ("X:", "1"),
            ("Ж", "1"),
            ("X", "a\r\nSet-Cookie: b"),
            ("X", "Ж"),
            ("X", None),
            ("X", True),
            ("X", ["1"]),
            *((name, "1") for name in ("Keep-Alive", "TE", "Trailer", "Trailers", "Upgrade")),
            ("Content-Length", "5"),
            ("transfer-encoding", "chunked"),
            ("Connection", "close"),
            ("Mockcs-Call", "7"),
        )
    ),
    # how often
    *each("skip", -1, 1.5, "1", True, None, status=503),
    *each("times", 0, -1, 1.5, "1", True, None, status=503),
    *each("probability", -0.1, 1.1, "1", True, None, status=503),
    *each("seed", 1.5, "1", True, None, 2**64, status=503),
    *each("after_commit", 1, "true", None, status=503),
]


@pytest.mark.parametrize("fault", BAD, ids=str)
def test_a_fault_that_cannot_be_meant_is_400_and_is_not_ordered(mock: Mock, fault: Any) -> None:
    reply = mock.post("/__admin/faults", fault)
    assert (reply.status, reply.json.keys()) == (400, {"error", "hint"})
    assert reply.json["error"]
    assert mock.get("/__admin/faults").json == {"faults": []}


def test_what_is_misspelt_is_named_with_what_there_is(mock: Mock) -> None:
    told = mock.post("/__admin/faults", {**START, "delay": 5}).json
    assert "'delay'" in told["error"]
    assert "delay_ms" in told["hint"]
    assert "start_service" in mock.post("/__admin/faults", {"operation": "start_servise", "status": 503}).json["hint"]
    assert "status" in mock.post("/__admin/faults", START).json["hint"]


def test_a_fault_that_was_refused_takes_no_id(mock: Mock) -> None:
    assert mock.post("/__admin/faults", START).status == 400
    assert mock.post("/__admin/faults", {**START, "status": 503}).json == {"id": 1}
