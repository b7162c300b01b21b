"""Every real file of these formats is read with the right counts, and no other file is taken for one of them."""

from collections.abc import Sized
from pathlib import Path

import pytest

from collector.formats import HEAD_BYTES, recognise
from shared.errors import MalformedError
from tests.helpers.material import material
from tests.unit.formats.expected import Expected
from tests.unit.formats.reading import SAMPLES, claim_of, format_of
from tests.unit.formats.tables import GOOD, NOT_SAMPLES, ROWS, TABLE, content

OTHER = "other"
FOLDERS = sorted({path.partition("/")[0] for path in TABLE})


def test_every_folder_has_rows_in_a_table() -> None:
    assert {path.name for path in SAMPLES.iterdir()} == {*FOLDERS, OTHER}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_sample_has_a_row_in_a_table(folder: str) -> None:
    files = {f"{folder}/{path.name}" for path in (SAMPLES / folder).iterdir() if path.name not in NOT_SAMPLES}
    assert files == {path for path in TABLE if path.startswith(f"{folder}/")}


@pytest.mark.parametrize("folder", [*FOLDERS, OTHER])
def test_every_sample_has_a_source(folder: str) -> None:
    told = (SAMPLES / folder / "SOURCES.md").read_text(encoding="utf-8")
    for path in (SAMPLES / folder).iterdir():
        assert path.name in NOT_SAMPLES or f"| {path.name} |" in told, path.name


@pytest.mark.parametrize("key", ROWS)
def test_every_format_has_a_good_sample(key: str) -> None:
    assert any(row.format == key for row in GOOD.values())


@pytest.mark.parametrize(("path", "expected"), GOOD.items())
def test_a_sample_is_read_with_the_right_counts(path: str, expected: Expected) -> None:
    data = content(path)
    claim = claim_of(data)
    seen = claim.evidence
    assert {name: seen.get(name) for name in expected.evidence} == dict(expected.evidence)
    assert {name: length(seen[name]) for name in expected.lengths} == dict(expected.lengths)
    assert claim.passed == expected.passed
    assert ROWS[expected.format].type in {claim.type, None}


def length(value: object) -> int:
    assert isinstance(value, Sized)
    return len(value)


@pytest.mark.parametrize(("path", "expected"), TABLE.items())
def test_a_sample_is_taken_by_its_format(path: str, expected: Expected) -> None:
    found = recognise(content(path)[:HEAD_BYTES])
    assert found is not None
    assert (found.format.key, tuple(row.key for row in found.also)) == (expected.format, expected.also)


@pytest.mark.parametrize("path", [path for path in TABLE if path not in GOOD])
def test_a_sample_that_cannot_be_read_is_refused_with_its_reason(path: str) -> None:
    data = content(path)
    with pytest.raises(MalformedError) as refused:
        claim_of(data)
    assert refused.value.code == TABLE[path].refused
    assert format_of(data).key == TABLE[path].format


@pytest.mark.parametrize("path", sorted((SAMPLES / OTHER).iterdir()), ids=lambda path: path.name)
def test_another_tool_s_file_is_of_no_format_of_ours(path: Path) -> None:
    assert recognise(path.read_bytes()[:HEAD_BYTES]) is None


def test_of_all_material_exactly_the_files_of_the_tables_are_recognised() -> None:
    folder = material("samples")
    if folder is None:
        pytest.skip("the shared samples are not beside this checkout")
    known = {content(path): row.format for path, row in TABLE.items()}
    wrong = []
    for path in sorted(folder.glob("*/*")):
        name = f"{path.parent.name}/{path.name}"
        data = path.read_bytes()
        found, wanted = recognise(data[:HEAD_BYTES]), known.get(data)
        if (found.format.key if found else None) != wanted:
            wrong.append((name, found and found.format.key, wanted))
    assert not wrong
