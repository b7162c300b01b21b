"""Several collectors as real processes, each enrolled by itself, with one receiver between them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from collector.commands.program import program
from receiver import clock, enrol
from receiver.commands.embedded import Embedded
from shared.predicates import Limits
from tests.helpers.rig import Rig, rig

_MINUTES = 60
_AT_ONCE = 4
"""So many daemons start beside each other: a start is two seconds of a processor."""


@contextmanager
def fleet(folder: Path, count: int, **settings: Any) -> Iterator[list[Rig]]:  # noqa: ANN401 - sections of the configuration
    """Lay out so many collectors; the receiver, which runs already, is the first one's, and the others' as well."""
    with ExitStack() as stack:
        hub = stack.enter_context(rig(_folder(folder, 0), **settings))
        hub.start_receiver()
        members = [hub]
        members += [stack.enter_context(rig(_folder(folder, number), **settings)) for number in range(1, count)]
        for number, one in enumerate(members[1:], start=1):
            _move(one, hub, f"member-{number:02}")
        yield members


def start(members: Sequence[Rig]) -> None:
    """Start the daemons of all, a few at a time, and wait until they answer."""
    for at in range(0, len(members), _AT_ONCE):
        some = members[at : at + _AT_ONCE]
        for one in some:
            one.start_collector(wait=False)
        for one in some:
            one.wait_for_collector()


def _folder(folder: Path, number: int) -> Path:
    made = folder / f"m{number}"
    made.mkdir()
    return made


def _move(one: Rig, hub: Rig, name: str) -> None:
    """Give a rig a key and an identity of its own, at the hub's receiver."""
    shutil.rmtree(one.folder / "r")
    (one.folder / "r").symlink_to(hub.folder / "r")
    shutil.rmtree(one.state)
    one.port, one.url = hub.port, hub.url
    data = Embedded(hub.folder / "r")
    with hub.store() as store:
        (invitation,) = enrol.invite(
            store,
            hub.workspace,
            [name],
            Limits(),
            approve=True,
            valid_minutes=_MINUTES,
            now=clock.utcnow(),
            random=os.urandom,
        )
    words = ["enrol", "--url", str(hub.url), "--token-file", "-", "--receiver-key", data.names().root_key]
    words += ["--state-dir", str(one.state), "--name", name]
    done = CliRunner().invoke(program, words, input=f"{invitation.token}\n")
    assert done.exit_code == 0, (done.output, done.exception)
