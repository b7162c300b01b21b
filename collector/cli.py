"""`carnet-collector`: the daemon of a closed network, its keys, and what its operator asks it."""

from __future__ import annotations

import sys
from typing import NoReturn

_NEEDS = "the extra of the collector: carnet[collector]"


def main() -> NoReturn:
    """Run the command line; exits 78 where the packages of the extra are missing."""
    try:
        from collector.commands import program  # noqa: PLC0415 - a missing extra is told in words
        from collector.terminal import run_program  # noqa: PLC0415
    except ModuleNotFoundError as error:
        sys.stderr.write(f"error: {error.name} is not installed\ndo:    install {_NEEDS}\n")
        sys.exit(78)
    run_program(program.program, "carnet-collector")
