"""What was measured, and the one table of what is to be reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmarks.load import percentile

Column = Literal["value", "p99", "ratio"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: a value with its unit; for requests also percentiles in milliseconds and the ratio to hello.

    `others` is the share of the processors that other processes took meanwhile, where it is known.
    """

    name: str
    value: float
    unit: str
    p50: float | None = None
    p99: float | None = None
    ratio: float | None = None
    others: float | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A bound for one column of a figure: `least` is one that it must reach, otherwise it must not exceed it."""

    figure: str
    column: Column
    bound: float
    least: bool = False

    def met(self, figure: Figure) -> bool:
        """Whether the figure keeps the bound; one that has no such value does not."""
        value = getattr(figure, self.column)
        if value is None:
            return False
        return bool(value >= self.bound if self.least else value <= self.bound)


TARGETS = (
    Target("starts, 16 connections", "value", 20_000, least=True),
    Target("starts, 16 connections", "p99", 3),
    Target("starts, 16 connections", "ratio", 0.35, least=True),
    Target("starts, 64 connections", "value", 20_000, least=True),
    Target("starts, 64 connections", "p99", 3),
    Target("starts, 64 connections", "ratio", 0.35, least=True),
    Target("queries by id", "value", 20_000, least=True),
    Target("composite starts", "value", 8_000, least=True),
    Target("refused starts", "value", 2_000, least=True),
    Target("flat: rate kept", "value", 0.90, least=True),
    Target("flat: p99 grown", "value", 1.10),
    Target("a stored service", "value", 1_200),
    Target("growth, journal full", "value", 2),
    Target("cold start", "value", 250),
    Target("pytest plugin", "value", 15),
    Target("mockcs fixture, a test", "value", 2),
    Target("in process: a start", "value", 1),
    Target("verify by operation", "p99", 20),
    Target("calls by operation", "p99", 20),
    Target("verify by body", "p99", 150),
    Target("verify that fails", "p99", 150),
)
"""What the mock is held to, and nothing else is: no test asserts a speed."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One row: what a peer does, and what was measured of it; or why it could not be.

    Rate in requests a second, percentiles in milliseconds, resident bytes, and the share of the processors that
    other processes took meanwhile.
    """

    name: str
    validates: str
    state: str
    journal: str
    rate: float = 0.0
    p50: float = 0.0
    p99: float = 0.0
    resident: int = 0
    others: float | None = None
    why: str = ""


def targets_of(figure: Figure) -> list[Target]:
    """The targets of a figure, in the order of its columns."""
    return [target for target in TARGETS if target.figure == figure.name]


def times(name: str, seconds: list[float]) -> Figure:
    """The row of times that were taken one after the other: their median, and the percentiles."""
    median = percentile(seconds, 50) * 1000
    return Figure(name, median, "ms", median, percentile(seconds, 99) * 1000)
