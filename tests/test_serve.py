"""`mockcs serve`: how it begins, what it is set up with, and how it says that something is wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mockcs import cli
from mockcs.server import bound
from mockcs.settings import Settings
from tests.conftest import ROOT, Door, Mock, command, serving

GIVEN: dict[str, tuple[str, Any]] = {
    "text": ("some text", "some text"),
    "file": ("a/file", "a/file"),
    "port": ("9", 9),
    "count": ("7", 7),
    "bytes": ("3KiB", 3072),
    "flag": ("true", True),
    "names": ("one", ("one",)),
    "pairs": ("complete-status=200", {"complete-status": "200"}),
    "server": ("threaded", "threaded"),
    "expiration": ("2w", "2w"),
    "basic_auth": ("kent:secret", "kent:secret"),
}
"""For a setting, or else for its kind: how a value is written, and what it means."""
ONLY_TOGETHER = {"tls_cert": {"MOCKCS_TLS_KEY": "key.pem"}, "tls_key": {"MOCKCS_TLS_CERT": "cert.pem"}}
FLAGS = [setting for setting in fields(Settings) if setting.metadata["kind"] != "table"]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Something else that listens on a port of 127.0.0.1, and would share it."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener


def refused(*arguments: str, **variables: str) -> str:
    """The complaint of a `mockcs serve` that does not begin: exit code 2 and one sentence on stderr."""
    environment = {**os.environ, **variables}
    with subprocess.Popen(
        command("serve", *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout
        began = process.stdout.readline()
        process.terminate()
        _, complaint = process.communicate(timeout=10)
    assert not began
    assert re.fullmatch(r"mockcs: .+\n", complaint), complaint
    assert process.returncode == 2
    return complaint


@pytest.mark.slow
def test_one_line_says_where_it_listens_and_where_to_look_and_then_it_answers() -> None:
    arguments = command("serve", "--port", "0")
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        line = process.stdout.readline()
        found = re.search(r"listens on (http://127\.0\.0\.1:\d+) .*\1/__admin/calls\b", line)
        assert found, line
        mock = Mock(found[1])
        assert mock.get("/__admin/health").json["status"] == "ready"
        assert mock.get("/services/1").status == 404
        process.terminate()
        assert process.communicate(timeout=10) == ("", "")


@pytest.mark.slow
def test_port_0_takes_a_free_one_so_that_two_can_serve_at_once() -> None:
    with serving() as one, serving() as other:
        assert one.address != other.address
        one.get("/services/1")
        assert (len(one.calls()), len(other.calls())) == (1, 0)


@pytest.mark.slow
@pytest.mark.parametrize("host", ["localhost", "::1", "0.0.0.0"])
def test_it_listens_on_the_address_that_it_is_given(host: str) -> None:
    with serving("--host", host, "--admin-token", "t") as mock:
        assert mock.get("/__admin/health").status == 200


@pytest.mark.slow
def test_a_taken_port_is_one_sentence(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    assert f"port {port}" in refused("--port", str(port))


@pytest.mark.slow
def test_a_second_mock_does_not_share_the_port_of_the_first(served: Mock) -> None:
    port = served.address[1]
    assert f"port {port}" in refused("--port", str(port))
    assert served.get("/__admin/health").status == 200


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--schemas", "{tmp}/none"], "{tmp}/none"),
        (["--schemas", "{tmp}/a-file"], "{tmp}/a-file"),
        (["--schemas", "{tmp}/schemas"], "service_start_event"),
        (["--schemas", "{tmp}/tables"], "operations.csv, line 2"),
        (["--reading", "complete-staus=200"], "complete-status"),
        (["--reading", "complete-status=maybe"], "204"),
        (["--host", "192.0.2.1", "--admin-token", "t"], "192.0.2.1"),
        (["--host", "", "--admin-token", "t"], "--host"),
    ],
    ids=str,
)
def test_what_it_cannot_begin_with_is_one_sentence(tmp_path: Path, arguments: list[str], named: str) -> None:
    (tmp_path / "a-file").write_text("{}")
    (tmp_path / "schemas" / "8.5").mkdir(parents=True)
    (tmp_path / "schemas" / "8.5" / "service_start_event.schema.json").write_text("{")
    shutil.copytree(ROOT / "schemas" / "tables", tmp_path / "tables" / "tables")
    operations = tmp_path / "tables" / "tables" / "operations.csv"
    operations.write_text(operations.read_text(encoding="utf-8").replace(",POST,", ",POKE,", 1), encoding="utf-8")
    filled = [argument.format(tmp=tmp_path) for argument in arguments]
    assert named.format(tmp=tmp_path) in refused("--port", "0", *filled)


@pytest.mark.slow
def test_what_it_cannot_begin_with_may_come_from_a_variable() -> None:
    assert "complete-status" in refused("--port", "0", MOCKCS_READING="complete-status=maybe")


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings that each `mockcs serve` of a test would serve with."""
    found: list[Settings] = []
    monkeypatch.setattr("mockcs.serving.serve", found.append)
    return found


@pytest.mark.parametrize(
    ("variable", "meant"),
    [("MOCKCS_PROT", "MOCKCS_PORT"), ("MOCKCS_LOGCALLS", "MOCKCS_LOG_CALLS"), ("MOCKCS_CONFIGS", "MOCKCS_CONFIG")],
)
def test_a_misspelt_variable_is_told(begun: list[Settings], variable: str, meant: str) -> None:
    result = CliRunner().invoke(cli.main, ["serve"], env={variable: "1", "MOCKCS_URL": "x", "MOCKCS_HOST": "::1"})
    assert result.stderr == f"mockcs: warning: {variable} is no setting; did you mean {meant}?\n"
    assert begun == [Settings(host="::1")]


def serve(*arguments: str, **variables: str) -> int:
    return CliRunner().invoke(cli.main, ["serve", *arguments], env=variables).exit_code


@pytest.mark.parametrize("setting", FLAGS, ids=lambda setting: setting.name)
def test_each_setting_is_a_flag_a_variable_and_a_key(
    begun: list[Settings], tmp_path: Path, setting: Field[Any]
) -> None:
    kind, beside = setting.metadata["kind"], ONLY_TOGETHER.get(setting.name, {})
    text, meaning = GIVEN.get(setting.name) or GIVEN[kind]
    dashed = setting.name.replace("_", "-")
    file = tmp_path / "mockcs.toml"
    value = [text] if kind in ("pairs", "names") else True if kind == "flag" else text
    file.write_text(f"{dashed} = {json.dumps(value)}")
    assert serve(f"--{dashed}", *([] if kind == "flag" else [text]), **beside) == 0
    assert serve(**{f"MOCKCS_{setting.name.upper()}": text}, **beside) == 0
    assert serve("--config", str(file), **beside) == 0
    assert [getattr(settings, setting.name) for settings in begun] == [meaning] * 3
    assert serve() == 0
    assert begun[3] == Settings()


def test_a_table_is_a_key_of_the_file_alone(begun: list[Settings], tmp_path: Path) -> None:
    file = tmp_path / "mockcs.toml"
    file.write_text("""
        [business-attributes]
        "Service.type" = "ServiceTypes"
        [attributes.ServiceTypes]
        Sales = 100
        [users.kent]
        password = "secret"
    """)
    assert serve("--config", str(file)) == 0
    (settings,) = begun
    assert settings.business_attributes == {"Service.type": "ServiceTypes"}
    assert settings.attributes == {"ServiceTypes": {"Sales": 100}}
    assert settings.users == {"kent": {"password": "secret"}}


def test_a_flag_goes_before_a_variable_and_a_variable_before_the_file(begun: list[Settings], tmp_path: Path) -> None:
    file = tmp_path / "mockcs.toml"
    file.write_text('max-calls = 1\nmax_spaces = 1\nmax-waiting = 1\nreading = {complete-status = "200"}')
    variables = {"MOCKCS_CONFIG": str(file), "MOCKCS_MAX_SPACES": "2", "MOCKCS_MAX_WAITING": "2"}
    assert serve("--max-waiting", "3", **variables) == 0
    (settings,) = begun
    assert (settings.max_calls, settings.max_spaces, settings.max_waiting) == (1, 2, 3)
    assert settings.reading == {"complete-status": "200"}


def test_a_reading_of_a_flag_leaves_the_others_of_the_file(begun: list[Settings], tmp_path: Path) -> None:
    file = tmp_path / "mockcs.toml"
    file.write_text('[reading]\ncomplete-status = "200"\nchallenge = "none"')
    assert serve("--config", str(file), "--reading", "not-found=404", "--reading", "challenge=basic") == 0
    assert begun[0].reading == {"complete-status": "200", "challenge": "basic", "not-found": "404"}


def test_one_reading_of_the_file_may_be_a_text(begun: list[Settings], tmp_path: Path) -> None:
    file = tmp_path / "mockcs.toml"
    file.write_text('reading = "complete-status=200"')
    assert serve("--config", str(file)) == 0
    assert serve("--config", str(file), MOCKCS_READING="not-found=404") == 0
    assert [settings.reading for settings in begun] == [
        {"complete-status": "200"},
        {"complete-status": "200", "not-found": "404"},
    ]


def test_several_readings_are_several_flags_or_words_of_the_variable(begun: list[Settings]) -> None:
    wanted = {"complete-status": "200", "not-found": "404"}
    pairs = [f"{name}={choice}" for name, choice in wanted.items()]
    assert serve("--reading", pairs[0], "--reading", pairs[1]) == 0
    assert serve(MOCKCS_READING=" ".join(pairs)) == 0
    assert [settings.reading for settings in begun] == [wanted, wanted]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--config", "{tmp}/none.toml"], "{tmp}/none.toml"),
        (["--config", "{tmp}/broken.toml"], "{tmp}/broken.toml"),
        (["--config", "{tmp}/latin.toml"], "{tmp}/latin.toml"),
        (["--config", "{tmp}/unknown.toml"], "prt"),
        (["--config", "{tmp}/users.toml"], "users"),
        (["--config", "{tmp}/float.toml"], "max_calls must be a whole number from 0, not 1.5"),
        (["--config", "{tmp}/flag.toml"], "log_calls must be true or false, not 5"),
        (["--config", "{tmp}/tenant.toml"], "tenant must be a list of texts, not 'T1'"),
        (["--config", "{tmp}/reading.toml", "--reading", "not-found=404"], "reading must be a list of texts, not 5"),
        (["--config", "{tmp}/twice.toml", "--basic-auth", "u:p"], "users.u have different passwords"),
        (["--basic-auth", ":"], "user:password"),
        (["--basic-auth", ":secret"], "user:password"),
        (["--reading", "complete-status"], "id=choice"),
        (["--max-body", "1 giga"], "1 giga"),
        (["--max-journal-bytes", "-1"], "-1"),
        (["--expiration", "soon"], "soon"),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_meant_is_one_sentence(
    begun: list[Settings], tmp_path: Path, arguments: list[str], named: str
) -> None:
    (tmp_path / "broken.toml").write_text("port = [")
    (tmp_path / "latin.toml").write_bytes(b'host = "\xe9"')
    (tmp_path / "unknown.toml").write_text("prt = 5")
    (tmp_path / "users.toml").write_text("users = 5")
    (tmp_path / "float.toml").write_text("max-calls = 1.5")
    (tmp_path / "flag.toml").write_text("log-calls = 5")
    (tmp_path / "tenant.toml").write_text('tenant = "T1"')
    (tmp_path / "reading.toml").write_text("reading = 5")
    (tmp_path / "twice.toml").write_text('[users.u]\npassword = "q"')
    found = CliRunner().invoke(cli.main, ["serve", *(argument.format(tmp=tmp_path) for argument in arguments)])
    assert (found.exit_code, found.stdout, begun) == (2, "", [])
    assert re.fullmatch(r"mockcs: .+\n", found.stderr), found.stderr
    assert named.format(tmp=tmp_path) in found.stderr


USAGE = [("--port", "x"), ("--port", "70000"), ("--max-calls", "-1"), ("--max-calls", "x"), ("--nope",), ("extra",)]


@pytest.mark.parametrize("arguments", USAGE, ids=" ".join)
def test_a_wrong_word_on_the_command_line_is_exit_code_2(begun: list[Settings], arguments: tuple[str, ...]) -> None:
    found = CliRunner().invoke(cli.main, ["serve", *arguments])
    assert found.exit_code == 2
    assert "Error: " in found.stderr
    assert begun == []


@pytest.mark.slow
def test_settings_are_in_effect() -> None:
    with serving("--max-body", "60", "--reading", "complete-status=200", MOCKCS_MAX_CALLS="2") as mock:
        assert mock.post("/services/start", {"service_type": 100, "contact_key": "42"}).status == 201
        assert mock.post("/services/1/end").status == 200
        assert mock.post("/services/start", b" " * 61).status == 413
        assert mock.get("/__admin/calls").json["evicted"] == 1


@pytest.mark.slow
def test_a_proxy_of_the_environment_is_no_header_of_a_call() -> None:
    with serving(HTTP_PROXY="http://127.0.0.1:9", http_proxy="http://127.0.0.1:9") as mock:
        mock.get("/services/1")
        assert "proxy" not in {name.lower() for name in mock.last_call()["request"]["headers"]}


@pytest.mark.slow
def test_a_stricter_schema_refuses_what_the_shipped_one_accepts(tmp_path: Path) -> None:
    name = "8.5/service_start_event.schema.json"
    schema = json.loads((ROOT / "schemas" / name).read_text(encoding="utf-8"))
    schema["properties"]["est_duration"]["maximum"] = 60
    (tmp_path / "8.5").mkdir()
    (tmp_path / name).write_text(json.dumps(schema))
    event = {"service_type": 100, "contact_key": "42", "est_duration": 61}
    with serving("--schemas", str(tmp_path)) as mock:
        assert mock.post("/services/start", event).status == 201
        assert mock.post("/genesys/1/cs/services/start", event).status == 400
        (violation,) = mock.last_call()["violations"]
        assert (violation["pointer"], violation["field"]) == ("/est_duration", "est_duration")
        assert mock.post("/genesys/1/cs/services/start", event | {"est_duration": 60}).status == 201


@pytest.mark.parametrize("token", ["é", "a\n", "a\tb"])
def test_a_token_that_no_header_can_hold_is_refused(token: str) -> None:
    assert "admin-token" in refused("--admin-token", token)


def test_a_settings_file_that_nests_without_end_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "mockcs.toml"
    file.write_text("reading = " + "[" * 5000, encoding="utf-8")
    assert "cannot be read" in refused("--config", str(file))


@pytest.mark.slow
@pytest.mark.parametrize("output", ["&-", "/dev/full"])
@pytest.mark.parametrize("server", ["granian", "threaded"])
def test_it_serves_where_its_first_line_reaches_nobody(server: str, output: str) -> None:
    with bound("127.0.0.1", 0) as probe:
        port = str(probe.getsockname()[1])
    line = ["sh", "-c", f'exec "$@" >{output}', "sh", *command("serve", "--server", server, "--port", port)]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as process:
        try:
            asked = subprocess.run(command("healthcheck", "--port", port, "--wait", "20"), timeout=60, check=False)
        finally:
            process.terminate()
        assert process.stderr
        assert (asked.returncode, process.wait(10), process.stderr.read()) == (0, 0, "")


SPAWNED = "import multiprocessing; multiprocessing.set_start_method('spawn'); from mockcs.cli import run; run()"


@pytest.mark.slow
def test_it_serves_where_a_worker_is_no_fork() -> None:  # as on macOS
    arguments = [sys.executable, "-c", SPAWNED, "serve", "--port", "0", "--max-body", "10"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout
        try:
            said = process.stdout.readline()
            assert " listens on http://127.0.0.1:" in said
            mock = Mock(said.split()[4])
            assert Door(mock, "8.5").post("/services/start", {"contact_key": "42"}).status == 413
        finally:
            process.terminate()
