"""Update, merge, and single records: what is attached to services, states and tasks after their start."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import NOTHING, Door, Reply
from tests.test_violations import row_of

KINDS = ("service", "state", "task")
kinds = pytest.mark.parametrize("kind", KINDS)
OFFERS = {
    "name": "Offers",
    "type": "multi-valued",
    "attributes": [
        {"name": "code", "type": "string", "mandatory": True, "length": 10},
        {"name": "land", "type": "string"},
        {"name": "price", "type": "integer", "mandatory": True},
        {"name": "note", "type": "string"},
    ],
}
FLAG = {"name": "Flag", "type": "single-valued", "attributes": [{"name": "level", "type": "integer"}]}
GOLD, ICE = {"code": "GOLD", "price": 1, "note": "n"}, {"code": "ICE", "price": 2}


def opened(door: Door, kind: str, **attached: Any) -> str:
    """The URL of a fresh service, or of a state or task in it."""
    if kind == "service":
        return f"/services/{door.start_service(**attached)}"
    service = door.start_service()
    number = (door.start_state if kind == "state" else door.start_task)(service, **attached)
    return f"/services/{service}/{kind}s/{number}"


def put(door: Door, path: str, body: Any = NOTHING) -> Reply:
    return door.request("PUT", path, body)


def attached(door: Door, path: str, name: str) -> Any:
    reply = door.get(f"{path}?extensions={name}")
    assert reply.status == 200, reply.body
    return reply.json.get(name, "absent")


def pointers(door: Door) -> list[str]:
    return [each["pointer"] for each in door.mock.last_call()["violations"]]


def assert_refused(door: Door, path: str, body: Any, *places: str, status: int = 400) -> None:
    before = door.mock.state()
    assert put(door, path, body).status == status
    assert pointers(door) == list(places)
    assert door.mock.state() == before


def declare(ucs: Door, kind: str, schema: dict[str, Any], **more: Any) -> None:
    reply = ucs.post(f"/metadata/{kind}s/extensions", {**schema, **more})
    assert reply.status == 201, reply.body


def with_offers(ucs: Door, kind: str, *unique: Any, records: Any = (GOLD, ICE)) -> str:
    """A resource with two offers, which `unique` tells apart; its URL."""
    declare(ucs, kind, OFFERS, **({"unique": list(unique)} if unique else {}))
    return opened(ucs, kind, Offers=list(records))


@kinds
def test_an_update_takes_the_place_of_the_whole_value(gms: Door, kind: str) -> None:
    path = opened(gms, kind, other=1, score={"old": 1})
    values: tuple[Any, ...] = ({"new": [1, {"a": None}]}, [1, 2], "text", 4.5, 2**70, True, None, {}, [])
    for value in values:
        reply = put(gms, f"{path}/extensions/score", value)
        assert (reply.status, reply.body) == (200, b"")
        assert attached(gms, path, "score") == value
    assert attached(gms, path, "other") == 1
    assert gms.mock.last_call()["advice"] == []


@kinds
def test_an_update_is_a_change_of_its_owner(door: Door, kind: str) -> None:
    declare(Door(door.mock, "8.1"), kind, FLAG)
    path = opened(door, kind)
    assert put(door, f"{path}/extensions/Flag", {"level": 1}).status == 200
    call = door.mock.last_call()
    assert call["operation"] == f"update_{kind}_extension"
    assert call["changes"] == [{"kind": kind, "id": 1, "change": "updated"}]


@kinds
def test_an_update_needs_a_body_of_json_and_an_owner_that_exists(door: Door, kind: str) -> None:
    declare(Door(door.mock, "8.1"), kind, FLAG)
    path = f"{opened(door, kind)}/extensions/Flag"
    assert_refused(door, path, NOTHING, "")
    assert_refused(door, path, b"{", "")
    missing = 404 if door.api == "8.1" else 400
    assert_refused(door, path.replace("1/ext", "9/ext"), {"level": 1}, status=missing)


@kinds
def test_a_name_that_differs_only_by_case_is_another_one_in_8_5_with_advice(gms: Door, kind: str) -> None:
    path = opened(gms, kind, Score=1)
    assert put(gms, f"{path}/extensions/score", 2).status == 200
    assert ["Score" in each for each in gms.mock.last_call()["advice"]] == [True]
    assert [attached(gms, path, name) for name in ("Score", "score")] == [1, 2]
    put(gms, f"{path}/extensions/score", 3)
    assert gms.mock.last_call()["advice"] == []


@kinds
def test_a_merge_adds_keys_and_leaves_the_others(gms: Door, kind: str) -> None:
    path = opened(gms, kind, agent={"id": 2025, "deep": {"a": 1}})
    reply = put(gms, f"{path}/extensions/agent/merge", {"extension": "7001", "deep": {"b": 2}})
    assert (reply.status, reply.body) == (200, b"")
    assert attached(gms, path, "agent") == {"id": 2025, "extension": "7001", "deep": {"b": 2}}
    assert gms.mock.last_call()["advice"] == []


@kinds
def test_a_merge_creates_what_is_not_there(gms: Door, kind: str) -> None:
    path = opened(gms, kind)
    assert put(gms, f"{path}/extensions/agent/merge", {"id": 1}).status == 200
    call = gms.mock.last_call()
    assert (call["operation"], call["changes"][0]["change"]) == (f"merge_{kind}_extension", "updated")
    assert attached(gms, path, "agent") == {"id": 1}


BODIES = {"none": NOTHING, "text": "text", "number": 7, "true": True, "null": None, "list": [{"a": 1}], "half": b"{"}


@kinds
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_merge_takes_maps_only(gms: Door, kind: str, body: Any) -> None:
    path = f"{opened(gms, kind, agent={'id': 1})}/extensions/agent/merge"
    assert_refused(gms, path, body, "")


@pytest.mark.parametrize("recorded", [[{"a": 1}], "text", 7, None], ids=str)
def test_a_merge_needs_a_recorded_map(gms: Door, recorded: Any) -> None:
    path = opened(gms, "service", agent=recorded)
    assert_refused(gms, f"{path}/extensions/agent/merge", {"id": 1}, "")
    assert attached(gms, path, "agent") == recorded


@pytest.mark.parametrize("path", ["/services/9", "/services/1/states/9", "/services/1/tasks/9"])
def test_a_merge_needs_an_owner_that_exists(gms: Door, path: str) -> None:
    gms.start_service()
    assert_refused(gms, f"{path}/extensions/agent/merge", {"id": 1})


def test_there_is_no_merge_in_8_1_and_no_record_call_in_8_5(gms: Door, ucs: Door) -> None:
    gms.start_service(agent={})
    assert put(ucs, "/services/1/extensions/agent/merge", {"a": 1}).status == 404
    for end in ("by/unique", "delete/by/unique"):
        assert put(gms, f"/services/1/extensions/agent/{end}", {"a": 1}).status == 404


@kinds
def test_an_update_in_8_1_is_kept_under_the_spelling_of_its_schema(ucs: Door, kind: str) -> None:
    declare(ucs, kind, FLAG)
    path = opened(ucs, kind)
    assert put(ucs, f"{path}/extensions/fLAG", {"level": 1}).status == 200
    assert put(ucs, f"{path}/extensions/FLAG", {"level": 2}).status == 200
    assert ucs.mock.last_call()["advice"] == []
    found = Door(ucs.mock, "8.5").get(f"{path}?extensions=*").json
    assert {name: value for name, value in found.items() if name.lower() == "flag"} == {"Flag": {"level": 2}}


@kinds
def test_an_update_in_8_1_is_checked_like_the_members_of_events(ucs: Door, kind: str) -> None:
    declare(ucs, kind, OFFERS)
    declare(ucs, kind, FLAG)
    path = f"{opened(ucs, kind)}/extensions"
    assert_refused(ucs, f"{path}/Offers", [{"code": "x" * 11, "price": "1"}], "/0/code", "/0/price")
    assert_refused(ucs, f"{path}/Offers", [GOLD, {"code": "x", "more": 1}], "/1/price", "/1/more")
    assert_refused(ucs, f"{path}/Offers", GOLD, "")
    assert_refused(ucs, f"{path}/Flag", [{"level": 1}], "")
    for scalar in ("text", 1, None):
        assert_refused(ucs, f"{path}/Flag", scalar, "")
    name = "extension_name" if kind == "task" else "ext_name"
    assert_refused(ucs, f"{path}/Unknown", {"level": 1}, f"path:{name}")


@kinds
def test_a_record_is_selected_by_its_unique_attribute_and_its_others_are_updated(ucs: Door, kind: str) -> None:
    path = with_offers(ucs, kind, "code")
    reply = put(ucs, f"{path}/extensions/offers/by/unique", {"code": "GOLD", "price": 9, "land": "FR"})
    assert (reply.status, reply.body) == (204, b"")
    assert (ucs.mock.last_call()["operation"], ucs.mock.last_call()["advice"]) == (
        f"update_{kind}_extension_record",
        [],
    )
    assert attached(ucs, path, "Offers") == [{**GOLD, "price": 9, "land": "FR"}, ICE]


@kinds
def test_a_record_is_deleted_by_its_unique_attribute(ucs: Door, kind: str) -> None:
    path = with_offers(ucs, kind, "code")
    for code, left in (("GOLD", [ICE]), ("ICE", [])):
        reply = put(ucs, f"{path}/extensions/Offers/delete/by/unique", {"code": code})
        assert (reply.status, reply.body) == (204, b"")
        assert ucs.mock.last_call()["changes"] == [{"kind": kind, "id": 1, "change": "updated"}]
        assert attached(ucs, path, "Offers") == left
    assert_refused(ucs, f"{path}/extensions/Offers/delete/by/unique", {"code": "ICE"}, status=404)


def test_a_task_record_is_deleted_under_task_and_under_tasks(ucs: Door) -> None:
    path = with_offers(ucs, "task", "code")
    assert (
        put(ucs, f"{path.replace('tasks', 'task')}/extensions/Offers/delete/by/unique", {"code": "ICE"}).status == 204
    )
    assert put(ucs, f"{path}/extensions/Offers/delete/by/unique", {"code": "GOLD"}).status == 204
    assert attached(ucs, path, "Offers") == []


@kinds
@pytest.mark.parametrize("end", ["by/unique", "delete/by/unique"])
def test_no_record_is_found_without_a_record_or_a_key(ucs: Door, kind: str, end: str) -> None:
    path = with_offers(ucs, kind, ["code", "land"], records=[{**GOLD, "land": "FR"}])
    url = f"{path}/extensions/Offers/{end}"
    assert_refused(ucs, url, {"code": "GOLD", "land": "DE"}, status=404)
    assert_refused(ucs, url, {"code": "GOLD"}, "")
    assert_refused(ucs, url, {}, "")
    assert_refused(ucs, url, {"code": 5, "land": "FR"}, "/code")
    assert_refused(ucs, url, [{"code": "GOLD", "land": "FR"}], "")
    assert_refused(ucs, url, NOTHING, "")
    assert_refused(ucs, url.replace("Offers", "Unknown"), {"code": "GOLD"}, "path:ext_name")
    declare(ucs, kind, FLAG, unique=["level"])
    put(ucs, f"{path}/extensions/Flag", {"level": 1})
    assert_refused(ucs, url.replace("Offers", "Flag"), {"level": 1}, "")
    bare = opened(ucs, kind)
    assert_refused(ucs, f"{bare}/extensions/Offers/{end}", {"code": "GOLD", "land": "FR"}, status=404)


def test_a_compound_key_selects_as_a_whole_and_is_never_changed(ucs: Door) -> None:
    french, german = {**GOLD, "land": "FR"}, {**GOLD, "land": "DE"}
    path = with_offers(ucs, "service", ["code", "land"], records=[french, german])
    url = f"{path}/extensions/Offers"
    assert put(ucs, f"{url}/by/unique", {"code": "GOLD", "land": "DE", "price": 7}).status == 204
    assert attached(ucs, path, "Offers") == [french, {**german, "price": 7}]
    assert put(ucs, f"{url}/delete/by/unique", {"code": "GOLD", "land": "FR"}).status == 204
    assert attached(ucs, path, "Offers") == [{**german, "price": 7}]


def test_each_whole_key_that_is_given_must_fit(ucs: Door) -> None:
    path = with_offers(ucs, "service", "code", "note")
    url = f"{path}/extensions/Offers/by/unique"
    assert_refused(ucs, url, {"code": "GOLD", "note": "other", "price": 5}, status=404)
    assert put(ucs, url, {"code": "GOLD", "note": "n", "price": 5}).status == 204
    assert put(ucs, url, {"note": "n", "price": 6}).status == 204
    assert attached(ucs, path, "Offers")[0] == {**GOLD, "price": 6}


def test_a_record_update_checks_types_and_unlisted_attributes_but_misses_nothing(ucs: Door) -> None:
    path = with_offers(ucs, "service", "code")
    url = f"{path}/extensions/Offers/by/unique"
    assert_refused(ucs, url, {"code": "GOLD", "price": "9", "more": 1}, "/price", "/more")
    assert put(ucs, url, {"code": "GOLD", "land": "FR"}).status == 204


def test_a_schema_without_a_key_has_no_records_to_select(ucs: Door) -> None:
    path = with_offers(ucs, "service")
    for end in ("by/unique", "delete/by/unique"):
        assert_refused(ucs, f"{path}/extensions/Offers/{end}", {"code": "GOLD"}, "")


@kinds
def test_data_of_another_spelling_is_that_of_the_schema_in_8_1(ucs: Door, gms: Door, kind: str) -> None:
    path = opened(gms, kind, offers=[GOLD, ICE], other={"a": 1})
    unique = {**OFFERS, "unique": ["code"]}
    assert ucs.post(f"/metadata/{kind}s/extensions", unique).status == 201
    assert put(ucs, f"{path}/extensions/OFFERS/by/unique", {"code": "ICE", "price": 3}).status == 204
    assert attached(ucs, path, "Offers") == [GOLD, {"code": "ICE", "price": 3}]
    assert attached(ucs, path, "offers") == "absent"
    assert put(ucs, f"{path}/extensions/offers", [GOLD]).status == 200
    assert attached(ucs, path, "Offers") == [GOLD]
    assert put(gms, f"{path}/extensions/oFFers", [ICE]).status == 200
    assert ucs.request("DELETE", f"/metadata/{kind}s/extensions/OFFERS").status in (200, 204)
    assert [name for name in gms.get(f"{path}?extensions=*").json if name.lower() == "offers"] == []
    assert attached(gms, path, "other") == {"a": 1}


@kinds
def test_an_event_replaces_what_was_attached_under_another_spelling_of_a_schema(
    ucs: Door, gms: Door, kind: str
) -> None:
    path = opened(gms, kind, offers=[GOLD], OFFERS=[GOLD], other={"a": 1})
    assert ucs.post(f"/metadata/{kind}s/extensions", OFFERS).status == 201
    assert ucs.post(f"{path}/end", {"oFFers": [ICE]}).status == 204
    shown = gms.get(f"{path}?extensions=*").json
    assert {name: shown.get(name) for name in ("Offers", "offers", "OFFERS", "other")} == {
        "Offers": [ICE],
        "offers": None,
        "OFFERS": None,
        "other": {"a": 1},
    }


def test_an_event_of_8_5_leaves_what_stands_under_another_spelling(ucs: Door, gms: Door) -> None:
    path = opened(gms, "service", offers=[GOLD])
    assert ucs.post("/metadata/services/extensions", OFFERS).status == 201
    assert gms.post(f"{path}/end", {"Offers": [ICE]}).status == 204
    assert (attached(gms, path, "Offers"), attached(gms, path, "offers")) == ([ICE], [GOLD])


def test_a_service_that_is_associated_has_one_value_of_an_extension(ucs: Door, gms: Door) -> None:
    path = opened(gms, "service", offers=[GOLD])
    assert ucs.post("/metadata/services/extensions", OFFERS).status == 201
    assert ucs.post(f"/customers/C1{path}", {"Offers": [ICE]}).status == 200
    assert (attached(gms, path, "Offers"), attached(gms, path, "offers")) == ([ICE], "absent")


@kinds
def test_a_record_is_found_under_the_exact_spelling_first(ucs: Door, gms: Door, kind: str) -> None:
    assert ucs.post(f"/metadata/{kind}s/extensions", {**OFFERS, "unique": ["code"]}).status == 201
    path = opened(gms, kind, Offers=[GOLD], offers={"x": 1})
    assert put(ucs, f"{path}/extensions/Offers/by/unique", {"code": "GOLD", "price": 3}).status == 204
    assert attached(ucs, path, "Offers") == [{**GOLD, "price": 3}]
    assert attached(gms, path, "offers") == "absent"


@kinds
def test_a_merge_that_cannot_be_says_why_and_quotes_the_row(gms: Door, kind: str) -> None:
    path = opened(gms, kind, number=7)
    for name, sent, words in (
        ("number", {"a": 1}, "an object came, and the number 7 is recorded"),
        ("new", 5, "cannot be merged with the number 5"),
    ):
        assert_refused(gms, f"{path}/extensions/{name}/merge", sent, "")
        [violation] = gms.mock.last_call()["violations"]
        assert words in violation["message"]
        assert (violation["value"], violation["type"]) == (sent, "any JSON")
    assert_refused(gms, f"{path}/extensions/new/merge", [1], "")
    [violation] = gms.mock.last_call()["violations"]
    assert (violation["value"], violation["fix"].startswith("send a map")) == ([1], True)


def test_a_list_in_the_place_of_a_map_that_is_merged_is_told(gms: Door) -> None:
    gms.mock.read_as(merge_list="accept")
    path = opened(gms, "service", data={"a": 1})
    assert put(gms, f"{path}/extensions/data/merge", [5]).status == 200
    assert gms.mock.last_call()["advice"] == ["data was an object, and the list takes its place"]


@pytest.mark.parametrize("spelt", ["offers", "OFFERS", "oFFers"])
def test_data_of_8_5_stands_under_the_name_of_the_schema_once_8_1_replaces_it(ucs: Door, gms: Door, spelt: str) -> None:
    path = opened(gms, "service", **{spelt: [GOLD]})
    assert ucs.post("/metadata/services/extensions", OFFERS).status == 201
    assert put(ucs, f"{path}/extensions/offers", [ICE]).status == 200
    found = gms.get(f"{path}?extensions=*").json
    assert {name: found[name] for name in found if name.casefold() == "offers"} == {"Offers": [ICE]}


def test_a_record_call_without_a_whole_key_says_what_it_lacks_and_quotes_the_row(ucs: Door) -> None:
    path = with_offers(ucs, "service", "code", ["land", "price"])
    for end in ("by/unique", "delete/by/unique"):
        put(ucs, f"{path}/extensions/Offers/{end}", {"land": "FR"})
        [broken] = ucs.mock.last_call()["violations"]
        assert broken["message"] == "the body lacks the unique attributes of Offers: code or land and price"
        assert row_of("8.1", "extension_schema", "unique").items() <= broken.items()
