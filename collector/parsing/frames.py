"""How the collector and its parsing child talk: in frames over two pipes.

A frame is a length (32 bits, big endian) and that many bytes. A request is a frame of JSON, the file in frames of any
size, and an empty frame; the answer is one frame of JSON. The child may answer before it has seen the end: it reads on,
and what is left of the request is for nobody.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from collector.formats import Severity, Thresholds
from shared.encoding import compact, parse_object

if TYPE_CHECKING:
    from typing import Any

LENGTH = struct.Struct(">I")
END = LENGTH.pack(0)
READY = b"ready"
"""The first frame of a child: it has given up all that it does not need."""

MAX_ANSWER_BYTES = 4 << 20
"""Of an answer: four times the largest payload that can leave."""


class Request(NamedTuple):
    """Which format the bytes that follow are read as, and where its verdict draws the line."""

    format: str
    thresholds: Thresholds


def frame(data: bytes) -> bytes:
    """Put the length in front; the data is not empty."""
    return LENGTH.pack(len(data)) + data


def encode_request(request: Request) -> bytes:
    """Write a request as JSON."""
    return compact(
        {
            "format": request.format,
            "failOn": request.thresholds.fail_on.value,
            "minCoverage": request.thresholds.min_coverage,
        }
    )


def decode_request(data: bytes) -> Request:
    """Read a request, which is the collector's own word; raises whatever it finds where it is not."""
    said: dict[str, Any] = parse_object(data)
    thresholds = Thresholds(fail_on=Severity(said["failOn"]), min_coverage=said["minCoverage"])
    return Request(said["format"], thresholds)
