"""Bodies drawn from the tables: accepted, refused and given back; and the two validators say the same of everything."""

from __future__ import annotations

import json
import math
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mockcs.app import create_app
from mockcs.documented import Field
from mockcs.json_text import dumps, loads
from mockcs.schemas import Validators, compiled
from mockcs.violations import checker_of, violations_of
from tests.conftest import PREFIXES
from tests.values import DATES, JSON, MANUAL, NO_DATES, PLACES, Document, Place, sent_in, wrong_values

VALIDATORS = Validators(MANUAL)
EVENTS = [(api, name) for api in PREFIXES for name in sent_in(api)]
PHASES = [Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink]
quick = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES)
EDGES = [2**31, 2**53, 2**63, 2**64, 10**30, 10**300]
HUGE = st.sampled_from(EDGES).flatmap(lambda edge: st.sampled_from([edge - 1, edge, -edge, -edge - 1]))
# jsonschema-rs refuses the least long written as a float. jsonschema has the last word, so mockcs takes it.
LEAST = -(2.0**63)
FLOATS = (HUGE.map(float) | st.floats(allow_nan=False, allow_infinity=False)).filter(lambda value: value != LEAST)
NUMBERS = st.integers() | HUGE | FLOATS
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(max_size=8)
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
LONG = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([2**63 - 1, -(2**63), 40.0, -0.0])
TEXT = st.text(max_size=12)
TYPES: dict[str, st.SearchStrategy[Any]] = {
    "string": TEXT,
    "integer": LONG,
    "long": LONG,
    "long or string": LONG | TEXT,
    "date/time": st.datetimes().map(lambda time: f"{time.isoformat(timespec='milliseconds'):0>23}Z")
    | st.sampled_from(DATES),
    "boolean": st.booleans(),
    "any JSON": ANY_JSON,
    "string[]": st.lists(TEXT, max_size=3),
    "list of integer": st.lists(LONG, max_size=3),
    "Extension or Extension[]": ANY_JSON,
    "list of strings": st.lists(TEXT, max_size=3),
    "list of long or string": st.lists(LONG | TEXT, max_size=3),
}


def right(row: Field) -> st.SearchStrategy[Any]:
    """Right values of a row."""
    if (row.table, row.field) == ("state_transition_from", "state_id"):
        found: st.SearchStrategy[Any] = st.just(1)  # no other state is there
    elif (row.api, row.holds) in MANUAL.fields:
        found = documents(row.api, row.holds)
        found = st.lists(found, max_size=2) if row.type.endswith(("[]", "array")) else found
    else:
        found = TYPES.get(row.type, st.nothing())
    for limit in filter(None, row.limit.split("; ")):
        found = limited(found, limit)
    return found


def limited(values: st.SearchStrategy[Any], limit: str) -> st.SearchStrategy[Any]:
    """The values within a limit."""
    word, _, rest = limit.partition(" ")
    words = rest.partition(" ")[2].split("|")
    if word == "one":
        return st.sampled_from(words)
    if word == "any":
        return st.sampled_from([*words, *map(str.upper, words), *map(str.title, words)])
    if limit == "or compound":
        return st.lists(TEXT | st.lists(TEXT, min_size=2, max_size=3), max_size=3)
    if word == "max":
        return st.text(max_size=int(rest))
    if word == "name":
        return st.from_regex("[A-Za-z][A-Za-z0-9_]{0,25}", fullmatch=True)
    return st.integers(-(2**31), 2**31 - 1) if word == "32-bit" and values is LONG else values


@cache
def documents(api: str, table: str) -> st.SearchStrategy[Document]:
    """Right documents of a table, as its rows without any reading say."""
    rows = [row for row in MANUAL.rows(api, table) if not (row.is_open or row.reading)]
    names = {row.field.casefold() for row in rows}
    must = {row.field: right(row) for row in rows if row.mandatory in ("yes", "yes if no customer_id")}
    may = {row.field: right(row) for row in rows if row.field not in must}
    known = st.fixed_dictionaries(must, optional=may)
    if not any(row.is_open for row in MANUAL.rows(api, table)):
        return known
    # In 8.1 only a scalar may stand where no extension schema is declared.
    attached = st.dictionaries(st.text(max_size=8), ANY_JSON if api == "8.5" else SCALARS, max_size=3)
    return st.builds(lambda own, more: {**more, **own}, known, attached.map(lambda more: without(more, names)))


def without(document: Document, names: AbstractSet[str]) -> Document:
    return {name: value for name, value in document.items() if name.casefold() not in names}


@pytest.fixture(scope="module")
def client() -> Any:
    """The app without a server or sockets."""
    return create_app().test_client()


def sent(client: Any, api: str, place: Place, document: Any) -> tuple[int, Document]:
    """The status and the record of one call, in a world of its own with one service in it."""
    client.post("/__admin/reset")
    service = client.post("/services/start", json={"contact_key": "42", "service_type": 1}).json["service_id"]
    for kind in ("state", "task"):
        client.post(f"/services/{service}/{kind}s/start", json={f"{kind}_type": 1})
    path = PREFIXES[api] + place.path.format(service=service)
    reply = client.post(path, data=json.dumps(place.body(document)), content_type="application/json")
    return reply.status_code, json.loads(client.get(f"/__admin/calls/{reply.headers['Mockcs-Call']}").data)


@pytest.mark.parametrize(("api", "name"), EVENTS)
def test_a_body_drawn_from_its_table_is_accepted(client: Any, api: str, name: str) -> None:
    @quick
    @given(documents(api, PLACES[name].table))
    def accepted(document: Document) -> None:
        status, call = sent(client, api, PLACES[name], document)
        assert call["violations"] == []
        assert 200 <= status < 300

    accepted()


@pytest.mark.parametrize(("api", "name"), EVENTS)
def test_the_same_less_a_mandatory_field_or_with_a_wrong_type_is_refused(client: Any, api: str, name: str) -> None:
    place = PLACES[name]
    rows = [row for row in MANUAL.rows(api, place.table) if not (row.is_open or row.reading)]
    faults: list[tuple[Field, Any]] = [(row, value) for row in rows for value in wrong_values(row)]
    missing = [(row, None) for row in rows if row.mandatory == "yes"]

    @quick
    @given(documents(api, place.table), st.sampled_from(faults))
    def wrong_is_refused(document: Document, fault: tuple[Field, Any]) -> None:
        refused({**document, fault[0].field: fault[1]}, fault[0])

    @quick
    @given(documents(api, place.table), st.sampled_from(missing))
    def less_is_refused(document: Document, fault: tuple[Field, None]) -> None:
        refused({each: value for each, value in document.items() if each != fault[0].field}, fault[0])

    def refused(document: Document, row: Field) -> None:
        status, call = sent(client, api, place, document)
        assert status == 400
        pointers = [each["pointer"] for each in call["violations"]]
        assert pointers
        assert all(pointer.startswith(place.pointer(row.field)) for pointer in pointers)
        assert call["changes"] == []

    wrong_is_refused()
    if missing:
        less_is_refused()


@cache
def judges(api: str, table: str) -> list[tuple[frozenset[str], Any, Any]]:
    """The fast validator and the careful one: without readings, under each that touches the table, and under all."""
    plain = VALIDATORS.schema(api, table)
    touching = [
        name for name in sorted(VALIDATORS.overlays) if VALIDATORS.schema(api, table, frozenset({name})) != plain
    ]
    choices = {frozenset[str](), *(frozenset({name}) for name in touching), frozenset(touching)}
    return [
        (choice, VALIDATORS.validator(api, table, choice), jsonschema.Draft202012Validator(schema))
        for choice in choices
        for schema in [VALIDATORS.schema(api, table, choice)]
    ]


def assert_agreed(api: str, table: str, document: Any) -> None:
    for choice, fast, careful in judges(api, table):
        passes = fast.is_valid(document)
        assert careful.is_valid(document) is passes, (sorted(choice), document)
        told = violations_of(VALIDATORS, api, table, choice, document)
        assert (told == []) is passes, (sorted(choice), document)
        narrowed = checker_of(VALIDATORS.schema(api, table, choice))
        assert said(narrowed, document) == said(careful, document), (sorted(choice), document)


def said(checker: Any, document: Any) -> list[tuple[Any, ...]]:
    """Each error that a validator finds, in the order of its finding."""
    return [
        (list(error.absolute_path), list(error.absolute_schema_path), error.message, repr(error.instance))
        for error in checker.iter_errors(document)
    ]


RULES = {(row.type, row.limit): row for rows in MANUAL.fields.values() for row in rows if not row.is_open}
"""One row of each type and limit."""


@pytest.mark.parametrize("row", RULES.values(), ids=[" ".join(rule).strip() for rule in RULES])
def test_the_validators_agree_on_every_value_at_the_edge_of_a_rule(row: Field) -> None:
    values = [*JSON.values(), *EDGES, *map(float, EDGES), *(-edge - 1 for edge in EDGES), *DATES, *NO_DATES]
    values += [
        0,
        1,
        1.0,
        "true",
        "false",
        "5",
        "-1",
        "A1",
        "x" * 26,
        "x" * 27,
        "single-valued",
        "date",
        "\u0436" * 64,
        [["a"]],
    ]
    values += [f"{value}\n" for value in values if isinstance(value, str)] + [[value] for value in values]
    choice = frozenset(filter(None, [row.reading]))
    schema = VALIDATORS.schema(row.api, row.table, choice)["properties"][row.field]
    fast, careful = compiled(schema, row.field), jsonschema.Draft202012Validator(schema)
    assert [value for value in values if fast.is_valid(value) is not careful.is_valid(value)] == []


def spoilt(document: Document, name: str, value: Any) -> Document:
    return {**document, name: value}


@cache
def suspects(api: str, table: str) -> st.SearchStrategy[Any]:
    """Right documents, documents with one member replaced, and JSON of any kind."""
    names = st.sampled_from([row.field for row in MANUAL.rows(api, table)])
    whole = documents(api, table)
    return whole | st.builds(spoilt, whole, names, ANY_JSON | HUGE) | st.dictionaries(names, ANY_JSON) | ANY_JSON


@pytest.mark.parametrize(("api", "table"), sorted(MANUAL.fields))
def test_the_fast_validator_and_the_careful_one_agree_on_any_json(api: str, table: str) -> None:
    @quick
    @given(suspects(api, table))
    def agree(document: Any) -> None:
        assert_agreed(api, table, document)

    agree()


NESTED: Any = {
    "type": "object",
    "properties": {"rows": {"prefixItems": [{"type": "string"}], "items": {"properties": {"a": {"maximum": 3}}}}},
    "anyOf": [{"required": ["rows"]}, {"properties": {"b": {"enum": [1]}}, "required": ["b"]}],
    "additionalProperties": {"items": False},
}


@settings(quick, max_examples=100)
@given(
    st.dictionaries(
        st.sampled_from(["rows", "b", "c"]),
        st.lists(st.sampled_from(["x", 7, {"a": 4}, {"a": 1}, []]), max_size=4) | st.sampled_from([1, 2, "x"]),
    )
    | ANY_JSON
)
def test_what_is_wrong_with_a_document_is_found_at_any_depth_without_looking_at_what_is_right(document: Any) -> None:
    assert said(checker_of(NESTED), document) == said(jsonschema.Draft202012Validator(NESTED), document)


def test_every_reading_that_replaces_rows_is_compared() -> None:
    assert frozenset().union(*(choice for key in MANUAL.fields for choice, _, _ in judges(*key))) == VALIDATORS.overlays


IN_STARTED = {"timestamp", "session_id", "interaction_id", "application_type", "application_id"}
IN_STARTED |= {"resource_type", "resource_id", "media_type"}
EXPIRING = {"ttl", "expiration_time", "auto_complete_after"}
NOT_SHOWN = {"auto_closed", "service_id"}


def same(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1, and a number keeps its value and its kind."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


@pytest.mark.parametrize("kind", ["service", "state", "task"])
def test_what_was_sent_comes_back_equal_in_value(client: Any, kind: str) -> None:
    shown = MANUAL.names("8.5", kind)
    attached = st.dictionaries(st.text(max_size=8), ANY_JSON, max_size=4).map(lambda more: without(more, shown))

    @settings(quick, max_examples=40)
    @given(documents("8.5", f"{kind}_start_event"), attached)
    def comes_back(event: Document, more: Document) -> None:
        document = without({**more, **event}, EXPIRING)  # what has expired is not found
        _, call = sent(client, "8.5", PLACES[kind], document)
        number = call["changes"][0]["id"]
        path = "/services/{}" if kind == "service" else f"/services/1/{kind}s/{{}}"
        found = json.loads(client.get(f"{PREFIXES['8.5']}{path.format(number)}?extensions=*").data)
        for name, value in document.items():
            if name in IN_STARTED:
                assert same(found["started"][name], value)
            elif name not in NOT_SHOWN:
                assert same(found[name], value), name

    comes_back()


@settings(quick, max_examples=80)
@given(ANY_JSON | HUGE | st.lists(NUMBERS))
def test_json_is_written_and_read_without_losing_a_value(value: Any) -> None:
    assert same(loads(dumps(value)), value)
    assert same(loads(json.dumps(value).encode()), value)
    assert same(json.loads(dumps(value)), value)


def test_the_least_long_is_taken_as_a_float_too(client: Any) -> None:
    body = b'{"service_type": 100, "contact_key": "42", "est_duration": -9.223372036854775808e18}'
    assert client.post("/genesys/1/cs/services/start", data=body).status_code == 201


def test_the_comparison_of_values_tells_kinds_apart() -> None:
    assert not same(True, 1)
    assert not same(1, 1.0)
    assert not same([{}], [[]])
    assert not same({"a": 2**63}, {"a": float(2**63)})
    assert same({"a": [1, None, "x", math.pi]}, {"a": [1, None, "x", math.pi]})
