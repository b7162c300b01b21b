"""S2 against admission: whatever is done to a good envelope, only what verifies to the same bytes is admitted."""

import random
from collections.abc import Callable, Iterator
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from receiver.core.admit import Examined, Unreadable, examine
from shared import dsse, statement
from shared.encoding import b64encode, canonical, parse_json
from shared.errors import Code
from shared.predicates import Collected
from tests.helpers import build
from tests.helpers.fleet import Spool

MUTANTS = 1000

SPOOL = Spool()
GOOD = SPOOL.entry()
ENVELOPE = dsse.parse(GOOD)
SENDER = SPOOL.sender()
PAYLOAD, KEY_ID = b64encode(ENVELOPE.payload), ENVELOPE.key_id
SIGNATURE = b64encode(ENVELOPE.signatures[0].raw)
ATTACKER = build.signer(66)


def written(*members: tuple[str, str]) -> bytes:
    return ("{" + ",".join(f'"{name}":{value}' for name, value in members) + "}").encode()


def signature(keyid: str = KEY_ID, sig: str = SIGNATURE) -> str:
    return f'{{"keyid":"{keyid}","sig":"{sig}"}}'


PARTS = (
    ("payload", f'"{PAYLOAD}"'),
    ("payloadType", f'"{dsse.PAYLOAD_TYPE}"'),
    ("signatures", f"[{signature()}]"),
)


def refused(data: bytes) -> Code:
    """Admission's reason; fails where an altered envelope is admitted, or anything but a verdict comes out."""
    found = examine(data, SENDER)
    assert isinstance(found, Unreadable), "an altered envelope was admitted"
    assert found.refusal.detail
    return found.refusal.code


def test_the_untouched_envelope_is_admitted() -> None:
    assert written(*PARTS) == GOOD
    found = examine(GOOD, SENDER)
    assert isinstance(found, Examined)
    assert found.refusal is None


def test_every_byte_changed_is_refused() -> None:
    chance = random.Random(2)  # noqa: S311 - the same in every run
    for at in range(len(GOOD)):
        for byte in {chance.randrange(256), GOOD[at] ^ 1, GOOD[at] ^ 0x20, 0} - {GOOD[at]}:
            refused(GOOD[:at] + bytes([byte]) + GOOD[at + 1 :])


def test_every_bit_of_payload_and_signature_flipped_is_refused_as_a_bad_signature() -> None:
    chance = random.Random(3)  # noqa: S311 - the same in every run
    raw = ENVELOPE.signatures[0].raw
    for at in range(8 * len(raw)):
        flipped = bytearray(raw)
        flipped[at // 8] ^= 1 << (at % 8)
        made = dsse.Envelope(ENVELOPE.payload, (dsse.Signature(KEY_ID, bytes(flipped)),))
        assert refused(made.to_bytes()) is Code.BAD_SIGNATURE
    for _ in range(MUTANTS):
        payload = bytearray(ENVELOPE.payload)
        at = chance.randrange(8 * len(payload))
        payload[at // 8] ^= 1 << (at % 8)
        made = dsse.Envelope(bytes(payload), ENVELOPE.signatures)
        assert refused(made.to_bytes()) is Code.BAD_SIGNATURE


def test_every_cut_and_everything_added_is_refused() -> None:
    for at in range(len(GOOD)):
        refused(GOOD[:at])
        refused(GOOD[at + 1 :])
    for extra in (b" ", b"\n", b"\0", b"}", GOOD, b"\xef\xbb\xbf"):
        refused(GOOD + extra)
        refused(extra + GOOD)


def test_members_removed_doubled_reordered_or_renamed_are_refused() -> None:
    for index in range(len(PARTS)):
        assert refused(written(*PARTS[:index], *PARTS[index + 1 :])) is Code.MALFORMED_ENVELOPE
        assert refused(written(*PARTS, PARTS[index])) is Code.MALFORMED_ENVELOPE
        assert refused(written(PARTS[index], *PARTS)) is Code.MALFORMED_ENVELOPE
        name, value = PARTS[index]
        for other in (name.upper(), name + " ", "_" + name, "\\u0070" + name[1:]):
            renamed = (*PARTS[:index], (other, value), *PARTS[index + 1 :])
            assert refused(written(*renamed)) is Code.MALFORMED_ENVELOPE
    for order in permutations(PARTS):
        if order != PARTS:
            assert refused(written(*order)) is Code.MALFORMED_ENVELOPE
    for extra in (("extra", "null"), ("payload", '""'), ("__proto__", "{}")):
        for at in range(len(PARTS) + 1):
            assert refused(written(*PARTS[:at], extra, *PARTS[at:])) is Code.MALFORMED_ENVELOPE


@pytest.mark.parametrize("value", ["null", "true", "0", '""', "[]", "{}", "[[]]", '[""]', '"x"'])
def test_members_of_another_type_are_refused(value: str) -> None:
    for index, (name, _) in enumerate(PARTS):
        refused(written(*PARTS[:index], (name, value), *PARTS[index + 1 :]))
    refused(written(*PARTS[:2], ("signatures", f"[{value}]")))
    refused(written(*PARTS[:2], ("signatures", f'[{{"keyid":{value},"sig":"{SIGNATURE}"}}]')))
    refused(written(*PARTS[:2], ("signatures", f'[{{"keyid":"{KEY_ID}","sig":{value}}}]')))


@pytest.mark.parametrize(
    "spelled",
    [
        f'[{{"sig":"{SIGNATURE}","keyid":"{KEY_ID}"}}]',
        f'[{{"keyid":"{KEY_ID}","sig":"{SIGNATURE}","cert":""}}]',
        f'[{{"sig":"{SIGNATURE}"}}]',
        f"[ {signature()}]",
        f"[{signature()},]",
        f"[{signature(KEY_ID.upper())}]",
        f"[{signature(KEY_ID.removeprefix('sha256:'))}]",
    ],
)
def test_signatures_in_another_spelling_are_refused(spelled: str) -> None:
    assert refused(written(*PARTS[:2], ("signatures", spelled))) is Code.MALFORMED_ENVELOPE


@pytest.mark.parametrize(
    "payload_type",
    ["application/json", "text/plain", "", "application/vnd.in-toto+json ", "APPLICATION/VND.IN-TOTO+JSON"],
)
def test_another_payload_type_is_refused_even_if_it_was_signed(payload_type: str) -> None:
    signed = b64encode(SPOOL.key.sign(dsse.pae(ENVELOPE.payload, payload_type)))
    forged = written(PARTS[0], ("payloadType", f'"{payload_type}"'), ("signatures", f"[{signature(sig=signed)}]"))
    assert refused(forged) is Code.MALFORMED_ENVELOPE


def test_a_signature_over_the_bare_payload_or_another_encoding_is_refused() -> None:
    lengths_wrong = dsse.pae(ENVELOPE.payload).replace(b" 28 ", b" 27 ", 1)
    for message in (ENVELOPE.payload, b64encode(ENVELOPE.payload).encode(), lengths_wrong, b""):
        forged = dsse.Envelope(ENVELOPE.payload, (dsse.Signature(KEY_ID, SPOOL.key.sign(message)),))
        assert refused(forged.to_bytes()) is Code.BAD_SIGNATURE


def test_key_ids_swapped_or_borrowed_are_refused() -> None:
    """F44: the key comes from the registration, never from the sender."""
    theirs = dsse.sign(ENVELOPE.payload, ATTACKER)
    assert refused(theirs.to_bytes()) is Code.UNKNOWN_KEY
    under_our_name = dsse.Envelope(ENVELOPE.payload, (dsse.Signature(KEY_ID, theirs.signatures[0].raw),))
    assert refused(under_our_name.to_bytes()) is Code.BAD_SIGNATURE
    ours_under_theirs = dsse.Envelope(
        ENVELOPE.payload, (dsse.Signature(ATTACKER.public.key_id, ENVELOPE.signatures[0].raw),)
    )
    assert refused(ours_under_theirs.to_bytes()) is Code.UNKNOWN_KEY


def test_a_second_signature_is_refused_whoever_made_it() -> None:
    """F43: one envelope, one signature; one key under two ids is not two signers."""
    own, theirs = ENVELOPE.signatures[0], dsse.sign(ENVELOPE.payload, ATTACKER).signatures[0]
    twice_named = dsse.Signature(ATTACKER.public.key_id, own.raw)
    for second in (own, theirs, twice_named):
        for pair in ((own, second), (second, own)):
            code = refused(dsse.Envelope(ENVELOPE.payload, pair).to_bytes())
            assert code in (Code.MALFORMED_ENVELOPE, Code.UNKNOWN_KEY)
    refused(dsse.Envelope(ENVELOPE.payload, (own, own, own)).to_bytes())


def spellings(text: str) -> Iterator[str]:
    """Other base64 texts that a lenient decoder reads as the same, or nearly the same, bytes."""
    yield text.rstrip("=")
    yield text + "="
    yield text + "===="
    yield text[:10] + "\\n" + text[10:]
    yield text[:10] + "\n" + text[10:]
    yield text[:10] + " " + text[10:]
    yield text.replace("+", "-").replace("/", "_") if set("+/") & set(text) else text[:-1] + "-"
    yield "\\u00" + f"{ord(text[0]):02x}" + text[1:]
    yield text + "!"


@pytest.mark.parametrize("spelled", list(spellings(PAYLOAD)))
def test_the_payload_in_another_base64_spelling_is_refused(spelled: str) -> None:
    if spelled != PAYLOAD:
        forged = written(("payload", f'"{spelled}"'), *PARTS[1:])
        assert refused(forged) in (Code.MALFORMED_ENVELOPE, Code.BAD_SIGNATURE)


@pytest.mark.parametrize("spelled", [one for one in spellings(SIGNATURE) if one != SIGNATURE])
def test_the_signature_in_another_base64_spelling_is_refused(spelled: str) -> None:
    assert refused(written(*PARTS[:2], ("signatures", f"[{signature(sig=spelled)}]"))) is Code.MALFORMED_ENVELOPE


def test_unused_bits_of_base64_that_are_set_are_refused() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = SIGNATURE[-3]  # 64 bytes leave four unused bits in the last character
    for bits in range(1, 16):
        other = alphabet[alphabet.index(last) | bits]
        if other != last:
            spelled = SIGNATURE[:-3] + other + "=="
            forged = written(*PARTS[:2], ("signatures", f"[{signature(sig=spelled)}]"))
            assert refused(forged) is Code.MALFORMED_ENVELOPE


@pytest.mark.parametrize(
    "respell",
    [
        lambda payload: payload.replace(b'":', b'": ', 1),
        lambda payload: payload + b"\n",
        lambda payload: b'{"_type":"x",' + payload[1:],
        lambda payload: payload[:-1] + b',"subject":[]}',
        lambda payload: b"\xef\xbb\xbf" + payload,
        lambda payload: payload.decode().encode("utf-16"),
        lambda payload: b"[" + payload + b"]",
        lambda payload: payload.replace(b'"passed":true', b'"passed":1', 1),
        lambda payload: payload.replace(b'"sequence":0', b'"sequence":0.0', 1),
        lambda payload: payload.replace(b'"sequence":0', b'"sequence":9007199254740993', 1),
        lambda payload: payload.replace(b'"totalTests":4', b'"totalTests":NaN', 1),
        lambda payload: payload.replace(b'"totalTests":4', b'"totalTests":' + b"[" * 200 + b"]" * 200, 1),
        lambda payload: payload.replace(b'"sequence"', b'"Sequence"', 1),
    ],
)
def test_a_payload_in_another_spelling_is_refused_even_if_a_good_key_signed_it(
    respell: Callable[[bytes], bytes],
) -> None:
    """F45: nothing is read in two ways; what a reader could take for something else is malformed."""
    payload = respell(ENVELOPE.payload)
    assert payload != ENVELOPE.payload
    assert refused(dsse.sign(payload, SPOOL.key).to_bytes()) is Code.MALFORMED_STATEMENT


def leaves(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*path, name)
            yield from leaves(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))


STATEMENT = parse_json(ENVELOPE.payload)
WRONG: list[object] = [None, True, -1, 2**53, 1.5, "", "x" * 400, [], {}, [[]], {"a": 1}]


def with_change(path: tuple[str | int, ...], value: object) -> bytes:
    whole = parse_json(ENVELOPE.payload)
    inner: object = whole
    for step in path[:-1]:
        inner = inner[step]  # type: ignore[index]
    inner[path[-1]] = value  # type: ignore[index]
    return dsse.sign(canonical(whole), SPOOL.key).to_bytes()


def test_every_field_retyped_by_a_good_key_is_judged_and_never_crashes_anything() -> None:
    """A registered but hostile collector: any verdict is fine, an exception is not; `examine` must not raise."""
    for path in leaves(STATEMENT):
        for value in WRONG:
            found = examine(with_change(path, value), SENDER)
            if isinstance(found, Examined) and found.refusal is None:
                said = statement.read(dsse.verify(found.envelope, SPOOL.key.public)).as_(Collected)
                assert found.said.collector_id == said.collector.id == SENDER.collector_id
                assert said.audience.same_place(SENDER.audiences[0])
                assert said.key_id == KEY_ID


@settings(max_examples=MUTANTS, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_mutants_are_admitted_only_if_they_are_the_same_bytes(data: st.DataObject) -> None:
    mutant = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(mutant)))
        cut = data.draw(st.sampled_from([0, 0, 1, 1, 2, 8, 64]))
        put = data.draw(
            st.one_of(
                st.binary(max_size=8),
                st.sampled_from([b'"', b",", b"}", b"{", b"]", b"[", b":", b"\\", b"=", b" ", GOOD[:40], GOOD[-120:]]),
            )
        )
        mutant[at : at + cut] = put
    found = examine(bytes(mutant), SENDER)
    if isinstance(found, Examined):
        assert bytes(mutant) == GOOD


def test_what_is_no_json_envelope_at_all_is_refused() -> None:
    for data in (b"", b"null", b"[]", b"{}", b'"x"', b"\xff\xfe", b"{" * 100_000, GOOD.decode().encode("utf-16")):
        assert refused(data) is Code.MALFORMED_ENVELOPE
    assert refused(b"x" * (dsse.MAX_ENVELOPE_BYTES + 1)) is Code.TOO_LARGE
    large = dsse.Envelope(b"x" * (dsse.MAX_PAYLOAD_BYTES + 1), ENVELOPE.signatures).to_bytes()
    assert refused(large) is Code.TOO_LARGE
