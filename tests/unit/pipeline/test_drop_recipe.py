"""The POSIX sh in docs/drop.md does what `carnet drop` does: it is taken out of the page and run with dash."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from collector.commands.program import program
from collector.context import parse_context_file
from collector.pipeline.detected import Run
from collector.pipeline.dropping import drop
from tests.helpers import reports

PAGE = (Path(__file__).parents[3] / "docs" / "drop.md").read_text(encoding="utf-8")
COMMIT = "9f3c8b7" + "0" * 33
RUN = Run("by hand", "4711", "test 1/2", "acme/checkout", COMMIT, "main")
SAID = {"RUN": "4711", "JOB": "test 1/2", "REPOSITORY": "acme/checkout", "COMMIT": COMMIT, "BRANCH": "main"}

pytestmark = pytest.mark.skipif(shutil.which("dash") is None, reason="needs dash")


def recipe() -> str:
    (lines,) = re.findall(r"^```sh\n(.+?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(lines)


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A job's folder with two reports, one of a name that is awkward, and an inbox beside it."""
    (tmp_path / "inbox").mkdir()
    folder = tmp_path / "job"
    (folder / "build" / "reports").mkdir(parents=True)
    (folder / "build" / "reports" / "a.xml").write_text(reports.JUNIT_RED)
    (folder / 'two words "$HOME".xml').write_bytes(reports.junit(1))
    (folder / "drop.sh").write_text(recipe())
    return folder


NAMES = ["build/reports/a.xml", 'two words "$HOME".xml']


def run_drop(job: Path, *names: str, **said: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "CARNET_INBOX": str(job.parent / "inbox"), **said}
    return subprocess.run(
        ["dash", "drop.sh", *names], cwd=job, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_there_are_ten_lines() -> None:
    assert len(recipe().splitlines()) == 10


def test_it_leaves_what_carnet_drop_leaves(job: Path, tmp_path: Path) -> None:
    done = run_drop(job, *NAMES, **SAID)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (tmp_path / "other").mkdir()
    drop(tmp_path / "other", RUN, job, [job / name for name in NAMES])
    mine, theirs = tree(tmp_path / "inbox"), tree(tmp_path / "other")
    contexts = [json.loads(one.pop("4711/test-1-2/carnet-context.json")) for one in (mine, theirs)]
    assert contexts[0] == contexts[1]
    assert mine == theirs
    assert len(mine) == 2


def test_the_collector_takes_the_reports_with_their_run(job: Path, tmp_path: Path) -> None:
    assert run_drop(job, *NAMES, **SAID).returncode == 0
    config = tmp_path / "collector.toml"
    config.write_text(
        f'state_dir = "{tmp_path}/state"\n[receiver]\nurl = "https://receiver.example.com"\n[[roots]]\nname = "ci"\n'
        f'path = "{tmp_path}/inbox"\n[roots.speaks_for]\nrepositories = ["acme/*"]\n'
    )
    words = ["preview", str(tmp_path / "inbox"), "--config", str(config), "--level", "summary", "--output", "json"]
    done = CliRunner().invoke(program, words)
    contexts = [json.loads(line)["statement"]["predicate"]["context"] for line in done.stdout.splitlines()]
    expected = {
        "repository": "acme/checkout", "commit": COMMIT, "branch": "main", "run": "4711", "job": "test 1/2",
        "reports": 2,
    }  # fmt: skip
    assert contexts == [expected, expected]


@pytest.mark.parametrize(("run", "job_name"), [("../../etc", "/.."), ('a"b\\c', 'quo"te\\'), ("r" * 300, "j")])
def test_whatever_a_run_is_called_it_stays_in_the_inbox_and_is_said_as_it_is(
    job: Path, run: str, job_name: str
) -> None:
    done = run_drop(job, NAMES[0], RUN=run, JOB=job_name)
    assert done.returncode == 0, done.stderr
    (context,) = (job.parent / "inbox").glob("*/*/carnet-context.json")
    said = json.loads(context.read_bytes())
    assert (said["run"], said["job"], said["reports"]) == (run, job_name, 1)
    assert sorted(path.name for path in job.parent.iterdir()) == ["inbox", "job"]


def test_without_what_only_some_systems_say_the_context_is_one_that_is_read(job: Path) -> None:
    assert run_drop(job, NAMES[0], RUN="1", JOB="j").returncode == 0
    (context,) = (job.parent / "inbox").rglob("carnet-context.json")
    values = parse_context_file(context.read_bytes()).values
    assert (values.run, values.job, values.reports, values.repository) == ("1", "j", 1, None)


@pytest.mark.parametrize("missing", ["RUN", "JOB", "CARNET_INBOX", "FILE"])
def test_what_is_missing_is_named_and_nothing_is_dropped(job: Path, missing: str) -> None:
    said = {"RUN": "1", "JOB": "j", **({"CARNET_INBOX": ""} if missing == "CARNET_INBOX" else {})}
    said.pop(missing, None) if missing != "CARNET_INBOX" else None
    done = run_drop(job, *([] if missing == "FILE" else NAMES[:1]), **said)
    assert done.returncode != 0
    assert (missing if missing != "FILE" else "name the reports") in done.stderr
    assert tree(job.parent / "inbox") == {}


def test_a_report_that_is_not_there_fails_the_job(job: Path) -> None:
    assert run_drop(job, NAMES[0], "gone.xml", NAMES[1], RUN="1", JOB="j").returncode != 0
    assert "1/j/two words" not in " ".join(tree(job.parent / "inbox"))


def test_a_disk_that_takes_no_more_fails_the_job_and_leaves_no_report_half(job: Path) -> None:
    (job / "large.xml").write_bytes(bytes(3 << 20))
    limited = subprocess.run(
        ["dash", "-c", "ulimit -f 1024; exec dash drop.sh large.xml"], cwd=job, capture_output=True, timeout=60,
        env={"PATH": os.environ["PATH"], "CARNET_INBOX": str(job.parent / "inbox"), "RUN": "1", "JOB": "j"},
        check=False,
    )  # fmt: skip
    assert limited.returncode != 0
    assert [name for name in tree(job.parent / "inbox") if not Path(name).name.startswith(".")] == [
        "1/j/carnet-context.json"
    ]
