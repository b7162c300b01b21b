"""A file that holds an image's digest and nothing else, one a line, with its name in front or without.

kaniko `--digest-file` and buildah `--digestfile` write `sha256:...`; kaniko's `--image-name-with-digest-file` and
`--image-name-tag-with-digest-file` write `registry/name[:tag]@sha256:...`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO

from collector.formats.images.built import Images
from collector.formats.lines import text_lines
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.limits import Limits

TITLE = "Image digest"

_NAME = r"[a-z0-9]+(?:[._:/-]+[A-Za-z0-9_.-]+)*"
_LINE = re.compile(rf"(?:({_NAME})@)?(sha256:[0-9a-f]{{64}})")
_BEGIN = re.compile(rf"(?:{_NAME}@)?sha256:[0-9a-f]+\Z")
_LONGEST = 400


def recognise(head: Head) -> bool:
    """Say whether the first line is a digest, whole or cut."""
    first = head.lines[0].strip() if head.lines else ""
    return len(first) <= _LONGEST and _BEGIN.match(first) is not None


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Read the digests; raises `MalformedError` that names the line."""
    del thresholds
    images = Images(limits)
    for number, text in text_lines(stream, limits):
        line = text.strip()
        if not line:
            continue
        found = _LINE.fullmatch(line) if len(line) <= _LONGEST else None
        if found is None:
            raise MalformedError(
                Code.BAD_SYNTAX, f"line {number} is not a digest", "sha256: and 64 hex digits, or name@sha256:..."
            )
        images.take(found[1], found[2], f"line {number}")
    return images.claim(TITLE)
