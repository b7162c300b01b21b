"""`preview` and `formats`: what would leave for a file, before anything does; needs no configuration and no key."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from collector.attest import shown
from collector.capture import Broken, Captured, capture
from collector.disclose import Level
from collector.formats import FORMATS
from collector.plans import loose_plan
from collector.scan import scan
from collector.terminal import output_option, plain
from shared.errors import CarnetError, Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collector.capture import RootPlan
    from shared.encoding import JsonObject


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--level", type=click.Choice([level.value for level in Level]), default=Level.VERDICT.value, show_default=True,
    help="How much of a report leaves.",
)  # fmt: skip
@click.option("--artifact", is_flag=True, help="Treat the files as artifacts: hashed only.")
@output_option
def preview(paths: tuple[Path, ...], level: str, artifact: bool, output: str) -> None:  # noqa: FBT001 - click's way
    """Show the payload that would leave for each FILE, and what was cut; nothing is sent and no number is used."""
    failed = False
    with tempfile.TemporaryDirectory(prefix="carnet-preview-") as scratch:
        for path, plan, relative in _files(paths, Level(level), Path(scratch)):
            found = _preview(plan, relative, as_artifact=artifact)
            failed = failed or "error" in found
            shown_value = {"path": str(path), **found}
            click.echo(json.dumps(shown_value) if output == "json" else plain(_text(shown_value)))
    if failed:
        raise click.exceptions.Exit(65)


def _files(paths: tuple[Path, ...], level: Level, scratch: Path) -> Iterator[tuple[Path, RootPlan, str]]:
    for path in paths:
        root = path if path.is_dir() else path.parent
        plan = loose_plan(root.resolve(), level, scratch)
        if path.is_dir():
            for relative, _ in sorted(scan(plan.spec)):
                yield path / relative, plan, relative
        else:
            yield path, plan, path.name


def _preview(plan: RootPlan, relative: str, *, as_artifact: bool) -> JsonObject:
    try:
        found = capture(plan, relative, None, final=False, as_artifact=as_artifact)
        if isinstance(found, Broken):
            raise found.error
        if not isinstance(found, Captured):
            raise MalformedError(
                Code.UNKNOWN_FORMAT,
                "this file is of no known format",
                "it would be ignored; carnet-collector formats lists what is read",
            )
    except CarnetError as error:
        return {"error": {"code": error.code.value, "detail": error.detail, "hint": error.hint}}
    statement = shown(found.seen)
    predicate = statement["predicate"]
    claim = predicate["claim"] if isinstance(predicate, dict) else None
    cut: list[JsonObject] = [{"field": one.field, "why": one.why} for one in found.cut]
    return {"format": found.seen.format, "claim": claim, "cut": list(cut), "statement": statement}


def _text(value: JsonObject) -> str:
    error = value.get("error")
    if isinstance(error, dict):
        hint = f"\n  do: {error['hint']}" if error["hint"] else ""
        return f"{value['path']}\n  not attested ({error['code']}): {error['detail']}{hint}\n"
    claim, cut = value["claim"], value["cut"]
    if not isinstance(claim, dict) or not isinstance(cut, list):
        msg = "a preview without a claim"
        raise TypeError(msg)
    lines = [
        str(value["path"]),
        f"  {claim['type']} {claim['name']!r} ({value['format']}): {'passed' if claim['passed'] else 'NOT passed'}",
        "  would leave:",
        *(f"    {line}" for line in json.dumps(value["statement"], indent=2, ensure_ascii=False).splitlines()),
        "  stays here:" if cut else "  nothing is cut",
        *(f"    {one['field']}: {one['why']}" for one in cut if isinstance(one, dict)),
    ]
    return "\n".join(lines) + "\n"


@click.command()
@output_option
def formats(output: str) -> None:
    """List what this collector reads."""
    rows = [{"key": row.key, "title": row.title, "type": row.type.value if row.type else "any"} for row in FORMATS]
    rows.append({"key": "artifact", "title": "any file that an artifacts rule matches", "type": "BUILD_PROVENANCE"})
    if output == "json":
        click.echo(json.dumps(rows))
        return
    for row in rows:
        click.echo(f"{row['key']:18} {row['type']:18} {row['title']}")
