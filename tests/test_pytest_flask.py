"""pytest-flask's `client` and `live_server` with create_app(), as a tester with pytest-flask uses them."""

from __future__ import annotations

import json
import urllib.request
from typing import Any
from urllib.parse import urljoin

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mockcs import Client, MockcsError, create_app
from tests.conftest import PREFIXES

# Later Pythons warn of a fork beside threads; pytest-flask forks, and other tests have their server threads.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")

EVENT = {"customer_id": "C1", "service_type": 100}


@pytest.fixture(scope="session")
def app() -> Flask:
    """The app for the session, as `live_server` wants it."""
    return create_app()


@pytest.fixture
def live(live_server: Any) -> Client:
    """The live server as mockcs's client sees it, fresh."""
    client = Client(live_server.url())
    client.reset()
    return client


def opened(url: str, body: Any = None) -> tuple[int, Any, str | None]:
    """Status, JSON and Location of a GET, or of a POST when there is a body."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.status, json.loads(answer.read() or b"null"), answer.headers["Location"]


def test_the_test_client_starts_and_queries(client: FlaskClient, api: str) -> None:
    assert client.post("/__admin/reset").status_code == 200
    start = client.post(f"{PREFIXES[api]}/services/start", json=EVENT)
    assert (start.status_code, start.json) == (201, {"service_id": 1})
    query = client.get(start.headers["Location"])
    assert query.status_code == 200
    assert query.json is not None
    assert (query.json["service_id"], query.json["customer_id"]) == (1, "C1")


def test_the_test_client_is_refused_as_documented(client: FlaskClient) -> None:
    assert client.post("/__admin/reset").status_code == 200
    refused = client.post("/genesys/1/cs/services/start", json={"service_type": 100})
    assert refused.status_code == 400
    assert refused.json is not None
    assert refused.json.keys() == {"message", "exception"}
    assert refused.headers["Mockcs-Violations"]


def test_the_test_client_s_calls_are_recorded(client: FlaskClient) -> None:
    client.post("/__admin/reset")
    client.post("/services/start", data=b"{", content_type="application/json")
    client.get("/genesys/1/cs/services/anonymous/%C3%A9%2042?extensions=*")
    found = client.get("/__admin/calls").json
    assert found is not None
    assert [(call["operation"], call["response"]["status"]) for call in found["calls"]] == [
        ("start_service", 400),
        ("query_anonymous_services", 200),
    ]
    assert found["calls"][1]["path_params"] == {"contact_key": "é 42"}


def test_the_test_client_finds_each_request_s_own_space(client: FlaskClient) -> None:
    client.post("/__admin/reset")

    def total(prefix: str) -> Any:
        return (client.get(f"{prefix}/__admin/calls").json or {})["total"]

    for prefix, count in (("/__space/one", 1), ("/__space/two", 2)):
        for _ in range(count):
            assert client.post(f"{prefix}/services/start", json=EVENT).status_code == 201
        assert total(prefix) == count
    assert (total("/__space/one"), total("")) == (1, 0)


def test_a_live_server_starts_and_queries(live: Client, api: str) -> None:
    base = live.url if api == "8.5" else live.url_81
    status, answer, location = opened(f"{base}/services/start", EVENT)
    assert (status, answer) == (201, {"service_id": 1})
    assert location == f"{PREFIXES[api]}/services/1"
    assert opened(urljoin(base, location))[1]["customer_id"] == "C1"
    assert [call.operation for call in live.calls] == ["start_service", "query_service_by_id"]


def test_a_live_server_serves_spaces_too(live: Client) -> None:
    mine = Client(live.base_url, space="mine")
    assert opened(f"{mine.url}/services/start", EVENT)[2] == "/__space/mine/genesys/1/cs/services/1"
    mine.assert_called("start_service", times=1)
    live.assert_not_called("start_service")
    mine.forget_space()
    assert "mine" not in live.ask("GET", "/spaces")["spaces"]


def test_the_test_client_may_use_the_admin_api_beside_a_live_server(live: Client, client: FlaskClient) -> None:
    assert live.ask("GET", "/health")["status"] == "ready"
    assert client.post("/__admin/reset").status_code == 200


def test_a_live_server_answers_expectations_that_fail_and_what_is_refused(live: Client) -> None:
    with pytest.raises(AssertionError, match="no other call came"):
        live.assert_called("start_service")
    with pytest.raises(MockcsError, match="nope"):
        live.fail("nope")
