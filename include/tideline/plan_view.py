"""What a reconciliation or a backfill would do now: counted from the ledger, nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from tideline.backfill import windows_between
from tideline.gaps import Gap
from tideline.generations import Era
from tideline.ledger import LedgerRow
from tideline.offset_ranges import OffsetRanges, merged, outside
from tideline.recompute import closed_windows, zone_map
from tideline.reconcile_plan import ReconcilePlan


@dataclass(frozen=True)
class ReconcilePreview:
    """Batches that dropped something, the windows and events concerned, and the records to read."""

    batches: int
    windows: int
    late_events: int
    records: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def preview_reconcile(eras: Sequence[Era], ledger: Iterable[LedgerRow], plan: ReconcilePlan) -> ReconcilePreview:
    """The plan in numbers; `ledger` has at least the plan's batches."""
    windows = {
        window
        for row in ledger
        if row.version in plan.versions
        for pane in row.panes
        for window in row.lost_windows(eras, pane)
    }
    return ReconcilePreview(len(plan.versions), len(windows | plan.doubtful), plan.events, plan.records)


@dataclass(frozen=True)
class BackfillPreview:
    """Closed windows that would be computed again, open ones left to the stream, and records to read.

    `gone` are offsets among them that the topic no longer holds: the backfill leaves the windows that need them.
    """

    windows: int
    open_windows: int
    records: int
    gone: OffsetRanges
    gaps: tuple[Gap, ...]

    def as_dict(self) -> dict[str, Any]:
        gone = {str(part): [list(span) for span in spans] for part, spans in self.gone.items()}
        return asdict(self) | {"gone": gone, "gaps": [asdict(gap) for gap in self.gaps]}


def preview_backfill(
    eras: Sequence[Era],
    ledger: Sequence[LedgerRow],
    between: tuple[datetime, datetime],
    held: tuple[Mapping[int, int], Mapping[int, int]] | None = None,
    gaps: Iterable[Gap] = (),
) -> BackfillPreview:
    """What a backfill of the windows that begin in [from, to) would do.

    `held`: earliest and end offsets of the topic, None where they are not known.
    """
    since_us, until_us = (round(at.timestamp() * 1_000_000) for at in between)
    windows = windows_between(eras, ledger, since_us, until_us)
    if not ledger:
        return BackfillPreview(0, 0, 0, {}, tuple(gaps))
    closed = {era.first: closed_windows(era, windows, ledger[-1]) for era in eras}
    reads = [zone_map(ledger, era.spec, closed[era.first].__contains__) for era in eras if closed[era.first]]
    records = sum(end - start for ranges in reads for spans in ranges.values() for start, end in spans)
    every = merged({part: [span for ranges in reads for span in ranges.get(part, [])] for part in _parts(reads)})
    gone = outside(every, *held) if held is not None else {}
    done = sum(len(found) for found in closed.values())
    return BackfillPreview(done, len(windows) - done, records, gone, tuple(gaps))


def _parts(reads: Iterable[OffsetRanges]) -> set[int]:
    return {part for ranges in reads for part in ranges}
