"""`make run`: the whole line on real files, to look at.

Starts a receiver and a collector on ./inbox, feeds it what real tools make of this repository, shows how each file
becomes pending, delivered and verified, and stays up so that you can drop files of your own. With --once it ends after
the delivery, with a line for each file and an exit status.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from shared import dsse, statement
from shared.keyfile import load_key
from shared.predicates import Collected
from tests.demo import tools
from tests.helpers import programs

DEMO = tools.REPOSITORY / ".demo"
INBOX = tools.REPOSITORY / "inbox"
DELIVERY_SECONDS = 120.0
POLL_SECONDS = 0.3


@dataclass
class Line:
    """One file on its way."""

    path: str
    tool: str
    state: str = "being made"
    id: str = ""
    claim: str = ""


@dataclass
class Show:
    """What is on the screen."""

    console: Console
    lines: list[Line] = field(default_factory=list)

    def table(self) -> Table:
        """The files and how far each of them is."""
        table = Table(title="from the inbox to the receiver", title_justify="left")
        for name in ("file", "made by", "state", "attestation", "says"):
            table.add_column(name, overflow="fold")
        for line in self.lines:
            colour = {"verified": "green", "pending": "yellow", "being made": "cyan"}.get(line.state, "")
            state = f"[{colour}]{line.state}[/]" if colour else line.state
            table.add_row(line.path, line.tool, state, line.id[:19], line.claim)
        return table


def main() -> int:
    """Run the demonstration; gives the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--once", action="store_true", help="end after the delivery")
    once = parser.parse_args().once
    console = Console(highlight=False, soft_wrap=True)
    shutil.rmtree(DEMO, ignore_errors=True)
    for folder in (DEMO, DEMO / "scratch"):
        folder.mkdir(mode=0o700)
    INBOX.mkdir(exist_ok=True)
    with programs.receiver(DEMO / "receiver", DEMO / "receiver.log") as receiver:
        _introduce(console, receiver)
        config = _configure(receiver)
        enrolled = programs.enrol(receiver, DEMO / "collector", "demo")
        console.print(f"collector [bold]{enrolled['collectorId']}[/] enrolled, key {enrolled['keyId']}")
        console.print("it sends [bold]summary[/]: names of tests, rules and packages too (the default is verdict)\n")
        words = [programs.command("carnet-collector"), "run", "--config", str(config)]
        with programs.running(words, DEMO / "collector.log"):
            good = _feed(Show(console), receiver, config)
            if not once:
                _stay(console, receiver)
    return 0 if good else 1


def _introduce(console: Console, receiver: programs.Receiver) -> None:
    console.print(f"receiver at [bold]{receiver.url}[/], data in .demo/receiver")
    console.print(f"  {'rootKey':14} {receiver.printed['rootKey']}")
    for name in ("apiKey", "gateToken", "evidenceToken", "adminEmail", "adminPassword"):
        console.print(f"  {name:14} {receiver.printed[name]}")


def _configure(receiver: programs.Receiver) -> Path:
    config = DEMO / "collector.toml"
    config.write_text(
        f"""# Written by make run; docs/operations.md has every key.
state_dir = {json.dumps(str(DEMO / "collector"))}

[receiver]
url = {json.dumps(receiver.url)}

[watch]
scan_seconds = 2
settle_seconds = 1
broken_after_seconds = 10

[ship]
heartbeat_seconds = 10

[[roots]]
name = "inbox"
path = {json.dumps(str(INBOX))}
artifacts = ["**/*.whl"]
disclosure = "summary"
max_links = 16

[roots.speaks_for]
repositories = ["*"]
""",
    )
    return config


def _feed(show: Show, receiver: programs.Receiver, config: Path) -> bool:
    """Make and drop the files in one thread, and follow them in this one until all are verified or time is up."""
    with (
        ThreadPoolExecutor(1) as making,
        Live(show.table(), console=show.console, refresh_per_second=8, transient=not show.console.is_terminal) as live,
    ):
        made = making.submit(_make_and_drop, show)
        deadline = None
        while deadline is None or time.monotonic() < deadline:
            if made.done() and deadline is None:
                deadline = time.monotonic() + DELIVERY_SECONDS
            _follow(show, receiver, config)
            live.update(show.table())
            if made.done() and all(line.state == "verified" for line in show.lines):
                break
            time.sleep(POLL_SECONDS)
        made.result()
    for line in show.lines:
        show.console.print(f"{line.state} {line.id or '-'} {line.path} {line.claim}")
    delivered = sum(line.state == "verified" for line in show.lines)
    show.console.print(f"\n{delivered} of {len(show.lines)} files are signed, delivered and verified.")
    good = bool(show.lines) and delivered == len(show.lines)
    if not good:
        show.console.print("see .demo/collector.log and .demo/receiver.log")
    return good


def _make_and_drop(show: Show) -> None:
    run = f"demo-{time.strftime('%Y%m%d-%H%M%S')}"
    folder = INBOX / run
    folder.mkdir()
    context = {"carnet": "context/v1", "repository": "carnet/carnet", "run": run, "job": "demo"}
    found = tools.commit()
    _drop(folder, "carnet-context.json", json.dumps(context | ({"commit": found} if found else {})).encode())
    for output in tools.OUTPUTS:
        line = Line(f"{run}/{Path(output.name).name}", output.tool)
        show.lines.append(line)
        made = tools.make(output, DEMO / "scratch")
        line.path, line.state = f"{run}/{made.name}", "dropped"
        _drop(folder, made.name, made.read_bytes())


def _drop(folder: Path, name: str, content: bytes) -> None:
    """Put a file into the inbox as a careful writer does: under a dot-name first, then renamed."""
    beside = folder / f".{name}.part"
    beside.write_bytes(content)
    beside.rename(folder / name)


def _follow(show: Show, receiver: programs.Receiver, config: Path) -> None:
    told = programs.call("carnet-collector", "spool", "list", "--config", str(config), "--output", "json", ok=(0, 1))
    rows = {str(row["path"]): row for row in (json.loads(told) if told else [])}
    for line in show.lines:
        row = rows.get(line.path)
        if row is None or line.state == "verified":
            continue
        line.state, line.id = str(row["state"]), str(row["id"])
        if line.state == "delivered":
            line.claim = _verify(receiver, line.id)
            line.state = "verified"


def _verify(receiver: programs.Receiver, attestation_id: str) -> str:
    """Fetch the exact envelope back, check it under the collector's own key, and say what it claims."""
    request = urllib.request.Request(  # noqa: S310 - the receiver that was started above
        f"{receiver.url}/api/v1/attestations/{attestation_id}/envelope",
        headers={"Authorization": f"Bearer {receiver.printed['apiKey']}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        envelope = dsse.parse(answer.read())
    verified = dsse.verify(envelope, load_key(DEMO / "collector" / "key.pem").public)
    if verified.id_text != attestation_id:
        msg = f"the receiver gave back {verified.id_text} for {attestation_id}"
        raise RuntimeError(msg)
    claim = statement.read(verified).as_(Collected).claim
    return f"{claim.type} {claim.name}: {'passed' if claim.passed else 'not passed'} {_counts(claim.evidence)}"


def _counts(evidence: dict[str, Any]) -> str:
    tests = ("totalTests", "failed", "errors", "coverage")
    shown = (*tests, "critical", "high", "medium", "low", "componentCount", "size")
    return " ".join(f"{name}={evidence[name]}" for name in shown if name in evidence)


def _stay(console: Console, receiver: programs.Receiver) -> None:
    console.print(f"\nDrop your own reports into [bold]{INBOX}[/] and look at them:")
    console.print(
        f"  curl -s -H 'Authorization: Bearer {receiver.printed['apiKey']}' {receiver.url}/api/v1/attestations",
    )
    console.print("  .venv/bin/carnet-collector status --config .demo/collector.toml")
    console.print("  .venv/bin/carnet-collector preview FILE")
    console.print("Ctrl-C ends both programs.")
    receiver.process.wait()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("\nstopped; .demo holds what there was")
