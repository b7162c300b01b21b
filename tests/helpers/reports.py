"""Small reports of every kind, with a canary wherever a report holds what must not leave at the level `verdict`."""

from __future__ import annotations

import json

CANARY = "kanarienvogel"
"""Stands in names of tests, files, branches and packages, in stack traces, logs and sources; nowhere else."""

JUNIT_RED = f"""<?xml version="1.0"?>
<testsuites name="{CANARY}-all">
  <testsuite name="{CANARY}-suite" tests="3" failures="1" errors="0" skipped="1" time="1.5" hostname="{CANARY}-host"
             file="/home/{CANARY}/suite.py">
    <properties><property name="{CANARY}-property" value="{CANARY}"/></properties>
    <testcase classname="{CANARY}.Class" name="{CANARY}_test" time="1.0"/>
    <testcase classname="{CANARY}.Class" name="{CANARY}_skipped" time="0.1"><skipped message="{CANARY}"/></testcase>
    <testcase classname="{CANARY}.Class" name="{CANARY}_fails" time="0.4">
      <failure type="{CANARY}.Error" message="{CANARY}">at {CANARY}.Class.fails({CANARY}.java:1)</failure>
      <system-out>{CANARY}</system-out><system-err>{CANARY}</system-err>
    </testcase>
  </testsuite>
</testsuites>
"""

COBERTURA = f"""<?xml version="1.0"?>
<coverage line-rate="0.75" branch-rate="0.5" lines-covered="3" lines-valid="4" branches-covered="1"
          branches-valid="2" version="7.0" timestamp="1700000000">
  <sources><source>/home/{CANARY}/src</source></sources>
  <packages><package name="{CANARY}" line-rate="0.75" branch-rate="0.5"><classes>
    <class name="{CANARY}" filename="{CANARY}.py" line-rate="0.75" branch-rate="0.5"><methods/><lines>
      <line number="1" hits="1"/><line number="2" hits="1"/><line number="3" hits="1"/><line number="4" hits="0"/>
    </lines></class></classes></package></packages>
</coverage>
"""

SARIF = json.dumps(
    {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "linter", "version": "1.2", "rules": [{"id": f"{CANARY}-rule"}]}},
                "results": [
                    {
                        "ruleId": f"{CANARY}-rule",
                        "level": "error",
                        "message": {"text": f"{CANARY} in the source"},
                        "locations": [
                            {
                                "physicalLocation": {
                                    "artifactLocation": {"uri": f"file:///home/{CANARY}/main.py"},
                                    "region": {"startLine": 1, "snippet": {"text": f"{CANARY} = 1"}},
                                }
                            }
                        ],
                    }
                ],
            }
        ],
    }
)

SBOM = json.dumps(
    {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": f"{CANARY}-app"}},
        "components": [
            {"type": "library", "name": f"{CANARY}-lib", "version": "1", "purl": f"pkg:pypi/{CANARY}-lib@1"},
            {"type": "library", "name": f"{CANARY}-other", "version": "2", "licenses": [{"license": {"name": CANARY}}]},
        ],
    }
)

ATTEST = json.dumps(
    {
        "carnet": "attest/v1",
        "type": "CODE_REVIEW",
        "name": "Second pair of eyes",
        "passed": True,
        "evidence": {"reviewer": CANARY, "reviewers": 2},
    }
)


def junit(number: int, *, failed: int = 0) -> bytes:
    """A JUnit report of one test that no other number has."""
    failure = '<failure message="no"/>' if failed else ""
    return (
        f'<testsuite name="suite {number}" tests="1" failures="{failed}" errors="0" skipped="0">'
        f'<testcase classname="c" name="test {number}">{failure}</testcase></testsuite>'
    ).encode()


def context(**fields: object) -> str:
    """A `carnet-context.json`."""
    return json.dumps({"carnet": "context/v1", **fields})
