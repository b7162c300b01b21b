"""Nobody signs for a workspace but the keys that its pinned root introduced, each for its one role and its time."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from nacl.bindings import crypto_core_ed25519_add

from shared import dsse, predicates
from shared.dsse import Envelope
from shared.encoding import b64encode, canonical, parse_payload
from shared.errors import CarnetError, Code, MalformedError, UntrustedError
from shared.keyring import TrustedKeyring, newer_keyring, open_keyring
from shared.keys import Ed25519Signer, PublicKey
from shared.predicates import Receipt, Role, RoleKey
from tests.helpers import build, build_acts, build_passports
from tests.helpers.build import AUDIENCE, NOW, OTHER_AUDIENCE, Row, signer

ROOT = build.root_signer().public
RUN = build.collected_run(2)


def held(envelope: Envelope | None = None) -> TrustedKeyring:
    return open_keyring(envelope or build.keyring(), ROOT, AUDIENCE)


def refusal(act: Callable[[], object]) -> CarnetError:
    with pytest.raises((UntrustedError, MalformedError)) as refused:
        act()
    return refused.value


def changed(envelope: Envelope, change: Callable[[Any], None]) -> Envelope:
    """The same statement with something changed, signed by the root: what only a careless root could make."""
    fields = parse_payload(envelope.payload)
    change(fields["predicate"])
    return dsse.sign(canonical(fields), build.root_signer())


def test_a_keyring_is_believed_under_its_root_and_opens_receipts() -> None:
    found = held()
    assert (found.root, found.id, found.audience) == (ROOT, build.keyring().id, AUDIENCE)
    receipt = found.verify(build.receipt_for(RUN)).as_(Receipt)
    assert [entry.status for entry in receipt.entries] == ["accepted", "accepted"]
    assert open_keyring(build.keyring(), ROOT) == found


def test_a_keyring_of_another_root_is_refused() -> None:
    forged = build.keyring(signer(66))
    assert refusal(lambda: open_keyring(forged, ROOT, AUDIENCE)).code is Code.BAD_SIGNATURE


def test_a_keyring_that_another_key_signed_in_the_name_of_the_root_is_refused() -> None:
    forged = dsse.sign(build.keyring().payload, signer(66))
    assert refusal(lambda: open_keyring(forged, ROOT)).code is Code.BAD_SIGNATURE
    claimed = Envelope(forged.payload, (dsse.Signature(ROOT.key_id, forged.signatures[0].raw),))
    assert refusal(lambda: open_keyring(claimed, ROOT)).code is Code.BAD_SIGNATURE
    assert refusal(lambda: open_keyring(forged, signer(66).public)).code is Code.MALFORMED_STATEMENT


def test_a_keyring_of_another_workspace_is_refused_where_one_is_expected() -> None:
    other = build.keyring(audience=OTHER_AUDIENCE)
    assert refusal(lambda: open_keyring(other, ROOT, AUDIENCE)).code is Code.WRONG_AUDIENCE
    assert refusal(lambda: newer_keyring(held(), other)).code is Code.WRONG_AUDIENCE


def test_another_statement_of_the_root_is_no_keyring() -> None:
    root = build.root_signer()
    other = build.signed(predicates.ACCESS, build.access(root), root)
    assert refusal(lambda: open_keyring(other, ROOT)).code is Code.WRONG_TYPE


def test_a_keyring_with_two_signatures_is_refused() -> None:
    both = dsse.sign(build.keyring().payload, build.root_signer(), signer(2))
    assert refusal(lambda: open_keyring(both, ROOT)).code is Code.MALFORMED_ENVELOPE


def test_a_keyring_that_demands_what_we_do_not_know_is_not_used() -> None:
    demanding = build.keyring(crit=("quorum",))
    assert refusal(lambda: open_keyring(demanding, ROOT, AUDIENCE)).code is Code.NOT_UNDERSTOOD


def row(key: PublicKey, *, key_id: str | None = None, role: Role = Role.RECEIPT) -> RoleKey:
    return RoleKey(key_id=key_id or key.key_id, public_key=b64encode(key.spki), role=role, valid_from=NOW)


RECEIPT_KEY, DECISION_KEY = build.receipt_signer().public, build.decision_signer().public
SMALL = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
MIXED = PublicKey(crypto_core_ed25519_add(RECEIPT_KEY.raw, SMALL))


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(rows, id=name)
        for name, rows in {
            "a row for another key's id": [row(RECEIPT_KEY, key_id=DECISION_KEY.key_id)],
            "a row for an id of no key": [row(RECEIPT_KEY, key_id=build.digest("no key"))],
            "the root as a receipt key": [row(ROOT)],
            "a row with role root": [row(RECEIPT_KEY, role=Role.ROOT)],
            "a row with role collector": [row(RECEIPT_KEY, role=Role.COLLECTOR)],
            "one key in two rows": [row(RECEIPT_KEY), row(RECEIPT_KEY)],
            "one key with two roles": [row(RECEIPT_KEY), row(RECEIPT_KEY, role=Role.DECISION)],
            "a key of small order": [row(PublicKey(SMALL))],
            "a key of mixed order": [row(MIXED)],
            "a good row and a bad one": [row(DECISION_KEY, role=Role.DECISION), row(MIXED)],
        }.items()
    ],
)
def test_a_row_that_cannot_be_spoils_the_keyring(rows: list[RoleKey]) -> None:
    error = refusal(lambda: held(build.keyring(keys=tuple(rows))))
    assert isinstance(error, UntrustedError)
    assert error.code is Code.UNKNOWN_KEY


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("publicKey", "AAAA"),
        ("publicKey", b64encode(RECEIPT_KEY.spki).rstrip("=")),
        ("publicKey", b64encode(RECEIPT_KEY.spki)[:-2] + "B="),
        ("publicKey", b64encode(RECEIPT_KEY.spki[:-2] + bytes(2))[:-4] + "===="),
        ("publicKey", b64encode(b"\x30" * 44)),
        ("publicKey", None),
        ("role", "admin"),
        ("role", None),
        ("keyId", RECEIPT_KEY.key_id[7:]),
        ("validFrom", "yesterday"),
        ("validUntil", 0),
    ],
)
def test_a_row_that_cannot_be_read_makes_the_keyring_malformed(member: str, value: object) -> None:
    def change(predicate: Any) -> None:  # noqa: ANN401  # parsed JSON
        predicate["keys"][0][member] = value

    error = refusal(lambda: held(changed(build.keyring(), change)))
    assert error.code is Code.MALFORMED_STATEMENT


def test_a_key_that_is_not_in_the_keyring_signs_nothing() -> None:
    stranger = build.receipt_for(RUN, signer(66))
    error = refusal(lambda: held().verify(stranger))
    assert (type(error), error.code) == (UntrustedError, Code.UNKNOWN_KEY)
    assert refusal(lambda: held().key(signer(66).public.key_id)).code is Code.UNKNOWN_KEY


def test_a_stranger_who_names_a_key_of_the_keyring_is_not_believed() -> None:
    forged = build.receipt_for(RUN, signer(66), key_id=RECEIPT_KEY.key_id)
    renamed = Envelope(forged.payload, (dsse.Signature(RECEIPT_KEY.key_id, forged.signatures[0].raw),))
    assert refusal(lambda: held().verify(renamed)).code is Code.BAD_SIGNATURE


def predicate_of(uri: str, key: Ed25519Signer) -> predicates.Predicate:
    made: dict[str, predicates.Predicate] = {
        predicates.COLLECTED: build.collected(key),
        predicates.HEARTBEAT: build.heartbeat(key),
        predicates.ACCESS: build.access(key),
        predicates.ENROLMENT_REQUEST: build.enrolment_request(key),
        predicates.ENROLMENT: build.enrolment(key_id=key.public.key_id),
        predicates.CLAIMED: build.claimed(key.public.key_id),
        predicates.KEY_ROTATION: build_acts.key_rotation(key),
        predicates.REVOCATION: build_acts.revocation(key_id=key.public.key_id),
        predicates.RELEASE: build_acts.release(key_id=key.public.key_id),
        predicates.GAP_CLOSED: build_acts.gap_closed(key_id=key.public.key_id),
        predicates.MISSING: build_acts.missing(key_id=key.public.key_id),
        predicates.RECEIPT: Receipt(
            audience=AUDIENCE,
            key_id=key.public.key_id,
            salt=build.random16(1),
            batch_id="batch_1",
            received_at=NOW,
            keyring_version=1,
            entries=(),
        ),
        predicates.KEYRING: held().content.model_copy(update={"key_id": key.public.key_id}),
        predicates.POLICY: build_passports.policy(key_id=key.public.key_id),
        predicates.APPROVAL: build_passports.approval(key_id=key.public.key_id),
        predicates.WAIVER: build_passports.waiver(key_id=key.public.key_id),
        predicates.PASSPORT: build_passports.passport(key_id=key.public.key_id),
        predicates.SUMMARY: build_passports.summary(build_passports.passport(key_id=key.public.key_id)),
    }
    return made[uri]


@pytest.mark.parametrize("uri", predicates.TABLE)
@pytest.mark.parametrize("role", [Role.RECEIPT, Role.CLAIM, Role.DECISION, Role.LOG])
def test_each_role_signs_the_types_of_its_role_and_no_other(role: Role, uri: str) -> None:
    key = signer(50)
    ring = held(build.keyring(rows=[Row(key, role)]))
    envelope = build.signed(uri, predicate_of(uri, key), key)
    if predicates.TABLE[uri].role is role:
        assert ring.verify(envelope).kind.uri == uri
    else:
        error = refusal(lambda: ring.verify(envelope))
        assert (type(error), error.code) == (UntrustedError, Code.WRONG_TYPE)


def test_the_root_signs_nothing_but_keyrings() -> None:
    root = build.root_signer()
    assert refusal(lambda: held().verify(build.receipt_for(RUN, root))).code is Code.UNKNOWN_KEY


def test_a_receipt_of_another_workspace_is_refused() -> None:
    other = build.receipt_for(RUN, audience=OTHER_AUDIENCE)
    assert refusal(lambda: held().verify(other)).code is Code.WRONG_AUDIENCE


def test_a_receipt_that_demands_what_we_do_not_know_settles_nothing() -> None:
    demanding = build.receipt_for(RUN, crit=("entries", "partial"))
    assert refusal(lambda: held().verify(demanding)).code is Code.NOT_UNDERSTOOD


def test_a_receipt_with_two_signatures_is_refused() -> None:
    both = dsse.sign(build.receipt_for(RUN).payload, build.receipt_signer(), signer(2))
    assert refusal(lambda: held().verify(both)).code is Code.MALFORMED_ENVELOPE


@pytest.mark.parametrize(
    ("moment", "good"),
    [
        (NOW - timedelta(seconds=1), False),
        (NOW, True),
        (NOW + timedelta(hours=1), True),
        (NOW + timedelta(hours=2) - timedelta(microseconds=1), True),
        (NOW + timedelta(hours=2), False),
        (NOW + timedelta(days=999), False),
    ],
)
def test_a_key_is_good_from_its_first_moment_until_before_its_last(moment: datetime, good: bool) -> None:  # noqa: FBT001
    key = build.receipt_signer()
    ring = held(build.keyring(rows=[Row(key, Role.RECEIPT, NOW, NOW + timedelta(hours=2))]))
    if good:
        ring.check_time(key.public.key_id, moment)
    else:
        error = refusal(lambda: ring.check_time(key.public.key_id, moment))
        assert (type(error), error.code) == (UntrustedError, Code.UNKNOWN_KEY)


def test_a_key_without_an_end_stays_good() -> None:
    held().check_time(RECEIPT_KEY.key_id, NOW + timedelta(days=36_500))


def test_the_next_version_is_taken_and_the_same_one_is_no_news() -> None:
    first = held()
    second = newer_keyring(first, build.keyring(version=2, previous=first.id))
    assert second.content.version == 2
    assert newer_keyring(first, build.keyring()) is first
    assert newer_keyring(second, build.keyring(version=2, previous=first.id)) is second
    third = newer_keyring(second, build.keyring(version=3, previous=second.id))
    assert third.content.version == 3


def test_a_key_that_the_keyring_calls_revoked_signs_nothing() -> None:
    key = build.receipt_signer()
    revoking = build.keyring(revocations=(key.public.key_id,))
    held = open_keyring(revoking, build.root_signer().public)
    with pytest.raises(UntrustedError, match="no good key") as caught:
        held.verify(build.receipt_for(build.collected_run(1)))
    assert caught.value.code is Code.UNKNOWN_KEY


def test_a_key_that_the_next_version_leaves_out_signs_nothing_any_more() -> None:
    first = held()
    second = newer_keyring(first, build.keyring(version=2, previous=first.id, rows=[Row(signer(50))]))
    assert refusal(lambda: second.verify(build.receipt_for(RUN))).code is Code.UNKNOWN_KEY
    second.verify(build.receipt_for(RUN, signer(50)))


SECOND = newer_keyring(held(), build.keyring(version=2, previous=held().id))


@pytest.mark.parametrize(
    "envelope",
    [
        pytest.param(envelope, id=name)
        for name, envelope in {
            "older": build.keyring(),
            "another version 1": build.keyring(salt=build.random16(9)),
            "another of the same version": build.keyring(version=2, previous=held().id, salt=build.random16(9)),
            "skipped": build.keyring(version=4, previous=SECOND.id),
            "linked to the one before": build.keyring(version=3, previous=held().id),
            "linked to nothing known": build.keyring(version=3, previous=bytes(31) + b"\x01"),
            "not linked": build.keyring(version=3),
            "version 1 with a link": build.keyring(version=1, previous=SECOND.id),
        }.items()
    ],
)
def test_a_keyring_that_does_not_follow_the_one_held_is_refused(envelope: Envelope) -> None:
    error = refusal(lambda: newer_keyring(SECOND, envelope))
    assert (type(error), error.code) == (UntrustedError, Code.UNKNOWN_KEY)
    assert error.hint


def test_the_next_version_under_another_root_is_refused() -> None:
    forged = build.keyring(signer(66), version=3, previous=SECOND.id)
    assert refusal(lambda: newer_keyring(SECOND, forged)).code is Code.BAD_SIGNATURE


@pytest.mark.parametrize("version", [0, -1, True, 1.0, "1", None])
def test_a_version_that_is_no_number_is_malformed(version: object) -> None:
    def change(predicate: Any) -> None:  # noqa: ANN401  # parsed JSON
        predicate["version"] = version

    assert refusal(lambda: held(changed(build.keyring(), change))).code is Code.MALFORMED_STATEMENT


@pytest.mark.parametrize(
    "envelope",
    [build.keyring(version=1, previous=bytes(31) + b"\x01"), build.keyring(version=2)],
    ids=["first with a link", "second without"],
)
def test_only_the_first_version_has_nothing_before_it(envelope: Envelope) -> None:
    assert refusal(lambda: open_keyring(envelope, ROOT, AUDIENCE)).code is Code.UNKNOWN_KEY
