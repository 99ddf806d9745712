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
from mockcs.clock import DAY
from mockcs.json_text import pack, unpack
from mockcs.messages import Change, Document, Request, Response

Record = tuple[Any, ...]
"""A call as it is kept: one flat tuple, left alone by Python's collector; first what came, then what became of it."""
PLACES = {"operation": 3, "api": 5, "method": 7, "path": 8, "status": 15}
"""Where a record has what calls are most often asked for by."""
BODY, BODY_SIZE, DIGEST = 11, 12, 13
"""Where a record has the body of the request."""
_NUMBER, _RECEIVED_AT, _PATH, _STATUS, _VIOLATIONS, _SIZE = 0, 2, PLACES["path"], PLACES["status"], -5, -1
_FRAME = 512  # bytes that a record takes beside its texts
_NOTHING = Response(0)  # of a call that got no answer
_IN_FLIGHT = ("received", None, (), b"", 0, None, 0, b"", (), (), None, 0)  # what became of a call that is under way


@dataclass(frozen=True, slots=True)
class JournalView:
    """The journal at one moment: the records of the completed calls and of those in flight, by id.

    `refused` counts those among the evicted that broke a documented rule; `dropped` the calls that came before a
    reset and finished after it.
    """

    records: dict[int, Record]
    in_flight: dict[int, Record]
    total: int
    evicted: int
    refused: int = 0
    dropped: int = 0


class Journal:
    """The calls of one space. Not locked: its space's lock guards it."""

    def __init__(self, space: str, max_calls: int, max_bytes: int, masks: Masks) -> None:
        self.version = 0
        self.evicted = self._refused = 0
        self.total = 0
        self.dropped = 0
        self._space = space
        self._limits = max_calls, max_bytes
        self._masks = masks
        self._records: dict[int, Record] = {}
        self._in_flight: dict[int, Record] = {}
        self.bytes = 0
        self._oldest = 1
        self.last = 0
        self.today: Counter[int] = Counter()
        self._earlier: Counter[int] = Counter()
        self._day = self._before_today = 0
        self.streams: list[Queue[tuple[Journal, int | None]]] = []

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
        asked: tuple[str | None, str | None, str],
        path_params: Mapping[str, str],
    ) -> Record:
        """Record a request before anything can fail; returns what came.

        `asked` are the operation, its id in the manual, and the generation.
        """
        if now // DAY != self._day:
            self._begin_day(now // DAY)
        self.total = number = self.total + 1
        came = self._in_flight[number] = (
            number,
            self._space,
            now,
            *asked,
            path_params,
            request.method,
            request.path,
            request.query,
            self._masks.headers(request.headers),
            request.body,
            request.body_size,
            request.digest,
        )
        return came

    def _begin_day(self, day: int) -> None:
        self._day, self._before_today = day, self.total
        self._earlier += self.today
        self.today.clear()

    @property
    def counts(self) -> Counter[int]:
        """How many calls were answered with each status; `today` has those of the clock's day."""
        return self._earlier + self.today

    @property
    def total_today(self) -> int:
        """How many calls came on the clock's day."""
        return self.total - self._before_today

    def record_of(
        self,
        came: Record,
        response: Response | None,
        duration: int = 0,
        violations: Sequence[Document] = (),
        advice: tuple[str, ...] = (),
        changes: tuple[Change, ...] = (),
        fault: int | None = None,
    ) -> Record:
        """A call as it is kept once it is finished, without its bodies when it is too large. Needs no lock."""
        outcome = (duration, pack(violations) if violations else b"", advice, changes, fault)
        answer = _NOTHING if response is None else self._masks.response(response)
        record = _record_of(came, answer, outcome)
        if record[_SIZE] <= self._limits[1]:
            return record
        return _record_of(_cut(came), _cut_response(answer), outcome)

    def complete(self, record: Record) -> None:
        """Keep the finished call's record and evict the oldest ones beyond the limits."""
        number, status = record[_NUMBER], record[_STATUS]
        del self._in_flight[number]
        self._records[number] = record
        self.last = record[_RECEIVED_AT]
        if status is not None:
            self.today[status] += 1
        self.bytes += record[_SIZE]
        self._oldest = min(self._oldest, number)
        max_calls, max_bytes = self._limits
        while len(self._records) > max_calls or (self.bytes > max_bytes and self._records):
            self._evict()
        self.version += 1
        if self.streams:
            self._stream(number)

    def forget(self) -> int:
        """Forget the completed calls; returns how many."""
        removed = len(self._records)
        self._records = {}
        self.bytes = self.evicted = self._refused = 0
        self.version += 1
        return removed

    def end_streams(self) -> None:
        """Wake the readers of the streams; who reads no further call, looks whether there will be one."""
        self._stream(None)

    def _stream(self, number: int | None) -> None:
        for stream in tuple(self.streams):  # one may end meanwhile
            with suppress(Full):  # a reader that is too slow misses calls; it can see so by their numbers
                stream.put_nowait((self, number))

    def call(self, number: int) -> Call | None:
        """The call of that id, completed or in flight."""
        record = self._records.get(number) or self._in_flight.get(number)
        return None if record is None else call_of(record)

    def view(self) -> JournalView:
        """The journal now, to be read without the lock."""
        flying = {number: came + _IN_FLIGHT for number, came in self._in_flight.items()}
        return JournalView(dict(self._records), flying, self.total, self.evicted, self._refused, self.dropped)

    def _evict(self) -> None:
        while self._oldest not in self._records:
            self._oldest += 1
        record = self._records.pop(self._oldest)
        self.bytes -= record[_SIZE]
        self.evicted += 1
        if record[_VIOLATIONS]:
            self._refused += 1


def _cut(came: Record) -> Record:
    body = came[BODY]
    digest = came[DIGEST] or (hashlib.sha256(body).hexdigest() if body else None)
    return (*came[:BODY], b"", came[BODY_SIZE], digest)


def _cut_response(response: Response) -> Response:
    digest = hashlib.sha256(response.body).hexdigest() if response.body else None
    return replace(response, body=b"", size=len(response.body), digest=digest)


def _record_of(came: Record, response: Response, outcome: tuple[Any, ...]) -> Record:
    path, query, headers, body = came[_PATH:BODY_SIZE]
    texts = sum(map(len, headers)) + sum(map(len, headers.values()))
    size = _FRAME + len(path) + len(query) + texts + len(body) + len(response.body)
    status = response.status
    return (
        *came,
        "answered" if status else "aborted",
        status or None,
        response.headers,
        response.body,
        response.size,
        response.digest,
        *outcome,
        size + len(outcome[1]),
    )


def call_of(record: Record) -> Call:
    """The call that a record keeps."""
    number, space, received_at, operation, operation_id, api, path_params = record[: PLACES["method"]]
    request = Request(*record[PLACES["method"] : DIGEST + 1])
    state, status, sent, answer, size, digest, duration, violations, advice, changes, fault, _ = (
        record[DIGEST + 1 :] or _IN_FLIGHT
    )
    response = None if status is None else Response(status, sent, answer, None, size, digest)
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
