"""Confirming who asks: one table of files and of those who wait, problems told and audited, nobody in another's way."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from receiver import collector_access, confirm, enrol, fsck, revoke, setup
from receiver.caller import operator
from receiver.confirm import Asking, Carried, Confirmed
from receiver.core import revocation
from receiver.core.tokens import parse_token
from receiver.store import audit
from shared import dsse, statement
from shared.dsse import Envelope
from shared.encoding import digest_text, sha256
from shared.errors import Code, MalformedError, StateError
from shared.keys import Ed25519Signer
from shared.predicates import Enrolment, Limits
from tests.helpers import build
from tests.helpers.databases import Databases
from tests.helpers.fleet import NOW, Receiver, make_receiver

KEY = build.signer(5)
WEAK = bytes([1]) + bytes(31)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    made = make_receiver(tmp_path)
    yield made
    made.store.close()


def request(receiver: Receiver, token: str, key: Ed25519Signer = KEY, **changes: object) -> Envelope:
    fields = {"audience": receiver.audience, "token_digest": digest_text(sha256(token.encode())), **changes}
    return build.enrolment_request_envelope(key, **fields)


def carried(*requests: Envelope | bytes) -> list[Carried]:
    return [
        Carried(f"{at}.request.json", one if isinstance(one, bytes) else one.to_bytes())
        for at, one in enumerate(requests)
    ]


def look(receiver: Receiver, *requests: Envelope | bytes, named: tuple[str, ...] = ()) -> tuple[Asking, ...]:
    return confirm.look(receiver.store, receiver.workspace_id, carried(*requests), named, receiver.now)


def take(receiver: Receiver, rows: tuple[Asking, ...]) -> tuple[Confirmed, ...]:
    by = operator(receiver.audience)
    return confirm.confirm(receiver.store, receiver.signers, rows, by, receiver.now, receiver.random)


def refused(receiver: Receiver) -> list[object]:
    rows = receiver.store.read(lambda tx: list(audit.rows(tx, receiver.workspace_id)))
    return [one.act.detail["code"] for one in rows if one.act.action == "collector.enrol-refused"]


def code_of(row: Asking) -> Code | None:
    return None if row.problem is None else row.problem.code


def test_the_table_shows_name_key_limits_and_end_of_each_and_changes_nothing(receiver: Receiver) -> None:
    limits = Limits(repositories=("acme/*",))
    token = receiver.invite("ci-08", approve=False, limits=limits)
    (row,) = look(receiver, request(receiver, token))
    assert (row.name, row.key, row.limits) == ("ci-08", KEY.public, limits)
    assert (row.valid_until, row.problem, row.done) == (NOW + timedelta(minutes=60), None, False)
    assert refused(receiver) == []
    assert look(receiver) == ()


def test_who_is_confirmed_is_taken_in_by_a_statement_that_names_the_very_request(receiver: Receiver) -> None:
    asked = request(receiver, receiver.invite("ci-08", approve=False))
    (done,) = take(receiver, look(receiver, asked))
    assert done.enrolment is not None
    key = receiver.signers.decision.public
    said = statement.read(dsse.verify(dsse.parse(done.enrolment), key)).as_(Enrolment)
    assert said.request == digest_text(asked.id)
    assert (said.collector_id, said.collector_key_id, said.name) == (done.collector_id, KEY.public.key_id, "ci-08")
    assert said.by == operator(receiver.audience)
    body = build.access_envelope(
        KEY, audience=receiver.audience, collector_id=said.collector_id, nonce=receiver.random(16).hex()
    )
    collector_access.give(receiver.store, said.collector_id, body.to_bytes(), NOW, receiver.random)
    assert fsck.check(receiver.store) == []


def test_the_same_request_again_gives_the_same_statement_also_long_after(receiver: Receiver) -> None:
    asked = request(receiver, receiver.invite("ci-08", approve=False))
    (first,) = take(receiver, look(receiver, asked))
    receiver.now = NOW + timedelta(days=30)
    (again,) = look(receiver, asked)
    assert (again.done, again.problem) == (True, None)
    (second,) = take(receiver, (again,))
    assert (second.collector_id, second.enrolment) == (first.collector_id, first.enrolment)


def test_every_database_finds_the_invitation_of_a_request(tmp_path: Path, databases: Databases) -> None:
    receiver = make_receiver(tmp_path, databases=databases)
    asked = request(receiver, receiver.invite("ci-08", approve=False))
    (done,) = take(receiver, look(receiver, asked))
    assert (done.asking.name, done.enrolment is not None) == ("ci-08", True)
    receiver.store.close()


def test_one_bad_request_stands_in_nobody_elses_way(receiver: Receiver) -> None:
    good = request(receiver, receiver.invite("ci-08", approve=False))
    rows = look(receiver, b"{}", good)
    bad, taken = take(receiver, rows)
    assert (bad.enrolment, taken.enrolment is not None) == (None, True)
    assert refused(receiver) == ["malformed_envelope"]


def test_an_old_invitation_is_refused_and_audited(receiver: Receiver) -> None:
    asked = request(receiver, receiver.invite("ci-08", approve=False))
    receiver.now = NOW + timedelta(minutes=60)
    assert [code_of(one) for one in look(receiver, asked)] == [Code.UNAUTHORIZED]
    assert refused(receiver) == ["unauthorized"]


@pytest.mark.parametrize("taken_up", ["by nobody", "online"])
def test_a_revoked_invitation_is_refused_also_to_who_took_it_up_online(receiver: Receiver, taken_up: str) -> None:
    token = receiver.invite("ci-08", approve=False)
    if taken_up == "online":
        body = receiver.enrol_request(token, KEY, "ci-08")
        enrol.enrol(receiver.store, receiver.signers, token, body, receiver.now, receiver.random)
    ended = revocation.Asked(revocation.What.TOKEN, parse_token(token).token_id, revocation.Loss.LOST, None, "lost")
    revoke.revoke(receiver.store, receiver.signers, ended, operator(receiver.audience), NOW, receiver.random)
    rows = (*look(receiver), *look(receiver, request(receiver, token)))
    assert {code_of(one) for one in rows} == {Code.UNAUTHORIZED}
    assert len(rows) == len(refused(receiver)) == 1 + (taken_up == "online")


def test_an_invitation_that_ends_between_the_table_and_the_answer_is_refused(receiver: Receiver) -> None:
    rows = look(receiver, request(receiver, receiver.invite("ci-08", approve=False)))
    receiver.now = NOW + timedelta(minutes=60)
    (done,) = take(receiver, rows)
    assert (done.enrolment, code_of(done.asking)) == (None, Code.UNAUTHORIZED)
    assert refused(receiver) == ["unauthorized"]


def test_a_used_invitation_is_refused_to_another_key_and_to_another_request_of_the_same(receiver: Receiver) -> None:
    token = receiver.invite("ci-08", approve=False)
    take(receiver, look(receiver, request(receiver, token)))
    other = request(receiver, token, build.signer(6))
    renewed = request(receiver, token, nonce="ab" * 16)
    assert [code_of(one) for one in look(receiver, other, renewed)] == [Code.CONFLICT, Code.CONFLICT]
    assert refused(receiver) == ["conflict", "conflict"]


def test_the_invitation_of_another_workspace_is_foreign_and_a_request_to_it_is_for_another(receiver: Receiver) -> None:
    made = setup.create(receiver.store, receiver.master, build.root_signer(), "lending", NOW, receiver.random)
    (theirs,) = enrol.invite(
        receiver.store, made.workspace_id, ["ci-08"], Limits(), approve=False, valid_minutes=60, now=NOW,
        random=receiver.random,
    )  # fmt: skip
    foreign = request(receiver, theirs.token)
    elsewhere = request(receiver, receiver.invite(), build.signer(6), audience=build.OTHER_AUDIENCE)
    assert [code_of(one) for one in look(receiver, foreign, elsewhere)] == [Code.UNAUTHORIZED, Code.WRONG_AUDIENCE]


def test_a_request_that_was_changed_by_a_byte_is_refused_wherever_the_byte_is(receiver: Receiver) -> None:
    whole = request(receiver, receiver.invite("ci-08", approve=False)).to_bytes()
    changed = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(0, len(whole), 29)]
    rows = look(receiver, *changed, whole + b"\n", whole[:-1])
    assert all(one.problem is not None for one in rows)
    assert len(rows) == len(changed) + 2 == len(refused(receiver))


def test_a_weak_a_known_and_the_receivers_own_key_are_refused(receiver: Receiver) -> None:
    receiver.enrol(seed=6)
    token = receiver.invite("ci-08", approve=False)
    weak = Weak()
    asked = statement_by_weak(receiver, token, weak)
    known = request(receiver, receiver.invite("ci-09", approve=False), build.signer(6))
    own = request(receiver, receiver.invite("ci-10", approve=False), receiver.root)
    assert [code_of(one) for one in look(receiver, asked, known, own)] == [
        Code.UNKNOWN_KEY, Code.CONFLICT, Code.CONFLICT,
    ]  # fmt: skip


class Weak(Ed25519Signer):
    """A key of order one: any signature that begins with it is good for every message under naive verifiers."""

    def __init__(self) -> None:
        super().__init__(bytes(32))
        self._public = type(self._public)(WEAK)

    def sign(self, message: bytes) -> bytes:
        return WEAK + bytes(len(message) and 32)


def statement_by_weak(receiver: Receiver, token: str, key: Ed25519Signer) -> bytes:
    fields = {"audience": receiver.audience, "token_digest": digest_text(sha256(token.encode()))}
    return build.enrolment_request_envelope(key, **fields).to_bytes()


def test_of_two_keys_with_one_invitation_none_is_taken_unless_a_person_names_it(receiver: Receiver) -> None:
    token = receiver.invite("ci-08", approve=False)
    both = request(receiver, token), request(receiver, token, build.signer(6))
    assert [code_of(one) for one in look(receiver, *both)] == [Code.CONFLICT, Code.CONFLICT]
    (right,) = look(receiver, *both, named=(KEY.public.key_id,))
    (done,) = take(receiver, (right,))
    assert (done.asking.key, done.enrolment is not None) == (KEY.public, True)


def test_one_key_is_taken_in_once_and_one_file_copied_is_one_row(receiver: Receiver) -> None:
    first = request(receiver, receiver.invite("ci-08", approve=False))
    second = request(receiver, receiver.invite("ci-09", approve=False))
    assert len(look(receiver, first, first)) == 1
    assert [code_of(one) for one in look(receiver, first, second)] == [Code.CONFLICT, Code.CONFLICT]


def test_a_request_for_an_invitation_that_names_no_host_is_refused(receiver: Receiver) -> None:
    asked = request(receiver, receiver.invite("*", approve=True))
    assert [code_of(one) for one in look(receiver, asked)] == [Code.INVALID_FIELD]


def test_those_who_asked_online_are_confirmed_as_one_table_by_the_same_call(receiver: Receiver) -> None:
    keys = [build.signer(seed) for seed in (11, 12, 13)]
    for at, key in enumerate(keys):
        token = receiver.invite(f"ci-{at}", approve=False)
        body = receiver.enrol_request(token, key, f"ci-{at}")
        enrol.enrol(
            receiver.store, receiver.signers, token, body, receiver.now + timedelta(seconds=at), receiver.random
        )
    rows = look(receiver)
    assert [(one.name, one.key) for one in rows] == [(f"ci-{at}", key.public) for at, key in enumerate(keys)]
    assert [one.enrolment is not None for one in take(receiver, rows)] == [True, True, True]
    assert look(receiver) == ()
    # What was confirmed meanwhile is told, and not done again.
    assert [code_of(one.asking) for one in take(receiver, rows[:1])] == [Code.CONFLICT]
    assert fsck.check(receiver.store) == []


def test_a_fingerprint_under_which_nobody_asks_or_that_is_none_is_refused(receiver: Receiver) -> None:
    with pytest.raises(StateError) as unknown:
        look(receiver, named=(KEY.public.key_id,))
    assert unknown.value.code is Code.NOT_FOUND
    with pytest.raises(MalformedError):
        look(receiver, named=("sha256:12",))
