"""S4, S5: keys in any order of enrol, rotate, steal, revoke, take back, late delivery, clocks behind, crash.

The model is a set of keys and a list of revocations, and works everything out anew from trust.md sections 3 and 6. It
never asks the receiver; the receiver's keys, its answers and how everything stands must be the model's.
"""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from receiver import access, fsck, lookup, release, revoke, streams
from receiver.caller import operator
from receiver.core.admit import KeyState
from receiver.core.revocation import Asked, Loss, What
from receiver.core.tokens import Kind, Scope
from shared import dsse
from tests.helpers import build
from tests.helpers.build_acts import ALICE, BOB
from tests.helpers.databases import SqliteDatabases
from tests.helpers.fleet import NOW, Spool, make_receiver, seeded, told

MEMBERS, TURNS, REVOCATIONS = 2, 8, 4
STEP, HALF, SECOND = timedelta(minutes=10), timedelta(minutes=5), timedelta(seconds=1)
BEHIND = timedelta(seconds=30)
"""How far the clock of a receiver's process may be behind another's: far less than the times between revocations."""
ACCEPTED, DUPLICATE, UNKNOWN = ("accepted", None), ("duplicate", None), ("refused", "unknown_key")
REVOKED, RETIRED = ("held", "key_revoked"), ("held", "key_retired")


@dataclass
class Key:
    """A key that came in by enrolment or by a rotation that counted."""

    owner: int
    added_at: datetime
    by: str | None = None
    introduced: tuple[str, int] | None = None
    retired: tuple[str, int] | None = None

    def fits(self, stream: str, sequence: int) -> bool:
        if self.introduced is not None and stream == self.introduced[0] and sequence <= self.introduced[1]:
            return False
        return self.retired is None or (stream == self.retired[0] and sequence < self.retired[1])


@dataclass
class Revoked:
    """A revocation that stands until it is taken back; `since` None is always."""

    number: int
    since: datetime | None
    keys: frozenset[str]
    standing: bool = True


@dataclass
class Made:
    """Something signed: by which key, at which place, the key that it introduces, and what came of it."""

    entry: bytes
    key: str
    stream: str
    sequence: int
    introduces: str | None = None
    door: tuple[str, str | None] | None = None
    received_at: datetime | None = None
    """The clock of the process that stored it, but nothing is received before a revocation that was there already."""


@dataclass
class Member:
    """A collector, and whoever has a copy of one of its keys; the thief has a stream of his own.

    `early` is what its keys signed, by whomever, at places before the rotations that introduced them.
    """

    spool: Spool
    honest: list[Made] = field(default_factory=list)
    forged: list[Made] = field(default_factory=list)
    early: list[Made] = field(default_factory=list)
    thief: Spool | None = None


@functools.cache
def _databases() -> SqliteDatabases:
    """Databases that are copied from one that was migrated: migrating takes most of a second."""
    with tempfile.TemporaryDirectory() as scratch:
        made = SqliteDatabases(Path(scratch))
        made.migrated(Path(scratch) / "first")
        return made


class KeysModel(RuleBasedStateMachine):
    """One workspace, up to two collectors, a thief for each."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="carnet-keys-"))
        self.receiver = make_receiver(self.folder / "data", databases=_databases())
        self.receiver.now += STEP  # no clock is behind the making of the workspace
        self.members: list[Member] = []
        self.keys: dict[str, Key] = {}
        self.revocations: list[Revoked] = []
        self.last_revocation = NOW - timedelta(days=9)
        self.turns = self.batches = 0
        self.last: tuple[Member, list[Made], str, list[tuple[str, str | None]]] | None = None
        store, scopes = self.receiver.store, {Scope.COLLECTOR_WRITE}
        issued = access.issue(store, self.receiver.workspace_id, Kind.API_KEY, scopes, "media", NOW, os.urandom)
        self.bearer = access.authenticate(store, issued.token, NOW)
        self.enrol()

    def teardown(self) -> None:
        try:
            assert fsck.check(self.receiver.store) == []
        finally:
            self.receiver.store.close()
            shutil.rmtree(self.folder)

    # --- the model ---

    def ends(self, key: str) -> list[Revoked]:
        return [one for one in self.revocations if one.standing and key in one.keys]

    def state(self, key: str) -> KeyState:
        if self.ends(key):
            return KeyState.REVOKED
        return KeyState.ACTIVE if self.keys[key].retired is None else KeyState.RETIRED

    def at_the_door(self, one: Made) -> tuple[str, str | None]:
        key = self.keys.get(one.key)
        if one.door is not None:
            return DUPLICATE
        if key is None:
            return UNKNOWN
        if self.ends(one.key):
            return REVOKED
        fits = key.fits(one.stream, one.sequence) and (one.introduces is None or key.retired is None)
        return ACCEPTED if fits else RETIRED

    def received(self, member: Member, one: Made) -> datetime:
        """When the first receipt covered it, or one behind it without a hole."""
        if one in member.early:
            assert one.received_at is not None
            return one.received_at
        made = member.honest if one in member.honest else member.forged
        shown: datetime | None = None
        for later in reversed(made[one.sequence :]):
            known = [when for when in (shown, later.received_at) if when is not None]
            shown = None if later.received_at is None else min(known)
        assert shown is not None
        return shown

    def stands(self, member: Member, one: Made) -> tuple[str, str | None]:
        assert one.door is not None
        received_at = self.received(member, one)
        if any(end.since is None or received_at >= end.since for end in self.ends(one.key)):
            return REVOKED
        if one.door != REVOKED:
            return one.door
        return ACCEPTED if self.keys[one.key].fits(one.stream, one.sequence) else RETIRED

    def may_stand(self, member: Member, one: Made) -> set[tuple[str, str | None]]:
        """What was held for its key stays so while any revocation of that stands, unless a chain leads to it."""
        waits = one.door == REVOKED and self.ends(one.key)
        return {self.stands(member, one)} | ({REVOKED} if waits else set())

    # --- what happens ---

    @precondition(lambda self: len(self.members) < MEMBERS)
    @rule()
    def enrol(self) -> None:
        spool, _ = self.receiver.enrol(len(self.members) + 1)
        self.members.append(Member(spool))
        self.keys[spool.key.public.key_id] = Key(len(self.members) - 1, self.receiver.now)
        self._sign(self.members[-1], spool, 2)

    @rule(steps=st.integers(1, 3))
    def wait(self, steps: int) -> None:
        self.receiver.now += steps * STEP

    def _sign(self, member: Member, spool: Spool, count: int, claims: timedelta = timedelta()) -> None:
        made = member.honest if spool is member.spool else member.forged
        for _ in range(count):
            entry = spool.entry(observed_at=self.receiver.now + claims)
            made.append(Made(entry, spool.key.public.key_id, spool.stream_id, spool.next_sequence - 1))

    def _turn(self, member: Member, spool: Spool) -> None:
        self.turns += 1
        old, new = spool.key.public.key_id, build.signer(20 + self.turns)
        made = member.honest if spool is member.spool else member.forged
        entry = spool.rotate(new)
        made.append(Made(entry, old, spool.stream_id, spool.next_sequence - 1, new.public.key_id))

    @rule(who=st.integers(0, 9), claims=st.sampled_from([timedelta(days=-5), timedelta(), timedelta(days=7300)]))
    def capture(self, who: int, claims: timedelta) -> None:
        """The collector's own clock may say anything."""
        member = self._member(who)
        self._sign(member, member.spool, 2, claims)

    @precondition(lambda self: self.turns < TURNS)
    @rule(who=st.integers(0, 9))
    def rotate(self, who: int) -> None:
        member = self._member(who)
        self._turn(member, member.spool)

    @rule(who=st.integers(0, 9))
    def steal(self, who: int) -> None:
        member = self._member(who)
        if member.thief is None:
            spool = member.spool
            stream = seeded(900 + self.members.index(member))(16).hex()
            member.thief = Spool(spool.audience, spool.key, spool.collector_id, seeded(9), stream)

    @rule(who=st.integers(0, 9), turns=st.booleans())
    def forge(self, who: int, turns: bool) -> None:  # noqa: FBT001 - drawn
        member = self._member(who)
        if member.thief is None:
            return
        if turns and self.turns < TURNS:
            self._turn(member, member.thief)
        else:
            self._sign(member, member.thief, 1, timedelta(days=-30))

    @rule(who=st.integers(0, 9), below=st.integers(0, 9), thief=st.booleans())
    def sign_early(self, who: int, below: int, thief: bool) -> None:  # noqa: FBT001 - drawn
        """Sign with a key at or before the place of the rotation that brings it, and let it come behind that."""
        member = self._member(who)
        made, spool = (member.forged, member.thief) if thief else (member.honest, member.spool)
        turned = [one for one in made if one.introduces is not None]
        if spool is None or not turned or spool.key.public.key_id != turned[-1].introduces:
            return
        at = max(0, turned[-1].sequence - below)
        link = spool.link(at, spool.random(32) if at else None)
        entry = spool.entry(link, observed_at=self.receiver.now)
        member.early.append(Made(entry, spool.key.public.key_id, spool.stream_id, at))
        self._deliver(member, [turned[-1], member.early[-1]], behind=False)

    @rule(who=st.integers(0, 9), picks=st.lists(st.integers(0, 1_000), min_size=1, max_size=10), behind=st.booleans())
    def deliver(self, who: int, picks: list[int], behind: bool) -> None:  # noqa: FBT001 - drawn
        """Any of what was made, in any order, once or again, at a process whose clock may be behind."""
        member = self._member(who)
        made = member.honest + member.forged + member.early
        self._deliver(member, [made[-1 - pick % len(made)] for pick in picks], behind=behind)

    @rule(who=st.integers(0, 9))
    def deliver_all(self, who: int) -> None:
        """All that the collector has, in its order: what is missing from a chain before it is there after it."""
        member = self._member(who)
        self._deliver(member, member.honest[:100], behind=False)

    def _deliver(self, member: Member, chosen: list[Made], *, behind: bool) -> None:
        self.batches += 1
        batch_id = f"b{self.batches}"
        now = self.receiver.now - (BEHIND if behind else timedelta())
        expected = [self._take_up(member, one, now) for one in chosen]
        answer = self._take(member, chosen, batch_id, now)
        for one, wanted, got in zip(chosen, expected, answer, strict=True):
            # A key that nothing good introduced may be known as revoked or not at all: it is never believed.
            allowed = {wanted} if one.key in self.keys else {UNKNOWN, REVOKED, DUPLICATE}
            assert got in allowed, (one, got, self.keys, self.revocations)
        self.last = (member, chosen, batch_id, answer)

    def _take_up(self, member: Member, one: Made, now: datetime) -> tuple[str, str | None]:
        """What an entry is to be answered, and what comes of it."""
        wanted = self.at_the_door(one)
        if wanted not in (DUPLICATE, UNKNOWN):
            one.door, one.received_at = wanted, max(now, self.last_revocation)
            if one.introduces is not None and wanted == ACCEPTED:
                place = one.stream, one.sequence
                self.keys[one.introduces] = Key(self.members.index(member), one.received_at, one.key, place)
                self.keys[one.key].retired = place
        return wanted

    def _take(self, member: Member, chosen: list[Made], batch_id: str, now: datetime) -> list[tuple[str, str | None]]:
        caller = replace(self.bearer, collector_id=member.spool.collector_id)
        receiver = replace(self.receiver, now=now)
        return told(receiver.take(caller, batch_id, [one.entry for one in chosen]))

    @precondition(lambda self: self.last is not None)
    @rule()
    def crash(self) -> None:
        """The receiver's process ends after it has answered; the collector, which never heard it, sends it again."""
        assert self.last is not None
        member, chosen, batch_id, answer = self.last
        self.receiver.reopen()
        assert self._take(member, chosen, batch_id, self.receiver.now) == answer

    @precondition(lambda self: len(self.revocations) < REVOCATIONS)
    @rule(pick=st.integers(0, 1_000), whole=st.booleans(), ago=st.sampled_from([0, 1, 2, 5, None]), lost=st.booleans())
    def revoke(self, pick: int, whole: bool, ago: int | None, lost: bool) -> None:  # noqa: FBT001 - drawn
        self.receiver.now += SECOND
        now = self.receiver.now
        key_id = sorted(self.keys)[pick % len(self.keys)]
        member = self.members[self.keys[key_id].owner]
        since = now if lost else None if ago is None else now - ago * STEP - HALF
        if whole:
            asked = Asked(What.COLLECTOR, member.spool.collector_id, Loss.COMPROMISED, since, "stolen")
            keys = {one for one, key in self.keys.items() if key.owner == self.keys[key_id].owner}
        else:
            asked = Asked(What.KEY, key_id, Loss.COMPROMISED, since, "stolen")
            keys = self._descended(key_id, since)
        if lost:
            asked = replace(asked, kind=Loss.LOST, since=None)
        by = operator(self.receiver.audience)
        done = revoke.revoke(self.receiver.store, self.receiver.signers, asked, by, now, self.receiver.random)
        assert done.revocation is not None
        if done.revocation not in {one.number for one in self.revocations}:
            self.revocations.append(Revoked(done.revocation, since, frozenset(keys)))
            self.last_revocation = now
        self.receiver.now += SECOND

    def _descended(self, key_id: str, since: datetime | None) -> set[str]:
        """The key, those that came in by its rotations since, and theirs."""
        found = {key_id}
        while True:
            more = {
                one for one, key in self.keys.items() if key.by in found and (since is None or key.added_at >= since)
            }
            if more <= found:
                return found
            found |= more

    @precondition(lambda self: any(one.standing for one in self.revocations))
    @rule(pick=st.integers(0, 9))
    def take_back(self, pick: int) -> None:
        standing = [one for one in self.revocations if one.standing]
        one = standing[pick % len(standing)]
        one.standing = False
        wanted = release.Wanted((), one.number, "it was in the drawer")
        release.release(
            self.receiver.store, self.receiver.signers, wanted, (ALICE, BOB), self.receiver.now, self.receiver.random
        )

    def _member(self, who: int) -> Member:
        return self.members[who % len(self.members)]

    # --- what must be so ---

    @invariant()
    def the_keys_are_as_the_model_has_them(self) -> None:
        for number, member in enumerate(self.members):
            view = lookup.collector(self.receiver.store, self.receiver.workspace_id, member.spool.collector_id)
            found = {one.key.public.key_id: one.key.state for one in view.keys}
            assert {key: found.pop(key) for key in list(found) if key in self.keys} == {
                key: self.state(key) for key, one in self.keys.items() if one.owner == number
            }
            # What a rotation brought that did not count is known as revoked, or not known at all.
            assert set(found.values()) <= {KeyState.REVOKED}

    @invariant()
    def everything_stands_as_the_model_has_it(self) -> None:
        for member in self.members:
            for one in (*member.honest, *member.forged, *member.early):
                if one.door is not None and one.introduces is None and one.key in self.keys:
                    id_ = dsse.parse(one.entry).id
                    found = lookup.attestation(self.receiver.store, self.receiver.workspace_id, id_).standing
                    code = None if found.code is None else found.code.value
                    assert (found.status.value, code) in self.may_stand(member, one), (one, self.revocations)

    @invariant()
    def no_honest_stream_is_forked(self) -> None:
        for one in streams.of_workspace(self.receiver.store, self.receiver.workspace_id, self.receiver.now):
            assert one.forked_from is None


TestKeysModel = KeysModel.TestCase
TestKeysModel.settings = settings(
    max_examples=30,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
