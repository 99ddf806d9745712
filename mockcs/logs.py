"""The log of calls on standard error, written by a thread of its own: a pipe that nobody reads holds up no call."""

from __future__ import annotations

import logging
import os
import select
import sys
import threading
from contextlib import suppress
from logging.handlers import QueueHandler
from queue import Full, Queue

_WAITING = 10_000  # lines; what comes beyond is lost


class _Letting(QueueHandler):
    """Hands lines on, as long as there is room for them."""

    def enqueue(self, record: logging.LogRecord) -> None:
        with suppress(Full):
            self.queue.put_nowait(record)


def begin() -> None:
    """Log each call as one line."""
    lines: Queue[logging.LogRecord] = Queue(_WAITING)
    logging.getLogger().addHandler(_Letting(lines))
    logging.getLogger("mockcs").setLevel(logging.INFO)
    # No handler of its own, for at the end of the process logging waits for every handler.
    threading.Thread(target=_write, args=(lines,), name="mockcs-log", daemon=True).start()


def _write(lines: Queue[logging.LogRecord]) -> None:
    form, end = logging.Formatter("%(asctime)s %(message)s"), sys.stderr.fileno()
    while True:
        line = f"{form.format(lines.get())}\n".encode()
        with suppress(OSError):  # whoever reads may come back
            select.select([], [end], [])
            os.write(end, line)
