"""One stream's retention: what it still needs of its topic, and what it can never have again."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tideline.home import Home
from tideline.kafka_access import KafkaAccess
from tideline.kafka_io import topic_id
from tideline.ledger import require_same_topic
from tideline.reconcile import plan_stream
from tideline.retention import next_offsets
from tideline.retention_guard import Guard, look
from tideline.stream_books import deployed_spec
from tideline.tables.books import read_eras, read_last_row, read_ledger
from tideline.tables.erased import read_erased
from tideline.tables.schemas import StreamTables
from tideline.tables.unrecoverable import read_unrecoverable
from tideline.unrecoverable import lost_windows, unrecoverable_events, windows_by_version


@dataclass(frozen=True)
class RetentionReport:
    """The guard's verdicts, and the windows and late events that were given up."""

    stream: str
    topic: str
    guard: Guard
    unrecoverable_windows: int
    unrecoverable_events: int

    @property
    def holds(self) -> bool:
        return self.guard.holds

    def as_dict(self) -> dict[str, Any]:
        return {
            "stream": self.stream,
            "topic": self.topic,
            "holds": self.holds,
            **asdict(self.guard.limits),
            "partitions": [verdict.as_dict() for verdict in self.guard.verdicts],
            "unrecoverable": {"windows": self.unrecoverable_windows, "events": self.unrecoverable_events},
        }


def stream_retention(home: Home, kafka: KafkaAccess, stream: str) -> RetentionReport:
    """Looks at what the stream needs now; batches that are dealt with need nothing."""
    spec, tables = deployed_spec(home, stream), StreamTables(home.tables(stream))
    last = read_last_row(tables)
    rows = [last] if last else []
    require_same_topic(rows, topic_id(kafka, spec.source.topic))
    guard = look(kafka, spec.source.topic, next_offsets(rows), plan_stream(home, stream).ranges)
    marks, lost = read_unrecoverable(tables), lost_windows(read_eras(tables, spec))
    windows = {window for marked in windows_by_version(marks).values() for window in marked}
    events = unrecoverable_events(read_ledger(tables, late_only=True), marks, lost) if marks else 0
    events += read_erased(tables).books.unrecoverable
    return RetentionReport(stream, spec.source.topic, guard, len(windows), events)
