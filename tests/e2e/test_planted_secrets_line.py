"""S9: secrets planted in reports, context files and names of files, searched for at both ends of a real line.

The same search must find a word that is no secret wherever it may be: a search that finds nothing proves nothing.
"""

from __future__ import annotations

import functools
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner

from collector.commands.program import program
from collector.disclose import Level
from receiver.commands.embedded import Embedded
from shared import dsse
from shared.redaction import unwrapped
from tests.helpers import reports
from tests.helpers.planted_files import ALL, planted_file
from tests.helpers.reports import CANARY
from tests.helpers.rig import Rig, eventually, rig
from tests.helpers.secrets import Planted, planted, traces

_FORMATS = (
    "junit-xml", "ctrf", "lcov", "sarif", "trivy", "cyclonedx-json", "buildx-metadata", "attest", "in-toto", "dsse",
)  # fmt: skip
_BROKEN = ("junit-xml", "sarif", "cyclonedx-json", "in-toto")

IN_NAMES = [one for one in planted(2)[::2] if len(one.text) <= 100 and not set(one.text) & set("/\n\"' ")]
"""Secrets that stand in names of files and folders, and nowhere else."""

IN_CONTEXT = [one for one in planted(3) if len(one.text) <= 150 and "\n" not in one.text]
"""Secrets that stand in context files, and nowhere else."""

_CONTEXT_FIELDS = ("repository", "branch", "run", "job", "service", "environment")
_WORD = Planted("word", CANARY, (CANARY,))


@dataclass
class Seen:
    """Everything that can be seen of a run, by where it was; what base64 wraps stands there unwrapped, too."""

    texts: dict[str, str] = field(default_factory=dict)

    def add(self, where: str, *found: str | bytes) -> None:
        texts = [one.decode("latin-1") if isinstance(one, bytes) else one for one in found]
        inner = [each for one in texts for each in unwrapped(one, 2)]
        self.texts[where] = "\n".join((self.texts.get(where, ""), *texts, *inner))

    def kinds(self, where: str, secrets: list[Planted]) -> set[str]:
        """The kinds of those secrets that are seen there: as they are, in JSON, in base64 or in an address."""
        text = self.texts[where]
        return {one.kind for one in secrets if any(trace in text for trace in _traces(one))}


@functools.cache
def _traces(secret: Planted) -> set[str]:
    return {*traces(secret), *(quote(part, safe="") for part in secret.parts)}


def test_what_is_planted_is_of_all_kinds() -> None:
    filed = "\n".join(report.decode() for report in _reports().values())
    missing = [one.kind for one in ALL if not any(json.dumps(part)[1:-1] in filed for part in one.parts)]
    assert missing == []
    assert len(IN_NAMES) >= 20
    assert len(IN_CONTEXT) >= 60


# --- one run: a root for each level, the same files in each ---


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder = tmp_path_factory.mktemp("planted")
    found = Seen()
    with rig(folder, more="\n".join(_root(folder / level, level) for level in Level)) as one:
        expected = sum(_fill(folder / level) for level in Level)
        one.start_receiver()
        one.start_collector()
        eventually("all is delivered", lambda: one.count() >= expected and one.pending() == 0)
        eventually("in each root a file is held back", lambda: len(one.status()["wrong"]) == len(Level))
        _see_the_collector(found, one)
        assert _see_the_receiver(found, one) == expected
        found.add("files of the receiver", *_files(one.folder / "r"))
        assert one.stop_collector() == 0
        assert one.stop_receiver() == 0
        found.add("log of the collector", one.collector_log.read_bytes())
        found.add("log of the receiver", one.receiver_log.read_bytes())
        found.add("files of the collector", *_files(one.state))
    return found


def _root(path: Path, level: Level) -> str:
    return f"""
[[roots]]
name = "{level}"
path = {json.dumps(str(path))}
artifacts = ["dist/**"]
disclosure = "{level}"
speaks_for = {{repositories = ["*"], services = ["*"], environments = ["*"]}}
"""


def _reports() -> dict[str, bytes]:
    """Reports with secrets at all of their places, of other kinds in each, and the same ones cut off."""
    whole = {f"reports/{key}": planted_file(key, number * 7) for number, key in enumerate(_FORMATS)}
    return {**whole, **{f"broken/{key}": whole[f"reports/{key}"][:-20] for key in _BROKEN}}


def _fill(root: Path) -> int:
    """Write the files; gives how many will be attested."""
    files: dict[str, bytes | str] = {"plain/report": reports.JUNIT_RED, f"broken/{CANARY}.xml": "<testsuite><testcase"}
    files |= _reports()
    artifacts, folders = IN_NAMES[::2], IN_NAMES[1::4]
    files |= {f"dist/app-{one.text}.whl": one.kind for one in artifacts}
    files |= {f"{one.text}/report.xml": reports.junit(number) for number, one in enumerate(folders)}
    files |= {f"broken/{one.text}.xml": f"<testsuite name='{one.kind}'" for one in IN_NAMES[3::4]}
    for number in range(0, len(IN_CONTEXT), len(_CONTEXT_FIELDS)):
        said = {name: one.text for name, one in zip(_CONTEXT_FIELDS, IN_CONTEXT[number:], strict=False)}
        files[f"run-{number}/report.xml"] = reports.junit(number + 1_000)
        files[f"run-{number}/carnet-context.json"] = reports.context(**said)
    held = f"held/{IN_NAMES[0].text}"
    more: dict[str, bytes | str] = {f"{held}/carnet-context.json": "{", f"{held}/report.xml": reports.junit(2)}
    for name, content in (files | more).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return sum(not name.endswith("carnet-context.json") for name in files)


def _see_the_collector(found: Seen, one: Rig) -> None:
    config = ("--config", str(one.config))
    entries = [str(row.sequence) for row in one.spooled()]
    for output in ("text", "json"):
        more = (*config, "--output", output)
        found.add("status", _said("status", *more))
        found.add("ledger", _said("ledger", *more))
        found.add("spool list", _said("spool", "list", "--limit", "10000", *more))
        shown = entries if output == "json" else entries[::5]
        found.add("spool show", *(_said("spool", "show", each, *more) for each in shown))
    found.add("status", json.dumps(one.status()))
    for level, output in zip(Level, ("json", "text", "json"), strict=True):
        found.add("preview", _said("preview", str(one.folder / level), *config, "--output", output))
    found.add("preview --diff", _said("preview", "--diff", "verdict", "full", str(one.folder / Level.FULL), *config))
    for path in (path for path in (one.folder / Level.FULL).rglob("*") if path.is_file() and path.suffix != ".whl"):
        found.add("formats explain", _said("formats", "explain", str(path)))


def _said(*words: str) -> str:
    """What a command prints, or the error that its program would print."""
    done = CliRunner().invoke(program, list(words))
    return f"{done.output}\n{done.exception}"


def _see_the_receiver(found: Seen, one: Rig) -> int:
    """Ask the receiver for all that it has; gives how many attestations it has."""
    listed = one.attestations()
    answers = [json.dumps(listed).encode(), one.get("/api/v1/collectors")]
    for row in listed:
        envelope = one.envelope(row["id"])
        answers += [one.get(f"/api/v1/attestations/{row['id']}"), envelope]
        payload = dsse.parse(envelope).payload.decode()
        found.add(f"payloads at {json.loads(payload)['predicate']['disclosure']['level']}", payload)
    found.add("answers of the receiver", *answers)
    with closing(sqlite3.connect(Embedded(one.folder / "r").database)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = [row for name in tables for row in connection.execute(f"SELECT * FROM {name}")]  # noqa: S608 - its own
    found.add("rows of the receiver", *(value for row in rows for value in row if isinstance(value, str | bytes)))
    return len(listed)


def _files(folder: Path) -> list[bytes]:
    """All bytes that a program keeps, those of write-ahead logs included."""
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


# --- what is seen ---

PLACES = [
    "status", "ledger", "spool list", "spool show", "preview", "preview --diff", "formats explain",
    "log of the collector", "files of the collector", "log of the receiver", "files of the receiver",
    "rows of the receiver", "answers of the receiver", *(f"payloads at {level}" for level in Level),
]  # fmt: skip
NO_WORDS = {"ledger", "log of the receiver", "payloads at verdict"}
"""The ledger knows envelopes by digest, the receiver's log requests by route, and a verdict has no names."""
KNOWS_NAMES = "files of the collector"


@pytest.mark.parametrize("where", PLACES)
def test_no_secret_of_a_report_or_its_context_is_seen_at_either_end(seen: Seen, where: str) -> None:
    assert seen.kinds(where, list(ALL)) == set()
    assert seen.kinds(where, IN_CONTEXT) == set()


@pytest.mark.parametrize("where", [where for where in PLACES if where != KNOWS_NAMES])
def test_no_secret_of_a_file_name_leaves_or_is_shown(seen: Seen, where: str) -> None:
    assert seen.kinds(where, IN_NAMES) == set()


def test_only_the_spool_itself_knows_its_files_by_name(seen: Seen) -> None:
    assert seen.kinds(KNOWS_NAMES, IN_NAMES) >= {one.kind for one in IN_NAMES[::2]}


@pytest.mark.parametrize("where", PLACES)
def test_a_word_that_is_no_secret_is_found_by_the_same_search(seen: Seen, where: str) -> None:
    assert seen.kinds(where, [_WORD]) == (set() if where in NO_WORDS else {_WORD.kind})


@pytest.mark.parametrize("level", list(Level))
def test_marks_tell_at_each_level_that_there_was_a_secret(seen: Seen, level: Level) -> None:
    assert seen.texts[f"payloads at {level}"].count("[secret:") > len(IN_CONTEXT) // 2
