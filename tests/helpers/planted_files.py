"""Reports of every format with secrets at all of their places, and what to search for to see one of them."""

import functools
import json

from collector.formats import Claim
from tests.helpers.planting import Planting, planting, read
from tests.helpers.secrets import planted, traces
from tests.unit.formats.tables import GOOD, content

ALL = planted()
TRACES = [trace for secret in ALL for trace in traces(secret)]
_LARGEST_SAMPLE = 20_000


@functools.cache
def plantings(key: str) -> Planting:
    """The planter of a format: its most talkative good sample that is small, with all places that take a text."""
    samples = sorted((content(path) for path, row in GOOD.items() if row.format == key), key=len)
    assert samples, f"{key} has no good sample in tests/samples: nothing can be planted"
    small = [sample for sample in samples if len(sample) <= _LARGEST_SAMPLE] or samples[:1]
    return planting(key, max(small, key=lambda sample: words_in(read(key, sample))))


def go_cover(text: str) -> bytes:
    """A profile, in which one name stands on several lines with numbers behind it: no word can be changed alone."""
    path = "calc.go" if any(letter.isspace() for letter in text) else f"{text}/calc.go"
    return f"mode: set\n{path}:3.20,5.2 1 1\n{path}:7.20,9.2 1 0\n".encode()


BY_HAND = {"go-cover": go_cover}


def words_in(claim: Claim | None) -> int:
    return 0 if claim is None else json.dumps([claim.evidence]).count('": "')


def leaked(text: str | bytes) -> list[str]:
    """Give every trace of a secret in what leaves or is kept."""
    if isinstance(text, bytes):
        return [trace for trace in TRACES if trace.encode() in text]
    return [trace for trace in TRACES if trace in text]


def planted_file(key: str, turn: int) -> bytes:
    """A report with a secret of another kind at each place, and at each turn of another kind than before."""
    if key in BY_HAND:
        return BY_HAND[key](ALL[turn].text)
    return plantings(key).fill(lambda number: ALL[(number + turn) % len(ALL)].text)
