"""The collector's commands beside a receiver in the test's own event loop, and a configuration for them."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from collector.commands.program import program
from shared.errors import CarnetError
from tests.helpers import programs


async def collector(*words: str | Path) -> tuple[int, dict[str, Any]]:
    """Run one of the collector's commands beside the receiver's loop; gives exit status and what it printed."""
    done = await asyncio.to_thread(CliRunner().invoke, program, [*map(str, words), "--output", "json"])
    if isinstance(done.exception, CarnetError):
        return done.exception.exit_status, {"error": str(done.exception)}
    return done.exit_code, json.loads(done.stdout) if done.stdout else {"error": done.output}


async def once(config: Path) -> tuple[int, dict[str, Any]]:
    """Have the collector do one pass as a program of its own, which takes signals; gives exit status and report."""
    words = [programs.command("carnet-collector"), "once", "--config", str(config), "--output", "json"]
    done = await asyncio.to_thread(subprocess.run, words, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else {}


def configured(host: Path, url: str, more: str = "") -> Path:
    """Write a configuration for a host's folder: it watches `inbox` and keeps its state in `state`."""
    path = host / "collector.toml"
    path.write_text(
        f'state_dir = "{host / "state"}"\n[receiver]\nurl = "{url}"\n'
        f'[[roots]]\nname = "ci"\npath = "{host / "inbox"}"\n'
        f'context = {{ repository = "acme/checkout-api" }}\n[watch]\nsettle_seconds = 0.1\n{more}'
    )
    return path
