"""What is asked of collectors: carried by every receipt until it is met, and how far a campaign over a fleet is."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from receiver import ask
from receiver.ask import Campaign
from receiver.caller import Caller
from receiver.core.asking import KEPT, Wanted
from receiver.store import audit
from shared import dsse, wire
from shared.encoding import parse_payload
from shared.errors import Code, MalformedError, StateError
from shared.members import split_members
from shared.predicates import Receipt
from shared.requests import Obeyed, Request, RequestKind
from tests.helpers import build
from tests.helpers.databases import Databases
from tests.helpers.fleet import NOW, Receiver, Spool, make_receiver

DAY = timedelta(days=1)
ROTATE = Wanted(RequestKind.ROTATE_KEY, before=NOW + 7 * DAY)
RESCAN = Wanted(RequestKind.RESCAN)


@pytest.fixture
def receiver(tmp_path: Path, databases: Databases) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=databases)
    yield made
    made.store.close()


@dataclass
class Member:
    """A collector and its line: what each receipt asks of it."""

    receiver: Receiver
    spool: Spool
    caller: Caller
    batches: int = 0

    def send(self, *entries: bytes, **beat: object) -> tuple[Request, ...]:
        """Send a batch with a heartbeat; gives what its receipt asks."""
        self.batches += 1
        heartbeat = self.spool.heartbeat(beat=None, **beat)
        found = entries or (self.spool.entry(),)
        answer = self.receiver.take(self.caller, f"batch-{self.batches}", found, heartbeat)
        return asked_in(wire.parse_answer(answer.body)[0])

    def beat(self, **beat: object) -> tuple[Request, ...]:
        """Send a heartbeat alone; gives what its receipt asks."""
        body = self.receiver.take_heartbeat(self.caller, self.spool.heartbeat(beat=None, **beat))
        return asked_in(
            split_members(body, raw=frozenset({"receipt"}), lists=frozenset(), max_elements=0).raw["receipt"]
        )

    def say(self, outcome: str, *requests: Request) -> tuple[Request, ...]:
        """Send a heartbeat that answers what is asked."""
        return self.beat(obeyed=[Obeyed(**one.model_dump(), outcome=outcome) for one in requests])


def asked_in(receipt: bytes) -> tuple[Request, ...]:
    return Receipt.from_wire(parse_payload(dsse.parse(receipt).payload)["predicate"]).requests


def member(receiver: Receiver, seed: int = 1) -> Member:
    return Member(receiver, *receiver.enrol(seed))


def asking(receiver: Receiver, wanted: Wanted, *globs: str) -> Campaign:
    return ask.ask(
        receiver.store, receiver.workspace_id, globs or ("*",), wanted, "operator", receiver.now, receiver.random
    )


def look(receiver: Receiver, campaign_id: str | None = None) -> Campaign:
    return ask.look(receiver.store, receiver.workspace_id, campaign_id, RequestKind.ROTATE_KEY, receiver.now)


def states(campaign: Campaign) -> dict[str, str]:
    return {one.name: one.state for one in campaign.members}


def test_every_receipt_asks_until_the_collector_has_answered(receiver: Receiver) -> None:
    one, other = member(receiver, 1), member(receiver, 2)
    assert one.send() == ()
    asking(receiver, RESCAN, "ci-01")
    expected = (Request(kind="rescan"),)
    assert (one.send(), one.beat(), one.send()) == (expected, expected, expected)
    assert other.send() == other.beat() == ()
    one.say("put-off", *expected)
    assert one.beat() == expected
    one.say("done", *expected)
    assert one.beat() == one.send() == ()


def test_an_answer_in_the_heartbeat_of_a_batch_counts_too(receiver: Receiver) -> None:
    one = member(receiver)
    asking(receiver, Wanted(RequestKind.HEARTBEAT, seconds=300))
    (asked,) = one.send()
    assert (asked.kind, asked.seconds) == ("heartbeat", 300)
    one.send(obeyed=[Obeyed(**asked.model_dump(), outcome="done")])
    assert one.send() == ()


def test_an_answer_to_something_else_ends_nothing(receiver: Receiver) -> None:
    one = member(receiver)
    asking(receiver, Wanted(RequestKind.HEARTBEAT, seconds=300))
    one.say("done", Request(kind="heartbeat", seconds=301), Request(kind="rescan"))
    assert len(one.beat()) == 1


def test_the_same_batch_again_is_answered_with_what_it_was_asked_then(receiver: Receiver) -> None:
    one = member(receiver)
    asking(receiver, RESCAN)
    entry, beat = one.spool.entry(), one.spool.heartbeat()
    first = receiver.take(one.caller, "same", [entry], beat)
    one.say("done", Request(kind="rescan"))
    assert receiver.take(one.caller, "same", [entry], beat).body == first.body


@pytest.mark.parametrize("outcome", ["not-allowed", "not-known"])
def test_what_a_collector_will_not_do_is_not_asked_again(receiver: Receiver, outcome: str) -> None:
    one = member(receiver)
    campaign = asking(receiver, ROTATE)
    one.say(outcome, *one.beat())
    assert one.beat() == ()
    found = look(receiver, campaign.campaign_id)
    assert states(found) == {"ci-01": outcome}
    assert found.counts == {"asked": 1, "done": 0, "overdue": 0, "silent": 0, "refused": 1}


def test_that_a_key_was_rotated_is_believed_of_the_rotation_alone(receiver: Receiver) -> None:
    one = member(receiver)
    asking(receiver, ROTATE)
    (asked,) = one.beat()
    assert (asked.kind, asked.before) == ("rotate-key", ROTATE.before)
    one.say("done", asked)
    assert one.beat() == (asked,)
    receiver.now += timedelta(minutes=1)
    assert one.send(one.spool.rotate(build.signer(77))) == ()
    assert one.beat() == ()
    assert states(look(receiver)) == {"ci-01": "done"}


def test_a_rotation_before_the_request_does_not_meet_it(receiver: Receiver) -> None:
    one = member(receiver)
    one.send(one.spool.rotate(build.signer(77)))
    receiver.now += timedelta(minutes=1)
    asking(receiver, ROTATE)
    assert len(one.beat()) == 1


def test_a_campaign_tells_who_is_done_overdue_and_silent(receiver: Receiver) -> None:
    fleet = [member(receiver, seed) for seed in (1, 2, 3, 4)]
    for one in fleet:
        one.beat()
    receiver.now += timedelta(minutes=1)
    campaign = asking(receiver, ROTATE, "ci-0[1-3]")
    assert states(campaign) == dict.fromkeys(("ci-01", "ci-02", "ci-03"), "silent")
    receiver.now += timedelta(minutes=1)
    assert fleet[3].beat() == ()
    fleet[0].send(fleet[0].spool.rotate(build.signer(71)))
    fleet[1].beat()
    assert states(look(receiver)) == {"ci-01": "done", "ci-02": "asked", "ci-03": "silent"}
    receiver.now += 8 * DAY
    found = look(receiver)
    assert found.counts == {"asked": 3, "done": 1, "overdue": 2, "silent": 1, "refused": 0}
    assert states(found) == {"ci-01": "done", "ci-02": "overdue", "ci-03": "silent"}
    assert len(fleet[1].beat()) == 1  # late is an alarm, never the end of it
    fleet[2].send(fleet[2].spool.rotate(build.signer(73)))
    assert look(receiver, campaign.campaign_id).counts["done"] == 2


def test_what_is_asked_anew_takes_the_place_of_what_of_its_kind_was_asked(receiver: Receiver) -> None:
    one = member(receiver)
    first = asking(receiver, ROTATE)
    sooner = Wanted(RequestKind.ROTATE_KEY, before=NOW + DAY)
    asking(receiver, sooner)
    asking(receiver, RESCAN)
    assert [(asked.kind, asked.before) for asked in one.beat()] == [("rotate-key", sooner.before), ("rescan", None)]
    assert states(look(receiver, first.campaign_id)) == {"ci-01": "superseded"}


def test_what_nobody_answers_is_asked_for_a_week(receiver: Receiver) -> None:
    one = member(receiver)
    asking(receiver, RESCAN)
    receiver.now += KEPT - timedelta(seconds=1)
    one.caller = receiver.let_in(one.spool)
    assert len(one.beat()) == 1
    receiver.now += timedelta(seconds=1)
    assert one.beat() == ()


def test_entries_are_asked_for_until_the_stream_is_whole_or_the_collector_has_answered(receiver: Receiver) -> None:
    one = member(receiver)
    entries = one.spool.entries(4)
    one.send(entries[0])
    one.send(entries[3])
    asking(receiver, Wanted(RequestKind.RESEND, since=1))
    (asked,) = one.beat()
    assert (asked.kind, asked.since_sequence) == ("resend", 1)
    assert one.send(entries[1]) == (asked,)
    assert one.send(entries[2]) == ()
    asking(receiver, Wanted(RequestKind.RESEND, since=0))
    (asked,) = one.beat()
    one.say("partly", asked)
    assert one.beat() == ()


def test_what_a_heartbeat_says_is_under_way_is_waited_for(receiver: Receiver) -> None:
    one = member(receiver)
    (entry,) = one.spool.entries(1)
    one.send(
        entry, stream={"id": one.spool.stream_id, "epoch": build.EPOCH, "high_water": 2, "head": build.digest("x")}
    )
    asking(receiver, Wanted(RequestKind.RESEND, since=1))
    more = one.spool.entries(2)
    assert len(one.send(more[0])) == 1
    assert one.send(more[1]) == ()


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(RequestKind.ROTATE_KEY),
        Wanted(RequestKind.ROTATE_KEY, before=NOW),
        Wanted(RequestKind.RESEND),
        Wanted(RequestKind.RESEND, since=-1),
        Wanted(RequestKind.HEARTBEAT),
        Wanted(RequestKind.HEARTBEAT, seconds=0),
        Wanted(RequestKind.HEARTBEAT, seconds=86_401),
    ],
)
def test_what_no_collector_could_do_is_refused_with_the_field(receiver: Receiver, wanted: Wanted) -> None:
    member(receiver)
    with pytest.raises(MalformedError) as refused:
        asking(receiver, wanted)
    assert refused.value.code is Code.INVALID_FIELD


def test_a_glob_that_matches_nobody_is_told_and_asks_nobody(receiver: Receiver) -> None:
    member(receiver)
    with pytest.raises(StateError) as refused:
        asking(receiver, ROTATE, "build-*")
    assert refused.value.code is Code.NOT_FOUND
    with pytest.raises(StateError):
        look(receiver)


def test_who_asked_what_of_how_many_stands_in_the_audit_trail(receiver: Receiver) -> None:
    member(receiver, 1), member(receiver, 2)
    campaign = asking(receiver, ROTATE)
    *_, last = receiver.store.read(lambda tx: list(audit.rows(tx, receiver.workspace_id)))
    assert (last.act.actor, last.act.action) == ("operator", "collectors.ask")
    assert last.act.detail["campaign"] == campaign.campaign_id
    assert (last.act.detail["kind"], last.act.detail["collectors"]) == ("rotate-key", 2)
