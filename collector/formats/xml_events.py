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
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, NoReturn, Protocol

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
_XML = "http://www.w3.org/XML/1998/namespace}"


class Start(NamedTuple):
    """An element opens: local name, attributes by local name, its depth (the root has 1), and its namespace.

    Attributes of the prefix `xml`, which means the same in every document, keep the namespace in their names.
    """

    name: str
    attributes: Mapping[str, str]
    depth: int
    namespace: str = ""


class End(NamedTuple):
    """An element closes: local name, its own text if the caller asked for it (else empty), and its depth."""

    name: str
    text: str
    depth: int


class Handler(Protocol):
    """Is told of the elements of a document as they come, with what `Start` and `End` hold."""

    def start(self, name: str, attributes: Mapping[str, str], depth: int, namespace: str) -> object:
        """Take the start of an element; may raise `MalformedError`."""

    def end(self, name: str, text: str, depth: int) -> object:
        """Take the end of an element; may raise `MalformedError`."""


def xml_events(
    stream: BinaryIO, limits: Limits, text_of: frozenset[str] = frozenset(), text_chars: int | None = None
) -> Iterator[Start | End]:
    """Read a stream of bytes to its end and yield its elements in document order.

    `text_of` names the elements whose own text is wanted; each text is cut at `text_chars`, by default
    `limits.max_text_chars`.
    Raises `MalformedError` with `truncated`, `bad_encoding`, `bad_syntax`, `entity`, `too_deep` or
    `too_large`; what was yielded before that belongs to a document that is none.
    """
    collected = _Collected()
    for _ in _parsed(stream, collected, limits, text_of, text_chars):
        yield from collected.events
        collected.events.clear()


def read_xml(
    stream: BinaryIO,
    handler: Handler,
    limits: Limits,
    text_of: frozenset[str] = frozenset(),
    text_chars: int | None = None,
) -> None:
    """Read as `xml_events` does, and tell a handler; for the formats whose files are largest."""
    for _ in _parsed(stream, handler, limits, text_of, text_chars):
        pass


class _Collected:
    """Keeps events until they are fetched."""

    def __init__(self) -> None:
        self.events: list[Start | End] = []

    def start(self, name: str, attributes: Mapping[str, str], depth: int, namespace: str) -> None:
        self.events.append(Start(name, attributes, depth, namespace))

    def end(self, name: str, text: str, depth: int) -> None:
        self.events.append(End(name, text, depth))


def _parsed(
    stream: BinaryIO, handler: Handler, limits: Limits, text_of: frozenset[str], text_chars: int | None
) -> Iterator[None]:
    """Read a stream chunk by chunk; the handler has been told of each when this yields."""
    parser: Any = DefusedXMLParser(target=object(), forbid_dtd=False, forbid_entities=True, forbid_external=True)
    expat = parser.parser
    _tell(expat, handler, limits, text_of, limits.max_text_chars if text_chars is None else text_chars)
    window = encoding = b""
    size = 0
    while chunk := stream.read(limits.chunk_bytes):
        encoding = encoding or _encoding(chunk)
        size += len(chunk)
        window += chunk
        with _translated(window, encoding, at_end=False):
            parser.feed(chunk)
        # The parser may put a token off until more of it came, or until the end; from where it began is kept.
        undigested = size - max(0, expat.CurrentByteIndex)
        if undigested - len(chunk) > limits.max_token_bytes:
            raise MalformedError(Code.TOO_LARGE, f"one tag is larger than {limits.max_token_bytes} bytes")
        window = window[-undigested - _LONGEST_CHARACTER :]
        yield
    with _translated(window, encoding, at_end=True):
        parser.close()
    yield


def _tell(
    expat: Any,  # noqa: ANN401 - expat's parsers have no type
    handler: Handler,
    limits: Limits,
    text_of: frozenset[str],
    text_chars: int,
) -> None:
    """Let expat tell a handler of elements, with as few calls as can be: no text but where it is wanted."""
    max_depth, max_count = limits.max_depth, limits.max_events
    start_of, end_of = handler.start, handler.end
    depth = count = 0
    has_prefixes = False
    texts: list[str | None] = []  # of the outermost element with text that is open, and of those in it

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, count
        depth += 1
        count += 1
        if depth > max_depth:
            raise MalformedError(Code.TOO_DEEP, f"elements are nested deeper than {max_depth}")
        if count > max_count:
            raise MalformedError(Code.TOO_LARGE, f"there are more than {max_count} elements")
        namespace = ""
        if "}" in tag:
            namespace, _, tag = tag.rpartition("}")
        if has_prefixes and "}" in "".join(attributes):
            attributes = _by_local_name(attributes)
        if texts or tag in text_of:
            texts.append("" if tag in text_of else None)
            listen()
        start_of(tag, attributes, depth, namespace)

    def end(tag: str) -> None:
        nonlocal depth
        text = None
        if texts:
            text = texts.pop()
            listen()
        depth -= 1
        end_of(_local(tag) if "}" in tag else tag, text or "", depth + 1)

    def declare(prefix: str | None, _namespace: str) -> None:
        nonlocal has_prefixes
        has_prefixes = has_prefixes or prefix is not None

    def listen() -> None:
        expat.CharacterDataHandler = data if texts and texts[-1] is not None else None

    def data(text: str) -> None:
        kept = texts[-1] or ""
        texts[-1] = kept + text[: text_chars - len(kept)]

    expat.ordered_attributes, expat.specified_attributes, expat.buffer_text = False, True, True
    expat.StartElementHandler, expat.EndElementHandler = start, end
    # The name of an attribute has a namespace only by a prefix that was declared.
    expat.StartNamespaceDeclHandler = declare
    expat.CharacterDataHandler = expat.DefaultHandlerExpand = None
    expat.SkippedEntityHandler = _refuse_entity


def _refuse_entity(_name: str, _is_parameter: bool) -> NoReturn:  # noqa: FBT001 - expat's signature
    raise _entity("an entity is used that nothing in the file declares")


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


def _by_local_name(attributes: Mapping[str, str]) -> dict[str, str]:
    """Name attributes as `Start` says; one without a namespace comes before its namesakes."""
    plain = {name: value for name, value in attributes.items() if "}" not in name or name.startswith(_XML)}
    return {_local(name): value for name, value in attributes.items() if name not in plain} | plain


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
