"""The words below a field describe it in the OpenAPI document; reading them waits until a document is asked for."""

import gc
from typing import Annotated

import pytest
from pydantic import Field

from receiver.importing import imported
from receiver.web.answers import AnswerModel, Listed
from receiver.web.described import described_fields
from receiver.web.openapi import document
from receiver.web.routes import Proof, Route


class Below(AnswerModel):
    """A part."""

    part: int
    """How much."""


class Above(Below):
    """More, with a field said anew and one that describes itself."""

    part: int
    own_words: Annotated[int, Field(description="What it says itself.")]
    """What stands below it."""
    of_more_lines: Below
    """One line,
    and another."""
    other: int


def test_the_words_below_a_field_are_its_own_and_those_of_the_model_it_is_from() -> None:
    assert described_fields(Below) == {"part": "How much."}
    assert described_fields(Above) == {
        "own_words": "What stands below it.",
        "of_more_lines": "One line,\nand another.",
    }
    assert described_fields(Listed[Below]) == {}


async def nothing() -> None:
    """Answer."""


def test_they_stand_in_the_document_under_the_names_of_the_wire_where_a_field_says_nothing_itself() -> None:
    row = Route("GET", "/api/v1/some", Proof.NOTHING, nothing, gives={200: Above})  # type: ignore[arg-type]
    written = document([row], title="", version="", description="")
    schemas = written["components"]["schemas"]  # type: ignore[index,call-overload]
    assert {name: one.get("description") for name, one in schemas["Above"]["properties"].items()} == {  # type: ignore[index,call-overload,union-attr]
        "part": None,
        "ownWords": "What it says itself.",
        "ofMoreLines": "One line,\nand another.",
        "other": None,
    }
    assert schemas["Below"]["properties"]["part"]["description"] == "How much."  # type: ignore[index,call-overload]


@pytest.mark.parametrize("name", ["receiver.web.described", "receiver.no_such_module"])
def test_after_an_import_garbage_is_looked_for_again(name: str) -> None:
    try:
        imported(name)
    except ModuleNotFoundError:
        assert name == "receiver.no_such_module"
    assert gc.isenabled()
