"""docs/verify.md says what `carnet verify` does: every option, every exit, every member of a bundle."""

import json
import re
from pathlib import Path

from collector.pipeline import verify
from shared.bundle import FORMAT, emit_bundle
from tests.helpers.build_passports import world

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "verify.md").read_text()


def first_cells(header: str) -> list[str]:
    _, _, table = PAGE.partition(header)
    rows = re.findall(r"^\| (.+?) \|", table.partition("\n\n")[0], flags=re.MULTILINE)
    return [row for row in rows if row != "---"]


def test_every_option_stands_there() -> None:
    listed = {option for cell in first_cells("| option |") for option in re.findall(r"--[a-z]+", cell)}
    assert listed == {one for parameter in verify.verify.params for one in parameter.opts if one.startswith("--")}


def test_every_exit_stands_there() -> None:
    listed = {int(cell) for cell in first_cells("| exit |") if cell.isdigit()}
    assert listed == {verify.GOOD, verify.NOT_THAT, verify.USAGE, verify.NOT_AUTHENTIC, 75}


def test_every_member_of_a_bundle_stands_there_in_its_order() -> None:
    listed = [cell.strip("`") for cell in first_cells("| member |") if cell.startswith("`")]
    assert listed == list(json.loads(emit_bundle(world().bundle())))
    assert f"`{FORMAT}`" in PAGE
