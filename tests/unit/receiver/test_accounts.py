"""Accounts of people: roles, passwords of which a hash is kept, and an admin who is always left."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from receiver import people, setup
from receiver.core.accounts import Role, hash_password, includes, matches, read_email
from receiver.store import audit
from shared.errors import CarnetError, Code, MalformedError, StateError, UntrustedError
from tests.helpers import build
from tests.helpers.databases import Databases
from tests.helpers.fleet import NOW, Receiver, make_receiver

PASSWORD = "correct horse battery staple"


@pytest.fixture
def receiver(tmp_path: Path, databases: Databases) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=databases)
    yield made
    made.store.close()


def refusal_of(error: pytest.ExceptionInfo[CarnetError]) -> Code:
    return error.value.code


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("needed", Role)
def test_each_role_includes_those_before_it_and_an_auditor_only_reads(role: Role, needed: Role) -> None:
    order = [Role.VIEWER, Role.OPERATOR, Role.APPROVER, Role.ADMIN]
    if Role.AUDITOR in (role, needed):
        assert includes(role, needed) == (role is needed or needed is Role.VIEWER)
    else:
        assert includes(role, needed) == (order.index(role) >= order.index(needed))


@pytest.mark.parametrize("text", ["", "alice", "a b@acme.org", "a@b@c", "alice@", "@acme.example", "x" * 200 + "@a.b"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        read_email(text)


def test_an_address_is_kept_in_lower_case() -> None:
    assert read_email(" Alice@Acme.Example ") == "alice@acme.example"


@pytest.mark.parametrize("password", ["", "short", "x" * 11, "x" * 201])
def test_a_password_has_a_sensible_length(password: str) -> None:
    with pytest.raises(MalformedError) as error:
        hash_password(password)
    assert password == "" or password not in str(error.value)


def test_a_hash_is_argon2id_salted_and_matches_its_password_alone() -> None:
    first, second = hash_password(PASSWORD), hash_password(PASSWORD)
    assert first != second
    assert first.startswith("$argon2id$v=19$m=65536,t=2,p=1$")
    assert matches(PASSWORD, first)
    assert not matches(PASSWORD + " ", first)
    assert not matches("x" * 10_000, first)
    assert not matches(PASSWORD, "no hash")


def test_somebody_who_shows_the_password_is_known_with_the_role_that_is_recorded(receiver: Receiver) -> None:
    people.add(receiver.store, receiver.workspace_id, "Alice@acme.example", Role.APPROVER, PASSWORD, NOW)
    found = people.sign_in(receiver.store, receiver.workspace_id, "alice@ACME.example", PASSWORD, NOW, Role.OPERATOR)
    assert (found.subject, found.method, found.role) == ("alice@acme.example", "password", "approver")
    with pytest.raises(UntrustedError) as error:
        people.sign_in(receiver.store, receiver.workspace_id, "alice@acme.example", PASSWORD, NOW, Role.ADMIN)
    assert refusal_of(error) is Code.FORBIDDEN


@pytest.mark.parametrize("case", ["wrong password", "unknown", "no address", "disabled", "ended"])
def test_everybody_else_gets_one_answer(receiver: Receiver, case: str) -> None:
    store, workspace_id = receiver.store, receiver.workspace_id
    people.add(store, workspace_id, "root@acme.example", Role.ADMIN, PASSWORD, NOW)
    ends_at = NOW + timedelta(days=1) if case == "ended" else None
    people.add(store, workspace_id, "alice@acme.example", Role.ADMIN, PASSWORD, NOW, ends_at)
    if case == "disabled":
        people.disable(store, workspace_id, "alice@acme.example", NOW)
    email = {"unknown": "bob@acme.example", "no address": "bob"}.get(case, "alice@acme.example")
    password = "something else" if case == "wrong password" else PASSWORD
    with pytest.raises(UntrustedError) as error:
        people.sign_in(store, workspace_id, email, password, NOW + timedelta(days=1))
    assert (error.value.code, error.value.detail) == (Code.UNAUTHORIZED, "e-mail address or password is wrong")


def test_an_account_of_one_workspace_is_none_in_another(receiver: Receiver) -> None:
    people.add(receiver.store, receiver.workspace_id, "alice@acme.example", Role.ADMIN, PASSWORD, NOW)
    other = setup.create(
        receiver.store, receiver.master, build.signer(77), "lending", NOW, receiver.random
    ).workspace_id
    with pytest.raises(UntrustedError):
        people.sign_in(receiver.store, other, "alice@acme.example", PASSWORD, NOW)
    assert people.listed(receiver.store, other) == []


def test_a_new_password_ends_the_old_one(receiver: Receiver) -> None:
    store, workspace_id = receiver.store, receiver.workspace_id
    people.add(store, workspace_id, "alice@acme.example", Role.ADMIN, PASSWORD, NOW)
    people.set_password(store, workspace_id, "alice@acme.example", "another one entirely", NOW)
    with pytest.raises(UntrustedError):
        people.sign_in(store, workspace_id, "alice@acme.example", PASSWORD, NOW)
    assert people.sign_in(store, workspace_id, "alice@acme.example", "another one entirely", NOW).role == "admin"


def test_an_address_has_one_account_and_the_last_admin_stays(receiver: Receiver) -> None:
    store, workspace_id = receiver.store, receiver.workspace_id
    first = people.add(store, workspace_id, "alice@acme.example", Role.ADMIN, PASSWORD, NOW)
    with pytest.raises(StateError, match="has an account"):
        people.add(store, workspace_id, "ALICE@acme.example", Role.VIEWER, PASSWORD, NOW)
    with pytest.raises(StateError, match="last admin"):
        people.disable(store, workspace_id, "alice@acme.example", NOW)
    with pytest.raises(StateError, match="last admin"):
        people.set_role(store, workspace_id, "alice@acme.example", Role.VIEWER, NOW)
    assert people.listed(store, workspace_id) == [first]
    people.add(store, workspace_id, "bob@acme.example", Role.ADMIN, PASSWORD, NOW)
    ended = people.disable(store, workspace_id, "alice@acme.example", NOW)
    assert ended == replace(first, disabled_at=NOW)
    assert people.disable(store, workspace_id, "alice@acme.example", NOW + timedelta(days=1)) == ended
    with pytest.raises(StateError, match="no account"):
        people.disable(store, workspace_id, "carol@acme.example", NOW)


def test_every_change_stands_in_the_trail_and_no_password_does(receiver: Receiver) -> None:
    store, workspace_id = receiver.store, receiver.workspace_id
    people.add(store, workspace_id, "alice@acme.example", Role.ADMIN, PASSWORD, NOW)
    people.set_role(store, workspace_id, "alice@acme.example", Role.ADMIN, NOW, by="bob@acme.example")
    acts = [row.act for row in store.read(lambda tx: list(audit.rows(tx, workspace_id)))][-2:]
    assert [(one.actor, one.action) for one in acts] == [
        ("operator", "account.add"),
        ("bob@acme.example", "account.role"),
    ]
    assert PASSWORD not in repr(acts)
