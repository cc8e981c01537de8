"""Which (event, window) pairs the batches dropped, from what was recorded of each: its L and its offsets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from oracle.events import Event, Record
from oracle.parsing import parse
from oracle.tables import Key, key_of, window_starts
from tideline.spec.model import StreamSpec


@dataclass(frozen=True)
class Batch:
    """A micro-batch: the watermark L it filtered late rows with, and half-open offsets by partition."""

    late_watermark_ms: int
    offsets: dict[int, tuple[int, int]]


class Pair(NamedTuple):
    """An event in one of its windows."""

    partition: int
    offset: int
    metric: str
    window_start_ms: int
    key: Key


def late_by_rule(batches: Iterable[Batch], records: Iterable[Record], spec: StreamSpec) -> set[Pair]:
    """The dropped pairs; a record in no batch was not read yet, and is not late."""
    known = list(batches)
    return {
        pair for record in records for batch in known if _holds(batch, record) for pair in _dropped(batch, record, spec)
    }


def _holds(batch: Batch, record: Record) -> bool:
    start, end = batch.offsets.get(record.partition, (0, 0))
    return start <= record.offset < end


def _dropped(batch: Batch, record: Record, spec: StreamSpec) -> Iterable[Pair]:
    event = parse(record.value, record.kafka_ms, spec.source.max_future)
    if not isinstance(event, Event):
        return
    smallest = min(spec.delay_ms(name) for name in spec.metrics)
    for name, metric in spec.metrics.items():
        for start in window_starts(event.time_us, metric):
            if start + metric.window + spec.delay_ms(name) - smallest <= batch.late_watermark_ms:
                yield Pair(record.partition, record.offset, name, start, key_of(event, metric))
