"""Safety: no web page and nobody without the token reads or changes a mock through any route of the admin API."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from mockcs import Client, MockcsError, admin
from mockcs.app import create_app
from mockcs.server import Server
from mockcs.settings import Settings
from tests.conftest import Mock, Reply, command, serving

TOKEN = "sesame"
HEALTH = "/__admin/health"
FILLED = {"number": "1", "service_id": "1", "api": "8.5", "table": "service_start_event", "name": "s"}
EVIL = "http://evil.example"


def routes() -> list[tuple[str, str]]:
    """Every method of every route of the app, its variables filled in, and routes that are not there."""
    found = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", lambda m: FILLED[m[1]], rule.rule))
        for rule in create_app().url_map.iter_rules()
        for method in (rule.methods or ())
    }
    return sorted(found | {("GET", "/__admin"), ("GET", "/__admin/nothing"), ("PATCH", "/__admin/state")})


ROUTES = routes()
PREFIXES = ["", "/__space/s"]
every_route = pytest.mark.parametrize(("method", "path"), ROUTES, ids=[" ".join(route) for route in ROUTES])


def cors(reply: Reply) -> list[str]:
    return [name for name in reply.headers if name.startswith("access-control-")]


def refusal(reply: Reply) -> int:
    """The status of a refusal, which tells nothing but a sentence and a hint."""
    assert cors(reply) == []
    assert reply.body == b"" or reply.json.keys() == {"error", "hint"}
    return reply.status


@pytest.fixture(scope="module")
def guarded() -> Iterator[Mock]:
    """A mock that wants a token."""
    with Server(Settings(admin_token=TOKEN)) as cs:
        yield Mock(cs.base_url)


def test_the_walk_meets_every_route() -> None:
    assert {path.split("/")[2] for _, path in ROUTES if path.count("/") > 1} >= {
        "calls",
        "calls.har",
        "clock",
        "coverage",
        "faults",
        "health",
        "ids",
        "metrics",
        "operations",
        "readings",
        "reset",
        "schemas",
        "services",
        "snapshots",
        "spaces",
        "state",
    }
    assert all(path.startswith("/__admin") for _, path in ROUTES)
    assert len(ROUTES) > 60


# The token


@every_route
def test_without_the_token_every_route_but_health_is_401(guarded: Mock, method: str, path: str) -> None:
    wrong = ["", "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, f"Bearer x {TOKEN}"]
    replies = [guarded.request(method, prefix + path) for prefix in PREFIXES]
    replies += [guarded.request(method, path, Authorization=text) for text in wrong]
    if path == HEALTH:
        assert 401 not in [reply.status for reply in replies]
    else:
        assert [refusal(reply) for reply in replies] == [401] * len(replies)


def test_what_was_refused_has_changed_nothing(guarded: Mock) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    before = [guarded.request("GET", f"/__admin/{noun}", **headers).json for noun in ("state", "calls", "spaces")]
    for method, path in ROUTES:
        for prefix in PREFIXES:
            guarded.request(method, prefix + path)
    after = [guarded.request("GET", f"/__admin/{noun}", **headers).json for noun in ("state", "calls", "spaces")]
    assert after == before
    assert after[2] == {"spaces": ["default"]}


def test_with_the_token_everything_goes_on(guarded: Mock) -> None:
    for scheme in ("Bearer", "bearer"):
        assert guarded.request("GET", "/__admin/calls", Authorization=f"{scheme} {TOKEN}").status == 200
    assert guarded.post("/services/start", {"service_type": 1, "contact_key": "42"}).status == 201
    assert Client(guarded.base_url, token=TOKEN).calls.last.response.status == 201
    with pytest.raises(MockcsError, match="wants a token"):
        Client(guarded.base_url).ask("GET", "/calls")


@pytest.mark.slow
def test_a_served_mock_takes_the_token_from_its_variable() -> None:
    with serving(MOCKCS_ADMIN_TOKEN=TOKEN) as mock:
        assert [mock.get(path).status for path in ("/__admin/calls", HEALTH)] == [401, 200]


# Pages of others


@every_route
def test_a_page_of_another_origin_is_refused_by_every_route(guarded: Mock, method: str, path: str) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    for origin in (EVIL, "null", f"http://127.0.0.1:{guarded.address[1] + 1}", "http://[", "file://", ""):
        for prefix in PREFIXES:
            assert refusal(guarded.request(method, prefix + path, Origin=origin, **headers)) == 403
    assert guarded.request("GET", "/__admin/spaces", **headers).json == {"spaces": ["default"]}


@every_route
def test_a_foreign_host_name_is_refused_by_every_route_while_only_this_machine_is_listened_to(
    guarded: Mock, method: str, path: str
) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    for host in ("evil.example", "evil.example:8080", "127.evil.example", "127.0.0.1.evil.example", "[", "192.0.2.1"):
        assert refusal(guarded.request(method, path, Host=host, **headers)) == 403
    # As it is when the name of the page is made to lead to this machine.
    reply = guarded.request(method, path, Host="evil.example:80", Origin="http://evil.example:80", **headers)
    assert refusal(reply) == 403


OWN = ["127.0.0.1", "127.0.0.1:9", "localhost", "LOCALHOST:8080", "127.1.2.3", "[::1]", "[::1]:8080"]


@pytest.mark.parametrize("host", OWN)
def test_names_of_this_machine_are_no_foreign_ones(mock: Mock, host: str) -> None:
    assert mock.request("GET", "/__admin/calls", Host=host).status == 200
    assert mock.request("GET", "/__admin/calls", Host=host, Origin=f"http://{host}").status == 200


def test_a_host_that_is_allowed_gets_through_and_no_other() -> None:
    with Server(Settings(allow_host=("mock.test", "ci.test:8080"))) as cs:
        mock = Mock(cs.base_url)
        found = {
            host: mock.request("GET", "/__admin/calls", Host=host).status
            for host in ("mock.test", "mock.test:9", "ci.test:8080", "ci.test:8081", "evil.example", "x.mock.test")
        }
    assert found == dict.fromkeys(("mock.test", "mock.test:9", "ci.test:8080"), 200) | dict.fromkeys(
        ("ci.test:8081", "evil.example", "x.mock.test"), 403
    )


@pytest.mark.slow
def test_a_served_mock_refuses_pages_and_names_alike() -> None:
    with serving("--allow-host", "mock.test") as mock:
        assert refusal(mock.request("POST", "/__space/evil/__admin/reset", Origin=EVIL)) == 403
        assert refusal(mock.request("GET", "/__admin/calls", Host="evil.example")) == 403
        assert mock.request("GET", "/__admin/calls", Host="mock.test").status == 200
        assert mock.get("/__admin/spaces").json == {"spaces": ["default"]}


def test_beyond_loopback_any_name_may_stand_in_host() -> None:
    with Server(Settings(), host="0.0.0.0") as cs:
        mock = Mock(cs.base_url)
        assert mock.request("GET", "/__admin/calls", Host="mockcs.build.test:8080").status == 200
        assert refusal(mock.request("GET", "/__admin/calls", Host="mockcs.build.test", Origin=EVIL)) == 403


def test_no_answer_allows_another_origin_to_read_it(anywhere: Mock) -> None:
    preflight = {"Access_Control_Request_Method": "PUT", "Access_Control_Request_Headers": "content-type"}
    for path in ("/__admin/state", "/services/start", "/genesys/1/cs/services/1", "/nothing"):
        for method in ("OPTIONS", "GET", "POST"):
            for headers in ({}, {"Origin": EVIL}, {"Origin": EVIL, **preflight}):
                assert cors(anywhere.request(method, path, **headers)) == []


def test_http_1_0_without_a_host_is_refused(mock: Mock) -> None:
    with socket.create_connection(mock.address, timeout=20) as connection:
        connection.sendall(b"GET /__admin/calls HTTP/1.0\r\n\r\n")
        assert b" 403 " in connection.recv(2**16)


# The address


def said(*arguments: str, **variables: str) -> str:
    """What `mockcs serve` says on its error output, from its beginning to its end."""
    with subprocess.Popen(
        command("serve", "--port", "0", *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
    ) as process:
        assert process.stdout
        assert "listens on" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, complaint = process.communicate(timeout=10)
    return complaint


@pytest.mark.slow
def test_it_listens_on_this_machine_alone_unless_told_otherwise_and_warns_when_others_reach_it() -> None:
    assert said() == ""
    assert said("--host", "localhost") == ""
    assert said("--host", "0.0.0.0", MOCKCS_ADMIN_TOKEN=TOKEN) == ""
    warning = said("--host", "0.0.0.0")
    assert re.fullmatch(r"mockcs: warning: .*--admin-token.*\n", warning)


@pytest.mark.slow
def test_the_default_address_is_loopback(served: Mock) -> None:
    assert served.address[0] == "127.0.0.1"
    assert Settings().host == "127.0.0.1"


def test_a_call_of_the_documented_api_sends_nothing_out(mock: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_connection(*_: Any, **__: Any) -> Any:
        raise AssertionError("the mock sends nothing out")

    client = create_app().test_client()
    monkeypatch.setattr(socket.socket, "connect", no_connection)
    with pytest.raises(AssertionError), socket.socket() as seen_failing:
        seen_failing.connect(mock.address)
    schema = {"$ref": "http://127.0.0.1:9/schema.json"}
    found = client.post("/__admin/calls/verify", json={"match": {"body_schema": schema}})
    assert found.status_code == 400
    assert client.post("/services/start", json={"service_type": 1, "contact_key": "42"}).status_code == 201


DOING = [
    (method, path)
    for method, path in ROUTES
    if method in ("GET", "POST", "PUT", "DELETE") and path not in ("/__admin/nothing", HEALTH)
]


@pytest.mark.parametrize(("method", "path"), DOING, ids=[" ".join(route) for route in DOING])
def test_what_a_route_does_not_know_is_refused_and_nothing_is_done(method: str, path: str) -> None:
    client = create_app().test_client()
    client.post("/genesys/1/cs/services/start", json={"contact_key": "42"})

    def seen() -> Any:
        return client.get("/__admin/state").json, client.get("/__admin/calls").json

    before = seen()
    reply = client.open(f"{path}?zzz=1", method=method)
    assert (reply.status_code, "zzz" in (reply.json or {})["error"]) == (400, True)
    if method != "GET":
        reply = client.open(path, method=method, json={"zzz": 1})
        assert (reply.status_code in (400, 404), (reply.json or {}).keys()) == (True, {"error", "hint"})
    assert seen() == before


def test_a_body_that_is_larger_than_any_that_the_admin_api_takes_is_413() -> None:
    too_large = {"CONTENT_LENGTH": str(256 * 2**20 + 1)}
    reply = create_app().test_client().put("/__admin/state", environ_overrides=too_large)
    assert (reply.status_code, (reply.json or {}).keys()) == (413, {"error", "hint"})


def test_a_probe_of_the_health_may_have_any_parameter() -> None:
    assert create_app().test_client().get(f"{HEALTH}?t=1").status_code == 200


def test_the_routes_that_take_something_are_routes() -> None:
    assert create_app().view_functions.keys() >= admin._WITH_BODY | admin._WITH_PARAMETERS
