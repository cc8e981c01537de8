"""The platform's exporter as a process: `/metrics`, `/targets` and `/healthz` on its port, whatever else is down."""

from __future__ import annotations

import logging
import sys

from tideline.errors import UserError
from tideline.exporter.platform_metrics import PlatformMetrics
from tideline.exporter.web import Server, pages
from tideline.home import Home
from tideline.logs.format import log_as_json
from tideline.registry.store import Registry
from tideline.settings import Ports, Settings

HEALTH = "/healthz"
TARGETS = "/targets"
REGISTRY_WITHIN_S = 5
"""A database that takes longer for a connection or an answer is as good as away: the look is made again."""


def new_server(home: Home, settings: Settings) -> Server:
    """The server, bound to its port; UserError where that is taken."""
    metrics = PlatformMetrics(home, Registry.connect(settings.registry_url, within_s=REGISTRY_WITHIN_S))
    application = pages(
        metrics,
        {TARGETS: lambda: ("application/json", metrics.targets()), HEALTH: lambda: ("text/plain", "well\n")},
    )
    try:
        return Server(application, settings.ports.exporter)
    except OSError as error:
        fix = f"end what has it, or set {Ports.variable('exporter')} to a free port"
        raise UserError(f"port {settings.ports.exporter} cannot be had: {error.strerror}", fix) from None


def main() -> int:
    log_as_json()
    home = Home.from_env()
    try:
        server = new_server(home, Settings.load(home))
    except UserError as error:
        logging.error("%s: %s", error.message, error.fix)
        return error.exit_status
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
