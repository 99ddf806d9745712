"""The frozen surface: docs/contract.md says all of it, and a change that is not written there fails here.

`python -m tests.test_contract` writes the lists anew; CHANGELOG.md has to tell what changed.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

import mockcs
from mockcs import addresses, cli, coverage, faults, matching, portable, pytest_plugin, settable, values
from mockcs.app import create_app
from mockcs.calls import SECRET_HEADERS
from mockcs.client import Client
from mockcs.metrics import exposition
from mockcs.server import Server
from mockcs.settings import SERVERS, Settings
from tests.conftest import ROOT

PAGE = ROOT / "docs" / "contract.md"
EVENT = {"service_type": 100, "contact_key": "42"}
OPEN = {"headers", "query", "path_params", "body", "value", "readings", "started", "match", "services"}
"""Members whose own members are not mockcs's to name."""
BLOCK = re.compile(r"^## (?P<title>.+?)\n(?P<words>.*?)^```text\n(?P<lines>.*?)^```$", re.MULTILINE | re.DOTALL)


def shape(document: Any, place: str = "") -> Iterator[str]:
    """Every member of a document as `request.method` or `violations[].pointer`."""
    if isinstance(document, list):
        for each in document:
            yield from shape(each, f"{place}[]")
    elif isinstance(document, dict):
        for name, value in document.items():
            path = f"{place}.{name}" if place else name
            yield path
            if name not in OPEN:
                yield from shape(value, path)


def asked(method: str, path: str, body: Any = None) -> list[str]:
    """The members of an answer of the admin API to the scene below."""
    reply = scene().open(f"/__admin{path}", method=method, json=body)
    return list(dict.fromkeys(shape(reply.json)))


def scene() -> FlaskClient:
    """A mock in which everything has happened once."""
    client = create_app().test_client()
    client.put("/__admin/clock", json={"now": "2026-01-01T12:00:00.000Z", "frozen": True})
    client.post("/services/start", json={**EVENT, "est_duraton": 1})
    client.post("/services/start", json={"service_type": True})
    fault = {"operation": "start_service", "match": {"api": "8.1"}, "status": 503, "headers": {"A": "1"}, "body": 1}
    more = {"delay_ms": 0, "connection": "truncate", "after_commit": True, "skip": 9, "times": 1}
    client.post("/__admin/faults", json={**fault, **more, "probability": 1, "seed": 1})
    schema = {"name": "F", "type": "single-valued", "attributes": [{"name": "A", "type": "string", "default": "a"}]}
    client.post("/metadata/services/extensions", json={**schema, "unique": ["A"]})
    client.post("/genesys/1/cs/services/start", json={**EVENT, "auto_complete_after": 60})
    return client


def signatures(home: Any) -> list[str]:
    """The public members of a class, with what they take."""
    return sorted(name + _taken(member) for name, member in vars(home).items() if not name.startswith("_"))


def _taken(member: Any) -> str:
    if not callable(member):
        return ""
    found = inspect.signature(member)
    parameters = [each.replace(annotation=inspect.Parameter.empty) for each in found.parameters.values()]
    whole = found.replace(parameters=parameters, return_annotation=inspect.Signature.empty)
    return str(whole).replace("(self, ", "(").replace("(self)", "()")


def routes() -> list[str]:
    found = []
    for rule in create_app().url_map.iter_rules():
        path = re.sub(r"<(?:[^<>:]*:)?([^<>]+)>", r"<\1>", rule.rule)
        found += [f"{path} {method}" for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}]
    return sorted(found)


def settings() -> list[str]:
    kinds = [(each, each.metadata["kind"]) for each in fields(Settings)]
    flags = [
        f"--{each.name.replace('_', '-')} MOCKCS_{each.name.upper()} {each.name.replace('_', '-')} = {each.default!r}"
        if kind not in ("pairs", "names")
        else f"--{each.name.replace('_', '-')} MOCKCS_{each.name.upper()} {each.name.replace('_', '-')} (repeatable)"
        for each, kind in kinds
        if kind != "table"
    ]
    tables = [f"[{each.name.replace('_', '-')}]" for each, kind in kinds if kind == "table"]
    return ["--config MOCKCS_CONFIG", *flags, *tables]


def commands() -> list[str]:
    found = [f"mockcs {name}" for name in cli.main.commands]
    found += [f"mockcs schemas {name}" for name in getattr(cli.main.commands["schemas"], "commands", {})]
    told = CliRunner().invoke(cli.main, ["env"]).stdout
    return sorted(found) + re.findall(r"export (\w+)=", told)


def headers() -> list[str]:
    client = scene()
    seen = {name for name, _ in client.post("/services/start", json={}).headers if name.startswith("Mockcs-")}
    return [*sorted(seen), "Mockcs-Space", *sorted(f"masked: {name}" for name in SECRET_HEADERS)]


def python() -> list[str]:
    homes = {"Client": Client, "Server": Server, "Call": values.Call, "Calls": values.Calls}
    homes |= {"Request": values.Request, "Response": values.Response, "Message": values.Message}
    homes |= {"Service": values.Service, "HeaderValue": values.HeaderValue}
    homes |= {"ClockHand": settable.ClockHand, "Ids": settable.Ids}
    own = {"Client": ("base_url", "space"), "Call": tuple(vars(_call())), "Message": ("headers",)}
    found = [f"mockcs.{name}" for name in mockcs.__all__]
    found += [f"create_app{_taken(create_app)}", f"Client{_taken(Client)}", f"Server{_taken(Server)}"]
    for name, home in homes.items():
        found += [f"{name}.{each}" for each in sorted({*signatures(home), *own.get(name, ())})]
    return found


def _call() -> values.Call:
    call = values.Call(scene().get("/__admin/calls/2").get_json())
    call.__dict__ = {name: value for name, value in vars(call).items() if not name.startswith("_")}
    return call


def pytest_surface() -> list[str]:
    text = inspect.getsource(pytest_plugin)
    options = sorted(set(re.findall(r'"(--mockcs-[a-z-]+)"', text)))
    fixtures = re.findall(r"@pytest\.fixture(?:\(scope=\"(\w+)\"\))?\ndef (\w+)", text)
    marks = re.findall(r'"markers", "(mockcs\(.*?\))', text)
    return [*options, *(f"{name} ({scope or 'function'})" for scope, name in fixtures), *marks]


def figures() -> list[str]:
    text, _ = exposition(scene().application.extensions["mockcs"])
    return re.findall(r"^# TYPE (\S+ \S+)$", text.decode(), re.MULTILINE)


def state() -> list[str]:
    document = scene().get("/__admin/state").get_json()
    assert document.keys() == set(portable.MEMBERS)
    own = [f"services[].__mockcs.{name}" for name in document["services"][-1]["__mockcs"]]
    return [*dict.fromkeys(shape(document)), *own]


def answers() -> list[str]:
    found = {
        "GET /health": asked("GET", "/health"),
        "GET /clock": asked("GET", "/clock"),
        "POST /clock/advance": asked("POST", "/clock/advance", {"seconds": 1}),
        "GET /ids": asked("GET", "/ids"),
        "GET /readings": asked("GET", "/readings"),
        "GET /operations": asked("GET", "/operations"),
        "GET /schemas": asked("GET", "/schemas"),
        "GET /ledger": asked("GET", "/ledger"),
        "GET /spaces": asked("GET", "/spaces"),
        "GET /snapshots": asked("GET", "/snapshots"),
        "POST /snapshots/s": asked("POST", "/snapshots/s"),
        "GET /services": asked("GET", "/services"),
        "GET /coverage": asked("GET", "/coverage"),
        "POST /reset": asked("POST", "/reset"),
        "DELETE /calls": asked("DELETE", "/calls"),
        "POST /faults": asked("POST", "/faults", {"operation": "start_service", "status": 503}),
        "GET /nothing": asked("GET", "/nothing"),
    }
    return [f"{route}: {member}" for route, members in found.items() for member in members]


def words() -> list[str]:
    return [
        "verdict: holds fails cannot_say",
        "state of a call: received answered aborted",
        "kind of a change: service state task extension_schema",
        "change: created updated completed deleted",
        f"connection: {' '.join(faults.CONNECTIONS)}",
        f"server: {' '.join(SERVERS)}",
        f"coverage: {coverage.EXERCISED}, {coverage.REFUSED}, {coverage.NEVER}",
        "exit code: 0 well, 1 no answer or a difference, 2 a wrong setting",
    ]


VERIFY = {"match": {"operation": "start_service"}, "exactly": 0}
QUESTION = ("match", "exactly", "at_least", "at_most", "within_ms", "matches")
"""The members of the question that a verification is."""

SURFACE: dict[str, Callable[[], list[str]]] = {
    "Routes of the admin API": routes,
    "Where things stand": lambda: [*(f"{api} {p or '/'}" for api, p in addresses.PREFIXES.items()), "/__space/<name>"],
    "Settings": settings,
    "Commands": commands,
    "Headers": headers,
    "A call": lambda: asked("GET", "/calls/2") + [e for e in asked("GET", "/calls/1") if e.startswith("changes[]")],
    "The list of calls": lambda: [each for each in asked("GET", "/calls") if "[]" not in each],
    "A match": lambda: list(matching.MEMBERS),
    "A verification": lambda: asked("POST", "/calls/verify", VERIFY) + list(QUESTION),
    "A fault": lambda: [
        *faults.MEMBERS,
        *sorted(set(asked("GET", "/faults")) - {f"faults[].{m}" for m in faults.MEMBERS}),
    ],
    "The state": state,
    "Answers of the admin API": answers,
    "Words": words,
    "Figures": figures,
    "Python": python,
    "pytest": pytest_surface,
}


def told() -> dict[str, list[str]]:
    """The lists of the page by their headings."""
    return {each["title"]: each["lines"].splitlines() for each in BLOCK.finditer(PAGE.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("title", SURFACE)
def test_the_surface_is_the_one_that_is_told(title: str) -> None:
    assert SURFACE[title]() == told()[title], "tell it in CHANGELOG.md; `python -m tests.test_contract` writes it here"


def test_the_page_tells_nothing_else() -> None:
    assert list(told()) == list(SURFACE)


def test_a_change_would_be_noticed() -> None:
    assert "id" in told()["A call"]
    assert "/__admin/reset POST" in told()["Routes of the admin API"]
    assert any(line.startswith("Client.assert_called(") for line in told()["Python"])
    assert all(len(lines) == len(set(lines)) for lines in told().values())


if __name__ == "__main__":

    def written(found: re.Match[str]) -> str:
        lines = "".join(f"{line}\n" for line in SURFACE[found["title"]]())
        return f"## {found['title']}\n{found['words']}```text\n{lines}```"

    PAGE.write_text(BLOCK.sub(written, PAGE.read_text(encoding="utf-8")), encoding="utf-8")
