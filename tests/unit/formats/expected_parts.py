"""What is in each sample of a parts list."""

from functools import partial

from tests.unit.formats.expected import Expected, listed


def _cyclonedx(
    version: str,
    components: int,
    *,
    key: str = "cyclonedx-json",
    licenses: int = 0,
    vulnerabilities: int | None = None,
    tool: str | None = None,
    tool_version: str | None = None,
    reported_at: str | None = None,
) -> Expected:
    return listed(
        key,
        "cyclonedx",
        version,
        components,
        licenses=licenses,
        vulnerabilities=vulnerabilities,
        tool=tool,
        tool_version=tool_version,
        reported_at=reported_at,
    )


_xml = partial(_cyclonedx, key="cyclonedx-xml")

_CYCLONEDX = {
    "bom.1.4.json": _cyclonedx("1.4", 62, licenses=3, tool="cyclonedx-php-composer", tool_version="in-dev"),
    "nested-component-log4j.json": _cyclonedx(
        "1.4", 2, vulnerabilities=8, tool="grype", tool_version="0.41.0", reported_at="2022-07-22T08:45:32.000000Z"
    ),
    "valid-attestation-1.6.json": _cyclonedx("1.6", 0),
    "valid-bom-1.4.json": _cyclonedx(
        "1.4", 2, licenses=1, tool="Awesome Tool", tool_version="9.1.2", reported_at="2020-04-13T20:20:39.000000Z"
    ),
    "valid-bom-1.6.json": _cyclonedx(
        "1.6", 3, licenses=3, tool="Awesome Tool", tool_version="9.1.2", reported_at="2020-04-13T20:20:39.000000Z"
    ),
    "valid-component-external-with-versionRange.json": _cyclonedx("1.7", 1),
    "valid-component-identifiers-1.7.json": _cyclonedx("1.7", 1),
    "valid-component-ref-1.6.json": _cyclonedx("1.6", 3),
    "valid-component-swid-1.7.json": _cyclonedx("1.7", 1),
    "valid-compositions-1.4.json": _cyclonedx("1.4", 3),
    "valid-compositions-1.7.json": _cyclonedx("1.7", 3, vulnerabilities=1),
    "valid-dependency-1.6.json": _cyclonedx("1.6", 3),
    "valid-empty-components-1.7.json": _cyclonedx("1.7", 0),
    "valid-external-reference-properties-1.7.json": _cyclonedx("1.7", 1),
    "valid-license-name-1.6.json": _cyclonedx("1.6", 1, licenses=1),
    "valid-license-name-with-licensing-1.7.json": _cyclonedx("1.7", 1, licenses=1),
    "valid-machine-learning-considerations-env-1.6.json": _cyclonedx("1.6", 1),
    "valid-metadata-manufacture-1.6.json": _cyclonedx("1.6", 0),
    "valid-metadata-tool-deprecated-1.6.json": _cyclonedx("1.6", 0, tool="Awesome Tool", tool_version="9.1.2"),
    "valid-patent-1.7.json": _cyclonedx("1.7", 1),
    "valid-release-notes-1.6.json": _cyclonedx("1.6", 1),
    "valid-service-1.6.json": _cyclonedx("1.6", 1, licenses=1),
    "valid-signatures-1.6.json": _cyclonedx("1.6", 1),
    "valid-tags-1.6.json": _cyclonedx("1.6", 1),
    "valid-vulnerability-1.4.json": _cyclonedx("1.4", 1, vulnerabilities=1),
    "valid-vulnerability-1.6.json": _cyclonedx("1.6", 1, vulnerabilities=1),
}

_CYCLONEDX_XML = {
    "bom.xml": _xml(
        "1.2", 43, licenses=4, tool="Node.js module", tool_version="2.0.0", reported_at="2020-08-03T01:28:47.678000Z"
    ),
    "dd_1_15_0.xml": _xml(
        "1.2",
        308,
        licenses=158,
        vulnerabilities=381,
        tool="grype",
        tool_version="0.11.0",
        reported_at="2021-05-03T08:25:05.000000Z",
    ),
    "grype_dd_1_14_1.xml": _xml(
        "1.2",
        307,
        licenses=157,
        vulnerabilities=312,
        tool="grype",
        tool_version="0.7.0",
        reported_at="2021-04-13T10:55:07.000000Z",
    ),
    "valid-component-hashes-1.6.xml": _xml("1.6", 1),
    "valid-component-ref-1.6.xml": _xml("1.6", 3),
    "valid-component-types-1.6.xml": _xml("1.6", 9),
    "valid-cryptography-implementation-1.6.xml": _xml("1.6", 3),
    "valid-metadata-author-1.6.xml": _xml("1.6", 0),
    "valid-metadata-tool-1.6.xml": _xml("1.6", 0, tool="Awesome Tool", tool_version="9.1.2"),
    "valid-properties-1.6.xml": _xml("1.6", 1, licenses=1),
    "valid-random-attributes-1.6.xml": _xml("1.6", 3, licenses=3),
    "valid-release-notes-1.6.xml": _xml("1.6", 1),
    "valid-service-empty-objects-1.6.xml": _xml("1.6", 0),
    "valid-vulnerability-1.6.xml": _xml("1.6", 1, vulnerabilities=1),
    "valid-xml-signature-1.6.xml": _xml("1.6", 3, licenses=1),
}

_spdx = partial(listed, "spdx-json", "spdx")

_SPDX = {
    "2.3.json": _spdx("2.3", 2, tool="syft", tool_version="0.91.0", reported_at="2023-09-29T15:18:10.000000Z"),
    "3.0.json": listed(
        "spdx3-json",
        "spdx",
        "3.0.1",
        1,
        licenses=1,
        tool="github.com/spdx/tools-golang/idsearcher",
        reported_at="2021-08-26T01:46:00.000000Z",
    ),
    "SPDXJSONExample-v2.2.spdx.json": _spdx(
        "2.2", 4, licenses=2, tool="LicenseFind", tool_version="1.0", reported_at="2010-01-29T18:30:22.000000Z"
    ),
    "SPDXJSONExample-v2.3.spdx.json": _spdx(
        "2.3", 4, licenses=2, tool="LicenseFind", tool_version="1.0", reported_at="2010-01-29T18:30:22.000000Z"
    ),
    "SPDXTagExample-v2.3.spdx": listed(
        "spdx-tag-value",
        "spdx",
        "2.3",
        4,
        licenses=2,
        tool="LicenseFind",
        tool_version="1.0",
        reported_at="2010-01-29T18:30:22.000000Z",
    ),
    "alpine-3.10.syft.spdx.json": _spdx(
        "2.2", 3, licenses=2, tool="syft-[not provided]", reported_at="2022-01-20T21:40:24.439211Z"
    ),
    "alpine-3.10.vendor.spdx.json": _spdx(
        "2.2", 3, licenses=2, tool="vendor", reported_at="2022-01-18T22:16:16.000000Z"
    ),
    "ca-certificates.spdx.json": _spdx(
        "2.3", 2, licenses=1, tool="trivy", tool_version="0.58.1", reported_at="2025-01-30T11:30:05.000000Z"
    ),
    "elasticsearch.spdx.json": _spdx("2.3", 6, licenses=1, reported_at="2023-08-18T20:09:40.708000Z"),
    "example7-bin.spdx.json": _spdx("2.2", 1, reported_at="2020-11-24T01:12:27.000000Z"),
    "example7-go-module.spdx.json": _spdx("2.2", 1, reported_at="2020-11-24T01:12:27.000000Z"),
    "example7-third-party-modules.spdx.json": _spdx("2.2", 3, reported_at="2020-11-24T01:12:27.000000Z"),
    "postgresql.spdx.json": _spdx("2.3", 4, licenses=3, reported_at="2023-07-13T19:24:23.609000Z"),
    "sbom-without-app-component.spdx.json": _spdx(
        "2.3", 3, tool="syft", tool_version="1.13.0", reported_at="2024-09-25T21:11:50.000000Z"
    ),
    "spdx_no_vuln.json": _spdx(
        "2.3", 3, licenses=2, tool="syft", tool_version="1.50.0", reported_at="2026-07-29T00:00:00.000000Z"
    ),
    "spdx_one_vuln.json": _spdx(
        "2.3", 3, licenses=2, tool="syft", tool_version="1.50.0", reported_at="2026-07-29T00:00:00.000000Z"
    ),
}

_syft = partial(listed, "syft-json", "syft", tool="syft")

_SYFT = {
    "directory.json": _syft("5.1.0", 2, licenses=1, tool_version="0.62.1"),
    "empty.json": _syft("16.0.21", 0, tool_version="1.18.1"),
    "image.json": _syft("16.0.21", 4, licenses=3, tool_version="1.18.1"),
}

SAMPLES: dict[str, Expected] = {
    **{f"cyclonedx/{name}": row for name, row in (_CYCLONEDX | _CYCLONEDX_XML).items()},
    **{f"spdx/{name}": row for name, row in _SPDX.items()},
    **{f"syft/{name}": row for name, row in _SYFT.items()},
}
