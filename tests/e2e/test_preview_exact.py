"""What `preview --config` shows is, byte for byte, what the running collector then signs for the same files."""

from __future__ import annotations

import json
from pathlib import Path

from collector.instance import SPOOL_NAME
from shared import dsse
from shared.encoding import JsonObject, canonical, parse_payload
from tests.helpers import programs, reports
from tests.helpers.rig import Rig, eventually, rig

UNKNOWN = ("audience", "keyId", "salt", "collector", "stream", "observationId", "observedAt")
CONTEXT = reports.context(
    repository="acme/checkout", commit="9f3c8b7" + "0" * 33, run="4711", job="unit", branch="main"
)

CONFIG = """
artifacts = ["**/*.whl"]
names = [{match = "unit/**", name = "Unit Tests"}]
disclosure = "summary"
disclosure_by = {sarif = "full"}
fail_on = "medium"
min_coverage = 90
[roots.speaks_for]
repositories = ["acme/*"]
[roots.context]
service = "checkout-api"
"""


FILES: dict[str, bytes | str] = {
    "unit/red.xml": reports.JUNIT_RED,
    "unit/green.xml": reports.junit(7),
    "coverage.xml": reports.COBERTURA,
    "scan.sarif": reports.SARIF,
    "bom.json": reports.SBOM,
    "review.attest.json": reports.ATTEST,
    "dist/app-1.0.whl": b"PK and not really a wheel",
}


def _large_parts() -> str:
    """Parts whose list has to be cut, so that the statement fits into a payload."""
    names = [f"pkg:pypi/{'é' * 270}-{number}@1" for number in range(3_000)]
    parts = [{"type": "library", "name": f"n{number}", "purl": name} for number, name in enumerate(names)]
    return json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": parts})


def _shown(one: Rig) -> dict[str, JsonObject]:
    """The previewed statements by the digest of the file, as the installed program prints them."""
    printed = programs.call(
        "carnet-collector", "preview", str(one.inbox), "--config", str(one.config), "--output", "json", ok=(0, 65)
    )
    statements = [value["statement"] for value in map(json.loads, printed.splitlines()) if "statement" in value]
    return {one["predicate"]["source"]["sha256"]: one for one in statements}


def _objects(fields: JsonObject, *names: str) -> JsonObject:
    for name in names:
        below = fields[name]
        assert isinstance(below, dict)
        fields = below
    return fields


def test_every_previewed_byte_is_the_one_that_is_signed_but_for_what_only_a_capture_has(tmp_path: Path) -> None:
    with rig(tmp_path, more=CONFIG) as one:
        one.write_config()
        one.drop("unit/carnet-context.json", CONTEXT)
        for name, content in {**FILES, "many.json": _large_parts()}.items():
            one.drop(name, content)
        shown = _shown(one)
        assert len(shown) == len(FILES) + 1
        assert not (one.state / SPOOL_NAME).exists()  # nothing was numbered: there is not even a stream
        one.start_collector()
        eventually("all are captured", lambda: len(one.spooled()) == len(shown))
        with one.reader() as reader:
            envelopes = [reader.show(row.sequence).envelope or b"" for row in one.spooled()]
        for raw in envelopes:
            payload = dsse.parse(raw).payload
            signed = _objects(parse_payload(payload), "predicate")
            mine = shown.pop(str(_objects(signed, "source")["sha256"]))
            previewed = _objects(mine, "predicate")
            assert [name for name, value in previewed.items() if value is None] == list(UNKNOWN)
            whole = {**mine, "predicate": {**previewed, **{name: signed[name] for name in UNKNOWN}}}
            assert canonical(whole) == payload
        assert shown == {}
        assert sum(b"componentsOmitted" in dsse.parse(raw).payload for raw in envelopes) == 1
