"""A call as a shell line, and the journal as HAR 1.2; written when they are asked for."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from mockcs.calls import Call, query_of, url_path
from mockcs.clock import text_of
from mockcs.messages import Document

_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_LONGEST_ARGUMENT = 100_000  # bytes: Linux takes 128 KiB, and quotes count
_OWN_HEADERS = ("content-length", "transfer-encoding", "host", "user-agent", "accept", "accept-encoding", "connection")


def curl_of(call: Call, base_url: str) -> str:
    """The call as a shell line that sends it again; a masked header keeps its mask, a cut body is left out."""
    request = call.request
    words = ["curl", "-i", *_options(call), _url(call, base_url)]
    for name, value in request.headers.items():
        if name.lower() not in _OWN_HEADERS:
            words += ["-H", f"{name}: {value}" if value else f"{name};"]  # a semicolon is how curl sends an empty one
    if request.digest:
        return f"{shlex.join(words)}  # its body of {request.body_size} bytes was too large to be kept"
    if request.body and request.method == "HEAD":
        return f"{shlex.join(words)}  # its body of {request.body_size} bytes is left out: curl sends none with HEAD"
    if not request.body:
        return shlex.join(words)
    if not any(name.lower() == "content-type" for name in request.headers):
        words += ["-H", "Content-Type:"]  # else curl says that it is a form
    try:
        text = request.body.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text or len(request.body) > _LONGEST_ARGUMENT:  # no argument can hold it
        encoded = base64.b64encode(request.body).decode()
        return f"echo {encoded} | base64 -d | {shlex.join([*words, '--data-binary', '@-'])}"
    return shlex.join([*words, "--data-raw", text])


def _options(call: Call) -> list[str]:
    method, query = call.request.method, call.request.query
    options = ["--head"] if method == "HEAD" else ["-X", method]  # with -X HEAD curl waits for a body
    if set(query) & set("[]{}"):
        options.append("--globoff")
    if {".", ".."} & set(call.request.path.split("/")):
        options.append("--path-as-is")
    return options


def har_of(calls: Iterable[Call], base_url: str, version: str) -> Document:
    """The calls as HAR 1.2."""
    creator = {"name": "mockcs", "version": version}
    return {"log": {"version": "1.2", "creator": creator, "entries": [_entry(call, base_url) for call in calls]}}


def _entry(call: Call, base_url: str) -> Document:
    milliseconds = call.duration / 1000
    return {
        "startedDateTime": text_of(call.received_at),
        "time": milliseconds,
        "request": _request(call, base_url),
        "response": _response(call),
        "cache": {},
        "timings": {"send": 0, "wait": milliseconds, "receive": 0},
        "comment": f"call {call.id}: {call.operation or 'no documented operation'}, {call.state}",
    }


def _request(call: Call, base_url: str) -> Document:
    request = call.request
    shown: Document = {
        "method": request.method,
        "url": _url(call, base_url),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(request.headers.items()),
        "queryString": _pairs((name, value) for name, values in query_of(request.query).items() for value in values),
        "headersSize": -1,
        "bodySize": request.body_size,
    }
    if request.body:
        mime = next((value for name, value in request.headers.items() if name.lower() == "content-type"), "")
        shown["postData"] = {"mimeType": mime, **_text(request.body)}
    if request.digest:
        shown["comment"] = "the body was too large to be kept"
    return shown


def _response(call: Call) -> Document:
    response = call.response
    headers = () if response is None else response.headers
    body = b"" if response is None else response.body
    told = {name.lower(): value for name, value in headers}
    size = response.size if response is not None and response.digest else len(body)
    return {
        "status": 0 if response is None else response.status,
        "statusText": "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(headers),
        "content": {"size": size, "mimeType": told.get("content-type", ""), **_text(body)},
        "redirectURL": told.get("location", ""),
        "headersSize": -1,
        "bodySize": size,
    }


def _pairs(items: Iterable[Any]) -> list[Document]:
    return [{"name": name, "value": value} for name, value in items]


def _url(call: Call, base_url: str) -> str:
    query = quote(call.request.query, safe=_PRINTABLE)
    return base_url + url_path(call.request.path) + (f"?{query}" if query else "")


def _text(body: bytes) -> Document:
    try:
        return {"text": body.decode()}
    except UnicodeDecodeError:
        return {"text": base64.b64encode(body).decode(), "encoding": "base64"}
