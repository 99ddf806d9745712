"""The figures that the documentation shows, as they are kept in figures.json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks import machine
from benchmarks.figures import Comparison, Figure

PATH = Path(__file__).parent / "figures.json"


@dataclass(frozen=True, slots=True)
class Record:
    """What was measured, of mockcs alone and beside its peers, each on the machine that is described."""

    alone: tuple[Figure, ...] = ()
    alone_on: str = ""
    peers: tuple[Comparison, ...] = ()
    peers_on: str = ""

    def with_alone(self, figures: Sequence[Figure]) -> Record:
        """The record with new figures of mockcs alone, of this machine."""
        return replace(self, alone=tuple(figures), alone_on=machine.described())

    def with_peers(self, comparisons: Sequence[Comparison]) -> Record:
        """The record with a new comparison, of this machine."""
        return replace(self, peers=tuple(comparisons), peers_on=machine.described())

    def write(self, path: Path = PATH) -> None:
        """Keep it."""
        text = json.dumps(asdict(self), indent=2, ensure_ascii=False)
        path.write_text(f"{text}\n", encoding="utf-8")


def read(path: Path = PATH) -> Record:
    """The record that is kept; an empty one when there is none."""
    if not path.exists():
        return Record()
    kept = json.loads(path.read_text(encoding="utf-8"))
    alone = tuple(Figure(**each) for each in kept["alone"])
    peers = tuple(Comparison(**each) for each in kept["peers"])
    return Record(alone, kept["alone_on"], peers, kept["peers_on"])
