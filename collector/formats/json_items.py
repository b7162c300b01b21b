"""Large JSON documents by their items: each value at the places that a format names, read whole and strictly, fast.

As strict as `json_events`, in memory that does not grow with the file. The containers on the way to the places are
walked, every other value is read at once where it has at most `limits.max_item_chars`; a larger one is read by its
parts, and what is not wanted of them is let go. `limits.max_events` bounds the number of values that are read so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from collector.formats.json_batches import Batch, border, items, members, read_value, run
from collector.formats.json_events import EACH, HINT, HINT_TRUNCATED, Kind, pointer
from collector.formats.json_frames import OpenFrame, State, refusal
from collector.formats.json_places import tree
from collector.formats.json_quick import strict_members
from collector.formats.json_strings import long_string
from collector.formats.json_window import Window
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collector.formats.json_events import Path
    from collector.formats.json_places import Node, Places
    from collector.formats.limits import Limits
    from shared.encoding import JsonObject, JsonValue

_OPENERS = frozenset("[{")
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
    A null on the way to a place is yielded; for any other value that is no array or object as the way has it the file
    is refused at its end, so that it is refused for what is no JSON, or cut, before it is for that.
    `rest` yields all other values too, with the paths of `json_events`, large ones in parts.
    Raises `MalformedError` with `truncated`, `bad_encoding`, `bad_syntax`, `too_deep` or `too_large`; what was yielded
    before that belongs to a document that is none.
    """
    return _Reader(stream, limits, tree(places) if places else None, rest=rest).pieces()


class _Reader:
    def __init__(self, stream: BinaryIO, limits: Limits, root: Node | None, *, rest: bool) -> None:
        self._window = Window(stream, limits)
        self._limits = limits
        self._root = root
        self._rest = rest
        self._open: list[OpenFrame] = []
        self._ready: list[Piece] = []
        self._count = 0
        self._misshapen: MalformedError | None = None

    def pieces(self) -> Iterator[Piece]:
        window = self._window
        if not window.skip_space():
            raise self._truncated()
        self._top()
        while self._open:
            yield from self._ready
            self._ready.clear()
            if not window.skip_space():
                raise self._truncated()
            self._step(self._open[-1], window.text[window.at])
        yield from self._ready
        if window.skip_space():
            raise MalformedError(Code.BAD_SYNTAX, f"there is more behind the JSON, at byte {window.offset}", HINT)
        if self._misshapen is not None:
            raise self._misshapen

    def _step(self, frame: OpenFrame, sign: str) -> None:
        """Go on in a container before a sign that is no white space."""
        if sign == ("]" if frame.is_array else "}") and frame.state is not State.NEXT:
            self._window.at += 1
            self._close()
        elif frame.state is not State.BEHIND:
            self._inside(frame)
        elif sign == ",":
            self._window.at += 1
            frame.state = State.NEXT
        else:
            raise self._refusal()

    # --- what comes next ----------------------------------------------------------------------------------------------

    def _top(self) -> None:
        """Read the document where it is small or a scalar, else open it."""
        window, root = self._window, self._root
        while True:
            found = read_value(window.text, window.at, is_last=window.ended)
            if found is not None:
                value, stop, _ = found
                self._check(window.text[window.at : stop], [value])
                window.at = stop
                self._take(None, root, "", value)
                return
            if self._is_way(root) or not self._grow():
                break
        self._large(None, root, "")

    def _inside(self, frame: OpenFrame) -> None:
        """Read as many members of a container as are at hand, or the beginning of one that is too large."""
        batch = self._run(frame) or self._batch(frame)
        if batch.members:
            if batch.is_strict:
                self._counted(len(batch.members))
            else:
                self._check(self._window.text[self._window.at : batch.end], batch.members)
            self._window.at, frame.state = batch.at, State.NEXT if batch.at > batch.end else State.BEHIND
            self._take_all(frame, batch.members)
            # What follows the last of many looks like no whole member; to find that out would read it in vain.
            if batch.is_cut or (batch.is_strict and self._window.left < self._limits.chunk_bytes):
                self._grow()
            return
        key: str | int | None = frame.index + 1 if frame.is_array else batch.key
        node = None if key is None else frame.step(EACH if frame.is_array else key)
        # A container on the way that fills the window is begun; one that does not may be whole in the next.
        is_begun = self._is_way(node) and self._begins_container(batch.value_at)
        if batch.is_cut and (not is_begun or self._window.left < self._limits.chunk_bytes) and self._grow():
            return
        if key is None or (isinstance(key, str) and not _is_text(key)):
            raise self._refusal()
        if isinstance(key, str):
            self._note(frame, key)
            self._window.at = batch.value_at
        self._large(frame, node, key)

    def _run(self, frame: OpenFrame) -> Batch | None:
        """Try to read many members at a time."""
        if not frame.mark:
            return None
        batch = run(self._window.text, self._window.at, frame.mark, self._levels, is_array=frame.is_array)
        if batch is None:
            frame.mark = None
        return batch if batch and batch.members else None

    def _batch(self, frame: OpenFrame) -> Batch:
        """Read members one by one, and see what is between two of them."""
        window = self._window
        batch = (items if frame.is_array else members)(window.text, window.at, window.unclosed)
        if frame.mark is not None and batch.members and batch.end < batch.at < len(window.text):
            frame.mark = border(window.text, batch.end, batch.at)
        return batch

    def _take_all(self, frame: OpenFrame, read: list[JsonValue] | JsonObject) -> None:
        """Go on behind members that were read, and take what is wanted of them."""
        first = frame.index + 1
        frame.index += len(read)
        if isinstance(read, dict):
            for key in read:
                self._note(frame, key)
        if frame.node is None and frame.built is None and not self._rest:
            return
        for name, value in read.items() if isinstance(read, dict) else enumerate(read, first):
            node = frame.step(EACH if frame.is_array else name)
            if node is not None and not node.is_way:  # as `_take` would, but these are the many
                self._ready.append(Piece(Kind.VALUE, node.path, name, value))
            else:
                self._take(frame, node, name, value)

    def _large(self, frame: OpenFrame | None, node: Node | None, name: str | int) -> None:
        """Begin with a value that cannot be read at once: because of its size, what is on the way to, or an error."""
        window = self._window
        if not window.skip_space():
            raise self._truncated()
        sign = window.text[window.at]
        if sign in _OPENERS:
            if not self._is_way(node) and window.at not in window.unclosed:
                window.mark_unclosed(self._limits.max_depth)
            self._begin(frame, node, name, is_array=sign == "[")
            return
        behind = "" if frame is None or frame.is_array else '"":'
        value = self._long_string(frame, node, name, behind) if sign == '"' else self._long_scalar(behind)
        if frame is not None:
            frame.index += 1
            frame.state = State.BEHIND
        self._take(frame, node, name, value)

    def _long_string(self, frame: OpenFrame | None, node: Node | None, name: str | int, behind: str) -> JsonValue:
        keep = node is not None or self._rest or (frame is not None and frame.kept(name) is not None)
        text = long_string(self._window, self._limits.max_token_bytes, keep=keep)
        if text is None:
            raise self._refusal(behind + '"')
        return text

    def _long_scalar(self, behind: str) -> JsonValue:
        """Read a number or a literal, which is long together with its key or with what is no JSON."""
        window = self._window
        while (found := read_value(window.text, window.at, is_last=window.ended)) is None:
            if not self._grow():
                raise self._refusal(behind, Code.BAD_SYNTAX)
        value, end, _ = found
        self._check(window.text[window.at : end], [value])
        window.at = end
        return value

    # --- what is wanted of it -----------------------------------------------------------------------------------------

    def _begin(self, frame: OpenFrame | None, node: Node | None, name: str | int, *, is_array: bool) -> None:
        """Open a container."""
        if node is not None and node.is_way and not node.takes(is_array=is_array):
            self._misshapen = self._misshapen or _shape(node)
            node = None
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
                frame.keep(name, opened.built)
        self._open.append(opened)
        self._window.at += 1
        if opened.is_way or (self._rest and opened.item is None):
            self._ready.append(Piece(Kind.ARRAY if is_array else Kind.MAP, _path(opened), name, None))

    def _close(self) -> None:
        frame = self._open.pop()
        if frame.item is frame:
            self._ready.append(Piece(Kind.VALUE, _path(frame), frame.name, frame.built))
        elif frame.is_way or (self._rest and frame.item is None):
            kind = Kind.ARRAY_END if frame.is_array else Kind.MAP_END
            self._ready.append(Piece(kind, _path(frame), frame.name, None))

    def _take(self, frame: OpenFrame | None, node: Node | None, name: str | int, value: JsonValue) -> None:
        """Take what is wanted of a value that was read at once, or keep it for the item that it belongs to."""
        path: Path = () if frame is None else (*frame.path, EACH if frame.is_array else name)
        if node is not None:
            self._take_below(node, path, name, value)
        elif frame is not None and frame.built is not None:
            if frame.kept(name) is not None:
                frame.keep(name, value)
                if frame.item is not None and frame.item.size > self._limits.max_item_bytes:
                    raise self._too_large()
        elif self._rest and (frame is None or frame.item is None):
            self._ready.append(Piece(Kind.VALUE, path, name, value))

    def _take_below(self, node: Node, path: Path, name: str | int, value: JsonValue) -> None:
        """Take a wanted value, or those further down in it with the containers on the way to them."""
        is_array = isinstance(value, list)
        if not node.is_way or value is None:
            self._ready.append(Piece(Kind.VALUE, node.path, name, value))
        elif not isinstance(value, dict | list) or not node.takes(is_array=is_array):
            self._misshapen = self._misshapen or _shape(node)
        else:
            self._ready.append(Piece(Kind.ARRAY if is_array else Kind.MAP, node.path, name, None))
            for key, member in value.items() if isinstance(value, dict) else enumerate(value):
                step = node.step(EACH if is_array else key)
                if step is not None and not step.is_way:
                    self._ready.append(Piece(Kind.VALUE, step.path, key, member))
                elif step is not None:
                    self._take_below(step, (*path, EACH if is_array else key), key, member)
                elif self._rest:
                    self._ready.append(Piece(Kind.VALUE, (*path, EACH if is_array else key), key, member))
            self._ready.append(Piece(Kind.ARRAY_END if is_array else Kind.MAP_END, node.path, name, None))

    # --- what is wrong with it ----------------------------------------------------------------------------------------

    @property
    def _levels(self) -> int:
        """How many containers may still stand inside of each other."""
        return self._limits.max_depth - len(self._open)

    @staticmethod
    def _is_way(node: Node | None) -> bool:
        return node is not None and node.is_way

    def _begins_container(self, at: int) -> bool:
        return self._window.text[at : at + 1] in _OPENERS

    def _grow(self) -> bool:
        """Get more text, if that may complete the value that comes next; False if it may not."""
        if self._window.ended or self._window.left >= self._limits.max_item_chars:
            return False
        self._window.more()
        return True

    def _check(self, text: str, members: list[JsonValue] | JsonObject) -> None:
        self._counted(len(members))
        if strict_members(text, self._levels, is_array=isinstance(members, list)) is None:
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

    def _refusal(self, behind: str = "", unfinished: Code = Code.TOO_LARGE) -> MalformedError:
        window = self._window
        code = Code.TRUNCATED if window.ended else unfinished
        return refusal(
            self._open, window.text[window.at :], window.offset, self._limits, behind=behind, unfinished=code
        )

    def _truncated(self) -> MalformedError:
        where = pointer(self._open)
        return MalformedError(Code.TRUNCATED, f"the file ends behind {where}, before its JSON does", HINT_TRUNCATED)

    def _too_large(self) -> MalformedError:
        where = pointer(self._open)
        return MalformedError(
            Code.TOO_LARGE, f"one item takes more than {self._limits.max_item_bytes} bytes, at {where}"
        )


def _is_text(key: str) -> bool:
    """Whether it holds no half of a surrogate pair."""
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shape(node: Node) -> MalformedError:
    """Refuse what is no array or object where one has to be on the way."""
    names = [name for is_array, name in ((True, "an array"), (False, "an object")) if node.takes(is_array=is_array)]
    at = "/".join("*" if isinstance(part, int) else part for part in node.path)
    return MalformedError(Code.BAD_SYNTAX, f"/{at} is not {' or '.join(names)}", _HINT_SHAPE)


def _path(frame: OpenFrame) -> Path:
    return frame.path if frame.node is None else frame.node.path
