"""HTTP/1.1 as bytes: a request that is built once, and where an answer ends."""

from __future__ import annotations

import json
import re
from typing import Any

_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)\s*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:\s*chunked\s*\r\n", re.IGNORECASE)
_BODILESS = (b"204", b"304")
UNFINISHED = 0
"""More of the answer is to come."""
UNTIL_CLOSED = -1
"""The answer ends with its connection (RFC 9112, 6.3)."""


def request(method: str, path: str, document: Any = None, **headers: str) -> bytes:
    """The bytes of a request; a document is sent as JSON, unless a header Content_Type says what it is."""
    body = b"" if document is None else json.dumps(document, separators=(",", ":")).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    if document is not None:
        lines.append(f"Content-Length: {len(body)}")
        headers.setdefault("Content_Type", "application/json")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def size_of(data: bytes) -> int:
    """The size of the answer that `data` begins with, UNFINISHED or UNTIL_CLOSED; IndexError when it is garbled."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return UNFINISHED
    # Nearly every answer has its length in one of two spellings; a regular expression costs ten times as much.
    at = data.find(b"\r\ncontent-length: ", 0, end)
    if at < 0:
        at = data.find(b"\r\nContent-Length: ", 0, end)
    if at < 0:
        return _unusual_size(data, end)
    return end + 4 + int(data[at + 18 : data.find(b"\r", at + 18)])


def _unusual_size(data: bytes, end: int) -> int:
    head = data[: end + 4]
    if data[9:12] in _BODILESS:
        return end + 4
    if length := _LENGTH.search(head):
        return end + 4 + int(length[1])
    return _chunked_size(data, end + 4) if _CHUNKED.search(head) else UNTIL_CLOSED


def _chunked_size(data: bytes, at: int) -> int:
    while (line := data.find(b"\r\n", at)) >= 0:
        size = int(data[at:line].partition(b";")[0], 16)
        if size == 0:
            last = data.find(b"\r\n\r\n", line)  # trailers, if any, stand before it
            return last + 4 if last >= 0 else UNFINISHED
        at = line + 2 + size + 2
    return UNFINISHED


def closes(data: bytes) -> bool:
    """Whether the server closes the connection after this answer."""
    return data.find(b": close\r\n", 0, data.find(b"\r\n\r\n") + 2) >= 0 or data.startswith(b"HTTP/1.0")
