"""The platform's exporter as a service: what Prometheus is told of all streams, and where their drivers are."""

from __future__ import annotations

import sys

from tideline.home import Home
from tideline.platform.supervisor_conf import Program
from tideline.settings import Settings


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
    import httpx

    try:
        return httpx.get(f"{settings.exporter_url}/healthz", timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False
