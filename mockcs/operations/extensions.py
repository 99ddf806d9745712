"""Update and merge attached data, and the single records of 8.1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from mockcs.advice import respelt
from mockcs.aggregate import part_of, service_of, shown_id, tolerated
from mockcs.errors import Refusal
from mockcs.extensions import Extension, extension_of
from mockcs.messages import Answer, Document, Violation
from mockcs.store import Resource, Store
from mockcs.terms import Params
from mockcs.violations import kind_of, shown

_ABSENT, _UNCHANGED = object(), object()
_Edit = Callable[[Params, Resource, str, bytes | None, list[str]], Any]


def update_service_extension(store: Store, params: Params) -> Answer:
    """Replace one extension of a service (Update Service Extension, 8.5 latest)."""
    return _edited(store, params, service_of(store, params), _replaced)


def update_state_extension(store: Store, params: Params) -> Answer:
    """Replace one extension of a state (Update State Extension, 8.5.1)."""
    return _edited(store, params, part_of(store, params, "state"), _replaced)


def update_task_extension(store: Store, params: Params) -> Answer:
    """Replace one extension of a task (Update Task Extension, 8.5.1)."""
    return _edited(store, params, part_of(store, params, "task"), _replaced)


def merge_service_extension(store: Store, params: Params) -> Answer:
    """Add keys to one extension of a service (Merge Extension Data, 8.5.2)."""
    return _edited(store, params, service_of(store, params), _merged)


def merge_state_extension(store: Store, params: Params) -> Answer:
    """Add keys to one extension of a state (Merge Extension Data, 8.5.2)."""
    return _edited(store, params, part_of(store, params, "state"), _merged)


def merge_task_extension(store: Store, params: Params) -> Answer:
    """Add keys to one extension of a task (Merge Extension Data, 8.5.2)."""
    return _edited(store, params, part_of(store, params, "task"), _merged)


def update_service_extension_record(store: Store, params: Params) -> Answer:
    """Change one record of an extension of a service (Update Record In Service Extension, 8.1.x)."""
    return _edited(store, params, service_of(store, params), _record_updated)


def update_state_extension_record(store: Store, params: Params) -> Answer:
    """Change one record of an extension of a state (Update Record In State Extension, 8.1.x)."""
    return _edited(store, params, part_of(store, params, "state"), _record_updated)


def update_task_extension_record(store: Store, params: Params) -> Answer:
    """Change one record of an extension of a task (Update Record In Task Extension, 8.1.x)."""
    return _edited(store, params, part_of(store, params, "task"), _record_updated)


def delete_service_extension_record(store: Store, params: Params) -> Answer:
    """Remove one record from an extension of a service (Delete Record From Service Extension, 8.1.x)."""
    return _edited(store, params, service_of(store, params), _record_deleted)


def delete_state_extension_record(store: Store, params: Params) -> Answer:
    """Remove one record from an extension of a state (Delete Record From State Extension, 8.1.x)."""
    return _edited(store, params, part_of(store, params, "state"), _record_deleted)


def delete_task_extension_record(store: Store, params: Params) -> Answer:
    """Remove one record from an extension of a task (Delete Record From Task Extension, 8.1.x)."""
    return _edited(store, params, part_of(store, params, "task"), _record_deleted)


def _edited(store: Store, params: Params, resource: Resource, edit: _Edit) -> Answer:
    sent = params.path.get("ext_name") or params.path["extension_name"]
    schema = store.extension_schemas.get((resource.kind, sent.casefold())) if params.terms.api == "8.1" else None
    name = extension_of(schema).name if schema else sent
    if schema:
        resource = _respelt(resource, name)
    advice = _doubtful_name(store, params, resource, name)
    value = edit(params, resource, name, schema, advice)
    if value is _UNCHANGED:
        return Answer(advice=tuple(advice))
    store.update(resource, extensions={**resource.extensions, name: value})
    return Answer(changes=((resource.kind, shown_id(resource, params), "updated"),), advice=tuple(advice))


def _respelt(resource: Resource, name: str) -> Resource:
    """The resource with what was attached under another spelling of a schema's name, through 8.5, under that name."""
    recorded, folded = resource.extensions, name.casefold()
    others = {each for each in recorded if each.casefold() == folded and each != name}
    lost = others if name in recorded else set()
    extensions = {name if each in others else each: value for each, value in recorded.items() if each not in lost}
    return replace(resource, extensions=extensions)


def _doubtful_name(store: Store, params: Params, resource: Resource, name: str) -> list[str]:
    if params.terms.api == "8.1" or name in resource.extensions:
        return []
    return list(respelt(store.respelt([name])))


def _replaced(params: Params, resource: Resource, name: str, _: bytes | None, __: list[str]) -> Any:
    if name not in resource.extensions and params.readings["extension-missing"] == "not-found":
        raise Refusal("extension_not_found", name=name)
    return params.body


def _merged(params: Params, resource: Resource, name: str, _: bytes | None, advice: list[str]) -> Any:
    given, recorded = params.body, resource.extensions.get(name)
    lists = isinstance(given, list) or isinstance(recorded, list)
    if lists:
        sentence = "merging works for maps, not for lists (Merge Extension Data, 8.5.2)"
        tolerated(params, "merge-list", sentence, "send a map, or update the whole extension", given)
    if name not in resource.extensions and isinstance(given, dict | list):
        return given
    if isinstance(given, dict) and isinstance(recorded, dict):
        keeps = params.readings["merge-existing-key"] == "keep"
        return {**given, **recorded} if keeps else {**recorded, **given}
    if isinstance(given, dict | list) and isinstance(recorded, list):
        return [*recorded, *(given if isinstance(given, list) else [given])]
    if isinstance(given, list):
        advice.append(f"{name} was {kind_of(recorded)}, and the list takes its place")
        return given
    message = f"{name} cannot be merged with {kind_of(given)}: merging adds the keys of a map"
    if isinstance(given, dict):
        message = f"{name} cannot be merged: an object came, and {kind_of(recorded)} is recorded"
    row = {**asdict(params.terms.table("extension_value").open_row), "page": "Merge Extension Data, 8.5.2"}
    violation = Violation("", shown(given), message, "send a map, or update the whole extension", row)
    raise Refusal("bad_parameter", (violation,), field=name, reason=message)


def _record_updated(params: Params, resource: Resource, name: str, schema: bytes | None, advice: list[str]) -> Any:
    extension, records, at = _record(params, resource, name, schema)
    others = {each: value for each, value in params.body.items() if each not in extension.unique_names()}
    if others:
        return [*records[:at], {**records[at], **others}, *records[at + 1 :]]
    if params.readings["record-delete-url"] == "both":
        return [*records[:at], *records[at + 1 :]]
    advice.append("the body holds nothing but unique attributes, so nothing changes")
    return _UNCHANGED


def _record_deleted(params: Params, resource: Resource, name: str, schema: bytes | None, advice: list[str]) -> Any:
    extension, records, at = _record(params, resource, name, schema)
    advice += [
        f"{each} is no unique attribute; it is not read" for each in params.body if each not in extension.unique_names()
    ]
    return [*records[:at], *records[at + 1 :]]


def _record(
    params: Params, resource: Resource, name: str, schema: bytes | None
) -> tuple[Extension, list[Document], int]:
    """The extension's schema, its records, and the place of the one that the body's unique attributes select."""
    if schema is None:
        raise Refusal("extension_not_found", name=name)
    extension = extension_of(schema)
    recorded = resource.extensions.get(name)
    records = recorded if isinstance(recorded, list) else []
    whole = [names for names in extension.keys if all(name in params.body for name in names)]
    if not whole or not extension.many:
        _refuse_keyless(params, extension)
    key = {name: params.body[name] for names in whole for name in names}
    for at, record in enumerate(records):
        if isinstance(record, dict) and all(record.get(each, _ABSENT) == value for each, value in key.items()):
            return extension, records, at
    raise Refusal("record_not_found", name=name)


def _refuse_keyless(params: Params, extension: Extension) -> None:
    names = " or ".join(" and ".join(key) for key in extension.keys) or "none, so no record can be selected"
    message = f"the body lacks the unique attributes of {extension.name}: {names}"
    fix = "add the unique attributes of the record"
    if not extension.many:
        message = f"{extension.name} is single-valued; only a multi-valued extension has records to select"
    if not extension.many or not extension.keys:
        fix = f"update the whole extension, with PUT .../extensions/{extension.name}"
    row = asdict(params.terms.table("extension_schema").row("unique"))
    violation = Violation("", None, message, fix, row)
    raise Refusal("bad_parameter", (violation,), field="unique", reason=message)
