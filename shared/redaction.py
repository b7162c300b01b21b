"""Secrets in a text: where they are, and the text with a typed mark in the place of each.

Rules are a value: patterns of ours, and a scanner that knows the tokens of the world (a library's, joined on at an
edge). Invariants: a mark is never found again, and what `redact` gives holds nothing that `find` finds; every place
where a found value stands is masked, not only the one that a rule saw; where a finding cannot be placed, all of the
text is masked; the time is linear in the text's length, whatever stands in it.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

OVERLAP = 1_024
"""How far behind a place one must look to know whether a secret begins before it, in characters."""

UNCLEAR = "unclear"
"""The kind of what is masked without being told apart."""

_SHORTEST = 8
"""No secret is known by less than this, with the words that give it away."""
_WINDOW = 4 * OVERLAP
_SHORT = 200
_MOST_CLEAN = 4_096
_MAX_SPANS = 200
_MAX_ROUNDS = 4
_MAX_KIND_CHARS = 40

_MARK = re.compile(r"\[secret:[a-z0-9]{1,24}(?:-[a-z0-9]{1,24})*\]")
_UNKIND = re.compile(r"[^a-z0-9]+")
_COVER = "*"
"""Stands for each character that is known already: no rule takes a run of it for a secret."""

_LONG_WORD = re.compile(r"[A-Za-z0-9_~+=-]{16,}")
_DIGIT = re.compile(r"[0-9]")
_LONG_RUN = re.compile(r"[A-Za-z0-9_~+/=-]{300}")
"""No rule needs more of a word to know it; some take a time for it that grows with the square of its length."""
_REST_OF_WORD = re.compile(r"[A-Za-z0-9_~+/=-]{0,4096}")
_BRACKETS = str.maketrans(dict.fromkeys("()[]{}<>,&|#?!", " "))
_SEPARATORS = str.maketrans(dict.fromkeys("()[]{}<>,&|#?!.:/@%\\", " "))
_BETWEEN = "\n\n"

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))")
_ESCAPED_BLANKS = dict.fromkeys("bfnrt", " ")
_URL_SAFE = str.maketrans("-_", "+/")


class Hit(NamedTuple):
    """What a scanner found: the kind of secret, and the text of it."""

    kind: str
    value: str


class Span(NamedTuple):
    """One secret: from `start` up to but not with `end`, in characters, and its kind."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """One rule: tried only where one of its `needles` (lower case) stands; the last group is the secret, or all."""

    kind: str
    needles: tuple[str, ...]
    regex: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Rules:
    """What counts as a secret: patterns tried one by one, then a scanner over what they left."""

    patterns: tuple[Pattern, ...]
    scan: Callable[[str], Iterable[Hit]]


def find(text: str, rules: Rules) -> tuple[Span, ...]:
    """Give the secrets in a text, in order and not overlapping; marks are none. Raises what the rules' scanner does."""
    if len(text) < _SHORTEST:
        return ()
    covered = _MARK.sub(_cover, text) if "[secret:" in text else text
    spans = [*_private_keys(covered), *_matches(covered, rules.patterns)]
    if spans:
        covered = _covered(covered, spans)
    for start in range(0, max(len(text) - OVERLAP, 1), _WINDOW - OVERLAP):
        if len(spans) > _MAX_SPANS:
            spans.append(Span(start, len(text), UNCLEAR))
            break
        spans += _scanned(covered, start, rules)
    return tuple(_merged(spans)) if spans else ()


def redact(text: str, rules: Rules, head: int | None = None) -> tuple[str, tuple[str, ...]]:
    """Give the text with a mark for each secret, and the kind of each.

    With `head` only the first `head` characters are given back; what stands behind them is looked at as far as a secret
    that begins within them can reach. Marks may make the text longer than `head`.
    """
    kinds: list[str] = []
    end = len(text) if head is None else head
    text = text[: end + OVERLAP]
    for _ in range(_MAX_ROUNDS):
        spans = [span for span in find(text, rules) if span.start < end]
        if not spans and len(text) <= end:
            return text, tuple(kinds)
        kinds += [span.kind for span in spans]
        text = _marked(text, spans, end)
        end = len(text)
    return mark(UNCLEAR), (*kinds, UNCLEAR)


def sparing(rules: Rules) -> Rules:
    """Give the same rules, whose scanner looks but once at a short text that holds nothing: names come again and again.

    A text with a secret is never kept. The scanner must find the same whenever it is asked.
    """
    clean: dict[str, None] = {}

    def scan(text: str) -> Iterable[Hit]:
        if text in clean:
            return ()
        found = tuple(rules.scan(text))
        if not found and len(text) <= _SHORT:
            if len(clean) >= _MOST_CLEAN:
                clean.clear()
            clean[text] = None
        return found

    return replace(rules, scan=scan)


def unwrapped(text: str, depth: int = 3) -> Iterator[str]:
    """Give the texts that stand in a text as base64 (RFC 4648, either alphabet), and those inside of them.

    One that has escapes of JSON comes without them too: they would part an address or the beginning of a token.
    """
    for run in _BASE64.findall(text) if depth else ():
        plain = run.rstrip("=").translate(_URL_SAFE)
        whole = plain[:-1] if len(plain) % 4 == 1 else plain
        inner = a2b_base64(whole + "=" * (-len(whole) % 4)).decode(errors="replace")
        yield inner
        if "\\" in inner:
            inner = _ESCAPE.sub(_unescaped, inner)
            yield inner
        yield from unwrapped(inner, depth - 1)


def _unescaped(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else _ESCAPED_BLANKS.get(escape[2], escape[2])


def mark(kind: str) -> str:
    """Give what stands in the place of a secret of that kind."""
    return f"[secret:{kind}]"


def kind_of(rule: str) -> str:
    """Give the kind for a rule's name, as a mark can hold it: `Slack_Token.1` is a `slack-token`."""
    words = [word[:24] for word in _UNKIND.split(rule.lower()) if word]
    if len(words) > 1 and words[-1].isdigit():
        words.pop()
    return "-".join(words)[:_MAX_KIND_CHARS].rstrip("-") or UNCLEAR


def without_part_of_a_mark(text: str) -> str:
    """Take off the beginning of a mark that a cut left at the end of a text."""
    start = text.rfind("[secret:")
    return text if start < 0 or "]" in text[start:] else text[:start].rstrip()


def _matches(text: str, patterns: Iterable[Pattern]) -> Iterator[Span]:
    lower = text.lower()
    for one in patterns:
        for needle in one.needles:
            if needle in lower:
                yield from (
                    _span(text, *match.span(match.lastindex or 0), one.kind) for match in one.regex.finditer(text)
                )
                break


_KEY_BEGINS = re.compile(r"-{4,5} ?BEGIN [\w ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}", re.IGNORECASE)
_KEY_ENDS = re.compile(r"-{4,5} ?END [\w ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}", re.IGNORECASE)
_KEY = "private-key"


def _private_keys(text: str) -> Iterator[Span]:
    """Blocks of private keys; one that is cut off at either end reaches to that end of the text."""
    if "private key" not in text.lower():
        return
    done = 0
    for begin in _KEY_BEGINS.finditer(text):
        if begin.start() < done:
            continue
        end = _KEY_ENDS.search(text, begin.end())
        done = end.end() if end else len(text)
        yield Span(begin.start(), done, _KEY)
    end = _KEY_ENDS.search(text, done)
    if end:
        yield Span(done, end.end(), _KEY)


def _scanned(text: str, start: int, rules: Rules) -> Iterator[Span]:
    """What the scanner finds in one window, wherever in the window it stands."""
    window = text[start : start + _WINDOW]
    views = _views(window)
    stride = len(window) + len(_BETWEEN)
    for kind, value in dict.fromkeys(rules.scan(views)):
        place = views.find(value) if value else -1
        if place < 0:
            yield Span(start, start + len(window), kind)
        while place >= 0:
            first = place % stride
            if first + len(value) > len(window):
                yield Span(start, start + len(window), kind)
                break
            yield _span(text, start + first, start + first + len(value), kind)
            place = views.find(value, place + len(value))


def _views(window: str) -> str:
    """The window, and as it would be without what rules don't take for the end of a token; its longest words parted."""
    window = _LONG_RUN.sub(lambda run: run[0][:-1] + " ", window)
    if not any(_DIGIT.search(word) for word in _LONG_WORD.findall(window)):
        return window
    views = dict.fromkeys((window, window.translate(_BRACKETS), window.translate(_SEPARATORS)))
    return _BETWEEN.join(views)


def _span(text: str, start: int, end: int, kind: str) -> Span:
    """The place and the rest of its last word, of which a rule may know less; empty where it is all known already."""
    if not text[start:end].strip(_COVER):
        return Span(start, start, kind)
    rest = _REST_OF_WORD.match(text, end)
    return Span(start, rest.end() if rest else end, kind)


def _cover(match: re.Match[str]) -> str:
    return _COVER * len(match[0])


def _covered(text: str, spans: Iterable[Span]) -> str:
    return _joined(text, _merged(spans), len(text), lambda span: _COVER * (span.end - span.start))


def _marked(text: str, spans: Iterable[Span], end: int) -> str:
    return _joined(text, spans, end, lambda span: mark(span.kind))


def _joined(text: str, spans: Iterable[Span], end: int, instead: Callable[[Span], str]) -> str:
    parts, done = [], 0
    for span in spans:
        parts += [text[done : span.start], instead(span)]
        done = span.end
    return "".join((*parts, text[done:end]))


def _merged(spans: Iterable[Span]) -> list[Span]:
    """In order; those that overlap are one, called by the first of them that says more than `generic`."""
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start < merged[-1].end:
            last = merged[-1]
            kind = span.kind if last.kind.startswith("generic") else last.kind
            merged[-1] = Span(last.start, max(last.end, span.end), kind)
        elif span.end > span.start:
            merged.append(span)
    return merged
