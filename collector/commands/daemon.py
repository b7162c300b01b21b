"""`run`, `once`, `status` and `config`: the daemon, one pass for cron, and what both say of themselves."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from collector import daemon as wiring
from collector import enrolment, keyfiles
from collector.clock import utcnow
from collector.config import load_config
from collector.instance import SPOOL_NAME, check, find_passphrase, open_instance
from collector.keys import overdue
from collector.logs import json_teller
from collector.masking import masked
from collector.notify import ServiceManager
from collector.spool import SpoolReader
from collector.status import SOCKET_NAME, ask_status
from collector.terminal import output_option, show
from shared.encoding import digest_text
from shared.errors import CarnetError, StateError
from shared.secretrules import secret_rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from collector.config import Config

DEFAULT_CONFIG = Path("/etc/carnet-collector/collector.toml")
_TRY_LATER = 75
_DAY_SECONDS = 86_400


def config_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--config FILE` to a command."""
    return click.option(
        "--config", "config_path", type=click.Path(path_type=Path), default=DEFAULT_CONFIG, show_default=True,
        help="The configuration file.",
    )(command)  # fmt: skip


def read_config(path: Path) -> Config:
    """Load the configuration with this process's environment; raises `ConfigError`."""
    return load_config(path, os.environ)


@click.command()
@config_option
def run(config_path: Path) -> None:
    """Run the daemon: watch, attest, keep, ship, until SIGTERM."""
    with open_instance(read_config(config_path)) as instance:
        asyncio.run(wiring.run(instance, json_teller(utcnow, instance.secrets), ServiceManager.of(os.environ)))


@click.command()
@config_option
@output_option
def once(config_path: Path, output: str) -> None:
    """Take in what is there, ship it, and end; for cron. Exits 75 where something waits for later."""
    with open_instance(read_config(config_path)) as instance:
        found = asyncio.run(wiring.once(instance, json_teller(utcnow, instance.secrets)))
    report = found["status"]
    text = (
        f"captured {report['intake']['captured']}, delivered {found['delivered']}, "
        f"pending {report['spool']['pending']}, set aside {report['spool']['setAside']}"
    )
    show(output, found, text)
    if not found["done"]:
        raise click.exceptions.Exit(_TRY_LATER)


@click.command()
@config_option
@output_option
def status(config_path: Path, output: str) -> None:
    """Say what waits, what was set aside and why, what has left, and what is wrong."""
    config = read_config(config_path)
    try:
        report = asyncio.run(ask_status(config.state_dir / SOCKET_NAME))
        report["running"] = True
    except StateError:
        report = _at_rest(config)
    spool = report.get("spool")
    if isinstance(spool, dict) and (config.state_dir / SPOOL_NAME).exists():
        secrets = secret_rules()
        with SpoolReader.open_for_reading(config.state_dir / SPOOL_NAME) as reader:
            report["setAside"] = [
                {
                    "root": one.root,
                    "path": masked(one.path, secrets),
                    "reason": one.aside.reason,
                    "where": one.aside.where,
                    "hint": one.aside.hint,
                }
                for one in reader.asides()
            ]
    show(output, report, _status_text(report))


def _at_rest(config: Config) -> dict[str, Any]:
    wrong = ["no collector is running here: start it with carnet-collector run"]
    report: dict[str, Any] = {"running": False, "healthy": False, "wrong": wrong}
    try:
        enrolled = enrolment.load(config.state_dir)
    except CarnetError as error:
        wrong.append(str(error))
        return report
    if enrolled is None:
        wrong.append("not enrolled: files stay where they are; enrol with carnet-collector enrol")
        return report
    report["collectorId"] = enrolled.collector_id
    report["rootKey"] = enrolled.keyring.root.key_id
    path = config.state_dir / SPOOL_NAME
    if path.exists():
        now = utcnow()
        with SpoolReader.open_for_reading(path) as reader:
            stats, rotations = reader.stats(now), reader.rotations()
        try:
            keys = keyfiles.choose(config.key_path, find_passphrase(config.key_passphrase_file, os.environ), rotations)
        except CarnetError as error:
            wrong.append(str(error))
        else:
            report["keyId"] = keys.signing.public.key_id
            report["keyAgeSeconds"] = max(0, int((now - keys.made_at).total_seconds()))
            report["keyKnownToReceiver"] = not keys.older
            too_old = overdue(keys, config.keys.rotate_after_days, now)
            wrong += [] if too_old is None else [too_old]
        report["spool"] = {
            "pending": stats.pending,
            "oldestPendingSeconds": int(stats.oldest_pending_seconds),
            "delivered": stats.delivered,
            "quarantined": stats.quarantined,
            "dropped": stats.dropped,
            "setAside": stats.set_aside,
            "usedBytes": stats.used_bytes,
        }
    return report


def _status_text(report: dict[str, Any]) -> str:
    running = "running" if report["running"] else "not running"
    lines = [f"{'healthy' if report['healthy'] else 'NOT healthy'}, {running}"]
    lines += [f"  wrong: {one}" for one in report["wrong"]]
    if "collectorId" in report:
        lines.append(f"collector  {report['collectorId']}, root key {report['rootKey']}")
    if "keyId" in report:
        known = "" if report.get("keyKnownToReceiver", True) else ", not known to the receiver yet"
        lines.append(f"key        {report['keyId']}, {report['keyAgeSeconds'] // _DAY_SECONDS} days old{known}")
    receiver = report.get("receiver")
    if receiver:
        answers = {True: "answers", False: "does not answer", None: "not asked yet"}[receiver["answers"]]
        last = receiver["lastReceiptAt"] or "none yet"
        lines.append(f"receiver   {receiver['url']} {answers}, last receipt {last}")
    spool = report.get("spool")
    if spool:
        lines.append(
            f"spool      {spool['pending']} pending (oldest {spool['oldestPendingSeconds']} s), "
            f"{spool['delivered']} delivered, {spool['quarantined']} quarantined, {spool['dropped']} dropped"
            + (", FULL" if spool.get("full") else "")
        )
    intake = report.get("intake")
    if intake:
        lines.append(
            f"intake     {intake['captured']} captured, {intake['waiting']} waiting to settle, "
            f"{intake['unknownFormat']} of no known format, {intake['skipped']} gone before they settled"
        )
    aside = report.get("setAside") or []
    if aside:
        lines.append(f"set aside  {len(aside)}")
    for one in aside:
        lines.append(f"  {one['root']}/{one['path']}: {one['reason']}{': ' + one['where'] if one['where'] else ''}")
        if one["hint"]:
            lines.append(f"    do: {one['hint']}")
    return "\n".join(lines)


@click.group()
def config() -> None:
    """Check or show the configuration."""


@config.command("check")
@config_option
@output_option
def config_check(config_path: Path, output: str) -> None:
    """Say whether the configuration is right; changes nothing. Exits 78 with every key that is wrong."""
    check(read_config(config_path), secret_rules())
    show(output, {"ok": True}, f"{config_path} is right")


@config.command("show")
@config_option
@output_option
def config_show(config_path: Path, output: str) -> None:
    """Show every setting in force, defaults included."""
    found = read_config(config_path)
    value = {**found.model_dump(mode="json"), "key_file": str(found.key_path), "digest": digest_text(found.digest())}
    show(output, value, "\n".join(_flat("", value)))


def _flat(prefix: str, value: Any) -> list[str]:  # noqa: ANN401 - any part of the configuration
    if isinstance(value, dict):
        return [line for name, one in value.items() for line in _flat(f"{prefix}.{name}" if prefix else name, one)]
    if isinstance(value, list) and any(isinstance(one, dict) for one in value):
        return [line for at, one in enumerate(value) for line in _flat(f"{prefix}[{at}]", one)]
    return [f"{prefix} = {value!r}"]
