"""The driver's exporter without a JVM: what fails in it ends nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from support.gateway import Gateway
from support.records import small_spec
from support.scraped import get, names_of, scrape, values
from tideline.batch_done import Progress
from tideline.exporter.driver_metrics import DriverMetrics
from tideline.exporter.driver_seen import DriverSeen
from tideline.kafka_access import KafkaAccess
from tideline.spec.model import StreamSpec
from tideline_spark.counter import counter_of, last_progress, progress_of
from tideline_spark.driver import parts_of
from tideline_spark.exporter import DriverExporter

OPERATORS = [
    {"numRowsDroppedByWatermark": 2, "numRowsTotal": 10, "memoryUsedBytes": 100},
    {"numRowsDroppedByWatermark": 1, "numRowsTotal": 5, "memoryUsedBytes": 50},
]


def progress(batch: int, *did: str) -> dict[str, Any]:
    return {"batchId": batch, "durationMs": dict.fromkeys(did, 1), "stateOperators": OPERATORS}


def query(last: dict[str, Any] | None, *recent: dict[str, Any]) -> Any:
    return SimpleNamespace(lastProgress=last, recentProgress=list(recent))


def new_exporter(period_s: float = 3600) -> DriverExporter:
    return DriverExporter("small", DriverMetrics(DriverSeen("small", "x", 1, 1, 0), lambda: 1_000), period_s)


def test_progress_is_of_all_operators_together() -> None:
    assert last_progress(query(progress(4, "addBatch"))) == Progress(4, 3, 15, 150)


@pytest.mark.parametrize("last", [None, progress(5, "latestOffset")])
def test_a_trigger_that_found_nothing_is_no_progress(last: dict[str, Any] | None) -> None:
    assert last_progress(query(last)) is None


def test_the_counter_of_a_batch_is_found_behind_an_idle_trigger() -> None:
    told = query(progress(5, "latestOffset"), progress(3, "addBatch"), progress(4, "addBatch"))
    assert counter_of(progress_of(told, 4))["spark.counter.dropped"] == "3"
    assert counter_of(progress_of(told, 8)) == {}


def test_a_driver_serves_until_it_stops() -> None:
    exporter = new_exporter()
    url = exporter.start()
    assert url is not None and "tideline_driver_info" in names_of(scrape(url))
    exporter.stop(as_asked=True)
    with pytest.raises(OSError):
        get(url)


class Gone:
    """A query whose JVM is not there any more."""

    @property
    def lastProgress(self) -> Any:
        raise ConnectionRefusedError


def test_a_broker_and_a_jvm_that_are_gone_are_no_end() -> None:
    exporter = new_exporter()
    exporter.metrics.starts_at(lambda: {0: 0})
    exporter.metrics.log_ends({0: 5})
    url = exporter.start()
    exporter.watch(small_spec(), KafkaAccess("127.0.0.1:9"), "nowhere", Gone(), lambda: 1 / 0)  # type: ignore[arg-type,return-value]
    exporter.look()
    assert url is not None and values(scrape(url), "tideline_backlog_offsets") == []
    exporter.stop(as_asked=False)


@pytest.mark.parametrize(("as_asked", "last"), [(True, "DELETE"), (False, "PUT")])
def test_what_was_pushed_is_deleted_where_the_stop_was_asked_for(as_asked: bool, last: str) -> None:
    gateway = Gateway()
    try:
        data = small_spec().model_dump(mode="json") | {"exporter": {"pushgateway": gateway.url}}
        exporter = new_exporter()
        exporter.watch(StreamSpec.model_validate(data), KafkaAccess("127.0.0.1:9"), None)
        first = gateway.next()
        exporter.stop(as_asked=as_asked)
        assert [first, *gateway.all()][-1][:2] == (last, "/metrics/job/spark_streaming/stream/small")
    finally:
        gateway.close()


def test_every_part_that_can_fail_alone_is_known_from_the_start() -> None:
    data = small_spec().model_dump(mode="json")
    rise = {"kind": "rise", "metric": "counts", "observed": "request_count", "by": 3}
    spec = StreamSpec.model_validate(data | {"detectors": {"jump": rise}})
    assert parts_of(spec, []) == ["table counts", "detector jump", "table anomalies"]
    assert parts_of(small_spec(), []) == ["table counts"]
