"""`policy simulate`: which decisions a policy would change, before it makes any."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import click

from receiver import clock, simulate
from receiver.caller import OPERATOR
from receiver.commands import options
from receiver.commands.collectors import chosen, opened, workspace_option
from receiver.commands.policy import read_text
from receiver.simulate import Beside, Change, Progress, Simulated
from shared.encoding import JsonObject, JsonValue, format_time
from shared.errors import Code, StateError

_SINCE = re.compile(r"([1-9][0-9]{0,3})d", re.ASCII)
_SHOWN = 50


def read_since(_context: click.Context, _option: click.Parameter, text: str) -> timedelta:
    """Read a number of days such as `30d`."""
    found = _SINCE.fullmatch(text)
    if found is None:
        raise click.BadParameter("write a number of days, such as 30d")
    return timedelta(days=int(found[1]))


@click.command(name="simulate")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--since", callback=read_since, default="30d", show_default=True, help="How far to look back, in days.")
@workspace_option
@options.config_source
@options.output
def simulate_policy(
    file: Path, *, since: timedelta, workspace: str | None, config: Path | None, data: Path | None, output: str
) -> None:
    """List which past decisions, and which on what is deployed now, would be others if FILE were active."""
    text = read_text(file)
    with opened(config, data) as (_, store), _bar() as progress:
        made = simulate.simulate(
            store,
            chosen(store, workspace),
            text,
            since,
            OPERATOR,
            clock.utcnow(),
            progress,
            Beside(_process_count(), _tell_lost),
        )
    options.show(_fields(made), "\n".join(_lines(made)), output)
    if not made.tried:
        raise _not_tried(made)


def _not_tried(made: Simulated) -> StateError:
    """Say that what was asked for could not be done, though all of it was read."""
    detail = f"not one of the {len(made.unseen) + len(made.unread)} past releases that it concerns could be tried"
    hint = "activate it with --override-simulation --reason TEXT"
    if made.unseen:
        hint = f"activate it in mode shadow first, and simulate this one once releases were judged by that; or {hint}"
    else:
        hint = f"run carnet-receiver fsck, or {hint}"
    return StateError(Code.CONFLICT, f"{detail}, so {made.policy.name} may not enforce for this simulation", hint)


def _process_count() -> int:
    """One for each processor; with only one, all is judged by this process."""
    count = len(os.sched_getaffinity(0))
    return count if count > 1 else 0


def _tell_lost() -> None:
    click.echo("a process that judged beside this one ended by itself; what it had is judged here", err=True)


@contextmanager
def _bar() -> Iterator[Progress]:
    """Show on stderr how far it is, where somebody looks at it."""
    with click.progressbar(length=1, label="releases", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(done - bar.pos)

        yield progress


def _fields(made: Simulated) -> JsonObject:
    changes: JsonObject = {**made.counts}
    items: list[JsonValue] = [_change(one) for one in made.changes]
    unasked: list[JsonValue] = [
        {"service": service, "namespace": namespace or None, "environment": environment, "digest": f"sha256:{digest}"}
        for service, namespace, environment, digest in made.unasked
    ]
    return {
        "policy": made.policy.name,
        "version": made.policy.version,
        "digest": made.policy.digest,
        "mode": made.policy.mode.value,
        "since": format_time(made.since),
        "at": format_time(made.at),
        "releases": made.releases,
        "judged": made.judged,
        "tried": made.tried,
        "changed": len(made.changes),
        "stopped": made.stopped,
        "freed": made.freed,
        "changes": changes,
        "items": items,
        "unread": [*made.unread],
        "unseen": [*made.unseen],
        "unasked": unasked,
    }


def _change(one: Change) -> JsonObject:
    target = one.request.target
    return {
        "passportId": one.passport_id,
        "service": target.service,
        "namespace": target.namespace,
        "environment": target.environment,
        "digest": f"sha256:{one.request.digest}",
        "evaluatedAt": format_time(one.evaluated_at),
        "deployed": one.deployed,
        "before": {"decision": one.before.decision, "proceed": one.before.proceed, "mode": one.before.mode},
        "after": {"decision": one.after.decision, "proceed": one.after.proceed, "mode": one.after.mode},
        "why": [*one.why],
    }


def _lines(made: Simulated) -> list[str]:
    counts = ", ".join(f"{number} {kind}" for kind, number in made.counts.items())
    lines = [
        f"{made.policy.name} version {made.policy.version}, mode {made.policy.mode}",
        f"{made.releases} releases since {format_time(made.since)}; it judges {made.judged} of them",
        f"{len(made.changes)} decisions change" + (f": {counts}" if counts else ""),
        f"{made.stopped} pipelines would stop that went on, {made.freed} would go on that stopped",
    ]
    for one in made.changes[:_SHOWN]:
        target = one.request.target
        lines += [
            "",
            f"{one.kind}  {target.service} -> {target.environment}  {one.passport_id}"
            + ("  deployed now" if one.deployed else ""),
            *(f"  {why}" for why in one.why),
        ]
    more = len(made.changes) - _SHOWN
    lines += ["", f"and {more} more; --output json lists all"] if more > 0 else []
    if made.unread:
        lines.append(f"{len(made.unread)} passports could not be judged again: {', '.join(made.unread[:3])} ...")
    if made.unseen:
        words = "releases were NOT tried: it names collectors that nobody looked at when they were judged"
        lines.append(f"{len(made.unseen)} {words}")
    if made.unasked:
        lines.append(f"{len(made.unasked)} releases are deployed that nobody asked about: nothing to judge")
    return lines
