"""Large JSON documents by their items: each value at the places that a format names, read whole and strictly, fast.

As strict as `json_events`, in memory that does not grow with the file. The containers on the way to the places are
walked, every other value is read at once where it has at most `limits.max_item_chars`; a larger one is read by its
parts, and what is not wanted of them is let go. `limits.max_events` bounds the number of values that are read so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from collector.formats.json_events import EACH, HINT, HINT_TRUNCATED, Kind, pointer
from collector.formats.json_frames import OpenFrame, State, refusal
from collector.formats.json_places import tree
from collector.formats.json_quick import NO_VALUE, is_strict, scan_leniently
from collector.formats.json_strings import long_string
from collector.formats.json_window import Window
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collector.formats.json_events import Path
    from collector.formats.json_places import Node, Places
    from collector.formats.limits import Limits
    from shared.encoding import JsonObject, JsonValue

_COMMA = re.compile(r"[ \t\r\n]*,[ \t\r\n]*")
_COLON = re.compile(r"[ \t\r\n]*:[ \t\r\n]*")
_KEY = re.compile(r'"([^"\\\x00-\x1f]*)"[ \t\r\n]*:[ \t\r\n]*')
_OPENERS, _ENDS = frozenset("[{"), frozenset('"]}')
_MORE_OF_NUMBER = frozenset("0123456789.eE+-")
_KEPT_ITEMS = 4
_HINT_SHAPE = "make the report again with the JSON output of its tool"


class Piece(NamedTuple):
    """A wanted value, or the start or end of a container on the way to some, which has the value None.

    `path` is that of the place, `name` the key or the index that the value has where it stands.
    """

    kind: Kind
    path: Path
    name: str | int
    value: JsonValue


def json_items(stream: BinaryIO, limits: Limits, places: Places, *, rest: bool = False) -> Iterator[Piece]:
    """Read a JSON document to its end and yield the values at `places`, in document order.

    A place is a path with `EACH` and `ANY`, and comes with the paths that are wanted below it, or `ALL`. An item that
    is small enough is given as it stands; of a larger one nothing but these, and at its end. A place may be inside of
    another: what stands there is within the outer item where that is given as it stands, else it comes by itself.
    A null on the way to a place is yielded; any other value that is no array or object as the way has it is refused.
    `rest` yields all other values too, with the paths of `json_events`, large ones in parts.
    Raises `MalformedError` with `truncated`, `bad_encoding`, `bad_syntax`, `too_deep` or `too_large`; what was yielded
    before that belongs to a document that is none.
    """
    return _Reader(stream, limits, tree(places), rest=rest).pieces()


class _Reader:
    def __init__(self, stream: BinaryIO, limits: Limits, root: Node, *, rest: bool) -> None:
        self._window = Window(stream, limits)
        self._limits = limits
        self._root = root
        self._rest = rest
        self._open: list[OpenFrame] = []
        self._count = 0
        self._kept = 0

    def pieces(self) -> Iterator[Piece]:
        window = self._window
        if not window.skip_space():
            raise self._truncated()
        yield from self._top()
        while self._open:
            frame = self._open[-1]
            if not window.skip_space():
                raise self._truncated()
            sign = window.text[window.at]
            if sign == ("]" if frame.is_array else "}") and frame.state is not State.NEXT:
                window.at += 1
                yield from self._closed(self._open.pop())
            elif frame.state is State.BEHIND:
                if sign != ",":
                    raise self._refusal()
                window.at += 1
                frame.state = State.NEXT
            elif frame.is_array:
                yield from self._items(frame)
            else:
                yield from self._members(frame)
        if window.skip_space():
            raise MalformedError(Code.BAD_SYNTAX, f"there is more behind the JSON, at byte {window.offset}", HINT)

    # --- what comes next ----------------------------------------------------------------------------------------------

    def _top(self) -> Iterator[Piece]:
        """Read the document where it is a scalar, or small and no way; else open it."""
        window = self._window
        while not self._must_open(window.text, window.at, self._root):
            found = _read(window.text, window.at, is_last=window.ended)
            if found is not None:
                value, stop, _ = found
                self._check(window.text[window.at : stop], [value])
                window.at = stop
                yield from self._wanted(None, self._root, "", value, 0)
                return
            if not self._grow():
                break
        yield from self._large(None, self._root, "")

    def _items(self, frame: OpenFrame) -> Iterator[Piece]:
        """Read as many items of an array as are at hand, or the beginning of one that is too large."""
        window = self._window
        text, start = window.text, window.at
        node = frame.step(EACH)
        watched = bool(window.unclosed) or (node is not None and node.is_way)
        values: list[JsonValue] = []
        state, at, end, is_cut = frame.state, start, start, False
        while state is not State.BEHIND and not (watched and self._must_open(text, at, node)):
            found = _read(text, at)
            if found is None:
                is_cut = True
                break
            value, end, at = found
            values.append(value)
            state = State.NEXT if at > end else State.BEHIND
        if values:
            self._check(text[start:end], values)
            window.at, frame.state = at, state
            first, frame.index = frame.index + 1, frame.index + len(values)
            if node is not None or frame.built is not None or self._rest:
                for name, value in enumerate(values, first):
                    yield from self._wanted(frame, node, name, value, (end - start) // len(values))
        if is_cut and self._grow():
            return
        if not values:
            yield from self._large(frame, node, frame.index + 1)

    def _members(self, frame: OpenFrame) -> Iterator[Piece]:
        """Read as many members of an object as are at hand, or the beginning of one that is too large."""
        window = self._window
        text, start = window.text, window.at
        values: JsonObject = {}
        wanted: list[tuple[str, Node | None, int]] = []
        state, at, end, is_cut = frame.state, start, start, False
        key, value_at, node = None, start, None
        while state is not State.BEHIND:
            key, value_at = _read_key(text, at)
            node = None if key is None else frame.step(key)
            if key is not None and self._must_open(text, value_at, node):
                break
            found = None if key is None else _read(text, value_at)
            if key is None or found is None:
                is_cut = True
                break
            values[key], end, at = found
            self._note(frame, key)
            if node is not None or frame.built is not None or self._rest:
                wanted.append((key, node, end - value_at))
            state = State.NEXT if at > end else State.BEHIND
        if values:
            self._check(text[start:end], values)
            window.at, frame.state = at, state
            for name, where, size in wanted:
                yield from self._wanted(frame, where, name, values[name], size)
        if is_cut and self._grow():
            return
        if not values:
            if key is None:
                raise self._refusal()
            self._note(frame, key)
            window.at = value_at
            yield from self._large(frame, node, key)

    def _large(self, frame: OpenFrame | None, node: Node | None, name: str | int) -> Iterator[Piece]:
        """Begin with a value that cannot be read at once: because of its size, what is on the way to, or an error."""
        window = self._window
        if not window.skip_space():
            raise self._truncated()
        sign = window.text[window.at]
        if sign in _OPENERS:
            if not self._must_open(window.text, window.at, node):
                window.mark_unclosed(self._limits.max_depth)
            yield from self._opened(frame, node, name, is_array=sign == "[")
            return
        behind = "" if frame is None or frame.is_array else '"":'
        if sign != '"':
            raise self._refusal(behind)
        keep = node is not None or self._rest or (frame is not None and frame.kept(name) is not None)
        text = long_string(window, self._limits.max_token_bytes, keep=keep)
        if text is None:
            raise self._refusal(behind + '"')
        if frame is not None:
            frame.index += 1
            frame.state = State.BEHIND
        yield from self._wanted(frame, node, name, text, len(text))

    # --- what is wanted of it -----------------------------------------------------------------------------------------

    def _opened(
        self, frame: OpenFrame | None, node: Node | None, name: str | int, *, is_array: bool
    ) -> Iterator[Piece]:
        if node is not None and node.is_way and not node.takes(is_array=is_array):
            raise _shape(node)
        if len(self._open) >= self._limits.max_depth:
            raise MalformedError(Code.TOO_DEEP, f"values are nested deeper than {self._limits.max_depth}")
        self._counted(1)
        opened = OpenFrame(() if frame is None else frame.inner, name, node, is_array=is_array)
        if node is not None:
            opened.fields = node.fields
            opened.item = opened if node.fields is not None else None
        elif frame is not None:
            opened.fields = frame.kept(name)
            opened.item = frame.item
        if opened.fields is not None:
            opened.built = [] if is_array else {}
        if frame is not None:
            frame.index += 1
            frame.state = State.BEHIND
            if opened.built is not None and opened.item is not opened:
                frame.keep(name, opened.built, 1)
        self._open.append(opened)
        self._window.at += 1
        if opened.is_way or (self._rest and opened.item is None):
            yield Piece(Kind.ARRAY if is_array else Kind.MAP, _path(opened), name, None)

    def _closed(self, frame: OpenFrame) -> Iterator[Piece]:
        if frame.item is frame:
            yield Piece(Kind.VALUE, _path(frame), frame.name, frame.built)
        elif frame.is_way or (self._rest and frame.item is None):
            yield Piece(Kind.ARRAY_END if frame.is_array else Kind.MAP_END, _path(frame), frame.name, None)

    def _wanted(
        self, frame: OpenFrame | None, node: Node | None, name: str | int, value: JsonValue, size: int
    ) -> Iterator[Piece]:
        """Yield a value that was read at once, where it is wanted, or keep it for the item that it belongs to."""
        if node is not None:
            if value is not None and node.is_way:
                raise _shape(node)
            yield Piece(Kind.VALUE, node.path, name, value)
        elif frame is not None and frame.built is not None:
            if frame.kept(name) is not None:
                frame.keep(name, value, size)
                if frame.item is not None and frame.item.size > _KEPT_ITEMS * self._limits.max_item_chars:
                    raise self._too_large()
        elif self._rest and (frame is None or frame.item is None):
            path = () if frame is None else (*frame.path, EACH if frame.is_array else name)
            yield Piece(Kind.VALUE, path, name, value)

    # --- what is wrong with it ----------------------------------------------------------------------------------------

    def _must_open(self, text: str, at: int, node: Node | None) -> bool:
        """Say whether a container begins here that is on the way to a place, or is known to be too large."""
        return text[at : at + 1] in _OPENERS and (at in self._window.unclosed or (node is not None and node.is_way))

    def _grow(self) -> bool:
        """Get more text, if that may complete the value that comes next; False if it may not."""
        if self._window.ended or self._window.left >= self._limits.max_item_chars:
            return False
        self._window.more()
        return True

    def _check(self, text: str, members: list[JsonValue] | JsonObject) -> None:
        self._counted(len(members))
        if not is_strict(text, members, self._limits.max_depth - len(self._open)):
            raise refusal(self._open, text, self._window.offset, self._limits, unfinished=Code.BAD_SYNTAX)

    def _counted(self, number: int) -> None:
        self._count += number
        if self._count > self._limits.max_events:
            raise MalformedError(Code.TOO_LARGE, f"there are more than {self._limits.max_events} values")

    def _note(self, frame: OpenFrame, key: str) -> None:
        frame.go_to(key)
        if not frame.note(key):
            raise MalformedError(Code.BAD_SYNTAX, f"a key stands twice in one object, at {pointer(self._open)}", HINT)
        if frame.keys is not None and len(frame.keys) > self._limits.max_tracked:
            raise MalformedError(Code.TOO_LARGE, f"an object has more than {self._limits.max_tracked} keys")

    def _refusal(self, behind: str = "") -> MalformedError:
        window = self._window
        unfinished = Code.TRUNCATED if window.ended else Code.TOO_LARGE
        text, offset = window.text[window.at :], window.offset
        return refusal(self._open, text, offset, self._limits, behind=behind, unfinished=unfinished)

    def _truncated(self) -> MalformedError:
        where = pointer(self._open)
        return MalformedError(Code.TRUNCATED, f"the file ends behind {where}, before its JSON does", HINT_TRUNCATED)

    def _too_large(self) -> MalformedError:
        most = _KEPT_ITEMS * self._limits.max_item_chars
        return MalformedError(
            Code.TOO_LARGE, f"what is read of one item is larger than {most}, at {pointer(self._open)}"
        )


def _shape(node: Node) -> MalformedError:
    """Refuse what is no array or object where one has to be on the way."""
    names = [name for is_array, name in ((True, "an array"), (False, "an object")) if node.takes(is_array=is_array)]
    at = "/".join("*" if isinstance(part, int) else part for part in node.path)
    return MalformedError(Code.BAD_SYNTAX, f"/{at} is not {' or '.join(names)}", _HINT_SHAPE)


def _path(frame: OpenFrame) -> Path:
    return frame.path if frame.node is None else frame.node.path


def _read(text: str, at: int, *, is_last: bool = False) -> tuple[JsonValue, int, int] | None:
    """Return a value, where it ends, and where the next one stands, which is the same where no comma follows.

    None where there is no whole value; a number is whole where it is seen to end, or nothing follows (`is_last`).
    """
    try:
        value, end = scan_leniently(text, at)
    except NO_VALUE:
        return None
    if comma := _COMMA.match(text, end):
        return value, end, comma.end()
    following = text[end : end + 1]
    if text[end - 1] in _ENDS or (following not in _MORE_OF_NUMBER if following else is_last):
        return value, end, end
    return None


def _read_key(text: str, at: int) -> tuple[str | None, int]:
    """Return a key and where its value stands; None where there is no whole key."""
    if plain := _KEY.match(text, at):
        return plain[1], plain.end()
    if not text.startswith('"', at):
        return None, at
    try:
        key, end = scan_leniently(text, at)
    except NO_VALUE:
        return None, at
    colon = _COLON.match(text, end)
    return (str(key), colon.end()) if colon else (None, at)
