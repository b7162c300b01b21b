"""A tolerant look at the first bytes of a file: which format it wants to be, whatever is wrong with it.

Invariants: never raises, never trusts what it sees (the format's own strict reader decides afterwards),
takes time in proportion to the bytes given. Broken and hostile files must be recognised too: they are
attested as not passed.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from shared.encoding import DECODER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HEAD_BYTES = 64 * 1024

Scalar = str | int | float | bool | None

_NAME = re.compile(r"[^\s<>/=\"'!?&]+")
_ATTRIBUTE = re.compile(r"\s*([^\s<>/=\"'&]+)\s*=\s*(?:\"([^\"<]*)\"|'([^'<]*)')")
_JSON_TOKEN = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)(?:"|\\?\Z)|([{}\[\],:])|([^\s"{}\[\],:]+)', re.DOTALL)
_NEXT_OBJECT = re.compile(r"[ \t\r]*\n\s*\{")
_KEPT_DEPTH = 3
_GRANDCHILDREN_DEPTH = 2
_LINES, _LINE_CHARS = 20, 500


@dataclass(frozen=True, slots=True)
class Head:
    """What the beginning of a file looks like.

    XML: local name, namespace and attributes (by local name) of the root, and the local names of its first
    children and of theirs. JSON: `keys` of the first value by path of at most three parts, array items counted
    as "[]", with the value where it is a scalar and None where it is a container; `("runs", "[]", "tool")` for
    instance; `ndjson` says that another object begins on a later line. Anything else: the first 20 `lines`,
    each cut at 500 characters.
    """

    kind: Literal["xml", "json", "other"] = "other"
    root: str = ""
    namespace: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    children: frozenset[str] = frozenset()
    grandchildren: frozenset[str] = frozenset()
    keys: Mapping[tuple[str, ...], Scalar] = field(default_factory=dict)
    ndjson: bool = False
    lines: tuple[str, ...] = ()

    def text(self, *path: str) -> str:
        """Return the string at that path of a JSON document, or "" where there is none."""
        value = self.keys.get(path)
        return value if isinstance(value, str) else ""


def look(data: bytes) -> Head:
    """Look at the first bytes of a file (at most `HEAD_BYTES` of them count)."""
    text = _text(data[:HEAD_BYTES])
    if text.startswith("<"):
        return _look_xml(text)
    if text.startswith(("{", "[")):
        return _look_json(text)
    return Head(lines=tuple(line[:_LINE_CHARS].rstrip("\r") for line in text.split("\n", _LINES)[:_LINES]))


def _text(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif data[1:2] == b"\0":
        encoding = "utf-16-le"
    elif data[:1] == b"\0":
        encoding = "utf-16-be"
    else:
        encoding = "utf-8-sig"
    return data.decode(encoding, errors="replace").lstrip()


def _look_xml(text: str) -> Head:
    root: tuple[str, dict[str, str]] | None = None
    children: set[str] = set()
    grandchildren: set[str] = set()
    depth = 0
    for name, attributes, opens, closes in _tags(text):
        if opens and depth == 0 and root is None:
            root = (name, attributes)
        elif opens and depth == 1:
            children.add(_local(name))
        elif opens and depth == _GRANDCHILDREN_DEPTH:
            grandchildren.add(_local(name))
        depth += opens - closes
    if root is None:
        return Head(kind="xml")
    name, attributes = root
    prefix = name.rpartition(":")[0]
    return Head(
        kind="xml",
        root=_local(name),
        namespace=attributes.get(f"xmlns:{prefix}" if prefix else "xmlns", ""),
        attributes={_local(key): value for key, value in attributes.items() if not key.startswith("xmlns")},
        children=frozenset(children),
        grandchildren=frozenset(grandchildren),
    )


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _tags(text: str) -> Iterator[tuple[str, dict[str, str], bool, bool]]:
    """Yield (name, attributes, opens, closes) of each tag, past comments, CDATA and the DOCTYPE."""
    at = text.find("<")
    while at >= 0:
        if text.startswith("<!--", at):
            end = text.find("-->", at)
        elif text.startswith("<![CDATA[", at):
            end = text.find("]]>", at)
        elif text.startswith("<?", at):
            end = text.find("?>", at)
        elif text.startswith("<!", at):
            end = _doctype_end(text, at)
        elif text.startswith("</", at):
            yield "", {}, False, True
            end = at
        else:
            end = at
            if named := _NAME.match(text, at + 1):
                attributes, end = _attributes(text, named.end())
                yield named[0], attributes, True, text.startswith("/", end)
        if end < 0:
            return
        at = text.find("<", end + 1)


def _attributes(text: str, at: int) -> tuple[dict[str, str], int]:
    found: dict[str, str] = {}
    while pair := _ATTRIBUTE.match(text, at):
        found.setdefault(pair[1], pair[2] if pair[2] is not None else pair[3])
        at = pair.end()
    while at < len(text) and text[at].isspace():
        at += 1
    return found, at


def _doctype_end(text: str, at: int) -> int:
    close, subset = text.find(">", at), text.find("[", at)
    if 0 <= subset < close:
        subset_end = text.find("]", subset)
        return text.find(">", subset_end) if subset_end >= 0 else -1
    return close


def _look_json(text: str) -> Head:
    keys: dict[tuple[str, ...], Scalar] = {}
    end = _first_value(text, keys)
    return Head(kind="json", keys=keys, ndjson=_NEXT_OBJECT.match(text, end) is not None)


def _first_value(text: str, keys: dict[tuple[str, ...], Scalar]) -> int:
    """Collect the path of each key near the top of the first value, with what is a scalar; return where it ends."""
    path: list[str] = []
    is_map: list[bool] = []
    key: str | None = None
    for token in _JSON_TOKEN.finditer(text):
        string, sign, bare = token.groups()
        if sign in ("{", "["):
            if key is not None and len(path) < _KEPT_DEPTH:
                keys[*path, key] = None
            if is_map:
                path.append(key if key is not None else "[]")
            is_map.append(sign == "{")
            key = None
        elif sign in ("}", "]"):
            is_map.pop()
            if not is_map:
                return token.end()
            path.pop()
            key = None
        elif sign == ",":
            key = None
        elif sign is None and is_map and is_map[-1]:
            if key is None:
                key = _unescaped(string) if string is not None else bare
            elif len(path) < _KEPT_DEPTH:
                keys[*path, key] = _unescaped(string) if string is not None else _bare(bare)
    return len(text)


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    try:
        value = DECODER.decode(f'"{text}"')
    except ValueError:
        return text
    return value if isinstance(value, str) else text


def _bare(text: str) -> Scalar:
    return {"true": True, "false": False, "null": None}.get(text, text)
