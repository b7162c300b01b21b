"""A small JSON document as one value, built from strict events; for formats that are small by nature."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from collector.formats.json_events import Kind, json_events
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.json_events import Event
    from collector.formats.limits import Limits
    from shared.encoding import JsonValue

_MAX_EVENTS = 50_000


def json_tree(stream: BinaryIO, limits: Limits) -> JsonValue:
    """Read a stream to its end into one value; raises `MalformedError`, `too_large` past 50,000 events."""
    holder: list[JsonValue] = []
    open_containers: list[JsonValue] = [holder]
    for number, event in enumerate(json_events(stream, limits)):
        if number > _MAX_EVENTS:
            raise MalformedError(Code.TOO_LARGE, f"there are more than {_MAX_EVENTS} values")
        if event.kind in {Kind.MAP_END, Kind.ARRAY_END}:
            open_containers.pop()
            continue
        value: JsonValue = event.value
        if event.kind is Kind.MAP:
            value = {}
        elif event.kind is Kind.ARRAY:
            value = []
        _put(open_containers[-1], event, value)
        if event.kind is not Kind.VALUE:
            open_containers.append(value)
    return holder[0]


def _put(container: JsonValue, event: Event, value: JsonValue) -> None:
    if isinstance(container, list):
        container.append(value)
    elif isinstance(container, dict):
        container[str(event.path[-1])] = value
