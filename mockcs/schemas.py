"""Field tables to JSON Schema 2020-12 (the generator), and the compiled validators that the app loads."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs

from mockcs.addresses import GENERATIONS
from mockcs.documented import Field, Manual, shipped
from mockcs.errors import MockcsError
from mockcs.json_text import pretty
from mockcs.messages import Document

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_LONG: Document = {"minimum": -(2**63), "maximum": 2**63 - 1}
_YEAR = "(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
_LEAP = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_LONG_MONTH = "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
_SHORT_MONTH = "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
_END = r"$(?!\n)"  # Python's `$` would let a line feed pass
_DAY = f"(?:{_LONG_MONTH}|{_SHORT_MONTH}|02-(?:0[1-9]|1[0-9]|2[0-8]))"
_TIME = r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z"
_DATE = f"(?:{_YEAR}-{_DAY}|{_LEAP}-02-29)"
DATE = {"type": "string", "pattern": f"^{_DATE}(?:{_TIME})?{_END}"}
# The length beside the pattern keeps out the line feed that Python's `$` would let pass.
DATE_TIME = {"type": "string", "maxLength": 24, "pattern": f"^{_DATE}{_TIME}$"}
_TIMES = re.compile(str(DATE_TIME["pattern"]))
TYPES: dict[str, Document] = {
    "string": {"type": "string"},
    "token": {"type": "string"},
    "integer": {"type": "integer", **_LONG},
    "long": {"type": "integer", **_LONG},
    "long or string": {"type": ["integer", "string"], **_LONG},
    "date/time": DATE_TIME,
    "boolean": {"type": "boolean"},
    "any JSON": {},
    "Extension or Extension[]": {},
    "string[]": {"type": "array", "items": {"type": "string"}},
    "list of strings": {"type": "array", "items": {"type": "string"}},
    "list of long or string": {"type": "array", "items": {"type": ["integer", "string"]}},
    "list of integer": {"type": "array", "items": {"type": "integer", **_LONG}},
}
_NAME: Document = {"pattern": f"^[A-Za-z][A-Za-z0-9_]*{_END}"}
# Examples put some booleans and integers into quotes.
_QUOTED: dict[str, Document] = {
    "boolean": {"type": ["boolean", "string"], "enum": [True, False, "true", "false"]},
    "integer": {"type": ["integer", "string"], "pattern": f"^[0-9]+{_END}", "maxLength": 18},
}
_32_BIT: Document = {"minimum": -(2**31), "maximum": 2**31 - 1}


def build(manual: Manual, folder: Path) -> dict[Path, str]:
    """The generated files, path to text: `<api>/<table>.schema.json` for each table of each generation."""
    tables = {api: {table for each, table in manual.fields if each == api} for api in GENERATIONS}
    return {
        folder / api / f"{table}.schema.json": pretty(schema_of(rows, tables[api]))
        for (api, table), rows in sorted(manual.fields.items())
    }


def stale(manual: Manual) -> list[Path]:
    """The generated files that differ from their tables, are missing, or have lost theirs."""
    wanted = build(manual, manual.folder)
    found = {path for api in GENERATIONS for path in (manual.folder / api).glob("*.json")}
    return sorted(
        path
        for path in found | set(wanted)
        if path not in wanted or path not in found or path.read_bytes() != wanted[path].encode()
    )


def schema_of(rows: tuple[Field, ...], tables: Collection[str]) -> Document:
    """The JSON Schema of a table's rows; each property carries its row, each reading what it replaces.

    A type that is none itself names one of the `tables`, such as `Attribute Schema[]`.
    """
    plain = [row for row in rows if not row.reading]
    if [row.field for row in plain] == ["<extension>"]:
        return {"$schema": _DIALECT, "title": "Extension value", "properties": {}, **_property(plain[0], tables)}
    schema: Document = {
        "$schema": _DIALECT,
        "title": rows[0].table.replace("_", " ").title(),
        "type": "object",
        "properties": {row.field: _property(row, tables) for row in plain if not row.is_open},
        "required": [row.field for row in plain if row.mandatory == "yes"],
    }
    if alternatives := [row for row in plain if row.mandatory.startswith("yes if no")]:
        schema["anyOf"] = [{"required": [row.field], "x-documented": _quoted(row)} for row in alternatives]
    for row in plain:
        if row.is_open:
            schema["additionalProperties"] = _property(row, tables)
    if overlays := {row.reading: _overlay(rows, row.reading, tables) for row in rows if row.reading}:
        schema["x-readings"] = overlays
    return schema


def _property(row: Field, tables: Collection[str]) -> Document:
    """The JSON Schema of one row, with the row itself under `x-documented`."""
    schema = _typed(row, tables)
    for limit in filter(None, row.limit.split("; ")):
        schema |= _limit(limit, row)
    return {**schema, "x-documented": _quoted(row)}


def _overlay(rows: Iterable[Field], reading: str, tables: Collection[str]) -> Document:
    chosen = [row for row in rows if row.reading == reading]
    return {
        "properties": {row.field: _property(row, tables) for row in chosen},
        "required": [row.field for row in chosen if row.mandatory == "yes"],
    }


def _quoted(row: Field) -> Document:
    return {name: getattr(row, name) for name in ("table", "field", "type", "mandatory", "limit", "page")}


def _typed(row: Field, tables: Collection[str]) -> Document:
    if row.holds in tables:
        link = {"$ref": f"{row.holds}.schema.json"}
        return {"type": "array", "items": link} if row.type.endswith(("[]", "array")) else link
    if row.type not in TYPES:
        sentence = f"{row.table}: {row.field}: the type {row.type!r} is neither a table nor one of {', '.join(TYPES)}"
        raise MockcsError(sentence)
    return dict(TYPES[row.type])


def choices_of(limit: str) -> list[str]:
    """The values that a limit lists: `one of a|b` and `any case of a|b` do."""
    kind, of, values = limit.partition(" of ")
    return values.split("|") if of and kind in ("one", "any case") else []


def suggested_in(limit: str) -> list[str]:
    """The values that a limit suggests, as in `suggested 1|2`: others are as good."""
    word, _, values = limit.partition(" ")
    return values.split("|") if word == "suggested" else []


def is_time(value: object) -> bool:
    """Whether it is a date/time as the manual writes it."""
    return isinstance(value, str) and _TIMES.fullmatch(value) is not None


def _limit(text: str, row: Field) -> Document:
    word, _, rest = text.partition(" ")
    if word == "max":
        return {"maxLength": int(rest)}
    if choices := choices_of(text):
        return {"enum": choices} if word == "one" else {"pattern": f"^(?:{'|'.join(map(_any_case, choices))}){_END}"}
    if examples := suggested_in(text):
        return {"examples": [int(each) for each in examples]}
    if word == "of":
        return {}  # the table that it names has been linked
    known: dict[str, Document] = {
        "name": _NAME,
        "32-bit": _32_BIT,
        "64-bit": _LONG,
        "or compound": {"items": {"type": ["string", "array"], "items": {"type": "string"}, "minItems": 2}},
        "or quoted": _QUOTED.get(row.type, {}),
    }
    if text not in known:
        raise MockcsError(f"{row.table}: {row.field}: the limit {text!r} is not known")
    return dict(known[text])


def compiled(schema: Document, place: str) -> jsonschema_rs.Draft202012Validator:
    """The schema's fast validator; MockcsError naming the place when it is no JSON Schema."""
    try:
        return jsonschema_rs.Draft202012Validator(schema, offline=True)  # nothing is ever fetched
    except ValueError as error:
        raise MockcsError(f"{place} is no JSON Schema: {str(error).splitlines()[0]}") from error


def _any_case(word: str) -> str:
    return "".join(f"[{letter.upper()}{letter.lower()}]" for letter in word)


class Validators:
    """The compiled schemas of one set: a validator is built once for each table and choice of readings."""

    def __init__(self, manual: Manual) -> None:
        self._folder = manual.folder
        self._texts: dict[tuple[str, str], Document] = {}
        self._compiled: dict[tuple[str, str, frozenset[str]], jsonschema_rs.Draft202012Validator] = {}
        for api, table in manual.fields:
            self._texts[api, table] = self._read(api, table)
        self.overlays = frozenset(name for text in self._texts.values() for name in text.get("x-readings", ()))

    def schema(self, api: str, table: str, readings: frozenset[str] = frozenset()) -> Document:
        """The table's schema with the links resolved and the readings' rows in place."""
        if (api, table) not in self._texts:
            raise MockcsError(f"there is no schema {table} in {api}", hint="see /__admin/schemas", status=404)
        text = self._texts[api, table]
        merged = {name: value for name, value in text.items() if name != "x-readings"}
        for reading, overlay in text.get("x-readings", {}).items():
            if reading in readings:
                merged["properties"] = {**merged["properties"], **overlay["properties"]}
                merged["required"] = sorted({*merged["required"], *overlay["required"]})
        resolved: Document = self._resolved(merged, api, readings)
        return resolved

    def validator(self, api: str, table: str, readings: frozenset[str]) -> jsonschema_rs.Draft202012Validator:
        """The compiled validator of a table under these readings (each as `id=choice`)."""
        key = (api, table, readings)
        if key not in self._compiled:
            self._compiled[key] = compiled(self.schema(api, table, readings), f"{api}/{table}.schema.json")
        return self._compiled[key]

    def tables(self) -> Iterator[tuple[str, str]]:
        """Generation and name of each schema."""
        return iter(self._texts)

    def _read(self, api: str, table: str) -> Document:
        # Somebody's own set may hold only the schemas that differ.
        name = f"{table}.schema.json"
        own = self._folder / api / name
        path = own if own.is_file() else shipped("schemas") / api / name
        try:
            text = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise MockcsError(f"{path} cannot be read: {error}", hint="`mockcs schemas build` writes it") from error
        if not (isinstance(text, dict) and isinstance(text.get("properties"), dict)):
            raise MockcsError(f"{path} is no schema of an object with properties")
        return text

    def _resolved(self, value: Any, api: str, readings: frozenset[str]) -> Any:
        if isinstance(value, list):
            return [self._resolved(each, api, readings) for each in value]
        if not isinstance(value, dict):
            return value
        whole = {name: self._resolved(each, api, readings) for name, each in value.items() if name != "$ref"}
        if "$ref" in value:
            linked = self.schema(api, value["$ref"].removesuffix(".schema.json"), readings)
            whole = {name: each for name, each in linked.items() if name != "$schema"} | whole
        return whole
