"""Real outputs of real tools, made on this repository on the spot: what the demonstration feeds to the collector."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
_PATIENCE_SECONDS = 300
_SMALL_SUITE = (
    "tests/unit/shared/test_wire.py",
    "tests/unit/shared/test_stream.py",
    "tests/unit/shared/test_keyring.py",
)


@dataclass(frozen=True)
class Output:
    """A file that a tool made: the name it goes by in the inbox, which tool, and the command to make it there."""

    name: str
    tool: str
    make: Callable[[Path], list[str]]
    exits: tuple[int, ...] = (0,)


def _python(*words: str) -> list[str]:
    return [sys.executable, "-m", *words]


OUTPUTS = (
    Output(
        "junit.xml",
        "pytest",
        lambda to: _python(
            "coverage", "run", f"--data-file={to.parent / '.coverage'}",
            "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", f"--junit-xml={to}", *_SMALL_SUITE,
        ),
        exits=(0, 1),
    ),
    Output(
        "coverage.xml",
        "coverage",
        lambda to: _python("coverage", "xml", f"--data-file={to.parent / '.coverage'}", "-q", "-o", str(to)),
    ),
    Output(
        "ruff.sarif",
        "ruff",
        lambda to: _python("ruff", "check", "--exit-zero", "--output-format=sarif", f"--output-file={to}", "."),
    ),
    Output(
        "bandit.sarif",
        "bandit",
        lambda to: _python("bandit", "-q", "-r", "collector", "receiver", "shared", "-f", "sarif", "-o", str(to)),
        exits=(0, 1),
    ),
    Output(
        "sbom.cdx.json",
        "cyclonedx-py",
        lambda to: _python("cyclonedx_py", "environment", "--output-reproducible", "-o", str(to), sys.executable),
    ),
    Output(
        "dist/*.whl",
        "build",
        lambda to: _python("build", "-q", "--wheel", "--no-isolation", "--outdir", str(to.parent), str(REPOSITORY)),
    ),
)  # fmt: skip


def make(output: Output, scratch: Path) -> Path:
    """Run one tool, and give the finished file; raises `RuntimeError` with the tool's last words if it made none."""
    target = scratch / output.name
    target.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        output.make(target), cwd=REPOSITORY, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False
    )
    found = sorted(scratch.glob(output.name))
    if done.returncode not in output.exits or not found:
        last = (done.stderr or done.stdout).strip().splitlines()[-5:]
        msg = f"{output.tool} made no {output.name} (exit {done.returncode}):\n" + "\n".join(last)
        raise RuntimeError(msg)
    return found[-1]


def commit() -> str | None:
    """The commit of this checkout; None where there is none."""
    done = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True, timeout=30, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None
