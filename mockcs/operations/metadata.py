"""Create and query the extension schemas of services, states and tasks (8.1)."""

from __future__ import annotations

from dataclasses import asdict

from mockcs.aggregate import shown_id
from mockcs.errors import Refusal
from mockcs.extensions import doubts, full_form
from mockcs.json_text import pack, unpack
from mockcs.messages import Answer, Document, Violation
from mockcs.store import Store
from mockcs.terms import Params


def create_service_extension_schema(store: Store, params: Params) -> Answer:
    """Define a service extension (Create Service Extension Schema, 8.1.x)."""
    return _create(store, params, "service")


def create_state_extension_schema(store: Store, params: Params) -> Answer:
    """Define a state extension (Create State Extension Schema, 8.1.x)."""
    return _create(store, params, "state")


def create_task_extension_schema(store: Store, params: Params) -> Answer:
    """Define a task extension (Create Task Extension Schema, 8.1.x)."""
    return _create(store, params, "task")


def query_service_extension_schemas(store: Store, params: Params) -> Answer:
    """All service extension schemas, or the one of that name (Query Service Extension Schema, 8.1.x)."""
    return _query(store, params, "service")


def query_state_extension_schemas(store: Store, params: Params) -> Answer:
    """All state extension schemas, or the one of that name (Query State Extension Schema, 8.1.x)."""
    return _query(store, params, "state")


def query_task_extension_schemas(store: Store, params: Params) -> Answer:
    """All task extension schemas, or the one of that name (Query Task Extension Schema, 8.1.x)."""
    return _query(store, params, "task")


def delete_service_extension_schema(store: Store, params: Params) -> Answer:
    """Remove a service extension, its definition and its records (Delete Metadata Services Extensions, 8.1.x)."""
    return _delete(store, params, "service")


def delete_state_extension_schema(store: Store, params: Params) -> Answer:
    """Remove a state extension, its definition and its records (the page for services, 8.1.x)."""
    return _delete(store, params, "state")


def delete_task_extension_schema(store: Store, params: Params) -> Answer:
    """Remove a task extension, its definition and its records (Delete Metadata Tasks Extensions, 8.1.x)."""
    return _delete(store, params, "task")


def _delete(store: Store, params: Params, kind: str) -> Answer:
    name = params.path["extension-name"]
    key = (kind, name.casefold())
    if key not in store.extension_schemas:
        raise Refusal("nothing_deleted", name=name)
    own = unpack(store.extension_schemas[key])["name"]
    store.extension_schemas = {each: text for each, text in store.extension_schemas.items() if each != key}
    changes = [("extension_schema", own, "deleted")]
    for resource in store.all(kind):
        kept = {name: value for name, value in resource.extensions.items() if name.casefold() != own.casefold()}
        if len(kept) < len(resource.extensions):
            store.update(resource, extensions=kept)
            changes.append((kind, shown_id(resource, params), "updated"))
    return Answer(changes=tuple(changes), advice=_doubts(store, kind))


def _doubts(store: Store, kind: str) -> tuple[str, ...]:
    # The page for tasks says that production mode is possible; those for services and states advise against it.
    if store.mode == "maintenance" or kind == "task":
        return ()
    return (f"schemas of {kind} extensions had better be changed in maintenance mode, not in production",)


def _create(store: Store, params: Params, kind: str) -> Answer:
    document: Document = params.body
    name = document["name"]
    key = (kind, name.casefold())
    if key in store.extension_schemas:
        row = asdict(params.terms.table("extension_schema").row("name"))
        sentence = f"a {kind} extension schema {name} exists already, and names are unique regardless of case"
        violation = Violation("/name", name, sentence, "choose another name", row)
        raise Refusal("schema_exists", (violation,), name=name)
    # A new table, so that whoever reads the schemas without the lock sees one state or the other.
    store.extension_schemas = {**store.extension_schemas, key: pack(full_form(document))}
    changes = (("extension_schema", name, "created"),)
    advice = (*_doubts(store, kind), *doubts(document, params.terms.table(f"{kind}_start_event").names))
    return Answer({"name": name}, {"extension-name": name}, changes=changes, advice=advice)


def _query(store: Store, params: Params, kind: str) -> Answer:
    schemas = store.extension_schemas
    name = params.path.get("extension-name")
    if name is None:
        return Answer([unpack(text) for (of, _), text in schemas.items() if of == kind])
    text = schemas.get((kind, name.casefold()))
    if text is None:
        raise Refusal("schema_not_found", name=name)
    return Answer(unpack(text))
