"""Where the journal ends: by count, by bytes, and against a plain list."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockcs.app import create_app
from mockcs.calls import Masks
from mockcs.journal import Journal, Record, call_of
from mockcs.messages import Request, Response
from mockcs.server import Server
from mockcs.settings import Settings
from tests.conftest import Mock, serving


@pytest.mark.slow
def test_beyond_max_calls_the_oldest_are_evicted_and_counted() -> None:
    with serving("--max-calls", "5") as mock:
        for number in range(8):
            mock.get(f"/services/{number}")
        answer = mock.get("/__admin/calls").json
        assert [call["id"] for call in answer["calls"]] == [4, 5, 6, 7, 8]
        assert (answer["total"], answer["evicted"]) == (8, 3)
        assert mock.get("/__admin/calls/3").status == 404


def test_what_is_evicted_is_told_by_whether_it_broke_a_rule() -> None:
    client = create_app(Settings(max_calls=2)).test_client()
    for key in (42, "42", 43, "43", "43"):
        client.post("/genesys/1/cs/services/start", json={"contact_key": key})
    listing = client.get("/__admin/calls?limit=0").json
    assert listing == {"calls": [], "total": 5, "evicted": 3, "in_flight": 0, "evicted_refused": 2}
    client.delete("/__admin/calls")
    assert "evicted_refused" not in (client.get("/__admin/calls").json or {})


@pytest.mark.slow
def test_beyond_max_journal_bytes_the_oldest_are_evicted_and_a_single_large_call_is_cut() -> None:
    limit, body = 2**14, json.dumps({"service_type": 1, "contact_key": "42", "x": "y" * 4000}).encode()
    with serving("--max-journal-bytes", "16KiB") as mock:
        for _ in range(10):
            assert mock.post("/services/start", body).status == 201
        answer = mock.get("/__admin/calls").json
        kept = [call["id"] for call in answer["calls"]]
        assert kept == list(range(11 - len(kept), 11))
        assert 2 <= len(kept) <= limit // len(body)
        assert (answer["total"], answer["evicted"]) == (10, 10 - len(kept))
        large = body + b" " * limit
        assert mock.post("/services/start", large).status == 201
        call = mock.last_call()
        digest = hashlib.sha256(large).hexdigest()
        assert call["request"]["body"] == {"cut": True, "size": len(large), "sha256": digest}
        assert (call["request"]["body_size"], call["response"]["status"]) == (len(large), 201)


@pytest.mark.slow
def test_an_answer_too_large_for_the_journal_says_that_it_was_cut() -> None:
    with serving("--max-journal-bytes", "16KiB") as mock:
        for _ in range(40):
            mock.post("/__admin/services", {"service_type": 1, "customer_id": "C1", "contact_key": "k" * 500})
        reply = mock.get("/customers/C1/services")
        assert len(reply.body) > 2**14
        call = mock.last_call()
        digest = hashlib.sha256(reply.body).hexdigest()
        assert call["response"]["body"] == {"cut": True, "size": len(reply.body), "sha256": digest}
        assert (call["request"]["body"], call["request"]["body_size"]) == (None, 0)


def test_names_of_headers_count_as_bytes_of_the_journal(mock: Mock) -> None:
    found = []
    for name in ("X", "X" * 1000):
        mock.request("GET", "/services/1", **{name: "1"})
        found.append(mock.get("/__admin/metrics").body.decode())
    first, both = (
        float(next(line for line in text.splitlines() if line.startswith("mockcs_journal_bytes{")).split()[1])
        for text in found
    )
    assert both - 2 * first == 999


OPS = st.lists(st.tuples(st.sampled_from(["arrive", "complete", "forget"]), st.integers(0, 200)), max_size=40)


@settings(deadline=None)
@given(ops=OPS, max_calls=st.integers(0, 4), max_bytes=st.sampled_from([0, 300, 700, 2**30]))
def test_a_journal_keeps_what_a_plain_list_would(ops: list[tuple[str, int]], max_calls: int, max_bytes: int) -> None:
    journal = Journal("s", max_calls, max_bytes, Masks())
    flying: list[Record] = []
    done: list[int] = []  # completed since the last forgetting
    for total, (op, number) in enumerate(ops):
        if op == "arrive":
            body = bytes([97]) * number
            request = Request("POST", "/x", "", {}, body, number)
            flying.append(journal.arrive(0, request, (None, None, "8.1"), {}))
        elif op == "complete" and flying:
            came = flying.pop(number % len(flying))
            done.append(call_of(came).id)
            journal.complete(journal.record_of(came, Response(200)))
        elif op == "forget":
            kept = len(journal.view().records)
            assert journal.forget() == kept
            done = []
        view = journal.view()
        assert view.total == sum(each == "arrive" for each, _ in ops[: total + 1])
        assert [call_of(record) for record in view.in_flight.values()] == [journal.call(n) for n in view.in_flight]
        assert view.in_flight.keys() == {call_of(came).id for came in flying}
        assert len(view.records) + view.evicted == len(done)
        assert len(view.records) <= max_calls
        assert sum(record[-1] for record in view.records.values()) == journal.bytes <= max_bytes
        if max_bytes == 2**30:
            assert sorted(view.records) == sorted(done)[max(0, len(done) - max_calls) :]
        for call in map(call_of, view.records.values()):
            assert call.request.digest is None or call.request.body == b""
            assert journal.call(call.id) == call


def test_an_answer_without_a_body_is_not_cut_with_its_call() -> None:
    with Server(Settings(max_journal_bytes=2000)) as cs:
        mock = Mock(cs.base_url)
        mock.post("/services/start", {"contact_key": "42", "service_type": 1})
        assert mock.post("/genesys/1/cs/services/1/end", {"Data": {"a": "x" * 2500}}).status == 204
        call = mock.last_call()
        assert (call["request"]["body"]["cut"], call["response"]["body"]) == (True, None)
