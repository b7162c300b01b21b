"""The strict JSON reader of events: RFC 8259 by the cases of `json_cases`, paths, pointers and limits."""

import io

import pytest

from collector.formats.json_events import EACH, Event, Kind, json_events
from collector.formats.limits import Limits
from shared.errors import Code, MalformedError
from tests.unit.formats.json_cases import ACCEPTED, REFUSED


def read(data: bytes, limits: Limits | None = None) -> list[Event]:
    return list(json_events(io.BytesIO(data), limits or Limits()))


@pytest.mark.parametrize("name", ACCEPTED)
@pytest.mark.parametrize("chunk_bytes", [4, 65_536])
def test_accepts(name: str, chunk_bytes: int) -> None:
    data, value = ACCEPTED[name]
    events = read(data, Limits(chunk_bytes=chunk_bytes))
    assert [event.kind for event in events] == [Kind.ARRAY, Kind.VALUE, Kind.ARRAY_END]
    assert events[1] == Event(Kind.VALUE, (EACH,), value)  # type: ignore[arg-type]
    assert type(events[1].value) is type(value)


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("chunk_bytes", [4, 65_536])
def test_refuses(name: str, chunk_bytes: int) -> None:
    expected, data = REFUSED[name]
    with pytest.raises(MalformedError) as refused:
        read(data, Limits(chunk_bytes=chunk_bytes))
    assert refused.value.code is expected


def test_a_hundred_levels_are_accepted() -> None:
    assert len(read(b"[" * 100 + b"]" * 100)) == 200


def test_paths_name_keys_and_stand_for_items() -> None:
    events = read(b'{"a":[{"b":1},{"b":[true]}],"c":null}')
    assert [(event.kind, event.path) for event in events if event.kind is Kind.VALUE] == [
        (Kind.VALUE, ("a", EACH, "b")),
        (Kind.VALUE, ("a", EACH, "b", EACH)),
        (Kind.VALUE, ("c",)),
    ]
    assert events[2] == Event(Kind.MAP, ("a", EACH), None)
    assert events[-1] == Event(Kind.MAP_END, (), None)


def test_a_refusal_points_at_the_place() -> None:
    with pytest.raises(MalformedError, match="/runs/1/results"):
        read(b'{"runs":[1,{"results":[1,2],"results":0}]}')


def test_a_refusal_quotes_nothing_of_the_values() -> None:
    with pytest.raises(MalformedError) as refused:
        read(b'{"a":"hunter2" "b"}')
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("split", range(1, 14))
def test_a_surrogate_pair_may_be_cut_by_a_chunk_anywhere(split: int) -> None:
    prefix = b'["' + b"x" * split
    data = prefix + rb'\ud83d\ude00"]'
    assert read(data, Limits(chunk_bytes=16))[1].value == "x" * split + "😀"


def test_a_string_larger_than_the_limit_is_refused() -> None:
    with pytest.raises(MalformedError) as refused:
        read(b'["' + b"x" * 10_000_000 + b'"]')
    assert refused.value.code is Code.TOO_LARGE


@pytest.mark.parametrize("data", [b"[" + b"1," * 50 + b"1]", b"{" + b",".join(b'"%d":1' % n for n in range(50)) + b"}"])
def test_more_values_or_keys_than_the_limit_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedError) as refused:
        read(data, Limits(max_events=40, max_tracked=40))
    assert refused.value.code is Code.TOO_LARGE
