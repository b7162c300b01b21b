"""One bundle with all that a passport can rest on: whoever has the file verifies it and judges it again, offline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from receiver import activate, approve, fsck, lookup, passports, waive
from receiver.caller import operator
from receiver.core.revocation import Loss, What
from shared import dsse
from shared.bundle import Bundle, parse_bundle
from shared.encoding import digest_text, format_time, parse_payload
from shared.errors import UntrustedError
from shared.judging.values import Target
from shared.passports import APPROVAL, WAIVER
from shared.predicates import COLLECTED, KEY_ROTATION, RELEASE
from shared.verify import authenticate
from tests.helpers import build
from tests.helpers.acting import approves, somebody, waives
from tests.helpers.asking import Asker, about, green
from tests.helpers.databases import Databases
from tests.helpers.fleet import Receiver, make_receiver
from tests.helpers.held import ACCEPTED, REVOKED, end, let_go, stands
from tests.helpers.offline import watched
from tests.helpers.programs import command

POLICY = b"""\
apiVersion: carnet/v1
kind: GatePolicy
metadata: {name: all-of-it}
scope: {services: ["*"], environments: ["*"]}
mode: enforce
rules:
  - {id: tests, require: {type: TEST_RESULTS, signed: true}, otherwise: HOLD}
  - {id: scanned, require: {type: SECURITY_SCAN}, otherwise: BLOCK}
  - {id: by-hand, expect: "context.signedOff == true", otherwise: REQUIRE_APPROVAL}
  - {id: two-people, approvals: {count: 2}, otherwise: REQUIRE_APPROVAL}
"""
TARGET = Target("payments-api", None, "production")


@dataclass
class Made:
    """A bundle and what was done for it."""

    data: bytes
    root: str
    artifact: str
    at: str

    @property
    def bundle(self) -> Bundle:
        return parse_bundle(self.data)

    def words(self, path: Path) -> list[str]:
        target = ["--service", TARGET.service, "--environment", TARGET.environment, "--artifact", self.artifact]
        return ["verify", str(path), "--key", self.root, *target, "--at", self.at]


@pytest.fixture
def receiver(tmp_path: Path, databases: Databases) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=databases)
    yield made
    assert fsck.check(made.store) == []
    made.store.close()


def whole(receiver: Receiver) -> Made:
    """Deliver, lose a key, let its entry count again, approve and waive; gives the bundle of the ALLOW at the end."""
    by = operator(receiver.audience)
    activate.upload(receiver.store, receiver.audience, POLICY, by, receiver.now)
    override = activate.Wanted("all-of-it", override="there is no history to try it on")
    activate.activate(receiver.store, receiver.signers, override, by, receiver.now, receiver.random)
    one, one_caller = receiver.enrol(1)
    other, other_caller = receiver.enrol(2)
    seen = {**green(), "observation_id": digest_text(receiver.random(32))}
    first = one.entry(**seen)
    source: dict[str, Any] = {
        "source": build.collected().source.model_copy(update={"sha256": f"sha256:{about(first)}"})
    }
    asker = Asker(receiver, about(first))
    receiver.take(one_caller, "first", [first], one.heartbeat())
    later(receiver)
    repeat = one.entry(**seen, **source)
    turned = one.rotate(build.signer(9))
    after = one.entry(**green(), **source)
    receiver.take(one_caller, "again", [repeat, turned, after], one.heartbeat())
    doubted = other.entry(**green(), **source)
    receiver.take(other_caller, "other", [doubted], other.heartbeat())
    found = lookup.attestation(receiver.store, receiver.workspace_id, dsse.parse(repeat).id)
    assert digest_text(found.row.origin.repeat_of) == digest_text(dsse.parse(first).id)  # type: ignore[union-attr,arg-type]
    later(receiver)
    end(receiver, What.COLLECTOR, other.collector_id, Loss.COMPROMISED, None)
    assert stands(receiver, doubted) == [REVOKED]
    assert asker.ask().passport.decision == "BLOCK"
    let_go(receiver, doubted)
    assert stands(receiver, doubted) == [ACCEPTED]
    later(receiver)
    # Nobody knows who wrote this, so each takes one more.
    people = [somebody(receiver, name) for name in ("anna", "bert", "cleo")]
    for who in people:
        assert asker.ask().passport.decision == "BLOCK"
        waives(receiver, who, waive.Wanted("scanned", TARGET, asker.digest, "scanned by hand"))
    asked = asker.ask().passport
    assert asked.decision == "REQUIRE_APPROVAL"
    for who in people:
        approves(receiver, who, approve.Yes(asked.passport_id))
    later(receiver)
    decided = asker.ask()
    assert (decided.passport.decision, asker.failures) == ("ALLOW", []), decided.page
    again = passports.judge_again(receiver.store, receiver.workspace_id, decided.passport.passport_id)
    assert again.differences == ()
    at = format_time(receiver.now + timedelta(minutes=1))
    return Made(asker.bundle(decided), receiver.root.public.key_id, f"sha256:{asker.digest}", at)


def later(receiver: Receiver) -> None:
    receiver.now += timedelta(minutes=1)


def test_a_bundle_with_all_that_there_is_verifies_and_is_judged_again_by_its_file_alone(
    receiver: Receiver, tmp_path: Path
) -> None:
    made = whole(receiver)
    authentic = authenticate(made.bundle, made.root)
    kinds = Counter(one.kind.uri for one in authentic.inputs)
    assert {COLLECTED: 4, RELEASE: 1, APPROVAL: 3, WAIVER: 3}.items() <= kinds.items()
    assert KEY_ROTATION in [parse_payload(one.payload)["predicateType"] for one in made.bundle.keys]
    inputs = made.bundle.inputs
    for index in range(len(inputs)):
        less = replace(made.bundle, inputs=(*inputs[:index], *inputs[index + 1 :]))
        with pytest.raises(UntrustedError):
            authenticate(less, made.root)
    path = tmp_path / "whole.bundle"
    path.write_bytes(made.data)
    run = watched([command("carnet"), *made.words(path), "--replay"], tmp_path / "trace")
    assert (run.status, run.out.split()[0]) == (0, "ALLOW"), run.out + run.err
    assert "judged again by engine" in run.out
    run.opened_no_socket()
