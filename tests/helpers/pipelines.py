"""`carnet` as a pipeline runs it, with just the variables that a test names."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from collector.pipeline.cli import main
from tests.helpers import programs

SHA = "9f3c8b7" + "0" * 32 + "1"
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.example",
    "GITHUB_REPOSITORY": "acme/checkout",
    "GITHUB_SHA": SHA,
    "GITHUB_REF": "refs/pull/42/merge",
    "GITHUB_REF_NAME": "42/merge",
    "GITHUB_HEAD_REF": "feature",
    "GITHUB_RUN_ID": "4711",
    "GITHUB_JOB": "unit",
    "GITHUB_WORKFLOW": "ci",
    "GITHUB_EVENT_NAME": "pull_request",
    "GITHUB_ACTOR": "sam",
}
BUILD_URL = "https://github.example/acme/checkout/actions/runs/4711"


def words(*said: str) -> list[str]:
    return [programs.command("carnet"), *said]


def environment(**variables: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], **variables}


def at(url: str, key: str, **variables: str) -> dict[str, str]:
    """The environment of a job that posts to a receiver."""
    return environment(MERGEWHY_API_URL=url, MERGEWHY_API_KEY=key, **variables)


def carnet(variables: dict[str, str], *said: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command inside of this process, to the exit that it would have as one of its own."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, variables, clear=True),
        mock.patch.object(sys, "argv", ["carnet", *said]),
        contextlib.chdir(cwd or Path.cwd()),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    return subprocess.CompletedProcess(list(said), int(ended.value.code or 0), out.getvalue(), err.getvalue())


def process(variables: dict[str, str], *said: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the installed command as a pipeline does."""
    return subprocess.run(
        words(*said), env=variables, input=stdin, capture_output=True, text=True, timeout=60, check=False
    )


def dry(variables: dict[str, str], *said: str) -> dict[str, Any]:
    """What would be posted."""
    done = carnet(environment(**variables), *said, "--dry-run", "--output", "json")
    assert done.returncode == 0, done.stderr
    body: dict[str, Any] = json.loads(done.stdout)
    return body
