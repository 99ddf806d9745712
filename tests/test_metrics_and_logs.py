"""Figures for Prometheus, and one line of a log for each call."""

from __future__ import annotations

import http.client
import logging
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mockcs.app import create_app
from mockcs.server import Server
from mockcs.settings import Settings
from tests.conftest import Door, Mock, started

EVENT = {"service_type": 100, "contact_key": "42"}
FAMILIES = {
    "mockcs_calls": "counter",
    "mockcs_calls_evicted": "counter",
    "mockcs_journal_calls": "gauge",
    "mockcs_journal_bytes": "gauge",
    "mockcs_calls_in_flight": "gauge",
    "mockcs_resources": "gauge",
}
Samples = dict[tuple[str, ...], float]


def metrics(mock: Mock, prefix: str = "") -> Samples:
    """The samples by name and values of labels, read as Prometheus would."""
    reply = mock.get(f"{prefix}/__admin/metrics")
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(reply.body.decode()))
    assert {family.name: family.type for family in families} == FAMILIES
    assert all(family.documentation for family in families)
    samples = [sample for family in families for sample in family.samples]
    found = {(sample.name, *sample.labels.values()): sample.value for sample in samples}
    assert len(found) == len(samples)
    return found


# Metrics


def test_calls_are_counted_by_space_and_status(anywhere: Mock) -> None:
    for path in ("/services/start", "/services/start", "/nothing", "/__space/a/services/start"):
        anywhere.post(path, EVENT)
    anywhere.post("/services/start", {})
    found = metrics(anywhere)
    assert {key: value for key, value in found.items() if key[0] == "mockcs_calls_total"} == {
        ("mockcs_calls_total", "default", "201"): 2,
        ("mockcs_calls_total", "default", "404"): 1,
        ("mockcs_calls_total", "default", "400"): 1,
        ("mockcs_calls_total", "a", "201"): 1,
    }
    assert (found["mockcs_journal_calls", "default"], found["mockcs_journal_calls", "a"]) == (4, 1)
    assert found["mockcs_journal_bytes", "default"] > found["mockcs_journal_bytes", "a"] > 0
    assert metrics(anywhere, "/__space/a") == found
    anywhere.delete("/__admin/spaces/a")
    assert ("mockcs_journal_calls", "a") not in metrics(anywhere)


def test_what_is_stored_is_told_by_kind(gms: Door) -> None:
    service = gms.start_service()
    gms.start_state(service)
    gms.start_task(service)
    gms.start_task(service)
    found = metrics(gms.mock)
    assert [found["mockcs_resources", kind, "default"] for kind in ("service", "state", "task")] == [1, 1, 2]
    gms.request("DELETE", f"/services/{service}")
    assert metrics(gms.mock)["mockcs_resources", "task", "default"] == 0


def test_evictions_are_counted() -> None:
    with Server(Settings(max_calls=2)) as cs:
        mock = Mock(cs.base_url)
        for _ in range(5):
            mock.get("/services/1")
        found = metrics(mock)
    assert (found["mockcs_calls_evicted_total", "default"], found["mockcs_journal_calls", "default"]) == (3, 2)
    assert found["mockcs_calls_total", "default", "404"] == 5


def test_calls_in_flight_are_told_and_an_aborted_one_has_no_status(mock: Mock) -> None:
    mock.post("/__admin/faults", {"operation": "start_service", "delay_ms": 30_000, "connection": "close"})
    with ThreadPoolExecutor(1) as pool:
        delayed = pool.submit(mock.post, "/services/start", EVENT)
        while metrics(mock)["mockcs_calls_in_flight", "default"] < 1:
            assert not delayed.done()
        mock.reset()
        assert isinstance(delayed.exception(20), (ConnectionError, http.client.HTTPException))
    assert metrics(mock)["mockcs_calls_in_flight", "default"] == 0
    assert [key for key in metrics(mock) if key[0] == "mockcs_calls_total"] == []


def test_a_name_of_a_space_cannot_break_the_text(mock: Mock) -> None:
    name = "A.b_c-d~9"
    mock.post(f"/__space/{name}/services/start", EVENT)
    assert metrics(mock)["mockcs_calls_total", name, "201"] == 1
    mock.delete(f"/__admin/spaces/{name}")


def test_figures_begin_anew_with_a_reset(gms: Door) -> None:
    gms.start_service()
    gms.mock.reset()
    found = metrics(gms.mock)
    assert found["mockcs_resources", "service", "default"] == found["mockcs_journal_calls", "default"] == 0
    assert ("mockcs_calls_total", "default", "201") not in found


def test_figures_leave_no_call(mock: Mock) -> None:
    assert metrics(mock) == metrics(mock)
    assert mock.get("/__admin/calls").json["total"] == 0


# Logs


LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (.*)")


def logged(server: str, *flags: str) -> Iterator[str]:
    """What a served mock writes for a few calls."""
    with started("--server", server, *flags) as (process, mock):
        mock.post("/services/start", EVENT)
        mock.get("/genesys/1/cs/services/7?extensions=secret")
        mock.get("/__space/a/nothing/%D0%96%0Aforged%20line")
        mock.get("/__admin/calls")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert process.stdout
        yield from process.stdout.read().splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("server", ["granian", "threaded"])
def test_each_call_is_one_line_of_the_log(server: str) -> None:
    lines = []
    for line in logged(server, "--log-calls"):
        found = LINE.fullmatch(line)
        assert found, line
        lines.append(re.sub(r"\d+\.\d ms$", "N ms", found[2]))
    assert lines == [
        "default POST /services/start 201 start_service call 1 N ms",
        "default GET /genesys/1/cs/services/7 400 query_service_by_id call 2 N ms",
        "a GET /nothing/\\u0416\\nforged line 404 - call 1 N ms",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("server", ["granian", "threaded"])
def test_without_the_flag_nothing_is_written(server: str) -> None:
    assert list(logged(server)) == []


def test_in_a_test_process_the_lines_go_to_the_logger_of_the_package(caplog: pytest.LogCaptureFixture) -> None:
    client = create_app().test_client()
    with caplog.at_level(logging.INFO, "mockcs"):
        client.post("/services/start", json=EVENT)
    assert [record.getMessage().rpartition(" call ")[0] for record in caplog.records] == [
        "default POST /services/start 201 start_service"
    ]


def test_a_call_without_an_answer_is_logged_as_aborted(mock: Mock, caplog: pytest.LogCaptureFixture) -> None:
    mock.post("/__admin/faults", {"operation": "start_service", "connection": "close", "times": 1})
    with caplog.at_level(logging.INFO, "mockcs"), pytest.raises(http.client.RemoteDisconnected):
        mock.post("/services/start", EVENT)
    (record,) = caplog.records
    assert record.getMessage().startswith("default POST /services/start aborted start_service call 1 ")
