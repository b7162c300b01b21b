"""Reads bytes the way the collector does: recognise by the head, then read the stream."""

import io
from pathlib import Path

from collector.formats import HEAD_BYTES, Claim, Format, Limits, Thresholds, recognise

SAMPLES = Path(__file__).parents[2] / "samples"


def format_of(data: bytes) -> Format:
    found = recognise(data[:HEAD_BYTES])
    assert found is not None, "the file is of no known format"
    return found.format


def claim_of(data: bytes, thresholds: Thresholds | None = None, limits: Limits | None = None) -> Claim:
    return format_of(data).read(io.BytesIO(data), thresholds or Thresholds(), limits or Limits())
