"""`status`: what waits, what has left and what is wrong, asked of the running collector or read at rest."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Any

import click

from collector import enrolment, obeying, waiting
from collector.clock import utcnow
from collector.commands.daemon import config_option, given, read_config
from collector.enrolling import command, next_step
from collector.instance import SPOOL_NAME, signing_keys
from collector.keyplace import key_store_of
from collector.keys import held_wrong, is_held, standing_wrong
from collector.masking import masked
from collector.spool import SpoolReader
from collector.status import SOCKET_NAME, ask_status
from collector.terminal import output_option, show
from shared.encoding import digest_text, format_time
from shared.errors import CarnetError, StateError
from shared.secretrules import secret_rules

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from collector.config import Config
    from collector.keys import Rotation
    from collector.trust import Enrolled

_DAY_SECONDS = 86_400


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
        report = _at_rest(config, given(config_path))
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


def _at_rest(config: Config, words: str) -> dict[str, Any]:
    wrong = [f"no collector is running here: start it with carnet-collector run {words}"]
    report: dict[str, Any] = {"running": False, "healthy": False, "wrong": wrong}
    try:
        enrolled = enrolment.load(config.state_dir)
    except CarnetError as error:
        wrong.append(str(error))
        return report
    if enrolled is None:
        return report | _not_enrolled(config, words, wrong)
    report["collectorId"] = enrolled.collector_id
    report["rootKey"] = enrolled.keyring.root.key_id
    path = config.state_dir / SPOOL_NAME
    if path.exists():
        now = utcnow()
        with SpoolReader.open_for_reading(path) as reader:
            stats, rotations = reader.stats(now), reader.rotations()
            alarms, asked = reader.alarms(), reader.asked()
        try:
            report |= _key(config, enrolled, rotations, now, wrong)
        except CarnetError as error:
            wrong.append(str(error))
        wrong += [f"{one.name}: {one.detail}" for one in alarms] + obeying.overdue(asked, now)
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


def _key(
    config: Config, enrolled: Enrolled, rotations: Sequence[Rotation], now: datetime, wrong: list[str]
) -> dict[str, Any]:
    """Say which key signs; raises what is wrong with it. A token is not logged in to for that: each login can fail."""
    if config.keys.pkcs11 is not None:
        key_id = rotations[-1].new.key_id if rotations else enrolled.key_id
        if is_held(rotations):
            wrong.append(held_wrong(key_id))
        return {"keyId": key_id, "keyKnownToReceiver": all(one.introduced for one in rotations)}
    with contextlib.closing(key_store_of(config, os.environ)) as key_store:
        keys = signing_keys(config, key_store, enrolled, rotations)
    wrong += standing_wrong(keys, config.keys.rotate_after_days, now)
    return {
        "keyId": keys.signing.public.key_id,
        "keyAgeSeconds": max(0, int((now - keys.made_at).total_seconds())),
        "keyKnownToReceiver": not keys.older and not keys.rotation_held,
    }


def _not_enrolled(config: Config, words: str, wrong: list[str]) -> dict[str, Any]:
    """Say what this host waits for."""
    wrong.append("not enrolled: files stay where they are")
    try:
        found = waiting.load(config.state_dir)
    except CarnetError as error:
        wrong.append(str(error))
        return {}
    if not found:
        wrong[-1] += f"; {command(words, '--token-file FILE')}"
        return {}
    asked = []
    for one in found:
        said, following = next_step(one, words)
        wrong.append(f"{said}: {following}")
        asked.append(
            {
                "id": digest_text(one.request.id),
                "name": one.name,
                "askedAt": format_time(one.asked_at),
                "keyId": one.request.key_id,
                "url": one.url,
            }
        )
    return {"enrolmentRequests": asked, "rootKey": found[-1].keyring.root.key_id}


def _status_text(report: dict[str, Any]) -> str:
    running = "running" if report["running"] else "not running"
    lines = [f"{'healthy' if report['healthy'] else 'NOT healthy'}, {running}"]
    lines += [f"  wrong: {one}" for one in report["wrong"]]
    if "collectorId" in report:
        lines.append(f"collector  {report['collectorId']}, root key {report['rootKey']}")
    if "keyId" in report:
        known = "" if report.get("keyKnownToReceiver", True) else ", not known to the receiver yet"
        age = f", {report['keyAgeSeconds'] // _DAY_SECONDS} days old" if "keyAgeSeconds" in report else ""
        lines.append(f"key        {report['keyId']}{age}{known}")
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
