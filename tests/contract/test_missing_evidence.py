"""Evidence that never came: found once, signed, withdrawn when it comes after all; a quarter with known holes."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from receiver import expect, lookup, watch
from receiver.core.expectations import After, Expectation
from receiver.core.posting import Record
from receiver.store import audit
from shared import dsse, statement
from shared.encoding import JsonValue, digest_text, sha256
from shared.keyring import open_keyring
from shared.predicates import COLLECTED, ClaimType, Missing
from shared.statement import subject_commit
from tests.helpers import build
from tests.helpers.databases import Databases
from tests.helpers.fleet import Receiver, Spool, make_receiver
from tests.helpers.posts import Pipeline

MINUTE = timedelta(minutes=1)
TESTS = Expectation("tests of every run", (ClaimType.TEST_RESULTS,), After.RUN, timedelta(minutes=30))


@pytest.fixture
def receiver(tmp_path: Path, databases: Databases) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=databases)
    watch.look(made.store, made.workspace_id, made.now)
    yield made
    made.store.close()


def commit(number: int) -> str:
    return sha256(b"commit %d" % number).hex()[:40]


def run(pipeline: Pipeline, of: str, **changes: JsonValue) -> None:
    pipeline.post(
        Record.RUN,
        {
            "repositoryFullName": "acme/payments-api",
            "headSha": of,
            "headBranch": "main",
            "externalId": f"run of {of}",
            "workflowName": "ci",
            "status": "COMPLETED",
            "conclusion": "SUCCESS",
            **changes,
        },
    )


def later(receiver: Receiver, time: timedelta, *expectations: Expectation, step: timedelta = MINUTE) -> int:
    """Let time pass, in which the receiver goes its rounds; gives how many findings stand."""
    end, stand = receiver.now + time, 0
    while receiver.now < end:
        receiver.now = min(receiver.now + step, end)
        watch.look(receiver.store, receiver.workspace_id, receiver.now)
        stand = expect.check(receiver.store, receiver.signers, expectations, receiver.now, receiver.random)
    return stand


def missing(receiver: Receiver, *, withdrawn: bool = False) -> list[tuple[str, str | None, str]]:
    return [
        (one.overdue.expectation, one.overdue.known.commit, one.overdue.type.value)
        for one in expect.missing(receiver.store, receiver.workspace_id, withdrawn=withdrawn)
    ]


def beat(spool: Spool, waiting: int) -> bytes:
    fields: dict[str, object] = {"id": spool.stream_id, "epoch": build.EPOCH}
    if spool.last_id is not None:
        fields |= {"high_water": spool.next_sequence - 1, "head": digest_text(spool.last_id)}
    return spool.heartbeat(stream=fields, spool={"depth": waiting, "oldest_seconds": 60})


def test_what_never_came_is_found_once_and_signed(receiver: Receiver) -> None:
    run(Pipeline(receiver), build.COMMIT)
    assert later(receiver, timedelta(minutes=29), TESTS) == 0
    assert later(receiver, timedelta(minutes=5), TESTS) == 1
    (found,) = expect.missing(receiver.store, receiver.workspace_id)
    keyring = lookup.keyring(receiver.store, receiver.workspace_id)
    opened = open_keyring(dsse.parse(keyring.versions[-1]), receiver.root.public, receiver.audience)
    read = opened.verify(found.parts.envelope())
    said = read.as_(Missing)
    assert read.subjects == (subject_commit(build.COMMIT),)
    assert (said.expectation, said.type, said.anchor.kind) == (TESTS.name, ClaimType.TEST_RESULTS, "pipeline-run")
    assert said.due_at == said.anchor.at + TESTS.within <= said.found_at
    trail = receiver.store.read(lambda tx: [row.act.action for row in audit.rows(tx, receiver.workspace_id)])
    assert trail.count("evidence.missing") == 1


def test_evidence_that_comes_after_all_withdraws_its_finding_and_leaves_it_on_record(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    run(Pipeline(receiver), build.COMMIT)
    later(receiver, timedelta(minutes=31), TESTS)
    assert missing(receiver) == [(TESTS.name, build.COMMIT, "TEST_RESULTS")]
    receiver.take(caller, "a", [spool.entry()])
    assert later(receiver, MINUTE, TESTS) == 0
    assert missing(receiver) == []
    (found,) = expect.missing(receiver.store, receiver.workspace_id, withdrawn=True)
    assert found.withdrawn_at == receiver.now
    assert later(receiver, timedelta(hours=1), TESTS) == 0


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        (Expectation("a", (ClaimType.SBOM, ClaimType.TEST_RESULTS), After.COMMIT, 5 * MINUTE), 2),
        (Expectation("b", (ClaimType.SBOM,), After.RUN, 5 * MINUTE, repositories=("acme/*",)), 1),
        (Expectation("c", (ClaimType.SBOM,), After.RUN, 5 * MINUTE, repositories=("other/*",)), 0),
        (Expectation("d", (ClaimType.SBOM,), After.RUN, 5 * MINUTE, services=("pay*",)), 0),
        (Expectation("e", (ClaimType.SBOM,), After.DEPLOYMENT, 5 * MINUTE), 0),
        (Expectation("f", (ClaimType.SBOM,), After.RUN, 5 * MINUTE, workspace="ws_another"), 0),
    ],
)
def test_only_what_is_covered_is_expected(receiver: Receiver, expected: Expectation, found: int) -> None:
    run(Pipeline(receiver), build.COMMIT)
    assert later(receiver, timedelta(minutes=6), expected) == found


def test_a_deployment_without_its_evidence_is_found(receiver: Receiver) -> None:
    digest = "ab" * 32
    Pipeline(receiver).post(
        Record.DEPLOYMENT,
        {
            "environment": "production",
            "service": "payments",
            "artifactSha256": digest,
            "status": "SUCCESS",
            "repositoryFullName": "acme/payments-api",
        },
    )
    wanted = Expectation("sbom", (ClaimType.SBOM,), After.DEPLOYMENT, 5 * MINUTE, environments=("prod*",))
    assert later(receiver, timedelta(minutes=6), wanted) == 1
    (found,) = expect.missing(receiver.store, receiver.workspace_id)
    assert found.overdue.known.artifact == bytes.fromhex(digest)


@pytest.mark.parametrize("said", [{"conclusion": "CANCELLED"}, {"status": "IN_PROGRESS", "conclusion": None}])
def test_a_run_that_brings_nothing_is_not_expected_to(receiver: Receiver, said: dict[str, JsonValue]) -> None:
    fields: dict[str, JsonValue] = {name: value for name, value in said.items() if value is not None}
    pipeline = Pipeline(receiver)
    if "status" in said:
        pipeline.post(
            Record.RUN,
            {"repositoryFullName": "acme/x", "headSha": build.COMMIT, "workflowName": "ci", **fields},
        )
    else:
        run(pipeline, build.COMMIT, **fields)
    assert later(receiver, timedelta(minutes=40), TESTS) == 0


def test_nothing_is_missing_while_the_collector_says_that_entries_wait(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    run(Pipeline(receiver), build.COMMIT)
    for _ in range(30):
        receiver.take_heartbeat(caller, beat(spool, waiting=3))
        assert later(receiver, 2 * MINUTE, TESTS) == 0
    receiver.take_heartbeat(caller, beat(spool, waiting=0))
    assert later(receiver, MINUTE, TESTS) == 1


def test_a_collector_that_fell_silent_excuses_nothing(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    run(Pipeline(receiver), build.COMMIT)
    receiver.take_heartbeat(caller, beat(spool, waiting=3))
    assert later(receiver, timedelta(minutes=31), TESTS) == 1


def test_time_in_which_the_receiver_was_away_does_not_count(receiver: Receiver) -> None:
    run(Pipeline(receiver), build.COMMIT)
    later(receiver, timedelta(minutes=10), TESTS)
    receiver.now += timedelta(hours=2)
    assert later(receiver, timedelta(minutes=19), TESTS) == 0
    assert later(receiver, timedelta(minutes=3), TESTS) == 1


def test_a_quarter_with_known_holes_every_missing_piece_is_found_and_no_alarm_is_false(receiver: Receiver) -> None:
    """Ninety days (15 on PostgreSQL, which is slower); some evidence never comes, some waits for hours first."""
    days = 90 if receiver.database_url.startswith("sqlite") else 15
    chance = random.Random(4)  # noqa: S311 - the same in every run
    spool, caller = receiver.enrol()
    pipeline = Pipeline(receiver)
    never, held_back = set[str](), list[bytes]()
    number = 0
    for day in range(days):
        for _ in range(2):
            number += 1
            of = commit(number)
            run(pipeline, of)
            if chance.random() < 0.2:
                never.add(of)
                continue
            about = {"context": {"repository": "acme/payments-api", "commit": of}}
            entry = _about(spool, of, about)
            if chance.random() < 0.3:
                held_back.append(entry)
            else:
                receiver.take(caller, f"b{number}", [entry])
        # The collector lags for some days: it says so, and then delivers. The receiver is away most of the time.
        receiver.take_heartbeat(caller, beat(spool, waiting=len(held_back)))
        later(receiver, 4 * MINUTE, TESTS, step=2 * MINUTE)
        if day % 7 == 6 and held_back:
            receiver.take(caller, f"late{day}", held_back)
            held_back.clear()
            receiver.take_heartbeat(caller, beat(spool, waiting=0))
        receiver.now += timedelta(hours=10)
        receiver.take_heartbeat(caller, beat(spool, waiting=len(held_back)))
        later(receiver, 6 * MINUTE, TESTS, step=2 * MINUTE)
        assert {of for _, of, _ in missing(receiver)} <= never
    if held_back:
        receiver.take(caller, "last", held_back)
    receiver.take_heartbeat(caller, beat(spool, waiting=0))
    later(receiver, timedelta(minutes=40), TESTS, step=2 * MINUTE)
    assert {of for _, of, _ in missing(receiver)} == never
    assert len(missing(receiver, withdrawn=True)) == len(never)


def _about(spool: Spool, of: str, changes: Mapping[str, object]) -> bytes:
    """Sign the next entry about a commit of its own."""
    predicate = build.collected(
        spool.key,
        audience=spool.audience,
        collector=build.collected().collector.model_copy(update={"id": spool.collector_id}),
        salt=spool.random(16).hex(),
        stream=spool.link(spool.next_sequence, spool.last_id),
        observation_id=digest_text(spool.random(32)),
        **changes,
    )
    signed = statement.sign(COLLECTED, (subject_commit(of),), predicate, spool.key)
    spool.next_sequence, spool.last_id = spool.next_sequence + 1, signed.id
    return signed.to_bytes()
