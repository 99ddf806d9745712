"""The journal: every call recorded on arrival, completed afterwards, bounded by count and bytes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from queue import Full, Queue
from typing import Any

from mockcs.calls import Call, Masks
from mockcs.json_text import pack, unpack
from mockcs.messages import Change, Document, Request, Response

Record = tuple[Any, ...]
"""A finished call as it is kept: one flat tuple, made at once and left alone by Python's collector."""
PLACES = {"operation": 5, "api": 7, "method": 9, "path": 10, "status": 15}
"""Where a record has what calls are most often asked for by."""
BODY, BODY_SIZE, DIGEST = 13, 14, 19
"""Where a record has the body of the request."""
_STATUS, _SIZE = PLACES["status"], -1
_FRAME = 512  # bytes that a record takes beside its texts
_NOTHING = Response(0)  # of a call that got no answer


@dataclass(frozen=True, slots=True)
class View:
    """The journal at one moment: the completed calls' records, and how many are missing from them.

    `dropped` counts the calls that came before a reset and finished after it.
    """

    records: dict[int, Record]
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
        self._records: dict[int, Record] = {}
        self._in_flight: dict[int, Call] = {}
        self.bytes = 0
        self._oldest = 1
        self.last = 0
        self.counts: Counter[int] = Counter()
        self.streams: list[Queue[Record]] = []

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
        request = self._masks.request(request)
        number = self.total
        call = Call(number, self._space, "received", now, 0, operation, operation_id, api, path_params, request)
        self._in_flight[number] = call
        return call

    def record_of(
        self,
        call: Call,
        response: Response | None,
        duration: int = 0,
        violations: Sequence[Document] = (),
        advice: tuple[str, ...] = (),
        changes: tuple[Change, ...] = (),
        fault: int | None = None,
    ) -> Record:
        """A call as it is kept once it is finished, without its bodies when it is too large. Needs no lock."""
        outcome = (pack(violations) if violations else b"", advice, changes, fault)
        answer = _NOTHING if response is None else self._masks.response(response)
        record = _record_of(call, answer, duration, outcome)
        if record[_SIZE] <= self._limits[1]:
            return record
        return _record_of(replace(call, request=_cut_request(call.request)), _cut_response(answer), duration, outcome)

    def complete(self, call: Call, record: Record) -> None:
        """Keep the finished call's record and evict the oldest ones beyond the limits."""
        number, status = call.id, record[_STATUS]
        del self._in_flight[number]
        self._records[number] = record
        self.last = call.received_at
        if status is not None:
            self.counts[status] += 1
        self.bytes += record[_SIZE]
        self._oldest = min(self._oldest, number)
        max_calls, max_bytes = self._limits
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
        self.bytes -= self._records.pop(self._oldest)[_SIZE]
        self.evicted += 1


def _cut_request(request: Request) -> Request:
    digest = request.digest or (hashlib.sha256(request.body).hexdigest() if request.body else None)
    return replace(request, body=b"", digest=digest)


def _cut_response(response: Response) -> Response:
    digest = hashlib.sha256(response.body).hexdigest() if response.body else None
    return replace(response, body=b"", size=len(response.body), digest=digest)


def _record_of(call: Call, response: Response, duration: int, outcome: tuple[Any, ...]) -> Record:
    request, status = call.request, response.status
    size = _FRAME + len(request.path) + len(request.query) + len(request.body) + len(response.body) + len(outcome[0])
    for value in request.headers.values():
        size += len(value)
    return (
        call.id,
        call.space,
        "answered" if status else "aborted",
        call.received_at,
        duration,
        call.operation,
        call.operation_id,
        call.api,
        call.path_params,
        request.method,
        request.path,
        request.query,
        request.headers,
        request.body,
        request.body_size,
        status or None,
        response.headers,
        response.body,
        response.size,
        request.digest,
        response.digest,
        *outcome,
        size,
    )


def call_of(record: Record) -> Call:
    """The call that a record keeps."""
    number, space, state, received_at, duration, operation, operation_id, api, path_params = record[:9]
    method, path, query, headers, body, size = record[9:15]
    status, sent, answer, told, digest, answer_digest, violations, advice, changes, fault, _ = record[15:]
    request = Request(method, path, query, headers, body, size, digest)
    response = None if status is None else Response(status, sent, answer, None, told, answer_digest)
    reasons = tuple(unpack(violations)) if violations else ()
    return Call(
        number,
        space,
        state,
        received_at,
        duration,
        operation,
        operation_id,
        api,
        path_params,
        request,
        response,
        reasons,
        advice,
        changes,
        fault,
    )
