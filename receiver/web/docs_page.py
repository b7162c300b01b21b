"""An OpenAPI document as one page for people: no script, no font, no picture, nothing that is loaded from anywhere.

The page's policy allows its own style sheet, by its hash, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from receiver.core.sessions import COOKIE, CSRF_HEADER
from receiver.web.schema_words import COMPONENTS, Kind, kind_of
from shared.encoding import JsonObject, b64encode, compact, sha256

_TEMPLATE = "docs.html.j2"
_STYLE = "docs.css"
_RESPONSES = "#/components/responses/"
_FIRST_ERROR = 400


@dataclass(frozen=True, slots=True)
class Page:
    """The page in UTF-8, and the Content-Security-Policy that it is served with."""

    html: bytes
    policy: str


@dataclass(frozen=True, slots=True)
class Field:
    """A line of a table: a parameter, or a member of an object."""

    name: str
    kind: Kind
    required: bool
    note: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """What comes back with a status."""

    status: int
    phrase: str
    note: str
    kind: Kind | None


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    id: str
    group: str
    method: str
    path: str
    summary: str
    description: str
    proof: str
    scopes: tuple[str, ...]
    role: str
    parameters: tuple[Field, ...]
    body: Kind | None
    fields: tuple[Field, ...]
    answers: tuple[Answered, ...]
    errors: tuple[Answered, ...]
    curl: str


@dataclass(frozen=True, slots=True)
class Shape:
    """A model that others refer to."""

    name: str
    note: str
    kind: Kind
    fields: tuple[Field, ...]


def page(document: JsonObject, document_path: str) -> Page:
    """Write the page of a document that `receiver.web.openapi` has made."""
    templates = Environment(
        loader=PackageLoader("receiver.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = templates.get_template(_STYLE).render()
    operations = list(_operations(document))
    html = templates.get_template(_TEMPLATE).render(
        info=document["info"],
        style=style,
        document_path=document_path,
        groups=[(name, list(found)) for name, found in groupby(operations, key=lambda one: one.group)],
        shapes=list(_shapes(document)),
    )
    policy = (
        f"default-src 'none'; style-src 'sha256-{b64encode(sha256(style.encode()))}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return Page(html.encode(), policy)


def _operations(document: Any) -> Iterator[Operation]:  # noqa: ANN401 - a document is read as the JSON that it is
    components = document["components"]
    order = [tag["name"] for tag in document["tags"]]
    found = [
        _operation(path, method, one, components)
        for path, methods in document["paths"].items()
        for method, one in methods.items()
    ]
    yield from sorted(found, key=lambda one: order.index(one.group))


def _operation(path: str, method: str, said: Any, components: Mapping[str, Any]) -> Operation:  # noqa: ANN401
    schemas, responses = components["schemas"], components["responses"]
    parameters = tuple(_parameter(one, schemas) for one in said.get("parameters", ()))
    body = None
    for content in said.get("requestBody", {}).get("content", {}).values():
        body = content["schema"]
    answered = [_answered(int(status), one, responses, schemas) for status, one in said["responses"].items()]
    return Operation(
        id=said["operationId"],
        group=said["tags"][0],
        method=method.upper(),
        path=path,
        summary=said["summary"],
        description=said.get("description", ""),
        proof=said["x-proof"],
        scopes=tuple(said.get("x-scopes", ())),
        role=said.get("x-role", ""),
        parameters=parameters,
        body=None if body is None else kind_of(body, schemas),
        fields=() if body is None else tuple(_members(body, schemas)),
        answers=tuple(one for one in answered if one.status < _FIRST_ERROR),
        errors=tuple(one for one in answered if one.status >= _FIRST_ERROR),
        curl=_curl(path, method.upper(), said, body, schemas),
    )


def _parameter(said: Any, schemas: Mapping[str, Any]) -> Field:  # noqa: ANN401
    kind = kind_of(said["schema"], schemas)
    return Field(said["name"], kind, said["required"], said.get("description", ""), said["in"])


def _answered(status: int, said: Any, responses: Any, schemas: Mapping[str, Any]) -> Answered:  # noqa: ANN401
    said = responses[said["$ref"].removeprefix(_RESPONSES)] if "$ref" in said else said
    kinds = [kind_of(content["schema"], schemas) for content in said["content"].values()]
    return Answered(status, HTTPStatus(status).phrase, said["description"], kinds[0] if kinds else None)


def _members(schema: Any, schemas: Mapping[str, Any]) -> Iterator[Field]:  # noqa: ANN401
    found = schemas[schema["$ref"].removeprefix(COMPONENTS)] if "$ref" in schema else schema
    required = found.get("required", ())
    for name, member in found.get("properties", {}).items():
        yield Field(name, kind_of(member, schemas), name in required, member.get("description", ""))


def _shapes(document: Any) -> Iterator[Shape]:  # noqa: ANN401
    schemas = document["components"]["schemas"]
    for name, one in schemas.items():
        if "enum" in one or one.get("properties"):
            yield Shape(name, one.get("description", ""), kind_of(one, schemas), tuple(_members(one, schemas)))


def _curl(path: str, method: str, said: Any, body: Any, schemas: Mapping[str, Any]) -> str:  # noqa: ANN401
    """Write a call as it can be typed; `$RECEIVER` is the receiver's URL, `$TOKEN` a token, `$SESSION` a cookie."""
    for one in said.get("parameters", ()):
        path = path.replace(f"{{{one['name']}}}", one.get("example", one["name"]))
    lines = [f'curl "$RECEIVER{path}"' if method == "GET" else f'curl -X {method} "$RECEIVER{path}"']
    if {"session": [], "csrf": []} in said["security"]:
        lines += [f'-b "{COOKIE}=$SESSION"', f'-H "{CSRF_HEADER}: $CSRF"']
    elif said["security"]:
        lines.append('-H "Authorization: Bearer $TOKEN"')
    if body is not None:
        found = schemas[body["$ref"].removeprefix(COMPONENTS)] if "$ref" in body else body
        examples = found.get("examples", ())
        quoted = compact(examples[0]).decode().replace("'", r"'\''") if examples else None
        lines += [
            '-H "Content-Type: application/json"',
            "--data @body.json" if quoted is None else f"--data '{quoted}'",
        ]
    return " \\\n  ".join(lines)
