"""What supervisord refuses, told apart: a call of its own, or every call because it shuts down."""

from __future__ import annotations

import socketserver
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from xmlrpc.client import Fault
from xmlrpc.server import SimpleXMLRPCDispatcher, SimpleXMLRPCRequestHandler

import pytest
from supervisor.xmlrpc import Faults

from tideline.home import Home
from tideline.platform.supervisor import Supervisor, SupervisorUnreachable


class Handler(SimpleXMLRPCRequestHandler):
    disable_nagle_algorithm = False  # a Unix socket has none

    def address_string(self) -> str:
        return "a Unix socket"


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer, SimpleXMLRPCDispatcher):
    daemon_threads = True

    def __init__(self, socket: Path, answer: Callable[[], None]) -> None:
        SimpleXMLRPCDispatcher.__init__(self, allow_none=True, encoding="utf-8")
        socketserver.UnixStreamServer.__init__(self, str(socket), Handler)
        self.logRequests = False
        for method in ("getPID", "getState"):
            self.register_function(answer, f"supervisor.{method}")


@contextmanager
def refusing(home: Home, code: int) -> Iterator[Supervisor]:
    """A supervisord that answers every call with this fault."""

    def refuse() -> None:
        raise Fault(code, "no")

    supervisor = Supervisor(home)
    supervisor.socket.parent.mkdir(parents=True, exist_ok=True)
    with Server(supervisor.socket, refuse) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield supervisor
        server.shutdown()


def test_one_that_shuts_down_is_as_good_as_gone(tmp_path: Path) -> None:
    with refusing(Home(tmp_path), Faults.SHUTDOWN_STATE) as supervisor:
        assert not supervisor.reachable()
        with pytest.raises(SupervisorUnreachable, match="shuts down"):
            supervisor.pid()


def test_any_other_refusal_is_told_as_it_is(tmp_path: Path) -> None:
    with refusing(Home(tmp_path), Faults.BAD_NAME) as supervisor, pytest.raises(Fault, match="no"):
        supervisor.pid()
