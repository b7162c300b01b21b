"""Secrets of a post are masked wherever they stand, named by their path, and nothing else is touched."""

import pytest

from receiver.core.cutting import cut
from shared.encoding import JsonObject, compact
from shared.errors import Code, TryLaterError
from shared.redaction import Hit, Rules
from shared.secretpatterns import PATTERNS
from tests.helpers.secrets import rules

SECRET = "glpat-" + "R4tY7uKq2WmXz9VbNc3L"
TOKEN = "mw_live_" + "0aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI6kL9nO2q" + "00aBcd"


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({"name": f"a {SECRET}"}, ("name",)),
        ({"evidence": {"log": f"x {SECRET} y"}}, ("evidence.log",)),
        ({"evidence": {"a": [{"b": [SECRET]}]}}, ("evidence.a.b",)),
        ({"evidence": {SECRET: 1}}, ("evidence",)),
        ({"steps": [{"name": SECRET}, {"name": "fine"}]}, ("steps.name",)),
        ({"metadata": {"url": f"https://user:{SECRET}@host/"}}, ("metadata.url",)),
        ({"evidence": {"a": SECRET, "b": SECRET}}, ("evidence.a", "evidence.b")),
    ],
)
def test_a_secret_is_masked_and_its_field_is_named(fields: JsonObject, paths: tuple[str, ...]) -> None:
    kept, found = cut(fields, rules())
    assert found == paths
    assert SECRET.encode() not in compact(kept)
    assert b"[secret:" in compact(kept)


def test_what_holds_no_secret_stays_as_it_is() -> None:
    fields: JsonObject = {
        "name": "Unit Tests", "passed": True, "prNumber": 42, "none": None,
        "evidence": {"coverage": 87.5, "failedTests": ["a.b::c"], "digest": "ab" * 32, "empty": {}, "list": []},
    }  # fmt: skip
    assert cut(fields, rules()) == (fields, ())


def test_two_secrets_as_keys_of_one_object_lose_neither_value() -> None:
    other = SECRET[:-1] + "M"
    kept, _ = cut({"evidence": {SECRET: 1, other: 2}}, rules())
    assert isinstance(kept["evidence"], dict)
    assert sorted(str(value) for value in kept["evidence"].values()) == ["1", "2"]


def test_what_cannot_be_searched_is_masked_whole() -> None:
    def broken(_text: str) -> tuple[Hit, ...]:
        raise TryLaterError(Code.INTERNAL, "no")

    kept, found = cut({"name": "something long enough"}, Rules(PATTERNS, broken))
    assert kept == {"name": "[secret:unclear]"}
    assert found == ("name",)


def test_fields_that_cannot_hold_one_are_not_looked_at() -> None:
    assert cut({"sha256": SECRET}, rules(), {"sha256"}) == ({"sha256": SECRET}, ())
