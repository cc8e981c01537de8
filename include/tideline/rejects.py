"""The records that are no events: counted by reason, shown, and replayed when they have become events."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tideline.engine.cells import Engine
from tideline.generations import Era
from tideline.lateness import windows_of
from tideline.ledger import LedgerRow
from tideline.offset_ranges import OffsetRanges
from tideline.quarantine import NOTHING, QUARANTINED, Quarantine, Record
from tideline.quarantine_list import list_for_driver
from tideline.records import RECORDS
from tideline.spec.model import StreamSpec
from tideline.tables.delta import exists, last_version, open_dataset
from tideline.tables.schemas import PARTS_WRITER, REJECTS, TIME, StreamTables

_ROWS_AT_ONCE: Final = 1_000  # values may be large: this bounds what is held of them
_KEY: Final = ["version", "partition", "offset"]


@dataclass(frozen=True)
class Reject:
    """A record that is no event: where it lies, when Kafka took it, the batch that read it, and why."""

    version: int
    topic: str
    partition: int
    offset: int
    timestamp: datetime
    reason: str
    value: bytes | None


def count_by_reason(tables: StreamTables, reason: str | None = None) -> dict[str, int]:
    """Rejects by reason, the most frequent first; no bytes are read."""
    counts: Counter[str] = Counter()
    for rows in _scan(tables, ["reason"], _of_reason(reason)):
        for found in pc.value_counts(rows["reason"]).to_pylist():
            counts[found["values"]] += found["counts"]
    return dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))


def newest_rejects(tables: StreamTables, limit: int, reason: str | None = None) -> list[Reject]:
    """The newest rejects, by batch and then by Kafka time, newest first: only their own bytes are read."""
    order = [(name, "descending") for name in ("version", "timestamp", "partition", "offset")]
    newest = pa.schema([REJECTS.field(name) for name, _ in order]).empty_table()
    for rows in _scan(tables, newest.schema.names, _of_reason(reason)):
        newest = pa.concat_tables([newest, rows]).sort_by(order).slice(0, limit)
    if not len(newest):
        return []
    places = {tuple(row[name] for name in _KEY): number for number, row in enumerate(newest.to_pylist())}
    near = [pc.field(name).isin(pc.unique(newest[name])) for name in _KEY]
    found = [
        row
        for rows in _scan(tables, REJECTS.names, near[0] & near[1] & near[2])
        for row in rows.to_pylist()
        if tuple(row[name] for name in _KEY) in places
    ]
    found.sort(key=lambda row: places[tuple(row[name] for name in _KEY)])
    return [Reject(**row) for row in found]


def read_rejects(tables: StreamTables, reason: str | None = None) -> Iterator[pa.Table]:
    """Rejects (schema `REJECTS`), a bounded number at a time."""
    return _scan(tables, REJECTS.names, _of_reason(reason))


def kept_outside(
    tables: StreamTables, ranges: OffsetRanges, until: int, quarantine: Quarantine, erased: int = -1
) -> Iterator[pa.Table]:
    """The rejects of batches up to the version `until`, and above `erased`, as records (`RECORDS`), as today's list
    marks them: with another parser they may be events. Those within `ranges` are read from Kafka; the others Kafka need
    not have any more."""
    for rows in _scan(tables, REJECTS.names, (pc.field("version") <= until) & (pc.field("version") > erased)):
        places = zip(rows["partition"].to_pylist(), rows["offset"].to_pylist(), strict=True)
        outside = pa.array([not _is_within(ranges, *place) for place in places], pa.bool_())
        yield quarantine.mark(rows.filter(outside).select(RECORDS.names).cast(RECORDS))


def _is_within(ranges: OffsetRanges, partition: int, offset: int) -> bool:
    spans = ranges.get(partition, [])
    at = bisect_right(spans, offset, key=lambda span: span[0])
    return at > 0 and offset < spans[at - 1][1]


def rejected_of(tables: StreamTables, quarantine: Quarantine) -> frozenset[Record]:
    """The listed records that are found among the rejects, for whatever reason."""
    if not quarantine.records:
        return frozenset()
    partitions, offsets = (pa.array(sorted(set(found))) for found in zip(*quarantine.records, strict=True))
    listed = pc.field("partition").isin(partitions.cast(pa.int32())) & pc.field("offset").isin(offsets)
    return _places(tables, listed) & quarantine.records


def rejected_in(tables: StreamTables, versions: Iterable[int]) -> frozenset[Record]:
    """The records that some batches rejected, for whatever reason: to find what they dropped they stay rejects."""
    return _places(tables, pc.field("version").isin(pa.array(sorted(versions), pa.int64())))


def rejected_until(tables: StreamTables, version: int, erased: int = -1) -> frozenset[Record]:
    """The records that the batches up to `version`, and above `erased`, rejected."""
    return _places(tables, (pc.field("version") <= version) & (pc.field("version") > erased))


def rejected_ends(tables: StreamTables, eras: Sequence[Era], after: int, until: int) -> dict[int, int]:
    """Of batches between the two versions, `until` with them, the latest end (us) of a window that a record they
    refused would be in, if it were an event by today's specs."""
    found: dict[int, int] = {}
    between = (pc.field("version") > after) & (pc.field("version") <= until)
    for era in eras:
        events = replayable(era.spec, _scan(tables, REJECTS.names, between), NOTHING)
        times = events["event_time"].cast(pa.int64()).to_pylist()
        for version, time in zip(events["version"].to_pylist(), times, strict=True):
            end = max(end for _, end in windows_of(era.spec, time))
            found[version] = max(end, found.get(version, end))
    return found


def quarantine_at_start(tables: StreamTables, quarantine: Quarantine, last: LedgerRow | None) -> Quarantine:
    """The list as a driver that starts after the batch `last` obeys it."""
    if last is None:
        return quarantine
    listed = (pc.field("version") == last.version) & (pc.field("reason") == QUARANTINED)
    return list_for_driver(quarantine, last, _places(tables, listed))


def _places(tables: StreamTables, where: pc.Expression) -> frozenset[Record]:
    rows = (row for rows in _scan(tables, ["partition", "offset"], where) for row in rows.to_pylist())
    return frozenset((row["partition"], row["offset"]) for row in rows)


REPLAYABLE: Final = pa.schema([(name, REJECTS.field(name).type) for name in (*_KEY, "reason")] + [("event_time", TIME)])


def replayable(spec: StreamSpec, rejects: Iterable[pa.Table], quarantine: Quarantine) -> pa.Table:
    """The rejects that are events by today's parser, guard and list: where they lie, why they were refused, event time.

    `event_windows.windows_at` gives the windows of the event times.
    """
    engine = Engine(spec)
    found = [REPLAYABLE.empty_table()]
    for rows in rejects:
        engine.load(quarantine.mark(rows.select(RECORDS.names).cast(RECORDS)))
        parsed = engine.parsed()
        events = parsed.filter(pc.is_null(parsed["_reason"])).select(["_partition", "_offset", "_t"])
        known = rows.select([*_KEY, "reason"]).join(
            events.rename_columns(["partition", "offset", "event_time"]), ["partition", "offset"], join_type="inner"
        )
        found.append(known.select(REPLAYABLE.names).cast(REPLAYABLE))
    return pa.concat_tables(found)


def _of_reason(reason: str | None) -> pc.Expression | None:
    return None if reason is None else pc.field("reason") == reason


def _scan(tables: StreamTables, columns: list[str], where: pc.Expression | None) -> Iterator[pa.Table]:
    """Rejects of committed batches: those of one in flight stand there first, and may yet be others."""
    last = last_version(tables.parts, PARTS_WRITER)
    if last is None or not exists(tables.rejects):
        return
    committed = pc.field("version") <= last
    dataset = open_dataset(tables.rejects)
    large = "value" in columns
    scanner = dataset.scanner(
        columns=columns,
        filter=committed if where is None else committed & where,
        batch_size=_ROWS_AT_ONCE if large else 131_072,
        batch_readahead=1 if large else 16,
    )
    for batch in scanner.to_batches():
        if batch.num_rows:
            yield pa.Table.from_batches([batch])
