"""How a refusal is told: path and query like bodies, the header, declared extensions of 8.1, and advice on names."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from mockcs.violations import MOST
from tests.conftest import Door, Reply
from tests.values import DATES, MANUAL, NO_DATES, PLACES

IDS = {
    "service_id": "/services/{}",
    "state_id": "/services/1/states/{}",
    "task_id": "/services/1/tasks/{}",
}
NO_IDS = ["x", "1.0", "1e3", "0x1", "+1", "1_0", "-", "null", "%D9%A1", "%EF%BC%91", "%C2%B2", "%201", "1%20", "1%0A"]
NO_IDS += ["1" * 5000, "9223372036854775808", "-9223372036854775809"]
QUERIES = {
    "query_service": "/services/{service}",
    "query_services": "/services/anonymous/42",
    "query_state": "/services/{service}/states/{state}",
    "query_task": "/services/{service}/tasks/{task}",
}
CONTAINERS: list[Any] = [{}, [], {"a": 1}, [{"a": 1}]]
EVENTS = ["service", "association", "end", "state", "task"]
NASTY = "x\r\nSet-Cookie: a=b\r\n\r\n\u0436\u2028\U0001f600\x00\x7f\x85"


def call_of(door: Door, reply: Reply) -> dict[str, Any]:
    return door.mock.get(f"/__admin/calls/{reply.headers['mockcs-call']}").json


def row_of(api: str, table: str, name: str) -> dict[str, str]:
    """The row that a violation must quote; `<` for the open one."""
    row = next(row for row in MANUAL.rows(api, table) if row.field.startswith(name) and not row.reading)
    return {each: getattr(row, each) for each in ("table", "field", "type", "mandatory", "page")}


def only_violation(door: Door, reply: Reply, pointer: str, row: dict[str, str]) -> dict[str, Any]:
    """The one violation of a refused call, checked against its row."""
    assert reply.status == 400, reply.body
    [violation] = call_of(door, reply)["violations"]
    assert violation["pointer"] == pointer
    assert {name: violation[name] for name in row} == row
    assert violation["message"]
    assert violation["fix"]
    return dict(violation)


def assert_harmless(reply: Reply) -> None:
    """The header of a refusal: count, then the first; printable ASCII, at most 200 bytes, and no header of its own."""
    text = reply.headers["mockcs-violations"]
    assert text.isascii()
    assert text.isprintable()
    assert len(text) <= 200
    assert text.partition("; ")[0].isdigit()
    assert "set-cookie" not in reply.headers


@pytest.mark.parametrize("name", IDS)
def test_an_id_in_the_path_is_a_whole_number_in_ascii_digits(door: Door, name: str) -> None:
    asked = f"query_{name.removesuffix('_id')}_by_id"
    page = next(row.page for row in MANUAL.operations if (row.api, row.name) == (door.api, asked))
    row = {**row_of(door.api, "path", name), "page": page}
    too_large = [] if name == "service_id" else ["2147483648", "-2147483649"]
    for text in NO_IDS + too_large:
        reply = door.get(IDS[name].format(text))
        only_violation(door, reply, f"path:{name}", row)
        assert_harmless(reply)
    door.mock.read_as(not_found="404")
    for text in ("-1", "0", "9223372036854775807" if name == "service_id" else "2147483647"):
        reply = door.get(IDS[name].format(text))
        assert reply.status == 404, text
        assert call_of(door, reply)["violations"] == []


def test_an_opaque_service_id_is_not_found_rather_than_wrong(gms: Door) -> None:
    gms.mock.read_as(service_id="string", not_found="404")
    for text in ("x", "1", "+1", "1-2", "9223372036854775808"):
        reply = gms.get(f"/services/{text}")
        assert reply.status == 404
        assert call_of(gms, reply)["violations"] == []


@pytest.mark.parametrize("table", QUERIES)
def test_a_query_parameter_is_checked_like_a_member_of_a_body(door: Door, table: str) -> None:
    service = door.start_service()
    path = QUERIES[table].format(service=service, state=door.start_state(service), task=door.start_task(service))
    texts = {"boolean": (["true", "false"], ["", "1", "yes", "True", "tru"]), "date/time": (DATES, NO_DATES)}
    for row in MANUAL.rows(door.api, table):
        right, wrong = texts.get(row.type, (["", "x", "x,y", "*"], []))
        for text in right:
            assert door.get(f"{path}?{row.field}={quote(text)}").status == 200, (row.field, text)
        for text in wrong:
            reply = door.get(f"{path}?{row.field}={quote(text)}")
            violation = only_violation(door, reply, f"query:{row.field}", row_of(door.api, table, row.field))
            assert violation["value"] == text
            assert_harmless(reply)


def test_all_wrong_query_parameters_are_told_at_once(door: Door) -> None:
    reply = door.get("/customers/C1/services?active_tasks=1&started_from=today&completed_tasks=true&active_states=no")
    assert reply.status == 400
    pointers = {each["pointer"] for each in call_of(door, reply)["violations"]}
    assert pointers == {"query:active_tasks", "query:started_from", "query:active_states"}


def test_a_query_parameter_that_is_not_documented_is_advised_on_and_not_read(door: Door) -> None:
    service = door.start_service()
    reply = door.get(f"/services/{service}?active_taks=true&colour=red")
    assert reply.status == 200
    first, second = call_of(door, reply)["advice"]
    assert "active_taks" in first
    assert "did you mean active_tasks?" in first
    assert "colour" in second
    assert "did you mean" not in second


def test_the_header_says_how_many_violations_there_are_and_the_first(door: Door) -> None:
    reply = door.post("/services/start", {"contact_key": 1, "service_type": None, "est_duration": "x"})
    found = call_of(door, reply)["violations"]
    assert len(found) == 3
    assert reply.headers["mockcs-violations"] == f"3; {found[0]['pointer']}: {found[0]['message']}"


@pytest.mark.parametrize("name", ["x\r\nSet-Cookie: a=b", "\u0436" * 300, "\U0001f600" * 60, "\\" * 250, NASTY])
def test_what_a_client_names_and_sends_reaches_no_header_raw(ucs: Door, name: str) -> None:
    before = ucs.mock.state()
    event = {"contact_key": "1", "service_type": 1}
    schema = {"name": "A", "type": "single-valued", "attributes": []}
    for path, body in (
        ("/services/start", {**event, name: {}}),
        ("/services/start", {**event, "timestamp": name}),
        ("/metadata/services/extensions", {**schema, "name": name}),
        ("/metadata/services/extensions", {**schema, "type": name}),
    ):
        reply = ucs.post(path, body)
        assert reply.status == 400
        assert_harmless(reply)
        assert call_of(ucs, reply)["request"]["body"] == body
    assert_harmless(ucs.get(f"/services/{quote(name, safe='')}"))
    assert ucs.mock.state() == before
    assert ucs.get("/metadata/services/extensions").json == []


def test_the_name_of_an_extension_schema_with_a_line_feed_is_refused(ucs: Door) -> None:
    schema = {"name": "Coupon\n", "type": "single-valued", "attributes": []}
    reply = ucs.post("/metadata/services/extensions", schema)
    only_violation(ucs, reply, "/name", row_of("8.1", "extension_schema", "name"))
    assert ucs.get("/metadata/services/extensions").json == []


def test_a_pointer_escapes_what_json_pointers_escape(ucs: Door) -> None:
    reply = ucs.post("/services/start", {"contact_key": "1", "service_type": 1, "a/b~c": {}})
    assert call_of(ucs, reply)["violations"][0]["pointer"] == "/a~1b~0c"


def declare(ucs: Door, kind: str, name: str, many: bool, *attributes: dict[str, Any]) -> None:
    type_ = "multi-valued" if many else "single-valued"
    body = {"name": name, "type": type_, "attributes": list(attributes)}
    assert ucs.post(f"/metadata/{kind}s/extensions", body).status == 201


def attach(ucs: Door, event: str, **members: Any) -> Reply:
    place = PLACES[event]
    service = ucs.start_service()
    return ucs.post(place.path.format(service=service), {**place.plain(), **members})


@pytest.mark.parametrize("event", EVENTS)
def test_an_undeclared_object_or_array_is_refused_in_8_1(ucs: Door, event: str) -> None:
    kind = event if event in ("state", "task") else "service"
    for other in {"service", "state", "task"} - {kind}:
        declare(ucs, other, "Coupon", many=False)
    for value in CONTAINERS:
        violation = only_violation(
            ucs, attach(ucs, event, Coupon=value), "/Coupon", row_of("8.1", PLACES[event].table, "<")
        )
        assert violation["value"] == value
        assert "Coupon" in violation["message"]
        assert f"/metadata/{kind}s/extensions" in violation["fix"]
    ucs.mock.read_as(undefined_extension="accept")
    assert all(attach(ucs, event, Coupon=value).status < 300 for value in CONTAINERS)


@pytest.mark.parametrize("event", EVENTS)
def test_an_unlisted_scalar_passes_in_8_1_unless_the_reading_refuses_it(ucs: Door, event: str) -> None:
    scalars = ["x", "", 5, 1.5, True]
    for value in scalars:
        reply = attach(ucs, event, weather=value)
        assert reply.status < 300
        assert call_of(ucs, reply)["violations"] == []
    ucs.mock.read_as(unlisted_member="refuse")
    for value in scalars:
        reply = attach(ucs, event, weather=value)
        violation = only_violation(ucs, reply, "/weather", row_of("8.1", PLACES[event].table, "<"))
        assert "/metadata/" not in violation["fix"], "no extension schema makes a scalar pass"


def test_of_very_many_violations_so_many_are_told_that_the_journal_stays_bounded(ucs: Door) -> None:
    declare(ucs, "service", "Coupon", False, {"name": "a", "type": "integer"})
    reply = attach(ucs, "service", Coupon={f"x{number}": number for number in range(5000)})
    assert reply.status == 400
    assert len(call_of(ucs, reply)["violations"]) == MOST
    reply = attach(ucs, "service", **{f"x{number}": {} for number in range(MOST + 1)})
    assert reply.status == 400
    assert len(call_of(ucs, reply)["violations"]) == MOST


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("many", [False, True])
def test_a_declared_extension_has_one_record_or_many(ucs: Door, event: str, many: bool) -> None:
    kind = event if event in ("state", "task") else "service"
    declare(ucs, kind, "Coupon", many, {"name": "a", "type": "integer"})
    right: list[Any] = [[], [{}], [{"a": 1}, {"a": 2}]] if many else [{}, {"a": 1}]
    wrong: list[Any] = [{}, {"a": 1}] if many else [[], [{"a": 1}]]
    for value in right:
        assert attach(ucs, event, Coupon=value).status < 300
    for value in [*wrong, "x", 5, True, None]:
        reply = attach(ucs, event, coupon=value)
        assert reply.status == 400, value
        [violation] = call_of(ucs, reply)["violations"]
        assert (violation["pointer"], violation["field"]) == ("/coupon", "Coupon")
        assert ("an array of objects" if many else "an object") in violation["fix"]


def test_an_extension_is_stored_under_the_spelling_of_its_schema(ucs: Door) -> None:
    declare(ucs, "service", "CouponCode", many=False)
    for name in ("couponcode", "COUPONCODE", "CouponCode"):
        service = ucs.start_service(**{name: {}})
        assert ucs.get(f"/services/{service}?extensions=couponCODE").json["CouponCode"] == {}


ATTRIBUTES: dict[str, tuple[list[Any], list[Any]]] = {
    "string": (["", "x", "\u0436\u0436\u0436"], ["abcd", 5, True, None, {}, []]),
    "integer": ([0, -1, 40.0], ["5", 1.5, True, None, {}, []]),
    "long": ([0, 2**63 - 1, -(2**63)], ["5", 1.5, True, None, {}, [], 2**63]),
    "double": ([0, 1.5, -2], ["1.5", True, None, {}, []]),
    "boolean": ([True, False], ["true", 1, None, {}, []]),
    "date": (["2026-02-28", DATES[0]], ["2026-2-28", "28.02.2026", "soon", "", 5, True, None, {}, []]),
    "datetime": (DATES[:2], ["2026-02-28", *NO_DATES[:4], 5, True, None, {}, []]),
    "currency": ([1, 1.5, "1.50"], [True, None, {}, []]),
}


@pytest.mark.parametrize("kind", ATTRIBUTES)
@pytest.mark.parametrize("many", [False, True])
def test_an_attribute_is_of_the_type_that_its_schema_declares(ucs: Door, kind: str, many: bool) -> None:
    declare(ucs, "service", "Coupon", many, {"name": "a", "type": kind, "length": 3})
    right, wrong = ATTRIBUTES[kind]
    event = {"contact_key": "1", "service_type": 1}
    for value in right:
        record = [{}, {"a": value}] if many else {"a": value}
        assert ucs.post("/services/start", {**event, "Coupon": record}).status == 201, value
    before = ucs.mock.state()
    for value in wrong:
        record = [{}, {"a": value}] if many else {"a": value}
        reply = ucs.post("/services/start", {**event, "coupon": record})
        pointer = "/coupon/1/a" if many else "/coupon/a"
        row = {"table": "extension schema Coupon", "field": "a", "type": kind, "mandatory": "no"}
        assert only_violation(ucs, reply, pointer, row)["value"] == value
    assert ucs.mock.state() == before


def test_attributes_that_are_missing_or_not_declared_are_told_together(ucs: Door) -> None:
    wanted = {"name": "code", "type": "string", "mandatory": True}
    filled = {"name": "kind", "type": "string", "mandatory": "true", "default": "gift"}
    declare(ucs, "service", "Coupon", False, wanted, filled, {"name": "note", "type": "string"})
    assert attach(ucs, "service", Coupon={"code": "1"}).status == 201
    reply = attach(ucs, "service", Coupon={"kind": 5, "colour": "red"})
    assert reply.status == 400
    pointers = {each["pointer"] for each in call_of(ucs, reply)["violations"]}
    assert pointers == {"/Coupon/code", "/Coupon/kind", "/Coupon/colour"}


@pytest.mark.parametrize("event", EVENTS)
def test_a_name_one_edit_away_from_a_documented_field_is_advised_on(door: Door, event: str) -> None:
    place, service = PLACES[event], door.start_service()
    for name in sorted(MANUAL.names(door.api, place.table)):
        slips = {name[1:], name[:3] + name[4:], name + "s", "_" + name, "7" + name[1:], name.upper(), name.title()}
        for slip in sorted((slips | {name[1] + name[0] + name[2:]}) - {name}):
            reply = door.post(place.path.format(service=service), {**place.plain(), slip: "x"})
            assert reply.status < 300, (slip, reply.body)
            advice = [each for each in call_of(door, reply)["advice"] if each.endswith(f"did you mean {name}?")]
            assert len(advice) == 1, slip
            assert slip in advice[0]


def test_a_name_far_from_every_documented_field_gets_no_advice(door: Door) -> None:
    names = ["", "x", "coupon", "interaction", "intrction_i", "interaction_id_of", "nitearction_id", "di_noitcaretni"]
    names += ["servicetype_", "customer", "\u0436", "media", "ids"]
    reply = door.post("/services/start", {"contact_key": "1", "service_type": 1, **dict.fromkeys(names, "x")})
    assert reply.status == 201
    assert call_of(door, reply)["advice"] == []


def test_advice_on_a_name_in_a_composite_start_says_where_it_stands(gms: Door) -> None:
    event = {"service": {"contact_key": "1", "contcat_key": "1"}, "state": {}, "task": {"tsak_type": 1}}
    events = {"services": [event, {**event, "taks": {}}]}
    reply = gms.post("/services_composite/start", events)
    assert reply.status == 200
    advice = call_of(gms, reply)["advice"]
    places = ["/services/0/service/contcat_key", "/services/0/task/tsak_type", "/services/1/service/contcat_key"]
    places += ["/services/1/task/tsak_type", "/services/1/taks"]
    assert sorted(each.split()[0] for each in advice) == sorted(places)


FIXES: dict[str, tuple[str, str, Any, str]] = {
    "a boolean in the case of Python": ("POST", "/services/start", {"auto_closed": "True"}, "send true without quotes"),
    "no boolean at all": ("POST", "/services/start", {"auto_closed": "yes"}, "send true or false, or leave"),
    "beyond 64 bits": (
        "POST",
        "/services/start",
        {"service_type": 2**63},
        "send a number that is within 64-bit integers",
    ),
    "nested too deep": ("POST", "/services/start", b"[" * 200, "nest it less deep"),
    "a query in the case of Python": ("GET", "/services/1?active_states=True", None, "send true"),
    "an id that is a name": (
        "GET",
        "/services/361-a379cd2b-6fd4-4e44-8d4c-9b6b5f6a9c11",
        None,
        "send the service_id that the server gave, or switch the reading service-id to string",
    ),
}


@pytest.mark.parametrize("case", FIXES)
def test_the_fix_is_what_would_pass(gms: Door, case: str) -> None:
    method, path, body, fix = FIXES[case]
    sent = {"contact_key": "1", **body} if isinstance(body, dict) else body or b""
    reply = gms.request(method, path, sent)
    assert reply.status == 400
    [violation] = call_of(gms, reply)["violations"]
    assert violation["fix"].startswith(fix)
    assert "True, False" not in violation["message"]


def test_what_came_in_a_query_is_told_as_it_came(gms: Door) -> None:
    reply = gms.get("/services/1?active_states=True")
    [violation] = call_of(gms, reply)["violations"]
    assert violation["message"] == "active_states must be true or false, not True"
    [violation] = call_of(gms, gms.get("/services/1?active_states="))["violations"]
    assert violation["message"] == "active_states must be true or false, not empty"


def test_an_unlisted_member_is_named_by_the_answer(ucs: Door) -> None:
    ucs.mock.read_as(unlisted_member="refuse")
    reply = ucs.post("/server/mode", {"mode": "production", "zz": 1})
    assert reply.json["description"].startswith("bad parameter 'zz' reason : ")
    assert call_of(ucs, reply)["violations"][0]["fix"].endswith("or switch the reading unlisted-member to accept")


def test_a_service_that_is_gone_is_named_by_the_id_that_was_sent(gms: Door) -> None:
    gms.mock.read_as(service_id="string")
    service = gms.start_service()
    assert gms.request("DELETE", f"/services/{service}").status in (200, 204)
    assert gms.get(f"/services/{service}").json["message"].endswith(f" : {service}")


def test_a_violation_that_is_found_beside_the_tables_names_its_table_field_and_page(ucs: Door) -> None:
    schema = {"name": "Data", "type": "single-valued", "attributes": [{"name": "a", "type": "string"}]}
    for name in ("Data", "DATA"):
        ucs.post("/metadata/services/extensions", {**schema, "name": name})
    broken = ucs.mock.last_call()["violations"][0]
    row = (broken["table"], broken["field"], broken["mandatory"], broken["page"])
    assert row == ("extension_schema", "name", "yes", "Create Service Extension Schema, 8.1.x")
    ucs.mock.read_as(both_keys="refuse")
    ucs.post("/services/start", {"customer_id": "a", "contact_key": "b", "service_type": 1})
    broken = ucs.mock.last_call()["violations"][0]
    assert (broken["table"], broken["field"], broken["mandatory"]) == ("readings", "both-keys", "no")


@pytest.mark.parametrize(
    ("event", "fix"),
    [
        ({"contact_key": 5}, 'send "5" in quotes'),
        ({"contact_key": True}, "send a string"),
        ({"contact_key": "1", "est_duration": "5"}, "send 5 without quotes"),
    ],
    ids=str,
)
def test_the_fix_of_a_value_of_another_kind(gms: Door, event: dict[str, object], fix: str) -> None:
    assert gms.post("/services/start", event).status == 400
    assert [each["fix"] for each in gms.mock.last_call()["violations"]] == [fix]


def test_the_fix_of_a_missing_member_says_of_what_kind_it_is(ucs: Door, gms: Door) -> None:
    for door, path, body, fixes in (
        (ucs, "/services/start", {"contact_key": "1"}, ["add service_type: a whole number or a string"]),
        (
            gms,
            "/services_composite/start",
            {"services": [{"service": {"contact_key": "1"}}]},
            ["add state: an object"],
        ),
    ):
        door.post(path, body)
        assert [each["fix"] for each in door.mock.last_call()["violations"]] == fixes


def test_the_fix_of_a_word_in_the_place_of_a_number_is_a_number(gms: Door) -> None:
    gms.post("/services/start", {"contact_key": "1", "est_duration": "true"})
    [broken] = gms.mock.last_call()["violations"]
    assert broken["fix"] == "send a whole number, or leave est_duration out"
