"""The certificate authority that `quickstart` makes for an address other than loopback (X.509, RFC 5280).

The authority's key is used once and never written: a lost server key is answered by a new authority, which clients are
given anew. These certificates protect the way; what is believed is signed, see the keyring.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from shared.errors import ConfigError

VALID_DAYS = 397
_BACKDATED = timedelta(minutes=5)
_REPLACE = "delete ca.pem, server.pem and server.key: new ones are made, and clients need the new ca.pem"


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM: what clients trust, and the server's certificate and key."""

    authority: bytes
    server: bytes
    server_key: bytes


def make_certificates(hosts: Sequence[str], now: datetime) -> Certificates:
    """Make an authority, and a certificate that it signs for host names and addresses."""
    start, end = now - _BACKDATED, now + timedelta(days=VALID_DAYS)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Carnet quickstart authority")])
    authority = (
        x509.CertificateBuilder()
        .subject_name(authority_name)
        .issuer_name(authority_name)
        .public_key(authority_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, SHA256())
    )
    server_key = ec.generate_private_key(ec.SECP256R1())
    server = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "carnet-receiver")]))
        .issuer_name(authority_name)
        .public_key(server_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([_name_of(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(server_key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, SHA256())
    )
    return Certificates(
        authority.public_bytes(Encoding.PEM),
        server.public_bytes(Encoding.PEM),
        server_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def check_certificate(pem: bytes, hosts: Sequence[str], now: datetime) -> None:
    """Refuse a certificate that has expired or is good for other hosts; raises `ConfigError` with what is wrong."""
    try:
        found = x509.load_pem_x509_certificate(pem)
        named = set(found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except (ValueError, x509.ExtensionNotFound):
        raise ConfigError("the server's certificate cannot be read", _REPLACE) from None
    if not now < found.not_valid_after_utc:
        raise ConfigError(f"the server's certificate expired at {found.not_valid_after_utc:%Y-%m-%d}", _REPLACE)
    missing = [host for host in hosts if _name_of(host) not in named]
    if missing:
        raise ConfigError(f"the server's certificate is not for {', '.join(missing)}", _REPLACE)


def _name_of(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
