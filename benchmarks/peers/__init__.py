"""The same load on mockcs and its peers, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import repeat
from pathlib import Path
from subprocess import TimeoutExpired
from tempfile import TemporaryDirectory

from benchmarks import servers
from benchmarks.figures import Comparison
from benchmarks.load import Load, LoadError, carried_out
from benchmarks.peers.installing import NotInstalledError, installed
from benchmarks.peers.rows import PEERS, Peer, Place
from benchmarks.quiet import watched

_TRIES = 100
_ASK_AGAIN = 0.1
_TOLD = 60


def comparisons(cache: Path, seconds: float) -> Iterator[Comparison]:
    """Every peer in turn; one that cannot be installed, started or loaded says why."""
    for peer in PEERS:
        try:
            yield _compared(peer, cache, seconds)
        except (NotInstalledError, servers.NotStartedError, LoadError) as error:
            why = " ".join(str(error).split())[:_TOLD]
            yield Comparison(peer.title, peer.validates, peer.state, peer.journal, why=why)


def _compared(peer: Peer, cache: Path, seconds: float) -> Comparison:
    home = installed(peer.package, cache.absolute()) if peer.package else cache
    with TemporaryDirectory() as folder:
        work = Path(folder)
        place = Place(home, work, servers.free_port())
        # Some write into the folder in which they are started; what is part of this repository starts from here.
        started_in = work if peer.package else None
        with servers.serving(peer.command(place), place.port, folder=started_in, log=work / "log") as server:
            for request in peer.setup:
                carried_out(Load(server.address, partial(repeat, request), 200, connections=1, count=1))
            _await_answer(peer, server)
            found, others = watched(server, Load(server.address, peer.requests, peer.status, 16, seconds, peer.warmup))
            resident = server.resident
    measures = found.rate, found.percentile(50), found.percentile(99), resident, others
    return Comparison(peer.title, peer.validates, peer.state, peer.journal, *measures)


def _await_answer(peer: Peer, server: servers.Running) -> None:
    """Wait until a request is answered as it should be: some listen before they know what to say."""
    one = Load(server.address, peer.requests, peer.status, connections=1, count=1)
    for _ in range(_TRIES):
        with suppress(LoadError):
            carried_out(one)
            return
        with suppress(TimeoutExpired):
            server.process.wait(_ASK_AGAIN)
            raise servers.NotStartedError(f"it ended with {server.process.returncode}")
    carried_out(one)
