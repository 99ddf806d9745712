"""Figures as a table of plain text, at most 80 columns wide."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.figures import Comparison, Figure, Target, targets_of

WIDTH = 80
_ROW = "{:<22} {:>12} {:>6} {:>6} {:>5} {:>19} {:>3}"
HEADER = _ROW.format("", "value", "p50 ms", "p99 ms", "ratio", "target", "met")
_PEER = "{:<25} {:>7} {:>5} {:>6} {:>6} {:>6} {:>6} {:>5} {:>5}"
PEERS_HEADER = _PEER.format("", "per s", "ratio", "p50 ms", "p99 ms", "MB", "checks", "state", "bound")


def row(figure: Figure) -> str:
    """The line of one figure."""
    targets = targets_of(figure)
    met = "" if not targets else "yes" if all(target.met(figure) for target in targets) else "NO"
    cells = [figure.name, f"{number(figure.value)} {figure.unit}"]
    cells += [number(value) if value is not None else "" for value in (figure.p50, figure.p99)]
    cells.append(f"{figure.ratio:.2f}" if figure.ratio is not None else "")
    return _ROW.format(*cells, " ".join(_bound(target) for target in targets), met).rstrip()


def table(figures: Iterable[Figure]) -> str:
    """All figures, a line each, below their header."""
    return "".join(f"{line}\n" for line in (HEADER, *map(row, figures)))


def peer_row(comparison: Comparison, mockcs: float) -> str:
    """The line of one peer; the ratio is to the rate of mockcs in the same run."""
    if comparison.why:
        return f"{comparison.name:<25} {comparison.why}"[:WIDTH]
    cells = [comparison.name, number(comparison.rate), f"{comparison.rate / mockcs:.2f}" if mockcs else ""]
    cells += [number(comparison.p50), number(comparison.p99), number(comparison.resident / 1e6)]
    return _PEER.format(*cells, comparison.validates, comparison.state, comparison.journal)


def peers_table(comparisons: Sequence[Comparison]) -> str:
    """All peers, a line each, below their header; the first one is mockcs."""
    rows = (peer_row(each, comparisons[0].rate) for each in comparisons)
    return "".join(f"{line}\n" for line in (PEERS_HEADER, *rows))


def _bound(target: Target) -> str:
    sign = "≥" if target.least else "≤"
    return f"{'p99' if target.column == 'p99' else ''}{sign}{number(target.bound, exact=True)}"


def number(value: float, *, exact: bool = False) -> str:
    """A number as a person reads it: thousands apart, and no more digits than it is good for."""
    if exact:
        return f"{value:,g}" if value < 1000 else f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
