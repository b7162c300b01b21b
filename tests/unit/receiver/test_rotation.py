"""A key rotation by itself: what is believed of it before anything about its stream is known."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from receiver.core.admit import Examined, Judged, KeyState, KnownKey, Sender, Unreadable, examine, examine_all
from receiver.core.rotation import Rotation, examine_batch, examine_rotation, turn
from shared import dsse, predicates, statement
from shared.dsse import Envelope, Signature
from shared.encoding import b64encode, sha256
from shared.errors import Code
from shared.keys import SPKI_PREFIX
from shared.statement import subject_sha256
from tests.helpers import build, build_acts
from tests.helpers.fleet import Spool

NEW, THIRD = build.signer(9), build.signer(10)
STREAM, OTHER_STREAM = bytes.fromhex(build.STREAM_ID), bytes(16)
SMALL_ORDER = bytes([1]) + bytes(31)


def code_of(found: object) -> Code | None:
    assert isinstance(found, Rotation | Examined | Unreadable)
    return None if found.refusal is None else found.refusal.code


def look(envelope: Envelope) -> Rotation | Unreadable:
    return examine_rotation(envelope.to_bytes(), Spool().sender())


def test_a_rotation_of_both_keys_names_its_place_and_its_new_key() -> None:
    spool = Spool()
    before, made = spool.envelope(), spool.rotation(NEW)
    found = look(made)
    assert isinstance(found, Rotation)
    assert (found.refusal, found.hold) == (None, None)
    assert (found.id, found.previous, found.sequence, found.stream_id) == (made.id, before.id, 1, STREAM)
    assert found.new_key == NEW.public
    assert found.envelope.to_bytes() == made.to_bytes()


@pytest.mark.parametrize("which", [0, 1], ids=["old", "new"])
def test_a_rotation_that_lacks_one_of_its_signatures_is_no_rotation(which: int) -> None:
    made = Spool().rotation(NEW)
    alone = Envelope(made.payload, (made.signatures[which],))
    expected = Code.MALFORMED_ENVELOPE if which == 0 else Code.UNKNOWN_KEY
    for found in (look(alone), examine(alone.to_bytes(), Spool().sender())):
        assert isinstance(found, Unreadable)
        assert found.refusal.code is expected


@pytest.mark.parametrize("which", [0, 1], ids=["old", "new"])
def test_a_rotation_whose_signature_does_not_verify_is_not_believed(which: int) -> None:
    made = Spool().rotation(NEW)
    signatures = list(made.signatures)
    signatures[which] = Signature(signatures[which].key_id, bytes(64))
    found = look(Envelope(made.payload, tuple(signatures)))
    assert isinstance(found, Unreadable)
    assert found.refusal.code is Code.BAD_SIGNATURE


def test_the_second_signature_must_be_of_the_key_that_the_old_one_named() -> None:
    made = build_acts.key_rotation(new=NEW)
    about = subject_sha256(sha256(NEW.public.spki).hex())
    other = dsse.sign(statement.payload(predicates.KEY_ROTATION, (about,), made), build.signer(), THIRD)
    assert code_of(look(other)) is Code.BAD_SIGNATURE


def test_signatures_the_other_way_round_come_from_a_stranger() -> None:
    made = Spool().rotation(NEW)
    assert code_of(look(Envelope(made.payload, made.signatures[::-1]))) is Code.UNKNOWN_KEY


@pytest.mark.parametrize("key", [build.signer(2), NEW], ids=["a stranger", "the new key itself"])
def test_nobody_introduces_a_key_but_a_key_that_is_known(key: object) -> None:
    spool = Spool(key=key)  # type: ignore[arg-type]
    assert code_of(look(spool.rotation(THIRD))) is Code.UNKNOWN_KEY


def test_a_weak_key_is_refused_and_the_rotation_keeps_its_place() -> None:
    spki = SPKI_PREFIX + SMALL_ORDER
    content = build_acts.key_rotation(public_key=b64encode(spki), new_key_id="sha256:" + sha256(spki).hex())
    about = subject_sha256(sha256(spki).hex())
    made = dsse.sign(statement.payload(predicates.KEY_ROTATION, (about,), content), build.signer(), NEW)
    found = look(made)
    assert isinstance(found, Rotation)
    assert found.sequence == 0
    assert found.refusal is not None
    assert found.refusal.code is Code.MALFORMED_STATEMENT
    assert "prime-order" in found.refusal.detail


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"audience": build.OTHER_AUDIENCE}, Code.WRONG_AUDIENCE),
        ({"collector": {"id": "col_x", "version": "1", "config_digest": build.digest("c")}}, Code.WRONG_COLLECTOR),
        ({"stream": build.link(3, None)}, Code.BAD_LINK),
        ({"new_key_id": build.digest("another")}, Code.MALFORMED_STATEMENT),
    ],
    ids=["foreign workspace", "another collector's name", "no link after 0", "another key's id"],
)
def test_what_both_keys_signed_and_cannot_be_is_refused_at_its_place(changes: dict[str, object], code: Code) -> None:
    found = look(build_acts.key_rotation_envelope(**changes))  # type: ignore[arg-type]
    assert isinstance(found, Rotation)
    assert code_of(found) is code


def test_a_rotation_about_something_else_than_its_new_key_is_refused() -> None:
    payload = statement.payload(predicates.KEY_ROTATION, (subject_sha256("ab" * 32),), build_acts.key_rotation())
    assert code_of(look(dsse.sign(payload, build.signer(), NEW))) is Code.MALFORMED_STATEMENT


def test_evidence_has_one_signature() -> None:
    payload = Spool().envelope().payload
    twice = dsse.sign(payload, build.signer(), NEW).to_bytes()
    (found,), _ = examine_batch([twice], Spool().sender(), examine_all)
    assert code_of(found) is Code.MALFORMED_ENVELOPE
    assert code_of(examine(twice, Spool().sender())) is Code.MALFORMED_ENVELOPE


def test_a_critical_field_that_is_not_known_here_holds_the_rotation() -> None:
    found = look(Spool().rotation(NEW, crit=("seal",)))
    assert isinstance(found, Rotation)
    assert found.hold is Code.NOT_UNDERSTOOD


@pytest.mark.parametrize("entry", [b"", b"17", b'"},{"keyid":"', b"{}" * 300])
def test_bytes_that_are_no_envelope_are_refused_like_any_others(entry: bytes) -> None:
    found = examine_rotation(entry, Spool().sender())
    assert code_of(found) is Code.MALFORMED_ENVELOPE
    assert isinstance(found, Unreadable)
    assert found.digest == sha256(entry)


# --- a batch ---


def test_a_batch_is_examined_with_the_keys_that_its_rotations_introduce_in_the_order_it_came_in() -> None:
    spool = Spool()
    entries = [spool.entry(), spool.rotate(NEW), spool.entry(), spool.rotate(THIRD), spool.entry(), b"17"]
    asked: list[int] = []

    def counted(rest: Sequence[bytes], sender: Sender) -> Judged:
        asked.append(len(rest))
        return examine_all(rest, sender)

    found, wide = examine_batch(entries, Spool().sender(), counted)
    assert [type(one) for one in found] == [Examined, Rotation, Examined, Rotation, Examined, Unreadable]
    assert [one.sequence for one in found if isinstance(one, Examined | Rotation)] == [0, 1, 2, 3, 4]
    assert asked == [4]
    assert set(wide.keys) == {build.signer().public.key_id, NEW.public.key_id, THIRD.public.key_id}
    assert set(Spool().sender().keys) == {build.signer().public.key_id}


def test_a_batch_without_rotations_is_examined_as_it_is() -> None:
    spool, sender = Spool(), Spool().sender()
    entries = spool.entries(3)
    assert examine_batch(entries, sender, examine_all) == (examine_all(entries, sender), sender)


def test_a_refused_rotation_introduces_nobody() -> None:
    spool = Spool()
    entries = [spool.rotation(NEW, audience=build.OTHER_AUDIENCE).to_bytes(), Spool(key=NEW).entry()]
    found, wide = examine_batch(entries, Spool().sender(), examine_all)
    assert [code_of(one) for one in found] == [Code.WRONG_AUDIENCE, Code.UNKNOWN_KEY]
    assert NEW.public.key_id not in wide.keys


def test_a_rotation_does_not_change_a_key_that_is_known() -> None:
    known = KnownKey(NEW.public, KeyState.REVOKED)
    sender = Spool().sender()
    both = replace(sender, keys={**sender.keys, NEW.public.key_id: known})
    _, wide = examine_batch([Spool().rotation(NEW).to_bytes()], both, examine_all)
    assert wide.keys[NEW.public.key_id] is known


# --- what becomes of the keys ---


def rotation(sequence: int = 5) -> Rotation:
    found = look(build_acts.key_rotation_envelope(link=build.link(sequence, b"\x01" * 32)))
    assert isinstance(found, Rotation)
    return found


def test_a_rotation_that_counts_retires_the_old_key_at_its_place_in_its_stream() -> None:
    old_id = build.signer().public.key_id
    after = turn(Spool().sender().keys, rotation(5), counts=True)
    assert after == {
        old_id: KnownKey(build.signer().public, KeyState.RETIRED, 5, STREAM),
        NEW.public.key_id: KnownKey(NEW.public, KeyState.ACTIVE, introduced_at=5, introduced_stream=STREAM),
    }
    assert after[old_id].hold(STREAM, 4) is None
    assert after[old_id].hold(STREAM, 5) is Code.KEY_RETIRED
    assert after[old_id].hold(OTHER_STREAM, 4) is Code.KEY_RETIRED


def test_a_rotation_that_does_not_count_leaves_the_old_key_and_makes_the_new_one_known_as_revoked() -> None:
    before = Spool().sender().keys
    after = turn(before, rotation(), counts=False)
    assert after == {**before, NEW.public.key_id: KnownKey(NEW.public, KeyState.REVOKED, None, None, 5, STREAM)}
