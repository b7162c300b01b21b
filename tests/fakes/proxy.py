"""A relay between collector and receiver that listens in, keeps answers back, or drops every connection."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from types import TracebackType
from typing import Self

from shared.encoding import b64decode

_CHUNK = 1 << 16


class Proxy:
    """Relays bytes to a port of this host; `sent` is all that came from the client.

    While `answers` is not set, the server's answers are kept back; while `dead` is set, connections are dropped.
    """

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.answers = threading.Event()
        self.answers.set()
        self.dead = threading.Event()
        self.asked = threading.Event()
        self.sent = bytearray()
        self._ended = threading.Event()
        self._open: set[socket.socket] = set()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self.answers.set()
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for one in list(self._open):
            _cut(one)
        self._thread.join(5)

    def payloads(self) -> list[bytes]:
        """Every signed payload that came by, as it was signed."""
        return [b64decode(found.decode()) for found in re.findall(rb'"payload":"([A-Za-z0-9+/=]+)"', bytes(self.sent))]

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while not self._ended.is_set():
                client, _ = self._server.accept()
                threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        if self.dead.is_set():
            client.close()
            return
        try:
            server = socket.create_connection(("127.0.0.1", self.target_port), timeout=30)
        except OSError:
            client.close()
            return
        self._open |= {client, server}
        back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
        back.start()
        self._pump(client, server, keep=True)
        back.join(30)
        self._open -= {client, server}
        client.close()
        server.close()

    def _pump(self, source: socket.socket, target: socket.socket, *, keep: bool = False) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                if keep:
                    self.sent += data
                    self.asked.set()
                else:
                    self.answers.wait()
                target.sendall(data)
        _cut(target)


def _cut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
