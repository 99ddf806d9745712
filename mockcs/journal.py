"""The journal: every call recorded on arrival, completed afterwards, bounded by count and bytes."""

from __future__ import annotations

import hashlib
import struct
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from queue import Full, Queue

from mockcs.calls import Call, Masks
from mockcs.json_text import dumps, reread
from mockcs.messages import Request, Response

_LENGTHS = struct.Struct("<II")


@dataclass(frozen=True, slots=True)
class View:
    """The journal at one moment: the completed calls' records, and how many are missing from them.

    `dropped` counts the calls that came before a reset and finished after it.
    """

    records: dict[int, bytes]
    in_flight: tuple[Call, ...]
    total: int
    evicted: int
    dropped: int = 0


class Journal:
    """The calls of one space. Not locked: its space's lock guards it."""

    def __init__(self, space: str, max_calls: int, max_bytes: int, masks: Masks) -> None:
        self.version = 0
        self.evicted = 0
        self.total = 0
        self.dropped = 0
        self._space = space
        self._limits = max_calls, max_bytes
        self._masks = masks
        self._records: dict[int, bytes] = {}
        self._in_flight: dict[int, Call] = {}
        self.bytes = 0
        self._oldest = 1
        self.last = 0
        self.counts: Counter[int] = Counter()
        self.streams: list[Queue[bytes]] = []

    def __len__(self) -> int:
        return len(self._records)

    @property
    def in_flight(self) -> int:
        """How many calls are being answered."""
        return len(self._in_flight)

    def arrive(
        self,
        now: int,
        request: Request,
        operation: str | None,
        operation_id: str | None,
        api: str,
        path_params: Mapping[str, str],
    ) -> Call:
        """Record a request before anything can fail; returns the call, in flight."""
        self.total += 1
        call = Call(
            id=self.total,
            space=self._space,
            state="received",
            received_at=now,
            duration=0,
            operation=operation,
            operation_id=operation_id,
            api=api,
            path_params=path_params,
            request=self._masks.request(request),
        )
        self._in_flight[call.id] = call
        return call

    def record_of(self, call: Call) -> bytes:
        """The finished call as it is kept, without its bodies when it is too large. Needs no lock."""
        record = _record_of(call)
        return record if len(record) <= self._limits[1] else _record_of(_cut(call))

    def complete(self, call: Call, record: bytes | None = None) -> None:
        """Keep the finished call's record and evict the oldest ones beyond the limits."""
        del self._in_flight[call.id]
        max_calls, max_bytes = self._limits
        if record is None:
            record = self.record_of(call)
        self._records[call.id] = record
        self.last = call.received_at
        if call.response is not None:
            self.counts[call.response.status] += 1
        self.bytes += len(record)
        self._oldest = min(self._oldest, call.id)
        while len(self._records) > max_calls or (self.bytes > max_bytes and self._records):
            self._evict()
        self.version += 1
        for stream in self.streams:
            with suppress(Full):  # a reader that is too slow misses calls; it can see so by their numbers
                stream.put_nowait(record)

    def forget(self) -> int:
        """Forget the completed calls; returns how many."""
        removed = len(self._records)
        self._records = {}
        self.bytes = self.evicted = 0
        self.version += 1
        return removed

    def call(self, number: int) -> Call | None:
        """The call of that id, completed or in flight."""
        record = self._records.get(number)
        return self._in_flight.get(number) if record is None else call_of(record)

    def view(self) -> View:
        """The journal now, to be read without the lock."""
        return View(dict(self._records), tuple(self._in_flight.values()), self.total, self.evicted, self.dropped)

    def _evict(self) -> None:
        while self._oldest not in self._records:
            self._oldest += 1
        self.bytes -= len(self._records.pop(self._oldest))
        self.evicted += 1


def _cut(call: Call) -> Call:
    request, response = call.request, call.response
    digest = request.digest or (hashlib.sha256(request.body).hexdigest() if request.body else None)
    cut = replace(request, body=b"", digest=digest)
    if response is not None:
        told = hashlib.sha256(response.body).hexdigest() if response.body else None
        response = replace(response, body=b"", size=len(response.body), digest=told)
    return replace(call, request=cut, response=response)


def _record_of(call: Call) -> bytes:
    request, response = call.request, call.response
    meta = dumps(
        [
            call.id,
            call.space,
            call.state,
            call.received_at,
            call.duration,
            call.operation,
            call.operation_id,
            call.api,
            call.path_params,
            [request.method, request.path, request.query, request.headers, request.body_size, request.digest],
            None if response is None else [response.status, response.headers, response.size, response.digest],
            call.violations,
            call.advice,
            call.changes,
            call.fault,
        ]
    )
    answer = b"" if response is None else response.body
    return b"".join((_LENGTHS.pack(len(meta), len(request.body)), meta, request.body, answer))


def call_of(record: bytes) -> Call:
    """The call that a record keeps."""
    meta_size, body_size = _LENGTHS.unpack_from(record)
    start = _LENGTHS.size + meta_size
    *known, asked, told, violations, advice, changes, fault = reread(record[_LENGTHS.size : start])
    number, space, state, received_at, duration, operation, operation_id, api, path_params = known
    method, path, query, headers, size, digest = asked
    request = Request(method, path, query, headers, record[start : start + body_size], size, digest)
    response = None
    if told is not None:
        pairs = tuple((name, value) for name, value in told[1])
        response = Response(told[0], pairs, record[start + body_size :], size=told[2], digest=told[3])
    return Call(
        id=number,
        space=space,
        state=state,
        received_at=received_at,
        duration=duration,
        operation=operation,
        operation_id=operation_id,
        api=api,
        path_params=path_params,
        request=request,
        response=response,
        violations=tuple(violations),
        advice=tuple(advice),
        changes=tuple(changes),
        fault=fault,
    )
