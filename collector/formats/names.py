"""Names as they may leave: one line of printable text, of bounded length, without a path on a host.

What counts as a path on a host: an absolute POSIX path of two parts or more, a path below a home directory,
a Windows path with a drive or a server, and a `file:` URL. A web address, a relative path and a package url
are none.
"""

from __future__ import annotations

import re

PATH_MARK = "[path]"

# A blank belongs to a path if the next word has a separator in it. No part of this can match in two ways.
_REST = r"(?:[^\s\"'<>|,;()\[\]{}]|[ ](?=[^\s/\\]*[/\\][^\s]))*"
_HOST_PATH = re.compile(
    r"(?i:file):/" + _REST
    + r"|(?<![\w./~])/[^\s/\"'<>]+/" + _REST
    + r"|(?<![\w.])~[\w.-]*/" + _REST
    + r"|(?<![A-Za-z0-9])[A-Za-z]:[\\/]" + _REST
    + r"|\\\\[\w.$?-]+\\" + _REST
)  # fmt: skip
_LONGEST_LOOK = 2_000


def clean(text: str, limit: int, *, keep_paths: bool = False) -> tuple[str, bool, bool]:
    """Return the name as it may leave, whether it was cut at `limit`, and whether a path was taken out."""
    looked_at = text[:_LONGEST_LOOK]
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in looked_at).split())
    without_paths = line if keep_paths else _HOST_PATH.sub(PATH_MARK, line)
    kept = without_paths[:limit].rstrip()
    return kept, len(kept) < len(without_paths) or len(looked_at) < len(text), without_paths != line


def clean_lines(text: str, limit: int) -> tuple[str, bool]:
    """Return a text of several lines as it may leave, and whether it was cut at `limit`.

    Line feeds and tabs stay, every other character that does not print is taken out.
    """
    looked_at = text[: limit * 2]
    printable = "".join(letter for letter in looked_at if letter.isprintable() or letter in "\n\t")
    kept = printable[:limit].rstrip()
    return kept, len(kept) < len(printable.rstrip()) or len(looked_at) < len(text)
