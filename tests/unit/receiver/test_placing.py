"""What becomes of entries at their places: chains, holes, repeats, forks."""

from collections.abc import Sequence
from dataclasses import replace

from receiver.core.admit import Examined, KeyState, KnownKey, Placed, Sender, Unreadable, examine, examine_all
from receiver.core.judging import Desk
from receiver.core.placing import Known, Outcome, Place, Status, StreamState, spots_around
from receiver.core.rotation import examine_batch
from shared import dsse
from shared.dsse import Envelope
from shared.errors import Code
from shared.predicates import Limits
from tests.helpers import build
from tests.helpers.fleet import Spool

STREAM = bytes.fromhex(build.STREAM_ID)
NOTHING = Known(frozenset(), {}, {}, {})


def look(spool: Spool, *envelopes: Envelope) -> list[Examined | Unreadable]:
    return [examine(one.to_bytes(), spool.sender()) for one in envelopes]


def judge(known: Known, entries: Sequence[Placed | Unreadable]) -> Outcome:
    return Desk(Spool().sender(), known).judge(entries)


def after(known: Known, outcome: Outcome) -> Known:
    """What a store knows once an outcome was stored."""
    stored = [one for one in outcome.verdicts if one.status in (Status.ACCEPTED, Status.HELD)]
    entries = [one.entry for one in stored if isinstance(one.entry, Examined)]
    return Known(
        known.ids | {entry.id for entry in entries},
        {**known.streams, **outcome.streams},
        {
            **known.places,
            **outcome.new_places,
            **{
                spot: Place(known.places[spot].id, known.places[spot].previous, stored=True)
                for spot in outcome.stored_places
            },
        },
        {entry.observation: entry.id for entry in reversed(entries)} | dict(known.observations),
    )


def statuses(outcome: Outcome) -> list[tuple[Status, Code | None]]:
    return [(one.status, one.code) for one in outcome.verdicts]


ACCEPTED, DUPLICATE = (Status.ACCEPTED, None), (Status.DUPLICATE, None)
FORKED = (Status.HELD, Code.FORKED)


def test_a_healthy_run_is_accepted_and_takes_its_places() -> None:
    spool = Spool()
    outcome = judge(NOTHING, look(spool, spool.envelope(), spool.envelope(), spool.envelope()))
    assert statuses(outcome) == [ACCEPTED] * 3
    assert sorted(sequence for _, sequence in outcome.new_places) == [0, 1, 2]
    assert outcome.streams[STREAM].head == 2
    assert outcome.streams[STREAM].forked_from is None


def test_arrival_in_any_order_is_fine() -> None:
    spool = Spool()
    made = [spool.envelope() for _ in range(4)]
    outcome = judge(NOTHING, look(spool, made[3], made[1], made[0], made[2]))
    assert statuses(outcome) == [ACCEPTED] * 4


def test_the_same_id_again_is_a_duplicate_also_within_one_batch() -> None:
    spool = Spool()
    one = spool.envelope()
    outcome = judge(NOTHING, look(spool, one, one))
    assert statuses(outcome) == [ACCEPTED, DUPLICATE]
    again = judge(after(NOTHING, outcome), look(spool, one))
    assert statuses(again) == [DUPLICATE]
    assert not again.new_places
    assert not again.streams
    assert again.touched == (STREAM,)


def test_what_is_stored_stays_a_duplicate_when_the_limits_have_narrowed_since() -> None:
    """A collector that sends again after a lost reply must not have its entry quarantined."""
    spool = Spool()
    one = spool.envelope()
    known = after(NOTHING, judge(NOTHING, look(spool, one)))
    narrowed = examine(one.to_bytes(), spool.sender(Limits(repositories=("other/*",))))
    assert statuses(judge(known, [narrowed])) == [DUPLICATE]


def test_a_repeated_observation_is_accepted_and_linked_to_its_first() -> None:
    spool = Spool()
    first = spool.envelope(observation_id=build.digest("same"))
    outcome = judge(NOTHING, look(spool, first, spool.envelope(observation_id=build.digest("same"))))
    assert statuses(outcome) == [ACCEPTED, ACCEPTED]
    assert [one.repeat_of for one in outcome.verdicts] == [None, first.id]
    later = judge(after(NOTHING, outcome), look(spool, spool.envelope(observation_id=build.digest("same"))))
    assert later.verdicts[0].repeat_of == first.id


def test_two_entries_at_one_place_part_the_stream_there() -> None:
    spool = Spool()
    root, ours, next_ours = spool.envelope(), spool.envelope(), spool.envelope()
    known = after(NOTHING, judge(NOTHING, look(spool, root, ours)))
    theirs = spool.envelope(spool.link(1, root.id))
    outcome = judge(known, look(spool, theirs, next_ours))
    assert statuses(outcome) == [FORKED, FORKED]
    assert outcome.streams[STREAM].forked_from == 1
    assert after(known, outcome).places[STREAM, 1].id == ours.id


def test_a_link_to_another_than_the_known_one_parts_the_stream_before_it() -> None:
    spool = Spool()
    root, ours = spool.envelope(), spool.envelope()
    known = after(NOTHING, judge(NOTHING, look(spool, root, ours)))
    outcome = judge(known, look(spool, spool.envelope(spool.link(2, b"\x01" * 32))))
    assert statuses(outcome) == [FORKED]
    assert outcome.streams[STREAM].forked_from == 1


def test_a_known_follower_that_names_another_parts_the_stream() -> None:
    spool = Spool()
    root, ours, follower = spool.envelope(), spool.envelope(), spool.envelope()
    known = after(NOTHING, judge(NOTHING, look(spool, root, follower)))
    theirs = spool.envelope(spool.link(1, root.id))
    outcome = judge(known, look(spool, theirs, ours))
    assert statuses(outcome) == [FORKED, FORKED]
    assert outcome.streams[STREAM].forked_from == 1


def test_before_the_place_where_a_stream_parted_nothing_is_held() -> None:
    spool = Spool()
    made = [spool.envelope() for _ in range(4)]
    known = after(NOTHING, judge(NOTHING, look(spool, made[0], made[2], made[3])))
    forked = judge(known, look(spool, spool.envelope(spool.link(3, made[2].id))))
    assert statuses(judge(after(known, forked), look(spool, made[1]))) == [ACCEPTED]


def test_a_refused_entry_keeps_its_place_and_the_next_one_links_to_it() -> None:
    spool = Spool()
    foreign = spool.envelope(audience=build.OTHER_AUDIENCE)
    outcome = judge(NOTHING, look(spool, foreign, spool.envelope()))
    assert statuses(outcome) == [(Status.REFUSED, Code.WRONG_AUDIENCE), ACCEPTED]
    assert outcome.new_places[STREAM, 0] == Place(foreign.id, None, stored=False)


def test_a_refusal_is_not_remembered_the_same_entry_is_judged_anew() -> None:
    spool = Spool()
    narrow = Limits(repositories=("other/*",))
    one = spool.envelope()
    refused = judge(NOTHING, [examine(one.to_bytes(), spool.sender(narrow))])
    assert statuses(refused) == [(Status.REFUSED, Code.OUTSIDE_LIMITS)]
    known = after(NOTHING, refused)
    accepted = judge(known, look(spool, one))
    assert statuses(accepted) == [ACCEPTED]
    assert accepted.stored_places == ((STREAM, 0),)
    assert after(known, accepted).places[STREAM, 0].stored


def test_refused_and_accepted_within_one_batch_leave_the_place_stored() -> None:
    spool = Spool()
    one = spool.envelope()
    refused = examine(one.to_bytes(), spool.sender(Limits(repositories=("other/*",))))
    outcome = judge(NOTHING, [refused, *look(spool, one)])
    assert outcome.new_places[STREAM, 0].stored
    assert outcome.stored_places == ()


def test_a_stream_belongs_to_the_collector_that_opened_it() -> None:
    spool = Spool()
    known = Known(frozenset(), {STREAM: StreamState("col_first", 4, 4)}, {}, {})
    outcome = judge(known, look(spool, spool.envelope()))
    assert statuses(outcome) == [(Status.REFUSED, Code.WRONG_STREAM)]
    assert not outcome.new_places
    assert outcome.touched == ()


def test_the_places_around_each_entry_are_what_the_store_is_asked_for() -> None:
    spool = Spool()
    spots = spots_around(look(spool, spool.envelope(), spool.envelope(spool.link(7, b"\x02" * 32))))
    assert sorted(sequence for _, sequence in spots) == [0, 1, 6, 7, 8]


# --- rotations ---

NEW, THIRD = build.signer(9), build.signer(10)
RETIRED, REVOKED = (Status.HELD, Code.KEY_RETIRED), (Status.HELD, Code.KEY_REVOKED)
UNKNOWN = (Status.REFUSED, Code.UNKNOWN_KEY)


def turned(known: Known, sender: Sender, *entries: bytes) -> Outcome:
    judged, _ = examine_batch(entries, sender, examine_all)
    return Desk(sender, known).judge(judged)


def with_keys(sender: Sender, outcome: Outcome) -> Sender:
    return replace(sender, keys=outcome.keys)


def states(outcome: Outcome) -> dict[str, KeyState]:
    return {key_id: key.state for key_id, key in outcome.keys.items()}


def test_a_rotation_takes_its_place_and_turns_the_keys_behind_it() -> None:
    spool = Spool()
    entries = [*spool.entries(2), spool.rotate(NEW), *spool.entries(2)]
    outcome = turned(NOTHING, Spool().sender(), *entries)
    assert statuses(outcome) == [ACCEPTED] * 5
    assert sorted(sequence for _, sequence in outcome.new_places) == [0, 1, 2, 3, 4]
    assert states(outcome) == {Spool().key.public.key_id: KeyState.RETIRED, NEW.public.key_id: KeyState.ACTIVE}


def test_what_the_old_key_signs_from_there_on_is_held_and_what_it_signed_before_is_not() -> None:
    old = Spool()
    late = old.entries(2)
    turn, after = old.rotation(NEW), old.entry()
    elsewhere = Spool(stream_id="b1" * 16).entry()
    outcome = turned(NOTHING, Spool().sender(), turn.to_bytes(), after, elsewhere, *late)
    assert statuses(outcome) == [ACCEPTED, RETIRED, RETIRED, ACCEPTED, ACCEPTED]


def test_what_the_new_key_signed_comes_from_a_stranger_until_its_rotation_is_there() -> None:
    spool = Spool()
    first, turn, second = spool.entry(), spool.rotate(NEW), spool.entry()
    outcome = turned(NOTHING, Spool().sender(), second, first, turn, second)
    assert statuses(outcome) == [UNKNOWN, ACCEPTED, ACCEPTED, ACCEPTED]


def test_the_same_rotation_again_is_a_duplicate_and_changes_no_key() -> None:
    spool = Spool()
    turn, another = spool.rotate(NEW), spool.rotate(THIRD)
    first = turned(NOTHING, Spool().sender(), turn, another)
    known = replace(after(NOTHING, first), ids=frozenset(one.entry.id for one in first.verdicts if one.entry.id))
    again = turned(known, with_keys(Spool().sender(), first), turn, another)
    assert statuses(again) == [DUPLICATE, DUPLICATE]
    assert again.keys == first.keys


def test_a_rotation_to_a_key_that_is_known_anywhere_is_refused_and_the_old_key_goes_on() -> None:
    spool = Spool()
    turn, own = spool.rotation(NEW), spool.entry()
    stranger = Spool(key=NEW).entry(spool.link(2, dsse.parse(own).id))
    known = replace(NOTHING, taken=frozenset({NEW.public.key_id}))
    outcome = turned(known, Spool().sender(), turn.to_bytes(), own, stranger)
    assert statuses(outcome) == [(Status.REFUSED, Code.MALFORMED_STATEMENT), ACCEPTED, UNKNOWN]
    assert outcome.keys == Spool().sender().keys
    assert outcome.new_places[STREAM, 0] == Place(turn.id, None, stored=False)


def test_a_second_rotation_to_the_same_key_is_refused() -> None:
    spool = Spool()
    turn = spool.rotation(NEW).to_bytes()
    again = spool.rotation(NEW).to_bytes()
    outcome = turned(NOTHING, Spool().sender(), turn, again)
    assert statuses(outcome) == [ACCEPTED, (Status.REFUSED, Code.MALFORMED_STATEMENT)]


def test_a_rotation_of_a_retired_key_introduces_nobody_who_counts_not_even_below_its_place() -> None:
    spool = Spool()
    first, turn = spool.envelope(), spool.rotation(NEW)
    thief = Spool()
    below = thief.rotation(THIRD, thief.link(0, None))
    stolen = Spool(key=THIRD).entry(thief.link(2, turn.id))
    outcome = turned(NOTHING, Spool().sender(), turn.to_bytes(), below.to_bytes(), stolen)
    assert statuses(outcome) == [ACCEPTED, RETIRED, REVOKED]
    assert first.id not in {place.id for place in outcome.new_places.values()}
    assert states(outcome)[THIRD.public.key_id] is KeyState.REVOKED


def test_a_rotation_in_a_forked_stream_leaves_the_old_key_and_holds_what_the_new_one_signs() -> None:
    spool = Spool()
    root, ours = spool.envelope(), spool.envelope()
    known = after(NOTHING, judge(NOTHING, look(spool, root, ours)))
    turn = spool.rotation(NEW, spool.link(1, root.id))
    follower = Spool(key=NEW).entry(spool.link(2, turn.id))
    outcome = turned(known, Spool().sender(), turn.to_bytes(), follower)
    assert statuses(outcome) == [FORKED, REVOKED]
    assert states(outcome) == {Spool().key.public.key_id: KeyState.ACTIVE, NEW.public.key_id: KeyState.REVOKED}


def test_a_rotation_of_a_revoked_key_is_held_and_so_is_all_that_follows_from_it() -> None:
    spool = Spool()
    sender = spool.sender(key=KnownKey(spool.key.public, KeyState.REVOKED))
    entries = [spool.rotate(NEW), spool.entry(), spool.rotate(THIRD), spool.entry()]
    outcome = turned(NOTHING, sender, *entries)
    assert statuses(outcome) == [REVOKED] * 4
    assert set(states(outcome).values()) == {KeyState.REVOKED}


def test_a_rotation_in_the_stream_of_another_collector_turns_nothing() -> None:
    spool = Spool()
    known = replace(NOTHING, streams={STREAM: StreamState("col_first", 4, 4)})
    outcome = turned(known, Spool().sender(), spool.rotate(NEW), spool.entry())
    assert statuses(outcome) == [(Status.REFUSED, Code.WRONG_STREAM), UNKNOWN]
    assert outcome.keys == Spool().sender().keys
