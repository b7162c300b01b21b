"""A collector's key turns over: nothing is lost, nothing is refused that was good, and nobody else's key comes in."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from receiver import collector_access, fsck, lookup, streams
from receiver.caller import Caller
from receiver.core.admit import Judged, KeyState, examine_all
from receiver.core.admit import Sender as Registered
from receiver.core.tokens import Scope
from receiver.store import audit
from receiver.store.collectors import CollectorKey
from shared import dsse
from shared.dsse import Envelope, Signature
from shared.encoding import b64encode, sha256
from shared.errors import Code, UntrustedError
from shared.joining import emit_access
from shared.keys import SPKI_PREFIX, Ed25519Signer
from shared.predicates import KEY_ROTATION
from shared.statement import payload, subject_sha256
from shared.wire import emit_batch
from tests.helpers import build, build_acts
from tests.helpers.databases import Databases
from tests.helpers.fleet import Receiver, Spool, make_receiver, results, told
from tests.helpers.receiving import Sender, serving

NEW, THIRD, FOURTH = build.signer(9), build.signer(10), build.signer(11)
ACCEPTED, DUPLICATE = ("accepted", None), ("duplicate", None)
RETIRED, REVOKED = ("held", "key_retired"), ("held", "key_revoked")
UNKNOWN, MALFORMED = ("refused", "unknown_key"), ("refused", "malformed_statement")


@pytest.fixture
def receiver(tmp_path: Path, databases: Databases) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=databases)
    yield made
    assert fsck.check(made.store) == []
    made.store.close()


def keys(receiver: Receiver, spool: Spool) -> dict[str, CollectorKey]:
    view = lookup.collector(receiver.store, receiver.workspace_id, spool.collector_id)
    return {one.key.public.key_id: one for one in view.keys}


def key_states(receiver: Receiver, spool: Spool, *signers: Ed25519Signer) -> list[KeyState | None]:
    found = keys(receiver, spool)
    rows = [found.get(one.public.key_id) for one in signers]
    return [None if row is None else row.key.state for row in rows]


def test_a_batch_carries_the_rotation_between_what_the_old_key_signed_and_what_the_new_one_does(
    receiver: Receiver,
) -> None:
    spool, caller = receiver.enrol()
    old = spool.key
    before = spool.entries(2)
    turn = spool.rotate(NEW)
    answer = receiver.take(caller, "b", [*before, turn, *spool.entries(12)], spool.heartbeat())
    assert told(answer) == [ACCEPTED] * 15
    assert key_states(receiver, spool, old, NEW) == [KeyState.RETIRED, KeyState.ACTIVE]
    row, new = (keys(receiver, spool)[one.public.key_id] for one in (old, NEW))
    assert (row.key.retired_from, row.key.retired_stream) == (2, bytes.fromhex(spool.stream_id))
    assert (row.introduced_by, new.introduced_by) == (None, old.public.key_id)
    (stream,) = streams.of_collector(receiver.store, receiver.workspace_id, spool.collector_id, receiver.now)
    assert (stream.mark, stream.head, stream.beat) == (14, 14, 1)
    assert lookup.envelope(receiver.store, receiver.workspace_id, dsse.parse(turn).id) == turn


def test_the_rotation_is_told_to_the_audit_trail(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    old = spool.key.public.key_id
    turn = spool.rotation(NEW)
    receiver.take(caller, "b", [turn.to_bytes(), turn.to_bytes()])
    rows = receiver.store.read(lambda tx: [row.act for row in audit.rows(tx, receiver.workspace_id)])
    (act,) = [act for act in rows if act.action == "collector.rotate"]
    assert act.actor == spool.collector_id
    assert act.detail == {
        "rotation": "sha256:" + turn.id.hex(),
        "oldKeyId": old,
        "newKeyId": NEW.public.key_id,
        "stream": spool.stream_id,
        "sequence": 0,
        "status": "accepted",
    }


def test_the_old_key_is_good_below_the_rotation_in_that_stream_and_for_nothing_else(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    late = spool.entries(3)
    old = Spool(spool.audience, spool.key, spool.collector_id, spool.random, spool.stream_id, 3, spool.last_id)
    other_stream = Spool(spool.audience, spool.key, spool.collector_id, spool.random, "c3" * 16)
    turn = spool.rotate(NEW)
    assert told(receiver.take(caller, "a", [turn])) == [ACCEPTED]
    receiver.now += timedelta(days=30)
    later = receiver.let_in(spool)
    assert told(receiver.take(later, "b", [other_stream.entry(), *late[1:]])) == [RETIRED, ACCEPTED, ACCEPTED]
    assert told(receiver.take(later, "c", [old.entry(old.link(4, dsse.parse(turn).id))])) == [RETIRED]
    assert told(receiver.take(later, "d", [late[0]])) == [ACCEPTED]


def test_what_arrives_before_its_rotation_is_accepted_when_it_is_sent_again(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    first, turn, second = spool.entry(), spool.rotate(NEW), spool.entry()
    assert told(receiver.take(caller, "a", [second, first])) == [UNKNOWN, ACCEPTED]
    assert told(receiver.take(caller, "b", [second, turn])) == [UNKNOWN, ACCEPTED]
    assert told(receiver.take(caller, "c", [turn, second])) == [DUPLICATE, ACCEPTED]
    (stream,) = streams.of_collector(receiver.store, receiver.workspace_id, spool.collector_id, receiver.now)
    assert (stream.mark, stream.forked_from) == (2, None)


def test_the_same_rotation_again_changes_nothing(receiver: Receiver) -> None:
    """A collector sends its rotation statements again after each start."""
    spool, caller = receiver.enrol()
    old = spool.key
    turns = [spool.rotate(NEW), spool.rotate(THIRD)]
    assert told(receiver.take(caller, "a", turns)) == [ACCEPTED, ACCEPTED]
    before = keys(receiver, spool)
    receiver.reopen()
    assert told(receiver.take(caller, "b", [*turns, spool.entry()])) == [DUPLICATE, DUPLICATE, ACCEPTED]
    assert keys(receiver, spool) == before
    assert key_states(receiver, spool, old, NEW, THIRD) == [KeyState.RETIRED, KeyState.RETIRED, KeyState.ACTIVE]


def half_signed(spool: Spool) -> list[bytes]:
    made = spool.rotation(NEW, spool.link(spool.next_sequence, spool.last_id))
    old, new = made.signatures
    return [
        Envelope(made.payload, (old,)).to_bytes(),
        Envelope(made.payload, (old, Signature(new.key_id, bytes(64)))).to_bytes(),
        Envelope(made.payload, (Signature(old.key_id, bytes(64)), new)).to_bytes(),
    ]


def test_a_rotation_not_signed_by_both_is_refused_and_the_old_key_goes_on(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    answer = receiver.take(caller, "a", [*half_signed(spool), spool.entry()])
    assert told(answer) == [
        ("refused", "malformed_envelope"),
        ("refused", "bad_signature"),
        ("refused", "bad_signature"),
        ACCEPTED,
    ]
    assert key_states(receiver, spool, spool.key, NEW) == [KeyState.ACTIVE, None]
    assert told(receiver.take(caller, "b", [spool.rotate(NEW), spool.entry()])) == [ACCEPTED, ACCEPTED]


def weak(spool: Spool) -> bytes:
    """A rotation to a point of small order, by which every signature would be good."""
    spki = SPKI_PREFIX + bytes([1]) + bytes(31)
    digits = sha256(spki).hex()
    content = build_acts.key_rotation(
        spool.key,
        audience=spool.audience,
        collector={"id": spool.collector_id, "version": "1", "config_digest": build.digest("c")},
        stream=spool.link(spool.next_sequence, spool.last_id),
        public_key=b64encode(spki),
        new_key_id=f"sha256:{digits}",
    )
    signed = dsse.sign(payload(KEY_ROTATION, (subject_sha256(digits),), content), spool.key, NEW)
    old, new = signed.signatures
    spool.next_sequence, spool.last_id = spool.next_sequence + 1, signed.id
    return Envelope(signed.payload, (old, Signature(f"sha256:{digits}", new.raw))).to_bytes()


def test_a_key_that_is_weak_or_known_anywhere_is_refused_with_the_reason(receiver: Receiver) -> None:
    spool, caller = receiver.enrol(1)
    neighbour, _ = receiver.enrol(2)
    entries = [
        weak(spool),
        spool.rotation(neighbour.key).to_bytes(),
        spool.rotation(receiver.root).to_bytes(),
        spool.rotation(signer_of(receiver)).to_bytes(),
        spool.entry(),
    ]
    answer = receiver.take(caller, "a", entries)
    assert told(answer) == [MALFORMED, MALFORMED, MALFORMED, MALFORMED, ACCEPTED]
    details = [one.detail or "" for one in results(answer)[:4]]
    assert "prime-order" in details[0]
    assert all("known" in detail for detail in details[1:])
    assert key_states(receiver, spool, spool.key, neighbour.key) == [KeyState.ACTIVE, None]
    assert told(receiver.take(caller, "b", [spool.rotate(NEW)])) == [ACCEPTED]


def signer_of(receiver: Receiver) -> Ed25519Signer:
    found = receiver.signers.decision
    assert isinstance(found, Ed25519Signer)
    return found


def test_a_key_that_was_retired_never_comes_back(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    old = spool.key
    back = [spool.rotate(NEW), spool.rotation(old).to_bytes(), spool.entry()]
    assert told(receiver.take(caller, "a", back)) == [ACCEPTED, MALFORMED, ACCEPTED]
    assert key_states(receiver, spool, old, NEW) == [KeyState.RETIRED, KeyState.ACTIVE]


def test_a_thief_with_a_retired_key_introduces_nobody_who_counts(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    thief = Spool(spool.audience, spool.key, spool.collector_id, spool.random, "d4" * 16)
    receiver.take(caller, "a", [spool.entry(), spool.rotate(NEW)])
    stolen = [thief.rotate(THIRD), thief.entry(), thief.rotate(FOURTH), thief.entry()]
    assert told(receiver.take(caller, "b", stolen)) == [RETIRED, REVOKED, REVOKED, REVOKED]
    assert told(receiver.take(caller, "c", [thief.entry()])) == [REVOKED]
    assert key_states(receiver, spool, NEW, THIRD, FOURTH) == [KeyState.ACTIVE, KeyState.REVOKED, KeyState.REVOKED]
    assert told(receiver.take(caller, "d", [spool.entry()])) == [ACCEPTED]
    with pytest.raises(UntrustedError):
        receiver.let_in(thief)


def test_a_rotation_in_a_forked_stream_is_held_with_all_that_its_key_signs(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    root, ours = spool.envelope(), spool.envelope()
    receiver.take(caller, "a", [root.to_bytes(), ours.to_bytes()])
    turn = spool.rotation(NEW, spool.link(1, root.id))
    follower = Spool(spool.audience, NEW, spool.collector_id, spool.random, spool.stream_id)
    entry = follower.entry(follower.link(2, turn.id))
    assert told(receiver.take(caller, "b", [turn.to_bytes(), entry])) == [("held", "forked"), REVOKED]
    assert key_states(receiver, spool, spool.key, NEW) == [KeyState.ACTIVE, KeyState.REVOKED]


def test_rotating_in_a_stream_of_another_collector_turns_no_key(receiver: Receiver) -> None:
    mine, caller = receiver.enrol(1)
    other, others_caller = receiver.enrol(2)
    receiver.take(others_caller, "a", [other.entry()])
    mine.stream_id = other.stream_id
    assert told(receiver.take(caller, "b", [mine.rotate(NEW), mine.entry()])) == [("refused", "wrong_stream"), UNKNOWN]
    assert keys(receiver, mine).keys() == {build.signer(1).public.key_id}


def test_a_batch_that_was_looked_at_before_the_key_turned_is_judged_by_the_keys_as_they_are(
    receiver: Receiver,
) -> None:
    """Two batches at once: both are examined before either is taken."""
    spool, caller = receiver.enrol()
    turn, entry = spool.rotate(NEW), spool.entry()
    raced: list[list[tuple[str, str | None]]] = []

    def meanwhile(entries: Sequence[bytes], sender: Registered) -> Judged:
        found = examine_all(entries, sender)
        if not raced:
            raced.append([])
            raced[0] = told(receiver.take(caller, "first", [turn, entry]))
        return found

    body = emit_batch(spool.collector_id, "second", [turn, entry, spool.entry()], None)
    answer = receiver.take_body(caller, body, meanwhile)
    assert raced == [[ACCEPTED, ACCEPTED]]
    assert told(answer) == [DUPLICATE, DUPLICATE, ACCEPTED]


# --- access and heartbeats ---


def test_access_is_given_to_the_key_that_is_active_now(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    old, turned = spool.access_request(), spool.rotate(NEW)
    with pytest.raises(UntrustedError):
        receiver.let_in(spool)
    receiver.take(caller, "a", [turned])
    with pytest.raises(UntrustedError) as refused:
        collector_access.give(receiver.store, spool.collector_id, old, receiver.now, receiver.random)
    assert refused.value.code is Code.UNAUTHORIZED
    assert isinstance(receiver.let_in(spool), Caller)
    assert told(receiver.take(caller, "b", [spool.entry()])) == [ACCEPTED], "a token outlives the key it was given to"


def test_a_heartbeat_of_a_key_that_was_retired_in_flight_is_refused_and_hurts_nothing(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    stale, alone = spool.heartbeat(), spool.heartbeat()
    assert told(receiver.take(caller, "a", [spool.rotate(NEW), spool.entry()], stale)) == [ACCEPTED, ACCEPTED]
    with pytest.raises(UntrustedError) as refused:
        receiver.take_heartbeat(caller, alone)
    assert refused.value.code is Code.KEY_RETIRED
    (stream,) = streams.of_collector(receiver.store, receiver.workspace_id, spool.collector_id, receiver.now)
    assert stream.beat is None
    receiver.take_heartbeat(caller, spool.heartbeat())


def test_a_heartbeat_of_a_key_whose_rotation_did_not_come_in_is_not_kept(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    turn = spool.rotation(NEW, audience=build.OTHER_AUDIENCE).to_bytes()
    spool.key = NEW
    assert told(receiver.take(caller, "a", [turn], spool.heartbeat())) == [("refused", "wrong_audience")]
    spool.key = build.signer(1)
    neighbour, _ = receiver.enrol(2)
    turn = spool.rotation(neighbour.key).to_bytes()
    spool.key = neighbour.key
    assert told(receiver.take(caller, "b", [turn], spool.heartbeat())) == [MALFORMED]
    (stream,) = streams.of_collector(receiver.store, receiver.workspace_id, spool.collector_id, receiver.now)
    assert stream.beat is None


# --- over HTTP ---


@pytest.fixture
async def sender(tmp_path: Path, databases: Databases) -> AsyncIterator[Sender]:
    async with serving(tmp_path / "data", databases=databases) as running:
        yield await Sender(running).join()


async def test_a_key_turns_over_on_the_wire_and_the_collector_shows_both(sender: Sender) -> None:
    old, new = sender.key, Ed25519Signer(sha256(b"next"))
    before = sender.capture(12)
    turn = build_acts.key_rotation_envelope(
        old,
        new,
        build.link(12, before[-1].id),
        audience=sender.receiver.audience,
        collector=sender.about(),
    )
    sender.sent.append(turn)
    sender.key = new
    answer = await sender.deliver([*before, turn, *sender.capture(12)])
    assert (answer.status, answer.json["accepted"]) == (200, 25)
    assert (await sender.access()).status == 201

    token = sender.receiver.token(Scope.READ)
    shown = (await sender.receiver.get(f"/api/v1/collectors/{sender.id}", token)).json["keys"]
    by_id = {one["keyId"]: one for one in shown}
    retired, active = by_id[old.public.key_id], by_id[new.public.key_id]
    told_of = ("state", "introducedBy", "retiredStream", "retiredFrom")
    assert [retired[name] for name in told_of] == ["retired", None, build.STREAM_ID, 12]
    assert [active[name] for name in told_of] == ["active", old.public.key_id, None, None]

    path = f"/api/v1/attestations/sha256:{turn.id.hex()}/envelope"
    assert (await sender.receiver.get(path, token)).body == turn.to_bytes()

    sender.key = old
    assert (await sender.access()).status == 401


# --- access at a receiver that does not know the newest key ---


def asks(receiver: Receiver, spool: Spool, *rotations: bytes) -> bool:
    body = emit_access(spool.access_request(nonce=receiver.random(16).hex()), rotations)
    try:
        collector_access.give(receiver.store, spool.collector_id, body, receiver.now, receiver.random)
    except UntrustedError as error:
        return error.code is not Code.UNAUTHORIZED
    return True


def test_rotations_beside_a_request_let_in_a_key_that_they_lead_to_and_register_nothing(receiver: Receiver) -> None:
    spool, _ = receiver.enrol()
    first = spool.rotate(build.signer(501))
    second = spool.rotate(build.signer(502))
    assert not asks(receiver, spool)
    assert not asks(receiver, spool, first)
    assert not asks(receiver, spool, second)
    assert not asks(receiver, spool, second, first)
    assert asks(receiver, spool, first, second)
    assert len(keys(receiver, spool)) == 1


def test_a_rotation_by_a_key_that_is_active_no_more_lets_nobody_in(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    thief = replace(spool)
    receiver.take(caller, "batch_1", [spool.rotate(build.signer(503))])
    stolen = thief.rotate(build.signer(504))
    assert not asks(receiver, thief, stolen)
    assert asks(receiver, spool)


def test_what_is_no_rotation_beside_a_request_lets_nobody_in(receiver: Receiver) -> None:
    spool, _ = receiver.enrol()
    entry = spool.entry()
    forged = dsse.parse(spool.rotation(build.signer(505)).to_bytes())
    alone = Envelope(forged.payload, forged.signatures[:1]).to_bytes()
    spool.key = build.signer(505)
    for beside in (entry, alone):
        assert not asks(receiver, spool, beside)
