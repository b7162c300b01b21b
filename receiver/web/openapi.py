"""The table of routes as an OpenAPI 3.1 document: from the models that read requests and write answers.

Pure: rows in, JSON out. What a row does not say follows from it: who may come in, how errors look, which headers there
are. Standard: OpenAPI 3.1 with JSON Schema 2020-12.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeAlias

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue, models_json_schema
from pydantic_core.core_schema import ModelSchema

from receiver.core.sessions import COOKIE, CSRF_HEADER
from receiver.core.tokens import Scope
from receiver.web.described import Described, described_fields
from receiver.web.parameters import PARAMETERS
from receiver.web.refusals import SENTENCES, WAITING, statuses_of
from receiver.web.routes import Answer, Proof, Route
from shared.encoding import JsonObject, JsonValue
from shared.problems import PROBLEM_TYPE, Problem
from shared.wire import JSON_TYPE

VERSION = "3.1.1"
_COMPONENTS = "#/components/schemas/"
_PARAMETER = re.compile(r"\{([a-z_]+)\}")
_WORD = re.compile(r"[A-Za-z0-9]+")
_Key: TypeAlias = tuple[type[BaseModel], JsonSchemaMode]

_SCHEMES: JsonObject = {
    "apiKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key (mw_live_..., rp_live_...) with one of the scopes that the operation names in x-scopes.",
    },
    "collectorAccess": {
        "type": "http",
        "scheme": "bearer",
        "description": "A collector's token for an hour (ca_hour_...), given for a statement that its key signed.",
    },
    "invitation": {
        "type": "http",
        "scheme": "bearer",
        "description": "An invitation of a collector (ce_once_...).",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "The cookie of somebody who signed in, with the role that the operation names in x-role.",
    },
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": CSRF_HEADER,
        "description": "The csrfToken that signing in answered; with every write of a session.",
    },
}
_LIMITED = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit-Policy", "RateLimit")
_COUNT: JsonObject = {"type": "integer", "minimum": 0}
_HEADERS: Mapping[str, tuple[str, JsonObject]] = {
    "X-Request-Id": ("What the answer is found again by.", {"type": "string", "pattern": "^req_[a-z2-7]+$"}),
    "X-RateLimit-Limit": ("How often this key may ask in a minute.", _COUNT),
    "X-RateLimit-Remaining": ("How often it may still ask.", _COUNT),
    "X-RateLimit-Reset": ("Unix seconds: when the oldest counted request leaves the window.", _COUNT),
    "RateLimit-Policy": ("The limit, as the IETF's draft writes it.", {"type": "string"}),
    "RateLimit": ("What is left of it, as the IETF's draft writes it.", {"type": "string"}),
    "Idempotent-Replay": ("The answer was given before, to the same key.", {"type": "string", "const": "true"}),
    "Carnet-Proceed": ("Whether the pipeline may go on.", {"type": "string", "enum": ["true", "false"]}),
    "Retry-After": ("Seconds to wait.", {"type": "integer", "minimum": 1}),
    "WWW-Authenticate": ("How to send a token.", {"type": "string", "const": "Bearer"}),
}
_ONCE: JsonObject = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key and body again within 24 hours get the same answer; another body is refused.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
}


class _Schemas(GenerateJsonSchema):
    """JSON Schema without a title for every field, which only repeats its name."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401 - one of pydantic's own unions
        del schema
        return False

    def normalize_name(self, name: str) -> str:
        """Name the list of something so that the name can stand in a reference."""
        return super().normalize_name(name.replace("Listed[", "ListOf").rstrip("]"))

    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        """Describe the fields of a model by the words below them."""
        found = super().model_schema(schema)
        model: type[BaseModel] = schema["cls"]
        if issubclass(model, Described):
            for name, words in described_fields(model).items():
                field = model.model_fields[name]
                alias = field.serialization_alias if self.mode == "serialization" else field.validation_alias
                found["properties"][alias if isinstance(alias, str) else name].setdefault("description", words)
        return found


@dataclass(frozen=True, slots=True)
class _Models:
    """The schemas of all models: how each is referred to, and every definition by its name."""

    references: Mapping[Any, JsonObject]
    """By model and mode."""
    definitions: Mapping[str, JsonObject]

    def reference(self, model: type[BaseModel], mode: JsonSchemaMode) -> JsonObject:
        return self.references[model, mode]

    def definition(self, model: type[BaseModel], mode: JsonSchemaMode) -> JsonObject:
        return self.definitions[self._name(model, mode)]

    def components(self, queries: Iterable[type[BaseModel]]) -> JsonObject:
        """Give what is referred to; a query stands in the document as its parameters."""
        taken_apart = {self._name(one, "validation") for one in queries}
        return {name: self.definitions[name] for name in sorted(self.definitions.keys() - taken_apart)}

    def _name(self, model: type[BaseModel], mode: JsonSchemaMode) -> str:
        return str(self.references[model, mode]["$ref"]).removeprefix(_COMPONENTS)


def document(table: Iterable[Route], *, title: str, version: str, description: str) -> JsonObject:
    """Describe every row of a table, in its order."""
    rows = tuple(table)
    models = _models(rows)
    paths: dict[str, dict[str, JsonValue]] = {}
    for row in rows:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row, models)
    return {
        "openapi": VERSION,
        "info": {"title": title, "version": version, "description": description},
        "servers": [{"url": "/"}],
        "tags": [{"name": group} for group in dict.fromkeys(_group(row.path) for row in rows)],
        "paths": {**paths},
        "components": {
            "schemas": models.components(row.asks for row in rows if row.asks is not None),
            "responses": {
                _error_name(row, status): _error(row, status, models) for row in rows for status in statuses_of(row)
            },
            "headers": {name: _header(name) for name in _HEADERS},
            "securitySchemes": _SCHEMES,
        },
    }


def _models(rows: Iterable[Route]) -> _Models:
    wanted: dict[_Key, None] = {(Problem, "serialization"): None}
    for row in rows:
        wanted |= {(one, "validation"): None for one in (row.takes, row.asks) if one is not None}
        wanted |= {(one, "serialization"): None for one in row.gives.values() if not isinstance(one, str)}
    references, made = models_json_schema(list(wanted), ref_template=_COMPONENTS + "{model}", schema_generator=_Schemas)
    return _Models(references, {name: _portable(one) for name, one in made["$defs"].items()})


def _portable(schema: Any) -> Any:  # noqa: ANN401 - whatever JSON there is, as the same
    """Spell patterns as ECMA-262 does: beginning and end have other names there."""
    if isinstance(schema, dict):
        return {
            name: value.replace(r"\A", "^").replace(r"\z", "$")
            if name == "pattern" and isinstance(value, str)
            else _portable(value)
            for name, value in schema.items()
        }
    return [_portable(one) for one in schema] if isinstance(schema, list) else schema


def _operation(row: Route, models: _Models) -> JsonObject:
    operation: JsonObject = {
        "operationId": row.method.lower() + "".join(word[:1].upper() + word[1:] for word in _WORD.findall(row.path)),
        "summary": row.summary,
        "tags": [_group(row.path)],
        "x-proof": row.proof.value,
        "security": [{name: [] for name in names} for names in _schemes(row)],
    }
    if row.description:
        operation["description"] = row.description
    if row.scopes:
        operation["x-scopes"] = [str(scope) for scope in sorted(row.scopes)]
    if row.role is not None:
        operation["x-role"] = row.role.value
    parameters = [*_path_parameters(row), *_query_parameters(row, models), *([_ONCE] if row.once else ())]
    if parameters:
        operation["parameters"] = parameters
    if row.takes is not None:
        content: JsonObject = {"schema": models.reference(row.takes, "validation")}
        operation["requestBody"] = {"required": True, "content": {JSON_TYPE: content}}
    answers: JsonObject = {
        str(int(status)): _answer(row, HTTPStatus(status), answer, models) for status, answer in row.gives.items()
    }
    operation["responses"] = answers | {
        str(status): {"$ref": f"#/components/responses/{_error_name(row, status)}"} for status in statuses_of(row)
    }
    return operation


def _group(path: str) -> str:
    return path.removeprefix("/api").removeprefix("/releasepassport").split("/")[2].removesuffix(".json")


def _schemes(row: Route) -> tuple[tuple[str, ...], ...]:
    """Name what opens a row: any one of these, each with all that it is made of."""
    if row.proof is Proof.KNOWN:
        return ("apiKey",), ("collectorAccess",), ("invitation",)
    if row.proof is Proof.INVITATION:
        return (("invitation",),)
    found: list[tuple[str, ...]] = []
    if row.proof is Proof.SCOPED:
        found.append(("apiKey",))
        if Scope.COLLECTOR_WRITE in row.scopes:
            found.append(("collectorAccess",))
    if row.role is not None:
        found.append(("session",) if row.method == "GET" else ("session", "csrf"))
    return tuple(found)


def _path_parameters(row: Route) -> Iterable[JsonObject]:
    for name in _PARAMETER.findall(row.path):
        known = PARAMETERS.get(name)
        parameter: JsonObject = {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        if known is not None:
            parameter |= {"description": known.note, "schema": known.schema, "example": known.example}
        yield parameter


def _query_parameters(row: Route, models: _Models) -> Iterable[JsonObject]:
    if row.asks is None:
        return
    definition: Any = models.definition(row.asks, "validation")
    for name, found in definition.get("properties", {}).items():
        schema = _without_null(found)
        parameter: JsonObject = {"name": name, "in": "query", "required": name in definition.get("required", ())}
        if "description" in schema:
            parameter["description"] = schema.pop("description")
        yield parameter | {"schema": schema}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Take null out: a parameter that is not there is not sent."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name != "anyOf" and (name, value) != ("default", None)}
    if not kinds:
        return rest
    return kinds[0] | rest if len(kinds) == 1 else {"anyOf": kinds} | rest


def _answer(row: Route, status: HTTPStatus, answer: Answer, models: _Models) -> JsonObject:
    always = ("X-Request-Id", *(_LIMITED if _is_limited(row) else ()))
    headers: JsonObject = {name: {"$ref": f"#/components/headers/{name}"} for name in always}
    if row.once:
        headers["Idempotent-Replay"] = _header("Idempotent-Replay", required=False)
    if row.verdict is not None:
        headers[row.verdict] = _header(row.verdict)
    if isinstance(answer, str):
        text: JsonObject = {kind: {"schema": _text_of(kind)} for kind in answer.split(", ")}
        return {"description": status.phrase, "headers": headers, "content": text}
    described = models.definition(answer, "serialization").get("description", status.phrase)
    content: JsonObject = {JSON_TYPE: {"schema": models.reference(answer, "serialization")}}
    if row.or_text is not None:
        content[row.or_text] = {"schema": _text_of(row.or_text)}
    return {"description": described, "headers": headers, "content": content}


def _text_of(kind: str) -> JsonObject:
    """Describe a body of a media type whose model is not told: some JSON, or text."""
    return {} if kind == JSON_TYPE else {"type": "string"}


def _error_name(row: Route, status: int) -> str:
    return f"Problem{status}" if _is_limited(row) else f"Problem{status}WithoutKey"


def _error(row: Route, status: int, models: _Models) -> JsonObject:
    always = ["X-Request-Id"]
    if status in WAITING:
        always.append("Retry-After")
    if status == HTTPStatus.UNAUTHORIZED:
        always.append("WWW-Authenticate")
    headers: JsonObject = {name: {"$ref": f"#/components/headers/{name}"} for name in always}
    if _is_limited(row) and status != HTTPStatus.UNAUTHORIZED:
        # They may be missing where an address is told to wait, or where the token could not be looked up.
        headers |= {name: _header(name, required=status not in WAITING) for name in _LIMITED}
    content: JsonObject = {PROBLEM_TYPE: {"schema": models.reference(Problem, "serialization")}}
    return {"description": SENTENCES[status], "headers": headers, "content": content}


def _header(name: str, *, required: bool = True) -> JsonObject:
    note, schema = _HEADERS[name]
    return {"description": note, "required": required, "schema": schema}


def _is_limited(row: Route) -> bool:
    return row.proof not in (Proof.NOTHING, Proof.SIGNED_BODY, Proof.PASSWORD)
