"""Small reports a second, from files on disk to entries that survive a power cut: the real intake, scan and spool."""

from __future__ import annotations

import secrets
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from collector.attest import Identity
from collector.capture import RootPlan
from collector.clock import monotonic, utcnow
from collector.context import ContextConfig
from collector.disclose import Level
from collector.formats import Thresholds
from collector.intake import Intake
from collector.keys import Keys
from collector.opening import RootSpec
from collector.parsing import Parser, Request
from collector.readiness import Candidates
from collector.spool import Spool, SpoolSettings
from collector.storing import Sealing
from shared.encoding import sha256
from shared.keys import Ed25519Signer
from shared.secretrules import secret_rules
from tests.bench import raw, reports
from tests.bench.figures import Figure, Sizes
from tests.helpers.build import AUDIENCE, COLLECTOR_ID, STREAM_ID

_PATIENCE_SECONDS = 120.0


def measure(sizes: Sizes) -> list[Figure]:
    """Take the figure, and the two rates that bound it."""
    with tempfile.TemporaryDirectory(prefix="carnet-bench-") as folder:
        place = Path(folder)
        reports.write_tree(place / "inbox", sizes.intake_files)
        spool = Spool.open(
            place / "state" / "spool.sqlite",
            SpoolSettings(),
            collector_id=COLLECTOR_ID,
            new_stream_id=STREAM_ID,
            now=utcnow(),
        )
        with spool:
            commits = raw.commit_rate(place / "raw.sqlite", spool.storage())
            rate = sizes.intake_files / _seconds(place, spool, sizes.intake_files)
    signs = raw.sign_rate()
    return [
        Figure(
            "2 kB JUnit files to durable entries",
            f"{rate:,.0f} a second",
            f"{rate / commits:.2f} of single-row commits ({commits:,.0f}/s), {rate / signs:.3f} of signing"
            f" ({signs:,.0f}/s)",
        )
    ]


def _seconds(place: Path, spool: Spool, files: int) -> float:
    with Parser(monotonic, lambda *_, **__: None) as parser:
        small = b"<testsuite/>"  # the child of a daemon at work has been started
        parser.wait(parser.begin(Request("junit-xml", Thresholds()), lambda: (small,), len(small)))
        return _seconds_with(parser, place, spool, files)


def _seconds_with(parser: Parser, place: Path, spool: Spool, files: int) -> float:
    done = threading.Event()

    def captured() -> None:
        if intake.taken.captured >= files:
            done.set()

    intake = _intake(place, spool, parser, captured)
    # As the watcher says it of files that their writer closed: each may be taken at once.
    for number in range(files):
        intake.hint("ci", reports.name(number), True)  # noqa: FBT003 - the watcher's call
    stop = threading.Event()
    thread = threading.Thread(target=intake.run, args=(stop,))
    began = time.perf_counter()
    thread.start()
    reached = done.wait(_PATIENCE_SECONDS)
    seconds = time.perf_counter() - began
    stop.set()
    thread.join()
    if not reached:
        msg = f"only {intake.taken.captured} of {files} files were captured"
        raise RuntimeError(msg)
    return seconds


def _intake(place: Path, spool: Spool, parser: Parser, captured: Callable[[], None]) -> Intake:
    plan = RootPlan(
        spec=RootSpec("ci", place / "inbox"),
        names=(),
        level=Level.VERDICT,
        thresholds=Thresholds(),
        context=ContextConfig(values={"repository": "acme/checkout-api", "run": "4711"}),
        max_artifact_bytes=1 << 30,
        secrets=secret_rules(),
    )
    identity = Identity(AUDIENCE, COLLECTOR_ID, "0.1.0", sha256(b"bench"))
    signer = Ed25519Signer(secrets.token_bytes(32))
    return Intake(
        plans={"ci": plan},
        spool=spool,
        sealing=Sealing(
            identity, Keys.of(signer, utcnow()), secrets.token_hex(16), utcnow, monotonic, secrets.token_bytes
        ),
        parser=parser,
        candidates=Candidates(),
        scan_seconds=60,
        broken_after_seconds=300,
        tell=lambda *_, **__: None,
        captured=captured,
    )
