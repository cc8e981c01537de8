"""Corrects the windows that lost events: late spans from Kafka, corrections, publication.

Each step can be repeated, run twice at once or be killed: a batch's corrections are committed whole and once, and a
published row is replaced only by one made from more of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import pyarrow as pa

from tideline.backfill import recompute_windows
from tideline.engine.cells import GROUP, Engine
from tideline.engine.slots import slot_columns, stream_plans
from tideline.errors import UserError
from tideline.generations import Era
from tideline.home import Home
from tideline.late_record import LateRecord
from tideline.reconcile_loss import find_lost, without_lost
from tideline.reconcile_plan import Interval, LateSpan, ReconcilePlan, dealt_with, plan_reconcile
from tideline.retention_guard import unwatched
from tideline.stream_books import StreamBooks, deployed_spec, open_books
from tideline.tables.books import read_corrected, read_eras, read_ledger
from tideline.tables.corrections import commit_corrections
from tideline.tables.publication import Publication
from tideline.tables.schemas import TIME, StreamTables, correction_schema
from tideline.tables.unrecoverable import commit_unrecoverable, read_unrecoverable, withhold
from tideline.unrecoverable import lost_windows, without_more

ALL: Final = Interval()
_ALL_LATE_US: Final = 1 << 62


@dataclass(frozen=True)
class ReconcileResult:
    """What a run did: batches looked at, late events found, records read, corrections written, rows republished.

    `unrecoverable` counts the marks it wrote: a window, a batch and a pane of which Kafka has lost events.
    """

    stream: str
    batches: int
    late_events: int
    records_read: int
    corrections: int
    rows_published: int
    unrecoverable: int = 0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class BooksDiffer(UserError):
    """Kafka gave other late events than the ledger counted: nothing was written."""

    def __init__(self, version: int, counted: int, found: int) -> None:
        super().__init__(
            f"batch {version & 0xFFFFFFFF} of generation {version >> 32} dropped {counted} pairs by the ledger, "
            f"Kafka gives {found}",
            "look whether the topic was compacted, or read with another isolation level than the stream's",
        )


def plan_stream(home: Home, stream: str, interval: Interval = ALL) -> ReconcilePlan:
    """What a run would read now."""
    tables = StreamTables(home.tables(stream))
    return plan_tables(tables, read_eras(tables, deployed_spec(home, stream)), interval)[0]


def plan_tables(tables: StreamTables, eras: Sequence[Era], interval: Interval) -> tuple[ReconcilePlan, int | None]:
    """The plan, and the version up to which all batches are dealt with when it is carried out."""
    corrected = read_corrected(tables)
    ledger = read_ledger(tables, corrected.through, late_only=True)
    given_up = without_more(ledger, read_unrecoverable(tables), lost_windows(eras))
    rest = [row for row in ledger if row.version not in given_up]
    return plan_reconcile(eras, rest, corrected, interval), dealt_with(ledger, interval)


def reconcile_stream(
    home: Home,
    bootstrap: str,
    stream: str,
    interval: Interval = ALL,
    progress: Callable[[str], None] = lambda _: None,
) -> ReconcileResult:
    """Corrects what the batches of the interval dropped, by default all, and publishes what is behind."""
    return reconcile_books(open_books(home, bootstrap, stream), interval, progress)


def reconcile_books(
    books: StreamBooks, interval: Interval = ALL, progress: Callable[[str], None] = lambda _: None
) -> ReconcileResult:
    """The same for books that are open."""
    plan, through = plan_tables(books.tables, books.eras, interval)
    progress(f"{len(plan.versions)} batches dropped {plan.events} events; {plan.records} records to read")
    guard = books.look(plan.ranges) if plan.spans else unwatched({})
    for warning in guard.warnings():
        progress(warning)
    marks = find_lost(books, plan, guard.earliest)
    marked = commit_unrecoverable(books.tables, marks)
    readable = without_lost(books, plan, marks) if marks else plan
    late = LateRecord(books.spec.late_data.alert, books.eras, readable.spans)
    chunks = books.read(readable.ranges) if readable.spans else ()
    read, corrections = compute_corrections(books.eras, readable, chunks, late.collect)
    corrections = withhold(corrections, marks)
    require_all_found(readable, corrections)
    # Late events and alerts before corrections: once those are there, a batch is never read again.
    late.write(books.tables)
    recomputed = recompute_windows(books, plan.doubtful, progress) if plan.doubtful else None
    written = commit_corrections(books.tables, corrections, through)
    progress(f"{written} corrections written")
    published = Publication(books.tables, books.eras).publish_new()
    progress(f"{published} rows published again")
    read += recomputed.records_read if recomputed else 0
    published += recomputed.rows_changed if recomputed else 0
    return ReconcileResult(books.stream, len(plan.versions), plan.events, read, written, published, marked)


def compute_corrections(
    eras: Sequence[Era],
    plan: ReconcilePlan,
    chunks: Iterable[pa.Table],
    each: Callable[[Engine, pa.Table], None] = lambda *_: None,
) -> tuple[int, pa.Table]:
    """Records read, and what each batch of the plan dropped (rows of `corrections`), from the plan's records.

    `each` is called with every era's engine and batches while a chunk is loaded.
    """
    engines = [(Engine(era.spec, era.bounds), batches_of(era, plan.spans)) for era in eras]
    found: list[list[pa.Table]] = [[] for _ in engines]
    read = 0
    for records in chunks:
        read += len(records)
        for (engine, batches), cells in zip(engines, found, strict=True):
            if len(batches):
                engine.load(records)
                cells.append(engine.late_cells(batches))
                each(engine, batches)
    times = {span.version: span.batch_at_ms * 1000 for span in plan.spans}
    merged = [_merged(engine, cells, times) for (engine, _), cells in zip(engines, found, strict=True) if cells]
    slots = sorted({slot for era in eras for slot in slot_columns(stream_plans(era.spec).values())})
    schema = correction_schema(slots)
    return read, pa.concat_tables([schema.empty_table(), *merged], promote_options="default")


def _merged(engine: Engine, cells: list[pa.Table], times: dict[int, int]) -> pa.Table:
    rows = engine.merge(pa.concat_tables(cells), ("version", *GROUP))
    at = pa.array([times[version] for version in rows["version"].to_pylist()], TIME)
    numbered = rows.append_column("batch_at", at).append_column("sequence", pa.nulls(len(rows), pa.int64()))
    schema = correction_schema(engine.slots)
    return numbered.select(schema.names).cast(schema)


def batches_of(era: Era, spans: Iterable[LateSpan]) -> pa.Table:
    """The spans in which windows of the era were lost, with the watermark that lost them: a later era's batch all."""
    lost = [(span, span.late_ms * 1000 if era.ran(span.generation) else _ALL_LATE_US)
            for span in spans if span.generation >= era.first]  # fmt: skip
    return pa.table(
        {
            "version": pa.array([span.version for span, _ in lost], pa.int64()),
            "partition": pa.array([span.partition for span, _ in lost], pa.int32()),
            "start": pa.array([span.start for span, _ in lost], pa.int64()),
            "end": pa.array([span.end for span, _ in lost], pa.int64()),
            "late_us": pa.array([late_us for _, late_us in lost], pa.int64()),
        }
    )


def require_all_found(plan: ReconcilePlan, corrections: pa.Table) -> None:
    """BooksDiffer unless each batch's corrections hold as many pairs as the ledger says it dropped."""
    found = corrections.group_by("version").aggregate([("events", "sum")])
    pairs = dict(zip(found["version"].to_pylist(), found["events_sum"].to_pylist(), strict=True))
    for version, counted in plan.pairs.items():
        if pairs.get(version, 0) != counted:
            raise BooksDiffer(version, counted, pairs.get(version, 0))
