"""An exact load generator: every request is timed, every status is counted, and anything unexpected ends the run.

One process, one epoll, one request under way on each connection. The request's bytes are built beforehand.
"""

from __future__ import annotations

import gc
import math
import multiprocessing
import os
import select
import socket
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing.connection import Connection
from time import perf_counter, process_time

from benchmarks import wire

Address = tuple[str, int]
_PATIENCE = 30.0
_TICK = 0.001
_AT_ONCE = 65536


class LoadError(Exception):
    """A load could not be carried out as it was meant."""


@dataclass(frozen=True, slots=True)
class Load:
    """What to send where: `requests` gives the bytes of one request after the other, each answered with `status`.

    It ends after `seconds` and the `warmup` before them, or, with `count`, after so many requests. With `rate`, so
    many are sent in a second, and not as many as can be.
    """

    address: Address
    requests: Callable[[], Iterator[bytes]]
    status: int
    connections: int = 16
    seconds: float = math.inf
    warmup: float = 0.0
    count: int | None = None
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """What a load has met: `answered` counts also what came in the warm-up, which the rest leaves out.

    `ends` are the seconds since the warm-up at which the answers came, `latencies` the seconds that they took, and
    `processor` those that the process of the load has computed so far.
    """

    answered: int
    seconds: float
    ends: array[float] = field(repr=False)
    latencies: array[float] = field(repr=False)
    processor: float = 0.0

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, percent: float) -> float:
        """The exact latency, in milliseconds, that so many percent of the requests did not exceed."""
        return percentile(self.latencies, percent) * 1000

    def between(self, begin: float, end: float) -> Measured:
        """The part from one moment to another, in seconds since the warm-up."""
        first, last = bisect_left(self.ends, begin), bisect_left(self.ends, end)
        return Measured(len(self.ends[first:last]), end - begin, self.ends[first:last], self.latencies[first:last])


def percentile(values: array[float] | list[float], percent: float) -> float:
    """The smallest value that so many percent do not exceed; LoadError when there is none."""
    if not values:
        raise LoadError("nothing was measured, so there is no percentile")
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def measured(load: Load) -> Measured:
    """The load, carried out in a process of its own, so that its interpreter is nobody else's."""
    with under_way(load) as future:
        return future.result()


@contextmanager
def under_way(load: Load) -> Iterator[Future[Measured]]:
    """The load while it is carried out in a process of its own; one that keeps a rate ends with the block."""
    ours, theirs = multiprocessing.Pipe()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        pool.submit(int).result()  # the process is there, and its imports are done
        future = pool.submit(carried_out, load, theirs)
        try:
            yield future
        finally:
            ours.send(None)
        future.result()


def carried_out(load: Load, ending: Connection | None = None) -> Measured:
    """The load, carried out in this process; LoadError when an answer is not as expected or does not come.

    One that keeps a rate ends when something comes from `ending`.
    """
    was = gc.isenabled()
    gc.disable()  # there are no cycles here, and a pass would be taken for the server's
    run = _Run(load, ending)
    try:
        return run.carried_out()
    except OSError as error:
        raise LoadError(f"a connection broke: {error}") from error
    finally:
        run.close()
        if was:
            gc.enable()


class _Run:
    """A load while it is carried out. Connections are known by their file numbers.

    The way of an answer is written for speed: what it costs, the server under load does not get.
    """

    def __init__(self, load: Load, ending: Connection | None) -> None:
        self.load = load
        self.ending = ending
        self.requests = islice(load.requests(), load.count)
        self.status = str(load.status).encode()
        self.answered = 0
        self.ends = array("d")
        self.latencies = array("d")
        self.start = self.stop = 0.0
        self.poll = select.epoll()
        self.connections: dict[int, socket.socket] = {}
        self.idle: deque[int] = deque()
        self.begun: dict[int, float] = {}
        self.received: dict[int, bytes] = {}

    def carried_out(self) -> Measured:
        self.idle.extend(self._connected() for _ in range(self.load.connections))
        begun = perf_counter()
        self.start = begun + self.load.warmup
        self.stop = self.start + self.load.seconds
        if self.load.rate is None:
            self._send(len(self.idle))
            while len(self.idle) < len(self.connections):
                self._receive()
        else:
            while self._send_what_is_due(begun, self.load.rate):
                self._receive(_TICK)
        seconds = min(self.load.seconds, perf_counter() - self.start)
        ends = array("d", (end - self.start for end in self.ends))
        return Measured(self.answered, seconds, ends, self.latencies, process_time())

    def _connected(self) -> int:
        try:
            made = socket.create_connection(self.load.address, timeout=_PATIENCE)
        except OSError as error:
            raise LoadError(f"{self.load.address[0]}:{self.load.address[1]} does not answer: {error}") from error
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.setblocking(True)  # a timeout would cost a system call each time; the poll has one
        number = made.fileno()
        self.connections[number] = made
        self.poll.register(number, select.EPOLLIN)
        return number

    def _send_what_is_due(self, begun: float, rate: float) -> bool:
        """Send as many requests as keep the rate; whether any is under way or to come."""
        now = perf_counter()
        under_way = len(self.connections) - len(self.idle)
        if now >= self.stop or (self.ending and self.ending.poll()):
            return under_way > 0
        due = int((now - begun) * rate) - self.answered - under_way
        return self._send(min(due, len(self.idle))) or under_way > 0

    def _send(self, number: int) -> bool:
        """Send on so many idle connections; whether there were enough requests."""
        return all(self._send_on(self.idle.popleft(), perf_counter()) for _ in range(number))

    def _send_on(self, number: int, now: float) -> bool:
        request = next(self.requests, None)
        if request is None:
            self.idle.append(number)
            return False
        self.begun[number] = now
        if (sent := os.write(number, request)) != len(request):
            raise LoadError(f"only {sent} of a request's {len(request)} bytes were taken")
        return True

    def _receive(self, patience: float = _PATIENCE) -> None:
        """Take the answers that are there; send on their connections at once, unless a rate is to be kept."""
        ready = self.poll.poll(patience)
        if not ready and self.load.rate is None:
            raise LoadError(f"no answer came for {patience:.0f} s")
        start, stop, status, at_once = self.start, self.stop, self.status, self.load.rate is None
        for number, _ in ready:
            data = os.read(number, _AT_ONCE)
            if wire.size_of(data) != len(data) or number in self.received or not data:
                data = self._joined(number, data)
                if not data:
                    continue
            now = perf_counter()
            if data[9:12] != status:
                raise LoadError(f"an answer should have the status {self.load.status}: {shown(data)}")
            self.answered += 1
            if start <= now < stop:
                self.ends.append(now)
                self.latencies.append(now - self.begun[number])
            again = self._reconnected(number) if wire.closes(data) else number
            if at_once and now < stop:
                self._send_on(again, now)
            else:
                self.idle.append(again)

    def _joined(self, number: int, data: bytes) -> bytes:
        """The whole answer with what came of it before, or nothing when more is to come."""
        whole = self.received.pop(number, b"") + data
        size = wire.size_of(whole)
        if whole and (size == len(whole) or (size == wire.UNTIL_CLOSED and not data)):
            return whole
        if not data:
            raise LoadError(f"a connection was closed before its answer was complete; so far: {shown(whole)}")
        if 0 < size < len(whole):
            raise LoadError(f"an answer has {len(whole) - size} bytes too many: {shown(whole)}")
        self.received[number] = whole
        return b""

    def _reconnected(self, number: int) -> int:
        self.poll.unregister(number)
        self.connections.pop(number).close()
        return self._connected()

    def close(self) -> None:
        """Close the connections."""
        self.poll.close()
        for connection in self.connections.values():
            connection.close()


def shown(answer: bytes) -> str:
    """The beginning of an answer, for a message."""
    return repr(answer[:400].decode("latin-1")) if answer else "nothing"
