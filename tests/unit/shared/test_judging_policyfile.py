from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.encoding import digest_text, sha256
from shared.errors import Code, MalformedError
from shared.judging.baseline import TEXT, baseline
from shared.judging.policy import Approvals, Collection, Expect, Policy, Require
from shared.judging.policyfile import read_policy
from shared.judging.problems import PolicyError, Problem
from shared.judging.scope import Scope
from shared.judging.values import Decision, Mode

HEAD = """\
apiVersion: carnet/v1
kind: GatePolicy
metadata: {name: p}
scope: {services: ["checkout-*"], environments: [production]}
mode: enforce
"""
EXAMPLE = b"""\
apiVersion: carnet/v1
kind: GatePolicy
metadata: {name: production-runtime-readiness}
scope: {services: ["checkout-*"], environments: [production]}
mode: enforce                  # must be written
validity: 24h                  # how long the answer holds; default 24h, at most 7d
rules:
  - id: unit-tests
    title: Unit tests of this commit passed
    owner: platform@acme
    controls: [CC8.1, "3.4.3"]
    require: {type: TEST_RESULTS, name: "Unit Tests", signed: true, where: "evidence.failed == 0"}
    otherwise: HOLD
    fix: "Run the unit test job for this commit and let the collector deliver its reports."
  - id: no-critical-findings
    require: {type: SECURITY_SCAN, maxAge: 7d, outcome: any, where: "evidence.critical == 0"}
    otherwise: BLOCK
  - id: rollback
    expect: "rollback.available"
    otherwise: HOLD
  - id: canary-until-verified
    expect: "rollback.verified"
    otherwise: ALLOW_WITH_CANARY
  - id: two-people
    approvals: {count: 2, maxAge: 72h}
    otherwise: REQUIRE_APPROVAL
    waivable: false
  - id: nothing-missing
    collection: {maxHeartbeatAge: 15m, gaps: none}
    otherwise: HOLD
"""


def policy(rules: str, head: str = HEAD) -> Policy:
    return read_policy(f"{head}rules:\n{rules}".encode(), 1)


def problems(text: str | bytes) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        read_policy(text if isinstance(text, bytes) else text.encode(), 1)
    return [str(one) for one in caught.value.problems]


def rule_problems(*lines: str) -> list[str]:
    """The rule's first line is line 7, its columns begin at 5."""
    return problems(HEAD + "rules:\n  - " + "\n    ".join(lines) + "\n")


def test_the_example_is_read_into_rules_of_four_kinds() -> None:
    found = read_policy(EXAMPLE, 3)

    assert (found.name, found.version, found.mode) == ("production-runtime-readiness", 3, Mode.ENFORCE)
    assert found.scope == Scope(("checkout-*",), ("production",))
    assert found.validity == timedelta(hours=24)
    unit, findings, _, _, people, streams = found.rules
    assert (unit.title, unit.owner, unit.controls) == (
        "Unit tests of this commit passed",
        "platform@acme",
        ("CC8.1", "3.4.3"),
    )
    assert isinstance(unit.test, Require)
    assert (unit.test.types, unit.test.name, unit.test.signed) == (("TEST_RESULTS",), "Unit Tests", True)
    assert unit.test.where is not None
    assert unit.test.where.touches == {"failed"}
    assert isinstance(findings.test, Require)
    assert findings.test.any_outcome
    assert findings.otherwise is Decision.BLOCK
    assert people.test == Approvals(2, timedelta(hours=72))
    assert streams.test == Collection(timedelta(minutes=15))
    assert [one.waivable for one in found.rules] == [True, True, True, True, False, False]
    assert findings.title == findings.id


def test_a_policy_is_known_by_the_digest_of_its_text_to_the_byte() -> None:
    assert read_policy(EXAMPLE, 1).digest == digest_text(sha256(EXAMPLE))
    assert read_policy(EXAMPLE, 1).digest != read_policy(EXAMPLE + b"\n", 1).digest
    assert read_policy(EXAMPLE, 1) == read_policy(EXAMPLE, 1)
    assert len({read_policy(EXAMPLE, 1), read_policy(EXAMPLE, 1)}) == 1


def test_what_is_bound_to_a_digest_cannot_rot_and_what_may_does_by_default() -> None:
    ages = Require(("TEST_RESULTS", "SECURITY_SCAN", "health"))

    assert ages.age_of("TEST_RESULTS") is None
    assert ages.age_of("SECURITY_SCAN") == timedelta(days=7)
    assert ages.age_of("health") == ages.age_of("rollback") == timedelta(minutes=15)
    assert Require(("TEST_RESULTS",), max_age=timedelta(hours=1)).age_of("TEST_RESULTS") == timedelta(hours=1)
    assert policy("  - {id: a, approvals: {count: 1}, otherwise: HOLD}").rules[0].test == Approvals(
        1, timedelta(hours=72)
    )


def test_a_rule_may_ask_for_one_of_several_types_and_for_collectors_by_glob() -> None:
    found = policy(
        "  - {id: a, require: {type: [TEST_RESULTS, smoke, smoke]}, otherwise: HOLD}\n"
        "  - {id: b, collection: {collectors: ['ci-*']}, otherwise: HOLD}\n"
    )

    assert found.rules[0].test == Require(("TEST_RESULTS", "smoke"))
    assert found.rules[1].test == Collection(timedelta(minutes=15), ("ci-*",))


def test_a_policy_without_rules_is_one_that_holds_everything() -> None:
    assert read_policy(f"{HEAD}rules: []".encode(), 1).rules == ()


@pytest.mark.parametrize("word", ["no", "off", "yes", "on"])
def test_words_that_older_yaml_took_for_true_or_false_are_words(word: str) -> None:
    assert policy(f"  - {{id: {word}, expect: 'rollback.available', otherwise: HOLD}}").rules[0].id == word


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            ["id: a", "exect: rollback.available", "otherwise: HOLD"],
            "line 8, column 5: a rule has no 'exect' (did you mean expect?)",
        ),
        (["id: a", "otherwise: HOLD"], "line 7, column 5: a rule has no test"),
        (
            ["id: a", "otherwise: HOLD", "expect: rollback.available", "approvals: {count: 1}"],
            "line 7, column 5: a rule has 2 tests: expect, approvals",
        ),
        (["id: a", "expect: rollback.available"], "line 7, column 5: a rule needs 'otherwise'"),
        (["expect: rollback.available", "otherwise: HOLD"], "line 7, column 5: a rule needs 'id'"),
        (["id: a", "expect: rollback.available", "otherwise: ALLOW"], "line 9, column 16: 'ALLOW' is not taken"),
        (["id: a", "expect: rollback.available", "otherwise: hold"], "line 9, column 16: 'hold' is not taken"),
        (["id: A b", "expect: rollback.available", "otherwise: HOLD"], "line 7, column 9: 'A b' is not taken"),
        (
            ["id: a", "expect: true", "otherwise: HOLD"],
            "line 8, column 13: an expression is expected (write it in quotes",
        ),
        (
            ["id: a", "expect: rollback.availible", "otherwise: HOLD"],
            "line 8, column 13: there is no rollback.availible (did you mean rollback.available?)",
        ),
        (
            ["id: a", 'expect: "rollback.availible"', "otherwise: HOLD"],
            "line 8, column 14: there is no rollback.availible",
        ),
        (
            ["id: a", 'expect: "true ||\\n x"', "otherwise: HOLD"],
            "line 8, column 13: there is no x, at line 2, column 2 of the expression",
        ),
        (
            ["id: a", "expect: |", "  true ||", "  x", "otherwise: HOLD"],
            "line 8, column 13: there is no x, at line 2, column 1 of the expression",
        ),
        (
            ["id: a", "require: {type: TEST_RESULT}", "otherwise: HOLD"],
            "line 8, column 21: there is no type 'TEST_RESULT' (did you mean TEST_RESULTS?)",
        ),
        (["id: a", "require: {name: x}", "otherwise: HOLD"], "line 8, column 14: require needs 'type'"),
        (
            ["id: a", "require: {type: SBOM, singed: true}", "otherwise: HOLD"],
            "line 8, column 27: require has no 'singed' (did you mean signed?)",
        ),
        (
            ["id: a", "require: {type: SBOM, signed: yes}", "otherwise: HOLD"],
            "line 8, column 35: true or false is expected",
        ),
        (["id: a", "require: {type: SBOM, maxAge: 7}", "otherwise: HOLD"], "line 8, column 35: a duration is expected"),
        (
            ["id: a", "require: {type: SBOM, outcome: any}", "otherwise: HOLD"],
            "line 8, column 36: outcome: any without where",
        ),
        (
            ["id: a", "require: {type: [SBOM, smoke], where: 'true'}", "otherwise: HOLD"],
            "line 8, column 43: where stands beside several types",
        ),
        (
            ["id: a", "require: {type: SBOM, where: 'evidence.faild == 0'}", "otherwise: HOLD"],
            "line 8, column 35: there is no evidence.faild",
        ),
        (["id: a", "require: SBOM", "otherwise: HOLD"], "line 8, column 14: require is no map"),
        (
            ["id: a", "approvals: {count: 0}", "otherwise: HOLD"],
            "line 8, column 24: a whole number from 1 to 10 is expected",
        ),
        (
            ["id: a", "approvals: {count: true}", "otherwise: HOLD"],
            "line 8, column 24: a whole number from 1 to 10 is expected",
        ),
        (
            ["id: a", "approvals: {count: 1}", "otherwise: HOLD", "waivable: true"],
            "line 10, column 15: a rule on approvals or collection cannot be waived",
        ),
        (["id: judging", "approvals: {count: 1}", "otherwise: HOLD"], "line 7, column 9: the id 'judging' is taken"),
        (
            ["id: a", "collection: {gaps: some}", "otherwise: HOLD"],
            "line 8, column 24: 'some' is not taken (write none)",
        ),
        (
            ["id: a", "expect: rollback.available", "otherwise: HOLD", "controls: [3.4]"],
            'line 10, column 16: 3.4 is no text (write "3.4")',
        ),
        (
            ["id: a", "expect: rollback.available", "otherwise: HOLD", r'title: "a\e[31m"'],
            "line 10, column 12: a text of 1 to 200 printable",
        ),
    ],
)
def test_what_is_wrong_with_a_rule_is_said_with_its_line_and_column(lines: list[str], expected: str) -> None:
    assert any(one.startswith(expected) for one in rule_problems(*lines)), rule_problems(*lines)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HEAD.replace("mode: enforce\n", "") + "rules: []", "line 1, column 1: a policy needs 'mode'"),
        (HEAD.replace("enforce", "enforced") + "rules: []", "line 5, column 7: 'enforced' is not taken"),
        (HEAD, "line 1, column 1: a policy needs 'rules'"),
        (HEAD + "rules:", "line 6, column 7: a list of at most 200 rules is expected"),
        (HEAD + "rules: []\nvalidity: 8d", "line 7, column 11: 8d is too long (at most 7d)"),
        (HEAD + "rules: []\nvalidity: 0h", "line 7, column 11: a duration is expected"),
        (HEAD + "rules: []\nmore: 1", "line 7, column 1: a policy has no 'more'"),
        (HEAD.replace("carnet/v1", "carnet/v2") + "rules: []", "line 1, column 13: 'carnet/v2' is not taken"),
        (HEAD.replace("[production]", "[]") + "rules: []", "line 4, column 49: a list of 1 to 100 is expected"),
        (HEAD.replace("[production]", "['prod[uction]']") + "rules: []", "line 4, column 50: 'prod[uction]' is not"),
        (
            HEAD.replace(", environments: [production]", "") + "rules: []",
            "line 4, column 8: scope needs 'environments'",
        ),
        (HEAD + "rules: []\nmode: shadow", "line 7, column 1: the key 'mode' stands twice"),
        (HEAD + "rules: [&a {id: x}, *a]", "line 6, column 9: anchors and aliases are not taken"),
        (HEAD + "rules: !!python/name:os.system []", "line 6, column 8: tags are not taken"),
        (HEAD + "rules: []\n---\n" + HEAD, "line 7, column 1: a second document begins"),
        (HEAD + "rules: [", "line 6, column 9: not YAML: "),
        (HEAD + "\trules: []", "line 6, column 1: not YAML: "),
        (HEAD + "? [a]\n: b", "line 6, column 3: a key is no word"),
        (HEAD + "rules: " + "[" * 30 + "]" * 30, "line 6, column 27: nested deeper than 20"),
        ("", "line 1, column 1: the document is empty"),
        ("# nothing", "line 1, column 1: the document is empty"),
        ("word", "line 1, column 1: a policy is no map"),
        (b"\xff\xfe", "line 1, column 1: not UTF-8 at byte 0"),
        ("a: b\nc: \x07", "line 2, column 4: a character that no text holds"),
        (b"a" * 300_000, "line 1, column 1: the document has 300000 bytes (at most 262144)"),
        (
            HEAD + "rules: [{id: a, expect: 'true', otherwise: HOLD}, {id: a, expect: 'true', otherwise: HOLD}]",
            "line 6, column 51: the rule 'a' stands twice",
        ),
    ],
)
def test_what_is_wrong_with_the_document_is_said_with_its_line_and_column(text: str | bytes, expected: str) -> None:
    assert any(one.startswith(expected) for one in problems(text)), problems(text)


def test_all_that_is_wrong_is_said_at_once_in_the_order_of_the_text() -> None:
    found = problems(
        HEAD.replace("enforce", "enforced")
        + "rules:\n  - {id: a, expect: 'x', otherwise: NO}\n  - {id: b, require: {tpye: SBOM}, otherwise: HOLD}\n"
    )

    assert [one.partition(": ")[0] for one in found] == [
        "line 5, column 7",
        "line 7, column 22",
        "line 7, column 37",
        "line 8, column 22",
        "line 8, column 23",
    ]


def test_an_error_is_malformed_input_with_the_first_problem_in_front() -> None:
    with pytest.raises(MalformedError, match=r"^line 6, column 1: a policy has no 'more'") as caught:
        read_policy(f"{HEAD}more: 1\nrules: []".encode(), 1)

    assert caught.value.code is Code.UNKNOWN_FIELD


def test_many_problems_are_cut_and_counted() -> None:
    with pytest.raises(PolicyError, match="and 81 more") as caught:
        read_policy((HEAD + "rules:\n" + "  - 1\n" * 101).encode(), 1)

    assert len(caught.value.problems) == 101


def test_the_baseline_is_a_policy_of_the_same_kind_in_the_mode_that_is_asked_for() -> None:
    found = baseline(Mode.ENFORCE)

    assert found.mode is Mode.ENFORCE
    assert found.digest == digest_text(sha256(TEXT))
    assert found.version == 0
    assert found.scope.covers("anything", "anywhere")
    assert {one.id: one.otherwise for one in found.rules} == {
        "artifact-linked": Decision.HOLD,
        "tests": Decision.HOLD,
        "nothing-contradicted": Decision.HOLD,
        "target-healthy": Decision.HOLD,
        "rollback-available": Decision.HOLD,
        "rollback-verified": Decision.ALLOW_WITH_CANARY,
    }
    assert [type(one.test) for one in found.rules] == [Expect, Require, Expect, Expect, Expect, Expect]
    assert found.rules[1].test == Require(("TEST_RESULTS", "smoke", "unit", "integration"))


@settings(max_examples=60)
@given(st.integers(0, len(EXAMPLE)), st.integers(0, 30), st.text("{}[]&*!|>'\"%@`:,-# \n\taA0\\é\u2028", max_size=8))
def test_whatever_is_done_to_the_text_it_is_read_or_refused_with_a_place(at: int, cut: int, put: str) -> None:
    text = EXAMPLE[:at] + put.encode() + EXAMPLE[at + cut :]

    found: tuple[Problem, ...] = ()
    try:
        assert read_policy(text, 1).digest == digest_text(sha256(text))
    except PolicyError as error:
        found = error.problems

    assert all(one.line >= 1 and one.column >= 1 and str(one).isprintable() for one in found)
