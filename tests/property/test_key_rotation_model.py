"""Rotations in any order, late, repeated and with a thief about, against a model of a set and two dictionaries."""

import functools
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from receiver import fsck, lookup
from receiver.core.admit import KeyState
from shared import dsse
from shared.keys import Ed25519Signer
from tests.helpers import build
from tests.helpers.databases import SqliteDatabases
from tests.helpers.fleet import Spool, make_receiver, told

MAX_KEYS = 6
THIEFS_STREAM = "d4" * 16


@dataclass(frozen=True)
class Made:
    """Something signed: by which key, at which place of which stream, and the key that it introduces."""

    entry: bytes
    key: str
    stream: str
    sequence: int
    introduces: str | None = None


@functools.cache
def _databases() -> SqliteDatabases:
    """Databases that are copied from one that was migrated: migrating takes most of a second."""
    with tempfile.TemporaryDirectory() as scratch:
        made = SqliteDatabases(Path(scratch))
        made.migrated(Path(scratch) / "first")
        return made


class RotationModel(RuleBasedStateMachine):
    """A collector that captures and rotates, what it made arriving in any order, and a thief with one of its old keys.

    The model knows of each key whether it is good, and below which number of which stream a retired one still is.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="carnet-rotation-"))
        self.receiver = make_receiver(self.folder / "data", databases=_databases())
        self.spool, self.caller = self.receiver.enrol()
        self.turns = 0
        self.batches = 0
        self.honest: list[Made] = []
        self.forged: list[Made] = []
        self.stored: set[bytes] = set()
        self.stolen = self.spool.key.public.key_id
        self.keys: dict[str, KeyState] = {self.stolen: KeyState.ACTIVE}
        self.retired: dict[str, tuple[str, int]] = {}
        spool = self.spool
        self.thief = Spool(spool.audience, spool.key, spool.collector_id, spool.random, THIEFS_STREAM)
        self.capture()

    def teardown(self) -> None:
        try:
            assert fsck.check(self.receiver.store) == []
        finally:
            self.receiver.store.close()
            shutil.rmtree(self.folder)

    def _made(self, spool: Spool, entry: bytes, key: Ed25519Signer, introduces: Ed25519Signer | None = None) -> Made:
        new = None if introduces is None else introduces.public.key_id
        return Made(entry, key.public.key_id, spool.stream_id, spool.next_sequence - 1, new)

    def _turn(self, spool: Spool) -> Made:
        self.turns += 1
        old, new = spool.key, build.signer(20 + self.turns)
        return self._made(spool, spool.rotate(new), old, new)

    @rule()
    def capture(self) -> None:
        self.honest += [self._made(self.spool, self.spool.entry(), self.spool.key) for _ in range(2)]

    @precondition(lambda self: self.turns < MAX_KEYS)
    @rule()
    def rotate(self) -> None:
        self.honest.append(self._turn(self.spool))

    @rule(turns=st.booleans())
    def forge(self, turns: bool) -> None:  # noqa: FBT001 - drawn
        if turns and self.turns < MAX_KEYS:
            self.forged.append(self._turn(self.thief))
        else:
            self.forged.append(self._made(self.thief, self.thief.entry(), self.thief.key))

    @rule(picks=st.lists(st.integers(0, 1_000), min_size=1, max_size=12))
    def deliver(self, picks: list[int]) -> None:
        """Any of what was made, in any order, once or again.

        Before its rotation is here a stolen key is as good as its owner's: that is what revocations are for.
        """
        made = self.honest + (self.forged if self.keys[self.stolen] is not KeyState.ACTIVE else [])
        self._deliver([made[-1 - pick % len(made)] for pick in picks])

    def _deliver(self, chosen: list[Made]) -> list[tuple[str, str | None]]:
        self.batches += 1
        answer = told(self.receiver.take(self.caller, f"b{self.batches}", [one.entry for one in chosen]))
        assert answer == [self._expected(one) for one in chosen]
        return answer

    def _expected(self, one: Made) -> tuple[str, str | None]:
        state = self.keys.get(one.key)
        id_ = dsse.parse(one.entry).id
        if state is None:
            return "refused", "unknown_key"
        if id_ in self.stored:
            return "duplicate", None
        self.stored.add(id_)
        hold = self._hold(one, state)
        if one.introduces is not None:
            self.keys[one.introduces] = KeyState.ACTIVE if hold is None else KeyState.REVOKED
            if hold is None:
                self.keys[one.key] = KeyState.RETIRED
                self.retired[one.key] = (one.stream, one.sequence)
        return ("accepted", None) if hold is None else ("held", hold)

    def _hold(self, one: Made, state: KeyState) -> str | None:
        if state is KeyState.REVOKED:
            return "key_revoked"
        if state is KeyState.ACTIVE:
            return None
        stream, below = self.retired[one.key]
        good = one.introduces is None and stream == one.stream and one.sequence < below
        return None if good else "key_retired"

    @rule()
    def deliver_all(self) -> None:
        """The collector sends its rotations first, then everything: nothing of its own is held or refused any more."""
        for at in range(0, len(self.honest), 100):
            some = self.honest[at : at + 100]
            for status, code in self._deliver([one for one in some if one.introduces is not None] or some):
                assert (status, code) in {("accepted", None), ("duplicate", None)}
            for status, code in self._deliver(some):
                assert (status, code) in {("accepted", None), ("duplicate", None)}
        view = lookup.streams(self.receiver.store, self.receiver.workspace_id, self.spool.collector_id)
        mark = {one.stream_id: one.state for one in view}[self.spool.stream_id]
        assert (mark.mark, mark.forked_from) == (len(self.honest) - 1, None)
        assert self.keys[self.spool.key.public.key_id] is KeyState.ACTIVE

    @invariant()
    def the_keys_are_as_the_model_has_them(self) -> None:
        view = lookup.collector(self.receiver.store, self.receiver.workspace_id, self.spool.collector_id)
        assert {one.key.public.key_id: one.key.state for one in view.keys} == self.keys
        assert sum(state is KeyState.ACTIVE for state in self.keys.values()) == 1


TestRotationModel = RotationModel.TestCase
TestRotationModel.settings = settings(
    max_examples=30,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
