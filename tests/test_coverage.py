"""Coverage of the documented API by a tester's own suite: what it met, in a space and in a whole run of pytest."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import Any

from mockcs import documented
from mockcs.coverage import Coverage, merged
from tests.conftest import ROOT, Door, Mock

TABLES = ROOT / "schemas" / "tables"
KINDS = ("operations", "fields", "values", "errors")
EVENT = {"service_type": 100, "contact_key": "42"}
SERVERS = {"UCS": "8.1", "GMS": "8.5"}


def coverage(mock: Mock, prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = mock.get(f"{prefix}/__admin/coverage").json
    assert found.keys() == {"percent", *KINDS}
    return found


def status_of(document: dict[str, Any], kind: str, **item: str) -> str:
    """The status of the one item with these members."""
    (found,) = [each for each in document[kind] if each.items() >= item.items()]
    return str(found["status"])


def met(document: dict[str, Any], kind: str) -> list[tuple[str, ...]]:
    """What was met of a kind, each without its status."""
    items = [each for each in document[kind] if each["status"] != "never seen"]
    return [tuple(value for name, value in each.items() if name != "status") for each in items]


# What there is to be met


def rows(name: str) -> list[dict[str, str]]:
    with (TABLES / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def checked_tables() -> Iterator[tuple[str, str]]:
    """The tables that requests are checked with, straight from the files; nested ones too."""
    used = [(row["api"], row[name].removesuffix("?")) for row in rows("operations") for name in ("body", "query")]
    waiting = [each for each in used if each[1]]
    known: set[tuple[str, str]] = set()
    files = {path.stem for path in (TABLES / "fields").glob("*.csv")}
    while waiting:
        api, table = waiting.pop()
        if (api, table) in known or table not in files:
            continue
        known.add((api, table))
        yield api, table
        own = [row for row in rows(f"fields/{table}") if row["api"] == api]
        kinds = [row[name].removesuffix("[]").removeprefix("of ") for row in own for name in ("type", "limit")]
        waiting += [(api, kind.lower().replace(" ", "_")) for kind in kinds]


def test_what_there_is_to_be_met_is_what_the_tables_have(mock: Mock) -> None:
    document = coverage(mock)
    assert {each["status"] for kind in KINDS for each in document[kind]} == {"never seen"}
    assert document["percent"] == 0
    operations = {(row["api"], row["name"]) for row in rows("operations")}
    assert {(each["api"], each["operation"]) for each in document["operations"]} == operations
    assert len(document["operations"]) == len(operations)
    errors = {(SERVERS[row["server"]], row["server"], row["key"]) for row in rows("errors")}
    assert {(each["api"], each["server"], each["error"]) for each in document["errors"]} == errors
    fields, values = set(), set()
    for api, table in checked_tables():
        for row in rows(f"fields/{table}"):
            if row["api"] == api and not row["field"].startswith("<"):
                fields.add((api, table, row["field"]))
                found = re.fullmatch(r"(?:one of|any case of|suggested) (\S+)", row["limit"])
                values |= {(api, table, row["field"], value) for value in (found[1].split("|") if found else ())}
    assert {(each["api"], each["table"], each["field"]) for each in document["fields"]} == fields
    assert {(each["api"], each["table"], each["field"], each["value"]) for each in document["values"]} == values
    assert len(values) > 20


# What a call meets


def test_an_answered_call_exercises_its_operation_and_the_members_that_it_has(door: Door) -> None:
    door.post("/services/start", {**EVENT, "note": "attached"} if door.api == "8.5" else EVENT)
    document = coverage(door.mock)
    assert met(document, "operations") == [(door.api, "start_service")]
    fields = {(door.api, "service_start_event", name) for name in EVENT}
    assert set(met(document, "fields")) == fields
    assert (met(document, "values"), met(document, "errors")) == ([], [])
    assert status_of(document, "operations", api=door.api, operation="start_service") == "exercised"


def test_a_refused_call_is_told_from_an_answered_one(gms: Door) -> None:
    event = {"service_type": 100, "contact_key": 42, "est_duration": 60}
    assert gms.post("/services/start", event).status == 400
    document = coverage(gms.mock)
    start = {"api": "8.5", "table": "service_start_event"}
    assert status_of(document, "operations", api="8.5", operation="start_service") == "refused"
    assert status_of(document, "fields", **start, field="contact_key") == "refused"
    assert status_of(document, "fields", **start, field="est_duration") == "refused"
    assert status_of(document, "fields", **start, field="ttl") == "never seen"
    assert met(document, "errors") == [("8.5", "GMS", "bad_parameter")]
    gms.post("/services/start", EVENT)
    gms.post("/services/start", event)
    document = coverage(gms.mock)
    assert status_of(document, "operations", api="8.5", operation="start_service") == "exercised"
    assert status_of(document, "fields", **start, field="contact_key") == "exercised"


def test_query_parameters_count_and_so_do_tables_within_tables(gms: Door, ucs: Door) -> None:
    gms.get("/services/1?active_states=true&extensions=*")
    service = gms.start_service()
    gms.get(f"/services/{service}?active_states=true&extensions=*")
    gms.post("/services_composite/start", {"services": [{"service": EVENT, "state": {"state_type": 1}}]})
    state = ucs.start_state(service)
    move = {"from": {"state_id": state, "disposition": 1}, "to": {"state_type": 2}}
    assert ucs.post(f"/services/{service}/states/transition", move).status == 201
    schema = {"name": "F", "type": "single-valued", "attributes": [{"name": "A", "type": "double"}]}
    assert ucs.post("/metadata/services/extensions", schema).status == 201
    fields = met(coverage(gms.mock), "fields")
    wanted = [
        ("8.5", "query_service", "active_states"),
        ("8.5", "composite_start", "services"),
        ("8.5", "composite_start_event", "state"),
        ("8.5", "state_start_event", "state_type"),
        ("8.1", "state_transition_event", "from"),
        ("8.1", "state_transition_from", "disposition"),
        ("8.1", "state_transition_to", "state_type"),
        ("8.1", "attribute_schema", "type"),
    ]
    assert [each for each in wanted if each not in fields] == []
    assert ("8.5", "composite_start_event", "task") not in fields


def test_each_value_of_a_closed_list_counts(ucs: Door) -> None:
    schema = {"name": "F", "type": "single-valued", "attributes": [{"name": "A", "type": "double"}]}
    ucs.post("/metadata/services/extensions", schema)
    ucs.post("/server/mode", {"mode": "Maintenance"})
    assert met(coverage(ucs.mock), "values") == [
        ("8.1", "extension_schema", "type", "single-valued"),
        ("8.1", "attribute_schema", "type", "double"),
        ("8.1", "server_mode", "mode", "maintenance"),
    ]


def test_errors_count_that_belong_to_no_operation(gms: Door, ucs: Door) -> None:
    gms.get("/nothing")
    ucs.request("PATCH", "/services/start")
    ucs.get("/services/9")
    assert met(coverage(gms.mock), "errors") == [
        ("8.5", "GMS", "unknown_url"),
        ("8.1", "UCS", "method_not_allowed"),
        ("8.1", "UCS", "service_not_found"),
    ]


def test_a_call_that_a_fault_answered_has_called_its_operation_and_meets_nothing_else(gms: Door) -> None:
    fault = {"operation": "start_service", "status": 503, "times": 1}
    for order in (fault, {**fault, "status": 200}):
        gms.mock.post("/__admin/faults", order)
        assert gms.post("/services/start", EVENT).status == order["status"]
    document = coverage(gms.mock)
    assert met(document, "operations") == [("8.5", "start_service")]
    assert met(document, "fields") == []
    start = {"api": "8.5", "operation": "start_service"}
    assert status_of(document, "operations", **start) == "refused"
    gms.mock.post("/__admin/faults", {**fault, "after_commit": True})
    assert gms.post("/services/start", EVENT).status == 503
    assert status_of(coverage(gms.mock), "operations", **start) == "exercised"


def test_a_member_that_the_url_gives_is_met_by_every_call_of_its_operation(door: Door) -> None:
    end = {"api": door.api, "table": "state_end_event"}
    door.post("/services/1/states/2/end", {})
    document, ids = coverage(door.mock), ("service_id", "state_id")
    assert {status_of(document, "fields", **end, field=name) for name in ids} == {"refused"}
    service = door.start_service()
    state = door.start_state(service)
    assert door.post(f"/services/{service}/states/{state}/end", {}).status < 300
    document = coverage(door.mock)
    assert {status_of(document, "fields", **end, field=name) for name in ids} == {"exercised"}
    assert status_of(document, "fields", **end, field="timestamp") == "never seen"


def test_what_no_table_has_is_not_kept() -> None:
    kept = Coverage(documented.read())
    event, purge = {"contact_key": "1", "attached": 1}, {"operation": "x" * 1000}
    foreign = [{"table": "extension Coupon", "field": "attached"}]
    for error in ("", "bad_parameter"):
        kept.note("8.5", "start_service", foreign, [("service_start_event", event)], error)
        kept.note("8.5", "purge_services", (), [("purge_services", purge)], error)
    held = [kept._refused, kept._values, *(each.missing for each in kept._tables.values())]
    assert kept._refused == {("8.5", "service_start_event", "contact_key"), ("8.5", "purge_services", "operation")}
    assert not any(text in repr(held) for text in ("attached", "Coupon", "xxx"))


def test_suggested_values_count_and_others_pass(door: Door) -> None:
    service = door.start_service()
    for value in (1, "2", 11, "Waiting"):
        door.start_state(service, state_type=value)
    assert met(coverage(door.mock), "values") == [
        (door.api, "state_start_event", "state_type", value) for value in ("1", "2")
    ]


def test_the_share_is_of_the_generations_that_were_called(ucs: Door, gms: Door) -> None:
    gms.start_service()
    document = coverage(gms.mock)
    own = [each for kind in KINDS for each in document[kind] if each["api"] == "8.5"]
    share = 100 * sum(each["status"] != "never seen" for each in own) / len(own)
    assert document["percent"] == round(share, 1)
    ucs.start_service()
    both = coverage(gms.mock)
    items = [each for kind in KINDS for each in both[kind]]
    share = 100 * sum(each["status"] != "never seen" for each in items) / len(items)
    assert both["percent"] == round(share, 1)


def test_a_space_has_a_coverage_of_its_own_which_ends_with_a_reset(mock: Mock) -> None:
    mock.post("/__space/a/services/start", EVENT)
    assert (coverage(mock)["percent"], coverage(mock, "/__space/a")["percent"] > 0) == (0, True)
    mock.post("/__space/a/__admin/reset")
    assert coverage(mock, "/__space/a")["percent"] == 0
    mock.delete("/__admin/spaces/a")


def test_several_coverages_are_one_in_which_all_is_met_that_any_met(gms: Door) -> None:
    found = []
    for event in (EVENT, {**EVENT, "est_duration": 60}, {"contact_key": 42}):
        gms.mock.reset()
        gms.post("/services/start", event)
        found.append(coverage(gms.mock))
    gms.mock.reset()
    for event in (EVENT, {**EVENT, "est_duration": 60}, {"contact_key": 42}):
        gms.post("/services/start", event)
    whole = coverage(gms.mock)
    for order in (found, found[::-1]):
        assert merged(order) == whole
    assert merged([whole]) == whole


def test_a_value_that_only_refused_calls_had_is_refused(ucs: Door) -> None:
    value = {"api": "8.1", "table": "extension_schema", "field": "type", "value": "single-valued"}
    attributes: list[Any] = [5, [], 5]
    for each, status in zip(attributes, ("refused", "exercised", "exercised"), strict=True):
        ucs.post("/metadata/services/extensions", {"name": "F", "type": "single-valued", "attributes": each})
        assert status_of(coverage(ucs.mock), "values", **value) == status
