"""The ledger: one row a batch, a zone map over the Kafka log, and the only truth about what was late.

A row is committed together with the batch's parts, so a batch has both or neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import pyarrow as pa

from tideline.errors import UserError
from tideline.lateness import pane_is_late
from tideline.spec.model import StreamSpec
from tideline.versions import batch_of, generation_of


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


@dataclass(frozen=True)
class LedgerRow:
    """What one batch read and by which watermarks it dropped (`late_ms`, L) and evicted (`watermark_ms`, E)."""

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

    def late_panes(self, spec: StreamSpec) -> tuple[Pane, ...]:
        """The panes of which some window of some metric lost the events."""
        return tuple(pane for pane in self.panes if pane_is_late(spec, pane.pane, self.late_ms))


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

    @property
    def balanced(self) -> bool:
        return self.sent == self.rejected + self.counted + self.late

    @property
    def pending(self) -> int:
        return self.late - self.corrected


def keep_books(spec: StreamSpec, rows: Iterable[LedgerRow], corrected_versions: frozenset[int]) -> Books:
    """Counts each event once: late if any window lost it, corrected once its batch has its corrections."""
    sent = rejected = valid = late = corrected = 0
    for row in rows:
        lost = sum(pane.events for pane in row.late_panes(spec))
        sent += row.rows
        rejected += row.rejects
        valid += sum(pane.events for pane in row.panes)
        late += lost
        corrected += lost if row.version in corrected_versions else 0
    return Books(sent, rejected, valid - late, late, corrected)


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
    ]
)


def to_struct(row: LedgerRow) -> dict[str, Any]:
    """The row as a value of the Arrow type `LEDGER`."""
    fields = asdict(row)
    del fields["version"]
    fields["settings"] = sorted(row.settings.items())
    return fields


def from_struct(version: int, fields: dict[str, Any]) -> LedgerRow:
    return LedgerRow(
        **{
            **fields,
            "version": version,
            "settings": dict(fields["settings"]),
            "ranges": tuple(PartitionRange(**part) for part in fields["ranges"]),
            "panes": tuple(Pane(**pane) for pane in fields["panes"]),
        }
    )
