"""A collector's folder with its key and its spool, opened as a start opens it: what tests of rotations start from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from collector.attest import Identity
from collector.keyfiles import KeyFiles, choose
from collector.keys import Keys
from collector.rotating import Rotator
from collector.spool import Candidate, Spool, SpoolSettings
from shared import dsse
from shared.dsse import Envelope
from shared.encoding import canonical, sha256
from shared.keyfile import write_key
from shared.keys import Ed25519Signer, PublicKey
from shared.predicates import StreamLink
from tests.helpers import build
from tests.helpers.spools import COLLECTOR_ID, EPOCH, NOW, STREAM_ID, file_seen

IDENTITY = Identity(build.AUDIENCE, build.COLLECTOR_ID, "1.0.0", sha256(b"config"))
IMPATIENT = SpoolSettings(ballast_bytes=1 << 16, busy_seconds=0.1)


class Collector:
    """A collector's folder, opened as a start opens it."""

    def __init__(self, folder: Path, passphrase: bytes | None = None, spool: type[Spool] = Spool) -> None:
        self.folder, self.passphrase, self._kind = folder, passphrase, spool
        self.key = folder / "key.pem"
        if not self.key.exists():
            write_key(self.key, sha256(b"first"), passphrase)
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.seeds = 0
        self.start()

    def start(self) -> None:
        self.spool = self._kind.open(
            self.folder / "spool.db", IMPATIENT, collector_id=COLLECTOR_ID, new_stream_id=STREAM_ID, now=NOW
        )
        self.keys = Keys(choose(self.key, self.passphrase, self.spool.rotations()))
        self.rotator = Rotator(
            self.spool, IDENTITY, self.keys, KeyFiles(self.key, self.passphrase), EPOCH, lambda: NOW, self._random,
            lambda event, **facts: self.told.append((event, facts)),
        )  # fmt: skip
        self.rotator.tidy()

    def restart(self) -> None:
        """Kill it, and start it again."""
        self.spool.close()
        self.start()

    def _random(self, count: int) -> bytes:
        self.seeds += 1
        return sha256(b"random %d" % self.seeds)[:count]

    def files(self) -> set[str]:
        return {path.name for path in self.folder.glob("key*")}

    @property
    def signing(self) -> str:
        return self.keys.now.signing.public.key_id

    def put(self, number: int) -> PublicKey:
        """Capture something, signed with the key that signs now; gives that key."""
        used: list[Ed25519Signer] = []

        def seal(link: StreamLink) -> Envelope:
            signer = self.keys.now.signing
            assert isinstance(signer, Ed25519Signer)
            used.append(signer)
            return dsse.sign(canonical({"stream": link.to_wire(), "number": number}), signer)

        one = Candidate(sha256(b"observation %d" % number), file_seen(f"r{number}.xml"), seal)
        (put,) = self.spool.put([one], epoch=EPOCH, now=NOW)
        assert put.new
        return used[-1].public
