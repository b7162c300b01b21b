"""Revocations on a real database: what they hold, from when, and how two people let it count again."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from receiver import access, enrol, fsck, lookup, release, revoke
from receiver.caller import Caller, operator
from receiver.core.impact import Effect
from receiver.core.placing import Status
from receiver.core.revocation import Asked, Loss, What
from receiver.core.tokens import Kind, Scope
from receiver.lookup import CollectorStatus, Filters
from receiver.release import Wanted
from receiver.store import register
from receiver.store.schema import METADATA
from shared import dsse
from shared.errors import CarnetError, Code, MalformedError, StateError, UntrustedError
from shared.keyring import open_keyring
from shared.predicates import Person, Revocation
from tests.helpers import build, build_acts
from tests.helpers.build_acts import ALICE, BOB
from tests.helpers.databases import Databases
from tests.helpers.fleet import NOW, Receiver, Spool, make_receiver, told

HOUR = timedelta(hours=1)
ACCEPTED = ("accepted", None)
REVOKED = ("held", "key_revoked")


@pytest.fixture
def receiver(tmp_path: Path, databases: Databases) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=databases)
    yield made
    made.store.close()


def stands(receiver: Receiver, entry: bytes) -> tuple[str, str | None]:
    """How an entry stands now, as every read gives it."""
    found = lookup.attestation(receiver.store, receiver.workspace_id, dsse.parse(entry).id)
    return found.standing.status.value, None if found.standing.code is None else found.standing.code.value


def end(
    receiver: Receiver, what: What, named: str, kind: Loss = Loss.COMPROMISED, since: datetime | None = None
) -> Effect:
    asked = Asked(what, named, kind, since, "as ticket 17 says")
    by = operator(receiver.audience)
    return revoke.revoke(receiver.store, receiver.signers, asked, by, receiver.now, receiver.random)


def let_go(receiver: Receiver, *entries: bytes, by: tuple[Person, Person] = (ALICE, BOB)) -> release.Released:
    wanted = Wanted(tuple(dsse.parse(one).id for one in entries), None, "looked at by both")
    return release.release(receiver.store, receiver.signers, wanted, by, receiver.now, receiver.random)


def take_back(receiver: Receiver, number: int | None) -> release.Released:
    wanted = Wanted((), number, "it was in the drawer")
    return release.release(receiver.store, receiver.signers, wanted, (ALICE, BOB), receiver.now, receiver.random)


def delivered(receiver: Receiver, count: int = 3) -> tuple[Spool, Caller, list[bytes]]:
    """A collector, and entries of it that came now."""
    spool, caller = receiver.enrol()
    entries = spool.entries(count)
    assert told(receiver.take(caller, "first", entries)) == [ACCEPTED] * count
    return spool, caller, entries


def rows(receiver: Receiver) -> list[object]:
    return receiver.store.read(
        lambda tx: [tuple(row) for table in METADATA.sorted_tables for row in tx.execute(select(table))]
    )


# --- from when ---


def test_what_was_received_since_is_held_whatever_time_it_claims(receiver: Receiver) -> None:
    """F48: a thief writes an old time; the receiver's clock decides."""
    spool, caller, before = delivered(receiver)
    receiver.now = NOW + 2 * HOUR
    backdated = spool.entry(observed_at=NOW - timedelta(days=30))
    assert told(receiver.take(caller, "second", [backdated])) == [ACCEPTED]
    receiver.now = NOW + 3 * HOUR
    done = end(receiver, What.KEY, spool.key.public.key_id, since=NOW + HOUR)
    assert [stands(receiver, one) for one in before] == [ACCEPTED] * 3
    assert stands(receiver, backdated) == REVOKED
    assert (done.untrusted, done.untrusted_total, done.stays_good) == ((dsse.parse(backdated).id,), 1, 3)
    late = spool.entry(observed_at=NOW - timedelta(days=30))
    assert told(receiver.take(caller, "third", [late])) == [REVOKED]
    assert stands(receiver, late) == REVOKED
    assert fsck.check(receiver.store) == []


def test_always_holds_everything_and_lost_nothing_that_came_before(receiver: Receiver) -> None:
    spool, caller, before = delivered(receiver)
    receiver.now = NOW + HOUR
    assert end(receiver, What.KEY, spool.key.public.key_id, Loss.LOST).untrusted_total == 0
    after = spool.entry()
    assert told(receiver.take(caller, "late", [after])) == [REVOKED]
    assert [stands(receiver, one) for one in (*before, after)] == [ACCEPTED] * 3 + [REVOKED]
    receiver.now = NOW + 2 * HOUR
    wider = end(receiver, What.KEY, spool.key.public.key_id)
    assert (wider.untrusted_total, wider.stays_good) == (3, 0)
    assert [stands(receiver, one) for one in before] == [REVOKED] * 3
    # A narrower one says nothing new.
    assert end(receiver, What.KEY, spool.key.public.key_id, since=NOW).revocation == wider.revocation
    assert fsck.check(receiver.store) == []


def test_what_a_later_entry_leads_to_was_received_when_that_was(receiver: Receiver) -> None:
    """The chain shows that 1 to 3 were there before 4 was received; what stands above a hole shows nothing."""
    spool, caller = receiver.enrol()
    entries = spool.entries(7)
    receiver.take(caller, "early", [entries[0], entries[4]])
    receiver.now = NOW + 2 * HOUR
    receiver.take(caller, "late", entries[2:4])
    receiver.now = NOW + 3 * HOUR
    end(receiver, What.COLLECTOR, spool.collector_id, since=NOW + HOUR)
    assert [stands(receiver, one) for one in entries[2:5]] == [ACCEPTED] * 3
    # Those that come after the revocation are held in the receipt, and shown to be good by the same chain.
    assert told(receiver.take(caller, "last", [entries[1], *entries[5:]])) == [REVOKED] * 3
    assert [stands(receiver, one) for one in entries] == [ACCEPTED] * 5 + [REVOKED] * 2
    assert fsck.check(receiver.store) == []


def test_a_hole_in_the_chain_shows_nothing_until_it_is_filled(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    entries = spool.entries(4)
    receiver.take(caller, "early", [entries[0], entries[3]])
    receiver.now = NOW + 2 * HOUR
    receiver.take(caller, "late", [entries[1]])
    end(receiver, What.KEY, spool.key.public.key_id, since=NOW + HOUR)
    assert stands(receiver, entries[1]) == REVOKED
    receiver.take(caller, "filled", [entries[2]])
    assert [stands(receiver, one) for one in entries] == [ACCEPTED] * 4


def test_a_branch_that_parts_from_the_chain_is_not_shown_by_it(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    entries = spool.entries(3)
    receiver.take(caller, "early", [entries[0], entries[2]])
    receiver.now = NOW + 2 * HOUR
    forged = spool.entry(spool.link(1, dsse.parse(entries[0]).id))
    end(receiver, What.KEY, spool.key.public.key_id, since=NOW + HOUR)
    receiver.take(caller, "late", [forged])
    assert stands(receiver, forged) == REVOKED


# --- whom ---


def turn(receiver: Receiver, caller: Caller, spool: Spool, seed: int, batch_id: str) -> list[tuple[str, str | None]]:
    """Rotate a spool's key; gives what became of the rotation."""
    new = build.signer(seed)
    link = spool.link(spool.next_sequence, spool.last_id)
    signed = build_acts.key_rotation_envelope(
        spool.key,
        new,
        link,
        audience=spool.audience,
        collector=build.collected().collector.model_copy(update={"id": spool.collector_id}),
        salt=spool.random(16).hex(),
    )
    spool.next_sequence, spool.last_id, spool.key = spool.next_sequence + 1, signed.id, new
    return told(receiver.take(caller, batch_id, [signed.to_bytes()]))


def test_a_thiefs_rotation_does_not_outlive_the_revocation(receiver: Receiver) -> None:
    spool, caller, before = delivered(receiver)
    stolen = spool.key.public.key_id
    receiver.now = NOW + 2 * HOUR
    assert turn(receiver, caller, spool, 71, "turn") == [ACCEPTED]
    assert turn(receiver, caller, spool, 72, "turn-again") == [ACCEPTED]
    false = spool.entry()
    assert told(receiver.take(caller, "false", [false])) == [ACCEPTED]
    receiver.now = NOW + 3 * HOUR
    done = end(receiver, What.KEY, stolen, since=NOW + HOUR)
    assert set(done.keys) == {stolen, *(build.signer(seed).public.key_id for seed in (71, 72))}
    assert stands(receiver, false) == REVOKED
    assert [stands(receiver, one) for one in before] == [ACCEPTED] * 3
    assert told(receiver.take(caller, "more", [spool.entry()])) == [REVOKED]
    with pytest.raises(UntrustedError):
        receiver.let_in(spool)


def test_what_a_revoked_key_introduces_never_was_good(receiver: Receiver) -> None:
    spool, caller, _ = delivered(receiver)
    receiver.now = NOW + HOUR
    done = end(receiver, What.KEY, spool.key.public.key_id, Loss.LOST)
    assert turn(receiver, caller, spool, 71, "turn") == [REVOKED]
    false = spool.entry()
    assert told(receiver.take(caller, "false", [false])) == [REVOKED]
    take_back(receiver, done.revocation)
    end(receiver, What.COLLECTOR, spool.collector_id, Loss.LOST)
    assert stands(receiver, false) == REVOKED
    let_go(receiver, false)
    assert stands(receiver, false) == ACCEPTED
    assert fsck.check(receiver.store) == []


def test_what_a_lost_or_retired_key_had_introduced_before_goes_on(receiver: Receiver) -> None:
    spool, caller, _ = delivered(receiver)
    old = spool.key.public.key_id
    assert turn(receiver, caller, spool, 71, "turn") == [ACCEPTED]
    receiver.now = NOW + HOUR
    for kind, since in ((Loss.LOST, None), (Loss.COMPROMISED, NOW + timedelta(minutes=30))):
        assert end(receiver, What.KEY, old, kind, since).keys == (old,)
    good = spool.entry()
    assert told(receiver.take(receiver.let_in(spool), "go-on", [good])) == [ACCEPTED]
    assert stands(receiver, good) == ACCEPTED


def test_a_collector_ends_with_its_keys_access_and_invitations(receiver: Receiver) -> None:
    spool, _, before = delivered(receiver)
    waiting = receiver.invite("ci-01")
    other, others = receiver.enrol(2)
    receiver.now = NOW + timedelta(minutes=10)
    done = end(receiver, What.COLLECTOR, spool.collector_id, Loss.LOST)
    assert (done.tokens, done.invitations) == (1, 2)
    view = lookup.collector(receiver.store, receiver.workspace_id, spool.collector_id)
    assert (view.collector.status, {one.key.state.value for one in view.keys}) == (CollectorStatus.REVOKED, {"revoked"})
    with pytest.raises(UntrustedError):
        receiver.let_in(spool)
    body = receiver.enrol_request(waiting, build.signer(9), "ci-01")
    with pytest.raises(UntrustedError):
        enrol.enrol(receiver.store, receiver.signers, waiting, body, receiver.now, receiver.random)
    assert told(receiver.take(others, "other", other.entries(1))) == [ACCEPTED]
    assert [stands(receiver, one) for one in before] == [ACCEPTED] * 3
    assert end(receiver, What.COLLECTOR, spool.collector_id, Loss.LOST).revocation == done.revocation
    assert fsck.check(receiver.store) == []


def test_a_revocation_is_one_signed_statement_that_anyone_can_check(receiver: Receiver) -> None:
    spool, _, _ = delivered(receiver)
    done = end(receiver, What.KEY, spool.key.public.key_id, since=NOW - HOUR)
    assert done.revocation is not None
    number = done.revocation
    found = lookup.keyring(receiver.store, receiver.workspace_id)
    keyring = open_keyring(dsse.parse(found.versions[-1]), receiver.root.public, receiver.audience)
    raw = receiver.store.read(lambda tx: register.envelope_at(tx, receiver.workspace_id, number))
    said = keyring.verify(dsse.parse(raw)).as_(Revocation)
    assert (said.what, said.id, said.kind, said.since) == ("key", spool.key.public.key_id, "compromised", NOW - HOUR)
    assert (said.keys, said.by, said.register_.number) == ((said.id,), operator(receiver.audience), number)


# --- dry run ---


def test_a_dry_run_gives_the_same_answer_and_changes_no_row(receiver: Receiver) -> None:
    spool, caller, _ = delivered(receiver, 5)
    receiver.now = NOW + HOUR
    seen = {"id": spool.stream_id, "epoch": build.EPOCH, "high_water": 9}
    beat = spool.heartbeat(stream=seen, spool={"depth": 3, "oldest_seconds": 9})
    receiver.take(caller, "second", spool.entries(2), beat)
    before = rows(receiver)
    asked = Asked(What.KEY, spool.key.public.key_id, Loss.COMPROMISED, NOW + timedelta(minutes=1), "as ticket 17 says")
    told_before = revoke.impact(receiver.store, receiver.workspace_id, asked, receiver.now)
    assert rows(receiver) == before
    done = end(receiver, What.KEY, spool.key.public.key_id, since=NOW + timedelta(minutes=1))
    assert (told_before.untrusted_total, told_before.stays_good, told_before.never_delivered_at_most) == (2, 5, 3)
    assert told_before.repositories.items == ("acme/checkout-api",)
    assert told_before.commits.items == (build.COMMIT,)
    assert (told_before.runs.items, told_before.offered_since) == (("4711",), receiver.now)
    assert told_before.untrusted == done.untrusted
    for name in ("untrusted_total", "stays_good", "never_delivered_at_most", "keys", "asked", "tokens"):
        assert getattr(told_before, name) == getattr(done, name), name


def test_what_is_asked_for_badly_or_is_not_here_is_refused_in_words(receiver: Receiver) -> None:
    spool, _, _ = delivered(receiver)
    key, before = spool.key.public.key_id, rows(receiver)
    asked: tuple[tuple[Asked, type[CarnetError], str], ...] = (
        (Asked(What.KEY, key, Loss.LOST, NOW, "x"), MalformedError, "ends now"),
        (Asked(What.KEY, key, Loss.COMPROMISED, NOW + HOUR, "x"), MalformedError, "not come yet"),
        (Asked(What.KEY, key, Loss.LOST, None, ""), MalformedError, "reason"),
        (Asked(What.KEY, build.digest("other"), Loss.LOST, None, "x"), StateError, "no such key"),
        (Asked(What.COLLECTOR, "col_other", Loss.LOST, None, "x"), StateError, "no such collector"),
        (Asked(What.TOKEN, "tok_other", Loss.LOST, None, "x"), StateError, "no such token"),
    )
    for one, error, words in asked:
        with pytest.raises(error, match=words):
            revoke.revoke(receiver.store, receiver.signers, one, ALICE, NOW, receiver.random)
    assert rows(receiver) == before


# --- release and taking back ---


def test_two_different_people_release_what_is_held_and_nobody_alone(receiver: Receiver) -> None:
    spool, _, entries = delivered(receiver)
    end(receiver, What.KEY, spool.key.public.key_id)
    viewer = ALICE.model_copy(update={"subject": "eve@acme.example", "role": "viewer"})
    for pair in ((ALICE, ALICE), (ALICE, viewer)):
        with pytest.raises(UntrustedError) as refused:
            let_go(receiver, entries[0], by=pair)
        assert refused.value.code is Code.FORBIDDEN
    assert stands(receiver, entries[0]) == REVOKED
    done = let_go(receiver, entries[0])
    assert [stands(receiver, one) for one in entries] == [ACCEPTED, REVOKED, REVOKED]
    found = lookup.attestation(receiver.store, receiver.workspace_id, dsse.parse(entries[0]).id)
    assert found.standing.released_by == done.number
    assert let_go(receiver, entries[0]).number == done.number
    with pytest.raises(StateError, match="not held"):
        let_go(receiver, entries[0], entries[1])
    assert fsck.check(receiver.store) == []


def test_a_revocation_that_comes_after_a_release_holds_anew(receiver: Receiver) -> None:
    spool, _, entries = delivered(receiver)
    receiver.now = NOW + HOUR
    end(receiver, What.KEY, spool.key.public.key_id, since=NOW)
    let_go(receiver, entries[0])
    end(receiver, What.KEY, spool.key.public.key_id)
    assert stands(receiver, entries[0]) == REVOKED


def test_a_revocation_that_is_taken_back_leaves_everything_as_it_was(receiver: Receiver) -> None:
    spool, caller, entries = delivered(receiver)
    done = end(receiver, What.COLLECTOR, spool.collector_id)
    late = spool.entry()
    assert told(receiver.take(caller, "late", [late])) == [REVOKED]
    back = take_back(receiver, done.revocation)
    assert [stands(receiver, one) for one in (*entries, late)] == [ACCEPTED] * 4
    view = lookup.collector(receiver.store, receiver.workspace_id, spool.collector_id)
    assert (view.collector.status, [one.key.state.value for one in view.keys]) == (CollectorStatus.ACTIVE, ["active"])
    assert told(receiver.take(receiver.let_in(spool), "go-on", spool.entries(1))) == [ACCEPTED]
    assert take_back(receiver, done.revocation).number == back.number
    assert fsck.check(receiver.store) == []


def test_what_is_held_for_more_than_its_key_stays_held_when_that_is_good_again(receiver: Receiver) -> None:
    spool, caller, entries = delivered(receiver)
    done = end(receiver, What.KEY, spool.key.public.key_id)
    parted = spool.entry(spool.link(1, dsse.parse(entries[0]).id))
    assert told(receiver.take(caller, "fork", [parted])) == [REVOKED]
    take_back(receiver, done.revocation)
    assert stands(receiver, parted) == ("held", "forked")
    let_go(receiver, parted)
    assert stands(receiver, parted) == ACCEPTED


# --- lists ---


def test_lists_by_status_go_by_how_things_stand_now(receiver: Receiver) -> None:
    spool, _, entries = delivered(receiver, 7)
    other, others = receiver.enrol(2)
    good = other.entries(2)
    receiver.take(others, "good", good)
    end(receiver, What.KEY, spool.key.public.key_id)
    let_go(receiver, entries[3])

    def listed(status: Status) -> list[bytes]:
        found: list[bytes] = []
        cursor = None
        while True:
            page = lookup.attestations(receiver.store, receiver.workspace_id, Filters(status=status), 2, cursor)
            found += [one.row.id for one in page.items]
            assert all(one.standing.status is status for one in page.items)
            cursor = page.next_cursor
            if cursor is None:
                return found

    ids = [dsse.parse(one).id for one in entries]
    assert listed(Status.HELD) == [one for one in reversed(ids) if one != ids[3]]
    assert listed(Status.ACCEPTED) == [dsse.parse(one).id for one in reversed(good)] + [ids[3]]


# --- what is stored ---

ALTERED = (
    "DELETE FROM revoked_keys",
    "DELETE FROM releases",
    "UPDATE revocations SET since = since - 1",
    "UPDATE revocations SET kind = 'lost'",
    "UPDATE revoked_keys SET key_id = zeroblob(32)",
    "UPDATE releases SET released_at = released_at + 1",
    "UPDATE releases SET id = zeroblob(32)",
    "UPDATE taken_back SET number = 4",
    "UPDATE collector_keys SET state = 'active'",
    "UPDATE collectors SET status = 'active'",
)


@pytest.mark.parametrize("change", ALTERED)
def test_a_row_that_is_not_what_was_signed_is_found(tmp_path: Path, change: str) -> None:
    receiver = make_receiver(tmp_path)
    try:
        spool, _, entries = delivered(receiver)
        end(receiver, What.COLLECTOR, spool.collector_id, since=NOW)
        other, _ = receiver.enrol(2)
        take_back(receiver, end(receiver, What.COLLECTOR, other.collector_id).revocation)
        let_go(receiver, entries[0])
        assert fsck.check(receiver.store) == []
        with receiver.behind_its_back() as database:
            assert database.execute(change).rowcount > 0
        assert fsck.check(receiver.store)
    finally:
        receiver.store.close()


def test_what_was_released_is_held_anew_by_whoever_revokes_again(receiver: Receiver) -> None:
    spool, _, entries = delivered(receiver)
    receiver.now = NOW + HOUR
    first = end(receiver, What.KEY, spool.key.public.key_id)
    let_go(receiver, entries[0])
    assert stands(receiver, entries[0]) == ACCEPTED
    again = end(receiver, What.KEY, spool.key.public.key_id)
    assert (first.revocation or 0) < (again.revocation or 0)
    assert stands(receiver, entries[0]) == REVOKED
    assert end(receiver, What.KEY, spool.key.public.key_id).revocation == again.revocation


def test_a_key_that_nobody_confirmed_is_not_good_by_a_revocation_that_was_taken_back(receiver: Receiver) -> None:
    key = build.signer(333)
    token = receiver.invite("ci-33", approve=False)
    answer = enrol.enrol(
        receiver.store, receiver.signers, token, receiver.enrol_request(token, key, "ci-33"), NOW, receiver.random
    )
    issued = access.issue(
        receiver.store,
        receiver.workspace_id,
        Kind.API_KEY,
        [Scope.COLLECTOR_WRITE],
        "x",
        NOW,
        receiver.random,
        collector_id=answer.collector_id,
    )
    caller = access.authenticate(receiver.store, issued.token, NOW)
    spool = Spool(receiver.audience, key, answer.collector_id)
    entry = spool.entry()
    assert told(receiver.take(caller, "a", [entry])) == [("refused", "unknown_key")]
    done = end(receiver, What.COLLECTOR, answer.collector_id)
    receiver.take(caller, "b", [entry])
    take_back(receiver, done.revocation)
    shown = lookup.attestations(receiver.store, receiver.workspace_id, Filters(), 10).items
    assert [one.standing.status.value for one in shown] in ([], ["held"])
