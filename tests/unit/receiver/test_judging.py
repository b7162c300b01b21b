"""What a key that was revoked or retired signs hurts nobody: no place, no fork, no stream, no keys without end."""

from dataclasses import replace

import pytest

from receiver.core.admit import KeyState, KnownKey, Sender, examine_all
from receiver.core.judging import MAX_IDLE_KEYS, Desk
from receiver.core.placing import MAX_OPEN_STREAMS, Known, Outcome, Place, Status, StreamState
from receiver.core.rotation import examine_batch
from shared import dsse
from shared.errors import Code
from shared.predicates import Limits
from tests.helpers import build
from tests.helpers.fleet import Spool, seeded

STREAM = bytes.fromhex(build.STREAM_ID)
NOTHING = Known(frozenset(), {}, {}, {})
OLD, NEW, THIRD = build.signer(), build.signer(9), build.signer(10)
ACCEPTED = (Status.ACCEPTED, None)
RETIRED, REVOKED = (Status.HELD, Code.KEY_RETIRED), (Status.HELD, Code.KEY_REVOKED)
OUTSIDE = (Status.REFUSED, Code.OUTSIDE_LIMITS)


def sender(old: KeyState, retired_from: int | None = None, limits: Limits | None = None) -> Sender:
    """A collector with an old key and the one that followed it."""
    key = KnownKey(OLD.public, old, retired_from, None if retired_from is None else STREAM)
    made = Spool().sender(limits, key)
    return replace(made, keys={**made.keys, NEW.public.key_id: KnownKey(NEW.public, KeyState.ACTIVE)})


def judged(known: Known, whose: Sender, *entries: bytes) -> Outcome:
    found, whose = examine_batch(entries, whose, examine_all)
    return Desk(replace(whose, keys=sender_keys(whose)), known).judge(found)


def sender_keys(whose: Sender) -> dict[str, KnownKey]:
    """Only what is registered: what a batch introduces is judged in it."""
    return {key_id: key for key_id, key in whose.keys.items() if key_id in {OLD.public.key_id, NEW.public.key_id}}


def statuses(outcome: Outcome) -> list[tuple[Status, Code | None]]:
    return [(one.status, one.code) for one in outcome.verdicts]


def after(known: Known, outcome: Outcome) -> Known:
    return replace(
        known,
        streams={**known.streams, **outcome.streams},
        places={**known.places, **outcome.new_places},
    )


def honest() -> tuple[Spool, Known, list[bytes]]:
    """A stream whose new key signed 1 and 2 behind the rotation at 0, and signs 3 and 4 next."""
    spool = Spool()
    stored = [spool.rotate(NEW), *spool.entries(2)]
    places = {
        (STREAM, at): Place(one.id, one_before, stored=True)
        for at, (one, one_before) in enumerate(
            zip(map(dsse.parse, stored), [None, *(dsse.parse(one).id for one in stored)], strict=False)
        )
    }
    state = StreamState(spool.collector_id, 2, 2)
    return spool, Known(frozenset(), {STREAM: state}, places, {}), spool.entries(2)


def thief(stream_id: str = build.STREAM_ID) -> Spool:
    return Spool(key=OLD, stream_id=stream_id, random=seeded(666))


WEAK = pytest.mark.parametrize(
    ("whose", "code"),
    [(sender(KeyState.REVOKED), REVOKED), (sender(KeyState.RETIRED, 0), RETIRED)],
    ids=["revoked", "retired"],
)


@WEAK
@pytest.mark.parametrize("at", [0, 1, 2, 3, 4, 900])
def test_it_neither_parts_a_stream_nor_takes_a_place_in_it(whose: Sender, code: object, at: int) -> None:
    spool, known, coming = honest()
    stolen = thief()
    before = known.places.get((STREAM, at - 1))
    forged = [
        stolen.entry(stolen.link(at, dsse.parse(coming[0]).id if at == 4 else before.id if before else b"\x05" * 32))
    ]
    if at == 0:
        forged = [stolen.entry(stolen.link(0, None))]
    outcome = judged(known, whose, *forged)
    assert statuses(outcome) == [code]
    assert (outcome.new_places, outcome.streams, outcome.touched) == ({}, {}, (STREAM,))
    honestly = judged(after(known, outcome), whose, *coming)
    assert statuses(honestly) == [ACCEPTED, ACCEPTED]
    assert honestly.streams[STREAM].forked_from is None
    assert honestly.streams[STREAM].head == 4
    del spool


@WEAK
def test_within_one_batch_it_does_not_come_before_the_honest_one(whose: Sender, code: object) -> None:
    _, known, coming = honest()
    stolen = thief()
    forged = stolen.entry(stolen.link(3, known.places[STREAM, 2].id))
    assert statuses(judged(known, whose, forged, *coming, forged)) == [
        code,
        ACCEPTED,
        ACCEPTED,
        (Status.DUPLICATE, None),
    ]


@WEAK
def test_it_opens_no_stream(whose: Sender, code: object) -> None:
    """A stream that is newer makes those before it look abandoned."""
    outcome = judged(NOTHING, whose, *thief("d4" * 16).entries(2))
    assert statuses(outcome) == [code, code]
    assert (outcome.new_places, outcome.streams, outcome.touched) == ({}, {}, ())


@WEAK
def test_what_is_refused_of_it_takes_no_place_either(whose: Sender, code: object) -> None:
    del code
    _, known, coming = honest()
    stolen = thief()
    forged = stolen.entry(stolen.link(3, known.places[STREAM, 2].id), audience=build.OTHER_AUDIENCE)
    outcome = judged(known, whose, forged)
    assert statuses(outcome) == [(Status.REFUSED, Code.WRONG_AUDIENCE)]
    assert (outcome.new_places, outcome.streams) == ({}, {})
    assert statuses(judged(after(known, outcome), whose, *coming)) == [ACCEPTED, ACCEPTED]


def test_what_is_late_below_the_rotation_takes_its_place() -> None:
    spool = Spool()
    late = spool.entries(3)
    turn = spool.rotate(NEW)
    before = judged(NOTHING, sender(KeyState.RETIRED, 3), turn)
    assert statuses(before) == [(Status.REFUSED, Code.MALFORMED_STATEMENT)], "its new key is known here"
    known = Known(
        frozenset(),
        {STREAM: StreamState(spool.collector_id, -1, 3)},
        {(STREAM, 3): Place(dsse.parse(turn).id, dsse.parse(late[2]).id, stored=True)},
        {},
    )
    outcome = judged(known, sender(KeyState.RETIRED, 3), late[2], late[0], late[1])
    assert statuses(outcome) == [ACCEPTED] * 3
    assert sorted(sequence for _, sequence in outcome.new_places) == [0, 1, 2]


def test_a_retired_key_is_good_below_its_rotation_for_what_has_not_come_and_fits_alone() -> None:
    spool = Spool()
    late = spool.entries(3)
    turn = spool.rotate(NEW)
    places = {
        (STREAM, 0): Place(dsse.parse(late[0]).id, None, stored=True),
        (STREAM, 3): Place(dsse.parse(turn).id, dsse.parse(late[2]).id, stored=True),
    }
    known = Known(frozenset(), {STREAM: StreamState(spool.collector_id, 0, 3)}, places, {})
    stolen = thief()
    forged = [
        stolen.entry(stolen.link(0, None)),
        stolen.entry(stolen.link(1, b"\x05" * 32)),
        stolen.entry(stolen.link(2, b"\x05" * 32)),
    ]
    whose = sender(KeyState.RETIRED, 3)
    outcome = judged(known, whose, *forged)
    assert statuses(outcome) == [RETIRED] * 3
    assert (outcome.new_places, outcome.streams) == ({}, {})
    assert statuses(judged(known, whose, *late[1:])) == [ACCEPTED, ACCEPTED]


def test_what_a_revoked_key_signed_has_the_place_that_a_chain_which_counts_leads_to() -> None:
    spool = Spool()
    late = spool.entries(2)
    known = Known(
        frozenset(),
        {STREAM: StreamState(spool.collector_id, -1, 2)},
        {(STREAM, 2): Place(b"\x07" * 32, dsse.parse(late[1]).id, stored=True)},
        {},
    )
    outcome = judged(known, sender(KeyState.REVOKED), late[1], late[0])
    assert statuses(outcome) == [REVOKED, REVOKED]
    assert sorted(sequence for _, sequence in outcome.new_places) == [0, 1]


def test_what_was_refused_and_is_held_now_keeps_the_place_that_it_has() -> None:
    spool = Spool()
    one = spool.entry()
    narrow = Limits(repositories=("other/*",))
    refused = judged(NOTHING, sender(KeyState.ACTIVE, limits=narrow), one)
    assert statuses(refused) == [OUTSIDE]
    held = judged(after(NOTHING, refused), sender(KeyState.REVOKED), one)
    assert (statuses(held), held.stored_places) == ([REVOKED], ((STREAM, 0),))


# --- rotations that do not count ---


@pytest.mark.parametrize(
    ("old", "retired_from", "code"),
    [
        (KeyState.ACTIVE, None, ACCEPTED),
        (KeyState.RETIRED, 100, RETIRED),
        (KeyState.RETIRED, 0, RETIRED),
        (KeyState.REVOKED, None, REVOKED),
    ],
    ids=["active", "retired above it", "retired below it", "revoked"],
)
def test_only_an_active_key_introduces_another(old: KeyState, retired_from: int | None, code: object) -> None:
    spool = Spool()
    outcome = judged(NOTHING, sender(old, retired_from), spool.rotation(THIRD).to_bytes())
    assert statuses(outcome) == [code]
    state = KeyState.ACTIVE if code == ACCEPTED else KeyState.REVOKED
    assert outcome.keys[THIRD.public.key_id].state is state
    assert bool(outcome.new_places) is (code == ACCEPTED)


@WEAK
def test_it_brings_in_keys_up_to_a_number_and_no_more(whose: Sender, code: object) -> None:
    known = replace(NOTHING, idle=MAX_IDLE_KEYS - 1)
    stolen = thief()
    first, second = build.signer(21), build.signer(22)
    outcome = judged(known, whose, stolen.rotation(first).to_bytes(), stolen.rotation(second).to_bytes())
    assert statuses(outcome) == [code, OUTSIDE]
    assert first.public.key_id in outcome.keys
    assert second.public.key_id not in outcome.keys
    follower = Spool(key=second).entry()
    assert statuses(judged(replace(known, idle=MAX_IDLE_KEYS), whose, follower)) == [(Status.REFUSED, Code.UNKNOWN_KEY)]


def test_a_rotation_that_counts_is_no_worse_for_those_that_did_not() -> None:
    known = replace(NOTHING, idle=MAX_IDLE_KEYS)
    assert statuses(judged(known, sender(KeyState.ACTIVE), Spool().rotation(THIRD).to_bytes())) == [ACCEPTED]


def test_a_rotation_in_a_branch_is_one_of_that_number() -> None:
    spool, known, _ = honest()
    forked = spool.rotation(THIRD, spool.link(1, b"\x05" * 32)).to_bytes()
    whose = sender(KeyState.RETIRED, 0)
    assert statuses(judged(known, whose, forked)) == [(Status.HELD, Code.FORKED)]
    assert statuses(judged(replace(known, idle=MAX_IDLE_KEYS), whose, forked)) == [OUTSIDE]


def test_no_more_streams_are_opened_than_a_collector_may_have() -> None:
    entries = [replace(Spool(), stream_id=f"{number:032x}").entry() for number in range(3)]
    room = replace(NOTHING, open_streams=MAX_OPEN_STREAMS - 1)
    outcome = judged(room, sender(KeyState.ACTIVE), *entries)
    assert statuses(outcome) == [ACCEPTED, OUTSIDE, OUTSIDE]
    assert list(outcome.streams) == [bytes(16)]
    assert statuses(judged(room, sender(KeyState.REVOKED), *entries)) == [REVOKED] * 3
    full = replace(room, open_streams=MAX_OPEN_STREAMS, streams={bytes(16): StreamState(build.COLLECTOR_ID)})
    assert statuses(judged(full, sender(KeyState.ACTIVE), *entries)) == [ACCEPTED, OUTSIDE, OUTSIDE]
