"""The commands beside `serve`: healthcheck, operations, readings and schemas."""

from __future__ import annotations

import gc
import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mockcs import __version__, cli, documented
from mockcs.server import Server, bound
from tests.conftest import ROOT, Mock, command


def run(*arguments: str, **variables: str) -> Result:
    return CliRunner().invoke(cli.main, arguments, env=variables)


@pytest.mark.slow
def test_python_m_mockcs_says_its_version() -> None:
    found = subprocess.run(command("--version"), capture_output=True, text=True, timeout=30, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (0, f"mockcs, version {__version__}\n", "")


@pytest.mark.slow
def test_an_unknown_command_is_exit_code_2() -> None:
    found = subprocess.run(command("sreve"), capture_output=True, text=True, timeout=30, check=False)
    assert (found.returncode, found.stdout) == (2, "")
    assert "No such command 'sreve'" in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.slow
def test_healthcheck_finds_a_mock_and_no_proxy_stands_between(served: Mock) -> None:
    proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"), "http://127.0.0.1:9")
    found = subprocess.run(
        command("healthcheck", "--port", str(served.address[1])),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, **proxies},
    )
    assert (found.returncode, found.stderr) == (0, "")
    assert "ready" in found.stdout


def test_healthcheck_takes_address_and_port_from_the_variables_of_serve(mock: Mock) -> None:
    host, port = mock.address
    assert run("healthcheck", MOCKCS_HOST=host, MOCKCS_PORT=str(port)).exit_code == 0
    assert run("healthcheck", MOCKCS_HOST="0.0.0.0", MOCKCS_PORT=str(port)).exit_code == 0


def unhealthy(port: int) -> None:
    found = run("healthcheck", "--port", str(port))
    assert (found.exit_code, found.stdout) == (1, "")
    assert found.stderr.startswith("mockcs: ")
    assert len(found.stderr.splitlines()) == 1
    assert isinstance(found.exception, SystemExit)
    del found
    gc.collect()  # so that a connection left open is found here and not in another test


def test_healthcheck_where_nobody_listens_is_exit_code_1() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        unhealthy(bound.getsockname()[1])


@pytest.fixture
def somebody(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a server that is no mock and answers these bytes, once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def answer() -> None:
            with closing(listener.accept()[0]) as connection:
                connection.recv(2**16)
                connection.sendall(request.param)

        thread = threading.Thread(target=answer)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


ANSWERS = [
    b"",
    b"SSH-2.0-OpenSSH_9.0\r\n",
    b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
    b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"status":"up"}',
]


@pytest.mark.parametrize("somebody", ANSWERS, indirect=True, ids=range(len(ANSWERS)))
def test_healthcheck_of_something_else_is_exit_code_1_and_one_sentence(somebody: int) -> None:
    unhealthy(somebody)


@pytest.mark.parametrize("noun", ["operations", "readings"])
def test_what_is_listed_fits_80_columns_and_is_the_table_as_json(mock: Mock, noun: str) -> None:
    rows = mock.get(f"/__admin/{noun}").json[noun]
    listed = run(noun)
    assert listed.exit_code == 0
    assert [line for line in listed.stdout.splitlines() if len(line) > 80] == []
    assert [row for row in rows if (row.get("name") or row["id"]) not in listed.stdout] == []
    document = run(noun, "--json")
    assert document.exit_code == 0
    assert json.loads(document.stdout) == rows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped tables and schemas."""
    return Path(shutil.copytree(ROOT / "schemas", tmp_path / "schemas"))


def test_the_shipped_schemas_are_equal_to_their_tables() -> None:
    assert run("schemas", "check").exit_code == 0


def test_schemas_check_names_what_differs_and_build_writes_it_anew(folder: Path) -> None:
    changed, missing, stray = (folder / "8.5" / f"{name}.schema.json" for name in ("state", "task", "stray"))
    wanted = {path: path.read_bytes() for path in folder.rglob("*.json")}
    changed.write_text(changed.read_text(encoding="utf-8").replace('"integer"', '"string"', 1), encoding="utf-8")
    missing.unlink()
    stray.write_text("{}")
    found = run("schemas", "check", str(folder))
    assert (found.exit_code, found.stdout) == (1, "")
    assert [line.split(" ")[0] for line in found.stderr.splitlines()] == sorted(map(str, (changed, missing, stray)))
    assert f"`mockcs schemas build {folder}` writes it anew" in found.stderr
    assert run("schemas", "build", str(folder)).exit_code == 0
    assert {path: path.read_bytes() for path in folder.rglob("*.json")} == wanted
    assert run("schemas", "check", str(folder)).exit_code == 0


def test_schemas_that_cannot_be_written_are_one_sentence_and_exit_code_2(folder: Path) -> None:
    path = folder / "8.5" / "state.schema.json"
    path.unlink()
    path.mkdir()
    found = run("schemas", "build", str(folder))
    assert (found.exit_code, found.stdout) == (2, "")
    assert found.stderr.startswith(f"mockcs: {path} cannot be written: ")
    assert run("schemas", "check", str(folder)).stderr.startswith(f"mockcs: {path} cannot be read: ")


def test_a_schema_that_is_no_text_differs_and_is_written_anew(folder: Path) -> None:
    (folder / "8.5" / "state.schema.json").write_bytes(b"\xff\xfe")
    assert run("schemas", "check", str(folder)).exit_code == 1
    assert run("schemas", "build", str(folder)).exit_code == 0
    assert run("schemas", "check", str(folder)).exit_code == 0


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [[], ["schemas"]])
def test_a_command_without_its_subcommand_gets_the_help_as_it_is(arguments: list[str]) -> None:
    found = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=30, check=False)
    assert (found.stdout + found.stderr).startswith("Usage: ")


def test_a_row_that_was_added_is_in_the_schema_that_is_built(folder: Path) -> None:
    table = folder / "tables" / "fields" / "state_start_event.csv"
    row = "mood,string,no,8.5,,max 9,,How the caller feels.,unknown,no page,\n"
    table.write_text(table.read_text(encoding="utf-8") + row, encoding="utf-8")
    assert run("schemas", "check", str(folder)).exit_code == 1
    assert run("schemas", "build", str(folder)).exit_code == 0
    schema = json.loads((folder / "8.5" / "state_start_event.schema.json").read_text(encoding="utf-8"))
    mood = schema["properties"]["mood"]
    assert (mood["type"], mood["maxLength"], mood["x-documented"]["page"]) == ("string", 9, "no page")


@pytest.mark.parametrize(
    ("table", "row", "named"),
    [
        ("state_start_event", "mood,feeling,no,8.5,,,,,unknown,,", "feeling"),
        ("state_start_event", "mood,string,maybe,8.5,,,,,unknown,,", "state_start_event.csv, line"),
        ("state_start_event", "mood,string,no,9.0,,,,,unknown,,", "state_start_event.csv, line"),
        ("state_start_event", "mood,string,no,8.5,,,,,rumour,,", "state_start_event.csv, line"),
        ("state_start_event", "mood,string", "state_start_event.csv, line"),
        ("state_start_event", "mood,string,no,8.5,,at most 9,,,unknown,,", "at most 9"),
    ],
)
def test_a_bad_row_is_one_sentence_and_exit_code_2(folder: Path, table: str, row: str, named: str) -> None:
    path = folder / "tables" / "fields" / f"{table}.csv"
    path.write_text(path.read_text(encoding="utf-8") + row + "\n", encoding="utf-8")
    for action in ("check", "build"):
        found = run("schemas", action, str(folder))
        assert (found.exit_code, found.stdout) == (2, "")
        assert named in found.stderr
        assert len(found.stderr.splitlines()) == 1


def test_the_variables_fit_the_server_of_the_same_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PORT": "8094", "TLS_CERT": "c.pem", "BASIC_AUTH": "kent:s:e"}.items():
        monkeypatch.setenv(f"MOCKCS_{name}", value)
    assert run("env", "--space", "job-17").stdout.splitlines() == [
        "export MOCKCS_URL=https://127.0.0.1:8094",
        "export CONTEXT_SERVICES_URL=https://127.0.0.1:8094/__space/job-17/genesys/1/cs",
        "export CONTEXT_SERVICES_URL_81=https://127.0.0.1:8094/__space/job-17",
        "export CONTEXT_SERVICES_USER=kent",
        "export CONTEXT_SERVICES_PASSWORD=s:e",
    ]


def test_there_are_no_variables_for_credentials_that_cannot_be() -> None:
    for credentials in ("kent", ":secret", ":"):
        found = run("env", "--basic-auth", credentials)
        assert (found.exit_code, found.stdout) == (2, "")
        assert "user:password" in found.stderr


def test_there_are_no_variables_for_a_space_that_cannot_be() -> None:
    found = run("env", "--space", "feature/x")
    assert (found.exit_code, found.stdout) == (2, "")
    assert "'feature/x' is no name of a space" in found.stderr


def test_healthcheck_and_env_take_the_settings_file_of_serve(mock: Mock, tmp_path: Path) -> None:
    file = tmp_path / "mockcs.toml"
    file.write_text(f'port = {mock.address[1]}\nbasic-auth = "kent:superman"\nmax-calls = 5\n', encoding="utf-8")
    assert run("healthcheck", MOCKCS_CONFIG=str(file)).exit_code == 0
    printed = run("env", "--config", str(file)).stdout
    assert f"MOCKCS_URL=http://127.0.0.1:{mock.address[1]}\n" in printed
    assert "CONTEXT_SERVICES_USER=kent\n" in printed
    assert "CONTEXT_SERVICES_PASSWORD=superman\n" in printed


@pytest.mark.parametrize(
    "arguments",
    [
        ("healthcheck", "--wait", "nan"),
        ("healthcheck", "--timeout", "inf"),
        ("healthcheck", "--timeout", "0"),
        ("healthcheck", "--port", "0"),
        ("env", "--port", "0"),
        ("env", "--port", "70000"),
    ],
    ids=" ".join,
)
def test_a_number_that_cannot_be_meant_is_exit_code_2(arguments: tuple[str, ...]) -> None:
    found = run(*arguments)
    assert (found.exit_code, found.stdout) == (2, "")


def test_explain_names_every_reading_that_has_to_do_with_an_operation() -> None:
    told = run("explain", "composite_start").stdout
    for name in ("composite-match", "composite-found", "both-keys", "start-in-completed", "expiration-base"):
        assert f"reading {name} = " in told
    assert "reading purge-compares" not in told
    manual = documented.read()
    explained = {row.name: run("explain", row.name).stdout for row in manual.operations}
    for reading in manual.readings:
        assert any(f"reading {reading} = " in text for text in explained.values()), reading


def test_explain_tells_the_members_of_nested_bodies() -> None:
    told = run("explain", "perform_state_transition", COLUMNS="80").stdout
    assert "state_transition_from:\n    state_id: integer" in told
    assert max(map(len, told.splitlines())) <= 80


def test_explain_of_an_unknown_operation_names_the_nearest_one() -> None:
    found = run("explain", "start_servce")
    assert (found.exit_code, found.stdout) == (2, "")
    assert "did you mean start_service?" in found.stderr
    assert "`mockcs operations` lists them" in run("explain", "zzz").stderr


def test_explain_shows_an_example_of_request_and_answer() -> None:
    told = run("explain", "start_service").stdout
    assert "    POST /genesys/1/cs/services/start\n    {\n" in told
    assert '    }\n    -> 201\n    {\n      "service_id": ' in told


def test_explain_tells_what_an_operation_answers() -> None:
    for row in {(row.name, row.api): row for row in reversed(documented.read().operations)}.values():
        told = " ".join(run("explain", row.name, COLUMNS="80").stdout.split())
        body = f" with {' '.join(row.answer.split())}" if row.answer else ", empty body"
        assert f" answers {row.status}{body} ({row.evidence}: " in told


def test_explain_says_which_members_are_optional() -> None:
    told = run("explain", "start_service").stdout
    assert "mandatory: no" not in told
    assert ", optional" in told


def test_healthcheck_goes_on_asking_until_the_mock_answers() -> None:
    with closing(bound("127.0.0.1", 0)) as free_one:
        port = free_one.getsockname()[1]
    server = Server(port=port)
    late = threading.Timer(0.3, server.start)
    late.start()
    try:
        assert run("healthcheck", "--port", str(port), "--wait", "10").exit_code == 0
    finally:
        late.join()
        server.stop()


def test_a_port_beyond_the_largest_is_refused() -> None:
    assert run("env", "--port", "65536").exit_code == 2
    assert run("env", "--port", "65535").exit_code == 0
