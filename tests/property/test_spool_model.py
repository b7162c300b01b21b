"""The spool against a model of a few dozen lines, through any order of acts, crashes and jumps of the clock."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from collector.leaving import Reply
from collector.obeying import Asked
from collector.spool import Said, Spool, SpoolFull, SpoolSettings, State
from shared.errors import StateError
from shared.requests import Outcome, Request
from tests.helpers.spools import EPOCH, NOW, TO, candidate, file_seen, open_spool, still_verifies

KEEP = 100.0
QUOTA = 12_000


@dataclass
class Row:
    """An entry of the model."""

    observation: int
    file: int
    state: State
    size: int
    ended_at: datetime | None = None


class SpoolModel(RuleBasedStateMachine):
    """Observation n is of file n % 5; whatever the spool answers is compared with two dictionaries and a set."""

    sequences = Bundle("sequences")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="carnet-model-"))
        self.settings = SpoolSettings(quota_bytes=QUOTA, ballast_bytes=4_096, busy_seconds=1)
        self.now = NOW
        self.rows: dict[int, Row] = {}
        self.known: dict[int, int] = {}  # observation -> sequence
        self.there: set[int] = set()
        self.next = 0
        self.spool = self._open()

    def _open(self) -> Spool:
        return open_spool(self.folder / "spool", self.settings, self.now)

    def teardown(self) -> None:
        self.spool.close()
        shutil.rmtree(self.folder)

    @initialize()
    def begin(self) -> None:
        assert self.spool.list() == []

    @rule(target=sequences, observations=st.lists(st.integers(0, 30), min_size=1, max_size=5))
    def put(self, observations: list[int]) -> object:
        group = [candidate(one, file=file_seen(f"{one % 5}.xml", inode=one)) for one in observations]
        try:
            done = self.spool.put(group, epoch=EPOCH, now=self.now)
        except SpoolFull:
            assert self._used() + 1_000 * len(set(observations) - self.known.keys()) > QUOTA
            return multiple()
        for observation, one in zip(observations, done, strict=True):
            assert one.new == (observation not in self.known)
            self.there.add(observation % 5)
            if one.new:
                assert one.sequence == self.next
                size = self.spool.show(self.next).entry.size
                self.rows[self.next] = Row(observation, observation % 5, State.PENDING, size)
                self.known[observation] = self.next
                self.next += 1
            assert one.sequence == self.known[observation]
        return multiple(*(one.sequence for one in done if one.new))

    def _used(self) -> int:
        return sum(row.size for row in self.rows.values() if row.state in {State.PENDING, State.QUARANTINED})

    @rule(delivered=st.sets(st.integers(0, 40)), refused=st.sets(st.integers(0, 40), max_size=3))
    def settle(self, delivered: set[int], refused: set[int]) -> None:
        self.spool.settle(
            receipt_id=b"r" * 32,
            receipt=b"receipt",
            received_at=self.now,
            delivered=sorted(delivered - refused),
            quarantined=[(one, "wrong_type", "") for one in sorted(refused)],
            reply=Reply(TO, ()),
            now=self.now,
        )
        for state, sequences in ((State.DELIVERED, delivered - refused), (State.QUARANTINED, refused)):
            for sequence in sequences & self.rows.keys():
                self._move(sequence, state, {State.PENDING})

    def _move(self, sequence: int, state: State, origins: set[State]) -> bool:
        row = self.rows.get(sequence)
        if row is None or row.state not in origins:
            return False
        row.state, row.ended_at = state, None if state is State.PENDING else self.now
        return True

    @rule(sequence=sequences)
    def retry(self, sequence: int) -> None:
        if self._move(sequence, State.PENDING, {State.QUARANTINED}):
            assert self.spool.retry(sequence) == 1
        else:
            with pytest.raises(StateError):
                self.spool.retry(sequence)

    @rule(sequence=sequences)
    def drop(self, sequence: int) -> None:
        if self._move(sequence, State.DROPPED, {State.PENDING, State.QUARANTINED}):
            self.spool.drop(sequence, "a mistake", "ana", self.now)
        else:
            with pytest.raises(StateError):
                self.spool.drop(sequence, "a mistake", "ana", self.now)

    @rule(sequence=consumes(sequences))
    def damaged(self, sequence: int) -> None:
        row = self.rows.get(sequence)
        if row is not None and self._move(sequence, State.QUARANTINED, {State.PENDING}):
            self.spool.quarantine_damaged(sequence, self.now)
            del self.known[row.observation]
            self.there.discard(row.file)

    @rule(sequence=st.integers(0, 40))
    def receiver_was_restored(self, sequence: int) -> None:
        again = Asked(Request(kind="resend", since_sequence=sequence), Outcome.PUT_OFF, self.now, "key")
        told = self.spool.settle(
            receipt_id=b"r" * 32,
            receipt=b"receipt",
            received_at=self.now,
            delivered=(),
            quarantined=(),
            reply=Reply(TO, ()),
            now=self.now,
            said=Said(asked=(again,)),
        )
        if told.asked[0].outcome is not Outcome.PUT_OFF:
            for one in self.rows:
                if one >= sequence:
                    self._move(one, State.PENDING, {State.DELIVERED})

    @rule(keep_bytes=st.sampled_from([0, 2_500, 1 << 30]))
    def prune(self, keep_bytes: int) -> None:
        self.spool.prune(now=self.now, keep_seconds=KEEP, keep_bytes=keep_bytes)
        delivered = [one for one in sorted(self.rows) if self.rows[one].state is State.DELIVERED]
        over = sum(self.rows[one].size for one in delivered) - keep_bytes
        for sequence in delivered:
            ended_at = self.rows[sequence].ended_at
            assert ended_at is not None
            if over <= 0 and ended_at >= self.now - timedelta(seconds=KEEP):
                break
            over -= self.rows[sequence].size
            del self.rows[sequence]
        self._unlearn()

    @rule(files=st.sets(st.integers(0, 4), min_size=1))
    def files_are_gone(self, files: set[int]) -> None:
        self.spool.forget("ci", [f"{one}.xml" for one in sorted(files)])
        self.there -= files
        self._unlearn()

    def _unlearn(self) -> None:
        self.known = {
            one: sequence for one, sequence in self.known.items() if sequence in self.rows or one % 5 in self.there
        }

    @rule(politely=st.booleans())
    def crash(self, *, politely: bool) -> None:
        if politely:
            self.spool.close()
        self.spool = self._open()

    @rule(seconds=st.integers(-1_000, 1_000))
    def clock_jumps(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @invariant()
    def says_what_the_model_says(self) -> None:
        head = self.spool.head_entries(1_000, 1 << 30)
        assert [one.sequence for one in head] == self._in(State.PENDING)
        assert all(still_verifies(one.envelope, one.id) for one in head)
        found = self.spool.stats(self.now)
        assert found.used_bytes == self._used()
        counted = (found.pending, found.delivered, found.quarantined, found.dropped)
        assert counted == tuple(len(self._in(one)) for one in State)
        assert self.spool.head().next_sequence == self.next
        assert set(self.spool.sweep("ci").gone()) == {f"{one}.xml" for one in self.there}

    def _in(self, state: State) -> Sequence[int]:
        return sorted(sequence for sequence, row in self.rows.items() if row.state is state)


SpoolModel.TestCase.settings = settings(
    max_examples=50,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestSpoolModel = SpoolModel.TestCase
