"""A driver that pushes, a real Pushgateway and a real Prometheus: its series are its own, and end with it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from support.prometheus import in_a_hurry, running_prometheus, running_pushgateway
from tideline.clock import now_ms
from tideline.exporter.driver_metrics import DriverMetrics
from tideline.exporter.driver_seen import DriverSeen
from tideline.exporter.push import Pusher
from tideline.exporter.scrape_config import Monitoring, scrape_config
from tideline.platform.waiting import wait_until

NOBODY: Final = "127.0.0.1:9"
PATIENCE_S: Final = 30


def test_what_a_driver_pushes_is_its_own_and_ends_when_it_stops_as_asked(tmp_path: Path) -> None:
    with running_pushgateway(tmp_path) as gateway:
        config = in_a_hurry(scrape_config(Monitoring(NOBODY, "rules/*.yml", pushgateway=gateway)), "500ms")
        pusher = Pusher(f"http://{gateway}", "orders", DriverMetrics(DriverSeen("orders", "x", 4, 1, 0), now_ms))
        with running_prometheus(tmp_path, config, {}) as prometheus:
            pusher.start()
            told = 'tideline_driver_epoch{job="spark_streaming", stream="orders"} == 4'
            assert wait_until(lambda: bool(prometheus.query(told)), PATIENCE_S)
            silent = 'time() - push_time_seconds{job="spark_streaming", stream="orders"} > 120'
            assert (prometheus.query(silent), len(prometheus.query(silent.replace("120", "-120")))) == ([], 1)
            pusher.stop(forget=True)
            assert wait_until(lambda: prometheus.query('{job="spark_streaming"}') == [], PATIENCE_S)
