"""No bytes at all make a reader pass what it should not, or fail with anything but a reason of ours."""

import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.formats import FORMATS, HEAD_BYTES, Format, Limits, Thresholds, recognise
from shared.errors import FILE_CODES, Code, MalformedError
from tests.unit.formats.reading import SAMPLES, claim_of, format_of

ATTEST = b'{"carnet":"attest/v1","type":"CUSTOM","name":"n\\u00e9","passed":true,"evidence":{"a":[1,2.5,null]}}'

WHOLE: dict[str, list[bytes]] = {
    "junit-xml": [
        (SAMPLES / "junit" / name).read_bytes() for name in ("phpunit.xml", "xunit.xml", "testsuite-root.xml")
    ],
    "cobertura-xml": [
        (SAMPLES / "cobertura" / name).read_bytes() for name in ("Cobertura2.1.1.xml", "Cobertura_Swift.xml")
    ],
    "sarif": [(SAMPLES / "sarif" / name).read_bytes() for name in ("appendix_k.sarif", "njsscan.sarif")],
    "cyclonedx-json": [
        (SAMPLES / "cyclonedx" / name).read_bytes() for name in ("valid-bom-1.6.json", "valid-service-1.6.json")
    ],
    "attest": [ATTEST],
}
ROWS = {row.key: row for row in FORMATS}


def test_every_format_is_attacked() -> None:
    assert set(WHOLE) == set(ROWS)


def try_reading(fmt: Format, data: bytes) -> Code | None:
    """The reason of a refusal, None for a claim; any other exception fails the test."""
    try:
        fmt.read(io.BytesIO(data), Thresholds(), Limits())
    except MalformedError as error:
        refused = error
    else:
        return None
    assert refused.code in FILE_CODES
    assert len(refused.detail) < 500
    return refused.code


SAMPLE_FILES = [
    *sorted((SAMPLES / "junit").glob("*.xml")),
    *sorted((SAMPLES / "cobertura").glob("*.xml")),
    *sorted((SAMPLES / "sarif").glob("*[!d]")),
    *sorted((SAMPLES / "cyclonedx").glob("*.json")),
]


@pytest.mark.parametrize("path", SAMPLE_FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_file_cut_at_any_tenth_is_truncated_or_not_recognised(path: Path) -> None:
    data = path.read_bytes().rstrip()
    fmt = format_of(data)
    for tenth in range(10):
        piece = data[: len(data) * tenth // 10]
        assert recognise(piece[:HEAD_BYTES]) in {fmt, None}
        assert try_reading(fmt, piece) is Code.TRUNCATED, tenth


@pytest.mark.parametrize("key", WHOLE)
def test_a_small_file_cut_anywhere_is_refused(key: str) -> None:
    data = min(WHOLE[key], key=len).rstrip()
    for end in range(0, len(data), max(1, len(data) // 400)):
        assert try_reading(ROWS[key], data[:end]) in {Code.TRUNCATED, Code.BAD_SYNTAX}


XML_ROOTS = {"junit-xml": b"testsuites", "cobertura-xml": b"coverage"}
LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 12))

XML_ATTACKS: dict[str, tuple[Code, bytes]] = {
    "billion laughs": (Code.ENTITY, b'<!DOCTYPE r [<!ENTITY l0 "ha">' + LAUGHS + b"]><r line-rate='1'>&l11;</r>"),
    "quadratic blow-up": (
        Code.ENTITY,
        b'<!DOCTYPE r [<!ENTITY a "' + b"a" * 50_000 + b"\">]><r line-rate='1'>" + b"&a;" * 5_000 + b"</r>",
    ),
    "external entity": (
        Code.ENTITY,
        b"<!DOCTYPE r [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><r line-rate='1'>&e;</r>",
    ),
    "external entity over http": (
        Code.ENTITY,
        b"<!DOCTYPE r [<!ENTITY e SYSTEM 'http://127.0.0.1:9/x'>]><r line-rate='1'>&e;</r>",
    ),
    "external parameter entity": (
        Code.ENTITY,
        b"<!DOCTYPE r [<!ENTITY % e SYSTEM 'http://127.0.0.1:9/x'> %e;]><r line-rate='1'/>",
    ),
    "deep nesting": (Code.TOO_DEEP, b"<r line-rate='1'>" + b"<x>" * 200_000),
    "ten megabytes of attribute": (Code.TOO_LARGE, b"<r line-rate='1'><x y='" + b"z" * 10_000_000 + b"'/></r>"),
    "wrong encoding": (Code.BAD_ENCODING, b"<r line-rate='1' name='caf\xe9!'/>"),
    "utf-8 that says it is utf-16": (Code.BAD_ENCODING, b"<?xml version='1.0' encoding='utf-16'?><r line-rate='1'/>"),
    "utf-16 cut in two": (Code.TRUNCATED, "<r line-rate='1'><x>".encode("utf-16")),
    "NUL": (Code.BAD_SYNTAX, b"<r line-rate='1'>\0</r>"),
    "garbage behind": (Code.BAD_SYNTAX, b"<r line-rate='1'/>\0\0\0"),
}


@pytest.mark.parametrize("key", XML_ROOTS)
@pytest.mark.parametrize("name", XML_ATTACKS)
def test_hostile_xml_is_recognised_and_gets_its_reason(key: str, name: str) -> None:
    expected, data = XML_ATTACKS[name]
    encoded = data.startswith(b"\xff\xfe")
    root = XML_ROOTS[key].decode()
    for old, new in (("<r ", f"<{root} "), ("</r>", f"</{root}>"), ("DOCTYPE r", f"DOCTYPE {root}")):
        # Without the mark that `encode` would add in front.
        codec = "utf-16-le" if encoded else "ascii"
        data = data.replace(old.encode(codec), new.encode(codec))
    assert format_of(data).key == key
    assert try_reading(ROWS[key], data) is expected


JSON_HEADS = {
    "sarif": b'{"version":"2.1.0","runs":[],"x":',
    "cyclonedx-json": b'{"bomFormat":"CycloneDX","specVersion":"1.6","x":',
    "attest": b'{"carnet":"attest/v1","type":"CUSTOM","name":"n","passed":true,"evidence":',
}

JSON_ATTACKS: dict[str, tuple[Code, bytes]] = {
    "deep nesting": (Code.TOO_DEEP, b"[" * 200_000),
    "deep nesting of objects": (Code.TOO_DEEP, b'{"a":' * 200_000),
    "ten megabytes of string": (Code.TOO_LARGE, b'"' + b"z" * 10_000_000 + b'"}'),
    "ten megabytes of key": (Code.TOO_LARGE, b'{"' + b"z" * 10_000_000 + b'":1}}'),
    "a number of a million digits": (Code.BAD_SYNTAX, b"1" * 1_000_000 + b"}"),
    "wrong encoding": (Code.BAD_ENCODING, b'"caf\xe9!"}'),
    "NUL": (Code.BAD_SYNTAX, b'"\0"}'),
    "NaN": (Code.BAD_SYNTAX, b"NaN}"),
    "a duplicate key": (Code.BAD_SYNTAX, b'{"a":1,"a":2}}'),
    "a duplicate key at the top": (Code.BAD_SYNTAX, b'{},"x":1,"x":2}'),
    "half of a surrogate pair": (Code.BAD_SYNTAX, rb'"\ud800"}'),
    "garbage behind": (Code.BAD_SYNTAX, b"{}}{}"),
    "nothing behind": (Code.TRUNCATED, b""),
}


@pytest.mark.parametrize("key", JSON_HEADS)
@pytest.mark.parametrize("name", JSON_ATTACKS)
def test_hostile_json_is_recognised_and_gets_its_reason(key: str, name: str) -> None:
    expected, rest = JSON_ATTACKS[name]
    data = JSON_HEADS[key] + rest
    assert format_of(data).key == key
    assert try_reading(ROWS[key], data) is expected


@pytest.mark.parametrize("key", JSON_HEADS)
@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be"])
def test_json_in_utf_16_is_recognised_and_refused(key: str, codec: str) -> None:
    data = (JSON_HEADS[key] + b"{}}").decode().encode(codec)
    assert format_of(data).key == key
    assert try_reading(ROWS[key], data) is Code.BAD_ENCODING


@pytest.mark.parametrize("key", WHOLE)
@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\n\n", b"\0" * 100])
def test_a_file_without_content_is_refused_by_every_reader(key: str, data: bytes) -> None:
    assert recognise(data) is None
    assert try_reading(ROWS[key], data) in {Code.TRUNCATED, Code.BAD_ENCODING, Code.BAD_SYNTAX}


@pytest.mark.parametrize("key", XML_ROOTS)
def test_xml_in_utf_16_is_read(key: str) -> None:
    text = WHOLE[key][-1].decode("utf-8-sig").replace("UTF-8", "UTF-16").replace("utf-8", "utf-16")
    plain = claim_of(WHOLE[key][-1])
    assert claim_of(text.encode("utf-16")).evidence == plain.evidence


@st.composite
def mutated(draw: st.DrawFn, key: str) -> bytes:
    """A real file with a few places changed, cut out, doubled or overwritten with what parsers trip over."""
    data = draw(st.sampled_from(WHOLE[key]))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 40)))
        piece = draw(
            st.one_of(
                st.binary(max_size=8),
                st.sampled_from(
                    [b"", data[start:end] * 2, b"<", b"&x;", b"]]>", b"{", b'"', b"\\ud800", b"\0", b"1e999"]
                ),
            )
        )
        data = data[:start] + piece + data[end:]
    return data


@pytest.mark.parametrize("key", WHOLE)
def test_mutated_files_are_read_or_refused_and_nothing_else(key: str) -> None:
    @settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(mutated(key))
    def attack(data: bytes) -> None:
        recognise(data[:HEAD_BYTES])
        try_reading(ROWS[key], data)

    attack()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_the_look_at_a_head_never_fails(data: bytes) -> None:
    for prefix in (b"", b"<", b"<a ", b"{", b'{"a":"', b"\xff\xfe"):
        recognise(prefix + data)
