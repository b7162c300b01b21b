"""Who closes a gap: one approver, or two different ones once a key of the stream's collector was compromised."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from receiver import clock, fsck, people, release, revoke, streams
from receiver.caller import operator
from receiver.cli import main
from receiver.core.accounts import Role
from receiver.core.revocation import Asked, Loss, What
from receiver.release import Wanted
from receiver.store import register
from shared.encoding import parse_payload
from shared.errors import UntrustedError
from shared.predicates import GAP_CLOSED, GapClosed, Person
from tests.helpers.build_acts import ALICE, BOB
from tests.helpers.fleet import Receiver, Spool, make_receiver
from tests.helpers.receiving import Sender, serving

ELSEWHERE = ALICE.model_copy(update={"issuer": "elsewhere"})
EVE = BOB.model_copy(update={"subject": "eve@acme.example", "role": "operator"})


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    made = make_receiver(tmp_path)
    yield made
    assert fsck.check(made.store) == []
    made.store.close()


@pytest.fixture
def spool(receiver: Receiver) -> Spool:
    """Something of a stream is missing: 1 and 2."""
    spool, caller = receiver.enrol()
    entries = spool.entries(5)
    receiver.take(caller, "first", [entries[0], *entries[3:]])
    return spool


def end(receiver: Receiver, named: Asked) -> int:
    done = revoke.revoke(
        receiver.store, receiver.signers, named, operator(receiver.audience), receiver.now, receiver.random
    )
    assert done.revocation is not None
    return done.revocation


def compromise(receiver: Receiver, spool: Spool) -> int:
    return end(receiver, Asked(What.KEY, spool.key.public.key_id, Loss.COMPROMISED, None, "its disk was copied"))


def close(receiver: Receiver, spool: Spool, number: int, *by: Person) -> GapClosed:
    return streams.close(
        receiver.store,
        receiver.signers,
        spool.stream_id,
        (number, number),
        "the disk died",
        by,
        receiver.now,
        receiver.random,
    )


@pytest.mark.parametrize(
    "by", [(), (ALICE,), (ALICE, ALICE), (ALICE, ELSEWHERE), (ALICE, EVE), (ALICE, BOB, EVE)], ids=len
)
def test_after_a_compromise_it_takes_two_different_approvers(
    receiver: Receiver, spool: Spool, by: Sequence[Person]
) -> None:
    compromise(receiver, spool)
    with pytest.raises(UntrustedError) as refused:
        close(receiver, spool, 1, *by)
    assert refused.value.code == "forbidden"
    assert receiver.store.read(lambda tx: list(register.rows(tx, receiver.workspace_id, GAP_CLOSED))) == []
    assert close(receiver, spool, 1, ALICE, BOB).by == (ALICE, BOB)


def test_one_is_enough_before_it_and_after_it_was_taken_back(receiver: Receiver, spool: Spool) -> None:
    assert close(receiver, spool, 1, BOB).by == (BOB,)
    number = compromise(receiver, spool)
    wanted = Wanted((), number, "the copy was our own")
    release.release(receiver.store, receiver.signers, wanted, (ALICE, BOB), receiver.now, receiver.random)
    assert close(receiver, spool, 2, BOB).by == (BOB,)


def test_one_is_enough_where_a_key_was_lost_or_another_collectors_was_compromised(
    receiver: Receiver, spool: Spool
) -> None:
    other, _ = receiver.enrol(2)
    compromise(receiver, other)
    assert close(receiver, spool, 1, BOB).by == (BOB,)
    end(receiver, Asked(What.COLLECTOR, spool.collector_id, Loss.LOST, None, "the host is gone"))
    assert close(receiver, spool, 2, BOB).by == (BOB,)


# --- by command ---


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, Any]:
    status = main([str(one) for one in words] + ["--output", "json"])
    out = capsys.readouterr().out
    return status, json.loads(out) if out else {}


async def test_two_people_close_a_gap_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(tmp_path / "data") as receiver:
        receiver.data.write_config("127.0.0.1", 0, tls=False)
        sender = await Sender(receiver).join()
        made = sender.capture(5)
        await sender.deliver([made[0], *made[3:]])
        where = ("--data", receiver.data.folder)
        (stream,) = run(capsys, "streams", "list", *where)[1]["items"]
        files: dict[str, Path] = {}
        with receiver.store() as store:
            for name, role in (("alice", Role.ADMIN), ("bob", Role.APPROVER)):
                files[name] = tmp_path / name
                files[name].touch(mode=0o600)
                files[name].write_text(f"correct horse battery {name}\n")
                words = files[name].read_text().strip()
                email = f"{name}@acme.example"
                people.add(store, receiver.names.workspace, email, role, words, clock.utcnow())

        def said(*names: str) -> list[str | Path]:
            by = [word for name in names for word in ("--by", f"{name}@acme.example")]
            return [*by, *(word for name in names for word in ("--password-file", files[name]))]

        close = ("streams", "close", stream["id"])
        why = ("--reason", "the disk died", *where)
        assert run(capsys, *close, "1", *why, *said("bob"))[0] == 0
        key = ("keys", "revoke", sender.key.public.key_id, "--kind", "compromised", "--always", "--reason", "copied")
        assert run(capsys, *key, *where)[0] == 0
        for refused in ([], said("bob", "bob")):
            assert run(capsys, *close, "2", *why, *refused)[0] == 77, refused
        swapped = ["--by", "alice@acme.example", "--by", "bob@acme.example"]
        swapped += ["--password-file", str(files["bob"]), "--password-file", str(files["alice"])]
        assert run(capsys, *close, "2", *why, *swapped)[0] == 77
        assert run(capsys, *close, "2", *why, *said("alice", "bob")[:-2])[0] == 2
        status, done = run(capsys, *close, "2", *why, *said("alice", "bob"))
        assert (status, done["first"], done["last"]) == (0, 2, 2)
        with receiver.store() as store:
            rows = store.read(lambda tx: list(register.rows(tx, receiver.names.workspace, GAP_CLOSED)))
            signed = GapClosed.from_wire(parse_payload(rows[-1].parts.payload)["predicate"])
        assert [(one.subject, one.method, one.role) for one in signed.by] == [
            ("alice@acme.example", "password", "admin"),
            ("bob@acme.example", "password", "approver"),
        ]
        assert run(capsys, *close, "5-", *why, *said("alice", "bob"))[0] == 1, "it was not left behind"
        shown = run(capsys, "streams", "show", stream["id"], *where)[1]
        assert [one["kind"] for one in shown["holes"]] == ["known_lost"]
        assert run(capsys, "fsck", *where) == (0, {"findings": []})
