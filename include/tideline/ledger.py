"""The ledger: one row a batch, a zone map over the Kafka log, and the only truth about what was late.

A row is committed together with the batch's parts, so a batch has both or neither.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Final

import pyarrow as pa

from tideline.errors import UserError
from tideline.generations import Era
from tideline.lateness import EVERY_WINDOW, dropped_windows, first_drop_at_us, windows_of
from tideline.versions import batch_of, generation_of

FILTERS_WITH_L: Final = "spark.sql.streaming.statefulOperator.allowMultiple"
"""Spark's setting that, where it is false, makes a batch drop by its own E(N) instead of L(N)."""
EXPIRED_UNTIL: Final = "tideline.expired.until"
"""The setting of a row whose driver counted nothing in windows that end up to here (us): they were erased by then."""


def expiry_setting(eras: Sequence[Era]) -> dict[str, str]:
    """What a driver that knows these eras records of the windows that it counts nothing in."""
    until_us = eras[-1].expired_us
    return {} if until_us == EVERY_WINDOW.after_us else {EXPIRED_UNTIL: str(until_us)}


@dataclass(frozen=True)
class PartitionRange:
    """What a batch read of one partition: half-open offsets, records, rejects, event-time bounds in us."""

    partition: int
    start: int
    end: int
    rows: int
    rejects: int
    least: int | None
    greatest: int | None


@dataclass(frozen=True)
class Pane:
    """Events of one partition in one pane (its start in us): how many, and where they lie."""

    partition: int
    pane: int
    events: int
    first_offset: int
    last_offset: int

    @classmethod
    def of(cls, row: Mapping[str, int]) -> Pane:
        """A row of `Engine.panes`, without its event-time bounds."""
        return cls(row["partition"], row["pane"], row["events"], row["first_offset"], row["last_offset"])


class RowSource(StrEnum):
    """Who wrote a ledger row: the driver with its batch, or a repair, from the checkpoint or from what lies around."""

    DRIVER = "driver"
    REBUILT = "rebuilt"
    INFERRED = "inferred"


@dataclass(frozen=True)
class LedgerRow:
    """What one batch read and by which watermarks it dropped (`late_ms`, L) and evicted (`watermark_ms`, E).

    `late_events` are those that lost a window. An inferred row stands for several batches: each dropped by some
    watermark from `late_ms` to `doubt_ms`.
    """

    version: int
    epoch: int
    topic: str
    topic_id: str
    batch_at_ms: int
    late_ms: int
    watermark_ms: int
    fingerprint: str
    code: str
    settings: dict[str, str]
    ranges: tuple[PartitionRange, ...]
    panes: tuple[Pane, ...]
    pane_ms: int
    late_events: int = 0
    source: RowSource = RowSource.DRIVER
    doubt_ms: int | None = None

    @property
    def generation(self) -> int:
        return generation_of(self.version)

    @property
    def batch(self) -> int:
        return batch_of(self.version)

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.ranges)

    @property
    def rejects(self) -> int:
        return sum(part.rejects for part in self.ranges)

    @property
    def events(self) -> int:
        return sum(pane.events for pane in self.panes)

    @property
    def filtered_by_ms(self) -> int:
        """The watermark the batch dropped by: L, or E under the setting that makes Spark do so."""
        return self.watermark_ms if self.settings.get(FILTERS_WITH_L) == "false" else self.late_ms

    @property
    def expired_us(self) -> int:
        """Up to which end (us) windows had expired when the driver began: no later than any time where none had."""
        return int(self.settings.get(EXPIRED_UNTIL, EVERY_WINDOW.after_us))

    def lost_windows(self, eras: Sequence[Era], pane: Pane) -> Iterator[tuple[str, int]]:
        """(metric, window end in us) of the windows that lost a pane's events: certain even where the row is inferred.

        Of its own era a batch dropped what its watermark had passed; windows of older eras it never counts. Of what an
        inferred row's batches did not count, some may be corrected already: those windows are in doubt.
        """
        for era in eras:
            if era.ran(self.generation):
                yield from self._certain(era, pane)
            elif self.generation > era.last and self.doubt_ms is None:
                yield from self._within(era, pane)

    def _certain(self, era: Era, pane: Pane) -> Iterator[tuple[str, int]]:
        """Of an inferred row without a watermark nothing is: a window before the epoch may be corrected already."""
        if self.doubt_ms is None or self.late_ms:
            yield from dropped_windows(era.spec, pane.pane, self.filtered_by_ms, era.bounds, self.expired_us)

    def _within(self, era: Era, pane: Pane) -> Iterator[tuple[str, int]]:
        return (window for window in windows_of(era.spec, pane.pane) if era.bounds.hold(window[1]))

    def doubtful_windows(self, eras: Sequence[Era], pane: Pane) -> Iterator[tuple[str, int]]:
        """The windows that may or may not have lost a pane's events: only an inferred row has any."""
        if self.doubt_ms is None:
            return
        for era in eras:
            if era.ran(self.generation):
                certain = set(self._certain(era, pane))
                possible = dropped_windows(era.spec, pane.pane, self.doubt_ms, era.bounds)
                yield from (window for window in possible if window not in certain)
            elif self.generation > era.last:
                yield from self._within(era, pane)

    def late_panes(self, eras: Sequence[Era]) -> tuple[Pane, ...]:
        """The panes of which some window of some metric lost the events."""
        return tuple(pane for pane in self.panes if self._may_lose(eras, pane) and any(self.lost_windows(eras, pane)))

    def _may_lose(self, eras: Sequence[Era], pane: Pane) -> bool:
        """Quickly refused for most panes: nothing of their own era is due, and all older eras ended before them."""
        return any(
            pane.pane < self.expired_us or first_drop_at_us(era.spec, pane.pane) <= self.filtered_by_ms * 1000
            if era.ran(self.generation)
            else self.generation > era.last and era.bounds.until_us > pane.pane
            for era in eras
        )


def ends_of(row: LedgerRow) -> dict[int, int]:
    """The offset after what the batch read, by partition."""
    return {part.partition: part.end for part in row.ranges}


class TopicChanged(UserError):
    """The topic was deleted and made again: its offsets no longer mean the records that the ledger speaks of."""


def require_same_topic(ledger: Sequence[LedgerRow], topic_id: str) -> None:
    """Refuses to read a topic by the ledger of another one of the same name."""
    if ledger and ledger[-1].topic_id != topic_id:
        last = ledger[-1]
        raise TopicChanged(
            f"topic '{last.topic}' was made again: the ledger knows it as {last.topic_id}, now it is {topic_id}",
            "deploy the new topic's stream under a name of its own",
        )


@dataclass(frozen=True)
class Books:
    """Events of a stream up to its last ledgered batch: `sent = rejected + counted + late`."""

    sent: int
    rejected: int
    counted: int
    late: int
    corrected: int
    unrecoverable: int = 0
    held: int = 0

    @property
    def balanced(self) -> bool:
        return self.sent == self.rejected + self.counted + self.late

    @property
    def pending(self) -> int:
        return self.late - self.corrected - self.unrecoverable - self.held

    def __add__(self, other: Books) -> Books:
        return Books(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


@dataclass(frozen=True)
class DealtWith:
    """All batches up to `version` are dealt with; `rows` is how many of them had a ledger row when that was planned,
    those that were erased included."""

    version: int
    rows: int


@dataclass(frozen=True)
class Corrected:
    """The batches that are dealt with: all up to `through`, and those in `versions`."""

    through: int
    versions: frozenset[int]

    def __contains__(self, version: object) -> bool:
        return (isinstance(version, int) and version <= self.through) or version in self.versions


def keep_books(
    eras: Sequence[Era], rows: Iterable[LedgerRow], corrected: Container[int], held: Container[int] = frozenset()
) -> Books:
    """Counts each event once: late if any window lost it, corrected once its batch has its corrections, until then held
    if the gate keeps them back."""
    sent = rejected = valid = late = mended = kept = 0
    for row in rows:
        lost = sum(pane.events for pane in row.late_panes(eras))
        sent += row.rows
        rejected += row.rejects
        valid += row.events
        late += lost
        mended += lost if row.version in corrected else 0
        kept += lost if row.version in held and row.version not in corrected else 0
    return Books(sent, rejected, valid - late, late, mended, held=kept)


_RANGE: Final = pa.struct(
    [
        ("partition", pa.int32()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("rows", pa.int64()),
        ("rejects", pa.int64()),
        ("least", pa.int64()),
        ("greatest", pa.int64()),
    ]
)
_PANE: Final = pa.struct(
    [
        ("partition", pa.int32()),
        ("pane", pa.int64()),
        ("events", pa.int64()),
        ("first_offset", pa.int64()),
        ("last_offset", pa.int64()),
    ]
)
LEDGER: Final = pa.struct(
    [
        ("epoch", pa.int64()),
        ("topic", pa.string()),
        ("topic_id", pa.string()),
        ("batch_at_ms", pa.int64()),
        ("late_ms", pa.int64()),
        ("watermark_ms", pa.int64()),
        ("fingerprint", pa.string()),
        ("code", pa.string()),
        ("settings", pa.map_(pa.string(), pa.string())),
        ("ranges", pa.list_(_RANGE)),
        ("panes", pa.list_(_PANE)),
        ("pane_ms", pa.int64()),
        ("late_events", pa.int64()),
        ("source", pa.string()),
        ("doubt_ms", pa.int64()),
    ]
)


def to_struct(row: LedgerRow) -> dict[str, Any]:
    """The row as a value of the Arrow type `LEDGER`."""
    found = asdict(row)
    del found["version"]
    found["settings"] = sorted(row.settings.items())
    return found


def from_struct(version: int, values: dict[str, Any]) -> LedgerRow:
    return LedgerRow(
        **{
            **values,
            "version": version,
            "settings": dict(values["settings"]),
            "ranges": tuple(PartitionRange(**part) for part in values["ranges"]),
            "panes": tuple(Pane(**pane) for pane in values["panes"]),
            "source": RowSource(values["source"]),
        }
    )
