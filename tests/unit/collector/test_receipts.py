"""What a receipt proves about the batch in flight, and what it does not."""

import itertools
from datetime import timedelta

import pytest

from collector.receipts import Sent, beat_receipt_id, check_receipt
from shared.dsse import Envelope
from shared.encoding import digest_text, sha256
from shared.errors import HELD_CODES, REFUSED_CODES, CarnetError, Code, UntrustedError
from shared.keyring import TrustedKeyring, open_keyring
from shared.predicates import ReceiptEntry, Role
from tests.helpers import build

KEYRING = open_keyring(build.keyring(), build.root_signer().public)
RUN = build.collected_run(3)
SENT = [Sent(10 + number, envelope.id, envelope.to_bytes()) for number, envelope in enumerate(RUN)]


def check(receipt: Envelope, keyring: TrustedKeyring = KEYRING, batch_id: str = "batch_1") -> object:
    return check_receipt(keyring, build.COLLECTOR_ID, batch_id, SENT, receipt.to_bytes())


def test_it_says_by_sequence_what_is_delivered_quarantined_and_still_waiting() -> None:
    statuses = [("accepted", None), ("refused", "bad_link"), ("refused", "unknown_key")]
    receipt = build.receipt_for(RUN, statuses=statuses, streams=(build.mark(4, 9),), keyring_version=3)
    found = check_receipt(KEYRING, build.COLLECTOR_ID, "batch_1", SENT, receipt.to_bytes())
    assert found.delivered == (10,)
    assert found.quarantined == ((11, "bad_link"),)
    assert found.waiting == (12,)
    assert found.marks == (build.mark(4, 9),)
    assert found.keyring_version == 3
    assert (found.receipt, found.receipt_id) == (receipt.to_bytes(), receipt.id)
    assert found.received_at == build.NOW + timedelta(seconds=2)


STATUSES = [
    ("accepted", None, "delivered"),
    ("duplicate", None, "delivered"),
    *(("held", code.value, "delivered") for code in sorted(HELD_CODES)),
    *(("refused", code.value, "quarantined") for code in sorted(REFUSED_CODES - {Code.UNKNOWN_KEY})),
    ("refused", "unknown_key", "waiting"),
    ("refused", "a_reason_of_a_newer_receiver", "waiting"),
    ("refused", None, "waiting"),
    ("held", "a_reason_of_a_newer_receiver", "delivered"),
]


@pytest.mark.parametrize(("status", "code", "outcome"), STATUSES)
def test_each_status_has_one_outcome(status: str, code: str | None, outcome: str) -> None:
    receipt = build.receipt_for(RUN[:1], statuses=[(status, code)])
    found = check_receipt(KEYRING, build.COLLECTOR_ID, "batch_1", SENT[:1], receipt.to_bytes())
    assert [len(found.delivered), len(found.quarantined), len(found.waiting)] == [
        outcome == one for one in ("delivered", "quarantined", "waiting")
    ]


@pytest.mark.parametrize("order", [one for one in itertools.permutations(range(3)) if one != (0, 1, 2)])
def test_entries_in_another_order_are_another_batch(order: tuple[int, ...]) -> None:
    with pytest.raises(UntrustedError, match="something else"):
        check(build.receipt_for([RUN[number] for number in order]))


def test_an_unparsable_entry_may_be_refused_by_the_digest_of_its_bytes_and_in_no_other_way() -> None:
    def named(status: str, code: str | None) -> Envelope:
        entries = (ReceiptEntry.model_validate({"entry_digest": digest, "status": status, "code": code}),)
        return build.receipt_for([], entries=entries)

    digest = digest_text(sha256(SENT[0].envelope))
    refused = named("refused", "malformed_envelope").to_bytes()
    found = check_receipt(KEYRING, build.COLLECTOR_ID, "batch_1", SENT[:1], refused)
    assert found.quarantined == ((10, "malformed_envelope"),)
    for status, code in (("accepted", None), ("duplicate", None), ("held", "forked")):
        with pytest.raises(UntrustedError):
            check_receipt(KEYRING, build.COLLECTOR_ID, "batch_1", SENT[:1], named(status, code).to_bytes())


@pytest.mark.parametrize(
    "receipt",
    [
        pytest.param(build.receipt_for(RUN, batch_id="batch_2"), id="another batch"),
        pytest.param(build.receipt_for(RUN[:2]), id="one short"),
        pytest.param(build.receipt_for([*RUN, RUN[0]]), id="one more"),
        pytest.param(build.receipt_for([]), id="none"),
        pytest.param(build.receipt_for(RUN, build.signer(5)), id="a key that nobody introduced"),
        pytest.param(build.receipt_for(RUN, build.decision_signer()), id="a key of another role"),
        pytest.param(build.receipt_for(RUN, build.root_signer()), id="the root"),
        pytest.param(build.receipt_for(RUN, audience=build.AUDIENCE), id="no collector"),
        pytest.param(build.heartbeat_envelope(), id="a heartbeat"),
        pytest.param(RUN[0], id="an entry"),
        pytest.param(build.receipt_for(RUN, crit=("conditions",)), id="a critical field"),
        pytest.param(build.receipt_for(RUN, received_at=build.NOW - timedelta(days=31)), id="before its key was good"),
    ],
)
def test_anything_else_settles_nothing(receipt: Envelope) -> None:
    with pytest.raises(CarnetError):
        check(receipt)


def test_a_key_that_has_ended_signs_no_later_receipt() -> None:
    ended = build.Row(build.receipt_signer(), valid_until=build.NOW)
    rows = (ended, build.Row(build.decision_signer(), Role.DECISION))
    keyring = open_keyring(build.keyring(rows=rows), build.root_signer().public)
    with pytest.raises(UntrustedError) as refused:
        check(build.receipt_for(RUN), keyring)
    assert refused.value.code is Code.UNKNOWN_KEY


def test_a_heartbeat_is_answered_by_the_receipt_of_its_own_number_alone() -> None:
    receipt = build.receipt_for([], batch_id=beat_receipt_id(7)).to_bytes()
    assert check_receipt(KEYRING, build.COLLECTOR_ID, "beat-7", [], receipt).delivered == ()
    with pytest.raises(UntrustedError, match="another batch"):
        check_receipt(KEYRING, build.COLLECTOR_ID, "beat-8", [], receipt)


@pytest.mark.parametrize("step", [1, 7, 31])
def test_no_bit_of_a_receipt_can_be_changed(step: int) -> None:
    raw = build.receipt_for(RUN).to_bytes()
    for at in range(0, len(raw), step * 13):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        with pytest.raises(CarnetError):
            check_receipt(KEYRING, build.COLLECTOR_ID, "batch_1", SENT, changed)
