"""A rotation that was held in a fork counts once that fork is gone and two people release it; the collector goes on."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from receiver import fsck, lookup
from receiver.caller import Caller
from receiver.core.admit import KeyState
from receiver.core.revocation import What
from shared import dsse
from shared.bundle import parse_bundle
from shared.encoding import digest_text
from shared.errors import MalformedError, StateError, UntrustedError
from shared.judging.replay import differences, replay
from shared.keys import Ed25519Signer
from shared.verify import authenticate
from tests.helpers import build
from tests.helpers.asking import Asker, about
from tests.helpers.databases import Databases, SqliteDatabases
from tests.helpers.fleet import Receiver, Spool, make_receiver, told
from tests.helpers.held import ACCEPTED, FORKED, HOUR, RETIRED, REVOKED, end, let_go, stands, take_back

SECOND, THIRD, FOURTH = build.signer(71), build.signer(72), build.signer(73)
A, R, E = KeyState.ACTIVE, KeyState.RETIRED, KeyState.REVOKED


class Line:
    """A thief's entry is first in the stream, the honest backlog behind a rotation parts it, and the host rotates."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.spool, self.caller = receiver.enrol()
        self.first = self.spool.key.public.key_id
        thief = replace(self.spool)
        assert self.take(thief.entry()) == [ACCEPTED]
        entries = self.spool.entries(2)
        receiver.now += HOUR
        assert self.take(self.spool.rotate(SECOND)) == [ACCEPTED]
        receiver.now += HOUR
        self.since = receiver.now
        assert self.take(entries[1]) == [RETIRED]
        self.turn, self.behind = self.spool.rotate(THIRD), self.spool.entry()
        assert self.take(self.turn, self.behind) == [FORKED, REVOKED]
        receiver.now += HOUR

    def take(self, *entries: bytes) -> list[tuple[str, str | None]]:
        batch = dsse.parse(entries[0]).id.hex()[:12]
        return told(self.receiver.take(self.caller, batch, list(entries)))

    def elsewhere(self, key: Ed25519Signer) -> Spool:
        """Another stream of the collector, under one of its keys."""
        return Spool(self.spool.audience, key, self.spool.collector_id, self.spool.random, "d4" * 16)

    def mend(self) -> int | None:
        return end(self.receiver, What.KEY, self.first, since=self.since).revocation

    def keys(self) -> list[KeyState]:
        view = lookup.collector(self.receiver.store, self.receiver.workspace_id, self.spool.collector_id)
        found = {one.key.public.key_id: one.key.state for one in view.keys}
        return [found[one.public.key_id] for one in (SECOND, THIRD)]


def parted(folder: Path, databases: Databases) -> Iterator[Line]:
    receiver = make_receiver(folder, databases=databases)
    yield Line(receiver)
    assert fsck.check(receiver.store) == []
    receiver.store.close()


@pytest.fixture
def on_either(tmp_path: Path, databases: Databases) -> Iterator[Line]:
    yield from parted(tmp_path, databases)


@pytest.fixture
def line(tmp_path: Path, sqlite_databases: SqliteDatabases) -> Iterator[Line]:
    yield from parted(tmp_path, sqlite_databases)


def let_in(line: Line) -> Caller:
    return line.receiver.let_in(line.spool)


def test_a_held_rotation_is_released_once_nothing_parts_its_stream_and_the_host_goes_on(on_either: Line) -> None:
    with pytest.raises(StateError, match="stream parts"):
        let_go(on_either.receiver, on_either.turn)
    taken_back = on_either.mend()
    assert on_either.keys() == [A, E]
    with pytest.raises(UntrustedError):
        let_in(on_either)
    done = let_go(on_either.receiver, on_either.turn)
    assert let_go(on_either.receiver, on_either.turn) == done, "once"
    assert on_either.keys() == [R, A]
    assert stands(on_either.receiver, on_either.behind) == [ACCEPTED]
    assert let_in(on_either).collector_id == on_either.spool.collector_id
    more, elsewhere = on_either.spool.entry(), on_either.elsewhere(THIRD).entry()
    assert on_either.take(elsewhere) == [ACCEPTED]
    turned, last = on_either.spool.rotate(FOURTH), on_either.spool.entry()
    assert on_either.take(more, turned, last) == [ACCEPTED] * 3
    assert fsck.check(on_either.receiver.store) == []
    take_back(on_either.receiver, taken_back)
    assert {one for one, _ in stands(on_either.receiver, on_either.behind, more, elsewhere, last)} == {"held"}


def test_whoever_verifies_a_passport_offline_believes_what_the_new_key_signed_then(line: Line) -> None:
    receiver, asker = line.receiver, Asker(line.receiver, about(line.behind))
    named, behind = (digest_text(dsse.parse(one).id) for one in (line.turn, line.behind))
    line.mend()
    found = []
    for _ in range(2):
        bundle = parse_bundle(asker.bundle(asker.ask()))
        authentic = authenticate(bundle, receiver.root.public.key_id)
        assert differences(authentic.passport.verdict, replay(bundle, authentic)) == ()
        held = {one.id: one.held for one in (*authentic.passport.inputs, *authentic.passport.rotations)}
        found.append((held[named], held[behind]))
        if len(found) == 1:
            let_go(receiver, line.turn)
            receiver.now += HOUR
    assert found == [("forked", "key_revoked"), (None, None)]


def test_a_rotation_is_released_by_itself(line: Line) -> None:
    line.mend()
    with pytest.raises(MalformedError, match="one at a time"):
        let_go(line.receiver, line.turn, line.behind)
    assert line.keys() == [A, E]


def test_a_key_that_was_revoked_meanwhile_is_brought_back_by_no_release(line: Line) -> None:
    line.mend()
    end(line.receiver, What.KEY, THIRD.public.key_id)
    with pytest.raises(StateError, match="revoked"):
        let_go(line.receiver, line.turn)


def test_nothing_is_released_of_which_the_older_key_is_good_no_more(line: Line) -> None:
    line.mend()
    end(line.receiver, What.KEY, SECOND.public.key_id)
    with pytest.raises(StateError, match="revoked"):
        let_go(line.receiver, line.turn)


def test_where_the_older_key_signed_on_in_another_stream_the_host_is_enrolled_anew(line: Line) -> None:
    line.mend()
    assert line.take(line.elsewhere(SECOND).entry()) == [ACCEPTED]
    with pytest.raises(StateError, match="another stream"):
        let_go(line.receiver, line.turn)


def test_a_rotation_that_is_held_for_its_key_is_never_released(line: Line) -> None:
    turn = line.spool.rotate(FOURTH)
    assert line.take(turn) == [REVOKED]
    line.mend()
    with pytest.raises(StateError, match="key_revoked"):
        let_go(line.receiver, turn)


@pytest.mark.parametrize("what", ["collector", "older key", "newer key"])
def test_what_was_revoked_and_taken_back_before_is_still_as_it_was_then(line: Line, what: str) -> None:
    """The rotation's key was good for nothing when that was revoked, and is good now: both are on record."""
    line.mend()
    named = {
        "collector": (What.COLLECTOR, line.spool.collector_id),
        "older key": (What.KEY, SECOND.public.key_id),
        "newer key": (What.KEY, THIRD.public.key_id),
    }[what]
    receiver = line.receiver
    for _ in range(2):
        receiver.now += HOUR
        ended = end(receiver, *named).revocation
        receiver.now += HOUR
        take_back(receiver, ended)
        if stands(receiver, line.behind) != [ACCEPTED]:
            let_go(receiver, line.turn)
        assert fsck.check(receiver.store) == []
    assert stands(receiver, line.behind) == [ACCEPTED]
