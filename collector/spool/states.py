"""The four states of an entry and the moves between them, as one table."""

from __future__ import annotations

from enum import StrEnum

from collector.spool.errors import DamagedError
from shared.errors import Code, StateError


class State(StrEnum):
    """Where an entry stands; only `PENDING` ones are ever sent."""

    PENDING = "pending"
    DELIVERED = "delivered"
    QUARANTINED = "quarantined"
    DROPPED = "dropped"


MOVES: dict[State, frozenset[State]] = {
    State.PENDING: frozenset({State.DELIVERED, State.QUARANTINED, State.DROPPED}),
    State.DELIVERED: frozenset({State.PENDING}),
    State.QUARANTINED: frozenset({State.PENDING, State.DROPPED}),
    State.DROPPED: frozenset(),
}
"""From each state, the states that an entry may move to; what is not here is refused."""


def read_state(text: str) -> State:
    """Read a state out of the file; raises `DamagedError` for a word that was never written there."""
    try:
        return State(text)
    except ValueError:
        raise DamagedError(f"an entry has the state {text[:20]!r}") from None


def check_move(sequence: int, now: State, then: State) -> None:
    """Refuse a move that is not in the table; raises `StateError`."""
    if then not in MOVES[now]:
        allowed = ", ".join(sorted(MOVES[now])) or "nothing"
        raise StateError(
            Code.CONFLICT,
            f"entry {sequence} is {now} and cannot become {then}",
            f"from {now} it can become: {allowed}",
        )
