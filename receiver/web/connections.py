"""How many connections are open, in all and from each peer, and the limit on both.

A place is taken when a connection is accepted, before TLS or HTTP have cost anything, and given back exactly once.
"""

from __future__ import annotations

from collections import Counter

from receiver.web.metrics import Metrics


class Place:
    """One connection's place; `release` may be called more than once."""

    def __init__(self, connections: Connections, peer: str) -> None:
        """Made by `Connections.enter` alone."""
        self._connections: Connections | None = connections
        self._peer = peer

    def release(self) -> None:
        """Give the place back."""
        connections, self._connections = self._connections, None
        if connections is not None:
            connections.leave(self._peer)


class Connections:
    """Counts connections by the address of their peer."""

    def __init__(self, maximum: int, maximum_per_peer: int, metrics: Metrics) -> None:
        """Take both limits."""
        self._maximum = maximum
        self._maximum_per_peer = maximum_per_peer
        self._metrics = metrics
        self._peers: Counter[str] = Counter()
        self._open = 0

    def enter(self, peer: str) -> Place | None:
        """Take a place for a peer; None where there is none left."""
        if self._open >= self._maximum or self._peers[peer] >= self._maximum_per_peer:
            if not self._peers[peer]:
                del self._peers[peer]
            self._metrics.turned_away("too_many")
            return None
        self._open += 1
        self._peers[peer] += 1
        self._metrics.connection(1)
        return Place(self, peer)

    def leave(self, peer: str) -> None:
        """Count a connection as closed; called by its place."""
        self._open -= 1
        self._peers[peer] -= 1
        if not self._peers[peer]:
            del self._peers[peer]
        self._metrics.connection(-1)
