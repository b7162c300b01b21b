"""Whether what a passport counted was signed by keys that were good, as far as revocations are at hand.

Pure. Invariants: time is the receiver's (`receivedAt` in the passport), never the sender's. A revocation that the
passport could know, since its number in the register is lower, must leave what was received before it, or hold the
rest; a later one that reaches back before the evaluation (a key was compromised) makes the passport unbelievable,
whenever what it counted was received. A key that is revoked without a word on since when is good for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.encoding import format_time
from shared.errors import Code, UntrustedError
from shared.introduced import CollectorKey
from shared.passports import Input, Passport
from shared.predicates import Claimed, Keyring, Release, Revocation
from shared.statement import Statement


@dataclass(frozen=True, slots=True)
class End:
    """A revocation as far as one key or token is concerned; `since` None is always."""

    number: int
    since: datetime | None

    def spoils(self, passport: Passport, received_at: datetime) -> bool:
        """Say whether what was received then ought not to have counted."""
        if self.number < passport.register_.number:
            return self.since is None or received_at >= self.since
        return self.since is None or self.since <= passport.evaluated_at


def check_keys(
    passport: Passport, inputs: Sequence[Statement], keys: Mapping[str, CollectorKey], newest: Keyring
) -> None:
    """Refuse a passport that counted what a bad key signed; raises `UntrustedError` (`key_revoked`, `key_retired`)."""
    acts = _Acts(inputs, newest)
    for entry, read in zip(passport.inputs, inputs, strict=True):
        owner = keys.get(read.verified.key.key_id)
        received_at = read.predicate.received_at if isinstance(read.predicate, Claimed) else entry.received_at
        if entry.held is not None or received_at is None:
            continue
        for end in acts.ends(read):
            if end.spoils(passport, received_at) and not acts.is_released(entry.id, end.number):
                since = "always" if end.since is None else format_time(end.since)
                raise _bad(Code.KEY_REVOKED, entry, f"it was revoked as of {since} (register {end.number})")
        if owner is not None:
            _check_place(entry, read, owner, acts)


def _check_place(entry: Input, read: Statement, owner: CollectorKey, acts: _Acts) -> None:
    stream = getattr(read.predicate, "stream", None)
    sequence = getattr(stream, "sequence", None)
    for turned in owner.turned:
        above = sequence is not None and sequence >= turned.sequence and getattr(stream, "id", "") == turned.stream
        if above and not acts.is_released(entry.id):
            raise _bad(Code.KEY_RETIRED, entry, f"another key follows it from sequence {turned.sequence} on")


class _Acts:
    """What revocations and releases among the inputs, and the newest keyring, say."""

    def __init__(self, inputs: Sequence[Statement], newest: Keyring) -> None:
        predicates = [one.predicate for one in inputs]
        self._revocations = [one for one in predicates if isinstance(one, Revocation)]
        self._releases = [one for one in predicates if isinstance(one, Release)]
        self._newest = newest

    def ends(self, read: Statement) -> Iterator[End]:
        """Give each revocation of the key, or of the token, that this came with."""
        key_id = read.verified.key.key_id
        token = read.predicate.token.id if isinstance(read.predicate, Claimed) else None
        found: set[int] = set()
        for act in self._revocations:
            if key_id in act.keys or (token is not None and act.what == "token" and act.id == token):
                found.add(act.register_.number)
                yield End(act.register_.number, act.since)
        for row in self._newest.ended:
            if row.key_id == key_id:
                found.add(row.number)
                yield End(row.number, row.since)
        if not found and key_id in self._newest.revocations:
            yield End(self._newest.register_.number, since=None)

    def is_released(self, attestation_id: str, number: int = 0) -> bool:
        """Say whether two people let it count after the act with this number, or took that act back."""
        return any(
            one.register_.number > number
            # A retirement has no number: only what a release names itself is released from it.
            and (attestation_id in one.attestations or (number > 0 and one.revocation == number))
            for one in self._releases
        )


def _bad(code: Code, entry: Input, detail: str) -> UntrustedError:
    return UntrustedError(
        code, f"the passport counts {entry.id}, whose key is not good for it: {detail}", "ask the gate again"
    )
