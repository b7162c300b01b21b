"""docs/policies.md lists the names that an expression may use, and its example is a policy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shared.judging.names import FIELDS, fields_of, in_expect, in_where
from shared.judging.policyfile import read_policy

PAGE = (Path(__file__).parents[2] / "docs" / "policies.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| ([A-Za-z_, ]+) \| ((?:`[A-Za-z0-9.]+` ?)+) \|$", PAGE, re.MULTILINE))


@pytest.mark.parametrize("kind", [*FIELDS, "health", "rollback", "smoke"])
def test_every_field_of_a_type_is_listed(kind: str) -> None:
    listed = set(ROWS["any other, ingested" if kind == "smoke" else kind].replace("`", "").split())

    assert listed == set(fields_of(kind) or ())
    assert set(in_where(kind, ())) == {f"evidence.{name}" for name in listed} | {"group.size"}


def test_every_name_of_the_request_is_listed() -> None:
    section = PAGE.split("### In `expect`", 1)[1].split("And for each type", 1)[0]

    assert set(re.findall(r"`([A-Za-z.]+)`", section)) == set(in_expect(()))


def test_the_example_is_a_policy() -> None:
    example = PAGE.split("```yaml\n", 1)[1].split("```", 1)[0]

    assert len(read_policy(example.encode(), 1).rules) == 6
