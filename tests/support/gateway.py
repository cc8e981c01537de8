"""A small HTTP server in the place of a Pushgateway: it keeps what it is told."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any

Request = tuple[str, str, str]
"""Method, path and body."""


class Gateway:
    """Answers with a status, and keeps method, path and body of each request."""

    def __init__(self) -> None:
        self.requests: Queue[Request] = Queue()
        self.status = 200
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                gateway.requests.put((self.command, self.path, body))
                self.send_response(gateway.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_PUT = do_POST = do_DELETE = _answer

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self) -> Request:
        return self.requests.get(timeout=30)

    def all(self) -> list[Request]:
        """What was told and not taken yet."""
        return [self.requests.get() for _ in range(self.requests.qsize())]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
