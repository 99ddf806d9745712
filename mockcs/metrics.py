"""What the spaces hold and have done, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from mockcs.ids import KINDS
from mockcs.spaces import Spaces


class _Spaces(Collector):
    def __init__(self, spaces: Spaces) -> None:
        self._spaces = spaces

    def collect(self) -> Iterator[Metric]:
        """One family for each figure, labelled with the space."""
        calls = CounterMetricFamily("mockcs_calls", "Calls answered, by status.", labels=("space", "status"))
        evicted = CounterMetricFamily("mockcs_calls_evicted", "Calls evicted from the journal.", labels=("space",))
        kept = GaugeMetricFamily("mockcs_journal_calls", "Calls kept in the journal.", labels=("space",))
        size = GaugeMetricFamily("mockcs_journal_bytes", "Bytes kept in the journal.", labels=("space",))
        flying = GaugeMetricFamily("mockcs_calls_in_flight", "Calls that are being answered.", labels=("space",))
        stored = GaugeMetricFamily("mockcs_resources", "Resources stored, by kind.", labels=("space", "kind"))
        for name in self._spaces.names():
            space = self._spaces.known(name)
            if space is None:
                continue
            with space.lock:
                journal = space.journal
                evicted.add_metric((name,), journal.evicted)
                kept.add_metric((name,), len(journal))
                size.add_metric((name,), journal.bytes)
                flying.add_metric((name,), journal.in_flight)
                for status, count in journal.counts.items():
                    calls.add_metric((name, str(status)), count)
                for kind in KINDS:
                    stored.add_metric((name, kind), space.store.count(kind))
        yield from (calls, evicted, kept, size, flying, stored)


def exposition(spaces: Spaces) -> tuple[bytes, str]:
    """The text that Prometheus scrapes, and its content type."""
    registry = CollectorRegistry()
    registry.register(_Spaces(spaces))
    return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4
