"""Corrects the windows that lost events: late spans from Kafka, corrections, publication.

Each step can be repeated, run twice at once or be killed: a batch's corrections are committed whole and once, and a
published row is replaced only by one made from more of them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import pyarrow as pa

from tideline.backfill import recompute_windows
from tideline.clock import now_ms
from tideline.errors import Refused
from tideline.gate.corrections import Gate, gate_of, let_through
from tideline.gate.suites import PASSED
from tideline.generations import Era, counts_every_event, unexpired, within_eras
from tideline.holds import held_versions
from tideline.home import Home
from tideline.kafka_access import KafkaAccess
from tideline.late_cells import EachChunk, LateCells
from tideline.late_record import LateRecord
from tideline.ledger import DealtWith, RowSource
from tideline.logs.by_batch import log_corrections
from tideline.logs.context import about
from tideline.quarantine import NOTHING, Quarantine, Record
from tideline.reconcile_loss import find_expired, find_lost, find_lost_in_doubt, without_doubles, without_lost
from tideline.reconcile_plan import Interval, ReconcilePlan, by_partition, dealt_with, plan_reconcile
from tideline.rejects import rejected_in
from tideline.release import carry_out_releases, hold_back
from tideline.retention_guard import unwatched
from tideline.stream_books import StreamBooks, deployed_spec, open_books
from tideline.tables.books import read_corrected, read_eras, read_ledger, read_versions
from tideline.tables.corrections import commit_corrections
from tideline.tables.erased import HorizonPassed, read_erased
from tideline.tables.holds import read_holds
from tideline.tables.publication import Publication
from tideline.tables.schemas import StreamTables, group_schema
from tideline.tables.unrecoverable import commit_unrecoverable, read_unrecoverable, withhold
from tideline.times import iso_ms
from tideline.troubles import Troubles
from tideline.unrecoverable import missing_windows, without_more

ALL: Final = Interval()
_TRIES: Final = 5

Compute = Callable[[StreamBooks, ReconcilePlan, LateRecord], tuple[int, pa.Table]]
"""Reads the plan's spans and gives their late events to the record; returns how many records it read, and what each
batch dropped (`group_schema`)."""


@dataclass(frozen=True)
class ReconcileResult:
    """What a run did: batches looked at, late events found, records read, corrections written, rows republished.

    `unrecoverable` counts the marks it wrote: a window, a batch and a pane of which Kafka has lost events, or that came
    after the window had expired. `held` are corrections that the gate did not let through: none of the run was written.
    """

    stream: str
    batches: int
    late_events: int
    records_read: int
    corrections: int
    rows_published: int
    unrecoverable: int = 0
    held: int = 0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class BooksDiffer(Refused):
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


def plan_tables(
    tables: StreamTables, eras: Sequence[Era], interval: Interval
) -> tuple[ReconcilePlan, DealtWith | None]:
    """The plan, and the batches that are dealt with when it is carried out."""
    erased = read_erased(tables).batches
    versions = read_versions(tables)  # before the ledger: a row that comes back in between is one too many
    corrected = read_corrected(tables)
    held = held_versions(read_holds(tables)) - corrected.versions
    ledger = within_eras(eras, read_ledger(tables, corrected.through, late_only=True))
    given_up = without_more(ledger, read_unrecoverable(tables), missing_windows(eras))
    rest = [row for row in ledger if row.version not in given_up and row.version not in held]
    through = dealt_with(ledger, interval, held)
    done = None if through is None else DealtWith(through, erased + bisect_right(versions, through))
    return plan_reconcile(eras, rest, corrected, interval), done


def compute_in_process(books: StreamBooks, plan: ReconcilePlan, record: LateRecord) -> tuple[int, pa.Table]:
    """Reads the plan's spans here, one after the other."""
    chunks = map(as_read(books, plan).mark, books.read(plan.ranges)) if plan.spans else ()
    return compute_corrections(books.eras, plan, chunks, record.collect)


def as_read(books: StreamBooks, plan: ReconcilePlan) -> Quarantine:
    """What the plan's batches refused when they read it: whatever would be made of it today, they did not drop it. And
    what is on the list by now: they may have dropped it, and nothing is corrected by it any more."""
    return Quarantine(_refused(books, plan) | books.quarantine.records)


def listed_since(books: StreamBooks, plan: ReconcilePlan) -> pa.Table:
    """What the plan's batches dropped of records that were put on the list later (`group_schema`): the ledger counts
    them, and no correction holds them."""
    ranges = plan.ranges
    listed = {
        (partition, offset)
        for partition, offset in books.quarantine.records
        if any(start <= offset < end for start, end in ranges.get(partition, ()))
    }
    if listed:
        listed -= _refused(books, plan)
    if not listed:
        return group_schema([]).empty_table()
    chunks = books.read(by_partition((partition, offset, offset + 1) for partition, offset in listed))
    return compute_corrections(books.eras, plan, map(NOTHING.mark, chunks))[1]


def _refused(books: StreamBooks, plan: ReconcilePlan) -> frozenset[Record]:
    """What the plan's batches refused, those included that an inferred row stands for."""
    inferred = (row.version for row in books.ledger if row.source is RowSource.INFERRED) if plan.in_doubt else ()
    return rejected_in(books.tables, {*plan.versions, *inferred})


def compute_corrections(
    eras: Sequence[Era], plan: ReconcilePlan, chunks: Iterable[pa.Table], each: EachChunk = lambda *_: None
) -> tuple[int, pa.Table]:
    """Records read, and what each batch of the plan dropped (`group_schema`), from the plan's records.

    `each` is called with every era's engine and batches while a chunk is loaded.
    """
    late, read = LateCells(eras, plan.spans, each), 0
    for records in chunks:
        read += len(records)
        late.load(records)
    return read, late.corrections()


def reconcile_stream(
    home: Home,
    kafka: KafkaAccess,
    stream: str,
    interval: Interval = ALL,
    progress: Callable[[str], None] = lambda _: None,
    gate: Gate | None = None,
    run: str | None = None,
) -> ReconcileResult:
    """Corrects what the batches of the interval dropped, by default all, and publishes what is behind.

    `gate` is by default that of Great Expectations; `run` is what a hold says that it came from.
    """
    gate = gate or gate_of(home, run or f"reconcile {iso_ms(now_ms())}")
    return reconcile_books(open_books(home, kafka, stream), interval, progress, gate=gate, run=run)


def reconcile_books(
    books: StreamBooks,
    interval: Interval = ALL,
    progress: Callable[[str], None] = lambda _: None,
    compute: Compute = compute_in_process,
    gate: Gate = let_through,
    run: str | None = None,
) -> ReconcileResult:
    """The same for books that are open; `compute` says where the late spans are read.

    Where windows expire meanwhile it begins again: what it has read of them is marked, not written.
    """
    with about(stream=books.stream):
        for _ in range(_TRIES - 1):
            try:
                return _reconcile(books, interval, progress, compute, gate, run)
            except HorizonPassed as passed:
                progress(f"{passed.message}: planned again")
                books = books.looked_at_again()
        return _reconcile(books, interval, progress, compute, gate, run)


def _reconcile(
    books: StreamBooks,
    interval: Interval,
    progress: Callable[[str], None],
    compute: Compute,
    gate: Gate,
    run: str | None,
) -> ReconcileResult:
    released = carry_out_releases(books.tables, books.eras, books.clock, books.quarantine)
    plan, through = plan_tables(books.tables, books.eras, interval)
    progress(f"{len(plan.versions)} batches dropped {plan.events} events; {plan.records} records to read")
    guard = books.look(plan.ranges) if plan.spans else unwatched({})
    for warning in guard.warnings():
        progress(warning)
    marks = without_doubles((*find_expired(books, plan), *find_lost(books, plan, guard.earliest)))
    marked = commit_unrecoverable(books.tables, marks)
    readable = without_lost(books, plan, marks) if marks else plan
    late = LateRecord(books.spec.late_data.alert, books.eras, readable.spans)
    read, found = compute(books, readable, late)
    corrections = withhold(found, marks)
    listed = withhold(listed_since(books, readable), marks)
    require_all_found(books.eras, readable, pa.concat_tables([corrections, listed], promote_options="default"))
    found_wrong = gate(books, corrections) if len(corrections) else PASSED
    # Before anything is held: a batch whose corrections a person releases is not looked at again.
    settled = _settle_doubts(books, plan, progress)
    read, marked = read + settled.read, marked + settled.marked
    if found_wrong.failures:
        hold = hold_back(books, corrections, found_wrong, late, run, marks)
        for failure in found_wrong.failures:
            progress(f"held: {failure}")
        log_corrections(corrections, "held back")
        kept = 0 if hold is None else hold.corrections
        return ReconcileResult(
            books.stream, len(plan.versions), plan.events, read, released, settled.changed, marked, kept
        )
    # Late events and alerts before corrections: once those are there, a batch is never read again.
    late.write(books.tables, marks=marks)
    written = released + commit_corrections(books.tables, corrections, through, books.clock)
    log_corrections(corrections, "written")
    progress(f"{written} corrections written")
    troubles = Troubles(books.clock)
    published = Publication(books.tables, books.eras, attempt=troubles.attempt).publish_new()
    progress(f"{published} rows published again")
    troubles.require_none(f"{books.stream}: {written} corrections are written")
    log_corrections(corrections, "published")
    published += settled.changed
    return ReconcileResult(books.stream, len(plan.versions), plan.events, read, written, published, marked)


@dataclass(frozen=True)
class _Settled:
    """What was done of windows in doubt: records read, rows changed, marks of those that cannot be computed again."""

    read: int = 0
    changed: int = 0
    marked: int = 0


def _settle_doubts(books: StreamBooks, plan: ReconcilePlan, progress: Callable[[str], None]) -> _Settled:
    """Computes the plan's windows in doubt again."""
    doubtful = unexpired(books.eras, plan.doubtful)
    if not doubtful:
        return _Settled()
    done = recompute_windows(books, doubtful, progress, only_unlike=True)
    gone = frozenset(done.gone_windows)
    marks = find_lost_in_doubt(books, gone) if gone else ()
    return _Settled(done.records_read, done.rows_changed, commit_unrecoverable(books.tables, marks))


def require_all_found(eras: Sequence[Era], plan: ReconcilePlan, corrections: pa.Table) -> None:
    """BooksDiffer unless each batch's corrections hold as many pairs as the ledger says it dropped."""
    by_window = corrections.group_by(["version", "metric", "window_end"]).aggregate([("events", "sum")])
    pairs: Counter[int] = Counter()
    ends = by_window["window_end"].cast(pa.int64()).to_pylist()
    for row, end in zip(by_window.to_pylist(), ends, strict=True):
        if counts_every_event(eras, (row["metric"], end)):
            pairs[row["version"]] += row["events_sum"]
    for version, counted in plan.pairs.items():
        if pairs[version] != counted:
            raise BooksDiffer(version, counted, pairs[version])
