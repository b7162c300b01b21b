"""Set-up, tokens, access by key, invitations and enrolment, as use cases on a real database."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from receiver import access, collector_access, enrol, fsck, keys_at_hand, lookup, setup
from receiver.caller import Caller
from receiver.core.tokens import IssuedToken, Kind, Scope, make_token
from receiver.store.identity_tables import tokens
from shared import dsse, statement
from shared.encoding import b64encode, digest_text, sha256
from shared.errors import CarnetError, Code, ConfigError, MalformedError, StateError, UntrustedError
from shared.joining import EnrolAnswer, emit_enrol_request
from shared.keyring import open_keyring
from shared.keys import PublicKey, key_from_spki
from shared.predicates import Enrolment, Limits, Role
from shared.statement import Statement
from tests.helpers import build
from tests.helpers.databases import Databases
from tests.helpers.fleet import NOW, Receiver, make_receiver, seeded


@pytest.fixture
def receiver(tmp_path: Path, databases: Databases) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=databases)
    yield made
    made.store.close()


def enrol_with(receiver: Receiver, token: str, body: bytes) -> EnrolAnswer:
    return enrol.enrol(receiver.store, receiver.signers, token, body, receiver.now, receiver.random)


def code_raised(raised: pytest.ExceptionInfo[CarnetError]) -> Code:
    return raised.value.code


# --- set-up ---


def test_a_workspace_begins_with_a_keyring_that_its_root_signed(receiver: Receiver) -> None:
    found = lookup.keyring(receiver.store, receiver.workspace_id)
    root = key_from_spki(found.root_spki)
    assert root == receiver.root.public
    assert receiver.made.root_key_id == root.key_id
    (version,) = found.versions
    keyring = open_keyring(dsse.parse(version), root, receiver.audience)
    assert [row.role for row in keyring.content.keys] == [Role.RECEIPT, Role.CLAIM, Role.DECISION, Role.LOG]
    assert keyring.content.register_.number == 1
    assert keyring.content.version == 1
    assert {receiver.signers.receipt.public.key_id, receiver.signers.decision.public.key_id} <= {
        row.key_id for row in keyring.content.keys
    }


def test_a_second_workspace_lives_in_the_same_receiver_with_keys_of_its_own(receiver: Receiver) -> None:
    made = setup.create(receiver.store, receiver.master, build.root_signer(), "lending", NOW, receiver.random)
    assert made.receiver_id == receiver.made.receiver_id
    assert made.workspace_id != receiver.workspace_id
    other = keys_at_hand.load(receiver.store, receiver.master, made.workspace_id)
    assert other.receipt.public != receiver.signers.receipt.public


def test_role_keys_open_under_their_master_key_alone_and_never_stand_in_the_file(receiver: Receiver) -> None:
    with pytest.raises(ConfigError, match="master key"):
        keys_at_hand.load(receiver.store, bytes(32), receiver.workspace_id)
    content = receiver.stored_bytes()
    assert receiver.signers.receipt.public.raw in content
    again = seeded(1)
    secrets = [again(32), again(32)]
    assert secrets[0] == receiver.master
    for secret in secrets:
        assert secret not in content


# --- tokens ---


def issue(receiver: Receiver, *, valid_days: int = 90, limit_per_minute: int = 100) -> IssuedToken:
    return access.issue(
        receiver.store,
        receiver.workspace_id,
        Kind.API_KEY,
        [Scope.READ],
        "ci",
        NOW,
        receiver.random,
        valid_days,
        limit_per_minute,
    )


def test_a_token_says_who_calls_and_is_kept_as_a_hash_only(receiver: Receiver) -> None:
    issued = issue(receiver, limit_per_minute=7)
    caller = access.authenticate(receiver.store, issued.token, NOW)
    assert (caller.workspace_id, caller.token_id) == (receiver.workspace_id, issued.id)
    assert (caller.scopes, caller.limit_per_minute, caller.kind) == (frozenset({Scope.READ}), 7, Kind.API_KEY)
    assert caller.collector_id is None
    assert issued.token not in repr(issued)
    assert issued.token.encode() not in receiver.stored_bytes()


def test_a_token_ends_with_its_last_moment(receiver: Receiver) -> None:
    issued = issue(receiver, valid_days=1)
    access.authenticate(receiver.store, issued.token, NOW + timedelta(days=1, microseconds=-1))
    with pytest.raises(UntrustedError) as refused:
        access.authenticate(receiver.store, issued.token, NOW + timedelta(days=1))
    assert code_raised(refused) is Code.UNAUTHORIZED


def test_unknown_and_other_kinds_get_the_same_answer(receiver: Receiver) -> None:
    issued = issue(receiver)
    answers = set()
    for text in ("", make_token(Kind.API_KEY, bytes(32)), "rp" + issued.token[2:], issued.token[:-1] + "!"):
        with pytest.raises(UntrustedError) as refused:
            access.authenticate(receiver.store, text, NOW)
        answers.add(str(refused.value))
    assert len(answers) == 1


def test_the_last_use_is_noted_at_most_every_ten_minutes(receiver: Receiver) -> None:
    issued = issue(receiver)

    def used() -> int:
        asked = select(tokens.c.last_used_at).where(tokens.c.token_id == issued.id)
        found: int = receiver.store.read(lambda tx: tx.execute(asked).scalar_one())
        return found

    access.authenticate(receiver.store, issued.token, NOW)
    first = used()
    access.authenticate(receiver.store, issued.token, NOW + timedelta(minutes=9))
    assert used() == first
    access.authenticate(receiver.store, issued.token, NOW + timedelta(minutes=10))
    assert used() > first


def test_a_caller_without_the_scope_is_refused() -> None:
    caller = Caller("ws_x", "tok_x", frozenset({Scope.READ}), None, 100, Kind.API_KEY)
    caller.require(Scope.ADMIN, Scope.READ)
    with pytest.raises(UntrustedError) as refused:
        caller.require(Scope.ADMIN)
    assert code_raised(refused) is Code.FORBIDDEN


# --- access by key ---


def test_a_collector_gets_a_token_for_an_hour_against_its_key(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    assert caller.collector_id == spool.collector_id
    assert caller.scopes == {Scope.COLLECTOR_WRITE}
    assert caller.limit_per_minute == 1200
    issued = collector_access.give(receiver.store, spool.collector_id, spool.access_request(), NOW, receiver.random)
    assert issued.expires_at == NOW + timedelta(hours=1)


def test_a_request_for_access_works_once_and_whatever_its_clock_says(receiver: Receiver) -> None:
    spool, _ = receiver.enrol()
    request = spool.access_request(sent_at=NOW.replace(year=1980))
    collector_access.give(receiver.store, spool.collector_id, request, NOW, receiver.random)
    for later in (timedelta(0), timedelta(days=399)):
        with pytest.raises(UntrustedError, match="used before"):
            collector_access.give(receiver.store, spool.collector_id, request, NOW + later, receiver.random)


def test_access_is_refused_for_every_request_that_is_not_this_collectors_own(receiver: Receiver) -> None:
    spool, _ = receiver.enrol(1)
    other, _ = receiver.enrol(2)
    wrong = {
        "another collector's key": (spool.collector_id, other.access_request(collector_id=spool.collector_id)),
        "for another collector": (spool.collector_id, spool.access_request(collector_id=other.collector_id)),
        "to another's address": (other.collector_id, spool.access_request()),
        "no such collector": ("col_none", spool.access_request()),
        "another workspace": (spool.collector_id, spool.access_request(audience=build.OTHER_AUDIENCE)),
        "critical": (spool.collector_id, spool.access_request(crit=("scope",))),
        "another statement": (spool.collector_id, spool.entry()),
        "nobody's key": (spool.collector_id, build.access_envelope(build.signer(9)).to_bytes()),
    }
    for what, (address, request) in wrong.items():
        with pytest.raises(UntrustedError) as refused:
            collector_access.give(receiver.store, address, request, NOW, receiver.random)
        assert code_raised(refused) is Code.UNAUTHORIZED, what
    with pytest.raises(MalformedError):
        collector_access.give(receiver.store, spool.collector_id, b"{}", NOW, receiver.random)


# --- enrolment ---


def opened(receiver: Receiver, envelope: bytes) -> Statement:
    found = lookup.keyring(receiver.store, receiver.workspace_id)
    keyring = open_keyring(dsse.parse(found.versions[-1]), key_from_spki(found.root_spki), receiver.audience)
    return keyring.verify(dsse.parse(envelope))


def test_an_approved_invitation_enrols_at_once_by_a_registered_statement(receiver: Receiver) -> None:
    key, limits = build.signer(5), Limits(repositories=("acme/*",))
    token = receiver.invite(limits=limits)
    answer = enrol_with(receiver, token, receiver.enrol_request(token, key))
    assert answer.status == "active"
    assert answer.enrolment is not None
    said = opened(receiver, answer.enrolment)
    content = said.as_(Enrolment)
    assert content.collector_id == answer.collector_id
    assert content.collector_key_id == key.public.key_id
    assert (content.name, content.limits) == ("ci-07", limits)
    assert content.register_.number == 2
    assert said.subjects[0].digest == (("sha256", sha256(key.public.spki).hex()),)


def test_without_approval_a_person_confirms_the_fingerprint_first(receiver: Receiver) -> None:
    key = build.signer(5)
    token = receiver.invite(approve=False)
    body = receiver.enrol_request(token, key)
    waiting = enrol_with(receiver, token, body)
    assert (waiting.status, waiting.enrolment) == ("pending", None)
    assert enrol_with(receiver, token, body) == waiting
    with pytest.raises(StateError):
        receiver.confirm(build.digest("other"))
    (confirmed,) = receiver.confirm(key.public.key_id)
    assert confirmed.collector_id == waiting.collector_id
    # The collector learns it by asking again, also after the invitation has ended.
    receiver.now = NOW + timedelta(days=3)
    assert enrol_with(receiver, token, body) == EnrolAnswer(waiting.collector_id, "active", confirmed.enrolment)
    with pytest.raises(StateError) as twice:
        receiver.confirm(key.public.key_id)
    assert code_raised(twice) is Code.NOT_FOUND
    assert fsck.check(receiver.store) == []


def test_until_it_is_confirmed_a_key_opens_nothing(receiver: Receiver) -> None:
    key = build.signer(5)
    token = receiver.invite(approve=False)
    answer = enrol_with(receiver, token, receiver.enrol_request(token, key))
    request = build.access_envelope(key, audience=receiver.audience, collector_id=answer.collector_id).to_bytes()
    with pytest.raises(UntrustedError):
        collector_access.give(receiver.store, answer.collector_id, request, NOW, receiver.random)


def test_an_invitation_serves_one_key_and_asking_again_answers_the_same(receiver: Receiver) -> None:
    token = receiver.invite()
    body = receiver.enrol_request(token, build.signer(5))
    assert enrol_with(receiver, token, body) == enrol_with(receiver, token, body)
    with pytest.raises(StateError, match="another key took this invitation up"):
        enrol_with(receiver, token, receiver.enrol_request(token, build.signer(6)))


def test_an_invitation_ends(receiver: Receiver) -> None:
    token = receiver.invite()
    receiver.now = NOW + timedelta(minutes=60)
    with pytest.raises(UntrustedError) as refused:
        enrol_with(receiver, token, receiver.enrol_request(token, build.signer(5)))
    assert code_raised(refused) is Code.UNAUTHORIZED


def test_a_key_is_proved_for_this_name_this_invitation_and_this_workspace(receiver: Receiver) -> None:
    token, other = receiver.invite(), receiver.invite("ci-08")
    key = build.signer(5)
    for body, code in (
        (receiver.enrol_request(token, key, "ci-08"), Code.FORBIDDEN),
        (receiver.enrol_request(other, key), Code.FORBIDDEN),
        (receiver.enrol_request(token, key, audience=build.OTHER_AUDIENCE), Code.WRONG_AUDIENCE),
        (receiver.enrol_request(token, key, public_key=b64encode(build.signer(6).public.spki)), Code.BAD_SIGNATURE),
    ):
        with pytest.raises(UntrustedError) as refused:
            enrol_with(receiver, token, body)
        assert code_raised(refused) is code
    for body in (b"{}", b'{"name":"ci-07","request":{}}', b'{"name":1,"request":{}}'):
        with pytest.raises(MalformedError):
            enrol_with(receiver, token, body)
    issued = issue(receiver)
    with pytest.raises(UntrustedError):
        enrol_with(receiver, issued.token, receiver.enrol_request(issued.token, key))


def test_known_and_foreign_keys_are_refused(receiver: Receiver) -> None:
    receiver.enrol(1)
    token = receiver.invite()
    with pytest.raises(StateError, match="known already"):
        enrol_with(receiver, token, receiver.enrol_request(token, build.signer(1)))
    with pytest.raises(StateError, match="known already"):
        enrol_with(receiver, token, receiver.enrol_request(token, receiver.root))


def test_an_unsound_key_is_refused_before_anything_is_verified_under_it(receiver: Receiver) -> None:
    """S1: under a point of small order one signature is good for many messages."""
    token = receiver.invite()
    identity = PublicKey(b"\x01" + bytes(31))
    content = build.enrolment_request(
        build.signer(5),
        audience=receiver.audience,
        token_digest=digest_text(sha256(token.encode())),
        public_key=b64encode(identity.spki),
        key_id=identity.key_id,
    )
    payload = statement.payload("urn:carnet:enrolment-request:v1", (statement.subject_sha256("1" * 64),), content)
    forged = dsse.Envelope(payload, (dsse.Signature(identity.key_id, b"\x01" + bytes(63)),))
    with pytest.raises(UntrustedError, match="not a sound"):
        enrol_with(receiver, token, emit_enrol_request("ci-07", forged.to_bytes()))


@pytest.mark.parametrize(
    ("names", "minutes"), [([], 60), (["a", "a"], 60), ([""], 60), (["a\n"], 60), (["a"], 14), (["a"], 1441)]
)
def test_a_bad_invitation_is_refused_with_what_would_be_right(
    receiver: Receiver, names: list[str], minutes: int
) -> None:
    with pytest.raises(MalformedError) as refused:
        enrol.invite(
            receiver.store,
            receiver.workspace_id,
            names,
            Limits(),
            approve=True,
            valid_minutes=minutes,
            now=NOW,
            random=receiver.random,
        )
    assert refused.value.hint


def test_collectors_are_listed_newest_first_in_pages(receiver: Receiver) -> None:
    made = [receiver.enrol(seed)[0].collector_id for seed in (1, 2, 3)]
    first = lookup.collectors(receiver.store, receiver.workspace_id, 2)
    assert first.next_cursor is not None
    rest = lookup.collectors(receiver.store, receiver.workspace_id, 2, first.next_cursor)
    found = [one.collector.collector_id for one in (*first.items, *rest.items)]
    assert sorted(found) == sorted(made)
    assert rest.next_cursor is None
    assert lookup.collector(receiver.store, receiver.workspace_id, made[0]).keys[0].key.public == build.signer(1).public
    with pytest.raises(StateError):
        lookup.collector(receiver.store, "ws_other", made[0])
