"""The tables of the manual: read strictly, whole in themselves, and the source of every generated schema."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from mockcs import documented, schemas
from mockcs.documented import Field, Manual
from mockcs.errors import MockcsError
from mockcs.operations import functions
from mockcs.server import Server
from mockcs.settings import Settings
from tests.conftest import ROOT, Mock

MANUAL = documented.read()
TABLES = sorted(MANUAL.fields)
READINGS = {reading.id: reading for reading in MANUAL.readings.values()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped tables and schemas, to break."""
    shutil.copytree(ROOT / "schemas", tmp_path / "schemas")
    return tmp_path / "schemas"


def broken(folder: Path, table: str, line: int, old: str, new: str) -> str:
    """The sentence with which the table is refused after a change in one of its lines."""
    path = folder / "tables" / table
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    assert old in lines[line - 1], lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    path.write_text("".join(lines), encoding="utf-8")
    with pytest.raises(MockcsError) as refused:
        documented.read(folder)
    return str(refused.value)


BAD_ROWS = {
    "unknown api of a field": ("fields/service_start_event.csv", 3, ",8.1,", ",8.2,", "api '8.2'"),
    "a field that has its row already": (
        "fields/state_transition_from.csv",
        3,
        "disposition,",
        "state_id,",
        "there is a row for state_id in 8.1",
    ),
    "unknown mandatory": ("fields/service_start_event.csv", 4, ",yes,", ",perhaps,", "mandatory 'perhaps'"),
    "unknown evidence of a field": ("fields/task.csv", 2, ",documented,", ",hearsay,", "evidence 'hearsay'"),
    "unknown api of an operation": ("operations.csv", 2, ",8.1,", ",9,", "api '9'"),
    "unknown server": ("operations.csv", 2, ",UCS,", ",URS,", "server 'URS'"),
    "a server of the other generation": ("operations.csv", 2, ",UCS,", ",GMS,", "server 'GMS'"),
    "unknown method": ("operations.csv", 3, ",POST,", ",PATCH,", "method 'PATCH'"),
    "unknown status": ("operations.csv", 4, ",complete-status,", ",complete-statsu,", "status 'complete-statsu'"),
    "unknown evidence of an operation": ("operations.csv", 4, ",observed,", ",seen,", "evidence 'seen'"),
    "default that is no choice": ("readings.csv", 2, ",services,", ",srvices,", "default 'srvices'"),
    "unknown evidence of an error": ("errors.csv", 2, ",other page,", ",rumour,", "evidence 'rumour'"),
}


@pytest.mark.parametrize("why", BAD_ROWS)
def test_a_bad_row_is_refused_with_its_file_and_line(folder: Path, why: str) -> None:
    table, line, old, new, fault = BAD_ROWS[why]
    sentence = broken(folder, table, line, old, new)
    assert f"{Path(table).name}, line {line}: {fault} " in sentence


@pytest.mark.parametrize(
    ("line", "old", "new"),
    [(2, "\n", ",more\n"), (2, ",no,", ","), (1, "field,type", "field,kind"), (1, "note", "note,mark")],
    ids=["too many", "too few", "renamed", "added"],
)
def test_columns_other_than_the_documented_ones_are_refused(folder: Path, line: int, old: str, new: str) -> None:
    sentence = broken(folder, "fields/query_task.csv", line, old, new)
    assert "query_task.csv, line " in sentence
    assert "the columns must be field, type, mandatory, api, reading, limit" in sentence


def test_the_line_of_a_bad_row_is_that_of_the_file_whatever_stands_above_it(folder: Path) -> None:
    path = folder / "tables" / "fields" / "path.csv"
    head, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text(head + "\n" + "".join(rows), encoding="utf-8")
    assert "path.csv, line 4: " in broken(folder, "fields/path.csv", 4, ",yes,", ",maybe,")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b'id,question\n"open', None])
def test_a_table_that_cannot_be_decoded_parsed_or_found_is_refused_by_name(folder: Path, content: bytes | None) -> None:
    path = folder / "tables" / "readings.csv"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MockcsError, match=r"readings\.csv"):
        documented.read(folder)


@pytest.mark.parametrize(("column", "text"), [("type", "strnig"), ("limit", "min 5")])
def test_a_type_or_limit_that_the_generator_does_not_know_is_refused_by_table_and_field(column: str, text: str) -> None:
    row = replace(MANUAL.rows("8.1", "task")[0], **{column: text})
    with pytest.raises(MockcsError, match=f"task: state_id: .*{text!r}"):
        schemas.schema_of((row,), set())


def test_a_folder_of_schemas_without_tables_is_read_with_the_shipped_ones(tmp_path: Path) -> None:
    (tmp_path / "8.5").mkdir()
    assert documented.read(tmp_path).fields == MANUAL.fields


def test_a_folder_without_tables_and_schemas_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(MockcsError, match=str(tmp_path)):
        documented.read(tmp_path)


def test_every_row_has_its_function_and_every_function_its_row() -> None:
    assert functions(MANUAL).keys() == {operation.name for operation in MANUAL.operations}


def test_a_function_without_a_row_is_refused() -> None:
    fewer = tuple(row for row in MANUAL.operations if row.name != "composite_start")
    with pytest.raises(MockcsError, match="composite_start"):
        functions(replace(MANUAL, operations=fewer))


def test_a_row_without_a_function_is_refused() -> None:
    more = (*MANUAL.operations, replace(MANUAL.operations[0], name="merge_services"))
    with pytest.raises(MockcsError, match="merge_services"):
        functions(replace(MANUAL, operations=more))


def test_the_generated_schemas_equal_their_tables() -> None:
    assert schemas.stale(MANUAL) == []


def test_a_schema_that_was_changed_lost_or_belongs_to_no_table_is_stale(folder: Path) -> None:
    manual = documented.read(folder)
    assert schemas.stale(manual) == []
    changed, missing, superfluous = (folder / "8.1" / f"{name}.schema.json" for name in ("path", "task", "tusk"))
    changed.write_text(changed.read_text(encoding="utf-8") + " ", encoding="utf-8")
    missing.unlink()
    superfluous.write_text("{}", encoding="utf-8")
    assert schemas.stale(manual) == sorted([changed, missing, superfluous])


def test_a_changed_row_makes_its_schema_stale(folder: Path) -> None:
    path = folder / "tables" / "fields" / "completed.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("session_id,string", "session_id,integer"), "utf-8")
    stale = schemas.stale(documented.read(folder))
    assert stale == [folder / api / "completed.schema.json" for api in ("8.1", "8.5")]


def shipped_schema(api: str, table: str) -> dict[str, Any]:
    return dict(json.loads((ROOT / "schemas" / api / f"{table}.schema.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize(("api", "table"), TABLES)
def test_each_property_of_a_schema_carries_its_row(api: str, table: str) -> None:
    schema = shipped_schema(api, table)
    carried = set()
    for row in MANUAL.rows(api, table):
        place = schema["x-readings"][row.reading] if row.reading else schema
        found = place["properties"].get(row.field) or (
            place if row.field == "<extension>" else place["additionalProperties"]
        )
        quoted = {name: getattr(row, name) for name in ("table", "field", "type", "mandatory", "limit", "page")}
        assert found["x-documented"] == quoted
        assert (row.field in place.get("required", ())) is (row.mandatory == "yes")
        carried.add((row.reading, row.field))
    assert len(carried) == len(MANUAL.rows(api, table))
    assert schema["properties"].keys() == {field for reading, field in carried if not (reading or field[0] == "<")}


@pytest.mark.parametrize("kind", ["service", "state", "task"])
def test_a_type_is_mandatory_in_8_1_and_optional_in_8_5(kind: str) -> None:
    for table in (f"{kind}_start_event", kind):
        assert mandatory("8.1", table, f"{kind}_type") == {"": "yes"}
        assert mandatory("8.5", table, f"{kind}_type") == {"": "no", "type-mandatory=mandatory": "yes"}


def mandatory(api: str, table: str, field: str) -> dict[str, str]:
    return {row.reading: row.mandatory for row in MANUAL.rows(api, table) if row.field == field}


def test_auto_closed_and_what_expires_are_of_8_5_only() -> None:
    for field in ("auto_closed", "ttl", "expiration_time", "auto_complete_after"):
        assert mandatory("8.5", "service_start_event", field)[""] == "no"
        assert mandatory("8.1", "service_start_event", field) == {}


@pytest.mark.parametrize("table", documented.RESOURCE_OF)
def test_attached_data_are_declared_extensions_in_8_1_and_any_json_in_8_5(table: str) -> None:
    assert [(row.field, row.type) for row in MANUAL.rows("8.1", table) if row.is_open] == [
        ("<extension name>", "Extension or Extension[]")
    ]
    assert [(row.field, row.type) for row in MANUAL.rows("8.5", table) if row.is_open] == [
        ("<extension key>", "any JSON")
    ]


def test_every_row_of_every_table_names_its_page_and_describes_itself() -> None:
    records: list[Any] = [*MANUAL.operations, *MANUAL.errors.values(), *READINGS.values(), *fields(MANUAL)]
    for row in records:
        assert row.page.strip(), row
        assert row.evidence in documented.EVIDENCE
    assert all(row.description for row in fields(MANUAL))
    assert all(reading.question for reading in READINGS.values())


def fields(manual: Manual) -> list[Field]:
    return [row for rows in manual.fields.values() for row in rows]


def test_the_first_choice_of_a_reading_is_its_default() -> None:
    assert READINGS
    for reading in READINGS.values():
        assert reading.choices[0] == reading.default
        assert len(reading.choices) == len(set(reading.choices)) > 1
        assert reading.api in ("8.1", "8.5", "both")


def test_every_reading_that_a_table_names_exists_with_that_choice_for_that_generation() -> None:
    named = {(row.api, *row.reading.split("=")) for row in fields(MANUAL) if row.reading}
    assert named
    for api, name, choice in named:
        assert choice in READINGS[name].choices
        assert choice != READINGS[name].default, "a row for the default would replace the plain one"
        assert READINGS[name].api in (api, "both")
    for status in [row.status for row in MANUAL.operations] + [row.status for row in MANUAL.errors.values()]:
        choices = (status,) if status.isdigit() else READINGS[status].choices
        assert all(re.fullmatch("[2345][0-9]{2}", choice) for choice in choices)


def test_no_row_stands_twice() -> None:
    urls = Counter((row.api, row.method, row.path) for row in MANUAL.operations)
    rows = Counter((row.api, row.table, row.field, row.reading) for row in fields(MANUAL))
    assert {key: n for key, n in (urls + rows).items() if n > 1} == {}
    for table, found in (("readings.csv", MANUAL.readings), ("errors.csv", MANUAL.errors)):
        text = (ROOT / "schemas" / "tables" / table).read_text(encoding="utf-8")
        assert len(text.splitlines()) == len(found) + 1


def test_an_operation_names_only_tables_and_ids_that_are_documented() -> None:
    for row in MANUAL.operations:
        for table in filter(None, (row.query, row.body_table)):
            assert (row.api, table) in MANUAL.fields
        in_url = set(re.findall(r"\$\{([^}]+)\}", row.path))
        assert in_url <= MANUAL.names(row.api, "path")
        given = {"service_id", "state_id", "task_id", "extension-name"}
        assert set(re.findall(r"\$\{([^}]+)\}", row.location)) <= given | in_url
        assert {"8.1": "UCS", "8.5": "GMS"}[row.api] == row.server


def test_a_name_stands_for_one_operation_id_in_both_generations() -> None:
    ids: dict[str, set[str]] = {}
    for row in MANUAL.operations:
        ids.setdefault(row.name, set()).add(row.id)
    assert [name for name, found in ids.items() if len(found) > 1] == []


def test_an_error_has_the_members_that_its_server_answers() -> None:
    assert {server for _, server in MANUAL.errors} == {"UCS", "GMS"}
    for (_, server), row in MANUAL.errors.items():
        assert row.message
        assert bool(row.exception) is (server == "GMS")
        assert row.code.isdigit() is (server == "UCS")


def test_the_data_are_found_in_a_checkout() -> None:
    assert documented.shipped("schemas") == ROOT / "schemas"
    assert documented.shipped("fixtures") == ROOT / "fixtures"
    assert (documented.shipped("fixtures") / "examples").is_dir()


def test_the_data_are_found_beside_the_modules_in_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "site-packages" / "mockcs"
    shutil.copytree(ROOT / "schemas", installed / "schemas")
    monkeypatch.setattr(documented, "__file__", str(installed / "documented.py"))
    assert documented.shipped("schemas") == installed / "schemas"
    assert asdict(documented.read())["folder"] == installed / "schemas"


STRICTER: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a further combination": ({"allOf": [{"required": ["service_type"]}]}, {}, "service_type is mandatory"),
    "a condition": (
        {"if": {"required": ["est_duration"]}, "then": {"required": ["media_type"]}},
        {"est_duration": 5},
        "media_type is mandatory",
    ),
    "a least value": ({"properties": {"est_duration": {"minimum": 1}}}, {"est_duration": 0}, "at least 1"),
    "one value": ({"properties": {"media_type": {"const": "voice"}}}, {"media_type": "video"}, "'voice' was expected"),
    "a choice": (
        {"properties": {"session_id": {"anyOf": [{"maxLength": 2}, {"pattern": "^x"}]}}},
        {"session_id": "abc"},
        "session_id",
    ),
    "a pattern that is slow": (
        {"properties": {"contact_key": {"pattern": "^([a-z0-9]+[-_.]?)+@x$"}}},
        {"contact_key": "a" * 45 + "!"},
        "contact_key",
    ),
}


@pytest.mark.parametrize("case", STRICTER)
def test_a_stricter_set_of_one_s_own_is_told_in_its_own_terms(folder: Path, case: str) -> None:
    more, body, words = STRICTER[case]
    path = folder / "8.5" / "service_start_event.schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    for name, own in more.pop("properties", {}).items():
        schema["properties"][name] |= own
    path.write_text(json.dumps(schema | more), encoding="utf-8")
    with Server(Settings(schemas=str(folder))) as cs:
        reply = Mock(cs.base_url).post("/genesys/1/cs/services/start", {"contact_key": "1", **body})
        assert reply.status == 400
        assert words in cs.calls.last.violations[0].message
