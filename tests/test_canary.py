"""The canary: a secret goes in through every door, and comes out nowhere."""

from __future__ import annotations

import base64
import http.client
import logging
import re
import socket
from contextlib import closing
from typing import Any

import pytest

from mockcs import Client
from mockcs.app import create_app
from mockcs.errors import MockcsError
from mockcs.server import Server
from mockcs.settings import Settings
from tests.conftest import Mock, Reply, started

EVENT = {"service_type": 100, "contact_key": "42"}
START = "/genesys/1/cs/services/start"
TOKEN = "canary-token-7Hq2"
PASSWORD = "canary-password-9Zx4"
BASIC = base64.b64encode(f"kent:{PASSWORD}".encode()).decode()
BEARER, SESSION, ANSWER = "canary-bearer-5Kd1", "canary-session-3Wp8", "canary-answer-6Tm0"
MARKERS = (TOKEN, PASSWORD, BASIC, BEARER, SESSION, ANSWER)
SECRETS = {
    "Authorization": f"Basic {BASIC}",
    "Proxy-Authorization": f"Bearer {BEARER}",
    "Cookie": f"a=1; session={SESSION}",
}


def found_in(text: str) -> list[str]:
    """The markers that a text lets out, also without regard to case, or coded."""
    plain = text.lower()
    coded = [(marker, (marker, base64.b64encode(marker.encode()).decode()[:-4])) for marker in MARKERS]
    return [marker for marker, forms in coded if any(form.lower() in plain for form in forms)]


def whole(reply: Reply) -> str:
    """All that an answer says, its headers included."""
    return f"{reply.status} {reply.headers} {reply.body.decode(errors='replace')}"


def send_everything(mock: Mock) -> list[Reply]:
    """Calls of every outcome, all of them with the secrets."""
    sent: list[tuple[str, str, Any]] = [
        ("POST", START, EVENT),
        ("POST", START, {"service_type": True}),
        ("POST", START, b"{"),
        ("POST", START, b" " * 5000),
        ("POST", "/services/start", EVENT),
        ("GET", "/services/1?extensions=*", {}),
        ("GET", "/services/99", {}),
        ("GET", "/nothing", {}),
        ("PATCH", START, {}),
        ("POST", "/__space/other/services/start", EVENT),
        ("POST", "/__space/" + "x" * 200 + "/services/start", EVENT),
    ]
    replies = [mock.request(method, path, body, **SECRETS) for method, path, body in sent]
    replies += [mock.request("POST", START, EVENT, **{name: value + "x"}) for name, value in SECRETS.items()]
    return replies


def send_half(mock: Mock) -> None:
    """A request whose client goes away in the middle of the body."""
    head = "".join(f"{name}: {value}\r\n" for name, value in SECRETS.items())
    with socket.create_connection(mock.address, timeout=20) as connection:
        connection.sendall(f"POST {START} HTTP/1.1\r\nHost: x\r\n{head}Content-Length: 99\r\n\r\n{{".encode())


def ask(mock: Mock, method: str, path: str, body: Any = None) -> Reply:
    """A question to the admin API, with the token."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return mock.request(method, f"/__admin{path}", {} if body is None else body, **headers)


def readable() -> list[str]:
    """Every path of the admin API that can be read, its variables filled in."""
    rules = [rule for rule in create_app().url_map.iter_rules() if rule.rule.startswith("/__admin/")]
    filled = {"number": "1", "service_id": "1", "api": "8.5", "table": "service_start_event", "name": "s"}
    paths = [
        re.sub(r"<(?:\w+:)?(\w+)>", lambda m: filled[m[1]], rule.rule)
        for rule in rules
        if "GET" in (rule.methods or ())
    ]
    return [path.removeprefix("/__admin") for path in paths if not path.endswith("/stream")]


def asked_wrongly(mock: Mock) -> list[Reply]:
    """Questions that have secrets in them, and those that are refused."""
    match = {"headers": SECRETS | {"X-Never": "1"}}
    return [
        ask(mock, "POST", "/calls/verify", {"match": match}),
        ask(mock, "POST", "/calls/verify", {"match": {"headers": {"Authorization": "x"}}}),
        ask(mock, "POST", "/calls/verify-order", {"matches": [match]}),
        ask(mock, "POST", "/faults", {"match": {"headers": SECRETS}, "status": 503, "times": 1}),
        ask(mock, "GET", "/faults"),
        ask(mock, "GET", "/calls/1/nothing"),
        ask(mock, "POST", "/snapshots/s"),
        ask(mock, "PUT", "/state", {"services": [{"service_id": 1}]}),
        mock.request("GET", "/__admin/calls", Authorization=f"Bearer {TOKEN}x"),
        mock.request("GET", "/__admin/calls", Authorization=TOKEN),
        mock.request("GET", "/__admin/calls", Authorization=f"Bearer {TOKEN}", Origin="http://evil.example"),
        mock.request("GET", "/__admin/calls", Authorization=f"Bearer {TOKEN}", Host="evil.example"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("server", ["granian", "threaded"])
def test_no_secret_comes_out_of_any_surface(server: str) -> None:
    flags = ("--server", server, "--log-calls", "--max-body", "4KiB")
    secrets = {"MOCKCS_ADMIN_TOKEN": TOKEN, "MOCKCS_BASIC_AUTH": f"kent:{PASSWORD}"}
    said: dict[str, str] = {}
    with started(*flags, **secrets) as (process, mock):
        with closing(http.client.HTTPConnection(*mock.address, timeout=20)) as connection:
            connection.request("GET", "/__admin/calls/stream", headers={"Authorization": f"Bearer {TOKEN}"})
            answer = connection.getresponse()
            send_half(mock)
            replies = send_everything(mock)
            said["stream"] = ""
            while said["stream"].count("data: ") < 10:
                said["stream"] += answer.readline().decode()
            answer.close()
        said["answers"] = " ".join(map(whole, replies))
        said["questions"] = " ".join(map(whole, asked_wrongly(mock)))
        said |= {f"GET {path}": whole(ask(mock, "GET", path)) for path in readable()}
        said["curl of all"] = " ".join(whole(ask(mock, "GET", f"/calls/{n}/curl")) for n in range(1, 20))
        process.terminate()
        assert process.wait(10) == 0
        assert process.stdout
        said["output"] = process.stdout.read()
    assert "masked:" in said["GET /calls"]
    assert "start_service 201" in said["output"] or "201 start_service" in said["output"]
    assert {surface: found for surface, text in said.items() if (found := found_in(text))} == {}


def test_a_cookie_that_a_fault_sets_is_not_shown_by_the_calls(mock: Mock) -> None:
    headers = {"Set-Cookie": f"sid={ANSWER}", "X-Other": "1"}
    mock.post("/__admin/faults", {"operation": "start_service", "status": 503, "headers": headers, "times": 1})
    assert ANSWER in mock.post(START, EVENT).headers["set-cookie"]
    shown = [whole(mock.get(f"/__admin/{path}")) for path in ("calls", "calls/1", "calls.har", "faults")]
    assert [text for text in shown if found_in(text)] == []


def test_a_defect_is_logged_without_the_secrets(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def defective(*_: Any) -> Any:
        raise RuntimeError("a defect")

    monkeypatch.setattr("mockcs.context_services.params_of", defective)
    client = create_app(Settings(basic_auth=f"kent:{PASSWORD}")).test_client()
    with caplog.at_level(logging.INFO, "mockcs"):
        reply = client.post(START, json=EVENT, headers=SECRETS)
    assert reply.status_code == 500
    assert "a defect" in caplog.text
    assert found_in(caplog.text + reply.text + str(reply.headers)) == []


@pytest.mark.parametrize(
    "settings",
    [{"basic_auth": PASSWORD}, {"users": {"kent": {"password": PASSWORD, "rolls": []}}}, {"users": {"kent": PASSWORD}}],
    ids=["basic-auth", "users", "user"],
)
def test_a_wrong_setting_is_told_without_its_secret(settings: dict[str, Any]) -> None:
    with pytest.raises(MockcsError) as raised:
        Settings(**settings)
    assert found_in(f"{raised.value} {raised.value.hint}") == []


def test_a_failed_expectation_and_a_client_tell_no_recorded_secret() -> None:
    with Server(Settings(admin_token=TOKEN)) as cs:
        Mock(cs.base_url).request("POST", START, EVENT, **SECRETS)
        with pytest.raises(AssertionError) as raised:
            cs.assert_called("start_service", headers={"Authorization": "Basic other"})
        told = [str(raised.value), repr(cs), repr(cs.calls), repr(cs.calls.last.request), str(cs.calls.last.document)]
        told.append(str(cs.calls.last.request.headers["Authorization"]))
        with pytest.raises(MockcsError) as refused:
            Client(cs.base_url, token=f"{TOKEN}x").ask("GET", "/calls")
        told += [str(refused.value), refused.value.hint]
    assert found_in(" ".join(told)) == []


def test_the_canary_would_be_found() -> None:
    for marker in MARKERS:
        assert marker in found_in(f"... {marker.upper()} ...")
        assert marker in found_in(base64.b64encode(marker.encode()).decode())
