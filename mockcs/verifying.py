"""Verdicts over the journal: holds, fails, or cannot_say when what is missing could turn it."""

from __future__ import annotations

from dataclasses import dataclass, field

from mockcs.calls import Call
from mockcs.errors import MockcsError
from mockcs.journal import View, call_of
from mockcs.matching import Match
from mockcs.messages import Document

_NEAREST = 3
_COUNTS = ("exactly", "at_least", "at_most")


@dataclass(frozen=True, slots=True)
class Wanted:
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
        """The condition for people: `exactly 1`, `at least 2`, `at most 0`."""
        if self.most is None:
            return f"at least {self.least}"
        return f"exactly {self.most}" if self.least == self.most else f"{self.least} to {self.most}"


def wanted_of(document: Document) -> Wanted:
    """The counts that a verification asks for, at least 1 by default; MockcsError when they are impossible."""
    given = {name: document[name] for name in _COUNTS if document.get(name) is not None}
    for name, count in given.items():
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise MockcsError(f"{name} must be a whole number from 0")
    if "exactly" in given and len(given) > 1:
        raise MockcsError("exactly goes without at_least and at_most")
    if "exactly" in given:
        return Wanted(given["exactly"], given["exactly"])
    wanted = Wanted(given.get("at_least", 0 if "at_most" in given else 1), given.get("at_most"))
    if wanted.most is not None and wanted.least > wanted.most:
        raise MockcsError("at_least is more than at_most")
    return wanted


@dataclass(slots=True)
class Reader:
    """Reads a journal's views one after the other, each completed call once."""

    calls: dict[int, Call] = field(default_factory=dict)

    def read(self, view: View) -> list[Call]:
        """The completed calls of the view, by id."""
        self.calls = {n: self.calls.get(n) or call_of(record) for n, record in sorted(view.records.items())}
        return list(self.calls.values())


@dataclass(slots=True)
class Count:
    """A verification by count, to be evaluated over one view after the other."""

    match: Match
    wanted: Wanted
    reader: Reader = field(default_factory=Reader)

    def evaluate(self, view: View) -> Document:
        """The verdict over the view, with the nearest calls unless it holds."""
        calls = self.reader.read(view)
        found = [call.id for call in calls if self.match.is_met_by(call)]
        cut = sum(call.request.digest is not None and self.match.is_undecided_by(call) for call in calls)
        verdict = self.wanted.verdict(len(found), view.evicted + len(view.in_flight) + cut)
        rest = [call for call in calls if call.id not in set(found)]
        return {
            "verdict": verdict,
            "found": len(found),
            "calls": found,
            "reason": f"wanted {self.wanted.words()}, found {len(found)}{_missing(view, cut)}",
            "nearest": [] if verdict == "holds" else _nearest([self.match], rest),
        }


@dataclass(slots=True)
class Order:
    """A verification of an order: the matches as a subsequence of the calls."""

    matches: list[Match]
    reader: Reader = field(default_factory=Reader)

    def evaluate(self, view: View) -> Document:
        """The verdict over the view; a later match may be met by a call that is still to be known."""
        calls = self.reader.read(view)
        found: list[int] = []
        rest = iter(calls)
        for match in self.matches:
            call = next((call for call in rest if match.is_met_by(call)), None)
            if call is None:
                break
            found.append(call.id)
        cut = sum(
            call.request.digest is not None and any(match.is_undecided_by(call) for match in self.matches)
            for call in calls
        )
        missing = view.evicted + len(view.in_flight) + cut
        holds = len(found) == len(self.matches)
        undecided = not holds and missing >= self._unmet(calls)
        verdict = "holds" if holds else "cannot_say" if undecided else "fails"
        missed = "" if holds else f", number {len(found) + 1} did not follow"
        reason = f"{len(found)} of {len(self.matches)} came in this order{missed}{_missing(view, cut)}"
        nearest = [] if holds else _nearest(self.matches[len(found) :][:1], calls)
        return {"verdict": verdict, "found": len(found), "calls": found, "reason": reason, "nearest": nearest}

    def _unmet(self, calls: list[Call]) -> int:
        """How many of the missing calls it would take at the least for the order to hold."""
        longest = [0] * (len(self.matches) + 1)  # of the matches that known calls meet in order
        for call in calls:
            row = longest[:]
            for place, match in enumerate(self.matches):
                met = longest[place] + 1 if match.is_met_by(call) else 0
                row[place + 1] = max(row[place], longest[place + 1], met)
            longest = row
        return len(self.matches) - longest[-1]


def _missing(view: View, cut: int) -> str:
    parts = ((view.evicted, "evicted"), (len(view.in_flight), "in flight"), (cut, "with a cut body"))
    told = [f"{count} {word}" for count, word in parts if count]
    return f"; not known: {', '.join(told)}" if told else ""


def _nearest(matches: list[Match], calls: list[Call]) -> list[Document]:
    # The newest of equally near calls come first: they are the ones the tester has in mind.
    scored = [(match.differences(call), call.id) for match in matches for call in calls]
    scored.sort(key=lambda pair: (len(pair[0]), -pair[1]))
    return [{"call": number, "differences": found} for found, number in scored[:_NEAREST]]
