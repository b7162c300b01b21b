"""Policies in a workspace: versions that stay, activation on record, and what a release is judged by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from receiver import activate, fsck, policies
from receiver.activate import Wanted
from receiver.caller import operator
from receiver.policies import Configured, NamedPolicyError, PolicyCache
from receiver.store import audit, register
from receiver.store import policies as rows
from receiver.store.policies import Simulation
from shared import dsse
from shared.encoding import digest_text, parse_payload, sha256
from shared.errors import MalformedError, StateError
from shared.judging import baseline
from shared.judging.problems import PolicyError
from shared.judging.values import Mode, Request, Target
from shared.passports import POLICY, PolicyActivated
from tests.helpers.fleet import Receiver, make_receiver

DAY = timedelta(days=1)


def text(
    name: str = "readiness",
    services: str = '"checkout-*"',
    environments: str = "production",
    mode: str = "shadow",
    rules: str = "[]",
) -> bytes:
    return (
        f"apiVersion: carnet/v1\nkind: GatePolicy\nmetadata: {{name: {name}}}\n"
        f"scope: {{services: [{services}], environments: [{environments}]}}\nmode: {mode}\nrules: {rules}\n"
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
    assert fsck.check(made.store) == []
    made.store.close()


def upload(receiver: Receiver, policy: bytes) -> activate.Uploaded:
    return activate.upload(receiver.store, receiver.audience, policy, operator(receiver.audience), receiver.now)


def put(receiver: Receiver, name: str, version: int | None = None, override: str | None = None) -> activate.Activated:
    by, wanted = operator(receiver.audience), Wanted(name, version, override)
    return activate.activate(receiver.store, receiver.signers, wanted, by, receiver.now, receiver.random)


def end(receiver: Receiver, name: str) -> None:
    activate.deactivate(receiver.store, receiver.audience, name, operator(receiver.audience), receiver.now)


def simulated(receiver: Receiver, policy: bytes) -> None:
    made = Simulation(sha256(policy), receiver.now, "operator", 30, 0, 0, {})
    receiver.store.write(lambda tx: rows.add_simulation(tx, receiver.workspace_id, made))


def configured(
    receiver: Receiver,
    service: str = "checkout-api",
    environment: str = "production",
    *,
    require_policy: bool = False,
    cache: PolicyCache | None = None,
    **changes: object,
) -> Configured:
    request = replace(Request(Target(service, None, environment), "d" * 64, Mode.SHADOW), **changes)  # type: ignore[arg-type]
    known = (Target("checkout-api", None, "production"),)
    return receiver.store.read(
        lambda tx: policies.configured(
            tx, receiver.workspace_id, request, cache or PolicyCache(), require_policy=require_policy, known=known
        )
    )


def names(found: Configured) -> list[tuple[str, int]]:
    return [(one.name, one.version) for one in found.policies]


# --- versions ---


def test_every_text_of_a_name_is_a_version_that_stays_and_the_same_text_is_the_same_version(receiver: Receiver) -> None:
    first, second = text(), text(mode="advisory")
    assert [upload(receiver, one).row.version for one in (first, second)] == [1, 2]
    again = upload(receiver, first)
    assert (again.row.version, again.new) == (1, False)
    assert activate.show(receiver.store, receiver.workspace_id, "readiness", 1).text.encode() == first
    assert activate.show(receiver.store, receiver.workspace_id, "readiness").text.encode() == second
    assert upload(receiver, text("other", '"cart"')).row.version == 1


def test_a_text_that_is_no_policy_is_refused_with_lines_and_columns(receiver: Receiver) -> None:
    with pytest.raises(PolicyError, match=r"line 5, column 7: .*shadow, advisory, enforce"):
        upload(receiver, text(mode="strict"))
    assert activate.listed(receiver.store, receiver.workspace_id) == []


def test_what_is_uploaded_judges_nothing(receiver: Receiver) -> None:
    upload(receiver, text())
    assert configured(receiver).baseline is Mode.SHADOW


# --- activation ---


def test_an_activation_is_a_signed_statement_that_holds_the_whole_text(receiver: Receiver) -> None:
    upload(receiver, text())
    done = put(receiver, "readiness")
    envelope = receiver.store.read(
        lambda tx: dsse.parse(register.envelope_at(tx, receiver.workspace_id, done.activation.number))
    )
    payload = parse_payload(envelope.payload)
    said = PolicyActivated.from_wire(payload["predicate"])
    assert payload["predicateType"] == POLICY
    assert (said.name, said.version, said.text.encode(), said.mode) == ("readiness", 1, text(), "shadow")
    assert said.digest == digest_text(sha256(text()))
    assert (said.by.subject, said.activated_at, said.override) == ("operator", receiver.now, None)
    assert payload["subject"] == [{"digest": {"sha256": sha256(text()).hex()}}]


def test_of_a_policy_one_version_is_active_and_an_older_one_can_be_again(receiver: Receiver) -> None:
    upload(receiver, text())
    upload(receiver, text(mode="advisory"))
    for version in (1, 2, 1):
        receiver.now += DAY
        assert put(receiver, "readiness", version).new
        assert names(configured(receiver)) == [("readiness", version)]
    history = activate.show(receiver.store, receiver.workspace_id, "readiness").activations
    assert [(one.version, one.ended_at is None) for one in history] == [(1, False), (2, False), (1, True)]
    assert [one.active_from for one in history[1:]] == [one.ended_at for one in history[:2]]


def test_what_is_active_already_is_answered_as_it_stands_and_signs_nothing(receiver: Receiver) -> None:
    upload(receiver, text())
    first = put(receiver, "readiness")
    receiver.now += DAY
    again = put(receiver, "readiness")
    assert (again.new, again.activation) == (False, first.activation)


def test_two_policies_that_are_equally_specific_are_refused_at_upload_and_at_activation(receiver: Receiver) -> None:
    upload(receiver, text("one", '"checkout-*"'))
    upload(receiver, text("two", '"*-api"'))
    put(receiver, "one")
    with pytest.raises(StateError, match="'one' is as specific"):
        put(receiver, "two")
    with pytest.raises(StateError, match="'one' is as specific"):
        upload(receiver, text("three", '"*-api"'))
    end(receiver, "one")
    assert put(receiver, "two").new


def test_what_is_not_there_is_said_so(receiver: Receiver) -> None:
    with pytest.raises(StateError, match="there is no policy 'readiness'"):
        put(receiver, "readiness")
    upload(receiver, text())
    with pytest.raises(StateError, match="has no version 2"):
        put(receiver, "readiness", 2)
    with pytest.raises(StateError, match="is not active"):
        end(receiver, "readiness")


# --- before it enforces ---


def test_what_enforces_needs_a_simulation_of_its_very_text_within_a_day(receiver: Receiver) -> None:
    enforcing = text(mode="enforce")
    upload(receiver, enforcing)
    simulated(receiver, text(mode="enforce", rules="[ ]"))
    with pytest.raises(StateError, match="was not simulated in the last day"):
        put(receiver, "readiness")
    simulated(receiver, enforcing)
    at, receiver.now = receiver.now, receiver.now + DAY + timedelta(seconds=1)
    with pytest.raises(StateError, match="was not simulated in the last day"):
        put(receiver, "readiness")
    receiver.now = at + DAY
    done = put(receiver, "readiness", override="not needed")
    assert (done.simulated_at, done.activation.override) == (at, None)


def test_an_override_stands_in_the_statement_and_in_the_trail(receiver: Receiver) -> None:
    upload(receiver, text(mode="enforce"))
    with pytest.raises(MalformedError, match="reason"):
        put(receiver, "readiness", override="")
    assert put(receiver, "readiness", override="a new service has no history").activation.override is not None
    (act,) = receiver.store.read(lambda tx: list(audit.rows(tx, receiver.workspace_id, ["policy.activate"])))
    assert act.act.detail["override"] == "a new service has no history"
    assert act.act.actor == "operator"


# --- by what a release is judged ---


def test_the_most_specific_active_policy_judges(receiver: Receiver) -> None:
    for policy in (text("wide", '"*"', '"*"'), text("near", '"checkout-*"', '"*"'), text("exact", "checkout-api")):
        upload(receiver, policy)
    for name, judged_by in (("wide", "wide"), ("near", "near"), ("exact", "exact")):
        put(receiver, name)
        assert names(configured(receiver)) == [(judged_by, 1)]
    assert names(configured(receiver, "cart")) == [("wide", 1)]
    assert names(configured(receiver, environment="staging")) == [("near", 1)]
    end(receiver, "exact")
    assert names(configured(receiver)) == [("near", 1)]


def test_a_policy_that_is_named_judges_besides_the_configured_one(receiver: Receiver) -> None:
    upload(receiver, text("wide", '"*"', '"*"'))
    upload(receiver, text("near"))
    put(receiver, "wide")
    put(receiver, "near")
    assert names(configured(receiver, policy="wide")) == [("near", 1), ("wide", 1)]
    assert names(configured(receiver, policy="near")) == [("near", 1)]


@pytest.mark.parametrize("named", ["cart", "unknown", "idle"])
def test_a_policy_that_is_named_and_does_not_cover_is_the_callers_mistake(receiver: Receiver, named: str) -> None:
    for name, service in (("cart", "cart"), ("idle", "checkout-api"), ("near", '"checkout-*"')):
        upload(receiver, text(name, service))
    put(receiver, "cart")
    put(receiver, "near")
    with pytest.raises(NamedPolicyError, match=f"policy: no policy named '{named}' covers") as refused:
        configured(receiver, policy=named)
    assert refused.value.hint == "name one that does: near"


def test_without_a_policy_the_baseline_judges_as_strictly_as_any_policy_of_the_environment(receiver: Receiver) -> None:
    upload(receiver, text(mode="enforce"))
    put(receiver, "readiness", override="tried elsewhere")
    found = configured(receiver, "misspelt")
    assert found.baseline is Mode.ENFORCE
    assert found.policies == (baseline.baseline(Mode.ENFORCE),)
    assert configured(receiver, "misspelt", "staging").baseline is Mode.SHADOW
    assert configured(receiver, "misspelt", "staging", mode=Mode.ADVISORY).baseline is Mode.ADVISORY


def test_who_requires_a_policy_is_never_judged_by_the_baseline(receiver: Receiver) -> None:
    found = configured(receiver, "checkout-apo", require_policy=True)
    assert (found.policies, found.baseline) == ((), None)
    assert found.warnings[0].startswith("no_policy: no policy covers checkout-apo in production")
    assert found.warnings[0].endswith("spelt alike: checkout-api in production")


def test_a_policy_is_read_once_for_all_questions(receiver: Receiver) -> None:
    upload(receiver, text())
    put(receiver, "readiness")
    cache = PolicyCache()
    (first,), (second,) = (configured(receiver, cache=cache).policies for _ in range(2))
    assert first is second
    upload(receiver, text(mode="advisory"))
    put(receiver, "readiness")
    assert configured(receiver, cache=cache).policies[0].mode is Mode.ADVISORY


# --- fsck ---


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE policies SET text = replace(text, 'checkout', 'checkin ')", "its text is another one"),
        ("UPDATE policy_activations SET ended_at = 1 WHERE ended_at IS NULL", "its row says otherwise"),
        ("UPDATE policy_activations SET version = 2", "its name and version is not what was signed"),
        ("DELETE FROM policy_activations", "its row is gone"),
    ],
)
def test_fsck_sees_what_was_changed_behind_our_back(fresh: Receiver, tmp_path: Path, change: str, said: str) -> None:
    receiver = fresh.copied(tmp_path / "changed")
    upload(receiver, text())
    upload(receiver, text(mode="advisory"))
    put(receiver, "readiness", 1)
    assert fsck.check(receiver.store) == []
    with receiver.behind_its_back() as connection:
        connection.execute(change)
    receiver.reopen()
    assert any(said in one.problem for one in fsck.check(receiver.store))
    receiver.store.close()


def test_a_policy_that_can_no_longer_be_read_is_no_policy_until_it_is_replaced(fresh: Receiver, tmp_path: Path) -> None:
    receiver = fresh.copied(tmp_path / "unreadable")
    upload(receiver, text())
    put(receiver, "readiness")
    with receiver.behind_its_back() as connection:
        connection.execute("UPDATE policies SET text = 'rules: []'")
    receiver.reopen()
    with pytest.raises(StateError, match="version 1 of the policy readiness cannot be read"):
        configured(receiver)
    upload(receiver, text(mode="advisory"))
    put(receiver, "readiness")
    assert names(configured(receiver)) == [("readiness", 2)]
    receiver.store.close()
