"""How LCOV, Go cover profiles, and the JSON of coverage.py and llvm-cov are counted."""

import json

import pytest

from collector.formats import HEAD_BYTES, Limits, Thresholds, recognise
from shared.errors import Code, MalformedError
from tests.unit.formats.reading import claim_of

Numbers = tuple[object, object, object, object, object]


def numbers(data: bytes, limits: Limits | None = None) -> Numbers:
    seen = claim_of(data, limits=limits).evidence
    return (
        seen.get("coverage"),
        seen["linesCovered"],
        seen["linesTotal"],
        seen.get("branchesCovered"),
        seen.get("branchesTotal"),
    )


def refusal(data: bytes, limits: Limits | None = None) -> tuple[Code, str]:
    with pytest.raises(MalformedError) as refused:
        claim_of(data, limits=limits)
    return refused.value.code, refused.value.detail


def lcov(*records: str) -> bytes:
    return b"TN:\n" + "".join(f"SF:{record}\nend_of_record\n" for record in records).replace(" ", "\n").encode()


LCOV: dict[str, tuple[bytes, Numbers]] = {
    "lines": (lcov("a DA:1,3 DA:2,0"), (50.0, 1, 2, None, None)),
    "checksums": (lcov("a DA:1,3,abc= DA:2,0,def="), (50.0, 1, 2, None, None)),
    "counts of another spelling": (lcov("a DA:1,1e+06 DA:2,2.0 DA:3,18446744073709551616"), (100.0, 3, 3, None, None)),
    "counts that are none": (lcov("a DA:1,-1 DA:2, DA:3,x DA:4,0.0 DA:5,-"), (0.0, 0, 5, None, None)),
    "a line twice": (lcov("a DA:1,0 DA:1,2 DA:1,0"), (100.0, 1, 1, None, None)),
    "a file twice": (lcov("a DA:1,0 DA:2,1", "a DA:1,1 DA:3,0"), (66.67, 2, 3, None, None)),
    "the same lines of two files": (lcov("a DA:1,1", "b DA:1,0"), (50.0, 1, 2, None, None)),
    "branches": (lcov("a DA:1,1 BRDA:1,0,0,2 BRDA:1,0,1,- BRDA:1,0,2,0"), (100.0, 1, 1, 1, 3)),
    "branches in front of lines": (lcov("a BRDA:1,0,0,2 BRDA:1,0,1,0 DA:1,1"), (100.0, 1, 1, 1, 2)),
    "branches of a file twice": (lcov(*["a DA:1,1 BRDA:1,0,0,1 BRDA:1,0,1,0"] * 2), (100.0, 1, 1, 1, 2)),
    "branches without a line": (lcov("a DA:1,0 BRDA:7,0,0,1 BRDA:7,0,1,0"), (0.0, 0, 1, 1, 2)),
    "totals beside lines": (lcov("a DA:1,0 DA:2,1 LF:9 LH:9 BRF:2 BRH:2"), (50.0, 1, 2, None, None)),
    "nothing but totals": (lcov("a LF:4 LH:3 BRF:2 BRH:1"), (75.0, 3, 4, 1, 2)),
    "an empty record": (lcov("a FNF:0 FNH:0"), (None, 0, 0, None, None)),
    "what else there is": (
        b"# made by x\n\nTN:t\nVER:1\nSF:a\nFN:1,f\nFNL:0,1,2\nFNDA:1,f\nMCDC:1,2,t,1,0,a\nDA:1,1\r\nend_of_record\r\n",
        (100.0, 1, 1, None, None),
    ),
}


@pytest.mark.parametrize("name", LCOV)
def test_lcov(name: str) -> None:
    data, expected = LCOV[name]
    assert numbers(data) == expected


BROKEN_LCOV: dict[str, tuple[bytes, Code, str]] = {
    "no record": (b"TN:\n", Code.TRUNCATED, "the file ends"),
    "cut in a record": (b"SF:a\nDA:1,1\n", Code.TRUNCATED, "the file ends"),
    "cut in the end": (b"SF:a\nDA:1,1\nend_of_rec", Code.BAD_SYNTAX, "line 3: this is no line"),
    "an end without a beginning": (b"TN:\nend_of_record\n", Code.BAD_SYNTAX, "line 2: a record ends"),
    "a beginning without an end": (b"SF:a\nDA:1,1\nSF:b\nend_of_record\n", Code.BAD_SYNTAX, "line 3: a record begins"),
    "a line outside": (b"TN:\nDA:1,1\n", Code.BAD_SYNTAX, "line 2: this DA"),
    "a total outside": (b"TN:\nLF:1\n", Code.BAD_SYNTAX, "line 2: this LF"),
    "a line without a count": (b"SF:a\nDA:1\n", Code.BAD_SYNTAX, "line 2: this DA"),
    "a line without a number": (b"SF:a\nDA:x,1\n", Code.BAD_SYNTAX, "line 2: this DA"),
    "a branch cut short": (b"SF:a\nBRDA:1,0\n", Code.BAD_SYNTAX, "line 2: this BRDA"),
    "more hit than found": (b"SF:a\nLF:4\nLH:9\nend_of_record\n", Code.BAD_SYNTAX, "line 4: the record says"),
    "another text": (b"SF:a\nhello world\n", Code.BAD_SYNTAX, "line 2: this is no line"),
}


@pytest.mark.parametrize("name", BROKEN_LCOV)
def test_a_broken_tracefile_is_refused_with_its_line(name: str) -> None:
    data, code, detail = BROKEN_LCOV[name]
    refused = refusal(data)
    assert refused[0] is code
    assert refused[1].startswith(detail)


def test_a_record_of_more_lines_than_the_limit_is_refused() -> None:
    data = lcov("a " + " ".join(f"DA:{number},1" for number in range(20)))
    assert refusal(data, Limits(max_tracked=10))[0] is Code.TOO_LARGE


@pytest.mark.parametrize("data", [b"SFO: x\n", b"# SF:a\n", b"hello\nSF:a\n", b"DA:1,1\n"])
def test_other_text_is_no_tracefile(data: bytes) -> None:
    assert recognise(data[:HEAD_BYTES]) is None


def go_cover(*blocks: str, mode: str = "set") -> bytes:
    return "\n".join([f"mode: {mode}", *blocks, ""]).encode()


GO_COVER: dict[str, tuple[bytes, Numbers]] = {
    "statements": (go_cover("p/a.go:1.2,3.4 3 1", "p/a.go:5.2,6.4 1 0"), (75.0, 3, 4, None, None)),
    "a block twice": (go_cover("a.go:1.2,3.4 3 0", "a.go:1.2,3.4 3 7", "a.go:1.2,3.4 3 0", mode="count"),
                      (100.0, 3, 3, None, None)),
    "the same place in two files": (go_cover("a.go:1.2,3.4 1 0", "b.go:1.2,3.4 1 7"), (50.0, 1, 2, None, None)),
    "a block without statements": (go_cover("a.go:1.2,3.4 0 0", "a.go:5.2,6.4 1 1"), (100.0, 1, 1, None, None)),
    "nothing": (go_cover(), (None, 0, 0, None, None)),
    "profiles put together": (go_cover("a.go:1.2,3.4 1 0", "mode: set", "a.go:1.2,3.4 1 1"), (100.0, 1, 1, None, None)),
    "a drive and a blank in the name": (go_cover(r"C:\my code\a.go:1.2,3.4 1 1"), (100.0, 1, 1, None, None)),
    "counts of any size": (go_cover("a.go:1.2,3.4 1 18446744073709551615"), (100.0, 1, 1, None, None)),
}  # fmt: skip


@pytest.mark.parametrize("name", GO_COVER)
def test_go_cover(name: str) -> None:
    data, expected = GO_COVER[name]
    assert numbers(data) == expected


@pytest.mark.parametrize(
    "line",
    [
        "",
        "a.go",
        "a.go:1.2,3.4 1",
        "a.go:1.2,3.4 1 -1",
        "a.go:1.2,3.4 x 1",
        "1.2,3.4 1 1",
        "a.go:1.2,3.4 1 1 1",
        "mode: x",
    ],
)
def test_a_line_that_is_no_block_is_refused(line: str) -> None:
    assert refusal(go_cover("a.go:1.2,3.4 1 1", line, "b.go:1.2,3.4 1 1")) == (
        Code.BAD_SYNTAX,
        "line 3 is no block of a cover profile",
    )


def test_a_block_with_other_statements_is_refused() -> None:
    assert refusal(go_cover("a.go:1.2,3.4 1 1", "a.go:1.2,3.4 2 1"))[0] is Code.BAD_SYNTAX


def test_past_the_limit_blocks_still_count() -> None:
    data = go_cover(*(f"a.go:{number}.1,{number}.2 2 {number % 2}" for number in range(100)))
    assert numbers(data, Limits(max_tracked=7)) == (50.0, 100, 200, None, None)


def coverage_py(files: object, **more: object) -> bytes:
    return json.dumps({"meta": {"branch_coverage": True}, "files": files, **more}).encode()


def summary(covered: object, total: object, **more: object) -> dict[str, object]:
    return {"summary": {"covered_lines": covered, "num_statements": total} | more}


BRANCHES = {"covered_branches": 1, "num_branches": 2}
COVERAGE_PY: dict[str, tuple[bytes, Numbers]] = {
    "files": (coverage_py({"a": summary(1, 2, **BRANCHES), "b": summary(2, 2, **BRANCHES)}), (75.0, 3, 4, 2, 4)),
    "executed lines are no measure": (coverage_py({"a": {"executed_lines": [1, 2, 3]} | summary(1, 2)}),
                                      (50.0, 1, 2, None, None)),
    "functions say the same again": (coverage_py({"a": {"functions": {"f": summary(9, 9)}} | summary(1, 2)}),
                                     (50.0, 1, 2, None, None)),
    "a file called summary": (coverage_py({"summary": summary(1, 2)}), (50.0, 1, 2, None, None)),
    "totals beside files": (coverage_py({"a": summary(1, 2)}, totals=summary(9, 9)["summary"]),
                            (50.0, 1, 2, None, None)),
    "nothing but totals": (coverage_py({}, totals={"covered_lines": 3, "num_statements": 4}), (75.0, 3, 4, None, None)),
    "totals that cannot be": (coverage_py({}, totals={"covered_lines": 9, "num_statements": 4}),
                              (None, 0, 0, None, None)),
    "nothing": (coverage_py({}), (None, 0, 0, None, None)),
    "no statements": (coverage_py({"a": summary(0, 0)}), (None, 0, 0, None, None)),
}  # fmt: skip


@pytest.mark.parametrize("name", COVERAGE_PY)
def test_coverage_py(name: str) -> None:
    data, expected = COVERAGE_PY[name]
    assert numbers(data) == expected


NO_SUMMARIES: list[object] = [None, 3, [], {"a": 1}, {"a": {}}, {"a": summary("1", 2)}, {"a": summary(7, 2)},
                              {"a": summary(1, -2)}, {"a": summary(1, 2), "b": {"missing_lines": [1]}}]  # fmt: skip


@pytest.mark.parametrize("files", NO_SUMMARIES, ids=str)
def test_files_without_their_summary_are_refused(files: object) -> None:
    assert refusal(coverage_py(files))[0] is Code.BAD_SYNTAX


def llvm_cov(*files: object, kind: str = "llvm.coverage.json.export", **data: object) -> bytes:
    return json.dumps({"data": [{"files": list(files), **data}], "type": kind, "version": "2.0.1"}).encode()


def llvm_file(covered: object, total: object, branches: tuple[int, int] | None = None) -> dict[str, object]:
    of_branches = {"branches": {"covered": branches[0], "count": branches[1]}} if branches else {}
    return {"filename": "a", "summary": {"lines": {"covered": covered, "count": total}} | of_branches}


LLVM_COV: dict[str, tuple[bytes, Numbers]] = {
    "files": (llvm_cov(llvm_file(1, 2, (1, 4)), llvm_file(2, 2, (0, 2))), (75.0, 3, 4, 1, 6)),
    "no branches (LLVM 11)": (llvm_cov(llvm_file(1, 2)), (50.0, 1, 2, None, None)),
    "totals beside files": (llvm_cov(llvm_file(1, 2), totals=llvm_file(9, 9)["summary"]), (50.0, 1, 2, None, None)),
    "nothing but totals": (llvm_cov(totals=llvm_file(3, 4)["summary"]), (75.0, 3, 4, None, None)),
    "nothing": (llvm_cov(), (None, 0, 0, None, None)),
}


@pytest.mark.parametrize("name", LLVM_COV)
def test_llvm_cov(name: str) -> None:
    data, expected = LLVM_COV[name]
    assert numbers(data) == expected


@pytest.mark.parametrize(
    "data",
    [
        llvm_cov(kind="llvm.coverage.yaml"),
        llvm_cov({"filename": "a"}),
        llvm_cov(llvm_file(None, 2)),
        llvm_cov("x"),
        b'{"data":[{"files":{}}],"type":"llvm.coverage.json.export"}',
        b'{"data":{},"type":"llvm.coverage.json.export"}',
        b'{"data":[3],"type":"llvm.coverage.json.export"}',
    ],
)
def test_an_export_of_another_shape_is_refused(data: bytes) -> None:
    assert refusal(data)[0] is Code.BAD_SYNTAX


def test_an_export_of_cargo_says_so() -> None:
    data = json.loads(llvm_cov(llvm_file(1, 2))) | {"cargo_llvm_cov": {"version": "0.6.1", "manifest_path": "x"}}
    claim = claim_of(json.dumps(data).encode())
    assert (claim.evidence["tool"], claim.evidence["toolVersion"]) == ("cargo-llvm-cov", "0.6.1")


@pytest.mark.parametrize(
    "data", [b'{"data":[{"files":[],"id":1}]}', b'{"data":[{"files":[]}],"next":1}', b'{"data":[]}']
)
def test_other_data_is_no_export(data: bytes) -> None:
    assert recognise(data) is None


HALF = [lcov("a DA:1,1 DA:2,0"), go_cover("a.go:1.2,3.4 1 1", "a.go:5.2,6.4 1 0"), coverage_py({"a": summary(1, 2)}),
        llvm_cov(llvm_file(1, 2))]  # fmt: skip
NOTHING = [lcov("a FNF:0"), go_cover(), coverage_py({}), llvm_cov()]


@pytest.mark.parametrize("data", HALF)
@pytest.mark.parametrize(("least", "passed"), [(None, True), (50.0, True), (50.01, False)])
def test_it_passes_from_the_least_percentage_on(data: bytes, least: float | None, passed: bool) -> None:  # noqa: FBT001
    assert claim_of(data, Thresholds(min_coverage=least)).passed is passed


@pytest.mark.parametrize("data", NOTHING)
@pytest.mark.parametrize("least", [0.0, 50.0])
def test_nothing_measured_is_not_enough(data: bytes, least: float) -> None:
    assert not claim_of(data, Thresholds(min_coverage=least)).passed
