"""CycloneDX XML, 1.0 to 1.7 (ECMA-424): the parts list of a product, by the rules of `cyclonedx`.

* The namespace of the root says the version. Elements of other namespaces are let be, but for those of the
  vulnerability extension of 1.2 and 1.3, which stand in components.
* Components inside of a pedigree, a tool or the product are no parts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from collector.formats.parts.tally import Tally
from collector.formats.times import moment
from collector.formats.xml_events import Start, xml_events
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.limits import Limits
    from collector.formats.xml_events import End

TITLE = "CycloneDX"

_NAMESPACE = "http://cyclonedx.org/schema/bom/"
_EXTENSION = "http://cyclonedx.org/schema/ext/vulnerability/1.0"
_VERSIONS = frozenset({"1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7"})
_TEXTS = frozenset({"name", "version", "purl", "id", "expression", "hash", "timestamp"})
_NAMED = frozenset({("purl",), ("name",), ("version",)})
_LICENSE = frozenset({("licenses", "license", "id"), ("licenses", "license", "name"), ("licenses", "expression")})
_TOOLS = frozenset({("metadata", "tools", "tool"), ("metadata", "tools", "components", "component")})
_PRODUCT = ("metadata", "component")
_ITEM_DEPTH = 2
"""Of a part or a vulnerability below what has it: `components` or `vulnerabilities`, then the item."""


@dataclass(slots=True)
class _Part:
    """A component that is open."""

    said: dict[str, str] = field(default_factory=dict)
    licenses: set[str] = field(default_factory=set)


def recognise(head: Head) -> bool:
    """Say whether the root is the `bom` of a CycloneDX namespace."""
    return head.root == "bom" and head.namespace.startswith(_NAMESPACE)


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the components of a parts list; raises `MalformedError` where it is no whole `bom`."""
    del thresholds
    document = _Document(limits)
    for event in xml_events(stream, limits, _TEXTS):
        if isinstance(event, Start):
            document.start(event)
        else:
            document.end(event)
    return document.claim()


class _Document:
    """What is known of the whole file so far."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._tally = Tally(limits)
        self._version = ""
        self._namespaces: frozenset[str] = frozenset()
        self._path: list[str] = []
        self._parts: list[_Part] = []
        self._tool: dict[str, str] = {}
        self._tools_seen = 0
        self._product: dict[str, str] = {}
        self._algorithm = ""
        self._digest = ""

    def start(self, event: Start) -> None:
        """Take in that an element opens."""
        if event.depth == 1:
            self._root(event)
            return
        self._path.append(event.name if event.namespace in self._namespaces else "")
        name = self._path[-1]
        if name == "component" and self._is_item("components"):
            self._parts.append(_Part())
        elif name == "vulnerability" and self._is_item("vulnerabilities"):
            self._tally.vulnerabilities += 1
        elif name == "hash":
            self._algorithm = event.attributes.get("alg", "")
        elif not self._parts and tuple(self._path) in _TOOLS:
            self._tools_seen += 1

    def end(self, event: End) -> None:
        """Take in that an element closes."""
        if event.depth == 1:
            return
        name, text = self._path[-1], event.text.strip()
        if self._parts:
            if len(self._path) == self._base():
                self._end_part(self._parts.pop())
            elif text:
                self._take_in_part(self._parts[-1], tuple(self._path[self._base() :]), text)
        elif text and name:
            self._take_in_metadata(tuple(self._path), text)
        self._path.pop()

    def claim(self) -> Claim:
        """Make the claim, at the end of the file."""
        tally = self._tally
        tally.tool, tally.tool_version = self._tool.get("name"), self._tool.get("version")
        if self._digest:
            tally.product(self._product.get("name"), self._digest)
        return tally.claim(TITLE, spelling="cyclonedx", version=self._version, passed=self._version in _VERSIONS)

    def _root(self, event: Start) -> None:
        if event.name != "bom" or not event.namespace.startswith(_NAMESPACE):
            raise MalformedError(
                Code.BAD_SYNTAX, "the root is no bom of CycloneDX", "make the parts list again as CycloneDX XML"
            )
        self._version = event.namespace.removeprefix(_NAMESPACE)[: self._limits.max_text_chars]
        self._namespaces = frozenset({event.namespace, _EXTENSION})

    def _base(self) -> int:
        """Return how long the path of the innermost part is: each is an item of the one around it."""
        return _ITEM_DEPTH * len(self._parts)

    def _is_item(self, of: str) -> bool:
        """Say whether the element that opened is an item of the innermost part, or of the document."""
        return len(self._path) == self._base() + _ITEM_DEPTH and self._path[-2] == of

    def _take_in_part(self, part: _Part, inner: tuple[str, ...], text: str) -> None:
        if inner in _NAMED:
            part.said[inner[0]] = text
        elif inner in _LICENSE:
            part.licenses.add(text)
            if len(part.licenses) > self._limits.max_tracked:
                raise MalformedError(Code.TOO_LARGE, f"a component has more than {self._limits.max_tracked} licences")

    def _end_part(self, part: _Part) -> None:
        self._tally.component(
            purl=part.said.get("purl"),
            name=part.said.get("name", ""),
            version=part.said.get("version"),
            licenses=part.licenses,
        )

    def _take_in_metadata(self, path: tuple[str, ...], text: str) -> None:
        if path == ("metadata", "timestamp"):
            self._tally.reported_at = moment(text)
        elif path[:-1] in _TOOLS and self._tools_seen == 1:
            self._tool[path[-1]] = text
        elif path[:-1] == _PRODUCT:
            self._product[path[-1]] = text
        elif path == (*_PRODUCT, "hashes", "hash") and self._algorithm == "SHA-256":
            self._digest = text
