"""A listening receiver: socket, door, guards and aiohttp's machinery, started and stopped together."""

from __future__ import annotations

import asyncio
import socket
import ssl

from aiohttp import web

from receiver.web.connections import Connections, Place
from receiver.web.door import Door
from receiver.web.guard import Guard, Handler
from receiver.web.state import SERVICES


class Server:
    """Serves one application on one socket."""

    def __init__(self, app: web.Application, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Take a socket that listens; it is closed with the server."""
        self._app = app
        self._services = app[SERVICES]
        self._listener = listener
        self._tls = tls
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=self._services.settings.stop_seconds)
        self._door: Door | None = None

    async def start(self) -> None:
        """Begin to accept."""
        await self._runner.setup()
        at_hand = self._services
        settings = at_hand.settings
        server = self._runner.server
        if server is None:
            msg = "aiohttp's runner was set up and has no server"
            raise RuntimeError(msg)

        def protocol(place: Place) -> asyncio.Protocol:
            inner = Handler(server, settings, at_hand.new_request_id)
            return Guard(inner, at_hand.guards, place, settings, at_hand.metrics)

        connections = Connections(settings.max_connections, settings.max_connections_per_peer, at_hand.metrics)
        self._door = Door(
            self._listener,
            connections,
            protocol,
            tls=self._tls,
            handshake_seconds=settings.header_seconds,
            make_id=at_hand.new_request_id,
        )
        self._door.open()

    async def stop(self) -> None:
        """Accept no more, finish what is in flight within `stop_seconds`, close."""
        if self._door is not None:
            await self._door.close()
        await self._services.guards.drain(self._services.settings.stop_seconds)
        await self._runner.cleanup()
