"""The generated parts of docs/performance.md, made from the record: `python -m benchmarks.page` writes them anew."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from benchmarks.chart import PATH as CHART
from benchmarks.chart import chart
from benchmarks.quiet import told
from benchmarks.record import Record, read
from benchmarks.table import peers_table, table

PATH = Path(__file__).parent.parent / "docs" / "performance.md"
_WIDTH = 120


def parts(record: Record) -> dict[str, str]:
    """What stands between the markers, by their name."""
    return {
        "alone": _part(record.alone_on, told(each.others for each in record.alone), table(record.alone)),
        "peers": _part(record.peers_on, told(each.others for each in record.peers), peers_table(record.peers)),
    }


def _part(machine: str, quiet: str, lines: str) -> str:
    told_of = textwrap.fill(
        f"Measured on {machine}. {quiet}".strip(), _WIDTH, break_long_words=False, break_on_hyphens=False
    )
    return f"\n{told_of}\n\n```text\n{lines}```\n\n"


def rendered(text: str, record: Record) -> str:
    """The page with its generated parts made anew; ValueError when a marker is missing."""
    for name, part in parts(record).items():
        pattern = re.compile(rf"(?<=<!-- {name}: written by )(`[^`]+` -->\n).*?(?=<!-- /{name} -->)", re.DOTALL)
        found = pattern.search(text)
        if found is None:
            raise ValueError(f"docs/performance.md has no markers of {name}")
        text = text[: found.end(1)] + part + text[found.end() :]
    return text


def write(record: Record) -> None:
    """Write the page and its chart."""
    PATH.write_text(rendered(PATH.read_text(encoding="utf-8"), record), encoding="utf-8")
    CHART.write_text(chart(record.peers), encoding="utf-8")


if __name__ == "__main__":
    write(read())
