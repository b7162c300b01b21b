"""The OpenAPI document says what the table of routes says; this tells who forgot something in a row."""

import inspect
import json
import re
from typing import Any

import pytest

from receiver.web.documents import Documents
from receiver.web.parameters import PARAMETERS
from receiver.web.routes import Body, Proof, Route
from receiver.web.table import TABLE
from shared.wire import API, GATE_API

API_ROWS = [row for row in TABLE if row.path.startswith((f"{API}/", f"{GATE_API}/"))]
WRITTEN = Documents(TABLE[:-3])
DOCUMENTS: dict[str, dict[str, Any]] = {
    API: json.loads(WRITTEN.document_bytes),
    GATE_API: json.loads(WRITTEN.gate_document_bytes),
}


def name_of(row: Route) -> str:
    return f"{row.method} {row.path}"


def operation_of(row: Route) -> dict[str, Any]:
    found: dict[str, Any] = document_of(row)["paths"][row.path][row.method.lower()]
    return found


def document_of(row: Route) -> dict[str, Any]:
    return next(one for root, one in DOCUMENTS.items() if row.path.startswith(f"{root}/"))


def test_the_document_has_every_row_and_no_other() -> None:
    for root, document in DOCUMENTS.items():
        described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
        assert described == {(row.method, row.path) for row in API_ROWS if row.path.startswith(f"{root}/")}


@pytest.mark.parametrize("row", API_ROWS, ids=name_of)
def test_a_row_has_a_sentence_and_says_what_is_answered(row: Route) -> None:
    assert row.summary.endswith("."), "the first line of the handler's docstring is a whole sentence"
    assert "Error" not in row.summary, "the first line is for those who call, not for those who read the code"
    assert row.gives, "gives= names the model of the answer"
    assert all(200 <= status < 300 for status in row.gives)
    for model in (one for one in row.gives.values() if not isinstance(one, str)):
        assert inspect.getdoc(model), f"{model.__name__} says what it is"


@pytest.mark.parametrize("row", [row for row in API_ROWS if row.body is not Body.NONE], ids=name_of)
def test_a_row_with_a_body_names_its_model(row: Route) -> None:
    assert row.takes is not None, "takes= names the model of the body"
    assert inspect.getdoc(row.takes)
    schema = operation_of(row)["requestBody"]["content"]["application/json"]["schema"]
    assert schema["$ref"].removeprefix("#/components/schemas/") in document_of(row)["components"]["schemas"]


@pytest.mark.parametrize("row", [row for row in API_ROWS if row.body is Body.NONE], ids=name_of)
def test_a_row_without_a_body_names_no_model_of_one(row: Route) -> None:
    assert row.takes is None
    assert "requestBody" not in operation_of(row)


@pytest.mark.parametrize("row", API_ROWS, ids=name_of)
def test_every_name_in_a_path_is_known(row: Route) -> None:
    names = re.findall(r"\{([a-z_]+)\}", row.path)
    assert set(names) <= PARAMETERS.keys(), "a line in receiver/web/parameters.py"
    for name in names:
        schema: Any = PARAMETERS[name].schema
        assert re.search(schema.get("pattern", ""), PARAMETERS[name].example)
    shown = [one["name"] for one in operation_of(row).get("parameters", ()) if one["in"] == "path"]
    assert shown == names


@pytest.mark.parametrize("row", API_ROWS, ids=name_of)
def test_who_may_is_what_the_row_says(row: Route) -> None:
    operation = operation_of(row)
    assert operation["x-proof"] == row.proof
    assert operation.get("x-scopes", []) == sorted(row.scopes)
    keyed = (Proof.SCOPED, Proof.KNOWN, Proof.INVITATION, Proof.SESSION)
    assert bool(operation["security"]) == (row.proof in keyed)
    assert ("401" in operation["responses"]) == (row.proof is not Proof.NOTHING)


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [
        one["operationId"]
        for document in DOCUMENTS.values()
        for methods in document["paths"].values()
        for one in methods.values()
    ]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("root", DOCUMENTS)
def test_every_reference_leads_somewhere(root: str) -> None:
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(DOCUMENTS[root]))):
        found: Any = DOCUMENTS[root]
        for part in reference.split("/"):
            found = found[part]


def test_no_pattern_is_spelled_as_only_one_library_reads_it() -> None:
    text = json.dumps(DOCUMENTS)
    assert r"\\A" not in text
    assert r"\\z" not in text
