"""Serves a scene to Prometheus: a path a job, and a path a target whose `up` the scene sets."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import time
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from support.prometheus import scrape_config
from support.scene import DRIVERS, PLATFORM, PUSHED, Key, Moment, Scene
from tideline.exporter.catalogue import CATALOGUE, Kind, Scope
from tideline.settings import HOST

_JOBS: Final = {series.name: DRIVERS if series.scope is Scope.DRIVER else PLATFORM for series in CATALOGUE}
_COUNTERS: Final = {series.name for series in CATALOGUE if series.kind is Kind.COUNTER}
_UP: Final = "up"


@dataclass
class Stage:
    """What is shown now; the test puts another scene on it."""

    scene: Scene
    began: float = field(default_factory=time)

    def moment(self) -> Moment:
        return Moment(time(), time() - self.began)

    def page(self, job: str) -> bytes:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Told(families(self.scene, job, self.moment())))
        return generate_latest(registry)

    def is_up(self, path: str) -> bool:
        return all(value(self.moment()) for key, value in self.scene.items() if key.name == _UP and _path(key) == path)


@dataclass(eq=False)
class _Told(Collector):
    told: list[Metric]

    def collect(self) -> Iterable[Metric]:
        return self.told


def families(scene: Scene, job: str, moment: Moment) -> list[Metric]:
    found: dict[str, Metric] = {}
    for key, value in scene.items():
        if key.name != _UP and (key.job or _JOBS[key.name]) == job:
            kind = "counter" if key.name in _COUNTERS else "gauge"
            family = found.setdefault(key.name, Metric(key.name.removesuffix("_total"), key.name, kind))
            family.add_sample(key.name, dict(key.labels), value(moment))
    return list(found.values())


def _path(key: Key) -> str:
    """Where the target is that this `up` tells of."""
    return f"/up/{dict(key.labels)['instance']}"


def scrapes(scene: Scene, address: str) -> list[dict[str, Any]]:
    """What Prometheus is to ask: each job's page, and each target of which the scene says whether it is up."""
    jobs = [
        scrape_config(job, address, path=f"/{job}") | {"honor_labels": job == PUSHED}
        for job in (PLATFORM, DRIVERS, PUSHED)
    ]
    targets = [_up_target(number, key, address) for number, key in enumerate(key for key in scene if key.name == _UP)]
    return [*jobs, *targets]


def _up_target(number: int, key: Key, address: str) -> dict[str, Any]:
    """A job of its own that gives its target the name of the job it stands for."""
    return scrape_config(f"up-{number}", address, path=_path(key), **dict(key.labels), job=key.job)


@contextmanager
def shown(stage: Stage) -> Iterator[str]:
    """The address where the stage can be asked, until the block ends."""

    class Pages(BaseHTTPRequestHandler):
        """A page a job; an empty one, or a 503, for a target."""

        def do_GET(self) -> None:
            is_target = self.path.startswith("/up/")
            body = b"" if is_target else stage.page(self.path.removeprefix("/"))
            self.send_response(200 if not is_target or stage.is_up(self.path) else 503)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            with suppress(ConnectionError):  # who asked may have lost patience
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """A page a quarter of a second is no news."""

    server = ThreadingHTTPServer((HOST, 0), Pages)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
