"""The ledger: each contradiction and each unknown of the manual is there, and what answers it exists."""

from __future__ import annotations

import csv
import re
from typing import Any

import pytest

from mockcs import documented
from tests.conftest import ROOT

MANUAL = documented.read()
SERVERS = {"8.1": "UCS", "8.5": "GMS"}
NUMBERS = {
    "8.1": [*(f"C{n}" for n in range(1, 30)), *(f"U{n}" for n in range(1, 14))],
    "8.5": [*(f"C{n}" for n in range(1, 28)), *(f"U{n}" for n in range(1, 23))],
}
WORDS = 3
with (ROOT / "schemas" / "tables" / "ledger.csv").open(encoding="utf-8", newline="") as file:
    LEDGER = list(csv.DictReader(file, strict=True))


def answers(row: dict[str, str]) -> list[tuple[str, str]]:
    """What answers a row, as (kind, what) pairs."""
    return [answer_of(text) for text in row["answered_by"].split("; ")]


def answer_of(text: str) -> tuple[str, str]:
    found = re.fullmatch(r"(reading|row|note|error) (.+)|(advice|out of scope): (.+)", text)
    assert found, text
    return (found[1], found[2]) if found[1] else (found[3], found[4])


def rows_named(api: str, what: str) -> list[Any]:
    """The rows of a generation that `<table>: <field>` names; of operations, `operations: <name>`."""
    table, _, name = what.partition(": ")
    if table == "operations":
        return [row for row in MANUAL.operations if (row.api, row.name) == (api, name)]
    return [row for row in MANUAL.rows(api, table) if row.field == name]


def stands(api: str, kind: str, what: str) -> bool:
    """Whether an answer exists, for that generation."""
    if kind == "reading":
        return what in MANUAL.readings and MANUAL.readings[what].api in (api, "both")
    if kind == "error":
        return (what, SERVERS[api]) in MANUAL.errors
    if kind == "row":
        return bool(rows_named(api, what))
    if kind == "note":
        return any(row.note for row in rows_named(api, what))
    return len(what.split()) >= WORDS  # advice, or out of scope: in words


def test_the_ledger_has_every_number_once_and_in_order() -> None:
    found = {api: [row["number"] for row in LEDGER if row["api"] == api] for api in NUMBERS}
    assert found == NUMBERS
    assert len(LEDGER) == 29 + 13 + 27 + 22


@pytest.mark.parametrize("row", LEDGER, ids=[f"{row['api']} {row['number']}" for row in LEDGER])
def test_what_answers_an_entry_exists(row: dict[str, str]) -> None:
    assert list(row) == ["api", "number", "question", "answered_by"]
    assert row["question"].endswith((".", "?"))
    assert [each for each in answers(row) if not stands(row["api"], *each)] == []


def test_what_is_out_of_scope_says_why_and_is_the_exception() -> None:
    outside = [row for row in LEDGER if {kind for kind, _ in answers(row)} == {"out of scope"}]
    assert 0 < len(outside) < len(LEDGER) / 5


def test_a_reading_answers_entries_of_its_own_generation_and_all_but_a_few_answer_one() -> None:
    answering = {(row["api"], what) for row in LEDGER for kind, what in answers(row) if kind == "reading"}
    wanted = {
        (api, reading.id) for reading in MANUAL.readings.values() for api in NUMBERS if reading.api in (api, "both")
    }
    assert answering <= wanted
    assert {name for _, name in wanted} - {name for _, name in answering} == UNASKED


UNASKED = {"cv-attribute-answer", "expiration-base", "mode-switch", "state-types"}
"""Readings on what the two files count neither as contradiction nor as unknown; the list may only shrink."""


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("reading", "complete-statu"),
        ("reading", "service-id"),
        ("error", "tenant_missing"),
        ("row", "service: colour"),
        ("row", "services: contact_key"),
        ("note", "operations: query_service_by_ids"),
        ("note", "state: service_id or so"),
        ("out of scope", "later"),
    ],
)
def test_the_check_of_an_answer_sees_what_does_not_exist(kind: str, what: str) -> None:
    assert not stands("8.1", kind, what)


def test_the_text_of_an_answer_is_read_strictly() -> None:
    for text in ("readings complete-status", "reading", "row", "out of scope", "see below", ""):
        with pytest.raises(AssertionError):
            answer_of(text)
