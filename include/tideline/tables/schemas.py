"""The stream's tables by name, and the columns that do not depend on its metrics."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from tideline.engine.slots import SlotKind, slot_kind
from tideline.generations import CUT
from tideline.ledger import LEDGER

TIME: Final = pa.timestamp("us", "UTC")
PART_KIND: Final = "part"
LEDGER_KIND: Final = "ledger"
CUT_KIND: Final = "cut"
ERASED_KIND: Final = "erased"
PARTS_WRITER: Final = "tideline-parts"
CORRECTIONS_WRITER: Final = "tideline-corrections"
OVERRIDES_WRITER: Final = "tideline-overrides"
PUBLISHED_WRITER: Final = "tideline-published"
REJECTS_WRITER: Final = "tideline-rejects"

_SLOT_TYPES: Final = {
    SlotKind.COUNT: pa.int64(),
    SlotKind.SUM: pa.decimal128(38, 0),
    SlotKind.MIN: pa.int64(),
    SlotKind.MAX: pa.int64(),
    SlotKind.SET: pa.list_(pa.string()),
}


def time_sql(us: int) -> str:
    """A time (us) as a predicate of delta-rs compares it with a column of type `TIME`."""
    return f"arrow_cast({us}, 'Timestamp(Microsecond, Some(\"UTC\"))')"


@dataclass(frozen=True)
class StreamTables:
    """Paths of one stream's tables."""

    root: Path

    @property
    def parts(self) -> Path:
        """Append only: newest part wins; partitioned by kind, so that the ledger reads alone."""
        return self.root / "parts"

    @property
    def corrections(self) -> Path:
        return self.root / "corrections"

    @property
    def overrides(self) -> Path:
        return self.root / "overrides"

    @property
    def rejects(self) -> Path:
        return self.root / "rejects"

    @property
    def late_events(self) -> Path:
        return self.root / "late_events"

    @property
    def late_alerts(self) -> Path:
        return self.root / "late_alerts"

    @property
    def anomalies(self) -> Path:
        return self.root / "anomalies"

    @property
    def unrecoverable(self) -> Path:
        return self.root / "unrecoverable"

    @property
    def held(self) -> Path:
        """Corrections that the gate held back: see `tideline.tables.holds`."""
        return self.root / "held"

    def published(self, metric: str) -> Path:
        return self.root / metric

    @property
    def appended(self) -> tuple[Path, ...]:
        """All but the published tables."""
        beside = (self.rejects, self.late_events, self.late_alerts, self.anomalies, self.unrecoverable, self.held)
        return self.parts, self.corrections, self.overrides, *beside

    def every(self, metrics: Iterable[str]) -> tuple[Path, ...]:
        """All tables of a stream with these metrics."""
        return (*self.appended, *map(self.published, metrics))


def slot_fields(slots: list[str]) -> list[pa.Field]:
    return [pa.field(column, _SLOT_TYPES[slot_kind(column)]) for column in slots]


def group_schema(slots: list[str]) -> pa.Schema:
    """What every input of a published row has: its batch, its group, its hidden count and the slots."""
    return pa.schema(
        [
            pa.field("version", pa.int64()),
            pa.field("metric", pa.string()),
            pa.field("window_end", TIME),
            pa.field("key", pa.string()),
            pa.field("events", pa.int64()),
            *slot_fields(slots),
            pa.field("batch_at", TIME),
        ]
    )


def part_schema(slots: list[str]) -> pa.Schema:
    """A row of `parts`: a group as of a batch (`kind` part), a batch's ledger row, the cut of a generation, or what was
    erased (`tideline.tables.erased`)."""
    return pa.schema(
        [
            pa.field("kind", pa.string()),
            *group_schema(slots),
            pa.field("late_events", pa.int64()),
            pa.field("ledger", LEDGER),
            pa.field("cut", CUT),
        ]
    )


BY_COMMIT: Final = pa.schema([("sequence", pa.int64()), ("made_at", TIME)])
"""What the commit of a correction or an override adds: the table version that brought the row, and the time. An older
version of this software wrote no time."""


def correction_schema(slots: list[str]) -> pa.Schema:
    """A row of `corrections`: what the batch `version` dropped for one group; or of `overrides`: the whole group as of
    that batch."""
    return pa.schema([*group_schema(slots), *BY_COMMIT])


REJECTS: Final = pa.schema(
    [
        ("version", pa.int64()),
        ("topic", pa.string()),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("timestamp", TIME),
        ("reason", pa.string()),
        ("value", pa.binary()),
    ]
)
