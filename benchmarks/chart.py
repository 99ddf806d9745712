"""The comparison as a bar chart: docs/performance.svg."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from benchmarks.figures import Comparison
from benchmarks.table import number

PATH = Path(__file__).parent.parent / "docs" / "performance.svg"
_WIDTH, _NAMES, _BAR, _STEP, _MARGIN, _NUMBERS = 720, 200, 16, 26, 12, 70
_OWN, _OTHER = "#1f6feb", "#8b949e"


def chart(comparisons: Sequence[Comparison]) -> str:
    """Requests a second, the fastest first; what could not be measured is left out."""
    shown = sorted((each for each in comparisons if not each.why), key=lambda each: -each.rate)
    height = 2 * _MARGIN + _STEP * len(shown)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" role="img">',
        '<g font-family="sans-serif" font-size="13" fill="#24292f">',
        "<title>Requests a second at 16 connections, the same Service Start Event</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for place, each in enumerate(shown):
        lines += _bar(each, _MARGIN + place * _STEP, each.rate / shown[0].rate)
    return "\n".join([*lines, "</g>", "</svg>", ""])


def _bar(comparison: Comparison, top: int, share: float) -> list[str]:
    width = max(1, round(share * (_WIDTH - _NAMES - _NUMBERS - _MARGIN)))
    colour = _OWN if comparison.name.startswith("mockcs") else _OTHER
    line = top + _BAR - 3
    return [
        f'<text x="{_NAMES - 8}" y="{line}" text-anchor="end">{escape(comparison.name)}</text>',
        f'<rect x="{_NAMES}" y="{top}" width="{width}" height="{_BAR}" fill="{colour}"/>',
        f'<text x="{_NAMES + width + 6}" y="{line}">{number(comparison.rate)}</text>',
    ]
