"""Check what is stored of people's acts against the statements in the register: what was ended, released, closed.

Pure. What a statement does not say, such as what a key was before it was ended, follows from what was signed before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from receiver.core.admit import KeyState
from shared.encoding import parse_digest
from shared.predicates import GapClosed, Registered, Release, Revocation

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ended:
    """A revocation as it was signed, and as its rows say it; `keys` are ids as text."""

    what: str
    id: str
    kind: str
    since: datetime | None
    revoked_at: datetime
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class Closed:
    """A gap that people said is lost: the stream (16 bytes), its first and last number, and when they said so."""

    stream_id: bytes
    first: int
    last: int
    closed_at: datetime


@dataclass(frozen=True, slots=True)
class Acts:
    """What was revoked, released (ids of 32 bytes), taken back and closed, each by the number of its statement."""

    ended: Mapping[int, Ended]
    released: Mapping[int, tuple[frozenset[bytes], datetime]]
    taken_back: Mapping[int, tuple[int, datetime]]
    closed: Mapping[int, Closed]

    def stood(self, number: int) -> dict[int, Ended]:
        """Give the revocations below a number that were not taken back below it either."""
        back = {revocation for at, (revocation, _) in self.taken_back.items() if at < number}
        return {at: one for at, one in self.ended.items() if at < number and at not in back}


def signed_acts(statements: Iterable[Registered]) -> Acts:
    """Give the acts that these statements of a register say; others are passed over."""
    ended: dict[int, Ended] = {}
    released: dict[int, tuple[frozenset[bytes], datetime]] = {}
    taken_back: dict[int, tuple[int, datetime]] = {}
    closed: dict[int, Closed] = {}
    for one in statements:
        number = one.register_.number
        if isinstance(one, Revocation):
            ended[number] = Ended(one.what, one.id, one.kind, one.since, one.revoked_at, frozenset(one.keys))
        elif isinstance(one, Release) and one.revocation is not None:
            taken_back[number] = (one.revocation, one.released_at)
        elif isinstance(one, Release):
            released[number] = (frozenset(parse_digest(named) for named in one.attestations), one.released_at)
        elif isinstance(one, GapClosed):
            closed[number] = Closed(bytes.fromhex(one.stream), one.first, one.last, one.closed_at)
    return Acts(ended, released, taken_back, closed)


def check_acts(signed: Acts, stored: Acts) -> list[tuple[int, str]]:
    """Compare rows with statements; gives the register number and what is wrong."""
    return [
        *_compare("revocation", signed.ended, stored.ended),
        *_compare("release", signed.released, stored.released),
        *_compare("taking back", signed.taken_back, stored.taken_back),
        *_compare("closing of a gap", signed.closed, stored.closed),
    ]


def standing(signed: Acts) -> dict[int, Ended]:
    """Give the revocations that were not taken back."""
    return signed.stood(max((*signed.ended, *signed.taken_back), default=0) + 1)


@dataclass(frozen=True, slots=True)
class KeyThen:
    """What was signed of a key that a revocation ended: its owner, and what it is said to have been until then.

    `state` is what it is by its enrolment and rotations, None for a key that nobody knows; `enrolled` is the register
    number of its collector's enrolment; `turned` says whether the rotation that retired it came before the revocation.
    """

    collector_id: str | None
    state: KeyState | None
    enrolled: int | None
    turned: bool


def check_key(number: int, row: tuple[str, KeyState], then: KeyThen, *, was_revoked: bool) -> list[str]:
    """Check the collector that a row of a revocation names for a key, and what it says that the key was."""
    collector_id, before = row
    if collector_id != then.collector_id:
        return ["its row names another collector for a key"]
    expected = then.state
    if was_revoked or then.state is KeyState.REVOKED:
        expected = KeyState.REVOKED
    elif then.enrolled is None or then.enrolled > number:
        expected = KeyState.PENDING
    elif then.state is KeyState.RETIRED and not then.turned:
        expected = KeyState.ACTIVE
    return [] if before is expected else [f"its row says that a key was {before} before"]


def _compare(name: str, signed: Mapping[int, T], stored: Mapping[int, T]) -> Iterable[tuple[int, str]]:
    for number in sorted(signed.keys() | stored.keys()):
        if number not in stored:
            yield number, f"this {name} was signed, and its rows are gone"
        elif number not in signed:
            yield number, f"nobody signed this {name}"
        elif signed[number] != stored[number]:
            yield number, f"the rows of this {name} are not what was signed"
