"""The receiver's own keys turn over while it serves: no answer fails, and a collector follows by what it has pinned."""

import asyncio
import os
from pathlib import Path

import pytest

from collector.receipts import Sent, check_receipt
from collector.trust import follow
from receiver import clock, rekey
from receiver.named_secrets import read_master_key
from shared import dsse
from shared.errors import UntrustedError
from shared.joining import KeyringAnswer, parse_keyring
from shared.keyfile import load_key
from shared.keyring import TrustedKeyring, open_keyring
from shared.keys import Ed25519Signer, Signer
from shared.wire import parse_answer
from tests.helpers.databases import Databases
from tests.helpers.receiving import Receiver, Sender, serving


async def keyrings(sender: Sender) -> KeyringAnswer:
    return parse_keyring((await sender.receiver.get("/api/v1/keyring", sender.token)).body)


async def delivered(sender: Sender, keyring: TrustedKeyring, batch_id: str) -> str:
    """Deliver two reports, settle them under a keyring as a collector does; gives the key that signed the receipt."""
    entries = sender.capture(2)
    answer = await sender.deliver(entries, batch_id)
    assert answer.status == 200
    receipt, _ = parse_answer(answer.body)
    sent = [Sent(number, one.id, one.to_bytes()) for number, one in enumerate(entries)]
    settled = check_receipt(keyring, sender.id, batch_id, sent, receipt)
    assert len(settled.delivered) == len(sent)
    return dsse.parse(receipt).key_id


def turn_over(receiver: Receiver, root: Signer) -> None:
    with receiver.store() as store:
        rekey.rotate_roles(
            store,
            read_master_key(receiver.data.master_key),
            root,
            receiver.names.workspace,
            rekey.ROLES,
            clock.utcnow(),
            os.urandom,
        )


async def test_a_running_receiver_takes_new_keys_and_its_collectors_follow(
    tmp_path: Path, databases: Databases
) -> None:
    async with serving(tmp_path / "data", databases=databases) as receiver:
        root, fresh = load_key(receiver.data.root_key), Ed25519Signer(os.urandom(32))
        sender = await Sender(receiver).join()
        held = open_keyring(dsse.parse((await keyrings(sender)).versions[0]), root.public)
        keys = [await delivered(sender, held, "batch_1")]
        turn_over(receiver, root)
        with pytest.raises(UntrustedError, match="no good key"):
            await delivered(sender, held, "batch_2")
        held, _ = follow(held, (await keyrings(sender)).versions)
        keys.append(await delivered(sender, held, "batch_3"))
        with receiver.store() as store:
            rekey.rotate_root(store, root, fresh, receiver.names.workspace, clock.utcnow(), os.urandom)
        turn_over(receiver, fresh)
        answer = await keyrings(sender)
        assert answer.root_spki == fresh.public.spki
        held, _ = follow(held, answer.versions)
        assert held.root == fresh.public
        keys.append(await delivered(sender, held, "batch_4"))
        assert len(set(keys)) == len(keys)


async def test_keys_that_turn_over_under_load_fail_no_request(tmp_path: Path, databases: Databases) -> None:
    async with serving(tmp_path / "data", databases=databases) as receiver:
        root = load_key(receiver.data.root_key)
        sender = await Sender(receiver).join()
        batches = [sender.capture(1) for _ in range(40)]
        sending = asyncio.gather(*(sender.deliver(one, f"batch_{n}") for n, one in enumerate(batches)))
        for _ in range(3):
            await asyncio.to_thread(turn_over, receiver, root)
        answers = await sending
        assert {one.status for one in answers} == {200}
        held = open_keyring(dsse.parse((await keyrings(sender)).versions[0]), root.public)
        held, _ = follow(held, (await keyrings(sender)).versions)
        for number, (batch, answer) in enumerate(zip(batches, answers, strict=True)):
            sent = [Sent(number, batch[0].id, batch[0].to_bytes())]
            assert check_receipt(held, sender.id, f"batch_{number}", sent, parse_answer(answer.body)[0]).delivered
