"""`carnet artifact`: what was built, by its digest, and from which commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from collector.pipeline.files import sha256_of
from collector.pipeline.options import FILE, SHA256, about_options, kept, posting_options
from collector.pipeline.telling import post
from shared.wire import API

if TYPE_CHECKING:
    from pathlib import Path

    from collector.pipeline.access import Destination
    from collector.pipeline.options import About

ARTIFACTS = f"{API}/artifacts"


@click.command(short_help="Post what was built, by its digest.")
@click.argument("file", metavar="[FILE]", required=False, type=FILE)
@click.option("--sha256", type=SHA256, metavar="HEX", help="The digest, where there is no file, as for an image.")
@click.option("--name", help="What it is called; else the file's name.")
@click.option("--version", help="Its version; else the tag that is built.")
@click.option(
    "--type",
    "artifact_type",
    metavar="TYPE",
    help="docker-image, binary, archive, package, chart, sbom, other; anything else is kept as a label.",
)
@click.option("--registry", help="Where it is kept, such as registry.example/acme.")
@click.option("--source", help="Who says so; else the CI system.")
@about_options
@posting_options
def artifact(to: Destination, about: About, file: Path | None, sha256: str | None, **given: Any) -> None:  # noqa: ANN401 - click's way
    """Post an artifact: FILE, which is hashed here and stays here, or a digest.

    It is linked to the commit of this job, which is how evidence about the commit comes to count for the artifact.
    """
    if (file is None) == (sha256 is None):
        msg = "give FILE or --sha256"
        raise click.UsageError(msg)
    name = given["name"] or (file.name if file is not None else None)
    if name is None:
        msg = "give --name: a digest has none"
        raise click.UsageError(msg)
    if about.repository is None:
        msg = "give --repository: no CI system says which one this is"
        raise click.UsageError(msg)
    digest = sha256_of(file) if file is not None else sha256
    body = kept(
        {
            "repositoryFullName": about.repository,
            "name": name,
            "version": given["version"] or (about.ci.tag if about.ci else None),
            "sha256": digest,
            "artifactType": given["artifact_type"],
            "commitSha": about.commit,
            "branch": about.branch,
            "prNumber": about.pr_number,
            "registry": given["registry"],
            "source": given["source"] or about.source,
            "ciContext": about.ci_context,
        }
    )
    post(to, ARTIFACTS, body, f"{name} sha256:{digest}")
