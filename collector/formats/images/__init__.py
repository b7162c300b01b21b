"""What image builders write about what they built: BUILD_PROVENANCE."""

from __future__ import annotations

from collector.formats.claim import ClaimType
from collector.formats.format import Format
from collector.formats.images import buildx, digest_file, oci_index

_TYPE = ClaimType.BUILD_PROVENANCE

ROWS: tuple[Format, ...] = (
    Format(
        "buildx-metadata",
        buildx.TITLE,
        _TYPE,
        buildx.recognise,
        buildx.read,
        ends=True,
        looks_for="a JSON object with containerimage.digest or buildx.build.ref, at the top or one level below",
    ),
    Format(
        "oci-index",
        oci_index.TITLE,
        _TYPE,
        oci_index.recognise,
        oci_index.read,
        ends=True,
        looks_for="a JSON object with manifests, and schemaVersion or the media type of an OCI image index",
    ),
    Format(
        "image-digest",
        digest_file.TITLE,
        _TYPE,
        digest_file.recognise,
        digest_file.read,
        ends=False,
        looks_for="text whose first line is sha256: and hex digits, or name@sha256:... and nothing else",
    ),
)
"""The rows of this group, the more specific one first."""
