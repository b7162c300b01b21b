"""Streams as they are served: over HTTP, in the metrics of a running receiver, and by the operator's commands."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import aiohttp
from click.testing import CliRunner

from receiver import app, clock
from receiver.commands.all import GROUP
from receiver.core.tokens import Scope
from receiver.store import disputes
from receiver.web.journal import make_journal
from tests.helpers.receiving import Receiver, Sender, quickstart_in

PATIENCE = 30.0


def asked(config: Path, *words: str) -> Any:  # noqa: ANN401 - whatever the command prints
    done = CliRunner().invoke(GROUP, [*words, "--config", str(config), "--output", "json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


async def test_a_hole_shows_over_http_in_the_metrics_and_to_the_operator_who_closes_it(tmp_path: Path) -> None:
    folder, log = tmp_path / "r", io.StringIO()
    data, names, secrets = quickstart_in(folder)
    config = tmp_path / "receiver.toml"
    config.write_text(f'database_url = "{data.database_url}"\nmaster_key_file = "{data.master_key}"\n')
    plan = app.Plan(data.database_url, data.master_key, app.Address("127.0.0.1", 0), rounds_seconds=0.05)
    async with (
        app.running(plan, make_journal(log, clock.utcnow)) as running,
        aiohttp.ClientSession(auto_decompress=True) as http,
    ):
        receiver = Receiver(running.url, names, secrets, data, http, log)
        sender = await Sender(receiver).join()
        entries = sender.capture(5)
        assert (await sender.deliver([*entries[:1], *entries[3:]])).status == 200
        answer = await receiver.get(f"/api/v1/collectors/{sender.id}/streams", receiver.token(Scope.READ))
        (stream,) = answer.json["items"]
        assert stream["holes"] == [{"first": 1, "last": 2, "kind": "missing"}]
        assert [stream[name] for name in ("standing", "complete", "contiguousTo", "head", "knownTo")] == [
            "live",
            False,
            0,
            4,
            4,
        ]
        assert (stream["forkedFrom"], stream["twoHolders"]) == (None, False)

        async def shown(line: str) -> None:
            async with asyncio.timeout(PATIENCE):
                while line not in (await receiver.get("/metrics")).body.decode():  # noqa: ASYNC110
                    await asyncio.sleep(0.05)  # a poll of another program's figures

        await shown("carnet_stream_missing_entries 2.0")
        await shown('carnet_streams{state="live"} 1.0')
        (wrong,) = asked(config, "streams", "list", "--wrong")["items"]
        assert wrong["id"] == stream["id"]
        closed = asked(config, "streams", "close", stream["id"], "1-2", "--reason", "the disk died")
        assert (closed["first"], closed["last"]) == (1, 2)
        await shown("carnet_stream_missing_entries 0.0")
        doubled = {(bytes.fromhex(stream["id"]), sender.key.public.key_id): 3}
        with receiver.store() as store:
            workspace, now = names.workspace, clock.utcnow()
            store.write(lambda tx: disputes.note_holders(tx, workspace, sender.id, doubled, now))
        (stream,) = (await receiver.get(f"/api/v1/collectors/{sender.id}/streams", receiver.token(Scope.READ))).json[
            "items"
        ]
        assert (stream["complete"], stream["forkedFrom"], stream["twoHolders"]) == (False, None, True)
    found = asked(config, "streams", "show", stream["id"])
    assert found["holes"] == [{"first": 1, "last": 2, "kind": "known_lost"}]
    assert [one["kind"] for one in found["events"]] == ["two-holders", "gap-closed", "gap-found"]
    assert [one["twoHolders"] for one in asked(config, "streams", "list", "--wrong")["items"]] == [True]
    assert asked(config, "streams", "missing", "--withdrawn") == {"items": []}
    assert (
        asked(config, "streams", "rhythm", sender.id, "--intermittent", "--lag-minutes", "60")["intermittent"] is True
    )
    for gap, status, words in (("2-1-", 2, "such as 118-131"), ("5-", 1, "the stream is live")):
        close = ["streams", "close", stream["id"], gap, "--reason", "x", "--config", str(config)]
        refused = CliRunner().invoke(GROUP, close)
        assert refused.exit_code == status, refused.output
        assert words in refused.output + str(refused.exception)
