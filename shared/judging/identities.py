"""The identities that a text names, in the one spelling in which authors and accounts are compared.

Source: policy.md section 5. Pure. Invariants: how a name is written (case, width, spaces, marks nobody sees, a leading
`@`, the mail in `Name <mail>`) makes nobody somebody else; of more than one identity in a text each is named; what was
spelled once stays as it is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_BRACKETED = re.compile(r"<([^<>]*)>")
_BETWEEN = re.compile(r"[\s<>()|,;:\"]+")
_AROUND = " \"'<>,;:@"
# Shown as nothing, and yet neither controls nor format characters to Unicode.
_BLANK = frozenset(chr(one) for one in (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0))
_SELECTORS = ((0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))


def identities_of(*texts: str | None) -> frozenset[str]:
    """Give the identities that texts name: of `Name <mail>` both, of words with an `@` in them each besides the whole.

    None, and what names nobody, adds none.
    """
    return frozenset(name for text in texts if text for one in _parts(_seen(text)) if (name := one.strip(_AROUND)))


def same_person(names: Iterable[str], others: Iterable[str]) -> frozenset[str]:
    """Give the identities that two lists of names have in common; none where nothing says that they are one person."""
    return identities_of(*names) & identities_of(*others)


def _parts(text: str) -> list[str]:
    if "@" not in text and "<" not in text:
        return [text]
    inner = _BRACKETED.findall(text)
    whole = " ".join(_BRACKETED.sub(" ", text).split())
    return [whole, *inner, *(word for word in _BETWEEN.split(text) if "@" in word)]


def _seen(text: str) -> str:
    """Give a text as it is read: without what nobody sees, in one case and one width, with single spaces."""
    if text.isascii() and text.isprintable():
        # Nearly every name is, and each is looked at for every rule.
        return " ".join(text.casefold().split())
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join("".join(" " if one.isspace() else one for one in folded if not _is_unseen(one)).split())


def _is_unseen(one: str) -> bool:
    if one.isspace():
        return False
    code = ord(one)
    hidden = one in _BLANK or any(first <= code <= last for first, last in _SELECTORS)
    return hidden or unicodedata.category(one).startswith("C")
