"""TLS: with a certificate and its key both servers speak HTTPS, and nothing else."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from mockcs import Client, MockcsError
from mockcs.server import Server
from mockcs.settings import Settings
from tests.conftest import Mock, command, started
from tests.test_serve import refused

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl here to make a certificate"),
]
EVENT = {"service_type": 100, "contact_key": "42"}


def openssl(folder: Path, *arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates for 127.0.0.1: `own`, signed by itself; `leaf`, signed by `ca`; and `other`, of somebody else."""
    folder = tmp_path_factory.mktemp("tls")
    name = ("-subj", "/CN=mockcs", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost")
    new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    for own in ("own", "other", "ca"):
        openssl(folder, *new, "-x509", "-days", "30", *name, "-keyout", f"{own}.key", "-out", f"{own}.pem")
    openssl(folder, *new, *name, "-keyout", "leaf.key", "-out", "leaf.csr")
    (folder / "leaf.ext").write_text("subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30", "-extfile", "leaf.ext")
    openssl(folder, "x509", "-req", "-in", "leaf.csr", *signed, "-out", "leaf.pem")
    return folder


@contextmanager
def speaking(folder: Path, server: str, name: str = "own") -> Iterator[tuple[Any, Mock]]:
    """`mockcs serve` with a certificate of the folder."""
    files = ("--tls-cert", str(folder / f"{name}.pem"), "--tls-key", str(folder / f"{name}.key"))
    with started("--server", server, *files) as found:
        assert found[1].base_url.startswith("https://127.0.0.1:")
        yield found


@pytest.fixture(scope="module", params=["granian", "threaded"])
def secured(request: pytest.FixtureRequest, folder: Path) -> Iterator[Mock]:
    """A mock that speaks HTTPS, behind each of the servers."""
    with speaking(folder, request.param) as (_, mock):
        yield mock


def trusting(folder: Path, name: str = "own") -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(folder / f"{name}.pem"))


def ask(mock: Mock, context: ssl.SSLContext, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    with closing(http.client.HTTPSConnection(*mock.address, timeout=20, context=context)) as connection:
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None


def test_a_client_that_trusts_the_certificate_is_answered(secured: Mock, folder: Path) -> None:
    context = trusting(folder)
    status, answer = ask(secured, context, "POST", "/services/start", EVENT)
    assert (status, answer.keys()) == (201, {"service_id"})
    status, answer = ask(secured, context, "GET", "/__admin/calls?limit=1")
    assert (status, answer["calls"][0]["operation"]) == (200, "start_service")
    assert ask(secured, context, "PUT", "/__admin/readings/location-form", {"value": "absolute"})[0] == 200
    with closing(http.client.HTTPSConnection(*secured.address, timeout=20, context=context)) as connection:
        connection.request("POST", "/services/start", json.dumps(EVENT))
        answer = connection.getresponse()
        assert (answer.getheader("location") or "").startswith(secured.base_url)
        answer.read()
    curl = http.client.HTTPSConnection(*secured.address, timeout=20, context=context)
    curl.request("GET", "/__admin/calls/1/curl")
    assert secured.base_url in curl.getresponse().read().decode()
    curl.close()


def test_a_client_that_does_not_trust_it_is_not(secured: Mock, folder: Path) -> None:
    for context in (ssl.create_default_context(), trusting(folder, "other")):
        with pytest.raises(ssl.SSLCertVerificationError):
            ask(secured, context, "GET", "/__admin/health")


def test_plain_http_gets_no_answer(secured: Mock, folder: Path) -> None:
    with pytest.raises((OSError, http.client.HTTPException)):
        secured.get("/__admin/health")
    assert ask(secured, trusting(folder), "GET", "/__admin/health")[0] == 200


def test_old_versions_of_tls_are_not_spoken(secured: Mock, folder: Path) -> None:
    context = trusting(folder)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        ask(secured, context, "GET", "/__admin/health")


def test_who_connects_and_says_nothing_holds_nobody_up(secured: Mock, folder: Path) -> None:
    with socket.create_connection(secured.address, timeout=20), socket.create_connection(secured.address, timeout=20):
        assert ask(secured, trusting(folder), "GET", "/__admin/health")[0] == 200


def test_the_python_client_speaks_https_too(secured: Mock, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MockcsError, match="no mockcs answers") as raised:
        Client(secured.base_url).ask("GET", "/health")
    assert "SSL_CERT_FILE" in raised.value.hint
    cs = Client(secured.base_url, space="py", tls_cert=str(folder / "own.pem"))
    assert cs.given_service(customer_id="C1").active
    other = cs.of("py-other")
    assert other.services() == []
    other.forget_space()
    assert cs.url.startswith("https://")
    cs.forget_space()
    for wrong, told in (("other.pem", "no mockcs answers"), ("own.key", "own.key is no certificate"), ("none", "none")):
        with pytest.raises(MockcsError, match=told):
            Client(secured.base_url, tls_cert=str(folder / wrong)).services()
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "own.pem"))
    assert Client(secured.base_url).ask("GET", "/health")["status"] == "ready"


def test_a_suite_against_a_running_mock_takes_the_certificate_from_its_variable(
    secured: Mock, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(mockcs):\n    assert mockcs.services() == []\n")
    suite = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--mockcs-url", secured.base_url]
    for name, code in (("own.pem", 0), ("other.pem", 1)):
        known = {**os.environ, "MOCKCS_TLS_CERT": str(folder / name)}
        done = subprocess.run(suite, cwd=tmp_path, env=known, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == code, done.stdout


def test_the_client_of_a_server_in_this_process_believes_its_certificate(folder: Path) -> None:
    settings = Settings(tls_cert=str(folder / "leaf.pem"), tls_key=str(folder / "leaf.key"))
    with Server(settings) as cs:
        assert cs.given_service(customer_id="C1").active


# The health check


def healthcheck(mock: Mock, **variables: str) -> tuple[int, str]:
    """Exit code and complaint of the health check, set up by variables as in a container."""
    done = subprocess.run(
        command("healthcheck"),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, "MOCKCS_PORT": str(mock.address[1]), **variables},
    )
    return done.returncode, done.stderr


def test_the_health_check_takes_the_certificate_from_the_variable_of_serve(secured: Mock, folder: Path) -> None:
    assert healthcheck(secured, MOCKCS_TLS_CERT=str(folder / "own.pem")) == (0, "")
    assert healthcheck(secured, MOCKCS_TLS_CERT=str(folder / "own.pem"), MOCKCS_HOST="0.0.0.0") == (0, "")


def test_the_health_check_of_a_certificate_that_somebody_signed(folder: Path) -> None:
    with speaking(folder, "granian", "leaf") as (_, mock):
        assert healthcheck(mock, MOCKCS_TLS_CERT=str(folder / "leaf.pem")) == (0, "")
        assert healthcheck(mock, MOCKCS_TLS_CERT=str(folder / "ca.pem")) == (0, "")


def test_a_certificate_of_ones_own_need_not_be_as_strict_as_a_later_python_wants(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = ssl.create_default_context

    def stricter(**more: Any) -> ssl.SSLContext:
        context = usual(**more)
        context.verify_flags |= ssl.VERIFY_X509_STRICT  # as from Python 3.13 on
        return context

    with speaking(folder, "granian", "leaf") as (_, mock):
        monkeypatch.setattr(ssl, "create_default_context", stricter)
        for name in ("leaf", "ca"):
            client = Client(mock.base_url, tls_cert=str(folder / f"{name}.pem"))
            assert client.ask("GET", "/health")["status"] == "ready"


def test_the_health_check_of_another_certificate_is_exit_code_1(secured: Mock, folder: Path) -> None:
    for variables in (
        {},
        {"MOCKCS_TLS_CERT": str(folder / "other.pem")},
        {"MOCKCS_TLS_CERT": str(folder / "none.pem")},
    ):
        code, complaint = healthcheck(secured, **variables)
        assert code == 1
        assert complaint.startswith("mockcs: ")
        assert len(complaint.splitlines()) == 1


# The server


@pytest.mark.parametrize("server", ["granian", "threaded"])
def test_it_stops_with_code_0(folder: Path, server: str) -> None:
    with speaking(folder, server) as (process, mock):
        assert ask(mock, trusting(folder), "GET", "/__admin/health")[0] == 200
        process.terminate()
        assert process.wait(10) == 0
        assert process.stdout.read() == ""


@pytest.mark.parametrize("how", ["reset", "close"])
def test_connection_faults_work_over_tls(folder: Path, how: str) -> None:
    context = trusting(folder)
    with speaking(folder, "threaded") as (_, mock):
        fault = {"operation": "start_service", "connection": how, "after_commit": True, "times": 1}
        assert ask(mock, context, "POST", "/__admin/faults", fault)[0] == 201
        with pytest.raises((OSError, http.client.HTTPException)):
            ask(mock, context, "POST", "/services/start", EVENT)
        _, answer = ask(mock, context, "GET", "/__admin/calls")
        assert [(call["state"], call["fault"]) for call in answer["calls"]] == [("aborted", 1)]
        assert len(ask(mock, context, "GET", "/__admin/services")[1]["services"]) == 1


def test_the_server_in_this_process_speaks_https_too(folder: Path) -> None:
    server = Server(Settings(tls_cert=str(folder / "own.pem"), tls_key=str(folder / "own.key")))
    with server:
        mock = Mock(server.base_url)
        assert ask(mock, trusting(folder), "POST", "/services/start", EVENT) == (201, {"service_id": 1})


@pytest.mark.parametrize("server", ["granian", "threaded"])
@pytest.mark.parametrize(("cert", "key"), [("none.pem", "own.key"), ("own.pem", "other.key"), ("own.key", "own.pem")])
def test_files_that_do_not_fit_are_one_sentence(folder: Path, server: str, cert: str, key: str) -> None:
    files = ("--tls-cert", str(folder / cert), "--tls-key", str(folder / key))
    assert cert in refused("--port", "0", "--server", server, *files)


def test_a_certificate_without_its_key_is_one_sentence(folder: Path) -> None:
    assert "tls-key" in refused("--port", "0", "--tls-cert", str(folder / "own.pem"))


@pytest.mark.parametrize("server", ["granian", "threaded"])
def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_password(folder: Path, server: str) -> None:
    openssl(folder, "ec", "-in", "own.key", "-aes128", "-passout", "pass:secret", "-out", "locked.key")
    arguments = ("--tls-cert", str(folder / "own.pem"), "--tls-key", str(folder / "locked.key"), "--server", server)
    assert "the key must not be encrypted" in refused(*arguments)
