"""Verdicts over the journal: holds, fails, or cannot_say when what is missing could turn it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mockcs.errors import MockcsError
from mockcs.journal import BODY, BODY_SIZE, DIGEST, PLACES, JournalView, Record, call_of
from mockcs.matching import Match, is_path, needles
from mockcs.messages import Document

_NEAREST = 3
_PATH = PLACES["path"]
_PLAIN = ("operation", "api", "method", "status")
_DIFFERENCES = 20  # of a call that are told
_COUNTS = ("exactly", "at_least", "at_most")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many calls a verification wants: both bounds inclusive, `most` None for no bound."""

    least: int
    most: int | None

    def holds(self, count: int) -> bool:
        """Whether that many calls satisfy it."""
        return self.least <= count and (self.most is None or count <= self.most)

    def verdict(self, found: int, missing: int) -> str:
        """`holds` if every count from found to found + missing does, `fails` if none, else `cannot_say`."""
        if self.holds(found) and self.holds(found + missing):
            return "holds"
        reachable = self.least <= found + missing and (self.most is None or found <= self.most)
        return "cannot_say" if reachable else "fails"

    def words(self) -> str:
        """The condition for people: `exactly 1`, `at least 2`, `0 to 3`."""
        if self.most is None:
            return f"at least {self.least}"
        return f"exactly {self.most}" if self.least == self.most else f"{self.least} to {self.most}"


def bounds_of(document: Document) -> Bounds:
    """The counts that a verification asks for, at least 1 by default; MockcsError when they are impossible."""
    given = {name: document[name] for name in _COUNTS if document.get(name) is not None}
    for name, count in given.items():
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise MockcsError(f"{name} must be a whole number from 0")
    if "exactly" in given and len(given) > 1:
        raise MockcsError("exactly goes without at_least and at_most")
    if "exactly" in given:
        return Bounds(given["exactly"], given["exactly"])
    wanted = Bounds(given.get("at_least", 0 if "at_most" in given else 1), given.get("at_most"))
    if wanted.most is not None and wanted.least > wanted.most:
        raise MockcsError("at_least is more than at_most")
    return wanted


class Scan:
    """A match held against the records of a journal; what was decided of a record once is remembered.

    A record is a call that is done, so it never changes; and calls that send the same body fare alike.
    """

    def __init__(self, match: Match) -> None:
        self.match = match
        wanted = match.wanted
        self._plain = [(PLACES[name], wanted[name]) for name in _PLAIN if name in wanted]
        self._path = wanted.get("path")
        self._needles = needles(wanted.get("body"))
        rest = wanted.keys() - {*_PLAIN, "path"}
        self._plainly = not rest and self._path is None
        self._by_body = bool(rest) and rest <= {"body", "body_schema"}
        self._whole = bool(rest) and not self._by_body
        self._bodies: dict[bytes, bool] = {}
        self._likely = False
        self._met: dict[int, bool] = {}

    def found(self, records: Mapping[int, Record]) -> list[int]:
        """The ids of the calls that match, in order."""
        left: Iterable[tuple[int, Record]] = records.items()
        # What all but a few calls differ in is held against all of them at once, without a call for each.
        for place, value in self._plain:
            left = [each for each in left if each[1][place] == value]
        return sorted([number for number, record in left if self._plainly or self.is_met_by(number, record)])

    def is_met_by(self, number: int, record: Record) -> bool:
        """Whether the call of that id matches."""
        met = self._met.get(number)
        if met is None:
            met = self._met[number] = self._decided(record)
        return met

    def is_undecided_by(self, record: Record) -> bool:
        """Whether only a cut body keeps mockcs from saying whether the call matches."""
        return record[DIGEST] is not None and self.match.is_undecided_by(call_of(record))

    def misses(self, record: Record) -> int:
        """How many of the plain members differ: the least number of differences that there can be."""
        return sum(record[place] != value for place, value in self._plain)

    def lacks(self, record: Record) -> int:
        """How many members of the wanted body a call without any body lacks, which is told as one difference."""
        wanted = self.match.wanted.get("body")
        return len(wanted) if isinstance(wanted, dict) and not record[BODY_SIZE] else 0

    def _decided(self, record: Record) -> bool:
        for place, value in self._plain:
            if record[place] != value:
                return False
        if self._path is not None and not is_path(record[_PATH], self._path):
            return False
        if self._whole:
            return self.match.is_met_by(call_of(record))
        return not self._by_body or self._decided_by_body(record)

    def _decided_by_body(self, record: Record) -> bool:
        body, size, digest = record[BODY : DIGEST + 1]
        if digest is not None:
            return next(self.match.body_differences(body, size, digest), None) is None
        met = self._bodies.get(body)
        if met is None:
            # Where the last one matched, this one probably does, and it is faster to see so at once.
            may = self._likely or self._needles.are_in(body)
            met = may and next(self.match.body_differences(body, size, None), None) is None
            self._bodies[body] = self._likely = met
        return met


class Count:
    """A verification by count, to be evaluated over one view after the other."""

    def __init__(self, match: Match, wanted: Bounds) -> None:
        self._scan = Scan(match)
        self._wanted = wanted

    def evaluate(self, view: JournalView) -> Document:
        """The verdict over the view."""
        scan, records = self._scan, view.records
        found = scan.found(records)
        cut = sum(scan.is_undecided_by(record) for record in records.values() if record[DIGEST] is not None)
        verdict = self._wanted.verdict(len(found), view.evicted + len(view.in_flight) + cut)
        reason = f"wanted {self._wanted.words()}, found {len(found)}{_missing(view, cut)}"
        return {"verdict": verdict, "found": len(found), "calls": found, "reason": reason}

    def nearest(self, view: JournalView, answer: Document) -> list[Document]:
        """The calls that come nearest, of those that do not match."""
        return _nearest(self._scan, view, set(answer["calls"]))


class Order:
    """A verification of an order: the matches as a subsequence of the calls."""

    def __init__(self, matches: list[Match]) -> None:
        self._scans = [Scan(match) for match in matches]

    def evaluate(self, view: JournalView) -> Document:
        """The verdict over the view; a later match may be met by a call that is still to be known."""
        calls = sorted(view.records.items())
        found: list[int] = []
        rest = iter(calls)
        for scan in self._scans:
            number = next((number for number, record in rest if scan.is_met_by(number, record)), None)
            if number is None:
                break
            found.append(number)
        cut = sum(any(scan.is_undecided_by(record) for scan in self._scans) for _, record in calls)
        holds = len(found) == len(self._scans)
        undecided = not holds and self._may_hold(view)
        verdict = "holds" if holds else "cannot_say" if undecided else "fails"
        missed = "" if holds else f", number {len(found) + 1} did not follow"
        reason = f"{len(found)} of {len(self._scans)} came in this order{missed}{_missing(view, cut)}"
        return {"verdict": verdict, "found": len(found), "calls": found, "reason": reason}

    def nearest(self, view: JournalView, answer: Document) -> list[Document]:
        """The calls that come nearest to the match that did not follow."""
        return _nearest(self._scans[len(answer["calls"])], view, set())

    def _may_hold(self, view: JournalView) -> bool:
        """Whether the order holds if every call that is not known is what is wanted at its place."""
        records, last = view.records, view.total
        first = min(records, default=last + 1)
        met = view.evicted + sum(number < first for number in view.in_flight)
        for number in range(first, last + 1):
            if met >= len(self._scans):
                break
            record, scan = records.get(number), self._scans[met]
            if record is None:
                # Evicted are the oldest calls, but for those that came later and were done before an older one.
                met += number in view.in_flight or view.evicted > 0
            elif scan.is_met_by(number, record) or scan.is_undecided_by(record):
                met += 1
        return met >= len(self._scans)


def _missing(view: JournalView, cut: int) -> str:
    parts = ((view.evicted, "evicted"), (len(view.in_flight), "in flight"), (cut, "with a cut body"))
    told = [f"{count} {word}" for count, word in parts if count]
    return f"; not known: {', '.join(told)}" if told else ""


def _nearest(scan: Scan, view: JournalView, but: set[int]) -> list[Document]:
    # The newest of equally near calls come first: they are the ones the tester has in mind. So an older call
    # must be nearer than the last of the list to enter it.
    best: list[tuple[int, int, list[str]]] = []
    for number in sorted(view.records.keys() - but, reverse=True):
        record = view.records[number]
        full = len(best) == _NEAREST
        if full and scan.misses(record) >= best[-1][0]:
            continue
        found = scan.match.differences(call_of(record))
        away = len(found) + scan.lacks(record)
        if not full or away < best[-1][0]:
            best = sorted([*best, (away, -number, found)])[:_NEAREST]
        if len(best) == _NEAREST and best[-1][0] <= 1:
            break
    return [{"call": -number, "differences": _first(found)} for _, number, found in best]


def _first(differences: list[str]) -> list[str]:
    left = len(differences) - _DIFFERENCES
    return differences if left <= 0 else [*differences[:_DIFFERENCES], f"and {left} more"]
