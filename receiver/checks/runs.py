"""Whom words on runs named and of which commits these were: what is kept of it against what was signed."""

from __future__ import annotations

from typing import TypeAlias

from receiver.checks.walk import Walk
from receiver.store import run_words, triggered
from receiver.store.parts import Parts
from receiver.store.run_words import Rows
from shared.errors import CarnetError
from shared.predicates import Claimed

Lacking: TypeAlias = list[Rows]


def check_runs(walk: Walk) -> None:
    """Compare all of it, both ways."""
    lacking, right = _compared(walk)
    kept = run_words.count(walk.tx, walk.workspace_id)
    problems = [
        f"{second!r}, as a word on a run says of {first}, is not kept: see fsck --refill"
        for page in lacking
        for rows in page.values()
        for first, second in sorted(rows)
    ]
    problems += [f"{kept - right} rows are of no word on a run"] if kept != right else []
    walk.add("triggered", problems)


def lacking(walk: Walk) -> Lacking:
    """Give what verified words say and is not kept; the register was checked before."""
    return _compared(walk)[0]


def _compared(walk: Walk) -> tuple[Lacking, int]:
    """Give what is lacking, and how many rows are as words say: a row is of one run, whose words are on one page."""
    lacking: Lacking = []
    right = 0
    for page in run_words.pages(walk.tx, walk.workspace_id):
        words = [
            triggered.said_in(record_id, claimed)
            for record_id, parts in page
            if (claimed := _read(walk, parts)) is not None
        ]
        said = run_words.said(words)
        kept = run_words.kept(walk.tx, walk.workspace_id, said)
        right += sum(map(len, kept.values()))
        if kept != said:
            lacking.append({table: rows - kept[table] for table, rows in said.items()})
    return lacking, right


def _read(walk: Walk, parts: Parts) -> Claimed | None:
    """Read a claim whose signature is good; what is wrong with any other is told where it is checked itself."""
    try:
        return None if walk.keyring is None else walk.keyring.verify(parts.envelope()).as_(Claimed)
    except CarnetError:
        return None
