"""`carnet-collector spool` for entries that were salvaged out of an older spool: their places are below zero."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from collector.commands.program import program
from collector.instance import SPOOL_NAME
from collector.spool import Spool
from tests.helpers.spools import COLLECTOR_ID, NOW, SMALL, STREAM_ID, put, settle


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A spool of which two entries come out of an older one: one pending, one quarantined; and one of its own."""
    (tmp_path / "inbox").mkdir()
    path = tmp_path / "collector.toml"
    path.write_text(
        f'state_dir = "{tmp_path}/state"\n[receiver]\nurl = "https://receiver.example.com"\n'
        f'[[roots]]\nname = "ci"\npath = "{tmp_path}/inbox"\n'
    )
    with _open(tmp_path / "older") as older:
        put(older, 1, 2)
    (tmp_path / "older" / SPOOL_NAME).rename(tmp_path / "damaged")
    with _open(tmp_path / "state") as spool:
        put(spool, 3)
        Spool.salvage(tmp_path / "damaged", spool, NOW)
        settle(spool, [], [(-1, "wrong_type")])
    return path


def _open(folder: Path) -> Spool:
    return Spool.open(folder / SPOOL_NAME, SMALL, collector_id=COLLECTOR_ID, new_stream_id=STREAM_ID, now=NOW)


def ask(config: Path, *words: str) -> Any:  # noqa: ANN401 - whatever the command prints
    done = CliRunner().invoke(program, ["spool", *words, "--config", str(config), "--output", "json"])
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads(done.stdout)


def test_they_are_listed_first_and_can_be_stepped_over(config: Path) -> None:
    assert [row["sequence"] for row in ask(config, "list")] == [-2, -1, 0]
    assert [row["sequence"] for row in ask(config, "list", "--after", "-2")] == [-1, 0]


def test_they_can_be_shown_put_back_and_dropped(config: Path) -> None:
    shown = ask(config, "show", "-2")
    assert (shown["sequence"], shown["state"]) == (-2, "pending")
    assert shown["envelope"]
    assert ask(config, "retry", "-1") == {"putBack": 1}
    assert ask(config, "drop", "-2", "--reason", "a mistake", "--yes") == {"dropped": -2}
    assert [row["state"] for row in ask(config, "list")] == ["dropped", "pending", "pending"]


@pytest.mark.parametrize("place", ["-x", "-9223372036854775809", "9223372036854775808", "1.5"])
def test_what_is_no_place_is_wrong_usage(config: Path, place: str) -> None:
    for words in (["show"], ["retry"], ["drop", "--reason", "x", "--yes"]):
        done = CliRunner().invoke(program, ["spool", *words, place, "--config", str(config)])
        assert done.exit_code == 2, (words, done.output, done.exception)
    assert [row["state"] for row in ask(config, "list")] == ["pending", "quarantined", "pending"]
