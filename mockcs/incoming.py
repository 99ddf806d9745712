"""What comes over a connection: the lines of a head, and a body of a known length or in chunks."""

from __future__ import annotations

import re
from io import BufferedIOBase, BufferedReader
from typing import Any

from werkzeug.serving import DechunkedInput

LONGEST = 2**16
"""The most bytes of a line that is read at once."""
_HEX, _MOST_TRAILERS = re.compile(rb"[0-9a-fA-F]{1,16}"), 100
_HEADER = re.compile(rb"[!-9;-~]+:|\r?\n|$")  # or the end of the head, or of what came


class Lines:
    """The lines of a head: the last tells whether it came whole, and `wrong` whether one of them is no header."""

    def __init__(self, stream: BufferedIOBase) -> None:
        self._stream = stream
        self.last = b""
        self.wrong = False

    def readline(self, size: int = -1) -> bytes:
        """The next line; empty at the end."""
        self.last = self._stream.readline(size)
        self.wrong = self.wrong or not _HEADER.match(self.last)
        return self.last


class Body:
    """The body of one request, and nothing of the request that follows it."""

    def __init__(self, stream: BufferedIOBase, left: int | None) -> None:
        self._stream = stream
        self._left = left  # None for a body in chunks, which knows its end by itself
        self.ended = left == 0

    def read(self, size: int = -1) -> bytes:
        """So many bytes, or fewer at the end."""
        if self._left is None:
            data = self._stream.read(size)
            self.ended = size < 0 or len(data) < size
            return data
        data = self._stream.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        self.ended = self._left == 0
        return data


class Chunks(DechunkedInput):
    """A body in chunks; their extensions and the trailers behind them are passed over (RFC 9112, 7.1)."""

    _rfile: BufferedReader

    def readinto(self, buf: Any) -> int:
        """So many bytes into the buffer; OSError when the client has gone in the middle of a chunk."""
        try:
            return super().readinto(buf)
        except ValueError as error:  # it holds more than came
            raise OSError("the body is cut short") from error

    def read_chunk_len(self) -> int:
        """The length of the next chunk, 0 at the end; OSError when there is none."""
        size = self._rfile.readline(LONGEST).partition(b";")[0].strip()
        if not _HEX.fullmatch(size):
            raise OSError("Invalid chunk header")
        length = int(size, 16)
        for _ in range(0 if length else _MOST_TRAILERS):
            if self._rfile.peek(1)[:1] in (b"\r", b"\n", b""):
                break
            self._rfile.readline(LONGEST)
        return length
