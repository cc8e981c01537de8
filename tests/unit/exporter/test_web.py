"""Where an exporter listens, and by which name it is told of."""

from __future__ import annotations

import socket

import httpx
import pytest
from prometheus_client import CollectorRegistry

from tideline.exporter.web import Server, pages
from tideline.hosts import Hosts


@pytest.mark.parametrize(("bind", "name"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", socket.gethostname())])
def test_a_server_is_told_of_by_a_name_that_reaches_it(bind: str, name: str) -> None:
    server = Server(pages(CollectorRegistry(), {}), hosts=Hosts(bind=bind))
    assert server.url == f"http://{name}:{server.server_port}/metrics"
    assert server.server_address[0] == bind
    server.server_close()


def test_by_default_only_the_loopback_interface_answers() -> None:
    server = Server(pages(CollectorRegistry(), {"/healthz": lambda: ("text/plain", "ok")}))
    server.start()
    assert httpx.get(f"http://127.0.0.1:{server.server_port}/healthz", trust_env=False).text == "ok"
    assert server.server_address[0] == "127.0.0.1"
    server.close()
