"""The benchmarks: what they count, what they refuse to count, and what the page about them shows. No speed."""

from __future__ import annotations

import re
import socket
import sys
import threading
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import repeat
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import chart, events, page, peers, quiet, record, servers, table, wire
from benchmarks.figures import TARGETS, Comparison, Figure, Target
from benchmarks.load import Address, Load, LoadError, Measured, carried_out, measured, percentile, under_way
from benchmarks.peers.installing import PINS, NotInstalledError
from benchmarks.peers.rows import PEERS, Peer, Place
from benchmarks.record import Record
from tests.conftest import Mock

HELLO = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"


@contextmanager
def answering(*answers: bytes) -> Iterator[Address]:
    """A server of one connection, which gives these answers to what it receives and then closes."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            for answer in answers:
                connection.recv(65536)
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()
        thread.join(10)


def asking(address: Address, count: int = 1, status: int = 200) -> Load:
    """A load of so many requests on one connection."""
    return Load(address, partial(repeat, wire.request("GET", "/")), status, connections=1, count=count)


# The load


def test_a_load_counts_exactly_what_the_mock_has_answered(mock: Mock) -> None:
    found = carried_out(Load(mock.address, events.starts, 201, connections=4, count=50))
    assert found.answered == len(found.latencies) == len(found.ends) == 50
    journal = mock.get("/__admin/calls").json
    assert journal["total"] == 50
    assert {call["response"]["status"] for call in journal["calls"]} == {201}
    assert len({call["request"]["body"]["contact_key"] for call in journal["calls"]}) == 50


def test_a_load_of_some_seconds_leaves_nothing_uncounted(mock: Mock) -> None:
    found = measured(Load(mock.address, events.starts, 201, connections=4, seconds=0.3, warmup=0.1))
    assert found.answered == mock.get("/__admin/calls?limit=1").json["total"]
    assert 0 < len(found.latencies) <= found.answered
    assert all(0 <= end <= 0.3 for end in found.ends)
    assert found.percentile(50) <= found.percentile(99)


def test_a_paced_load_sends_no_more_than_its_rate_and_ends_with_its_block(mock: Mock) -> None:
    with under_way(Load(mock.address, events.starts, 201, connections=2, rate=100)) as load:
        mock.get("/__admin/calls?limit=1")
        assert not load.done()
    found = load.result()
    assert found.answered <= 100 * found.seconds + 1
    assert found.answered == mock.get("/__admin/calls?limit=1").json["total"]


def test_an_unexpected_status_ends_a_load_and_is_shown(mock: Mock) -> None:
    with pytest.raises(LoadError, match=r"should have the status 201: 'HTTP/1.1 400"):
        carried_out(Load(mock.address, events.refusals, 201, connections=2, count=10))


def test_an_unexpected_status_reaches_who_has_started_the_load_elsewhere(mock: Mock) -> None:
    with pytest.raises(LoadError, match="should have the status 200"):
        measured(Load(mock.address, events.starts, 200, connections=2, count=10))


@pytest.mark.parametrize("answer", [b"", HELLO[:-1], HELLO[:20]])
def test_an_answer_that_is_cut_off_ends_a_load(answer: bytes) -> None:
    with answering(answer) as address, pytest.raises(LoadError, match="closed before its answer was complete"):
        carried_out(asking(address))


def test_an_answer_with_bytes_too_many_ends_a_load() -> None:
    with answering(HELLO + b"!") as address, pytest.raises(LoadError, match="1 bytes too many"):
        carried_out(asking(address))


def test_a_server_that_is_not_there_ends_a_load() -> None:
    with pytest.raises(LoadError, match="does not answer"):
        carried_out(asking(("127.0.0.1", servers.free_port())))


def test_an_answer_that_ends_with_its_connection_is_complete() -> None:
    with answering(b"HTTP/1.0 200 OK\r\n\r\nhello") as address:
        assert carried_out(asking(address)).answered == 1


def test_a_load_without_an_answer_has_no_percentile() -> None:
    with pytest.raises(LoadError, match="nothing was measured"):
        Measured(0, 1.0, array("d"), array("d")).percentile(99)


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (50, 50), (99, 99), (99.5, 100), (100, 100)])
def test_a_percentile_is_exact(percent: float, value: float) -> None:
    assert percentile([float(number) for number in range(100, 0, -1)], percent) == value


@pytest.mark.parametrize(
    ("answer", "size"),
    [
        (HELLO, len(HELLO)),
        (HELLO + b"more", len(HELLO)),
        (b"HTTP/1.1 200 OK\r\nCONTENT-LENGTH:5\r\n\r\nhello", 42),
        (b"HTTP/1.1 204 No Content\r\nx: y\r\n\r\n", 33),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\n\r\n", 64),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", wire.UNFINISHED),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe", wire.UNFINISHED),
        (b"HTTP/1.1 200 OK\r\nx", wire.UNFINISHED),
        (b"HTTP/1.0 200 OK\r\n\r\nhello", wire.UNTIL_CLOSED),
    ],
)
def test_the_end_of_an_answer_is_known(answer: bytes, size: int) -> None:
    assert wire.size_of(answer) == size


# The requests


def test_the_start_event_is_the_documented_one_and_the_refused_one_breaks_five_rules(mock: Mock) -> None:
    assert len(events.start_event()) == 14
    carried_out(Load(mock.address, events.refusals, 400, connections=1, count=1))
    assert len(mock.last_call()["violations"]) == 5


def test_each_composite_start_starts_a_service_a_state_and_a_task(mock: Mock) -> None:
    carried_out(Load(mock.address, events.composites, 200, connections=1, count=2))
    for call in mock.calls(operation="composite_start"):
        assert re.findall(r'"created": "(\w+)"', str(call["response"]["body"]).replace("'", '"')) == ["true"] * 3


# The servers


@pytest.mark.slow
def test_a_server_is_measured_with_all_its_processes_and_leaves_none() -> None:
    with servers.mockcs() as running:
        assert carried_out(Load(running.address, events.starts, 201, connections=1, count=1)).answered == 1
        assert running.resident > 10_000_000
        found, others = quiet.watched(running, Load(running.address, events.starts, 201, connections=1, count=1))
        assert found.answered == 1
        assert 0 <= others <= 1
    assert running.resident == 0


def test_what_others_took_is_told_by_its_worst() -> None:
    assert quiet.told([None, 0.021, 0.3]) == "Other processes took at most 30% of the processors meanwhile."
    assert not quiet.told([None])


# The peers


def compared(monkeypatch: pytest.MonkeyPatch, peer: Peer, cache: Path) -> Comparison:
    monkeypatch.setattr(peers, "PEERS", (peer,))
    (found,) = peers.comparisons(cache, 0.2)
    return found


def test_a_peer_that_answers_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = compared(monkeypatch, next(peer for peer in PEERS if "werkzeug" in peer.name), tmp_path)
    assert not found.why
    assert found.rate > 0
    assert found.resident > 0


def test_a_peer_that_does_not_start_is_a_row_that_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = compared(monkeypatch, Peer("sulking", lambda _: [sys.executable, "-c", "raise SystemExit('no')"]), tmp_path)
    assert found.why == "it ended with 1: no"
    assert table.peer_row(found, 0) == "sulking                   it ended with 1: no"


def test_a_peer_that_cannot_be_had_is_a_row_that_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(_: Place) -> list[str]:
        raise NotInstalledError("there is no java here")

    assert compared(monkeypatch, Peer("absent", refuse), tmp_path).why == "there is no java here"


def test_every_pinned_package_is_the_peer_of_a_row() -> None:
    assert {peer.package for peer in PEERS if peer.package} == PINS.keys()


# The tables and the page

KEPT = record.read()


def test_a_table_fits_a_terminal() -> None:
    widest = Figure("growth, journal full", 1_234_567.8, "MB", 1234.5, 12345.6, 0.123)
    tables = table.table([*KEPT.alone, widest]) + table.peers_table(KEPT.peers)
    assert max(map(len, tables.splitlines())) <= table.WIDTH


def test_a_row_says_whether_its_targets_are_met() -> None:
    met = Figure("starts, 16 connections", 20_000, "/s", 0.7, 3.0, 0.35)
    assert table.row(met).endswith("≥20,000 p99≤3 ≥0.35 yes")
    assert table.row(Figure(met.name, 20_000, "/s", 0.7, 3.1, 0.35)).endswith("NO")
    assert not Target(met.name, "ratio", 0.35, least=True).met(Figure(met.name, 20_000, "/s"))
    assert table.row(Figure("hello", 1, "/s")).endswith("1.00 /s")


def test_every_target_is_of_a_figure_that_the_page_explains_and_shows() -> None:
    text = page.PATH.read_text(encoding="utf-8")
    names = {target.figure for target in TARGETS}
    assert {name for name in names if f"`{name}`" not in text} == set()
    assert names <= {figure.name for figure in KEPT.alone}


def test_the_page_shows_the_figures_that_are_kept() -> None:
    text = page.PATH.read_text(encoding="utf-8")
    assert page.rendered(text, KEPT) == text, "`python -m benchmarks.page` writes it anew"
    assert page.rendered(text, Record()) != text
    assert chart.PATH.read_text(encoding="utf-8") == chart.chart(KEPT.peers)


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="has no markers of alone"):
        page.rendered("# Performance\n", KEPT)


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    KEPT.write(tmp_path / "figures.json")
    assert record.read(tmp_path / "figures.json") == KEPT
    assert record.read(tmp_path / "none.json") == Record()


def test_a_part_of_a_run_is_not_written(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--only", "cold", "--write"])
    with pytest.raises(SystemExit):
        command.main()
    assert "--write needs a whole run" in capsys.readouterr().err
