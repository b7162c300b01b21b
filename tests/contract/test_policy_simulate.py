"""A policy is tried on history: what it would change is told with reasons, nothing is changed, and it is on record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from receiver import activate, fsck, policies, simulate
from receiver.activate import Wanted
from receiver.caller import operator
from receiver.cli import main
from receiver.core.posting import Record
from receiver.policies import PolicyCache
from receiver.simulate import Beside, Simulated
from receiver.store import audit
from receiver.store import policies as rows
from shared.encoding import sha256
from shared.errors import StateError
from shared.judging.policyfile import read_policy
from shared.judging.values import Mode, Request, Target
from tests.helpers.databases import Databases
from tests.helpers.fleet import Receiver, make_receiver
from tests.helpers.past import Past
from tests.helpers.posts import Pipeline

DIGEST = "ab" * 32
NEEDS_ROLLBACK = '[{id: rollback, title: A way back, expect: "rollback.available", otherwise: BLOCK}]'
COLLECTS = "[{{id: whole, title: All is here, collection: {{collectors: [{}], gaps: none}}, otherwise: HOLD}}]"
NEEDS_TESTS = "[{id: tests, title: Tests passed, require: {type: TEST_RESULTS}, otherwise: HOLD}]"


def text(rules: str = NEEDS_ROLLBACK, services: str = "checkout-api", mode: str = "enforce", name: str = "p") -> bytes:
    return (
        f"apiVersion: carnet/v1\nkind: GatePolicy\nmetadata: {{name: {name}}}\n"
        f"scope: {{services: [{services}], environments: [production]}}\nmode: {mode}\nrules: {rules}\n"
    ).encode()


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Receiver:
    made = make_receiver(tmp_path_factory.mktemp("fresh"))
    made.store.close()
    return made


@pytest.fixture
def receiver(fresh: Receiver, tmp_path: Path) -> Iterator[Receiver]:
    made = fresh.copied(tmp_path / "copy")
    yield made
    made.store.close()


@pytest.fixture
def past(receiver: Receiver) -> Past:
    return Past(receiver)


def tried(receiver: Receiver, policy: bytes, days: int = 30) -> Simulated:
    return simulate.simulate(
        receiver.store,
        receiver.workspace_id,
        policy,
        timedelta(days=days),
        "operator",
        receiver.now,
        lambda _done, _of: None,
    )


def put(receiver: Receiver, policy: bytes) -> None:
    by = operator(receiver.audience)
    name = activate.upload(receiver.store, receiver.audience, policy, by, receiver.now).row.name
    wanted = Wanted(name, None, "tried elsewhere")
    activate.activate(receiver.store, receiver.signers, wanted, by, receiver.now, receiver.random)


def changed(made: Simulated) -> dict[str, str]:
    return {one.passport_id: one.kind for one in made.changes}


def test_it_tells_which_decisions_would_change_and_why(receiver: Receiver, past: Past) -> None:
    without = past.decide()
    past.decide("cart")
    sure = past.decide(rollback_available=True)
    made = tried(receiver, text(mode="shadow"))
    assert changed(made) == {without: "HOLD -> BLOCK", sure: "HOLD -> ALLOW"}
    assert (made.releases, made.judged, made.stopped, made.freed) == (3, 2, 0, 0)
    assert made.counts == {"HOLD -> ALLOW": 1, "HOLD -> BLOCK": 1}
    why = {one.passport_id: one.why for one in made.changes}
    assert why[without][0].startswith("rollback: ")
    assert why[sure] == ("nothing speaks against it any more",)


def test_the_words_of_the_evidence_are_judged_as_they_were_delivered(receiver: Receiver, past: Past) -> None:
    spool, caller = receiver.enrol()
    green = spool.entry()
    receiver.take(caller, "first", [green])
    tested, untested = past.decide(evidence=(green,)), past.decide()
    made = tried(receiver, text(NEEDS_TESTS, mode="shadow"))
    assert changed(made) == {tested: "HOLD -> ALLOW"}
    assert made.judged == 2
    assert untested not in made.unread


def test_what_is_judged_by_the_same_as_before_is_not_judged_again(receiver: Receiver, past: Past) -> None:
    put(receiver, text())
    for _ in range(2):
        past.decide(by=read_policy(text(), 1))
    made = tried(receiver, text())
    assert (made.releases, made.judged) == (2, 0)


def test_a_mode_that_stops_a_pipeline_is_a_change(receiver: Receiver, past: Past) -> None:
    shadow = text(mode="shadow")
    put(receiver, shadow)
    stopped = past.decide(by=read_policy(shadow, 1))
    past.decide(by=read_policy(shadow, 1), rollback_available=True)
    made = tried(receiver, text())
    assert changed(made) == {stopped: "BLOCK -> BLOCK"}
    assert (made.stopped, made.changes[0].why) == (1, ("the mode becomes enforce",))


def test_what_has_no_policy_stops_too_where_one_of_its_environment_enforces(receiver: Receiver, past: Past) -> None:
    stopped = past.decide("cart")
    past.decide("cart", "staging")
    made = tried(receiver, text())
    assert (changed(made), made.judged, made.stopped) == ({stopped: "HOLD -> HOLD"}, 1, 1)


def test_a_service_that_a_new_version_leaves_out_falls_to_what_is_left(receiver: Receiver, past: Past) -> None:
    put(receiver, text(services='"checkout-*"'))
    old = read_policy(text(services='"checkout-*"'), 1)
    left_out = past.decide("checkout-web", by=old)
    past.decide("checkout-api", by=old)
    assert changed(tried(receiver, text())) == {left_out: "BLOCK -> HOLD"}


def test_of_a_release_the_last_decision_counts_and_old_ones_only_if_they_are_deployed(
    receiver: Receiver, past: Past
) -> None:
    past.decide(digest="01" * 32, days_ago=3)
    last = past.decide(digest="01" * 32, days_ago=2)
    past.decide(digest="02" * 32, days_ago=40)
    running = past.decide(digest=DIGEST, days_ago=40)
    pipeline = Pipeline(receiver)
    for service, digest in (("checkout-api", DIGEST), ("cart", "cd" * 32)):
        fields = {"service": service, "environment": "production", "status": "SUCCESS", "artifactSha256": digest}
        pipeline.post(Record.DEPLOYMENT, {**fields})
    made = tried(receiver, text())
    assert changed(made) == {last: "HOLD -> BLOCK", running: "HOLD -> BLOCK"}
    assert {one.passport_id: one.deployed for one in made.changes} == {last: False, running: True}
    assert made.unasked == [("cart", "", "production", "cd" * 32)]
    assert made.releases == 2


def test_a_request_whose_policy_would_no_longer_cover_it_would_be_refused(receiver: Receiver, past: Past) -> None:
    wide = text(services='"checkout-*"', mode="shadow")
    put(receiver, wide)
    named = past.decide("checkout-web", by=read_policy(wide, 1), policy="p")
    (change,) = tried(receiver, text()).changes
    assert (change.passport_id, change.kind, change.after.proceed) == (named, "BLOCK -> refused", False)
    assert change.why == ("policy: no policy named 'p' covers checkout-web in production",)


def test_a_passport_whose_facts_are_not_whole_is_named_and_not_judged(receiver: Receiver, past: Past) -> None:
    spool, _ = receiver.enrol()
    lost = past.decide(evidence=(spool.entry(),))
    made = tried(receiver, text(NEEDS_TESTS))
    assert (made.unread, made.judged, made.changes) == ([lost], 0, [])


def test_a_release_is_not_tried_where_the_policy_looks_at_collectors_that_nobody_looked_at(
    receiver: Receiver, past: Past
) -> None:
    before = text(COLLECTS.format('"ci-01", "build-*"'))
    put(receiver, before)
    asked = past.decide(by=read_policy(before, 1))
    for wider in ('"ci-*"', '"ci-01", "ci-02"'):
        made = tried(receiver, text(COLLECTS.format(wider)))
        assert (made.unseen, made.judged, made.changes) == ([asked], 0, [])
    made = tried(receiver, text(COLLECTS.format('"build-7*"'), mode="shadow"))
    assert (made.unseen, made.judged) == ([], 1)
    assert tried(receiver, text()).unseen == [], "who names no collector looks at no other one"


def test_a_simulation_that_could_judge_nothing_lets_nothing_enforce_and_one_without_a_past_does(
    receiver: Receiver, past: Past
) -> None:
    by, wants = operator(receiver.audience), text(COLLECTS.format('"ci-01"'))
    activate.upload(receiver.store, receiver.audience, wants, by, receiver.now)

    def enforce() -> activate.Activated:
        return activate.activate(receiver.store, receiver.signers, Wanted("p"), by, receiver.now, receiver.random)

    past.decide()
    made = tried(receiver, wants)
    assert (made.tried, len(made.unseen), made.judged) == (False, 1, 0)
    with pytest.raises(StateError, match="could judge no past release"):
        enforce()
    receiver.now += timedelta(days=60)
    made = tried(receiver, wants)
    assert (made.tried, made.releases) == (True, 0)
    assert enforce().new


def test_the_command_says_what_to_do_where_nothing_could_be_judged(
    receiver: Receiver, past: Past, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    past.decide()
    file, config = tmp_path / "p.yaml", tmp_path / "receiver.toml"
    file.write_bytes(text(COLLECTS.format('"ci-01"')))
    config.write_text(f'database_url = "{receiver.database_url}"\nmaster_key_file = "{tmp_path / "master.key"}"\n')
    words = ["policy", "simulate", str(file), "--since", "9999d", "--config", str(config), "--output", "json"]
    assert main(words) == StateError.exit_status
    shown = capsys.readouterr()
    assert (json.loads(shown.out)["tried"], json.loads(shown.out)["releases"]) == (False, 1)
    error = json.loads(shown.err)["error"]
    assert error["code"] == "conflict"
    assert "not one of the 1 past releases" in error["detail"]
    assert "in mode shadow first" in error["hint"]


def test_a_simulation_counts_once_a_release_was_judged_in_shadow_by_what_looks_as_far(
    receiver: Receiver, past: Past
) -> None:
    shadow, enforcing = (text(COLLECTS.format('"ci-01"'), mode=mode) for mode in ("shadow", "enforce"))
    put(receiver, shadow)
    past.decide()
    past.decide(by=read_policy(shadow, 1))
    made = tried(receiver, enforcing)
    assert (made.tried, len(made.unseen), made.judged) == (True, 1, 1)
    assert receiver.store.read(lambda tx: rows.last_simulation(tx, receiver.workspace_id, sha256(enforcing)))


def test_a_policy_that_is_as_specific_as_an_active_one_is_refused(receiver: Receiver) -> None:
    put(receiver, text(name="other"))
    with pytest.raises(StateError, match="'other' is as specific"):
        tried(receiver, text())


def test_it_is_on_record_and_changes_no_decision(receiver: Receiver, past: Past) -> None:
    past.decide()
    before = [one.before for one in tried(receiver, text()).changes]
    digest = sha256(text())
    kept = receiver.store.read(lambda tx: rows.last_simulation(tx, receiver.workspace_id, digest))
    assert kept is not None
    assert (kept.at, kept.by, kept.since_days, kept.judged, kept.changed) == (receiver.now, "operator", 30, 1, 1)
    assert kept.changes == {"HOLD -> BLOCK": 1}
    acts = receiver.store.read(lambda tx: [one.act for one in audit.rows(tx, receiver.workspace_id)])
    assert [one.action for one in acts][-1] == "policy.simulate"
    receiver.now += timedelta(hours=1)
    assert [one.before for one in tried(receiver, text()).changes] == before


def test_what_was_simulated_may_enforce(receiver: Receiver, past: Past) -> None:
    past.decide()
    by = operator(receiver.audience)
    activate.upload(receiver.store, receiver.audience, text(), by, receiver.now)
    tried(receiver, text())
    done = activate.activate(receiver.store, receiver.signers, Wanted("p"), by, receiver.now, receiver.random)
    assert (done.simulated_at, done.activation.override) == (receiver.now, None)


def test_pages_are_walked_to_their_end_and_progress_is_told_whoever_judges(receiver: Receiver, past: Past) -> None:
    spool, caller = receiver.enrol()
    green = spool.entry()
    receiver.take(caller, "first", [green])
    for number in range(101):
        past.decide(rollback_available=number % 3 == 0, evidence=(green,), digest=f"{number:064x}")
    told: list[tuple[int, int]] = []
    asked = (receiver.store, receiver.workspace_id, text(), timedelta(days=30), "operator")
    here, beside = (
        simulate.simulate(
            *asked,
            receiver.now + timedelta(seconds=processes),
            lambda done, of: told.append((done, of)),
            Beside(processes, pytest.fail),
        )
        for processes in (0, 2)
    )
    assert told == [(100, 101), (101, 101)] * 2
    assert (beside.judged, beside.unread, len(beside.changes)) == (101, [], 101)
    assert (beside.changes, beside.counts) == (here.changes, here.counts)


@pytest.fixture
def on_both(databases: Databases, tmp_path: Path) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=databases)
    yield made
    made.store.close()


def test_a_policy_goes_its_whole_way_on_both_databases(on_both: Receiver) -> None:
    receiver = on_both
    spool, caller = receiver.enrol()
    green = spool.entry()
    receiver.take(caller, "first", [green])
    tested = Past(receiver).decide(evidence=(green,))
    by, enforcing = operator(receiver.audience), text(NEEDS_TESTS)
    activate.upload(receiver.store, receiver.audience, enforcing, by, receiver.now)
    assert changed(tried(receiver, enforcing)) == {tested: "HOLD -> ALLOW"}
    assert activate.activate(receiver.store, receiver.signers, Wanted("p"), by, receiver.now, receiver.random).new
    asked = Request(Target("checkout-api", None, "production"), DIGEST, Mode.SHADOW)
    found = receiver.store.read(lambda tx: policies.configured(tx, receiver.workspace_id, asked, PolicyCache()))
    assert [(one.name, one.version, one.mode) for one in found.policies] == [("p", 1, Mode.ENFORCE)]
    activate.deactivate(receiver.store, receiver.audience, "p", by, receiver.now)
    assert fsck.check(receiver.store) == []
