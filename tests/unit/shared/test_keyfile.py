"""Private keys lie in files that only their owner reads, are never overwritten, and never show."""

import os
import resource
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from shared.encoding import b64encode
from shared.errors import ConfigError
from shared.keyfile import load_key, read_passphrase, read_secret, write_key, write_secret
from tests.helpers.build import seed, signer

_PKCS8 = bytes.fromhex("302e020100300506032b657004220420")


def pem(der: bytes, label: str = "PRIVATE KEY") -> bytes:
    return f"-----BEGIN {label}-----\n{b64encode(der)}\n-----END {label}-----\n".encode()


GOOD = pem(_PKCS8 + seed(1))


def placed(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def refusal(path: Path) -> ConfigError:
    with pytest.raises(ConfigError) as refused:
        load_key(path)
    assert str(path).isprintable() is False or str(path) in refused.value.detail
    assert refused.value.hint
    shown = f"{refused.value} {refused.value!r} {refused.value.__cause__!r} {refused.value.__context__!r}"
    for secret in (seed(1).hex(), b64encode(_PKCS8 + seed(1))[20:], repr(seed(1))[2:-1]):
        assert secret not in shown
    return refused.value


def test_a_written_key_is_the_key_that_is_loaded_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    before = os.umask(0)
    try:
        made = write_key(path, seed(1))
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o7777 == 0o600
    assert made.public == load_key(path).public == signer(1).public
    assert path.read_bytes() == GOOD


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    path = placed(tmp_path / "key.pem", b"something precious")
    with pytest.raises(ConfigError, match="exists already"):
        write_key(path, seed(2))
    assert path.read_bytes() == b"something precious"


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    for target in ("present", "absent"):
        link = tmp_path / f"to-{target}"
        link.symlink_to(tmp_path / target)
    placed(tmp_path / "present", b"something precious")
    for name in ("to-present", "to-absent"):
        with pytest.raises(ConfigError, match="exists already"):
            write_key(tmp_path / name, seed(2))
    assert (tmp_path / "present").read_bytes() == b"something precious"
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize("name", ["missing/key.pem", "file/key.pem", "x" * 300, "nul\x00.pem"])
def test_a_path_that_cannot_be_written_is_refused_in_words(tmp_path: Path, name: str) -> None:
    placed(tmp_path / "file", b"")
    with pytest.raises(ConfigError, match="cannot be written") as refused:
        write_key(tmp_path / name, seed(1))
    assert refused.value.hint


def test_half_a_key_is_not_left_behind_where_there_is_no_room(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    program = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from shared.errors import ConfigError; from shared.keyfile import write_secret\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (16, {hard}))\n"
        "try: write_secret(Path(sys.argv[1]), bytes(64))\n"
        "except ConfigError as error: print(error)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-B", "-c", program, str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert "cannot be written" in ran.stdout
    assert not path.exists()
    write_secret(path, bytes(64))
    assert resource.getrlimit(resource.RLIMIT_FSIZE) == (soft, hard)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o620, 0o601, 0o610, 0o777, 0o440])
def test_a_key_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = placed(tmp_path / "key.pem", GOOD, mode)
    error = refusal(path)
    assert f"mode {mode:04o}" in error.detail
    assert error.hint == f"chmod 600 {path}"


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_key_that_its_owner_alone_may_read_is_loaded(tmp_path: Path, mode: int) -> None:
    assert load_key(placed(tmp_path / "key.pem", GOOD, mode)).public == signer(1).public


@pytest.mark.root
def test_a_key_of_another_user_is_refused_and_one_of_root_is_not(tmp_path: Path) -> None:
    path = placed(tmp_path / "key.pem", GOOD)
    os.chown(path, 65534, 65534)
    assert "another user" in refusal(path).detail
    os.chown(path, 0, 0)
    assert load_key(path).public == signer(1).public


def test_a_link_to_a_key_is_refused_as_what_it_is(tmp_path: Path) -> None:
    placed(tmp_path / "key.pem", GOOD)
    (tmp_path / "link.pem").symlink_to(tmp_path / "key.pem")
    assert "symbolic link" in refusal(tmp_path / "link.pem").detail


def test_a_fifo_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "key.pem", 0o600)
    assert "not a regular file" in refusal(tmp_path / "key.pem").detail


def test_a_directory_a_device_and_a_socket_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir(0o700)
    assert "not a regular file" in refusal(tmp_path / "folder").detail
    assert "not a regular file" in refusal(Path("/dev/zero")).detail
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tmp_path / "socket"))
        assert "cannot be read" in refusal(tmp_path / "socket").detail


def test_refusing_leaves_no_descriptor_open(tmp_path: Path) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    (tmp_path / "folder").mkdir(0o700)
    placed(tmp_path / "loose", GOOD, 0o644)
    before = descriptors()
    for _ in range(5):
        refusal(tmp_path / "folder")
        refusal(tmp_path / "loose")
    assert descriptors() == before


def test_a_missing_key_is_refused_with_what_to_do(tmp_path: Path) -> None:
    error = refusal(tmp_path / "key.pem")
    assert "No such file" in error.detail
    assert "keygen" in str(error.hint)


def test_a_path_with_a_nul_is_refused_in_our_words(tmp_path: Path) -> None:
    assert "no path" in refusal(tmp_path / "key\x00.pem").detail


_RSA = bytes.fromhex("30820122300d06092a864886f70d01010105000382010f00") + bytes(270)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(content, id=name)
        for name, content in {
            "empty": b"",
            "one line end": b"\n",
            "cut in the middle": GOOD[: len(GOOD) // 2],
            "cut in its last line": GOOD[:-4],
            "cut by a byte of the key": pem(_PKCS8 + seed(1)[:-1]),
            "a byte too long": pem(_PKCS8 + seed(1) + b"\x00"),
            "without its first line": GOOD.split(b"\n", 1)[1],
            "without its last line": GOOD.rsplit(b"-----END", 1)[0],
            "text behind": GOOD + b"more",
            "two keys": GOOD + GOOD,
            "a public key": pem(signer(1).public.spki, "PUBLIC KEY"),
            "a private key labelled public": pem(_PKCS8 + seed(1), "PUBLIC KEY"),
            "an RSA key": pem(_RSA),
            "an X25519 key": pem(_PKCS8.replace(b"\x65\x70", b"\x65\x6e") + seed(1)),
            "an older label": pem(_PKCS8 + seed(1), "ED25519 PRIVATE KEY"),
            "an OpenSSH key": pem(b"openssh-key-v1\x00", "OPENSSH PRIVATE KEY"),
            "bare seed": seed(1),
            "seed in hex": seed(1).hex().encode(),
            "bare base64": b64encode(_PKCS8 + seed(1)).encode(),
            "no ASCII": b"\xff\xfe" + GOOD,
            "NUL bytes": bytes(100),
            "base64 with trailing bits": GOOD.replace(b"\n-----END", b"=\n-----END"),
        }.items()
    ],
)
def test_what_is_no_ed25519_key_is_refused_without_being_shown(tmp_path: Path, content: bytes) -> None:
    error = refusal(placed(tmp_path / "key.pem", content))
    assert "not an unencrypted Ed25519 key in PKCS#8 PEM" in error.detail


def test_an_encrypted_key_is_refused_as_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    made = subprocess.run(
        ["openssl", "genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:secret", "-out", str(path)],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert made.returncode == 0, made.stderr
    path.chmod(0o600)
    assert "encrypted" in refusal(path).detail


def test_a_key_with_line_ends_of_another_system_is_loaded(tmp_path: Path) -> None:
    assert load_key(placed(tmp_path / "key.pem", GOOD.replace(b"\n", b"\r\n"))).public == signer(1).public


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    assert "too large" in refusal(placed(tmp_path / "key.pem", GOOD + b"\n" * (1 << 20))).detail
    assert read_secret(placed(tmp_path / "largest", b"x" * 4096), "hint") == b"x" * 4096


# --- under a passphrase ---


def test_an_encrypted_key_is_read_back_with_its_passphrase(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    made = write_key(path, seed(1), b"open sesame")
    assert path.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_key(path, b"open sesame").public == made.public == signer(1).public


def test_a_key_in_the_clear_is_refused_where_a_passphrase_is_given(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    write_key(path, seed(1))
    with pytest.raises(ConfigError, match="is not encrypted"):
        load_key(path, b"of no use")
    assert load_key(path).public == signer(1).public


@pytest.mark.parametrize("passphrase", [b"open sesame ", b"", b"Open Sesame", b"\xff"])
def test_a_wrong_passphrase_is_said_in_words_and_not_shown(passphrase: bytes, tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    write_key(path, seed(1), b"open sesame")
    with pytest.raises(ConfigError, match="does not open with this passphrase") as caught:
        load_key(path, passphrase)
    assert "esame" not in f"{caught.value} {caught.value.hint}"


def test_without_a_passphrase_an_encrypted_key_says_where_one_belongs(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    write_key(path, seed(1), b"open sesame")
    with pytest.raises(ConfigError, match="no passphrase was given") as caught:
        load_key(path)
    assert "key_passphrase_file" in str(caught.value.hint)


def test_openssl_reads_the_encrypted_key_that_we_write(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    made = write_key(path, seed(1), b"open sesame")
    (tmp_path / "pass").write_bytes(b"open sesame\n")
    words = ["openssl", "pkey", "-in", str(path), "-passin", f"file:{tmp_path / 'pass'}", "-pubout", "-outform", "DER"]
    assert subprocess.run(words, check=True, capture_output=True).stdout == made.public.spki


@pytest.mark.parametrize("how", [["-v2", "aes-256-cbc"], ["-scrypt"]], ids=["PBKDF2", "scrypt"])
def test_we_read_the_encrypted_key_that_openssl_writes(how: list[str], tmp_path: Path) -> None:
    clear, path = tmp_path / "clear.pem", tmp_path / "key.pem"
    write_key(clear, seed(1))
    (tmp_path / "pass").write_bytes(b"open sesame\n")
    words = [
        "openssl",
        "pkcs8",
        "-topk8",
        "-in",
        str(clear),
        "-out",
        str(path),
        "-passout",
        f"file:{tmp_path / 'pass'}",
        *how,
    ]
    subprocess.run(words, check=True, capture_output=True)
    path.chmod(0o600)
    assert load_key(path, b"open sesame").public == signer(1).public


def test_an_encrypted_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pass").write_bytes(b"open sesame\n")
    path = tmp_path / "key.pem"
    words = ["openssl", "genpkey", "-algorithm", "X25519", "-out", str(path), "-aes-256-cbc", "-pass"]
    subprocess.run([*words, f"file:{tmp_path / 'pass'}"], check=True, capture_output=True)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="no Ed25519 key"):
        load_key(path, b"open sesame")


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"open sesame", b"open sesame"), (b"open sesame\r\nmore", b"open sesame"), (b" a \n", b" a ")],
)
def test_a_passphrase_is_the_first_line_of_its_file(content: bytes, expected: bytes, tmp_path: Path) -> None:
    assert read_passphrase(placed(tmp_path / "pass", content)) == expected


@pytest.mark.parametrize("content", [b"", b"\n", b"x" * 1_001])
def test_a_file_without_a_passphrase_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no passphrase"):
        read_passphrase(placed(tmp_path / "pass", content))


@pytest.mark.parametrize(("mode", "credential", "good"), [
    (0o400, False, True), (0o440, False, False), (0o440, True, True), (0o444, True, False), (0o460, True, False),
])  # fmt: skip
def test_who_else_may_read_a_passphrase_is_looked_at(
    mode: int,
    credential: bool,  # noqa: FBT001
    good: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    path = placed(tmp_path / "pass", b"open sesame", mode)
    if good:
        assert read_passphrase(path, credential=credential) == b"open sesame"
    else:
        with pytest.raises(ConfigError, match="can be read by others"):
            read_passphrase(path, credential=credential)
