"""Parts lists of products: SBOM."""

from __future__ import annotations

from collector.formats.claim import ClaimType
from collector.formats.format import Format
from collector.formats.parts import cyclonedx

ROWS: tuple[Format, ...] = (
    Format(
        "cyclonedx-json",
        cyclonedx.TITLE,
        ClaimType.SBOM,
        cyclonedx.recognise,
        cyclonedx.read,
        ends=True,
        looks_for="JSON with bomFormat CycloneDX, CycloneDX's $schema, or components with a bom-ref",
    ),
)
"""The rows of this group, the more specific one first."""
