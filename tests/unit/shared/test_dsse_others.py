"""Envelopes and keys of ours are read by implementations that are not ours, and theirs by us."""

import hashlib
import subprocess
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib.dsse import Envelope as TheirEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey  # type: ignore[attr-defined]  # exported, unsaid

from shared import dsse
from shared.dsse import PAYLOAD_TYPE, Envelope, Signature
from shared.encoding import b64encode, parse_object
from shared.keyfile import load_key, write_key
from shared.keys import key_from_spki
from tests.helpers.build import collected_envelope, seed, signer

ENVELOPE = collected_envelope()
KEY = signer().public
SPKI_PEM = f"-----BEGIN PUBLIC KEY-----\n{b64encode(KEY.spki)}\n-----END PUBLIC KEY-----\n"
MESSAGE = dsse.pae(ENVELOPE.payload)


def openssl(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=False, timeout=30)


def their_key(key_id: str = KEY.key_id) -> SSlibKey:
    return SSlibKey(key_id, "ed25519", "ed25519", {"public": KEY.raw.hex()})


def test_securesystemslib_verifies_our_envelope() -> None:
    theirs = TheirEnvelope.from_dict(parse_object(ENVELOPE.to_bytes()))
    assert theirs.pae() == MESSAGE
    assert theirs.verify([their_key()], 1).keys() == {KEY.key_id}


def test_securesystemslib_refuses_our_envelope_with_one_bit_changed() -> None:
    payload = bytes([ENVELOPE.payload[0] ^ 1]) + ENVELOPE.payload[1:]
    theirs = TheirEnvelope.from_dict(parse_object(Envelope(payload, ENVELOPE.signatures).to_bytes()))
    with pytest.raises(VerificationError):
        theirs.verify([their_key()], 1)


def test_we_verify_what_securesystemslib_signed() -> None:
    secret = Ed25519PrivateKey.from_private_bytes(seed(7))
    theirs = TheirEnvelope(b'{"made":"elsewhere"}', PAYLOAD_TYPE, {})
    made = theirs.sign(CryptoSigner(secret))
    ours = signer(7).public
    envelope = Envelope(theirs.payload, (Signature(ours.key_id, bytes.fromhex(made.signature)),))
    assert dsse.verify(dsse.parse(envelope.to_bytes()), ours).payload == theirs.payload
    assert envelope == dsse.sign(theirs.payload, signer(7))


def test_cryptography_verifies_our_signature_and_reads_our_public_key() -> None:
    public = serialization.load_der_public_key(KEY.spki)
    assert isinstance(public, Ed25519PublicKey)
    public.verify(ENVELOPE.signatures[0].raw, MESSAGE)
    with pytest.raises(InvalidSignature):
        public.verify(ENVELOPE.signatures[0].raw, MESSAGE + b" ")


def test_we_read_the_public_key_that_cryptography_wrote() -> None:
    theirs = Ed25519PrivateKey.from_private_bytes(seed(7)).public_key()
    der = theirs.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert key_from_spki(der) == signer(7).public


def test_openssl_verifies_an_exported_envelope_with_the_exported_key(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(SPKI_PEM)
    (tmp_path / "pae").write_bytes(MESSAGE)
    (tmp_path / "sig").write_bytes(ENVELOPE.signatures[0].raw)
    (tmp_path / "other").write_bytes(MESSAGE + b" ")

    def verify(message: str) -> subprocess.CompletedProcess[bytes]:
        return openssl(
            *("pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", str(tmp_path / "key.pem")),
            *("-in", str(tmp_path / message), "-sigfile", str(tmp_path / "sig")),
        )

    good, bad = verify("pae"), verify("other")
    assert (good.returncode, good.stdout.strip()) == (0, b"Signature Verified Successfully")
    assert bad.returncode != 0


def test_the_key_id_is_what_openssl_and_sha256sum_print() -> None:
    der = openssl("pkey", "-pubin", "-outform", "DER", stdin=SPKI_PEM.encode())
    assert der.returncode == 0
    digest = subprocess.run(["sha256sum"], input=der.stdout, capture_output=True, check=True, timeout=30)
    assert KEY.key_id == "sha256:" + digest.stdout.split()[0].decode()
    assert KEY.key_id == "sha256:" + hashlib.sha256(KEY.spki).hexdigest()


def test_openssl_and_cryptography_read_our_key_file(tmp_path: Path) -> None:
    path = tmp_path / "collector.pem"
    made = write_key(path, seed(7))
    public = openssl("pkey", "-in", str(path), "-pubout", "-outform", "DER")
    assert (public.returncode, public.stdout) == (0, made.public.spki)
    secret = serialization.load_pem_private_key(path.read_bytes(), None)
    assert isinstance(secret, Ed25519PrivateKey)
    assert secret.private_bytes_raw() == seed(7)


def test_we_read_the_key_file_that_openssl_made(tmp_path: Path) -> None:
    path = tmp_path / "openssl.pem"
    made = openssl("genpkey", "-algorithm", "ed25519", "-out", str(path))
    assert made.returncode == 0, made.stderr
    path.chmod(0o600)
    public = openssl("pkey", "-in", str(path), "-pubout", "-outform", "DER")
    assert load_key(path).public.spki == public.stdout


def test_we_read_the_key_file_that_cryptography_made(tmp_path: Path) -> None:
    path = tmp_path / "cryptography.pem"
    secret = Ed25519PrivateKey.generate()
    path.write_bytes(
        secret.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    path.chmod(0o600)
    assert load_key(path).public.raw == secret.public_key().public_bytes_raw()
