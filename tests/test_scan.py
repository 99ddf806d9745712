"""A match held against records says what it says of the calls that they keep."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mockcs.calls import Masks
from mockcs.journal import Journal, Record, call_of
from mockcs.matching import match_of
from mockcs.messages import Request, Response
from mockcs.verifying import Scan

MASKS = Masks()
KINDS = frozenset({"start_service", "start_state"})
TEXTS = st.sampled_from(["", "a", "text", 'say "a"', "back\\slash", "caf\u00e9", "\u2028", "\x7f", "/"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
WRITINGS = st.sampled_from([{}, {"ensure_ascii": False}, {"indent": 1}, {"separators": (",", ":")}])
PLAIN = st.fixed_dictionaries(
    {},
    optional={
        "operation": st.sampled_from(sorted(KINDS)),
        "method": st.sampled_from(["GET", "POST"]),
        "path": st.sampled_from(["/x", "/*", "/y?"]),
        "status": st.sampled_from([201, 404]),
        "api": st.sampled_from(["8.1", "8.5"]),
    },
)


def record_of(body: bytes, digest: str | None = None) -> Record:
    """The record of a call with that body."""
    journal = Journal("s", 10, 2**20, MASKS)
    request = Request("POST", "/x", "", {"X-Trace": "7"}, body, len(body), digest)
    return journal.record_of(journal.arrive(0, request, ("start_service", None, "8.1"), {}), Response(201))


@settings(deadline=None)
@given(sent=VALUES, wanted=VALUES, same=st.booleans(), writing=WRITINGS, plain=PLAIN)
@example(sent={"caf\u00e9": "/"}, wanted={}, same=True, writing={}, plain={})
def test_a_record_meets_the_match_that_its_call_meets(
    sent: Any, wanted: Any, same: bool, writing: dict[str, Any], plain: dict[str, Any]
) -> None:
    record = record_of(json.dumps(sent, **writing).encode())
    match = match_of({**plain, "body": sent if same else wanted}, KINDS, MASKS)
    assert Scan(match).is_met_by(1, record) is match.is_met_by(call_of(record))


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b"plain text", {"text": "plain text"}),
        (b"\xff\xfe", {"base64": "//4="}),
        (b'{"caf\\u00e9": "\\/"}', {"caf\u00e9": "/"}),
        (b'{"a": 1e2, "b": [-25E-1, 70.0]}', {"a": 100, "b": [-2.5, 70]}),
        (b'{"a": 0.99999999999999999, "b": 4.99999999999999999999}', {"a": 1, "b": 5}),
        (b'{"a": 9007199254740993.0}', {"a": 9007199254740992}),
        (b"", None),
    ],
    ids=str,
)
def test_a_body_is_found_however_it_is_written(body: bytes, wanted: Any) -> None:
    scan = Scan(match_of({"body": wanted}, KINDS, MASKS))
    assert scan.is_met_by(1, record_of(body))
    assert not scan.is_met_by(2, record_of(b'{"other": 1}'))


def test_a_body_without_the_digits_of_a_wanted_number_does_not_match() -> None:
    scan = Scan(match_of({"body": {"a": 101}}, KINDS, MASKS))
    bodies = [b'{"a": 101}', b'{"a": 110}', b'{"a": 1.01e2}', b'{"a": 1010}', b'{"a": true, "b": 101}']
    assert [scan.is_met_by(number, record_of(body)) for number, body in enumerate(bodies)] == [
        True,
        False,
        True,
        False,
        False,
    ]


def test_a_cut_body_neither_meets_a_match_nor_rules_it_out() -> None:
    scan, cut = Scan(match_of({"body": {"a": 1}}, KINDS, MASKS)), record_of(b"", "0" * 64)
    assert not scan.is_met_by(1, cut)
    assert scan.is_undecided_by(cut)
    assert scan.is_met_by(2, record_of(b'{"a": 1}'))


def test_a_call_that_is_nearer_by_no_plain_member_can_be_ruled_out_unread() -> None:
    scan = Scan(match_of({"operation": "start_state", "status": 404, "body": {"a": 1}}, KINDS, MASKS))
    record = record_of(b'{"a": 2}')
    assert scan.misses(record) == 2
    assert len(scan.match.differences(call_of(record))) == 3
