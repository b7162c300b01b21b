"""`carnet gate`: asks whether a release may go, and tells a pipeline by its exit.

Exits: 0 go on, 1 do not, 2 wrong usage, 3 could not ask, 4 not authorised. Invariant: whatever goes wrong is no 0,
unless `--on-unreachable proceed` says so, which every request puts on record.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import click

from collector.pipeline.access import Destination, read_access
from collector.pipeline.ci import detect
from collector.pipeline.files import read_json
from collector.pipeline.options import DIGEST, gate_options
from collector.pipeline.question import Asked, question
from collector.pipeline.telling import talk
from collector.pipeline.verdict import DECISIONS, Exit, goes_on, has_policy, is_about, may_come, outcome
from collector.terminal import show
from shared.errors import CarnetError, Code, ConfigError, MalformedError, TryLaterError, UntrustedError
from shared.printable import plain
from shared.wire import GATE_API

if TYPE_CHECKING:
    from collector.pipeline.posting import Receiver
    from shared.encoding import JsonObject

EVALUATE = f"{GATE_API}/gate/evaluate"

_SPAN = re.compile(r"([0-9]{1,6})(s|m|h)", re.ASCII)
_UNITS: dict[str, Literal["seconds", "minutes", "hours"]] = {"s": "seconds", "m": "minutes", "h": "hours"}
_LONGEST_WAIT = timedelta(hours=24)
_HOLD_SECONDS = 25
_PAUSE_SECONDS = 2.0
"""Between two questions, where the gate holds no answer."""


class Span(click.ParamType[timedelta]):
    """A span of time such as 90s, 30m or 2h."""

    name = "SPAN"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:  # noqa: ANN401
        """Give the span."""
        if isinstance(value, timedelta):
            return value
        found = _SPAN.fullmatch(str(value).strip().lower())
        if found is None:
            self.fail("a span such as 90s, 30m or 2h is needed", param, ctx)
        span = timedelta(**{_UNITS[found[2]]: int(found[1])})
        if span > _LONGEST_WAIT:
            self.fail("at most 24h", param, ctx)
        return span


@click.command(short_help="Ask whether a release may go; the exit tells the pipeline.")
@click.option("--service", metavar="NAME", help="The service that is about to be deployed.")
@click.option("--namespace", metavar="NAME", help="In which namespace.")
@click.option("--environment", metavar="NAME", help="Where to.")
@click.option("--artifact", "digest", type=DIGEST, help="What: sha256:... of it, or the file itself.")
@click.option("--source-sha", metavar="SHA", help="The commit that it was built from; at least 7 digits.")
@click.option("--release-id", metavar="ID", help="The release; else the CI system's run.")
@click.option("--author", metavar="WHO", help="Who wrote it: nobody approves their own release.")
@click.option("--requested-by", metavar="WHO", help="Who asks for it; else who started this run.")
@click.option(
    "--mode",
    type=click.Choice(["shadow", "advisory", "enforce"], case_sensitive=False),
    help="At least as strict as configured; enforce, where nothing says it.",
)
@click.option("--policy", metavar="NAME", help="One more policy to judge by, besides the configured one.")
@click.option("--ready/--not-ready", "ready", default=None, help="How the target is, where nothing better says so.")
@click.option("--require-healthy-target", is_flag=True, help="The target must be healthy before.")
@click.option("--rollback-available/--no-rollback-available", "rollback_available", default=None, help="A way back.")
@click.option("--rollback-verified/--no-rollback-verified", "rollback_verified", default=None, help="It was tried.")
@click.option("--canary", is_flag=True, help="It goes to a few first: ALLOW_WITH_CANARY is enough.")
@click.option(
    "--fail-on",
    type=click.Choice(DECISIONS[:-1], case_sensitive=False),
    help="Exit 1 on this decision or a stronger one, in any mode.",
)
@click.option("--require-policy", is_flag=True, help="Exit 1 where no policy of your own covers the service.")
@click.option("--wait", type=Span(), help="Ask again for so long while what is open may still come: 90s, 30m, 2h.")
@click.option(
    "--on-unreachable",
    type=click.Choice(["fail", "proceed"]),
    default="fail",
    show_default=True,
    help="What to do if the gate does not answer; proceed is put on record with each request.",
)
@click.option("--request", metavar="FILE|-", help="The whole request as JSON; options go before it.")
@click.option("--no-ci", is_flag=True, help="Take nothing from the variables of the CI system.")
@gate_options
@click.pass_context
def gate(ctx: click.Context, /, to: Destination, **given: Any) -> None:  # noqa: ANN401 - click's way
    """Ask whether this artifact may go there.

    Exit 0: go on. 1: do not; what is open and who can do something about it is printed. 2: wrong usage. 3: the gate
    could not be asked. 4: it does not know this token, or the token may not ask.
    """
    fail_on, require_policy = given.pop("fail_on"), given.pop("require_policy")
    wait, file = given.pop("wait"), given.pop("request")
    proceed = given.pop("on_unreachable") == "proceed"
    ci = Asked() if given.pop("no_ci") else _of_ci()
    try:
        body = question({} if file is None else read_json(file, "--request"), _asked(given, proceed=proceed), ci)
        if to.dry_run:
            show("json", body, "")
            ctx.exit(Exit.NOT_ASKED)
        answer = _ask(to, body, wait)
    except UntrustedError as error:
        ctx.exit(_tell(error, Exit.NOT_AUTHORISED))
    except (ConfigError, MalformedError) as error:
        ctx.exit(_tell(error, Exit.USAGE))
    except CarnetError as error:
        status = _tell(error, Exit.NOT_ASKED)
        if proceed and _is_silence(error):
            click.echo(
                "nobody was asked, and nothing was decided: going on, as --on-unreachable proceed says", err=True
            )
            status = Exit.PROCEED
        ctx.exit(status)
    _show(answer, to.output)
    if require_policy and not has_policy(answer):
        click.echo("no policy of your own covers this service, and --require-policy was said", err=True)
    if answer.get("proceed") is True and not (is_about(body, answer) and goes_on(body, answer)):
        click.echo(
            "this is no answer to go on by: it is about something else, or its decision does not bear it", err=True
        )
    ctx.exit(outcome(body, answer, fail_on, require_policy=require_policy))


def _of_ci() -> Asked:
    """Give what the CI system says: the commit is not of it, since a job that promotes runs at another one."""
    found = detect(os.environ)
    return Asked() if found is None else Asked(release_id=found.run, requested_by=found.triggered_by)


def _asked(given: dict[str, Any], *, proceed: bool) -> Asked:
    mode = given.pop("mode")
    return Asked(**given, mode=None if mode is None else mode.lower(), proceed_if_unreachable=proceed)


def _ask(to: Destination, body: JsonObject, wait: timedelta | None) -> JsonObject:
    access = read_access(to, os.environ)
    if wait is None:
        return talk(access, lambda receiver: _once(receiver, body))
    seconds = wait.total_seconds()
    patient = replace(access, timeout_seconds=seconds + access.timeout_seconds)
    return talk(patient, lambda receiver: _until(receiver, body, seconds))


async def _once(receiver: Receiver, body: JsonObject) -> JsonObject:
    return (await receiver.evaluate(EVALUATE, body, 0)).body


async def _until(receiver: Receiver, body: JsonObject, seconds: float) -> JsonObject:
    """Ask until the pipeline may go on, something is open that does not come by waiting, or time is over."""
    waited, told, hold = receiver.stopwatch(), "", 0
    while True:
        began = waited()
        # What does not come by waiting is to be told at once, so no answer is held before that is known.
        answer = (await receiver.evaluate(EVALUATE, body, hold)).body
        hold = max(0, min(_HOLD_SECONDS, int(seconds - waited())))
        if goes_on(body, answer) or not may_come(answer, canary=body.get("canary") is True) or waited() >= seconds:
            return answer
        said = str(answer.get("headline"))
        if said != told:
            click.echo(plain(f"waiting: {answer.get('decision')}: {said}"), err=True)
            told = said
        await receiver.pause(min(max(0.0, _PAUSE_SECONDS - (waited() - began)), max(0.0, seconds - waited())))


def _is_silence(error: CarnetError) -> bool:
    """Whether nobody answered, or nobody who could: not where the question was refused, or came too often."""
    return error.code is not Code.RATE_LIMITED and (isinstance(error, TryLaterError) or type(error) is CarnetError)


def _tell(error: CarnetError, status: Exit) -> Exit:
    click.echo(plain(f"error: {error.detail}"), err=True)
    if error.hint:
        click.echo(plain(f"do:    {error.hint}"), err=True)
    return status


def _show(answer: JsonObject, output: str) -> None:
    if output == "json":
        show(output, answer, "")
        return
    text = answer.get("text")
    for line in (text if isinstance(text, str) else f"{answer.get('decision')}\n{answer.get('headline')}").split("\n"):
        click.echo(plain(line))
