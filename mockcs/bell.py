"""A bell: an event that a signal rings, whichever thread it comes to, at any moment."""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress

_PENDING = 4096


class Bell:
    """Like threading.Event in the main thread of a process that is ended by signals.

    The lock of an Event that is being set when another signal comes is waited for without end. And a signal that the
    kernel gives to another thread does not wake the main one, where alone Python handles it; a byte in a pipe does.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        for end in (self._read, self._write):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def set(self) -> None:
        """Wake who waits, and whoever will."""
        with suppress(BlockingIOError):  # full, so it rings
            os.write(self._write, b"!")

    def clear(self) -> None:
        """Let it be waited for again."""
        with suppress(BlockingIOError):
            os.read(self._read, _PENDING)

    def wait(self) -> None:
        """Wait until it rings; it goes on ringing until it is cleared."""
        select.select([self._read], [], [])
