"""`ledger`: every envelope that ever left this host, when, to whom and how large; also while the daemon runs.

Rows are printed as they are read: the ledger is kept for ever, and memory must not grow with it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from collector import requested
from collector.clock import utcnow
from collector.commands.daemon import config_option, read_config
from collector.instance import SPOOL_NAME
from collector.leaving import Kind
from collector.spool import SpoolReader
from collector.terminal import output_option
from shared.encoding import digest_text, format_time
from shared.printable import plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from collector.config import Config
    from collector.leaving import Departure, Destination

_AGE = re.compile(r"(\d{1,5})([smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_HEADER = (
    f"{'FIRST SENT':20}  {'LAST SENT':20}  {'TIMES':>5}  {'KIND':17}  {'NUMBER':>8}  {'BYTES':>9}"
    f"  {'RECEIPT':9}  TO  ATTESTATION"
)


class Since(click.ParamType[datetime]):
    """A moment: RFC 3339, or an age such as 7d or 24h."""

    name = "TIME|AGE"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read it; an age is counted back from now."""
        if isinstance(value, datetime):
            return value
        text = str(value)
        age = _AGE.fullmatch(text)
        if age is not None:
            return utcnow() - timedelta(**{_UNITS[age[2]]: int(age[1])})
        if _TIME.fullmatch(text):
            try:
                return datetime.fromisoformat(text).astimezone(UTC)
            except (ValueError, OverflowError):
                pass
        msg = f"{text!r} is no time: give one such as 2026-03-02T17:00:00Z, or an age such as 7d or 24h"
        raise click.BadParameter(msg, ctx, param)


@dataclass(slots=True)
class _Total:
    """What was listed: envelopes by kind, their bytes, how often they were sent, and the bytes of all sendings."""

    kinds: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    times: int = 0
    bytes_sent: int = 0

    def add(self, one: Departure) -> None:
        self.kinds[one.what.kind.value] += 1
        self.bytes += one.what.size
        self.times += one.times
        self.bytes_sent += one.what.size * one.times

    def wire(self) -> dict[str, Any]:
        return {
            "envelopes": self.kinds.total(),
            "bytes": self.bytes,
            "times": self.times,
            "bytesSent": self.bytes_sent,
            "kinds": dict(self.kinds),
        }

    def text(self) -> str:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(self.kinds.items()))
        return (
            f"total: {self.kinds.total():,} envelopes, {self.bytes:,} bytes ({kinds}); "
            f"sent {self.times:,} times, {self.bytes_sent:,} bytes"
        )


@click.command()
@click.option("--since", type=Since(), help="Only what was sent since: RFC 3339, or an age such as 7d or 24h.")
@click.option(
    "--kind", "kinds", multiple=True, type=click.Choice([kind.value for kind in Kind]),
    help="Only envelopes of this kind; may be repeated.",
)  # fmt: skip
@config_option
@output_option
def ledger(since: datetime | None, kinds: tuple[str, ...], config_path: Path, output: str) -> None:
    """List every envelope that ever left this host: when, to whom, how many bytes, and what the receipt said.

    A row is written before its envelope is sent, and stays when the envelope is pruned.
    """
    rows = _departures(read_config(config_path), since, frozenset(Kind(kind) for kind in kinds))
    if output == "json":
        _print_json(rows)
    else:
        _print_text(rows, since)


def _departures(config: Config, since: datetime | None, kinds: frozenset[Kind]) -> Iterator[Departure]:
    for one in requested.departures(config.state_dir):
        if (since is None or one.last_at >= since) and (not kinds or one.what.kind in kinds):
            yield one
    path = config.state_dir / SPOOL_NAME
    if path.exists():
        with SpoolReader.open_for_reading(path) as reader:
            yield from reader.departures(since, kinds)


def _print_json(rows: Iterator[Departure]) -> None:
    total, before = _Total(), ""
    click.echo('{"items": [', nl=False)
    for one in rows:
        total.add(one)
        click.echo(before + json.dumps(_wire(one)), nl=False)
        before = ", "
    click.echo(f'], "total": {json.dumps(total.wire())}}}')


def _wire(one: Departure) -> dict[str, Any]:
    what = one.what
    return {
        "attestationId": digest_text(what.id),
        "kind": what.kind.value,
        "sequence": what.place if what.kind in {Kind.COLLECTED, Kind.KEY_ROTATION} else None,
        "beat": what.place if what.kind is Kind.HEARTBEAT else None,
        "bytes": what.size,
        "to": {"origin": one.to.origin, "receiver": one.to.receiver, "workspace": one.to.workspace},
        "firstSentAt": format_time(one.first_at),
        "lastSentAt": format_time(one.last_at),
        "times": one.times,
        "receipt": None if one.outcome is None else one.outcome.value,
    }


def _print_text(rows: Iterator[Departure], since: datetime | None) -> None:
    total = _Total()
    places: dict[Destination, int] = {}
    for one in rows:
        if not places:
            click.echo(_HEADER)
        total.add(one)
        click.echo(plain(_line(one, places.setdefault(one.to, len(places) + 1))))
    if not places:
        when = "since the ledger was begun" if since is None else f"since {_seconds(since)}"
        click.echo(f"nothing has left this host {when}; what waits to leave: carnet-collector spool list")
        return
    click.echo()
    for to, number in places.items():
        click.echo(plain(f"to {number}: {to.origin}, receiver {to.receiver}, workspace {to.workspace}"))
    click.echo(total.text())


def _line(one: Departure, to: int) -> str:
    what = one.what
    number = "-" if what.place is None else str(what.place)
    receipt = "none yet" if one.outcome is None else one.outcome.value
    return (
        f"{_seconds(one.first_at)}  {_seconds(one.last_at)}  {one.times:>5}  {what.kind.value:17}  {number:>8}"
        f"  {what.size:>9}  {receipt:9}  {to:>2}  {digest_text(what.id)}"
    )


def _seconds(moment: datetime) -> str:
    return f"{format_time(moment)[:19]}Z"
