"""`carnet`: what pipelines type. `drop` hands reports to a collector; the others post to a receiver with a key."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import click

from collector.pipeline.artifact import artifact
from collector.pipeline.attest import attest
from collector.pipeline.ci import detect
from collector.pipeline.deploy import deploy
from collector.pipeline.detected import Run
from collector.pipeline.dropping import drop
from collector.pipeline.evidence import evidence
from collector.pipeline.explain import explain
from collector.pipeline.gate import gate
from collector.pipeline.run import run
from collector.pipeline.verify import verify
from collector.terminal import output_option, run_program, show
from shared.errors import ConfigError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="carnet", prog_name="carnet")
def program() -> None:
    """Hand the evidence of a pipeline to Carnet.

    With no token and no network: drop puts reports where a collector takes them. With an API key: attest, artifact,
    deploy and run post to the receiver at MERGEWHY_API_URL; the key stands in MERGEWHY_API_KEY or in a file that
    MERGEWHY_API_KEY_FILE names. What the CI system says of the job goes along.

    With a gate's token: gate asks whether a release may go, evidence posts what is known of it, explain shows a
    passport; RELEASEPASSPORT_API_URL, and RELEASEPASSPORT_TOKEN or _TOKEN_FILE. With neither: verify checks a passport.
    """


@program.command("drop", short_help="Copy reports to where a collector takes them.")
@click.argument("patterns", metavar="GLOB...", nargs=-1, required=True)
@click.option(
    "--inbox",
    type=click.Path(path_type=Path),
    envvar="CARNET_INBOX",
    required=True,
    show_envvar=True,
    help="The folder that a collector watches.",
)
@click.option("--run", "run_id", help="The run, where the CI system does not say it.")
@click.option("--job", help="The job, where the CI system does not say it.")
@click.option("--allow-none", is_flag=True, help="Exit 0 where no file matches.")
@output_option
def drop_command(
    patterns: tuple[str, ...],
    inbox: Path,
    run_id: str | None,
    job: str | None,
    allow_none: bool,  # noqa: FBT001 - click's way
    output: str,
) -> None:
    """Copy reports into the inbox, with the run they belong to; exit 0 means that they are durable there.

    Globs are relative to this folder, such as 'build/reports/**/*.xml'. Each file goes under a dot-name first and is
    then renamed, so that the collector never sees a half one.
    """
    here = Path.cwd()
    found = detect(os.environ) or Run("this environment")
    said = replace(found, run=run_id or found.run, job=job or found.job)
    reports = sorted({path for pattern in patterns for path in _matches(here, pattern)})
    if not reports:
        if allow_none:
            show(output, {"files": []}, "no file matches; nothing was dropped")
            return
        raise ConfigError(f"no file matches {' '.join(patterns)}", "check the globs, or say --allow-none")
    dropped = drop(inbox, said, here, reports)
    text = f"dropped {len(dropped.files)} file(s) into {dropped.folder}"
    show(output, {"folder": str(dropped.folder), "files": list(dropped.files)}, text)


def _matches(here: Path, pattern: str) -> list[Path]:
    if pattern.startswith("/") or ".." in Path(pattern).parts:
        raise ConfigError(f"the pattern {pattern!r} leaves this folder", "run this in the job's folder")
    return [path for path in here.glob(pattern) if path.is_file() and not path.is_symlink()]


for command in (attest, artifact, deploy, run, gate, evidence, explain, verify):
    program.add_command(command)


def main() -> NoReturn:
    """Run the command line."""
    run_program(program, "carnet")
