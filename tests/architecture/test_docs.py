"""The lists in the documents are the lists in the code."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def verbs() -> set[str]:
    (phony,) = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    return set(phony.split())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_local_link_of_a_document_leads_somewhere(document: Path) -> None:
    links = [link for link in LINK.findall(document.read_text()) if "://" not in link and ":" not in link]
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_make_verb_that_a_document_shows_exists(document: Path) -> None:
    shown = set(re.findall(r"`make ([a-z]+)", document.read_text()))
    assert shown <= verbs()


def test_the_makefile_has_at_most_ten_verbs_and_contributing_lists_them_all() -> None:
    assert len(verbs()) <= 10
    listed = set(re.findall(r"^\| `make ([a-z]+)", (ROOT / "CONTRIBUTING.md").read_text(), flags=re.MULTILINE))
    assert listed == verbs()


def test_every_dependency_has_its_line_in_the_decision_record() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [
        *project["dependencies"],
        *(r for extra in project["optional-dependencies"].values() for r in extra),
    ]
    names = {re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0] for requirement in asked}
    record = (ROOT / "docs/adr/0001-dependencies.md").read_text()
    described = set(re.findall(r"^\| ([A-Za-z0-9_.-]+) \|", record, flags=re.MULTILINE)) - {"package", "---"}
    assert described == names
