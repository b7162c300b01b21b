"""When an audit of pip-audit is complete."""

import pytest

from tests.unit.formats.reading import claim_of

GOOD = '{"name":"a","version":"1","vulns":[]}'
BAD = '{"name":"b","version":"1","vulns":[{"id":"X","fix_versions":[]}]}'
SKIPPED = '{"name":"c","skip_reason":"not found"}'

AUDITS: dict[str, tuple[str, tuple[object, ...]]] = {
    "no vulnerability": (GOOD, (0, True, True)),
    "a vulnerability": (f"{GOOD},{BAD}", (1, False, True)),
    "a dependency that was skipped": (f"{GOOD},{SKIPPED}", (0, False, False)),
    "all were skipped": (SKIPPED, (0, False, False)),
    "no dependency": ("", (0, False, False)),
    "no list of vulnerabilities": (GOOD + ',{"name":"d","version":"1"}', (0, False, False)),
    "null in place of the list": (GOOD + ',{"name":"d","vulns":null}', (0, False, False)),
}


@pytest.mark.parametrize("name", AUDITS)
def test_an_audit_passes_where_every_dependency_was_audited(name: str) -> None:
    dependencies, expected = AUDITS[name]
    claim = claim_of(f'{{"dependencies":[{dependencies}],"fixes":[]}}'.encode())
    assert (claim.evidence["high"], claim.passed, "complete" not in claim.evidence) == expected
