"""What the manual says of an operation, for a terminal of any width."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from mockcs.addresses import PREFIXES
from mockcs.documented import Field, Manual, Operation, shipped
from mockcs.errors import MockcsError, meant_by


def explained(manual: Manual, name: str, width: int) -> Iterator[str]:
    """Lines about an operation: its rows, fields, readings, evidence and an example; MockcsError for an unknown one."""
    rows = [row for row in manual.operations if row.name == name]
    if not rows:
        hint = meant_by(name, manual.names_of_operations, "`mockcs operations` lists them")
        raise MockcsError(f"no operation is called {name!r}", hint=hint)
    for api in dict.fromkeys(row.api for row in rows):
        of_api = [row for row in rows if row.api == api]
        yield from _urls(of_api, width)
        for table in _tables(manual, api, (of_api[0].query, of_api[0].body_table)):
            yield from _fields(manual, api, table, width)
        yield from _readings(manual, of_api[0], width)
        yield from _example(api, name, width)
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


def _tables(manual: Manual, api: str, names: Iterable[str]) -> dict[str, None]:
    """The tables of these names, each with those that it holds behind it."""
    found: dict[str, None] = {}
    for name in filter(None, names):
        found |= {name: None} | _tables(manual, api, manual.nested(api, name).values())
    return found


def _readings(manual: Manual, row: Operation, width: int) -> Iterator[str]:
    for reading in manual.readings.values():
        asked = any(fnmatchcase(row.name, each) for each in reading.operations.split())
        if asked and reading.api in (row.api, "both"):
            text = f"reading {reading.id} = {' | '.join(reading.choices)}: {reading.question} ({reading.evidence})"
            yield from _wrapped(text, width, 2)


def _example(api: str, name: str, width: int) -> Iterator[str]:
    for path in sorted((shipped("fixtures") / "examples" / api / name).glob("*.json")):
        example = json.loads(path.read_text(encoding="utf-8"))
        request, answer = example["request"], example["answer"]
        yield from _wrapped(f"example ({example['page']}):", width, 2)
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
