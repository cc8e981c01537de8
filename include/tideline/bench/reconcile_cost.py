"""What a reconciliation costs: against a full recomputation, and against the same late events in a shorter log."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Final

from tideline.bench.late_log import LateLog, play, send, spec_of
from tideline.gate.corrections import let_through
from tideline.home import Home
from tideline.kafka_access import KafkaAccess
from tideline.kafka_io import topic_id
from tideline.reconcile import ReconcileResult, reconcile_stream
from tideline.spec.model import StreamSpec
from tideline.stream_books import open_books
from tideline.tables.published import write_published
from tideline.tables.schemas import StreamTables
from tideline.verify.expected import compute_expected, log_ranges

TIMES: Final = 10
"""How much longer the long log is."""

SHORT: Final = LateLog(batches=100, records=1_000, late_batches=10, late=20)
ROUNDS: Final = 5


@dataclass(frozen=True)
class ReconcileCost:
    """Ratios of medians, and what they were made from: seconds, and records."""

    cost_ratio_10x_log: float
    share_of_full_recompute: float
    read_ratio: float
    long_s: float
    short_s: float
    full_s: float
    late_batch_share: float
    records_read: int
    late_events: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def measure_reconcile(
    home: Home,
    kafka: KafkaAccess,
    short: LateLog = SHORT,
    rounds: int = ROUNDS,
    clock: Callable[[], float] = perf_counter,
    progress: Callable[[str], None] = lambda _: None,
) -> ReconcileCost:
    """Builds both logs and their tables, reconciles copies of them in turns, and recomputes the long one whole."""
    long = LateLog(short.batches * TIMES, short.records, short.late_batches, short.late)
    specs = [_build(home, kafka, log, name, progress) for log, name in ((short, "short"), (long, "long"))]
    _reconcile(home, kafka, specs[0], "warm-up", clock)
    took: dict[str, list[float]] = {spec.name: [] for spec in specs}
    done: dict[str, ReconcileResult] = {}
    for number in range(rounds):
        progress(f"reconciling both, round {number + 1} of {rounds}")
        for spec in specs if number % 2 else reversed(specs):
            seconds, done[spec.name] = _reconcile(home, kafka, spec, f"{spec.name}-{number}", clock)
            took[spec.name].append(seconds)
    progress(f"computing all {long.batches * long.records} records anew")
    full_s = _recompute(home, kafka, specs[1], clock)
    short_s, long_s = (median(took[spec.name]) for spec in specs)
    read = done["long"].records_read
    return ReconcileCost(
        cost_ratio_10x_log=round(long_s / short_s, 3),
        share_of_full_recompute=round(long_s / full_s, 4),
        read_ratio=round(read / (long.late_batches * long.records), 3),
        long_s=round(long_s, 3),
        short_s=round(short_s, 3),
        full_s=round(full_s, 3),
        late_batch_share=long.late_batches / long.batches,
        records_read=read,
        late_events=done["long"].late_events,
    )


def _build(home: Home, kafka: KafkaAccess, log: LateLog, name: str, progress: Callable[[str], None]) -> StreamSpec:
    spec = spec_of(name)
    progress(f"{name}: sending {log.batches * log.records} records")
    send(log, kafka, name)
    progress(f"{name}: committing {log.batches} batches")
    play(log, kafka, spec, StreamTables(home.tables(name)), topic_id(kafka, name))
    return spec


def _reconcile(
    home: Home, kafka: KafkaAccess, spec: StreamSpec, copy: str, clock: Callable[[], float]
) -> tuple[float, ReconcileResult]:
    """Reconciles a copy of the stream's tables: each time the same work is there to be done."""
    shutil.copytree(home.tables(spec.name), home.tables(copy))
    stream = home.stream(copy)
    stream.root.mkdir(parents=True)
    stream.spec.write_text(spec.model_copy(update={"name": copy}).model_dump_json(exclude_none=True))
    before = clock()
    result = reconcile_stream(home, kafka, copy, gate=let_through)
    return clock() - before, result


def _recompute(home: Home, kafka: KafkaAccess, spec: StreamSpec, clock: Callable[[], float]) -> float:
    """A batch computation over the whole log into tables of its own."""
    books = open_books(home, kafka, f"{spec.name}-0")
    last, ranges = books.ledger[-1], log_ranges(books.ledger)
    fresh = StreamTables(Path(home.tables("recomputed")))
    before = clock()
    expected = compute_expected(books.eras, last, books.read(ranges), lambda _: None)
    for rows in expected.rows:
        for name, table in rows.items():
            write_published(fresh.published(name), table)
    return clock() - before
