"""The wheel, built and installed in a clean virtual environment that any user of this machine may run."""

from __future__ import annotations

import atexit
import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

NOBODY = 10001
"""An unprivileged user: the one of the Dockerfile; the system need not know it."""
OFFLINE = ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "Failed to establish a new connection")


def unprivileged() -> dict[str, Any]:
    """What subprocess needs to run a process as NOBODY; nothing when the tests themselves run without privileges."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


@functools.cache
def folder() -> Path:
    """A folder that everybody may read (pytest's own are private), removed at the end."""
    path = Path(tempfile.mkdtemp(prefix="mockcs-installed-"))
    path.chmod(0o755)
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


@functools.cache
def wheel() -> Path:
    """The wheel, built from this checkout."""
    output = folder() / "dist"
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(output), str(ROOT))
    (found,) = output.glob("*.whl")
    return found


@functools.cache
def installation() -> Path:
    """The `bin` of a virtual environment with the wheel, what it needs, and pytest; skips without a package index."""
    environment = folder() / "venv"
    run(_interpreter(), "-m", "venv", "--without-pip", str(environment))
    pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python")]
    install = ["install", "--quiet", "-c", str(ROOT / "constraints.txt"), str(wheel()), "pytest"]
    stalled = ["--retries", "3", "--timeout", "15"]  # an index that says nothing is asked again, long before 300 s
    done = subprocess.run([*pip, *install, *stalled], capture_output=True, text=True, timeout=300, check=False)
    if done.returncode and any(sign in done.stderr for sign in OFFLINE):
        pytest.skip("pip reaches no package index")
    assert done.returncode == 0, done.stderr
    return environment / "bin"


def _interpreter() -> str:
    """An interpreter that NOBODY may run, where there is one: not, for example, that in root's home."""
    own: str = getattr(sys, "_base_executable", sys.executable)
    others = [shutil.which("python3", path="/usr/local/bin:/usr/bin")]
    probe = "import sys, venv; sys.exit(sys.version_info < (3, 11))"
    return next((each for each in (own, *others) if each and runs_for_nobody(each, "-c", probe)), own)


def runs_for_nobody(*command: str) -> bool:
    """Whether an unprivileged user may run this to a good end."""
    try:
        done = subprocess.run(command, cwd="/", env={}, capture_output=True, timeout=60, check=False, **unprivileged())
    except PermissionError:
        return False
    return done.returncode == 0


def run(*command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; a failure shows what it said."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, **options)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done


@contextmanager
def serving(command: Sequence[str], **options: Any) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process of a command that serves, and the URL that it says it listens on."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options) as process:
        try:
            said: list[str] = []
            for line in process.stdout or ():
                said.append(line)
                if found := re.search(r"listens on (http://\S+:\d+)", line):
                    break
            else:
                pytest.fail(f"{' '.join(command)} does not serve:\n{''.join(said)}")
            yield process, found[1]
        finally:
            process.terminate()  # it ends its worker with itself
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
