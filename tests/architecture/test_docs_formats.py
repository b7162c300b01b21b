"""docs/formats.md names every format and every evidence field, each with the level at which it leaves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from collector.capture import ARTIFACT_FORMAT
from collector.formats import FORMATS
from collector.formats.fields import COMMON, FIELDS

PAGE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")


def _rows(title: str, columns: str) -> set[tuple[str, ...] | str]:
    section = PAGE.split(f"{title}\n", 1)[1].split("\n#", 1)[0]
    return set(re.findall(columns, section, re.MULTILINE))


def test_every_format_is_documented_and_no_other() -> None:
    keys = {row.key for row in FORMATS} | {ARTIFACT_FORMAT}
    assert _rows("## What is read", r"^\| `([^`]+)` \|") == keys


@pytest.mark.parametrize(
    ("title", "fields"), [("### Any claim", COMMON), *((f"### {t}", f) for t, f in FIELDS.items())]
)
def test_every_evidence_field_is_documented_with_its_level(title: str, fields: dict[str, object]) -> None:
    documented = _rows(title, r"^\| `([^`]+)` \|[^|]*\| (\w+) \|$")
    assert documented == {(name, str(getattr(field, "level"))) for name, field in fields.items()}  # noqa: B009
