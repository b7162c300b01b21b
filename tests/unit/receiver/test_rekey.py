"""The receiver's own keys turn over: new role keys, a new root that collectors follow, revocations in every keyring."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from collector.enrolling import Offered, pin
from collector.trust import follow
from receiver import fsck, keys_at_hand, lookup, rekey, revoke
from receiver.caller import operator
from receiver.core.revocation import Asked, Loss, What
from shared import dsse
from shared.encoding import b64encode, parse_object
from shared.errors import Code, UntrustedError
from shared.keyring import TrustedKeyring, open_keyring
from shared.keys import PublicKey
from shared.predicates import Role
from tests.helpers import build
from tests.helpers.databases import Databases
from tests.helpers.fleet import NOW, Receiver, make_receiver

LATER = NOW + timedelta(days=30)
SUCCESSOR = build.signer(88)


@pytest.fixture
def receiver(tmp_path: Path, databases: Databases) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=databases)
    yield made
    made.store.close()


def versions(receiver: Receiver) -> tuple[bytes, ...]:
    return lookup.keyring(receiver.store, receiver.workspace_id).versions


def held_by_a_collector(receiver: Receiver) -> TrustedKeyring:
    return open_keyring(dsse.parse(versions(receiver)[0]), receiver.root.public)


def rotate(receiver: Receiver, *roles: Role) -> rekey.Rekeyed:
    return rekey.rotate_roles(
        receiver.store, receiver.master, receiver.root, receiver.workspace_id, roles, LATER, receiver.random
    )


def rotate_root(receiver: Receiver) -> rekey.Rekeyed:
    return rekey.rotate_root(receiver.store, receiver.root, SUCCESSOR, receiver.workspace_id, LATER, receiver.random)


def test_a_new_role_key_signs_from_now_on_and_the_old_ones_word_stays_good(receiver: Receiver) -> None:
    held = held_by_a_collector(receiver)
    before = keys_at_hand.load(receiver.store, receiver.master, receiver.workspace_id)
    made = rotate(receiver, Role.RECEIPT)
    after = keys_at_hand.load(receiver.store, receiver.master, receiver.workspace_id)
    assert (made.version, after.keyring_version) == (2, 2)
    assert after.receipt.public != before.receipt.public
    assert (after.decision.public, after.claim.public) == (before.decision.public, before.claim.public)
    newest, raw = follow(held, versions(receiver))
    assert raw == versions(receiver)[1]
    newest.check_time(after.receipt.public.key_id, LATER)
    newest.check_time(before.receipt.public.key_id, LATER + rekey.OVERLAP - timedelta(microseconds=1))
    for key_id, moment in (
        (before.receipt.public.key_id, LATER + rekey.OVERLAP),
        (after.receipt.public.key_id, LATER - rekey.OVERLAP - timedelta(microseconds=1)),
    ):
        with pytest.raises(UntrustedError, match="not valid at that time"):
            newest.check_time(key_id, moment)
    assert fsck.check(receiver.store) == []


def test_every_role_may_turn_over_again_and_again(receiver: Receiver) -> None:
    held = held_by_a_collector(receiver)
    for _ in range(3):
        rotate(receiver, *rekey.ROLES)
    newest, _ = follow(held, versions(receiver))
    assert newest.content.version == 4
    assert len(newest.content.keys) == 4 * len(rekey.ROLES)
    assert sum(one.valid_until is None for one in newest.content.keys) == len(rekey.ROLES)
    assert fsck.check(receiver.store) == []


def test_only_the_root_turns_keys_over(receiver: Receiver) -> None:
    with pytest.raises(UntrustedError, match="not the root key"):
        rekey.rotate_roles(
            receiver.store, receiver.master, SUCCESSOR, receiver.workspace_id, [Role.LOG], LATER, receiver.random
        )
    with pytest.raises(UntrustedError, match="not the root key"):
        rekey.rotate_root(receiver.store, SUCCESSOR, receiver.root, receiver.workspace_id, LATER, receiver.random)
    assert len(versions(receiver)) == 1


def test_collectors_follow_to_the_next_root_and_the_old_one_signs_nothing_more(receiver: Receiver) -> None:
    held = held_by_a_collector(receiver)
    made = rotate_root(receiver)
    assert made.root_key_id == SUCCESSOR.public.key_id
    newest, _ = follow(held, versions(receiver))
    assert (newest.root, newest.content.version) == (SUCCESSOR.public, 2)
    with pytest.raises(UntrustedError, match="not the root key"):
        rotate(receiver, Role.RECEIPT)
    again = rekey.rotate_roles(
        receiver.store, receiver.master, SUCCESSOR, receiver.workspace_id, [Role.RECEIPT], LATER, receiver.random
    )
    newest, _ = follow(newest, versions(receiver))
    assert newest.content.version == again.version == 3
    late, _ = follow(held, versions(receiver))
    assert late == newest
    assert fsck.check(receiver.store) == []


def test_whoever_enrols_pins_the_root_of_today_and_what_stood_before_it_is_passed_over(
    receiver: Receiver,
) -> None:
    rotate(receiver, Role.RECEIPT)
    rotate_root(receiver)
    parts = lookup.keyring(receiver.store, receiver.workspace_id)
    offered = Offered(PublicKey(SUCCESSOR.public.raw).key_id, parts.root_spki, parts.versions)
    believed, raw = pin(offered, SUCCESSOR.public.key_id)
    assert (believed.root, believed.content.version, raw) == (SUCCESSOR.public, 3, parts.versions[-1])
    with pytest.raises(UntrustedError, match="shows the root key"):
        pin(offered, receiver.root.public.key_id)


def test_a_keyring_that_the_new_root_alone_signed_introduces_nobody(receiver: Receiver) -> None:
    held = held_by_a_collector(receiver)
    rotate_root(receiver)
    real = dsse.parse(versions(receiver)[1])
    for signers in ((SUCCESSOR,), (SUCCESSOR, build.signer(5)), (build.signer(5), SUCCESSOR)):
        forged = dsse.sign(real.payload, *signers).to_bytes()
        with pytest.raises(UntrustedError) as error:
            follow(held, [versions(receiver)[0], forged])
        assert error.value.code in (Code.BAD_SIGNATURE, Code.UNKNOWN_KEY)


def test_a_key_that_is_known_becomes_no_root(receiver: Receiver) -> None:
    spool, _ = receiver.enrol()
    for known in (receiver.root, spool.key):
        with pytest.raises(UntrustedError):
            rekey.rotate_root(receiver.store, receiver.root, known, receiver.workspace_id, LATER, receiver.random)


def test_the_keyring_says_both_roots_in_its_payload(receiver: Receiver) -> None:
    rotate_root(receiver)
    predicate = parse_object(dsse.parse(versions(receiver)[1]).payload)["predicate"]
    assert isinstance(predicate, dict)
    assert predicate["roots"] == [
        b64encode(receiver.root.public.spki),
        b64encode(SUCCESSOR.public.spki),
    ]


def test_a_keyring_says_since_when_a_collectors_key_is_not_good_by_each_revocation_that_stands(
    receiver: Receiver,
) -> None:
    spool, _ = receiver.enrol()
    key_id, by = spool.key.public.key_id, operator(receiver.audience)
    assert rotate(receiver, Role.RECEIPT).revocations == ()
    numbers = []
    for since in (NOW - timedelta(days=1), None):
        asked = Asked(What.KEY, key_id, Loss.COMPROMISED, since, "as ticket 17 says")
        numbers.append(
            revoke.revoke(receiver.store, receiver.signers, asked, by, receiver.now, receiver.random).revocation
        )
    assert rotate(receiver, Role.RECEIPT).revocations == (key_id,)
    newest, _ = follow(held_by_a_collector(receiver), versions(receiver))
    assert newest.content.revocations == (key_id,)
    assert [(one.key_id, one.number, one.since) for one in newest.content.ended] == [
        (key_id, numbers[0], NOW - timedelta(days=1)),
        (key_id, numbers[1], None),
    ]
    assert fsck.check(receiver.store) == []
