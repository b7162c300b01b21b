"""An envelope has one spelling: everything else is refused, with a code, and never verifies."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import dsse
from shared.dsse import MAX_ENVELOPE_BYTES, MAX_PAYLOAD_BYTES, PAYLOAD_TYPE, Envelope
from shared.errors import CarnetError, Code, MalformedError, UntrustedError
from tests.helpers.build import collected_envelope, signer

ENVELOPE = collected_envelope()
GOOD = ENVELOPE.to_bytes()
KEY = signer().public
OTHER = signer(2)
FIELDS: dict[str, Any] = json.loads(GOOD)
PAYLOAD: str = FIELDS["payload"]
SIG: str = FIELDS["signatures"][0]["sig"]
KEY_ID: str = FIELDS["signatures"][0]["keyid"]


def rendered(fields: object) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


def with_member(name: str, value: object) -> bytes:
    return rendered(FIELDS | {name: value})


def with_signature(**changes: object) -> bytes:
    return with_member("signatures", [FIELDS["signatures"][0] | changes])


def without(name: str) -> bytes:
    return rendered({key: value for key, value in FIELDS.items() if key != name})


def ordered(*names: str) -> bytes:
    return rendered({name: FIELDS[name] for name in names})


def replaced(old: str, new: str) -> bytes:
    assert old.encode() in GOOD
    return GOOD.replace(old.encode(), new.encode(), 1)


def trailing_bits(text: str) -> str:
    """The same bytes to a lenient decoder: the unused bits before the padding are not zero."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    body = text.rstrip("=")
    assert body != text
    spelled = body[:-1] + alphabet[alphabet.index(body[-1]) + 1] + "=" * (len(text) - len(body))
    assert base64.b64decode(spelled, validate=True) == base64.b64decode(text, validate=True)
    return spelled


def padded_payload() -> dict[str, Any]:
    """An envelope whose payload has padding, so that padding can be tampered with."""
    for length in range(1, 4):
        fields: dict[str, Any] = json.loads(dsse.sign(b"x" * length, signer()).to_bytes())
        if fields["payload"].endswith("="):
            return fields
    raise AssertionError


PADDED = padded_payload()
TWO = json.loads(dsse.sign(ENVELOPE.payload, signer(), OTHER).to_bytes())["signatures"]

MUTATIONS: dict[str, bytes] = {
    # Members.
    "no payload": without("payload"),
    "no payload type": without("payloadType"),
    "no signatures": without("signatures"),
    "payload twice": replaced('{"payload":', f'{{"payload":"{PAYLOAD}","payload":'),
    "payload type twice": replaced('"payloadType":', f'"payloadType":"{PAYLOAD_TYPE}","payloadType":'),
    "signatures twice": GOOD[:-1] + b',"signatures":' + rendered(FIELDS["signatures"]) + b"}",
    "type before payload": ordered("payloadType", "payload", "signatures"),
    "signatures first": ordered("signatures", "payload", "payloadType"),
    "signatures in the middle": ordered("payload", "signatures", "payloadType"),
    "an extra member behind": rendered(FIELDS | {"extra": 1}),
    "an extra member in front": rendered({"extra": 1} | FIELDS),
    "an extra member that is null": rendered(FIELDS | {"extra": None}),
    "members of other case": rendered({key.upper(): value for key, value in FIELDS.items()}),
    "an escaped member name": replaced('"payload"', '"\\u0070ayload"'),
    "payload null": with_member("payload", None),
    "payload a number": with_member("payload", 1),
    "payload a list": with_member("payload", [PAYLOAD]),
    "payload an object": with_member("payload", {"value": PAYLOAD}),
    "payload type null": with_member("payloadType", None),
    "payload type a list": with_member("payloadType", [PAYLOAD_TYPE]),
    "another payload type": with_member("payloadType", "application/json"),
    "payload type in capitals": with_member("payloadType", PAYLOAD_TYPE.upper()),
    "payload type with a parameter": with_member("payloadType", PAYLOAD_TYPE + "; charset=utf-8"),
    "payload type with an escape": replaced("application/", "application\\/"),
    "payload type with another letter for a dot": replaced("vnd.in-toto", "vndxin-toto"),
    # Signatures.
    "signatures null": with_member("signatures", None),
    "signatures an object": with_member("signatures", FIELDS["signatures"][0]),
    "signatures a string": with_member("signatures", SIG),
    "no signature": with_member("signatures", []),
    "a signature that is null": with_member("signatures", [None]),
    "three signatures": with_member("signatures", [*TWO, TWO[0]]),
    "two signatures of one key": with_member("signatures", [TWO[0], TWO[0]]),
    "two signatures of one key, one of them broken": with_member(
        "signatures", [TWO[0], TWO[0] | {"sig": TWO[1]["sig"]}]
    ),
    "no key id": with_member("signatures", [{"sig": SIG}]),
    "no sig": with_member("signatures", [{"keyid": KEY_ID}]),
    "sig before key id": with_member("signatures", [{"sig": SIG, "keyid": KEY_ID}]),
    "sig twice": replaced('"sig":', f'"sig":"{SIG}","sig":'),
    "key id twice": replaced('"keyid":', f'"keyid":"{KEY_ID}","keyid":'),
    "an extra member in the signature": with_signature(cert="x"),
    "sig null": with_signature(sig=None),
    "sig a number": with_signature(sig=1),
    "sig empty": with_signature(sig=""),
    "sig in hex": with_signature(sig=base64.b64decode(SIG).hex()),
    "sig of 63 bytes": with_signature(sig=base64.b64encode(bytes(63)).decode()),
    "sig of 65 bytes": with_signature(sig=base64.b64encode(bytes(65)).decode()),
    "sig of a mebibyte": with_signature(sig=base64.b64encode(bytes(1 << 20)).decode()),
    "key id null": with_signature(keyid=None),
    "key id empty": with_signature(keyid=""),
    "key id in capitals": with_signature(keyid="sha256:" + KEY_ID[7:].upper()),
    "key id with its algorithm in capitals": with_signature(keyid="SHA256:" + KEY_ID[7:]),
    "key id without its algorithm": with_signature(keyid=KEY_ID[7:]),
    "key id of another algorithm": with_signature(keyid="sha512:" + KEY_ID[7:]),
    "key id cut": with_signature(keyid=KEY_ID[:-1]),
    "key id longer": with_signature(keyid=KEY_ID + "0"),
    # Base64.
    "payload unpadded": rendered(PADDED | {"payload": PADDED["payload"].rstrip("=")}),
    "payload padded too much": rendered(PADDED | {"payload": PADDED["payload"] + "===="}),
    "payload with trailing bits": rendered(PADDED | {"payload": trailing_bits(PADDED["payload"])}),
    "payload of one letter": with_member("payload", "A"),
    "payload with text behind its padding": rendered(PADDED | {"payload": PADDED["payload"] + "AAAA"}),
    "payload url-safe": with_member("payload", "_-_-"),
    "payload with a line end": with_member("payload", PAYLOAD[:76] + "\n" + PAYLOAD[76:]),
    "payload with a space": with_member("payload", PAYLOAD[:4] + " " + PAYLOAD[4:]),
    "payload with an escape": replaced(PAYLOAD[:4], f"\\u{ord(PAYLOAD[0]):04x}" + PAYLOAD[1:4]),
    "payload with an escaped slash": with_member("payload", "AA//").replace(b"//", b"\\/\\/"),
    "payload in full-width letters": with_member("payload", "\uff21\uff21\uff21\uff21"),
    "sig unpadded": with_signature(sig=SIG.rstrip("=")),
    "sig url-safe": with_signature(sig="-_" + SIG[2:]),
    "sig with trailing bits": with_signature(sig=trailing_bits(SIG)),
    # White space and what stands around.
    "indented": json.dumps(FIELDS, indent=1).encode(),
    "a space behind each separator": json.dumps(FIELDS).encode(),
    "a space in front": b" " + GOOD,
    "a space behind": GOOD + b" ",
    "a line end behind": GOOD + b"\n",
    "a carriage return and line end behind": GOOD + b"\r\n",
    "a space before the last brace": GOOD[:-1] + b" }",
    "a byte-order mark": b"\xef\xbb\xbf" + GOOD,
    "a NUL in front": b"\x00" + GOOD,
    "a NUL behind": GOOD + b"\x00",
    "utf-16": GOOD.decode().encode("utf-16"),
    "twice": GOOD + GOOD,
    "in a list": b"[" + GOOD + b"]",
    "in a string": rendered(GOOD.decode()),
    "a comma behind the last member": GOOD[:-1] + b",}",
    "empty": b"",
    "an empty object": b"{}",
    "null": b"null",
    "no JSON": b"envelope",
}


def outcome(data: bytes) -> Code | None:
    """What a receiver with the right key in hand does with these bytes: None where they verify."""
    try:
        dsse.verify(dsse.parse(data), KEY)
    except (MalformedError, UntrustedError) as error:
        return error.code
    return None


def test_a_good_envelope_is_read_verified_and_written_as_the_same_bytes() -> None:
    parsed = dsse.parse(GOOD)
    verified = dsse.verify(parsed, KEY)
    assert verified.payload == ENVELOPE.payload == base64.b64decode(PAYLOAD)
    assert verified.id == ENVELOPE.id
    assert verified.key == KEY
    assert parsed.to_bytes() == GOOD


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in MUTATIONS.items()])
def test_another_spelling_is_a_malformed_envelope(data: bytes) -> None:
    assert data != GOOD
    with pytest.raises(MalformedError) as refused:
        dsse.parse(data)
    too_large = len(data) > MAX_ENVELOPE_BYTES
    assert refused.value.code is (Code.TOO_LARGE if too_large else Code.MALFORMED_ENVELOPE)
    assert refused.value.hint


@given(at=st.integers(0, len(GOOD) - 1), to=st.integers(0, 255))
@settings(max_examples=1000)
def test_no_changed_byte_is_believed(at: int, to: int) -> None:
    data = GOOD[:at] + bytes([to]) + GOOD[at + 1 :]
    if data != GOOD:
        assert outcome(data) in (Code.MALFORMED_ENVELOPE, Code.BAD_SIGNATURE)


def test_no_flipped_bit_anywhere_is_believed() -> None:
    for at in range(len(GOOD)):
        for bit in (0x01, 0x20, 0x80):
            data = GOOD[:at] + bytes([GOOD[at] ^ bit]) + GOOD[at + 1 :]
            assert outcome(data) in (Code.MALFORMED_ENVELOPE, Code.BAD_SIGNATURE), at


@given(start=st.integers(0, len(GOOD)), length=st.integers(0, 40), insert=st.binary(max_size=20))
@settings(max_examples=1000)
def test_no_cut_or_inserted_bytes_are_believed(start: int, length: int, insert: bytes) -> None:
    data = GOOD[:start] + insert + GOOD[start + length :]
    if data != GOOD:
        assert outcome(data) in (Code.MALFORMED_ENVELOPE, Code.BAD_SIGNATURE)


@given(st.binary(max_size=300))
def test_any_bytes_are_answered_in_our_words(data: bytes) -> None:
    with pytest.raises(MalformedError) as refused:
        dsse.parse(data)
    assert refused.value.code is Code.MALFORMED_ENVELOPE


def refusal(act: Callable[[], object]) -> CarnetError:
    with pytest.raises(CarnetError) as refused:
        act()
    return refused.value


@given(payload=st.binary(max_size=3000), number=st.integers(1, 5))
@settings(max_examples=200)
def test_what_was_signed_is_read_back_whatever_its_bytes(payload: bytes, number: int) -> None:
    envelope = dsse.sign(payload, signer(number))
    parsed = dsse.parse(envelope.to_bytes())
    assert parsed == envelope
    assert dsse.verify(parsed, signer(number).public).payload == payload
    assert refusal(lambda: dsse.verify(parsed, signer(6).public)).code is Code.BAD_SIGNATURE


def test_the_right_signature_under_another_key_id_is_not_believed() -> None:
    renamed = dsse.parse(with_signature(keyid=OTHER.public.key_id))
    assert refusal(lambda: dsse.verify(renamed, KEY)).code is Code.BAD_SIGNATURE
    assert refusal(lambda: dsse.verify(renamed, OTHER.public)).code is Code.BAD_SIGNATURE
    assert refusal(lambda: dsse.verify_any(renamed, [KEY])).code is Code.UNKNOWN_KEY
    assert refusal(lambda: dsse.verify_any(renamed, [KEY, OTHER.public])).code is Code.BAD_SIGNATURE


def test_a_signature_taken_from_another_envelope_is_not_believed() -> None:
    other = dsse.sign(b"{}", signer())
    swapped = Envelope(ENVELOPE.payload, other.signatures)
    assert refusal(lambda: dsse.verify(swapped, KEY)).code is Code.BAD_SIGNATURE


def test_a_signature_over_the_bare_payload_is_not_believed() -> None:
    bare = Envelope(ENVELOPE.payload, (dsse.Signature(KEY.key_id, signer().sign(ENVELOPE.payload)),))
    assert refusal(lambda: dsse.verify(bare, KEY)).code is Code.BAD_SIGNATURE


def test_a_signature_for_another_payload_type_is_not_believed() -> None:
    message = dsse.pae(ENVELOPE.payload, "application/json")
    other = Envelope(ENVELOPE.payload, (dsse.Signature(KEY.key_id, signer().sign(message)),))
    assert refusal(lambda: dsse.verify(other, KEY)).code is Code.BAD_SIGNATURE


def test_the_pre_authentication_encoding_counts_bytes() -> None:
    # The example of the protocol text, and one where characters and bytes differ.
    assert dsse.pae(b"hello world", "http://example.com/HelloWorld") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert dsse.pae("é".encode(), "t/é") == b"DSSEv1 4 t/\xc3\xa9 2 \xc3\xa9"
    assert dsse.pae(b"", "") == b"DSSEv1 0  0 "


def test_two_signatures_verify_only_together_in_order_and_under_both_keys() -> None:
    both = dsse.parse(dsse.sign(b"{}", signer(), OTHER).to_bytes())
    assert dsse.verify(both, KEY, OTHER.public).keys == (KEY, OTHER.public)
    assert refusal(lambda: dsse.verify(both, KEY)).code is Code.MALFORMED_ENVELOPE
    assert refusal(lambda: dsse.verify(both, OTHER.public, KEY)).code is Code.BAD_SIGNATURE
    assert refusal(lambda: dsse.verify(both, KEY, KEY)).code is Code.MALFORMED_ENVELOPE
    assert refusal(lambda: dsse.verify(both, KEY, signer(3).public)).code is Code.BAD_SIGNATURE
    assert refusal(lambda: dsse.verify_any(both, [KEY, OTHER.public])).code is Code.MALFORMED_ENVELOPE


def test_one_key_is_never_counted_as_two_signers() -> None:
    once = dsse.sign(b"{}", signer()).signatures[0]
    twice = Envelope(b"{}", (once, once))
    assert refusal(lambda: dsse.verify(twice, KEY, KEY)).code is Code.MALFORMED_ENVELOPE
    assert refusal(lambda: dsse.verify(twice, KEY, OTHER.public)).code is Code.BAD_SIGNATURE
    assert refusal(lambda: dsse.verify(Envelope(b"{}", ()))).code is Code.MALFORMED_ENVELOPE


@pytest.mark.parametrize("keys", [(), (1, 1), (1, 2, 3)], ids=["none", "one twice", "three"])
def test_an_envelope_is_not_made_with_other_than_one_or_two_keys(keys: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="two different"):
        dsse.sign(b"{}", *(signer(number) for number in keys))


def test_identity_is_the_digest_of_what_is_signed_not_of_the_text() -> None:
    assert dsse.sign(b"{}", signer()).id == dsse.sign(b"{}", OTHER).id == dsse.attestation_id(b"{}")
    assert dsse.sign(b"{}", signer()).id != dsse.sign(b"{ }", signer()).id


def test_a_payload_of_a_mebibyte_travels_and_one_byte_more_does_not() -> None:
    largest = dsse.sign(b"x" * MAX_PAYLOAD_BYTES, signer(), OTHER).to_bytes()
    assert len(largest) <= MAX_ENVELOPE_BYTES
    assert len(dsse.parse(largest).payload) == MAX_PAYLOAD_BYTES
    assert refusal(lambda: dsse.sign(b"x" * (MAX_PAYLOAD_BYTES + 1), signer())).code is Code.TOO_LARGE
    signature = dsse.sign(b"", signer()).signatures
    by_hand = Envelope(b"x" * (MAX_PAYLOAD_BYTES + 1), signature).to_bytes()
    assert refusal(lambda: dsse.parse(by_hand)).code is Code.TOO_LARGE
    assert refusal(lambda: dsse.parse(b"x" * (MAX_ENVELOPE_BYTES + 1))).code is Code.TOO_LARGE
