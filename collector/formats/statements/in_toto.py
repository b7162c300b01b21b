"""in-toto Statements v0.1 and v1 as they are, without an envelope: SLSA provenance v0.2 and v1, OpenVEX, any other.

Source: github.com/in-toto/attestation, spec/v1/statement.md; slsa.dev/spec, provenance v0.2 and v1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, cast

from collector.formats.statements.carried import STATEMENT_PREFIX, Carried, Kept

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.limits import Limits

TITLE = "in-toto statement"


def recognise(head: Head) -> bool:
    """Say whether the top of the document names a version of Statement, known here or not."""
    return head.text("_type").startswith(STATEMENT_PREFIX)


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Read one statement; raises `MalformedError`."""
    del thresholds
    carried, kept = Carried(limits), Kept(stream)
    carried.take(cast("BinaryIO", kept))
    return carried.claim(TITLE, kept.document)
