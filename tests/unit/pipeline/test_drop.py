"""`carnet drop`: durable, never half, with the run beside it; what cannot be dropped is said and changes nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from collector.context import parse_context_file
from collector.globs import Rules
from collector.pipeline.detected import Run
from collector.pipeline.dropping import drop
from shared.errors import ConfigError, StateError
from tests.helpers import programs

RUN = Run("GitLab CI", "99", "test 1/2", "acme/checkout", "9f3c8b7" + "0" * 33, "main", 7)
EVERYTHING = Rules(include=("**",), exclude=(), artifacts=())


@pytest.fixture
def job(tmp_path: Path) -> Path:
    folder = tmp_path / "job"
    (folder / "build").mkdir(parents=True)
    (folder / "build" / "a.xml").write_text("<testsuite/>")
    (folder / ".out").mkdir()
    (folder / ".out" / ".b.xml").write_text("<testsuite name='b'/>")
    return folder


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def test_reports_lie_below_run_and_job_with_a_context_that_the_collector_reads(job: Path, inbox: Path) -> None:
    dropped = drop(inbox, RUN, job, [job / "build" / "a.xml", job / ".out" / ".b.xml"])
    assert dropped.folder == inbox / "99" / "test-1-2"
    assert (dropped.folder / "build" / "a.xml").read_text() == "<testsuite/>"
    context = parse_context_file((dropped.folder / "carnet-context.json").read_bytes()).values
    assert (context.repository, context.run, context.job) == ("acme/checkout", "99", "test 1/2")
    assert (context.commit, context.pr_number, context.reports) == (RUN.commit, 7, 2)


def test_no_dropped_name_is_one_that_the_collector_never_reads(job: Path, inbox: Path) -> None:
    dropped = drop(inbox, RUN, job, [job / ".out" / ".b.xml"])
    assert [EVERYTHING.pick(f"99/test-1-2/{name}") is not None for name in dropped.files] == [True]
    assert dropped.files == ("_out/_b.xml",)


def test_nothing_half_written_stays_behind(job: Path, inbox: Path) -> None:
    drop(inbox, RUN, job, [job / "build" / "a.xml"])
    assert not list(inbox.rglob(".*"))


def test_a_run_cannot_name_a_place_outside_of_the_inbox(job: Path, inbox: Path) -> None:
    hostile = Run("by hand", "../../etc", "/..", None)
    assert drop(inbox, hostile, job, [job / "build" / "a.xml"]).folder.is_relative_to(inbox)


def test_a_report_outside_of_the_job_is_refused(job: Path, inbox: Path, tmp_path: Path) -> None:
    outside = tmp_path / "secret.xml"
    outside.write_text("<testsuite/>")
    with pytest.raises(StateError, match="does not lie below"):
        drop(inbox, RUN, job, [outside])
    assert list(inbox.iterdir()) == []


@pytest.mark.parametrize("run", [Run("by hand"), Run("by hand", run="1")])
def test_without_a_run_and_a_job_it_says_what_to_give(run: Run, job: Path, inbox: Path) -> None:
    with pytest.raises(ConfigError, match="--run and --job"):
        drop(inbox, run, job, [job / "build" / "a.xml"])


def test_the_command_drops_what_its_globs_match(job: Path, inbox: Path) -> None:
    done = _carnet(job, "drop", "build/*.xml", "--run", "1", "--job", "j", inbox=inbox)
    assert done.returncode == 0, done.stderr
    assert (inbox / "1" / "j" / "build" / "a.xml").is_file()


def test_the_command_refuses_to_drop_nothing(job: Path, inbox: Path) -> None:
    done = _carnet(job, "drop", "*.sarif", "--run", "1", "--job", "j", inbox=inbox)
    assert done.returncode == 78
    assert "no file matches *.sarif" in done.stderr
    assert _carnet(job, "drop", "*.sarif", "--allow-none", inbox=inbox).returncode == 0


def _carnet(cwd: Path, *words: str, inbox: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "CARNET_INBOX": str(inbox)}
    return subprocess.run(
        [programs.command("carnet"), *words],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
