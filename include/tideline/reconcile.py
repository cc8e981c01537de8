"""Corrects the windows that lost events: late spans from Kafka, corrections, publication.

Each step can be repeated, run twice at once or be killed: a batch's corrections are committed whole and once, and a
published row is replaced only by one made from more of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, write_deltalake

from tideline.engine.cells import GROUP, Engine
from tideline.engine.publish import Publisher
from tideline.engine.relations import restrict
from tideline.errors import UserError
from tideline.home import Home
from tideline.kafka_io import read_ranges, topic_id
from tideline.ledger import LedgerRow, require_same_topic
from tideline.reconcile_plan import LateSpan, ReconcilePlan, plan_reconcile
from tideline.spec.load import load_spec
from tideline.spec.model import StreamSpec
from tideline.tables.books import corrected_versions, read_corrections, read_ledger, read_parts
from tideline.tables.delta import commit_on_fresh_handle, open_table, stamped
from tideline.tables.published import read_all_published, write_published
from tideline.tables.schemas import CORRECTIONS_WRITER, TIME, StreamTables, correction_schema
from tideline.tables.stale import stale_groups

_ROUNDS = 20


@dataclass(frozen=True)
class ReconcileResult:
    """What a run did: batches looked at, late events found, records read, corrections written, rows republished."""

    stream: str
    batches: int
    late_events: int
    records_read: int
    corrections: int
    rows_published: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def deployed_spec(home: Home, stream: str) -> StreamSpec:
    """The spec that the stream's driver obeys; UserError before its first deploy."""
    path = home.stream(stream).spec
    if not path.exists():
        raise UserError(f"stream '{stream}' was never deployed", f"tideline deploy {stream}")
    return load_spec(path)


def plan_stream(home: Home, stream: str) -> ReconcilePlan:
    """What a run would read now."""
    spec = deployed_spec(home, stream)
    tables = StreamTables(home.tables(stream))
    return plan_reconcile(spec, read_ledger(tables), corrected_versions(tables))


def reconcile_stream(
    home: Home,
    bootstrap: str,
    stream: str,
    until: datetime | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> ReconcileResult:
    """Corrects what the batches recorded before `until` dropped, by default all, and publishes what is behind."""
    spec = deployed_spec(home, stream)
    tables = StreamTables(home.tables(stream))
    ledger = read_ledger(tables)
    require_same_topic(ledger, topic_id(bootstrap, spec.source.topic))
    plan = plan_reconcile(spec, ledger, corrected_versions(tables), until)
    progress(f"{len(plan.versions)} batches dropped {plan.events} events; {plan.records} records to read")
    chunks = read_ranges(bootstrap, spec.source.topic, plan.ranges, read_committed=True) if plan.spans else ()
    read, corrections = compute_corrections(spec, plan, chunks)
    written = commit_corrections(tables, corrections)
    progress(f"{written} corrections written")
    published = publish_corrected(tables, spec, ledger[-1]) if ledger else 0
    progress(f"{published} rows published again")
    return ReconcileResult(stream, len(plan.versions), plan.events, read, written, published)


def compute_corrections(spec: StreamSpec, plan: ReconcilePlan, chunks: Iterable[pa.Table]) -> tuple[int, pa.Table]:
    """Records read, and what each batch of the plan dropped (rows of `corrections`), from the plan's records."""
    engine = Engine(spec)
    schema = correction_schema(engine.slots)
    batches = _batch_table(plan.spans)
    read, cells = 0, []
    for records in chunks:
        read += len(records)
        engine.load(records)
        cells.append(engine.late_cells(batches))
    if not cells:
        return read, schema.empty_table()
    merged = engine.merge(pa.concat_tables(cells), ("version", *GROUP))
    times = {span.version: span.batch_at_ms * 1000 for span in plan.spans}
    at = pa.array([times[version] for version in merged["version"].to_pylist()], TIME)
    return read, merged.append_column("batch_at", at).select(schema.names).cast(schema)


def _batch_table(spans: tuple[LateSpan, ...]) -> pa.Table:
    return pa.table(
        {
            "version": pa.array([span.version for span in spans], pa.int64()),
            "partition": pa.array([span.partition for span in spans], pa.int32()),
            "start": pa.array([span.start for span in spans], pa.int64()),
            "end": pa.array([span.end for span in spans], pa.int64()),
            "late_us": pa.array([span.late_ms * 1000 for span in spans], pa.int64()),
        }
    )


def commit_corrections(tables: StreamTables, corrections: pa.Table) -> int:
    """Appends the corrections of batches that have none yet, in one commit; returns the rows written."""
    if not len(corrections):
        return 0
    written = 0

    def commit(table: DeltaTable) -> bool:
        nonlocal written
        known = table.to_pyarrow_dataset().to_table(columns=["version"])
        fresh = restrict(corrections, known, ("version",), present=False)
        written = len(fresh)
        if written:
            properties = stamped(CORRECTIONS_WRITER, table.version() + 1)
            write_deltalake(table, fresh, mode="append", schema_mode="merge", commit_properties=properties)
        return True

    open_table(tables.corrections, corrections.schema, [])
    commit_on_fresh_handle(tables.corrections, commit)
    return written


def publish_corrected(tables: StreamTables, spec: StreamSpec, last: LedgerRow) -> int:
    """Publishes every group that has more corrections than its published row was made from."""
    publisher = Publisher(spec)
    changed = 0
    for _ in range(_ROUNDS):
        corrections = read_corrections(tables, spec)
        stale = stale_groups(read_all_published(tables, spec.metrics), corrections)
        if not len(stale):
            return changed
        windows = pc.unique(stale["window_end"])
        parts = restrict(read_parts(tables, spec, pc.field("window_end").isin(windows)), stale, GROUP)
        groups = publisher.merge(parts, restrict(corrections, stale, GROUP))
        for name, rows in publisher.finish(groups, last.watermark_ms).items():
            changed += write_published(tables.published(name), rows).changed
    raise RuntimeError(f"the published tables under {tables.root} were still behind after {_ROUNDS} rounds")
