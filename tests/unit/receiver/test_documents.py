"""What people take away of a passport is text alone: no cell is a formula, and nothing is a link."""

from __future__ import annotations

import csv
import io

import pytest

from receiver.core.documents import as_csv, as_markdown
from shared.encoding import JsonObject


def said(text: str) -> JsonObject:
    """A passport under which somebody wrote this."""
    return {"id": "pp_1", "decision": "HOLD", "comments": [{"by": "anna@acme.example", "at": "now", "text": text}]}


def cell_of(text: str) -> str:
    rows = [row for row in csv.reader(io.StringIO(as_csv(said(text)))) if row[0] == "comment"]
    return rows[0][3]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        (" =1+1", "' =1+1"),
        ("\t1", "'\t1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\uff0b1", "'\uff0b1"),
        ("\uff0d1", "'\uff0d1"),
        ("\uff20SUM(1)", "'\uff20SUM(1)"),
        ('x;=HYPERLINK("http://e","x")', 'x;\'=HYPERLINK("http://e","x")'),
        ("x\n=1+1", "x\n'=1+1"),
        ("x; -1", "x;' -1"),
        ("a = b, c-d; e", "a = b, c-d; e"),
    ],
)
def test_no_cell_begins_a_formula_wherever_a_spreadsheet_has_it_begin(text: str, cell: str) -> None:
    assert cell_of(text) == cell


def test_every_cell_is_quoted() -> None:
    lines = as_csv({"id": "pp_1", "decision": "HOLD"}).split("\r\n")
    assert lines[:2] == [
        '"section","item","status","what","detail","who","at"', '"decision","pp_1","HOLD","","","",""',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("see https://evil.example/x", r"see https\://evil\.example/x"),
        ("ftp://evil.example", r"ftp\://evil\.example"),
        ("www.evil.example", r"www\.evil\.example"),
        ("carl@evil.example", r"carl\@evil\.example"),
        ("at 17:24, sha256:ab, 30.25 s.", "at 17:24, sha256:ab, 30.25 s."),
    ],
)
def test_no_bare_address_is_a_link_in_markdown(text: str, marked: str) -> None:
    (line,) = [one for one in as_markdown(said(text), "").splitlines() if "now" in one]
    assert line.split(" | ")[2] == marked
