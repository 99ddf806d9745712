"""The container without an engine: what the Dockerfile starts, run as it says, by whom it says, with as little."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from mockcs.settings import Settings
from tests.conftest import ROOT
from tests.installed import NOBODY, folder, installation, run, runs_for_nobody, serving, unprivileged

pytestmark = pytest.mark.slow

EVENT = b'{"contact_key": "408-832-7799", "service_type": 100}'


@dataclass(frozen=True)
class Image:
    """What the last stage of the Dockerfile says."""

    lines: list[tuple[str, str]]

    def last(self, instruction: str) -> str:
        return [rest for name, rest in self.lines if name == instruction][-1]

    def command(self, instruction: str) -> list[str]:
        """A command in exec form; what stands before it (the options of HEALTHCHECK) is left out."""
        found: list[str] = json.loads(re.sub(r"^[^\[]*", "", self.last(instruction)))
        return found

    @property
    def environment(self) -> dict[str, str]:
        return dict(pair.split("=", 1) for pair in self.last("ENV").split())


def stages() -> list[list[tuple[str, str]]]:
    """The stages of the Dockerfile, each a list of instructions with their arguments."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    found: list[list[tuple[str, str]]] = []
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            name, rest = line.split(maxsplit=1)
            if name == "FROM":
                found.append([])
            found[-1].append((name, rest))
    return found


@pytest.fixture(scope="module")
def image() -> Image:
    return Image(stages()[-1])


@pytest.fixture(scope="module")
def bin_folder() -> Path:
    """Where the installed `mockcs` is; skips where the image's user could not run it."""
    found = installation()
    if not runs_for_nobody(str(found / "mockcs"), "--version"):
        pytest.skip("the image's user may not run the Python of this machine")
    return found


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A working folder in which nobody but root may write."""
    path = Path(tempfile.mkdtemp(dir=folder()))
    path.chmod(0o555)
    yield path
    path.chmod(0o755)


@dataclass(frozen=True)
class Container:
    """A process started as the image starts it."""

    image: Image
    bin_folder: Path
    process: subprocess.Popen[str]
    url: str

    def is_healthy(self) -> bool:
        """Whether the image's HEALTHCHECK says so."""
        variables = {"MOCKCS_PORT": self.url.rpartition(":")[2]}
        command, environment = as_installed(self.image.command("HEALTHCHECK"), self.image, self.bin_folder)
        done = subprocess.run(
            command,
            env=environment | variables,
            cwd="/",
            capture_output=True,
            timeout=60,
            check=False,
            **unprivileged(),
        )
        return done.returncode == 0

    def start_service(self) -> int:
        request = urllib.request.Request(f"{self.url}/genesys/1/cs/services/start", EVENT)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(json.load(answer)["service_id"])


def as_installed(command: list[str], image: Image, bin_folder: Path) -> tuple[list[str], dict[str, str]]:
    """A command line and the environment of the image, with the installed `mockcs` first in its PATH."""
    path = f"{bin_folder}:{os.defpath}"
    found = shutil.which(command[0], path=path)
    assert found, command
    return [found, *command[1:]], {**image.environment, "PATH": path}


@contextmanager
def container(image: Image, bin_folder: Path, cwd: Path, *arguments: str, **variables: str) -> Iterator[Container]:
    """The image's process on a free port; arguments stand in the place of its CMD."""
    command = [*image.command("ENTRYPOINT"), *(arguments or image.command("CMD"))]
    command, environment = as_installed(command, image, bin_folder)
    environment |= {"MOCKCS_PORT": "0", **variables}
    with serving(command, env=environment, cwd=cwd, **unprivileged()) as (process, url):
        yield Container(image, bin_folder, process, url)


# What the files say


def test_the_image_is_built_in_one_stage_and_runs_in_a_smaller_one(image: Image) -> None:
    build, run = stages()
    assert build[0] == ("FROM", "python:3.13-slim AS build")
    assert run[0] == ("FROM", "python:3.13-slim")
    assert [rest.split()[0] for name, rest in run if name == "COPY"] == ["--from=build"]
    assert "RUN" not in dict(run)
    assert not [rest for name, rest in build + run if "curl" in rest]
    assert image.lines == run


def test_the_image_runs_as_a_numbered_user_without_privileges(image: Image) -> None:
    user, group = image.last("USER").split(":")
    assert int(user) == int(group) == NOBODY


def test_the_image_offers_the_default_port(image: Image) -> None:
    assert image.last("EXPOSE") == str(Settings().port)


def test_the_image_listens_for_everybody_whatever_its_arguments_are(image: Image) -> None:
    assert image.environment["MOCKCS_HOST"] == "0.0.0.0"
    assert image.environment["PYTHONDONTWRITEBYTECODE"] == "1"


def test_the_image_s_commands_are_in_exec_form_so_that_signals_arrive(image: Image) -> None:
    assert image.command("ENTRYPOINT") == ["mockcs"]
    assert image.command("CMD")[0] == "serve"
    assert re.search(r"\bCMD \[", image.last("HEALTHCHECK"))
    assert image.command("HEALTHCHECK") == ["mockcs", "healthcheck"]


def test_compose_runs_the_image_with_as_little_as_it_needs(image: Image) -> None:
    lines = [line.strip() for line in (ROOT / "compose.yaml").read_text(encoding="utf-8").splitlines()]
    port = image.last("EXPOSE")
    assert f'- "{port}:{port}"' in lines
    assert f"test: {json.dumps(['CMD', *image.command('HEALTHCHECK')])}" in lines
    assert "read_only: true" in lines
    assert lines[lines.index("cap_drop:") + 1] == "- ALL"
    assert lines[lines.index("security_opt:") + 1] == "- no-new-privileges:true"
    assert not [line for line in lines if line.startswith(("user:", "privileged:", "command:", "entrypoint:"))]


def ignored(path: str) -> bool:
    """Whether .dockerignore keeps a path out of the image: the last pattern that fits decides."""
    found = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.strip().removeprefix("!").removeprefix("**/")
        parts = path.split("/") if "**/" in line else [path, path.partition("/")[0]]
        if pattern and not pattern.startswith("#") and any(fnmatchcase(part, pattern) for part in parts):
            found = not line.startswith("!")
    return found


def test_the_image_is_made_from_what_the_wheel_is_made_from() -> None:
    for needed in ("mockcs/cli.py", "schemas/tables/operations.csv", "fixtures/examples", "pyproject.toml"):
        assert not ignored(needed), needed
    for needed in ("constraints.txt", "README.md", "LICENSE"):
        assert not ignored(needed), needed
    for kept_out in (".git/HEAD", ".venv/bin/python", "tests/conftest.py", "mockcs/__pycache__/cli.pyc", ".env"):
        assert ignored(kept_out), kept_out


# What runs


def test_an_unprivileged_user_serves_from_a_read_only_folder(image: Image, bin_folder: Path, read_only: Path) -> None:
    with container(image, bin_folder, read_only) as running:
        assert running.start_service() == 1
        assert running.is_healthy()
    assert list(read_only.iterdir()) == []


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_with_0(image: Image, bin_folder: Path, read_only: Path, end: signal.Signals) -> None:
    with container(image, bin_folder, read_only) as running:
        running.start_service()
        running.process.send_signal(end)
        output, _ = running.process.communicate(timeout=30)
        assert (running.process.returncode, output) == (0, "")


def test_its_health_check_fails_once_it_is_gone(image: Image, bin_folder: Path, read_only: Path) -> None:
    with container(image, bin_folder, read_only) as running:
        running.process.terminate()
        running.process.communicate(timeout=30)
        assert not running.is_healthy()


def test_variables_configure_it_as_flags_do(image: Image, bin_folder: Path, read_only: Path) -> None:
    with (
        container(image, bin_folder, read_only, MOCKCS_READING="complete-status=200") as by_variable,
        container(image, bin_folder, read_only, "serve", "--reading", "complete-status=200") as by_flag,
    ):
        for running in (by_variable, by_flag):
            end = urllib.request.Request(f"{running.url}/services/{running.start_service()}/end", b"{}")
            with urllib.request.urlopen(end, timeout=10) as answer:
                assert answer.status == 200


# Process 1 of namespaces of its own: no network but lo, a read-only file system, no privilege to be had.
ISOLATE = f"""
mount -t proc proc /proc && ip link set lo up && mount -o remount,bind,ro / || exit 125
exec setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
"""
UNSHARE = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", ISOLATE, "sh"]


@pytest.fixture
def namespaces() -> None:
    """Skips where namespaces cannot be had."""
    tools = ("unshare", "nsenter", "setpriv", "ip")
    if os.geteuid() != 0 or not all(map(shutil.which, tools)):
        pytest.skip("namespaces need root and the tools of util-linux and iproute2")
    done = subprocess.run([*UNSHARE, "touch", "/tmp/x"], capture_output=True, text=True, timeout=60, check=False)
    if "Read-only file system" not in done.stderr:
        pytest.skip(f"namespaces cannot be had here: {done.stderr}")


@pytest.mark.usefixtures("namespaces")
def test_it_works_as_process_1_without_network_on_a_read_only_file_system(image: Image, bin_folder: Path) -> None:
    command = [*image.command("ENTRYPOINT"), *image.command("CMD")]
    command, environment = as_installed(command, image, bin_folder)
    health, _ = as_installed(image.command("HEALTHCHECK"), image, bin_folder)
    with serving([*UNSHARE, *command], env={**environment, "PATH": f"{bin_folder}:/usr/sbin:{os.defpath}"}) as served:
        process, url = served
        assert url == "http://127.0.0.1:8080"
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="utf-8")
        inside = ["nsenter", "--target", children.strip(), "--net"]
        assert run(*inside, *health, env=environment).stdout.startswith("ready")
        os.kill(int(children), signal.SIGTERM)
        process.communicate(timeout=30)
        assert process.returncode == 0
