"""The status of a running collector: what waits, what left, what was not taken, and what is wrong. Wiring.

Invariant: `healthy` rests on work that was done, not on a process that lives; asking changes nothing.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from collector import obeying
from collector.keys import standing_wrong
from collector.masking import masked
from shared.encoding import digest_text, format_time
from shared.errors import CarnetError

if TYPE_CHECKING:
    from datetime import datetime

    from collector.instance import Instance
    from collector.obeying import Asked
    from collector.parsing import Parser
    from collector.ship import Shipped
    from collector.spool import Stats
    from collector.taken import Taken
    from shared.encoding import JsonObject

_SCANS_MISSED = 3
_LATE_SECONDS = 60
_HELD_BACK_LISTED = 10


def report(
    instance: Instance,
    taken: Taken,
    parser: Parser,
    shipped: Shipped,
    *,
    waiting: int,
    passed_over: int,
    now: datetime,
    monotonic: float,
) -> JsonObject:
    """Give the status; `waiting` files have not settled yet, `monotonic` is the clock of the scans (seconds).

    `passed_over` requests of the receiver were of no kind that is known here.
    """
    found = _who(instance, now)
    wrong = _wrong_with_intake(taken, monotonic, _SCANS_MISSED * instance.config.watch.scan_seconds + _LATE_SECONDS)
    try:
        stats = instance.spool.stats(now)
        alarms = [f"{one.name}: {one.detail}" for one in instance.spool.alarms()]
        asked = instance.spool.asked()
    except CarnetError as error:
        wrong.append(f"the spool cannot be read: {error}")
    else:
        found |= {
            "spool": _spool(stats),
            "alarms": [*alarms],
            "asked": {"now": [*map(_asked, asked)], "passedOver": passed_over},
        }
        if shipped.last_error is not None:
            wrong.append(f"not delivered for {int(stats.oldest_pending_seconds)} s: {shipped.last_error}")
        wrong += alarms + obeying.overdue(asked, now)
    # Words of our own, with ids of keys that are no secrets.
    of_keys = standing_wrong(instance.keys.now, instance.config.keys.rotate_after_days, now)
    found |= {
        "healthy": not wrong and not of_keys,
        "wrong": [*(masked(one, instance.secrets) for one in wrong), *of_keys],
        "receiver": {
            "url": instance.config.receiver.url,
            "answers": shipped.reachable,
            "lastError": shipped.last_error,
            "lastReceiptAt": None if shipped.last_receipt_at is None else format_time(shipped.last_receipt_at),
        },
        "intake": {
            "captured": taken.captured,
            "known": taken.known,
            "unknownFormat": taken.unknown_format,
            "skipped": taken.skipped,
            "scans": taken.scans,
            "waiting": waiting,
        },
        "parser": {"pid": parser.pid, "replaced": parser.replaced, "lastFailure": parser.last_failure},
        "shipped": {
            name: value for name, value in asdict(shipped).items() if isinstance(value, int) and name != "reachable"
        },
    }
    return found


def _who(instance: Instance, now: datetime) -> JsonObject:
    keys = instance.keys.now
    return {
        "collectorId": instance.identity.collector_id,
        "keyId": keys.signing.public.key_id,
        "keyAgeSeconds": max(0, int((now - keys.made_at).total_seconds())),
        "keyKnownToReceiver": not keys.older and not keys.rotation_held,
        "rootKey": instance.enrolled.keyring.root.key_id,
        "configDigest": digest_text(instance.identity.config_digest),
        "version": instance.identity.version,
    }


def _spool(stats: Stats) -> JsonObject:
    return {
        "pending": stats.pending,
        "oldestPendingSeconds": int(stats.oldest_pending_seconds),
        "delivered": stats.delivered,
        "quarantined": stats.quarantined,
        "dropped": stats.dropped,
        "usedBytes": stats.used_bytes,
        "quotaBytes": stats.quota_bytes,
        "full": stats.full,
        "setAside": stats.set_aside,
        "nextSequence": stats.head.next_sequence,
    }


def _asked(one: Asked) -> JsonObject:
    return {**one.request.to_wire(), "outcome": one.outcome.value, "askedAt": format_time(one.asked_at)}


def _wrong_with_intake(taken: Taken, now: float, late: float) -> list[str]:
    # Copies: the thread that takes files in goes on writing meanwhile.
    found = [f"root {name}: {detail}" for name, detail in dict(taken.scan_errors).items()]
    found += [
        f"root {name}: the last scan ended {int(now - at)} s ago"
        for name, at in dict(taken.scanned_at).items()
        if now - at > late
    ]
    found += [f"{root}/{path}: {why}" for (root, path), why in list(taken.held_back.items())[:_HELD_BACK_LISTED]]
    if taken.no_room is not None:
        found.append(f"nothing more is taken, the files wait: {taken.no_room}")
    return found
