"""Whether what a passport counted was signed by keys that were good there and then, as far as that can be known.

Pure. Invariants: time is the receiver's (`receivedAt` in the passport), never the sender's. A revocation that the
passport could know, since its number in the register is lower, must leave what was received before it, or hold the
rest; a later one that reaches back before the evaluation (a key was compromised) makes the passport unbelievable,
whenever what it counted was received. A key that is revoked without a word on since when is good for nothing. A key
that came in by a rotation stands and falls with it: nothing is introduced by a key that was followed by another one
already, or by one that was revoked since before that. A key signs behind the rotation that introduced it and below the
one that follows it; in other streams, from when the one was received until the other was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.encoding import format_time
from shared.errors import Code, UntrustedError
from shared.introduced import CollectorKey, Turn
from shared.passports import Passport
from shared.predicates import Claimed, EndedKey, Keyring, Release, Revocation, StreamLink
from shared.statement import Statement


@dataclass(frozen=True, slots=True)
class End:
    """A revocation as far as one key or token is concerned; `since` None is always."""

    number: int
    since: datetime | None

    @property
    def told(self) -> str:
        """Since when, in words."""
        since = "always" if self.since is None else format_time(self.since)
        return f"it was revoked as of {since} (register {self.number})"

    def reaches(self, received_at: datetime) -> bool:
        """Say whether what was received then came after it."""
        return self.since is None or received_at >= self.since

    def spoils(self, passport: Passport, received_at: datetime) -> bool:
        """Say whether what was received then ought not to have counted."""
        if self.number < passport.register_.number:
            return self.reaches(received_at)
        return self.since is None or self.since <= passport.evaluated_at


@dataclass(frozen=True, slots=True)
class _Fault:
    """Why what a key signed does not count: a release behind `number` lets it in all the same; 0 is any release."""

    code: Code
    detail: str
    number: int = 0


def check_keys(
    passport: Passport, inputs: Sequence[Statement], keys: Mapping[str, CollectorKey], newest: Keyring
) -> None:
    """Refuse a passport that counted what a bad key signed.

    Raises `UntrustedError`: `key_revoked`, `key_retired`, or `unknown_key` for one that was not good there yet. The
    passport's `rotations` are those of `keys`.
    """
    acts = _Acts(inputs, newest)
    turns = _Turns(passport, keys, acts)
    for entry, read in zip(passport.inputs, inputs, strict=True):
        received_at = read.predicate.received_at if isinstance(read.predicate, Claimed) else entry.received_at
        if entry.held is not None or received_at is None:
            continue
        key_id = read.verified.key.key_id
        ends = acts.ends(key_id, read)
        faults = [_Fault(Code.KEY_REVOKED, end.told, end.number) for end in ends if end.spoils(passport, received_at)]
        if key_id in keys:
            faults += turns.faults(key_id)
            link = getattr(read.predicate, "stream", None)
            faults += turns.misplaced(key_id, link, received_at) if isinstance(link, StreamLink) else ()
        for fault in faults:
            if not acts.is_released(entry.id, fault.number):
                raise UntrustedError(
                    fault.code,
                    f"the passport counts {entry.id}, whose key is not good for it: {fault.detail}",
                    "ask the gate again",
                )


class _Turns:
    """The rotations by which keys came in, what the passport says of them, and so what their keys are good for."""

    def __init__(self, passport: Passport, keys: Mapping[str, CollectorKey], acts: _Acts) -> None:
        self._told = {one.id: one for one in passport.rotations}
        self._to = {one.turn.new_key_id: one.turn for one in keys.values() if one.turn is not None}
        self._of: dict[str, list[Turn]] = defaultdict(list)
        for turn in self._to.values():
            if self._told[turn.id].held is None:
                self._of[turn.old_key_id].append(turn)
        self._acts = acts
        self._faults: dict[str, tuple[_Fault, ...]] = {}

    def faults(self, key_id: str) -> tuple[_Fault, ...]:
        """Say what speaks against all that a key signs, for how it and those before it came in."""
        waiting, at = [], self._to.get(key_id)
        while at is not None and at.new_key_id not in self._faults:
            waiting.append(at)
            at = self._to.get(at.old_key_id)
        for turn in reversed(waiting):
            inherited = self._faults.get(turn.old_key_id, ())
            self._faults[turn.new_key_id] = (*inherited, *self._against(turn))
        return self._faults.get(key_id, ())

    def misplaced(self, key_id: str, link: StreamLink, received_at: datetime) -> Iterator[_Fault]:
        """Say where a key signed what is not between the rotation that introduced it and the one that follows it."""
        yield from self._too_early(key_id, link.id, link.sequence, received_at)
        for turn in self._of.get(key_id, ()):
            if link.id == turn.stream and link.sequence >= turn.sequence:
                yield _Fault(Code.KEY_RETIRED, f"another key follows it from sequence {turn.sequence} on")
            elif link.id != turn.stream and received_at > self._received(turn):
                yield _Fault(Code.KEY_RETIRED, "another key followed it when this was received, in another stream")

    def _against(self, turn: Turn) -> Iterator[_Fault]:
        """Say why a rotation introduces nobody; the first key's own revocation is the first key's business alone."""
        named, held = f"it came in by the rotation {turn.id}", self._told[turn.id].held
        if held is not None:
            yield _Fault(Code.KEY_REVOKED, f"{named}, which is held: {held}")
        if any(one.id != turn.id for one in self._of.get(turn.old_key_id, ())):
            yield _Fault(Code.KEY_RETIRED, f"{named} of a key that another one follows too")
        received_at = self._received(turn)
        for fault in self._too_early(turn.old_key_id, turn.stream, turn.sequence, received_at):
            yield _Fault(fault.code, f"{named}, and {fault.detail}")
        for end in self._acts.ends(turn.old_key_id):
            if end.reaches(received_at):
                yield _Fault(Code.KEY_REVOKED, f"{named} of the key {turn.old_key_id}; {end.told}", end.number)

    def _too_early(self, key_id: str, stream: str, sequence: int, received_at: datetime) -> Iterator[_Fault]:
        turn = self._to.get(key_id)
        if turn is None:
            return
        if stream == turn.stream and sequence <= turn.sequence:
            yield _Fault(Code.UNKNOWN_KEY, f"{key_id} signs behind sequence {turn.sequence} alone")
        elif received_at < self._received(turn):
            yield _Fault(Code.UNKNOWN_KEY, f"nobody had introduced {key_id} when this was received")

    def _received(self, turn: Turn) -> datetime:
        at = self._told[turn.id].received_at
        if at is None:
            raise UntrustedError(
                Code.UNKNOWN_KEY,
                f"the passport does not say when the rotation {turn.id} was received",
                "ask the gate again",
            )
        return at


class _Acts:
    """What revocations and releases among the inputs, and the newest keyring, say."""

    def __init__(self, inputs: Sequence[Statement], newest: Keyring) -> None:
        predicates = [one.predicate for one in inputs]
        self._revocations = [one for one in predicates if isinstance(one, Revocation)]
        self._releases = [one for one in predicates if isinstance(one, Release)]
        self._newest = newest
        self._ended: dict[str, list[EndedKey]] = defaultdict(list)
        for row in newest.ended:
            self._ended[row.key_id].append(row)

    def ends(self, key_id: str, read: Statement | None = None) -> Iterator[End]:
        """Give each revocation of a key, or of the token that something came with."""
        token = read.predicate.token.id if read is not None and isinstance(read.predicate, Claimed) else None
        found = False
        for act in self._revocations:
            if key_id in act.keys or (token is not None and act.what == "token" and act.id == token):
                found = True
                yield End(act.register_.number, act.since)
        for row in self._ended.get(key_id, ()):
            found = True
            yield End(row.number, row.since)
        if not found and key_id in self._newest.revocations:
            yield End(self._newest.register_.number, since=None)

    def is_released(self, attestation_id: str, number: int = 0) -> bool:
        """Say whether two people let it count after the act with this number, or took that act back.

        What has no number, like a retirement, is taken back by nothing: only what a release names is released from it.
        """
        return any(
            one.register_.number > number
            and (attestation_id in one.attestations or (number > 0 and one.revocation == number))
            for one in self._releases
        )
