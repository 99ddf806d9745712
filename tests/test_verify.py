"""Verifying: what a match finds, and when a verdict holds, fails or cannot be said."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from mockcs import Client
from mockcs.app import create_app
from mockcs.report import violations
from mockcs.settings import Settings
from mockcs.verifying import Bounds
from tests.conftest import Door, Mock, Reply, serving

START = {"operation": "start_service"}
EVENT = {"service_type": 100, "contact_key": "42"}


def test_of_many_differences_the_first_are_told_and_how_many_there_are(mock: Mock, gms: Door) -> None:
    records = [{"number": number, "text": "x" * 300} for number in range(50)]
    gms.post("/services/start", {**EVENT, "records": records})
    other = [{"number": -1}] * 50
    [near] = verify(mock, {"body": {"records": other}}).json["nearest"]
    assert len(near["differences"]) == 21
    assert near["differences"][-1] == "and 30 more"
    schema = {"properties": {"records": {"maxItems": 3, "items": {"required": ["price"]}}}}
    [near] = verify(mock, {"body_schema": schema}).json["nearest"]
    assert near["differences"][0] == "body_schema: the body does not fit it"
    assert len(near["differences"]) == 6
    assert all(each.startswith("body_schema: /records") and len(each) < 300 for each in near["differences"][1:])


def test_of_a_large_body_no_error_of_a_schema_is_told_but_that_it_does_not_fit(mock: Mock, gms: Door) -> None:
    gms.post("/services/start", {**EVENT, "text": "x" * 100_000})
    [near] = verify(mock, {"body_schema": {"properties": {"text": {"maxLength": 3}}}}).json["nearest"]
    assert near["differences"] == ["body_schema: the body does not fit it"]


def verify(mock: Mock, match: Any, **more: Any) -> Reply:
    reply = mock.post("/__admin/calls/verify", {"match": match, **more})
    assert reply.status == (200 if reply.json["verdict"] == "holds" else 409), reply.body
    return reply


@pytest.fixture
def scene(ucs: Door, gms: Door) -> Mock:
    """A mock with six calls, numbered from 1."""
    attached = {"coupon": {"code": "A", "tags": ["x", "y"]}, "list": [{"a": 1, "b": 2}, {"a": 3}]}
    replies = [
        gms.request("POST", "/services/start", {**EVENT, **attached}, X_Trace="7"),
        ucs.post("/services/start", {**EVENT, "interation_id": "i"}),
        gms.get("/services/1?extensions=a&extensions=b&page=1&active_tasks=true"),
        ucs.get("/services/99"),
        gms.post("/services/start", {"service_type": True, "contact_key": "7"}),
        ucs.post("/nothing"),
    ]
    assert [reply.status for reply in replies] == [201, 201, 200, 404, 400, 404]
    return ucs.mock


@pytest.mark.parametrize(
    ("match", "found"),
    [
        (START, [1, 2, 5]),
        ({"api": "8.1"}, [2, 4, 6]),
        ({"method": "GET"}, [3, 4]),
        ({"path": "/services/start"}, [2]),
        ({"path": "*/services/*"}, [1, 2, 3, 4, 5]),
        ({"path": "*/services/[s]tart"}, [1, 2, 5]),
        ({"path": "/genesys/1/cs/services/?"}, [3]),
        ({"path_params": {"service_id": "99"}}, [4]),
        ({"query": {"extensions": ["a", "b"]}}, [3]),
        ({"query": {"extensions": ["a"]}}, []),
        ({"query": {"extensions": ["b", "a"]}}, []),
        ({"query": {"page": 1, "active_tasks": True}}, [3]),
        ({"query": {"page": ["1"], "active_tasks": [True]}}, [3]),
        ({"query": {"page": True}}, []),
        ({"headers": {"x-TRACE": "7"}}, [1]),
        ({"headers": {"X-Trace": "8"}}, []),
        ({"body": {"contact_key": "42"}}, [1, 2]),
        ({"body": {"service_type": 100.0}}, [1, 2]),
        ({"body": {"service_type": 1}}, []),
        ({"body": {"service_type": True}}, [5]),
        ({"body": {"contact_key": 42}}, []),
        ({"body": {"contact_key": None}}, []),
        ({"body": {"coupon": {"code": "A"}}}, [1]),
        ({"body": {"coupon": {"code": "B"}}}, []),
        ({"body": {"coupon": {"tags": ["x", "y"]}}}, [1]),
        ({"body": {"coupon": {"tags": ["y", "x"]}}}, []),
        ({"body": {"coupon": {"tags": ["x"]}}}, []),
        ({"body": {"list": [{"a": 1}, {}]}}, [1]),
        ({"body": {"list": [{"a": 1}]}}, []),
        ({"body": {"list": {"a": 1}}}, []),
        ({"body": {}}, [1, 2, 5]),
        ({"body_schema": {"type": "object", "required": ["interation_id"]}}, [2]),
        ({"body_schema": {"type": "object", "properties": {"service_type": {"type": "integer"}}}}, [1, 2]),
        ({"status": 404}, [4, 6]),
        ({"violations": True}, [5]),
        ({"violations": False, "status": 201}, [1, 2]),
        ({"advice": True, "status": 201}, [2]),
        ({"advice": False}, [1, 4, 5]),
        ({**START, "api": "8.5", "status": 201, "body": {"contact_key": "42"}}, [1]),
        ({**START, "method": "GET"}, []),
    ],
    ids=str,
)
def test_a_match_finds_the_calls_that_have_all_it_asks_for(scene: Mock, match: Any, found: list[int]) -> None:
    answer = verify(scene, match, exactly=len(found)).json
    assert (answer["verdict"], answer["found"], answer["calls"]) == ("holds", len(found), found)


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        ({}, "holds"),
        ({"exactly": 3}, "holds"),
        ({"exactly": 2}, "fails"),
        ({"exactly": 0}, "fails"),
        ({"at_least": 3}, "holds"),
        ({"at_least": 4}, "fails"),
        ({"at_most": 3}, "holds"),
        ({"at_most": 2}, "fails"),
        ({"at_least": 1, "at_most": 3}, "holds"),
        ({"at_least": 4, "at_most": 5}, "fails"),
    ],
)
def test_a_verdict_goes_by_the_wanted_counts(scene: Mock, counts: Any, verdict: str) -> None:
    reply = verify(scene, START, **counts)
    assert reply.json.keys() == {"verdict", "found", "calls", "reason", "nearest"}
    assert (reply.json["verdict"], reply.json["found"], reply.json["calls"]) == (verdict, 3, [1, 2, 5])
    assert "found 3" in reply.json["reason"]


def test_without_a_count_one_call_is_wanted_and_at_most_alone_takes_none(scene: Mock) -> None:
    assert verify(scene, {"operation": "composite_start"}).json["verdict"] == "fails"
    assert verify(scene, {"operation": "composite_start"}, at_most=1).json["verdict"] == "holds"


@settings(deadline=None)
@given(least=st.integers(0, 6), more=st.none() | st.integers(0, 6), found=st.integers(0, 6), missing=st.integers(0, 6))
def test_a_verdict_is_what_all_counts_that_are_possible_agree_on(
    least: int, more: int | None, found: int, missing: int
) -> None:
    most = None if more is None else least + more
    possible = {least <= count and (most is None or count <= most) for count in range(found, found + missing + 1)}
    expected = {frozenset([True]): "holds", frozenset([False]): "fails"}.get(frozenset(possible), "cannot_say")
    assert Bounds(least, most).verdict(found, missing) == expected


MALFORMED: list[Any] = [
    {},
    {"match": None},
    {"match": {}},
    {"match": [START]},
    {"match": "start_service"},
    {"match": {"opertion": "start_service"}},
    {"match": {"operation": 5}},
    {"match": {"operation": "start_servise"}},
    {"match": {"path": None}},
    {"match": {"headers": ["X-Trace"]}},
    {"match": {"headers": {"X-Trace": None}}},
    {"match": {"path_params": {"service_id": ["1"]}}},
    {"match": {"query": {"extensions": {}}}},
    {"match": {"query": "extensions=a"}},
    {"match": {"status": "404"}},
    {"match": {"status": True}},
    {"match": {"violations": "yes"}},
    {"match": {"advice": 1}},
    {"match": {"body_schema": 5}},
    {"match": {"body_schema": {"type": "nonsense"}}},
    {"match": START, "exactly": -1},
    {"match": START, "exactly": 1.5},
    {"match": START, "exactly": True},
    {"match": START, "at_least": "1"},
    {"match": START, "exactly": 1, "at_least": 1},
    {"match": START, "at_least": 2, "at_most": 1},
    {"match": START, "times": 1},
    {"match": START, "within_ms": -1},
    {"match": START, "within_ms": "5"},
    {"match": START, "within_ms": 1e12},
    {"matches": [START]},
    [START],
    b"junk",
]


@pytest.mark.parametrize("document", MALFORMED, ids=str)
def test_a_verification_that_cannot_be_meant_is_400(scene: Mock, document: Any) -> None:
    reply = scene.post("/__admin/calls/verify", document)
    assert (reply.status, reply.json.keys()) == (400, {"error", "hint"})


@pytest.mark.parametrize(
    "document", [{}, {"matches": []}, {"matches": START}, {"matches": [START, {}]}, {"match": START}]
)
def test_an_order_that_cannot_be_meant_is_400(scene: Mock, document: Any) -> None:
    reply = scene.post("/__admin/calls/verify-order", document)
    assert (reply.status, reply.json.keys()) == (400, {"error", "hint"})


def test_a_misspelt_operation_is_told_the_nearest_one(mock: Mock) -> None:
    hint = mock.post("/__admin/calls/verify", {"match": {"operation": "start_servise"}}).json["hint"]
    assert "start_service" in hint
    hint = mock.post("/__admin/calls/verify", {"match": {"sttus": 200}}).json["hint"]
    assert "status" in hint


def test_a_verdict_that_does_not_hold_names_the_nearest_calls_and_their_differences(scene: Mock) -> None:
    answer = verify(scene, {**START, "api": "8.5", "body": {"contact_key": "43", "coupon": {"code": "A"}}}).json
    first, *others = answer["nearest"]
    assert first["call"] == 1
    (difference,) = first["differences"]
    assert "contact_key" in difference
    assert '"43"' in difference
    assert '"42"' in difference
    assert all(len(other["differences"]) >= 2 for other in others)
    assert verify(scene, START, exactly=3).json["nearest"] == []
    assert not {1, 2, 5} & {near["call"] for near in verify(scene, START, exactly=1).json["nearest"]}


def test_a_space_verifies_its_own_calls(mock: Mock) -> None:
    mock.post("/__space/a/services/start", EVENT)
    assert verify(mock, START, exactly=0).json["verdict"] == "holds"
    reply = mock.post("/__space/a/__admin/calls/verify", {"match": START, "exactly": 1})
    assert reply.status == 200


@pytest.mark.parametrize(
    ("matches", "calls", "verdict"),
    [
        ([START], [1], "holds"),
        ([START, START, START], [1, 2, 5], "holds"),
        ([START, START, START, START], [1, 2, 5], "fails"),
        ([START, {"method": "GET"}, {"status": 404}], [1, 3, 4], "holds"),
        ([{"status": 404}, {"status": 404}], [4, 6], "holds"),
        ([{"method": "GET"}, {"status": 201}], [3], "fails"),
        ([{"operation": "composite_start"}, START], [], "fails"),
    ],
)
def test_an_order_holds_as_a_subsequence(scene: Mock, matches: list[Any], calls: list[int], verdict: str) -> None:
    reply = scene.post("/__admin/calls/verify-order", {"matches": matches})
    assert reply.status == (200 if verdict == "holds" else 409)
    assert reply.json.keys() == {"verdict", "found", "calls", "reason", "nearest"}
    assert (reply.json["verdict"], reply.json["calls"]) == (verdict, calls)
    assert bool(reply.json["nearest"]) == (verdict == "fails")


def test_verifying_leaves_no_calls(scene: Mock) -> None:
    verify(scene, START)
    scene.post("/__admin/calls/verify-order", {"matches": [START]})
    assert scene.get("/__admin/calls").json["total"] == 6


def asked(client: FlaskClient, match: Any, **counts: int) -> str:
    return str((client.post("/__admin/calls/verify", json={"match": match, **counts}).json or {})["verdict"])


def order_of(client: FlaskClient, *matches: Any) -> str:
    return str((client.post("/__admin/calls/verify-order", json={"matches": matches}).json or {})["verdict"])


def test_evicted_calls_leave_open_what_they_could_turn() -> None:
    client = create_app(Settings(max_calls=2)).test_client()
    for _ in range(3):
        client.get("/services/1")
    match = {"method": "GET"}
    wanted = [{"exactly": 1}, {"exactly": 2}, {"exactly": 3}, {"exactly": 4}]
    assert [asked(client, match, **each) for each in wanted] == ["fails", "cannot_say", "cannot_say", "fails"]
    wanted = [{"at_least": 2}, {"at_least": 3}, {"at_least": 4}, {"at_most": 1}, {"at_most": 2}, {"at_most": 3}]
    verdicts = ["holds", "cannot_say", "fails", "fails", "cannot_say", "holds"]
    assert [asked(client, match, **each) for each in wanted] == verdicts
    assert asked(client, START, exactly=0) == "cannot_say"
    assert (order_of(client, match, match), order_of(client, START, match)) == ("holds", "cannot_say")
    client.delete("/__admin/calls")
    assert asked(client, START, exactly=0) == "holds"


def test_a_cut_body_leaves_open_only_what_asks_for_it() -> None:
    client = create_app(Settings(max_body=10)).test_client()
    assert client.post("/services/start", json=EVENT).status_code == 413
    body = {**START, "body": {"contact_key": "42"}}
    assert [asked(client, body, exactly=n) for n in (0, 1, 2)] == ["cannot_say", "cannot_say", "fails"]
    assert asked(client, {"body_schema": {"required": ["x"]}}) == "cannot_say"
    assert order_of(client, body) == "cannot_say"
    assert asked(client, {**START, "status": 413}, exactly=1) == "holds"
    assert asked(client, {**START, "status": 201}, exactly=0) == "holds"


def test_a_call_in_flight_leaves_the_verdict_open_until_it_is_answered(mock: Mock) -> None:
    fault = {"operation": "query_service_by_id", "delay_ms": 20_000}
    assert mock.post("/__admin/faults", fault).status == 201
    match = {"operation": "query_service_by_id"}
    with ThreadPoolExecutor(1) as pool:
        delayed = pool.submit(mock.get, "/services/1")
        while not mock.calls():
            assert not delayed.done()
        for wanted in (match, START):
            verdicts = [verify(mock, wanted, exactly=count).json["verdict"] for count in (0, 1, 2)]
            assert verdicts == ["cannot_say", "cannot_say", "fails"]
        order = mock.post("/__admin/calls/verify-order", {"matches": [match]})
        assert (order.status, order.json["verdict"]) == (409, "cannot_say")
        mock.reset()
        delayed.result(20)
    assert verify(mock, match, exactly=0).json["verdict"] == "holds"


def test_a_path_with_brackets_matches_itself_and_brackets_are_a_pattern_too(gms: Door) -> None:
    gms.get("/services/anonymous/[1]")
    gms.get("/services/anonymous/2")
    for path, found in (("/genesys/1/cs/services/anonymous/[1]", [1]), ("*/[12]", [2]), ("*/[[]1]", [1])):
        assert verify(gms.mock, {"path": path}).json["calls"] == found
        listed = gms.mock.get(f"/__admin/calls?path={quote(path)}").json["calls"]
        assert [call["id"] for call in listed] == found


def test_a_call_without_a_body_is_no_nearer_than_one_with_another_body(gms: Door) -> None:
    gms.start_service(media_type=1)
    for _ in range(3):
        gms.get("/services/1")
    body = {"contact_key": "7", "service_type": 7, "media_type": 7}
    nearest = verify(gms.mock, {"body": body}).json["nearest"]
    assert (nearest[0]["call"], len(nearest[0]["differences"])) == (1, 3)


def test_a_difference_in_a_long_text_is_shown_where_it_is(gms: Door) -> None:
    gms.start_service(contact_key="p" * 200 + "X")
    nearest = verify(gms.mock, {"body": {"contact_key": "p" * 200 + "Y"}}).json["nearest"]
    assert nearest[0]["differences"] == [
        'body.contact_key: wanted "…ppppppppppY", was "…ppppppppppX"',
    ]


def test_an_order_that_no_evicted_call_could_turn_fails() -> None:
    with serving("--max-calls", "1") as mock:
        gms = Door(mock, "8.5")
        gms.start_service()
        gms.get("/services/1/states")
        states, start = {"operation": "query_states"}, {"operation": "start_service"}
        for matches, verdict in (([states, start], "fails"), ([start, states], "cannot_say")):
            reply = mock.post("/__admin/calls/verify-order", {"matches": matches})
            assert (reply.status, reply.json["verdict"]) == (409, verdict)


def test_calls_that_were_forgotten_are_not_missing_in_an_order(mock: Mock) -> None:
    mock.post("/__admin/faults", {"match": {"path": "/late"}, "delay_ms": 30_000})
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(mock.get, "/late")
        while not mock.calls():
            assert not late.done()
        for _ in range(3):
            mock.get("/services/1")
        mock.delete("/__admin/calls")
        matches = [{"operation": "start_service"}] * 2
        reply = mock.post("/__admin/calls/verify-order", {"matches": matches})
        assert (reply.status, reply.json["verdict"]) == (409, "fails")
        mock.reset()
        late.result(30)


@pytest.mark.parametrize(("wanted", "sent"), [(1, True), (True, 1), (0, False)])
def test_a_boolean_is_no_number_however_deep_it_stands(gms: Door, wanted: Any, sent: Any) -> None:
    gms.start_service(Data={"a": [sent], "b": {"c": sent}})
    for part in ({"a": [wanted]}, {"b": {"c": wanted}}):
        assert verify(gms.mock, {"body": {"Data": part}}).json["verdict"] == "fails"


def test_a_method_matches_in_any_case(gms: Door) -> None:
    gms.start_service()
    assert verify(gms.mock, {"method": "post"}).json["verdict"] == "holds"


def test_a_flag_that_differs_says_what_was_wanted_and_how_much_there_was(gms: Door) -> None:
    gms.start_service()
    found = verify(gms.mock, {"advice": True, "violations": True}).json["nearest"][0]["differences"]
    assert found == ["violations: wanted some, there were 0", "advice: wanted some, there were 0"]


def test_of_many_matching_calls_the_first_are_shown(mock: Mock) -> None:
    for _ in range(35):
        mock.get("/services/1")
    with pytest.raises(AssertionError, match=r"\n  \.\.\. 5 more$") as caught:
        Client(mock.base_url).assert_not_called("query_service_by_id")
    assert str(caught.value).count("  GET /services/1") == 30


def test_a_broken_rule_is_told_once_and_not_again_as_the_answer(gms: Door) -> None:
    gms.post("/services/start", {})
    told = violations(list(Client(gms.mock.base_url).calls))
    assert "violation: " in told
    assert "answer: " not in told
