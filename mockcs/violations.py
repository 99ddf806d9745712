"""The violations of a document, in full: jsonschema writes them, but only where jsonschema-rs does not say yes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mockcs.ids import LARGEST
from mockcs.json_text import dumps, pack, unpack
from mockcs.messages import Document, Violation
from mockcs.narrowed import checker
from mockcs.schemas import Validators, choices_of

if TYPE_CHECKING:
    import jsonschema

MOST = 200
"""How many violations of one request are told; a request with more of them is refused all the same."""
_SHOWN_BYTES = 256
_SHORT = (bool, float, type(None))
_MOMENT = "a UTC time such as 2009-05-12T12:05:12.145Z"
_WORDS = {
    "integer": "a whole number",
    "long": "a whole number",
    "long or string": "a whole number or a string",
    "boolean": "true or false",
    "date/time": _MOMENT,
    "datetime": _MOMENT,
    "date": "a day such as 2009-05-12, or a UTC time",
}
_HELD = {"JSON array": "an array", "JSON structure": "an object", "hash": "an object"}
_OF_TYPES = ("type", "pattern", "format", "anyOf", "oneOf")  # what a type of the manual is checked by
_TIMES = ("date/time", "datetime", "date")
_KINDS = {"object": "an object", "array": "an array", "string": "a string", "number": "a number"}
_NAMES = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}


def violations_of(
    validators: Validators, api: str, table: str, overlays: frozenset[str], document: Any
) -> list[Violation]:
    """What the rows of a table forbid in a document, in the order of the document; empty when it is right."""
    if validators.validator(api, table, overlays).is_valid(document):
        return []
    return broken_rows(validators.schema(api, table, overlays), document)


def broken_rows(schema: Document, document: Any) -> list[Violation]:
    """What the rows that a JSON Schema carries forbid in a document."""
    return broken_by(checker_of(schema), document)


def broken_by(checker: jsonschema.Draft202012Validator, document: Any) -> list[Violation]:
    """The same by what `checker_of` made of the schema."""
    found: dict[str, Violation] = {}
    schema: Any = checker.schema
    for error in checker.iter_errors(document):
        for violation in _violations(error, schema):
            found.setdefault(violation.pointer, violation)
            if len(found) >= MOST:
                return list(found.values())
    return list(found.values())


def forbidden(reading: str, pointer: str, value: Any, message: str, fix: str) -> Violation:
    """The violation of a reading's choice, whose row names it; `fix` is what the client would have to do instead."""
    row = {"table": "readings", "field": reading, "mandatory": "no"}
    return Violation(pointer, shown(value), message, f"{fix}, or switch the reading {reading}", row)


def checker_of(schema: Document) -> jsonschema.Draft202012Validator:
    """The validator that can tell of each thing that is wrong; made once for equal schemas."""
    return _checker(pack(schema))


@lru_cache(maxsize=256)
def _checker(schema: bytes) -> jsonschema.Draft202012Validator:
    return checker(unpack(schema))


def _violations(error: Any, schema: Document) -> Iterator[Violation]:
    pointer = pointer_of(error.absolute_path)
    if error.validator == "required":
        for name in error.validator_value:
            if name not in error.instance:
                yield _missing(error, name, pointer)
        return
    row = _row(error, schema)
    if error.validator == "anyOf" and all("required" in choice for choice in error.validator_value):
        names = [name for choice in error.validator_value for name in choice["required"]]
        row = error.validator_value[0].get("x-documented", row)
        message = f"neither {' nor '.join(names)} is given"
        yield Violation(pointer, shown(error.instance), message, f"add {' or '.join(names)}", row)
    elif error.validator == "additionalProperties":
        documented = error.schema.get("properties", {})
        for name in [name for name in error.instance if name not in documented]:
            message = f"{name} is not one of the members that the schema lists"
            yield Violation(
                pointer_of((*error.absolute_path, name)),
                shown(error.instance[name]),
                message,
                f"leave {name} out",
                row,
            )
    else:
        yield Violation(
            pointer,
            shown(error.instance),
            _message(error, row, pointer),
            fix_of(error.instance, row, error),
            row,
        )


def _missing(error: Any, name: str, pointer: str) -> Violation:
    row = error.schema.get("properties", {}).get(name, {}).get("x-documented", {"field": name})
    type_ = row.get("type", "")
    kind = _WORDS.get(type_) or _HELD.get(type_, type_) or "a value"
    return Violation(f"{pointer}/{_escaped(name)}", None, f"{name} is mandatory", f"add {name}: {kind}", row)


def _row(error: Any, schema: Any) -> Mapping[str, Any]:
    # The row nearest to the place that failed; a list's items have none of their own.
    row: Mapping[str, Any] = {}
    for step in error.absolute_schema_path:
        if isinstance(schema, dict) and "x-documented" in schema:
            row = schema["x-documented"]
        schema = schema[step]
    return row


def _message(error: Any, row: Mapping[str, Any], pointer: str) -> str:
    name = row.get("field") or pointer or "the body"
    value, limit = error.instance, error.validator_value
    if error.validator == "maxLength" and row.get("type") not in _TIMES:
        return f"{name} has {len(value)} characters, more than {limit}"
    if error.validator == "minItems":
        return f"{name} must have at least {limit} elements"
    if error.validator in ("minimum", "maximum"):
        return f"{name} must be {_bounds(error, row)}, not {_text(value)}"
    if exact := _wanted_value(error, row):
        return f"{name} must be {exact}, not {_text(value)}"
    wanted = _WORDS.get(row.get("type", "")) if error.validator in _OF_TYPES else None
    if error.validator == "type" and wanted is None:
        wanted = _kinds(limit)
    return f"{name} must be {wanted}, not {kind_of(value)}" if wanted else f"{name}: {error.message}"


def _kinds(types: str | list[str]) -> str:
    return " or ".join(_KINDS.get(kind, f"of type {kind}") for kind in ([types] if isinstance(types, str) else types))


def _bounds(error: Any, row: Mapping[str, Any]) -> str:
    limit = error.validator_value
    if abs(limit) >= LARGEST["state"]:
        return f"within {row.get('limit') or '64-bit'} integers"
    return f"{'at least' if error.validator == 'minimum' else 'at most'} {limit}"


def _wanted_value(error: Any, row: Mapping[str, Any]) -> str:
    """What a value must be, in words, where the kind of JSON value alone does not tell."""
    if row.get("type") in _TIMES:
        return f"{_WORDS[row['type']]}, a date that exists"
    if choices := _choices(error, row):
        return f"one of {choices}"
    if error.validator == "pattern" and row.get("limit", "").endswith("name"):
        return "a letter, then letters, digits or underscores"
    return ""


def _choices(error: Any, row: Mapping[str, Any]) -> str:
    if choices := choices_of(row.get("limit", "")):
        return ", ".join(choices)
    return ", ".join(map(_text, error.validator_value)) if error.validator == "enum" else ""


def fix_of(value: Any, row: Mapping[str, Any], error: Any) -> str:
    """The smallest change that would make the value pass."""
    name, kind = row.get("field", "it"), row.get("type", "")
    if not row and error.validator == "type":
        return "send a JSON object"
    if error.validator == "maxLength" and kind not in _TIMES:
        return f"shorten {name} to {error.validator_value} characters"
    if error.validator in ("minimum", "maximum"):
        return f"send a number that is {_bounds(error, row)}"
    if kind != "boolean" and (choices := _choices(error, row)):
        return f"send one of {choices}"
    if quoted := _requoted(value, kind):
        return quoted
    words = _WORDS.get(kind) or (_kinds(error.validator_value) if error.validator == "type" else "another value")
    return f"send {words}, or leave {name} out" if row.get("mandatory") == "no" else f"send {words}"


def _requoted(value: Any, kind: str) -> str:
    """The fix where only quotes are too many or missing."""
    text = value if isinstance(value, str) else ""
    if kind in ("integer", "long") and re.fullmatch(r"-?[0-9]{1,18}", text):
        return f"send {int(text)} without quotes"
    if kind == "boolean" and text.lower() in ("true", "false"):
        return f"send {text.lower()} without quotes"
    if kind == "string" and isinstance(value, int | float) and not isinstance(value, bool):
        return f'send "{value}" in quotes'
    return ""


def kind_of(value: Any) -> str:
    """What a JSON value is, for people."""
    return _NAMES.get(type(value)) or f"the number {value}"


def pointer_of(path: Iterable[str | int]) -> str:
    """The JSON pointer (RFC 6901) of a path."""
    return "".join([f"/{_escaped(str(step))}" for step in path])


def _escaped(step: str) -> str:
    return step if step.isidentifier() else step.replace("~", "~0").replace("/", "~1")


def unescaped(step: str) -> str:
    """A step of a JSON pointer as the name it stands for."""
    return step.replace("~1", "/").replace("~0", "~")


def _text(value: Any) -> str:
    text = dumps(shown(value)).decode()
    return text if len(text) <= _SHOWN_BYTES else text[:_SHOWN_BYTES] + "…"


def shown(value: Any) -> Any:
    """The value as a violation repeats it: whole when it is short, else the beginning of its JSON."""
    if type(value) in _SHORT:
        return value
    text = dumps(value)
    return value if len(text) <= _SHOWN_BYTES else text[:_SHOWN_BYTES].decode(errors="ignore") + "…"
