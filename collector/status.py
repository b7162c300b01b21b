"""Health and status of a running collector, asked on a Unix socket (0600) or, if configured, on an address.

`/healthz` answers 200 or 503 with what is wrong, `/status` the whole report; neither changes anything. `/rotate-key`,
on the socket alone, is for the command of that name: who may open the socket may read the key.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING

from aiohttp import ClientConnectorError, ClientError, ClientSession, ClientTimeout, UnixConnector, web

from shared.encoding import compact, parse_object
from shared.errors import CarnetError, Code, ConfigError, StateError, TryLaterError
from shared.wire import JSON_TYPE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from shared.encoding import JsonObject

SOCKET_NAME = "status.sock"
_ASK_SECONDS = 5
_ROTATE_SECONDS = 60
_HEALTHY, _UNHEALTHY = 200, 503
_DONE, _NOT_DONE = 200, 409


@contextlib.asynccontextmanager
async def serve_status(
    socket: Path, listen: str | None, report: Callable[[], JsonObject], rotate: Callable[[], JsonObject]
) -> AsyncIterator[None]:
    """Answer as long as the context is open.

    `report` gives the status, with `healthy` among its fields; `rotate` puts a new key in force and says which.
    Raises `ConfigError` where the socket or the address cannot be taken.
    """

    async def status(_: web.Request) -> web.Response:
        found = await asyncio.to_thread(report)
        return web.Response(body=compact(found), content_type=JSON_TYPE)

    async def health(_: web.Request) -> web.Response:
        found = await asyncio.to_thread(report)
        healthy = found["healthy"] is True
        body = compact({"healthy": healthy, "wrong": found["wrong"]})
        return web.Response(body=body, content_type=JSON_TYPE, status=_HEALTHY if healthy else _UNHEALTHY)

    async def rotate_key(_: web.Request) -> web.Response:
        try:
            found, code = await asyncio.to_thread(rotate), _DONE
        except CarnetError as error:
            found, code = {"detail": error.detail, "hint": error.hint}, _NOT_DONE
        return web.Response(body=compact(found), content_type=JSON_TYPE, status=code)

    asked, local = web.Application(), web.Application()
    for app in (asked, local):
        app.router.add_get("/status", status)
        app.router.add_get("/healthz", health)
    local.router.add_post("/rotate-key", rotate_key)
    runners = [web.AppRunner(app, access_log=None) for app in (local, asked)]
    try:
        for runner in runners:
            await runner.setup()
        await _listen(runners[0], socket)
        if listen is not None:
            await _listen_at(runners[1], listen)
        yield
    finally:
        for runner in runners:
            await runner.cleanup()
        await asyncio.to_thread(socket.unlink, missing_ok=True)


async def _listen(runner: web.AppRunner, socket: Path) -> None:
    # A socket that a killed daemon left behind: the lock on the state directory says that nobody serves it.
    await asyncio.to_thread(socket.unlink, missing_ok=True)
    before = os.umask(0o177)
    try:
        await web.UnixSite(runner, str(socket)).start()
    except OSError as error:
        hint = "shorten state_dir; a socket path has 107 bytes"
        raise ConfigError(f"{socket} cannot be made: {error}", hint) from None
    finally:
        os.umask(before)


async def _listen_at(runner: web.AppRunner, listen: str) -> None:
    host, _, port = listen.rpartition(":")
    try:
        await web.TCPSite(runner, host.strip("[]"), int(port)).start()
    except (OSError, ValueError) as error:
        raise ConfigError(f"health.listen: {listen!r} cannot be taken: {error}", "give host:port") from None


async def ask_status(socket: Path) -> JsonObject:
    """Ask a running collector for its status; raises `StateError` where none answers."""
    try:
        async with (
            ClientSession(connector=UnixConnector(str(socket)), timeout=ClientTimeout(total=_ASK_SECONDS)) as session,
            session.get("http://collector/status") as response,
        ):
            return parse_object(await response.read())
    except (ClientError, TimeoutError, OSError, CarnetError):
        raise StateError(Code.NOT_FOUND, "no collector is running here", "start it with carnet-collector run") from None


async def ask_rotation(socket: Path) -> JsonObject | None:
    """Ask a running collector to put a new key in force; None where none runs here.

    Raises `StateError` where it could not, and `TryLaterError` where its answer did not come.
    """
    try:
        async with (
            ClientSession(
                connector=UnixConnector(str(socket)), timeout=ClientTimeout(total=_ROTATE_SECONDS)
            ) as session,
            session.post("http://collector/rotate-key") as response,
        ):
            found = parse_object(await response.read())
    except ClientConnectorError:
        return None
    except (ClientError, TimeoutError, OSError, CarnetError):
        raise TryLaterError(
            Code.UNAVAILABLE,
            "the running collector did not answer; it may have a new key, or not",
            "see keyId and keyAgeSeconds: carnet-collector status",
        ) from None
    if response.status != _DONE:
        hint = found.get("hint")
        raise StateError(Code.CONFLICT, str(found.get("detail")), None if hint is None else str(hint))
    return found
