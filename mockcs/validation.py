"""Request to Params, or the documented refusal with every violation and the row it breaks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from mockcs.advice import misspelt
from mockcs.calls import query_of
from mockcs.documented import Manual, Operation
from mockcs.errors import Refusal
from mockcs.events import RECORDS, Events
from mockcs.ids import LARGEST, number_of
from mockcs.json_text import NotJson, loads, repeats_member
from mockcs.messages import Document, Notes, Params, Request, Violation
from mockcs.space import Space
from mockcs.violations import shown, violations_of

_INTEGER = re.compile(r"-?[0-9]{1,19}")
_SELECTIONS = {"active": (True,), "completed": (False,)}
_MISSING = object()
_BODY = {"table": "operations", "field": "body", "type": "JSON structure", "mandatory": "yes"}


def params_of(
    space: Space, operation: Operation, path_params: Mapping[str, str], request: Request, notes: Notes
) -> Params:
    """The checked and converted request; adds to the notes.

    Raises Refusal with all violations of path, query and body at once.
    """
    api = operation.api
    readings = space.readings(api)
    broken: list[Violation] = []
    path = {name: _path_value(space.manual, api, readings, name, text, broken) for name, text in path_params.items()}
    query = _query(space, operation, request, notes, broken) if request.query or operation.query else {}
    body = _body(space, operation, path, request, notes, broken)
    if broken:
        raise _refusal(broken, space.manual, operation.server)
    selection = _SELECTIONS.get(operation.path.rpartition("/")[2], (True, False))
    return Params(
        path=path,
        query=query,
        body=body,
        readings=readings,
        api=api,
        settings=space.settings,
        business=space.business,
        server=space.facts,
        selection=selection,
    )


def _refusal(broken: list[Violation], manual: Manual, server: str) -> Refusal:
    first = broken[0]
    field = first.row.get("field") or first.pointer
    own = f"bad_{first.row.get('table', '')}"
    key = own if (own, server) in manual.errors else "bad_parameter"  # such as bad_server_mode
    if "values" in first.row:
        key = "unknown_attribute_value"
    values = {"value": "" if first.value is None else first.value, "values": first.row.get("values", "")}
    return Refusal(key, tuple(broken), field=field, reason=first.message, **values)


def _body(
    space: Space,
    operation: Operation,
    path: Document,
    request: Request,
    notes: Notes,
    broken: list[Violation],
) -> Any:
    """The checked body: an event, the events of a composite start, attached data, or the document itself."""
    api, table = operation.api, operation.body_table
    if not table:
        if request.body_size:
            notes.advice.append(f"{operation.name} takes no body; the one that came was not read")
        return None
    document = _document(operation, request, notes, broken)
    if document is _MISSING:
        return None
    if request.body and "json" not in request.headers.get("Content-Type", "json").lower():
        notes.advice.append(f"the Content-Type is {request.headers['Content-Type']}; JSON was sent and read")
    found = violations_of(space.validators, api, table, space.overlays(api), document)
    row = {**_BODY, "page": operation.page}
    broken += [each if each.row or each.pointer else replace(each, row=row) for each in found]
    events = Events(space.manual, space.store, space.business, space.readings(api), api, notes, broken)
    if table in RECORDS:
        return events.attached(operation, path, document) if api == "8.1" else document
    if not isinstance(document, dict):
        return None
    return events.body(table, document)


def _path_value(
    manual: Manual, api: str, readings: Mapping[str, str], name: str, text: str, broken: list[Violation]
) -> Any:
    kind = name.removesuffix("_id")
    if kind not in LARGEST:
        return text
    if kind == "service" and readings["service-id"] == "string":
        return number_of(text) or text  # opaque: what mockcs never gave is simply not found
    number = int(text) if _INTEGER.fullmatch(text) else None
    if number is not None and -LARGEST[kind] - 1 <= number <= LARGEST[kind]:
        return number
    row = next(asdict(row) for row in manual.rows(api, "path") if row.field == name)
    message = f"{name} must be a whole number of {row['limit']}s, not {shown(text)}"
    broken.append(Violation(f"path:{name}", shown(text), message, f"send the {name} that the server gave", row))
    return text


def _document(operation: Operation, request: Request, notes: Notes, broken: list[Violation]) -> Any:
    if not request.body.strip():
        if operation.body_is_optional:
            return {}
        row = {**_BODY, "page": operation.page}
        message = f"the body is missing; {operation.name} needs one"
        broken.append(Violation("", None, message, "send a JSON object", row))
        return _MISSING
    try:
        document = loads(request.body)
    except NotJson as error:
        row = {**_BODY, "page": operation.page}
        message = f"the body is not JSON: {error}"
        violation = Violation("", shown(request.body.decode(errors="replace")), message, "send valid UTF-8 JSON", row)
        raise Refusal("malformed_body", (*broken, violation), reason=str(error)) from error
    if repeats_member(request.body, document):
        notes.advice.append("a member is given twice in one object of the body; the last one counts")
    return document


def _query(space: Space, operation: Operation, request: Request, notes: Notes, broken: list[Violation]) -> Document:
    """The query parameters, converted as their rows say; what is not documented is advised on."""
    api = operation.api
    overlays = space.overlays(api)
    rows = space.manual.rows(api, operation.query)
    types = {row.field: row.type for row in rows if not row.reading or row.reading in overlays}
    values: Document = {}
    for name, given in query_of(request.query).items():
        if name not in types:
            near = misspelt([name], frozenset(types), "")
            notes.advice.append(f"{operation.name} has no query parameter {name}, it is not read{_meant(near)}")
            continue
        if api == "8.1" and name == "extensions" and any(sign in text for text in given for sign in "*."):
            notes.advice.append(
                "* and the prefixes State. and Task. in extensions belong to 8.5; they are read all the same"
            )
        if len(given) > 1 and not types[name].startswith("list"):
            notes.advice.append(f"the query parameter {name} is given {len(given)} times; the first counts")
        values[name] = _converted(types[name], given)
    if operation.query:
        notes.seen.append((operation.query, values))
        found = violations_of(space.validators, api, operation.query, overlays, values)
        broken += [replace(each, pointer="query:" + each.pointer.split("/")[1]) for each in found]
    return values


def _meant(near: list[str]) -> str:
    return f": {near[0].rpartition('; ')[2]}" if near else ""


def _converted(kind: str, given: list[str]) -> Any:
    if kind.startswith("list"):
        texts = [text for each in given for text in each.split(",") if text]
        return [_converted("integer", [text]) for text in texts] if kind == "list of integer" else texts
    text = given[0]
    if kind == "integer":
        return int(text) if _INTEGER.fullmatch(text) else text
    return {"true": True, "false": False}.get(text, text) if kind == "boolean" else text
