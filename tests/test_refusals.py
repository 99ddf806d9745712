"""Junk, at the level of bytes and sockets: refused in the shape of the server that was called, and without a trace."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import struct
from contextlib import closing
from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import Door, Mock, Reply

GOOD = b'{"service_type": 100, "contact_key": "42"}'
BIG = b'{"contact_key": "' + b"x" * (20 * 2**20) + b'"}'
MEMBERS = {"8.1": {"http_method", "title", "description", "code", "uri"}, "8.5": {"message", "exception"}}
JUNK = {
    "empty": b"",
    "blank": b" \r\n\t",
    "malformed": b'{"service_type": 100, "contact_key": "42"',
    "an array": b"[" + GOOD + b"]",
    "null": b"null",
    "not UTF-8": b'{"service_type": 100, "contact_key": "\xff"}',
    "UTF-16": GOOD.decode().encode("utf-16"),
    "with a BOM": b"\xef\xbb\xbf" + GOOD,
    "with a lone surrogate": b'{"service_type": 100, "contact_key": "\\ud800"}',
    "with NaN": b'{"service_type": 100, "contact_key": "42", "x": NaN}',
    "with Infinity": b'{"service_type": 100, "contact_key": "42", "x": -Infinity}',
    "with 1e999": b'{"service_type": 100, "contact_key": "42", "x": 1e999}',
    "with an integer of 5000 digits": b'{"service_type": 100, "contact_key": "42", "x": ' + b"7" * 5000 + b"}",
    "with trailing garbage": GOOD + b"x",
    "100,000 open brackets": b"[" * 100_000,
    "100,000 open objects": b'{"a":' * 100_000,
    "100,000 closed brackets": b"[" * 100_000 + b"]" * 100_000,
    "101 levels": b'{"service_type": 100, "contact_key": "42", "x": ' + b"[" * 100 + b"]" * 100 + b"}",
}


@pytest.fixture
def door(anywhere: Mock, api: str) -> Door:
    """Each generation, in this process and served by granian, with one service that must not change."""
    door = Door(anywhere, api)
    door.start_service(customer_id="C1", contact_key="42")
    return door


def exchanged(door: Door, request: bytes) -> Reply:
    """The answer to these bytes, exactly as it came over the wire until the connection was closed."""
    with socket.create_connection(door.mock.address, timeout=30) as connection:
        connection.sendall(request)
        return reply_of(until_closed(connection))


def until_closed(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(2**16), b""))


def reply_of(text: bytes) -> Reply:
    head, _, body = text.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    headers = dict(line.decode("ascii").lower().split(": ", 1) for line in lines)
    return Reply(int(status.split()[1]), headers, body)


def head_of(door: Door, method: str = "POST", path: str = "/services/start", *lines: str) -> bytes:
    host, port = door.mock.address
    first = f"{method} {door.prefix}{path} HTTP/1.1", f"Host: {host}:{port}", "Connection: close"
    return "\r\n".join((*first, *lines, "", "")).encode()


def refused(door: Door, reply: Reply, status: int, method: str = "POST", path: str = "/services/start") -> Any:
    """Hold a refusal against the documented shape and see that it left no trace; returns the call's record."""
    assert reply.status == status, reply.body
    assert reply.headers["content-type"] == "application/json"
    assert reply.json.keys() == MEMBERS[door.api]
    if door.api == "8.1":
        assert reply.json["http_method"] == method
        assert reply.json["uri"] == door.mock.base_url + quote(path, safe="/:")
        assert isinstance(reply.json["code"], int)
    call = door.mock.get(f"/__admin/calls/{reply.headers['mockcs-call']}").json
    assert (call["state"], call["api"], call["response"]["status"]) == ("answered", door.api, status)
    assert (call["request"]["method"], call["request"]["path"]) == (method, door.prefix + path)
    assert call["response"]["body"] == reply.json
    assert call["changes"] == []
    untouched(door)
    return call


def untouched(door: Door) -> None:
    services, ids = door.mock.state()
    assert [service["service_id"] for service in services["services"]] == [1]
    assert ids == {"service": 2, "state": 1, "task": 1}
    assert door.start_service() == 2, "the server does not answer any more"


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK.keys())
def test_a_body_that_is_no_json_object_is_refused_with_400(door: Door, junk: bytes) -> None:
    call = refused(door, door.post("/services/start", junk), 400)
    assert call["operation"] == "start_service"
    assert call["request"]["body_size"] == len(junk)
    assert call["violations"][0]["message"]


def test_a_body_may_nest_100_levels_and_comes_back_as_it_was_sent(anywhere: Mock) -> None:
    door = Door(anywhere, "8.5")
    nested: Any = "deep"
    for _ in range(99):
        nested = [nested]
    service = door.start_service(attached=nested)
    assert door.get(f"/services/{service}?extensions=attached").json["attached"] == nested


def test_the_record_of_a_value_that_nests_as_deep_as_a_body_may_can_be_read(door: Door) -> None:
    body = b'{"service_type": 100, "contact_key": ' + b"[" * 99 + b"]" * 99 + b"}"
    assert refused(door, door.post("/services/start", body), 400)["request"]["body"] == json.loads(body)


def test_brackets_inside_strings_are_no_levels(door: Door) -> None:
    key = '[{"\\' * 400
    service = door.start_service(contact_key=key)
    assert door.get(f"/services/{service}").json["contact_key"] == key


def test_an_unfinished_string_full_of_escaped_quotes_does_not_hold_the_server_up(served: Mock) -> None:
    with closing(http.client.HTTPConnection(*served.address, timeout=5)) as connection:
        connection.request("POST", "/services/start", b"[" * 101 + b'"' + b'\\"' * 16_000)
        with closing(connection.getresponse()) as answer:
            assert answer.status == 400


def test_20_mib_get_413_are_recorded_as_cut_and_do_not_spoil_the_connection(door: Door) -> None:
    path = f"{door.prefix}/services/start"
    with closing(http.client.HTTPConnection(*door.mock.address, timeout=30)) as connection:
        connection.request("POST", path, BIG)
        answer = connection.getresponse()
        reply = Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        # Served on the connection, or on a new one if the server said that it closes this one.
        connection.request("GET", "/__admin/health")
        with closing(connection.getresponse()) as answer:
            assert answer.status == 200
    call = refused(door, reply, 413)
    assert call["request"]["body"] == {"cut": True, "size": len(BIG), "sha256": hashlib.sha256(BIG).hexdigest()}


def test_a_body_of_just_the_limit_is_read(door: Door) -> None:
    body = GOOD[:-2] + b"x" * (2**20 - len(GOOD)) + b'"}'
    assert door.post("/services/start", body).status == 201
    assert door.post("/services/start", body + b" ").status == 413


def chunked(body: bytes, size: int = 7) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def test_a_chunked_body_is_read_as_any_other(door: Door) -> None:
    head = head_of(door, "POST", "/services/start", "Transfer-Encoding: chunked")
    assert exchanged(door, head + chunked(GOOD)).json == {"service_id": 2}
    assert door.mock.last_call()["request"]["body"] == json.loads(GOOD)


def test_a_chunked_body_that_is_junk_or_too_large_is_refused_as_any_other(door: Door) -> None:
    head = head_of(door, "POST", "/services/start", "Transfer-Encoding: chunked")
    large = exchanged(door, head + chunked(BIG, 2**20))
    assert large.status == 413
    assert door.mock.last_call()["request"]["body"]["sha256"] == hashlib.sha256(BIG).hexdigest()
    refused(door, exchanged(door, head + chunked(GOOD[:-1])), 400)


def test_chunks_go_before_a_content_length(door: Door) -> None:
    head = head_of(door, "POST", "/services/start", "Content-Length: 3", "Transfer-Encoding: chunked")
    assert exchanged(door, head + chunked(GOOD)).status == 201


@pytest.mark.parametrize("length", ["7" * 5000, "-5", "many"])
def test_an_impossible_content_length_is_refused_with_400(door: Door, length: str) -> None:
    assert exchanged(door, head_of(door, "POST", "/services/start", f"Content-Length: {length}") + GOOD).status == 400
    untouched(door)


@pytest.mark.parametrize(("body", "status"), [(GOOD, 201), (GOOD + b"x", 400)])
def test_expect_100_continue_is_answered_before_the_body_is_sent(door: Door, body: bytes, status: int) -> None:
    lines = f"Content-Length: {len(body)}", "Expect: 100-continue"
    with socket.create_connection(door.mock.address, timeout=30) as connection:
        connection.sendall(head_of(door, "POST", "/services/start", *lines))
        assert connection.recv(2**16).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        text = until_closed(connection)
    reply = reply_of(text[text.index(b"HTTP/1.1 %d" % status) :])
    assert reply.status == status
    if status == 400:
        refused(door, reply, 400)


@pytest.mark.parametrize("path", ["/services/start", "/services/1", "/nothing"])
def test_head_is_answered_without_a_body(door: Door, path: str) -> None:
    reply = exchanged(door, head_of(door, "HEAD", path))
    assert (reply.status, reply.body) == (404 if path == "/nothing" else 405, b"")
    assert door.mock.last_call()["request"]["method"] == "HEAD"
    untouched(door)


@pytest.mark.parametrize("method", ["OPTIONS", "PATCH", "FROBNICATE"])
def test_a_wrong_method_gets_405_with_the_methods_that_the_url_has(door: Door, method: str) -> None:
    rows = [row for row in door.mock.get("/__admin/operations").json["operations"] if row["api"] == door.api]
    methods: dict[str, set[str]] = {}
    for row in rows:
        methods.setdefault(row["path"], set()).add(row["method"])
    for template, allowed in methods.items():
        path = template.replace("${", "").replace("}", "")
        reply = door.request(method, path)
        assert (reply.status, reply.headers["allow"]) == (405, ", ".join(sorted(allowed))), path
    assert refused(door, reply, 405, method, path)["operation"] is None


UNKNOWN = ["/nothing", "/services", "/services/start/", "/services//start", "/SERVICES/start", "/services/1/2/3", "/"]


@pytest.mark.parametrize("path", UNKNOWN)
def test_an_unknown_url_gets_404_also_with_a_mere_trailing_slash(door: Door, path: str) -> None:
    call = refused(door, door.post(path, GOOD), 404, path=path)
    assert (call["operation"], call["operation_id"], call["path_params"]) == (None, None, {})
    assert call["request"]["body"] == json.loads(GOOD)


def test_the_uri_of_a_refusal_names_the_space_that_was_called(anywhere: Mock) -> None:
    reply = anywhere.post("/__space/tester/nothing", GOOD)
    assert reply.json["uri"] == f"{anywhere.base_url}/__space/tester/nothing"
    assert anywhere.calls() == []
    assert [call["space"] for call in anywhere.get("/__space/tester/__admin/calls").json["calls"]] == ["tester"]


@pytest.mark.parametrize("manner", ["closing", "resetting"])
def test_a_client_that_goes_away_in_mid_body_is_recorded_as_aborted(door: Door, manner: str) -> None:
    head = head_of(door, "POST", "/services/start", f"Content-Length: {len(GOOD) + 1}")
    with socket.create_connection(door.mock.address, timeout=30) as connection:
        connection.sendall(head + GOOD)
        if manner == "resetting":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wanted = {"match": {"operation": "start_service"}, "exactly": 2, "within_ms": 20_000}
    assert door.mock.post("/__admin/calls/verify", wanted).status == 200
    call = door.mock.last_call()
    assert (call["state"], call["response"], call["changes"]) == ("aborted", None, [])
    untouched(door)


def test_a_client_that_goes_away_between_chunks_changes_nothing(mock: Mock, api: str) -> None:
    door = Door(mock, api)
    door.start_service()
    head = head_of(door, "POST", "/services/start", "Transfer-Encoding: chunked")
    with socket.create_connection(mock.address, timeout=30) as connection:
        connection.sendall(head + chunked(GOOD, 2**10).removesuffix(b"0\r\n\r\n"))
    wanted = {"match": {"operation": "start_service"}, "exactly": 2, "within_ms": 20_000}
    assert mock.post("/__admin/calls/verify", wanted).status == 200
    assert mock.last_call()["state"] == "aborted"
    untouched(door)


EVIL = "\r\nEvil: 1"


@pytest.mark.parametrize("name", [f"x{EVIL}", f"Жук{EVIL}", "Ж" * 500, "\u2028\x00\x7f"])
def test_a_member_name_reaches_the_violations_header_escaped_and_shortened(anywhere: Mock, name: str) -> None:
    door = Door(anywhere, "8.1")
    door.start_service()
    body = json.dumps({"service_type": 100, "contact_key": "42", name: {"no": "schema"}}).encode()
    reply = exchanged(door, head_of(door, "POST", "/services/start", f"Content-Length: {len(body)}") + body)
    header = reply.headers["mockcs-violations"]
    assert header.startswith("1; ")
    assert len(header) <= 200
    assert "evil" not in reply.headers
    assert name in refused(door, reply, 400)["violations"][0]["pointer"]


def test_a_value_reaches_the_violations_header_escaped(door: Door) -> None:
    body = json.dumps({"service_type": 100, "contact_key": "42", "timestamp": f"Жук{EVIL}"}).encode()
    reply = exchanged(door, head_of(door, "POST", "/services/start", f"Content-Length: {len(body)}") + body)
    assert "evil" not in reply.headers
    assert refused(door, reply, 400)["violations"][0]["value"] == f"Жук{EVIL}"


def test_a_path_reaches_no_header_raw(door: Door) -> None:
    reply = exchanged(door, head_of(door, "GET", "/services/1%0D%0AEvil:%201"))
    assert "evil" not in reply.headers
    assert refused(door, reply, 400, "GET", f"/services/1{EVIL}")["path_params"] == {"service_id": f"1{EVIL}"}


@pytest.mark.parametrize("name", ["coupon\n", f"coupon{EVIL}", "coupon\r\n", "Жук"])
def test_the_name_of_an_extension_schema_cannot_break_the_location_header(anywhere: Mock, name: str) -> None:
    door = Door(anywhere, "8.1")
    schema = {"name": name, "type": "single-valued", "attributes": [{"name": "a", "type": "string"}]}
    body = json.dumps(schema).encode()
    door.start_service()
    path = "/metadata/services/extensions"
    reply = exchanged(door, head_of(door, "POST", path, f"Content-Length: {len(body)}") + body)
    assert refused(door, reply, 400, path=path)["violations"][0]["pointer"] == "/name"
    assert door.get(path).json == []


MEANT = {
    ("8.5", "/service/start"): "/services/start",
    ("8.5", "/services/1/state/start"): "/services/1/states/start",
    ("8.5", "/services/start/"): "/services/start",
    ("8.5", "/genesys/1/cs/services/start"): "/services/start",
    ("8.5", "//services/start"): "/services/start",
    ("8.1", "/serices/start"): "/services/start",
}


@pytest.mark.parametrize("case", MEANT, ids=str)
def test_an_unknown_url_is_told_the_one_that_was_meant(mock: Mock, case: tuple[str, str]) -> None:
    door = Door(mock, case[0])
    assert door.post(case[1], {}).status == 404
    assert mock.last_call()["advice"][0].endswith(f"; did you mean {door.prefix}{MEANT[case]}?")


TAKEN = {
    ("8.5", "POST", "/services/strat"): "/genesys/1/cs/services/start",
    ("8.5", "POST", "/services/Start"): "/genesys/1/cs/services/start",
    ("8.1", "GET", "/customers/C1/services/actve"): "/customers/C1/services/active",
    ("8.1", "DELETE", "/services/1"): "/genesys/1/cs/services/1",
}


@pytest.mark.parametrize("case", TAKEN, ids=str)
def test_a_misspelt_url_that_a_variable_takes_is_told_what_was_meant(mock: Mock, case: tuple[str, str, str]) -> None:
    api, method, path = case
    assert Door(mock, api).request(method, path).status == 405
    assert mock.last_call()["advice"][0].endswith(f", not {method}; did you mean {TAKEN[case]}?")


def test_an_operation_of_the_other_generation_is_told_where_it_is(ucs: Door, gms: Door) -> None:
    assert ucs.post("/services_composite/start", {}).status == 404
    assert ucs.mock.last_call()["advice"][0].endswith("did you mean /genesys/1/cs/services_composite/start?")
    assert gms.get("/metadata/services/extensions").status == 404
    assert ucs.mock.last_call()["advice"][0].endswith("did you mean /metadata/services/extensions?")
    assert gms.get("/nothing/of/the/kind").status == 404
    assert ucs.mock.last_call()["advice"] == [
        "no documented operation is GET /genesys/1/cs/nothing/of/the/kind",
    ]


def test_a_wrong_method_is_told_what_the_url_takes(door: Door) -> None:
    assert door.request("PUT", "/services/start", {}).status == 405
    assert door.mock.last_call()["advice"] == [f"{door.prefix}/services/start takes POST, not PUT"]


@pytest.mark.parametrize("path", ["/genesys/1/csx", "/genesys/1/cs.", "/genesys/1/css/services/1"])
def test_a_path_that_only_begins_like_the_prefix_of_8_5_is_of_8_1(mock: Mock, path: str) -> None:
    assert mock.get(path).json.keys() == {"http_method", "title", "description", "code", "uri"}
    assert mock.last_call()["api"] == "8.1"


def test_only_missing_credentials_are_challenged(door: Door) -> None:
    door.mock.read_as(challenge="basic")
    reply = door.get("/services/9")
    assert reply.status in (400, 404)
    assert "www-authenticate" not in reply.headers


def test_what_is_wrong_with_the_body_as_a_whole_stands_without_a_pointer_in_the_header(door: Door) -> None:
    assert door.post("/services/start", b"{").headers["mockcs-violations"].startswith("1; the body is not JSON")


UNREAD = {
    "a bad name of a space": ("POST", "/__space/a%20b/services/start", 400),
    "no such admin route": ("POST", "/__admin/nothing", 404),
    "a method that an admin route has not": ("PUT", "/__admin/calls", 405),
    "a parameter that a route has not": ("PUT", "/__admin/state?a=1", 400),
    "a foreign host": ("PUT", "/__admin/state", 403),
}


@pytest.mark.parametrize("case", UNREAD)
def test_a_refusal_that_needs_no_body_leaves_the_connection_in_order(everywhere: Mock, case: str) -> None:
    method, path, status = UNREAD[case]
    with closing(http.client.HTTPConnection(*everywhere.address, timeout=30)) as connection:
        for _ in range(10):
            connection.request(method, path, b"x" * 200_000, {"Host": "elsewhere.example"} if status == 403 else {})
            answer = connection.getresponse()
            assert (answer.status, answer.read() != b"") == (status, True)
