"""Lines on a socket: each client has them all, and what is wrong is told."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tideline.errors import UserError
from tideline.produce.line_server import LineServer

LINES = [b"one", b"", "zw\u00f6lf".encode(), b"\xff\xfe"]
SERVED = b"one\n\nzw\xc3\xb6lf\n\xff\xfe\n"


@pytest.fixture
def server() -> Iterator[LineServer]:
    with LineServer(lambda: LINES, "127.0.0.1", 0) as running:
        yield running


def read(server: LineServer) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        found = b""
        while len(found) < len(SERVED):
            found += client.recv(1024)
        return found


def test_each_client_has_all_lines_as_they_are(server: LineServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10):  # one that reads nothing is in nobody's way
        assert [read(server), read(server)] == [SERVED, SERVED]


def test_the_connection_stays_open_after_the_last_line(server: LineServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        found = b""
        while len(found) < len(SERVED):
            found += client.recv(1024)
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(1)


def test_a_port_that_is_taken_is_told(server: LineServer) -> None:
    with pytest.raises(UserError, match=rf"port {server.port} of 127\.0\.0\.1 cannot be had"):
        LineServer(lambda: LINES, "127.0.0.1", server.port)


def test_what_keeps_the_lines_from_being_read_is_told_and_ends_the_connection() -> None:
    def lines() -> Iterator[bytes]:
        yield b"one"
        raise UserError("it cannot be read: gone")

    said: list[str] = []
    with (
        LineServer(lines, "127.0.0.1", 0, said.append) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as client,
    ):
        assert client.makefile("rb").read() == b"one\n"
    assert said[-1].endswith("has 1 lines, and gets no more: it cannot be read: gone")
