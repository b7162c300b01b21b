"""The objects of a JSON report's lists come one by one, with nothing but what was asked for."""

import io
import json

import pytest

from collector.formats import Limits
from collector.formats.findings.items import Item, items
from collector.formats.json_events import EACH, Event, Kind, Path
from shared.errors import Code, MalformedError

PLACE: Path = ("a", EACH, "list", EACH)
ASKED: dict[Path, frozenset[Path]] = {PLACE: frozenset({("id",), ("in", "side"), ("tags", EACH), ("rows", EACH)})}


def read(document: object) -> tuple[list[Item], list[Event]]:
    found = list(items(io.BytesIO(json.dumps(document).encode()), Limits(), ASKED))
    return [one for one in found if isinstance(one, Item)], [one for one in found if isinstance(one, Event)]


def test_an_item_has_what_was_asked_for_and_nothing_else() -> None:
    one = {"id": "x", "in": {"side": 7, "out": 8}, "secret": "s", "tags": ["p", "q"], "rows": [{"id": 1}, [2]]}
    (item,), _ = read({"a": [{"list": [one]}]})
    assert item.place == PLACE
    assert item.values == {("id",): ["x"], ("in", "side"): [7], ("tags", EACH): ["p", "q"], ("rows", EACH): []}
    assert item.numbers == {("id",): 1, ("in", "side"): 1, ("tags", EACH): 2, ("rows", EACH): 2}
    assert (item.first("id"), item.text("in", "side"), item.whole("in", "side"), item.whole("id")) == ("x", "", 7, None)
    assert item.words("id", "none", "in") == "x"


def test_items_and_the_events_around_them_come_in_order() -> None:
    found, events = read({"b": 1, "a": [{"c": 2, "list": [{"id": 1}, {}]}, {"list": None}]})
    assert [item.first("id") for item in found] == [1, None]
    assert [(one.path, one.value) for one in events if one.kind is Kind.VALUE] == [
        (("b",), 1),
        (("a", EACH, "c"), 2),
        (("a", EACH, "list"), None),
    ]


def test_no_more_is_kept_than_can_be_used() -> None:
    (item,), _ = read({"a": [{"list": [{"id": "i" * 9_000, "tags": ["t"] * 5_000}]}]})
    assert len(item.text("id")) == 2_000
    assert len(item.values["tags", EACH]) == 100
    assert item.numbers["tags", EACH] == 5_000


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ([], "/ is not an object"),
        (None, "/ is not an object"),
        ({"a": {}}, "/a is not an array"),
        ({"a": "x"}, "/a is not an array"),
        ({"a": [1]}, "/a/* is not an object"),
        ({"a": [None]}, "/a/* is not an object"),
        ({"a": [{"list": False}]}, "/a/*/list is not an array"),
        ({"a": [{"list": [[]]}]}, "/a/*/list/* is not an object"),
    ],
)
def test_a_place_of_another_shape_is_refused(document: object, pointer: str) -> None:
    with pytest.raises(MalformedError) as refused:
        read(document)
    assert refused.value.code is Code.BAD_SYNTAX
    assert pointer in refused.value.detail
