"""Puts texts into every place of a report where its reader still takes it, whatever the format is written in.

A place is tried once with an ordinary word: where the reader then refuses the report, takes it for another format or
counts something else, it is no place by itself, but may be one together with all others of that name. Of places of one
shape (the names of all cases, say) one is taken.
"""

import base64
import copy
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol
from xml.etree.ElementTree import Element, tostring

from defusedxml.ElementTree import fromstring

from collector.formats import HEAD_BYTES, Claim, Limits, Thresholds, recognise
from shared.errors import MalformedError

_WORD = "tulip"
_MAX_PLACES = 150

Place = tuple[Any, ...]


class Sheet(Protocol):
    """A report as places with texts."""

    def places(self) -> Iterator[tuple[Place, Place, str]]:
        """Each place, the shape of it, and what stands there."""

    def filled(self, texts: dict[Place, str]) -> bytes:
        """The report with a text behind what stands at each of these places."""


@dataclass(frozen=True)
class Planting:
    """A sample of a format, and the places that take a text."""

    key: str
    sheet: Sheet
    places: tuple[tuple[Place, ...], ...]

    def fill(self, text: Callable[[int], str]) -> bytes:
        """Write the report with `text(n)` at the place, or the places of one name, number n."""
        return self.sheet.filled({place: text(number) for number, same in enumerate(self.places) for place in same})


def planting(key: str, sample: bytes) -> Planting:
    """Find the places of a sample that take a text, at most 150 of different shapes."""
    sheet = _sheet(sample)
    as_it_is = _outline(read(key, sheet.filled({})))
    by_name: dict[str, list[Place]] = {}
    for place, _, name in sheet.places():
        by_name.setdefault(name, []).append(place)
    taken: dict[tuple[Place, ...], None] = {}
    shapes: set[Place] = set()
    for place, shape, name in sheet.places():
        if shape in shapes or len(taken) >= _MAX_PLACES:
            continue
        shapes.add(shape)
        for same in ((place,), tuple(by_name[name])):
            filled = sheet.filled(dict.fromkeys((one for some in (*taken, same) for one in some), _WORD))
            if _outline(read(key, filled)) == as_it_is:
                taken[same] = None
                break
    return Planting(key, sheet, tuple(taken))


def read(key: str, data: bytes) -> Claim | None:
    """Read a report as the collector does; None if it is not of this format any more."""
    found = recognise(data[:HEAD_BYTES])
    if found is None or found.format.key != key:
        return None
    try:
        return found.format.read(io.BytesIO(data), Thresholds(), Limits())
    except MalformedError:
        return None


def _outline(claim: Claim | None) -> Any:  # noqa: ANN401 - as a claim's evidence
    """What a claim says but for its words: a place whose text changes a count is none for a text."""
    return None if claim is None else _shape({**claim.evidence, "": [claim.passed, len(claim.subjects)]})


def _shape(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return sorted((("" if isinstance(one, int) else name), repr(_shape(one))) for name, one in value.items())
    if isinstance(value, list):
        return [_shape(one) for one in value]
    return bool(value) if isinstance(value, str) else value


def _sheet(sample: bytes) -> Sheet:
    text = sample.decode("utf-8-sig")
    if text.lstrip().startswith("<"):
        return _Xml(fromstring(sample))
    try:
        return _Json(list(_documents(text)))
    except ValueError:
        lines = [_line(line) for line in text.splitlines() if line.strip()]
        return _Lines(text.splitlines()) if all(isinstance(line, str) for line in lines) else _Json(lines)


def _line(line: str) -> Any:  # noqa: ANN401 - any JSON object
    """A line as an object; as it is where it is none, which tools write between others."""
    try:
        return json.loads(line) if line.startswith("{") else line
    except ValueError:
        return line


def _documents(text: str) -> Iterator[Any]:
    """One JSON document, one a line, or one behind the other."""
    left = text.strip()
    while left:
        document, end = json.JSONDecoder().raw_decode(left)
        yield document
        left = left[end:].lstrip()


@dataclass(frozen=True)
class _Json:
    documents: list[Any]

    def places(self) -> Iterator[tuple[Place, Place, str]]:
        for number, document in enumerate(self.documents):
            for place, text in () if isinstance(document, str) else self._of(document, (number,)):
                yield place, tuple("*" if isinstance(step, int) else step for step in place), text

    def _of(self, value: Any, here: Place) -> Iterator[tuple[Place, str]]:  # noqa: ANN401 - any JSON
        inner = _unpacked(value)
        if inner is not None:
            yield from self._of(inner, (*here, _Packed))
        elif isinstance(value, str):
            yield here, value
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield from self._of(item, (*here, index))
        elif isinstance(value, dict):
            for name, item in value.items():
                yield from self._of(item, (*here, name))
                yield (*here, name, _Key), name

    def filled(self, texts: dict[Place, str]) -> bytes:
        documents = [self._with(one, (number,), texts) for number, one in enumerate(self.documents)]
        return "\n".join(one if isinstance(one, str) else json.dumps(one) for one in documents).encode()

    def _with(self, value: Any, here: Place, texts: dict[Place, str]) -> Any:  # noqa: ANN401 - any JSON
        inner = _unpacked(value)
        if inner is not None:
            filled = self._with(inner, (*here, _Packed), texts)
            return value if filled == inner else base64.b64encode(json.dumps(filled).encode()).decode()
        if isinstance(value, str):
            return _behind(value, texts.get(here))
        if isinstance(value, list):
            return [self._with(item, (*here, index), texts) for index, item in enumerate(value)]
        if isinstance(value, dict):
            return {
                _behind(name, texts.get((*here, name, _Key))): self._with(item, (*here, name), texts)
                for name, item in value.items()
            }
        return value


class _Key:
    """Stands for the name of a member instead of its value."""


class _Packed:
    """Stands for the JSON that a string holds in base64."""


def _unpacked(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if not (isinstance(value, str) and value.startswith("ey")):
        return None
    try:
        return json.loads(base64.b64decode(value, validate=True))
    except ValueError:
        return None


@dataclass(frozen=True)
class _Xml:
    root: Element

    def places(self) -> Iterator[tuple[Place, Place, str]]:
        for number, element in enumerate(self.root.iter()):
            for name, text in (*element.attrib.items(), ("/text", element.text or "")):
                yield (number, name), (element.tag, name), text

    def filled(self, texts: dict[Place, str]) -> bytes:
        root = copy.deepcopy(self.root)
        for number, element in enumerate(root.iter()):
            for name in tuple(element.attrib):
                element.set(name, _behind(element.attrib[name], texts.get((number, name))))
            element.text = _behind(element.text or "", texts.get((number, "/text"))) or None
        return bytes(tostring(root, encoding="utf-8", xml_declaration=True))


@dataclass(frozen=True)
class _Lines:
    lines: list[str]

    def places(self) -> Iterator[tuple[Place, Place, str]]:
        for number, line in enumerate(self.lines):
            words = line.split()
            for index, word in enumerate(words):
                yield (number, index), (words[0], index, len(words)), word
                yield (number, index, "before"), (words[0], index, len(words), "before"), word

    def filled(self, texts: dict[Place, str]) -> bytes:
        kept = []
        for number, line in enumerate(self.lines):
            indent = line[: len(line) - len(line.lstrip())]
            words = [
                _before(texts.get((number, index, "before"), ""), _behind(word, texts.get((number, index))))
                for index, word in enumerate(line.split())
            ]
            kept.append(indent + " ".join(words).replace("\n", "\\n"))
        return ("\n".join(kept) + "\n").encode()


def _before(text: str, value: str) -> str:
    """A text of one word as a part of a path."""
    return f"{text}/{value}" if text and not any(letter.isspace() for letter in text) else value


def _behind(value: str, text: str | None) -> str:
    if text is None:
        return value
    return f"{value} {text}" if value.strip() else text
