"""The strict XML reader: what it accepts, what it refuses, and with which reason."""

import io

import pytest

from collector.formats.limits import Limits
from collector.formats.xml_events import End, Start, xml_events
from shared.errors import Code, MalformedError

SMALL = Limits(chunk_bytes=64)


def read(data: bytes, text_of: frozenset[str] = frozenset(), limits: Limits = SMALL) -> list[Start | End]:
    return list(xml_events(io.BytesIO(data), limits, text_of))


def reason(data: bytes, limits: Limits = SMALL) -> Code:
    with pytest.raises(MalformedError) as refused:
        read(data, limits=limits)
    return refused.value.code


def test_elements_come_in_document_order_with_local_names_and_depths() -> None:
    assert read(b'<a xmlns="u" xmlns:p="v" x="1"><p:b p:y="2"/></a>') == [
        Start("a", {"x": "1"}, 1, "u"),
        Start("b", {"y": "2"}, 2, "v"),
        End("b", "", 2),
        End("a", "", 1),
    ]


def test_text_is_kept_only_where_it_is_asked_for_and_only_so_much_of_it() -> None:
    data = b"<a>no<b>yes<c>no</c>!</b>" + b"<b>" + b"z" * 5_000 + b"</b></a>"
    texts = [event.text for event in read(data, frozenset({"b"})) if isinstance(event, End)]
    assert texts == ["", "yes!", "z" * 1_000, ""]


ACCEPTED = {
    "utf-8 byte-order mark": b"\xef\xbb\xbf<a x='\xc3\xa9'/>",
    "latin-1 declared": "<?xml version='1.0' encoding='ISO-8859-1'?><a x='é'/>".encode("latin-1"),
    "windows-1252 declared": "<?xml version='1.0' encoding='windows-1252'?><a x='é'/>".encode("cp1252"),
    "utf-16 with byte-order mark": "<?xml version='1.0' encoding='utf-16'?><a x='é'/>".encode("utf-16"),
    "utf-16 without byte-order mark": "<?xml version='1.0' encoding='utf-16'?><a x='é'/>".encode("utf-16-le"),
    "DOCTYPE with an external subset": b"<!DOCTYPE a SYSTEM 'http://example.invalid/a.dtd'><a x='\xc3\xa9'/>",
    "DOCTYPE with declarations": b"<!DOCTYPE a [<!ELEMENT a ANY><!ATTLIST a x CDATA #IMPLIED>]><a x='\xc3\xa9'/>",
    "predefined entities": b"<a x='&#233;'>&lt;&amp;&#10;</a>",
    "comments, instructions, CDATA": b"<?pi x?><!-- <b> --><a x='\xc3\xa9'><![CDATA[<b>]]></a><!-- -->\n",
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepts(name: str) -> None:
    assert read(ACCEPTED[name])[0] == Start("a", {"x": "é"}, 1)


LAUGHS = (
    b'<!DOCTYPE a [<!ENTITY l0 "ha">'
    + b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
    + b"]><a>&l9;</a>"
)

REFUSED: dict[str, tuple[Code, bytes]] = {
    "nothing": (Code.TRUNCATED, b""),
    "only a byte-order mark": (Code.TRUNCATED, b"\xef\xbb\xbf"),
    "only white space": (Code.TRUNCATED, b" \n "),
    "no end tag": (Code.TRUNCATED, b"<a><b></b>"),
    "ends inside of a tag": (Code.TRUNCATED, b"<a><b x="),
    "ends inside of CDATA": (Code.TRUNCATED, b"<a><![CDATA[x"),
    "ends inside of a comment": (Code.TRUNCATED, b"<a><!-- x"),
    "ends inside of a DOCTYPE": (Code.TRUNCATED, b"<!DOCTYPE a ["),
    "ends inside of a character": (Code.TRUNCATED, b"<a>\xc3"),
    "billion laughs": (Code.ENTITY, LAUGHS),
    "an entity that is only declared": (Code.ENTITY, b"<!DOCTYPE a [<!ENTITY e 'x'>]><a/>"),
    "an external entity": (Code.ENTITY, b"<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>"),
    "a parameter entity": (Code.ENTITY, b"<!DOCTYPE a [<!ENTITY % p SYSTEM 'file:///etc/passwd'> %p;]><a/>"),
    "an entity nobody declared": (Code.ENTITY, b"<a>&nbsp;</a>"),
    "an undeclared entity behind an external DTD": (Code.ENTITY, b"<!DOCTYPE a SYSTEM 'x.dtd'><a>&nbsp;</a>"),
    "deep nesting": (Code.TOO_DEEP, b"<a>" * 101 + b"</a>" * 101),
    "very deep nesting, unclosed": (Code.TOO_DEEP, b"<a>" * 100_000),
    "bytes that are not utf-8": (Code.BAD_ENCODING, b"<a>\xff\xfe</a>"),
    "latin-1 that is not declared": (Code.BAD_ENCODING, "<a x='é '/>".encode("latin-1")),
    "overlong utf-8": (Code.BAD_ENCODING, b"<a>\xc0\xaf</a>"),
    "an unknown encoding": (Code.BAD_ENCODING, b"<?xml version='1.0' encoding='x-unheard-of'?><a/>"),
    "an encoding of several bytes": (Code.BAD_ENCODING, b"<?xml version='1.0' encoding='shift_jis'?><a/>"),
    "utf-16 declared, but is not": (Code.BAD_ENCODING, b"<?xml version='1.0' encoding='utf-16'?><a/>"),
    "a byte that windows-1252 has not": (
        Code.BAD_ENCODING,
        b"<?xml version='1.0' encoding='windows-1252'?><a>\x81</a>",
    ),
    "NUL": (Code.BAD_SYNTAX, b"<a>\0</a>"),
    "a control character": (Code.BAD_SYNTAX, b"<a>\x08</a>"),
    "a reference to a control character": (Code.BAD_SYNTAX, b"<a>&#8;</a>"),
    "crossed tags": (Code.BAD_SYNTAX, b"<a><b></a></b>"),
    "two roots": (Code.BAD_SYNTAX, b"<a/><b/>"),
    "text behind the root": (Code.BAD_SYNTAX, b"<a/>x"),
    "the same attribute twice": (Code.BAD_SYNTAX, b"<a x='1' x='2'/>"),
    "an unbound prefix": (Code.BAD_SYNTAX, b"<p:a/>"),
    "no markup": (Code.BAD_SYNTAX, b"hello, world"),
    "HTML": (Code.BAD_SYNTAX, b"<html><br></html>"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("chunk_bytes", [16, 65_536])
def test_refuses(name: str, chunk_bytes: int) -> None:
    expected, data = REFUSED[name]
    assert reason(data, Limits(chunk_bytes=chunk_bytes)) is expected


def test_a_refusal_says_line_and_column() -> None:
    with pytest.raises(MalformedError, match="line 2, column 6"):
        read(b"<a>\n<b></c></a>")


def test_a_tag_larger_than_the_limit_is_refused() -> None:
    data = b'<a x="' + b"y" * 10_000_000 + b'"/>'
    assert reason(data, Limits()) is Code.TOO_LARGE


def test_more_elements_than_the_limit_are_refused() -> None:
    assert reason(b"<a>" + b"<b/>" * 20 + b"</a>", Limits(max_events=10)) is Code.TOO_LARGE


def test_a_prefix_that_is_declared_within_counts_from_there_and_that_of_xml_is_no_name_of_ours() -> None:
    data = b'<a xml:time="1" time="2"><b xmlns:p="v" p:time="3" xml:time="4"/><c xml:status="x"/></a>'
    starts = [event for event in read(data) if isinstance(event, Start)]
    assert starts[0].attributes["time"] == "2"
    assert starts[1].attributes["time"] == "3"
    assert "status" not in starts[2].attributes


def test_an_attribute_without_a_namespace_comes_before_its_namesakes() -> None:
    data = b'<a xmlns:p="v" status="failed" p:status="passed"><b p:status="passed" status="failed"/></a>'
    assert [event.attributes["status"] for event in read(data) if isinstance(event, Start)] == ["failed", "failed"]
