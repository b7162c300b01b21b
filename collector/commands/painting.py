"""Previews as text for people, in colours that a terminal shows; what a file says of itself steers none."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import click

from shared.errors import Code
from shared.printable import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shared.encoding import JsonObject

_MEMBER = re.compile(r'(\s*)("(?:[^"\\]|\\.)*")(: )(.*)')
_BROKEN = frozenset({Code.TRUNCATED, Code.BAD_ENCODING, Code.BAD_SYNTAX, Code.ENTITY, Code.TOO_DEEP})
_NULL_MEANS = "null: known only when it is captured (audience, key, salt, collector, stream, observation, time)"


def paint_preview(value: JsonObject) -> str:
    """Write what would leave for a file, and what stays and why."""
    found: dict[str, Any] = value
    if "error" in found:
        return _lines(_failed(found))
    claim = found["claim"]
    verdict = click.style("passed", "green") if claim["passed"] else click.style("NOT passed", "red")
    stays = "stays here:" if found["cut"] else "nothing is cut"
    return _lines(
        [
            _path(found),
            f"  {_said(claim['type'])} {_said(repr(claim['name']))} ({_said(found['format'])}): {verdict}",
            click.style("  would leave:", bold=True),
            *(f"    {line}" for line in _json(found["statement"])),
            click.style(f"    {_NULL_MEANS}", dim=True),
            click.style(f"  {stays}", bold=True),
            *(f"    {click.style(_said(one['field']), 'yellow')}: {_why(one)}" for one in found["cut"]),
        ]
    )


def paint_comparison(value: JsonObject) -> str:
    """Write what another level would add (+), change (~) and leave out (-)."""
    found: dict[str, Any] = value
    if "error" in found:
        return _lines(_failed(found))
    before, after = found["levels"]
    old, new = found["bytes"]
    nothing = not (found["added"] or found["changed"] or found["removed"])
    return _lines(
        [
            _path(found),
            f"  {_said(found['format'])}, from {before} to {after}: {new - old:+,} bytes ({old:,} to {new:,})",
            *(line for one in found["added"] for line in _sign("+", "green", one["field"], one["value"])),
            *(line for one in found["removed"] for line in _sign("-", "red", one["field"], one["value"])),
            *(line for one in found["changed"] for line in _changed(one)),
            *(["  the same leaves at both levels"] if nothing else []),
        ]
    )


def _failed(found: dict[str, Any]) -> Iterator[str]:
    error = found["error"]
    yield _path(found)
    yield f"  {click.style('not attested', 'red')} ({_said(error['code'])}): {_said(error['detail'])}"
    if error["code"] in _BROKEN:
        yield "  it may still be written; once it has stood still it is attested as not passed, with this reason"
    if error["hint"]:
        yield f"  do: {_said(error['hint'])}"


def _changed(one: dict[str, Any]) -> Iterator[str]:
    yield f"  {click.style('~', 'yellow')} {click.style(_said(one['field']), 'cyan')}"
    for sign, color, side in (("-", "red", "before"), ("+", "green", "after")):
        yield from (f"      {click.style(sign, color)} {line}" for line in _json(one[side]))


def _sign(sign: str, color: str, field: str, value: object) -> Iterator[str]:
    head, *rest = _json(value)
    yield f"  {click.style(sign, color)} {click.style(_said(field), 'cyan')}: {head}"
    yield from (f"      {line}" for line in rest)


def _path(found: dict[str, Any]) -> str:
    return click.style(_said(found["path"]), bold=True)


def _why(cut: dict[str, Any]) -> str:
    return _said(f"{cut['why']} ({cut['kind']})" if "kind" in cut else cut["why"])


def _json(value: object) -> Iterator[str]:
    """Write JSON, a member or an element on each line."""
    for line in json.dumps(value, indent=2, ensure_ascii=False).splitlines():
        member = _MEMBER.fullmatch(_said(line))
        if member is None:
            yield _value(_said(line))
        else:
            indent, name, colon, rest = member.groups()
            yield f"{indent}{click.style(name, 'cyan')}{colon}{_value(rest)}"


def _value(text: str) -> str:
    bare = text.strip().removesuffix(",")
    if bare.startswith('"'):
        return click.style(text, "green")
    if bare == "null":
        return click.style(text, dim=True)
    return text if bare in {"{", "}", "[", "]", "{}", "[]"} else click.style(text, "yellow")


def _said(text: str) -> str:
    """Give one line that no terminal obeys: whatever a file is called, or says."""
    return plain(text).replace("\n", "\\n")


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"
