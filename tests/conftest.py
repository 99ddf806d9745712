"""What the tests share: a mock on a port, both generations as doors to it, and `mockcs serve` as a process."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mockcs.server import Server

ROOT = Path(__file__).parent.parent
PREFIXES = {"8.1": "", "8.5": "/genesys/1/cs"}
NOTHING = object()


@dataclass(frozen=True)
class Reply:
    """An answer as it came over the wire; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Mock:
    """A running mock, spoken to over HTTP: raw requests, and the admin API in short."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        parts = urlsplit(base_url)
        self.address = parts.hostname or "", parts.port or 80

    def request(self, method: str, path: str, body: Any = NOTHING, **headers: str) -> Reply:
        """One request; `body` is sent as JSON, or as it is when it is bytes."""
        connection = http.client.HTTPConnection(*self.address, timeout=30)
        try:
            sent = None if body is NOTHING else body if isinstance(body, bytes) else json.dumps(body).encode()
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            if sent is not None:
                named.setdefault("Content-Type", "application/json")
            connection.request(method, path, sent, named)
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, names, answer.read())
        finally:
            connection.close()

    def get(self, path: str) -> Reply:
        return self.request("GET", path)

    def post(self, path: str, body: Any = NOTHING) -> Reply:
        return self.request("POST", path, body)

    def put(self, path: str, body: Any = NOTHING) -> Reply:
        return self.request("PUT", path, body)

    def delete(self, path: str) -> Reply:
        return self.request("DELETE", path)

    def reset(self) -> None:
        """Begin anew: the default space empty, and no other one."""
        for name in self.get("/__admin/spaces").json["spaces"]:
            if name != "default":
                assert self.delete(f"/__admin/spaces/{name}").status == 200
        assert self.post("/__admin/reset").status == 200

    def calls(self, **filters: Any) -> list[dict[str, Any]]:
        query = "&".join(f"{name}={value}" for name, value in filters.items())
        reply = self.get(f"/__admin/calls?{query}")
        assert reply.status == 200, reply.body
        return reply.json["calls"]

    def last_call(self) -> dict[str, Any]:
        return self.calls(limit=1)[0]

    def set_ids(self, **ids: int) -> None:
        assert self.put("/__admin/ids", ids).status == 200

    def read_as(self, **choices: str) -> None:
        """Set readings: `read_as(complete_status="200")`."""
        for name, choice in choices.items():
            reply = self.put(f"/__admin/readings/{name.replace('_', '-')}", {"value": choice})
            assert reply.status == 200, reply.body

    def state(self) -> Any:
        """Everything that is stored, to see that a refused call left no trace."""
        return self.get("/__admin/services").json, self.get("/__admin/ids").json


class Door:
    """One generation of the documented API on a mock."""

    def __init__(self, mock: Mock, api: str) -> None:
        self.mock = mock
        self.api = api
        self.prefix = PREFIXES[api]

    def request(self, method: str, path: str, body: Any = NOTHING, **headers: str) -> Reply:
        return self.mock.request(method, self.prefix + path, body, **headers)

    def get(self, path: str) -> Reply:
        return self.request("GET", path)

    def post(self, path: str, body: Any = NOTHING) -> Reply:
        return self.request("POST", path, body)

    def start_service(self, **event: Any) -> int | str:
        """A started service's id; anonymous under the key 42 unless the event says otherwise."""
        keys = {} if {"customer_id", "contact_key"} & event.keys() else {"contact_key": "42"}
        reply = self.post("/services/start", {"service_type": 100, **keys, **event})
        assert reply.status == 201, reply.body
        return reply.json["service_id"]

    def start_state(self, service: int | str, **event: Any) -> int:
        reply = self.post(f"/services/{service}/states/start", {"state_type": 1, **event})
        assert reply.status == 201, reply.body
        return reply.json["state_id"]

    def start_task(self, service: int | str, **event: Any) -> int:
        reply = self.post(f"/services/{service}/tasks/start", {"task_type": 1, **event})
        assert reply.status == 201, reply.body
        return reply.json["task_id"]

    def complete_service(self, service: int | str, **event: Any) -> None:
        reply = self.post(f"/services/{service}/end", event)
        assert reply.status in (200, 204), reply.body


@pytest.fixture(scope="session")
def in_process() -> Iterator[Mock]:
    """The mock on a port of this process, for the whole session."""
    with Server() as server:
        yield Mock(server.base_url)


@pytest.fixture(scope="session")
def granian() -> Iterator[Mock]:
    """`mockcs serve` as a process, for the whole session."""
    with serving() as mock:
        yield mock


@pytest.fixture
def mock(in_process: Mock) -> Mock:
    """The mock in this process, fresh."""
    in_process.reset()
    return in_process


@pytest.fixture
def served(granian: Mock) -> Mock:
    """The mock served by granian, fresh."""
    granian.reset()
    return granian


@pytest.fixture(params=["in process", "served"])
def anywhere(request: pytest.FixtureRequest) -> Mock:
    """A fresh mock, once in this process and once served by granian."""
    found: Mock = request.getfixturevalue("mock" if request.param == "in process" else "served")
    return found


@pytest.fixture(params=["8.1", "8.5"])
def api(request: pytest.FixtureRequest) -> str:
    """Each generation in turn."""
    return str(request.param)


@pytest.fixture
def door(mock: Mock, api: str) -> Door:
    """Each generation in turn on a fresh mock."""
    return Door(mock, api)


@pytest.fixture
def gms(mock: Mock) -> Door:
    """8.5 on a fresh mock."""
    return Door(mock, "8.5")


@pytest.fixture
def ucs(mock: Mock) -> Door:
    """8.1 on the same fresh mock."""
    return Door(mock, "8.1")


def command(*arguments: str) -> list[str]:
    """The command line of `mockcs` in this environment."""
    return [sys.executable, "-m", "mockcs", *arguments]


@contextmanager
def serving(*arguments: str, **variables: str) -> Iterator[Mock]:
    """`mockcs serve` on a free port with these flags and variables, until the block ends."""
    with started(*arguments, **variables) as (_, mock):
        yield mock


@contextmanager
def started(*arguments: str, **variables: str) -> Iterator[tuple[subprocess.Popen[str], Mock]]:
    """The process of `mockcs serve` and the mock that it serves."""
    process = subprocess.Popen(
        command("serve", "--port", "0", *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **variables},
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        found = re.search(r"https?://\S+:\d+", line)
        assert found, f"mockcs serve did not start: {line}"
        yield process, Mock(found[0])
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout:
            process.stdout.close()


@pytest.fixture(scope="module")
def threaded() -> Iterator[Mock]:
    """`mockcs serve --server threaded` as a process."""
    with serving("--server", "threaded") as mock:
        yield mock


@pytest.fixture(params=["in process", "granian", "threaded"])
def everywhere(request: pytest.FixtureRequest) -> Mock:
    """A fresh mock behind each of the servers."""
    found: Mock = request.getfixturevalue(request.param.replace(" ", "_"))
    found.reset()
    return found
