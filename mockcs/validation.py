"""Request to Params, or the documented refusal with every violation and the row it breaks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from functools import lru_cache
from typing import Any

from mockcs.advice import meant
from mockcs.calls import query_of
from mockcs.documented import Manual
from mockcs.errors import Refusal
from mockcs.events import RECORDS, Events
from mockcs.ids import LARGEST, number_of
from mockcs.json_text import NotJson, TooDeep, read
from mockcs.messages import Document, Notes, Request, Violation
from mockcs.space import Space
from mockcs.terms import Params, Table, Terms
from mockcs.violations import MOST, shown, unescaped

_INTEGER = re.compile(r"-?[0-9]{1,19}")
_NAMED = re.compile(r"[0-9]+-[0-9a-fA-F-]{36}")
_MISSING = object()
_BODY = {"table": "operations", "field": "body", "type": "JSON structure", "mandatory": "yes"}


def params_of(space: Space, terms: Terms, path_params: Mapping[str, str], request: Request, notes: Notes) -> Params:
    """The checked and converted request; adds to the notes.

    Raises Refusal with all violations of path, query and body at once.
    """
    broken: list[Violation] = []
    path: Document = {}
    for name, text in path_params.items():
        path[name] = _path_value(terms, name, text, broken)
    query = _query(terms, request, notes, broken) if request.query or terms.query else {}
    body = None
    if terms.body is not None:
        body = _body(space, terms, terms.body, path, request, notes, broken)
    elif request.body_size:
        notes.advice.append(f"{terms.operation.name} takes no body; the one that came was not read")
    if broken:
        raise _refusal(broken[:MOST], space.manual, terms.operation.server)
    return Params(path, query, body, terms, space.facts)


def _refusal(broken: list[Violation], manual: Manual, server: str) -> Refusal:
    first = broken[0]
    field = first.row.get("field") or first.pointer
    if field.startswith("<") or first.row.get("table") == "readings":  # the row names no member: it has a name here
        _, _, last = first.pointer.rpartition("/" if first.pointer.startswith("/") else ":")
        field = unescaped(last) or "body"
    own = f"bad_{first.row.get('table', '')}"
    key = own if (own, server) in manual.errors else "bad_parameter"  # such as bad_server_mode
    if "values" in first.row:
        key = "unknown_attribute_value"
    values = {"value": "" if first.value is None else first.value, "values": first.row.get("values", "")}
    return Refusal(key, tuple(broken), field=field, reason=first.message, **values)


def _body(
    space: Space,
    terms: Terms,
    table: Table,
    path: Document,
    request: Request,
    notes: Notes,
    broken: list[Violation],
) -> Any:
    """The checked body: an event, the events of a composite start, attached data, or the document itself."""
    content_type = request.headers.get("Content-Type", "json")
    if not _is_json(content_type) and request.body:
        notes.advice.append(f"the Content-Type is {content_type}; what comes is read as JSON")
    document = _document(terms, table, request, notes, broken)
    if document is _MISSING:
        return None
    if found := table.violations(document):
        row = {**_BODY, "page": terms.operation.page}
        broken += [each if each.row or each.pointer else replace(each, row=row) for each in found]
    events = Events(space.store, terms, notes, broken)
    if table.name in RECORDS:
        return events.attached(path, document) if terms.api == "8.1" else document
    return events.body(document) if isinstance(document, dict) else None


def _path_value(terms: Terms, name: str, text: str, broken: list[Violation]) -> Any:
    kind = name.removesuffix("_id")
    if kind not in LARGEST:
        return text
    if kind == "service" and terms.readings["service-id"] == "string":
        given = number_of(text)
        return text if given is None else given  # opaque: what mockcs never gave is simply not found
    number = int(text) if _INTEGER.fullmatch(text) else None
    if number is not None and -LARGEST[kind] - 1 <= number <= LARGEST[kind]:
        return number
    row = asdict(terms.table("path").row(name))
    row["page"] = terms.operation.page  # the table's row tells of one operation for all
    message = f"{name} must be a whole number of {row['limit']}s, not {shown(text)}"
    fix = f"send the {name} that the server gave"
    if kind == "service" and _NAMED.fullmatch(text):
        fix += ", or switch the reading service-id to string"
    broken.append(Violation(f"path:{name}", shown(text), message, fix, row))
    return text


@lru_cache(maxsize=256)
def _is_json(content_type: str) -> bool:
    return "json" in content_type.lower()


def _document(terms: Terms, table: Table, request: Request, notes: Notes, broken: list[Violation]) -> Any:
    body = request.body
    if not body:
        operation = terms.operation
        if operation.body_is_optional:
            return {}
        row = {**_BODY, "page": operation.page}
        message = f"the body is missing; {operation.name} needs one"
        fix = "send its value as JSON" if table.name in RECORDS else "send a JSON object"
        broken.append(Violation("", None, message, fix, row))
        return _MISSING
    try:
        document, repeated = read(body)
    except NotJson as error:
        row = {**_BODY, "page": terms.operation.page}
        message = f"the body is not JSON: {error}"
        if (encoding := request.headers.get("Content-Encoding", "identity")) != "identity":
            notes.advice.append(f"the Content-Encoding is {encoding}; what comes is read as it is")
        fix = "nest it less deep" if isinstance(error, TooDeep) else "send valid UTF-8 JSON"
        violation = Violation("", shown(body.decode(errors="replace")), message, fix, row)
        raise Refusal("malformed_body", (*broken, violation), reason=str(error)) from error
    if repeated:
        notes.advice.append("a member is given twice in one object of the body; the last one counts")
    return document


def _query(terms: Terms, request: Request, notes: Notes, broken: list[Violation]) -> Document:
    """The query parameters, converted as their rows say; what is not documented is advised on."""
    operation, table = terms.operation, terms.query
    types = {} if table is None else table.types
    values: Document = {}
    for name, given in query_of(request.query).items() if request.query else ():
        if name not in types:
            near = meant(name, frozenset(types))
            notes.advice.append(f"{operation.name} has no query parameter {name}, it is not read{near}")
            continue
        if len(given) > 1 and not types[name].startswith("list"):
            notes.advice.append(f"the query parameter {name} is given {len(given)} times; the first counts")
        notes.advice += _doubtful(name, given)
        values[name] = _converted(types[name], given)
    if table is not None:
        notes.seen.append((table.name, values))
        broken += [_of_query(each) for each in table.violations(values)]
    return values


def _of_query(violation: Violation) -> Violation:
    """A violation as it is said of a query parameter, which is a text without quotes in any case."""
    message = violation.message
    if message.endswith(", not a string"):
        message = f"{message.removesuffix('a string')}{violation.value or 'empty'}"
    fix = violation.fix.removesuffix(" without quotes")
    return replace(violation, pointer="query:" + violation.pointer.split("/")[1], message=message, fix=fix)


def _doubtful(name: str, given: list[str]) -> Iterator[str]:
    """Advice on what finds nothing without a word: no value at all, and blanks in a list."""
    for text in given:
        if not text:
            yield f"the query parameter {name} is empty"
        elif any(each != each.strip() for each in text.split(",")):
            yield f"the query parameter {name} has blanks at its ends or beside a comma, which count: {text!r}"


def _converted(kind: str, given: list[str]) -> Any:
    if kind.startswith("list"):
        texts = [text for each in given for text in each.split(",") if text]
        return [_converted("integer", [text]) for text in texts] if kind == "list of integer" else texts
    text = given[0]
    if kind == "integer":
        return int(text) if _INTEGER.fullmatch(text) else text
    return {"true": True, "false": False}.get(text, text) if kind == "boolean" else text
