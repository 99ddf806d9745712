"""Who may call: Basic credentials, the tenant headers and roles of 8.5, the privileges of 8.1, and their order."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mockcs.server import Server
from mockcs.settings import Settings
from tests.conftest import NOTHING, PREFIXES, Door, Mock, Reply, serving
from tests.test_choosing_readings import reading

CONFIG = """
tenant = ["Environment", "101"]

[users.root]
password = "root:with:colons"
roles = ["Administrator"]

[users.view]
password = "pässword"
roles = ["Supervisor"]

[users.none]
password = ""

[users.starter]
password = "p"
privileges = ["Start Service", "Read Service", "Stop State"]

[users.whole]
password = "p"
privileges = ["UCS.Service.startService", "UCS.Service.createServiceExtension", "Stop State", "Start State",
    "Stop Service", "Read Service", "Read State", "Create Service Extension Schema", "Update Service Extension"]
"""
TENANCY = "Invalid tenant specified : "
MISSING = "no tenant specified in multi-tenant environment. Verify configuration and 'ContactCenterId' HTTP header."
SCHEMA = {"name": "Data", "type": "single-valued", "attributes": [{"name": "a", "type": "integer"}]}
START = {"contact_key": "42", "service_type": 1}
PASSWORDS = {"root": "root:with:colons", "view": "pässword", "none": "", "starter": "p", "whole": "p"}


def basic(user: str, password: str | None = None) -> str:
    given = PASSWORDS[user] if password is None else password
    return "Basic " + base64.b64encode(f"{user}:{given}".encode()).decode()


@pytest.fixture(scope="module")
def one_user() -> Iterator[Mock]:
    """A server with the credentials that the manual prints."""
    with serving("--basic-auth", "kent:superman") as mock:
        yield mock


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mock]:
    """A server with users and tenants."""
    file = tmp_path_factory.mktemp("config") / "mockcs.toml"
    file.write_text(CONFIG, encoding="utf-8")
    with serving("--config", str(file)) as mock:
        yield mock


class Callers:
    """Users who call one generation of a server, with a tenant where 8.5 asks for one."""

    def __init__(self, mock: Mock, api: str) -> None:
        self.mock = mock
        self.api = api

    def call(self, user: str, method: str, path: str, body: Any = NOTHING, tenant: str = "101") -> Reply:
        headers = {"ContactCenterId": tenant} if tenant else {}
        return self.mock.request(method, PREFIXES[self.api] + path, body, Authorization=basic(user), **headers)

    def status(self, user: str, method: str, path: str, body: Any = NOTHING) -> int:
        return self.call(user, method, path, body).status


@pytest.fixture
def gms_users(configured: Mock) -> Callers:
    configured.reset()
    return Callers(configured, "8.5")


@pytest.fixture
def ucs_users(configured: Mock) -> Callers:
    configured.reset()
    return Callers(configured, "8.1")


def test_without_a_configuration_everybody_may_call_and_headers_are_not_read(door: Door) -> None:
    headers = {"Authorization": "Basic nonsense", "ContactCenterId": "wrong value", "GroupId": "any"}
    assert door.request("POST", "/services/start", START, **headers).status == 201
    assert (door.mock.last_call()["advice"], door.mock.last_call()["violations"]) == ([], [])


def test_the_printed_credentials_are_accepted(one_user: Mock, api: str) -> None:
    one_user.reset()
    door = Door(one_user, api)
    for header in ("Basic a2VudDpzdXBlcm1hbg==", "basic  a2VudDpzdXBlcm1hbg=="):
        assert door.request("POST", "/services/start", START, Authorization=header).status == 201


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_password_that_is_not_ascii_may_come_in_either_encoding(encoding: str) -> None:
    header = "Basic " + base64.b64encode("kent:sésame".encode(encoding)).decode()
    with Server(Settings(basic_auth="kent:sésame")) as server:
        assert Mock(server.base_url).request("GET", "/services/1", Authorization=header).status == 404


@reading("challenge", "basic", "none")
@pytest.mark.parametrize(
    "header", ["", "Basic", basic("kent", "Superman"), basic("clark", "superman"), "Basic %", "Bearer x", basic("", "")]
)
def test_missing_or_wrong_credentials_get_401_with_or_without_a_challenge(
    one_user: Mock, api: str, header: str
) -> None:
    one_user.reset()
    door = Door(one_user, api)
    for choice, realm in (("basic", 'Basic realm="Context Services"'), ("none", None)):
        one_user.read_as(challenge=choice)
        reply = door.request("POST", "/services/start", START, **({"Authorization": header} if header else {}))
        assert (reply.status, reply.headers.get("www-authenticate")) == (401, realm)
        if api == "8.5":
            assert (reply.json.keys(), reply.json["message"]) == ({"message", "exception"}, "Unauthorized")
        else:
            assert (reply.json["title"], reply.json["code"]) == ("not authorized", 4010)
    assert one_user.get("/__admin/services").json == {"services": []}
    assert one_user.get("/__admin/health").status == 200, "the admin API asks for no such credentials"


def test_a_password_never_stands_in_the_record_of_a_call(one_user: Mock) -> None:
    one_user.reset()
    Door(one_user, "8.5").request("GET", "/services/1", Authorization=basic("kent", "superman"))
    text = one_user.get("/__admin/calls").body.decode()
    assert "a2VudDpzdXBlcm1hbg" not in text
    assert "superman" not in text


def test_credentials_are_asked_for_before_anything_else_is_looked_at(one_user: Mock, api: str) -> None:
    door = Door(one_user, api)
    assert door.post("/services/start", b"{").status == 401
    assert door.get("/services/x").status == 401
    assert [door.get("/nowhere").status, door.request("DELETE", "/services/start").status] == [404, 405]


def test_a_tenant_is_asked_for_and_known_by_its_name_or_number(gms_users: Callers) -> None:
    path = "/services/start"
    for tenant in ("101", "Environment"):
        assert gms_users.call("root", "POST", path, START, tenant).status == 201
    reply = gms_users.call("root", "POST", path, START, "wrong value")
    unknown = "specified tenant in HTTP header 'ContactCenterId'='wrong value' not configured. Verify configuration."
    assert (reply.status, reply.json["message"]) == (400, TENANCY + unknown)
    assert reply.json["exception"].endswith("contextservices.exceptions.ContextServicesExceptionResource")
    reply = gms_users.call("root", "POST", path, START, "")
    assert (reply.status, reply.json["message"]) == (400, TENANCY + MISSING)
    assert len(gms_users.mock.get("/__admin/services").json["services"]) == 2
    assert gms_users.call("root", "POST", path, {**START, "ContactCenterId": "101"}, "").status == 400


@reading("tenancy-status", "400", "403", "404")
def test_a_missing_and_an_unknown_tenant_get_the_chosen_status(gms_users: Callers) -> None:
    for choice in ("400", "403", "404"):
        gms_users.mock.read_as(tenancy_status=choice)
        for tenant in ("", "wrong value"):
            assert gms_users.call("root", "GET", "/services/1", tenant=tenant).status == int(choice)


def test_8_1_knows_no_tenants(ucs_users: Callers) -> None:
    assert ucs_users.call("whole", "POST", "/services/start", START, "").status == 201


def test_credentials_come_before_the_tenant_the_tenant_before_the_role_and_that_before_the_body(
    gms_users: Callers,
) -> None:
    url = PREFIXES["8.5"] + "/services/start"
    mock = gms_users.mock
    assert mock.request("POST", url, b"{").status == 401
    assert mock.request("POST", url, b"{", ContactCenterId="wrong value").status == 401
    assert "tenant" in gms_users.call("view", "POST", "/services/start", b"{", "wrong value").json["message"]
    assert gms_users.status("view", "POST", "/services/start", b"{") == 403
    assert gms_users.status("root", "POST", "/services/start", b"{") == 400


WRITES = [
    ("POST", "/services/start", START),
    ("POST", "/services_composite/start", {"services": []}),
    ("POST", "/customers/C1/services/1", {}),
    ("POST", "/services/1/states/start", {}),
    ("POST", "/services/1/tasks/start", {}),
    ("PUT", "/services/1", {"ttl": 60}),
    ("PUT", "/services/1/extensions/a", {}),
    ("PUT", "/services/1/extensions/a/merge", {}),
    ("POST", "/services/1/end", {}),
    ("POST", "/maintenance/purge", {"limit": "2000-01-01T00:00:00.000Z", "operation": "purge.service.all"}),
    ("DELETE", "/services/1", NOTHING),
]
TIMES = "time_from=2014-07-22T12:00:00.000Z"
READS = [
    ("GET", "/services/1"),
    ("GET", "/services/1/states/active"),
    ("GET", "/customers/C1/services"),
    ("GET", f"/maintenance/services/stream?{TIMES}"),
    ("POST", f"/maintenance/services/files?{TIMES}"),
    ("GET", "/metadata/business-attributes"),
]


def test_an_administrator_may_write_and_read_a_supervisor_read_and_nobody_else_anything(gms_users: Callers) -> None:
    assert gms_users.status("root", "POST", "/services/start", START) == 201
    before = gms_users.mock.get("/__admin/state").json
    for method, path, body in WRITES:
        for user in ("view", "none", "starter"):
            reply = gms_users.call(user, method, path, body)
            assert (reply.status, reply.json["message"]) == (403, "Forbidden : the role WRITE is missing"), path
    assert gms_users.mock.get("/__admin/state").json == before
    for method, path in READS:
        assert [gms_users.status(user, method, path) for user in ("root", "view", "none")] == [200, 200, 403], path
    assert [gms_users.status("root", *each) // 100 for each in WRITES] == [2] * len(WRITES)


@reading("denied-status", "403", "401")
def test_a_role_that_is_missing_gets_the_chosen_status(gms_users: Callers) -> None:
    for choice in ("403", "401"):
        gms_users.mock.read_as(denied_status=choice)
        assert gms_users.status("view", "DELETE", "/services/1") == int(choice)


def test_a_privilege_of_8_1_is_asked_for_where_the_manual_names_one(ucs_users: Callers) -> None:
    assert ucs_users.status("starter", "POST", "/services/start", START) == 201
    assert ucs_users.status("starter", "GET", "/services/1") == 200
    for method, path, body in (
        ("POST", "/services/1/end", {}),
        ("POST", "/services/1/states/start", {"state_type": 1}),
        ("GET", "/services/1/states", NOTHING),
        ("POST", "/metadata/services/extensions", SCHEMA),
        ("GET", "/metadata/business-attributes", NOTHING),
    ):
        reply = ucs_users.call("starter", method, path, body)
        assert (reply.status, reply.json["title"], reply.json["code"]) == (403, "forbidden", 4030), path
    assert ucs_users.status("none", "GET", "/services/1") == 403
    for method, path, body in (  # no page names a privilege for these
        ("POST", "/customers/C1/services/1", {}),
        ("GET", "/metadata/services/extensions", NOTHING),
        ("GET", "/server/status", NOTHING),
        ("POST", "/server/mode", {"mode": "production"}),
    ):
        assert ucs_users.status("none", method, path, body) == 200, path


def test_a_transition_needs_the_privileges_for_both_states(ucs_users: Callers) -> None:
    ucs_users.call("whole", "POST", "/services/start", START)
    ucs_users.call("whole", "POST", "/services/1/states/start", {"state_type": 1})
    body = {"from": {"state_id": 1}, "to": {"state_type": 2}}
    assert ucs_users.status("starter", "POST", "/services/1/states/transition", body) == 403
    assert len(ucs_users.call("whole", "GET", "/services/1/states/active").json) == 1
    assert ucs_users.status("whole", "POST", "/services/1/states/transition", body) == 201


def test_a_start_with_extensions_needs_the_privilege_to_create_them_and_is_never_done_in_part(
    ucs_users: Callers,
) -> None:
    assert ucs_users.status("whole", "POST", "/metadata/services/extensions", SCHEMA) == 201
    before = ucs_users.mock.get("/__admin/state").json
    reply = ucs_users.call("starter", "POST", "/services/start", {**START, "Data": {"a": 1}})
    assert (reply.status, "Create Service Extension" in reply.json["description"]) == (403, True)
    assert ucs_users.mock.get("/__admin/state").json == before
    assert ucs_users.status("starter", "POST", "/services/start", {**START, "disposition": 10}) == 201
    assert ucs_users.status("whole", "POST", "/services/start", {**START, "Data": {"a": 1}}) == 201


def test_extensions_need_the_privilege_to_update_or_read_them_elsewhere(ucs_users: Callers) -> None:
    ucs_users.call("whole", "POST", "/metadata/services/extensions", SCHEMA)
    ucs_users.call("whole", "POST", "/services/start", {**START, "Data": {"a": 1}})
    assert ucs_users.status("none", "POST", "/customers/C1/services/1", {"Data": {"a": 2}}) == 403
    assert ucs_users.status("whole", "POST", "/services/1/end", {"Data": {"a": 3}}) == 204
    assert ucs_users.status("none", "PUT", "/services/1/extensions/Data", {"a": 4}) == 403
    assert ucs_users.status("whole", "PUT", "/services/1/extensions/Data", {"a": 5}) == 200
    assert ucs_users.status("whole", "GET", "/services/1?extensions=Data") == 403
    assert ucs_users.status("whole", "GET", "/services/1") == 200
    planted = ucs_users.mock.get("/__admin/services/1").json
    assert (planted["Data"], "customer_id" in planted) == ({"a": 5}, False)


BAD = {
    "no password": "[users.x]\nroles = []\n",
    "roles that are a text": '[users.x]\npassword = "p"\nroles = "Administrator"\n',
    "an unknown member": '[users.x]\npassword = "p"\nrole = []\n',
}


@pytest.mark.parametrize("why", BAD)
def test_users_that_cannot_be_meant_are_refused(tmp_path: Path, why: str) -> None:
    file = tmp_path / "mockcs.toml"
    file.write_text(BAD[why], encoding="utf-8")
    with pytest.raises(AssertionError, match=r"did not start: mockcs: .*users\.x"), serving("--config", str(file)):
        pass


READER = """
[users.reader]
password = "p"
privileges = ["Read Service", "Read State", "Read Service Extension", "Start State", "Stop State", "Start Service",
    "Update State Extension"]
"""
PARTS = {
    "active_tasks=true": 403,
    "completed_tasks=true": 403,
    "active_tasks=false": 200,
    "active_states=true": 200,
    "extensions=*": 200,
    "extensions=Service.E,Task.E": 200,
    "active_states=true&extensions=*": 403,
    "active_states=true&extensions=State.E": 403,
    "active_states=true&extensions=State": 200,
}


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mock]:
    """A server with one user who may not read everything."""
    file = tmp_path_factory.mktemp("reader") / "mockcs.toml"
    file.write_text(READER)
    with serving("--config", str(file)) as mock:
        yield mock


@pytest.mark.parametrize("query", PARTS)
def test_what_a_query_shows_of_states_tasks_and_extensions_needs_the_right_to_read_each(
    reader: Mock, query: str
) -> None:
    reader.reset()
    head = {"Authorization": "Basic cmVhZGVyOnA="}
    assert reader.request("POST", "/services/start", START, **head).status == 201
    assert reader.request("GET", f"/services/1?{query}", **head).status == PARTS[query]


def test_a_transition_with_extensions_needs_the_rights_to_create_and_to_update_them(reader: Mock) -> None:
    reader.reset()
    head = {"Authorization": "Basic cmVhZGVyOnA="}
    schema = {"name": "E", "type": "single-valued", "attributes": [{"name": "a", "type": "integer"}]}
    state = {"extension_schemas": {"states": [schema]}}
    assert reader.put("/__admin/state", state).status == 200
    reader.request("POST", "/services/start", START, **head)
    reader.request("POST", "/services/1/states/start", {"state_type": 1}, **head)
    move = {"from": {"state_id": 1}, "to": {"state_type": 2}}
    refused = reader.request("POST", "/services/1/states/transition", {**move, "E": {"a": 1}}, **head)
    assert (refused.status, "Create State Extension" in refused.json["description"]) == (403, True)
    assert reader.request("POST", "/services/1/states/transition", move, **head).status == 201


def test_privileges_of_8_1_are_not_asked_for_in_8_5(gms_users: Callers) -> None:
    assert gms_users.status("root", "POST", "/services/start", {**START, "Data": {"a": 1}}) == 201
    assert gms_users.status("view", "GET", "/services/1?active_states=true&extensions=*") == 200
