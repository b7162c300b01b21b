"""What admission says to each kind of entry, before anything about its stream is known."""

from dataclasses import replace

import pytest

from receiver.core.admit import Examined, KeyState, KnownKey, Unreadable, examine
from shared.encoding import sha256
from shared.errors import Code
from shared.predicates import HEARTBEAT, Context, Limits
from tests.helpers import build
from tests.helpers.fleet import Spool

LIMITED = Limits(repositories=("acme/*",), services=("checkout",), environments=("production",))


def code_of(examined: Examined | Unreadable) -> Code | None:
    return None if examined.refusal is None else examined.refusal.code


def inside(**changes: object) -> Context:
    return Context.model_validate({"repository": "acme/checkout", "commit": build.COMMIT, **changes})


def test_an_entry_of_an_active_key_is_examined_with_all_that_its_place_needs() -> None:
    spool = Spool()
    first, second = spool.envelope(), spool.envelope()
    examined = examine(second.to_bytes(), spool.sender())
    assert isinstance(examined, Examined)
    assert examined.refusal is None
    assert examined.hold is None
    assert examined.id == second.id
    assert examined.previous == first.id
    assert examined.sequence == 1
    assert examined.envelope.to_bytes() == second.to_bytes()


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (b"{}", Code.MALFORMED_ENVELOPE),
        (b"17", Code.MALFORMED_ENVELOPE),
        (Spool().entry() + b" ", Code.MALFORMED_ENVELOPE),
        (Spool(key=build.signer(2)).entry(), Code.UNKNOWN_KEY),
        (build.signed(HEARTBEAT, build.heartbeat(), build.signer()).to_bytes(), Code.WRONG_TYPE),
        (
            build.signed("urn:carnet:unheard-of:v1", build.heartbeat(), build.signer()).to_bytes(),
            Code.WRONG_TYPE,
        ),
        (build.signed(HEARTBEAT, build.collected(), build.signer()).to_bytes(), Code.MALFORMED_STATEMENT),
    ],
    ids=["no envelope", "no object", "a space behind", "foreign key", "heartbeat", "no such type", "other model"],
)
def test_what_names_no_place_is_refused_with_its_reason(entry: bytes, code: Code) -> None:
    examined = examine(entry, Spool().sender())
    assert isinstance(examined, Unreadable)
    assert examined.refusal.code is code
    assert examined.refusal.detail
    assert examined.digest == sha256(entry)


def test_the_key_comes_from_the_registration_and_the_key_id_is_only_a_hint() -> None:
    """An attacker's signature under the key id of a registered key verifies nowhere."""
    honest, attacker = Spool(), Spool(key=build.signer(2))
    forged = attacker.entry().replace(attacker.key.public.key_id.encode(), honest.key.public.key_id.encode())
    assert code_of(examine(forged, honest.sender())) is Code.BAD_SIGNATURE


def test_a_key_that_waits_for_a_person_signs_nothing() -> None:
    spool = Spool()
    pending = KnownKey(spool.key.public, KeyState.PENDING)
    assert code_of(examine(spool.entry(), spool.sender(key=pending))) is Code.UNKNOWN_KEY


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"audience": build.OTHER_AUDIENCE}, Code.WRONG_AUDIENCE),
        ({"collector": {"id": "col_other", "version": "1", "config_digest": build.digest("c")}}, Code.WRONG_COLLECTOR),
        ({"stream": build.link(3, None)}, Code.BAD_LINK),
        ({"stream": build.link(0, sha256(b"before"))}, Code.BAD_LINK),
    ],
    ids=["foreign workspace", "another collector's name", "no link after 0", "a link at 0"],
)
def test_what_verified_and_is_refused_still_names_its_place(changes: dict[str, object], code: Code) -> None:
    examined = examine(Spool().entry(None, **changes), Spool().sender())
    assert isinstance(examined, Examined)
    assert code_of(examined) is code


def test_a_former_audience_that_an_admin_listed_is_accepted() -> None:
    spool = Spool(audience=build.OTHER_AUDIENCE)
    sender = Spool().sender()
    both = type(sender)(sender.collector_id, sender.keys, (build.AUDIENCE, build.OTHER_AUDIENCE), sender.limits)
    assert code_of(examine(spool.entry(), both)) is None


@pytest.mark.parametrize(
    ("context", "code"),
    [
        (inside(), None),
        (inside(service="checkout", environment="production"), None),
        (inside(repository="other/checkout"), Code.OUTSIDE_LIMITS),
        (inside(repository="Acme/checkout"), Code.OUTSIDE_LIMITS),
        (inside(service="billing"), Code.OUTSIDE_LIMITS),
        (inside(environment="staging"), Code.OUTSIDE_LIMITS),
        (Context(commit=build.COMMIT), Code.OUTSIDE_LIMITS),
    ],
    ids=["inside", "all inside", "repository", "case counts", "service", "environment", "hides its repository"],
)
def test_a_collector_speaks_only_for_what_an_admin_set(context: Context, code: Code | None) -> None:
    assert code_of(examine(Spool().entry(context=context), Spool().sender(LIMITED))) is code


def test_without_limits_nothing_must_be_named() -> None:
    assert code_of(examine(Spool().entry(context=Context()), Spool().sender())) is None


STREAM, OTHER_STREAM = bytes.fromhex(build.STREAM_ID), bytes(16)
NEW_AT_6 = KnownKey(build.signer().public, KeyState.ACTIVE, introduced_at=6, introduced_stream=STREAM)


@pytest.mark.parametrize(
    ("known", "hold"),
    [
        (KnownKey(build.signer().public, KeyState.ACTIVE), None),
        (KnownKey(build.signer().public, KeyState.RETIRED, 8, STREAM), None),
        (KnownKey(build.signer().public, KeyState.RETIRED, 7, STREAM), Code.KEY_RETIRED),
        (KnownKey(build.signer().public, KeyState.RETIRED, 8, OTHER_STREAM), Code.KEY_RETIRED),
        (KnownKey(build.signer().public, KeyState.RETIRED), Code.KEY_RETIRED),
        (KnownKey(build.signer().public, KeyState.REVOKED), Code.KEY_REVOKED),
        (NEW_AT_6, None),
        (replace(NEW_AT_6, introduced_at=7), Code.KEY_RETIRED),
        (replace(NEW_AT_6, introduced_at=8), Code.KEY_RETIRED),
        (replace(NEW_AT_6, introduced_at=8, introduced_stream=OTHER_STREAM), None),
        (replace(NEW_AT_6, introduced_at=7, state=KeyState.REVOKED), Code.KEY_REVOKED),
        (replace(NEW_AT_6, state=KeyState.RETIRED, retired_from=8, retired_stream=STREAM), None),
        (
            replace(NEW_AT_6, introduced_at=7, state=KeyState.RETIRED, retired_from=8, retired_stream=STREAM),
            Code.KEY_RETIRED,
        ),
    ],
    ids=[
        "active",
        "below the rotation",
        "from the rotation on",
        "another stream",
        "never said from when",
        "revoked",
        "behind its introduction",
        "at its introduction",
        "before its introduction",
        "in another stream than that",
        "before it, and revoked",
        "between two rotations",
        "before the first of two",
    ],
)
def test_what_a_key_is_good_for_is_a_matter_of_its_state_and_of_the_place(known: KnownKey, hold: Code | None) -> None:
    assert known.hold(STREAM, 7) is hold


@pytest.mark.parametrize("state", [KeyState.RETIRED, KeyState.REVOKED])
def test_what_a_former_key_signed_verifies_and_is_not_refused(state: KeyState) -> None:
    examined = examine(Spool().entry(), Spool().sender(key=KnownKey(build.signer().public, state)))
    assert isinstance(examined, Examined)
    assert examined.refusal is None
    assert examined.hold is None


def test_a_critical_field_that_is_not_known_here_holds_the_entry() -> None:
    examined = examine(Spool().entry(crit=("seal",)), Spool().sender())
    assert isinstance(examined, Examined)
    assert examined.hold is Code.NOT_UNDERSTOOD


def test_a_critical_field_that_is_known_here_holds_nothing() -> None:
    examined = examine(Spool().entry(crit=("claim",)), Spool().sender())
    assert isinstance(examined, Examined)
    assert examined.hold is None


@pytest.mark.parametrize("year", [1971, 2099])
def test_no_entry_is_refused_for_its_time(year: int) -> None:
    examined = examine(Spool().entry(observed_at=build.NOW.replace(year=year)), Spool().sender())
    assert code_of(examined) is None
