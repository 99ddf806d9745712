"""What the manual says of an operation, for a terminal of any width."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator

from mockcs.documented import PREFIXES, Field, Manual, Operation, shipped
from mockcs.errors import MockcsError


def explained(manual: Manual, name: str, width: int) -> Iterator[str]:
    """Lines about an operation: its rows, fields, readings, evidence and an example; MockcsError for an unknown one."""
    rows = [row for row in manual.operations if row.name == name]
    if not rows:
        from difflib import get_close_matches  # noqa: PLC0415 - only a mistake pays for it

        near = get_close_matches(name, [row.name for row in manual.operations], n=1)
        raise MockcsError(
            f"no operation is called {name!r}",
            hint=f"did you mean {near[0]}?" if near else "`mockcs operations` lists them",
        )
    for api in dict.fromkeys(row.api for row in rows):
        of_api = [row for row in rows if row.api == api]
        yield from _urls(of_api, width)
        for table in dict.fromkeys((of_api[0].query, of_api[0].body_table)):
            if table:
                yield from _fields(manual, api, table, width)
        yield from _readings(manual, of_api, width)
        yield from _example(api, name)
        yield ""


def _urls(rows: list[Operation], width: int) -> Iterator[str]:
    first = rows[0]
    yield f"{first.name} · {first.api} on {first.server} · {first.id or 'no ID printed'}"
    for row in rows:
        yield f"  {row.method} {PREFIXES[row.api]}{row.path}"
    answer = f"answers {first.status}" + (f" with {first.answer}" if first.answer else ", empty body")
    yield from _wrapped(f"{answer} ({first.evidence}: {first.page})", width, 2)
    if first.note:
        yield from _wrapped(first.note, width, 2)


def _fields(manual: Manual, api: str, table: str, width: int) -> Iterator[str]:
    yield f"  {table}:"
    for row in manual.rows(api, table):
        yield from _wrapped(_field(row), width, 4)


def _field(row: Field) -> str:
    limit = f", {row.limit}" if row.limit else ""
    reading = f" [only with {row.reading}]" if row.reading else ""
    told = {"yes": "mandatory", "no": "optional"}.get(row.mandatory, f"mandatory: {row.mandatory}")
    return f"{row.field}: {row.type}{limit}, {told}{reading}. {row.description} ({row.evidence})"


def _readings(manual: Manual, rows: list[Operation], width: int) -> Iterator[str]:
    first = rows[0]
    tables = {first.query, first.body_table}
    chosen = {row.reading.partition("=")[0] for t in tables for row in manual.rows(first.api, t) if row.reading}
    chosen |= {row.status for row in rows if not row.status.isdigit()}
    chosen |= {reading for reading in manual.readings if reading in first.note}
    for name in sorted(chosen):
        reading = manual.readings[name]
        text = f"reading {name} = {' | '.join(reading.choices)}: {reading.question} ({reading.evidence})"
        yield from _wrapped(text, width, 2)


def _example(api: str, name: str) -> Iterator[str]:
    for path in sorted((shipped("fixtures") / "examples" / api / name).glob("*.json")):
        example = json.loads(path.read_text(encoding="utf-8"))
        request, answer = example["request"], example["answer"]
        yield f"  example ({example['page']}):"
        yield f"    {request['method']} {PREFIXES[api]}{request['path']}"
        for document in (request.get("body"), answer["body"]):
            if document is answer["body"]:
                yield f"    -> {answer['status']}"
            if document is not None:
                yield from textwrap.indent(json.dumps(document, indent=2, ensure_ascii=False), "    ").splitlines()


def _wrapped(text: str, width: int, indent: int) -> list[str]:
    return textwrap.wrap(
        text,
        max(width, 40),
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 2),
        break_on_hyphens=False,
    )
