"""Servers in processes of their own: started, waited for, measured by /proc, and ended with all that they started."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from benchmarks.load import Address
from mockcs.server import bound

HOST = "127.0.0.1"
_READY_SECONDS = 60.0
_STOP_SECONDS = 5.0
_ASK_AGAIN = 0.02
_TOLD = 2000


class NotStartedError(Exception):
    """A server did not come up; the message has what it said."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers."""

    process: subprocess.Popen[bytes]
    address: Address

    @property
    def resident(self) -> int:
        """The resident bytes of its process and of all that it started."""
        return sum(_resident(number) for number in _session(self.process.pid))

    @property
    def processor(self) -> float:
        """The seconds that its processes have computed."""
        ticks = sum(sum(map(int, fields[11:15])) for fields in _session(self.process.pid).values())
        return ticks / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port for a server that cannot be told to take a free one."""
    with bound(HOST, 0) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def mockcs(*arguments: str) -> Iterator[Running]:
    """`mockcs serve` on a free port with its defaults."""
    command = [sys.executable, "-m", "mockcs", "serve", "--port", "0", *arguments]
    process = _started(command, subprocess.PIPE)
    try:
        line = process.stdout.readline().decode() if process.stdout else ""
        found = re.search(r":(\d+) ", line)
        if not found:
            rest = process.communicate(timeout=_STOP_SECONDS)[0].decode()
            raise NotStartedError(f"mockcs serve did not start: {(line + rest)[-_TOLD:]}")
        yield Running(process, (HOST, int(found[1])))
    finally:
        ended(process)


@contextmanager
def hello() -> Iterator[Running]:
    """A bare hello world on the same server."""
    port = free_port()
    with serving([sys.executable, "-m", "benchmarks.hello", str(port), "bare"], port) as running:
        yield running


@contextmanager
def serving(
    command: Sequence[str], port: int, *, folder: Path | None = None, log: Path | None = None
) -> Iterator[Running]:
    """A command that serves on that port, from its first accepted connection on; what it says goes to `log`."""
    with (log or Path(os.devnull)).open("w+b") as output:
        process = _started(command, output, folder)
        try:
            _await_port(process, port, output)
            yield Running(process, (HOST, port))
        finally:
            ended(process)


def environment() -> dict[str, str]:
    """The variables of a measured process: nothing of pytest, and byte code is kept, as an installation has it."""
    unlike = "PYTEST_", "PYTHONDONTWRITEBYTECODE"
    return {name: value for name, value in os.environ.items() if not name.startswith(unlike)}


def _started(command: Sequence[str], output: int | BinaryIO, folder: Path | None = None) -> subprocess.Popen[bytes]:
    # A session of its own: its processes are told from others by it, also when their parent has gone.
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment(),
            start_new_session=True,
        )
    except OSError as error:
        raise NotStartedError(f"{command[0]} cannot be run: {error.strerror}") from error


def _await_port(process: subprocess.Popen[bytes], port: int, output: BinaryIO) -> None:
    for _ in range(round(_READY_SECONDS / _ASK_AGAIN)):
        with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(_ASK_AGAIN)
            output.seek(0)
            raise NotStartedError(f"it ended with {process.returncode}: {output.read()[-_TOLD:].decode()}")
    raise NotStartedError(f"nothing listens after {_READY_SECONDS:.0f} s")


def ended(process: subprocess.Popen[bytes]) -> None:
    """End a process and everything in its session, and wait until it has gone."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    for number in _session(process.pid):
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    process.wait()
    if process.stdout:
        process.stdout.close()


def _session(leader: int) -> dict[int, list[str]]:
    """The processes of a session that have not ended, each with its fields from the state on (proc(5))."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                # The name, which may hold anything, ends with the last bracket.
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) == leader and fields[0] != "Z":
                    found[int(entry.name)] = fields
    return found


def _resident(process: int) -> int:
    with suppress(OSError):
        found = re.search(r"^VmRSS:\s+(\d+) kB$", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
        return int(found[1]) * 1024 if found else 0
    return 0
