"""Extension schemas (8.1): their full form, and the check of attached data against them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from mockcs.json_text import unpack
from mockcs.messages import Document, Violation
from mockcs.resources import is_true
from mockcs.schemas import DATE, DATE_TIME, TYPES
from mockcs.violations import broken_rows, kind_of, pointer_of, shown

_ATTRIBUTES: dict[str, Document] = {
    **{name: TYPES[name] for name in ("string", "integer", "long", "boolean")},
    "double": {"type": "number"},
    "currency": {"type": ["number", "string"]},
    "datetime": DATE_TIME,
    "date": DATE,
}


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension schema, ready to check values: its name as spelt, whether it has many records, its JSON Schema."""

    name: str
    many: bool
    record: Document
    defaults: Document
    keys: tuple[tuple[str, ...], ...]

    def unique_names(self) -> set[str]:
        """The attributes that select a record."""
        return {name for key in self.keys for name in key}

    def filled(self, value: Any) -> Any:
        """The value with the defaults of the attributes that a record lacks."""
        if not self.defaults:
            return value
        if isinstance(value, list):
            return [self.filled(each) for each in value]
        return {**self.defaults, **value} if isinstance(value, dict) else value

    def partly(self, value: Document, *, keys_only: bool = False) -> list[Violation]:
        """What the schema forbids in a record that need not be whole, or in its unique attributes alone."""
        read = {name: each for name, each in value.items() if not keys_only or name in self.unique_names()}
        return broken_rows({**self.record, "required": []}, read)

    def violations(self, name: str, value: Any, whole: Any) -> list[Violation]:
        """What the schema forbids in a value that came under a name; `whole` is the value as it will be kept."""
        pointer, schema = pointer_of([name]), self.record
        if self.many:
            schema = {"type": "array", "items": schema, "x-documented": schema["x-documented"]}
        if not isinstance(value, list if self.many else dict):
            wanted = "an array of objects" if self.many else "an object"
            message = f"{self.name} must be {wanted}, not {kind_of(value)}"
            return [Violation(pointer, shown(value), message, f"send {wanted}", schema["x-documented"])]
        found = [replace(each, pointer=pointer + each.pointer) for each in broken_rows(schema, value)]
        return [*found, *(self._repeated(pointer, value, whole) if self.many and not found else ())]

    def _repeated(self, pointer: str, sent: Any, records: Any) -> Iterator[Violation]:
        for key in self.keys:
            seen: set[tuple[Any, ...]] = set()
            for number, record in enumerate(records):
                if not all(name in record for name in key):
                    continue  # what lacks a part of the key collides with nothing
                value = tuple(record[name] for name in key)
                if value in seen:
                    row = {**self.record["x-documented"], "field": "unique"}
                    message = f"{' and '.join(key)} must differ from record to record of {self.name}"
                    if any(name not in sent[number] for name in key):
                        message += ", also where the default is filled in"
                    yield Violation(f"{pointer}/{number}", shown(sent[number]), message, "send each record once", row)
                seen.add(value)


@lru_cache(maxsize=1024)
def extension_of(text: bytes) -> Extension:
    """The stored extension schema (Extension Schema and Attribute Schema, 8.1.x) as a check."""
    schema = unpack(text)
    name = schema["name"]
    row = {"table": f"extension schema {name}", "mandatory": "no", "page": "Extension Schema, 8.1.x"}
    attributes = _attributes(schema)
    record = {
        "type": "object",
        "properties": {each["name"]: _attribute(each, row) for each in attributes},
        "required": [each["name"] for each in attributes if each["mandatory"] and not _has_default(each)],
        "additionalProperties": False,
        "x-documented": {**row, "field": name, "type": schema["type"]},
    }
    return Extension(
        name=name,
        many=schema["type"] == "multi-valued",
        record=record,
        defaults={each["name"]: each["default"] for each in attributes if _has_default(each)},
        keys=_keys(schema, attributes),
    )


def _attributes(schema: Document) -> list[Document]:
    """The attributes, one of each name: the last one that is given."""
    return list({each["name"]: each for each in schema["attributes"]}.values())


def _keys(schema: Document, attributes: list[Document]) -> tuple[tuple[str, ...], ...]:
    # An attribute may also say it of itself.
    own = [(each["name"],) for each in attributes if each["unique"]]
    return tuple(dict.fromkeys((*_listed(schema), *own)))


def _listed(schema: Document) -> list[tuple[str, ...]]:
    # An item of `unique` is one attribute or, compound, several.
    return [(each,) if isinstance(each, str) else tuple(each) for each in schema.get("unique", ())]


def _attribute(attribute: Document, row: Document) -> Document:
    checked = dict(_ATTRIBUTES[attribute["type"]])
    if attribute["type"] == "string" and attribute["length"] > 0:
        checked["maxLength"] = attribute["length"]
    mandatory = "yes" if attribute["mandatory"] else "no"
    return {
        **checked,
        "x-documented": {
            **row,
            "field": attribute["name"],
            "type": attribute["type"],
            "mandatory": mandatory,
        },
    }


def _length(attribute: Document) -> int:
    return int(attribute.get("length", 0))


def _unfit(attribute: Document) -> str:
    """What keeps the default of an attribute from being filled in; empty for one that fits and for none at all."""
    if attribute.get("default") is None:
        return ""
    broken = broken_rows(_attribute(_full_attribute(attribute), {}), attribute["default"])
    return broken[0].message if broken else ""


def _has_default(attribute: Document) -> bool:
    return attribute.get("default") is not None and not _unfit(attribute)


def doubts(document: Document, documented: frozenset[str]) -> Iterator[str]:
    """Advice on an extension schema; `documented` are the members of events, which go before attached data."""
    name, names = document["name"], [each["name"] for each in document["attributes"]]
    if name in documented:
        yield f"{name} is a documented member of events, so no event can carry this extension"
    for each in (each for each, count in Counter(names).items() if count > 1):
        yield f"the attribute {each} is given twice; the last one counts"
    for each in document["attributes"]:
        if unfit := _unfit(each):
            yield f"the default of {each['name']} does not fit, so it is never filled in: {unfit}"
    negative = [each["name"] for each in document["attributes"] if _length(each) < 0]
    yield from (f"the length of {each} is negative, so it limits nothing" for each in negative)
    unique = list(dict.fromkeys(each for key in _listed(document) for each in key))
    yield from (f"unique names {each}, which is no attribute of {name}" for each in unique if each not in names)
    if unique and document["type"] != "multi-valued":
        yield f"{name} has one record only, so unique says nothing"


def full_form(document: Document) -> Document:
    """The schema as queries show it: each attribute with all its members (Query Service Extension Schema, 8.1.x)."""
    shown: Document = {"name": document["name"], "type": document["type"]}
    shown["attributes"] = [_full_attribute(each) for each in document["attributes"]]
    return shown | ({"unique": document["unique"]} if "unique" in document else {})


def _full_attribute(document: Document) -> Document:
    # 0 is what the samples show of all but texts.
    length = _length(document) if document["type"] == "string" else 0
    shown = {"name": document["name"], "type": document["type"], "length": length}
    shown["mandatory"] = is_true(document.get("mandatory"))
    if "default" in document:
        shown["default"] = document["default"]
    return shown | {name: is_true(document.get(name)) for name in ("unique", "encrypt")}
