"""`formats`: what this collector reads, and which format took a file and why the others did not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from collector.formats import FORMATS, look
from collector.masking import masked
from collector.opening import RootSpec, reading
from collector.terminal import output_option
from shared.printable import plain
from shared.redaction import without_part_of_a_mark
from shared.secretrules import secret_rules

if TYPE_CHECKING:
    from collector.formats import Head
    from shared.encoding import JsonObject, JsonValue
    from shared.redaction import Rules

_ARTIFACT: JsonObject = {
    "key": "artifact",
    "title": "any file that an artifacts rule matches",
    "type": "BUILD_PROVENANCE",
    "looksFor": "a path that an artifacts rule of the configuration names; the content does not matter",
}
_MAX_LINKS = 65_535
_MAX_BYTES = 1 << 50
_SHOWN = 8
_SHOWN_CHARS = 60
_MAX_NAMESPACE_CHARS = 200


@click.group(invoke_without_command=True)
@output_option
@click.pass_context
def formats(context: click.Context, output: str) -> None:
    """List what this collector reads."""
    if context.invoked_subcommand is not None:
        return
    rows: list[JsonObject] = [
        {"key": row.key, "title": row.title, "type": row.type.value if row.type else "any", "looksFor": row.looks_for}
        for row in FORMATS
    ]
    rows.append(_ARTIFACT)
    if output == "json":
        click.echo(json.dumps(rows))
        return
    for row in rows:
        click.echo(f"{row['key']:18} {row['type']:18} {row['title']}")


@formats.command()
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@output_option
def explain(path: Path, output: str) -> None:
    """Say which format takes FILE, and for every other one what it looked for and did not find.

    Only the beginning of the file is looked at, never its name. Whether it can be read to its end: preview FILE.
    """
    root = RootSpec(name="explain", path=path.parent.resolve(), max_links=_MAX_LINKS)
    with reading(root, path.name, expected=None, max_bytes=_MAX_BYTES) as content:
        head = look(content.head)
    matched = [row.key for row in FORMATS if row.recognise(head)]
    taken = matched[0] if matched else None
    rows: list[JsonValue] = [
        {"key": row.key, "matched": row.key in matched, "looksFor": row.looks_for} for row in FORMATS
    ]
    also: list[JsonValue] = [*matched[1:]]
    secrets = secret_rules()
    value: JsonObject = {"path": masked(str(path), secrets), "looksLike": _looks_like(head, secrets)}
    value |= {"takenBy": taken, "alsoMatched": also, "formats": rows}
    click.echo(json.dumps(value) if output == "json" else plain(_text(value)))


def _looks_like(head: Head, secrets: Rules) -> str:
    """Say in words what the beginning of a file is, as the formats see it; a secret in them gives way to a mark."""
    if head.kind == "xml":
        below = f", with {_some(sorted(head.children), secrets)} below it" if head.children else ""
        namespace = _short(head.namespace, secrets, _MAX_NAMESPACE_CHARS)
        within = f" in the namespace {namespace}" if namespace else ""
        root = _short(head.root, secrets)
        return f"XML with the root element {root}{within}{below}" if root else "XML without a root element"
    if head.kind == "json":
        several = "JSON lines" if head.ndjson else "JSON"
        top = list(dict.fromkeys(".".join(path) for path in head.keys if len(path) == 1 + (path[0] == "[]")))
        return f"{several} with {_some(top, secrets)}" if top else f"{several} without keys at the top"
    first = next((line for line in head.lines if line.strip()), "")
    return f"text that begins with {_short(first, secrets)!r}" if first else "nothing: it is empty, or no text"


def _some(names: list[str], secrets: Rules) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(_short(name, secrets) for name in names[:_SHOWN]) + more


def _short(text: str, secrets: Rules, chars: int = _SHOWN_CHARS) -> str:
    """Give the beginning of a text, searched before it is cut, and never with a half of a mark."""
    return without_part_of_a_mark(masked(text, secrets, chars)[:chars])


def _text(value: dict[str, Any]) -> str:
    taken = value["takenBy"]
    lines = [
        str(value["path"]).replace("\n", "\\n"),
        f"  looks like {value['looksLike']}",
        f"  taken by {taken}" if taken else "  taken by no format: it is counted, and left alone",
    ]
    for row in value["formats"]:
        said = "takes it" if row["key"] == taken else "would take it too" if row["matched"] else "no"
        lines.append(f"    {row['key']:18} {said:18} looks for {row['looksFor']}")
    lines.append(f"    {_ARTIFACT['key']:18} {'if configured':18} looks for {_ARTIFACT['looksFor']}")
    return "\n".join(lines)
