"""One flipped bit is found wherever an envelope may lie, and what is exported verifies elsewhere."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from securesystemslib.dsse import Envelope as TheirEnvelope
from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]  # exported, unsaid

from collector import enrolment
from collector.client import Client, ClientSettings
from collector.clock import utcnow
from collector.enrol import access_request, ask_access
from collector.instance import SPOOL_NAME
from collector.spool import State
from receiver import fsck
from receiver.store.engine import Store
from shared import dsse
from shared.encoding import digest_text, parse_object
from shared.errors import CarnetError
from shared.keyfile import load_key
from shared.wire import BATCH_PATH, emit_batch, parse_answer
from tests.fakes.proxy import Proxy
from tests.helpers import reports
from tests.helpers.rig import Rig, eventually, rig

FILES = 8
FLIPS = 20
COLUMNS = (
    ("SELECT payload FROM envelopes WHERE n = ?", "UPDATE envelopes SET payload = ? WHERE n = ?"),
    ("SELECT signature FROM envelopes WHERE n = ?", "UPDATE envelopes SET signature = ? WHERE n = ?"),
    ("SELECT key_id FROM envelopes WHERE n = ?", "UPDATE envelopes SET key_id = ? WHERE n = ?"),
)


def flipped(data: bytes, chance: random.Random) -> bytes:
    """The same bytes, but for one bit."""
    at = chance.randrange(len(data) * 8)
    changed = bytearray(data)
    changed[at // 8] ^= 1 << (at % 8)
    return bytes(changed)


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("b")) as one:
        one.start_receiver()
        one.start_collector()
        for number in range(FILES):
            one.drop(f"{number}.xml", reports.junit(number))
        eventually("all are delivered", lambda: one.count() == FILES)
        eventually("all are settled", lambda: one.pending() == 0)
        one.stop_collector()
        yield one


@pytest.mark.parametrize("seed", range(FLIPS))
def test_fsck_finds_one_flipped_bit_in_any_stored_envelope(line: Rig, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same in every run
    copy = tmp_path / "receiver.db"
    _copied(line, copy)
    read, write = chance.choice(COLUMNS)
    with line.altered(copy) as rows:
        number = chance.randint(1, FILES)
        (stored,) = rows.execute(read, (number,)).fetchone()
        rows.execute(write, (flipped(stored, chance), number))
    store = Store.open(f"sqlite:///{copy}")
    try:
        assert fsck.check(store) != []
    finally:
        store.close()


def _copied(line: Rig, to: Path) -> None:
    for path in (line.folder / "r").glob("receiver.db*"):
        shutil.copyfile(path, to.with_name(path.name))
    to.chmod(0o600)


def test_the_command_fsck_says_where_the_bit_was_flipped_and_exits_65(line: Rig) -> None:
    assert line.fsck() == []
    database = line.folder / "r" / "receiver.db"
    with line.altered(database) as rows:
        (before,) = rows.execute("SELECT signature FROM envelopes WHERE n = 3").fetchone()
        rows.execute("UPDATE envelopes SET signature = ? WHERE n = 3", (bytes([before[0] ^ 1]) + before[1:],))
    try:
        findings = line.fsck(ok=(65,))
    finally:
        with line.altered(database) as rows:
            rows.execute("UPDATE envelopes SET signature = ? WHERE n = 3", (before,))
    (attestation,) = [row["id"] for row in line.attestations() if row["stream"]["sequence"] == 2]
    assert [one for one in findings if attestation in one["where"] + one["problem"]] != []


async def test_admission_refuses_one_flipped_bit_in_any_posted_envelope(line: Rig) -> None:
    chance = random.Random(5)  # noqa: S311 - the same in every run
    before = await asyncio.to_thread(line.ids)
    enrolled = enrolment.load(line.state)
    assert enrolled is not None
    good = (await asyncio.to_thread(line.spooled))[2]
    envelope = await asyncio.to_thread(line.envelope, digest_text(good.id))
    async with Client(ClientSettings(str(line.url))) as client:
        key = load_key(line.state / "key.pem")
        request = access_request(enrolled.collector_id, enrolled.audience, key, now=utcnow(), random=os.urandom)
        token = await ask_access(client, enrolled.collector_id, request)

        async def post(entry: bytes, number: int) -> str:
            try:
                answer = await client.post(
                    BATCH_PATH, emit_batch(enrolled.collector_id, f"flip-{number}", [entry], None), token
                )
            except CarnetError as error:
                return error.code.value
            (result,) = parse_answer(answer.body)[1]
            return result.status

        told = [await post(flipped(envelope, chance), number) for number in range(FLIPS)]
        assert await post(envelope, FLIPS) == "duplicate"
    assert set(told) <= {"refused", "bad_json", "duplicate_key", "invalid_field", "malformed_envelope"}
    assert told.count("refused") >= FLIPS / 2
    assert await asyncio.to_thread(line.ids) == before


def test_openssl_and_securesystemslib_verify_what_either_side_exports(line: Rig, tmp_path: Path) -> None:
    shown = line.ask("spool", "show", "3")
    exported = {"spool": shown["envelope"].encode(), "api": line.envelope(shown["id"])}
    assert exported["spool"] == exported["api"]
    envelope = dsse.parse(exported["api"])
    (tmp_path / "key.pem").write_text(line.exported_key)
    (tmp_path / "pae").write_bytes(_pae_by_hand(json.loads(exported["api"])["payloadType"], envelope.payload))
    (tmp_path / "sig").write_bytes(envelope.signatures[0].raw)
    done = subprocess.run(
        ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", str(tmp_path / "key.pem"),
         "-in", str(tmp_path / "pae"), "-sigfile", str(tmp_path / "sig")],
        capture_output=True, check=False, timeout=30,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, b"Signature Verified Successfully"), done.stderr
    theirs = TheirEnvelope.from_dict(parse_object(exported["spool"]))
    key = SSlibKey(line.key.key_id, "ed25519", "ed25519", {"public": line.key.raw.hex()})
    assert theirs.verify([key], 1).keys() == {line.key.key_id}


def _pae_by_hand(kind: str, payload: bytes) -> bytes:
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)


def test_a_damaged_spool_entry_is_quarantined_never_sent_and_its_file_captured_again(tmp_path: Path) -> None:
    with rig(tmp_path) as one:
        one.start_receiver()
        with Proxy(one.port) as proxy:
            proxy.dead.set()
            one.write_config(proxy.url)
            one.start_collector()
            for number in range(3):
                one.drop(f"{number}.xml", reports.junit(number))
            eventually("three wait", lambda: one.pending() == 3)
            one.stop_collector()
            with one.altered(one.state / SPOOL_NAME) as rows:
                (stored,) = rows.execute("SELECT bytes FROM envelope WHERE sequence = 1").fetchone()
                at = stored.index(b'"payload":"') + 200
                damaged = stored[:at] + (b"B" if stored[at : at + 1] != b"B" else b"C") + stored[at + 1 :]
                rows.execute("UPDATE envelope SET bytes = ? WHERE sequence = 1", (damaged,))
            proxy.dead.clear()
            one.start_collector()
            eventually("the three reports are delivered", lambda: len(one.spooled(State.DELIVERED)) == 3)
            assert one.stop_collector() == 0
            sent = bytes(proxy.sent)
        (quarantined,) = one.spooled(State.QUARANTINED)
        assert (quarantined.sequence, quarantined.reason) == (1, "bad_signature")
        assert [event["sequence"] for event in one.events("entry_damaged")] == [1]
        assert damaged[at - 40 : at + 40] not in sent
        assert stored not in sent
        delivered = {row.path for row in one.spooled(State.DELIVERED)}
        assert delivered == {"0.xml", "1.xml", "2.xml"}
        assert sorted(row["stream"]["sequence"] for row in one.attestations()) == [0, 2, 3]
