"""Purge and export services (8.5); the server's mode and status (8.1); business attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from mockcs.aggregate import removed, shown_id
from mockcs.business import Attribute
from mockcs.clock import text_of
from mockcs.errors import Refusal
from mockcs.ids import KINDS
from mockcs.messages import Answer, Document, Violation
from mockcs.resources import EVERYTHING, View, wanted_of
from mockcs.store import Resource, Store
from mockcs.terms import Params

_MINUTE = 60_000
_MEMORY = {"max_memory": 518464, "allocated_memory": 63936, "free_memory": 55989, "used_memory": 7947}
# The figures of the page's sample: a stand-in has no memory of a UCS to tell of.
_STATES = {"active": True, "inactive": False}


def purge_services(store: Store, params: Params) -> Answer:
    """Remove the services that an operation value selects, with all that is in them (Purge Services, 8.5.1)."""
    words = params.body["operation"].split(".")[2:]
    limit = params.body["limit"]
    found = [service for service in store.all("service") if _is_purged(service, words, limit, params)]
    return Answer(changes=tuple(change for service in found for change in removed(store, params, service)))


def export_services_stream(store: Store, params: Params) -> Answer:
    """The ids, or the whole data, of the services in a range of time (Export Services to JSON Stream, 8.5.1)."""
    query = params.query
    if "filter_state" in query and not query.get("export_content"):
        _refuse_filter(params)
    found = list(_exported(store, params))
    if query.get("export_content"):
        view = View(store, replace(wanted_of(params), lists=EVERYTHING.lists, extensions=("*",)), "service")
        return Answer([view.document(service) for service in found])
    return Answer([str(shown_id(service, params)) for service in found])


def export_services_file(store: Store, _: Params) -> Answer:
    """The names of the files that an export would write; mockcs writes none (Export Services to File, 8.5.0)."""
    stamp = text_of(store.now).translate({ord(sign): None for sign in "-:Z"}).replace("T", "_").replace(".", "_")
    return Answer({"created": [f"export{stamp}_{kind}s.csv" for kind in KINDS]})


def set_server_mode(store: Store, params: Params) -> Answer:
    """Switch between production and maintenance (Set Server Mode, 8.1.x)."""
    mode = params.body["mode"].lower()
    if (store.mode, mode) == ("maintenance", "production") and params.readings["mode-switch"] == "minute":
        store.switched = store.now + _MINUTE
    store.mode = mode
    return Answer({"server changed": mode}, {"mode": mode})


def query_server_status(store: Store, params: Params) -> Answer:
    """The server's mode, times and counters (Query Server Status, 8.1.x)."""
    facts = params.server()
    status: Document = {"version": "", "system_time": text_of(store.now), "mode": store.mode, **_MEMORY}
    return Answer(status | facts)


def query_business_attributes(_: Store, params: Params) -> Answer:
    """The business attributes of the configuration, all, one by name, or that of a field (CV.WS.CONFIG.BA)."""
    known = params.terms.business.attributes
    if not known:
        return Answer([])
    name, field = params.path.get("business-attribute-name"), params.query.get("cv-attribute")
    if name is not None:
        return Answer(_described(known.get(name), params, name))
    if field is None:
        return Answer([_described(each, params, each.name) for each in known.values()])
    found = params.terms.business.named(field)
    if params.readings["cv-attribute-answer"] == "object":
        return Answer(_described(found, params, field))
    return Answer([] if found is None else [_described(found, params, field)])


def _described(attribute: Attribute | None, params: Params, name: str) -> Document:
    if attribute is None:
        raise Refusal("attribute_not_found", name=name)
    document: Document = attribute.document(map_name=params.readings["map-names"] == "names")
    if params.readings["dbid-form"] == "string":
        for each in (document, *document["values"]):
            each["dbid"] = str(each["dbid"])
    return document


def _is_purged(service: Resource, words: list[str], limit: str, params: Params) -> bool:
    # purge.service.all, .started, .completed, the last two also with .anonymous
    if "anonymous" in words and "customer_id" in service.members:
        return False
    if words[0] != "all" and service.active is not (words[0] == "started"):
        return False
    ended = words[0] == "completed" and params.readings["purge-compares"] == "completed"
    timestamp: str = service.members["completed" if ended else "started"]["timestamp"]
    return timestamp < limit


def _exported(store: Store, params: Params) -> Iterator[Resource]:
    query, now = params.query, text_of(store.now)
    events = {"started": ("started",), "completed": ("completed",)}.get(query.get("filter_events", "any"))
    wanted = _STATES.get(query.get("filter_state", "any"))
    for service in sorted(store.all("service"), key=lambda each: each.order):
        if wanted is not None and service.active is not wanted:
            continue
        shown = [service.members[name] for name in events or ("started", "completed") if name in service.members]
        if any(_lies_in(each["timestamp"], query, now) for each in shown):
            yield service


def _lies_in(timestamp: str, query: Mapping[str, Any], now: str) -> bool:
    # Without an end the range goes up to now, which belongs to it.
    before_end = timestamp < query["time_to"] if "time_to" in query else timestamp <= now
    return before_end and timestamp >= query["time_from"]


def _refuse_filter(params: Params) -> None:
    name = "filter_state"
    row = asdict(params.terms.table("export_services").row(name))
    message = f"{name} is only allowed with export_content=true"
    fix = "add export_content=true, or leave it out"
    violation = Violation(f"query:{name}", params.query[name], message, fix, row)
    raise Refusal("bad_parameter", (violation,), field="filter_state")
