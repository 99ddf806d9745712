"""What an extension schema of 8.1 demands of attached data, wherever that comes in; and its end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Door

KINDS = ("service", "state", "task")
kinds = pytest.mark.parametrize("kind", KINDS)


def declare(ucs: Door, *attributes: dict[str, Any], many: bool = False, kind: str = "service", **more: Any) -> None:
    form = "multi-valued" if many else "single-valued"
    schema = {"name": "Data", "type": form, "attributes": list(attributes), **more}
    reply = ucs.post(f"/metadata/{kind}s/extensions", schema)
    assert reply.status == 201, reply.body


def pointers(ucs: Door) -> list[str]:
    return [each["pointer"] for each in ucs.mock.last_call()["violations"]]


def started(ucs: Door, **attached: Any) -> int:
    return ucs.post("/services/start", {"contact_key": "42", "service_type": 1, **attached}).status


def recorded(ucs: Door, service: int | str = 1) -> Any:
    return ucs.get(f"/services/{service}?extensions=data").json["Data"]


def refused(ucs: Door, value: Any, *places: str, name: str = "Data") -> bool:
    before = ucs.mock.state()
    status = started(ucs, **{name: value})
    assert ucs.mock.state() == before
    return status == 400 and pointers(ucs) == list(places)


TYPES: dict[str, tuple[list[Any], list[Any]]] = {
    "string": (["", "é" * 3, "2026"], [1, True, None, ["a"], {"a": 1}]),
    "integer": ([0, -5, 2**31 - 1, 40.0], ["1", 1.5, True, None, [1]]),
    "long": ([0, 2**62, -(2**62)], ["1", 0.5, False, None]),
    "double": ([0, 1.5, -2e9], ["1.5", True, None, [1.5]]),
    "date": (
        ["2026-02-28", "2026-02-28T10:00:00.000Z"],
        ["28.02.2026", "2026", "2026-02-30", "2026-02-28\n", 20260228, True, None],
    ),
    "datetime": (["2026-02-28T10:00:00.000Z"], ["2026-02-28", "2026-02-30T10:00:00.000Z", "now", 5, None]),
    "currency": ([12, 12.5, "12.50 EUR"], [True, None, [12]]),
    "boolean": ([True, False], ["true", 1, 0, None]),
}


@pytest.mark.parametrize("kind_of_value", TYPES)
def test_an_attribute_takes_the_values_of_its_type(ucs: Door, kind_of_value: str) -> None:
    declare(ucs, {"name": "a", "type": kind_of_value})
    right, wrong = TYPES[kind_of_value]
    for number, value in enumerate(right, start=1):
        assert started(ucs, Data={"a": value}) == 201, value
        assert recorded(ucs, number) == {"a": value}
    for value in wrong:
        assert refused(ucs, {"a": value}, "/Data/a"), value
        (violation,) = ucs.mock.last_call()["violations"]
        assert (violation["field"], violation["type"], violation["mandatory"]) == ("a", kind_of_value, "no")
        assert "Data" in violation["table"]


def test_a_string_is_no_longer_than_its_length_and_0_is_no_limit(ucs: Door) -> None:
    declare(ucs, {"name": "a", "type": "string", "length": "3"}, {"name": "b", "type": "string", "length": 0})
    assert started(ucs, Data={"a": "äöü", "b": "x" * 5000}) == 201
    assert refused(ucs, {"a": "äöüß"}, "/Data/a")
    assert "3" in ucs.mock.last_call()["violations"][0]["message"]


def test_a_length_limits_nothing_but_strings(ucs: Door) -> None:
    declare(ucs, {"name": "a", "type": "integer", "length": 1})
    assert started(ucs, Data={"a": 12345}) == 201


def test_a_negative_length_limits_nothing_and_gets_advice(ucs: Door) -> None:
    declare(ucs, {"name": "a", "type": "string", "length": -1})
    assert any("negative" in each for each in ucs.mock.last_call()["advice"])
    assert started(ucs, Data={"a": "x"}) == 201


def test_the_length_of_what_is_no_string_is_shown_as_0(ucs: Door) -> None:
    declare(ucs, {"name": "a", "type": "integer", "length": 5}, {"name": "b", "type": "string", "length": 5})
    shown = ucs.get("/metadata/services/extensions/Data").json["attributes"]
    assert [each["length"] for each in shown] == [0, 5]


def test_a_default_that_does_not_fit_its_attribute_gets_advice_and_is_never_filled_in(ucs: Door) -> None:
    declare(
        ucs,
        {"name": "a", "type": "integer", "default": "5", "mandatory": True},
        {"name": "b", "type": "string", "length": 2, "default": "long"},
        {"name": "c", "type": "date", "default": "2026-02-30"},
        {"name": "d", "type": "integer", "default": None},
        {"name": "e", "type": "integer", "default": 5},
    )
    told = [each for each in ucs.mock.last_call()["advice"] if "default" in each]
    assert [each.split()[3] for each in told] == ["a", "b", "c"]
    assert refused(ucs, {}, "/Data/a")
    assert started(ucs, Data={"a": 1}) == 201
    assert recorded(ucs) == {"a": 1, "e": 5}


def test_records_whose_unique_attribute_is_filled_in_must_differ_in_it_too(ucs: Door) -> None:
    declare(
        ucs, {"name": "a", "type": "integer", "default": 0, "unique": True}, {"name": "b", "type": "string"}, many=True
    )
    assert refused(ucs, [{"b": "x"}, {"b": "y"}], "/Data/1")
    (violation,) = ucs.mock.last_call()["violations"]
    assert (violation["value"], "default" in violation["message"]) == ({"b": "y"}, True)
    assert started(ucs, Data=[{"b": "x"}, {"a": 1}]) == 201
    assert ucs.request("PUT", "/services/1/extensions/Data", [{"b": "x"}, {"a": 0}]).status == 400
    assert recorded(ucs) == [{"a": 0, "b": "x"}, {"a": 1}]


def test_of_an_attribute_that_is_given_twice_the_last_one_counts(ucs: Door) -> None:
    first = {"name": "a", "type": "string", "mandatory": True, "default": "x", "unique": True}
    declare(ucs, first, {"name": "a", "type": "integer"}, many=True)
    assert started(ucs, Data=[{}, {}, {"a": 1}, {"a": 1}]) == 201
    assert recorded(ucs) == [{}, {}, {"a": 1}, {"a": 1}]
    declare(ucs, first, {**first, "default": None}, name="Must")
    assert refused(ucs, {}, "/Must/a", name="Must")


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"name": "service_type"}, "documented member"),
        ({"attributes": [{"name": "a", "type": "string"}, {"name": "a", "type": "long"}]}, "given twice"),
        ({"unique": ["a", "b"], "type": "multi-valued"}, "unique names b"),
        ({"unique": ["a"]}, "one record only"),
        ({"uniqe": ["a"]}, "did you mean unique?"),
        ({"attributes": [{"name": "a", "type": "string", "mandatry": True}]}, "attributes/0/mandatry"),
        ({"something": 1}, "something is not documented here, it is not read"),
    ],
)
def test_a_schema_that_cannot_mean_what_it_says_gets_advice(ucs: Door, schema: dict[str, Any], words: str) -> None:
    ucs.post("/server/mode", {"mode": "maintenance"})
    plain = {"name": "Data", "type": "single-valued", "attributes": [{"name": "a", "type": "string"}]}
    assert ucs.post("/metadata/services/extensions", {**plain, **schema}).status == 201
    (told,) = ucs.mock.last_call()["advice"]
    assert words in told


def test_a_mandatory_attribute_is_missed_by_name_unless_it_has_a_default(ucs: Door) -> None:
    must = {"type": "integer", "mandatory": True}
    declare(ucs, {"name": "a", **must}, {"name": "b", **must, "default": 5}, {"name": "c", "type": "integer"})
    assert refused(ucs, {}, "/Data/a")
    assert refused(ucs, {"b": 1, "c": 2}, "/Data/a")
    assert ucs.mock.last_call()["violations"][0]["mandatory"] == "yes"
    assert started(ucs, Data={"a": 1}) == 201
    assert recorded(ucs) == {"a": 1, "b": 5}


@kinds
def test_an_attribute_that_the_schema_does_not_list_is_refused_by_name(ucs: Door, kind: str) -> None:
    declare(ucs, {"name": "a", "type": "integer"}, kind=kind)
    declare(ucs, {"name": "a", "type": "integer"}, kind=kind, many=True, name="Many")
    service = ucs.start_service()
    starts = {"service": "/services/start", "state": f"/services/{service}/states/start"}
    path = starts.get(kind, f"/services/{service}/tasks/start")
    body = {"contact_key": "42", f"{kind}_type": 1, "Data": {"a": 1, "b": 2}, "Many": [{"a": 1}, {"A": 2}]}
    assert ucs.post(path, body).status == 400
    assert pointers(ucs) == ["/Data/b", "/Many/1/A"]


def test_one_record_is_an_object_and_many_are_an_array_of_objects(ucs: Door) -> None:
    declare(ucs, {"name": "a", "type": "integer"})
    declare(ucs, {"name": "a", "type": "integer"}, many=True, name="Many")
    scalars: list[Any] = [5, "x", None, True]
    for value in ([], [{"a": 1}], *scalars):
        assert refused(ucs, value, "/Data"), value
    for value in ({}, {"a": 1}, *scalars):
        assert refused(ucs, value, "/Many", name="Many"), value
    assert refused(ucs, [{"a": 1}, 5, None], "/Many/1", "/Many/2", name="Many")
    assert started(ucs, Data={}, Many=[]) == 201


def test_a_name_is_found_in_upper_and_lower_case_and_told_as_it_was_sent(ucs: Door) -> None:
    declare(ucs, {"name": "a", "type": "integer"})
    assert started(ucs, dATA={"a": 1}) == 201
    assert recorded(ucs) == {"a": 1}
    assert refused(ucs, {"a": "1"}, "/dATA/a", name="dATA")


UNIQUE: dict[str, dict[str, Any]] = {
    "of the schema": {"unique": ["a"]},
    "of the attribute": {},
    "both": {"unique": ["a"]},
}


@pytest.mark.parametrize("how", UNIQUE)
def test_a_unique_attribute_differs_from_record_to_record(ucs: Door, how: str) -> None:
    own = {"unique": True} if how != "of the schema" else {}
    declare(ucs, {"name": "a", "type": "string", **own}, {"name": "b", "type": "string"}, many=True, **UNIQUE[how])
    first, same, other, without = {"a": "1", "b": "x"}, {"a": "1", "b": "y"}, {"a": "2", "b": "x"}, {"b": "x"}
    assert started(ucs, Data=[first, other, without, without]) == 201
    assert refused(ucs, [first, other, same], "/Data/2")
    assert refused(ucs, [first, first, first], "/Data/1", "/Data/2")
    assert ucs.mock.last_call()["violations"][0]["field"] == "unique"
    assert started(ucs, Data=[first]) == 201, "records are compared within one service only"


def test_the_attributes_of_a_compound_key_count_together(ucs: Door) -> None:
    names = [{"name": name, "type": "integer"} for name in ("number", "ext", "more")]
    declare(ucs, *names, many=True, unique=[["number", "ext"]])
    one, two, half = {"number": 1, "ext": 1, "more": 5}, {"number": 1, "ext": 2}, {"number": 1}
    assert started(ucs, Data=[one, two, half, half]) == 201
    assert refused(ucs, [one, two, {"number": 1, "ext": 1}], "/Data/2")


def test_a_schema_may_have_several_keys(ucs: Door) -> None:
    names = [{"name": name, "type": "integer"} for name in ("a", "b", "c")]
    declare(ucs, *names, many=True, unique=["a", ["b", "c"]])
    first = {"a": 1, "b": 1, "c": 1}
    assert started(ucs, Data=[first, {"a": 2, "b": 1, "c": 2}]) == 201
    assert refused(ucs, [first, {"a": 1, "b": 2, "c": 2}], "/Data/1")
    assert refused(ucs, [first, {"a": 2, "b": 1, "c": 1}], "/Data/1")


@kinds
def test_the_schemas_of_services_states_and_tasks_are_apart(ucs: Door, kind: str) -> None:
    declare(ucs, {"name": "a", "type": "integer"}, kind=kind)
    others = [each for each in KINDS if each != kind]
    assert [ucs.get(f"/metadata/{each}s/extensions").json for each in others] == [[], []]
    for other in others:
        declare(ucs, {"name": "b", "type": "string"}, kind=other)
    assert ucs.get(f"/metadata/{kind}s/extensions/data").json["attributes"][0]["name"] == "a"


@kinds
def test_a_deleted_schema_takes_its_definition_and_its_records_with_it(ucs: Door, kind: str) -> None:
    for each in KINDS:
        declare(ucs, {"name": "a", "type": "integer"}, kind=each)
    declare(ucs, {"name": "a", "type": "integer"}, kind=kind, name="Kept")
    both = {"Data": {"a": 1}} | {"Kept": {"a": 2}}
    own = {each: both if each == kind else {"Data": {"a": 1}} for each in KINDS}
    service = ucs.start_service(**own["service"])
    ucs.start_state(service, **own["state"])
    ucs.start_task(service, **own["task"])
    assert ucs.post("/server/mode", {"mode": "maintenance"}).status == 200
    reply = ucs.request("DELETE", f"/metadata/{kind}s/extensions/dATA")
    assert (reply.status, reply.body) == (204, b"")
    call = ucs.mock.last_call()
    assert call["advice"] == []
    changes = [(each["kind"], each["change"]) for each in call["changes"]]
    assert changes == [("extension_schema", "deleted"), (kind, "updated")]
    assert ucs.post("/server/mode", {"mode": "production"}).status == 200
    assert ucs.get(f"/metadata/{kind}s/extensions/Data").status == 404
    assert [each["name"] for each in ucs.get(f"/metadata/{kind}s/extensions").json] == ["Kept"]
    gms = Door(ucs.mock, "8.5")
    paths = {"service": "/services/1", "state": "/services/1/states/1", "task": "/services/1/tasks/1"}
    for each, path in paths.items():
        found = gms.get(f"{path}?extensions=*").json
        assert ("Data" in found, "Kept" in found) == (each != kind, each == kind)
    ucs.start_service()
    declare(ucs, {"name": "b", "type": "integer"}, kind=kind)


@kinds
def test_a_schema_that_is_not_there_is_not_deleted(ucs: Door, kind: str) -> None:
    other = KINDS[(KINDS.index(kind) + 1) % 3]
    declare(ucs, {"name": "a", "type": "integer"}, kind=other)
    reply = ucs.request("DELETE", f"/metadata/{kind}s/extensions/Data")
    assert (reply.status, "nothing was deleted" in reply.json["description"]) == (404, True)
    assert ucs.mock.last_call()["changes"] == []
    assert len(ucs.get(f"/metadata/{other}s/extensions").json) == 1


@pytest.mark.parametrize("many", [False, True])
def test_a_value_that_is_no_record_is_refused_though_there_are_defaults_to_fill_in(ucs: Door, *, many: bool) -> None:
    declare(ucs, {"name": "a", "type": "string", "default": "x"}, many=many)
    assert refused(ucs, 5, "/Data")
    assert refused(ucs, [5] if many else "5", "/Data/0" if many else "/Data")


def test_a_length_of_one_is_a_limit_too(ucs: Door) -> None:
    declare(ucs, {"name": "a", "type": "string", "length": 1})
    assert started(ucs, Data={"a": "x"}) == 201
    assert refused(ucs, {"a": "xy"}, "/Data/a")


def test_the_end_of_a_schema_changes_nothing_that_has_no_record_of_it(ucs: Door) -> None:
    declare(ucs, {"name": "a", "type": "string"})
    ucs.start_service()
    carrying = ucs.start_service(Data={"a": "x"})
    assert ucs.request("DELETE", "/metadata/services/extensions/Data").status == 204
    assert [each["id"] for each in ucs.mock.last_call()["changes"]] == ["Data", carrying]
