"""S1: what is a valid signature, and what is a sound key, decided as published test vectors say."""

import json
from pathlib import Path
from typing import Any

import pytest
from nacl.bindings import crypto_core_ed25519_add

from shared.errors import Code, UntrustedError
from shared.keys import SPKI_PREFIX, Ed25519Signer, PublicKey, key_from_spki
from tests.helpers.build import seed, signer

_WYCHEPROOF = Path(__file__).resolve().parents[1] / "vectors" / "ed25519" / "ed25519_test.json"
_VECTORS: dict[str, Any] = json.loads(_WYCHEPROOF.read_bytes())
_CASES = [
    pytest.param(group["publicKey"], case, id=f"tc{case['tcId']}-{case['result']}")
    for group in _VECTORS["testGroups"]
    for case in group["tests"]
]
_ORDER = 2**252 + 27742317777372353535851937790883648493
_PRIME = 2**255 - 19

# RFC 8032 decoding of the eight points whose order divides 8, each in its canonical encoding.
_ORDER_8_A = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
_ORDER_8_B = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"
SMALL_ORDER = {
    "order 1": "01" + "00" * 31,
    "order 2": "ec" + "ff" * 30 + "7f",
    "order 4": "00" * 32,
    "order 4, negative": "00" * 31 + "80",
    "order 8": _ORDER_8_A,
    "order 8, negative": _ORDER_8_A[:-2] + "85",
    "another of order 8": _ORDER_8_B,
    "another of order 8, negative": _ORDER_8_B[:-2] + "fa",
}
NOT_CANONICAL = {
    "y is the prime": (_PRIME).to_bytes(32, "little").hex(),
    "y is the prime and one": (_PRIME + 1).to_bytes(32, "little").hex(),
    "y is the prime and one, negative": (_PRIME + 1 + 2**255).to_bytes(32, "little").hex(),
    "order 1 with a sign": "01" + "00" * 30 + "80",
    "order 2 with a sign": "ec" + "ff" * 31,
    "all ones": "ff" * 32,
}
OFF_THE_CURVE = {"y is 2": "02" + "00" * 31, "y is 7": "07" + "00" * 31}


def test_the_published_vectors_are_all_here() -> None:
    assert len(_CASES) == _VECTORS["numberOfTests"] >= 150
    assert {case["result"] for group in _VECTORS["testGroups"] for case in group["tests"]} == {
        "valid",
        "invalid",
    }


@pytest.mark.parametrize(("key", "case"), _CASES)
def test_each_published_verdict_is_ours(key: dict[str, str], case: dict[str, str]) -> None:
    public = PublicKey(bytes.fromhex(key["pk"]))
    verdict = public.verify(bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"]))
    assert verdict is (case["result"] == "valid"), case["comment"]


@pytest.mark.parametrize("length", [0, 1, 31, 33, 64, 1 << 20])
def test_a_key_of_another_length_is_refused_in_our_words(length: int) -> None:
    for make in (PublicKey, lambda raw: key_from_spki(SPKI_PREFIX + raw)):
        with pytest.raises(UntrustedError, match="32 bytes") as refused:
            make(b"\x01" * length)
        assert refused.value.code is Code.UNKNOWN_KEY


@pytest.mark.parametrize("length", [0, 1, 63, 65, 128, 1 << 20])
def test_a_signature_of_another_length_is_no_signature_and_no_crash(length: int) -> None:
    assert signer().public.verify(b"message", b"\x01" * length) is False


def test_no_byte_can_move_between_the_signature_and_the_message() -> None:
    # The library takes both as one run of bytes, so only the length tells where one ends.
    signed = signer().sign(b"message") + b"message"
    for cut in (0, 32, 63, 65, 64 + len(b"message")):
        assert not signer().public.verify(signed[cut:], signed[:cut])
    assert signer().public.verify(signed[64:], signed[:64])


def test_a_message_of_a_mebibyte_verifies_and_one_changed_bit_does_not() -> None:
    message = bytearray(1 << 20)
    signature = signer().sign(bytes(message))
    assert signer().public.verify(bytes(message), signature)
    message[1 << 19] ^= 1
    assert not signer().public.verify(bytes(message), signature)


def test_a_signature_plus_the_group_order_is_not_a_second_signature() -> None:
    signature = signer().sign(b"message")
    scalar = int.from_bytes(signature[32:], "little")
    for multiple in (1, 2, 8, 15):
        other = scalar + multiple * _ORDER
        if other < 2**256:
            assert not signer().public.verify(b"message", signature[:32] + other.to_bytes(32, "little"))


@pytest.mark.parametrize("encoded", [*SMALL_ORDER.values(), *NOT_CANONICAL.values()])
def test_no_signature_verifies_under_a_degenerate_key(encoded: str) -> None:
    # Under such a key R = S*B - h*A is met by an R that the forger chooses; S = 0 is the usual try.
    key = PublicKey(bytes.fromhex(encoded))
    for point in (*SMALL_ORDER.values(), encoded):
        assert not key.verify(b"any message", bytes.fromhex(point) + bytes(32))


@pytest.mark.parametrize(
    "encoded",
    [
        pytest.param(encoded, id=name)
        for table in (SMALL_ORDER, NOT_CANONICAL, OFF_THE_CURVE)
        for name, encoded in table.items()
    ],
)
def test_a_key_that_is_no_point_of_the_prime_order_subgroup_is_not_registered(encoded: str) -> None:
    with pytest.raises(UntrustedError, match="prime-order subgroup") as refused:
        PublicKey(bytes.fromhex(encoded)).check_sound()
    assert refused.value.code is Code.UNKNOWN_KEY
    assert refused.value.hint is not None
    assert "keygen" in refused.value.hint


@pytest.mark.parametrize(
    "small", [pytest.param(bytes.fromhex(v), id=k) for k, v in SMALL_ORDER.items() if k != "order 1"]
)
def test_a_key_of_mixed_order_is_not_registered(small: bytes) -> None:
    good = signer().public.raw
    mixed = crypto_core_ed25519_add(good, small)
    assert mixed != good
    with pytest.raises(UntrustedError, match="prime-order subgroup"):
        PublicKey(mixed).check_sound()


def test_the_points_of_these_tests_are_what_they_are_called() -> None:
    # Eight times any of them, added to a key, is that key again; one time is another key, but for order 1.
    good = signer().public.raw
    for name, encoded in SMALL_ORDER.items():
        moved = good
        for _ in range(8):
            moved = crypto_core_ed25519_add(moved, bytes.fromhex(encoded))
        assert moved == good, name


@pytest.mark.parametrize("number", range(20))
def test_every_key_that_we_make_is_sound(number: int) -> None:
    signer(number).public.check_sound()


@pytest.mark.parametrize(
    "der",
    [
        b"",
        SPKI_PREFIX[:-1],
        SPKI_PREFIX.replace(bytes.fromhex("2b6570"), bytes.fromhex("2b656e")) + bytes(32),
        SPKI_PREFIX.replace(bytes.fromhex("2b6570"), bytes.fromhex("2b6571")) + bytes(32),
        bytes.fromhex("30") + bytes(43),
        b"\x00" * (1 << 20),
    ],
    ids=["empty", "cut", "x25519", "ed448", "other", "mebibyte"],
)
def test_what_is_no_ed25519_spki_is_refused_in_our_words(der: bytes) -> None:
    with pytest.raises(UntrustedError) as refused:
        key_from_spki(der)
    assert refused.value.code is Code.UNKNOWN_KEY


def test_a_signer_never_shows_its_secret() -> None:
    secret = seed(1)
    shown = f"{signer()!r} {signer()!s} {vars(signer())} {signer().public!r}"
    assert signer().public.key_id in repr(signer())
    for spelling in (secret.hex(), repr(secret)[2:-1], str(list(secret))):
        assert spelling not in shown


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_seed_of_another_length_is_refused_without_being_shown(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes") as refused:
        Ed25519Signer(b"\xab" * length)
    assert "ab" * 4 not in str(refused.value)
    assert "\\xab" not in str(refused.value)
