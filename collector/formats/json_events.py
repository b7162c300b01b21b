"""Strict JSON as a stream of events with their paths, in memory that does not grow with the file.

RFC 8259 by ijson (yajl), and what yajl lets pass is refused here: bytes that are not UTF-8 (a UTF-8
byte-order mark in front is tolerated), control characters, half surrogate pairs, duplicate keys, integers
outside of +-2^53, nesting deeper than 100. All that can be wrong with the bytes comes out as
`MalformedError` with a JSON pointer (RFC 6901) or the byte offset; what was yielded before that belongs to
a document that is none.
"""

from __future__ import annotations

from enum import Enum
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

import ijson

from collector.formats.json_bytes import ByteCheck
from shared.encoding import MAX_INTEGER
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from collector.formats.limits import Limits

Path = tuple[str | int, ...]
Scalar = str | int | float | bool | None

EACH: Final = 0
"""Stands in a path for any item of an array: `("runs", EACH, "tool")`."""

HINT = "make the report again; this is not strict JSON (RFC 8259)"
HINT_TRUNCATED = "let the tool that writes it finish, or write to another name and rename"
_POINTER_CHARS = 200
_SHOWN_KEY_CHARS, _LONG = 100, "..."
_KEPT_KEY_CHARS = 200


class Kind(Enum):
    """What an event is."""

    VALUE = 0
    MAP = 1
    MAP_END = 2
    ARRAY = 3
    ARRAY_END = 4


class Event(NamedTuple):
    """A value, or the start or end of a container, at a path; `value` is None for containers."""

    kind: Kind
    path: Path
    value: Scalar


class Frame:
    """An open container: the path of its items, and the keys or the number of items seen."""

    __slots__ = ("index", "inner", "keys", "path")

    def __init__(self, path: Path, keys: set[str] | None) -> None:
        self.path = path
        self.keys = keys
        self.inner: Path = path if keys is not None else (*path, EACH)
        self.index = -1

    def note(self, key: str) -> bool:
        """Remember a key of the object; False where it has that key already."""
        seen = key if len(key) <= _KEPT_KEY_CHARS else blake2b(key.encode("utf-8", "surrogatepass")).hexdigest()
        if self.keys is None or seen in self.keys:
            return False
        self.keys.add(seen)
        return True

    def go_to(self, key: str) -> None:
        """Go on to the member of that key."""
        self.inner = (*self.path, key)


_CONTAINERS = {
    "start_map": Kind.MAP,
    "start_array": Kind.ARRAY,
    "end_map": Kind.MAP_END,
    "end_array": Kind.ARRAY_END,
}


def pointer(frames: Iterable[Frame]) -> str:
    """Say where one is that has these containers open, outermost first: a JSON pointer, or "the top"."""
    shown = ""
    for frame in frames:
        if frame.index < 0 and not frame.keys:
            continue
        part = str(frame.index) if frame.keys is None else str(frame.inner[-1])
        # Whole keys or none: half of one may be half of a secret, which nobody would know for one any more.
        plain = "".join(letter for letter in part if letter.isprintable()) if len(part) <= _SHOWN_KEY_CHARS else _LONG
        if len(shown) + len(plain) > _POINTER_CHARS:
            return f"{shown}/{_LONG}"
        shown += "/" + plain.replace("~", "~0").replace("/", "~1")
    return shown or "the top"


class _Strict:
    """Turns the parser's bare events into events with paths, and refuses what the parser lets pass."""

    def __init__(self, limits: Limits, frames: Iterable[Frame] = ()) -> None:
        self._limits = limits
        self._open = list(frames)
        self._count = 0

    @property
    def is_whole(self) -> bool:
        """Whether the value is read to its end."""
        return self._count > 0 and not self._open

    def pointer(self) -> str:
        return pointer(self._open)

    def event(self, name: str, value: Any) -> Event | None:  # noqa: ANN401 - ijson is untyped
        """Return the event with its path, None for a key; raises `MalformedError`."""
        if name == "map_key":
            self._key(value)
            return None
        kind = _CONTAINERS.get(name, Kind.VALUE)
        if kind is Kind.MAP_END or kind is Kind.ARRAY_END:
            return Event(kind, self._open.pop().path, None)
        path = self._item()
        if kind is Kind.VALUE:
            self._check_number(value)
            return Event(kind, path, value)
        if len(self._open) >= self._limits.max_depth:
            raise MalformedError(Code.TOO_DEEP, f"values are nested deeper than {self._limits.max_depth}")
        self._open.append(Frame(path, set() if kind is Kind.MAP else None))
        return Event(kind, path, None)

    def _key(self, key: str) -> None:
        frame = self._open[-1]
        if not frame.note(key):
            raise self._refusal("a key stands twice in one object")
        frame.go_to(key)
        if frame.keys is not None and len(frame.keys) > self._limits.max_tracked:
            raise MalformedError(Code.TOO_LARGE, f"an object has more than {self._limits.max_tracked} keys")

    def _item(self) -> Path:
        self._count += 1
        if self._count > self._limits.max_events:
            raise MalformedError(Code.TOO_LARGE, f"there are more than {self._limits.max_events} values")
        if not self._open:
            return ()
        frame = self._open[-1]
        frame.index += 1
        return frame.inner

    def _check_number(self, value: object) -> None:
        if isinstance(value, int) and not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise self._refusal("an integer is outside of +-2^53")

    def _refusal(self, detail: str) -> MalformedError:
        return MalformedError(Code.BAD_SYNTAX, f"{detail}, at {self.pointer()}", HINT)


def json_events(
    stream: BinaryIO, limits: Limits, *, within: Sequence[Frame] = (), behind: bytes = b"", offset: int = 0
) -> Iterator[Event]:
    """Read a stream of bytes to its end and yield its values and containers in document order.

    A stream may begin in the midst of a document: `within` the containers that are open there, `behind` JSON that
    opens as many (of it nothing is yielded), at the byte `offset`.
    Raises `MalformedError` with `truncated`, `bad_encoding`, `bad_syntax`, `too_deep` or `too_large`.
    """
    strict = _Strict(limits, within)
    check = ByteCheck(offset)
    bare: Any = ijson.sendable_list()
    parser = ijson.get_backend("yajl2_c").basic_parse_coro(bare, use_float=True)
    _feed(parser, behind)
    del bare[:]
    silent = 0
    while chunk := stream.read(limits.chunk_bytes):
        failed = not _feed(parser, check.chunk(chunk))
        silent = 0 if bare else silent + len(chunk)
        for name, value in bare:
            if (event := strict.event(name, value)) is not None:
                yield event
        del bare[:]
        if failed:
            raise MalformedError(
                Code.BAD_SYNTAX, f"not JSON behind {strict.pointer()}, before byte {check.offset}", HINT
            )
        if silent > limits.max_token_bytes:
            raise MalformedError(Code.TOO_LARGE, f"one value is larger than {limits.max_token_bytes} bytes")
    if strict.is_whole and not _feed(parser, b"\n"):  # else the parser lets the beginning of a string pass
        raise MalformedError(Code.BAD_SYNTAX, f"there is more behind the JSON, before byte {check.offset}", HINT)
    if not _close(parser):
        raise MalformedError(
            Code.TRUNCATED, f"the file ends behind {strict.pointer()}, before its JSON does", HINT_TRUNCATED
        )
    check.end()
    for name, value in bare:
        if (event := strict.event(name, value)) is not None:
            yield event


def _feed(parser: Any, chunk: bytes) -> bool:  # noqa: ANN401 - ijson is untyped
    if not chunk:  # to the parser this is the end
        return True
    try:
        parser.send(chunk)
    except (ijson.JSONError, ValueError):
        return False
    return True


def _close(parser: Any) -> bool:  # noqa: ANN401 - ijson is untyped
    try:
        parser.close()
    except (ijson.JSONError, ValueError):
        return False
    return True
