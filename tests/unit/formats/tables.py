"""All tables of samples joined: a path below tests/samples, and what is expected of the file."""

from collector.formats import FORMATS
from tests.unit.formats import (
    expected_coverage,
    expected_findings,
    expected_images,
    expected_parts,
    expected_statements,
    expected_testing,
)
from tests.unit.formats.expected import Expected
from tests.unit.formats.reading import SAMPLES

TABLE: dict[str, Expected] = {
    **expected_testing.SAMPLES,
    **expected_coverage.SAMPLES,
    **expected_findings.SAMPLES,
    **expected_parts.SAMPLES,
    **expected_images.SAMPLES,
    **expected_statements.SAMPLES,
}
ROWS = {row.key: row for row in FORMATS}
GOOD = {path: row for path, row in TABLE.items() if row.refused is None}
NOT_SAMPLES = {"SOURCES.md"}


def content(path: str) -> bytes:
    return (SAMPLES / path).read_bytes()


def smallest(key: str, number: int = 3) -> list[bytes]:
    """The smallest good samples of a format, smallest first."""
    return sorted((content(path) for path, row in GOOD.items() if row.format == key), key=len)[:number]
