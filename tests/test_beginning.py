"""What a mock brings with it when it begins: the admin API waits until it is asked, and tables are read once."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import create_environ

from mockcs import app as made
from mockcs.app import create_app, create_mock
from mockcs.settings import Settings
from tests.conftest import ROOT

ASKED = """
import http.client, sys
from mockcs import Server

def loaded():
    print(*sorted({"flask", "jinja2", "jsonschema", "prometheus_client"} & sys.modules.keys()), sep=",")

server = Server().start()
connection = http.client.HTTPConnection("127.0.0.1", server.port)
for method, path, body in (
    ("POST", "/services/start", '{"contact_key": "42", "service_type": 100}'),
    ("GET", "/services/1", None),
    ("GET", "/__admin/health", None),
):
    connection.request(method, path, body)
    answer = connection.getresponse()
    answer.read()
    print(answer.status)
    loaded()
connection.close()
server.stop()
"""


def printed(program: str) -> list[str]:
    """The lines that a program of its own process writes."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_a_server_that_is_not_asked_for_its_admin_api_does_not_load_flask() -> None:
    assert printed(ASKED) == ["201", "", "200", "", "200", "flask,jinja2"]


@pytest.mark.slow
def test_the_command_loads_flask_no_earlier() -> None:
    assert printed("import sys, mockcs.cli, mockcs.serving; print('flask' in sys.modules)") == ["False"]


def test_many_who_ask_the_admin_api_first_at_the_same_time_get_one_and_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    apps: list[Flask] = []
    build, together = made._admin, threading.Barrier(8)

    def counted(*arguments: object) -> Flask:
        apps.append(build(*arguments))  # type: ignore[arg-type]
        return apps[-1]

    monkeypatch.setattr(made, "_admin", counted)
    wsgi = create_mock(Settings()).wsgi

    def ask() -> str:
        found: list[str] = []
        together.wait(10)
        b"".join(wsgi(create_environ("/__admin/health"), lambda status, *_: found.append(status)))
        return found[0]

    with ThreadPoolExecutor(8) as pool:
        answers = [each.result(30) for each in [pool.submit(ask) for _ in range(8)]]
    assert answers == ["200 OK"] * 8
    assert len(apps) == 1


def test_mocks_of_the_shipped_tables_share_them_and_nothing_else() -> None:
    one, other = create_mock(Settings()).spaces, create_app().extensions["mockcs"]
    assert one.manual is other.manual
    assert one is not other
    assert one.space("default").store is not other.space("default").store


def test_a_set_of_one_s_own_is_read_anew_for_each_mock(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "schemas", tmp_path / "schemas")
    settings = Settings(schemas=str(tmp_path / "schemas"))
    event = {"contact_key": "42", "service_type": 100, "est_duration": 7}
    assert create_app(settings).test_client().post("/services/start", json=event).status_code == 201
    schema = tmp_path / "schemas" / "8.1" / "service_start_event.schema.json"
    text = schema.read_text(encoding="utf-8")
    assert '"est_duration": {' in text
    schema.write_text(text.replace('"est_duration": {', '"est_duration": {"multipleOf": 6, ', 1), encoding="utf-8")
    assert create_app(settings).test_client().post("/services/start", json=event).status_code == 400
