"""The line over HTTP: enrol, get a token, deliver, read back; with a real receiver on a real socket."""

import gzip
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from backports import zstd

from receiver import clock, confirm, enrol, keys_at_hand
from receiver.caller import operator
from receiver.core.tokens import Kind, Scope
from receiver.named_secrets import read_master_key
from shared import dsse
from shared.dsse import parse
from shared.encoding import b64decode, digest_text
from shared.joining import parse_enrol_answer, parse_keyring
from shared.keyring import TrustedKeyring, open_keyring
from shared.keys import key_from_spki
from shared.predicates import Enrolment, Limits, Receipt
from shared.wire import parse_answer
from tests.helpers import build
from tests.helpers.databases import Databases
from tests.helpers.receiving import Answer, Receiver, Sender, serving

BATCHES = "/api/v1/collector/attestations"


@pytest.fixture
async def receiver(tmp_path: Path, databases: Databases) -> AsyncIterator[Receiver]:
    async with serving(tmp_path / "data", databases=databases) as running:
        yield running


@pytest.fixture
async def sender(receiver: Receiver) -> Sender:
    return await Sender(receiver).join()


async def trusted(receiver: Receiver, token: str) -> TrustedKeyring:
    """What a collector believes: the keyring under the root whose fingerprint it pinned."""
    found = parse_keyring((await receiver.get("/api/v1/keyring", token)).body)
    root = key_from_spki(found.root_spki)
    assert root.key_id == receiver.names.root_key
    return open_keyring(parse(found.versions[0]), root, receiver.audience)


async def receipt_in(receiver: Receiver, answer: Answer, token: str) -> Receipt:
    raw, _ = parse_answer(answer.body)
    return (await trusted(receiver, token)).verify(parse(raw)).as_(Receipt)


async def test_an_invited_collector_is_enrolled_by_a_statement_of_the_decision_key(receiver: Receiver) -> None:
    sender = Sender(receiver)
    answer = await sender.enrol(receiver.secrets.enrol_token, "ci-07")
    assert answer.status == 201
    told = parse_enrol_answer(answer.body)
    assert told.status == "active"
    assert told.enrolment is not None
    keyring = await trusted(receiver, receiver.secrets.enrol_token)
    statement = keyring.verify(parse(told.enrolment)).as_(Enrolment)
    assert statement.collector_id == told.collector_id
    assert statement.collector_key_id == sender.key.public.key_id
    assert statement.name == "ci-07"


async def test_an_invitation_without_approval_waits_for_a_person(receiver: Receiver) -> None:
    admin = receiver.token(Scope.ADMIN)
    invited = await receiver.post("/api/v1/collectors/invitations", b'{"names": ["ci-08"]}', admin)
    assert invited.status == 201
    (item,) = invited.json["items"]
    assert item["name"] == "ci-08"
    sender = Sender(receiver)
    first = await sender.enrol(item["token"], "ci-08")
    again = await sender.enrol(item["token"], "ci-08")
    assert (first.status, again.status) == (202, 202)
    assert first.json == again.json == {"id": sender.id, "status": "pending"}
    assert (await sender.access()).status == 401


async def test_a_collector_that_waits_may_ask_how_it_stands_after_its_invitation_has_expired(
    receiver: Receiver,
) -> None:
    sender = Sender(receiver)
    an_hour_ago = clock.utcnow() - timedelta(hours=1)
    with receiver.store() as store:
        workspace = receiver.names.workspace
        names = ["ci-08", "ci-09"]
        taken, missed = enrol.invite(
            store, workspace, names, Limits(), approve=False, valid_minutes=15, now=an_hour_ago, random=os.urandom
        )
        signers = keys_at_hand.load(store, read_master_key(receiver.data.master_key), workspace)
        request = sender.request(taken.token, "ci-08")
        enrol.enrol(store, signers, taken.token, request, an_hour_ago, os.urandom)
        assert (await sender.enrol(taken.token, "ci-08")).status == 202
        rows = confirm.look(store, workspace, [], [sender.key.public.key_id], clock.utcnow())
        confirm.confirm(store, signers, rows, operator(receiver.audience), clock.utcnow(), os.urandom)
    assert (await sender.enrol(taken.token, "ci-08")).status == 201
    assert (await Sender(receiver).enrol(missed.token, "ci-09")).status == 401


async def test_an_invitation_serves_one_key(receiver: Receiver) -> None:
    token = receiver.secrets.enrol_token
    assert (await Sender(receiver).enrol(token)).status == 201
    second = await Sender(receiver).enrol(token)
    assert second.status == 409
    assert second.json["code"] == "conflict"


async def test_a_collector_gets_a_token_for_an_hour_with_its_key_alone(receiver: Receiver) -> None:
    sender = Sender(receiver)
    await sender.enrol(receiver.secrets.enrol_token)
    answer = await sender.access()
    assert answer.status == 201
    assert answer.json.keys() == {"id", "token", "expiresAt"}
    assert answer.json["token"].startswith("ca_hour_")


async def test_a_request_for_access_is_good_once(receiver: Receiver, sender: Sender) -> None:
    envelope = build.access_envelope(
        sender.key, audience=receiver.audience, collector_id=sender.id, nonce=os.urandom(16).hex()
    ).to_bytes()
    path = f"/api/v1/collectors/{sender.id}/access"
    assert (await receiver.post(path, envelope)).status == 201
    assert (await receiver.post(path, envelope)).status == 401


async def test_a_batch_is_answered_with_a_receipt_that_the_pinned_root_vouches_for(
    receiver: Receiver, sender: Sender
) -> None:
    entries = sender.capture(3)
    answer = await sender.deliver(entries)
    assert answer.status == 200
    assert {name: answer.json[name] for name in ("accepted", "duplicate", "held", "refused")} == {
        "accepted": 3,
        "duplicate": 0,
        "held": 0,
        "refused": 0,
    }
    receipt = await receipt_in(receiver, answer, sender.token)
    assert receipt.batch_id == "batch_1"
    assert [one.attestation_id for one in receipt.entries] == [digest_text(one.id) for one in entries]
    assert [one.status for one in receipt.entries] == ["accepted"] * 3


async def test_the_same_batch_again_gets_the_same_receipt(sender: Sender) -> None:
    entries = sender.capture(2)
    first, again = await sender.deliver(entries), await sender.deliver(entries)
    assert (first.status, again.status) == (200, 200)
    assert parse_answer(first.body)[0] == parse_answer(again.body)[0]


async def test_a_refused_entry_does_not_block_its_neighbours(receiver: Receiver, sender: Sender) -> None:
    good, bad, last = sender.capture(3)
    flipped = bytearray(bad.signatures[0].raw)
    flipped[5] ^= 1
    forged = dsse.Envelope(bad.payload, (dsse.Signature(bad.key_id, bytes(flipped)),))
    answer = await sender.deliver([good, forged, last])
    assert answer.status == 207
    assert [one["status"] for one in answer.json["results"]] == ["accepted", "refused", "accepted"]
    assert answer.json["results"][1]["code"] == "bad_signature"
    listed = await receiver.get("/api/v1/attestations", receiver.secrets.api_key)
    assert [one["id"] for one in listed.json["items"]] == [digest_text(last.id), digest_text(good.id)]


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("zstd", zstd.compress)])
async def test_a_batch_may_be_compressed(sender: Sender, encoding: str, pack: type[bytes]) -> None:
    body = pack(sender.batch(sender.capture(5)))
    answer = await sender.receiver.post(BATCHES, body, sender.token, headers={"Content-Encoding": encoding})
    assert (answer.status, answer.json["accepted"]) == (200, 5)


@pytest.mark.parametrize("count", [0, 101])
async def test_a_batch_of_none_or_too_many_is_400_and_stores_nothing(
    receiver: Receiver, sender: Sender, count: int
) -> None:
    answer = await sender.deliver(sender.capture(count))
    assert answer.status == 400
    assert (await receiver.get("/api/v1/attestations", receiver.secrets.api_key)).json["items"] == []


async def test_a_key_of_a_pipeline_may_deliver_too(receiver: Receiver, sender: Sender) -> None:
    token = receiver.token(Scope.COLLECTOR_WRITE)
    answer = await receiver.post(BATCHES, sender.batch(sender.capture(1)), token)
    assert (answer.status, answer.json["accepted"]) == (200, 1)


async def test_a_heartbeat_alone_gets_a_receipt_of_no_entries(receiver: Receiver, sender: Sender) -> None:
    beat = build.heartbeat_envelope(sender.key, audience=receiver.audience, collector=sender.about(), beat=7)
    body = b'{"collectorId":"%b","heartbeat":%b}' % (sender.id.encode(), beat.to_bytes())
    answer = await receiver.post("/api/v1/collector/heartbeats", body, sender.token)
    assert answer.status == 200
    receipt = await receipt_in(receiver, answer, sender.token)
    assert receipt.batch_id == "beat-7"
    assert receipt.entries == ()


async def test_the_envelope_is_read_back_byte_for_byte(receiver: Receiver, sender: Sender) -> None:
    (entry,) = sender.capture(1)
    await sender.deliver([entry])
    digits = entry.id.hex()
    for spelling in (digits, f"sha256:{digits}", digits.upper()):
        answer = await receiver.get(f"/api/v1/attestations/{spelling}/envelope", receiver.secrets.api_key)
        assert (answer.status, answer.body) == (200, entry.to_bytes())


async def test_one_attestation_shows_all_that_its_signed_bytes_say(receiver: Receiver, sender: Sender) -> None:
    (entry,) = sender.capture(1)
    await sender.deliver([entry])
    found = (await receiver.get(f"/api/v1/attestations/{entry.id.hex()}", receiver.secrets.api_key)).json
    assert found["id"] == digest_text(entry.id)
    assert found["status"] == "accepted"
    assert found["context"]["repository"] == "acme/checkout-api"
    assert found["predicate"]["claim"]["evidence"]["totalTests"] == 4


async def test_a_list_goes_on_where_its_cursor_says_and_misses_nothing(receiver: Receiver, sender: Sender) -> None:
    entries = sender.capture(7)
    await sender.deliver(entries)
    seen: list[str] = []
    path = "/api/v1/attestations?limit=3"
    cursor = ""
    for _ in range(4):
        page = (await receiver.get(path + cursor, receiver.secrets.api_key)).json
        seen += [one["id"] for one in page["items"]]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert seen == [digest_text(one.id) for one in reversed(entries)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("repository=acme/checkout-api", 2),
        ("repository=acme/other", 0),
        (f"commit={build.COMMIT}", 2),
        (f"commit={build.COMMIT.upper()}", 2),
        ("type=test_results&passed=true&basis=measured", 2),
        ("passed=false", 0),
        ("name=Unit%20Tests&status=accepted", 2),
        ("collector=col_other", 0),
        ("since=2020-01-01T00:00:00Z", 2),
        ("until=2020-01-01T00:00:00Z", 0),
    ],
)
async def test_a_list_is_narrowed_by_its_filters(receiver: Receiver, sender: Sender, query: str, expected: int) -> None:
    await sender.deliver(sender.capture(2))
    answer = await receiver.get(f"/api/v1/attestations?{query}", receiver.secrets.api_key)
    assert answer.status == 200
    assert len(answer.json["items"]) == expected


async def test_collectors_their_keys_and_their_streams_are_shown(receiver: Receiver, sender: Sender) -> None:
    await sender.deliver(sender.capture(3))
    key = receiver.secrets.api_key
    (listed,) = (await receiver.get("/api/v1/collectors", key)).json["items"]
    one = (await receiver.get(f"/api/v1/collectors/{sender.id}", key)).json
    assert listed == one
    assert (one["name"], one["status"]) == ("ci-07", "active")
    assert [row["keyId"] for row in one["keys"]] == [sender.key.public.key_id]
    assert b64decode(one["keys"][0]["publicKey"]) == sender.key.public.spki
    (stream,) = (await receiver.get(f"/api/v1/collectors/{sender.id}/streams", key)).json["items"]
    assert (stream["id"], stream["contiguousTo"], stream["head"]) == (build.STREAM_ID, 2, 2)


async def test_what_is_not_here_is_404(receiver: Receiver) -> None:
    key = receiver.secrets.api_key
    for path in (
        f"/api/v1/attestations/{'ab' * 32}",
        f"/api/v1/attestations/{'ab' * 32}/envelope",
        "/api/v1/attestations/short",
        "/api/v1/collectors/col_none",
        "/api/v1/collectors/col_none/streams",
    ):
        answer = await receiver.get(path, key)
        assert (answer.status, answer.json["code"]) == (404, "not_found")


async def test_every_kind_of_good_token_reads_the_keyring(receiver: Receiver, sender: Sender) -> None:
    for token in (sender.token, receiver.secrets.gate_token, receiver.secrets.api_key):
        assert (await receiver.get("/api/v1/keyring", token)).status == 200
    invitation = receiver.token(kind=Kind.INVITATION)
    assert (await receiver.get("/api/v1/keyring", invitation)).status == 200
