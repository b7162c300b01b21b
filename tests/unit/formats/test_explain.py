"""`carnet-collector formats`: what is read, and which format took a file and why the others did not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from collector.commands.program import program
from collector.formats import FORMATS, Format
from tests.helpers import reports


def run(*words: str, exits: int = 0) -> str:
    done = CliRunner().invoke(program, ["formats", *words])
    assert done.exit_code == exits, (done.output, done.exception)
    return done.stdout


def explained(path: Path) -> dict[str, Any]:
    return dict(json.loads(run("explain", str(path), "--output", "json")))


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "a.bin"
    path.write_text(reports.JUNIT_RED)
    return path


@pytest.mark.parametrize("row", FORMATS, ids=lambda row: row.key)
def test_every_format_says_in_a_line_what_it_looks_for(row: Format) -> None:
    assert re.fullmatch(r"[^\n`]{10,98}[^.\s]", row.looks_for), row.looks_for


def test_the_list_has_every_format_and_artifacts() -> None:
    keys = [row.key for row in FORMATS]
    assert [line.split()[0] for line in run().splitlines()] == [*keys, "artifact"]
    rows = json.loads(run("--output", "json"))
    assert [row["key"] for row in rows] == [*keys, "artifact"]
    assert all(set(row) == {"key", "title", "type", "looksFor"} for row in rows)


def test_the_format_that_takes_a_file_is_named_and_every_other_one_says_what_it_missed(report: Path) -> None:
    found = explained(report)
    assert (found["takenBy"], found["alsoMatched"]) == ("junit-xml", [])
    assert found["looksLike"] == "XML with the root element testsuites, with testsuite below it"
    assert [row["key"] for row in found["formats"]] == [row.key for row in FORMATS]
    assert [row["key"] for row in found["formats"] if row["matched"]] == ["junit-xml"]
    lines = run("explain", str(report)).splitlines()
    assert lines[:3] == [str(report), f"  looks like {found['looksLike']}", "  taken by junit-xml"]
    assert len(lines) == 3 + len(FORMATS) + 1
    assert re.search(r"^    junit-xml +takes it +looks for \S", "\n".join(lines), re.MULTILINE)
    assert re.search(r"^    sarif +no +looks for \S", "\n".join(lines), re.MULTILINE)


def test_a_broken_file_is_explained_as_well_as_a_whole_one(report: Path) -> None:
    report.write_text(reports.JUNIT_RED[:200])
    assert explained(report)["takenBy"] == "junit-xml"


LIKE: list[tuple[bytes, str]] = [
    (b"", "nothing: it is empty, or no text"),
    (b"\n  \n", "nothing: it is empty, or no text"),
    (b"dear diary\n", "text that begins with 'dear diary'"),
    (b"<html><body/></html>", "XML with the root element html, with body below it"),
    (b'<a:x xmlns:a="urn:a"/>', "XML with the root element x in the namespace urn:a"),
    (b"<", "XML without a root element"),
    (b'{"b": 1, "a": {"c": 2}}', "JSON with b, a"),
    (b'[{"b": 1}]', "JSON with [].b"),
    (b'{"b": 1}\n{"b": 2}\n', "JSON lines with b"),
    (b"[]", "JSON without keys at the top"),
    (
        json.dumps({f"k{number}": 1 for number in range(10)}).encode(),
        "JSON with k0, k1, k2, k3, k4, k5, k6, k7 and 2 more",
    ),
]


@pytest.mark.parametrize(("content", "words"), LIKE, ids=[words for _, words in LIKE])
def test_a_file_of_no_format_says_what_it_looks_like(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    found = explained(path)
    assert (found["takenBy"], found["looksLike"]) == (None, words)
    assert "taken by no format: it is counted, and left alone" in run("explain", str(path))


def test_a_file_that_would_steer_a_terminal_steers_none(tmp_path: Path) -> None:
    path = tmp_path / "a\n\x1b]0;owned\x07"
    for content in (b"\x1b[31mred\n", b'{"\\u001b[2J\\u009b": 1}', '<\x9b2J a="1"><\x1b/></a>'.encode()):
        path.write_bytes(content)
        text = run("explain", str(path))
        assert all(char.isprintable() or char == "\n" for char in text)
        assert len(text.splitlines()) == 3 + len(FORMATS) + 1


def test_what_is_no_file_is_wrong_usage(tmp_path: Path) -> None:
    run("explain", str(tmp_path), exits=2)
    run("explain", str(tmp_path / "none"), exits=2)
    run("explain", exits=2)
