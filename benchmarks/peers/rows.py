"""The peers, a row each: how one is started, what is sent to it, and what it does with it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

from benchmarks import events, wire
from benchmarks.peers.installing import NotInstalledError, needed, version_of
from benchmarks.servers import free_port
from mockcs import __version__

_SCHEMA = Path(__file__).parent.parent.parent / "schemas" / "8.5" / "service_start_event.schema.json"
_ANSWER = {"service_id": 1}
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a peer is installed, a folder for its files, and the port that it is to serve on."""

    installed: Path
    work: Path
    port: int

    def written(self, name: str, document: Any) -> str:
        """The path of a new file with that document."""
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document), encoding="utf-8")
        return str(path)


@dataclass(frozen=True, slots=True)
class Peer:
    """A server to compare with. `setup` are requests, each answered with 200, that come before the load.

    The last three say what it does with a request: whether it checks the body against the documented fields,
    whether a later request finds what this one has changed, and whether its record of requests stays bounded.
    """

    name: str
    command: Callable[[Place], Sequence[str]]
    package: str | None = None
    status: int = 201
    requests: Callable[[], Iterator[bytes]] = events.starts
    setup: tuple[bytes, ...] = ()
    warmup: float = 2.0
    validates: str = "no"
    state: str = "no"
    journal: str = "no"

    @property
    def title(self) -> str:
        """Its name and version."""
        if self.package is None:
            return self.name
        product, comma, more = self.name.partition(",")
        return f"{product} {version_of(self.package)}{comma}{more}"


def _schema() -> Any:
    return json.loads(_SCHEMA.read_text(encoding="utf-8"))


def _mockcs(place: Place) -> list[str]:
    return [sys.executable, "-m", "mockcs", "serve", "--port", str(place.port)]


def _hello(kind: str, place: Place) -> list[str]:
    return [sys.executable, "-m", "benchmarks.hello", str(place.port), kind]


def _mountebank(place: Place) -> list[str]:
    # Its default is to close the connection after each answer.
    answer = {"statusCode": 201, "headers": {**_JSON, "Connection": "keep-alive"}, "body": json.dumps(_ANSWER)}
    predicate = {"equals": {"method": "POST", "path": events.STARTS}}
    imposter = {
        "port": place.port,
        "protocol": "http",
        "recordRequests": True,
        "stubs": [{"predicates": [predicate], "responses": [{"is": answer}]}],
    }
    config = place.written("imposters.json", {"imposters": [imposter]})
    options = ["--mock", "--localOnly", "--nologfile", "--loglevel", "warn", "--configfile", config]
    return [_bin(place, "mb"), "start", "--port", str(free_port()), "--pidfile", str(place.work / "mb.pid"), *options]


def _prism(place: Place) -> list[str]:
    answer = {"description": "started", "content": {"application/json": {"example": _ANSWER}}}
    body = {"required": True, "content": {"application/json": {"schema": _schema()}}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Context Services", "version": "8.5"},
        "paths": {events.STARTS: {"post": {"requestBody": body, "responses": {"201": answer}}}},
    }
    path = place.written("openapi.json", document)
    return [_bin(place, "prism"), "mock", path, "--port", str(place.port), "--errors", "--verboseLevel", "error"]


def _wiremock(options: Sequence[str], place: Place) -> list[str]:
    request = {
        "method": "POST",
        "urlPath": events.STARTS,
        "bodyPatterns": [{"matchesJsonSchema": json.dumps(_schema()), "schemaVersion": "V202012"}],
    }
    stub = {"request": request, "response": {"status": 201, "headers": _JSON, "jsonBody": _ANSWER}}
    place.written("mappings/start.json", stub)
    jar = _jar(place, "wiremock/build/wiremock-standalone-*.jar")
    return ["java", "-jar", jar, "--port", str(place.port), "--root-dir", str(place.work), "--disable-banner", *options]


def _mockserver(place: Place) -> list[str]:
    request = {"method": "POST", "path": events.STARTS, "body": {"type": "JSON_SCHEMA", "jsonSchema": _schema()}}
    answer = {"statusCode": 201, "headers": {"Content-Type": ["application/json"]}, "body": json.dumps(_ANSWER)}
    path = place.written("expectations.json", [{"httpRequest": request, "httpResponse": answer}])
    jar = _jar(place, "mockserver-node/mockserver-netty-*.jar")
    options = ["-serverPort", str(place.port), "-logLevel", "WARN"]
    return ["java", f"-Dmockserver.initializationJsonPath={path}", "-jar", jar, *options]


def _pytest_httpserver(place: Place) -> list[str]:
    script = f"""
import signal
from pytest_httpserver import HTTPServer
server = HTTPServer(port={place.port})
server.expect_request({events.STARTS!r}, method="POST").respond_with_json({_ANSWER}, status=201)
server.start()
signal.pause()
"""
    return [str(place.installed / "bin" / "python"), "-c", script]


def _moto(place: Place) -> list[str]:
    return [str(place.installed / "bin" / "moto_server"), "-p", str(place.port)]


def _dynamodb(action: str, document: Any) -> bytes:
    scope = "Credential=mock/20260101/us-east-1/dynamodb/aws4_request"
    headers = {
        "Content_Type": "application/x-amz-json-1.0",
        "X_Amz_Target": f"DynamoDB_20120810.{action}",
        "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0",
    }
    return wire.request("POST", "/", document, **headers)


def _attribute(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return {"M": {name: _attribute(each) for name, each in value.items()}}
    if isinstance(value, list):
        return {"L": [_attribute(each) for each in value]}
    return {"S": value} if isinstance(value, str) else {"N": str(value)}


def put_items() -> Iterator[bytes]:
    """The same event as an item of DynamoDB."""
    return repeat(_dynamodb("PutItem", {"TableName": "services", "Item": _attribute(events.start_event())["M"]}))


_TABLE = _dynamodb(
    "CreateTable",
    {
        "TableName": "services",
        "KeySchema": [{"AttributeName": "contact_key", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "contact_key", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    },
)


def _bin(place: Place, name: str) -> str:
    return str(place.installed / "node_modules" / ".bin" / name)


def _jar(place: Place, pattern: str) -> str:
    needed("java")
    found = next((place.installed / "node_modules").glob(pattern), None)
    if found is None:
        raise NotInstalledError("its package brings no jar")
    return str(found)


_wiremock_bounded = partial(_wiremock, ("--max-request-journal-entries", "1000"))
_JIT = 15.0
"""Java compiles what it runs often; these are its seconds to do so."""
PEERS = (
    Peer(f"mockcs {__version__}", _mockcs, validates="yes", state="yes", journal="yes"),
    Peer("MockServer", _mockserver, "mockserver-node", warmup=_JIT, validates="yes"),
    Peer("WireMock", partial(_wiremock, ()), "wiremock", warmup=_JIT, validates="yes"),
    Peer("WireMock, log 1000", _wiremock_bounded, "wiremock", warmup=_JIT, validates="yes", journal="yes"),
    Peer("Prism", _prism, "@stoplight/prism-cli", validates="yes", journal="none"),
    Peer("mountebank", _mountebank, "mountebank"),
    Peer("pytest-httpserver", _pytest_httpserver, "pytest-httpserver"),
    Peer("moto, PutItem", _moto, "moto[server]", 200, put_items, (_TABLE,), validates="part", state="yes"),
    Peer("hello, Flask on granian", partial(_hello, "flask"), status=200, journal="none"),
    Peer("hello, werkzeug threaded", partial(_hello, "werkzeug"), status=200, journal="none"),
    Peer("hello, bare on granian", partial(_hello, "bare"), status=200, journal="none"),
)
