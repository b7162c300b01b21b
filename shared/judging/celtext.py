"""The text of an expression, cut into tokens: which names stand in it, outside of string literals and comments."""

from __future__ import annotations

import re
from collections.abc import Iterator

_MAX_PARTS = 3
"""`evidence.TEST_RESULTS.failed`: no declared name has more."""
_TOKEN = re.compile(
    r"""
    (?P<comment> //[^\n\r]* )
  | (?P<raw>     (?:[rR][bB]?|[bB][rR]) (?: \"{3}.*?\"{3} | '{3}.*?'{3} | "[^"\n\r]*" | '[^'\n\r]*' ) )
  | (?P<string>  [bB]? (?: \"{3}(?:\\.|.)*?\"{3} | '{3}(?:\\.|.)*?'{3}
                         | "(?:\\.|[^"\\\n\r])*" | '(?:\\.|[^'\\\n\r])*' ) )
  | (?P<name>    [A-Za-z_][A-Za-z0-9_]* | `[^`\n\r]*` )
  | (?P<blank>   \s+ )
  | (?P<other>   . )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)


def tokens(text: str) -> list[re.Match[str]]:
    """Cut the text into tokens, comments and blanks left out."""
    return [token for token in _TOKEN.finditer(text) if token.lastgroup not in ("comment", "blank")]


def chains_of(text: str) -> Iterator[str]:
    """Give every run of names joined by dots, and each part of it, string literals and comments taken out."""
    run: list[str] = []
    dotted = False
    for token in tokens(text):
        if token.lastgroup == "name":
            if not dotted:
                run.clear()
            run.append(token.group().strip("`"))
            for start in range(max(0, len(run) - _MAX_PARTS), len(run)):
                yield ".".join(run[start:])
        elif token.group() != ".":
            run.clear()
        dotted = token.group() == "."
