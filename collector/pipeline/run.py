"""`carnet run`: a pipeline's run as it begins, goes on and ends, told from jobs that know nothing of each other.

A run is known by source and external id. Each command posts it, which names it and makes it where it is new, and then
puts what it has to say, so that no job has to keep an id for the next.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from collector.clock import utcnow
from collector.pipeline.detected import Run
from collector.pipeline.options import about_options, kept, posting_options
from collector.pipeline.telling import ask, new_key
from shared.encoding import format_time
from shared.wire import API

if TYPE_CHECKING:
    from collections.abc import Callable

    from collector.pipeline.access import Destination
    from collector.pipeline.options import About
    from collector.pipeline.posting import Receiver, Reply
    from shared.encoding import JsonObject, JsonValue

RUNS = f"{API}/pipeline-runs"
_CREATED = 201

_OUTCOMES = {
    "success": ("COMPLETED", "success"),
    "failure": ("FAILED", "failure"),
    "cancelled": ("CANCELLED", "cancelled"),
    "skipped": ("COMPLETED", "skipped"),
}
_ALSO = {
    "succeeded": "success",
    "succeededwithissues": "success",
    "failed": "failure",
    "unstable": "failure",
    "canceled": "cancelled",
    "aborted": "cancelled",
    "not_built": "skipped",
}
"""What the CI systems call the outcome of a job."""
_STATUSES = ("QUEUED", "IN_PROGRESS", "COMPLETED", "FAILED", "CANCELLED")
_STEP_OUTCOMES = {"success": "SUCCESS", "failure": "FAILURE", "cancelled": "CANCELLED", "skipped": "SKIPPED"}
"""A step has no conclusion beside its status, so its status says how it ended."""


@dataclass(frozen=True, slots=True)
class _Named:
    """Which run it is, and what is known of it besides."""

    external_id: str | None
    source: str | None
    workflow: str | None
    event: str | None
    triggered_by: str | None
    run_url: str | None


class Outcome(click.ParamType[str]):
    """The outcome of a run, in any CI system's word for it."""

    name = "OUTCOME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401
        """Give the receiver's word for it."""
        word = str(value).strip().lower()
        word = _ALSO.get(word, word)
        if word not in _OUTCOMES:
            self.fail(f"{str(value)[:100]!r} is none of {', '.join((*_OUTCOMES, *_ALSO))}", param, ctx)
        return word


@click.group(short_help="Post a run of a pipeline: start, step, finish.")
def run() -> None:
    """Post a run of a pipeline: start, step and finish, each from any job of it.

    The run is known by its source and its id, which the CI system says; nothing has to be kept between jobs.
    """


def _named_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say which run it is; it gets them as `named`."""

    @functools.wraps(command)
    def packed(**given: Any) -> None:  # noqa: ANN401 - click's way
        names = ("external_id", "source", "workflow", "event", "triggered_by", "run_url")
        command(named=_Named(**{name: given.pop(name) for name in names}), **given)

    whole: Callable[..., None] = packed
    for option in (
        click.option("--run-url", metavar="URL", help="Where to look it up; else the build's address."),
        click.option("--triggered-by", metavar="WHO", help="Who started it; else as CI says."),
        click.option("--event", help="What started it, such as push; else as CI says."),
        click.option("--workflow", metavar="NAME", help="What the pipeline is called; else as CI says."),
        click.option("--source", help="Where it runs; else the CI system."),
        click.option("--external-id", metavar="ID", help="Its id there; else as CI says."),
    ):
        whole = option(whole)
    return whole


@run.command()
@click.option("--queued", is_flag=True, help="It waits for its turn, and has not begun.")
@click.option("--started-at", metavar="TIME", help="RFC 3339; else now.")
@_named_options
@about_options
@posting_options
def start(to: Destination, about: About, named: _Named, queued: bool, started_at: str | None) -> None:  # noqa: FBT001
    """Say that a run begins."""
    began = started_at or (None if queued else format_time(utcnow()))
    _say(to, about, named, kept({"status": "QUEUED" if queued else "IN_PROGRESS", "startedAt": began}))


@run.command()
@click.option(
    "--conclusion",
    type=Outcome(),
    required=True,
    help="success, failure, cancelled or skipped; the words of GitHub, GitLab, Jenkins and Azure for them, too.",
)
@click.option("--status", type=click.Choice(_STATUSES[2:], case_sensitive=False), help="Else as the conclusion says.")
@click.option("--started-at", metavar="TIME", help="RFC 3339, where no start was posted.")
@click.option("--completed-at", metavar="TIME", help="RFC 3339; else now.")
@_named_options
@about_options
@posting_options
def finish(to: Destination, about: About, named: _Named, **given: Any) -> None:  # noqa: ANN401 - click's way
    """Say how a run ended; it is closed then."""
    status, conclusion = _OUTCOMES[given["conclusion"]]
    change = {
        "status": given["status"] or status,
        "conclusion": conclusion,
        "startedAt": given["started_at"],
        "completedAt": given["completed_at"] or format_time(utcnow()),
    }
    _say(to, about, named, kept(change))


@run.command()
@click.argument("name")
@click.option("--status", required=True, metavar="STATUS", help="How it stands, or a job's outcome as CI says it.")
@click.option("--number", type=click.IntRange(min=0), help="Its place in the run; steps are known by it, else by name.")
@click.option("--started-at", metavar="TIME", help="RFC 3339.")
@click.option("--completed-at", metavar="TIME", help="RFC 3339.")
@click.option("--duration", type=click.FloatRange(min=0), metavar="SECONDS", help="How long it took.")
@_named_options
@about_options
@posting_options
def step(to: Destination, about: About, named: _Named, name: str, **given: Any) -> None:  # noqa: ANN401 - click's way
    """Say how the step NAME of a run stands."""
    one = {
        "name": name,
        "number": given["number"],
        "status": _step_status(given["status"]),
        "startedAt": given["started_at"],
        "completedAt": given["completed_at"],
        "durationSeconds": given["duration"],
    }
    _say(to, about, named, {"status": "IN_PROGRESS", "steps": [kept(one)]}, ("steps",))


def _step_status(said: str) -> str:
    word = said.strip().lower()
    outcome = _STEP_OUTCOMES.get(_ALSO.get(word, word))
    if outcome is None and word.upper() not in _STATUSES:
        known = ", ".join((*_STATUSES, *_STEP_OUTCOMES))
        raise click.BadParameter(f"{said[:100]!r} is none of {known}", param_hint="--status")
    return outcome or word.upper()


def _say(
    to: Destination, about: About, named: _Named, change: JsonObject, again: tuple[str, ...] | None = None
) -> None:
    """Post a run with a change, and put the change where the run was there already.

    `again` names the fields of the change that are put; all of them, where nothing is said.
    """
    whole = _whole(about, named) | change
    then = change if again is None else {name: change[name] for name in again}

    async def said(receiver: Receiver) -> Reply:
        reply = await receiver.post(RUNS, whole, new_key())
        return reply if reply.status == _CREATED else await receiver.put(f"{RUNS}/{quote(reply.id, safe='')}", then)

    ask(to, whole, f"{whole['workflowName']} {whole['externalId']}: {_how(change)}", said)


def _how(change: JsonObject) -> JsonValue:
    return change.get("conclusion") or ("a step" if "steps" in change else change["status"])


def _whole(about: About, named: _Named) -> JsonObject:
    ci = about.ci or Run(about.source)
    external_id = named.external_id or ci.external_id or ci.run
    workflow = named.workflow or ci.workflow
    if not external_id or not workflow:
        msg = f"give {'--workflow' if external_id else '--external-id'}: no CI system says which run this is"
        raise click.UsageError(msg)
    return kept(
        {
            "externalId": external_id,
            "source": named.source or about.source,
            "workflowName": workflow,
            "repositoryFullName": about.repository,
            "headSha": about.commit,
            "headBranch": about.branch,
            "prNumber": about.pr_number,
            "event": named.event or ci.event,
            "triggeredBy": named.triggered_by or ci.triggered_by,
            "runUrl": named.run_url or ci.build_url,
        }
    )
