"""What is to be run, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

NAMES = ("starts", "queries", "composite", "refused", "flat", "cold", "plugin", "fixture", "in-process", "verdicts")
"""What can be measured, in the order in which it is."""


@dataclass(frozen=True, slots=True)
class Options:
    """`seconds` for each load; `services` to fill the server with, but no longer than `fill_seconds`."""

    seconds: float = 3.0
    services: int = 1_000_000
    fill_seconds: float = 40.0
    only: frozenset[str] = frozenset(NAMES)
