"""What is mocked and how it is checked: operations, schemas, readings, ledger, coverage; health, metrics, spaces."""

from __future__ import annotations

import time
from dataclasses import asdict

from flask import Blueprint, Response, current_app
from werkzeug.routing import Rule

from mockcs import __version__
from mockcs.admin import answer, body, locked, only, space, spaces
from mockcs.errors import MockcsError
from mockcs.messages import Document

blueprint = Blueprint("manual", __name__)


@blueprint.get("/", strict_slashes=False)
def routes() -> Response:
    """The routes of the admin API, and what each is for."""
    rules = sorted(current_app.url_map.iter_rules(), key=lambda rule: rule.rule)
    return answer({"routes": [_route(rule.rule, method, rule.endpoint) for rule in rules for method in _own(rule)]})


def _own(rule: Rule) -> list[str]:
    return sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})


def _route(path: str, method: str, endpoint: str) -> Document:
    doc = current_app.view_functions[endpoint].__doc__ or ""
    return {"method": method, "path": path.replace("<int:", "<"), "answers": " ".join(doc.split())}


@blueprint.get("/health")
def health() -> Response:
    """{"status": "ready", "version", "uptime_seconds", "spaces"}."""
    uptime = round(time.monotonic() - spaces().started, 3)
    return answer({"status": "ready", "version": __version__, "uptime_seconds": uptime, "spaces": len(spaces())})


@blueprint.get("/operations")
def operations() -> Response:
    """The rows of the operations table."""
    return answer({"operations": [asdict(row) for row in space().manual.operations]})


@blueprint.get("/schemas")
def schemas() -> Response:
    """The generations and tables that have a schema."""
    return answer({"schemas": [{"api": api, "table": table} for api, table in space().validators.tables()]})


@blueprint.get("/schemas/<api>/<table>")
def schema(api: str, table: str) -> Response:
    """The JSON Schema that checks a table, under the readings in force."""
    world = space()
    overlays = world.regime.overlays[api] if (api, table) in world.validators.tables() else frozenset[str]()
    return answer(world.validators.schema(api, table, overlays))


@blueprint.get("/readings")
def readings() -> Response:
    """The readings and the choices in force."""
    choices = space().choices()
    found = space().manual.readings.values()
    return answer({"readings": [reading.document(choices[reading.id]) for reading in found]})


@blueprint.put("/readings/<name>")
def choose(name: str) -> Response:
    """Set a reading in this space: {"value": choice}."""
    reading = space().manual.reading(name)
    document = body()
    only(document, "value")
    if "value" not in document:
        raise MockcsError("the choice is missing", hint=f'send {{"value": "{reading.choices[0]}"}}')
    with locked() as world:
        world.choose(name, document["value"])
        return answer(reading.document(world.choices()[name]))


@blueprint.get("/ledger")
def ledger() -> Response:
    """What the documents contradict or leave open, and what answers it: {"ledger": [...]}."""
    return answer({"ledger": [asdict(row) for row in space().manual.ledger]})


@blueprint.get("/coverage")
def coverage() -> Response:
    """The documented operations, fields, values and errors that this space's calls have met."""
    with locked() as world:
        return answer(world.coverage.document())


@blueprint.get("/metrics")
def metrics() -> Response:
    """Counters and gauges of all spaces for Prometheus."""
    from mockcs.metrics import exposition  # noqa: PLC0415 - only who scrapes pays for it

    text, mimetype = exposition(spaces())
    return Response(text, content_type=mimetype)


@blueprint.get("/spaces")
def listed() -> Response:
    """The names of the spaces."""
    return answer({"spaces": spaces().names()})


@blueprint.delete("/spaces/<name>")
def delete(name: str) -> Response:
    """Do away with a space."""
    spaces().delete(name)
    return answer({"removed": name})
