"""The containers that a reader of items has open, and why the text that comes next within them is no JSON."""

from __future__ import annotations

import io
from enum import Enum
from typing import TYPE_CHECKING

from pydantic_core import to_json

from collector.formats.json_events import EACH, HINT, Frame, json_events, pointer
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collector.formats.json_events import Path
    from collector.formats.json_places import Node
    from collector.formats.limits import Limits
    from shared.encoding import JsonObject, JsonValue

_VALUE_BYTES = 64


class State(Enum):
    """What was read last in an open container: nothing, a comma, a member; as JSON, of an array and of an object."""

    FRESH = ("", "")
    NEXT = ("0,", '"":0,')
    BEHIND = ("0 ", '"":0 ')


class OpenFrame(Frame):
    """An open container: its name, its step on the way, what was read of it, and what is kept where it is wanted.

    `built` is what is kept of a wanted value that is read by its parts, `fields` what is wanted of it; `item` is the
    frame of the whole value that it belongs to, and `size` about how many bytes are kept of that. `mark` is what it
    looks like between two members, "" where that is not known, None where that does not tell.
    """

    __slots__ = ("built", "fields", "item", "mark", "name", "node", "size", "state")

    def __init__(self, path: Path, name: str | int, node: Node | None, *, is_array: bool) -> None:
        """Open it, with nothing read."""
        super().__init__(path, None if is_array else set())
        self.name = name
        self.node = node
        self.state = State.FRESH
        self.fields: Node | None = None
        self.built: list[JsonValue] | JsonObject | None = None
        self.item: OpenFrame | None = None
        self.size = 0
        self.mark: str | None = ""

    @property
    def is_array(self) -> bool:
        """Whether it is an array, else an object."""
        return self.keys is None

    @property
    def is_way(self) -> bool:
        """Whether it stands on the way to a place, and is no place itself."""
        return self.node is not None and self.item is None

    def step(self, key: str | int) -> Node | None:
        """Return the step on the way to a member, None where nothing is wanted."""
        return None if self.node is None else self.node.step(key)

    def kept(self, key: str | int) -> Node | None:
        """Return what is wanted of a member of what is built, None for nothing."""
        if self.built is None or self.fields is None or self.fields.whole:
            return self.fields
        return self.fields.step(EACH if self.is_array else key)

    def keep(self, key: str | int, value: JsonValue) -> None:
        """Put a member into what is built, and count about what memory it takes."""
        if self.item is not None:
            written = to_json(value)
            self.item.size += len(written) + _VALUE_BYTES * (
                1 + sum(written.count(sign) for sign in (b",", b"[", b"{"))
            )
        if isinstance(self.built, list):
            self.built.append(value)
        elif isinstance(self.built, dict):
            self.built[str(key)] = value

    def plain(self) -> Frame:
        """Return a frame that stands where this one does, and has seen no key but the current one."""
        frame = Frame(self.path, None if self.is_array else {str(key) for key in self.inner[len(self.path) :]})
        frame.index, frame.inner = self.index, self.inner
        return frame


def refusal(
    frames: Sequence[OpenFrame], text: str, offset: int, limits: Limits, *, behind: str = "", unfinished: Code
) -> MalformedError:
    """Say what is wrong with a text that stands in these containers, at a byte of the file, as `json_events` does.

    `behind` is what stands before it and no frame knows: the key of a value, the quotation mark of a string. The code
    is `unfinished` where nothing is wrong but that something is missing.
    """
    openers = "".join("[" if frame.is_array else '{"":' for frame in frames[:-1])
    if frames:
        openers += ("[" if frames[-1].is_array else "{") + frames[-1].state.value[not frames[-1].is_array]
    within = [frame.plain() for frame in frames]
    stream = io.BytesIO(text.encode())
    try:
        for _ in json_events(stream, limits, within=within, behind=(openers + behind).encode(), offset=offset):
            pass
    except MalformedError as error:
        if error.code is not Code.TRUNCATED or unfinished is Code.TRUNCATED:
            return error
    where = f"at {pointer(within)}, byte {offset}"
    if unfinished is Code.TOO_LARGE:
        return MalformedError(unfinished, f"a key is larger than {limits.max_item_chars} characters, {where}")
    return MalformedError(Code.BAD_SYNTAX, f"not JSON {where}", HINT)
