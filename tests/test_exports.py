"""A call as a shell line that really runs and makes the same call, and the journal as HAR 1.2."""

from __future__ import annotations

import base64
import http.client
import json
import re
import shutil
import subprocess
from datetime import datetime
from typing import Any

import pytest

from mockcs import __version__
from mockcs.app import create_app
from mockcs.server import Server
from mockcs.settings import Settings
from tests.conftest import NOTHING, Mock, Reply

EVENT = {"service_type": 100, "contact_key": "42"}
SENT: dict[str, tuple[str, str, Any, dict[str, str]]] = {
    "JSON": ("POST", "/genesys/1/cs/services/start", {**EVENT, "note": "Ж 'quoted' \"twice\" $HOME `x` \\ !\n"}, {}),
    "no JSON": ("POST", "/services/start", b"{'contact_key'", {}),
    "a name of a file": ("POST", "/services/start", b"@/etc/passwd", {}),
    "bytes": ("POST", "/services/start", bytes(range(256)), {}),
    "a zero byte": ("POST", "/services/start", b"a\x00b", {}),
    "line ends": ("POST", "/services/start", b"\r\n{}\n\n", {}),
    "no body": ("POST", "/services/1/end", NOTHING, {}),
    "another method": ("PUT", "/services/start", EVENT, {}),
    "HEAD": ("HEAD", "/services/1", NOTHING, {}),
    "DELETE": ("DELETE", "/genesys/1/cs/services/1", NOTHING, {}),
    "a query": ("GET", "/services/1?extensions=a&extensions=%D0%96&x[0]={1,2}&y='%20'&z", NOTHING, {}),
    "a coded path": ("GET", "/customers/%D0%96%20%22%27%3F%23%25/services", NOTHING, {}),
    "dots": ("GET", "/services/./../services/1", NOTHING, {}),
    "headers": ("GET", "/services/1", NOTHING, {"X_Trace": 'it\'s "7"; $x', "ContactCenterId": "a,b"}),
    "an empty header": ("GET", "/services/1", NOTHING, {"X_Empty": ""}),
    "another kind of body": ("POST", "/services/start", EVENT, {"Content_Type": "text/plain; charset=utf-8"}),
}
OWN = {"User-Agent", "Accept", "Accept-Encoding", "Connection", "Content-Length"}
"""Headers that a client makes up itself."""


def made(mock: Mock, prefix: str = "") -> dict[str, Any]:
    """The newest call without what differs from one to the next."""
    call: dict[str, Any] = mock.get(f"{prefix}/__admin/calls?limit=1").json["calls"][0]
    request = call["request"]
    request["headers"] = {name: value for name, value in request["headers"].items() if name not in OWN}
    return {name: call[name] for name in ("space", "operation", "api", "path_params", "request")}


def line(mock: Mock, prefix: str = "") -> str:
    """The newest call as a shell line."""
    number = mock.get(f"{prefix}/__admin/calls").json["total"]
    reply = mock.get(f"{prefix}/__admin/calls/{number}/curl")
    assert (reply.status, reply.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    text = reply.body.decode()
    assert text.endswith("\n")
    return text.removesuffix("\n")


def typed(command: str) -> str:
    """What a shell prints when this is typed into it."""
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done
    return done.stdout.decode(errors="replace")


needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")


@needs_curl
@pytest.mark.parametrize("name", SENT)
def test_a_shell_line_makes_the_same_call(anywhere: Mock, name: str) -> None:
    method, path, body, headers = SENT[name]
    raw = dict(headers)
    if isinstance(body, bytes):
        raw.setdefault("Content_Type", "application/json")
    first = anywhere.request(method, path, body, **raw)
    before = made(anywhere)
    printed = typed(line(anywhere))
    assert made(anywhere) == before
    assert printed.startswith(f"HTTP/1.1 {first.status} ")
    assert anywhere.get("/__admin/calls").json["total"] == 2


@needs_curl
def test_a_shell_line_without_a_content_type_sends_none(mock: Mock) -> None:
    body = b'{"service_type": 100, "contact_key": "42"}'
    mock.request("POST", "/services/start", body, Content_Type="")
    typed(line(mock))
    first, second = (call["request"]["headers"].get("Content-Type") for call in mock.calls())
    assert first in (None, "")
    assert second is None
    assert [call["advice"] for call in mock.calls()] == [[], []]


@needs_curl
@pytest.mark.parametrize("way", ["prefix", "header"])
def test_a_shell_line_goes_to_the_space_of_the_call(anywhere: Mock, way: str) -> None:
    prefix, headers = ("/__space/a.b", {}) if way == "prefix" else ("", {"Mockcs_Space": "a.b"})
    anywhere.request("POST", f"{prefix}/services/start", EVENT, **headers)
    text = anywhere.request("GET", f"{prefix}/__admin/calls/1/curl", **headers).body.decode()
    assert '"service_id":2' in typed(text.replace("\n", ""))
    assert anywhere.get("/__space/a.b/__admin/calls").json["total"] == 2
    assert anywhere.get("/__admin/calls").json["total"] == 0
    anywhere.delete("/__admin/spaces/a.b")


def test_a_masked_header_keeps_its_mask_in_a_shell_line(mock: Mock) -> None:
    mock.request("GET", "/services/1", Authorization="Basic a2VudDpzZWNyZXQ=")
    text = line(mock)
    assert re.search(r"-H 'Authorization: masked:[0-9a-f]{32}'", text), text
    assert "a2VudDpzZWNyZXQ" not in text


def test_a_cut_body_is_left_out_of_a_shell_line() -> None:
    with Server(Settings(max_body=10)) as cs:
        mock = Mock(cs.base_url)
        assert mock.post("/services/start", EVENT).status == 413
        assert "--data" not in line(mock)
        assert line(mock).endswith(f"# its body of {len(json.dumps(EVENT))} bytes was too large to be kept")
        assert har(mock)[-1]["request"]["comment"] == "the body was too large to be kept"


@pytest.mark.parametrize("body", [[b""], [b'{"service_type"', b": 100}"], [b"x" * 2**20, b"x"]])
def test_what_came_in_chunks_is_sent_again_by_a_line_that_ends(mock: Mock, body: list[bytes]) -> None:
    connection = http.client.HTTPConnection(*mock.address, timeout=30)
    connection.request("POST", "/services/start", iter(body), encode_chunked=True)
    connection.getresponse().read()
    connection.close()
    exported = line(mock)
    assert "chunked" not in exported
    assert subprocess.run(["sh", "-c", exported], capture_output=True, timeout=60, check=False).returncode == 0
    assert mock.last_call()["request"]["path"] == "/services/start"


def test_a_shell_line_of_head_says_that_it_leaves_the_body_out(mock: Mock) -> None:
    mock.request("HEAD", "/services/1", {"a": 1})
    exported = line(mock)
    assert exported.endswith("# its body of 8 bytes is left out: curl sends none with HEAD")
    assert subprocess.run(["sh", "-c", exported], capture_output=True, timeout=60, check=False).returncode == 0
    assert len(mock.calls()) == 2


def test_a_call_that_is_not_there_has_no_shell_line(mock: Mock) -> None:
    reply = mock.get("/__admin/calls/1/curl")
    assert (reply.status, reply.json.keys()) == (404, {"error", "hint"})


# HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/): the members that it does not call optional, and their types

NUMBER = (int, float)
LOG = {"version": str, "creator": dict, "entries": list}
ENTRY = {
    "startedDateTime": str,
    "time": NUMBER,
    "request": dict,
    "response": dict,
    "cache": dict,
    "timings": dict,
}
REQUEST = {
    "method": str,
    "url": str,
    "httpVersion": str,
    "cookies": list,
    "headers": list,
    "queryString": list,
    "headersSize": NUMBER,
    "bodySize": NUMBER,
}
RESPONSE = {
    "status": int,
    "statusText": str,
    "httpVersion": str,
    "cookies": list,
    "headers": list,
    "content": dict,
    "redirectURL": str,
    "headersSize": NUMBER,
    "bodySize": NUMBER,
}
OPTIONAL = {"comment", "pages", "browser", "pageref", "serverIPAddress", "connection", "postData", "encoding", "text"}


def has(document: dict[str, Any], wanted: dict[str, Any]) -> None:
    """See that the required members are there with their types, and no member that HAR does not know."""
    for name, kind in wanted.items():
        assert isinstance(document[name], kind), (name, document.get(name))
    assert document.keys() - wanted.keys() <= OPTIONAL


def assert_har(document: dict[str, Any]) -> None:
    assert document.keys() == {"log"}
    log = document["log"]
    has(log, LOG)
    assert (log["version"], log["creator"]) == ("1.2", {"name": "mockcs", "version": __version__})
    for entry in log["entries"]:
        has(entry, ENTRY)
        assert datetime.fromisoformat(entry["startedDateTime"]).tzinfo is not None
        has(entry["timings"], dict.fromkeys(("send", "wait", "receive"), NUMBER))
        assert entry["time"] == sum(entry["timings"].values())
        has(entry["request"], REQUEST)
        has(entry["response"], RESPONSE)
        has(entry["response"]["content"], {"size": int, "mimeType": str})
        pairs = [*entry["request"]["headers"], *entry["response"]["headers"], *entry["request"]["queryString"]]
        for pair in pairs:
            assert {name: type(value) for name, value in pair.items()} == {"name": str, "value": str}
        if "postData" in entry["request"]:
            has(entry["request"]["postData"], {"mimeType": str, "text": str})
        assert re.fullmatch(r"[!-~]+", entry["request"]["url"])


def har(mock: Mock, query: str = "") -> list[dict[str, Any]]:
    reply = mock.get(f"/__admin/calls.har{query}")
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert_har(reply.json)
    entries: list[dict[str, Any]] = reply.json["log"]["entries"]
    return entries


def test_the_journal_is_a_valid_har(anywhere: Mock) -> None:
    assert har(anywhere) == []
    replies: list[Reply] = [
        anywhere.request(method, path, body, **headers) for method, path, body, headers in SENT.values()
    ]
    entries = har(anywhere)
    assert [entry["response"]["status"] for entry in entries] == [reply.status for reply in replies]
    assert [entry["request"]["method"] for entry in entries] == [method for method, *_ in SENT.values()]


def test_an_entry_tells_the_call(mock: Mock) -> None:
    mock.post("/services/start?a=1&a=%D0%96", EVENT)
    (entry,) = har(mock)
    request, response = entry["request"], entry["response"]
    assert request["url"] == f"{mock.base_url}/services/start?a=1&a=%D0%96"
    assert request["queryString"] == [{"name": "a", "value": "1"}, {"name": "a", "value": "Ж"}]
    assert request["postData"] == {"mimeType": "application/json", "text": '{"service_type": 100, "contact_key": "42"}'}
    assert request["bodySize"] == len(request["postData"]["text"])
    assert (response["status"], response["redirectURL"]) == (201, "/services/1")
    assert response["content"] == {"size": 16, "mimeType": "application/json", "text": '{"service_id":1}'}
    assert "start_service" in entry["comment"]


def test_a_body_of_bytes_is_base64_in_a_har(mock: Mock) -> None:
    mock.post("/services/start", b"\xff\xfe")
    (entry,) = har(mock)
    post = entry["request"]["postData"]
    assert (base64.b64decode(post["text"]), post["encoding"]) == (b"\xff\xfe", "base64")


def test_a_call_without_an_answer_is_status_0_and_a_cut_one_tells_its_size() -> None:
    with Server(Settings(max_journal_bytes=2000)) as cs:
        mock = Mock(cs.base_url)
        cs.fail("start_service", connection="close")
        with pytest.raises(ConnectionError):
            mock.post("/services/start", EVENT)
        assert [entry["response"]["status"] for entry in har(mock)] == [0]
        cs.fail("query_service_by_id", status=200, body="x" * 3000)
        mock.get("/services/1")
        assert har(mock)[-1]["response"]["content"]["size"] == 3000


def test_a_har_takes_the_filters_of_the_calls(mock: Mock) -> None:
    for path in ("/services/1", "/services/2", "/nothing"):
        mock.get(path)
    assert len(har(mock, "?operation=query_service_by_id&limit=1")) == 1
    assert len(har(mock, "?path=/nothing")) == 1
    assert mock.get("/__admin/calls.har?sice=1").status == 400


def test_a_long_body_is_no_argument_of_the_line(mock: Mock) -> None:
    mock.post("/genesys/1/cs/services/start", {**EVENT, "long": "x" * 200_000})
    line = mock.get("/__admin/calls/1/curl").body.decode()
    assert line.startswith("echo ")
    done = subprocess.run(["/bin/sh"], input=line, capture_output=True, text=True, timeout=60, check=False)
    assert "201" in done.stdout.splitlines()[0], done.stderr
    assert mock.calls(limit=1)[0]["request"]["body"]["long"] == "x" * 200_000


def test_a_shell_line_has_nothing_that_curl_says_of_itself(mock: Mock) -> None:
    mock.request("GET", "/services/1", Connection="keep-alive", Accept="*/*", User_Agent="x", X_A="1")
    assert line(mock) == f"curl -i -X GET {mock.base_url}/services/1 -H 'X-A: 1'"
    mock.post("/services/start", {"a": 1})
    body = "-H 'Content-Type: application/json' --data-raw '{\"a\": 1}'"
    assert line(mock) == f"curl -i -X POST {mock.base_url}/services/start {body}"


def test_a_call_of_no_operation_is_called_so_in_a_har(mock: Mock) -> None:
    mock.get("/nothing")
    [entry] = mock.get("/__admin/calls.har").json["log"]["entries"]
    assert entry["comment"] == "call 1: no documented operation, answered"


def test_a_shell_line_of_a_mock_that_is_mounted_somewhere_leads_there() -> None:
    client = create_app().test_client()
    client.get("/genesys/1/cs/services/1")
    text = client.get("/__admin/calls/1/curl", base_url="http://localhost/mock").text
    assert "http://localhost/mock/genesys/1/cs/services/1" in text
