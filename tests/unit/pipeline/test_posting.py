"""The commands that post: what each posts, how they answer, when they try again, and what never shows."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from aiohttp import web

from shared.encoding import sha256
from tests.fakes import api as fake
from tests.fakes.api import KEY, Api
from tests.helpers.pipelines import BUILD_URL, GITHUB, SHA, at, carnet, dry, environment, process, words

DIGEST = "a1" * 32
ATTEST = ("attest", "--type", "TEST_RESULTS", "--name", "Unit Tests", "--passed")
ARTIFACT = ("artifact", "--sha256", DIGEST, "--name", "checkout", "--version", "2.1.0", "--type", "docker-image")
DEPLOY = ("deploy", "--environment", "production", "--service", "checkout", "--status", "success")
START = ("run", "start")
FINISH = ("run", "finish", "--conclusion", "success")
STEP = ("run", "step", "build", "--status", "failed")
COMMANDS = {"attest": ATTEST, "artifact": ARTIFACT, "deploy": DEPLOY, "start": START, "finish": FINISH, "step": STEP}
CI_CONTEXT = {"provider": "GitHub Actions", "buildUrl": BUILD_URL, "buildId": "4711", "triggeredBy": "sam"}


@pytest.fixture
def api() -> Iterator[Api]:
    with fake.serving() as serving:
        yield serving


def run(api: Api, *said: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    variables = at(api.url, KEY, **GITHUB)
    done = carnet(variables, *said) if stdin is None else process(variables, *said, stdin=stdin)
    assert KEY not in done.stdout + done.stderr
    return done


# --- what is posted ---


def test_an_attestation_is_posted_with_what_the_ci_system_says(api: Api) -> None:
    done = run(api, *ATTEST, "--evidence", "-", stdin='{"totalTests": 3, "passed": 3, "failed": 0}')
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("201 att_1 TEST_RESULTS 'Unit Tests' passed")
    (call,) = api.calls
    assert call.path == "/api/v1/attestations"
    assert call.body == {
        "repositoryFullName": "acme/checkout",
        "commitSha": SHA,
        "branch": "feature",
        "prNumber": 42,
        "type": "TEST_RESULTS",
        "name": "Unit Tests",
        "passed": True,
        "evidence": {"totalTests": 3, "passed": 3, "failed": 0},
        "evidenceUrl": BUILD_URL,
        "source": "github-actions",
    }


def test_an_artifact_is_hashed_here_and_posted_by_its_digest(api: Api, tmp_path: Path) -> None:
    built = tmp_path / "checkout.tar.gz"
    built.write_bytes(b"what was built")
    done = run(api, "artifact", str(built), "--version", "2.1.0", "--type", "archive", "--registry", "r.example/acme")
    assert done.returncode == 0, done.stderr
    assert api.calls[0].path == "/api/v1/artifacts"
    assert api.calls[0].body == {
        "repositoryFullName": "acme/checkout",
        "name": "checkout.tar.gz",
        "version": "2.1.0",
        "sha256": sha256(b"what was built").hex(),
        "artifactType": "archive",
        "commitSha": SHA,
        "branch": "feature",
        "prNumber": 42,
        "registry": "r.example/acme",
        "source": "github-actions",
        "ciContext": CI_CONTEXT,
    }


def test_a_deployment_says_what_went_where(api: Api) -> None:
    done = run(api, *DEPLOY, "--version", "2.1.0", "--metadata", "region=eu", "--namespace", "shop")
    assert done.returncode == 0, done.stderr
    assert api.calls[0].path == "/api/v1/deployments"
    assert api.calls[0].body == {
        "environment": "production",
        "service": "checkout",
        "namespace": "shop",
        "status": "SUCCESS",
        "repositoryFullName": "acme/checkout",
        "commitSha": SHA,
        "ref": "feature",
        "deployedBy": "sam",
        "source": "github-actions",
        "ciContext": CI_CONTEXT,
        "metadata": {"version": "2.1.0", "region": "eu"},
    }


def test_a_deployment_by_digest_does_not_say_that_the_artifact_is_of_this_jobs_commit(api: Api) -> None:
    run(api, *DEPLOY, "--artifact-sha256", f"sha256:{DIGEST.upper()}")
    run(api, *DEPLOY, "--artifact-sha256", DIGEST, "--commit", SHA)
    first, second = (call.body for call in api.calls)
    assert (first["artifactSha256"], "commitSha" in first, "ref" in first) == (DIGEST, False, False)
    assert second["commitSha"] == SHA


def test_a_deployment_can_be_announced(api: Api) -> None:
    assert run(api, "deploy", "--environment", "production", "--service", "checkout", "--expected").returncode == 0
    assert api.calls[0].body["status"] == "EXPECTED"


def test_a_run_is_told_from_jobs_that_know_nothing_of_each_other(api: Api) -> None:
    assert run(api, *START).stdout.startswith("201 run_1 ci 4711: IN_PROGRESS")
    assert run(api, *STEP, "--number", "1").stdout.startswith("200 run_1 ci 4711: a step")
    assert run(api, "run", "finish", "--conclusion", "Failed").stdout.startswith("200 run_1 ci 4711: failure")
    told = api.runs["run_1"]
    assert {name: told[name] for name in told.keys() - {"startedAt", "completedAt"}} == {
        "externalId": "4711",
        "source": "github-actions",
        "workflowName": "ci",
        "repositoryFullName": "acme/checkout",
        "headSha": SHA,
        "headBranch": "feature",
        "prNumber": 42,
        "event": "pull_request",
        "triggeredBy": "sam",
        "runUrl": BUILD_URL,
        "status": "FAILED",
        "conclusion": "failure",
        "steps": [{"name": "build", "number": 1, "status": "FAILURE"}],
    }
    assert told["startedAt"] < told["completedAt"]


def test_a_run_that_is_finished_first_is_made(api: Api) -> None:
    assert run(api, *FINISH).returncode == 0
    assert api.runs["run_1"]["status"] == "COMPLETED"


def test_a_run_that_is_closed_stays_as_it_is(api: Api) -> None:
    run(api, *FINISH)
    done = run(api, "run", "finish", "--conclusion", "failure")
    assert (done.returncode, api.runs["run_1"]["status"]) == (1, "COMPLETED")
    assert "COMPLETED and closed" in done.stderr


@pytest.mark.parametrize(
    ("said", "status", "conclusion"),
    [
        ("success", "COMPLETED", "success"),
        ("SUCCESS", "COMPLETED", "success"),
        ("SucceededWithIssues", "COMPLETED", "success"),
        ("failed", "FAILED", "failure"),
        ("UNSTABLE", "FAILED", "failure"),
        ("canceled", "CANCELLED", "cancelled"),
        ("ABORTED", "CANCELLED", "cancelled"),
        ("skipped", "COMPLETED", "skipped"),
    ],
)
def test_the_outcome_may_be_said_in_any_ci_systems_word(said: str, status: str, conclusion: str) -> None:
    done = carnet(environment(**GITHUB), "run", "finish", "--conclusion", said, "--dry-run")
    body = json.loads(done.stdout)
    assert (body["status"], body["conclusion"]) == (status, conclusion)


@pytest.mark.parametrize(
    ("said", "status"),
    [("success", "SUCCESS"), ("canceled", "CANCELLED"), ("Skipped", "SKIPPED"), ("in_progress", "IN_PROGRESS")],
)
def test_a_step_says_how_it_ended(said: str, status: str) -> None:
    assert dry(GITHUB, "run", "step", "build", "--status", said)["steps"] == [{"name": "build", "status": status}]


# --- how it answers ---


@pytest.mark.parametrize("said", COMMANDS.values(), ids=COMMANDS)
def test_the_whole_answer_is_one_line_of_json(api: Api, said: tuple[str, ...]) -> None:
    done = run(api, *said, "--output", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["id"]
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize("said", COMMANDS.values(), ids=COMMANDS)
def test_a_dry_run_needs_no_receiver_and_prints_what_would_be_posted(api: Api, said: tuple[str, ...]) -> None:
    told = carnet(environment(**GITHUB), *said, "--dry-run", "--output", "json")
    assert told.returncode == 0, told.stderr
    times = ("startedAt", "completedAt")
    run(api, *said)
    (call,) = api.calls
    body = json.loads(told.stdout)
    assert {name: value for name, value in body.items() if name not in times} == {
        name: value for name, value in call.body.items() if name not in times
    }


def test_what_speaks_against_a_claim_is_said_on_stderr_and_changes_no_exit(api: Api) -> None:
    api.answers = {
        "effectivePassed": False,
        "cut": ["evidence.note", "branch"],
        "contradictions": [{"kind": "passed_with_failures", "detail": "passed, and failed is 4\x1b[2J"}, "worse"],
    }
    done = run(api, *ATTEST)
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        "warning: contradiction: passed, and failed is 4\\x1b[2J",
        "warning: contradiction: worse",
        "warning: it counts as not passed",
        "warning: secrets were masked in evidence.note, branch",
    ]


@pytest.mark.parametrize(
    ("status", "code", "exit_status"),
    [
        (400, "bad_json", 65),
        (413, "body_too_large", 65),
        (422, "invalid_field", 65),
        (401, "unauthorized", 77),
        (403, "forbidden", 77),
        (404, "not_found", 1),
        (409, "conflict", 1),
        (500, "internal", 70),
    ],
)
def test_each_refusal_has_the_exit_of_its_remedy_and_is_not_tried_again(
    api: Api, status: int, code: str, exit_status: int
) -> None:
    api.always = fake.answering(status, code, "it cannot be")
    done = run(api, *ATTEST)
    assert done.returncode == exit_status
    assert done.stderr == f"error: the receiver answered {status}: it cannot be\ndo:    mend it\n"
    assert done.stdout == ""
    assert len(api.calls) == 1


def test_every_field_that_is_wrong_is_named(api: Api) -> None:
    wrong = (("name", "too long"), ("prNumber", "must be above 0"))
    api.always = fake.answering(422, "invalid_field", "name: too long", errors=wrong)
    done = run(api, *ATTEST)
    assert "name: too long; prNumber: must be above 0" in done.stderr


def test_a_key_that_is_not_known_is_refused(api: Api) -> None:
    done = carnet(at(api.url, KEY.replace("0", "9"), **GITHUB), *ATTEST)
    assert done.returncode == 77
    assert "mw_live" not in done.stderr


# --- when it tries again ---


def test_what_asks_to_wait_and_what_hangs_up_is_tried_again_under_the_same_key(api: Api) -> None:
    api.faults.extend(
        [
            fake.answering(429, "rate_limited", headers={"Retry-After": "1"}),
            fake.answering(503, "unavailable"),
            fake.dropping,
            lambda _: web.Response(status=502, text="a proxy"),
            lambda _: web.Response(text="a friendly stranger"),
        ]
    )
    before = time.monotonic()
    done = run(api, *ATTEST)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - before >= 1
    assert len({call.key for call in api.calls}) == 1
    assert len(api.calls) == 6
    # One less than there are faults: a kept connection that dies is replaced without a wait.
    assert done.stderr.count("later: ") == 4


def test_each_invocation_has_a_key_of_its_own(api: Api) -> None:
    run(api, *ATTEST)
    run(api, *ATTEST)
    assert len({call.key for call in api.calls}) == 2


def test_a_lost_answer_does_not_make_two_of_one(api: Api) -> None:
    api.lost_answers = 2
    done = run(api, *ATTEST, "--output", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"id": "att_1"}
    assert (len(api.calls), api.recorded) == (3, 1)


def test_an_attempt_that_is_still_worked_on_is_waited_for(api: Api) -> None:
    api.faults.extend([fake.dropping, fake.answering(409, "conflict", "still running")])
    done = run(api, *ATTEST)
    assert done.returncode == 0, done.stderr
    assert len({call.key for call in api.calls}) == 1


def test_a_lost_answer_to_a_run_does_not_stop_it(api: Api) -> None:
    run(api, *START)
    api.lost_answers = 2
    assert run(api, *FINISH).returncode == 0
    assert (api.recorded, api.runs["run_1"]["status"]) == (1, "COMPLETED")


@pytest.mark.parametrize("fault", [fake.answering(503, "unavailable"), fake.dropping], ids=["503", "no answer"])
def test_the_time_that_was_given_ends_it_with_exit_75(api: Api, fault: fake.Fault) -> None:
    api.always = fault
    before = time.monotonic()
    done = run(api, *ATTEST, "--timeout", "2")
    assert done.returncode == 75
    assert time.monotonic() - before < 10
    assert "--timeout" in done.stderr or "mend it" in done.stderr


def test_a_wait_that_is_longer_than_the_time_is_not_begun(api: Api) -> None:
    api.always = fake.answering(429, "rate_limited", headers={"Retry-After": "60"})
    before = time.monotonic()
    assert run(api, *ATTEST, "--timeout", "5").returncode == 75
    assert time.monotonic() - before < 5
    assert len(api.calls) == 1


def test_nobody_there_is_exit_75(tmp_path: Path) -> None:
    with fake.serving() as gone:
        url = gone.url
    done = carnet(at(url, KEY, **GITHUB), *ATTEST, "--timeout", "1", cwd=tmp_path)
    assert done.returncode == 75
    assert "does not answer" in done.stderr
    assert "run the same command again" in done.stderr


# --- wrong usage ---


@pytest.mark.parametrize(
    "said",
    [
        ("attest",),
        ("attest", "--type", "TEST_RESULTS", "--name", "x"),
        ("attest", "--type", "NOTHING", "--name", "x", "--passed"),
        (*ATTEST, "--artifact-sha256", "0" * 64),
        (*ATTEST, "--artifact-sha256", "abc123"),
        (*ATTEST, "--pr", "0"),
        (*ATTEST, "--no-ci"),
        (*ATTEST, "--api-key", "x"),
        (*ATTEST, "--key", "x"),
        (*ATTEST, "--token", "x"),
        ("attest", "--report", "{here}", "--passed"),
        ("artifact",),
        ("artifact", "{here}", "--sha256", DIGEST),
        ("artifact", "--sha256", DIGEST),
        ("artifact", "absent.tar"),
        ("artifact", "--sha256", DIGEST, "--name", "x", "--no-ci"),
        ("deploy", "--status", "SUCCESS"),
        ("deploy", "--environment", "production"),
        ("deploy", "--environment", "production", "--status", "DONE"),
        ("deploy", "--environment", "production", "--status", "SUCCESS", "--expected"),
        ("deploy", "--environment", "production", "--expected", "--metadata", "x"),
        ("run",),
        ("run", "start", "--no-ci"),
        ("run", "start", "--no-ci", "--external-id", "1"),
        ("run", "finish"),
        ("run", "finish", "--conclusion", "well"),
        ("run", "step", "build", "--status", "well"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_2_before_anything_is_sent(said: tuple[str, ...], tmp_path: Path) -> None:
    here = tmp_path / "file"
    here.write_text("x")
    done = carnet(environment(**GITHUB), *(word.format(here=here) for word in said))
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({"MERGEWHY_API_KEY": KEY}, "MERGEWHY_API_URL"),
        ({"MERGEWHY_API_URL": "", "MERGEWHY_API_KEY": KEY}, "MERGEWHY_API_URL"),
        ({"MERGEWHY_API_URL": "https://carnet.example"}, "MERGEWHY_API_KEY"),
        ({"MERGEWHY_API_URL": "https://carnet.example", "MERGEWHY_API_KEY": " "}, "MERGEWHY_API_KEY"),
        ({"MERGEWHY_API_URL": "http://carnet.example", "MERGEWHY_API_KEY": KEY}, "MERGEWHY_API_URL"),
        ({"MERGEWHY_API_URL": "carnet.example", "MERGEWHY_API_KEY": KEY}, "MERGEWHY_API_URL"),
        ({"MERGEWHY_API_URL": "https://carnet.example", "MERGEWHY_API_KEY": f"{KEY}\n{KEY}"}, "MERGEWHY_API_KEY"),
        ({"MERGEWHY_API_URL": "https://carnet.example", "MERGEWHY_API_KEY_FILE": "/absent/key"}, "/absent/key"),
    ],
)
def test_what_is_missing_is_named_with_exit_78(variables: dict[str, str], name: str) -> None:
    done = carnet(environment(**GITHUB, **variables), *ATTEST)
    assert done.returncode == 78
    assert name in done.stderr
    assert "receiver." not in done.stderr
    assert KEY not in done.stderr


def test_evidence_that_is_no_object_is_exit_65(tmp_path: Path) -> None:
    for content in ("[]", "{", '{"a": 1, "a": 2}', '{"a": NaN}'):
        (tmp_path / "evidence.json").write_text(content)
        done = carnet(environment(**GITHUB), *ATTEST, "--evidence", "evidence.json", "--dry-run", cwd=tmp_path)
        assert done.returncode == 65, content
        assert "evidence.json" in done.stderr


# --- the key ---


def test_a_key_file_goes_before_the_variable_and_its_line_end_does_not_count(api: Api, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY + "\n")
    variables = at(api.url, "mw_live_other", **GITHUB, MERGEWHY_API_KEY_FILE=str(tmp_path / "key"))
    done = carnet(variables, *ATTEST)
    assert done.returncode == 0, done.stderr
    assert KEY not in done.stdout + done.stderr


def test_an_address_may_end_with_the_api_and_a_slash(api: Api) -> None:
    assert carnet(at(f"{api.url}/api/v1/", KEY, **GITHUB), *ATTEST).returncode == 0


def test_the_key_does_not_show_in_the_process_list(api: Api) -> None:
    shown: list[bytes] = []

    def looking(request: web.Request) -> web.StreamResponse:
        for line in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                shown.append(line.read_bytes())
        return fake.answering(503, "unavailable")(request)

    api.faults.append(looking)
    with subprocess.Popen(
        words(*ATTEST), env=at(api.url, KEY, **GITHUB), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    assert any(b"attest" in line and b"Unit Tests" in line for line in shown)
    assert not any(KEY.encode() in line for line in shown)
    assert KEY.encode() not in out + err


@pytest.mark.parametrize("said", COMMANDS.values(), ids=COMMANDS)
def test_no_help_offers_to_take_the_key(said: tuple[str, ...]) -> None:
    shown = carnet(environment(), *said[: 2 if said[0] == "run" else 1], "--help")
    assert shown.returncode == 0
    assert "--key " not in shown.stdout
    assert "--api-key" not in shown.stdout
    assert "--token" not in shown.stdout
    assert "MERGEWHY_API_KEY" in shown.stdout


# --- what is installed ---

WITHOUT = """
import sys
for name in {names!r}:
    sys.modules[name] = None
sys.argv = ["carnet", *{said!r}]
from collector.pipeline.cli import main
main()
"""


def without(names: tuple[str, ...], *said: str) -> subprocess.CompletedProcess[str]:
    """Run `carnet` where some packages cannot be imported."""
    script = WITHOUT.format(names=names, said=said)
    variables = environment(**GITHUB, MERGEWHY_API_URL="https://carnet.example", MERGEWHY_API_KEY=KEY)
    return subprocess.run(
        [sys.executable, "-c", script], env=variables, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("name", ["aiohttp", "tenacity"])
def test_a_missing_package_is_named_with_the_extra_that_brings_it(name: str) -> None:
    done = without((name,), *ATTEST)
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == f"error: {name} is not installed\ndo:    install carnet[pipeline]\n"


@pytest.mark.parametrize("name", ["defusedxml", "betterleaks"])
def test_reading_reports_names_the_extra_of_the_collector(name: str, tmp_path: Path) -> None:
    (tmp_path / "report.xml").write_text("<testsuite/>")
    done = without((name,), "attest", "--report", str(tmp_path / "report.xml"))
    assert done.returncode == 78
    assert name in done.stderr
    assert "carnet[collector]" in done.stderr


def test_what_posts_nothing_needs_no_extra() -> None:
    packages = ("aiohttp", "tenacity", "pysqlite3", "betterleaks", "defusedxml", "ijson", "structlog", "watchdog")
    for said in (("--help",), ("drop", "--help"), (*ATTEST, "--dry-run"), (*FINISH, "--dry-run")):
        done = without(packages, *said)
        assert done.returncode == 0, done.stderr
