"""Keys in a token: made there, found by the key that signs whatever step a kill fell on, never believed unverified."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from pkcs11 import Attribute, Mechanism, ObjectClass

from collector.keys import Held, Keys, Rotation
from collector.pins import FILE_NAME, RefusedPin
from collector.tokenkeys import ED25519, TokenKeys, TokenSigner
from collector.tokens import TokenPlace
from shared.errors import ConfigError, TryLaterError
from shared.keys import PublicKey
from tests.helpers import build, tokens
from tests.helpers.tokens import needs_softhsm

pytestmark = needs_softhsm
LABEL = "carnet"
TODAY = date(2026, 3, 2)


@pytest.fixture
def token() -> tokens.Token:
    return tokens.token()


@pytest.fixture
def keys(token: tokens.Token) -> Iterator[TokenKeys]:
    made = TokenKeys(place(token), lambda: TODAY)
    yield made
    with made._opened() as session:  # noqa: SLF001 - the token outlives the test
        for found in list(session.get_objects()):
            found.destroy()
    made.close()


def place(token: tokens.Token) -> TokenPlace:
    return TokenPlace(token.module, token.label, LABEL, tokens.PIN)


def reopened(keys: TokenKeys, token: tokens.Token) -> TokenKeys:
    """Another start: the same token, a new session."""
    keys.close()
    return TokenKeys(place(token), lambda: TODAY)


def labels(keys: TokenKeys) -> dict[str, int]:
    with keys._opened() as session:  # noqa: SLF001 - looks at what is in the token
        found = [str(one[Attribute.LABEL]) for one in session.get_objects()]
    return {label: found.count(label) for label in found}


def rotation(old: PublicKey, new: PublicKey, *, delivered: bool, place: int = 0) -> Rotation:
    return Rotation(place, bytes(32), old, new, b"", build.NOW, delivered)


def test_the_key_is_made_in_the_token_signs_there_and_cannot_be_taken_out(keys: TokenKeys) -> None:
    assert keys.load() is None
    made = keys.make_first(os.urandom)
    for message in (b"", b"x", bytes(1 << 20)):
        assert made.public.verify(message, made.sign(message))
    assert keys.load() == made
    with keys._opened() as session:  # noqa: SLF001 - looks at what is in the token
        private = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=LABEL)
        assert (private[Attribute.SENSITIVE], private[Attribute.EXTRACTABLE]) == (True, False)
    with pytest.raises(ConfigError, match="already"):
        keys.make_first(os.urandom)
    assert tokens.PIN not in repr(keys) + repr(made)


def test_a_start_finds_the_key_and_its_age_and_says_what_to_do_where_there_is_none(
    keys: TokenKeys, token: tokens.Token
) -> None:
    with pytest.raises(ConfigError, match="put that key back"):
        keys.choose(())
    made = keys.make_first(os.urandom)
    again = reopened(keys, token)
    held = again.choose(())
    assert held == Held(made, datetime(2026, 3, 2, tzinfo=UTC), (), (made.public,))
    assert held.signing.public.verify(b"x", held.signing.sign(b"x"))
    again.close()


def test_two_keys_under_the_label_and_nothing_that_names_one_is_refused(keys: TokenKeys) -> None:
    keys.make_first(os.urandom)
    keys._made(LABEL, os.urandom)  # noqa: SLF001 - as another program might
    with pytest.raises(ConfigError, match="which one"):
        keys.load()


def test_s4_whatever_step_of_a_rotation_a_kill_falls_on_the_spool_says_which_key_signs(
    keys: TokenKeys, token: tokens.Token
) -> None:
    old = keys.make_first(os.urandom)
    lost = keys.make(os.urandom)
    # Made, and no rotation names it: the old key signs, the new one is put away and not destroyed.
    again = reopened(keys, token)
    held = again.choose(())
    assert held.signing == old
    assert again.put_away(held) == [f"{LABEL}.unused {lost.public.key_id}"]
    assert labels(again) == {LABEL: 2, f"{LABEL}.unused": 2}
    new = again.make(os.urandom)
    # Named by the spool, not receipted: the new key signs, the old one is there.
    before = rotation(old.public, new.public, delivered=False)
    held = again.choose((before,))
    assert (held.signing, held.older, held.own) == (new, (old,), (old.public, new.public))
    assert again.put_away(held) == []
    # Receipted: it takes the label, and the old one ends.
    again.retire(new.public, [old.public])
    assert labels(again) == {LABEL: 2, f"{LABEL}.unused": 2}
    after = rotation(old.public, new.public, delivered=True)
    last = reopened(again, token)
    held = last.choose((after,))
    assert (held.signing, held.older) == (new, ())
    assert held.signing.public.verify(b"x", held.signing.sign(b"x"))
    last.retire(new.public, [old.public])
    with pytest.raises(TryLaterError):
        TokenSigner(old.public, getattr(old, "object_id"), last).sign(b"x")  # noqa: B009 - a token's signer has one
    with pytest.raises(ConfigError, match="which signs since the rotation"):
        last.choose((rotation(new.public, old.public, delivered=False),))
    last.close()


def test_s4_a_kill_between_the_two_halves_of_an_old_key_leaves_nothing_behind(keys: TokenKeys) -> None:
    old, new = keys.make_first(os.urandom), keys.make(os.urandom)
    with keys._opened() as session:  # noqa: SLF001 - half of what a retirement does
        session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=LABEL).destroy()
    held = keys.choose((rotation(old.public, new.public, delivered=True),))
    assert held.signing == new
    keys.retire(new.public, [old.public])
    assert labels(keys) == {LABEL: 2}


def test_a_new_key_that_never_came_into_force_is_destroyed(keys: TokenKeys) -> None:
    old, new = keys.make_first(os.urandom), keys.make(os.urandom)
    keys.discard(new.public)
    assert labels(keys) == {LABEL: 2}
    assert keys.load() == old


def test_what_the_token_signs_under_another_key_is_used_for_nothing(keys: TokenKeys) -> None:
    keys.make_first(os.urandom)
    other = keys.make(os.urandom)
    wrong = TokenSigner(build.signer().public, getattr(other, "object_id"), keys)  # noqa: B009
    with pytest.raises(TryLaterError, match="does not verify"):
        wrong.sign(b"x")


def test_a_session_that_was_lost_is_opened_once_more(keys: TokenKeys) -> None:
    made = keys.make_first(os.urandom)
    made.sign(b"x")
    with keys._opened() as session:  # noqa: SLF001 - as a token that was pulled and put back
        session.close()
    assert made.public.verify(b"x", made.sign(b"x"))


def test_threads_sign_side_by_side(keys: TokenKeys) -> None:
    made = Keys.of(keys.make_first(os.urandom), build.NOW).now.signing
    messages = [bytes([number]) * 1000 for number in range(40)]
    with ThreadPoolExecutor(4) as pool:
        signatures = list(pool.map(made.sign, messages))
    assert all(made.public.verify(*pair) for pair in zip(messages, signatures, strict=True))


def log_in(token: tokens.Token) -> None:
    """Log in with the right PIN, as the token's own tool does."""
    pkcs11.lib(str(token.module)).get_token(token_label=token.label).open(user_pin=tokens.PIN).close()


def test_a_refused_pin_is_not_tried_again_by_no_later_start_either(
    keys: TokenKeys, token: tokens.Token, tmp_path: Path
) -> None:
    keys.close()
    pin_file = tmp_path / "pin"
    pin_file.write_text("000000")
    refused = RefusedPin(tmp_path, pin_file)
    try:
        for _ in range(4):
            with pytest.raises(ConfigError, match="refused the PIN") as told:
                TokenKeys(replace(place(token), pin="000000"), lambda: TODAY, refused).check()
            assert "000000" not in str(told.value)
            log_in(token)  # the token itself holds nothing against another try
        assert b"000000" not in (tmp_path / FILE_NAME).read_bytes()
        pin_file.write_text(f"{tokens.PIN}\n")
        right = TokenKeys(place(token), lambda: TODAY, refused)
        right.check()
        right.close()
        assert not (tmp_path / FILE_NAME).exists()
    finally:
        log_in(token)


def test_a_pin_from_a_credential_that_was_refused_waits_for_a_person(
    keys: TokenKeys, token: tokens.Token, tmp_path: Path
) -> None:
    keys.close()
    refused = RefusedPin(tmp_path, None)
    with pytest.raises(ConfigError, match="refused the PIN"):
        TokenKeys(replace(place(token), pin="000000"), lambda: TODAY, refused).check()
    log_in(token)
    with pytest.raises(ConfigError, match=FILE_NAME):
        TokenKeys(place(token), lambda: TODAY, refused).check()
    (tmp_path / FILE_NAME).unlink()
    right = TokenKeys(place(token), lambda: TODAY, refused)
    right.check()
    right.close()


def test_where_the_token_says_that_a_wrong_pin_was_tried_no_login_is_risked(
    keys: TokenKeys, token: tokens.Token
) -> None:
    keys.close()
    with pytest.raises(ConfigError, match="refused the PIN"):
        TokenKeys(replace(place(token), pin="000000"), lambda: TODAY).check()
    try:
        with pytest.raises(ConfigError, match="no login is risked"):
            TokenKeys(place(token), lambda: TODAY).check()
    finally:
        log_in(token)


def pair(keys: TokenKeys, label: str, object_id: bytes) -> None:
    """A key of another program, or of another collector."""
    with keys._opened() as session:  # noqa: SLF001 - as another program does
        curve = session.create_domain_parameters(pkcs11.KeyType.EC_EDWARDS, {Attribute.EC_PARAMS: ED25519}, local=True)
        curve.generate_keypair(mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN, store=True, label=label, id=object_id)


def test_an_id_that_another_key_has_too_is_refused_before_anything_is_signed(keys: TokenKeys) -> None:
    pair(keys, LABEL, b"\x01")
    pair(keys, "another", b"\x01")
    with pytest.raises(ConfigError, match="CKA_ID"):
        keys.choose(())
    assert labels(keys) == {LABEL: 2, "another": 2}


def test_a_retirement_destroys_no_key_of_anybody_else(keys: TokenKeys) -> None:
    pair(keys, LABEL, b"\x01")
    old = keys.load()
    assert old is not None
    new = keys.make(os.urandom)
    pair(keys, "another", b"\x01")
    with pytest.raises(ConfigError, match="nothing is signed or removed"):
        keys.retire(new.public, [old.public])
    assert labels(keys)["another"] == 2
    with keys._opened() as session:  # noqa: SLF001 - whoever has the other key gives it another id
        for half in session.get_objects({Attribute.LABEL: "another"}):
            half[Attribute.ID] = b"\x02"
    keys.retire(new.public, [old.public])
    assert labels(keys) == {LABEL: 2, "another": 2}


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"token": "nobody"}, "nobody"), ({"module": Path("/no/such/library.so")}, "/no/such/library.so")],
)
def test_a_token_or_a_library_that_is_not_there_is_told(
    keys: TokenKeys, token: tokens.Token, changes: dict[str, Any], told: str
) -> None:
    keys.close()
    with pytest.raises(ConfigError, match=told):
        TokenKeys(replace(place(token), **changes), lambda: TODAY).check()


def test_a_key_of_another_tool_without_a_date_counts_as_old(keys: TokenKeys) -> None:
    with keys._opened() as session:  # noqa: SLF001 - as pkcs11-tool --keypairgen does
        curve = session.create_domain_parameters(pkcs11.KeyType.EC_EDWARDS, {Attribute.EC_PARAMS: ED25519}, local=True)
        curve.generate_keypair(mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN, store=True, label=LABEL, id=b"\x01")
    held = keys.choose(())
    assert held.made_at.year == 1970
    assert held.signing.public.verify(b"x", held.signing.sign(b"x"))
