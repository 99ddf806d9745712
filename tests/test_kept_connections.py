"""Connections that stay open: one request after the other on each, behind each of the servers."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from mockcs.front import Environ, StartResponse, Wsgi
from mockcs.server import Server, bound
from mockcs.threaded import Threaded
from tests.conftest import Mock

EVENT = {"service_type": 100, "contact_key": "42"}
BODY = json.dumps(EVENT).encode()
START = {"operation": "start_service"}


class Line:
    """One connection, and what goes over it."""

    def __init__(self, connection: socket.socket) -> None:
        self.send = connection.sendall
        self.answers = connection.makefile("rb")

    def answer(self, *, bare: bool = False) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Status, headers and body of the next answer; a bare one tells a length and has no body."""
        status = int(self.answers.readline().split()[1])
        headers = http.client.parse_headers(self.answers)
        length = 0 if bare else int(headers.get("Content-Length", 0))
        return status, headers, self.answers.read(length)

    def status(self) -> int:
        return self.answer()[0]

    def has_ended(self) -> bool:
        return self.answers.read() == b""


@contextmanager
def line(mock: Mock) -> Iterator[Line]:
    with socket.create_connection(mock.address, timeout=30) as connection:
        found = Line(connection)
        with closing(found.answers):
            yield found


def request(method: str, path: str, body: bytes = b"", *headers: str, version: str = "1.1") -> bytes:
    own = headers or ((f"Content-Length: {len(body)}",) if body else ())
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: 127.0.0.1", *own, "", ""]).encode() + body


GET = request("GET", "/services/7")


def test_many_requests_go_over_one_connection(everywhere: Mock) -> None:
    with line(everywhere) as one:
        for number in range(1, 21):
            one.send(request("POST", "/services/start", BODY))
            status, _, body = one.answer()
            assert (status, json.loads(body)) == (201, {"service_id": number})
    assert len(everywhere.calls()) == 20


def test_answers_of_every_kind_leave_the_connection_open(everywhere: Mock) -> None:
    asked = [
        (request("POST", "/services/start", BODY), 201),
        (request("POST", "/services/1/end", b"{}"), 204),
        (request("HEAD", "/__admin/health"), 200),
        (request("GET", "/services/7"), 404),
        (request("POST", "/services/start", b"junk"), 400),
        (request("PATCH", "/services/start", b"junk"), 405),
        (request("GET", "/__admin/nothing"), 404),
        (request("POST", "/__admin/clock/advance", b'{"seconds": 1}'), 200),
    ]
    with line(everywhere) as one:
        for sent, wanted in asked:
            one.send(sent)
            status, headers, _ = one.answer(bare=sent.startswith(b"HEAD"))
            assert (status, headers["Connection"]) == (wanted, None), sent
        one.send(GET)
        assert one.status() == 404


def test_requests_that_are_sent_at_once_are_answered_one_after_the_other(everywhere: Mock) -> None:
    with line(everywhere) as one:
        one.send(request("POST", "/services/start", BODY) * 3 + GET)
        assert [one.status() for _ in range(4)] == [201, 201, 201, 404]


def test_a_body_in_chunks_ends_where_the_next_request_begins(everywhere: Mock) -> None:
    chunks = b"%x\r\n%s\r\n" % (10, BODY[:10]) + b"%x\r\n%s\r\n" % (len(BODY) - 10, BODY[10:]) + b"0\r\n\r\n"
    with line(everywhere) as one:
        one.send((request("POST", "/services/start", b"", "Transfer-Encoding: chunked") + chunks) * 2 + GET)
        assert [one.status() for _ in range(3)] == [201, 201, 404]
    assert [call["request"]["body"] for call in everywhere.calls(operation="start_service")] == [EVENT, EVENT]


def test_a_body_that_is_too_large_does_not_end_the_connection(everywhere: Mock) -> None:
    with line(everywhere) as one:
        one.send(request("POST", "/services/start", b"x" * (2**20 + 1)) + GET)
        assert [one.status(), one.status()] == [413, 404]


def test_a_body_that_nobody_reads_does_not_pass_for_the_next_request(everywhere: Mock) -> None:
    with line(everywhere) as one:
        one.send(request("GET", "/__admin/health", GET))
        status, headers, _ = one.answer()
        assert status == 200
        if headers["Connection"] == "close":
            assert one.has_ended()
        else:
            one.send(request("GET", "/__admin/nothing"))
            assert one.status() == 404
    assert everywhere.calls() == []


def test_who_waits_to_be_asked_for_a_body_is_asked(everywhere: Mock) -> None:
    with line(everywhere) as one:
        for _ in range(2):
            one.send(request("POST", "/services/start", b"", f"Content-Length: {len(BODY)}", "Expect: 100-continue"))
            assert one.answers.readline().startswith(b"HTTP/1.1 100 ")
            assert one.answers.readline() == b"\r\n"
            one.send(BODY)
            assert one.status() == 201


@pytest.mark.parametrize(
    "sent",
    [request("GET", "/services/7", b"", "Connection: close"), request("GET", "/services/7", version="1.0")],
    ids=["close", "HTTP/1.0"],
)
def test_a_client_that_wants_no_more_gets_the_end(everywhere: Mock, sent: bytes) -> None:
    with line(everywhere) as one:
        one.send(sent)
        assert one.status() == 404
        assert one.has_ended()


def test_a_truncated_answer_ends_the_connection(everywhere: Mock) -> None:
    assert everywhere.post("/__admin/faults", {**START, "connection": "truncate"}).status == 201
    with line(everywhere) as one:
        one.send(GET)
        assert one.status() == 404
        one.send(request("POST", "/services/start", BODY))
        status, headers, body = one.answer()
        assert (status, len(body)) == (201, int(headers["Content-Length"]) // 2)


# Only with the socket at hand, or only in this process


def test_an_older_client_is_told_that_the_connection_ends_whatever_it_asks_for(mock: Mock) -> None:
    with line(mock) as one:
        one.send(request("GET", "/services/7", b"", "Connection: keep-alive", version="1.0"))
        status, headers, _ = one.answer()
        assert (status, headers["Connection"]) == (404, "close")
        assert one.has_ended()


# Heads that are none, and heads that are unusual

LENGTH = f"Content-Length: {len(BODY)}"


@pytest.mark.parametrize(
    "headers",
    [
        ["X-Trace : 1", LENGTH],
        ["X-Trace", LENGTH],
        ["From a friend", LENGTH],
        [LENGTH, "From a friend"],
        ["X-A: 1", "From a friend", LENGTH],
        ["X-A: 1", "  folded", LENGTH],
        [": 1", LENGTH],
        ["Expect: 100-continue", "X-Trace", LENGTH],
        ["Content-Length: some"],
        ["Content-Length: -1"],
        [f"Content-Length: +{len(BODY)}"],
        [LENGTH, "Content-Length: 3"],
    ],
)
def test_a_head_that_nobody_can_read_gets_400_and_what_follows_is_no_request(
    everywhere: Mock, headers: list[str]
) -> None:
    with line(everywhere) as one:
        one.send(request("POST", "/services/start", BODY, *headers) + GET)
        assert one.status() == 400
        assert one.has_ended()
    assert everywhere.calls() == []


@pytest.mark.parametrize("cut", ["Host: x\r\nConte", "Host: x\r\n", "Ho", ""])
def test_a_head_that_is_cut_off_is_no_request(everywhere: Mock, cut: str) -> None:
    with socket.create_connection(everywhere.address, timeout=30) as connection:
        connection.sendall(f"POST /services/start HTTP/1.1\r\n{cut}".encode())
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""
    assert everywhere.calls() == []


def test_a_blank_behind_a_length_is_none_of_it(everywhere: Mock) -> None:
    with line(everywhere) as one:
        one.send(request("POST", "/services/start", BODY, f"{LENGTH} ") + GET)
        assert [one.status(), one.status()] == [201, 404]


def test_a_length_that_is_told_twice_alike_is_one_length(everywhere: Mock) -> None:
    with line(everywhere) as one:
        one.send(request("POST", "/services/start", BODY, LENGTH, LENGTH) + GET)
        assert [one.status(), one.status()] == [201, 404]


@pytest.mark.parametrize("headers", [["Connection: TE, close"], ["Connection: TE", "Connection: Close"]])
def test_close_may_stand_in_a_list(everywhere: Mock, headers: list[str]) -> None:
    with line(everywhere) as one:
        one.send(request("GET", "/services/7", b"", *headers))
        assert one.status() == 404
        assert one.has_ended()


def test_empty_lines_before_a_request_are_passed_over(everywhere: Mock) -> None:
    with line(everywhere) as one:
        for lines in (b"\r\n", b"\r\n\r\n\r\n", b"\n"):
            one.send(lines + request("POST", "/services/start", BODY))
            assert one.status() == 201
    assert len(everywhere.calls()) == 3


def test_a_client_may_take_the_mock_for_its_proxy(everywhere: Mock) -> None:
    with line(everywhere) as one:
        for target, path, query in (
            ("http://cs.example:9/services/7?a=1", "/services/7", {"a": ["1"]}),
            ("http://cs.example", "/", {}),
            ("http://cs.example/services/anonymous/Jörg/active", "/services/anonymous/Jörg/active", {}),
        ):
            one.send(request("GET", target))
            one.answer()
            call = everywhere.last_call()
            assert (call["request"]["path"], call["request"]["query"]) == (path, query)
            assert call["request"]["headers"]["Host"] == "127.0.0.1"
        one.send(request("GET", "http://[::1/services/7"))
        assert one.status() == 400
        assert one.has_ended()


def test_an_underscore_in_the_name_of_a_header_is_recorded_as_a_hyphen(everywhere: Mock) -> None:
    with line(everywhere) as one:
        one.send(
            request("POST", "/services/start", BODY, "X_Trace_Id: 7", "X_Trace_Id: 8", "Transfer_Encoding: x", LENGTH)
        )
        assert one.status() == 201
    assert everywhere.last_call()["request"]["headers"]["X-Trace-Id"] == "7,8"


def test_a_head_that_speaks_of_parts_is_a_head(everywhere: Mock) -> None:
    for kind in ("multipart/form-data; boundary=xx", "multipart/mixed", "message/rfc822"):
        with line(everywhere) as one:
            one.send(request("POST", "/services/start", BODY, f"Content-Type: {kind}", LENGTH))
            assert one.status() == 201
        [advice] = everywhere.last_call()["advice"]
        assert advice.startswith(f"the Content-Type is {kind}")


def test_cookies_of_two_headers_are_joined_as_cookies_are(everywhere: Mock) -> None:
    with line(everywhere) as one:
        one.send(request("GET", "/services/7", b"", "Cookie: a=1 ", "Cookie: b=2  "))
        assert one.status() == 404
    match = {"headers": {"Cookie": "a=1;b=2"}}
    assert everywhere.post("/__admin/calls/verify", {"match": match}).status == 200


def test_a_header_that_is_not_ascii_is_recorded_as_utf_8_or_else_as_latin_1(mock: Mock) -> None:
    for sent in ("Jörg".encode(), "Jörg".encode("latin-1")):
        with line(mock) as one:
            headers = b"".join(b"\r\n%s: %s" % (name, sent) for name in (b"X-User", b"Content-Type", b"Cookie"))
            one.send(GET.replace(b"\r\n\r\n", headers + b"\r\n\r\n"))
            assert one.status() == 404
        recorded = mock.last_call()["request"]["headers"]
        assert (recorded["X-User"], recorded["Content-Type"]) == ("Jörg", "Jörg")
        assert mock.post("/__admin/calls/verify", {"match": {"headers": {"Cookie": "Jörg"}}}).status == 200
        mock.reset()


def test_an_answer_to_head_is_not_truncated_for_it_has_no_body(everywhere: Mock) -> None:
    fault = {"match": {"method": "HEAD"}, "connection": "truncate"}
    assert everywhere.post("/__admin/faults", fault).status == 201
    with line(everywhere) as one:
        one.send(request("HEAD", "/services/7") + GET)
        assert one.answer(bare=True)[0] == 405
        assert one.status() == 404


@contextmanager
def behind_it(app: Wsgi) -> Iterator[tuple[Threaded, Mock]]:
    """The threaded server with an app of the test behind it."""
    with bound("127.0.0.1", 0) as listener:
        listener.listen()
        server = Threaded(listener, app, None)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server, Mock("http://{}:{}".format(*server.server_address[:2]))
    finally:
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("size", [-1, 1000])
def test_nobody_reads_beyond_a_body(size: int) -> None:
    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        body = environ["wsgi.input"].read(size)
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    with behind_it(app) as (_, mock), line(mock) as one:
        one.send(request("POST", "/", b"first") + request("POST", "/", b"second"))
        assert [one.answer()[2] for _ in range(2)] == [b"first", b"second"]


def test_who_hangs_up_lets_an_answer_go_that_is_under_way() -> None:
    asked, go_on = threading.Event(), threading.Event()

    def app(_: Environ, start_response: StartResponse) -> list[bytes]:
        asked.set()
        assert go_on.wait(30)
        start_response("200 OK", [("Content-Length", "4")])
        return [b"done"]

    with behind_it(app) as (server, mock), line(mock) as one:
        one.send(GET)
        assert asked.wait(30)
        server.hang_up()
        go_on.set()
        assert one.answer()[2] == b"done"
        assert one.has_ended()


@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_fault_breaks_a_connection_that_was_kept(mock: Mock, how: str) -> None:
    assert mock.post("/__admin/faults", {**START, "connection": how}).status == 201
    with line(mock) as one:
        one.send(GET)
        assert one.status() == 404
        one.send(request("POST", "/services/start", BODY))
        if how == "reset":
            with pytest.raises(ConnectionResetError):
                one.has_ended()
        else:
            assert one.has_ended()
    assert mock.last_call()["state"] == "aborted"


@pytest.mark.parametrize(
    "headers",
    [[f"Content-Length: {'9' * 5000}"], ["Content-Length: 2", "Transfer-Encoding: gzip"]],
    ids=["too long", "encoded"],
)
def test_a_request_of_no_known_length_is_the_last_one(mock: Mock, headers: list[str]) -> None:
    with line(mock) as one:
        one.send(request("POST", "/services/start", GET, *headers))
        status, answered, _ = one.answer()
        assert (status, answered["Connection"]) == (400, "close")
        assert one.has_ended()
    assert [call["operation"] for call in mock.calls()] == ["start_service"]


def test_stopping_ends_the_connections_that_are_open() -> None:
    server = Server().start()
    with line(Mock(server.base_url)) as one, line(Mock(server.base_url)) as other:
        for each in (one, other):
            each.send(GET)
            assert each.status() == 404
        server.stop()
        assert one.has_ended()
        assert other.has_ended()


def test_chunks_may_have_extensions_and_trailers(everywhere: Mock) -> None:
    chunks = b'%x;a="b";c\r\n%s\r\n0;last\r\nX-Sum: 7\r\nX-More: 8\r\n\r\n' % (len(BODY), BODY)
    with line(everywhere) as one:
        one.send((request("POST", "/services/start", b"", "Transfer-Encoding: chunked") + chunks) * 2 + GET)
        assert [one.status() for _ in range(3)] == [201, 201, 404]


@pytest.mark.parametrize("size", [b"0x24", b"-1", b"", b"zz"])
def test_a_chunk_of_no_size_is_no_body(mock: Mock, size: bytes) -> None:
    with line(mock) as one:
        one.send(request("POST", "/services/start", b"", "Transfer-Encoding: chunked") + size + b"\r\n" + BODY)
        assert one.status() == 400
        assert one.has_ended()
    assert mock.calls()[0]["state"] == "aborted"


TARGETS = {
    "two slashes": (b"//services/start", "//services/start", {}),
    "raw UTF-8": ("/services/anonymous/Zoé".encode(), "/services/anonymous/Zoé", {}),
    "raw UTF-8 in a query": ("/services/1?extensions=Prénom".encode(), "/services/1", {"extensions": ["Prénom"]}),
    "escapes": (b"/services/anonymous/a%20%C3%A9?x=%C3%A9+b", "/services/anonymous/a é", {"x": ["é b"]}),
    "a whole URL": (b"http://127.0.0.1/services/1?a=1", "/services/1", {"a": ["1"]}),
}


@pytest.mark.parametrize("case", TARGETS)
def test_a_target_is_recorded_as_it_was_sent(everywhere: Mock, case: str) -> None:
    target, path, query = TARGETS[case]
    with line(everywhere) as one:
        one.send(b"GET " + target + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Blank:  a  \r\n\r\n")
        one.status()
    recorded = everywhere.calls()[0]["request"]
    assert (recorded["path"], recorded["query"], recorded["headers"]["X-Blank"]) == (path, query, "a")


def test_a_forked_child_holds_no_connection_open(mock: Mock) -> None:
    mock.post("/__admin/faults", {"operation": "start_service", "connection": "close", "skip": 1})
    with line(mock) as one:
        one.send(request("POST", "/services/start", BODY))
        assert one.status() == 201
        child = os.fork()
        if child == 0:
            signal.pause()
            os._exit(0)
        try:
            one.send(request("POST", "/services/start", BODY))
            assert one.has_ended()
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


@pytest.mark.parametrize("sent", [b"5\r\n{}", b"ff\r\n" + BODY, b"5"])
def test_a_body_in_chunks_that_is_cut_short_is_recorded(mock: Mock, sent: bytes) -> None:
    with socket.create_connection(mock.address, timeout=30) as one:
        one.sendall(request("POST", "/services/start", b"", "Transfer-Encoding: chunked") + sent)
    while not [call for call in mock.calls() if call["state"] == "aborted"]:
        assert len(mock.calls()) <= 1


def test_blanks_around_a_target_are_no_part_of_it(mock: Mock) -> None:
    with line(mock) as one:
        one.send(b"GET  /services/1?a=1  HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert one.status() == 404
    assert mock.calls()[0]["request"]["query"] == {"a": ["1"]}


def test_a_connection_stays_open_after_a_body_in_chunks_to_the_admin_api(everywhere: Mock) -> None:
    head = b"POST /__admin/reset HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    with line(everywhere) as one:
        for _ in range(2):
            one.send(head + b"2\r\n{}\r\n0\r\n\r\n")
            assert one.status() == 200
