"""HTTP servers of exporters: where TIDELINE_BIND says, a thread a request, without a line in the log for each."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any, Final, Protocol
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import Metric

from tideline.hosts import Hosts

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_REUSE: Final = (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
METRICS: Final = "/metrics"
_POLL_S: Final = 0.1
"""How long a server takes to notice that it is to close."""
_TIMEOUT_S: Final = 30.0
"""A client that says nothing for so long is left."""

Page = Callable[[], tuple[str, str]]
"""A page's content type and text."""


class Tells(Protocol):
    """What gathers families when it is asked."""

    def collect(self) -> Iterable[Metric]: ...


def registry_of(tells: Tells) -> CollectorRegistry:
    """A registry of this collector alone: none of Python's own metrics is in it."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(tells)
    return registry


def pages(tells: Tells, others: Mapping[str, Page]) -> WSGIApplication:
    """An application with the collector's metrics at `/metrics`, and other pages by their paths."""
    metrics: WSGIApplication = make_wsgi_app(registry_of(tells))

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path, method = environ.get("PATH_INFO", ""), environ.get("REQUEST_METHOD", "")
        if method not in ("GET", "HEAD"):
            return _answer(start_response, "405 Method Not Allowed", "text/plain", "only GET\n")
        if path == METRICS:
            return metrics(environ, start_response)
        if path in others:
            return _answer(start_response, "200 OK", *others[path]())
        return _answer(start_response, "404 Not Found", "text/plain", "no such page\n")

    return application


def _answer(start_response: StartResponse, status: str, kind: str, text: str) -> list[bytes]:
    body = text.encode()
    start_response(status, [("Content-Type", f"{kind}; charset=utf-8"), ("Content-Length", str(len(body)))])
    return [body]


class Server(ThreadingMixIn, WSGIServer):
    """Serves until it is closed; `port` 0 takes any that is free. OSError where the port is taken."""

    daemon_threads = True

    def __init__(self, application: WSGIApplication, port: int = 0, hosts: Hosts | None = None) -> None:
        self._hosts = hosts or Hosts.load()
        super().__init__((self._hosts.bind, port), _SilentHandler)
        self.set_app(application)

    @property
    def url(self) -> str:
        """Where its metrics are."""
        return f"http://{self._hosts.own_name}:{self.server_port}{METRICS}"

    def start(self) -> None:
        serve = partial(self.serve_forever, poll_interval=_POLL_S)
        threading.Thread(target=serve, name="exporter-http", daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()

    def server_bind(self) -> None:
        """As its base does, without asking a name server what the host is called."""
        self.socket.setsockopt(*_REUSE)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self._hosts.own_name, self.server_address[1]
        self.setup_environ()


class _SilentHandler(WSGIRequestHandler):
    timeout = _TIMEOUT_S

    def log_message(self, format: str, *args: Any) -> None:
        """A scrape every few seconds is no news."""
