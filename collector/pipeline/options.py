"""Options that the posting commands share: where a post goes, and what of the job it is about."""

from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from collector.pipeline.access import GATE, POSTS, Destination, Variables
from collector.pipeline.ci import detect
from collector.pipeline.detected import Run
from collector.pipeline.files import sha256_of
from collector.terminal import output_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.encoding import JsonObject, JsonValue

_SHA256 = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.ASCII)
_NO_SYSTEM = "carnet"


@dataclass(frozen=True, slots=True)
class About:
    """What a post is about, as far as the command line and the CI system say; `ci` is None outside of one.

    `commit_said`: the command line named the commit.
    """

    repository: str | None
    commit: str | None
    branch: str | None
    pr_number: int | None
    ci: Run | None
    commit_said: bool = False

    @property
    def source(self) -> str:
        """Who posts, in one word: the CI system, as `github-actions`."""
        return _NO_SYSTEM if self.ci is None else self.ci.provider.lower().replace(" ", "-")

    @property
    def ci_context(self) -> JsonObject | None:
        """The `ciContext` of a post; None outside of a CI system."""
        if self.ci is None:
            return None
        said = {"buildUrl": self.ci.build_url, "buildId": self.ci.run, "triggeredBy": self.ci.triggered_by}
        return kept({"provider": self.ci.provider, **said})


def kept(fields: dict[str, JsonValue]) -> JsonObject:
    """Give the fields that say something."""
    return {name: value for name, value in fields.items() if value is not None and value != ""}


class Sha256(click.ParamType[str]):
    """64 hex digits, with or without `sha256:` before them."""

    name = "HEX"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401
        """Give the digits in lower case."""
        found = _SHA256.fullmatch(str(value).strip().lower())
        if found is None or not found[1].strip("0"):
            self.fail("64 hex digits are needed, with or without sha256: before them", param, ctx)
        return found[1]


class Digest(click.ParamType[str]):
    """A digest, or a file, which is hashed."""

    name = "DIGEST|FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401
        """Give the digest as 64 lower-case hex digits."""
        text = str(value).strip()
        if _SHA256.fullmatch(text.lower()) is not None:
            if Path(text).exists():
                # Stores of blobs name files so, and what is in one need not be what it is called.
                self.fail(f"{text[:100]} is a digest, and a file: write ./{text[:100]} for the file", param, ctx)
            return SHA256.convert(text, param, ctx)
        if not Path(text).is_file():
            self.fail(f"{text[:100]!r} is neither sha256: and 64 hex digits nor a file", param, ctx)
        return sha256_of(Path(text))


SHA256 = Sha256()
DIGEST = Digest()
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def posting_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say where to post; it gets them as `to`, a `Destination`."""
    return _reaching(command, POSTS)


def gate_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say where the gate is; it gets them as `to`, a `Destination`."""
    return _reaching(command, GATE)


def _reaching(command: Callable[..., None], variables: Variables) -> Callable[..., None]:
    dry_exit = "" if variables is POSTS else "; `gate` ends with 3 then"

    @functools.wraps(command)
    def packed(**given: Any) -> None:  # noqa: ANN401 - click's way
        names = ("url", "key_file", "ca_file", "proxy", "timeout_seconds", "dry_run", "output")
        command(to=Destination(**{name: given.pop(name) for name in names}, variables=variables), **given)

    whole: Callable[..., None] = packed
    for option in (
        output_option,
        click.option(
            "--dry-run", is_flag=True, help=f"Print the JSON that would be posted, and send nothing{dry_exit}."
        ),
        click.option(
            "--timeout",
            "timeout_seconds",
            type=click.FloatRange(min=0.1, max=3600),
            default=60,
            show_default=True,
            metavar="SECONDS",
            help="How long to try while the receiver asks to wait or does not answer.",
        ),
        click.option("--proxy", metavar="URL", help="An HTTP proxy on the way."),
        click.option("--ca-file", type=FILE, help="Certificates of your own CA, in PEM; instead of the system's."),
        click.option(
            "--key-file",
            type=click.Path(path_type=Path),
            envvar=variables.key_file,
            show_envvar=True,
            help=f"A file with {variables.kind}; else {variables.key} holds it. It is never an option itself.",
        ),
        click.option("--url", envvar=variables.url, show_envvar=True, help="The receiver's address."),
    ):
        whole = option(whole)
    return whole


def about_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say what a post is about; it gets them as `about`, an `About`."""

    @functools.wraps(command)
    def packed(**given: Any) -> None:  # noqa: ANN401 - click's way
        said = {name: given.pop(name) for name in ("repository", "commit", "branch", "pr_number")}
        ci = None if given.pop("no_ci") else detect(os.environ)
        command(about=resolve(ci, **said), **given)

    whole: Callable[..., None] = packed
    for option in (
        click.option("--no-ci", is_flag=True, help="Take nothing from the variables of the CI system."),
        click.option("--pr", "pr_number", type=click.IntRange(min=1), metavar="NUMBER", help="The pull request."),
        click.option("--branch", help="The branch."),
        click.option("--commit", metavar="SHA", help="The commit, in full: an abbreviated one links nothing."),
        click.option("--repository", metavar="OWNER/NAME", help="The repository; this and the next three: as CI says."),
    ):
        whole = option(whole)
    return whole


def resolve(
    ci: Run | None, repository: str | None, commit: str | None, branch: str | None, pr_number: int | None
) -> About:
    """Join what was said with what the CI system says, which never speaks for another repository than its own."""
    if ci is not None and repository and ci.repository and repository.casefold() != ci.repository.casefold():
        ci = replace(ci, commit=None, branch=None, pr_number=None, tag=None)
    here = ci or Run(_NO_SYSTEM)
    return About(
        repository=repository or here.repository,
        commit=commit or here.commit,
        branch=branch or here.branch,
        pr_number=pr_number or here.pr_number,
        ci=ci,
        commit_said=commit is not None,
    )
