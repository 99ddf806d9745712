"""`python -m benchmarks`: measure the mock alone, or with --peers beside others, and print a table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import page, quiet, record, table
from benchmarks.figures import Comparison, Figure
from benchmarks.flat import flat
from benchmarks.load import LoadError
from benchmarks.options import NAMES, Options
from benchmarks.peers import comparisons
from benchmarks.rates import rates
from benchmarks.servers import NotStartedError
from benchmarks.startup import cold, fixture, in_process, plugin
from benchmarks.verdicts import verdicts

_CACHE = Path(__file__).parent.parent / ".bench"
_MEASURES: tuple[Callable[[Options], Iterator[Figure]], ...] = (
    rates,
    flat,
    cold,
    plugin,
    fixture,
    in_process,
    verdicts,
)


def main() -> int:
    """Measure what is wanted; 1 when it could not be measured."""
    given = _given()
    try:
        if given.peers:
            new = record.read().with_peers(_beside_peers(given.cache, given.seconds))
        else:
            new = record.read().with_alone(_alone(_options(given)))
    except (LoadError, NotStartedError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    if given.write:
        new.write()
        page.write(new)
    return 0


def _alone(options: Options) -> list[Figure]:
    print(table.HEADER)
    found = []
    for measure in _MEASURES:
        for figure in measure(options):
            print(table.row(figure), flush=True)
            found.append(figure)
    print(quiet.told(figure.others for figure in found), file=sys.stderr)
    return found


def _beside_peers(cache: Path, seconds: float) -> list[Comparison]:
    print(table.PEERS_HEADER)
    found: list[Comparison] = []
    for comparison in comparisons(cache, seconds):
        found.append(comparison)
        print(table.peer_row(comparison, found[0].rate), flush=True)
    print(quiet.told(each.others for each in found), file=sys.stderr)
    return found


def _options(given: argparse.Namespace) -> Options:
    return Options(given.seconds, given.services, given.fill_seconds, frozenset(given.only))


def _given() -> argparse.Namespace:
    default = Options()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--seconds", type=float, default=default.seconds, help="of each load (%(default)s)")
    parser.add_argument("--services", type=int, default=default.services, help="to fill the server (%(default)s)")
    parser.add_argument("--fill-seconds", type=float, default=default.fill_seconds, help="at the most (%(default)s)")
    parser.add_argument("--peers", action="store_true", help="install the peers, and put the same load on each")
    parser.add_argument("--cache", type=Path, default=_CACHE, help="where the peers are installed (.bench)")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/performance.md")
    given = parser.parse_args()
    if given.write and given.only is not NAMES:
        parser.error("--write needs a whole run: the figures of a page are of one run")
    return given


if __name__ == "__main__":
    sys.exit(main())
