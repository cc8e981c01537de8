"""The outlets that a stream's spec asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Final

from tideline.generations import Era
from tideline.kafka_access import KafkaAccess
from tideline.kafka_io import ensure_topic
from tideline.kafka_transactions import TransactionalSender
from tideline.recompute import ReadRanges
from tideline.sinks.on_time import OnTimeOutlet, begin_at
from tideline.sinks.outlet import ConsoleOutlet, KafkaOutlet, Outlet
from tideline.spec.sinks import ConsoleSink, KafkaSink
from tideline.tables.schemas import StreamTables

_TIMEOUT_MS: Final = 900_000
"""The longest that a broker allows by default: a first look at a large table is one transaction."""


@dataclass(frozen=True)
class Planned:
    """An outlet to be made when it is first needed; making it may fail, as its work may."""

    name: str
    make: Callable[[], Outlet]


def stream_outlets(tables: StreamTables, eras: Sequence[Era], read: ReadRanges, kafka: KafkaAccess) -> list[Planned]:
    """An outlet for each metric of each sink, and one for on-time events of the batches that come.

    Topics that are absent are made.
    """
    spec = eras[-1].spec

    @cache
    def sending(topic: str) -> TransactionalSender:
        """A sender a topic: a transaction that the broker cannot end holds up no other topic."""
        ensure_topic(kafka, topic, spec.source.partitions)
        return TransactionalSender(kafka, f"tideline-{spec.name}-to-{topic}", _TIMEOUT_MS)

    def make(sink: ConsoleSink | KafkaSink, metric: str) -> Outlet:
        path = tables.published(metric)
        if isinstance(sink, ConsoleSink):
            return ConsoleOutlet(metric, path, sink)
        return KafkaOutlet(spec.name, metric, path, sink, sending(sink.topic))

    outlets = [
        Planned(f"sink {_where(sink)}: {metric}", partial(make, sink, metric))
        for sink in spec.sinks
        for metric in sink.metrics or spec.metrics
    ]
    on_time = spec.late_data.on_time_topic
    if on_time:
        begin_at(tables, on_time)
        make_on_time = partial(OnTimeOutlet, tables, eras, read, on_time)
        outlets.append(Planned(f"on-time events to {on_time}", lambda: make_on_time(sending(on_time))))
    return outlets


def _where(sink: ConsoleSink | KafkaSink) -> str:
    return sink.to if isinstance(sink, ConsoleSink) else f"{sink.to} {sink.topic}"
