"""Parts lists of products: SBOM."""

from __future__ import annotations

from collector.formats.claim import ClaimType
from collector.formats.format import Format
from collector.formats.parts import cyclonedx, cyclonedx_xml, spdx3, spdx_json, spdx_tag, syft

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
    Format(
        "cyclonedx-xml",
        cyclonedx_xml.TITLE,
        ClaimType.SBOM,
        cyclonedx_xml.recognise,
        cyclonedx_xml.read,
        ends=True,
        looks_for="XML with the root element bom in a namespace of CycloneDX",
    ),
    Format(
        "spdx-json",
        spdx_json.TITLE,
        ClaimType.SBOM,
        spdx_json.recognise,
        spdx_json.read,
        ends=True,
        looks_for="JSON with spdxVersion SPDX-2.x, SPDXID SPDXRef-DOCUMENT, or packages with an SPDXID",
    ),
    Format(
        "spdx-tag-value",
        spdx_tag.TITLE,
        ClaimType.SBOM,
        spdx_tag.recognise,
        spdx_tag.read,
        ends=False,
        looks_for="text whose first line, comments aside, begins with SPDXVersion",
    ),
    Format(
        "spdx3-json",
        spdx3.TITLE,
        ClaimType.SBOM,
        spdx3.recognise,
        spdx3.read,
        ends=True,
        looks_for="JSON with the @context of SPDX 3",
    ),
    Format(
        "syft-json",
        syft.TITLE,
        ClaimType.SBOM,
        syft.recognise,
        syft.read,
        ends=True,
        looks_for="JSON with artifacts that have foundBy, or beside artifactRelationships or the descriptor syft",
    ),
)
"""The rows of this group, the more specific one first."""
