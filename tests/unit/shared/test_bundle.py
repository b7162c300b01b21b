"""A bundle has one spelling: what is read is written to the same bytes, and everything else is refused."""

import json

import pytest

from shared.bundle import FORMAT, MAX_BUNDLE_BYTES, emit_bundle, parse_bundle
from shared.encoding import compact
from shared.errors import Code, MalformedError
from tests.helpers.build_passports import World, world

DATA = emit_bundle(world().bundle())
MEMBERS = ("carnet", "passport", "request", "facts", "policies", "inputs", "keys", "keyrings", "rootKey")


def test_a_bundle_is_read_and_written_back_as_the_same_bytes() -> None:
    assert parse_bundle(DATA) == world().bundle()
    assert emit_bundle(parse_bundle(DATA)) == DATA
    assert tuple(json.loads(DATA)) == MEMBERS
    assert json.loads(DATA)["carnet"] == FORMAT


def test_a_bundle_is_the_same_bytes_whoever_exports_it() -> None:
    assert emit_bundle(world().bundle()) == DATA


@pytest.mark.parametrize("name", MEMBERS)
def test_a_member_that_is_missing_null_or_doubled_is_refused(name: str) -> None:
    fields = json.loads(DATA)
    for wrong in ({k: v for k, v in fields.items() if k != name}, fields | {name: None}, fields | {name: 7}):
        with pytest.raises(MalformedError):
            parse_bundle(compact(wrong))
    doubled = DATA[:-1] + b"," + compact({name: fields[name]})[1:]
    with pytest.raises(MalformedError):
        parse_bundle(doubled)


def test_another_member_another_order_and_white_space_are_refused() -> None:
    fields = json.loads(DATA)
    others = (
        compact(fields | {"more": 1}),
        compact(dict(reversed(fields.items()))),
        DATA + b"\n",
        b" " + DATA,
        DATA.replace(b'"facts":', b'"facts": '),
        DATA.replace(b"carol", b"c\\u0061rol"),
        DATA.replace(b"passport-bundle/v1", b"passport-bundle/v2"),
        b"\xef\xbb\xbf" + DATA,
        b"",
        b"[]",
    )
    for other in others:
        with pytest.raises(MalformedError):
            parse_bundle(other)


@pytest.mark.parametrize("policies", [[1], {"a": "b"}, ["text", None]])
def test_policies_are_texts(policies: object) -> None:
    with pytest.raises(MalformedError):
        parse_bundle(compact(json.loads(DATA) | {"policies": policies}))


def test_what_is_larger_than_any_bundle_is_not_even_looked_at() -> None:
    with pytest.raises(MalformedError) as refused:
        parse_bundle(bytes(MAX_BUNDLE_BYTES + 1))
    assert refused.value.code is Code.TOO_LARGE


def test_a_text_of_any_kind_keeps_its_one_spelling() -> None:
    made = World()
    made.report()
    bundle = made.bundle()
    for text in ("rules: []\n", "Prüfung \U0001f680 \u2028", '"\\\t'):
        odd = type(bundle)(
            bundle.passport, {"b": 1.5, "a": text}, {"f": [None]}, (text,), bundle.inputs, (), (), bundle.root
        )
        assert parse_bundle(emit_bundle(odd)) == odd
