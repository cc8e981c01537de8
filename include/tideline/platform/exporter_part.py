"""The platform's exporter as a service: what Prometheus is told of all streams, and where their drivers are."""

from __future__ import annotations

import http.client
import sys

from tideline.home import Home
from tideline.platform.supervisor_conf import Program
from tideline.settings import HOST, Settings


def program(home: Home) -> Program:
    return Program(
        name="exporter",
        command=(sys.executable, "-m", "tideline.exporter.service"),
        log=home.logs / "exporter.log",
        directory=home.root,
        stop_seconds=5,
    )


def answers(settings: Settings) -> bool:
    """Whether it serves; it does so too while the database is down."""
    connection = http.client.HTTPConnection(HOST, settings.ports.exporter, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
