"""One long JSON string out of a window, a part at a time, so that no more than its text is ever in memory."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from collector.formats.json_quick import scan_leniently
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.json_window import Window

# Whole characters and whole escapes, a surrogate pair being one; what is not matched is cut, or no JSON. So many at a
# time, since each may be a place to go back to. Not possessive: Python before 3.11.5 then takes half of an escape.
_UNITS = re.compile(
    r"(?:[^\"\\\x00-\x1f]+|"
    r"\\(?:[\"\\/bfnrt]|u(?![dD][89a-fA-F])[0-9a-fA-F]{4}|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})){1,1000}"
)
_LONGEST_UNIT = len(r"\ud83d\ude00")


def long_string(window: Window, max_bytes: int, *, keep: bool) -> str | None:
    """Take the string that comes next and return it, or "" where it is not to be kept.

    Returns None where what comes next is no part of a string, or the file ends. Raises `MalformedError`, `too_large`
    past `max_bytes`.
    """
    parts: list[str] = []
    window.at += 1
    begin = window.offset
    while True:
        start = window.at
        while units := _UNITS.match(window.text, window.at):
            window.at = units.end()
        if keep:
            parts.append(str(scan_leniently(f'"{window.text[start : window.at]}"', 0)[0]))
        if window.offset - begin > max_bytes:
            raise MalformedError(Code.TOO_LARGE, f"one string is larger than {max_bytes} bytes")
        if window.text.startswith('"', window.at):
            window.at += 1
            return "".join(parts)
        if window.left >= _LONGEST_UNIT or window.ended:
            return None
        window.more()
