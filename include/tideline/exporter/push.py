"""Pushes a collector's metrics to a Pushgateway, for a Prometheus that cannot reach who tells them."""

from __future__ import annotations

import logging
import threading
from typing import Final

from prometheus_client import delete_from_gateway, push_to_gateway

from tideline.exporter.web import Tells, registry_of

log = logging.getLogger(__name__)

JOB: Final = "spark_streaming"
PERIOD_S: Final = 15.0
_TIMEOUT_S: Final = 5.0


class Pusher:
    """Replaces the group (job, stream) of a gateway every so often, from a thread that dies with its process.

    A gateway that does not answer is told of once, and tried again.
    """

    def __init__(self, gateway: str, stream: str, tells: Tells, period_s: float = PERIOD_S) -> None:
        self._gateway = gateway
        self._group = {"stream": stream}
        self._registry = registry_of(tells)
        self._period_s = period_s
        self._over = threading.Event()
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="pusher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def push(self) -> bool:
        """Whether the gateway took it."""
        try:
            push_to_gateway(self._gateway, JOB, self._registry, self._group, _TIMEOUT_S)
        except Exception as error:  # a gateway is none of the driver's business
            if not self._failed:
                log.warning("the Pushgateway %s cannot be told: %s", self._gateway, error)
            self._failed = True
            return False
        if self._failed:
            log.info("the Pushgateway %s takes metrics again", self._gateway)
        self._failed = False
        return True

    def stop(self, *, forget: bool) -> None:
        """Pushes no more; `forget` deletes the group: what it says is over."""
        self._over.set()
        self._thread.join(2 * _TIMEOUT_S)
        if forget and not self._thread.is_alive():
            try:
                delete_from_gateway(self._gateway, JOB, self._group, _TIMEOUT_S)
            except Exception as error:
                log.warning("the Pushgateway %s keeps the last metrics: %s", self._gateway, error)

    def _run(self) -> None:
        self.push()
        while not self._over.wait(self._period_s):
            self.push()
