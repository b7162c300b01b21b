"""Check what is stored of revocations, releases and takings back against the statements in the register."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from shared.encoding import parse_digest
from shared.predicates import Registered, Release, Revocation

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
class Acts:
    """What was revoked, released (ids of 32 bytes) and taken back, each by the register number of its statement."""

    ended: Mapping[int, Ended]
    released: Mapping[int, tuple[frozenset[bytes], datetime]]
    taken_back: Mapping[int, tuple[int, datetime]]


def signed_acts(statements: Iterable[Registered]) -> Acts:
    """Give the acts that these statements of a register say; others are passed over."""
    ended: dict[int, Ended] = {}
    released: dict[int, tuple[frozenset[bytes], datetime]] = {}
    taken_back: dict[int, tuple[int, datetime]] = {}
    for one in statements:
        number = one.register_.number
        if isinstance(one, Revocation):
            ended[number] = Ended(one.what, one.id, one.kind, one.since, one.revoked_at, frozenset(one.keys))
        elif isinstance(one, Release) and one.revocation is not None:
            taken_back[number] = (one.revocation, one.released_at)
        elif isinstance(one, Release):
            released[number] = (frozenset(parse_digest(named) for named in one.attestations), one.released_at)
    return Acts(ended, released, taken_back)


def check_acts(signed: Acts, stored: Acts) -> list[tuple[int, str]]:
    """Compare rows with statements; gives the register number and what is wrong."""
    return [
        *_compare("revocation", signed.ended, stored.ended),
        *_compare("release", signed.released, stored.released),
        *_compare("taking back", signed.taken_back, stored.taken_back),
    ]


def standing(signed: Acts) -> dict[int, Ended]:
    """Give the revocations that were not taken back."""
    back = {revocation for revocation, _ in signed.taken_back.values()}
    return {number: one for number, one in signed.ended.items() if number not in back}


def _compare(name: str, signed: Mapping[int, T], stored: Mapping[int, T]) -> Iterable[tuple[int, str]]:
    for number in sorted(signed.keys() | stored.keys()):
        if number not in stored:
            yield number, f"this {name} was signed, and its rows are gone"
        elif number not in signed:
            yield number, f"nobody signed this {name}"
        elif signed[number] != stored[number]:
            yield number, f"the rows of this {name} are not what was signed"
