"""The outlets that a stream's spec asks for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

from tideline.generations import Era
from tideline.kafka_io import ensure_topic
from tideline.kafka_transactions import TransactionalSender
from tideline.recompute import ReadRanges
from tideline.sinks.on_time import OnTimeOutlet
from tideline.sinks.outlet import ConsoleOutlet, KafkaOutlet, Outlet
from tideline.spec.sinks import ConsoleSink, KafkaSink
from tideline.tables.schemas import StreamTables

_TIMEOUT_MS: Final = 900_000
"""The longest that a broker allows by default: a first look at a large table is one transaction."""


def stream_outlets(tables: StreamTables, eras: Sequence[Era], read: ReadRanges, bootstrap: str) -> list[Outlet]:
    """An outlet for each metric of each sink, and one for on-time events; topics that are absent are made."""
    spec = eras[-1].spec
    on_time = spec.late_data.on_time_topic
    topics = {sink.topic for sink in spec.sinks if isinstance(sink, KafkaSink)} | ({on_time} if on_time else set())
    for topic in topics:
        ensure_topic(bootstrap, topic, spec.source.partitions)
    sender = cache(lambda: TransactionalSender(bootstrap, f"tideline-{spec.name}-sinks", _TIMEOUT_MS))
    outlets: list[Outlet] = []
    for sink in spec.sinks:
        for metric in sink.metrics or spec.metrics:
            path = tables.published(metric)
            outlets.append(
                ConsoleOutlet(metric, path, sink)
                if isinstance(sink, ConsoleSink)
                else KafkaOutlet(spec.name, metric, path, sink, sender())
            )
    if on_time:
        outlets.append(OnTimeOutlet(tables, eras, read, on_time, sender()))
    return outlets
