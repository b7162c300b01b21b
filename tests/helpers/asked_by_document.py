"""Schemathesis against a real receiver: all that its OpenAPI document allows and forbids, with every check on."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from receiver.core.accounts import Role
from receiver.core.tokens import Scope
from receiver.web.settings import WebSettings
from shared.wire import API
from tests.helpers.receiving import UNLIMITED, Sender, serving
from tests.helpers.signed_in import signed_in

_REPOSITORY = Path(__file__).resolve().parents[2]
_CONFIG = _REPOSITORY / "tests" / "security" / "schemathesis.toml"
_INVITATIONS = "/api/v1/collectors/invitations"
_HOOKS = "tests.helpers.schemathesis_hooks"


_EXAMPLES = 4
"""Of the phases that draw at random."""
_OF_EACH_KIND = 1
"""Of the phase that walks the document: each kind for each field once, about 30 an operation; all would be 95."""


@dataclass(frozen=True)
class Ran:
    """How it ended, what it said, and the log of the receiver."""

    good: bool
    said: str
    log: str


async def finds_nothing(root: str) -> None:
    """Ask at the size of `make test`: nothing is found, and the receiver refuses requests and does nothing worse."""
    ran = await ask(_EXAMPLES, seed=16, root=root, of_each_kind=_OF_EACH_KIND)
    assert ran.good, ran.said
    assert "No issues found" in ran.said
    assert {json.loads(line)["event"] for line in ran.log.splitlines()} <= {"request_refused"}


async def ask(max_examples: int, seed: int, root: str = API, of_each_kind: int | None = None) -> Ran:
    """Ask each operation of a document so many questions in each phase, of a receiver that holds a little.

    The phase that walks the document asks all there are, or so many of each kind.
    """
    settings = WebSettings(max_failures_per_minute=UNLIMITED)
    with tempfile.TemporaryDirectory(prefix="carnet-openapi-") as folder:
        async with serving(Path(folder) / "data", settings=settings) as receiver:
            sender = await Sender(receiver).join()
            await sender.deliver(sender.capture(3))
            invited = await receiver.post(_INVITATIONS, b'{"names": ["ci-08"]}', receiver.token(Scope.ADMIN))
            admin, leaving = signed_in(receiver, "anna", Role.ADMIN), signed_in(receiver, "bert", Role.ADMIN)
            ran = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(_CONFIG), "run"),
                *(f"{receiver.url}{root}/openapi.json", "--max-examples", str(max_examples), "--seed", str(seed)),
                *("--checks", "all", "--no-color"),
                cwd=folder,
                env=os.environ
                | {
                    "CARNET_TOKEN": receiver.token(*Scope),
                    "CARNET_COOKIE": admin.cookie,
                    "CARNET_CSRF": admin.csrf,
                    "CARNET_LEAVING_COOKIE": leaving.cookie,
                    "CARNET_LEAVING_CSRF": leaving.csrf,
                    "CARNET_INVITATION": invited.json["items"][0]["token"],
                    "SCHEMATHESIS_HOOKS": _HOOKS,
                    **({} if of_each_kind is None else {"CARNET_OF_EACH_KIND": str(of_each_kind)}),
                    "PYTHONPATH": str(_REPOSITORY),
                },
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            said, _ = await ran.communicate()
            return Ran(ran.returncode == 0, said.decode(errors="replace"), receiver.log.getvalue())
