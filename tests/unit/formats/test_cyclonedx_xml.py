"""How the parts of a CycloneDX document in XML are counted."""

import pytest

from collector.formats.claim import Claim
from tests.unit.formats.reading import claim_of

DIGEST = "AB" * 32


def read(inside: str, version: str = "1.6") -> Claim:
    namespaces = f'xmlns="http://cyclonedx.org/schema/bom/{version}" xmlns:o="urn:other"'
    extension = 'xmlns:v="http://cyclonedx.org/schema/ext/vulnerability/1.0"'
    return claim_of(f"<bom {namespaces} {extension}>{inside}</bom>".encode())


def component(name: str, *inside: str) -> str:
    return f"<component><name>{name}</name>{''.join(inside)}</component>"


def components(*inside: str) -> str:
    return f"<components>{''.join(inside)}</components>"


def metadata(*inside: str) -> str:
    return f"<metadata>{''.join(inside)}</metadata>"


@pytest.mark.parametrize(
    ("inside", "names"),
    [
        (components(component("a"), component("b")), ["a", "b"]),
        (components(component("a", components(component("b", components(component("c")))))), ["c", "b", "a"]),
        (metadata(component("product", components(component("inside")))), []),
        (metadata("<tools>", components(component("t")), "</tools>"), []),
        (components(component("a", "<pedigree><ancestors>", component("x"), "</ancestors></pedigree>")), ["a"]),
        ("<o:components>" + component("x") + "</o:components>", []),
        ("<components><component><o:name>x</o:name></component></components>", []),
        (components(component("a", "<purl> pkg:npm/a@1 </purl>")), ["pkg:npm/a@1"]),
    ],
)
def test_components_count_where_they_are_parts(inside: str, names: list[str]) -> None:
    assert read(inside).evidence["components"] == names


def test_licences_count_once_for_each_component() -> None:
    mit, own = "<license><id>MIT</id></license>", "<license><name>Own</name></license>"
    inner = component("b", "<licenses><expression>MIT OR ISC</expression></licenses>")
    first = component("a", "<licenses>", mit, mit, own, "</licenses>", components(inner))
    claim = read(components(first, component("c", "<licenses>", mit, "</licenses>")))
    assert claim.evidence["licenses"] == {"MIT": 2, "Own": 1, "MIT OR ISC": 1}


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("<vulnerabilities><vulnerability/><vulnerability/></vulnerabilities>", 2),
        (components(component("a", "<v:vulnerabilities><v:vulnerability/></v:vulnerabilities>")), 1),
        ("<v:vulnerabilities><v:vulnerability/></v:vulnerabilities>", 1),
        ("<o:vulnerabilities><o:vulnerability/></o:vulnerabilities>", None),
    ],
)
def test_vulnerabilities_count_in_the_document_and_by_the_extension(inside: str, expected: int | None) -> None:
    assert read(inside).evidence.get("vulnerabilities") == expected


@pytest.mark.parametrize(
    ("hashes", "expected"),
    [
        (f'<hash alg="SHA-256">{DIGEST}</hash>', (("product", DIGEST.lower()),)),
        (f'<hash alg="SHA-256">{DIGEST}</hash><hash alg="SHA-1">{"0" * 40}</hash>', (("product", DIGEST.lower()),)),
        (f'<hash alg="SHA-512">{DIGEST}</hash>', ()),
        ('<hash alg="SHA-256">short</hash>', ()),
        (f"<hash>{DIGEST}</hash>", ()),
    ],
)
def test_the_subject_is_the_product_by_its_sha256(hashes: str, expected: object) -> None:
    assert read(metadata(component("product", "<hashes>", hashes, "</hashes>"))).subjects == expected


@pytest.mark.parametrize(
    ("tools", "expected"),
    [
        ("<tool><name>old</name><version>1</version></tool><tool><name>other</name></tool>", ("old", "1")),
        (components(component("new"), component("other", "<version>3</version>")), ("new", None)),
        ("<services><service><name>s</name></service></services>", (None, None)),
    ],
)
def test_the_tool_is_the_first_one_named(tools: str, expected: object) -> None:
    seen = read(metadata("<tools>", tools, "</tools>")).evidence
    assert (seen.get("tool"), seen.get("toolVersion")) == expected


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7"])
def test_known_versions_are_well_formed(version: str) -> None:
    claim = read("<components/>", version)
    assert claim.passed
    assert claim.evidence["specVersion"] == version


@pytest.mark.parametrize("version", ["", "0.9", "1.8", "2.0"])
def test_another_version_is_not_passed(version: str) -> None:
    assert not read("<components/>", version).passed
