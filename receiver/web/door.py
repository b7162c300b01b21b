"""The listening socket: accepts, counts, and lets in; speaks TLS where a certificate is given.

Connections are accepted here instead of by asyncio's server, so that one over the limit costs no handshake, and so that
plain HTTP on a TLS port is refused in words.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from http import HTTPStatus

from receiver.web.connections import Connections, Place
from shared.encoding import compact
from shared.errors import Code
from shared.problems import PROBLEM_TYPE, Problem

_TLS_HANDSHAKE = b"\x16"
_PAUSE_WITHOUT_DESCRIPTORS_SECONDS = 1.0
_PARTING_SECONDS = 1.0
_BACKLOG = 256
_MAX_PARTINGS = 50


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket; raises `OSError`. Port 0 takes a free one."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.settimeout(0)
        opened.bind(address)
        opened.listen(_BACKLOG)
    except OSError:
        opened.close()
        raise
    return opened


class Door:
    """Accepts connections until it is closed; `protocol` makes what serves one."""

    def __init__(
        self,
        listener: socket.socket,
        connections: Connections,
        protocol: Callable[[Place], asyncio.Protocol],
        *,
        tls: ssl.SSLContext | None,
        handshake_seconds: float,
        make_id: Callable[[], str],
    ) -> None:
        """Take a listening socket that does not block; it belongs to the door from now."""
        self._listener = listener
        self._connections = connections
        self._protocol = protocol
        self._tls = tls
        self._handshake_seconds = handshake_seconds
        self._make_id = make_id
        self._letting_in: set[asyncio.Task[None]] = set()
        self._accepting: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Start to accept."""
        self._accepting = asyncio.get_running_loop().create_task(self._accept())

    async def close(self) -> None:
        """Accept no more; what was let in goes on."""
        tasks = [task for task in (self._accepting, *self._letting_in) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._listener.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, address = await loop.sock_accept(self._listener)
            except OSError:
                # Out of descriptors, or the peer is gone already: the next one may do better.
                await asyncio.sleep(_PAUSE_WITHOUT_DESCRIPTORS_SECONDS)
                continue
            task = loop.create_task(self._let_in(connection, str(address[0])))
            self._letting_in.add(task)
            task.add_done_callback(self._letting_in.discard)

    async def _let_in(self, connection: socket.socket, peer: str) -> None:
        place = self._connections.enter(peer)
        if place is None:
            if self._tls is None and len(self._letting_in) <= _MAX_PARTINGS:
                await _part(connection, self._problem(503, Code.UNAVAILABLE, "too many connections", "close idle ones"))
            connection.close()
            return
        inside = False
        try:
            async with asyncio.timeout(self._handshake_seconds):
                if self._tls is not None and await _first_byte(connection) != _TLS_HANDSHAKE:
                    await _part(
                        connection,
                        self._problem(400, Code.BAD_SYNTAX, "this port speaks HTTPS only", "use https://"),
                    )
                    return
                await asyncio.get_running_loop().connect_accepted_socket(
                    lambda: self._protocol(place), connection, ssl=self._tls
                )
                inside = True
        except (OSError, TimeoutError):
            # No handshake, or none in time.
            return
        finally:
            if not inside:
                place.release()
                connection.close()

    def _problem(self, status: int, code: Code, detail: str, hint: str) -> Problem:
        return Problem(
            title=HTTPStatus(status).phrase,
            status=status,
            detail=detail,
            code=code,
            hint=hint,
            request_id=self._make_id(),
            error=detail,
        )


async def _first_byte(connection: socket.socket) -> bytes:
    """Look at the first byte without taking it."""
    loop = asyncio.get_running_loop()
    readable = loop.create_future()

    def wake() -> None:
        if not readable.done():
            readable.set_result(None)

    loop.add_reader(connection, wake)
    try:
        await readable
    finally:
        loop.remove_reader(connection)
    return connection.recv(1, socket.MSG_PEEK)


async def _part(connection: socket.socket, problem: Problem) -> None:
    """Say in plain HTTP why, and close; the peer gets a moment to read it."""
    body = compact(problem.to_wire())
    head = (
        f"HTTP/1.1 {problem.status} {problem.title}\r\nContent-Type: {PROBLEM_TYPE}\r\n"
        f"Content-Length: {len(body)}\r\nX-Request-Id: {problem.request_id}\r\n"
        "Retry-After: 1\r\nConnection: close\r\n\r\n"
    )
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_PARTING_SECONDS):
            await loop.sock_sendall(connection, head.encode() + body)
            connection.shutdown(socket.SHUT_WR)
            # Unread input would turn the close into a reset, and the reset would take the words back.
            while await loop.sock_recv(connection, 1 << 16):
                pass
    except (OSError, TimeoutError):
        pass
    finally:
        connection.close()
