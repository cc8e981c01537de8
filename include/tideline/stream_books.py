"""A deployed stream's books, opened: its eras, its tables, its ledger without gaps, and its topic to read from."""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import pyarrow as pa

from tideline.checkpoint import CheckpointLog
from tideline.clock import now_ms
from tideline.errors import UserError
from tideline.gaps import Gap, Repair, find_gaps
from tideline.generations import Cut, Era, within_eras
from tideline.home import Home
from tideline.isolation import require_isolation
from tideline.kafka_access import KafkaAccess
from tideline.kafka_io import OffsetsGone, read_ranges, topic_id
from tideline.ledger import LedgerRow, require_same_topic
from tideline.offset_ranges import OffsetRanges
from tideline.quarantine import NOTHING, Quarantine, load_quarantine
from tideline.recompute import ReadRanges
from tideline.records import RECORDS
from tideline.rejects import rejected_in
from tideline.retention import next_offsets
from tideline.retention_guard import Guard, look, unwatched
from tideline.spec.load import load_spec
from tideline.spec.model import StreamSpec
from tideline.tables.batch import add_ledger_rows
from tideline.tables.books import (
    corrected_versions,
    read_cuts,
    read_eras,
    read_last_row,
    read_ledger,
    read_rows,
    read_versions,
)
from tideline.tables.erased import read_erased
from tideline.tables.lost_ends import find_lost_ends
from tideline.tables.schemas import StreamTables
from tideline.versions import version_of

_log = logging.getLogger(__name__)


def deployed_spec(home: Home, stream: str) -> StreamSpec:
    """The spec that the stream's driver obeys; UserError before its first deploy."""
    path = home.stream(stream).spec
    if not path.exists():
        raise UserError(f"stream '{stream}' was never deployed", f"tideline deploy {stream}")
    return load_spec(path)


@dataclass(frozen=True)
class StreamBooks:
    """What a stream's tables say of its log."""

    spec: StreamSpec
    tables: StreamTables
    eras: Sequence[Era]
    read: ReadRanges
    look: Callable[[OffsetRanges], Guard] = unwatched
    """Asks, of late offsets, whether Kafka still has and keeps them."""
    quarantine: Quarantine = NOTHING
    clock: Callable[[], int] = now_ms

    @property
    def stream(self) -> str:
        return self.spec.name

    @cached_property
    def ledger(self) -> list[LedgerRow]:
        """All rows of the eras, oldest first."""
        return within_eras(self.eras, read_ledger(self.tables))

    def looked_at_again(self) -> StreamBooks:
        """The same books as the tables are now: a generation may have begun, windows may have expired."""
        return replace(self, eras=read_eras(self.tables, self.spec))

    def rows(self, versions: Container[int]) -> tuple[LedgerRow, ...]:
        """The rows of these batches, which dropped something."""
        return tuple(row for row in read_ledger(self.tables, late_only=True) if row.version in versions)


def reader(
    kafka: KafkaAccess, spec: StreamSpec, quarantine: Quarantine = NOTHING, schema: pa.Schema = RECORDS
) -> ReadRanges:
    """Reads the topic of a stream as the stream reads it, and marks what its list holds."""

    def read(ranges: OffsetRanges) -> Iterator[pa.Table]:
        chunks = read_ranges(kafka, spec.source.topic, ranges, isolation=spec.source.isolation, schema=schema)
        return map(quarantine.mark, chunks)

    return read


def open_books(home: Home, kafka: KafkaAccess, stream: str) -> StreamBooks:
    """The stream's books, after what is missing in the ledger was written again."""
    spec = deployed_spec(home, stream)
    tables = StreamTables(home.tables(stream))
    quarantine = load_quarantine(home.stream(stream).quarantine)
    read = reader(kafka, spec, quarantine)
    identity = topic_id(kafka, spec.source.topic)
    last = read_last_row(tables)
    rows = [last] if last else []
    require_same_topic(rows, identity)
    require_isolation(rows, spec.source.isolation)
    watch = partial(look, kafka, spec.source.topic, next_offsets(rows))
    books = StreamBooks(spec, tables, read_eras(tables, spec), read, watch, quarantine)
    close_gaps(home, books, identity)
    return books


def close_gaps(home: Home, books: StreamBooks, identity: str, *, only_between: bool = False) -> list[Gap]:
    """Gives batches without a ledger row theirs, if Kafka has their records; returns the gaps that it closed.

    `only_between`: not what the newest checkpoint has committed behind the last row.
    """
    cuts = read_cuts(books.tables)
    newest = cuts[-1].generation if cuts else 1
    checkpoint = home.stream(books.stream).checkpoint
    # before the ledger is read: it only grows
    committed = None if only_between else CheckpointLog(checkpoint(newest)).last_commit()
    versions = read_versions(books.tables)
    erased = read_erased(books.tables)
    went_on = find_lost_ends(books.tables, cuts, versions, erased.boundary)
    filled: dict[Gap, list[LedgerRow]] = {}
    for gap in (*find_gaps(versions, newest, committed, erased.last), *went_on):
        log = CheckpointLog(checkpoint(gap.generation))
        spec = next((cut.spec for cut in cuts if cut.generation == gap.generation), books.spec)
        repair = Repair(books.eras, spec, log, _read_as_then(books, gap), identity)
        try:
            filled[gap] = _fill(repair, books.tables, gap, cuts, went_on.get(gap), erased.boundary)
        except OffsetsGone as gone:
            _log.warning("%s: no books can be made of its batches: %s", gap, gone.message)
    rows = [row for found in filled.values() for row in found]
    if rows:
        add_ledger_rows(books.tables, rows, frozenset(versions), cuts[-1].version if cuts else -1)
    return list(filled)


def _read_as_then(books: StreamBooks, gap: Gap) -> ReadRanges:
    """Reads as the gap's batches did: what they rejected stays a reject, whatever the list holds by now."""
    versions = (version_of(gap.generation, batch) for batch in range(gap.first, gap.last + 1))
    refused = Quarantine(rejected_in(books.tables, versions))
    return lambda ranges: map(refused.mark, books.read(ranges))


def _fill(
    repair: Repair, tables: StreamTables, gap: Gap, cuts: Sequence[Cut], went_on: Cut | None, erased: LedgerRow | None
) -> list[LedgerRow]:
    """The rows of a gap; the batch before may be the last one that is `erased`."""
    first, last = version_of(gap.generation, gap.first), version_of(gap.generation, gap.last)
    rows = {row.version: row for row in read_rows(tables, (first - 1, last + 1))}
    if erased is not None:
        rows[erased.version] = erased
    cut = next((cut for cut in cuts if cut.generation == gap.generation), None)
    before = rows.get(first - 1, cut) if gap.first else cut
    if before is None:
        raise LookupError(f"{gap} has neither a ledger row nor a cut before it")
    return repair.fill(gap, before, went_on or rows.get(last + 1), corrected_versions(tables, first - 1, last + 1))
