"""The bases that stored evidence can rest on, as they can be asked for.

What in evidence contradicts it stands in `shared.judging.contradictions`.
"""

from __future__ import annotations

from enum import StrEnum


class AnyBasis(StrEnum):
    """On what evidence rests, strongest first; what a collector signs is never `posted`."""

    MEASURED = "measured"
    CARRIED = "carried"
    DECLARED = "declared"
    POSTED = "posted"
