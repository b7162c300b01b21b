"""The whole line with both real programs: files of every kind, dropped in every way, stand verified at the receiver."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from shared import dsse, statement
from shared.encoding import digest_text, sha256
from shared.predicates import Collected
from tests.fakes.proxy import Proxy
from tests.helpers import reports
from tests.helpers.reports import CANARY
from tests.helpers.rig import Rig, eventually, rig

COMMIT = "9f3c8b7d2e1a4c5b6a79808f1e2d3c4b5a697887"
ARTIFACT = b"a wheel, as far as anybody knows\n" * 100


@dataclass
class Seen:
    """What the run below left behind, after each of its stages."""

    rig: Rig
    stages: dict[str, Counter[str]] = field(default_factory=dict)
    collected: list[Collected] = field(default_factory=list)
    subjects: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    sent: list[bytes] = field(default_factory=list)
    raw: bytes = b""
    status: dict[str, Any] = field(default_factory=dict)
    aside: dict[str, str] = field(default_factory=dict)
    exits: tuple[int, int] = (-1, -1)

    def of(self, content: bytes | str) -> list[Collected]:
        """All that was attested about a file with exactly these bytes."""
        data = content.encode() if isinstance(content, str) else content
        return [one for one in self.collected if one.source.sha256 == digest_text(sha256(data))]

    def one(self, content: bytes | str) -> Collected:
        (found,) = self.of(content)
        return found


def _slowly(path: Path, content: bytes, pause: threading.Event) -> None:
    with path.open("wb", buffering=0) as file:
        for at in range(0, len(content), 40):
            file.write(content[at : at + 40])
            pause.wait(0.1)


def _contents(one: Rig) -> Counter[str]:
    return Counter(found.source.sha256 for found in one.collected())


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("l")
    with rig(
        folder,
        root={"artifacts": ["dist/**"], "exclude": ["private/**"]},
        more='[roots.speaks_for]\nrepositories=["acme/*"]',
    ) as one:
        one.start_receiver()
        with Proxy(one.port) as proxy:
            one.write_config(proxy.url)
            found = Seen(one)
            _drop_everything(one, found)
            _same_again(one, found)
            found.raw, found.sent = bytes(proxy.sent), proxy.payloads()
        for row in one.attestations():
            verified = dsse.verify(dsse.parse(one.envelope(row["id"])), one.key)
            read = statement.read(verified)
            found.subjects[read.as_(Collected).source.sha256] = [subject.to_wire() for subject in read.subjects]
        found.exits = (one.stop_collector(), one.stop_receiver())
        yield found


def _drop_everything(one: Rig, found: Seen) -> None:
    pause = threading.Event()
    one.drop("ci/carnet-context.json", _context("4711"))
    one.drop(f"ci/{CANARY}.xml", reports.JUNIT_RED)  # there before the start
    one.start_collector()
    one.drop("ci/cobertura.xml", reports.COBERTURA)
    one.drop("ci/linter.sarif", reports.SARIF)
    one.drop("sbom.json", reports.SBOM)
    one.drop("review.attest.json", reports.ATTEST)
    one.drop(f"dist/{CANARY}.whl", ARTIFACT)
    one.drop("private/not-for-you.xml", reports.junit(1))
    one.drop(".hidden.xml", reports.junit(2))
    one.drop("notes.txt", f"{CANARY}, a file of no format")
    one.drop("broken.xml", reports.junit(3)[:-20])
    one.drop("rewritten.xml", reports.junit(4))
    one.drop("same.xml", reports.junit(5))
    (one.folder / "outside.xml").write_bytes(reports.junit(6))
    (one.inbox / "link.xml").symlink_to(one.folder / "outside.xml")
    os.mkfifo(one.inbox / "fifo.xml")
    _slowly(one.inbox / "slow.xml", reports.junit(8), pause)
    eventually("ten attestations", lambda: one.count() == 10)
    eventually("three are set aside", lambda: len(one.aside()) == 3)
    eventually("nothing waits", lambda: one.status()["intake"]["waiting"] == 0)
    (one.inbox / "early.xml").write_bytes(reports.junit(7)[:-20])
    eventually("the early one waits", lambda: one.status()["intake"]["waiting"] == 1)
    (one.inbox / "early.xml").unlink()
    eventually("the early one is counted", lambda: one.status()["intake"]["skipped"] == 1)
    found.stages["dropped"] = _contents(one)
    (one.inbox / "rewritten.xml").write_bytes(reports.junit(9, failed=1))
    eventually("the rewrite", lambda: one.count() == 11)
    scans = one.status()["intake"]["scans"]
    eventually("two more scans", lambda: one.status()["intake"]["scans"] >= scans + 2)
    found.stages["rescanned"] = _contents(one)
    found.status, found.aside = one.status(), one.aside()


def _same_again(one: Rig, found: Seen) -> None:
    assert one.stop_collector() == 0
    one.start_collector()
    one.drop("after-restart.xml", reports.junit(10))
    eventually("the new one", lambda: one.count() == 12)
    eventually("the intake is done", lambda: one.status()["intake"]["waiting"] == 0)
    found.stages["restarted"] = _contents(one)
    one.drop("ci/same.xml", reports.junit(11))
    eventually("the first run's", lambda: one.count() == 13)
    one.drop("ci/same.xml", reports.junit(11))
    eventually("the same for the same run is known", lambda: one.status()["intake"]["known"] == 1)
    one.drop("ci/carnet-context.json", _context("4712"))
    one.drop("ci/same.xml", reports.junit(11))
    eventually("the next run's", lambda: one.count() == 14)
    found.collected = one.collected()


def _context(run: str) -> str:
    return reports.context(
        repository="acme/checkout",
        commit=COMMIT,
        branch=f"feature/{CANARY}",
        prNumber=7,
        run=run,
        job="unit",
        reports=3,
    )


def test_each_report_stands_at_the_receiver_with_its_type_and_verdict(seen: Seen) -> None:
    contents: dict[str, bytes | str] = {
        "TEST_RESULTS": reports.JUNIT_RED,
        "COVERAGE": reports.COBERTURA,
        "SECURITY_SCAN": reports.SARIF,
        "SBOM": reports.SBOM,
        "CODE_REVIEW": reports.ATTEST,
        "BUILD_PROVENANCE": ARTIFACT,
    }
    found = {kind: seen.one(content).claim for kind, content in contents.items()}
    assert {kind: claim.type.value for kind, claim in found.items()} == {kind: kind for kind in contents}
    assert {kind: claim.passed for kind, claim in found.items()} == {
        "TEST_RESULTS": False,
        "COVERAGE": True,
        "SECURITY_SCAN": False,
        "SBOM": True,
        "CODE_REVIEW": True,
        "BUILD_PROVENANCE": True,
    }
    assert {kind: claim.basis for kind, claim in found.items()} == dict.fromkeys(contents, "measured") | {
        "CODE_REVIEW": "declared"
    }
    counts = ("totalTests", "passed", "failed", "errors", "skipped")
    assert [found["TEST_RESULTS"].evidence[name] for name in counts] == [3, 1, 1, 0, 1]
    assert (found["COVERAGE"].evidence["linesCovered"], found["COVERAGE"].evidence["linesTotal"]) == (3, 4)
    assert found["SECURITY_SCAN"].evidence["high"] == 1
    assert found["SBOM"].evidence["componentCount"] == 2


def test_the_subject_is_the_artifact_the_commit_or_the_file_itself(seen: Seen) -> None:
    def subject(content: bytes | str) -> list[dict[str, Any]]:
        return seen.subjects[seen.one(content).source.sha256]

    assert subject(ARTIFACT) == [{"digest": {"sha256": sha256(ARTIFACT).hex()}}]
    assert subject(reports.JUNIT_RED) == [{"digest": {"gitCommit": COMMIT}}]
    assert subject(reports.SBOM) == [{"digest": {"sha256": sha256(reports.SBOM.encode()).hex()}}]


def test_the_context_file_is_believed_as_far_as_the_root_may_speak_and_says_where_it_is_from(seen: Seen) -> None:
    found = seen.one(reports.JUNIT_RED)
    wire = found.context.to_wire()
    assert {name: value for name, value in wire.items() if value is not None} == {
        "repository": "acme/checkout",
        "commit": COMMIT,
        "prNumber": 7,
        "run": "4711",
        "job": "unit",
        "reports": 3,
    }
    assert set(found.context_from.values()) == {"file"}
    assert found.disclosure.level == "verdict"
    assert "context.branch" in found.disclosure.cut
    assert seen.one(reports.SBOM).context.repository is None


def test_however_a_file_comes_it_is_taken_once_and_whole(seen: Seen) -> None:
    for number in (4, 5, 8, 10):
        assert len(seen.of(reports.junit(number))) == 1, number
    for number in (1, 2, 6, 7):
        assert seen.of(reports.junit(number)) == [], number
    assert not any(found.source.bytes < len(reports.junit(8)) for found in seen.collected if found.claim.passed)


def test_a_rewrite_with_other_content_is_new_and_links_to_the_same_source(seen: Seen) -> None:
    before, after = seen.one(reports.junit(4)), seen.one(reports.junit(9, failed=1))
    assert before.source.key == after.source.key
    assert (before.claim.passed, after.claim.passed) == (True, False)
    assert before.stream.sequence < after.stream.sequence


def test_a_rescan_and_a_restart_bring_nothing_new(seen: Seen) -> None:
    assert seen.stages["rescanned"] - seen.stages["dropped"] == Counter(
        [digest_text(sha256(reports.junit(9, failed=1)))]
    )
    assert seen.stages["restarted"] - seen.stages["rescanned"] == Counter([digest_text(sha256(reports.junit(10)))])
    assert set(seen.stages["restarted"].values()) == {1}


def test_the_same_bytes_for_another_run_are_a_new_observation_and_for_the_same_run_are_not(seen: Seen) -> None:
    found = seen.of(reports.junit(11))
    assert [one.context.run for one in found] == ["4711", "4712"]
    assert len({one.observation_id for one in found}) == 2


def test_a_broken_report_is_attested_as_not_passed_with_its_reason_and_set_aside(seen: Seen) -> None:
    found = seen.one(reports.junit(3)[:-20])
    assert (found.claim.passed, found.claim.evidence["unreadable"]) == (False, "truncated")
    assert seen.aside == {"broken.xml": "truncated", "link.xml": "outside_root", "fifo.xml": "not_regular"}
    assert seen.status["spool"]["setAside"] == 3


def test_unknown_and_vanished_files_are_counted_and_nothing_else_is(seen: Seen) -> None:
    intake = seen.status["intake"]
    assert (intake["unknownFormat"], intake["skipped"], intake["waiting"]) == (1, 1, 0)
    assert intake["captured"] == 11
    assert seen.status["healthy"] is True


def test_one_stream_is_numbered_and_chained_without_a_hole(seen: Seen) -> None:
    rows = seen.rig.spooled()
    assert [one.sequence for one in rows] == list(range(14))
    assert [one.stream.sequence for one in seen.collected] == list(range(14))
    assert [one.stream.previous for one in seen.collected[1:]] == [digest_text(one.id) for one in rows[:-1]]
    assert len({one.stream.id for one in seen.collected}) == 1
    assert len({one.stream.epoch for one in seen.collected}) == 2  # it was restarted once


def test_at_the_level_verdict_no_name_path_or_branch_leaves_in_any_byte_sent(seen: Seen) -> None:
    word = CANARY.encode()
    assert len(seen.sent) > 14
    assert [payload for payload in seen.sent if word in payload] == []
    assert word not in seen.raw
    assert str(seen.rig.folder).encode() not in seen.raw + b"".join(seen.sent)
    logs = seen.rig.receiver_log.read_bytes()
    assert word not in logs
    database = b"".join(path.read_bytes() for path in (seen.rig.folder / "r").iterdir() if path.is_file())
    assert word not in database


def test_the_collectors_log_holds_no_content_of_a_report_and_no_secret(seen: Seen) -> None:
    log = seen.rig.collector_log.read_text()
    tokens = [line for line in log.splitlines() if "ca_hour_" in line or "PRIVATE" in line]
    assert tokens == []
    # Of what has a canary only paths may be told, and only here: of files that were not taken.
    assert [event for event in seen.rig.events() if CANARY in str({**event, "path": ""})] == []


def test_both_programs_stop_with_0_and_what_is_stored_is_as_it_was_signed(seen: Seen) -> None:
    assert seen.exits == (0, 0)
    assert seen.rig.fsck() == []
