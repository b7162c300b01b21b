"""Private key files: PKCS#8 PEM (RFC 5958, RFC 8410), in the clear or under a passphrase, mode 0600.

The one place in `shared` that touches a disk.

Invariants: a file that others may read is refused; an existing file is never overwritten; the directory is synced, so a
key that was reported as made is there after a power cut.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from contextlib import suppress
from pathlib import Path

from shared import keycipher
from shared.encoding import b64decode, b64encode
from shared.errors import ConfigError, MalformedError
from shared.keys import SEED_BYTES, Ed25519Signer

_PKCS8_PREFIX = bytes.fromhex("302e020100300506032b657004220420")
_PEM = re.compile(
    rb"\s*-----BEGIN PRIVATE KEY-----\s([A-Za-z0-9+/=\s]*)\s-----END PRIVATE KEY-----\s*",
)
_MAX_FILE_BYTES = 1 << 20
_MAX_PASSPHRASE_BYTES = 1_000
_OTHERS, _WORLD = 0o077, 0o037
_NEW_KEY = "make one with carnet-collector keygen"


def write_key(path: Path, seed: bytes, passphrase: bytes | None = None) -> Ed25519Signer:
    """Write a new private key from 32 random bytes, encrypted where a passphrase is given.

    Raises `ConfigError` if the file exists or cannot be written.
    """
    signer = Ed25519Signer(seed)
    if passphrase is None:
        body = b64encode(_PKCS8_PREFIX + seed)
        content = f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n".encode("ascii")
    else:
        content = keycipher.encrypt(seed, passphrase)
    write_secret(path, content)
    return signer


def read_passphrase(path: Path, *, credential: bool = False, what: str = "passphrase") -> bytes:
    """Read a passphrase, or `what` else opens a key, from a file: its first line, without the end of it.

    Raises `ConfigError`.

    A systemd credential may be readable for its group: there that is the mask of an access list of one user.
    """
    content = read_secret(path, f"give the file with the {what} of the key", _WORLD if credential else _OTHERS)
    passphrase = content.split(b"\n", 1)[0].rstrip(b"\r")
    if not passphrase or len(passphrase) > _MAX_PASSPHRASE_BYTES:
        raise ConfigError(
            f"{path} holds no {what}", f"its first line is the {what}: 1 to {_MAX_PASSPHRASE_BYTES} bytes"
        )
    return passphrase


def write_secret(path: Path, content: bytes) -> None:
    """Write a new file that its owner alone can read, synced with its directory; raises `ConfigError`."""
    _write_new(path, content, 0o600)


def write_public(path: Path, content: bytes) -> None:
    """Write a new file that others may read, as far as the umask lets them; like `write_secret` in all else."""
    _write_new(path, content, 0o644)


def _write_new(path: Path, content: bytes, mode: int) -> None:
    try:
        descriptor = os.open(
            path,
            os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
            mode,
        )
    except FileExistsError:
        raise ConfigError(f"{path} exists already", "choose another path; nothing was overwritten") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be written: {_why(error)}", "make its directory writable") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        # Half a secret would stand in the way of the next attempt, since nothing is overwritten.
        with suppress(OSError):
            path.unlink()
        raise ConfigError(f"{path} cannot be written: {_why(error)}", "make room and try again") from None


def read_secret(path: Path, hint: str, refused_mode: int = _OTHERS) -> bytes:
    """Read a file that only its owner may read; raises `ConfigError` where it is missing, loose or too large."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            # Before it is wrapped: a directory opens, and only refuses to become a file.
            _check_private(path, os.fstat(descriptor), hint, refused_mode)
            content = b""
            while len(content) <= _MAX_FILE_BYTES and (more := os.read(descriptor, _MAX_FILE_BYTES + 1)):
                content += more
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {_why(error)}", hint) from None
    if len(content) > _MAX_FILE_BYTES:
        raise ConfigError(f"{path} is too large for what it should be", hint)
    return content


def _check_private(path: Path, found: os.stat_result, hint: str, refused_mode: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError(f"{path} is not a regular file", hint)
    if stat.S_IMODE(found.st_mode) & refused_mode:
        raise ConfigError(
            f"{path} can be read by others (mode {stat.S_IMODE(found.st_mode):04o})",
            f"chmod 600 {path}",
        )
    if found.st_uid not in (os.geteuid(), 0):
        raise ConfigError(
            f"{path} belongs to another user",
            "its owner must be the one that runs this program",
        )


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, OSError) and error.errno == errno.ELOOP:
        return "it is a symbolic link"
    return (error.strerror if isinstance(error, OSError) else None) or "this is no path"


def load_key(path: Path, passphrase: bytes | None = None, hint: str = _NEW_KEY) -> Ed25519Signer:
    """Load a private key; raises `ConfigError` where it is missing, loose, or no Ed25519 key in PKCS#8 PEM.

    A key in the clear is refused where a passphrase is given: whoever names one believes that it is needed. `hint` says
    what to do where there is no key.
    """
    content = read_secret(path, hint)
    if keycipher.ENCRYPTED_MARK in content:
        return Ed25519Signer(_decrypted(path, content, passphrase))
    der = _pem_body(content)
    if not der.startswith(_PKCS8_PREFIX) or len(der) != len(_PKCS8_PREFIX) + SEED_BYTES:
        raise ConfigError(f"{path} is not an unencrypted Ed25519 key in PKCS#8 PEM", hint)
    if passphrase is not None:
        raise ConfigError(
            f"{path} is not encrypted, and a passphrase for it was given",
            "encrypt it (openssl pkcs8 -topk8) and remove the clear one, or leave the passphrase out",
        )
    return Ed25519Signer(der[len(_PKCS8_PREFIX) :])


def _decrypted(path: Path, content: bytes, passphrase: bytes | None) -> bytes:
    if passphrase is None:
        raise ConfigError(
            f"{path} is encrypted, and no passphrase was given",
            "name the file with it as key_passphrase_file, or load it as a systemd credential",
        )
    try:
        return keycipher.decrypt(content, passphrase)
    except keycipher.WrongPassphraseError:
        raise ConfigError(
            f"{path} does not open with this passphrase, or is no Ed25519 key", "give the passphrase it was made with"
        ) from None


def _pem_body(content: bytes) -> bytes:
    found = _PEM.fullmatch(content)
    if found is None:
        return b""
    try:
        return b64decode(b"".join(found[1].split()).decode("ascii"))
    except MalformedError:
        return b""
