"""What is in each sample of a parts list."""

from tests.unit.formats.expected import Expected, listed


def _cyclonedx(
    version: str,
    components: int,
    *,
    licenses: int = 0,
    vulnerabilities: int | None = None,
    tool: str | None = None,
    tool_version: str | None = None,
    reported_at: str | None = None,
) -> Expected:
    return listed(
        "cyclonedx-json",
        "cyclonedx",
        version,
        components,
        licenses=licenses,
        vulnerabilities=vulnerabilities,
        tool=tool,
        tool_version=tool_version,
        reported_at=reported_at,
    )


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

SAMPLES: dict[str, Expected] = {
    **{f"cyclonedx/{name}": row for name, row in _CYCLONEDX.items()},
}
