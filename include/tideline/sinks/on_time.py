"""The on-time side of a stream: events that lost no window, sent on as they came, by the watermark that decided.

A batch's ledger row tells what it read and by which watermark it dropped, so its records are read again and divided.
The late side is the table `late_events`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa

from tideline.engine.cells import Engine
from tideline.engine.late_pairs import late_pairs
from tideline.engine.relations import restrict
from tideline.generations import Era
from tideline.kafka_io import OffsetsGone
from tideline.kafka_transactions import LARGEST, Cursor, Record, Sends
from tideline.late_cells import LateCells
from tideline.late_record import batch_facts
from tideline.ledger import LedgerRow
from tideline.logs.context import about
from tideline.quarantine import Quarantine
from tideline.recompute import ReadRanges
from tideline.reconcile_plan import LateSpan
from tideline.rejects import rejected_in
from tideline.tables.books import read_last_row, read_ledger
from tideline.tables.schemas import StreamTables

log = logging.getLogger(__name__)

_PLACE: Final = ["partition", "offset"]
_PASSED_ON: Final = ("value", "key", "headers")


def begin_at(tables: StreamTables, topic: str) -> int:
    """The version from which on a topic without a cursor gets events: what no driver had committed when this was first
    asked, before the query started. It is noted, so that a topic that cannot be written at first misses nothing.
    """
    note = _note(tables, topic)
    if note.exists():
        return int(note.read_text())
    last = read_last_row(tables)
    begin = 0 if last is None else last.version + 1
    note.parent.mkdir(parents=True, exist_ok=True)
    draft = note.with_name(f"{note.name}-draft")
    draft.write_text(str(begin))
    draft.replace(note)
    return begin


def _note(tables: StreamTables, topic: str) -> Path:
    return tables.root / f"on-time-to-{topic}"


class OnTimeOutlet:
    """Sends each batch's on-time events to a topic, one transaction a batch; at first from the batch `begin` on.

    `read` gives whole records (`WHOLE_RECORDS`). An event goes to the partition it came from, by number, with its key
    and headers, and after these the headers `topic`, `partition` and `offset`.
    """

    def __init__(
        self,
        tables: StreamTables,
        eras: Sequence[Era],
        read: ReadRanges,
        topic: str,
        sender: Sends,
    ) -> None:
        self._tables = tables
        self._eras = eras
        self._read = read
        self._topic = topic
        self._sender = sender
        self._spec = eras[-1].spec
        self._group = f"tideline-{self._spec.name}-on-time"
        self._session: int | None = None
        self._done = -1

    def step(self) -> int:
        """One batch: then others have their turn."""
        if self._session != self._sender.session:
            self._session = self._sender.session
            cursor = self._sender.cursor(self._group, self._topic)
            if cursor is None:
                cursor = Cursor(begin_at(self._tables, self._topic))
                self._sender.send(self._topic, (), self._group, cursor)
                _note(self._tables, self._topic).unlink(missing_ok=True)
            self._done = cursor.position - 1
        sent = 0
        for row in read_ledger(self._tables, self._done)[:1]:
            with about(generation=row.generation, batch=row.batch):
                passed_on = self._sender.send(self._topic, self._records(row), self._group, Cursor(row.version + 1))
                log.info("batch %d: %d events on time passed on to %s", row.batch, passed_on, self._topic)
            sent += passed_on
            self._done = row.version
        return sent

    def _records(self, row: LedgerRow) -> Iterator[Record]:
        ranges = {part.partition: [(part.start, part.end)] for part in row.ranges if part.end > part.start}
        refused = Quarantine(rejected_in(self._tables, [row.version]))
        partitions = self._sender.partitions(self._topic)
        try:
            for chunk in self._read(ranges):
                events = on_time_events(self._eras, row, refused.mark(chunk))
                yield from self._as_records(events, partitions)
        except OffsetsGone as gone:
            log.warning("batch %d of generation %d: %s", row.batch, row.generation, gone.message)

    def _as_records(self, events: pa.Table, partitions: int) -> Iterator[Record]:
        source = self._spec.source.topic.encode()
        for partition, offset, value, key, headers in zip(
            *(events[name].to_pylist() for name in (*_PLACE, *_PASSED_ON)), strict=True
        ):
            own = ((header["name"], header["value"]) for header in headers)
            where = (("topic", source), ("partition", b"%d" % partition), ("offset", b"%d" % offset))
            record = Record(value, key, partition % partitions, (*own, *where))
            if record.size <= LARGEST:
                yield record
            else:
                log.error("the event at %d @ %d is too large to be passed on", partition, offset)


def on_time_events(eras: Sequence[Era], row: LedgerRow, records: pa.Table) -> pa.Table:
    """Of a batch's records (`WHOLE_RECORDS`, rejects marked) the events that lost no window: partition, offset, value,
    key, headers."""
    ran = next((era.spec for era in eras if era.ran(row.generation)), eras[-1].spec)  # all read records alike
    engine = Engine(ran, every_column=True)
    engine.load(records)
    places = engine.query('select _partition as partition, _offset as "offset" from parsed where _reason is null')
    events = restrict(records.select([*_PLACE, *_PASSED_ON]), places, _PLACE)
    if row.late_events or row.doubt_ms is not None:
        events = restrict(events, late_places(eras, row, records), _PLACE, present=False)
    return events.sort_by([(name, "ascending") for name in _PLACE])


def late_places(eras: Sequence[Era], row: LedgerRow, records: pa.Table) -> pa.Table:
    """Where the events stand that lost a window in this batch: partition, offset."""
    spans = [
        LateSpan(row.version, part.partition, part.start, part.end, _dropped_by_ms(row), row.batch_at_ms)
        for part in row.ranges
    ]
    facts = batch_facts(eras, spans)
    late = [pa.table({name: records[name].slice(0, 0) for name in _PLACE})]

    def collect(engine: Engine, batches: pa.Table) -> None:
        late.append(late_pairs(engine, batches, facts).select(_PLACE))

    LateCells(eras, spans, collect).load(records)
    return pa.concat_tables(late)


def _dropped_by_ms(row: LedgerRow) -> int:
    """The watermark by which the batch dropped; of an inferred row the latest that it may have been."""
    return row.filtered_by_ms if row.doubt_ms is None else max(row.doubt_ms, row.filtered_by_ms)
