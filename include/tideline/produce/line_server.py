"""Lines on a TCP socket, for streams that read one: what `nc -lk` does, for several clients at once."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType

from tideline.errors import UserError

Lines = Callable[[], Iterable[bytes]]
"""Opens the lines anew, without their ends; UserError where they cannot be read."""


class LineServer:
    """Sends each client all lines from the first, and leaves the connection open after the last one."""

    def __init__(self, lines: Lines, host: str, port: int, told: Callable[[str], None] = lambda _: None) -> None:
        over = threading.Event()

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                client = f"{self.client_address[0]}:{self.client_address[1]}"
                told(f"{client} reads")
                sent = 0
                try:
                    with suppress(OSError):  # the client may go at any time
                        for line in lines():
                            if over.is_set():
                                return
                            self.request.sendall(line + b"\n")
                            sent += 1
                        told(f"{client} has all {sent} lines")
                        self.request.recv(1)  # until the client goes
                    told(f"{client} is gone after {sent} lines")
                except UserError as error:
                    told(f"{client} has {sent} lines, and gets no more: {error.message}")

        self._over = over
        try:
            self._server = _Server((host, port), Handler)
        except OSError as error:
            raise UserError(
                f"port {port} of {host} cannot be had: {error.strerror}", "choose another --port"
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    @property
    def port(self) -> int:
        """The one that was given; the one that was free for 0."""
        return int(self._server.server_address[1])

    def __enter__(self) -> LineServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
