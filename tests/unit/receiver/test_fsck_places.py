"""fsck finds a place, key, collector or token that stands otherwise than what was signed and told makes it stand."""

# ruff: noqa: S608 - the statements are made of the tables below

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from receiver import fsck
from receiver.core.revocation import Loss, What
from receiver.store import streams
from shared import dsse
from shared.predicates import Limits
from tests.helpers import build
from tests.helpers.fleet import NOW, Receiver, make_receiver, told
from tests.helpers.held import ACCEPTED, FORKED, HOUR, end, let_go, stands, take_back

GOOD = "(SELECT stream_id FROM rotations)"
FORK = "(SELECT stream_id FROM streams WHERE forked_from IS NOT NULL)"
ALTERED = (
    ("places", "previous = NULL", f"stream_id = {GOOD} AND sequence = 1", "its place names another one before it"),
    ("places", "previous = zeroblob(32)", f"stream_id = {GOOD} AND sequence = 4", "its place names another one before"),
    ("places", "id = zeroblob(32)", f"stream_id = {GOOD} AND sequence = 5", "what stands at sequence 5 is not here"),
    ("places", "first_covered = NULL", "stored = 0", "what stands at sequence 0 is not here"),
    ("places", "id = zeroblob(32)", "stored = 0", "none refused "),
    ("places", "stream_id = zeroblob(16)", "stored = 0", "its mark is 0, its places say -1"),
    ("collector_keys", "state = 'revoked'", "state = 'retired'", " is revoked, what was signed makes it retired"),
    ("collector_keys", "added_at = 1", "introduced_by IS NOT NULL", "was registered at another time"),
    ("collector_keys", "added_at = 1", "introduced_by IS NULL", "was registered at another time"),
    ("collectors", "status = 'revoked'", "name = 'ci-01'", "it is revoked, what was signed makes it active"),
    ("collectors", "status = 'active'", "status = 'revoked'", "it is active, what was signed makes it revoked"),
    ("streams", "forked_from = 0", f"stream_id = {GOOD}", "it is said to part at sequence 0, and nothing there does"),
    ("streams", "forked_from = 2", f"stream_id = {FORK}", "it parts elsewhere than the audit trail tells"),
    ("streams", "forked_after = 0", f"stream_id = {FORK}", "it parts elsewhere than the audit trail tells"),
    ("streams", "forked_after = NULL", f"stream_id = {FORK}", "it parts elsewhere than the audit trail tells"),
    ("streams", "forked_after = 99", f"stream_id = {GOOD}", "it is said when it was found to part, and not where"),
    ("tokens", "revoked_at = NULL", "kind = 'ca_hour_'", "which it ended, is not revoked"),
    ("tokens", "revoked_at = NULL", "kind = 'ce_once_'", "which it ended, is not revoked"),
)


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Receiver:
    """A key that was turned; an entry that was refused; a stream that parts and a release; a collector that ended."""
    receiver = make_receiver(tmp_path_factory.mktemp("healthy"))
    spool, caller = receiver.enrol(1)
    receiver.now = NOW + HOUR / 2
    receiver.take(caller, "a", [*spool.entries(4), spool.rotate(build.signer(71)), *spool.entries(2)])
    refused, caller = receiver.enrol(2, Limits(repositories=("nobody/*",)))
    assert told(receiver.take(caller, "b", refused.entries(1))) == [("refused", "outside_limits")]
    forked, caller = receiver.enrol(3)
    entries = forked.entries(3)
    receiver.take(caller, "c", entries)
    done = end(receiver, What.KEY, forked.key.public.key_id)
    let_go(receiver, entries[2])
    take_back(receiver, done.revocation)
    branch = forked.entry(forked.link(1, dsse.parse(entries[0]).id))
    receiver.take(receiver.let_in(forked), "d", [branch])
    assert stands(receiver, *entries) == [ACCEPTED, FORKED, FORKED]
    ended, _ = receiver.enrol(4)
    end(receiver, What.COLLECTOR, ended.collector_id, Loss.LOST)
    receiver.store.close()
    return receiver


@pytest.fixture
def receiver(healthy: Receiver, tmp_path: Path) -> Iterator[Receiver]:
    copy = healthy.copied(tmp_path / "copy")
    yield copy
    copy.store.close()


def test_places_as_they_were_signed_have_no_findings(receiver: Receiver) -> None:
    assert fsck.check(receiver.store) == []


def test_what_stands_otherwise_than_it_was_signed_is_found(receiver: Receiver, tmp_path: Path) -> None:
    receiver.store.close()
    kept = shutil.copy(receiver.path, tmp_path / "kept")
    for table, to, where, problem in ALTERED:
        with receiver.behind_its_back() as database:
            assert database.execute(f"UPDATE {table} SET {to} WHERE {where}").rowcount >= 1, (table, to)
        found = [one.problem for one in fsck.check(receiver.store)]
        assert any(problem in one for one in found), (table, to, found)
        receiver.store.close()
        shutil.copy(kept, receiver.path)


def test_more_runs_of_places_than_a_query_takes_are_asked_for_in_portions(receiver: Receiver) -> None:
    spots = [(os.urandom(16), 5) for _ in range(1500)]
    assert receiver.store.read(lambda tx: streams.known_places(tx, receiver.workspace_id, spots)) == {}
