"""A log of minutes, and the tables a driver would have left of it: late events in some batches, none in the others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tideline.begin import Start, begin_generation
from tideline.engine.cells import GROUP, Engine
from tideline.kafka_access import KafkaAccess
from tideline.kafka_io import read_ranges
from tideline.ledger import LedgerRow, Pane, PartitionRange
from tideline.produce.sender import Sender
from tideline.spec.model import StreamSpec
from tideline.tables.batch import commit_batch
from tideline.tables.compaction import tidy_after
from tideline.tables.live import LivePublisher
from tideline.tables.schemas import StreamTables
from tideline.versions import version_of

FIRST_MS: Final = 1_767_225_600_000  # 2026-01-01T00:00:00Z
_MINUTE_MS: Final = 60_000
_BEHIND: Final = 30  # how many minutes a late event is behind its batch
_SERVICES: Final = 20


@dataclass(frozen=True)
class LateLog:
    """`batches` of `records` each, a minute of event time a batch; `late_batches` of them hold `late` events each."""

    batches: int
    records: int
    late_batches: int
    late: int

    def late_numbers(self) -> range:
        """The batches that drop something: spread evenly, the first of them once there is something to be late for."""
        step = (self.batches - _BEHIND - 1) // self.late_batches
        return range(_BEHIND + 1, _BEHIND + 1 + step * self.late_batches, step)


def spec_of(topic: str) -> StreamSpec:
    """Three metrics of a minute by service, a watermark of five minutes."""
    by_service = {"window": "1 minute", "keys": ["service"]}
    return StreamSpec.model_validate(
        {
            "name": topic,
            "source": {"topic": topic, "partitions": 1},
            "watermark": "5 minutes",
            "metrics": {
                "response_time": {
                    **by_service,
                    "measures": {"n": "count", "mean": "avg(response_time)", "spread": "stddev(response_time)"},
                },
                "errors": {**by_service, "measures": {"n": "count", "failed": "count_if(status_code >= 400)"}},
                "users": {**by_service, "measures": {"users": "count_distinct(user_id)"}},
            },
        }
    )


def send(log: LateLog, kafka: KafkaAccess, topic: str) -> None:
    """The records to Kafka, in the order of the batches."""
    random = Random(1)
    late = set(log.late_numbers())
    with Sender(kafka, topic, 1) as sender:
        for batch in range(log.batches):
            for number in range(log.records):
                is_late = batch in late and number % (log.records // log.late) == 0
                sender.send(_line(random, batch - _BEHIND if is_late else batch))


def _line(random: Random, minute: int) -> bytes:
    at = FIRST_MS + minute * _MINUTE_MS + random.randrange(_MINUTE_MS)
    record = {
        "timestamp": at,
        "level": "INFO",
        "service": f"service-{random.randrange(_SERVICES)}",
        "message": "GET /orders/1827 answered",
        "ip_address": f"10.0.{random.randrange(256)}.{random.randrange(256)}",
        "user_id": f"user-{random.randrange(5_000)}",
        "request_id": f"{random.randrange(1 << 64):016x}",
        "response_time": random.randrange(2_000_000) / 1_000_000,
        "status_code": 500 if random.random() < 0.02 else 200,
    }
    return json.dumps(record).encode()


def play(log: LateLog, kafka: KafkaAccess, spec: StreamSpec, tables: StreamTables, topic_id: str) -> None:
    """Commits and publishes the batches as a driver of the stream would have."""
    start = Start(1, spec, topic_id, {0: 0}, FIRST_MS)
    _, eras = begin_generation(tables, start, lambda _: ())
    engine = Engine(spec)
    for batch, records in enumerate(_batches(log, kafka, spec.source.topic)):
        engine.load(records)
        row = _row(spec, topic_id, batch, log.records, engine.panes())
        row = replace(row, late_events=sum(pane.events for pane in row.late_panes(eras)))
        cells = engine.cells()
        on_time = cells.filter(pc.greater(cells["drop_at"].cast(pa.int64()), row.late_ms * 1000))
        commit_batch(tables, engine.slots, engine.merge(on_time, GROUP), row)
        tidy_after(batch, tables, ())
    LivePublisher(tables, eras, 1).recover()


def _batches(log: LateLog, kafka: KafkaAccess, topic: str) -> Iterator[pa.Table]:
    """The log in batches, read at once in large chunks."""
    rest: list[pa.Table] = []
    for chunk in read_ranges(kafka, topic, {0: [(0, log.batches * log.records)]}, isolation="read_committed"):
        whole = pa.concat_tables([*rest, chunk])
        full = len(whole) // log.records
        for number in range(full):
            yield whole.slice(number * log.records, log.records).combine_chunks()
        rest = [whole.slice(full * log.records)]


def _row(spec: StreamSpec, topic_id: str, batch: int, records: int, panes: pa.Table) -> LedgerRow:
    at_ms = FIRST_MS + batch * _MINUTE_MS
    late_ms = max(0, at_ms - spec.smallest_delay_ms) if batch else 0
    listed = [Pane.of(pane) for pane in panes.to_pylist()]
    return LedgerRow(
        version=version_of(1, batch),
        epoch=1,
        topic=spec.source.topic,
        topic_id=topic_id,
        batch_at_ms=at_ms,
        late_ms=late_ms,
        watermark_ms=late_ms + _MINUTE_MS if batch else 0,
        fingerprint=spec.fingerprint(),
        code="bench",
        settings={},
        ranges=(PartitionRange(0, batch * records, (batch + 1) * records, records, 0, None, None),),
        panes=tuple(listed),
        pane_ms=_MINUTE_MS,
    )
