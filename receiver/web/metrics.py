"""What `/metrics` shows: counters and times, in a registry of this application's own."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


class Metrics:
    """The figures of one running receiver; labels come from closed lists, never from a request."""

    def __init__(self) -> None:
        """Make every figure, each at zero."""
        self.registry = CollectorRegistry(auto_describe=True)
        self._entries = Counter(
            "carnet_entries",
            "Entries of batches, by what became of them.",
            ["status"],
            registry=self.registry,
        )
        self._batches = Counter("carnet_batches", "Batches that got a receipt.", registry=self.registry)
        self._requests = Histogram(
            "carnet_request_seconds",
            "From the end of a request's header to the end of its answer.",
            ["method", "route", "status"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._refused = Counter(
            "carnet_requests_refused",
            "Whole requests that were refused, by reason code.",
            ["code"],
            registry=self.registry,
        )
        self._database = Counter(
            "carnet_database_errors",
            "Requests that failed because the database could not be used.",
            registry=self.registry,
        )
        self._unshared = Counter(
            "carnet_rate_limits_not_shared",
            "Requests that this process counted for itself, because the shared storage did not answer.",
            registry=self.registry,
        )
        self._turned_away = Counter(
            "carnet_connections_refused",
            "Connections that were closed unheard or unfinished, by why.",
            ["reason"],
            registry=self.registry,
        )
        self._streams = Gauge(
            "carnet_streams",
            "Streams of all workspaces, by how they stand; a forked one is counted there too.",
            ["state"],
            registry=self.registry,
        )
        self._missing = Gauge(
            "carnet_stream_missing_entries",
            "Entries that are missing, refused or dropped and that nobody closed.",
            registry=self.registry,
        )
        self._never_came = Gauge(
            "carnet_missing_evidence", "Findings that expected evidence never came.", registry=self.registry
        )
        self._connections = Gauge("carnet_connections", "Connections that are open.", registry=self.registry)

    def batch(self, counts: Mapping[str, int]) -> None:
        """Count a batch and its entries by status."""
        self._batches.inc()
        for status, count in counts.items():
            self._entries.labels(status).inc(count)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request under the path of its route, never under the path that was asked for."""
        self._requests.labels(method, route, str(status)).observe(seconds)

    def refused(self, code: str) -> None:
        """Count a request that was answered with a problem."""
        self._refused.labels(code).inc()

    def database_error(self) -> None:
        """Count a request that the database failed."""
        self._database.inc()

    def limit_not_shared(self) -> None:
        """Count a request that was counted in this process alone, though limits are shared."""
        self._unshared.inc()

    def connection(self, change: int) -> None:
        """Count a connection that opened (1) or closed (-1)."""
        self._connections.inc(change)

    def turned_away(self, reason: str) -> None:
        """Count a connection that was closed for a reason of our own."""
        self._turned_away.labels(reason).inc()

    def streams(self, states: Mapping[str, int], missing: int) -> None:
        """Say how many streams stand how, and how many entries are missing of them."""
        self._streams.clear()
        for state, count in states.items():
            self._streams.labels(state).set(count)
        self._missing.set(missing)

    def never_came(self, count: int) -> None:
        """Say how many findings stand that expected evidence never came."""
        self._never_came.set(count)

    def text(self) -> bytes:
        """Write all figures in Prometheus' text format."""
        return generate_latest(self.registry)
