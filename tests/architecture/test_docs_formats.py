"""docs/formats.md names every format and every evidence field, each with the level at which it leaves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from collector.capture import ARTIFACT_FORMAT
from collector.formats import FORMATS, coverage, findings, images, parts, statements, testing
from collector.formats.fields import COMMON, FIELDS
from collector.formats.format import Format

PAGE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")


def _rows(title: str, columns: str) -> set[tuple[str, ...] | str]:
    section = PAGE.split(f"{title}\n", 1)[1].split("\n#", 1)[0]
    return set(re.findall(columns, section, re.MULTILINE))


GROUPS: dict[str, tuple[Format, ...]] = {
    "Tests": testing.ROWS,
    "Coverage": coverage.ROWS,
    "Findings": findings.ROWS,
    "Parts": parts.ROWS,
    "Images": images.ROWS,
    "Statements": statements.ROWS,
}


@pytest.mark.parametrize("title", GROUPS)
def test_every_format_is_documented_in_its_group_and_no_other(title: str) -> None:
    claims = {(row.key, row.type.value if row.type else "any") for row in GROUPS[title]}
    if title == "Images":
        claims.add((ARTIFACT_FORMAT, "BUILD_PROVENANCE"))
    assert _rows(f"### {title}", r"^\| `([^`]+)` \| (\w+) \|") == claims


def test_the_groups_have_all_formats() -> None:
    assert {row for rows in GROUPS.values() for row in rows} == set(FORMATS)


@pytest.mark.parametrize(
    ("title", "fields"), [("### Any claim", COMMON), *((f"### {t}", f) for t, f in FIELDS.items())]
)
def test_every_evidence_field_is_documented_with_its_level(title: str, fields: dict[str, object]) -> None:
    documented = _rows(title, r"^\| `([^`]+)` \|[^|]*\| (\w+) \|$")
    assert documented == {(name, str(getattr(field, "level"))) for name, field in fields.items()}  # noqa: B009
