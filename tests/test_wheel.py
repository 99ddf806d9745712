"""The wheel: what is in it, what it says of itself, and that it works in a clean environment from another folder."""

from __future__ import annotations

import email.message
import email.parser
import json
import os
import signal
import urllib.request
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest

from mockcs import __version__, documented
from tests.conftest import ROOT
from tests.installed import installation, run, serving, wheel

pytestmark = pytest.mark.slow

INFO = f"mockcs-{__version__}.dist-info"
SUITE = """
import json
import urllib.request

def start(url, event):
    body = json.dumps(event).encode()
    request = urllib.request.Request(url + "/services/start", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)["service_id"]
    except urllib.error.HTTPError as refusal:
        refusal.close()

def test_a_caller_gets_a_service(mockcs):
    service_id = start(mockcs.url, {"contact_key": "408-832-7799"})
    mockcs.assert_called("start_service", body={"contact_key": "408-832-7799"}, times=1)
    assert mockcs.service(service_id).active

def test_a_mistake(mockcs):
    start(mockcs.url, {"contact_kye": "408-832-7799"})
"""


@pytest.fixture(scope="module")
def archive() -> zipfile.ZipFile:
    return zipfile.ZipFile(wheel())


@pytest.fixture(scope="module")
def metadata(archive: zipfile.ZipFile) -> email.message.Message:
    return email.parser.Parser().parsestr(archive.read(f"{INFO}/METADATA").decode())


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The `bin` of the clean environment; this test is in a folder of its own, without the variables of others."""
    found = installation()
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith(("MOCKCS_", "PYTEST_", "PYTHON", "VIRTUAL_ENV")):
            monkeypatch.delenv(name)
    return found


def files(folder: str, *suffixes: str) -> set[str]:
    """The files of a folder of the checkout, as paths from its root."""
    paths = (ROOT / folder).rglob("*")
    return {path.relative_to(ROOT).as_posix() for path in paths if path.is_file() and path.suffix in suffixes}


def test_the_wheel_holds_the_package_its_schemas_and_fixtures_and_nothing_else(archive: zipfile.ZipFile) -> None:
    data = files("schemas", ".csv", ".json") | files("fixtures", ".json", ".csv", ".md")
    about = {f"{INFO}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")}
    expected = files("mockcs", ".py", ".typed") | {f"mockcs/{name}" for name in data} | about
    assert set(archive.namelist()) == expected


def test_the_wheel_is_for_every_platform(archive: zipfile.ZipFile) -> None:
    assert wheel().name == f"mockcs-{__version__}-py3-none-any.whl"
    assert "Root-Is-Purelib: true" in archive.read(f"{INFO}/WHEEL").decode()


def test_the_metadata_say_what_mockcs_is(metadata: email.message.Message) -> None:
    assert (metadata["Name"], metadata["Version"]) == ("mockcs", __version__)
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "MIT"
    assert metadata["License-File"] == "LICENSE"
    assert metadata["Summary"]
    assert metadata["Keywords"]
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload() == (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_metadata_classify_mockcs(metadata: email.message.Message) -> None:
    classifiers = metadata.get_all("Classifier", [])
    assert {
        "Framework :: Pytest",
        "Framework :: Flask",
        "Intended Audience :: Developers",
        "Topic :: Software Development :: Testing",
        "Typing :: Typed",
    } <= set(classifiers)
    pythons = [
        line.rpartition(" ")[2] for line in classifiers if line.startswith("Programming Language :: Python :: 3.")
    ]
    assert pythons[0] == "3.11"
    assert "3.13" in pythons


def test_the_metadata_link_to_the_project(metadata: email.message.Message) -> None:
    links = dict(line.split(", ", 1) for line in metadata.get_all("Project-URL", []))
    assert {"Documentation", "Changelog", "Source"} <= links.keys()
    assert all(link.startswith("https://") for link in links.values())


def test_the_command_and_the_pytest_plugin_are_entry_points(archive: zipfile.ZipFile) -> None:
    points = ConfigParser()
    points.read_string(archive.read(f"{INFO}/entry_points.txt").decode())
    assert {name: dict(points[name]) for name in points.sections()} == {
        "console_scripts": {"mockcs": "mockcs.__main__:run"},
        "pytest11": {"mockcs": "mockcs.pytest_plugin"},
    }


def test_the_installed_package_is_the_one_that_runs(installed: Path) -> None:
    found = run(str(installed / "python"), "-c", "import mockcs; print(mockcs.__file__)").stdout
    assert Path(found).is_relative_to(installed.parent)


def test_the_installed_command_tells_its_version(installed: Path) -> None:
    assert run(str(installed / "mockcs"), "--version").stdout == f"mockcs, version {__version__}\n"


def test_the_installed_command_knows_the_operations_of_both_generations(installed: Path) -> None:
    rows = json.loads(run(str(installed / "mockcs"), "operations", "--json").stdout)
    assert {(row["name"], row["api"]) for row in rows} >= {("start_service", "8.1"), ("start_service", "8.5")}
    assert [row["name"] for row in rows] == [row.name for row in documented.read().operations]


def test_the_installed_schemas_are_equal_to_their_tables(installed: Path) -> None:
    run(str(installed / "mockcs"), "schemas", "check")


def test_the_fixture_is_there_without_any_configuration(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(SUITE, encoding="utf-8")
    command = [
        str(installed / "python"),
        "-m",
        "pytest",
        "-q",
        "-W",
        "error",
        "test_it.py::test_a_caller_gets_a_service",
    ]
    assert "1 passed" in run(*command).stdout


def test_the_fixture_finds_a_mistake(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(SUITE, encoding="utf-8")
    command = [str(installed / "python"), "-m", "pytest", "test_it.py::test_a_mistake"]
    with pytest.raises(AssertionError, match="mandatory yes if no") as caught:
        run(*command)
    assert "1 passed, 1 error" in str(caught.value)


def test_the_installed_command_serves_and_stops(installed: Path) -> None:
    command = [str(installed / "mockcs"), "serve", "--port", "0"]
    with serving(command) as (process, url):
        run(str(installed / "mockcs"), "healthcheck", "--port", url.rpartition(":")[2])
        event = urllib.request.Request(f"{url}/genesys/1/cs/services/start", b'{"contact_key": "42"}')
        with urllib.request.urlopen(event, timeout=10) as answer:
            assert json.load(answer) == {"service_id": 1}
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
