"""Strict XML as a stream of start and end events, in memory that does not grow with the file.

XML 1.0 with namespaces, by expat behind defusedxml. Invariants: no entity is ever declared or expanded,
nothing outside of the file is ever read (a DOCTYPE is tolerated, its external subset ignored), nesting and
the size of one tag are bounded, text is kept only for the elements that the caller names. All that can be
wrong with the bytes comes out as `MalformedError` with line and column.
"""

from __future__ import annotations

import codecs
import contextlib
import re
from collections import deque
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, ParseError

from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from collector.formats.limits import Limits

# Numbers of expat's `enum XML_Error`, which are part of its interface.
_NO_MEMORY = 1
_INVALID_TOKEN = 4
_UNDEFINED_ENTITY = 11
_ENCODING_ERRORS = frozenset({6, 18, 19})
_STOPPED_SHORT = frozenset({3, 5, 6, 20, 29})
"""No element, unclosed token, partial character, unclosed CDATA, incomplete declaration: at the end, truncated."""

_DECLARED_ENCODING = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_LONGEST_CHARACTER = 4


class Start(NamedTuple):
    """An element opens: local name, attributes by local name, its depth (the root has 1), and its namespace."""

    name: str
    attributes: Mapping[str, str]
    depth: int
    namespace: str = ""


class End(NamedTuple):
    """An element closes: local name, its own text if the caller asked for it (else empty), and its depth."""

    name: str
    text: str
    depth: int


class _Target:
    """Collects what expat reports; `busy` says that it reported anything at all since it was last cleared."""

    def __init__(self, limits: Limits, text_of: frozenset[str], text_chars: int) -> None:
        self.events: deque[Start | End] = deque()
        self.busy = False
        self._limits = limits
        self._text_of = text_of
        self._text_chars = text_chars
        self._open: list[str] = []
        self._texts: list[str] = []
        self._count = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.busy = True
        self._count += 1
        namespace, _, name = tag.rpartition("}")
        self._open.append(name)
        self._texts.append("")
        if len(self._open) > self._limits.max_depth:
            raise MalformedError(Code.TOO_DEEP, f"elements are nested deeper than {self._limits.max_depth}")
        if self._count > self._limits.max_events:
            raise MalformedError(Code.TOO_LARGE, f"there are more than {self._limits.max_events} elements")
        if "}" in "".join(attributes):
            attributes = {_local(key): value for key, value in attributes.items()}
        self.events.append(Start(name, attributes, len(self._open), namespace[1:]))

    def end(self, _tag: str) -> None:
        self.busy = True
        depth = len(self._open)
        self.events.append(End(self._open.pop(), self._texts.pop(), depth))

    def data(self, text: str) -> None:
        self.busy = True
        if self._open and self._open[-1] in self._text_of:
            room = self._text_chars - len(self._texts[-1])
            self._texts[-1] += text[:room]

    def comment(self, _text: str) -> None:
        self.busy = True

    def pi(self, _target: str, _data: str | None = None) -> None:
        self.busy = True


def xml_events(
    stream: BinaryIO, limits: Limits, text_of: frozenset[str] = frozenset(), text_chars: int | None = None
) -> Iterator[Start | End]:
    """Read a stream of bytes to its end and yield its elements in document order.

    `text_of` names the elements whose own text is wanted; each text is cut at `text_chars`, by default
    `limits.max_text_chars`.
    Raises `MalformedError` with `truncated`, `bad_encoding`, `bad_syntax`, `entity`, `too_deep` or
    `too_large`; what was yielded before that belongs to a document that is none.
    """
    target = _Target(limits, text_of, limits.max_text_chars if text_chars is None else text_chars)
    parser = DefusedXMLParser(target=target, forbid_dtd=False, forbid_entities=True, forbid_external=True)
    window = encoding = b""
    silent = 0
    while chunk := stream.read(limits.chunk_bytes):
        encoding = encoding or _encoding(chunk)
        # What the parser has not digested yet is kept: it may put a token off until more of it came, or until the end.
        window = (window[-_LONGEST_CHARACTER:] if target.busy else window) + chunk
        target.busy = False
        with _translated(window, encoding, at_end=False):
            parser.feed(chunk)
        silent = 0 if target.busy else silent + len(chunk)
        if silent > limits.max_token_bytes:
            raise MalformedError(Code.TOO_LARGE, f"one tag is larger than {limits.max_token_bytes} bytes")
        while target.events:
            yield target.events.popleft()
    with _translated(window, encoding, at_end=True):
        parser.close()
    yield from target.events


@contextlib.contextmanager
def _translated(window: bytes, encoding: bytes, *, at_end: bool) -> Iterator[None]:
    """Turn what the parser raises into one of ours; at the end, where a document stops short, into `truncated`."""
    named = encoding.decode("ascii")
    try:
        yield
    except ParseError as error:
        if error.code == _NO_MEMORY:
            raise MemoryError from None
        if at_end and error.code in _STOPPED_SHORT:
            raise MalformedError(
                Code.TRUNCATED, f"{_where(error)}: the file ends here, before its document does", _HINT_TRUNCATED
            ) from None
        raise _refusal(error, window, named) from None
    except DefusedXmlException:
        raise _entity("an entity is declared or used") from None
    except (LookupError, ValueError):
        # How pyexpat answers an encoding that it does not know, or that is no table of single bytes.
        raise _bad_encoding(f"the encoding {named!r} is not supported") from None


_HINT_TRUNCATED = "let the tool that writes it finish, or write to another name and rename"


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _encoding(first: bytes) -> bytes:
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in first[:2]:
        return b"utf-16"
    declared = _DECLARED_ENCODING.search(first[:400])
    return declared[1] if declared else b"utf-8"


def _where(error: ParseError) -> str:
    line, column = error.position
    return f"line {line}, column {column + 1}"


def _entity(detail: str) -> MalformedError:
    return MalformedError(Code.ENTITY, detail, "write the report without entities and without external references")


def _bad_encoding(detail: str) -> MalformedError:
    return MalformedError(Code.BAD_ENCODING, detail, "write the report in UTF-8")


def _refusal(error: ParseError, window: bytes, encoding: str) -> MalformedError:
    if error.code == _UNDEFINED_ENTITY:
        return _entity(f"{_where(error)}: an entity is used that XML does not define")
    if error.code in _ENCODING_ERRORS or (error.code == _INVALID_TOKEN and not _decodes(window, encoding)):
        return _bad_encoding(f"{_where(error)}: bytes that are not {encoding}")
    # expat's own words are a closed list; they quote nothing of the file.
    words = str(error).partition(":")[0]
    return MalformedError(Code.BAD_SYNTAX, f"{_where(error)}: {words}", "make the report again; this is not XML")


def _decodes(window: bytes, encoding: str) -> bool:
    """Say whether a piece out of the middle of a file can be text in that encoding."""
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
        decoder.decode(window if encoding.lower() != "utf-8" else window.lstrip(bytes(range(0x80, 0xC0))))
    except (LookupError, UnicodeError):
        return False
    return True
