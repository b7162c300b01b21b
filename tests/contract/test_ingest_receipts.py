"""What a batch is answered with: a receipt that the keyring vouches for, an answer per entry, marks per stream."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from receiver import access, lookup, setup, streams
from receiver.caller import Caller
from receiver.core.tokens import Kind, Scope
from receiver.ingest import IngestAnswer
from receiver.lookup import Filters
from shared import dsse, wire
from shared.encoding import digest_text, parse_json, sha256
from shared.errors import Code, MalformedError, StateError, UntrustedError
from shared.keyring import open_keyring
from shared.predicates import Limits, Receipt, StreamMark
from shared.statement import Statement
from tests.helpers import build
from tests.helpers.databases import Databases
from tests.helpers.fleet import Receiver, make_receiver, results, told

ACCEPTED, DUPLICATE = ("accepted", None), ("duplicate", None)


@pytest.fixture
def receiver(tmp_path: Path, databases: Databases) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=databases)
    yield made
    made.store.close()


def believed(receiver: Receiver, envelope: bytes) -> Statement:
    """Read a receipt as a collector does: under the keyring, under the pinned root."""
    found = lookup.keyring(receiver.store, receiver.workspace_id)
    keyring = open_keyring(dsse.parse(found.versions[-1]), receiver.root.public, receiver.audience)
    return keyring.verify(dsse.parse(envelope))


def receipt_in(receiver: Receiver, answer: IngestAnswer) -> Receipt:
    return believed(receiver, wire.parse_answer(answer.body)[0]).as_(Receipt)


def test_a_batch_is_answered_with_a_receipt_that_the_keyring_vouches_for(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    entries = spool.entries(3)
    answer = receiver.take(caller, "batch-1", entries, spool.heartbeat())
    said = believed(receiver, wire.parse_answer(answer.body)[0])
    receipt = said.as_(Receipt)
    batch = wire.Batch(spool.collector_id, "batch-1", tuple(entries), None)
    assert said.subjects[0].digest == (("sha256", batch.digest.hex()),)
    assert said.subjects[0].name == "batch"
    assert receipt.audience.collector == spool.collector_id
    assert (receipt.batch_id, receipt.received_at, receipt.keyring_version) == ("batch-1", receiver.now, 1)
    assert [one.attestation_id for one in receipt.entries] == [digest_text(dsse.parse(entry).id) for entry in entries]
    assert {one.status for one in receipt.entries} == {"accepted"}
    assert receipt.streams == (StreamMark(id=spool.stream_id, contiguous_to=2, head=2),)
    assert answer.refused == 0
    assert answer.counts == {"accepted": 3}
    body = parse_json(answer.body)
    assert isinstance(body, dict)
    assert [body[name] for name in ("batchId", "accepted", "duplicate", "held", "refused")] == ["batch-1", 3, 0, 0, 0]


def test_what_was_accepted_is_given_back_byte_for_byte(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    entries = spool.entries(3)
    receiver.take(caller, "b", entries)
    receiver.reopen()
    for entry in entries:
        assert lookup.envelope(receiver.store, receiver.workspace_id, dsse.parse(entry).id) == entry


def test_refused_entries_never_block_their_neighbours(receiver: Receiver) -> None:
    """F30: poison in every position; each entry is answered for itself, at its own index."""
    spool, caller = receiver.enrol()
    good = spool.entries(4)
    foreign = spool.entry(audience=build.OTHER_AUDIENCE)
    stranger = build.collected_envelope(build.signer(9)).to_bytes()
    parsed = dsse.parse(good[3])
    wrong = dsse.Signature(parsed.key_id, bytes(64))
    flipped = dsse.Envelope(parsed.payload, (wrong,)).to_bytes()
    answer = receiver.take(
        caller, "b", [b"17", good[0], b'{"x": [1, 2]}', foreign, good[1], stranger, good[2], flipped]
    )
    assert told(answer) == [
        ("refused", "malformed_envelope"),
        ACCEPTED,
        ("refused", "malformed_envelope"),
        ("refused", "wrong_audience"),
        ACCEPTED,
        ("refused", "unknown_key"),
        ACCEPTED,
        ("refused", "bad_signature"),
    ]
    assert answer.refused == 5
    assert [one.index for one in results(answer)] == list(range(8))
    assert all(one.detail for one in results(answer) if one.status == "refused")
    receipt = receipt_in(receiver, answer)
    assert receipt.entries[0].attestation_id is None
    assert receipt.entries[0].entry_digest == digest_text(sha256(b"17"))
    assert receipt.entries[3].attestation_id == digest_text(dsse.parse(foreign).id)
    page = lookup.attestations(receiver.store, receiver.workspace_id, Filters(), 50)
    assert [one.row.id for one in page.items] == [dsse.parse(one).id for one in (good[2], good[1], good[0])]


def test_held_entries_are_stored_and_delivered_and_say_why(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    root, ours = spool.envelope(), spool.envelope()
    theirs = spool.envelope(spool.link(1, root.id))
    answer = receiver.take(caller, "b", [one.to_bytes() for one in (root, ours, theirs)])
    assert told(answer) == [ACCEPTED, ACCEPTED, ("held", "forked")]
    assert answer.refused == 0
    view = lookup.attestation(receiver.store, receiver.workspace_id, theirs.id)
    assert (view.row.status, view.row.code) == ("held", "forked")
    (stream,) = streams.of_collector(receiver.store, receiver.workspace_id, spool.collector_id, receiver.now)
    assert stream.forked_from == 1
    later = receiver.take(caller, "c", [spool.entry()])
    assert told(later) == [("held", "forked")]


def test_the_mark_stands_before_the_first_hole_and_moves_when_it_is_filled(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    entries = spool.entries(300)

    def mark(batch_id: str, chosen: list[bytes]) -> tuple[int | None, int]:
        (found,) = receipt_in(receiver, receiver.take(caller, batch_id, chosen)).streams
        return found.contiguous_to, found.head

    assert mark("a", entries[1:2]) == (None, 1)
    assert mark("b", entries[0:1]) == (1, 1)
    assert mark("c", entries[200:300]) == (1, 299)
    assert mark("d", entries[100:200]) == (1, 299)
    assert mark("e", entries[3:100]) == (1, 299)
    assert mark("f", entries[2:3]) == (299, 299)


def test_a_refused_entry_whose_signature_verified_leaves_no_hole(receiver: Receiver) -> None:
    spool, caller = receiver.enrol(limits=Limits(repositories=("acme/*",)))
    outside = spool.entry(context={"repository": "other/x"})
    answer = receiver.take(caller, "b", [outside, spool.entry()])
    assert told(answer) == [("refused", "outside_limits"), ACCEPTED]
    assert receipt_in(receiver, answer).streams == (StreamMark(id=spool.stream_id, contiguous_to=1, head=1),)


def test_a_collector_sends_for_itself_only(receiver: Receiver) -> None:
    mine, caller = receiver.enrol(1)
    other, others_caller = receiver.enrol(2)
    body = wire.emit_batch(other.collector_id, "b", [other.entry()], None)
    with pytest.raises(UntrustedError) as refused:
        receiver_take(receiver, caller, body)
    assert refused.value.code is Code.WRONG_COLLECTOR
    assert told(receiver.take(caller, "c", [other.entry()])) == [("refused", "unknown_key")]
    named = mine.entry(collector={"id": other.collector_id, "version": "1", "config_digest": build.digest("c")})
    assert told(receiver.take(caller, "d", [named])) == [("refused", "wrong_collector")]
    receiver.take(caller, "e", [mine.entry()])
    other.stream_id = mine.stream_id
    stolen = other.entry(other.link(0, None))
    assert told(receiver.take(others_caller, "f", [stolen])) == [("refused", "wrong_stream")]


def receiver_take(receiver: Receiver, caller: Caller, body: bytes) -> IngestAnswer:
    return receiver.take_body(caller, body)


def test_an_api_key_with_the_scope_may_send_for_a_collector_of_its_workspace(receiver: Receiver) -> None:
    spool, _ = receiver.enrol()

    def caller(scope: Scope, workspace_id: str) -> Caller:
        issued = access.issue(
            receiver.store, workspace_id, Kind.API_KEY, [scope], "relay", receiver.now, receiver.random
        )
        return access.authenticate(receiver.store, issued.token, receiver.now)

    body = wire.emit_batch(spool.collector_id, "b", [spool.entry()], None)
    with pytest.raises(UntrustedError) as refused:
        receiver_take(receiver, caller(Scope.READ, receiver.workspace_id), body)
    assert refused.value.code is Code.FORBIDDEN
    other = setup.create(receiver.store, receiver.master, build.root_signer(), "lending", receiver.now, receiver.random)
    with pytest.raises(StateError) as hidden:
        receiver_take(receiver, caller(Scope.COLLECTOR_WRITE, other.workspace_id), body)
    assert hidden.value.code is Code.NOT_FOUND
    answer = receiver_take(receiver, caller(Scope.COLLECTOR_WRITE, receiver.workspace_id), body)
    assert told(answer) == [ACCEPTED]


def test_another_workspace_sees_nothing(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    entry = spool.entry()
    receiver.take(caller, "b", [entry], spool.heartbeat())
    other = setup.create(
        receiver.store, receiver.master, build.root_signer(), "lending", receiver.now, receiver.random
    ).workspace_id
    assert lookup.attestations(receiver.store, other, Filters(), 50).items == ()
    assert lookup.collectors(receiver.store, other, 50).items == ()
    for ask in (
        lambda: lookup.attestation(receiver.store, other, dsse.parse(entry).id),
        lambda: lookup.envelope(receiver.store, other, dsse.parse(entry).id),
        lambda: streams.of_collector(receiver.store, other, spool.collector_id, receiver.now),
    ):
        with pytest.raises(StateError) as hidden:
            ask()
        assert hidden.value.code is Code.NOT_FOUND


@pytest.mark.parametrize("count", [0, 101])
def test_an_empty_or_too_long_batch_is_malformed_and_stores_nothing(receiver: Receiver, count: int) -> None:
    spool, caller = receiver.enrol()
    with pytest.raises(MalformedError):
        receiver.take(caller, "b", spool.entries(count))
    assert lookup.attestations(receiver.store, receiver.workspace_id, Filters(), 50).items == ()


def test_a_full_batch_of_one_hundred_is_taken(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    assert receiver.take(caller, "b", spool.entries(100)).counts == {"accepted": 100}


# --- heartbeats ---


def test_a_heartbeat_alone_is_answered_with_a_receipt_over_nothing(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    receiver.take(caller, "b", spool.entries(2))
    envelope = spool.heartbeat()
    body = receiver.take_heartbeat(caller, envelope)
    assert body.startswith(b'{"receipt":{"payload":"')
    said = believed(receiver, body.removeprefix(b'{"receipt":').removesuffix(b"}"))
    receipt = said.as_(Receipt)
    assert (receipt.batch_id, receipt.entries) == ("beat-1", ())
    assert receipt.streams == (StreamMark(id=spool.stream_id, contiguous_to=1, head=1),)
    assert said.subjects[0].digest == (("sha256", sha256(envelope).hex()),)
    (stream,) = streams.of_collector(receiver.store, receiver.workspace_id, spool.collector_id, receiver.now)
    assert (stream.beat, stream.heard_at, stream.closed) == (1, receiver.now, False)


def test_a_first_heartbeat_opens_its_stream_before_any_entry(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    receiver.take_heartbeat(caller, spool.heartbeat())
    (stream,) = streams.of_collector(receiver.store, receiver.workspace_id, spool.collector_id, receiver.now)
    assert (stream.mark, stream.head) == (-1, -1)
    assert told(receiver.take(caller, "b", [spool.entry()])) == [ACCEPTED]


def test_a_beat_that_is_not_above_the_last_is_refused_alone_and_ignored_in_a_batch(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    receiver.take_heartbeat(caller, spool.heartbeat(beat=5))
    for beat in (5, 4):
        with pytest.raises(StateError) as refused:
            receiver.take_heartbeat(caller, spool.heartbeat(beat=beat))
        assert refused.value.code is Code.CONFLICT
    receiver.now += timedelta(minutes=2)
    answer = receiver.take(caller, "b", [spool.entry()], spool.heartbeat(beat=5))
    assert told(answer) == [ACCEPTED]
    (stream,) = streams.of_collector(receiver.store, receiver.workspace_id, spool.collector_id, receiver.now)
    assert (stream.beat, stream.heard_at) == (5, receiver.now - timedelta(minutes=2))


def test_a_bad_heartbeat_never_hurts_the_entries_beside_it(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    for number, bad in enumerate(
        [
            b"17",
            b'{"payload":"","payloadType":"x","signatures":[]}',
            spool.entry(),
            build.heartbeat_envelope(build.signer(9)).to_bytes(),
            spool.heartbeat(audience=build.OTHER_AUDIENCE),
            spool.heartbeat(collector={"id": "col_x", "version": "1", "config_digest": build.digest("c")}),
        ]
    ):
        assert told(receiver.take(caller, f"b{number}", [spool.entry()], bad)) == [ACCEPTED]
        with pytest.raises((MalformedError, UntrustedError)):
            receiver.take_heartbeat(caller, bad)
    (stream,) = streams.of_collector(receiver.store, receiver.workspace_id, spool.collector_id, receiver.now)
    assert stream.heard_at is None


# --- reading ---


def test_attestations_are_found_by_what_they_are_about(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    one = spool.envelope(claim=build.claim(name="Unit Tests", passed=False))
    two = spool.envelope(
        claim=build.claim(type="COVERAGE", name="Coverage"),
        context={"repository": "acme/other", "commit": "0" * 39 + "1", "pr_number": 7},
    )
    receiver.take(caller, "b", [one.to_bytes(), two.to_bytes()])

    def found(**filters: object) -> list[bytes]:
        page = lookup.attestations(receiver.store, receiver.workspace_id, Filters(**filters), 50)  # type: ignore[arg-type]
        return [one.row.id for one in page.items]

    assert found() == [two.id, one.id]
    assert found(repository="acme/other") == [two.id]
    assert found(type="COVERAGE") == [two.id]
    assert found(name="Unit Tests") == [one.id]
    assert found(passed=False) == [one.id]
    assert found(pr_number=7) == [two.id]
    assert found(collector_id=spool.collector_id, basis="measured") == [two.id, one.id]
    assert found(collector_id="col_x") == []
    assert found(digest=bytes.fromhex(build.COMMIT)) == [two.id, one.id]
    assert found(digest=bytes.fromhex("0" * 39 + "1")) == [two.id]
    assert found(since=receiver.now, until=receiver.now) == []
    assert found(since=receiver.now) == [two.id, one.id]


def test_pages_cover_everything_once_newest_first(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    entries = spool.entries(7)
    receiver.take(caller, "b", entries)
    found: list[bytes] = []
    cursor: str | None = None
    while True:
        page = lookup.attestations(receiver.store, receiver.workspace_id, Filters(), 3, cursor)
        found += [one.row.id for one in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == [dsse.parse(one).id for one in reversed(entries)]
