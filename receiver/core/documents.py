"""A passport as a document that people keep: Markdown, HTML in one file, CSV; of the fields of `dossier` alone.

Pure. Invariants: nothing that evidence, policies or people wrote is markup or a link where it is shown; a CSV cell is
never a formula; an HTML file asks nobody for anything.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from html import escape

from shared.encoding import JsonObject, JsonValue, compact

# A formula's signs, fullwidth ones among them, where a cell begins; and where one does for a program that takes
# something else than a comma for the end of one, and so does not see the quotes either.
_FORMULA = re.compile("(?:^|[;\t\r\n])(?=[ \u00a0\u3000]*[=+\\-@\uff1d\uff0b\uff0d\uff20])|^(?=[\t\r])")
# Besides what is markup what makes a bare address a link: its scheme's colon, and dots before a letter.
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+!|~@-]|:(?=//)|\.(?=[^\W\d_]))")
_COLUMNS = ("section", "item", "status", "what", "detail", "who", "at")
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}"
    "table{border-collapse:collapse;width:100%;margin:0 0 2rem}th,td{text-align:left;vertical-align:top;"
    "border-bottom:1px solid #ccc;padding:.3rem .6rem;overflow-wrap:anywhere}"
    "pre{background:#f4f4f4;padding:1rem;overflow-x:auto}"
)


def rows(fields: JsonObject) -> Iterator[Sequence[str]]:
    """Give what a passport says as rows: section, item, status, what, detail, who, and when."""
    yield ("decision", _text(fields, "id"), _text(fields, "decision"), _text(fields, "headline"), "", "", "")
    for name, value in _facts(fields):
        yield ("about", name, "", value, "", "", "")
    for one in _objects(fields, "findings"):
        status = "met" if one.get("met") is True else _text(one, "cause")
        detail = " ".join(part for part in (_text(one, "reason"), _text(one, "nextAction")) if part)
        yield ("finding", _text(one, "rule"), status, _text(one, "title"), detail, _text(one, "who"), "")
    for one in _objects(fields, "evidence"):
        status = _text(one, "held") or ("passed" if one.get("passed") is True else "not passed")
        what = f"{_text(one, 'type')} {_text(one, 'name')}"
        yield (
            "evidence",
            _text(one, "id"),
            status,
            what,
            _text(one, "basis"),
            _text(one, "by"),
            _text(one, "observedAt"),
        )
    for section in ("approvals", "waivers"):
        for one in _objects(fields, section):
            status = "counted" if one.get("counted") is True else "not counted"
            until = f"until {_text(one, 'expiresAt')}"
            what = _names(one, "rules")
            detail = " ".join(part for part in (_text(one, "reason"), until) if part)
            yield (section[:-1], _text(one, "id"), status, what, detail, _names(one, "by"), _text(one, "at"))
    for one in _objects(fields, "deployments"):
        status = "authorized" if one.get("authorized") is True else "not authorized"
        yield ("deployment", _text(one, "id"), status, _text(one, "status"), "", "", _text(one, "at"))
    for one in _objects(fields, "comments"):
        yield ("comment", "", "", _text(one, "text"), "", _text(one, "by"), _text(one, "at"))


def write(form: str, fields: JsonObject, page: str) -> bytes:
    """Write a passport as json, md, text, html or csv; `page` is the text as it was shown."""
    if form == "json":
        return compact(fields)
    if form == "text":
        return f"{page}\n".encode()
    if form == "csv":
        return as_csv(fields).encode()
    return (as_html if form == "html" else as_markdown)(fields, page).encode()


def as_csv(fields: JsonObject) -> str:
    """Write the rows as CSV (RFC 4180); a cell that a spreadsheet would run is text, with an apostrophe before it."""
    written = io.StringIO()
    out = csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    out.writerow(_COLUMNS)
    for row in rows(fields):
        out.writerow([_FORMULA.sub(r"\g<0>'", cell) for cell in row])
    return written.getvalue()


def as_markdown(fields: JsonObject, page: str) -> str:
    """Write the page as it was shown, then the rows as tables."""
    lines = [f"# {_marked(_title(fields))}", "", _marked(_text(fields, "headline")), ""]
    # Indented, since no line of a page can end such a block.
    lines += [f"    {line}".rstrip() for line in page.splitlines()]
    for section, found in _sections(fields):
        lines += ["", f"## {_heading(section)}", "", "| " + " | ".join(_COLUMNS[1:]) + " |"]
        lines.append("|" + " --- |" * len(_COLUMNS[1:]))
        lines += ["| " + " | ".join(_marked(cell) for cell in row[1:]) + " |" for row in found]
    return "\n".join(lines) + "\n"


def as_html(fields: JsonObject, page: str) -> str:
    """Write one file that stands by itself: no script, no image, no address that a browser follows."""
    title = escape(_title(fields))
    body = [f"<h1>{title}</h1>", f"<p>{escape(_text(fields, 'headline'))}</p>", f"<pre>{escape(page)}</pre>"]
    for section, found in _sections(fields):
        head = "".join(f'<th scope="col">{name}</th>' for name in _COLUMNS[1:])
        body.append(f"<h2>{_heading(section)}</h2><table><thead><tr>{head}</tr></thead><tbody>")
        body += ["<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:]) + "</tr>" for row in found]
        body.append("</tbody></table>")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def _sections(fields: JsonObject) -> Iterator[tuple[str, list[Sequence[str]]]]:
    found: dict[str, list[Sequence[str]]] = {}
    for row in rows(fields):
        found.setdefault(row[0], []).append(row)
    yield from found.items()


def _facts(fields: JsonObject) -> Iterator[tuple[str, str]]:
    service, artifact, release = (_object(fields, name) for name in ("service", "artifact", "release"))
    yield "service", _text(service, "name")
    yield "namespace", _text(service, "namespace")
    yield "environment", _text(service, "environment")
    yield "artifact", _text(artifact, "digest")
    yield "release", _text(release, "releaseId")
    yield "commit", _text(release, "sourceSha")
    for name in ("mode", "confidenceWords", "evaluatedAt", "validUntil", "supersedes", "successor"):
        yield name, _text(fields, name)
    for one in _objects(fields, "policies"):
        yield "policy", f"{_text(one, 'name')} version {_text(one, 'version')} {_text(one, 'digest')}"
    warnings = fields.get("warnings")
    for said in warnings if isinstance(warnings, list) else ():
        yield "warning", str(said)
    integrity = _object(fields, "integrity")
    yield "attestation", _text(integrity, "attestationId")
    yield "register", _text(integrity, "register")
    yield "key", _text(integrity, "keyId")


def _title(fields: JsonObject) -> str:
    return f"{_text(fields, 'decision')}: release passport {_text(fields, 'id')}"


def _heading(section: str) -> str:
    return section.capitalize()


def _marked(cell: str) -> str:
    """Write a cell so that nothing in it is markup, and so that it stays on its line."""
    return _MARKDOWN.sub(r"\\\1", " ".join(cell.split()))


def _text(fields: JsonObject, name: str) -> str:
    value = fields.get(name)
    return "" if value is None else str(value)


def _names(fields: JsonObject, name: str) -> str:
    value = fields.get(name)
    return " ".join(str(one) for one in value) if isinstance(value, list) else ""


def _object(fields: JsonObject, name: str) -> JsonObject:
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def _objects(fields: JsonObject, name: str) -> list[JsonObject]:
    value: JsonValue = fields.get(name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
